"""Whether samples are as their entry expects: of their profiles, and of what only values tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ptm.demands import MOST_EXACT, Between, Expect, OfColumn, short
from ptm.errors import BadInput
from ptm.profile import NUMBERS, TEXTS, TIMES, Profile
from ptm.spill import Answer, Ask, First

NAMED = 12  # columns in a message
MOST_WHOLE = 2.0**64  # up to which whole numbers are told without an exponent
LETTERS = 40
OF = {NUMBERS: "numbers", TEXTS: "texts", TIMES: "times"}


class Fault(NamedTuple):
    """What is not as expected.

    Attributes:
        what: where, expected and got.
        is_error: whether it keeps the entry from being published.
        row: of the first one, where it is one of the rows; else -1.
        like: of a value that comes twice, the row that has it first; else -1.
    """

    what: BadInput
    is_error: bool
    row: int = -1
    like: int = -1


def asks(
    expect: Expect, columns: Mapping[str, Profile], target: str | None = None
) -> dict[str, Ask]:
    """What has to be asked of the values of columns, beside what their profiles say.

    Args:
        expect: of the rows.
        columns: the profile of each, of all samples.
        target: the column of the classes.
    """
    found = {}
    for name, demand in expect.columns.items():
        one = columns.get(name)
        if one is None:
            continue
        ends: dict[str, Any] = {}
        if one.what == NUMBERS and one.moments and one.count:
            low, high = float(one.moments.min[0]), float(one.moments.max[0])
            ends["low"] = demand.min if _may_be_less(low, demand.min) else None
            ends["high"] = demand.max if _may_be_less(demand.max, high) else None
            ends["median"] = demand.median is not None
        ask = Ask(distinct=demand.unique, values=_values(demand, one), **ends)
        if ask != Ask():
            found[name] = ask
    if expect.classes is not None and target is not None and target in columns:
        found[target] = found.get(target, Ask())._replace(distinct=True)
    return found


def _may_be_less(one: float | None, other: float | None) -> bool:
    """Whether a number may be less than another: of integers float64 has rounded large ones."""
    if one is None or other is None:
        return False
    return one < other or (one == other and abs(one) >= MOST_EXACT)


def _values(demand: OfColumn, one: Profile) -> tuple[Any, ...] | None:
    """The values that may come; None where none of them is of the sort that the column has."""
    is_text = one.what == TEXTS
    fits = any(isinstance(value, str) == is_text for value in demand.values or ())
    return demand.values if fits and one.what in (NUMBERS, TEXTS) else None


def faults(
    expect: Expect,
    columns: Mapping[str, Profile],
    rows: int,
    answers: Mapping[str, Answer],
    target: str | None = None,
) -> Iterator[Fault]:
    """All that is not as expected.

    Args:
        expect: of the rows.
        columns: the profile of each, of all samples.
        rows: how many there are.
        answers: to `asks`.
        target: the column of the classes.
    """
    of_rows = expect.rows
    if of_rows and (expected := _outside(rows, of_rows.min, of_rows.max, "rows")):
        is_error = (of_rows.level or expect.level) == "error"
        yield Fault(BadInput("rows", expected, f"{rows:,}"), is_error)
    unknown = [name for name in expect.columns if name not in columns]
    for name in unknown:
        yield Fault(BadInput(f"column '{_cut(name)}'", "a column", _named(columns)), True)
    if expect.classes is not None:
        yield from _classes(expect, expect.classes, columns, answers, target)
    for name, one in columns.items():
        demand = expect.columns.get(name, OfColumn())
        is_error = (demand.level or expect.level) == "error"
        most = demand.missing if demand.missing is not None else expect.missing
        answer = answers.get(name, Answer())
        for what, first in _of_column(demand, most, one, answer):
            where = f"column '{_cut(name)}'"
            where = f"{where}, {what[0]}" if what[0] else where
            row, like = (first.row, first.like) if first else (-1, -1)
            yield Fault(BadInput(where, *what[1:]), is_error, row, like)


Found = Iterator[tuple[tuple[str, str, str], First | None]]  # where, expected, got; the first row


def _of_column(demand: OfColumn, most: float | None, one: Profile, answer: Answer) -> Found:
    yield from _missing(most, one)
    named = ("min", "max", "mean", "median")
    wanted = [name for name in named if getattr(demand, name) is not None]
    if one.what != NUMBERS and wanted:
        got = OF.get(one.what, "values that are none")
        yield ("", f"numbers, for {_listed(wanted)}", got), None
    if one.what not in (NUMBERS, TEXTS) and demand.values is not None:
        yield ("", "numbers or texts, for 'values'", OF.get(one.what, "others")), None
    elif demand.values is not None and one.count and not _values(demand, one):
        got = OF[TEXTS if one.what == NUMBERS else NUMBERS]
        expected = f"{OF[one.what]} in 'values', as the column has"
        yield ("", expected, f"only {got}: {_some(demand.values)}"), None
    if answer.low:
        yield _row(answer.low, f"at least {_number(demand.min)}")
    if answer.high:
        yield _row(answer.high, f"at most {_number(demand.max)}")
    if answer.other and demand.values is not None:
        yield _row(answer.other, f"one of {_some(demand.values)}")
    if demand.unique and answer.twice:
        yield _row(answer.twice, "values that come once")
    if one.moments and one.count:
        yield from _middle("mean", demand.mean, float(one.moments.mean[0]))
    if answer.median is not None:
        yield from _middle("median", demand.median, answer.median)


def _missing(most: float | None, one: Profile) -> Found:
    empty = one.missing + (one.texts.empty if one.texts else 0)
    total = one.count + one.missing
    if most is not None and empty > most * total:
        yield ("missing", f"at most {most:.4g} of all", f"{empty / total:.4g} ({empty:,})"), None


def _middle(name: str, between: Between | None, value: float) -> Found:
    if between and (expected := _outside(value, between.min, between.max)):
        few = f"{value:.6g}"  # the last digits of a mean depend on the cut
        is_apart = _outside(float(few), between.min, between.max)
        yield (name, expected, few if is_apart else _number(value)), None


def _classes(
    expect: Expect,
    classes: int,
    columns: Mapping[str, Profile],
    answers: Mapping[str, Answer],
    target: str | None,
) -> Iterator[Fault]:
    is_error = expect.level == "error"
    if target is None or target not in columns:
        yield Fault(BadInput("classes", "a target among the columns", _named(columns)), True)
    elif (got := answers[target].distinct or 0) != classes:
        what = BadInput(f"column '{_cut(target)}'", f"{classes} classes", str(got))
        yield Fault(what, is_error)


def _row(first: First, expected: str) -> tuple[tuple[str, str, str], First]:
    value = first.value
    got = _number(value) if isinstance(value, float) else f"'{_cut(str(value))}'"
    got = short(value) if isinstance(value, int) else got
    more = f", and {first.rows - 1:,} more" if first.rows > 1 else ""
    return ("", expected, f"{got}{more}"), first


def _outside(value: float, low: float | None, high: float | None, of: str = "") -> str:
    """What was expected instead of a number; "" where it is inside."""
    if (low is None or value >= low) and (high is None or value <= high):
        return ""
    ends = {"at least": low, "at most": high}
    told = [f"{words} {_number(end)}" for words, end in ends.items() if end is not None]
    return " and ".join(told) + (f" {of}" if of else "")


def _number(value: float | None) -> str:
    """A number with as many digits as tell it from others: what is apart does not look the same."""
    is_whole = value is not None and value == int(value) and abs(value) < MOST_WHOLE
    return f"{int(value or 0):,}" if is_whole else str(value)


def _listed(names: list[str]) -> str:
    return " and ".join(f"'{name}'" for name in names)


def _some(values: tuple[Any, ...]) -> str:
    told = [f"'{_cut(v)}'" if isinstance(v, str) else short(v) for v in values[:NAMED]]
    return ", ".join(told + ([f"… and {len(values) - NAMED} more"] if values[NAMED:] else []))


def _named(columns: Mapping[str, Profile]) -> str:
    told = ", ".join(map(_cut, list(columns)[:NAMED]))
    more = f", … and {len(columns) - NAMED} more" if len(columns) > NAMED else ""
    return f"the columns {told}{more}" if columns else "none"


def _cut(text: str) -> str:
    cut = text[:LETTERS]
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return line if cut == text else f"{line} …"
