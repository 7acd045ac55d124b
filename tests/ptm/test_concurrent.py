"""Many processes on one store: one result, no error, nothing left, and nobody reads a mixture."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

import pytest
import torch

import ptm
from ptm import store
from ptm.errors import ArtifactMissing
from ptm.model import ArtifactRef
from tests.support.parts import Source, expected, leftovers, make, named, objects
from tests.support.stores import FAULTS, publications

WRITERS, COLUMNS = 8, 500
MANY = 40 if FAULTS >= 10 else 6
ROUNDS = pytest.mark.parametrize("rounds", [2, pytest.param(MANY, marks=pytest.mark.slow)])
pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def context() -> ForkServerContext:
    """Processes fork from a server that has only imported: no thread, no lock comes with them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.ptm.test_concurrent"])
    return context


class Crew:
    """Processes that are started, waited for, and told of when they fail."""

    def __init__(self, context: ForkServerContext) -> None:
        self._context, self._errors = context, context.SimpleQueue()
        self.processes: list[ForkServerProcess] = []

    def start(self, function: Callable[..., object], *arguments: object) -> ForkServerProcess:
        """Runs a function in a process."""
        work = self._errors, function, arguments
        self.processes.append(self._context.Process(target=told, args=work))
        self.processes[-1].start()
        return self.processes[-1]

    def finish(self, processes: list[ForkServerProcess]) -> None:
        """Waits until processes have ended; the first error of any of the crew ends the waiting."""
        while any(process.is_alive() for process in processes):
            time.sleep(0.01)
            self._check()
        self._check()

    def _check(self) -> None:
        if not self._errors.empty():
            pytest.fail(self._errors.get())


def told(errors: Any, function: Callable[..., object], arguments: tuple[object, ...]) -> None:
    try:
        function(*arguments)
    except BaseException:
        errors.put(f"{function.__name__}: {traceback.format_exc()}")


@pytest.fixture
def crew(context: ForkServerContext) -> Iterator[Crew]:
    """Processes; those that still run at the end are killed."""
    crew = Crew(context)
    yield crew
    for process in crew.processes:
        process.kill()
        process.join()


SHARED = 0.25  # the number of a part that all have


def source(root: Path, number: int) -> Source:
    """Rows that hold nothing but a number, and a part that is the same in each; the key is not."""
    return Source(root, values=(float(number), SHARED, -float(number)), size=COLUMNS)


def read(root: Path) -> int:
    """The number that each value of the current artifact holds; -1 where there is none."""
    try:
        loaded = ptm.load("t", root)
    except ArtifactMissing:
        return -1
    number = int(loaded.manifest["options"]["values"][0])
    assert loaded.tensors["x"].tolist() == expected(source(root, number))
    rows = [value for value in (number, SHARED, -number) for _ in range(2)]
    assert loaded.table["a"].tolist() == rows
    assert loaded.tables["parts"]["value"].tolist() == [number, SHARED, -number]
    return number


def write_rounds(root: Path, barrier: Barrier, rounds: int) -> None:
    for number in range(1, rounds + 1):
        barrier.wait(timeout=120)
        make(source(root, number))


def read_on(root: Path, stop: Event, rounds: int) -> None:
    seen = [read(root)]
    while not stop.is_set():
        seen.append(read(root))
        assert seen[-1] >= seen[-2]  # what was replaced does not come back
    assert seen[-1] == rounds or read(root) == rounds


def sweep_on(root: Path, stop: Event) -> None:
    while not stop.is_set():
        store.sweep(root / "t")


def collect_on(root: Path, stop: Event) -> None:
    while not stop.is_set():
        store.gc(root, keep=1)
        time.sleep(0.005)


def verify_on(root: Path, stop: Event) -> None:
    while not stop.is_set():
        assert [found.error for found in store.verify(root) if found.error] == []


def dangling(root: Path) -> list[str]:
    """Pointers whose publication is not there."""
    return [
        place
        for place, pointer in store.pointers(root / "t").items()
        if pointer is None or not (root / "t" / pointer["publication"] / "manifest.json").exists()
    ]


WORKS = (sweep_on, collect_on, verify_on)


@pytest.mark.slow
@ROUNDS
def test_eight_writers_of_one_key(
    tmp_path: Path, context: ForkServerContext, crew: Crew, rounds: int
) -> None:
    """With readers, a sweeper and a collector about: the old or the new one, and one in the end."""
    make(source(tmp_path, 0))
    barrier, stop = context.Barrier(WRITERS), context.Event()
    others = [crew.start(read_on, tmp_path, stop, rounds) for _ in range(2)]
    others += [crew.start(work, tmp_path, stop) for work in WORKS]
    crew.finish([crew.start(write_rounds, tmp_path, barrier, rounds) for _ in range(WRITERS)])
    stop.set()
    crew.finish(others)
    assert read(tmp_path) == rounds
    store.gc(tmp_path, keep=1)
    assert len(publications(tmp_path, "t")) == 1 and dangling(tmp_path) == []
    assert leftovers(tmp_path) == []
    assert not [found for found in store.verify(tmp_path) if found.error]


@pytest.mark.slow
@ROUNDS
def test_eight_writers_and_nobody_else(
    tmp_path: Path, context: ForkServerContext, crew: Crew, rounds: int
) -> None:
    """Eight runs that make one key at once leave one publication of it, without any collecting."""
    barrier = context.Barrier(WRITERS)
    crew.finish([crew.start(write_rounds, tmp_path, barrier, rounds) for _ in range(WRITERS)])
    assert len(publications(tmp_path, "t")) == rounds == len(os.listdir(tmp_path / "t" / "keys"))
    assert leftovers(tmp_path) == [] and dangling(tmp_path) == []


NAMES = ("a", "b", "c")


def run_all(root: Path, barrier: Barrier, ends: Any) -> None:
    barrier.wait(timeout=120)
    ends.put([make(replace(source(root, n), name=name)) for n, name in enumerate(NAMES)])


RUNS = [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 10 if FAULTS >= 10 else 2))]


@pytest.mark.parametrize("attempt", RUNS)
def test_four_runs_at_once(
    tmp_path: Path, context: ForkServerContext, crew: Crew, attempt: int
) -> None:
    """Four runs of several names at once all succeed: one artifact of each, nothing left."""
    barrier, ends = context.Barrier(4), context.Queue()
    runs = [crew.start(run_all, tmp_path, barrier, ends) for _ in range(4)]
    refs: list[list[ArtifactRef]] = [ends.get(timeout=300) for _ in runs]
    crew.finish(runs)
    assert len(refs[0]) == len(NAMES)
    for one in zip(*refs, strict=True):
        assert len({ref.path for ref in one}) == 1
        assert publications(tmp_path, one[0].name) == {Path(one[0].path).name}
        assert sum(not ref.cached for ref in one) == 1
    assert leftovers(tmp_path) == []
    assert not [found for found in store.verify(tmp_path) if found.error]


def put_back(root: Path, stop: Event, rounds: int) -> None:
    """Now one key, now the other, as somebody who cannot decide."""
    for turn in range(15 * rounds):
        ref = make(source(root, turn % 2))
        assert not ref.why.startswith("damaged"), ref.why
        assert dangling(root)[:1] != ["current.json"]
    stop.set()


def read_either(root: Path, stop: Event) -> None:
    while not stop.is_set():
        assert read(root) in (0, 1)


@ROUNDS
def test_collecting_against_putting_back(
    tmp_path: Path, context: ForkServerContext, crew: Crew, rounds: int
) -> None:
    """What is put back while it is collected is either kept or made again; no pointer dangles."""
    make(source(tmp_path, 0))
    stop = context.Event()
    works = [crew.start(put_back, tmp_path, stop, rounds)]
    works += [
        crew.start(w, tmp_path, stop) for w in (collect_on, collect_on, read_either, verify_on)
    ]
    crew.finish(works)
    assert dangling(tmp_path) == [] and leftovers(tmp_path) == []
    assert not [found for found in store.verify(tmp_path) if found.error]
    store.gc(tmp_path, keep=1)
    assert dangling(tmp_path) == [] and read(tmp_path) == 1


def collected(root: Path) -> list[str]:
    """What collecting takes away now."""
    return [thing.what for thing in store.gc(root, keep=1) if not thing.stays]


def resume_on(root: Path, stop: Event, rounds: int) -> None:
    """Parts are written, looked for and published, while others collect what nobody names."""
    try:
        for turn in range(10 * rounds):
            one = source(root, 100 + turn % 3)
            ref = make(one, force=turn % 4 == 3)
            assert not ref.why.startswith("damaged"), ref.why
            assert store.look(root, "t", ref.key, store.Memory(one.shelf))[1] == ""
    finally:
        stop.set()


@pytest.mark.slow
@ROUNDS
def test_collecting_against_resuming(
    tmp_path: Path, context: ForkServerContext, crew: Crew, rounds: int
) -> None:
    """No manifest ever names a part that was collected, and no part of a living writer goes."""
    stop = context.Event()
    works = [crew.start(resume_on, tmp_path, stop, rounds)]
    works += [crew.start(work, tmp_path, stop) for work in (collect_on, collect_on, sweep_on)]
    works += [crew.start(verify_on, tmp_path, stop)]
    crew.finish(works)
    store.gc(tmp_path, keep=1)
    assert dangling(tmp_path) == [] and leftovers(tmp_path) == []
    assert objects(tmp_path / "t") == named(tmp_path, "t")
    assert not [found for found in store.verify(tmp_path) if found.error]


def hold_pool(root: Path, ready: Event) -> None:
    with store.writing(root, "t"):
        store.write_part(root, "t", "a" * 64, {"x": torch.zeros(3)}, None, {})
        ready.set()
        time.sleep(600)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_what_another_process_is_making_stays(
    tmp_path: Path, context: ForkServerContext, crew: Crew, how: signal.Signals
) -> None:
    """Parts that a living driver needs stay; those of a killed one are found, or they go."""
    make(source(tmp_path, 1))
    ready = context.Event()
    writer = crew.start(hold_pool, tmp_path, ready)
    assert ready.wait(timeout=60)
    for dry_run in (True, False):
        [thing] = store.gc(tmp_path, dry_run=dry_run)
        assert (thing.what, thing.stays) == ("parts", "it is being published")
    os.kill(writer.pid or 0, how)
    writer.join(timeout=60)
    memory = store.Memory(tmp_path / "t")
    assert store.find_part(tmp_path, "t", "a" * 64, memory.parts)
    assert collected(tmp_path)[-1] == "parts" and leftovers(tmp_path) == []
    assert not store.find_part(tmp_path, "t", "a" * 64, memory.parts)


def test_what_is_loaded_stays(tmp_path: Path) -> None:
    """A loaded artifact keeps its folder; when the last reference is gone, it may go."""
    old = make(source(tmp_path, 1))
    loaded, again = ptm.load("t", tmp_path), ptm.load("t", tmp_path)
    make(source(tmp_path, 2))
    [thing] = store.gc(tmp_path, keep=1)  # and none of its parts
    assert (thing.what, thing.bytes) == (Path(old.path).name, 0)
    assert thing.stays == "it is being read"
    assert loaded.table.shape == (6, 2) and float(loaded.tensors["x"][0, 0]) == 1.5
    del loaded
    assert collected(tmp_path) == []
    del again
    assert collected(tmp_path) == [Path(old.path).name, "parts"]
    assert not Path(old.path).exists()
    assert objects(tmp_path / "t") == named(tmp_path, "t")


def hold(root: Path, ready: Event) -> None:
    loaded = ptm.load("t", root)
    ready.set()
    time.sleep(600)
    del loaded  # not before


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_what_another_process_reads_stays(
    tmp_path: Path, context: ForkServerContext, crew: Crew, how: signal.Signals
) -> None:
    """What another process has loaded stays, until it ends, however it ends."""
    old = make(source(tmp_path, 1))
    ready = context.Event()
    reader = crew.start(hold, tmp_path, ready)
    assert ready.wait(timeout=60)
    make(source(tmp_path, 2))
    assert collected(tmp_path) == [] and Path(old.path).is_dir()
    with suppress(ProcessLookupError):
        os.kill(reader.pid or 0, how)
    reader.join(timeout=60)
    assert collected(tmp_path) == [Path(old.path).name, "parts"]


def hold_lease(root: Path, ready: Event) -> None:
    with store.lease.lease(root / "t") as number:
        (root / "t" / f".staging-{number}").mkdir()
        ready.set()
        time.sleep(600)


def test_what_another_process_stages_stays(
    tmp_path: Path, context: ForkServerContext, crew: Crew
) -> None:
    """What a living writer stages is left alone by runs and collectors; of a killed one it goes."""
    make(source(tmp_path, 1))
    ready = context.Event()
    writer = crew.start(hold_lease, tmp_path, ready)
    assert ready.wait(timeout=60)
    staged = leftovers(tmp_path)
    assert len(staged) == 2
    make(source(tmp_path, 2))
    assert collected(tmp_path) != [] and leftovers(tmp_path) == staged
    os.kill(writer.pid or 0, signal.SIGKILL)
    writer.join(timeout=60)
    make(source(tmp_path, 2))
    assert leftovers(tmp_path) == []
