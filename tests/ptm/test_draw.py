"""Pictures: valid PNG, small, and the same bytes each time, also when many draw at once."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from ptm import draw
from ptm.draw.figures import shrink

RANDOM = np.random.default_rng(0)
RAW = np.array([20.0, 40.0, 60.0, 80.0])
CELSIUS = np.array([-6.0, 4.0, 15.0, 27.0])
WEEKDAYS = np.arange(730) % 7
STEPS = np.linspace(0, 1, 50)
NAMES = [f"column {index}" for index in range(11)]
PHOTOS = RANDOM.integers(0, 256, (20, 3, 128, 160), dtype=np.uint8)
TABLE = pd.DataFrame(RANDOM.normal(size=(500, 30)), columns=[f"c{i}" for i in range(30)])
CURVES = {
    "falls": 100.0 / np.arange(1, 400),
    "diverges": np.array([1e2, 1e20, np.inf]),
    "diverges at once": np.array([np.nan]),
    "one step": np.array([50.0]),
    "perfect": np.array([1.0, 0.0]),
    "runs away": np.geomspace(10, 1e30, 20),
}

LABELS = "t_u (unknown unit)", "t_c (°C)"
HELD = np.array([False, True, False, False])

PICTURES: dict[str, Callable[[], Figure]] = {
    "readings": lambda: draw.readings(RAW, CELSIUS, LABELS),
    "readings, very many": lambda: draw.readings(np.arange(1e5), RANDOM_WALK, ("x", "y")),
    "fitted_lines": lambda: draw.fitted_lines(
        RAW, CELSIUS, HELD, {"a": (0.5, -17.0), "b": [0.6, 1]}, LABELS
    ),
    "fitted_lines without lines": lambda: draw.fitted_lines(RAW, CELSIUS, ~HELD & HELD, {}, LABELS),
    "loss_curves": lambda: draw.loss_curves(CURVES, "°C²"),
    "loss_curves without a number": lambda: draw.loss_curves({"x": np.array([np.nan])}),
    "group_means": lambda: draw.group_means(
        NAMES, {"bad": RANDOM_MEANS, "mid": RANDOM_MEANS / 2, "good": -RANDOM_MEANS}, "groups"
    ),
    "roc_curves": lambda: draw.roc_curves(
        {name: (STEPS, STEPS ** (1 / (2 + i))) for i, name in enumerate(NAMES)},
        {name: f"0.500 {name}" for name in NAMES},
        NAMES[0],
        (NAMES[3], 0.2, 0.4, "marked"),
        "finding good rows",
    ),
    "contact_sheet of one": lambda: draw.contact_sheet(PHOTOS[:1]),
    "contact_sheet of many": lambda: draw.contact_sheet(PHOTOS),
    "contact_sheet of standardised": lambda: draw.contact_sheet(
        (PHOTOS[:3].astype(np.float32) - 128) / 70
    ),
    "contact_sheet of one channel": lambda: draw.contact_sheet(PHOTOS[:2, :1]),
    "contact_sheet of one colour": lambda: draw.contact_sheet(np.zeros((1, 3, 8, 8), np.float32)),
    "orthogonal_slices": lambda: draw.orthogonal_slices(
        RANDOM_VOLUME, (3.0, 0.5, 0.5)
    ),
    "histograms": lambda: draw.histograms(TABLE),
    "histograms of text": lambda: draw.histograms(pd.DataFrame({"a": ["x", "y"]})),
    "histograms of few": lambda: draw.histograms(
        pd.DataFrame({"class": [1, 2, 2], "same": 5.0, "gaps": [1, None, 2.5], "t": list("abc")})
    ),
    "heat_map": lambda: draw.heat_map(HOURS, WEEKDAYS, "2011-01-01", "Rentals", "per hour"),
}  # fmt: skip
RANDOM_WALK = RANDOM.normal(size=100_000).cumsum()
RANDOM_MEANS = RANDOM.normal(size=11)
RANDOM_VOLUME = RANDOM.normal(-600, 400, (1, 40, 96, 96)).astype(np.float32)
HOURS = RANDOM.normal(size=(730, 24))


@pytest.fixture(scope="module")
def pictures() -> dict[str, bytes]:
    return {name: draw.to_png(figure()) for name, figure in PICTURES.items()}


@pytest.mark.parametrize("name", PICTURES)
def test_picture_is_a_small_png(pictures: dict[str, bytes], name: str) -> None:
    """Each picture is a whole PNG under the limit, even of noise, which does not compress."""
    assert len(pictures[name]) < draw.PNG_LIMIT
    with Image.open(BytesIO(pictures[name])) as image:
        image.verify()
    with Image.open(BytesIO(pictures[name])) as image:
        assert (image.format, min(image.size) > 60) == ("PNG", True)
        assert len(image.convert("L").getcolors() or []) > 1


@pytest.mark.parametrize("name", PICTURES)
def test_bytes_carry_no_metadata(pictures: dict[str, bytes], name: str) -> None:
    """No time, version or other text stands in the file."""
    for chunk in (b"tEXt", b"iTXt", b"zTXt", b"tIME"):
        assert chunk not in pictures[name]


@pytest.mark.parametrize("count", [3, pytest.param(len(PICTURES), marks=pytest.mark.slow)])
def test_repeated_pictures_are_identical_from_many_threads(
    pictures: dict[str, bytes], count: int
) -> None:
    """Drawn again, four at a time, every picture has the same bytes."""
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda name: draw.to_png(PICTURES[name]()), [*PICTURES][:count]))
    assert again == [pictures[name] for name in [*PICTURES][:count]]


def test_pyplot_is_not_used() -> None:
    """Drawing neither imports pyplot nor needs a display."""
    code = (
        "import sys, numpy; from ptm import draw;"
        "draw.to_png(draw.readings(numpy.arange(3.0), numpy.arange(3.0), ('x', 'y')));"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_hours_that_are_not_known_are_blank() -> None:
    """A heat map is white where a value is missing, and means are of the values that are there."""

    def white(daily: np.ndarray) -> int:
        figure = draw.heat_map(daily, np.arange(len(daily)) % 7, "2011-01-01", "", "")
        with Image.open(BytesIO(draw.to_png(figure))) as image:
            return int((np.asarray(image.convert("L")) > 250).sum())

    whole = np.ones((14, 24)) * np.arange(24)
    some = whole.copy()
    some[3:7, 6:18] = np.nan
    none_on_sunday = some.copy()
    none_on_sunday[6::7] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert white(whole) < white(some) < white(none_on_sunday)


def test_names_are_no_formulas() -> None:
    """Dollars in a name of any kind, or in a unit, are dollars."""
    formula = "$\\frac$ {_^ a$"
    names, labels = [formula, "b"], (formula, formula)
    means, curve = {formula: np.ones(2), "b": np.zeros(2)}, (STEPS, STEPS)
    table = pd.DataFrame({formula: [1.0, 2], "text": [formula, "b"]})
    table.attrs["units"] = {formula: formula}
    counts = pd.Series([1, 2], index=names)
    for figure in (
        draw.heat_map(HOURS[:7], np.arange(7), "2011-01-01", formula, formula),
        draw.readings(RAW, CELSIUS, labels),
        draw.fitted_lines(RAW, CELSIUS, HELD, {formula: (1.0, 2.0)}, labels),
        draw.loss_curves({formula: np.array([2.0, 1.0])}, formula),
        draw.group_means(names, means, formula),
        draw.roc_curves(
            {formula: curve}, {formula: formula}, formula, (formula, 0.2, 0.4, formula), formula
        ),
        draw.histograms(table),
        draw.bars(counts, formula, "rows"),
        draw.contact_sheet(PHOTOS[:1], [formula]),
        draw.orthogonal_slices(RANDOM_VOLUME, (1.0, 1.0, 1.0), formula),
    ):
        assert draw.to_png(figure)


def test_very_long_series_are_drawn() -> None:
    """A thousand years of days are drawn as fast as a few."""
    daily = np.zeros((365_000, 24), np.float32)
    daily[:, 1] = 1
    assert draw.to_png(draw.heat_map(daily, np.arange(len(daily)) % 7, "0001-01-01", "", ""))


def test_slices_keep_their_proportions() -> None:
    """A volume with thick slices is drawn in millimetres, not in voxels."""
    volume = np.full((1, 10, 100, 100), -1350.0, np.float32)
    picture = draw.orthogonal_slices(volume, (10.0, 1.0, 1.0))
    with Image.open(BytesIO(draw.to_png(picture))) as image:
        black = np.asarray(image.convert("L")) < 8
    assert black.sum() > 0
    # 10 slices of 10 mm are as tall as 100 rows of 1 mm: the three squares end in the same rows
    columns = np.flatnonzero(black.sum(0) > 50)
    heights = {int(black[:, column].sum()) for column in columns}
    assert max(heights) - min(heights) <= 3


def test_blocks_are_averaged() -> None:
    """Shrinking takes the mean of each block and keeps what is small enough."""
    pixels = np.arange(16.0).reshape(4, 4)
    assert shrink(pixels, 2).tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert shrink(pixels, 4).tolist() == pixels.tolist()
