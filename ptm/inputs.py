"""The input files of a source: what there is, and the digest of its bytes."""

from __future__ import annotations

import errno
import fnmatch
import hashlib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import repeat
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ptm.errors import InputError
from ptm.hints import MOST, in_folder, not_there, unmatched
from ptm.index import Input, StatIndex, fingerprint, signature

if TYPE_CHECKING:
    from ptm.catalog import Source

NO_INPUT = {
    *(errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR),
    *(errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG),
}


def list_files(source: Source) -> list[str]:
    """The files of a source as paths below its data root, sorted; none where its rows stand in it.

    In a folder these are the files that match the source's `pattern`; hidden ones are left out.

    Raises:
        InputError: nothing is there, or nothing that matches.
    """
    if not source.path:
        return []
    place = source.root / source.path
    name = place.relative_to(source.root).as_posix()
    if place.is_file():
        return [name]
    pattern = getattr(source, "pattern", None)
    if pattern is None or not place.is_dir():
        raise _no_file(source, place)
    parts = PurePosixPath(pattern).parts
    found = set(_matches(str(place), "" if name == "." else f"{name}/", parts))
    if not found:
        raise _no_match(source, place, pattern)
    return sorted(found, key=lambda path: path.split("/")) if len(parts) > 1 else sorted(found)


def _no_file(source: Source, place: Path) -> InputError:
    if place.is_dir():
        expected, got = "a file", f"a folder ('path' has to name a file): it {in_folder(place)}"
    else:
        expected = "a file or folder in the data root"
        got = not_there(source.root, source.path)
    return InputError(source.name, expected=expected, got=got, file=source.path)


def _no_match(source: Source, place: Path, pattern: str) -> InputError:
    parts = PurePosixPath(pattern).parts
    otherwise = list(_matches(str(place), "", parts, re.IGNORECASE, iter(range(MOST))))
    return InputError(
        source.name,
        expected=f"at least one file that matches '{pattern}'",
        got=unmatched(place, pattern, otherwise),
        file=source.path,
    )


def _matches(
    folder: str,
    prefix: str,
    parts: tuple[str, ...],
    flags: int = 0,
    budget: Iterable[object] = repeat(None),
) -> Iterator[str]:
    """The files below a folder that match the parts of a pattern, each behind the prefix.

    With the flags of regular expressions; as many entries are looked at as the budget has items.
    """
    first, rest = parts[0], parts[1:]
    if first == "**" and rest:
        yield from _matches(folder, prefix, rest, flags, budget)
    accepts = re.compile(fnmatch.translate("*" if first == "**" else first), flags).match
    with os.scandir(folder) as entries:
        for entry, _ in zip(entries, budget, strict=False):
            name = entry.name
            if name[0] == "." or not accepts(name):
                continue
            if first == "**":  # a link to a folder could lead back up
                if rest and entry.is_dir(follow_symlinks=False):
                    yield from _matches(entry.path, f"{prefix}{name}/", parts, flags, budget)
            elif rest:
                if entry.is_dir():
                    yield from _matches(entry.path, f"{prefix}{name}/", rest, flags, budget)
            elif entry.is_file():
                yield f"{prefix}{name}"


class InputFiles:
    """The files of a source: one digest of all at once, each by itself when it is needed.

    Where stat says the same of all of them as when they were last hashed, none is looked up by
    itself: of 100,000 files that takes longer than all else.

    Attributes:
        digest: of the bytes of all files in their order, with their names where these matter.

    Raises:
        InputError: there is no file, or one that cannot be read, or not be named.
    """

    def __init__(self, source: Source, index: StatIndex, names_matter: bool) -> None:
        self._source, self._index, self._names_matter = source, index, names_matter
        self._folder = os.fspath(source.root)
        with self._errors():
            self._names = list_files(source)
            stats = [signature(os.stat(f"{self._folder}/{name}")) for name in self._names]
            known = index.summary(self._seen(stats))
        self.digest: str = known or self._digest(self._read)

    @cached_property
    def entries(self) -> list[Input]:
        """Each file as it was when it was hashed, sorted by name.

        Raises:
            InputError: one of them has changed since `digest` was told.
        """
        if self._digest(self._read) != self.digest:
            raise self._changed(self._source.path)
        return self._read

    def check_unchanged(self) -> None:
        """Looks whether every file still holds what was hashed.

        Raises:
            InputError: one does not; it is named.
        """
        for entry in self.entries:
            if not entry.unchanged():
                raise self._changed(entry.name)

    @cached_property
    def _read(self) -> list[Input]:
        with self._errors():
            pairs = [(name, f"{self._folder}/{name}") for name in self._names]
            entries = self._index.digests(pairs)
        if len(self._index) > len(entries):
            self._index.keep(set(self._names).__contains__)
        if all(entry.trusted for entry in entries):
            seen = self._seen([entry.signature for entry in entries])
            self._index.note(seen, self._digest(entries))
        return entries

    def _seen(self, signatures: list[str]) -> str:
        return fingerprint(self._names, [str(self._names_matter), *signatures])

    def _digest(self, entries: list[Input]) -> str:
        named = self._names_matter
        lines = [
            f"{sha256} {name.rpartition('/')[2] if named else ''}\n"
            for name, _, sha256, *_ in entries
        ]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def _changed(self, file: str) -> InputError:
        return InputError(
            self._source.name,
            expected="a file that stays as it is while it is read",
            got="a change (run again when it is complete)",
            file=file,
        )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in NO_INPUT:
                raise
            raise InputError(
                self._source.name,
                expected="a file that can be read",
                got=error.strerror or "none",
                file=os.path.relpath(error.filename or self._source.path, self._folder),
            ) from error
        except UnicodeEncodeError as error:
            raw = error.object.encode("utf-8", "surrogateescape")
            got = repr(raw[max(error.start - 20, 0) : error.start + 20])
            if sys.getfilesystemencoding() != "utf-8":  # then no name is wrong but Python's reading
                got = f"{got} read as {sys.getfilesystemencoding()} (set PYTHONUTF8=1)"
            raise InputError(
                self._source.name,
                expected="names of files in UTF-8",
                got=got,
                file=self._source.path,
            ) from error
