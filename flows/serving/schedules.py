"""When a deployment runs: a cron line or an interval, in the time zone of this computer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.context import FlowRunContext
from prefect.states import Cancelled

from flows.running.settings import time_zone
from ptm.errors import PtmError
from ptm.spans import seconds_of

Schedule = CronSchedule | IntervalSchedule
COLLECTED = {"daily": "30 3 * * *", "weekly": "30 3 * * 0", "monthly": "30 3 1 * *"}
SHOWN = 3  # times that are told beforehand


def schedule_of(cron: str | None, every: str | None) -> Schedule | None:
    """The schedule of the two options, in the local time zone; None where neither is given.

    Raises:
        PtmError: both are given, one of them is not valid or never comes, or the time zone has no
            name.
    """
    if cron is not None and every is not None:
        raise PtmError("expected --cron or --every, got both")
    if cron is None and every is None:
        return None
    zone = time_zone()
    try:
        schedule: Schedule = (
            IntervalSchedule(interval=timedelta(seconds=seconds_of(every)), timezone=zone)
            if cron is None
            else CronSchedule(cron=cron, timezone=zone)
        )
        next_times(schedule, 1)
    except Exception as error:  # those of Prefect's cron parser have no base but this
        got = every if cron is None else cron
        raise PtmError(
            "expected a cron line as '0 9 * * *' or an interval as 30s, 15m, 6h or 1d, "
            f"got '{got}' ({_first_line(error)})"
        ) from error
    return schedule


def collection(how_often: str) -> CronSchedule:
    """When the store is collected: daily, weekly (on Sunday) or monthly, at half past three.

    Raises:
        PtmError: it is none of these, or the time zone has no name.
    """
    if how_often not in COLLECTED:
        raise PtmError(f"expected one of {', '.join(COLLECTED)}, got '{how_often}'")
    return CronSchedule(cron=COLLECTED[how_often], timezone=time_zone())


def next_times(schedule: Schedule, count: int = SHOWN) -> list[datetime]:
    """The next times of a schedule, as the server finds them."""
    # of the server: a second to load, which only those who serve need
    from prefect.server.schemas import schedules as server

    kind = server.CronSchedule if isinstance(schedule, CronSchedule) else server.IntervalSchedule
    known = kind.model_validate(schedule.model_dump())
    found = asyncio.run(known.get_dates(count))
    return [when.astimezone(ZoneInfo(schedule.timezone or "UTC")) for when in found]


def shown(schedule: Schedule | None) -> str:
    """A schedule in words, with its next times."""
    if schedule is None:
        return "none; it runs on demand (give it one with --cron or --every)"
    times = ", ".join(f"{when:%Y-%m-%d %H:%M:%S}" for when in next_times(schedule))
    rule = schedule.cron if isinstance(schedule, CronSchedule) else f"every {schedule.interval}"
    return f"{rule} ({schedule.timezone})\n  next: {times}"


def catch_up() -> int:
    """Lets the run of a schedule that goes on stand for all whose times have come; how many others.

    A worker that was down, or a run that lasted, leaves several of them, of which one is enough.
    Whichever begins is the one: were it the last, it might never be its turn.
    """
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or not run.auto_scheduled or run.deployment_id is None:
        return 0
    with get_client(sync_client=True) as client:
        due = client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(
                {
                    "deployment_id": {"any_": [run.deployment_id]},
                    "state": {"type": {"any_": [StateType.SCHEDULED]}},
                    "expected_start_time": {"before_": datetime.now(UTC)},
                }
            )
        )
        # a schedule with other parameters makes something else
        missed = [
            each
            for each in due
            if each.auto_scheduled and each.id != run.id and each.parameters == run.parameters
        ]
        text = f"Missed: its time came before it could begin; the run '{run.name}' is made for it."
        for each in missed:
            client.set_flow_run_state(each.id, Cancelled(message=text), force=True)
    return len(missed)


def _first_line(error: Exception) -> str:
    """What an error says; of pydantic's the sentence that matters."""
    errors = getattr(error, "errors", None)
    text = errors()[0]["msg"] if errors else str(error)
    return text.splitlines()[0] if text else type(error).__name__
