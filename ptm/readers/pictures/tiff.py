"""The first page of a TIFF: how its pixels are stored, and whether all of them are there.

Where a strip or a tile is not listed, decoders leave its pixels zero without a word.

Source: TIFF 6.0; the BigTIFF design by Aware Systems.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

WIDTH, HEIGHT, BITS, SAMPLES, FORMAT, PLANAR = 256, 257, 258, 277, 339, 284
REDUCED, COMPRESSION, STRIP_BYTES, TILE_BYTES = 254, 259, 279, 325
STRIPS, STRIP_ROWS, TILE_WIDTH, TILE_HEIGHT, TILES = 273, 278, 322, 323, 324
TAGS = {WIDTH, HEIGHT, BITS, SAMPLES, FORMAT, PLANAR}
TAGS |= {REDUCED, COMPRESSION, STRIP_BYTES, TILE_BYTES}
TAGS |= {STRIPS, STRIP_ROWS, TILE_WIDTH, TILE_HEIGHT, TILES}
PHOTOMETRIC, FILL, ORIENTATION, PREDICTOR = 262, 266, 274, 317
TAGS |= {PHOTOMETRIC, FILL, ORIENTATION, PREDICTOR}
TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}  # unsigned integers
BIG = 43  # the version of BigTIFF
SEPARATE = 2  # each channel is stored by itself
UNSIGNED, FLOATS, UNDEFINED = 1, 3, 4
FORMATS = {2: "signed integers", 3: "floats", 5: "complex integers", 6: "complex floats"}


def numbers(raw: bytes) -> dict[int, tuple[int, ...]]:
    """Values of the TAGS of the first page; of a tag that stands there twice, those of both.

    A value that is no unsigned integer counts as 0, which none of them may be.

    Raises:
        struct.error: the file ends before them.
    """
    order = "<" if raw[:2] == b"II" else ">"
    (version,) = struct.unpack_from(f"{order}H", raw, 2)
    count, entry, offset = ("Q", "HHQ", "Q") if version == BIG else ("H", "HHI", "I")
    (place,) = struct.unpack_from(f"{order}{offset}", raw, 8 if version == BIG else 4)
    (entries,) = struct.unpack_from(f"{order}{count}", raw, place)
    place += struct.calcsize(f"{order}{count}")
    width = struct.calcsize(f"{order}{entry}{offset}")
    found: dict[int, tuple[int, ...]] = {}
    for number in range(entries):
        at = place + number * width
        tag, kind, values = struct.unpack_from(f"{order}{entry}", raw, at)
        if tag not in TAGS:
            continue
        at += struct.calcsize(f"{order}{entry}")
        form = f"{order}{values}{TYPES.get(kind, 'x')}"
        if struct.calcsize(form) > struct.calcsize(f"{order}{offset}"):
            (at,) = struct.unpack_from(f"{order}{offset}", raw, at)
        found[tag] = found.get(tag, ()) + (struct.unpack_from(form, raw, at) or (0,))
    return found


def depth(raw: bytes) -> tuple[Sequence[int], str]:
    """Bits of each channel; what they are if not unsigned integers, else "".

    Raises:
        struct.error: the file ends before it says so.
    """
    found = numbers(raw)
    bits = found.get(BITS, ()) or (1,)
    formats = {*found.get(FORMAT, ())} - {UNSIGNED, UNDEFINED}
    return bits, FORMATS.get(min(formats), "values of an unknown kind") if formats else ""


def missing(raw: bytes) -> str:
    """How many strips or tiles are not there; "" where all are.

    Raises:
        struct.error, ZeroDivisionError, IndexError: the header is damaged.
    """
    found = numbers(raw)
    width, height = found[WIDTH][0], found[HEIGHT][0]
    if TILES in found:
        across, down = found[TILE_WIDTH][0], found[TILE_HEIGHT][0]
    else:
        across, down = width, min(found.get(STRIP_ROWS, (height,))[0], height)
    planes = found.get(SAMPLES, (1,))[0] if found.get(PLANAR, (1,))[0] == SEPARATE else 1
    whole = -(-width // across) * -(-height // down) * planes
    there = sum(place > 0 for place in found.get(TILES, found.get(STRIPS, ()))[:whole])
    parts = "tiles" if TILES in found else "strips"
    if there < whole:
        return f"one that is cut short ({there} of {whole} {parts})"
    if found.get(COMPRESSION, (1,))[0] != 1:
        return ""  # decoders look at the ends of what is compressed
    samples = 1 if planes > 1 else found.get(SAMPLES, (1,))[0]
    rows = [down] * whole
    if TILES not in found:  # the last strip, of each channel, has what is left
        strips = whole // planes
        rows = [min(down, height - number % strips * down) for number in range(whole)]
    sizes = found.get(TILE_BYTES if TILES in found else STRIP_BYTES, ())[:whole]
    bits = min(found.get(BITS, (1,)))
    line = across * samples if bits == 8 else across * samples * bits // 8
    short = sum(size < line * n for size, n in zip(sizes, rows, strict=False))
    return f"one that is cut short ({short} of {whole} {parts} too small)" if short else ""


def is_reduced(raw: bytes) -> bool:
    """Whether the page says that it is a smaller copy of another: a thumbnail."""
    return bool(numbers(raw).get(REDUCED, (0,))[0] & 1)


def pages(raw: bytes) -> list[int]:
    """Where the directory of each page stands.

    Raises:
        struct.error: the file ends before one of them.
        ValueError: one follows itself.
    """
    order, count, width, offset, first = layout(raw)
    (place,) = struct.unpack_from(f"{order}{offset}", raw, first)
    found: dict[int, None] = {}
    while place:
        if place in found:
            raise ValueError("pages that follow each other in a circle")
        found[place] = None
        (entries,) = struct.unpack_from(f"{order}{count}", raw, place)
        end = place + struct.calcsize(f"{order}{count}") + entries * width
        (place,) = struct.unpack_from(f"{order}{offset}", raw, end)
    return [*found]


def with_first(raw: bytes, page: int) -> bytes:
    """The file with another page, by where its directory stands, as the first."""
    order, _, _, offset, first = layout(raw)
    place = struct.pack(f"{order}{offset}", page)
    return raw[:first] + place + raw[first + len(place) :]


def layout(raw: bytes) -> tuple[str, str, int, str, int]:
    """Byte order, form of the number of entries, bytes of an entry, form of offsets, and where the
    offset of the first page stands.
    """
    order = "<" if raw[:2] == b"II" else ">"
    (version,) = struct.unpack_from(f"{order}H", raw, 2)
    return (order, "Q", 20, "Q", 8) if version == BIG else (order, "H", 12, "I", 4)
