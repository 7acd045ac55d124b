"""JSON: objects on lines, or in one array; what is written otherwise is told with its row."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ptm.errors import BadInput
from ptm.readers import streams
from ptm.readers.delimited.columns import read_delimited
from ptm.readers.delimited.dialect import PLAIN, Dialect
from ptm.readers.tabular import json_rows
from ptm.readers.tabular.opening import names_of
from tests.support.delimited import SHARED_FOLDER
from tests.support.tables import in_pieces

TEXTS = st.text('a"\\{}[],:\n\r\t\u00e9\u2028\U0001f600 ', max_size=8)
VALUES = st.one_of(st.none(), TEXTS)


def lines(rows: list[dict[str, Any]], **options: Any) -> str:
    return "".join(json.dumps(row, **options) + "\n" for row in rows)


@given(
    rows=st.lists(st.fixed_dictionaries({"k": VALUES, "t": VALUES}), min_size=1, max_size=8),
    form=st.sampled_from(["lines", "array", "indented"]),
    is_ascii=st.booleans(),
    is_packed=st.booleans(),
    size=st.integers(1, 100),
    block=st.sampled_from([1, 2, 5, 1000]),
)
@example([{"k": '\\"', "t": "\\"}], "array", True, False, 1, 1)
@example([{"k": "],[", "t": "}\n"}], "indented", False, True, 1, 2)
@SHARED_FOLDER
def test_what_was_written_is_read(
    tmp_path: Path,
    rows: list[dict[str, Any]],
    form: str,
    is_ascii: bool,
    is_packed: bool,
    size: int,
    block: int,
) -> None:
    """Whatever stands in the texts, in lines or in an array, whole and in pieces."""
    text = lines(rows, ensure_ascii=is_ascii)
    if form != "lines":
        indent = 2 if form == "indented" else None
        text = " \n" + json.dumps(rows, ensure_ascii=is_ascii, indent=indent) + "\n"
    path = tmp_path / "t.json"
    path.write_bytes(gzip.compress(text.encode()) if is_packed else text.encode())
    both = frozenset("kt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "BLOCK", block)
        whole = read_delimited(path, text=both)
        assert whole.to_pylist() == [{k: v or "" for k, v in row.items()} for row in rows]
        assert in_pieces(path, PLAIN, size, text=both)[0].equals(whole)


def test_types(tmp_path: Path) -> None:
    """Numbers exactly, flags and others as texts, null and what is not there as missing."""
    path = tmp_path / "t.ndjson"
    rows: list[dict[str, Any]] = [
        {"x": 1, "n": 2**60 + 1, "f": True, "c": 7, "t": "1.5"},
        {"x": 0.1, "n": 5, "f": False, "c": 7.0, "t": " 2 "},
        {"n": None, "x": 1e300, "f": None, "c": "7", "t": "3e2"},
    ]
    path.write_text(lines(rows))
    assert names_of(path, PLAIN) == ["x", "n", "f", "c", "t"]
    options: dict[str, Any] = {"unscaled": frozenset(), "missing": frozenset("nf")}
    found = read_delimited(path, categories=frozenset("fc"), **options)
    assert found.to_pydict() == {
        "x": [1.0, 0.1, 1e300],
        "n": [2**60 + 1, 5, None],
        "f": ["true", "false", None],
        "c": ["7", "7", "7"],
        "t": [1.5, 2.0, 300.0],
    }


def test_large_numbers(tmp_path: Path) -> None:
    """As in delimited text: integers that neither float64 nor int64 holds are refused."""
    path = tmp_path / "t.jsonl"
    path.write_text('{"x": 100000000000000000000}\n{"x": 1.5}\n')
    assert read_delimited(path, unscaled=frozenset())["x"].to_pylist() == [1e20, 1.5]
    path.write_text('{"x": 1}\n\n{"x": 100000000000000000001}\n')
    with pytest.raises(BadInput, match="row 2, column 'x': expected an integer that float64"):
        read_delimited(path, unscaled=frozenset())
    path.write_text(f'{{"x": {"9" * 5000}}}\n')
    with pytest.raises(BadInput, match="row 1: expected a JSON object on each line"):
        read_delimited(path)


WRONG = {
    '{"a": 1}\n[1]\n': "row 2: expected a JSON object on each line, or one array of objects",
    '{"a": 1}\n{"a": 2\n': "row 2: expected a JSON object on each line, or one array of objects",
    '{"a": 1} {"a": 2}\n': "row 1: expected a JSON object on each line, or one array of objects",
    '{"a": 1}\n \n': "row 2: expected a JSON object on each line, or one array of obj",
    '{"a": NaN}\n': "row 1: expected a JSON object on each line",
    "{'a': 1}\n": "row 1: expected a JSON object on each line",
    '{"a": 1, "a": 2}\n': "row 1: expected each key once, got 'a' twice",
    '{"a": 1}\n{"a": {"b": 1}}\n': "row 2, column 'a': expected a number, text, flag or null ",
    '{"a": [1]}\n': "row 1, column 'a': expected a number, text, flag or null ",
    '{"a": "\\ud800"}\n': "row 1: expected whole characters, got half of one",
    '{"a": 1}\n{"a": true}\n': "row 2, column 'a': expected a number, got 'true'",
    '{"a": 1}\n{}\n': "row 2, column 'a': expected a number, got ''",
    '{"a": ' + "[" * 100_000 + "\n": "row 1: expected a JSON object on each line",
    "{}\n{}\n": "expected objects with keys, got none",
    '{"": 1}\n': "header: expected a name for each column, each once, got no name for column 1",
    "1\n": "row 1: expected a JSON object on each line",
    "\n": "expected objects with keys, got none",
    "[]": "expected objects with keys, got none",
    " [\n]\n ": "expected objects with keys, got none",
    '[{"a": 1}': "row 1: expected a JSON array up to its ], got the end of the file",
    '[{"a": 1},]': "row 2: expected a JSON array, got a comma before its end",
    '[{"a": 1},,{"a": 2}]': "row 2: expected an object between commas, got nothing",
    '[,{"a": 1}]': "row 1: expected an object between commas, got nothing",
    '[{"a": 1}] x': "row 1: expected nothing behind the JSON array, got 'x'",
    '[{"a": 1}][{"a": 2}]': "row 1: expected nothing behind the JSON array, got '[",
    '[{"a": 1} {"a": 2}]': "row 1: expected a JSON object on each line",
    '[{"a": 1}}': "row 1: expected a JSON array, got '}'",
    '[{"a": 1], {"a": 2}]': "row 1: expected a JSON object on each line",
    '[{"a": 1}, 5]': "row 2: expected a JSON object on each line, or one array of objects, got '5'",
    '["a"]': "row 1: expected a JSON object on each line",
    '[{"a": "x\ny"}]': "row 1: expected a JSON object on each line",
    '{"a": {"b": [1]}, "c": [\n1]}': "row 1: expected a JSON object on each line",
    "": "expected text, got an empty file",
    '\ufeff{"a": "x"}\n\0': "row 2: expected a JSON object on each line",
}


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
@pytest.mark.parametrize("block", [1, 10_000])
def test_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, block: int) -> None:
    """What is no JSON, or no table, is told with its row."""
    monkeypatch.setattr(streams, "BLOCK", block)
    path = tmp_path / "t.json"
    path.write_text(text, newline="")
    with pytest.raises(BadInput) as caught:
        read_delimited(path)
    assert str(caught.value).startswith(WRONG[text])
    assert {fault.file for fault in caught.value.faults} == {str(path)}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("is_array", [False, True])
def test_encodings(tmp_path: Path, encoding: str, is_array: bool) -> None:
    """As the entry says."""
    rows = [{"a": row, "b": f"é{row}"} for row in range(20)]
    text = json.dumps(rows, ensure_ascii=False) if is_array else lines(rows, ensure_ascii=False)
    path = tmp_path / "t.json"
    path.write_bytes(text.encode(encoding))
    table, count = in_pieces(path, Dialect(encoding=encoding), 30, text=frozenset("b"))
    assert table.to_pylist() == rows and count > 3


def test_keys_that_come_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the begin of the file are the columns; another is refused, or left out."""
    monkeypatch.setattr(json_rows, "FIRST", 64)
    path = tmp_path / "t.jsonl"
    rows: list[dict[str, Any]] = [{"a": row} for row in range(20)]
    rows[2]["b"] = 1
    path.write_text(lines([*rows, {"a": 20, "late": 3}]))
    options: dict[str, Any] = {"missing": frozenset("b")}
    assert names_of(path, PLAIN) == ["a", "b"]
    for read in (read_delimited, in_pieces):
        with pytest.raises(BadInput, match=r"row 21: expected the keys of the first .* got late"):
            read(path, PLAIN, **options)
    table = in_pieces(path, PLAIN, columns=("a",))[0]
    assert table["a"].to_pylist() == list(range(21))
    path.write_text(lines([{"a": "x" * 100}]))
    with pytest.raises(BadInput, match="expected lines of at most 64 bytes at the begin"):
        read_delimited(path)


def test_what_a_piece_depends_on(tmp_path: Path) -> None:
    """On its rows and on the columns; what is added behind changes no piece before it."""
    from ptm.readers.tabular.opening import cut_table

    path = tmp_path / "t.jsonl"

    def digests(text: str) -> list[str]:
        path.write_text(text)
        cut = cut_table(path, PLAIN, 40)
        assert cut
        return [piece.digest for piece in cut.pieces]

    rows = [{"a": row} for row in range(40)]
    before = digests(lines(rows))
    after = digests(lines([*rows, {"a": 99}]))
    assert len(before) > 5 and after[: len(before) - 1] == before[:-1]
    other = digests(lines(rows) + '{"a": 1, "b": 2}\n')
    assert not {*other} & {*before}
