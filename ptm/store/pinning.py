"""Pins: a publication of a name that stays, whatever is made after it, and can be compared with.

artifacts/wine/pinned.json           a pointer, as `current.json` is (`ptm.store.pointers`), with
                                     `since`, when it was pinned; replaced atomically
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ptm.store.lease import lease
from ptm.store.pointers import PINNED, Pointer, as_json, read_pointer, with_digest
from ptm.store.posix import Posix, named_errors
from ptm.store.reading import Publication, current, publication


def pin(name: str, root: Path) -> Publication:
    """Pins the current publication of a name, in place of the one that was pinned; it is held.

    Raises:
        ArtifactMissing: there is none of that name.
        ArtifactCorrupt: its manifest is damaged.
        StoreError: the store cannot be read or written.
    """
    held = current(name, root)  # as long as it is held it is not collected
    now: Pointer = {
        "publication": held.pointer["publication"],
        "manifest_sha256": held.pointer["manifest_sha256"],
        "made": held.pointer.get("made", ""),
        "since": datetime.now(UTC).isoformat(timespec="microseconds"),
    }
    with named_errors(root), lease(root / name) as number:
        backend = Posix(root / name, number)
        while not backend.swap(PINNED, as_json(with_digest(now)), backend.read(PINNED)):
            pass
    return held


def unpin(name: str, root: Path) -> str:
    """Lets the pinned publication of a name go, which then is as any other.

    Returns:
        Its folder; "" where none was pinned.

    Raises:
        StoreError: the store cannot be read or written.
    """
    shelf = root / name
    before = read_pointer(shelf / PINNED)
    if (shelf / PINNED).exists():
        with named_errors(root), lease(shelf) as number:
            backend = Posix(shelf, number)
            backend.remove(PINNED)
            backend.sync("")
    return before["publication"] if before else ""


def pinned(name: str, root: Path) -> Publication | None:
    """The publication of a name that is pinned, held; None where none is.

    Raises:
        ArtifactCorrupt: its manifest is damaged, or it is not there.
        StoreError: the store may not be read.
    """
    pointer = read_pointer(root / name / PINNED)
    return publication(root / name, pointer) if pointer else None


def pinned_of(name: str, root: Path) -> str:
    """The folder of the publication that is pinned of a name; "" where none is.

    Raises:
        StoreError: the store may not be read.
    """
    pointer = read_pointer(root / name / PINNED)
    return pointer["publication"] if pointer else ""
