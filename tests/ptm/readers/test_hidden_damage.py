"""Damage that decoders pass over: found in the headers, or said to be out of sight."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps, features

from ptm.errors import BadInput, InputError
from ptm.kinds.images import Options as ImagesSource
from ptm.kinds.images import gathering
from tests.support import jpegs
from tests.support.kinds import block_of
from tests.support.pictures import noise, read, refusal, saved, smooth
from tests.support.tiffs import tiff

END = b"\xff\xd9"
SCAN = re.compile(b"\xff\xda")
UNSEEN = "damage in it could not be looked for"
PNG = b"\x89PNG\r\n\x1a\n"
JPEG_2000 = pytest.mark.skipif(not features.check("jpg_2000"), reason="this Pillow has none")


def of_pillow(raw: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(raw)))


BY_SCANS = {
    "progressive": saved(smooth(60, 90), "JPEG", progressive=True),
    "by channel": jpegs.SCANS_BY_CHANNEL,
}


@pytest.mark.parametrize("raw", BY_SCANS.values(), ids=BY_SCANS)
def test_scans_that_are_missing(raw: bytes) -> None:
    """A JPEG that ends between two of its scans, with an end marker: libjpeg has no word for it."""
    assert np.array_equal(read(raw).pixels, of_pillow(raw)) and not read(raw).note
    places = [found.start() for found in SCAN.finditer(raw)][1:]
    assert len(places) >= 2
    for count, place in enumerate(places, 1):
        plural = "s" if count > 1 else ""
        cut = raw[:place] + END
        assert refusal(cut) == f"data that end early, after {count} scan{plural}"
        kept = read(cut, keep_damaged=True)
        assert "made up by the decoder" in kept.note and "end early" in kept.note


def test_two_frame_headers() -> None:
    """A second header, which may give other sizes to other readers, is damage."""
    raw = saved(smooth(24, 32), "JPEG")
    start = raw.index(b"\xff\xc0")
    (length,) = struct.unpack_from(">H", raw, start + 2)
    frame = bytearray(raw[start : start + 2 + length])
    frame[5:7] = b"\0\x10"
    assert refusal(raw[:start] + bytes(frame) + raw[start:]) in (
        "damaged data (two frame headers)",
        "damaged data (Invalid JPEG file structure: two SOF markers)",
    )


@pytest.mark.parametrize("name", ["ARITHMETIC", "THREE_BY_ONE"])
def test_a_jpeg_whose_damage_is_out_of_sight(name: str) -> None:
    """Arithmetic coding has no premature end; odd sampling is Pillow's alone: read, with a note."""
    raw = getattr(jpegs, name)
    whole = read(raw)
    assert np.array_equal(whole.pixels, of_pillow(raw)) and UNSEEN in whole.note


def test_four_rows_sampled_as_one() -> None:
    """A sampling that the header reader has no name for is read as Pillow reads it."""
    whole = read(jpegs.ONE_BY_FOUR)
    assert np.array_equal(whole.pixels, of_pillow(jpegs.ONE_BY_FOUR)) and whole.note == ""
    assert "data" in refusal(jpegs.ONE_BY_FOUR[:-30] + END)


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_a_jpeg_within_a_tiff(place: float) -> None:
    """Strips of a TIFF that are JPEG are looked at as one by itself is."""
    raw = saved(smooth(120, 160), "TIFF", compression="jpeg")
    assert np.array_equal(read(raw).pixels, of_pillow(raw)) and not read(raw).note
    with Image.open(io.BytesIO(raw)) as image:
        tags: Any = image
        start, size = tags.tag_v2[273][0], tags.tag_v2[279][0]
    at = start + int(size * place)
    hurt = raw[:at] + END + raw[at + 2 :]
    assert "Corrupt JPEG data" in refusal(hurt)
    assert "made up by the decoder" in read(hurt, keep_damaged=True).note


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("planar", [1, 2])
@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("large", [False, True])
def test_strips_that_are_not_listed(channels: int, planar: int, tiled: bool, large: bool) -> None:
    """A TIFF that lists too few strips or tiles, or one at 0, is refused and not filled."""
    pixels = noise(40, 48, channels)
    raw = bytearray(tiff(pixels, "<", planar, rows=10, tiled=tiled, large=large))
    assert np.array_equal(read(bytes(raw)).pixels, pixels)
    tag = struct.pack("<HH", 324 if tiled else 273, 4)
    place = raw.index(tag) + 4
    offset = "Q" if large else "I"
    (count,) = struct.unpack_from(f"<{offset}", raw, place)
    (values,) = struct.unpack_from(f"<{offset}", raw, place + struct.calcsize(offset))
    unlisted, zero = bytearray(raw), bytearray(raw)
    struct.pack_into(f"<{offset}", unlisted, place, count - 1)
    struct.pack_into("<I", zero, values + 4 * (count - 1), 0)
    parts = "tiles" if tiled else "strips"
    for hurt in (unlisted, zero):
        told = f"one that is cut short ({count - 1} of {count} {parts})"
        assert refusal(bytes(hurt)) == told


@JPEG_2000
@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("boxes", [False, True])
def test_a_tile_that_is_missing(number: int, boxes: bool) -> None:
    """A JPEG 2000 without one of its tiles is refused, with how many there are."""
    raw = saved(noise(64, 80, 3), "JPEG2000", no_jp2=not boxes, tile_size=(32, 32))
    assert np.array_equal(read(raw).pixels, noise(64, 80, 3))
    place = raw.index(b"\xff\x90")
    for _ in range(number):
        place += struct.unpack_from(">I", raw, place + 6)[0]
    (length,) = struct.unpack_from(">I", raw, place + 6)
    assert refusal(raw[:place] + raw[place + length :]) == "one that is cut short (5 of 6 tiles)"


def test_a_palette_that_is_cut_off() -> None:
    """The numbers of colours in a PCX are no grays, even if its palette is gone."""
    file = io.BytesIO()
    Image.fromarray(smooth(24, 31)).quantize(64).save(file, "PCX")
    raw = file.getvalue()
    assert refusal(raw) == "a palette"
    for cut in (1, 400, 769):
        assert refusal(raw[:-cut]) == "one that is cut short"
    gray = saved(noise(24, 31), "PCX")
    assert np.array_equal(read(gray).pixels[..., 0], noise(24, 31))


def chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png(depth: int, before: bytes = b"") -> bytes:
    head = struct.pack(">IIBBBBB", 9, 8, depth, 2, 0, 0, 0)
    rows = b"".join(b"\0" + noise(9 * 3 * depth // 8).tobytes() for _ in range(8))
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return PNG + before + data


def test_the_header_of_a_png() -> None:
    """The depth of a PNG is that of its one header, not what stands in that place before it."""
    assert read(png(8)).pixels.shape == (8, 9, 3)
    assert read(png(16)).pixels.dtype == np.uint16
    disguise = chunk(b"tEXt", b"k\0" + b"a" * 6 + b"\x08\x02" + b"a" * 3)
    eight = chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 8, 8, 2, 0, 0, 0))
    for before in (disguise, eight):
        assert refusal(png(16, before)) == "other than one header, at the beginning"


def test_exif_that_cannot_be_read() -> None:
    """What says how the camera was held may be damaged: the pixels are there, as stored."""
    pixels = smooth(24, 32)
    bad = b"Exif\0\0no directory"
    assert np.array_equal(read(saved(pixels, "PNG", exif=bad)).pixels, pixels)
    raw = saved(pixels, "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", len(bad) + 2) + bad
    assert np.array_equal(read(raw[:2] + segment + raw[2:]).pixels, of_pillow(raw))


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("PNG", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {"lossless": True}),
        ("JPEG", {"progressive": True}),
        pytest.param("AVIF", {}, marks=pytest.mark.skipif(
            not features.check("avif"), reason="this Pillow has none")),
    ],
)  # fmt: skip
def test_orientation_in_every_format(form: str, options: dict[str, Any]) -> None:
    """All eight ways to hold a camera, as Pillow turns them."""
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        raw = saved(smooth(24, 32), form, exif=exif, **options)
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(raw)))
        assert np.array_equal(read(raw).pixels, np.asarray(upright)), orientation


def test_a_damaged_thumbnail() -> None:
    """The small picture within a JPEG is not the picture."""
    raw = saved(smooth(24, 32), "JPEG")
    small = saved(smooth(8, 8), "JPEG")[:-100]
    exif = struct.pack("<2sHIHHHIIHHIII", b"II", 42, 8, 0, 2, 0x201, 4, 1, 0x202, 4, 1, 0, 0)
    content = b"Exif\0\0" + exif + small
    segment = b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content
    assert np.array_equal(read(raw[:2] + segment + raw[2:]).pixels, of_pillow(raw))


def test_what_follows_a_jpeg() -> None:
    """Another JPEG behind the end, as phones put there, is not the picture and no damage."""
    raw = saved(smooth(24, 32), "JPEG")
    found = read(raw + saved(smooth(200, 300), "JPEG")[:900])
    assert np.array_equal(found.pixels, of_pillow(raw)) and found.note == ""


def test_colours_of_print() -> None:
    """CMYK, and YCCK, which is how it is mostly stored, are refused by name."""
    file = io.BytesIO()
    Image.fromarray(smooth(24, 32)).convert("CMYK").save(file, "JPEG")
    raw = file.getvalue()
    assert refusal(raw) == "the colours of print, CMYK"
    adobe = raw.index(b"Adobe") + 11
    assert refusal(raw[:adobe] + b"\2" + raw[adobe + 1 :]) == "the colours of print, CMYK"


def test_several_pictures_in_one_netpbm() -> None:
    """A second picture behind the first is told; other bytes are not."""
    raw = saved(noise(4, 5, 3), "PPM")
    assert refusal(raw + raw) == "several pictures in one file"
    assert read(raw + b"\n").pixels.shape == (4, 5, 3)


def test_a_comment_within_the_largest_value() -> None:
    """Decoders join the digits on both sides of a comment: 255 and 5 are 2555."""
    raw = b"P6 8 6 255#\n5\n" + bytes(8 * 6 * 6)
    assert refusal(raw) == "a header without a largest value"


@pytest.mark.parametrize("head", [b"Pf\n8 6\n-1.0\n", b"PF\n8 6\n-1.0\n"])
def test_floats_of_netpbm(head: bytes) -> None:
    """Floats are refused as floats."""
    assert refusal(head + bytes(8 * 6 * 12)) == "floats"


def bmp(bits: int, packing: int = 0, masks: tuple[int, ...] = ()) -> bytes:
    data = noise(6, 8 * bits // 8).tobytes()
    place = 54 + 4 * len(masks)
    head = struct.pack("<2sIHHI", b"BM", place + len(data), 0, 0, place)
    size = struct.pack("<IiiHHIIiiII", 40, 8, 6, 1, bits, packing, len(data), 0, 0, 0, 0)
    return head + size + struct.pack(f"<{len(masks)}I", *masks) + data


def test_depth_of_bmp() -> None:
    """Fewer or more bits than 8 are refused, whether a mask says so or the number of bits."""
    assert read(bmp(32)).pixels.shape == (6, 8, 3)
    assert read(bmp(32, 3, (0xFF0000, 0xFF00, 0xFF))).pixels.shape == (6, 8, 3)
    assert refusal(bmp(16)) == "5 bits for each channel"
    assert refusal(bmp(16, 3, (0xF800, 0x7E0, 0x1F))) == "5 bits for each channel"
    assert refusal(bmp(32, 3, (0x3FF00000, 0xFFC00, 0x3FF))) == "10 bits for each channel"


@pytest.mark.parametrize(
    ("kind", "bits", "mode"), [(2, 24, "RGB"), (2, 32, "RGBA"), (3, 8, "L"), (3, 16, "LA"),
                               (2, 16, "")]
)  # fmt: skip
def test_depth_of_tga(kind: int, bits: int, mode: str) -> None:
    """16 bits for a pixel are 5 for each colour, but 8 of gray and 8 of alpha."""
    raw = struct.pack("<BBBHHBHHHHBB", 0, 0, kind, 0, 0, 0, 0, 0, 8, 6, bits, 0)
    raw += noise(6 * 8 * bits // 8).tobytes()
    if mode:
        assert read(raw).mode == mode
    else:
        assert refusal(raw) == "5 bits for each channel"


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\xff\x0a\xfa\x7f", "JPEG XL"),
        (b"8BPS\0\1" + bytes(40), "PSD"),
        (b"P7\nWIDTH 8\nHEIGHT 6\nDEPTH 3\nMAXVAL 255\nENDHDR\n", "PAM"),
    ],
)
def test_formats_that_are_known_by_name(raw: bytes, name: str) -> None:
    """A format that is none of those that can be read is called what it is, and not damaged."""
    with pytest.raises(BadInput, match=rf"one of AVIF, BMP.*, got {name}$"):
        read(raw)


@pytest.fixture
def told(tmp_path: Path) -> Callable[[list[tuple[int, int]]], list[tuple[str, str, str]]]:
    """The faults of pictures of given heights and widths: file, expected, got."""

    def told(sizes: list[tuple[int, int]]) -> list[tuple[str, str, str]]:
        (tmp_path / "d").mkdir(exist_ok=True)
        paths = [tmp_path / "d" / f"{number:02}.png" for number in range(len(sizes))]
        for path, size in zip(paths, sizes, strict=True):
            path.write_bytes(saved(noise(*size, 3), "PNG"))
        source = ImagesSource(name="x", root=tmp_path, kind="images", path="d")
        with pytest.raises(InputError) as caught:
            block_of(source, paths)
        return [
            (fault.file.removeprefix("d/"), fault.expected, fault.got)
            for fault in caught.value.faults
        ]

    return told


@pytest.mark.filterwarnings("error")
def test_one_size_that_is_not_the_usual(told: Any) -> None:
    """The odd one is named, though it is the first; not all the others."""
    usual = "4 x 5 pixels with 3 channels"
    assert told([(9, 9), (4, 5), (4, 5)]) == [
        (
            "00.png",
            f"{usual} as in 01.png (or resize = [height, width])",
            "9 x 9 pixels with 3 channels",
        )
    ]


def test_sizes_are_counted(told: Any) -> None:
    """Of several odd sizes the message says how many pictures have each, then which."""
    faults = told([(4, 5), (4, 6), (4, 5), (9, 9), (4, 6), (4, 5)])
    assert faults[0] == (
        "",
        "one of all samples (or resize = [height, width]; on_bad = 'quarantine' leaves out the "
        "others)",
        "3 sizes: 3 of 4 x 5 pixels with 3 channels, 2 of 4 x 6 pixels with 3 channels, "
        "1 of 9 x 9 pixels with 3 channels",
    )
    assert [file for file, _, _ in faults[1:]] == ["01.png", "03.png", "04.png"]
    many = told([(1, width) for width in range(1, 31)])
    assert len(many) == 20 and many[0][2].startswith("30 sizes: 1 of ")
    assert many[0][2].endswith("24 more sizes") and len(many[0][2]) < 300


def test_few_pictures_are_decoded_ahead() -> None:
    """However many files there are, only a few are begun before those before them are taken."""
    started = []
    ahead = gathering._in_threads(lambda number: started.append(number) or number, 1000)
    for number in range(1000):
        assert next(ahead) == number
        assert len(started) <= number + 1 + gathering.TOGETHER * (gathering.AHEAD + 2)
    assert sorted(started) == list(range(1000))


def test_reading_that_fails_is_no_damage(tmp_path: Path) -> None:
    """What the system cannot read passes as the system's own error; so does a lack of memory."""
    source = ImagesSource(name="x", root=tmp_path, kind="images", path="x")
    (tmp_path / "x").mkdir()
    with pytest.raises(IsADirectoryError):
        block_of(source, [tmp_path / "x"])


def test_lack_of_memory_is_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that has no memory left says nothing of the picture."""

    def none_left(*_: object) -> None:
        raise MemoryError

    raw = saved(smooth(24, 32), "PNG")
    monkeypatch.setattr(Image.Image, "load", none_left)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", none_left)
    with pytest.raises(MemoryError):
        read(raw)
