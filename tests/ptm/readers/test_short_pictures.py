"""Pictures that hold less than they say, or other things than they seem to: refused, or noted."""

from __future__ import annotations

import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from ptm import draw
from ptm.errors import BadInput
from tests.support.pictures import noise, read, refusal, saved
from tests.support.tiffs import tiff


def png(pixels: np.ndarray, rows: int, between: bytes = b"") -> bytes:
    """A PNG of RGB pixels, of which only the first rows are there."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels[:rows]))
    parts = chunk(b"IHDR", head) + between + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize("rows", [1, 24, 47])
def test_rows_that_are_missing(rows: int) -> None:
    """A PNG whose data end between two rows, all checksums right, is cut short, not black below."""
    assert refusal(png(noise(48, 64, 3), rows)) == "one that is cut short"
    assert "cut short" in read(png(noise(48, 64, 3), rows), keep_damaged=True).note


def test_a_picture_that_is_black_below() -> None:
    """Black rows that are in the file are no damage, interlaced or not."""
    pixels = noise(48, 64, 3)
    pixels[20:] = 0
    assert np.array_equal(read(png(pixels, 48)).pixels, pixels)
    for mode in (pixels, pixels[..., 0]):
        assert np.array_equal(read(saved(mode, "PNG")).pixels.squeeze(), mode)
    raw = saved(np.zeros((48, 64, 4), np.uint8), "PNG")
    assert not read(raw).pixels.any()


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_long_texts_in_a_png(kind: bytes) -> None:
    """A compressed text of more than a megabyte says nothing of the pixels: they are read."""
    text = zlib.compress(b"x" * 3_000_000)
    heads = {b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0", b"iCCP": b"k\0\0"}
    content = heads[kind] + text
    check = struct.pack(">I", zlib.crc32(kind + content))
    between = struct.pack(">I", len(content)) + kind + content + check
    pixels = noise(20, 30, 3)
    assert np.array_equal(read(png(pixels, 20, between)).pixels, pixels)


@pytest.mark.parametrize("tiled", [False, True])
def test_a_strip_that_is_too_small(tiled: bool) -> None:
    """A strip or tile that says it has fewer bytes than its pixels is told; the next is no part."""
    raw = bytearray(tiff(noise(40, 32, 3), rows=8, tiled=tiled))
    tag = struct.pack("<HHI", 325 if tiled else 279, 4, 6 if tiled else 5)
    (place,) = struct.unpack_from("<I", raw, raw.index(tag) + 8)
    size = struct.unpack_from("<I", raw, place + 4)[0]
    struct.pack_into("<I", raw, place + 4, size // 2)
    assert "cut short (1 of" in refusal(bytes(raw))


def test_a_jpeg_smaller_than_its_strip() -> None:
    """In a TIFF of JPEG strips one of half the height is told; the rest of it would be invented."""
    pixels = np.full((64, 48, 3), 90, np.uint8)
    whole = saved(pixels, "TIFF", compression="jpeg")
    assert read(whole).pixels.shape == (64, 48, 3)
    half = whole.replace(struct.pack(">HH", 64, 48), struct.pack(">HH", 32, 48))
    assert half != whole
    with pytest.raises(BadInput):
        read(half)


def test_a_thumbnail_of_another_picture() -> None:
    """A TIFF that says it is a smaller copy, as those in raw files of cameras, is no photo."""
    whole = Image.fromarray(noise(20, 30, 3))
    file = io.BytesIO()
    whole.save(file, "TIFF", tiffinfo={254: 1})
    assert refusal(file.getvalue()) == "a smaller copy of another picture, by its header"


def test_formats_that_decoders_take_for_others() -> None:
    """Sun rasters of 32 bits and SGI pictures with a map of colours are refused."""
    sun = struct.pack(">8I", 0x59A66A95, 4, 3, 32, 4 * 3 * 4, 1, 0, 0) + bytes(48)
    assert "32 bits" in refusal(sun)
    sgi = struct.pack(">HBBHHHHII", 474, 0, 1, 2, 5, 4, 1, 0, 255) + bytes(84)
    sgi += struct.pack(">I", 1)
    assert refusal(sgi.ljust(512, b"\0") + bytes(20)) == "a map of colours"


def test_the_first_of_several_photos() -> None:
    """Of a photo with a second one behind it, as phones make them, the first is read, and noted."""
    first, second = Image.fromarray(noise(16, 24, 3)), Image.fromarray(noise(16, 24, 3) // 2)
    file = io.BytesIO()
    first.save(file, "MPO", save_all=True, append_images=[second])
    raw = file.getvalue()
    found = read(raw)
    assert found.note == "the first of 2 pictures in the file"
    assert np.array_equal(found.pixels, np.asarray(Image.open(io.BytesIO(raw))))


def test_a_jpeg_of_very_many_scans() -> None:
    """Scans go over all pixels each: thousands of them in a small file are refused at once."""
    raw = saved(noise(64, 64, 3), "JPEG", progressive=True)
    scan = raw.rindex(b"\xff\xda")
    bomb = raw[:-2] + raw[scan:-2] * 3000 + raw[-2:]
    start = time.monotonic()
    assert refusal(bomb) == "one of very many"
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("shape", [(5000, 2), (3000, 10), (2, 5000)])
def test_a_sheet_of_long_pictures(shape: tuple[int, int]) -> None:
    """A picture that is very tall or wide gets a place like others: no sheet of metres."""
    figure = draw.contact_sheet(np.zeros((3, 3, *shape), np.uint8))
    sheet = Image.open(io.BytesIO(draw.to_png(figure)))
    assert max(sheet.size) < 1500 and min(sheet.size) > 40
