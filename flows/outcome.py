"""How a flow waits for its tasks and ends: everything is completed first, then failures count."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect import Flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture, as_completed
from pydantic import BaseModel

from flows.server import connected
from ptm.content import ArtifactRef
from ptm.store import record_run
from tasks.analyses import analyze
from tasks.dashboard import report
from tasks.states import Outcome


class ServedFlow(Flow[Any, Any]):
    """A flow that, when it is called, finds or starts the server that keeps the history."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with connected():
            return super().__call__(*args, **kwargs)


def settle(futures: Mapping[str, PrefectFuture[Any]], artifacts: str) -> Outcome:
    """Waits for all tasks, logging each as it ends; the store notes how, for `ptm explain`."""
    logger = get_run_logger()
    names = {future.task_run_id: name for name, future in futures.items()}
    logger.info("to make or to find: %s", ", ".join(futures), extra={"ptm_total": len(futures)})
    outcome = Outcome()
    for future in as_completed(list(futures.values())):
        future.wait()  # only then does `state` hold the final one
        name = names[future.task_run_id]
        logger.info(outcome.add(name, future.state), extra={"ptm_ended": name})
    outcome = outcome.in_order(list(futures))
    record_run(Path(artifacts), outcome.ends())
    return outcome


def analyze_alone(
    name: str, artifacts: str, options: BaseModel
) -> dict[str, ArtifactRef] | State[Any]:
    """One analysis of what is in the store, with its tables and pictures in the dashboard."""
    future = analyze.submit(name, artifacts, None, options.model_dump())
    outcome = settle({name: future}, artifacts)
    report(outcome, artifacts)
    return outcome.result()
