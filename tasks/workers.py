"""Calls in worker processes: they can be ended, and what the system kills takes nothing with it.

A worker is a child of this process and makes one call at a time (`tasks/worker.py`). Only this
process decides when it ends: SIGINT and SIGTERM, which terminals and service managers send to whole
groups, do not reach it.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from typing import Any

from ptm.shown import readable_size
from tasks.worker import Traceback

IDLE_SECONDS = 30.0  # after which workers without a call are ended: they hold memory


class Lost(Exception):
    """A worker process ended in the middle of a call.

    Attributes:
        how: by which signal or code, and the most memory that it had.
        oom: whether it may be the system that ended it for want of memory.
    """

    def __init__(self, how: str, oom: bool) -> None:
        self.how, self.oom = how, oom
        super().__init__(how, oom)  # so it can be pickled, as the cause of an error

    def __str__(self) -> str:
        return self.how


class TimeOver(Exception):
    """A call took longer than it may; it was ended."""


class Stopped(Exception):
    """A call was ended, since all of them were."""


class Workers:
    """Worker processes: each is started when it is needed, and used again."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._stopped = threading.Event()
        self._timer: threading.Timer | None = None

    def call(self, call: Callable[[], Any], seconds: float | None = None) -> Any:
        """Makes a call in a worker process.

        Args:
            call: can be pickled.
            seconds: which it may take.

        Returns:
            What the function returns; what it raises is raised.

        Raises:
            Lost: the process ended before the call did.
            TimeOver: the call took too long.
            Stopped: `stop` was called.
        """
        with self._one() as worker:
            try:
                worked, came = worker.call(call, seconds)
            except Lost as error:
                if self._stopped.is_set():
                    raise Stopped from error
                raise
        if worked:
            return came
        raised, lines = came
        raise raised from Traceback(lines)

    def end_idle(self) -> None:
        """Ends the processes that make no call."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.end()

    def stop(self) -> None:
        """Ends all processes now, in the middle of their calls; no call is begun until `resume`.

        It takes no lock: it may be called by a handler of a signal.
        """
        self._stopped.set()
        for worker in [*self._busy, *self._idle]:
            worker.kill()

    def resume(self) -> None:
        """Calls may be made again."""
        self._stopped.clear()

    @contextlib.contextmanager
    def _one(self) -> Iterator[_Worker]:
        """A worker for one call; it is kept if it lives on."""
        with self._lock:
            while self._idle and self._idle[-1].gone():
                self._idle.pop()
            worker = self._idle.pop() if self._idle else _Worker()
            self._busy.add(worker)
        try:
            if self._stopped.is_set():
                raise Stopped
            yield worker
        finally:
            with self._lock:
                self._busy.discard(worker)
                if worker.lives:
                    self._idle.append(worker)
                    self._end_idle_later()

    def _end_idle_later(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = threading.Timer(IDLE_SECONDS, self.end_idle)
        self._timer.daemon = True
        self._timer.start()


WORKERS = Workers()  # of this process


class _Worker:
    """One worker process.

    Attributes:
        lives: whether it can take a call.
    """

    def __init__(self) -> None:
        self._pipe, theirs = Pipe()
        self.lives = True
        self._peak = _kib(resource.RUSAGE_SELF)
        with theirs, _held_back(signal.SIGINT, signal.SIGTERM):
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tasks.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    def call(self, call: Callable[[], Any], seconds: float | None) -> tuple[bool, Any]:
        """Whether a call worked, and what came of it; see `Workers.call`."""
        try:
            self._pipe.send(call)
            if self._pipe.poll(seconds):
                answer: tuple[bool, Any] = self._pipe.recv()
                return answer
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            raise self._lost() from error
        self.end()
        raise TimeOver

    def gone(self) -> bool:
        """Whether the process ended between two calls."""
        if self._process.poll() is not None:
            self.end()
        return not self.lives

    def kill(self) -> None:
        """Kills the process; whoever waits for its answer notices."""
        if self.lives:
            self._process.kill()

    def end(self) -> None:
        """Kills the process, and waits until it is gone."""
        self.kill()
        self._process.wait()
        self.lives = False
        self._pipe.close()

    def _lost(self) -> Lost:
        """How the process ended."""
        with contextlib.suppress(ChildProcessError):  # somebody else waited for it
            _, status, usage = os.wait4(self._process.pid, 0)
            code = self._process.returncode = os.waitstatus_to_exitcode(status)
        self.lives = False
        self._pipe.close()
        if self._process.returncode is None:
            return Lost("its process ended", oom=False)
        # what this process held when it started the other one counts for that, too
        peak = readable_size(usage.ru_maxrss * 1024)
        held = f"at {peak}" if usage.ru_maxrss > self._peak else f"at {peak} at most"
        if code >= 0:
            return Lost(f"its process ended with code {code}, {held}", oom=False)
        name = next((f" ({each.name})" for each in signal.Signals if each == -code), "")
        oom = -code == signal.SIGKILL
        return Lost(f"its process was killed by signal {-code}{name}, {held}", oom)


def _kib(whose: int) -> int:
    """The most memory that was held, in KiB."""
    return resource.getrusage(whose).ru_maxrss


@contextlib.contextmanager
def _held_back(*signals: int) -> Iterator[None]:
    """What is started inside never gets these signals; this thread gets them later."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
