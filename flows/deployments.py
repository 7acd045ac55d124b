"""What `ptm serve` offers: deployments of the flows, on a schedule or on demand."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
from prefect import serve as prefect_serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import runner
from prefect.runner._starter_engine import EngineCommandStarter
from prefect.types.entrypoint import EntrypointType
from tzlocal import get_localzone_name

from flows import deaths
from flows.pipeline import pipeline, source
from flows.server import ServerError, connected
from flows.temperature import temperature
from flows.wine import wine
from ptm.catalog import load_catalog
from ptm.errors import PtmError

Schedule = CronSchedule | IntervalSchedule
POLL_SECONDS = 5  # a run on demand starts within this time
ENGINE = shlex.join([sys.executable, "-P", "-m", "flows.engine"])


def serve(
    catalog: Path,
    data: Path,
    artifacts: Path,
    schedule: Schedule | None = None,
    limit: int = 1,
    say: Callable[[str], None] = print,
) -> None:
    """Serves the deployments until it is stopped; each run is a process of its own.

    Args:
        catalog: the TOML file of sources; relative paths are made absolute.
        data: the data root.
        artifacts: the store.
        schedule: of the pipeline; the others run on demand.
        limit: how many runs of one deployment may go at once; one more is cancelled.
        say: told what is served.

    Raises:
        CatalogError: the catalog is not valid.
        ServerError: there is no server.
    """
    with connected(say) as api:
        try:
            deaths.watch()
        except httpx.HTTPError as error:
            text = f"expected the server at {api} to take an automation, got {error}"
            raise ServerError(text) from error
        offered = deployments(catalog, data, artifacts, schedule, limit)
        for deployment in offered:
            say(f"  {deployment.full_name}: {deployment.description}")
        say(f"Schedule of the pipeline: {_shown(schedule)}")
        say(f"Dashboard: {api.removesuffix('/api')}/deployments")
        first = offered[1]._parameter_openapi_schema.properties["source"]["enum"][0]
        command = f"prefect deployment run source/source -p source={first}"
        say(f"Run one now: PREFECT_API_URL={api} {command}")
        say("Stop with Ctrl-C; the schedule then pauses.")
        os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "WARNING")
        # Prefect has no option for the command of a run
        starter = partial(EngineCommandStarter, command=ENGINE)
        runner.EngineCommandStarter = starter  # type: ignore[assignment,attr-defined]
        # one more of each than may go: only what is asked for can be cancelled as one too many
        most = len(offered) * (limit + 1)
        with _own_temporary_folder():
            prefect_serve(
                *offered, limit=most, query_seconds=POLL_SECONDS, print_starting_message=False
            )


@contextmanager
def _own_temporary_folder() -> Iterator[None]:
    """Prefect's files go here: else into one folder for all users, which belongs to the first."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="ptm-serve-") as own:
        tempfile.tempdir = own
        try:
            yield
        finally:
            tempfile.tempdir = before


def deployments(
    catalog: Path, data: Path, artifacts: Path, schedule: Schedule | None, limit: int
) -> list[RunnerDeployment]:
    """The deployments of all flows; forms offer the sources of the catalog by name."""
    names = list(load_catalog(catalog, data))
    places = {
        "catalog": str(catalog.resolve()),
        "data": str(data.resolve()),
        "artifacts": str(artifacts.resolve()),
    }
    store = {"artifacts": places["artifacts"]}
    offered = [
        _deployment(pipeline, places, limit, schedule),
        _deployment(source, places, limit),
        _deployment(wine, store, limit),
        _deployment(temperature, store, limit),
    ]
    # Prefect makes the schema from the code, which knows no catalog
    of_pipeline, of_source = (each._parameter_openapi_schema.properties for each in offered[:2])
    of_source["source"]["enum"] = names
    of_pipeline["sources"]["items"]["enum"] = names
    return offered


def _deployment(
    flow: Any, parameters: Mapping[str, Any], limit: int, schedule: Schedule | None = None
) -> RunnerDeployment:
    deployment: RunnerDeployment = flow.to_deployment(
        name=flow.name,
        schedules=[schedule] if schedule else None,
        parameters=dict(parameters),
        description=flow.description,
        tags=[deaths.TAG],
        version=version("ptm"),
        concurrency_limit=ConcurrencyLimitConfig(
            limit=limit, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
        ),
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    return deployment


def schedule_of(cron: str | None, every: str | None) -> Schedule | None:
    """The schedule of the two options, in the local time zone; None where neither is given.

    Raises:
        PtmError: both are given, or one of them is not valid.
    """
    if cron is not None and every is not None:
        raise PtmError("expected --cron or --every, got both")
    try:
        if cron is not None:
            return CronSchedule(cron=cron, timezone=get_localzone_name())
        if every is not None:
            return IntervalSchedule(interval=_interval(every), timezone=get_localzone_name())
    except (ValueError, OverflowError) as error:
        got = every if cron is None else cron
        raise PtmError(
            f"expected a cron line as '0 9 * * *' or an interval as 30s, 15m, 6h or 1d, got '{got}'"
        ) from error
    return None


def _interval(text: str) -> timedelta:
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}.get(text[-1:])
    interval = timedelta(**{unit: float(text[:-1])}) if unit else timedelta(seconds=float(text))
    if interval < timedelta(seconds=1):
        raise ValueError(text)
    return interval


def _shown(schedule: Schedule | None) -> str:
    if schedule is None:
        return "none; it runs on demand (give it one with --cron or --every)"
    if isinstance(schedule, CronSchedule):
        return f"{schedule.cron} ({schedule.timezone})"
    return f"every {schedule.interval}"
