"""The rows of a delimited file that are good, and what is wrong with each of the others."""

from __future__ import annotations

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
    fields_expected,
    is_blank,
    not_valid,
)
from ptm.readers.delimited.numbers import MOST_EXACT, beyond, exact_integers, parse_numbers

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
    import pyarrow as pa

    texts = rows.read_texts(list(wanted.columns))
    check_closed(path, texts)
    expected = fields_expected(len(rows.names))
    aside += [Bad(str(path), f"row {n}", expected, f"{count}", n) for n, count in texts.wrong]
    is_alone = len(rows.names) == 1
    left, numbers = np.ones(len(texts.rows), dtype=bool), {}
    for column in wanted.columns:
        values = texts.table[column].combine_chunks()
        if wanted.is_number(column):
            plain = texts.plain(values)
            numbers[column] = parse_numbers(plain)
            bad = _no_numbers(plain, numbers[column], wanted.largest(column), left)
        elif column in wanted.categories:
            bad = np.asarray(is_blank(values))
        else:
            continue
        for place in np.flatnonzero(bad & left).tolist():
            got, row = values[place].as_py(), int(texts.rows[place])
            what = "a category"
            if column in numbers:
                number = numbers[column][place]
                what = expected_number(
                    plain[place].as_py(), number, wanted.largest(column), column, is_alone
                )
            error = not_valid(path, row - 1, column, what, got)
            aside.append(Bad(error.file, error.where, error.expected, error.got, row))
        left &= ~bad
    table = texts.table.filter(pa.array(left))
    faults = Faults()
    for column, found in numbers.items():
        kept = _kept(path, texts, column, found[left], left, faults)
        table = table.set_column(table.column_names.index(column), column, arrow.column(kept))
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
    faults: Faults,
) -> NDArray[np.float64] | NDArray[np.int64]:
    """The numbers of a column that are left: as int64 where float64 rounds some of them."""
    import numpy as np
    import pyarrow as pa

    if not len(numbers) or np.abs(numbers).max() < MOST_EXACT:
        return numbers
    values = texts.table[column].combine_chunks().filter(pa.array(left))
    integers, bad = exact_integers(texts.plain(values), numbers)
    if bad:
        row = int(texts.rows[left][bad[0]])
        faults.add(not_valid(path, row - 1, column, HOLD, values[bad[0]].as_py(), len(bad) - 1))
    return numbers if integers is None else integers
