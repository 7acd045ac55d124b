"""Files that are decompressed as they are read: the rows of the file without its compression."""

from __future__ import annotations

import errno
import gzip
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ptm.errors import BadInput
from ptm.readers import recoding, streams
from ptm.readers.delimited import content, rows
from ptm.readers.delimited.columns import read_delimited
from ptm.readers.delimited.dialect import PLAIN, Dialect
from ptm.readers.streams import Decompressed, Streamed
from tests.support.tables import PACKED, in_pieces

TEXT = frozenset("b")
RAW = "a,b\n" + "".join(f'{row},"x,{row % 7}\n""é"\n' for row in range(200))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams keep little, and are read in small blocks."""
    monkeypatch.setattr(streams, "KEPT", 64)
    monkeypatch.setattr(streams, "BLOCK", 50)


@pytest.mark.parametrize("how", PACKED)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_the_same_rows(tmp_path: Path, how: str, encoding: str) -> None:
    """Whole and in pieces of any size, whatever the encoding is."""
    plain, packed = tmp_path / "t.csv", tmp_path / "t"
    plain.write_bytes(RAW.encode(encoding))
    packed.write_bytes(PACKED[how](RAW.encode(encoding)))
    dialect = Dialect(encoding=encoding)
    whole = read_delimited(plain, dialect, text=TEXT)
    assert whole.num_rows == 200
    assert read_delimited(packed, dialect, text=TEXT).equals(whole)
    for size in (1, 30, 700, 10_000):
        table, count = in_pieces(packed, dialect, size, text=TEXT)
        assert table.equals(whole)
        assert count == in_pieces(plain, dialect, size, text=TEXT)[1]


def test_members_behind_each_other(tmp_path: Path) -> None:
    """As `cat a.gz b.gz` makes them."""
    path = tmp_path / "t.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,x\n") + gzip.compress(b"2,y\n"))
    assert read_delimited(path, text=TEXT).to_pydict() == {"a": [1, 2], "b": ["x", "y"]}


@pytest.mark.parametrize("how", PACKED)
@pytest.mark.parametrize("damage", ["half", "without its end", "a bit", "more behind it"])
def test_damage(tmp_path: Path, how: str, damage: str) -> None:
    """What is not whole is refused, and the file named; also where only the end of it is not."""
    path, raw = tmp_path / "t.csv.gz", bytearray(PACKED[how](RAW.encode()))
    if (how, damage) == ("zst", "a bit"):
        pytest.skip("a frame without a checksum may hold anything")
    if damage == "a bit":
        raw[len(raw) // 2] ^= 16
    ends = {"half": len(raw) // 2, "without its end": len(raw) - 3}
    path.write_bytes(bytes(raw[: ends.get(damage, len(raw))]))
    if damage == "more behind it":
        path.write_bytes(bytes(raw) + b"some text")
    for read in (read_delimited, in_pieces):
        with pytest.raises(
            BadInput, match=r"expected a whole (gzip|bz2|zstd) file, got "
        ) as caught:
            read(path, PLAIN, text=TEXT)  # type: ignore[operator]
        assert {fault.file for fault in caught.value.faults} == {str(path)}


def test_nothing_in_it(tmp_path: Path) -> None:
    """A file of nothing, compressed, is an empty file."""
    (tmp_path / "t.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(BadInput, match="expected text, got an empty file"):
        read_delimited(tmp_path / "t.gz")


def test_errors_of_the_disk_may_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are no damage of the file."""
    path = tmp_path / "t.gz"
    path.write_bytes(gzip.compress(RAW.encode()))

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    real = Path.open

    def opened(path: Path, *args: Any) -> Any:
        return Failing() if path.name == "t.gz" and passes else real(path, *args)

    passes: list[bool] = []
    monkeypatch.setattr(Path, "open", opened)
    with streams.Streamed(path, Decompressed("gzip")).open() as file:
        assert file.read(3) == b"a,b"
    streams._here.kept = None
    passes.append(True)
    with pytest.raises(OSError, match="Input/output error"):
        Streamed(path, Decompressed("gzip")).read_bytes()


def test_a_group_of_pieces_takes_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one piece has read the next one of the same thread does not read again."""
    path, read = tmp_path / "t.gz", list[int]()
    path.write_bytes(gzip.compress(RAW.encode()))
    real = Decompressed.blocks

    def counted(self: Decompressed, path: Path) -> Iterator[bytes]:
        for block in real(self, path):
            read.append(len(block))
            yield block

    monkeypatch.setattr(Decompressed, "blocks", counted)
    read_delimited(path, text=TEXT)
    once = sum(read)
    read.clear()
    _, count = in_pieces(path, PLAIN, 100, text=TEXT)
    assert count > 20
    # to see the header, to cut it, and to read it; what is kept of the begin is read with each
    assert sum(read) <= 4 * once


def test_pieces_in_any_order(tmp_path: Path) -> None:
    """A stream that is past a place is read from its begin again."""
    path = tmp_path / "t.gz"
    path.write_bytes(gzip.compress(bytes(range(256)) * 4))
    stream = Streamed(path, Decompressed("gzip"))
    whole = bytes(range(256)) * 4
    for start, stop in ((500, 600), (10, 90), (0, 5), (1000, 1024), (63, 65), (1020, 2000)):
        with stream.open() as file:
            file.seek(start)
            assert file.read(stop - start) == whole[start:stop]
            assert file.tell() == min(stop, len(whole))
    with stream.open() as file:
        assert file.seek(0, io.SEEK_END) == len(whole)
    path.write_bytes(gzip.compress(b"another"))
    assert stream.read_bytes() == b"another"


def test_rows_that_are_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: Callable[[int], None]
) -> None:
    """Few bytes become many: a row, a line and a header have their limits."""
    block(100)
    path = tmp_path / "t.gz"
    path.write_bytes(gzip.compress(b'a,b\n1,"' + b"x" * 2000 + b'"\n'))
    monkeypatch.setattr(rows, "MOST_STREAMED", 500)
    with pytest.raises(BadInput, match="expected rows of at most 500 bytes, got a longer one"):
        in_pieces(path, PLAIN, 1, text=TEXT)
    monkeypatch.setattr(recoding, "MOST_LINE", 500)
    with pytest.raises(BadInput, match="expected lines of at most 500 bytes, got a longer one"):
        in_pieces(path, Dialect(comment="#"), 1, text=TEXT)
    monkeypatch.setattr(streams, "MOST_AT_ONCE", 500)
    with pytest.raises(BadInput, match="expected at most 500 bytes when it is decompressed"):
        read_delimited(path, text=TEXT)


MEASURE = """
import resource, sys
from pathlib import Path
from ptm.errors import BadInput
from ptm.readers.delimited.columns import read_delimited
from ptm.readers.delimited.dialect import Dialect
from ptm.readers.tabular.opening import cut_table

path = Path(sys.argv[1])
read_delimited(path.with_name("small.csv"), text=frozenset("b"))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
dialect = Dialect(**eval(sys.argv[2]))
rows = 0
try:
    cut = cut_table(path, dialect, 1 << 21)
    for piece in cut.pieces:
        place = {"span": (piece.start, piece.end), "head": cut.head, "before": piece.before}
        rows += read_delimited(path, dialect, text=frozenset("b"), **place).num_rows
except BadInput as error:
    print(error, file=sys.stderr)
print(rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", PACKED)
@pytest.mark.parametrize("dialect", [{}, {"comment": "#"}, {"delimiter": "whitespace"}], ids=str)
@pytest.mark.parametrize("row", ["1.5,some text\n", "x", '"', ","], ids=repr)
def test_memory_is_bounded(tmp_path: Path, how: str, dialect: dict[str, Any], row: str) -> None:
    """A file of 100 MB, or a bomb of 300, when it is decompressed, needs little."""
    if dialect.get("delimiter"):
        row = row.replace("some text", "text").replace(",", " ")
    path, packed = tmp_path / "t", PACKED[how](row.encode() * (1_000_000 // len(row)))
    header = b"a b\n" if dialect.get("delimiter") else b"a,b\n"
    (tmp_path / "small.csv").write_bytes(b"a,b\n1,x\n")
    with path.open("wb") as file:
        file.write(PACKED[how](header))
        for _ in range(100 if len(row) > 1 else 300):
            file.write(packed)
    command = [sys.executable, "-c", MEASURE, str(path), repr(dialect)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found, memory = map(int, done.stdout.split())
    good = len(row) > 1
    assert found == (1_000_000 // len(row) * 100 if good else 0), done.stderr
    assert bool(done.stderr) != good
    assert memory < (150 if good else 700), (memory, done.stderr)


def test_what_is_plain_is_sought(tmp_path: Path) -> None:
    """Of files that are as they are usually nothing is written anew."""
    path = tmp_path / "t.csv"
    path.write_bytes(RAW.encode("utf-16"))
    dialect = Dialect(";", encoding="utf-16", decimal=",", thousands=".", na_values=("NA",))
    assert content.content_of(path, dialect) == (path, dialect)


def bad_texts() -> list[tuple[bytes, dict[str, Any], str]]:
    """What is no text, and what is said of it: in lines and bytes of the file, comments and all."""
    return [
        (b"#\n#\na\n\xff\n", {}, "line 4, byte 6: expected utf-8 text, got the byte 0xff"),
        (b"#\r\n#\ra\r\n1\xc3", {}, "line 4, byte 9: expected utf-8 text, got the byte 0xc3"),
        (b"#\na\n1\n\x002", {}, "line 4: expected utf-8 text, got a NUL byte"),
        ("#\na\n1\n2,345\n".encode("utf-16-le"), {}, "line 1: expected utf-8 text, got 12 zero"),
        (b"\xff\xfe#\0", {}, "line 1, byte 0: expected utf-8 text, got the byte order mark"),
        (b"\xff\xfe#\0\0", {"encoding": "utf-16"}, "line 1, byte 4: expected utf-16 text, got"),
        (b"a\n1\n", {"encoding": "hex"}, "got 'hex', which is for bytes"),
        (b"a\n1\n", {"encoding": "none"}, "encoding: expected an encoding of text that Python"),
        (b"", {}, "expected text, got an empty file"),
    ]


@pytest.mark.parametrize(("raw", "more", "said"), bad_texts())
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_no_text(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    raw: bytes,
    more: dict[str, Any],
    said: str,
    size: int,
) -> None:
    """Whatever the blocks are in which it is read."""
    monkeypatch.setattr(streams, "BLOCK", size)
    path = tmp_path / "t.csv"
    path.write_bytes(raw)
    with pytest.raises(BadInput) as caught:
        read_delimited(path, Dialect(comment="#", **more))
    if size > 3 or " zero" not in said:
        assert said in str(caught.value)


def test_readers_in_threads(tmp_path: Path) -> None:
    """Each thread has a stream of its own."""
    from concurrent.futures import ThreadPoolExecutor

    path = tmp_path / "t.gz"
    path.write_bytes(gzip.compress(RAW.encode()))
    whole = read_delimited(path, text=TEXT)
    read: Callable[[int], pa.Table] = lambda size: in_pieces(path, PLAIN, size, text=TEXT)[0]  # noqa: E731
    with ThreadPoolExecutor(4) as pool:
        assert all(table.equals(whole) for table in pool.map(read, [10, 100, 1000, 50] * 3))
