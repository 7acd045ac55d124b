"""The codestream of a JPEG 2000: what its samples are, and whether all tiles are there.

Where a tile is missing, decoders leave its pixels zero without a word.

Source: ITU-T T.800, annexes A (codestream) and I (boxes).
"""

from __future__ import annotations

import struct

START = b"\xff\x4f\xff\x51"  # of a codestream: SOC, SIZ
TILE, END = b"\xff\x90", b"\xff\xd9"
SHORT = "one that is cut short"


def codestream(raw: bytes) -> bytes:
    """The codestream of a file, which stands in a box of it, or is all of it.

    Raises:
        struct.error, ValueError: there is none.
    """
    if raw.startswith(START):
        return raw
    place = 0
    while place + 8 <= len(raw):
        length, kind = struct.unpack_from(">I4s", raw, place)
        head = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", raw, place + 8)
            head = 16
        end = place + length if length else len(raw)
        if kind == b"jp2c":
            return raw[place + head : end]
        if end <= place:
            break
        place = end
    raise ValueError("no codestream")


def depth(raw: bytes) -> tuple[list[int], str]:
    """Bits of each channel; "signed integers" where a channel has those, else "".

    Raises:
        struct.error, ValueError, IndexError: there is no whole header.
    """
    stream = codestream(raw)
    (count,) = struct.unpack_from(">H", stream, 40)
    components = [stream[42 + 3 * number] for number in range(count)]
    signed = any(component & 0x80 for component in components)
    return [(component & 0x7F) + 1 for component in components], "signed integers" * signed


def missing(raw: bytes) -> str:
    """What is missing of the tiles; "" where all are there and the end is.

    Raises:
        struct.error, ValueError, ZeroDivisionError: the header is damaged.
    """
    stream = codestream(raw).rstrip(b"\0")
    right, bottom, _, _, across, down, left, top = struct.unpack_from(">8I", stream, 8)
    whole = -(-(right - left) // across) * -(-(bottom - top) // down)
    tiles: set[int] = set()
    place = 2
    while place + 12 <= len(stream):
        (length,) = struct.unpack_from(">H", stream, place + 2)
        if stream[place : place + 2] != TILE:
            if tiles:
                break
            place += 2 + length  # a marker of the main header
            continue
        tile, length = struct.unpack_from(">HI", stream, place + 4)
        tiles.add(tile)
        place = place + length if length else len(stream) - len(END)
    if stream[place : place + 2] != END:
        return SHORT
    there = len(tiles)
    return "" if there == whole else f"{SHORT} ({there} of {whole} tiles)"
