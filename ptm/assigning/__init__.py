"""The split of each sample of a part, by the rule of its entry: what decides it is read here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ptm.assigning.deciding import content_is, content_of, groups_of, targets_of, times_of
from ptm.assigning.faults import FILE, are_files, check_all, columns_told, numbers_of, url_of
from ptm.assigning.listed import by_list, read_list, split_options
from ptm.assigning.splits import Splits, those, without_column
from ptm.errors import BadInput, PtmError
from ptm.model import ROWS, SAMPLE, Artifact, Bad, Block, Part
from ptm.source import Source
from ptm.split import COLUMN, FOLDERS, Rule, by_share, by_time

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = [
    "FILE",
    "Some",
    "Splits",
    "are_files",
    "assigned",
    "content_is",
    "content_of",
    "groups_of",
    "inherited",
    "names_of",
    "split_options",
    "targets_of",
    "times_of",
    "without_column",
    "without_misfits",
]

# a block of those of its samples that are marked
Some = Callable[[Block, "NDArray[np.bool_]"], Block]


def names_of(source: Source, rule: Rule) -> tuple[str, ...]:
    """The names of the splits: those of a list as it has them, train first.

    Raises:
        BadInput: it is no list of splits.
    """
    return read_list(source, rule).names if rule.by == "file" else rule.names


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
    codes: Mapping[str, Callable[[], NDArray[np.uint8]]] = {
        "content": lambda: by_share(rule, content_of(source, part, block)),
        "group": lambda: by_share(rule, groups_of(rule, part, block)),
        "time": lambda: by_time(rule, *times_of(rule, part, block)),
        "folder": lambda: _by_folder(rule, part, rows),
        "file": lambda: by_list(source, rule, part, block),
    }
    # of near ones all have to be known
    return None if rule.by == "near" else Splits(names_of(source, rule), codes[rule.by]())


def _by_folder(rule: Rule, part: Part, rows: pa.Table) -> NDArray[np.uint8]:
    import numpy as np

    if FILE not in rows.column_names:
        raise BadInput("split", f"rows with a column '{FILE}' for folders", columns_told(rows))
    places = {name: rule.names.index(known) for name, known in FOLDERS.items()}
    found, faults = list[int](), dict[int, BadInput]()
    for number, name in enumerate(rows[FILE].to_pylist()):
        folder = name.partition("/")[0] if "/" in name else ""
        place = places.get(folder.lower())
        if place is None:
            expected = "a file in a folder train, val or test"
            faults[number] = BadInput("", expected, folder or "none", url_of(part, name))
        found.append(place or 0)
    check_all(faults)
    return np.array(found, dtype=np.uint8)


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
        numbers, of_files = numbers_of(part, block), are_files(block.rows)
        aside = [
            Bad(one.file, one.where, one.expected, one.got, 0 if of_files else int(numbers[place]))
            for place, one in alone.items()
        ]
        left = np.ones(block.rows.num_rows, dtype=bool)
        left[[*alone]] = False
        kept = (some or those)(block, left) if left.any() else Block()
        block = replace(kept, bad=(*block.bad, *aside), left_out=block.left_out)
    return block, None


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
