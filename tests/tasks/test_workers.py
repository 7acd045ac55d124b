"""Worker processes: what comes back, how they end, and what is known of one that was killed."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from ptm.errors import InputError
from tasks.worker import Traceback
from tasks.workers import WORKERS, Lost, Stopped, TimeOver, Workers
from tests.support.commands import wait_until

HOLDS = 400_000_000  # bytes
KILLED = f"import os; held = bytearray({HOLDS}); os.kill(os.getpid(), 9)"


@pytest.fixture
def workers() -> Iterator[Workers]:
    """Worker processes of a test."""
    own = Workers()
    yield own
    own.stop()
    own.end_idle()


def children() -> list[psutil.Process]:
    """The worker processes of this process."""
    return [
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and "tasks.worker" in child.cmdline()
    ]


def test_result(workers: Workers) -> None:
    """A call gives what its function returns, whatever it prints; the process is used again."""
    assert workers.call(partial(sorted, [3, 1, 2])) == [1, 2, 3]
    assert workers.call(partial(print, "printed")) is None
    pids = {workers.call(partial(os.getpid)) for _ in range(3)}
    assert len(pids) == 1 and pids != {os.getpid()}
    assert workers.call(partial(os.getppid)) == os.getpid()


def test_errors(workers: Workers) -> None:
    """What a function raises comes back as it is, with its traceback; the process lives on."""
    pid = workers.call(partial(os.getpid))
    with pytest.raises(FileNotFoundError) as missing:
        workers.call(partial(os.listdir, "/nosuch"))
    assert (missing.value.errno, missing.value.filename) == (2, "/nosuch")
    assert isinstance(missing.value.__cause__, Traceback)
    assert "No such file" in str(missing.value.__cause__)
    with pytest.raises(SystemExit):
        workers.call(partial(sys.exit, 3))
    bad = "from ptm.errors import InputError; raise InputError('a', expected='b', got='c')"
    with pytest.raises(InputError, match="a: expected b, got c"):
        workers.call(partial(exec, bad))
    assert workers.call(partial(os.getpid)) == pid


def test_what_cannot_be_pickled(workers: Workers) -> None:
    """A result or an error that cannot cross is told as an error."""
    with pytest.raises(pickle.PicklingError, match="lambda"):
        workers.call(partial(eval, "lambda: 0"))
    with pytest.raises(RuntimeError, match="Odd: words"):
        workers.call(partial(exec, "raise type('Odd', (Exception,), {})('words')"))


def test_killed(workers: Workers) -> None:
    """Of a worker that is killed the signal is known, and the most memory that it had."""
    with pytest.raises(Lost, match=r"killed by signal 9 \(SIGKILL\), at ([\d.]+) [MG]B") as lost:
        workers.call(partial(exec, KILLED))
    assert lost.value.oom
    assert str(pickle.loads(pickle.dumps(lost.value))) == lost.value.how  # it crosses processes
    size, unit = lost.value.how.removesuffix(" at most").split()[-2:]
    assert float(size) * {"MB": 1e6, "GB": 1e9}[unit] > HOLDS
    with pytest.raises(Lost, match="ended with code 3") as ended:
        workers.call(partial(os._exit, 3))
    assert not ended.value.oom
    assert workers.call(partial(abs, -1)) == 1


def test_killed_between_two_calls(workers: Workers) -> None:
    """A worker that is killed while it waits is no call lost."""
    psutil.Process(workers.call(partial(os.getpid))).kill()
    time.sleep(0.2)
    assert workers.call(partial(abs, -1)) == 1


def test_time_over(workers: Workers) -> None:
    """A call that takes too long is ended with its process, whatever it does."""
    pid = workers.call(partial(os.getpid))
    begun = time.monotonic()
    with pytest.raises(TimeOver):
        workers.call(partial(time.sleep, 60), 0.5)
    assert 0.5 <= time.monotonic() - begun < 10
    assert not psutil.pid_exists(pid)
    with pytest.raises(TimeOver):
        workers.call(partial(sum, range(10**12)), 0.5)  # it never lets go of the interpreter
    assert workers.call(partial(abs, -1), 60) == 1


def test_stopped(workers: Workers) -> None:
    """All calls are ended at once; none is begun before that is taken back."""
    ends: list[str] = []

    def wait() -> None:
        try:
            workers.call(partial(time.sleep, 60))
        except Stopped:
            ends.append("stopped")

    threads = [threading.Thread(target=wait) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(children()) == 2, 30)
    workers.stop()
    for thread in threads:
        thread.join(10)
    assert ends == ["stopped"] * 2
    with pytest.raises(Stopped):
        workers.call(partial(abs, -1))
    workers.resume()
    assert workers.call(partial(abs, -1)) == 1


def test_signals(workers: Workers) -> None:
    """SIGINT and SIGTERM, sent to a whole group of processes, do not end a call."""
    done: list[object] = []
    thread = threading.Thread(
        target=lambda: done.append(workers.call(partial(exec, "import time; time.sleep(2)")))
    )
    thread.start()
    wait_until(children, 30)
    time.sleep(0.5)
    for number in (signal.SIGINT, signal.SIGTERM):
        children()[0].send_signal(number)
    thread.join(30)
    assert done == [None]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()


def test_idle_workers_are_ended(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers without a call do not stay for ever."""
    monkeypatch.setattr("tasks.workers.IDLE_SECONDS", 0.5)
    pid = workers.call(partial(os.getpid))
    wait_until(lambda: not psutil.pid_exists(pid), 10)
    assert workers.call(partial(abs, -1)) == 1


def test_an_orphan_ends(tmp_path: Path) -> None:
    """A worker whose parent is killed ends at once, in the middle of its call."""
    code = (
        "import sys; from functools import partial; from tasks.workers import WORKERS\n"
        "pid = WORKERS.call(partial(__import__('os').getpid)); print(pid, flush=True)\n"
        "WORKERS.call(partial(__import__('time').sleep, 600))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    time.sleep(0.5)
    parent.kill()
    parent.wait()
    wait_until(lambda: not psutil.pid_exists(pid), 10)


def test_workers_know_nothing_of_prefect() -> None:
    """A worker starts without Prefect: its memory is for the work."""
    loaded = "[name for name in __import__('sys').modules if 'prefect' in name]"
    assert WORKERS.call(partial(eval, loaded)) == []
    WORKERS.end_idle()
