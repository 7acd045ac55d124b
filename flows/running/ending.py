"""How a run ends before its time: by Ctrl-C, by SIGTERM, at once where it must.

A call in a thread cannot be ended, so the process ends with it. The store is whole at any moment;
what the server has of the run is set right before.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from datetime import UTC, datetime
from types import FrameType
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter
from prefect.client.schemas.objects import StateType
from prefect.context import FlowRunContext
from prefect.states import Cancelled

from tasks.outcome import STOPPING
from tasks.workers import WORKERS

CTRL_C, SIGTERM = 128 + signal.SIGINT, 128 + signal.SIGTERM  # exit codes
RUNS: list[UUID] = []  # the runs of this process that are under way; one or none
_OURS: list[Callable[..., None]] = []  # what SIGTERM does where the process is there for one run
END = signal.SIGUSR1  # ends a run of `ptm serve` now
SECONDS = 5.0  # that the server has to take in that a run was cancelled
QUIET = 0.5  # s between two looks that show nothing left: what was sent before comes in meanwhile
ENDED_BY_THIS = [StateType.PENDING, StateType.RUNNING, StateType.SCHEDULED, StateType.CRASHED]


@contextmanager
def held_back() -> Iterator[None]:
    """What ends a run waits meanwhile; in a process that is started here, until it heeds it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, END})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def ends_with_its_run(parent: int | None = None) -> Iterator[None]:
    """Inside it the process is there for one run: SIGTERM, or a second Ctrl-C, ends both.

    Args:
        parent: the process that started it for the run. As long as that lives, it is left to it to
            end the run, by `END`: a terminal and systemd send their signals to all processes of a
            service.
    """

    def at_term(*_: object) -> None:
        if parent is None or os.getppid() != parent:
            end_now("SIGTERM", SIGTERM)

    handlers: dict[int, Any] = {signal.SIGTERM: at_term}
    if parent is not None:
        handlers |= {signal.SIGINT: signal.SIG_IGN, END: lambda *_: end_now("ptm serve", 0)}
        # it waits until the run heeds it: before, and after, Prefect's own handler would take it
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, END})
    _OURS.append(at_term)
    try:
        yield
    finally:
        _OURS.pop()
        for number, handler in before.items():
            signal.signal(number, handler)


def cancel() -> None:
    """Does what Ctrl-C does, where the process is there for one run."""
    if _OURS:
        os.kill(os.getpid(), signal.SIGINT)


def end_now(reason: str, code: int) -> None:
    """Kills the worker processes, has the server mark the run Cancelled, and ends the process.

    It may be called by the handler of a signal; it does not return.

    Args:
        reason: what the server is told.
        code: the exit code.
    """
    begun = datetime.now(UTC)
    WORKERS.stop()
    _in_time(_cancel_runs, reason)
    if ray := sys.modules.get("ray"):  # else processes of its own cluster outlive this one
        _in_time(ray.shutdown)
    _in_time(_cancel_task_runs, reason, begun)
    with suppress(Exception):
        if sys.stdout.isatty():
            os.write(1, b"\x1b[?25h")  # the cursor, which a progress bar had hidden
        sys.stdout.flush()
    os._exit(code)


@contextmanager
def heeded() -> Iterator[None]:
    """Inside a flow run: SIGTERM ends it properly, where the process is there for that run."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run:
        RUNS.append(run.id)
    main = threading.current_thread() is threading.main_thread()
    if not (main and _OURS):
        yield
        return
    # once more: Prefect has put its own in this place when the run began
    before = signal.signal(signal.SIGTERM, _OURS[-1])
    mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGTERM, before)


@contextmanager
def ctrl_c(here: bool) -> Iterator[None]:
    """The first Ctrl-C lets what is under way end, and nothing more begin; the second ends all now.

    In a process that is there for the run, that is the end of it; elsewhere a KeyboardInterrupt.

    Args:
        here: whether tasks run in this process. Elsewhere what has not begun is dropped by their
            cluster, at the first KeyboardInterrupt.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def first(*_: object) -> None:
        signal.signal(signal.SIGINT, second)
        if not here:
            raise KeyboardInterrupt
        STOPPING.set()
        _say(b"\nCancelling: what is under way ends first, nothing more begins.\n")
        _say(b"Ctrl-C again ends it now.\n")

    def second(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        if _OURS:
            _say(b"\nCancelled: ending now.\n")
            end_now("Ctrl-C, twice", CTRL_C)
        WORKERS.stop()
        if callable(before):
            before(number, frame)

    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        STOPPING.clear()
        WORKERS.resume()
        RUNS.clear()


def _say(text: bytes) -> None:
    # no print: the signal may have come in the middle of one; it may have ended the reader too
    with suppress(OSError):
        os.write(2, text)


def _in_time(act: Callable[..., object], *arguments: object) -> None:
    """Waits so long for it as it may take at most."""
    # a thread with a client of its own: the main thread may be in the middle of anything
    acting = threading.Thread(target=copy_context().run, args=(act, *arguments), daemon=True)
    acting.start()
    acting.join(SECONDS)


def _cancel_runs(reason: str) -> None:
    with get_client(sync_client=True, httpx_settings={"timeout": SECONDS}) as client:
        for run in RUNS:
            state = client.read_flow_run(run).state
            if not state or not state.is_final():
                client.set_flow_run_state(run, Cancelled(message=reason), force=True)


def _cancel_task_runs(reason: str, begun: datetime) -> None:
    """Those that are not finished, and those that the end of their workers crashed since."""
    with get_client(sync_client=True, httpx_settings={"timeout": SECONDS}) as client:
        for run in RUNS:
            looks = 0  # in a row that showed none
            while looks < 2:
                left = _left(client, run, begun)
                for task_run in left:
                    client.set_task_run_state(task_run, Cancelled(message=reason), force=True)
                looks = 0 if left else looks + 1
                time.sleep(QUIET)


def _left(client: SyncPrefectClient, run: UUID, begun: datetime) -> list[UUID]:
    found = client.read_task_runs(
        flow_run_filter=FlowRunFilter.model_validate({"id": {"any_": [run]}}),
        task_run_filter=TaskRunFilter.model_validate({"state": {"type": {"any_": ENDED_BY_THIS}}}),
    )
    return [
        task_run.id
        for task_run in found
        if task_run.state
        and (task_run.state.type != StateType.CRASHED or task_run.state.timestamp >= begun)
    ]
