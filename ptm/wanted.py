"""An artifact that is wanted: all that decides it, whether the store has it, and why it has not."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm import store
from ptm.assigning import split_options
from ptm.errors import ArtifactCorrupt, InputError, StoreError
from ptm.explain import why, with_inputs
from ptm.inputs import InputFiles, inputs_of
from ptm.key import code_of, make_key, package_versions
from ptm.learned import Learned
from ptm.memory import give_back_now
from ptm.model import ArtifactRef, PartRef, Whole
from ptm.parts import parts_of
from ptm.registry import Kind, kind_of
from ptm.source import CHECKS
from ptm.space import expect_room, is_new
from ptm.split import CONTENT
from ptm.telling import told
from ptm.work import Job, Work, files_of

CONTENT_FILE = f"{CONTENT}.parquet"

if TYPE_CHECKING:
    from ptm.source import Source


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


@dataclass(frozen=True)
class Content:
    """What is to be published.

    Attributes:
        refs: of the parts.
        whole: what belongs to all of them.
        spooled: parts that nothing needs any more when it is published.
        read, encoded: of how many parts, and how many of them were read and encoded now.
        marks: what was looked at of samples, and nothing needs either.
    """

    refs: list[PartRef]
    whole: Whole
    spooled: list[PartRef] = field(default_factory=list)
    read: int = 0
    encoded: int = 0
    marks: list[PartRef] = field(default_factory=list)

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


@dataclass(frozen=True)
class Wanted:
    """An artifact that is wanted: all that decides it, and the store that may have it."""

    source: Source
    decides: dict[str, Any]  # whatever the inputs are
    head: dict[str, Any]
    root: Path
    memory: store.Memory
    files: InputFiles | None  # None for what is of other entries
    notes: tuple[str, ...]
    held: store.Publication | None = None  # of the split before, where this one depends on it
    learned: Learned | None = None  # by another entry, where that is what it is encoded by

    @cached_property
    def before(self) -> Path | None:
        """The file that says the split before, whose digest is in the key; None where none does.

        Raises:
            ArtifactCorrupt: it is damaged, and no publication that is kept has another.
        """
        if self.held is None:
            return None
        try:
            return self._whole(self.held)
        except ArtifactCorrupt:
            if not self.decides["before"]:  # made again: it depended on none
                return None
            for other in store.kept(self.name, self.root):
                if _split_said(other.manifest) == self.decides["before"]:
                    with suppress(ArtifactCorrupt):
                        return self._whole(other)
            raise

    def _whole(self, held: store.Publication) -> Path:
        shelf, place = self.root / self.name, held.folder / CONTENT_FILE
        file = next(one for one in store.files_of(held.manifest) if one.file == CONTENT_FILE)
        store.verify_each(shelf, [(place, file)], self.memory.parts)
        return place

    @property
    def name(self) -> str:
        """Of the entry."""
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
        kind, files, beside = kind_of(self.source), self.files.files, self.files.beside
        with told(job, files=(*files, *beside)):
            parts = parts_of(self.source, kind, files, beside)
        by_path = {entry.path: entry for entry in self.files.entries}
        # what it is measured against when all are read decides nothing of a part
        aside = {"max_bad", *CHECKS}
        options = {n: v for n, v in self.decides["options"].items() if n not in aside}
        decides = {n: v for n, v in self.decides.items() if n != "before"} | {"options": options}
        found = []
        for part in parts:
            span: Any = part.span
            if span and part.digest:
                span = part.digest, span[0] == 0
            # what is before it decides which line, and which row, each one is
            of = {
                "names": [file.name for file in part.files]
                if kind.names_matter(self.source)
                else [],
                "files": [] if part.digest else [file.sha256 for file in part.files],
                "span": span,
                "head": part.head,
                "before": part.before,
            }
            if part.beside or part.said:
                of["beside"] = [[file.name, file.sha256] for file in part.beside]
                of["said"] = part.said
            if part.columns:
                of["columns"] = part.columns
            key = make_key({**decides, "part": of})
            # others may be put before it, and it stays as it is
            part = part._replace(number=0, key=key)
            mine = (*part.files, *part.beside)
            found.append(Work.of(part, [by_path[file.url] for file in mine]))
        # what no part has, as a table of labels, is looked at with the last one
        taken = {file.url for part in parts for file in part.beside}
        if rest := [by_path[file.url] for file in beside if file.url not in taken]:
            part, entries = found[-1].unpacked()
            found[-1] = Work.of(part, [*entries, *rest])
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

    def publish(self, made: Content, damage: str, start: float, forced: bool) -> ArtifactRef:
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


def of_files(
    source: Source,
    kind: Kind,
    root: Path,
    rehash: bool,
    upstream: Mapping[str, Any] | None = None,
) -> Wanted:
    """What is wanted of an entry with files.

    Args:
        source: the entry.
        kind: its own.
        root: the store.
        rehash: as of `ptm.tensorize`.
        upstream: the manifest of the entry that it learns from, by name, if there is one.

    Raises:
        InputError: the files are not what the entry says, or cannot be read.
        StoreError: the disk of the store has less free than they have bytes.
    """
    memory = store.Memory(root / source.name, rehash)
    # one that is there may turn out to be up to date
    look = partial(expect_room, source.name, root=root) if is_new(source.name, root) else None
    files = inputs_of(source, memory.inputs, kind.names_matter(source), look)
    inputs = {"sha256": files.digest, "files": files.count, "bytes": files.bytes}
    learned = None
    for manifest in (upstream or {}).values():
        learned = Learned.from_json(manifest["learned"])
        if not learned.scalers:
            expected = f"an entry that has learned something, in 'learn_from' ({source.learn_from})"
            raise InputError(source.name, expected=expected, got="nothing that was learned")
        if hook := getattr(kind.code, "like", None):
            with told(Job(source, root, files.above), files=files.files):
                source = hook(source, store.content(manifest), files.files)
    return _wanted(source, kind, inputs, root, memory, files, learned)


def of_artifacts(
    source: Source, kind: Kind, upstream: Mapping[str, Any], root: Path, rehash: bool
) -> Wanted:
    """What is wanted of an entry that is of others, by the manifests of those."""
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
    learned: Learned | None = None,
) -> Wanted:
    splits, expects = source.rule is not None, source.expect is not None
    code = code_of(kind, lambda: memory.code, splits, expects)
    decides = {
        "kind": source.kind,
        "format": store.FORMAT,
        "options": source.options() | split_options(source),
        "code": code.digests,
        "packages": package_versions(code.packages),
    }
    if learned and source.learn_from:
        decides["taught"] = {source.learn_from: make_key(learned.to_json())}
    held = None
    if source.rule and source.rule.by == "near":
        held, decides["before"] = _split_before(source, root, decides, inputs)
    key = make_key({**decides, "inputs": inputs})
    head = {"name": source.name, "key": key, **decides, "inputs": inputs}
    notes = (*(files.notes if files else ()), *_unresolved(code.unresolved))
    return Wanted(source, decides, head, root, memory, files, notes, held, learned)


def _split_before(
    source: Source, root: Path, decides: Mapping[str, Any], inputs: Any
) -> tuple[store.Publication | None, str]:
    """The publication whose samples keep their splits, and the digest of what is in which of them.

    It is the last one of that name that was split by the same shares, the current one first. Made
    again of the same files it depends on what it depended on, so that its key is the same.
    """
    options = source.options()
    for held in store.kept(source.name, root):
        manifest = held.manifest
        if any(manifest["options"].get(n) != options.get(n) for n in ("split", "seed", "near")):
            continue
        was = str(manifest.get("before", ""))
        if make_key({**decides, "before": was, "inputs": inputs}) == manifest["key"]:
            return held, was
        return held, _split_said(manifest)
    return None, ""


def _split_said(manifest: Mapping[str, Any]) -> str:
    """The digest of the file that says which sample is in which split; "" where there is none."""
    files = manifest["files"]
    return next((one["sha256"] for one in files if one["file"] == CONTENT_FILE), "")


def _unresolved(places: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        f"{place}: what this imports only shows when it runs, so all code is in the key"
        for place in places
    )
