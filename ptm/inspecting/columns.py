"""What the columns of a table hold, over all of their rows that were read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ptm.readers.sniffing.cells import (
    CLEAR,
    DATES,
    INTEGER,
    LEADING,
    MISSING,
    DateFormat,
    number_pattern,
)
from ptm.readers.sniffing.styles import Style

if TYPE_CHECKING:
    import pyarrow as pa

MOST_COUNTED = 2000  # values of a column that are counted each
MOST_ODD = 50
NUMBER, DATE, TEXT, BOOL, NESTED = "number", "date", "text", "boolean", "nested"
TRIM = r"\A[ \t]*(?:{})[ \t]*\z"


@dataclass
class Column:
    """What a column holds.

    Attributes:
        name: of it.
        holds: number, date, text, boolean (of files that have such a type), or nested.
        rows: that were read.
        blank: how many have nothing.
        missing: how many have a text that people write for nothing, by the text.
        counts: how often each value comes; of many the first.
        is_many: whether there are more than are counted.
        odd: values that do not fit what it holds; of many the first.
        odd_rows: how many rows have such values.
        is_integer: whether all numbers are integers.
        zeros: how many numbers begin with a zero that says nothing, as 01234.
        counts_up: whether each is one more than that of the row before.
        is_unique: whether no value was seen twice.
        low, high: of numbers.
        length: of the longest text.
        formats: those that all dates fit.
        typed: whether the file itself has a type for it.
        title: what the file calls it, where that cannot be its name.
    """

    name: str
    holds: str = TEXT
    rows: int = 0
    blank: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    is_many: bool = False
    odd: Counter[str] = field(default_factory=Counter)
    odd_rows: int = 0
    is_integer: bool = True
    zeros: int = 0
    counts_up: bool = True
    is_unique: bool = True
    low: float = float("inf")
    high: float = float("-inf")
    length: int = 0
    formats: tuple[DateFormat, ...] = ()
    typed: bool = False
    title: str | None = None
    last: float | None = None
    first: float | None = None

    @property
    def called(self) -> str:
        """What the file calls it."""
        return self.name if self.title is None else self.title

    @property
    def there(self) -> int:
        """How many rows have a value, as far as is known: what people write for nothing is none."""
        return self.rows - self.blank - sum(self.missing.values())

    @property
    def distinct(self) -> int:
        """How many values there are; more than `MOST_COUNTED` where there are more."""
        return len(self.counts)

    def values(self, most: int = 3) -> str:
        """The most frequent values."""
        told = [f"'{value[:24]}'" for value, _ in self.counts.most_common(most)]
        return ", ".join(told) + (", …" if self.distinct > most else "")


def take_in(column: Column, values: pa.Array, style: Style) -> None:
    """Adds some rows of a column that is read as texts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    counted = values.value_counts()
    texts, counts = counted.field("values"), counted.field("counts")
    trimmed = pc.utf8_trim_whitespace(texts)
    column.rows += len(values)
    column.is_unique &= len(texts) == len(values)
    is_blank = pc.fill_null(pc.equal(trimmed, ""), True)
    words = CLEAR if column.holds == TEXT else MISSING  # others may be values of a text
    is_missing = pc.is_in(trimmed, value_set=pa.array(sorted(words)))
    is_fit = _fits(column, texts, style)
    is_missing = pc.and_(is_missing, pc.invert(is_blank))
    is_missing = pc.and_(is_missing, pc.invert(is_fit)) if column.holds != TEXT else is_missing
    column.blank += _sum(counts, is_blank)
    for text, count in _pairs(texts, counts, is_missing):
        column.missing[text] += count
    is_there = pc.invert(pc.or_(is_blank, is_missing))
    if column.holds != TEXT:
        is_odd = pc.and_(is_there, pc.invert(is_fit))
        column.odd_rows += _sum(counts, is_odd)
        for text, count in _pairs(texts, counts, is_odd)[:MOST_ODD]:
            if text in column.odd or len(column.odd) < MOST_ODD:
                column.odd[text] += count
        is_there = pc.and_(is_there, is_fit)
    _count(column, texts, counts, is_there)
    if column.holds == NUMBER:
        _measure(column, values, pc.filter(texts, is_there), style)


def _fits(column: Column, texts: pa.Array, style: Style) -> Any:
    """Whether texts are what the column holds."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.holds == NUMBER:
        return pc.match_substring_regex(
            texts, TRIM.format(number_pattern(style.decimal, style.thousands))
        )
    if column.holds != DATE:
        return pa.array([True] * len(texts))
    fits = {
        one: pc.match_substring_regex(texts, TRIM.format(one.pattern)) for one in column.formats
    }
    known = {one: _sum(None, fit) for one, fit in fits.items()}
    most = max(known.values(), default=0)
    if most:
        column.formats = tuple(one for one in column.formats if known[one] == most)
    return fits[column.formats[0]]


def _count(column: Column, texts: pa.Array, counts: pa.Array, is_there: pa.Array) -> None:
    import pyarrow.compute as pc

    lengths = pc.utf8_length(pc.filter(texts, is_there))
    column.length = max(column.length, pc.max(lengths).as_py() or 0)
    for text, count in _pairs(texts, counts, is_there, MOST_COUNTED + 1):
        if text in column.counts:
            column.counts[text] += count
            column.is_unique = False
        elif len(column.counts) <= MOST_COUNTED:
            column.counts[text] = count
        else:
            column.is_many = True
    column.is_many |= len(column.counts) > MOST_COUNTED


def _measure(column: Column, values: pa.Array, texts: pa.Array, style: Style) -> None:
    """What the numbers are like."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(texts):
        column.counts_up = column.counts_up and len(values) == 0
        return
    column.is_integer &= pc.all(pc.match_substring_regex(texts, TRIM.format(INTEGER))).as_py()
    zeros = pc.match_substring_regex(texts, TRIM.format(LEADING))
    column.zeros += _sum(None, zeros)
    numbers = _numbers(texts, style)
    column.low = min(column.low, float(numbers.min()))
    column.high = max(column.high, float(numbers.max()))
    if column.counts_up:
        try:
            ordered = pc.utf8_trim_whitespace(values).cast(pa.int64()).to_numpy()
        except pa.ArrowInvalid:
            column.counts_up = False
            return
        before = [] if column.last is None else [column.last]
        column.counts_up = bool((np.diff([*before, *ordered.tolist()]) == 1).all())
        column.first = float(ordered[0]) if column.first is None else column.first
        column.last = float(ordered[-1])


def _numbers(texts: pa.Array, style: Style) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    decimal, thousands = style.decimal, style.thousands
    plain = pc.utf8_trim_whitespace(texts)
    if thousands:
        plain = pc.replace_substring_regex(
            plain, "[ \u00a0\u202f\u2009'’_]" if thousands in " '_" else f"[{thousands}]", ""
        )
    if decimal == ",":
        plain = pc.replace_substring(plain, ",", ".")
    plain = pc.replace_substring_regex(plain, r"^\+", "")
    return plain.cast(pa.float64()).to_numpy(zero_copy_only=False)


def take_in_typed(column: Column, values: pa.Array) -> None:
    """Adds some rows of a column whose type the file has."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as types

    kind = values.type
    if types.is_dictionary(kind):
        values, kind = values.cast(kind.value_type), kind.value_type
    column.typed = True
    if types.is_string(kind) or types.is_large_string(kind):
        take_in(column, values.cast(pa.string()), Style())
        return
    column.rows += len(values)
    column.holds = _held(kind)
    if column.holds == NESTED:
        return
    if types.is_floating(kind):
        values = pc.if_else(pc.is_nan(values), None, values)
    column.blank += values.null_count
    counted = values.drop_null().value_counts()
    found, counts = counted.field("values"), counted.field("counts")
    column.is_unique &= len(found) == len(values)
    if not len(found):
        return
    if column.holds == NUMBER:
        column.is_integer &= types.is_integer(kind) or bool(
            pc.all(pc.equal(pc.floor(found.cast(pa.float64())), found.cast(pa.float64()))).as_py()
        )
        numbers = values.drop_null().cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        column.low = min(column.low, float(numbers.min()))
        column.high = max(column.high, float(numbers.max()))
        _steps(column, numbers, len(values))
    texts = pa.array(
        [_spelled(value) for value in found[: MOST_COUNTED + 1].to_pylist()], pa.string()
    )
    _count(column, texts, counts[: len(texts)], pa.array([True] * len(texts)))
    column.is_many |= len(found) > MOST_COUNTED


def _steps(column: Column, numbers: Any, rows: int) -> None:
    import numpy as np

    if len(numbers) < rows or not column.counts_up:
        column.counts_up = False
        return
    before = [] if column.last is None else [column.last]
    column.counts_up = bool((np.diff([*before, *numbers.tolist()]) == 1).all())
    column.first = float(numbers[0]) if column.first is None else column.first
    column.last = float(numbers[-1])


def _held(kind: pa.DataType) -> str:
    """What values of a type are."""
    import pyarrow.types as types

    if types.is_boolean(kind):
        return BOOL
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return NUMBER
    return DATE if types.is_date(kind) or types.is_timestamp(kind) else NESTED


def _spelled(value: Any) -> str:
    """A value as a text file would have it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def held_by(texts: Sequence[str], style: Style) -> tuple[str, tuple[DateFormat, ...]]:
    """What a column holds by its first values, most of which have to fit; the formats of dates."""
    import re

    there = [text.strip() for text in texts if text.strip() and text.strip() not in MISSING]
    if not there:
        there = [text.strip() for text in texts if text.strip()]
    if not there:
        return TEXT, ()
    number = re.compile(number_pattern(style.decimal, style.thousands))
    if sum(bool(number.fullmatch(text)) for text in there) > 0.9 * len(there):
        eight = [one for one in DATES if one.format == "%Y%m%d"]
        is_day = all(re.fullmatch(eight[0].pattern, text) for text in there)
        return (DATE, tuple(eight)) if is_day else (NUMBER, ())
    known = {one: sum(bool(re.fullmatch(one.pattern, text)) for text in there) for one in DATES}
    most = max(known.values())
    if most > 0.9 * len(there):
        return DATE, tuple(one for one, count in known.items() if count == most)
    return TEXT, ()


def _pairs(texts: pa.Array, counts: pa.Array, mask: Any, most: int = 1 << 20) -> list[Any]:
    import pyarrow.compute as pc

    some = pc.filter(texts, mask)[:most].to_pylist()
    return list(zip(some, pc.filter(counts, mask)[:most].to_pylist(), strict=True))


def _sum(counts: pa.Array | None, mask: Any) -> int:
    import pyarrow.compute as pc

    if counts is None:
        return int(pc.sum(mask).as_py() or 0)
    return int(pc.sum(pc.filter(counts, mask)).as_py() or 0)
