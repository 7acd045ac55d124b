"""One column as a test for a good row: planted answers, and what the entry need not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import ptm
from ptm import draw
from ptm.catalog import load_catalog
from ptm.errors import InputError
from ptm.kinds import threshold as kind
from ptm.kinds.threshold import Options
from ptm.model import Artifact, Block
from tests.support.kinds import analysis_of, artifact_of

# what the book's catalog says of its wine, but for the column
BOOK = {
    "target": "quality", "threshold": "mid", "direction": "below", "decimals": 2,
    "bad_max": 3, "good_min": 7, "actual_above": 5,
}  # fmt: skip


def entry(**options: Any) -> Options:
    """An entry that says no more than it must, but for these options."""
    return Options(**{"name": "test", "root": Path(), "kind": "threshold", "of": "wine", **options})


def stored(table: pd.DataFrame, **options: Any) -> Artifact:
    """The artifact "wine" with these rows, units from `attrs`, made with these options."""
    units = table.attrs.get("units", {})
    plain = pa.Table.from_pandas(table, preserve_index=False)
    fields = [
        field.with_metadata({"unit": units[field.name]} if field.name in units else None)
        for field in plain.schema
    ]
    rows = plain.cast(pa.schema(fields))
    return artifact_of(Block(rows=rows, facts=options), "wine", "table")


def analysed(table: pd.DataFrame, **options: Any) -> Block:
    """The book's entry with other options, of that table."""
    return analysis_of(entry(**{**BOOK, **options}), stored(table))


def drawn(block: Block) -> dict[str, bytes]:
    """The pictures of what was analysed, by the names of their views."""
    views = kind.views(artifact_of(block, "test", "threshold"))
    return {view.name: draw.to_png(view.picture) for view in views if view.picture}


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


def rows(content: Block, table: str) -> list[dict[str, Any]]:
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
    assert content.notes == ("no row is in the bad group: its means are left empty",)
    assert [row["bad"] for row in rows(content, "groups")] == [None] * 3
    assert set(drawn(content)) == {"group-means", "roc"}


def test_column_of_text_is_left_out_with_a_warning(planted: pd.DataFrame) -> None:
    """A column without numbers takes no part and is named in a warning."""
    content = analysed(planted.assign(colour="white"), column="noise")
    assert content.notes == ("column 'colour' holds no numbers: left out",)
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
            "test: column 'sugar': expected one of the columns with numbers: "
            "noise, level, inverse, quality, got no such column (wine)",
        ),
        ({"target": "score"}, "test: column 'score': expected one of the columns"),
        ({"column": "quality"}, "expected a column other than the score itself"),
        ({"column": "noise", "actual_above": 9}, "got 0 of 8 rows above it"),
        ({"column": "noise", "actual_above": 0}, "got 8 of 8 rows above it"),
        (
            {"column": "noise", "bad_max": 5.2, "good_min": 5.5},
            "test: column 'quality': expected rows between 5.2 and 5.5, whose mean of 'noise' is "
            "the threshold, got none (give `threshold` as a number instead) (wine)",
        ),
    ],
)
def test_what_cannot_be_analysed(
    planted: pd.DataFrame, options: dict[str, Any], message: str
) -> None:
    """An unknown column, a score of one class, a mid group without rows: each is a named error."""
    with pytest.raises(InputError) as caught:
        analysed(planted, **options)
    assert message in str(caught.value) and str(caught.value).endswith(" (wine)")


def test_given_threshold_needs_no_mid_group(planted: pd.DataFrame) -> None:
    """With a threshold given, an empty mid group is a warning and not an error."""
    content = analysed(planted, column="noise", bad_max=5.2, good_min=5.5, threshold=1.5)
    assert content.notes == ("no row is in the mid group: its means are left empty",)


def test_value_that_is_not_finite_is_named(planted: pd.DataFrame) -> None:
    """A value that is missing or infinite is an error that names row and column."""
    planted.loc[3, "level"] = np.nan
    with pytest.raises(InputError, match="row 3, column 'level': expected a finite number"):
        analysed(planted, column="noise")


def test_options_are_checked() -> None:
    """Groups that overlap and unknown options are refused."""
    with pytest.raises(ValidationError, match="bad_max below good_min, got 7 and 7"):
        entry(**{**BOOK, "bad_max": 7})
    with pytest.raises(ValidationError, match="colum"):
        entry(colum="alcohol")
    with pytest.raises(ValidationError, match="one entry in 'of', got wine, bikes"):
        entry(of=("wine", "bikes"))
    with pytest.raises(ValidationError, match="'below' or 'above'"):
        entry(direction="left")
    for name in ("threshold", "actual_above", "bad_max", "good_min"):
        with pytest.raises(ValidationError, match="finite number"):
            entry(**{name: float("nan")})


# what the entry does not say comes from the table


def bare(table: pd.DataFrame, *, of: str | None = "quality", **options: Any) -> Block:
    """What an entry that says no more gives, of a table whose own target is `of`."""
    return analysis_of(entry(**options), stored(table, target=of))


def test_bare_options(planted: pd.DataFrame) -> None:
    """Score, column, direction and threshold come from the table: the planted answer is found."""
    content = bare(planted)
    [result] = rows(content, "result")
    assert (result["column"], result["direction"], result["threshold"]) == ("level", "above", 10.0)
    assert (result["matches"], result["predicted_good"], result["actual_good"]) == (4, 4, 4)
    assert content.tensors["predicted"].tolist() == [False] * 4 + [True] * 4
    assert content.facts["target"] == "quality"
    # quality is 2, 4, 5, 5, 6, 6, 7, 8: its median is 5.5, its quartiles are 4.75 and 6.25
    assert content.facts["actual_rule"] == "quality > 5.5"
    assert content.facts["group_rules"] == {
        "bad": "quality <= 4.75", "mid": "between", "good": "quality >= 6.25",
    }  # fmt: skip
    [level] = (row for row in rows(content, "groups") if row["column"] == "level")
    assert (level["bad_count"], level["mid_count"], level["good_count"]) == (2, 4, 2)
    assert (level["bad"], level["mid"], level["good"]) == (5.5, 9.0, 12.5)
    assert not content.notes


def test_bare_options_and_the_other_direction(planted: pd.DataFrame) -> None:
    """Where good rows have low values, the direction is "below"."""
    planted["inverse"] = [9.0, 8, 7, 6, 4, 2, 1, 0]
    content = bare(planted[["inverse", "noise", "quality"]])
    [result] = rows(content, "result")
    assert (result["column"], result["direction"], result["threshold"]) == ("inverse", "below", 6)
    assert (result["recall"], result["false_positive_rate"]) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("direction", "threshold", "predicted"),
    [("above", 10.0, [4, 5, 6, 7]), ("below", 6.0, [0])],
)
def test_the_threshold_is_that_of_the_direction(
    planted: pd.DataFrame, direction: str, threshold: float, predicted: list[int]
) -> None:
    """Of a direction that is asked for the threshold is the best of that side, be it the wrong one.

    Below 6 only one row is called good, which is the least that can be wrong.
    """
    content = bare(planted, column="level", direction=direction)
    [result] = rows(content, "result")
    assert (result["direction"], result["threshold"]) == (direction, threshold)
    assert content.tensors["predicted"].nonzero().flatten().tolist() == predicted
    sweep = [row for row in rows(content, "sweep") if row["column"] == "level"]
    same = [row["youden"] for row in sweep if row["direction"] == direction]
    assert result["youden"] == max(same[1:])


def test_a_direction_turns_the_prediction(planted: pd.DataFrame) -> None:
    """The same threshold, the other side: every row is called the opposite."""
    low, high = (
        bare(planted, column="level", threshold=7.0, direction=side) for side in ("below", "above")
    )
    assert low.tensors["predicted"].tolist() == [True, True] + [False] * 6
    assert high.tensors["predicted"].equal(~low.tensors["predicted"])
    assert "level < 7 has F1" in low.facts["answer"]
    assert "level >= 7 has F1" in high.facts["answer"]


def test_the_mean_between_the_groups(planted: pd.DataFrame) -> None:
    """ "mid" is the mean of the column over the rows between, rounded where that is asked for."""
    planted["level"] = [5.0, 6, 7, 8, 10, 11.001, 12, 13]
    [whole], [rounded] = (
        rows(bare(planted, column="level", threshold="mid", **more), "result")
        for more in ({}, {"decimals": 1})
    )
    assert whole["threshold"] == (7 + 8 + 10 + 11.001) / 4
    assert rounded["threshold"] == 9.0


def test_options_stand_before_the_table(planted: pd.DataFrame) -> None:
    """A target of the entry is taken, whatever the table's is; bounds are kept as they are said."""
    content = bare(planted, of="noise", target="quality")
    assert content.facts["target"] == "quality"
    rules = bare(planted, bad_max=5).facts["group_rules"]
    assert (rules["bad"], rules["good"]) == ("quality <= 5", "quality >= 6.25")
    rules = bare(planted, good_min=3).facts["group_rules"]  # below the first quartile
    assert (rules["bad"], rules["good"]) == ("quality <= 2", "quality >= 3")
    rules = bare(planted, bad_max=7).facts["group_rules"]  # above the third
    assert (rules["bad"], rules["good"]) == ("quality <= 7", "quality >= 8")


SCORES = st.lists(st.integers(0, 5), min_size=2, max_size=30).filter(lambda s: len(set(s)) > 1)
BOUND = st.none() | st.integers(-1, 6)


@settings(deadline=None)
@given(SCORES, BOUND, BOUND)
def test_groups_of_any_scores(scores: list[int], bad_max: int | None, good_min: int | None) -> None:
    """Every row is in one group; what is asked for is kept; some rows are good and some are not."""
    if bad_max is not None and good_min is not None and bad_max >= good_min:
        return
    score = np.array(scores, dtype=np.float64)
    rules = kind._rules("s", score, entry(bad_max=bad_max, good_min=good_min))
    groups = rules.groups(score)
    assert np.array_equal(sum(mask.astype(int) for mask in groups.values()), np.ones(len(score)))
    if bad_max is not None:
        assert np.array_equal(groups["bad"], score <= bad_max)
    if good_min is not None:
        assert np.array_equal(groups["good"], score >= good_min)
    assert 0 < (score > rules.actual_above).sum() < len(score)


def test_most_rows_have_the_best_score() -> None:
    """Where nothing is above the median, the mean parts the rows."""
    table = pd.DataFrame({"a": [1.0, 2, 3, 4], "quality": [1, 5, 5, 5]})
    content = bare(table)
    assert content.facts["actual_rule"] == "quality > 4"
    assert content.tensors["actual"].tolist() == [False, True, True, True]
    assert rows(content, "result")[0]["threshold"] == 2.0


def test_truths_are_numbers() -> None:
    """A column of true and false is one of 1 and 0, as a feature and as the score."""
    table = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [False, False, True, True]})
    [result] = rows(bare(table, of="b"), "result")
    assert (result["column"], result["threshold"], result["youden"]) == ("a", 3.0, 1.0)
    [result] = rows(bare(table.rename(columns={"a": "quality"})), "result")
    assert (result["column"], result["threshold"], result["youden"]) == ("b", 1.0, 1.0)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (
            {"a": [1.0, 2.0], "b": [1.0, 2.0]},
            "test: target: expected one of the columns with numbers: a, b, "
            "got nothing: the table itself has no target (wine)",
        ),
        (
            {"a": [1.0, 2.0], "quality": ["x", "y"]},
            "test: column 'quality': expected one of the columns with numbers: a, got text (wine)",
        ),
        (
            {"a": [1.0, 2.0], "quality": [5, 5]},
            "test: column 'quality': expected values above and not above 5, "
            "got 0 of 2 rows above it (wine)",
        ),
        (
            {"a": ["x", "y"], "quality": [5, 6]},
            "test: expected columns with numbers beside the score, got none (wine)",
        ),
        (
            {"a": [1.0, np.inf], "quality": [5, 6]},
            "test: row 1, column 'a': expected a finite number, got inf (wine)",
        ),
    ],
)
def test_tables_that_have_no_answer(table: dict[str, list[Any]], told: str) -> None:
    """No target, one of text or of one value, nothing to rank: the message names the artifact."""
    with pytest.raises(InputError) as caught:
        bare(pd.DataFrame(table), of="quality" if "quality" in table else None)
    assert str(caught.value) == told


def test_an_artifact_without_rows() -> None:
    """What has no rows has no columns: its kind is told."""
    block = Block(tensors={"line": torch.zeros(2)})
    with pytest.raises(InputError) as caught:
        analysis_of(entry(), artifact_of(block, "lines", "fits"))
    told = "test: expected an artifact with rows, got none: it is of kind 'fits' (lines)"
    assert str(caught.value) == told


def test_views(planted: pd.DataFrame) -> None:
    """The groups, the columns by rank, and two pictures; sentences have counts and the answer."""
    artifact = artifact_of(bare(planted), "test", "threshold")
    groups, means, columns, roc = kind.views(artifact)
    assert [view.name for view in (groups, means, columns, roc)] == [
        "groups", "group-means", "columns", "roc",
    ]  # fmt: skip
    assert "(2 bad, 4 mid, 2 good)" in groups.sentence
    assert groups.table["unit"].fillna("").tolist() == ["", "mg/dm³", ""]
    assert columns.table["column"].tolist() == ["level", "inverse", "noise"]
    assert columns.sentence.endswith(artifact.manifest["facts"]["answer"])
    assert means.title == "test: groups by quality"


def test_views_of_very_many_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures show the best 24 columns and the one asked for, say so, and fit a page."""
    score = np.arange(40) % 8
    noise = np.random.default_rng(0).normal(size=(40, 200))
    table = pd.DataFrame(noise, columns=[f"a column named {n}" for n in range(200)])
    table = table.assign(last=0.0, best=score * 1.0, quality=score)
    artifact = artifact_of(bare(table, column="last"), "test", "threshold")
    assert kind._drawn(artifact)[0] == "best" and kind._drawn(artifact)[-1] == "last"
    assert len(set(kind._drawn(artifact))) == 24
    curves, roc_curves = set[str](), draw.roc_curves

    def noted(of: dict[str, Any], *more: Any) -> Any:
        curves.update(of)
        return roc_curves(of, *more)

    monkeypatch.setattr(draw, "roc_curves", noted)
    pictures = [view for view in kind.views(artifact) if view.picture]
    assert curves == set(kind._drawn(artifact))
    assert all(view.sentence.endswith("Of 202 columns 24 are shown.") for view in pictures)
    for view in pictures:
        assert len(draw.to_png(view.picture)) < draw.PNG_LIMIT
        assert max(view.picture.get_size_inches()) < 10


def test_a_run_of_a_catalog(tmp_path: Path) -> None:
    """Of a catalog, through the store, the column that separates is found with no option at all."""
    (tmp_path / "catalog.toml").write_text(
        '[wine]\nkind = "table"\ncolumns = ["a", "b", "q"]\ntarget = "q"\n'
        "rows = [[1, 5, 3], [2, 5, 4], [3, 6, 7], [4, 5, 8]]\n"
        '[best]\nkind = "threshold"\nof = "wine"\n'
        '[again]\nkind = "threshold"\nof = "best"\n'
    )
    catalog = load_catalog(tmp_path / "catalog.toml", tmp_path)
    for name in ("wine", "best"):
        ptm.tensorize(catalog[name], tmp_path / "store")
    best = ptm.load("best", tmp_path / "store")
    assert best.manifest["facts"]["answer"].startswith("a separates best: AUC 1.000.")
    assert best.tensors["predicted"].tolist() == [False, False, True, True]
    assert [view.name for view in best.views] == ["groups", "group-means", "columns", "roc"]
    with pytest.raises(InputError, match=r"^again: expected an artifact with rows, .* \(best\)$"):
        ptm.tensorize(catalog["again"], tmp_path / "store")


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
    assert one.facts == two.facts and drawn(one) == drawn(two)
    assert set(drawn(one)) == {"group-means", "roc"}
