"""The first line of delimited text: names, numbers, marks, and what is none."""

from __future__ import annotations

import re

import pytest

from tests.support.delimited import TEXT, Read, Refuse


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
