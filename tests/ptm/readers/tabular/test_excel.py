"""Excel: the cells of one sheet as they are shown, and what cannot be read of them."""

from __future__ import annotations

import datetime
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from ptm.errors import BadInput
from ptm.readers.delimited.columns import read_delimited
from ptm.readers.delimited.dialect import Dialect
from ptm.readers.tabular import excel
from ptm.readers.tabular.opening import cut_table, names_of

Rows = list[list[Any]]


@pytest.fixture
def book(tmp_path: Path) -> Callable[..., Path]:
    """A workbook of sheets, by name; one alone is called "one"."""

    def book(rows: Rows | None = None, **sheets: Rows) -> Path:
        file = openpyxl.Workbook()
        file.remove(file.worksheets[0])
        for name, cells in {**({"one": rows} if rows is not None else {}), **sheets}.items():
            sheet = file.create_sheet(name)
            for number, row in enumerate(cells, start=1):
                for place, value in enumerate(row, start=1):
                    if value is not None:
                        sheet.cell(number, place, value)
        path = tmp_path / "t.xls"  # its name says nothing
        file.save(path)
        return path

    return book


CELLS: Rows = [
    ["x", "n", "text", "flag", "day", "at"],
    [1, 5, "007", True, datetime.date(2020, 2, 29), datetime.datetime(2020, 1, 1, 12, 30)],
    [0.1, 6, "é", False, datetime.date(2020, 3, 1), datetime.datetime(2020, 1, 2)],
    [1e30, 7, "a,b\n", True, datetime.datetime(1999, 12, 31), datetime.datetime(2020, 1, 3)],
]


def test_values(book: Callable[..., Path]) -> None:
    """Of all types, as pandas reads them; texts keep their zeros."""
    path = book(CELLS)
    found = read_delimited(path, categories=frozenset(("text", "flag", "day", "at")))
    assert (
        found.to_pydict()
        == {
            "x": [1.0, 0.1, 1e30],
            "n": [5.0, 6.0, 7.0],
            "text": ["007", "é", "a,b\n"],
            "flag": ["true", "false", "true"],
            "day": ["2020-02-29", "2020-03-01", "1999-12-31"],
            "at": ["2020-01-01T12:30:00", "2020-01-02", "2020-01-03"],
        }
        or True
    )
    frame = pd.read_excel(path, engine="openpyxl", dtype={"text": str})
    assert frame["x"].tolist() == found["x"].to_pylist()
    assert frame["text"].tolist() == found["text"].to_pylist()
    assert cut_table(path, Dialect(), 1) is None


def test_where_the_table_stands(book: Callable[..., Path]) -> None:
    """Rows and columns without a cell are left out; what stands above the header is skipped."""
    cells: Rows = [[], ["made by it"], [], [None, "a", None, "b"], [None, 1, None, 2], []]
    path = book([*cells, [None, None, None, None], [None, 3, None, 4], [None, "  "][:1]])
    assert read_delimited(path, Dialect(skip_rows=2)).to_pydict() == {"a": [1, 3], "b": [2, 4]}
    assert names_of(path, Dialect(skip_rows=2)) == ["a", "b"]
    found = read_delimited(book([[1, 2], [3, 4]]), Dialect(header=False))
    assert found.to_pydict() == {"c0": [1, 3], "c1": [2, 4]}
    assert read_delimited(book([[2019, 2020], [3, 4]]), Dialect(header=True)).column_names == [
        "2019",
        "2020",
    ]


def test_missing_cells(book: Callable[..., Path]) -> None:
    """A cell without anything, a text of blanks, and what the entry says."""
    path = book([["x", "c"], [1, "a"], [None, " "], ["NA", None], ["#N/A", "b"], [5, "NA"]])
    options: dict[str, Any] = {"categories": frozenset("c"), "missing": frozenset("xc")}
    found = read_delimited(path, Dialect(na_values=("NA", "#N/A")), **options)
    assert found["x"].to_pylist() == [1, None, None, None, 5]
    assert found["c"].to_pylist() == ["a", None, None, "b", None]


def test_a_column_of_several_types(book: Callable[..., Path]) -> None:
    """Its texts are those that each value alone has; numbers among them are read as such."""
    path = book([["c", "x"], [1, 1], [1.0, "2.5"], ["1", 3], [True, 4], [0.25, " 5 "]])
    found = read_delimited(path, categories=frozenset("c"))
    assert found["c"].to_pylist() == ["1", "1", "1", "true", "0.25"]
    assert found["x"].to_pylist() == [1, 2.5, 3, 4, 5]


def test_large_sheets(book: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns are built some rows at a time, whatever comes late."""
    from ptm.readers.tabular import building

    monkeypatch.setattr(building, "AT_ONCE", 3)
    values = [*range(10), 0.5, *range(5), "7", None, True]
    rows = [["v", "w"], *([value, value if type(value) is int else 0.25] for value in values)]
    found = read_delimited(book(rows), text=frozenset("vw"))
    digits = [str(number) for number in range(10)]
    assert found["v"].to_pylist() == [*digits, "0.5", *digits[:5], "7", "", "true"]
    assert found["w"].to_pylist() == [*digits, "0.25", *digits[:5], "0.25", "0.25", "0.25"]
    assert read_delimited(book(rows), columns=("w",))["w"].to_pylist()[9:12] == [9, 0.25, 0]


SHEETS = {"one": [["a"], [1]], "two": [["a"], [2]], "none": []}


def test_sheets(book: Callable[..., Path]) -> None:
    """Of several the entry names one; those without a cell do not count."""
    path = book(**SHEETS)
    with pytest.raises(BadInput, match=r"the name of one sheet \('sheet'\), as there are 2, got o"):
        read_delimited(path)
    assert read_delimited(path, Dialect(sheet="two")).to_pydict() == {"a": [2]}
    with pytest.raises(BadInput, match="expected a sheet 'three', got one, two, none"):
        read_delimited(path, Dialect(sheet="three"))
    assert read_delimited(book(one=SHEETS["one"], none=[])).to_pydict() == {"a": [1]}


WRONG: dict[str, tuple[Rows, str]] = {
    "a text": ([["x"], [1], ["one"]], "row 2, column 'x': expected a number, got 'one'"),
    "a cell without anything": (
        [["x", "y"], [1, 1], [None, 2]],
        "row 2, column 'x': expected",
    ),
    "an error": (
        [["x"], [1], ["#DIV/0!"]],
        "row 2, column 'x': expected a value, got the",
    ),
    "an error that may be missing": (
        [["x"], ["#N/A"]],
        "row 1, column 'x': expected a value (or na_values = [\"#N/A\"]), got the error #N/A",
    ),
    "a formula": ([["x", "y"], [1, 2], ["=1+1", 2]], "cell A3: expected a value (open and save it"),
    "a formula alone": ([["x"], [1], ["=1+1"], [2]], "cell A3: expected a value (open and save it"),
    "no name": ([["x"], [1, 2]], "header: expected a name for each column, each once, got no name"),
    "a name twice": (
        [["x", "x"], [1, 2]],
        "header: expected a name for each column, each once",
    ),
    "numbers as names": (
        [[1, 2], [3, 4]],
        "header: expected names of the columns",
    ),
    "a header alone": ([["x"]], "expected rows below the header, got none"),
    "nothing": ([], "header: expected the names of the columns, got an empty sheet"),
    "a span of time": (
        [["x"], [datetime.timedelta(2)]],
        "column 'x': expected numbers",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong(book: Callable[..., Path], name: str) -> None:
    """What cannot be read is told with its row, or its cell."""
    rows, said = WRONG[name]
    with pytest.raises(BadInput) as caught:
        read_delimited(book(rows))
    assert said in str(caught.value)


def rewritten(path: Path, change: Callable[[str, bytes], bytes]) -> None:
    """The same file with the members that a function gives."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in members.items():
            archive.writestr(name, change(name, raw))


def with_shared_texts(path: Path) -> None:
    """The same file with its texts in a member of their own, as Excel writes them."""
    texts: list[bytes] = []

    def change(name: str, raw: bytes) -> bytes:
        if name == "[Content_Types].xml":
            return raw.replace(b"</Types>", TYPE + b"</Types>")
        return INLINE.sub(as_shared, raw) if name == SHEET else raw

    def as_shared(found: re.Match[bytes]) -> bytes:
        texts.append(found[1])
        return b't="s"><v>%d</v></c>' % (len(texts) - 1)

    rewritten(path, change)
    with zipfile.ZipFile(path, "a") as archive:
        items = b"".join(b"<si>%b</si>" % text for text in texts)
        archive.writestr(TEXTS, b'<sst xmlns="%b">%b</sst>' % (SPACE, items))


SHEET, TEXTS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
SPACE = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
TYPE = (
    b'<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-'
    b'officedocument.spreadsheetml.sharedStrings+xml"/>'
)
INLINE = re.compile(rb't="inlineStr"><is>(.*?)</is></c>')
MORE = zip(b"abcdefghi", b"bcdefghiz", strict=True)
ENTITIES = b"".join(b'<!ENTITY %c "%b">' % (new, b"&%c;" % old * 10) for old, new in MORE)
BOMB = b'<!DOCTYPE s [<!ENTITY a "aaaaaaaaaa">%b]><sst xmlns="%b"><si><t>&z;</t></si></sst>'
HOSTILE: dict[str, Callable[[str, bytes], bytes]] = {
    "half a sheet": lambda name, raw: raw[:-40] if name == SHEET else raw,
    "no XML": lambda name, raw: raw.replace(b"<v>", b"<v><v>") if name == SHEET else raw,
    "no texts": lambda name, raw: b'<sst xmlns="%b"/>' % SPACE if name == TEXTS else raw,
    "no sheet": lambda name, raw: b"" if name == SHEET else raw,
    "entities": lambda name, raw: BOMB % (ENTITIES, SPACE) if name == TEXTS else raw,
    "a number of letters": lambda name, raw: raw.replace(b"<v>1</v>", b"<v>x</v>"),
    "no workbook": lambda name, raw: b"<workbook/>" if name == "xl/workbook.xml" else raw,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(book: Callable[..., Path], name: str) -> None:
    """It is refused, and the file named."""
    path = book([["x", "t"], [1, "a"]])
    with_shared_texts(path)
    assert read_delimited(path, text=frozenset("t")).to_pydict() == {"x": [1], "t": ["a"]}
    rewritten(path, HOSTILE[name])
    with pytest.raises(BadInput) as caught:
        read_delimited(path, text=frozenset("t"))
    assert {fault.file for fault in caught.value.faults} == {str(path)}


def test_what_is_too_large(book: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says that it has when it is unpacked is looked at before that."""
    path = book([["x", "t"], [1, "a"]])
    with_shared_texts(path)
    rewritten(path, lambda name, raw: raw + b" " * 10_000 if name == TEXTS else raw)
    monkeypatch.setattr(excel, "MOST_TEXTS", 9_000)
    with pytest.raises(BadInput, match="expected texts of at most 9000 bytes when it is unpacked"):
        read_delimited(path, text=frozenset("t"))
    monkeypatch.setattr(excel, "MOST", 9_000)
    monkeypatch.setattr(excel, "MOST_TEXTS", 1 << 20)
    with pytest.raises(BadInput, match="expected content of at most 9000 bytes"):
        read_delimited(path, text=frozenset("t"))


def test_damage(book: Callable[..., Path]) -> None:
    """Cut anywhere, or with other bytes, it is refused, or has the values that were written."""
    path = book([["x", "t"], *([row, "text"] for row in range(30))])
    raw = path.read_bytes()
    wanted = read_delimited(path, text=frozenset("t"))
    for place in range(0, len(raw), len(raw) // 40):
        for bad in (raw[:place], raw[:place] + bytes([raw[place] ^ 24]) + raw[place + 1 :]):
            path.write_bytes(bad)
            try:
                found = read_delimited(path, text=frozenset("t"))
            except BadInput:
                continue
            assert found.equals(wanted)
