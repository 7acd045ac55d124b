"""Publishing: an artifact appears whole or not at all, and is never written again.

Files are written into a staging folder and synced, the folder is renamed into place, and only a
pointer makes it count. A reader sees the artifact before or the one after.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm.errors import ArtifactCorrupt, StoreError
from ptm.index import FileDigest, signature, written
from ptm.model import ROWS, ArtifactRef, Block
from ptm.store import disk
from ptm.store.lease import STAGING, discard, lease
from ptm.store.manifest import FORMAT, MANIFEST
from ptm.store.memory import Memory
from ptm.store.pointers import CURRENT, KEYS, Pointer, as_json, read_pointer, with_digest
from ptm.store.reading import Publication, publication, verify_files
from ptm.system_errors import NO_LINKS, UNWRITABLE

if TYPE_CHECKING:
    import pyarrow as pa

PART = "part-00000"
LARGE = 1 << 20  # bytes
SLICE = 1 << 23  # bytes


def publish(
    root: Path,
    about: dict[str, Any],
    block: Block,
    seconds: float,
    *,
    memory: Memory | None = None,
    healed: str = "",
    forced: bool = False,
) -> ArtifactRef:
    """Writes an artifact and makes it the current one of its name.

    When another run published the same key meanwhile, its artifact is taken and this one dropped.

    Args:
        root: the store.
        about: the head of the manifest: name, kind, key, inputs and what else decided the content.
        block: what to write, whole. Its tensors are contiguous and own their memory.
        seconds: how long making the content took, for the pointer.
        memory: of the shelf; it learns the digests of the files.
        healed: what was wrong with the artifact that this one replaces, if it does.
        forced: take the place of an artifact of the same key, even if that is whole.

    Returns:
        The reference; `cached` where another run was first.

    Raises:
        StoreError: no space, or no permission. Nothing is published then.
    """
    shelf = root / about["name"]
    memory = memory or Memory(shelf)
    with _named_errors(root):
        disk.make_folders(shelf)
        with suppress(FileExistsError):
            disk.make_folder(shelf / KEYS)
        with lease(shelf) as number:
            made = _now()
            folder = shelf / f"{about['key'][:12]}-{number}"
            text, files = _stage(shelf / f"{STAGING}{number}", folder, about, block)
            pointer: Pointer = {
                "publication": folder.name,
                "manifest_sha256": hashlib.sha256(text).hexdigest(),
                "made": made,
                "seconds": round(seconds, 3),
            }
            # held while it is made current, so that it is not collected in between
            held = _claim(shelf, number, about["key"], pointer, None if forced else memory)
            _make_current(shelf, number, held.pointer, made, healed, forced)
            if held.folder != folder:
                discard(shelf, number)
    if held.folder == folder:
        for entry in written(files, shelf):
            memory.parts.put(entry)
    return replace(held.ref(), cached=held.folder != folder)


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
    with _named_errors(root):
        _put_back(shelf, held.pointer)
    return held.ref(), ""


def _put_back(shelf: Path, pointer: Pointer) -> None:
    """Makes a publication of before current again, unless it is."""
    now = read_pointer(shelf / CURRENT)
    if now is None or now["publication"] != pointer["publication"]:
        with lease(shelf) as number:
            _make_current(shelf, number, pointer, _now())


def _stage(
    staging: Path, folder: Path, about: dict[str, Any], block: Block
) -> tuple[bytes, list[FileDigest]]:
    """Writes all files and renames their folder into place; the manifest, and what was written."""
    disk.make_folder(staging)
    described, files = _write_block(staging, block)
    text = as_json(about | described)
    _write(staging / MANIFEST, partial(_fill, text))
    disk.sync_folder(staging)
    disk.rename(staging, folder)
    disk.sync_folder(folder.parent)
    return text, [
        entry._replace(name=f"{folder.name}/{entry.name}", path=str(folder / entry.name))
        for entry in files
    ]


def _claim(
    shelf: Path, number: str, key: str, pointer: Pointer, memory: Memory | None
) -> Publication:
    """Gives a key its publication, unless another run was first: then that one has it.

    Without a memory nobody asks for the other: it is replaced.
    """
    place, staged = shelf / KEYS / f"{key}.json", shelf / f".pointer-{number}"
    _write_pointer(staged, pointer)
    if memory is None:
        disk.replace(staged, place)
        disk.sync_folder(shelf / KEYS)
        return publication(shelf, pointer)
    try:
        disk.link(staged, place)  # fails if the name is taken, unlike replace
        disk.remove(staged)
    except OSError as error:
        if not isinstance(error, FileExistsError) and error.errno not in NO_LINKS:
            raise
        first, _ = look(shelf.parent, shelf.name, key, memory)
        if first:
            return first
        disk.replace(staged, place)
    disk.sync_folder(shelf / KEYS)
    return publication(shelf, pointer)


def _make_current(
    shelf: Path, number: str, pointer: Pointer, since: str, healed: str = "", forced: bool = False
) -> None:
    """Replaces the current pointer: the commit."""
    before = read_pointer(shelf / CURRENT)
    if before and before["publication"] == pointer["publication"]:
        return
    staged = shelf / f".current-{number}"
    previous = before["publication"] if before else None
    now: Pointer = {**pointer, "since": since, "previous": previous, "healed": healed}
    if forced:
        now["forced"] = True
    _write_pointer(staged, now)
    disk.replace(staged, shelf / CURRENT)
    disk.sync_folder(shelf)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _write_pointer(place: Path, pointer: Pointer) -> None:
    _write(place, partial(_fill, as_json(with_digest(pointer))))


class _Hashing(io.RawIOBase):
    """A file that hashes what is written to it; large blocks while they go to the disk."""

    def __init__(self, file: io.FileIO) -> None:
        self._file, self._digest, self.size = file, hashlib.sha256(), 0
        self._pool: ThreadPoolExecutor | None = None
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        try:
            return self._write(memoryview(data).cast("B"))
        except OSError as error:
            self.error = error
            raise

    def _write(self, view: memoryview) -> int:
        if len(view) < LARGE:
            self._digest.update(view)
            disk.write(self._file, view)
        else:
            self._pool = self._pool or ThreadPoolExecutor(1)
            hashed = self._pool.submit(self._digest.update, view)
            try:  # hashing takes as long, so the wait for the disk is free
                for start in range(0, len(view), SLICE):
                    disk.write(self._file, view[start : start + SLICE])
                    disk.push_out(self._file)
            finally:
                hashed.result()
        self.size += len(view)
        return len(view)

    def finish(self) -> str:
        if self._pool:
            self._pool.shutdown()
        return self._digest.hexdigest()


def _write(path: Path, fill: Callable[[Any], Any]) -> FileDigest:
    """A new file, filled by `fill(file)` and synced."""
    with disk.create(path) as file:
        hashing = _Hashing(file)
        buffered = io.BufferedWriter(hashing, LARGE)
        try:
            fill(buffered)
            buffered.flush()
        except RuntimeError:
            if hashing.error:  # torch hides it behind an error of its own
                raise hashing.error from None
            raise
        finally:
            digest = hashing.finish()
        disk.sync(file)
        now = signature(os.fstat(file.fileno()))
    return FileDigest(path.name, str(path), digest, hashing.size, now, trusted=False)


def _write_block(folder: Path, block: Block) -> tuple[dict[str, Any], list[FileDigest]]:
    """Writes the files of a block; what the manifest says of them, and what was written."""
    import pyarrow.parquet as pq
    import torch

    files: list[FileDigest] = []
    parts: list[dict[str, Any]] = []

    def add(name: str, rows: int | None, fill: Callable[[Any], Any]) -> None:
        entry = _write(folder / name, fill)
        files.append(entry)
        parts.append({"file": name, "sha256": entry.sha256, "bytes": entry.bytes, "rows": rows})

    tensors = {}
    for name, tensor in block.tensors.items():
        shape, dtype = list(tensor.shape), str(tensor.dtype).removeprefix("torch.")
        axes = list(block.axes[name])
        tensors[name] = {"shape": shape, "dtype": dtype, "axes": axes, "file": f"{PART}.pt"}
    samples = None if block.rows is None else block.rows.num_rows
    add(f"{PART}.pt", samples, partial(torch.save, dict(block.tensors)))
    tables = {}
    rows = {} if block.rows is None else {ROWS: block.rows}
    for name, table in {**rows, **block.tables}.items():
        stem = PART if name == ROWS else name
        tables[name] = {
            "file": f"{stem}.parquet",
            "rows": table.num_rows,
            "columns": [_column(field) for field in table.schema],
        }
        add(f"{stem}.parquet", table.num_rows, partial(pq.write_table, table))
    return {
        "format": FORMAT,
        "parts": parts,
        "tensors": tensors,
        "tables": tables,
        "scaler": block.scaler.to_json() if block.scaler else None,
        "facts": dict(block.facts),
        "warnings": list(block.notes),
        "quarantined": [],
    }, files


def _fill(raw: bytes, file: io.BufferedWriter) -> None:
    file.write(raw)


def _column(field: pa.Field) -> dict[str, Any]:
    metadata = {k.decode(): v.decode() for k, v in (field.metadata or {}).items()}
    return {"name": field.name, "dtype": str(field.type), **metadata}


@contextmanager
def _named_errors(root: Path) -> Iterator[None]:
    """What will not pass by itself (no space, no permission) as a StoreError that says so."""
    try:
        yield
    except OSError as error:
        if error.errno in UNWRITABLE:
            place = error.filename2 or error.filename or root
            raise StoreError(f"cannot write {place}: {error.strerror}") from error
        raise
