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
from ptm.inspecting.table_lines import Plan, lines_of, seen_in
from ptm.inspecting.tables import Table, is_table
from ptm.inspecting.targets import targets_of
from ptm.inspecting.uses import uses_of

KIND = "table"


def inspect(folder: Folder) -> Guess | None:
    """The tables of a folder; files of one schema are one."""
    found = tables_of(folder, [file for file in folder.files if is_table(file)])
    entries = list[Entry]()
    for groups in found.groups:
        of_groups = _entries(folder, groups)
        entries += of_groups
        if not of_groups:
            names = [file.name for group in groups for file in group.files]
            found.left_out.update(dict.fromkeys(names, "a table without a column to learn from"))
    return Guess.of(entries, found.left_out)


def _entries(folder: Folder, groups: Sequence[Group]) -> list[Entry]:
    """Of one table, or of its training and its test; none of what nothing can be learned from."""
    tables = [table for group in groups for table in group.tables]
    tables = agreed(folder, tables)
    columns = merged(tables)
    rows = [_rows(group, folder) for group in groups]
    uses = uses_of(columns, sum(rows))
    own = merged([t for t in tables if t.name in {f.name for f in groups[0].files}])
    later = {name for group in groups[1:] for name in group.first.names}
    lacking = set(groups[0].first.names) - later if groups[1:] else set()
    targets = targets_of(
        own, uses, lacking, has_names=bool(groups[0].first.header or groups[0].first.titles)
    )
    first, blank = _name(folder, groups[0]), sum(table.rows.blank for table in tables)
    found = []
    for group, count in zip(groups, rows, strict=True):
        read = [table for table in tables if table.name in {f.name for f in group.files}]
        plan = Plan(columns, uses, targets, count, sum(rows), len(groups) > 1, blank)
        if not plan.has_features:
            return []
        read = [table for table in read if table.sheet == group.first.sheet]
        path, pattern = _place(folder, group)
        lines = [*pattern, *lines_of(_all_of(read), plan)]
        if group is not groups[0]:
            lines.append(Line(LEARN_FROM, first, "encoded by what that has learned"))
        elif len(groups) > 1 and all(one.role != "val" for one in groups):
            lines.append(Line("split", {"train": 0.9, "val": 0.1}, "of what is for training", True))
        seen = seen_in(plan, len(group.files), not group.first.rows.is_all)
        files = frozenset(file.name for file in group.files)
        doubts = tuple(dict.fromkeys(doubt for table in read for doubt in table.doubts))
        found.append(Entry(_name(folder, group), KIND, path, tuple(lines), seen, files, doubts))
    return found


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
