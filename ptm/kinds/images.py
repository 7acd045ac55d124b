"""Images: photos of one size, 8 bits for each channel, into one batch with channels first."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import groupby
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from ptm import arrow
from ptm.budget import THREADS
from ptm.errors import BadInput, Faults
from ptm.limits import FLOAT32
from ptm.model import (
    CHANNEL,
    HEIGHT,
    SAMPLE,
    WIDTH,
    Artifact,
    Bad,
    Block,
    File,
    Part,
    View,
)
from ptm.parts import between_files, size_of_alike
from ptm.readers.pictures.batches import Batch
from ptm.readers.pictures.decoding import CHANNELS, Picture, read_picture, read_size
from ptm.scaling import Scaler, Scaling
from ptm.source import GIB, Pattern, Source
from ptm.split import FOLDERS

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ptm.inspecting.folder import Folder
    from ptm.inspecting.guess import Guess
    from ptm.learned import Learned
    from ptm.stats import Stats

WHITE = 255.0
AHEAD = 2 * THREADS  # pictures that are decoded and wait
NO_FOLDER = ("a folder that is its class", "none")  # expected of the path of a file, and got
NOTED = 20  # damaged pictures that are named
SIZES = "sizes"
USUAL = 256 * 256 * 3  # values of an image where no header can be read
MOST = 4  # times the bytes of a part that it may have: headers of some images told how many


class Options(Source):
    """Photos of one size: a file, or a folder of them in the order of their names.

    Attributes:
        pattern: of the files in the folder; upper and lower case are the same.
        standardize: whether each channel is scaled to mean 0, standard deviation 1.
        labels: "folder" makes the folder of each file its class: the first one below the source,
            or, with a split by folders, below that of its split.
        on_damage: what becomes of a picture whose decoder had to invent a part of it: "fail" it,
            or "note" it as a warning.
        max_bytes: of one decoded picture.
    """

    limits: ClassVar[frozenset[str]] = frozenset({"max_bytes"})

    pattern: Pattern = "*"
    standardize: bool = False
    labels: Literal["folder"] | None = None
    on_damage: Literal["fail", "note"] = "fail"
    max_bytes: int = Field(default=GIB // 2, ge=1)


def read(options: Options, part: Part) -> Block:
    """A batch of images in the order of their names; alpha is dropped, EXIF rotation is applied.

    Returns:
        `images` uint8 [sample, channel, height, width], from 0 to 255. Standardised they become
        float32: divided by 255, then each channel to mean 0 and standard deviation 1 (n - 1) over
        all images. The table has one row for each image, with its brightness (the mean of all its
        values, from 0 to 1) and its label where it has one: then `target` int64 [sample] is the
        place of that among the classes, sorted, in the facts.

    Raises:
        BadInput: a file without a folder that says its class; one that is no image, is cut short
            or damaged, has a palette or other than 8 bits for each channel, is larger than
            `max_bytes`, or differs from most in size or channels. All that is wrong is told,
            with the files; or they are set aside, where the entry says so.
    """
    files, bad = part.files, tuple[Bad, ...]()
    if options.on_bad == "quarantine":
        files, batch, modes, notes, bad = _sorted_out(options, part)
        if not files:
            return Block(bad=bad)
    else:
        batch, modes, notes = _batch(options, files)
    labels = [label or "" for label in _labels(options, files)]
    brightness = [_brightness(image) for image in batch]
    names = CHANNELS[modes[0]]
    shape = batch.shape[2:]
    return Block(
        {"images": batch},
        {"images": (SAMPLE, CHANNEL, HEIGHT, WIDTH)},
        _table(files, modes, shape, labels, brightness),
        bad=bad,
        facts={"channels": list(names)},
        scaling={"images": Scaling(names, divisor=WHITE)} if options.standardize else {},
        uniform={SIZES: {_size((*shape, len(names))): len(batch)}},
        carried={"notes": notes, "labels": _runs(labels)},
    )


def without_bad(options: Options, block: Block, left: NDArray[np.bool_]) -> Block:
    """A block of those of its images that are marked."""
    import numpy as np
    import pyarrow as pa

    rows, [size] = block.rows.filter(pa.array(left)), block.uniform[SIZES]
    names = tuple(f"({name})" for name in rows["file"].to_pylist())
    labels = rows["label"].to_pylist() if options.labels else []
    return replace(
        block,
        tensors={"images": np.asarray(block.tensors["images"])[left]},
        rows=rows,
        uniform={SIZES: {size: rows.num_rows}},
        carried={
            "notes": [note for note in block.carried["notes"] if note.endswith(names)],
            "labels": _runs(labels),
        },
    )


def _runs(labels: Sequence[str]) -> list[list[Any]]:
    """Each class with how many come one after the other."""
    return [[name, len([*one])] for name, one in groupby(labels)]


def parts(options: Options, files: tuple[File, ...], target_bytes: int) -> list[Part]:
    """Parts of about as many bytes as asked for, by the size of one of the images."""
    of_a_value = FLOAT32 if options.standardize and options.store == "scaled" else 1
    values = size_of_alike(files, lambda file: prod(read_size(file.url)), USUAL)
    return between_files(files, [values * of_a_value] * len(files), target_bytes)


def whole(
    options: Options,
    learned: Learned,
    stats: Stats,
    carried: Sequence[Mapping[str, Any]],
) -> Block:
    """What is of all images: their classes; the first that were damaged, flat channels."""
    import numpy as np

    notes = [note for one in carried for note in one["notes"]]
    more = [f"… and {len(notes) - NOTED} more"] if len(notes) > NOTED else []
    notes = [*notes[:NOTED], *more, *_flat(learned.scaler)]
    if not options.labels:
        return Block(notes=tuple(notes))
    runs = [run for one in carried for run in one["labels"]]
    classes = sorted({name for name, _ in runs})
    codes = [classes.index(name) for name, _ in runs]
    target = np.repeat(np.array(codes, dtype=np.int64), [count for _, count in runs])
    return Block(
        {"target": target},
        {"target": (SAMPLE,)},
        facts={"target": "label", "classes": classes},
        notes=tuple(notes),
    )


def _labels(options: Options, files: Sequence[File]) -> list[str | None]:
    """The class of each file, None where no folder says it; none at all where they have none."""
    found: list[str | None] = []
    for file in files if options.labels else ():
        folders = file.name.split("/")[:-1]
        if options.split.get("folder"):
            split, folders = folders[:1], folders[1:]
            if not split or split[0].lower() not in FOLDERS:
                folders = [""]  # it is in no split, which is what is told of it
        found.append(folders[0] if folders else None)
    return found


def _without_class(options: Options, files: Sequence[File]) -> dict[int, BadInput]:
    """The files that are in no folder that says their class, by their places."""
    return {
        place: BadInput("", *NO_FOLDER, files[place].url)
        for place, label in enumerate(_labels(options, files))
        if label is None
    }


def _sorted_out(
    options: Options, part: Part
) -> tuple[tuple[File, ...], NDArray[np.uint8], list[str], list[str], tuple[Bad, ...]]:
    """The files that are good, their pixels as of `_batch`, modes and notes; and the bad ones.

    Raises:
        BadInput: all of one size together are larger than a part may be.
    """
    import numpy as np

    files, seen = part.files, dict[int, tuple[str, str]]()
    bad = _without_class(options, files)
    wanted = [place for place in range(len(files)) if place not in bad]
    batch = Batch(len(wanted), MOST * options.part_bytes)
    with closing(_decoded(options, [files[place] for place in wanted])) as images:
        for place, image in zip(wanted, images, strict=True):
            if isinstance(image, BadInput):
                bad[place] = image
            else:
                batch.add(place, image.pixels)
                seen[place] = image.mode, _noted(image, files[place])
    bad |= _odd(files, batch.shapes, dict(part.usual).get(SIZES, ""))
    good = [place for place in batch.shapes if place not in bad]
    aside = tuple(_bad(files[place], bad[place]) for place in sorted(bad))
    if not good:
        return (), np.empty((0, 0, 0, 0), dtype=np.uint8), [], [], aside
    usual = batch.shapes[good[0]]
    if not batch.has_room(len(good), usual):
        raise _too_large(usual, files[good[0]])
    pixels = batch.end(usual, lambda place: _again(options, files[place], usual))
    modes, notes = ([*each] for each in zip(*(seen[place] for place in good), strict=True))
    return tuple(files[place] for place in good), pixels, modes, [*filter(None, notes)], aside


def _bad(file: File, error: BadInput) -> Bad:
    return Bad(file.name, error.where, error.expected, error.got)


def _again(options: Options, file: File, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The pixels of an image that was decoded before.

    Raises:
        BadInput: it has another size now.
    """
    pixels = read_picture(file.url, options.max_bytes, options.on_damage == "note").pixels
    if pixels.shape != shape:
        raise BadInput("", f"{_size(shape)}, as before", _size(pixels.shape), file.url)
    return pixels


def _noted(image: Picture, file: File) -> str:
    """The note of an image with its name; "" where there is none."""
    return f"{image.note} ({file.name})" if image.note else ""


def _batch(
    options: Options, files: Sequence[File]
) -> tuple[NDArray[np.uint8], list[str], list[str]]:
    """Images in one array, uint8 [sample, channel, height, width]; the mode of each; notes.

    Raises:
        BadInput: some have no class, are bad, or not of one size; all that is wrong is told.
    """
    faults = Faults()
    for fault in _without_class(options, files).values():
        faults.add(fault)
    with closing(_decoded(options, files)) as images:
        return _filled(files, images, options.part_bytes, faults)


def _filled(
    files: Sequence[File],
    images: Iterator[Picture | BadInput],
    part_bytes: int,
    faults: Faults,
) -> tuple[NDArray[np.uint8], list[str], list[str]]:
    """As `_batch`; what is wrong is added to the faults, and all of them are raised."""
    import numpy as np

    batch = nothing = np.empty((0, 0, 0, 0), dtype=np.uint8)
    shapes: dict[int, tuple[int, ...]] = {}  # of the images that are whole
    first: tuple[int, ...] = ()
    modes, notes, one_size = [], [], True
    for number, image in enumerate(images):
        if isinstance(image, BadInput):
            faults.add(image)
        else:
            shapes[number] = image.pixels.shape
            first = first or image.pixels.shape
            one_size = one_size and image.pixels.shape == first
        if isinstance(image, BadInput) or faults.count or not one_size:
            batch = nothing  # what else is wrong is looked for, but nothing is kept
            continue
        if not number:
            _check_most(files, first, part_bytes)
            batch = np.empty((len(files), first[2], *first[:2]), dtype=np.uint8)
        batch[number] = image.pixels.transpose(2, 0, 1)
        modes.append(image.mode)
        notes += [*filter(None, [_noted(image, files[number])])]
    for fault in _odd(files, shapes).values():
        faults.add(fault)
    faults.check({SIZES: Counter(map(_size, shapes.values()))})
    return batch, modes, notes


def _check_most(files: Sequence[File], shape: tuple[int, ...], part_bytes: int) -> None:
    """Looks, before memory is taken, whether a part has far more bytes than it was to have.

    Raises:
        BadInput: it has: its images are larger than those whose headers were looked into.
    """
    if len(files) > 1 and len(files) * prod(shape) > MOST * part_bytes:
        raise _too_large(shape, files[0])


def _too_large(shape: tuple[int, ...], file: File) -> BadInput:
    expected = "images of one size, as those that were looked into first"
    return BadInput(SIZES, expected, f"larger ones, of {_size(shape)}", file.url)


def _odd(
    files: Sequence[File], shapes: dict[int, tuple[int, ...]], usual: str | None = None
) -> dict[int, BadInput]:
    """The images that have another size than most, by their places.

    Args:
        files: of all.
        shapes: of those that are whole, by their places.
        usual: what size most have, as it is told, where samples are set aside and all parts tell it
            alike; "" where it is counted here. None of others: the first of most is named.
    """
    sizes = {place: _size(shape) for place, shape in shapes.items()}
    most = usual or next((one for one, _ in Counter(sizes.values()).most_common(1)), "")
    like = next((files[place].name for place, size in sizes.items() if size == most), "")
    expected = f"{most} as in {like}" if usual is None else f"{most} as most have"
    return {
        place: BadInput("", expected, size, files[place].url)
        for place, size in sizes.items()
        if size != most
    }


def _decoded(options: Options, files: Sequence[File]) -> Generator[Picture | BadInput]:
    """Decodes in threads, a few images ahead, in order; one that is bad comes as its reason."""
    keep_damaged = options.on_damage == "note"

    def work(file: File) -> Picture | BadInput:
        try:
            return read_picture(file.url, options.max_bytes, keep_damaged)
        except BadInput as bad:
            return bad

    if len(files) == 1:
        yield work(files[0])
        return
    ahead: deque[Future[Picture | BadInput]] = deque()
    with ThreadPoolExecutor(THREADS) as pool:
        for file in files:
            ahead.append(pool.submit(work, file))
            if len(ahead) > AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _size(shape: tuple[int, ...]) -> str:
    channels = "1 channel" if shape[2] == 1 else f"{shape[2]} channels"
    return f"{shape[0]} x {shape[1]} pixels with {channels}"


def _table(
    files: Sequence[File],
    modes: list[str],
    shape: tuple[int, ...],
    labels: list[str],
    brightness: list[float],
) -> pa.Table:
    height, width = ([side] * len(files) for side in shape)
    names = [file.name for file in files]
    columns: dict[str, Any] = {"file": names}
    if labels:
        columns["label"] = labels
    columns |= {"mode": modes, "height": height, "width": width, "brightness": brightness}
    return arrow.table(columns, {"height": "pixels", "width": "pixels"})


def _brightness(image: NDArray[np.uint8]) -> float:
    """The mean of all values of an image, uint8 [channel, height, width], as a share of white."""
    import numpy as np

    # of a line uint32 holds any sum, and is summed fast
    total = int(image.sum(axis=-1, dtype=np.uint32).sum(dtype=np.uint64))
    return total / (int(WHITE) * image.size)


def _flat(scaler: Scaler | None) -> tuple[str, ...]:
    if scaler is None:
        return ()
    flat = [name for name, scale in zip(scaler.names, scaler.scale, strict=True) if scale == 1.0]
    return tuple(f"channel '{name}' never varies: it is 0 throughout" for name in flat)


def views(artifact: Artifact) -> Iterator[View]:
    """The first images, each with its name."""
    import numpy as np
    import torch

    from ptm import draw

    shape = tuple(artifact.manifest["tensors"]["images"]["shape"])
    count, channels, height, width = shape
    first = next(part for part in artifact.parts if part.ref.files)
    small = draw.thumbnails(first.tensors["images"].numpy())
    # means of scaled pixels are scaled means of pixels
    raw = artifact.raw("images", torch.from_numpy(small))
    pixels = raw.numpy().round().clip(0, 255).astype(np.uint8)
    rows = first.rows
    names = [] if rows is None else rows["file"].iloc[: len(pixels)].tolist()
    yield View(
        "contact-sheet",
        f"The first of {count} images of {channels} channels, {height} x {width} pixels, as they "
        "were before any scaling.",
        picture=draw.contact_sheet(pixels, names, shape),
        title=f"{artifact.name}: contact sheet",
    )


def inspect(folder: Folder) -> Guess | None:
    """The pictures of a folder, for `ptm init`."""
    from ptm.inspecting.pictures.entries import inspect as look

    return look(folder)
