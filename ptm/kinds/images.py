"""Images: photos of one size, 8 bits for each channel, into one batch with channels first."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
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
NOTED = 20  # damaged pictures that are named


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

    batch = np.empty((0, 0, 0, 0), dtype=np.uint8)
    first, modes, notes, faults = -1, [], [], Faults()
    for number, image in enumerate(images):
        file = relative(source, paths[number])
        if isinstance(image, BadPicture):
            faults.add(InputError(source.name, expected=image.expected, got=image.got, file=file))
            continue
        pixels, mode, note = image
        if first < 0:
            first, shape = number, pixels.shape
        elif pixels.shape != shape:
            expected = f"{_size(shape)} as in {below_source(source, paths[first])}"
            faults.add(
                InputError(source.name, expected=expected, got=_size(pixels.shape), file=file)
            )
        if faults.count:
            batch = batch[:0]
            continue  # what else is wrong is looked for, but nothing is kept
        if not len(batch):
            batch = np.empty((len(paths), shape[2], *shape[:2]), dtype=np.uint8)
        batch[number] = pixels.transpose(2, 0, 1)
        modes.append(mode)
        notes += [f"{note} ({file})"] if note else []
    faults.check()
    more = [f"… and {len(notes) - NOTED} more"] if len(notes) > NOTED else []
    return batch, modes, notes[:NOTED] + more


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
    with ThreadPoolExecutor(WORKERS) as pool:
        for start in range(0, len(paths), WORKERS * 4):
            yield from pool.map(work, paths[start : start + WORKERS * 4])


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
