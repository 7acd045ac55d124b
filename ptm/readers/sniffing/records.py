"""The rows of JSON and Excel as texts, the batches of Parquet and Arrow: as far as is looked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm.errors import BadInput
from ptm.readers.sniffing.begin import Begin, read_begin
from ptm.readers.sniffing.headers import is_title

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS = 200_000
NESTED = "\0nested"  # in place of a list or table in a cell


class Sheet(NamedTuple):
    """The rows of a sheet, or of records, as texts.

    Attributes:
        name: of the sheet; "" where there are none.
        rows: all of the same number of cells, without blank ones and titles above.
        skip: how many rows stand before the first.
        is_all: whether there are no more.
    """

    name: str
    rows: list[list[str]]
    skip: int
    is_all: bool


def read_records(path: Path, most: int) -> tuple[list[str], list[list[str]], bool]:
    """The columns and rows of JSON records: a line for each, or one list of all.

    Raises:
        BadInput: the file has no records.
    """
    begin = read_begin(path, most)
    values = list(_objects(path, begin))
    is_one = len(values) == 1 and path.suffix.lower() == ".json"
    if not values or is_one or not all(isinstance(one, dict) for one in values):
        raise BadInput("", "a list of records, or a record in each line", "other JSON", str(path))
    names = list(dict.fromkeys(name for one in values for name in one))
    rows = [[_text(one.get(name)) for name in names] for one in values]
    return names, rows, begin.is_all


def _objects(path: Path, begin: Begin) -> Iterator[Any]:
    text = begin.raw.decode("utf-8-sig", "replace")
    if text.lstrip()[:1] == "[":
        if not begin.is_all:
            raise BadInput("", "a list of records that fits into memory", "more", str(path))
        try:
            yield from json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadInput("", "JSON", "text that is none", str(path)) from error
        return
    lines = text.split("\n")
    for line in lines if begin.is_all else lines[:-1]:
        if not line.strip():
            continue
        try:
            yield json.loads(line)
        except (ValueError, RecursionError) as error:
            if begin.is_all and len(lines) > 1:
                with suppress(ValueError, RecursionError):
                    json.loads(text)
                    got = "one record, or other JSON"
                    raise BadInput("", "a list of records", got, str(path)) from error
            raise BadInput("", "a record in each line", "text that is none", str(path)) from error


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return NESTED
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if hasattr(value, "isoformat"):
        told: str = value.isoformat()
        return told.removesuffix("T00:00:00")
    return str(value)


def read_sheets(path: Path) -> list[Sheet]:
    """The sheets of a workbook that have cells.

    Raises:
        BadInput: it is none, or has a password.
    """
    import warnings

    from openpyxl import load_workbook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            book = load_workbook(path, read_only=True, data_only=True)
            found = [_sheet(sheet) for sheet in book.worksheets]
            book.close()
        except OSError:
            raise
        except Exception as error:  # of zip, of XML, of what the cells are
            got = "a file that is none, or has a password"
            raise BadInput("", "an Excel workbook", got, str(path)) from error
    return [sheet for sheet in found if sheet.rows]


def _sheet(sheet: Any) -> Sheet:
    rows, is_all = list[list[str]](), True
    for row in sheet.iter_rows(values_only=True):
        rows.append([_text(value) for value in row])
        if len(rows) > MOST_ROWS:
            is_all = False
            break
    width = max((n + 1 for row in rows for n, cell in enumerate(row) if cell), default=0)
    kept = [(n, (row + [""] * width)[:width]) for n, row in enumerate(rows) if any(row)]
    while len(kept) > 2 and is_title(kept[0][1], kept[1][1]):
        kept = kept[1:]
    skip = kept[0][0] if kept else 0
    return Sheet(sheet.title, [row for _, row in kept], skip, is_all)


def parquet_batches(path: Path, most: int) -> Iterator[pa.RecordBatch]:
    """The first rows of a Parquet file, up to so many bytes.

    Raises:
        BadInput: it is none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield from _up_to(file.iter_batches(batch_size=1 << 16), most)
    except pa.ArrowException as error:
        raise BadInput("", "a whole Parquet file", "a damaged one", str(path)) from error


def parquet_names(path: Path) -> tuple[str, ...]:
    """The columns of a Parquet file.

    Raises:
        BadInput: it is none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return tuple(pq.read_schema(path).names)
    except pa.ArrowException as error:
        raise BadInput("", "a whole Parquet file", "a damaged one", str(path)) from error


def arrow_batches(path: Path, most: int) -> Iterator[pa.RecordBatch]:
    """The first rows of an Arrow file or stream, likewise."""
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as file:
            if file.read(6) == b"ARROW1":
                with pa.ipc.open_file(file) as reader:
                    all_of = (reader.get_batch(n) for n in range(reader.num_record_batches))
                    yield from _up_to(all_of, most)
            else:
                file.seek(0)
                with pa.ipc.open_stream(file) as stream:
                    yield from _up_to(stream, most)
    except pa.ArrowException as error:
        raise BadInput("", "a whole Arrow file", "another, or a damaged one", str(path)) from error


def _up_to(batches: Any, most: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch
        most -= batch.nbytes
        if most <= 0:
            return
