"""Files cut at ends of rows and lines: the pieces hold what the whole holds, whatever the size."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ptm.errors import BadInput
from ptm.readers import text as text_reader
from ptm.readers import units
from ptm.readers.cutting import Piece, cut_rows
from ptm.readers.delimited import rows as delimited_rows
from ptm.readers.delimited.columns import head_of, read_delimited
from ptm.readers.delimited.dialect import PLAIN, Dialect
from ptm.readers.delimited.header import SIGNS
from ptm.readers.text import codec_name
from tests.support.cutting import check_pieces
from tests.support.delimited import SHARED_FOLDER
from tests.support.sampling import sampled

BLOCKS = (4, 12, units.BLOCK)  # bytes that are looked at together: a border at every place


class Table:
    """A delimited file, and how it is read: whole, or piece by piece."""

    def __init__(self, path: Path, raw: bytes, **options: Any) -> None:
        path.write_bytes(raw)
        given = {"delimiter": ",", "encoding": "utf-8", "header": None, **options}
        of_file = {name: given.pop(name) for name in ("delimiter", "encoding", "header")}
        self.path, self.raw, self.options, self.dialect = path, raw, given, Dialect(**of_file)

    def whole(self) -> pa.Table:
        return read_delimited(self.path, self.dialect, **self.options)

    @property
    def fields(self) -> int:
        """How many the first record has."""
        return read_delimited(self.path, self.dialect, **self.options | {"columns": ()}).num_columns

    def cut(self, size: int) -> tuple[int, tuple[Piece, ...]]:
        head = head_of(self.path, self.dialect)
        return head, cut_rows(self.path, self.dialect, head, size)

    def read(self, head: int, piece: Piece) -> pa.Table:
        place = {"span": (piece.start, piece.end), "head": head, "before": piece.before}
        return read_delimited(self.path, self.dialect, **self.options, **place)


def check_same(table: Table, whole: pa.Table, size: int) -> int:
    """The pieces give the rows of the whole, and know how many are before; how many there are."""
    head, pieces = table.cut(size)
    delimiter, encoding = table.dialect.delimiter, table.dialect.encoding
    is_cut = units.units_of(codec_name(encoding), table.raw[:4], delimiter + SIGNS)
    first = "" if head or not is_cut else delimiter * (table.fields - 1)
    check_pieces(table.raw, head, pieces, size, encoding, first)
    parts, before = [], 0
    for piece in pieces:
        assert piece.before == before
        parts.append(table.read(head, piece))
        before += parts[-1].num_rows
    assert pa.concat_tables(parts).to_pydict() == whole.to_pydict()
    return len(pieces)


def both(names: str = "ab") -> dict[str, Any]:
    return {"text": frozenset(names)}


LONG_ROWS = 'a,b\n1,x\n2,"k\n8,""z"\n\n3,"é,\r\n"\r\n4,"""\n"""\n5,""\n6,5" pipe\n7,"a"b"c\n8,u'
HOSTILE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "quotes": (LONG_ROWS, "utf-8", both()),
    "crlf": (LONG_ROWS.replace("\n", "\r\n") + "\r\n", "utf-8", both()),
    "mixed ends": ('a,b\r\n1,x\n2,y\r3,z\r\n\r4,"\r"\n\r\n\n5,"\n\r"\n\r', "utf-8", both()),
    "only returns": ('a,b\r1,x\r2,"y\r"\r', "utf-8", both()),
    "quoted delimiters": ('a,b\n",",",\n"\n",,",""",\n,"\n', "utf-8", both()),
    "doubled quotes": ('a,b\n"""",""""""\n"","""\n"\n"""\n,",\n,1\n', "utf-8", both()),
    "stray quotes": ('a,b\nx",y"z\n5"",6"\n "a",1\n"a" ,"b"x"\n"","a"""b"\n', "utf-8", both()),
    "blank lines": ("a,b\n\n\r\n1,2\n\n\n\n3,4\n\n5,6\n\n\n", "utf-8", {}),
    "a mark": ('\ufeffa,b\n\ufeff1,"x\n"\n\ufeff2,y\n', "utf-8", both()),
    "two marks": ("\ufeff\ufeffa,b\n1,x\n\ufeff\ufeff2,y\n", "utf-8", both()),
    "the mark's codec": ("\ufeff\ufeffa,b\n\ufeff1,x\n\ufeff2,y\n", "utf-8-sig", both()),
    "a header in quotes": ('"a\r\n""1","b\n"\r\n1,2\r\n3,4\r\n', "utf-8", {}),
    "one column": ('b\nx\n"y\nz"\n"u"\r\n\ufeffv\rw"\nq', "utf-8", both("b")),
    "blanks in one column": ("b\n\nx\n\n\r\n\ry\n\n", "utf-8", both("b")),
    "numbers": ("a\n1\n2.5\n-3e4\n+5\n .5 \n", "utf-8", {}),
    "integers": (f"a,b\n{2**53 + 1},1\n{2**53 + 3},2\n{2**60 + 1},3\n", "utf-8", {}),
    "utf-16": ('a,b\n1,"x\n, ""é\U0001f408"\n2,\u0a0a\u220d\n3,\u2c22\u0d0a\n', "utf-16", both()),
    "utf-16-le": ('\ufeffa,b\r\n1,"x\r\né"\r\n2,\u0a0a\u220d\r\n', "utf-16-le", both()),
    "utf-16-be": ('a,b\n1,"x\n\U0001f408"\n2,\u0a0a\u220d\n\n3,y', "utf-16-be", both()),
    "utf-32": ('a,b\n1,"x\n\U0001f408"\n2,\u0a0a\n3,y\n', "utf-32", both()),
    "utf-32-be": ('\ufeffa,b\n1,"x\n"\n2,y\n', "utf-32-be", both()),
    "cp1252": ('a;b\n1;"€\n;"\n2;é"\n3;”\n', "cp1252", {"delimiter": ";", **both()}),
    "shift_jis": ('a,b\n1,"表\n予"\n2,ソ十\n3,ｱ"\n4,能"\n', "shift_jis", both()),
    "gb18030": ('a,b\n1,"中\n€"\n2,丂\u0080\n3,\U0001f408\n4,俓"\n', "gb18030", both()),
    "a bar in shift_jis": ("a|b\n1|x\n2|ポ\n", "shift_jis", {"delimiter": "|", **both()}),
    "a tab": ('a\tb\n1\t"x\n\t"\n2\t"y"\n', "utf-8", {"delimiter": "\t", **both()}),
    "no header": ('\ufeff\n\n1,x\n\n2,"y\n,"\n\r\n3,z', "utf-8", {"header": False, **both()}),
    "no header, two marks": ("\ufeff\ufeff1,2\n3,4\n", "utf-16", {"header": False}),
    "no header, gb18030": ("\ufeff\n1,2\n3,4\n", "gb18030", {"header": False}),
    "no header, one column": ("1\n2\n3", "utf-8", {"header": False}),
    "escapes": ("a,b\n1,\\u0041\\u000a3,x\n2,y\n", "raw_unicode_escape", both()),
    "utf-7": ("a,b\n1,é\n2,日本\n", "utf-7", both()),
    "iso2022_jp": ("a,b\n1,日本\n2,語\n", "iso2022_jp", both()),
    "ebcdic": ("a,b\n1,x\n2,y\n", "cp037", both()),
    "right to left": ("a,b\n1,x\n2,y\n", "mac_arabic", both()),
}
ONE_PIECE = {"a bar in shift_jis", "escapes", "utf-7", "iso2022_jp", "ebcdic", "right to left"}
ONE_PIECE |= {"only returns"}


@pytest.mark.parametrize("name", sampled(HOSTILE))
def test_cut_at_every_byte(tmp_path: Path, block: Callable[[int], None], name: str) -> None:
    """Each piece, read by itself, has its rows of the whole, and together they have all."""
    content, encoding, options = HOSTILE[name]
    if options.get("header") is False and "text" in options:
        options = {**options, "text": frozenset({"c0", "c1"})}
    raw = content.encode(encoding)
    table = Table(tmp_path / "t.csv", raw, encoding=encoding, **options)
    whole = table.whole()
    for size in range(1, len(raw) + 2):
        found = table.cut(size)
        for length in BLOCKS:
            block(length)
            assert table.cut(size) == found
        count = check_same(table, whole, size)
        if size == 1:
            assert (count == 1) == (name in ONE_PIECE)


# what stands for a row in turn, and what is said of it
FAULTS = [
    ("x,1", "column 'a': expected a number, got 'x'"),
    ("1", "expected 2 fields, got 1"),
    ("1,2,3", "expected 2 fields, got 3"),
    ("1,", "column 'b': expected a category"),
    ('"\nx",1', "column 'a': expected a number, got '\\nx'"),
    ("1e999,1", "column 'a': expected a finite number, got '1e999'"),
    ("1,\0", "a NUL byte"),
]


@pytest.mark.parametrize(("planted", "told"), FAULTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_a_fault_in_every_row(tmp_path: Path, planted: str, told: str, encoding: str) -> None:
    """The piece that has it says what the whole says: the row is that of the file."""
    good = ["1,x", '2,"y\nz"', '3,"u"', "\n4,v\r", "5,é"]
    for place in range(len(good)):
        raw = "\n".join(["a,b", *good[:place], planted, *good[place:], ""]).encode(encoding)
        options = {"encoding": encoding, "categories": frozenset("b")}
        step = 1 if encoding == "utf-8" else 7
        check_refused(Table(tmp_path / "t.csv", raw, **options), told, step)


def check_refused(table: Table, told: str, step: int = 1) -> None:
    """One piece says what the whole says, the others are read."""
    with pytest.raises(BadInput) as caught:
        table.whole()
    assert told in str(caught.value)
    for size in range(1, len(table.raw) + 2, step):
        assert refusals(table, size) == [str(caught.value)]


def refusals(table: Table, size: int) -> list[str]:
    """What each piece that cannot be read says; or what is said before the file is cut."""
    said = []
    try:
        head, pieces = table.cut(size)
    except BadInput as error:
        return [str(error)]
    for piece in pieces:
        try:
            table.read(head, piece)
        except BadInput as error:
            said.append(str(error))
    return said


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80"])
def test_bytes_that_are_no_text(tmp_path: Path, bad: bytes) -> None:
    """Line and byte are those of the file."""
    lines = [b"a,b", b"1,x\r", b'2,"\r\ny"', b"3,z", b"4,"]
    for place in range(1, len(lines)):
        raw = b"\n".join([*lines[:place], lines[place] + bad, *lines[place + 1 :]])
        table = Table(tmp_path / "t.csv", raw, text=frozenset("b"))
        check_refused(table, "expected utf-8 text, got the byte")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16", "utf-32-be"])
def test_half_a_character(tmp_path: Path, encoding: str) -> None:
    """Bytes of a wide encoding that are no text are told with their place in the file."""
    raw = "a,b\n1,x\n2,".encode(encoding) + "\ud800".encode(encoding[:9], "surrogatepass")[-4:]
    raw += "\n3,y\n".encode(encoding if encoding != "utf-16" else "utf-16-le")
    check_refused(Table(tmp_path / "t.csv", raw, encoding=encoding, text=frozenset("b")), "line 3")


def test_a_quote_that_is_never_closed(tmp_path: Path) -> None:
    """It is in the last piece, and named with its row of the file."""
    raw = b'a,b\n1,x\n\n2,"y"\n3,"z\n4,u\n'
    check_refused(Table(tmp_path / "t.csv", raw, text=frozenset("b")), "row 3, column 'b'")


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"1,2\n3,4\n5,6\n", "header: expected names of the columns"),
        (b"a,a\n3,4\n5,6\n", "'a' twice"),
        (b"a,\n3,4\n5,6\n", "no name for column 2"),
        (b"a,\xff\n3,4\n5,6\n", "line 1, byte 2: expected utf-8 text"),
        ("a,b\n3,4\n5,6\n".encode("utf-16-le"), "zero bytes among 24"),
    ],
)
def test_a_header_that_is_none(tmp_path: Path, raw: bytes, told: str) -> None:
    """Every piece says what the whole says, or it is said before."""
    table = Table(tmp_path / "t.csv", raw)
    with pytest.raises(BadInput) as caught:
        table.whole()
    assert told in str(caught.value)
    for size in range(1, len(raw) + 2):
        assert set(refusals(table, size)) == {str(caught.value)}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n1,2\n",
        b"sep=;\na\n1\n",
        b'a,"b\n' + b"1,2\n" * 9,
        b"\xff\xfea\x00\n\x001\x00",
        b"x" * 140_000 + b",b\n1,2\n",
        b'"' + b"x\n" * 70_000 + b",b\n1,2\n",
    ],
)
def test_a_header_without_end(tmp_path: Path, raw: bytes) -> None:
    """What shows before anything is cut is told as the whole read tells it."""
    table = Table(tmp_path / "t.csv", raw)
    with pytest.raises(BadInput) as caught:
        table.whole()
    with pytest.raises(BadInput) as told:
        table.cut(5)
    assert str(told.value) == str(caught.value)


def test_a_header_longer_than_is_read_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As much of the file is read as the header takes."""
    monkeypatch.setattr("ptm.readers.delimited.header.FIRST", 4)
    content = '\ufeff"é\r\n""a",b\r\n1,2\r\n3,4\r\n'
    for encoding in ("utf-8", "utf-16-be", "gb18030", "utf-32"):
        raw = content.encode(encoding)
        table = Table(tmp_path / "t.csv", raw, encoding=encoding)
        assert head_of(table.path, table.dialect) == len(content[:-10].encode(encoding))
        check_same(table, table.whole(), 1)
        check_same(Table(table.path, raw, encoding=encoding, header=True), table.whole(), 1)
    for raw in (b"a,b", b"a,b\n", b"a,b\r\n"):
        assert head_of(Table(tmp_path / "t.csv", raw).path, PLAIN) == len(raw)


@pytest.mark.parametrize("raw", [b"a,b", b"a,b\n", b"a,b\r\n\r\n\n\n"])
def test_no_rows(tmp_path: Path, raw: bytes) -> None:
    """A file without rows is one piece, and refused as the whole is."""
    table = Table(tmp_path / "t.csv", raw)
    for size in range(1, len(raw) + 2):
        assert len(table.cut(size)[1]) == 1
    check_refused(table, "expected rows below the header, got none")


def test_large_integers_of_a_piece(tmp_path: Path) -> None:
    """Each piece says of its own integers whether float64 would round them."""
    table = Table(tmp_path / "t.csv", f"a,b\n{2**53 + 1},1\n3,1\n".encode())
    head, pieces = table.cut(1)
    found = [str(table.read(head, piece).schema.field("a").type) for piece in pieces]
    assert found == ["int64", "double"]


def test_a_row_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quote that is not closed for too long ends the search for its end."""
    monkeypatch.setattr(delimited_rows, "LARGEST_BLOCK", 40)
    monkeypatch.setattr(units, "BLOCK", 8)
    table = Table(tmp_path / "t.csv", b'a,b\n1,x\n2,"' + b"y\n" * 40)
    with pytest.raises(BadInput, match=r"expected rows of at most .* got a longer one, or a quote"):
        table.cut(4)
    many = Table(table.path, b"a,b\n" + b"1,2\n" * 40)
    assert len(many.cut(4)[1]) == 40


def test_every_row_of_a_piece(tmp_path: Path) -> None:
    """A piece does not say of every row what it can say of its own alone."""
    table = Table(tmp_path / "t.csv", b"a,b\n1\n2\n3\n")
    assert [said.split(" (")[0] for said in refusals(table, 4)] == [
        "rows 1, 2: expected 2 fields, got 1",
        "row 3: expected 2 fields, got 1",
    ]
    assert refusals(table, 99)[0].startswith("every row (3): expected 2 fields, got 1")


def test_a_file_that_became_shorter(tmp_path: Path) -> None:
    """What is not there any more is told."""
    table = Table(tmp_path / "t.csv", b"a,b\n1,2\n3,4\n")
    head, pieces = table.cut(1)
    table.path.write_bytes(b"a,b\n1,2\n3")
    with pytest.raises(BadInput, match="expected at least 12 bytes, got an end at 9"):
        table.read(head, pieces[-1])


@pytest.mark.parametrize("added", ["5,x\n", '6,"y\n"\n', "\n\n7,z", ' ",\n'])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_that_are_added(tmp_path: Path, added: str, end: str) -> None:
    """No piece changes but the last."""
    old = end.join(["a,b", "1,x", '2,"y', 'z"', "", "3,u", '4,"v"', ""])
    new = old + added.replace("\n", end)
    for size in range(1, len(new) + 2):
        _, before = Table(tmp_path / "t.csv", old.encode()).cut(size)
        _, after = Table(tmp_path / "t.csv", new.encode()).cut(size)
        assert after[: len(before) - 1] == before[:-1] and len(after) >= len(before)


@given(
    body=st.text('1a,,"""\n\n\r\n é\ufeff;', max_size=40),
    head=st.sampled_from(["a,b\n", "b\r\n", "\ufeffa,b\r", ""]),
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-16-be", "gb18030", "utf-8-sig"]),
    size=st.integers(1, 12),
    length=st.sampled_from(BLOCKS),
)
@example(body='1,"x\n2,y\n', head="a,b\n", encoding="utf-8", size=1, length=4)
@example(body='11,"a"x"\n",2\n3,4', head="a,b\n", encoding="utf-8", size=1, length=4)
@SHARED_FOLDER
def test_any_text(
    tmp_path: Path, body: str, head: str, encoding: str, size: int, length: int
) -> None:
    """What the whole read takes or refuses the pieces take or refuse, with the same rows."""
    header = bool(head) or False
    names = frozenset({"a", "b", *(f"c{number}" for number in range(50))})
    names &= frozenset("b") if head.startswith("b") else names
    table = Table(tmp_path / "t.csv", (head + body).encode(encoding), encoding=encoding)
    table.dialect = replace(table.dialect, header=header)
    table.options["text"] = columns_of(table) & names
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(units, "BLOCK", length)
        patch.setattr(text_reader, "BLOCK", length)
        try:
            whole = table.whole()
        except BadInput as error:
            check_some_refused(table, size, error)
        else:
            check_same(table, whole, size)


def columns_of(table: Table) -> frozenset[str]:
    """The names of the columns of a file that may be refused."""
    try:
        return frozenset(table.whole().column_names)
    except BadInput:
        return frozenset()


def check_some_refused(table: Table, size: int, error: BadInput) -> None:
    """A piece says it, unless it is said of several rows, which may be in several pieces."""
    said = refusals(table, size)
    assert said
    several = ("more that", "rows", "every row")
    if error.count == 1 and not any(word in str(error) for word in several):
        assert str(error) in said


# memory

MEASURE = """
import resource, sys
from pathlib import Path
from ptm.readers.cutting import cut_lines, cut_rows
from ptm.readers.delimited.columns import head_of, read_delimited
from ptm.readers.delimited.dialect import Dialect
from ptm.readers.text import read_text

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

path, encoding = Path(sys.argv[1]), sys.argv[2]
text = frozenset("b")
small = path.with_name("small.csv")
read_delimited(small, text=text)
read_text(small, "utf-8")
before = peak()
dialect = Dialect(encoding=encoding)
head = head_of(path, dialect)
pieces = cut_rows(path, dialect, head, 1 << 21)
cut_lines(path, encoding, 1 << 21)
cut = peak()
rows = 0
for start, end, done, _ in pieces:
    assert done == rows
    place = {"span": (start, end), "head": head, "before": done}
    rows += read_delimited(path, dialect, (), text, **place).num_rows
print(rows, len(pieces), cut - before, peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("row", ['1.25,"some ""text""\n, of it",3\n', "1.25,some text of it,3\n"])
def test_memory_is_bounded(tmp_path: Path, row: str, encoding: str) -> None:
    """A file of 50 MB is cut and read with a few MB: its blocks, and a piece with its columns."""
    small, path = tmp_path / "small.csv", tmp_path / "large.csv"
    small.write_bytes(b"a,b,c\n" + row.encode() * 9)
    count = 10_000 * (50_000_000 // (10_000 * len(row.encode(encoding))))
    with path.open("w", encoding=encoding, newline="") as file:
        file.write("a,b,c\n")
        for _ in range(count // 10_000):
            file.write(row * 10_000)
    command = [sys.executable, "-c", MEASURE, str(path), encoding]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows, pieces, cut, read = map(int, done.stdout.split())
    assert rows == count and pieces > 15
    assert cut <= 16 and read <= 48, (cut, read)
