"""Which files a folder has: hidden and stray ones left out, links to folders not followed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ptm.inspecting.folder import Folder, Seen
from ptm.names import is_stray
from ptm.readers.sniffing.family import EMPTY, OTHER, family

SKIPPED = ("__MACOSX", "__pycache__", "node_modules", "site-packages", "$RECYCLE.BIN")
SKIPPED_ENDS = (".egg-info", ".zarr")
MOST = 1_000_000  # files of a folder that is looked at
SAME = 200  # files of a suffix in a folder, by which the others are told


def walk(place: Path) -> tuple[Folder, dict[str, str]]:
    """The files of a folder, or a lone file; and what is left out, with the reason.

    Args:
        place: a folder, or a file: then its folder is looked at, and that file alone.

    Raises:
        OSError: the folder cannot be read.
    """
    if not place.is_dir():
        kind = family(place, place.stat().st_size)
        return _sorted(place.parent, [Seen(place.name, place.stat().st_size, kind)], {})
    found, left_out = list[Seen](), dict[str, str]()
    known: dict[tuple[str, str], list[str]] = {}
    for name, size in _files(place, left_out):
        folder, _, file = name.rpartition("/")
        suffix = os.path.splitext(file)[1].lower()  # noqa: PTH122 - of a million names
        same = known.setdefault((folder, suffix), [])
        if len(same) >= SAME and len(set(same)) == 1 and size:
            kind = same[0]
        else:
            try:
                kind = family(place / name, size)
            except OSError as error:
                left_out[name] = f"cannot be read: {error.strerror}"
                continue
            same.append(kind)
        found.append(Seen(name, size, kind))
    return _sorted(place, found, left_out)


def _sorted(
    root: Path, found: list[Seen], left_out: dict[str, str]
) -> tuple[Folder, dict[str, str]]:
    kept = []
    for file in sorted(found):
        if file.family == EMPTY:
            left_out[file.name] = "an empty file"
        elif file.family.startswith(OTHER):
            left_out[file.name] = file.family.removeprefix(OTHER)
        else:
            kept.append(file)
    there = {file.name for file in found} - {file.name for file in kept}
    return Folder(root, tuple(kept), frozenset(there)), left_out


def _files(root: Path, left_out: dict[str, str]) -> Iterator[tuple[str, int]]:
    """Files below a folder with their sizes."""
    waiting, count = [""], 0
    while waiting:
        above = waiting.pop()
        try:
            entries = sorted(os.scandir(root / above), key=lambda entry: entry.name)
        except OSError as error:
            if not above:
                raise
            left_out[above] = f"cannot be read: {error.strerror}"
            continue
        if above and _is_store(entries):
            left_out[above] = "a store of artifacts"
            continue
        for entry in entries:
            name = f"{above}/{entry.name}" if above else entry.name
            if _is_skipped(entry.name):
                continue
            why = _odd(entry, name)
            if why:
                left_out[name.encode("utf-8", "replace").decode()] = why
            elif entry.is_dir():
                waiting.append(name)
            else:
                count += 1
                if count > MOST:
                    left_out["…"] = f"more than {MOST:,} files"
                    return
                yield name, entry.stat().st_size


def _is_skipped(name: str) -> bool:
    """Whether a file or folder is hidden, or one that systems and programs leave."""
    return name[0] == "." or is_stray(name) or name in SKIPPED or name.endswith(SKIPPED_ENDS)


def _odd(entry: os.DirEntry[str], name: str) -> str:
    """What keeps an entry from being a folder or file to look at; "" for nothing."""
    try:
        name.encode()
        if entry.is_dir():
            return "a link to a folder, which is not followed" if entry.is_symlink() else ""
        if entry.is_file():
            return ""
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "a link to nothing" if entry.is_symlink() else "a pipe or a device, no file"


def _is_store(entries: list[os.DirEntry[str]]) -> bool:
    """Whether a folder is a store, or has the artifacts of one name."""
    names = {entry.name for entry in entries}
    return {"current.json", "parts"} <= names or {"current.json", "keys"} <= names
