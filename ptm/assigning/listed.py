"""A list that says the split of each sample."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm import hashing
from ptm.assigning.deciding import is_text
from ptm.assigning.faults import FILE, columns_told, expect_all, numbers_of
from ptm.errors import BadInput, Faults
from ptm.model import Block, Part
from ptm.readers.delimited.columns import read_texts
from ptm.readers.delimited.faults import not_valid, shown
from ptm.source import Source
from ptm.split import COLUMN, MOST, NOWHERE, NUMBER, SPLIT_NAME, TRAIN, Rule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROW = "row"  # the number of a row, from 1


def by_list(source: Source, rule: Rule, part: Part, block: Block) -> NDArray[np.uint8]:
    """The split of each sample of a part, uint8 [sample].

    Raises:
        BadInput: the list lacks some of them, or is none.
    """
    import numpy as np

    listed, rows = read_list(source, rule), block.rows
    if listed.key == ROW and ROW not in rows.column_names and FILE not in rows.column_names:
        hashes, known = hashing.of_numbers(numbers_of(part, block)), listed.numbers
    elif listed.key in rows.column_names:
        column = rows[listed.key]
        hashes = hashing.of_column(column)
        known = listed.texts if is_text(column.type) else listed.numbers
    else:
        expected = f"a column '{shown(listed.key)}' in the rows, as in {rule.file}"
        raise BadInput("split", expected, columns_told(rows))
    order = np.argsort(known)
    places = np.minimum(np.searchsorted(known, hashes, sorter=order), len(known) - 1)
    at = order[places]
    expect_all(part, block, listed.key, known[at] != hashes, f"a sample that {rule.file} lists")
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


def read_list(source: Source, rule: Rule) -> _List:
    """The list of an entry; it is kept as long as its file stays as it is.

    Raises:
        BadInput: it is not there, or is none.
    """
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
