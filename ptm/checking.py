"""What is looked at before an entry with splits is published: which samples cross, what leaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm import store
from ptm.assigning import FILE, Splits, content_of, groups_of, names_of, times_of, without_column
from ptm.leaks.certificate import (
    ROWS_LOOKED_AT,
    Certificate,
    certified,
    needs_marks,
    table_of,
)
from ptm.leaks.crossings import Marks, as_arrays, from_arrays, rows_of
from ptm.model import Block, Part, PartRef
from ptm.split import COLUMN, NOWHERE, Rule
from ptm.stats import Stats
from ptm.work import Job, Measured, Work

if TYPE_CHECKING:
    import pyarrow as pa

    from ptm.source import Source

MOST_READ = 16  # parts some of whose rows are looked at
NO_FEATURE = (FILE, COLUMN)


class Checked(NamedTuple):
    """What was found of a split.

    Attributes:
        said: JSON for the manifest.
        notes: sentences for people.
        findings: a table.
    """

    said: dict[str, Any]
    notes: tuple[str, ...]
    findings: pa.Table


def mark(job: Job, parts: Sequence[tuple[Work, Measured]]) -> list[PartRef]:
    """Keeps of parts what is looked at of each sample, in the store, until they are published."""
    found = []
    for work, measured in parts:
        part, _ = work.unpacked()
        tensors, rows = store.read_part(job.root, job.name, measured.ref)
        if rows is None:
            continue
        block = Block(tensors, measured.axes, without_column(rows))
        marks = _marks(job.source, part, block, _splits(job.source, rows))
        arrays = {name: _tensor(values) for name, values in as_arrays(marks).items()}
        found.append(store.write_part(job.root, job.name, "", arrays, None))
    return found


def of_parts(
    job: Job,
    parts: Sequence[Measured],
    marks: Sequence[PartRef],
    by_split: Mapping[str, Stats],
    facts: Mapping[str, Any],
) -> Checked | None:
    """What is found of the split of an entry of many parts; None where it has none.

    Args:
        job: of the entry.
        parts: that were read, in their order.
        marks: what `mark` returned of them.
        by_split: what was measured.
        facts: of the entry; "target" is the column to predict.
    """
    rule = job.source.rule
    if rule is None:
        return None
    refs = [one.ref for one in parts if one.ref.rows]
    step = -(-len(refs) // MOST_READ)
    some = refs[::step]
    sampled = [_some(_rows(job, ref), ROWS_LOOKED_AT // len(some)) for ref in some]
    looked_at = [
        from_arrays({n: t.numpy() for n, t in store.read_part(job.root, job.name, ref)[0].items()})
        for ref in marks
    ]
    certificate = _certified(job.source, rule, looked_at, by_split, facts, _together(sampled))
    places = {
        end for pairs in certificate.findings.values() for pair in _pairs(pairs) for end in pair
    }
    counts = [ref.rows or 0 for ref in refs]
    split_of, file_of = dict[int, str](), dict[int, str]()
    read: tuple[int, pa.Table] | None = None
    for place, number, row in rows_of([place for place in places if place >= 0], counts):
        if read is None or read[0] != number:
            read = number, _rows(job, refs[number])
        _describe(read[1], row, place, split_of, file_of)
    return _checked(certificate, split_of, file_of)


def of_one(
    source: Source,
    part: Part,
    block: Block,
    splits: Splits,
    by_split: Mapping[str, Stats],
    facts: Mapping[str, Any],
) -> Checked:
    """The same of an entry of one part."""
    rule = source.rule
    rows = splits.with_column(block.rows)
    marks = []
    if rule and needs_marks(rule):
        marks = [_marks(source, part, block, splits)]
    certificate = _certified(source, rule, marks, by_split, facts, _some(rows, ROWS_LOOKED_AT))
    split_of, file_of = dict[int, str](), dict[int, str]()
    for pairs in certificate.findings.values():
        for place in {end for pair in _pairs(pairs) for end in pair if end >= 0}:
            _describe(rows, place, place, split_of, file_of)
    return _checked(certificate, split_of, file_of)


def _marks(source: Source, part: Part, block: Block, splits: Splits) -> Marks:
    rule = source.rule
    assert rule is not None
    return Marks(
        splits.codes,
        content_of(source, part, block),
        groups_of(rule, part, block.rows) if rule.group else None,
        times_of(rule, part, block.rows)[0] if rule.time else None,
    )


def _splits(source: Source, rows: pa.Table) -> Splits:
    """Those that stand in stored rows."""
    assert source.rule is not None
    names = names_of(source, source.rule)
    return Splits.of_column(names, rows[COLUMN])


def _certified(
    source: Source,
    rule: Rule | None,
    marks: Sequence[Marks],
    by_split: Mapping[str, Stats],
    facts: Mapping[str, Any],
    rows: pa.Table,
) -> Certificate:
    assert rule is not None
    names = names_of(source, rule)
    target = facts.get("target")
    target = target if isinstance(target, str) and target in rows.column_names else None
    aside = {*NO_FEATURE, target, source.group, source.time, *getattr(source, "exclude", ())}
    features = [name for name in rows.column_names if name not in aside]
    samples = {split: sum(one.samples.values()) for split, one in by_split.items()}
    codes = Splits.of_column(names, rows[COLUMN]).codes
    return certified(rule, names, samples, marks, source.statistics, rows, codes, target, features)


def _checked(
    certificate: Certificate, split_of: Mapping[int, str], file_of: Mapping[int, str]
) -> Checked:
    table = table_of(certificate, split_of, file_of)
    return Checked(certificate.said, certificate.notes, table)


def _pairs(of: Any) -> Sequence[Any]:
    return () if isinstance(of, str) else of


def _describe(
    rows: pa.Table, row: int, place: int, split_of: dict[int, str], file_of: dict[int, str]
) -> None:
    split_of[place] = rows[COLUMN][row].as_py() or NOWHERE
    if FILE in rows.column_names:
        file_of[place] = rows[FILE][row].as_py()


def _rows(job: Job, ref: PartRef) -> pa.Table:
    rows = store.read_part(job.root, job.name, ref)[1]
    assert rows is not None
    return rows


def _some(rows: pa.Table, most: int) -> pa.Table:
    """Rows at equal distances, in their order."""
    import numpy as np

    if rows.num_rows <= most:
        return rows
    return rows.take(np.linspace(0, rows.num_rows - 1, most).astype(np.int64))


def _together(tables: Sequence[pa.Table]) -> pa.Table:
    import pyarrow as pa

    return pa.concat_tables(tables, promote_options="permissive")


def _tensor(values: Any) -> Any:
    import torch

    return torch.from_numpy(values)
