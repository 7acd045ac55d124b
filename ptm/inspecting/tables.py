"""One table as it lies in a folder: how it is written, and what its columns hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ptm.errors import BadInput
from ptm.inspecting.columns import (
    NESTED,
    TEXT,
    Column,
    held_by,
    take_in,
    take_in_typed,
)
from ptm.inspecting.folder import Folder, Seen
from ptm.readers.sniffing import family as families
from ptm.readers.sniffing.batches import Rows, batches_of, joined
from ptm.readers.sniffing.begin import SAMPLE, read_begin
from ptm.readers.sniffing.dialects import Dialect, dialect_of
from ptm.readers.sniffing.encodings import Encoding, encoding_of, single
from ptm.readers.sniffing.headers import has_header
from ptm.readers.sniffing.records import (
    NESTED as CELL,
)
from ptm.readers.sniffing.records import (
    arrow_batches,
    parquet_batches,
    read_records,
    read_sheets,
)
from ptm.readers.sniffing.styles import Style, style_of

if TYPE_CHECKING:
    import pyarrow as pa

WHOLE = 1 << 26  # bytes of a file that is read to its end
TOGETHER = 1 << 28  # of all files of a folder
BROKEN = 0.3  # of the rows, with other numbers of fields: then it is no table
FIRST = 2000  # values of a column by which it is told what it holds
CELLS = 200_000  # by which it is told how numbers are written
NAMED = (".csv", ".tsv", ".tab", ".psv")
CSV = families.DELIMITED
UTF8, PLAIN = Encoding("utf-8"), Style()


@dataclass(frozen=True)
class Table:
    """A table of a folder.

    Attributes:
        name: of its file.
        family: "delimited", "parquet", "arrow", "json" or "excel".
        columns: in order.
        rows: what was seen of its rows.
        dialect: how its text is written; None where it is none.
        encoding: likewise.
        style: of its numbers.
        sheet: of a workbook with several, else "".
        header: whether its first row names the columns.
        skip: lines, or rows, before that.
        doubts: what is not sure.
    """

    name: str
    family: str
    columns: tuple[Column, ...]
    rows: Rows
    dialect: Dialect | None = None
    encoding: Encoding = UTF8
    style: Style = PLAIN
    sheet: str = ""
    header: bool = True
    skip: int = 0
    doubts: tuple[str, ...] = field(default=())

    @property
    def titles(self) -> tuple[str, ...]:
        """What the file calls the columns, where that cannot be their names."""
        return self.dialect.titles if self.dialect else ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(column.name for column in self.columns)


@dataclass(eq=False)
class Budget:
    """How many bytes may be read in all, so that a look takes seconds."""

    left: int = TOGETHER

    def take(self, wanted: int) -> int:
        """How many of so many may be read; a sample always may."""
        given = max(min(wanted, self.left), SAMPLE)
        self.left -= given
        return given


def tables_in(folder: Folder, file: Seen) -> list[Table]:
    """The tables in a file: one, or one for each sheet.

    Raises:
        BadInput: there are none in it; it says what there is instead.
    """
    found = folder.once(_tables, folder.path(file.name), file, _budget(folder))
    if isinstance(found, BadInput):
        raise found
    return found


def _budget(folder: Folder) -> Budget:
    budget: Budget = folder.memory.setdefault((Budget,), Budget())
    return budget


def is_table(file: Seen) -> bool:
    """Whether a file may be a table."""
    known = (CSV, families.PARQUET, families.ARROW, families.JSON, families.EXCEL)
    return file.family in (*known, families.UNKNOWN)


def _tables(path: Path, file: Seen, budget: Budget) -> list[Table] | BadInput:
    try:
        if file.family == families.EXCEL:
            return _workbook(path, file)
        most = budget.take(min(file.bytes, WHOLE))
        if file.family == families.JSON:
            return [_of_records(path, file, max(most, min(file.bytes, WHOLE)))]
        if file.family in (families.PARQUET, families.ARROW):
            return [_typed(path, file, most)]
        return [_delimited(path, file, WHOLE if most >= file.bytes else most)]
    except BadInput as bad:
        return bad


def head_of(path: Path, file: Seen) -> tuple[Encoding, str, bool] | None:
    """The encoding and the first text of a file; None of what is no text."""
    begin = read_begin(path, SAMPLE)
    encoding = encoding_of(begin.raw, begin.is_all)
    if encoding is None:
        return None
    return encoding, begin.raw.decode(encoding.name, "replace"), begin.is_all


def _delimited(path: Path, file: Seen, most: int) -> Table:
    head = head_of(path, file)
    if head is None:
        raise _no_table(path, "bytes that are no text")
    encoding, text, is_all = head
    begin = text.lstrip("\ufeff \t\r\n").lower()
    if begin.startswith(("<!doctype", "<html", "<?xml", "<table")):
        raise _no_table(path, "HTML or XML")
    if begin.startswith(("{", "[{", "@relation")):
        raise _no_table(path, "JSON" if begin[0] in "{[" else "ARFF")
    if not begin:
        raise _no_table(path, "an empty file")
    stem = file.name.lower().removesuffix(".gz").removesuffix(".zst").removesuffix(".bz2")
    dialect = dialect_of(text, is_all, stem.endswith(NAMED))
    if dialect is None:
        raise _no_table(path, "text without columns")
    table = Table(
        file.name,
        CSV,
        (),
        Rows(),
        dialect,
        encoding,
        header=dialect.header,
        skip=dialect.skip,
        doubts=dialect.doubts,
    )
    found = _read(path, table, most, {})
    if not found.rows.is_text:
        encoding = Encoding(*single(_high(path, most)))
        found = _read(path, replace(table, encoding=encoding), most, {})
    if found.rows.odd > BROKEN * max(found.rows.count, 1):
        raise _no_table(path, "rows of many numbers of fields")
    if not found.rows.count:
        raise _no_table(path, "a header without rows")
    return found


def _high(path: Path, most: int) -> bytes:
    """The lines of a file that have bytes beyond ASCII."""
    raw = read_begin(path, most).raw
    return b"\n".join(line for line in raw.split(b"\n") if not line.isascii())[:SAMPLE]


def _no_table(path: Path, got: str) -> BadInput:
    return BadInput("", "a table", got, str(path))


def _read(path: Path, table: Table, most: int, forced: Mapping[str, str]) -> Table:
    """The same with what its columns hold; those that are forced hold texts."""
    assert table.dialect is not None
    rows, names, titles = Rows(), table.dialect.names, table.dialect.titles
    columns, style = [Column(name) for name in names], Style()
    for column, title in zip(columns, titles, strict=False):
        column.title = title
    found_batches = batches_of(path, table.dialect, table.encoding.name, most, rows)
    for number, batch in enumerate(joined(found_batches)):
        if not number:
            style = _begin(columns, batch, table.dialect.delimiter, forced)
        for column, values in zip(columns, batch.columns, strict=True):
            take_in(column, values, style)
        rows.blank += _blank_rows(batch)
    doubts = (*table.doubts, *([style.doubt] if style.doubt else []))
    found = replace(table, columns=tuple(columns), rows=rows, style=style, doubts=doubts)
    wrong = {one.name: TEXT for one in columns if _is_no_such(one)}
    if wrong and not forced:
        return _read(path, table, most, wrong)
    return found


def _blank_rows(batch: pa.RecordBatch) -> int:
    """How many rows have nothing at all."""
    import pyarrow.compute as pc

    blank = None
    for values in batch.columns:
        here = pc.equal(pc.utf8_trim_whitespace(values), "")
        blank = here if blank is None else pc.and_(blank, here)
        if not pc.any(blank).as_py():
            return 0
    return int(pc.sum(blank).as_py() or 0)


def _is_no_such(column: Column) -> bool:
    """Whether a column is not what its first values were: too many others, of too many kinds."""
    return (column.odd_rows > max(column.there // 50, 3) and len(column.odd) > 3) or (
        column.odd_rows > column.there // 10 and column.odd_rows > 0
    )


def _begin(
    columns: Sequence[Column], batch: pa.RecordBatch, delimiter: str, forced: Mapping[str, str]
) -> Style:
    """Tells what columns hold by their first values; how their numbers are written."""
    firsts = [values.unique()[:FIRST].to_pylist() for values in batch.columns]
    few = max(CELLS // len(firsts), 100)
    style = style_of([texts[:few] for texts in firsts], delimiter)
    for column, texts in zip(columns, firsts, strict=True):
        if column.name not in forced:
            column.holds, column.formats = held_by(texts, style)
    return style


def again_as_texts(folder: Folder, table: Table, names: Iterable[str]) -> Table:
    """The same table with some columns looked at as texts, as those of another file are."""
    if table.dialect is None:
        return table
    forced = dict.fromkeys(names, TEXT)
    forced |= {one.name: TEXT for one in table.columns if one.holds == TEXT}
    return _read(folder.path(table.name), table, max(table.rows.bytes, SAMPLE), forced)


def _typed(path: Path, file: Seen, most: int) -> Table:
    read: Callable[[Path, int], Iterable[pa.RecordBatch]] = (
        parquet_batches if file.family == families.PARQUET else arrow_batches
    )
    columns, rows = list[Column](), Rows()
    for batch in read(path, most * 4):
        columns = columns or [Column(name) for name in batch.schema.names]
        if not rows.count:
            _hold(columns, batch)
        for column, values in zip(columns, batch.columns, strict=True):
            take_in_typed(column, values)
        rows.count += batch.num_rows
    if not rows.count:
        raise _no_table(path, "no rows")
    return Table(file.name, file.family, tuple(columns), rows)


def _hold(columns: Sequence[Column], batch: pa.RecordBatch) -> None:
    """Columns of texts may hold dates, which are told by their first values."""
    import pyarrow as pa

    for column, values in zip(columns, batch.columns, strict=True):
        kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            first = values.cast(pa.string()).drop_null().unique()[:FIRST].to_pylist()
            column.holds, column.formats = held_by(first, Style())


def _of_records(path: Path, file: Seen, most: int) -> Table:
    names, rows, is_all = read_records(path, most)
    told = Rows(len(rows), is_all=is_all)
    return Table(file.name, families.JSON, tuple(_of_texts(names, rows)), told)


def _workbook(path: Path, file: Seen) -> list[Table]:
    sheets = read_sheets(path)
    if not sheets:
        raise _no_table(path, "a workbook without cells")
    found = []
    for sheet in sheets:
        header, doubt = has_header(sheet.rows)
        names = sheet.rows[0] if header else [f"c{n}" for n in range(len(sheet.rows[0]))]
        skip, titles = sheet.skip, list[str]()
        rows = sheet.rows[1:] if header else sheet.rows
        if header and (len(set(names)) < len(names) or not all(names)):
            titles, header, skip = names, False, skip + 1
            names = [f"c{n}" for n in range(len(names))]
        if not rows:
            continue
        columns = tuple(_of_texts(names, rows))
        for column, title in zip(columns, titles, strict=False):
            column.title = title
        several = sheet.name if len(sheets) > 1 else ""
        table = Table(file.name, families.EXCEL, columns, Rows(len(rows), is_all=sheet.is_all))
        doubts = (doubt,) if doubt else ()
        found.append(replace(table, sheet=several, header=header, skip=skip, doubts=doubts))
    if not found:
        raise _no_table(path, "sheets without rows")
    return found


def _of_texts(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[Column]:
    """Columns of cells that are texts."""
    import pyarrow as pa

    for place, name in enumerate(names):
        cells = [row[place] for row in rows]
        if CELL in cells:
            yield Column(name, NESTED, len(cells))
            continue
        column = Column(name)
        column.holds, column.formats = held_by(list(dict.fromkeys(cells))[:FIRST], Style())
        for as_text in (False, True):
            if as_text:
                column = Column(name)
            take_in(column, pa.array(cells, pa.string()), Style())
            if not _is_no_such(column):
                break
        yield column
