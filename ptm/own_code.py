"""Code of one's own: a Python file beside a catalog, with all that it imports and nobody installed.

It is read once, as bytes with a digest, and run from those bytes: here, and in every process that
they travel to. So what runs is what the key has, two catalogs may have files of the same name, and
an edited file is new code in a process that goes on. The same goes for kinds of installed packages:
an import would give what was loaded before, and the key would have what the files are now.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import linecache
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec, resolve_name, spec_from_file_location, spec_from_loader
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

from ptm.errors import CatalogError
from ptm.syntax import Import, statements

PREFIX = "ptm_own_"  # of the packages that the code is run in; the digest follows
DIGITS = 16
MOST_BYTES = 10_000_000  # of sources that travel to workers
OURS = ("ptm", "tasks", "flows")
INIT = "__init__.py"
_loaded: dict[str, OwnCode] = {}  # by the package that it is run in
_LOADING = Lock()


@dataclass(frozen=True)
class OwnCode:
    """Modules with their sources: those that are in the key, and that run.

    Attributes:
        module: the one that is wanted, by its name.
        sources: of it and of all that it imports, by name.
        places: where each was read.
    """

    module: str
    sources: Mapping[str, bytes]
    places: Mapping[str, str]

    @cached_property
    def digest(self) -> str:
        """Hex digest of names, places and sources."""
        digest = hashlib.sha256(self.module.encode())
        for name, source in sorted(self.sources.items()):
            head = f"\n{name} {self.places[name]} {len(source)}\n"
            digest.update(head.encode("utf-8", "surrogateescape") + source)
        return digest.hexdigest()

    def load(self) -> ModuleType:
        """Runs it, once for each process and digest; the wanted module.

        Raises:
            CatalogError: it cannot be run; the line is named.
        """
        package = f"{PREFIX}{self.digest[:DIGITS]}"
        with _LOADING:
            if package not in _loaded:
                sys.modules[package] = ModuleType(package)
                sys.modules[package].__path__ = []
                _loaded[package] = self
        try:
            return importlib.import_module(f"{package}.{self.module}")
        except (Exception, SystemExit) as error:
            reason = error.msg if isinstance(error, SyntaxError) else error
            said = plain(f"{type(error).__name__}: {reason}").removesuffix(": ")
            where = self.line_of(error)
            raise CatalogError(
                f"{_shown(self.places[self.module])}: expected Python that runs, got {said}"
                f"{f' ({where})' if where else ''}"
            ) from error

    def told(self, error: BaseException) -> str:
        """An error of this code in words, with its line, or with the file where it has none."""
        where = self.line_of(error) or _shown(self.places[self.module])
        return f"{type(error).__name__}: {plain(str(error))} ({where})"

    def line_of(self, error: BaseException) -> str:
        """Where in this code an error was raised, as "pets.py, line 12"; "" where it was not."""
        names = {place: _shown(place) for place in self.places.values()}
        if isinstance(error, SyntaxError) and error.filename in names:
            return f"{names[error.filename]}, line {error.lineno}"
        found, trace = "", error.__traceback__
        while trace:
            file = trace.tb_frame.f_code.co_filename
            if file in names:
                found = f"{names[file]}, line {trace.tb_lineno}"
            trace = trace.tb_next
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return OwnCode, (self.module, dict(self.sources), dict(self.places))


def plain(text: str) -> str:
    """A message without the packages that own code is run in: names as people gave them."""
    return re.sub(rf"\b{PREFIX}[0-9a-f]{{{DIGITS}}}\.?", "", text)


def code_in(file: Path) -> OwnCode:
    """The code of a Python file, and of all that it imports and is no installed package.

    Modules are looked for beside the file first.

    Args:
        file: a module, or the `__init__.py` of a package.

    Raises:
        CatalogError: the file is missing, or is no Python, or has a name that no module can have.
    """
    place = file.absolute().parent if file.name == INIT else file
    if not place.stem.isidentifier() or file.suffix != ".py" or place.stem in OURS:
        expected = "a Python file with the name of a module, as pets.py or pets/__init__.py"
        raise CatalogError(f"expected {expected}, got '{_shown(str(file))}'")
    return _gathered(place.stem, file, place.parent)


def code_of_module(module: str) -> OwnCode:
    """The code of a module that is installed, and of all that it imports of its own package.

    Raises:
        CatalogError: there is no such module, or none with a source.
    """
    place = _place_of(module, module.partition(".")[0])
    if place is None:
        raise CatalogError(f"{module}: expected a module with a source, got none")
    return _gathered(module, place, None)


def _gathered(module: str, file: Path, folder: Path | None) -> OwnCode:
    sources: dict[str, bytes] = {}
    places: dict[str, str] = {}
    waiting = [(module, file)]
    while waiting:
        name, place = waiting.pop()
        if name in sources:
            continue
        sources[name], places[name] = _read(place), str(place.absolute())
        if sum(map(len, sources.values())) > MOST_BYTES:
            raise CatalogError(
                f"{_shown(str(file))}: expected at most {MOST_BYTES} bytes of code that is not "
                f"installed, or is of its package, got more, {name} among it"
            )
        for other in [*_above(name), *_imported(name, sources[name], place)]:
            if other not in sources:
                found = _beside(other, folder) or _place_of(other, module.partition(".")[0])
                waiting += [(other, found)] if found else []
    for other, place in dict(_bare_folders(places)).items():
        sources[other], places[other] = b"", str(place)
    return OwnCode(module, sources, places)


def _bare_folders(places: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """Folders that are packages without an `__init__.py`, each with where it would be."""
    for name, place in places.items():
        inside = Path(place).parent if Path(place).name == INIT else Path(place)
        for other, folder in zip(reversed(_above(name)), inside.parents, strict=False):
            if other not in places:
                yield other, folder / INIT


def _above(module: str) -> list[str]:
    """The packages that a module is in."""
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def _shown(place: str) -> str:
    """The name of a file; of a package with its folder."""
    path = Path(place)
    return f"{path.parent.name}/{path.name}" if path.name == INIT else path.name


def _read(place: Path) -> bytes:
    try:
        return place.read_bytes()
    except OSError as error:
        raise CatalogError(f"expected a Python file, got: {error.strerror} ({place})") from error


def _imported(name: str, source: bytes, place: Path) -> Iterator[str]:
    """Every name that an import in a module may load as a module, and the packages it is in."""
    try:
        found = _imports(source)
    except (SyntaxError, ValueError) as error:
        number, reason = getattr(error, "lineno", None), getattr(error, "msg", error)
        where = f"{_shown(str(place))}{f', line {number}' if number else ''}"
        raise CatalogError(f"{where}: expected Python, got: {reason}") from error
    package = name if place.name == INIT else name.rpartition(".")[0]
    above = package.split(".") if package else []
    for one in found:
        base, level = one.module.lstrip("."), len(one.module) - len(one.module.lstrip("."))
        if level > len(above):
            continue  # it is told when it runs
        if level:
            base = ".".join([*above[: len(above) - level + 1], *([base] if base else [])])
        names = [base, *([f"{base}.{one.name}"] if one.name not in ("", "*") else [])]
        for each in names:
            yield from (*_above(each), each)


@cache
def _imports(source: bytes) -> tuple[Import, ...]:
    """What a source imports; a run reads each more than once, and parses it once."""
    return tuple(one for statement in statements(source) for one in statement.imports)


def _beside(module: str, folder: Path | None) -> Path | None:
    if folder is None or module.partition(".")[0] in OURS:
        return None
    return _below(folder, module.split("."))


def _below(folder: Path, names: list[str]) -> Path | None:
    """The source of a module below a folder."""
    place = folder.joinpath(*names)
    for file in (place / INIT, place.with_name(f"{place.name}.py")):
        if file.is_file():
            return file
    return None


def _place_of(module: str, package: str) -> Path | None:
    """The source of a module that is no installed package, or is of that package; else None."""
    top, *inside = module.split(".")
    if top in sys.stdlib_module_names or top in OURS or top in _loaded:
        return None
    try:
        spec = find_spec(top)  # nothing is run: of modules inside it would be
    except (ImportError, ValueError, AttributeError):
        return None
    if spec is None:
        return None
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    origin = Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    places = folders or ([origin] if origin else [])
    if top != package and any(map(_is_installed, places)):
        return None
    if not inside:
        return origin
    return next((file for folder in folders if (file := _below(folder, inside))), None)


def _is_installed(place: Path) -> bool:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {sysconfig.get_path(name) for name in names}
    folders |= {folder for folder in sys.path if Path(folder).name.endswith("-packages")}
    return any(place.is_relative_to(folder) for folder in folders)


class _Finder(MetaPathFinder):
    """Finds the modules of own code in the packages that are named after their digests."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        code = _loaded.get(package)
        if code is None:
            return None
        if name in code.sources:
            loader = _Loader(code, package, name)
            return spec_from_file_location(fullname, code.places[name], loader=loader)
        beside = PathFinder.find_spec(fullname, path)
        if beside is None or beside.loader is None:  # nothing, or a folder, perhaps of data
            return beside
        if isinstance(beside.loader, SourceFileLoader):  # it would run, and not be in the key
            said = f"expected an import that names it, got '{name}' by a computed name"
            raise ModuleNotFoundError(said, name=fullname)
        return spec_from_loader(fullname, _Compiled())


class _Compiled(Loader):
    """A module without a source, as an extension in C: Python's own, once for each process."""

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        sys.modules[name] = importlib.import_module(name.partition(".")[2])


class _Loader(SourceFileLoader):
    """Runs a module from the bytes that were read; its own imports come from there too."""

    def __init__(self, code: OwnCode, package: str, name: str) -> None:
        super().__init__(f"{package}.{name}", code.places[name])
        self._package, self._source = package, code.sources[name]
        self._tops = {other.partition(".")[0] for other in code.sources}

    def path_stats(self, path: str) -> Mapping[str, Any]:
        raise OSError("expected no cached bytecode: what was read is what runs")

    def get_data(self, path: str) -> bytes:
        return self._source if path == self.path else super().get_data(path)

    def exec_module(self, module: ModuleType) -> None:
        code = self.get_code(module.__name__)
        text = self.get_source(module.__name__) or ""
        linecache.cache[self.path] = len(text), None, text.splitlines(True), self.path
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._import}
        exec(code or "", module.__dict__)

    def _import(
        self,
        name: str,
        globals: Any = None,  # noqa: A002 - so Python calls it
        locals: Any = None,  # noqa: A002
        fromlist: Any = (),
        level: int = 0,
    ) -> Any:
        """As Python's own; names of this code stand for this code, whatever else has them."""
        if level and level > globals["__package__"].count("."):
            wanted = name or fromlist[0]
            raise ImportError(f"expected `import {wanted}`, got a relative import", name=wanted)
        if level or name.partition(".")[0] not in self._tops:
            found = builtins.__import__(name, globals, locals, fromlist, level)
            return self._importlib() if found is importlib else found
        whole = f"{self._package}.{name}"
        if fromlist:
            return builtins.__import__(whole, globals, locals, fromlist, 0)
        importlib.import_module(whole)
        return sys.modules[f"{self._package}.{name.partition('.')[0]}"]

    def _importlib(self) -> ModuleType:
        """As Python's own, but for its import_module."""
        ours = ModuleType("importlib")
        ours.__dict__.update(vars(importlib), import_module=self._import_module)
        return ours

    def _import_module(self, name: str, package: str | None = None) -> ModuleType:
        whole = resolve_name(name, package) if name.startswith(".") else name
        inside = whole.partition(".")[0] in self._tops
        return importlib.import_module(f"{self._package}.{whole}" if inside else whole)


sys.meta_path.insert(0, _Finder())  # before those that would run what the files are now
