"""How delimited text is written: what parts and quotes its fields, and where its rows begin."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from ptm.readers.sniffing.cells import is_missing, is_typed
from ptm.readers.sniffing.headers import has_header, is_title

WHITESPACE = "whitespace"
DELIMITERS = (",", ";", "\t", "|", WHITESPACE, ":", "^", "~")
RARE = (":", "^", "~")
ROWS = 400  # that show how all are written
CELLS = 10_000  # that are looked at
LINES = 60  # that may stand before a header
LINE = re.compile(r"\r\n|\r|\n")
WORD = re.compile(r"[\w .\-+/()&'’%#@!?°€$:*=]{1,60}")
SEP = re.compile(r'"?sep=.?"?[ \t]*', re.IGNORECASE)
CONSISTENT = 0.75  # of the rows, which have the usual number of fields


class Dialect(NamedTuple):
    """How delimited text is written.

    Attributes:
        delimiter: one character, or "whitespace".
        quote: one character, or "".
        comment: of lines that are left out, or "".
        skip: lines before the header, or the first row.
        header: whether the first row names the columns.
        names: of the columns: those of the header, or c0, c1, …
        rows: the first ones, as texts, without the header.
        body: the line of the first of them, from 0.
        titles: what a header calls the columns that cannot name them; none where they can.
        doubts: what is not sure.
    """

    delimiter: str
    quote: str
    comment: str
    skip: int
    header: bool
    names: tuple[str, ...]
    rows: list[list[str]]
    body: int = 0
    titles: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


class _Reading(NamedTuple):
    """The records of a text by one delimiter and quote, each with the line that it begins at."""

    delimiter: str
    quote: str
    records: list[tuple[int, list[str]]]
    width: int
    score: float


def dialect_of(text: str, is_all: bool, is_named: bool) -> Dialect | None:
    """How a text is written; None of what is no table.

    Args:
        text: its begin.
        is_all: whether there is no more; else the last line may be cut.
        is_named: whether the name of the file says that it is a table.
    """
    lines = LINE.split(text.lstrip("\ufeff"))[: 4 * ROWS]
    if not is_all and len(lines) < 4 * ROWS:
        lines = lines[:-1]
    while lines and not lines[-1].strip():
        lines.pop()
    comment = _comment(lines)
    found = [r for r in _readings(lines, comment, is_named) if r.width > 1]
    best = max(found, key=lambda reading: reading.score, default=None)
    if best is None or best.score < (0.35 if is_named else 0.6):
        best = _one_column(lines, comment, is_named)
    return _told(best, lines, comment) if best else None


def records_of(
    lines: Sequence[str], delimiter: str, quote: str, comment: str = ""
) -> Iterator[tuple[int, list[str]]]:
    """The records of lines, each with the number of its first line; blank ones are none."""
    kept = [(n, _spaced(line, delimiter)) for n, line in enumerate(lines) if _counts(line, comment)]
    is_spaced = delimiter == WHITESPACE
    reader = csv.reader(
        (f"{line}\n" for _, line in kept),
        delimiter=" " if is_spaced else delimiter,
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        skipinitialspace=is_spaced,
    )
    start = 0
    try:
        for record in reader:
            yield kept[start][0], record
            start = reader.line_num
    except csv.Error:
        return


def _counts(line: str, comment: str) -> bool:
    return bool(line.strip()) and not (comment and line.startswith(comment))


def _spaced(line: str, delimiter: str) -> str:
    return line.replace("\t", " ").strip(" ") if delimiter == WHITESPACE else line


def _comment(lines: Sequence[str]) -> str:
    """The sign of lines that are comments; "" where there are none."""
    for sign in "#%!":
        marked = [n for n, line in enumerate(lines) if line.startswith(sign)]
        if not marked or len(marked) > len(lines) * 0.9:
            continue
        if marked == [0] and len(lines) > 1 and re.match(rf"{sign}[A-Za-z_]", lines[0]):
            parts = [re.split(r"[,;\t|]", line) for line in lines[:2]]
            if len(parts[0]) == len(parts[1]) > 1:
                continue  # a header whose first name begins so
        if marked[0] < LINES or sign == "#":
            return sign
    return ""


def _readings(lines: Sequence[str], comment: str, is_named: bool) -> Iterator[_Reading]:
    text = "\n".join(lines)
    for delimiter in DELIMITERS:
        there = " " in text or "\t" in text if delimiter == WHITESPACE else delimiter in text
        if not there:
            continue
        quotes = [sign for sign in "\"'" if _is_quoting(text, sign, delimiter)]
        for quote in quotes or ['"' if '"' not in text or delimiter != WHITESPACE else ""]:
            yield _reading(lines, delimiter, quote, comment, is_named)
        if '"' in text:
            yield _reading(lines, delimiter, "", comment, is_named)


def _is_quoting(text: str, sign: str, delimiter: str) -> bool:
    """Whether fields stand in such quotes: behind a delimiter, and closed before one."""
    parts = r"[ \t]" if delimiter == WHITESPACE else re.escape(delimiter)
    opens = len(re.findall(rf"(?:^|{parts}|\n) ?{sign}", text))
    closes = len(re.findall(rf"{sign}(?:{parts}|\n|$)", text))
    return min(opens, closes) > 0 and abs(opens - closes) <= max(opens, closes) // 4 + 1


def _reading(
    lines: Sequence[str], delimiter: str, quote: str, comment: str, is_named: bool
) -> _Reading:
    records = list(islice(records_of(lines, delimiter, quote, comment), ROWS))
    widths = Counter(len(record) for _, record in records)
    if not widths:
        return _Reading(delimiter, quote, records, 0, 0.0)
    width = max(widths, key=lambda one: (widths[one] * (one > 1), one))
    first = next(n for n, (_, record) in enumerate(records) if len(record) == width)
    usual = widths[width] / max(len(records) - min(first, LINES), 1)
    cells = [cell for _, record in records if len(record) == width for cell in record]
    cells = cells[:: len(cells) // CELLS + 1]
    known = sum(map(_is_known, cells)) / max(len(cells), 1)
    score = usual**2 * known * (0.55 + 0.45 * (width - 1) / width)
    if delimiter in RARE:
        score *= 0.7
    if delimiter == WHITESPACE:  # words of prose, and names of several words
        typed = sum(map(is_typed, cells)) / max(len(cells), 1)
        score *= 0.5 + 0.5 * typed if not is_named or typed < 0.3 else 0.95
    if quote == "" and any('"' in cell for cell in cells):
        score *= 0.8
    if usual < CONSISTENT or len(records) < 2:
        score *= 0.3
    return _Reading(delimiter, quote, records, width, score)


def _is_known(cell: str) -> bool:
    """Whether a cell is of a usual form: a number, date or word, or blank."""
    return bool(is_missing(cell) or is_typed(cell) or WORD.fullmatch(cell)) or (
        len(cell) > 20 and not any(sign in cell for sign in ";\t|")
    )


def _one_column(lines: Sequence[str], comment: str, is_named: bool) -> _Reading | None:
    """A text of one column: of numbers, or of a file that is named as a table."""
    kept = [(n, [line.strip()]) for n, line in enumerate(lines) if _counts(line, comment)]
    typed = sum(is_typed(row[0]) for _, row in kept)
    short = all(len(row[0]) < 200 for _, row in kept)
    if len(kept) < 3 or not short:
        return None
    if typed < len(kept) - 2 and not (is_named and _are_words(kept)):
        return None
    return _Reading(",", '"', kept[:ROWS], 1, 1.0)


def _are_words(rows: Sequence[tuple[int, list[str]]]) -> bool:
    return all("," not in row[0] and ";" not in row[0] and "<" not in row[0] for _, row in rows)


def _told(reading: _Reading, lines: Sequence[str], comment: str) -> Dialect:
    """A dialect of the best reading: where its rows begin, and whether there is a header."""
    records, width = reading.records, reading.width
    first = _first(records, width)
    kept = [record for _, record in records[first:] if len(record) == width]
    skip = records[first][0]
    if comment and all(not _counts(line, comment) and line.strip() for line in lines[:skip]):
        skip = 0  # comments are left out by themselves
    header, doubt = has_header(kept)
    doubts = [doubt] if doubt else []
    names = tuple(name.strip() for name in kept[0]) if header else ()
    body = records[first][0]
    if header:
        body = records[first + 1][0] if len(records) > first + 1 else body + 1
    titles: tuple[str, ...] = ()
    if header and _is_unusable(names):
        doubts.append("the header has a blank name, or one twice: its columns are c0, c1, …")
        skip, header, titles, names, kept = body, False, names, (), kept[1:]
    elif header:
        names, kept = tuple(kept[0]), kept[1:]
    names = names or tuple(f"c{number}" for number in range(width))
    how = reading.delimiter, reading.quote, comment
    return Dialect(*how, skip, header, names, kept, body, titles, tuple(doubts))


def _first(records: Sequence[tuple[int, list[str]]], width: int) -> int:
    """Which record is the first of the table: behind titles and hints, which have fewer fields."""
    usual = [len(record) == width for _, record in records]
    place = usual.index(True)
    while place and place < min(LINES, len(records) - 2):
        if usual[place] and sum(usual[place : place + 5]) >= min(4, len(usual) - place):
            break
        place += 1
    if SEP.fullmatch("".join(records[0][1])):
        place = max(place, 1)
    while place < min(LINES, len(records) - 2) and is_title(*(r for _, r in records[place:][:2])):
        place += 1
    return place


def _is_unusable(names: Sequence[str]) -> bool:
    return len(set(names)) < len(names) or not all(names)
