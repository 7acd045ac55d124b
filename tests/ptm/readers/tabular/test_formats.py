"""The format of a file is told by its bytes; what is not read is told with the way out."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from ptm.errors import BadInput
from ptm.readers.delimited.columns import read_delimited
from ptm.readers.tabular.formats import format_of

FORMATS = {
    b"a,b\n1,2\n": "delimited",
    b"PAR1,x\n1,2\n": "delimited",
    b"PAR1": "parquet",
    b"BZh9,x\n1,2\n": "delimited",
    b"ARROW1,x\n1,2\n": "delimited",
    b"PKs,x\n1,2\n": "delimited",
    b"ORC,x\n1,2\n": "delimited",
    b"": "delimited",
    b'{"a": 1}': "delimited",
}


@pytest.mark.parametrize("raw", FORMATS)
def test_text(tmp_path: Path, raw: bytes) -> None:
    """Letters that others begin with may be the name of a column."""
    (tmp_path / "t").write_bytes(raw)
    assert format_of(tmp_path / "t") == FORMATS[raw]


@pytest.mark.parametrize("name", ["t.json", "t.JSONL", "t.ndjson.gz", "t.b.json.zst", "a.json.bz2"])
def test_json(tmp_path: Path, name: str) -> None:
    """JSON is told by its name."""
    (tmp_path / name).write_bytes(b"a,b\n")
    assert format_of(tmp_path / name) == "json"
    assert format_of((tmp_path / name).rename(tmp_path / "t.json.csv")) == "delimited"


def _zip() -> bytes:
    import io

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data/a.csv", "a,b\n1,2\n")
    return file.getvalue()


def _parquet() -> bytes:
    file = pa.BufferOutputStream()
    parquet.write_table(pa.table({"a": [1]}), file)
    found: bytes = file.getvalue().to_pybytes()
    return found


REFUSED = {
    "zip": (_zip(), "got a ZIP archive with data/a.csv (unpack it)"),
    "half a zip": (_zip()[:40], "expected a whole Excel file, got"),
    "old Excel": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500),
        "before 2007 (save it as",
    ),
    "xz": (b"\xfd7zXZ\0" + bytes(20), "an xz file (decompress it, or use gz, bz2 or zst)"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(20), "a 7z archive (unpack it)"),
    "SQLite": (b"SQLite format 3\0" + bytes(20), "an SQLite database (`sql` reads it)"),
    "Parquet in gz": (
        gzip.compress(_parquet()),
        "a file of the format parquet in one of gzip",
    ),
    "gz in gz": (gzip.compress(gzip.compress(b"a\n1\n")), "a compressed file in a compressed file"),
    "half Parquet": (_parquet()[:-9], "expected a whole Parquet file, got"),
    "the begin of Parquet": (_parquet()[:5], "expected a whole Parquet file, got"),
    "the begin of Arrow": (b"ARROW1\0\0" + bytes(8), "expected a whole Arrow file, got"),
    "the begin of a stream": (b"\xff\xff\xff\xff\x10\0\0\0", "expected a whole Arrow file, got"),
    "a long stream": (
        b"\xff\xff\xff\xff\xff\xff\xff\x7f" + bytes(80),
        "expected a whole Arrow file",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path: Path, name: str) -> None:
    """In words that say what it is."""
    raw, said = REFUSED[name]
    path = tmp_path / "t.csv"
    path.write_bytes(raw)
    with pytest.raises(BadInput) as caught:
        read_delimited(path)
    assert said in str(caught.value)
    assert {fault.file for fault in caught.value.faults} == {str(path)}
