"""One sheet of an Excel file: its first row that is not empty names the columns."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ptm.errors import BadInput
from ptm.readers.delimited.dialect import Dialect
from ptm.readers.delimited.faults import shown, some
from ptm.readers.delimited.header import check_header
from ptm.readers.tabular.building import Building, text_of
from ptm.system_errors import is_of_disk

if TYPE_CHECKING:
    import pyarrow as pa

    Row = tuple[Any, ...]

MOST, MOST_TEXTS = 1 << 32, 1 << 29  # bytes of all that is packed, and of the texts in it
TEXTS = "xl/sharedStrings.xml"
ERRORS = ("#N/A", "#DIV/0!", "#REF!", "#NAME?", "#NULL!", "#NUM!", "#VALUE!", "#SPILL!", "#CALC!")


def read_sheet(path: Path, dialect: Dialect) -> pa.Table:
    """The columns of a sheet, of the types that their cells have; null where a cell is empty.

    Rows and columns without any cell are left out.

    Args:
        path: the file.
        dialect: which sheet, how many rows of it are skipped, whether it has a header.

    Raises:
        BadInput: it is damaged, or has several sheets and none is named, or not the one that is;
            the sheet has no header, or one that names a column twice, or not; a cell has an error,
            or a formula whose value the file does not have.
    """
    import pyarrow as pa

    with _opened(path) as file:
        _check_size(path, file)
        name, rows = _sheet(path, file, dialect)
        left_out: list[Row] = []  # that have no value, but may have a formula
        rows = _with_cells(rows, left_out)
        first = next(rows, ())
        has_header = dialect.header is not False
        is_name = [cell is not None and has_header for cell in first]
        columns = {place: Building() for place, there in enumerate(is_name) if there}
        for count, row in enumerate(rows if has_header else chain([first], rows)):
            for place in range(len(row)):
                if row[place] is not None and place not in columns:
                    columns[place] = Building(count)
            for place, column in columns.items():
                column.add(row[place] if place < len(row) else None)
        columns = dict(sorted(columns.items()))
        names = _names(path, dialect, first, list(columns))
        found = {}
        for title, column in zip(names, columns.values(), strict=True):
            found[title] = _column(path, dialect, title, column)
        if left_out or any(column.null_count for column in found.values()):
            _check_formulas(path, file, dialect, name, list(columns))
    return pa.table(found)


def _names(path: Path, dialect: Dialect, first: Row, places: list[int]) -> list[str]:
    """The names of the columns at some places."""
    if dialect.header is False:
        return [f"c{place}" for place in places]
    cells = [first[place] if place < len(first) else None for place in places]
    names = ["" if cell is None else _header_text(path, cell) for cell in cells]
    if not names:
        raise BadInput("header", "the names of the columns", "an empty sheet", str(path))
    check_header(path, names, dialect.header is None)
    return names


def _header_text(path: Path, cell: Any) -> str:
    try:
        return text_of(cell)
    except TypeError as error:
        raise BadInput("header", "names of columns", str(error), str(path)) from error


def _column(path: Path, dialect: Dialect, name: str, built: Building) -> pa.ChunkedArray:
    """The cells of a column.

    Raises:
        BadInput: one has an error, or is of a type that is not read.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    where = f", column '{shown(name)}'"
    try:
        values = built.column()
    except TypeError as error:
        expected = "numbers, texts, flags, dates or times"
        raise BadInput(f"column '{shown(name)}'", expected, str(error), str(path)) from error
    if values.type == pa.string():
        errors = pa.array([error for error in ERRORS if error not in dialect.na_values])
        bad = pc.index(pc.is_in(values, errors), True).as_py()
        if bad >= 0:
            got, expected = values[bad].as_py(), "a value"
            if got == ERRORS[0]:
                expected += f' (or na_values = ["{got}"])'
            raise BadInput(f"row {bad + 1}{where}", expected, f"the error {got}", str(path))
    return values


def _sheet(path: Path, file: IO[bytes], dialect: Dialect, as_formulas: bool = False) -> Any:
    """The name of the sheet that is read, and its rows."""
    from openpyxl import load_workbook

    book = load_workbook(file, read_only=True, data_only=not as_formulas, keep_links=False)
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    for sheet in sheets.values():
        sheet.reset_dimensions()  # what they say of themselves may be wrong
    name = dialect.sheet
    if name is None:
        filled = [title for title, sheet in sheets.items() if _is_filled(sheet)] or list(sheets)
        if len(filled) != 1:
            expected = f"the name of one sheet ('sheet'), as there are {len(filled)}"
            raise BadInput(expected=expected, got=some(filled), file=str(path))
        [name] = filled
    if name not in sheets:
        expected = f"a sheet '{shown(name)}'"
        raise BadInput(expected=expected, got=some(list(sheets)), file=str(path))
    rows = sheets[name].iter_rows(values_only=True)
    return name, islice(rows, dialect.skip_rows, None)


def _with_cells(rows: Iterator[Row], left_out: list[Row]) -> Iterator[Row]:
    """The rows that have cells; the first of the others is added to a list."""
    for row in rows:
        if _has_cells(row):
            yield row
        elif not left_out:
            left_out.append(row)


def _is_filled(sheet: Any) -> bool:
    return any(map(_has_cells, sheet.iter_rows(values_only=True)))


def _has_cells(row: Row) -> bool:
    return any(cell is not None for cell in row)


def _check_formulas(
    path: Path, file: IO[bytes], dialect: Dialect, sheet: str, places: list[int]
) -> None:
    """Looks whether a cell is empty since nobody has worked out its formula.

    Raises:
        BadInput: one is.
    """
    from openpyxl.utils import get_column_letter

    with zipfile.ZipFile(file) as archive:
        if not any(_has_formulas(archive, name) for name in archive.namelist()):
            return
    dialect = replace(dialect, sheet=sheet)
    both = [_sheet(path, file, dialect, as_formulas)[1] for as_formulas in (False, True)]
    for number, (values, formulas) in enumerate(zip(*both, strict=False), dialect.skip_rows + 1):
        for place in places:
            value = values[place] if place < len(values) else None
            formula = formulas[place] if place < len(formulas) else None
            if value is None and formula is not None:
                where = f"cell {get_column_letter(place + 1)}{number}"
                expected = "a value (open and save it in Excel, which works formulas out)"
                got = f"the formula '{shown(str(formula))}' alone"
                raise BadInput(where, expected, got, str(path))


def _has_formulas(archive: zipfile.ZipFile, name: str) -> bool:
    if not name.startswith("xl/worksheets/"):
        return False
    last = b""
    with archive.open(name) as sheet:
        while block := sheet.read(1 << 20):
            if b"<f>" in last + block or b"<f " in last + block or b"<f/" in last + block:
                return True
            last = block[-2:]
    return False


def _check_size(path: Path, file: IO[bytes]) -> None:
    """Looks whether it may be unpacked.

    Raises:
        BadInput: there is too much in it.
    """
    with zipfile.ZipFile(file) as archive:
        sizes = {one.filename: one.file_size for one in archive.infolist()}
    for what, size, most in (
        ("texts", sizes.get(TEXTS, 0), MOST_TEXTS),
        ("content", sum(sizes.values()), MOST),
    ):
        if size > most:
            expected = f"{what} of at most {most} bytes when it is unpacked"
            raise BadInput(expected=expected, got=f"{size}", file=str(path))


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """A file, open.

    Raises:
        BadInput: what reads it fails: it is damaged.
    """
    with path.open("rb") as file:
        try:
            yield file
        except (BadInput, MemoryError):
            raise
        except Exception as error:  # the libraries have no errors of their own
            if is_of_disk(error):
                raise
            got = "one that is damaged"
            raise BadInput(expected="a whole Excel file", got=got, file=str(path)) from error
