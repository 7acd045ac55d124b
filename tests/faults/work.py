"""A small piece of work that uses all of the store, and what must hold after it was hurt."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ptm import store
from ptm.errors import ArtifactCorrupt, ArtifactMissing, StoreError
from ptm.model import ArtifactRef, Whole
from ptm.store.pointers import CURRENT, KEYS, PUBLICATION, pointed
from ptm.store.runs import RUNS
from tests.faults.children import Child, Signal, call, recorded, under
from tests.support.parts import (
    ABOUT,
    Source,
    digest_of,
    everything,
    make,
    needed,
    objects,
    paths,
    write_raw,
)

MANY = 500  # faults; from here on nothing is left out to save time
ANALYSIS, LARGE = "analysis", "large"
NAMES = ("one", LARGE, "other", ANALYSIS)
COLUMNS = 300_000  # of the tensors of LARGE, which the store writes in slices
States = dict[str, Any]  # by name, the digest of each file


@dataclass(frozen=True)
class Place:
    """Where the work is done.

    Attributes:
        root: the store.
        names: what is made, of NAMES.
        states: what undisturbed work makes, by options.
        dead: what killed writers left, by name as in a store.
        templates: for each phase the store as it is before, in a folder of that name.
    """

    root: Path
    names: tuple[str, ...]
    states: dict[str, States] = field(default_factory=dict)
    dead: Path = Path()
    templates: Path = Path()

    def fresh(self, folder: Path, phase: str = "make") -> Place:
        """The same with a store of its own in a folder, as it is before a phase."""
        root = Path(tempfile.mkdtemp(dir=folder)) / "store"
        if (self.templates / phase).is_dir():
            shutil.copytree(self.templates / phase, root)
        return replace(self, root=root)


def sources(place: Place, options: str) -> list[Source]:
    """The sources with the options "first" or "other"; one part of each is the same in both."""
    values = (1.0, 2.0) if options == "first" else (2.0, 3.0)
    return [
        Source(place.root, name, values, size=COLUMNS if name == LARGE else 2)
        for name in place.names
        if name != ANALYSIS
    ]


def run(place: Place, options: str) -> dict[str, bool]:
    """What a run does: every source, the analysis, and a note of it; for each if it was cached."""
    refs = [make(source) for source in sources(place, options)]
    if ANALYSIS in place.names:
        refs.append(analyze(place))
    store.record_run(place.root, {r.name: {"when": "now", "state": "made"} for r in refs})
    return {ref.name: ref.cached for ref in refs}


def resume(place: Place) -> None:
    """What a driver that is killed has finished, a part of each source, and then a run."""
    for source in sources(place, "first"):
        with store.writing(place.root, source.name):
            write_raw(source, 0)
    run(place, "first")


def analyze(place: Place) -> ArtifactRef:
    """An artifact that is of another one, without parts."""
    memory = store.Memory(place.root / ANALYSIS)
    of = {"one": store.digests(store.current("one", place.root).manifest)}
    key = digest_of(of)
    store.sweep(place.root / ANALYSIS)
    found, damage = store.find(place.root, ANALYSIS, key, memory)
    if found:
        memory.save()
        return replace(found, cached=True)
    values = store.load("one", place.root).tensors["x"].sum(dim=0)
    head: dict[str, Any] = {**ABOUT, "name": ANALYSIS, "key": key, "inputs": of}
    whole = Whole({"sum": ("feature",)}, {"sum": values})
    ref = store.publish(place.root, head, [], whole, 0.5, memory=memory, healed=damage)
    memory.save()
    return ref


def readers(place: Place) -> States:
    """What readers get who read all: by name the digest of each file, or the error in words."""
    seen: States = {}
    for name in place.names:
        try:
            everything(place.root, name)
            held = store.current(name, place.root)
            seen[name] = sorted((file.file, file.sha256) for file in store.files_of(held.manifest))
        except StoreError as error:
            seen[name] = f"{type(error).__name__}: {error}"
    return seen


def damage(place: Place) -> None:
    """Flips a byte of a file of each source, as a bad disk would: of the first, the second, …."""
    for number, source in enumerate(sources(place, "first")):
        files = list(paths(place.root, source.name))
        target = files[(2 * number) % len(files)]
        raw = bytearray(target.read_bytes())
        raw[len(raw) // 2] ^= 1
        target.write_bytes(raw)


def leave(place: Place) -> None:
    """Puts what killed writers left beside what is there, each file whole: none tore one."""
    staged = place.root.parent / "left"

    def put(source: str, target: str) -> None:
        shutil.copy2(source, staged)
        staged.replace(target)

    shutil.copytree(place.dead, place.root, dirs_exist_ok=True, copy_function=put)


def sweep(place: Place) -> None:
    """Sweeps every shelf."""
    for name in place.names:
        store.sweep(place.root / name)


def collect(place: Place) -> None:
    """Leaves one publication of each name."""
    store.gc(place.root, keep=1)


class Phase(NamedTuple):
    """One step of the work.

    Attributes:
        work: does it.
        before: the options that were current when it began; "" where there was nothing.
        after: the options that are current when it is over.
        damaged: whether readers may meet the damage that was done on purpose.
        unnamed: whether publications may be there that no pointer names any more.
    """

    work: Callable[[Place], Any]
    before: str
    after: str
    damaged: bool = False
    unnamed: bool = False

    def calm(self) -> Phase:
        """The phase when it is over: readers meet what it made, and nothing else."""
        return self._replace(before=self.after, damaged=False)


_first, _other = partial(run, options="first"), partial(run, options="other")
PHASES = {
    "make": Phase(resume, "", "first"),
    "find": Phase(_first, "first", "first"),
    "publish over": Phase(_other, "first", "other"),
    "put back": Phase(_first, "other", "first"),
    "damage": Phase(damage, "first", "first", damaged=True, unnamed=True),
    "heal": Phase(_first, "first", "first", damaged=True, unnamed=True),
    "leave": Phase(leave, "first", "first", unnamed=True),
    "sweep": Phase(sweep, "first", "first", unnamed=True),
    "collect": Phase(collect, "first", "first", unnamed=True),
}
HURT = ("make", "publish over", "put back", "heal", "sweep", "collect")


def each(phases: tuple[str, ...], *quick: str) -> pytest.MarkDecorator:
    """A test of each phase; those that are not quick are left out by `make test`."""
    slow = pytest.mark.slow
    chosen = [p if p in quick else pytest.param(p, marks=slow) for p in phases]
    return pytest.mark.parametrize("phase", chosen)


def operations(place: Place, folder: Path, phase: str) -> list[str]:
    """The operations that a phase consists of; it is carried out in the folder."""
    return call(recorded, PHASES[phase].work, place.fresh(folder, phase))


def work(place: Place, progress: Connection) -> None:
    """All phases, each announced; at the end, "over"."""
    for name, phase in PHASES.items():
        progress.send(name)
        phase.work(place)
    progress.send("over")


def survey(place: Place, phase: Phase) -> list[str]:
    """What is wrong with what readers meet during a phase; empty if nothing is."""
    return [*_verified(place, phase), *_misread(place, phase, readers(place))]


def aftermath(place: Place, phase: Phase) -> list[str]:
    """What is wrong with what readers meet after a phase was hurt, and with the next run."""
    seen, want = readers(place), place.states[phase.after]
    wrong = [*_verified(place, phase), *_misread(place, phase, seen)]
    cached = run(place, phase.after)
    old = place.states[phase.before] if phase.before != phase.after and phase.before else {}
    there = [n for n in place.names if seen[n] == want[n] and seen[n] != old.get(n)]
    wrong += [f"{name}: was there, and was made again" for name in there if not cached[name]]
    wrong += survey(place, phase.calm()) + leftovers(place.root)
    wrong += [] if phase.unnamed else _unnamed(place)
    store.gc(place.root, keep=1)
    wrong += survey(place, phase.calm()) + leftovers(place.root) + _unnamed(place)
    wrong += _unneeded(place)
    cached = run(place, phase.after)
    return wrong + [f"{name}: not cached" for name in place.names if not cached[name]]


def next_run(place: Place, phase: Phase) -> list[str]:
    """What is wrong with what a run makes after a phase; empty if nothing is."""
    run(place, phase.after)
    return survey(place, phase.calm())


def _verified(place: Place, phase: Phase) -> Iterator[str]:
    damaged: set[str] = set()
    for finding in store.verify(place.root):
        # one publication of a name was damaged on purpose, but no pointer
        spared = phase.damaged and finding.publication and finding.name not in damaged
        if finding.error and not spared:
            yield f"verify: {finding.error}"
        if finding.error:
            damaged.add(finding.name)


def _misread(place: Place, phase: Phase, seen: States) -> Iterator[str]:
    made = [place.states[options] for options in (phase.before, phase.after) if options]
    for name, got in seen.items():
        missing = str(got).startswith(ArtifactMissing.__name__) and not phase.before
        corrupt = str(got).startswith(ArtifactCorrupt.__name__) and phase.damaged
        if got not in [states[name] for states in made] and not missing and not corrupt:
            yield f"load: {name}: neither the old nor the new one: {got}"


def judged(place: Place, what: object, wrong: list[str]) -> list[str]:
    """What is wrong, with what was done; a store with nothing wrong in it goes."""
    if not wrong:
        shutil.rmtree(place.root.parent)
    return [f"{what}: {one} ({place.root})" for one in wrong]


def leftovers(root: Path) -> list[str]:
    """What is staged in a store, or left there."""
    return [f"left: {path.relative_to(root)}" for path in sorted(root.rglob(".*"))]


def _unnamed(place: Place) -> list[str]:
    """The publications that no pointer names."""
    return [
        f"no pointer names it: {name}/{folder}"
        for name in place.names
        for folder in os.listdir(place.root / name)
        if PUBLICATION.fullmatch(folder) and folder not in pointed(place.root / name)
    ]


def _unneeded(place: Place) -> list[str]:
    """The files of parts that nobody needs any more, or that somebody needs who lacks them."""
    return [
        f"parts: {name}: {one}"
        for name in place.names
        if name != ANALYSIS
        for one in objects(place.root / name) ^ needed(place.root / name)
    ]


def prepare(folder: Path, names: tuple[str, ...]) -> Place:
    """A place for work on those names: what undisturbed work makes, and templates."""
    bare = Place(folder / "store", names)
    states = {options: call(_made, bare.fresh(folder), options) for options in ("first", "other")}
    place = replace(bare, states=states, dead=folder / "dead", templates=folder / "templates")
    _kill_some(place.fresh(folder), place.dead)
    call(_make_templates, place)
    return place


def _made(place: Place, options: str) -> States:
    run(place, options)
    return readers(place)


def _kill_some(place: Place, dead: Path) -> None:
    """Writers killed at several operations of making, and what they left: nothing that counts."""
    count = len(call(recorded, resume, place.fresh(place.root.parent)))
    for at in range(5, count, count // 4):
        shutil.rmtree(place.root, ignore_errors=True)
        Child(under, Signal(at), resume, place).exit_code()
        ignore = shutil.ignore_patterns(CURRENT, KEYS, "stat", RUNS)
        shutil.copytree(place.root, dead, dirs_exist_ok=True, ignore=ignore)


def _make_templates(place: Place) -> None:
    for name, phase in PHASES.items():
        if place.root.exists():
            shutil.copytree(place.root, place.templates / name)
        phase.work(place)
