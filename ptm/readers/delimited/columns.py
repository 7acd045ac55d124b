"""Delimited text with a header (CSV) into Arrow columns; errors name row and column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from ptm import arrow
from ptm.errors import BadInput, Faults
from ptm.model import Bad
from ptm.readers.delimited.content import content_of
from ptm.readers.delimited.dialect import PLAIN, Dialect
from ptm.readers.delimited.faults import Wanted, check_rows, shown, some
from ptm.readers.delimited.faults import not_valid as not_valid
from ptm.readers.delimited.good import good_rows, without
from ptm.readers.delimited.header import begin_of, begin_of_file, behind_lines, read_header
from ptm.readers.delimited.header import head_of as head_of
from ptm.readers.delimited.numbers import MOST_EXACT, exact_of_some, parse_numbers, plain_numbers
from ptm.readers.delimited.rows import Rows, RowTooLarge
from ptm.readers.tabular.database import Query
from ptm.readers.tabular.formats import DELIMITED, format_of
from ptm.readers.tabular.opening import QUERY, Place, names_of, typed_rows
from ptm.readers.text import read_utf8
from ptm.readers.units import Units

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


def read_delimited(
    path: Place,
    dialect: Dialect = PLAIN,
    columns: tuple[str, ...] = (),
    text: frozenset[str] = frozenset(),
    categories: frozenset[str] = frozenset(),
    unscaled: frozenset[str] | None = None,
    span: tuple[int, int] | None = None,
    head: int = 0,
    before: int = 0,
    aside: list[Bad] | None = None,
    missing: frozenset[str] = frozenset(),
    remedy: Callable[[str], str] | None = None,
    what: Mapping[str, str] = MappingProxyType({}),
) -> pa.Table:
    """Columns of a delimited file: float64, all finite, or string for those left as text; null
    where a value is missing.

    A column of integers some of which float64 would round is int64; of a file that is read in
    parts each part decides that by itself.

    Args:
        path: the file, or a query.
        dialect: how it is written.
        columns: the columns to read, in this order; all of them where empty.
        text: the columns to leave as text.
        categories: the same, where an empty text is a missing value.
        unscaled: the columns that become float32 as they are, and so must be in its range; all
            where None.
        span: of a part of the file, the bytes from and to: what `ptm.readers.cutting` cut.
        head: of the part, how many bytes at the begin of the file are the header; where none are,
            either there is no header, or it stands in the span.
        before: of the part, how many rows stand before it.
        aside: rows in which something is wrong are added to it and left out; there may be no other.
            Where it is None they are errors.
        missing, remedy, what: see `Wanted`.

    Raises:
        BadInput: the file is empty, is no text, has no rows, or its header names no columns, has
            one twice or lacks one; a row has too few or too many fields, or a quote that is never
            closed; a number is none, not finite, or an integer that neither int64 nor float64 can
            hold. All of it is told together. Rows count from 1 below the header.
    """
    rows = _rows(path, dialect, span, head, before, not columns)
    names, file = rows.names, Path(str(path))
    check_names([*columns, *sorted(text | categories)], names, str(path))
    wanted = Wanted(
        columns or tuple(names),
        text,
        categories,
        frozenset(names) if unscaled is None else unscaled,
        missing,
        dialect.na_values,
        remedy,
        what,
        dialect.number,
    )
    try:
        table = _read(rows, wanted)
        if table is None:
            if aside is None:
                check_rows(file, rows, wanted)
            # else nothing is wrong but how what is missing is spelled
            table = good_rows(file, rows, wanted, [] if aside is None else aside)
    except RowTooLarge as error:
        raise error.of_file(file) from error
    if table is None or not (table.num_rows or aside):
        raise BadInput(expected="rows below the header", got="none", file=str(path))
    return table


def read_texts(path: Path, dialect: Dialect = PLAIN) -> pa.Table:
    """All columns of a small delimited file as they are, string.

    Raises:
        BadInput: see `read_delimited`.
    """
    dialect = replace(dialect, header=True)
    names = names_of(path, dialect)
    return read_delimited(path, dialect, text=frozenset(names))


def check_names(columns: list[str], names: list[str], file: str) -> None:
    """Looks whether the columns are among the names of a header.

    Raises:
        BadInput: some are not; each is named.
    """
    known, faults = set(names), Faults()
    for column in dict.fromkeys(columns):
        if column not in known:
            faults.add(
                BadInput(
                    where="header",
                    expected=f"a column '{shown(column)}'",
                    got=some(names),
                    file=file,
                )
            )
    faults.check()


def _rows(
    path: Place,
    dialect: Dialect,
    span: tuple[int, int] | None,
    head: int,
    before: int,
    is_all: bool,
) -> Rows:
    """The rows that are to be read, and the names of their columns."""
    form = QUERY if isinstance(path, Query) else format_of(path)
    if form != DELIMITED or isinstance(path, Query):
        return typed_rows(path, form, dialect, span, before, is_all)
    place, dialect = content_of(path, dialect)
    delimiter, encoding, header = dialect.separator, dialect.encoding, dialect.header
    first = read_utf8(place, encoding, (0, head)) if span and head else b""
    content = read_utf8(place, encoding, span)
    is_whole = not before and (span is None or (place is path and span[1] >= path.stat().st_size))
    if first:
        names, _ = read_header(path, begin_of(first), delimiter, header)
        return Rows(content, names, dialect, before, is_whole)
    is_behind = span is not None and span[0] > 0  # then the first row stands before the span
    begin = begin_of_file(place, encoding) if is_behind else begin_of(content)
    names, lines = read_header(path, begin, delimiter, header)
    body = content[behind_lines(content, lines, Units()) :]
    return Rows(body, names, dialect, before, is_whole)


def _read(rows: Rows, wanted: Wanted) -> pa.Table | None:
    """The columns, or None where something is wrong with a row or a value."""
    import pyarrow as pa

    types = {
        column: pa.float64() if wanted.is_number(column) else pa.string()
        for column in wanted.columns
    }
    table = rows.read(types, wanted.nulls)
    if table is None or not table.num_rows:
        return table
    large = []
    absent = _absent_numbers(rows, wanted)
    for place, column in enumerate(table.column_names):
        values = table[column]
        if wanted.is_number(column):
            magnitude = _magnitude(values, wanted, column, absent)
            if not magnitude <= wanted.largest(column):
                return None
            if magnitude >= MOST_EXACT:
                large.append(column)
        elif column in wanted.categories and wanted.are_missing(values.unique()).any():
            if column not in wanted.missing:
                return None
            table = table.set_column(place, column, without(values, wanted.are_missing(values)))
    return _with_integers(rows, table, large)


def _absent_numbers(rows: Rows, wanted: Wanted) -> NDArray[np.float64] | None:
    """The numbers that texts for missing values spell; None where there are none."""
    import numpy as np

    if not wanted.na_values:
        return None
    numbers = parse_numbers(plain_numbers(arrow.texts(sorted(wanted.absent)), rows.dialect))
    found = numbers[np.isfinite(numbers)]
    return found if len(found) else None


def _magnitude(
    values: pa.ChunkedArray, wanted: Wanted, column: str, absent: NDArray[np.float64] | None
) -> float:
    """That of the largest number of a column; NaN where one is, or where it is not as wanted."""
    import numpy as np

    numbers, there = arrow.observed(values)
    if there is not None and column not in wanted.missing:
        return np.nan
    if absent is not None:
        known = numbers if there is None else numbers[there]
        if np.isin(known, absent).any():
            return np.nan  # with blanks around it, or spelled otherwise
    magnitude: float = max(numbers.max(), -numbers.min())
    return magnitude


def _with_integers(rows: Rows, table: pa.Table, columns: list[str]) -> pa.Table | None:
    """The table with those of the columns as int64 that float64 rounds; None where none holds."""
    import pyarrow as pa

    texts = rows.read(dict.fromkeys(columns, pa.string())) if columns else None
    if texts is None:
        return table
    for column in columns:
        numbers, there = arrow.observed(table[column])
        spelled = plain_numbers(texts[column].combine_chunks(), rows.dialect)
        integers, bad = exact_of_some(spelled, numbers, there)
        if bad:
            return None
        if integers is not None:
            place = table.column_names.index(column)
            table = table.set_column(place, column, integers)
    return table
