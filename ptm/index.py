"""The stat index: the digest of a file, from memory where stat vouches that it did not change.

An entry is believed only if the file was older than the clock of its own file system before it was
hashed: then every later change, even of the same size and within the same tick, shows in its times.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from stat import S_ISREG
from typing import Any, NamedTuple

from ptm.budget import THREADS

CHUNK = 1 << 20  # bytes
TRIES = 3
BATCHES = 256  # of files that are hashed side by side, at most: each takes memory
TICKS = 50_000_000  # ns: longer than a tick of any file system's clock on a local disk
DAY = 86_400_000_000_000  # ns


class FileDigest(NamedTuple):
    """One file as it was when it was hashed.

    Attributes:
        name: how the index calls it: a path relative to a root, with forward slashes.
        path: where it is.
        sha256: hex digest of its bytes.
        bytes: its size.
        signature: what stat says of it, see `signature`.
        trusted: whether any later change must show in the signature.
    """

    name: str
    path: str
    sha256: str
    bytes: int
    signature: str
    trusted: bool

    def unchanged(self) -> bool:
        """Whether the file is still there, and still holds the bytes that were hashed."""
        try:
            if signature(os.stat(self.path)) != self.signature:
                return False
            return self.trusted or _hash(self.name, self.path, 0).sha256 == self.sha256
        except FileNotFoundError:
            return False


class StatIndex:
    """Digests by name, each with the signature that its file had.

    Args:
        raw: what `to_bytes` gave; anything else counts as nothing remembered.
        rehash: believe nothing that is remembered.
        scratch: a folder to ask for the time, on the file system of the files; by default the
            folder of the file.
    """

    def __init__(self, raw: bytes = b"", rehash: bool = False, scratch: Path | None = None) -> None:
        head, _, self._raw = raw.partition(b"\n\n")
        summary = unseal(head)
        # a list: else it is what another version of ptm kept
        self._summary: list[str] | None = summary if isinstance(summary, list) else None
        self._rehash, self._scratch = rehash, scratch
        self.changed = False

    @cached_property
    def _entries(self) -> dict[str, str]:
        # "digest signature" by name: strings alone, which the garbage collector does not visit
        return (unseal(self._raw) if self._summary else None) or {}

    def __len__(self) -> int:
        return len(self._entries)

    def summary(self, seen: str) -> str | None:
        """What was noted for exactly these files, so that none has to be looked up by itself."""
        known = self._summary if not self._rehash else None
        return known[1] if known and known[0] == seen else None

    def note(self, seen: str, summary: str) -> None:
        """Notes a summary of files that are all trusted; `seen` is their `fingerprint`."""
        if self._summary != [seen, summary]:
            self._summary, self.changed = [seen, summary], True

    def digests(self, files: Sequence[tuple[str, str]]) -> list[FileDigest]:
        """The digests of files, given as (name, path), in order; only what is unknown is read.

        Raises:
            OSError: a file cannot be read.
        """
        found: list[Any] = [None] * len(files)
        unknown: list[int] = []
        known = {} if self._rehash else self._entries
        for number, (name, path) in enumerate(files):
            stat = os.stat(path)
            now = signature(stat)
            entry = known.get(name, "")
            if entry[65:] == now:
                found[number] = FileDigest(name, path, entry[:64], stat.st_size, now, True)
            else:
                unknown.append(number)
        if unknown:
            read = hash_files([files[number] for number in unknown], self._scratch)
            for number, fresh in zip(unknown, read, strict=True):
                found[number] = fresh
                self.put(fresh)
        return found

    def put(self, entry: FileDigest) -> None:
        """Remembers a digest, if it can be trusted."""
        if entry.trusted:
            self._entries[entry.name] = f"{entry.sha256} {entry.signature}"
            self.changed = True
        elif self._entries.pop(entry.name, None):
            self.changed = True

    def keep(self, wanted: Callable[[str], bool]) -> None:
        """Forgets every name that is not wanted."""
        kept = {name: entry for name, entry in self._entries.items() if wanted(name)}
        self.changed |= len(kept) < len(self._entries)
        self._entries = kept

    def to_bytes(self) -> bytes:
        """The index as it is kept in a file."""
        return seal(self._summary or ["", ""]) + b"\n\n" + seal(self._entries)


def signature(stat: os.stat_result) -> str:
    """What tells one state of a file from another: mode, size, mtime, ctime, inode, device."""
    return (
        f"{stat.st_mode:o} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} "
        f"{stat.st_ino} {stat.st_dev}"
    )


def fingerprint(names: Sequence[str], signatures: Sequence[str]) -> str:
    """Digest of the names of files and of what stat says of each."""
    text = "\n".join(["\n".join(names), "\n".join(signatures)])
    return hashlib.sha256(text.encode()).hexdigest()


def hash_files(files: Sequence[tuple[str, str]], scratch: Path | None = None) -> list[FileDigest]:
    """Reads and hashes files, given as (name, path), several at once, in order.

    Raises:
        OSError: a file cannot be read.
    """
    clocks = _clocks([path for _, path in files], scratch)

    def work(file: tuple[str, str]) -> FileDigest:
        return _hash(*file, clocks.get(os.stat(file[1]).st_dev, 0))

    if len(files) == 1:
        return [work(files[0])]
    some = -(-len(files) // BATCHES)
    batches = [files[start : start + some] for start in range(0, len(files), some)]
    with ThreadPoolExecutor(THREADS) as pool:
        found = pool.map(lambda batch: [work(file) for file in batch], batches)
        return [entry for batch in found for entry in batch]


def written(entries: Sequence[FileDigest], scratch: Path) -> list[FileDigest]:
    """The same entries, of files that this process wrote and hashed on the way, as trusted.

    The clock has moved on from their times when this returns.
    """
    clocks = _clocks([entry.path for entry in entries], scratch)
    found = []
    for entry in entries:
        stat = os.stat(entry.path)
        same = signature(stat) == entry.signature
        found.append(entry._replace(trusted=same and older(stat, clocks.get(stat.st_dev, 0))))
    return found


def older(stat: os.stat_result, clock: int) -> bool:
    """Whether a file was last changed before a time of its own clock, ns.

    Then a later change cannot leave the file with the times that it has.
    """
    return max(stat.st_mtime_ns, stat.st_ctime_ns) < clock


def seal(value: Any) -> bytes:
    """JSON behind its own digest, so that a damaged file is known for one."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return hashlib.sha256(text).hexdigest().encode() + b"\n" + text


def unseal(raw: bytes) -> Any:
    """What was sealed; None where a byte of it differs."""
    digest, _, text = raw.partition(b"\n")
    if hashlib.sha256(text).hexdigest().encode() != digest:
        return None
    return json.loads(text)


def _hash(name: str, path: str, clock: int) -> FileDigest:
    for _ in range(TRIES):
        digest = hashlib.sha256()
        with open(path, "rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            while block := file.read(CHUNK):
                digest.update(block)
            after = os.fstat(file.fileno())
        same = signature(before) == signature(after) == signature(os.stat(path))
        if same:
            break
    trusted = same and S_ISREG(before.st_mode) and older(before, clock)
    return FileDigest(name, path, digest.hexdigest(), before.st_size, signature(before), trusted)


def _clocks(paths: Sequence[str], scratch: Path | None) -> dict[int, int]:
    """For each device the time there, ns; later than the files if a short wait makes it so."""
    newest: dict[int, tuple[int, str]] = {}
    for path in paths:
        stat = os.stat(path)
        # an mtime may be set to any time, and waiting for it would help nobody
        if stat.st_dev not in newest or stat.st_ctime_ns > newest[stat.st_dev][0]:
            newest[stat.st_dev] = stat.st_ctime_ns, path
    return {
        device: _clock(scratch or Path(path).resolve().parent, device, times)
        for device, (times, path) in newest.items()
    }


def _clock(folder: Path, device: int, newest: int) -> int:
    """The clock of a file system: the time that it gives to a new file."""
    end = time.monotonic_ns() + TICKS
    while True:
        try:
            # without a name, where the system can: nothing to clean up, and nobody sees it
            with tempfile.TemporaryFile(dir=folder, prefix=".ptm-", buffering=0) as file:
                stat = os.fstat(file.fileno())
        except OSError:
            stat = None
        if stat is None or stat.st_dev != device:
            # no clock to be had, as on a read-only disk: nothing younger than a day is trusted
            return time.time_ns() - DAY
        now = stat.st_mtime_ns
        if now > newest or newest - now > TICKS or time.monotonic_ns() > end:
            return now
        time.sleep(0.001)
