"""The fitting flow: an unknown thermometer, by every way of gradient descent of the book."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State

from flows.outcome import analyze_alone
from flows.parameters import catalog_name
from flows.served import served_flow
from ptm.analyses.temperature import Options
from ptm.content import ArtifactRef


@served_flow(description="The unit of an unknown thermometer, found by gradient descent.")
def temperature(
    catalog: Path = Path("data/catalog.toml"),
    data: Path = Path("data"),
    artifacts: Path = Path("artifacts"),
    options: Options | None = None,
) -> dict[str, ArtifactRef] | State[Any]:
    """Fits the readings of an artifact that is in the store.

    Args:
        catalog: The TOML file whose name the tables and pictures in the dashboard have.
        data: The folder that the paths in the catalog are relative to; nothing of it is read.
        artifacts: The folder of the store.
        options: Which artifact, and how it is split for validation; the book's where left out.

    Raises:
        PipelineFailed: the artifact is not there, or cannot be fitted.
    """
    return analyze_alone("temperature_fits", artifacts, options or Options(), catalog_name(catalog))
