"""What is looked at before an entry with splits is published: which samples cross, what leaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm import store
from ptm.assigning import (
    FILE,
    Splits,
    are_files,
    content_is,
    content_of,
    groups_of,
    names_of,
    targets_of,
    times_of,
    without_column,
)
from ptm.errors import BadInput, Faults
from ptm.leaks import near
from ptm.leaks.certificate import ROWS_LOOKED_AT, Certificate, certified, table_of
from ptm.leaks.crossings import Marks, as_arrays, from_arrays, rows_of
from ptm.leaks.tokens import step_of
from ptm.model import Block, Part, PartRef, row_numbers
from ptm.split import COLUMN, CONTENT, FINDINGS, INHERITED, NONE, NOWHERE, Rule
from ptm.stats import Stats
from ptm.work import Job, Measured, Work

if TYPE_CHECKING:
    import pyarrow as pa

    from ptm.source import Source

LEAST_READ = 16  # parts some of whose rows are looked at; more where they are small
ROWS_READ = 2_000  # that these parts have at least, if there are so many
MOST_COMPARED = 200_000  # samples among which near-duplicates are looked for without a word


class Checked(NamedTuple):
    """What was found of a split.

    Attributes:
        said: JSON for the manifest.
        notes: sentences for people.
        tables: by name: the findings, and where the next split depends on it what this one is.
    """

    said: dict[str, Any]
    notes: tuple[str, ...]
    tables: dict[str, pa.Table]


def columns_of(source: Source, targets: Sequence[str], names: Sequence[str]) -> list[str]:
    """The columns of rows that samples are compared by."""
    aside = {FILE, COLUMN, *targets, source.group, source.time, *getattr(source, "exclude", ())}
    return [name for name in names if name not in aside]


def steps_of(by_split: Mapping[str, Stats]) -> dict[str, float]:
    """To what numbers of columns are rounded, by what was measured of them, to be compared."""
    merged = reduce(Stats.merge, by_split.values(), Stats())
    return {
        name: step_of(float(moments.std[0]))
        for name, moments in merged.moments.items()
        if len(moments.count) == 1
    }


def mark(
    job: Job, parts: Sequence[tuple[Work, Measured]], steps: Mapping[str, float] | None
) -> list[PartRef]:
    """Keeps of parts what is looked at of each sample, in the store, until they are published.

    Args:
        job: of the entry.
        parts: that were read.
        steps: of numbers that are compared; None where no near-duplicates are looked for.
    """
    found = []
    for work, measured in parts:
        part, _ = work.unpacked()
        tensors, rows = store.read_part(job.root, job.name, measured.ref)
        if rows is None:
            continue
        block = Block(tensors, measured.axes, without_column(rows))
        arrays = as_arrays(_marks(job.source, part, block, _codes(job.source, rows)))
        if steps is not None:
            arrays |= near.as_arrays(_signatures(job.source, block, steps))
        tensors = {name: _tensor(values) for name, values in arrays.items()}
        found.append(store.write_part(job.root, job.name, "", tensors, None))
    return found


def codes_of_near(
    job: Job, works: Sequence[Work], parts: Sequence[Measured], marks: Sequence[PartRef]
) -> list[Any]:
    """The splits of all samples where near-duplicates stay together, uint8 [sample] of each part.

    Raises:
        BadInput: samples are near to samples of two splits of before; each is named. Or nothing is
            known that samples could be near in.
    """
    looked_at, signatures = _read(job, marks)
    _expect_compared(signatures)
    some = [(work, one) for work, one in zip(works, parts, strict=True) if one.ref.rows]
    refs = [one.ref for _, one in some]
    content = _joined([one.content for one in looked_at])
    found = near.sides(_rule(job.source), content, near.near_pairs(signatures), _before(job))

    def place_of(place: int) -> tuple[str, str]:
        [(_, number, row)] = rows_of([place], [ref.rows or 0 for ref in refs])
        work, one = some[number]
        return _place(work.unpacked()[0], _rows(job, one.ref), one, row)

    if found.refused:
        _refuse(job, found, place_of)
    counts = [ref.rows or 0 for ref in refs]
    firsts = [sum(counts[:number]) for number in range(len(counts))]
    codes = iter(found.codes[f : f + n] for f, n in zip(firsts, counts, strict=True))
    return [next(codes) if one.ref.rows else None for one in parts]


def splits_of_near(job: Job, part: Part, block: Block, stats: Stats) -> Splits:
    """The same of an entry of one part."""
    rule = _rule(job.source)
    signatures = [_signatures(job.source, block, steps_of({"": stats}))]
    _expect_compared(signatures)
    pairs = near.near_pairs(signatures)
    found = near.sides(rule, content_of(job.source, part, block), pairs, _before(job))
    if found.refused:
        _refuse(job, found, lambda place: _place(part, block.rows, block, place))
    return Splits(rule.names, found.codes)


def _expect_compared(signatures: Sequence[near.Signatures]) -> None:
    if not all(one.exist for one in signatures):
        expected = "photos of 8 bits, or rows with columns to compare, where near = 'group'"
        raise BadInput("near", expected, "samples that ptm cannot compare (leave 'near' out)")


def _refuse(job: Job, found: near.Sides, place_of: Callable[[int], tuple[str, str]]) -> None:
    faults, splits = Faults(), _rule(job.source).names
    for place, *ends in found.refused:
        told = []
        for end in ends:
            name, row = place_of(end)
            told.append(f"{row or name} of {splits[found.codes[end]]}")
        expected = "a sample that is near to samples of one split"
        file, where = place_of(place)
        got = f"one near to {' and '.join(told)} (leave it out; another 'seed' splits all anew)"
        faults.add(BadInput(where, expected, got, file))
    faults.check()


def _place(part: Part, rows: pa.Table, said: Block | Measured, row: int) -> tuple[str, str]:
    """The file of a sample, and which of its rows it is; "" where the file is the sample."""
    if are_files(rows):
        return str(rows[FILE][row].as_py()), ""
    number = int(row_numbers(part.before, rows.num_rows, said.bad, said.left_out)[row])
    return part.files[0].url if part.files else "", f"row {number}"


def _before(job: Job) -> Any:
    """The content of each sample of the split before, sorted, and its split; None without one."""
    import numpy as np
    import pyarrow.parquet as pq

    if job.before is None:
        return None
    table = pq.read_table(job.before)
    hashes = table["content"].to_numpy().view(np.uint64)
    codes = Splits.of_column(_rule(job.source).names, table[COLUMN]).codes
    order = np.argsort(hashes, kind="stable")
    return hashes[order], codes[order]


def _signatures(source: Source, block: Block, steps: Mapping[str, float]) -> near.Signatures:
    names = block.rows.column_names
    # what is beside a file, as its length, says nothing of its content
    targets = targets_of(getattr(source, "target", None))
    columns = [] if are_files(block.rows) else columns_of(source, targets, names)
    return near.signatures(block, columns, steps)


def _rule(source: Source) -> Rule:
    assert source.rule is not None
    return source.rule


def _read(job: Job, marks: Sequence[PartRef]) -> tuple[list[Marks], list[near.Signatures]]:
    """What `mark` kept, memory-mapped."""
    looked_at, signatures = [], []
    for ref in marks:
        arrays = {n: t.numpy() for n, t in store.read_part(job.root, job.name, ref)[0].items()}
        mine = {name: arrays.pop(name) for name in Marks._fields if name in arrays}
        looked_at.append(from_arrays(mine))
        signatures.append(near.from_arrays(arrays))
    return looked_at, signatures


def of_parts(
    job: Job,
    works: Sequence[Work],
    parts: Sequence[Measured],
    marks: Sequence[PartRef],
    by_split: Mapping[str, Stats],
    facts: Mapping[str, Any],
) -> Checked | None:
    """What is found of the split of an entry of many parts; None where it has none.

    Args:
        job: of the entry.
        works, parts: that were read, in their order.
        marks: what `mark` returned of them.
        by_split: what was measured.
        facts: of the entry; "target" is the column to predict, or the columns.
    """
    rule = job.source.rule
    if rule is None:
        return None
    refs = [one.ref for one in parts if one.ref.rows]
    tensors, rows = store.read_part(job.root, job.name, parts[0].ref)
    content = content_is(works[0].unpacked()[0], Block(tensors, parts[0].axes, rows))
    some = refs[:: _step(refs)]
    sampled = [_some(_rows(job, ref), ROWS_LOOKED_AT // len(some)) for ref in some]
    looked_at, signatures = _read(job, marks)
    if looked_at and rule.by == "near":
        looked_at = [
            one._replace(codes=_codes(job.source, _rows(job, ref)))
            for one, ref in zip(looked_at, refs, strict=True)
        ]
    certificate = _certified(
        job.source, looked_at, signatures, by_split, facts, _together(sampled), content
    )
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
    return _checked(certificate, split_of, file_of, rule, looked_at)


def of_one(
    source: Source,
    part: Part,
    block: Block,
    splits: Splits,
    by_split: Mapping[str, Stats],
    facts: Mapping[str, Any],
) -> Checked:
    """The same of an entry of one part."""
    rows = splits.with_column(block.rows)
    marks = [_marks(source, part, block, splits.codes)]
    signatures = []
    if is_compared(rows.num_rows):
        signatures = [_signatures(source, block, steps_of(by_split))]
    some = _some(rows, ROWS_LOOKED_AT)
    content = content_is(part, block)
    certificate = _certified(source, marks, signatures, by_split, facts, some, content)
    split_of, file_of = dict[int, str](), dict[int, str]()
    for pairs in certificate.findings.values():
        for place in {end for pair in _pairs(pairs) for end in pair if end >= 0}:
            _describe(rows, place, place, split_of, file_of)
    return _checked(certificate, split_of, file_of, _rule(source), marks)


def inherited(splits: Splits, by_split: Mapping[str, Stats]) -> Checked:
    """What is said of a split that another entry has made: its certificate is there."""
    samples = {split: sum(one.samples.values()) for split, one in by_split.items()}
    said = {
        "by": INHERITED,
        "of": splits.of,
        "names": list(splits.names),
        "samples": dict.fromkeys(splits.names, 0) | samples,
    }
    return Checked(said, (), {})


def _step(refs: Sequence[PartRef]) -> int:
    """Each how many-th part is looked at."""
    rows = max(sum(ref.rows or 0 for ref in refs) / len(refs), 1)
    return max(1, len(refs) // max(LEAST_READ, round(ROWS_READ / rows)))


def is_compared(samples: int) -> bool:
    """Whether near-duplicates are looked for among so many samples without being asked."""
    return samples <= MOST_COMPARED


def _marks(source: Source, part: Part, block: Block, codes: Any) -> Marks:
    rule = _rule(source)
    return Marks(
        codes,
        content_of(source, part, block),
        groups_of(rule, part, block) if rule.group else None,
        times_of(rule, part, block)[0] if rule.time else None,
    )


def _codes(source: Source, rows: pa.Table) -> Any:
    """The splits that stand in stored rows, uint8 [row]; `NONE` of rows that have none yet."""
    import numpy as np

    if COLUMN not in rows.column_names:
        return np.full(rows.num_rows, NONE, dtype=np.uint8)
    return Splits.of_column(names_of(source, _rule(source)), rows[COLUMN]).codes


def _certified(
    source: Source,
    marks: Sequence[Marks],
    signatures: Sequence[near.Signatures],
    by_split: Mapping[str, Stats],
    facts: Mapping[str, Any],
    rows: pa.Table,
    content: str,
) -> Certificate:
    rule = _rule(source)
    targets = [name for name in targets_of(facts.get("target")) if name in rows.column_names]
    crossing = None
    if signatures and all(one.exist for one in signatures) and rule.by != "near":
        codes, hashes = (_joined([getattr(m, n) for m in marks]) for n in ("codes", "content"))
        crossing = near.crossing(near.near_pairs(signatures), codes, hashes)
    return certified(
        rule,
        names_of(source, rule),
        {split: sum(one.samples.values()) for split, one in by_split.items()},
        marks,
        source.statistics,
        rows,
        _codes(source, rows),
        targets,
        columns_of(source, targets, rows.column_names),
        crossing,
        content,
    )


def _checked(
    certificate: Certificate,
    split_of: Mapping[int, str],
    file_of: Mapping[int, str],
    rule: Rule,
    marks: Sequence[Marks],
) -> Checked:
    tables = {FINDINGS: table_of(certificate, split_of, file_of)}
    if rule.by == "near":
        tables[CONTENT] = _content(rule, marks)
    return Checked(certificate.said, certificate.notes, tables)


def _content(rule: Rule, marks: Sequence[Marks]) -> pa.Table:
    """The hash of the content of each sample, and its split: that of before, for the next time."""
    import pyarrow as pa

    content = _joined([one.content for one in marks]).view("int64")
    codes = _joined([one.codes for one in marks])
    return pa.table({"content": content, COLUMN: Splits(rule.names, codes).column})


def _joined(arrays: Sequence[Any]) -> Any:
    """Arrays behind each other."""
    import numpy as np

    return np.concatenate(arrays)


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

    # integers that float64 rounds are int64 in some parts alone
    kinds = [{field.name: field.type for field in table.schema} for table in tables]
    mixed = {name for name, kind in kinds[0].items() if any(one[name] != kind for one in kinds)}
    fields = [
        field.with_type(pa.float64()) if field.name in mixed else field
        for field in tables[0].schema
    ]
    return pa.concat_tables([table.cast(pa.schema(fields), safe=False) for table in tables])


def _tensor(values: Any) -> Any:
    import torch

    return torch.from_numpy(values)
