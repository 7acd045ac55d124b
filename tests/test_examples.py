"""The examples of docs/examples: each is short, runs as it stands, and learns something real."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

import ptm
from tests.support.machine import ROOT

EXAMPLES = ROOT / "docs" / "examples"
FILES = sorted(EXAMPLES.glob("*.py"))
MOST_LINES = 40  # an example has fewer, blank ones counted too

Run = Callable[..., Any]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """run(name, data, artifacts): what `main` of an example returns, in one thread."""
    monkeypatch.syspath_prepend(EXAMPLES)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small a network waits longer for a second one than it saves

    yield lambda name, *folders: import_module(name).main(*folders)
    torch.set_num_threads(threads)
    for file in FILES:
        sys.modules.pop(file.stem, None)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_examples_are_short(file: Path) -> None:
    """Each example, and each kind beside one, has fewer than 40 lines."""
    assert len(file.read_text(encoding="utf-8").splitlines()) < MOST_LINES


def test_wine(run: Run, book: Path, tmp_path: Path) -> None:
    """Of wines left out the network tells a sixth of all more than the threshold of the book."""
    by_model, by_threshold = run("wine", book, tmp_path)
    assert by_model > by_threshold + 1 / 6
    wines = ptm.load("wines", tmp_path)
    assert wines.manifest["split"]["crossings"] == {}, "near-duplicates are together"


def test_bikes(run: Run, book: Path, tmp_path: Path) -> None:
    """The network is off by less than seven eighths of what the same day last week is off by."""
    by_model, by_last_week = run("bikes", book, tmp_path)
    assert by_model < by_last_week * 7 / 8
    days, hours = ptm.load("days", tmp_path), ptm.load("rentals", tmp_path).table
    week = days.raw("week", days.tensors["week"])[300, 0]
    assert torch.allclose(week, torch.tensor(hours["cnt"].to_numpy()[300 * 24 : 307 * 24]))
    assert days.table["date"][300] == str(hours["dteday"][307 * 24])
    assert days.table.groupby("split")["date"].agg(["min", "max"]).loc["test", "min"] > (
        days.table["date"][days.split("train").numpy()].max()
    )


def test_shapes(run: Run, tmp_path: Path) -> None:
    """Of planted shapes that it has not seen the network tells 19 of 20."""
    assert run("shapes", tmp_path / "data", tmp_path / "artifacts") > 0.95
    shapes = ptm.load("shapes", tmp_path / "artifacts")
    assert shapes.manifest["facts"]["classes"] == ["circle", "square", "triangle"]
    assert len(shapes.split("train")) + len(shapes.split("test")) == 900


def test_words(run: Run, book: Path, tmp_path: Path) -> None:
    """Of chapters that it has not read the network tells two letters of five, not one of six."""
    by_model, by_count = run("words", book, tmp_path)
    assert by_model > 0.4 > 0.2 > by_count
    letters = ptm.load("letters", tmp_path)
    assert letters.table.groupby("chapter")["split"].nunique().max() == 1
    assert letters.table["chapter"].nunique() == 62, "61 chapters, and what is before them"


def test_temperature(run: Run, figures: dict[str, Any], tmp_path: Path) -> None:
    """Losses of both splits and the line are those of the book, to the digits printed."""
    [printed] = [f for f in figures["temperature"]["fits"] if f["name"] == "sgd_validated"]
    params, losses = run("temperature", EXAMPLES, tmp_path)
    assert [round(value, 4) for value in params] == printed["params"]
    for place, name in enumerate(("train_loss", "validation_loss")):
        found = {str(epoch): round(both[place], 4) for epoch, both in losses.items()}
        assert found == printed[name]
    thermometer = ptm.load("thermometer", tmp_path)
    assert sorted(printed["validation_index"]) == thermometer.split("val").tolist()
