"""What decides the split of a sample: its content, its group, its time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ptm import hashing
from ptm.assigning.faults import FILE, are_files, check_all, columns_told, expect_all, url_of
from ptm.errors import BadInput, PtmError
from ptm.model import SAMPLE, Block, Part
from ptm.readers.delimited.faults import shown
from ptm.source import Source
from ptm.split import NUMBER, Rule, instant

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

FOLDER = "folder"  # as a group: the folder that a file is in
IN_FOLDER = re.compile(r"^(.+)/[^/]*$")
TARGET = "target"
NO_TIME = "a time as 2012-06-30 or 2012-06-30T12:00"


def content_of(source: Source, part: Part, block: Block) -> NDArray[np.uint64]:
    """The hash of the content of each sample, uint64 [sample].

    That is the SHA-256 of the file that it is, and where one file has several, their places in it;
    without files the values of its row and of its tensors, but for the target, what is excluded,
    and what is only its group or its time.
    """

    rows = block.rows
    if are_files(rows) and part.files:
        return _of_files(part, rows)
    targets = targets_of(getattr(source, "target", TARGET))
    aside = {FILE, *targets, source.group, source.time, *getattr(source, "exclude", ())}
    hashes: dict[str, NDArray[np.uint64]] = {
        f"row {name}": hashing.of_column(rows[name])
        for name in rows.column_names
        if name not in aside
    }
    for name, tensor in block.tensors.items():
        if name not in aside and block.axes[name][:1] == (SAMPLE,):
            hashes[f"tensor {name}"] = hashing.of_samples(tensor.numpy())
    return hashing.of_named(hashes, rows.num_rows)


def targets_of(said: object) -> tuple[str, ...]:
    """The columns to predict, of what an entry or its facts say: a name, some, or nothing."""
    names = (said,) if isinstance(said, str) else said if isinstance(said, (list, tuple)) else ()
    return tuple(name for name in names if isinstance(name, str))


def content_is(part: Part, block: Block) -> str:
    """What the content of the samples of a part is: "files", "rows", or "tensors" as well."""
    if are_files(block.rows) and part.files:
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
        expect_all(part, block, rule.group, _is_blank(column), "a group")
        if is_text(column.type):  # blanks around a name are none of it
            column = pc.utf8_trim_whitespace(column.cast(pa.string()))
        return hashing.of_column(column)
    if FILE not in rows.column_names:
        raise BadInput("group", f"a column '{shown(rule.group)}'", columns_told(rows))
    pattern = IN_FOLDER if rule.group == FOLDER else _pattern(rule.group, rows)
    names, found, faults = rows[FILE].to_pylist(), list[str](), dict[int, BadInput]()
    for place, name in enumerate(names):
        match = pattern.search(name)
        group = "/".join(one or "" for one in match.groups()) if match else ""
        if not group:
            expected = f"a group by '{shown(rule.group)}' in the path of each file"
            faults[place] = BadInput("", expected, "none", url_of(part, name))
        found.append(group)
    check_all(faults)
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
        got = f"'{shown(group)}', and {columns_told(rows)}"
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
        raise BadInput("time", f"a column '{shown(rule.time)}'", columns_told(rows))
    column = rows[rule.time]
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    values, are_numbers = read_times(column)
    wrong, cut = np.isnan(values), rule.by == "time"
    if cut and rule.numbers is None:
        wrong |= are_numbers
    if cut and rule.instants is None:
        wrong |= ~are_numbers
    expected = "a number" if cut and rule.instants is None else NO_TIME
    expect_all(part, block, rule.time, wrong, expected)
    return values, are_numbers


def read_times(column: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
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


def is_text(kind: Any) -> bool:
    """Whether a type of Arrow is that of texts."""
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_blank(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Which values are missing, or texts that nobody sees, bool [row]."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if not is_text(column.type):
        return np.asarray(pc.is_null(column, nan_is_null=True))
    texts = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
    return np.asarray(pc.fill_null(pc.equal(pc.utf8_trim_whitespace(texts), ""), True))
