"""Random tables in random dialects and formats: what comes out is what was planted, exactly."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ptm
from tests.support.dialects import Planted, planted_file, planted_text

pytestmark = pytest.mark.usefixtures("unsynced")
FEW, MANY = 8, 500


def check(planted: Planted, root: Path, *sizes: int) -> None:
    """The rows are those that were planted, the features what is said to become of them."""
    (root / planted.name).write_bytes(planted.raw)
    for size in sizes:
        (root / "catalog.toml").write_text(f"{planted.entry}part_bytes = {size}\n")
        source = ptm.load_catalog(root / "catalog.toml", root)["x"]
        ptm.tensorize(source, root / str(size))
        found = ptm.load("x", root / str(size))
        rows = found.table
        for name, values in planted.columns.items():
            got = [None if one is None or one != one else one for one in rows[name].tolist()]
            assert got == values, (name, size, got, values)
        features = dict(
            zip(found.manifest["facts"]["features"], found.tensors["features"].T, strict=True)
        )
        for name, expected in _features(planted).items():
            np.testing.assert_array_equal(features.pop(name).numpy(), expected, name)
        assert not features, features


def _features(planted: Planted) -> dict[str, np.ndarray]:
    """Of numbers themselves, the mean where one is missing; of texts 0 and 1."""
    found: dict[str, np.ndarray] = {}
    left_out, measures = planted.options["exclude"], planted.options["measures"]
    for name, values in planted.columns.items():
        if name in measures:
            texts = ["" if one is None else one for one in values]
            for category in sorted({"", *texts}):
                flags = [float(one == category) for one in texts]
                found[f"{name}={category}"] = np.array(flags, np.float32)
        elif name not in left_out:
            known = [one for one in values if one is not None]
            mean = np.mean(np.array(known))
            column = np.array([mean if one is None else one for one in values])
            found[name] = column.astype(np.float32)
    return found


@pytest.mark.parametrize("seed", range(FEW))
def test_any_dialect(seed: int, tmp_path: Path) -> None:
    """A table in a dialect by chance, as one part and as many."""
    check(planted_text(seed), tmp_path, 1 << 20, 300, 1)


@pytest.mark.parametrize("seed", range(FEW))
def test_any_format(seed: int, tmp_path: Path) -> None:
    """The same as Parquet, Arrow, JSON or Excel."""
    check(planted_file(seed), tmp_path, 1 << 20, 300, 1)


@pytest.mark.slow
@pytest.mark.parametrize("plant", [planted_text, planted_file])
def test_very_many(plant: Callable[[int], Planted], tmp_path: Path) -> None:
    """Each seed gives a table of its own."""
    for seed in range(FEW, MANY):
        folder = tmp_path / str(seed)
        folder.mkdir()
        check(plant(seed), folder, 1 << 20, 300)
        shutil.rmtree(folder)
