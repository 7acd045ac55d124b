"""`ptm verify` computes splits again: what is published as it was, and what somebody changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ptm
from ptm import store
from ptm.errors import StoreError
from ptm.model import PartRef
from ptm.rechecking import problem_of_split
from tests.support.splits import SHARES, noise, photos, scene, table

pytestmark = pytest.mark.usefixtures("unsynced")
TIME = 'split = { train = "..2012-06-30", val = "2012-07-01.." }\ntime = "when"\n'


def rows(count: int = 300) -> pd.DataFrame:
    """Numbers, some of them twice; persons and times."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(count, 10)), columns=[*"abcdefghij"])
    frame.loc[200:219] = frame.loc[0:19].to_numpy()
    frame["who"] = [f"p{n}" for n in random.integers(0, 30, count)]
    hours = pd.to_timedelta(random.integers(0, 365 * 24, count), unit="h")
    frame["when"] = (pd.Timestamp("2012-01-01") + hours).strftime("%Y-%m-%d %H:%M")
    return frame


def of_table(options: str) -> Callable[[Path], object]:
    """Makes an entry of those rows."""
    return lambda root: table(root, rows(), options)


def of_photos(options: str) -> Callable[[Path], object]:
    """Makes an entry of photos in folders, one of them twice."""

    def make(root: Path) -> object:
        random = np.random.default_rng(0)
        files: dict[str, Any] = {
            f"{split}/p{n % 5}_{n}.png": noise(random, 64)
            for n, split in enumerate(["train", "val", "test"] * 8)
        }
        files["test/again.png"] = files["train/p0_0.png"]
        files["train/p9_near.png"], files["val/p9_near.jpg"] = scene(1), scene(1)
        return photos(root, files, options)

    return make


MADE = {
    "content": of_table(f'exclude = ["who", "when"]\n{SHARES}'),
    "content of many parts": of_table(f'exclude = ["who", "when"]\n{SHARES}\npart_bytes = 20000'),
    "group": of_table(f'exclude = ["when"]\ngroup = "who"\n{SHARES}'),
    "group with a time": of_table(f'group = "who"\ntime = "when"\n{SHARES}\npart_bytes = 20000'),
    "time": of_table(f'group = "who"\n{TIME}embargo = "3d"'),
    "near": of_table(f'exclude = ["who", "when"]\nnear = "group"\n{SHARES}'),
    "photos": of_photos(SHARES),
    "photos of many parts": of_photos(f'{SHARES}\npart_bytes = 30000\nstore = "raw"'),
    "photos in folders": of_photos("split = { folder = true }"),
    "photos of a group": of_photos(f"{SHARES}\ngroup = '/([a-z0-9]+)[_.]'\nstatistics = 'all'"),
}


def held(root: Path) -> store.Publication:
    """The publication that is current."""
    return store.current("x", root / "store")


@pytest.mark.parametrize("sort", MADE)
def test_what_was_made_verifies(tmp_path: Path, sort: str) -> None:
    """Whatever the rule, the same comes out again."""
    MADE[sort](tmp_path)
    assert problem_of_split(held(tmp_path)) == ""
    findings = store.verify(tmp_path / "store", check=problem_of_split)
    assert findings and not [finding for finding in findings if finding.error]


def moved(root: Path, change: Callable[[Any], Any]) -> store.Publication:
    """The publication with another column of splits, whose digests all agree again."""
    found = ptm.load("x", root / "store")
    [part] = found.parts
    arrow = part.arrow
    assert arrow is not None
    splits = change(arrow["split"].to_pylist())
    rows_ = arrow.set_column(arrow.column_names.index("split"), "split", [splits])
    ref = store.write_part(root / "store", "x", "", part.tensors, rows_)
    publication = held(root)
    manifest = json.loads(json.dumps(publication.manifest))
    manifest["parts"] = [PartRef.to_json(ref)]
    return publication._replace(manifest=manifest)


@pytest.mark.parametrize("sort", ["content", "group", "time", "photos", "photos in folders"])
def test_a_sample_that_somebody_moved(tmp_path: Path, sort: str) -> None:
    """It is told which, where it belongs and where it is."""
    MADE[sort](tmp_path)

    def change(splits: list[str | None]) -> list[str | None]:
        place = next(n for n, one in enumerate(splits) if n > 4 and one == "train")
        return [*splits[:place], "val", *splits[place + 1 :]]

    told = problem_of_split(moved(tmp_path, change))
    assert "expected split train, by" in told and told.endswith("got val")


def test_a_count_that_is_another(tmp_path: Path) -> None:
    """What the certificate says of crossings has to be what the rows come to."""
    MADE["group"](tmp_path)
    publication = held(tmp_path)
    manifest = json.loads(json.dumps(publication.manifest))
    manifest["split"]["crossings"]["duplicates"]["samples"] = 0
    told = problem_of_split(publication._replace(manifest=manifest))
    assert told.startswith("expected 0 samples that cross by duplicates, got ")


def test_no_split(tmp_path: Path) -> None:
    """There is nothing to say of an entry without one."""
    table(tmp_path, rows()[["a", "b"]], "")
    assert problem_of_split(held(tmp_path)) == ""
    with pytest.raises(StoreError):
        store.verify(tmp_path / "store", ["y"], check=problem_of_split)
