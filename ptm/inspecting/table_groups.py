"""Which files of a folder are one table, and which are the training and the test of another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from ptm.errors import BadInput
from ptm.inspecting import words
from ptm.inspecting.folder import Folder, Seen
from ptm.inspecting.tables import CSV, Table, tables_in
from ptm.readers.sniffing.begin import read_begin
from ptm.readers.sniffing.dialects import WHITESPACE
from ptm.readers.sniffing.records import parquet_names

SEVERAL = 12  # files of a folder; of more, the others are only compared with the first
FULLY = 8  # of them that are read
ALONE = 40  # others that are looked at one by one
HEAD = 1 << 12
DIGITS = re.compile(r"[0-9]+")


@dataclass
class Group:
    """Files of one schema.

    Attributes:
        files: all of them.
        tables: those that were read.
        role: train, val or test; "" of one that is none.
    """

    files: list[Seen]
    tables: list[Table]
    role: str = ""

    @property
    def first(self) -> Table:
        """The first of its tables."""
        return self.tables[0]


@dataclass
class Found:
    """The tables of a folder.

    Attributes:
        groups: each an entry; those that belong together stand in one list, train first.
        left_out: files that are none, with the reason.
    """

    groups: list[list[Group]] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def tables_of(folder: Folder, files: Sequence[Seen]) -> Found:
    """The tables in some files."""
    found = Found()
    single = list[Group]()
    for some in _by_kind(files).values():
        if len(some) > SEVERAL:
            single += _many(folder, some, found)
        else:
            single += _few(folder, some, found)
    rest = []
    for groups in _by_role(single):
        if len({group.role for group in groups}) > 1:
            found.groups.append(groups)
        else:
            rest += groups
    found.groups += [[group] for group in _by_schema(rest)]
    found.groups.sort(key=lambda groups: groups[0].files[0].name)
    return found


def _by_kind(files: Iterable[Seen]) -> dict[Any, list[Seen]]:
    """Files of a folder with one suffix."""
    found: dict[Any, list[Seen]] = {}
    for file in files:
        found.setdefault((file.folder, file.family, file.suffix), []).append(file)
    return found


def _few(folder: Folder, files: Iterable[Seen], found: Found) -> Iterator[Group]:
    for file in files:
        if any(word in words.ANSWERS for word in words.words_of(file.stem)):
            found.left_out[file.name] = "a form for answers, no data"
            continue
        try:
            for table in tables_in(folder, file):
                yield Group([file], [table])
        except BadInput as bad:
            if file.family != "unknown":
                found.left_out[file.name] = f"expected {bad.expected}, got {bad.got}"


def _many(folder: Folder, files: Sequence[Seen], found: Found) -> Iterator[Group]:
    """Of many files those that begin as the first table does are one with it."""
    left = list(files)
    for _ in range(3):
        first = next(iter(_few(folder, left[:ALONE], Found())), None)
        if first is None:
            break
        begin = read_begin(folder.path(first.first.name), HEAD).raw
        alike = [file for file in left if _begins_alike(folder, file, first.first, begin)]
        if len(alike) < 3:
            break
        step = max(len(alike) // FULLY, 1)
        shown = [*alike[::step][: FULLY - 1], alike[-1]]
        tables = [group.first for group in _few(folder, dict.fromkeys(shown), found)]
        same = [table for table in tables if table.names == first.first.names]
        yield Group(alike, same or [first.first])
        taken = {file.name for file in alike}
        left = [file for file in left if file.name not in taken]
        if len(left) <= SEVERAL:
            break
    yield from _few(folder, left[:ALONE], found)
    for file in left[ALONE:]:
        if file.family != "unknown":
            found.left_out[file.name] = f"one of {len(left):,} that differ: not looked at"


def _begins_alike(folder: Folder, file: Seen, table: Table, begin: bytes) -> bool:
    """Whether a file begins with the same header as another, or has as many fields.

    Args:
        folder: that it is in.
        file: it.
        table: the other.
        begin: the first bytes of that.
    """
    if table.dialect is None:
        return _has_same_schema(folder, file, table)
    try:
        mine = read_begin(folder.path(file.name), HEAD).raw
    except (BadInput, OSError):
        return False
    place = table.dialect.body - 1 if table.header else table.dialect.body
    line, wanted = (raw.splitlines()[place : place + 1] for raw in (mine, begin))
    if table.header or not (line and wanted):
        return bool(line) and line == wanted
    if table.dialect.delimiter == WHITESPACE:
        return len(line[0].split()) == len(wanted[0].split())
    sign = table.dialect.delimiter.encode()
    return line[0].count(sign) == wanted[0].count(sign)


def _has_same_schema(folder: Folder, file: Seen, table: Table) -> bool:
    if file.family != "parquet":
        return file.bytes > 0 and DIGITS.sub("#", file.stem) == DIGITS.sub(
            "#", PurePosixPath(table.name).stem
        )
    try:
        return parquet_names(folder.path(file.name)) == table.names
    except (BadInput, OSError):
        return False


def _role(file: Seen) -> tuple[str, str]:
    """The role that a file's path says, and what the path is without it, and without numbers."""
    parts = file.name.rsplit("/", 2)
    role = words.role_of(PurePosixPath(parts[-1]).stem.split(".")[0])
    if role or len(parts) < 2:
        stem = words.without_role(parts[-1].split(".")[0])
        plain = "_".join(w for w in stem.split("_") if not w.isdigit() and w != "of")
        return role, "/".join([*parts[:-1], plain])
    role = words.role_of(parts[-2])
    plain = DIGITS.sub("", parts[-1].split(".")[0])
    return role, "/".join([*parts[:-2], "*" if role else parts[-2], plain])


def _by_role(groups: Sequence[Group]) -> Iterator[list[Group]]:
    """Groups that are the training and the test of one table, of nearly the same columns."""
    by_base: dict[str, dict[str, list[Group]]] = {}
    alone = []
    for group in groups:
        role, base = _role(group.files[0])
        if role and not group.first.sheet:
            by_base.setdefault(base, {}).setdefault(role, []).append(group)
        else:
            alone.append(group)
    for roles in by_base.values():
        joined = {role: _one_of(some) for role, some in roles.items()}
        train = joined.get("train")
        fits = {
            role: group
            for role, group in joined.items()
            if train and group and are_alike(train.first, group.first)
        }
        if train is None or len(fits) < 2:
            alone += [group for some in roles.values() for group in some]
            continue
        for role, one in fits.items():
            if one:
                one.role = role
        yield [fits[role] for role in ("train", "val", "test") if fits.get(role)]
        alone += [group for role, some in roles.items() if role not in fits for group in some]
    yield from ([group] for group in alone)


def _one_of(groups: list[Group]) -> Group | None:
    """Groups of one role as one; None where their columns differ."""
    if any(group.first.names != groups[0].first.names for group in groups):
        return None
    files = [file for group in groups for file in group.files]
    return Group(files, [table for group in groups for table in group.tables])


def are_alike(one: Table, other: Table) -> bool:
    """Whether two tables have nearly the same columns, and are written alike."""
    mine, others = set(one.names), set(other.names)
    shared = len(mine & others)
    few = max(3, len(mine) // 10)
    if one.titles != other.titles or (not one.header and one.names != other.names):
        return False
    alike = len(mine - others) <= few and len(others - mine) <= few and shared * 2 >= len(mine)
    return alike and one.family == other.family


def _by_schema(groups: Sequence[Group]) -> Iterator[Group]:
    """Groups of one folder with the same columns, written alike, as one."""
    known: dict[Any, Group] = {}
    for group in groups:
        table, file = group.first, group.files[0]
        if table.sheet:
            yield group
            continue
        dialect = table.dialect
        written = (dialect.delimiter, dialect.quote, dialect.comment, table.skip) if dialect else ()
        name = "" if table.header else DIGITS.sub("#", file.stem)
        style = (table.encoding.name, table.style[:2] if table.family == CSV else ())
        key = (
            _above(file),
            table.family,
            table.names,
            table.titles,
            written,
            name,
            table.header,
            style,
        )
        if key in known:
            known[key].files += group.files
            known[key].tables += group.tables
        else:
            known[key] = group
    yield from known.values()


def _above(file: Seen) -> str:
    """The folder that files of one table lie below: of folders as year=2024 the one above."""
    parts = file.folder.split("/")
    while parts and "=" in parts[-1]:
        parts.pop()
    return "/".join(parts)
