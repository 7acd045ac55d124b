"""Labels that stand in the names of pictures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from ptm.inspecting.folder import Seen
from ptm.inspecting.words import word_set

# the label, then signs and a number: "cat.001.jpg", "cat_12.png", "cat (1).jpg"
LABEL = re.compile(r"(?:^|/)([^/]*?[^/0-9 ._()-])[ ._(-]*[0-9][^/]*$")
PATTERNS = (r"^([A-Za-z]+)", r"^([A-Za-z_-]+?)[_-]?[0-9]", r"([A-Za-z]+)[^/]*$", LABEL.pattern)
CAMERAS = word_set(
    "img image images dsc dscn dscf photo photos foto pic picture bild frame frames scan page p "
    "pxl mvi gopr dji screenshot bildschirmfoto file sample slice tile patch crop untitled im i "
    "whatsapp_image img_e test train val n x a"
)
MOST, FEWEST = 100, 2  # classes; pictures of each


class Named(NamedTuple):
    """Labels in names.

    Attributes:
        pattern: a regular expression with the label in parentheses.
        told: what the labels are.
    """

    pattern: str
    told: str


def labels_in(files: Sequence[Seen], above: str) -> Named | None:
    """The labels that names of files below a folder begin with; None where they do not."""
    start = f"{above}/" if above else ""
    paths = [file.name.removeprefix(start) for file in files]
    found = [LABEL.search(file.file) for file in files]
    if not all(found):
        return None
    counts = Counter(match[1] for match in found if match)
    plain = {label.lower().strip(" _-.") for label in counts}
    few = 2 <= len(counts) <= min(MOST, len(files) // FEWEST)
    if not few or min(counts.values()) < FEWEST or plain & CAMERAS:
        return None
    if len({label.lower() for label in counts}) < len(counts):
        return None
    told = ", ".join(f"{label} {count:,}" for label, count in counts.most_common(4))
    more = ", …" if len(counts) > 4 else ""
    return Named(_simplest(paths), f"{len(counts):,} classes in the names: {told}{more}")


def _simplest(paths: Sequence[str]) -> str:
    """The plainest expression that finds the same labels in paths."""
    wanted = [match[1] for path in paths if (match := LABEL.search(path))]
    for pattern in PATTERNS:
        found = [match[1] for path in paths if (match := re.search(pattern, path))]
        if found == wanted:
            return pattern
    return LABEL.pattern


def counted_classes(files: Iterable[Seen], above: str, classes: Sequence[str]) -> str:
    """The folders of classes, with how many pictures are in each."""
    place = above.count("/") + 1 if above else 0
    counts = Counter(file.name.split("/")[place] for file in files)
    told = ", ".join(f"{name} {counts[name]:,}" for name in classes[:4])
    return f"{len(classes):,} classes: {told}{', …' if len(classes) > 4 else ''}"


def first(labels: Collection[str], most: int = 4) -> str:
    """The first of some labels."""
    return ", ".join(sorted(labels)[:most]) + (", …" if len(labels) > most else "")
