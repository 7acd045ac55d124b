"""Where the `ptm` command looks for a catalog, and the words of the command that comes next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ptm.command import DATA, command
from ptm.errors import CatalogError

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


def same_run(options: Mapping[str, Any], runner: str) -> str:
    """The command of a run: what was asked for, by the names and paths that were given.

    Args:
        options: of the pipeline.
        runner: where its tasks run.
    """
    data, catalog = Path(options["data"]), Path(options["catalog"])
    found = None
    with suppress(CatalogError):
        found = catalog_for(data)
    where = [] if runner == "threads" else ["--runner", runner]
    return command(
        *("run", *(options["sources"] or ()), *where),
        data=data,
        catalog=None if catalog == found else catalog,
        artifacts=Path(options["artifacts"]),
    )
