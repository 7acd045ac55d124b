"""Runs whose process died: the server marks them Crashed, the next run closes their task runs."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from prefect.automations import AutomationCore, EventTrigger, Posture
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter
from prefect.client.schemas.objects import State, StateType
from prefect.events import Event, RelatedResource, Resource
from prefect.events.actions import ChangeFlowRunState
from prefect.states import Crashed

from flows.running.settings import BEAT

TAG = "ptm"  # of every run
ENDED = "prefect.flow-run.ended"  # an event of ours
HEARTBEAT = "prefect.flow-run.heartbeat"  # the event, and its resource, that Prefect's have
SILENCE = timedelta(seconds=max(10, 6 * BEAT))  # after which a run is dead; Prefect allows no less
SILENT = f"{SILENCE.total_seconds():g} s"
NAME = "ptm: a run without a sign of life has crashed"
PAGE = 200  # task runs that the server gives at once


def watch() -> None:
    """Has the server mark runs as Crashed that give no sign of life; nothing where it does already.

    Without any event for six beats, two minutes, it is dead. Prefect has no other way to learn of
    it when the process and the one that started it are killed at once.
    """
    wanted = AutomationCore(
        name=NAME,
        description=f"Crashes runs with the tag {TAG} after {SILENT} of silence.",
        trigger=EventTrigger(
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={
                "prefect.resource.id": f"prefect.tag.{TAG}",
                "prefect.resource.role": "tag",
            },
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
                message=f"No sign of life for {SILENT}: its process was killed, or its "
                "computer stopped. What it had published is whole; the next run makes the rest.",
            )
        ],
    )
    with get_client(sync_client=True) as client:
        for known in client.read_automations_by_name(NAME):
            if known.trigger == wanted.trigger and known.actions == wanted.actions:
                return
            _delete(client, known.id)
        client.create_automation(wanted)


def _delete(client: SyncPrefectClient, automation: UUID) -> None:
    try:
        client.delete_automation(automation)
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.NOT_FOUND:  # another run was faster
            raise


def watch_if_possible() -> bool:
    """Whether the server watches; one that does not answer now is asked again with the next run."""
    try:
        watch()
    except httpx.HTTPError:
        return False
    return True


def tell_end(run: UUID) -> None:
    """Tells once more that a run has ended.

    A server on SQLite may lose one event where many come at once: of the two one is enough for it
    not to be taken for dead.
    """
    with suppress(httpx.HTTPError), get_client(sync_client=True) as client:
        send(client, ENDED, run, "")


def send(client: SyncPrefectClient, event: str, run: UUID, name: str) -> None:
    """Sends an event of a run by itself: `emit_event` puts it behind all that was said of tasks."""
    told = Event(
        event=event,
        resource=Resource(
            {
                "prefect.resource.id": f"prefect.flow-run.{run}",
                "prefect.resource.name": name,
            }
        ),
        related=[
            RelatedResource(
                {"prefect.resource.id": f"prefect.tag.{TAG}", "prefect.resource.role": "tag"}
            )
        ],
    )
    client.request("POST", "/events", json=[told.model_dump(mode="json")])


def close_task_runs() -> None:
    """Marks as Crashed the task runs that a dead run left unfinished.

    A server that does not answer just now is no reason to fail: the next run does it.
    """
    of_ptm = {"tags": {"all_": [TAG]}}
    dead = {"state": {"type": {"any_": [StateType.CRASHED]}}} | of_ptm
    # the last words of a run that ended just now may still be on their way
    ended = {
        "state": {"type": {"any_": [StateType.CANCELLED, StateType.FAILED, StateType.COMPLETED]}},
        "end_time": {"before_": datetime.now(UTC) - SILENCE},
    } | of_ptm
    try:
        for runs in (dead, ended):
            _close_all(runs)
    except httpx.HTTPError:
        return


def _close_all(runs: dict[str, Any]) -> None:
    """Page by page, until one is not full or has nothing new: what does not close is left."""
    seen: set[UUID] = set()
    while True:
        page = _close_some(runs)
        if len(page) < PAGE or page <= seen:
            return
        seen |= page


def _close_some(runs: dict[str, Any]) -> set[UUID]:
    """The task runs that it closed."""
    # one that waits for its next attempt is scheduled
    types = [StateType.PENDING, StateType.RUNNING, StateType.SCHEDULED]
    unfinished = {"state": {"type": {"any_": types}}}
    with get_client(sync_client=True) as client:
        left = client.read_task_runs(
            flow_run_filter=FlowRunFilter.model_validate(runs),
            task_run_filter=TaskRunFilter.model_validate(unfinished),
            limit=PAGE,
        )
        for task_run in left:
            state: State[None] = Crashed(message="its run died before it ended")
            client.set_task_run_state(task_run.id, state, force=True)
    return {task_run.id for task_run in left}
