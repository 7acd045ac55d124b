"""A picture of how numbers are spread in each split."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptm.draw.figures import SERIES, grid, plain, put_labels, put_title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ptm.histogram import Histogram
    from ptm.profile import BySplit

MOST = 24  # columns of one picture
BARS = 40
LEAST, LARGEST = 0.01, 0.99  # quantiles of all: what is beyond them would hide the rest


def distributions(by_split: BySplit) -> Figure:
    """The share of the samples of each split along the numbers of each column and channel."""
    import numpy as np

    found: dict[tuple[str, str], dict[str, Histogram]] = {}
    for split, profiles in by_split.items():
        for of, columns in profiles.items():
            for name, one in columns.items():
                if one.histogram is not None and len(one.histogram.codes):
                    found.setdefault((of, name), {})[split] = one.histogram
    shown = list(found.items())[:MOST]
    across = max(1, min(4, len(shown)))
    down = max(1, -(-len(shown) // across))
    figure, all_axes = grid(down, across, 1.9 * across + 0.6, 1.45 * down + 0.4)
    for axes in all_axes[len(shown) :]:
        axes.axis("off")
    splits = [split for split, profiles in by_split.items() if profiles]
    for ((of, name), histograms), axes in zip(shown, all_axes, strict=False):
        edges = _edges(list(histograms.values()))
        for split, histogram in histograms.items():
            colour = SERIES[splits.index(split) % len(SERIES)]
            axes.stairs(_shares(histogram, edges), edges, color=colour, label=split, linewidth=1.2)
        axes.locator_params(axis="x", nbins=4)
        axes.grid(False)
        axes.set_yticks([])
        put_labels(axes, plain(f"{of}: {name}" if of else name), "", "", size=8.5)
    if len(splits) > 1:
        handles, names = all_axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside right upper", fontsize=8, frameon=False)
    of_all = f" of {len(found)}" if len(shown) < len(found) else ""
    put_title(figure, f"{len(shown)}{of_all} columns and channels in {np.size(splits)} splits")
    return figure


def _edges(histograms: list[Histogram]) -> list[float]:
    import numpy as np

    from ptm.histogram import Histogram

    together = Histogram.none()
    for one in histograms:
        together = together.merge(one)
    low, high = together.edges()
    finite = low[np.isfinite(low)], high[np.isfinite(high)]
    ends = [float(finite[0].min(initial=0.0)), float(finite[1].max(initial=0.0))]
    if not ends[0] < ends[1]:
        return [ends[0] - 0.5, ends[0] + 0.5]
    first, last = together.quantiles([LEAST, LARGEST], *ends)
    beyond = (last - first) / BARS or 0.5  # the last one lies inside too
    first, last = first - beyond, last + beyond
    return [float(edge) for edge in np.linspace(first, last, BARS + 1)]


def _shares(histogram: Histogram, edges: list[float]) -> list[float]:
    """The share of all numbers in each bar: those of a bucket lie evenly in it."""
    import numpy as np

    low, high = histogram.edges()
    ends = np.concatenate([[0], np.cumsum(histogram.counts)]) / max(histogram.count, 1)
    places = np.stack([low, np.nextafter(high, np.inf)], axis=1).ravel()  # none lies between two
    below = np.interp(edges, places, np.stack([ends[:-1], ends[1:]], axis=1).ravel())
    return [float(share) for share in np.diff(below)]
