"""Random tables, written in random dialects and formats; the values are known."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import random
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa

BLANKS_OF_GROUPS = {"utf-8": " \u00a0\u202f\u2009", "cp1252": " \u00a0", "ascii": " "}
LETTERS = "abcXYZ019 .-'\"#;,|\t_\n\r"
WORDS = ["S", "M", "L", "007", "1e5", "nan", "inf", "None", "true", "null", "-", "N/A", "NA"]
GONE = ["NA", "-999", "?", "n/a", "."]  # what may stand for a missing value
LIMIT = 60  # rows


@dataclass
class Planted:
    """A table whose values are known, and how it is written.

    Attributes:
        columns: values by name; None where one is missing.
        raw: the bytes of its file.
        name: of the file.
        options: of its entry.
    """

    columns: dict[str, list[Any]]
    raw: bytes = b""
    name: str = "t.csv"
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def entry(self) -> str:
        """Of a catalog, TOML."""
        lines = [f"{name} = {toml(value)}" for name, value in self.options.items()]
        return "\n".join([f'[x]\nkind = "table"\npath = "{self.name}"', *lines, ""])


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {toml(one)}' for name, one in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value)


def planted_columns(choose: random.Random, letters: str = LETTERS) -> dict[str, list[Any]]:
    """Numbers of many sizes, fractions, integers, words and texts as ids; some are missing."""
    count = choose.randint(2, LIMIT)

    def some(value: Any) -> list[Any]:
        share = choose.choice([0, 0, 0.2])
        values = [None if choose.random() < share else value() for _ in range(count)]
        if all(one is None for one in values):
            values[0] = value()
        return values

    def text() -> str:
        if choose.random() < 0.3:
            return choose.choice(WORDS)
        length = choose.randint(1, 6)
        return "".join(choose.choice(letters) for _ in range(length)).strip() or "x"

    return {
        "n": [float(n) for n in range(count)],
        "x": some(lambda: round(choose.uniform(-1e7, 1e7), choose.randint(0, 4))),
        "i": some(lambda: float(choose.randint(-(10 ** choose.randint(1, 9)), 10**9))),
        "e": some(lambda: choose.uniform(1, 9) * 10.0 ** choose.randint(-12, 12)),
        "t": some(text),
        "id": [f"{choose.randint(0, 999):05d}" for _ in range(count)],
    }


def planted_text(seed: int) -> Planted:
    """A delimited file, compressed or not."""
    choose = random.Random(f"dialect {seed}")
    quote = choose.choice(['"', '"', "'", "$", ""])
    delimiter = choose.choice([",", ";", "\t", "|", ":", "whitespace"])
    decimal = choose.choice([".", ","])
    thousands = choose.choice(["", "", ".", ",", " ", "'", "_"])
    separator = " " if delimiter == "whitespace" else delimiter
    signs = {decimal, separator, quote}
    if thousands in signs or (not quote and delimiter == decimal):
        thousands = ""
    if not quote and delimiter == decimal:
        decimal = "."
    comment = choose.choice(["", "#", "%"])
    letters = LETTERS
    if not quote:  # nothing may be in a text that ends it
        ends = {separator, "\n", "\r", *(" \t" if delimiter == "whitespace" else "")}
        letters = "".join(letter for letter in letters if letter not in ends)
    encoding = choose.choice(["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "ascii"])
    letters += {"cp1252": "é€ß", "ascii": ""}.get(encoding, "é€最")
    found = Planted(planted_columns(choose, letters))
    na_values = [one for one in choose.sample(GONE, choose.randint(0, 3)) if one not in separator]
    _without(found.columns, na_values)
    signs_of_groups: str = thousands
    if thousands == " ":
        signs_of_groups = BLANKS_OF_GROUPS.get(encoding, BLANKS_OF_GROUPS["utf-8"])
    rows = _rows(
        choose,
        found.columns,
        decimal,
        signs_of_groups,
        na_values,
        is_blank=delimiter != "whitespace",
    )
    if rows is None:
        return planted_text(seed + 1_000_003)
    end = choose.choice(["\n", "\r\n", "\r"])
    ahead = [
        choose.choice(["Report, 2024", "", '"', "a;b;c,d"])
        for _ in range(choose.choice([0, 0, 1, 3]))
    ]
    lines = [*ahead]
    has_header = choose.random() < 0.8
    body = [[*found.columns], *rows] if has_header else rows
    for row in body:
        if comment and choose.random() < 0.1:
            lines.append(f"{comment} {choose.choice(['note', '1,2', quote + 'x'])}")
        lines.append(_line(choose, row, delimiter, quote, comment))
    text = end.join(lines) + choose.choice(["", end])
    found.raw = _packed(choose, text.encode(encoding))
    named = [*found.columns] if has_header else [f"c{n}" for n in range(len(found.columns))]
    found.columns = dict(zip(named, found.columns.values(), strict=True))
    texts, ids = named[4], named[5]
    found.options = {
        "delimiter": delimiter,
        "quote": quote,
        "decimal": decimal,
        "thousands": thousands,
        "comment": comment,
        "skip_rows": len(ahead),
        "encoding": encoding,
        "header": has_header,
        "na_values": na_values,
        "exclude": [ids],
        "measures": {texts: "categorical"},
        "missing": {**dict.fromkeys(named[1:4], "mean"), texts: "category"},
        "standardize": False,
    }
    return found


def _without(columns: dict[str, list[Any]], words: list[str]) -> None:
    """No value that a word for a missing one would take for itself."""
    for values in columns.values():
        for place, value in enumerate(values):
            if isinstance(value, str) and value.strip() in words:
                values[place] = "word"
            if isinstance(value, float) and f"{value:g}" in words:
                values[place] = 1.0


def _rows(
    choose: random.Random,
    columns: dict[str, list[Any]],
    decimal: str,
    groups: str,
    words: list[str],
    is_blank: bool,
) -> list[list[str]] | None:
    """The fields of all rows; None where what is missing cannot be written."""

    def field_of(value: Any) -> str:
        if value is None:
            ways = [*words, *([""] if is_blank else [])]
            return choose.choice(ways) if ways else "\0"
        if isinstance(value, str):
            return value
        spelled = repr(value)
        if "e" not in spelled:
            spelled = f"{Decimal(spelled):f}"
            whole, _, fraction = spelled.partition(".")
            if fraction == "0" and choose.random() < 0.7:
                fraction = ""
            if groups and choose.random() < 0.7:
                group = choose.choice(groups)
                whole = f"{int(whole):,}".replace(",", group) if whole != "-0" else whole
            spelled = whole + (decimal + fraction if fraction else "")
        return spelled.replace(".", decimal) if "e" in spelled else spelled

    rows = [[field_of(one) for one in row] for row in zip(*columns.values(), strict=True)]
    return None if any("\0" in row for row in rows) else rows


def _line(choose: random.Random, row: list[str], delimiter: str, quote: str, comment: str) -> str:
    if delimiter != "whitespace" and quote:
        out = io.StringIO(newline="")
        quoting: Any = choose.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
        csv.writer(
            out, delimiter=delimiter, quotechar=quote, quoting=quoting, lineterminator="\r\n"
        ).writerow(row)
        return out.getvalue().removesuffix("\r\n")
    if delimiter != "whitespace":
        return delimiter.join(row)
    fields = []
    for one in row:
        needs = not one or any(sign in one for sign in (" ", "\t", "\n", "\r", quote or " "))
        needs = needs or choose.random() < 0.1
        fields.append(f"{quote}{one.replace(quote, quote * 2)}{quote}" if quote and needs else one)
    line = fields[0]
    for one in fields[1:]:
        line += choose.choice([" ", "  ", "\t", " \t "]) + one
    return choose.choice(["", " "]) + line + choose.choice(["", " "])


def _packed(choose: random.Random, raw: bytes) -> bytes:
    way = choose.choice(["", "", "gz", "gz2", "bz2", "zst"])
    if way == "gz":
        return gzip.compress(raw, mtime=0)
    if way == "gz2":  # two members, as `cat` joins them
        return gzip.compress(raw[: len(raw) // 2], mtime=0) + gzip.compress(
            raw[len(raw) // 2 :], mtime=0
        )
    if way == "bz2":
        return bz2.compress(raw)
    return pa.compress(raw, codec="zstd", asbytes=True) if way == "zst" else raw


def planted_file(seed: int) -> Planted:
    """The same as Parquet, an Arrow file or stream, JSON lines or array, or Excel."""
    choose = random.Random(f"format {seed}")
    form = choose.choice(["parquet", "arrow", "arrows", "jsonl", "json", "xlsx"])
    letters = LETTERS + "é€最"
    if form == "xlsx":
        letters = letters.replace("\r", "").replace("\n", "")
    found = Planted(planted_columns(choose, letters), name=f"t.{form}")
    found.options = {
        "exclude": ["id"],
        "measures": {"t": "categorical"},
        "missing": {**dict.fromkeys("xie", "mean"), "t": "category"},
        "standardize": False,
    }
    if form in ("json", "jsonl"):
        found.options["na_values"] = ["NA"]
        _without(found.columns, ["NA"])
        found.raw = _packed(choose, _json(choose, found.columns, form == "json"))
    elif form == "xlsx":
        # openpyxl writes 16 digits
        numbers = found.columns["e"]
        found.columns["e"] = [v if v is None else float(f"{v:.15g}") for v in numbers]
        found.raw = _excel(found.columns)
    else:
        found.raw = _columnar(choose, found.columns, form)
    return found


def _json(choose: random.Random, columns: dict[str, list[Any]], is_array: bool) -> bytes:
    lines = []
    for place in range(len(columns["n"])):
        row = {name: values[place] for name, values in columns.items()}
        row = {n: v for n, v in row.items() if v is not None or choose.random() < 0.5}
        for name, value in row.items():
            if value is None and choose.random() < 0.3:
                row[name] = choose.choice(["NA", ""])
            elif isinstance(value, float) and value.is_integer() and choose.random() < 0.5:
                row[name] = int(value)
            elif isinstance(value, float) and choose.random() < 0.1:
                row[name] = repr(value)
        lines.append(json.dumps(row, ensure_ascii=choose.random() < 0.5))
    if not is_array:
        return ("\n".join(lines) + choose.choice(["", "\n"])).encode()
    between = choose.choice([",", ", ", ",\n", "\n,"])
    indented = choose.choice(["[{}]", "[\n{}\n]\n", " [ {} ] "])
    return indented.format(between.join(lines)).encode()


def _excel(columns: dict[str, list[Any]]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append([*columns])
    for row in zip(*columns.values(), strict=True):
        book.active.append(list(row))
        for cell in book.active[book.active.max_row]:
            if isinstance(cell.value, str):
                cell.data_type = "s"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _columnar(choose: random.Random, columns: dict[str, list[Any]], form: str) -> bytes:
    from pyarrow import ipc, parquet

    arrays: dict[str, Any] = {}
    for name, values in columns.items():
        if name in ("t", "id"):
            array = pa.array(values, choose.choice([pa.string(), pa.large_string()]))
            arrays[name] = array.dictionary_encode() if choose.random() < 0.4 else array
        elif name in ("n", "i") and choose.random() < 0.7:
            arrays[name] = pa.array([None if v is None else int(v) for v in values], pa.int64())
        else:
            nan = [float("nan") if v is None else v for v in values]
            arrays[name] = pa.array(choose.choice([nan, values]), pa.float64())
    table = pa.table(arrays)
    cut = choose.randint(1, len(columns["n"]))
    out = io.BytesIO()
    if form == "parquet":
        parquet.write_table(
            table,
            out,
            row_group_size=cut,
            compression=choose.choice(["snappy", "gzip", "zstd", "none", "lz4", "brotli"]),
            use_dictionary=choose.random() < 0.5,
            version=choose.choice(["1.0", "2.4", "2.6"]),
            data_page_version=choose.choice(["1.0", "2.0"]),
        )
        return out.getvalue()
    opened = ipc.new_stream if form == "arrows" else ipc.new_file
    options = ipc.IpcWriteOptions(
        compression=choose.choice([None, "lz4", "zstd"]), unify_dictionaries=form == "arrow"
    )
    with opened(out, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=cut)
    return out.getvalue()
