"""Pictures brought to one size, as Pillow does it: so the values are the same wherever it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from numpy.typing import NDArray

Fit = Literal["crop", "pad", "stretch"]
FILTER = "bilinear, antialiased, of Pillow"  # as the manifest names it
NEAREST = "nearest, of Pillow"  # of masks
AT_ONCE = (3, 4)  # channels of 8 bits that Pillow takes together


def resized(
    pixels: NDArray[Any], size: tuple[int, int], fit: Fit, nearest: bool = False
) -> NDArray[Any]:
    """Pixels of another size.

    "crop" is the smallest that covers it, of which the middle is left (as torchvision's Resize and
    CenterCrop); "pad" the largest inside, in the middle of zeros (as Pillow's ImageOps.pad).

    Args:
        pixels: uint8, uint16 or float32, [height, width, channel].
        size: height and width.
        fit: how.
        nearest: whether values are taken as they are, and none in between.
    """
    import numpy as np

    inner = inner_size(pixels.shape[:2], size, fit)
    found = _scaled(pixels, inner, nearest)
    if inner == size:
        return found
    if fit == "crop":
        top, left = (round((a - b) / 2) for a, b in zip(inner, size, strict=True))
        return found[top : top + size[0], left : left + size[1]]
    top, left = (round((b - a) * 0.5) for a, b in zip(inner, size, strict=True))
    padded = np.zeros((*size, pixels.shape[2]), dtype=pixels.dtype)
    padded[top : top + inner[0], left : left + inner[1]] = found
    return padded


def inner_size(shape: tuple[int, ...], size: tuple[int, int], fit: Fit) -> tuple[int, int]:
    """Height and width that a picture has before it is cut, or padded."""
    (height, width), (tall, wide) = shape[:2], size
    if fit == "stretch" or height * wide == width * tall:
        return size
    is_wide = width * tall > height * wide  # wider than it is to be
    if fit == "crop":
        return (tall, width * tall // height) if is_wide else (height * wide // width, wide)
    if is_wide:
        return max(round(height / width * wide), 1), wide
    return tall, max(round(width / height * tall), 1)


def _scaled(pixels: NDArray[Any], size: tuple[int, int], nearest: bool) -> NDArray[Any]:
    import numpy as np
    from PIL import Image

    if pixels.shape[:2] == size:
        return pixels
    how = Image.Resampling.NEAREST if nearest else Image.Resampling.BILINEAR
    if pixels.dtype == np.uint8 and pixels.shape[2] in AT_ONCE:
        return np.asarray(Image.fromarray(pixels).resize(size[::-1], how))
    channels = np.moveaxis(pixels, -1, 0)
    found = [np.asarray(Image.fromarray(one).resize(size[::-1], how)) for one in channels]
    return np.stack(found, axis=-1)
