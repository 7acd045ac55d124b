"""`ptm init FOLDER` and `ptm run` on folders as people have them: what is planted is found.

Values are compared with those that pandas, the csv module, Pillow, pyarrow, pydicom and wave read
of the same files. Nobody edits the catalog in between.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

import ptm as library
from tests.support.commands import Ptm, call_ptm
from tests.support.own_folders import FOLDERS, Folder, Made, nothing_lost

# what is right for kunden.csv, and what is wrong, each with what is said of it
CUSTOMERS = """
[catalog]
name = "own"

[customers]
kind = "table"
path = "kunden.csv"
exclude = ["kunde_nr"]
measures = { plz = "categorical" }
target = "label"
classes = 10
split = { train = 0.8, val = 0.1, test = 0.1 }
"""
QUICK = [one for one in FOLDERS if one.quick]
SAMPLED = [
    pytest.param(one, id=one.name, marks=[] if one.quick else pytest.mark.slow) for one in FOLDERS
]
ZIPPED = {".xlsx", ".docx"}  # they have the time in them
WRONG = {
    "learned of all rows": ("target", 'statistics = "all"\ntarget', "feature 'alter'"),
    "postal codes as numbers": ('measures = { plz = "categorical" }', "", "'plz'"),
    "a name of rows as a feature": ('exclude = ["kunde_nr"]', "", "'kunde_nr' \\(out\\)"),
    "no classes": ("classes = 10", "", "expected classes"),
    "no target": ('target = "label"\nclasses = 10', "", "target: expected one of"),
    "a column that is left out": ('"kunde_nr"]', '"kunde_nr", "umsatz"]', "'umsatz' \\(number\\)"),
    "no split": ("split = { train = 0.8, val = 0.1, test = 0.1 }", "", "expected a split"),
}


def digests(folder: Path) -> dict[str, str]:
    """Of all files below a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def seen(folder: Path) -> list[str]:
    """What a person sees in a folder: the schema that editors ask for is hidden."""
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


def laid_out(folder: Folder, root: Path) -> tuple[Path, Path]:
    """The folder somewhere, and an empty one to work in."""
    data, place = root / "somewhere else" / folder.name, root / "work"
    data.mkdir(parents=True)
    place.mkdir()
    folder.write(data)
    return data, place


def named(name: str) -> Folder:
    """The folder of that name."""
    [found] = [one for one in FOLDERS if one.name == name]
    return found


@pytest.mark.parametrize("folder", SAMPLED)
def test_planted(folder: Folder, tmp_path: Path) -> None:
    """What is planted is what readers other than ptm find."""
    data, _ = laid_out(folder, tmp_path)
    before = digests(data)
    planted = folder.write(data)
    again = digests(data)
    changed = {file for file in before | again if before.get(file) != again.get(file)}
    assert {Path(file).suffix for file in changed} <= ZIPPED, "other bytes when it is written again"
    folder.agrees(data, planted)


@pytest.mark.parametrize("folder", QUICK, ids=str)
def test_found(folder: Folder, tmp_path: Path) -> None:
    """Of ten folders each entry that `ptm init` writes is made by the library, and is right."""
    data, place = laid_out(folder, tmp_path)
    before = digests(data)
    done = call_ptm("init", data, cwd=place)
    assert done.code == 0, done.out + done.err
    assert digests(data) == before and seen(place) == ["catalog.toml"]
    print((place / "catalog.toml").read_text(encoding="utf-8"))
    for source in library.load_catalog(place / "catalog.toml").values():
        library.tensorize(source, place / "artifacts")
    made = Made(data, place, done.out + done.err)
    folder.check(made)
    nothing_lost(made)


@pytest.mark.slow
@pytest.mark.operate
@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("number", range(len(FOLDERS)), ids=[one.name for one in FOLDERS])
def test_init_and_run(number: int, tmp_path: Path, ptm: Ptm) -> None:
    """The two commands end with 0, change neither the data nor the catalog, and what they made is
    right."""
    folder = FOLDERS[number]
    data, place = laid_out(folder, tmp_path)
    before = digests(data)
    init = ptm("init", data if number % 2 else os.path.relpath(data, place), cwd=place)
    assert init.code == 0, init.out + init.err
    catalog = (place / "catalog.toml").read_text(encoding="utf-8")
    print(init.out, catalog)
    assert catalog.startswith("#:schema ") and seen(place) == ["catalog.toml"]
    run = ptm("run", cwd=place)
    assert run.code == 0, run.out + run.err
    assert (place / "catalog.toml").read_text(encoding="utf-8") == catalog
    assert digests(data) == before
    made = Made(data, place, init.out + init.err)
    folder.check(made)
    nothing_lost(made)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A dry run writes nothing; a catalog that is there stays as it is, and the code is 2."""
    data, place = laid_out(named("Titanic (Kaggle)"), tmp_path)
    done = call_ptm("init", data, "--dry-run", cwd=place)
    assert done.code == 0 and not os.listdir(place), done.out + done.err
    assert "titanic.csv" in done.out
    (place / "catalog.toml").write_text("# mine\n")
    done = call_ptm("init", data, cwd=place)
    assert done.code == 2 and "catalog.toml" in done.words
    assert (place / "catalog.toml").read_text() == "# mine\n"


def made_by(catalog: str, root: Path) -> Made:
    """What a catalog of one's own makes of the customers."""
    (data := root / "data").mkdir()
    named("Kundendaten").write(data)
    (root / "catalog.toml").write_text(catalog)
    for source in library.load_catalog(root / "catalog.toml", data=data).values():
        library.tensorize(source, root / "artifacts")
    return Made(data, root, "")


def test_what_is_right(tmp_path: Path) -> None:
    """The checks find nothing in what is right."""
    made = made_by(CUSTOMERS, tmp_path)
    named("Kundendaten").check(made)
    nothing_lost(made)


@pytest.mark.parametrize("change", WRONG.values(), ids=list(WRONG))
def test_what_is_wrong(change: Any, tmp_path: Path) -> None:
    """The checks find what is wrong."""
    before, after, told = change
    made = made_by(CUSTOMERS.replace(before, after), tmp_path)
    with pytest.raises(AssertionError, match=told):
        named("Kundendaten").check(made)
