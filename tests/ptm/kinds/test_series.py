"""Which files of a folder are slices: what lies beside a scan is left out, with a word on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ptm.errors import InputError
from ptm.model import Block
from tests.support.slices import slice_bytes

Make = Callable[..., Block]
STORAGE = "1.2.840.10008.5.1.4.1.1."
NO_PIXELS = dict.fromkeys(
    (
        *("SliceThickness", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"),
        *("SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "RescaleSlope"),
        *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "RescaleIntercept"),
    )
)
BESIDE: dict[str, dict[str, Any]] = {
    "structured report": {
        "pixels": None, "Modality": "SR", "SOPClassUID": f"{STORAGE}88.22", **NO_PIXELS
    },
    "presentation state": {
        "pixels": None, "Modality": "PR", "SOPClassUID": f"{STORAGE}11.1", **NO_PIXELS
    },
    "key object selection": {"pixels": None, "Modality": "KO", **NO_PIXELS},
    "segmentation": {
        "Modality": "SEG", "SOPClassUID": f"{STORAGE}66.4", "NumberOfFrames": "3",
        "BitsAllocated": 1, "BitsStored": 1, "HighBit": 0, "ImagePositionPatient": None,
    },
    "structure set": {"pixels": None, "Modality": "RTSTRUCT", **NO_PIXELS},
    "document": {
        "pixels": None, "Modality": "OT", "SOPClassUID": f"{STORAGE}104.1", **NO_PIXELS
    },
    "secondary capture": {
        "Modality": "CT", "SOPClassUID": f"{STORAGE}7", "SamplesPerPixel": 3,
        "PhotometricInterpretation": "RGB", "ImagePositionPatient": None,
    },
    "localizer": {"ImageType": "ORIGINAL\\PRIMARY\\LOCALIZER", "Rows": 4, "Columns": 16},
    "directory of files": {
        "pixels": None, "SOPClassUID": "1.2.840.10008.1.3.10", "Modality": None,
        "SeriesInstanceUID": None, **NO_PIXELS,
    },
}  # fmt: skip


def write(folder: Path, name: str, stored: str = "explicit", **changes: Any) -> None:
    (folder / name).write_bytes(slice_bytes(stored=stored, **changes))


def scan(folder: Path, count: int = 4, prefix: str = "", **changes: Any) -> None:
    for number in range(count):
        position = f"0\\0\\{number * 3}"
        write(folder, f"{prefix}{number}.dcm", ImagePositionPatient=position, **changes)


@pytest.mark.parametrize("kind", BESIDE)
@pytest.mark.parametrize("series", ["1.2.3", "9.9"], ids=["in the series", "in its own"])
@pytest.mark.parametrize("stored", ["explicit", "implicit"])
def test_what_lies_beside_a_scan(
    make: Make, tmp_path: Path, kind: str, series: str, stored: str
) -> None:
    """It is left out with a note: how many files, and what they are; the scan is as without."""
    scan(tmp_path)
    alone = make("volume", ".")
    write(tmp_path, "beside.dcm", stored, **{"SeriesInstanceUID": series, **BESIDE[kind]})
    content = make("volume", ".")
    assert content.tensors["volume"].equal(alone.tensors["volume"])
    assert content.facts == alone.facts
    assert content.rows.equals(alone.rows)
    (note,) = content.notes
    assert note == f"1 file left out beside the slices: 1 x {kind} (beside.dcm)"


def test_all_that_lies_beside_is_counted(make: Make, tmp_path: Path) -> None:
    """Of each kind how many."""
    scan(tmp_path)
    for number, kind in enumerate(["segmentation", *["localizer"] * 3]):
        write(tmp_path, f"beside{number}.dcm", **BESIDE[kind])
    (note,) = make("volume", ".").notes
    assert note.startswith("4 files left out beside the slices: 3 x localizer, 1 x segmentation")


def test_nothing_but_what_lies_beside(make: Make, tmp_path: Path) -> None:
    """A folder of reports is no volume; one of localizers is what it is."""
    write(tmp_path, "1.dcm", **BESIDE["structured report"])
    with pytest.raises(InputError, match="expected DICOM slices, got nothing but 1 x structured"):
        make("volume", ".")
    write(tmp_path, "2.dcm", **BESIDE["localizer"], pixels=SCOUT)
    assert make("volume", ".").tensors["volume"].shape == (1, 1, 4, 16)


SCOUT = slice_bytes.__defaults__[0].reshape(4, 16)  # type: ignore[index, union-attr]

OTHERS: dict[str, dict[str, Any]] = {
    "no place": {"ImagePositionPatient": None},
    "many frames": {"NumberOfFrames": "7"},
    "no pixels": {"pixels": None},
    "colours": {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"},
    "no sign": {"PixelRepresentation": None},
    "another frame of reference": {"FrameOfReferenceUID": "5.5"},
    "slope twice": {"doubled": ["RescaleSlope"]},
    "too large": {"Rows": 60000, "Columns": 60000},
    "no bits": {"BitsStored": 0},
    "a report": BESIDE["structured report"],
    "a directory": BESIDE["directory of files"],
}


@pytest.mark.parametrize("fault", OTHERS)
def test_of_other_series_nothing_is_demanded(make: Make, tmp_path: Path, fault: str) -> None:
    """`series` is applied before anything is asked of a file; others may be as they like."""
    scan(tmp_path)
    alone = make("volume", ".")
    write(tmp_path, "a.dcm", **{"SeriesInstanceUID": "7.7", **OTHERS[fault]})
    content = make("volume", ".", series="1.2.3")
    assert content.tensors["volume"].equal(alone.tensors["volume"]) and not content.notes


def test_a_file_of_another_series_that_is_cut_short(make: Make, tmp_path: Path) -> None:
    """Also one whose pixels end early."""
    scan(tmp_path)
    (tmp_path / "a.dcm").write_bytes(slice_bytes(SeriesInstanceUID="7.7")[:-50])
    assert make("volume", ".", series="1.2.3").rows.num_rows == 4


def test_a_slice_without_series_is_not_passed_over(make: Make, tmp_path: Path) -> None:
    """A slice that does not say whose it is may be one of those that are wanted."""
    scan(tmp_path)
    write(tmp_path, "a.dcm", SeriesInstanceUID=None, ImagePositionPatient="0\\0\\12")
    with pytest.raises(InputError, match=r"got no SeriesInstanceUID \(a.dcm\)"):
        make("volume", ".", series="1.2.3")


def test_two_series_are_listed(make: Make, tmp_path: Path) -> None:
    """Two series of slices are refused with the option; each with its count and modality."""
    scan(tmp_path)
    scan(tmp_path, 3, "b", SeriesInstanceUID="4.5.6", Modality="MR")
    with pytest.raises(InputError) as caught:
        make("volume", ".")
    assert "1.2.3 (4 slices of CT), 4.5.6 (3 slices of MR)" in str(caught.value)
    assert "'series'" in str(caught.value) and "ecret" not in str(caught.value)
    assert make("volume", ".", series="4.5.6").facts["unit"] is None


def test_very_many_series_are_counted(make: Make, tmp_path: Path) -> None:
    """The message stays one line."""
    for number in range(30):
        write(tmp_path, f"{number}.dcm", SeriesInstanceUID="1." + "9" * 58 + f".{number}")
    with pytest.raises(InputError) as caught:
        make("volume", ".")
    assert "and 27 more" in str(caught.value) and len(str(caught.value)) < 400


def test_slices_below_folders(make: Make, tmp_path: Path) -> None:
    """The table names each slice by its path below the source."""
    for number in range(2):
        (tmp_path / f"ct/{number}").mkdir(parents=True)
        write(tmp_path, f"ct/{number}/a.dcm", ImagePositionPatient=f"0\\0\\{number}")
    table = make("volume", "ct", pattern="**/*.dcm").rows
    assert table["file"].to_pylist() == ["0/a.dcm", "1/a.dcm"]


def test_names_in_capitals(make: Make, tmp_path: Path) -> None:
    """The pattern of a volume takes .DCM as .dcm."""
    write(tmp_path, "0.DCM")
    assert make("volume", ".").rows["file"].to_pylist() == ["0.DCM"]
