"""Where kind, key and store meet: is the artifact up to date? If not, make it and publish it.

plan -> parts -> measure -> learn -> encode -> check -> commit, as a generator of batches of calls:
whoever drives it decides where they run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm import making, store
from ptm.agreement import agreed, check_alike, check_joinable
from ptm.budget import PARTS
from ptm.errors import BadInput, PtmError, StoreError
from ptm.explain import why, with_inputs
from ptm.inputs import InputFiles
from ptm.key import code_of, make_key, package_versions
from ptm.memory import fits_page_cache, give_back_now
from ptm.model import ArtifactRef, PartRef, Whole
from ptm.parts import groups, parts_of
from ptm.registry import Kind, kind_of
from ptm.space import expect_room, is_new
from ptm.stats import Stats
from ptm.work import Encoded, Job, Made, Measured, Work, files_of

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
            made = yield from _one(making.analyze, Job(source, root), pointers, rehash)
            return wanted.publish(made, damage, start, force)
        job = Job(source, root, wanted.files.above, rehash)
        works = wanted.works(job)
        if len(works) == 1:
            made = yield from _one(making.make, job, works[0])
        else:
            wanted.let_go(works)
            fits = fits_page_cache(len(works) * source.part_bytes)
            made = yield from _many(replace(job, uncached=not fits), works, tasks, force)
        wanted.files.check_unchanged()
        ref = wanted.publish(made, damage, start, force)
        if made.spooled:
            writer.forget(made.spooled)
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
) -> tuple[_Wanted, dict[str, store.Publication]]:
    """What is wanted, and of which publications it is."""
    kind = kind_of(source)
    # one publication from here on, even if another becomes current meanwhile
    upstream = {name: store.current(name, root) for name in source.of}
    if not upstream:
        return _of_files(source, kind, root, rehash), upstream
    of = {name: one.manifest for name, one in upstream.items()}
    return _of_artifacts(source, kind, of, root, rehash), upstream


@dataclass(frozen=True)
class _Content:
    """What is to be published.

    Attributes:
        refs: of the parts.
        whole: what belongs to all of them.
        spooled: parts that nothing needs any more when it is published.
        read, encoded: of how many parts, and how many of them were read and encoded now.
    """

    refs: list[PartRef]
    whole: Whole
    spooled: list[PartRef] = field(default_factory=list)
    read: int = 0
    encoded: int = 0

    def work(self, before: Mapping[str, Any] | None) -> str:
        """What was done of many parts, and why; "" of one."""
        count = len(self.refs)
        if count < 2:
            return ""
        said = f"{self.read} of {count} parts were read"
        if not self.spooled:
            return said
        moved = before is not None and before["learned"] != self.whole.learned
        because = ", since the statistics moved" if moved else ""
        return f"{said} and {self.encoded} encoded{because}"


def _one(
    function: Callable[..., Made | BadInput], *arguments: Any
) -> Generator[list[Call], list[Any], _Content]:
    made: list[Made] = agreed(arguments[0].name, (yield [(function, arguments)]))
    return _Content([made[0].ref] if made[0].ref else [], made[0].whole)


def _many(
    job: Job, works: Sequence[Work], tasks: int, force: bool
) -> Generator[list[Call], list[Any], _Content]:
    batches: list[Call] = [(making.measure, (job, g, force)) for g in groups(works, tasks)]
    files = [work.files for work in works]
    measured: list[Measured] = agreed(job.name, [one for g in (yield batches) for one in g], files)
    check_alike(job.name, "scaling", [one.scaling for one in measured])
    check_alike(job.name, "axes", [one.axes for one in measured])
    stats, scaling = Stats(), measured[0].scaling
    carried = [one.carried for one in measured]
    with making.told(job):
        for one in measured:
            stats = stats.merge(one.stats)
        learned = making.learn(job, stats, scaling, carried)
    refs, raw = [one.ref for one in measured], list[PartRef]()
    axes, written = measured[0].axes, 0
    if making.has_to_encode(job, scaling):
        batches = [(making.encode, (job, g, learned, force)) for g in groups(measured, tasks)]
        encoded: list[Encoded] = [one for group in (yield batches) for one in group]
        check_alike(job.name, "axes", [one.axes for one in encoded])
        raw, refs, axes = refs, [one.ref for one in encoded], encoded[0].axes
        written = sum(not one.kept for one in encoded)
        pairs = zip(carried, encoded, strict=True)
        carried = [{**before, **one.carried} for before, one in pairs]
    check_joinable(job.name, refs)
    with making.told(job):
        beside = making.finished(job, learned, stats, carried)
        whole = making.joined(measured, axes, beside, learned, stats)
    return _Content(refs, whole, raw, sum(not one.kept for one in measured), written)


@dataclass(frozen=True)
class Plan:
    """What a run would do about one entry.

    Attributes:
        name: of it.
        action: "cached", "make", "maybe" (what it is of would be made first) or "fail".
        why: a few words; the message where it would fail.
    """

    name: str
    action: str
    why: str


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
    before = [name for name in source.of if name in plans and name not in whole]
    for name in before:
        if plans[name].action == "fail":
            return Plan(source.name, "fail", f"{name} would not be made"), None
    if before and force:
        return Plan(source.name, "make", f"forced; {before[0]} would be made first"), None
    if before:
        return Plan(source.name, "maybe", f"{before[0]} would be made first"), None
    kind = kind_of(source)
    if not source.of:
        return _of_files(source, kind, root, rehash).plan(force)
    of = {
        name: whole[name] if name in whole else store.current(name, root).manifest
        for name in source.of
    }
    return _of_artifacts(source, kind, of, root, rehash).plan(force)


@dataclass(frozen=True)
class _Wanted:
    """An artifact that is wanted: all that decides it, and the store that may have it."""

    source: Source
    decides: dict[str, Any]  # whatever the inputs are
    head: dict[str, Any]
    root: Path
    memory: store.Memory
    files: InputFiles | None  # None for what is of other entries
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        return str(self.head["name"])

    @cached_property
    def about(self) -> dict[str, Any]:
        """The head of the manifest, with the list of the files where a source has them."""
        if self.files is None:
            return self.head
        listed = [{"path": entry.name, "sha256": entry.sha256} for entry in self.files.entries]
        return self.head | {"inputs": listed}

    def works(self, job: Job) -> list[Work]:
        """The parts with their keys, and their files as they were hashed."""
        assert self.files
        kind, files = kind_of(self.source), self.files.files
        with making.told(job, files=files):
            parts = parts_of(self.source, kind, files)
        by_path = {entry.path: entry for entry in self.files.entries}
        found = []
        for part in parts:
            span: Any = part.span
            if span and part.digest:
                span = part.digest, span[0] == 0
            # what is before it decides which line, and which row, each one is
            of = {
                "names": [file.name for file in part.files] if kind.names_matter else [],
                "files": [] if part.digest else [file.sha256 for file in part.files],
                "span": span,
                "head": part.head,
                "before": part.before,
            }
            key = make_key({**self.decides, "part": of})
            # others may be put before it, and it stays as it is
            part = part._replace(number=0, key=key)
            found.append(Work.of(part, [by_path[file.url] for file in part.files]))
        return found

    def let_go(self, works: Sequence[Work]) -> None:
        """Remembers the files on the disk; in memory they stay packed, in the work to be done."""
        assert self.files
        self.memory.save()
        self.memory.drop_inputs()
        self.files.let_go(lambda: files_of(works))
        give_back_now()

    def find(self, force: bool = False) -> tuple[ArtifactRef | None, str]:
        """The artifact, if the store has it whole; else what is wrong with it, if it has it.

        None where it is to be made in any case.
        """
        with suppress(OSError):  # leftovers do no harm
            store.sweep(self.root / self.name)
        if force:
            return None, store.look(self.root, self.name, self.head["key"], self.memory)[1]
        before = store.read_pointer(self.root / self.name / store.CURRENT)
        found, damage = store.find(self.root, self.name, self.head["key"], self.memory)
        if found is None:
            return None, damage
        self.memory.save()
        if before and before["publication"] == Path(found.path).name:
            return replace(found, cached=True), ""
        return replace(found, cached=True, why=why(self._manifest(before), self.about)), ""

    def expect_room(self) -> None:
        """Looks whether the disk of the store has room for it.

        Raises:
            StoreError: it may not.
        """
        if self.files:
            expect_room(self.name, self.files.bytes, self.root)

    def plan(self, force: bool = False) -> tuple[Plan, Mapping[str, Any] | None]:
        """What would be done, and the manifest of what is there whole.

        Raises:
            StoreError: there may not be room for it.
        """
        held, damage = store.look(self.root, self.name, self.head["key"], self.memory)
        manifest = held.manifest if held else None
        if held and not force:
            return Plan(self.name, "cached", "up to date"), manifest
        self.expect_room()
        return Plan(self.name, "make", self._why(self._manifest(), damage, force)), manifest

    def publish(self, made: _Content, damage: str, start: float, forced: bool) -> ArtifactRef:
        """Publishes what was made."""
        before = self._manifest()
        reason, work = self._why(before, damage, forced), made.work(before)
        if before and work:
            reason = f"{reason}; {work}"
        whole = replace(made.whole, notes=(*made.whole.notes, *self.notes))
        ref = store.publish(
            self.root,
            self.head,
            made.refs,
            whole,
            time.perf_counter() - start,
            inputs=self.files.table if self.files else None,
            memory=self.memory,
            healed=damage,
            forced=forced,
            work=work,
        )
        self.memory.save()
        return replace(ref, seconds=time.perf_counter() - start, why="" if ref.cached else reason)

    def _why(self, before: dict[str, Any] | None, damage: str, forced: bool) -> str:
        if before is None and not damage and store.made_by_older(self.root, self.name):
            return "an older version of ptm made the one that is there"
        return why(before, self.about, damage, forced)

    def _manifest(self, pointer: store.Pointer | None = None) -> dict[str, Any] | None:
        """The manifest of the artifact that is current, or that a pointer names; with its files."""
        with suppress(StoreError, OSError):
            if pointer:
                return with_inputs(store.publication(self.root / self.name, pointer))
            return with_inputs(store.current(self.name, self.root))
        return None


def _of_files(source: Source, kind: Kind, root: Path, rehash: bool) -> _Wanted:
    memory = store.Memory(root / source.name, rehash)
    # one that is there may turn out to be up to date
    look = partial(expect_room, source.name, root=root) if is_new(source.name, root) else None
    files = InputFiles(source, memory.inputs, kind.names_matter, look)
    inputs = {"sha256": files.digest, "files": files.count, "bytes": files.bytes}
    return _wanted(source, kind, inputs, root, memory, files)


def _of_artifacts(
    source: Source, kind: Kind, upstream: Mapping[str, Any], root: Path, rehash: bool
) -> _Wanted:
    memory = store.Memory(root / source.name, rehash)
    inputs = {name: store.digests(manifest) for name, manifest in upstream.items()}
    return _wanted(source, kind, inputs, root, memory, None)


def _wanted(
    source: Source,
    kind: Kind,
    inputs: Any,
    root: Path,
    memory: store.Memory,
    files: InputFiles | None,
) -> _Wanted:
    code = code_of(kind, lambda: memory.code)
    decides = {
        "kind": source.kind,
        "format": store.FORMAT,
        "options": source.options(),
        "code": code.digests,
        "packages": package_versions(code.packages),
    }
    key = make_key({**decides, "inputs": inputs})
    head = {"name": source.name, "key": key, **decides, "inputs": inputs}
    notes = (*(files.notes if files else ()), *_unresolved(code.unresolved))
    return _Wanted(source, decides, head, root, memory, files, notes)


def _unresolved(places: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        f"{place}: what this imports only shows when it runs, so all code is in the key"
        for place in places
    )


def _import_seconds() -> float:
    """Imports what making anything needs; the seconds are not the artifact's, so they are told."""
    start = time.perf_counter()
    import pyarrow.parquet  # noqa: F401
    import torch  # noqa: F401

    return time.perf_counter() - start
