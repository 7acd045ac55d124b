"""CT volumes: a folder of DICOM slices into one volume in Hounsfield units.

Slices are ordered by position along the scan axis, not by file name: names say nothing of place.
Only what the volume needs is read from a header, so nothing that identifies a patient gets out.

Source: DICOM PS3.3, C.7.6.2 (image plane), C.11.1 (rescale to Hounsfield units).
"""

from __future__ import annotations

import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm.content import CHANNEL, DEPTH, HEIGHT, ROWS, WIDTH, Content
from ptm.errors import InputError
from ptm.kinds.dicom import Slice, read_slice
from ptm.kinds.files import relative

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ptm.catalog import VolumeSource

PACKAGES = ("torch", "numpy", "pydicom", "pyarrow")
NAMES_MATTER = True
WORKERS = 4
ROUNDING = 1e-4  # of direction cosines and pixel spacings in headers
TOLERANCE = 0.01  # of the spacing between slices: what rounding in headers amounts to


def tensorize(source: VolumeSource, paths: list[Path]) -> Content:
    """One volume from the slices of one series.

    Returns:
        `volume` float32 [channel = 1, depth, height, width] in Hounsfield units, depth from the
        lowest to the highest position along the scan axis. The facts hold `spacing_mm`
        (depth, height, width) and `affine`, 4 x 4, from voxel (depth, height, width) to
        millimetres in the patient's coordinates (DICOM: left, posterior, superior). The table has
        one row for each slice, in the order of the volume.

    Raises:
        InputError: a file that is no DICOM slice with pixels, several series where none is picked,
            slices that differ in size, orientation or pixel spacing, two at one position, or a
            gap; the file is named.
    """
    import numpy as np
    import torch

    # in one thread: walking headers is Python, and threads would only wait for each other
    slices = _one_series(source, [read_slice(source, path) for path in paths])
    normal = _normal(source, slices)
    slices.sort(key=lambda s: _dot(normal, s.position_mm))
    positions = np.array([_dot(normal, s.position_mm) for s in slices])
    spacing = _spacing(source, slices, positions)
    volume = np.empty((1, len(slices), *slices[0].shape), dtype=np.float32)
    with ThreadPoolExecutor(WORKERS) as pool:
        ranges = list(pool.map(lambda i: slices[i].hounsfield(volume[0, i]), range(len(slices))))
    step = (slices[-1].position_mm - slices[0].position_mm) / max(len(slices) - 1, 1)
    if len(slices) == 1:
        step = normal * spacing
    return Content(
        {"volume": torch.from_numpy(volume)},
        {"volume": (CHANNEL, DEPTH, HEIGHT, WIDTH)},
        {ROWS: _table(slices, positions, ranges)},
        facts={
            "unit": "Hounsfield units",
            "spacing_mm": [spacing, *slices[0].spacing_mm],
            "affine": _affine(slices[0], step).tolist(),
        },
    )


def _one_series(source: VolumeSource, slices: list[Slice]) -> list[Slice]:
    found = Counter(s.series for s in slices)
    if source.series is not None:
        slices = [s for s in slices if s.series == source.series]
        if not slices:
            raise InputError(
                source.name,
                where="series",
                expected=f"slices of {source.series}",
                got=_listed(found),
                file=source.path,
            )
    elif len(found) > 1:
        common = found.most_common(1)[0][0]
        stray = next(s for s in slices if s.series != common)
        raise InputError(
            source.name,
            where="series",
            expected="one series in the folder (or the option 'series' to pick one)",
            got=_listed(found),
            file=relative(source, stray.path),
        )
    return slices


def _listed(found: Counter[str]) -> str:
    return ", ".join(f"{uid} ({count} slices)" for uid, count in found.most_common())


def _normal(source: VolumeSource, slices: list[Slice]) -> NDArray[np.float64]:
    """The scan axis, a unit vector; all slices must share it, and their size and spacing."""
    import numpy as np

    first = slices[0]
    for other in slices[1:]:
        for what, expected, got in (
            ("size", first.shape, other.shape),
            ("pixel spacing", first.spacing_mm, other.spacing_mm),
            ("orientation", first.orientation, other.orientation),
        ):
            if any(abs(a - b) > ROUNDING for a, b in zip(expected, got, strict=True)):
                raise InputError(
                    source.name,
                    where=what,
                    expected=f"{expected} as in {first.path.name}",
                    got=str(got),
                    file=relative(source, other.path),
                )
    row, column = np.array(first.orientation[:3]), np.array(first.orientation[3:])
    normal: NDArray[np.float64] = np.cross(row, column)
    return normal / math.sqrt(_dot(normal, normal))


def _dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """The dot product of two vectors [3]; that of BLAS has other last bits on another CPU."""
    return float((a * b).sum())


def _spacing(source: VolumeSource, slices: list[Slice], positions: NDArray[np.float64]) -> float:
    """Distance in mm between neighbouring slices, which must be the same throughout."""
    import numpy as np

    if len(slices) == 1:
        return slices[0].thickness_mm
    gaps = np.diff(positions)
    spacing = float(np.median(gaps))
    doubled = np.flatnonzero(gaps <= TOLERANCE * max(spacing, 1e-3))
    if len(doubled):
        a, b = sorted(slices[doubled[0] : doubled[0] + 2], key=lambda s: s.path)
        raise InputError(
            source.name,
            where=f"position {positions[doubled[0]]:g} mm",
            expected="one slice",
            got=f"{a.path.name} and {b.path.name}",
            file=relative(source, b.path),
        )
    uneven = np.flatnonzero(np.abs(gaps - spacing) > TOLERANCE * spacing)
    if len(uneven):
        below, above = slices[uneven[0]], slices[uneven[0] + 1]
        raise InputError(
            source.name,
            where=f"after position {positions[uneven[0]]:g} mm",
            expected=f"the next slice {spacing:g} mm on",
            got=f"a gap of {gaps[uneven[0]]:g} mm, from {below.path.name} to {above.path.name}",
            file=relative(source, above.path),
        )
    step = (slices[-1].position_mm - slices[0].position_mm) / (len(slices) - 1)
    for number, entry in enumerate(slices):
        aside = np.abs(slices[0].position_mm + number * step - entry.position_mm).max()
        if aside > max(TOLERANCE * spacing * len(slices), ROUNDING):
            raise InputError(
                source.name,
                where=f"position {positions[number]:g} mm",
                expected="slices in a straight line",
                got=f"one {aside:.4g} mm aside",
                file=relative(source, entry.path),
            )
    return spacing


def _affine(first: Slice, step: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = np.array(first.orientation[3:]) * first.spacing_mm[0]
    affine[:3, 2] = np.array(first.orientation[:3]) * first.spacing_mm[1]
    affine[:3, 3] = first.position_mm
    return affine


def _table(
    slices: list[Slice], positions: NDArray[Any], ranges: list[tuple[float, float]]
) -> pa.Table:
    import pyarrow as pa

    unit = {"unit": "Hounsfield units"}
    return pa.table(
        [
            [s.path.name for s in slices],
            positions,
            [low for low, _ in ranges],
            [high for _, high in ranges],
        ],
        schema=pa.schema(
            [
                pa.field("file", pa.string()),
                pa.field("position", pa.float64(), metadata={"unit": "mm"}),
                pa.field("min", pa.float32(), metadata=unit),
                pa.field("max", pa.float32(), metadata=unit),
            ]
        ),
    )
