"""A flow of one's own: fits of an unknown thermometer, with options of its form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.client.schemas.objects import State

from flows.running.parameters import form
from flows.running.served import served_flow
from flows.running.settle import prepare_alone
from ptm.book import entry
from ptm.model import ArtifactRef

if TYPE_CHECKING:
    from pydantic import BaseModel as Form
else:
    Form = form(type(entry("temperature_fits")), "Fits")


@served_flow(description="The unit of an unknown thermometer, found by gradient descent.")
def temperature(
    catalog: Path = Path("data/catalog.toml"),
    data: Path | None = None,
    artifacts: Path = Path("artifacts"),
    options: Form | None = None,
) -> dict[str, ArtifactRef] | State[Any]:
    """Makes the catalog's entry temperature_fits from the readings that are in the store.

    Args:
        catalog: The TOML file that has the entry.
        data: The folder that the paths in the catalog are relative to; nothing of it is read.
        artifacts: The folder of the store.
        options: Other ones than the entry has; what is left out stays.

    Raises:
        PipelineFailed: the readings are not there, or cannot be fitted.
    """
    return prepare_alone("temperature_fits", catalog, data, artifacts, options)
