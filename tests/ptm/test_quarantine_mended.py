"""Files that were mended, and what has to be read again for them; whatever the parts are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import ptm
from ptm import store
from ptm.explain import explain
from ptm.kinds import images as images_kind
from ptm.prepare import drive, inline, steps
from tests.support.machine import ROOT
from tests.support.photos import numbers_in, write_photo, write_photos
from tests.support.stores import digests

pytestmark = pytest.mark.usefixtures("unsynced")
SIDE, COUNT = 8, 40
PART = 4 * SIDE * SIDE * 3  # bytes of four photos


class Read:
    """Notes the files of each part that is read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parts: list[list[str]] = []
        before = images_kind.read

        def read(options: Any, part: Any) -> Any:
            self.parts.append([file.name for file in part.files])
            return before(options, part)

        monkeypatch.setattr(images_kind, "read", read)


def photos_of(root: Path, more: str = "", count: int = COUNT) -> Any:
    photos = write_photos(root, count, SIDE, PART)
    text = photos.catalog.read_text()
    photos.catalog.write_text(text.replace("\npath", f'\non_bad = "quarantine"{more}\npath'))
    return photos


@pytest.mark.parametrize("collected", [False, True])
@pytest.mark.parametrize("stored", ["raw", "scaled"])
def test_one_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: str, collected: bool
) -> None:
    """Raw, its part alone is read; scaled, all are made again, as the statistics moved, and
    `explain` says so. It is then what a fresh store has.
    """
    photos, root = photos_of(tmp_path / "data"), tmp_path / "store"
    for number in (3, 20, 33):
        (photos.folder / f"{number:05}.png").write_bytes(b"no photo")
    ref = ptm.tensorize(photos.source(stored), root)
    assert ref.bad == 3
    if collected:
        store.gc(root)
    read = Read(monkeypatch)
    assert ptm.tensorize(photos.source(stored), root).cached and not read.parts
    write_photo(photos.folder, 20, SIDE)
    again = ptm.tensorize(photos.source(stored), root)
    found = ptm.load(stored, root)
    assert again.bad == 2 and numbers_in(found) == [n for n in range(COUNT) if n not in (3, 33)]
    assert found.tables["quarantine"]["path"].tolist() == ["00003.png", "00033.png"]
    parts, why = len(found.manifest["parts"]), explain(stored, root).why
    if stored == "raw":
        names = [name for part in read.parts for name in part]
        # two where a cut was at the file, or comes to it
        assert "00020.png" in names and len(read.parts) <= 2 and len(names) <= 12
        assert f"{len(read.parts)} of {parts} parts were read" in why
    else:
        assert sum(map(len, read.parts)) == COUNT
        expected = f"{parts} of {parts} parts were read and {parts} encoded"
        assert f"{expected}, since the statistics moved" in why
    drive(steps(photos.source(stored), tmp_path / "fresh"), inline)
    store.gc(root, keep=1)
    fresh = {n: one for n, one in digests(tmp_path / "fresh").items() if "/views" not in n}
    for name, digest in fresh.items():
        if "manifest" not in name:
            assert digests(root)[name] == digest


def test_nothing_is_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part whose photos are unlike most of all others is read twice once, and then known."""
    photos, root = photos_of(tmp_path / "data", "\nmax_bad = 20"), tmp_path / "store"
    for number in (5, 6, 7, 8, 30):
        Image.new("RGB", (6, 7)).save(photos.folder / f"{number:05}.png")
    read = Read(monkeypatch)
    ptm.tensorize(photos.source("raw"), root)
    first = len(read.parts)
    found = ptm.load("raw", root)
    assert numbers_in(found) == [n for n in range(COUNT) if n not in (5, 6, 7, 8, 30)]
    assert len(found.tables["quarantine"]) == 5
    read.parts.clear()
    text = photos.catalog.read_text()
    photos.catalog.write_text(text.replace("max_bad = 20", "max_bad = 10"))
    ref = ptm.tensorize(photos.source("raw"), root)
    assert not ref.cached and not read.parts and first >= len(found.manifest["parts"])


DIES = """
import os, signal, sys
from pathlib import Path
import ptm
from ptm.kinds import images
from ptm.prepare import drive, inline, steps

before, parts = images.read, []

def read(options, part):
    parts.append(part)
    if len(parts) == 6:
        os.kill(os.getpid(), signal.SIGKILL)
    return before(options, part)

images.read = read
catalog, root = map(Path, sys.argv[1:])
drive(steps(ptm.load_catalog(catalog, catalog.parent)["scaled"], root), inline)
"""


def test_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run had read when it was killed is not read again, and its bad samples are told."""
    photos, root = photos_of(tmp_path / "data"), tmp_path / "store"
    for number in (0, 1, 2, 3, 4, 5, 30):
        (photos.folder / f"{number:05}.png").write_bytes(b"no photo")
    command = [sys.executable, "-P", "-c", DIES, str(photos.catalog), str(root)]
    killed = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert killed.returncode == -signal.SIGKILL
    read = Read(monkeypatch)
    drive(steps(photos.source("scaled"), root), inline)
    found = ptm.load("scaled", root)
    assert len(read.parts) == len(found.manifest["parts"]) - 5
    bad = found.tables["quarantine"]["path"].tolist()
    assert bad == [f"{number:05}.png" for number in (0, 1, 2, 3, 4, 5, 30)]
    drive(steps(photos.source("scaled"), tmp_path / "fresh"), inline)
    assert digests(tmp_path / "fresh") == digests(root)


SIZES = [PART * 100, PART * 2, PART, PART // 2, 1]


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(data=st.data())
@pytest.mark.usefixtures("unsynced")
def test_any_cut(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever is broken or odd, fewer than a third of all, the same photos are in, in any cut."""
    root = tmp_path_factory.mktemp("photos")
    count = data.draw(st.integers(4, 24))
    photos = photos_of(root / "data", count=count)
    bad = data.draw(
        st.dictionaries(
            st.integers(0, count - 1),
            st.sampled_from(["text", "size", "gray"]),
            max_size=count // 3,
        )
    )
    for number, what in bad.items():
        path = photos.folder / f"{number:05}.png"
        if what == "text":
            path.write_text("none")
        else:
            Image.new(*{"size": ("RGB", (6, 7)), "gray": ("L", (8, 8))}[what]).save(path)
    tensors = []
    for size in data.draw(st.sets(st.sampled_from(SIZES), min_size=2, max_size=3)):
        source = photos.source("raw").model_copy(update={"part_bytes": size})
        ref = ptm.tensorize(source, root / f"{size}")
        found = ptm.load("raw", root / f"{size}")
        assert numbers_in(found) == [number for number in range(count) if number not in bad]
        told = found.tables["quarantine"]
        assert told["path"].tolist() == [f"{number:05}.png" for number in sorted(bad)]
        assert ref.bad == len(bad)
        tensors.append(found.tensors["images"])
    assert all(torch.equal(tensors[0], one) for one in tensors)
