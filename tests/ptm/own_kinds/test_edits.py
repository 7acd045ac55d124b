"""What is edited is made again, in its own catalog, and runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch

import ptm
from ptm import own_code, registry
from ptm.catalog import load_catalog
from ptm.explain import explain
from ptm.prepare import tensorize
from tests.support.own_kinds import CATALOG, edit, make


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


def test_views_of_two_catalogs_with_kinds_of_one_name(place: Path) -> None:
    """Each artifact is shown by the code that made it, whichever was read last."""
    make(place)
    edit(place, "code/helpers.py", "side * side", "-side")
    edit(place, "code/pets.py", "Sizes in", "Others in")
    other = load_catalog(place / "catalog.toml", place / "data")["dogs"]
    tensorize(other, place / "other")
    for store, sentence in (("store", "Sizes in red."), ("other", "Others in red.")):
        [view, _] = ptm.load("dogs", place / store).views
        assert view.sentence == sentence


def test_views_of_code_that_is_gone(place: Path) -> None:
    """What was made before an edit is shown by the kind as it is now, where no other is known."""
    make(place)
    registry._seen.clear()
    edit(place, "code/helpers.py", "side * side", "-side")
    edit(place, "code/pets.py", "Sizes in", "Now in")
    load_catalog(place / "catalog.toml", place / "data")
    [view, _] = ptm.load("dogs", place / "store").views
    assert view.sentence == "Now in red."


def test_the_same_code_in_two_folders(place: Path, tmp_path: Path) -> None:
    """Files that are alike know where they are themselves."""
    edit(place, "code/helpers.py", "side * side", "int(open(HERE).read())")
    edit(place, "code/helpers.py", "def", 'HERE = __file__.replace("helpers.py", "area")\n\n\ndef')
    for number, folder in enumerate((place / "code", place / "twin")):
        folder.mkdir(exist_ok=True)
        for name in ("pets.py", "helpers.py", "mean.py"):
            (folder / name).write_text((place / "code" / name).read_text())
        (folder / "area").write_text(str(number))
        (place / f"{number}.toml").write_text(CATALOG.replace("code/", f"{folder.name}/"))
        source = load_catalog(place / f"{number}.toml", place / "data")["dogs"]
        tensorize(source, tmp_path / f"s{number}")
        assert ptm.load("dogs", tmp_path / f"s{number}").tensors["sizes"].tolist() == [number] * 3


def test_views_are_drawn_once_and_kept(place: Path) -> None:
    """The views of the kind; another colour draws again, and makes nothing again."""
    make(place)
    [sizes, more] = ptm.load("dogs", place / "store").views
    assert sizes.sentence == "Sizes in red."
    assert [row["size"] for row in sizes.rows] == [1, 4, 9]
    [kept] = (place / "store" / "dogs" / "views").glob("*.json")
    before = kept.stat().st_mtime_ns
    assert ptm.load("dogs", place / "store").views == [sizes, more]
    assert kept.stat().st_mtime_ns == before
    edit(place, "code/pets.py", '"red"', '"blue"')
    assert make(place)["dogs"].cached
    [again, _] = ptm.load("dogs", place / "store").views
    assert again.sentence == "Sizes in blue." and json.loads(kept.read_bytes())["stamp"]


def test_views_that_cannot_be_drawn(place: Path) -> None:
    """That is said in their place, with the line; the artifact is none the worse for it."""
    edit(place, "code/pets.py", "table=artifact.table", "table=artifact.tabel")
    make(place)
    [told] = ptm.load("dogs", place / "store").views
    assert re.search(r"could not be drawn: AttributeError.*\(pets\.py, line \d+\)", told.sentence)


def test_a_source_is_parsed_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run reads its catalog more than once: what was parsed is not parsed again, edits are."""
    parsed: list[bytes] = []
    read = own_code.statements
    monkeypatch.setattr(own_code, "statements", lambda raw: parsed.append(raw) or read(raw))
    edit(place, "code/helpers.py", "side * side", f"side * side  # {place}")
    for _ in range(2):
        load_catalog(place / "catalog.toml", place / "data")
    assert parsed.count((place / "code" / "helpers.py").read_bytes()) == 1
    edit(place, "code/helpers.py", "side * side", "side")
    load_catalog(place / "catalog.toml", place / "data")
    assert parsed.count((place / "code" / "helpers.py").read_bytes()) == 1
