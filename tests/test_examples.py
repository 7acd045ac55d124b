"""The examples of docs/examples: each is short, runs as it stands, and learns something real."""

from __future__ import annotations

import json
import operator
import re
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.fixture
def pets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Names for the code of documents, in a folder with photos and the catalog of training.md."""
    random = np.random.default_rng(0)
    for name, bright in (("cat", 60), ("dog", 0)):
        (tmp_path / "data" / "pets" / name).mkdir(parents=True)
        for number in range(40):
            pixels = random.integers(bright, bright + 190, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / "pets" / name / f"{number}.png")
    [catalog] = code_of("docs/training.md", "", "toml")
    (tmp_path / "catalog.toml").write_text(catalog, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    layers = torch.nn.Conv2d(3, 8, 5), torch.nn.AdaptiveMaxPool2d(1), torch.nn.Flatten()
    model = torch.nn.Sequential(*layers, torch.nn.Linear(8, 2))
    optimizer = torch.optim.Adam(model.parameters())
    return {"ptm": ptm, "torch": torch, "model": model, "optimizer": optimizer}


def code_of(document: str, section: str, language: str) -> list[str]:
    """The blocks of a language in a section of a document; "" is all of it."""
    text = (ROOT / document).read_text(encoding="utf-8")
    part = text.partition(f"## {section}\n")[2].partition("\n## ")[0] if section else text
    return re.findall(rf"```{language}\n(.*?)```", part, flags=re.DOTALL)


def test_the_way_into_training(pets: dict[str, Any]) -> None:
    """The five lines of training.md make a step of training of each batch, from raw files on."""
    code = code_of("docs/training.md", "", "python")[0]
    assert len(code.splitlines()) == 5
    before = [one.clone() for one in pets["model"].parameters()]
    exec(code, pets)
    assert not any(map(torch.equal, before, pets["model"].parameters()))
    made = ptm.load("pets")
    assert made.manifest["facts"]["classes"] == ["cat", "dog"], "cat is 0, dog is 1"
    assert len(made.split("train")) + len(made.split("test")) == 80


def test_the_page_on_training(pets: dict[str, Any]) -> None:
    """The code of docs/training.md runs as it stands there, and its comments are right."""
    for code in code_of("docs/training.md", "", "python"):
        exec(code, pets)
    made, sample, split = pets["pets"], pets["test"][0], pets["test"].to_pandas()
    shapes = {name: (value.dtype, list(value.shape)) for name, value in sample.items()}
    assert shapes == {"images": (torch.float32, [3, 32, 32]), "target": (torch.int64, [])}
    assert {"file", "label", "split"} <= set(split) and set(split["split"]) == {"test"}
    state = {"split": "train", "seed": 0, "epoch": 3, "batch": 1}
    assert state.items() <= pets["state"].items() == json.loads(json.dumps(pets["state"])).items()
    same = made.loader("train", batch_size=8, seed=0, epoch=3)
    for one, other in zip(pets["rest"], list(same)[1:], strict=True):
        assert torch.equal(one["images"], other["images"])
    assert len({len(rank) for rank in pets["ranks"]}) == 1
    train = made.tensors["target"][made.split("train")]
    even = torch.cat([batch["target"] for batch in pets["even"]]).bincount()
    assert len(train) == even.sum() and abs(int(even[0] - even[1])) <= 1
    plain = next(iter(made.loader("train", batch_size=8, seed=0)))["images"]
    varied = next(iter(pets["varied"]))["images"]
    kept = [torch.equal(a, b) for a, b in zip(plain, varied, strict=True)]
    turned = [torch.equal(a, b.flip(-1)) for a, b in zip(plain, varied, strict=True)]
    assert any(kept) and any(turned) and all(map(operator.xor, kept, turned))
    assert torch.allclose(pets["new"]["images"], pets["batch"]["images"], atol=1e-6)
    assert float(pets["pixels"].max()) <= 255.001
    assert torch.equal(pets["raw"]["images"], pets["pixels"]) and len(pets["raw"]) == 2
    assert torch.equal(pets["raw"]["target"], pets["batch"]["target"])
    assert torch.allclose(pets["stored"][made.split("test")], made.invert("images", in_test(made)))


def in_test(pets: ptm.Artifact) -> torch.Tensor:
    """The photos of its split test, as batches have them."""
    return torch.cat([batch["images"] for batch in pets.loader("test", 8)])


def test_the_page_on_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The code of docs/checks.md runs as it stands there, and what it says comes of it is so."""
    monkeypatch.chdir(tmp_path)
    page, names = "docs/checks.md", dict[str, Any]()
    exec(code_of(page, "", "python")[0], names)

    def run(section: str) -> None:
        [entry], [code] = (code_of(page, section, language) for language in ("toml", "python"))
        with Path("catalog.toml").open("a", encoding="utf-8") as catalog:
            catalog.write(entry)
        exec(code, names)

    run("Quarantine: samples that cannot be read")
    [bad] = names["rooms"].tables["quarantine"].to_dict("records")
    assert (bad["path"], bad["where"]) == ("rooms.csv", "row 42, column 'celsius'")
    assert names["ref"].bad == 1 and len(names["rooms"].table) == 499
    run("Expectations: what has to be true")
    told = "row 14, column 'hour': expected one of 0, 1, "
    assert names["ref"].warnings[-1].startswith(told)
    assert names["ref"].warnings[-1].endswith(", got 13, and 225 more (rooms.csv)")
    run("Drift: how far samples are from those before")
    text = (ROOT / page).read_text(encoding="utf-8")
    shown = text.rpartition("\n```\n")[0].rpartition("\n```\n")[2] + "\n"
    changes = re.compile(r"[0-9a-f]{12}-[0-9a-f]{12}|If the data is right: .*")
    assert changes.sub("", capsys.readouterr().out) == changes.sub("", shown)
