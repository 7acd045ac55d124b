"""A folder that is looked at: its files, and what was seen of them before."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeVar

Value = TypeVar("Value")


class Seen(NamedTuple):
    """One file.

    Attributes:
        name: its path below the folder, with forward slashes.
        bytes: its size.
        family: what it is, as `ptm.readers.sniffing.family` says: "image", "delimited", …
    """

    name: str
    bytes: int
    family: str

    @property
    def folder(self) -> str:
        """The folder that it is in, below the one that is looked at; "" for that itself."""
        return self.name.rpartition("/")[0]

    @property
    def file(self) -> str:
        """Its own name."""
        return self.name.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """Its own name without the suffix."""
        return PurePosixPath(self.file).stem

    @property
    def suffix(self) -> str:
        """Its suffix in lower case, with the dot."""
        return PurePosixPath(self.file).suffix.lower()


@dataclass(eq=False)
class Folder:
    """A folder that is looked at.

    Attributes:
        root: where it is.
        files: those that no kind has taken yet, sorted by name.
        others: those that are left out of them but lie there, which a pattern may not match.
        memory: what was seen of files before.
    """

    root: Path
    files: tuple[Seen, ...]
    others: frozenset[str] = frozenset()
    memory: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def of(self, *families: str) -> list[Seen]:
        """The files of some families."""
        return [file for file in self.files if file.family in families]

    def path(self, name: str) -> Path:
        """Where a file is."""
        return self.root / name

    def once(self, look: Callable[..., Value], *arguments: Any) -> Value:
        """What a function gives for arguments that can be hashed; it is called once."""
        key = (look, *arguments)
        if key not in self.memory:
            self.memory[key] = look(*arguments)
        found: Value = self.memory[key]
        return found

    def without(self, names: Collection[str]) -> Folder:
        """The same without some files, which lie there all the same."""
        taken = set(names)
        left = tuple(file for file in self.files if file.name not in taken)
        return Folder(self.root, left, self.others | taken, self.memory)

    def names(self) -> Iterator[str]:
        """Of all files that lie there."""
        yield from (file.name for file in self.files)
        yield from self.others
