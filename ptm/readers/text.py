"""Text files: their bytes as text, in the encoding that is named and in no other."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from ptm.errors import BadInput

# how a file begins that has a byte order mark, and the encodings that know it for one
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32", ("utf-32", "utf-32-le")),
    (codecs.BOM_UTF32_BE, "utf-32", ("utf-32", "utf-32-be")),
    (codecs.BOM_UTF8, "utf-8-sig", ("utf-8-sig", "utf-8")),
    (codecs.BOM_UTF16_LE, "utf-16", ("utf-16", "utf-16-le")),
    (codecs.BOM_UTF16_BE, "utf-16", ("utf-16", "utf-16-be")),
)
WIDE = ("utf-16", "utf-32")  # whose characters take several bytes, most of them zero
WHOLE = ("ascii", "cp1252", "iso8859-1", "utf-8", "utf-8-sig")  # never give half a character
SURROGATE = re.compile("[\ud800-\udfff]")
FEW, MANY = 16, 128  # characters that show a pattern, and a share


def read_text(path: Path, encoding: str) -> str:
    """The text of a file, line ends as they are.

    Raises:
        BadInput: the file is empty, or not text in that encoding, or plainly text in another:
            what shows it is named, with the line; or there is no such encoding.
    """
    name = _known(encoding)
    raw = path.read_bytes()
    file = str(path)
    if not raw:
        raise BadInput(expected="text", got="an empty file", file=file)
    expected = f"{encoding} text"
    other = _mark_of_another(raw, name)
    if other:
        got = f'the byte order mark of {other.removesuffix("-sig").upper()} (encoding = "{other}")'
        where = "line 1, byte 0"
        raise BadInput(where=where, expected=expected, got=got, file=file)
    try:
        text = raw.decode(encoding)
    except LookupError as error:
        raise _no_encoding(f"'{encoding}', which is for bytes") from error
    except UnicodeError as error:
        where, got = _fault(raw, name, error)
        raise BadInput(where=where, expected=expected, got=got, file=file) from error
    if b"\0" in raw and _is_wide(text):
        got = _zeros(text.count("\0"), len(text))
        raise BadInput(expected=expected, got=got, file=file)
    half = None if name in WHOLE else SURROGATE.search(text)
    if half:
        where = f"line {line_number(text, half.start())}"
        got = f"half of one, U+{ord(half.group()):04X}"
        expected = "whole characters"
        raise BadInput(where=where, expected=expected, got=got, file=file)
    return text


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


def _known(encoding: str) -> str:
    try:
        return codec_name(encoding)
    except (LookupError, ValueError) as error:  # of a name with a zero character in it
        raise _no_encoding(f"'{encoding[:40]}'") from error


def _mark_of_another(raw: bytes, name: str) -> str:
    """The encoding whose byte order mark is there, where the one named takes it for letters."""
    for mark, other, knowing in MARKS:
        if raw.startswith(mark):
            return "" if name in knowing else other
    return ""


def _no_encoding(got: str) -> BadInput:
    expected = "an encoding of text that Python knows, as utf-8 or cp1252"
    return BadInput(where="encoding", expected=expected, got=got)


def _fault(raw: bytes, name: str, error: UnicodeError) -> tuple[str, str]:
    """Where bytes are no text in an encoding, and what is there instead."""
    if not isinstance(error, UnicodeDecodeError):
        return "", "bytes that are none"
    before = raw[: error.start].decode(name if name.startswith(WIDE) else "latin-1", "replace")
    where = f"line {line_number(before, len(before))}, byte {error.start}"
    zeros = raw.count(b"\0")
    if not name.startswith(WIDE) and len(raw) >= FEW and zeros * 4 >= len(raw):
        return where, _zeros(zeros, len(raw))
    if error.start >= len(raw):
        return where, "the end of the file"
    return where, f"the byte 0x{raw[error.start]:02x}"


def _is_wide(text: str) -> bool:
    """Whether text is UTF-16 or UTF-32 that was read as something else."""
    zeros, length = text.count("\0"), len(text)
    if zeros * 4 < length or length < FEW:
        return False
    return length >= MANY or any(set(text[first::2]) == {"\0"} for first in (0, 1))


def _zeros(count: int, length: int) -> str:
    return f"{count} zero bytes among {length}, as UTF-16 and UTF-32 have (say so in 'encoding')"
