"""The main flow: every source to tensors, side by side, then the analyses that read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import allow_failure, get_run_logger
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture

from flows.groups import submitted
from flows.outcome import finish, refused, under_way
from flows.parameters import SourceName, Sources, Timeout
from flows.runners import task_runner, terms
from flows.schedules import catch_up
from flows.served import served_flow
from ptm.analyses import ANALYSES
from ptm.catalog import Source, load_catalog
from ptm.content import ArtifactRef
from ptm.errors import CatalogError
from ptm.space import shortage
from ptm.spans import seconds_of
from tasks.analyses import analyze
from tasks.tensorize import Sealed, tensorize


@served_flow(
    description="Prepares every source of a catalog, then runs the analyses that read them.",
    task_runner=task_runner("threads"),
)
def pipeline(
    catalog: Path = Path("data/catalog.toml"),
    data: Path = Path("data"),
    artifacts: Path = Path("artifacts"),
    sources: Sources = [],  # noqa: B006 - never changed
    rehash: bool = False,
    force: bool = False,
    timeout: Timeout = "",
) -> dict[str, ArtifactRef] | State[Any]:
    """Makes what is not up to date and reports it to the dashboard.

    Args:
        catalog: The TOML file that names the sources.
        data: The folder that the paths in the catalog are relative to.
        artifacts: The folder of the store.
        sources: Names of the sources to make, with the analyses that read them; all if none.
        rehash: Whether to read every byte again, whatever the times of the files say.
        force: Whether to make again what is up to date.
        timeout: What the run may take, as 90s, 10m or 2h; the rest then fails; no limit if empty.

    Raises:
        CatalogError: the catalog is not valid, or has no source of such a name.
        PipelineFailed: something failed, or took too long; all that did not depend on it was
            completed.
    """
    if missed := catch_up():
        get_run_logger().info("made for %d more times that have come meanwhile", missed)
    limits = terms(seconds_of(timeout) if timeout else None)
    try:
        known = load_catalog(catalog, data)
        chosen = [known[name] for name in sources or known]
    except CatalogError as error:
        return refused(error)
    if tight := shortage(chosen, artifacts, force=force):
        get_run_logger().warning(tight, extra={"ptm_note": True})
    names = [source.name for source in chosen]
    analyses = {name: each.source for name, each in ANALYSES.items() if each.source in names}

    def submit(source: Source) -> PrefectFuture[Any]:
        wanted = (Sealed(source), str(artifacts), rehash, force, limits)
        future: PrefectFuture[Any] = tensorize.submit(*wanted)
        return future

    with (
        under_way([*names, *analyses], limits, known.name) as vitals,
        submitted(chosen, submit) as of_sources,
    ):
        futures = dict(of_sources)
        for name, of in analyses.items():
            wanted = (name, str(artifacts), allow_failure(futures[of]), None, rehash, force, limits)
            futures[name] = analyze.submit(*wanted)
        return finish(futures, artifacts, vitals)


@served_flow(
    description="Prepares one source of a catalog on demand, then runs the analyses that read it.",
    task_runner=task_runner("threads"),
)
def source(
    source: SourceName,
    catalog: Path = Path("data/catalog.toml"),
    data: Path = Path("data"),
    artifacts: Path = Path("artifacts"),
    rehash: bool = False,
    force: bool = False,
    timeout: Timeout = "",
) -> dict[str, ArtifactRef] | State[Any]:
    """Makes one source, if it is not up to date, and the analyses that read it.

    Args:
        source: The name of the source in the catalog.
        catalog: The TOML file that names the sources.
        data: The folder that the paths in the catalog are relative to.
        artifacts: The folder of the store.
        rehash: Whether to read every byte again, whatever the times of the files say.
        force: Whether to make again what is up to date.
        timeout: What the run may take, as 90s, 10m or 2h; the rest then fails; no limit if empty.

    Raises:
        CatalogError: the catalog is not valid, or has no source of that name.
        PipelineFailed: something failed, or took too long; all that did not depend on it was
            completed.
    """
    made: dict[str, ArtifactRef] | State[Any] = pipeline.fn(
        catalog, data, artifacts, [source], rehash, force, timeout
    )
    return made
