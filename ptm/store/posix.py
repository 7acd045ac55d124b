"""The store on a local file system: how it keeps what `ptm.store.backend` promises."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from stat import S_ISREG
from typing import Any

from ptm.errors import StoreError
from ptm.index import FileDigest, hash_files, signature
from ptm.store import disk
from ptm.store.backend import Fill
from ptm.store.holding import hold
from ptm.store.lease import STAGING
from ptm.store.locks import lock_exclusive
from ptm.system_errors import NO_FILE, NO_LINKS, UNWRITABLE

LARGE = 1 << 20  # bytes
SLICE = 1 << 23  # bytes
LARGEST_CACHED = 1 << 27  # bytes
SWAPPING = 1.0  # s: whoever holds a pointer longer was stopped
CTIME = 3  # its place in a signature; a rename moves it, and nothing else


class Posix:
    """See `ptm.store.backend.Backend`.

    Args:
        shelf: the folder of one name in the store; it exists.
        number: ID of the lease under which all is staged (`ptm.store.lease`).
        uncached: keep nothing that is large in the page cache.
    """

    def __init__(self, shelf: Path, number: str, uncached: bool = False) -> None:
        self.shelf, self._number, self._uncached = shelf, number, uncached

    def read(self, name: str) -> bytes | None:
        """See Backend."""
        place = self.shelf / name
        try:  # a pipe would be waited for
            return place.read_bytes() if place.is_file() else None
        except OSError as error:
            if error.errno not in NO_FILE:
                raise
            return None

    def open(self, name: str) -> Path:
        """See Backend."""
        return self.shelf / name

    def create(self, name: str, fill: Fill) -> FileDigest:
        """See Backend."""
        place = self.shelf / name
        if not place.parent.is_dir():
            with suppress(FileExistsError):
                disk.make_folder(place.parent)
        return write_file(place, fill, self._uncached)._replace(name=name)

    def keep(self, folder: str, suffix: str, fill: Fill) -> FileDigest:
        """See Backend."""
        staged = self.shelf / f".part-{self._number}"
        fresh = write_file(staged, fill, self._uncached)
        name = f"{folder}/{fresh.sha256}{suffix}"
        there = _whole(name, self.shelf / name, fresh)
        if there:
            disk.remove(staged)
            return there
        self._replace(staged, name)
        return _moved(fresh, name, self.shelf / name)

    def _replace(self, staged: Path, name: str) -> None:
        place, away = self.shelf / name, self.shelf / f"{STAGING}{self._number}"
        if place.is_dir() and not place.is_symlink():  # somebody's damage
            disk.rename(place, away)
            disk.remove_tree(away)
        disk.replace(staged, place)

    def swap(self, name: str, data: bytes, expected: bytes | None) -> bool:
        """See Backend."""
        place, staged = self.shelf / name, self.shelf / f".pointer-{self._number}"
        write_file(staged, partial(filled, data))
        if expected is None:
            done = self._first(staged, name)
        else:
            with _locked(place):
                done = self.read(name) == expected
                if done:
                    disk.replace(staged, place)
        if done:
            disk.sync_folder(place.parent)
        else:
            disk.remove(staged)
        return done

    def _first(self, staged: Path, name: str) -> bool:
        place = self.shelf / name
        try:
            disk.link(staged, place)  # fails if the name is taken, unlike replace
        except OSError as error:
            if not isinstance(error, FileExistsError) and error.errno not in NO_LINKS:
                raise
            if self.read(name) is not None:
                return False
            disk.replace(staged, place)  # no file has the name, or there are no links
        else:
            disk.remove(staged)
        return True

    def sync(self, folder: str) -> None:
        """See Backend."""
        disk.sync_folder(self.shelf / folder)

    def list(self, folder: str) -> list[str]:
        """See Backend."""
        try:
            return sorted(os.listdir(self.shelf / folder))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def remove(self, name: str) -> None:
        """See Backend."""
        with suppress(FileNotFoundError):
            disk.remove(self.shelf / name)

    def hold(self) -> AbstractContextManager[None]:
        """See Backend."""
        return hold(self.shelf, self._number)


@contextmanager
def named_errors(root: Path) -> Iterator[None]:
    """What will not pass by itself (no space, no permission) as a StoreError that says so."""
    try:
        yield
    except OSError as error:
        if error.errno in UNWRITABLE:
            place = error.filename2 or error.filename or root
            raise StoreError(f"cannot write {place}: {error.strerror}") from error
        raise


def filled(raw: bytes, file: Any) -> None:
    """Fills a file with these bytes."""
    file.write(raw)


def write_file(place: Path, fill: Fill, uncached: bool = False) -> FileDigest:
    """A new file, filled by `fill(file)`, hashed on the way, and synced."""
    with disk.create(place) as file:
        hashing = _Hashing(file, uncached)
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
    return FileDigest(place.name, str(place), digest, hashing.size, now, trusted=False)


class _Hashing(io.RawIOBase):
    """A file that hashes what is written to it; large blocks while they go to the disk."""

    def __init__(self, file: io.FileIO, uncached: bool) -> None:
        self._file, self._digest, self.size = file, hashlib.sha256(), 0
        self._uncached = uncached
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
            # a part may be read again at once; what is larger would only flush others
            drop = self._uncached or len(view) > LARGEST_CACHED
            try:  # hashing takes as long, so the wait for the disk is free
                for start in range(0, len(view), SLICE):
                    disk.write(self._file, view[start : start + SLICE])
                    disk.push_out(self._file, drop)
            finally:
                hashed.result()
        self.size += len(view)
        return len(view)

    def finish(self) -> str:
        if self._pool:
            self._pool.shutdown()
        return self._digest.hexdigest()


def _whole(name: str, place: Path, wanted: FileDigest) -> FileDigest | None:
    """The file at a place, if it is one and holds the same bytes."""
    try:
        stat = place.lstat()
        if S_ISREG(stat.st_mode) and stat.st_size == wanted.bytes:
            [found] = hash_files([(name, str(place))], place.parent.parent)
            return found if found.sha256 == wanted.sha256 else None
    except OSError as error:
        if error.errno not in {*NO_FILE, errno.EACCES}:
            raise
    return None


def _moved(entry: FileDigest, name: str, place: Path) -> FileDigest:
    """A file that was hashed on the way, under its new name; its new ctime is that of the move."""
    before, now = entry.signature.split(), signature(place.lstat()).split()
    same = before[:CTIME] + before[CTIME + 1 :] == now[:CTIME] + now[CTIME + 1 :]
    seen = " ".join(now) if same else ""
    return entry._replace(name=name, path=str(place), signature=seen)


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    """While nobody else replaces a pointer; one who was stopped in it is waited for, but not long.

    The lock is on the file that has the name: who replaces it by another finds others' looks at the
    content done.
    """
    try:
        descriptor = os.open(place, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno not in {*NO_FILE, errno.EACCES, errno.EROFS}:
            raise
        yield  # whoever took it away, or may not write it, is found out by what follows
        return
    try:
        end = time.monotonic() + SWAPPING
        while lock_exclusive(descriptor) is False and time.monotonic() < end:
            time.sleep(0.005)
        yield
    finally:
        os.close(descriptor)
