"""Rows that are wrong: all that is wrong, in the right row and column."""

from __future__ import annotations

import pytest

from tests.support.delimited import TEXT, Read, Refuse


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
