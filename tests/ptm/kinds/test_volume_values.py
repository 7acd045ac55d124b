"""The values of a volume: their unit is read, never assumed; padding is told; one rounding."""

from __future__ import annotations

import errno
import struct
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import torch
from pydicom.pixels import apply_rescale

import ptm
from ptm.draw import images as drawing
from ptm.errors import InputError
from ptm.model import Block
from ptm.readers.dicom import pixels, slices
from ptm.readers.dicom.elements import Inflated
from tests.support.slices import PIXELS, slice_bytes

Make = Callable[..., Block]
GONE = {"RescaleSlope": None, "RescaleIntercept": None}
MANY = 30_000  # rows and columns of a slice of 1.8 GB


def write(folder: Path, *slices: Mapping[str, Any], stored: str = "explicit") -> None:
    """Slices 3 mm apart, 0.dcm from the lowest, each with its changes."""
    for number, changes in enumerate(slices):
        raw = slice_bytes(
            stored=stored, **{"ImagePositionPatient": f"0\\0\\{number * 3}", **changes}
        )
        (folder / f"{number}.dcm").write_bytes(raw)


UNITS: dict[str, tuple[dict[str, Any], str | None]] = {
    "CT": ({}, "Hounsfield units"),
    "CT that says so": ({"RescaleType": "HU"}, "Hounsfield units"),
    "CT of another class": ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.4"}, "Hounsfield units"),
    "CT in optical density": ({"RescaleType": "OD"}, "OD"),
    "CT without a unit": ({"RescaleType": "US"}, "US"),
    "CT to plan on": ({"ImageType": "ORIGINAL\\PRIMARY\\LOCALIZER"}, None),
    "PET": ({"Modality": "PT", "Units": "BQML"}, "BQML"),
    "PET of counts": ({"Modality": "PT", "Units": "CNTS", "RescaleType": "HU"}, "CNTS"),
    "PET that does not say": ({"Modality": "PT"}, None),
    "PET as stored": ({"Modality": "PT", "Units": "BQML", **GONE}, None),
    "MR": ({"Modality": "MR"}, None),
    "MR of the class of CT": ({"Modality": "MR", "RescaleType": "HU"}, None),
    "MR that says it is unspecified": ({"Modality": "MR", "RescaleType": "US"}, "US"),
    "MR as stored": ({"Modality": "MR", **GONE}, None),
    "no modality": ({"Modality": None}, None),
}


@pytest.mark.parametrize("case", UNITS)
@pytest.mark.parametrize("stored", ["explicit", "implicit"])
def test_the_unit_is_what_the_file_says(make: Make, tmp_path: Path, case: str, stored: str) -> None:
    """CT alone is in Hounsfield units; PET in its own; what says nothing has none."""
    changes, unit = UNITS[case]
    write(tmp_path, changes, changes, stored=stored)
    content = make("volume", ".")
    assert content.facts["unit"] == unit
    metadata = content.rows.schema.field("min").metadata
    assert metadata == ({b"unit": unit.encode()} if unit else None)


def test_a_unit_of_many_lines(make: Make, tmp_path: Path) -> None:
    """Letters that no header may hold do not come out; a text that is too long is named."""
    write(tmp_path, {"RescaleType": "a\nb\x1b[2J"})
    assert make("volume", ".").facts["unit"] == "a?b?[2J"
    write(tmp_path, {"RescaleType": "x" * 2000})
    with pytest.raises(InputError, match="RescaleType to be one text of at most 64") as caught:
        make("volume", ".")
    assert len(str(caught.value)) < 400


def test_no_rescale_is_stored_values(make: Make, tmp_path: Path) -> None:
    """MR and PET without a slope are volumes of what is stored, and that is told of PET."""
    write(tmp_path, {"Modality": "MR", **GONE})
    content = make("volume", ".")
    assert np.array_equal(content.tensors["volume"][0, 0].numpy(), PIXELS)
    assert "MR without a rescale" in content.notes[0]


def test_a_rescale_that_is_there_is_applied(make: Make, tmp_path: Path) -> None:
    """PET has a slope for each slice, and MR may have one: as pydicom applies them."""
    for modality in ("PT", "MR"):
        write(
            tmp_path,
            {"Modality": modality, "Units": "BQML", "RescaleSlope": "0.37"},
            {"Modality": modality, "Units": "BQML", "RescaleSlope": "1.0625e-1"},
        )
        volume = make("volume", ".").tensors["volume"][0].numpy()
        for number in range(2):
            dataset = pydicom.dcmread(tmp_path / f"{number}.dcm")
            expected = apply_rescale(dataset.pixel_array, dataset)
            assert np.array_equal(volume[number], expected.astype(np.float32))


MIXED = {
    "frame of reference": ({"FrameOfReferenceUID": "1.2.5"}, "1.2.4 as in 0.dcm, got 1.2.5"),
    "no frame of reference": ({"FrameOfReferenceUID": None}, "1.2.4 as in 0.dcm, got none"),
    "modality": ({"Modality": "MR"}, "CT as in 0.dcm, got MR"),
    "unit": ({"RescaleType": "OD"}, "Hounsfield units as in 0.dcm, got OD"),
    "photometric interpretation": (
        {"PhotometricInterpretation": "MONOCHROME1"},
        "MONOCHROME2 as in 0.dcm, got MONOCHROME1",
    ),
}


@pytest.mark.parametrize("case", MIXED)
def test_what_slices_do_not_share(make: Make, tmp_path: Path, case: str) -> None:
    """One slice that is unlike the others is named, with both values, wherever it comes."""
    changes, says = MIXED[case]
    write(tmp_path, {}, changes, {})
    with pytest.raises(InputError) as caught:
        make("volume", ".")
    assert f"{says} (1.dcm)" in str(caught.value) and "\n" not in str(caught.value)
    write(tmp_path, changes, {}, {})
    with pytest.raises(InputError, match=r"as in 1\.dcm, got .* \(0\.dcm\)"):
        make("volume", ".")


def test_a_rescale_in_some_slices_alone(make: Make, tmp_path: Path) -> None:
    """MR of which one slice has a slope and another none is no one volume."""
    write(tmp_path, {"Modality": "MR"}, {"Modality": "MR", **GONE}, {"Modality": "MR"})
    with pytest.raises(InputError, match=r"rescale: expected a slope .*got none \(1.dcm\)"):
        make("volume", ".")


def test_units_of_pet_that_differ(make: Make, tmp_path: Path) -> None:
    """Two units in one series are refused, with both."""
    write(tmp_path, *({"Modality": "PT", "Units": unit} for unit in ("BQML", "BQML", "CNTS")))
    with pytest.raises(InputError, match=r"unit: expected BQML as in 0.dcm, got CNTS \(2.dcm\)"):
        make("volume", ".")


def test_dark_is_high(make: Make, tmp_path: Path) -> None:
    """MONOCHROME1 is a way to show values, which stay as they are; it is told."""
    write(tmp_path, {"PhotometricInterpretation": "MONOCHROME1"})
    content = make("volume", ".")
    assert np.array_equal(content.tensors["volume"][0, 0].numpy(), PIXELS - 1024)
    assert any("MONOCHROME1" in warning for warning in content.notes)


SPOTS = PIXELS.copy()
SPOTS[:2, :3] = -2000
PADDED = {"PixelPaddingValue": struct.pack("<h", -2000)}


@pytest.mark.parametrize("vr", ["US", "SS"])
def test_padding_is_counted_and_told(make: Make, tmp_path: Path, vr: str) -> None:
    """How many pixels are padding, and of which value; its sign is that of the pixels."""
    raw = slice_bytes(SPOTS, vrs={"PixelPaddingValue": vr}, **PADDED)
    (tmp_path / "1.dcm").write_bytes(raw)
    content = make("volume", "1.dcm")
    assert content.facts["padding"] == {"pixels": 6, "stored": [-2000], "replaced_by": None}
    assert "6 of 64 pixels are padding" in content.notes[0]
    assert "-2000" in content.notes[0] and "padding = " in content.notes[0]
    assert np.array_equal(content.tensors["volume"][0, 0].numpy(), SPOTS - 1024)


def test_padding_is_replaced(make: Make, tmp_path: Path) -> None:
    """The option puts its value, in the unit of the volume, in place of padding alone."""
    (tmp_path / "1.dcm").write_bytes(slice_bytes(SPOTS, **PADDED))
    content = make("volume", "1.dcm", padding=-1000.5)
    expected = np.where(SPOTS == -2000, -1000.5, SPOTS.astype(float) - 1024)
    assert np.array_equal(content.tensors["volume"][0, 0].numpy(), expected)
    assert content.facts["padding"]["replaced_by"] == -1000.5
    table = content.rows
    assert table["min"].to_pylist() == [expected.min()]
    assert table["max"].to_pylist() == [expected.max()]


@pytest.mark.parametrize(("value", "limit"), [(-2000, -1990), (-1990, -2000)])
def test_padding_of_a_range(make: Make, tmp_path: Path, value: int, limit: int) -> None:
    """With a limit all values from one to the other are padding, both ends included."""
    spots = SPOTS.copy()
    spots[7, :4] = (-1990, -1995, -1989, -2001)
    header = {
        "PixelPaddingValue": struct.pack("<h", value),
        "PixelPaddingRangeLimit": struct.pack("<h", limit),
    }
    (tmp_path / "1.dcm").write_bytes(slice_bytes(spots, **header))
    facts = make("volume", "1.dcm").facts["padding"]
    assert (facts["pixels"], facts["stored"], facts["limits"]) == (8, [value], [limit])


def test_unsigned_padding(make: Make, tmp_path: Path) -> None:
    """63536 of unsigned pixels is a value above all others, not -2000."""
    spots = SPOTS.view(np.uint16)
    raw = slice_bytes(spots, PixelRepresentation=0, **PADDED)
    (tmp_path / "1.dcm").write_bytes(raw)
    assert make("volume", "1.dcm").facts["padding"]["stored"] == [63536]
    assert make("volume", "1.dcm").facts["padding"]["pixels"] == 6


def test_padding_beyond_the_bits_of_a_pixel(make: Make, tmp_path: Path) -> None:
    """Padding that is told in the unused bits is found before they are cleared."""
    spots = (np.arange(64, dtype=np.uint16) * 60).reshape(8, 8)
    spots[0] = 63536
    raw = slice_bytes(spots, PixelRepresentation=0, BitsStored=12, HighBit=11, **PADDED)
    (tmp_path / "1.dcm").write_bytes(raw)
    content = make("volume", "1.dcm", padding=0)
    assert content.facts["padding"]["pixels"] == 8
    assert content.tensors["volume"][0, 0, 0].tolist() == [0] * 8


def test_padding_that_no_file_names(make: Make, tmp_path: Path) -> None:
    """The option without a value in the files is told; a value that float32 lacks is refused."""
    write(tmp_path, {})
    assert any("padding" in warning for warning in make("volume", ".", padding=0).notes)
    with pytest.raises(InputError, match="padding: expected a value that float32 holds"):
        make("volume", ".", padding=1e39)


def test_one_rounding(make: Make, tmp_path: Path) -> None:
    """Values of 32 bits are rescaled in float64: 16777217 - 16777216 is 1, not 0."""
    values = (np.arange(64, dtype=np.uint32) + (1 << 24)).reshape(8, 8)
    raw = slice_bytes(
        values, BitsAllocated=32, BitsStored=32, HighBit=31, PixelRepresentation=0,
        RescaleIntercept="-16777216",
    )  # fmt: skip
    (tmp_path / "1.dcm").write_bytes(raw)
    assert make("volume", "1.dcm").tensors["volume"].flatten().tolist() == list(range(64))


def test_a_slope_is_rounded_once(make: Make, tmp_path: Path) -> None:
    """Each value is the float32 nearest to stored * slope + intercept, as float64 has it."""
    write(tmp_path, {"RescaleSlope": "1.0000123", "RescaleIntercept": "-1023.7"})
    found = make("volume", ".").tensors["volume"][0, 0].numpy()
    assert np.array_equal(found, (PIXELS * 1.0000123 - 1023.7).astype(np.float32))


def test_values_that_float32_merges(make: Make, tmp_path: Path) -> None:
    """Distinct stored values that become one number are counted."""
    write(tmp_path, {"RescaleSlope": "1e-6", "RescaleIntercept": "100000"})
    content = make("volume", ".")
    lost = 64 - len(content.tensors["volume"].unique())
    assert lost > 0 and f"float32 merges {lost} distinct stored values" in content.notes[0]


def test_values_beyond_float32(make: Make, tmp_path: Path) -> None:
    """A slope that sends values to infinity is refused."""
    values = np.full((8, 8), 1 << 31, np.uint32)
    raw = slice_bytes(
        values, BitsAllocated=32, BitsStored=32, HighBit=31, PixelRepresentation=0,
        RescaleSlope="9e29",
    )  # fmt: skip
    (tmp_path / "1.dcm").write_bytes(raw)
    with pytest.raises(InputError, match="expected values that float32 holds"):
        make("volume", "1.dcm")


@pytest.mark.parametrize("stored", ["explicit", "implicit", "deflated", "rle"])
def test_too_large_is_known_before(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: str
) -> None:
    """Rows and columns of more than max_bytes are refused before a pixel is looked at."""
    monkeypatch.setattr(Inflated, "upto", bounded(Inflated.upto))
    monkeypatch.delattr(pixels, "_allocated")
    raw = slice_bytes(stored=stored, Rows=MANY, Columns=MANY)
    (tmp_path / "1.dcm").write_bytes(raw)
    with pytest.raises(InputError) as caught:
        make("volume", "1.dcm")
    assert "at most 536.9 MB (or max_bytes = 1800000000)" in str(caught.value)
    assert f"{MANY} x {MANY} pixels, 1.80 GB (1.dcm)" in str(caught.value)


def bounded(upto: Callable[[Inflated, int], bool]) -> Callable[[Inflated, int], bool]:
    def upto_a_few(self: Inflated, count: int) -> bool:
        assert count < 1 << 20
        return upto(self, count)

    return upto_a_few


def test_a_bomb_of_zeros(make: Make, tmp_path: Path) -> None:
    """A deflated file whose pixels go on for ever is refused for it, before they are inflated."""
    import zlib

    head = slice_bytes(None, stored="explicit")
    begin = head.index(b"\x08\0\x08\0CS")
    deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    body = deflate.compress(head[begin:] + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, 1 << 31))
    body += b"".join(deflate.compress(bytes(1 << 20)) for _ in range(100))
    syntax = slice_bytes(None, stored="deflated")
    deflated = syntax[: 132 + 12 + struct.unpack_from("<I", syntax, 140)[0]]
    (tmp_path / "1.dcm").write_bytes(deflated + body)
    with pytest.raises(InputError, match=r"expected 128 bytes of 8 x 8 pixels of 16 bits"):
        make("volume", "1.dcm", max_bytes=1 << 20)


@pytest.mark.parametrize("stored", ["explicit", "implicit", "deflated", "rle"])
def test_a_disk_that_fails_is_no_bad_input(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: str
) -> None:
    """EIO while a header or pixels are read comes out as it is."""
    write(tmp_path, {}, {}, stored=stored)
    real, opened, allowed = Path.open, [], 0

    def failing(path: Path, *mode: Any, **more: Any) -> Any:
        opened.append(path)
        if len(opened) > allowed:
            raise OSError(errno.EIO, "Input/output error")
        return real(path, *mode, **more)

    monkeypatch.setattr(Path, "open", failing)
    monkeypatch.setattr(Path, "read_bytes", lambda path: failing(path, "rb").read())
    monkeypatch.setattr(
        np, "fromfile", lambda path, *_, **__: failing(path) and pytest.fail("was opened")
    )
    for allowed in range(3):  # noqa: B007 - read by the function above
        opened.clear()
        with pytest.raises(OSError, match="Input/output error"):
            make("volume", ".")


def test_memory_that_runs_out_in_a_header(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where elements are read by pydicom."""
    write(tmp_path, {}, stored="implicit")

    def fail(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(slices, "by_pydicom", fail)
    with pytest.raises(MemoryError):
        make("volume", ".")


def test_a_file_that_shrinks_meanwhile(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer pixels than the header promised are named, even when it was right once."""
    write(tmp_path, {})
    monkeypatch.setattr(np, "fromfile", lambda *_, **__: np.zeros(3, np.int16))
    with pytest.raises(InputError, match="cut short"):
        make("volume", ".")


def test_words_of_the_other_order(make: Make, tmp_path: Path) -> None:
    """Pixels of 8 bits in words of big endian are swapped in pairs, as pydicom has them."""
    planted = np.arange(64, dtype=np.uint8).reshape(8, 8)
    raw = slice_bytes(
        planted, "big endian", BitsAllocated=8, BitsStored=8, HighBit=7, PixelRepresentation=0
    )
    (tmp_path / "1.dcm").write_bytes(raw)
    expected = pydicom.dcmread(tmp_path / "1.dcm").pixel_array
    assert not np.array_equal(expected, planted)
    volume = make("volume", "1.dcm").tensors["volume"][0, 0].numpy()
    assert np.array_equal(volume, expected.astype(np.float32) - 1024)


def test_no_patient_gets_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither what is stored, nor what is shown or said, has the name or the identifier."""
    write(tmp_path, {"Modality": "PT"}, {"Modality": "PT"}, {"SOPClassUID": "1.2", "Rows": 0})
    (tmp_path / "catalog.toml").write_text('[s]\nkind = "volume"\npath = "."\n')
    source = ptm.load_catalog(tmp_path / "catalog.toml", tmp_path)["s"]
    with pytest.raises(InputError) as caught, warnings.catch_warnings(record=True) as told:
        ptm.tensorize(source, tmp_path / "store")
    assert "secret" not in str(caught.value).lower()
    (tmp_path / "2.dcm").unlink()
    ref = ptm.tensorize(source, tmp_path / "store")
    shown, _ = ptm.load("s", tmp_path / "store").views
    assert shown.file and shown.file.read_bytes().startswith(b"\x89PNG")
    written = b"".join(p.read_bytes() for p in (tmp_path / "store").rglob("*") if p.is_file())
    said = "".join(map(str, (*told, *ref.warnings, *capfd.readouterr(), shown)))
    assert b"secret" not in written.lower() and "secret" not in said.lower()


@pytest.mark.parametrize("unit", ["Hounsfield units", "BQML", "a$b", None])
def test_the_picture_names_the_unit(
    tmp_path: Path, unit: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence and the picture have the unit that the artifact has, and a window that fits."""
    titles: list[str] = []
    title = drawing.put_title
    monkeypatch.setattr(drawing, "put_title", lambda f, text: titles.append(text) or title(f, text))
    kind = {"Hounsfield units": {}, "a$b": {"RescaleType": "a$b"}, None: {"Modality": "MR"}}
    write(tmp_path, kind.get(unit, {"Modality": "PT", "Units": unit}))
    (tmp_path / "catalog.toml").write_text('[s]\nkind = "volume"\npath = "."\n')
    source = ptm.load_catalog(tmp_path / "catalog.toml", tmp_path)["s"]
    ptm.tensorize(source, tmp_path / "store")
    shown, _ = ptm.load("s", tmp_path / "store").views
    assert shown.file and shown.file.read_bytes().startswith(b"\x89PNG")
    if unit == "Hounsfield units":
        assert "black is -1350 Hounsfield units" in shown.sentence
        assert titles == ["Middle slices, -1350 to 150 HU"]
    else:
        assert "HU" not in titles[0] and "Hounsfield" not in shown.sentence
        assert (unit or "no unit") in shown.sentence
        low, high = drawing.shades(
            ptm.load("s", tmp_path / "store").tensors["volume"].numpy(), unit
        )
        assert low < torch.tensor(PIXELS - 1024).float().median() < high


@pytest.mark.parametrize(
    "header",
    [{"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}, {"Rows": 4}],
    ids=["half the depth", "half the rows"],
)
def test_more_pixels_than_the_header_says(
    make: Make, tmp_path: Path, header: dict[str, int]
) -> None:
    """Pixels of twice the size that the header says are refused; a few bytes more are padding."""
    pixels = np.arange(64, dtype="u2").reshape(8, 8)
    (tmp_path / "1.dcm").write_bytes(slice_bytes(pixels, PixelRepresentation=0, **header))
    with pytest.raises(InputError, match=r"expected 64 bytes of . x 8 pixels.*got 128 bytes"):
        make("volume", "1.dcm")
