"""Kinds by their names: those of ptm, those of installed packages, and files beside a catalog.

A kind is a module of functions, all but one of which may be left out:

Options                         a subclass of Source: what an entry of the kind may say
read(options, part) -> Block    what is in the files of a part; or, instead of it,
analyze(options, artifacts)     what the artifacts say that an entry is of, by name; of their
                                manifests they have what says what they hold, as that is in the key
views(artifact)                 tables and pictures of an artifact, each a View
NAMES_MATTER                    False where no row has the name of a file; or, instead of it,
names_matter(options) -> bool   where the options say so
inspect(folder) -> Guess | None  what it sees in a folder, for `ptm init`; of several kinds that may
                                 take the same file the one with the least ASKED (0) is asked first
without_bad(options, block, left) -> Block             the samples that are marked, where the
                                                       others come to no split; else those of rows
                                                       and tensors

What is larger than an entry's `part_bytes` is cut into parts, which are read apart, and joined
along the first axis of each tensor. There these count, each of which may be left out:

TOGETHER                        True where all files have to be seen at once: one part, always
parts(options, files, target_bytes) -> list[Part]      else parts are of whole files; where the
                                                       options say what is `beside` them, that is
                                                       a fourth argument
measure(options, block) -> Stats                       of a part; else the moments of what its
                                                       `scaling` names
learn(options, stats, carried) -> Learned              from the stats of all parts; else the
                                                       scalers that `scaling` asks for
like(options, manifest, files) -> Options              of an entry that learns from another, whose
                                                       manifest this is; else as it is
relearn(options, learned, carried) -> Learned          what that one learned, for these samples;
                                                       else as it is
encode(options, block, learned) -> Block               a part as it is stored; else scaled
whole(options, learned, stats, carried) -> Block       tables, facts and notes of all parts; in
                                                       `carried` is what the block of each carried
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

from ptm.errors import CatalogError, PtmError
from ptm.own_code import OwnCode, code_in, code_of_module, plain
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
_seen: dict[str, dict[str, Kind]] = {}  # own code that was run here: by name and digest, last last


@dataclass(frozen=True)
class Kind:
    """A kind.

    Attributes:
        name: as entries of a catalog say it.
        module: of its code.
        own: its code, where that is not ptm's; it travels along, and is what runs.
    """

    name: str
    module: str
    own: OwnCode | None = None

    @cached_property
    def code(self) -> ModuleType:
        """The module, loaded.

        Raises:
            CatalogError: it cannot be run, or is no kind.
        """
        try:
            module = self.own.load() if self.own else import_module(self.module)
        except CatalogError as error:
            raise CatalogError(f"kind '{self.name}': {error}") from error
        if hasattr(module, "read") == hasattr(module, "analyze"):
            both = "both" if hasattr(module, "read") else "neither"
            raise CatalogError(
                f"kind '{self.name}': expected a function `read(options, part)`, or "
                f"`analyze(options, artifacts)`, got {both} ({self.module})"
            )
        if self.own:
            seen = _seen.setdefault(self.name, {})
            seen.pop(self.own.digest, None)
            seen[self.own.digest] = self
        return module

    @cached_property
    def options(self) -> type[Source]:
        """The class of its options."""
        options = getattr(self.code, "Options", Source)
        if not (isinstance(options, type) and issubclass(options, Source)):
            raise CatalogError(
                f"kind '{self.name}': expected `Options` to be a subclass of ptm.Source, "
                f"got {plain(repr(options))} ({self.module})"
            )
        return options

    @property
    def analyzes(self) -> bool:
        """Whether it reads the artifacts of other entries, and no files."""
        return hasattr(self.code, "analyze")

    @property
    def together(self) -> bool:
        """Whether it has to see all files at once."""
        return self.analyzes or bool(getattr(self.code, "TOGETHER", False))

    @property
    def is_cut(self) -> bool:
        """Whether its files are cut into parts without a word of its own."""
        return not self.together and not hasattr(self.code, "parts")

    def names_matter(self, options: Source) -> bool:
        """Whether the names of files decide the content, as where rows have them."""
        told = getattr(self.code, "names_matter", None)
        return bool(told(options) if told else getattr(self.code, "NAMES_MATTER", True))

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
        return Kind, (self.name, self.module, self.own)


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
        return Kind(name, own.module, own)
    if name in KINDS:
        return _built_in(name)
    installed = installed_kinds()
    if name in installed:
        try:
            return Kind(name, installed[name], code_of_module(installed[name]))
        except CatalogError as error:
            raise CatalogError(f"kind '{name}': {error}") from error
    known = [*KINDS, *installed, *(files or ())]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" (did you mean '{close[0]}'?)" if close else ""
    raise CatalogError(f"expected one of {', '.join(known)}, got {name!r}{hint}")


def kinds_that_inspect() -> list[Kind]:
    """The kinds that tell what they see in a folder, in the order in which they are asked.

    Those of installed packages come first: what they take is their own. Of those of ptm what tells
    more of a file comes before what takes any: hours before tables, tables before text.
    """
    known = [kind_named(name) for name in (*installed_kinds(), *KINDS)]
    asked = [kind for kind in known if hasattr(kind.code, "inspect")]
    return sorted(asked, key=lambda kind: getattr(kind.code, "ASKED", 0))


def kind_of(source: Source) -> Kind:
    """The kind of an entry.

    Raises:
        CatalogError: there is no such kind.
    """
    kind: Kind = source._kind or kind_named(source.kind)
    return kind


def known_kind(manifest: Mapping[str, Any]) -> Kind | None:
    """The kind that made an artifact; None where this process does not know its code.

    Of several of that name the one whose code made it, else the last one.
    """
    name = manifest["kind"]
    seen = [kind for kind in list(_seen.get(name, {}).values()) if _fits(kind, manifest)]
    if len(seen) > 1:
        seen.sort(key=lambda kind: _made(kind, manifest))  # it keeps the order of the others
    try:
        kind = seen[-1] if seen else kind_named(name)
    except CatalogError:
        return None
    return kind if _fits(kind, manifest) else None


def _fits(kind: Kind, manifest: Mapping[str, Any]) -> bool:
    """Whether an artifact was made by that kind, before or after edits of its code."""
    places = [label.partition(" ")[2] for label in manifest["code"] if " " in label]
    inside = any(f"{place}.".startswith(f"{kind.module}.") for place in places)
    return inside if kind.own else not places


def _made(kind: Kind, manifest: Mapping[str, Any]) -> bool:
    """Whether that very code made an artifact."""
    from ptm.key import code_of

    try:
        return bool(code_of(kind).digests == manifest["code"])
    except PtmError:
        return False


@cache
def _built_in(name: str) -> Kind:
    return Kind(name, KINDS[name])


@cache
def installed_kinds() -> dict[str, str]:
    """The modules of the kinds that other installed packages have, by the names of the kinds."""
    from importlib.metadata import entry_points

    return {entry.name: entry.value.partition(":")[0] for entry in entry_points(group=GROUP)}
