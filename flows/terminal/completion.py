"""What the shell completes: names of sources and of artifacts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import typer

from flows.terminal.places import catalog_for


def sources(context: typer.Context, incomplete: str) -> list[str]:
    """Sources of the catalog that the command would read: the TOML only, nothing of it is run."""
    try:
        from ptm.catalog import entry_names

        data = context.params.get("data")
        catalog = Path(context.params.get("catalog") or catalog_for(data and Path(data)))
        return _fitting(entry_names(catalog), incomplete)
    except Exception:  # there is nobody to tell: what is printed here goes into the command line
        return []


def artifacts(context: typer.Context, incomplete: str) -> list[str]:
    """Artifacts of the store that the command would read."""
    try:
        from ptm import store

        return _fitting(store.names(Path(context.params["artifacts"])), incomplete)
    except Exception:
        return []


def _fitting(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
