"""Text files: their bytes as text, in the encoding that is named and in no other."""

from __future__ import annotations

import codecs
import io
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ptm.errors import BadInput
from ptm.readers.streams import Content, Decompressed
from ptm.readers.units import (
    BEGIN,
    BLOCK,
    Units,
    blocks_of,
    count_feeds,
    count_lines,
    inner_name,
    is_plain,
    is_wide,
    units_of,
)

# how a file begins that has a byte order mark, and the encodings that know it for one
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32", ("utf-32", "utf-32-le")),
    (codecs.BOM_UTF32_BE, "utf-32", ("utf-32", "utf-32-be")),
    (codecs.BOM_UTF8, "utf-8-sig", ("utf-8-sig", "utf-8")),
    (codecs.BOM_UTF16_LE, "utf-16", ("utf-16", "utf-16-le")),
    (codecs.BOM_UTF16_BE, "utf-16", ("utf-16", "utf-16-be")),
)
MARKED = ("utf-8-sig", "utf-16", "utf-32")  # which take the mark off
WHOLE = ("ascii", "cp1252", "iso8859-1", "utf-8", "utf-8-sig")  # never give half a character
SURROGATE = re.compile("[\ud800-\udfff]")
FEW, MANY = 16, 128  # characters that show a pattern, and a share


def read_text(path: Content, encoding: str, span: tuple[int, int] | None = None) -> str:
    """The text of a file, line ends as they are.

    Args:
        path: the file.
        encoding: of the file, as Python names it.
        span: the bytes from and to, where it is not the whole file: what `ptm.readers.cutting` cut.

    Raises:
        BadInput: the file is empty, or not text in that encoding, or plainly text in another:
            what shows it is named, with line and byte of the file; or there is no such encoding.
    """
    return _source(path, encoding, span).text()


def read_utf8(path: Content, encoding: str, span: tuple[int, int] | None = None) -> bytes:
    """The same in UTF-8, without byte order marks at its begin; a NUL is no text here.

    Raises:
        BadInput: see `read_text`; or there is a NUL.
    """
    source = _source(path, encoding, span)
    content = source.quick_utf8()
    if content is None or b"\0" in content:
        text = source.text()
        source.check_zeros(text)
        content = text.encode()
    mark, marks = codecs.BOM_UTF8, 0
    while not source.start and content.startswith(mark, marks):
        marks += len(mark)
    return content[marks:]


def read_begin(path: Content, encoding: str, size: int) -> tuple[bytes, str, bool]:
    """The first bytes of a file, the whole characters in them, and whether there are no more.

    What is no text there is left to who reads it all.

    Raises:
        BadInput: the file is empty, or has the byte order mark of another encoding; or there is no
            such encoding.
    """
    name = known(encoding)
    with path.open("rb") as file:
        raw = file.read(size)
        is_all = not file.read(1)
    check_begin(path, encoding, name, raw)
    decoder = codecs.getincrementaldecoder(inner_name(name, raw))("replace")
    return raw, decoder.decode(raw, is_all), is_all


def line_number(text: str, place: int) -> int:
    """The line of a character, from 1, whatever the line ends are."""
    before = text[:place]
    return before.count("\n") + before.count("\r") - before.count("\r\n") + 1


def codec_name(encoding: str) -> str:
    """An encoding's own name: "utf-8" of "U8".

    Raises:
        LookupError: there is none.
    """
    return codecs.lookup(encoding).name


@dataclass(frozen=True)
class _Source:
    """The bytes of a file, or of a span of it, and what names a place in it.

    Attributes:
        path: the file.
        encoding: as it was named.
        name: its own name.
        begin: the first bytes of the file.
        raw: the bytes to be read.
        start: how many bytes stand before them.
        is_whole: whether they are all of the file.
    """

    path: Content
    encoding: str
    name: str
    begin: bytes
    raw: bytes
    start: int
    is_whole: bool

    def text(self) -> str:
        """The bytes as text; see `read_text`."""
        name = inner_name(self.name, self.begin) if self.start else self.encoding
        try:
            text = self.raw.decode(name)
        except LookupError as error:
            raise no_encoding(f"'{self.encoding}', which is for bytes") from error
        except UnicodeError as error:
            raise self._fault(*self._undecoded(error)) from error
        zeros, length = self._zeros(text) if b"\0" in self.raw else (0, 0)
        if zeros:
            raise self._fault("", told_zeros(zeros, length))
        half = None if self.name in WHOLE else SURROGATE.search(text)
        if half:
            with self._file() as file:
                before = count_lines(file, self.start, self._units())
            where = f"line {before + line_number(text, half.start())}"
            got = f"half of one, U+{ord(half.group()):04X}"
            expected = "whole characters"
            raise BadInput(where=where, expected=expected, got=got, file=str(self.path))
        return text

    def quick_utf8(self) -> bytes | None:
        """The bytes in UTF-8, a block at a time; None where that does not go well."""
        name = inner_name(self.name, self.begin)
        if not is_plain(name):
            return None
        decoder, written = codecs.getincrementaldecoder(name)(), io.BytesIO()
        try:
            for place in range(0, len(self.raw), BLOCK):
                is_last = place + BLOCK >= len(self.raw)
                text = decoder.decode(self.raw[place : place + BLOCK], is_last)
                if name != "utf-8":
                    written.write(text.encode())
        except UnicodeError:
            return None
        return self.raw if name == "utf-8" else written.getvalue()

    def check_zeros(self, text: str) -> None:
        """Looks whether there is a NUL in the text.

        Raises:
            BadInput: there is; its line in the file is named.
        """
        place = text.find("\0")
        if place >= 0:
            with self._file() as file:
                line = count_feeds(file, self.start, self._units()) + 1
            raise self._fault(f"line {line + text.count(chr(10), 0, place)}", "a NUL byte")

    def _undecoded(self, error: UnicodeError) -> tuple[str, str]:
        """Where bytes are no text in an encoding, and what is there instead."""
        if not isinstance(error, UnicodeDecodeError):
            return "", "bytes that are none"
        place = self.start + error.start
        with self._file() as file:
            where = f"line {count_lines(file, place, self._units()) + 1}, byte {place}"
            zeros = sum(block.count(b"\0") for block in blocks_of(file, 0))
            length = file.seek(0, io.SEEK_END)
        if not is_wide(self.name) and length >= FEW and zeros * 4 >= length:
            return where, told_zeros(zeros, length)
        if place >= length:
            return where, "the end of the file"
        return where, f"the byte 0x{self.raw[error.start]:02x}"

    def _zeros(self, text: str) -> tuple[int, int]:
        """How many characters of the file are zero, among how many; no, where few are.

        Many show that it is UTF-16 or UTF-32 that was read as something else.
        """
        zeros, length, first = text.count("\0"), len(text), text[:MANY]
        if zeros * 4 < length:
            return 0, 0
        if not self.is_whole:
            zeros, length, first = self._zeros_of_file()
        is_sign = zeros * 4 >= length >= FEW and (
            length >= MANY or any(set(first[place::2]) == {"\0"} for place in (0, 1))
        )
        return (zeros, length) if is_sign else (0, 0)

    def _zeros_of_file(self) -> tuple[int, int, str]:
        """How many characters of the file are zero, how many there are, and the first."""
        decoder = codecs.getincrementaldecoder(inner_name(self.name, self.begin))("replace")
        zeros, length, first = 0, 0, ""
        with self._file() as file:
            for block in blocks_of(file, 0):
                text = decoder.decode(block)
                if not length and self.name in MARKED:
                    text = text.removeprefix("\ufeff")
                first += text[: MANY - len(first)]
                zeros, length = zeros + text.count("\0"), length + len(text)
        return zeros, length, first

    def _file(self) -> IO[bytes]:
        """The bytes of the whole file."""
        return io.BytesIO(self.raw) if self.is_whole else self.path.open("rb")

    def _units(self) -> Units:
        return units_of(self.name, self.begin, "\r\n") or Units()

    def _fault(self, where: str, got: str) -> BadInput:
        expected = f"{self.encoding} text"
        return BadInput(where=where, expected=expected, got=got, file=str(self.path))


def _source(path: Content, encoding: str, span: tuple[int, int] | None) -> _Source:
    """The bytes to be read, after a look at how the file begins."""
    name = known(encoding)
    if span is None:
        raw = begin = path.read_bytes()
    else:
        with path.open("rb") as file:
            begin = file.read(BEGIN)
            file.seek(span[0])
            raw = file.read(span[1] - span[0])
    check_begin(path, encoding, name, begin)
    start, stop = span or (0, len(raw))
    if len(raw) < stop - start:
        got = f"an end at {start + len(raw)}: the file has changed"
        raise BadInput(expected=f"at least {stop} bytes", got=got, file=str(path))
    return _Source(path, encoding, name, begin[:BEGIN], raw, start, span is None)


def check_begin(path: Content, encoding: str, name: str, begin: bytes) -> None:
    """Looks at the first bytes of a text.

    Args:
        path: the file, for messages.
        encoding: as it was named.
        name: its own name.
        begin: the bytes.

    Raises:
        BadInput: there are none, or they are the byte order mark of another encoding.
    """
    if not begin:
        raise BadInput(expected="text", got=_told_nothing(path), file=str(path))
    other = _mark_of_another(begin, name)
    if other:
        got = f'the byte order mark of {other.removesuffix("-sig").upper()} (encoding = "{other}")'
        where = "line 1, byte 0"
        raise BadInput(where=where, expected=f"{encoding} text", got=got, file=str(path))


def _told_nothing(path: Content) -> str:
    """What a file without text has."""
    if isinstance(path, Path) or isinstance(path.rewriting, Decompressed):
        return "an empty file"
    is_empty = not path.path.stat().st_size
    return "an empty file" if is_empty else "nothing but what 'skip_rows' and 'comment' leave out"


def known(encoding: str) -> str:
    """An encoding's own name.

    Raises:
        BadInput: there is none.
    """
    try:
        return codec_name(encoding)
    except (LookupError, ValueError) as error:  # of a name with a zero character in it
        raise no_encoding(f"'{encoding[:40]}'") from error


def _mark_of_another(raw: bytes, name: str) -> str:
    """The encoding whose byte order mark is there, where the one named takes it for letters."""
    for mark, other, knowing in MARKS:
        if raw.startswith(mark):
            return "" if name in knowing else other
    return ""


def no_encoding(got: str) -> BadInput:
    """The error for what is no encoding."""
    expected = "an encoding of text that Python knows, as utf-8 or cp1252"
    return BadInput(where="encoding", expected=expected, got=got)


def check_is_text(encoding: str) -> None:
    """Looks whether an encoding is one of text.

    Raises:
        BadInput: it is one of bytes.
    """
    try:
        with suppress(UnicodeError):
            b"a".decode(encoding)
    except LookupError as error:
        raise no_encoding(f"'{encoding}', which is for bytes") from error


def told_zeros(count: int, length: int) -> str:
    """What many zero bytes show."""
    return f"{count} zero bytes among {length}, as UTF-16 and UTF-32 have (say so in 'encoding')"
