"""All that is wrong with the rows of a delimited file, in words that name row and column."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm import arrow
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
# what often stands for a missing value
MISSING = frozenset(
    ("na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nil", "?", "-", "--", ".")
)
HOLD = "an integer that float64, or int64 in a column of integers, can hold"


@dataclass(frozen=True)
class Wanted:
    """What a room wants of a file.

    Attributes:
        columns: to read, in this order.
        text: those to leave as they are.
        categories: those to leave as they are, none of them empty.
        unscaled: those that become float32 as they are.
        missing: those but for `text` in which a value may be missing.
        na_values: texts that stand for a missing value, as a blank field does.
        remedy: what an entry can say of a column for its values to be missing, given the column's
            name; None where it can say nothing.
        what: what is expected of the texts of a column, where that is not a category.
        number: what is expected of those of the others.
    """

    columns: tuple[str, ...]
    text: frozenset[str]
    categories: frozenset[str]
    unscaled: frozenset[str]
    missing: frozenset[str] = frozenset()
    na_values: tuple[str, ...] = ()
    remedy: Callable[[str], str] | None = None
    what: Mapping[str, str] = field(default_factory=dict)
    number: str = "a number"

    def is_number(self, column: str) -> bool:
        """Whether a column is read as numbers."""
        return column not in self.text and column not in self.categories

    def largest(self, column: str) -> float:
        """The largest magnitude that a number of the column may have."""
        import numpy as np

        largest = np.float32 if column in self.unscaled else np.float64
        return float(np.finfo(largest).max)

    @property
    def nulls(self) -> list[str]:
        """What Arrow reads as no number, most often: the others it reads as none that is known."""
        if not (self.missing or self.na_values):
            return []
        return sorted({text for one in self.absent for text in (one, f" {one}")})

    @cached_property
    def absent(self) -> frozenset[str]:
        """The texts that stand for a missing value, without blanks around them."""
        return frozenset(("", *(text.strip() for text in self.na_values)))

    def are_missing(self, texts: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
        """Which texts stand for a missing value, bool [row]; blanks around them are no matter."""
        import numpy as np
        import pyarrow.compute as pc

        trimmed = pc.utf8_trim_whitespace(texts)
        if len(self.absent) == 1:
            return np.asarray(pc.equal(trimmed, ""))
        return np.asarray(pc.is_in(trimmed, arrow.texts(sorted(self.absent))))

    def expected(self, column: str, what: str, got: str) -> str:
        """What is expected of a text that is none; with what to say where it may be missing."""
        if self.remedy is None:
            return what
        text = got.strip()
        if text in self.absent:
            return f"{what} (or {self.remedy(column)})"
        if text.lower() in MISSING:
            said = f"na_values = [{json.dumps(text, ensure_ascii=False)}]"
            more = "" if column in self.missing else f" and {self.remedy(column)}"
            return f"{what} (or {said}{more})"
        return what


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
            fault = _number_fault(path, texts, column, values, wanted, is_alone)
        elif column in wanted.categories and column not in wanted.missing:
            fault = _empty_fault(path, texts, column, values, wanted)
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
    wanted: Wanted,
    is_alone: bool,
) -> BadInput | None:
    import numpy as np

    plain = texts.plain(values)
    missing, numbers = wanted.are_missing(values), parse_numbers(plain)
    wrong = ~(np.abs(numbers) <= wanted.largest(column))
    wrong = wrong & ~missing if column in wanted.missing else wrong | missing
    bad = np.flatnonzero(wrong).tolist()
    if bad:
        number = np.nan if missing[bad[0]] else numbers[bad[0]]
        expected = expected_number(plain[bad[0]].as_py(), number, wanted, column, is_alone)
    else:
        [there] = np.nonzero(~missing)
        known = plain if len(there) == len(plain) else plain.take(there)
        bad = there[exact_integers(known, numbers[there])[1]].tolist()
        expected = HOLD
    if not bad:
        return None
    row, got = int(texts.rows[bad[0]]) - 1, values[bad[0]].as_py()
    return not_valid(path, row, column, expected, got, len(bad) - 1)


def expected_number(text: str, number: float, wanted: Wanted, column: str, is_alone: bool) -> str:
    """What was expected of a text that is no number that its column can have.

    Args:
        text: as the file has it.
        number: that it spells, NaN of none.
        wanted: of the file.
        column: its name.
        is_alone: whether there is no other.
    """
    what = wanted.number
    if text.strip() not in wanted.absent or not text.strip():
        what = _expected_number(text, number, wanted, column, is_alone)
    return wanted.expected(column, what, text)


def _expected_number(text: str, number: float, wanted: Wanted, column: str, is_alone: bool) -> str:
    if abs(number) <= wanted.largest(column):
        return HOLD
    if NUMBER.match(text) and isfinite(number):
        return "a finite number (float32)"
    if NUMBER.match(text) or NOT_FINITE.match(text):
        return "a finite number"
    return wanted.number + (_other_delimiter(column) if is_alone else "")


def _empty_fault(
    path: Path,
    texts: Texts,
    column: str,
    values: pa.Array,
    wanted: Wanted,
) -> BadInput | None:
    import numpy as np

    bad = np.flatnonzero(wanted.are_missing(values))
    if not len(bad):
        return None
    row, got = int(texts.rows[bad[0]]) - 1, values[int(bad[0])].as_py()
    return not_valid(path, row, column, expected_text(wanted, column, got), got, len(bad) - 1)


def expected_text(wanted: Wanted, column: str, got: str) -> str:
    """What was expected of a text that stands for a missing value, where none may be missing."""
    return wanted.expected(column, wanted.what.get(column, "a category"), got)


def _other_delimiter(name: str) -> str:
    """A hint where the only column's name looks like several that another delimiter parts."""
    found = [delimiter for delimiter in ";\t|," if delimiter in name]
    return f' (or delimiter = "{shown(found[0])}")' if found else ""
