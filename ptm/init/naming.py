"""Names of entries, after the files and folders that they are of."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import replace

from ptm.inspecting.guess import LEARN_FROM, Entry, Line
from ptm.inspecting.words import ACCENTS

LONGEST = 60
RESERVED = frozenset({"catalog"})


def plain_name(text: str) -> str:
    """A name of a-z, 0-9, '_' and '-', after a text; "" where it has no such letters."""
    lowered = unicodedata.normalize("NFC", text).lower().translate(ACCENTS)
    ascii_only = unicodedata.normalize("NFKD", lowered).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9-]+", "_", ascii_only).strip("_-")[:LONGEST].rstrip("_-")


def named(entries: Sequence[Entry], taken: Collection[str] = ()) -> list[Entry]:
    """The entries, each with a name of its own.

    Args:
        entries: of one guess; what one learns from is named among them, that of its own folder
            first.
        taken: names of others.
    """
    used, names = {*taken, *RESERVED}, dict[tuple[str, str], str]()
    found = {}
    # what lies above has the plain name
    for place in sorted(range(len(entries)), key=lambda n: (entries[n].path.count("/"), n)):
        entry = entries[place]
        name = _free(entry, used)
        used.add(name)
        names.setdefault((_folder(entry), entry.name), name)
        names.setdefault(("", entry.name), name)
        found[place] = replace(entry, name=name)
    return [
        replace(entry, lines=tuple(_renamed(entry, names))) for _, entry in sorted(found.items())
    ]


def _free(entry: Entry, used: Collection[str]) -> str:
    """The first free name: that of the file, with those of its folders, with a number."""
    base = plain_name(entry.name) or entry.kind
    folders = [plain_name(part) for part in entry.path.split("/")[:-1]]
    tried = [base]
    for place in range(len(folders) - 1, -1, -1):
        tried.append("_".join([*filter(None, folders[place:]), base])[-LONGEST:].strip("_-"))
    tried.append(f"{base}_{entry.kind}")
    tried += [f"{base}_{number}" for number in range(2, len(used) + 3)]
    return next(name for name in tried if name and name not in used)


def _folder(entry: Entry) -> str:
    """The folder that the file or folder of an entry is in."""
    return entry.path.rpartition("/")[0]


def _renamed(entry: Entry, names: dict[tuple[str, str], str]) -> list[Line]:
    def renamed(line: Line) -> Line:
        asked = line.value
        name = names.get((_folder(entry), asked), names.get(("", asked), asked))
        return replace(line, value=name)

    return [renamed(line) if line.option == LEARN_FROM else line for line in entry.lines]
