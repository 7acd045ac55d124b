"""A model of a disk that loses its power: which states may be there afterwards.

The operations that `ptm.store` makes are recorded while it works, and repeated in memory on a disk
that promises only what POSIX does:

- what was written to a file since its last sync may be there, be cut in half, be zeros, or be lost;
- a change of a folder that was not followed by a sync of that folder may be there or not, each by
  itself, whatever came before or after it. A rename within a folder is one such change, a rename
  from one folder to another is two;
- nothing else makes a name durable: neither the sync of the file nor that of the folder above.

Real file systems keep more. What the model lacks: damage to what was synced, times and inodes (no
digest of the stat index is believed in any state), and that two names of a file have one content.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ptm.store import disk

# what a disk holds: the bytes of a file, or the entries of a folder, sorted by name
State = bytes | tuple[tuple[str, "State"], ...]

CHANGES = [
    *("make_folder", "create", "write", "sync", "push_out", "sync_folder"),
    *("rename", "replace", "link", "remove", "remove_folder"),  # what remove_tree consists of
]
SUBSETS = 9  # changes of a folder of which every subset is looked at
MANY = 10**9  # states: more than anybody wants
ID = re.compile(r"(?<=-)[0-9a-f]{12}|[0-9a-f]{64}|[0-9a-f]{12}(?=-)")


class Operation(NamedTuple):
    """One change of the disk.

    Attributes:
        what: the function of `ptm.store.disk`; "promise" where the store says that it is done.
        places: the paths that it was called with, from the base.
        data: what was written.
        caller: the function that asked for it.
    """

    what: str
    places: tuple[str, ...] = ()
    data: bytes = b""
    caller: str = ""

    @property
    def is_sync(self) -> bool:
        return self.what in ("sync", "sync_folder")

    @property
    def label(self) -> str:
        """What is done where and by whom, without the IDs that differ from run to run."""
        place = ID.sub("*", self.places[0]) if self.places else ""
        return f"{self.what} {place} in {self.caller}"


@contextmanager
def recorded(base: Path) -> Iterator[list[Operation]]:
    """The operations on the disk while the body runs, each after it was made."""
    operations: list[Operation] = []

    def recording(what: str, change: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any) -> Any:
            result = change(*arguments)  # what fails changes nothing
            data = bytes(arguments[1]) if what == "write" else b""
            places = [getattr(a, "name", a) if hasattr(a, "fileno") else a for a in arguments]
            inside = [Path(place) for place in places if isinstance(place, str | Path)]
            names = tuple(place.relative_to(base).as_posix() for place in inside)
            caller = sys._getframe(1).f_code.co_name
            operations.append(Operation(what, names, data, caller))
            return result

        return wrapper

    with pytest.MonkeyPatch.context() as patch:
        for what in CHANGES:
            patch.setattr(disk, what, recording(what, getattr(disk, what)))
        yield operations


class File:
    """A file: its bytes, and those of them that the disk has for certain."""

    def __init__(self, data: bytes = b"") -> None:
        self.now = self.safe = data

    def variants(self) -> list[State]:
        """What may be left of it."""
        fresh = len(self.now) - len(self.safe)
        cut = self.now[: len(self.safe) + fresh // 2]
        return list(dict.fromkeys([self.safe, cut, self.safe + bytes(fresh), self.now]))


class Folder:
    """A folder: its names now, those that the disk has for certain, and the changes in between."""

    def __init__(self, names: dict[str, File | Folder] | None = None) -> None:
        self.now = dict(names or {})
        self.safe = dict(self.now)
        self.changes: list[dict[str, File | Folder | None]] = []

    def change(self, names: dict[str, File | Folder | None]) -> None:
        """One change, of one name or of two at once."""
        self.now = _changed(self.now, names)
        self.changes.append(names)

    def sync(self) -> None:
        """From here on the disk has all of its names."""
        self.safe, self.changes = dict(self.now), []

    def one(self, choose: Callable[[list[Any]], Any]) -> dict[str, File | Folder]:
        """The names that it may have, by one choice for all, or for each of many changes."""
        if not self.many:
            chosen: dict[str, File | Folder] = choose(self.variants())
            return chosen
        names = self.safe
        for change in self.changes:
            names = _changed(names, change) if choose([False, True]) else names
        return names

    @property
    def many(self) -> bool:
        """Whether there are too many changes for every subset of them."""
        return len(self.changes) > SUBSETS

    def variants(self) -> list[dict[str, File | Folder]]:
        """The names that it may have: every subset of the changes, each once."""
        found = {_names(self.safe): self.safe}
        for change in self.changes:
            for names in list(found.values()):
                other = _changed(names, change)
                found.setdefault(_names(other), other)
        return list(found.values())


def _changed(names: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    return {name: node for name, node in {**names, **change}.items() if node}


def _names(names: dict[str, File | Folder]) -> frozenset[tuple[str, int]]:
    return frozenset((name, id(node)) for name, node in names.items())


class Disk:
    """The disk of the model.

    Args:
        state: what it holds at first, all of it durable.
    """

    def __init__(self, state: State = ()) -> None:
        self._root = _planted(state)
        self._open: dict[str, File] = {}

    def make(self, operation: Operation) -> None:
        """Makes one change."""
        what, places = operation.what, operation.places
        if what in ("create", "make_folder"):
            node = File() if what == "create" else Folder()
            self._change(places[0], node)
            if isinstance(node, File):
                self._open[places[0]] = node
        elif what == "write":
            self._open[places[0]].now += operation.data
        elif what in ("sync", "push_out"):
            self._open[places[0]].safe = self._open[places[0]].now
        elif what == "sync_folder":
            self._folder(places[0]).sync()
        elif what in ("remove", "remove_folder"):
            self._change(places[0], None)
        elif what in ("rename", "replace", "link"):
            self._move(*places, keep=what == "link")

    def states(self, bound: int, seed: int) -> Iterator[State]:
        """What may be there if the power is lost now.

        Every state, if there are no more than `bound`; else `bound` of them at random, and the two
        of which all and none of what was not synced is there.
        """
        if _count(self._root) <= bound:
            yield from _all(self._root)
            return
        yield _one(self._root, lambda variants: variants[0])
        yield _one(self._root, lambda variants: variants[-1])
        choose = random.Random(seed).choice
        for _ in range(bound):
            yield _one(self._root, choose)

    def now(self) -> State:
        """What a running system sees, and what is left when only a process dies."""
        return _now(self._root)

    def _folder(self, place: str) -> Folder:
        node: Any = self._root
        for name in place.split("/") if place != "." else ():
            node = node.now[name]
        assert isinstance(node, Folder)
        return node

    def _change(self, place: str, node: File | Folder | None) -> None:
        above, _, name = place.rpartition("/")
        self._folder(above or ".").change({name: node})

    def _move(self, source: str, target: str, keep: bool) -> None:
        above, _, name = source.rpartition("/")
        beyond, _, other = target.rpartition("/")
        node = self._folder(above or ".").now[name]
        if keep or above != beyond:
            self._change(target, node)
            if not keep:
                self._change(source, None)
        else:
            self._folder(above or ".").change({name: None, other: node})


def _planted(state: State) -> Any:
    if isinstance(state, bytes):
        return File(state)
    return Folder({name: _planted(inner) for name, inner in state})


def _now(node: File | Folder) -> State:
    if isinstance(node, File):
        return node.now
    return tuple((name, _now(node.now[name])) for name in sorted(node.now))


def _count(node: File | Folder) -> int:
    if isinstance(node, File):
        return len(node.variants())
    if node.many:
        return MANY
    return sum(prod(map(_count, names.values())) for names in node.variants())


def _all(node: File | Folder) -> Iterator[State]:
    if isinstance(node, File):
        yield from node.variants()
        return
    for names in node.variants():
        ordered = sorted(names)
        for inner in product(*(list(_all(names[name])) for name in ordered)):
            yield tuple(zip(ordered, inner, strict=True))


def _one(node: File | Folder, choose: Callable[[list[Any]], Any]) -> State:
    if isinstance(node, File):
        chosen: State = choose(node.variants())
        return chosen
    names = node.one(choose)
    return tuple((name, _one(names[name], choose)) for name in sorted(names))


def read_state(place: Path) -> State:
    """What a path holds."""
    if place.is_file():
        return place.read_bytes()
    return tuple((entry.name, read_state(entry)) for entry in sorted(place.iterdir()))


def write_state(place: Path, state: State) -> None:
    """Makes a path hold that."""
    if isinstance(state, bytes):
        place.write_bytes(state)
        return
    place.mkdir()
    for name, inner in state:
        write_state(place / name, inner)
