"""Figures that all pictures are made of, and how they become PNG bytes."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from PIL.Image import Image

SCALES = (1.0, 0.8, 0.6, 0.5, 0.4)  # of a figure
PNG_LIMIT = 36_000  # bytes: 48,000 in base64, and an artifact of the dashboard takes 50,000
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
    from PIL import Image as Images

    canvas: Any = FigureCanvasAgg(figure)
    for scale in SCALES:
        figure.set_dpi(dpi * scale)
        canvas.draw()
        png = _fewer_colours(Images.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))
        if len(png) < PNG_LIMIT:
            break
    return png


def small_png(png: bytes) -> bytes:
    """A PNG as it is, or with fewer colours and smaller, so that it is under PNG_LIMIT.

    Raises:
        ValueError: the bytes are no PNG.
    """
    from PIL import Image as Images

    if not png.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError(f"expected the bytes of a PNG, got {png[:8]!r}")
    if len(png) < PNG_LIMIT:
        return png
    with Images.open(BytesIO(png)) as image:
        whole: Image = image.convert("RGB")
    while len(png) >= PNG_LIMIT:
        png = _fewer_colours(whole)
        whole = whole.resize((max(whole.width * 4 // 5, 1), max(whole.height * 4 // 5, 1)))
    return png


def _fewer_colours(image: Image) -> bytes:
    """A PNG with as many colours of a palette as keep it under PNG_LIMIT, or with the fewest."""
    from PIL.Image import Dither

    for colours in (192, 64, 32):
        buffer = BytesIO()
        image.quantize(colours, dither=Dither.NONE).save(buffer, "PNG", optimize=True)
        if buffer.tell() < PNG_LIMIT:
            break
    return buffer.getvalue()


def grid(rows: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
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


def plain(text: object) -> str:
    """Text in which a dollar is a dollar, and begins no formula."""
    return str(text).replace("$", r"\$")


def put_labels(axes: Axes, title: str, across: str, up: str, size: float = 10.5) -> None:
    """Names of the axes, and of what they show."""
    axes.set_title(title, fontsize=size, color=TEXT, loc="left")
    axes.set_xlabel(across, fontsize=9, color=TEXT)
    axes.set_ylabel(up, fontsize=9, color=TEXT)


def put_title(figure: Figure, text: str) -> None:
    """The title of a whole figure."""
    figure.suptitle(text, fontsize=10.5, color=TEXT, x=0.01, ha="left")


def put_legend(figure: Figure, title: str | None = None, below: bool = False) -> None:
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


def shrink(pixels: NDArray[Any], most: int) -> NDArray[Any]:
    """Means of blocks of [..., height, width], so that neither side is far above `most`."""
    down, right = (max(1, round(side / most)) for side in pixels.shape[-2:])
    tall, wide = pixels.shape[-2] // down, pixels.shape[-1] // right
    cropped = pixels[..., : tall * down, : wide * right]
    blocks = cropped.reshape(*pixels.shape[:-2], tall, down, wide, right)
    means: NDArray[Any] = blocks.mean((-3, -1), dtype="float32")
    return means
