"""Every change that the store makes on the disk, one function for each system call.

Nothing else in `ptm.store` changes the disk, so that the fault tests can fail, kill or record each
single operation.
"""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path

from ptm.system_errors import IN_USE


def make_folder(path: Path) -> None:
    """A folder that was not there."""
    path.mkdir()


def make_folders(path: Path) -> None:
    """A folder and the parents that are missing; their names are on the disk when this returns."""
    missing = [place for place in path.parents if not place.is_dir()]
    for place in (*reversed(missing), path):
        with suppress(FileExistsError):
            make_folder(place)
        sync_folder(place.parent)  # also if it was there: its maker may have died before this


def create(path: Path) -> io.FileIO:
    """A file that was not there, open for writing, unbuffered."""
    return path.open("xb", buffering=0)


def write(file: io.FileIO, data: bytes | memoryview) -> None:
    """All of the bytes; the system may take several turns for them."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def sync(file: io.FileIO) -> None:
    """What was written to the file is on the disk when this returns."""
    os.fsync(file.fileno())


def push_out(file: io.FileIO, drop: bool = True) -> None:
    """Like `sync`, of a file that goes on; what is dropped is in the page cache no more."""
    os.fsync(file.fileno())
    if drop and hasattr(os, "posix_fadvise"):  # not on macOS
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def sync_folder(path: Path) -> None:
    """The names in a folder are on the disk when this returns."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename(source: Path, target: Path) -> None:
    """Another name for a folder; the target is not there."""
    source.rename(target)


def replace(source: Path, target: Path) -> None:
    """Another name for a file, in place of the one that has it."""
    source.replace(target)


def link(source: Path, target: Path) -> None:
    """A second name for a file.

    Raises:
        FileExistsError: the name is taken.
    """
    target.hardlink_to(source)


def remove(path: Path) -> None:
    """Takes a file away."""
    path.unlink()


def remove_folder(path: Path) -> None:
    """Takes an empty folder away."""
    path.rmdir()


def remove_tree(path: Path) -> None:
    """Takes a folder away with all that is in it; what is gone already is no error.

    Raises:
        OSError: one of IN_USE where something of it stays that is in use; the rest is gone.
    """
    try:
        entries = list(os.scandir(path))
    except FileNotFoundError:
        return
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                remove_tree(Path(entry.path))
            else:
                remove(Path(entry.path))
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno not in IN_USE:
                raise
    remove_folder(path)
