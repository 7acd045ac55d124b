"""An entry of a catalog, made as a run makes it, in one part and in many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import ptm
from ptm.errors import CatalogError, InputError
from ptm.model import Artifact


def entry(root: Path, more: str = "", path: str = "d", kind: str = "images") -> ptm.Source:
    """The entry "x" of what is in a folder."""
    catalog = root / "catalog.toml"
    catalog.write_text(f'[x]\nkind = "{kind}"\npath = "{path}"\n{more}\n')
    return ptm.load_catalog(catalog, data=root)["x"]


def made(root: Path, more: str = "", store: str = "store", **how: Any) -> Artifact:
    """The artifact of that entry."""
    ptm.tensorize(entry(root, more, **how), root / store)
    return ptm.load("x", root / store)


def made_alike(root: Path, more: str = "", **how: Any) -> Artifact:
    """The same, looked at whether it is the same in many parts."""
    one = made(root, more, **how)
    many = made(root, f"part_bytes = 1\n{more}", "many", **how)
    assert one.tensors.keys() == many.tensors.keys()
    for name, tensor in one.tensors.items():
        assert tensor.dtype == many.tensors[name].dtype, name
        found, expected = many.tensors[name].numpy(), tensor.numpy()
        close = np.allclose(found, expected, atol=1e-5) if found.dtype.kind == "f" else False
        assert close or np.array_equal(found, expected), name
    assert one.table.equals(many.table)
    assert one.manifest["facts"] == many.manifest["facts"]
    assert one.manifest["warnings"] == many.manifest["warnings"]
    if "quarantine" in one.tables:
        assert one.tables["quarantine"].equals(many.tables["quarantine"])
    return one


def refused(root: Path, more: str = "", **how: Any) -> list[tuple[str, str, str, str]]:
    """File, where, expected and got of each fault of that entry; the same in many parts."""
    told = []
    for size, store in ((1 << 26, "store"), (1, "many")):
        with pytest.raises(InputError) as caught:
            made(root, f"part_bytes = {size}\n{more}", store, **how)
        told.append(sorted((f.file, f.where, f.expected, f.got) for f in caught.value.faults))
    assert told[0] == told[1]
    return told[0]


def wrong(root: Path, more: str, **how: Any) -> str:
    """What is wrong with the options of that entry."""
    with pytest.raises(CatalogError) as caught:
        entry(root, more, **how)
    return str(caught.value)


def aside(artifact: Artifact) -> list[tuple[str, ...]]:
    """The samples in quarantine: path, where, expected, got."""
    return [tuple(row) for row in artifact.tables["quarantine"].itertuples(index=False)]


def put(root: Path, name: str, pixels: Any, **options: Any) -> Path:
    """A picture of these pixels, or a picture of Pillow, in the folder "d"."""
    path = root / "d" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(np.asarray(pixels))
    image.save(path, **options)
    return path


def flat(color: tuple[int, ...] | int, height: int = 4, width: int = 5) -> Image.Image:
    """A picture of one colour."""
    mode = "L" if isinstance(color, int) else {3: "RGB", 4: "RGBA"}[len(color)]
    return Image.new(mode, (width, height), color)
