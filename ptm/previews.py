"""A picture of an artifact, by its kind, for people who would rather look than read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ptm import plots
from ptm.content import ROWS

if TYPE_CHECKING:
    from ptm.content import Artifact

EPOCH_WEEKDAY = 3  # of 1970-01-01, a Thursday; 0 is Monday


def preview(artifact: Artifact) -> bytes | None:
    """A PNG of what the tensors show; None for kinds that are better read."""
    draw = DRAWN.get(artifact.manifest["kind"])
    return draw(artifact) if draw else None


def quantity(artifact: Artifact) -> tuple[str, str]:
    """Of a time series: the last column of the file, by custom that of interest, and its unit."""
    columns = artifact.manifest["tables"][ROWS]["columns"]
    return columns[-1]["name"], columns[-1].get("unit", columns[-1]["name"])


def _images(artifact: Artifact) -> bytes:
    import numpy as np
    import torch

    images = artifact.tensors["images"]
    small = plots.thumbnails(images.numpy())
    if artifact.scaler:  # means of scaled pixels are scaled means of pixels
        small = artifact.scaler.invert(torch.from_numpy(small)).numpy()
    pixels = small.round().clip(0, 255).astype(np.uint8)
    names = artifact.table["file"].iloc[: len(pixels)].tolist()
    return plots.contact_sheet(pixels, names, tuple(images.shape))


def _volume(artifact: Artifact) -> bytes:
    volume = artifact.tensors["volume"].numpy()
    facts = artifact.manifest["facts"]
    depth, *inside = facts["spacing_mm"]  # a lone slice may have no depth
    return plots.orthogonal_slices(volume, (depth or inside[0], *inside), facts["unit"])


def _table(artifact: Artifact) -> bytes:
    return plots.histograms(artifact.table)


def _timeseries(artifact: Artifact) -> bytes:
    import numpy as np

    values = artifact.tensors["hourly"][:, -1].numpy()
    observed = np.ones(len(values), dtype=bool)
    if "hourly_observed" in artifact.tensors:  # what was made before it was known has none
        observed = artifact.tensors["hourly_observed"].numpy()
    options = artifact.manifest["options"]
    dates = np.array(artifact.table[options["date"]].tolist(), dtype="datetime64[D]")
    day = (dates - dates[0]).astype(np.int64)
    hour = artifact.table[options["hour"]].to_numpy()
    days = np.full((day[-1] + 1, 24), np.nan, dtype=np.float32)  # of the calendar, each of them
    days[day[observed], hour[observed]] = values[observed]
    first = int(dates[0].astype(np.int64)) + EPOCH_WEEKDAY
    column, unit = quantity(artifact)
    title = f"{artifact.name}: {column} by hour"
    weekdays = np.arange(first, first + len(days)) % 7
    return plots.heat_map(days, weekdays, str(dates[0]), title, unit)


DRAWN: dict[str, Callable[[Artifact], bytes]] = {
    "images": _images,
    "volume": _volume,
    "table": _table,
    "timeseries": _timeseries,
}
