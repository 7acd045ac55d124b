"""How a flow waits for its tasks and ends: everything is completed first, then failures count."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture, as_completed
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL
from prefect.states import Failed
from pydantic import BaseModel

from flows import deaths
from flows.served import OUTCOME, HistoryLost
from flows.server import probe
from flows.settings import PATIENCE
from flows.vitals import Vitals
from ptm.catalog import load_catalog
from ptm.content import ArtifactRef
from ptm.errors import CatalogError, PtmError
from ptm.store import record_run
from tasks.analyses import analyze
from tasks.dashboard import report
from tasks.states import Outcome


def finish(
    futures: Mapping[str, PrefectFuture[Any]], artifacts: str | Path, catalog: str
) -> dict[str, ArtifactRef] | State[Any]:
    """Waits for all tasks, notes and reports how they ended; what the flow returns.

    Args:
        futures: of the tasks, by the names of sources and analyses.
        artifacts: the store.
        catalog: the name of the catalog, for the dashboard.

    Raises:
        HistoryLost: the server was lost; everything was made and published before.
    """
    outcome = _settle(futures, catalog)
    record_run(Path(artifacts), outcome.ends())
    OUTCOME.get([]).append(outcome)
    _wait_for_the_server(outcome)
    deaths.close_task_runs()
    if not outcome.cancelled:
        try:
            report(outcome, str(artifacts), catalog)
        except httpx.TransportError as error:
            raise HistoryLost(outcome, error) from error
        except Exception as error:  # what was made is none the worse for it
            name = "report" if "report" not in futures else "report of the run"  # no source's name
            outcome.failed[name] = f"{name}: {type(error).__name__}: {error}"
    return outcome.result()


def refused(error: PtmError) -> State[Any]:
    """What a flow returns that cannot begin: raised, Prefect would log all the way to it too."""
    return Failed(message=str(error), data=error)


def analyze_alone(
    name: str, artifacts: Path, options: BaseModel, catalog: Path
) -> dict[str, ArtifactRef] | State[Any]:
    """One analysis of what is in the store, with its tables and pictures in the dashboard."""
    try:
        title = load_catalog(catalog).name
    except CatalogError as error:
        return refused(error)
    future = analyze.submit(name, str(artifacts), None, options.model_dump())
    return finish({name: future}, artifacts, title)


def _settle(futures: Mapping[str, PrefectFuture[Any]], catalog: str) -> Outcome:
    """What came of each task; each is logged as it ends."""
    logger = get_run_logger()
    names = {future.task_run_id: name for name, future in futures.items()}
    logger.info("to make or to find: %s", ", ".join(futures), extra={"ptm_total": len(futures)})
    outcome = Outcome()
    with Vitals(list(futures), catalog) as vitals:
        try:
            for future in as_completed(list(futures.values())):
                future.wait()  # only then does `state` hold the final one
                name = names[future.task_run_id]
                said = outcome.add(name, future.state)
                failed = name in outcome.failed
                level = logging.ERROR if failed else logging.INFO
                logger.log(level, said, extra={"ptm_ended": name, "ptm_failed": failed})
                vitals.ended(name)
        except KeyboardInterrupt:
            for name in futures.keys() - outcome.ends().keys():
                outcome.cancelled[name] = "Ctrl-C"
    return outcome.in_order(list(futures))


def _wait_for_the_server(outcome: Outcome) -> None:
    """Gives a server that was lost the time to start again.

    Raises:
        HistoryLost: it did not.
    """
    api = PREFECT_API_URL.value()
    if not api:
        return  # a temporary server inside of this process
    start = time.monotonic()
    while problem := probe(api, PREFECT_API_AUTH_STRING.value()):
        waited = time.monotonic() - start
        if waited > PATIENCE:
            raise HistoryLost(outcome, f"{api}: {problem}")
        text = "all is made; waiting %.0f of %.0f s for the Prefect server (%s)"
        get_run_logger().warning(text, waited, PATIENCE, problem, extra={"ptm_waiting": True})
        time.sleep(1)
