"""The book *Deep Learning with PyTorch*: which files its data has, and its sources.

Both files come with the package, so that `ptm data pull` and `ptm data sample` work in any folder.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ptm.command import command

REGISTRY = Path(__file__).with_name("registry.txt")  # a line "path sha256" for each data file
CATALOG = Path(__file__).with_name("catalog.toml")


def catalog_of(data: Path) -> Path:
    """The catalog of a data root with the book's files: its own, written there if it has none.

    One that is there is left as it is. Where the root cannot be written to, it is the one of this
    package.
    """
    place = data / CATALOG.name
    if place.is_symlink() or place.exists():
        return place
    try:
        with tempfile.TemporaryDirectory(prefix=".pull-", dir=data) as staging:
            whole = Path(staging, CATALOG.name)
            whole.write_bytes(CATALOG.read_bytes())
            whole.rename(place)
    except OSError:
        return CATALOG
    return place


def pull_command(data: Path) -> str:
    """The command that gets the book's data into a data root."""
    return command("data", "pull", data=data)
