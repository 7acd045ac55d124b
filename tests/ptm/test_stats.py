"""Moments and counts merge to the same whatever the cut, and what is missing is not counted."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from fractions import Fraction
from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptm.stats import Moments, Stats, moments_of

VALUES = st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=40)
FIELDS = ("count", "mean", "m2", "min", "max")


def column(values: list[float]) -> np.ndarray:
    return np.array(values)[:, None]


def assert_moments(found: Moments, values: list[float]) -> None:
    """The moments of one channel are those that Python's exact statistics give."""
    size = max(map(abs, values))
    assert found.count == len(values)
    assert (found.min[0], found.max[0]) == (min(values), max(values))
    assert found.mean[0] == pytest.approx(statistics.fmean(values), abs=1e-12 * size)
    exact = statistics.pvariance(values) * len(values)
    # below the least normal number float64 has fewer digits, of steps of this size
    steps = 4 * len(values) * math.ulp(0.0)
    assert found.m2[0] == pytest.approx(exact, rel=1e-9, abs=1e-12 * len(values) * size**2 + steps)


@given(VALUES)
def test_moments(values: list[float]) -> None:
    """Count, mean, M2, minimum and maximum of a column."""
    assert_moments(Moments.of(column(values)), values)


@given(VALUES, st.data())
def test_any_split_merges_to_the_same(values: list[float], data: st.DataObject) -> None:
    """Cut anywhere into parts, merged in any order, the moments are those of the whole."""
    cuts = sorted({0, len(values)} | data.draw(st.sets(st.integers(1, len(values)))))
    parts = [Moments.of(column(values[a:b])) for a, b in pairwise(cuts)]
    merged = reduce(Moments.merge, data.draw(st.permutations(parts)))
    assert_moments(merged, values)


@given(VALUES, VALUES)
def test_merge_commutes(left: list[float], right: list[float]) -> None:
    """Which of two parts comes first does not matter."""
    a, b = Moments.of(column(left)), Moments.of(column(right))
    size = max(map(abs, left + right))
    for name in ("count", "mean", "m2", "min", "max"):
        one, other = getattr(a.merge(b), name), getattr(b.merge(a), name)
        assert one == pytest.approx(other, rel=1e-12, abs=1e-12 * size)


def test_std() -> None:
    """The standard deviation divides by n - 1: that of 1, 2, 3 is 1; that of a single value 0."""
    assert Moments.of(column([1, 2, 3])).std == [1]
    assert Moments.of(column([5])).std == [0]


def test_far_from_zero() -> None:
    """A small spread far from zero is not lost: 10^9 + 1, 2, 3 has standard deviation 1."""
    halves = [Moments.of(column([1e9 + 1])), Moments.of(column([1e9 + 2, 1e9 + 3]))]
    assert halves[0].merge(halves[1]).std == pytest.approx([1])


def test_channels_are_apart() -> None:
    """Each channel has moments of its own."""
    moments = Moments.of(np.array([[1.0, 10.0], [3.0, 30.0]]))
    assert moments.mean.tolist() == [2, 20] and moments.m2.tolist() == [2, 200]


@given(st.lists(st.integers(0, 255), min_size=1, max_size=300))
def test_bytes_are_exact(values: list[int]) -> None:
    """Of uint8 the moments are those of exact arithmetic, rounded once."""
    found = moments_of(np.array(values, dtype=np.uint8)[:, None], 1, 255.0)
    mean = Fraction(sum(values), len(values))
    m2 = sum((value - mean) ** 2 for value in values) / 255**2
    assert found.mean[0] == pytest.approx(float(mean / 255), rel=1e-15)
    assert found.m2[0] == pytest.approx(float(m2), rel=1e-15)


CUTS = st.lists(st.integers(0, 400), max_size=12)


@given(st.integers(0, 2**32 - 1), CUTS, st.sampled_from([0.0, 0.3, 1.0]))
def test_far_from_zero_in_any_cut(seed: int, cuts: list[int], missing: float) -> None:
    """With a mean a million times the spread any cut, empty parts and missing values included,
    gives mean and deviation within 1e-9 of what exact arithmetic gives.
    """
    random = np.random.default_rng(seed)
    values = random.normal(1e6, 1.0, (400, 3)) * [1.0, 1e-3, 1e3]
    values[random.random(values.shape) < missing] = np.nan
    ends = [0, *sorted(cuts), 400]
    found = reduce(Moments.merge, [Moments.of(values[a:b]) for a, b in pairwise(ends)])
    for channel in range(3):
        there = [Fraction(float(v)) for v in values[:, channel] if not math.isnan(v)]
        assert found.count[channel] == len(there)
        if len(there) < 2:
            continue
        mean = sum(there) / len(there)
        m2 = sum((value - mean) ** 2 for value in there)
        assert found.mean[channel] == pytest.approx(float(mean), rel=1e-12)
        assert found.std[channel] == pytest.approx(math.sqrt(m2 / (len(there) - 1)), rel=1e-9)
        assert found.min[channel] == min(there) and found.max[channel] == max(there)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_of_a_tensor(axis: int, dtype: type) -> None:
    """The channels of a tensor may be along any axis; what is measured is divided first."""
    values = np.random.default_rng(1).integers(0, 256, (7, 5, 300)).astype(dtype)
    found = moments_of(values, axis, 255.0)
    flat = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1).astype(float) / 255.0
    assert np.allclose(found.mean, flat.mean(axis=1), rtol=1e-12)
    assert np.allclose(found.std, flat.std(axis=1, ddof=1), rtol=1e-12)
    assert found.count.tolist() == [flat.shape[1]] * len(flat)


def test_nothing_at_all() -> None:
    """No samples have moments too, which change nothing that they are merged with."""
    some = Moments.of(np.array([[1.0, np.nan], [4.0, np.nan]]))
    for merged in (Moments.none(2).merge(some), some.merge(Moments.none(2))):
        for field in FIELDS:
            assert np.array_equal(getattr(merged, field), getattr(some, field))
    assert some.count.tolist() == [2, 0] and some.std.tolist() == [math.sqrt(4.5), 0]


@given(VALUES, st.integers(0, 5))
def test_json(values: list[float], missing: int) -> None:
    """Through JSON text and back stats are the same, to the last bit, also of no value."""
    rows = [[value, math.nan] for value in values] + [[math.nan, math.nan]] * missing
    stats = Stats({"train": 3}, {"x": Moments.of(np.array(rows))}, {"c": Counter(a=2)})
    back = Stats.from_json(json.loads(json.dumps(stats.to_json(), allow_nan=False)))
    assert (back.samples, back.counts) == (stats.samples, stats.counts)
    for field in FIELDS:
        assert np.array_equal(getattr(back.moments["x"], field), getattr(stats.moments["x"], field))


def test_stats_merge() -> None:
    """Samples add up, moments merge, values are counted together; neither of the two changes."""
    one = Stats({"train": 2}, {"x": Moments.of(column([1.0, 3.0]))}, {"city": Counter(Rome=2)})
    other = Stats({"train": 1}, {"x": Moments.of(column([5.0]))}, {"city": Counter(Bonn=1)})
    both = one.merge(other)
    assert both.samples == {"train": 3} and both.counts == {"city": Counter(Rome=2, Bonn=1)}
    assert both.moments["x"].mean.tolist() == [3] and both.moments["x"].std.tolist() == [2]
    assert one.counts == {"city": Counter(Rome=2)} and one.samples == {"train": 2}
