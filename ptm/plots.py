"""Pictures: arrays in, PNG bytes out.

Each picture stands on a figure of its own and never goes through pyplot, so tasks may draw at
the same time. The bytes carry neither time nor version, and stay under PNG_LIMIT, so that a
picture fits into an artifact of the dashboard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

PNG_LIMIT = 36_000  # bytes: 48,000 in base64, and an artifact of the dashboard takes 50,000
HOUNSFIELD = "Hounsfield units"
LUNG_WINDOW = (-1350.0, 150.0)  # Hounsfield units shown from black to white
MAX_IMAGES, MAX_COLUMNS = 12, 24
FLATTEST, TALLEST = 0.2, 2.0  # height by width of a thumbnail's place
ROW_LETTERS = 64  # of the names in one row of thumbnails
MAX_DAYS = 4000  # of which a heat map can show a column each
TEXT, GRID, MUTED = "#222222", "#e3e3e3", "#b5b5b5"
RED, ORANGE, BLUE = "#c0392b", "#e08e0b", "#1f6fb2"
# a colour-blind safe order, used for series that have no meaning of their own
SERIES = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#7f3c8d",
    "#a6761d",
    "#444444",
)


def to_png(figure: Figure, dpi: int = 110) -> bytes:
    """The figure as a PNG with a palette: the same figure gives the same bytes.

    Fewer colours, then a smaller picture, are taken until it is under PNG_LIMIT.
    """
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas: Any = FigureCanvasAgg(figure)
    for scale in (1.0, 0.8, 0.6, 0.5, 0.4):
        figure.set_dpi(dpi * scale)
        canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        for colours in (192, 64, 32):
            buffer = BytesIO()
            image.quantize(colours, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
            if buffer.tell() < PNG_LIMIT:
                return buffer.getvalue()
    return buffer.getvalue()


def readings(raw: NDArray[Any], celsius: NDArray[Any]) -> bytes:
    """Each reading of the unknown thermometer against the temperature; both [n]."""
    figure, (axes,) = _grid(1, 1, 5.6, 3.8)
    axes.plot(raw, celsius, "o", color=BLUE, markersize=7)
    title = f"{len(raw)} readings of an unknown thermometer"
    _label(axes, title, "reading (unknown unit)", "temperature (°C)")
    return to_png(figure)


def fitted_line(
    raw: NDArray[Any],
    celsius: NDArray[Any],
    lines: Mapping[str, tuple[float, float]],
    held_out: Sequence[int] = (),
) -> bytes:
    """Lines over the readings; `lines` maps a label to slope and intercept, the best one first.

    Readings in `held_out` are drawn hollow.
    """
    import numpy as np

    figure, (axes,) = _grid(1, 1, 5.6, 3.8)
    span = np.array([raw.min(), raw.max()]) + np.array([-0.03, 0.03]) * np.ptp(raw)
    for index, (label, (slope, intercept)) in enumerate(lines.items()):
        style: dict[str, Any] = {
            "color": SERIES[(2 + index) % len(SERIES)],
            "linewidth": 1.4,
            "linestyle": "--",
        }
        if index == 0:
            style = {"color": RED, "linewidth": 2.2}
        sign = "−" if intercept < 0 else "+"
        text = f"{label}: {slope:.4f} · reading {sign} {abs(intercept):.3f}"
        axes.plot(span, slope * span + intercept, label=text, **style)
    held = np.isin(np.arange(len(raw)), held_out)
    axes.plot(raw[~held], celsius[~held], "o", color=BLUE, markersize=7, label="readings")
    if held.any():
        label = "readings held out by the split"
        axes.plot(raw[held], celsius[held], "o", mec=BLUE, mfc="white", mew=1.6, ms=7, label=label)
    _label(axes, "Fitted lines over the readings", "reading (unknown unit)", "temperature (°C)")
    axes.legend(fontsize=8, labelcolor=TEXT, edgecolor=GRID, loc="upper left")
    return to_png(figure)


def loss_curves(curves: Mapping[str, NDArray[Any]]) -> bytes:
    """Loss by epoch of every fit, both axes logarithmic; each curve is [epochs], from epoch 1.

    A curve that runs away leaves the frame at the top instead of flattening the others.
    """
    import numpy as np

    figure, (axes,) = _grid(1, 1, 7.8, 4.4)
    tame = [c for c in curves.values() if np.isfinite(c).all() and c[-1] < 100 * c[0]]
    pool = np.concatenate([*tame, np.zeros(0)])
    pool = pool[pool > 0] if (pool > 0).any() else np.ones(1)
    low, high = pool.min() / 1.6, pool.max() * 30
    for index, (name, curve) in enumerate(curves.items()):
        finite = curve[np.isfinite(curve)]
        failed = len(finite) < len(curve)
        result = f"not finite at epoch {len(finite) + 1}" if failed else f"{finite[-1]:.4g}"
        style: dict[str, Any] = {"color": SERIES[index % len(SERIES)], "label": f"{name}: {result}"}
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
    _label(axes, "Loss of each fit by epoch", "epoch", "mean squared error (°C²)")
    _legend(figure, "last loss (°C²)")
    return to_png(figure)


def group_means(columns: Sequence[str], means: Mapping[str, NDArray[Any]], title: str) -> bytes:
    """The mean of each column in each group, in standard deviations from the mean of all rows.

    `means` maps the label of a group to its standardised means, [columns].
    """
    import numpy as np

    figure, (axes,) = _grid(1, 1, 6.6, 1.4 + 0.28 * len(columns))
    places = np.arange(len(columns))
    table = np.stack(list(means.values()))
    axes.hlines(places, table.min(0), table.max(0), color=MUTED, linewidth=2, zorder=1)
    axes.axvline(0, color=MUTED, linewidth=1, zorder=0)
    for (label, values), colour in zip(means.items(), (RED, ORANGE, BLUE), strict=False):
        axes.plot(values, places, "o", color=colour, markersize=7, label=label)
    axes.set_yticks(places, columns)
    axes.invert_yaxis()
    _label(axes, title, "group mean (standard deviations from the mean of all rows)", "")
    _legend(figure, below=True)
    return to_png(figure)


def roc_curves(
    curves: Mapping[str, tuple[NDArray[Any], NDArray[Any]]],
    labels: Mapping[str, str],
    best: str,
    marked: tuple[str, float, float, str],
    title: str,
) -> bytes:
    """ROC curves by column, the best one highlighted and one operating point marked.

    `curves` maps a column to its false and true positive rates, in the order of the legend;
    `marked` is a column, a point on its curve and the label of that point.
    """
    figure, (axes,) = _grid(1, 1, 7.4, 4.6)
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
        axes.plot(false_rate, true_rate, label=labels[name], **{"linewidth": 1.2, **style})
    axes.plot(*marked[1:3], "o", color=RED, markersize=9, mec="white", zorder=6, label=marked[3])
    axes.set_aspect("equal")
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    _label(axes, title, "false positive rate", "true positive rate")
    _legend(figure, "area under the curve")
    return to_png(figure)


def contact_sheet(
    images: NDArray[Any], names: Sequence[str] = (), whole: tuple[int, ...] | None = None
) -> bytes:
    """Thumbnails of the first images; uint8 or float [n, c, h, w].

    Floating point channels are stretched, each over all images, from their 1st to their 99th
    percentile: standardised channels look natural again.

    Args:
        images: the first of them, or all; of more than MAX_IMAGES the first are shown.
        names: of the images; their numbers where there are none.
        whole: [n, c, h, w] of all images, where `images` are fewer or smaller.
    """
    import numpy as np

    count, channels, tall, wide = whole or images.shape
    shown = min(len(images), MAX_IMAGES)
    columns = min(shown, 4)
    pixels = np.moveaxis(thumbnails(images), 1, -1)
    if images.dtype == np.uint8:
        pixels = pixels.round().astype(np.uint8)
    else:
        low, high = np.percentile(pixels, (1, 99), axis=(0, 1, 2))
        pixels = np.clip((pixels - low) / np.where(high > low, high - low, 1), 0, 1)
    rows = -(-shown // columns)
    width = min(6.4, 3.2 + 0.8 * columns)
    shape = min(max(tall / wide, FLATTEST), TALLEST)  # of the place of one, not of the picture
    height = (width / columns * shape + 0.2 * (shown > 1)) * rows + 0.3
    figure, all_axes = _grid(rows, columns, width, height)
    for index, axes in enumerate(all_axes):
        axes.axis("off")
        if index < shown:
            # of bytes: without limits matplotlib would stretch a gray image
            axes.imshow(pixels[index], cmap="gray", aspect="equal", vmin=0, vmax=_white(pixels))
            label = _end_of(names[index], ROW_LETTERS // columns) if names else str(index)
            axes.set_title(label if names or shown > 1 else "", fontsize=7, color=TEXT)
    some = f"{shown} of {count} images" if shown < count else f"{count} image{'s'[: count > 1]}"
    layers = f"{channels} channel{'s'[: channels > 1]}"
    _title(figure, f"{some} of {layers}, {tall} × {wide}")
    return to_png(figure)


def thumbnails(images: NDArray[Any]) -> NDArray[np.float32]:
    """The first images, as many as are shown, in the size in which they are shown.

    Args:
        images: [n, c, h, w], maybe mapped from a file: no more is read than is shown.

    Returns:
        float32 [shown, 1 or 3, height, width].
    """
    import numpy as np

    shown = min(len(images), MAX_IMAGES)
    chosen = images[:shown, : 3 if images.shape[1] >= 3 else 1]
    side = 480 // min(shown, 4)
    small: NDArray[np.float32] = np.concatenate(
        [_shrink(chosen[index : index + 1], side) for index in range(shown)]
    )
    return small


def _white(pixels: NDArray[Any]) -> int:
    return 255 if pixels.dtype.kind == "u" else 1


def _end_of(name: str, letters: int) -> str:
    """A name for a narrow place: its end, where the number mostly stands; no formula."""
    short = name if len(name) <= letters else f"…{name[1 - letters :]}"
    return short.replace("$", r"\$")


def shades(volume: NDArray[Any], unit: str | None) -> tuple[float, float]:
    """The values of a volume, [1, depth, height, width], that are shown black and white.

    For Hounsfield units the lung window; else the 1st and 99th percentile of what is shown.
    """
    import numpy as np

    if unit == HOUNSFIELD:
        return LUNG_WINDOW
    shown = np.concatenate([pixels.ravel() for _, pixels in _middle(volume)])
    low, high = (float(value) for value in np.percentile(shown, (1, 99)))
    return low, high if high > low else low + max(1.0, abs(low))


def orthogonal_slices(
    volume: NDArray[Any], spacing_mm: Sequence[float], unit: str | None = None
) -> bytes:
    """The middle slice along each axis of a volume; one in Hounsfield units with a lung window.

    Args:
        volume: [1, depth, height, width], depth from the feet to the head.
        spacing_mm: distance of neighbouring voxels along depth, height, width.
        unit: of the values; None where it is not known.
    """
    depth, height, width = (
        size * spacing for size, spacing in zip(volume.shape[1:], spacing_mm, strict=True)
    )
    extents = ((0, width, height, 0), (0, width, 0, depth), (0, height, 0, depth))
    low, high = shades(volume, unit)
    figure, all_axes = _grid(1, 3, 7.4, 2.9)
    for axes, (name, pixels), size, extent in zip(
        all_axes, _middle(volume), volume.shape[1:], extents, strict=True
    ):
        # sixteen shades and large voxels: noise would fill the PNG, and make it small to look at
        step = (high - low) / 15
        drawn = ((_shrink(pixels, 160).clip(low, high) - low) / step).round() * step + low
        axes.imshow(drawn, cmap="gray", vmin=low, vmax=high, extent=extent, interpolation="nearest")
        axes.grid(False)
        _label(axes, f"{name}, slice {size // 2}", "mm", "mm" if name == "axial" else "")
    named = "HU" if unit == HOUNSFIELD else (unit or "(no unit)").replace("$", r"\$")
    shown = f"{low:.0f} to {high:.0f}" if unit == HOUNSFIELD else f"{low:.4g} to {high:.4g}"
    _title(figure, f"Middle slices, {shown} {named}")
    return to_png(figure)


def _middle(volume: NDArray[Any]) -> tuple[tuple[str, NDArray[Any]], ...]:
    """The slices through the middle of [1, depth, height, width], [down, across], by their name."""
    depth, height, width = (size // 2 for size in volume.shape[1:])
    return (
        ("axial", volume[0, depth]),
        ("coronal", volume[0, ::-1, height]),
        ("sagittal", volume[0, ::-1, :, width]),
    )


def histograms(table: pd.DataFrame) -> bytes:
    """How the values of each numeric column are spread; units from `table.attrs["units"]`."""
    import numpy as np

    numeric = table.select_dtypes("number")
    names = list(numeric.columns[:MAX_COLUMNS])
    columns = max(1, min(4, len(names)))
    rows = max(1, -(-len(names) // columns))
    figure, all_axes = _grid(rows, columns, 1.9 * columns, 1.45 * rows + 0.4)
    units = table.attrs.get("units", {})
    for axes in all_axes[len(names) :]:
        axes.axis("off")
    for name, axes in zip(names, all_axes, strict=False):
        values = numeric[name].to_numpy(dtype=float, na_value=np.nan)
        values = values[np.isfinite(values)]
        axes.hist(values, bins=_bins(values), color=BLUE)
        axes.grid(False)
        axes.set_yticks([])
        axes.locator_params(axis="x", nbins=4)
        _label(axes, str(name), units.get(name, ""), "", size=8.5)
    of = f" of {numeric.shape[1]}" if len(names) < numeric.shape[1] else ""
    _title(figure, f"{len(names)}{of} columns over {len(table):,} rows")
    return to_png(figure)


def heat_map(
    daily: NDArray[Any], weekdays: NDArray[Any], first: str, title: str, label: str
) -> bytes:
    """One value for each hour: of every day, and the mean of each weekday.

    Args:
        daily: [days, 24]; what is not finite is left blank.
        weekdays: of each day, [days], 0 for Monday.
        first: the date of the first day.
        title: of the whole.
        label: names value and unit.
    """
    import numpy as np

    title, label = (text.replace("$", r"\$") for text in (title, label))  # no formulas
    week = np.full((7, 24), np.nan)
    for weekday in range(7):
        values = daily[weekdays == weekday]
        known = np.isfinite(values)
        count = np.where(known.any(0), known.sum(0), np.nan)
        week[weekday] = np.where(known, values, 0).sum(0, dtype=np.float64) / count
    step = -(-len(daily) // MAX_DAYS)
    figure, (above, below) = _grid(2, 1, 7.4, 5.6)
    for axes, values, extent, name, across in (
        (above, week, (0, 24, 7, 0), "mean of each weekday", "hour of the day"),
        (below, daily[::step].T, (0, len(daily), 24, 0), "every day", f"days since {first}"),
    ):
        image = axes.imshow(values, extent=extent, aspect="auto", interpolation="nearest")
        image.set_cmap("viridis")
        axes.grid(False)
        _label(axes, name, across, "" if axes is above else "hour of the day")
        bar = figure.colorbar(image, ax=axes, pad=0.01)
        bar.set_label(label, fontsize=9, color=TEXT)
        bar.ax.tick_params(labelsize=8, colors=TEXT)
        bar.outline.set_visible(False)
    above.set_yticks(np.arange(7) + 0.5, ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
    above.set_xticks(range(0, 25, 3))
    below.set_yticks(range(0, 25, 6))
    _title(figure, title)
    return to_png(figure)


def _grid(rows: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A white figure of that size in inches and its axes, row by row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    all_axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for axes in all_axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(MUTED)
        axes.tick_params(labelsize=8, colors=TEXT)
        axes.grid(True, color=GRID, linewidth=0.7)
        axes.set_axisbelow(True)
    return figure, all_axes


def _label(axes: Axes, title: str, across: str, up: str, size: float = 10.5) -> None:
    axes.set_title(title, fontsize=size, color=TEXT, loc="left")
    axes.set_xlabel(across, fontsize=9, color=TEXT)
    axes.set_ylabel(up, fontsize=9, color=TEXT)


def _title(figure: Figure, text: str) -> None:
    figure.suptitle(text, fontsize=10.5, color=TEXT, x=0.01, ha="left")


def _legend(figure: Figure, title: str | None = None, below: bool = False) -> None:
    """Outside of the axes, where it covers nothing: to the right, or in one row below."""
    figure.legend(
        title=title,
        title_fontsize=8.5,
        fontsize=8,
        labelcolor=TEXT,
        frameon=False,
        alignment="left",
        loc="outside lower center" if below else "outside right upper",
        ncols=3 if below else 1,
    )


def _shrink(pixels: NDArray[Any], most: int) -> NDArray[Any]:
    """Means of blocks of [..., height, width], so that neither side is far above `most`."""
    down, right = (max(1, round(side / most)) for side in pixels.shape[-2:])
    tall, wide = pixels.shape[-2] // down, pixels.shape[-1] // right
    cropped = pixels[..., : tall * down, : wide * right]
    blocks = cropped.reshape(*pixels.shape[:-2], tall, down, wide, right)
    means: NDArray[Any] = blocks.mean((-3, -1), dtype="float32")
    return means


def _bins(values: NDArray[Any]) -> list[float]:
    """Edges: one bar for each value when few are distinct whole numbers, else 30 bars."""
    import numpy as np

    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    if high - low <= 30 and (values == np.round(values)).all():
        return [float(edge) for edge in np.arange(low - 0.5, high + 1)]
    return [float(edge) for edge in np.linspace(low, high, 31)]
