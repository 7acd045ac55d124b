"""Verifying: every byte of what the store keeps is read and compared with its manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ptm.command import command
from ptm.errors import StoreError
from ptm.index import StatIndex
from ptm.store.pointers import CURRENT, Pointer, pointers, read_pointer
from ptm.store.reading import current, publication, remedy, shelves, verify_files


class Finding(NamedTuple):
    """What verifying one pointer came to.

    Attributes:
        name: of the artifact.
        pointer: its path in the shelf of the name.
        publication: the folder that it names; "" where it is garbage.
        bytes: how much was read.
        error: what is wrong; "" where all is well.
        remedy: the command that puts it right; "" where all is well.
    """

    name: str
    pointer: str
    publication: str
    bytes: int
    error: str
    remedy: str


def verify(
    root: Path,
    wanted: list[str] | None = None,
    progress: Callable[[Finding], None] = lambda _: None,
) -> list[Finding]:
    """Reads every byte of every artifact kept, the current ones and those of other keys.

    Args:
        root: the store.
        wanted: the names to check; all where left out.
        progress: called after each folder.

    Raises:
        ArtifactMissing: a wanted name is not in the store.
    """
    findings = []
    for name in wanted or shelves(root):
        if wanted and not pointers(root / name):
            current(name, root)  # raises what load would
        for finding in _verify_shelf(root / name):
            progress(finding)
            findings.append(finding)
    return findings


def _verify_shelf(shelf: Path) -> Iterator[Finding]:
    seen: set[str] = set()
    try:
        found = pointers(shelf)
    except OSError as failed:  # says nothing of what the pointers name
        reason = f"{shelf.name}: cannot read {failed.filename}: {failed.strerror}"
        cure = command("verify", shelf.name, artifacts=shelf.parent)
        yield Finding(shelf.name, CURRENT, "", 0, reason, cure)
        return
    for place, pointer in found.items():
        # the next run makes the current one again; what only an old key needs can just go
        root = shelf.parent
        cure = remedy(shelf.name, root) if place == CURRENT else command("gc", artifacts=root)
        folder, size = pointer["publication"] if pointer else "", 0
        if pointer is None:
            text = f"{place}: expected a pointer, got something else ({shelf / place})"
            error = f"{shelf.name}: {text}"
        elif place != CURRENT and not Path(place).name.startswith(folder[:12]):
            error = f"{shelf.name}: {place}: expected an artifact of that key, got {folder}"
        elif folder in seen:
            continue
        else:
            seen.add(folder)
            size, error = _verify_folder(shelf, pointer)
        if error and not ((shelf / place).exists() and read_pointer(shelf / place) == pointer):
            continue  # it was collected meanwhile, or healed
        yield Finding(shelf.name, place, folder, size, error, cure if error else "")


def _verify_folder(shelf: Path, pointer: Pointer) -> tuple[int, str]:
    try:
        held = publication(shelf, pointer)
        verify_files(held, StatIndex(scratch=shelf))
    except (StoreError, OSError) as error:
        return 0, str(error)
    return sum(part["bytes"] for part in held.manifest["parts"]), ""
