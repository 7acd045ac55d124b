"""The columns of a table as one matrix of features: scaled in float64, rounded once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

from ptm.errors import BadInput, Faults
from ptm.limits import FLOAT32, check_size
from ptm.model import readable_size
from ptm.readers.delimited.faults import shown
from ptm.scaling import Moments, Scaler, merged_values

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ptm.kinds.table import Options

AT_ONCE = 1 << 20  # numbers that are scaled at once
SAMPLED = 1024  # rows that show whether float32 merges values of a scaled column
LEAST_SCALE = 1e-145  # below it the squares of deviations leave the range of float64
WARNED = 12  # columns named in one warning


@dataclass(frozen=True)
class Column:
    """A column on its way to features.

    Attributes:
        name: of the column.
        features: their names: one for each category where there are any, else the column's own.
        values: its numbers, float64 or int64 [row]; the category of each row, int64 [row].
        becomes: what becomes of the values.
    """

    name: str
    features: list[str]
    values: NDArray[Any]
    becomes: Literal["scaled", "kept", "one-hot"]


@dataclass(frozen=True)
class Features:
    """What the columns of a table became.

    Attributes:
        matrix: float32 [sample, feature].
        names: of the features.
        scaler: of all features; None where no column is scaled.
        constant: names of the scaled columns that never vary.
        merged: for each column of whose values float32 merges some: how many distinct ones there
            are, and how many are left.
    """

    matrix: NDArray[np.float32]
    names: list[str]
    scaler: Scaler | None
    constant: list[str]
    merged: dict[str, tuple[int, int]]


def columns_of(options: Options, path: str, table: pa.Table, faults: Faults) -> list[Column]:
    """All columns but the target, in their order.

    Args:
        options: says what becomes of which column, and how large an encoding may be.
        path: of the file, for messages.
        table: float64, int64 or string columns.
        faults: what is wrong is added: two features of one name, too many categories.
    """
    columns = []
    for name, values in zip(table.column_names, table.columns, strict=True):
        measure = options.measures.get(name, "continuous")
        if name == options.target:
            continue
        if measure == "categorical":
            columns.append(_encoded(name, values))
        else:
            is_scaled = measure == "continuous" and options.standardize
            becomes: Literal["scaled", "kept"] = "scaled" if is_scaled else "kept"
            columns.append(Column(name, [name], values.to_numpy(), becomes))
    _check_sizes(options, path, table.num_rows, columns, faults)
    _check_names(path, columns, faults)
    return columns


def features_of(
    options: Options, path: str, rows: int, columns: list[Column], faults: Faults
) -> Features:
    """The columns as one matrix.

    Args:
        options: names the table in messages.
        path: of the file, for messages.
        rows: how many each column has.
        columns: see `columns_of`.
        faults: a column is added whose standard deviation float64 cannot hold.
    """
    import numpy as np

    names = [feature for column in columns for feature in column.features]
    places = accumulate((len(column.features) for column in columns), initial=0)
    matrix = np.zeros((rows, len(names)), dtype=np.float32)
    merged: dict[str, tuple[int, int]] = {}
    scaled = []
    for column, place in zip(columns, places, strict=False):
        if column.becomes == "scaled":
            scaled.append((column, place))
        elif column.becomes == "one-hot":
            matrix[np.arange(rows), place + column.values] = 1
        else:
            matrix[:, place] = column.values
            merged |= merging(column.name, column.values, matrix[:, place])
    scalers, constant = [], []
    step = max(AT_ONCE // rows, 1)
    for first in range(0, len(scaled), step):
        some = scaled[first : first + step]
        scaler, moments = _scale(some, matrix, merged, options.precision)
        scalers.append(scaler)
        for number, (column, _) in enumerate(some):
            low, high = float(moments.min[number]), float(moments.max[number])
            if low == high and column.name not in merged:
                constant.append(column.name)
            elif low < high and not LEAST_SCALE < scaler.scale[number] < np.inf:
                faults.add(_no_deviation(path, column.name, low, high))
    return Features(matrix, names, _joined(scalers, tuple(names)), constant, merged)


def merging(
    name: str, values: NDArray[Any], stored: NDArray[np.float32]
) -> dict[str, tuple[int, int]]:
    """How many distinct values a column has, and how many float32 leaves, where those are fewer.

    Args:
        name: of the column, the key of the result.
        values: the column's numbers, float64 or int64 [row].
        stored: the same in float32, scaled or not.
    """
    counts = merged_values(values, stored)
    return {name: counts} if counts else {}


def warnings_of(constant: list[str], merged: dict[str, tuple[int, int]]) -> tuple[str, ...]:
    """Sentences about columns that never vary, and about distinct values that became one."""
    told = []
    if len(constant) == 1:
        told.append(f"column '{shown(constant[0])}' never varies: it is 0 throughout")
    elif constant:
        names = [f"'{shown(name)}'" for name in constant]
        told.append(f"{len(names)} columns never vary and are 0 throughout: {_first(names)}")
    became = [f"'{shown(name)}' ({a} become {b})" for name, (a, b) in merged.items()]
    if became:
        count = "column" if len(became) == 1 else f"{len(became)} columns"
        told.append(f"float32 merges distinct values of {count} {_first(became)}")
    return tuple(told)


def _first(names: list[str]) -> str:
    more = [f"… and {len(names) - WARNED} more"] if len(names) > WARNED else []
    return ", ".join(names[:WARNED] + more)


def _encoded(name: str, values: pa.ChunkedArray) -> Column:
    """A column of text as the place of each text among the sorted ones."""
    import numpy as np

    encoded = values.combine_chunks().dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    order = sorted(range(len(texts)), key=texts.__getitem__)
    rank = np.empty(len(texts), dtype=np.int64)
    rank[order] = np.arange(len(texts))
    features = [f"{name}={texts[place]}" for place in order]
    return Column(name, features, rank[encoded.indices.to_numpy()], "one-hot")


def _check_sizes(
    options: Options, path: str, rows: int, columns: list[Column], faults: Faults
) -> None:
    encoded = [column for column in columns if column.becomes == "one-hot"]
    before = faults.count
    for column in encoded:
        try:
            where = f"column '{shown(column.name)}'"
            check_size(options, rows, len(column.features), where, path)
        except BadInput as error:
            faults.add(error)
    size = rows * sum(len(column.features) for column in encoded) * FLOAT32
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


def _check_names(path: str, columns: list[Column], faults: Faults) -> None:
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


def _scale(
    scaled: list[tuple[Column, int]],
    matrix: NDArray[np.float32],
    merged: dict[str, tuple[int, int]],
    precision: Literal["float32"] | None,
) -> tuple[Scaler, Moments]:
    """Scales some columns into their places in the matrix; adds those that float32 merges."""
    import numpy as np

    values = np.array([column.values for column, _ in scaled], dtype=np.float64)
    step = max(values.shape[1] // SAMPLED, 1)
    sample = _distinct(values[:, ::step])
    if precision:
        values = values.astype(precision).astype(np.float64)
    with np.errstate(all="ignore"):  # such a column is refused
        moments = Moments.of(values.T)
        names = tuple(column.name for column, _ in scaled)
        scaler = replace(Scaler.fit(moments, names), precision=precision or "float64")
        values -= np.array(scaler.shift)[:, None]
        values /= np.array(scaler.scale)[:, None]
        rounded = values.astype(np.float32)
    left = _distinct(rounded[:, ::step])
    for number, (column, place) in enumerate(scaled):
        matrix[:, place] = rounded[number]
        if left[number] < sample[number] or column.values.dtype == np.int64:
            merged |= merging(column.name, column.values, rounded[number])
    return scaler, moments


def _distinct(values: NDArray[Any]) -> NDArray[np.int64]:
    """How many distinct values each row of a matrix [row, value] has, int64 [row]."""
    import numpy as np

    ordered = np.sort(values, axis=1)
    counts: NDArray[np.int64] = (ordered[:, 1:] != ordered[:, :-1]).sum(axis=1)
    return counts + 1


def _joined(scalers: list[Scaler], names: tuple[str, ...]) -> Scaler | None:
    if not scalers:
        return None
    return replace(
        scalers[0],
        names=tuple(name for scaler in scalers for name in scaler.names),
        shift=tuple(shift for scaler in scalers for shift in scaler.shift),
        scale=tuple(scale for scaler in scalers for scale in scaler.scale),
    ).among(names)


def _no_deviation(path: str, name: str, low: float, high: float) -> BadInput:
    return BadInput(
        where=f"column '{shown(name)}'",
        expected="numbers whose mean and standard deviation float64 can hold",
        got=f"{low:g} to {high:g}",
        file=path,
    )
