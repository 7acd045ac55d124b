"""What own code imports is its own, in the key and in workers, on threads too."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

import ptm
from ptm.catalog import load_catalog
from ptm.own_code import OwnCode
from tests.support.own_kinds import WORKER, edit, make


def test_many_threads_at_once() -> None:
    """Code is loaded by as many threads as like to; each gets the module, whole."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for each in range(100):
            codes = [
                OwnCode("m", {"m": f"x = {each}, {n}".encode()}, {"m": "m.py"}) for n in range(4)
            ]
            waiting = Barrier(4)

            def load(code: OwnCode, waiting: Barrier = waiting) -> Any:
                waiting.wait()
                return code.load().x

            with ThreadPoolExecutor(4) as threads:
                again = OwnCode("m", codes[0].sources, codes[0].places)
                found = list(threads.map(load, [codes[0], again, *codes[2:]]))
            assert found == [(each, 0), (each, 0), (each, 2), (each, 3)]
    finally:
        sys.setswitchinterval(before)


def test_it_travels(place: Path, tmp_path: Path) -> None:
    """Another process has source and digest, and needs no file of the code: key and bytes agree."""
    here = make(place)["dogs"]
    source = load_catalog(place / "catalog.toml", place / "data")["dogs"]
    (tmp_path / "source.pickle").write_bytes(pickle.dumps(source))
    (place / "code").rename(tmp_path / "gone")
    command = [sys.executable, "-P", "-c", WORKER, tmp_path / "source.pickle", tmp_path / "there"]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert run.stdout.strip() == here.key
    there = ptm.load("dogs", tmp_path / "there").manifest["parts"]
    assert there == ptm.load("dogs", place / "store").manifest["parts"]
    assert pickle.loads(pickle.dumps(source)) == source


def test_packages_and_other_modules_beside(place: Path) -> None:
    """A package beside it, absolute and relative imports in it, and imports inside of functions."""
    inside = place / "code" / "shapes"
    inside.mkdir()
    (inside / "__init__.py").write_text("from .square import area\n")
    (inside / "square.py").write_text(
        "from shapes import powers\n\n\ndef area(s):\n"
        "    from . import powers as p\n    assert p is powers\n"
        "    return s**powers.TWO\n"
    )
    (inside / "powers.py").write_text("TWO = 2\n")
    edit(
        place,
        "code/pets.py",
        "from helpers import area",
        "import shapes.square\narea = shapes.square.area",
    )
    ref = make(place)["dogs"]
    assert ptm.load("dogs", place / "store").tensors["sizes"].tolist() == [1.0, 4.0, 9.0]
    code = ptm.load("dogs", place / "store").manifest["code"]
    assert {"function shapes.square.area", "value shapes.powers.TWO"} <= code.keys()
    assert not any("helpers" in name for name in code)
    edit(place, "code/shapes/powers.py", "2", "3")
    made = make(place)["dogs"]
    assert made.key != ref.key and made.why == "value shapes.powers.TWO changed"


IMPORTS = {
    "of a folder that is no package": ("util/helpers.py", "from util.helpers import area"),
    "of a folder in a folder": ("a/b/helpers.py", "import a.b.helpers\narea = a.b.helpers.area"),
    "by importlib": (
        "helpers.py", 'import importlib\narea = importlib.import_module("helpers").area',
    ),
    "by import_module": (
        "helpers.py", 'from importlib import import_module\narea = import_module("helpers").area',
    ),
    "by import_module, of a package": (
        "util/helpers.py",
        'import importlib\narea = importlib.import_module("util.helpers").area',
    ),
    "relative, or else": (
        "helpers.py",
        "try:\n    from .helpers import area\n"
        "except ImportError:\n    from helpers import area",
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", IMPORTS)
def test_ways_to_import(place: Path, how: str) -> None:
    """What Python takes is taken, is in the key, and is what runs."""
    file, code = IMPORTS[how]
    path = place / "code" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    (place / "code" / "helpers.py").rename(path)
    edit(place, "code/pets.py", "from helpers import area", code)
    make(place)
    assert ptm.load("dogs", place / "store").tensors["sizes"].tolist() == [1.0, 4.0, 9.0]
    edit(place, f"code/{file}", "side * side", "-side")
    module = file.removesuffix(".py").replace("/", ".")
    assert make(place)["dogs"].why == f"function {module}.area changed"
    assert ptm.load("dogs", place / "store").tensors["sizes"].tolist() == [-1.0, -2.0, -3.0]


def test_importlib_is_as_it_was(place: Path) -> None:
    """Of what is not beside it a kind gets by importlib what everybody gets."""
    code = (
        "import importlib.util\nimport json\n"
        'assert importlib.import_module("json") is json and importlib.util.find_spec("json")\n'
        'assert importlib.import_module(".decoder", "json") is json.decoder\n'
    )
    edit(place, "code/pets.py", "import numpy", f"{code}import numpy")
    make(place)


def test_a_kind_that_is_a_package(place: Path) -> None:
    """A kind that is large may be a package; relative imports in it are as ever."""
    package = place / "code" / "pets"
    package.mkdir()
    (place / "code" / "helpers.py").rename(package / "helpers.py")
    (place / "code" / "pets.py").rename(package / "__init__.py")
    edit(place, "code/pets/__init__.py", "from helpers", "from .helpers")
    edit(place, "catalog.toml", "code/pets.py", "code/pets/__init__.py")
    make(place)
    assert ptm.load("dogs", place / "store").tensors["sizes"].tolist() == [1.0, 4.0, 9.0]
    assert [view.name for view in ptm.load("dogs", place / "store").views] == [
        "sizes",
        "statistics",
    ]
    edit(place, "code/pets/helpers.py", "side * side", "-side")
    assert make(place)["dogs"].why == "function pets.helpers.area changed"


def test_packages_that_it_imports_are_in_the_key(place: Path) -> None:
    """Installed packages stand there by their versions, under the names of their distributions."""
    edit(place, "code/helpers.py", "def area", "import PIL.Image\nimport yaml\n\n\ndef area")
    make(place)
    packages = ptm.load("dogs", place / "store").manifest["packages"]
    assert {"numpy", "pillow", "pyyaml", "torch", "pyarrow", "python"} == {
        name.lower() for name in packages
    }


def test_an_import_by_a_computed_name_is_told(place: Path) -> None:
    """What cannot be followed is told with its line, and all the code beside counts."""
    edit(place, "code/pets.py", "import ptm\n", "import ptm\n__import__('hel' + 'pers')\n")
    ref = make(place)["dogs"]
    assert re.search(r"pets, line 5: __import__\(.*all code is in the key", ref.warnings[0])


def test_modules_of_others_with_such_a_name(tmp_path: Path) -> None:
    """A module of somebody else that begins as the packages of own code do is theirs."""
    (tmp_path / "ptm_own_things.py").write_text("x = 1\n")
    code = "import sys, ptm.own_code\nsys.path.insert(0, sys.argv[1])\nimport ptm_own_things as t\n"
    command = [sys.executable, "-P", "-c", f"{code}print(t.x)", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout == "1\n"
