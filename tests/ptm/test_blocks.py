"""Blocks, as kinds of one's own return them: taken whole, or refused with all that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from ptm import store
from ptm.blocks import whole
from ptm.errors import BadInput, PtmError
from ptm.model import Bad, Block
from ptm.scaling import Scaler
from tests.support.kinds import published
from tests.support.stores import ABOUT


def problem(block: Any) -> str:
    with pytest.raises(PtmError) as raised:
        whole(block, "kind 'pets'")
    assert not isinstance(raised.value, BadInput)
    return str(raised.value)


FRAME = pd.DataFrame({"breed": ["lab", "pug", "lab"], "age": [1, 2, 1], "kg": [28.0, 7.0, 32.0]})
INDEXED: dict[str, tuple[pd.DataFrame | pd.Series, dict[str, list[Any]]]] = {
    "a group": (
        FRAME.groupby("breed")[["kg"]].mean(),
        {"breed": ["lab", "pug"], "kg": [30.0, 7.0]},
    ),
    "a series": (FRAME.groupby("breed")["kg"].max(), {"breed": ["lab", "pug"], "kg": [32.0, 7.0]}),
    "two levels": (
        FRAME.groupby(["breed", "age"])[["kg"]].sum(),
        {"breed": ["lab", "pug"], "age": [1, 2], "kg": [60.0, 7.0]},
    ),
    "without a name": (
        pd.DataFrame({"kg": [1.0]}, index=["lab"]),
        {"index": ["lab"], "kg": [1.0]},
    ),
    "levels without names": (
        pd.DataFrame({"kg": [1.0]}, index=pd.MultiIndex.from_tuples([("lab", 1)])),
        {"level_0": ["lab"], "level_1": [1], "kg": [1.0]},
    ),
    "numbers": (FRAME[["kg"]][FRAME["kg"] > 10], {"index": [0, 2], "kg": [28.0, 32.0]}),
    "plain": (FRAME[["kg"]], {"kg": [28.0, 7.0, 32.0]}),
    "a slice": (FRAME[["kg"]][1:], {"index": [1, 2], "kg": [7.0, 32.0]}),
    "the first": (FRAME[["kg"]][FRAME["age"] == 1][:1], {"kg": [28.0]}),
    "nobody": (FRAME[["kg"]][FRAME["kg"] > 99], {"kg": []}),
}


@pytest.mark.parametrize("sort", INDEXED)
def test_the_index_of_a_frame_is_kept(sort: str) -> None:
    """It becomes columns, unless it only counts the rows."""
    frame, expected = INDEXED[sort]
    assert whole(Block(tables={"by": frame}), "x").tables["by"].to_pydict() == expected
    assert whole(Block(rows=frame), "x").rows.to_pydict() == expected


def test_an_index_called_as_a_column() -> None:
    """Neither of the two stands for the other: that is said."""
    told = problem(Block(tables={"by": FRAME.set_index("breed", drop=False)}))
    assert "table 'by'" in told and "expected an index" in told and "'breed'" in told
    left = FRAME[FRAME["kg"] > 10].reset_index()
    assert "'index'" in problem(Block(tables={"by": left[left["kg"] > 30]}))


def test_units_of_a_frame(tmp_path: Path) -> None:
    """They go in as `artifact.table` gives them out, those of the index too."""
    frame = FRAME.copy()
    frame.attrs["units"] = {"kg": "kg", "age": "years", "height": "m"}
    indexed = frame.set_index("age")
    block = whole(Block(rows=frame, tables={"by": indexed}), "x")
    published(tmp_path, ABOUT, block)
    loaded = store.load(ABOUT["name"], tmp_path)
    assert loaded.table.attrs["units"] == {"kg": "kg", "age": "years"}
    assert loaded.tables["by"].attrs["units"] == {"kg": "kg", "age": "years"}
    assert loaded.manifest["tables"]["by"]["columns"][0] == {
        "name": "age", "dtype": "int64", "unit": "years",
    }  # fmt: skip
    again = whole(Block(rows=loaded.table), "x").rows
    assert again.schema.equals(block.rows.schema, check_metadata=True)


def test_units_that_are_none() -> None:
    """What is no text is no unit."""
    for units in (["kg"], {"kg": 3}):
        frame = FRAME.copy()
        frame.attrs["units"] = units
        assert "table 'rows'" in problem(Block(rows=frame)) and "units" in problem(
            Block(rows=frame)
        )


def test_a_row_for_each_sample() -> None:
    """Where the first axis is of samples there are as many as rows; of other axes, any number."""
    wrong = Block(
        tensors={"w": np.zeros(5), "x": np.zeros((2, 3)), "y": np.zeros(3), "one": np.array(1.0)},
        axes={"y": ("parameter",)},
        rows={"file": ["a", "b"]},
    )
    told = problem(wrong)
    assert "tensors['w']" in told and "5" in told and "got 2" in told and "'x'" not in told
    right = Block(tensors={"w": np.zeros(2)}, rows={"file": ["a", "b"]})
    assert whole(right, "x").axes == {"w": ("sample",)}
    assert whole(Block(tensors={"w": np.zeros(5)}), "x").rows is None


ARRAYS = {
    "backwards": np.arange(3.0)[::-1],
    "one, backwards": np.arange(1.0)[::-1],
    "the other byte order": np.arange(3, dtype=">f4"),
    "backwards in the other order": np.arange(6, dtype=">i8").reshape(2, 3)[:, ::-1],
    "transposed": np.arange(6.0).reshape(2, 3).T,
    "a field": np.array([(1, 2.5), (2, 3.5)], dtype=[("a", "i1"), ("b", "f8")])["b"],
    "one number": np.array(2.5),
    "none": np.zeros((0, 3)),
}


@pytest.mark.parametrize("sort", ARRAYS)
def test_ordinary_arrays(sort: str) -> None:
    """Whatever their strides and their byte order, shape and values are theirs."""
    array = ARRAYS[sort]
    tensor = whole(Block(tensors={"x": array}), "x").tensors["x"]
    assert tensor.is_contiguous() and tuple(tensor.shape) == array.shape
    assert tensor.tolist() == array.tolist()
    assert tensor.numpy().dtype == array.dtype.newbyteorder("=")


X = torch.zeros(2)
SLIPS: dict[str, tuple[dict[str, Any], str]] = {
    "sparse": ({"tensors": {"w": X.to_sparse()}}, "tensors['w']: expected a dense tensor"),
    "meta": ({"tensors": {"w": X.to("meta")}}, "tensors['w']: expected a dense tensor"),
    "objects": ({"tensors": {"w": np.array(["a"])}}, "tensors['w']: expected a tensor or an"),
    "a number": ({"tensors": {"w": 3}}, "tensors['w']: expected a tensor or an array of"),
    "a list": ({"tensors": [X]}, "tensors: expected tensors by name, got list"),
    "a list of tables": ({"tables": [{"a": [1]}]}, "tables: expected tables by name, got list"),
    "a fact": ({"facts": "two"}, "facts: expected JSON values by name, got str"),
    "axes of nobody": ({"axes": {"v": ("a",)}}, "axes['v']: expected the name of a tensor"),
    "axes that are none": ({"axes": {"w": None}}, "axes['w']: expected a name for each axis"),
    "one axis": ({"axes": {"w": "time"}}, "axes['w']: expected a name for each axis, got 'time'"),
    "axes by number": ({"axes": {"w": (0,)}}, "axes['w']: expected a name for each axis, got (0,)"),
    "too many axes": ({"axes": {"w": ("a", "b")}}, "got 2 for shape [2]"),
    "no mapping of axes": ({"axes": ("a",)}, "axes: expected names of axes by tensor, got tuple"),
    "a tuple for a sample": ({"bad": [("a.txt", "", "1", "2")]}, "bad: expected ptm.Bad"),
    "one sample": ({"bad": Bad("a.txt", "", "1", "2")}, "bad: expected ptm.Bad"),
    "a scaler": ({"scaler": 3}, "scaler: expected a ptm.Scaler, got int"),
    "numbers of a scaler": (
        {"scaler": Scaler("standard", ("a",), (float("nan"),), (1.0,))},
        "scaler: expected finite numbers",
    ),
    "channels of a scaler": (
        {"scaler": Scaler("standard", ("a", "b"), (1.0,), (1.0,))},
        "scaler: expected a shift and a scale for each of its names",
    ),
    "one channel of a scaler": (
        {"scaler": Scaler("standard", ("a",), 1.0, 1.0)},  # type: ignore[arg-type]
        "scaler: expected a shift and a scale for each of its names",
    ),
    "masked": (
        {"tensors": {"w": np.ma.masked_less(np.arange(3.0), 1)}},
        "tensors['w']: expected a tensor or an array of numbers, got one with masked values",
    ),
    "a note": ({"notes": "two are missing"}, "notes: expected sentences, got 'two are missing'"),
    "no note": ({"notes": None}, "notes: expected sentences, got None"),
    "a name of the store": ({"tables": {"inputs": {"a": [1]}}}, "got 'inputs'"),
    "the rows": ({"tables": {"rows": {"a": [1]}}}, "expected the table 'rows' as `rows`"),
    "a name": ({"tables": {"a b": {"a": [1]}}}, "got 'a b'"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_slips(slip: str) -> None:
    """Each is told as what was expected, and what came; it is the only one."""
    fields, message = SLIPS[slip]
    told = problem(Block(**{"tensors": {"w": X}, **fields}))
    assert told.startswith("kind 'pets': ") and message in told and "\n" not in told


def test_all_slips_at_once() -> None:
    """One run tells them all."""
    fields = {name: value for one, _ in SLIPS.values() for name, value in one.items()}
    block = Block(**{**fields, "tensors": {"w": X.to_sparse(), "v": 3}, "axes": {"u": ("a",)}})
    told = problem(block).splitlines()
    starts = ("tensors['w']", "tensors['v']", "axes['u']", "facts", "scaler", "notes", "bad")
    assert all(any(line.split("'pets': ")[-1].strip().startswith(s) for line in told)
               for s in starts)  # fmt: skip


def test_bad_samples() -> None:
    """They are told as bad input, not as what the kind does wrong."""
    with pytest.raises(BadInput, match=r"expected 1, got 2 \(a.txt\)"):
        whole(Block(bad=[Bad("a.txt", "", "1", "2")]), "x")  # type: ignore[arg-type]


def test_tables_of_every_sort() -> None:
    """Arrow tables, frames, columns and rows by name are the same table."""
    arrow = pa.table({"a": [1, 2], "b": ["x", "y"]})
    for table in (arrow, arrow.to_pandas(), arrow.to_pydict(), arrow.to_pylist()):
        found = whole(Block(tables={"t": table}), "x").tables["t"]
        assert found.to_pydict() == arrow.to_pydict()
