"""How a flow waits for its tasks and ends: everything is completed first, then failures count."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext, TagsContext
from prefect.exceptions import ObjectNotFound
from prefect.futures import PrefectFuture, as_completed
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL
from prefect.states import Failed
from pydantic import BaseModel

from flows import deaths, ending, fence, lost
from flows.probe import probe
from flows.runners import terms
from flows.served import BEGUN, OUTCOME, HistoryLost
from flows.settings import PATIENCE
from flows.vitals import Vitals
from ptm.content import ArtifactRef
from ptm.errors import PtmError
from ptm.store import record_run
from tasks.analyses import analyze
from tasks.dashboard import report
from tasks.states import Outcome
from tasks.terms import Terms


@contextmanager
def under_way(names: list[str], limits: Terms, catalog: str) -> Iterator[Vitals]:
    """The whole of a run, from before its first task to the end of its report.

    It gives signs of life, and heeds signals.
    """
    if context := FlowRunContext.get():
        _guard(context)
    # a task with a tag asks the server for a place among those of the tag before it begins
    untagged = TagsContext(current_tags=TagsContext.get().current_tags - {deaths.TAG})
    try:
        with untagged, ending.heeded(), Vitals(names, catalog) as vitals:
            yield vitals
    finally:
        limits.close()


def finish(
    futures: Mapping[str, PrefectFuture[Any]], artifacts: str | Path, vitals: Vitals
) -> dict[str, ArtifactRef] | State[Any]:
    """Waits for all tasks, notes and reports how they ended; what the flow returns.

    Args:
        futures: of the tasks, by the names of sources and analyses.
        artifacts: the store.
        vitals: of the run.

    Raises:
        HistoryLost: the server was lost; everything was made and published before.
    """
    outcome = _settle(futures, vitals)
    record_run(Path(artifacts), outcome.ends())
    OUTCOME.get([]).append(outcome)
    _wait_for_the_server(outcome)
    deaths.close_task_runs()
    if not outcome.cancelled:
        try:
            report(outcome, str(artifacts), vitals.catalog)
        except (httpx.TransportError, ObjectNotFound) as error:
            raise HistoryLost(outcome, error) from error
        except Exception as error:  # what was made is none the worse for it
            name = "report" if "report" not in futures else "report of the run"  # no source's name
            outcome.failed[name] = f"{name}: {type(error).__name__}: {error}"
    return outcome.result()


def refused(error: PtmError) -> State[Any]:
    """What a flow returns that cannot begin: raised, Prefect would log all the way to it too."""
    return Failed(message=str(error), data=error)


def analyze_alone(
    name: str, artifacts: Path, options: BaseModel, catalog: str
) -> dict[str, ArtifactRef] | State[Any]:
    """One analysis of what is in the store, with its tables and pictures in the dashboard."""
    limits = terms(None)
    with under_way([name], limits, catalog) as vitals:
        given = options.model_dump()
        future = analyze.submit(name, str(artifacts), None, given, terms=limits)
        return finish({name: future}, artifacts, vitals)


def _guard(context: FlowRunContext) -> None:
    """What the run tells its server is for no other program."""
    api = PREFECT_API_URL.value()
    if context.flow_run:
        BEGUN.get([]).append(context.flow_run.id)
    if api and context.flow_run:
        fence.know(api, context.flow_run.id)


def _settle(futures: Mapping[str, PrefectFuture[Any]], vitals: Vitals) -> Outcome:
    """What came of each task; each is logged as it ends."""
    logger = get_run_logger()
    names = {future.task_run_id: name for name, future in futures.items()}
    logger.info("to make or to find: %s", ", ".join(futures), extra={"ptm_total": len(futures)})
    outcome = Outcome()

    def take_in(name: str, state: State[Any]) -> None:
        said = outcome.add(name, state)
        failed = name in outcome.failed
        level = logging.ERROR if failed else logging.INFO
        logger.log(level, said, extra={"ptm_ended": name, "ptm_failed": failed})
        vitals.ended(name)

    gone = set()
    try:
        for future in as_completed(list(futures.values())):
            name = names[future.task_run_id]
            if state := lost.end_of(future):
                take_in(name, state)
            else:
                gone.add(name)
        for name in [name for name in futures if name in gone]:  # what others read comes first
            take_in(name, lost.set_right(name, futures, outcome))
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
    # a stranger does not get the password
    while problem := fence.stranger(api) or probe(api, PREFECT_API_AUTH_STRING.value()):
        waited = time.monotonic() - start
        if waited > PATIENCE:
            raise HistoryLost(outcome, f"{api}: {problem}")
        text = "all is made; waiting %.0f of %.0f s for the Prefect server (%s)"
        get_run_logger().warning(text, waited, PATIENCE, problem, extra={"ptm_waiting": True})
        time.sleep(1)
