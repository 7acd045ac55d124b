"""The rows below the header of a delimited file as Arrow columns, whatever size the file has.

Arrow cuts what it reads into blocks without looking whether a quote is open. So what has quotes is
read in one block, or, where one block cannot hold it, in pieces that are cut here, at row ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm.errors import BadInput
from ptm.readers.delimited.dialect import PLAIN, Dialect
from ptm.readers.delimited.numbers import as_numbers, plain_numbers

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

BLOCK = 1 << 20  # bytes that are parsed at once where no quote can be open at their end
MOST_AT_ONCE = 1 << 30  # bytes of a piece; a block of Arrow has less than 1 << 31
LARGEST_BLOCK = (1 << 31) - 1
MOST_STREAMED = 1 << 27  # of a row that is decompressed: few bytes become many
MARK = b"\xef\xbb\xbf"  # the byte order mark, which Arrow takes off whatever it reads


class RowTooLarge(Exception):
    """One row has more bytes than can be read at once.

    Args:
        most: how many can be; None: as of any row.
    """

    def __init__(self, most: int | None = None) -> None:
        super().__init__()
        self.most = most or MOST_AT_ONCE

    def of_file(self, path: Path) -> BadInput:
        """The same with the name of the file."""
        return BadInput(
            expected=f"rows of at most {self.most} bytes",
            got="a longer one, or a quote that is never closed",
            file=str(path),
        )


@dataclass(frozen=True)
class Texts:
    """The rows as text, with what is wrong with them as rows.

    Attributes:
        table: string columns of the rows with the right number of fields.
        rows: number of each of them in the file, from 1, int64 [row].
        wrong: for each other row its number and how many fields it has.
        total: how many rows there are up to the end of these.
        is_whole: whether that is all rows of the file.
        open: name of the last row's column whose quote is never closed, or "". The row is in
            neither `table` nor `wrong`.
    """

    table: pa.Table
    rows: NDArray[np.int64]
    wrong: list[tuple[int, int]]
    total: int
    is_whole: bool
    open: str
    dialect: Dialect = PLAIN

    def plain(self, texts: pa.Array) -> pa.Array:
        """Texts of a column of numbers, as these are spelled without a dialect."""
        return plain_numbers(texts, self.dialect)


@dataclass(frozen=True)
class Rows:
    """What stands below a header, or a part of it.

    Attributes:
        body: the rows in UTF-8.
        names: of all columns, in the order of the file, each once.
        dialect: how they are written.
        before: how many rows of the file stand before these.
        is_whole: whether no others stand before or behind.
    """

    body: bytes
    names: list[str]
    dialect: Dialect = PLAIN
    before: int = 0
    is_whole: bool = True

    def read(self, types: dict[str, pa.DataType], nulls: Sequence[str] = ()) -> pa.Table | None:
        """The columns named in `types`; None where something is wrong with a row or a value.

        Args:
            types: of the columns.
            nulls: texts that stand for no number in columns of numbers; no blanks around them.

        Raises:
            RowTooLarge: a row is too long to be read.
        """
        import pyarrow as pa

        if not self.dialect.thousands:
            return self._read(types, nulls)
        table = self._read(dict.fromkeys(types, pa.string()), ())
        if table is None:
            return None
        columns = dict(zip(types, table.columns, strict=True))
        try:
            for name in (name for name, kind in types.items() if kind == pa.float64()):
                plain = plain_numbers(columns[name].combine_chunks(), self.dialect)
                columns[name] = as_numbers(plain, nulls)
        except pa.ArrowInvalid:
            return None
        return pa.table(columns)

    def _read(self, types: dict[str, pa.DataType], nulls: Sequence[str]) -> pa.Table | None:
        """The same, where Arrow reads the numbers."""
        import pyarrow as pa

        if not self.body:
            return pa.table({name: pa.array([], kind) for name, kind in types.items()})
        if b'"' not in self.body and len(self.names) > 1:
            try:
                return self._parse(self.body, types, None, nulls, block=BLOCK)
            except (pa.ArrowInvalid, pa.ArrowCapacityError):
                pass  # it may be a row that is longer than a block
        tables = []
        for piece in pieces(self.body, self.dialect.separator, MOST_AT_ONCE):
            closed: list[bool] = []
            end, ended = self._end(piece)

            def at_end(row: Any, end: str = end, closed: list[bool] = closed) -> str:
                closed.append(row.text == end)
                return "skip" if row.text == end else "error"

            try:
                tables.append(self._parse(ended, types, at_end, nulls))
            except (pa.ArrowInvalid, pa.ArrowCapacityError):
                return None
            if not closed:
                return None
        return pa.concat_tables(tables)

    def read_texts(self, columns: list[str]) -> Texts:
        """These columns as text, of all rows that have the right number of fields.

        Raises:
            RowTooLarge: a row is too long to be read.
        """
        import numpy as np
        import pyarrow as pa

        types = dict.fromkeys(columns, pa.string())
        tables, wrong, total, is_open = [], [], self.before, False
        for piece in pieces(self.body, self.dialect.separator, MOST_AT_ONCE):
            end, ended = self._end(piece)
            found: list[tuple[int, int, bool]] = []

            def note(row: Any, end: str = end, found: list[Any] = found) -> str:
                found.append((row.number, row.actual_columns, row.text == end))
                return "skip"

            tables.append(self._parse(ended, types, note, (), threads=False))
            is_open = not (found and found[-1][2])
            found = found if is_open else found[:-1]
            wrong += [(total + number, fields) for number, fields, _ in found]
            total += tables[-1].num_rows + len(found)
        table = pa.concat_tables(tables)
        name = ""
        if is_open:
            fields = wrong.pop()[1] if wrong and wrong[-1][0] == total else len(self.names)
            name = self.names[min(fields, len(self.names)) - 1]
        skipped = np.array([number for number, _ in wrong], dtype=np.int64)
        numbers = np.arange(self.before + 1, total + 1 - is_open)
        rows = np.setdiff1d(numbers, skipped, assume_unique=True)
        table = table.slice(0, len(rows))
        return Texts(table, rows, wrong, total, self.is_whole, name, self.dialect)

    def _end(self, piece: bytes) -> tuple[str, bytes]:
        """A row like no other in the piece, and the piece with it at the end.

        It has one field too many, so that it is met as a row where all quotes are closed before it,
        and only there: a quote that is open makes it a part of its field.
        """
        end = self.dialect.separator * len(self.names) + "end"
        while end.encode() in piece:
            end += "d"
        gap = b"" if piece.endswith((b"\n", b"\r")) else b"\n"
        return end, b"".join([piece, gap, end.encode(), b"\n"])

    def _parse(
        self,
        piece: bytes,
        types: dict[str, pa.DataType],
        wrong: Callable[[Any], str] | None,
        nulls: Sequence[str],
        block: int = 0,
        threads: bool = True,
    ) -> pa.Table:
        import pyarrow as pa
        from pyarrow import csv

        piece = MARK + piece if piece.startswith(MARK) else piece
        if (block or len(piece)) > LARGEST_BLOCK:
            raise RowTooLarge
        return csv.read_csv(
            pa.BufferReader(piece),
            read_options=csv.ReadOptions(
                column_names=self.names, block_size=block or len(piece), use_threads=threads
            ),
            # of one column a blank line is a missing value, of several it is nothing
            parse_options=csv.ParseOptions(
                delimiter=self.dialect.separator,
                ignore_empty_lines=len(self.names) > 1,
                invalid_row_handler=wrong,
            ),
            convert_options=csv.ConvertOptions(
                include_columns=list(types),
                column_types=types,
                null_values=[*nulls],
                decimal_point=self.dialect.decimal,
            ),
        )


def pieces(body: bytes, delimiter: str, most: int) -> Iterator[bytes]:
    """Cuts at the first end of a row after each `most` bytes; what is in quotes is not cut."""
    separators = re.escape(delimiter.encode()) + rb"\r\n"
    quoted = re.compile(rb'(?<![^%b])"(?:[^"]++|"")*+"?' % separators)
    start = gap = 0  # of the piece; of what stands outside of quotes
    while len(body) - start > most:
        field = quoted.search(body, gap)
        end = body.find(b"\n", max(gap, start + most - 1), field.start() if field else len(body))
        if end >= 0:
            yield body[start : end + 1]
            start = gap = end + 1
        elif field:
            gap = field.end()
        else:
            break
    if start < len(body):
        yield body[start:]
