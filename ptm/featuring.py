"""Columns as features, as it was learned: what is missing filled, categories encoded, scaled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm import arrow
from ptm.spelling import days_of, part_of, ranks, times_of
from ptm.treatment import DAYS, PLAIN, Treatment

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ptm.scaling import Scaler

AT_ONCE = 1 << 13  # rows whose features are made together: they stay in the cache
Look = Callable[[str, bool, "NDArray[Any]", "NDArray[Any]"], None]


class Column(NamedTuple):
    """A column on its way to features.

    Attributes:
        name: of the column.
        categories: what it may be, as it was learned; None of a column of numbers.
        is_scaled: whether its numbers are scaled.
        how: what else becomes of it.
    """

    name: str
    categories: Sequence[str] | None
    is_scaled: bool
    how: Treatment = PLAIN

    @property
    def features(self) -> list[str]:
        """The names of its features."""
        return self.how.features(self.name, self.categories)


class Featured(NamedTuple):
    """Rows as features.

    Attributes:
        features: float32 [row, feature], or float64 where they are raw.
        places: by column whose categories are codes, int64 [row].
        unseen: by column, how many rows have a category that was not learned.
    """

    features: NDArray[Any]
    places: dict[str, NDArray[np.int64]]
    unseen: dict[str, int]

    def codes(self, columns: Sequence[str]) -> NDArray[np.int64] | None:
        """The codes of these columns, int64 [row, column]; None of none."""
        import numpy as np

        return np.stack([self.places[name] for name in columns], axis=1) if columns else None


def featured(
    table: pa.Table,
    columns: Sequence[Column],
    scaler: Scaler,
    raw: bool = False,
    look: Look | None = None,
) -> Featured:
    """The columns of rows as features.

    Args:
        table: float64, int64, bool, timestamp or string columns; null where a value is missing.
        columns: in the order of their features.
        scaler: of all features.
        raw: whether they are left as they are, float64.
        look: is given the name of each column of numbers, whether it is scaled, its numbers, and
            what became of them.
    """
    import numpy as np

    count = table.num_rows
    matrix = np.zeros((count, len(scaler.names)), dtype=np.float64 if raw else np.float32)
    codes: dict[str, NDArray[np.int64]] = {}
    unseen: dict[str, int] = {}
    place = 0
    for column in columns:
        values = table[column.name]
        if column.categories is not None:
            found = places_of(values, column.categories, column.how)
            new = int((found < 0).sum())
            if new:
                unseen[column.name] = new
            if column.how.codes:
                codes[column.name] = np.where(found < 0, len(column.categories), found)
            else:
                [known] = np.nonzero(found >= 0)
                matrix[known, place + found[known]] = 1
                place += len(column.categories)
        else:
            for numbers in features_of(values, column.how):
                is_scaled = column.is_scaled and not raw
                fitted = (scaler.shift[place], scaler.scale[place]) if is_scaled else None
                _scale(matrix[:, place], numbers, scaler.precision, fitted)
                if look:
                    look(column.name, column.is_scaled, numbers, matrix[:, place])
                place += 1
        if column.how.indicator:
            matrix[:, place] = np.asarray(values.is_null())
            place += 1
    return Featured(matrix, codes, unseen)


def places_of(
    values: pa.ChunkedArray, categories: Sequence[str], how: Treatment
) -> NDArray[np.int64]:
    """The place of each value among the categories, int64 [row]; of what is none of them -1, or
    that of the rare ones.
    """
    import pyarrow.compute as pc

    if how.fill is not None:
        values = values.fill_null(how.fill)
    known = categories[: len(categories) - how.rare]
    places = pc.fill_null(pc.index_in(values, arrow.texts(known)), len(known) if how.rare else -1)
    found: NDArray[np.int64] = arrow.numbers(places).astype("int64")
    return found


def numbers_of(
    values: pa.ChunkedArray, how: Treatment
) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """A column as numbers, [row], and which are there, bool [row]; None where all are.

    They are float64 or int64; of a date microseconds since 1970 UTC.
    """
    import pyarrow as pa

    if how.order:
        values = ranks(values.combine_chunks(), how.order)
    elif how.parts:
        values = values.cast(pa.int64())
    numbers, there = arrow.observed(values)
    if how.order or how.boolean:
        numbers = numbers.astype("float64")
    return numbers, there


def features_of(values: pa.ChunkedArray, how: Treatment) -> list[NDArray[Any]]:
    """The features of a column of numbers, each float64 or int64 [row], filled, not scaled."""
    numbers, there = numbers_of(values, how)
    if how.parts:
        return parts_of(numbers, there, how)
    return [_filled(numbers, there, how.fill)]


def parts_of(
    times: NDArray[np.int64], there: NDArray[np.bool_] | None, how: Treatment
) -> list[NDArray[Any]]:
    """The features of dates, each float64 [row].

    Args:
        times: microseconds since 1970 UTC.
        there: which are, bool [row]; None where all are.
        how: they become features.
    """
    import numpy as np

    if how.parts == (DAYS,):
        return [_filled(days_of(times), there, how.fill)]
    if there is not None and isinstance(how.fill, float):
        times = np.where(there, times, times_of(how.fill))
    return [part_of(times, part).astype(np.float64) for part in how.parts]


def _filled(
    numbers: NDArray[Any], there: NDArray[np.bool_] | None, fill: float | str | None
) -> NDArray[Any]:
    import numpy as np

    if there is None or not isinstance(fill, float):
        return numbers
    return np.where(there, numbers.astype(np.float64), fill)


def _scale(
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
