"""What is looked at before an artifact is published: what its entry expects, what has drifted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ptm import arrow, store
from ptm.demands import Drift
from ptm.described import STATISTICS, profiles_of, records_of
from ptm.drift import Compared, Side, compared, empty
from ptm.errors import ArtifactMissing, BadInput, Faults, StoreError
from ptm.expect import Fault, asks, faults
from ptm.model import QUARANTINE, ROW_OF_FILE, ROWS, PartRef, Whole
from ptm.profile import OF_ROWS, BySplit, Profile, of_all
from ptm.spill import Answer, Ask, answered, value_at
from ptm.work import Job

if TYPE_CHECKING:
    import pyarrow as pa

DRIFT = "drift"  # the table, the view, and what stats have of it
FILE = "file"
OF_ROW = re.compile(r"row (\d+)")  # where a row that was set aside stands
TYPES = {
    **dict.fromkeys(("split", "tensor", "column"), "string"),
    **dict.fromkeys(("distance", "chance", "missing_before", "missing"), "float64"),
    **dict.fromkeys(("lost", "new", "found"), "list of string"),
}
MOST_TOLD = 20  # columns that have drifted, or warnings, that are told one by one


def questions(job: Job, whole: Whole) -> dict[str, Ask]:
    """What has to be asked of the values of columns to see whether they are as expected."""
    expect = job.source.expect
    if expect is None:
        return {}
    return asks(expect, _columns(whole), _target(whole))


def _target(whole: Whole) -> str | None:
    """The column to predict, where it is one."""
    target = whole.facts.get("target")
    return target if isinstance(target, str) else None


def answer(
    job: Job, parts: Sequence[PartRef], rows: pa.Table | None, wanted: Mapping[str, Ask]
) -> dict[str, Answer]:
    """Answers to that, from the rows in the store; a column at a time, a part at a time.

    Args:
        job: of the entry.
        parts: of it.
        rows: instead, where they are no parts'.
        wanted: by column.
    """
    return {
        name: answered(lambda name=name: _pieces(job, parts, rows, name), ask)  # type: ignore[misc]
        for name, ask in wanted.items()
    }


def as_expected(
    job: Job, parts: Sequence[PartRef], whole: Whole, answers: Mapping[str, Answer]
) -> Whole:
    """The same with what is not as expected among its notes, where that is no error.

    Raises:
        InputError: something is not as its entry expects; all of it is told.
    """
    expect = job.source.expect
    if expect is None:
        return whole
    found = Faults()
    notes = []
    target = _target(whole)
    for fault in faults(expect, _columns(whole), _count(parts, whole), answers, target):
        told = _placed(job, parts, whole, fault)
        if fault.is_error:
            found.add(told)
        else:
            notes.append(told.fault)
    try:
        found.check()
    except BadInput as bad:
        raise bad.of_source(job.name) from None
    return replace(whole, notes=(*whole.notes, *_few(notes)))


def drifted(job: Job, whole: Whole) -> Whole:
    """The same with what has drifted since the artifact before, or the pinned one.

    It has a table `drift`, with a row for each column and channel of each split; stats `drift`, and
    a note for each column that is farther away than it may be.

    Raises:
        InputError: that is an error for some column; all that has drifted is told.
    """
    drift = job.source.drift
    if drift is None:
        return whole
    _check_columns(job, drift, whole)
    try:
        held = _before(job, drift)
        before = _side(job, held) if held else None
    except StoreError as error:  # it may be what is made again since it is damaged
        return _noted(whole, [f"drift: nothing was compared: {error}"])
    if held is None:
        none = f"drift: nothing is pinned to compare with (ptm pin {job.name} pins what is current)"
        return _noted(whole, [none] if drift.against == "pinned" else [])
    if before is None:
        none = f"{held.folder.name} has no statistics of columns or channels"
        return _noted(whole, [f"drift: nothing was compared: {none}"])
    all_ = list(compared(before, Side(_profiles(whole), whole.stats["samples"]), drift))
    far = [one for one in all_ if one.found]
    which = "the pinned artifact" if drift.against == "pinned" else "the artifact before"
    _raise_errors(job, far, f"{which}, {held.folder.name}")
    notes = _few([f"drift from {which}: {_where(one)}: {'; '.join(one.found)}" for one in far])
    said = {"against": held.folder.name, "pinned": drift.against == "pinned"}
    said |= {"compared": len(all_), "found": [_said(one) for one in far]}
    return _noted(replace(whole, tables={**whole.tables, DRIFT: table_of(all_)}), notes, **said)


def _noted(whole: Whole, notes: list[str], **said: Any) -> Whole:
    """The same with what is said of drift, which is no part of the content."""
    stats = {**whole.stats, DRIFT: {**said, "warnings": notes}}
    return replace(whole, stats=stats, notes=(*whole.notes, *notes))


def _side(job: Job, held: store.Publication) -> Side | None:
    """What was measured of a publication; None where nothing was."""
    artifact = store.opened(held, store.Memory(job.root / job.name).parts)
    if STATISTICS not in artifact.manifest["tables"]:
        return None
    profiles = profiles_of(records_of(artifact.tables[STATISTICS]))
    return Side(profiles, held.manifest["stats"]["samples"])


def table_of(all_: Iterable[Compared]) -> pa.Table:
    """A row for each column and channel of each split; those without a value have nulls.

    Returns:
        `split`, `tensor` (null: of the rows), `column`; `distance` (Jensen-Shannon), `chance` (what
        it is at most by chance); `missing_before` and `missing`, shares of all; `lost` and `new`
        categories; `found`, what is more than it may be.
    """
    rows = [
        {
            **{"split": one.split, "tensor": one.tensor or None, "column": one.column},
            **{"distance": one.distance, "chance": one.chance},
            "missing_before": empty(one.before) if one.before else None,
            "missing": empty(one.now) if one.now else None,
            **{"lost": one.lost, "new": one.new, "found": one.found},
        }
        for one in all_
    ]
    return arrow.table_of_rows(rows, TYPES)


def _columns(whole: Whole) -> dict[str, Profile]:
    """The profile of each column of the rows, of all samples."""
    return of_all(_profiles(whole)).get(OF_ROWS, {})


def _profiles(whole: Whole) -> BySplit:
    if STATISTICS not in whole.tables:
        return {}
    return profiles_of(records_of(whole.tables[STATISTICS].to_pandas()))


def _count(parts: Sequence[PartRef], whole: Whole) -> int:
    """How many rows there are; samples, where there are none."""
    if ROWS in whole.tables:
        return int(whole.tables[ROWS].num_rows)
    counts = [part.rows for part in parts if part.rows is not None]
    return sum(counts) if counts else sum(whole.stats["samples"].values())


def _pieces(
    job: Job, parts: Sequence[PartRef], rows: pa.Table | None, column: str
) -> Iterable[pa.ChunkedArray]:
    if rows is not None:
        yield rows[column]
        return
    for part in parts:
        if part.rows is not None:
            yield store.part_column(job.root / job.name, part, column)


def _placed(job: Job, parts: Sequence[PartRef], whole: Whole, fault: Fault) -> BadInput:
    """What is not as expected, with the row of the first one in the file, or its file."""
    what, rows = fault.what, whole.tables.get(ROWS)
    if fault.row < 0:
        return what
    said = [column for part in parts[:1] for column in part.columns or ()]
    columns = [column["name"] for column in said]
    have_files = FILE in columns or (rows is not None and FILE in rows.column_names)
    of_rows = any(one["name"] == FILE and ROW_OF_FILE.items() <= one.items() for one in said)

    def named(row: int) -> str:
        if not have_files:
            return f"row {_in_file(row, whole)}"
        file = value_at(lambda: _pieces(job, parts, rows, FILE), row)
        if not of_rows:
            return f"{job.above}{file}"
        same = _same_before(lambda: _pieces(job, parts, rows, FILE), row, file)
        number = f"row {_in_file(same, whole, file)} of " if not whole.left_out else ""
        return f"{number}{job.above}{file}"

    got = f"{what.got}; {named(fault.like)} has it too" if fault.like >= 0 else what.got
    if have_files:
        return BadInput(what.where, what.expected, got, named(fault.row))
    return BadInput(f"{named(fault.row)}, {what.where}", what.expected, got, job.source.path)


def _same_before(pieces: Callable[[], Iterable[pa.ChunkedArray]], row: int, file: str) -> int:
    """How many of the rows before one are of the same file."""
    import pyarrow.compute as pc

    count = 0
    for piece in pieces():
        count += pc.sum(pc.equal(piece.slice(0, max(row, 0)), file)).as_py() or 0
        row -= len(piece)
    return count


def _in_file(row: int, whole: Whole, file: str = "") -> int:
    """The number that a row has in its file, from 1, those that were set aside or left out too."""
    aside = whole.tables.get(QUARANTINE)
    if aside is not None and file:
        aside = aside.filter([path.endswith(file) for path in aside["path"].to_pylist()])
    told = [] if aside is None else map(OF_ROW.match, aside["where"].to_pylist())
    number = row + 1
    for before in sorted([*(int(found[1]) for found in told if found), *whole.left_out]):
        number += before <= number
    return number


def _few(notes: list[str]) -> list[str]:
    more = len(notes) - MOST_TOLD
    return [*notes[:MOST_TOLD], *([f"… and {more} more"] if more > 0 else [])]


def _check_columns(job: Job, drift: Drift, whole: Whole) -> None:
    known = _profiles(whole)
    columns = {name for each in known.values() for name in each.get(OF_ROWS, {})}
    found = Faults()
    for name in drift.columns:
        if name not in columns:
            got = f"the columns {', '.join(sorted(columns)[:MOST_TOLD])}" if columns else "none"
            found.add(BadInput(f"drift, column '{name}'", "a column", got))
    try:
        found.check()
    except BadInput as bad:
        raise bad.of_source(job.name) from None


def _before(job: Job, drift: Drift) -> store.Publication | None:
    """What samples are compared with, held; None where there is nothing yet."""
    if drift.against == "pinned":
        return store.pinned(job.name, job.root)
    try:
        return store.current(job.name, job.root)
    except ArtifactMissing:
        return None


def _raise_errors(job: Job, far: list[Compared], against: str) -> None:
    if not any(one.is_error for one in far):
        return
    found = Faults()
    for one in far:
        found.add(BadInput(_where(one), "no drift", "; ".join(one.found)))
    try:
        found.check(head=f"drift from {against}: nothing was published. {_way_out(job)}")
    except BadInput as bad:
        raise bad.of_source(job.name) from None


def _way_out(job: Job) -> str:
    """What can be done about drift that is an error."""
    assert job.source.drift
    then = f", and `ptm pin {job.name}` measures from it" * (job.source.drift.against == "pinned")
    return (
        f"If the data is right: level = \"warning\" in 'drift' publishes it, `ptm show {job.name}` "
        f"shows what has drifted{then}; a higher 'limit' or 'missing', of all or of one column in "
        "'columns', lets more pass"
    )


def _where(one: Compared) -> str:
    what = f"channel '{one.column}' of {one.tensor}" if one.tensor else f"column '{one.column}'"
    return f"{what}, {one.split}"


def _said(one: Compared) -> dict[str, Any]:
    place = {"split": one.split, "tensor": one.tensor, "column": one.column}
    return {**place, "distance": one.distance, "chance": one.chance, "found": list(one.found)}
