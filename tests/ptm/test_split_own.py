"""Splits of own kinds, and of entries that are of others row for row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ptm
from ptm import store
from ptm.errors import PtmError
from ptm.model import Artifact
from ptm.rechecking import problem_of_split

pytestmark = pytest.mark.usefixtures("unsynced")
SHAPES = """
import numpy as np

import ptm


def read(options, part):
    values = np.concatenate([np.loadtxt(file.path, "float32", ndmin=2) for file in part.files])
    return ptm.Block(
        {"values": values, "target": (values[:, 0] > 0).astype("int64")},
        rows={"label": [str(int(one)) for one in values[:, 0] > 0]},
        scaling={"values": ptm.Scaling(tuple("abcdef"))},
    )
"""
DOUBLED = """
import ptm


def analyze(options, artifacts):
    [of] = artifacts.values()
    scaling = {"twice": ptm.Scaling(("a", "b"))}
    return ptm.Block({"twice": of.tensors["features"] * 2}, scaling=scaling)
"""
PAIRS = """
import numpy as np

import ptm


def analyze(options, artifacts):
    [of] = artifacts.values()
    values = of.tensors["features"].numpy()
    return ptm.Block(
        {"pairs": np.stack([values[:-1], values[1:]], axis=1)},
        rows={"day": of.table["day"].iloc[1:].tolist()},
    )
"""
CATALOG = """
[catalog]
name = "own"
kinds = { shapes = "shapes.py", doubled = "doubled.py", pairs = "pairs.py" }
"""


def made(root: Path, entries: str) -> dict[str, Artifact]:
    """The artifacts of the entries of a catalog."""
    for name, code in {"shapes": SHAPES, "doubled": DOUBLED, "pairs": PAIRS}.items():
        (root / f"{name}.py").write_text(code)
    (root / "catalog.toml").write_text(CATALOG + entries)
    for source in ptm.load_catalog(root / "catalog.toml", data=root).values():
        ptm.tensorize(source, root / "store")
    names = [line[1:-1] for line in entries.splitlines() if line.startswith("[")]
    return {name: ptm.load(name, root / "store") for name in names}


@pytest.mark.parametrize("size", ["", "part_bytes = 400\n"])
def test_the_content_of_tensors(tmp_path: Path, size: str) -> None:
    """Samples without files are told apart by their tensors, and equal ones are together."""
    random = np.random.default_rng(0)
    (tmp_path / "in").mkdir()
    values = random.normal(size=(10, 20, 6)).astype("float32")
    values[5:] = values[:5]
    for number, some in enumerate(values):
        np.savetxt(tmp_path / "in" / f"{number}.txt", some)
    shares = "split = { train = 0.5, test = 0.5 }\n"
    [found] = made(tmp_path, f'[x]\nkind = "shapes"\npath = "in"\n{shares}{size}').values()
    splits = found.table["split"].tolist()
    assert splits[:100] == splits[100:] and set(splits) == {"train", "test"}
    assert 20 < splits[:100].count("train") < 80
    train = values.reshape(200, 6)[np.array(splits) == "train"].astype(np.float64)
    assert found.scaler
    np.testing.assert_allclose(found.scaler.shift, train.mean(axis=0), rtol=1e-9, atol=1e-12)
    assert found.manifest["split"]["content"] == "tensors"


TABLE = """
[days]
kind = "table"
path = "days.csv"
columns = ["a", "b"]
standardize = false
split = { train = "..2012-03-01", test = "2012-03-02.." }
time = "day"
"""


def write_days(root: Path) -> pd.DataFrame:
    """A row for each of 100 days."""
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(100, 2)), columns=["a", "b"])
    frame["day"] = pd.date_range("2012-01-01", periods=100).strftime("%Y-%m-%d")
    frame.to_csv(root / "days.csv", index=False)
    return frame


@pytest.mark.parametrize("size", ["", "part_bytes = 1000\n"])
def test_row_for_row(tmp_path: Path, size: str) -> None:
    """What is of another with a row for each of its rows has its splits, and learns of train."""
    frame = write_days(tmp_path)
    found = made(tmp_path, f'{TABLE}{size}\n[twice]\nkind = "doubled"\nof = "days"\n')
    assert found["twice"].table["split"].equals(found["days"].table["split"])
    train = frame[found["days"].table["split"] == "train"]
    assert found["twice"].scaler
    np.testing.assert_allclose(found["twice"].scaler.shift, 2 * train[["a", "b"]].mean(), rtol=1e-6)
    assert found["twice"].manifest["split"] == {
        "by": "inherited",
        "of": "days",
        "names": ["train", "test"],
        "samples": {"train": len(train), "test": 100 - len(train)},
    }
    assert found["twice"].split("test").tolist() == found["days"].split("test").tolist()
    assert not any(
        finding.error for finding in store.verify(tmp_path / "store", check=problem_of_split)
    )
    [view] = [view for view in found["twice"].views if view.name == "splits"]
    assert "they are those of days" in view.sentence


def test_a_column_split_is_not_inherited(tmp_path: Path) -> None:
    """Only what ptm has made of a rule is."""
    frame = write_days(tmp_path)
    frame["split"] = ["train", "test"] * 50
    frame.to_csv(tmp_path / "days.csv", index=False)
    plain = TABLE[: TABLE.index("split")] + 'exclude = ["day", "split"]\n'
    found = made(tmp_path, f'{plain}\n[twice]\nkind = "doubled"\nof = "days"\n')["twice"]
    assert found.manifest["split"] == {} and len(found.split("train")) == 100


def test_rows_of_its_own(tmp_path: Path) -> None:
    """An entry of another whose rows are others inherits nothing, and may say its own split."""
    write_days(tmp_path)
    pairs = '\n[pairs]\nkind = "pairs"\nof = "days"\n'
    assert "split" not in made(tmp_path, TABLE + pairs)["pairs"].table
    cuts = 'split = { train = "..2012-02", test = "2012-03.." }\ntime = "day"\n'
    found = made(tmp_path, TABLE + pairs + cuts)["pairs"]
    assert found.table["split"].tolist() == ["train"] * 59 + ["test"] * 40


def test_a_threshold(tmp_path: Path) -> None:
    """What it predicts is a sample for each row."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"a": random.normal(size=60), "y": random.integers(0, 9, 60)})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    entries = """
[x]
kind = "table"
path = "rows.csv"
target = "y"
split = { train = 0.7, test = 0.3 }

[good]
kind = "threshold"
of = "x"
column = "a"
bad_max = 3
good_min = 6
actual_above = 5
"""
    found = made(tmp_path, entries)
    assert found["good"].table["split"].equals(found["x"].table["split"])
    assert not any("split" in told for told in found["good"].manifest["warnings"])


def test_no_rows(tmp_path: Path) -> None:
    """A kind whose samples have no rows is told so."""
    code = "def read(options, part):\n    return ptm.Block({'x': np.zeros(3)})\n"
    entries = '[x]\nkind = "bare"\npath = "in"\nsplit = { train = 1.0 }\n'
    (tmp_path / "bare.py").write_text(f"import numpy as np\n\nimport ptm\n\n\n{code}")
    (tmp_path / "in").write_text("")
    catalog = f'[catalog]\nkinds = {{ bare = "bare.py" }}\n{entries}'
    (tmp_path / "catalog.toml").write_text(catalog)
    [source] = ptm.load_catalog(tmp_path / "catalog.toml", data=tmp_path).values()
    with pytest.raises(PtmError) as raised:
        ptm.tensorize(source, tmp_path / "store")
    assert "expected rows, one for each sample, where there is a 'split', got none" in str(
        raised.value
    )
