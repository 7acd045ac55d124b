"""Profiles of columns and channels by split: the float64 truth of their rows, whatever the cut."""

from __future__ import annotations

import json
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import ptm
from ptm.described import profiles_of, records_of, summary_of, table_of
from ptm.model import Artifact, Block
from ptm.profile import OF_ROWS, Profile, Texts, as_json, from_json, merged, of_all
from ptm.profiling import of_block, of_column, of_rows
from ptm.scaling import Scaling
from ptm.stats import moments_of

pytestmark = pytest.mark.usefixtures("unsynced")
VALUES = st.one_of(st.none(), st.floats(allow_infinity=False, width=32), st.just(0.1))
WORDS = st.one_of(st.none(), st.sampled_from(["Rome", "Bonn", "", " ", "Oslo", "x" * 300]))


def column(values: Any, kind: Any = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


def exactly(profile: Profile) -> Any:
    """All of a profile that is the same whatever the cut."""
    said = profile.to_json()
    for rounded in ("mean", "m2"):
        said.get("moments", {}).pop(rounded, None)
    return said


def cut(rows: pa.Table, cuts: list[int]) -> list[pa.Table]:
    return [rows.slice(a, b - a) for a, b in pairwise([0, *cuts, rows.num_rows])]


@given(st.lists(st.tuples(VALUES, WORDS), max_size=40), st.data())
def test_any_cut_gives_the_same(rows: list[tuple[Any, Any]], data: st.DataObject) -> None:
    """Cut anywhere, the merged profiles are those of the whole; of mean and deviation nearly."""
    numbers, texts = [one[0] for one in rows], [one[1] for one in rows]
    table = pa.table({"x": column(numbers, pa.float64()), "t": column(texts, pa.string())})
    cuts = sorted(data.draw(st.sets(st.integers(0, len(rows)))))
    parts = [{"train": {OF_ROWS: of_rows(part)}} for part in cut(table, cuts)]
    found = merged(from_json(json.loads(json.dumps(as_json(part)))) for part in parts)
    for name, one in of_rows(table).items():
        there = found["train"][OF_ROWS][name]
        assert json.loads(json.dumps(exactly(there))) == json.loads(json.dumps(exactly(one)))
        if one.moments and one.moments.count[0] and there.moments:
            size = max(abs(one.moments.min[0]), abs(one.moments.max[0]))
            assert there.moments.mean == pytest.approx(one.moments.mean, abs=1e-12 * size)
            assert there.moments.std == pytest.approx(one.moments.std, abs=1e-7 * size)


def test_many_texts() -> None:
    """Above a bound it is only said that there are more, whatever the cut; empty ones count."""
    texts = [f"id {n}" for n in range(1500)] + ["", " "] * 5
    whole = of_column(column(texts)).texts
    assert whole and (whole.distinct, whole.empty, whole.frequent(3)) == ("more than 1000", 10, [])
    for step in (100, 700, 1400):
        parts = [of_column(column(texts[n : n + step])).texts for n in range(0, len(texts), step)]
        assert reduce(Texts.merge, [part for part in parts if part]) == whole
    few = of_column(column(["b", "a", None, "b", "c", "a", ""])).texts
    assert few and few.distinct == 4
    assert few.frequent(2) == [("a", 2), ("b", 2)]


def test_types() -> None:
    """Every type that rows may have is measured as what it is."""
    day = pd.Timestamp("2012-06-30 12:00")
    found = of_rows(
        pa.table(
            {
                "int": column([1, None, 3], pa.int32()),
                "big": column([2**53, 2**53 + 2, 2**53 + 4]),
                "bool": column([True, False, True]),
                "float": column([1.0, float("nan"), None], pa.float32()),
                "time": column([day, None, day], pa.timestamp("us")),
                "date": column([day.date(), None, None]),
                "word": column(["a", None, "a"]).dictionary_encode(),
                "list": column([[1], None, [2, 3]]),
                "none": column([None, None, None]),
            }
        )
    )
    assert {name: (one.what, one.count, one.missing) for name, one in found.items()} == {
        "int": ("numbers", 2, 1),
        "big": ("numbers", 3, 0),
        "bool": ("numbers", 3, 0),
        "float": ("numbers", 1, 2),
        "time": ("times", 2, 1),
        "date": ("times", 1, 2),
        "word": ("texts", 2, 1),
        "list": ("others", 2, 1),
        "none": ("others", 0, 3),
    }
    said = summary_of({"train": {OF_ROWS: found}})["train"]
    assert said["time"]["min"] == said["time"]["median"] == "2012-06-30T12:00:00"
    assert said["bool"]["mean"] == pytest.approx(2 / 3) and said["int"]["median"] == 1.0
    assert said["word"] == {
        **{"count": 2, "missing": 1, "empty": 0, "distinct": 1},
        "frequent": [["a", 2]],
    }


def test_the_table_holds_all_of_it() -> None:
    """From the table that is published the same profiles can be made again."""
    random = np.random.default_rng(0)
    rows = pa.table(
        {
            "x": random.normal(size=5000),
            "i": random.integers(-3, 3, 5000),
            "t": random.choice(["a", "b"], 5000),
            "id": [str(n) for n in range(5000)],
            "no": pa.nulls(5000, pa.float64()),
            "list": [[1]] * 5000,
        }
    )
    by_split = {"train": {OF_ROWS: of_rows(rows)}, "val": {OF_ROWS: of_rows(rows.slice(9, 50))}}
    again = profiles_of(records_of(table_of(by_split).to_pandas()))
    for split in by_split:
        for name, one in by_split[split][OF_ROWS].items():
            there = again[split][OF_ROWS][name]
            assert exactly(there) == exactly(one), name


def made(root: Path, text: str, **options: Any) -> Artifact:
    """The artifact of one entry `x`."""
    (root / "catalog.toml").write_text(f"[x]\n{text}\n")
    ptm.tensorize(ptm.load_catalog(root / "catalog.toml", root)["x"], root / "store", **options)
    return ptm.load("x", root / "store")


@pytest.mark.parametrize("size", [1 << 26, 4000])
def test_statistics_are_those_of_the_train_rows(tmp_path: Path, size: int) -> None:
    """Of each split: count, mean, deviation, extremes as pandas has them of its rows in float64."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "a": random.normal(100, 5, 900).round(3),
            "b": random.lognormal(0, 2, 900).round(6),
            "city": random.choice(["Rome", "Bonn"], 900),
        }
    )
    frame.to_csv(tmp_path / "x.csv", index=False)
    artifact = made(
        tmp_path,
        'kind = "table"\npath = "x.csv"\nmeasures = { city = "categorical" }\n'
        f"split = {{ train = 0.7, val = 0.3 }}\npart_bytes = {size}",
    )
    assert (len(artifact.parts) > 3) == (size == 4000)
    said = artifact.manifest["stats"]["columns"]
    for split in ("train", "val"):
        rows = artifact.table[artifact.table["split"] == split]
        for name in ("a", "b"):
            truth, one = rows[name], said[split][name]
            assert (one["count"], one["missing"]) == (len(rows), 0)
            assert (one["min"], one["max"]) == (truth.min(), truth.max())
            assert one["mean"] == pytest.approx(truth.mean(), rel=1e-13)
            assert one["std"] == pytest.approx(truth.std(), rel=1e-12)
            assert one["median"] == pytest.approx(truth.median(), rel=0.02)
        counts = rows["city"].value_counts()
        assert dict(said[split]["city"]["frequent"]) == counts.to_dict()
    scaler = artifact.scaler
    assert scaler and scaler.shift[0] == pytest.approx(said["train"]["a"]["mean"], rel=1e-13)
    view = next(view for view in artifact.views if view.name == "statistics")
    assert view.rows is not None
    assert [(row["column"], row["split"]) for row in view.rows[:2]] == [
        ("a", "train"),
        ("a", "val"),
    ]
    assert "distributions" in [view.name for view in artifact.views]


def test_channels_of_photos(tmp_path: Path) -> None:
    """Channels that are scaled have rows of their own, as fractions; the brightness is exact."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (6, 40, 50, 3), dtype=np.uint8)
    (tmp_path / "photos").mkdir()
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / "photos" / f"{number}.png")
    artifact = made(tmp_path, 'kind = "images"\npath = "photos"\nstandardize = true')
    table = artifact.tables["statistics"].set_index(["tensor", "column"])
    red = table.loc[("images", "red")]
    assert red["count"] == 6 * 40 * 50
    assert red["mean"] == pytest.approx((pixels[..., 0] / 255).mean(), rel=1e-12)
    assert red["counts"].sum() == 6 * 400  # every fifth of 2000
    assert artifact.table["brightness"].tolist() == [
        int(image.sum(dtype=np.int64)) / (255 * image.size) for image in pixels
    ]
    said = artifact.manifest["stats"]["columns"]["train"]
    assert said["brightness"]["mean"] == pytest.approx(pixels.mean() / 255)
    assert (said["height"]["min"], said["width"]["max"]) == (40.0, 50.0)


def test_channels_along_any_axis() -> None:
    """Of any shape, the channels of a tensor are told apart, whatever the cut."""
    values = np.random.default_rng(0).normal(size=(30, 2, 7)).astype(np.float32)
    for axis in (1, 2):
        names = tuple(f"c{n}" for n in range(values.shape[axis]))
        how = Scaling(names, axis=axis)

        def profiles(some: np.ndarray, how: Scaling = how) -> Any:
            block = Block({"x": torch.from_numpy(some)}, scaling={"x": how})
            return {"train": of_block(block, {"x": moments_of(some, how.axis, 1.0)})}

        whole = profiles(values)["train"]["x"]
        parts = merged(profiles(values[n : n + 7]) for n in range(0, 30, 7))["train"]["x"]
        for place, name in enumerate(names):
            assert exactly(parts[name]) == exactly(whole[name])
            truth = values.take(place, axis).astype(np.float64)
            assert whole[name].histogram.count == truth.size
            assert whole[name].moments.mean[0] == pytest.approx(truth.mean(), abs=1e-12)


def test_all_splits_together() -> None:
    """What is of all samples is what comes of those of each split."""
    rows = pa.table({"x": np.arange(100.0)})
    halves = {"train": {OF_ROWS: of_rows(rows[:50])}, "none": {OF_ROWS: of_rows(rows[50:])}}
    assert exactly(of_all(halves)[OF_ROWS]["x"]) == exactly(of_rows(rows)["x"])


@pytest.mark.slow
def test_ten_thousand_columns(tmp_path: Path) -> None:
    """What waits of a part, and what the manifest says, stay small where columns are many."""
    rows = pa.table({f"c{n}": np.random.default_rng(n).normal(size=60) for n in range(2000)})
    by_split = {"train": {OF_ROWS: of_rows(rows)}}
    assert summary_of(by_split) == {}
    assert max(len(one.histogram.codes) for one in by_split["train"][OF_ROWS].values()) <= 66
    assert len(json.dumps(as_json(by_split))) < 3 * rows.nbytes


@pytest.mark.parametrize("size", [1 << 20, 400])
def test_order_of_splits(tmp_path: Path, size: int) -> None:
    """Train, val, test, others, none: whatever comes first in the file, or the catalog."""
    rows = pd.DataFrame({"day": range(100), "v": range(100)})
    rows.to_csv(tmp_path / "x.csv", index=False)
    cuts = "{ test = '..19', late = '90..', val = '20..39', train = '50..79' }"
    found = made(
        tmp_path,
        f'kind = "table"\npath = "x.csv"\ntime = "day"\nsplit = {cuts}\npart_bytes = {size}\n',
    )
    order = ["train", "val", "test", "late", "none"]
    assert found.tables["statistics"]["split"].drop_duplicates().tolist() == order
    assert list(found.manifest["stats"]["columns"]) == order
