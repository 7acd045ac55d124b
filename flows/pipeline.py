"""The main flow: every source to tensors, side by side, then the analyses that read them."""

from __future__ import annotations

from typing import Any

from prefect import allow_failure
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.annotations import quote

from flows.outcome import ServedFlow, settle
from ptm.analyses import ANALYSES
from ptm.catalog import load_catalog
from ptm.content import ArtifactRef
from tasks.analyses import analyze
from tasks.dashboard import report
from tasks.tensorize import tensorize

WORKERS = 4  # sources at once: enough to hide the disk, few enough to stay small in memory


def run_pipeline(
    catalog: str = "data/catalog.toml",
    data: str = "data",
    artifacts: str = "artifacts",
    sources: list[str] | None = None,
    rehash: bool = False,
) -> dict[str, ArtifactRef] | State[Any]:
    """Makes what is not up to date and reports it to the dashboard.

    Args:
        catalog: the TOML file that names the sources.
        data: the folder that its paths are relative to.
        artifacts: the store.
        sources: the sources to make, with the analyses that read them; all where left out.
        rehash: read every byte again, whatever the times of the files say.

    Raises:
        PipelineFailed: something failed; all that did not depend on it was completed.
    """
    known = load_catalog(catalog, data)
    futures: dict[str, PrefectFuture[Any]] = {}
    for name in sources or known:
        # quoted: else Prefect takes equal empty options of two sources for a dependency
        source: Any = quote(known[name])
        futures[name] = tensorize.submit(source, artifacts, rehash)
    for name, analysis in ANALYSES.items():
        if analysis.source in futures:
            upstream = allow_failure(futures[analysis.source])
            futures[name] = analyze.submit(name, artifacts, upstream, rehash=rehash)
    outcome = settle(futures, artifacts)
    report(outcome, artifacts)
    return outcome.result()


pipeline = ServedFlow(
    run_pipeline,
    name="pipeline",
    description="Prepares every source of a catalog, then runs the analyses that read them.",
    task_runner=ThreadPoolTaskRunner(max_workers=WORKERS),  # type: ignore[arg-type]  # its generics
)
