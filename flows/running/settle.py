"""How a flow waits for its tasks and ends: everything is completed first, then failures count."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext, TagsContext
from prefect.exceptions import ObjectNotFound
from prefect.futures import PrefectFuture, as_completed
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL
from prefect.states import Completed, Failed
from pydantic import BaseModel

from flows.running import crashed_runs, ending, fence, lost
from flows.running.progress import Progress
from flows.running.runners import terms
from flows.running.served import BEGUN, OUTCOME, HistoryLost
from flows.running.server.probe import probe
from flows.running.settings import PATIENCE, databases
from ptm.catalog import load_catalog, with_options
from ptm.errors import CatalogError, PtmError
from ptm.model import ArtifactRef
from ptm.source import Source
from ptm.store import record_run
from tasks.dashboard import Kinds, report
from tasks.outcome import Outcome
from tasks.prepare import Sealed, prepare
from tasks.terms import Terms


@contextmanager
def under_way(sources: Sequence[Source], limits: Terms, catalog: str) -> Iterator[Progress]:
    """The whole of a run, from before its first task to the end of its report.

    It gives signs of life, and heeds signals.
    """
    if context := FlowRunContext.get():
        _guard(context)
    # a task with a tag asks the server for a place among those of the tag before it begins
    untagged = TagsContext(current_tags=TagsContext.get().current_tags - {crashed_runs.TAG})
    try:
        with untagged, ending.heeded(), Progress(sources, catalog) as progress:
            yield progress
    finally:
        limits.close()


def finish(
    futures: Mapping[str, PrefectFuture[Any]],
    artifacts: str | Path,
    progress: Progress,
    ready: Mapping[str, ArtifactRef] = MappingProxyType({}),
) -> dict[str, ArtifactRef] | State[Any]:
    """Waits for all tasks, notes and reports how they ended; what the flow returns.

    Args:
        futures: of the tasks, by the names of the entries.
        artifacts: the store.
        progress: of the run.
        ready: entries that are up to date and have no task.

    Raises:
        HistoryLost: the server was lost; everything was made and published before.
    """
    outcome = _settle(futures, progress, ready)
    record_run(Path(artifacts), outcome.ends())
    OUTCOME.get([]).append(outcome)
    _wait_for_the_server(outcome)
    crashed_runs.close_task_runs()
    if not outcome.cancelled:
        try:
            kinds = Kinds(progress.sources[name] for name in outcome.made)
            report(outcome, str(artifacts), progress.catalog, kinds)
        except (httpx.TransportError, ObjectNotFound) as error:
            raise HistoryLost(outcome, error) from error
        except Exception as error:  # what was made is none the worse for it
            name = "report" if "report" not in futures else "report of the run"  # no source's name
            outcome.failed[name] = f"{name}: {type(error).__name__}: {error}"
    return outcome.result(progress.cancelled)


def refused(error: PtmError) -> State[Any]:
    """What a flow returns that cannot begin: raised, Prefect would log all the way to it too."""
    return Failed(message=str(error), data=error)


def prepare_alone(
    name: str, catalog: Path, data: Path | None, artifacts: Path, options: BaseModel | None = None
) -> dict[str, ArtifactRef] | State[Any]:
    """One entry of a catalog, of what is in the store, with what it shows in the dashboard.

    Args:
        name: of the entry.
        catalog, data, artifacts: where they are.
        options: those of the entry's that are to be others, for this run; None as they stand there.
    """
    limits = terms(None)
    try:
        known = load_catalog(catalog, data, databases())
        given = options.model_dump(exclude_none=True) if options else {}
        source = with_options(known[name], given)
    except CatalogError as error:
        return refused(error)
    with under_way([source], limits, known.name) as progress:
        future = prepare.submit(Sealed(source), str(artifacts), terms=limits)
        return finish({name: future}, artifacts, progress)


def _guard(context: FlowRunContext) -> None:
    """What the run tells its server is for no other program."""
    api = PREFECT_API_URL.value()
    if context.flow_run:
        BEGUN.get([]).append(context.flow_run.id)
    if api and context.flow_run:
        fence.know(api, context.flow_run.id)


def _settle(
    futures: Mapping[str, PrefectFuture[Any]],
    progress: Progress,
    ready: Mapping[str, ArtifactRef],
) -> Outcome:
    """What came of each entry; each is logged as it ends."""
    logger = get_run_logger()
    names = {future.task_run_id: name for name, future in futures.items()}
    total = len(futures) + len(ready)
    logger.info("to make or to find: %s", ", ".join(futures), extra={"ptm_total": total})
    outcome = Outcome()

    def take_in(name: str, state: State[Any]) -> None:
        said = outcome.add(name, state)
        failed = name in outcome.failed
        level = logging.ERROR if failed else logging.INFO
        logger.log(level, said, extra={"ptm_ended": name, "ptm_failed": failed})
        progress.ended(name)

    for name, ref in ready.items():
        take_in(name, Completed(name="Cached", data=ref))
    gone = set()
    try:
        for future in as_completed(list(futures.values())):
            name = names[future.task_run_id]
            if state := lost.end_of(future):
                take_in(name, state)
            else:
                gone.add(name)
        for name in [name for name in futures if name in gone]:  # what others read comes first
            of = progress.sources[name].upstream
            take_in(name, lost.set_right(name, of, futures, outcome))
    except KeyboardInterrupt:
        for name in futures.keys() - outcome.ends().keys():
            outcome.cancelled[name] = "Ctrl-C"
    return outcome.in_order(list(progress.sources))


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
