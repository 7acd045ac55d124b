"""The key changes with all that decides the content, and with nothing else."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import ptm
from ptm.catalog import load_catalog
from ptm.key import make_key, package_versions
from ptm.model import Block
from ptm.prepare import tensorize
from tests.support.kinds import published
from tests.support.stores import about


def test_key_of_values() -> None:
    """Equal values have an equal key, 64 hex digits; another value or order has another."""
    assert make_key({"a": 1, "b": [1, 2]}) == make_key({"a": 1, "b": [1, 2]})
    keys = {
        make_key(value)
        for value in ({"a": [1, 2]}, {"a": [2, 1]}, {"a": [1, "2"]}, {"a": [12]}, {"a": ["ä"]})
    }
    assert len(keys) == 5 and all(len(k) == 64 and int(k, 16) for k in keys)


PAIRS: list[tuple[Any, Any]] = [
    (1, "1"),
    (1, 1.5),
    (1, True),
    (0, None),
    (None, "null"),
    ([], {}),
    ([1, 2], [2, 1]),
    ([1, 2], [[1], 2]),
    (["a", "b"], ["a,b"]),
    ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
    ({"a": {"b": 1}}, {"a.b": 1}),
    ("é", "e\u0301"),
]


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=str)
def test_values_that_differ(one: Any, other: Any) -> None:
    """Values that look alike (1 and "1", an order, two values swapped) have keys that differ."""
    assert make_key({"options": {"x": one}}) != make_key({"options": {"x": other}})
    if not isinstance(one, dict):
        assert make_key({"x": one, "y": other}) != make_key({"x": other, "y": one})


def test_order_of_a_table_does_not_count() -> None:
    """The order in which a table was written down decides nothing."""
    assert make_key({"a": {"x": 1, "y": 2}, "b": 3}) == make_key({"b": 3, "a": {"y": 2, "x": 1}})


def test_a_whole_number_is_a_number(key_of: Callable[..., str]) -> None:
    """1 and 1.0 in an option that takes any number are one value, and one key."""
    inline = {"path": "", "columns": ["a", "b"]}
    assert key_of(**inline, rows=[[1, 2]]) == key_of(**inline, rows=[[1.0, 2.0]])
    assert key_of(**inline, rows=[[1, 2]]) != key_of(**inline, rows=[[2, 1]])


def test_arrays_that_differ_in_type_or_shape_only(tmp_path: Path) -> None:
    """What an analysis reads counts with dtype, shape and names, not only with its raw bytes."""
    raw = torch.zeros(2, 3)
    alike = {
        "as it is": {"x": raw},
        "turned": {"x": raw.reshape(3, 2)},
        "of another type": {"x": raw.view(torch.int32)},
        "of another name": {"y": raw},
    }
    digests = set()
    for number, tensors in enumerate(alike.values()):
        content = Block(tensors, dict.fromkeys(tensors, ("a", "b")))
        published(tmp_path, about(number), content)
        [part] = ptm.load("planted", tmp_path).manifest["parts"]
        digests.add(part["files"]["tensors"][1])
    assert len(digests) == len(alike)


def test_package_versions() -> None:
    """The versions are those installed, in order of name."""
    versions = package_versions(("torch", "numpy"))
    assert list(versions) == ["python", "numpy", "torch"]
    # what it says of its build (+cpu, +cu130) is not in the metadata of every wheel
    assert torch.__version__.startswith(versions["torch"])
    assert versions["python"] == f"{sys.version_info.major}.{sys.version_info.minor}"


BASE = {"kind": "table", "path": "t.csv", "measures": {"b": "ordinal"}, "units": {"a": "mm"}}
OPTIONS: list[dict[str, Any]] = [
    {"standardize": False},
    {"columns": ["a", "b"]},
    {"columns": ["b", "a"]},
    {"target": "b"},
    {"target": "b", "classes": 5},
    {"target": "b", "classes": 6},
    {"measures": {"a": "ordinal"}},
    {"units": {"a": "cm"}},
    {"encoding": "latin-1"},
]


@pytest.fixture
def key_of(tmp_path: Path) -> Callable[..., str]:
    """The key of a small table, made with options of the catalog."""

    def key_of(data: Path = tmp_path, **options: Any) -> str:
        (tmp_path / "t.csv").exists() or (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")
        catalog = tmp_path / "c.toml"
        entry = (f"{name} = {_toml(value)}" for name, value in {**BASE, **options}.items())
        catalog.write_text("[t]\n" + "\n".join(entry) + "\n")
        return tensorize(load_catalog(catalog, data)["t"], tmp_path / "store").key

    def _toml(value: Any) -> str:
        if isinstance(value, dict):
            return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
        return json.dumps(value)

    return key_of


def test_every_option_counts(key_of: Callable[..., str]) -> None:
    """Each change of an option, even of the order of columns, is another key."""
    keys = [key_of(), *(key_of(**options) for options in OPTIONS)]
    assert len(set(keys)) == len(keys)


def test_touch_changes_nothing(key_of: Callable[..., str], tmp_path: Path) -> None:
    """A file with another time but the same bytes has the same key."""
    before = key_of()
    os.utime(tmp_path / "t.csv", ns=(1, 1))
    assert key_of() == before


def test_one_byte_counts(key_of: Callable[..., str], tmp_path: Path) -> None:
    """One changed byte of the input is another key."""
    before = key_of()
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,5\n")
    assert key_of() != before


def test_place_and_name_of_a_table_do_not_count(key_of: Callable[..., str], tmp_path: Path) -> None:
    """The same bytes in another data root, or under another name, have the same key."""
    before = key_of()
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(tmp_path / "t.csv", other / "u.csv")
    assert key_of(other, path="u.csv") == before


def test_names_of_images_count(tmp_path: Path) -> None:
    """Images carry their names into the table, so another name is another key."""
    from PIL import Image

    keys = []
    for name in ("a.png", "b.png"):
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        Image.new("RGB", (3, 3)).save(folder / name)
        (tmp_path / "c.toml").write_text(f'[x]\nkind = "images"\npath = "{folder.name}"\n')
        source = load_catalog(tmp_path / "c.toml", tmp_path)["x"]
        keys.append(tensorize(source, tmp_path / "store").key)
    assert keys[0] != keys[1]
