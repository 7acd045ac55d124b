"""What a file is, by its name and by how it begins; why what no kind takes is left out."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

IMAGE, DICOM, WAV, DELIMITED, TEXT = "image", "dicom", "wav", "delimited", "text"
PARQUET, ARROW, JSON, EXCEL = "parquet", "arrow", "json", "excel"
UNKNOWN, EMPTY, OTHER = "unknown", "empty", "other: "
BEGIN = 512  # bytes that show what a file is


def _all(suffixes: str, found: str) -> dict[str, str]:
    return {f".{suffix}": found for suffix in suffixes.split()}


SUFFIXES = (
    _all("jpg jpeg jpe jfif png tif tiff webp avif heic heif bmp gif ppm pgm pnm jp2 j2k", IMAGE)
    | _all("mpo tga pcx qoi sgi dib", IMAGE)
    | _all("dcm dicom ima", DICOM)
    | _all("wav wave", WAV)
    | _all("csv tsv tab psv", DELIMITED)
    | _all("parquet pq parq", PARQUET)
    | _all("arrow feather ipc arrows", ARROW)
    | _all("json jsonl ndjson", JSON)
    | _all("xlsx xlsm", EXCEL)
)
TEXTS = (".txt", ".text", ".dat", ".data", ".asc", ".out", ".prn", "")  # a table, or a text
PROSE = (".md", ".rst")
PACKED = {".gz", ".zst", ".bz2"}
NO_KIND = (
    _all("mp3 flac ogg oga opus m4a aac wma aif aiff", "sound, but no WAV")
    | _all("mp4 avi mov mkv webm m4v wmv mpg mpeg flv", "video")
    | _all("zip tar tgz 7z rar xz tbz2", "an archive: unpack it")
    | _all("npy npz h5 hdf5 hdf mat nc tfrecord lmdb mdb", "arrays")
    | _all("pt pth ckpt safetensors onnx", "tensors or weights")
    | _all("pkl pickle joblib", "Python's pickle, which may run code")
    | _all("nii nrrd mha mhd mgz hdr img svs ndpi", "a scan, but no DICOM")
    | _all("doc docx odt rtf ppt pptx", "a document")
    | _all("xls ods xlsb", "a spreadsheet, but no .xlsx: save it as that")
    | _all("db sqlite sqlite3 duckdb", "a database: a table can take a query, 'sql'")
    | _all("sav dta sas7bdat rds rdata", "a file of a statistics program")
    | _all("arff orc avro", "a table in a format that is not read")
    | _all("py r jl m sh js ts c cpp java sql css bat ps1 ipynb rmd", "code")
    | _all("html htm xml xhtml", "HTML or XML")
    | _all("yaml yml toml ini cfg conf lock", "settings")
    | _all("log bak tmp swp part crdownload", "no data")
    | _all("bib tex names info", "a note beside the data")
    | _all("md5 sha1 sha256 sig", "checksums")
    | _all("pdf", "PDF")
    | _all("svg psd exr jxl xcf fits ico icns", "a picture in a format that is not read")
    | _all("cr2 cr3 nef arw dng orf rw2", "a raw photo of a camera")
    | _all("geojson shp kml gpx las ply", "a map, or points")
)
NOTES = (
    *("readme", "license", "licence", "copying", "changelog", "changes", "citation", "authors"),
    *("notice", "contributing", "todo", "requirements", "makefile", "dockerfile", "liesmich"),
    *("lizenz", "copyright", "credits", "install", "description", "datasheet", "attribution"),
)
STILL = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1", b"hevc")
MAGIC = {
    **dict.fromkeys((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a"), IMAGE),
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"qoif"), IMAGE),
    b"PAR1": PARQUET,
    b"ARROW1": ARROW,
    **dict.fromkeys((b"\x1f\x8b", b"BZh", b"\x28\xb5\x2f\xfd"), DELIMITED),  # packed
    **dict.fromkeys((b"PK\3\4", b"7z\xbc\xaf", b"Rar!", b"\xfd7zXZ"), OTHER + NO_KIND[".zip"]),
    b"%PDF": OTHER + NO_KIND[".pdf"],
    b"SQLite format 3": OTHER + NO_KIND[".db"],
    **dict.fromkeys((b"\x89HDF", b"\x93NUMPY"), OTHER + NO_KIND[".h5"]),
    b"\x7fELF": OTHER + "a program",
    **dict.fromkeys((b"ID3", b"OggS", b"fLaC"), OTHER + NO_KIND[".mp3"]),
}
MARKS = {
    **dict.fromkeys((b"<!doctype", b"<html", b"<?xml", b"<svg"), NO_KIND[".html"]),
    b"#!": NO_KIND[".py"],
    b"@relation": NO_KIND[".arff"],
}


def family(path: Path, size: int) -> str:
    """What a file is; its bytes are looked at where its name says nothing.

    Args:
        path: of it.
        size: in bytes.

    Returns:
        A family; one that begins with "other: " says why no kind takes it.

    Raises:
        OSError: it cannot be read.
    """
    by_name = family_by_name(path.name)
    if by_name and (size or by_name == IMAGE):
        return by_name
    if not size:
        return EMPTY
    with path.open("rb") as file:
        return family_of(file.read(BEGIN))


def family_by_name(name: str) -> str:
    """What a file is by its name alone; "" where that says nothing."""
    pure = PurePosixPath(name.lower())
    suffix, stem = pure.suffix, pure.stem
    if pure.name.endswith((".nii.gz", ".tar.gz", ".tar.bz2", ".tar.zst")):
        return OTHER + NO_KIND[".nii" if ".nii" in pure.name else ".tar"]
    if suffix in PACKED:
        suffix, stem = PurePosixPath(stem).suffix, PurePosixPath(stem).stem
    if stem.split(".")[0].rstrip("0123456789_- ") in NOTES and suffix in (*TEXTS, *PROSE):
        return OTHER + "a note beside the data"
    if suffix in PROSE:
        return TEXT
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    return OTHER + NO_KIND[suffix] if suffix in NO_KIND and suffix not in TEXTS else ""


def family_of(begin: bytes) -> str:
    """What a file is by its first bytes."""
    found = _by_magic(begin)
    if found:
        return found
    wide = begin[:2] in (b"\xff\xfe", b"\xfe\xff")
    if not wide and begin.count(b"\0") > len(begin) // 64:
        zeros = begin[0::2].count(b"\0"), begin[1::2].count(b"\0")
        if max(zeros) < len(begin) // 3:  # else it is UTF-16
            return OTHER + "bytes of an unknown format"
    lowered = begin.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    starts = (mark for mark in MARKS if lowered.startswith(mark))
    return next((OTHER + MARKS[mark] for mark in starts), UNKNOWN)  # a table, or prose


def _by_magic(begin: bytes) -> str:
    """What a file is by the mark of its format; "" of what has none."""
    if begin[128:132] == b"DICM":
        return DICOM
    if begin[:4] in (b"RIFF", b"RF64"):
        return {b"WAVE": WAV, b"WEBP": IMAGE}.get(begin[8:12], OTHER + "video")
    if begin[4:8] == b"ftyp":
        return IMAGE if begin[8:12] in STILL else OTHER + "video"
    return next((found for start, found in MAGIC.items() if begin.startswith(start)), "")
