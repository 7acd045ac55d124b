"""The words of a `ptm` command, so that what a message says to do works where it is read."""

from __future__ import annotations

import shlex
from pathlib import Path

DATA = Path("data")  # the data root unless told otherwise
ARTIFACTS = Path("artifacts")  # the store, likewise
KEEP = 3  # publications of each name that a collection leaves, likewise


def command(
    *words: str, data: Path = DATA, catalog: Path | None = None, artifacts: Path = ARTIFACTS
) -> str:
    """A `ptm` command; places are named where they are not those of the defaults.

    Args:
        words: behind `ptm`.
        data: the data root.
        catalog: its file; None where the command finds it without being told.
        artifacts: the store.
    """
    root = [] if data == DATA else ["--data", str(data)]
    sources = [] if catalog is None else ["--catalog", str(catalog)]
    store = [] if artifacts == ARTIFACTS else ["--artifacts", str(artifacts)]
    return shlex.join(["ptm", *words, *root, *sources, *store])
