"""All images of a part, decoded in threads, in one array for each tensor; and the bad ones."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ptm.budget import THREADS
from ptm.errors import BadInput, Faults
from ptm.kinds.images.options import Options
from ptm.kinds.images.samples import IMAGES, PAIRS, PARTNERS, Pixels, Sample, read_samples
from ptm.model import File
from ptm.readers.pictures.batches import Batch, Form, form_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

T = TypeVar("T")
AHEAD = 2 * THREADS  # groups of files that are decoded and wait
TOGETHER = 4  # files of a group, which one thread decodes
MOST = 4  # times the bytes of a part that it may have: headers of some images told how many
SIZES = "sizes"
DEPTHS = {"uint16": " of 16 bits", "float32": " of floats"}


class Place(NamedTuple):
    """Which of the images of a part: the place of its file, and the number of its frame."""

    file: int
    frame: int = 0


class Gathered(NamedTuple):
    """The good images of a part.

    Attributes:
        tensors: by name, [sample, channel, height, width].
        samples: what is said of each, by its place, in their order.
        bad: what is wrong with the others, by their places.
        size: how the size of all is told.
    """

    tensors: dict[str, NDArray[Any]]
    samples: dict[Place, Sample]
    bad: dict[Place, BadInput]
    size: str = ""


def gather(
    options: Options,
    files: Sequence[File],
    partners: Sequence[dict[str, File]],
    bad: Mapping[int, BadInput],
    usual: str,
) -> Gathered:
    """Decodes the images of files.

    Args:
        options: of the entry.
        files: of the part.
        partners: masks and pairs of each, by tensor.
        bad: files that are bad already, by their places.
        usual: what size most have, as it is told, where samples are set aside and all parts tell it
            alike; "" where it is counted here.

    Raises:
        BadInput: images are bad and may not be set aside, all that is wrong is told; or all of one
            size together are larger than a part may be.
    """
    found = _Gathering(options, files, partners, bad)
    found.read()
    return found.end(usual)


class _Gathering:
    """Images as they come, by their numbers among those that are read."""

    def __init__(
        self,
        options: Options,
        files: Sequence[File],
        partners: Sequence[dict[str, File]],
        bad: Mapping[int, BadInput],
    ) -> None:
        self._options, self._files, self._partners = options, files, partners
        self._fails = options.on_bad == "fail"
        self._bad = {Place(place): one for place, one in bad.items()}
        self._keeps = not (self._fails and bad)  # else what more is wrong is looked for
        self._places: list[Place] = []
        self._samples: dict[int, Sample] = {}
        self._batches: dict[str, Batch] = {}

    def read(self) -> None:
        """Decodes all; those that are set aside already are left out."""
        wanted = [n for n in range(len(self._files)) if self._fails or Place(n) not in self._bad]
        if self._options.frames:
            self._read_frames(wanted)
            return
        self._expect([Place(number) for number in wanted])

        def work(number: int) -> Sample | BadInput:
            try:
                [one] = self._decoded(self._places[number].file)
            except BadInput as bad:
                self._keeps = self._keeps and not self._fails
                return bad
            return self._add(number, one)

        with closing(_in_threads(work, len(wanted))) as found:
            for number, one in enumerate(found):
                if isinstance(one, BadInput):
                    self._bad.setdefault(self._places[number], one)
                else:
                    self._samples[number] = one
                    if not number:
                        self._check_most()

    def _read_frames(self, wanted: Sequence[int]) -> None:
        """The same where the number of images is only known when all are decoded."""

        def work(number: int) -> list[Pixels] | BadInput:
            try:
                return self._decoded(wanted[number])
            except BadInput as bad:
                return bad

        decoded: list[tuple[Place, Pixels]] = []
        with closing(_in_threads(work, len(wanted))) as found:
            for number, several in zip(wanted, found, strict=True):
                if isinstance(several, BadInput):
                    self._bad.setdefault(Place(number), several)
                else:
                    decoded += [(Place(number, n), one) for n, one in enumerate(several)]
        self._expect([place for place, _ in decoded])
        for number, (_, one) in enumerate(decoded):
            self._samples[number] = self._add(number, one)

    def _expect(self, places: list[Place]) -> None:
        most = MOST * self._options.part_bytes
        if self._options.frames:  # those of one file are together
            most = max(most, self._options.max_bytes)
        names = [IMAGES, *(name for name in PARTNERS if getattr(self._options, name))]
        self._places = places
        self._batches = {name: Batch(len(places), most) for name in names}

    def _decoded(self, file: int) -> list[Pixels]:
        return read_samples(self._options, self._files[file], self._partners[file])

    def _add(self, number: int, one: Pixels) -> Sample:
        for name, pixels in one.by_tensor.items():
            if self._keeps:
                self._batches[name].add(number, pixels)
            else:
                self._batches[name].shapes[number] = form_of(pixels)
        return one.sample

    def _check_most(self) -> None:
        """Looks, when the first is there, whether all have far more bytes than they were to have.

        Raises:
            BadInput: they have: it is larger than those whose headers were looked into.
        """
        form = self._batches[IMAGES].shapes[0]
        if self._fails and not self._batches[IMAGES].has_room(len(self._places), form):
            raise self._too_large(0)

    def end(self, usual: str) -> Gathered:
        """What was gathered; see `gather`."""
        sizes = {n: self._size(n) for n in sorted(self._samples) if self._has_pair(n)}
        odd = self._odd(sizes, usual)
        if self._fails:
            faults = Faults()
            for fault in (*self._bad.values(), *odd.values()):
                faults.add(fault)
            faults.check({SIZES: Counter(sizes.values())})
        bad = self._bad | odd
        good = [number for number in sizes if self._places[number] not in bad]
        if not good:
            return Gathered({}, {}, bad)
        first = good[0]
        if not self._batches[IMAGES].has_room(len(good), self._batches[IMAGES].shapes[first]):
            raise self._too_large(first)
        tensors = {
            name: batch.end(batch.shapes[first], self._again(name, batch.shapes[first]), good)
            for name, batch in self._batches.items()
        }
        samples = {self._places[number]: self._samples[number] for number in good}
        return Gathered(tensors, samples, bad, sizes[first])

    def _again(self, name: str, form: Form) -> Callable[[int], NDArray[Any]]:
        """What decodes an image once more, for one of its tensors.

        Raises:
            BadInput: it has another size now.
        """

        def again(number: int) -> NDArray[Any]:
            place = self._places[number]
            pixels = self._decoded(place.file)[place.frame].by_tensor[name]
            if form_of(pixels) != form:
                file, got = self._files[place.file], told(form_of(pixels))
                raise BadInput("", f"{told(form)}, as before", got, file.url)
            return pixels

        return again

    def _has_pair(self, number: int) -> bool:
        """Whether an image has its pair, where all are to have one."""
        return PAIRS not in self._batches or number in self._batches[PAIRS].shapes

    def _size(self, number: int) -> str:
        """How the form of an image is told, and of its pair that has other channels."""
        form = self._batches[IMAGES].shapes[number]
        pair = self._batches[PAIRS].shapes[number] if PAIRS in self._batches else form
        beside = f", its pair {told(pair)}" if pair != form else ""
        return told(form) + beside

    def _odd(self, sizes: Mapping[int, str], usual: str) -> dict[Place, BadInput]:
        """The images that have another size than most."""
        counts = Counter(sizes.values())
        most = usual or next((one for one, _ in counts.most_common(1)), "")
        expected = f"{most} as most have"
        count = counts.total() - counts[most]
        if self._fails:
            like = next((number for number, size in sizes.items() if size == most), 0)
            way_out = self._way_out(like, sizes) if count == 1 else ""
            expected = f"{most} as in {self._file(like).name}{way_out}" if sizes else ""
        return {
            self._places[number]: BadInput(
                self._where(number), expected, size, self._file(number).url
            )
            for number, size in sizes.items()
            if size != most
        }

    def _file(self, number: int) -> File:
        return self._files[self._places[number].file]

    def _where(self, number: int) -> str:
        return f"frame {self._places[number].frame}" if self._options.frames else ""

    def _way_out(self, like: int, sizes: Mapping[int, str]) -> str:
        """What brings the only image that is odd to the height and width of another."""
        shapes = self._batches[IMAGES].shapes
        is_another = any(shapes[n][:2] != shapes[like][:2] for n in sizes)
        return f" (or {self._options.way_out[SIZES]})" if is_another else ""

    def _too_large(self, number: int) -> BadInput:
        expected = "images of one size, as those that were looked into first"
        got = f"larger ones, of {told(self._batches[IMAGES].shapes[number])}"
        return BadInput(SIZES, expected, got, self._file(number).url)


def _in_threads(work: Callable[[int], T], count: int) -> Generator[T]:
    """The results of work, a few groups ahead, in order; the first alone, before all others."""
    if count:
        yield work(0)
    groups = [range(n, min(n + TOGETHER, count)) for n in range(1, count, TOGETHER)]
    if not groups:
        return
    ahead: deque[Future[list[T]]] = deque()
    with ThreadPoolExecutor(THREADS) as pool:
        for group in groups:
            ahead.append(pool.submit(lambda group: [work(number) for number in group], group))
            if len(ahead) > AHEAD:
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()


def told(form: Form) -> str:
    """A form in words."""
    height, width, count, *dtype = form
    channels = "1 channel" if count == 1 else f"{count} channels"
    return f"{height} x {width} pixels with {channels}{DEPTHS[dtype[0]] if dtype else ''}"
