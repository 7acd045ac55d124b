"""CT volumes: planted slices, written in any order, come out at their place in space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from ptm.model import Block

Make = Callable[..., Block]
Write = Callable[..., Path]
SHUFFLED = (3, 0, 4, 1, 2)  # the place of each file, in the order of their names
AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
TURN = np.deg2rad(30)
OBLIQUE = (
    (np.cos(TURN), np.sin(TURN), 0.0),
    (-np.sin(TURN) * np.cos(TURN), np.cos(TURN) ** 2, np.sin(TURN)),
)


def plant(
    write_dicom: Write,
    axes: Sequence[Sequence[float]] = AXIAL,
    step: Sequence[float] = (0.0, 0.0, 2.5),
    origin: Sequence[float] = (-10.0, 20.0, -30.0),
    spacing: tuple[float, float] = (0.75, 0.5),
    **header: object,
) -> np.ndarray:
    """Writes five slices of random pixels in shuffled order; the pixels in the order of space."""
    pixels = np.random.default_rng(0).integers(0, 4096, (5, 4, 6), dtype=np.uint16)
    for number, place in enumerate(SHUFFLED):
        position = np.array(origin) + place * np.array(step)
        write_dicom(
            f"ct/{number}.dcm",
            pixels[place],
            ImagePositionPatient=[round(float(value), 9) for value in position],
            ImageOrientationPatient=[round(float(v), 9) for axis in axes for v in axis],
            PixelSpacing=list(spacing),
            **header,
        )
    return pixels


def voxel_to_mm(content: Block, depth: float, height: float, width: float) -> np.ndarray:
    return (np.array(content.facts["affine"]) @ (depth, height, width, 1))[:3]


def test_ordered_by_position(make: Make, write_dicom: Write) -> None:
    """Slices come from the lowest to the highest position, whatever their names."""
    pixels = plant(write_dicom, RescaleIntercept=-1024)
    content = make("volume", "ct")
    volume = content.tensors["volume"]
    assert volume.dtype == torch.float32 and volume.shape == (1, 5, 4, 6)
    assert np.array_equal(volume[0].numpy(), pixels.astype(np.float32) - 1024)
    assert content.axes == {"volume": ("channel", "depth", "height", "width")}


def test_table(make: Make, write_dicom: Write) -> None:
    """The table has one row for each slice: file, position in mm, lowest and highest value."""
    pixels = plant(write_dicom)
    table = make("volume", "ct").rows
    assert table["file"].to_pylist() == [f"{SHUFFLED.index(place)}.dcm" for place in range(5)]
    assert table["position"].to_pylist() == [-30, -27.5, -25, -22.5, -20]
    assert table["min"].to_pylist() == pixels.min(axis=(1, 2)).tolist()
    assert table["max"].to_pylist() == pixels.max(axis=(1, 2)).tolist()
    assert table.schema.field("position").metadata == {b"unit": b"mm"}


def test_rescaled(make: Make, write_dicom: Write) -> None:
    """Hounsfield units are pixels times slope plus intercept, to the precision of float32."""
    pixels = plant(write_dicom, RescaleSlope="1.2345", RescaleIntercept="-987.5")
    volume = make("volume", "ct").tensors["volume"][0].numpy()
    assert volume == pytest.approx(pixels * 1.2345 - 987.5, rel=1e-6, abs=1e-3)


def test_slope_of_each_slice(make: Make, write_dicom: Write) -> None:
    """Slices with rescaling of their own (PET, some CT) are each rescaled by their own."""
    ones = np.ones((2, 2), dtype=np.uint16)
    for place in range(3):
        write_dicom(
            f"ct/{place}.dcm", ones, ImagePositionPatient=[0, 0, place], RescaleSlope=place + 1
        )
    assert make("volume", "ct").tensors["volume"][0, :, 0, 0].tolist() == [1, 2, 3]


def test_axial_affine(make: Make, write_dicom: Write) -> None:
    """Down a column is down the patient's y by the first spacing, along a row x by the second."""
    plant(write_dicom)
    content = make("volume", "ct")
    assert content.facts["spacing_mm"] == [2.5, 0.75, 0.5]
    assert voxel_to_mm(content, 0, 0, 0) == pytest.approx([-10, 20, -30])
    assert voxel_to_mm(content, 4, 0, 0) == pytest.approx([-10, 20, -20])
    assert voxel_to_mm(content, 0, 3, 0) == pytest.approx([-10, 20 + 3 * 0.75, -30])
    assert voxel_to_mm(content, 0, 0, 5) == pytest.approx([-10 + 5 * 0.5, 20, -30])


def test_oblique_affine(make: Make, write_dicom: Write) -> None:
    """In an oblique series each voxel lies where its slice's header puts it."""
    row, column = np.array(OBLIQUE)
    normal = np.cross(row, column)
    pixels = plant(write_dicom, axes=OBLIQUE, step=2.5 * normal)
    content = make("volume", "ct")
    assert np.array_equal(content.tensors["volume"][0].numpy(), pixels)
    assert content.facts["spacing_mm"] == pytest.approx([2.5, 0.75, 0.5])
    for voxel in ((0, 0, 0), (4, 3, 5), (2, 1, 0)):
        depth, height, width = voxel
        expected = np.array([-10, 20, -30]) + depth * 2.5 * normal
        expected = expected + height * 0.75 * column + width * 0.5 * row
        assert voxel_to_mm(content, *voxel) == pytest.approx(expected, abs=1e-6)


def test_tilted_gantry(make: Make, write_dicom: Write) -> None:
    """With a tilted gantry slices are shifted as well as apart; the affine follows the shift."""
    plant(write_dicom, step=(0.0, 1.0, 3.0))
    content = make("volume", "ct")
    assert content.facts["spacing_mm"] == [3, 0.75, 0.5]
    assert voxel_to_mm(content, 4, 0, 0) == pytest.approx([-10, 24, -18])


@pytest.mark.parametrize("axis", range(3))
def test_order_along_any_axis(make: Make, write_dicom: Write, axis: int) -> None:
    """Sagittal and coronal series are ordered along their own axis, row x column."""
    axes = [np.roll(AXIAL[0], axis), np.roll(AXIAL[1], axis)]
    pixels = plant(write_dicom, axes=axes, step=2.5 * np.cross(*axes))
    assert np.array_equal(make("volume", "ct").tensors["volume"][0].numpy(), pixels)


def test_series_is_picked(make: Make, write_dicom: Write) -> None:
    """Of two series in one folder, `series` picks one, and the other does not matter."""
    pixels = plant(write_dicom)
    write_dicom("ct/9.dcm", np.zeros((2, 2), dtype=np.uint16), SeriesInstanceUID="4.5.6")
    content = make("volume", "ct", series="1.2.3")
    assert np.array_equal(content.tensors["volume"][0].numpy(), pixels)
    assert content.rows.num_rows == 5


def test_one_slice(make: Make, write_dicom: Write) -> None:
    """One slice is a volume of depth 1, as thick as its header says."""
    write_dicom("a.dcm", np.zeros((2, 3), dtype=np.uint16), SliceThickness="1.25")
    content = make("volume", "a.dcm")
    assert content.tensors["volume"].shape == (1, 1, 2, 3)
    assert content.facts["spacing_mm"] == [1.25, 1, 1]
    assert voxel_to_mm(content, 1, 0, 0) == pytest.approx([0, 0, 1.25])


def test_rounded_positions(make: Make, write_dicom: Write) -> None:
    """Positions rounded to a hundredth of a spacing of 1/3 mm are no gap."""
    for place in range(9):
        z = f"{place / 3:.3f}"
        write_dicom(
            f"ct/{place}.dcm", np.zeros((2, 2), dtype=np.uint16), ImagePositionPatient=[0, 0, z]
        )
    assert make("volume", "ct").facts["spacing_mm"][0] == pytest.approx(1 / 3, abs=0.001)
