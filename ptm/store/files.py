"""Files of the store as they are read: checked before they are believed, then mapped."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any

from ptm.command import command
from ptm.errors import ArtifactCorrupt, StoreError
from ptm.index import FileDigest, StatIndex
from ptm.model import PartFile
from ptm.system_errors import DENIED, NO_FILE

if TYPE_CHECKING:
    import pyarrow as pa
    import torch

OF_THE_SYSTEM = re.compile(r": ([^:]+) \((\d+)\)$")  # "…: Too many open files (24)"


def remedy(name: str, root: Path) -> str:
    """The command that makes an artifact.

    A store knows neither catalog nor data: where they are not those of the defaults, they are left
    to whoever reads it.
    """
    return command("run", name, artifacts=root)


def corrupt(place: Path, expected: str, got: str, name: str = "") -> ArtifactCorrupt:
    """The error that names file, expected and got, and the command that heals."""
    name = name or place.parent.parent.name
    damage = f"{place.name}: expected {expected}, got {got}"
    root = next(above.parent for above in place.parents if above.name == name)
    return ArtifactCorrupt(name, damage, str(place), remedy(name, root))


def unreadable(place: Path, error: OSError, name: str) -> OSError | StoreError:
    """Missing is corrupt, forbidden is a StoreError, and what may pass stays what it is."""
    reason = os.strerror(error.errno or 0)  # Arrow says more, and the place again
    if error.errno in DENIED:
        return StoreError(f"{name}: cannot read {place}: {reason}")
    if error.errno in NO_FILE:
        return corrupt(place, "a file", reason, name)
    return error


def checked(place: Path, file: PartFile, name: str) -> Path:
    """The place, after a look whether there is a file of that size.

    Raises:
        ArtifactCorrupt: there is not.
        StoreError: it may not be read.
    """
    try:
        stat = place.lstat()
    except OSError as error:
        raise unreadable(place, error, name) from error
    if not S_ISREG(stat.st_mode):
        raise corrupt(place, "a file", "a folder or a symbolic link", name)
    if stat.st_size != file.bytes:
        size = f"{stat.st_size} bytes instead of {file.bytes}"
        raise corrupt(place, f"sha256 {file.sha256}", f"another ({size})", name)
    return place


def verify_each(shelf: Path, files: Sequence[tuple[Path, PartFile]], index: StatIndex) -> None:
    """Checks files against their digests; those that the index knows are not read.

    Args:
        shelf: the folder of one name in the store.
        files: places below it, and what should be there.
        index: of the shelf.

    Raises:
        ArtifactCorrupt: a file is missing, or holds other bytes.
        StoreError: a file may not be read.
    """
    places = [checked(place, file, shelf.name) for place, file in files]
    begin = len(str(shelf)) + 1
    try:
        found = index.digests([(str(place)[begin:], str(place)) for place in places])
    except OSError as error:
        raise unreadable(Path(error.filename or shelf), error, shelf.name) from error
    for place, (_, file), entry in zip(places, files, found, strict=True):
        expect_digest(place, file, entry, shelf.name)


def expect_digest(place: Path, file: PartFile, entry: FileDigest, name: str) -> None:
    """Raises ArtifactCorrupt where a file that was hashed is not what it should be."""
    if entry.sha256 != file.sha256:
        raise corrupt(place, f"sha256 {file.sha256}", entry.sha256, name)


def mapped(
    place: Path, expected: Mapping[str, Mapping[str, Any]], name: str
) -> dict[str, torch.Tensor]:
    """The memory-mapped tensors of a file, each of the expected shape and dtype.

    Raises:
        ArtifactCorrupt: the file is not there, or holds something else.
        StoreError: it may not be read.
    """
    tensors = _loaded(place, name)
    for tensor, entry in expected.items():
        wanted = f"{entry['dtype']} {entry['shape']}"
        one = tensors.get(tensor)
        there = tensor_entry(one) if one is not None else {}
        got = f"{there['dtype']} {there['shape']}" if there else "none"
        if got != wanted:
            raise corrupt(place, f"'{tensor}' {wanted}", got, name)
    return tensors


def tensor_entry(tensor: torch.Tensor) -> dict[str, Any]:
    """Shape and dtype of a tensor, as manifests say them."""
    return {"shape": list(tensor.shape), "dtype": str(tensor.dtype).removeprefix("torch.")}


def frame_columns(schema: pa.Schema) -> list[dict[str, str]]:
    """The columns of an Arrow schema, as manifests say them: name, dtype, and what metadata say."""
    found = []
    for field in schema:
        metadata = {k.decode(): v.decode() for k, v in (field.metadata or {}).items()}
        # what Parquet numbers by itself when it is read
        metadata.pop("PARQUET:field_id", None)
        found.append({"name": field.name, "dtype": str(field.type), **metadata})
    return found


def read_table(
    place: Path, rows: int | None, columns: list[dict[str, str]] | None, name: str
) -> pa.Table:
    """The Arrow table of a Parquet file, with so many rows and these columns.

    Raises:
        ArtifactCorrupt: the file is not there, is none, or has other rows or columns.
        StoreError: it may not be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # none of Python's: threads of Arrow let go of it late, which ends a process that is ending
        with pa.OSFile(str(place)) as file:
            table = pq.read_table(file)
    except pa.ArrowException as error:
        reason = str(error).strip().split("\n")[0]
        raise corrupt(place, "a table", f"what Arrow refuses: {reason}", name) from error
    except OSError as error:
        if error.errno is None:  # of Arrow: it says so of bytes that are no Parquet
            raise corrupt(place, "a table", f"what Arrow refuses: {error}", name) from error
        raise unreadable(place, error, name) from error
    if table.num_rows != rows:
        raise corrupt(place, f"{rows} rows", str(table.num_rows), name)
    if frame_columns(table.schema) != columns:
        raise corrupt(place, "the columns of the manifest", "others", name)
    return table


def _loaded(place: Path, name: str) -> dict[str, torch.Tensor]:
    import torch

    try:
        loaded = torch.load(place, mmap=True, weights_only=True)
    except MemoryError:
        raise  # says nothing of the bytes
    except OSError as error:
        raise unreadable(place, error, name) from error
    except Exception as error:  # a hostile file may raise anything
        reason = str(error).strip().split("\n")[0]
        passing = OF_THE_SYSTEM.search(reason)
        if passing:  # torch wraps what the system said: it is no damage
            raised = OSError(int(passing[2]), passing[1], str(place))
            raise unreadable(place, raised, name) from error
        raise corrupt(place, "tensors", f"what torch refuses: {reason}", name) from error
    if not isinstance(loaded, dict) or not all(
        isinstance(value, torch.Tensor) for value in loaded.values()
    ):
        got = f"a {type(loaded).__name__} of something else"
        raise corrupt(place, "tensors by name", got, name)
    return loaded
