"""Every way to cut a column in two, counted and rated, as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

Direction = Literal["below", "above"]
DIRECTIONS: tuple[Direction, ...] = ("below", "above")


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

    def best(self, criterion: str, direction: Direction | None = None) -> dict[str, Any]:
        """The row of the sweep where the criterion is highest, in its own direction or in that one.

        Only thresholds that leave rows on both sides count, unless the column is constant.
        """
        rows = {"threshold": self.thresholds, **self.rates(direction or self.direction)}
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


def sweep(all_cuts: list[Cuts]) -> pa.Table:
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


def ranking(ranked: list[Cuts]) -> pa.Table:
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


def _named(index: NDArray[np.int32], names: list[str]) -> pa.DictionaryArray:
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(index, names)
