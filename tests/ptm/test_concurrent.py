"""Many processes on one store: one result, no error, nothing left, and nobody reads a mixture."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

import pytest

import ptm
from ptm import store
from ptm.catalog import load_catalog
from ptm.errors import ArtifactMissing
from ptm.kinds.table import Options as TableSource
from ptm.model import ArtifactRef
from ptm.prepare import tensorize
from tests.support.stores import BOOK, FAULTS, leftovers, publications

WRITERS, ROWS = 8, 2000
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


def source(number: int) -> TableSource:
    """Rows that hold nothing but a number; the key is another for each."""
    rows = ((float(number), float(-number)),) * ROWS
    return TableSource(
        name="t", root=Path(), kind="table", columns=("a", "b"), rows=rows, standardize=False
    )


def read(root: Path) -> int:
    """The number that each value of the current artifact holds; -1 where there is none."""
    try:
        loaded = ptm.load("t", root)
    except ArtifactMissing:
        return -1
    number = int(loaded.tensors["features"][0, 0])
    assert loaded.tensors["features"].tolist() == [[number, -number]] * ROWS
    assert loaded.table.to_numpy().tolist() == [[number, -number]] * ROWS
    assert loaded.manifest["options"]["rows"][0] == [number, -number]
    return number


def write_rounds(root: Path, barrier: Barrier, rounds: int) -> None:
    for number in range(1, rounds + 1):
        barrier.wait(timeout=120)
        tensorize(source(number), root)


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


@ROUNDS
def test_eight_writers_of_one_key(
    tmp_path: Path, context: ForkServerContext, crew: Crew, rounds: int
) -> None:
    """With readers, a sweeper and a collector about: the old or the new one, and one in the end."""
    tensorize(source(0), tmp_path)
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


@ROUNDS
def test_eight_writers_and_nobody_else(
    tmp_path: Path, context: ForkServerContext, crew: Crew, rounds: int
) -> None:
    """Eight runs that make one key at once leave one publication of it, without any collecting."""
    barrier = context.Barrier(WRITERS)
    crew.finish([crew.start(write_rounds, tmp_path, barrier, rounds) for _ in range(WRITERS)])
    assert len(publications(tmp_path, "t")) == rounds == len(os.listdir(tmp_path / "t" / "keys"))
    assert leftovers(tmp_path) == [] and dangling(tmp_path) == []


def run_all(data: Path, root: Path, barrier: Barrier, ends: Any) -> None:
    barrier.wait(timeout=120)
    catalog = load_catalog(BOOK, data)
    ends.put([tensorize(catalog[name], root) for name in catalog if name != "temperature_fits"])


RUNS = [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 10 if FAULTS >= 10 else 2))]


@pytest.mark.parametrize("attempt", RUNS)
def test_four_runs_at_once(
    tmp_path: Path, sample: Path, context: ForkServerContext, crew: Crew, attempt: int
) -> None:
    """Four runs of the whole catalog at once all succeed: one artifact of each, nothing left."""
    barrier, ends = context.Barrier(4), context.Queue()
    runs = [crew.start(run_all, sample, tmp_path, barrier, ends) for _ in range(4)]
    refs: list[list[ArtifactRef]] = [ends.get(timeout=300) for _ in runs]
    crew.finish(runs)
    assert len(refs[0]) == 8
    for one in zip(*refs, strict=True):
        assert len({ref.path for ref in one}) == 1
        assert publications(tmp_path, one[0].name) == {Path(one[0].path).name}
        assert sum(not ref.cached for ref in one) == 1
    assert leftovers(tmp_path) == []
    assert not [found for found in store.verify(tmp_path) if found.error]


def put_back(root: Path, stop: Event, rounds: int) -> None:
    """Now one key, now the other, as somebody who cannot decide."""
    for turn in range(15 * rounds):
        ref = tensorize(source(turn % 2), root)
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
    tensorize(source(0), tmp_path)
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


def test_what_is_loaded_stays(tmp_path: Path) -> None:
    """A loaded artifact keeps its folder; when the last reference is gone, it may go."""
    old = tensorize(source(1), tmp_path)
    loaded, again = ptm.load("t", tmp_path), ptm.load("t", tmp_path)
    tensorize(source(2), tmp_path)
    [thing] = store.gc(tmp_path, keep=1)
    assert (thing.what, thing.bytes) == (Path(old.path).name, 0)
    assert thing.stays == "it is being read"
    assert loaded.table.shape == (ROWS, 2) and float(loaded.tensors["features"][-1, 0]) == 1
    del loaded
    assert collected(tmp_path) == []
    del again
    assert collected(tmp_path) == [Path(old.path).name]
    assert not Path(old.path).exists()


def hold(root: Path, ready: Event) -> None:
    loaded = ptm.load("t", root)
    ready.set()
    time.sleep(600)
    del loaded


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_what_another_process_reads_stays(
    tmp_path: Path, context: ForkServerContext, crew: Crew, how: signal.Signals
) -> None:
    """What another process has loaded stays, until it ends, however it ends."""
    old = tensorize(source(1), tmp_path)
    ready = context.Event()
    reader = crew.start(hold, tmp_path, ready)
    assert ready.wait(timeout=60)
    tensorize(source(2), tmp_path)
    assert collected(tmp_path) == [] and Path(old.path).is_dir()
    with suppress(ProcessLookupError):
        os.kill(reader.pid or 0, how)
    reader.join(timeout=60)
    assert collected(tmp_path) == [Path(old.path).name]


def hold_lease(root: Path, ready: Event) -> None:
    with store.lease.lease(root / "t") as number:
        (root / "t" / f".staging-{number}").mkdir()
        ready.set()
        time.sleep(600)


def test_what_another_process_stages_stays(
    tmp_path: Path, context: ForkServerContext, crew: Crew
) -> None:
    """What a living writer stages is left alone by runs and collectors; of a killed one it goes."""
    tensorize(source(1), tmp_path)
    ready = context.Event()
    writer = crew.start(hold_lease, tmp_path, ready)
    assert ready.wait(timeout=60)
    staged = leftovers(tmp_path)
    assert len(staged) == 2
    tensorize(source(2), tmp_path)
    assert collected(tmp_path) != [] and leftovers(tmp_path) == staged
    os.kill(writer.pid or 0, signal.SIGKILL)
    writer.join(timeout=60)
    tensorize(source(2), tmp_path)
    assert leftovers(tmp_path) == []
