"""Artifacts as they are read: held while they are read, and checked before they are believed."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any, NamedTuple

from ptm.command import command
from ptm.errors import ArtifactCorrupt, ArtifactMissing, StoreError
from ptm.hints import listed, no_store
from ptm.index import StatIndex
from ptm.model import Artifact, ArtifactRef
from ptm.names import is_name, is_stray
from ptm.scaling import Scaler
from ptm.store.locks import lock_shared
from ptm.store.manifest import MANIFEST, parse, problem
from ptm.store.memory import Memory
from ptm.store.pointers import CURRENT, KEYS, Pointer, read_pointer
from ptm.system_errors import DENIED, NO_FILE

COLLECTING = 1.0  # s
OF_THE_SYSTEM = re.compile(r": ([^:]+) \((\d+)\)$")  # "…: Too many open files (24)"


class Lock:
    """A shared lock on a manifest: as long as it is held, the folder is not collected."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __del__(self) -> None:
        if self._descriptor >= 0:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1

    def __reduce__(self) -> tuple[Any, ...]:
        return Lock, (-1,)  # a copy in another process holds nothing


class Publication(NamedTuple):
    """A published folder and the pointer that named it; held as long as this lives."""

    folder: Path
    manifest: dict[str, Any]
    pointer: Pointer
    lock: Lock

    def ref(self) -> ArtifactRef:
        """The reference to it."""
        manifest = self.manifest
        return ArtifactRef(
            name=manifest["name"],
            key=manifest["key"],
            path=str(self.folder),
            kind=manifest["kind"],
            tensors=manifest["tensors"],
            bytes=sum(part["bytes"] for part in manifest["parts"]),
            digests={part["file"]: part["sha256"] for part in manifest["parts"]},
            warnings=tuple(manifest["warnings"]),
        )


def load(name: str, artifacts: str | Path = "artifacts") -> Artifact:
    """The current artifact of a name, verified: as `ptm.load`, without views.

    Raises:
        ArtifactMissing, ArtifactCorrupt, StoreError: as there.
    """
    publication = current(name, Path(artifacts))
    memory = Memory(Path(artifacts) / name)
    verify_files(publication, memory.parts)
    memory.save()
    return opened(publication, memory.parts)


def opened(publication: Publication, parts: StatIndex) -> Artifact:
    """The artifact of a publication that was checked.

    Raises:
        ArtifactCorrupt: the file of the tensors holds something else.
    """
    import torch

    folder, manifest = publication.folder, publication.manifest
    tensors: dict[str, torch.Tensor] = {}
    for file in dict.fromkeys(tensor["file"] for tensor in manifest["tensors"].values()):
        tensors |= _tensors(folder / file)
    for name, entry in manifest["tensors"].items():
        expected = f"{entry['dtype']} {entry['shape']}"
        tensor = tensors.get(name)
        got = f"{str(tensor.dtype)[6:]} {list(tensor.shape)}" if tensor is not None else "none"
        if got != expected:
            raise corrupt(folder / entry["file"], f"'{name}' {expected}", got)
    scaler = Scaler.from_json(manifest["scaler"]) if manifest["scaler"] is not None else None
    place = partial(verified_path, publication, parts)
    return Artifact(manifest["name"], folder, manifest, tensors, scaler, place)


def _tensors(place: Path) -> dict[str, Any]:
    import torch

    try:
        loaded = torch.load(place, mmap=True, weights_only=True)
    except (MemoryError, OSError):
        raise  # says nothing of the bytes
    except Exception as error:  # a hostile file may raise anything
        reason = str(error).strip().split("\n")[0]
        passing = OF_THE_SYSTEM.search(reason)
        if passing:  # torch wraps what the system said: it is no damage
            raise OSError(int(passing[2]), passing[1], str(place)) from error
        raise corrupt(place, "tensors", f"what torch refuses: {reason}") from error
    if not isinstance(loaded, dict) or not all(
        isinstance(value, torch.Tensor) for value in loaded.values()
    ):
        raise corrupt(place, "tensors by name", f"a {type(loaded).__name__} of something else")
    return loaded


def current(name: str, root: Path) -> Publication:
    """The publication that is current, held; its parts are not checked.

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
        raise _unreadable(place, error, shelf.name) from error
    lock = Lock(descriptor)
    try:
        text = _read_held(descriptor, place)
    except OSError as error:
        raise _unreadable(place, error, shelf.name) from error
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
    folder, manifest = publication.folder, publication.manifest
    try:
        there = set(os.listdir(folder))
    except OSError as error:
        raise _unreadable(folder, error, manifest["name"]) from error
    for extra in sorted(there - {MANIFEST, *(part["file"] for part in manifest["parts"])}):
        if not is_stray(extra):
            raise corrupt(folder / extra, "only the files of the manifest", "this one too")
    for part in manifest["parts"]:
        verified_path(publication, parts, part["file"])


def verified_path(publication: Publication, parts: StatIndex, file: str) -> Path:
    """The path of one file of a publication, after checking it.

    Raises:
        ArtifactCorrupt, StoreError: as `verify_files`.
    """
    folder, manifest = publication.folder, publication.manifest
    place = folder / file
    [part] = [part for part in manifest["parts"] if part["file"] == file]
    try:
        if not S_ISREG(place.lstat().st_mode):
            raise corrupt(place, "a file", "a folder or a symbolic link")
        [entry] = parts.digests([(f"{folder.name}/{file}", str(place))])
    except OSError as error:
        raise _unreadable(place, error, manifest["name"]) from error
    if entry.sha256 != part["sha256"]:
        got = f"{entry.sha256} ({entry.bytes} bytes instead of {part['bytes']})"
        raise corrupt(
            place,
            f"sha256 {part['sha256']}",
            entry.sha256 if entry.bytes == part["bytes"] else got,
        )
    return place


def names(root: Path) -> list[str]:
    """Names of all that the store holds, sorted."""
    return sorted(_folders_with(root, CURRENT))


def status(root: Path) -> list[dict[str, Any]]:
    """For each artifact: name, kind, key, tensors, bytes, when it was made and how long it took.

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


def shelves(root: Path) -> list[str]:
    """Names that the store has anything of, sorted."""
    return sorted(_folders_with(root, CURRENT) | _folders_with(root, KEYS))


def _folders_with(root: Path, entry: str) -> set[str]:
    """The folders of a store that have such an entry, and are called as it may call them."""
    return {place.parent.name for place in root.glob(f"*/{entry}") if is_name(place.parent.name)}


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


def _unreadable(place: Path, error: OSError, name: str) -> OSError | StoreError:
    """Missing is corrupt, forbidden is a StoreError, and what may pass stays what it is."""
    if error.errno in DENIED:
        return StoreError(f"{name}: cannot read {place}: {error.strerror}")
    if error.errno in NO_FILE:
        return corrupt(place, "a file", error.strerror or "none", name)
    return error
