"""Kinds of installed packages: found by an entry point, in the key, and run from their files."""

from __future__ import annotations

import json
import pickle
import py_compile
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ptm
from ptm import registry
from ptm.catalog import load_catalog
from ptm.errors import CatalogError
from ptm.prepare import tensorize
from tests.support.own_kinds import CATALOG, HELPERS, KIND, WORKER, make, sizes


@pytest.fixture
def installed(place: Path) -> Path:
    """The folder of a package that has the kind `pets`; the catalog names no files."""
    folder = place / "site" / "zoo"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "helpers.py").write_text(HELPERS)
    (folder / "pets.py").write_text(KIND.replace("from helpers", "from zoo.helpers"))
    info = place / "site" / "zoo-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ptm.kinds]\npets = zoo.pets\n")
    (place / "catalog.toml").write_text('[dogs]\nkind = "pets"\npath = "dogs"\n')
    return folder


@pytest.fixture
def here(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same, installed for this process."""
    monkeypatch.syspath_prepend(installed.parent)
    registry.installed_kinds.cache_clear()
    yield installed
    registry.installed_kinds.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "zoo"]:
        del sys.modules[name]


def test_an_installed_kind(place: Path, installed: Path) -> None:
    """A kind of an installed package, by its entry point; its code is in the key as any other."""
    program = """
import json, sys
sys.path.insert(0, sys.argv[1])
import ptm
catalog = ptm.load_catalog(sys.argv[2], sys.argv[3])
ref = ptm.tensorize(catalog["dogs"], sys.argv[4])
manifest = ptm.load("dogs", sys.argv[4]).manifest
print(json.dumps([ref.cached, ref.why, sorted(manifest["code"]), sorted(manifest["packages"])]))
"""

    def run() -> Any:
        places = [installed.parent, place / "catalog.toml", place / "data", place / "store"]
        command = [sys.executable, "-P", "-B", "-c", program, *map(str, places)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    cached, _, code, packages = run()
    assert not cached and "zoo" not in packages
    assert {"function zoo.pets.read", "function zoo.helpers.area"} <= set(code)
    (installed / "helpers.py").write_text(HELPERS.replace("side * side", "side + side"))
    assert run()[:2] == [False, "function zoo.helpers.area changed"]


def test_an_installed_kind_is_edited(place: Path, here: Path) -> None:
    """In a process that goes on: what runs is what the key has, whatever was imported before."""
    __import__("zoo.helpers")
    assert sizes(place) == [1.0, 4.0, 9.0]
    (here / "helpers.py").write_text(HELPERS.replace("side * side", "side * 100"))
    assert sizes(place) == [100.0, 200.0, 300.0]
    assert make(place)["dogs"].cached
    [view, _] = ptm.load("dogs", place / "store").views
    assert view.sentence == "Sizes in red."


@pytest.mark.slow
def test_an_installed_kind_travels(place: Path, here: Path, tmp_path: Path) -> None:
    """A process that has another version of the package, or none, runs what the key has."""
    made = make(place)["dogs"]
    source = load_catalog(place / "catalog.toml", place / "data")["dogs"]
    (tmp_path / "source.pickle").write_bytes(pickle.dumps(source))
    (here / "helpers.py").write_text("1 / 0\n")
    command = [sys.executable, "-P", "-c", WORKER, tmp_path / "source.pickle", tmp_path / "there"]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=here.parent)
    assert run.stdout.strip() == made.key
    assert ptm.load("dogs", tmp_path / "there").tensors["sizes"].tolist() == [1.0, 4.0, 9.0]


INSTALLED = {
    "relative imports": "from .helpers import area\nfrom . import helpers\n",
    "a package in it": "from .more import area\n",
    "its file": (
        "from pathlib import Path\n"
        'area = lambda side: side * int((Path(__file__).parent / "factor").read_text())\n'
    ),
    "a resource": (
        "from importlib import resources\n"
        "area = lambda side: side * int(resources.files(__package__).joinpath"
        '("factor").read_text())\n'
    ),
    "a resource of the package by its name": (
        "from importlib.resources import files\n"
        'area = lambda side: side * int(files("zoo").joinpath("factor").read_text())\n'
    ),
    "data of the package": (
        'import pkgutil\narea = lambda side: side * int(pkgutil.get_data(__package__, "factor"))\n'
    ),
    "a folder of data": (
        "from importlib import resources\nfrom . import data\n"
        "area = lambda side: side * int(resources.files(data).joinpath"
        '("factor").read_text())\n'
    ),
    "a compiled module": "from zoo._fast import area\n",
    "a compiled module, relative": "from ._fast import area\n",
    "a compiled module of the package": "from zoo import _fast\narea = _fast.area\n",
    "a module that may be there": (
        "try:\n    from . import _faster\nexcept ImportError:\n    from .helpers import area\n"
    ),
    "what __all__ names, which nobody asked for": (
        "import zoo\nimport zoo.helpers\narea = zoo.helpers.area\n"
    ),
    "modules of a list": (
        "import pkgutil\nimport importlib\n"
        "if False:\n    from . import helpers, more, pets\n"
        "import zoo\n"
        "names = sorted(m.name for m in pkgutil.iter_modules(zoo.__path__))\n"
        'assert names == ["_fast", "helpers", "more", "pets"], names\n'
        'area = importlib.import_module(f"zoo.{names[1]}").area\n'
    ),
}


@pytest.mark.parametrize("how", INSTALLED)
def test_what_installed_kinds_do(place: Path, here: Path, how: str) -> None:
    """Code of a package is run from its sources, and finds what it may look for beside them."""
    (here / "data").mkdir()
    for folder in (here, here / "data"):
        (folder / "factor").write_text("7")
    (here / "more").mkdir()
    (here / "more" / "__init__.py").write_text("from ..helpers import area\n")
    (here / "_fast.py").write_text("def area(side):\n    return side * 7\n")
    py_compile.compile(str(here / "_fast.py"), str(here / "_fast.pyc"), doraise=True)
    (here / "_fast.py").unlink()
    (here / "pets.py").write_text(KIND.replace("from helpers import area\n", INSTALLED[how]))
    (here / "__init__.py").write_text('__all__ = ["no_such_module", "_fast"]\n')
    squares = any(name in INSTALLED[how] for name in ("helpers", "more"))
    assert sizes(place) == ([1.0, 4.0, 9.0] if squares else [7.0, 14.0, 21.0])
    assert "zoo" not in sys.modules or "zoo.pets" not in sys.modules


WRONG_INSTALLED = {
    "a lack": ("pets.py", "import nowhere\n", "got ModuleNotFoundError: No module named 'nowhere'"),
    "a lack in the package": ("pets.py", "import zoo.nowhere\n", "No module named 'zoo.nowhere'"),
    "no Python": ("helpers.py", "1 +\n", r"helpers\.py, line 1: expected Python"),
    "an error": ("helpers.py", "1 / 0\n", r"ZeroDivisionError.*\(helpers\.py, line 1\)"),
    "nothing": ("pets.py", None, r"zoo\.pets: expected a module with a source, got none"),
    "a computed name": (
        "pets.py",
        'import importlib\nimportlib.import_module("zoo.o" + "ther")\n',
        "expected an import that names it, got 'zoo.other'.*line 2",
    ),
    "a computed name, relative": (
        "pets.py",
        'import importlib\nimport zoo.helpers\nimportlib.import_module(".oth" + "er", __package__)',
        "expected an import that names it, got 'zoo.other'.*line 3",
    ),
}


@pytest.mark.parametrize("mistake", WRONG_INSTALLED)
def test_installed_code_that_cannot_be_run(place: Path, here: Path, mistake: str) -> None:
    """It is an error of the catalog, with the entry, the kind, and the line."""
    file, text, told = WRONG_INSTALLED[mistake]
    (here / "other.py").write_text("")
    (here / file).unlink() if text is None else (here / file).write_text(text)
    with pytest.raises(CatalogError, match=rf"\[dogs\] kind: kind 'pets': .*{told}") as raised:
        make(place)
    assert "ptm_own" not in str(raised.value)


def test_kinds_of_a_name_that_others_have(place: Path, here: Path) -> None:
    """An installed kind does not show what a file beside a catalog made under the same name."""
    (place / "files.toml").write_text(CATALOG)
    tensorize(load_catalog(place / "files.toml", place / "data")["dogs"], place / "files")
    registry._seen.clear()
    assert ptm.load("dogs", place / "files").views == []
    (here / "pets.py").write_text((here / "pets.py").read_text().replace("Sizes", "Installed"))
    make(place)
    load_catalog(place / "files.toml", place / "data")
    for store, sentence in (("store", "Installed in red."), ("files", "Sizes in red.")):
        [view, _] = ptm.load("dogs", place / store).views
        assert view.sentence == sentence
