"""Where the slices of a series lie: their order, the even steps between them, the tilt.

Source: DICOM PS3.3, C.7.6.2.1.1 (image position and orientation).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ptm.errors import BadInput, Faults
from ptm.kinds.volume.series import ROUNDING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ptm.readers.dicom.slices import Slice

TOLERANCE = 0.01  # of the spacing between slices: what no rounding in headers need explain
GAP = 0.5  # of the spacing: what no rounding may explain, or a slice may lack
FLOATS = 1e-9  # of a position in mm: what float64 makes of decimals
MANY_DIGITS = 4  # a writer with a fixed number of digits has at least so many
TILT = 0.1  # degrees that are not told
COARSE = 0.05  # mm that rounding may at most shift a slice aside without being told


class Place(NamedTuple):
    """Where a series lies.

    Attributes:
        slices: from the lowest to the highest along the scan axis.
        positions: of each along that axis in mm, float64 [slices].
        start: centre of the first pixel of the first slice in mm, float64 [3].
        step: from one slice to the next in mm, float64 [3]; None where one slice has no thickness.
        spacing: the step along the scan axis in mm; None where there is no step.
        tilt: degrees between the step and the scan axis, where that is more than rounding.
    """

    slices: list[Slice]
    positions: NDArray[np.float64]
    start: NDArray[np.float64]
    step: NDArray[np.float64] | None
    spacing: float | None
    tilt: float


def place(slices: list[Slice], faults: Faults) -> Place:
    """Orders slices along their scan axis; adds doubled ones, gaps and what lies aside to faults.

    Args:
        slices: at least one, all of one orientation.
        faults: gets an BadInput for each slice that lies where it should not.
    """
    import numpy as np

    normal = _normal(slices[0])
    points = np.array([s.position_mm for s in slices])
    positions = points[:, 0] * normal[0] + points[:, 1] * normal[1] + points[:, 2] * normal[2]
    order = np.argsort(positions, kind="stable")
    slices = [slices[number] for number in order]
    points, positions = points[order], positions[order]
    if len(slices) == 1:
        thickness = slices[0].thickness_mm
        step = None if thickness is None else normal * thickness
        return Place(slices, positions, points[0], step, thickness, 0.0)
    rounding = _rounding(slices)
    line = None
    if not _doubled(slices, positions, faults):
        line = _line(points, rounding, positions)
        if line is None:
            _look_at_steps(slices, points, positions, faults)
    start, step = line or (points[0], (points[-1] - points[0]) / (len(slices) - 1))
    spacing = _dot(normal, step)
    aside = step - normal * spacing
    tilt = math.degrees(math.atan2(math.sqrt(_dot(aside, aside)), spacing))
    allowed = np.minimum(rounding.max(0), COARSE) * 2 / (len(slices) - 1)
    noise = math.degrees(math.atan2(math.sqrt(_dot(allowed, allowed)), spacing))
    return Place(slices, positions, start, step, spacing, tilt if tilt > TILT + noise else 0.0)


def affine(where: Place) -> NDArray[np.float64] | None:
    """From voxel (depth, height, width) to millimetres, float64 [4, 4]; None without a step."""
    import numpy as np

    if where.step is None:
        return None
    first = where.slices[0]
    matrix = np.eye(4)
    matrix[:3, 0] = where.step
    matrix[:3, 1] = np.array(first.orientation[3:]) * first.spacing_mm[0]
    matrix[:3, 2] = np.array(first.orientation[:3]) * first.spacing_mm[1]
    matrix[:3, 3] = where.start
    return matrix


def _normal(first: Slice) -> NDArray[np.float64]:
    """The scan axis, a unit vector [3]."""
    import numpy as np

    row, column = np.array(first.orientation[:3]), np.array(first.orientation[3:])
    normal: NDArray[np.float64] = np.cross(row, column)
    return normal / math.sqrt(_dot(normal, normal))


def _dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """The dot product of two vectors [3]; that of BLAS has other last bits on another CPU."""
    return float((a * b).sum())


def _rounding(slices: list[Slice]) -> NDArray[np.float64]:
    """How far each written coordinate may be from the true one, in mm, float64 [slices, 3].

    Half of its last digit, where zeros at its end may have been left out: the finest of all slices
    counts, or what the most significant digits of any of them leave to a number of its size.
    """
    import numpy as np

    written = np.array([[_digits(text) for text in s.position_text] for s in slices])
    half, digits, whole = np.moveaxis(written, -1, 0)
    most = digits.max(0)
    fixed = 0.5 * 10.0 ** (whole - most)  # with as many significant digits as the longest has
    finest: NDArray[np.float64] = np.broadcast_to(half.min(0), half.shape)
    return np.where(most >= MANY_DIGITS, np.maximum(finest, fixed), finest)


@lru_cache(4096)
def _digits(text: str) -> tuple[float, int, int]:
    """Half of the last digit of a decimal, its significant digits, those before its point."""
    mantissa, _, exponent = text.lower().partition("e")
    whole, _, fraction = mantissa.lstrip("+-").partition(".")
    power = max(min(int(exponent or 0), 300), -300)
    significant = (whole + fraction).lstrip("0")
    return 0.5 * 10.0 ** (power - len(fraction)), len(significant), len(whole.lstrip("0")) + power


def _line(
    points: NDArray[np.float64], rounding: NDArray[np.float64], positions: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Start and step of a line with even steps that meets every point within its rounding.

    Steps that differ by half of one are no rounding, whatever was written.
    """
    import numpy as np

    gaps = np.diff(positions)
    usual = np.median(gaps)
    if (np.abs(gaps - usual) >= GAP * usual).any():
        return None
    found = [_even(points[:, axis], rounding[:, axis]) for axis in range(3)]
    known = [one for one in found if one]
    if len(known) < 3:
        return None
    return np.array([start for start, _ in known]), np.array([step for _, step in known])


def _even(values: NDArray[np.float64], rounding: NDArray[np.float64]) -> tuple[float, float] | None:
    """Start a and step b with |a + b i - value i| <= rounding i for all i, if there are any.

    For one b there is an a if no lower end lies above an upper one: low i - b i <= high j - b j
    for every pair, which bounds b from below where i > j, from above where i < j.
    """
    import numpy as np

    count = len(values)
    steps = np.arange(count)
    rounding = rounding + FLOATS * np.maximum(1, np.abs(values))
    start, step = values[0], (values[-1] - values[0]) / (count - 1)
    if (np.abs(start + step * steps - values) <= rounding).all():
        return float(start), float(step)
    low, high = values - rounding, values + rounding
    least, most = -math.inf, math.inf
    for apart in range(1, count):
        least = max(least, float((low[apart:] - high[:-apart]).max()) / apart)
        most = min(most, float((high[apart:] - low[:-apart]).min()) / apart)
        if least > most:
            return None
    step = (least + most) / 2
    start = ((low - step * steps).max() + (high - step * steps).min()) / 2
    return float(start), float(step)


def _doubled(slices: list[Slice], positions: NDArray[np.float64], faults: Faults) -> bool:
    """Whether slices lie at one position; each such pair is a fault."""
    import numpy as np

    gaps = np.diff(positions)
    doubled = np.flatnonzero(gaps <= TOLERANCE * max(float(np.median(gaps)), 1e-3))
    for number in doubled:
        a, b = sorted(slices[number : number + 2], key=lambda s: s.path)
        names = [s.name for s in (a, b)]
        where = f"position {positions[number]:g} mm"
        faults.add(_fault(b, where, "one slice", " and ".join(names)))
    return bool(len(doubled))


def _look_at_steps(
    slices: list[Slice],
    points: NDArray[np.float64],
    positions: NDArray[np.float64],
    faults: Faults,
) -> None:
    """Adds what is more than a hundredth of the spacing from even steps."""
    import numpy as np

    gaps = np.diff(positions)
    spacing = float(np.median(gaps))
    uneven = np.flatnonzero(np.abs(gaps - spacing) > TOLERANCE * spacing)
    for number in uneven:
        below, above = (s.name for s in slices[number : number + 2])
        faults.add(
            _fault(
                slices[number + 1],
                f"after position {positions[number]:g} mm",
                f"the next slice {spacing:g} mm on",
                f"a gap of {gaps[number]:g} mm, from {below} to {above}",
            )
        )
    if len(uneven):
        return
    even = points[0] + np.arange(len(slices))[:, None] * (points[-1] - points[0]) / len(gaps)
    away = np.abs(even - points).max(1)
    for number in np.flatnonzero(away > max(TOLERANCE * spacing * len(slices), ROUNDING)):
        faults.add(
            _fault(
                slices[number],
                f"position {positions[number]:g} mm",
                "slices in a straight line",
                f"one {away[number]:.4g} mm aside",
            )
        )


def _fault(entry: Slice, where: str, expected: str, got: str) -> BadInput:
    return BadInput(where=where, expected=expected, got=got, file=str(entry.path))
