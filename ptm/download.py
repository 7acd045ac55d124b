"""Fetch the data files of a registry, in parallel, each verified before it appears.

pooch reads the registry, speaks HTTP and takes the digests. Its `fetch` is not used: it tries
a 404 and a wrong digest again, writes to the terminal, and puts its temporary files into the very
folders that sources read. Threads, retries and staging are therefore here.
"""

from __future__ import annotations

import os
import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from queue import Empty, SimpleQueue
from typing import BinaryIO
from urllib.parse import quote, urlsplit

from ptm.budget import DOWNLOADS
from ptm.errors import CatalogError, DownloadError

_ATTEMPTS = 4
_CHUNK = 1 << 14  # bytes; an origin that sends less in connect + read timeout counts as silent
_SHOWN = 3  # failures that an error names
_HASTE = 0.5  # seconds that a pull which ends early waits for its threads

Progress = Callable[[str, int, int], None]  # name of a file now there, files there, files in all


@dataclass(frozen=True)
class PullReport:
    """What a pull did: the files it fetched, those that were there and whole, the data root."""

    fetched: tuple[str, ...]
    kept: tuple[str, ...]
    root: Path


def mirror_from_environment() -> str | None:
    """The folder or http(s) address in PTM_DATA_MIRROR, or None."""
    return os.environ.get("PTM_DATA_MIRROR") or None


def read_registry(path: Path) -> dict[str, str]:
    """The SHA-256 of each file by its path relative to the data root.

    Raises:
        CatalogError: the registry cannot be read, a line is not "path sha256", or a path leaves
            the data root.
    """
    import pooch

    files = pooch.Pooch(path=path.parent, base_url="")
    try:
        files.load_registry(path)
    except (OSError, ValueError) as error:
        raise CatalogError(f"{path}: expected lines of 'path sha256', got: {error}") from error
    for name, digest in files.registry.items():
        inside = PurePosixPath(name)
        if not inside.parts or inside.is_absolute() or ".." in inside.parts or "\\" in name:
            raise CatalogError(f"{path}: expected paths inside the data root, got '{name}'")
        if name in files.urls or not re.fullmatch("[0-9a-f]{64}", digest):
            got = f"{digest} {files.urls.get(name, '')}".rstrip()
            raise CatalogError(f"{path}: '{name}': expected a SHA-256 and no more, got '{got}'")
    return dict(files.registry)


def missing(data: Path, registry: Path) -> list[str]:
    """Names of the registry's files that are not there. Their content is not looked at.

    Raises:
        CatalogError: the registry is not valid.
    """
    return [name for name in read_registry(registry) if not (data / name).is_file()]


def pull(
    data: Path,
    registry: Path,
    origin: str,
    progress: Progress | None = None,
    *,
    advice: str = "pull again to go on, or set PTM_DATA_MIRROR to a folder or an http(s) address",
    connect_timeout: float = 5.0,
    read_timeout: float = 10.0,
    pause: float = 0.5,
) -> PullReport:
    """Fetch what the data root lacks; a file appears whole and verified, or not at all.

    What is there with the right digest is kept; with a wrong one it is replaced, but only by a
    verified file. What may pass (no connection, silence, 5xx, a truncated answer) is tried again.
    One file that fails does not stop the others, unless the origin itself is down: the pull then
    ends at the latest after `connect_timeout + read_timeout` without a byte from it.

    Args:
        data: the data root; made when it is not there.
        registry: lines of "path sha256".
        origin: a folder or an http(s) address laid out like the data root.
        progress: called in this thread for each file that is there.
        advice: what to do where some could not be fetched, for the message.
        connect_timeout: seconds to wait for a connection.
        read_timeout: seconds to wait for the next byte.
        pause: seconds before the second attempt; doubled for each further one, with jitter.

    Raises:
        CatalogError: the registry is not valid.
        DownloadError: at least one file could not be fetched; it names the first few.
    """
    from concurrent.futures import ThreadPoolExecutor
    from tempfile import TemporaryDirectory

    registered = read_registry(registry)
    paths = [data / name for name in registered]
    with ThreadPoolExecutor(DOWNLOADS) as pool:
        whole = list(pool.map(_is_whole, paths, registered.values()))
    there = dict(zip(registered, whole, strict=True))
    kept = tuple(name for name in registered if there[name])
    lacking = {name: registered[name] for name in registered if not there[name]}

    def tell(name: str, done: int) -> None:
        if progress is not None:
            progress(name, done, len(registered))

    for done, name in enumerate(kept, start=1):
        tell(name, done)
    if not lacking:
        return PullReport(fetched=(), kept=kept, root=data)
    origin = _checked(origin)
    try:
        data.mkdir(parents=True, exist_ok=True)
        # What is on its way stands in the data root (one file system, so that os.replace works)
        # but in no source's folder, where a killed pull would leave it among the inputs.
        staging = TemporaryDirectory(prefix=".pull-", dir=data, ignore_cleanup_errors=True)
    except OSError as error:
        raise DownloadError(f"{data}: expected a folder to write to, got: {error}") from error
    with staging as folder:
        timeouts = connect_timeout, read_timeout
        work = _Pull(data, Path(folder), origin, lacking, timeouts, pause, advice)
        work.run(lambda name, done: tell(name, len(kept) + done))
    if len(work.fetched) < len(lacking):
        raise DownloadError(work.message())
    return PullReport(fetched=tuple(lacking), kept=kept, root=data)


class _OriginDownError(DownloadError):
    """Nothing comes from the origin: no use in asking it for the other files."""


@dataclass
class _Pull:
    """One pull under way: what its threads share."""

    data: Path
    staging: Path
    origin: str  # an http(s) address or a folder, without a slash at the end
    lacking: dict[str, str]
    timeout: tuple[float, float]  # seconds, to connect and to read
    pause: float
    advice: str
    fetched: set[str] = field(default_factory=set)
    failures: dict[str, str] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    last_sign: float = 0.0  # monotonic seconds of the last byte or answer
    last_whole: float = 0.0  # … and of the last file that came whole
    jobs: SimpleQueue[str] = field(default_factory=SimpleQueue)
    results: SimpleQueue[tuple[str, Exception | None]] = field(default_factory=SimpleQueue)

    def run(self, tell: Callable[[str, int], None]) -> None:
        """Fetch what lacks; `fetched` and `failures` then say what came of it."""
        for name in self.lacking:
            self.jobs.put(name)
        self.last_sign = time.monotonic()
        # Daemons, not a pool: an interpreter that exits would wait for a pool's threads, and to
        # look up a host, or to try its many addresses, can take minutes.
        count = min(DOWNLOADS, len(self.lacking))
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(count)]
        try:
            for thread in threads:
                thread.start()
            down = False
            while not down and len(self.fetched) + len(self.failures) < len(self.lacking):
                down = self._settle(*self._next(), tell)
        finally:
            self.stop.set()
            deadline = time.monotonic() + _HASTE
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))
        while not self.results.empty():  # a file may have come whole during the stop
            name, error = self.results.get()
            if error is None:
                self._settle(name, None, tell)

    def message(self) -> str:
        """What failed, for people: which files, from where, expected and got, what to do next."""
        lost = len(self.lacking) - len(self.fetched)
        shown = [name for name in self.lacking if name in self.failures][:_SHOWN]
        lines = [f"{lost} of {len(self.lacking)} files could not be fetched into {self.data}:"]
        lines += [f"  {name}: {self.failures[name]}" for name in shown]
        if lost > len(shown):
            lines.append(f"  … and {lost - len(shown)} more")
        lines.append(f"What came is kept: {self.advice}.")
        return "\n".join(lines)

    def _next(self) -> tuple[str, Exception | None]:
        silence = sum(self.timeout)
        left = silence
        while left > 0:
            left = max(0.0, self.last_sign + silence - time.monotonic())
            try:
                return self.results.get(timeout=left)
            except Empty:  # look again: there may have been a sign meanwhile
                continue
        settled = self.fetched | self.failures.keys()
        name = next(name for name in self.lacking if name not in settled)
        return name, _OriginDownError(self._reason(name, f"nothing for {silence:g} s"))

    def _settle(self, name: str, error: Exception | None, tell: Callable[[str, int], None]) -> bool:
        """Note what came of a file; True when the origin is down."""
        if error is None:
            self.failures.pop(name, None)
            self.fetched.add(name)
            tell(name, len(self.fetched))
        elif isinstance(error, DownloadError):
            self.failures[name] = str(error)
        else:
            raise error
        return isinstance(error, _OriginDownError)

    def _work(self) -> None:
        while not self.stop.is_set():
            try:
                name = self.jobs.get_nowait()
            except Empty:
                return
            try:
                self._fetch(name)
            except Exception as error:  # told, or raised again, in the caller's thread
                self.results.put((name, error))
            else:
                self.results.put((name, None))

    def _fetch(self, name: str) -> None:
        begin = time.monotonic()
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._fetch_once(name)
                self.last_whole = time.monotonic()
                return
            except OSError as error:  # those of requests are OSErrors too
                got, may_pass = self._diagnose(error)
            if not may_pass:
                raise DownloadError(self._reason(name, got))
            backoff = self.pause * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)
            if attempt == _ATTEMPTS or self.stop.wait(backoff):
                break
        # when no other file came whole in all that time either, the fault is not this file's
        kind = DownloadError if self.last_whole > begin else _OriginDownError
        raise kind(self._reason(name, f"{got} (attempt {attempt})"))

    def _fetch_once(self, name: str) -> None:
        import shutil

        import pooch

        part, target = self.staging / name, self.data / name
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            if _is_address(self.origin):
                download = pooch.HTTPDownloader(chunk_size=_CHUNK, timeout=self.timeout)
                download(f"{self.origin}/{quote(name)}", _Sink(file, self), None)
            else:
                with Path(self.origin, name).open("rb") as source:
                    shutil.copyfileobj(source, _Sink(file, self))
        digest = pooch.file_hash(str(part))
        if digest != self.lacking[name]:
            got = f"{digest} ({part.stat().st_size} bytes)"
            raise DownloadError(self._reason(name, got, f"SHA-256 {self.lacking[name]}"))
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)

    def _diagnose(self, error: OSError) -> tuple[str, bool]:
        """What went wrong in plain words, and whether it may pass."""
        import requests.exceptions as http

        if isinstance(error, http.HTTPError) and error.response is not None:
            self.last_sign = time.monotonic()
            status = error.response.status_code
            return f"HTTP {status} {error.response.reason}", status >= 500 or status in (408, 429)
        broken = (http.ChunkedEncodingError, http.ContentDecodingError)  # the answer broke off
        may_pass = isinstance(error, (http.ConnectionError, http.Timeout, *broken))
        root: BaseException = error
        while root.__context__ is not None:  # requests and urllib3 wrap the plain error thrice
            root = root.__context__
        if isinstance(root, TimeoutError):
            connect, read = self.timeout
            return f"no answer (waited {connect:g} s to connect, {read:g} s to read)", may_pass
        return str(root), may_pass

    def _reason(self, name: str, got: str, expected: str = "the file") -> str:
        # a mirror's address may hold a password, and errors end up in logs
        secret, at, _ = urlsplit(self.origin).netloc.rpartition("@")
        place = self.origin.replace(secret + at, "", 1)
        return f"from {place}/{name}: expected {expected}, got {got}"


@dataclass
class _Sink:
    """The file that is written: each chunk is a sign of life; none is taken after the stop."""

    file: BinaryIO
    work: _Pull

    def write(self, chunk: bytes) -> int:
        if self.work.stop.is_set():
            raise InterruptedError("the pull was stopped")
        self.work.last_sign = time.monotonic()
        return self.file.write(chunk)

    def flush(self) -> None:
        """pooch asks for it after each chunk; closing the file does it once."""


def _is_whole(path: Path, digest: str) -> bool:
    import pooch

    try:
        return bool(pooch.file_hash(str(path)) == digest)
    except OSError:  # not there, not a file or not readable
        return False


def _is_address(origin: str) -> bool:
    return origin.startswith(("http://", "https://"))


def _checked(origin: str) -> str:
    if not _is_address(origin) and not Path(origin).is_dir():
        raise DownloadError(
            f"mirror '{origin}': expected a folder or an http(s) address, got neither; correct "
            "or unset PTM_DATA_MIRROR"
        )
    return origin.rstrip("/")
