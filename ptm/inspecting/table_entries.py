"""The tables of a folder as entries of a catalog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from ptm.inspecting import words
from ptm.inspecting.folder import Folder
from ptm.inspecting.guess import LEARN_FROM, Entry, Guess, Line
from ptm.inspecting.merging import agreed, merged
from ptm.inspecting.patterns import common_start, literal, matcher, pattern_of
from ptm.inspecting.table_groups import Group, tables_of
from ptm.inspecting.table_lines import LACKED, Plan, later_lines, lines_of, seen_in
from ptm.inspecting.tables import Table, is_table
from ptm.inspecting.targets import targets_of
from ptm.inspecting.uses import uses_of, without
from ptm.readers.sniffing.family import UNKNOWN

KIND = "table"


def inspect(folder: Folder) -> Guess | None:
    """The tables of a folder; files of one schema are one."""
    found = tables_of(folder, [file for file in folder.files if is_table(file)])
    entries = list[Entry]()
    for groups in found.groups:
        of_groups = _entries(folder, groups)
        entries += of_groups
        if not of_groups:
            files = [file for group in groups for file in group.files]
            names = [file.name for file in files if file.family != UNKNOWN]  # others may be texts
            found.left_out.update(dict.fromkeys(names, "a table without a column to learn from"))
    return Guess.of(entries, found.left_out)


def _entries(folder: Folder, groups: Sequence[Group]) -> list[Entry]:
    """Of one table, or of its training and its test; none of what nothing can be learned from."""
    tables = agreed(folder, [table for group in groups for table in group.tables])
    plan = _plan(folder, groups, tables)
    if not plan.has_features:
        return []
    found = list[Entry]()
    for group in groups:
        read = _of(group, tables)
        path, pattern = _place(folder, group)
        name, shown = _name(folder, group), _all_of(read)
        plan = replace(plan, rows=_rows(group, folder))
        if group is groups[0]:
            lines = lines_of(shown, plan)
            if len(groups) > 1 and all(one.role != "val" for one in groups):
                told = "of what is for training"
                lines.append(Line("split", {"train": 0.9, "val": 0.1}, told, True))
        else:
            lines = later_lines(shown, _all_of(_of(groups[0], tables)), plan)
            told = "encoded by what that has learned; its options count here"
            lines.append(Line(LEARN_FROM, found[0].name, told))
        seen = seen_in(plan, len(group.files), not group.first.rows.is_all, group is groups[0])
        files = frozenset(file.name for file in group.files)
        doubts = tuple(dict.fromkeys(doubt for table in read for doubt in table.doubts))
        found.append(Entry(name, KIND, path, (*pattern, *lines), seen, files, doubts))
    return found


def _plan(folder: Folder, groups: Sequence[Group], tables: Sequence[Table]) -> Plan:
    """What becomes of the columns of a table, and of what is encoded as that is."""
    columns, first = merged(tables), groups[0].first
    rows = sum(_rows(group, folder) for group in groups)
    later = [set(group.first.names) for group in groups[1:]]
    lacking = {name for name in first.names for names in later if name not in names}
    uses = uses_of([one for one in columns if one.name in first.names], rows)
    has_names = bool(first.header or first.titles)
    columns = [without(one, uses.na_values) for one in columns]
    own = [without(one, uses.na_values) for one in merged(_of(groups[0], tables))]
    targets = targets_of(own, uses, lacking, has_names)
    target = targets[0].name if targets else ""
    others = lacking - {target}  # nothing can be learned from what the test has not
    known = {
        use.name: replace(use, measure="", fill="", why=LACKED) if use.name in others else use
        for use in uses.by_name.values()
    }
    uses = replace(uses, by_name=known)
    blank = sum(table.rows.blank for table in tables)
    return Plan(columns, uses, targets, rows, rows, len(groups) > 1, blank)


def _of(group: Group, tables: Sequence[Table]) -> list[Table]:
    """The tables of a group, as they are agreed on."""
    names = {file.name for file in group.files}
    return [one for one in tables if one.name in names and one.sheet == group.first.sheet]


def _all_of(tables: Sequence[Table]) -> Table:
    """The first table, with the bad rows of all."""
    bad = [table for table in tables if table.rows.odd or any(c.odd_rows for c in table.columns)]
    return replace(tables[0], rows=bad[0].rows, columns=bad[0].columns) if bad else tables[0]


def _rows(group: Group, folder: Folder) -> int:
    """About how many rows there are in the files of a group."""
    known = sum(table.rows.count for table in group.tables)
    names = {table.name for table in group.tables}
    read = sum(table.rows.bytes for table in group.tables)
    sizes = sum(file.bytes for file in group.files)
    if len(names) < len(group.files) or not all(table.rows.is_all for table in group.tables):
        looked = read or sum(file.bytes for file in group.files if file.name in names)
        return max(known, round(known * sizes / max(looked, 1)))
    return known


def _name(folder: Folder, group: Group) -> str:
    """What an entry is called after."""
    file = group.files[0]
    if group.first.sheet:
        return f"{file.stem}_{group.first.sheet}"
    stem = file.file.split(".")[0] or file.stem
    if group.role:
        plain = [word for word in words.words_of(stem) if not word.isdigit() and word != "of"]
        return "_".join(plain) if any(word in words.ROLES for word in plain) else group.role
    if len(group.files) > 1:
        above = PurePosixPath(_folder_of([one.name for one in group.files])).name
        above = above or folder.root.resolve().name
        if len({one.folder for one in group.files}) > 1:
            return above or stem
        return _common([one.file.split(".")[0] for one in group.files]) or above or stem
    return stem


def _common(names: Sequence[str]) -> str:
    """What names begin with, without the beginning of a number or word."""
    start = common_start(names).rstrip("0123456789")
    return start.strip(" _-.") if len(start.strip(" _-.")) > 1 else ""


def _place(folder: Folder, group: Group) -> tuple[str, list[Line]]:
    """The path of the files of a group, with a pattern where that is needed."""
    if len(group.files) == 1:
        return group.files[0].name, []
    names = [file.name for file in group.files]
    folders = {file.folder for file in group.files}
    if len(folders) == 1:
        above = f"{min(folders)}/" if min(folders) else ""
        inside = [name.removeprefix(above) for name in names]
        mine = set(names)
        others = [n for n in folder.names() if n.startswith(above) and n not in mine]
        start, end = _common_start(inside), _common_start([n[::-1] for n in inside])[::-1]
        for pattern in (f"{start}*{end}", f"*{PurePosixPath(inside[0]).suffix}"):
            exact = not any(matcher(pattern).fullmatch(n.removeprefix(above)) for n in others)
            plain = literal(pattern.replace("*", "")) == pattern.replace("*", "")
            if exact and plain and literal(above) == above:
                return f"{above}{pattern}", []
    above = _folder_of(names)
    fits = pattern_of(folder, above, names)
    return above or ".", [Line("pattern", fits or f"**/*{group.files[0].suffix}")]


def _common_start(names: Sequence[str]) -> str:
    start = common_start(names)
    return start.rstrip("0123456789") if len(start) < min(map(len, names)) else ""


def _folder_of(names: Sequence[str]) -> str:
    """The deepest folder that has all files."""
    from os.path import commonpath

    return commonpath([name.rpartition("/")[0] or "." for name in names]).removeprefix(".")
