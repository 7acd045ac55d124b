"""What a kind of one's own does wrong is told: what, where, and whose it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptm.errors import CatalogError, InputError, PtmError
from tests.support.own_kinds import KIND, MEAN, edit, make


@pytest.mark.parametrize(
    "name", ["pets.txt", "my-pets.py", "a.b.py", "ptm.py", "2.py", "ptm/__init__.py"]
)
def test_names_that_no_module_has(place: Path, name: str) -> None:
    """A file whose name could not be imported is refused by its name."""
    (place / "code" / name).parent.mkdir(exist_ok=True)
    (place / "code" / name).write_text(KIND)
    edit(place, "catalog.toml", "code/pets.py", f"code/{name}")
    with pytest.raises(CatalogError, match=rf"\[dogs\] kind: expected a Python file.*{name}'"):
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
    "a line that Python does not take": (
        "helpers.py", "def area(:\n",
        ["[dogs] kind: helpers.py, line 1: expected Python, got: invalid syntax\n"],
    ),
    "what only shows when it is compiled": (
        "helpers.py", "return 1\n",
        ["got SyntaxError: 'return' outside function (helpers.py, line 1)\n"],
    ),
    "an end": (
        "pets.py", "import sys\nsys.exit(3)\n",
        ["[dogs] kind", "expected Python that runs, got SystemExit: 3 (pets.py, line 2)"],
    ),
    "an end without a word": (
        "pets.py", "raise SystemExit\n", ["that runs, got SystemExit (pets.py, line 1)"],
    ),
    "a relative import": (
        "pets.py", KIND.replace("from helpers", "from .helpers"),
        ["expected `import helpers`, got a relative import", "(pets.py, line 5)"],
    ),
    "a relative import of a module": (
        "pets.py", KIND.replace("from helpers import area", "from . import helpers"),
        ["expected `import helpers`, got a relative import", "(pets.py, line 5)"],
    ),
    "a name that a helper has not": (
        "pets.py", KIND.replace("import area", "import volume"),
        ["cannot import name 'volume' from 'helpers'", "(pets.py, line 5)"],
    ),
    "a module that a package has not": (
        "pets.py", KIND.replace("from helpers", "from helpers.more"),
        ["No module named 'helpers.more'", "(pets.py, line 5)"],
    ),
    "options that are no class": (
        "pets.py", KIND.replace("class Options(ptm.Source)", "class Options"),
        ["got <class 'pets.Options'>"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", WRONG)
def test_code_that_is_no_kind(place: Path, mistake: str) -> None:
    """It is an error of the catalog that names entry, file and line; the others are read."""
    file, text, told = WRONG[mistake]
    path = place / "code" / file
    path.write_text(text) if text is not None else path.unlink()
    with pytest.raises(CatalogError) as raised:
        make(place)
    message = f"{raised.value}\n"
    assert [part for part in told if part not in message] == []
    assert "ptm_own" not in message and "<unknown>" not in message


def test_ctrl_c_is_no_error_of_a_catalog(place: Path) -> None:
    """It ends what goes on, whatever is being loaded."""
    (place / "code" / "pets.py").write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        make(place)


def test_a_mistake_that_two_entries_share(place: Path) -> None:
    """Each of them is named."""
    (place / "code" / "pets.py").write_text("x = 1\n")
    with (place / "catalog.toml").open("a") as file:
        file.write('\n[cats]\nkind = "pets"\npath = "dogs"\n')
    with pytest.raises(CatalogError, match=r"(?s)\[dogs\] kind: .*neither.*\[cats\] kind: .*neit"):
        make(place)


def test_a_file_that_no_entry_uses(place: Path) -> None:
    """It has to be there; it is not run."""
    edit(place, "catalog.toml", "{ pets", '{ cats = "code/cats.py", pets')
    with pytest.raises(CatalogError, match=r"\[catalog\] kinds\.cats: expected .*code/cats\.py"):
        make(place)
    edit(place, "catalog.toml", 'kind = "mean"', 'kind = ["mean"]')
    with pytest.raises(CatalogError, match=r"(?s)kinds\.cats: .*\[dogs_mean\] kind: expected one"):
        make(place)
    edit(place, "catalog.toml", 'kind = ["mean"]', 'kind = "mean"')
    (place / "code" / "cats.py").write_text("1 / 0\n")
    make(place)


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


def test_a_name_that_ptm_has(place: Path) -> None:
    """A catalog's own kind has another name than those of ptm, used or not."""
    edit(place, "catalog.toml", "{ pets =", '{ text = "code/pets.py", pets =')
    with pytest.raises(CatalogError, match=r"\[catalog\] kinds\.text: expected another name"):
        make(place)
    edit(place, "catalog.toml", 'kind = "pets"', 'kind = "text"')
    with pytest.raises(CatalogError, match=r"\[catalog\] kinds\.text: expected another name"):
        make(place)


def test_an_unknown_kind(place: Path) -> None:
    """Of a kind that there is not the known ones are told, those of the catalog too."""
    edit(place, "catalog.toml", 'kind = "pets"', 'kind = "pet"')
    with pytest.raises(CatalogError, match=r"one of images, .*pets, mean.*did you mean 'pets'"):
        make(place)
