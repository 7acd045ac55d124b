"""One column of a table as a test for a good row: one threshold, and every other beside it.

A threshold t splits the rows into those with value < t and those with value >= t; the direction
says which side is called good: "below" or "above". Columns are ranked by the area under their
ROC curve (AUC): it looks at all thresholds at once. F1 looks at one and, where most rows are good,
is high for whoever calls nearly everything good; so the threshold with the highest Youden index
(recall minus false positive rate) stands beside the one with the highest F1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from ptm.errors import BadInput
from ptm.kinds.threshold.cuts import Cuts, Direction, count_cuts, ranking, rates, sweep
from ptm.model import ROWS, SAMPLE, Artifact, Block, View
from ptm.source import Number, Source
from ptm.split import COLUMN as SPLIT

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

SIGNS = {"below": "<", "above": ">="}
MOST_DRAWN = 24  # columns in a picture: those that separate best, and the one asked for
# of the tables, what fits on a page
GROUP_COLUMNS = ["column", "unit", "bad", "mid", "good"]
RANKING_COLUMNS = [
    *("column", "auc", "direction", "best_f1", "f1_threshold"),
    *("best_youden", "youden_threshold"),
]


class Options(Source):
    """A table, what is good in it, and the threshold to look at.

    Attributes:
        target: column of the score; that which the table predicts where it is left out.
        column: that the threshold is for; the one with the largest area under its ROC curve where
            it is left out.
        actual_above: a row is good when its score is above this; the median where it is left out.
        bad_max: scores up to this are the bad group; the first quartile where it is left out.
        good_min: scores from this on are the good group; the third quartile where it is left out.
        threshold: rows on one side of it are predicted good; "mid" is the mean of the column over
            the rows between the two groups. That with the highest Youden index, on the side that is
            predicted good, where it is left out.
        direction: the side that is predicted good: "below" the threshold, or "above" and on it;
            that of the column's ROC curve where it is left out.
        decimals: that the mean of "mid" is rounded to.
    """

    samples: ClassVar[bool] = False

    target: str | None = Field(None, description="column of the score")
    column: str | None = Field(None, description="column that the threshold is for")
    actual_above: Number | None = Field(None, description="a row is good above this score")
    bad_max: Number | None = Field(None, description="scores up to this are the bad group")
    good_min: Number | None = Field(None, description="scores from this on are the good group")
    threshold: Number | Literal["mid"] | None = Field(
        None, description='a value of the column; "mid": its mean between the groups'
    )
    direction: Direction | None = Field(None, description="the side that is predicted good")
    decimals: int | None = Field(None, ge=0, description="decimals that the mean is rounded to")

    @model_validator(mode="after")
    def _groups_apart(self) -> Options:
        bad, good = self.bad_max, self.good_min
        if bad is not None and good is not None and bad >= good:
            raise ValueError(f"bad_max below good_min, got {bad:g} and {good:g}")
        if len(self.of) > 1:
            raise ValueError(f"one entry in 'of', got {', '.join(self.of)}")
        return self


@dataclass(frozen=True)
class Rules:
    """What is good, as numbers.

    Attributes:
        target: column of the score.
        actual_above: a row is good when its score is above this.
        bad_max, good_min: scores up to, and from, which are the bad and the good group.
    """

    target: str
    actual_above: float
    bad_max: float
    good_min: float

    def groups(self, score: NDArray[np.float64]) -> dict[str, NDArray[np.bool_]]:
        """Which rows [row] are in each of the groups."""
        bad, good = score <= self.bad_max, score >= self.good_min
        return {"bad": bad, "mid": ~bad & ~good, "good": good & ~bad}


def analyze(options: Options, artifacts: Mapping[str, Artifact]) -> Block:
    """Group means, the threshold's matches, and the sweep over every threshold and column.

    Returns:
        `predicted` and `actual` bool [sample]; tables `groups` (one row for each column),
        `sweep` (for each column, direction and distinct threshold), `columns` (for each column,
        the best one first), `result` (one row) and `spread`.

    Raises:
        BadInput: an artifact without rows, a column that is not in it or not finite, a mid group
            without rows when the threshold is to be its mean, or rows that are all good or all not.
    """
    import pyarrow as pa
    import torch

    [artifact] = artifacts.values()
    if ROWS not in artifact.manifest["tables"]:
        got = f"none: it is of kind '{artifact.manifest['kind']}'"
        raise BadInput(expected="an artifact with rows", got=got, file=artifact.name)
    table = artifact.table
    target = options.target or artifact.manifest["facts"].get("target")
    score, values, skipped = _columns(artifact.name, table, target, options.column)
    rules = _rules(target, score, options)
    actual = score > rules.actual_above
    if actual.all() or not actual.any():
        raise BadInput(
            where=f"column '{target}'",
            expected=f"values above and not above {rules.actual_above:g}",
            got=f"{int(actual.sum())} of {len(actual)} rows above it",
            file=artifact.name,
        )
    masks = rules.groups(score)
    all_cuts = [count_cuts(name, column, actual) for name, column in values.items()]
    ranked = sorted(all_cuts, key=lambda cuts: -cuts.auc)
    own = next((c for c in all_cuts if c.column == options.column), ranked[0])
    direction = options.direction or own.direction
    mid = values[own.column][masks["mid"]]
    threshold = _threshold(artifact.name, own, mid, rules, direction, options)
    below = values[own.column] < threshold
    predicted = below if direction == "below" else ~below
    result = _result(predicted, actual, threshold, own, direction, ranked[0])
    units = table.attrs.get("units", {})
    empty = [group for group, mask in masks.items() if not mask.any()]
    if artifact.manifest["split"]:
        skipped = [name for name in skipped if name != SPLIT]  # no column of the file
    return Block(
        tensors={"predicted": torch.from_numpy(predicted), "actual": torch.from_numpy(actual)},
        axes={"predicted": (SAMPLE,), "actual": (SAMPLE,)},
        tables={
            "groups": _groups(values, masks, units),
            "sweep": sweep(all_cuts),
            "columns": ranking(ranked),
            "result": pa.Table.from_pylist([result]),
            "spread": _spread(values),
        },
        facts=_facts(result, ranked, rules),
        notes=(
            *(f"no row is in the {group} group: its means are left empty" for group in empty),
            *(f"column '{name}' holds no numbers: left out" for name in skipped),
        ),
    )


def _rules(target: str, score: NDArray[np.float64], options: Options) -> Rules:
    """The rules of the options; where they are silent, by the median and the quartiles."""
    import numpy as np

    low, middle, high = (float(value) for value in np.quantile(score, (0.25, 0.5, 0.75)))
    if middle >= score.max():  # nothing is above the median
        middle = float(score.mean())
    bad = low if options.bad_max is None else options.bad_max
    good = max(high, bad) if options.good_min is None else options.good_min
    if good <= bad and options.good_min is None:
        good = float(score[score > bad].min(initial=np.inf))
    elif good <= bad:
        bad = float(score[score < good].max(initial=-np.inf))
    above = middle if options.actual_above is None else options.actual_above
    return Rules(target, above, bad, good)


def _columns(
    name: str, table: pd.DataFrame, target: str | None, column: str | None
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]], list[str]]:
    """The score [row], the other columns with numbers, and the names of those without."""
    import numpy as np

    numeric = table.select_dtypes(["number", "bool"])
    wanted = [target or "", *([column] if column else [])]
    for asked in wanted:
        if asked not in numeric.columns:
            got = "text" if asked in table.columns else "no such column"
            raise BadInput(
                where=f"column '{asked}'" if asked else "target",
                expected=f"one of the columns with numbers: {', '.join(map(str, numeric.columns))}",
                got=got if asked else "nothing: the table itself has no target",
                file=name,
            )
    if column == target:
        raise BadInput(
            where=f"column '{column}'",
            expected="a column other than the score itself",
            got="the score",
            file=name,
        )
    values = {str(one): numeric[one].to_numpy(np.float64) for one in numeric.columns}
    for one, numbers in values.items():
        if not np.isfinite(numbers).all():
            row = int(np.isfinite(numbers).argmin())
            raise BadInput(
                where=f"row {row}, column '{one}'",
                expected="a finite number",
                got=str(numbers[row]),
                file=name,
            )
    if len(values) < 2:
        expected, got = "columns with numbers beside the score", "none"
        raise BadInput(expected=expected, got=got, file=name)
    skipped = [str(one) for one in table.columns if one not in numeric.columns]
    return values.pop(str(target)), values, skipped


def _threshold(
    name: str,
    own: Cuts,
    mid: NDArray[np.float64],
    rules: Rules,
    direction: Direction,
    options: Options,
) -> float:
    """The threshold of the options; where they are silent, the one of the highest Youden index."""
    if isinstance(options.threshold, (int, float)):
        return float(options.threshold)
    if options.threshold is None:
        return float(own.best("youden", direction)["threshold"])
    if not len(mid):
        raise BadInput(
            where=f"column '{rules.target}'",
            expected=f"rows between {rules.bad_max:g} and {rules.good_min:g}, whose mean of "
            f"'{own.column}' is the threshold",
            got="none (give `threshold` as a number instead)",
            file=name,
        )
    mean = float(mid.mean())
    return mean if options.decimals is None else round(mean, options.decimals)


def _result(
    predicted: NDArray[np.bool_],
    actual: NDArray[np.bool_],
    threshold: float,
    own: Cuts,
    direction: Direction,
    best: Cuts,
) -> dict[str, Any]:
    """The one row of `result`: the threshold asked for, and the best column beside it."""
    num_good = int(actual.sum())
    matches = (predicted & actual).sum()
    false = (predicted & ~actual).sum()
    at_f1, at_youden = best.best("f1"), best.best("youden")
    counted = rates(matches, false, num_good, len(actual) - num_good)
    return {
        "column": own.column,
        "direction": direction,
        "threshold": threshold,
        "actual_good": num_good,
        **{name: value.item() for name, value in counted.items()},
        "auc": own.auc,
        "best_column": best.column,
        "best_direction": best.direction,
        "best_auc": best.auc,
        "best_threshold": at_f1["threshold"],
        "best_f1": at_f1["f1"],
        "best_youden_threshold": at_youden["threshold"],
        "best_youden": at_youden["youden"],
    }


def _groups(
    values: dict[str, NDArray[np.float64]],
    masks: dict[str, NDArray[np.bool_]],
    units: Mapping[str, str],
) -> pa.Table:
    """One row for each column: its mean in each group, null where a group has no rows."""
    import pyarrow as pa

    columns: dict[str, Any] = {
        "column": pa.array(values, pa.string()),
        "unit": pa.array([units.get(name) for name in values], pa.string()),
    }
    for group, mask in masks.items():
        means = [float(v[mask].mean()) if mask.any() else None for v in values.values()]
        columns[group] = pa.array(means, pa.float64())
    for group, mask in masks.items():
        columns[f"{group}_count"] = pa.array([int(mask.sum())] * len(values), pa.int64())
    return pa.table(columns)


def _facts(result: dict[str, Any], ranked: list[Cuts], rules: Rules) -> dict[str, Any]:
    """The answer in a sentence, and what to compare it with."""
    num_good, num_other = ranked[0].num_good, ranked[0].num_other
    all_good = 2 * num_good / (2 * num_good + num_other)
    side = f"{result['best_column']} {SIGNS[result['best_direction']]}"
    return {
        "answer": (
            f"{result['best_column']} separates best: AUC {result['best_auc']:.3f}. Its best F1 is "
            f"{result['best_f1']:.3f} at {side} {result['best_threshold']:.6g} (calling every row "
            f"good has F1 {all_good:.3f}); recall exceeds the false positive rate most, by "
            f"{result['best_youden']:.3f}, at {side} {result['best_youden_threshold']:.6g}. "
            f"{result['column']} {SIGNS[result['direction']]} {result['threshold']:.6g} has F1 "
            f"{result['f1']:.3f}, and the column AUC {result['auc']:.3f}."
        ),
        "ranked_by": "AUC",
        "target": rules.target,
        "actual_rule": f"{rules.target} > {rules.actual_above:g}",
        "group_rules": {
            "bad": f"{rules.target} <= {rules.bad_max:g}",
            "mid": "between",
            "good": f"{rules.target} >= {rules.good_min:g}",
        },
        "f1_of_calling_all_good": all_good,
    }


def _spread(values: dict[str, NDArray[np.float64]]) -> pa.Table:
    """One row for each column: its mean and standard deviation over all rows."""
    import pyarrow as pa

    rows = [
        {"column": n, "mean": float(v.mean()), "std": float(v.std())} for n, v in values.items()
    ]
    return pa.Table.from_pylist(rows)


def views(artifact: Artifact) -> Iterator[View]:
    """The groups, the columns, and the ROC curve of each column."""
    from ptm import draw

    facts, groups = artifact.manifest["facts"], artifact.tables["groups"]
    counts = ", ".join(f"{groups[f'{name}_count'].iloc[0]} {name}" for name in facts["group_rules"])
    yield View(
        "groups",
        "Mean of each column for the bad, mid and good rows, in the unit of the column "
        f"({counts}).",
        table=groups[GROUP_COLUMNS],
    )
    yield View(
        "group-means",
        f"The same means, in standard deviations from the mean of all rows.{_of_all(artifact)}",
        picture=_group_means(artifact, draw),
        title=f"{artifact.name}: groups by {facts['target']}",
    )
    yield View(
        "columns",
        "How well each column alone separates good rows, which lie above or below a threshold (in "
        "the unit of the column). auc: area under the ROC curve, 0.5 is chance, 1 is perfect; "
        "youden: recall less false positive rate. The answer: " + facts["answer"],
        table=artifact.tables["columns"][RANKING_COLUMNS],
    )
    yield View(
        "roc",
        "Share of good rows found (true positive rate) against the share of others taken for good "
        "(false positive rate), both from 0 to 1, for every threshold of every column."
        + _of_all(artifact),
        picture=_roc(artifact, draw),
        title=f"{artifact.name}: ROC curves of the columns",
    )


def _group_means(artifact: Artifact, draw: Any) -> Any:
    import numpy as np

    facts, groups = artifact.manifest["facts"], artifact.tables["groups"]
    chosen = groups["column"].isin(_drawn(artifact))
    groups, spread = groups[chosen], artifact.tables["spread"][chosen]
    mean, std = spread["mean"], spread["std"]
    means = {
        f"{group}: {rule} ({groups[f'{group}_count'].iloc[0]:,})": (groups[group] - mean)
        / np.where(std > 0, std, 1)
        for group, rule in facts["group_rules"].items()
        if groups[f"{group}_count"].iloc[0]
    }
    title = f"{artifact.name}: groups by {facts['target']}"
    return draw.group_means(list(groups["column"]), means, title)


def _roc(artifact: Artifact, draw: Any) -> Any:
    by_auc, cuts = artifact.tables["columns"], artifact.tables["sweep"]
    by_auc = by_auc[by_auc["column"].isin(_drawn(artifact))]
    [result] = artifact.tables["result"].to_dict("records")
    curves, labels = {}, {}
    for name, auc, direction in zip(
        by_auc["column"], by_auc["auc"], by_auc["direction"], strict=True
    ):
        of = cuts[(cuts["column"] == name) & (cuts["direction"] == direction)]
        false, true = (
            _closed(of[rate].to_numpy(), direction) for rate in ("false_positive_rate", "recall")
        )
        curves[name], labels[name] = (false, true), f"{auc:.3f} {name} ({direction})"
    own = result["column"]
    label = f"{own} {SIGNS[result['direction']]} {result['threshold']:.6g}"
    [direction] = by_auc.loc[by_auc["column"] == own, "direction"]
    if direction != result["direction"]:  # the curve is of the other side, the point mirrored
        label += " (the wrong side)"
    marked = own, result["false_positive_rate"], result["recall"], label
    title = f"Finding {artifact.manifest['facts']['actual_rule']} by one column alone"
    return draw.roc_curves(curves, labels, by_auc["column"].iloc[0], marked, title)


def _drawn(artifact: Artifact) -> list[str]:
    """The columns that pictures show, the best one first."""
    ranked = list(artifact.tables["columns"]["column"])
    own = artifact.tables["result"]["column"].iloc[0]
    return ranked[:MOST_DRAWN] if own in ranked[:MOST_DRAWN] else [*ranked[: MOST_DRAWN - 1], own]


def _of_all(artifact: Artifact) -> str:
    count = len(artifact.tables["columns"])
    return f" Of {count} columns {MOST_DRAWN} are shown." if count > MOST_DRAWN else ""


def _closed(rate: NDArray[np.float64], direction: Direction) -> NDArray[np.float64]:
    """The rates with the end that no threshold reaches: all rows below, or none above."""
    import numpy as np

    return np.append(rate, 1.0 if direction == "below" else 0.0)
