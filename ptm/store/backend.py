"""What the store asks of the place where artifacts are: nine verbs, and what each of them promises.

`ptm.store.posix` keeps the promises on a local file system. Names are paths below a shelf, the
place of one artifact's name, with forward slashes. An object store keeps the same ones so:

| verb | there |
|---|---|
| read, open | GET; `open` into a local cache, which is named by the digest |
| create | PUT with `If-None-Match: *` and a SHA-256 checksum; durable when it is answered |
| keep | the same under a name that is the digest: "it is there already" is success |
| swap | PUT with `If-None-Match: *` or `If-Match: ETAG`; after 412 look whose it is |
| sync | nothing: what was answered is durable |
| list, remove | for collecting alone; nothing that is read depends on a listing |
| hold | an object with the writer's ID, renewed; a collector leaves the pool alone meanwhile |
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from ptm.index import FileDigest

Fill = Callable[[Any], Any]  # writes the content into a binary file that it is given


class Backend(Protocol):
    """The shelf of one name, as one writer sees it. Each method raises OSError where it fails."""

    def read(self, name: str) -> bytes | None:
        """All bytes, as they were at one moment; None where there is no file of that name."""

    def open(self, name: str) -> Path:
        """A local file with the content, for mapping. Its bytes never change in place."""

    def create(self, name: str, fill: Fill) -> FileDigest:
        """A new file, hashed on the way. The bytes are durable when it returns.

        The name is durable after the next `sync` of its folder; until then a reader may see less.

        Raises:
            FileExistsError: the name is taken. What has it is as it was.
        """

    def keep(self, folder: str, suffix: str, fill: Fill) -> FileDigest:
        """A file under the digest of its own bytes, durable as that of `create`; its name.

        What is there already and whole is kept. What is there and is not whole is replaced, in one
        step: who has it open keeps what they opened.
        """

    def swap(self, name: str, data: bytes, expected: bytes | None) -> bool:
        """Gives a pointer a new content, durable when it returns, if it still holds `expected`.

        None expects that there is no such pointer. A reader sees the old or the new one, whole.

        Returns:
            False where it holds something else: then nothing was changed.
        """

    def sync(self, folder: str) -> None:
        """All names that were made in a folder before are durable when it returns."""

    def list(self, folder: str) -> list[str]:
        """The names in a folder, sorted; none where there is no such folder."""

    def remove(self, name: str) -> None:
        """Takes a file away. Nobody may need it any more; what is gone already is no error."""

    def hold(self) -> AbstractContextManager[None]:
        """While the body runs, nothing is collected from the pool of parts, whoever collects."""
