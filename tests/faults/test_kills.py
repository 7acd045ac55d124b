"""Killed or stopped at whatever moment: the store is whole, and the next run completes."""

from __future__ import annotations

import os
import random
import signal
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from ptm import store
from tests.faults.children import (
    OPERATIONS,
    Child,
    Operation,
    Signal,
    call,
    context,
    together,
    under,
    wait_until,
)
from tests.faults.work import (
    HURT,
    MANY,
    PHASES,
    Place,
    aftermath,
    each,
    judged,
    leftovers,
    next_run,
    operations,
    survey,
    work,
)

KILLED = -signal.SIGKILL
pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]  # for thousands of faults


def moments(names: list[str]) -> list[tuple[int, str]]:
    """Every operation by number: the moment before it, and for a write also halfway through."""
    before = [(number, "before") for number in range(1, len(names) + 1)]
    return before + [(n, "halfway") for n, name in enumerate(names, 1) if name == "write"]


@each(HURT)
def test_killed_at_every_operation(varied: Place, tmp_path: Path, phase: str) -> None:
    """SIGKILL at any operation tears nothing, and the next run completes."""

    def kill(moment: tuple[int, str]) -> list[str]:
        place = varied.fresh(tmp_path, phase)
        code = Child(under, Signal(*moment), PHASES[phase].work, place).exit_code()
        wrong = [] if code == KILLED else [f"expected SIGKILL, ended with {code}"]
        return judged(place, moment, wrong + call(aftermath, place, PHASES[phase]))

    assert together(kill, moments(operations(varied, tmp_path, phase))) == []


@pytest.mark.slow
def test_every_operation_is_reached(small: Place, tmp_path: Path) -> None:
    """What is killed operation by operation uses each function that changes the disk."""
    used = {name for phase in HURT for name in operations(small, tmp_path, phase)}
    assert used == OPERATIONS.keys()


@pytest.mark.parametrize("share", [0.1, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_random_moments(
    place: Place, faults: int, share: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGKILL at random moments of all phases tears nothing, and the next run completes."""
    seed, faults = random.randrange(10**6), round(faults * share)
    chance, begin = random.Random(seed), time.monotonic()
    timings = together(lambda _: [timed(place.fresh(tmp_path))], range(4))
    last = {name: statistics.median(one[name] for one in timings) for name in PHASES}
    hits: list[str] = []

    def kill(case: tuple[str, float]) -> list[str]:
        phase, share = case
        here = place.fresh(tmp_path)
        hit = struck(here, phase, share * last[phase])
        if hit == "over":  # too late
            return judged(here, case, [])
        hits.append(hit)
        return judged(here, f"seed {seed}, {case}, {hit}", call(aftermath, here, PHASES[hit]))

    while len(hits) < faults:
        left = range(faults - len(hits))
        assert together(kill, [(chance.choice([*PHASES]), chance.random()) for _ in left]) == []
    if faults >= MANY:
        assert set(hits) == PHASES.keys()
    seconds, told = time.monotonic() - begin, dict(Counter(hits))
    with capsys.disabled():
        print(f"\nseed {seed}: {faults} kills in {seconds:.0f} s: {told}")


def timed(place: Place) -> dict[str, float]:
    """How long each phase takes, seconds."""
    reader, writer = context().Pipe(duplex=False)
    child = Child(work, place, writer)
    writer.close()
    starts = [(reader.recv(), time.monotonic()) for _ in range(len(PHASES) + 1)]
    child.result()
    ends = starts[1:]
    return {name: end - start for (name, start), (_, end) in zip(starts, ends, strict=False)}


def struck(place: Place, phase: str, seconds: float) -> str:
    """Begins the work, and kills it some seconds into a phase; the phase it really was in."""
    reader, writer = context().Pipe(duplex=False)
    child = Child(work, place, writer)
    writer.close()
    while (hit := reader.recv()) != phase:
        pass
    time.sleep(seconds)
    child.kill()
    code = child.exit_code()
    with suppress(EOFError):
        while True:
            hit = reader.recv()
    assert code == KILLED or hit == "over"
    return str(hit)


@contextmanager
def halted(place: Place, phase: str, at: int, when: str = "before") -> Iterator[None]:
    """A writer that stopped in the middle of a phase, and goes on after the body."""
    child = Child(under, Signal(at, when, signal.SIGSTOP), PHASES[phase].work, place)
    process = psutil.Process(child.pid)
    try:
        wait_until(lambda: process.status() == psutil.STATUS_STOPPED, "a writer that stops")
        yield
        process.resume()
        child.result()
    finally:
        child.kill()


def clean(place: Place) -> list[str]:
    """Sweeps and collects; what that took away, but for what is remembered, and for what a writer
    before has finished of a name that was never published, and that nobody holds now.
    """
    before = listing(place)
    shelves = [place.root / name for name in place.names]
    free = [s for s in shelves if not ((s / "current.json").exists() or list(s.glob(".hold-*")))]
    finished = {str(path) for shelf in free for path in shelf.glob("parts/*")}
    for shelf in (place.root, *shelves):
        store.sweep(shelf)
    store.gc(place.root)
    return [f"taken away: {one}" for one in sorted(before - listing(place) - finished)]


def listing(place: Place) -> set[str]:
    """All that is in a store."""
    return {str(path) for path in place.root.rglob("*") if "stat" not in path.parts}


@each(("make", "publish over"))
def test_stopped_writer_is_left_alone(small: Place, step: int, tmp_path: Path, phase: str) -> None:
    """A writer stopped anywhere keeps what it staged, holds nobody up, and makes nothing twice."""

    def stop(at: int) -> list[str]:
        place = small.fresh(tmp_path, phase)
        with halted(place, phase, at):
            wrong = call(clean, place) + call(next_run, place, PHASES[phase])
        wrong += leftovers(place.root)
        made = Counter(path.parent.parent.name for path in place.root.glob("*/*/manifest.json"))
        wrong += [] if set(made.values()) == {2 if PHASES[phase].before else 1} else [f"{made}"]
        return judged(place, at, wrong + call(aftermath, place, PHASES[phase].calm()))

    count = len(operations(small, tmp_path, phase))
    assert together(stop, range(1, count + 1, step)) == []


@each(("collect",))
def test_stopped_collector_harms_nobody(
    small: Place, step: int, tmp_path: Path, phase: str
) -> None:
    """A collector stopped anywhere takes nothing that a run has needed since, and stops none."""

    def stop(at: int) -> list[str]:
        place = small.fresh(tmp_path, phase)
        with halted(place, phase, at):
            wrong = call(next_run, place, PHASES["publish over"])
        wrong += call(survey, place, PHASES["publish over"].calm())
        return judged(place, at, wrong + call(aftermath, place, PHASES["publish over"].calm()))

    count = len(operations(small, tmp_path, phase))
    assert together(stop, range(1, count + 1, step)) == []


def test_stopped_before_the_lock(small: Place, tmp_path: Path) -> None:
    """A lease that is swept before it is locked is given up for another."""
    first = operations(small, tmp_path, "make").index("create") + 1
    place = small.fresh(tmp_path)
    with halted(place, "make", first, "after"):
        assert [lease.suffix for lease in place.root.glob("*/.lease-*")] == [""]
        assert len(call(clean, place)) == 1
    assert call(aftermath, place, PHASES["make"].calm()) == []


@dataclass(frozen=True)
class Orphan:
    """At one operation the process forks a child that sleeps, notes its ID, and kills itself."""

    at: int
    note: Path

    def __call__(self, operation: Operation) -> Any:
        if operation.number == self.at:
            forked = os.fork()
            if not forked:
                signal.pause()
            self.note.write_text(str(forked))
            os.kill(os.getpid(), signal.SIGKILL)
        return operation.run()


def is_over(process: psutil.Process) -> bool:
    """Whether a process has ended."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.mark.slow
def test_killed_with_a_forked_child_alive(small: Place, step: int, tmp_path: Path) -> None:
    """What a killed writer left is reclaimed, although a child that it forked lives on."""

    def kill(at: int) -> list[str]:
        place = small.fresh(tmp_path)
        note = place.root.parent / "forked"
        code = Child(under, Orphan(at, note), PHASES["make"].work, place).exit_code()
        forked = psutil.Process(int(note.read_text()))
        try:
            wrong = [] if code == KILLED else [f"expected SIGKILL, ended with {code}"]
            wrong += call(aftermath, place, PHASES["make"])
            wrong += [f"the forked one {forked.status()}"] if is_over(forked) else []
        finally:
            forked.kill()
        return judged(place, at, wrong)

    count = len(operations(small, tmp_path, "make"))
    assert together(kill, range(1, count + 1, step)) == []
