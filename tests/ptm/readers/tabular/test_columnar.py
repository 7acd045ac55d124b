"""Parquet and Arrow files: the values that were written, whole and by groups of rows."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import feather, parquet

from ptm.errors import BadInput
from ptm.readers.delimited.columns import read_delimited
from ptm.readers.delimited.dialect import PLAIN, Dialect
from ptm.readers.tabular.opening import names_of
from tests.support.delimited import SHARED_FOLDER
from tests.support.tables import in_pieces, pieces_of

ROWS = 7  # of a group


def _ipc(table: pa.Table, path: Path, how: Callable[..., Any], **options: Any) -> None:
    with how(str(path), table.schema, **options) as writer:
        writer.write_table(table, max_chunksize=ROWS)


WRITERS: dict[str, Callable[[pa.Table, Path], None]] = {
    "parquet": lambda table, path: parquet.write_table(table, path, row_group_size=ROWS),
    "arrow": lambda table, path: _ipc(table, path, pa.ipc.new_file),
    "stream": lambda table, path: _ipc(table, path, pa.ipc.new_stream),
    "feather": lambda table, path: feather.write_feather(table, path, "zstd", chunksize=ROWS),
}


@pytest.fixture(params=WRITERS)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Any], Path]:
    """A file of columns, in one of the formats."""

    def written(columns: Any) -> Path:
        table = columns if isinstance(columns, pa.Table) else pa.table(columns)
        path = tmp_path / "t.csv"  # its name says nothing
        WRITERS[request.param](table, path)
        return path

    return written


def numbers(kind: pa.DataType, values: list[Any]) -> pa.Array:
    return pa.array(values, kind)


TYPES = {
    **{str(kind): (kind, [1, 0, 3], [1.0, 0.0, 3.0]) for kind in (pa.int8(), pa.uint16())},
    "int64": (pa.int64(), [2**53 + 1, -5, 2**63 - 1], [2**53 + 1, -5, 2**63 - 1]),
    "uint64": (pa.uint64(), [2**64 - 2048, 1], [float(2**64 - 2048), 1.0]),
    "float16": (pa.float16(), [np.float16(0.1)], [float(np.float16(0.1))]),
    "float32": (pa.float32(), [0.1, 1e30], [float(np.float32(0.1)), float(np.float32(1e30))]),
    "float64": (pa.float64(), [0.1, 1e300, 2.0**60], [0.1, 1e300, 2.0**60]),
    "decimal": (pa.decimal128(25, 3), [decimal.Decimal("0.125"), decimal.Decimal("1e20")], None),
    "large integers of decimals": (
        pa.decimal128(38, 0),
        [decimal.Decimal(2**53 + 1), decimal.Decimal(7)],
        [2**53 + 1, 7],
    ),
    "texts": (pa.large_string(), ["1.5", " 2e3 "], [1.5, 2000.0]),
    "coded texts": (pa.dictionary(pa.int8(), pa.string()), ["1.5", "1.5", "2"], [1.5, 1.5, 2.0]),
}


@pytest.mark.parametrize("name", TYPES)
def test_numbers(written: Callable[[Any], Path], name: str) -> None:
    """Each type that holds numbers, as float64, or int64 where float64 would round."""
    kind, values, wanted = TYPES[name]
    if kind == pa.float16() and "arrow" in str(written):
        pytest.skip("not in every format")
    path = written({"x": pa.array(values, kind)})
    found = read_delimited(path, unscaled=frozenset())["x"]
    assert found.to_pylist() == ([float(value) for value in values] if wanted is None else wanted)
    assert found.type == (pa.int64() if isinstance((wanted or [0.0])[0], int) else pa.float64())
    aside: list[Any] = []
    assert read_delimited(path, unscaled=frozenset(), aside=aside)["x"].equals(found)


ZONED = datetime.timezone(datetime.timedelta(hours=2))
TEXTS: dict[str, tuple[pa.DataType, list[Any], list[str]]] = {
    "flags": (pa.bool_(), [True, False, None], ["true", "false", ""]),
    "integers": (pa.int64(), [7, None, 2**62], ["7", "", str(2**62)]),
    "floats": (pa.float64(), [7.0, 0.5, None, float("nan"), 1e20], ["7", "0.5", "", "", "1e+20"]),
    "dates": (pa.date32(), [datetime.date(2020, 2, 29), None], ["2020-02-29", ""]),
    "date64": (pa.date64(), [datetime.date(2020, 2, 29)], ["2020-02-29"]),
    "times": (
        pa.timestamp("ms"),
        [datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 1, 0, 0, 0, 250000), None],
        ["2020-01-01", "2020-01-01T00:00:00.25", ""],
    ),
    "zoned times": (
        pa.timestamp("us", "Europe/Vienna"),
        [datetime.datetime(2020, 7, 1, tzinfo=ZONED)],
        ["2020-06-30T22:00:00Z"],
    ),
    "times of day": (pa.time64("us"), [datetime.time(1, 2, 3, 40)], ["01:02:03.00004"]),
    "views": (pa.string_view(), ["é", None, " "], ["é", "", " "]),
    "bytes": (pa.binary(), [b"ab", "é".encode()], ["ab", "é"]),
    "nothing": (pa.null(), [None, None], ["", ""]),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts(tmp_path: Path, name: str) -> None:
    """What is left as it is, is spelled in one way, whatever else its column holds."""
    kind, values, wanted = TEXTS[name]
    for column, texts in [
        (values, wanted),
        *(([v], [t]) for v, t in zip(values, wanted, strict=True)),
    ]:
        for write in (WRITERS["parquet"], WRITERS["stream"]):
            if kind == pa.string_view() and write is WRITERS["parquet"]:
                continue
            write(pa.table({"x": pa.array(column, kind)}), tmp_path / "t")
            found = read_delimited(tmp_path / "t", text=frozenset("x"))
            assert found["x"].to_pylist() == texts


WRONG: dict[str, tuple[pa.Array, str]] = {
    "flag": (pa.array([None, True]), "row 1, column 'x': expected a number, got '', and 1 more"),
    "flags": (pa.array([True, False]), "row 1, column 'x': expected a number, got 'true', and 1"),
    "date": (
        pa.array([datetime.date(2020, 1, 1)]),
        "row 1, column 'x': expected a number, got",
    ),
    "null": (pa.array([1.5, None]), "row 2, column 'x': expected a number, got ''"),
    "nan": (pa.array([1.5, float("nan")]), "row 2, column 'x': expected a number, got ''"),
    "inf": (
        pa.array([1.5, float("-inf")]),
        "row 2, column 'x': expected a finite number",
    ),
    "text": (pa.array(["1", "one"]), "row 2, column 'x': expected a number, got 'one'"),
    "list": (
        pa.array([[1]]),
        "column 'x': expected numbers, texts, flags, dates or times",
    ),
    "struct": (pa.array([{"a": 1}]), "column 'x': expected numbers, texts, flags, dates or times"),
    "bytes": (pa.array([b"\xff"]), "column 'x': expected numbers, texts, flags, dates or times"),
    "duration": (pa.array([datetime.timedelta(1)]), "column 'x': expected numbers, texts, flags"),
    "decimal": (
        pa.array([decimal.Decimal(2**70 + 1)]),
        "row 1, column 'x': expected an integer that float64, or int64 in a column of integers",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_number(tmp_path: Path, name: str) -> None:
    """It is told with its row, or its column where no row is at fault."""
    values, said = WRONG[name]
    for write in WRITERS.values():
        write(pa.table({"x": values}), tmp_path / "t")
        with pytest.raises(BadInput) as caught:
            read_delimited(tmp_path / "t", unscaled=frozenset())
        assert str(caught.value).startswith(said)


def test_missing_values(written: Callable[[Any], Path]) -> None:
    """Null, NaN, a text of nothing and what the entry says."""
    path = written(
        {
            "x": pa.array([1.5, None, float("nan"), -999.0]),
            "n": pa.array([2**60, None, -999, 3]),
            "c": pa.array(["a", None, " ", "NA"]),
        }
    )
    dialect = Dialect(na_values=("NA", "-999"))
    options: dict[str, Any] = {"categories": frozenset("c"), "missing": frozenset("xnc")}
    found = read_delimited(path, dialect, unscaled=frozenset(), **options)
    assert found.to_pydict() == {
        "x": [1.5, None, None, None],
        "n": [2**60, None, None, 3],
        "c": ["a", None, None, None],
    }


def test_pieces(written: Callable[[Any], Path]) -> None:
    """Groups of rows stay whole; as many are in a piece as its size has room for."""
    columns = {"a": list(range(50)), "b": [f"text {row}" for row in range(50)]}
    path = written(columns)
    whole = read_delimited(path, text=frozenset("b"))
    assert whole.to_pydict() == columns
    counts = []
    for size in (1, 700, 10**6):
        table, count = in_pieces(path, PLAIN, size, text=frozenset("b"))
        assert table.equals(whole)
        counts.append(count)
    assert counts[0] == 8 and counts[2] == 1 and 1 < counts[1] < 8


def test_some_columns(written: Callable[[Any], Path]) -> None:
    """What is left out may be of any type; a name may have a point."""
    path = written({"a": [1.0], "l": [[1]], "a.b": ["x"], "c": [2.0]})
    assert names_of(path, PLAIN) == ["a", "l", "a.b", "c"]
    found = read_delimited(path, columns=("c", "a", "a.b"), text=frozenset({"a.b"}))
    assert found.to_pydict() == {"c": [2.0], "a": [1.0], "a.b": ["x"]}
    with pytest.raises(BadInput, match=r"header: expected a column 'd', got a, l, a\.b, c"):
        read_delimited(path, columns=("d",))


def test_headers(written: Callable[[Any], Path]) -> None:
    """Columns have names, each once; numbers may be names."""
    twice = pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["a", "a"])
    with pytest.raises(BadInput, match="a name for each column, each once, got 'a' twice"):
        read_delimited(written(twice))
    with pytest.raises(BadInput, match="expected columns, got none"):
        read_delimited(written(pa.table({})))
    with pytest.raises(BadInput, match="expected rows below the header, got none"):
        read_delimited(written({"a": pa.array([], pa.float64())}))
    assert read_delimited(written({"1": [2.0]})).to_pydict() == {"1": [2.0]}


@pytest.mark.parametrize("how", ["truncated", "a bit", "no end", "letters"])
def test_damage(written: Callable[[Any], Path], how: str) -> None:
    """It is refused, or it is the rows that were written; never something else, or a crash."""
    columns = {"a": list(range(200)), "b": ["some text"] * 200}
    path = written(columns)
    raw = path.read_bytes()
    text = frozenset("b")
    places = range(8, len(raw), max(len(raw) // 60, 1))
    refused = 0
    for place in places:
        bad = bytearray(raw)
        if how == "a bit":
            bad[place] ^= 1 << (place % 8)
        elif how == "letters":
            bad[place : place + 4] = b"\xff\xff\xff\x7f"
        elif how == "truncated":
            bad = bad[:place]
        else:
            bad = bad[: len(raw) - place % 40 - 1]
        path.write_bytes(bytes(bad))
        try:
            pieces_of(path, PLAIN, 1, text=text)
            read_delimited(path, text=text)
        except (BadInput, MemoryError):
            refused += 1
    assert refused if how != "a bit" else True
    if how in ("truncated", "no end") and not raw.startswith(b"\xff\xff\xff\xff"):
        assert refused == len(places)


@given(
    values=st.lists(
        st.one_of(st.none(), st.floats(), st.floats(width=32), st.integers(-(2**63), 2**63 - 1)),
        min_size=1,
        max_size=20,
    )
)
@SHARED_FOLDER
def test_any_numbers(tmp_path: Path, values: list[Any]) -> None:
    """As pandas reads them; the slow way and the fast one are the same."""
    are_integers = all(value is None or isinstance(value, int) for value in values)
    kind = pa.int64() if are_integers else pa.float64()
    column = pa.array([v if v is None or are_integers else float(v) for v in values], kind)
    path = tmp_path / "t"
    parquet.write_table(pa.table({"x": column}), path)
    frame = pd.read_parquet(path, dtype_backend="pyarrow")
    wanted = [None if pd.isna(value) or value != value else value for value in frame["x"]]
    infinite = [row + 1 for row, value in enumerate(wanted) if value in (np.inf, -np.inf)]
    options: dict[str, Any] = {"unscaled": frozenset(), "missing": frozenset("x")}
    aside: list[Any] = []
    left = [value for value in wanted if value not in (np.inf, -np.inf)]
    table = read_delimited(path, aside=aside, **options)
    assert [one.row for one in aside] == infinite
    assert table["x"].to_pylist() == left
    if not infinite:
        assert read_delimited(path, **options).equals(table)
