"""The columns of a table as one matrix of features: scaled in float64, rounded once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ptm import arrow
from ptm.errors import BadInput, Faults
from ptm.learned import Learned
from ptm.limits import FLOAT32, check_size
from ptm.readers.delimited.faults import shown
from ptm.scaling import Scaler, merged_values
from ptm.shown import readable_size

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ptm.kinds.table.options import Options
    from ptm.stats import Moments

FEATURES = "features"
AT_ONCE = 1 << 13  # rows whose features are made together: they stay in the cache
SAMPLED = 1024  # rows that show whether float32 merges values of a scaled column
FEW = 64  # values that a set of Python counts faster
LEAST_SCALE = 1e-145  # below it the squares of deviations leave the range of float64
WARNED = 12  # columns named in one warning


@dataclass(frozen=True)
class Column:
    """A column on its way to features.

    Attributes:
        name: of the column.
        categories: what it may be, sorted; None of a column of numbers.
        is_scaled: whether its numbers are scaled.
    """

    name: str
    categories: Sequence[str] | None
    is_scaled: bool

    @property
    def features(self) -> list[str]:
        """Their names: one for each category where there are any, else the column's own."""
        if self.categories is None:
            return [self.name]
        return [f"{self.name}={category}" for category in self.categories]


def columns_of(
    options: Options, names: Sequence[str], categories: Mapping[str, Sequence[str]]
) -> list[Column]:
    """All columns but the target, in their order.

    Args:
        options: says what becomes of which column.
        names: of all columns.
        categories: of each categorical column, sorted.
    """
    columns = []
    for name in names:
        measure = options.measures.get(name, "continuous")
        is_scaled = measure == "continuous" and options.standardize
        if name != options.target and name not in options.asides:
            columns.append(Column(name, categories.get(name), is_scaled))
    return columns


def check_columns(
    options: Options, path: str, rows: int, columns: Sequence[Column], faults: Faults
) -> None:
    """Looks whether the features may be made.

    Args:
        options: says how large an encoding may be.
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
    moments: Mapping[str, Moments],
    faults: Faults,
) -> Scaler:
    """The scaler of all features, of which those that are not scaled are left as they are.

    Args:
        options: says how numbers are rounded.
        path: of the file, for messages.
        columns: see `columns_of`.
        moments: of each column that is scaled.
        faults: a column is added whose standard deviation float64 cannot hold.
    """
    import numpy as np

    names = tuple(feature for column in columns for feature in column.features)
    shift, scale = dict[str, float](), dict[str, float]()
    for column in (column for column in columns if column.is_scaled):
        one = moments[column.name]
        low, high = float(one.min[0]), float(one.max[0])
        fitted = Scaler.fit(one, (column.name,))
        shift[column.name], scale[column.name] = fitted.shift[0], fitted.scale[0]
        if low < high and not LEAST_SCALE < fitted.scale[0] < np.inf:
            faults.add(_no_deviation(path, column.name, low, high))
    if not shift:
        return Scaler.identity(names)
    whole = Scaler("standard", tuple(shift), tuple(shift.values()), tuple(scale.values()))
    return replace(whole.among(names), precision=options.precision or "float64")


def features_of(
    options: Options, table: pa.Table, learned: Learned
) -> tuple[NDArray[Any], dict[str, tuple[int, int]], dict[str, int]]:
    """The columns as one matrix.

    Args:
        options: says what becomes of which column, and whether the matrix is raw.
        table: float64, int64 or string columns.
        learned: from all rows.

    Returns:
        float32 [row, feature], or float64 where the entry is stored raw; and for each column of
        whose values float32 merges some, how many distinct ones there are, and how many are left;
        and for each column with categories that none was learned of, which are 0 throughout, in how
        many rows.
    """
    import numpy as np

    scaler = learned.scalers[FEATURES]
    raw = options.store == "raw"
    columns = columns_of(options, table.column_names, learned.categories)
    matrix = np.zeros((table.num_rows, len(scaler.names)), dtype=np.float64 if raw else np.float32)
    merged: dict[str, tuple[int, int]] = {}
    unseen: dict[str, int] = {}
    place = 0
    for column in columns:
        values = table[column.name]
        if column.categories is not None:
            codes = _codes(values, column.categories)
            [known] = np.nonzero(codes >= 0)
            matrix[known, place + codes[known]] = 1
            if len(known) < len(codes):
                unseen[column.name] = len(codes) - len(known)
        else:
            numbers = arrow.numbers(values)
            fitted = scaler.shift[place], scaler.scale[place]
            is_scaled = column.is_scaled and not raw
            _fill(matrix[:, place], numbers, scaler.precision, fitted if is_scaled else None)
            merged |= _merging(column, numbers, matrix[:, place])
        place += len(column.features)
    return matrix, merged, unseen


def _fill(
    place: NDArray[Any],
    numbers: NDArray[Any],
    precision: str,
    fitted: tuple[float, float] | None,
) -> None:
    """Numbers, scaled where `fitted` says by what, into a column of the matrix."""
    import numpy as np

    for first in range(0, len(numbers), AT_ONCE):
        piece = numbers[first : first + AT_ONCE]
        if fitted:
            rounded = piece.astype(np.float32) if precision == "float32" else piece
            piece = rounded.astype(np.float64)
            piece -= fitted[0]
            piece /= fitted[1]
        elif piece.dtype == np.int64:
            piece = piece.astype(np.float64)  # as it is where it is stored raw
        place[first : first + AT_ONCE] = piece


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
        options: says what is stored.
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
            if (dtype == "float64") == (options.store == "raw" and name != options.target)
        ]
        if became:
            count = "column" if len(became) == 1 else f"{len(became)} columns"
            where = f", in one of {parts} parts" if parts > 1 else ""
            told.append(f"{dtype} merges distinct values of {count} {_first(became)}{where}")
    return tuple(told)


def _merging(
    column: Column, values: NDArray[Any], stored: NDArray[Any]
) -> dict[str, tuple[int, int]]:
    """As `merging`; of scaled columns only where some of the rows show it, or large integers."""
    import numpy as np

    if stored.dtype == np.float64 and values.dtype != np.int64:
        return {}
    if column.is_scaled and values.dtype != np.int64:
        step = max(len(values) // SAMPLED, 1)
        if _distinct(stored[::step]) >= _distinct(values[::step]):
            return {}
    return merging(column.name, values, stored)


def _distinct(values: NDArray[Any]) -> int:
    """How many distinct ones there are; none is missing."""
    import numpy as np

    return len(set(values.tolist()) if len(values) < FEW else np.unique(values))


def _first(names: list[str]) -> str:
    more = [f"… and {len(names) - WARNED} more"] if len(names) > WARNED else []
    return ", ".join(names[:WARNED] + more)


def _codes(values: pa.ChunkedArray, categories: Sequence[str]) -> NDArray[np.int64]:
    """A column of text as the place of each among the categories, -1 of none, int64 [row]."""
    import pyarrow.compute as pc

    places = pc.fill_null(pc.index_in(values, arrow.texts(categories)), -1)
    codes: NDArray[np.int64] = arrow.numbers(places).astype("int64")
    return codes


def _check_sizes(
    options: Options, path: str, rows: int, columns: Sequence[Column], faults: Faults
) -> None:
    encoded = {c.name: len(c.categories) for c in columns if c.categories is not None}
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
