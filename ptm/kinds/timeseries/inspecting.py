"""Hourly tables in a folder: those that the kind takes as they are are entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ptm import arrow
from ptm.errors import BadInput
from ptm.inspecting import words
from ptm.inspecting.columns import DATE, NUMBER, Column
from ptm.inspecting.folder import Folder, Seen
from ptm.inspecting.guess import Entry, Guess, Line
from ptm.inspecting.table_lines import dialect_lines
from ptm.inspecting.tables import CSV, Table, tables_in
from ptm.kinds.timeseries.hours import HOURS, NO_DAY, day_of
from ptm.readers.sniffing import family as families
from ptm.readers.sniffing.batches import Rows, batches_of

KIND = "timeseries"
LONGEST_DATE = 10  # letters of a date without a clock
MOST = 1 << 26  # bytes of a file
MOST_FILES = 12  # of a folder: of more, none is looked at by itself
MOST_IN_ALL = 200


def look(folder: Folder) -> Guess | None:
    """The hourly tables of a folder; other tables are left to the kind of those."""
    files = folder.of(CSV, families.UNKNOWN)
    counts = Counter(file.folder for file in files)
    files = [file for file in files if counts[file.folder] <= MOST_FILES][:MOST_IN_ALL]
    entries = [entry for file in files for entry in _entries(folder, file)]
    return Guess.of(entries, {})


def _entries(folder: Folder, file: Seen) -> Iterator[Entry]:
    if file.bytes > MOST or file.suffix in families.PACKED:
        return
    try:
        [table] = tables_in(folder, file)
    except (BadInput, ValueError):
        return
    columns = _date_and_hour(table)
    if columns is None:
        return
    date, hour = columns
    gaps = _gaps(folder.path(file.name), table, date, hour)
    if gaps is None:
        return
    lines = [
        *dialect_lines(table),
        *([Line("date", date.name)] if date.name != "date" else []),
        *([Line("hour", hour.name)] if hour.name != "hour" else []),
        *(
            [Line("gaps", "join", f"{gaps:,} hours on end are missing at most")]
            if gaps >= HOURS
            else []
        ),
    ]
    seen = f"{table.rows.count:,} hours; {len(table.columns)} columns"
    seen += f"; date '{date.name}', hour '{hour.name}'"
    yield Entry(file.stem, KIND, file.name, tuple(lines), seen, frozenset([file.name]))


def _date_and_hour(table: Table) -> tuple[Column, Column] | None:
    """The columns of the date and the hour, where all others are numbers without a gap."""
    plain = table.style[:2] == (".", "") and table.rows.odd == 0 and table.rows.is_all
    if not plain or table.dialect is None or not table.header:
        return None
    dates = [column for column in table.columns if column.holds == DATE]
    others = [column for column in table.columns if column.holds != DATE]
    whole = all(
        column.holds in (NUMBER, DATE) and column.there == column.rows and not column.odd_rows
        for column in table.columns
    )
    if len(dates) != 1 or not whole or len(others) < 2:
        return None
    date = dates[0]
    is_iso = any(one.format in ("", "%Y-%m-%d") for one in date.formats)
    hours = [column for column in others if _is_hour(column)]
    if not is_iso or date.length > LONGEST_DATE or not hours:
        return None
    return date, hours[0]


def _is_hour(column: Column) -> bool:
    """Whether a column has the hours of days, and is called so."""
    is_named = words.ends_in(column.name, words.HOURS)
    return (
        is_named
        and column.is_integer
        and column.low >= 0
        and column.high < HOURS
        and (column.distinct > HOURS // 2)
    )


def _gaps(path: Path, table: Table, date: Column, hour: Column) -> int | None:
    """The most hours on end that are missing; None of what is no hourly series."""
    import numpy as np
    import pyarrow.compute as pc

    assert table.dialect is not None
    names, found = list(table.names), []
    for batch in batches_of(path, table.dialect, table.encoding.name, MOST, Rows()):
        days = batch.column(names.index(date.name)).dictionary_encode()
        known = np.array([day_of(text.strip()) for text in days.dictionary.to_pylist()])
        texts = pc.utf8_trim_whitespace(batch.column(names.index(hour.name)))
        found.append(known[arrow.numbers(days.indices)] * HOURS + texts.cast("int64").to_numpy())
    hours = np.sort(np.concatenate(found))
    steps = np.diff(hours)
    whole = hours[-1] // HOURS - -(-hours[0] // HOURS)
    if hours[0] < NO_DAY // 2 or (steps == 0).any() or len(hours) < 2 * HOURS or whole < 1:
        return None
    if np.median(steps) != 1:
        return None
    return int(steps.max()) - 1
