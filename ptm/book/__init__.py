"""The book *Deep Learning with PyTorch*: which files its data has, and its sources.

Both files come with the package, so that `ptm data pull` and `ptm data sample` work in any folder.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ptm import download
from ptm.catalog import load_catalog
from ptm.command import command
from ptm.errors import CatalogError
from ptm.source import Source

REGISTRY = Path(__file__).with_name("registry.txt")  # a line "path sha256" for each data file
CATALOG = Path(__file__).with_name("catalog.toml")
ORIGIN = (
    "https://raw.githubusercontent.com/deep-learning-with-pytorch/dlwpt-code/"
    "d6c0210143daa133bbdeddaffc8993b1e17b5174/data"
)


def pull(
    data: Path, mirror: str | None = None, progress: download.Progress | None = None
) -> download.PullReport:
    """Fetches what a data root lacks of the book's files, as `ptm.download.pull`.

    Args:
        data: the data root.
        mirror: a folder or an http(s) address laid out like it; the book's repository when None.
        progress: see there.
    """
    advice = (
        f"run `{pull_command(data)}` again to go on, set PTM_DATA_MIRROR to a folder or an http(s) "
        "address laid out like data/, or make small stand-in data with `ptm data sample`"
    )
    return download.pull(data, REGISTRY, mirror or ORIGIN, progress, advice=advice)


def remedy(root: Path, path: str) -> str:
    """How to get a path below a data root that is not there; "" for what is none of the book's.

    Named by the entry point `ptm.data`, by which messages find it.
    """
    try:
        names = download.read_registry(REGISTRY)
    except CatalogError:
        return ""
    if not any(name == path or name.startswith(f"{path}/") for name in names):
        return ""
    return f"get the book's data with: {pull_command(root)}"


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


def entry(name: str) -> Source:
    """One entry of the book's catalog."""
    return load_catalog(CATALOG)[name]


def pull_command(data: Path) -> str:
    """The command that gets the book's data into a data root."""
    return command("data", "pull", data=data)
