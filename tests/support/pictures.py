"""Planted pixels, their files, and what becomes of those when they are read."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ptm.errors import BadInput
from ptm.readers.pictures.decoding import Picture, decode

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
