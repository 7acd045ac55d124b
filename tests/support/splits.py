"""Entries with splits of files that tests write, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

import ptm
from ptm.model import Artifact, ArtifactRef

SHARES = "split = { train = 0.6, val = 0.2, test = 0.2 }"
Make = Callable[..., Artifact]


def entry(root: Path, kind: str, path: str, options: str) -> ptm.Source:
    """An entry of a catalog of its own, whose name is "x"."""
    catalog = root / "catalog.toml"
    catalog.write_text(f'[x]\nkind = "{kind}"\npath = "{path}"\n{options}\n')
    return ptm.load_catalog(catalog, data=root)["x"]


def tensorized(root: Path, kind: str, path: str, options: str) -> tuple[ArtifactRef, Artifact]:
    """It as it is made and loaded."""
    ref = ptm.tensorize(entry(root, kind, path, options), root / "store")
    return ref, ptm.load("x", root / "store")


def table(root: Path, frame: pd.DataFrame, options: str) -> tuple[ArtifactRef, Artifact]:
    """An entry of the rows of a frame."""
    frame.to_csv(root / "rows.csv", index=False)
    return tensorized(root, "table", "rows.csv", options)


def photos(
    root: Path, files: Mapping[str, np.ndarray | Image.Image], options: str
) -> tuple[ArtifactRef, Artifact]:
    """An entry of photos, uint8 [height, width, channel], by their names."""
    for name, pixels in files.items():
        place = root / "photos" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
        image.save(place, **({"quality": 60} if name.endswith(".jpg") else {}))
    return tensorized(root, "images", "photos", f'pattern = "**/*.*"\n{options}')


def scene(seed: int, side: int = 64) -> Image.Image:
    """A picture as smooth as nature, unlike that of any other seed."""
    random = np.random.default_rng(seed)
    pixels = np.zeros((side, side, 3))
    for cells in (4, 8, 16, 32):
        for channel in range(3):
            coarse = random.normal(size=(cells, cells)).astype(np.float32) * 8 / cells
            fine = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
            pixels[:, :, channel] += np.asarray(fine)
    pixels -= pixels.min()
    return Image.fromarray((pixels / pixels.max() * 255).astype(np.uint8))


def noise(random: np.random.Generator, side: int = 8) -> np.ndarray:
    """Pixels of chance, uint8 [side, side, 3]."""
    return random.integers(0, 256, (side, side, 3), dtype=np.uint8)


def by_split(artifact: Artifact) -> dict[str, Any]:
    """Positions by split, as they stand in the rows."""
    splits = artifact.table["split"]
    return {str(name): np.flatnonzero(splits == name) for name in splits.dropna().unique()}
