"""Planted pixels, their files, and what becomes of those when they are read."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ptm.errors import BadInput
from ptm.readers.pictures.decoding import Picture, decode
from ptm.readers.pictures.formats import ADAM7

MOST = 1 << 29  # bytes


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    """Pixels of every value, uint8."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def smooth(height: int, width: int) -> np.ndarray:
    """RGB pixels that JPEG keeps nearly as they are."""
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [128 + 100 * np.sin(rows / (7 + c) + columns / 11) for c in range(3)]
    return np.stack(waves, axis=-1).astype(np.uint8)


def saved(pixels: np.ndarray, form: str, **options: Any) -> bytes:
    """The file that Pillow makes of them."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def read(raw: bytes, keep_damaged: bool = False) -> Picture:
    """What ptm reads."""
    return decode(raw, MOST, keep_damaged)


def refusal(raw: bytes, keep_damaged: bool = False) -> str:
    """What a picture is refused for."""
    with pytest.raises(BadInput) as caught:
        read(raw, keep_damaged)
    return caught.value.got


def png(pixels: np.ndarray, interlaced: bool = False) -> bytes:
    """A PNG of 16 bits, its rows filtered by those above."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    height, width, channels = pixels.shape
    color = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b""
    for left, top, across, down in ADAM7 if interlaced else ((0, 0, 1, 1),):
        some = pixels[top::down, left::across]
        if some.size:
            raw = some.astype(">u2").reshape(len(some), -1).view(np.uint8)
            raw = np.vstack([raw[:1], raw[1:] - raw[:-1]])
            rows += b"".join(b"\2" + row.tobytes() for row in raw)
    head = struct.pack(">IIBBBBB", width, height, 16, color, 0, 0, int(interlaced))
    data = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + data
