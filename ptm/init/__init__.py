"""`ptm init`: a folder is looked at, and a catalog that runs is made of what is there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ptm.errors import CatalogError
from ptm.init import toml
from ptm.init.naming import named, plain_name
from ptm.init.walk import walk
from ptm.inspecting.guess import Entry, Line
from ptm.registry import kinds_that_inspect
from ptm.schema import schema_line

ABOUT = "# Made by `ptm init`: what was seen, and what comes of it."
NO_KIND = "no kind takes it"


@dataclass(frozen=True)
class Found:
    """What a folder has.

    Attributes:
        place: the folder, or the file, that was looked at.
        entries: of a catalog, each with its name.
        left_out: files and folders, each with the reason.
    """

    place: Path
    entries: Sequence[Entry] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The folder that the paths of the entries are relative to."""
        return self.place if self.place.is_dir() else self.place.parent


def inspect(place: Path) -> Found:
    """Looks at a folder, or at one file; nothing is written.

    Raises:
        CatalogError: there is no such folder.
        OSError: it cannot be read.
    """
    if not place.exists():
        raise CatalogError(f"expected a folder of data, got nothing at {place}")
    folder, left_out = walk(place)
    entries: list[Entry] = []
    for kind in kinds_that_inspect():
        guess = kind.code.inspect(folder)
        if guess is None:
            continue
        entries += named(guess.entries, {entry.name for entry in entries})
        left_out.update(guess.left_out)
        taken = {name for entry in guess.entries for name in entry.files}
        folder = folder.without(taken | guess.left_out.keys())
    left_out.update((file.name, NO_KIND) for file in folder.files)
    return Found(place, sorted(entries, key=lambda one: (one.path, one.name)), left_out)


def catalog_text(found: Found, catalog: Path) -> str:
    """A catalog of what was found, with comments.

    Args:
        found: it.
        catalog: the file that it will be, which `data` is relative to.
    """
    root = found.root
    name = plain_name(root.resolve().name) or "catalog"
    lines = (
        Line("name", name),
        Line("data", data_of(root, catalog), "the paths below start there"),
    )
    head = f"{schema_line(catalog)}\n{ABOUT}\n"
    tables = [toml.table("catalog", lines)]
    tables += [_entry(entry) for entry in found.entries]
    return "\n".join([head, *tables])


def _entry(entry: Entry) -> str:
    place = [] if not entry.path else [Line("path", entry.path)]
    lines = (Line("kind", entry.kind), *place, *entry.lines)
    doubts = [f"not sure: {doubt}" for doubt in entry.doubts]
    above = "".join(f"{toml.comment(told)}\n" for told in (entry.seen, *doubts) if told)
    return above + toml.table(entry.name, lines)


def data_of(root: Path, catalog: Path) -> str:
    """How a catalog names a data root: from its own folder on, or as a whole path elsewhere."""
    here, there = catalog.parent.absolute(), root.absolute()
    relative = Path(os.path.relpath(there, here)).as_posix()
    return there.as_posix() if root.is_absolute() and relative.startswith("..") else relative
