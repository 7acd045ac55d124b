"""Images: photos of one size, 8 bits for each channel, into one batch with channels first."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from ptm.content import CHANNEL, HEIGHT, ROWS, SAMPLE, WIDTH, Content
from ptm.errors import InputError
from ptm.kinds.files import relative
from ptm.scaling import Moments, Scaler

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import torch
    from numpy.typing import NDArray

    from ptm.catalog import ImagesSource

PACKAGES = ("torch", "numpy", "imageio", "pillow", "pyarrow")
NAMES_MATTER = True
CHANNELS = {"L": ("gray",), "LA": ("gray",), "RGB": ("red", "green", "blue")}
CHANNELS["RGBA"] = CHANNELS["RGB"]
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
WORKERS = 4


def tensorize(source: ImagesSource, paths: list[Path]) -> Content:
    """A batch of images in the order of their names; alpha is dropped, EXIF rotation is applied.

    Returns:
        `images` [sample, channel, height, width]: uint8 from 0 to 255; or, standardised, float32:
        divided by 255, then each channel to mean 0 and standard deviation 1 (n - 1) over the batch.
        The table has one row for each image.

    Raises:
        InputError: a file that is no image, is cut short, has a palette or more than 8 bits for
            each channel, or differs from the first in size or channels; the file is named.
    """
    import torch

    with closing(_decoded(source, paths)) as images:
        batch, modes = _batch(source, paths, images)
    names = CHANNELS[modes[0]]
    scaler = None
    tensor = torch.from_numpy(batch)
    if source.standardize:
        scaler = Scaler.fit(moments(batch), names)
        tensor = _standardized(batch, scaler)
    return Content(
        {"images": tensor},
        {"images": (SAMPLE, CHANNEL, HEIGHT, WIDTH)},
        {ROWS: _table(paths, modes, batch.shape[2:])},
        scaler,
        {"channels": list(names)},
        _warnings(names, scaler),
    )


def moments(batch: NDArray[np.uint8]) -> Moments:
    """Moments of each channel of uint8 [sample, channel, height, width], as fractions of 255.

    They come from a histogram of the 256 levels, so they are exact whatever the number of pixels.
    """
    import numpy as np

    counts = np.stack(
        [np.bincount(batch[:, c].ravel(), minlength=256) for c in range(batch.shape[1])]
    )
    return Moments.of_counts(counts, np.arange(256) / 255)


def _batch(
    source: ImagesSource, paths: list[Path], images: Iterator[tuple[NDArray[np.uint8], str]]
) -> tuple[NDArray[np.uint8], list[str]]:
    """Images in one array, uint8 [sample, channel, height, width], and the mode of each file."""
    import numpy as np

    first, mode = next(images)
    batch = np.empty((len(paths), first.shape[2], *first.shape[:2]), dtype=np.uint8)
    batch[0] = first.transpose(2, 0, 1)
    modes = [mode]
    for number, (image, mode) in enumerate(images, start=1):
        if image.shape != first.shape:
            raise InputError(
                source.name,
                expected=f"{_size(first)} as in {paths[0].name}",
                got=_size(image),
                file=relative(source, paths[number]),
            )
        batch[number] = image.transpose(2, 0, 1)
        modes.append(mode)
    return batch, modes


def _standardized(batch: NDArray[np.uint8], scaler: Scaler) -> torch.Tensor:
    """Looks each of the 256 levels up in the scaled levels of its channel: float32, as `batch`."""
    import numpy as np
    import torch

    levels = (torch.arange(256, dtype=torch.float64) / 255).repeat(batch.shape[1], 1)
    scaled = scaler.apply(levels, dim=0).float().numpy()
    out = np.empty(batch.shape, dtype=np.float32)
    for channel in range(batch.shape[1]):
        out[:, channel] = scaled[channel][batch[:, channel]]
    return torch.from_numpy(out)


def _decoded(source: ImagesSource, paths: list[Path]) -> Generator[tuple[NDArray[np.uint8], str]]:
    """Decodes in threads, a few images ahead, in order."""
    if len(paths) == 1:
        yield _decode(source, paths[0])
        return
    with ThreadPoolExecutor(WORKERS) as pool:
        for start in range(0, len(paths), WORKERS * 4):
            chunk = paths[start : start + WORKERS * 4]
            yield from pool.map(lambda path: _decode(source, path), chunk)


def _decode(source: ImagesSource, path: Path) -> tuple[NDArray[np.uint8], str]:
    """One image, uint8 [height, width, channel] without alpha, and its mode in the file."""
    from imageio.v3 import imopen

    try:
        _check_png_depth(source, path)
        with imopen(path, "r", plugin="pillow") as file:
            frames = file.properties(index=...)  # type: ignore[arg-type]  # all of them
            if frames.is_batch and frames.n_images != 1:
                raise InputError(
                    source.name,
                    expected="one image",
                    got=f"{frames.n_images} frames or pages",
                    file=relative(source, path),
                )
            mode = file.metadata(index=0)["mode"]
            if mode not in CHANNELS:
                raise _not_8_bit(source, path, f"the mode {mode}")
            image = file.read(index=0, rotate=True)  # type: ignore[call-arg]  # pillow plugin
    except InputError:
        raise
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error, …
        raise InputError(
            source.name, expected="a whole image", got=_reason(error), file=relative(source, path)
        ) from error
    if image.ndim == 2:
        image = image[..., None]
    return image[..., : len(CHANNELS[mode])], mode


def _reason(error: Exception) -> str:
    """What a decoder says of the data; not what it says of itself."""
    known = {"truncated": "one that is cut short", "broken data stream": "damaged data"}
    for words, reason in known.items():
        if words in str(error):
            return reason
    return "bytes that are no image, or a damaged one"


def _check_png_depth(source: ImagesSource, path: Path) -> None:
    # Pillow cuts 16-bit RGB down to 8 without a word; the header tells (PNG specification, IHDR)
    with path.open("rb") as file:
        head = file.read(26)
    if head.startswith(PNG_SIGNATURE) and len(head) == 26:
        depth, color = head[24], head[25]
        if color == 3:
            raise _not_8_bit(source, path, f"a palette of {depth}-bit indices")
        if depth != 8:
            raise _not_8_bit(source, path, f"{depth} bits for each channel")


def _not_8_bit(source: ImagesSource, path: Path, got: str) -> InputError:
    return InputError(
        source.name,
        expected="8-bit gray, RGB or RGBA",
        got=got,
        file=relative(source, path),
    )


def _size(image: NDArray[np.uint8]) -> str:
    return f"{image.shape[0]} x {image.shape[1]} pixels with {image.shape[2]} channels"


def _table(paths: list[Path], modes: list[str], shape: tuple[int, ...]) -> pa.Table:
    import pyarrow as pa

    return pa.table(
        {
            "file": [path.name for path in paths],
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
