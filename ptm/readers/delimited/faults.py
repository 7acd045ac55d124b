"""All that is wrong with the rows of a delimited file, in words that name row and column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm.errors import BadInput, Faults
from ptm.readers.delimited.numbers import (
    NOT_FINITE,
    NUMBER,
    exact_integers,
    parse_numbers,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ptm.readers.delimited.rows import Rows, Texts

LETTERS = 40  # of a value or a name in a message
NAMED, NAMED_LETTERS = 12, 120  # names in one message
ROWS_NAMED = 20
HOLD = "an integer that float64, or int64 in a column of integers, can hold"


@dataclass(frozen=True)
class Wanted:
    """What a room wants of a file.

    Attributes:
        columns: to read, in this order.
        text: those to leave as they are.
        categories: those to leave as they are, none of them empty.
        unscaled: those that become float32 as they are.
    """

    columns: tuple[str, ...]
    text: frozenset[str]
    categories: frozenset[str]
    unscaled: frozenset[str]

    def is_number(self, column: str) -> bool:
        """Whether a column is read as numbers."""
        return column not in self.text and column not in self.categories

    def largest(self, column: str) -> float:
        """The largest magnitude that a number of the column may have."""
        import numpy as np

        largest = np.float32 if column in self.unscaled else np.float64
        return float(np.finfo(largest).max)


def not_valid(
    path: Path | None,
    row: int,
    column: str,
    expected: str,
    got: Any,
    others: int = 0,
) -> BadInput:
    """The error for one value; `row` counts from 0 here and from 1 in the message.

    Args:
        path: the file; None for rows that stand in the catalog.
        row: of the value, the first of its column that is not valid.
        column: its name.
        expected: of the value.
        got: the value.
        others: how many more of its column are not valid.
    """
    value = f"'{shown(got)}'" if isinstance(got, str) else f"{got:.17g}"
    more = f", and {others} more that {'is' if others == 1 else 'are'} not" if others else ""
    return BadInput(
        where=f"row {row + 1}, column '{shown(column)}'",
        expected=expected,
        got=value + more,
        file=str(path) if path else "",
    )


def shown(text: str) -> str:
    """A text as one line of a message: short, and nothing in it unseen."""
    cut = text[:LETTERS]
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return line if cut == text else f"{line} …"


def some(names: Sequence[str]) -> str:
    """The first of the names, and how many more there are."""
    told: list[str] = []
    for name in names[:NAMED]:
        told.append(shown(name))
        if sum(map(len, told)) > NAMED_LETTERS:
            break
    more = [f"… and {len(names) - len(told)} more"] if len(names) > len(told) else []
    return ", ".join(told + more)


def check_rows(path: Path, rows: Rows, wanted: Wanted) -> None:
    """Reads the rows as text, slowly, and names all that is wrong with them.

    Raises:
        BadInput: a row has too few or too many fields, a quote is never closed, a number is none
            that the column can hold, a category is empty.
    """
    texts = rows.read_texts(list(wanted.columns))
    faults = Faults()
    try:
        check_closed(path, texts)
    except BadInput as error:
        faults.add(error)
    for length in _lengths(path, texts, len(rows.names)):
        faults.add(length)
    is_alone = len(rows.names) == 1
    for column in wanted.columns:
        values = texts.table[column].combine_chunks()
        fault = None
        if wanted.is_number(column):
            largest = wanted.largest(column)
            fault = _number_fault(path, texts, column, values, largest, is_alone)
        elif column in wanted.categories:
            fault = _empty_fault(path, texts, column, values)
        if fault:
            faults.add(fault)
    faults.check()


def check_closed(path: Path, texts: Texts) -> None:
    """Looks whether the last quote is closed: else it swallows all that is behind it.

    Raises:
        BadInput: it is not.
    """
    if texts.open:
        raise BadInput(
            where=f"row {texts.total}, column '{shown(texts.open)}'",
            expected="a quote that is closed",
            got="none up to the end of the file",
            file=str(path),
        )


def fields_expected(fields: int) -> str:
    """How many fields a row is to have, in words."""
    return "1 field" if fields == 1 else f"{fields} fields"


def _lengths(path: Path, texts: Texts, fields: int) -> list[BadInput]:
    """One fault for each wrong number of fields."""
    by_count: dict[int, list[int]] = defaultdict(list)
    for row, count in texts.wrong:
        by_count[count].append(row)
    faults = []
    for count, numbers in by_count.items():
        first = ", ".join(map(str, numbers[:ROWS_NAMED]))
        where = f"rows {first}" if len(numbers) > 1 else f"row {first}"
        if len(numbers) > ROWS_NAMED:
            where += f", … and {len(numbers) - ROWS_NAMED} more"
        if texts.is_whole and len(numbers) == texts.total > 1:
            where = f"every row ({texts.total})"
        faults.append(
            BadInput(
                where=where,
                expected=fields_expected(fields),
                got=str(count),
                file=str(path),
            )
        )
    return faults


def _number_fault(
    path: Path,
    texts: Texts,
    column: str,
    values: pa.Array,
    largest: float,
    is_alone: bool,
) -> BadInput | None:
    import numpy as np

    plain = texts.plain(values)
    numbers = parse_numbers(plain)
    bad = np.flatnonzero(~(np.abs(numbers) <= largest)).tolist()
    if bad:
        first = plain[bad[0]].as_py()
        expected = expected_number(first, numbers[bad[0]], largest, column, is_alone)
    else:
        bad = exact_integers(plain, numbers)[1]
        expected = HOLD
    if not bad:
        return None
    row, got = int(texts.rows[bad[0]]) - 1, values[bad[0]].as_py()
    return not_valid(path, row, column, expected, got, len(bad) - 1)


def expected_number(text: str, number: float, largest: float, column: str, is_alone: bool) -> str:
    """What was expected of a text that is no number that its column can have.

    Args:
        text: as the file has it.
        number: that it spells, NaN of none.
        largest: magnitude that the column can have.
        column: its name.
        is_alone: whether there is no other.
    """
    if abs(number) <= largest:
        return HOLD
    if NUMBER.match(text) and isfinite(number):
        return "a finite number (float32)"
    if NUMBER.match(text) or NOT_FINITE.match(text):
        return "a finite number"
    return "a number" + (_other_delimiter(column) if is_alone else "")


def _empty_fault(
    path: Path,
    texts: Texts,
    column: str,
    values: pa.Array,
) -> BadInput | None:
    import numpy as np

    bad = np.flatnonzero(is_blank(values))
    if not len(bad):
        return None
    row, got = int(texts.rows[bad[0]]) - 1, values[int(bad[0])].as_py()
    return not_valid(path, row, column, "a category", got, len(bad) - 1)


def is_blank(texts: pa.Array) -> NDArray[np.bool_]:
    """Where a text has nothing in it that could be seen, bool [row]."""
    import numpy as np
    import pyarrow.compute as pc

    return np.asarray(pc.equal(pc.utf8_trim_whitespace(texts), ""))


def _other_delimiter(name: str) -> str:
    """A hint where the only column's name looks like several that another delimiter parts."""
    found = [delimiter for delimiter in ";\t|," if delimiter in name]
    return f' (or delimiter = "{shown(found[0])}")' if found else ""
