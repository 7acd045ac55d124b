"""TIFF files written by hand, in every layout that decoders have to tell apart."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

TILE = 16
KINDS = {1: "u", 2: "i", 3: "f"}  # SampleFormat


def tiff(
    pixels: np.ndarray,
    order: str = "<",
    planar: int = 1,
    deflate: bool = False,
    rows: int = 0,
    tiled: bool = False,
    large: bool = False,
) -> bytes:
    """A TIFF of [height, width, channel], of whatever dtype numpy has.

    Args:
        pixels: unsigned, signed or float.
        order: of the bytes, "<" or ">".
        planar: 1, the channels of a pixel side by side; 2, each channel by itself.
        deflate: whether it is compressed.
        rows: of a strip; all in one where 0.
        tiled: tiles of 16 x 16 instead of strips.
        large: BigTIFF.
    """
    height, width, channels = pixels.shape
    bits = pixels.dtype.itemsize * 8
    form = next(number for number, kind in KINDS.items() if kind == pixels.dtype.kind)
    stored = pixels.astype(np.dtype(f"{order}{pixels.dtype.str[1:]}"))
    planes = [stored] if planar == 1 else [stored[..., c : c + 1] for c in range(channels)]
    chunks = [chunk for plane in planes for chunk in _chunks(plane, rows or height, tiled)]
    if deflate:
        chunks = [zlib.compress(chunk) for chunk in chunks]
    out = bytearray(b"\0" * (16 if large else 8))
    places = []
    for chunk in chunks:
        places.append(len(out))
        out += chunk + b"\0" * (len(chunk) % 2)
    tags: list[tuple[int, str, list[int]]] = [
        (256, "I", [width]),
        (257, "I", [height]),
        (258, "H", [bits] * channels),
        (259, "H", [8 if deflate else 1]),
        (262, "H", [2 if channels >= 3 else 1]),
        (277, "H", [channels]),
        (284, "H", [planar]),
        (339, "H", [form] * channels),
    ]
    sizes = list(map(len, chunks))
    if channels == 4:
        tags.append((338, "H", [2]))
    if tiled:
        tags += [(322, "I", [TILE]), (323, "I", [TILE]), (324, "I", places), (325, "I", sizes)]
    else:
        tags += [(273, "I", places), (278, "I", [rows or height]), (279, "I", sizes)]
    directory = len(out)
    out += _directory(sorted(tags), order, large, directory)
    mark = b"II" if order == "<" else b"MM"
    if large:
        struct.pack_into(f"{order}2sHHHQ", out, 0, mark, 43, 8, 0, directory)
    else:
        struct.pack_into(f"{order}2sHI", out, 0, mark, 42, directory)
    return bytes(out)


def _chunks(plane: np.ndarray, rows: int, tiled: bool) -> list[bytes]:
    height, width, channels = plane.shape
    if not tiled:
        return [plane[top : top + rows].tobytes() for top in range(0, height, rows)]
    tiles = []
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            tile = np.zeros((TILE, TILE, channels), plane.dtype)
            part = plane[top : top + TILE, left : left + TILE]
            tile[: part.shape[0], : part.shape[1]] = part
            tiles.append(tile.tobytes())
    return tiles


def _directory(tags: list[Any], order: str, large: bool, start: int) -> bytes:
    count, entry, room = ("Q", "HHQ", 8) if large else ("H", "HHI", 4)
    head = struct.pack(f"{order}{count}", len(tags))
    width = struct.calcsize(f"{order}{entry}") + room
    beyond = start + len(head) + width * len(tags) + room
    entries, extra = b"", b""
    for tag, kind, values in tags:
        raw = struct.pack(f"{order}{len(values)}{kind}", *values)
        number = 3 if kind == "H" else 4
        entries += struct.pack(f"{order}{entry}", tag, number, len(values))
        if len(raw) <= room:
            entries += raw.ljust(room, b"\0")
        else:
            entries += struct.pack(f"{order}{'Q' if large else 'I'}", beyond + len(extra))
            extra += raw + b"\0" * (len(raw) % 2)
    return head + entries + b"\0" * room + extra
