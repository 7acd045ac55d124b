"""A driver of many parts is killed: what it had finished outlives it, and is not read again."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import pyarrow.parquet as pq
import pytest

import ptm
from ptm import store
from ptm.budget import ENTRIES
from ptm.budget import PARTS as PARTS_AT_ONCE
from ptm.store.pool import read_record
from tests.faults.children import Child, call
from tests.support.commands import Started, run_ptm, wait_until
from tests.support.parts import leftovers, needed, objects, paths, records
from tests.support.photos import (
    STORES,
    Photos,
    Watch,
    files_in,
    note_reads,
    numbers_in,
    parts_with,
    write_photo,
    write_photos,
)
from tests.support.stores import FAULTS, digests, publications

SIDE = 64  # pixels
PARTS = 40  # about as many
KILLED = -signal.SIGKILL
FULL = FAULTS >= 1000
LARGE, KILLS = (10_000, 50) if FULL else (1_000, 5)
SIZES = [150, pytest.param(LARGE, marks=pytest.mark.slow)]
pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]
COMMANDS = [("raw", "threads"), ("scaled", "processes")]
if FULL:
    COMMANDS += [("scaled", "threads"), ("raw", "processes")]
ONE_STORE = pytest.mark.parametrize(
    "stored", [pytest.param("raw", marks=pytest.mark.slow), "scaled"]
)
EACH_SIZE = pytest.mark.parametrize("photos", SIZES, indirect=True)


@pytest.fixture(scope="module")
def photos(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Photos]:
    """So many photos, of some forty parts."""
    root = tmp_path_factory.mktemp("photos") / "data"
    most = request.param * SIDE * SIDE * 3 * 2 // PARTS
    yield write_photos(root, request.param, SIDE, most)
    shutil.rmtree(root)


@dataclass(frozen=True)
class Whole:
    """What an undisturbed run makes of photos.

    Attributes:
        parts: the names of the files of each part.
        content: the digest of each file that the publication needs, by its name.
        files: the same of all files of the store.
    """

    parts: list[list[str]]
    content: dict[str, str]
    files: dict[str, str]


def content(root: Path, name: str) -> dict[str, str]:
    """The digest of each file that the current publication needs, its manifest too, by its name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths(root, name)}


def stored_in(root: Path, name: str) -> dict[str, str]:
    """The digest of each file that the store has of it, but for views and records."""
    found = digests(root)
    return {
        file: one
        for file, one in found.items()
        if file.startswith(f"{name}/") and not file.startswith(f"{name}/views")
    }


@pytest.fixture(scope="module")
def wholes(photos: Photos, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Whole]]:
    """What an undisturbed run makes of them, by how they are stored: all of them, in order."""
    root = tmp_path_factory.mktemp("whole") / "store"
    found = {}
    for stored in STORES:
        call(made, photos, stored, root)
        artifact = ptm.load(stored, root)
        assert numbers_in(artifact) == list(range(photos.count))
        parts = files_in(artifact)
        assert len(parts) > PARTS / 2
        assert [name for part in parts for name in part] == sorted(os.listdir(photos.folder))
        found[stored] = Whole(parts, content(root, stored), stored_in(root, stored))
    yield found
    shutil.rmtree(root)


def made(photos: Photos, stored: str, root: Path, log: Path | None = None) -> bool:
    """Makes them in this process, noting what is read; whether they were there."""
    from ptm.kinds import images

    if log:
        note_reads(images, Watch(log).variables)
    return ptm.tensorize(photos.source(stored), root).cached


class Run(ABC):
    """A run that may be killed.

    Attributes:
        at_once: how many parts it reads side by side.
    """

    at_once: ClassVar[int]

    @abstractmethod
    def begun(self) -> None:
        """Returns once it works, or has ended."""

    @abstractmethod
    def end(self, kill: bool) -> bool:
        """Waits until it is over, or kills it with SIGKILL; whether that killed it."""


class Bare(Run):
    """`ptm.tensorize` in a process of its own: it makes a few parts at once, in threads."""

    at_once = PARTS_AT_ONCE

    def __init__(self, photos: Photos, stored: str, root: Path, watch: Watch) -> None:
        self._child = Child(made, photos, stored, root, watch.log)

    def begun(self) -> None:
        """At once: what it needs is imported."""

    def end(self, kill: bool) -> bool:
        """See `Run`."""
        if not kill:
            self._child.result()
            return False
        self._child.kill()
        code = self._child.exit_code()
        assert code in (0, KILLED)
        return code == KILLED


class Command(Run):
    """`ptm run`, of which only the process that drives is killed: its workers end with it."""

    at_once = ENTRIES

    def __init__(
        self, photos: Photos, stored: str, root: Path, watch: Watch, runner: str = "threads"
    ) -> None:
        there, self._watch = watch.log.parent, watch
        words = ["run", stored, *photos.place(root), "--runner", runner]
        out = there / f"{watch.log.name}.txt"
        self._run = Started(out, *words, **watch.environment(there))

    def begun(self) -> None:
        """From the first part on that it reads."""
        process = self._run.process
        wait_until(lambda: self._watch.log.exists() or process.poll() is not None, 120, "a part")

    def end(self, kill: bool) -> bool:
        """See `Run`."""
        if kill:
            self._run.process.kill()
        done = self._run.end()
        assert done.left_behind == [], "workers end with the process that started them"
        assert done.code in ((0, KILLED) if kill else (0,)), done
        return done.code == KILLED


Begin = Callable[[Photos, str, Path, Watch], Run]


def recorded(shelf: Path) -> set[str]:
    """The names of the files of all parts that are recorded in a pool."""
    found = set[str]()
    for key in records(shelf) if (shelf / "parts").is_dir() else ():
        record = read_record(shelf, f"{key}.json")
        assert record, f"{key}: a kill must not tear a record"
        rows = pq.read_table(shelf / record.ref.files["rows"].file, columns=["file"])
        found.update(rows.column("file").to_pylist())
    return found


@dataclass
class Chain:
    """Runs of one entry in one store, each killed but for the last, which ends by itself.

    Attributes:
        begin: begins a run of an entry in a store that notes what it reads.
        photos: of the entry.
        stored: its name.
        root: the store.
        whole: what an undisturbed run makes.
        keeps: whether what is finished must be kept, as nobody collects it.
        read: the names of the files that each run has read.
    """

    begin: Begin
    photos: Photos
    stored: str
    root: Path
    whole: Whole
    keeps: bool = True
    read: list[list[str]] = field(default_factory=list)

    @property
    def shelf(self) -> Path:
        """Where the store keeps it."""
        return self.root / self.stored

    def go_on(self, seconds: float | None) -> bool:
        """One more run, which is killed after so many seconds, if any; whether it was."""
        kept = recorded(self.shelf) if self.keeps else set()
        watch = Watch(self.root.parent / f"{self.root.name}-read-{len(self.read)}")
        run = self.begin(self.photos, self.stored, self.root, watch)
        run.begun()
        time.sleep(seconds or 0)
        was_killed = run.end(seconds is not None)
        read = watch.names()
        assert len(read) == len({*read}), "no run reads a part twice"
        assert not kept.intersection(read), "what is recorded is not read again"
        if self.read and self.keeps:
            again = parts_with(self.whole.parts, {*read}.intersection(self.read[-1]))
            assert len(again) <= run.at_once, f"parts {again} were read again"
        self.read.append(read)
        return was_killed

    def check(self) -> None:
        """The last run made what an undisturbed one makes, and nothing was left over."""
        if self.keeps:
            assert {*chain(*self.read)} == {*chain(*self.whole.parts)}
        assert content(self.root, self.stored) == self.whole.content
        assert leftovers(self.root) == [] and len(publications(self.root, self.stored)) == 1
        assert faults_of(self.root) == []

    def check_collected(self) -> None:
        """`gc` takes what nobody names and nothing else; the artifact is there, and current."""
        assert needed(self.shelf) <= objects(self.shelf)
        store.gc(self.root)
        assert objects(self.shelf) == needed(self.shelf)
        assert stored_in(self.root, self.stored) == self.whole.files
        assert leftovers(self.root) == [] and faults_of(self.root) == []
        log = self.root.parent / f"{self.root.name}-cached"
        assert call(made, self.photos, self.stored, self.root, log) and not log.exists()


def faults_of(root: Path) -> list[str]:
    """What `ptm verify` finds wrong."""
    return [one.error for one in store.verify(root) if one.error]


def seconds_of(begin: Begin, photos: Photos, stored: str, root: Path) -> float:
    """How long a run works that is not killed."""
    run = begin(photos, stored, root, Watch(root.parent / f"{root.name}-read"))
    run.begun()
    start = time.monotonic()
    run.end(kill=False)
    return time.monotonic() - start


def kill_some(
    begin: Begin,
    photos: Photos,
    stored: str,
    whole: Whole,
    kills: int,
    folder: Path,
    beside: Callable[[Path], AbstractContextManager[Any]] = nullcontext,
) -> str:
    """Kills runs at random moments and checks what comes of those after them; what was done.

    Args:
        begin, photos, stored, whole: as of `Chain`.
        kills: how many.
        folder: for stores.
        beside: what goes on in a store meanwhile; what is finished may then be collected.
    """
    seed = random.randrange(10**6)
    chance, keeps, done, stores, again = random.Random(seed), beside is nullcontext, 0, 0, 0
    last = seconds_of(begin, photos, stored, folder / "timed")
    shutil.rmtree(folder / "timed")
    start = time.monotonic()
    try:
        while done < kills:
            stores += 1
            runs = Chain(begin, photos, stored, folder / f"store-{stores}", whole, keeps)
            with beside(runs.root):
                while runs.go_on(chance.random() * last if done < kills else None):
                    done += 1
            runs.check()
            runs.check_collected()
            again += sum(map(len, runs.read)) - photos.count
            shutil.rmtree(runs.root)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}, kill {done}, store {stores}: {error}") from error
    seconds = time.monotonic() - start
    told = f"{done} kills in {stores} stores of {photos.count} photos, {seconds:.0f} s"
    return f"\nseed {seed}: {told}; {again} photos were read again ({again / done:.1f} each)"


@ONE_STORE
@EACH_SIZE
def test_bare_driver(
    photos: Photos,
    wholes: dict[str, Whole],
    stored: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Killed at random moments, `ptm.tensorize` reads again at most the part in flight.

    What comes of it then is what an undisturbed run makes, to the byte; nothing is left over.
    """
    kills = KILLS if photos.count == LARGE else 1
    said = kill_some(Bare, photos, stored, wholes[stored], kills, tmp_path)
    with capsys.disabled():
        print(said)


@pytest.mark.slow
@pytest.mark.parametrize(("stored", "runner"), COMMANDS)
@pytest.mark.parametrize("photos", [LARGE], indirect=True)
def test_command(
    server: str,
    photos: Photos,
    wholes: dict[str, Whole],
    stored: str,
    runner: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """So does `ptm run`: at most the parts in flight; `ptm verify` and `ptm gc` agree."""
    begin = partial(Command, runner=runner)
    said = kill_some(begin, photos, stored, wholes[stored], max(KILLS // 5, 1), tmp_path)
    root = tmp_path / "store"
    watch = Watch(tmp_path / "read")
    run = begin(photos, stored, root, watch)
    run.begun()
    run.end(kill=True)
    assert run_ptm("run", stored, *photos.place(root)).code == 0
    verified = run_ptm("verify", "--artifacts", root)
    assert verified.code == 0, verified
    collected = run_ptm("gc", "--artifacts", root)
    assert collected.code == 0, collected
    assert content(root, stored) == wholes[stored].content
    assert objects(root / stored) == needed(root / stored)
    with capsys.disabled():
        print(said)


def collect(root: Path, end: Path) -> int:
    """Runs `gc` again and again, until there is a file; how often."""
    times = 0
    while not end.exists():
        store.gc(root)
        times += 1
    return times


@contextmanager
def collected(root: Path) -> Iterator[None]:
    """`gc` runs again and again in a store, in a process of its own; it meets no error."""
    root.mkdir()
    end = root.parent / f"{root.name}-end"
    child = Child(collect, root, end)
    try:
        yield
    finally:
        end.touch()
    assert child.result() > 0


@pytest.mark.slow
@ONE_STORE
@EACH_SIZE
def test_collected_meanwhile(
    photos: Photos, wholes: dict[str, Whole], stored: str, tmp_path: Path
) -> None:
    """While `gc` runs again and again: the same bytes, and no living run is taken anything."""
    kills = KILLS if photos.count == LARGE else 1
    kill_some(Bare, photos, stored, wholes[stored], kills, tmp_path, beside=collected)


@pytest.mark.slow
@pytest.mark.parametrize("photos", SIZES, indirect=True)
def test_one_file_more(photos: Photos, wholes: dict[str, Whole], tmp_path: Path) -> None:
    """Stored raw, a file that comes makes at most two parts be read, wherever it comes."""
    root, chance = tmp_path / "store", random.Random(photos.count)
    call(made, photos, "raw", root)
    for number in range(20 if FULL else 5 if photos.count == LARGE else 3):
        before = chance.randrange(photos.count)
        name = f"{before:05}-more"
        place = write_photo(photos.folder, photos.count + number, SIDE, name=name)
        try:
            log = tmp_path / f"read-{number}"
            assert not call(made, photos, "raw", root, log)
            artifact = ptm.load("raw", root)
            read = Watch(log).parts()
            assert 1 <= len(read) <= 2 and place.name in {*chain(*read)}, read
            order = [*range(photos.count)]
            assert numbers_in(artifact) == [*order[:before], photos.count + number, *order[before:]]
        finally:
            place.unlink()
        again = tmp_path / f"again-{number}"
        assert call(made, photos, "raw", root, again) and not again.exists()
        assert content(root, "raw") == wholes["raw"].content
