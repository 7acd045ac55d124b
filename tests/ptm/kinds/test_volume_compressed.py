"""Pixels of slices that are compressed: what decodes them, and what a decoder hides."""

from __future__ import annotations

import errno
import logging
import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import encapsulate

from ptm.errors import InputError
from ptm.model import Block
from tests.support.slices import PIXELS, slice_bytes

Make = Callable[..., Block]


def jpeg2000(pixels: np.ndarray, keep: int | None = None, **changes: Any) -> bytes:
    """A slice compressed as JPEG 2000, of whose data the first bytes may be all that is kept."""
    return _compressed(pixels, "JPEG2000", "1.2.840.10008.1.2.4.90", keep, **changes)


def jpeg(pixels: np.ndarray, keep: int | None = None) -> bytes:
    """A slice of 8 bits compressed as JPEG; where it is cut, an end is put behind."""
    rows, columns = pixels.shape
    depth = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "Rows": rows, "Columns": columns}
    return _compressed(pixels, "JPEG", "1.2.840.10008.1.2.4.50", keep, **depth)


def _compressed(
    pixels: np.ndarray, kind: str, syntax: str, keep: int | None, **changes: Any
) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, kind)
    data = file.getvalue()[:keep] + (b"\xff\xd9" if keep and kind == "JPEG" else b"")
    dataset = pydicom.dcmread(BytesIO(slice_bytes(PixelRepresentation=0, **changes)))
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([data])
    dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    made = BytesIO()
    dataset.save_as(made)
    return made.getvalue()


def test_compressed_pixels_say_their_own_size(make: Make, tmp_path: Path) -> None:
    """Compressed data of another size than rows and columns are named before they are decoded."""
    right = PIXELS.astype(np.uint16)
    (tmp_path / "1.dcm").write_bytes(jpeg2000(right))
    volume = make("volume", "1.dcm").tensors["volume"][0, 0].numpy()
    assert np.array_equal(volume, right.astype(np.float32) - 1024)
    (tmp_path / "1.dcm").write_bytes(jpeg2000(np.zeros((3000, 2000), np.uint16)))
    with pytest.raises(InputError, match=r"expected 8 x 8 pixels.*got 3000 x 2000 of 1"):
        make("volume", "1.dcm")


def test_run_lengths_are_added_up_before(make: Make, tmp_path: Path) -> None:
    """Runs that would become far more than the pixels are named; those that fit are decoded."""
    raw = slice_bytes(stored="rle")
    (tmp_path / "1.dcm").write_bytes(raw)
    assert make("volume", "1.dcm", max_bytes=len(raw)).tensors["volume"][0, 0, 0, 1] == -1014
    frame = struct.pack("<16I", 1, 64, *[0] * 14) + b"\x81\0" * 40_000
    item = raw.index(b"\xfe\xff\0\xe0", raw.index(b"\xfe\xff\0\xe0") + 1)
    bomb = raw[: item + 4] + struct.pack("<I", len(frame)) + frame + b"\xfe\xff\xdd\xe0\0\0\0\0"
    (tmp_path / "1.dcm").write_bytes(bomb)
    with pytest.raises(InputError, match=r"expected 128 bytes of pixels.*got 5120000"):
        make("volume", "1.dcm", max_bytes=1 << 20)


def test_a_compressed_file_that_is_too_long(make: Make, tmp_path: Path) -> None:
    """It would be read whole, so its size is looked at first."""
    (tmp_path / "1.dcm").write_bytes(slice_bytes(stored="rle") + bytes(5000))
    with pytest.raises(InputError, match=r"expected a file of at most .*max_bytes"):
        make("volume", "1.dcm", max_bytes=1000)


def test_compressed_pixels_cut_short(make: Make, tmp_path: Path) -> None:
    """A compressed file that is cut anywhere in its pixels is named as that."""
    whole = jpeg2000(PIXELS.astype(np.uint16))
    for size in range(len(whole) - 150, len(whole), 11):
        (tmp_path / "1.dcm").write_bytes(whole[:size])
        with pytest.raises(InputError, match="cut short"):
            make("volume", "1.dcm")


def test_damage_that_a_decoder_hides(make: Make, tmp_path: Path) -> None:
    """Half a JPEG with an end behind it, which decodes to gray rows, is refused."""
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    whole = BytesIO()
    Image.fromarray(pixels).save(whole, "JPEG")
    (tmp_path / "1.dcm").write_bytes(jpeg(pixels))
    volume = make("volume", "1.dcm").tensors["volume"][0, 0].numpy()
    with Image.open(whole) as image:
        assert np.array_equal(volume, np.asarray(image).astype(np.float32) - 1024)
    (tmp_path / "1.dcm").write_bytes(jpeg(pixels, whole.tell() // 2))
    with pytest.raises(InputError, match=r"expected a whole DICOM slice.*got damaged data"):
        make("volume", "1.dcm")


def test_jpeg_2000_that_ends_early(make: Make, tmp_path: Path) -> None:
    """Data of whole items that end before their own mark are refused."""
    whole = BytesIO()
    Image.fromarray(PIXELS.astype(np.uint16)).save(whole, "JPEG2000")
    for keep in range(whole.tell() - 40, whole.tell() - 2, 7):
        (tmp_path / "1.dcm").write_bytes(jpeg2000(PIXELS.astype(np.uint16), keep))
        with pytest.raises(InputError, match="expected a whole DICOM slice"):
            make("volume", "1.dcm")


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        ("1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 High Profile"),  # pydicom knows none
        ("1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000"),  # it does, and lacks a package
        ("1.2.3.4", "1.2.3.4"),
    ],
)
def test_no_decoder(make: Make, tmp_path: Path, syntax: str, name: str) -> None:
    """An encoding that nothing here decodes is named, and that a decoder is lacking."""
    slice_ = pydicom.dcmread(BytesIO(jpeg2000(PIXELS.astype(np.uint16))))
    slice_.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    slice_.save_as(tmp_path / "1.dcm", enforce_file_format=False)
    with pytest.raises(InputError) as raised:
        make("volume", "1.dcm")
    text = str(raised.value)
    assert name in text and "(no decoder for it is installed)" in text and "1.dcm" in text


def test_a_decoder_that_fails(make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Damaged compressed pixels are bad input, told once and not in a log beside."""
    raw = bytearray(jpeg2000(PIXELS.astype(np.uint16)))
    place = raw.index(b"\xff\x93") + 2
    raw[place : place + 40] = b"\xff" * 40
    (tmp_path / "1.dcm").write_bytes(raw)
    with caplog.at_level(logging.DEBUG), pytest.raises(InputError, match="JPEG 2000"):
        make("volume", "1.dcm")
    assert not caplog.records


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.EMFILE, "Too many open files")])
def test_what_fails_in_a_decoder_may_pass(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Memory or files that run out while pixels are decoded are not told as damage."""
    from PIL import Jpeg2KImagePlugin

    (tmp_path / "1.dcm").write_bytes(jpeg2000(PIXELS.astype(np.uint16)))

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(Jpeg2KImagePlugin.Jpeg2KImageFile, "load", fail)
    with pytest.raises(type(error)) as caught:
        make("volume", "1.dcm")
    assert caught.value is error
