"""Targets of tables: classes with names, flags, numbers, several of them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ptm.errors import CatalogError, InputError
from tests.support.rows import features, made, ref_of, source

pytestmark = pytest.mark.usefixtures("unsynced")
NAMED = 'target = "y"\nmeasures = { y = "categorical" }\n'


@pytest.mark.parametrize("size", [1 << 20, 20])
def test_classes_with_names(tmp_path: Path, size: int) -> None:
    """A text is its place among all that there are, sorted; the facts name them."""
    flowers = ["virginica", "setosa", "versicolor", "setosa", "Über", "setosa"]
    text = "x,y\n" + "".join(f"{n},{one}\n" for n, one in enumerate(flowers))
    found = made(tmp_path, text, f"{NAMED}part_bytes = {size}")
    names = ["setosa", "versicolor", "virginica", "Über"]
    assert found.manifest["facts"]["classes"] == names and found.learned is not None
    assert found.learned.classes == {"y": tuple(names)}
    target = found.tensors["target"]
    assert target.dtype == torch.int64 and set(found.tensors) == {"features", "target"}
    assert [names[code] for code in target.tolist()] == flowers
    assert found.table["y"].tolist() == flowers
    assert found.manifest["facts"]["features"] == ["x"]
    assert found.transform({"x": [0, 5]})["features"].shape == (2, 1)


def test_numbers_as_classes(tmp_path: Path) -> None:
    """Their texts are the names; leading zeros tell them apart, and the order is that of texts."""
    found = made(tmp_path, "x,y\n1,10\n2,9\n3,09\n4,9\n", NAMED)
    assert found.manifest["facts"]["classes"] == ["09", "10", "9"]
    assert found.tensors["target"].tolist() == [1, 2, 0, 2]


def test_classes_in_an_order(tmp_path: Path) -> None:
    """Where the entry has an order for them, a class is its place there; another is refused."""
    text = "x,y\n1,high\n2,low\n3,mid\n"
    for measure in ("", 'measures = { y = "categorical" }\n', 'measures = { y = "ordinal" }\n'):
        more = f'target = "y"\n{measure}order = {{ y = ["low", "mid", "high", "top"] }}'
        found = made(tmp_path, text, more)
        assert found.tensors["target"].tolist() == [2, 0, 1]
        assert found.manifest["facts"]["classes"] == ["low", "mid", "high", "top"]
    with pytest.raises(InputError, match="row 1, column 'y': expected one of low, mid, got 'high'"):
        ref_of(tmp_path, text, 'target = "y"\norder = { y = ["low", "mid"] }')


def test_flags(tmp_path: Path) -> None:
    """A boolean target is 0 or 1, its classes are false and true, whichever there are."""
    found = made(
        tmp_path, "x,y\n1,yes\n2,No\n3,TRUE\n", 'target = "y"\nmeasures = { y = "boolean" }'
    )
    assert found.tensors["target"].tolist() == [1, 0, 1]
    assert found.tensors["target"].dtype == torch.int64
    assert found.manifest["facts"]["classes"] == ["false", "true"]
    assert found.table["y"].tolist() == [True, False, True]
    text = "x,y\n1,yes\n2,y\n"
    alone = made(tmp_path, text, 'target = "y"\nmeasures = { y = "boolean" }')
    assert "target 'y': train has no row of a class: false" in alone.manifest["warnings"]


def test_a_class_that_train_has_not(tmp_path: Path) -> None:
    """It is a class all the same, and that is told."""
    (tmp_path / "splits.csv").write_text("row,split\n1,train\n2,train\n3,val\n4,train\n")
    more = f'{NAMED}split = {{ file = "splits.csv" }}'
    found = made(tmp_path, "x,y\n1,a\n2,c\n3,b\n4,a\n", more)
    assert found.tensors["target"].tolist() == [0, 2, 1, 0]
    assert "target 'y': train has no row of a class: b" in found.manifest["warnings"]


def test_one_class(tmp_path: Path) -> None:
    """It is told that there is nothing to tell apart."""
    found = made(tmp_path, "x,y\n1,a\n2,a\n", NAMED)
    assert "target 'y' has one class only: 'a'" in found.manifest["warnings"]
    assert found.tensors["target"].tolist() == [0, 0]


def test_several_numbers(tmp_path: Path) -> None:
    """They are one tensor, in the order of the entry, in the units of the file."""
    text = "a,x,b\n1,5,0.5\n2,6,1.5\n4,9,2.5\n"
    found = made(tmp_path, text, 'target = ["b", "a"]\nunits = { a = "mm" }')
    assert found.tensors["target"].tolist() == [[0.5, 1], [1.5, 2], [2.5, 4]]
    assert found.tensors["target"].dtype == torch.float32
    assert found.manifest["tensors"]["target"]["axes"] == ["sample", "target"]
    assert found.manifest["facts"]["target"] == ["b", "a"]
    assert found.manifest["facts"]["features"] == ["x"]
    cut = made(tmp_path, text, 'target = ["b", "a"]\npart_bytes = 10', to="cut")
    assert len(cut.parts) > 1 and torch.equal(cut.tensors["target"], found.tensors["target"])
    single = made(tmp_path, text, 'target = ["b"]', to="single")
    assert single.tensors["target"].shape == (3,) and single.manifest["options"]["target"] == "b"


def test_several_of_both_sorts(tmp_path: Path) -> None:
    """Each target of classes is a tensor of its own; numbers beside them keep their axis."""
    text = "x,price,the kind,sold\n1,2.5,b,yes\n2,3.5,a,no\n3,4.5,b,no\n"
    more = (
        'target = ["price", "the kind", "sold"]\n'
        'measures = { "the kind" = "categorical", sold = "boolean" }'
    )
    found = made(tmp_path, text, more)
    assert found.tensors["target"].tolist() == [[2.5], [3.5], [4.5]]
    assert found.tensors["target_the_kind"].tolist() == [1, 0, 1]
    assert found.tensors["target_sold"].tolist() == [1, 0, 0]
    assert found.manifest["facts"]["classes"] == {"the kind": ["a", "b"], "sold": ["false", "true"]}
    assert [view.name for view in found.views if "classes" in view.name] == [
        "classes-the-kind", "classes-sold"
    ]  # fmt: skip
    [batch] = found.loader("train", batch_size=3, shuffle=False)
    assert set(batch) == {"features", "target", "target_the_kind", "target_sold"}


def test_several_targets_downstream(tmp_path: Path) -> None:
    """None of them is a feature by which samples are split, compared or suspected."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"x": random.normal(size=120), "z": random.normal(size=120)})
    frame["a"] = frame["x"] * 2
    frame["b"] = np.where(frame["z"] > 0, "up", "down")
    more = (
        'target = ["a", "b"]\nmeasures = { b = "categorical" }\n'
        "split = { train = 0.7, val = 0.3 }\n"
        "expect = { columns.a = { max = 100 } }"
    )
    found = made(tmp_path, frame, more)
    said = [one["column"] for one in found.manifest["split"]["suspects"]]
    assert said == ["x", "z"], "each gives one of the targets away"
    again = made(tmp_path, frame.assign(a=0.0, b="up"), more, to="other")
    assert found.table["split"].equals(again.table["split"])
    import ptm.store

    assert not [one for one in ptm.store.verify(tmp_path / "store") if one.error]
    with pytest.raises(InputError, match="classes: expected a target among the columns"):
        ref_of(tmp_path, frame, more.replace("columns.a = { max = 100 }", "classes = 2"))


def test_missing_targets(tmp_path: Path) -> None:
    """Rows without one are left out where the entry says so."""
    text = "x,y,z\n1,a,1\n2,,2\n3,b,\n4,a,4\n"
    more = 'target = ["y", "z"]\nmeasures = { y = "categorical" }\n'
    more += 'missing = { y = "drop", z = "drop" }'
    found = made(tmp_path, text, more)
    assert found.tensors["target"].tolist() == [[1], [4]]
    assert found.tensors["target_y"].tolist() == [0, 0]
    assert found.manifest["facts"]["classes"] == {"y": ["a"]}
    assert found.manifest["facts"]["left_out"] == {"y": 1, "z": 1}


def test_class_balance(tmp_path: Path) -> None:
    """The view of classes has them by name."""
    found = made(
        tmp_path, "x,y\n1,yes\n2,no\n3,yes\n", 'target = "y"\nmeasures = { y = "boolean" }'
    )
    [view] = [view for view in found.views if view.name == "classes"]
    assert view.sentence == "How many rows each class of y has; of 2 classes 2 occur."
    assert view.picture.startswith(b"\x89PNG")
    more = 'target = "y"\norder = { y = ["yes", "no", "maybe"] }'
    found = made(tmp_path, "x,y\n1,yes\n2, no\n3,yes\n", more, to="order")
    [view] = [view for view in found.views if view.name == "classes"]
    assert view.sentence == "How many rows each class of y has; of 3 classes 2 occur."


def test_balanced_batches_of_named_classes(tmp_path: Path) -> None:
    """A loader balances them as it does classes of numbers."""
    text = "x,y\n" + "".join(f"{n},{'rare' if n % 10 == 0 else 'usual'}\n" for n in range(40))
    found = made(tmp_path, text, NAMED)
    counts = sum(
        torch.bincount(batch["target"], minlength=2)
        for batch in found.loader("train", batch_size=8, balanced=True)
    )
    assert counts.tolist() == [20, 20]  # type: ignore[union-attr]
    assert features(found)["x"].std() == pytest.approx(1)


WRONG = {
    "classes by two words": (
        'target = "a"\nclasses = 3\nmeasures = { a = "categorical" }',
        "no 'classes' of 'a': its values say them",
    ),
    "classes of several": (
        'target = ["a", "c"]\nclasses = 3',
        "one target where there are 'classes', got 2",
    ),
    "classes of none": ("classes = 3", "a 'target' where there are 'classes'"),
    "twice": ('target = ["a", "a"]', "each 'target' once"),
    "left out": (
        'target = ["a", "c"]\nexclude = ["c"]',
        "a 'target' that is not left out, got 'c'",
    ),
    "names of tensors": (
        'target = ["a b", "a_b"]\nmeasures = { "a b" = "boolean", a_b = "boolean" }',
        "targets whose tensors have different names",
    ),
}


@pytest.mark.parametrize("sort", WRONG)
def test_what_an_entry_cannot_say(tmp_path: Path, sort: str) -> None:
    """It is told when the catalog is read."""
    more, told = WRONG[sort]
    with pytest.raises(CatalogError, match=re.escape(told)):
        source(tmp_path, "a,c\n1,u\n", more)
