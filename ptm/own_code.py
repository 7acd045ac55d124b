"""Code of one's own: a Python file beside a catalog, with all that it imports and nobody installed.

It is read once, as bytes with a digest, and run from those bytes: here, and in every process that
they travel to. So what runs is what the key has, two catalogs may have files of the same name, and
an edited file is new code in a process that goes on.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import linecache
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from ptm.errors import CatalogError
from ptm.syntax import statements

PREFIX = "ptm_own_"  # of the packages that the code is run in; the digest follows
DIGITS = 16
MOST_BYTES = 10_000_000  # of sources that travel to workers
OURS = ("ptm", "tasks", "flows")
_loaded: dict[str, OwnCode] = {}  # by digest


@dataclass(frozen=True)
class OwnCode:
    """Modules that are no installed package.

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
        """Hex digest of names and sources."""
        digest = hashlib.sha256(self.module.encode())
        for name, source in sorted(self.sources.items()):
            digest.update(f"\n{name} {len(source)}\n".encode() + source)
        return digest.hexdigest()

    def load(self) -> ModuleType:
        """Runs it, once for each process and digest; the wanted module.

        Raises:
            CatalogError: it cannot be run; the line is named.
        """
        package = f"{PREFIX}{self.digest[:DIGITS]}"
        if self.digest not in _loaded:
            _loaded[self.digest] = self
            sys.modules[package] = ModuleType(package)
            sys.modules[package].__path__ = []
        try:
            return importlib.import_module(f"{package}.{self.module}")
        except Exception as error:
            where = self.line_of(error)
            raise CatalogError(
                f"{Path(self.places[self.module]).name}: expected Python that runs, got "
                f"{type(error).__name__}: {error}{f' ({where})' if where else ''}"
            ) from error

    def line_of(self, error: BaseException) -> str:
        """Where in this code an error was raised, as "pets.py, line 12"; "" where it was not."""
        names = {place: Path(place).name for place in self.places.values()}
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


def code_in(file: Path) -> OwnCode:
    """The code of a Python file, and of all that it imports and is no installed package.

    Modules are looked for beside the file first.

    Raises:
        CatalogError: the file is missing, or is no Python, or has a name that no module can have.
    """
    if not file.stem.isidentifier() or file.suffix != ".py" or file.stem in OURS:
        expected = "a Python file with the name of a module, as pets.py"
        raise CatalogError(f"expected {expected}, got '{file.name}'")
    return _gathered(file.stem, file, file.parent)


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
        sources[name], places[name] = _read(place), str(place)
        if sum(map(len, sources.values())) > MOST_BYTES:
            raise CatalogError(
                f"{file.name}: expected at most {MOST_BYTES} bytes of code that is not installed, "
                f"got more, {name} among it"
            )
        for other in _imported(name, sources[name], place):
            found = _beside(other, folder) or _place_of(other, module.partition(".")[0])
            if found and other not in sources:
                waiting.append((other, found))
    return OwnCode(module, sources, places)


def _read(place: Path) -> bytes:
    try:
        return place.read_bytes()
    except OSError as error:
        raise CatalogError(f"expected a Python file, got: {error.strerror} ({place})") from error


def _imported(name: str, source: bytes, place: Path) -> Iterator[str]:
    """Every name that an import in a module may load as a module, and the packages it is in."""
    try:
        found = statements(source)
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise CatalogError(f"{place.name}{line}: expected Python, got: {error}") from error
    package = name if place.name == "__init__.py" else name.rpartition(".")[0]
    for one in (what for statement in found for what in statement.imports):
        level = len(one.module) - len(one.module.lstrip("."))
        base = one.module
        if level:
            parts = package.split(".")[: len(package.split(".")) - level + 1]
            base = ".".join([*parts, *filter(None, [one.module.lstrip(".")])])
        names = [base, *([f"{base}.{one.name}"] if one.name not in ("", "*") else [])]
        for each in names:
            while each:
                yield each
                each = each.rpartition(".")[0]


def _beside(module: str, folder: Path | None) -> Path | None:
    if folder is None or module.partition(".")[0] in OURS:
        return None
    return _below(folder, module.split("."))


def _below(folder: Path, names: list[str]) -> Path | None:
    """The source of a module below a folder."""
    place = folder.joinpath(*names)
    for file in (place / "__init__.py", place.with_name(f"{place.name}.py")):
        if file.is_file():
            return file
    return None


def _place_of(module: str, package: str) -> Path | None:
    """The source of a module that is no installed package, or is of that package; else None."""
    top, *inside = module.split(".")
    if top in sys.stdlib_module_names or top in OURS or top.startswith(PREFIX):
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
        code = next((c for d, c in _loaded.items() if package == f"{PREFIX}{d[:DIGITS]}"), None)
        if code is None or name not in code.sources:
            return None
        is_package = any(other.startswith(f"{name}.") for other in code.sources)
        loader = _Loader(code, package)
        spec = spec_from_loader(fullname, loader, origin=code.places[name], is_package=is_package)
        if spec:
            spec.has_location = True
        return spec


class _Loader(InspectLoader):
    """Runs a module from the bytes that were read; its own imports come from there too."""

    def __init__(self, code: OwnCode, package: str) -> None:
        self._code, self._package = code, package
        self._tops = {name.partition(".")[0] for name in code.sources}

    def _name(self, fullname: str) -> str:
        return fullname.partition(".")[2]

    def get_source(self, fullname: str) -> str:
        return self._code.sources[self._name(fullname)].decode("utf-8", "replace")

    def get_code(self, fullname: str) -> CodeType:
        place = self._code.places[self._name(fullname)]
        source = self._code.sources[self._name(fullname)]
        code: CodeType = compile(source, place, "exec", dont_inherit=True)
        text = self.get_source(fullname)
        linecache.cache[place] = len(text), None, text.splitlines(True), place
        return code

    def is_package(self, fullname: str) -> bool:
        return any(n.startswith(f"{self._name(fullname)}.") for n in self._code.sources)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._import}
        exec(self.get_code(module.__name__), module.__dict__)

    def _import(
        self,
        name: str,
        globals: Any = None,  # noqa: A002 - so Python calls it
        locals: Any = None,  # noqa: A002
        fromlist: Any = (),
        level: int = 0,
    ) -> Any:
        """As Python's own; names of this code stand for this code, whatever else has them."""
        if level or name.partition(".")[0] not in self._tops:
            return builtins.__import__(name, globals, locals, fromlist, level)
        whole = f"{self._package}.{name}"
        found = builtins.__import__(whole, globals, locals, fromlist or ("*",), 0)
        return found if fromlist else sys.modules[f"{self._package}.{name.partition('.')[0]}"]


sys.meta_path.append(_Finder())
