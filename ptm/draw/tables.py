"""Pictures of tables: histograms of columns, counts of classes, hours of days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ptm.draw.figures import BLUE, TEXT, grid, plain, put_labels, put_title

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from ptm.tables import Columns

MAX_COLUMNS = 24
MAX_DAYS = 4000  # of which a heat map can show a column each


MOST_CATEGORIES = 12
LETTERS = 16  # of a category's name


def histograms(table: pd.DataFrame | Columns) -> Figure:
    """How the values of each column are spread, of texts how often the most frequent come.

    One column is looked at after the other.

    Units come from `table.attrs["units"]`. Columns that are neither numbers nor texts are left out.
    """
    import numpy as np
    from pandas.api.types import is_numeric_dtype

    names = [name for name in table.columns if _is_countable(table[name])]
    shown = names[:MAX_COLUMNS]
    columns = max(1, min(4, len(shown)))
    rows = max(1, -(-len(shown) // columns))
    figure, all_axes = grid(rows, columns, 1.9 * columns, 1.45 * rows + 0.4)
    units = table.attrs.get("units", {})
    for axes in all_axes[len(shown) :]:
        axes.axis("off")
    for name, axes in zip(shown, all_axes, strict=False):
        column = table[name]
        if is_numeric_dtype(column):
            values = column.to_numpy(dtype=float, na_value=np.nan)
            values = values[np.isfinite(values)]
            axes.hist(values, bins=_bins(values), color=BLUE)
            axes.locator_params(axis="x", nbins=4)
        else:
            _few_bars(axes, column.value_counts()[:MOST_CATEGORIES])
        axes.grid(False)
        axes.set_yticks([])
        put_labels(axes, plain(name), plain(units.get(name, "")), "", size=8.5)
    of = f" of {len(names)}" if len(shown) < len(names) else ""
    put_title(figure, f"{len(shown)}{of} columns over {len(table):,} rows")
    return figure


def bars(counts: pd.Series, title: str, what: str) -> Figure:
    """A bar for each count [n], with its label from the index; `what` is counted."""
    shown = counts[:MAX_COLUMNS]
    figure, (axes,) = grid(1, 1, 6.4, 1.2 + 0.24 * len(shown))
    places = range(len(shown))
    axes.barh(places, shown.to_numpy(), color=BLUE)
    axes.set_yticks(places, [_short(name) for name in shown.index])
    axes.invert_yaxis()
    for place, count in zip(places, shown.to_numpy(), strict=True):
        axes.text(count, place, f" {count:,}", va="center", fontsize=8, color=TEXT)
    axes.margins(x=0.12)
    more = f", the first {len(shown)} of {len(counts)}" if len(shown) < len(counts) else ""
    put_labels(axes, plain(title) + more, what, "")
    return figure


def _few_bars(axes: Axes, counts: pd.Series) -> None:
    axes.bar(range(len(counts)), counts.to_numpy(), color=BLUE)
    axes.set_xticks(range(len(counts)), [_short(name) for name in counts.index], rotation=90)
    axes.tick_params(axis="x", labelsize=6)


def _short(name: object) -> str:
    text = str(name)
    return plain(text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…")


def _is_countable(values: pd.Series) -> bool:
    from pandas.api.types import is_numeric_dtype

    return is_numeric_dtype(values) or all(isinstance(v, (str, bool)) for v in values.head(100))


def heat_map(
    daily: NDArray[Any], weekdays: NDArray[Any], first: str, title: str, label: str
) -> Figure:
    """One value for each hour: of every day, and the mean of each weekday.

    Args:
        daily: [days, 24]; what is not finite is left blank.
        weekdays: of each day, [days], 0 for Monday.
        first: the date of the first day.
        title: of the whole.
        label: names value and unit.
    """
    import numpy as np

    title, label = plain(title), plain(label)
    week = np.full((7, 24), np.nan)
    for weekday in range(7):
        values = daily[weekdays == weekday]
        known = np.isfinite(values)
        count = np.where(known.any(0), known.sum(0), np.nan)
        week[weekday] = np.where(known, values, 0).sum(0, dtype=np.float64) / count
    step = -(-len(daily) // MAX_DAYS)
    figure, (above, below) = grid(2, 1, 7.4, 5.6)
    for axes, values, extent, name, across in (
        (above, week, (0, 24, 7, 0), "mean of each weekday", "hour of the day"),
        (below, daily[::step].T, (0, len(daily), 24, 0), "every day", f"days since {first}"),
    ):
        image = axes.imshow(values, extent=extent, aspect="auto", interpolation="nearest")
        image.set_cmap("viridis")
        axes.grid(False)
        put_labels(axes, name, across, "" if axes is above else "hour of the day")
        bar = figure.colorbar(image, ax=axes, pad=0.01)
        bar.set_label(label, fontsize=9, color=TEXT)
        bar.ax.tick_params(labelsize=8, colors=TEXT)
        bar.outline.set_visible(False)
    above.set_yticks(np.arange(7) + 0.5, ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
    above.set_xticks(range(0, 25, 3))
    below.set_yticks(range(0, 25, 6))
    put_title(figure, title)
    return figure


def _bins(values: NDArray[Any]) -> list[float]:
    """Edges: one bar for each value when few are distinct whole numbers, else 30 bars."""
    import numpy as np

    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    if high - low <= 30 and (values == np.round(values)).all():
        return [float(edge) for edge in np.arange(low - 0.5, high + 1)]
    return [float(edge) for edge in np.linspace(low, high, 31)]
