"""A contact sheet: the first images in their own colours, with their names; no more is read."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ptm
from ptm import draw
from ptm.draw import images as drawing
from ptm.kinds import images
from ptm.kinds.images import Options as ImagesSource
from ptm.model import Artifact

COLORS = {"red": (220, 30, 40), "green": (20, 160, 60), "blue": (30, 60, 200)}


def made(root: Path, standardize: bool, mode: str = "RGB") -> Artifact:
    """Forty pictures of one colour each, by turns red, green and blue."""
    for number in range(40):
        color = list(COLORS.values())[number % 3]
        place = root / "photos" / f"{number:02d}.png"
        place.parent.mkdir(exist_ok=True)
        Image.new("RGB", (32, 32), color).convert(mode).save(place)
    source = ImagesSource(
        name="photos", root=root, kind="images", path="photos", standardize=standardize
    )
    ptm.tensorize(source, root / "store")
    return ptm.load("photos", root / "store")


def sheet_of(artifact: Artifact) -> bytes:
    """The one view of images, as a PNG."""
    [view] = images.views(artifact)
    return draw.to_png(view.picture)


def often(sheet: bytes, color: tuple[int, ...]) -> int:
    """How many pixels of a sheet have a colour, or nearly so."""
    pixels = np.asarray(Image.open(io.BytesIO(sheet)).convert("RGB")).reshape(-1, 3).astype(int)
    return int((np.abs(pixels - color).max(axis=1) <= 3).sum())


@pytest.mark.parametrize("standardize", [False, True])
def test_true_colours(tmp_path: Path, standardize: bool) -> None:
    """Each colour of the files is on the sheet, also where the tensor is standardised."""
    sheet = sheet_of(made(tmp_path, standardize))
    for color in COLORS.values():
        assert often(sheet, color) > 1000


@pytest.mark.parametrize("standardize", [False, True])
def test_true_shades(tmp_path: Path, standardize: bool) -> None:
    """Gray pictures of three close shades are not stretched from black to white."""
    sheet = sheet_of(made(tmp_path, standardize, "L"))
    for color in COLORS.values():
        shade = Image.new("RGB", (1, 1), color).convert("L").getpixel((0, 0))
        assert often(sheet, (shade,) * 3) > 1000, "a whole thumbnail, and not the edge of a letter"


def test_names_stand_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The titles are the names of the files shown, of a long one its end; '$' begins no formula."""
    from matplotlib.axes import Axes

    titles: list[str] = []
    monkeypatch.setattr(Axes, "set_title", lambda self, text, **_: titles.append(text))
    sheet_of(made(tmp_path, standardize=False))
    assert titles == [f"{number:02d}.png" for number in range(12)]
    titles.clear()
    draw.contact_sheet(np.zeros((2, 3, 8, 8), np.uint8), ["a" * 50 + "1.png", "x$2$.png"])
    assert titles == [f"…{'a' * 26}1.png", r"x\$2\$.png"]


def test_no_more_is_read_than_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many images only those that are shown are taken out of the tensor, and scaled."""
    artifact = made(tmp_path, standardize=True)
    seen: list[int] = []
    before = drawing.shrink
    monkeypatch.setattr(drawing, "shrink", lambda *a: seen.append(len(a[0])) or before(*a))
    assert artifact.scaler is not None
    invert = type(artifact.scaler).invert
    sizes: list[int] = []
    monkeypatch.setattr(
        type(artifact.scaler),
        "invert",
        lambda self, values, dim=1: sizes.append(len(values)) or invert(self, values, dim),
    )
    sheet_of(artifact)
    assert set(seen) == {1} and len(seen) <= 24 and sizes == [12]
