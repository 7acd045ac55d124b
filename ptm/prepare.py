"""Where kind, key and store meet: is the artifact up to date? If not, make it and publish it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm import store
from ptm.analyses import ANALYSES
from ptm.content import ArtifactRef, Content
from ptm.errors import CatalogError, InputError, PtmError, StoreError
from ptm.explain import Cause, causes, why
from ptm.inputs import InputFiles
from ptm.key import code_of, make_key, package_versions
from ptm.space import expect_room, is_new

if TYPE_CHECKING:
    from ptm.catalog import Source


def tensorize(
    source: Source,
    artifacts: str | Path = "artifacts",
    *,
    rehash: bool = False,
    force: bool = False,
) -> ArtifactRef:
    """Makes the tensors and tables of a source, unless the store has them already.

    Args:
        source: an entry of a catalog.
        artifacts: the store.
        rehash: read every byte again, whatever stat says of the files.
        force: make it again, even if it is up to date.

    Returns:
        A reference to the current artifact; `cached` says whether nothing had to be made, `why`
        what it was made for.

    Raises:
        InputError: the input is not what the source says; nothing is published.
        StoreError: the store cannot be written, or its disk has less free than the inputs have
            bytes; nothing is published.
    """
    start = time.perf_counter()
    wanted, files = _of_source(source, Path(artifacts), rehash)
    found, damage = wanted.find(force)
    if found:
        return replace(found, seconds=time.perf_counter() - start)
    wanted.expect_room()
    start += _import_seconds()

    def make() -> Content:
        room = import_module(source.room)
        content: Content = room.tensorize(source, [Path(entry.path) for entry in files.entries])
        files.check_unchanged()
        return content

    return wanted.make(make, damage, start, force)


def analyze(
    name: str,
    artifacts: str | Path = "artifacts",
    options: Mapping[str, Any] | None = None,
    *,
    rehash: bool = False,
    force: bool = False,
) -> ArtifactRef:
    """Runs an analysis on artifacts of the store, unless the store has its result already.

    Args:
        name: "wine_threshold" or "temperature_fits".
        artifacts: the store, which is read and written.
        options: of the analysis, see `Options` in its room; the book's where left out.
        rehash: read every byte again, whatever stat says of the files.
        force: run it again, even if its result is up to date.

    Raises:
        CatalogError: no such analysis, or an option that is not valid.
        ArtifactMissing, ArtifactCorrupt: what it reads is not in the store, or damaged.
        InputError: what it reads cannot be analysed; nothing is published.
    """
    start = time.perf_counter()
    root = Path(artifacts)
    chosen = _options(name, options)
    # one publication from here on, even if another becomes current meanwhile
    upstream = store.current(chosen.source, root)
    wanted = _of_analysis(name, chosen, upstream.manifest, root, rehash)
    found, damage = wanted.find(force)
    if found:
        return replace(found, seconds=time.perf_counter() - start)
    start += _import_seconds()

    def make() -> Content:
        memory = store.Memory(root / chosen.source, rehash)
        store.check(upstream, memory.parts)
        memory.save()
        source = store.opened(upstream, memory.parts)
        content: Content = import_module(ANALYSES[name].room).analyze(
            {chosen.source: source}, chosen
        )
        return content

    return wanted.make(make, damage, start, force)


@dataclass(frozen=True)
class Plan:
    """What a run would do about one source or analysis.

    Attributes:
        name: of it.
        action: "cached", "make", "maybe" (what it reads would be made first) or "fail".
        why: a few words; the message where it would fail.
        causes: what decides its content, compared with the artifact that is current.
    """

    name: str
    action: str
    why: str
    causes: tuple[Cause, ...] = ()


def plan(
    sources: Iterable[Source],
    artifacts: str | Path = "artifacts",
    *,
    rehash: bool = False,
    force: bool = False,
) -> list[Plan]:
    """What making these sources, and the analyses that read them, would do; nothing is written.

    Args:
        sources: entries of a catalog.
        artifacts: the store.
        rehash: read every byte again, whatever stat says of the files.
        force: make again what is up to date.
    """
    root = Path(artifacts)
    plans: list[Plan] = []
    whole: dict[str, dict[str, Any] | None] = {}
    for source in sources:
        try:
            one, whole[source.name] = _of_source(source, root, rehash)[0].plan(force)
        except (InputError, StoreError) as error:
            one = Plan(source.name, "fail", str(error))
        plans.append(one)
    for name, analysis in ANALYSES.items():
        if analysis.source in whole:
            upstream = whole[analysis.source]
            if upstream is None:
                plans.append(Plan(name, "maybe", f"{analysis.source} would be made first"))
                continue
            chosen = _options(name, None)
            plans.append(_of_analysis(name, chosen, upstream, root, rehash).plan(force)[0])
        elif any(one.name == analysis.source for one in plans):
            plans.append(Plan(name, "fail", f"{analysis.source} would not be made"))
    return plans


@dataclass(frozen=True)
class _Wanted:
    """An artifact that is wanted: all that decides it, and the store that may have it."""

    head: dict[str, Any]
    root: Path
    memory: store.Memory
    files: InputFiles | None  # None for an analysis
    warnings: tuple[str, ...]

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

    def plan(self, force: bool = False) -> tuple[Plan, dict[str, Any] | None]:
        """What would be done, and the manifest of what is there.

        Raises:
            StoreError: there may not be room for it.
        """
        held, damage = store.look(self.root, self.name, self.head["key"], self.memory)
        before = self._manifest()
        compared = tuple(causes(before, self.about))
        manifest = held.manifest if held else None
        if held and not force:
            return Plan(self.name, "cached", "up to date", compared), manifest
        self.expect_room()
        return Plan(self.name, "make", why(before, self.about, damage, force), compared), manifest

    def make(
        self, work: Callable[[], Content], damage: str, start: float, forced: bool
    ) -> ArtifactRef:
        """Makes the content and publishes it."""
        reason = why(self._manifest(), self.about, damage, forced)
        with _enough_memory(self.name):
            content = work()
            content = replace(content, warnings=(*content.warnings, *self.warnings))
            ref = store.publish(
                self.root,
                self.about,
                content,
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


def _of_source(source: Source, root: Path, rehash: bool) -> tuple[_Wanted, InputFiles]:
    room = import_module(source.room)
    memory = store.Memory(root / source.name, rehash)
    # one that is there may turn out to be up to date
    look = partial(expect_room, source.name, root=root) if is_new(source.name, root) else None
    files = InputFiles(source, memory.inputs, room.NAMES_MATTER, look)
    code = code_of(source.room, memory.code)
    decides = {
        "kind": source.kind,
        "format": store.FORMAT,
        "inputs": files.digest,
        "options": source.options(),
        "code": code.digests,
        "packages": package_versions(room.PACKAGES),
    }
    head = {"name": source.name, "key": make_key(decides), **decides}
    notes = (*files.notes, *_unresolved(code.unresolved))
    return _Wanted(head, root, memory, files, notes), files


def _of_analysis(
    name: str, options: Any, upstream: dict[str, Any], root: Path, rehash: bool
) -> _Wanted:
    room = import_module(ANALYSES[name].room)
    memory = store.Memory(root / name, rehash)
    code = code_of(ANALYSES[name].room, memory.code)
    decides = {
        "kind": "analysis",
        "format": store.FORMAT,
        "inputs": {options.source: {part["file"]: part["sha256"] for part in upstream["parts"]}},
        "options": options.model_dump(mode="json"),
        "code": code.digests,
        "packages": package_versions(room.PACKAGES),
    }
    head = {"name": name, "key": make_key(decides), **decides}
    return _Wanted(head, root, memory, None, _unresolved(code.unresolved))


def _options(name: str, options: Mapping[str, Any] | None) -> Any:
    from pydantic import ValidationError

    if name not in ANALYSES:
        raise CatalogError(f"no analysis '{name}': expected one of {', '.join(ANALYSES)}")
    room = import_module(ANALYSES[name].room)
    try:
        return room.Options(**{"source": ANALYSES[name].source, **(options or {})})
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise CatalogError(f"{name}: " + "; ".join(problems)) from error


def _unresolved(places: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        f"{place}: what this imports only shows when it runs, so every module of ptm is in the key"
        for place in places
    )


def _import_seconds() -> float:
    """Imports what making anything needs; the seconds are not the artifact's, so they are told."""
    start = time.perf_counter()
    import pyarrow.parquet  # noqa: F401
    import torch  # noqa: F401

    return time.perf_counter() - start
