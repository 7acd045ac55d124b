"""The options of a table, or of the tables of one schema, as lines of a catalog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from ptm.inspecting.columns import NESTED, Column
from ptm.inspecting.guess import FEWEST, Line, counted, first_of, share_line
from ptm.inspecting.tables import Table
from ptm.inspecting.targets import Target, is_sure
from ptm.inspecting.uses import (
    BOOLEAN,
    CATEGORICAL,
    CONTINUOUS,
    DAY,
    Use,
    Uses,
    format_of,
)
from ptm.readers.sniffing.cells import is_number
from ptm.readers.sniffing.dialects import Dialect

MANY_CATEGORIES = 50
SPLIT = "split"  # a column of the rows that ptm adds
PROPOSED = 3
NAMED = {"\t": "tab", "whitespace": "runs of blanks and tabs"}


@dataclass(frozen=True)
class Plan:
    """What is known of a table, or of several of one schema.

    Attributes:
        columns: of all of them.
        uses: what becomes of these.
        targets: columns that may be the target, the most likely first.
        rows: about how many there are.
        all_rows: likewise, of all that the columns are of.
        has_split: whether other files are the test.
        blank: how many rows have nothing at all.
    """

    columns: Sequence[Column]
    uses: Uses
    targets: Sequence[Target]
    rows: int
    all_rows: int
    has_split: bool = False
    blank: int = 0

    @property
    def target(self) -> Target | None:
        """The target, where that is sure."""
        return self.targets[0] if is_sure(self.targets) else None

    @property
    def has_features(self) -> bool:
        """Whether there is a column to learn from, beside the target."""
        aside = self.target.name if self.target else ""
        return any(use.measure and use.name != aside for use in self.uses.by_name.values())

    @property
    def group(self) -> Use | None:
        """What keeps rows together in a split, where there is one."""
        if self.has_split or self.rows < FEWEST or SPLIT in self.uses.by_name:
            return None
        return next((use for use in self.uses.by_name.values() if use.is_group), None)


def lines_of(table: Table, plan: Plan) -> list[Line]:
    """The options of one table of a plan, in order."""
    names = set(table.names)
    return [
        *dialect_lines(table),
        *_na_values(plan),
        *_excluded(plan, names),
        *_target(plan, names),
        *_measures(plan, names),
        *_missing(plan, names),
        *_splits(plan),
        *_bad(table),
    ]


def dialect_lines(table: Table) -> Iterator[Line]:
    """How a file is written, where that is not as usual."""
    if table.sheet:
        yield Line("sheet", table.sheet)
    if table.dialect is not None:
        yield from _signs(table, table.dialect)
    if table.skip:
        yield Line("skip_rows", table.skip, "lines before the table")
    if table.encoding.name != "utf-8":
        yield Line("encoding", table.encoding.name, table.encoding.doubt)
    if not table.header:
        yield Line("header", False, "the columns are c0, c1, …")
    elif table.dialect and all(is_number(name) or not name for name in table.names):
        yield Line("header", True, "numbers, which name the columns")


def _signs(table: Table, dialect: Dialect) -> Iterator[Line]:
    """What parts and quotes fields, and how their numbers are written."""
    if dialect.delimiter != ",":
        yield Line("delimiter", dialect.delimiter, NAMED.get(dialect.delimiter, ""))
    if dialect.quote != '"':
        yield Line("quote", dialect.quote, "" if dialect.quote else "a quote is a letter")
    if table.style.decimal != ".":
        yield Line("decimal", table.style.decimal)
    if table.style.thousands:
        yield Line("thousands", table.style.thousands)
    if dialect.comment:
        yield Line("comment", dialect.comment, "lines that begin with it are left out")


def _na_values(plan: Plan) -> Iterator[Line]:
    if plan.uses.na_values:
        yield Line("na_values", list(plan.uses.na_values), "stand for a missing value")
    for value, where in plan.uses.sentinels.items():
        known = [*plan.uses.na_values, value]
        yield Line("na_values", known, f"{value} {where}: perhaps missing", is_off=True)


def _excluded(plan: Plan, names: Set[str]) -> Iterator[Line]:
    """Columns that are no features."""
    aside = {plan.group.name if plan.group else "", plan.target.name if plan.target else ""}
    nested = {one.name for one in plan.columns if one.holds == NESTED}
    out = {use.name: use.why for use in plan.uses.of("") if use.name in names - aside - nested}
    if nested & names:
        told = f"without {first_of(sorted(nested))}: lists or tables in its cells"
        yield Line("columns", [c.name for c in plan.columns if c.name in names - nested], told)
    if out:
        yield Line("exclude", list(out), notes=_titled(plan, out))


def _target(plan: Plan, names: Set[str]) -> Iterator[Line]:
    target = plan.target
    if target and target.name in names:
        others = [one.name for one in plan.targets[1:] if one.points >= 40]
        told = f"or perhaps {first_of(others)}" if others else _why(target, plan)
        yield Line("target", target.name, _titled(plan, {target.name: told})[target.name])
        if target.classes:
            yield Line("classes", target.classes, f"0 to {target.classes - 1}")
    elif not target:
        for one in plan.targets[:PROPOSED]:
            if one.name in names:
                told = _titled(plan, {one.name: "if that is to be predicted"})[one.name]
                yield Line("target", one.name, told, is_off=True)


def _titled(plan: Plan, notes: Mapping[str, str]) -> dict[str, str]:
    """What stands beside columns, with what the file calls them where that is not their name."""
    titles = {one.name: one.title for one in plan.columns if one.title}
    return {
        name: ": ".join(filter(None, (titles.get(name, ""), note))) for name, note in notes.items()
    }


def _why(target: Target, plan: Plan) -> str:
    if target.why == "its name":
        return ""
    return f"{target.why}; not sure" if target.points < 100 else target.why


def _measures(plan: Plan, names: Set[str]) -> Iterator[Line]:
    """A word on each column that is not continuous."""
    target, notes = plan.target, dict[str, str]()
    measures = {}
    for use in plan.uses.by_name.values():
        if use.name not in names or (target and use.name == target.name):
            continue
        if use.measure in (CATEGORICAL, BOOLEAN, DAY):
            measures[use.name] = use.measure
            notes[use.name] = "; ".join(filter(None, (use.says, use.why)))
    if target and target.measure and target.name in names:
        column = next(one for one in plan.columns if one.name == target.name)
        measures[target.name] = target.measure
        notes[target.name] = f"the target: {counted(column.distinct, 'class', 'classes')}: "
        notes[target.name] += column.values()
    if measures:
        yield Line("measures", measures, notes=_titled(plan, notes))
    many = [
        column.name
        for column in plan.columns
        if measures.get(column.name) == CATEGORICAL
        and column.distinct > MANY_CATEGORIES
        and not (target and target.name == column.name)
    ]
    if many:
        told = f"joins the rare categories of {first_of(many)}"
        yield Line("min_count", 10, told, is_off=True)
    dates = [use for use in plan.uses.of(DAY) if use.name in names]
    format_ = format_of(plan.columns)
    if dates and format_:
        yield Line("date_format", format_, next((d.why for d in dates if "not sure" in d.why), ""))


def _missing(plan: Plan, names: Set[str]) -> Iterator[Line]:
    """What stands for missing values."""
    target, fills = plan.target, dict[str, str]()
    notes = {}
    for use in plan.uses.by_name.values():
        if use.name not in names:
            continue
        is_target = target is not None and use.name == target.name
        if (use.fill and use.measure) or (is_target and use.missing):
            fills[use.name] = "drop" if is_target else use.fill
            notes[use.name] = f"{use.missing:,} of {counted(plan.all_rows, 'row')}"
            if plan.blank and use.missing == plan.blank and "drop" not in fills.values():
                fills[use.name] = "drop"
                notes[use.name] = f"{counted(plan.blank, 'row')} without any value"
    if fills:
        yield Line("missing", fills, notes=notes)


def _splits(plan: Plan) -> Iterator[Line]:
    if plan.has_split:
        return
    line = share_line(plan.rows)
    if SPLIT in plan.uses.by_name:
        told = f"once the column '{SPLIT}' of the file has another name"
        line = replace(line, comment=told, is_off=True)
    yield line
    if plan.group:
        yield Line("group", plan.group.name, "its rows stay together in one split")
    times = plan.uses.of(DAY)
    if times and not line.is_off:
        told = 'with a split as { train = "..2023", test = "2024.." }: by time'
        yield Line("time", times[0].name, told, is_off=True)


def _bad(table: Table) -> Iterator[Line]:
    told = []
    if table.rows.odd:
        places = first_of(map(str, table.rows.first_odd))
        told.append(f"{counted(table.rows.odd, 'row')} with other numbers of fields ({places})")
    for column in table.columns:
        if column.odd_rows:
            some = ", ".join(f"'{text[:20]}'" for text in list(column.odd)[:3])
            told.append(f"{counted(column.odd_rows, 'value')} of '{column.name}' as {some}")
    if told:
        yield Line("on_bad", "quarantine", "; ".join(told))


def seen_in(plan: Plan, files: int, about: bool) -> str:
    """What was seen in a table, in a few words."""
    told = [f"{'about ' if about else ''}{counted(plan.rows, 'row')}"]
    if files > 1:
        told.append(f"in {files:,} files")
    told = [" ".join(told)]
    used = {
        "numbers": len(plan.uses.of(CONTINUOUS)),
        "categories": len(plan.uses.of(CATEGORICAL)),
        "booleans": len(plan.uses.of(BOOLEAN)),
        "dates": len(plan.uses.of(DAY)),
    }
    kinds = [f"{count} {what}" for what, count in used.items() if count]
    if out := len(plan.uses.of("")):
        kinds.append(f"{out} left out")
    told.append(f"{counted(len(plan.columns), 'column')} ({', '.join(kinds)})")
    if plan.target:
        told.append(f"target '{plan.target.name}'")
    return "; ".join(told)
