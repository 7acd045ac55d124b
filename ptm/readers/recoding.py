"""Blocks of bytes of a text, in whatever encoding, as blocks in UTF-8; cut at ends of lines."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from ptm.errors import BadInput
from ptm.readers.text import FEW, check_begin, check_is_text, known, told_zeros
from ptm.readers.units import BEGIN, inner_name

MOST_LINE = 1 << 26  # bytes of a line that is looked at as one
LINE_END = re.compile(rb"\r\n|\r|\n")


def in_utf8(path: Path, encoding: str, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same text in UTF-8, without byte order marks at its begin.

    Args:
        path: the file, for messages.
        encoding: of the blocks, as Python names it.
        blocks: of the file, from its begin.

    Raises:
        BadInput: there is no such encoding, or none of text; the file is empty, has the byte order
            mark of another encoding, is not text in this one, or has a NUL: line and byte are told.
    """
    name = known(encoding)
    check_is_text(encoding)
    first = b""
    while len(first) < BEGIN and (block := next(blocks, b"")):
        first += block
    check_begin(path, encoding, name, first)
    decoder = codecs.getincrementaldecoder(encoding)()
    inner, place, lines = inner_name(name, first), 0, 0
    is_begin, is_split = True, False  # of the text; between CR and LF
    block = first
    while True:
        waiting = decoder.getstate()[0]
        try:
            text = decoder.decode(block, not block)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(inner, "replace")
            place += error.start - len(waiting)
            where = f"line {lines + _ends(before) + 1}, byte {place}"
            if error.start < len(error.object):
                got = f"the byte 0x{error.object[error.start]:02x}"
            else:
                got = "the end of the file"
            raise BadInput(where, f"{encoding} text", got, str(path)) from error
        except UnicodeError as error:
            raise BadInput(expected=f"{encoding} text", got=str(error), file=str(path)) from error
        if "\0" in text:
            zeros, first_zero = text.count("\0"), text.index("\0")
            where = f"line {lines + _ends(text[:first_zero]) + 1}"
            is_sign = zeros * 4 >= len(text) >= FEW
            got = told_zeros(zeros, len(text)) if is_sign else "a NUL byte"
            raise BadInput(where, f"{encoding} text", got, str(path))
        if is_begin:
            text = text.lstrip("\ufeff")
            is_begin = not text
        lines += _ends(text) - (is_split and text.startswith("\n"))
        if text:
            is_split = text.endswith("\r")
            yield _encoded(path, text)
        if not block:
            return
        place += len(block)
        block = next(blocks, b"")


def _ends(text: str) -> int:
    """How many lines end in a text."""
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _encoded(path: Path, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        got = f"half of one, U+{ord(text[error.start]):04X}"
        raise BadInput(expected="whole characters", got=got, file=str(path)) from error


def whole_lines(path: Path, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks that end where a line does, but for the last.

    Raises:
        BadInput: a line has more bytes than can be looked at together.
    """
    rest: list[bytes] = []
    length = 0
    for block in blocks:
        if rest and rest[-1].endswith(b"\r") and not block.startswith(b"\n"):
            yield b"".join(rest)
            rest, length = [], 0
        end = max(block.rfind(b"\n"), block.rfind(b"\r", 0, len(block) - 1)) + 1
        if end:
            yield b"".join([*rest, block[:end]])
            rest, length = [], 0
        rest.append(block[end:])
        length += len(block) - end
        if length > MOST_LINE:
            expected, got = f"lines of at most {MOST_LINE} bytes", "a longer one"
            raise BadInput(expected=expected, got=got, file=str(path))
    if length:
        yield b"".join(rest)


def without_lines(blocks: Iterator[bytes], count: int) -> Iterator[bytes]:
    """Whole lines without the first so many."""
    for block in blocks:
        place = 0
        if count:
            for end in LINE_END.finditer(block):
                place, count = end.end(), count - 1
                if not count:
                    break
            else:
                continue
        if place < len(block):
            yield block[place:]
