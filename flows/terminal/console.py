"""How the command prints: words that are never broken, and rows that fit a narrow terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rich.box import SIMPLE_HEAD, Box
from rich.console import Console
from rich.progress import SpinnerColumn
from rich.table import Table
from rich.text import Text

from flows.terminal.streams import plain

console = Console(highlight=False)
NARROWEST = 20  # a terminal that claims to be narrower is not believed
COMFORT = 20  # a sentence is not wrapped into less
GAPS = (3, 2)  # from one column to the next, and where that is too wide
LETTERS_ONLY = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)
# a word; or what must stay in one piece to be copied: (a path), 'a name', ptm and its arguments
INSIDE = r"(?:[^()]|\([^()]*\))*"  # parentheses, as "photo (1).png" has them
WORD = re.compile(
    rf"(?:\({INSIDE}[/.\\]{INSIDE}\)|(?<!\w)'[^']*'(?!\w)|\bptm [^;,()`]*[^;,()`\s]|\S)+"
)


def say(text: str, style: str = "") -> None:
    """Prints a line as it is, however long: paths and commands can be copied from it."""
    console.print(Text(shown(text), style), soft_wrap=True)


def prose(text: str, style: str = "", indent: int = 0) -> None:
    """Prints sentences, wrapped between words; further lines of a sentence are indented."""
    for line in text.split("\n"):
        _print(_filled(_words(Text(shown(line), style)), indent=indent))


def labelled(label: str, style: str, text: str) -> None:
    """Prints sentences behind a label in a style of its own."""
    for number, line in enumerate(text.split("\n")):
        start = [] if number else [Text(label, style)]
        inside = len(line) - len(line.lstrip(" "))
        _print(_filled([*start, *_words(_text(line))], indent=inside + 2 if inside else 0))


def listed(label: str, values: Iterable[str], whole: bool = True) -> None:
    """Prints values behind a label; each in one piece, or wrapped between words."""
    pieces = [Text(shown(value)) for value in values]
    parts = [piece + "," for piece in pieces[:-1]] + pieces[-1:]
    words = parts if whole else [word for part in parts for word in _words(part)]
    _print(_filled([*_words(Text(shown(label))), *words], indent=2))


def side_by_side(*pieces: str) -> None:
    """Prints pieces on one line, or below each other where they do not fit."""
    _print(_filled([_text(piece) for piece in pieces], gap=GAPS[0]))


class Rows:
    """Rows of cells: a table if the terminal is wide enough, else lines of "name: value".

    No cell is cut, and none is wrapped but between words, in the columns that allow it. Columns
    without any cell are left out.

    Args:
        headings: one for each column.
        right: those of columns that are aligned to the right.
        wraps: those of columns with sentences.
        tight: those of columns with names, which may be wrapped however narrow they get.
        bare: those of columns whose cells need no heading outside a table.
    """

    def __init__(
        self,
        *headings: str,
        right: Iterable[str] = (),
        wraps: Iterable[str] = (),
        tight: Iterable[str] = (),
        bare: Iterable[str] = (),
    ) -> None:
        sides, sentences, names, plain_ones = set(right), set(wraps), set(tight), set(bare)
        self._columns = [
            _Column(_text(h), h in sides, h in sentences, h in names, h in plain_ones)
            for h in headings
        ]

    def __bool__(self) -> bool:
        """Whether there is any."""
        return any(column.cells for column in self._columns)

    def add(self, *cells: str | Text) -> None:
        """One more row; a cell may have several lines."""
        for column, cell in zip(self._columns, cells, strict=True):
            column.cells.append(_text(cell))

    def fit(self) -> bool:
        """Whether the terminal is wide enough for a table."""
        return self._gap() is not None

    def print(self) -> None:
        """Prints them."""
        gap = self._gap()
        if gap:
            console.print(self._table(gap), width=_width(), crop=False)
            return
        for row in zip(*(column.cells for column in self._columns), strict=True):
            _print(self._as_lines(row))

    def _gap(self) -> int | None:
        """Between columns, so that a table fits; None where it does not."""
        used = [column for column in self._columns if column.used]
        for gap in GAPS:
            if sum(column.whole for column in used) <= _room(len(used), gap):
                return gap
        fits = sum(column.least for column in used) <= _room(len(used), GAPS[-1])
        return GAPS[-1] if fits else None

    def _table(self, gap: int) -> Table:
        box = LETTERS_ONLY if console.options.ascii_only else SIMPLE_HEAD
        table = Table(box=box, pad_edge=False, padding=(0, 1, 0, gap - 2))
        used = [column for column in self._columns if column.used]
        widths = _shared(used, _room(len(used), gap))
        for column, width in zip(used, widths, strict=True):
            justify = "right" if column.right else "left"
            table.add_column(column.heading, justify=justify, width=width)  # type: ignore[arg-type]
        for row in zip(*(column.cells for column in used), strict=True):
            table.add_row(*map(_fitted, row, widths))
        return table

    def _as_lines(self, row: tuple[Text, ...]) -> list[Text]:
        """What is short behind the name of the row; below it what has lines or sentences."""
        name = row[0].copy()
        name.stylize("bold")
        short, long = [name], list[Text]()
        for column, cell in list(zip(self._columns, row, strict=True))[1:]:
            pieces = [column.label + line for line in cell.split("\n")]
            if len(pieces) > 1:
                long += [Text("  ") + piece for piece in pieces]
            elif column.wraps and pieces[0].cell_len > _width() // 2:
                long += _filled(_words(pieces[0]), start=2, indent=4)
            elif cell.plain:
                short += pieces
        return [*_filled(short, gap=2, indent=2), *long]


@dataclass
class _Column:
    """A column: its heading, its cells and how they may be set."""

    heading: Text
    right: bool
    wraps: bool
    tight: bool
    bare: bool
    cells: list[Text] = field(default_factory=list)

    @property
    def used(self) -> bool:
        """Whether a cell of it has anything."""
        return any(cell.plain for cell in self.cells)

    @property
    def label(self) -> Text:
        """What stands before a cell outside a table."""
        needed = self.heading.plain and not self.bare
        return Text.assemble(self.heading, ": ") if needed else Text()

    @property
    def least(self) -> int:
        """The width that it needs."""
        if self.tight:
            return max(map(_longest_word, (self.heading, *self._lines())), default=0)
        return self.whole

    @property
    def whole(self) -> int:
        """The width in which no name is wrapped."""
        return max(_longest_word(self.heading), *map(self._needed, self._lines()), 0)

    @property
    def most(self) -> int:
        """The width in which nothing is wrapped."""
        return max(line.cell_len for line in (self.heading, *self._lines()))

    def _needed(self, line: Text) -> int:
        width = line.cell_len
        return max(_longest_word(line), min(width, COMFORT)) if self.wraps else width

    def _lines(self) -> Iterator[Text]:
        for cell in self.cells:
            yield from cell.split("\n")


def shown(text: str) -> str:
    """A text as the terminal can show it."""
    return plain(text, console.encoding)


def spinner() -> SpinnerColumn:
    """What turns beside a bar, of letters that the terminal has."""
    return SpinnerColumn("line" if console.options.ascii_only else "dots")


def _width() -> int:
    return max(console.width, NARROWEST)


def _room(columns: int, gap: int) -> int:
    """What the terminal leaves for the cells of a row."""
    return _width() - gap * (columns - 1) - 2


def _shared(columns: list[_Column], room: int) -> list[int]:
    """The width of each column: what it needs, and a fair share of what is left."""
    widths = [column.least for column in columns]
    wishes = [column.most - column.least for column in columns]
    left = room - sum(widths)
    by_wish = sorted(range(len(wishes)), key=wishes.__getitem__)
    for place, number in enumerate(by_wish):
        more = min(wishes[number], left // (len(wishes) - place))
        widths[number] += more
        left -= more
    return widths


def _print(lines: list[Text]) -> None:
    console.print(Text("\n").join(lines), soft_wrap=True)


def _text(text: str | Text) -> Text:
    return text if isinstance(text, Text) else Text(shown(text))


def _words(text: Text) -> list[Text]:
    """The words of a line, the first with the spaces before it."""
    found = list(WORD.finditer(text.plain))
    starts = [0 if number == 0 else word.start() for number, word in enumerate(found)]
    return [text[start : word.end()] for start, word in zip(starts, found, strict=True)]


def _longest_word(line: Text) -> int:
    return max((word.cell_len for word in _words(line)), default=0)


def _filled(
    pieces: Iterable[Text], width: int = 0, gap: int = 1, start: int = 0, indent: int = 0
) -> list[Text]:
    """Lines with as many pieces as fit into the width, the terminal's where left out."""
    lines: list[Text] = []
    for piece in pieces:
        if lines and lines[-1].cell_len + gap + piece.cell_len <= (width or _width()):
            lines[-1] = Text.assemble(lines[-1], " " * gap, piece)
        else:
            lines.append(Text.assemble(" " * (indent if lines else start), piece))
    return lines


def _fitted(cell: Text, width: int) -> Text:
    """A cell whose lines are wrapped between words where they are too long."""
    lines: list[Text] = []
    for line in cell.split("\n"):
        lines += _filled(_words(line), width) if line.cell_len > width else [line]
    return Text("\n").join(lines)
