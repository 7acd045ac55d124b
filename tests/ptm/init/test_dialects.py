"""How `ptm init` finds out how a table is written."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

Look = Callable[..., dict[str, dict[str, Any]]]
USUAL = {"kind", "path", "split", "exclude", "measures", "target", "classes", "missing", "time"}
ROWS = [("Ann", "1.5", "2024-01-02", "3"), ("Bob", "2.25", "2023-05-06", "17")]
NUMBERS = [(f"{n * 1.37:.2f}", str(n % 13), f"{n * n * 0.11:.3f}") for n in range(1, 80)]


def written(sign: str, header: bool = True) -> str:
    """A table of numbers with a sign between the fields."""
    lines = [sign.join(row) for row in NUMBERS]
    return "\n".join(([sign.join(("width", "count", "area"))] if header else []) + lines) + "\n"


def said(entry: dict[str, Any]) -> dict[str, Any]:
    """The options of an entry that say how it is written."""
    return {name: value for name, value in entry.items() if name not in USUAL}


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
@pytest.mark.parametrize("header", [True, False])
def test_delimiters(look: Look, sign: str, header: bool) -> None:
    """What stands between fields, with a header and without."""
    expected: dict[str, Any] = {} if sign == "," else {"delimiter": sign}
    expected |= {} if header else {"header": False}
    assert said(look({"t.csv": written(sign, header)})["t"]) == expected


def test_runs_of_blanks(look: Look) -> None:
    """Columns of a file of the UCI repository: blanks, and no header."""
    lines = [f"  {a:>8}   {b:>3} \t{c}" for a, b, c in NUMBERS]
    entry = look({"housing.data": "\n".join(lines) + "\n"})["housing"]
    assert said(entry) == {"delimiter": "whitespace", "header": False}


def test_names_with_blanks(look: Look) -> None:
    """Names of two words between blanks are in quotes."""
    lines = [f'{a} "{"ab"[n % 2]} car" {b} {c}' for n, (a, b, c) in enumerate(NUMBERS)]
    entry = look({"auto.data": "\n".join(lines) + "\n"})["auto"]
    assert said(entry) == {"delimiter": "whitespace", "header": False}
    assert entry["measures"] == {"c1": "categorical"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3,5;1,25\n2,75;0,5\n", {"delimiter": ";", "decimal": ","}),
        ("3.500,5;1\n12.750,25;2\n", {"delimiter": ";", "decimal": ",", "thousands": "."}),
        ('"3,500.5",1\n"12,750.25",2\n', {"thousands": ","}),
        ("3 500,5;1\n12 750,25;2\n", {"delimiter": ";", "decimal": ",", "thousands": " "}),
        ("3'500.5;1\n12'750.25;2\n", {"delimiter": ";", "thousands": "'"}),
        ("950;1\n1.250;2\n12.000;3\n", {"delimiter": ";", "decimal": ",", "thousands": "."}),
        ("0.950;1\n1.250;2\n12.000;3\n", {"delimiter": ";"}),
        ("3,5\t1\n2,75\t2\n", {"delimiter": "\t", "decimal": ","}),
        ("1.234.567;3\n950;4\n", {"delimiter": ";", "decimal": ",", "thousands": "."}),
    ],
)
def test_numbers(look: Look, text: str, expected: dict[str, Any]) -> None:
    """Decimal signs and thousands."""
    sign = expected.get("delimiter", ",")
    entry = look({"t.csv": f"a{sign}b\n" + text * 30})["t"]
    assert said(entry) == expected
    assert not {"exclude", "on_bad"} & entry.keys()
    assert entry.get("measures", {}).keys() <= {"b"}  # it has few values


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", {}),
        ("utf-8-sig", {}),
        ("cp1252", {"encoding": "cp1252"}),
        ("utf-16", {"encoding": "utf-16"}),
        ("utf-16-le", {"encoding": "utf-16-le"}),
        ("cp850", {"encoding": "cp850"}),
    ],
)
def test_encodings(look: Look, encoding: str, expected: dict[str, str]) -> None:
    """Letters beyond ASCII, and how they are written."""
    text = "Straße,Größe\n" + "".join(
        f"{['Köln', 'Grün', 'Süd'][n % 3]},{n}.5\n" for n in range(60)
    )
    assert said(look({"t.csv": text.encode(encoding)})["t"]) == expected


def test_an_encoding_that_shows_late(look: Look) -> None:
    """A letter behind four megabytes of ASCII."""
    text = "a,b\n" + "1.5,x\n2.5,y\n" * 500_000 + "3.5,ü\n"
    assert said(look({"t.csv": text.encode("cp1252")})["t"]) == {"encoding": "cp1252"}


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("# made by hand\n# in 2024\n", {"comment": "#"}),
        ("Export of 3 May\n\nwith love\n", {"skip_rows": 3}),
        ("sep=,\n", {"skip_rows": 1}),
        ("Title;of;it\n", {"skip_rows": 1}),
    ],
)
def test_lines_before_the_header(look: Look, head: str, expected: dict[str, Any]) -> None:
    """Comments, titles and hints for spreadsheets."""
    assert said(look({"t.csv": head + written(",")})["t"]) == expected


def test_single_quotes(look: Look) -> None:
    """Fields in single quotes, with the delimiter in them."""
    text = "name,size\n" + "".join(f"'{'ab'[n % 2]}, c',{n}.5\n" for n in range(60))
    entry = look({"t.csv": text})["t"]
    assert said(entry) == {"quote": "'"}


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [
        ("gz", gzip.compress),
        ("bz2", bz2.compress),
        ("zst", lambda raw: pa.compress(raw, "zstd", asbytes=True)),
    ],
)
def test_packed(look: Look, suffix: str, pack: Callable[[bytes], bytes]) -> None:
    """What is packed is looked into."""
    found = look({f"t.csv.{suffix}": pack(written(";").encode())})
    assert said(found["t"]) == {"delimiter": ";"}


def test_an_index_without_a_name(look: Look) -> None:
    """A header with a blank name, which cannot be used: the columns get names of their own."""
    text = ",a,b\n" + "".join(f"{n},{n * 1.5},{n % 7}.25\n" for n in range(60))
    entry = look({"t.csv": text})["t"]
    assert said(entry) == {"skip_rows": 1, "header": False}
    assert entry["exclude"] == ["c0"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"\x00\x01\x02\xff" * 1000),
        ("b.csv", b"<!DOCTYPE html><html><body>404, not found</body></html>"),
        ("c.csv", b"a,b\n"),
        ("d.csv", b""),
        ("e.parquet", b"PAR1 and no more"),
        ("f.json", b'{"a": {"b": 1}}'),
        ("g.xlsx", b"PK\x03\x04 and no more"),
        ("h.csv.gz", b"\x1f\x8b\x08 and no more"),
    ],
)
def test_what_is_no_table(
    look: Look, left_out: Callable[..., dict[str, str]], name: str, content: bytes
) -> None:
    """It is left out, and the reason is told."""
    assert look({name: content}) == {}
    assert left_out()[name]


def test_prose(look: Look) -> None:
    """Sentences with commas are no table."""
    text = "It was late, and cold.\nShe went home; nobody, she thought, had seen her.\n" * 30
    assert look({"story.txt": text})["story"]["kind"] == "text"
