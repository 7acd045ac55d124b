"""Tasks that a cluster lost: their worker was killed, or what they read was not made."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.futures import PrefectFuture
from prefect.states import Failed

from ptm.errors import PtmError
from tasks.outcome import Outcome, skipped

# words of a task run may still be on their way, and stand for what it was told before them
LOOKS, HOLDS, LOOK_SECONDS = 20, 3, 0.5


def end_of(future: PrefectFuture[Any]) -> State[Any] | None:
    """The final state of a task that is done; None where it was lost."""
    future.wait()  # only then does `state` hold the final one
    state = future.state
    return None if state.is_crashed() or not state.is_final() else state


def set_right(
    name: str,
    of: Sequence[str],
    futures: Mapping[str, PrefectFuture[Any]],
    outcome: Outcome,
) -> State[Any]:
    """The state that a lost task ends in, which the server is told.

    A cluster has tried it once more by then. What is of it is lost with it, and so skipped.
    """
    unmade = [other for other in of if other in futures and other not in outcome.made]
    if unmade:
        end: State[Any] = skipped(unmade[0])
    else:
        error = PtmError(
            f"{name}: expected a worker that makes it, got: {_reason(futures[name])}: "
            "out of memory?"
        )
        end = Failed(message=str(error), data=error)
    _tell(futures[name].task_run_id, name, end)
    return end


def _reason(future: PrefectFuture[Any]) -> str:
    try:
        future.result()
        kind = "unknown"
    except Exception as error:
        kind = type(error).__name__
    return f"its worker was lost each time that it was tried ({kind})"


def _tell(task_run: UUID, name: str, end: State[Any]) -> None:
    held = 0
    with get_client(sync_client=True) as client, suppress(httpx.HTTPError):
        for _ in range(LOOKS):
            with suppress(ObjectNotFound):
                known = client.read_task_run(task_run)
                held = held + 1 if (known.name, known.state_name) == (name, end.name) else 0
                if held == HOLDS:
                    return
                if not held:
                    client.set_task_run_name(task_run, name)  # it has none before it runs
                    client.set_task_run_state(task_run, end, force=True)
            time.sleep(LOOK_SECONDS)
