"""The key: a digest of everything that decides the content of an artifact.

That is the bytes of the inputs, the options, the code and the versions of the packages that it
imports. The code is that of the kind and of every module that it imports, in turn, and that is no
installed package; but for what is there only to draw. Names of folders, times and comments decide
nothing, so they are not in it.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm import HOME
from ptm.errors import CatalogError, PtmError
from ptm.syntax import Import, Statement, deciding, statements

if TYPE_CHECKING:
    from ptm.registry import Kind

PACKAGE = Path(__file__).parent
STARTED = time.time_ns()
BESIDE = ("views", "inspect")  # functions of a kind that decide no content
# what decides it, whatever uses them
CALLED = (
    *("parts", "read", "measure", "learn", "encode", "whole", "analyze"),
    *("like", "relearn", "without_bad"),
    *("Options", "NAMES_MATTER", "names_matter", "TOGETHER"),
)
SCALING = "ptm.scaling"
DEFAULTS = "ptm.defaults"  # scales what a kind says how to scale
# assign samples to splits, and look at what crosses
SPLITS = ("ptm.assigning", "ptm.leaks.certificate", "ptm.leaks.near")
EXPECTED = "ptm.expect"  # says what is not as expected
MEASURING = ("ptm.profiling", "ptm.described")  # profiles of columns and channels
CUTTING = "ptm.parts"  # cuts the files of kinds that do not do it themselves
ALWAYS = ("numpy", "pyarrow", "torch")  # they write every artifact
ON_ARTIFACTS = ("pandas",)  # in whose frames an analysis gets the tables
DISTRIBUTIONS = {"PIL": "pillow"}  # the others' names are asked for, which takes its time
# they word errors, check options, which stand in the key themselves, hand values on, count threads,
# do to values that come later what was done to samples
NEUTRAL = (
    *("ptm.errors", "ptm.source", "ptm.demands", "ptm.model", "ptm.budget", "ptm.given"),
    *("pydantic", "sqlalchemy"),
)
WITHIN_NEUTRAL = tuple(f"{one}." for one in NEUTRAL)
_codes: dict[object, Code] = {}
_modules: dict[tuple[Path, tuple[str, ...]], _Module] = {}


@dataclass(frozen=True)
class Code:
    """The code that decides a content.

    Attributes:
        digests: of the syntax trees of each module, by its name; of code that is not ptm's of each
            definition, by what and where it is: "function pets.read".
        packages: names of the distributions that it imports, sorted.
        unresolved: imports whose module only shows when they run, each with its place. Where there
            are any, `digests` has every module: none is left out.
    """

    digests: dict[str, str]
    packages: tuple[str, ...]
    unresolved: tuple[str, ...]


class _Links(NamedTuple):
    """What a module imports: modules, distributions, and what only shows when it runs."""

    modules: tuple[str, ...]
    packages: frozenset[str]
    unresolved: tuple[str, ...]


@dataclass
class _Module:
    source: str  # digest of its bytes, and of what reads them
    found: list[Statement]
    deciding: list[Statement]  # those that a content depends on
    links: _Links | None = None


def make_key(components: dict[str, Any]) -> str:
    """Digest of JSON values, hex. The order of a list counts in it, that of a table does not."""
    text = json.dumps(
        components, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).hexdigest()


def code_of(
    kind: Kind,
    memo: Callable[[], dict[str, Any]] = dict,
    splits: bool = False,
    expects: bool = False,
) -> Code:
    """The code that decides what a kind makes.

    Args:
        kind: of `ptm.registry`.
        splits: whether its samples come to splits.
        expects: whether something is expected of them.
        memo: gives what was found before, by digest of the source; it is brought up to date.

    Raises:
        PtmError: a module was edited after it was loaded, so that the file is not what runs.
    """
    more = (*(SPLITS if splits else ()), *((EXPECTED,) if expects else ()))
    which = (*kind.identity, more)
    code = _codes.get(which) or _find(kind, memo(), more)
    _codes[which] = code
    return code


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Installed version of each distribution, and of Python."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"python": python} | {name: version_of(name) for name in sorted(names)}


@cache
def version_of(distribution: str) -> str:
    """The version of a distribution that is installed."""
    return version(distribution)


@cache
def distribution_of(package: str) -> str:
    """The distribution that has a package, as imports name it; "" for what none has."""
    if package in sys.stdlib_module_names or package in NEUTRAL:
        return ""
    name = DISTRIBUTIONS.get(package, package)
    try:
        version_of(name)
    except PackageNotFoundError:
        return next(iter(packages_distributions().get(package, [])), "")
    return name


def _find(kind: Kind, memo: dict[str, Any], more: tuple[str, ...]) -> Code:
    walk = _Walk(kind, memo)
    walk.go(filter(walk.is_module, walk.with_parents(kind.module)))
    walk.go([*MEASURING, *more])
    if kind.is_cut:
        walk.go([CUTTING])
    if SCALING in walk.looked_at:
        walk.go([DEFAULTS])
    unresolved = tuple(walk.unresolved)  # that is told, and not what all the other code has
    if unresolved:
        walk.go(walk.all_modules())
    used = {one.source: [s.to_json() for s in one.found] for one in walk.looked_at.values()}
    for source in memo.keys() - used.keys():
        del memo[source]
    memo.update({source: used[source] for source in used.keys() - memo.keys()})
    packages = {*ALWAYS, *(ON_ARTIFACTS if kind.analyzes else ()), *walk.packages}
    return Code(dict(sorted(walk.digests())), tuple(sorted(packages)), unresolved)


@dataclass
class _Walk:
    """A way through the modules that a kind imports, in turn."""

    kind: Kind
    memo: dict[str, Any]
    looked_at: dict[str, _Module] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)
    unresolved: dict[str, None] = field(default_factory=dict)

    def go(self, names: Iterable[str]) -> None:
        """Follows the imports of these modules."""
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in self.looked_at:
                self.looked_at[name] = module = self._module(name)
                links = module.links = module.links or self._links(name, module)
                waiting += links.modules
                self.packages |= links.packages
                self.unresolved |= dict.fromkeys(links.unresolved)

    def digests(self) -> Iterator[tuple[str, str]]:
        """For each module a digest; of code that is not ptm's one for each definition."""
        for name, module in self.looked_at.items():
            found = module.deciding
            if name not in self.kind.sources:
                yield from [(name, _together(found))] if found else []
                continue
            parts: dict[str, list[Statement]] = {}
            for one in found:
                defined = one.kind in ("function", "class", "value")
                label = f"{one.kind} {name}.{one.names[0]}" if defined else f"module {name}"
                parts.setdefault(label, []).append(one)
            yield from ((label, _together(same)) for label, same in parts.items())

    def all_modules(self) -> list[str]:
        """Every module there is."""
        places = (p.relative_to(PACKAGE.parent).with_suffix("") for p in PACKAGE.rglob("*.py"))
        names = [".".join(place.parts).removesuffix(".__init__") for place in places]
        return [*names, *self.kind.sources]

    def _links(self, name: str, module: _Module) -> _Links:
        """What a module imports."""
        uses = {use for one in module.deciding for use in one.uses}
        names = {use.partition(".")[0] for use in uses}
        aside = {use.partition(".")[0] for one in module.found for use in one.uses} - names
        modules: set[str] = set()
        packages: set[str] = set()
        for what in (what for one in module.deciding for what in one.imports):
            if what.inside or what.bound not in aside:
                base = self._absolute(what.module, name)
                modules |= {*self._follow(what, base, uses)}
                package = base.partition(".")[0]
                if package and package != PACKAGE.name and not self.is_module(package):
                    packages |= {distribution_of(package)} - {""}
        unresolved = (f"{name}, {place}" for one in module.deciding for place in one.unresolved)
        return _Links(tuple(modules), frozenset(packages), tuple(unresolved))

    def _follow(self, what: Import, base: str, uses: Iterable[str]) -> Iterator[str]:
        package = base.partition(".")[0]
        if package == PACKAGE.name and (base == package or what.bound == package):
            gets = [what.name] if what.name else _attributes(what.bound, uses)
            names = [*([base] if base != package else []), *map(self._given, gets)]
        elif what.name:
            names = [base, f"{base}.{what.name}" if base else ""]  # none is above all packages
        else:  # import a.b binds a, and so all that is in it
            names = [base, *([package] if what.bound == package else [])]
        for name in names:
            if not f"{name}.".startswith(WITHIN_NEUTRAL):
                yield from filter(self.is_module, self.with_parents(name))

    def _given(self, name: str) -> str:
        """The module in which a name is that ptm itself gives."""
        inside = f"{PACKAGE.name}.{name}"
        return inside if name and self.is_module(inside) else HOME.get(name, PACKAGE.name)

    def with_parents(self, module: str) -> Iterator[str]:
        """The module and the packages that it is in, but for ptm, which only gives names."""
        yield module
        while "." in module:
            module = module.rpartition(".")[0]
            if module != PACKAGE.name:
                yield module

    def is_module(self, name: str) -> bool:
        if name.partition(".")[0] != PACKAGE.name:
            return name in self.kind.sources
        return _file_of(name) is not None

    def _absolute(self, module: str, at: str) -> str:
        level = len(module) - len(module.lstrip("."))
        if not level:
            return module
        package = at if self._is_package(at) else at.rpartition(".")[0]
        base = package.split(".")[: len(package.split(".")) - level + 1]
        return ".".join([*base, *filter(None, [module.lstrip(".")])])

    def _is_package(self, name: str) -> bool:
        if name in self.kind.sources:
            return any(other.startswith(f"{name}.") for other in self.kind.sources)
        place = _file_of(name)
        return place is not None and place.name == "__init__.py"

    def _module(self, name: str) -> _Module:
        beside = BESIDE if name == self.kind.module else ()
        if name in self.kind.sources:
            return _read(name, self.kind.sources[name], self.memo, beside)
        place = _file_of(name)
        assert place is not None, name
        if (place, beside) not in _modules:
            _check_loaded(name, place)
            _modules[place, beside] = _read(name, place.read_bytes(), self.memo, beside)
        return _modules[place, beside]


def _attributes(bound: str, uses: Iterable[str]) -> list[str]:
    """What is asked for of a module by the name that it is bound to; "" where it is passed on."""
    return [use.partition(".")[2] for use in uses if use.partition(".")[0] == bound]


def _together(found: list[Statement]) -> str:
    return hashlib.sha256("".join(one.digest for one in found).encode()).hexdigest()


def _read(name: str, raw: bytes, memo: dict[str, Any], beside: tuple[str, ...]) -> _Module:
    source = hashlib.sha256(_reader().encode() + raw).hexdigest()
    if source in memo:
        found = [Statement.from_json(values) for values in memo[source]]
    else:
        try:
            found = statements(raw)
        except SyntaxError as error:
            where = f"line {error.lineno}: {error.msg}"
            raise CatalogError(f"{name}: expected Python, got {where}") from error
    return _Module(source, found, deciding(found, beside, CALLED if beside else ()))


def _check_loaded(name: str, place: Path) -> None:
    stat = place.stat()
    loaded = getattr(sys.modules.get(name), "__file__", None)
    if loaded == str(place) and max(stat.st_mtime_ns, stat.st_ctime_ns) > STARTED:
        raise PtmError(
            f"{name}: expected the code that was loaded, got a file that was changed since; "
            f"start Python again ({place.relative_to(PACKAGE.parent)})"
        )


@cache
def _reader() -> str:
    """What decides how a source is read: these modules and the Python that parses."""
    code = (PACKAGE / "syntax.py").read_bytes()
    return sys.version + hashlib.sha256(code).hexdigest()


@cache
def _file_of(module: str) -> Path | None:
    """The file of a module of ptm; None where it has none of that name."""
    place = PACKAGE.parent.joinpath(*module.split("."))
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    return file if file.is_file() else None
