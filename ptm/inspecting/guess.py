"""What a kind sees in a folder: entries of a catalog, and files that it leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

LEARN_FROM = "learn_from"  # its value is the name that another entry of the guess asks for


@dataclass(frozen=True)
class Line:
    """An option of an entry as a catalog has it.

    Attributes:
        option: its name.
        value: of TOML: a text, number, bool, list or table of them.
        comment: what stands beside it; "" for nothing.
        is_off: whether it is a proposal, which is written as a comment.
        notes: what stands beside single values: of a list by the value, of a table by the key.
    """

    option: str
    value: Any
    comment: str = ""
    is_off: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One entry of a catalog.

    Attributes:
        name: what it is asked to be called; another where that is taken, or no name.
        kind: of it.
        path: of its file or folder, below the folder that was looked at.
        lines: its options, in order.
        seen: what was seen in the files, in a few words.
        files: names of those that it takes.
        doubts: what is not sure, in sentences.
    """

    name: str
    kind: str
    path: str
    lines: tuple[Line, ...] = ()
    seen: str = ""
    files: frozenset[str] = frozenset()
    doubts: tuple[str, ...] = ()

    def option(self, name: str) -> Any:
        """The value of an option that is no proposal; None where there is none."""
        return next((o.value for o in self.lines if o.option == name and not o.is_off), None)


@dataclass(frozen=True)
class Guess:
    """What a kind makes of a folder.

    Attributes:
        entries: of the catalog.
        left_out: files that it knows and cannot take, each with the reason.
    """

    entries: tuple[Entry, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[Entry], left_out: Mapping[str, str]) -> Guess | None:
        """A guess; None where there is nothing in it."""
        found = tuple(entries)
        return cls(found, left_out) if found or left_out else None


def counted(number: int, one: str, more: str = "") -> str:
    """A number with its word: "1 file", "1,203 files"."""
    return f"{number:,} {one if number == 1 else more or f'{one}s'}"


def first_of(values: Iterable[str], most: int = 3) -> str:
    """The first of some values, and how many more there are."""
    known = list(values)
    more = [f"… and {len(known) - most:,} more"] if len(known) > most else []
    return ", ".join([*known[:most], *more])


def share_line(samples: int) -> Line:
    """The split of samples that come without one: a proposal where they are few."""
    shares = {"train": 0.8, "val": 0.1, "test": 0.1}
    if samples >= FEWEST:
        return Line("split", shares)
    return Line("split", shares, f"only {counted(samples, 'sample')}: none by itself", is_off=True)


FEWEST = 50  # samples that are split without a word
