"""The rows of a delimited file that are good, and what is wrong with each of the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ptm import arrow
from ptm.errors import Faults
from ptm.model import Bad
from ptm.readers.delimited.faults import (
    HOLD,
    Wanted,
    check_closed,
    expected_number,
    expected_text,
    fields_expected,
    not_valid,
)
from ptm.readers.delimited.numbers import MOST_EXACT, beyond, exact_of_some, parse_numbers

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ptm.readers.delimited.rows import Rows, Texts


def good_rows(path: Path, rows: Rows, wanted: Wanted, aside: list[Bad]) -> pa.Table:
    """The columns of all rows in which nothing is wrong, as of a file without the others.

    Args:
        path: the file.
        rows: all of them.
        wanted: of them.
        aside: the others are added, each with the first thing that is wrong with it.

    Raises:
        BadInput: a quote is never closed; or a column has integers that float64 rounds, and others
            that int64 cannot hold: no single row is at fault for that.
    """
    import numpy as np

    wanted = replace(wanted, remedy=None)  # that is for those whom it fails
    texts = rows.read_texts(list(wanted.columns))
    check_closed(path, texts)
    expected = fields_expected(len(rows.names))
    aside += [Bad(str(path), f"row {n}", expected, f"{count}", n) for n, count in texts.wrong]
    is_alone = len(rows.names) == 1
    left, numbers = np.ones(len(texts.rows), dtype=bool), {}
    missing: dict[str, NDArray[np.bool_]] = {}
    for column in wanted.columns:
        values = texts.table[column].combine_chunks()
        if column in wanted.text:
            continue
        absent = wanted.are_missing(values)
        bad = absent
        plain = texts.plain(values) if wanted.is_number(column) else values
        if wanted.is_number(column):
            numbers[column] = np.where(absent, np.nan, parse_numbers(plain))
            bad = absent | _no_numbers(plain, numbers[column], wanted.largest(column), left)
        if column in wanted.missing:
            missing[column], bad = absent, bad & ~absent
        for place in np.flatnonzero(bad & left).tolist():
            got, row = values[place].as_py(), int(texts.rows[place])
            if column in numbers:
                number = numbers[column][place]
                spelled = plain[place].as_py()
                what = expected_number(spelled, number, wanted, column, is_alone)
            else:
                what = expected_text(wanted, column, got)
            error = not_valid(path, row - 1, column, what, got)
            aside.append(Bad(error.file, error.where, error.expected, error.got, row))
        left &= ~bad
    return _table(path, texts, left, numbers, missing)


def without(values: pa.ChunkedArray, missing: NDArray[np.bool_]) -> pa.ChunkedArray:
    """Texts, null where they are missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(pa.array(missing), pa.scalar(None, pa.string()), values)


def _table(
    path: Path,
    texts: Texts,
    left: NDArray[np.bool_],
    numbers: dict[str, NDArray[np.float64]],
    missing: dict[str, NDArray[np.bool_]],
) -> pa.Table:
    """The columns of the rows that are left."""
    import pyarrow as pa

    table, faults = texts.table.filter(pa.array(left)), Faults()
    for column in dict.fromkeys((*numbers, *missing)):
        place = table.column_names.index(column)
        absent = missing[column][left] if column in missing else None
        there = ~absent if absent is not None and absent.any() else None
        if column in numbers:
            kept = _kept(path, texts, column, numbers[column][left], left, there, faults)
            table = table.set_column(place, column, kept)
        elif there is not None:
            table = table.set_column(place, column, without(table[column], ~there))
    faults.check()
    return table


def _no_numbers(
    values: pa.Array, numbers: NDArray[np.float64], largest: float, left: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Where a text is no number that its column can have, whatever else the column has."""
    import numpy as np

    magnitudes = np.abs(numbers)
    bad: NDArray[np.bool_] = ~(magnitudes <= largest)
    large = np.flatnonzero((magnitudes >= MOST_EXACT) & ~bad & left)
    bad[large[beyond(values.take(large), numbers[large])]] = True
    return bad


def _kept(
    path: Path,
    texts: Texts,
    column: str,
    numbers: NDArray[np.float64],
    left: NDArray[np.bool_],
    there: NDArray[np.bool_] | None,
    faults: Faults,
) -> pa.Array:
    """The numbers of a column that are left: as int64 where float64 rounds some of them."""
    import numpy as np
    import pyarrow as pa

    numbers = numbers if there is None else np.where(there, numbers, 0.0)
    kept = arrow.column(numbers) if there is None else arrow.masked(numbers, there)
    if not len(numbers) or np.abs(numbers).max() < MOST_EXACT:
        return kept
    values = texts.table[column].combine_chunks().filter(pa.array(left))
    integers, bad = exact_of_some(texts.plain(values), numbers, there)
    if bad:
        row = int(texts.rows[left][bad[0]])
        faults.add(not_valid(path, row - 1, column, HOLD, values[bad[0]].as_py(), len(bad) - 1))
    return kept if integers is None else integers
