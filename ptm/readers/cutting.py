"""Cuts files that do not fit in memory, at ends of lines or rows, with a block of them in memory.

Each piece begins where the one before it ends, and what stands from there on decides where it ends:
what is added at the end of a file moves no cut before.
"""

from __future__ import annotations

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from ptm.readers.delimited import rows
from ptm.readers.delimited.content import content_of
from ptm.readers.delimited.dialect import Dialect
from ptm.readers.delimited.header import SIGNS, begin_of, begin_of_file, first_record
from ptm.readers.delimited.quotes import FEED, RETURN, NoQuotes, Quotes
from ptm.readers.streams import Content
from ptm.readers.text import codec_name, read_begin, read_utf8
from ptm.readers.units import BEGIN, Units, blocks_of, inner_name, units_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SPACES = "\t\n\v\f\r "
LONG = 4  # times the size of a piece: a line that is longer is cut at white space
MARKS = 64  # bytes that byte order marks are looked for in
AHEAD = 8  # blocks that wait to be hashed


class Piece(NamedTuple):
    """A part of a file.

    Attributes:
        start: the place of its first byte.
        end: the place behind its last.
        before: rows, or lines, of the file before it.
        digest: SHA-256 of the bytes of the header, if there is one, and of the piece, hex; before
            them what only shows in the first piece: the byte order mark of UTF-16 and UTF-32, and
            of rows without a header as many delimiters as the first of them has.
    """

    start: int
    end: int
    before: int
    digest: str


def cut_lines(path: Path, encoding: str, size: int) -> tuple[Piece, ...]:
    """Cuts a text behind the first line feed at or after each `size` bytes of a piece.

    A line that goes on for four times as much is cut behind white space.

    Args:
        path: the file.
        encoding: of the file, as Python names it. Where its bytes do not show line ends, as those
            of UTF-7 and EBCDIC, the file is one piece.
        size: of a piece in bytes, at least; but of the last.

    Raises:
        BadInput: the file is empty or has the byte order mark of another encoding, or there is no
            such encoding. Other faults are left to who reads the pieces.
    """
    begin, _, _ = read_begin(path, encoding, BEGIN)
    units = units_of(codec_name(encoding), begin, SPACES)
    with path.open("rb") as file:
        return _Cutter(file, 0, 0, size, units, has_blanks=True).cut()


def cut_rows(path: Path, dialect: Dialect, head: int, size: int) -> tuple[Piece, ...]:
    """Cuts delimited text behind the first row that ends in a line feed, at or after `size` bytes.

    Blank lines, which of several columns are nothing, stand at the end of a piece: each piece has
    rows, unless the file has none.

    Args:
        path: the file.
        dialect: of the file. Where the bytes of its encoding do not show quotes, line ends and
            delimiters, the file is one piece.
        head: how many bytes are the header (`head_of`).
        size: of a piece in bytes, at least; but of the last.

    Raises:
        BadInput: see `cut_lines`; or a row is longer than can be read at once.
    """
    content, dialect = content_of(path, dialect)
    encoding, delimiter = dialect.encoding, dialect.separator
    begin, _, _ = read_begin(content, encoding, BEGIN)
    name = codec_name(encoding)
    units = units_of(name, begin, delimiter + SIGNS)
    marks, has_blanks, first_row = 0, True, ""
    if units:
        first = begin_of(read_utf8(content, encoding, (0, head))) if head else None
        first = first or begin_of_file(content, encoding)
        fields, _ = first_record(path, first, delimiter, not head)
        has_blanks = len(fields) < 2
        marks = 0 if head else _marks(content, encoding, inner_name(name, begin))
        first_row = "" if head else delimiter * (len(fields) - 1)
    try:
        with content.open("rb") as file:
            quotes = Quotes(delimiter)
            return _Cutter(file, head, marks, size, units, has_blanks, quotes, first_row).cut()
    except rows.RowTooLarge as error:
        raise error.of_file(path) from error


def cut_objects(content: Content, encoding: str, keys: list[str], size: int) -> tuple[Piece, ...]:
    """Cuts lines, of which each is a row, behind the first line feed at or after `size` bytes.

    Blank lines are nothing, see `cut_rows`.

    Args:
        content: the file.
        encoding: see `cut_lines`.
        keys: of the columns; a piece depends on them.
        size: of a piece in bytes, at least; but of the last.

    Raises:
        BadInput: see `cut_rows`.
    """
    begin, _, _ = read_begin(content, encoding, BEGIN)
    name = codec_name(encoding)
    units, marks = units_of(name, begin, "\r\n"), _marks(content, encoding, inner_name(name, begin))
    said = "\n".join(keys)
    try:
        with content.open("rb") as file:
            return _Cutter(file, 0, marks, size, units, False, NoQuotes(), said).cut()
    except rows.RowTooLarge as error:
        raise error.of_file(Path(str(content))) from error


def _marks(path: Content, encoding: str, inner: str) -> int:
    """How many bytes the byte order marks at the begin of a file take."""
    _, text, _ = read_begin(path, encoding, MARKS)
    count = len(text) - len(text.lstrip("\ufeff"))
    return count * len("\ufeff".encode(inner)) if count else 0


class _Cutter:
    """Goes through a file once, and notes where its pieces end."""

    def __init__(
        self,
        file: IO[bytes],
        head: int,
        marks: int,
        size: int,
        units: Units | None,
        has_blanks: bool,
        quotes: Quotes | NoQuotes | None = None,
        first_row: str = "",
    ) -> None:
        """See `cut_rows`.

        Args:
            file: that is cut.
            head: bytes that are no part of a piece.
            marks: bytes behind them that are no part of a row.
            size: of a piece.
            units: how line ends are found; None where they cannot be.
            has_blanks: whether a blank line counts.
            quotes: of rows; None of a text.
            first_row: its delimiters, where it stands for a header; or what else does.
        """
        self._file, self._size, self._quotes = file, size, quotes
        self._most = rows.LARGEST_BLOCK if file.seekable() else rows.MOST_STREAMED
        self._units, self._is_one, self._has_blanks = units or Units(), units is None, has_blanks
        mark = units.mark if units else b""
        begin = mark + first_row.encode() + file.read(head)
        self._hashing = _Hashing(begin, file.read(marks))
        self._start, self._before = head, 0  # of the piece
        self._place = self._row = head + marks  # of the block; of its last row, at least
        self._count = 0  # rows or lines up to here
        self._last = _Last(not has_blanks, False, 0)
        self._pieces: list[tuple[int, int, int, Future[str]]] = []

    def cut(self) -> tuple[Piece, ...]:
        """All pieces; one at least."""
        with self._hashing:
            for raw in blocks_of(self._file, self._place):
                if self._is_one:
                    self._hashing.add(memoryview(raw))
                else:
                    self._add(raw)
                self._place += len(raw)
            self._end(self._place)
        return tuple(
            Piece(start, end, before, digest.result())
            for start, end, before, digest in self._pieces
        )

    def _add(self, raw: bytes) -> None:
        """One more block."""
        block = _Block(self._units.ascii_of(raw), self._last, self._quotes)
        width, done, view = self._units.width, 0, memoryview(raw)
        while (place := self._next(block, done)) >= 0:
            self._count += block.count(done, place, self._has_blanks)
            self._hashing.add(view[done * width : place * width])
            self._end(self._place + place * width)
            done = place
        self._count += block.count(done, block.length, self._has_blanks)
        self._hashing.add(view[done * width :])
        self._last = block.last()
        if self._quotes:
            self._check_row(block, len(raw))

    def _next(self, block: _Block, done: int) -> int:
        """Where in the block the piece ends; -1 where it does not."""
        place = block.find_end(self._units_to(self._size), self._has_blanks)
        if place >= 0 and self._count + block.count(done, place, self._has_blanks) == self._before:
            place = block.find_end(place + 1, self._has_blanks)  # there were but blank lines
        if self._quotes:
            return place
        far = self._units_to(LONG * self._size)
        space = block.find_space(far) if far < (block.length if place < 0 else place) else -1
        return space if 0 <= space < place or place < 0 else place

    def _units_to(self, size: int) -> int:
        """How many units of the block it takes until the piece has so many bytes."""
        return max(-((self._place - self._start - size) // self._units.width), 0)

    def _end(self, place: int) -> None:
        """The piece ends here, and another begins."""
        self._pieces.append((self._start, place, self._before, self._hashing.end()))
        self._start, self._before = place, self._count

    def _check_row(self, block: _Block, length: int) -> None:
        """Whether a row could be read at once; its reader sees it to the byte."""
        end = self._place + length
        self._row = end if block.has_feeds() else self._row
        if end - self._row > self._most * self._units.width:
            raise rows.RowTooLarge(min(self._most, rows.MOST_AT_ONCE))


class _Hashing:
    """The digests of pieces, in a thread of its own: looking for ends takes as long.

    Args:
        begin: bytes that stand before each piece.
        marks: bytes that stand before the first one.
    """

    def __init__(self, begin: bytes, marks: bytes) -> None:
        self._begin = hashlib.sha256(begin)
        self._digest = self._begin.copy()
        self._digest.update(marks)
        self._pool = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> None:
        self._pool.__enter__()

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()

    def add(self, view: memoryview) -> None:
        """More bytes of the piece."""
        self._waiting.append(self._pool.submit(self._digest.update, view))
        if len(self._waiting) > AHEAD:
            self._waiting.popleft().result()

    def end(self) -> Future[str]:
        """The digest of the piece; another one begins."""
        digest, self._digest = self._digest, self._begin.copy()
        return self._pool.submit(digest.hexdigest)


class _Last(NamedTuple):
    """What a block knows of the character before it: whether it ends a line, and which it is."""

    is_end: bool
    is_feed: bool
    byte: int


class _Block:
    """The line ends of a block of characters, of which those in quotes are none.

    Place n is the one before character n.
    """

    def __init__(
        self,
        text: NDArray[np.uint8],
        last: _Last,
        quotes: Quotes | NoQuotes | None,
    ) -> None:
        import numpy as np

        self.length = len(text)
        self._text, self._before = text, last
        outside = quotes.outside(text) if quotes else None
        self._feeds = np.empty(len(text) + 1, np.bool_)  # whether a feed is before each place
        self._feeds[0] = last.is_feed
        np.equal(text, FEED, out=self._feeds[1:])
        returns = text == RETURN
        self._has_returns = last.is_end != last.is_feed or bool(returns.any())
        self._ends = self._feeds  # the same of any line end
        if self._has_returns:
            self._ends = self._feeds.copy()
            self._ends[0] = last.is_end
            self._ends[1:] |= returns
        if outside is not None:
            self._feeds[1:] &= outside
            self._ends[1:] &= outside

    def count(self, start: int, stop: int, has_blanks: bool) -> int:
        """How many lines end between two places, with those that are blank or without."""
        import numpy as np

        ends, before = self._ends[start + 1 : stop + 1], self._ends[start:stop]
        if not has_blanks:
            return int(np.count_nonzero(ends > before))
        count = int(np.count_nonzero(ends))
        if self._has_returns:
            returns = before > self._feeds[start:stop]
            count -= int(np.count_nonzero(self._feeds[start + 1 : stop + 1] & returns))
        return count

    def find_end(self, start: int, has_blanks: bool) -> int:
        """The first place behind a feed, at or after `start`; -1 where there is none.

        Without blank lines that is behind the last of them.
        """
        return _first(self._feeds[:-1] if has_blanks else self._unblank, start)

    def find_space(self, start: int) -> int:
        """The same behind white space; not inside of CR LF."""
        return _first(self._spaces, start)

    def has_feeds(self) -> bool:
        """Whether there is any feed."""
        return bool(self._feeds[1:].any())

    def last(self) -> _Last:
        """What the next block is to know."""
        if not self.length:
            return self._before
        return _Last(bool(self._ends[-1]), bool(self._feeds[-1]), int(self._text[-1]))

    @cached_property
    def _unblank(self) -> NDArray[np.bool_]:
        return self._feeds[:-1] > self._ends[1:]

    @cached_property
    def _spaces(self) -> NDArray[np.bool_]:
        import numpy as np

        is_space = np.zeros(256, np.bool_)
        is_space[list(map(ord, SPACES))] = True
        text = np.concatenate([np.array([self._before.byte], np.uint8), self._text])
        inside = (text[:-1] == RETURN) & (text[1:] == FEED)
        return np.asarray(is_space[text[:-1]] & ~inside)


def _first(found: NDArray[np.bool_], start: int) -> int:
    if start >= len(found):
        return -1
    place = start + int(found[start:].argmax())
    return place if found[place] else -1
