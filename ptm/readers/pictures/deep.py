"""Pictures of 16 bits for each channel, or of floats, whose values decoders would cut to 8 bits.

Source: PNG 3rd edition; the manual page ppm(5).
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

from ptm.readers.pictures import deep_tiff, tiff
from ptm.readers.pictures.formats import NETPBM, SHORT
from ptm.readers.pictures.opening import opened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIXTEEN = "16 bits for each channel"
# of each format, what the header says that can be read here; see `depth_fault`
DEEP = {
    "PNG": {SIXTEEN},
    "TIFF": {SIXTEEN, "floats of 32 bits for each channel"},
    "PPM": {"values from 0 to 65535"},
}
BASES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # of modes, by the number of channels
PNG_HEADER = struct.Struct(">IIBBBBB")  # width, height, depth, color, …; behind 16 bytes
PNG_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by color
# how Pillow is to take the bytes of two: the first of each, or the second
HIGH_AND_LOW = {2: ("RGB;16B", "RGB;16L"), 6: ("RGBA;16B", "RGBA;16L")}


def size_of(kind: str, raw: bytes) -> tuple[int, int, int, int]:
    """Height, width, channels, and bytes of each value, by the header.

    Raises:
        struct.error, KeyError, IndexError, ValueError: it is damaged.
    """
    if kind == "TIFF":
        found = tiff.numbers(raw)
        bits, samples = found[tiff.BITS][0], found.get(tiff.SAMPLES, (1,))[0]
        return found[tiff.HEIGHT][0], found[tiff.WIDTH][0], samples, bits // 8
    if kind == "PNG":
        width, height, _, color, *_ = PNG_HEADER.unpack_from(raw, 16)
        return height, width, PNG_CHANNELS[color], 2
    kind_, width, height, _ = _netpbm(raw)
    return height, width, 3 if kind_ in (3, 6) else 1, 2


def read_deep(kind: str, raw: bytes) -> tuple[NDArray[Any], str]:
    """Pixels uint16, or float32, [height, width, channel], as they are stored; and their mode.

    Raises:
        Exception: of decoders, and of what is damaged; ValueError with what is wrong where it is
            known: a text for `BadInput`.
    """
    if kind == "TIFF":
        pixels = deep_tiff.pixels(raw)
    else:
        pixels = _png_pixels(raw) if kind == "PNG" else _netpbm_pixels(raw)
    suffix = "F" if pixels.dtype.kind == "f" else "16"
    return pixels, f"{BASES[pixels.shape[2]]};{suffix}"


def _png_pixels(raw: bytes) -> NDArray[np.uint16]:
    import numpy as np

    color = raw[25]
    if color == 4:
        # gray and alpha of 16 bits have as many bytes as red, green, blue and alpha of 8
        values = _decoded(_as_rgba(raw))
        pairs: NDArray[np.uint16] = np.ascontiguousarray(values).view(">u2").astype(np.uint16)
        return pairs
    if color == 0:
        return _decoded(raw).astype(np.uint16)[..., None]
    high, low = (_decoded(raw, mode).astype(np.uint16) for mode in HIGH_AND_LOW[color])
    return high << np.uint16(8) | low


def _decoded(raw: bytes, mode: str = "") -> NDArray[Any]:
    """What Pillow makes of a file, maybe by another of its raw modes."""
    import numpy as np

    with opened(raw) as image:
        if mode:
            file: Any = image
            [tile] = file.tile
            file.tile = [tile._replace(args=mode)]
        return np.asarray(image)


def _as_rgba(raw: bytes) -> bytes:
    """A PNG whose header says 8-bit RGBA."""
    width, height, _, _, *rest = PNG_HEADER.unpack_from(raw, 16)
    header = b"IHDR" + PNG_HEADER.pack(width, height, 8, 6, *rest)
    return raw[:12] + header + struct.pack(">I", zlib.crc32(header)) + raw[33:]


def _netpbm(raw: bytes) -> tuple[int, int, int, int]:
    """Kind, width, height, and where the pixels begin."""
    found = NETPBM.match(raw)
    if not found:
        raise ValueError("a header without a largest value")
    kind, width, height, _ = (int(number[:20]) for number in found.groups())
    return kind, width, height, found.end()


def _netpbm_pixels(raw: bytes) -> NDArray[np.uint16]:
    import numpy as np

    kind, width, height, begin = _netpbm(raw)
    shape = height, width, 3 if kind in (3, 6) else 1
    count = height * width * shape[2]
    if kind > 3:
        if len(raw) < begin + 2 * count:
            raise ValueError(SHORT)
        return np.frombuffer(raw, ">u2", count, begin).astype(np.uint16).reshape(shape)
    texts = raw[begin:].split()[:count]
    if len(texts) < count:
        raise ValueError(SHORT)
    values = np.array([int(text) for text in texts])
    if values.max() > 65535 or values.min() < 0:
        raise ValueError("values above 65535")
    return values.astype(np.uint16).reshape(shape)
