"""The pixels of a TIFF of 16 bits for each channel, or of floats, whatever their layout.

Pillow decompresses what libtiff compressed as if each byte were a pixel: so nothing is lost of what
it would cut to 8 bits, or not read at all.

Source: TIFF 6.0; Adobe Photoshop TIFF Technical Note 3 (the predictor of floats).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ptm.readers.pictures import tiff
from ptm.readers.pictures.opening import opened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEXT_TO, OF_FLOATS = 2, 3  # predictors
WITHOUT_LOSS = {1, 5, 8, 32773, 32946, 34925, 50000}  # compressions that know no pixels
PREDICTED = {5, 8, 32946, 34925, 50000}  # of these, those that a predictor goes with
WIDE = 4096  # pixels that a tile may have whatever the width
COLORS = {0: (1, 2), 1: (1, 2), 2: (3, 4)}  # channels, by photometric interpretation
LONG, LONG8 = 4, 16  # types


def pixels(raw: bytes) -> NDArray[Any]:
    """Pixels of 16 bits, uint16, or of floats, float32; [height, width, channel], not turned.

    Raises:
        ValueError: they are stored in a way that is not known here; or what Pillow raises.
    """
    import numpy as np

    found = tiff.numbers(raw)
    samples, size = found.get(tiff.SAMPLES, (1,))[0], found[tiff.BITS][0] // 8
    kind = found.get(tiff.PHOTOMETRIC, (1,))[0]
    _check_known(found, samples, kind)
    separate = found.get(tiff.PLANAR, (1,))[0] == tiff.SEPARATE
    planes = samples if separate else 1
    values = [_plane(raw, found, n, planes, samples // planes, size) for n in range(planes)]
    joined = np.concatenate(values, axis=2) if separate else values[0]
    if joined.dtype.kind == "u" and kind == 0:  # white is zero
        joined = np.uint16(65535) - joined
    return joined


def _check_known(found: Mapping[int, tuple[int, ...]], samples: int, kind: int) -> None:
    bits = f"{found[tiff.BITS][0]} bits for each channel"
    if len({*found[tiff.BITS]}) > 1 or len({*found.get(tiff.FORMAT, (1,))}) > 1:
        raise ValueError("channels of several depths")
    if samples not in COLORS.get(kind, ()):
        raise ValueError(f"{bits} and {samples} channels in colours that are not known here")
    if (
        found.get(tiff.COMPRESSION, (1,))[0] not in WITHOUT_LOSS
        or found.get(tiff.FILL, (1,))[0] != 1
    ):
        raise ValueError(f"{bits} in a compression that is not known here")
    if found.get(tiff.TILE_WIDTH, (0,))[0] > max(WIDE, 2 * found[tiff.WIDTH][0]):
        raise ValueError("tiles that are far wider than the picture")


def _plane(
    raw: bytes,
    found: Mapping[int, tuple[int, ...]],
    number: int,
    planes: int,
    samples: int,
    size: int,
) -> NDArray[Any]:
    """The channels of one of several planes, [height, width, channel]."""
    import numpy as np

    height, width = found[tiff.HEIGHT][0], found[tiff.WIDTH][0]
    tiled = tiff.TILES in found
    across = found[tiff.TILE_WIDTH][0] if tiled else width
    blocks = -(-width // across)  # next to each other
    line = across * samples * size  # bytes of a row of one of them
    tags: dict[int, tuple[int, ...]] = {
        tiff.WIDTH: (blocks * line,),
        tiff.HEIGHT: (height,),
        tiff.BITS: (8,),
        tiff.PHOTOMETRIC: (1,),
    }
    tags |= {tiff.COMPRESSION: found.get(tiff.COMPRESSION, (1,)), tiff.SAMPLES: (1,)}
    if tiled:
        tags |= {tiff.TILE_WIDTH: (line,), tiff.TILE_HEIGHT: found[tiff.TILE_HEIGHT]}
    else:
        tags |= {tiff.STRIP_ROWS: found.get(tiff.STRIP_ROWS, (height,))}
    for tag in (tiff.TILES, tiff.TILE_BYTES) if tiled else (tiff.STRIPS, tiff.STRIP_BYTES):
        each = len(found[tag]) // planes
        tags[tag] = found[tag][number * each : (number + 1) * each]
    with opened(_with_page(raw, tags)) as image:
        rows = np.asarray(image).reshape(height, blocks, line)
    values = _values(rows, raw, found, samples, size)
    return values.reshape(height, blocks * across, samples)[:, :width]


def _values(
    rows: NDArray[np.uint8],
    raw: bytes,
    found: Mapping[int, tuple[int, ...]],
    samples: int,
    size: int,
) -> NDArray[Any]:
    """The values of rows of bytes, [row, block, byte], without what a predictor did to them."""
    import numpy as np

    predicted = found.get(tiff.COMPRESSION, (1,))[0] in PREDICTED
    predictor = found.get(tiff.PREDICTOR, (1,))[0] if predicted else 1
    order = "<" if raw[:2] == b"II" else ">"
    if predictor == OF_FLOATS:
        shape = *rows.shape[:2], -1, samples
        rows = np.cumsum(rows.reshape(shape), axis=2, dtype=np.uint8).reshape(rows.shape)
        # the first bytes of all values, then the second ones, …
        rows = rows.reshape(*rows.shape[:2], size, -1).swapaxes(2, 3)
        order = ">"
    unsigned = np.ascontiguousarray(rows).view(f"{order}u{size}").astype(f"u{size}")
    if predictor == NEXT_TO:
        unsigned = unsigned.reshape(*rows.shape[:2], -1, samples)
        unsigned = np.cumsum(unsigned, axis=2, dtype=unsigned.dtype)
    elif predictor not in (1, OF_FLOATS):
        raise ValueError("a predictor that is not known here")
    is_float = found.get(tiff.FORMAT, (1,))[0] == tiff.FLOATS
    return unsigned.view(np.float32) if is_float else unsigned


def _with_page(raw: bytes, tags: Mapping[int, tuple[int, ...]]) -> bytes:
    """The file with a page more, which is its first, has these tags, and is little endian: the
    order of the bytes of its values is of no matter here.
    """
    _, count, _, offset, first = tiff.layout(raw)
    begin, kind = (b"II+\0\x08\0\0\0", LONG8) if offset == "Q" else (b"II*\0", LONG)
    raw += b"\0" * (-len(raw) % 8)
    size = struct.calcsize(f"<{offset}")
    entry = 4 + 2 * size
    behind = len(raw) + struct.calcsize(f"<{count}") + size + entry * len(tags)
    head, more = [struct.pack(f"<{count}", len(tags))], list[bytes]()
    for tag, values in sorted(tags.items()):
        content = struct.pack(f"<{len(values)}{offset}", *values)
        if len(values) > 1:
            more.append(content)
            content, behind = struct.pack(f"<{offset}", behind), behind + len(content)
        head.append(struct.pack(f"<HH{offset}", tag, kind, len(values)) + content)
    head.append(struct.pack(f"<{offset}", 0))
    place = struct.pack(f"<{offset}", len(raw))
    return b"".join([begin, place, raw[first + size :], *head, *more])
