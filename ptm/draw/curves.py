"""Pictures of fits and tests: points and lines, losses, ROC curves, groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ptm.draw.figures import (
    BLUE,
    GRID,
    MUTED,
    ORANGE,
    RED,
    SERIES,
    TEXT,
    grid,
    plain,
    put_labels,
    put_legend,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


MOST_POINTS = 5000  # of readings: more would only cover each other


def readings(x: NDArray[Any], y: NDArray[Any], labels: tuple[str, str]) -> Figure:
    """Each reading x [n] against its value y [n]; `labels` name both, with their units."""
    figure, (axes,) = grid(1, 1, 5.6, 3.8)
    step = -(-len(x) // MOST_POINTS)
    axes.plot(x[::step], y[::step], "o", color=BLUE, markersize=7 if len(x) < 100 else 3)
    put_labels(axes, f"{len(x):,} readings", plain(labels[0]), plain(labels[1]))
    return figure


def fitted_lines(
    x: NDArray[Any],
    y: NDArray[Any],
    held_out: NDArray[Any],
    lines: Mapping[str, Sequence[float]],
    labels: tuple[str, str],
) -> Figure:
    """Lines over readings.

    Args:
        x, y: the readings [n] and their values [n].
        held_out: bool [n]; those are drawn hollow.
        lines: slope and intercept of each by its label, the best one first.
        labels: of both axes, with the units.
    """
    import numpy as np

    figure, (axes,) = grid(1, 1, 5.6, 3.8)
    span = np.array([x.min(), x.max()]) + np.array([-0.03, 0.03]) * np.ptp(x)
    for index, (name, (slope, intercept)) in enumerate(lines.items()):
        style: dict[str, Any] = {
            "color": SERIES[(2 + index) % len(SERIES)],
            "linewidth": 1.4,
            "linestyle": "--",
        }
        if index == 0:
            style = {"color": RED, "linewidth": 2.2}
        sign = "−" if intercept < 0 else "+"
        text = f"{plain(name)}: {slope:.4f} · x {sign} {abs(intercept):.3f}"
        axes.plot(span, slope * span + intercept, label=text, **style)
    step = -(-len(x) // MOST_POINTS)
    x, y, held = x[::step], y[::step], held_out[::step]
    size = 7 if len(x) < 100 else 3
    axes.plot(x[~held], y[~held], "o", color=BLUE, markersize=size, label="readings")
    if held.any():
        words = "readings held out by the split"
        axes.plot(x[held], y[held], "o", mec=BLUE, mfc="white", mew=1.6, ms=size, label=words)
    put_labels(axes, "Fitted lines over the readings", plain(labels[0]), plain(labels[1]))
    axes.legend(fontsize=8, labelcolor=TEXT, edgecolor=GRID, loc="upper left")
    return figure


def loss_curves(curves: Mapping[str, NDArray[Any]], unit: str = "") -> Figure:
    """Loss by epoch of every fit, both axes logarithmic; each curve is [epochs], from epoch 1.

    `unit` is that of the loss. A curve that runs away leaves the frame at the top instead of
    flattening the others.
    """
    import numpy as np

    figure, (axes,) = grid(1, 1, 7.8, 4.4)
    tame = [c for c in curves.values() if np.isfinite(c).all() and c[-1] < 100 * c[0]]
    pool = np.concatenate([*tame, np.zeros(0)])
    pool = pool[pool > 0] if (pool > 0).any() else np.ones(1)
    low, high = pool.min() / 1.6, pool.max() * 30
    for index, (name, curve) in enumerate(curves.items()):
        finite = curve[np.isfinite(curve)]
        failed = len(finite) < len(curve)
        result = f"not finite at epoch {len(finite) + 1}" if failed else f"{finite[-1]:.4g}"
        label = f"{plain(name)}: {result}"
        style: dict[str, Any] = {"color": SERIES[index % len(SERIES)], "label": label}
        if len(finite) <= 1:
            style |= {"linestyle": "", "marker": "Ds^v"[index % 4], "markersize": 8 - index % 4}
        else:
            # curves often lie on earlier ones: thin dashes over thick lines show both
            style["linestyle"] = ("-", (0, (5, 2)), (0, (2, 2)), (0, (7, 2, 2, 2)))[index % 4]
            style["linewidth"] = 4 - 2.8 * index / len(curves)
        axes.plot(np.arange(1, len(finite) + 1), np.minimum(finite, high * 1e3), **style)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    of = f" ({plain(unit)})" if unit else ""
    put_labels(axes, "Loss of each fit by epoch", "epoch", f"mean squared error{of}")
    put_legend(figure, f"last loss{of}")
    return figure


def group_means(columns: Sequence[str], means: Mapping[str, NDArray[Any]], title: str) -> Figure:
    """The mean of each column in each group, in standard deviations from the mean of all rows.

    `means` maps the label of a group to its standardised means, [columns].
    """
    import numpy as np

    figure, (axes,) = grid(1, 1, 6.6, 1.4 + 0.28 * len(columns))
    places = np.arange(len(columns))
    table = np.stack(list(means.values()))
    axes.hlines(places, table.min(0), table.max(0), color=MUTED, linewidth=2, zorder=1)
    axes.axvline(0, color=MUTED, linewidth=1, zorder=0)
    for (label, values), colour in zip(means.items(), (RED, ORANGE, BLUE), strict=False):
        axes.plot(values, places, "o", color=colour, markersize=7, label=plain(label))
    axes.set_yticks(places, [plain(column) for column in columns])
    axes.invert_yaxis()
    across = "group mean (standard deviations from the mean of all rows)"
    put_labels(axes, plain(title), across, "")
    put_legend(figure, below=True)
    return figure


def roc_curves(
    curves: Mapping[str, tuple[NDArray[Any], NDArray[Any]]],
    labels: Mapping[str, str],
    best: str,
    marked: tuple[str, float, float, str],
    title: str,
) -> Figure:
    """ROC curves by column, the best one highlighted and one operating point marked.

    `curves` maps a column to its false and true positive rates, in the order of the legend;
    `marked` is a column, a point on its curve and the label of that point.
    """
    figure, (axes,) = grid(1, 1, 7.4, 4.6)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":")
    for index, (name, (false_rate, true_rate)) in enumerate(curves.items()):
        # the palette once with solid lines, then with dashes: no two columns look the same
        turn, colour = divmod(index, len(SERIES) - 1)
        dashes = ("-", "--", ":")[turn % 3]
        style: dict[str, Any] = {"color": SERIES[1 + colour], "linestyle": dashes, "alpha": 0.8}
        if name == best:
            style = {"color": SERIES[0], "linewidth": 3, "zorder": 5}
        elif name == marked[0]:
            style = {"color": TEXT, "linewidth": 1.8, "zorder": 4}
        axes.plot(false_rate, true_rate, label=plain(labels[name]), **{"linewidth": 1.2, **style})
    place, label = marked[1:3], plain(marked[3])
    axes.plot(*place, "o", color=RED, markersize=9, mec="white", zorder=6, label=label)
    axes.set_aspect("equal")
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    put_labels(axes, plain(title), "false positive rate", "true positive rate")
    put_legend(figure, "area under the curve")
    return figure
