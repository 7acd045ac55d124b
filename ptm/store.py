"""Artifacts on disk: published whole or not at all, and never written again.

    artifacts/wine/current.json          which publication is current; replaced atomically
    artifacts/wine/keys/KEY.json         which publication a key has
    artifacts/wine/KEY-PUBLICATION/      manifest.json and the files that it lists

Files are written into a staging folder and synced, the folder is renamed into place, and only the
replacement of a pointer makes it count. A reader sees the artifact before or the one after.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ptm.analyses import ANALYSES
from ptm.content import ROWS, Artifact, ArtifactRef, Content
from ptm.errors import ArtifactCorrupt, ArtifactMissing, StoreError
from ptm.scaling import Scaler

if TYPE_CHECKING:
    import pyarrow as pa
    import torch

FORMAT = 1
PART = "part-00000"
MANIFEST = "manifest.json"
PUBLICATION = re.compile(r"[0-9a-f]{12}-[0-9a-f]{12}")
LARGE = 1 << 20  # bytes
SLICE = 1 << 23  # bytes
LASTING = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.ENOTDIR,
    errno.EEXIST,
}


def publish(root: Path, about: dict[str, Any], content: Content, seconds: float) -> ArtifactRef:
    """Writes an artifact and makes it the current one of its name.

    Args:
        root: the store.
        about: the head of the manifest: name, kind, key, inputs and what else decided the content.
        content: what to write. Its tensors are contiguous and own their memory.
        seconds: how long making the content took, for the pointer.

    Raises:
        StoreError: no space, or no permission. Nothing is published then.
    """
    home, publication = root / about["name"], uuid.uuid4().hex[:12]
    final = home / f"{about['key'][:12]}-{publication}"
    staging = home / f".staging-{publication}"
    with _named_errors(root):
        (home / "keys").mkdir(parents=True, exist_ok=True)
        staging.mkdir()
        try:
            manifest = about | _write_content(staging, content)
            text = _json(manifest)
            _write(staging / MANIFEST, lambda file: file.write(text))
            _sync_folder(staging)
            _sync_folder(home)
            staging.rename(final)
        except BaseException:
            _remove(staging)
            raise
        _sync_folder(home)
        pointer = {
            "publication": final.name,
            "manifest_sha256": hashlib.sha256(text).hexdigest(),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(seconds, 3),
        }
        _point(home / "keys" / f"{about['key']}.json", pointer)
        _point(home / "current.json", pointer)
    return _ref(manifest, final)


def find(root: Path, name: str, key: str) -> ArtifactRef | None:
    """The artifact of a key, made the current one; None where none has all its bytes as written."""
    home = root / name
    pointer = _read_pointer(home / "keys" / f"{key}.json")
    try:
        manifest = _manifest(home, pointer) if pointer else None
    except StoreError:
        return None
    if pointer is None or manifest is None:
        return None
    folder = home / pointer["publication"]
    if not _whole(folder, manifest):
        return None
    if _read_pointer(home / "current.json") != pointer:
        with _named_errors(root):
            _point(home / "current.json", pointer)
    return _ref(manifest, folder)


def load(name: str, artifacts: str | Path = "artifacts") -> Artifact:
    """The current artifact of a name, after checking every file of it against its digest.

    Tensors are memory-mapped; tables are read when they are asked for.

    Raises:
        ArtifactMissing: the store has none of that name.
        ArtifactCorrupt: a file is missing or is not what the manifest says; the file, the expected
            and the actual digest are named.
    """
    import torch

    folder, manifest = read_manifest(name, Path(artifacts))
    _check_parts(folder, manifest)
    tensors: dict[str, torch.Tensor] = {}
    for part in manifest["parts"]:
        if part["file"].endswith(".pt"):
            tensors |= torch.load(folder / part["file"], mmap=True, weights_only=True)
    scaler = Scaler.from_json(manifest["scaler"]) if manifest["scaler"] else None
    return Artifact(name, folder, manifest, tensors, scaler)


def read_manifest(name: str, root: Path) -> tuple[Path, dict[str, Any]]:
    """Folder and manifest of the current artifact of a name; its other files are not read.

    Raises:
        ArtifactMissing, ArtifactCorrupt: as `load`.
    """
    pointer = _read_pointer(root / name / "current.json")
    if pointer is None:
        known = ", ".join(names(root)) or "nothing yet"
        raise ArtifactMissing(
            f"{name}: expected an artifact in {root}, got none (there is: {known}); "
            f"make it with: {_remedy(name)}"
        )
    return root / name / pointer["publication"], _manifest(root / name, pointer)


def names(root: Path) -> list[str]:
    """Names of all that the store holds, sorted."""
    return sorted(p.parent.name for p in root.glob("*/current.json"))


def status(root: Path) -> list[dict[str, Any]]:
    """For each artifact: name, kind, key, tensors, bytes, when it was made and how long it took.

    An artifact whose manifest cannot be read has an `error` instead.
    """
    rows = []
    for name in names(root):
        row: dict[str, Any] = {"name": name}
        try:
            folder, manifest = read_manifest(name, root)
            pointer = _read_pointer(root / name / "current.json") or {}
            row |= {
                "kind": manifest["kind"],
                "key": manifest["key"],
                "tensors": manifest["tensors"],
                "bytes": sum(part["bytes"] for part in manifest["parts"]),
                "made": pointer.get("made"),
                "seconds": pointer.get("seconds"),
                "path": str(folder),
                "warnings": manifest["warnings"],
            }
        except StoreError as error:
            row["error"] = str(error)
        rows.append(row)
    return rows


class _Hashing(io.RawIOBase):
    """A file that hashes what is written to it; large blocks while they go to the disk."""

    def __init__(self, file: BinaryIO) -> None:
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
            self._file.write(view)
        else:
            self._pool = self._pool or ThreadPoolExecutor(1)
            hashed = self._pool.submit(self._digest.update, view)
            for start in range(0, len(view), SLICE):
                self._write_through(view[start : start + SLICE])
            hashed.result()
        self.size += len(view)
        return len(view)

    def _write_through(self, view: memoryview) -> None:
        """To the disk and out of the page cache, which a large tensor would only flush of others.

        Hashing takes as long, so the wait for the disk is free.
        """
        self._file.write(view)
        self._file.flush()
        os.fsync(self._file.fileno())
        if hasattr(os, "posix_fadvise"):  # not on macOS
            os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def finish(self) -> tuple[str, int]:
        if self._pool:
            self._pool.shutdown()
        return self._digest.hexdigest(), self.size


def _write(path: Path, fill: Any) -> tuple[str, int]:
    """A new file, filled by `fill(file)` and synced; its digest and size."""
    with path.open("xb") as file:
        hashing = _Hashing(file)
        try:
            fill(hashing)
        except RuntimeError:
            if hashing.error:  # torch hides it behind an error of its own
                raise hashing.error from None
            raise
        finally:
            digest = hashing.finish()
        file.flush()
        os.fsync(file.fileno())
    return digest


def _write_content(folder: Path, content: Content) -> dict[str, Any]:
    """Writes the files; what the manifest says of them."""
    import pyarrow.parquet as pq
    import torch

    parts: list[dict[str, Any]] = []
    tables: dict[str, Any] = {}

    def add(name: str, rows: int | None, fill: Any) -> None:
        sha256, size = _write(folder / name, fill)
        parts.append({"file": name, "sha256": sha256, "bytes": size, "rows": rows})

    tensors = {}
    for name, tensor in content.tensors.items():
        shape, dtype = list(tensor.shape), str(tensor.dtype).removeprefix("torch.")
        axes = list(content.axes[name])
        tensors[name] = {"shape": shape, "dtype": dtype, "axes": axes, "file": f"{PART}.pt"}
    samples = content.tables[ROWS].num_rows if ROWS in content.tables else None
    add(f"{PART}.pt", samples, lambda file: torch.save(content.tensors, file))
    for name, table in content.tables.items():
        stem = PART if name == ROWS else name
        tables[name] = {
            "file": f"{stem}.parquet",
            "rows": table.num_rows,
            "columns": [_column(field) for field in table.schema],
        }
        add(f"{stem}.parquet", table.num_rows, lambda file, t=table: pq.write_table(t, file))
    for name, png in content.pictures.items():
        add(f"{name}.png", None, lambda file, p=png: file.write(p))
    return {
        "format": FORMAT,
        "parts": parts,
        "tensors": tensors,
        "tables": tables,
        "scaler": content.scaler.to_json() if content.scaler else None,
        "facts": content.facts,
        "warnings": list(content.warnings),
        "quarantined": [],
    }


def _column(field: pa.Field) -> dict[str, Any]:
    metadata = {k.decode(): v.decode() for k, v in (field.metadata or {}).items()}
    return {"name": field.name, "dtype": str(field.type), **metadata}


def _manifest(home: Path, pointer: dict[str, Any]) -> dict[str, Any]:
    place = home / pointer["publication"] / MANIFEST
    try:
        text = place.read_bytes()
    except OSError as error:
        raise ArtifactCorrupt(f"{home.name}: expected {place}, got: {error.strerror}") from error
    got = hashlib.sha256(text).hexdigest()
    if got != pointer["manifest_sha256"]:
        raise _corrupt(place, pointer["manifest_sha256"], got)
    manifest: dict[str, Any] = json.loads(text)
    return manifest


def _check_parts(folder: Path, manifest: dict[str, Any]) -> None:
    """Checks all files of an artifact, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda part: _check(folder / part["file"], part), manifest["parts"]))


def _whole(folder: Path, manifest: dict[str, Any]) -> bool:
    try:
        _check_parts(folder, manifest)
    except ArtifactCorrupt:
        return False
    return True


def _check(place: Path, part: dict[str, Any]) -> None:
    try:
        with place.open("rb") as file:
            got = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ArtifactCorrupt(f"{place.name}: expected {place}, got: {error.strerror}") from error
    if got != part["sha256"]:
        raise _corrupt(place, part["sha256"], got)


def _corrupt(place: Path, expected: str, got: str) -> ArtifactCorrupt:
    name = place.parent.parent.name
    return ArtifactCorrupt(
        f"{name}: {place.name}: expected sha256 {expected}, got {got} ({place}); "
        f"make it again with: {_remedy(name)}"
    )


def _remedy(name: str) -> str:
    """The command that makes an artifact; an analysis comes with the source that it reads."""
    return f"ptm run {ANALYSES[name].source if name in ANALYSES else name}"


def _read_pointer(place: Path) -> dict[str, Any] | None:
    """The pointer; None where it is missing or is not one."""
    try:
        pointer = json.loads(place.read_bytes())
        whole = PUBLICATION.fullmatch(pointer["publication"]) and "manifest_sha256" in pointer
        return pointer if whole else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _point(place: Path, pointer: dict[str, Any]) -> None:
    """Replaces a pointer: the commit."""
    fresh = place.with_name(f".{place.name}-{uuid.uuid4().hex[:12]}")
    try:
        _write(fresh, lambda file: file.write(_json(pointer)))
        fresh.replace(place)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    _sync_folder(place.parent)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1).encode() + b"\n"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _ref(manifest: dict[str, Any], folder: Path) -> ArtifactRef:
    return ArtifactRef(
        name=manifest["name"],
        key=manifest["key"],
        path=str(folder),
        kind=manifest["kind"],
        tensors=manifest["tensors"],
        bytes=sum(part["bytes"] for part in manifest["parts"]),
        warnings=tuple(manifest["warnings"]),
    )


@contextmanager
def _named_errors(root: Path) -> Iterator[None]:
    """What will not pass by itself (no space, no permission) as a StoreError that says so."""
    try:
        yield
    except OSError as error:
        if error.errno in LASTING:
            place = error.filename or root
            raise StoreError(f"cannot write {place}: {error.strerror}") from error
        raise
