"""Whether the packages that Python finds beside ptm are ptm's own.

`flows` and `tasks` are common names. Where the working folder comes first on Python's path
(`python -m`, notebooks, scripts), a user's own folder or file of such a name is found instead.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path


def expect_ours(*names: str) -> None:
    """Checks that packages are found beside ptm; none of them is imported.

    Raises:
        ImportError: another was found first; it says which, where ptm's own is, and what to do.
    """
    for name in names:
        ours = Path(__file__).parents[1] / name
        found = _place_of(name)
        if found is None or not found.exists() or not found.samefile(ours):
            raise ImportError(
                f"expected ptm's own package '{name}' ({ours}), got {found or 'none'}, which comes "
                "first on Python's path; rename it, or start Python with -P, as in "
                "`python -P -m ptm`"
            )


def _place_of(name: str) -> Path | None:
    """The folder of a package, or the file of a module."""
    spec = None if name in sys.modules else find_spec(name)
    where = sys.modules.get(name) if spec is None else spec
    folders = getattr(where, "submodule_search_locations", None) or getattr(where, "__path__", None)
    file = getattr(where, "origin", None) or getattr(where, "__file__", None)
    place = next(iter(folders or []), file)
    return Path(place) if place else None
