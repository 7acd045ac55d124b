"""The names of the columns of a delimited file, and where its rows begin."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ptm.errors import BadInput, Faults
from ptm.readers.delimited.faults import shown, some
from ptm.readers.delimited.numbers import NOT_FINITE, NUMBER

if TYPE_CHECKING:
    pass

LINE_END = re.compile(r"\r\n|\r|\n")
HINT = re.compile(r'("?)sep=.?\1[ \t]*(?:[\r\n]|\Z)', re.IGNORECASE)


def read_header(
    path: Path, content: str, delimiter: str, header: bool | None
) -> tuple[list[str], int]:
    """The names of the columns, and the place in `content` where the rows begin.

    Without a header (`header = false`) they are c0, c1, … for the fields of the first row.

    Raises:
        BadInput: the first line names no columns: it is blank, made of numbers while
            `header` is not true, a hint for spreadsheets, or has a quote that is never
            closed; or a name is missing or comes twice.
    """
    if header is False:
        blank = len(content) - len(content.lstrip("\r\n"))
        first, _ = (
            _first_record(path, content[blank:], delimiter) if blank < len(content) else ([], 0)
        )
        return [f"c{number}" for number in range(max(len(first), 1))], 0
    first, end = _first_record(path, content, delimiter)
    faults = Faults()
    for expected, got in _problems(first, header is None):
        faults.add(_fault(path, expected, got))
    faults.check()
    return first, end


def _first_record(path: Path, content: str, delimiter: str) -> tuple[list[str], int]:
    """The fields of the first record, and where it ends."""
    ends: list[int] = []

    def lines() -> Iterator[str]:
        start = 0
        while start < len(content):
            found = LINE_END.search(content, start)
            stop = found.end() if found else len(content)
            ends.append(stop)
            yield content[start:stop]
            start = stop
        yield ""  # a record of its own, unless a quote is open

    hint = HINT.match(content)
    if hint:
        got = f"'{hint[0].strip()}', a hint for spreadsheets: take that line out"
        raise _fault(path, "the names of the columns", got)
    records = csv.reader(lines(), delimiter=delimiter)
    try:
        first = next(records, [])
        end = ends[-1] if ends else 0
        is_open = bool(first) and end == len(content) and next(records, None) is None
    except csv.Error as error:
        most = csv.field_size_limit()
        got = f"one that is longer, or a quote that is not closed (line {len(ends)})"
        raise _fault(path, f"names of at most {most} letters", got) from error
    if is_open:
        got = f"'{shown(first[-1])}' with a quote that is never closed"
        raise _fault(path, "names with their quotes closed", got)
    if not first:
        raise _fault(path, "the names of the columns", "a blank line")
    return first, end


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
