"""What the header of a picture says, and whether its end is there; nothing is decoded."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import NamedTuple

TAIL = 1 << 12  # bytes in which the end of a picture has to be
ENDS = {"JPEG": b"\xff\xd9", "MPO": b"\xff\xd9", "PNG": b"IEND"}
TURNED = (5, 6, 7, 8)  # orientations of EXIF that swap height and width
ORIENTATION = 0x0112
HEIF = (b"heic", b"heix", b"mif1", b"msf1", b"hevc", b"heim", b"heis")
DEEP = {"I;16": 16, "I;16B": 16, "I;16L": 16, "I": 16, "F": 32}
PNG_BITS, PNG_COLORS = 24, 25  # bytes of its header


class Head(NamedTuple):
    """What the header of a picture says.

    Attributes:
        height, width: upright.
        mode: of its colours: L, LA, RGB, RGBA, P, CMYK, 1, I;16, F, …
        bits: of a channel; 32 of floats.
        frames: or pages.
        wrong: why it is none, or not whole; "" of others.
    """

    height: int = 0
    width: int = 0
    mode: str = ""
    bits: int = 8
    frames: int = 1
    wrong: str = ""


def read_head(path: Path) -> Head:
    """What the header of a picture says.

    Raises:
        OSError: it cannot be read; that says nothing of its bytes.
    """
    with path.open("rb") as file:
        begin = file.read(32)
        file.seek(0, 2)
        file.seek(max(file.tell() - TAIL, 0))
        tail = file.read(TAIL)
    if not begin:
        return Head(wrong="an empty file")
    if begin[4:8] == b"ftyp" and begin[8:12] in HEIF:
        return _heif(path)
    return _by_pillow(path, begin, tail)


def _by_pillow(path: Path, begin: bytes, tail: bytes) -> Head:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                kind, mode = str(image.format), image.mode
                frames = 1 if kind == "MPO" else int(getattr(image, "n_frames", 1))
                height, width = image.height, image.width
                if kind != "TIFF" and image.getexif().get(ORIENTATION, 1) in TURNED:
                    height, width = width, height
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, …
        if isinstance(error, OSError) and error.errno:
            raise
        told = (
            "very many pixels" if "Bomb" in type(error).__name__ else "no picture, or a damaged one"
        )
        return Head(wrong=told)
    end = ENDS.get(kind, b"")
    wrong = "" if end in tail else "cut short"
    bits = DEEP.get(mode, 8)
    if kind == "PNG" and begin[PNG_BITS] == 16:
        bits = 16
    return Head(height, width, mode, bits, frames, wrong)


def _heif(path: Path) -> Head:
    import pillow_heif

    try:
        image = pillow_heif.open_heif(path, convert_hdr_to_8bit=False)
        width, height = image.size
        deep = image.info.get("bit_depth", 8) > 8
        return Head(height, width, "RGB" if "RGB" in image.mode else "L", 16 if deep else 8)
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            raise
        return Head(wrong="no picture, or a damaged one")


def digest_of(path: Path) -> bytes:
    """SHA-256 of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
