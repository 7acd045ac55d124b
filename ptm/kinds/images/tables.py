"""Which row of a table of labels is of which file, whatever of its path the table says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from unicodedata import normalize

from ptm.errors import BadInput
from ptm.kinds.images.labels import TWICE
from ptm.kinds.images.options import Options
from ptm.kinds.images.pairing import split_suffix
from ptm.model import File
from ptm.readers.labels import read_labels

LOOKED_AT = 2000  # rows that show which column names the files
LABEL_NAMES = {"label", "labels", "class", "class_name", "category", "target"}


class Rows(NamedTuple):
    """What a table says of the files of a source.

    Attributes:
        labels: of each file a list of values, one for each column; None of one without a row, and
            the numbers of its rows of one that has several.
        lost: number and text of each row that is of no file, or of several.
        several: whether files have lists of labels.
    """

    labels: list[Any]
    lost: list[tuple[int, str, str]]
    several: bool

    def said(self, start: int, end: int, is_last: bool) -> str:
        """What a part is told of its files, as JSON; the last one of the rows without any too."""
        lost = self.lost if is_last else []
        said = {"labels": self.labels[start:end], "lost": lost, "several": self.several}
        return json.dumps(said, ensure_ascii=False)


def rows_of(options: Options, files: Sequence[File], table: File) -> Rows:
    """The rows of a table.

    Raises:
        BadInput: it is no table; it has no such columns, or leaves in doubt which they are.
    """
    columns = read_labels(table.path)
    found = _Files(files, table.name.rpartition("/")[0])
    of_files = _file_column(options, columns, found, table)
    of_labels = _label_columns(options, columns, of_files, table)
    values = [[_text(one) for one in columns[name]] for name in of_labels]
    labels: list[Any] = [None] * len(files)
    lost: list[tuple[int, str, str]] = []
    first: dict[int, int] = {}
    for number, (name, *row) in enumerate(zip(columns[of_files], *values, strict=True), start=1):
        places = found.places(_text(name))
        if len(places) != 1:
            got = " and ".join(files[place].name for place in places[:3]) or "none"
            lost.append((number, str(_text(name)), got))
        elif places[0] not in first:
            first[places[0]], labels[places[0]] = number, row
        else:
            seen = labels[places[0]]
            rows = seen[TWICE] if isinstance(seen, dict) else [first[places[0]]]
            labels[places[0]] = {TWICE: [*rows, number]}
    several = any(isinstance(one, list) for column in values for one in column)
    return Rows(labels, lost, several)


def table_in(options: Options, beside: Sequence[File]) -> File | None:
    """The table of the labels: the one of that name, in whichever case; None where none is."""
    name = options.table
    if name is None:
        return None
    alike = [file for file in beside if file.name.lower() == name.lower()]
    return next((file for file in alike if file.name == name), alike[0] if alike else None)


def lost_rows(table: File, said: str) -> list[BadInput]:
    """What is wrong with the rows of a table that are of no file."""
    return [
        BadInput(f"row {number}", f"the name of one file, for '{name}'", got, table.url)
        for number, name, got in json.loads(said)["lost"]
    ]


def _text(value: Any) -> str | list[str]:
    """A value of a table as text: of JSON as that spells it, but for null, which is blank."""
    if isinstance(value, list):
        return [str(_text(one)) for one in value]
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


class _Files:
    """The files of a source, looked up by what a table may say of them.

    Args:
        files: of the source.
        folder: of the table, below the source.
    """

    def __init__(self, files: Sequence[File], folder: str) -> None:
        self._folder = folder
        self._paths = [_path(file.name) for file in files]
        self._by_name: dict[tuple[str, str], list[int]] = {}
        for place, path in enumerate(self._paths):
            stem, suffix = split_suffix(path[-1])
            self._by_name.setdefault((stem, suffix), []).append(place)
            self._by_name.setdefault((stem, ""), []).append(place)

    def places(self, name: str | list[str]) -> list[int]:
        """Of which files a text is the name: one, if all is well."""
        if isinstance(name, list) or not name:
            return []
        path = _path(name)
        stem, suffix = split_suffix(path[-1])
        found = self._by_name.get((stem, suffix), []) if suffix else []
        with_suffix = bool(found)
        found = found or self._by_name.get((path[-1], ""), [])
        found = [place for place in dict.fromkeys(found) if self._agrees(place, path)]
        if len(found) < 2:
            return found
        # the one whose path it is, of all
        paths = [path, [*_path(self._folder), *path]] if self._folder else [path]
        exact = [one for one in found if self._whole(one, with_suffix) in map(_joined, paths)]
        return exact if len(exact) == 1 else found

    def _agrees(self, place: int, path: list[str]) -> bool:
        """Whether the folders are the same, as many as both name."""
        mine, other = self._paths[place][:-1], path[:-1]
        count = min(len(mine), len(other))
        return count == 0 or mine[-count:] == other[-count:]

    def _whole(self, place: int, with_suffix: bool) -> str:
        path = _joined(self._paths[place])
        return path if with_suffix else split_suffix(path)[0]


def _path(name: str) -> list[str]:
    parts = normalize("NFC", name).replace("\\", "/").split("/")
    return [part for part in parts if part not in ("", ".")] or [""]


def _joined(path: Sequence[str]) -> str:
    return "/".join(path)


def _file_column(
    options: Options, columns: Mapping[str, list[Any]], files: _Files, table: File
) -> str:
    """The column that names the files."""
    if options.file_column is not None:
        _expect(columns, [options.file_column], table)
        return options.file_column
    given = options.label_column
    labels = {given} if isinstance(given, str) else {*(given or ())}
    counts = {name: _named(values, files) for name, values in columns.items() if name not in labels}
    most = max(counts.values(), default=(0, 0))
    best = [name for name, count in counts.items() if count == most]
    if not most[0] or len(best) > 1:
        several = " and ".join(f"'{name}'" for name in best)
        got = f"several: {several}" if most[0] else f"none among {', '.join(columns)}"
        expected = "one column whose values name the files (or 'file_column')"
        raise BadInput("header", expected, got, table.name)
    return best[0]


def _named(values: Sequence[Any], files: _Files) -> tuple[int, int]:
    """How many files the values of a column name, each once, and how many do so with suffix."""
    found = dict[int, bool]()
    for value in values[:: max(len(values) // LOOKED_AT, 1)]:
        text = _text(value)
        places = files.places(text)
        if len(places) == 1:
            found[places[0]] = bool(split_suffix(str(text))[1])
    return len(found), sum(found.values())


def _label_columns(
    options: Options, columns: Mapping[str, list[Any]], of_files: str, table: File
) -> list[str]:
    """The columns of the labels."""
    given = options.label_column
    if given is not None:
        names = [given] if isinstance(given, str) else list(given)
        _expect(columns, names, table)
        return names
    left = [name for name in columns if name != of_files]
    named = [name for name in left if name.strip().lower() in LABEL_NAMES]
    if len(left) != 1 and len(named) != 1:
        got = ", ".join(left) or "none"
        expected = f"one column beside '{of_files}', or one called 'label' (or 'label_column')"
        raise BadInput("header", expected, got, table.name)
    return left if len(left) == 1 else named


def _expect(columns: Mapping[str, Any], names: Sequence[str], table: File) -> None:
    if missing := [name for name in names if name not in columns]:
        wanted = " and ".join(f"'{name}'" for name in missing)
        expected = f"a column {wanted}" if len(missing) == 1 else f"columns {wanted}"
        raise BadInput("header", expected, ", ".join(columns), table.name)
