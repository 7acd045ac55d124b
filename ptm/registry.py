"""Kinds by their names: those of ptm, those of installed packages, and files beside a catalog.

A kind is a module of functions, all but one of which may be left out:

Options                         a subclass of Source: what an entry of the kind may say
read(options, part) -> Block    what is in the files of a part; or, instead of it,
analyze(options, artifacts)     what the artifacts say that an entry is of, by name
views(artifact)                 tables and pictures of an artifact, each a View
NAMES_MATTER                    False where no row has the name of a file
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ptm.errors import CatalogError
from ptm.own_code import OwnCode, code_in, code_of_module
from ptm.source import Source

if TYPE_CHECKING:
    from ptm.model import Artifact, View

KINDS = {
    "images": "ptm.kinds.images",
    "volume": "ptm.kinds.volume",
    "table": "ptm.kinds.table",
    "timeseries": "ptm.kinds.timeseries",
    "text": "ptm.kinds.text",
    "audio": "ptm.kinds.audio",
    "threshold": "ptm.kinds.threshold",
    "fits": "ptm.kinds.fits",
}
GROUP = "ptm.kinds"  # of the entry points by which installed packages name theirs
_files_seen: dict[str, Kind] = {}  # the last of each name that a catalog had in this process


@dataclass(frozen=True)
class Kind:
    """A kind.

    Attributes:
        name: as entries of a catalog say it.
        module: of its code.
        own: its code, where that is not ptm's.
        travels: whether the code is a file beside a catalog, which other processes do not have.
    """

    name: str
    module: str
    own: OwnCode | None = None
    travels: bool = False

    @cached_property
    def code(self) -> ModuleType:
        """The module, loaded.

        Raises:
            CatalogError: it cannot be run, or is no kind.
        """
        module = self.own.load() if self.own and self.travels else import_module(self.module)
        if hasattr(module, "read") == hasattr(module, "analyze"):
            both = "both" if hasattr(module, "read") else "neither"
            raise CatalogError(
                f"kind '{self.name}': expected a function `read(options, part)`, or "
                f"`analyze(options, artifacts)`, got {both} ({self.module})"
            )
        return module

    @cached_property
    def options(self) -> type[Source]:
        """The class of its options."""
        options = getattr(self.code, "Options", Source)
        if not (isinstance(options, type) and issubclass(options, Source)):
            raise CatalogError(
                f"kind '{self.name}': expected `Options` to be a subclass of ptm.Source, "
                f"got {options!r} ({self.module})"
            )
        return options

    @property
    def analyzes(self) -> bool:
        """Whether it reads the artifacts of other entries, and no files."""
        return hasattr(self.code, "analyze")

    @property
    def names_matter(self) -> bool:
        """Whether the names of files decide the content, as where rows have them."""
        return bool(getattr(self.code, "NAMES_MATTER", True))

    @property
    def views(self) -> Callable[[Artifact], Iterator[View]] | None:
        """What it has to show of its artifacts, if anything."""
        found: Callable[[Artifact], Iterator[View]] | None = getattr(self.code, "views", None)
        return found

    @property
    def sources(self) -> Mapping[str, bytes]:
        """The sources of its code, by module, where that is not ptm's."""
        return self.own.sources if self.own else {}

    @property
    def identity(self) -> tuple[str, str]:
        """What tells its code from that of others."""
        return self.name, self.own.digest if self.own else ""

    def __reduce__(self) -> tuple[Any, ...]:
        return Kind, (self.name, self.module, self.own, self.travels)


def kind_named(name: str, files: Mapping[str, Path] | None = None) -> Kind:
    """A kind by its name.

    Args:
        name: as an entry says it.
        files: the Python files that a catalog names, by the names of their kinds.

    Raises:
        CatalogError: there is no such kind, or its code cannot be run.
    """
    if files and name in files:
        own = code_in(files[name])
        _files_seen[name] = Kind(name, own.module, own, travels=True)
        return _files_seen[name]
    if name in KINDS:
        return _built_in(name)
    installed = _installed()
    if name in installed:
        return Kind(name, installed[name], code_of_module(installed[name]))
    known = [*KINDS, *installed, *(files or ())]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    raise CatalogError(f"expected one of {', '.join(known)}, got {name!r}{hint}")


def kind_of(source: Source) -> Kind:
    """The kind of an entry.

    Raises:
        CatalogError: there is no such kind.
    """
    kind: Kind = source._kind or kind_named(source.kind)
    return kind


def known_kind(manifest: Mapping[str, Any]) -> Kind | None:
    """The kind that made an artifact; None where this process does not know its code."""
    name, labels = manifest["kind"], [code for code in manifest["code"] if " " in code]
    seen = _files_seen.get(name)
    if seen and any(label.partition(" ")[2].startswith(f"{seen.module}.") for label in labels):
        return seen
    try:
        kind = kind_named(name)
    except CatalogError:
        return None
    return kind if bool(kind.own) == bool(labels) else None


@cache
def _built_in(name: str) -> Kind:
    return Kind(name, KINDS[name])


@cache
def _installed() -> dict[str, str]:
    """The modules of the kinds that installed packages have, by the names of the kinds."""
    from importlib.metadata import entry_points

    return {entry.name: entry.value.partition(":")[0] for entry in entry_points(group=GROUP)}
