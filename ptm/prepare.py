"""Where kind, key and store meet: is the artifact up to date? If not, make it and publish it.

plan -> parts -> measure -> learn -> encode -> check -> commit, as a generator of batches of calls:
whoever drives it decides where they run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm import certifying, checking, joining, learning, making, profile, store
from ptm.agreement import agreed, check_alike, check_joinable, unlike
from ptm.assigning import FILE, assigned
from ptm.budget import PARTS
from ptm.errors import BadInput, InputError, PtmError
from ptm.memory import fits_page_cache
from ptm.model import ROWS, ArtifactRef, Block, PartRef
from ptm.parts import groups
from ptm.registry import kind_of
from ptm.stats import merged
from ptm.telling import told
from ptm.wanted import Content, Plan, Wanted, of_artifacts, of_files
from ptm.work import Encoded, Job, Made, Measured, Work

if TYPE_CHECKING:
    from ptm.source import Source

Call = tuple[Callable[..., Any], tuple[Any, ...]]
Steps = Generator[list[Call], list[Any], ArtifactRef]
GROUPS = 16  # that the parts of an entry are made in, unless the driver says otherwise


def tensorize(
    source: Source,
    artifacts: str | Path = "artifacts",
    *,
    rehash: bool = False,
    force: bool = False,
) -> ArtifactRef:
    """Makes the tensors and tables of an entry, unless the store has them already.

    Args:
        source: an entry of a catalog: with files, or of other entries that the store has.
        artifacts: the store.
        rehash: read every byte again, whatever stat says of the files.
        force: make it again, even if it is up to date.

    Returns:
        A reference to the current artifact; `cached` says whether nothing had to be made, `why`
        what it was made for.

    Raises:
        InputError: the input is not what the entry says; nothing is published.
        ArtifactMissing, ArtifactCorrupt: what it is of is not in the store, or damaged.
        StoreError: the store cannot be written, or its disk has less free than the inputs have
            bytes; nothing is published.
    """
    return drive(steps(source, artifacts, rehash=rehash, force=force), in_threads)


def in_threads(calls: Sequence[Call]) -> list[Any]:
    """Makes calls in threads of this process."""
    if len(calls) == 1:
        return inline(calls)
    with ThreadPoolExecutor(PARTS) as pool:
        try:
            return list(pool.map(lambda call: call[0](*call[1]), calls))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def inline(calls: Sequence[Call]) -> list[Any]:
    """Makes calls here, one after the other."""
    return [function(*arguments) for function, arguments in calls]


def drive(steps: Steps, run: Callable[[list[Call]], Iterable[Any]]) -> ArtifactRef:
    """Makes an entry.

    Args:
        steps: what the function of that name gave.
        run: makes the calls of a batch, wherever it likes and side by side, and gives what they
            return, in their order.

    Raises:
        PtmError, OSError: as `tensorize`.
    """
    try:
        calls = next(steps)
        while True:
            calls = steps.send(list(run(calls)))
    except StopIteration as end:
        ref: ArtifactRef = end.value
        return ref
    finally:
        steps.close()


def steps(
    source: Source,
    artifacts: str | Path = "artifacts",
    *,
    rehash: bool = False,
    force: bool = False,
    tasks: int = GROUPS,
) -> Steps:
    """The way to an artifact, as batches of calls: (function, arguments), which can be pickled.

    The calls of a batch do not depend on each other. What they return is sent in their order. An
    entry that is up to date has none.

    Args:
        source, artifacts, rehash, force: as of `tensorize`.
        tasks: in how many calls the parts of an entry are made, at most.

    Returns:
        At the end, what `tensorize` returns.

    Raises:
        PtmError, OSError: as `tensorize`.
    """
    start = time.perf_counter()
    root = Path(artifacts)
    wanted, upstream = _wanted_of(source, root, rehash)
    there, damage = wanted.find(force)
    if there:
        return replace(there, seconds=time.perf_counter() - start)
    wanted.expect_room()
    start += _import_seconds()
    with store.writing(root, source.name) as writer:
        if wanted.files is None:
            pointers = {name: one.pointer for name, one in upstream.items()}
            job = Job(source, root)
            made = yield from _one(making.analyze, job, pointers, rehash)
            made = yield from _checked(job, made, writer)
            return wanted.publish(made, damage, start, force)
        source = wanted.source
        job = Job(
            source,
            root,
            wanted.files.above,
            rehash,
            before=wanted.before,
            learned=wanted.learned,
        )
        works = wanted.works(job)
        if len(works) == 1:
            made = yield from _one(making.make, job, works[0])
        else:
            wanted.let_go(works)
            fits = fits_page_cache(len(works) * source.part_bytes)
            made = yield from _many(replace(job, uncached=not fits), works, tasks, force)
        wanted.files.check_unchanged()
        made = yield from _checked(job, made, writer)
        ref = wanted.publish(made, damage, start, force)
        if made.spooled or made.marks:
            writer.forget([*made.spooled, *made.marks])
        return ref


def found(source: Source, artifacts: str | Path = "artifacts") -> ArtifactRef | None:
    """The artifact of an entry, made the current one, if it is up to date; None where it is not.

    Raises:
        PtmError, OSError: as `tensorize`.
    """
    start = time.perf_counter()
    ref, _ = _wanted_of(source, Path(artifacts), rehash=False)[0].find()
    return replace(ref, seconds=time.perf_counter() - start) if ref else None


def _wanted_of(
    source: Source, root: Path, rehash: bool
) -> tuple[Wanted, dict[str, store.Publication]]:
    """What is wanted, and of which publications it is."""
    kind = kind_of(source)
    # one publication from here on, even if another becomes current meanwhile
    upstream = {name: store.current(name, root) for name in source.upstream}
    of = {name: one.manifest for name, one in upstream.items()}
    if not source.of:
        return of_files(source, kind, root, rehash, of), upstream
    return of_artifacts(source, kind, of, root, rehash), upstream


def _one(
    function: Callable[..., Made | BadInput], job: Job, *arguments: Any
) -> Generator[list[Call], list[Any], Content]:
    found = yield [(function, (job, *arguments))]
    works = [one for one in arguments if isinstance(one, Work)]
    way_out = job.source.way_out
    made: list[Made] = agreed(job.name, [*found, *_misfits(job, works, found)], (), way_out)
    return Content([made[0].ref] if made[0].ref else [], made[0].whole)


def _misfits(
    job: Job, works: Sequence[Work], read: Sequence[object]
) -> Generator[BadInput, None, None]:
    """Files that by their names come to no split, of parts that could not be read."""
    import pyarrow as pa

    rule = job.source.rule
    by_name = rule is not None and rule.by in ("folder", "group", "file")
    if job.source.on_bad != "fail" or not (by_name and job.source.takes_folders):
        return
    for work, one in zip(works, read, strict=False):
        if isinstance(one, BadInput):
            part, _ = work.unpacked()
            rows = pa.table({FILE: [file.name for file in part.files]})
            try:
                assigned(job.source, part, Block(rows=rows))
            except BadInput as bad:
                if bad.alone is not None:  # else its rows decide, not its files
                    names = {file.url: f"{job.above}{file.name}" for file in part.files}
                    yield bad.of_source(job.name, names.__getitem__)


def _many(
    job: Job, works: Sequence[Work], tasks: int, force: bool
) -> Generator[list[Call], list[Any], Content]:
    batches: list[Call] = [(making.measure, (job, g, force)) for g in groups(works, tasks)]
    read: list[Measured | BadInput] = [one for group in (yield batches) for one in group]
    if job.source.on_bad != "fail" and (usual := unlike(read)):
        # they are read again by what most samples of all parts have in common
        again = [(place, works[place].with_usual(usual[place])) for place in usual]
        batches = [
            (making.measure, (job, [work for _, work in g], force)) for g in groups(again, tasks)
        ]
        for (place, _), one in zip(again, (one for g in (yield batches) for one in g), strict=True):
            read[place] = one
    files = [work.files for work in works]
    bad_too = [*read, *_misfits(job, works, read)]
    found: list[Measured] = agreed(job.name, bad_too, files, job.source.way_out)
    aside = [bad for one in found for bad in one.bad] if job.source.on_bad != "fail" else None
    measured = [one for one in found if one.ref.files]  # all samples of the others are bad
    left_out = joining.left_out_of(found)
    making.check_aside(job, aside or (), joining.good_in(measured), left_out)
    check_alike(job.name, "scaling", [one.scaling for one in measured])
    check_alike(job.name, "axes", [one.axes for one in measured])
    scaling = measured[0].scaling
    carried = [one.carried for one in measured]
    left = [work for work, one in zip(works, found, strict=True) if one.ref.files]
    marks = yield from _marked(job, left, measured, tasks)
    if job.source.rule and job.source.rule.by == "near":
        inputs = [file for work in left for file in work.unpacked()[0].files]
        with told(job, files=inputs):
            codes = certifying.codes_of_near(job, left, measured, marks)
        known = list(zip(measured, codes, strict=True))
        batches = [(making.settle, (job, group, force)) for group in groups(known, tasks)]
        measured = [one for group in (yield batches) for one in group]
    with told(job):
        found_in = merged(one.stats for one in measured)
        by_split = {split: found_in[split] for split in profile.in_order(found_in)}
        stats = learning.taught(job, by_split)
        learned = learning.learned_of(job, stats, scaling, carried)
    refs = _in_place([one.ref for one in found], [one.ref for one in measured])
    raw = list[PartRef]()
    axes, written = measured[0].axes, 0
    if learning.has_to_encode(job, scaling):
        batches = [(making.encode, (job, g, learned, force)) for g in groups(measured, tasks)]
        encoded: list[Encoded] = [one for group in (yield batches) for one in group]
        check_alike(job.name, "axes", [one.axes for one in encoded])
        raw, axes = [one.ref for one in measured], encoded[0].axes
        refs = _in_place(refs, [one.ref for one in encoded])
        written = sum(not one.kept for one in encoded)
        pairs = zip(carried, encoded, strict=True)
        carried = [{**before, **one.carried} for before, one in pairs]
    check_joinable(job.name, refs)
    with told(job):
        beside = joining.finished(job, learned, stats, carried)
        facts = {**measured[0].facts, **beside.facts}
        checked = certifying.of_parts(job, left, measured, marks, by_split, facts)
        profiles = profile.merged(one.profiles for one in measured)
        measures = joining.Measures(by_split, profiles, aside, checked, left_out)
        whole = joining.joined(measured, axes, beside, learned, measures)
    return Content(refs, whole, raw, sum(not one.kept for one in found), written, marks)


def _marked(
    job: Job, works: Sequence[Work], measured: Sequence[Measured], tasks: int
) -> Generator[list[Call], list[Any], list[PartRef]]:
    """What is looked at of each sample, where samples of several splits may belong together."""
    rule = job.source.rule
    if rule is None:
        return []
    compared = rule.by == "near" or certifying.is_compared(sum(m.ref.rows or 0 for m in measured))
    if rule.by == "content" and not compared and rule.time is None:
        return []
    steps = certifying.steps_of(merged(one.stats for one in measured)) if compared else None
    pairs = list(zip(works, measured, strict=True))
    batches: list[Call] = [(certifying.mark, (job, one, steps)) for one in groups(pairs, tasks)]
    return [ref for group in (yield batches) for ref in group]


def _in_place(refs: Sequence[PartRef], encoded: Sequence[PartRef]) -> list[PartRef]:
    """Those of encoded parts in place of the others that have files, in their order."""
    left = iter(encoded)
    return [next(left) if ref.files else ref for ref in refs]


def _checked(
    job: Job, made: Content, writer: store.Writing
) -> Generator[list[Call], list[Any], Content]:
    """What was made, with what is to be said of it, if it may be published.

    Raises:
        InputError: it is not what its entry expects, or has drifted too far. The parts of many stay
            for the next run.
    """
    whole, rows, answers = made.whole, made.whole.tables.get(ROWS), {}
    try:
        with told(job):
            asked = checking.questions(job, whole)
        if asked:
            [answers] = yield [(checking.answer, (job, made.refs, rows, asked))]
        with told(job):
            whole = checking.as_expected(job, made.refs, whole, answers)
            return replace(made, whole=checking.drifted(job, whole))
    except InputError:
        writer.forget(ref for ref in made.refs if not ref.key)
        raise


def plan(
    sources: Iterable[Source],
    artifacts: str | Path = "artifacts",
    *,
    rehash: bool = False,
    force: Sequence[str] = (),
) -> list[Plan]:
    """What making these entries would do; nothing is written.

    Args:
        sources: entries of a catalog, what one is of before it.
        artifacts: the store.
        rehash: read every byte again, whatever stat says of the files.
        force: names of those to make again even if they are up to date.
    """
    root = Path(artifacts)
    plans: dict[str, Plan] = {}
    whole: dict[str, Mapping[str, Any]] = {}  # manifests of what a run would find, or make alike
    for source in sources:
        name = source.name
        try:
            plans[name], held = _plan(source, plans, whole, root, rehash, name in force)
        except PtmError as error:
            plans[name], held = Plan(name, "fail", str(error)), None
        if held is not None:
            whole[name] = held
    return list(plans.values())


def _plan(
    source: Source,
    plans: Mapping[str, Plan],
    whole: Mapping[str, Mapping[str, Any]],
    root: Path,
    rehash: bool,
    force: bool,
) -> tuple[Plan, Mapping[str, Any] | None]:
    before = [name for name in source.upstream if name in plans and name not in whole]
    for name in before:
        if plans[name].action == "fail":
            return Plan(source.name, "fail", f"{name} would not be made"), None
    if before and force:
        return Plan(source.name, "make", f"forced; {before[0]} would be made first"), None
    if before:
        return Plan(source.name, "maybe", f"{before[0]} would be made first"), None
    kind = kind_of(source)
    of = {
        name: whole[name] if name in whole else store.current(name, root).manifest
        for name in source.upstream
    }
    if not source.of:
        return of_files(source, kind, root, rehash, of).plan(force)
    return of_artifacts(source, kind, of, root, rehash).plan(force)


def _import_seconds() -> float:
    """Imports what making anything needs; the seconds are not the artifact's, so they are told."""
    start = time.perf_counter()
    import pyarrow.parquet  # noqa: F401
    import torch  # noqa: F401

    return time.perf_counter() - start
