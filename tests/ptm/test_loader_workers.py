"""Batches made in worker processes: the same as without, and nothing is left of the processes."""

from __future__ import annotations

import gc
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from ptm.errors import PtmError
from ptm.model import Artifact
from tests.support import samples
from tests.support.machine import ROOT
from tests.support.samples import plant, positions, same, splits, taken, tensors

pytestmark = [pytest.mark.usefixtures("unsynced", "apart"), pytest.mark.slow]
COUNT = 60
CUTS = (1, 7, 30, 31)


@pytest.fixture
def planted(tmp_path: Path) -> Artifact:
    """Samples in five parts, with splits."""
    return plant(tmp_path, tensors(COUNT), CUTS, splits(COUNT))


@pytest.fixture
def large(tmp_path: Path) -> Artifact:
    """Samples whose batches lie in shared memory."""
    return plant(tmp_path, tensors(COUNT, 50_000), CUTS)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """After each test no process is left; memory is shared without names, which might be left."""
    yield
    named = re.findall(r"/dev/shm/\S*", Path("/proc/self/maps").read_text())
    gc.collect()
    assert (workers(), named) == ([], [])


def workers() -> list[psutil.Process]:
    """The worker processes of this one."""
    found = []
    for one in psutil.Process().children():
        with suppress(psutil.Error):  # one that ended
            found += [one] if "ptm.loading.worker" in " ".join(one.cmdline()) else []
    return found


def wait_for(loader: Any) -> Any:
    """An iterator of the loader whose workers are ready."""
    iterator = iter(loader)
    next(iterator)
    processes = loader._processes
    end = time.monotonic() + 60
    while any(processes._starting.values()) and time.monotonic() < end:
        processes._look(0.1)
    assert not any(processes._starting.values())
    iterator.close()
    loader.load_state_dict({**loader.state_dict(), "batch": 0})
    return loader


TRANSFORMS = [None, samples.noisy, samples.with_texts, samples.transposed, samples.conjugated]


@pytest.mark.parametrize("change", TRANSFORMS)
@pytest.mark.parametrize("size", ["small", "large"])
def test_the_same_whatever_the_workers(
    request: pytest.FixtureRequest, size: str, change: Any
) -> None:
    """Batches, their order, and the random numbers in them do not depend on who makes them."""
    artifact = request.getfixturevalue("planted" if size == "small" else "large")
    count = 1 if change is samples.noisy else 2
    given = {"seed": 3, "transform_samples": change}
    here = artifact.loader("train", 7, **given)
    there = wait_for(artifact.loader("train", 7, workers=count, **given))
    for _ in range(2):
        for one, other in zip(here, there, strict=True):
            assert list(one) == list(other)
            for name, value in one.items():
                if isinstance(value, torch.Tensor):
                    assert value.dtype == other[name].dtype and torch.equal(value, other[name])
                    assert type(value) is type(other[name])
                else:
                    assert value == other[name]
    assert len(workers()) == count


def test_before_the_workers_are_there(large: Artifact) -> None:
    """The first batches do not wait for the processes to start."""
    list(large.loader("train", 7))
    start = time.monotonic()
    iterator = iter(large.loader("train", 7, workers=2))
    first = next(iterator)
    assert time.monotonic() - start < 1.0
    assert same(first, taken(tensors(COUNT, 50_000), positions(first)))


def test_resuming(large: Artifact) -> None:
    """What workers made ahead and nobody got does not count."""
    orders = [positions(batch) for batch in large.loader("train", 7, seed=2)]
    loader = wait_for(large.loader("train", 7, seed=2, workers=2))
    for stop in range(len(orders) + 1):
        assert len(list(islice(iter(loader), stop))) == stop
        state = loader.state_dict()
        again = large.loader("train", 7, seed=2)
        again.load_state_dict(state)
        assert [positions(batch) for batch in again] == orders[stop:]
        loader.load_state_dict({**state, "batch": 0})


def test_errors_of_a_transform(large: Artifact) -> None:
    """They come out as they are, with the traceback in the worker, at their place in the order."""
    loader = large.loader("train", 4, shuffle=False, transform_samples=samples.wrong, workers=2)
    wait_for(loader)
    got = list[int]()
    with pytest.raises(ValueError, match="no such sample: 17") as raised:
        for batch in loader:
            got += positions(batch)
    assert got == list(range(16))
    assert "in wrong" in str(raised.value.__cause__) and "samples.py" in str(raised.value.__cause__)


@pytest.mark.parametrize("size", ["planted", "large"])
def test_what_a_transform_may_not_do_in_a_worker(request: pytest.FixtureRequest, size: str) -> None:
    """To give what cannot be sent, and to keep memory that is used again, are told."""
    artifact, given = request.getfixturevalue(size), {"workers": 1}
    loader = artifact.loader("train", 4, transform_samples=samples.unsendable, **given)
    expected = r"^planted: expected transform_samples to give what can be pickled, .* got TypeError"
    with pytest.raises(PtmError, match=expected):
        list(loader)
    loader = artifact.loader("train", 4, transform_samples=samples.keeping, **given)
    first = next(iter(artifact.loader("train", 4)))["images"]
    with pytest.raises(PtmError, match=r"transform_samples to keep clones, in workers, got"):
        for _ in range(5):
            for batch in loader:
                assert torch.equal(batch["first"], first)


def test_a_killed_worker(large: Artifact) -> None:
    """It is told, with the signal, and is not waited for."""
    loader = wait_for(large.loader("train", 4, workers=2))
    iterator = iter(loader)
    next(iterator)
    workers()[0].send_signal(signal.SIGKILL)
    with pytest.raises(
        PtmError, match=r"^planted: .* got its end by signal 9 \(SIGKILL\), as when"
    ):
        for _ in range(3):
            list(loader)
    assert workers() == []
    assert len(list(loader)) == len(loader)  # the next epoch begins with others


def test_a_worker_that_the_system_kills_at_work(large: Artifact) -> None:
    """Also in the middle of a batch."""
    loader = large.loader("train", 4, shuffle=False, workers=2)
    wait_for(loader)
    del loader
    ends = large.loader("train", 4, shuffle=False, workers=1, transform_samples=samples.slow)
    iterator = iter(wait_for(ends))
    next(iterator)
    [worker] = workers()
    worker.send_signal(signal.SIGSTOP)
    worker.send_signal(signal.SIGKILL)
    with pytest.raises(PtmError, match="SIGKILL"):
        list(iterator)


@pytest.mark.parametrize("change", [lambda batch: batch, partial(map, lambda one: one)])
def test_what_cannot_be_sent(planted: Artifact, change: Any) -> None:
    """A function that other processes cannot import is refused with what helps."""
    loader = planted.loader("train", 4, workers=1, transform_samples=change)
    with pytest.raises(PtmError, match=r"^planted: expected transform_samples .* use workers=0"):
        next(iter(loader))


def test_batches_of_workers_outlive_them(large: Artifact) -> None:
    """What was given out stays what it is when the processes are gone."""
    loader = wait_for(large.loader("train", 7, workers=2))
    batches = list(loader)
    del loader
    gc.collect()
    assert workers() == []
    for batch in batches:
        assert same(batch, taken(tensors(COUNT, 50_000), positions(batch)))


def test_an_iteration_that_is_left(large: Artifact) -> None:
    """What was made for it is not mixed into the next epoch, time after time."""
    loader = wait_for(large.loader("train", 7, workers=2))
    for epoch in range(12):
        expected = [positions(batch) for batch in large.loader("train", 7, epoch=epoch)]
        assert [positions(batch) for batch in islice(loader, 1 + epoch % 4)] == expected[
            : 1 + epoch % 4
        ]
    assert [positions(b) for b in loader] == [
        positions(b) for b in large.loader("train", 7, epoch=12)
    ]


@pytest.mark.parametrize("change", [None, samples.transposed])
def test_iterations_that_are_kept(planted: Artifact, change: Any) -> None:
    """Those that were begun before hold nothing that the next one needs."""
    loader = wait_for(planted.loader("train", 4, workers=1, transform_samples=change))
    kept = []
    for _ in range(6):
        kept.append(iter(loader))
        next(kept[-1])
    assert len(list(loader)) == len(loader)
    with pytest.raises(PtmError, match="expected one iteration at a time"):
        next(kept[0])


SCRIPT = """
import sys, ptm, torch
def doubled(batch):
    return {{"x": batch["x"] * 2}}
{guard}
    artifact = ptm.load("planted", sys.argv[1])
    loader = artifact.loader("train", 7, workers=2{change})
    for epoch in range(100_000):
        for batch in loader:
            pass
        print(epoch, flush=True)
"""


def script(root: Path, guard: str, change: str = "") -> subprocess.Popen[str]:
    """A program that trains for a while."""
    (root / "train.py").write_text(SCRIPT.format(guard=guard, change=change))
    command = [sys.executable, str(root / "train.py"), str(root)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, env=env, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )


CHANGE = ", transform_samples=doubled"
GUARD = 'if __name__ == "__main__":'


def test_a_script_without_a_guard(large: Artifact, tmp_path: Path) -> None:
    """It trains; only where the function is its own is it told to have a guard."""
    for guard, change in (("if True:", ""), (GUARD, CHANGE)):
        process = script(tmp_path, guard, change)
        assert process.stdout
        for epoch in range(300):
            assert process.stdout.readline() == f"{epoch}\n"
        process.kill()
        process.communicate()
    _, said = script(tmp_path, "if True:", CHANGE).communicate(timeout=120)
    assert 'below `if __name__ == "__main__":`' in said.strip().split("\n")[-1]


@pytest.mark.parametrize("epochs", [1, 500], ids=["while they start", "while they work"])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signals(large: Artifact, tmp_path: Path, sent: signal.Signals, epochs: int) -> None:
    """However the program ends, its workers end at once, and say nothing."""
    process = script(tmp_path, GUARD)
    assert process.stdout
    for epoch in range(epochs):
        assert process.stdout.readline() == f"{epoch}\n"
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(sent)
    _, said = process.communicate(timeout=60)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert said.count("Traceback") == (1 if sent == signal.SIGINT else 0)


def test_a_store_that_can_only_be_read(large: Artifact, tmp_path: Path) -> None:
    """Workers need no more than to read."""
    folders = [one for one in tmp_path.rglob("*") if one.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert len(list(wait_for(large.loader("train", 7, workers=1)))) == len(range(0, COUNT, 7))
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_a_transform_is_called_in_workers(planted: Artifact) -> None:
    """Never in the process of the loader, the first batches neither."""
    found = planted.loader("train", 4, workers=2, transform_samples=samples.where_it_is_called)
    processes = {batch["process"] for batch in found}
    assert processes <= {worker.pid for worker in workers()} and os.getpid() not in processes
    [] = planted.loader("train", COUNT, drop_last=True, workers=1, transform_samples=samples.slow)


def test_an_interrupted_iteration(large: Artifact) -> None:
    """After one the next gives its own batches, whatever workers had answered meanwhile."""
    loader = wait_for(large.loader("train", 4, workers=1))
    receive = Connection.recv

    def interrupted(pipe: Connection) -> Any:
        receive(pipe)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Connection, "recv", interrupted)
        list(loader)
    expected = large.loader("train", 4, epoch=1)
    for one, other in zip(loader, expected, strict=True):
        assert same(one, other)


def test_a_fork_has_workers_of_its_own(large: Artifact) -> None:
    """A forked process that uses the loader does not take from the workers of the one before."""
    loader = wait_for(large.loader("train", 4, workers=1))
    expected = [positions(batch) for batch in large.loader("train", 4)]
    iterator = iter(loader)
    first = positions(next(iterator))
    child = os.fork()
    if not child:
        try:
            loader.load_state_dict({**loader.state_dict(), "batch": 0})
            found = [positions(batch) for batch in loader]
            loader._processes.end()
            os._exit(found != expected)
        finally:
            os._exit(2)
    assert [first, *map(positions, iterator)] == expected
    assert os.waitpid(child, 0)[1] == 0
