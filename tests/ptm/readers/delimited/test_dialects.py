"""Delimited files in any dialect: what a writer of it wrote is read, whole and in pieces."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ptm.errors import BadInput
from ptm.readers import streams
from ptm.readers.delimited.columns import read_delimited
from ptm.readers.delimited.dialect import Dialect
from tests.support.delimited import SHARED_FOLDER, Read, Refuse
from tests.support.tables import PACKED, in_pieces

BOTH = frozenset("ab")
SIGNS = st.text("a'\"#;,| \t\n\r\u00e9%", max_size=6)
ROWS = st.lists(st.tuples(SIGNS, SIGNS), min_size=1, max_size=6)


def written(rows: list[tuple[str, str]], delimiter: str, quote: str) -> str:
    """The rows as Python's writer has them, each field in quotes."""
    file = io.StringIO()
    options: Any = {"delimiter": delimiter, "quotechar": quote, "quoting": csv.QUOTE_ALL}
    csv.writer(file, lineterminator="\n", **options).writerows([("a", "b"), *rows])
    return file.getvalue()


@given(
    rows=ROWS,
    delimiter=st.sampled_from([",", ";", "|", "\t", " ", "%"]),
    quote=st.sampled_from(["'", '"', "|", "%"]),
    comment=st.sampled_from(["", "#", "%"]),
    skip=st.integers(0, 2),
    how=st.sampled_from(["", *PACKED]),
    size=st.integers(1, 80),
    block=st.sampled_from([1, 2, 7, 1000]),
)
@SHARED_FOLDER
def test_what_was_written_is_read(
    tmp_path: Path,
    rows: list[tuple[str, str]],
    delimiter: str,
    quote: str,
    comment: str,
    skip: int,
    how: str,
    size: int,
    block: int,
) -> None:
    """Whatever the fields hold, with comments between the rows and lines before the header."""
    if quote == delimiter or comment in (delimiter, quote):
        quote, comment = '"', ""
    header, body = written([], delimiter, quote), written(rows, delimiter, quote)
    text = "'left out\"\r\n" * skip + header
    text += f"{comment} '\"{delimiter}{quote}\r\n" * bool(comment) + body[len(header) :]
    raw = text.encode()
    path = tmp_path / "t.csv"
    path.write_bytes(PACKED[how](raw) if how else raw)
    dialect = Dialect(delimiter, quote, comment=comment, skip_rows=skip)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "BLOCK", block)
        whole = read_delimited(path, dialect, text=BOTH)
        assert whole["a"].to_pylist() == [row[0] for row in rows]
        assert whole["b"].to_pylist() == [row[1] for row in rows]
        assert in_pieces(path, dialect, size, text=BOTH)[0].equals(whole)


@given(
    text=st.text("ab'\"#;\n\r \t", max_size=30),
    quote=st.sampled_from(["'", '"', ""]),
    comment=st.sampled_from(["", "#"]),
    delimiter=st.sampled_from([";", "whitespace"]),
    block=st.sampled_from([1, 3, 1000]),
)
@example("'a", "'", "", ";", 1)
@example("'a'\"b;\"a;'a''b\"", "'", "", ";", 1)
@example('"a;b\n"', "", "", ";", 1)
@example("a 'b\n#'\n#", "'", "#", "whitespace", 1)
@SHARED_FOLDER
def test_any_text(
    tmp_path: Path, text: str, quote: str, comment: str, delimiter: str, block: int
) -> None:
    """As a reader of one character after the other has it: the same fields, or the same refusal."""
    path = tmp_path / "t.csv"
    path.write_bytes(b"a;b\n".replace(b";", b" " if delimiter == "whitespace" else b";"))
    with path.open("ab") as file:
        file.write(text.encode())
    wanted = fields_of(text, delimiter, quote, comment)
    dialect = Dialect(delimiter, quote, comment=comment)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "BLOCK", block)
        try:
            table = read_delimited(path, dialect, text=BOTH)
        except BadInput as error:
            assert wanted is None or any(len(row) != 2 for row in wanted) or not wanted, error
        else:
            assert wanted == [list(row) for row in zip(*table.to_pydict().values(), strict=True)]


class Letters:
    """A text that is read one character after the other."""

    def __init__(self, text: str, blanks: str) -> None:
        self.text, self.place, self.blanks = text, 0, blanks

    def take(self, begin: str) -> bool:
        """Goes over what the text goes on with, if it does."""
        found = bool(begin) and self.text.startswith(begin, self.place)
        self.place += len(begin) * found
        return found

    def until(self, ends: str) -> str:
        """Goes up to one of some characters, or to the end of the text."""
        start = self.place
        while self.place < len(self.text) and self.text[self.place] not in ends:
            self.place += 1
        return self.text[start : self.place]

    def skip(self) -> None:
        """Goes over blanks."""
        while any(self.take(blank) for blank in self.blanks):
            pass

    @property
    def is_end(self) -> bool:
        return self.place == len(self.text)

    def field(self, ends: str, quote: str) -> str | None:
        """The next field; None of one whose quote is never closed."""
        found = ""
        if self.take(quote):
            while True:
                found += self.until(quote)
                if self.take(quote * 2):
                    found += quote
                elif self.take(quote):
                    break
                else:
                    return None
        return found + self.until(ends)


def fields_of(text: str, delimiter: str, quote: str, comment: str) -> list[list[str]] | None:
    """The fields of rows, read one character after the other; None where a quote is not closed."""
    blanks = " \t" if delimiter == "whitespace" else ""
    letters, rows = Letters(text, blanks), list[list[str]]()
    while not letters.is_end:
        letters.skip()
        if letters.take(comment):
            letters.until("\r\n")
        elif not (letters.is_end or text[letters.place] in "\r\n"):
            row: list[str] = []
            is_more = True
            while is_more:
                field = letters.field("\r\n" + (blanks or delimiter), quote)
                if field is None:
                    return None
                row.append(field)
                letters.skip()
                at_end = letters.is_end or text[letters.place] in "\r\n"
                is_more = not at_end and (bool(blanks) or letters.take(delimiter))
            rows.append(row)
        _ = letters.take("\r\n") or letters.take("\r") or letters.take("\n")
    return rows


def test_comments(read: Read, refuse: Refuse) -> None:
    """Lines that begin with the sign, outside of quotes; no row is counted for them."""
    text = '# one\na,b\n1,x\n#2,y\n3,"z\n#in it"\n4,#u\n #5,v\n#'
    found = read(text.replace(" #5,v\n", ""), frozenset("b"), comment="#")
    assert found == {"a": [1, 3, 4], "b": ["x", "z\n#in it", "#u"]}
    said = refuse(text, frozenset("b"), comment="#")
    assert said.startswith("s: row 4, column 'a': expected a number, got ' #5'")


def test_whitespace(read: Read, tmp_path: Path) -> None:
    """As pandas reads it: runs of blanks and tabs, none at the ends of lines."""
    text = "  a \t b\n1   2\n\t3\t4 \n\n   \n5 6"
    (tmp_path / "p.txt").write_text(text)
    found = read(text, delimiter="whitespace")
    assert found == pd.read_csv(tmp_path / "p.txt", sep=r"\s+").to_dict("list")
    assert read('a b\n1 "x  y"\n2 z\n', frozenset("b"), delimiter="whitespace") == {
        "a": [1, 2],
        "b": ["x  y", "z"],
    }


def test_skipped_rows(read: Read, refuse: Refuse) -> None:
    """Lines before the header, whatever they hold; where no more are there, that is told."""
    found = read('made "by\r\n\r\rit;\na,b\n1,2\n', skip_rows=4)
    assert found == {"a": [1], "b": [2]}
    assert read("\ufeff\na,b\n1,2\n", skip_rows=1) == {"a": [1], "b": [2]}
    said = refuse("a,b\n1,2\n", skip_rows=2)
    assert said.startswith("s: expected text, got nothing but what 'skip_rows' and 'comment' leave")


def test_no_quotes(read: Read) -> None:
    """They are letters as others."""
    found = read('a;b\n"x;""y"\nit\'s;5"\n";"\n', BOTH, delimiter=";", quote="")
    assert found == {"a": ['"x', "it's", '"'], "b": ['""y"', '5"', '"']}


NUMBERS: dict[str, tuple[dict[str, str], float | str]] = {
    "1,5": ({"decimal": ","}, 1.5),
    "-1,5e-3": ({"decimal": ","}, -0.0015),
    ",5": ({"decimal": ","}, 0.5),
    "5,": ({"decimal": ","}, 5.0),
    " 1234,5 ": ({"decimal": ","}, 1234.5),
    "1.5": ({"decimal": ","}, "a number as 1234,5"),
    "1e5": ({"decimal": ","}, 1e5),
    "1.234,5": ({"decimal": ",", "thousands": "."}, 1234.5),
    "1.234.567,25": ({"decimal": ",", "thousands": "."}, 1234567.25),
    "+12.345": ({"decimal": ",", "thousands": "."}, 12345.0),
    "1234567,5": ({"decimal": ",", "thousands": "."}, 1234567.5),
    "1.5 ": ({"decimal": ",", "thousands": "."}, "a number as 1.234,5"),
    "12.34": ({"decimal": ",", "thousands": "."}, "a number as 1.234,5"),
    "1234.567": ({"decimal": ",", "thousands": "."}, "a number as 1.234,5"),
    "1.2345": ({"decimal": ",", "thousands": "."}, "a number as 1.234,5"),
    "1,234.5": ({"decimal": ",", "thousands": "."}, "a number as 1.234,5"),
    "1.234.": ({"decimal": ",", "thousands": "."}, "a number as 1.234,5"),
    ".234": ({"decimal": ",", "thousands": "."}, "a number as 1.234,5"),
    "1,234.50": ({"thousands": ","}, 1234.5),
    "1,23": ({"thousands": ","}, "a number as 1,234.5"),
    "1'000'000.5": ({"thousands": "'"}, 1000000.5),
    "1_000": ({"thousands": "_"}, 1000.0),
    "1 000,5": ({"decimal": ",", "thousands": " "}, 1000.5),
    "1\u00a0000\u202f000": ({"decimal": ",", "thousands": " "}, 1000000.0),
    "1  000": ({"thousands": " "}, "a number as 1 234.5"),
    "1\u00a0000": ({"thousands": "."}, "different"),
    "nan": ({"decimal": ","}, "a finite number"),
    "1e999": ({"decimal": ","}, "a finite number"),
    "": ({"decimal": ",", "thousands": "."}, "a number as 1.234,5"),
}


@pytest.mark.parametrize("text", NUMBERS)
@pytest.mark.parametrize("has_quotes", [False, True])
def test_numbers(read: Read, refuse: Refuse, text: str, has_quotes: bool) -> None:
    """As the dialect spells them, alone and beside others; groups have three digits."""
    options, wanted = NUMBERS[text]
    if wanted == "different":
        options, wanted = {"decimal": ",", "thousands": "."}, "a number as 1.234,5"
    field = f'"{text}"' if has_quotes else text
    content = f"a;b\n3;x\n{field};y\n"
    if isinstance(wanted, float):
        found = read(content, frozenset("b"), delimiter=";", **options)
        assert found == {"a": [3.0, wanted], "b": ["x", "y"]}
        return
    said = refuse(content, frozenset("b"), delimiter=";", **options)
    assert said.startswith(f"s: row 2, column 'a': expected {wanted}")


LARGE = "9.007.199.254.740.993"


def test_integers_that_float64_rounds(read: Read, refuse: Refuse) -> None:
    """They are int64 with groups of digits, too."""
    options: dict[str, Any] = {"delimiter": ";", "decimal": ",", "thousands": "."}
    found = read(f"a;b\n{LARGE};x\n1;y\n", frozenset("b"), **options)
    assert found["a"] == [9007199254740993, 1]
    said = refuse(f"a;b\n{LARGE}.000;x\n2;y\n{LARGE}.000.001;z\n", frozenset("b"), **options)
    assert "row 3, column 'a': expected an integer that float64, or int64 in a column of" in said


@given(
    numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1),
    thousands=st.sampled_from(["", ".", " ", "'", "_"]),
    how=st.sampled_from(["plain", "missing", "bad"]),
)
@SHARED_FOLDER
def test_any_numbers(tmp_path: Path, numbers: list[float], thousands: str, how: str) -> None:
    """Numbers with fractions as Python groups them; the slow way reads them as the fast one."""
    texts = [f"{number:,.3f}" for number in numbers]
    spelled = [text.replace(",", "\0").replace(".", ",").replace("\0", thousands) for text in texts]
    wanted = [float(text.replace(",", "")) for text in texts]
    rows = [f"{text};x" for text in spelled]
    rows += {"plain": [], "missing": ["NA;x"], "bad": ["1,2,3;x"]}[how]
    path = tmp_path / "n.csv"
    path.write_text("a;b\n" + "\n".join(rows) + "\n")
    dialect = Dialect(";", decimal=",", thousands=thousands, na_values=("NA",))
    aside: list[Any] = []
    options: dict[str, Any] = {"text": frozenset("b"), "unscaled": frozenset()}
    table = read_delimited(path, dialect, aside=aside, missing=frozenset("a"), **options)
    assert [bad.row for bad in aside] == ([len(rows)] if how == "bad" else [])
    assert table["a"].to_pylist() == wanted + ([None] if how == "missing" else [])


@pytest.mark.parametrize("na", ["-9,9", "-9.9", "NA"])
def test_texts_for_what_is_missing(tmp_path: Path, na: str) -> None:
    """In whatever way numbers are spelled, with blanks around them or not."""
    path = tmp_path / "n.csv"
    path.write_text(f"a;b\n1,5;x\n{na};y\n {na} ;z\n;u\n-9,8;v\n")
    for thousands in ("", "."):
        dialect = Dialect(";", decimal=",", thousands=thousands, na_values=(na,))
        options: dict[str, Any] = {"text": frozenset("b"), "missing": frozenset("a")}
        found = read_delimited(path, dialect, **options)
        assert found["a"].to_pylist() == [1.5, None, None, None, -9.8]
