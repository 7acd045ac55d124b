"""Views: drawn once for a publication, kept by the store, the same everywhere, in no key."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

import ptm
from ptm import draw, store
from ptm.catalog import load_catalog
from ptm.model import Artifact, Block, View
from ptm.prepare import tensorize
from ptm.registry import KINDS, Kind, kind_named
from ptm.views import NAME, Drawn, load, table_rows, views_of
from ptm.views import drawn as all_drawn
from tests.support.kinds import published
from tests.support.machine import part_file
from tests.support.stores import ABOUT, BOOK, flip, listing

# by entry of the book, the names of its views
VIEWS = {
    "dog": ["contact-sheet", "statistics"],
    "cats": ["contact-sheet", "statistics"],
    "ct": ["slices", "statistics"],
    "wine": ["columns", "histograms", "classes", "statistics"],
    "bikes": ["week", "statistics"],
    "austen": ["words", "word-counts", "characters", "statistics"],
    "temperature": ["columns", "histograms", "statistics"],
    "wine_threshold": ["groups", "group-means", "columns", "roc"],
    "temperature_fits": ["fits", "readings", "lines", "loss-curves"],
}


@pytest.fixture(scope="module")
def root(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with all of the sample's entries."""
    root = tmp_path_factory.mktemp("views") / "store"
    for source in load_catalog(BOOK, sample).values():
        tensorize(source, root)
    return root


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """A copy of that store, in which nothing was drawn."""
    left_out = shutil.ignore_patterns("views")
    return shutil.copytree(root, tmp_path / "copy", ignore=left_out)


@pytest.mark.parametrize("name", VIEWS)
def test_every_entry_has_views(root: Path, name: str) -> None:
    """Each has its tables and pictures, each with a sentence; pictures fit into the dashboard."""
    views = load(name, root).views
    assert [view.name for view in views] == VIEWS[name]
    for view in views:
        assert view.sentence.endswith(".") and (view.rows is None) == bool(view.picture)
        if view.picture:
            assert len(view.picture) < draw.PNG_LIMIT and view.title.startswith(name)
            with Image.open(BytesIO(view.picture)) as image:
                assert min(image.size) > 100
        else:
            assert view.rows and json.dumps(view.rows, allow_nan=False)


def test_every_kind_has_views() -> None:
    """No kind of ptm is without."""
    assert all(kind_named(name).views for name in KINDS)


def test_drawn_once_and_kept(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was drawn is kept by the store; the next time nothing is drawn, and it is the same."""
    first = load("wine", copy).views
    monkeypatch.setattr(draw, "histograms", None)
    assert load("wine", copy).views == first
    assert all(view.file and view.file.is_relative_to(copy / "wine" / "views")
               for view in first if view.rows is None)  # fmt: skip
    publication = load("wine", copy).path.name
    assert views_of(copy, "wine", publication, kind_named("table")) == first


def test_views_are_no_part_of_an_artifact(copy: Path) -> None:
    """The artifact's files, and what is verified of them, are the same with views and without."""
    before = listing(copy / "wine")
    load("wine", copy).views  # noqa: B018
    added = {name for name in listing(copy / "wine") if name not in before}
    assert added and all(name.startswith("views") for name in added)
    assert not [finding for finding in store.verify(copy, ["wine"]) if finding.error]
    shutil.rmtree(copy / "wine" / "views")
    assert [view.name for view in load("wine", copy).views] == VIEWS["wine"]


@pytest.mark.parametrize(
    "damage",
    [
        "no JSON",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("no picture", "of other code")),
    ],
)
def test_what_is_kept_and_wrong_is_drawn_again(copy: Path, damage: str) -> None:
    """Damage of what was kept costs a drawing, and nothing else."""
    first = load("wine", copy).views
    [index] = (copy / "wine" / "views").glob("*.json")
    if damage == "no JSON":
        index.write_bytes(b"{")
    elif damage == "no picture":
        next((copy / "wine" / "views").glob("*.png")).unlink()
    else:
        index.write_bytes(index.read_bytes().replace(b'"stamp": "', b'"stamp": "0'))
    assert load("wine", copy).views == first


def test_views_go_with_their_publication(copy: Path, sample: Path) -> None:
    """What gc takes away leaves no view behind; what stays keeps its own."""
    catalog = load_catalog(BOOK, sample)
    for number in range(4):
        load("cats", copy).views  # noqa: B018
        tensorize(catalog["cats"].model_copy(update={"standardize": bool(number % 2)}), copy,
                  force=True)  # fmt: skip
    load("cats", copy).views  # noqa: B018
    store.gc(copy, keep=1)
    kept = store.publications(copy / "cats")
    left = {place.name[: len(kept[0])] for place in (copy / "cats" / "views").iterdir()}
    assert left <= set(kept)


def test_a_store_where_nothing_can_be_kept(copy: Path) -> None:
    """A file in place of the folder: drawn all the same, and shown."""
    (copy / "cats" / "views").write_text("")
    sheet, _ = load("cats", copy).views
    assert sheet.file is None and sheet.picture.startswith(b"\x89PNG")


def drawn(*given: Any) -> list[Drawn]:
    """The views of a kind, without that of what was measured, which every kind has."""
    return [view for view in all_drawn(*given) if view.name != "statistics"]


def planted(*views: Any) -> Kind:
    """A kind with these views."""
    kind = Kind("planted", "ptm.kinds.table")

    def all_of_them(_artifact: Artifact) -> Iterator[Any]:
        yield from views

    kind.__dict__["code"] = type("code", (), {"read": None, "views": staticmethod(all_of_them)})
    return kind


def test_tables_of_every_sort() -> None:
    """Data frames, columns and Arrow tables are shown alike; what JSON lacks becomes words."""
    columns = {"a": [1.23456789, float("nan"), 1e9], "b": ["x", None, "z"], "c": [1, 2, 3]}
    expected = [
        {"a": 1.2346, "b": "x", "c": 1},
        {"a": "", "b": "", "c": 2},
        {"a": "1e+09", "b": "z", "c": 3},
    ]
    assert table_rows(pd.DataFrame(columns)) == table_rows(columns) == expected
    assert table_rows({"a": np.array([True, False]), "b": np.array([np.inf, -np.inf])}) == [
        {"a": True, "b": "inf"},
        {"a": False, "b": "-inf"},
    ]


def test_a_large_picture_of_ones_own_is_made_to_fit(copy: Path) -> None:
    """PNG bytes that the dashboard would refuse are shown with fewer colours, and smaller."""
    noise = np.random.default_rng(0).integers(0, 255, (400, 600, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    kind = planted(View("noise", "Noise.", picture=buffer.getvalue()))
    [view] = drawn(copy, load("wine", copy), kind)
    assert len(buffer.getvalue()) > draw.PNG_LIMIT > len(view.picture)


WRONG = {
    "no view": ("wine", "expected a ptm.View, got str"),
    "a name with a space": (View("a b", "x", table={"a": [1]}), "the name of a view"),
    "no picture": (View("a", "x", picture=b"GIF89a"), "the bytes of a PNG"),
    "neither": (View("a", "x"), "either a table or a picture"),
    "both": (View("a", "x", table={"a": [1]}, picture=b"x"), "either a table or a picture"),
}


A, B = View("a", "First.", table={"a": [1]}), View("b", "Second.", table={"b": [2]})


@pytest.mark.parametrize("mistake", WRONG)
def test_views_that_are_none(copy: Path, mistake: str) -> None:
    """What is wrong with one is said in its place; the others are shown, and all of it is kept."""
    view, message = WRONG[mistake]
    kind = planted(B, view, View("c", "Third.", table={"c": [3]}))
    second, told, third = drawn(copy, load("wine", copy), kind)
    assert (second.rows, third.rows) == ([{"b": 2}], [{"c": 3}])
    assert "could not be drawn" in told.sentence and message in told.sentence
    assert told.rows == [] and NAME.fullmatch(told.name)
    kind.__dict__["code"] = None  # nothing is drawn again
    assert drawn(copy, load("wine", copy), kind) == [second, told, third]


def test_two_views_of_one_name(copy: Path) -> None:
    """They would be kept as one file: that is said in place of the second."""
    twice = planted(
        A, View("a", "Second.", table={"a": [2]}), View("a", "Third.", table={"a": [3]})
    )
    first, *told = drawn(copy, load("wine", copy), twice)
    assert first.rows == [{"a": 1}]
    assert [view.name for view in told] == ["not-drawn", "not-drawn-2"]
    assert all("different names, got two of 'a'" in view.sentence for view in told)


def test_a_view_of_an_error_has_the_name_of_the_view(copy: Path) -> None:
    """In the history of the dashboard it stands where the view stood, and goes as that comes."""
    kind = planted(View("roc", "A curve.", picture=b"GIF89a"))
    [told] = drawn(copy, load("wine", copy), kind)
    assert told.name == "roc" and told.sentence.startswith("View 'roc' could not be drawn: ")
    [told] = drawn(copy, load("cats", copy), raising(AttributeError("x", name="colour")))
    assert told.name == "not-drawn" and told.sentence.startswith("The views could not be drawn: ")


def raising(error: Exception, *views: View) -> Kind:
    """A kind that yields some views, and raises that before the next."""
    kind = planted()

    def some_of_them(_artifact: Artifact) -> Iterator[View]:
        yield from views
        raise error

    code = type("code", (), {"read": None, "views": staticmethod(some_of_them)})
    kind.__dict__["code"] = code
    return kind


def test_what_came_before_an_error(copy: Path) -> None:
    """Views that were there when it was raised are shown and kept, and so is what was raised."""
    kind = raising(KeyError("colour"), A, B)
    first, second, told = found = drawn(copy, load("wine", copy), kind)
    assert (first.rows, second.rows) == ([{"a": 1}], [{"b": 2}])
    assert told.name == "not-drawn" and "could not be drawn: KeyError: 'colour'" in told.sentence
    kind.__dict__["code"] = None
    assert drawn(copy, load("wine", copy), kind) == found


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), MemoryError(),
                                   ModuleNotFoundError("No module named 'seaborn'")])  # fmt: skip
def test_what_may_pass_is_not_kept(copy: Path, error: Exception) -> None:
    """Where the machine is at fault and not the code, the next look draws again."""
    first, told = drawn(copy, load("wine", copy), raising(error, A))
    assert first.rows == [{"a": 1}] and "could not be drawn" in told.sentence
    assert not list((copy / "wine").glob("views/*.json"))
    assert drawn(copy, load("wine", copy), planted(A, B))[1].rows == [{"b": 2}]


OTHERS: dict[str, Any] = {
    "more": {"name": "a", "sentence": "A.", "title": "", "rows": [], "file": "", "colour": "red"},
    "less": {"name": "a", "file": ""},
    "a list": ["a"],
}


@pytest.mark.parametrize("fields", OTHERS)
def test_kept_with_other_fields(copy: Path, fields: str) -> None:
    """What another version kept is drawn again; without the code of the kind there is nothing."""
    kind = kind_named("table")
    artifact = load("wine", copy)
    first = drawn(copy, artifact, kind)
    [index] = (copy / "wine" / "views").glob("*.json")
    index.write_text(json.dumps(json.loads(index.read_bytes()) | {"views": [OTHERS[fields]]}))
    unknown = replace(artifact, manifest=artifact.manifest | {"kind": "nobody's"})
    assert drawn(copy, unknown) == []
    assert drawn(copy, artifact, kind) == first


def test_views_of_an_older_publication(copy: Path, sample: Path) -> None:
    """Those of the publication that is asked for, although another is current."""
    old = load("cats", copy)
    source = load_catalog(BOOK, sample)["cats"].model_copy(update={"standardize": False})
    assert Path(tensorize(source, copy).path).name != old.path.name
    kind = planted()
    looked: list[str] = []

    def views(artifact: Artifact) -> Iterator[View]:
        looked.append(artifact.path.name)
        yield A

    kind.__dict__["code"] = type("code", (), {"read": None, "views": staticmethod(views)})
    view, _ = views_of(copy, "cats", old.path.name, kind)
    assert view.rows == [{"a": 1}] and looked == [old.path.name]
    assert [path.name for path in (copy / "cats" / "views").iterdir()] == [f"{old.path.name}.json"]


@pytest.mark.parametrize("gone", ["no pointer", "damaged", "flipped"])
def test_views_of_what_is_gone(copy: Path, gone: str) -> None:
    """A publication that cannot be read is told, not raised: the others' are shown."""
    publication = load("wine", copy).path.name
    if gone == "damaged":
        part_file(copy / "wine" / publication, "rows").write_bytes(b"")
    elif gone == "flipped":
        flip(part_file(copy / "wine" / publication, "rows"), 9, 1)
    else:
        publication = "0" * 12 + "-" + "1" * 12
    [told] = views_of(copy, "wine", publication, kind_named("table"))
    assert "could not be drawn" in told.sentence and publication in told.sentence
    assert told.rows == [] and not (copy / "wine" / "views").exists()


def test_tables_of_a_kind_without_views(tmp_path: Path) -> None:
    """Each table is shown under its name, with its units, beside what the columns of rows hold."""
    fields = [pa.field("breed", pa.string()), pa.field("kg", pa.float64(), metadata={"unit": "kg"})]
    by_breed = pa.table([["lab", "pug"], [30.0, 7.0]], schema=pa.schema(fields))
    names = ["by_breed", "By-Breed", "columns", "__"]
    tables = {"by_breed": by_breed, **{name: pa.table({"x": [1, 2, 3]}) for name in names[1:]}}
    for rows in (None, pa.table({"file": ["a", "b"]})):
        block = Block(rows=rows, tables=tables)
        published(tmp_path, ABOUT, block, forced=True)
        views = {view.name: view for view in drawn(tmp_path, load("planted", tmp_path), bare())}
        of_rows = ["columns", "histograms"] if rows else []
        again = "columns-2" if rows else "columns"
        assert list(views) == [*of_rows, "by-breed", "by-breed-2", again, "table"]
        assert views["by-breed"].rows == [{"breed": "lab", "kg": 30.0}, {"breed": "pug", "kg": 7.0}]
        assert views["by-breed"].sentence == "The 2 rows of the table by_breed; kg is in kg."
        assert views[again].sentence == "The 3 rows of the table columns."


def bare() -> Kind:
    """A kind without views."""
    kind = Kind("bare", "ptm.kinds.table")
    kind.__dict__["code"] = type("code", (), {"read": None})
    return kind


def test_views_keep_the_index_of_a_frame(copy: Path) -> None:
    """The names of groups are a column of a table, as they are in what is stored."""
    frame = pd.DataFrame({"breed": ["lab", "pug", "lab"], "kg": [28.0, 7.0, 32.0]})
    expected = [{"breed": "lab", "kg": 30.0}, {"breed": "pug", "kg": 7.0}]
    grouped = frame.groupby("breed")["kg"].mean()
    assert table_rows(grouped) == table_rows(grouped.to_frame()) == expected
    [view] = drawn(copy, load("wine", copy), planted(View("kg", "Weights.", table=grouped)))
    assert view.rows == expected


def test_a_long_table_says_what_it_leaves_out(copy: Path) -> None:
    """Of very many rows the first are shown, and how many there are."""
    kind = planted(View("a", "Numbers.", table={"a": range(1500)}))
    [view] = drawn(copy, load("wine", copy), kind)
    assert view.rows and len(view.rows) == 1000
    assert view.sentence == "Numbers. The first 1,000 of 1,500 rows."


def test_a_notebook_shows_them(root: Path) -> None:
    """The HTML of an artifact has sentence, rows and picture of each view, all escaped."""
    html = load("wine", root)._repr_html_()
    assert html.count("<img ") == 2 and "data:image/png;base64," in html
    assert "What each column of the" in html and "<td>alcohol</td>" in html
    view = Drawn("a", "a < b", rows=[{"<i>": "<b>"}] * 20)
    assert "a &lt; b" in view._repr_html_() and "<th>&lt;i&gt;</th>" in view._repr_html_()
    assert "… and 8 more rows" in view._repr_html_() and "<b>" not in view._repr_html_()


def test_loading_draws_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who only wants tensors pays for no picture."""
    monkeypatch.setattr("ptm.views._all_drawn", None)
    assert ptm.load("wine", root).tensors["features"].shape[1] == 11
