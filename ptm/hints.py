"""What there is where something was not found: the ends of error messages.

Nothing here looks at more than `MOST` entries of a folder, however many it has.
"""

from __future__ import annotations

import difflib
import os
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from importlib.metadata import entry_points
from itertools import islice
from pathlib import Path, PurePosixPath

from ptm.names import is_stray

GROUP = "ptm.data"  # of the entry points by which packages tell how to get their data
MOST = 5000  # entries of a folder that are looked at
NAMED = 5  # names in one message
LETTERS = 160  # of all of them
LISTED = 20  # names of sources or artifacts
EXTENSIONS = 5


def not_there(root: Path, path: str) -> str:
    """What is in place of a file or folder that a data root should have.

    Args:
        root: the data root.
        path: below it, with forward slashes; nothing is there, or a link that leads nowhere.
    """
    if not root.is_dir():
        return f"nothing: the data root is not there{_remedy(root, path)}"
    folder, above = root, ""
    for part in PurePosixPath(path).parts:
        place, name = folder / part, f"{above}/{part}".lstrip("/")
        if place.is_symlink() and not place.exists():
            return f"a link {link_text(place)}, where nothing is"
        if not place.exists():
            remedy = _remedy(root, path)
            return (
                f"nothing{remedy}" if remedy else f"nothing: {_without(folder, above, part, path)}"
            )
        if not place.is_dir():
            what = "a file, no folder" if place.is_file() else "a pipe or a device, no file"
            return f"nothing: '{name}' is {what}"
        folder, above = place, name
    return "nothing"


def unmatched(folder: Path) -> str:
    """What a folder has where no file matches a pattern."""
    entries = _scan(folder)
    seen = [entry for entry in entries if not _is_hidden(entry.name)]
    suffixes = Counter(PurePosixPath(entry.name).suffix for entry in seen if entry.is_file())
    kinds = [f"{suffix or 'no extension'} {count}" for suffix, count in suffixes.most_common()]
    there = kinds[:EXTENSIONS]
    if len(kinds) > EXTENSIONS:
        there.append(f"{len(kinds) - EXTENSIONS} other extensions")
    folders = sum(entry.is_dir() for entry in seen)
    if folders:
        there.append(_count(folders, "folder"))
    dangling = [entry.name for entry in seen if entry.is_symlink() and not Path(entry).exists()]
    if dangling:
        link = folder / min(dangling)
        there.append(f"{_count(len(dangling), 'link')} to nothing (as {link_text(link)})")
    if len(seen) < len(entries):
        there.append(f"{len(entries) - len(seen)} hidden")
    least = "at least " if len(entries) == MOST else ""
    return f"none: {least}{', '.join(there)}" if there else "none: the folder is empty"


def in_folder(folder: Path, word: str = "") -> str:
    """How many entries a folder has, and the names that are nearest to a word."""
    found = [entry.name for entry in _scan(folder)]
    names = sorted(name for name in found if _is_hidden(name) <= word.startswith("."))
    if not names:
        return "is empty" if not found else "has hidden entries only"
    count = f"{'at least ' if len(found) == MOST else ''}{_count(len(names), 'entry', 'entries')}"
    near = difflib.get_close_matches(word, names, n=NAMED, cutoff=0.5)
    if len(names) <= NAMED:
        return f"has {count}: {_quoted(names)}"
    return f"has {count}, {'the nearest' if near else 'among them'}: {_quoted(near or names)}"


def no_root(root: Path, paths: Collection[str]) -> str:
    """That a data root is no folder, said once for all sources: what is there instead.

    Args:
        root: it.
        paths: those of the sources below it; without any, no root is needed.

    Returns:
        A sentence; "" where the root is there, or not needed.
    """
    if root.is_dir() or not paths:
        return ""
    remedy = next(filter(None, (_remedy(root, path) for path in paths)), "")
    return f"expected a folder of data, got {_no_folder(root)}{remedy}"


def link_text(place: Path) -> str:
    """A symbolic link by its name, and where it leads."""
    return f"'{place.name}' to '{place.readlink()}'"


def no_store(root: Path) -> str:
    """That a store is not there, and which stores are beside it; "" where it is there."""
    if root.is_dir():
        return ""
    beside = sorted(root.parent / entry.name for entry in _scan(root.parent) if entry.is_dir())
    stores = map(str, islice(filter(_is_store, beside[:LISTED]), NAMED))
    there = ", ".join(stores)
    what = "that is a file" if root.exists() else "there is no such folder"
    return f"{what}{f'; stores beside it: {there}' if there else ''}"


def catalogs(place: Path) -> str:
    """The TOML files beside a catalog that is not there, in the working folder and its data/."""
    found: dict[Path, Path] = {}
    for folder in (place if place.is_dir() else place.parent, Path(), Path("data")):
        for name in sorted(entry.name for entry in _scan(folder)):
            if name.endswith(".toml") and name != "pyproject.toml":
                found.setdefault((folder / name).resolve(), folder / name)
    return f" (there is: {', '.join(map(str, islice(found.values(), NAMED)))})" if found else ""


def listed(word: str, names: Sequence[str]) -> str:
    """Names, the nearest to a word where they are many, then how many more there are."""
    near = names
    if len(names) > LISTED:
        near = difflib.get_close_matches(word, names, n=LISTED, cutoff=0.0)
    more = f" and {len(names) - len(near)} more" if len(near) < len(names) else ""
    return f"{', '.join(near)}{more}"


def _without(folder: Path, above: str, part: str, path: str) -> str:
    """What a folder of the data root has in place of one part of a path."""
    here = f"'{above}'" if above else "the data root"
    for other in sorted(entry.name for entry in _scan(folder)):
        if other.casefold() == part.casefold():
            return f"{here} has '{other}', which differs in upper and lower case"
        if _composed(other).casefold() == _composed(part).casefold():
            return f"{here} has '{other}', which differs in how accents are encoded"
    name = f"{above}/{part}".lstrip("/")
    if name == path:
        return f"{here} {in_folder(folder, part)}"
    start = f"{here} is there, " if above else ""
    return f"{start}'{name}' is not; {here} {in_folder(folder, part)}"


def _remedy(root: Path, path: str) -> str:
    """How to get a path, if some package knows; in brackets, with a space before."""
    for entry in entry_points(group=GROUP):
        with suppress(Exception):  # it only adds to a message
            if found := entry.load()(root, path):
                return f" ({found})"
    return ""


def _no_folder(place: Path) -> str:
    """What is in place of a folder anywhere."""
    if place.exists():
        return f"a file at {place}"
    if place.is_symlink():
        return f"a link {link_text(place)}, where nothing is"
    above, name = place.parent, place.name
    if not above.is_dir():
        return f"nothing at {place}"
    return f"nothing at {place}: {above if above.name else 'this folder'} {in_folder(above, name)}"


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    """Entries of a folder; none where it cannot be read."""
    with suppress(OSError), os.scandir(folder) as entries:
        return list(islice(entries, MOST))
    return []


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or is_stray(name)


def _is_store(folder: Path) -> bool:
    return any(Path(entry, "current.json").is_file() for entry in _scan(folder)[:LISTED])


def _quoted(names: Iterable[str]) -> str:
    text = ""
    for name in islice(names, NAMED):
        if text and len(text) + len(name) > LETTERS:
            break
        text += f", '{name}'" if text else f"'{name}'"
    return text


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _count(number: int, one: str, more: str = "") -> str:
    return f"{number} {one if number == 1 else more or one + 's'}"
