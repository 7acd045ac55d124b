"""What becomes of each column of a table: a number, category, date, group, or none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ptm.inspecting import words
from ptm.inspecting.columns import BOOL, DATE, NESTED, NUMBER, Column
from ptm.inspecting.guess import counted
from ptm.readers.sniffing.cells import SENTINELS, YES_NO

CONTINUOUS, CATEGORICAL, BOOLEAN, DAY = "continuous", "categorical", "boolean", "date"
FEW, MANY = 20, 1000  # categories that always are some; that rows have to be many for
ROWS_EACH = 10  # so many rows for each of many categories
MOSTLY = 0.95
FEWEST_GROUPS = 10
OWN_SPLIT = "says a split of its own"
FORMS = (frozenset(("train", "test")), frozenset(("train", "val", "test")))


@dataclass(frozen=True)
class Use:
    """What becomes of a column.

    Attributes:
        name: of it.
        measure: "continuous", "categorical", "boolean" or "date"; "" of what is left out.
        why: it is left out, or what is not sure; "" for nothing.
        is_group: whether it may tell which rows belong together.
        missing: how many rows have no value.
        fill: what stands for those, as the option `missing` says it.
        says: the values, for a comment.
    """

    name: str
    measure: str
    why: str = ""
    is_group: bool = False
    missing: int = 0
    fill: str = ""
    says: str = ""


@dataclass(frozen=True)
class Uses:
    """What becomes of the columns of a table.

    Attributes:
        by_name: of each column.
        na_values: texts that stand for nothing.
        doubts: what else is not sure, in sentences.
        sentinels: numbers that may stand for nothing, with the columns.
    """

    by_name: Mapping[str, Use]
    na_values: tuple[str, ...] = ()
    sentinels: Mapping[str, str] = field(default_factory=dict)

    def of(self, *measures: str) -> list[Use]:
        """Those of some measures."""
        return [use for use in self.by_name.values() if use.measure in measures]


def uses_of(columns: Sequence[Column], rows: int) -> Uses:
    """What becomes of columns.

    Args:
        columns: what they hold.
        rows: of the table.
    """
    na_values = _na_values(columns)
    date_format = format_of(columns)
    found = {one.name: _use(one, rows, na_values, date_format, n) for n, one in enumerate(columns)}
    if not any(use.measure for use in found.values()):  # something has to be learned from
        for column in columns:
            if column.holds == NUMBER and not found[column.name].measure and column.distinct > 1:
                found[column.name] = _number(column, na_values)
    return Uses(found, tuple(sorted(na_values)), _sentinels(columns))


def format_of(columns: Sequence[Column]) -> str | None:
    """How most columns of dates are written; None where there are none, "" for ISO 8601."""
    formats = [one.formats[0].format if one.formats else "" for one in columns if one.holds == DATE]
    return max(formats, key=formats.count, default=None)


def _na_values(columns: Sequence[Column]) -> frozenset[str]:
    """The texts that stand for nothing: in numbers all that people write, in texts the clear."""
    from ptm.readers.sniffing.cells import CLEAR

    clear = frozenset(CLEAR)
    return frozenset(
        text
        for column in columns
        for text in map(str.strip, column.missing)
        if column.holds in (NUMBER, DATE) or _is_boolean(column) or text in clear
    )


def _gone(column: Column, na_values: frozenset[str]) -> int:
    """How many rows have no value."""
    return column.blank + sum(
        column.missing[text] for text in column.missing if text.strip() in na_values
    )


def _is_boolean(column: Column) -> bool:
    there = {value.strip().lower() for value in column.counts}
    return column.holds == BOOL or (len(there) == 2 and there in YES_NO)


def _use(
    column: Column, rows: int, na_values: frozenset[str], date_format: str | None, place: int
) -> Use:
    gone = _gone(column, na_values)
    there = column.rows - gone
    if column.holds == NESTED:
        return _left_out(column, "lists or tables in its cells")
    if not there:
        return _left_out(column, "nothing in it")
    if _is_split(column):
        return _left_out(column, f"{OWN_SPLIT}: {column.values()}")
    if column.distinct == 1 and not gone:
        return _left_out(column, f"always {column.values(1)}")
    if words.is_group(column.called) and _repeats(column, there):
        why = f"which {' '.join(words.words_of(column.called))} a row is of"
        return Use(column.name, "", why, is_group=not gone, missing=gone)
    if column.holds == NUMBER:
        why = _no_number(column, there, place)
        if why == CATEGORICAL:
            return _category(column, na_values, "leading zeros")
        return _left_out(column, why) if why else _number(column, na_values)
    if column.holds == DATE:
        return _date(column, na_values, date_format)
    if _is_boolean(column):
        return Use(column.name, BOOLEAN, "", False, gone, "mode" if gone else "", column.values())
    return _text(column, there, na_values)


def _is_split(column: Column) -> bool:
    roles = {words.ROLES.get(value.strip().lower(), "?") for value in column.counts}
    return roles in FORMS and words.has_one_of(column.called, words.SPLITS)


def _repeats(column: Column, there: int) -> bool:
    """Whether values come again, and are enough to be drawn for splits."""
    if column.is_many:
        return not column.is_unique
    return FEWEST_GROUPS <= column.distinct <= there * 0.9


def _no_number(column: Column, there: int, place: int) -> str:
    """Why numbers are none to learn from; "categorical" of those that are names of few things."""
    name = column.called
    is_named = words.is_id(name) or not name
    nearly = column.distinct > there * MOSTLY and column.distinct > FEW
    unique = there > 1 and (column.is_unique or column.is_many or nearly)
    if (column.zeros and column.is_integer) or words.is_one_of(name, words.POSTAL):
        if not column.is_integer:
            return ""
        many = column.is_many or (column.distinct > FEW and column.distinct * ROWS_EACH > there)
        return "numbers that are names, as of places" if many else CATEGORICAL
    if not column.is_integer or (column.is_many and not column.is_unique and not is_named):
        return ""
    counts = column.counts_up and column.first in (0.0, 1.0) and there > 2
    is_time = words.has_one_of(name, words.TIMES)
    if counts and (is_named or words.is_one_of(name, words.COUNTERS)):
        return "counts the rows"
    if counts and place == 0 and there >= FEW and not is_time:
        return "counts the rows"
    if column.counts_up and is_named and there > 2:
        return "counts the rows"
    if is_named and unique and there >= 5:
        return "tells the rows apart"
    if column.is_unique and there > FEW and column.low >= 1e8 and _one_length(column):
        return "long numbers, another in each row"
    return ""


def _one_length(column: Column) -> bool:
    return len({len(value.strip()) for value in column.counts}) == 1


def _number(column: Column, na_values: frozenset[str]) -> Use:
    gone = _gone(column, na_values)
    odd = f"{counted(column.odd_rows, 'row')} with no number" if column.odd_rows else ""
    return Use(column.name, CONTINUOUS, odd, False, gone, "median" if gone else "")


def _date(column: Column, na_values: frozenset[str], date_format: str | None) -> Use:
    gone = _gone(column, na_values)
    own = column.formats[0].format if column.formats else ""
    if own != date_format:
        return _left_out(column, f"dates as {column.values(1)}, other than those of the table")
    why = ""
    if len({one.format for one in column.formats}) > 1 and own:
        why = f"not sure: day or month first, as in {column.values(1)}"
    return Use(column.name, DAY, why, False, gone, "median" if gone else "", column.values())


def _text(column: Column, there: int, na_values: frozenset[str]) -> Use:
    is_few = column.distinct <= FEW and column.distinct * 2 <= there
    is_some = not column.is_many and column.distinct <= MANY
    is_some &= column.distinct * ROWS_EACH <= there
    is_named = words.ends_in(column.called, words.FREE) or words.is_id(column.called)
    if is_few or (is_some and not is_named):
        return _category(column, na_values, "")
    if _has_unit(column):
        return _left_out(column, f"numbers with a word beside them, as {column.values(1)}")
    if column.is_unique and there > 1:
        return _left_out(column, "another text in each row")
    many = "thousands of" if column.is_many else f"{column.distinct:,}"
    return _left_out(column, f"{many} different texts in {counted(there, 'row')}")


def _has_unit(column: Column) -> bool:
    import re

    number = re.compile(
        r"[+-]?[0-9][0-9.,']* ?[^\d\s,;]{1,8}|[€$£~<>≈] ?[+-]?[0-9][0-9.,']* ?[^\d\s,;]{0,8}"
    )
    some = [value.strip() for value in list(column.counts)[:50]]
    return sum(bool(number.fullmatch(value)) for value in some) > 0.9 * len(some)


def _category(column: Column, na_values: frozenset[str], why: str) -> Use:
    gone = _gone(column, na_values)
    says = f"{counted(column.distinct, 'category', 'categories')}: {column.values()}"
    return Use(column.name, CATEGORICAL, why, False, gone, "category" if gone else "", says)


def _left_out(column: Column, why: str) -> Use:
    return Use(column.name, "", why)


def _sentinels(columns: Sequence[Column]) -> dict[str, str]:
    """Numbers that may stand for nothing: often there, and far from all others."""
    found: dict[str, str] = {}
    for column in columns:
        if column.holds != NUMBER:
            continue
        others = [float(v) for v in column.counts if v not in SENTINELS and _is_plain(v)]
        for text in SENTINELS:
            count, value = column.counts[text], float(text)
            far = others and (value < min(others) * 2 - 50 or value > max(others) * 2 + 50)
            if count >= max(3, column.there // 200) and far:
                found[text] = f"{count} times in '{column.name}'"
    return found


def _is_plain(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
