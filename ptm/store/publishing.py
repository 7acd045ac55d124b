"""Publishing: an artifact appears whole or not at all, and is never written again.

Its parts are in the pool, durable. What belongs to it as a whole is written into a fresh folder,
the manifest last; nobody reads what no pointer names. Only a pointer makes it count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm.errors import ArtifactCorrupt, PtmError
from ptm.index import FileDigest, written
from ptm.model import ROWS, ArtifactRef, PartRef, Whole
from ptm.store import disk
from ptm.store.backend import Backend, Fill
from ptm.store.files import frame_columns, tensor_entry
from ptm.store.lease import discard, lease
from ptm.store.manifest import FORMAT, INPUTS, MANIFEST, POOL, WHOLE, joined, problem
from ptm.store.memory import Memory
from ptm.store.pointers import (
    CURRENT,
    KEYS,
    Pointer,
    as_json,
    pointer_of,
    read_pointer,
    with_digest,
)
from ptm.store.pool import expect_parts, plain, seen_entries, write_table
from ptm.store.posix import Posix, filled, named_errors
from ptm.store.reading import Publication, publication, verify_files

if TYPE_CHECKING:
    import pyarrow as pa


def publish(
    root: Path,
    about: Mapping[str, Any],
    parts: Sequence[PartRef],
    whole: Whole,
    seconds: float,
    *,
    inputs: pa.Table | None = None,
    memory: Memory | None = None,
    healed: str = "",
    forced: bool = False,
    work: str = "",
) -> ArtifactRef:
    """Writes an artifact and makes it the current one of its name.

    When another run published the same key meanwhile, its artifact is taken and this one dropped.

    Args:
        root: the store.
        about: the head of the manifest: name, key, kind, options, code, packages, and inputs as
            `ptm.store.manifest.Manifest` says.
        parts: what `write_part` returned, in the order of the source; the pool has their files.
        whole: what belongs to all of them.
        seconds: how long making the content took, for the pointer.
        inputs: the list of the input files; None of an analysis.
        memory: of the shelf; it learns the digests of the files.
        healed: what was wrong with the artifact that this one replaces, if it does.
        forced: take the place of an artifact of the same key, even if that is whole.
        work: what was done of it, for the pointer: a sentence for people.

    Returns:
        The reference; `cached` where another run was first.

    Raises:
        ArtifactCorrupt: the pool lacks a file of the parts. Nothing is published then.
        StoreError: no space, or no permission. Nothing is published then.
        PtmError: the parts do not belong together.
    """
    shelf = root / about["name"]
    memory = memory or Memory(shelf)
    with named_errors(root):
        disk.make_folders(shelf)
        for folder in (KEYS, POOL):
            with suppress(FileExistsError):
                disk.make_folder(shelf / folder)
        with lease(shelf) as number:
            backend, made = Posix(shelf, number), _now()
            before = backend.read(f"{KEYS}/{about['key']}.json")
            # from here on none of the parts is collected
            with backend.hold():
                expect_parts(shelf, parts)
                own = f"{about['key'][:12]}-{number}"
                text, files = _write(backend, own, about, parts, whole, inputs)
                seen = _seen(shelf, parts, files)
                pointer: Pointer = {
                    "publication": own,
                    "manifest_sha256": hashlib.sha256(text).hexdigest(),
                    "made": made,
                    "seconds": round(seconds, 3),
                    "work": work,
                }
                damaged = before if healed else None
                # held while it is made current, so that it is not collected in between
                held = _claim(backend, pointer, about["key"], damaged, None if forced else memory)
                _make_current(backend, held.pointer, made, healed, forced)
            if held.folder.name != own:
                discard(shelf, number)
    if held.folder.name == own:
        for entry in seen:
            memory.parts.put(entry)
    return replace(held.ref(), cached=held.folder.name != own)


def look(root: Path, name: str, key: str, memory: Memory) -> tuple[Publication | None, str]:
    """The artifact of a key, after checking all its files; nothing is written.

    Returns:
        It, held; None where there is none, or none that is whole. What is wrong with it, or "".

    Raises:
        StoreError: the store may not be read.
    """
    shelf, place = root / name, root / name / KEYS / f"{key}.json"
    pointer = read_pointer(place)
    if pointer is None:
        return None, ""
    try:
        held = publication(shelf, pointer)
        if held.manifest["key"] != key:
            return None, f"keys/{key}.json: expected its own artifact, got another"
        verify_files(held, memory.parts)
    except ArtifactCorrupt as error:
        collected = read_pointer(place) != pointer
        return None, "" if collected else error.damage
    return held, ""


def find(root: Path, name: str, key: str, memory: Memory) -> tuple[ArtifactRef | None, str]:
    """The artifact of a key, as `look`, but as a reference, and made the current one.

    Raises:
        StoreError: the store may not be read, or its pointer not be written.
    """
    shelf = root / name
    held, damage = look(root, name, key, memory)
    if held is None:
        return None, damage
    with named_errors(root):
        _put_back(shelf, held.pointer)
    return held.ref(), ""


def _put_back(shelf: Path, pointer: Pointer) -> None:
    """Makes a publication of before current again, unless it is."""
    now = read_pointer(shelf / CURRENT)
    if now is None or now["publication"] != pointer["publication"]:
        with lease(shelf) as number:
            _make_current(Posix(shelf, number), pointer, _now())


def _write(
    backend: Backend,
    folder: str,
    about: Mapping[str, Any],
    parts: Sequence[PartRef],
    whole: Whole,
    inputs: pa.Table | None,
) -> tuple[bytes, list[FileDigest]]:
    """Writes the folder of a publication, durably; its manifest, and what was written."""
    described = _described(about, parts, whole)
    files = [backend.create(f"{folder}/{n}", fill) for n, fill in _files(whole, inputs)]
    described["files"] = [
        {"file": Path(one.name).name, "sha256": one.sha256, "bytes": one.bytes} for one in files
    ]
    wrong = problem(described, about["name"])
    if wrong:
        raise PtmError(f"{about['name']}: {wrong.removeprefix('expected ')}")
    text = as_json(described)
    backend.create(f"{folder}/{MANIFEST}", partial(filled, text))
    backend.sync(folder)
    backend.sync("")
    return text, files


def _files(whole: Whole, inputs: pa.Table | None) -> Iterator[tuple[str, Fill]]:
    """The files of a publication by name, but for the manifest, and what fills each."""
    import torch

    if inputs is not None:
        yield INPUTS, partial(write_table, inputs)
    for name, table in whole.tables.items():
        yield f"{name}.parquet", partial(write_table, table)
    if whole.tensors:
        yield WHOLE, partial(torch.save, plain(whole.tensors))


def _described(about: Mapping[str, Any], parts: Sequence[PartRef], whole: Whole) -> dict[str, Any]:
    """A manifest without files: see `ptm.store.manifest.Manifest`."""
    try:
        of_parts, rows = joined(parts)
    except ValueError as error:
        raise PtmError(f"{about['name']}: {error}") from error
    own = {name: tensor_entry(tensor) | {"file": WHOLE} for name, tensor in whole.tensors.items()}
    entries = {name: entry | {"file": None} for name, entry in of_parts.items()} | own
    tables = {ROWS: {**rows, "file": None}} if rows else {}
    for name, table in whole.tables.items():
        columns = frame_columns(table.schema)
        tables[name] = {"rows": table.num_rows, "columns": columns, "file": f"{name}.parquet"}
    order = [name for name in whole.axes if name in entries]
    return {
        "format": FORMAT,
        **{entry: value for entry, value in about.items() if entry != "format"},
        "parts": [part.to_json() for part in parts],
        "files": [],
        "tensors": {n: {**entries[n], "axes": list(whole.axes[n])} for n in (order or entries)},
        "tables": tables,
        "learned": dict(whole.learned),
        "stats": dict(whole.stats),
        "split": dict(whole.split),
        "facts": dict(whole.facts),
        "warnings": list(whole.notes),
    }


def _seen(shelf: Path, parts: Sequence[PartRef], files: Sequence[FileDigest]) -> list[FileDigest]:
    """What the index may learn of a publication without reading it again."""
    fresh, recorded = seen_entries(shelf, parts)
    return recorded + written([*fresh, *files], shelf)


def _claim(
    backend: Posix, pointer: Pointer, key: str, damaged: bytes | None, memory: Memory | None
) -> Publication:
    """Gives a key its publication, unless another run was first: then that one has it.

    Args:
        backend: of the shelf.
        pointer: to this run's publication, which is whole.
        key: of both.
        damaged: what the pointer held that this run heals; a part in the pool that was written
            again may have made that one whole, and yet it is replaced.
        memory: of the shelf; without one nobody asks for the other: it is replaced.
    """
    name, shelf = f"{KEYS}/{key}.json", backend.shelf
    while True:
        now = backend.read(name)
        if memory and now is not None and now != damaged:
            first, _ = look(shelf.parent, shelf.name, key, memory)
            if first:
                return first
        if backend.swap(name, as_json(with_digest(pointer)), now):
            return publication(shelf, pointer)


def _make_current(
    backend: Backend, pointer: Pointer, since: str, healed: str = "", forced: bool = False
) -> None:
    """Replaces the current pointer: the commit."""
    while True:
        raw = backend.read(CURRENT)
        before = pointer_of(raw)
        if before and before["publication"] == pointer["publication"]:
            return
        previous = before["publication"] if before else None
        now: Pointer = {**pointer, "since": since, "previous": previous, "healed": healed}
        if forced:
            now["forced"] = True
        if backend.swap(CURRENT, as_json(with_digest(now)), raw):
            return


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
