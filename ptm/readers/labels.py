"""A table of labels: delimited text, or JSON lines, of which each row is of one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ptm.errors import BadInput, Faults
from ptm.readers.delimited.columns import read_texts
from ptm.readers.delimited.dialect import Dialect
from ptm.readers.text import read_begin, read_text

DELIMITERS = (",", ";", "\t")
FIRST = 1 << 16  # bytes that the first line is looked for in
JSON_LINES = (".jsonl", ".ndjson")


def read_labels(path: Path) -> dict[str, list[Any]]:
    """The columns of a table: texts without blanks around them; of JSON its values.

    Delimited text has commas, semicolons or tabs, whichever its first line has most of.

    Raises:
        BadInput: it is no such table; see `read_delimited`.
    """
    if path.suffix.lower() in JSON_LINES:
        return _of_json(path)
    table = read_texts(path, Dialect(_delimiter(path)))
    return {name: [one.strip() for one in table[name].to_pylist()] for name in table.column_names}


def _delimiter(path: Path) -> str:
    _, text, _ = read_begin(path, "utf-8", FIRST)
    first = text.lstrip("\ufeff\r\n").partition("\n")[0]
    return max(DELIMITERS, key=first.count)


def _of_json(path: Path) -> dict[str, list[Any]]:
    rows, faults = list[dict[str, Any]](), Faults()
    text = read_text(path, "utf-8").removeprefix("\ufeff")
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            rows.append(row)
        else:
            got = f"'{line.strip()[:40]}'"
            faults.add(BadInput(f"line {number}", "an object of JSON", got, str(path)))
    faults.check()
    if not rows:
        raise BadInput(expected="a line for each file", got="none", file=str(path))
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [_stripped(row.get(name)) for row in rows] for name in names}


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value
