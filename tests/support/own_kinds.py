"""A folder with kinds of its own: a catalog, their code and three files."""

from __future__ import annotations

from pathlib import Path

import ptm
from ptm.catalog import load_catalog
from ptm.prepare import tensorize

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

WORKER = """
import os, pickle, shutil, sys
from pathlib import Path
source = pickle.loads(Path(sys.argv[1]).read_bytes())
from ptm.prepare import tensorize
print(tensorize(source, sys.argv[2]).key)
"""


def lay_out(folder: Path) -> Path:
    """A folder with a catalog, its own kinds and three files: 1, 2, 3."""
    (folder / "code").mkdir()
    (folder / "data" / "dogs").mkdir(parents=True)
    files = {"catalog.toml": CATALOG, "code/pets.py": KIND, "code/mean.py": MEAN}
    for name, text in {**files, "code/helpers.py": HELPERS}.items():
        (folder / name).write_text(text, encoding="utf-8")
    for number in (1, 2, 3):
        (folder / "data" / "dogs" / f"{number}.txt").write_text(str(number))
    return folder


def make(place: Path) -> dict[str, ptm.ArtifactRef]:
    """All of its catalog, read anew."""
    catalog = load_catalog(place / "catalog.toml", place / "data")
    return {name: tensorize(source, place / "store") for name, source in catalog.items()}


def edit(place: Path, file: str, old: str, new: str) -> None:
    path = place / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def sizes(place: Path) -> list[float]:
    """What an entry comes to, made now."""
    make(place)
    found: list[float] = ptm.load("dogs", place / "store").tensors["sizes"].tolist()
    return found
