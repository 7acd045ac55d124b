"""What a person sees of ptm in a shell or a notebook: names, version, short representations."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import ptm
from ptm import book, store
from ptm.model import Artifact, ArtifactRef
from tests.support.machine import ROOT
from tests.support.stores import python

HOSTILE = '<script>alert("x")</script>'


class Seen(HTMLParser):
    """What a browser would make of a piece of HTML: its tags, its rows of cells, all its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.tags[-1] in ("td", "th"):
            self.rows[-1].append(data)


def artifact(manifest: dict[str, Any]) -> Artifact:
    """An artifact of which only the manifest may be looked at."""

    def nothing(name: str) -> Path:
        raise AssertionError(f"{name} was asked for")

    return Artifact(manifest["name"], Path("nowhere"), manifest, {}, None, nothing)


def manifest_of(**entries: Any) -> dict[str, Any]:
    """That of a table of 4,898 rows of two columns, half a megabyte large; parts share a file."""
    tensor = {"shape": [4898, 11], "dtype": "float32", "axes": ["sample", "feature"]}
    column = {"name": "alcohol", "dtype": "double", "unit": "% vol"}
    return {
        "name": "wine",
        "kind": "table",
        "parts": [
            {"files": {"tensors": ["a", "0" * 64, 300_000], "rows": ["b", "1" * 64, 90_000]}},
            {"files": {"tensors": ["c", "2" * 64, 100_000], "rows": ["b", "1" * 64, 90_000]}},
        ],
        "files": [{"file": "d", "bytes": 10_000}],
        "tensors": {"features": tensor},
        "tables": {"rows": {"rows": 4898, "columns": [column, {"name": "pH"}]}},
        "facts": {"origin": "a vineyard"},
    } | entries


def test_dir() -> None:
    """`dir(ptm)` is the public names and the version, and none of what the module imports."""
    assert dir(ptm) == sorted([*ptm.__all__, "__version__"])
    assert {"load", "load_catalog", "tensorize"} <= set(dir(ptm))
    assert not {"Any", "import_module", "annotations", "HOME"} & set(dir(ptm))


def test_version_of_the_project() -> None:
    """`ptm.__version__` is that of the project, and `from ptm import *` brings no such name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert ptm.__version__ == project["version"]
    assert "__version__" not in ptm.__all__


def test_version_is_looked_up_when_asked() -> None:
    """`import ptm` does not look for its version: that costs as much as all the rest."""
    code = "import sys, ptm; print('importlib.metadata' in sys.modules)"
    assert python(code) == "False\n"


def test_book_of_the_package() -> None:
    """The catalog that the package brings is that of `data/`, to the byte."""
    assert book.CATALOG.read_bytes() == (ROOT / "data" / "catalog.toml").read_bytes()
    assert list(ptm.load_catalog(book.CATALOG)) == [
        *("dog", "cats", "ct", "wine", "bikes", "austen", "temperature"),
        *("wine_threshold", "temperature_fits"),
    ]


def test_repr_of_an_artifact() -> None:
    """The repr of an artifact: name, kind, rows, size, and shape and dtype of each tensor."""
    assert repr(artifact(manifest_of())) == (
        "<Artifact wine (table), 4898 rows, 0.5 MB\n  features 4898 x 11 float32>"
    )


def test_repr_of_a_published_artifact(ref: ArtifactRef, tmp_path: Path) -> None:
    """The repr of what `load` gives fits on a screen, however much the manifest holds."""
    shown = repr(ptm.load(ref.name, tmp_path))
    assert shown.startswith("<Artifact planted (table), 2 rows, ")
    assert "\n  ids 2 int64" in shown
    assert shown.endswith("\n  … and 1 more>")
    assert len(shown.splitlines()) == 8 and max(map(len, shown.splitlines())) < 80


def test_repr_of_many_tensors() -> None:
    """Of a hundred tensors the repr shows six, and says how many more there are."""
    tensor = {"shape": [2], "dtype": "float32", "axes": ["parameter"]}
    many = artifact(manifest_of(tensors={f"t{number}": tensor for number in range(100)}))
    assert repr(many).endswith("\n  t5 2 float32\n  … and 94 more>")


def test_repr_of_a_scalar_without_rows() -> None:
    """A tensor without axes is a scalar; where no table counts samples, no rows are told."""
    lonely = {"mean": {"shape": [], "dtype": "float64", "axes": []}}
    shown = repr(artifact(manifest_of(tensors=lonely, tables={})))
    assert shown == "<Artifact wine (table), 0.5 MB\n  mean scalar float64>"


def test_repr_of_a_reference() -> None:
    """The repr of a reference is one line: name, kind, tensors, size, and how it came about."""
    tensors = {"image": {"shape": [3, 8], "dtype": "uint8", "axes": ["channel", "width"]}}
    digests = {f"part-{number}": "0" * 64 for number in range(50)}
    ref = ArtifactRef("dog", "0" * 64, "/a/dog", "images", tensors, 24, digests=digests)
    assert repr(ref) == "<ArtifactRef dog (images): image 3 x 8 uint8; 0.0 kB, made in 0.00 s>"
    assert repr(replace(ref, cached=True)).endswith("; 0.0 kB, cached>")


def test_repr_of_a_catalog(tmp_path: Path) -> None:
    """The repr of a catalog is its name and its sources, the first twelve of many."""
    assert repr(ptm.load_catalog(book.CATALOG)) == (
        "<Catalog book: dog, cats, ct, wine, bikes, austen, temperature, wine_threshold, "
        "temperature_fits>"
    )
    entry = '[s{}]\nkind = "text"\npath = "t.txt"\n'
    (tmp_path / "many.toml").write_text("".join(entry.format(number) for number in range(500)))
    assert repr(ptm.load_catalog(tmp_path / "many.toml")).endswith("s10, s11, … and 488 more>")


def test_html_of_an_artifact() -> None:
    """In a notebook: title, a row for each tensor with its axes, facts, columns with units."""
    seen = Seen(artifact(manifest_of())._repr_html_())
    assert seen.rows == [
        ["tensor", "shape", "dtype", "axes"],
        ["features", "4898 x 11", "float32", "sample, feature"],
    ]
    for piece in ("wine (table), 4898 rows, 0.5 MB", "origin: a vineyard", "alcohol (% vol), pH"):
        assert piece in seen.text


@pytest.mark.parametrize(
    "entries",
    [
        {"name": HOSTILE},
        {"kind": HOSTILE},
        {"tensors": {HOSTILE: {"shape": [1], "dtype": "int64", "axes": ["sample"]}}},
        {"tensors": {"t": {"shape": [1], "dtype": HOSTILE, "axes": [HOSTILE]}}},
        {"facts": {HOSTILE: 1}},
        {"facts": {"about": {"by": [HOSTILE]}}},
        {"tables": {"rows": {"rows": 1, "columns": [{"name": "a", "unit": HOSTILE}]}}},
        {"tables": {HOSTILE: {"rows": 1, "columns": [{"name": HOSTILE}]}}},
    ],
    ids=["name", "kind", "tensor", "dtype and axis", "fact", "value", "unit", "table and column"],
)
def test_hostile_html(entries: dict[str, Any]) -> None:
    """What a manifest holds is text in a notebook, never HTML."""
    seen = Seen(artifact(manifest_of(**entries))._repr_html_())
    assert HOSTILE in seen.text
    assert set(seen.tags) == {"div", "b", "table", "tr", "th", "td"}


def test_html_is_small() -> None:
    """A fact of a million characters, a thousand facts and columns leave the HTML small."""
    columns = [{"name": f"column {number}"} for number in range(1000)]
    facts = {"long": "x" * 10**6} | {f"f{number}": number for number in range(1000)}
    tables = {"rows": {"rows": 1, "columns": columns}}
    assert len(artifact(manifest_of(facts=facts, tables=tables))._repr_html_()) < 3000


def test_html_of_a_published_artifact(ref: ArtifactRef, tmp_path: Path) -> None:
    """The HTML of what `load` gives reads no file: it is there when all files are gone."""
    loaded = ptm.load(ref.name, tmp_path)
    for file in ("*", "../parts/*"):
        for place in Path(ref.path).glob(file):
            place.unlink()
    seen = Seen(loaded._repr_html_())
    assert [row[0] for row in seen.rows[1:]] == [
        *("floats", "bytes", "ids", "flags", "none"),
        *("line", "point"),
    ]
    assert "a (mm), b" in seen.text and "answer: 42" in seen.text
    assert store.names(tmp_path) == [ref.name]
