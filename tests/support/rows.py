"""Tables of a folder: their text, what their entry says, what is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import ptm
from ptm.model import Artifact, ArtifactRef

ENTRY = '[t]\nkind = "table"\npath = "t.csv"\n'


def source(root: Path, table: str | pd.DataFrame, more: str = "") -> ptm.Source:
    """The entry of a table that is written there."""
    text = table if isinstance(table, str) else table.to_csv(index=False)
    (root / "t.csv").write_text(text, encoding="utf-8")
    (root / "catalog.toml").write_text(f"{ENTRY}{more}\n", encoding="utf-8")
    return ptm.load_catalog(root / "catalog.toml", data=root)["t"]


def ref_of(root: Path, table: str | pd.DataFrame, more: str = "", to: str = "store") -> ArtifactRef:
    """A reference to what is made of a table."""
    return ptm.tensorize(source(root, table, more), root / to)


def made(root: Path, table: str | pd.DataFrame, more: str = "", to: str = "store") -> Artifact:
    """What is made of a table."""
    ref_of(root, table, more, to)
    return ptm.load("t", root / to)


def features(artifact: Artifact) -> pd.DataFrame:
    """Features as columns by their names; scaled, however they are stored."""
    tensor = artifact.tensors["features"]
    if artifact.learned and "features" in artifact.learned.raw:
        tensor = artifact.transform({"features": tensor})["features"]
    return pd.DataFrame(tensor.numpy(), columns=artifact.manifest["facts"]["features"])


def scaled(values: Any, train: Any = slice(None)) -> np.ndarray:
    """To mean 0 and standard deviation 1 (n - 1) of train, as float32."""
    values = np.asarray(values, dtype=np.float64)
    return ((values - values[train].mean()) / values[train].std(ddof=1)).astype(np.float32)
