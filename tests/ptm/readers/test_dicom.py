"""One DICOM slice: the fast walk over the header reads what pydicom reads, however it is stored."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from ptm.errors import Faults
from ptm.readers.dicom.demands import check
from ptm.readers.dicom.elements import HEAD, WANTED, More, Unknown, read_meta, walk
from ptm.readers.dicom.pixels import rescale
from ptm.readers.dicom.pixels import stored as stored_pixels
from ptm.readers.dicom.slices import Slice, read_header
from ptm.source import GIB

Write = Callable[..., Path]
CT = "p1ch4/volumetric-dicom/2-LUNG 3.0  B70f-04083"


def stored(dtype: str, *shape: int) -> np.ndarray:
    """Pixels over the whole range of a type."""
    limits = np.iinfo(dtype)
    rng = np.random.default_rng(0)
    return rng.integers(limits.min, limits.max, shape or (5, 7), dtype=dtype, endpoint=True)


def read(path: Path) -> Slice:
    """The header of one file, checked."""
    found, faults = read_header(path, path.name, GIB), Faults()
    for fault in check(found):
        faults.add(fault)
    faults.check()
    return found


def by_pydicom(path: Path) -> tuple[dict[str, Any], np.ndarray]:
    """The wanted values of a file that have one, and its pixels, as pydicom reads them."""
    dataset = pydicom.dcmread(path)
    values = {name: dataset.get(name) for name in WANTED.values()}
    values["TransferSyntaxUID"] = dataset.file_meta.TransferSyntaxUID
    header = {
        name: tuple(value) if isinstance(value, pydicom.multival.MultiValue) else value
        for name, value in values.items()
        if value is not None
    }
    return header, dataset.pixel_array


def walked(path: Path) -> bool:
    """Whether the elements of a file are walked as they stand in it."""
    raw = path.read_bytes()
    elements, place = read_meta(raw)
    try:
        walk(raw, len(raw), place, elements)
    except (Unknown, More, struct.error):
        return False
    return elements.place is not None and elements.length is not None


def assert_equal(path: Path, fast: bool) -> None:
    """The file takes the road that it should, and both roads end at the same values."""
    header, pixels = by_pydicom(path)
    found = read(path)
    assert walked(path) == fast
    assert found.header == header
    assert np.array_equal(stored_pixels(found), pixels)


def nested(undefined: bool) -> Sequence:
    """Two items with values of wanted tags, and a sequence with more of them inside."""
    items = []
    for number in range(2):
        inner, item = Dataset(), Dataset()
        inner.PixelSpacing, inner.RescaleIntercept = [9, 9], 5 + number
        item.SeriesInstanceUID, item.Rows, item.RescaleSlope = "9.9", 99, 7
        item.ReferencedImageSequence = Sequence([inner])
        item["ReferencedImageSequence"].is_undefined_length = undefined
        inner.is_undefined_length_sequence_item = undefined
        item.is_undefined_length_sequence_item = undefined
        items.append(item)
    return Sequence(items)


def icon(undefined: bool) -> Sequence:
    """A small picture with pixel data of its own, as some scanners put into the header."""
    item = Dataset()
    item.Rows = item.Columns = 2
    item.add_new("PixelData", "OW", b"\x01\x00" * 4)
    item.is_undefined_length_sequence_item = undefined
    return Sequence([item])


def test_sample_files(sample: Path) -> None:
    """Every sample slice is walked fast and read as pydicom reads it."""
    for path in sorted((sample / CT).iterdir()):
        assert_equal(path, fast=True)


def test_book_files(book: Path) -> None:
    """Every slice of the book is walked fast and read as pydicom reads it."""
    for path in sorted((book / CT).iterdir()):
        assert_equal(path, fast=True)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32"])
def test_pixel_types(write_dicom: Write, dtype: str) -> None:
    """Pixels of 8, 16 and 32 bits, signed or not, over their whole range."""
    assert_equal(write_dicom("a.dcm", stored(dtype)), fast=True)


def test_padded_pixels(write_dicom: Write) -> None:
    """An odd number of 8-bit pixels is padded to an even length; the padding is no pixel."""
    path = write_dicom("a.dcm", stored("uint8", 3, 3))
    assert_equal(path, fast=True)
    assert stored_pixels(read(path)).shape == (3, 3)


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian],
    ids=lambda syntax: syntax.name,
)
@pytest.mark.parametrize("dtype", ["uint8", "int16"])
def test_other_encodings(write_dicom: Write, syntax: pydicom.uid.UID, dtype: str) -> None:
    """Implicit VR, deflated and big endian files go through pydicom, to the same values."""
    pixels = stored(dtype)
    path = write_dicom("a.dcm", pixels, syntax)
    assert_equal(path, fast=False)
    assert np.array_equal(stored_pixels(read(path)), pixels)


def test_compressed(write_dicom: Write) -> None:
    """Run-length compressed pixels are decoded."""
    pixels = stored("uint16", 16, 16)
    path = write_dicom("a.dcm", pixels)
    dataset = pydicom.dcmread(path)
    dataset.compress(RLELossless)
    dataset.save_as(path)
    assert_equal(path, fast=False)
    assert np.array_equal(stored_pixels(read(path)), pixels)


@pytest.mark.parametrize("undefined", [True, False], ids=["undefined length", "defined length"])
def test_sequences(write_dicom: Write, undefined: bool) -> None:
    """Wanted tags inside sequences, however deep, are not taken for the slice's own."""
    pixels = stored("uint16")
    path = write_dicom(
        "a.dcm",
        pixels,
        ReferencedSeriesSequence=nested(undefined),
        IconImageSequence=icon(undefined),
    )
    dataset = pydicom.dcmread(path)
    for name in ("ReferencedSeriesSequence", "IconImageSequence"):
        dataset[name].is_undefined_length = undefined
    dataset.save_as(path)
    marks = path.read_bytes().count(b"\xfe\xff\xdd\xe0")
    assert marks == (4 if undefined else 0)
    assert_equal(path, fast=True)
    assert read(path).header["RescaleSlope"] == 1
    assert read(path).shape == pixels.shape


def test_long_header(write_dicom: Write) -> None:
    """A header longer than what is read at first is read whole, wherever that cuts it."""
    pixels = stored("uint16")
    plain = write_dicom("plain.dcm", pixels)
    for padding in (*range(HEAD - plain.stat().st_size, HEAD, 26), 3 * HEAD):
        dataset = pydicom.dcmread(plain)
        dataset.private_block(0x0009, "PADDING", create=True).add_new(1, "OB", bytes(padding))
        dataset.save_as(plain.with_name("a.dcm"))
        assert_equal(plain.with_name("a.dcm"), fast=True)


def test_rescaling_text(write_dicom: Write) -> None:
    """Slope and intercept with a sign, a fraction or an exponent are the numbers they spell."""
    path = write_dicom("a.dcm", stored("uint16"), RescaleSlope="+1.25e-2", RescaleIntercept="-12.5")
    assert_equal(path, fast=True)
    assert read(path).header["RescaleSlope"] == 0.0125


@pytest.mark.parametrize("thickness", [None, ""], ids=["absent", "empty"])
def test_thickness_is_optional(write_dicom: Write, thickness: str | None) -> None:
    """A header without a thickness, or with an empty one, is a slice, of no known thickness."""
    path = write_dicom("a.dcm", stored("uint16"), SliceThickness=thickness)
    assert_equal(path, fast=True)
    assert read(path).thickness_mm is None


def test_hounsfield(write_dicom: Write) -> None:
    """Hounsfield units are stored * slope + intercept; the smallest and largest are told."""
    pixels = np.array([[0, 1], [10, -20]], dtype=np.int16)
    out = np.empty((2, 2), dtype=np.float32)
    for slope, ends, values in (
        ("0.5", (-1034, -1019), [[-1024, -1023.5], [-1019, -1034]]),
        ("-1", (-1034, -1004), [[-1024, -1025], [-1034, -1004]]),
        ("1", (-1044, -1014), [[-1024, -1023], [-1014, -1044]]),
    ):
        path = write_dicom("a.dcm", pixels, RescaleSlope=slope, RescaleIntercept="-1024")
        assert rescale(read(path), out)[:2] == ends
        assert out.tolist() == values


def test_12_signed_bits_without_extension(write_dicom: Write) -> None:
    """Signed pixels of 12 bits are negative by bit 11, whatever stands in the four bits above."""
    values = np.array([[-1000, -1], [0, 2047]], dtype=np.int16)
    twelve = (values & 0x0FFF).astype(np.int16)
    path = write_dicom("a.dcm", twelve, BitsStored=12, HighBit=11)
    assert np.array_equal(by_pydicom(path)[1], values)
    assert np.array_equal(stored_pixels(read(path)), values)


def test_overlay_in_the_unused_bits(write_dicom: Write) -> None:
    """Bits above those stored, where old scanners keep an overlay, are no part of a pixel."""
    values = np.array([[0, 1], [1024, 4095]], dtype=np.uint16)
    path = write_dicom("a.dcm", values | 0x8000, BitsStored=12, HighBit=11)
    assert np.array_equal(by_pydicom(path)[1], values)
    assert np.array_equal(stored_pixels(read(path)), values)
