"""Headers that are faulty or incomplete are named, however they are stored; none is guessed at."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptm.errors import InputError
from ptm.model import Block
from ptm.readers.dicom.pixels import stored as stored_pixels
from ptm.readers.dicom.slices import read_header
from ptm.source import GIB
from tests.support.slices import CT, PIXELS, SYNTAXES, slice_bytes

Make = Callable[..., Block]
stored_in = pytest.mark.parametrize("stored", SYNTAXES)

FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no sign": ({"PixelRepresentation": None}, "got no PixelRepresentation"),
    "an empty sign": ({"PixelRepresentation": b""}, "got no PixelRepresentation"),
    "a sign of 2": (
        {"PixelRepresentation": 2},
        "PixelRepresentation to be a number, 0 or 1, got 2",
    ),
    "0 bits stored": ({"BitsStored": 0}, "BitsStored to be a positive whole number, got 0"),
    "more bits stored than there are": ({"BitsStored": 17, "HighBit": 16}, "got BitsStored 17"),
    "no bits stored": ({"BitsStored": None}, "got no BitsStored"),
    "a high bit aside": ({"BitsStored": 12}, "BitsStored 12, HighBit 15"),
    "no high bit": ({"HighBit": None}, "got no HighBit"),
    "no rows": ({"Rows": 0}, "Rows to be a positive whole number, got 0"),
    "two rows": ({"Rows": b"\x08\0\x08\0"}, "Rows to be a positive whole number, got ("),
    "half a number of rows": ({"Rows": b"\x08"}, "Rows to be a positive whole number, got '08"),
    "12 bits allocated": (
        {"BitsAllocated": 12, "BitsStored": 12, "HighBit": 11},
        "8, 16 or 32 bits",
    ),
    "a negative thickness": ({"SliceThickness": "-3"}, "SliceThickness to be a positive number"),
    "no thickness at all": (
        {"SliceThickness": "0"},
        "SliceThickness to be a positive number, got 0",
    ),
    "two thicknesses": ({"SliceThickness": "3\\3"}, "SliceThickness to be a positive number"),
    "a thickness that is no number": ({"SliceThickness": "nan"}, "SliceThickness to be a positive"),
    "a thickness of text": (
        {"SliceThickness": "#"},
        "SliceThickness to be a positive number, got '#'",
    ),
    "an underscore": (
        {"SliceThickness": "1_0"},
        "SliceThickness to be a positive number, got '1_0'",
    ),
    "a slope of 0": ({"RescaleSlope": "0"}, "RescaleSlope to be a number that is not zero, got 0"),
    "a slope that vanishes": ({"RescaleSlope": "1e-46"}, "RescaleSlope to be a number that is not"),
    "an endless slope": ({"RescaleSlope": "inf"}, "RescaleSlope to be a number that is not zero"),
    "two slopes": ({"RescaleSlope": "1\\1"}, "RescaleSlope to be a number that is not zero"),
    "no intercept": ({"RescaleIntercept": None}, "a CT slice, got no RescaleIntercept"),
    "an intercept of text": ({"RescaleIntercept": "x"}, "RescaleIntercept to be a finite number"),
    "no rescale": ({"RescaleSlope": None, "RescaleIntercept": None}, "no RescaleSlope, RescaleInt"),
    "two numbers of frames": ({"NumberOfFrames": "1\\1"}, "NumberOfFrames to be a positive whole"),
    "no frames": ({"NumberOfFrames": "0"}, "NumberOfFrames to be a positive whole number, got 0"),
    "half a frame": ({"NumberOfFrames": "1.5"}, "NumberOfFrames to be a positive whole number"),
    "many frames": (
        {"NumberOfFrames": "12"},
        "one frame with one value for each pixel, got 12 frames",
    ),
    "three values": ({"SamplesPerPixel": 3}, "one frame with one value for each pixel"),
    "no count of values": ({"SamplesPerPixel": None}, "got no SamplesPerPixel"),
    "one spacing": ({"PixelSpacing": "1.5"}, "PixelSpacing to be 2 positive numbers, got 1.5"),
    "no spacing": ({"PixelSpacing": None}, "got no PixelSpacing"),
    "a position of two": ({"ImagePositionPatient": "1\\2"}, "ImagePositionPatient to be 3 finite"),
    "a position of no number": (
        {"ImagePositionPatient": "1\\2\\nan"},
        "ImagePositionPatient to be 3",
    ),
    "no position": ({"ImagePositionPatient": None}, "got no ImagePositionPatient"),
    "directions of 2": ({"ImageOrientationPatient": "2\\0\\0\\0\\1\\0"}, "two unit vectors"),
    "a tilt of text": ({"GantryDetectorTilt": "left"}, "GantryDetectorTilt to be a finite number"),
    "a palette": ({"PhotometricInterpretation": "PALETTE COLOR"}, "gray pixels (MONOCHROME1 or"),
    "colours": ({"PhotometricInterpretation": "RGB"}, "gray pixels (MONOCHROME1 or MONOCHROME2)"),
    "no photometric word": (
        {"PhotometricInterpretation": None},
        "got no PhotometricInterpretation",
    ),
    "no series": ({"SeriesInstanceUID": None}, "got no SeriesInstanceUID"),
    "two modalities": ({"Modality": "CT\\MR"}, "Modality to be one text"),
    "a limit without a value": ({"PixelPaddingRangeLimit": 5}, "PixelPaddingValue where there is"),
    "a table of values": ({"ModalityLUTSequence": b""}, "a slope and an intercept"),
    "slope twice": ({"doubled": ["RescaleSlope"]}, "RescaleSlope once, got it 2 times"),
    "columns twice": ({"doubled": ["Columns"]}, "Columns once, got it 2 times"),
}


def read(path: Path) -> Any:
    return read_header(path, path.name, GIB)


@stored_in
@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_header_is_named(make: Make, tmp_path: Path, stored: str, fault: str) -> None:
    """Each fault is told in the same words in every encoding, in one line with the file."""
    changes, says = FAULTS[fault]
    (tmp_path / "1.dcm").write_bytes(slice_bytes(stored=stored, **changes))
    with pytest.raises(InputError) as caught:
        make("volume", "1.dcm")
    message = caught.value.fault
    assert says in message and "(1.dcm)" in message
    assert "\n" not in message and len(message) < 300 and "Secret" not in message


@stored_in
def test_what_is_right_is_read(make: Make, tmp_path: Path, stored: str) -> None:
    """The slice that the faults are made of has the planted pixels in every encoding."""
    (tmp_path / "1.dcm").write_bytes(slice_bytes(stored=stored))
    volume = make("volume", "1.dcm").tensors["volume"]
    assert volume[0, 0].numpy().astype(int).tolist() == (PIXELS.astype(int) - 1024).tolist()


def test_the_file_alone_is_as_pydicom_reads_it() -> None:
    """The builder of the tests writes what pydicom reads: the same values, the same pixels."""
    for stored in SYNTAXES:
        dataset = pydicom.dcmread(BytesIO(slice_bytes(stored=stored)))
        assert np.array_equal(dataset.pixel_array, PIXELS)
        assert [str(dataset[n].value) for n in ("Modality", "Rows")] == ["CT", "8"]


@pytest.mark.parametrize(
    ("vrs", "changes", "says"),
    [
        ({"Rows": "DS"}, {"Rows": "7.5"}, "Rows to be a positive whole number, got 7.5"),
        ({"BitsStored": "IS"}, {"BitsStored": "12"}, "BitsStored 12, HighBit 15"),
        ({"Rows": "LO"}, {"Rows": "eight"}, "Rows to be a positive whole number, got 'eight'"),
        ({"SeriesInstanceUID": "US"}, {"SeriesInstanceUID": 7}, "SeriesInstanceUID to be one text"),
        ({"RescaleSlope": "US"}, {"RescaleSlope": 0}, "RescaleSlope to be a number that is not"),
    ],
)
@pytest.mark.parametrize("stored", ["explicit", "big endian", "deflated", "rle"])
def test_values_of_the_wrong_kind(
    make: Make, tmp_path: Path, stored: str, vrs: dict[str, str], changes: dict[str, Any], says: str
) -> None:
    """A value stored as another kind is read as what it says, and named where that is not valid."""
    (tmp_path / "1.dcm").write_bytes(slice_bytes(stored=stored, vrs=vrs, **changes))
    with pytest.raises(InputError) as caught:
        make("volume", "1.dcm")
    assert says in str(caught.value)


def test_whole_numbers_as_text(make: Make, tmp_path: Path) -> None:
    """A whole number that is stored as a decimal is that number."""
    vrs = {"Rows": "DS", "BitsStored": "IS", "HighBit": "UL"}
    raw = slice_bytes(vrs=vrs, Rows="8.0", BitsStored="16", HighBit=15)
    (tmp_path / "1.dcm").write_bytes(raw)
    assert make("volume", "1.dcm").tensors["volume"].shape == (1, 1, 8, 8)


def test_no_transfer_syntax_is_no_guess(make: Make, tmp_path: Path) -> None:
    """Where the file does not say how it is stored, that is told."""
    raw = slice_bytes().replace(b"\x02\0\x10\0UI", b"\x02\0\x13\0SH")
    (tmp_path / "1.dcm").write_bytes(raw)
    with pytest.raises(InputError, match="got no TransferSyntaxUID"):
        make("volume", "1.dcm")


def test_all_faults_of_all_files_are_told(make: Make, tmp_path: Path) -> None:
    """One run tells every bad file, headers and pixels alike, and each fault of one."""
    files = {
        "1.dcm": slice_bytes(Rows=0, BitsStored=0),
        "2.dcm": b"no slice",
        "3.dcm": slice_bytes(stored="rle", ImagePositionPatient="0\\0\\3")[:-60],
        "4.dcm": slice_bytes(ImagePositionPatient="0\\0\\6"),
        "5.dcm": slice_bytes(ImagePositionPatient="0\\0\\9")[:-30],
    }
    for name, raw in files.items():
        (tmp_path / name).write_bytes(raw)
    with pytest.raises(InputError) as caught:
        make("volume", ".")
    told = [(fault.file, fault.expected) for fault in caught.value.faults]
    assert sorted(name for name, _ in told) == ["1.dcm", "1.dcm", "2.dcm", "3.dcm", "5.dcm"]


def test_gaps_are_all_told(make: Make, tmp_path: Path) -> None:
    """Every gap of a series is told in one run."""
    for z in (0, 3, 6, 12, 15, 18, 24, 27, 30):
        raw = slice_bytes(ImagePositionPatient=f"0\\0\\{z}")
        (tmp_path / f"{z:02}.dcm").write_bytes(raw)
    with pytest.raises(InputError) as caught:
        make("volume", ".")
    assert [fault.file for fault in caught.value.faults] == ["12.dcm", "24.dcm"]
    assert all("the next slice 3 mm on, got a gap of 6 mm" in f.fault for f in caught.value.faults)


@stored_in
def test_a_file_that_is_cut_short(make: Make, tmp_path: Path, stored: str) -> None:
    """Wherever it ends, it is refused, and nearly everywhere for being too short."""
    whole = slice_bytes(stored=stored)
    told = 0
    for size in range(133, len(whole), 7):
        (tmp_path / "1.dcm").write_bytes(whole[:size])
        with pytest.raises(InputError) as caught:
            make("volume", "1.dcm")
        told += "cut short" in str(caught.value)
    assert told > 0.9 * len(range(133, len(whole), 7))


def test_bytes_expected_and_got(make: Make, tmp_path: Path) -> None:
    """Of a slice that lost its last 40 bytes, both sizes are told."""
    whole = slice_bytes()
    (tmp_path / "1.dcm").write_bytes(whole[:-40])
    with pytest.raises(InputError) as caught:
        make("volume", "1.dcm")
    assert f"{len(whole)} bytes, got {len(whole) - 40} bytes: it is cut short" in str(caught.value)


TEXTS = st.text("0123456789.+-eE\\ nainf_#", max_size=12)
IDENTIFYING = ("PatientName", "PatientID")  # of which nothing is taken
NUMBERS = st.integers(0, 65535)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        name: (NUMBERS if isinstance(known, int) else TEXTS) | st.none()
        for name, known in CT.items()
        if name not in IDENTIFYING
    },
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=CHANGES, doubled=st.lists(st.sampled_from(sorted(CT)), max_size=1))
def test_every_encoding_agrees(tmp_path: Path, changes: dict[str, Any], doubled: list[str]) -> None:
    """Whatever a header says, the walk and pydicom's reader take the same from it."""
    headers, places = [], []
    for number, stored in enumerate(SYNTAXES):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(slice_bytes(stored=stored, doubled=doubled, **changes))
        found = read(path)
        headers.append({**found.header, "TransferSyntaxUID": ""})
        places.append(found.elements.place is not None)
        there = [name for name in doubled if changes.get(name, "") is not None]
        assert found.elements.doubled == [name for name in there if name not in IDENTIFYING]
    assert all(repr(header) == repr(headers[0]) or same(header, headers[0]) for header in headers)
    assert all(places)


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return {k: repr(v) for k, v in one.items()} == {k: repr(v) for k, v in other.items()}


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [
        (dtype, stored)
        for dtype in ("uint8", "int8", "uint16", "int16", "uint32", "int32")
        for stored in SYNTAXES
        if (dtype[-1], stored) != ("8", "big endian")  # its words are a test of their own
    ],
)
def test_pixels_of_every_type(tmp_path: Path, dtype: str, stored: str) -> None:
    """Pixels over the whole range of their type, as pydicom decodes them."""
    limits = np.iinfo(dtype)
    rng = np.random.default_rng(0)
    pixels = rng.integers(limits.min, limits.max, (5, 7), dtype=dtype, endpoint=True)
    bits = pixels.dtype.itemsize * 8
    raw = slice_bytes(
        pixels, stored, Rows=5, Columns=7, BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1,
        PixelRepresentation=int(pixels.dtype.kind == "i"),
    )  # fmt: skip
    path = tmp_path / "1.dcm"
    path.write_bytes(raw)
    assert np.array_equal(stored_pixels(read(path)), pydicom.dcmread(path).pixel_array)
    assert np.array_equal(stored_pixels(read(path)), pixels)
