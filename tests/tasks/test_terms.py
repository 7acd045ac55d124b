"""Calls on the terms of a run: lost ones are made once more, alone; none takes too long."""

from __future__ import annotations

import importlib
import re
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import State
from prefect.logging import disable_run_logger
from prefect.states import Failed

from ptm.errors import PtmError
from ptm.model import ArtifactRef
from tasks.outcome import may_pass
from tasks.terms import Terms, TimeExceeded, carry_out
from tasks.workers import WORKERS

# what a worker imports: it notes when it begins and ends, and dies as often as it is told
MAKER = """
import os, time
from pathlib import Path
from ptm.model import ArtifactRef

def make(folder, name, deaths, seconds):
    def note(what):
        with Path(folder, "log").open("a") as log:
            log.write(f"{time.monotonic()} {name} {what}\\n")
    note("begins")
    for number in range(deaths):
        death = Path(folder, f"{name}.{number}")
        if not death.exists():
            death.touch()
            time.sleep(0.5)
            note("ends")
            os.kill(os.getpid(), 9)
    time.sleep(seconds)
    note("ends")
    return ArtifactRef(name, "0", folder, "table", {}, 0, False, 0.0)
"""
Make = Callable[..., Callable[[], ArtifactRef]]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """A call that a worker makes: its name, how often it is killed, the seconds that it takes."""
    (tmp_path / "maker.py").write_text(MAKER)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delitem(sys.modules, "maker", raising=False)
    maker = importlib.import_module("maker")
    WORKERS.end_idle()

    def call(name: str, deaths: int = 0, seconds: float = 0.0) -> Any:
        return partial(maker.make, str(tmp_path), name, deaths, seconds)

    with disable_run_logger():
        yield call
    WORKERS.end_idle()
    sys.modules.pop("maker")


def terms(apart: bool = True, span: float | None = None) -> Terms:
    """The terms of a run."""
    return Terms(apart, span, str(uuid.uuid4()))


def spans(log: Path) -> dict[str, list[tuple[float, float]]]:
    """From when to when each call went on, by name."""
    found: dict[str, list[tuple[float, float]]] = {}
    begun: dict[str, float] = {}
    for line in log.read_text().splitlines():
        when, name, what = line.split()
        if what == "begins":
            begun[name] = float(when)
        else:
            found.setdefault(name, []).append((begun.pop(name), float(when)))
    return found


def test_lost_once(make: Make, tmp_path: Path) -> None:
    """Calls whose process was killed are made once more, with no other call beside them."""
    run = terms()
    calls = dict.fromkeys(("a", "b"), (1, 0.3))  # killed once
    calls |= dict.fromkeys(("c", "d", "e", "f"), (0, 1.0))
    ends: dict[str, Any] = {}

    def carry(name: str, deaths: int, seconds: float) -> None:
        with disable_run_logger():
            ends[name] = carry_out(run, name, make(name, deaths, seconds))

    threads = [threading.Thread(target=carry, args=(name, *how)) for name, how in calls.items()]
    for thread in threads[:4]:
        thread.start()
    time.sleep(1.2)
    for thread in threads[4:]:  # they come while others wait to be alone
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {name: end.name for name, end in ends.items()} == {name: name for name in calls}
    seen = spans(tmp_path / "log")
    assert {name: len(each) for name, each in seen.items()} == {
        name: 2 if name in "ab" else 1 for name in calls
    }
    assert seen["a"][0][0] < seen["c"][0][1] and seen["c"][0][0] < seen["a"][0][1]  # side by side
    for name in "ab":
        begun, ended = seen[name][1]
        others = [each for other in seen for each in seen[other] if each != (begun, ended)]
        assert all(end <= begun or start >= ended for start, end in others)
    run.close()


def test_lost_twice(make: Make) -> None:
    """A call whose process is killed twice fails by name, with the signal and the memory."""
    with pytest.raises(PtmError) as failed:
        carry_out(terms(), "a", make("a", 2))
    text = str(failed.value)
    assert text.startswith("a: expected a process that makes it, got: ")
    assert re.search(r"killed by signal 9 \(SIGKILL\), at [\d.]+ [MG]B", text), text
    for piece in ("twice", "out of memory?"):
        assert piece in text
    assert not may_pass(None, None, Failed(data=failed.value))


@pytest.mark.parametrize("apart", [True, False])
def test_timeout(make: Make, apart: bool) -> None:
    """A call that takes longer than it may is ended, wherever calls are made; others are not."""
    run = terms(apart)
    begun = time.monotonic()
    with pytest.raises(TimeExceeded, match=r"^a: expected to be made within 1 s, it was not"):
        carry_out(run, "a", make("a", seconds=60), 1)
    assert time.monotonic() - begun < 15
    end = carry_out(run, "b", make("b"), 60)
    assert isinstance(end, ArtifactRef) and end.name == "b"


def test_timeout_of_the_run(make: Make) -> None:
    """When the time of the run is over, its calls are ended, and none begins."""
    run = terms(apart=False, span=1.5)
    for _ in range(2):
        with pytest.raises(TimeExceeded, match=r"within the 1.5 s of the run") as first:
            carry_out(run, "a", make("a", seconds=60), 600)
    assert "could not" in str(first.value) and run.over()
    assert not may_pass(None, None, Failed(data=first.value))


@pytest.mark.slow
def test_the_time_of_several_calls(make: Make) -> None:
    """What several calls may take together is over for all at once, whichever is the tighter."""
    run = terms(apart=False)
    assert run.within(None) is run and run.within(60).within(None).said == "1 min"
    few = terms(span=5)
    assert few.within(6) is few and few.within(5) is few and few.within(4).said == "4 s"
    limits = run.within(8)
    assert limits.run == run.run and run.left() is None
    end = carry_out(limits, "a", make("a"))
    assert isinstance(end, ArtifactRef)
    time.sleep(3)
    begun, left = time.monotonic(), limits.left()
    assert left is not None and left < 5
    with pytest.raises(TimeExceeded, match=r"^a: expected to be made within 8 s, it was not"):
        carry_out(limits, "a", make("a", seconds=60))
    assert time.monotonic() - begun < 8 and limits.over()
    with pytest.raises(TimeExceeded, match=r"^b: expected to begin within 8 s, it could not"):
        carry_out(limits, "b", make("b"))
    run.close()


@pytest.mark.slow
def test_the_time_of_the_run_for_one_that_waits(make: Make) -> None:
    """A call that waits to be alone does not wait longer than its run may take."""
    run = terms(span=4)
    ends: list[Exception] = []

    def carry(name: str, deaths: int, seconds: float) -> None:
        with disable_run_logger():
            try:
                carry_out(run, name, make(name, deaths, seconds))
            except PtmError as error:
                ends.append(error)

    given = [("a", 0, 60.0), ("b", 1, 0.0)]
    threads = [threading.Thread(target=carry, args=each) for each in given]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [type(end) for end in ends] == [TimeExceeded] * 2


@pytest.mark.slow
def test_other_runs_are_not_waited_for(make: Make) -> None:
    """A call that is made alone is so among the calls of its own run."""
    other = threading.Thread(target=carry_out, args=(terms(), "a", make("a", seconds=5.0)))
    with disable_run_logger():
        other.start()
        begun = time.monotonic()
        end = carry_out(terms(), "b", make("b", 1))
        assert not isinstance(end, State) and other.is_alive() and time.monotonic() - begun < 5
        other.join()
