"""The main flow: every entry of a catalog, side by side, each behind those that it is of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from prefect import allow_failure, get_run_logger
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture

from flows.running.drivers import drivers
from flows.running.groups import submitted
from flows.running.parameters import SourceName, Sources, Timeout
from flows.running.runners import task_runner, terms
from flows.running.served import served_flow
from flows.running.settings import databases
from flows.running.settle import finish, refused, under_way
from flows.serving.schedules import catch_up
from ptm.catalog import load_catalog
from ptm.errors import CatalogError
from ptm.model import ArtifactRef
from ptm.prepare import found
from ptm.source import Source
from ptm.space import shortage
from ptm.spans import seconds_of


@served_flow(
    description="Prepares every entry of a catalog: sources, then the analyses of them.",
    task_runner=task_runner("threads"),
)
def pipeline(
    catalog: Path = Path("data/catalog.toml"),
    data: Path | None = None,
    artifacts: Path = Path("artifacts"),
    sources: Sources = [],  # noqa: B006 - never changed
    rehash: bool = False,
    force: bool = False,
    timeout: Timeout = "",
) -> dict[str, ArtifactRef] | State[Any]:
    """Makes what is not up to date and reports it to the dashboard.

    Args:
        catalog: The TOML file that names the sources.
        data: The folder that the paths in the catalog are relative to; as the catalog says if none.
        artifacts: The folder of the store.
        sources: Names of the entries to make, with all that they are of; every entry if none.
        rehash: Whether to read every byte again, whatever the times of the files say.
        force: Whether to make the named ones again even if they are up to date.
        timeout: What the run may take, as 90s, 10m or 2h; the rest then fails; no limit if empty.

    Raises:
        CatalogError: the catalog is not valid, or has no entry of such a name.
        PipelineFailed: something failed, or took too long; all that did not depend on it was
            completed.
    """
    if missed := catch_up():
        get_run_logger().info("made for %d more times that have come meanwhile", missed)
    limits = terms(seconds_of(timeout) if timeout else None)
    try:
        known = load_catalog(catalog, data, databases())
        chosen = known.needed(sources or known)
    except CatalogError as error:
        return refused(error)
    forced = list(sources or known) if force else []
    if tight := shortage(chosen, artifacts, force=forced):
        get_run_logger().warning(tight, extra={"ptm_note": True})

    with under_way(chosen, limits, known.name) as progress, drivers(limits, progress) as drive:

        def submit(source: Source, before: Mapping[str, Any]) -> PrefectFuture[Any]:
            upstream = [allow_failure(before[name]) for name in source.upstream]
            again = rehash, source.name in forced
            return drive.submit(source, artifacts, upstream, *again)

        look = None if rehash or force else partial(found, artifacts=artifacts)
        with submitted(chosen, submit, look) as (futures, ready):
            return finish(futures, artifacts, progress, ready)


@served_flow(
    description="Prepares one entry of a catalog on demand, and all that it is of.",
    task_runner=task_runner("threads"),
)
def source(
    source: SourceName,
    catalog: Path = Path("data/catalog.toml"),
    data: Path | None = None,
    artifacts: Path = Path("artifacts"),
    rehash: bool = False,
    force: bool = False,
    timeout: Timeout = "",
) -> dict[str, ArtifactRef] | State[Any]:
    """Makes one entry, if it is not up to date, and all that it is of.

    Args:
        source: The name of the entry in the catalog.
        catalog: The TOML file that names the sources.
        data: The folder that the paths in the catalog are relative to; as the catalog says if none.
        artifacts: The folder of the store.
        rehash: Whether to read every byte again, whatever the times of the files say.
        force: Whether to make it again even if it is up to date.
        timeout: What the run may take, as 90s, 10m or 2h; the rest then fails; no limit if empty.

    Raises:
        CatalogError: the catalog is not valid, or has no entry of that name.
        PipelineFailed: something failed, or took too long; all that did not depend on it was
            completed.
    """
    made: dict[str, ArtifactRef] | State[Any] = pipeline.fn(
        catalog, data, artifacts, [source], rehash, force, timeout
    )
    return made
