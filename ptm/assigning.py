"""The split of each sample of a part, by the rule of its entry: what decides it is read here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm import hashing
from ptm.errors import BadInput, Faults, PtmError
from ptm.model import ROWS, SAMPLE, Artifact, Bad, Block, Part, row_numbers
from ptm.readers.delimited.columns import read_texts
from ptm.readers.delimited.faults import not_valid, shown, some
from ptm.source import Source
from ptm.split import (
    COLUMN,
    FOLDERS,
    MOST,
    NONE,
    NOWHERE,
    NUMBER,
    SPLIT_NAME,
    TRAIN,
    Rule,
    by_share,
    by_time,
    instant,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

FILE = "file"  # the column of rows that has the path of a file below the source
FOLDER = "folder"  # as a group: the folder that a file is in
IN_FOLDER = re.compile(r"^(.+)/[^/]*$")
ROW = "row"  # in a list: the number of a row, from 1
TARGET = "target"
NO_TIME = "a time as 2012-06-30 or 2012-06-30T12:00"
# a block of those of its samples that are marked
Some = Callable[[Block, "NDArray[np.bool_]"], Block]


def names_of(source: Source, rule: Rule) -> tuple[str, ...]:
    """The names of the splits: those of a list as it has them, train first.

    Raises:
        BadInput: it is no list of splits.
    """
    return _listed(source, rule).names if rule.by == "file" else rule.names


class Splits(NamedTuple):
    """The split of each sample of a part.

    Attributes:
        names: of all splits of the entry.
        codes: for each sample its place among them, or `NONE`; uint8 [sample].
        of: the entry that it is inherited from; "" of one with a rule of its own.
    """

    names: tuple[str, ...]
    codes: NDArray[np.uint8]
    of: str = ""

    @property
    def column(self) -> pa.Array:
        """The name of each, string; null of what is in no split."""
        import pyarrow as pa

        return pa.DictionaryArray.from_arrays(
            pa.array(self.codes, pa.uint8(), mask=self.codes == NONE), pa.array(self.names)
        ).cast(pa.string())

    @classmethod
    def of_column(cls, names: tuple[str, ...], column: pa.ChunkedArray) -> Splits:
        """Those that `column` gave."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        places = pc.fill_null(pc.index_in(column, pa.array(names, pa.string())), NONE)
        return cls(names, np.asarray(places).astype(np.uint8))

    def with_column(self, rows: pa.Table) -> pa.Table:
        """Rows with the name of the split of each, in the last column."""
        import pyarrow as pa

        if not rows.num_columns:
            return pa.table({COLUMN: self.column})
        return rows.append_column(COLUMN, self.column)

    def blocks(self, block: Block) -> Iterator[tuple[str, int, Block]]:
        """The samples of each split that has any, and how many they are, in the order of names."""
        for code, name in enumerate(self.names):
            mask = self.codes == code
            if count := int(mask.sum()):
                yield name, count, block if count == len(mask) else _those(block, mask)

    def left(self, rows: pa.Table) -> pa.Table:
        """The rows of the samples that are in no split."""
        import pyarrow as pa

        return rows.filter(pa.array(self.codes == NONE)) if rows.num_columns else rows


def _those(block: Block, mask: NDArray[np.bool_]) -> Block:
    """A block of some of its samples."""
    import pyarrow as pa
    import torch

    tensors = {
        name: torch.from_numpy(tensor.numpy()[mask])
        if block.axes[name][:1] == (SAMPLE,) and len(tensor) == len(mask)
        else tensor
        for name, tensor in block.tensors.items()
    }
    rows = block.rows.filter(pa.array(mask)) if block.rows.num_columns else block.rows
    return replace(block, tensors=tensors, rows=rows)


def without_column(rows: pa.Table) -> pa.Table:
    """Rows as the kind gave them."""
    return rows.drop_columns([COLUMN]) if COLUMN in rows.column_names else rows


def assigned(source: Source, part: Part, block: Block) -> Splits | None:
    """The split of each sample of a part, by the rule of its entry; None where it has none.

    Args:
        source: the entry.
        part: that was read.
        block: what was read.

    Raises:
        BadInput: samples have no group, no time, no folder of a split, or stand in no list; the
            first of them is named.
        PtmError: the samples have no rows.
    """
    rule, rows = source.rule, block.rows
    if rule is None:
        return None
    if rows is None:
        raise PtmError("expected rows, one for each sample, where there is a 'split', got none")
    if COLUMN in rows.column_names:
        raise PtmError(
            f"expected no column '{COLUMN}' in the rows where there is a 'split', got one (that is "
            "where each row's split stands: give the column of the file another name in its header)"
        )
    if rule.group and rule.by != "group":  # what crosses is looked for by them
        groups_of(rule, part, block)
    if rule.time and rule.by != "time":
        times_of(rule, part, block)
    if rule.by == "near":
        return None  # all have to be known
    if rule.by == "content":
        return Splits(rule.names, by_share(rule, content_of(source, part, block)))
    if rule.by == "group":
        return Splits(rule.names, by_share(rule, groups_of(rule, part, block)))
    if rule.by == "time":
        return Splits(rule.names, by_time(rule, *times_of(rule, part, block)))
    if rule.by == "folder":
        return Splits(rule.names, _by_folder(rule, part, rows))
    return Splits(_listed(source, rule).names, _by_list(source, rule, part, block))


def without_misfits(
    source: Source, part: Part, block: Block, some: Some | None = None
) -> tuple[Block, Splits | None]:
    """The splits of the samples of a part, and a block of those that come to one; where the entry
    says so the others are among its bad ones, else they fail it.

    Args:
        source, part, block: as of `assigned`.
        some: gives a block of some of its samples, where the kind has more to say of that.

    Raises:
        BadInput, PtmError: as `assigned`.
    """
    import numpy as np

    while block.tensors or block.rows is not None:  # else all are bad
        try:
            return block, assigned(source, part, block)
        except BadInput as error:
            if source.on_bad == "fail" or error.alone is None:
                raise
            alone = error.alone()
        numbers, are_files = _numbers(part, block), FILE in block.rows.column_names
        aside = [
            Bad(one.file, one.where, one.expected, one.got, 0 if are_files else int(numbers[place]))
            for place, one in alone.items()
        ]
        left = np.ones(block.rows.num_rows, dtype=bool)
        left[[*alone]] = False
        kept = (some or _those)(block, left) if left.any() else Block()
        block = replace(kept, bad=(*block.bad, *aside))
    return block, None


def _numbers(part: Part, block: Block) -> NDArray[np.int64]:
    """The number in its file of each row, from 1."""
    return row_numbers(part.before, block.rows.num_rows, block.bad)


def inherited(block: Block, artifacts: Mapping[str, Artifact]) -> tuple[Block, Splits | None]:
    """The splits of an entry that is of others and has the samples of one, row for row.

    Raises:
        PtmError: two of those say different splits.
    """
    import pyarrow as pa

    count, found = _count(block), dict[str, pa.ChunkedArray]()
    for name, artifact in artifacts.items():
        rows = artifact.manifest["tables"].get(ROWS)
        if artifact.manifest["split"] and rows["rows"] == count:
            parts = [part.column(COLUMN) for part in artifact.parts if part.ref.rows is not None]
            found[name] = pa.concat_tables(parts)[COLUMN]
    if not found or (block.rows is not None and COLUMN in block.rows.column_names):
        return block, None
    first, column = next(iter(found.items()))
    for name, other in found.items():
        if not other.equals(column):
            raise PtmError(f"expected one split of each sample, got those of {first} and of {name}")
    names = tuple(artifacts[first].manifest["split"]["names"])
    splits = Splits.of_column(names, column)._replace(of=first)
    return replace(block, rows=pa.table({}) if block.rows is None else block.rows), splits


def _count(block: Block) -> int:
    """How many samples a block has."""
    if block.rows is not None:
        return int(block.rows.num_rows)
    axes = ((name, axes[:1]) for name, axes in block.axes.items())
    return next((len(block.tensors[name]) for name, first in axes if first == (SAMPLE,)), 0)


def content_of(source: Source, part: Part, block: Block) -> NDArray[np.uint64]:
    """The hash of the content of each sample, uint64 [sample].

    That is the SHA-256 of the file that it is, and where one file has several, their places in it;
    without files the values of its row and of its tensors, but for the target, what is excluded,
    and what is only its group or its time.
    """

    rows = block.rows
    if FILE in rows.column_names and part.files:
        return _of_files(part, rows)
    aside = {getattr(source, "target", TARGET), source.group, source.time}
    aside |= set(getattr(source, "exclude", ()))
    hashes: dict[str, NDArray[np.uint64]] = {
        f"row {name}": hashing.of_column(rows[name])
        for name in rows.column_names
        if name not in aside
    }
    for name, tensor in block.tensors.items():
        if name not in aside and block.axes[name][:1] == (SAMPLE,):
            hashes[f"tensor {name}"] = hashing.of_samples(tensor.numpy())
    return hashing.of_named(hashes, rows.num_rows)


def content_is(part: Part, block: Block) -> str:
    """What the content of the samples of a part is: "files", "rows", or "tensors" as well."""
    if FILE in block.rows.column_names and part.files:
        return "files"
    axes = (block.axes[name][:1] for name in block.tensors)
    return "tensors" if any(first == (SAMPLE,) for first in axes) else "rows"


def _of_files(part: Part, rows: pa.Table) -> NDArray[np.uint64]:
    import numpy as np

    digests = {file.name: file.sha256 for file in part.files}
    names = rows[FILE].to_pylist()
    if unknown := [name for name in names if name not in digests]:
        expected = f"files of the source in the column '{FILE}' of the rows"
        raise PtmError(f"expected {expected}, got '{unknown[0]}'")
    found = hashing.of_digests([digests[name] for name in names])
    if len(set(names)) < len(names):
        seen: dict[str, int] = {}
        places = np.zeros(len(names), dtype=np.uint64)
        for row, name in enumerate(names):
            places[row] = seen[name] = seen.get(name, -1) + 1
        found = np.where(places > 0, hashing.mixed(found ^ hashing.mixed(places)), found)
    return found


def groups_of(rule: Rule, part: Part, block: Block) -> NDArray[np.uint64]:
    """The hash of the group of each sample, uint64 [sample].

    Raises:
        BadInput: a sample has none; or the rows have no such column.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    assert rule.group is not None
    rows = block.rows
    if rule.group in rows.column_names:
        column = rows[rule.group]
        _expect_all(part, block, rule.group, _is_blank(column), "a group")
        if _is_text(column.type):  # blanks around a name are none of it
            column = pc.utf8_trim_whitespace(column.cast(pa.string()))
        return hashing.of_column(column)
    if FILE not in rows.column_names:
        raise BadInput("group", f"a column '{shown(rule.group)}'", _columns(rows))
    pattern = IN_FOLDER if rule.group == FOLDER else _pattern(rule.group, rows)
    names, found, faults = rows[FILE].to_pylist(), list[str](), dict[int, BadInput]()
    for place, name in enumerate(names):
        match = pattern.search(name)
        group = "/".join(one or "" for one in match.groups()) if match else ""
        if not group:
            expected = f"a group by '{shown(rule.group)}' in the path of each file"
            faults[place] = BadInput("", expected, "none", _url(part, name))
        found.append(group)
    _check(faults)
    return hashing.of_column(pa.array(found, pa.string()))


def _pattern(group: str, rows: pa.Table) -> re.Pattern[str]:
    try:
        pattern = re.compile(group)
    except re.error:
        pattern = re.compile("")
    if not pattern.groups:
        expected = (
            f"'group' to be a column, '{FOLDER}', or a regular expression for the path of a file "
            "with the group in parentheses, as '(patient[0-9]+)/'"
        )
        got = f"'{shown(group)}', and {_columns(rows)}"
        raise BadInput("group", expected, got)
    return pattern


def times_of(rule: Rule, part: Part, block: Block) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The time of each sample, float64 [sample], in seconds since 1970 UTC where it is no number.

    Returns:
        The times; and which of them are numbers, bool [sample].

    Raises:
        BadInput: a sample has none, or one that its cuts are not of.
    """
    import numpy as np
    import pyarrow as pa

    assert rule.time is not None
    rows = block.rows
    if rule.time not in rows.column_names:
        raise BadInput("time", f"a column '{shown(rule.time)}'", _columns(rows))
    column = rows[rule.time]
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    values, are_numbers = _read_times(column)
    wrong, cut = np.isnan(values), rule.by == "time"
    if cut and rule.numbers is None:
        wrong |= are_numbers
    if cut and rule.instants is None:
        wrong |= ~are_numbers
    expected = "a number" if cut and rule.instants is None else NO_TIME
    _expect_all(part, block, rule.time, wrong, expected)
    return values, are_numbers


def _read_times(column: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Times, NaN where there is none; and which of them are numbers."""
    import numpy as np
    import pyarrow as pa

    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return numbers, np.ones(len(column), dtype=bool)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        try:
            column = column.cast(pa.timestamp("us"))
        except pa.ArrowInvalid:
            return _spelled_times(column)
    elif not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return np.full(len(column), np.nan), np.zeros(len(column), dtype=bool)
    stamps = column.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False)
    seconds = stamps.astype("datetime64[us]").astype(np.int64) / 1e6
    seconds[np.isnat(stamps)] = np.nan
    return seconds, np.zeros(len(seconds), dtype=bool)


def _spelled_times(column: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Times of texts that are not all spelled in the same way."""
    import numpy as np

    coded = column.dictionary_encode()
    texts = [(text or "").strip() for text in coded.dictionary.to_pylist()]
    numbers = [bool(NUMBER.fullmatch(text)) for text in texts]
    values = [float(t) if n else instant(t) for t, n in zip(texts, numbers, strict=True)]
    places = np.asarray(coded.indices.fill_null(len(values)))
    return np.array([*values, np.nan])[places], np.array([*numbers, False])[places]


def _by_folder(rule: Rule, part: Part, rows: pa.Table) -> NDArray[np.uint8]:
    import numpy as np

    if FILE not in rows.column_names:
        raise BadInput("split", f"rows with a column '{FILE}' for folders", _columns(rows))
    places = {name: rule.names.index(known) for name, known in FOLDERS.items()}
    found, faults = list[int](), dict[int, BadInput]()
    for number, name in enumerate(rows[FILE].to_pylist()):
        folder = name.partition("/")[0] if "/" in name else ""
        place = places.get(folder.lower())
        if place is None:
            expected = "a file in a folder train, val or test"
            faults[number] = BadInput("", expected, folder or "none", _url(part, name))
        found.append(place or 0)
    _check(faults)
    return np.array(found, dtype=np.uint8)


def _by_list(source: Source, rule: Rule, part: Part, block: Block) -> NDArray[np.uint8]:
    import numpy as np

    listed, rows = _listed(source, rule), block.rows
    if listed.key == ROW and ROW not in rows.column_names:
        hashes, known = hashing.of_numbers(_numbers(part, block)), listed.numbers
    elif listed.key in rows.column_names:
        column = rows[listed.key]
        hashes = hashing.of_column(column)
        known = listed.texts if _is_text(column.type) else listed.numbers
    else:
        expected = f"a column '{shown(listed.key)}' in the rows, as in {rule.file}"
        raise BadInput("split", expected, _columns(rows))
    order = np.argsort(known)
    places = np.minimum(np.searchsorted(known, hashes, sorter=order), len(known) - 1)
    at = order[places]
    _expect_all(part, block, listed.key, known[at] != hashes, f"a sample that {rule.file} lists")
    return listed.codes[at]


class _List(NamedTuple):
    """A list of samples with their splits.

    Attributes:
        key: the column that names the samples.
        texts, numbers: the hash of each name, as a text and as a number, uint64 [sample].
        codes: the split of each, uint8 [sample].
        names: of the splits, train first.
    """

    key: str
    texts: NDArray[np.uint64]
    numbers: NDArray[np.uint64]
    codes: NDArray[np.uint8]
    names: tuple[str, ...]


def list_file(source: Source, rule: Rule) -> Path:
    """The file of a list: below the data root, or else in the folder of the source."""
    place = source.root / rule.file
    inside = source.root / source.path / rule.file
    return inside if inside.is_file() and not place.is_file() else place


def _listed(source: Source, rule: Rule) -> _List:
    return _read_list(list_file(source, rule), _digest(source, rule))


def _digest(source: Source, rule: Rule) -> str:
    try:
        return hashlib.sha256(list_file(source, rule).read_bytes()).hexdigest()
    except OSError as error:
        expected = f"the list of the splits, {rule.file}, below the data root or in the folder"
        place = str(list_file(source, rule))
        raise BadInput("split", expected, error.strerror or "none", place) from error


def split_options(source: Source) -> dict[str, Any]:
    """What decides a split beside the options: the digest of a list.

    Raises:
        InputError: the list cannot be read.
    """
    rule = source.rule
    if rule is None or rule.by != "file":
        return {}
    try:
        return {"split": {"file": rule.file, "sha256": _digest(source, rule)}}
    except BadInput as bad:
        raise bad.of_source(source.name) from bad


@lru_cache(maxsize=4)
def _read_list(file: Path, digest: str) -> _List:
    import numpy as np
    import pyarrow as pa

    table = read_texts(file)
    others = [name for name in table.column_names if name != COLUMN]
    if COLUMN not in table.column_names or len(others) != 1:
        expected = f"a column '{COLUMN}' and one that names the samples, as '{FILE}' or '{ROW}'"
        raise BadInput("header", expected, ", ".join(table.column_names), str(file))
    values, splits = table[others[0]].to_pylist(), table[COLUMN].to_pylist()
    faults, seen = Faults(), dict[str | float, int]()
    for row, (value, split) in enumerate(zip(values, splits, strict=True)):
        if not SPLIT_NAME.fullmatch(split) or split == NOWHERE:
            expected = f"the name of a split, of a-z, 0-9, '_' and '-', and not '{NOWHERE}'"
            faults.add(not_valid(file, row, COLUMN, expected, split))
        if seen.setdefault(float(value) if NUMBER.fullmatch(value) else value, row) != row:
            first = seen[float(value) if NUMBER.fullmatch(value) else value]
            expected = f"each sample once, as in row {first + 1}"
            faults.add(not_valid(file, row, others[0], expected, value))
    faults.check()
    names = tuple(sorted(set(splits), key=lambda name: (name != TRAIN, name)))
    if len(names) > MOST:
        raise BadInput(f"column '{COLUMN}'", f"at most {MOST} splits", str(len(names)), str(file))
    codes = {name: place for place, name in enumerate(names)}
    numbers = [float(value) if NUMBER.fullmatch(value) else np.nan for value in values]
    return _List(
        others[0],
        hashing.of_column(pa.array(values, pa.string())),
        hashing.of_numbers(np.array(numbers)),
        np.array([codes[split] for split in splits], dtype=np.uint8),
        names,
    )


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_blank(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Which values are missing, or texts that nobody sees, bool [row]."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if not _is_text(column.type):
        return np.asarray(pc.is_null(column, nan_is_null=True))
    texts = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
    return np.asarray(pc.fill_null(pc.equal(pc.utf8_trim_whitespace(texts), ""), True))


def _expect_all(
    part: Part, block: Block, column: str, wrong: NDArray[np.bool_], expected: str
) -> None:
    """Looks whether no sample is wrong.

    Raises:
        BadInput: the first one that is, by its row or its file, and how many more there are.
    """
    bad = wrong.nonzero()[0].tolist()
    if not bad:
        return
    rows, numbers = block.rows, _numbers(part, block)

    def one(place: int, others: int = 0) -> BadInput:
        number = int(numbers[place])
        got = rows[column][place].as_py() if column in rows.column_names else number
        if FILE not in rows.column_names:
            path = part.files[0].path if part.files else None
            got = got if isinstance(got, str | float | int) else str(got)
            return not_valid(path, number - 1, column, expected, got, others)
        more = f", and {others} more" if others else ""
        where = "" if column == FILE else f"column '{shown(column)}'"
        file = _url(part, rows[FILE][place].as_py())
        return BadInput(where, expected, f"'{shown(str(got))}'{more}", file)

    error = one(bad[0], len(bad) - 1)
    error.alone = lambda: {place: one(place) for place in bad}
    raise error


def _check(faults: dict[int, BadInput]) -> None:
    """Raises what is wrong with samples, by their places, if anything is."""
    told = Faults()
    for fault in faults.values():
        told.add(fault)
    try:
        told.check()
    except BadInput as error:
        error.alone = lambda: faults
        raise


def _url(part: Part, name: str) -> str:
    """Where a file of a part is, as readers tell it."""
    return next((file.url for file in part.files if file.name == name), name)


def _columns(rows: pa.Table) -> str:
    return f"the columns {some(rows.column_names)}"
