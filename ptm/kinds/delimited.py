"""Delimited text with a header (CSV) into Arrow columns; errors name row and column."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm.errors import InputError
from ptm.kinds.files import read_text, relative

if TYPE_CHECKING:
    import pyarrow as pa

    from ptm.catalog import TableSource, TimeSeriesSource


def read_delimited(
    source: TableSource | TimeSeriesSource,
    path: Path,
    columns: tuple[str, ...] = (),
    text: frozenset[str] = frozenset(),
) -> pa.Table:
    """Columns of a delimited file: float64, all finite, or string for those named in `text`.

    Args:
        source: whose delimiter and encoding hold, and whose name stands in errors.
        path: the file.
        columns: the columns to read, in this order; all of them where empty.
        text: the columns to leave as text.

    Raises:
        InputError: the file is empty, has no rows, lacks a column or has one twice; or a row has
            too few or too many fields, or something that is not a finite number. Rows count from
            1 below the header.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    content = read_text(source, path, source.encoding).removeprefix("\ufeff")
    header = _header(source, path, content)
    columns = columns or tuple(header)
    for column in [*columns, *sorted(text)]:
        if column not in header:
            raise InputError(
                source.name,
                where="header",
                expected=f"a column '{column}'",
                got=", ".join(header),
                file=relative(source, path),
            )
    types = {column: pa.string() if column in text else pa.float64() for column in columns}
    try:
        table = arrow_csv.read_csv(
            io.BytesIO(content.encode()),
            parse_options=arrow_csv.ParseOptions(delimiter=source.delimiter),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=list(columns), column_types=types, null_values=[]
            ),
        )
    except pa.ArrowInvalid as error:
        raise _diagnosis(source, path, content, header, types, str(error)) from error
    if not table.num_rows:
        raise InputError(
            source.name, expected="rows below the header", got="none", file=relative(source, path)
        )
    _check_finite(source, path, table)
    return table


def not_valid(
    source: TableSource | TimeSeriesSource,
    path: Path | None,
    row: int,
    column: str,
    expected: str,
    got: Any,
) -> InputError:
    """The error for one value; `row` counts from 0 here and from 1 in the message."""
    shown = f"'{_first_line(got)}'" if isinstance(got, str) else f"{got:g}"
    return InputError(
        source.name,
        where=f"row {row + 1}, column '{column}'",
        expected=expected,
        got=shown,
        file=relative(source, path) if path else "",
    )


def _header(source: TableSource | TimeSeriesSource, path: Path, content: str) -> list[str]:
    first = io.StringIO(content, newline="")
    try:
        header = next(csv.reader(first, delimiter=source.delimiter), [])
    except csv.Error as error:
        raise InputError(
            source.name,
            where="header",
            expected="names with their quotes closed",
            got=str(error),
            file=relative(source, path),
        ) from error
    doubled = [name for name in header if header.count(name) > 1]
    if not header or doubled or "" in header:
        raise InputError(
            source.name,
            where="header",
            expected="a name for each column, each once",
            got=f"'{doubled[0]}' twice" if doubled else "a column without a name",
            file=relative(source, path),
        )
    return header


def _check_finite(source: TableSource | TimeSeriesSource, path: Path, table: pa.Table) -> None:
    import numpy as np
    import pyarrow as pa

    for column in table.column_names:
        if table[column].type == pa.float64():
            # tensors are float32: what is finite in float64 only would become inf in them
            finite = np.abs(table[column].to_numpy()) <= np.finfo(np.float32).max
            if not finite.all():
                row = int(finite.argmin())
                got = str(table[column][row].as_py())
                raise not_valid(source, path, row, column, "a finite number (float32)", got)


def _diagnosis(
    source: TableSource | TimeSeriesSource,
    path: Path,
    content: str,
    header: list[str],
    types: dict[str, pa.DataType],
    reason: str,
) -> InputError:
    """Reads again, slowly, to name the first row and column that the fast reader refused."""
    rows = csv.reader(io.StringIO(content, newline=""), delimiter=source.delimiter)
    try:
        return _first_fault(source, path, list(filter(None, rows)), header, types, reason)
    except csv.Error as error:
        return InputError(
            source.name,
            where=f"line {rows.line_num}",
            expected="fields with their quotes closed",
            got=str(error),
            file=relative(source, path),
        )


def _first_fault(
    source: TableSource | TimeSeriesSource,
    path: Path,
    rows: list[list[str]],
    header: list[str],
    types: dict[str, pa.DataType],
    reason: str,
) -> InputError:
    for number, row in enumerate(rows[1:]):
        if len(row) != len(header):
            return InputError(
                source.name,
                where=f"row {number + 1}",
                expected=f"{len(header)} fields",
                got=str(len(row)),
                file=relative(source, path),
            )
        for column, value in zip(header, row, strict=True):
            if str(types.get(column)) == "double" and not _is_number(value):
                return not_valid(source, path, number, column, "a number", value)
    return InputError(
        source.name,
        expected="a delimited table",
        got=reason.splitlines()[0],
        file=relative(source, path),
    )


def _first_line(text: str) -> str:
    line = text.partition("\n")[0][:40]
    return line if line == text else f"{line} …"


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return "_" not in value  # Python reads 1_000, files do not mean it
