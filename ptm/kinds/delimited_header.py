"""The names of the columns of a delimited file, and where its rows begin."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ptm.errors import Faults, InputError
from ptm.kinds.delimited_faults import shown, some
from ptm.kinds.delimited_numbers import NOT_FINITE, NUMBER
from ptm.kinds.files import relative

if TYPE_CHECKING:
    from ptm.catalog import TableSource, TimeSeriesSource

LINE_END = re.compile(r"\r\n|\r|\n")
HINT = re.compile(r'("?)sep=.?\1[ \t]*(?:[\r\n]|\Z)', re.IGNORECASE)


def read_header(
    source: TableSource | TimeSeriesSource, path: Path, content: str
) -> tuple[list[str], int]:
    """The names of the columns, and the place in `content` where the rows begin.

    Without a header (`header = false`) they are c0, c1, … for the fields of the first row.

    Raises:
        InputError: the first line names no columns: it is blank, made of numbers while the source
            does not say `header = true`, a hint for spreadsheets, or has a quote that is never
            closed; or a name is missing or comes twice.
    """
    if source.header is False:
        blank = len(content) - len(content.lstrip("\r\n"))
        first, _ = _first_record(source, path, content[blank:]) if blank < len(content) else ([], 0)
        return [f"c{number}" for number in range(max(len(first), 1))], 0
    first, end = _first_record(source, path, content)
    faults = Faults()
    for expected, got in _problems(first, source.header is None):
        faults.add(_fault(source, path, expected, got))
    faults.check()
    return first, end


def _first_record(
    source: TableSource | TimeSeriesSource, path: Path, content: str
) -> tuple[list[str], int]:
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
        raise _fault(source, path, "the names of the columns", got)
    records = csv.reader(lines(), delimiter=source.delimiter)
    try:
        first = next(records, [])
        end = ends[-1] if ends else 0
        is_open = bool(first) and end == len(content) and next(records, None) is None
    except csv.Error as error:
        most = csv.field_size_limit()
        got = f"one that is longer, or a quote that is not closed (line {len(ends)})"
        raise _fault(source, path, f"names of at most {most} letters", got) from error
    if is_open:
        got = f"'{shown(first[-1])}' with a quote that is never closed"
        raise _fault(source, path, "names with their quotes closed", got)
    if not first:
        raise _fault(source, path, "the names of the columns", "a blank line")
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


def _fault(
    source: TableSource | TimeSeriesSource, path: Path, expected: str, got: str
) -> InputError:
    return InputError(
        source.name, where="header", expected=expected, got=got, file=relative(source, path)
    )
