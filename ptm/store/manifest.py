"""The manifest of an artifact: what it is made of, checked before anything believes it.

Every check is linear in the parts: a manifest of ten thousand is read as fast as it is parsed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

from ptm.model import ROWS, PartFile, PartRef
from ptm.store.pointers import DIGEST

FORMAT = 2
MANIFEST, WHOLE, INPUTS = "manifest.json", "whole.pt", "inputs.parquet"
DRIFT = "drift"  # the table, and in stats, of how far samples are from those of an artifact before
# tables of what was measured, as `stats`, or found of the split, as `split`
MEASURES = ("statistics", DRIFT, "findings", "content")
POOL = "parts"  # the folder of a shelf with the files of parts
SUFFIXES = {"tensors": ".pt", "rows": ".parquet"}  # of the files of a part, by their role
DIGESTS = re.compile(f"(?:{DIGEST.pattern})*")
FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")  # none leaves the folder or hides in it
# what it says of the content; the other entries say of what it was made, by what, and the measures
CONTENT = ("kind", "tensors", "tables", "learned", "facts", "warnings")
DICTS = (
    "options",
    "code",
    "packages",
    "inputs",
    "tensors",
    "tables",
    "learned",
    "stats",
    "split",
    "facts",
)
LISTS = ("parts", "files", "warnings")


class FileEntry(TypedDict):
    """A file of the folder of a publication: its name, digest and size."""

    file: str
    sha256: str
    bytes: int


class TensorEntry(TypedDict):
    """A tensor: shape over all parts, joined along axis 0; `file` is None where it is theirs."""

    shape: list[int]
    dtype: str
    axes: list[str]
    file: str | None


class TableEntry(TypedDict):
    """A table: `columns` have name, dtype, metadata; `file` is None where parts have the rows."""

    rows: int
    columns: list[dict[str, str]]
    file: str | None


class Manifest(TypedDict):
    """All that a manifest says.

    `inputs` of files is how many there are, their bytes and one digest of all (`inputs.parquet` in
    the folder lists them); of an analysis, for each entry that it is of, digests by file. `parts`
    are `PartRef.to_json()`, in the order of the source; `files` are those of the folder.
    """

    format: int
    name: str
    key: str
    kind: str
    options: dict[str, Any]
    code: dict[str, str]
    packages: dict[str, str]
    inputs: dict[str, Any]
    parts: list[dict[str, Any]]
    files: list[FileEntry]
    tensors: dict[str, TensorEntry]
    tables: dict[str, TableEntry]
    learned: dict[str, Any]
    stats: dict[str, Any]
    split: dict[str, Any]
    facts: dict[str, Any]
    warnings: list[str]


def problem(manifest: Any, name: str) -> str:
    """What is wrong with a manifest of that name ("…, got …"); "" where nothing is."""
    try:
        return next(_problems(manifest, name), "")
    except KeyError as error:
        return f"a manifest with all its entries, got one without {error}"
    except (TypeError, AttributeError, ValueError) as error:
        return f"entries of the right types, got others: {error}"


def content(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a manifest says of the content, and nothing of what, how and when it was made."""
    return {entry: manifest[entry] for entry in ("name", "parts")} | _content(manifest)


def _content(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What it says of the content, without what was measured of it, or found to have drifted: of a
    split the names, whose column stands in the rows.
    """
    drifted = manifest["stats"].get(DRIFT, {}).get("warnings", ())
    said = {entry: manifest[entry] for entry in CONTENT}
    tables = {name: table for name, table in said["tables"].items() if name not in MEASURES}
    warnings = [text for text in said["warnings"] if text not in drifted]
    splits = {name: manifest["split"][name] for name in ("names",) if manifest["split"]}
    return said | {"tables": tables, "warnings": warnings, "split": splits}


def digests(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Digests of all that an analysis gets of an artifact: its files, and what is said of them.

    Those of all parts, in their order, are one: of the "tensors", and of the "rows". The list of
    the input files is no part of the content, nor is what was measured, or has drifted.
    """
    said = json.dumps(_content(manifest), sort_keys=True)
    aside = INPUTS, *(f"{name}.parquet" for name in MEASURES)
    found = {
        file["file"]: file["sha256"] for file in manifest["files"] if file["file"] not in aside
    }
    for role in ("tensors", "rows"):
        of_parts = [part["files"][role][1] for part in manifest["parts"] if role in part["files"]]
        if of_parts:
            found[role] = hashlib.sha256("".join(of_parts).encode()).hexdigest()
    return found | {MANIFEST: hashlib.sha256(said.encode()).hexdigest()}


def refs_of(manifest: Mapping[str, Any]) -> list[PartRef]:
    """The parts that a manifest names, in their order."""
    return [PartRef.from_json(part) for part in manifest["parts"]]


def files_of(manifest: Mapping[str, Any]) -> list[PartFile]:
    """Every file of a publication, each once: those of its parts, then those of its folder."""
    of_parts = (PartFile(*file) for part in manifest["parts"] for file in part["files"].values())
    own = (PartFile(one["file"], one["sha256"], one["bytes"]) for one in manifest["files"])
    return list({file.file: file for file in (*of_parts, *own)}.values())


def parse(text: bytes) -> Any:
    """The JSON of a manifest; None where it is none.

    What was published before there were splits has none.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return {"split": {}, **found} if isinstance(found, dict) else found


def part_problems(ref: PartRef) -> Iterator[str]:
    """What is wrong with what is said of one part."""
    if ref.key != "" and not DIGEST.fullmatch(ref.key):
        yield f"a key of each part, got {ref.key!r}"
    for role, file in ref.files.items():
        if file.file != f"{POOL}/{file.sha256}{SUFFIXES.get(role)}":
            yield f"a file of the pool, named by its digest, got {file.file!r}"
        if not DIGEST.fullmatch(file.sha256) or not _is_count(file.bytes):
            yield f"digest and size of {file.file}, got something else"
    rows, columns = ref.rows is not None, ref.columns is not None
    if ref.files.keys() != _roles(ref) or rows != columns:
        yield "a file for the tensors and for the rows of each part, got other files"
    for name, entry in ref.tensors.items():
        if not (isinstance(entry["dtype"], str) and all(map(_is_count, entry["shape"]))):
            yield f"shape and dtype of '{name}' in each part, got something else"
    if columns:
        yield from _column_problems(ROWS, ref.rows, ref.columns)


def joined(refs: Sequence[PartRef]) -> tuple[dict[str, dict[str, Any]], dict[str, Any] | None]:
    """What parts come to that are joined along the first axis. Those without any file do not count.

    Returns:
        Shape and dtype of each tensor; number and columns of the rows, or None without rows.

    Raises:
        ValueError: they do not agree in names, dtypes, further axes or columns.
    """
    full = [ref for ref in refs if ref.files]
    if not full:
        return {}, None
    first = full[0]
    tensors = {
        name: {"shape": list(entry["shape"]), "dtype": entry["dtype"]}
        for name, entry in first.tensors.items()
    }
    for ref in full[1:]:
        if ref.tensors.keys() != tensors.keys() or ref.columns != first.columns:
            raise ValueError("expected the same tensors and columns in every part")
        for name, entry in ref.tensors.items():
            _join(tensors[name], entry, name)
    if first.columns is None:
        return tensors, None
    return tensors, {"rows": sum(ref.rows or 0 for ref in full), "columns": first.columns}


def _join(sum_: dict[str, Any], entry: Mapping[str, Any], name: str) -> None:
    shape, longer = entry["shape"], sum_["shape"]
    if not shape or not longer or shape[1:] != longer[1:] or entry["dtype"] != sum_["dtype"]:
        raise ValueError(f"expected '{name}' of one dtype and one size in every part")
    longer[0] += shape[0]


def _roles(ref: PartRef) -> set[str]:
    roles = {"tensors": bool(ref.tensors), "rows": ref.rows is not None}
    return {role for role, there in roles.items() if there}


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def is_older(manifest: Any) -> bool:
    """Whether an older version of ptm made it, whose parts were in its own folder."""
    return isinstance(manifest, dict) and manifest.get("format") == 1


def _problems(manifest: Any, name: str) -> Iterator[str]:
    if not isinstance(manifest, dict):
        yield "a manifest, got something else"
    yield from _version_problems(manifest["format"])
    if manifest["name"] != name:
        yield f"the manifest of {name}, got that of {manifest['name']!r}"
    if not DIGEST.fullmatch(manifest["key"]):
        yield f"a key, got {manifest['key']!r}"
    kinds = {"kind": str} | dict.fromkeys(DICTS, dict) | dict.fromkeys(LISTS, list)
    for entry, kind in kinds.items():
        if not isinstance(manifest[entry], kind):
            yield f"'{entry}' in the manifest, got {manifest[entry]!r}"
    refs = refs_of(manifest)
    for ref in refs:
        yield from part_problems(ref)
    yield from _file_problems(manifest["files"])
    yield from _agreement_problems(manifest, refs)
    yield from _input_problems(manifest["inputs"])
    texts = *manifest["warnings"], *manifest["code"].values(), *manifest["packages"].values()
    if not all(isinstance(text, str) for text in texts):
        yield "text in 'warnings', 'code' and 'packages', got something else"


def _version_problems(version: Any) -> Iterator[str]:
    if version == 1:
        yield f"format {FORMAT}, got format 1: an older version of ptm made it"
    if version != FORMAT:
        yield f"format {FORMAT}, got {version!r}: it is of another version of ptm"


def _file_problems(files: list[Any]) -> Iterator[str]:
    seen: set[str] = set()
    for entry in files:
        file = entry["file"]
        if not FILE.fullmatch(file) or file == MANIFEST or file in seen:
            yield f"names of files in the folder, each once, got {file!r}"
        seen.add(file)
        if not DIGEST.fullmatch(entry["sha256"]) or not _is_count(entry["bytes"]):
            yield f"digest and size of {file}, got something else"


def _agreement_problems(manifest: dict[str, Any], refs: list[PartRef]) -> Iterator[str]:
    """What tensors and tables say has to be what the parts come to, and files that are there."""
    tensors, rows = joined(refs)
    tables = {} if rows is None else {ROWS: rows}
    files = {entry["file"] for entry in manifest["files"]}
    for whole, parts in ((manifest["tensors"], tensors), (manifest["tables"], tables)):
        of_parts = {name: entry for name, entry in whole.items() if entry["file"] is None}
        if of_parts.keys() != parts.keys():
            yield f"tensors and tables of the parts, got others: {sorted(of_parts)}"
        for name, entry in of_parts.items():
            if any(entry[said] != value for said, value in parts[name].items()):
                yield f"what the parts of '{name}' come to, got something else"
        for entry in whole.values():
            if entry["file"] is not None and entry["file"] not in files:
                yield f"only files that are listed, got {entry['file']!r}"
    yield from _entry_problems(manifest)


def _entry_problems(manifest: dict[str, Any]) -> Iterator[str]:
    for entry in manifest["tensors"].values():
        if entry["file"] not in (None, WHOLE):
            yield f"tensors in the file {WHOLE}, got {entry['file']!r}"
        axes = [type(axis) for axis in entry["axes"]]
        named = axes == [str for n in entry["shape"] if _is_count(n)]
        if not named or len(axes) != len(entry["shape"]) or not isinstance(entry["dtype"], str):
            yield "shape, axes and dtype of each tensor, got something else"
    for name, entry in manifest["tables"].items():
        if entry["file"] not in (None, f"{name}.parquet"):
            yield f"'{name}' in a file of its own, got {entry['file']!r}"
        yield from _column_problems(name, entry["rows"], entry["columns"])


def _column_problems(table: str, rows: Any, columns: Any) -> Iterator[str]:
    texts = (text for column in columns for entry in column.items() for text in entry)
    if not all(isinstance(text, str) for text in texts) or not _is_count(rows):
        yield f"rows and columns of '{table}', got something else"
    if any("name" not in column or "dtype" not in column for column in columns):
        yield f"name and dtype of each column of '{table}', got none"


def _input_problems(inputs: dict[str, Any]) -> Iterator[str]:
    if of_files(inputs):
        counts = _is_count(inputs["files"]) and _is_count(inputs["bytes"])
        named = [("", inputs["sha256"] if counts else "")]
    else:
        named = [entry for parts in inputs.values() for entry in parts.items()]
    # joined: 100,000 matches take as long as reading the manifest
    "".join([name for name, _ in named])  # a TypeError where one is no text
    listed = "".join([digest for _, digest in named])
    if not DIGESTS.fullmatch(listed) or len(listed) != 64 * len(named):
        yield "name and digest of each input, got something else"


def of_files(inputs: Mapping[str, Any]) -> bool:
    """Whether the inputs of a manifest are files, and not other artifacts."""
    return not isinstance(inputs.get("sha256", {}), dict)
