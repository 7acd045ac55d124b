"""Tables that say the labels of pictures: which column names the files, which the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os.path import commonpath

from ptm.errors import BadInput
from ptm.inspecting import words
from ptm.inspecting.columns import BOOL, NUMBER, Column
from ptm.inspecting.folder import Folder, Seen
from ptm.inspecting.guess import Line, counted
from ptm.inspecting.pictures.sets import Pictures
from ptm.inspecting.tables import Table, tables_in
from ptm.inspecting.targets import AMOUNTS_OF_LABELS, is_class_like

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".txt")
MOST_TABLES = 50
MOSTLY = 0.5  # of the rows name files
SEPARATORS = ("|", ";", ",", " ")
NAMED = words.SURE | words.word_set(
    "label labels class category tag tags breed species diagnosis dx finding_labels findings "
    "attributes kategorie bezeichnung rasse art caption"
)
SIZES = words.word_set("width height size bytes md5 sha1 sha256 hash format mode channels depth")


@dataclass(frozen=True)
class _Naming:
    """A column that names files.

    Attributes:
        column: it.
        files: that it names, by the value.
        unnamed: values that name none.
    """

    column: Column
    files: dict[str, Seen]
    unnamed: int


def labelled(folder: Folder, pictures: Sequence[Seen]) -> list[Pictures]:
    """The sets of pictures that tables say the labels of."""
    found, taken = list[Pictures](), set[str]()
    tables = [f for f in folder.files if f.suffix in SUFFIXES and f.family != "text"]
    for file in sorted(tables, key=_by_name)[:MOST_TABLES]:
        left = [picture for picture in pictures if picture.name not in taken]
        one = _labelled(folder, file, left)
        if one:
            found.append(one)
            taken |= {picture.name for picture in one.files}
    return found


def _by_name(file: Seen) -> tuple[bool, str]:
    return not words.has_one_of(file.stem, NAMED | frozenset(("metadata", "train"))), file.name


def _labelled(folder: Folder, file: Seen, pictures: Sequence[Seen]) -> Pictures | None:
    if not pictures or file.bytes > 1 << 28:
        return None
    try:
        [table] = tables_in(folder, file)[:1]
    except BadInput:
        return None
    if not _can_be_read(table):
        return None
    naming = _naming(table, file, pictures)
    if naming is None:
        return None
    mine = {picture.name for picture in naming.files.values()}
    places = {picture.folder for picture in naming.files.values()}
    files = [picture for picture in pictures if picture.folder in places]
    above = commonpath([one or "." for one in (*places, file.folder)]).removeprefix(".")
    start = f"{above}/" if above else ""
    found = Pictures(above, files, beside=[file.name])
    found.name = file.stem if words.role_of(file.stem) else ""
    told = _label_lines(table, naming.column)
    if told is None:
        return None
    lines, seen = told
    found.labels = [
        Line("labels", file.name.removeprefix(start)),
        Line("file_column", naming.column.name),
        *lines,
    ]
    found.seen.append(seen)
    lacking = len(files) - len(mine)
    if lacking or naming.unnamed:
        found.is_uneven = True
        found.doubts.append(
            f"{counted(lacking, 'picture')} without a row, {counted(naming.unnamed, 'row')} "
            "without a picture"
        )
    return found


def _can_be_read(table: Table) -> bool:
    """Whether a table is written as those of labels have to be."""
    if table.dialect is None:
        return table.family == "json"
    plain = table.dialect.delimiter in (",", ";", "\t") and table.dialect.quote == '"'
    whole = not table.skip and not table.dialect.comment and not table.rows.odd
    return plain and whole and table.header and table.encoding.name == "utf-8"


def _naming(table: Table, file: Seen, pictures: Sequence[Seen]) -> _Naming | None:
    """The column whose values name pictures."""
    start = f"{file.folder}/" if file.folder else ""
    beside = [picture for picture in pictures if picture.name.startswith(start)]
    known = _by_names(beside or pictures, start)
    best = None
    for column in table.columns:
        values = [value.strip().removeprefix("./") for value in column.counts]
        files = {value: known[value] for value in values if value in known}
        enough = len(files) >= max(2, MOSTLY * len(values)) and column.distinct > 1
        numbers = column.holds == NUMBER and len(files) < 0.95 * len(values)
        if enough and not numbers and (best is None or len(files) > len(best.files)):
            if column.is_many:  # the others were not counted
                files = {picture.name: picture for picture in pictures}
            best = _Naming(column, files, 0 if column.is_many else len(values) - len(files))
    return best


def _by_names(pictures: Sequence[Seen], start: str) -> dict[str, Seen]:
    """Pictures by what a table may call them: by names that no two of them have."""
    known: dict[str, Seen | None] = {}
    for picture in pictures:
        below = picture.name.removeprefix(start)
        plain = below.removesuffix(picture.suffix) if picture.suffix else below
        inside = picture.name.split("/", 1)[-1]
        for name in {picture.stem, picture.file, plain, below, inside}:
            known[name] = None if name in known else picture
    return {name: picture for name, picture in known.items() if picture}


def _label_lines(table: Table, naming: Column) -> tuple[list[Line], str] | None:
    """The options of the column, or columns, with the labels; what was seen. None without any."""
    others = [
        column
        for column in table.columns
        if column is not naming
        and column.distinct > 1
        and not words.ends_in(column.name, SIZES)
        and not (column.holds == NUMBER and column.counts_up)
        and not words.is_id(column.name)
    ]
    flags = [column for column in others if _is_flag(column)]
    named = [column for column in others if words.has_one_of(column.name, NAMED)]
    if len(flags) > 1 and len(flags) == len(others):
        names = [column.name for column in flags]
        return [Line("label_column", names)], f"{counted(len(names), 'label')}, several each"
    if not others:
        return None
    few = [column for column in others if is_class_like(column)]
    column = (named or few or others)[0]
    if not named and column.is_unique and column.holds != NUMBER:
        return None
    lines = [Line("label_column", column.name)]
    separator = _separator(column)
    if separator:
        lines.append(Line("label_separator", separator, f"as in {column.values(1)}"))
        return lines, "several labels each"
    if column.holds == NUMBER and not (column.is_integer and _are_classes(column)):
        lines.append(Line("regression", True, f"numbers from {column.low:g} to {column.high:g}"))
        return lines, f"numbers '{column.name}'"
    classes = "many" if column.is_many else f"{column.distinct:,}"
    lines[0] = Line("label_column", column.name, f"{classes} classes: {column.values(4)}")
    return lines, f"{classes} classes in '{column.name}'"


def _are_classes(column: Column) -> bool:
    is_amount = words.ends_in(column.name, AMOUNTS_OF_LABELS)
    return not column.is_many and column.distinct * 2 <= column.there and not is_amount


def _is_flag(column: Column) -> bool:
    return column.holds == BOOL or {value.strip() for value in column.counts} == {"0", "1"}


def _separator(column: Column) -> str:
    """What stands between several labels; "" where there is one."""
    for sign in SEPARATORS:
        with_it = [value for value in column.counts if sign in value.strip()]
        if not with_it or (sign == " " and len(with_it) < len(column.counts) / 3):
            continue
        parts = {part.strip() for value in column.counts for part in value.split(sign)}
        share = 0.7 if sign == " " else 1.0
        if sign == "|" or len(parts) < len(column.counts) * share:
            return sign
    return ""
