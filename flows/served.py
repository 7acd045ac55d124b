"""A flow that finds its server when it is called, stops at Ctrl-C, survives the server's loss."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import httpx
from prefect import Flow
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.task_runners import ThreadPoolTaskRunner

from flows.parameters import run_name
from flows.server import ServerError, connected
from tasks.states import STOPPING, Outcome

LOST = (httpx.TransportError, PrefectHTTPStatusError, ObjectNotFound)
OUTCOME: ContextVar[list[Outcome]] = ContextVar("outcome")  # of the run that goes on; one or none


class HistoryLost(ServerError):
    """The server was lost: all that could be made is made and published, its history is not whole.

    Attributes:
        outcome: what came of each source and analysis.
    """

    def __init__(self, outcome: Outcome, reason: object) -> None:
        self.outcome, self.reason = outcome, reason
        super().__init__(
            f"the Prefect server was lost on the way ({reason}): what the run made is in the "
            "store, its history in the dashboard is incomplete"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return HistoryLost, (self.outcome, str(self.reason))


class ServedFlow(Flow[Any, Any]):
    """A flow that, when it is called, finds or starts the server that keeps the history."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs it.

        Raises:
            ServerError: there is no server.
            HistoryLost: it was lost on the way.
        """
        token = OUTCOME.set([])
        # the heart is ours (flows/vitals.py): Prefect's takes a second to stop
        beats = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
        threads = isinstance(self.task_runner, ThreadPoolTaskRunner)
        try:
            with connected(), temporary_settings(beats), _ctrl_c(threads):
                return super().__call__(*args, **kwargs)
        except LOST as error:
            outcome = OUTCOME.get()
            if not outcome:
                text = f"the Prefect server was lost before the run had ended: {error}"
                raise ServerError(text) from error
            raise HistoryLost(outcome[0], error) from error
        finally:
            OUTCOME.reset(token)

    def with_options(self, **options: Any) -> ServedFlow:
        """The same with other options; Prefect gives a plain flow here."""
        flow = super().with_options(**options)
        flow.__class__ = type(self)
        assert isinstance(flow, ServedFlow)
        return flow


def served_flow(**options: Any) -> Callable[[Callable[..., Any]], ServedFlow]:
    """As Prefect's `flow`, and it finds its server.

    Flow and function have one name: Prefect imports the one by the name of the other.
    """
    return lambda function: ServedFlow(
        function, name=function.__name__, flow_run_name=run_name, **options
    )


@contextmanager
def _ctrl_c(threads: bool) -> Iterator[None]:
    """Ctrl-C lets what is under way end, and nothing more begin; a second one is as usual.

    Where tasks run in other processes, what has not begun is dropped by their pool.
    """
    if not threads or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def stop(*_: object) -> None:
        STOPPING.set()
        signal.signal(signal.SIGINT, before)
        # no print: the signal may have come in the middle of one; it may have ended the reader too
        with suppress(OSError):
            os.write(2, b"\nCancelling: what is under way ends first, nothing more begins.\n")

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        STOPPING.clear()
