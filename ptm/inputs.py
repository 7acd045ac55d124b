"""The input files of a source: what there is, and the digest of its bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from ptm import arrow
from ptm.errors import BadInput, InputError, changed
from ptm.index import FileDigest, StatIndex, fingerprint, signature
from ptm.listing import list_files
from ptm.model import File
from ptm.readers.tabular.database import NAME, Query, digest_of
from ptm.system_errors import UNREADABLE

if TYPE_CHECKING:
    import pyarrow as pa

    from ptm.source import Source


class InputFiles:
    """The files of a source: one digest of all at once, each by itself when it is needed.

    Where stat says the same of all of them as when they were last hashed, none is looked up by
    itself: of 100,000 files that takes longer than all else.

    Args:
        source: an entry of a catalog.
        index: what is remembered of its files.
        names_matter: whether their names are a part of the digest.
        before_reading: told how many bytes they have, before any of them is read.

    Attributes:
        bytes, count: of all files.
        above: what their names begin with, up to the source.
        digest: of the bytes of all files in their order, with their paths below the source where
            the names of files matter.
        notes: sentences on files that were left out.

    Raises:
        InputError: there is no file, or one that cannot be read, or not be named.
    """

    def __init__(
        self,
        source: Source,
        index: StatIndex,
        names_matter: bool,
        before_reading: Callable[[int], None] | None = None,
    ) -> None:
        self._again: Callable[[], list[FileDigest]] | None = None
        self._source, self._index, self._names_matter = source, index, names_matter
        self._folder = os.fspath(source.root)
        with self._errors():
            names, self.above, self.notes, beside = list_files(source)
            self._names = [*names, *beside]
            self._samples, self.count, self.bytes = len(names), len(self._names), 0
            signatures = []
            for name in self._names:
                stat = os.stat(f"{self._folder}/{name}")
                self.bytes += stat.st_size
                signatures.append(signature(stat))
            known = index.summary(self._seen(signatures))
        if before_reading:
            before_reading(self.bytes)
        self.digest: str = known or self._digest(self._read)

    @cached_property
    def entries(self) -> list[FileDigest]:
        """Each file as it was when it was hashed, sorted by name; then those beside the samples.

        Raises:
            InputError: one of them has changed since `digest` was told.
        """
        if self._digest(self._read) != self.digest:
            raise changed(self._source.name, self._source.path)
        return self._read

    def let_go(self, read: Callable[[], list[FileDigest]]) -> None:
        """Keeps nothing of each file in memory; the index is not used any more.

        Args:
            read: gives the files again, when they are asked for.
        """
        self._again, self._names, self._index = read, [], StatIndex()
        del self.entries, self._read

    @property
    def files(self) -> tuple[File, ...]:
        """The samples as kinds get them, named by their paths below the source."""
        return self._as_kinds_get(self.entries[: self._samples])

    @property
    def beside(self) -> tuple[File, ...]:
        """The same of the files that are beside them."""
        return self._as_kinds_get(self.entries[self._samples :])

    def _as_kinds_get(self, entries: list[FileDigest]) -> tuple[File, ...]:
        above = len(self.above)
        return tuple(
            File(entry.name[above:], entry.path, entry.bytes, entry.sha256) for entry in entries
        )

    @property
    def table(self) -> pa.Table:
        """The files: path below the data root, SHA-256, bytes."""
        import numpy as np

        entries = self.entries
        columns = {
            "path": arrow.texts([entry.name for entry in entries]),
            "sha256": arrow.texts([entry.sha256 for entry in entries]),
            "bytes": np.array([entry.bytes for entry in entries], dtype=np.int64),
        }
        return arrow.table(columns)

    def check_unchanged(self) -> None:
        """Looks whether every file still holds what was hashed.

        Raises:
            InputError: one does not; it is named.
        """
        for entry in self.entries:
            if not entry.unchanged():
                raise changed(self._source.name, entry.name)

    @cached_property
    def _read(self) -> list[FileDigest]:
        if self._again:
            return self._again()
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

    def _digest(self, entries: list[FileDigest]) -> str:
        above = len(self.above)
        lines = [
            f"{sha256} {name[above:] if self._names_matter else ''}\n"
            for name, _, sha256, *_ in entries
        ]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in UNREADABLE:
                raise
            raise InputError(
                self._source.name,
                expected="a file that can be read",
                got=error.strerror or "none",
                file=os.path.relpath(error.filename or self._source.path, self._folder),
            ) from error


class _Asked(FileDigest):
    """The rows of a query, in place of a file; who reads them again sees whether they changed."""

    def unchanged(self) -> bool:
        return True


class InputRows(InputFiles):
    """The rows that a query of a database gives, as one file.

    Args:
        source: an entry of a catalog.
        query: its own.

    Raises:
        InputError: it gives none, or none that can be read.
        ConnectionError: the database cannot be reached.
    """

    def __init__(self, source: Source, query: Query) -> None:
        self._source, self._names_matter, self._again = source, False, None
        self._index, self.above, self.notes, self._names = StatIndex(), "", (), [NAME]
        try:
            found = digest_of(query.rows)
        except BadInput as error:
            raise error.of_source(source.name) from error
        self._samples, self.count, self.bytes = 1, 1, found.bytes
        self._read = [_Asked(NAME, NAME, found.sha256, found.bytes, "", True)]
        self.digest = self._digest(self._read)


def inputs_of(
    source: Source,
    index: StatIndex,
    names_matter: bool,
    before_reading: Callable[[int], None] | None = None,
) -> InputFiles:
    """The inputs of a source: its files, or the rows of its query.

    Args:
        source, index, names_matter, before_reading: as of `InputFiles`.

    Raises:
        InputError, ConnectionError: see `InputFiles` and `InputRows`.
    """
    try:
        query = getattr(source, "query", None)
    except BadInput as error:
        raise error.of_source(source.name) from error
    if isinstance(query, Query):
        return InputRows(source, query)
    return InputFiles(source, index, names_matter, before_reading)
