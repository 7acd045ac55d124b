"""A picture is what its bytes say, 8 bits for each channel, or it is refused for what it is."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from ptm.errors import BadInput, InputError
from ptm.kinds.images import Options as ImagesSource
from ptm.readers.pictures.decoding import decode
from tests.support.kinds import block_of
from tests.support.pictures import noise, read, refusal, saved, smooth
from tests.support.tiffs import tiff

pytestmark = [
    pytest.mark.filterwarnings("ignore:Corrupt EXIF|Truncated File"),  # of Pillow, of what is cut
    pytest.mark.filterwarnings("ignore:IM image format"),
]


LAYOUTS = list(itertools.product("<>", (1, 2), (False, True), (0, 7), (False, True)))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("order", "planar", "deflate", "rows", "tiled"), LAYOUTS)
def test_every_layout_of_tiff(
    channels: int, order: str, planar: int, deflate: bool, rows: int, tiled: bool
) -> None:
    """8 bits side by side or by channel, in strips or tiles, in either order: what was planted."""
    pixels = noise(37, 45, channels)
    raw = tiff(pixels, order, planar, deflate, rows, tiled)
    assert np.array_equal(read(raw).pixels, pixels[..., :3])


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    ("dtype", "got"),
    [
        ("u4", "32 bits for each channel"),
        ("i1", "signed integers of 8 bits for each channel"),
        ("i2", "signed integers of 16 bits for each channel"),
        ("f8", "floats of 64 bits for each channel"),
    ],
)
def test_tiffs_that_are_too_deep(dtype: str, got: str, channels: int, large: bool) -> None:
    """More bits and signs are refused by what they are, in every layout, BigTIFF too."""
    pixels = noise(20, 30, channels).astype(dtype)
    for order, planar, deflate, rows, tiled in LAYOUTS[:: 1 if channels == 3 else 7]:
        assert refusal(tiff(pixels, order, planar, deflate, rows, tiled, large)) == got


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_deep_tiffs(dtype: str, channels: int, large: bool) -> None:
    """16 bits and float32 come out to the last bit, in every layout, BigTIFF too."""
    pixels = noise(37, 45, channels).astype(dtype) * 257 + 3
    for order, planar, deflate, rows, tiled in LAYOUTS:
        found = read(tiff(pixels, order, planar, deflate, rows, tiled, large))
        assert found.pixels.dtype == dtype
        assert np.array_equal(found.pixels, pixels[..., :3])


def netpbm(kind: int, most: int, comment: bytes = b"") -> bytes:
    channels = 3 if kind in (3, 6) else 1
    values = np.linspace(0, most, 4 * 5 * channels).astype(int)
    head = b"P%d\n%b5 4\n%b%d\n" % (kind, comment, comment, most)
    if kind < 4:
        return head + b" ".join(b"%d" % value for value in values)
    return head + values.astype(">u2" if most > 255 else "u1").tobytes()


@pytest.mark.parametrize("kind", [2, 3, 5, 6])
@pytest.mark.parametrize("comment", [b"", b"# 255 of 8 bits\n"])
def test_largest_value_of_netpbm(kind: int, comment: bytes) -> None:
    """Only 255 and 65535 are taken; others would be stretched or cut without a word."""
    for most, dtype in ((255, np.uint8), (65535, np.uint16)):
        right = np.linspace(0, most, 4 * 5 * (3 if kind in (3, 6) else 1)).astype(int)
        found = read(netpbm(kind, most, comment)).pixels
        assert found.dtype == dtype and found.ravel().tolist() == right.tolist()
    for most in (1, 15, 254, 256, 1023, 65534):
        assert refusal(netpbm(kind, most, comment)) == f"values from 0 to {most}"


def sgi(bytes_per_channel: int) -> bytes:
    pixels = noise(3, 4, 5).astype(f">u{bytes_per_channel}")
    head = struct.pack(">HBBHHHHII", 474, 0, bytes_per_channel, 3, 5, 4, 3, 0, 255)
    return head.ljust(512, b"\0") + pixels.tobytes()


def test_depth_of_sgi() -> None:
    """Two bytes for each channel are refused, one is read."""
    assert read(sgi(1)).pixels.shape == (4, 5, 3)
    assert refusal(sgi(2)) == "16 bits for each channel"


@pytest.mark.skipif(not features.check("jpg_2000"), reason="this Pillow has no JPEG 2000")
@pytest.mark.parametrize("boxes", [False, True])
def test_depth_of_jpeg_2000(boxes: bool) -> None:
    """Depth and sign stand in the codestream, alone or in a box; 16 bits and signs are refused."""
    raw = saved(noise(20, 30, 3), "JPEG2000", no_jp2=not boxes)
    place = raw.index(b"\xff\x4f\xff\x51") + 42  # Ssiz of the first channel
    assert read(raw).pixels.shape == (20, 30, 3)
    for depth, got in ((0x0F, "16 bits for each channel"), (0x87, "signed integers")):
        assert refusal(raw[:place] + bytes([depth]) + raw[place + 1 :]) == got
    file = io.BytesIO()
    Image.fromarray(noise(20, 30).astype(np.uint16) * 257).save(file, "JPEG2000", no_jp2=not boxes)
    assert refusal(file.getvalue()) == "16 bits for each channel"


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_depth_of_avif() -> None:
    """10 and 12 bits, which a decoder hands out as 8, are refused by what the header says."""
    raw = saved(smooth(32, 40), "AVIF")
    place = raw.index(b"av1C") + 6
    assert read(raw).pixels.shape == (32, 40, 3)
    for bits, got in ((0x40, "10"), (0x60, "12")):
        deep = raw[:place] + bytes([raw[place] | bits]) + raw[place + 1 :]
        assert refusal(deep) == f"{got} bits for each channel"
    assert refusal(raw.replace(b"av1C", b"free")) in ("an unknown depth", NO_IMAGE)


NO_IMAGE = "bytes that are no image, or a damaged one"


def test_depth_of_jpeg() -> None:
    """A JPEG of 12 bits is refused as that, and not as damaged."""
    raw = saved(smooth(16, 16), "JPEG")
    place = raw.index(b"\xff\xc0") + 4
    assert refusal(raw[:place] + b"\x0c" + raw[place + 1 :]) == "12 bits for each channel"


@pytest.mark.parametrize("form", ["ICNS", "EPS", "IM", "SPIDER", "DDS"])
def test_formats_whose_depth_is_not_known(form: str) -> None:
    """What is not on the list is refused by its name: no other program is run to draw it."""
    pixels = noise(16, 16, 3) if form != "SPIDER" else noise(16, 16)
    image = Image.fromarray(pixels)
    file = io.BytesIO()
    (image.convert("F") if form == "SPIDER" else image).save(file, form)
    assert refusal(file.getvalue()) == form


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("restart", [0, 1])
@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1"])
def test_jpeg_as_pillow(gray: bool, progressive: bool, restart: int, sampling: str) -> None:
    """Every form of JPEG gives the bits that Pillow gives, a second user of the same library."""
    image = Image.fromarray(smooth(97, 131)).convert("L" if gray else "RGB")
    file = io.BytesIO()
    image.save(
        file,
        "JPEG",
        quality=85,
        subsampling=sampling,
        progressive=progressive,
        restart_marker_rows=restart,
    )
    raw = file.getvalue()
    right = np.asarray(Image.open(io.BytesIO(raw)))
    found = read(raw)
    assert np.array_equal(found.pixels.squeeze(), right) and found.note == ""
    assert found.pixels.shape == (97, 131, 1 if gray else 3)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
def test_a_jpeg_that_ends_early(progressive: bool, end: bytes) -> None:
    """Cut anywhere in its data, with an end marker behind or not: refused, or kept with a note."""
    raw = saved(smooth(200, 300), "JPEG", quality=90, progressive=progressive)
    data = raw.index(b"\xff\xda") + 20
    for place in range(data, len(raw) - 20, max((len(raw) - data) // 25, 1)):
        cut = raw[:place] + end
        assert "data" in refusal(cut) or "JPEG" in refusal(cut)
        kept = read(cut, keep_damaged=True)
        assert "made up by the decoder" in kept.note and kept.pixels.shape == (200, 300, 3)


def test_a_jpeg_whose_data_are_corrupt() -> None:
    """A marker in the middle of the data, which libjpeg leaps over with a warning, is refused."""
    raw = saved(smooth(200, 300), "JPEG", quality=90)
    middle = (raw.index(b"\xff\xda") + len(raw)) // 2
    hurt = raw[:middle] + b"\xff\xd9" + raw[middle + 2 :]
    assert "Corrupt JPEG data" in refusal(hurt)


def test_what_stands_behind_a_jpeg() -> None:
    """Bytes behind the end marker are no damage."""
    raw = saved(smooth(20, 30), "JPEG")
    assert read(raw + b"\0" * 100).note == ""


WHOLE = {
    "png": saved(noise(24, 31, 3), "PNG"),
    "tiff": saved(noise(24, 31, 3), "TIFF"),
    "tiff lzw": saved(noise(24, 31, 3), "TIFF", compression="tiff_lzw"),
    "tiff deflate": saved(noise(24, 31, 3), "TIFF", compression="tiff_adobe_deflate"),
    "ppm": saved(noise(24, 31, 3), "PPM"),
    "bmp": saved(noise(24, 31, 3), "BMP"),
    "tga": saved(noise(24, 31, 3), "TGA"),
    "tga rle": saved(smooth(24, 31), "TGA", compression="tga_rle"),
    "pcx": saved(smooth(24, 31), "PCX"),
    "sgi": saved(noise(24, 31, 3), "SGI"),
    "webp": saved(noise(24, 31, 3), "WEBP", lossless=True),
    "webp lossy": saved(smooth(24, 31), "WEBP"),
    "gif": saved(np.arange(256, dtype=np.uint8).reshape(16, 16), "GIF"),
    "jpeg 2000": saved(noise(24, 31, 3), "JPEG2000"),
    "jpeg": saved(smooth(24, 31), "JPEG"),
}


@pytest.mark.parametrize("form", WHOLE)
def test_cut_anywhere(form: str) -> None:
    """A file of any format cut anywhere is refused, or all its pixels were there already."""
    raw = WHOLE[form]
    right = read(raw).pixels
    for place in range(0, len(raw), max(len(raw) // 150, 1)):
        with suppress(BadInput):
            assert np.array_equal(read(raw[:place]).pixels, right), place


def test_every_byte_of_a_png() -> None:
    """A PNG with any one byte changed is refused: each part of it has a checksum."""
    raw = WHOLE["png"]
    end = len(raw) - 12  # the last part says only that it is the last
    for place in range(0, end, 3):
        hurt = raw[:place] + bytes([raw[place] ^ 0x10]) + raw[place + 1 :]
        with pytest.raises(BadInput):
            read(hurt)


def test_a_damaged_png_with_a_note() -> None:
    """With `on_damage = "note"` a PNG is kept whose checksum is wrong, and says so."""
    raw = WHOLE["png"]
    place = raw.rindex(b"IEND") - 5  # the last byte of the checksum of the pixels
    hurt = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
    assert refusal(hurt) == "damaged data (the checksum of its chunk 'IDAT')"
    kept = read(hurt, keep_damaged=True)
    assert np.array_equal(kept.pixels, noise(24, 31, 3)) and "checksum" in kept.note


def huge(side: int, channels: int = 3) -> bytes:
    """A PNG that says it is so large, and has next to nothing in it."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = struct.pack(">IIBBBBB", side, side, 8, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 999)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_size_before_decoding() -> None:
    """A picture above the limit is refused by what its header says, with the figure."""
    with pytest.raises(BadInput) as caught:
        read(huge(13_300, 4))
    assert caught.value.expected == "at most 536.9 MB of pixels (or max_bytes = 707560000)"
    assert caught.value.got == "13300 x 13300 pixels with 4 channels, 707.6 MB"


def test_only_the_limit_of_ptm_counts() -> None:
    """Above Pillow's own limit of pixels it is still the file that is wrong; the limit is back."""
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(BadInput) as caught:
        decode(huge(15_000, 1), 1 << 40, False)
    assert caught.value.got in ("one that is cut short", "damaged data", NO_IMAGE)
    assert before is not None and before == Image.MAX_IMAGE_PIXELS


def source(root: Path, **options: Any) -> ImagesSource:
    return ImagesSource(name="x", root=root, kind="images", path="d", **options)


def test_all_bad_files_are_told(tmp_path: Path) -> None:
    """One run names every file that is wrong, whatever is wrong with it, and every other size."""
    (tmp_path / "d").mkdir()
    files = {
        "0.png": saved(noise(9, 9, 3), "PNG"),
        "1.png": b"",
        "2.tif": tiff(noise(9, 9, 3).astype("i2")),
        "3.jpg": saved(smooth(90, 90), "JPEG")[:900],
        "4.png": saved(noise(9, 8, 3), "PNG"),
        "5.png": saved(noise(9, 9, 3), "PNG"),
    }
    for name, raw in files.items():
        (tmp_path / "d" / name).write_bytes(raw)
    with pytest.raises(InputError) as caught:
        block_of(source(tmp_path), [tmp_path / "d" / name for name in files])
    assert [(one.file, one.got) for one in caught.value.faults] == [
        ("d/1.png", "an empty file"),
        ("d/2.tif", "signed integers of 16 bits for each channel"),
        ("d/3.jpg", "damaged data (Premature end of JPEG file)"),
        ("d/4.png", "9 x 8 pixels with 3 channels"),
    ]
    expected = "9 x 9 pixels with 3 channels as in 0.png (or resize = [height, width])"
    assert caught.value.faults[3].expected == expected


def test_damage_is_noted(tmp_path: Path) -> None:
    """With `on_damage = "note"` the damaged picture is in the batch, and a warning names it."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "0.jpg").write_bytes(saved(smooth(90, 90), "JPEG"))
    (tmp_path / "d" / "1.jpg").write_bytes(saved(smooth(90, 90), "JPEG")[:-300])
    paths = [tmp_path / "d" / "0.jpg", tmp_path / "d" / "1.jpg"]
    content = block_of(source(tmp_path, on_damage="note"), paths)
    assert content.tensors["images"].shape == (2, 3, 90, 90)
    [warning] = content.notes
    assert warning.endswith("made up by the decoder (1.jpg)")
