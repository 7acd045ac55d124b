"""Images: photos of one size, 8 bits for each channel, into one batch with channels first."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from ptm.content import CHANNEL, HEIGHT, ROWS, SAMPLE, WIDTH, Content
from ptm.errors import Faults, InputError
from ptm.kinds.files import below_source, relative
from ptm.kinds.pictures import CHANNELS, BadPicture, Picture, decode
from ptm.scaling import Moments, Scaler

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import torch
    from numpy.typing import NDArray

    from ptm.catalog import ImagesSource

PACKAGES = ("torch", "numpy", "imageio", "pillow", "simplejpeg", "pyarrow")
NAMES_MATTER = True
WORKERS = 4
LEVELS = 256
AHEAD = 2 * WORKERS  # pictures that are decoded and wait
NOTED = 20  # damaged pictures that are named
SIZES = 6  # that are counted in a message


def tensorize(source: ImagesSource, paths: list[Path]) -> Content:
    """A batch of images in the order of their names; alpha is dropped, EXIF rotation is applied.

    Returns:
        `images` [sample, channel, height, width]: uint8 from 0 to 255; or, standardised, float32:
        divided by 255, then each channel to mean 0 and standard deviation 1 (n - 1) over the batch.
        The table has one row for each image.

    Raises:
        InputError: a file that is no image, is cut short or damaged, has a palette or other than 8
            bits for each channel, is larger than `max_bytes`, or differs from the first in size or
            channels. All that is wrong is told, with the files.
    """
    import torch

    with closing(_decoded(source, paths)) as images:
        batch, modes, notes = _batch(source, paths, images)
    names = CHANNELS[modes[0]]
    scaler = None
    tensor = torch.from_numpy(batch)
    if source.standardize:
        scaler = Scaler.fit(moments(batch), names, divisor=LEVELS - 1)
        tensor = _standardized(batch, scaler)
    return Content(
        {"images": tensor},
        {"images": (SAMPLE, CHANNEL, HEIGHT, WIDTH)},
        {ROWS: _table(source, paths, modes, batch.shape[2:])},
        scaler,
        {"channels": list(names)},
        (*notes, *_warnings(names, scaler)),
    )


def moments(batch: NDArray[np.uint8]) -> Moments:
    """Moments of each channel of uint8 [sample, channel, height, width], as fractions of 255.

    They come from a histogram of the 256 levels, so they are exact whatever the number of pixels.
    """
    import numpy as np

    counts = np.stack(
        [np.bincount(batch[:, c].ravel(), minlength=LEVELS) for c in range(batch.shape[1])]
    )
    return Moments.of_counts(counts, np.arange(LEVELS) / (LEVELS - 1))


def _batch(
    source: ImagesSource, paths: list[Path], images: Iterator[Picture | BadPicture]
) -> tuple[NDArray[np.uint8], list[str], list[str]]:
    """Images in one array, uint8 [sample, channel, height, width]; the mode of each; notes.

    Raises:
        InputError: some are bad, or not of one size; those that are wrong are told.
    """
    import numpy as np

    batch = nothing = np.empty((0, 0, 0, 0), dtype=np.uint8)
    shapes: dict[int, tuple[int, ...]] = {}  # of the images that are whole
    first: tuple[int, ...] = ()
    modes, notes, faults, one_size = [], [], Faults(), True
    for number, image in enumerate(images):
        file = relative(source, paths[number])
        if isinstance(image, BadPicture):
            faults.add(InputError(source.name, expected=image.expected, got=image.got, file=file))
        else:
            shapes[number] = image.pixels.shape
            first = first or image.pixels.shape
            one_size = one_size and image.pixels.shape == first
        if isinstance(image, BadPicture) or faults.count or not one_size:
            batch = nothing  # what else is wrong is looked for, but nothing is kept
            continue
        if not number:
            batch = np.empty((len(paths), first[2], *first[:2]), dtype=np.uint8)
        batch[number] = image.pixels.transpose(2, 0, 1)
        modes.append(image.mode)
        notes += [f"{image.note} ({file})"] if image.note else []
    _check_sizes(source, paths, shapes, faults)
    faults.check()
    more = [f"… and {len(notes) - NOTED} more"] if len(notes) > NOTED else []
    return batch, modes, notes[:NOTED] + more


def _check_sizes(
    source: ImagesSource, paths: list[Path], shapes: dict[int, tuple[int, ...]], faults: Faults
) -> None:
    """Adds the images that have another size than most, and how many there are of each size."""
    counts = Counter(shapes.values())
    if len(counts) < 2:
        return
    usual, count = counts.most_common(1)[0]
    if len(shapes) - count > 1:
        told = [f"{n} of {_size(shape)}" for shape, n in counts.most_common(SIZES)]
        told += [f"{len(counts) - SIZES} more sizes"] if len(counts) > SIZES else []
        got = ", ".join(told)
        faults.add(InputError(source.name, where="sizes", expected="one of all images", got=got))
    like = next(number for number, shape in shapes.items() if shape == usual)
    expected = f"{_size(usual)} as in {below_source(source, paths[like])}"
    for number, shape in shapes.items():
        if shape != usual:
            file = relative(source, paths[number])
            faults.add(InputError(source.name, expected=expected, got=_size(shape), file=file))


def _standardized(batch: NDArray[np.uint8], scaler: Scaler) -> torch.Tensor:
    """Looks each of the 256 levels up in the scaled levels of its channel: float32, as `batch`."""
    import numpy as np
    import torch

    levels = torch.arange(LEVELS, dtype=torch.float64).repeat(batch.shape[1], 1)
    scaled = scaler.apply(levels, dim=0).float().numpy()
    out = np.empty(batch.shape, dtype=np.float32)
    for channel in range(batch.shape[1]):
        out[:, channel] = scaled[channel][batch[:, channel]]
    return torch.from_numpy(out)


def _decoded(source: ImagesSource, paths: list[Path]) -> Generator[Picture | BadPicture]:
    """Decodes in threads, a few images ahead, in order; one that is bad comes as its reason."""
    keep_damaged = source.on_damage == "note"

    def work(path: Path) -> Picture | BadPicture:
        raw = path.read_bytes()  # before all else: what fails here says nothing of the bytes
        try:
            return decode(raw, source.max_bytes, keep_damaged)
        except BadPicture as bad:
            return bad

    if len(paths) == 1:
        yield work(paths[0])
        return
    ahead: deque[Future[Picture | BadPicture]] = deque()
    with ThreadPoolExecutor(WORKERS) as pool:
        for path in paths:
            ahead.append(pool.submit(work, path))
            if len(ahead) > AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _size(shape: tuple[int, ...]) -> str:
    channels = "1 channel" if shape[2] == 1 else f"{shape[2]} channels"
    return f"{shape[0]} x {shape[1]} pixels with {channels}"


def _table(
    source: ImagesSource, paths: list[Path], modes: list[str], shape: tuple[int, ...]
) -> pa.Table:
    import pyarrow as pa

    return pa.table(
        {
            "file": [below_source(source, path) for path in paths],
            "mode": modes,
            "height": pa.array([shape[0]] * len(paths), pa.int64()),
            "width": pa.array([shape[1]] * len(paths), pa.int64()),
        },
        schema=pa.schema(
            [
                pa.field("file", pa.string()),
                pa.field("mode", pa.string()),
                pa.field("height", pa.int64(), metadata={"unit": "pixels"}),
                pa.field("width", pa.int64(), metadata={"unit": "pixels"}),
            ]
        ),
    )


def _warnings(names: tuple[str, ...], scaler: Scaler | None) -> tuple[str, ...]:
    if scaler is None:
        return ()
    flat = [name for name, scale in zip(names, scaler.scale, strict=True) if scale == 1.0]
    return tuple(f"channel '{name}' never varies: it is 0 throughout" for name in flat)
