"""Collecting: old publications go, and parts that none names; what is in use or needed stays."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from ptm.command import KEEP
from ptm.errors import StoreError
from ptm.store import disk
from ptm.store.drawn import drop_views
from ptm.store.holding import BEING_MADE, HOLD, NOBODY_KNOWS, collecting, holders
from ptm.store.lease import LEASE, STAGING, held, lease, leftovers, sweep, undecided
from ptm.store.locks import lock_exclusive
from ptm.store.manifest import MANIFEST, POOL, digests, is_older, of_files, parse
from ptm.store.memory import Memory
from ptm.store.pointers import KEYS, LASTING, PINNED, PUBLICATION, pointers, read_pointer
from ptm.store.pool import garbage
from ptm.store.reading import publication, shelves, verify_files
from ptm.system_errors import IN_USE, NO_FILE


class Collected(NamedTuple):
    """One thing that was collected, or would be, or had to stay.

    Attributes:
        name: of the artifact.
        what: a publication, a pointer, what a dead writer left, or "parts" for all of the pool that
            no publication names; a path in the shelf of the name.
        bytes: what that frees.
        reason: why nobody needs it.
        stays: why it was left alone all the same; "" where it was not.
    """

    name: str
    what: str
    bytes: int
    reason: str
    stays: str = ""


def gc(root: Path, keep: int = KEEP, dry_run: bool = False) -> list[Collected]:
    """Takes away what nobody needs: old publications, damaged ones, leftovers of dead writers.

    Of each name the current publication stays, the pinned one, and the last `keep` that were made;
    so do those that the analyses which stay were made of, and whatever a living process reads or
    writes. Of the parts those stay that a publication names which stays; all of them while a
    writer lives.

    Args:
        root: the store.
        keep: how many of the last publications of each name stay, the current one among them.
        dry_run: only tell.

    Raises:
        StoreError: the store cannot be read or written.
    """
    try:
        whole = {name: _whole(root / name, dry_run) for name in shelves(root)}
        kept = _kept(root, whole, keep)
        return [
            thing
            for name in whole
            for thing in _collect_name(root / name, kept[name], set(whole[name]), dry_run)
        ]
    except OSError as error:
        place = error.filename or root
        raise StoreError(f"cannot collect {place}: {error.strerror}") from error


def _whole(shelf: Path, dry_run: bool) -> dict[str, tuple[tuple[str, int], dict[str, Any]]]:
    """Of each publication that is whole: when it was made, and its manifest."""
    memory, found = Memory(shelf), {}
    for pointer in pointers(shelf).values():
        if pointer:
            with suppress(StoreError):
                one = publication(shelf, pointer)
                verify_files(one, memory.parts)
                made = pointer.get("made", ""), one.folder.stat().st_mtime_ns
                found[one.folder.name] = made, one.manifest
    if not dry_run:
        memory.save()
    return found


def _kept(root: Path, whole: dict[str, Any], keep: int) -> dict[str, set[str]]:
    """For each name the publications to keep."""
    kept: dict[str, set[str]] = {}
    for name, made in whole.items():
        last = sorted(made, key=lambda folder: made[folder][0], reverse=True)[:keep]
        kept[name] = {*last, *_lasting(root / name)}
    for name in whole:
        for folder in kept[name] & whole[name].keys():
            inputs = whole[name][folder][1]["inputs"]
            for source, parts in () if of_files(inputs) else inputs.items():
                for other, (_, manifest) in whole.get(source, {}).items():
                    if parts == digests(manifest):
                        kept[source].add(other)
    return kept


def _lasting(shelf: Path) -> dict[str, str]:
    """The publications that are current and pinned, and by which pointer."""
    found = {place: read_pointer(shelf / place) for place in reversed(LASTING)}
    return {pointer["publication"]: place for place, pointer in found.items() if pointer}


def _collect_name(shelf: Path, kept: set[str], whole: set[str], dry_run: bool) -> list[Collected]:
    taken = list(_collect_shelf(shelf, kept, whole, dry_run))
    gone = {thing.what for thing in taken if not thing.stays}
    pool = _pool_to_collect(shelf, gone) if dry_run else _collect_pool(shelf)
    return taken + list(pool)


def _pool_to_collect(shelf: Path, gone: Collection[str]) -> Iterator[Collected]:
    """What `_collect_pool` would tell, once these publications are gone."""
    found = garbage(shelf, gone)
    if found:
        yield _of_pool(shelf, found, holders(shelf))


def _collect_pool(shelf: Path) -> Iterator[Collected]:
    """Takes parts away that no publication names, and records of such, unless somebody writes."""
    if not garbage(shelf):  # a damaged manifest does not tell what it names: all stays
        return
    with lease(shelf) as number, collecting(shelf / POOL, number) as collector:
        # looked at again: from here on whoever needs one of them stops the collector
        found = garbage(shelf) or {}
        taken = {name: size for name, size in found.items() if collector.take(name)}
        stays = collector.stays
    left = {name: size for name, size in found.items() if name not in taken}
    if taken:
        yield _of_pool(shelf, taken, "")
    if left and stays:
        yield _of_pool(shelf, left, stays)


def _of_pool(shelf: Path, found: Mapping[str, int], stays: str) -> Collected:
    reason = f"{len(found)} {'file' if len(found) == 1 else 'files'} that no publication names"
    return Collected(shelf.name, POOL, 0 if stays else sum(found.values()), reason, stays)


def _collect_shelf(
    shelf: Path, kept: set[str], whole: set[str], dry_run: bool
) -> Iterator[Collected]:
    for left in leftovers(shelf) if dry_run else sweep(shelf):
        if not left.startswith((LEASE, HOLD)):
            yield Collected(shelf.name, left, 0, "left by a writer that died")
    for left in undecided(shelf):
        if not left.startswith((LEASE, HOLD)):
            yield Collected(shelf.name, left, 0, "staged", NOBODY_KNOWS)
    named = {pointer["publication"] for pointer in pointers(shelf).values() if pointer}
    for place, pointer in pointers(shelf).items():
        if pointer is None and place not in LASTING:
            if not dry_run:
                with lease(shelf) as number:
                    _remove_pointer(shelf, place, "", number)
            yield Collected(shelf.name, place, 0, "not a pointer")
    folders = sorted(name for name in os.listdir(shelf) if PUBLICATION.fullmatch(name))
    for folder in folders:
        if folder not in kept:
            old = "old" if folder in whole or _is_older(shelf / folder) else "damaged"
            reason = old if folder in named else "no pointer names it"
            size = _size(shelf / folder)
            stays = _stays(shelf, folder) if dry_run else _collect(shelf, folder)
            yield Collected(shelf.name, folder, 0 if stays else size, reason, stays)


def _is_older(folder: Path) -> bool:
    place = folder / MANIFEST
    with suppress(OSError):
        return place.is_file() and is_older(parse(place.read_bytes()))
    return False


def _collect(shelf: Path, folder: str) -> str:
    """Takes a publication away; or says why it stays."""
    with lease(shelf) as number:
        with _exclusive(shelf / folder / MANIFEST) as mine:
            stays = _stays(shelf, folder) if mine else "it is being read"
            if stays:
                return stays
            _unpoint(shelf, folder, number)
            drop_views(shelf.parent, shelf.name, folder)
            try:
                # gone at once for every reader, whatever happens while the files go
                disk.rename(shelf / folder, shelf / f"{STAGING}{number}")
            except FileNotFoundError:  # it had lost to another of its key, or its manifest
                return "its writer or another collector took it away"
        try:
            disk.remove_tree(shelf / f"{STAGING}{number}")
        except OSError as error:
            if error.errno not in IN_USE:
                raise
            return "a file of it is open: the next gc takes what is left of it"
    return ""


def _stays(shelf: Path, folder: str) -> str:
    writing = held(shelf, folder.split("-")[1])
    if writing is not False:
        return BEING_MADE if writing else NOBODY_KNOWS
    place = _lasting(shelf).get(folder)
    return f"it is {'pinned' if place == PINNED else 'current again'}" if place else ""


def _unpoint(shelf: Path, folder: str, number: str) -> None:
    """Takes the pointers away that name a folder, so that none ever dangles."""
    for place, pointer in pointers(shelf).items():
        if place not in LASTING and pointer and pointer["publication"] == folder:
            _remove_pointer(shelf, place, folder, number)
    if (shelf / KEYS).is_dir():
        disk.sync_folder(shelf / KEYS)


def _remove_pointer(shelf: Path, place: str, folder: str, number: str) -> None:
    """Takes a pointer away, if it names that folder; "" where it is none."""
    staged = shelf / f".pointer-{number}"
    # moved away and then looked at: a writer may have replaced it since
    try:
        disk.replace(shelf / place, staged)
    except FileNotFoundError:  # another collector
        return
    now = read_pointer(staged)
    if now and now["publication"] != folder:
        with suppress(FileExistsError):
            disk.link(staged, shelf / place)
    disk.remove(staged)


@contextmanager
def _exclusive(manifest: Path) -> Iterator[bool]:
    """Whether nobody reads the folder of a manifest, nor begins to."""
    try:
        descriptor = os.open(manifest, os.O_RDWR | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno not in NO_FILE:
            raise
        yield True  # without a manifest nobody can read it
        return
    try:
        yield lock_exclusive(descriptor) is not False
    finally:
        os.close(descriptor)


def _size(folder: Path) -> int:
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # its writer takes it away just now
                size += Path(place, name).lstat().st_size
    return size
