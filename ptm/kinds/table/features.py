"""The columns of a table as one matrix of features: scaled in float64, rounded once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ptm.errors import BadInput, Faults
from ptm.featuring import Column, Featured, featured
from ptm.kinds.table.meaning import is_feature, measure_of
from ptm.kinds.table.missing import moments_of
from ptm.learned import FEATURES as FEATURES
from ptm.learned import Learned
from ptm.limits import FLOAT32, check_size
from ptm.readers.delimited.faults import shown
from ptm.scaling import Scaler, merged_values
from ptm.shown import readable_size
from ptm.stats import Moments
from ptm.treatment import PLAIN, Treatment

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from ptm.kinds.table.options import Options
    from ptm.stats import Stats

SCALED = ("continuous", "date")  # measures
SAMPLED = 1024  # rows that show whether float32 merges values of a scaled column
FEW = 64  # values that a set of Python counts faster
LEAST_SCALE = 1e-145  # below it the squares of deviations leave the range of float64
WARNED = 12  # columns named in one warning


def columns_of(
    options: Options,
    names: Sequence[str],
    categories: Mapping[str, Sequence[str]],
    hows: Mapping[str, Treatment],
) -> list[Column]:
    """All columns that become features, in their order.

    Args:
        options: say which of them are scaled.
        names: of all columns.
        categories: of each categorical column.
        hows: what becomes of columns, where there is more to say.
    """
    found = []
    for name in (name for name in names if is_feature(options, name)):
        how = hows.get(name, PLAIN)
        is_scaled = options.standardize and measure_of(options, name) in SCALED
        found.append(Column(name, categories.get(name), is_scaled and not how.order, how))
    return found


def check_columns(
    options: Options, path: str, rows: int, columns: Sequence[Column], faults: Faults
) -> None:
    """Looks whether the features may be made.

    Args:
        options: say how large an encoding may be.
        path: of the file, for messages.
        rows: how many there are.
        columns: see `columns_of`.
        faults: what is wrong is added: two features of one name, too many categories.
    """
    _check_sizes(options, path, rows, columns, faults)
    _check_names(path, columns, faults)


def fit(
    options: Options,
    path: str,
    columns: Sequence[Column],
    stats: Stats,
    faults: Faults,
) -> Scaler:
    """The scaler of all features, of which those that are not scaled are left as they are.

    Args:
        options: say how numbers are rounded.
        path: of the file, for messages.
        columns: see `columns_of`.
        stats: of train.
        faults: a column is added whose standard deviation float64 cannot hold.
    """
    import numpy as np

    names = tuple(feature for column in columns for feature in column.features)
    shift, scale = dict[str, float](), dict[str, float]()
    for name, one in scaled_moments(columns, stats).items():
        low, high = float(one.min[0]), float(one.max[0])
        fitted = Scaler.fit(one, (name,))
        shift[name], scale[name] = fitted.shift[0], fitted.scale[0]
        if low < high and not LEAST_SCALE < fitted.scale[0] < np.inf:
            faults.add(_no_deviation(path, name, low, high))
    if not shift:
        return Scaler.identity(names)
    whole = Scaler("standard", tuple(shift), tuple(shift.values()), tuple(scale.values()))
    return replace(whole.among(names), precision=options.precision or "float64")


def scaled_moments(columns: Sequence[Column], stats: Stats) -> dict[str, Moments]:
    """The moments of each feature that is scaled, its missing values filled."""
    rows, found = sum(stats.samples.values()), dict[str, Moments]()
    for column in (column for column in columns if column.is_scaled):
        moments = moments_of(column.name, column.how, stats.moments, rows)
        found |= dict(zip(column.features, moments, strict=False))
    return found


def features_of(
    options: Options, table: pa.Table, learned: Learned
) -> tuple[Featured, dict[str, tuple[int, int]]]:
    """The columns as features.

    Args:
        options: say what becomes of which column, and whether features are raw.
        table: float64, int64, bool, timestamp or string columns.
        learned: from all rows.

    Returns:
        The features; and for each column of whose values float32 merges some, how many distinct
        ones there are, and how many are left.
    """
    columns = columns_of(options, table.column_names, learned.categories, learned.columns)
    merged: dict[str, tuple[int, int]] = {}

    def look(name: str, is_scaled: bool, numbers: NDArray[Any], stored: NDArray[Any]) -> None:
        merged.update(_merging(name, is_scaled, numbers, stored))

    scaler = learned.scalers.get(FEATURES, Scaler.identity(()))
    return featured(table, columns, scaler, options.store == "raw", look), merged


def merging(name: str, values: NDArray[Any], stored: NDArray[Any]) -> dict[str, tuple[int, int]]:
    """How many distinct values a column has, and how many rounding leaves, where those are fewer.

    Args:
        name: of the column, the key of the result.
        values: the column's numbers, float64 or int64 [row].
        stored: the same in float32 or float64, scaled or not.
    """
    counts = merged_values(values, stored)
    return {name: counts} if counts else {}


def warnings_of(
    options: Options, constant: list[str], merged: dict[str, tuple[int, int]], parts: int
) -> tuple[str, ...]:
    """Sentences about columns that never vary, and about distinct values that became one.

    Args:
        options: say what is stored.
        constant: columns that never vary.
        merged: for each column with distinct values that became one how many there were, and how
            many are left: in the one of the parts that lost most.
        parts: how many there are.
    """
    told = []
    if len(constant) == 1:
        told.append(f"column '{shown(constant[0])}' never varies: it is 0 throughout")
    elif constant:
        names = [f"'{shown(name)}'" for name in constant]
        told.append(f"{len(names)} columns never vary and are 0 throughout: {_first(names)}")
    for dtype in ("float64", "float32"):
        became = [
            f"'{shown(name)}' ({before} become {after})"
            for name, (before, after) in merged.items()
            if (dtype == "float64") == (options.store == "raw" and name not in options.targets)
        ]
        if became:
            count = "column" if len(became) == 1 else f"{len(became)} columns"
            where = f", in one of {parts} parts" if parts > 1 else ""
            told.append(f"{dtype} merges distinct values of {count} {_first(became)}{where}")
    return tuple(told)


def _merging(
    name: str, is_scaled: bool, values: NDArray[Any], stored: NDArray[Any]
) -> dict[str, tuple[int, int]]:
    """As `merging`; of scaled columns only where some of the rows show it, or large integers."""
    import numpy as np

    if stored.dtype == np.float64 and values.dtype != np.int64:
        return {}
    if is_scaled and values.dtype != np.int64:
        step = max(len(values) // SAMPLED, 1)
        if _distinct(stored[::step]) >= _distinct(values[::step]):
            return {}
    return merging(name, values, stored)


def _distinct(values: NDArray[Any]) -> int:
    """How many distinct ones there are; none is missing."""
    import numpy as np

    return len(set(values.tolist()) if len(values) < FEW else np.unique(values))


def _first(names: list[str]) -> str:
    more = [f"… and {len(names) - WARNED} more"] if len(names) > WARNED else []
    return ", ".join(names[:WARNED] + more)


def _check_sizes(
    options: Options, path: str, rows: int, columns: Sequence[Column], faults: Faults
) -> None:
    one_hot = [c for c in columns if not c.how.codes]
    encoded = {c.name: len(c.categories) for c in one_hot if c.categories is not None}
    before = faults.count
    for name, count in encoded.items():
        try:
            check_size(options, rows, count, f"column '{shown(name)}'", path)
        except BadInput as error:
            faults.add(error)
    size = rows * sum(encoded.values()) * FLOAT32
    if size > options.max_bytes and faults.count == before:
        most = readable_size(options.max_bytes)
        faults.add(
            BadInput(
                where=f"{len(encoded)} categorical columns",
                expected=f"encodings of at most {most} together (or max_bytes = {size})",
                got=readable_size(size),
                file=path,
            )
        )


def _check_names(path: str, columns: Sequence[Column], faults: Faults) -> None:
    of: dict[str, Column] = {}
    for column in columns:
        for feature in column.features:
            other = of.setdefault(feature, column)
            if other is not column:
                faults.add(
                    BadInput(
                        where=f"columns '{shown(other.name)}' and '{shown(column.name)}'",
                        expected="features of different names",
                        got=f"'{shown(feature)}' twice",
                        file=path,
                    )
                )


def _no_deviation(path: str, name: str, low: float, high: float) -> BadInput:
    return BadInput(
        where=f"column '{shown(name)}'",
        expected="numbers whose mean and standard deviation float64 can hold",
        got=f"{low:g} to {high:g}",
        file=path,
    )
