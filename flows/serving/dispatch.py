"""The runs of `ptm serve`: asked for, begun as processes of their own, ended, and told of."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas import OrchestrationResult
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import State, StateType
from prefect.client.schemas.responses import FlowRunResponse, SetStateStatus
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed, Failed, Pending, Scheduled

from flows.deployments import Offer
from flows.running.ending import END, held_back
from flows.serving.ownership import changed
from flows.serving.turns import Key, turn

END_SECONDS = 60.0  # that a run has to end properly, before it is killed
QUEUED = "Queued"


@dataclass
class Going:
    """A run that goes on.

    Attributes:
        run: as the server knew it when it began.
        key: what it makes.
        process: it.
        killed_at: when it is killed, once it was told to end; seconds of the monotonic clock.
    """

    run: FlowRunResponse
    key: Key
    process: subprocess.Popen[bytes]
    killed_at: float | None = None


class Dispatcher:
    """Begins what is asked for, and sees to it that each run ends in a state that is true.

    Args:
        client: of the server.
        offer: the deployments.
        limit: how many runs may go at once.
        say: told what people should know.
    """

    def __init__(
        self, client: SyncPrefectClient, offer: Offer, limit: int, say: Callable[[str], None]
    ) -> None:
        self._client, self._offer, self._limit, self._say = client, offer, limit, say
        self._going: dict[UUID, Going] = {}
        self._told: dict[UUID, str] = {}  # for what a run waits, as the server knows

    @property
    def names(self) -> list[str]:
        """Of the runs that go on."""
        return [going.run.name for going in self._going.values()]

    def begin_what_is_due(self) -> None:
        """Asks for work, and begins what may begin."""
        due = self._client.get_scheduled_flow_runs_for_deployments(
            list(self._offer.registered.values()), scheduled_before=datetime.now(UTC)
        )
        busy = [going.key for going in self._going.values()]
        fresh = [run for run in due if run.id not in self._going and not self._is_refused(run)]
        decided = turn(fresh, busy, self._key, self._limit)
        for instead, missed in decided.missed:
            self._miss(missed, _time(instead))
        for run in decided.begin:
            self._begin(run)
        self._told = {run: self._told[run] for run in decided.wait if run in self._told}
        for waiting in fresh:
            reason = decided.wait.get(waiting.id)
            if reason and self._told.get(waiting.id) != reason:
                self._told[waiting.id] = reason
                self._set(
                    waiting.id,
                    Scheduled(
                        name=QUEUED,
                        message=reason,
                        scheduled_time=waiting.next_scheduled_start_time,
                    ),
                )

    def look_after(self) -> None:
        """Ends what was cancelled in the dashboard, and tells the server of what has ended."""
        if self._going:
            cancelling = self._client.read_flow_runs(
                flow_run_filter=FlowRunFilter.model_validate(
                    {
                        "id": {"any_": list(self._going)},
                        "state": {"type": {"any_": [StateType.CANCELLING]}},
                    }
                )
            )
            for run in cancelling:
                self._end(self._going[run.id])
        self.reap()

    def end_all(self) -> None:
        """Tells every run that goes on to end now."""
        for going in self._going.values():
            self._end(going)

    def reap(self) -> None:
        """Kills what did not end in time, and tells the server of what has ended."""
        for id_, going in list(self._going.items()):
            if going.killed_at is not None and time.monotonic() > going.killed_at:
                going.process.kill()
            code = going.process.poll()
            if code is None:
                continue
            self._settle(going, code)  # kept where the server does not answer
            del self._going[id_]

    def _key(self, run: Any) -> Key:
        """What a run makes: a source, or the whole of its deployment."""
        flow = self._offer.flow_of(run.deployment_id) or ""
        return (flow, str(run.parameters.get("source"))) if flow == "source" else (flow,)

    def _begin(self, run: FlowRunResponse) -> None:
        flow = self._offer.flow_of(run.deployment_id)
        assert flow and run.deployment_id
        if edited := changed(self._client, run.deployment_id, flow):
            self._refuse(run, f"the deployment was changed to run something else, {edited}")
            return
        answer: OrchestrationResult[Any] = self._client.set_flow_run_state(run.id, Pending())
        if answer.status != SetStateStatus.ACCEPT:
            return  # it was cancelled meanwhile, or has to wait
        command = [sys.executable, "-P", "-m", "flows.running.engine", flow, str(run.id)]
        with held_back():  # a signal to the group would kill it as it begins
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self._going[run.id] = Going(run, self._key(run), process)
        self._told.pop(run.id, None)
        self._say(f"{datetime.now():%H:%M:%S} {' '.join(self._key(run))}: begins")

    def _is_refused(self, run: FlowRunResponse) -> bool:
        """Whether it names other places than it may; it is then told."""
        outside = list(self._offer.places.outside(run.parameters))
        if outside:
            self._refuse(run, "; ".join(outside))
        return bool(outside)

    def _refuse(self, run: FlowRunResponse, reason: str) -> None:
        self._say(f"{run.name}: refused: {reason}")
        self._set(run.id, Failed(message=f"Refused by ptm serve: {reason}"))

    def _miss(self, missed: list[FlowRunResponse], instead: str) -> None:
        times = [_time(run) for run in missed]
        more = f"{len(times)} times, from {times[0]} to {times[-1]}"
        shown = times[0] if len(times) == 1 else more
        self._say(f"Missed: {shown}; the run of {instead} is made for all of them.")
        text = f"Missed: its time came again before it could begin; that of {instead} is made."
        for run in missed:
            self._set(run.id, Cancelled(message=text))

    def _end(self, going: Going) -> None:
        if going.killed_at is None:
            going.killed_at = time.monotonic() + END_SECONDS
            going.process.send_signal(END)

    def _settle(self, going: Going, code: int) -> None:
        """Where a process ended without a word, the server is told how."""
        try:
            run = self._client.read_flow_run(going.run.id)
        except ObjectNotFound:
            return  # it was deleted
        state = run.state
        if state is None or state.is_final():
            self._say(f"{datetime.now():%H:%M:%S} {run.name}: {run.state_name}")
            return
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        if going.killed_at is not None or state.type == StateType.CANCELLING:
            self._set(going.run.id, Cancelled(message=f"Cancelled; its process {how}."))
        else:
            self._say(f"{going.run.name}: crashed: its process {how}")
            self._set(
                going.run.id,
                Crashed(
                    message=f"Its process {how}. What it had published is whole; the next run "
                    "makes the rest."
                ),
            )

    def _set(self, run: UUID, state: State[Any]) -> None:
        try:
            self._client.set_flow_run_state(run, state, force=True)
        except ObjectNotFound:
            return  # it was deleted


def _time(run: FlowRunResponse) -> str:
    """For when a run was scheduled, on the clock of this computer."""
    when = run.expected_start_time
    return f"{when.astimezone():%Y-%m-%d %H:%M:%S}" if when else "no time"
