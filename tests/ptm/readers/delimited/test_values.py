"""Delimited text is read as the csv module and `float` read it, whatever its size, or refused."""

from __future__ import annotations

import csv
import io
import math
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ptm.errors import BadInput
from tests.support.delimited import FIELDS, SHARED_FOLDER, TEXT, Read, Refuse

ASCII_NUMBER = re.compile(r"[ \t]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[ \t]*", re.ASCII)


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
