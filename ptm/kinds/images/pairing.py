"""Which file belongs to an image by its name: its mask, or the other picture of a pair."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from glob import escape
from posixpath import normpath
from typing import NamedTuple

STEM, FOLDER = "{stem}", "{folder}"
PLACES = re.compile(r"\{[^{}]*\}")


def problem_of(template: str) -> str:
    """What a template should be and is not; "" where it is one."""
    segments = template.split("/")
    is_above = FOLDER not in template and normpath(template).split("/")[0] == ".."
    is_below = template.strip("/") and template[0] != "/" and not is_above
    if not is_below or "\\" in template or "\0" in template:
        return "a path below the source, as 'masks/{stem}.png'"
    known = {STEM, FOLDER}
    unknown = [one for one in PLACES.findall(template) if one not in known]
    braces = "{" in PLACES.sub("", template) or "}" in PLACES.sub("", template)
    if unknown or braces:
        return "no braces but those of {stem} and {folder}"
    if any(FOLDER in one and one != FOLDER for one in segments):
        return "{folder} as a folder by itself, as 'masks/{folder}/{stem}.png'"
    if (PLACES.search(template) is not None) != (STEM in segments[-1]):
        return "{stem} in the name of the file, as 'masks/{stem}.png'"
    return ""


def pattern_of(template: str) -> str:
    """The pattern of all files that a template may name."""
    if STEM not in template:
        return f"**/{escape(template.strip('/'))}/**/*"
    *folders, name = template.split("/")
    parts: list[str] = []
    for folder in folders:
        if folder == FOLDER:
            parts.append("**")
        elif folder == ".." and parts:
            parts = parts if parts[-1] == "**" else parts[:-1]
        elif folder not in ("", "."):
            parts.append(escape(folder))
    suffix = "" if _has_suffix(name) else ".*"
    return "/".join([*parts, "*".join(map(escape, name.split(STEM))) + suffix])


def _has_suffix(name: str) -> bool:
    """Whether the last part of a template has one: else any will do."""
    return "." in name.rpartition(STEM)[2]


def split_suffix(path: str) -> tuple[str, str]:
    """A path without its suffix, and that, in lower case."""
    folder, slash, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    return (f"{folder}{slash}{stem}", f".{suffix.lower()}") if dot and stem else (path, "")


class Partners(NamedTuple):
    """Files that may belong to images.

    Attributes:
        template: by which they are found.
        known: their names, by path without suffix.
    """

    template: str
    known: dict[str, list[str]]

    @classmethod
    def of(cls, template: str, names: Collection[str]) -> Partners:
        """Those of some names."""
        known: dict[str, list[str]] = {}
        for name in names:
            known.setdefault(split_suffix(name)[0], []).append(name)
        return cls(template, known)

    def of_image(self, name: str) -> list[str]:
        """The files that belong to an image: one, if all is well."""
        if STEM not in self.template:
            places = _in_folders(self.template.strip("/"), split_suffix(name)[0])
            return [one for place in places for one in self.known.get(place, ())]
        folder, _, file = name.rpartition("/")
        path = self.template.replace(FOLDER, folder).replace(STEM, split_suffix(file)[0])
        path = normpath(path).lstrip("/")
        if not _has_suffix(self.template.rpartition("/")[2]):
            return list(self.known.get(path, ()))
        stem, suffix = split_suffix(path)
        found = self.known.get(stem, ())
        exact = [one for one in found if one == path]
        return exact or [one for one in found if split_suffix(one)[1] == suffix]


def _in_folders(folder: str, stem: str) -> Iterator[str]:
    """Where a file of the same name may stand in a folder of that name: in it, or in folders in it
    that are called as those of the image, wherever beside or above the image it is.
    """
    *above, name = stem.split("/")
    for depth in range(len(above), -1, -1):
        for start in range(depth, len(above) + 1):
            yield "/".join([*above[:depth], folder, *above[start:], name])
