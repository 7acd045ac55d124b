"""The rows of a file whose columns have types; the names of the columns of any; how any is cut."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from ptm.errors import BadInput
from ptm.readers.cutting import cut_objects, cut_rows
from ptm.readers.delimited.content import content_of
from ptm.readers.delimited.dialect import Dialect
from ptm.readers.delimited.header import begin_of_file, check_header, head_of, read_header
from ptm.readers.streams import Content, Streamed
from ptm.readers.tabular import columnar, excel, json_rows
from ptm.readers.tabular.cut import Cut
from ptm.readers.tabular.database import Query
from ptm.readers.tabular.formats import DELIMITED, EXCEL, JSON, format_of
from ptm.readers.tabular.typed import Load, TypedRows
from ptm.readers.text import read_begin

QUERY = "query"  # the format of what is no file
Place: TypeAlias = Path | Query
BEGIN = 1 << 16  # bytes that show how long a row is


def names_of(path: Place, dialect: Dialect) -> list[str]:
    """The names of the columns of a file.

    Raises:
        BadInput: it has none, or cannot be read.
    """
    if isinstance(path, Query):
        return path.names
    form = format_of(path)
    if form == DELIMITED:
        content, usual = content_of(path, dialect)
        begin = begin_of_file(content, usual.encoding)
        return read_header(path, begin, usual.separator, usual.header)[0]
    return typed_rows(path, form, dialect).names


def cut_table(path: Place, dialect: Dialect, size: int) -> Cut | None:
    """Pieces of a file with about so many bytes; None where it is one.

    Raises:
        BadInput: it is damaged, or has no header; or a row is longer than can be read at once.
    """
    form = QUERY if isinstance(path, Query) else format_of(path)
    if form in (EXCEL, QUERY):
        return None
    assert isinstance(path, Path)
    if form == DELIMITED:
        content, _ = content_of(path, dialect)
        if content is path and path.stat().st_size <= size:
            return None
        head = head_of(path, dialect)
        cut = Cut(cut_rows(path, dialect, head, size), head)
    elif form == JSON:
        content, encoding = json_rows.content_of(path, dialect)
        if content is path and path.stat().st_size <= size:
            return None
        names = json_rows.names_of(content, encoding)
        cut = Cut(cut_objects(content, encoding, names, size))
    else:
        cut, content = columnar.cut_groups(path, form, size), path
    if isinstance(content, Streamed):
        cut = cut._replace(total=cut.pieces[-1].end)
    return cut if len(cut.pieces) > 1 else None


def row_bytes(path: Place, dialect: Dialect) -> float:
    """How many bytes a row has, about.

    Raises:
        BadInput: there are none, or they cannot be read.
    """
    form = QUERY if isinstance(path, Query) else format_of(path)
    if form not in (DELIMITED, JSON) or isinstance(path, Query):
        return columnar.VALUE * len(names_of(path, dialect))
    content: Content
    if form == JSON:
        content, encoding = json_rows.content_of(path, dialect)
    else:
        content, usual = content_of(path, dialect)
        encoding = usual.encoding
    begin, _, _ = read_begin(content, encoding, BEGIN)
    return len(begin) / max(begin.count(b"\n"), 1)


def typed_rows(
    path: Place,
    form: str,
    dialect: Dialect,
    span: tuple[int, int] | None = None,
    before: int = 0,
    is_all: bool = False,
) -> TypedRows:
    """The rows of a file that is no delimited text.

    Args:
        path: the file.
        form: its format.
        dialect: what is said of it.
        span: of a part of it: what `cut_table` cut.
        before: how many rows stand before the part.
        is_all: whether all columns are read, so that no row may have others.

    Raises:
        BadInput: it is damaged, or has no names of columns, or one twice.
    """
    load: Load
    file = Path(str(path))
    if isinstance(path, Query):
        names, load = path.names, path.load
    elif form == EXCEL:
        table = excel.read_sheet(path, dialect)
        names, load = table.column_names, table.select
    elif form == JSON:
        content, encoding = json_rows.content_of(path, dialect)
        names = json_rows.names_of(content, encoding)
        load = json_rows.loader(content, encoding, names, span, before, is_all)
    else:
        names, load = columnar.names_of(path, form), columnar.loader(path, form, span)
        if not names:
            raise BadInput(expected="columns", got="none", file=str(path))
    if form != EXCEL:  # whose first row may be no header
        check_header(file, names, False)
    return TypedRows(b"", names, dialect, before, span is None, file, load)
