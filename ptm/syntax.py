"""What a Python source defines, and what each of its definitions uses: read from its syntax tree.

Comments, formatting, docstrings and what only type checkers look at are no part of it.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

RUNNERS = ("exec", "eval", "__import__", "import_module", "importlib")
LOADERS = ("importlib", "importlib.util", "importlib.machinery", "builtins", "pkgutil", "runpy")
PLAIN = ("import importlib", "from importlib import import_module")
SPACES = ("globals", "locals", "vars")  # who asks for them may reach every name of a module
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_PARSING = Lock()  # the syntax trees of Python 3.11 break when threads make them at once


@dataclass(frozen=True)
class Import:
    """One thing that an import binds.

    Attributes:
        bound: the name that it gets; "" where it gets none.
        module: absolute, or with leading dots.
        name: what of the module; "" for the module itself, "*" for all.
        inside: whether it stands inside of a definition, and is used there.
    """

    bound: str
    module: str
    name: str = ""
    inside: bool = False


@dataclass(frozen=True)
class Statement:
    """One statement of a module.

    Attributes:
        kind: "function", "class", "value", "import", or "effect" for what is done on the way.
        names: that it binds, or changes.
        digest: of its syntax tree.
        uses: names that it looks up, each with one attribute where it is asked for: "np.array".
        imports: of an import what it binds; of others what they import inside.
        unresolved: what it imports or runs and only shows when it runs, each with its line.
    """

    kind: str
    names: tuple[str, ...]
    digest: str
    uses: tuple[str, ...]
    imports: tuple[Import, ...]
    unresolved: tuple[str, ...]

    def to_json(self) -> list[Any]:
        """JSON values from which `from_json` makes an equal one."""
        imports = [[one.bound, one.module, one.name, one.inside] for one in self.imports]
        return [self.kind, self.names, self.digest, self.uses, imports, self.unresolved]

    @classmethod
    def from_json(cls, values: list[Any]) -> Statement:
        """The statement that `to_json` described."""
        kind, names, digest, uses, imports, unresolved = values
        found = tuple(Import(*one) for one in imports)
        return cls(kind, tuple(names), digest, tuple(uses), found, tuple(unresolved))


def statements(source: bytes) -> list[Statement]:
    """The statements of a module, in order; docstrings and imports for type checkers left out.

    Raises:
        SyntaxError: it is no Python.
    """
    with _PARSING:
        tree = ast.parse(source)
        _strip(tree)
        return [_statement(node) for node in tree.body if not isinstance(node, ast.Pass)]


def deciding(
    found: list[Statement], beside: Iterable[str], called: Iterable[str] = ()
) -> list[Statement]:
    """The statements of a module but those that are there for some of its functions alone.

    Args:
        found: all of them.
        beside: names of those functions; what else they use, and nothing else does, goes with them.
        called: names that stay, whatever uses them: they are asked for from elsewhere.
    """
    if any(not set(SPACES).isdisjoint(one.uses) for one in found):
        return found
    aside = _reached(
        found, [n for n, one in enumerate(found) if not set(one.names).isdisjoint(beside)]
    )
    kept = _reached(
        found,
        [
            number
            for number, one in enumerate(found)
            if number not in aside or not set(one.names).isdisjoint(called)
        ],
    )
    return [found[number] for number in sorted(kept)]


def _reached(found: list[Statement], waiting: list[int]) -> set[int]:
    """These statements, and those that bind what they use, in turn."""
    binding: dict[str, list[int]] = {}
    for number, one in enumerate(found):
        for name in one.names:
            binding.setdefault(name, []).append(number)
    chosen: set[int] = set()
    while waiting:
        number = waiting.pop()
        if number not in chosen:
            chosen.add(number)
            waiting += [
                n for use in found[number].uses for n in binding.get(use.partition(".")[0], ())
            ]
    return chosen


def _statement(node: ast.stmt) -> Statement:
    kind, names = _kind_of(node)
    imports = tuple(_imports(node))
    if any(one.name == "*" and one.bound for one in imports):
        kind = "effect"  # it may bind anything
    elif kind == "import":
        names = tuple(one.bound for one in imports)
    else:
        imports = tuple(replace(one, inside=True) for one in imports)
    digest = hashlib.sha256(ast.dump(node).encode()).hexdigest()
    return Statement(kind, names, digest, _uses(node), imports, tuple(_unresolved(node)))


def _kind_of(node: ast.stmt) -> tuple[str, tuple[str, ...]]:
    """What a statement is, and the names that it binds or changes."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return "import", ()
    if isinstance(node, FUNCTIONS):
        return "function", (node.name,)
    if isinstance(node, ast.ClassDef):
        return "class", (node.name,)
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [_base(part) for target in targets for part in _parts(target)]
        if all(names):
            return "value", tuple(names)
    stored = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and _is_stored(n)}
    defined = {n.name for n in ast.walk(node) if isinstance(n, (*FUNCTIONS, ast.ClassDef))}
    bound = {one.bound for one in _imports(node)}
    return "effect", tuple(sorted(stored | defined | bound))


def _parts(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, (ast.Tuple, ast.List)):
        for element in target.elts:
            yield from _parts(element)
    else:
        yield target.value if isinstance(target, ast.Starred) else target


def _base(target: ast.expr) -> str:
    """The name that an assignment binds, or whose value it changes."""
    while isinstance(target, (ast.Attribute, ast.Subscript)):
        target = target.value
    return target.id if isinstance(target, ast.Name) else ""


def _is_stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, (ast.Store, ast.Del))


def _uses(node: ast.AST) -> tuple[str, ...]:
    """The names that are looked up. (Of annotations of functions nothing runs.)"""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name):
            found.add(f"{one.value.id}.{one.attr}")
            continue
        if isinstance(one, ast.Name):
            found.add(one.id)
        children = [] if isinstance(one, ast.arg) else list(ast.iter_child_nodes(one))
        if isinstance(one, FUNCTIONS) and one.returns:
            children.remove(one.returns)
        waiting += children
    return tuple(sorted(found))


def _imports(node: ast.AST) -> Iterator[Import]:
    for one in ast.walk(node):
        if isinstance(one, ast.Import):
            for alias in one.names:
                # without another name the outermost package is bound, and so all that is in it
                yield Import(alias.asname or alias.name.partition(".")[0], alias.name)
        elif isinstance(one, ast.ImportFrom) and one.module != "__future__":
            module = "." * one.level + (one.module or "")
            for alias in one.names:
                yield Import(alias.asname or alias.name, module, alias.name)
        elif isinstance(one, ast.Call) and (module := _module_named(one)):
            yield Import("", module, "*")


def _unresolved(node: ast.AST) -> Iterator[str]:
    told: set[int] = set()
    for one in ast.walk(node):  # from the outside in
        computed = False
        if isinstance(one, (ast.Import, ast.ImportFrom)):
            computed = _names_a_loader(one)
        elif isinstance(one, ast.Call) and _runs_code(one.func):
            told |= {id(part) for part in ast.walk(one.func)}
            computed = not _module_named(one)
        elif isinstance(one, ast.expr) and _runs_code(one) and id(one) not in told:
            told |= {id(part) for part in ast.walk(one)}
            computed = True
        if computed and isinstance(one, (ast.stmt, ast.expr)):
            yield f"line {one.lineno}: {ast.unparse(one)}"


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


def _strip(tree: ast.AST) -> None:
    """Takes docstrings and `if TYPE_CHECKING:` blocks out of a tree."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)) and (
            ast.get_docstring(node, clean=False) is not None
        ):
            del body[0]
        for number, part in enumerate(body):
            if isinstance(part, ast.If) and ast.unparse(part.test) == "TYPE_CHECKING":
                body[number] = ast.Pass() if not part.orelse else part
                part.body = [ast.Pass()]
