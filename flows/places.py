"""Where the `ptm` command looks for a catalog, and the words of the command that comes next."""

from __future__ import annotations

import shlex
from pathlib import Path

from ptm.errors import CatalogError

DATA = Path("data")  # the data root unless told otherwise
ARTIFACTS = Path("artifacts")  # the store, likewise
NAME = "catalog.toml"


def catalog_for(data: Path) -> Path:
    """The catalog where none is named: of the working folder, of its `data/`, of the data root.

    Raises:
        CatalogError: there is none of them; it says what was looked for, and what to do.
    """
    places = dict.fromkeys([Path(NAME), DATA / NAME, data / NAME])
    for place in places:
        if place.exists():
            return place
    raise CatalogError(
        f"expected a catalog at {' or '.join(map(str, places))}, got none; for the book's data: "
        f"`{command('data', 'pull', data=data)}`, or `ptm data sample` for generated data; for "
        "files of your own: --catalog FILE"
    )


def next_run(data: Path, catalog: Path) -> str:
    """The command that makes a data root's sources: with what its defaults do not find."""
    found = next((place for place in (Path(NAME), DATA / NAME) if place.exists()), None)
    if data == DATA and found == catalog:
        return "ptm run"
    return shlex.join(["ptm", "run", "--data", str(data), "--catalog", str(catalog)])


def command(*words: str, data: Path = DATA, artifacts: Path = ARTIFACTS) -> str:
    """A `ptm` command; data root and store are named where they are not those of the defaults."""
    root = [] if data == DATA else ["--data", str(data)]
    store = [] if artifacts == ARTIFACTS else ["--artifacts", str(artifacts)]
    return shlex.join(["ptm", *words, *root, *store])
