"""Arrow columns are those that Arrow itself makes, and nothing that makes tensors needs pandas."""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptm import arrow
from ptm.book.sample import make_sample
from tests.support.stores import BOOK

ARRAYS = [
    np.arange(5, dtype=np.int64),
    np.array([1.5, np.nan, -0.0]),
    np.array([], dtype=np.float32),
    np.arange(10, dtype=np.float32)[::3],
    np.array([[1, 2], [3, 4]]).T[0],
    np.arange(20) % 3 == 0,
    np.array([], dtype=bool),
    np.array(["2011-01-01", "1969-12-31"], dtype="datetime64[D]"),
    np.arange(3, dtype=np.uint8),
]


@pytest.mark.parametrize("values", ARRAYS)
def test_arrays(values: Any) -> None:
    """An array becomes what Arrow makes of it, whatever its type, its strides and its length."""
    found, expected = arrow.column(values), pa.array(values)
    assert found.type == expected.type and str(found.to_pylist()) == str(expected.to_pylist())
    found.validate(full=True)


@given(st.lists(st.text()), st.booleans())
def test_texts(values: list[str], large: bool) -> None:
    """Texts become what Arrow makes of them."""
    kind = pa.large_string() if large else pa.string()
    found = arrow.texts(values, large)
    assert found.equals(pa.array(values, kind))
    found.validate(full=True)


@pytest.mark.parametrize("values", [[1, 2], [0.5, 1.0], ["a"], []])
def test_sequences(values: list[Any]) -> None:
    """Sequences of Python's numbers and texts are int64, float64, string."""
    expected = pa.array(values, pa.string()) if not values else pa.array(values)
    assert arrow.column(values).equals(expected)


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.int32()])
def test_numbers(kind: pa.DataType) -> None:
    """Numbers come back whatever the chunks, and slices of them, are."""
    whole = pa.array(range(10), kind)
    for values in (
        whole,
        whole.slice(3, 4),
        pa.chunked_array([whole.slice(1, 3), whole.slice(7)]),
        pa.chunked_array([whole.slice(0, 0)], kind),
        pa.chunked_array([], kind),
    ):
        assert arrow.numbers(values).tolist() == values.to_pylist()
        assert arrow.numbers(values).dtype == kind.to_pandas_dtype()


def test_tables_with_units() -> None:
    """A table has its columns in their order, and units where there are some."""
    day = np.array(["2011-01-01"], dtype="datetime64[D]")
    found = arrow.table({"a": [1], "b": pa.array(["x"]), "c": day}, {"a": "mm"})
    assert found.to_pydict() == {"a": [1], "b": ["x"], "c": [datetime.date(2011, 1, 1)]}
    assert [field.metadata for field in found.schema] == [{b"unit": b"mm"}, None, None]


CHILD = """
import sys, ptm
catalog = ptm.load_catalog(sys.argv[1], data=sys.argv[2])
for name in ("dog", "cats", "ct", "wine", "bikes", "austen", "temperature"):
    ref = ptm.tensorize(catalog[name], sys.argv[3])
    assert not ref.cached and "pandas" not in sys.modules, name
"""


def test_sources_are_made_without_pandas(tmp_path: Path) -> None:
    """No kind that reads files imports pandas, which takes a quarter of a second, by the way."""
    make_sample(tmp_path / "data")
    places = [str(place) for place in (BOOK, tmp_path / "data", tmp_path / "store")]
    subprocess.run([sys.executable, "-c", CHILD, *places], check=True, timeout=120)
