"""Rows in which something is wrong are set aside: the others are as in a file without them."""

from __future__ import annotations

import csv
import errno
import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ptm
from ptm.errors import InputError, PtmError
from ptm.model import Artifact
from ptm.readers.delimited import columns

pytestmark = pytest.mark.usefixtures("unsynced")
ENTRY = (
    '[rows]\nkind = "table"\npath = "rows.csv"\nclasses = 4\ntarget = "class"\n'
    'measures = { city = "categorical", big = "ordinal" }\n'
)
HEADER = ["id", "size", "city", "big", "class"]
Bad = tuple[int, str, str, str]  # row, where, expected, got


def source(root: Path, more: str = "", entry: str = ENTRY, bad: str = "quarantine") -> ptm.Source:
    (root / "catalog.toml").write_text(f'{entry}on_bad = "{bad}"\n{more}\n')
    return ptm.load_catalog(root / "catalog.toml", data=root)["rows"]


def made(root: Path, to: str, more: str = "", entry: str = ENTRY) -> Artifact:
    ptm.tensorize(source(root, more, entry), root / to)
    return ptm.load("rows", root / to)


def told(artifact: Artifact) -> list[tuple[str, ...]]:
    """What the table says, but for the name of the file, which is looked at here."""
    table = artifact.tables["quarantine"]
    assert set(table["path"]) <= {"rows.csv"}
    return [tuple(row[1:]) for row in table.itertuples(index=False)]


def text_of(rows: list[list[str]], delimiter: str = ",", end: str = "\n") -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator=end).writerows(rows)
    return file.getvalue()


def good_rows(count: int, seed: int = 0) -> list[list[str]]:
    random = np.random.default_rng(seed)
    cities = ("Rome", "Bonn", "Oslo, N", 'a "b"\nc')
    return [
        [f"{n}", f"{random.normal(1e6):.6f}", cities[n % 4], f"{2**53 + n}", f"{n % 4}"]
        for n in range(count)
    ]


FAULTS: dict[str, tuple[dict[int, str], str, str, str]] = {
    # which fields are changed; then where, expected and got
    "word": ({1: "n/a"}, "column 'size'", "a number", "'n/a'"),
    "blank": ({0: ""}, "column 'id'", "a number", "''"),
    "nan": ({1: "nan"}, "column 'size'", "a finite number", "'nan'"),
    "infinite": ({1: "-inf"}, "column 'size'", "a finite number", "'-inf'"),
    "large": ({1: "1e400"}, "column 'size'", "a finite number", "'1e400'"),
    "float32": ({3: "1e39"}, "column 'big'", "a finite number (float32)", "'1e39'"),
    "beyond": (
        {3: "123456789012345678901"},
        "column 'big'",
        "an integer that float64, or int64 in a column of integers, can hold",
        "'123456789012345678901'",
    ),
    "city": ({2: " "}, "column 'city'", "a category", "' '"),
    "class": ({4: "4"}, "column 'class'", "a class from 0 to 3", "4"),
    "half": ({4: "1.5"}, "column 'class'", "a class from 0 to 3", "1.5"),
    "two": ({2: "", 1: "x"}, "column 'size'", "a number", "'x'"),
}


def with_fault(row: list[str], name: str) -> tuple[list[str], tuple[str, str, str]]:
    """A row with a fault, and what is to be said of it but for its number."""
    if name == "more":
        return [*row, "1"], ("", "5 fields", "6")
    if name == "fewer":
        return row[:2], ("", "5 fields", "2")
    changes, where, expected, got = FAULTS[name]
    return [changes.get(place, value) for place, value in enumerate(row)], (where, expected, got)


NAMES = [*FAULTS, "more", "fewer"]


def planted(rows: list[list[str]], faults: dict[int, str]) -> tuple[list[list[str]], list[Any]]:
    """Rows with faults by their numbers, from 1; and what the table has to say."""
    changed, expected = [list(row) for row in rows], []
    for number, name in sorted(faults.items()):
        row, (where, what, got) = with_fault(rows[number - 1], name)
        changed[number - 1] = row
        place = f"row {number}, {where}" if where else f"row {number}"
        expected.append((place, what, got))
    return changed, expected


def assert_as_without(root: Path, found: Artifact, more: str, entry: str = ENTRY) -> None:
    """One part has the very bytes of a file without the faults; many the same but for rounding."""
    clean = made(root, "clean", more, entry)
    assert clean.tables["quarantine"].empty
    assert clean.table.equals(found.table) and clean.tables.keys() == found.tables.keys()
    assert clean.manifest["facts"] == found.manifest["facts"]
    is_one = len(found.manifest["parts"]) == len(clean.manifest["parts"]) == 1
    assert not is_one or found.manifest["parts"] == clean.manifest["parts"]
    for name, tensor in clean.tensors.items():
        assert tensor.dtype == found.tensors[name].dtype
        if is_one:
            assert torch.equal(tensor, found.tensors[name])
        else:
            there = found.tensors[name].float()
            assert torch.allclose(tensor.float(), there, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_each_fault(tmp_path: Path, name: str) -> None:
    """Whatever is wrong with a row, it alone is set aside, and told by its number and column."""
    rows = good_rows(40)
    changed, expected = planted(rows, {1: name, 17: name, 40: name})
    (tmp_path / "rows.csv").write_text(text_of([HEADER, *changed]))
    found = made(tmp_path, "store")
    assert told(found) == expected
    assert found.manifest["stats"]["samples"] == {"train": 37}
    assert found.manifest["stats"]["bad"] == 3
    (tmp_path / "rows.csv").write_text(text_of([HEADER, *rows[1:16], *rows[17:39]]))
    assert_as_without(tmp_path, found, "")


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(data=st.data())
@pytest.mark.usefixtures("unsynced")
def test_any_file(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever faults stand where, in whatever encoding and however it is cut."""
    root = tmp_path_factory.mktemp("rows")
    rows = good_rows(data.draw(st.integers(5, 60)), data.draw(st.integers(0, 5)))
    numbers = data.draw(st.sets(st.integers(1, len(rows)), max_size=len(rows) - 1))
    faults = {number: data.draw(st.sampled_from(NAMES)) for number in sorted(numbers)}
    delimiter = data.draw(st.sampled_from(",;\t"))
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-16-le"]))
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    size = data.draw(st.sampled_from([1 << 20, 2000, 700, 1]))
    has_header = data.draw(st.booleans())
    shown = delimiter.replace("\t", "\\t")
    more = f'part_bytes = {size}\ndelimiter = "{shown}"\nencoding = "{encoding}"'
    entry, head = ENTRY, [HEADER]
    if not has_header:  # then the first row says how many columns there are
        faults = {n: name for n, name in faults.items() if n > 1 or name in FAULTS}
        more, head = f"{more}\nheader = false", []
        for place, name in enumerate(HEADER):
            entry = entry.replace(f"{name} =", f"c{place} =").replace(f'"{name}"', f'"c{place}"')
    changed, expected = planted(rows, faults)
    if not has_header:
        names = {f"'{name}'": f"'c{place}'" for place, name in enumerate(HEADER)}
        expected = [(_replaced(where, names), *rest) for where, *rest in expected]

    def write(some: list[list[str]]) -> None:
        text = text_of([*head, *some], delimiter, end)
        (root / "rows.csv").write_bytes(text.encode(encoding))

    write(changed)
    found = made(root, "store", more, entry)
    assert told(found) == expected
    write([row for number, row in enumerate(rows, start=1) if number not in faults])
    assert_as_without(root, found, more, entry)


def _replaced(text: str, words: dict[str, str]) -> str:
    for word, other in words.items():
        text = text.replace(word, other)
    return text


def test_the_only_rounded_integer(tmp_path: Path) -> None:
    """A column is int64 only where a good row needs it."""
    rows = [[f"{n}", f"{n}.5", "a", f"{n}", f"{n % 4}"] for n in range(20)]
    rows[3][3], rows[3][4] = f"{2**53 + 1}", "9"  # no class: found when the columns are read
    (tmp_path / "rows.csv").write_text(text_of([HEADER, *rows]))
    found = made(tmp_path, "store")
    assert told(found) == [("row 4, column 'class'", "a class from 0 to 3", "9")]
    (tmp_path / "rows.csv").write_text(text_of([HEADER, *rows[:3], *rows[4:]]))
    assert_as_without(tmp_path, found, "")


@pytest.mark.parametrize("size", [1 << 20, 1])
def test_integers_beside_fractions(tmp_path: Path, size: int) -> None:
    """That float64 rounds some, and others are no integers, is no single row's fault."""
    rows = [[f"{n}", "1", "a", f"{2**53 + 1}" if n % 2 else "0.5", "1"] for n in range(20)]
    rows[5][0] = "x"
    (tmp_path / "rows.csv").write_text(text_of([HEADER, *rows]))
    with pytest.raises(InputError, match="column 'big'"):
        made(tmp_path, "store", f"part_bytes = {size}")


@pytest.mark.parametrize("size", [1 << 20, 300])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('x,y\n1,2\nn/a,3\n4,"5\n6,7\n' + "8,9\n" * 90, "a quote that is closed"),
        ("x,x\n" + "1,2\nn/a,3\n" * 90, "a name for each column"),
        ("x,z\n" + "1,2\nn/a,3\n" * 90, "a column 'y'"),
        ("x,y\n", "rows below the header"),
        ("", ""),
    ],
)
def test_the_whole_is_wrong(tmp_path: Path, text: str, said: str, size: int) -> None:
    """Headers, quotes that swallow the rest and empty files are no fault of a row."""
    (tmp_path / "rows.csv").write_text(text)
    entry = '[rows]\nkind = "table"\npath = "rows.csv"\ncolumns = ["x", "y"]\n'
    with pytest.raises(InputError) as raised:
        made(tmp_path, "store", f"part_bytes = {size}", entry)
    assert said in str(raised.value) and "good" not in str(raised.value)


def test_no_row_is_good(tmp_path: Path) -> None:
    """A wrong delimiter, say, sets nothing aside in silence: no row is good."""
    (tmp_path / "rows.csv").write_text("a,b\n" + "1;2\n" * 90)
    entry = '[rows]\nkind = "table"\npath = "rows.csv"\n'
    for size in (1 << 20, 100):
        with pytest.raises(InputError) as raised:
            made(tmp_path, "store", f"part_bytes = {size}", entry)
        lines = str(raised.value).splitlines()
        assert lines[0] == "rows: expected a sample that is good, got 90 bad ones"
        assert lines[1] == "  row 1: expected 2 fields, got 1 (rows.csv)" and len(lines) == 22


def test_one_column(tmp_path: Path) -> None:
    """Of one column a blank line is a missing value."""
    (tmp_path / "rows.csv").write_text("a\n1\n\n3\nx\n5,6\n7\n")
    found = made(tmp_path, "store", "", '[rows]\nkind = "table"\npath = "rows.csv"\n')
    assert told(found) == [
        ("row 2, column 'a'", "a number", "''"),
        ("row 4, column 'a'", "a number", "'x'"),
        ("row 5", "1 field", "2"),
    ]
    assert found.table["a"].tolist() == [1, 3, 7]


@pytest.mark.parametrize("size", [1 << 20, 300])
def test_groups_and_times(tmp_path: Path, size: int) -> None:
    """Rows without a group, or with a time that cannot be read, come to no split."""
    lines = ["who,day,x"]
    for n in range(60):
        who, day, x = f"p{n % 7}", f"2012-01-{n % 28 + 1:02}", f"{n}"
        who = " " if n in (3, 40) else who
        day = "soon" if n in (4, 41) else day
        lines.append(f"{who},{day},{'?' if n in (2, 3, 4, 50) else x}")
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    entry = f'[rows]\nkind = "table"\npath = "rows.csv"\npart_bytes = {size}\n'
    more = 'group = "who"\nexclude = ["day"]\nsplit = { train = 0.5, val = 0.5 }'
    by_group = made(tmp_path, "group", more, entry)
    no_number = [(f"row {n + 1}, column 'x'", "a number", "'?'") for n in (2, 3, 4, 50)]
    expected = sorted([*no_number, ("row 41, column 'who'", "a group", "' '")], key=number_in)
    assert told(by_group) == expected
    assert by_group.table.groupby("who")["split"].nunique().max() == 1
    more = (
        'time = "day"\nexclude = ["who"]\nsplit = { train = "..2012-01-14", val = "2012-01-15.." }'
    )
    by_time = made(tmp_path, "time", more, entry)
    no_time = ("row 42, column 'day'", "a time as 2012-06-30 or 2012-06-30T12:00", "'soon'")
    assert told(by_time) == sorted([*no_number, no_time], key=number_in)
    assert (by_time.table["split"] == "train").equals(by_time.table["day"] <= "2012-01-14")
    assert by_time.manifest["stats"]["bad"] == 5
    assert sum(by_time.manifest["stats"]["samples"].values()) == 55


def number_in(row: tuple[str, ...]) -> int:
    return int(row[0].split(",")[0].split()[1])


@pytest.mark.parametrize("size", [1 << 20, 100])
def test_a_list_by_row(tmp_path: Path, size: int) -> None:
    """Rows keep the numbers that they have in the file, whatever was set aside before them."""
    lines = ["a,b", *(f"{n},{'x' if n in (1, 7, 30) else n}" for n in range(1, 61))]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    listed = [f"{n},{'train' if n % 3 else 'test'}" for n in range(1, 61) if n not in (9, 52)]
    (tmp_path / "splits.csv").write_text("\n".join(["row,split", *listed]) + "\n")
    entry = f'[rows]\nkind = "table"\npath = "rows.csv"\npart_bytes = {size}\n'
    more = 'split = { file = "splits.csv" }'
    found = made(tmp_path, "store", more, entry)
    rows = [number_in(row) for row in told(found)]
    assert rows == [1, 7, 9, 30, 52]
    assert told(found)[2] == ("row 9, column 'row'", "a sample that splits.csv lists", "9")
    expected = {n: "train" if n % 3 else "test" for n in range(1, 61) if n not in rows}
    assert dict(zip(found.table["a"].astype(int), found.table["split"], strict=True)) == expected
    assert found.tensors["features"].shape == (55, 2)
    with pytest.raises(InputError) as raised:
        ptm.tensorize(source(tmp_path, more, entry, "fail"), tmp_path / "fails")
    assert "row 1, column 'b'" in str(raised.value)


def test_rows_after_misfits_are_as_alone(tmp_path: Path) -> None:
    """Where a row was set aside for its group, too, int64 is what a good row needs."""
    lines = ["who,x", *(f"p{n % 3},{n}" for n in range(20))]
    lines[6] = f",{2**53 + 1}"
    entry = '[rows]\nkind = "table"\npath = "rows.csv"\n'
    more = 'group = "who"\nsplit = { train = 1.0 }'
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    found = made(tmp_path, "store", more, entry)
    assert told(found) == [("row 6, column 'who'", "a group", "''")]
    (tmp_path / "rows.csv").write_text("\n".join(lines[:6] + lines[7:]) + "\n")
    assert_as_without(tmp_path, found, more, entry)


def test_renamed(tmp_path: Path) -> None:
    """Parts that are kept tell their rows by the name that the file has now."""
    lines = ["x,y", *(f"{n},{'?' if n == 70 else n}" for n in range(90))]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    entry = '[rows]\nkind = "table"\npath = "rows.csv"\nstore = "raw"\npart_bytes = 300\n'
    ptm.tensorize(source(tmp_path, "max_bad = 1", entry), tmp_path / "store")
    (tmp_path / "rows.csv").rename(tmp_path / "other.csv")
    entry = entry.replace("rows.csv", "other.csv")
    ptm.tensorize(source(tmp_path, "max_bad = 2", entry), tmp_path / "store")
    found = ptm.load("rows", tmp_path / "store")
    assert found.tables["quarantine"].to_numpy().tolist() == [
        ["other.csv", "row 71, column 'y'", "a number", "'?'"]
    ]


def test_rows_in_the_catalog(tmp_path: Path) -> None:
    """A target that is no class is set aside there too."""
    rows = [[n, n % 3] for n in range(9)]
    entry = (
        f'[rows]\nkind = "table"\ncolumns = ["x", "c"]\nrows = {rows}\ntarget = "c"\nclasses = 2\n'
    )
    found = made(tmp_path, "store", "", entry)
    table = found.tables["quarantine"]
    assert table["path"].tolist() == [""] * 3 and table["where"][0] == "row 3, column 'c'"
    assert found.table["x"].tolist() == [0, 1, 3, 4, 6, 7]


def test_a_million_rows(tmp_path: Path) -> None:
    """A few faults among many rows cost a second reading, not a minute."""
    count = 300_000
    values = np.random.default_rng(0).normal(size=(count, 4)).round(6)
    lines = [",".join(map(str, row)) for row in values.tolist()]
    entry = '[rows]\nkind = "table"\npath = "rows.csv"\nheader = false\n'
    seconds = []
    for name, bad in (("clean", ()), ("faults", (5, 150_000, 299_999))):
        for row in bad:
            lines[row] = "x" + lines[row]
        (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
        start = time.perf_counter()
        found = made(tmp_path, name, "", entry)
        seconds.append(time.perf_counter() - start)
        assert len(found.tables["quarantine"]) == len(bad)
        assert len(found.table) == count - len(bad)
    assert seconds[1] < 5 * seconds[0] + 5


@pytest.mark.parametrize("size", [1 << 20, 100])
def test_an_error_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """What the disk does not give now is raised, and sets no row aside."""
    (tmp_path / "rows.csv").write_text("x,y\n" + "1,2\nn/a,3\n" * 40)
    entry = f'[rows]\nkind = "table"\npath = "rows.csv"\npart_bytes = {size}\n'

    def fails(*arguments: Any) -> bytes:
        raise OSError(errno.EIO, "Input/output error", "rows.csv")

    with monkeypatch.context() as patched:
        patched.setattr(columns, "read_utf8", fails)
        with pytest.raises(OSError, match="Input/output"):
            made(tmp_path, "store", "", entry)
    assert len(told(made(tmp_path, "store", "", entry))) == 40


def test_error_before_any_row(tmp_path: Path) -> None:
    """What no row is at fault for stays what it is."""
    (tmp_path / "rows.csv").write_bytes(b"x,y\n1,2\n\xff,3\n")
    with pytest.raises(PtmError):
        made(tmp_path, "store", "", '[rows]\nkind = "table"\npath = "rows.csv"\n')
