"""The names of the columns of a delimited file, and where its rows begin."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from ptm.errors import BadInput, Faults
from ptm.readers.delimited.content import content_of
from ptm.readers.delimited.dialect import Dialect
from ptm.readers.delimited.faults import shown, some
from ptm.readers.delimited.numbers import NOT_FINITE, NUMBER
from ptm.readers.streams import Content
from ptm.readers.text import codec_name, read_begin
from ptm.readers.units import Units, units_of

LINE_END = re.compile(r"\r\n|\r|\n")
LINE_END_BYTES = re.compile(LINE_END.pattern.encode())
HINT = re.compile(r'("?)sep=.?\1[ \t]*(?:[\r\n]|\Z)', re.IGNORECASE)
FIRST = 1 << 20  # bytes that nearly every header is within
MOST = 1 << 26  # that every one has to be within
SIGNS = '"\r\n'  # that a row is made of, beside the delimiter
# Of the first so many bytes the text, and whether there are no more.
Begin = Callable[[int], tuple[str, bool]]


def read_header(
    path: Path, begin: Begin, delimiter: str, header: bool | None
) -> tuple[list[str], int]:
    """The names of the columns, and how many lines they take.

    Without a header (`header = false`) they are c0, c1, … for the fields of the first row.

    Args:
        path: the file, for messages.
        begin: gives the begin of the file, or of its header, however much of it is needed.
        delimiter: between two fields.
        header: see `read_delimited`.

    Raises:
        BadInput: the first line names no columns: it is blank, made of numbers while
            `header` is not true, a hint for spreadsheets, or has a quote that is never
            closed; or a name is missing or comes twice.
    """
    first, lines = first_record(path, begin, delimiter, header is False)
    if header is False:
        return [f"c{number}" for number in range(max(len(first), 1))], 0
    check_header(path, first, header is None)
    return first, lines


def check_header(path: Path, names: list[str], is_guess: bool) -> None:
    """Looks whether names are those of columns.

    Args:
        path: the file, for messages.
        names: of all columns.
        is_guess: whether nobody has said that they are names.

    Raises:
        BadInput: one is missing or comes twice; or all of them are numbers, and it is a guess.
    """
    faults = Faults()
    for expected, got in _problems(names, is_guess):
        faults.add(_fault(path, expected, got))
    faults.check()


def head_of(path: Path, dialect: Dialect) -> int:
    """How many bytes at the begin of a file are its header: with byte order mark and line end.

    Of `header = false` none, nor where the encoding does not show line ends as bytes: such a file
    is one piece.

    Raises:
        BadInput: the file is empty; or the header has no end, or is a blank line, or a hint for
            spreadsheets. What its names are is looked at where rows are read.
    """
    content, dialect = content_of(path, dialect)
    delimiter, encoding = dialect.separator, dialect.encoding
    begin, _, _ = read_begin(content, encoding, 4)
    units = units_of(codec_name(encoding), begin, delimiter + SIGNS)
    if dialect.header is False or units is None:
        return 0
    _, lines = first_record(path, begin_of_file(content, encoding), delimiter, False)
    size = FIRST
    while True:
        raw, _, is_all = read_begin(content, encoding, size)
        head = behind_lines(raw, lines, units)
        if head < len(raw) or is_all:
            return head
        size *= 2


def begin_of_file(path: Content, encoding: str) -> Begin:
    """Reads the begin of a file."""
    return lambda size: read_begin(path, encoding, size)[1:]


def begin_of(content: bytes) -> Begin:
    """The same of what is read already, in UTF-8."""
    return lambda size: (content[:size].decode(errors="ignore"), len(content) <= size)


def behind_lines(raw: bytes, lines: int, units: Units) -> int:
    """The place behind so many lines; the end where there are fewer."""
    if not lines:
        return 0
    text = raw if units.width == 1 else units.ascii_of(raw).tobytes()
    end = next(islice(LINE_END_BYTES.finditer(text), lines - 1, None), None)
    return end.end() * units.width if end else len(raw)


def first_record(path: Path, begin: Begin, delimiter: str, is_row: bool) -> tuple[list[str], int]:
    """The fields of the first record of a file, and how many lines it has.

    Raises:
        BadInput: it has no end, or is a blank line, or a hint for spreadsheets. A first row
            (`is_row`) may have blank lines before it, or not be there at all: no fields.
    """
    size = FIRST
    while True:
        text, is_all = begin(size)
        text = text.lstrip("\ufeff")
        if is_row:
            text = text.lstrip("\r\n")
            if is_all and not text:
                return [], 0
        found = _record(path, text, delimiter, is_all) if text or is_all else None
        if found:
            return found
        if size >= MOST:
            raise _fault(path, f"names in at most {MOST} bytes", "a longer line")
        size *= 2


def _record(path: Path, content: str, delimiter: str, is_all: bool) -> tuple[list[str], int] | None:
    """The fields of the first record and how many lines it has; None where more is to be read."""
    ends: list[int] = []
    hint = HINT.match(content)
    if hint:
        got = f"'{hint[0].strip()}', a hint for spreadsheets: take that line out"
        raise _fault(path, "the names of the columns", got)
    records = csv.reader(_lines(content, ends), delimiter=delimiter)
    try:
        first = next(records, [])
        is_end = not ends or ends[-1] == len(content)
        is_open = is_all and bool(first) and is_end and next(records, None) is None
    except csv.Error as error:
        most = csv.field_size_limit()
        got = f"one that is longer, or a quote that is not closed (line {len(ends)})"
        raise _fault(path, f"names of at most {most} letters", got) from error
    if is_end and not is_all:
        return None
    if is_open:
        got = f"'{shown(first[-1])}' with a quote that is never closed"
        raise _fault(path, "names with their quotes closed", got)
    if not first:
        raise _fault(path, "the names of the columns", "a blank line")
    return first, len(ends)


def _lines(content: str, ends: list[int]) -> Iterator[str]:
    """The lines of a text, and an empty one; where each of them ends is added to `ends`."""
    start = 0
    while start < len(content):
        found = LINE_END.search(content, start)
        stop = found.end() if found else len(content)
        ends.append(stop)
        yield content[start:stop]
        start = stop
    yield ""  # a record of its own, unless a quote is open


def _problems(names: list[str], is_guess: bool) -> Iterator[tuple[str, str]]:
    """What was expected of the names, and what they are."""
    numbers = [name for name in names if NUMBER.match(name)]
    if (
        is_guess
        and numbers
        and all(NUMBER.match(name) or NOT_FINITE.match(name) or not name for name in names)
    ):
        expected = (
            "names of the columns (or header = false where there are none, "
            "or header = true where these are the names)"
        )
        yield expected, f"numbers: {some(names)}"
        return
    nameless = [str(place) for place, name in enumerate(names, start=1) if not name]
    if nameless:
        word = "column" if len(nameless) == 1 else "columns"
        got = f"no name for {word} {some(nameless)}"
        yield "a name for each column, each once", got
    for name, count in Counter(names).items():
        if name and count > 1:
            times = "twice" if count == 2 else f"{count} times"
            yield "a name for each column, each once", f"'{shown(name)}' {times}"


def _fault(path: Path, expected: str, got: str) -> BadInput:
    return BadInput(where="header", expected=expected, got=got, file=str(path))
