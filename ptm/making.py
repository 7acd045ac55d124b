"""What is done with the parts of an entry, wherever that is: calls that any runner can make.

Their arguments and results can be pickled, and are small: what was read stays in the store. Bad
input is returned, so that all that is wrong can be told at once; what may pass is raised, and tried
again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

from ptm import certifying, defaults, quarantine, store
from ptm.assigning import Some, Splits, assigned, inherited, without_column, without_misfits
from ptm.blocks import whole
from ptm.certifying import Checked
from ptm.described import STATISTICS, summary_of, table_of
from ptm.errors import BadInput, InputError, PtmError, changed
from ptm.index import FileDigest
from ptm.learned import Learned
from ptm.memory import give_back
from ptm.model import QUARANTINE, ROWS, Bad, Block, File, Part, PartRef, Whole
from ptm.profile import OF_ROWS, BySplit, from_json
from ptm.profiling import of_block, of_rows
from ptm.registry import Kind, kind_of
from ptm.scaling import Scaler, Scaling
from ptm.split import COLUMN, NONE, NOWHERE, TRAIN
from ptm.stats import Stats
from ptm.system_errors import NO_FILE
from ptm.work import SAID, Encoded, Job, Made, Measured, Work, measures_json

ALONE = Part(0, ())  # of an entry without files


class Measures(NamedTuple):
    """What was measured and found of the samples of an entry.

    Attributes:
        by_split: statistics.
        profiles: of columns and channels, by split.
        aside: the samples that were set aside; None where none can be.
        checked: what was found of their split; None where they have none.
    """

    by_split: Mapping[str, Stats]
    profiles: BySplit
    aside: Sequence[Bad] | None = None
    checked: Checked | None = None


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
        read = _read(job, kind, work)
        if isinstance(read, BadInput):
            return read
        block, splits = read
        part, _ = work.unpacked()
        try:
            check_aside(job, block.bad, defaults.samples_of(block))
            if _is_near(job):
                stats = _stats(job, kind, block)
                splits = certifying.splits_of_near(job, part, block, stats)
        except InputError as bad:
            return bad
        except BadInput as bad:
            return _of_source(job, bad, part)
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
            return _of_source(job, bad)
        return _made(job, block, splits)


def taught(job: Job, by_split: Mapping[str, Stats]) -> Stats:
    """The statistics that scalers and categories are learned from: of train, or of all.

    Raises:
        BadInput: train has no sample.
    """
    if job.source.statistics == "all":
        everywhere = (stats for split, stats in by_split.items() if split != NOWHERE)
        return reduce(Stats.merge, everywhere, Stats())
    if TRAIN not in by_split:
        counts = {split: sum(one.samples.values()) for split, one in by_split.items()}
        got = ", ".join(f"{count} in {split}" for split, count in counts.items()) or "none"
        raise BadInput("split", "samples in train (or statistics = 'all')", got)
    return by_split[TRAIN]


def learn(
    job: Job,
    stats: Stats,
    scaling: Mapping[str, Scaling],
    carried: Sequence[Mapping[str, Any]],
) -> Learned:
    """What the statistics of samples teach.

    Args:
        job: of the entry.
        stats: of its train samples, or of all.
        scaling: how tensors are to be scaled.
        carried: what each part says of itself to the functions of the kind.

    Raises:
        InputError: nothing can be learned of them, or more than may be.
    """
    kind = kind_of(job.source)
    hook: Callable[..., Learned] | None = getattr(kind.code, "learn", None)
    learned = hook(job.source, stats, carried) if hook else defaults.learn(scaling, stats)
    if not isinstance(learned, Learned):
        got = type(learned).__name__
        raise PtmError(f"kind '{kind.name}': expected a ptm.Learned from `learn`, got {got}")
    try:
        learned = learned.checked()
    except PtmError as error:
        raise PtmError(f"kind '{kind.name}', `learn`: {error}") from error
    if missing := [name for name in scaling if name not in learned.scalers]:
        expected = f"a scaler of '{missing[0]}', which is to be scaled"
        raise PtmError(f"kind '{kind.name}': expected {expected}, from `learn`, got none")
    if job.source.store != "raw":
        return learned
    raw = tuple(name for name, one in learned.scalers.items() if one.method != "none")
    return replace(learned, raw=raw)


def as_encoded(learned: Learned) -> Learned:
    """What encodes: scalers of what is stored raw leave it as it is."""
    scalers = {
        name: Scaler.identity(one.names, one.axis) if name in learned.raw else one
        for name, one in learned.scalers.items()
    }
    return replace(learned, scalers=scalers)


def finished(
    job: Job, learned: Learned, stats: Stats, carried: Sequence[Mapping[str, Any]]
) -> Block:
    """What belongs to the entry as a whole, as its kind says."""
    kind = kind_of(job.source)
    hook = getattr(kind.code, "whole", None)
    if hook is None:
        return Block()
    return whole(hook(job.source, learned, stats, carried), f"kind '{kind.name}'", part=False)


def check_aside(job: Job, bad: Sequence[Bad], good: int) -> None:
    """Looks whether so many samples may be set aside, of all that there are.

    Raises:
        InputError: see `ptm.quarantine.check`.
    """
    try:
        quarantine.check(job.source, bad, good)
    except BadInput as error:
        raise error.of_source(job.name, lambda name: f"{job.above}{name}") from error


def has_to_encode(job: Job, scaling: Mapping[str, Scaling]) -> bool:
    """Whether raw samples are another thing than what is published."""
    own = hasattr(kind_of(job.source).code, "encode")
    return own or (job.source.store == "scaled" and bool(scaling))


def encoded_key(key: str, learned: Learned) -> str:
    """The key of a part as it is published, by that of its raw samples and by what encodes it."""
    vocabularies = {what: list(each) for what, each in learned.vocabularies.items()}
    text = json.dumps([learned.to_json(), vocabularies])
    return hashlib.sha256(f"encoded {key} {text}".encode()).hexdigest()


def _measured(job: Job, work: Work, index: Any, force: bool) -> Measured | BadInput:
    kept = None if force else store.find_part(job.root, job.name, work.key, index)
    if kept:
        return Measured.from_record(*kept, work)
    kind = kind_of(job.source)
    with told(job, kind):
        read = _read(job, kind, work)
        if isinstance(read, BadInput):
            return read
        block, splits = read
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
    learned = _by_itself(job, block) or learn(job, stats, block.scaling, [block.carried])
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
    measures = Measures(by_split, profiles, aside, checked)
    return encoded, joined([block], encoded.axes, beside, learned, measures)


def _made(job: Job, block: Block, splits: Splits | None, part: Part = ALONE) -> Made:
    encoded, beside = completed(job, block, splits, part)
    ref = None
    if encoded.tensors or encoded.rows is not None:
        ref = store.write_part(job.root, job.name, "", encoded.tensors, encoded.rows)
    return Made(ref, beside, block.uniform)


def _by_itself(job: Job, block: Block) -> Learned | None:
    """What a kind says that has scaled its one part by itself; None of others.

    Raises:
        PtmError: the tensor was to be stored raw.
    """
    scaler = block.scaler
    if scaler is None:
        return None
    if job.source.store == "raw":
        expected = "store = 'scaled' for a kind that scales by itself"
        raise PtmError(f"expected {expected}, got 'raw'")
    fits = [
        name
        for name, tensor in block.tensors.items()
        if tensor.dim() > scaler.axis and tensor.shape[scaler.axis] == len(scaler.names)
    ]
    return Learned({fits[0] if fits else "": scaler})


def joined(
    said: Sequence[Block | Measured],
    axes: Mapping[str, tuple[str, ...]],
    beside: Block,
    learned: Learned,
    measures: Measures,
) -> Whole:
    """What is published beside the parts.

    Args:
        said: of each part.
        axes: of the tensors that are published.
        beside: what belongs to all parts together.
        learned: from them.
        measures: of them.

    Raises:
        PtmError: parts say different facts.
    """
    facts: dict[str, Any] = {}
    for one in said:
        for name, value in one.facts.items():
            if facts.setdefault(name, value) != value:
                raise PtmError(
                    f"facts['{name}']: expected the same of each part, got {facts[name]!r} and "
                    f"{value!r} (`whole` of a kind says what is of all parts, and `parts` can keep "
                    "them together)"
                )
    notes = dict.fromkeys(note for one in said for note in one.notes)
    tables = {} if beside.rows is None else {ROWS: beside.rows}
    of_one = said[0].tables if isinstance(said[0], Block) else {}
    profiles, checked, aside = measures.profiles, measures.checked, measures.aside
    found = dict(checked.tables) if checked else {}
    counts, of_bad = _counts(measures.by_split), tuple[str, ...]()
    if aside is not None:
        found[QUARANTINE] = quarantine.table(aside)
        of_bad = quarantine.notes(aside, good_in(said))
        counts["bad"] = len(aside)
    if beside.rows is not None:
        profiles = {**profiles, TRAIN: {**profiles.get(TRAIN, {}), OF_ROWS: of_rows(beside.rows)}}
    if any(profiles.values()):
        found[STATISTICS] = table_of(profiles)
    return Whole(
        {**axes, **beside.axes},
        beside.tensors,
        {**tables, **of_one, **beside.tables, **found},
        learned.to_json(),
        counts | {"columns": summary_of(profiles)},
        {**facts, **beside.facts},
        (*of_bad, *notes, *beside.notes, *(checked.notes if checked else ())),
        checked.said if checked else {},
    )


def good_in(said: Sequence[Block | Measured]) -> int:
    """How many samples parts have, whatever is measured of them."""
    return sum(
        defaults.samples_of(one) if isinstance(one, Block) else _samples_of(one.ref) for one in said
    )


def _samples_of(ref: PartRef) -> int:
    if ref.rows is not None:
        return ref.rows
    return next((one["shape"][0] for one in ref.tensors.values() if one["shape"]), 0)


def _counts(by_split: Mapping[str, Stats]) -> dict[str, Any]:
    return {
        "samples": {split: sum(one.samples.values()) for split, one in by_split.items()},
        "moments": {
            split: {name: moments.to_json() for name, moments in one.moments.items()}
            for split, one in by_split.items()
            if split != NOWHERE
        },
    }


def _read(job: Job, kind: Kind, work: Work) -> tuple[Block, Splits | None] | BadInput:
    """The samples of a part and their splits; what is wrong with them, with the entry's name."""
    part, entries = work.unpacked()
    aside = job.source.on_bad == "quarantine"
    try:
        block = whole(kind.code.read(job.source, part), f"kind '{kind.name}'", aside=aside)
        block, splits = without_misfits(job.source, part, block, _some_of(job, kind))
        if block.bad:
            block = _with_names(part, block)
    except InputError as bad:
        return bad
    except BadInput as bad:
        return _of_source(job, bad, part)
    for entry in entries:
        if not _unchanged(entry, part):
            raise changed(job.name, entry.name)
    return block, splits


def _some_of(job: Job, kind: Kind) -> Some | None:
    """What makes a block of some samples of another, where the kind has its own."""
    hook = getattr(kind.code, "without_bad", None)
    if hook is None:
        return None
    who = f"kind '{kind.name}'"
    return lambda block, left: whole(hook(job.source, block, left), who, aside=True)


def _with_names(part: Part, block: Block) -> Block:
    """A block whose bad samples are in their order, with their files as the source names them;
    without any other there is nothing else in it.
    """
    names = {file.url: file.name for file in part.files}
    named = [one._replace(file=names.get(one.file, one.file)) for one in block.bad]
    bad = quarantine.in_order(named, [file.name for file in part.files])
    return replace(block, bad=bad) if defaults.samples_of(block) else Block(bad=bad)


def _unchanged(entry: FileDigest, part: Part) -> bool:
    """Whether a file still holds what was hashed: of one that many parts share, this part."""
    if not (entry.trusted or part.span is None):
        with suppress(OSError), Path(entry.path).open("rb") as file:
            digest = hashlib.sha256(file.read(part.head))
            file.seek(part.span[0])
            digest.update(file.read(part.span[1] - part.span[0]))
            if digest.hexdigest() == part.digest:
                return True
    return entry.unchanged()


def _of_source(job: Job, bad: BadInput, part: Part | None = None) -> InputError:
    names = {file.url: file.name for file in part.files} if part else {}
    known = {*names.values()}

    def shown(file: str) -> str:
        name = names.get(str(file), str(file))
        return f"{job.above}{name}" if name in known else file

    return bad.of_source(job.name, shown)


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


@contextmanager
def told(job: Job, kind: Kind | None = None, files: Sequence[File] = ()) -> Iterator[None]:
    """Gives errors the name of the entry, and those of own code the line; says of memory so.

    Args:
        job: of the entry.
        kind: of it.
        files: of it, that readers name by their places.
    """
    name, kind = job.name, kind or kind_of(job.source)
    try:
        yield
    except InputError:
        raise
    except BadInput as bad:
        # of all parts together: their files are told by the names that these have in the source
        names = {file.url: file.name for file in files}
        raise bad.of_source(name, lambda file: f"{job.above}{names.get(file, file)}") from bad
    except OSError as error:
        if kind.own and error.errno in NO_FILE:
            raise PtmError(f"{name}: {kind.own.told(error)}") from error
        raise  # may pass
    except PtmError as error:
        if type(error) is not PtmError or str(error).startswith(f"{name}: "):
            raise  # says enough
        raise PtmError(f"{name}: {error}") from error
    except (Exception, SystemExit) as error:
        if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
            raise PtmError(
                f"{name}: expected memory to make it in, got none left "
                "(fewer sources at once, smaller 'part_bytes', or a larger machine)"
            ) from error
        if not kind.own:
            raise
        raise PtmError(f"{name}: {kind.own.told(error)}") from error
