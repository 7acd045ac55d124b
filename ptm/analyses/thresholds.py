"""One column as a test for a good row: the book's threshold, and every other one beside it.

A threshold t splits the rows into those with value < t and those with value >= t; the direction
says which side is called good: "below" or "above". Columns are ranked by the area under their
ROC curve (AUC): it looks at all thresholds at once. F1 looks at one and, where most rows are good,
is high for whoever calls nearly everything good; so the threshold with the highest Youden index
(recall minus false positive rate) stands beside the one with the highest F1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ptm import plots
from ptm.content import SAMPLE, Artifact, Content
from ptm.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

PACKAGES: tuple[str, ...] = ("torch", "numpy", "pandas", "pyarrow", "matplotlib", "pillow")

Direction = Literal["below", "above"]
DIRECTIONS: tuple[Direction, ...] = ("below", "above")


class Options(BaseModel):
    """Which table, what is good in it, and the threshold to look at. Defaults: the book's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field("wine", description="artifact whose table is read")
    target: str = Field("quality", description="column of the score")
    column: str = Field("total sulfur dioxide", description="column that the threshold is for")
    bad_max: float = Field(3, description="scores up to this are the bad group")
    good_min: float = Field(7, description="scores from this on are the good group")
    actual_above: float = Field(5, description="a row is good when its score is above this")
    threshold: float | None = Field(
        None, description="rows below it are predicted good; None: the mid group's mean of `column`"
    )
    decimals: int = Field(2, ge=0, description="decimals that the mid group's mean is rounded to")

    @model_validator(mode="after")
    def _groups_apart(self) -> Options:
        if self.bad_max >= self.good_min:
            raise ValueError(f"bad_max {self.bad_max:g} must be below good_min {self.good_min:g}")
        return self


@dataclass(frozen=True)
class Cuts:
    """Every way to cut one column in two, counted.

    Attributes:
        column: its name.
        thresholds: float64 [cut], each distinct value once, ascending.
        good_below: int64 [cut], good rows with a value < threshold.
        other_below: int64 [cut], the same for the rows that are not good.
        num_good: good rows in all.
        num_other: rows in all that are not good.
        auc_below: probability that a good row has a lower value than another, ties half.
    """

    column: str
    thresholds: NDArray[np.float64]
    good_below: NDArray[np.int64]
    other_below: NDArray[np.int64]
    num_good: int
    num_other: int
    auc_below: float

    @property
    def direction(self) -> Direction:
        """The side on which good rows tend to be."""
        return "below" if self.auc_below >= 0.5 else "above"

    @property
    def auc(self) -> float:
        """Area under the ROC curve of `direction`, so at least 0.5."""
        return max(self.auc_below, 1.0 - self.auc_below)

    def rates(self, direction: Direction) -> dict[str, NDArray[Any]]:
        """What each threshold gives, [cut] each; nothing predicted good has precision 0."""
        matches, false = self.good_below, self.other_below
        if direction == "above":
            matches, false = self.num_good - matches, self.num_other - false
        return rates(matches, false, self.num_good, self.num_other)

    def best(self, criterion: str) -> dict[str, Any]:
        """The row of the sweep, in `direction`, where the criterion is highest.

        Only thresholds that leave rows on both sides count, unless the column is constant.
        """
        rows = {"threshold": self.thresholds, **self.rates(self.direction)}
        place = 1 + int(rows[criterion][1:].argmax()) if len(self.thresholds) > 1 else 0
        return {name: values[place].item() for name, values in rows.items()}


def rates(
    matches: NDArray[np.int64], false: NDArray[np.int64], num_good: int, num_other: int
) -> dict[str, NDArray[Any]]:
    """Counts and rates of tests that call `matches` good rows and `false` other rows good."""
    import numpy as np

    predicted = matches + false
    return {
        "matches": matches,
        "predicted_good": predicted,
        "precision": np.where(predicted > 0, matches / np.maximum(predicted, 1), 0.0),
        "recall": matches / num_good,
        "false_positive_rate": false / num_other,
        "f1": 2 * matches / (predicted + num_good),
        "youden": matches / num_good - false / num_other,
    }


def count_cuts(column: str, values: NDArray[Any], actual: NDArray[np.bool_]) -> Cuts:
    """Counts good and other rows below each distinct value, in O(n log n).

    Args:
        column: name of the column.
        values: [row], finite.
        actual: bool [row], whether the row is good; both must occur.
    """
    import numpy as np

    thresholds, place = np.unique(values.astype(np.float64), return_inverse=True)
    here = np.bincount(place, minlength=len(thresholds))
    good = np.bincount(place[actual], minlength=len(thresholds))
    other = here - good
    good_below, other_below = np.cumsum(good) - good, np.cumsum(other) - other
    num_good, num_other = int(good.sum()), int(other.sum())
    # twice the pairs with the good row lower, so that ties, which count half, stay whole numbers
    twice = int((good * (2 * (num_other - other_below) - other)).sum())
    auc_below = twice / (2 * num_good * num_other)
    return Cuts(column, thresholds, good_below, other_below, num_good, num_other, auc_below)


def analyze(inputs: Mapping[str, Artifact], options: Options) -> Content:
    """Group means, the threshold's matches, and the sweep over every threshold and column.

    Returns:
        `predicted` and `actual` bool [sample]; tables `groups` (one row for each column),
        `sweep` (for each column, direction and distinct threshold), `columns` (for each column,
        the best one first) and `result` (one row); pictures `groups` and `roc`.

    Raises:
        InputError: a column that is not in the table or not finite, a mid group without rows
            when the threshold is to be its mean, or rows that are all good or all not.
    """
    import pyarrow as pa
    import torch

    table = inputs[options.source].table
    score, values, skipped = _columns(table, options)
    actual = score > options.actual_above
    if actual.all() or not actual.any():
        raise InputError(
            options.source,
            where=f"column '{options.target}'",
            expected=f"values above and not above {options.actual_above:g}",
            got=f"{int(actual.sum())} of {len(actual)} rows above it",
        )
    masks = {
        "bad": score <= options.bad_max,
        "mid": (score > options.bad_max) & (score < options.good_min),
        "good": score >= options.good_min,
    }
    threshold = _threshold(values[options.column], masks["mid"], options)
    predicted = values[options.column] < threshold
    all_cuts = [count_cuts(name, column, actual) for name, column in values.items()]
    ranked = sorted(all_cuts, key=lambda cuts: -cuts.auc)
    result = _result(predicted, actual, threshold, all_cuts, options)
    units = table.attrs.get("units", {})
    empty = [group for group, mask in masks.items() if not mask.any()]
    return Content(
        tensors={"predicted": torch.from_numpy(predicted), "actual": torch.from_numpy(actual)},
        axes={"predicted": (SAMPLE,), "actual": (SAMPLE,)},
        tables={
            "groups": _groups(values, masks, units),
            "sweep": _sweep(all_cuts),
            "columns": _ranking(ranked),
            "result": pa.Table.from_pylist([result]),
        },
        facts=_facts(result, ranked, options),
        warnings=(
            *(f"no row is in the {group} group: its means are left empty" for group in empty),
            *(f"column '{name}' holds no numbers: left out" for name in skipped),
        ),
        pictures={
            "groups": _groups_picture(values, masks, options),
            "roc": _roc_picture(ranked, result, options),
        },
    )


def _columns(
    table: pd.DataFrame, options: Options
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]], list[str]]:
    """The score [row], the other columns with numbers, and the names of those without."""
    import numpy as np

    numeric = table.select_dtypes(["number", "bool"])
    for name in (options.target, options.column):
        if name not in numeric.columns:
            raise InputError(
                options.source,
                where=f"column '{name}'",
                expected=f"one of the columns with numbers: {', '.join(map(str, numeric.columns))}",
                got="text" if name in table.columns else "no such column",
            )
    if options.column == options.target:
        raise InputError(
            options.source,
            where=f"column '{options.column}'",
            expected="a column other than the score itself",
            got="the score",
        )
    values = {str(name): numeric[name].to_numpy(np.float64) for name in numeric.columns}
    for name, column in values.items():
        if not np.isfinite(column).all():
            row = int(np.isfinite(column).argmin())
            raise InputError(
                options.source,
                where=f"row {row}, column '{name}'",
                expected="a finite number",
                got=str(column[row]),
            )
    skipped = [str(name) for name in table.columns if name not in numeric.columns]
    return values.pop(options.target), values, skipped


def _threshold(column: NDArray[np.float64], mid: NDArray[np.bool_], options: Options) -> float:
    if options.threshold is not None:
        return options.threshold
    if not mid.any():
        raise InputError(
            options.source,
            where=f"column '{options.target}'",
            expected=f"rows between {options.bad_max:g} and {options.good_min:g}, whose mean of "
            f"'{options.column}' is the threshold",
            got="none (give `threshold` instead)",
        )
    return round(float(column[mid].mean()), options.decimals)


def _result(
    predicted: NDArray[np.bool_],
    actual: NDArray[np.bool_],
    threshold: float,
    all_cuts: list[Cuts],
    options: Options,
) -> dict[str, Any]:
    """The one row of `result`: the threshold asked for, and the best column beside it."""
    num_good = int(actual.sum())
    matches = (predicted & actual).sum()
    false = (predicted & ~actual).sum()
    own = next(cuts for cuts in all_cuts if cuts.column == options.column)
    best = max(all_cuts, key=lambda cuts: cuts.auc)
    at_f1, at_youden = best.best("f1"), best.best("youden")
    counted = rates(matches, false, num_good, len(actual) - num_good)
    return {
        "column": options.column,
        "direction": "below",
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


def _sweep(all_cuts: list[Cuts]) -> pa.Table:
    """One row for each column, direction and distinct threshold."""
    import numpy as np
    import pyarrow as pa

    blocks = [(cuts, direction) for cuts in all_cuts for direction in DIRECTIONS]
    lengths = [len(cuts.thresholds) for cuts, _ in blocks]
    column = np.repeat(np.arange(len(blocks), dtype=np.int32) // len(DIRECTIONS), lengths)
    direction = np.repeat(np.arange(len(blocks), dtype=np.int32) % len(DIRECTIONS), lengths)
    numbers = [{"threshold": c.thresholds, **c.rates(way)} for c, way in blocks]
    return pa.table(
        {
            "column": _named(column, [cuts.column for cuts in all_cuts]),
            "direction": _named(direction, list(DIRECTIONS)),
            **{name: np.concatenate([part[name] for part in numbers]) for name in numbers[0]},
        }
    )


def _named(index: NDArray[np.int32], names: list[str]) -> pa.DictionaryArray:
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(index, names)


def _ranking(ranked: list[Cuts]) -> pa.Table:
    """One row for each column, by AUC: its direction, its best F1 and its best Youden index."""
    import pyarrow as pa

    rows = []
    for cuts in ranked:
        row: dict[str, Any] = {
            "column": cuts.column,
            "auc": cuts.auc,
            "direction": cuts.direction,
            "best_f1": cuts.best("f1")["f1"],
            "best_youden": cuts.best("youden")["youden"],
        }
        for criterion in ("f1", "youden"):
            at = cuts.best(criterion)
            for name in ("threshold", "precision", "recall"):
                row[f"{criterion}_{name}"] = at[name]
        rows.append(row)
    return pa.Table.from_pylist(rows)


def _facts(result: dict[str, Any], ranked: list[Cuts], options: Options) -> dict[str, Any]:
    """The answer in a sentence, and what to compare it with."""
    num_good, num_other = ranked[0].num_good, ranked[0].num_other
    all_good = 2 * num_good / (2 * num_good + num_other)
    side = f"{result['best_column']} {'<' if result['best_direction'] == 'below' else '>='}"
    return {
        "answer": (
            f"{result['best_column']} separates best: AUC {result['best_auc']:.3f}. Its best F1 is "
            f"{result['best_f1']:.3f} at {side} {result['best_threshold']:.6g} (calling every row "
            f"good has F1 {all_good:.3f}); recall exceeds the false positive rate most, by "
            f"{result['best_youden']:.3f}, at {side} {result['best_youden_threshold']:.6g}. "
            f"{result['column']} < {result['threshold']:.6g} has F1 {result['f1']:.3f}, and the "
            f"column AUC {result['auc']:.3f}."
        ),
        "ranked_by": "AUC",
        "actual_rule": f"{options.target} > {options.actual_above:g}",
        "f1_of_calling_all_good": all_good,
    }


def _groups_picture(
    values: dict[str, NDArray[np.float64]], masks: dict[str, NDArray[np.bool_]], options: Options
) -> bytes:
    import numpy as np

    table = np.stack(list(values.values()))
    spread = table.std(1, keepdims=True)
    table = (table - table.mean(1, keepdims=True)) / np.where(spread > 0, spread, 1)
    rules = {
        "bad": f"{options.target} <= {options.bad_max:g}",
        "mid": "between",
        "good": f"{options.target} >= {options.good_min:g}",
    }
    means = {
        f"{group}: {rules[group]} ({mask.sum():,})": table[:, mask].mean(1)
        for group, mask in masks.items()
        if mask.any()
    }
    return plots.group_means(list(values), means, f"{options.source}: groups by {options.target}")


def _roc_picture(ranked: list[Cuts], result: dict[str, Any], options: Options) -> bytes:
    curves = {}
    for cuts in ranked:
        points = cuts.rates(cuts.direction)
        curves[cuts.column] = (
            _closed(points["false_positive_rate"], cuts.direction),
            _closed(points["recall"], cuts.direction),
        )
    own = next(cuts for cuts in ranked if cuts.column == result["column"])
    across, up = result["false_positive_rate"], result["recall"]
    label = f"{own.column} < {result['threshold']:.6g}"
    if own.direction == "above":  # the curve shows the other side, and the point lies mirrored
        label += " (the wrong side)"
    labels = {cuts.column: f"{cuts.auc:.3f} {cuts.column} ({cuts.direction})" for cuts in ranked}
    title = f"Finding {options.target} > {options.actual_above:g} by one column alone"
    best, marked = ranked[0].column, (own.column, across, up, label)
    return plots.roc_curves(curves, labels, best, marked, title)


def _closed(rate: NDArray[np.float64], direction: Direction) -> NDArray[np.float64]:
    """The rates with the end that no threshold reaches: all rows below, or none above."""
    import numpy as np

    return np.append(rate, 1.0 if direction == "below" else 0.0)
