"""Runs whose process died: the server marks them Crashed, the next run closes their task runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
from prefect.automations import Automation, EventTrigger, Posture
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter
from prefect.client.schemas.objects import State, StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.states import Crashed

from flows.vitals import BEAT_SECONDS, HEARTBEAT

FLOWS = ["pipeline", "source", "wine", "temperature"]
SILENCE = timedelta(seconds=6 * BEAT_SECONDS)  # after which a run counts as dead
NAME = "ptm: a run without a sign of life has crashed"


def watch() -> None:
    """Has the server mark runs as Crashed that give no sign of life; nothing where it does already.

    A run beats every 20 s; without any event for two minutes it is dead. Prefect has no other way
    to learn of it when the process and the one that started it are killed at once.
    """
    wanted = Automation(
        name=NAME,
        description=f"Crashes runs of {', '.join(FLOWS)} after {SILENCE.seconds} s of silence.",
        trigger=EventTrigger(
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={"prefect.resource.role": "flow", "prefect.resource.name": FLOWS},
            for_each={"prefect.resource.id"},
            after={"prefect.flow-run.Pending", "prefect.flow-run.Running", HEARTBEAT},
            expect={"prefect.flow-run.*"},
            posture=Posture.Proactive,
            threshold=1,
            within=SILENCE,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                name="Crashed",
                message=f"No sign of life for {SILENCE.seconds} s: its process was killed, or its "
                "computer stopped. What it had published is whole; the next run makes the rest.",
            )
        ],
    )
    with get_client(sync_client=True) as client:
        for known in client.read_automations_by_name(NAME):
            if known.trigger == wanted.trigger and known.actions == wanted.actions:
                return
            client.delete_automation(known.id)
    wanted.create()


def close_task_runs() -> int:
    """Marks as Crashed the task runs that a dead run left unfinished; how many."""
    dead = {"state": {"type": {"any_": [StateType.CRASHED]}}}
    # the last words of a run that ended just now may still be on their way
    ended = {
        "state": {"type": {"any_": [StateType.CANCELLED, StateType.FAILED, StateType.COMPLETED]}},
        "end_time": {"before_": datetime.now(UTC) - SILENCE},
    }
    unfinished = {"state": {"type": {"any_": [StateType.PENDING, StateType.RUNNING]}}}
    closed = 0
    with get_client(sync_client=True) as client:
        for runs in (dead, ended):
            left = client.read_task_runs(
                flow_run_filter=FlowRunFilter.model_validate(runs),
                task_run_filter=TaskRunFilter.model_validate(unfinished),
            )
            for task_run in left:
                state: State[None] = Crashed(message="its run died before it ended")
                client.set_task_run_state(task_run.id, state, force=True)
            closed += len(left)
    return closed


def try_to_close_task_runs() -> None:
    """The same; a server that does not answer just now is no reason to fail."""
    try:
        close_task_runs()
    except httpx.HTTPError:
        return
