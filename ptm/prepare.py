"""Where kind, key and store meet: is the artifact up to date? If not, make it and publish it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm import store
from ptm.blocks import whole
from ptm.errors import BadInput, InputError, PtmError, StoreError
from ptm.explain import why
from ptm.inputs import InputFiles
from ptm.key import code_of, make_key, package_versions
from ptm.model import ArtifactRef, Block, Part
from ptm.registry import Kind, kind_of
from ptm.space import expect_room, is_new

if TYPE_CHECKING:
    from ptm.source import Source


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
    start = time.perf_counter()
    root = Path(artifacts)
    kind = kind_of(source)
    # one publication from here on, even if another becomes current meanwhile
    upstream = {name: store.current(name, root) for name in source.of}
    of = {name: one.manifest for name, one in upstream.items()}
    wanted = _of_artifacts(source, kind, of, root, rehash) if of else None
    wanted = wanted or _of_files(source, kind, root, rehash)
    found, damage = wanted.find(force)
    if found:
        return replace(found, seconds=time.perf_counter() - start)
    wanted.expect_room()
    start += _import_seconds()

    def make() -> Block:
        if wanted.files is None:
            return _analyzed(source, kind, upstream, root, rehash)
        return _read(source, kind, wanted.files, wanted.head["key"])

    return wanted.make(make, damage, start, force)


def _read(source: Source, kind: Kind, files: InputFiles, key: str) -> Block:
    part = Part(0, files.files, key=key)
    with _named(source, kind, files):
        block = whole(kind.code.read(source, part), f"kind '{kind.name}'")
    files.check_unchanged()
    return block


def _analyzed(
    source: Source,
    kind: Kind,
    upstream: Mapping[str, store.Publication],
    root: Path,
    rehash: bool,
) -> Block:
    artifacts = {}
    for name, publication in upstream.items():
        memory = store.Memory(root / name, rehash)
        store.verify_files(publication, memory.parts)
        memory.save()
        whole_one = store.opened(publication, store.Memory(root / name).parts)
        artifacts[name] = replace(whole_one, manifest=store.content(publication.manifest))
    with _named(source, kind):
        return whole(kind.code.analyze(source, artifacts), f"kind '{kind.name}'")


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
        """The head of the manifest: with the list of the files, where a source has them."""
        if self.files is None:
            return self.head
        listed = [
            {"path": entry.name, "sha256": entry.sha256, "bytes": entry.bytes}
            for entry in self.files.entries
        ]
        return self.head | {"inputs": listed}

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
        return Plan(self.name, "make", why(self._manifest(), self.about, damage, force)), manifest

    def make(
        self, work: Callable[[], Block], damage: str, start: float, forced: bool
    ) -> ArtifactRef:
        """Makes the content and publishes it."""
        reason = why(self._manifest(), self.about, damage, forced)
        with _enough_memory(self.name):
            block = work()
            block = replace(block, notes=(*block.notes, *self.notes))
            ref = store.publish(
                self.root,
                self.about,
                block,
                time.perf_counter() - start,
                memory=self.memory,
                healed=damage,
                forced=forced,
            )
        self.memory.save()
        return replace(ref, seconds=time.perf_counter() - start, why="" if ref.cached else reason)

    def _manifest(self, pointer: store.Pointer | None = None) -> dict[str, Any] | None:
        """The manifest of the artifact that is current, or that a pointer names."""
        with suppress(StoreError, OSError):
            if pointer:
                return store.publication(self.root / self.name, pointer).manifest
            return store.current(self.name, self.root).manifest
        return None


@contextmanager
def _enough_memory(name: str) -> Iterator[None]:
    """Says plainly that memory ran out: the input may be right, so it is no InputError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "can't allocate memory" not in str(error):
            raise
        raise PtmError(
            f"{name}: expected memory to make it in, got none left "
            "(fewer sources at once, or a larger machine)"
        ) from error


@contextmanager
def _named(source: Source, kind: Kind, files: InputFiles | None = None) -> Iterator[None]:
    """Gives errors of a kind the name of the entry, and those of its own code the line."""
    try:
        yield
    except InputError:
        raise
    except BadInput as bad:
        raise bad.of_source(source.name, files.shown if files else str) from bad
    except (OSError, MemoryError):
        raise  # may pass
    except PtmError as error:
        if type(error) is not PtmError or str(error).startswith(f"{source.name}: "):
            raise  # says enough
        raise PtmError(f"{source.name}: {error}") from error
    except (Exception, SystemExit) as error:
        if not kind.own:
            raise
        raise PtmError(f"{source.name}: {kind.own.told(error)}") from error


def _of_files(source: Source, kind: Kind, root: Path, rehash: bool) -> _Wanted:
    memory = store.Memory(root / source.name, rehash)
    # one that is there may turn out to be up to date
    look = partial(expect_room, source.name, root=root) if is_new(source.name, root) else None
    files = InputFiles(source, memory.inputs, kind.names_matter, look)
    return _wanted(source, kind, files.digest, root, memory, files)


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
        "inputs": inputs,
        "options": source.options(),
        "code": code.digests,
        "packages": package_versions(code.packages),
    }
    head = {"name": source.name, "key": make_key(decides), **decides}
    notes = (*(files.notes if files else ()), *_unresolved(code.unresolved))
    return _Wanted(head, root, memory, files, notes)


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
