"""A picture of an artifact, by its kind, for people who would rather look than read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ptm import plots
from ptm.content import ROWS

if TYPE_CHECKING:
    from ptm.content import Artifact


def preview(artifact: Artifact) -> bytes | None:
    """A PNG of what the tensors show; None for kinds that are better read."""
    draw = DRAWN.get(artifact.manifest["kind"])
    return draw(artifact) if draw else None


def quantity(artifact: Artifact) -> tuple[str, str]:
    """Of a time series: the last column of the file, by custom that of interest, and its unit."""
    columns = artifact.manifest["tables"][ROWS]["columns"]
    return columns[-1]["name"], columns[-1].get("unit", columns[-1]["name"])


def _images(artifact: Artifact) -> bytes:
    images = artifact.tensors["images"]
    if artifact.scaler:
        images = (artifact.scaler.invert(images) * 255).round().clamp(0, 255).byte()
    return plots.contact_sheet(images.numpy())


def _volume(artifact: Artifact) -> bytes:
    volume = artifact.tensors["volume"].numpy()
    facts = artifact.manifest["facts"]
    depth, *inside = facts["spacing_mm"]  # a lone slice may have no depth
    return plots.orthogonal_slices(volume, (depth or inside[0], *inside), facts["unit"])


def _table(artifact: Artifact) -> bytes:
    return plots.histograms(artifact.table)


def _timeseries(artifact: Artifact) -> bytes:
    import pandas as pd

    hourly = artifact.tensors["hourly"]
    column, unit = quantity(artifact)
    days = hourly[:, -1].reshape(-1, 24).numpy()
    dates = pd.to_datetime(artifact.table[artifact.manifest["options"]["date"]])
    weekdays = dates.dt.day_of_week.to_numpy()[::24]
    first = f"{dates.iloc[0]:%Y-%m-%d}"
    title = f"{artifact.name}: {column} by hour"
    return plots.heat_map(days, weekdays, first, title, f"{unit} per hour")


DRAWN: dict[str, Callable[[Artifact], bytes]] = {
    "images": _images,
    "volume": _volume,
    "table": _table,
    "timeseries": _timeseries,
}
