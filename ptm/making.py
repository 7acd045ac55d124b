"""What is done with the parts of an entry, wherever that is: calls that any runner can make.

Their arguments and results can be pickled, and are small: what was read stays in the store. Bad
input is returned, so that all that is wrong can be told at once; what may pass is raised, and tried
again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ptm import certifying, defaults, quarantine, store
from ptm.assigning import Splits, assigned, inherited, without_column
from ptm.blocks import whole
from ptm.errors import BadInput, InputError, PtmError
from ptm.joining import Measures, finished, joined
from ptm.learned import Learned
from ptm.learning import as_encoded, by_itself, encoded_key, has_to_encode, learned_of, taught
from ptm.memory import give_back
from ptm.model import Bad, Block, Part, Whole
from ptm.part_reading import read
from ptm.profile import BySplit, from_json
from ptm.profiling import of_block
from ptm.registry import Kind, kind_of
from ptm.split import COLUMN, NONE, NOWHERE, TRAIN
from ptm.stats import Stats
from ptm.telling import of_source, told
from ptm.work import SAID, Encoded, Job, Made, Measured, Work, measures_json

ALONE = Part(0, ())  # of an entry without files


def measure(job: Job, works: Sequence[Work], force: bool = False) -> list[Measured | BadInput]:
    """Reads parts into the store, unless it has them; what is wrong with one, instead of it."""
    give_back()
    index = store.Memory(job.root / job.name, job.rehash).parts
    return [_measured(job, work, index, force) for work in works]


def encode(
    job: Job, parts: Sequence[Measured], learned: Learned, force: bool = False
) -> list[Encoded]:
    """Parts as they are published, from their raw samples."""
    give_back()
    index = store.Memory(job.root / job.name, job.rehash).parts
    encoder = as_encoded(learned)
    return [_encoded(job, one, encoder, index, force) for one in parts]


def make(job: Job, work: Work) -> Made | BadInput:
    """An entry of one part: read, measured, learned and encoded in memory."""
    kind = kind_of(job.source)
    with told(job, kind):
        found = read(job, kind, work)
        if isinstance(found, BadInput):
            return found
        block, splits = found
        part, _ = work.unpacked()
        try:
            check_aside(job, block.bad, defaults.samples_of(block), block.left_out)
            if _is_near(job):
                stats = _stats(job, kind, block)
                splits = certifying.splits_of_near(job, part, block, stats)
        except InputError as bad:
            return bad
        except BadInput as bad:
            return of_source(job, bad, part)
        return _made(job, block, splits, part)


def analyze(job: Job, pointers: Mapping[str, store.Pointer], rehash: bool) -> Made | BadInput:
    """An entry that is of others."""
    kind = kind_of(job.source)
    artifacts = {}
    for name, pointer in pointers.items():
        memory = store.Memory(job.root / name, rehash)
        publication = store.publication(job.root / name, pointer)
        store.verify_files(publication, memory.parts)
        memory.save()
        artifact = store.opened(publication, store.Memory(job.root / name).parts)
        artifacts[name] = replace(artifact, manifest=store.content(publication.manifest))
    with told(job, kind):
        try:
            block = whole(kind.code.analyze(job.source, artifacts), f"kind '{kind.name}'")
            if job.source.rule:
                splits = assigned(job.source, Part(0, ()), block)
            else:
                block, splits = inherited(block, artifacts)
        except BadInput as bad:
            return of_source(job, bad)
        return _made(job, block, splits)


def check_aside(
    job: Job, bad: Sequence[Bad], good: int, left_out: Mapping[str, Sequence[int]]
) -> None:
    """Looks whether so many samples may be set aside, of all that there are.

    Raises:
        InputError: see `ptm.quarantine.check`; or all others are left out.
    """
    try:
        if left_out and not good:
            columns = " and ".join(f"'{name}'" for name in left_out)
            got = f"none: it is missing in {sum(map(len, left_out.values())):,}"
            raise BadInput("rows", f"a row with a value in column {columns}", got)
        quarantine.check(job.source, bad, good)
    except BadInput as error:
        raise error.of_source(job.name, lambda name: f"{job.above}{name}") from error


def _measured(job: Job, work: Work, index: Any, force: bool) -> Measured | BadInput:
    kept = None if force else store.find_part(job.root, job.name, work.key, index)
    if kept:
        return Measured.from_record(*kept, work)
    kind = kind_of(job.source)
    with told(job, kind):
        found = read(job, kind, work)
        if isinstance(found, BadInput):
            return found
        block, splits = found
        _check_is_part(kind, block)
        is_empty = not (block.tensors or block.rows is not None)
        stats, profiles = ({}, {}) if is_empty else _measures_of(job, kind, block, splits)
        files = [file.name for file in work.unpacked()[0].files] if block.bad else []
        record = Measured.record(stats, block, profiles, files)
        ref = store.write_part(
            job.root,
            job.name,
            work.key,
            block.tensors,
            splits.with_column(block.rows) if splits and not is_empty else block.rows,
            record,
            uncached=job.uncached and not has_to_encode(job, block.scaling),
        )
        return Measured.of(ref, stats, block, profiles)


def settle(job: Job, parts: Sequence[tuple[Measured, Any]], force: bool = False) -> list[Measured]:
    """Gives samples the splits that are only known once all are read.

    Args:
        job: of the entry.
        parts: that were read, and the split of each of their samples, uint8 [sample].
        force: even if the store has them so.
    """
    index = store.Memory(job.root / job.name, job.rehash).parts
    return [_settled(job, one, codes, index, force) for one, codes in parts]


def _settled(job: Job, one: Measured, codes: Any, index: Any, force: bool) -> Measured:
    if codes is None:
        return one
    assert job.source.rule
    said = hashlib.sha256(codes.tobytes()).hexdigest()
    key = hashlib.sha256(f"settled {one.ref.key} {said}".encode()).hexdigest()
    kept = None if force else store.find_part(job.root, job.name, key, index)
    if kept:
        ref, record = kept
        found = {name: Stats.from_json(said) for name, said in record["stats"].items()}
        return one.settled(ref, found, from_json(record["profiles"]))
    kind = kind_of(job.source)
    with told(job, kind):
        block, _ = _raw(job, one)
        splits = Splits(job.source.rule.names, codes)
        stats, profiles = _measures_of(job, kind, block, splits)
        rows, record = splits.with_column(block.rows), measures_json(stats, profiles)
        ref = store.with_rows(job.root, job.name, one.ref, key, rows, record)
        return one.settled(ref, stats, profiles)


def _is_near(job: Job) -> bool:
    return job.source.rule is not None and job.source.rule.by == "near"


def _raw(job: Job, one: Measured) -> tuple[Block, Any]:
    """The raw samples of a part that was read, and the column of their splits, if they have any."""
    tensors, rows = store.read_part(job.root, job.name, one.ref)
    splits = None
    if rows is not None and COLUMN in rows.column_names and job.source.rule:
        rows, splits = without_column(rows), rows[COLUMN]
    said = {name: getattr(one, name) for name in (*SAID, "scaling")}
    return Block(tensors, rows=rows, **said), splits


def _encoded(job: Job, one: Measured, learned: Learned, index: Any, force: bool) -> Encoded:
    key = encoded_key(one.ref.key, learned)
    kept = None if force else store.find_part(job.root, job.name, key, index)
    if kept:
        ref, record = kept
        axes = {name: tuple(axes) for name, axes in record["axes"].items()}
        return Encoded(ref, axes, record["carried"], kept=True)
    kind = kind_of(job.source)
    with told(job, kind):
        raw, splits = _raw(job, one)
        block = _encode(job, kind, raw, learned)
        same = one.ref.files.get("rows") if block.rows is raw.rows else None
        if splits is not None:
            block = replace(block, rows=block.rows.append_column(COLUMN, splits))
        record = {"axes": block.axes, "carried": block.carried}
        ref = store.write_part(
            job.root,
            job.name,
            key,
            block.tensors,
            block.rows,
            record,
            same,
            one.ref.key,
            uncached=job.uncached,
        )
        return Encoded(ref, block.axes, block.carried, kept=False)


def completed(
    job: Job, block: Block, splits: Splits | None = None, part: Part = ALONE
) -> tuple[Block, Whole]:
    """An entry that is one part, from what was read: its samples, and what is beside them."""
    kind = kind_of(job.source)
    by_split, profiles = _measures_of(job, kind, block, splits)
    stats = taught(job, by_split)
    learned = by_itself(job, block) or learned_of(job, stats, block.scaling, [block.carried])
    encoded = block
    if has_to_encode(job, block.scaling):
        encoded = _encode(job, kind, block, as_encoded(learned))
    beside = finished(job, learned, stats, [{**block.carried, **encoded.carried}])
    checked = None
    if splits:
        facts = {**block.facts, **beside.facts}
        if splits.of:
            checked = certifying.inherited(splits, by_split)
        else:
            checked = certifying.of_one(job.source, part, block, splits, by_split, facts)
        encoded = replace(encoded, rows=splits.with_column(encoded.rows))
    aside = [*block.bad] if job.source.on_bad == "quarantine" else None
    measures = Measures(by_split, profiles, aside, checked, block.left_out)
    return encoded, joined([block], encoded.axes, beside, learned, measures)


def _made(job: Job, block: Block, splits: Splits | None, part: Part = ALONE) -> Made:
    encoded, beside = completed(job, block, splits, part)
    ref = None
    if encoded.tensors or encoded.rows is not None:
        ref = store.write_part(job.root, job.name, "", encoded.tensors, encoded.rows)
    return Made(ref, beside, block.uniform)


def _measures_of(
    job: Job, kind: Kind, block: Block, splits: Splits | None
) -> tuple[dict[str, Stats], BySplit]:
    """What is measured of the samples of each split, and profiles of their columns and channels.

    Of those in none it is how many they are, and profiles of their columns.
    """
    if splits is None:
        stats = _stats(job, kind, block)
        return {TRAIN: stats}, {TRAIN: of_block(block, stats.moments)}
    found, profiles = dict[str, Stats](), BySplit()
    for split, count, some in splits.blocks(block):
        found[split] = replace(_stats(job, kind, some), samples={split: count})
        profiles[split] = of_block(some, found[split].moments)
    if left := int((splits.codes == NONE).sum()):
        found[NOWHERE] = Stats({NOWHERE: left})
        profiles[NOWHERE] = of_block(Block(rows=splits.left(block.rows)), {})
    return found, profiles


def _stats(job: Job, kind: Kind, block: Block) -> Stats:
    hook: Callable[..., Stats] | None = getattr(kind.code, "measure", None)
    if hook is None:
        return defaults.measure(block)
    stats = hook(job.source, block)
    if not isinstance(stats, Stats):
        got = type(stats).__name__
        raise PtmError(f"kind '{kind.name}': expected a ptm.Stats from `measure`, got {got}")
    # as they come back from the store
    return Stats.from_json(json.loads(json.dumps(stats.to_json()))) if kind.own else stats


def _encode(job: Job, kind: Kind, block: Block, learned: Learned) -> Block:
    hook = getattr(kind.code, "encode", None)
    if hook is None:
        return defaults.encode(block, learned)
    encoded = whole(hook(job.source, block, learned), f"kind '{kind.name}'")
    for said in ("tables", "scaler", "facts", "notes", "uniform"):
        value = getattr(encoded, said)
        if value and value != getattr(block, said):
            raise PtmError(
                f"kind '{kind.name}': expected tensors, axes, rows and what is carried from "
                f"`encode`, got {said} (`read` and `whole` may say them)"
            )
    return encoded


def _check_is_part(kind: Kind, block: Block) -> None:
    """Looks whether a block can be one of several.

    Raises:
        PtmError: something in it is of one part, and so would not be true of all.
    """
    one = [f"tables['{name}']" for name in block.tables] + ["scaler"] * (block.scaler is not None)
    one += [f"tensors['{name}'] without axes" for name, t in block.tensors.items() if not t.dim()]
    if one:
        raise PtmError(
            f"kind '{kind.name}': expected what several parts can be joined from, got {one[0]} "
            "(return `scaling` instead of a scaler, give `whole` of the kind what is of all parts, "
            "let its `parts` keep all files together, or set a larger 'part_bytes')"
        )
