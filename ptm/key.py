"""The key: a digest of everything that decides the content of an artifact.

That is the bytes of the inputs, the options, the code (the syntax trees of the room and of every
ptm module that it imports) and the versions of the packages that the room works with. Names of
folders, times and comments decide nothing, so they are not in it.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

from ptm.errors import PtmError

PACKAGE = Path(__file__).parent
STARTED = time.time_ns()
RUNNERS = ("exec", "eval", "__import__", "import_module", "importlib")
LOADERS = ("importlib", "importlib.util", "importlib.machinery", "builtins", "pkgutil", "runpy")
PLAIN = ("import importlib", "from importlib import import_module")
_PARSING = Lock()  # the syntax trees of Python 3.11 break when threads make them at once
_modules: dict[Path, _Module] = {}


@dataclass(frozen=True)
class Code:
    """The code that decides a content.

    Attributes:
        digests: of the syntax tree of each module, by name, sorted.
        unresolved: imports whose module only shows when they run, each with its place. Where there
            are any, `digests` has every module of ptm: none is left out.
    """

    digests: dict[str, str]
    unresolved: tuple[str, ...]


@dataclass(frozen=True)
class _Module:
    source: str  # digest of its bytes, and of what reads them
    tree: str  # digest of its syntax tree
    imports: tuple[str, ...]  # names that may be ptm modules
    unresolved: tuple[str, ...]


def make_key(components: dict[str, Any]) -> str:
    """Digest of JSON values, hex. The order of a list counts in it, that of a table does not."""
    text = json.dumps(
        components, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).hexdigest()


def code_of(module: str, memo: dict[str, Any] | None = None) -> Code:
    """The syntax trees of a ptm module and of each ptm module that it imports, in turn.

    Comments, formatting, docstrings and imports for type checkers only change nothing.

    Args:
        module: its dotted name.
        memo: what was found before, by digest of the source; it is brought up to date.

    Raises:
        PtmError: a module was edited after it was loaded, so that the file is not what runs.
    """
    memo = {} if memo is None else memo
    with _PARSING:
        found = _closure([module], memo)
        unresolved = tuple(place for one in found.values() for place in one.unresolved)
        if unresolved:
            found = _closure([module, *_all_modules()], memo)
    used = {one.source: [one.tree, one.imports, one.unresolved] for one in found.values()}
    for source in memo.keys() - used.keys():
        del memo[source]
    for source in used.keys() - memo.keys():
        memo[source] = used[source]
    return Code({name: found[name].tree for name in sorted(found)}, unresolved)


def package_versions(names: tuple[str, ...]) -> dict[str, str]:
    """Installed version of each distribution, and of Python."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"python": python} | {name: _version(name) for name in sorted(names)}


@cache
def _version(name: str) -> str:
    return version(name)


def _closure(waiting: list[str], memo: dict[str, Any]) -> dict[str, _Module]:
    found: dict[str, _Module] = {}
    seen = set(waiting)  # most names are imported by several modules
    while waiting:
        name = waiting.pop()
        found[name] = _module(name, memo)
        fresh = [n for n in found[name].imports if n not in seen]
        seen.update(fresh)
        waiting += [n for n in fresh if _file_of(n).is_file()]
    return found


def _module(name: str, memo: dict[str, Any]) -> _Module:
    place = _file_of(name)
    if place not in _modules:
        _check_loaded(name, place)
        raw = place.read_bytes()
        source = hashlib.sha256(_reader().encode() + raw).hexdigest()
        if source in memo:
            tree, imports, unresolved = memo[source]
        else:
            tree, imports, unresolved = _read(name, raw)
        _modules[place] = _Module(source, tree, tuple(imports), tuple(unresolved))
    return _modules[place]


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
    """What decides how a source is read: this module and the Python that parses."""
    return sys.version + hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def _read(name: str, raw: bytes) -> tuple[str, list[str], list[str]]:
    tree = ast.parse(raw)
    _strip(tree)
    digest = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    package = name if _file_of(name).name == "__init__.py" else name.rpartition(".")[0]
    imports: list[str] = []
    computed: list[ast.stmt | ast.expr] = []
    told: set[int] = set()
    for node in ast.walk(tree):  # from the outside in
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imports += _imported(node, package)
            computed += [node] if _names_a_loader(node) else []
        elif isinstance(node, ast.Call) and _runs_code(node.func):
            told |= {id(part) for part in ast.walk(node.func)}
            module = _module_named(node)
            imports += _with_parents(module)
            computed += [] if module else [node]
        elif isinstance(node, ast.expr) and _runs_code(node) and id(node) not in told:
            told |= {id(part) for part in ast.walk(node)}
            computed.append(node)
    unresolved = [f"{name}, line {node.lineno}: {ast.unparse(node)}" for node in computed]
    ours = [n for n in dict.fromkeys(imports) if n.split(".")[0] == PACKAGE.name]
    return digest, ours, unresolved


def _imported(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[str]:
    """Names that an import may load as modules."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _with_parents(alias.name)
            if not alias.asname:  # binds the package, and so all that is in it
                yield alias.name.split(".")[0]
        return
    base = _absolute("." * node.level + (node.module or ""), package)
    yield from _with_parents(base)
    for alias in node.names:
        yield f"{base}.{alias.name}"
        if base == PACKAGE.name and not _file_of(f"{base}.{alias.name}").is_file():
            yield base


def _with_parents(module: str) -> Iterator[str]:
    """The module and the packages that it is in, but for the outermost, which only gives names."""
    while "." in module:
        yield module
        module = module.rpartition(".")[0]


def _absolute(module: str, package: str) -> str:
    level = len(module) - len(module.lstrip("."))
    if not level:
        return module
    base = package.split(".")[: len(package.split(".")) - level + 1]
    return ".".join([*base, *filter(None, [module.lstrip(".")])])


def _names_a_loader(node: ast.Import | ast.ImportFrom) -> bool:
    """Whether an import gets something that imports or runs code, under a name not looked for."""
    modules = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
    return not set(LOADERS).isdisjoint(modules) and ast.unparse(node) not in PLAIN


def _runs_code(node: ast.expr) -> bool:
    """Whether a name stands for what imports or runs code: import_module, exec, …"""
    if isinstance(node, ast.Attribute):  # others have an eval too
        return node.attr in ("__import__", "import_module")
    return isinstance(node, ast.Name) and node.id in RUNNERS


def _module_named(call: ast.Call) -> str:
    """The module of import_module("…"); "" for any other call that imports or runs code."""
    importer = ast.unparse(call.func) in ("import_module", "importlib.import_module")
    match call.args, call.keywords:
        case [ast.Constant(value=str(module))], [] if importer and not module.startswith("."):
            return module
    return ""


def _all_modules() -> list[str]:
    places = (place.relative_to(PACKAGE.parent).with_suffix("") for place in PACKAGE.rglob("*.py"))
    return [".".join(p.parts).removesuffix(".__init__") for p in places]


def _file_of(module: str) -> Path:
    folder, inside, beside = _places_of(PACKAGE.parent, module)
    return inside if folder.is_dir() else beside


@cache
def _places_of(root: Path, module: str) -> tuple[Path, Path, Path]:
    """Where a module may be: its folder, the file in it, the file beside it."""
    place = root.joinpath(*module.split("."))
    return place, place / "__init__.py", place.with_suffix(".py")


def _strip(tree: ast.AST) -> None:
    """Takes docstrings and `if TYPE_CHECKING:` blocks out of a tree."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and (
            ast.get_docstring(node, clean=False) is not None
        ):
            del body[0]
        for part in body:
            if isinstance(part, ast.If) and ast.unparse(part.test) == "TYPE_CHECKING":
                part.body = [ast.Pass()]
