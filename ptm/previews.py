"""A picture of an artifact, by its kind, for people who would rather look than read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ptm import plots

if TYPE_CHECKING:
    from ptm.content import Artifact


def preview(artifact: Artifact) -> bytes | None:
    """A PNG of what the tensors show; None for kinds that are better read."""
    draw = DRAWN.get(artifact.manifest["kind"])
    return draw(artifact) if draw else None


def _images(artifact: Artifact) -> bytes:
    images = artifact.tensors["images"]
    if artifact.scaler:
        images = (artifact.scaler.invert(images) * 255).round().clamp(0, 255).byte()
    return plots.contact_sheet(images.numpy())


def _volume(artifact: Artifact) -> bytes:
    volume = artifact.tensors["volume"].numpy()
    return plots.orthogonal_slices(volume, artifact.manifest["facts"]["spacing_mm"])


def _table(artifact: Artifact) -> bytes:
    return plots.histograms(artifact.table)


def _timeseries(artifact: Artifact) -> bytes:
    """The last column of the file, which by custom is the quantity of interest."""
    import pandas as pd

    hourly = artifact.tensors["hourly"]
    column = artifact.manifest["facts"]["channels"][hourly.shape[1] - 1]
    unit = artifact.table.attrs["units"].get(column, column)
    days = hourly[:, -1].reshape(-1, 24).numpy()
    dates = pd.to_datetime(artifact.table[artifact.manifest["options"]["date"]])
    weekdays = dates.dt.day_of_week.to_numpy()[::24]
    return plots.heat_map(days, weekdays, f"{artifact.name}: {column} by hour", f"{unit} per hour")


DRAWN: dict[str, Callable[[Artifact], bytes]] = {
    "images": _images,
    "volume": _volume,
    "table": _table,
    "timeseries": _timeseries,
}
