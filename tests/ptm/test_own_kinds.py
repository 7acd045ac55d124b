"""Kinds and analyses of one's own: Python files that a catalog names, in the key and in workers."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import ptm
from ptm.catalog import load_catalog
from ptm.errors import CatalogError, InputError, PtmError
from ptm.explain import explain
from ptm.prepare import tensorize
from ptm.registry import kind_of

KIND = """
import numpy as np

import ptm
from helpers import area

COLOUR = "red"


class Options(ptm.Source):
    unit: str = "cm"


def read(options, part):
    sizes = []
    for file in part.files:
        text = file.path.read_text()
        if not text.strip().isdigit():
            raise ptm.BadInput("line 1", "a whole number", repr(text), file.url)
        sizes.append(area(int(text)))
    names = [file.name for file in part.files]
    return ptm.Block({"sizes": np.array(sizes, "float32")}, rows={"file": names, "size": sizes})


def views(artifact):
    yield ptm.View("sizes", f"Sizes in {COLOUR}.", table=artifact.table)
"""
HELPERS = "def area(side):\n    return side * side\n"
MEAN = """
import ptm


def analyze(options, artifacts):
    [sizes] = artifacts.values()
    return ptm.Block(tables={"mean": {"mean": [float(sizes.tensors["sizes"].mean())]}})
"""
CATALOG = """
[catalog]
name = "zoo"
kinds = { pets = "code/pets.py", mean = "code/mean.py" }

[dogs]
kind = "pets"
path = "dogs"

[dogs_mean]
kind = "mean"
of = "dogs"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a catalog, its own kinds and three files: 1, 2, 3."""
    (tmp_path / "code").mkdir()
    (tmp_path / "data" / "dogs").mkdir(parents=True)
    files = {"catalog.toml": CATALOG, "code/pets.py": KIND, "code/mean.py": MEAN}
    for name, text in {**files, "code/helpers.py": HELPERS}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    for number in (1, 2, 3):
        (tmp_path / "data" / "dogs" / f"{number}.txt").write_text(str(number))
    return tmp_path


def make(place: Path) -> dict[str, ptm.ArtifactRef]:
    """All of its catalog, read anew."""
    catalog = load_catalog(place / "catalog.toml", place / "data")
    return {name: tensorize(source, place / "store") for name, source in catalog.items()}


def edit(place: Path, file: str, old: str, new: str) -> None:
    path = place / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_made_and_cached(place: Path) -> None:
    """Sizes 1, 4, 9 and their mean; the second time nothing is made."""
    assert [ref.cached for ref in make(place).values()] == [False, False]
    dogs = ptm.load("dogs", place / "store")
    assert dogs.tensors["sizes"].tolist() == [1.0, 4.0, 9.0]
    assert dogs.tensors["sizes"].dtype == torch.float32
    assert dogs.table["file"].tolist() == ["1.txt", "2.txt", "3.txt"]
    mean = ptm.load("dogs_mean", place / "store")
    assert mean.tables["mean"]["mean"].tolist() == [pytest.approx(14 / 3)]
    assert [ref.cached for ref in make(place).values()] == [True, True]


EDITS: dict[str, tuple[str, str, str, str]] = {
    "a comment": ("pets", "    sizes = []", "    # why\n    sizes = []", ""),
    "a docstring": ("pets", "(options, part):", '(options, part):\n    """Reads."""', ""),
    "a colour of a view": ("pets", '"red"', '"blue"', ""),
    "a view": ("pets", "Sizes in", "The sizes in", ""),
    "reading": ("pets", "area(int(text))", "area(int(text) + 1)", "function pets.read changed"),
    "a helper": ("helpers", "side * side", "side**3", "function helpers.area changed"),
    "an option's default": ("pets", '"cm"', '"m"', "option unit changed from cm to m and 1 more"),
    "a constant": ("pets", "COLOUR = ", "UNUSED = 3\nCOLOUR = ", "value pets.UNUSED added"),
}


@pytest.mark.parametrize(("module", "old", "new", "why"), EDITS.values(), ids=EDITS.keys())
def test_edits(place: Path, module: str, old: str, new: str, why: str) -> None:
    """In one process: an edit that decides makes again and is named; one that draws does not."""
    make(place)
    edit(place, f"code/{module}.py", old, new)
    made = make(place)["dogs"]
    assert (made.why, made.cached) == (why, not why)
    if why:
        [cause, *_] = [c for c in explain("dogs", place / "store").causes if c.state != "unchanged"]
        assert why.startswith(str(cause))


def test_the_edited_code_is_what_runs(place: Path) -> None:
    """In a process that goes on, as a notebook, the file counts as it is now, and not as it was."""
    make(place)
    edit(place, "code/helpers.py", "side * side", "-side")
    make(place)
    assert ptm.load("dogs", place / "store").tensors["sizes"].tolist() == [-1.0, -2.0, -3.0]
    assert ptm.load("dogs_mean", place / "store").tables["mean"]["mean"].tolist() == [-2.0]


def test_put_back(place: Path) -> None:
    """Code that is put back is found again, as made before."""
    first = make(place)["dogs"]
    edit(place, "code/helpers.py", "side * side", "-side")
    assert make(place)["dogs"].path != first.path
    edit(place, "code/helpers.py", "-side", "side * side")
    back = make(place)["dogs"]
    assert back.cached and back.path == first.path


def test_two_catalogs_with_modules_of_one_name(place: Path, tmp_path: Path) -> None:
    """Each has its own `helpers`, side by side in one process, whoever was first."""
    other = tmp_path / "other"
    other.mkdir()
    for name in ("code", "data", "catalog.toml"):
        (other / name).symlink_to(place / name) if name != "code" else (other / "code").mkdir()
    for path in (place / "code").iterdir():
        (other / "code" / path.name).write_text(path.read_text())
    (other / "code" / "helpers.py").write_text("def area(side):\n    return -side\n")
    one = load_catalog(place / "catalog.toml", place / "data")["dogs"]
    two = load_catalog(other / "catalog.toml", place / "data")["dogs"]
    for source, store, sizes in ((one, "s1", [1, 4, 9]), (two, "s2", [-1, -2, -3])):
        tensorize(source, tmp_path / store)
        assert ptm.load("dogs", tmp_path / store).tensors["sizes"].tolist() == sizes
    tensorize(one, tmp_path / "s3")
    assert ptm.load("dogs", tmp_path / "s3").tensors["sizes"].tolist() == [1, 4, 9]


WORKER = """
import os, pickle, shutil, sys
from pathlib import Path
source = pickle.loads(Path(sys.argv[1]).read_bytes())
from ptm.prepare import tensorize
print(tensorize(source, sys.argv[2]).key)
"""


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


def test_packages_that_it_imports_are_in_the_key(place: Path) -> None:
    """Installed packages stand there by their versions, under the names of their distributions."""
    edit(place, "code/helpers.py", "def area", "import PIL.Image\nimport yaml\n\n\ndef area")
    make(place)
    packages = ptm.load("dogs", place / "store").manifest["packages"]
    assert {"numpy", "pillow", "pyyaml", "torch", "pyarrow", "python"} == {
        name.lower() for name in packages
    }


@pytest.mark.parametrize("name", ["pets.txt", "my-pets.py", "a.b.py", "ptm.py", "2.py"])
def test_names_that_no_module_has(place: Path, name: str) -> None:
    """A file whose name could not be imported is refused by its name."""
    (place / "code" / name).write_text(KIND)
    edit(place, "catalog.toml", "code/pets.py", f"code/{name}")
    with pytest.raises(CatalogError, match=rf"\[dogs\] kind: expected a Python file.*'{name}'"):
        make(place)


WRONG = {
    "no file": ("pets.py", None, ["[dogs] kind", "No such file", "code/pets.py"]),
    "no Python": ("pets.py", "def read(:\n", ["[dogs] kind", "pets.py, line 1", "Python"]),
    "an import that is not there": (
        "pets.py", KIND.replace("helpers", "nowhere"), ["[dogs] kind", "nowhere", "line 5"],
    ),
    "an error": ("pets.py", "import ptm\n1 / 0\n", ["ZeroDivisionError", "pets.py, line 2"]),
    "neither": ("pets.py", "x = 1\n", ["[dogs] kind", "read(options, part)", "neither"]),
    "both": ("pets.py", KIND + MEAN, ["[dogs] kind", "both"]),
    "options of another class": (
        "pets.py", KIND.replace("ptm.Source", "object"), ["[dogs] kind", "subclass of ptm.Source"],
    ),
    "in a helper": ("helpers.py", "1 +\n", ["[dogs] kind", "helpers.py, line 1"]),
}  # fmt: skip


@pytest.mark.parametrize("mistake", WRONG)
def test_code_that_is_no_kind(place: Path, mistake: str) -> None:
    """It is an error of the catalog that names entry, file and line; the others are read."""
    file, text, told = WRONG[mistake]
    path = place / "code" / file
    path.write_text(text) if text is not None else path.unlink()
    with pytest.raises(CatalogError) as raised:
        make(place)
    assert [part for part in told if part not in str(raised.value)] == []


def test_wrong_options(place: Path) -> None:
    """Options of one's own are checked as any other, with a hint at what is known."""
    edit(place, "catalog.toml", 'path = "dogs"', 'path = "dogs"\nunits = "m"')
    with pytest.raises(CatalogError, match=r"\[dogs\] units: unknown option \(did you mean 'unit'"):
        make(place)


def test_bad_input_has_the_name_and_the_file(place: Path) -> None:
    """What a kind of one's own finds wrong reads as what ptm's own find, and publishes nothing."""
    (place / "data" / "dogs" / "2.txt").write_text("two")
    with pytest.raises(InputError) as raised:
        make(place)
    assert str(raised.value) == ("dogs: line 1: expected a whole number, got 'two' (dogs/2.txt)")
    assert not (place / "store" / "dogs" / "current.json").exists()


RAISES = {
    "an exception": ("area(int(text))", "area[3]", r"^dogs: TypeError: .*\(pets\.py, line \d+\)$"),
    "in a helper": ("area(int(text))", "area(None)", r"^dogs: TypeError: .*\(helpers\.py, line 2"),
    "no block": ("return ptm.Block(", "return dict(", r"expected a ptm\.Block, got dict"),
    "tensors of text": ('np.array(sizes, "float32")', '["a"]', r"tensors\['sizes'\]: expected a"),
    "columns of unequal length": ('"size": sizes', '"size": [1]', "table 'rows'"),
    "a fact that is no JSON": ("rows={", "facts={'x': {1}}, rows={", "facts: expected values"),
    "axes of another number": (
        "rows={", "axes={'sizes': ('a', 'b')}, rows={", r"axes\['sizes'\].*got 2 for shape \[3\]",
    ),
    "bad samples": (
        "rows={", "bad=(ptm.Bad('2.txt', 'line 1', 'a cat', 'a dog'),), rows={",
        r"^dogs: line 1: expected a cat, got a dog \(dogs/2\.txt\)$",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", RAISES)
def test_what_a_kind_does_wrong(place: Path, mistake: str) -> None:
    """It is told with the name of the entry, and with the line or with what is wrong."""
    old, new, message = RAISES[mistake]
    edit(place, "code/pets.py", old, new)
    with pytest.raises(PtmError, match=message):
        make(place)


def test_what_may_pass_stays_what_it_is(place: Path) -> None:
    """An error of the system is no bad input: it is tried again."""
    edit(place, "code/pets.py", "area(int(text))", "(_ for _ in ()).throw(OSError(5, 'disk'))")
    with pytest.raises(OSError, match="disk") as raised:
        make(place)
    assert raised.value.errno == 5


def test_an_import_by_a_computed_name_is_told(place: Path) -> None:
    """What cannot be followed is told with its line, and all the code beside counts."""
    edit(place, "code/pets.py", "import ptm\n", "import ptm\n__import__('hel' + 'pers')\n")
    ref = make(place)["dogs"]
    assert re.search(r"pets, line 5: __import__\(.*all code is in the key", ref.warnings[0])


def test_views_are_drawn_once_and_kept(place: Path) -> None:
    """The views of the kind; another colour draws again, and makes nothing again."""
    make(place)
    [sizes] = ptm.load("dogs", place / "store").views
    assert sizes.sentence == "Sizes in red."
    assert [row["size"] for row in sizes.rows] == [1, 4, 9]
    [kept] = (place / "store" / "dogs" / "views").glob("*.json")
    before = kept.stat().st_mtime_ns
    assert ptm.load("dogs", place / "store").views == [sizes]
    assert kept.stat().st_mtime_ns == before
    edit(place, "code/pets.py", '"red"', '"blue"')
    assert make(place)["dogs"].cached
    [again] = ptm.load("dogs", place / "store").views
    assert again.sentence == "Sizes in blue." and json.loads(kept.read_bytes())["stamp"]


def test_views_that_cannot_be_drawn(place: Path) -> None:
    """That is said in their place, with the line; the artifact is none the worse for it."""
    edit(place, "code/pets.py", "table=artifact.table", "table=artifact.tabel")
    make(place)
    [told] = ptm.load("dogs", place / "store").views
    assert re.search(r"could not be drawn: AttributeError.*\(pets\.py, line \d+\)", told.sentence)


def test_an_installed_kind(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind of an installed package, by its entry point; its code is in the key as any other."""
    package = place / "site"
    (package / "zoo").mkdir(parents=True)
    (package / "zoo" / "__init__.py").write_text("")
    (package / "zoo" / "helpers.py").write_text(HELPERS)
    (package / "zoo" / "pets.py").write_text(KIND.replace("from helpers", "from zoo.helpers"))
    info = package / "zoo-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ptm.kinds]\npets = zoo.pets\n")
    program = """
import json, sys
sys.path.insert(0, sys.argv[1])
import ptm
catalog = ptm.load_catalog(sys.argv[2], sys.argv[3])
ref = ptm.tensorize(catalog["dogs"], sys.argv[4])
manifest = ptm.load("dogs", sys.argv[4]).manifest
print(json.dumps([ref.cached, ref.why, sorted(manifest["code"]), sorted(manifest["packages"])]))
"""
    (place / "catalog.toml").write_text('[dogs]\nkind = "pets"\npath = "dogs"\n')

    def run() -> Any:
        arguments = [package, place / "catalog.toml", place / "data", place / "store"]
        command = [sys.executable, "-P", "-B", "-c", program, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    cached, _, code, packages = run()
    assert not cached and "zoo" not in packages
    assert {"function zoo.pets.read", "function zoo.helpers.area"} <= set(code)
    path = package / "zoo" / "helpers.py"
    path.write_text(HELPERS.replace("side * side", "side + side"))
    assert run()[:2] == [False, "function zoo.helpers.area changed"]


def test_a_name_that_ptm_has(place: Path) -> None:
    """A catalog's own kind stands before one of ptm of the same name."""
    edit(place, "catalog.toml", "{ pets =", "{ text =")
    edit(place, "catalog.toml", 'kind = "pets"', 'kind = "text"')
    catalog = load_catalog(place / "catalog.toml", place / "data")
    assert kind_of(catalog["dogs"]).own is not None
    assert not tensorize(catalog["dogs"], place / "store").cached


def test_views_of_a_kind_of_ones_own_are_not_those_of_ptm(place: Path) -> None:
    """A kind that is called as one of ptm draws its own artifacts, and not those of ptm's."""
    edit(place, "catalog.toml", "{ pets =", "{ text =")
    edit(place, "catalog.toml", 'kind = "pets"', 'kind = "text"')
    make(place)
    (place / "data" / "a.txt").write_text("one two two")
    (place / "plain.toml").write_text('[words]\nkind = "text"\npath = "a.txt"\n')
    tensorize(load_catalog(place / "plain.toml", place / "data")["words"], place / "store")
    names = {
        name: [v.name for v in ptm.load(name, place / "store").views] for name in ("dogs", "words")
    }
    assert names == {"dogs": ["sizes"], "words": ["words", "word-counts", "characters"]}


def test_an_unknown_kind(place: Path) -> None:
    """Of a kind that there is not the known ones are told, those of the catalog too."""
    edit(place, "catalog.toml", 'kind = "pets"', 'kind = "pet"')
    with pytest.raises(CatalogError, match=r"one of images, .*pets, mean.*did you mean 'pets'"):
        make(place)
