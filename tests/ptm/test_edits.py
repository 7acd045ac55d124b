"""One row for each edit: what it makes again, and what it does not.

Each row runs for real, in processes of their own, on a copy of the package and of sample data.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ptm.key import PACKAGE
from tests.ptm.place import Place, start_runner
from tests.support.stores import BOOK

IMAGES, CT, TABLES, SERIES, TEXT = (
    {"dog", "cats"},
    {"ct"},
    {"wine", "temperature"},
    {"bikes"},
    {"austen"},
)
SOURCES = IMAGES | CT | TABLES | SERIES | TEXT
THRESHOLD = {"wine_threshold"}
WINE = "p1ch4/tabular-wine/winequality-white.csv"


@pytest.fixture(scope="module")
def runner() -> Iterator[subprocess.Popen[str]]:
    """Runs what it is told in processes of their own."""
    with start_runner() as process:
        yield process


@pytest.fixture(scope="module")
def made(
    runner: subprocess.Popen[str], sample: Path, tmp_path_factory: pytest.TempPathFactory
) -> Place:
    """Everything made once."""
    folder = tmp_path_factory.mktemp("edits")
    shutil.copytree(PACKAGE, folder / "ptm", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(sample, folder / "data")
    shutil.copy(BOOK, folder / "catalog.toml")
    place = Place(folder, runner)
    assert place.run() == SOURCES | THRESHOLD
    assert set(place.why.values()) == {"new"}
    assert place.run() == set()
    return place


@pytest.fixture
def place(made: Place, tmp_path: Path) -> Place:
    """A copy of it, to be edited."""
    return Place(shutil.copytree(made.folder, tmp_path / "copy"), made.runner)


Edit = Callable[[Place], object]


def substitute(file: str, old: str, new: str) -> Edit:
    return lambda place: place.substitute(file, old, new)


def code(file: str, old: str, new: str) -> Edit:
    return substitute(f"ptm/{file}", old, new)


def append(file: str, text: str = "UNUSED = 1") -> Edit:
    """A line more at the end of a module: code, that changes no output."""
    return code(file, r"\Z", f"\n{text}\n")


def option(name: str, **options: Any) -> Edit:
    return lambda place: place.catalog(lambda catalog: catalog[name].update(options))


def version(**fakes: str) -> Edit:
    return lambda place: place.fakes.update(fakes)


def touch(place: Place) -> None:
    for path in (place.folder / "data").rglob("*"):
        os.utime(path, ns=(1, 1))


def copied(place: Place) -> None:
    """The same bytes in other files of another folder."""
    shutil.copytree(place.folder / "data", place.folder / "copied")
    shutil.rmtree(place.folder / "data")
    place.data = "copied"


def renamed(place: Place) -> None:
    (place.folder / "data").rename(place.folder / "renamed")
    place.data = "renamed"


def pixel(place: Place) -> None:
    slice_ = next((place.folder / "data/p1ch4/volumetric-dicom").rglob("*.dcm"))
    raw = slice_.read_bytes()
    slice_.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))


def image_more(place: Place) -> None:
    folder = place.folder / "data/p1ch4/image-cats"
    shutil.copy(folder / "cat1.png", folder / "cat9.png")


def swapped_units(catalog: dict[str, Any]) -> None:
    units = catalog["temperature"]["units"]
    units["t_u"], units["t_c"] = units["t_c"], units["t_u"]


def other_order(value: Any) -> Any:
    """Every table of the catalog turned round; lists stay, their order means something."""
    if not isinstance(value, dict):
        return value
    return {key: other_order(value[key]) for key in reversed(value)}


def reformatted(place: Place) -> None:
    """Every module written anew: line breaks, quotes, comments and docstrings are others."""
    for module in (place.folder / "ptm").rglob("*.py"):
        tree = ast.parse(module.read_bytes())
        for node in ast.walk(tree):
            documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
            if isinstance(node, documented) and ast.get_docstring(node) is not None:
                node.body[0] = ast.Expr(ast.Constant("Another docstring."))
        text = ast.unparse(tree)
        module.write_text(text.replace("\n    ", "\n\n    # why\n    ", 1) + "\n# the end\n")


QUOTED = substitute(f"data/{WINE}", r"\n([\d.]+);", r'\n"\1";')
ROWS: dict[str, tuple[Edit, set[str], str]] = {
    # inputs
    "touch every file": (touch, set(), ""),
    "rename the data root": (renamed, set(), ""),
    "copy the data root": (copied, set(), ""),
    "one digit of a table": (
        substitute(f"data/{WINE}", r"\n(\d)", r"\n1\1"),
        {"wine"} | THRESHOLD,
        f"file {WINE} changed|upstream wine",
    ),
    "one letter of a text": (
        substitute("data/p1ch4/jane-austen/1342-0.txt", "the", "thy"),
        TEXT,
        "file .* changed",
    ),
    "one pixel of a slice": (pixel, CT, r"file .*\.dcm changed"),
    "one image more": (image_more, {"cats"}, r"file .*/cat9\.png added"),
    "a file whose output is identical": (QUOTED, {"wine"}, f"file {WINE} changed"),
    # options
    "an option": (
        option("cats", standardize=False),
        {"cats"},
        "option standardize changed from true to false",
    ),
    "an option of a source that is analysed": (
        option("wine", standardize=False),
        {"wine"} | THRESHOLD,
        "option standardize|upstream wine",
    ),
    "the values of two options swapped": (
        lambda place: place.catalog(swapped_units),
        {"temperature"},
        r"option units\.t_u .* and 1 more",
    ),
    "the order of columns": (
        option("temperature", columns=["t_c", "t_u"]),
        {"temperature"},
        "option columns changed",
    ),
    "the order of rows": (
        lambda place: place.catalog(lambda c: c["temperature"]["rows"].reverse()),
        {"temperature"},
        "option rows changed",
    ),
    "the order of tables in the catalog": (lambda place: place.catalog(other_order), set(), ""),
    "a whole number written as one": (
        lambda place: place.catalog(lambda c: c["bikes"]["scale"].update(weathersit=[1.0, 4.0])),
        set(),
        "",
    ),
    "an option with identical output: encoding": (
        option("wine", encoding="ascii"),
        {"wine"},
        "option encoding changed from utf-8 to ascii",
    ),
    "an option with identical output: measures": (
        option("wine", measures={"quality": "ordinal", "pH": "continuous"}),
        {"wine"},
        r"option measures\.pH added",
    ),
    # code
    "reformat every module": (reformatted, set(), ""),
    "code that decides no content": (
        lambda place: [
            append(f"{name}.py")(place)
            for name in (
                "prepare",
                "key",
                "index",
                "explain",
                "catalog",
                "store/publishing",
                "book/sample",
                "download",
            )
        ],
        set(),
        "",
    ),
    "the room of tables": (
        append("kinds/table/__init__.py"),
        TABLES,
        r"module ptm\.kinds\.table changed",
    ),
    "a helper of delimited files": (
        append("readers/delimited/columns.py"),
        TABLES | SERIES | IMAGES,
        "module .*delim",
    ),
    "a helper of three rooms": (
        code("encoding.py", r"1\.0\)", "0.5 * 2)"),
        TABLES | SERIES | TEXT,
        "module ptm.encoding",
    ),
    "a helper of three rooms, with other output": (
        code("encoding.py", r"1\.0\)", "0.1)"),
        TABLES | SERIES | TEXT | THRESHOLD,
        "module|upstream",
    ),
    "a helper of the volumes": (
        append("readers/dicom/slices.py"),
        CT,
        "module ptm.readers.dicom.slices changed",
    ),
    "a reader of three kinds": (
        append("readers/text.py"),
        TABLES | SERIES | TEXT | IMAGES,
        "module ptm.readers.text",
    ),
    "a module of the analysis": (
        append("kinds/threshold/__init__.py"),
        THRESHOLD,
        "module ptm.kinds.threshold changed",
    ),
    "what draws": (
        lambda place: [
            append(f"{name}.py")(place)
            for name in ("draw/figures", "draw/tables", "summaries", "views", "model", "errors")
        ],
        set(),
        "",
    ),
    "another colour": (code("draw/figures.py", "#c0392b", "#ff0000"), set(), ""),
    "another sentence of a view": (
        code("kinds/threshold/__init__.py", "The same means, in standard", "Means, in standard"),
        set(),
        "",
    ),
    # packages
    "a package of the volumes": (
        version(pydicom="99"),
        CT,
        r"package pydicom changed from [\d.]+ to 99",
    ),
    "a package of the images": (version(imageio="99"), IMAGES, "package imageio changed"),
    "a package of images and slices": (
        version(pillow="99"),
        IMAGES | CT,
        "package pillow changed",
    ),
    "a package of the analysis": (version(pandas="99"), THRESHOLD, "package pandas changed"),
    "the package that draws": (version(matplotlib="99"), set(), ""),
    "a package of all": (version(numpy="99"), SOURCES | THRESHOLD, "package numpy changed"),
    "a package of none": (version(prefect="99", pydantic="99"), set(), ""),
}


# of each sort of row a sample is quick: every fifth
EACH_ROW = [
    pytest.param(*row, id=name, marks=[pytest.mark.slow] * bool(number % 5))
    for number, (name, row) in enumerate(ROWS.items())
]


@pytest.mark.parametrize(("edit", "expected", "why"), EACH_ROW)
def test_edit(place: Place, edit: Edit, expected: set[str], why: str) -> None:
    """After an edit exactly what depends on it is made again, and says for what."""
    edit(place)
    assert place.run() == expected
    for name in expected:
        assert re.match(why, place.why[name]), place.why[name]


def test_put_back(place: Place) -> None:
    """An option, a file and a module that are put back are hits: what they had made is found."""
    before = shutil.copytree(place.folder, place.folder.with_name("before"))
    place.run()
    paths = place.paths
    option("wine", standardize=False)(place)
    pixel(place)
    append("kinds/text.py")(place)
    assert place.run() == {"wine", "ct", "austen"} | THRESHOLD
    for entry in ("ptm", "data", "catalog.toml"):
        gone = place.folder / entry
        shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
        (before / entry).rename(gone)
    assert place.run() == set() and place.paths == paths
    assert place.why["wine"] == "option standardize changed from false to true"
    assert place.why["austen"] == "module ptm.kinds.text changed"
    assert place.why["dog"] == ""


HIDDEN = """
_plain = read

def read(options, part):
    content = _plain(options, part)
    {import_}
    content.facts["hidden"] = hidden.VALUE
    return content
"""
IMPORTS = {
    "by a computed name": (
        "import importlib; name = 'hidden'; hidden = importlib.import_module(f'ptm.{name}')"
    ),
    "by exec": "hidden = {}; exec('from ptm import hidden', hidden); hidden = hidden['hidden']",
}


@pytest.mark.slow
@pytest.mark.parametrize("import_", IMPORTS.values(), ids=IMPORTS.keys())
def test_an_import_that_cannot_be_followed(place: Place, import_: str) -> None:
    """It is told in the warnings, and what it imports counts all the same, as all of ptm does."""
    append("kinds/text.py", HIDDEN.format(import_=import_).replace("\\", "\\\\"))(place)
    (place.folder / "ptm" / "hidden.py").write_text("VALUE = 1\n")
    assert place.run() == TEXT
    manifest = place.manifest("austen")
    modules = {path.stem for path in (place.folder / "ptm").glob("*.py")} - {"__init__"}
    assert {f"ptm.{name}" for name in modules} <= manifest["code"].keys()
    assert manifest["facts"]["hidden"] == 1
    assert manifest["warnings"] and "all code is in the key" in manifest["warnings"][-1]
    assert re.match(r"ptm\.kinds\.text, line \d+: ", manifest["warnings"][-1])
    (place.folder / "ptm" / "hidden.py").write_text("VALUE = 2\n")
    assert place.run() == TEXT and place.why["austen"] == "module ptm.hidden changed"
    assert place.manifest("austen")["facts"]["hidden"] == 2
    append("download.py")(place)
    assert place.run() == TEXT and place.why["austen"] == "module ptm.download changed"


@pytest.mark.slow
def test_relative_imports(place: Place) -> None:
    """A relative import is followed like any other, and nothing is warned of."""
    home = "kinds/images/__init__.py"
    code(home, r"from ptm\.readers\.pictures", "from ...readers.pictures")(place)
    code(home, r"from ptm\.scaling import", "from ...scaling import")(place)
    assert place.run() == IMAGES
    manifest = place.manifest("cats")
    assert manifest["warnings"] == [] and "ptm.scaling" in manifest["code"]
    append("scaling.py")(place)
    assert place.run() == IMAGES | TABLES | SERIES | TEXT
