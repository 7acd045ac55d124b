"""Delimited text of any size: read in pieces, whose borders change nothing."""

from __future__ import annotations

import csv
import errno
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptm.errors import BadInput
from ptm.readers.delimited import rows as delimited_rows
from ptm.readers.delimited.rows import BLOCK, Rows, pieces
from tests.support.delimited import FIELDS, TEXT, Read, Refuse


def around_a_border(border: int, offset: int) -> tuple[str, int]:
    """A table whose one quoted field opens `offset` bytes from a border; and its rows before."""
    rows, line = [], "1,xxxxx,2\n"
    start = len("a,b,c\n")
    count, rest = divmod(border - start + offset - len("7,"), len(line))
    rows = [line] * (count - 1) + ["1,xxxxx" + "x" * rest + ",2\n"]
    return "a,b,c\n" + "".join(rows) + '7,"k\n8,""z",9\n' + line * 3, count


def check_border(read: Read, border: int, offset: int) -> None:
    content, before = around_a_border(border, offset)
    assert content.index('"') == border + offset
    found = read(content, TEXT)
    assert found["a"] == [1.0] * before + [7.0] + [1.0] * 3
    assert found["b"][before] == 'k\n8,"z' and found["c"][before] == 9
    assert set(found["b"][:before] + found["b"][before + 1 :]) <= {"xxxxx", found["b"][before - 1]}


@pytest.mark.parametrize("offset", [-12, -7, -5, -4, -2, -1, 0, 1])
def test_a_quote_at_a_border(read: Read, offset: int) -> None:
    """A line end in quotes is no end of a row, wherever the reader cuts."""
    check_border(read, BLOCK, offset)


@pytest.mark.slow
@pytest.mark.parametrize("border", [1 << 16, BLOCK, BLOCK + 6, 2 * BLOCK, 4 * BLOCK])
@pytest.mark.parametrize("offset", range(-20, 21))
def test_a_quote_at_every_offset_of_a_border(read: Read, border: int, offset: int) -> None:
    """The same at every offset, and at borders of other sizes."""
    check_border(read, border, offset)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_a_line_end_at_a_border(read: Read, ends: str) -> None:
    """Nor does it matter which byte of a line end the border meets, or that a line is blank."""
    for shift in range(len(ends) + 2):
        start = "a,b\n" + "1" * (BLOCK - 4 - 4 - shift) + ",2"  # a row as long as a block
        content = start + (ends + ends + "3,4") * 3 + ends
        with pytest.raises(BadInput, match="row 1, column 'a': expected a finite number"):
            read(content)
        content = "a,b\n" + "0" * (BLOCK - 4 - 4 - shift) + ",2" + (ends + ends + "3,4") * 3 + ends
        assert read(content) == {"a": [0, 3, 3, 3], "b": [2, 4, 4, 4]}


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_row_longer_than_a_block(read: Read, quote: str) -> None:
    """A long text is read as a short one is."""
    long = "x" * (3 * BLOCK)
    content = f"a,b\n1,y\n2,{quote}{long}{quote}\n3,z\n"
    assert read(content, TEXT) == {"a": [1, 2, 3], "b": ["y", long, "z"]}


@given(
    rows=st.lists(st.tuples(st.integers(0, 9), FIELDS), min_size=1, max_size=8),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    stray=st.sampled_from(["", '3,5" pipe\n', '3,"ab"c"d\n', '""\n']),
)
def test_pieces_end_where_rows_end(rows: list[Any], end: str, stray: str) -> None:
    """Whatever the size of the pieces, together they hold the rows of the whole."""
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator=end).writerows(rows)
    body = (stray + written.getvalue()).encode()

    def records(part: bytes) -> list[list[str]]:
        return list(csv.reader(io.StringIO(part.decode(), newline="")))

    for most in range(1, len(body) + 2):
        cut = list(pieces(body, ",", most))
        assert b"".join(cut) == body
        assert [row for part in cut for row in records(part)] == records(body)


def test_a_table_read_in_pieces(monkeypatch: pytest.MonkeyPatch, read: Read) -> None:
    """A file that is too large to be read at once is read in pieces, with the same result."""
    row = '1.5,"k\n7,""z"\n2,plain\n\n'
    content = "a,b\n" + row * 50
    whole = read(content, TEXT)
    assert len(whole["a"]) == 100
    for most in (1, 7, 64, 500):
        monkeypatch.setattr(delimited_rows, "MOST_AT_ONCE", most)
        assert read(content, TEXT) == whole


def test_faults_in_pieces(monkeypatch: pytest.MonkeyPatch, refuse: Refuse) -> None:
    """Rows are counted through all pieces."""
    monkeypatch.setattr(delimited_rows, "MOST_AT_ONCE", 8)
    told = refuse('a,b\n1,"x\ny"\n2,"z"\n3\n4,u\nq,"v"\n5,"w\n', TEXT)
    assert "row 3: expected 2 fields, got 1" in told
    assert "row 5, column 'a': expected a number, got 'q'" in told
    assert "row 6, column 'b': expected a quote that is closed" in told


def test_a_row_that_is_too_long(monkeypatch: pytest.MonkeyPatch, refuse: Refuse) -> None:
    """A row that cannot be read at once is refused."""
    monkeypatch.setattr(delimited_rows, "LARGEST_BLOCK", 20)
    assert "expected rows of at most" in refuse('a,b\n1,"' + "x" * 30 + '"\n', TEXT)


def test_rows_of_nothing() -> None:
    """A header alone has no rows."""
    assert Rows(b"", ["a"]).read({"a": pa.float64()}).num_rows == 0  # type: ignore[union-attr]


# what is no fault of the file


@pytest.mark.parametrize("error", [MemoryError(), pa.ArrowMemoryError("no memory")])
@pytest.mark.parametrize("body", ["1,x\n", '1,"x"\n', "1,\n"])
def test_no_memory(
    monkeypatch: pytest.MonkeyPatch, read: Read, body: str, error: MemoryError
) -> None:
    """Memory that is short for now is not told as bad input."""

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("pyarrow.csv.read_csv", fail)
    with pytest.raises(MemoryError):
        read("a,b\n" + body, TEXT)


def test_a_passing_error(monkeypatch: pytest.MonkeyPatch, read: Read) -> None:
    """Nor is a disk that fails to read."""

    def fail(path: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(OSError, match="Input/output error"):
        read("a,b\n1,x\n", TEXT)
