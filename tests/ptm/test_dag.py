"""The catalog is the graph: entries of other entries, of any depth, in the order that they need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import ptm
from ptm.catalog import Catalog, load_catalog, with_options
from ptm.errors import ArtifactMissing, CatalogError, InputError
from ptm.prepare import plan, tensorize

TABLE = 'kind = "table"\ncolumns = ["x", "y"]\ntarget = "y"\nrows = [[1, 2], [2, 4], [3, 6]]\n'
SUM = """
import ptm


class Options(ptm.Source):
    factor: int = 1


def analyze(options, artifacts):
    tables = [artifact.tables for artifact in artifacts.values()]
    total = sum(own["sum"]["sum"].iloc[0] if "sum" in own else 1 for own in tables)
    row = {"sum": [int(total) * options.factor], "of": [",".join(artifacts)]}
    return ptm.Block(tables={"sum": row})
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Catalog]:
    def load(text: str) -> Catalog:
        (tmp_path / "sum.py").write_text(SUM)
        head = '[catalog]\nkinds = { sum = "sum.py" }\n'
        (tmp_path / "catalog.toml").write_text(head + text, encoding="utf-8")
        return load_catalog(tmp_path / "catalog.toml", data=tmp_path)

    return load


def entry(name: str, *of: str) -> str:
    return f"[{name}]\nkind = 'sum'\nof = {list(of)}\n"


DEEP = entry("d", "c", "a") + entry("c", "b") + entry("b", "a") + f"[a]\n{TABLE}" + entry("e", "a")


def test_what_an_entry_is_of_comes_first(load: Callable[[str], Catalog]) -> None:
    """The order is that of the file, but for what has to come before: a, b, c before d."""
    assert list(load(DEEP)) == ["a", "b", "c", "d", "e"]


def test_a_name_may_stand_alone(load: Callable[[str], Catalog]) -> None:
    """`of` is a name or a list of names."""
    catalog = load(f"[a]\n{TABLE}[b]\nkind = 'sum'\nof = 'a'\n")
    assert catalog["b"].of == ("a",)


def test_what_is_needed(load: Callable[[str], Catalog]) -> None:
    """An entry needs all that it is of, whatever the depth, each once and first; nothing else."""
    catalog = load(DEEP)
    assert [one.name for one in catalog.needed(["d"])] == ["a", "b", "c", "d"]
    assert [one.name for one in catalog.needed(["b", "e", "b"])] == ["a", "b", "e"]
    assert [one.name for one in catalog.needed(["a"])] == ["a"]
    with pytest.raises(CatalogError, match="no source 'f'"):
        catalog.needed(["f"])


def test_a_long_chain(load: Callable[[str], Catalog]) -> None:
    """2,000 entries, each of the one behind it, are no deeper than two."""
    chain = "".join(entry(f"s{n}", f"s{n + 1}") for n in range(2000)) + f"[s2000]\n{TABLE}"
    catalog = load(chain)
    assert next(iter(catalog)) == "s2000" and list(catalog)[-1] == "s0"
    assert len(catalog.needed(["s0"])) == 2001


WRONG = {
    "a cycle": (
        entry("a", "b") + entry("b", "c") + entry("c", "a"),
        ["of: expected entries that do not wait for each other", "a -> b -> c -> a"],
    ),
    "itself": (entry("a", "a"), ["[a] of", "a -> a"]),
    "a missing name": (
        f"[wine]\n{TABLE}" + entry("b", "wines"),
        ["[b] of: expected an entry of this catalog, got 'wines' (did you mean 'wine'?)"],
    ),
    "a name twice": (
        f"[a]\n{TABLE}" + entry("b", "a", "a"),
        ["[b] of: expected each name once, got 'a' more often"],
    ),
    "an entry twice": (f"[a]\n{TABLE}[a]\n{TABLE}", ["TOML", "twice"]),
    "nothing": (
        "[b]\nkind = 'sum'\n",
        ["[b] of: expected this option (the entries whose", "got nothing"],
    ),
    "an empty list": (
        "[b]\nkind = 'sum'\nof = []\n",
        ["[b] of: expected this option (the entries whose", "got []"],
    ),
    "a path for an analysis": (
        f"[a]\n{TABLE}" + entry("b", "a") + "path = 'a'\n",
        ["[b] path: unknown option; known: kind, of, factor, timeout"],
    ),
    "of for a reader": (f"[a]\n{TABLE}[b]\nof = 'a'\n{TABLE}", ["[b] of: unknown option"]),
    "a number": ("[b]\nkind = 'sum'\nof = 3\n", ["[b] of", "3"]),
    "several wrong": (
        entry("b", "wines", "b"),
        ["[b] of: expected an entry of this catalog, got 'wines'", "b -> b"],
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_wrong_edges(load: Callable[[str], Catalog], mistake: str) -> None:
    """What is wrong with an edge is an error of the catalog that names entry and option."""
    text, told = WRONG[mistake]
    with pytest.raises(CatalogError) as raised:
        load(text)
    assert [part for part in told if part not in str(raised.value)] == []


def test_made_of_what_is_in_the_store(load: Callable[[str], Catalog], tmp_path: Path) -> None:
    """Each entry reads what it is of, in the order of `of`: 1, 1, 1 and (1 + 1)."""
    store = tmp_path / "store"
    catalog = load(DEEP)
    made = [tensorize(one, store) for one in catalog.values()]
    assert [ref.kind for ref in made] == ["table", "sum", "sum", "sum", "sum"]
    rows = ptm.load("d", store).tables["sum"].to_dict("records")
    assert rows == [{"sum": 2, "of": "c,a"}]
    assert all(tensorize(one, store).cached for one in catalog.values())


def test_an_upstream_that_is_not_there(load: Callable[[str], Catalog], tmp_path: Path) -> None:
    """The entry that is missing is named, with the command that makes it."""
    with pytest.raises(ArtifactMissing, match=r"^a: expected an artifact.*ptm run a"):
        tensorize(load(DEEP)["e"], tmp_path / "store")


def test_early_cutoff(load: Callable[[str], Catalog], tmp_path: Path) -> None:
    """What is made again with the same bytes leaves all that is of it cached; else all goes on."""
    store, catalog = tmp_path / "store", load(DEEP)
    for one in catalog.values():
        tensorize(one, store)
    same = with_options(catalog["a"], {"units": {"x": "mm"}})
    assert not tensorize(same, store).cached and not tensorize(catalog["b"], store).cached
    tensorize(catalog["a"], store)
    twice = with_options(catalog["b"], {"factor": 2})
    assert not tensorize(twice, store).cached
    again = tensorize(catalog["c"], store)
    assert not again.cached and again.why == "upstream b sum.parquet changed"
    assert tensorize(catalog["e"], store).cached


def test_plan_goes_down_the_graph(load: Callable[[str], Catalog], tmp_path: Path) -> None:
    """A plan says what would be made, what may have to be, and what cannot, at every depth."""
    store, catalog = tmp_path / "store", load(DEEP)
    actions = {one.name: (one.action, one.why) for one in plan(catalog.values(), store)}
    assert actions["a"] == ("make", "new")
    assert actions["b"] == ("maybe", "a would be made first")
    assert actions["c"] == ("maybe", "b would be made first")
    assert actions["d"] == ("maybe", "c would be made first")
    for one in catalog.values():
        tensorize(one, store)
    assert {one.action for one in plan(catalog.values(), store)} == {"cached"}
    forced = {one.name: one.action for one in plan(catalog.values(), store, force=["c"])}
    assert forced == {"a": "cached", "b": "cached", "c": "make", "d": "cached", "e": "cached"}
    broken = load(DEEP.replace(TABLE, "kind = 'text'\npath = 'gone.txt'\n"))
    told = {one.name: (one.action, one.why) for one in plan(broken.values(), store)}
    assert told["a"][0] == "fail" and "gone.txt" in told["a"][1]
    assert told["b"] == ("fail", "a would not be made") == told["e"]
    assert told["d"][0] == "fail"


def test_errors_of_an_analysis_have_its_name(tmp_path: Path) -> None:
    """What is wrong with an artifact is told of the entry that reads it, and names the artifact."""
    text = f"[a]\n{TABLE}[t]\nkind = 'threshold'\nof = 'a'\ncolumn = 'z'\n"
    (tmp_path / "catalog.toml").write_text(text)
    catalog = load_catalog(tmp_path / "catalog.toml")
    tensorize(catalog["a"], tmp_path / "store")
    with pytest.raises(InputError, match=r"^t: column 'z': expected one of .*x, y.* \(a\)$"):
        tensorize(catalog["t"], tmp_path / "store")
