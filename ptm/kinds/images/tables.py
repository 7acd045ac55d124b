"""Which row of a table of labels is of which file, whatever of its path the table says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from unicodedata import normalize

from ptm.errors import BadInput, Faults
from ptm.kinds.images.labels import SHOWN, TWICE
from ptm.kinds.images.options import Options
from ptm.kinds.images.pairing import split_suffix
from ptm.model import File
from ptm.readers.labels import read_labels

LOOKED_AT = 2000  # rows that show which column names the files
LABEL_NAMES = {"label", "labels", "class", "class_name", "category", "target"}


class Rows(NamedTuple):
    """What tables say of the files of a source.

    Attributes:
        labels: of each file a list of values, one for each column; None of one without a row, and
            its rows of one that has several.
        lost: table, number and text of each row that is of no file, or of several; and of which.
        several: whether files have lists of labels.
    """

    labels: list[Any]
    lost: list[tuple[str, int, str, str]]
    several: bool

    def said(self, start: int, end: int, is_last: bool) -> str:
        """What a part is told of its files, as JSON; the last one of the rows without any too."""
        lost = self.lost if is_last else []
        said = {"labels": self.labels[start:end], "lost": lost, "several": self.several}
        return json.dumps(said, ensure_ascii=False)


def rows_of(options: Options, files: Sequence[File], tables: Sequence[File]) -> Rows:
    """The rows of a table, or of several, each of which is of the files in its folder.

    Raises:
        BadInput: one is no table; it has no such columns, or leaves in doubt which they are.
    """
    found = Rows([None] * len(files), [], False)
    seen: dict[int, list[str]] = {}  # of each file its rows
    for table, places in _shares(files, tables):
        columns = read_labels(table.path)
        known = _Files([files[place] for place in places], table.name.rpartition("/")[0])
        _check_header(columns, known, table)
        of_files = _file_column(options, columns, known, table)
        of_labels = _label_columns(options, columns, of_files, table)
        _check_values({name: columns[name] for name in of_labels}, table)
        values = [[_text(one) for one in columns[name]] for name in of_labels]
        several = any(isinstance(one, list) for column in values for one in column)
        found = found._replace(several=found.several or several)
        for number, (name, *row) in enumerate(zip(columns[of_files], *values, strict=True), 1):
            mine = [places[one] for one in known.places(_text(name))]
            if len(mine) == 1:
                seen.setdefault(mine[0], []).append(f"row {number}")
                found.labels[mine[0]] = row
            else:
                got = " and ".join(files[one].name for one in mine[:3]) or "none"
                found.lost.append((table.name, number, str(_text(name)), got))
    for place, rows in seen.items():
        if len(rows) > 1:
            found.labels[place] = {TWICE: rows}
    return found


def _shares(files: Sequence[File], tables: Sequence[File]) -> Iterator[tuple[File, list[int]]]:
    """Each table with the places of its files: all of a table alone, else those in its folder that
    are in no deeper one's.
    """
    if len(tables) == 1:
        yield tables[0], [*range(len(files))]
        return
    folders = {f"{table.name.rpartition('/')[0]}/".lstrip("/"): table for table in tables}
    shares: dict[str, list[int]] = {folder: [] for folder in folders}
    for place, file in enumerate(files):
        above = [folder for folder in folders if file.name.startswith(folder)]
        if above:
            shares[max(above, key=len)].append(place)
    yield from ((folders[folder], places) for folder, places in shares.items())


def tables_in(options: Options, beside: Sequence[File]) -> list[File]:
    """The tables of the labels, in whichever case: of a name without folder all of that name."""
    name = (options.table or "").lower()
    names = (file.name.lower() for file in beside)
    is_one = (one == name or ("/" not in name and one.endswith(f"/{name}")) for one in names)
    return [file for file, found in zip(beside, is_one, strict=True) if name and found]


def lost_rows(tables: Sequence[File], said: str) -> list[BadInput]:
    """What is wrong with the rows of tables that are of no file."""
    urls = {table.name: table.url for table in tables}
    return [
        BadInput(f"row {number}", f"the name of one file, for '{name}'", got, urls[table])
        for table, number, name, got in json.loads(said)["lost"]
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


def _check_header(columns: Mapping[str, Any], files: _Files, table: File) -> None:
    """Looks whether the first row is no row of a file, which would be lost.

    Raises:
        BadInput: it is.
    """
    for name in columns:
        if split_suffix(name)[1] and len(files.places(name)) == 1:
            expected = "the names of the columns in the first row"
            raise BadInput("header", expected, f"'{name}', the name of a file", table.name)


def _check_values(columns: Mapping[str, Sequence[Any]], table: File) -> None:
    """Looks whether labels are texts, numbers, or lists of them.

    Raises:
        BadInput: some are not; all are told.
    """
    faults = Faults()
    for name, values in columns.items():
        for number, value in enumerate(values, start=1):
            inside = value if isinstance(value, list) else [value]
            if any(isinstance(one, (dict, list)) for one in inside):
                where = f"row {number}, column '{name}'"
                got = json.dumps(value)[:SHOWN]
                faults.add(BadInput(where, "a label, or a list of labels", got, table.name))
    faults.check()


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
