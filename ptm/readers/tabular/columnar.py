"""Parquet and Arrow files: rows in groups, whose columns have types."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm.errors import BadInput
from ptm.readers.cutting import Piece
from ptm.readers.tabular.cut import Cut
from ptm.readers.tabular.formats import ARROW, PARQUET
from ptm.system_errors import is_of_disk

if TYPE_CHECKING:
    import pyarrow as pa

VALUE = 8  # bytes of one in memory, about
LETTERS = 200  # of what Arrow says
ASKED = re.compile(r"of size (\d+)")  # what Arrow says of memory
MOST_PACKED = 10_000  # bytes that one byte of a file may become


def names_of(path: Path, form: str) -> list[str]:
    """The names of the columns of a file.

    Raises:
        BadInput: it is damaged.
    """
    with _opened(path, form) as file:
        return list(file.schema.names)


def cut_groups(path: Path, form: str, size: int) -> Cut:
    """Pieces of whole groups of rows, of so many bytes in memory, or of one group that has more.

    Their places are those of rows.

    Raises:
        BadInput: it is damaged.
    """
    pieces, start, place, inside = list[Piece](), 0, 0, 0
    with _opened(path, form) as file:
        for rows, count in file.groups():
            if place > start and inside + count > size:
                pieces.append(Piece(start, place, start, ""))
                start, inside = place, 0
            place, inside = place + rows, inside + count
    return Cut((*pieces, Piece(start, place, start, "")), total=place)


def loader(path: Path, form: str, span: tuple[int, int] | None) -> Callable[[list[str]], pa.Table]:
    """What reads columns of the rows of a span, or of all.

    Raises:
        BadInput: when it reads: the file is damaged.
    """

    def load(columns: list[str]) -> pa.Table:
        import pyarrow as pa

        with _opened(path, form) as file:
            schema = pa.schema([file.schema.field(name) for name in columns])
            batches = []
            for batch in file.batches(columns, span):
                batch.validate(full=True)  # what the file says of lengths is not looked at before
                batches.append(batch.select(columns))
            return pa.Table.from_batches(batches, schema)

    return load


class _Parquet:
    def __init__(self, path: Path) -> None:
        from pyarrow import parquet

        self._file = parquet.ParquetFile(path, page_checksum_verification=True)
        self.schema: pa.Schema = self._file.schema_arrow

    def groups(self) -> Iterator[tuple[int, int]]:
        """The rows of each group, and their bytes."""
        for number in range(self._file.num_row_groups):
            group = self._file.metadata.row_group(number)
            yield group.num_rows, max(group.total_byte_size, VALUE * group.num_rows)

    def batches(self, columns: list[str], span: tuple[int, int] | None) -> Iterator[pa.RecordBatch]:
        """Those of a span, which has whole groups, or of all."""
        place, groups = 0, []
        for number, (rows, _) in enumerate(self.groups()):
            if span is None or span[0] <= place < span[1]:
                groups.append(number)
            place += rows
        yield from self._file.iter_batches(row_groups=groups, columns=columns)

    def close(self) -> None:
        """Lets go of it."""
        self._file.close()


class _Arrow:
    def __init__(self, path: Path, form: str) -> None:
        import pyarrow as pa

        self._source, self._form = pa.OSFile(str(path)), form
        self.schema: pa.Schema = self._reader(None).schema

    def groups(self) -> Iterator[tuple[int, int]]:
        """See `_Parquet`."""
        for batch in self._batches(None):
            # `nbytes` believes what a file says of lengths
            yield batch.num_rows, batch.get_total_buffer_size()

    def batches(self, columns: list[str], span: tuple[int, int] | None) -> Iterator[pa.RecordBatch]:
        """See `_Parquet`."""
        fields = [self.schema.names.index(name) for name in columns]
        place = 0
        for batch in self._batches(fields):
            if span is None or span[0] <= place < span[1]:
                yield batch
            place += batch.num_rows

    def close(self) -> None:
        """Lets go of it."""
        self._source.close()

    def _reader(self, fields: list[int] | None) -> Any:
        from pyarrow import ipc

        self._source.seek(0)
        options = ipc.IpcReadOptions(included_fields=sorted(fields or []), use_threads=False)
        opened = ipc.open_file if self._form == ARROW else ipc.open_stream
        return opened(self._source, options=options)

    def _batches(self, fields: list[int] | None) -> Iterator[pa.RecordBatch]:
        reader = self._reader(fields)
        if self._form == ARROW:
            yield from map(reader.get_batch, range(reader.num_record_batches))
        else:
            yield from reader


@contextmanager
def _opened(path: Path, form: str) -> Iterator[_Parquet | _Arrow]:
    """A file, open.

    Raises:
        BadInput: it is damaged.
    """
    import pyarrow as pa

    try:
        file = _Parquet(path) if form == PARQUET else _Arrow(path, form)
        try:
            yield file
        finally:
            file.close()
    except (pa.ArrowException, OSError, OverflowError, UnicodeError) as error:
        is_short = isinstance(error, MemoryError) and not _is_made_up(error, path)
        if is_of_disk(error) or is_short:
            raise
        name = "Parquet" if form == PARQUET else "Arrow"
        told = " ".join(filter(str.isprintable, str(error).split()))[:LETTERS]
        if isinstance(error, UnicodeError):
            told = "text that is not UTF-8"
        raise BadInput(expected=f"a whole {name} file", got=told, file=str(path)) from error


def _is_made_up(error: MemoryError, path: Path) -> bool:
    """Whether memory was asked for as damaged bytes say, and not for what a file can hold."""
    asked = ASKED.search(str(error))
    return asked is not None and int(asked[1]) > MOST_PACKED * path.stat().st_size
