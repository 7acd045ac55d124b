"""The bytes of a delimited file as its readers know them: delimiters, double quotes, line ends.

What is written in another way is written anew as it is read: decompressed, in UTF-8, without
comments and what stands before the header, runs of blanks as a tab, other quotes as double ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ptm.readers.delimited.dialect import WHITESPACE, Dialect
from ptm.readers.recoding import in_utf8, whole_lines, without_lines
from ptm.readers.streams import Content, Decompressed, Streamed, begin_of_bytes, codec_of

MAGIC = 10  # bytes that show a compression
QUOTE = b'"'
BLANK, TAB, FEED, RETURN = b" \t\n\r"


def content_of(path: Path, dialect: Dialect) -> tuple[Content, Dialect]:
    """The file as it is read, and how that is written: in double quotes, without comments."""
    codec = codec_of(begin_of_bytes(path, MAGIC))
    usual = replace(dialect, delimiter=dialect.separator, quote='"', comment="", skip_rows=0)
    if usual != dialect:
        return Streamed(path, Rewritten(codec, dialect)), replace(usual, encoding="utf-8")
    return (Streamed(path, Decompressed(codec)) if codec else path), dialect


@dataclass(frozen=True)
class Rewritten:
    """Rows of a dialect as they are written usually.

    Attributes:
        codec: how the file is compressed, or "".
        dialect: how it is written.
    """

    codec: str
    dialect: Dialect

    def blocks(self, path: Path) -> Iterator[bytes]:
        """See `ptm.readers.streams.Rewriting`."""
        raw = Decompressed(self.codec).blocks(path)
        lines = whole_lines(path, in_utf8(path, self.dialect.encoding, raw))
        writer = _Writer(self.dialect)
        for block in without_lines(lines, self.dialect.skip_rows):
            if written := writer.written(block):
                yield written


class _Writer:
    """Writes whole lines anew, block by block. A quote opens at the begin of a field alone."""

    def __init__(self, dialect: Dialect) -> None:
        self._is_open = False  # whether the last block ended inside of quotes
        self._has_blanks = dialect.delimiter == WHITESPACE
        between = rb" \t" if self._has_blanks else re.escape(dialect.separator.encode())
        self._quote, quote = dialect.quote.encode(), re.escape(dialect.quote.encode())
        self._signs = [sign for sign in {self._quote, QUOTE} if sign]
        self._inside = re.compile(rb"(?:[^%b]++|%b%b)*+" % ((quote,) * 3) if quote else rb"")
        self._tail = re.compile(rb"[^%b\r\n]*" % between)
        comment = re.escape(dialect.comment.encode())
        before = rb"(?<![^\r\n])" + (rb"[ \t]*" if self._has_blanks else b"")
        self._comments = re.compile(rb"%b%b[^\r\n]*(?:\r\n?|\n|\Z)" % (before, comment))
        self._comment = dialect.comment.encode()
        tokens = {
            "comment": self._comments.pattern if comment else b"",
            "blanks": rb"[ \t]+" if self._has_blanks else b"",
            "quote": rb"(?<![^%b\r\n])%b" % (between, quote) if quote else b"",
            "letter": rb"(?<![^%b\r\n])%b" % (between, QUOTE) if quote != QUOTE else b"",
        }
        given = (rb"(?P<%b>%b)" % (name.encode(), one) for name, one in tokens.items() if one)
        self._token = re.compile(b"|".join(given))

    def written(self, block: bytes) -> bytes:
        """The next lines."""
        if not self._is_open and not any(sign in block for sign in self._signs):
            return self._without_quotes(block)
        done: list[bytes] = []
        place = self._quoted(block, 0, done) if self._is_open else 0
        while found := self._token.search(block, place):
            done.append(block[place : found.start()])
            place = found.end()
            if found.lastgroup == "blanks":
                if not (_ends(block, found.start() - 1) or _ends(block, place)):
                    done.append(b"\t")
            elif found.lastgroup == "quote":
                done.append(QUOTE)
                place = self._quoted(block, place, done)
            elif found.lastgroup == "letter":
                field = self._tail.match(block, found.start())
                assert field
                done += (QUOTE, _doubled(field[0]), QUOTE)
                place = field.end()
        done.append(block[place:])
        return b"".join(done)

    def _quoted(self, block: bytes, place: int, done: list[bytes]) -> int:
        """Writes what is inside of quotes, and the rest of the field; where that ends."""
        inside = self._inside.match(block, place)
        assert inside
        self._is_open = inside.end() == len(block)
        if self._quote == QUOTE:
            done.append(inside[0])
        else:
            done.append(_doubled(inside[0].replace(self._quote * 2, self._quote)))
        if self._is_open:
            return inside.end()
        tail = self._tail.match(block, inside.end() + 1)
        assert tail
        done += (QUOTE, tail[0]) if self._quote == QUOTE else (_doubled(tail[0]), QUOTE)
        return tail.end()

    def _without_quotes(self, block: bytes) -> bytes:
        if self._comment and self._comment in block:
            block = self._comments.sub(b"", block)
        return _with_tabs(block) if self._has_blanks else block


def _with_tabs(block: bytes) -> bytes:
    """Lines with a tab for each run of blanks, but for those at their ends."""
    import numpy as np

    text = np.frombuffer(block, np.uint8)
    around = np.pad(text, 1, constant_values=FEED)
    blank = (around == BLANK) | (around == TAB)
    end = (around == FEED) | (around == RETURN)
    starts = np.flatnonzero(blank[1:-1] & ~blank[:-2])
    stops = np.flatnonzero(blank[1:-1] & ~blank[2:])
    between = starts[~(end[starts] | end[stops + 2])]
    kept = ~blank[1:-1]
    kept[between] = True
    written = text.copy()
    written[between] = TAB
    done: bytes = written[kept].tobytes()
    return done


def _ends(block: bytes, place: int) -> bool:
    """Whether a line ends at a place, or the block."""
    return not 0 <= place < len(block) or block[place] in b"\r\n"


def _doubled(text: bytes) -> bytes:
    """A text as it stands in double quotes."""
    return text.replace(QUOTE, QUOTE + QUOTE)
