"""Verifying: every byte of what the store keeps is read, and compared with what it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

from ptm.command import command
from ptm.errors import StoreError
from ptm.index import StatIndex
from ptm.store.files import remedy
from ptm.store.manifest import POOL, files_of
from ptm.store.pointers import CURRENT, LASTING, OF_KEY, Pointer, pointers, read_pointer
from ptm.store.pool import pool_names, read_record
from ptm.store.reading import Publication, current, publication, shelves, verify_files

Check = Callable[[Publication], str]


class Finding(NamedTuple):
    """What verifying one pointer came to, or the parts that no publication names.

    Attributes:
        name: of the artifact.
        pointer: its path in the shelf of the name; "parts" or the path of a damaged file of it.
        publication: the folder that it names; "" where it is garbage, and of parts.
        bytes: how much was read.
        error: what is wrong; "" where all is well.
        remedy: the command that puts it right; "" where all is well.
    """

    name: str
    pointer: str
    publication: str
    bytes: int
    error: str
    remedy: str


def verify(
    root: Path,
    wanted: list[str] | None = None,
    progress: Callable[[Finding], None] = lambda _: None,
    check: Callable[[Publication], str] = lambda _: "",
) -> list[Finding]:
    """Reads every byte of every artifact kept, the current ones and those of other keys.

    And of the parts that none of them names: one is whole if its digest is its name.

    Args:
        root: the store.
        wanted: the names to check; all where left out.
        progress: called after each folder.
        check: looks at what is whole, and says what else is wrong with it; "" where nothing is.

    Raises:
        ArtifactMissing: a wanted name is not in the store.
    """
    findings = []
    for name in wanted or shelves(root):
        if wanted and not pointers(root / name):
            current(name, root)  # raises what load would
        for finding in _verify_shelf(root / name, check):
            progress(finding)
            findings.append(finding)
    return findings


def _verify_shelf(shelf: Path, check: Check) -> Iterator[Finding]:
    try:
        found = pointers(shelf)
    except OSError as failed:  # says nothing of what the pointers name
        reason = f"{shelf.name}: cannot read {failed.filename}: {failed.strerror}"
        cure = command("verify", shelf.name, artifacts=shelf.parent)
        yield Finding(shelf.name, CURRENT, "", 0, reason, cure)
        return
    index = StatIndex(scratch=shelf)  # knows nothing: each file is read, and read once
    named: set[str] = set()
    yield from _verify_pointers(shelf, found, index, named, check)
    yield from _verify_pool(shelf, index, named)


def _verify_pointers(
    shelf: Path,
    found: dict[str, Pointer | None],
    index: StatIndex,
    named: set[str],
    check: Check,
) -> Iterator[Finding]:
    """What pointers name; `named` gets the files of the pool that were checked so."""
    seen: set[str] = set()
    for place, pointer in found.items():
        # the next run makes the current one again; what only an old key needs can just go
        root = shelf.parent
        cure = remedy(shelf.name, root) if place == CURRENT else command("gc", artifacts=root)
        folder, size = pointer["publication"] if pointer else "", 0
        if pointer is None:
            text = f"{place}: expected a pointer, got something else ({shelf / place})"
            error = f"{shelf.name}: {text}"
        elif place not in LASTING and not Path(place).name.startswith(folder[:12]):
            error = f"{shelf.name}: {place}: expected an artifact of that key, got {folder}"
        elif folder in seen:
            continue
        else:
            seen.add(folder)
            size, error = _verify_folder(shelf, pointer, index, named, check)
        if error and not ((shelf / place).exists() and read_pointer(shelf / place) == pointer):
            continue  # it was collected meanwhile, or healed
        yield Finding(shelf.name, place, folder, size, error, cure if error else "")


def _verify_folder(
    shelf: Path, pointer: Pointer, index: StatIndex, named: set[str], check: Check
) -> tuple[int, str]:
    try:
        held = publication(shelf, pointer)
        files = files_of(held.manifest)
        named.update(file.file for file in files)
        verify_files(held, index)
        wrong = check(held)
    except (StoreError, OSError) as error:
        return 0, str(error)
    size = sum(file.bytes for file in files)
    return size, f"{shelf.name}: {wrong} ({held.folder})" if wrong else ""


def _verify_pool(shelf: Path, index: StatIndex, named: set[str]) -> Iterator[Finding]:
    """The parts that no publication names: what is damaged of them, and all the others at once."""
    size, cure = 0, command("gc", artifacts=shelf.parent)
    for name in pool_names(shelf):
        file = f"{POOL}/{name}"
        if file in named:
            continue
        bytes_, error = _verify_object(shelf, file, index)
        size += bytes_
        if error:
            yield Finding(shelf.name, file, "", 0, f"{shelf.name}: {error}", cure)
    if size:
        yield Finding(shelf.name, POOL, "", size, "", "")


def _verify_object(shelf: Path, file: str, index: StatIndex) -> tuple[int, str]:
    """Bytes of a file of the pool, and what is wrong with it; "" too where it is gone meanwhile."""
    place = shelf / file
    try:
        if OF_KEY.fullmatch(place.name):
            whole = place.is_symlink() or read_record(shelf, place.name) or not place.exists()
            return 0, "" if whole else f"{file}: expected a record, got something else ({place})"
        if not S_ISREG(place.lstat().st_mode):
            return 0, f"{file}: expected a file, got a folder or a symbolic link ({place})"
        [entry] = index.digests([(file, str(place))])
    except FileNotFoundError:
        return 0, ""
    except (StoreError, OSError) as error:
        return 0, str(error)
    if entry.sha256 != place.stem and place.exists():
        return 0, f"{file}: expected the digest of its name, got {entry.sha256} ({place})"
    return entry.bytes, ""
