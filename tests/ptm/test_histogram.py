"""Histograms of numbers: any cut gives the same one, and quantiles stand within their buckets."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptm.histogram import MOST, SPAN, Histogram, most_of

NUMBERS = st.one_of(
    st.floats(allow_nan=False), st.integers(-100, 100).map(float), st.sampled_from([0.0, -0.0])
)
SHARES = [0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0]


def assert_equal(one: Histogram, other: Histogram) -> None:
    assert one.shift == other.shift
    assert one.codes.tolist() == other.codes.tolist()
    assert one.counts.tolist() == other.counts.tolist()


@given(st.lists(NUMBERS, max_size=60), st.sampled_from([2, 4, 32, 512]), st.data())
def test_any_cut_gives_the_same(values: list[float], most: int, data: st.DataObject) -> None:
    """Cut anywhere, merged in any order, the histogram is that of the whole."""
    whole = np.array(values, dtype=np.float64)
    cuts = sorted({0, len(values)} | data.draw(st.sets(st.integers(0, len(values)))))
    parts = [Histogram.of(whole[a:b], most) for a, b in pairwise(cuts)]
    merged = Histogram.none(most)
    for part in data.draw(st.permutations(parts)):
        merged = merged.merge(part)
    assert_equal(merged, Histogram.of(whole, most))


@given(st.lists(NUMBERS, min_size=1, max_size=60), st.sampled_from([4, 512]))
def test_each_number_is_in_its_bucket(values: list[float], most: int) -> None:
    """Buckets lie apart, in order, are few, and count what is between their edges."""
    found = Histogram.of(np.array(values), most)
    low, high = found.edges()
    assert len(found.codes[found.codes != 0]) <= most
    assert (np.diff(found.codes) > 0).all() and (low[1:] >= high[:-1]).all()
    for one, two, code, count in zip(low, high, found.codes, found.counts, strict=True):
        inside = [
            v
            for v in values
            if (v == 0 if code == 0 else v and (one <= v < two if code > 0 else one < v <= two))
            or (np.isinf(v) and v in (one, two))
        ]
        assert len(inside) == count
    assert found.count == len(values)


@given(st.lists(NUMBERS, max_size=40))
def test_json(values: list[float]) -> None:
    """What is written as JSON is the same when it is read."""
    found = Histogram.of(np.array(values, dtype=np.float64), 16)
    assert_equal(Histogram.from_json(json.loads(json.dumps(found.to_json()))), found)


@pytest.mark.parametrize(
    "name", ["normal", "lognormal", "decimals", "ages", "times", "negative", "outliers"]
)
def test_quantiles(name: str) -> None:
    """Quantiles are within the bucket of the exact ones; of few decimals they are exact."""
    random = np.random.default_rng(0)
    values = {
        "normal": random.normal(size=100_000),
        "lognormal": random.lognormal(0, 3, 100_000),
        "decimals": np.round(random.normal(10, 1, 100_000), 1),
        "ages": random.integers(0, 100, 100_000).astype(float),
        "times": 1.6e9 + random.uniform(0, 1e7, 100_000),
        "negative": -np.round(random.normal(10, 1, 100_000), 1),
        "outliers": np.append(random.normal(size=100_000), [1e12, -1e300]),
    }[name]
    found = Histogram.of(values)
    quantiles = found.quantiles(SHARES, values.min(), values.max())
    low, high = found.edges()
    for share, quantile in zip(SHARES, quantiles, strict=True):
        exact = np.quantile(values, share, method="inverted_cdf")
        place = np.searchsorted(low, exact, side="right") - 1
        assert low[max(place, 0)] - 1e-300 <= quantile <= high[min(place + 1, len(high) - 1)]
        if name in ("decimals", "ages", "negative"):
            assert quantile == np.quantile(values, share, method="lower")
    assert len(found.codes) > 60


def test_a_constant_is_exact() -> None:
    """One value has one bucket, whose quantiles are that value."""
    found = Histogram.of(np.full(9, 0.1))
    assert (found.shift, found.count) == (0, 9)
    assert found.quantiles([0.5], 0.1, 0.1) == [0.1]
    assert Histogram.of(np.zeros(3)).quantiles([0.5], 0.0, 0.0) == [0.0]
    assert Histogram.none().quantiles([0.5], 0.0, 0.0) == []


def test_memory_is_bounded_by_the_number_of_columns() -> None:
    """Of 10,000 columns all together have no more buckets than a few hundred have."""
    assert most_of(1) == MOST and most_of(200) == MOST
    assert most_of(1000) == 131 and most_of(10_000) == 32
    values = np.random.default_rng(0).normal(size=10_000)
    assert len(Histogram.of(values, most_of(10_000)).codes) <= 33
    assert len(Histogram.of(values, 1 << 20).codes) <= 2 * SPAN
