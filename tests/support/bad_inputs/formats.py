"""Parquet, Arrow, JSON and Excel files that are broken, or hold what is no table."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pyarrow as pa
from pyarrow import ipc, parquet

from tests.support.bad_inputs.building import rows

COUNT = 2000
COLUMNS: dict[str, Any] = {"a": list(range(COUNT)), "b": [n / 8 for n in range(COUNT)]}


def as_parquet(columns: dict[str, Any] | pa.Table, **options: Any) -> bytes:
    """A Parquet file."""
    out = io.BytesIO()
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    parquet.write_table(table, out, **options)
    return out.getvalue()


def as_arrow(columns: dict[str, Any], stream: bool = False) -> bytes:
    """An Arrow file, or stream."""
    out, table = io.BytesIO(), pa.table(columns)
    opened = ipc.new_stream(out, table.schema) if stream else ipc.new_file(out, table.schema)
    with opened as writer:
        writer.write_table(table)
    return out.getvalue()


def as_excel(*sheets: tuple[str, list[list[Any]]]) -> bytes:
    """An Excel file with these sheets."""
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, cells in sheets:
        sheet = book.create_sheet(name)
        for row in cells:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def as_zip(name: str, content: str) -> bytes:
    """A ZIP archive of one file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, content)
    return out.getvalue()


def flipped(raw: bytes, place: int, count: int = 16) -> bytes:
    """The same bytes, but for some."""
    changed = bytes(byte ^ 0xFF for byte in raw[place : place + count])
    return raw[:place] + changed + raw[place + count :]


def lines(*objects: object) -> str:
    """JSON lines."""
    return "".join(json.dumps(one) + "\n" for one in objects)


PARQUET, ARROW, STREAM = as_parquet(COLUMNS), as_arrow(COLUMNS), as_arrow(COLUMNS, stream=True)
SHEET = [["a", "b"], [1, 2], [3, 4]]
EXCEL = as_excel(("one", SHEET))
TWO = pa.table([[1], [2]], names=["a", "a"])

BAD_FORMATS = (
    rows(
        "parquet-truncated", PARQUET[:-100], "", "expected a whole Parquet file", path="t.parquet"
    ),
    rows(
        "parquet-begin-only", PARQUET[:200], "", "expected a whole Parquet file", path="t.parquet"
    ),
    rows(
        "parquet-footer-flipped",
        flipped(PARQUET, len(PARQUET) - 60),
        "",
        "expected a whole Parquet file",
        path="t.parquet",
    ),
    rows("parquet-flipped", flipped(PARQUET, 60, 400), "", "expected", "Parquet", path="t.parquet"),
    rows(
        "parquet-list",
        as_parquet({"a": [1, 2], "b": [[1], [2, 3]]}),
        "",
        *("column 'b'", "expected", "got"),
        path="t.parquet",
    ),
    rows(
        "parquet-struct",
        as_parquet({"a": [1, 2], "b": [{"x": 1}, {"x": 2}]}),
        "",
        *("column 'b'", "expected", "got"),
        path="t.parquet",
    ),
    rows("parquet-no-rows", as_parquet({"a": pa.array([], "int64")}), "", "expected rows", "none"),
    rows("parquet-twice", as_parquet(TWO), "", "header", "each once", "got 'a' twice"),
    rows(
        "parquet-null",
        as_parquet({"a": [1, None, 3]}),
        "",
        *("row 2, column 'a'", "expected a number"),
        path="t.parquet",
    ),
    rows(
        "parquet-nan",
        as_parquet({"a": [1.0, 2.0, float("nan")]}),
        "",
        *("row 3, column 'a'", "expected a number"),
        path="t.parquet",
    ),
    rows(
        "parquet-inf",
        as_parquet({"a": [1.0, 2.0, float("inf")]}),
        "",
        *("row 3, column 'a'", "expected a finite number", "inf"),
        path="t.parquet",
    ),
    rows(
        "parquet-text",
        as_parquet({"a": ["1", "two"]}),
        "",
        *("row 2, column 'a'", "expected a number", "got 'two'"),
        path="t.parquet",
    ),
    rows(
        "parquet-no-column",
        as_parquet({"a": [1, 2]}),
        'target = "b"',
        *("expected a column 'b'", "got a"),
        path="t.parquet",
    ),
    rows("arrow-truncated", ARROW[: len(ARROW) // 2], "", "expected a whole Arrow", path="t.arrow"),
    rows("arrow-footer", flipped(ARROW, len(ARROW) - 20, 8), "", "a whole Arrow", path="t.arrow"),
    rows("arrow-stream-cut", STREAM[: len(STREAM) // 2], "", "a whole Arrow", path="t.arrows"),
    rows("feather-1", b"FEA1" + bytes(200) + b"FEA1", "", "expected", "Feather file of version 1"),
    rows("json-cut", lines({"a": 1}, {"a": 2})[:-4], "", "JSON", "got", path="t.jsonl"),
    rows(
        "json-key-missing",
        lines({"a": 1, "b": 2}, {"a": 3}),
        "",
        *("row 2, column 'b'", "expected a number"),
        path="t.jsonl",
    ),
    rows(
        "json-null",
        lines({"a": 1, "b": 2}, {"a": 3, "b": None}),
        "",
        *("row 2, column 'b'", "expected a number"),
        path="t.jsonl",
    ),
    rows(
        "json-key-late",
        lines({"a": 1}, {"a": 3, "b": 2}),
        "",
        *("row 1, column 'b'", "expected a number", "got ''"),
        path="t.jsonl",
    ),
    rows("json-key-twice", '{"a": 1, "a": 2}\n', "", "row 1", "once", "'a'", path="t.jsonl"),
    rows("json-number", "1\n2\n", "", "row 1", "expected a JSON object", "'1'", path="t.jsonl"),
    rows("json-lists", "[1, 2]\n[3, 4]\n", "", "expected", "got '[3, 4]'", path="t.jsonl"),
    rows("json-list-of-numbers", "[1, 2]", "", "row 1", "a JSON object", "'1'", path="t.json"),
    rows(
        "json-nested",
        lines({"a": 1, "b": {"c": 1}}, {"a": 2, "b": {"c": 2}}),
        "",
        *("column 'b'", "expected", "got"),
        path="t.jsonl",
    ),
    rows("json-nan", '{"a": 1}\n{"a": NaN}\n', "", "row 2", "expected", "NaN", path="t.json"),
    rows("json-empty-list", "[]", "", "expected objects with keys", "got none", path="t.json"),
    rows("json-list-open", '[{"a": 1}, {"a": 2}', "", "expected", "got", path="t.json"),
    rows("json-garbage-behind", '[{"a": 1}] x', "", "expected", "got", path="t.json"),
    rows("json-one-object", '{"data": [{"a": 1}]}', "", "expected", "got", path="t.json"),
    rows("json-not-utf-8", b'{"a": "\xff"}\n', "", "expected", "utf-8", "0xff", path="t.jsonl"),
    rows(
        "json-text-of-number",
        lines({"a": 1}, {"a": "x"}),
        "",
        *("row 2, column 'a'", "expected a number", "got 'x'"),
        path="t.jsonl",
    ),
    rows(
        "json-huge-integer",
        '{"a": 1}\n{"a": 123456789012345678901}\n',
        "",
        *("row 2, column 'a'", "expected an integer", "123456789012345678901"),
        path="t.jsonl",
    ),
    rows("excel-truncated", EXCEL[:-300], "", "expected a whole Excel file", path="t.xlsx"),
    rows("excel-flipped", flipped(EXCEL, 700, 300), "", "a whole Excel file", path="t.xlsx"),
    rows(
        "excel-sheets",
        as_excel(("one", SHEET), ("two", SHEET)),
        "",
        *("expected", "sheet", "one, two"),
        path="t.xlsx",
    ),
    rows(
        "excel-no-sheet",
        as_excel(("one", SHEET), ("two", SHEET)),
        'sheet = "three"',
        *("expected a sheet 'three'", "got one, two"),
        path="t.xlsx",
    ),
    rows("excel-empty", as_excel(("one", [])), "", "expected", "got", path="t.xlsx"),
    rows("excel-header-only", as_excel(("one", SHEET[:1])), "", "rows", "none", path="t.xlsx"),
    rows(
        "excel-fault",
        as_excel(("one", [*SHEET, [5, "#DIV/0!"]])),
        "",
        *("row 3, column 'b'", "expected a value", "got the error #DIV/0!"),
        path="t.xlsx",
    ),
    rows(
        "excel-blank-cell",
        as_excel(("one", [*SHEET, [5, None], [6, 7]])),
        "",
        *("row 3, column 'b'", "expected a number"),
        path="t.xlsx",
    ),
    rows(
        "excel-header-twice",
        as_excel(("one", [["a", "a"], [1, 2]])),
        "",
        *("header", "each once", "got 'a' twice"),
        path="t.xlsx",
    ),
    rows(
        "excel-text",
        as_excel(("one", [*SHEET, [5, "six"]])),
        "",
        *("row 3, column 'b'", "expected a number", "got 'six'"),
        path="t.xlsx",
    ),
    rows(
        "excel-row-longer",
        as_excel(("one", [*SHEET, [5, 6, 7]])),
        "",
        *("header", "a name for each column", "column 3"),
        path="t.xlsx",
    ),
    rows("zip-of-csv", as_zip("t.csv", "a,b\n1,2\n"), "", "a ZIP archive with t.csv", path="t.csv"),
    rows("excel-old", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "", ".xlsx", path="t.xls"),
    rows("sqlite", b"SQLite format 3\0" + bytes(4080), "", "an SQLite database", path="t.db"),
)
