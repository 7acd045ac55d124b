"""TOML with comments, which no package of Python writes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ptm.inspecting.guess import Line

BARE = re.compile(r"[A-Za-z0-9_-]+")
SHORT = {"\b": r"\b", "\t": r"\t", "\n": r"\n", "\f": r"\f", "\r": r"\r", '"': r"\""} | {
    "\\": r"\\"
}
LITERAL = re.compile(r"[^'\x00-\x1f\x7f]*")
CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]|[\ud800-\udfff]")
WIDE = 100  # letters of a line; what is longer is a value on each


def written(value: Any) -> str:
    """A value in one line.

    Args:
        value: a text, bool, whole number, finite number, list or table.
    """
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        pairs = [f"{key(name)} = {written(one)}" for name, one in value.items()]
        return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(written, value))}]"
    return repr(value)


def text(value: str) -> str:
    """A text: without escapes where it has backslashes, as patterns do."""
    if "\\" in value and LITERAL.fullmatch(value):
        return f"'{value}'"
    return '"' + "".join(map(_escaped, value)) + '"'


def key(name: str) -> str:
    """The name of an option or column."""
    return name if BARE.fullmatch(name) else '"' + "".join(map(_escaped, name)) + '"'


def comment(words: str) -> str:
    """A text in one line behind a '#'."""
    return "# " + CONTROL.sub("�", " ".join(words.split()))


def table(name: str, lines: tuple[Line, ...], beside: str = "") -> str:
    """One table: options with their comments, then those that have a table of their own."""
    plain = [line for line in lines if not _is_apart(line)]
    told = [f"[{key(name)}]{_behind(beside)}", *(one for line in plain for one in _line(line))]
    for line in lines:
        if _is_apart(line):
            told += ["", *_apart(name, line)]
    return "\n".join(told) + "\n"


def _line(line: Line) -> Iterator[str]:
    """An option; a list whose values have comments, or that is long, has a line for each."""
    start = f"{key(line.option)} = "
    whole = f"{start}{written(line.value)}"
    mark = "# " if line.is_off else ""
    is_list = isinstance(line.value, (list, tuple)) and line.value
    if not is_list or line.is_off or not (line.notes or len(whole) > WIDE):
        yield f"{mark}{whole}{_behind(line.comment)}"
        return
    yield f"{start}[{_behind(line.comment)}"
    cells = [f"    {written(value)}," for value in line.value]
    width = max(map(len, cells))
    for cell, value in zip(cells, line.value, strict=True):
        told = line.notes.get(value, "") if isinstance(value, str) else ""
        yield f"{cell:{width}}{_behind(told)}" if told else cell
    yield "]"


def _apart(name: str, line: Line) -> Iterator[str]:
    """A table of its own below that of the entry, each value with its comment."""
    yield f"[{key(name)}.{key(line.option)}]{_behind(line.comment)}"
    cells = [f"{key(one)} = {written(value)}" for one, value in line.value.items()]
    width = max(map(len, cells))
    for cell, one in zip(cells, line.value, strict=True):
        told = line.notes.get(one, "")
        yield f"{cell:{width}}{_behind(told)}" if told else cell


def _is_apart(line: Line) -> bool:
    """Whether a table is written below the entry: it has comments of its own, or is long."""
    is_table = isinstance(line.value, Mapping) and bool(line.value) and not line.is_off
    return is_table and bool(line.notes or len(written(line.value)) > WIDE)


def _behind(words: str) -> str:
    return f"  {comment(words)}" if words.strip() else ""


def _escaped(letter: str) -> str:
    if letter in SHORT:
        return SHORT[letter]
    return f"\\u{ord(letter):04X}" if letter < " " or letter == "\x7f" else letter
