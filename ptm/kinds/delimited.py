"""Delimited text with a header (CSV) into Arrow columns; errors name row and column."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ptm.errors import Faults, InputError
from ptm.kinds.delimited_faults import Wanted, check_rows, is_blank, shown, some
from ptm.kinds.delimited_faults import not_valid as not_valid
from ptm.kinds.delimited_header import read_header
from ptm.kinds.delimited_numbers import MOST_EXACT, exact_integers
from ptm.kinds.delimited_rows import MOST_AT_ONCE, Rows, RowTooLarge
from ptm.kinds.files import read_text, relative

if TYPE_CHECKING:
    import pyarrow as pa

    from ptm.catalog import TableSource, TimeSeriesSource


def read_delimited(
    source: TableSource | TimeSeriesSource,
    path: Path,
    columns: tuple[str, ...] = (),
    text: frozenset[str] = frozenset(),
    categories: frozenset[str] = frozenset(),
    unscaled: frozenset[str] | None = None,
) -> pa.Table:
    """Columns of a delimited file: float64, all finite, or string for those left as text.

    A column of integers some of which float64 would round is int64.

    Args:
        source: whose delimiter, encoding and header hold, and whose name stands in errors.
        path: the file.
        columns: the columns to read, in this order; all of them where empty.
        text: the columns to leave as text.
        categories: the same, where an empty text is a missing value.
        unscaled: the columns that become float32 as they are, and so must be in its range; all
            where None.

    Raises:
        InputError: the file is empty, is no text, has no rows, or its header names no columns, has
            one twice or lacks one; a row has too few or too many fields, or a quote that is never
            closed; a number is none, not finite, or an integer that neither int64 nor float64 can
            hold. All of it is told together. Rows count from 1 below the header.
    """
    content = read_text(source, path, source.encoding).lstrip("\ufeff")
    _check_letters(source, path, content)
    names, start = read_header(source, path, content)
    check_names(source, [*columns, *sorted(text | categories)], names, relative(source, path))
    body = content[start:].encode()
    wanted = Wanted(
        columns or tuple(names),
        text,
        categories,
        frozenset(names) if unscaled is None else unscaled,
    )
    rows = Rows(body, names, source.delimiter)
    try:
        table = _read(rows, wanted)
        if table is None:
            check_rows(source, path, rows, wanted)
    except RowTooLarge as error:
        raise InputError(
            source.name,
            expected=f"rows of at most {MOST_AT_ONCE} bytes",
            got="a longer one, or a quote that is never closed",
            file=relative(source, path),
        ) from error
    if table is None or not table.num_rows:
        raise InputError(
            source.name, expected="rows below the header", got="none", file=relative(source, path)
        )
    return table


def check_names(
    source: TableSource | TimeSeriesSource, columns: list[str], names: list[str], file: str
) -> None:
    """Looks whether the columns are among the names of a header.

    Raises:
        InputError: some are not; each is named.
    """
    known, faults = set(names), Faults()
    for column in dict.fromkeys(columns):
        if column not in known:
            faults.add(
                InputError(
                    source.name,
                    where="header",
                    expected=f"a column '{shown(column)}'",
                    got=some(names),
                    file=file,
                )
            )
    faults.check()


def _check_letters(source: TableSource | TimeSeriesSource, path: Path, content: str) -> None:
    place = content.find("\0")
    if place >= 0:
        raise InputError(
            source.name,
            where=f"line {content.count(chr(10), 0, place) + 1}",
            expected=f"{source.encoding} text",
            got="a NUL byte",
            file=relative(source, path),
        )


def _read(rows: Rows, wanted: Wanted) -> pa.Table | None:
    """The columns, or None where something is wrong with a row or a value."""
    import pyarrow as pa

    types = {
        column: pa.float64() if wanted.is_number(column) else pa.string()
        for column in wanted.columns
    }
    table = rows.read(types)
    if table is None or not table.num_rows:
        return table
    large = []
    for column, values in zip(table.column_names, table.columns, strict=True):
        if wanted.is_number(column):
            numbers = values.to_numpy()
            magnitude = max(numbers.max(), -numbers.min())  # NaN where one is
            if not magnitude <= wanted.largest(column):
                return None
            if magnitude >= MOST_EXACT:
                large.append(column)
        elif column in wanted.categories and is_blank(values.unique()).any():
            return None
    return _with_integers(rows, table, large)


def _with_integers(rows: Rows, table: pa.Table, columns: list[str]) -> pa.Table | None:
    """The table with those of the columns as int64 that float64 rounds; None where none holds."""
    import pyarrow as pa

    texts = rows.read(dict.fromkeys(columns, pa.string())) if columns else None
    if texts is None:
        return table
    for column in columns:
        integers, bad = exact_integers(texts[column].combine_chunks(), table[column].to_numpy())
        if bad:
            return None
        if integers is not None:
            place = table.column_names.index(column)
            table = table.set_column(place, column, pa.array(integers))
    return table
