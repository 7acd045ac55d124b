"""Delimited text is read as the csv module and `float` read it, whatever its size, or refused."""

from __future__ import annotations

import csv
import errno
import io
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ptm.errors import BadInput
from ptm.readers.delimited import rows as delimited_rows
from ptm.readers.delimited.columns import read_delimited
from ptm.readers.delimited.rows import BLOCK, Rows, pieces

Read = Callable[..., dict[str, list[Any]]]
Refuse = Callable[..., str]
# the first example imports the readers; the file is written anew for each
SHARED_FOLDER = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = frozenset({"b"})
ASCII_NUMBER = re.compile(r"[ \t]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[ \t]*", re.ASCII)


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """The columns of a file with this content: read(content, categories, **other arguments)."""

    def read(
        content: str | bytes, text: frozenset[str] = frozenset(), **options: Any
    ) -> dict[str, list[Any]]:
        raw = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "t.csv").write_bytes(raw)
        given = {"categories": text, "unscaled": frozenset(), **options}
        columns: dict[str, list[Any]] = read_delimited(tmp_path / "t.csv", **given).to_pydict()
        return columns

    return read


@pytest.fixture
def refuse(tmp_path: Path, read: Read) -> Refuse:
    """What the error says of a file with this content, as a run of a source "s" tells it."""

    def refuse(content: str | bytes, text: frozenset[str] = frozenset(), **options: Any) -> str:
        with pytest.raises(BadInput) as caught:
            read(content, text, **options)
        assert {fault.file for fault in caught.value.faults} == {str(tmp_path / "t.csv")}
        told = str(caught.value.of_source("s", lambda file: Path(file).name))
        for line in told.splitlines():
            assert len(line) < 400 and line.isprintable()
        return told

    return refuse


def second(content: str, names: list[str], text: frozenset[str]) -> dict[str, list[Any]] | None:
    """What the csv module and `float` read; None where they find a fault."""
    closing = ["END"] * (len(names) + 1)
    gap = "" if content.endswith(("\n", "\r")) else "\n"
    ended = content + gap + ",".join(closing)
    rows = list(csv.reader(io.StringIO(ended, newline="")))[1:]
    if not rows or rows.pop() != closing:
        return None  # a quote is open
    rows = [row or [""] for row in rows] if len(names) == 1 else [row for row in rows if row]
    if not rows or any(len(row) != len(names) for row in rows):
        return None
    columns: dict[str, list[Any]] = {}
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        if name in text:
            if not all(value.strip() for value in values):
                return None
            columns[name] = list(values)
            continue
        if not all(ASCII_NUMBER.fullmatch(value) for value in values):
            return None
        columns[name] = [float(value) for value in values]
        if not all(map(math.isfinite, columns[name])):
            return None
    return columns


def check_same(read: Read, content: str, names: list[str], text: frozenset[str]) -> None:
    """Both read the same, or both refuse."""
    expected = second(content, names, text)
    if expected is None:
        with pytest.raises(BadInput):
            read(content, text)
    else:
        assert read(content, text) == expected


FIELDS = st.text('ab"\n\r ;\u00e9\ufeff', min_size=1, max_size=6)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(
    rows=st.lists(st.tuples(NUMBERS, FIELDS, NUMBERS), min_size=1, max_size=8),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
)
@SHARED_FOLDER
def test_what_the_csv_module_writes(
    read: Read, rows: list[tuple[float, str, float]], end: str, quoting: Any
) -> None:
    """Any text in quotes, line ends, quotes and all, is read as it was written."""
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator=end, quoting=quoting).writerows([("a", "b", "c"), *rows])
    check_same(read, written.getvalue(), ["a", "b", "c"], TEXT)


@given(body=st.text('12,,"\n\n\rx .-e', max_size=24))
@example(body='1,"x\n2,y\n')
@example(body='1,"')
@example(body=',,,\n1,"abc')
@example(body="\ufeff1,x\n")
@SHARED_FOLDER
def test_any_text_of_two_columns(read: Read, body: str) -> None:
    """Quotes that stand anywhere mean the same to both, or the file is refused by both."""
    check_same(read, "a,b\n" + body, ["a", "b"], TEXT)


@given(body=st.text('12"\n\n\r .-e', max_size=12))
@SHARED_FOLDER
def test_any_text_of_one_column(read: Read, body: str) -> None:
    """The same of one column, where a blank line is a missing value."""
    check_same(read, "a\n" + body, ["a"], frozenset())


@given(value=st.text("0123456789.+-eE_ \tnaifINFxd\u0663\uff11\u00a0,", min_size=1, max_size=9))
@SHARED_FOLDER
def test_any_spelling_of_a_number(read: Read, value: str) -> None:
    """A number is what `float` makes of it, in ASCII digits and without underscores."""
    check_same(read, f'a,c\n0,1\n"{value}",2\n', ["a", "c"], frozenset())


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
@SHARED_FOLDER
def test_every_bit_of_a_number(read: Read, values: list[float]) -> None:
    """A float64 written with all its digits comes back bit by bit."""
    assert read("a,b\n" + "".join(f"{v!r},1\n" for v in values))["a"] == values


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [(" 1 ", 1), ("+1", 1), ("1.", 1), (".5", 0.5), ("1E+2", 100), ("007", 7), ('"1.5"', 1.5)],
)
def test_numbers_that_are_read(read: Read, spelled: str, expected: float) -> None:
    """Spaces and tabs around it, a sign, an exponent, quotes: all the same number."""
    assert read(f"a,b\n{spelled},2\n")["a"] == [expected]


@pytest.mark.parametrize(
    "spelled",
    ["1_000", "0x10", "TRUE", "1 000", "'1'", "\u0663", "\uff11", "\u00a01", "1d5", "", "n/a"],
)
def test_no_numbers(refuse: Refuse, spelled: str) -> None:
    """What only Python, only another program or only people read as a number is none."""
    shown = "\\xa01" if spelled == "\u00a01" else spelled
    told = f"s: row 2, column 'a': expected a number, got '{shown}' (t.csv)"
    assert refuse(f"a,b\n1,2\n{spelled},2\n") == told


@pytest.mark.parametrize("spelled", ["1,5", "1,000", "1.000,5"])
def test_commas_in_a_number(refuse: Refuse, spelled: str) -> None:
    """A decimal comma and a comma between thousands are none of a number here."""
    told = f"row 1, column 'a': expected a number, got '{spelled}'"
    assert told in refuse(f'a,b\n"{spelled}",2\n')
    assert told in refuse(f"a;b\n{spelled};2\n", delimiter=";")


@pytest.mark.parametrize("spelled", ["nan", "NaN", "-inf", "Infinity", "1e400", "-1E+309"])
def test_not_finite(refuse: Refuse, spelled: str) -> None:
    """What is not finite is named as the file spells it."""
    told = f"s: row 1, column 'a': expected a finite number, got '{spelled}' (t.csv)"
    assert refuse(f"a,b\n{spelled},2\n") == told


# size


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
    assert Rows(b"", ["a"], ",").read({"a": pa.float64()}).num_rows == 0  # type: ignore[union-attr]


# the header


def test_a_header_of_numbers(read: Read, refuse: Refuse) -> None:
    """The first row is not taken for the header without a word, and either can be said."""
    content = "5.1,3.5,0\n4.9,3.0,1\n"
    told = refuse(content)
    assert "header: expected names" in told and "got numbers: 5.1, 3.5, 0" in told
    assert "header = true" in told and "header = false" in told
    assert read(content, header=True) == {"5.1": [4.9], "3.5": [3.0], "0": [1]}
    assert read(content, header=False) == {"c0": [5.1, 4.9], "c1": [3.5, 3], "c2": [0, 1]}


@pytest.mark.parametrize("header", ["1", "0,0,1", "1,,3", '"1990","1991"', "nan,1", " 1 ,2"])
def test_other_headers_of_numbers(refuse: Refuse, header: str) -> None:
    """One number, numbers that come twice or are missing, quoted numbers: the same."""
    told = refuse(header + "\n" + header + "\n")
    assert "got numbers" in told and len(told.splitlines()) == 1


@pytest.mark.parametrize("header", ["country,1990,1991", "nan", "a,1"])
def test_a_header_with_numbers(read: Read, header: str) -> None:
    """One that has a name as well is a header."""
    names = header.split(",")
    assert read(header + "\n" + ",".join("7" for _ in names) + "\n") == {n: [7] for n in names}


def test_without_a_header(read: Read) -> None:
    """Rows count from the first line, blank lines are skipped, a mark is no part of a number."""
    assert read("\ufeff\n1,x\n\n2,y\n", frozenset({"c1"}), header=False) == {
        "c0": [1, 2],
        "c1": ["x", "y"],
    }
    assert read("1\n2", header=False) == {"c0": [1, 2]}
    assert read("1,2\n3,4\n", header=False, columns=("c1",)) == {"c1": [2, 4]}


def test_without_a_header_faults(refuse: Refuse) -> None:
    """Rows are named from 1."""
    assert "row 1, column 'c0': expected a number, got 'x'" in refuse("x,1\n2,3\n", header=False)
    assert "row 1, column 'c0': expected a number, got ''" in refuse("\n1\n2\n", header=False)


def test_all_that_is_wrong_with_a_header(refuse: Refuse) -> None:
    """Names that are missing and those that come twice are told together."""
    told = refuse("a,a,,b,b,b,\n1,2,3,4,5,6,7\n")
    assert "3 faults" in told and "no name for columns 3, 7" in told
    assert "'a' twice" in told and "'b' 3 times" in told
    told = refuse("a,b\n1,2\n", columns=("c", "a", "d"))
    assert "a column 'c', got a, b" in told and "a column 'd', got a, b" in told


def test_a_header_of_many_names(refuse: Refuse) -> None:
    """Of many names the first are told, and how many more there are."""
    names = [f"a long name {n}" for n in range(20_000)]
    told = refuse(",".join(names) + "\n" + ",".join("1" for _ in names) + "\n", columns=("x",))
    assert "a long name 0, a long name 1" in told and re.search(r"… and 199\d\d more", told)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("sep=;\na;b\n1;2\n", "header: expected the names of the columns, got 'sep=;'"),
        ("SEP=,\na,b\n1,2\n", "header: expected the names of the columns, got 'SEP=,'"),
        ('"sep=,"\na,b\n1,2\n', "header: expected the names of the columns, got '\"sep=,\"'"),
        ('a,"b\n1,2\n', "header: expected names with their quotes closed, got 'b\\n1,2\\n'"),
        ('"', "header: expected names with their quotes closed"),
        ("a,b", "expected rows below the header, got none"),
        ("a,b\n", "expected rows below the header, got none"),
        ("a,b\r\n\r\n\n", "expected rows below the header, got none"),
        ('"a","b"', "expected rows below the header, got none"),
        ("\na,b\n1,2\n", "header: expected the names of the columns, got a blank line"),
        ("a,b,\n1,2,\n", "header: expected a name for each column, each once, got no name for"),
        ("x" * 140_000 + ",b\n1,2\n", "header: expected names of at most 131072 letters"),
        ("\ufeff", "header: expected the names of the columns, got a blank line"),
    ],
)
def test_headers_that_are_none(refuse: Refuse, content: str, told: str) -> None:
    """The message names what is wrong with the header, not what follows from it."""
    found = refuse(content, delimiter=";" if "a;b" in content else ",")
    assert told in found and "t.csv" in found


@pytest.mark.parametrize("count", [1, 2, 3])
def test_byte_order_marks(read: Read, count: int) -> None:
    """Marks before the header, one for each program that wrote one, are no part of its name."""
    assert read("\ufeff" * count + "a,b\n1,2\n") == {"a": [1], "b": [2]}


def test_a_mark_in_the_rows(read: Read, refuse: Refuse) -> None:
    """Further on it is a letter as others are, first row or not."""
    assert refuse("a,b\n\ufeff1,2\n").count("row 1, column 'a': expected a number, got '\\ufeff1'")
    assert read("b,a\n\ufeffx,2\nx,3\n", TEXT)["b"] == ["\ufeffx", "x"]
    assert read('b,a\n\ufeff"x",2\n', TEXT)["b"] == ['\ufeff"x"']


def test_names_in_quotes(read: Read) -> None:
    """A name may have delimiters, quotes and line ends."""
    assert read('"a,1","say ""b""","two\nlines"\n1,2,3\n') == {
        "a,1": [1],
        'say "b"': [2],
        "two\nlines": [3],
    }


# the rows


def test_all_that_is_wrong_with_the_rows(refuse: Refuse) -> None:
    """Each column that is no number, with its first row and the count; each wrong length."""
    told = refuse("a,b,c\nx,1,nan\n1,y,2\n1,2\n3,z,inf\n1\n1,2\n4,1,1e400\n")
    assert told.splitlines() == [
        "s: 5 faults",
        "  rows 3, 6: expected 3 fields, got 2 (t.csv)",
        "  row 5: expected 3 fields, got 1 (t.csv)",
        "  row 1, column 'a': expected a number, got 'x' (t.csv)",
        "  row 2, column 'b': expected a number, got 'y', and 1 more that is not (t.csv)",
        "  row 1, column 'c': expected a finite number, got 'nan', and 2 more that are not (t.csv)",
    ]


def test_many_wrong_rows(refuse: Refuse) -> None:
    """Of many rows the first twenty are named, with how many more there are."""
    first = ", ".join(str(n) for n in range(2, 41, 2))
    assert f"rows {first}, … and 80 more: expected 2 fields, got 1" in refuse(
        "a,b\n" + "1,2\n3\n" * 100
    )


@pytest.mark.parametrize(("row", "fields"), [("1", 1), ("1,2,", 3), ("1,2,3,4", 4)])
def test_every_row_wrong(refuse: Refuse, row: str, fields: int) -> None:
    """Where it is every row, that is told."""
    told = refuse("a,b\n" + f"{row}\n" * 3000)
    assert told == f"s: every row (3000): expected 2 fields, got {fields} (t.csv)"


def test_the_other_delimiter(refuse: Refuse) -> None:
    """A header that another delimiter would part is told with it."""
    assert 'delimiter = ";"' in refuse("a;b\n1;2\n")
    assert 'delimiter = "\\t"' in refuse("a\tb\n1\t2\n")


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_blank_lines(read: Read, refuse: Refuse, ends: str) -> None:
    """Of several columns a blank line is nothing, of one it is a missing value."""
    assert read(ends.join(["a,b", "1,2", "", "3,4", "", ""])) == {"a": [1, 3], "b": [2, 4]}
    told = refuse(ends.join(["a", "1", "", "3", "", ""]))
    assert told == "s: row 2, column 'a': expected a number, got '', and 1 more that is not (t.csv)"
    told = refuse(ends.join(["b", "x", "", "y", ""]), TEXT)
    assert told == "s: row 2, column 'b': expected a category, got '' (t.csv)"


def test_empty_categories(refuse: Refuse) -> None:
    """A category that is empty, or has nothing to be seen, is named as an empty number is."""
    told = refuse('a,b\n1,x\n2,\n3,"  "\n4,""\n', TEXT)
    assert told == (
        "s: row 2, column 'b': expected a category, got '', and 2 more that are not (t.csv)"
    )


@pytest.mark.parametrize(
    ("body", "row", "column"),
    [
        ('1,"x\n2,y\n', 1, "b"),
        ('1,x\n2,"y', 2, "b"),
        ('1,x\n"2,y\n3,z\n', 2, "a"),
        ('1,"', 1, "b"),
        ('1,x\n\n2,"y ""z""\n', 2, "b"),
    ],
)
def test_a_quote_that_is_never_closed(refuse: Refuse, body: str, row: int, column: str) -> None:
    """It is named where it opens, and is no text that swallows all that follows."""
    told = refuse("a,b\n" + body, TEXT)
    where = f"row {row}, column '{column}'"
    assert (
        told
        == f"s: {where}: expected a quote that is closed, got none up to the end of the "
        + ("file (t.csv)")
    )


def test_a_quote_never_closed_in_an_unused_column(refuse: Refuse) -> None:
    """It is no matter whether its column is used."""
    told = refuse('a,b\n1,x\n2,"y\n3,z\n', columns=("a",))
    assert "row 2, column 'b': expected a quote that is closed" in told


def test_a_long_text_hides_no_fault(refuse: Refuse) -> None:
    """A field longer than the csv module takes is none, and what is wrong is named."""
    told = refuse("a,b\n1," + "x" * 200_000 + "\nq,y\n", TEXT)
    assert told == "s: row 2, column 'a': expected a number, got 'q' (t.csv)"


def test_values_are_shown_in_one_line(refuse: Refuse) -> None:
    """Long ones are cut, line ends and what cannot be seen are spelled out."""
    told = refuse('a,b\n"x\ny\x07' + "z" * 100 + '",1\n')
    assert "got 'x\\ny\\x07zzz" in told and "z …'" in told


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_text_of_another_encoding(read: Read, refuse: Refuse, encoding: str) -> None:
    """The encoding is told, and reads it."""
    content = "a,b\n1,2\n".encode(encoding)
    assert "expected utf-8 text" in refuse(content)
    assert read(content, encoding=encoding) == {"a": [1], "b": [2]}


def test_a_nul_byte(refuse: Refuse) -> None:
    """Text has none; the line is named."""
    assert "line 3: expected utf-8 text, got a NUL byte" in refuse("a,b\n1,x\n2,y\0\n", TEXT)


@pytest.mark.parametrize("encoding", ["utf-7", "unicode_escape", "raw_unicode_escape"])
def test_half_a_character(refuse: Refuse, encoding: str) -> None:
    """Half of a surrogate pair, which some encodings let through, is no text."""
    half = b"+2AA-" if encoding == "utf-7" else b"\\ud800"
    assert "expected" in refuse(b"a,b\n1," + half + b"\n", TEXT, encoding=encoding)


# integers


def test_integers_beyond_float64(read: Read) -> None:
    """A column of integers some of which float64 would round is kept as int64."""
    values = [2**53 + 1, 2**53, 3, -(2**63), 2**63 - 1]
    found = read("a,b\n" + "".join(f"{v},{2**53}\n" for v in values))
    assert found["a"] == values and all(isinstance(v, int) for v in found["a"])
    assert found["b"] == [2**53] * 5 and all(isinstance(v, float) for v in found["b"])


@pytest.mark.parametrize("value", [2**64, -(2**63), 2**53 + 2, 10**22])
def test_large_integers_that_float64_holds(read: Read, value: int) -> None:
    """Where float64 is exact, it stays."""
    found = read(f"a,b\n{value},1\n2.5,1\n")["a"]
    assert found == [value, 2.5] and isinstance(found[0], float)


@pytest.mark.parametrize(
    ("value", "other"), [(2**53 + 1, "2.5"), (2**63, -(2**53) - 1), (10**30, 1)]
)
def test_integers_that_nothing_holds(refuse: Refuse, value: int, other: str) -> None:
    """An integer that neither float64 nor int64 can hold is named."""
    told = refuse(f"a,b\n{other},1\n{value},2\n")
    assert "row 2, column 'a': expected an integer that float64, or int64 in a column of " in told
    assert f"got '{value}'" in told


def test_decimals_are_rounded_as_ever(read: Read) -> None:
    """Fractions and exponents say a measured value: the nearest float64 is meant."""
    found = read("a,b\n1e23,1\n9007199254740993.0,2\n0.12345678901234567890,3\n")["a"]
    assert found == [1e23, 9007199254740992.0, 0.12345678901234568]


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
