"""JSON into rows: an object on each line, or one array of objects, which is read as such lines.

The columns are the keys of the rows at the begin of the file (`FIRST` bytes of it), in the order in
which they come first; a key that only comes later is refused, so that all parts have the same
columns. A key that a row lacks, or that is null, is a missing value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm.errors import BadInput
from ptm.readers.delimited.dialect import Dialect
from ptm.readers.delimited.faults import shown, some
from ptm.readers.recoding import in_utf8
from ptm.readers.streams import (
    Content,
    Decompressed,
    Streamed,
    begin_of_bytes,
    codec_of,
)
from ptm.readers.tabular.building import Building
from ptm.readers.text import read_begin, read_utf8

if TYPE_CHECKING:
    import pyarrow as pa

FIRST = 1 << 20  # bytes at the begin whose keys are the columns
MAGIC = 10
BLANK = " \t\r\n"
LINE_END = re.compile(r"\r\n|\r|\n")
ESCAPED = re.compile(rb"(?s)\\.")
NESTED: dict[Any, str] = {dict: "an object", list: "an array"}
EXPECTED = "a JSON object on each line, or one array of objects"


def content_of(path: Path, dialect: Dialect) -> tuple[Content, str]:
    """The file as it is read, an object on each line, and its encoding.

    Raises:
        BadInput: it is empty, or compressed and damaged.
    """
    codec = codec_of(begin_of_bytes(path, MAGIC))
    content: Content = Streamed(path, Decompressed(codec)) if codec else path
    _, text, is_all = read_begin(content, dialect.encoding, MAGIC)
    size = MAGIC
    while not text.lstrip("\ufeff" + BLANK) and not is_all and size < FIRST:
        size *= 4
        _, text, is_all = read_begin(content, dialect.encoding, size)
    if text.lstrip("\ufeff" + BLANK).startswith("["):
        return Streamed(path, AsLines(codec, dialect.encoding)), "utf-8"
    return content, dialect.encoding


def names_of(content: Content, encoding: str) -> list[str]:
    """The keys at the begin of the file.

    Raises:
        BadInput: a line there is no object, or too long; or there are no keys.
    """
    _, text, is_all = read_begin(content, encoding, FIRST)
    text = text.lstrip("\ufeff")
    if not is_all:
        end = max(text.rfind("\n"), text.rfind("\r")) + 1
        if not end:
            expected, got = f"lines of at most {FIRST} bytes at the begin", "a longer one"
            raise BadInput(expected=expected, got=got, file=str(content))
        text = text[:end]
    names: dict[str, None] = {}
    for row, line in enumerate(_lines(text) if text.strip() else ()):
        names |= dict.fromkeys(_object(content, row, line))
    if not names:
        raise BadInput(expected="objects with keys", got="none", file=str(content))
    return list(names)


def loader(
    content: Content,
    encoding: str,
    names: list[str],
    span: tuple[int, int] | None,
    before: int,
    is_all: bool,
) -> Callable[[list[str]], pa.Table]:
    """What reads columns of the rows of a span, or of all.

    Args:
        content, encoding: see `content_of`.
        names: of the columns.
        span: the bytes from and to; None of the whole file.
        before: how many rows stand before them.
        is_all: whether there may be no others than those named.

    Raises:
        BadInput: when it reads: a line is no object with these keys, or has another value than a
            number, a text, a flag or null; the row is named.
    """

    def load(columns: list[str]) -> pa.Table:
        import pyarrow as pa

        text = read_utf8(content, encoding, span).decode()
        known, wanted = frozenset(names), {name: Building() for name in columns}
        for row, line in enumerate(_lines(text), start=before):
            found = _object(content, row, line)
            if is_all and not found.keys() <= known:
                raise _late(content, row, found, names)
            for name, column in wanted.items():
                value = found.get(name)
                if type(value) in NESTED:
                    raise _fault(
                        content,
                        row,
                        "a number, text, flag or null (or 'columns' that leave it out)",
                        NESTED[type(value)],
                        f", column '{shown(name)}'",
                    )
                column.add(value)
        return pa.table({name: column.column() for name, column in wanted.items()})

    return load


def _lines(text: str) -> Iterator[str]:
    """The lines that are not blank."""
    return (line for line in LINE_END.split(text) if line)


def _object(content: Content, row: int, line: str) -> dict[str, Any]:
    """The object that stands in a line.

    Raises:
        BadInput: none does, or not it alone.
    """
    try:
        found = DECODER.decode(line)
        if "\\u" in line:
            json.dumps(found, ensure_ascii=False).encode()  # which half of a character has not
    except UnicodeEncodeError as error:
        raise _fault(content, row, "whole characters", "half of one") from error
    except _Twice as error:
        raise _fault(content, row, "each key once", f"'{shown(str(error))}' twice") from error
    except RecursionError as error:
        raise _fault(content, row, EXPECTED, "one that is nested too deep") from error
    except ValueError as error:
        got = f"'{shown(line.strip())}'" if line.strip() else "a line of blanks"
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise _fault(content, row, EXPECTED, f"{got} ({reason})") from error
    if not isinstance(found, dict):
        raise _fault(content, row, EXPECTED, f"'{shown(line.strip())}'")
    return found


class _Twice(Exception):
    """A key comes twice in an object."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Twice(key)
            seen.add(key)
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def _late(content: Content, row: int, found: dict[str, Any], names: list[str]) -> BadInput:
    late = [key for key in found if key not in names]
    expected = f"the keys of the first {FIRST >> 20} MiB alone, {some(names)} (or 'columns')"
    return _fault(content, row, expected, some(late))


def _fault(content: Content, row: int, expected: str, got: str, where: str = "") -> BadInput:
    return BadInput(f"row {row + 1}{where}", expected, got, str(content))


@dataclass(frozen=True)
class AsLines:
    """The elements of a JSON array, each on a line of its own.

    Attributes:
        codec: how the file is compressed, or "".
        encoding: of the text.
    """

    codec: str
    encoding: str

    def blocks(self, path: Path) -> Iterator[bytes]:
        """See `ptm.readers.streams.Rewriting`."""
        raw = Decompressed(self.codec).blocks(path)
        array = _Array(path)
        for block in in_utf8(path, self.encoding, raw):
            if lines := array.lines(block):
                yield lines
        array.check_closed()


class _Array:
    """A JSON array on its way to lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._depth, self._commas = 0, 0  # how deep it is nested; behind how many elements
        self._in_text, self._is_escaped = False, False
        self._has_element, self._is_over = False, False

    def lines(self, block: bytes) -> bytes:
        """The next bytes of the array as lines: what is in strings and objects stays as it is."""
        import numpy as np

        if self._is_over:
            self._check_rest(block)
            return b""
        text = np.frombuffer(self._without_escapes(block), np.uint8)
        quotes = text == ord('"')
        inside = (np.cumsum(quotes) + self._in_text) % 2 == 1
        self._in_text = bool(inside[-1])
        opening = ((text == ord("[")) | (text == ord("{"))) & ~inside
        closing = ((text == ord("]")) | (text == ord("}"))) & ~inside
        depth = self._depth + np.cumsum(opening.astype(np.int64) - closing)
        written = np.frombuffer(block, np.uint8).copy()
        written[((text == ord("\n")) | (text == ord("\r"))) & ~inside] = ord(" ")
        written[(text == ord(",")) & ~inside & (depth == 1)] = ord("\n")
        if not self._depth and opening.any():
            written[opening.argmax()] = ord(" ")
        self._depth = int(depth[-1])
        over = closing & (depth <= 0)
        end = int(over.argmax()) if over.any() else len(block)
        found = written[:end].tobytes()
        self._check_elements(found)
        if end < len(block):
            self._is_over = True
            if block[end] != ord("]") or (self._commas and not self._has_element):
                got = "'}'" if block[end] != ord("]") else "a comma before its end"
                raise self._fault("a JSON array", got)
            self._check_rest(block[end + 1 :])
        return found

    def check_closed(self) -> None:
        """Looks whether the array has ended.

        Raises:
            BadInput: it has not.
        """
        if not self._is_over:
            raise self._fault("a JSON array up to its ]", "the end of the file")

    def _without_escapes(self, block: bytes) -> bytes:
        """As many bytes, with letters in place of a backslash and what follows it."""
        if self._is_escaped:
            block = b"x" + block[1:]
        self._is_escaped = False
        if b"\\" in block:
            block = ESCAPED.sub(b"xx", block)
            self._is_escaped = block.endswith(b"\\")
        return block

    def _check_elements(self, found: bytes) -> None:
        """Looks whether there is something between commas."""
        for piece in found.split(b"\n")[:-1]:
            if not (self._has_element or piece.strip()):
                raise self._fault("an object between commas", "nothing")
            self._has_element, self._commas = False, self._commas + 1
        self._has_element |= bool(found[found.rfind(b"\n") + 1 :].strip())

    def _check_rest(self, rest: bytes) -> None:
        if rest.strip():
            got = f"'{shown(rest.strip()[:80].decode(errors='replace'))}'"
            raise self._fault("nothing behind the JSON array", got)

    def _fault(self, expected: str, got: str) -> BadInput:
        return BadInput(f"row {self._commas + 1}", expected, got, str(self._path))
