"""The threshold flow: one column of a table as a test for good rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State

from flows.outcome import analyze_alone
from flows.parameters import catalog_name
from flows.served import served_flow
from ptm.analyses.thresholds import Options
from ptm.content import ArtifactRef


@served_flow(description="Which threshold of which column separates good wine.")
def wine(
    catalog: Path = Path("data/catalog.toml"),
    data: Path = Path("data"),
    artifacts: Path = Path("artifacts"),
    options: Options | None = None,
) -> dict[str, ArtifactRef] | State[Any]:
    """Runs the threshold analysis on an artifact that is in the store.

    Args:
        catalog: The TOML file whose name the tables and pictures in the dashboard have.
        data: The folder that the paths in the catalog are relative to; nothing of it is read.
        artifacts: The folder of the store.
        options: Which artifact, columns, groups and threshold; the book's where left out.

    Raises:
        PipelineFailed: the artifact is not there, or cannot be analysed.
    """
    return analyze_alone("wine_threshold", artifacts, options or Options(), catalog_name(catalog))
