"""An executable model of the store: random operations, and what must be readable after each."""

from __future__ import annotations

import hashlib
import random
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ptm import store
from ptm.errors import ArtifactCorrupt, ArtifactMissing
from tests.support.parts import (
    Source,
    check,
    leftovers,
    make,
    named,
    needed,
    objects,
    paths,
    write_raw,
)
from tests.support.sampling import sampled
from tests.support.stores import FAULTS

NAMES, VALUES = ("t", "u"), (1.0, 2.0, 3.0)
SEEDS, STEPS = (100 if FAULTS >= 10 else 6), 40
pytestmark = pytest.mark.faults


@dataclass
class Shelf:
    """What the model says of one name.

    Attributes:
        current: the source whose artifact readers get; None before the first.
        damaged: the files of its artifact that were damaged and not healed.
        stale: whether files may be damaged that only older artifacts need.
        held: loaded artifacts that somebody has not let go, and what each is of.
        written: keys of raw parts that were written and not taken away.
        writers: drivers that live: what they wrote stays.
    """

    current: Source | None = None
    damaged: set[Path] = field(default_factory=set)
    stale: bool = False
    held: list[tuple[store.reading.Artifact, Source]] = field(default_factory=list)
    written: set[tuple[Source, int]] = field(default_factory=set)
    writers: list[object] = field(default_factory=list)


class Model:
    """The store, and beside it what it must hold."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.chance = root, random.Random(seed)
        self.shelves = {name: Shelf() for name in NAMES}
        self.log: list[str] = []

    def step(self) -> None:
        """One random operation, and a look at all that must be readable."""
        works = [self.run, self.run, self.force, self.write, self.kill, self.damage, self.collect]
        works += [self.hold, self.let_go, self.verify, self.write_on, self.end_writer]
        name, work = self.chance.choice(NAMES), self.chance.choice(works)
        self.log.append(f"{work.__name__} {name}")
        work(name, self.shelves[name])
        for name, shelf in self.shelves.items():
            self.look(name, shelf)

    def source(self, name: str) -> Source:
        values = tuple(self.chance.choice(VALUES) for _ in range(self.chance.choice((1, 2, 3))))
        return Source(self.root, name, values, self.chance.choice((1.0, 4.0)))

    def run(self, name: str, shelf: Shelf, force: bool = False) -> None:
        source = self.source(name)
        if shelf.current and self.chance.random() < 0.5:
            source = shelf.current
        same = source == shelf.current
        ref = make(source, force)
        if same and not force:
            assert ref.cached != bool(shelf.damaged), "made again without need, or not healed"
        shelf.stale |= bool(shelf.damaged)
        shelf.current, shelf.damaged = source, set()
        if shelf.writers:
            return
        # a run takes away the raw parts that it has needed, unless others write
        own = {source.raw_key(number) for number in range(len(source.values))}
        shelf.written = {one for one in shelf.written if one[0].raw_key(one[1]) not in own}

    def force(self, name: str, shelf: Shelf) -> None:
        self.run(name, shelf, force=True)

    def write(self, name: str, shelf: Shelf) -> None:
        """A part of a driver that dies before it publishes anything."""
        source = self.source(name)
        write_raw(source, 0)
        shelf.written.add((source, 0))
        # what it has written may have been damaged, and is needed by others
        shelf.damaged = {place for place in shelf.damaged if not is_whole(place)}

    def write_on(self, name: str, shelf: Shelf) -> None:
        """The same by a driver that lives on."""
        writing = store.writing(self.root, name)
        writing.__enter__()
        shelf.writers.append(writing)
        self.write(name, shelf)

    def end_writer(self, name: str, shelf: Shelf) -> None:
        if shelf.writers:
            shelf.writers.pop().__exit__(None, None, None)  # type: ignore[attr-defined]

    def kill(self, name: str, shelf: Shelf) -> None:
        """What a killed writer leaves: a lease that nobody holds, and what carries its ID."""
        if not shelf.current:
            return
        number = f"{self.chance.randrange(16**12):012x}"
        place = self.root / name
        for left in (".lease-", ".hold-", ".part-", ".pointer-"):
            (place / f"{left}{number}").write_bytes(b"PK")
        (place / f".collect-{number}").mkdir()
        folder = Path(store.current(name, self.root).folder) if not shelf.damaged else None
        if folder:
            shutil.copytree(folder, place / f"{folder.name[:12]}-{number}")

    def damage(self, name: str, shelf: Shelf) -> None:
        """A bit of a file of the current artifact flips, of the manifest seldom."""
        if not shelf.current or shelf.damaged or shelf.held:
            return
        chosen = self.chance.choice(list(paths(self.root, name)))
        raw = bytearray(chosen.read_bytes())
        raw[self.chance.randrange(len(raw))] ^= 1 << self.chance.randrange(8)
        chosen.write_bytes(raw)
        shelf.damaged.add(chosen)

    def collect(self, name: str, shelf: Shelf) -> None:
        store.gc(self.root, keep=self.chance.choice((1, 2)))
        for one, of in self.shelves.items():
            damaged_manifest = any(place.suffix == ".json" for place in of.damaged)
            if not of.writers and not damaged_manifest:
                there = objects(self.root / one) if of.written or of.current else set()
                of.written, of.stale = set(), False
                assert there <= needed(self.root / one)
            left = [one_ for one_ in leftovers(self.root / one) if not of.writers]
            assert left == [], left

    def hold(self, name: str, shelf: Shelf) -> None:
        if shelf.current and not shelf.damaged:
            shelf.held.append((store.load(name, self.root), shelf.current))

    def let_go(self, name: str, shelf: Shelf) -> None:
        if shelf.held:
            shelf.held.pop(self.chance.randrange(len(shelf.held)))

    def verify(self, name: str, shelf: Shelf) -> None:
        wrong = {found.name for found in store.verify(self.root) if found.error}
        damaged = {one for one, of in self.shelves.items() if of.damaged}
        assert damaged <= wrong <= damaged | {one for one, of in self.shelves.items() if of.stale}

    def look(self, name: str, shelf: Shelf) -> None:
        if shelf.current is None:
            with pytest.raises(ArtifactMissing):
                store.load(name, self.root)
        elif shelf.damaged:
            with pytest.raises(ArtifactCorrupt):
                for place in paths(self.root, name):
                    file = place.name if place.parent.name != "parts" else f"parts/{place.name}"
                    loaded = store.load(name, self.root)
                    if place.name != store.MANIFEST:
                        loaded.file(file)
        else:
            check(shelf.current)
            assert named(self.root, name) <= objects(self.root / name)
        for loaded, source in shelf.held:
            fresh = replace(loaded, tensors=store.opened(held_of(loaded), index_of(loaded)).tensors)
            assert fresh.tensors["all"].tolist() == [source.scale] * source.size
            by_part = [part.tensors["x"][0, 0].item() for part in loaded.parts]
            assert by_part == [value / source.scale + 0.5 for value in source.values]
        for source, number in shelf.written:
            memory = store.Memory(self.root / name)
            found = store.find_part(self.root, name, source.raw_key(number), memory.parts)
            assert found or shelf.damaged or shelf.stale, f"{source} {number} is not found"


def is_whole(place: Path) -> bool:
    """Whether a file of a part holds what its name says."""
    return hashlib.sha256(place.read_bytes()).hexdigest() == place.stem


def held_of(loaded: store.reading.Artifact) -> store.Publication:
    """The publication that a loaded artifact holds."""
    return loaded.parts[0].check._publication


def index_of(loaded: store.reading.Artifact) -> store.reading.StatIndex:
    return loaded.parts[0].check._index


@pytest.mark.parametrize("seed", sampled(range(SEEDS)))
def test_random_operations(tmp_path: Path, seed: int) -> None:
    """Whatever is done in whatever order: what must be readable is, and nothing else is left."""
    model = Model(tmp_path, seed)
    try:
        for _ in range(STEPS):
            model.step()
    except BaseException:
        print(f"seed {seed}:", *model.log, sep="\n  ")
        raise
    for name, shelf in model.shelves.items():
        shelf.held.clear()
        while shelf.writers:
            model.end_writer(name, shelf)
        if shelf.current:
            make(shelf.current)
            check(shelf.current)
    store.gc(tmp_path, keep=1)
    for name, shelf in model.shelves.items():
        if shelf.written or shelf.current:
            assert objects(tmp_path / name) == needed(tmp_path / name)
    assert leftovers(tmp_path) == []
    assert [found.error for found in store.verify(tmp_path) if found.error] == []
