"""Columns that give the target away, or are the names of rows: looked for among some of the rows.

A column is suspected where it alone says the target of samples that were not looked at for it:
that is measured by leaving each row out. What is found is told, and nothing is changed: a column
may say that much honestly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

LEAST_ROWS = 50
GIVEN_AWAY = 0.99  # of what chance does not say of classes, that one column says
SAME = 0.9995  # R² from which a column is a number in another unit
SUM = 0.99999  # R² from which columns come to the target together
MOST_SUMMED = 200  # columns that may come to it
NEIGHBOURS = 2000  # rows of train that the nearest neighbour is looked for among
ASKED = 500  # rows of other splits of which it is
LONG_NUMBER = 10_000  # from here on numbers of one length may be names


class Suspect(NamedTuple):
    """A column that should be looked at.

    Attributes:
        column: its name; of several together their names.
        why: a sentence.
    """

    column: str
    why: str


class Nearest(NamedTuple):
    """What the nearest neighbour in train says of the target of other samples.

    Attributes:
        score: share of the classes that are right; of numbers R².
        chance: that of the most frequent class; 0 of numbers.
        asked: of how many samples.
    """

    score: float
    chance: float
    asked: int


def suspects(rows: pa.Table, target: str | None, features: Sequence[str]) -> list[Suspect]:
    """Columns that are identifiers, or that give the target away.

    Args:
        rows: some rows of train, in the order of the source.
        target: the column; None where there is none.
        features: the columns that are.
    """
    if rows.num_rows < LEAST_ROWS:
        return []
    columns = {name: _values(rows[name]) for name in features}
    wanted = None if target is None else _values(rows[target])
    is_class = wanted is not None and _are_classes(wanted)
    found = []
    for name, values in columns.items():
        why = "" if wanted is None else _gives_away(values, wanted, is_class)
        if not why and _names_rows(values):
            why = "it names rows: no two have the same value"
        if why:
            found.append(Suspect(name, why))
    if wanted is not None and not is_class and not found:
        found += _summed(columns, wanted)
    return found


def _values(column: pa.ChunkedArray) -> NDArray[Any]:
    """The values of a column: float64, or the places of texts among all of them, int64."""
    import numpy as np
    import pyarrow as pa

    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        if pa.types.is_boolean(kind):
            column = column.cast(pa.int8())
        numbers: NDArray[Any] = column.cast(pa.float64(), safe=False).to_numpy()
        return numbers
    if pa.types.is_dictionary(kind):
        column = pa.chunked_array([chunk.dictionary_decode() for chunk in column.chunks])
    texts = column.combine_chunks().cast(pa.string()).dictionary_encode()
    return np.asarray(texts.indices.fill_null(-1)).astype(np.int64)


def _are_classes(values: NDArray[Any]) -> bool:
    """Whether values are texts, or few whole numbers."""
    import numpy as np

    if values.dtype == np.int64:
        return True
    return bool(len(np.unique(values)) <= 50 and (values == np.rint(values)).all())


def _names_rows(values: NDArray[Any]) -> bool:
    """Whether no two are equal, and they are texts, count up or down, or are of one length."""
    import numpy as np

    if len(np.unique(values)) < len(values):
        return False
    if values.dtype == np.int64:
        return True
    if not (np.isfinite(values).all() and (values == np.rint(values)).all()):
        return False
    steps = np.diff(values)
    if (steps > 0).all() or (steps < 0).all() or np.ptp(values) < 2 * len(values):
        return True
    low, high = np.abs(values).min(), np.abs(values).max()
    return bool(low >= LONG_NUMBER and np.floor(np.log10(low)) == np.floor(np.log10(high)))


def _gives_away(values: NDArray[Any], wanted: NDArray[Any], is_class: bool) -> str:
    import numpy as np

    if values.dtype != np.int64:  # what is missing says nothing
        there = ~np.isnan(values)
        values, wanted = values[there], wanted[there]
    if len(values) < LEAST_ROWS:
        return ""
    if len(np.unique(values)) < 2 or len(np.unique(wanted)) < 2:
        return ""
    if is_class:
        said = _said_by_equal(values, wanted)
        if values.dtype != np.int64:
            said = max(said, _said_by_neighbours(values, wanted))
        return f"it alone says {said:.1%} of the target" if said >= GIVEN_AWAY else ""
    if values.dtype == np.int64:
        return ""
    if _in_one_order(values, wanted):
        return "it is the target in other numbers: one rises, or falls, with the other"
    explained = _explained(values, wanted)
    return f"it is the target in other numbers (R² {explained:.6f})" if explained >= SAME else ""


def _said_by_equal(values: NDArray[Any], wanted: NDArray[Any]) -> float:
    """How much of the class of each row the others with the same value say: 0 is chance, 1 all."""
    import numpy as np

    _, codes = np.unique(values, return_inverse=True)
    classes, targets = np.unique(wanted, return_inverse=True)
    if codes.max() * len(classes) > 50 * len(values):
        return 0.0
    counts = np.zeros((codes.max() + 1, len(classes)), dtype=np.int64)
    np.add.at(counts, (codes, targets), 1)
    rest = counts[codes]
    rest[np.arange(len(codes)), targets] -= 1  # each row is left out
    right = float(((rest.argmax(axis=1) == targets) & (rest.max(axis=1) > 0)).mean())
    chance = np.bincount(targets).max() / len(targets)
    return float((right - chance) / (1 - chance))


def _said_by_neighbours(values: NDArray[np.float64], wanted: NDArray[Any]) -> float:
    """How much of the class the order of a column says: 0 is chance, 1 where no class is cut.

    Counted are the places where the class changes in that order, beside those that chance makes.
    """
    import numpy as np

    sorted_ = wanted[np.argsort(values, kind="stable")]
    _, counts = np.unique(wanted, return_counts=True)
    shares = counts / len(wanted)
    changes = int((sorted_[1:] != sorted_[:-1]).sum()) - (len(counts) - 1)
    return float(1 - changes / ((len(wanted) - 1) * (1 - (shares**2).sum())))


def _in_one_order(values: NDArray[np.float64], wanted: NDArray[np.float64]) -> bool:
    """Whether the target only rises with a column, or only falls, but for one step of 1,000."""
    import numpy as np

    steps = np.diff(wanted[np.argsort(values, kind="stable")])
    steps = steps[np.diff(np.sort(values)) > 0]
    up, down = int((steps > 0).sum()), int((steps < 0).sum())
    return up + down >= LEAST_ROWS // 2 and min(up, down) <= (up + down) // 1000


def _explained(values: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    """R² of each row's target by the line between the rows next to it in the order of a column."""
    import numpy as np

    order = np.argsort(values, kind="stable")
    x, y = values[order], wanted[order].astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (x[1:-1] - x[:-2]) / (x[2:] - x[:-2])
    share = np.where(np.isfinite(share), share, 0.5)
    guess = y[:-2] + share * (y[2:] - y[:-2])
    spread = ((y[1:-1] - y[1:-1].mean()) ** 2).sum()
    return float(1 - ((y[1:-1] - guess) ** 2).sum() / spread) if spread else 0.0


def _summed(columns: dict[str, NDArray[Any]], wanted: NDArray[Any]) -> list[Suspect]:
    """Columns that come to the target together, as two counts whose sum it is."""
    import numpy as np

    numbers = {name: one for name, one in columns.items() if one.dtype != np.int64}
    if not 2 <= len(numbers) <= min(MOST_SUMMED, len(wanted) // 10):
        return []
    matrix = np.column_stack([*numbers.values()])
    there = np.isfinite(matrix).all(axis=1)
    matrix, wanted = matrix[there], wanted[there]
    if len(wanted) < LEAST_ROWS:
        return []
    spread = matrix.std(axis=0)
    matrix = (matrix - matrix.mean(axis=0)) / np.where(spread, spread, 1)
    y = wanted - wanted.mean()
    weights, *_ = np.linalg.lstsq(matrix, y, rcond=None)
    left = 1 - ((y - matrix @ weights) ** 2).sum() / (y**2).sum()
    if not left >= SUM:
        return []
    heavy = np.abs(weights) > 1e-3 * np.abs(weights).max()
    names = [name for name, is_heavy in zip(numbers, heavy, strict=True) if is_heavy]
    return [Suspect(", ".join(names[:12]), f"together they come to the target (R² {left:.6f})")]


def nearest(
    rows: pa.Table, codes: NDArray[np.uint8], train: int, target: str, features: Sequence[str]
) -> Nearest | None:
    """The score of the nearest neighbour in train, of features to mean 0 and deviation 1 there.

    Args:
        rows: some rows of all splits.
        codes: the split of each, uint8 [row].
        train: the code of train.
        target: the column.
        features: the columns that are; texts are equal or not.

    Returns:
        None where there are too few rows to say anything.
    """
    import numpy as np

    wanted = _values(rows[target])
    matrix = _matrix([_values(rows[name]) for name in features], codes == train)
    known = np.flatnonzero(codes == train)[:NEIGHBOURS]
    asked = np.flatnonzero((codes != train) & (codes != 255))[:ASKED]
    if len(known) < LEAST_ROWS or len(asked) < LEAST_ROWS or not matrix.shape[1]:
        return None
    squares = (matrix[known] ** 2).sum(axis=1)
    distance = squares - 2 * matrix[asked] @ matrix[known].T
    said, truth = wanted[known][distance.argmin(axis=1)], wanted[asked]
    if _are_classes(wanted):
        frequent = np.unique(wanted[known], return_counts=True)
        most = frequent[0][frequent[1].argmax()]
        return Nearest(float((said == truth).mean()), float((truth == most).mean()), len(asked))
    spread = ((truth - truth.mean()) ** 2).sum()
    score = float(1 - ((said - truth) ** 2).sum() / spread) if spread else 0.0
    return Nearest(score, 0.0, len(asked))


def _matrix(columns: list[NDArray[Any]], train: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Features with equal weight, float64 [row, feature]."""
    import numpy as np

    found = []
    for values in columns:
        if values.dtype == np.int64:  # texts: the most frequent ones, each 0 or 1
            kinds, counts = np.unique(values[train], return_counts=True)
            frequent = kinds[np.argsort(-counts)[:32]]
            found += [(values == kind).astype(np.float64) for kind in frequent]
            continue
        numbers = np.nan_to_num(values)
        spread = numbers[train].std() if train.any() else 0
        if spread > 0 and np.isfinite(spread):
            found.append((numbers - numbers[train].mean()) / spread)
    return np.column_stack(found) if found else np.zeros((len(train), 0))
