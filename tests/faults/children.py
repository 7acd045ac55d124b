"""Children forked from a clean process, and what can befall their operations on the disk.

A fault hits a process that does nothing else, and no thread of the tests is ever forked.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from inspect import isfunction
from multiprocessing.connection import Connection, wait
from threading import Lock
from typing import Any, TypeVar

from ptm.errors import PtmError
from ptm.store import disk

T = TypeVar("T")
SECONDS = 120  # longer than any child takes
AT_ONCE = 2
_ASKING = Lock()  # multiprocessing loses exit codes when two threads ask at once
OPERATIONS = {name: function for name, function in vars(disk).items() if isfunction(function)}
SYNCS = ("sync", "push_out", "sync_folder")


@cache
def context() -> Any:
    """What starts children; the first one waits for the imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", "tests.faults.preload"])
    return context


class Child:
    """A function at work in a child.

    Args:
        function: importable by name, as are its arguments.
    """

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._answer, writer = context().Pipe(duplex=False)
        self._process = context().Process(target=_answer, args=(writer, function, arguments))
        with _ASKING:
            self._process.start()
        self.pid: int = self._process.pid
        writer.close()

    def kill(self) -> None:
        """Sends SIGKILL, if it has not ended."""
        with _ASKING:
            self._process.kill()

    def result(self) -> Any:
        """What the function returned.

        Raises:
            AssertionError: it raised something (its traceback is told), or was killed.
        """
        done, value = False, "nothing: it is still at work"
        if self._answer.poll(SECONDS):
            try:
                done, value = self._answer.recv()
            except EOFError:
                value = f"nothing: exit code {self.exit_code()}"
        if not done:
            self.kill()
        assert done, f"expected a result of a child, got {value}"
        self.exit_code()
        return value

    def exit_code(self) -> int:
        """How it ended: minus the signal if one killed it."""
        if not wait([self._process.sentinel], SECONDS):
            self.kill()
        with _ASKING:
            self._process.join()
            self._answer.close()
            return int(self._process.exitcode)


def _answer(writer: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    import torch

    torch.set_num_threads(1)  # so that what works here may fork as well
    try:
        answer = True, function(*arguments)
    except BaseException:
        answer = False, traceback.format_exc()
    writer.send(answer)


def call(function: Callable[..., T], *arguments: Any) -> T:
    """What a function returns in a child."""
    result: T = Child(function, *arguments).result()
    return result


def together(work: Callable[[Any], list[T]], cases: Iterable[Any]) -> list[T]:
    """What work on each case comes to, in one list; two cases at a time, in children of theirs."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [one for result in pool.map(work, cases) for one in result]


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Returns as soon as a condition holds."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, f"expected {what}, waited in vain"
        time.sleep(0.001)


@dataclass(frozen=True)
class Operation:
    """One call of a function of `ptm.store.disk`.

    Attributes:
        number: from 1.
        name: of the function.
        arguments: of the call.
    """

    number: int
    name: str
    arguments: tuple[Any, ...]

    def run(self) -> Any:
        """Carries it out."""
        return OPERATIONS[self.name](*self.arguments)

    def half(self) -> None:
        """Carries out half of a write, and nothing of all else."""
        if self.name == "write":
            file, data = self.arguments
            file.write(memoryview(data)[: len(data) // 2])

    @property
    def path(self) -> str:
        """Of the file or folder that it is about."""
        about = self.arguments[0]
        return str(about.name if hasattr(about, "fileno") else about)


Fault = Callable[[Operation], Any]  # runs the operation, or does something else in its place


def under(fault: Fault, work: Callable[..., T], *arguments: Any) -> T:
    """Work whose operations on the disk all go through a fault. For children only."""
    count = 0

    def replaced(name: str) -> Callable[..., Any]:
        def operation(*arguments: Any) -> Any:
            nonlocal count
            count += 1
            return fault(Operation(count, name, arguments))

        return operation

    for name in OPERATIONS:
        setattr(disk, name, replaced(name))
    return work(*arguments)


def recorded(work: Callable[..., Any], *arguments: Any) -> list[str]:
    """The names of the operations that undisturbed work consists of."""
    names: list[str] = []

    def fault(operation: Operation) -> Any:
        names.append(operation.name)
        return operation.run()

    under(fault, work, *arguments)
    return names


@dataclass(frozen=True)
class Signal:
    """The process gets a signal at one operation: before it, halfway through it, or after it."""

    at: int
    when: str = "before"
    signal: signal.Signals = signal.SIGKILL

    def __call__(self, operation: Operation) -> Any:
        result = None
        if operation.number == self.at and self.when == "halfway":
            operation.half()
        if operation.number != self.at or self.when == "after":
            result = operation.run()
        if operation.number == self.at:
            os.kill(os.getpid(), self.signal)
            if self.when != "after":  # it was stopped, and goes on
                result = operation.run()
        return result


@dataclass(frozen=True)
class Fail:
    """Operations fail: those with a number from `first` to `last` and one of the names."""

    first: int
    last: int
    error: int = errno.EIO
    names: tuple[str, ...] = tuple(OPERATIONS)

    def __call__(self, operation: Operation) -> Any:
        if not self.first <= operation.number <= self.last or operation.name not in self.names:
            return operation.run()
        operation.half()
        file = None if operation.name in ("write", *SYNCS) else operation.path
        raise OSError(self.error, os.strerror(self.error), file)


def attempt(fault: Fault, work: Callable[..., Any], *arguments: Any) -> Exception | None:
    """The error that work under a fault ended with, of those that it may end with."""
    try:
        under(fault, work, *arguments)
    except (PtmError, OSError) as error:
        return error
    return None
