"""How often loaders have opened a split, beside the artifacts of its name.

opened.jsonl   a line for each opening: when (UTC), split, publication; lines are only added

A test split that is looked at again and again is one that is learned from. Nothing depends on it:
what cannot be noted (a store that is read-only, or full) is not counted.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

OPENED = "opened.jsonl"


class Openings(NamedTuple):
    """How often a split was opened.

    Attributes:
        times: by loaders, since the store has that name.
        last: when, UTC, ISO 8601.
    """

    times: int
    last: str


def note_opening(shelf: Path, publication: str, split: str) -> None:
    """Notes that a loader opened a split.

    Args:
        shelf: the folder of the name in the store.
        publication: that was opened.
        split: its name.
    """
    when = datetime.now(UTC).isoformat(timespec="seconds")
    line = json.dumps({"when": when, "split": split, "publication": publication})
    with suppress(OSError):
        descriptor = os.open(shelf / OPENED, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(descriptor, f"{line}\n".encode())  # one write: lines of others stay whole
        finally:
            os.close(descriptor)


def openings(shelf: Path) -> dict[str, Openings]:
    """How often each split was opened; nothing where that cannot be read."""
    try:
        lines = (shelf / OPENED).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found: dict[str, Openings] = {}
    for line in lines:
        with suppress(ValueError, TypeError, KeyError):
            said = json.loads(line)
            split, when = str(said["split"]), str(said["when"])
            count, last = found.get(split, (0, ""))
            found[split] = Openings(count + 1, max(last, when))
    return found
