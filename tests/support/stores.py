"""Stores of tables that a run makes, and looks at what is on the disk.

Artifacts that are planted, without any kind: `tests.support.parts`.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import ptm
from ptm import store
from ptm.kinds.table import Options as TableSource
from ptm.model import ArtifactRef
from ptm.prepare import tensorize
from ptm.store.pointers import as_json, with_digest
from tests.support.machine import ROOT
from tests.support.parts import ABOUT, about, leftovers

__all__ = ["ABOUT", "about", "leftovers"]

FAULTS = int(os.environ.get("PTM_FAULTS", "0"))  # 10 and more: all of it, not a part


BOOK = ROOT / "data" / "catalog.toml"


def files(root: Path) -> set[str]:
    """Paths of all files below a folder, relative to it."""
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def listing(root: Path) -> dict[str, tuple[int, int, int]]:
    """Of all that is below a folder: mtime and ctime in ns, and the size."""
    return {
        str(path.relative_to(root)): (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size)
        for path in sorted(root.rglob("*"))
        for stat in [path.lstat()]
    }


def digests(root: Path) -> dict[str, str]:
    """Of each file of each publication, its manifest too, and of each view that is kept.

    Names of publications, which no two stores share, are left out of names and content of views.
    """
    found = {}
    for path in sorted(root.glob("*/*/*")):
        if path.parent.name in ("keys", "stat"):
            continue
        if path.parent.name == "parts" and path.suffix == ".json":
            continue  # a record says where and when its files were written
        name, raw = path.name, path.read_bytes()
        if path.parent.name == "views":
            [publication] = (
                one for one in os.listdir(path.parents[1]) if path.name.startswith(one)
            )
            name = name.replace(publication, "views")
            raw = raw.replace(publication.encode(), b"")
        found[f"{path.parents[1].name}/{name}"] = hashlib.sha256(raw).hexdigest()
    return found


def publications(root: Path, name: str = "planted") -> set[str]:
    """The folders of a name that hold a manifest."""
    return {path.parent.name for path in root.glob(f"{name}/*/manifest.json")}


def repoint(folder: Path, text: bytes) -> None:
    """Puts a text in place of a manifest, and makes every pointer to its folder fit it."""
    (folder / "manifest.json").write_bytes(text)
    for place, pointer in store.pointers(folder.parent).items():
        if pointer and pointer["publication"] == folder.name:
            fitting = with_digest({**pointer, "manifest_sha256": hashlib.sha256(text).hexdigest()})
            (folder.parent / place).write_bytes(as_json(fitting))


# a program that begins so gives up all that sets root apart: permissions count for it
ORDINARY = """
import ctypes, struct
assert ctypes.CDLL(None).capset(struct.pack("Ii", 0x20080522, 0), bytes(24)) == 0
"""


def python(code: str, *arguments: object, **environment: str) -> str:
    """What a Python process of its own prints, given a program and its arguments."""
    # -P: not what happens to lie in the working folder
    command = [sys.executable, "-P", "-c", code, *map(str, arguments)]
    env = {**os.environ, **environment}
    run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return run.stdout


VALUES = [[1.0, 2.0], [3.0, 4.0]]


def table(root: Path, name: str = "t", **options: Any) -> TableSource:
    """A source that is that table as it is."""
    options = {"standardize": False, **options}
    return TableSource(name=name, root=root, kind="table", path="t.csv", **options)


def make(source: TableSource, rehash: bool = False, force: bool = False) -> ArtifactRef:
    """What a run makes of it, or finds."""
    return tensorize(source, source.root / "store", rehash=rehash, force=force)


def shelf(source: TableSource) -> Path:
    """Where the store keeps it."""
    return source.root / "store" / source.name


def check(source: TableSource) -> None:
    """What loads is right, to the last value."""
    loaded = ptm.load(source.name, source.root / "store")
    assert loaded.tensors["features"].tolist() == VALUES
    assert loaded.table.to_numpy().tolist() == VALUES


def heal(source: TableSource) -> ArtifactRef:
    """The next run: what is current after it is right, deep down, and nothing is left over."""
    ref = make(source)
    check(source)
    assert not [found for found in store.verify(source.root / "store") if found.error]
    assert leftovers(source.root / "store") == []
    return ref


def flip(place: Path, number: int, bits: int) -> None:
    """Flips bits of one byte in place; once more, and they are as before."""
    with place.open("r+b") as file:
        file.seek(number)
        [byte] = file.read(1)
        file.seek(number)
        file.write(bytes([byte ^ bits]))
