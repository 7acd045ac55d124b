"""Every way to cut a column in two, against a slow second way to count."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptm.kinds import threshold as kind
from ptm.kinds.threshold import count_cuts

# few distinct values, so that ties are the rule
SAMPLES = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=40).filter(
    lambda rows: 0 < sum(good for _, good in rows) < len(rows)
)


@given(SAMPLES)
def test_sweep_against_brute_force(sample: list[tuple[int, bool]]) -> None:
    """Every row of the sweep is what counting the rows one by one gives, exactly."""
    values = np.array([value for value, _ in sample], dtype=np.float64)
    actual = np.array([good for _, good in sample])
    found = [
        dict(zip(cells, row, strict=True))
        for cells in [kind.sweep([count_cuts("x", values, actual)]).to_pydict()]
        for row in zip(*cells.values(), strict=True)
    ]
    expected = []
    num_good, num_other = sum(actual.tolist()), sum((~actual).tolist())
    for direction in ("below", "above"):
        for threshold in sorted(set(values.tolist())):
            called = [(v < threshold) == (direction == "below") for v, _ in sample]
            matches = sum(c and good for c, (_, good) in zip(called, sample, strict=True))
            expected.append(
                {
                    "column": "x",
                    "direction": direction,
                    "threshold": threshold,
                    "matches": matches,
                    "predicted_good": sum(called),
                    "precision": matches / sum(called) if any(called) else 0.0,
                    "recall": matches / num_good,
                    "false_positive_rate": (sum(called) - matches) / num_other,
                    "f1": 2 * matches / (sum(called) + num_good),
                    "youden": matches / num_good - (sum(called) - matches) / num_other,
                }
            )
    assert found == expected


@given(SAMPLES)
def test_auc_is_the_mann_whitney_count(sample: list[tuple[int, bool]]) -> None:
    """The AUC is the share of pairs in the right order, ties half, on the better side."""
    good = [value for value, is_good in sample if is_good]
    other = [value for value, is_good in sample if not is_good]
    below = sum(Fraction(g < o) + Fraction(g == o, 2) for g in good for o in other)
    share = below / (len(good) * len(other))
    cuts = count_cuts(
        "x", np.array([v for v, _ in sample], float), np.array([g for _, g in sample])
    )
    assert cuts.auc_below == float(share)
    assert cuts.auc >= 0.5
    assert cuts.direction == ("below" if share >= Fraction(1, 2) else "above")


@given(SAMPLES)
def test_auc_is_the_area_under_the_sweep(sample: list[tuple[int, bool]]) -> None:
    """The area under the curve that is drawn is the AUC that is told."""
    values, actual = (np.array(column) for column in zip(*sample, strict=True))
    cuts = count_cuts("x", values, actual)
    rates = cuts.rates(cuts.direction)
    points = sorted(
        zip(
            kind._closed(rates["false_positive_rate"], cuts.direction),
            kind._closed(rates["recall"], cuts.direction),
            strict=True,
        )
    )
    area = np.trapezoid([y for _, y in points], [x for x, _ in points])
    assert area == pytest.approx(cuts.auc, abs=1e-12)


@given(SAMPLES)
def test_rates_along_the_threshold(sample: list[tuple[int, bool]]) -> None:
    """A higher threshold never loses a match below it nor wins one above; rates are in 0 to 1."""
    values, actual = (np.array(column) for column in zip(*sample, strict=True))
    cuts = count_cuts("x", values, actual)
    for direction, sign in (("below", 1), ("above", -1)):
        rates = cuts.rates(cast(Any, direction))
        assert (sign * np.diff(rates["recall"]) >= 0).all()
        assert (sign * np.diff(rates["false_positive_rate"]) >= 0).all()
        for name in ("precision", "recall", "false_positive_rate", "f1"):
            assert (rates[name] >= 0).all() and (rates[name] <= 1).all()


@settings(deadline=None)
@given(SAMPLES, st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(sample: list[tuple[int, bool]], random: Any) -> None:
    """The same rows in another order give the same cuts."""
    shuffled = random.sample(sample, len(sample))
    one, two = (
        count_cuts("x", *(np.array(column) for column in zip(*rows, strict=True)))
        for rows in (sample, shuffled)
    )
    for name in ("thresholds", "good_below", "other_below"):
        assert np.array_equal(getattr(one, name), getattr(two, name))
    assert one.auc_below == two.auc_below


def test_many_rows_are_swept_at_once() -> None:
    """A column of 200,000 distinct values is counted in sorted time, not in quadratic time."""
    values = np.random.default_rng(0).normal(size=200_000)
    cuts = count_cuts("x", values, values > 0)
    assert len(cuts.thresholds) == 200_000
    assert (cuts.auc, cuts.direction) == (1.0, "above")
    assert cuts.best("youden")["threshold"] == values[values > 0].min()
