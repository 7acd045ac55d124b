"""Columns of several files as those of one table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce

from ptm.inspecting.columns import DATE, MOST_COUNTED, NUMBER, TEXT, Column
from ptm.inspecting.folder import Folder
from ptm.inspecting.tables import Table, again_as_texts


def agreed(folder: Folder, tables: Sequence[Table]) -> list[Table]:
    """The tables, with columns as texts in all of them where they are so in one."""
    held: dict[str, set[str]] = {}
    for table in tables:
        for column in table.columns:
            if column.there:
                held.setdefault(column.name, set()).add(column.holds)
    texts = {name for name, kinds in held.items() if len(kinds) > 1}
    return [
        again_as_texts(folder, table, texts)
        if any(one.name in texts and one.holds != TEXT for one in table.columns)
        else table
        for table in tables
    ]


def merged(tables: Iterable[Table]) -> list[Column]:
    """The columns of all tables, in the order of the first that has each."""
    found: dict[str, list[Column]] = {}
    for table in tables:
        for column in table.columns:
            found.setdefault(column.name, []).append(column)
    return [reduce(_both, columns) for columns in found.values()]


def _both(one: Column, other: Column) -> Column:
    counts = one.counts + other.counts
    again = any(value in one.counts for value in other.counts)
    formats = tuple(known for known in one.formats if known in other.formats)
    holds = one.holds if one.there else other.holds
    if one.there and other.there and one.holds != other.holds:
        holds = TEXT
    return replace(
        one,
        holds=holds,
        rows=one.rows + other.rows,
        blank=one.blank + other.blank,
        missing=one.missing + other.missing,
        counts=Counter(dict(counts.most_common(MOST_COUNTED + 1))),
        is_many=one.is_many or other.is_many or len(counts) > MOST_COUNTED,
        odd=one.odd + other.odd,
        odd_rows=one.odd_rows + other.odd_rows,
        is_integer=one.is_integer and other.is_integer,
        zeros=one.zeros + other.zeros,
        counts_up=one.counts_up and other.counts_up,
        is_unique=one.is_unique and other.is_unique and not (again and holds not in (NUMBER,)),
        low=min(one.low, other.low),
        high=max(one.high, other.high),
        length=max(one.length, other.length),
        formats=formats or one.formats if holds == DATE else (),
    )
