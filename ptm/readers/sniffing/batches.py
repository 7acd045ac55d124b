"""All rows of a table, or pieces of it, as texts in batches of bounded size."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ptm.readers.sniffing.begin import opened, read_pieces
from ptm.readers.sniffing.dialects import WHITESPACE, Dialect

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 1 << 20  # bytes that are read at once
BATCH = 1 << 22  # bytes of a batch of rows; a row has to be shorter
JOINED = 1 << 24  # of those that are looked at together
RUNS = re.compile(rb"[ \t]+")
TOLD = 5  # rows that are named


@dataclass
class Rows:
    """What was seen of the rows of a file while they were read.

    Attributes:
        count: of those that have all fields.
        odd: how many have more fields, or fewer.
        blank: how many have nothing at all.
        first_odd: the numbers of the first of those, from 1.
        is_text: whether all bytes that were read are text of the encoding.
        is_all: whether all were read.
        bytes: that were read, unpacked.
    """

    count: int = 0
    odd: int = 0
    blank: int = 0
    first_odd: list[int] = field(default_factory=list)
    is_text: bool = True
    is_all: bool = True
    bytes: int = 0


def batches_of(
    path: Path, dialect: Dialect, encoding: str, most: int, rows: Rows
) -> Iterator[pa.RecordBatch]:
    """The rows of a delimited file as texts, in batches; those with other fields are left out.

    Args:
        path: the file, which may be packed.
        dialect: how it is written.
        encoding: of the text.
        most: bytes to read; of a larger file pieces from its middle and end are read, too.
        rows: takes in what was seen.
    """
    with opened(path) as (file, packing):
        text = _Text(file, dialect, encoding, most, rows)
        yield from _parsed(text, dialect, rows)
        rows.is_all = text.is_all
    if not rows.is_all and not packing and encoding in ("utf-8", "cp1252", "cp850", "utf-8-sig"):
        for piece in read_pieces(path, path.stat().st_size):
            lines = piece.split(b"\n")[1:-1]
            aside = Rows()
            plain = _Text(io.BytesIO(b"\n".join(lines) + b"\n"), dialect, encoding, most, aside, 0)
            yield from _parsed(plain, dialect, aside)
            rows.count += aside.count


def joined(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Small batches as fewer large ones: each column of each takes its time."""
    import pyarrow as pa

    waiting, size = list[pa.RecordBatch](), 0
    for batch in batches:
        waiting.append(batch)
        size += batch.nbytes
        if size >= JOINED:
            yield pa.concat_batches(waiting)
            waiting, size = [], 0
    if waiting:
        yield pa.concat_batches(waiting)


def _parsed(text: _Text, dialect: Dialect, rows: Rows) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    from pyarrow import csv

    def skip(row: Any) -> str:
        rows.odd += 1
        if len(rows.first_odd) < TOLD and row.number is not None:
            rows.first_odd.append(row.number)
        return "skip"

    names = [f"{n}" for n in range(len(dialect.names))]
    delimiter = " " if dialect.delimiter == WHITESPACE else dialect.delimiter
    parse = csv.ParseOptions(
        delimiter=delimiter,
        quote_char=dialect.quote or False,
        newlines_in_values=bool(dialect.quote),
        ignore_empty_lines=True,
        invalid_row_handler=skip,
    )
    convert = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
    )
    read = csv.ReadOptions(column_names=names, block_size=BATCH, use_threads=False)
    try:
        with csv.open_csv(pa.PythonFile(text, "r"), read, parse, convert) as reader:
            for batch in reader:
                rows.count += batch.num_rows
                yield batch
    except pa.ArrowInvalid:  # nothing below the header, or a row that is longer than a batch
        return


class _Text(io.RawIOBase):
    """The lines of a file behind its header in UTF-8, comments and runs of blanks taken out."""

    def __init__(
        self,
        file: IO[bytes],
        dialect: Dialect,
        encoding: str,
        most: int,
        rows: Rows,
        begin: int | None = None,
    ) -> None:
        super().__init__()
        name = "utf-8-sig" if encoding == "utf-8" else encoding
        self._decoder = codecs.getincrementaldecoder(name)("strict")
        self._loose = codecs.getincrementaldecoder(name)("replace")
        self._file, self._dialect, self._rows, self._most = file, dialect, rows, most
        self._to_skip = dialect.body if begin is None else begin
        self._rest = self._ready = b""
        self._is_end = False
        self.is_all = True

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes; none at the end."""
        while not self._ready and not self._is_end:
            self._ready = self._next()
        if size < 0:
            pieces = [self._ready]
            while not self._is_end:
                pieces.append(self._next())
            self._ready = b""
            return b"".join(pieces)
        found, self._ready = self._ready[:size], self._ready[size:]
        return found

    def _next(self) -> bytes:
        raw = self._file.read(BLOCK)
        self._rows.bytes += len(raw)
        self._is_end = not raw
        if raw and self._rows.bytes >= self._most:
            self._is_end = True
            self.is_all = not self._file.read(1)
        text = self._rest + self._decoded(raw)
        if not self._is_end or not self.is_all:
            end = max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1)) + 1
            text, self._rest = text[:end], text[end:]
        return self._plain(text)

    def _decoded(self, raw: bytes) -> bytes:
        try:
            return self._decoder.decode(raw, not raw).encode("utf-8", "replace")
        except UnicodeDecodeError:
            self._rows.is_text = False
            self._decoder = self._loose
            return self._loose.decode(raw, not raw).encode("utf-8", "replace")

    def _plain(self, text: bytes) -> bytes:
        """Without what stands before the rows, comments, runs of blanks."""
        if self._to_skip:
            lines = text.splitlines(keepends=True)
            gone, lines = lines[: self._to_skip], lines[self._to_skip :]
            self._to_skip -= len(gone)
            text = b"".join(lines)
        comment, is_spaced = self._dialect.comment.encode(), self._dialect.delimiter == WHITESPACE
        if not comment and not is_spaced:
            return text
        lines = text.splitlines()
        if comment:
            lines = [line for line in lines if not line.startswith(comment)]
        if is_spaced:
            lines = [RUNS.sub(b" ", line).strip(b" ") for line in lines]
        return b"".join(line + b"\n" for line in lines)
