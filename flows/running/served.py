"""A flow that finds its server when it is called, stops at Ctrl-C, survives the server's loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any
from uuid import UUID

import httpx
from prefect import Flow, tags
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.flow_engine import load_flow_run, run_flow
from prefect.logging.loggers import flow_run_logger
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.task_runners import ThreadPoolTaskRunner

from flows.running import crashed_runs, ending, own
from flows.running.parameters import run_name
from flows.running.server import ServerError, connected
from tasks.outcome import Outcome

LOST = (httpx.TransportError, PrefectHTTPStatusError, ObjectNotFound)
BEGUN: ContextVar[list[UUID]] = ContextVar("begun")  # the runs that are under way
OUTCOME: ContextVar[list[Outcome]] = ContextVar("outcome")  # of the run that goes on; one or none


class HistoryLost(ServerError):
    """The server was lost: all that could be made is made and published, its history is not whole.

    Attributes:
        outcome: what came of each entry.
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
        with self._in_charge():
            return super().__call__(*args, **kwargs)

    def run(self, flow_run: UUID) -> Any:
        """Does a run that the server has in store already.

        Raises:
            as when it is called.
        """
        with self._in_charge():
            known = load_flow_run(flow_run)
            return run_flow(self, flow_run=known, error_logger=flow_run_logger(known).logger)

    @contextmanager
    def _in_charge(self) -> Iterator[None]:
        token = OUTCOME.set([])
        # the heart is ours (flows/running/progress.py): Prefect's takes a second to stop
        beats = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
        here = isinstance(self.task_runner, ThreadPoolTaskRunner)
        try:
            # tagged from its first state on, by which its signs of life are told from others'
            server = nullcontext() if own.has_begun_elsewhere() else connected()
            with server, temporary_settings(beats), ending.ctrl_c(here), tags(crashed_runs.TAG):
                crashed_runs.watch_if_possible()
                with _told_once_more():
                    yield
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


@contextmanager
def _told_once_more() -> Iterator[None]:
    """Tells that the runs which began inside have ended, unless the server was lost."""
    token = BEGUN.set([])
    try:
        yield
    except (*LOST, ServerError):
        raise
    except BaseException:
        _tell_ends()
        raise
    else:
        _tell_ends()
    finally:
        BEGUN.reset(token)


def _tell_ends() -> None:
    for run in BEGUN.get():
        crashed_runs.tell_end(run)


def served_flow(**options: Any) -> Callable[[Callable[..., Any]], ServedFlow]:
    """As Prefect's `flow`, and it finds its server.

    Flow and function have one name: Prefect imports the one by the name of the other.
    """
    own.find_their_server()
    return lambda function: ServedFlow(
        function, name=function.__name__, flow_run_name=run_name, **options
    )
