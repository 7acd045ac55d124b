"""Colours of pictures: which channels they have, and one kind of colours made of another.

The values are those of Pillow's `convert`, for 16 bits and floats by the same formulas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

Color = Literal["rgb", "gray", "rgba"]

CHANNELS = {"L": ("gray",), "LA": ("gray",), "RGB": ("red", "green", "blue")}
CHANNELS["RGBA"] = CHANNELS["RGB"]
NAMES = {1: ("gray",), 3: CHANNELS["RGB"], 4: (*CHANNELS["RGB"], "alpha")}  # by their number
MODES: dict[Color, str] = {"rgb": "RGB", "gray": "L", "rgba": "RGBA"}  # as Pillow names them
CONVERTED = {*CHANNELS, "1", "P", "PA", "CMYK", "YCbCr"}  # modes that a color is made of
# of luminance, ITU-R BT.601: in 65536ths as Pillow has them, and as they are
LUMINANCE_16 = (19595, 38470, 7471)
LUMINANCE = (0.299, 0.587, 0.114)


def white_of(dtype: np.dtype[Any]) -> float:
    """The value that is white: 255, 65535, or 1 of floats."""
    return {1: 255.0, 2: 65535.0}.get(dtype.itemsize, 1.0)


def converted(image: Image, color: Color) -> NDArray[np.uint8]:
    """The pixels of a picture that is open, of 8 bits or fewer, uint8 [height, width, channel]."""
    import numpy as np

    mode = MODES[color]
    if color != "rgba":  # nothing of it is kept, and Pillow would warn of that
        image.info.pop("transparency", None)
    pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    return pixels[..., None] if pixels.ndim == 2 else pixels


def recolored(pixels: NDArray[Any], color: Color | None) -> NDArray[Any]:
    """Pixels in other colours; without a word only alpha is dropped.

    Args:
        pixels: [height, width, channel] of gray, gray and alpha, RGB or RGBA.
        color: that is wanted.
    """
    import numpy as np

    count = pixels.shape[2]
    colors = pixels[..., : 1 if count < 3 else 3]
    if color is None:
        return colors
    if color == "gray":
        return colors if count < 3 else _gray(colors)
    if colors.shape[2] == 1:
        colors = np.repeat(colors, 3, axis=2)
    if color == "rgb":
        return colors
    alpha = pixels[..., -1:]
    if count % 2:  # there is none
        alpha = np.full_like(alpha, white_of(pixels.dtype))
    return np.concatenate([colors, alpha], axis=2)


def _gray(colors: NDArray[Any]) -> NDArray[Any]:
    """The luminance of RGB."""
    import numpy as np

    if colors.dtype.kind == "f":
        parts = [colors[..., n].astype(np.float64) * LUMINANCE[n] for n in range(3)]
        return (parts[0] + parts[1] + parts[2]).astype(colors.dtype)[..., None]
    weighed = [colors[..., n].astype(np.uint32) * np.uint32(LUMINANCE_16[n]) for n in range(3)]
    total = weighed[0] + weighed[1] + weighed[2] + np.uint32(1 << 15)
    gray: NDArray[Any] = (total >> np.uint32(16)).astype(colors.dtype)[..., None]
    return gray
