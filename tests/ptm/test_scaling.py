"""Moments merge to the same whatever the split, and a scaler can be undone and written down."""

from __future__ import annotations

import json
import math
import statistics
from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ptm.scaling import Moments, Scaler

VALUES = st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=40)


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


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60))
def test_moments_of_a_histogram(places: list[int]) -> None:
    """Moments from counted levels are those of the values themselves."""
    levels = np.array([-2.5, 0, 0.1, 3, 1e4])
    counts = np.bincount(places, minlength=5)[None]
    assert_moments(Moments.of_counts(counts, levels), levels[places].tolist())


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


@pytest.mark.parametrize("method", ["standard", "minmax"])
@given(values=st.lists(st.floats(-1e6, 1e6, width=32, allow_subnormal=False), min_size=1))
def test_invert_undoes_apply(method: str, values: list[float]) -> None:
    """invert(apply(x)) = x, also where all values are equal; scale is never 0."""
    scaler = Scaler.fit(Moments.of(column(values)), ("a",), method)
    assert all(scale != 0 for scale in scaler.scale)
    x = torch.tensor(values, dtype=torch.float64)[:, None]
    back = scaler.invert(scaler.apply(x))
    assert torch.allclose(back, x, rtol=1e-9, atol=1e-9 * max(map(abs, values)))


@given(st.lists(st.floats(-1e6, 1e6, width=32, allow_subnormal=False), min_size=2))
def test_range_becomes_0_to_1(values: list[float]) -> None:
    """ "minmax" takes the smallest value to 0 and the largest to 1."""
    scaler = Scaler.fit(Moments.of(column(values)), ("a",), "minmax")
    scaled = scaler.apply(torch.tensor(values, dtype=torch.float64)[:, None])
    assert scaled.min() == 0 and scaled.max() == (1 if len(set(values)) > 1 else 0)


def test_constant_channel() -> None:
    """A channel that never varies becomes 0, not NaN, even where its mean is not exact."""
    values = np.full((7, 1), 0.1)
    scaler = Scaler.fit(Moments.of(values), ("a",))
    assert scaler.scale == (1,)
    assert torch.allclose(scaler.apply(torch.from_numpy(values)), torch.zeros(7, 1).double())


def test_mean_and_deviation_after() -> None:
    """Applied, each channel has mean 0 and standard deviation 1."""
    x = torch.from_numpy(np.random.default_rng(0).normal(40, [3, 0.1], (500, 2)))
    scaled = Scaler.fit(Moments.of(x.numpy()), ("a", "b")).apply(x)
    assert torch.allclose(scaled.mean(0), torch.zeros(2).double(), atol=1e-12)
    assert torch.allclose(scaled.std(0), torch.ones(2).double())


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_along_any_axis(dim: int) -> None:
    """`dim` says where the channels are; the other axes are samples."""
    scaler = Scaler("standard", ("a", "b"), (1.0, 2.0), (10.0, 100.0))
    x = torch.ones(2, 2, 2, dtype=torch.float64)
    channels = scaler.apply(x, dim=dim).unbind(dim)
    assert channels[0].eq(0).all() and channels[1].eq(-0.01).all()


def test_dtypes() -> None:
    """Floating tensors keep their dtype, integers become float32."""
    scaler = Scaler("standard", ("a",), (1.0,), (2.0,))
    for given_dtype, expected in (
        (torch.uint8, torch.float32),
        (torch.int64, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
        (torch.float16, torch.float16),
    ):
        scaled = scaler.apply(torch.tensor([[3]], dtype=given_dtype))
        assert scaled.dtype == expected and scaled.item() == 1


def test_wrong_number_of_channels() -> None:
    """A tensor with another number of channels is refused, and the channels are named."""
    scaler = Scaler("standard", ("red", "green"), (0.0, 0.0), (1.0, 1.0))
    with pytest.raises(ValueError, match=r"2 channels \(red, green\) along axis 1.*\(4, 3\)"):
        scaler.apply(torch.zeros(4, 3))


@given(
    st.lists(st.tuples(st.text(), st.floats(-1e300, 1e300), st.floats(1e-300, 1e300)), min_size=1)
)
def test_json_round_trip(channels: list[tuple[str, float, float]]) -> None:
    """Through JSON text and back a scaler is the same, to the last bit."""
    names, shift, scale = zip(*channels, strict=True)
    scaler = Scaler("standard", names, shift, scale)
    assert Scaler.from_json(json.loads(json.dumps(scaler.to_json()))) == scaler
