"""The rules of the house that no linter knows, looked for in the syntax trees of its modules."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from ptm.registry import KINDS
from tests.support.machine import ROOT

OPENS = {"open", "read_bytes", "read_text", "read_csv", "fromfile", "memmap", "imread", "imopen"}
WRITES = {
    *("write_bytes", "write_text", "mkdir", "makedirs", "unlink", "rmdir", "rmtree", "rename"),
    *(
        "renames",
        "touch",
        "symlink_to",
        "hardlink_to",
        "truncate",
        "mkdtemp",
        "copyfile",
        "copytree",
    ),
}
MOST_LINES, MOST_OF_A_FUNCTION = 350, 25  # at the 90th percentile
BOOK = ("the book", "book's", "wine", "bikes", "austen", "thermometer")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Found = Iterator[tuple[Path, ast.AST]]


def modules(*folders: str) -> list[Path]:
    """The modules below some folders of the project, relative to it."""
    places = [place for folder in folders for place in (ROOT / folder).rglob("*.py")]
    places += [ROOT / folder for folder in folders if folder.endswith(".py")]
    return sorted(place.relative_to(ROOT) for place in places)


@cache
def tree(module: Path) -> ast.Module:
    return ast.parse((ROOT / module).read_bytes())


def calls(found: list[Path], names: set[str]) -> Iterator[str]:
    """Where functions or methods of such names are called."""
    for module in found:
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Call):
                plain = getattr(node.func, "id", "")
                if getattr(node.func, "attr", plain if plain == "open" else "") in names:
                    yield f"{module}:{node.lineno} {ast.unparse(node.func)}"


def imports(module: Path) -> set[str]:
    """The modules that a module names in imports."""
    names = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def documented(module: Path) -> Iterator[ast.AST]:
    """Docstrings, and what only type checkers look at."""
    for node in ast.walk(tree(module)):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            yield body[0].value


def test_only_readers_open_data_files() -> None:
    """Kinds get arrays and text from readers: none opens a file itself."""
    kinds = modules("ptm/kinds", "ptm/summaries.py", "ptm/scaling.py")
    assert list(calls(kinds, OPENS)) == []
    assert len(list(calls(modules("ptm/readers"), OPENS))) > 3  # it would be seen


def test_only_the_store_writes_below_the_artifacts() -> None:
    """Outside of the store nothing in ptm writes, but for what fetches and makes input data."""
    apart = ("ptm/store/", "ptm/download.py", "ptm/book/")
    others = [m for m in modules("ptm") if not str(m).startswith(apart)]
    assert list(calls(others, WRITES)) == []
    assert (
        list(calls(modules("tasks/dashboard.py", "tasks/prepare.py", "flows/pipeline.py"), WRITES))
        == []
    )
    assert len(list(calls(modules("ptm/store"), WRITES))) > 3


def test_only_the_catalog_reads_a_catalog() -> None:
    """TOML is read in one place."""
    found = [str(m) for m in modules("ptm", "tasks", "flows") if "tomllib" in imports(m)]
    assert found == ["ptm/catalog.py"]


def test_the_environment_is_read_at_the_edge() -> None:
    """Settings are arguments: the environment is looked at where a run begins, and for a mirror."""
    found = {
        str(module)
        for module in modules("ptm", "tasks", "flows")
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    }
    edge = ("flows/__init__.py", "flows/terminal/", "flows/running/", "ptm/download.py")
    assert [name for name in sorted(found) if not name.startswith(edge)] == []


def test_nothing_but_the_book_names_the_book() -> None:
    """The library knows no book: neither an import nor a word; docstrings may have examples."""
    for module in modules("ptm"):
        if module.is_relative_to("ptm/book"):
            continue
        assert not any(name.startswith("ptm.book") for name in imports(module)), module
        examples = set(map(id, documented(module)))
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words = BOOK if id(node) not in examples else BOOK[:2]
                assert not any(word in node.value.lower() for word in words), (module, node.value)


def test_kinds_do_not_know_each_other() -> None:
    """No kind imports another, and none is imported but by the registry, which names modules."""
    homes = {name: module.replace(".", "/") for name, module in KINDS.items()}
    for module in modules("ptm", "tasks", "flows"):
        own = [k for k, h in homes.items() if str(module).startswith((f"{h}/", f"{h}.py"))]
        others = [m for name, m in KINDS.items() if name not in own]
        found = imports(module)
        assert not [i for i in found for m in others if i == m or i.startswith(f"{m}.")], module


def test_kinds_are_named_in_the_registry_alone() -> None:
    """No other module compares with, or looks up, the name of a kind."""
    for module in modules("ptm", "tasks", "flows"):
        if str(module) == "ptm/registry.py" or module.is_relative_to("ptm/kinds"):
            continue
        for node in ast.walk(tree(module)):
            asked = []
            if isinstance(node, ast.Compare):
                asked = [*node.comparators, node.left]
            elif isinstance(node, ast.Dict):
                asked = [key for key in node.keys if key]
            elif isinstance(node, ast.MatchValue):
                asked = [node.value]
            named = {part.value for part in asked if isinstance(part, ast.Constant)} & set(KINDS)
            assert len(named) < 2 and not (named and "kind" in ast.unparse(node)), (module, named)


def test_public_things_have_docstrings() -> None:
    """Every public module, class, function and method says what it is for."""
    lacking = []
    for module in modules("ptm", "tasks", "flows"):
        found = tree(module)
        if found.body and ast.get_docstring(found) is None:
            lacking.append(str(module))
        public: list[tuple[str, ast.AST]] = [("", found)]
        while public:
            prefix, node = public.pop()
            for child in ast.iter_child_nodes(node):
                if isinstance(child, (*FUNCTIONS, ast.ClassDef)) and child.name[0] != "_":
                    if ast.get_docstring(child) is None and not is_override(child, node):
                        lacking.append(f"{module}:{child.lineno} {prefix}{child.name}")
                    if isinstance(child, ast.ClassDef):
                        public.append((f"{prefix}{child.name}.", child))
    assert lacking == []


def is_override(node: ast.AST, within: ast.AST) -> bool:
    """Whether a method is one of a class of another library, which says what it is for."""
    return isinstance(node, FUNCTIONS) and isinstance(within, ast.ClassDef) and bool(within.bases)


def test_public_functions_have_types() -> None:
    """Every argument and result of a public function has a type."""
    for module in modules("ptm", "tasks", "flows"):
        for node in ast.walk(tree(module)):
            if isinstance(node, FUNCTIONS) and node.name[0] != "_":
                given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                bare = [a.arg for a in given if not a.annotation and a.arg not in ("self", "cls")]
                assert bare == [] and node.returns, f"{module}:{node.lineno}"


def percentile(values: list[int]) -> float:
    return statistics.quantiles(values, n=10)[-1]


def test_modules_and_functions_are_short() -> None:
    """At the 90th percentile a module has 350 lines at most, and a function 25."""
    found = modules("ptm", "tasks", "flows")
    lengths = [len((ROOT / module).read_text(encoding="utf-8").splitlines()) for module in found]
    assert percentile(lengths) <= MOST_LINES
    functions = [length(node) for module in found for node in ast.walk(tree(module))
                 if isinstance(node, FUNCTIONS)]  # fmt: skip
    assert percentile(functions) <= MOST_OF_A_FUNCTION


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of code: from the first statement that is no docstring, with the signature."""
    first = node.body[1] if len(node.body) > 1 and ast.get_docstring(node) else node.body[0]
    end = node.end_lineno or node.lineno
    return end - first.lineno + 1 + (node.body[0].lineno - node.lineno)


# by fault: where it is planted, the code, and the rule that has to see it
PLANTED = {
    "a kind that opens": ("ptm/kinds/x.py", "open('x')", test_only_readers_open_data_files),
    "a write": ("ptm/x.py", "x.write_text('')", test_only_the_store_writes_below_the_artifacts),
    "a second reader": ("ptm/x.py", "import tomllib", test_only_the_catalog_reads_a_catalog),
    "a setting": ("ptm/x.py", "X = os.environ", test_the_environment_is_read_at_the_edge),
    "an import": ("ptm/x.py", "import ptm.book", test_nothing_but_the_book_names_the_book),
    "a word": ("ptm/x.py", "X = 'wine'", test_nothing_but_the_book_names_the_book),
    "another kind": ("ptm/kinds/x.py", "import ptm.kinds.text", test_kinds_do_not_know_each_other),
    "a table": (
        "ptm/x.py",
        "X = {'images': 1, 'fits': 2}",
        test_kinds_are_named_in_the_registry_alone,
    ),
    "a question": ("ptm/x.py", "X = kind == 'text'", test_kinds_are_named_in_the_registry_alone),
    "no docstring": ("ptm/x.py", "def f() -> None: ...", test_public_things_have_docstrings),
    "no type": ("ptm/x.py", "def f(x) -> None: ...", test_public_functions_have_types),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_breach_is_seen(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rule finds the breach that is planted beside the modules as they are."""
    name, text, rule = PLANTED[fault]
    (tmp_path / "planted").mkdir()
    (tmp_path / "planted" / Path(name).name).write_text(f'"""Planted."""\n\n{text}\n')
    real = modules

    def with_planted(*folders: str) -> list[Path]:
        inside = any(name.startswith(f"{folder.rstrip('/')}/") for folder in folders)
        return [*real(*folders), *([Path(name)] if inside else [])]

    def tree_of(module: Path) -> ast.Module:
        planted = str(module) == name
        place = tmp_path / "planted" / module.name if planted else ROOT / module
        return ast.parse(place.read_bytes())

    monkeypatch.setitem(globals(), "modules", with_planted)
    monkeypatch.setitem(globals(), "tree", tree_of)
    with pytest.raises(AssertionError):
        rule()
