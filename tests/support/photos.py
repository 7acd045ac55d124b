"""Photos whose pixels tell their number however they are scaled, and a log of who reads them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

import ptm
from ptm.model import Artifact
from ptm.source import Source
from tests.support.machine import ROOT

BITS = 16  # of a number: as many squares of a photo, dark or bright
SQUARES = 4  # in a row
DARK, BRIGHT, NOISE = 64, 192, 33
STORES = ("raw", "scaled")  # entries of the catalog, by how they are stored
LOG, HOLD, HELD = "PTM_TEST_READ", "PTM_TEST_HOLD_PHOTO", "PTM_TEST_HELD_PHOTO"
SECONDS = "PTM_TEST_READ_SECONDS"
SITE = '''"""On the path of a process: notes each part of photos that it reads."""

import importlib.abc
import importlib.machinery
import sys

NOTED = "ptm.kinds.images"


class _Loader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module):
        super().exec_module(module)
        from tests.support.photos import note_reads

        note_reads(module)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != NOTED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec and spec.origin:
            spec.loader = _Loader(name, spec.origin)
        return spec


sys.meta_path.insert(0, _Finder())
'''


@cache
def _noise(side: int) -> NDArray[np.int16]:
    chance = np.random.default_rng(side)
    return chance.integers(-NOISE, NOISE, (side, side, 3), dtype=np.int16)


def photo(number: int, side: int) -> NDArray[np.uint8]:
    """Pixels, uint8 [side, side, 3], that tell their number: below 2 ** 16."""
    assert number < 1 << BITS and side % SQUARES == 0
    bits = number >> np.arange(BITS, dtype=np.int64) & 1
    squares = np.where(bits, BRIGHT, DARK).reshape(SQUARES, SQUARES)
    large = squares.repeat(side // SQUARES, 0).repeat(side // SQUARES, 1)
    mixed = large[:, :, None] + np.roll(_noise(side), number, axis=0)
    return mixed.astype(np.uint8)


def write_photo(folder: Path, number: int, side: int, form: str = "png", name: str = "") -> Path:
    """One of them as a file, named by its number unless a name is given."""
    path, pixels = folder / f"{name or f'{number:05}'}.{form}", photo(number, side)
    if form == "jpg":
        raw = simplejpeg.encode_jpeg(pixels, quality=70, colorsubsampling="444")
        path.write_bytes(raw)
    else:
        Image.fromarray(pixels).save(path, compress_level=1)
    return path


def numbers_of(images: Any) -> list[int]:
    """The numbers that photos tell: of pixels from 0 to 255 [sample, channel, height, width]."""
    pixels = np.asarray(images, dtype=np.float32)
    count, channels, side = pixels.shape[:3]
    size = side // SQUARES
    squares = pixels.reshape(count, channels, SQUARES, size, SQUARES, size).mean((1, 3, 5))
    bits = squares.reshape(count, BITS) > (DARK + BRIGHT) / 2
    found: list[int] = (bits @ (1 << np.arange(BITS))).tolist()
    return found


def numbers_in(artifact: Artifact) -> list[int]:
    """The numbers of all photos of an artifact, part by part, whether it is stored raw or not."""
    found: list[int] = []
    for part in artifact.parts:
        if not part.ref.files:
            continue  # all its photos are in quarantine
        found += numbers_of(artifact.raw("images", part.tensors["images"]))
    return found


def files_in(artifact: Artifact) -> list[list[str]]:
    """The names of the files of each part."""
    return [part.column("file").column("file").to_pylist() for part in artifact.parts]


@dataclass(frozen=True)
class Photos:
    """A folder of photos, and a catalog with an entry for each way to store them.

    Attributes:
        root: of the data, with "photos" and "catalog.toml".
        count: of the photos, numbered from 0.
        side: of each, in pixels.
    """

    root: Path
    count: int
    side: int

    @property
    def folder(self) -> Path:
        """Where they are."""
        return self.root / "photos"

    @property
    def catalog(self) -> Path:
        """Its entries are STORES."""
        return self.root / "catalog.toml"

    def source(self, stored: str) -> Source:
        """The entry."""
        return ptm.load_catalog(self.catalog, self.root)[stored]

    def place(self, store: Path) -> list[str | Path]:
        """The options of a run into a store."""
        return ["--catalog", self.catalog, "--data", self.root, "--artifacts", store]


def write_photos(root: Path, count: int, side: int, part_bytes: int, form: str = "png") -> Photos:
    """So many photos, and their catalog; parts have so many bytes of pixels at most."""
    photos = Photos(root, count, side)
    photos.folder.mkdir(parents=True)
    for number in range(count):
        write_photo(photos.folder, number, side, form)
    entry = '[{0}]\nkind = "images"\npath = "photos"\nstandardize = true\nstore = "{0}"\n'
    cut = {"raw": part_bytes, "scaled": part_bytes * 4}  # bytes as they are, and float32 of them
    entries = (f"{entry.format(name)}part_bytes = {cut[name]}\n" for name in STORES)
    photos.catalog.write_text("\n".join(entries))
    return photos


@dataclass(frozen=True)
class Watch:
    """What a process notes of the photos that it reads, and whether it waits before one.

    Attributes:
        log: of each part that is read a line: the names of its files.
        hold: as long as it is there, whoever is to read the photo `held` waits.
        held: the name of its file.
        seconds: that reading any part takes longer than it would.
    """

    log: Path
    hold: Path | None = None
    held: str = ""
    seconds: float = 0.0

    @property
    def variables(self) -> dict[str, str]:
        """What `note_reads` needs in the environment."""
        held = {HOLD: str(self.hold), HELD: self.held} if self.hold else {}
        return {LOG: str(self.log), SECONDS: str(self.seconds)} | held

    def environment(self, folder: Path) -> dict[str, Any]:
        """What a command needs, so that all of its processes note what they read."""
        site = folder / "site"
        site.mkdir(exist_ok=True)
        (site / "sitecustomize.py").write_text(SITE)
        return {"PYTHONPATH": f"{site}{os.pathsep}{ROOT}"} | self.variables

    @property
    def waits(self) -> bool:
        """Whether somebody waits."""
        return self.hold is not None and self.hold.with_suffix(".waits").exists()

    def parts(self) -> list[list[str]]:
        """The names of the files of each part that was read so far."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line.split("\t") for line in lines]

    def names(self) -> list[str]:
        """The names of all files that were read so far."""
        return [name for part in self.parts() for name in part]


def note_reads(module: Any, variables: dict[str, str] | None = None) -> None:
    """From here on, this process notes the parts of photos that it reads: see `Watch`."""
    given = os.environ if variables is None else variables
    if LOG in given:
        hold = Path(given[HOLD]) if HOLD in given else None
        watch = Watch(Path(given[LOG]), hold, given.get(HELD, ""), float(given.get(SECONDS, "0")))
        module.read = partial(_noted, module.read, watch)


def _noted(read: Callable[..., Any], watch: Watch, options: Any, part: Any) -> Any:
    names = [file.name for file in part.files]
    note(watch.log, names)
    time.sleep(watch.seconds)
    if watch.hold and watch.held in names:
        watch.hold.with_suffix(".waits").touch()
        while watch.hold.exists():
            time.sleep(0.02)
    return read(options, part)


def note(log: Path, names: Sequence[str]) -> None:
    """Adds a line at once, whoever else does."""
    with log.open("ab", buffering=0) as file:
        file.write(("\t".join(names) + "\n").encode())


def parts_with(parts: Sequence[Iterable[str]], names: Iterable[str]) -> set[int]:
    """The numbers of the parts that have one of these files."""
    of = {name: number for number, part in enumerate(parts) for name in part}
    return {of[name] for name in names}
