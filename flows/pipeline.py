"""The main flow: every source to tensors, side by side, then the analyses that read them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prefect import allow_failure
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.utilities.annotations import quote

from flows.outcome import finish
from flows.parameters import (
    ArtifactsFolder,
    CatalogFile,
    DataRoot,
    Rehash,
    SourceName,
    Sources,
)
from flows.runners import expect_a_server, task_runner
from flows.served import served_flow
from ptm.analyses import ANALYSES
from ptm.catalog import load_catalog
from ptm.content import ArtifactRef
from tasks.analyses import analyze
from tasks.tensorize import tensorize


@served_flow(
    description="Prepares every source of a catalog, then runs the analyses that read them.",
    task_runner=task_runner("threads"),
)
def pipeline(
    catalog: CatalogFile = Path("data/catalog.toml"),
    data: DataRoot = Path("data"),
    artifacts: ArtifactsFolder = Path("artifacts"),
    sources: Sources = None,
    rehash: Rehash = False,
) -> dict[str, ArtifactRef] | State[Any]:
    """Makes what is not up to date and reports it to the dashboard.

    Args:
        catalog: the TOML file that names the sources.
        data: the folder that its paths are relative to.
        artifacts: the store.
        sources: the sources to make, with the analyses that read them; all where left out.
        rehash: read every byte again, whatever the times of the files say.

    Raises:
        CatalogError: the catalog is not valid, or has no source of such a name.
        PipelineFailed: something failed; all that did not depend on it was completed.
    """
    expect_a_server()
    known = load_catalog(catalog, data)
    futures: dict[str, PrefectFuture[Any]] = {}
    chosen: Iterable[str] = sources or known
    for source in [known[name] for name in chosen]:
        # quoted: else Prefect takes equal empty options of two sources for a dependency
        quoted: Any = quote(source)
        futures[source.name] = tensorize.submit(quoted, str(artifacts), rehash)
    for name, analysis in ANALYSES.items():
        if analysis.source in futures:
            upstream = allow_failure(futures[analysis.source])
            futures[name] = analyze.submit(name, str(artifacts), upstream, rehash=rehash)
    return finish(futures, artifacts)


@served_flow(
    description="Prepares one source of a catalog on demand, then runs the analyses that read it.",
    task_runner=task_runner("threads"),
)
def source(
    source: SourceName,
    catalog: CatalogFile = Path("data/catalog.toml"),
    data: DataRoot = Path("data"),
    artifacts: ArtifactsFolder = Path("artifacts"),
    rehash: Rehash = False,
) -> dict[str, ArtifactRef] | State[Any]:
    """Makes one source, if it is not up to date, and the analyses that read it.

    Args:
        source: its name in the catalog.
        catalog: the TOML file that names the sources.
        data: the folder that its paths are relative to.
        artifacts: the store.
        rehash: read every byte again, whatever the times of the files say.

    Raises:
        CatalogError: the catalog is not valid, or has no source of that name.
        PipelineFailed: something failed; all that did not depend on it was completed.
    """
    made: dict[str, ArtifactRef] | State[Any] = pipeline.fn(
        catalog, data, artifacts, [source], rehash
    )
    return made
