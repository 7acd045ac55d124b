"""Patterns that match some files of a folder and no others."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

from ptm.inspecting.folder import Folder

SPECIAL = "*?["


def pattern_of(folder: Folder, above: str, names: Collection[str], usual: str = "*") -> str | None:
    """A pattern that matches some files below a folder, and no others; None where there is none.

    Args:
        folder: what is looked at.
        above: the folder of an entry, below that; "" for itself.
        names: of the files, all of them below `above`.
        usual: the one of a kind where none is said.
    """
    start = f"{above}/" if above else ""
    wanted = {name.removeprefix(start) for name in names}
    others = [
        name.removeprefix(start)
        for name in folder.names()
        if name.startswith(start) and name.removeprefix(start) not in wanted
    ]
    tried = [usual, *_patterns(wanted)]
    return next((one for one in tried if _is_exact(one, wanted, others)), None)


def matcher(pattern: str) -> re.Pattern[str]:
    """What matches the paths below a source that a pattern does, as `ptm.listing` walks."""
    parts = pattern.split("/")
    text = "".join(
        "(?:[^/]+/)*" if part == "**" and parts[n + 1 :] else _one(part) + "/"[: len(parts) - n - 1]
        for n, part in enumerate(parts)
    )
    return re.compile(text, re.IGNORECASE)


def _one(part: str) -> str:
    """The expression of one part of a pattern."""
    found, place = "", 0
    while place < len(part):
        letter = part[place]
        end = part.find("]", place + 2) if letter == "[" else -1
        if letter == "*":
            found += "[^/]*"
        elif letter == "?":
            found += "[^/]"
        elif end > 0:
            inside = part[place + 1 : end].replace("\\", r"\\")
            found += f"[{'^' + inside[1:] if inside[0] == '!' else inside}]"
            place = end
        else:
            found += re.escape(letter)
        place += 1
    return found


def _is_exact(pattern: str, wanted: Collection[str], others: Collection[str]) -> bool:
    fits = matcher(pattern).fullmatch
    return all(map(fits, wanted)) and not any(map(fits, others))


def _patterns(names: Collection[str]) -> Iterator[str]:
    """Patterns that may match files, the plain ones first."""
    folders = sorted({name.rpartition("/")[0] for name in names})
    files = [name.rpartition("/")[2] for name in names]
    depths = {folder.count("/") + 1 if folder else 0 for folder in folders}
    if depths == {0}:
        starts = [""]
    else:
        first = folders[0].split("/")[0]
        inside = all(f"{folder}/".startswith(f"{first}/") for folder in folders)
        starts = [
            *([f"{literal(folders[0])}/"] if len(folders) == 1 else []),
            "**/",
            *(["*/" * max(depths)] if len(depths) == 1 else []),
            *([f"{literal(first)}/**/"] if inside and first else []),
        ]
    for ending in dict.fromkeys(["*", *_endings(files), *_around(files)]):
        for start in starts:
            yield f"{start}{ending}"


def _endings(files: Collection[str]) -> Iterator[str]:
    """By the suffixes of files."""
    suffixes = sorted({PurePosixPath(name).suffix.lower() for name in files})
    if "" in suffixes:
        return
    if len(suffixes) == 1:
        yield f"*{literal(suffixes[0])}"
        return
    letters = [sorted({one[n] for one in suffixes}) for n in range(min(map(len, suffixes)))]
    if len({len(suffix) for suffix in suffixes}) == 1:
        yield "*" + "".join(map(_one_of, letters))
    yield f"*.{_one_of(letters[1])}*{_one_of(sorted({one[-1] for one in suffixes}))}"
    yield f"*.{_one_of(letters[1])}*"


def _around(files: Collection[str]) -> Iterator[str]:
    """By what all names begin and end with."""
    start = common_start(files)
    end = common_start([name[::-1] for name in files])[::-1]
    if start and len(start) + len(end) <= min(map(len, files)):
        yield f"{literal(start)}*{literal(end)}"
    if end:
        yield f"*{literal(end)}"


def common_start(texts: Collection[str]) -> str:
    """What all texts begin with."""
    first, last = min(texts), max(texts)
    same = (n for n, letter in enumerate(first) if last[n : n + 1] != letter)
    return first[: next(same, len(first))]


def _one_of(letters: Collection[str]) -> str:
    return literal(*letters) if len(letters) == 1 else f"[{''.join(letters)}]"


def literal(text: str) -> str:
    """A text as a part of a pattern that matches it alone."""
    return "".join(f"[{letter}]" if letter in SPECIAL else letter for letter in text)
