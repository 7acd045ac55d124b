"""Which format a file of rows has: told by its bytes, of JSON by its name."""

from __future__ import annotations

from pathlib import Path

from ptm.errors import BadInput
from ptm.readers.streams import Decompressed, Streamed, codec_of
from ptm.system_errors import is_of_disk

DELIMITED, JSON, PARQUET, ARROW, ARROW_STREAM, EXCEL = (
    *("delimited", "json", "parquet", "arrow", "arrow stream"),
    "excel",
)
BEGIN = 64  # bytes that show it
PARQUET_MAGIC, ARROW_MAGIC, STREAM_MAGIC = b"PAR1", b"ARROW1\0\0", b"\xff\xff\xff\xff"
ZIP_MAGIC = b"PK\x03\x04"
JSON_SUFFIXES = {".json", ".jsonl", ".ndjson"}
PACKED_SUFFIXES = {".gz", ".bz2", ".zst", ".gzip", ".zstd"}
WORKBOOK = "xl/workbook.xml"
NOT_READ = {  # what people have, and its way out
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an Excel file of before 2007 (save it as .xlsx)",
    b"\xfd7zXZ\0": "an xz file (decompress it, or use gz, bz2 or zst)",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive (unpack it)",
    b"Rar!\x1a\x07": "a RAR archive (unpack it)",
    b"FEA1": "a Feather file of version 1 (write it again, with version 2)",
    b"PARE": "an encrypted Parquet file",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    b"SQLite format 3\0": "an SQLite database (`sql` reads it)",
    b"%PDF-": "a PDF",
    b"\x93NUMPY": "a NumPy file",
    b"Obj\x01": "an Avro file",
}


def format_of(path: Path) -> str:
    """The format of a file, one of those above.

    Raises:
        BadInput: it is one that is not read here, or is compressed though it needs no more.
    """
    with path.open("rb") as file:
        begin = file.read(BEGIN)
    codec = codec_of(begin)
    if codec:
        with Streamed(path, Decompressed(codec)).open() as inside:
            found = _format(path, inside.read(BEGIN), codec)
        if found not in (DELIMITED, JSON):
            got = f"a file of the format {found} in one of {codec}: decompress it"
            raise _not_rows(path, got)
        return found
    return _format(path, begin)


def _format(path: Path, begin: bytes, codec: str = "") -> str:
    if begin.startswith(PARQUET_MAGIC) and (codec or _is_parquet(path, begin)):
        return PARQUET
    if begin.startswith(ARROW_MAGIC):
        return ARROW
    if begin.startswith(STREAM_MAGIC):
        return ARROW_STREAM
    if begin.startswith(ZIP_MAGIC):
        return EXCEL if codec else _zipped(path)
    for magic, got in NOT_READ.items():
        if begin.startswith(magic):
            raise _not_rows(path, got)
    if codec and codec_of(begin):
        raise _not_rows(path, "a compressed file in a compressed file")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in PACKED_SUFFIXES:
        suffixes.pop()
    return JSON if suffixes and suffixes[-1] in JSON_SUFFIXES else DELIMITED


def _is_parquet(path: Path, begin: bytes) -> bool:
    """Whether it is no text that begins with these letters."""
    if b"\0" in begin or (begin[4:5] < b" " and begin[4:5] not in b"\t\r\n"):
        return True
    with path.open("rb") as file:
        file.seek(-len(PARQUET_MAGIC), 2)
        return file.read() == PARQUET_MAGIC


def _zipped(path: Path) -> str:
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as error:
        if is_of_disk(error):
            raise
        raise BadInput(expected="a whole Excel file", got=str(error), file=str(path)) from error
    if WORKBOOK in names:
        return EXCEL
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    raise _not_rows(path, f"a ZIP archive with {shown or 'nothing in it'} (unpack it)")


def _not_rows(path: Path, got: str) -> BadInput:
    expected = "text, Parquet, Arrow, JSON or Excel, the text in gz, bz2 or zst at most"
    return BadInput(expected=expected, got=got, file=str(path))
