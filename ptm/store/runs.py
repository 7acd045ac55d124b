"""How the last run ended for each name, so that `explain` can tell.

runs.d/NUMBER-ID.json   what one run noted; of each name that with the highest number counts

Each run writes a file of its own and changes none of others: nothing that was noted is lost, and
nobody needs a lock or waits. What is noted anew in later files goes with the next run.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ptm.store import disk
from ptm.store.lease import lease, sweep
from ptm.store.pointers import as_json

RUNS = "runs.d"  # with a dot: no source can have that name
NOTE = re.compile(r"[0-9]{9}-[0-9a-f]{12}\.json")
TRIES = 100  # to read, while others write
ENTRIES = ("when", "state", "message")


def record_run(root: Path, ends: dict[str, dict[str, Any]]) -> None:
    """Notes how a run ended, by name, over what was noted before.

    What cannot be noted (a store that is read-only, or full) is no error: nothing depends on it.

    Args:
        root: the store.
        ends: for each name `when` (UTC), `state` ("made", "cached", "found" where an artifact of
            before is current again, "failed" or "skipped") and `message`.
    """
    folder = root / RUNS
    with suppress(OSError):
        if not root.is_dir():
            disk.make_folders(root)
        with suppress(FileExistsError):
            disk.make_folder(folder)
        with suppress(OSError):  # leftovers do no harm
            sweep(folder)
        with lease(folder) as identity:
            staged = folder / f".run-{identity}"
            with disk.create(staged) as file:
                disk.write(file, as_json(ends))
            latest = max(_notes(folder), default="0")
            number = int(latest.partition("-")[0]) + 1
            disk.replace(staged, folder / f"{number:09}-{identity}.json")
        _forget(folder)


def recorded_runs(root: Path) -> dict[str, dict[str, Any]]:
    """What `record_run` noted; nothing where that cannot be read."""
    folder = root / RUNS
    for _ in range(TRIES):
        try:
            return {name: end for note in _notes(folder) for name, end in _read(folder / note)}
        except FileNotFoundError:
            continue  # it was noted anew since they were listed
        except OSError:
            break
    return {}


def _notes(folder: Path) -> list[str]:
    """The files, the latest last."""
    try:
        return sorted(name for name in os.listdir(folder) if NOTE.fullmatch(name))
    except OSError:
        return []


def _read(place: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """What one run noted, by name; nothing where it is garbage."""
    try:
        noted = json.loads(place.read_bytes())
    except (ValueError, RecursionError):
        return
    for name, end in noted.items() if isinstance(noted, dict) else ():
        if isinstance(end, dict):
            end = {"message": "", **end}
            texts = all(isinstance(end.get(entry), str) for entry in ENTRIES)
            if texts and end["when"] and end["state"]:
                yield name, end


def _forget(folder: Path) -> None:
    """Takes away the files of which all is noted anew; the latest of a name always stays."""
    later: set[str] = set()
    for note in reversed(_notes(folder)):
        with suppress(OSError):  # another run was faster, or it may not be read
            names = {name for name, _ in _read(folder / note)}
            if names <= later:
                disk.remove(folder / note)
            later |= names
