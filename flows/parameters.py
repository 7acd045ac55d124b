"""The parameters of the flows, which the form of the dashboard explains and checks; run names."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

from prefect.runtime import flow_run
from pydantic import Field

from ptm.catalog import NAME, load_catalog
from ptm.errors import CatalogError
from ptm.sample import is_sample

CatalogFile = Annotated[
    Path, Field(title="Catalog", description="The TOML file that names the sources.")
]
DataRoot = Annotated[
    Path, Field(title="Data root", description="The folder that the catalog's paths are in.")
]
ArtifactsFolder = Annotated[Path, Field(title="Artifacts", description="The store: a folder.")]
SourceName = Annotated[
    str,
    Field(title="Source", description="The name of a source in the catalog.", pattern=NAME),
]
Sources = Annotated[
    list[SourceName] | None,
    Field(
        title="Sources",
        description="The sources to make, with the analyses that read them; all where left out.",
    ),
]
Rehash = Annotated[
    bool,
    Field(title="Rehash", description="Read every byte again, whatever the files' times say."),
]


def run_name() -> str:
    """What the run is of, and the local time for which it was scheduled: book-2026-11-23-0900."""
    given = flow_run.parameters
    when: datetime = flow_run.scheduled_start_time or datetime.now().astimezone()
    return f"{_what(given)}-{when.astimezone():%Y-%m-%d-%H%M}"


def _what(given: dict[str, object]) -> str:
    sources = [given["source"]] if given.get("source") else given.get("sources")
    if isinstance(sources, list) and sources:
        return "-".join([str(source) for source in sources[:3]] + ["more"] * (len(sources) > 3))
    if "catalog" not in given:
        return str(flow_run.flow_name)
    if is_sample(Path(str(given["data"]))):
        return "sample"
    try:
        return load_catalog(str(given["catalog"])).name
    except CatalogError:  # the run itself will say what is wrong with it
        return "catalog"
