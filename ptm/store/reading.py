"""Artifacts as they are read: held while they are read, and checked before they are believed."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any, NamedTuple

from ptm.errors import ArtifactCorrupt, ArtifactMissing, StoreError
from ptm.hints import listed, no_store
from ptm.index import StatIndex
from ptm.model import Artifact, ArtifactRef
from ptm.names import is_name, is_stray
from ptm.store.files import checked, corrupt, remedy, unreadable, verify_each
from ptm.store.locks import lock_shared
from ptm.store.manifest import (
    INPUTS,
    MANIFEST,
    POOL,
    files_of,
    is_older,
    of_files,
    parse,
    problem,
)
from ptm.store.memory import Memory
from ptm.store.opening import opened, place_of
from ptm.store.pointers import CURRENT, KEYS, PINNED, Pointer, pointers, read_pointer

COLLECTING = 1.0  # s


class Lock:
    """A shared lock on a manifest: as long as it is held, the folder is not collected.

    Args:
        descriptor: of the manifest; negative where nothing is held.
        place: of the manifest.
    """

    def __init__(self, descriptor: int, place: Path) -> None:
        self._descriptor, self._place = descriptor, place

    def __del__(self) -> None:
        if self._descriptor >= 0:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1

    def __reduce__(self) -> tuple[Any, ...]:
        return held_too, (self._place,)


def held_too(place: Path) -> Lock:
    """The lock of a copy in another process; it holds nothing where the folder is gone."""
    try:
        lock = Lock(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), place)
        _lock_out_collectors(lock._descriptor)
    except OSError:  # what is read of it shows what is missing
        return Lock(-1, place)
    return lock


class Publication(NamedTuple):
    """A published folder and the pointer that named it; held as long as this lives."""

    folder: Path
    manifest: dict[str, Any]
    pointer: Pointer
    lock: Lock

    def ref(self) -> ArtifactRef:
        """The reference to it."""
        manifest, files = self.manifest, files_of(self.manifest)
        return ArtifactRef(
            name=manifest["name"],
            key=manifest["key"],
            path=str(self.folder),
            kind=manifest["kind"],
            tensors=manifest["tensors"],
            bytes=sum(file.bytes for file in files),
            digests={file.file: file.sha256 for file in files},
            warnings=tuple(manifest["warnings"]),
            bad=manifest["stats"].get("bad", 0),
        )


def load(name: str, artifacts: str | Path = "artifacts") -> Artifact:
    """The current artifact of a name, as `ptm.load`, without views.

    Pointer and manifest are checked here, each file when something of it is asked for.

    Raises:
        ArtifactMissing, ArtifactCorrupt, StoreError: as there.
    """
    publication = current(name, Path(artifacts))
    look_at_files(publication)
    memory = Memory(Path(artifacts) / name)
    return opened(publication, memory.parts, memory.save)


def current(name: str, root: Path) -> Publication:
    """The publication that is current, held; its files are not checked.

    Raises:
        ArtifactMissing, ArtifactCorrupt, StoreError: as `load`.
    """
    shelf = root / name
    pointer = read_pointer(shelf / CURRENT)
    if pointer is None and (shelf / CURRENT).exists():
        raise corrupt(shelf / CURRENT, "a pointer", "something else", name)
    if pointer is None:
        known = listed(name, names(root)) or "nothing yet"
        there = no_store(root) or f"there is: {known}"
        raise ArtifactMissing(
            f"{name}: expected an artifact in {root}, got none ({there}); "
            f"make it with: {remedy(name, root)}"
        )
    try:
        return publication(shelf, pointer)
    except ArtifactCorrupt:
        again = read_pointer(shelf / CURRENT)  # it may have been collected meanwhile
        if again is None or again["publication"] == pointer["publication"]:
            raise
        return publication(shelf, again)


def kept(name: str, root: Path) -> Iterator[Publication]:
    """The publications of a name that are there, each held while it is looked at: the current one,
    then the others, the last made first; damaged ones are left out.
    """
    shelf = root / name
    found = {one["publication"]: one for one in pointers(shelf).values() if one}
    now = read_pointer(shelf / CURRENT)
    others = sorted(found.values(), key=lambda one: one.get("made", ""), reverse=True)
    for pointer in [*([now] if now else []), *others]:
        with suppress(StoreError):
            yield publication(shelf, pointer)


def publication(shelf: Path, pointer: Pointer) -> Publication:
    """The folder that a pointer names, held, its manifest checked.

    Raises:
        ArtifactCorrupt: it is not there, or its manifest is not the one that was published.
        StoreError: it may not be read.
    """
    folder = shelf / pointer["publication"]
    place = folder / MANIFEST
    try:
        if not S_ISDIR(folder.lstat().st_mode):
            raise corrupt(folder, "a folder", "a file or a symbolic link", shelf.name)
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise unreadable(place, error, shelf.name) from error
    lock = Lock(descriptor, place)
    try:
        text = _read_held(descriptor, place)
    except OSError as error:
        raise unreadable(place, error, shelf.name) from error
    got = hashlib.sha256(text).hexdigest()
    if got != pointer["manifest_sha256"]:
        raise corrupt(place, f"sha256 {pointer['manifest_sha256']}", got, shelf.name)
    manifest = parse(text)
    wrong = problem(manifest, shelf.name)
    if wrong:
        expected, _, instead = wrong.partition(", got ")
        raise corrupt(place, expected, instead, shelf.name)
    return Publication(folder, manifest, pointer, lock)


def _read_held(descriptor: int, place: Path) -> bytes:
    if not S_ISREG(os.fstat(descriptor).st_mode):
        raise IsADirectoryError(errno.EISDIR, "no file")
    _lock_out_collectors(descriptor)
    if not os.path.samestat(os.fstat(descriptor), place.lstat()):
        raise FileNotFoundError(errno.ENOENT, "it was collected")
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read()


def _lock_out_collectors(descriptor: int) -> None:
    """Waits for one, who needs a moment, but not for one that was stopped."""
    end = time.monotonic() + COLLECTING
    while lock_shared(descriptor) is False:  # where there are no locks, reading goes on without
        if time.monotonic() > end:
            raise FileNotFoundError(errno.ENOENT, "it is being collected")
        time.sleep(0.01)


def verify_files(publication: Publication, parts: StatIndex) -> None:
    """Checks every file of a publication against its manifest; stray ones are left out.

    Raises:
        ArtifactCorrupt: a file is missing, is one too many, or holds other bytes.
        StoreError: a file may not be read.
    """
    folder = publication.folder
    _expect_no_more(publication)
    files = files_of(publication.manifest)
    verify_each(folder.parent, [(place_of(folder, file.file), file) for file in files], parts)


def look_at_files(publication: Publication) -> None:
    """Looks whether every file is there, and as large as it should be; none is read.

    Raises:
        ArtifactCorrupt, StoreError: as `verify_files`.
    """
    folder = publication.folder
    _expect_no_more(publication)
    for file in files_of(publication.manifest):
        checked(place_of(folder, file.file), file, folder.parent.name)


def _expect_no_more(publication: Publication) -> None:
    folder, manifest = publication.folder, publication.manifest
    try:
        there = set(os.listdir(folder))
    except OSError as error:
        raise unreadable(folder, error, manifest["name"]) from error
    for extra in sorted(there - {MANIFEST, *(entry["file"] for entry in manifest["files"])}):
        if not is_stray(extra):
            raise corrupt(folder / extra, "only the files of the manifest", "this one too")


def made_by_older(root: Path, name: str) -> bool:
    """Whether an older version of ptm made what is current of a name, so that none can read it."""
    pointer = read_pointer(root / name / CURRENT)
    if pointer is None:
        return False
    with suppress(OSError):
        return is_older(parse((root / name / pointer["publication"] / MANIFEST).read_bytes()))
    return False


def inputs_of(publication: Publication) -> Any:
    """Of what a publication was made.

    Returns:
        Of files: for each `path`, `sha256` and `bytes`, as they stand in its folder; none where
        they cannot be read. Of an analysis: for each entry that it is of, digests by file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    inputs = publication.manifest["inputs"]
    if not of_files(inputs):
        return inputs
    try:
        # no file of Python's, as in `read_table`
        with pa.OSFile(str(publication.folder / INPUTS)) as file:
            return pq.read_table(file).to_pylist()
    except (OSError, pa.ArrowException):
        return []


def names(root: Path) -> list[str]:
    """Names of all that the store holds, sorted."""
    return sorted(_folders_with(root, CURRENT))


def status(root: Path) -> list[dict[str, Any]]:
    """For each artifact: name, kind, key, tensors, bytes, when it was made and how long it took;
    which publication is pinned, or None.

    An artifact whose manifest cannot be read has an `error` instead.
    """
    rows = []
    for name in names(root):
        row: dict[str, Any] = {"name": name}
        try:
            folder, manifest, pointer, _ = current(name, root)
            row |= {
                "kind": manifest["kind"],
                "key": manifest["key"],
                "tensors": manifest["tensors"],
                "bytes": sum(file.bytes for file in files_of(manifest)),
                "made": pointer.get("made"),
                "seconds": pointer.get("seconds"),
                "path": str(folder),
                "warnings": manifest["warnings"],
                "pinned": (read_pointer(root / name / PINNED) or {}).get("publication"),
            }
        except StoreError as error:
            row["error"] = str(error)
        rows.append(row)
    return rows


def shelves(root: Path) -> list[str]:
    """Names that the store has anything of, sorted."""
    return sorted({name for entry in (CURRENT, KEYS, POOL) for name in _folders_with(root, entry)})


def _folders_with(root: Path, entry: str) -> set[str]:
    """The folders of a store that have such an entry, and are called as it may call them."""
    return {place.parent.name for place in root.glob(f"*/{entry}") if is_name(place.parent.name)}
