"""The key: a digest of everything that decides the content of an artifact.

That is the bytes of the inputs, the options, the code (the syntax trees of the room and of every
ptm module that it imports) and the versions of the packages that the room works with. Names of
folders, times and comments decide nothing, so they are not in it.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

PACKAGE = Path(__file__).parent
CHUNK = 1 << 20  # bytes
WORKERS = 4
_PARSING = Lock()  # the syntax trees of Python 3.11 break when threads make them at once


@dataclass(frozen=True)
class Input:
    """One input file as it was when it was hashed.

    Attributes:
        path: the file.
        sha256: hex digest of its bytes.
        bytes: its size.
        signature: what stat says of it; differs when the file was changed since.
    """

    path: Path
    sha256: str
    bytes: int
    signature: tuple[int, ...]

    def unchanged(self) -> bool:
        """Whether the file still looks as it did when it was hashed."""
        return _signature(self.path.stat()) == self.signature


def hash_files(paths: list[Path]) -> list[Input]:
    """Hashes files, several at once, in order."""
    if len(paths) == 1:
        return [_hash_file(paths[0])]
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(_hash_file, paths))


def make_key(components: dict[str, Any]) -> str:
    """Digest of JSON values, hex. Order counts in it: swapped columns are another content."""
    text = json.dumps(components, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def code_digests(module: str) -> dict[str, str]:
    """Digest of the syntax tree of a ptm module and of each ptm module that it imports, in turn.

    Comments, formatting, docstrings and imports for type checkers only change nothing.
    """
    with _PARSING:
        return _code_digests(module)


def _code_digests(module: str) -> dict[str, str]:
    digests: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in digests:
            continue
        tree = ast.parse(_file_of(name).read_bytes())
        _strip(tree)
        digests[name] = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
        waiting += _imports(tree)
    return dict(sorted(digests.items()))


@cache
def package_versions(names: tuple[str, ...]) -> dict[str, str]:
    """Installed version of each distribution."""
    return {name: version(name) for name in sorted(names)}


def _hash_file(path: Path) -> Input:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        before = os.fstat(file.fileno())
        while block := file.read(CHUNK):
            digest.update(block)
    return Input(path, digest.hexdigest(), before.st_size, _signature(before))


def _signature(stat: os.stat_result) -> tuple[int, ...]:
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def _file_of(module: str) -> Path:
    place = PACKAGE.parent.joinpath(*module.split("."))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (n for n in names if n.startswith(f"{PACKAGE.name}.") and _file_of(n).is_file())


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
