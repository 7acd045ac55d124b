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


def catalog_for(data: Path | None) -> Path:
    """The catalog where none is named: of the working folder, of its `data/`, of the data root.

    Args:
        data: the data root, where one is named.

    Raises:
        CatalogError: there is none of them; it says what was looked for, and what to do.
    """
    root = DATA if data is None else data
    places = dict.fromkeys([Path(NAME), DATA / NAME, root / NAME])
    for place in places:
        if place.exists():
            return place
    raise CatalogError(
        f"expected a catalog at {' or '.join(map(str, places))}, got none; for the book's data: "
        f"`{command('data', 'pull', data=root)}`, or `ptm data sample` for generated data; for "
        "files of your own: `ptm init FOLDER`, or --catalog FILE"
    )


def next_run(data: Path, catalog: Path) -> str:
    """The command that makes a data root's sources: with what its defaults do not find."""
    found = next((place for place in (Path(NAME), DATA / NAME) if place.exists()), None)
    if data == DATA and found == catalog:
        return "ptm run"
    return shlex.join(["ptm", "run", "--data", str(data), "--catalog", str(catalog)])


def next_of(catalog: Path) -> str:
    """The command that makes the entries of a catalog that says where its data are."""
    with suppress(CatalogError):
        if catalog_for(None).resolve() == catalog.resolve():
            return "ptm run"
    return shlex.join(["ptm", "run", "--catalog", str(catalog)])


def same_run(options: Mapping[str, Any], runner: str) -> str:
    """The command of a run: what was asked for, by the names and paths that were given.

    Args:
        options: of the pipeline.
        runner: where its tasks run.
    """
    from ptm.catalog import data_root

    data, catalog = Path(options["data"]), Path(options["catalog"])
    is_own = data == data_root(catalog)
    found = None
    with suppress(CatalogError):
        found = catalog_for(None if is_own else data)
    where = [] if runner == "threads" else ["--runner", runner]
    return command(
        *("run", *(options["sources"] or ()), *where),
        data=DATA if is_own else data,
        catalog=None if catalog == found else catalog,
        artifacts=Path(options["artifacts"]),
    )
