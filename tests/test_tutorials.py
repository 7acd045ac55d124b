"""The tutorials: each page runs as it stands, prints what it says, and finds what was planted.

PTM_PASTE=1 writes what was printed into the pages instead of comparing it.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

import ptm
from tests.support import planted
from tests.support.machine import ROOT
from tests.support.planted import Truth
from tests.support.tutorials import blocks_of, plain, run_page

TUTORIALS = ROOT / "docs" / "tutorials"
PASTE = bool(os.environ.get("PTM_PASTE"))
Names = dict[str, Any]


def found_flowers(names: Names, truth: Truth) -> None:
    """Species are told, and train's means are those of its rows."""
    made = names["flowers"]
    assert made.manifest["facts"]["classes"] == sorted(truth["classes"])
    assert len(made.table) == truth["rows"]
    rows = made.table.iloc[made.split("train").numpy()]
    for place, name in enumerate(made.manifest["facts"]["features"]):
        assert made.scaler.shift[place] == pytest.approx(rows[name].mean(), rel=1e-6)
    assert names["right"] > 0.9
    assert [made.manifest["facts"]["classes"][one] for one in names["species"]] == ["foxglove"]


def found_passengers(names: Names, truth: Truth) -> None:
    """Rows and gaps are those planted; the model is nearly as good as who knows the chances."""
    table = names["passengers"].table
    assert len(table) == truth["rows"]
    assert int(table["age"].isna().sum()) == truth["without age"]
    assert table["age"].mean() == pytest.approx(truth["mean age"])
    assert not names["passengers"].tensors["features"].isnan().any()
    assert names["right"] > truth["best"] - 0.1


def found_flats(names: Names, truth: Truth) -> None:
    """Numbers are read as they are meant, and the price of a m² is found."""
    table = names["flats"].table
    assert len(table) == truth["rows"]
    assert table["Kaltmiete (€)"].mean() == pytest.approx(truth["mean rent"])
    assert table["Wohnfläche (m²)"].mean() == pytest.approx(truth["mean area"])
    assert names["per_area"] == pytest.approx(truth["per m²"], abs=0.5)
    assert names["off"] < 1.3 * truth["noise"]


def found_houses(names: Names, truth: Truth) -> None:
    """Both files have the same features; prices of test are told but for the noise."""
    train, test = names["train"], names["test"]
    assert (len(train.table), len(test.table)) == truth["rows"]
    features = train.manifest["facts"]["features"]
    assert features == test.manifest["facts"]["features"]
    known = len(test.table) - truth["unseen"]
    off = names["told"][:known] - torch.tensor(truth["prices of test"][:known])
    assert float(off.abs().mean()) < 1.3 * truth["noise"]


def found_shapes(names: Names, truth: Truth) -> None:
    """All sizes became one, and shapes are told."""
    made = names["shapes"]
    assert made.manifest["facts"]["classes"] == truth["classes"]
    assert len(made.table) == truth["rows"] == len(made.tensors["images"])
    heights, widths = made.table["file_height"], made.table["file_width"]
    sizes = [f"{height} x {width}" for height, width in zip(heights, widths, strict=True)]
    assert {size: sizes.count(size) for size in sizes} == truth["sizes"]
    assert names["right"] > 0.8


def found_cells(names: Names, truth: Truth) -> None:
    """Masks have the values of the files, and lie where the cells are."""
    masks = names["cells"].tensors["masks"]
    assert names["cells"].manifest["facts"]["mask_values"] == truth["values"]
    assert len(masks) == truth["rows"]
    assert float((masks > 0).float().mean()) == pytest.approx(truth["share of cells"], rel=1e-6)
    assert names["overlap"] > 0.8


@dataclass(frozen=True)
class Tutorial:
    """A page.

    Attributes:
        plant: writes its folder.
        found: looks whether its names have the truths.
        quick: whether `make test` runs it.
    """

    plant: Callable[[Path], Truth]
    found: Callable[[Names, Truth], None]
    quick: bool = False


PAGES = {
    "flowers": Tutorial(planted.flowers, found_flowers, quick=True),
    "passengers": Tutorial(planted.passengers, found_passengers),
    "flats": Tutorial(planted.flats, found_flats),
    "houses": Tutorial(planted.houses, found_houses),
    "shapes": Tutorial(planted.shapes, found_shapes),
    "cells": Tutorial(planted.cells, found_cells),
}


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Sums of small networks are the same, and sooner done."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("server", "one_thread")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if one.quick else pytest.mark.slow)
        for name, one in PAGES.items()
    ],
)
def test_tutorial(name: str, tmp_path: Path) -> None:
    """The page runs, prints what it says, and finds what was planted."""
    tutorial = PAGES[name]
    truth = tutorial.plant(tmp_path)
    names = run_page(TUTORIALS / f"{name}.md", tmp_path, paste=PASTE)
    with contextlib.chdir(tmp_path):  # the page's artifacts are read from there
        tutorial.found(names, truth)


@pytest.mark.usefixtures("server")
def test_readme(tmp_path: Path) -> None:
    """The README's way from a folder to batches works, and its entry is that of `ptm init`."""
    truth = planted.pets(tmp_path)
    batch = run_page(ROOT / "README.md", tmp_path, "Your own data")["batch"]
    assert (batch["images"].shape[1:], batch["images"].dtype) == ((3, 32, 32), torch.float32)
    assert batch["target"].dtype == torch.int64
    made = ptm.load("pets", tmp_path / "artifacts")
    assert made.manifest["facts"]["classes"] == truth["classes"]
    text = (ROOT / "README.md").read_text("utf-8")
    (tmp_path / "readme.toml").write_text(re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0])
    shown, found = (
        ptm.load_catalog(tmp_path / name)["pets"] for name in ("readme.toml", "catalog.toml")
    )
    for option in ("kind", "labels", "standardize", "store", "split"):
        assert getattr(shown, option) == getattr(found, option), option


def test_every_page_is_run() -> None:
    """Each page is one of those above, and each of its commands shows what it printed."""
    pages = {page.stem: page for page in TUTORIALS.glob("*.md") if page.stem != "README"}
    assert pages.keys() == PAGES.keys()
    for page in pages.values():
        blocks = blocks_of(page.read_text("utf-8"))
        assert {block.language for block in blocks} == {"sh", "python"}
        silent = [block.line for block in blocks if block.output is None]
        assert silent == [], page.name


@pytest.mark.parametrize("name", PAGES)
def test_folders_are_always_the_same(name: str, tmp_path: Path) -> None:
    """What is planted, and what is said of it, is the same in each run."""
    plant = PAGES[name].plant
    one, other = plant(tmp_path / "one"), plant(tmp_path / "other")
    assert one == other
    files = [sorted(place.rglob("*.*")) for place in (tmp_path / "one", tmp_path / "other")]
    assert [file.read_bytes() for file in files[0]] == [file.read_bytes() for file in files[1]]
    assert len(files[0]) > 0


PAGE = """# A page

```sh
echo one; echo two   # of the shell
```

```text
one
two
```

```sh
ptm --version
```

```toml
[not.run]
```

```python
value = 6 * 7
print(value)
```

```text
42
```
"""


def test_a_page_is_run(tmp_path: Path) -> None:
    """Commands of shell and ptm, and Python, whose names come back; what is not run stays."""
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert run_page(page, tmp_path)["value"] == 42
    assert [block.output for block in blocks_of(PAGE)] == ["one\ntwo\n", None, "42\n"]


@pytest.mark.parametrize(
    ("old", "new"),
    [("\ntwo\n", "\nthree\n"), ("6 * 7", "6 * 8"), ("echo two", "false"), ("--version", "--no")],
)
def test_a_page_that_is_wrong_is_seen(old: str, new: str, tmp_path: Path) -> None:
    """Another output, another result, a command that fails."""
    page = tmp_path / "page.md"
    page.write_text(PAGE.replace(old, new))
    with pytest.raises(AssertionError):
        run_page(page, tmp_path)


def test_output_is_pasted(tmp_path: Path) -> None:
    """Into the blocks behind; then the page runs as it stands."""
    page = tmp_path / "page.md"
    page.write_text(PAGE.replace("one\ntwo\n```", "```").replace("\n42\n", "\n41\n"))
    run_page(page, tmp_path, paste=True)
    assert page.read_text() == PAGE
    run_page(page, tmp_path)


def test_what_differs_from_run_to_run(tmp_path: Path) -> None:
    """Times, addresses, keys and the order of entries are not compared; all else is."""
    one = (
        "Starting the Prefect server on http://127.0.0.1:4200 (about 15 s the first time) …\n"
        "Prefect server: http://127.0.0.1:4200/api\nb: made in 1.38 s\na: made in 10.20 s\n\n"
        " source   size   seconds\n ───────\n a   1.2 MB   10.20   made\n"
    )
    other = (
        "Prefect server: http://127.0.0.1:8021/api\na: made in 0.20 s\nb: made in 0.38 s\n\n"
        " source   size   seconds\n ─────\n a   1.2 MB    0.20   made\n"
    )
    assert plain(one) == plain(other)
    assert plain(one) != plain(other.replace("b: made", "c: made"))
    assert plain(one) != plain(other.replace("0.20   made", "0.20   cached"))


@pytest.mark.usefixtures("server")
def test_what_a_run_prints_is_the_same_again(tmp_path: Path) -> None:
    """What is pasted of a run is what a run in another folder prints."""
    page = tmp_path / "page.md"
    page.write_text("```sh\nptm run --data .\nptm show pets\n```\n\n```text\n```\n")
    catalog = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    for name in ("one", "other"):
        planted.pets(tmp_path / name, each=10)
        (tmp_path / name / "catalog.toml").write_text(catalog[0])
        run_page(page, tmp_path / name, paste=name == "one")
    assert "pets: made in" in page.read_text()
