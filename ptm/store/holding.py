"""Who needs the pool of a shelf as it is, and who may take from it what nobody names.

A writer holds the pool: `.hold-ID` beside its lease, from before it looks what is there until its
pointers are set. A collector makes a folder `.collect-ID` and then looks for holders; without any
it moves files there, out of sight. A writer that comes then renames that folder away first: each
further move fails, since the folder to move to is gone. So whoever came first has what it needs,
nobody waits, and one that was stopped stops nobody.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ptm.store import disk
from ptm.store.lease import STAGING, held
from ptm.system_errors import IN_USE

HOLD, COLLECT = ".hold-", ".collect-"
BEING_MADE = "it is being published"
NOBODY_KNOWS = "without locks here nobody can tell whether its writer lives"


@contextmanager
def hold(shelf: Path, number: str) -> Iterator[None]:
    """Nothing is collected from the pool while the body runs.

    Args:
        shelf: the folder of one name in the store.
        number: ID of a lease that is held; when its holder dies, the pool is not held any more.
    """
    place, owner = shelf / f"{HOLD}{number}", os.getpid()
    with disk.create(place):
        pass
    try:
        for name in os.listdir(shelf):
            if name.startswith(COLLECT):
                _stop(shelf, name.removeprefix(COLLECT))
        yield
    finally:
        if os.getpid() == owner:
            with suppress(OSError):  # one that stays goes with the next sweep
                disk.remove(place)


def holders(shelf: Path, but: Collection[str] = ()) -> str:
    """Why nothing of the pool may be taken away; "" where nobody holds it.

    Args:
        shelf: the folder of one name in the store.
        but: IDs of holders that do not count.
    """
    numbers = [name.removeprefix(HOLD) for name in os.listdir(shelf) if name.startswith(HOLD)]
    alive = [held(shelf, number) for number in numbers if number not in but]
    if True in alive:
        return BEING_MADE
    return NOBODY_KNOWS if None in alive else ""


class Collector:
    """Takes files out of the pool, as long as no writer needs it.

    Attributes:
        stays: why nothing may be taken, or nothing more; "" where it may.
    """

    def __init__(self, pool: Path, folder: Path, stays: str) -> None:
        self._pool, self._folder, self.stays = pool, folder, stays

    def take(self, name: str) -> bool:
        """Takes one file away, out of sight at once; whether it did."""
        if self.stays:
            return False
        try:
            disk.replace(self._pool / name, self._folder / name)
        except FileNotFoundError:  # the file is gone, or a writer came
            self.stays = "" if self._folder.is_dir() else BEING_MADE
            return False
        return True


@contextmanager
def collecting(pool: Path, number: str, but: Collection[str] = ()) -> Iterator[Collector]:
    """What may be done to a pool that nobody holds. What was taken goes when the body is over.

    Args:
        pool: the folder of the parts.
        number: ID of a lease that is held for this alone.
        but: IDs of holders that do not count.
    """
    shelf = pool.parent
    folder = shelf / f"{COLLECT}{number}"
    disk.make_folder(folder)
    yield Collector(pool, folder, holders(shelf, but))
    _stop(shelf, number)
    try:
        disk.remove_tree(shelf / f"{STAGING}{number}")
    except OSError as error:
        if error.errno not in IN_USE:
            raise


def _stop(shelf: Path, number: str) -> None:
    """From here on that collector takes nothing more; what it took is its own to take away."""
    with suppress(FileNotFoundError):  # it is over
        disk.rename(shelf / f"{COLLECT}{number}", shelf / f"{STAGING}{number}")
