"""Where slices lie: even steps are found behind rounding; gaps, doubles and tilts are told."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptm.errors import InputError
from ptm.kinds.volume.geometry import _digits, _even
from ptm.model import Block
from tests.support.slices import slice_bytes

Make = Callable[..., Block]
OBLIQUE = (math.cos(0.4), math.sin(0.4))


def write(folder: Path, positions: Sequence[str], stored: str = "explicit", **header: str) -> None:
    """One slice for each position, as it is written, in files of shuffled names."""
    order = np.random.default_rng(0).permutation(len(positions))
    for name, position in zip(order, positions, strict=True):
        raw = slice_bytes(stored=stored, ImagePositionPatient=position, **header)
        (folder / f"{name:04}.dcm").write_bytes(raw)


def spacing(content: Block) -> float:
    found: float = content.facts["spacing_mm"][0]
    return found


@pytest.mark.parametrize("digits", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("count", [3, 40, 300])
@pytest.mark.parametrize("stored", ["explicit", "implicit"])
def test_rounded_positions_are_a_line(
    make: Make, tmp_path: Path, digits: int, count: int, stored: str
) -> None:
    """Slices 3.3333 mm apart whose positions were rounded are an even volume."""
    step, start = 10 / 3, -217.1234567
    texts = [f"12.5\\-3\\{start + step * i:.{digits}f}" for i in range(count)]
    write(tmp_path, texts, stored)
    content = make("volume", ".")
    assert spacing(content) == pytest.approx(step, abs=10.0**-digits / (count - 1) + 1e-9)
    assert not content.notes
    affine = np.array(content.facts["affine"])
    for place, text in zip((0, count - 1), (texts[0], texts[-1]), strict=True):
        written = [float(part) for part in text.split("\\")]
        assert np.abs((affine @ (place, 0, 0, 1))[:3] - written).max() <= 0.5 * 10.0**-digits + 1e-9


def test_zeros_that_were_left_out(make: Make, tmp_path: Path) -> None:
    """A writer that leaves zeros at the end out has rounded as finely as everywhere."""
    texts = [f"0\\0\\{round(i * 0.7031, 2)}" for i in range(200)]
    write(tmp_path, texts)
    assert spacing(make("volume", ".")) == pytest.approx(0.7031, abs=1e-4)


def test_significant_digits(make: Make, tmp_path: Path) -> None:
    """A writer of six significant digits, without zeros, has fewer decimals above 100."""
    texts = [f"0\\0\\{0.0123 * i + 99.9:.6g}" for i in range(20)]
    assert {len(text.partition(".")[2]) for text in texts} == {1, 2, 3, 4}
    write(tmp_path, texts)
    assert spacing(make("volume", ".")) == pytest.approx(0.0123, abs=1e-4)


def test_an_oblique_series_that_was_rounded(make: Make, tmp_path: Path) -> None:
    """Each coordinate is rounded by itself."""
    a, b = OBLIQUE
    texts = [f"{-10 - b * i * 0.8:.2f}\\{5 + a * i * 0.8:.2f}\\7.00" for i in range(120)]
    write(tmp_path, texts, ImageOrientationPatient=f"0\\0\\1\\{a:.6f}\\{b:.6f}\\0")
    content = make("volume", ".")
    assert spacing(content) == pytest.approx(0.8, abs=1e-3)
    assert not content.notes


def nearest(value: Fraction, digits: int) -> str:
    """The decimal with so many digits behind the point that is nearest."""
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return str(exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN))


@settings(max_examples=300, deadline=None)
@given(
    start=st.fractions(-300, 300, max_denominator=997),
    step=st.fractions(Fraction(1, 10), 10, max_denominator=997),
    count=st.integers(2, 60),
    digits=st.integers(0, 4),
)
def test_what_was_even_is_even(start: Fraction, step: Fraction, count: int, digits: int) -> None:
    """Whatever line was rounded, to whatever digit: a line is found, and it meets every value."""
    texts = [nearest(start + step * i, digits) for i in range(count)]
    values = np.array([float(text) for text in texts])
    rounding = np.array([_digits(text)[0] for text in texts])
    found = _even(values, rounding)
    assert found is not None
    away = np.abs(found[0] + found[1] * np.arange(count) - values)
    assert (away <= rounding + 1e-6).all()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-20, 20), min_size=2, max_size=7))
def test_a_line_is_found_where_there_is_one(values: list[int]) -> None:
    """As an exhaustive search has it, with fractions: a line that exists has a pair it touches."""
    half = Fraction(1, 2)
    found = _even(np.array(values, dtype=float), np.full(len(values), 0.5))
    ends = [(i, Fraction(v) + sign * half) for i, v in enumerate(values) for sign in (-1, 1)]
    exists = False
    for (i, low), (j, high) in itertools.permutations(ends, 2):
        if i < j:
            slope = (high - low) / (j - i)
            line = [low + slope * (k - i) for k in range(len(values))]
            exists |= all(abs(y - v) <= half for y, v in zip(line, values, strict=True))
    assert (found is not None) == exists


def test_an_exact_series_stays_exact(make: Make, tmp_path: Path) -> None:
    """Positions without any rounding give a spacing and an affine of the same digits."""
    write(tmp_path, [f"-143.2177734375\\-287.2177734375\\{3 * i - 288}" for i in range(99)])
    facts = make("volume", ".").facts
    assert facts["spacing_mm"][0] == 3
    assert np.array(facts["affine"])[:3, 0].tolist() == [0, 0, 3]
    assert np.array(facts["affine"])[:3, 3].tolist() == [-143.2177734375, -287.2177734375, -288]


@pytest.mark.parametrize(
    ("z", "says"),
    [
        ("0 3 6 12 15", "after position 6 mm: expected the next slice 3 mm on, got a gap of 6 mm"),
        ("0 1 2 4", "after position 2 mm: expected the next slice 1 mm on, got a gap of 2 mm"),
        ("0.00 1.25 2.50 3.78 5.00", "got a gap of 1.28 mm"),
        ("0.0 3.0 6.5 9.0 12.0", "got a gap of 3.5 mm"),
        ("0 3 6.5 9 12", "got a gap of 3.5 mm"),
        ("0.00 0.50 0.50 1.00", "position 0.5 mm: expected one slice"),
        ("0 0 1 1 2 2", "position 0 mm: expected one slice"),
    ],
)
def test_no_rounding_explains_it(make: Make, tmp_path: Path, z: str, says: str) -> None:
    """A gap, a shift beyond the last digit, and two at one place are named as before."""
    write(tmp_path, [f"0\\0\\{one}" for one in z.split()])
    with pytest.raises(InputError) as caught:
        make("volume", ".")
    assert says in str(caught.value)


@pytest.mark.parametrize("x", ["0.4", "5"])
def test_a_slice_aside(make: Make, tmp_path: Path, x: str) -> None:
    """A slice beside the line is named, with how far, also where the others write no point."""
    write(tmp_path, [f"{x if i == 3 else '0'}\\0\\{3 * i}" for i in range(7)])
    with pytest.raises(InputError, match=rf"slices in a straight line, got one {x} mm aside"):
        make("volume", ".")


def test_small_noise_is_taken_as_before(make: Make, tmp_path: Path) -> None:
    """What differs by less than a hundredth of the spacing stays a volume."""
    noise = np.random.default_rng(0).uniform(-0.01, 0.01, 20)
    write(tmp_path, [f"0\\0\\{3 * i + n:.6f}" for i, n in enumerate(noise)])
    assert spacing(make("volume", ".")) == pytest.approx(3, abs=0.01)


def test_a_tilted_gantry_is_told(make: Make, tmp_path: Path) -> None:
    """The angle between steps and scan axis, with what the header says of it."""
    shift = 3 * math.tan(math.radians(15))
    texts = [f"0\\{shift * i:.4f}\\{3 * i}" for i in range(10)]
    write(tmp_path, texts, GantryDetectorTilt="-15")
    (warning,) = make("volume", ".").notes
    assert "tilted gantry" in warning and "15.0 degrees" in warning
    assert "GantryDetectorTilt -15" in warning


def test_a_tilt_that_no_header_tells(make: Make, tmp_path: Path) -> None:
    """Steps that are not along the scan axis are told by themselves."""
    write(tmp_path, [f"0\\{i * 1.0}\\{3.0 * i}" for i in range(5)])
    (warning,) = make("volume", ".").notes
    assert "18.4 degrees" in warning


def test_a_tilt_that_positions_do_not_have(make: Make, tmp_path: Path) -> None:
    """A header that says tilt over positions that do not is told as that."""
    write(tmp_path, [f"0\\0\\{3 * i}" for i in range(5)], GantryDetectorTilt="12.5")
    (warning,) = make("volume", ".").notes
    assert "GantryDetectorTilt is 12.5 degrees, and the positions have no tilt" in warning


def test_a_lone_slice_without_thickness(make: Make, tmp_path: Path) -> None:
    """What no header says is not stated: no depth, no affine, and a word on it."""
    raw = slice_bytes(SliceThickness=None)
    (tmp_path / "1.dcm").write_bytes(raw)
    content = make("volume", "1.dcm")
    assert content.facts["spacing_mm"] == [None, 1, 1] and "affine" not in content.facts
    assert "SliceThickness" in content.notes[0]
