"""Leases: who is writing in a shelf, and what dead writers left there.

Whoever writes holds a lease: a locked file `.lease-ID`. All that it stages carries the same ID, so
whatever carries the ID of a lease that nobody holds was left by the dead. The lock goes with the
process, however it ends; the file stays behind and tells. On a file system without locks nobody
can tell the dead from the living, and whatever carries the ID of a lease that is there stays.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ptm.errors import StoreError
from ptm.store import disk
from ptm.store.locks import lock_exclusive, lock_shared
from ptm.store.pointers import KEYS, pointed
from ptm.system_errors import IN_USE

LEASE = ".lease-"
STAGING = ".staging-"
LEFT = re.compile(r"\.[a-z]+-([0-9a-f]{12})")
_held: set[int] = set()


def _forget() -> None:
    """In a forked child: its copies of the locks would outlive the parent."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget)


@contextmanager
def lease(shelf: Path) -> Iterator[str]:
    """A fresh ID; what carries it in a shelf is this writer's, until the body or the process ends.

    When the body fails, what carries the ID and is named by no pointer is taken away. What cannot
    be keeps its lease, which nobody holds any more: the next sweep takes it.

    Args:
        shelf: the folder of one name in the store; it exists.
    """
    number, descriptor = _take(shelf)
    owner, tidy = os.getpid(), True
    _held.add(descriptor)
    try:
        yield number
    except BaseException:
        if os.getpid() == owner:
            tidy = _discarded(shelf, number)
        raise
    finally:
        if os.getpid() == owner:  # a forked child that comes by here owns nothing
            if tidy:
                with suppress(OSError):  # a lease that stays is one that nobody holds
                    disk.remove(shelf / f"{LEASE}{number}")
            _held.discard(descriptor)
            os.close(descriptor)


def _discarded(shelf: Path, number: str) -> bool:
    try:
        discard(shelf, number)
    except (OSError, StoreError):
        return False
    return True


def _take(shelf: Path) -> tuple[str, int]:
    while True:
        number = uuid.uuid4().hex[:12]
        place = shelf / f"{LEASE}{number}"
        with disk.create(place) as file:
            descriptor = os.dup(file.fileno())
        if _lock(descriptor, place) is not False:
            return number, descriptor
        os.close(descriptor)  # a sweeper came between


def _lock(descriptor: int, place: Path) -> bool | None:
    """Whether the file is locked now, and is still the one at its place; None without locks."""
    locked = lock_exclusive(descriptor)
    try:
        same = os.path.samestat(os.fstat(descriptor), place.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False
    return locked if same else False


def held(shelf: Path, number: str) -> bool | None:
    """Whether a living process holds the lease of that ID; None where nobody can tell."""
    try:
        # a store that may only be read can be asked as well
        descriptor = os.open(shelf / f"{LEASE}{number}", os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        free = lock_shared(descriptor)
    finally:
        os.close(descriptor)
    return None if free is None else not free


def sweep(shelf: Path) -> list[str]:
    """Takes away what dead writers left in a shelf; what the living stage is left alone.

    Returns:
        The names of what was taken away.
    """
    return [name for number in _numbers(shelf) for name in _reclaim(shelf, number)]


def leftovers(shelf: Path) -> list[str]:
    """What `sweep` would take away, but for folders that were published and have no pointer."""
    return _staged(shelf, False)


def undecided(shelf: Path) -> list[str]:
    """What is staged in a shelf of which nobody can tell whether its writer lives."""
    return _staged(shelf, None)


def _staged(shelf: Path, alive: bool | None) -> list[str]:
    numbers = [number for number in _numbers(shelf) if held(shelf, number) is alive]
    return [
        name
        for name in os.listdir(shelf)
        if name[0] == "." and (found := LEFT.fullmatch(name)) and found[1] in numbers
    ]


def _numbers(shelf: Path) -> list[str]:
    """The IDs of all that is staged in a shelf."""
    try:
        names = os.listdir(shelf)
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = [LEFT.fullmatch(name) for name in names if name[0] == "."]
    return list(dict.fromkeys(match[1] for match in found if match))


def _reclaim(shelf: Path, number: str) -> list[str]:
    place = shelf / f"{LEASE}{number}"
    try:
        descriptor = os.open(place, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        descriptor = None  # it was released, or lost with the power: nobody holds it
    try:
        if descriptor is not None and not _lock(descriptor, place):
            return []  # it is held, or nobody can tell
        taken = discard(shelf, number)
        if descriptor is not None:
            # what the dead writer did and did not sync is believed from here on
            for folder in (shelf / KEYS, shelf):
                if folder.is_dir():
                    disk.sync_folder(folder)
            disk.remove(place)
        return taken
    finally:
        if descriptor is not None:
            os.close(descriptor)


def discard(shelf: Path, number: str) -> list[str]:
    """Takes away all that carries an ID, but for its lease and for a folder that a pointer names.

    What is in use stays for the next sweep, under its ID.

    Returns:
        The names of what was taken away.
    """
    left = [name for name in os.listdir(shelf) if name.endswith(f"-{number}")]
    return [n for n in left if not n.startswith(LEASE) and _take_away(shelf, n, number)]


def _take_away(shelf: Path, name: str, number: str) -> bool:
    place = shelf / name
    if name[0] != ".":
        if name in pointed(shelf):  # its writer died after the commit
            return False
        place = shelf / f"{STAGING}{number}"
        disk.rename(shelf / name, place)
    try:
        if place.is_dir() and not place.is_symlink():
            disk.remove_tree(place)
        else:
            disk.remove(place)
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in IN_USE:
            raise
        return False
    return True
