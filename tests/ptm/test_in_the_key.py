"""What a content depends on is in its key, and what it does not depend on is not.

In each test something is made, one thing is edited, and it is made again in the same store: the
values must be those of the edit.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ptm
from ptm.catalog import load_catalog
from ptm.errors import CatalogError, PtmError
from ptm.key import code_of
from ptm.prepare import tensorize
from ptm.registry import KINDS, kind_named, kind_of
from tests.support.stores import python

TABLES = """
[a]
kind = "table"
columns = ["x"]
rows = [[1.0], [2.0]]
standardize = false

[b]
kind = "table"
columns = ["x"]
rows = [[5.0], [6.0]]
standardize = false
"""
PETS = 'kinds = { pets = "pets.py" }\n[pets]\nkind = "pets"\npath = "one.txt"\n'
READS = "def read(options, part):\n"
ANALYSIS = """
import ptm


def analyze(options, artifacts):
    {code}
"""
Make = Callable[..., dict[str, ptm.ArtifactRef]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes Python files, and a catalog of what follows its head; makes all of its entries."""
    (tmp_path / "one.txt").write_text("1")

    def make(catalog: str, **files: str) -> dict[str, ptm.ArtifactRef]:
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        (tmp_path / "catalog.toml").write_text(f"[catalog]\n{catalog}", encoding="utf-8")
        found = load_catalog(tmp_path / "catalog.toml", tmp_path)
        return {name: tensorize(source, tmp_path / "store") for name, source in found.items()}

    return make


def values(ref: ptm.ArtifactRef) -> Any:
    """The only tensor of an artifact, as lists."""
    artifact = ptm.load(ref.name, Path(ref.path).parent.parent)
    [tensor] = artifact.tensors.values()
    return tensor.tolist()


def analysis(code: str) -> str:
    return ANALYSIS.format(code=code)


def of(names: str) -> str:
    return f'kinds = {{ own = "own.py" }}{TABLES}\n[c]\nkind = "own"\nof = {names}\n'


DIFFERENCE = analysis(
    'a, b = (one.tensors["features"] for one in artifacts.values())\n'
    '    return ptm.Block({"difference": a - b})'
)


def test_the_order_of_what_it_is_of(make: Make) -> None:
    """a - b is no b - a."""
    assert values(make(of('["a", "b"]'), own=DIFFERENCE)["c"]) == [[-4.0], [-4.0]]
    again = make(of('["b", "a"]'), own=DIFFERENCE)["c"]
    assert not again.cached and values(again) == [[4.0], [4.0]]
    assert 'option of changed from ["a", "b"] to ["b", "a"]' in again.why


CHAIN = """
kinds = {{ pets = "pets.py", own = "own.py" }}

[p]
kind = "pets"
path = "one.txt"
mm = {mm}

[c]
kind = "own"
of = "p"
"""
SAID = """
import numpy as np
import ptm


class Options(ptm.Source):
    mm: float = 1.0


def read(options, part):
    return ptm.Block(
        {"x": np.ones((1, 1))},
        axes={"x": ("sample", f"of {options.mm:g} mm")},
        scaler=ptm.Scaler("standard", ("x",), (0.0,), (options.mm,)),
        facts={"mm": options.mm},
        notes=(f"{options.mm:g} mm",),
    )
"""


@pytest.mark.parametrize("said", ["facts", "axes", "scaler", "warnings"])
def test_what_is_said_of_what_it_is_of(make: Make, said: str) -> None:
    """Facts, axes, scaler and notes of an upstream decide, even where its files stay."""
    asked = {
        "facts": 'one.manifest["facts"]["mm"]',
        "axes": 'float(one.manifest["tensors"]["x"]["axes"][1].split()[1])',
        "scaler": "one.scaler.scale[0]",
        "warnings": 'float(one.manifest["warnings"][0].split()[0])',
    }[said]
    own = analysis(
        f'[one] = artifacts.values()\n    return ptm.Block({{"y": one.tensors["x"] * {asked}}})'
    )
    assert values(make(CHAIN.format(mm=1.0), pets=SAID, own=own)["c"]) == [[1.0]]
    again = make(CHAIN.format(mm=2.0), pets=SAID, own=own)
    assert values(again["c"]) == [[2.0]]
    assert again["c"].why == "upstream p manifest.json changed"


def test_what_an_analysis_is_not_told(make: Make) -> None:
    """What an upstream was made of is not in the key, so no analysis is told; it is in `load`."""
    own = analysis(
        "[one] = artifacts.values()\n"
        "    found = sorted(one.manifest), repr(one), one._repr_html_()\n"
        '    return ptm.Block(tables={"x": {"entry": found[0]}})'
    )
    ref = make(CHAIN.format(mm=1.0), pets=SAID, own=own)["c"]
    given = set(ptm.load("c", Path(ref.path).parent.parent).tables["x"]["entry"])
    assert {"facts", "tensors", "tables", "learned", "kind", "parts"} <= given
    assert not {"options", "inputs", "code", "packages", "key"} & given
    asks = analysis('[one] = artifacts.values()\n    return one.manifest["options"]')
    with pytest.raises(PtmError, match=r"^c: KeyError: 'options' \(own.py, line 7\)"):
        make(CHAIN.format(mm=1.0), pets=SAID, own=asks)


def test_another_way_to_the_same_content(make: Make) -> None:
    """What an upstream was made of does not matter to who reads it: only what it is."""
    own = analysis('[one] = artifacts.values()\n    return ptm.Block({"y": one.tensors["x"]})')
    make(CHAIN.format(mm=1.0), pets=SAID, own=own)
    other = SAID.replace("np.ones((1, 1))", "np.zeros((1, 1)) + 1")
    again = make(CHAIN.format(mm=1.0), pets=other, own=own)
    assert not again["p"].cached and again["c"].cached


VIEWED = """
import numpy as np
import ptm


class Options(ptm.Source):
    factor: float = 2.0

    @property
    def twice(self):
        return 2


def read(options, part):
    return ptm.Block({"x": np.array([options.twice])})


def views(artifact):
    known = Options.model_construct(name="x"), read.__name__
    yield ptm.View("known", f"Known: {known}.", table=artifact.manifest["facts"])
"""


@pytest.mark.parametrize("mended", ["return 2", "np.array(["])
def test_what_views_mention_decides(make: Make, mended: str) -> None:
    """Options and `read` are asked for by their names, so they decide whatever uses them."""
    assert values(make(PETS, pets=VIEWED)["pets"]) == [2]
    other = {"return 2": "return 50", "np.array([": "25 * np.array(["}[mended]
    assert values(make(PETS, pets=VIEWED.replace(mended, other))["pets"]) == [50]


@pytest.mark.parametrize("name", ["pydantic_helpers", "ptmx", "ptm_source", "ptm_own_code"])
def test_modules_with_names_like_others(make: Make, name: str) -> None:
    """A module is no package because its name begins like one."""
    pets = f"""
import numpy as np
import ptm
from {name} import scale


def read(options, part):
    return ptm.Block({{"x": np.array([scale(1)])}})
"""
    helper = "def scale(x):\n    return x * {}\n"
    assert values(make(PETS, pets=pets, **{name: helper.format(2)})["pets"]) == [2]
    assert values(make(PETS, pets=pets, **{name: helper.format(100)})["pets"]) == [100]


@pytest.mark.parametrize("option", ["max_bytes", "max_columns", "rows_at_once"])
def test_options_with_names_like_limits(make: Make, option: str) -> None:
    """An option of one's own decides, whatever its name is; unless the kind calls it a limit."""
    pets = f"""
import numpy as np
import ptm


class Options(ptm.Source):
    {option}: int = 1


def read(options, part):
    return ptm.Block({{"x": np.array([options.{option}])}})
"""
    assert values(make(PETS + f"{option} = 2\n", pets=pets)["pets"]) == [2]
    assert values(make(PETS + f"{option} = 5\n", pets=pets)["pets"]) == [5]
    head = "class Options(ptm.Source):\n"
    told = pets.replace(head, f'{head}    limits = frozenset({{"{option}"}})\n')
    assert values(make(PETS + f"{option} = 2\n", pets=told)["pets"]) == [2]
    assert make(PETS + f"{option} = 5\n", pets=told)["pets"].cached


@pytest.mark.parametrize("option", ["timeout", "path", "name", "of", "kind", "root"])
def test_options_that_every_entry_has(make: Make, option: str) -> None:
    """Options of one's own have other names than those that every entry has."""
    pets = (
        f"import ptm\n\n\nclass Options(ptm.Source):\n    {option}: str = 'x'\n\n\n{READS}    1\n"
    )
    with pytest.raises(CatalogError, match=f"expected other names of options, got '{option}'"):
        make(PETS, pets=pets)


IMPORTS = {
    "at the top": f"import ptm as p\n\n\n{READS}    return p.Scaler\n",
    "inside": f"{READS}    import ptm as p\n    return p.Scaler\n",
    "from, inside": f"{READS}    from ptm import Scaler\n    return Scaler\n",
    "a module": f"import ptm.scaling\n\n\n{READS}    return ptm.scaling.Scaler\n",
    "a module, inside": f"{READS}    import ptm.scaling\n    return ptm.Scaler\n",
}


@pytest.mark.parametrize("how", IMPORTS)
def test_imports_of_ptm(make: Make, tmp_path: Path, how: str) -> None:
    """An import of ptm is followed to what is asked for, wherever it stands; and no further."""
    with pytest.raises(PtmError, match=r"^pets: kind 'pets': expected a ptm\.Block, got "):
        make(PETS, pets=IMPORTS[how])
    code = code_of(kind_of(load_catalog(tmp_path / "catalog.toml", tmp_path)["pets"]))
    assert {name for name in code.digests if " " not in name} == {
        *("ptm.scaling", "ptm.stats", "ptm.distinct"),
        "ptm.parts",  # which cuts its files
        "ptm.defaults",  # which scales, where it says nothing
        *("ptm.learned", "ptm.treatment"),
        # what is measured of columns
        *("ptm.profiling", "ptm.profile", "ptm.described", "ptm.histogram", "ptm.arrow"),
    }
    assert not code.unresolved


def test_how_many_threads_there_are() -> None:
    """They decide nothing."""
    for kind in KINDS:
        assert "ptm.budget" not in code_of(kind_named(kind)).digests


SETS = """
import ptm


class Options(ptm.Source):
    skip: frozenset[str] = frozenset("abcdefgh")
    deep: dict[str, tuple[frozenset[int], ...]] = {"x": (frozenset(range(50)),)}


def read(options, part):
    return ptm.Block(rows={"n": [len(options.skip)]})
"""


def test_sets_among_options(make: Make, tmp_path: Path) -> None:
    """The order in which a process has the members of a set decides nothing."""
    key = make(PETS, pets=SETS)["pets"].key
    code = (
        "import sys\nfrom ptm.catalog import load_catalog\nfrom ptm.prepare import plan\n"
        "[made] = plan(load_catalog(sys.argv[1], sys.argv[2]).values(), sys.argv[3])\n"
        "print(made.action)"
    )
    places = (tmp_path / "catalog.toml", tmp_path, tmp_path / "store")
    for seed in range(3):
        assert python(code, *places, PYTHONHASHSEED=str(seed)).strip() == "cached"
    assert key


SLIPS = {
    "too few arguments": (f"{READS.replace('options, ', '')}    return 1\n", "TypeError: read"),
    "no function": ("read = 3\n", "TypeError: 'int' object is not callable"),
    "an exit": (f"import sys\n\n\n{READS}    sys.exit(3)\n", r"SystemExit: 3 \(pets.py, line 5"),
    "a slip": (f"{READS}    return 1 / 0\n", r"ZeroDivisionError: .* \(pets.py, line 2\)"),
    "no block": (f"{READS}    return 1\n", "kind 'pets': expected a ptm.Block, got int"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_slips_in_own_code(make: Make, slip: str) -> None:
    """Whatever a kind does wrong is a PtmError that begins with the entry and names the file."""
    code, said = SLIPS[slip]
    with pytest.raises(PtmError, match=f"^pets: {said}") as caught:
        make(PETS, pets=code)
    assert "pets.py" in str(caught.value) or "kind 'pets'" in str(caught.value)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_numbers_that_no_key_has(make: Make, number: str) -> None:
    """Options are finite."""
    pets = (
        f"import ptm\n\n\nclass Options(ptm.Source):\n    fill: float = 0.0\n\n\n{READS}    pass\n"
    )
    with pytest.raises(CatalogError, match=r"fill: .*finite"):
        make(f"{PETS}fill = {number}\n", pets=pets)


TYPES = """
from enum import Enum
from pathlib import Path

import ptm


class Colour(Enum):
    RED = "red"


class Options(ptm.Source):
    columns: list[str] = []
    pairs: tuple[tuple[int, ...], ...] = ()
    skip: frozenset[str] = frozenset()
    other: Path = Path("x")
    colour: Colour = Colour.RED
    by_name: dict[str, list[float]] = {}


def read(options, part):
    types = {name: type(getattr(options, name)).__name__ for name in Options.model_fields}
    return ptm.Block(rows={"n": [1]}, facts=types)
"""
GIVEN = """
columns = ["a", "b"]
pairs = [[1, 2], [3]]
skip = ["b", "a"]
other = "b"
colour = "red"
by_name = { x = [1, 2.5] }
"""


def test_types_of_options(make: Make, tmp_path: Path) -> None:
    """An array of the catalog is what the option says; paths and enumerations are taken too."""
    ref = make(PETS + GIVEN, pets=TYPES)["pets"]
    manifest = ptm.load("pets", tmp_path / "store").manifest
    assert manifest["facts"]["columns"] == "list" and manifest["facts"]["pairs"] == "tuple"
    assert manifest["facts"]["skip"] == "frozenset" and manifest["facts"]["colour"] == "Colour"
    assert manifest["options"] == {
        "columns": ["a", "b"],
        "pairs": [[1, 2], [3]],
        "skip": ["a", "b"],
        "other": "b",
        "colour": "red",
        "by_name": {"x": [1.0, 2.5]},
    }
    assert make(PETS + GIVEN, pets=TYPES)["pets"].key == ref.key
    with pytest.raises(CatalogError, match=r"\[pets\] columns.0: expected a text, got 3"):
        make(f"{PETS}columns = [3]\n", pets=TYPES)
