"""One column as a test for a good row: planted answers, and a slow second way to count."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ptm.analyses import thresholds
from ptm.analyses.thresholds import Options, analyze, count_cuts
from ptm.content import Content
from ptm.errors import InputError

# few distinct values, so that ties are the rule
SAMPLES = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=40).filter(
    lambda rows: 0 < sum(good for _, good in rows) < len(rows)
)


def analysed(table: pd.DataFrame, **options: Any) -> Content:
    artifact = SimpleNamespace(table=table, tensors={})
    return analyze({"wine": cast(Any, artifact)}, Options(**options))


@pytest.fixture
def planted() -> pd.DataFrame:
    """`level` separates scores above 5 at 10 exactly, `noise` not at all, `inverse` nearly."""
    table = pd.DataFrame(
        {
            "noise": [1.0, 2, 1, 2, 1, 2, 1, 2],
            "level": [5.0, 6, 7, 8, 10, 11, 12, 13],
            "inverse": [9.0, 8, 7, 3, 4, 2, 1, 0],
            "quality": [2, 4, 5, 5, 6, 6, 7, 8],
        }
    )
    table.attrs["units"] = {"level": "mg/dm³"}
    return table


def rows(content: Content, table: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = content.tables[table].to_pylist()
    return listed


def test_planted_column_is_found(planted: pd.DataFrame) -> None:
    """The column that separates perfectly is named best, with its threshold and direction."""
    content = analysed(planted, column="noise")
    [result] = rows(content, "result")
    assert (result["best_column"], result["best_direction"]) == ("level", "above")
    assert (result["best_threshold"], result["best_youden_threshold"]) == (10.0, 10.0)
    assert (result["best_auc"], result["best_f1"], result["best_youden"]) == (1.0, 1.0, 1.0)
    assert "level separates best: AUC 1.000" in content.facts["answer"]
    assert "F1 is 1.000 at level >= 10" in content.facts["answer"]


def test_columns_are_ranked_by_auc(planted: pd.DataFrame) -> None:
    """Columns come by AUC, each on the side where good rows are; noise has one half."""
    ranking = rows(analysed(planted, column="noise"), "columns")
    assert [(row["column"], row["direction"], row["auc"]) for row in ranking] == [
        ("level", "above", 1.0),
        ("inverse", "below", 15 / 16),
        ("noise", "below", 0.5),
    ]


def test_f1_does_not_win_by_calling_everything_good(planted: pd.DataFrame) -> None:
    """The best threshold leaves rows on both sides, even when calling all good has a higher F1."""
    table = pd.DataFrame({"a": [1.0, 2, 3, 4], "quality": [6, 6, 6, 5]})
    content = analysed(table, column="a", threshold=2.0)
    [row] = rows(content, "columns")
    assert (row["direction"], row["f1_threshold"]) == ("below", 4.0)
    reverse = pd.DataFrame({"a": [1.0, 2, 3, 4], "quality": [6, 5, 5, 6]})
    [row] = rows(analysed(reverse, column="a", threshold=2.0), "columns")
    assert row["f1_threshold"] > 1.0


def test_threshold_is_the_rounded_mean_of_the_mid_group(planted: pd.DataFrame) -> None:
    """Without a threshold it is the mid group's mean to 2 decimals; values below are predicted."""
    content = analysed(planted, column="inverse")
    [result] = rows(content, "result")
    assert result["threshold"] == 4.8  # of 8, 7, 3, 4, 2
    assert content.tensors["predicted"].tolist() == [False] * 3 + [True] * 5
    assert content.tensors["actual"].tolist() == [False] * 4 + [True] * 4
    assert content.tensors["predicted"].dtype == content.tensors["actual"].dtype == torch.bool
    assert (result["predicted_good"], result["actual_good"], result["matches"]) == (5, 4, 4)
    assert (result["precision"], result["recall"]) == (0.8, 1.0)
    assert result["false_positive_rate"] == 0.25


def test_value_at_the_threshold_is_not_below_it(planted: pd.DataFrame) -> None:
    """A value equal to the threshold is not predicted good."""
    content = analysed(planted, column="level", threshold=6.0)
    assert content.tensors["predicted"].tolist() == [True] + [False] * 7


def test_group_means(planted: pd.DataFrame) -> None:
    """Each column has a mean for each group, the group's size, and its unit if known."""
    [noise, level, inverse] = rows(analysed(planted, column="noise"), "groups")
    assert (level["bad"], level["mid"], level["good"]) == (5.0, 8.4, 12.5)
    assert (level["bad_count"], level["mid_count"], level["good_count"]) == (1, 5, 2)
    assert (noise["unit"], level["unit"], inverse["unit"]) == (None, "mg/dm³", None)


def test_empty_group_is_a_warning(planted: pd.DataFrame) -> None:
    """A group without rows is said in a warning, and its means are null, not NaN."""
    content = analysed(planted, column="noise", bad_max=1)
    assert content.warnings == ("no row is in the bad group: its means are left empty",)
    assert [row["bad"] for row in rows(content, "groups")] == [None] * 3
    assert content.pictures["groups"]


def test_column_of_text_is_left_out_with_a_warning(planted: pd.DataFrame) -> None:
    """A column without numbers takes no part and is named in a warning."""
    content = analysed(planted.assign(colour="white"), column="noise")
    assert content.warnings == ("column 'colour' holds no numbers: left out",)
    assert "colour" not in {row["column"] for row in rows(content, "sweep")}


def test_constant_column_is_ranked_last(planted: pd.DataFrame) -> None:
    """A column that never varies has AUC one half and its only threshold, and breaks nothing."""
    last = rows(analysed(planted.assign(flat=3.0), column="noise"), "columns")[-1]
    assert (last["column"], last["auc"], last["f1_threshold"], last["best_f1"]) == (
        "flat", 0.5, 3.0, 0.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"column": "sugar"},
            "wine: column 'sugar': expected one of the columns with numbers: "
            "noise, level, inverse, quality, got no such column",
        ),
        ({"target": "score"}, "wine: column 'score': expected one of the columns"),
        ({"column": "quality"}, "expected a column other than the score itself"),
        ({"column": "noise", "actual_above": 9}, "got 0 of 8 rows above it"),
        ({"column": "noise", "actual_above": 0}, "got 8 of 8 rows above it"),
        ({"column": "noise", "bad_max": 5.2, "good_min": 5.5}, "expected rows between 5.2 and 5.5"),
    ],
)
def test_what_cannot_be_analysed(
    planted: pd.DataFrame, options: dict[str, Any], message: str
) -> None:
    """An unknown column, a score of one class, a mid group without rows: each is a named error."""
    with pytest.raises(InputError) as caught:
        analysed(planted, **options)
    assert message in str(caught.value)


def test_given_threshold_needs_no_mid_group(planted: pd.DataFrame) -> None:
    """With a threshold given, an empty mid group is a warning and not an error."""
    content = analysed(planted, column="noise", bad_max=5.2, good_min=5.5, threshold=1.5)
    assert content.warnings == ("no row is in the mid group: its means are left empty",)


def test_value_that_is_not_finite_is_named(planted: pd.DataFrame) -> None:
    """A value that is missing or infinite is an error that names row and column."""
    planted.loc[3, "level"] = np.nan
    with pytest.raises(InputError, match="row 3, column 'level': expected a finite number"):
        analysed(planted, column="noise")


def test_options_are_checked() -> None:
    """Groups that overlap and unknown options are refused."""
    with pytest.raises(ValidationError, match="bad_max 7 must be below good_min 7"):
        Options(bad_max=7)
    with pytest.raises(ValidationError, match="colum"):
        Options(colum="alcohol")  # type: ignore[call-arg]


@given(SAMPLES)
def test_sweep_against_brute_force(sample: list[tuple[int, bool]]) -> None:
    """Every row of the sweep is what counting the rows one by one gives, exactly."""
    values = np.array([value for value, _ in sample], dtype=np.float64)
    actual = np.array([good for _, good in sample])
    found = [
        dict(zip(cells, row, strict=True))
        for cells in [thresholds._sweep([count_cuts("x", values, actual)]).to_pydict()]
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
            thresholds._closed(rates["false_positive_rate"], cuts.direction),
            thresholds._closed(rates["recall"], cuts.direction),
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


def test_no_table_holds_nan_or_infinity(planted: pd.DataFrame) -> None:
    """Every number in every table is finite, also where nothing is predicted good."""
    content = analysed(planted, column="noise", threshold=-1.0)
    [result] = rows(content, "result")
    assert (result["predicted_good"], result["precision"], result["f1"]) == (0, 0.0, 0.0)
    for table in content.tables.values():
        for number in table.to_pandas().select_dtypes("number").to_numpy().ravel():
            assert np.isfinite(number)


def test_same_input_gives_the_same_content(planted: pd.DataFrame) -> None:
    """Two runs give equal tables and byte-identical pictures."""
    one, two = analysed(planted, column="noise"), analysed(planted, column="noise")
    assert all(one.tables[name].equals(two.tables[name]) for name in one.tables)
    assert one.pictures == two.pictures
    assert set(one.pictures) == {"groups", "roc"}


def test_many_rows_are_swept_at_once() -> None:
    """A column of 200,000 distinct values is counted in sorted time, not in quadratic time."""
    values = np.random.default_rng(0).normal(size=200_000)
    cuts = count_cuts("x", values, values > 0)
    assert len(cuts.thresholds) == 200_000
    assert (cuts.auc, cuts.direction) == (1.0, "above")
    assert cuts.best("youden")["threshold"] == values[values > 0].min()
