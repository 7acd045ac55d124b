"""Pictures: arrays and tables in, figures of Matplotlib out.

Each stands on a figure of its own and never goes through pyplot, so tasks may draw at the same
time. `to_png` makes bytes of one: the same figure gives the same bytes, without time or version,
under PNG_LIMIT, so that a picture fits into an artifact of the dashboard.
"""

from ptm.draw.curves import fitted_lines, group_means, loss_curves, readings, roc_curves
from ptm.draw.distributions import distributions
from ptm.draw.figures import PNG_LIMIT, grid, small_png, to_png
from ptm.draw.images import (
    HOUNSFIELD,
    contact_sheet,
    orthogonal_slices,
    shades,
    thumbnails,
)
from ptm.draw.tables import bars, heat_map, histograms

__all__ = [
    "HOUNSFIELD",
    "PNG_LIMIT",
    "bars",
    "contact_sheet",
    "distributions",
    "fitted_lines",
    "grid",
    "group_means",
    "heat_map",
    "histograms",
    "loss_curves",
    "orthogonal_slices",
    "readings",
    "roc_curves",
    "shades",
    "small_png",
    "thumbnails",
    "to_png",
]
