"""Pictures of pictures: contact sheets of images, slices of volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ptm.draw.figures import TEXT, grid, plain, put_labels, put_title, shrink

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

HOUNSFIELD = "Hounsfield units"
LUNG_WINDOW = (-1350.0, 150.0)  # Hounsfield units shown from black to white
MAX_IMAGES = 12
FLATTEST, TALLEST = 0.2, 2.0  # height by width of a thumbnail's place
ROW_LETTERS = 64  # of the names in one row of thumbnails


def contact_sheet(
    images: NDArray[Any], names: Sequence[str] = (), whole: tuple[int, ...] | None = None
) -> Figure:
    """Thumbnails of the first images; uint8 or float [n, c, h, w].

    Floating point channels are stretched, each over all images, from their 1st to their 99th
    percentile: standardised channels look natural again.

    Args:
        images: the first of them, or all; of more than MAX_IMAGES the first are shown.
        names: of the images; their numbers where there are none.
        whole: [n, c, h, w] of all images, where `images` are fewer or smaller.
    """
    import numpy as np

    count, channels, tall, wide = whole or images.shape
    shown = min(len(images), MAX_IMAGES)
    columns = min(shown, 4)
    pixels = np.moveaxis(thumbnails(images), 1, -1)
    if images.dtype == np.uint8:
        pixels = pixels.round().astype(np.uint8)
    else:
        low, high = np.percentile(pixels, (1, 99), axis=(0, 1, 2))
        pixels = np.clip((pixels - low) / np.where(high > low, high - low, 1), 0, 1)
    rows = -(-shown // columns)
    width = min(6.4, 3.2 + 0.8 * columns)
    shape = min(max(tall / wide, FLATTEST), TALLEST)  # of the place of one, not of the picture
    height = (width / columns * shape + 0.2 * (shown > 1)) * rows + 0.3
    figure, all_axes = grid(rows, columns, width, height)
    for index, axes in enumerate(all_axes):
        axes.axis("off")
        if index < shown:
            # of bytes: without limits matplotlib would stretch a gray image
            axes.imshow(pixels[index], cmap="gray", aspect="equal", vmin=0, vmax=_white(pixels))
            label = _end_of(names[index], ROW_LETTERS // columns) if names else str(index)
            axes.set_title(label if names or shown > 1 else "", fontsize=7, color=TEXT)
    some = f"{shown} of {count} images" if shown < count else f"{count} image{'s'[: count > 1]}"
    layers = f"{channels} channel{'s'[: channels > 1]}"
    put_title(figure, f"{some} of {layers}, {tall} × {wide}")
    return figure


def thumbnails(images: NDArray[Any]) -> NDArray[np.float32]:
    """The first images, as many as are shown, in the size in which they are shown.

    Args:
        images: [n, c, h, w], maybe mapped from a file: no more is read than is shown.

    Returns:
        float32 [shown, 1 or 3, height, width].
    """
    import numpy as np

    shown = min(len(images), MAX_IMAGES)
    chosen = images[:shown, : 3 if images.shape[1] >= 3 else 1]
    side = 480 // min(shown, 4)
    small: NDArray[np.float32] = np.concatenate(
        [shrink(chosen[index : index + 1], side) for index in range(shown)]
    )
    return small


def _white(pixels: NDArray[Any]) -> int:
    return 255 if pixels.dtype.kind == "u" else 1


def _end_of(name: str, letters: int) -> str:
    """A name for a narrow place: its end, where the number mostly stands; no formula."""
    short = name if len(name) <= letters else f"…{name[1 - letters :]}"
    return plain(short)


def shades(volume: NDArray[Any], unit: str | None) -> tuple[float, float]:
    """The values of a volume, [1, depth, height, width], that are shown black and white.

    For Hounsfield units the lung window; else the 1st and 99th percentile of what is shown.
    """
    import numpy as np

    if unit == HOUNSFIELD:
        return LUNG_WINDOW
    shown = np.concatenate([pixels.ravel() for _, pixels in _middle(volume)])
    low, high = (float(value) for value in np.percentile(shown, (1, 99)))
    return low, high if high > low else low + max(1.0, abs(low))


def orthogonal_slices(
    volume: NDArray[Any], spacing_mm: Sequence[float], unit: str | None = None
) -> Figure:
    """The middle slice along each axis of a volume; one in Hounsfield units with a lung window.

    Args:
        volume: [1, depth, height, width], depth from the feet to the head.
        spacing_mm: distance of neighbouring voxels along depth, height, width.
        unit: of the values; None where it is not known.
    """
    depth, height, width = (
        size * spacing for size, spacing in zip(volume.shape[1:], spacing_mm, strict=True)
    )
    extents = ((0, width, height, 0), (0, width, 0, depth), (0, height, 0, depth))
    low, high = shades(volume, unit)
    figure, all_axes = grid(1, 3, 7.4, 2.9)
    for axes, (name, pixels), size, extent in zip(
        all_axes, _middle(volume), volume.shape[1:], extents, strict=True
    ):
        # sixteen shades and large voxels: noise would fill the PNG, and make it small to look at
        step = (high - low) / 15
        drawn = ((shrink(pixels, 160).clip(low, high) - low) / step).round() * step + low
        axes.imshow(drawn, cmap="gray", vmin=low, vmax=high, extent=extent, interpolation="nearest")
        axes.grid(False)
        put_labels(axes, f"{name}, slice {size // 2}", "mm", "mm" if name == "axial" else "")
    named = "HU" if unit == HOUNSFIELD else plain(unit or "(no unit)")
    shown = f"{low:.0f} to {high:.0f}" if unit == HOUNSFIELD else f"{low:.4g} to {high:.4g}"
    put_title(figure, f"Middle slices, {shown} {named}")
    return figure


def _middle(volume: NDArray[Any]) -> tuple[tuple[str, NDArray[Any]], ...]:
    """The slices through the middle of [1, depth, height, width], [down, across], by their name."""
    depth, height, width = (size // 2 for size in volume.shape[1:])
    return (
        ("axial", volume[0, depth]),
        ("coronal", volume[0, ::-1, height]),
        ("sagittal", volume[0, ::-1, :, width]),
    )
