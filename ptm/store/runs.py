"""How the last run ended for each name: `runs.json` in the store, so that `explain` can tell."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from ptm.store import disk
from ptm.store.lease import lease, sweep
from ptm.store.pointers import as_json

RUNS = "runs.json"


def record_run(root: Path, ends: dict[str, dict[str, Any]]) -> None:
    """Notes how a run ended, by name, over what was noted before.

    What cannot be noted (a store that is read-only, or full) is no error: nothing depends on it.

    Args:
        root: the store.
        ends: for each name `when` (UTC), `state` ("made", "cached", "found" where an artifact of
            before is current again, "failed" or "skipped") and `message`.
    """
    with suppress(OSError):
        if not root.is_dir():
            disk.make_folders(root)
        sweep(root)
        with lease(root) as number:
            staged = root / f".runs-{number}"
            with disk.create(staged) as file:
                disk.write(file, as_json(recorded_runs(root) | ends))
            disk.replace(staged, root / RUNS)


def recorded_runs(root: Path) -> dict[str, dict[str, Any]]:
    """What `record_run` noted; nothing where that cannot be read."""
    try:
        noted = json.loads((root / RUNS).read_bytes())
        return {
            name: {"message": "", **end}
            for name, end in noted.items()
            if all(isinstance(end.get(entry, ""), str) for entry in ("when", "state", "message"))
            and end["when"]
            and end["state"]
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}
