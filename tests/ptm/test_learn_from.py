"""A later file is encoded by what another entry learned: columns, order, scaler, categories."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import ptm
from ptm.errors import ArtifactMissing, CatalogError, InputError
from ptm.explain import explain

TRAIN = "age,city,y\n10,Ulm,0\n20,Bonn,1\n30,Ulm,1\n"  # mean 20, standard deviation 10
ENTRIES = """
[test]
kind = "table"
path = "test.csv"
learn_from = "train"

[train]
kind = "table"
path = "train.csv"
target = "y"
classes = 2
measures = { city = "categorical" }
"""
Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """run(test, more, train): makes both of such files, `more` being more of test's entry."""

    def run(test: str, more: str = "", train: str = TRAIN, **how: Any) -> Any:
        (tmp_path / "train.csv").write_text(train)
        (tmp_path / "test.csv").write_text(test)
        entries = ENTRIES.replace('learn_from = "train"\n', f'learn_from = "train"\n{more}\n')
        (tmp_path / "c.toml").write_text(entries)
        catalog = ptm.load_catalog(tmp_path / "c.toml", data=tmp_path)
        store = tmp_path / "store"
        assert list(catalog) == ["train", "test"]  # what is learned from comes first
        ptm.tensorize(catalog["train"], store)
        ref = ptm.tensorize(catalog["test"], store, **how)
        return ref, ptm.load("test", store)

    return run


def test_scaled_by_the_other(run: Run) -> None:
    """(40 - 20) / 10 is 2, by train's mean and deviation; columns may come in another order."""
    _, test = run("y,city,age\n1,Bonn,40\n0,Ulm,20\n")
    assert test.manifest["facts"]["features"] == ["age", "city=Bonn", "city=Ulm"]
    assert test.tensors["features"].tolist() == [[2, 1, 0], [0, 0, 1]]
    assert test.tensors["target"].tolist() == [1, 0]


def test_without_the_target(run: Run) -> None:
    """Data of a competition has none: all else is as with it."""
    _, test = run("age,city\n40,Bonn\n")
    assert test.tensors["features"].tolist() == [[2, 1, 0]]
    assert list(test.tensors) == ["features"]
    assert test.manifest["facts"]["target"] is None


def test_unseen_category(run: Run) -> None:
    """A category that train has not is 0 throughout, and told."""
    ref, test = run("age,city\n20,Rom\n20,Ulm\n")
    assert test.tensors["features"].tolist() == [[0, 0, 0], [0, 0, 1]]
    assert any("1 row has a category that train has not" in one for one in ref.warnings)


def test_columns_are_compared(run: Run) -> None:
    """What lacks and what is more are told together, with the way out."""
    with pytest.raises(InputError) as told:
        run("city,size,shoe\nUlm,1,2\n")
    said = str(told.value)
    assert "test.csv" in said and "the columns of 'train', age among them" in said
    assert 'exclude = ["size", "shoe"]' in said


def test_more_columns_left_out(run: Run) -> None:
    """Columns of its own stay in the table as texts, when the entry says so."""
    _, test = run("id,age,city\n007,20,Ulm\n", 'exclude = ["id"]')
    assert test.table["id"].tolist() == ["007"]
    assert test.tensors["features"].tolist() == [[0, 0, 1]]


@pytest.mark.parametrize("more", ["part_bytes = 64", 'store = "raw"'])
def test_in_parts_and_raw(run: Run, more: str) -> None:
    """However it is cut and stored, batches are the same."""
    rows = "age,city\n" + "".join(f"{age},Ulm\n" for age in range(200))
    _, test = run(rows, more)
    batch = next(iter(test.loader("train", 200, shuffle=False)))
    ages = (torch.arange(200, dtype=torch.float64) - 20) / 10
    assert torch.equal(batch["features"][:, 0], ages.float())


def test_up_to_date(run: Run, tmp_path: Path) -> None:
    """It is made again when what train learned has changed, and only then."""
    test = "age,city\n40,Bonn\n"
    assert not run(test)[0].cached
    assert run(test)[0].cached
    swapped = "age,city,y\n30,Ulm,1\n20,Bonn,1\n10,Ulm,0\n"  # the same is learned of these
    assert run(test, train=swapped)[0].cached
    ref, loaded = run(test, train=TRAIN + "60,Ulm,1\n")
    assert not ref.cached and "what it learned changed" in ref.why
    assert "what it learned changed" in explain("test", tmp_path / "store").why
    assert loaded.learned.scalers == ptm.load("train", tmp_path / "store").learned.scalers


def test_plan(run: Run, tmp_path: Path) -> None:
    """A dry run tells that test waits for train."""
    run("age,city\n40,Bonn\n")
    (tmp_path / "train.csv").write_text(TRAIN + "60,Ulm,1\n")
    catalog = ptm.load_catalog(tmp_path / "c.toml", data=tmp_path)
    from ptm.prepare import plan

    plans = plan(catalog.values(), tmp_path / "store")
    assert [one.action for one in plans] == ["make", "maybe"]


def test_not_made_yet(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("age,city\n1,Ulm\n")
    (tmp_path / "c.toml").write_text(ENTRIES)
    catalog = ptm.load_catalog(tmp_path / "c.toml", data=tmp_path)
    with pytest.raises(ArtifactMissing, match="train"):
        ptm.tensorize(catalog["test"], tmp_path / "store")


def test_groups_of_train_are_no_features(tmp_path: Path) -> None:
    """Train's split, and its columns of groups, do not make test come to splits."""
    (tmp_path / "train.csv").write_text("age,who\n" + "".join(f"{n},{n % 9}\n" for n in range(90)))
    (tmp_path / "test.csv").write_text("age,who\n7,1\n")
    split = 'split = { train = 0.5, val = 0.5 }\ngroup = "who"\n'
    (tmp_path / "c.toml").write_text(
        f'[train]\nkind = "table"\npath = "train.csv"\n{split}'
        '[test]\nkind = "table"\npath = "test.csv"\nlearn_from = "train"\n'
    )
    catalog = ptm.load_catalog(tmp_path / "c.toml", data=tmp_path)
    for entry in catalog.values():
        ptm.tensorize(entry, tmp_path / "store")
    train, test = (ptm.load(name, tmp_path / "store") for name in ("train", "test"))
    assert test.manifest["facts"]["features"] == ["age"]
    assert test.split("train").tolist() == [0]
    expected = train.transform({"age": [7]})["features"]
    assert torch.equal(test.tensors["features"], expected)


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ('[a]\nkind = "table"\npath = "a"\nlearn_from = "b"', "an entry of this catalog, got 'b'"),
        ('[a]\nkind = "table"\npath = "a"\nlearn_from = "a"', "do not wait for each other"),
        (
            '[a]\nkind = "table"\npath = "a"\nlearn_from = "b"\n[b]\nkind = "images"\npath = "b"',
            "an entry of the kind 'table', got the images 'b'",
        ),
        (
            '[a]\nkind = "table"\npath = "a"\nlearn_from = "b"\n'
            '[b]\nkind = "table"\npath = "b"\nlearn_from = "c"\n[c]\nkind = "table"\npath = "c"',
            "one that learns of its own samples, got 'b'",
        ),
        ('[a]\nkind = "text"\npath = "a"\nlearn_from = "b"', "learn_from: unknown option"),
    ],
)
def test_refused_catalogs(tmp_path: Path, entries: str, told: str) -> None:
    (tmp_path / "c.toml").write_text(entries)
    with pytest.raises(CatalogError, match="learn_from") as error:
        ptm.load_catalog(tmp_path / "c.toml")
    assert told in str(error.value)


def test_other_words_on_what_is_learned(run: Run) -> None:
    """What was learned with a fill cannot be applied with another one: both are told."""
    with pytest.raises(CatalogError) as told:
        run("age,city\n1,Ulm\n", 'missing = { age = "mean" }\nstandardize = false')
    assert "[test] missing: expected what [train] says" in str(told.value)
    assert "[test] standardize" in str(told.value)


GAPS = """
[test]
kind = "table"
path = "test.csv"
learn_from = "train"

[train]
kind = "table"
path = "train.csv"
target = "kind"
measures = { kind = "categorical" }
missing = { age = "median" }
indicator = ["age"]
"""


def made(folder: Path, train: str, test: str) -> Any:
    (folder / "train.csv").write_text(train)
    (folder / "test.csv").write_text(test)
    (folder / "c.toml").write_text(GAPS)
    catalog = ptm.load_catalog(folder / "c.toml", data=folder)
    for entry in catalog.values():
        ptm.tensorize(entry, folder / "store")
    return ptm.load("test", folder / "store")


def test_gaps_and_named_classes(tmp_path: Path) -> None:
    """Gaps of test are filled with the median of train, and its classes have train's places."""
    train = "age,fare,kind\n1,1,cat\n3,2,dog\n5,3,emu\n,3,cat\n"  # 1, 3, 5 and the median 3
    test = made(tmp_path, train, "age,fare,kind\n,1,emu\n9,2,cat\n")
    assert test.manifest["facts"]["features"] == ["age", "age.missing", "fare"]
    scale = (8 / 3) ** 0.5  # of 1, 3, 5, 3
    ages = [[0.0, 1.0], [6 / scale, 0.0]]
    torch.testing.assert_close(test.tensors["features"][:, :2], torch.tensor(ages))
    assert test.tensors["target"].tolist() == [2, 0]
    assert test.manifest["facts"]["classes"] == ["cat", "dog", "emu"]


def test_gaps_that_train_has_not(tmp_path: Path) -> None:
    """What may be missing has to be said where it is learned."""
    with pytest.raises(InputError, match=r'missing.fare = "median" in \[train\]'):
        made(tmp_path, "age,fare,kind\n1,1,cat\n3,2,dog\n", "age,fare\n1,\n")


def test_unknown_class(tmp_path: Path) -> None:
    """A class that train has not has no place among the classes."""
    with pytest.raises(InputError, match="one of the classes of 'train': cat, dog, got yak"):
        made(tmp_path, "age,fare,kind\n1,1,cat\n3,2,dog\n", "age,fare,kind\n1,1,yak\n")


PHOTOS = """
[test]
kind = "images"
path = "test"
learn_from = "train"

[train]
kind = "images"
path = "train"
labels = "folder"
standardize = true
store = "raw"
"""


def photo(place: Path, level: int, size: tuple[int, int] = (2, 2)) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, level).save(place)


def test_photos(tmp_path: Path) -> None:
    """Photos without labels are scaled by the mean and deviation of those for training."""
    for level, name in ((0, "a/0.png"), (255, "a/1.png"), (0, "b/2.png"), (255, "b/3.png")):
        photo(tmp_path / "train" / name, level)
    photo(tmp_path / "test" / "9.png", 255)
    (tmp_path / "c.toml").write_text(PHOTOS)
    catalog = ptm.load_catalog(tmp_path / "c.toml", data=tmp_path)
    for entry in catalog.values():
        ptm.tensorize(entry, tmp_path / "store")
    test = ptm.load("test", tmp_path / "store")
    assert list(test.tensors) == ["images"] and test.tensors["images"].dtype == torch.uint8
    [batch] = test.loader("train", 1)
    # 16 values, half of them 0 and half 1: mean 0.5, deviation (n - 1) of (4 / 15) ** 0.5
    expected = torch.full((1, 1, 2, 2), 0.5 / (4 / 15) ** 0.5)
    torch.testing.assert_close(batch["images"], expected)


def test_photos_of_other_channels(tmp_path: Path) -> None:
    """What was learned of gray says nothing of colours."""
    for level in (0, 255):
        photo(tmp_path / "train" / "a" / f"{level}.png", level)
    (tmp_path / "test").mkdir()
    Image.new("RGB", (2, 2)).save(tmp_path / "test" / "9.png")
    (tmp_path / "c.toml").write_text(PHOTOS)
    catalog = ptm.load_catalog(tmp_path / "c.toml", data=tmp_path)
    ptm.tensorize(catalog["train"], tmp_path / "store")
    with pytest.raises(InputError, match="channels of 'images' as 'train' has, gray, got red"):
        ptm.tensorize(catalog["test"], tmp_path / "store")
