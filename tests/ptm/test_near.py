"""near = "group": near-duplicates stay together, and beside those of the split before."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ptm
from ptm import store
from ptm.errors import ArtifactCorrupt, InputError
from ptm.leaks.near import clusters
from tests.support.splits import entry, photos, scene, table, tensorized

pytestmark = pytest.mark.usefixtures("unsynced")
NEAR = 'split = { train = 0.5, test = 0.5 }\nnear = "group"\n'
MANY = "part_bytes = 100000\n"
SIZES = ["", MANY, f'{MANY}store = "raw"\n']


@pytest.mark.parametrize("size", SIZES)
def test_photos_stay_together(tmp_path: Path, size: str) -> None:
    """Each photo is where its copy of another quality is; statistics are those of train."""
    files = {f"{n:02}.png": scene(n) for n in range(40)}
    files |= {f"again {n:02}.jpg": scene(n) for n in range(0, 40, 2)}
    ref, found = photos(tmp_path, files, f"standardize = true\n{NEAR}{size}")
    splits = found.table.set_index("file")["split"]
    for number in range(0, 40, 2):
        assert splits[f"{number:02}.png"] == splits[f"again {number:02}.jpg"]
    assert splits.nunique() == 2 and not ref.warnings
    assert sum(found.manifest["stats"]["samples"].values()) == 60
    raw = found.raw("images", found.tensors["images"]).numpy()
    train = raw[(found.table["split"] == "train").to_numpy()] / 255
    assert found.scaler
    np.testing.assert_allclose(found.scaler.shift, train.mean(axis=(0, 2, 3)), atol=1e-7)
    np.testing.assert_allclose(found.scaler.scale, train.std(axis=(0, 2, 3), ddof=1), atol=1e-7)


@pytest.mark.parametrize("size", SIZES)
def test_new_ones_join_their_neighbours(tmp_path: Path, size: str) -> None:
    """None that was there moves, though copies that come first would have been drawn elsewhere."""
    files = {f"{n:02}.png": scene(n) for n in range(30)}
    _, before = photos(tmp_path, files, NEAR + size)
    old = before.table.set_index("file")["split"]
    assert ptm.tensorize(_again(tmp_path), tmp_path / "store").cached
    files = {f"00 {n:02}.jpg": scene(n) for n in range(30)}
    ref, after = photos(tmp_path, files, NEAR + size)
    new = after.table.set_index("file")["split"]
    assert new[old.index].equals(old)
    for number in range(30):
        assert new[f"00 {number:02}.jpg"] == old[f"{number:02}.png"]
    assert not ref.cached and ptm.tensorize(_again(tmp_path), tmp_path / "store").cached
    assert not ptm.tensorize(_again(tmp_path), tmp_path / "store", force=True).cached
    forced = ptm.load("x", tmp_path / "store")
    assert forced.table["split"].equals(after.table["split"])


def _again(root: Path) -> ptm.Source:
    return ptm.load_catalog(root / "catalog.toml", data=root)["x"]


def _rows(count: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(random.normal(size=(count, 12)), columns=[f"x{n}" for n in range(12)])


@pytest.mark.parametrize("size", ["", "part_bytes = 10000\n"])
def test_one_that_is_near_to_two_splits(tmp_path: Path, size: str) -> None:
    """It is refused by its name, with those that it is near to; what was there stays current."""
    frame = _rows(40).round(6)
    # the second of each pair differs from the first in two values of twelve
    twins = frame.copy()
    twins[["x0", "x1"]] += 1
    _, before = table(tmp_path, pd.concat([frame, twins]), NEAR + size)
    splits = before.table["split"]
    torn = [n for n in range(40) if splits[n] != splits[40 + n]]
    assert torn  # 10 of 14 values in common are too few to be near
    bridge = frame.iloc[torn[:1]].copy()
    bridge["x0"] += 1  # one value from each
    with pytest.raises(InputError) as raised:
        table(tmp_path, pd.concat([frame, twins, bridge]), NEAR + size)
    text = str(raised.value)
    assert "row 81: expected a sample that is near to samples of one split" in text
    for place in (torn[0], torn[0] + 40):
        assert f"row {place + 1} of {splits[place]}" in text
    assert ptm.load("x", tmp_path / "store").table["split"].equals(splits)


def test_other_shares_are_another_split(tmp_path: Path) -> None:
    """What was before binds only a split of the same shares and seed."""
    frame = _rows(200)
    _, one = table(tmp_path, frame, NEAR)
    _, other = table(tmp_path, frame, f"{NEAR}seed = 1")
    assert not one.table["split"].equals(other.table["split"])
    _, third = table(tmp_path, frame, NEAR)
    assert third.table["split"].equals(one.table["split"])


def test_rows_stay_together(tmp_path: Path) -> None:
    """Rows of which all values but one are the same are in one split."""
    frame = _rows(300).round(6)
    twins = frame.assign(x3=frame["x3"] + 1)
    _, found = table(tmp_path, pd.concat([frame, twins]), NEAR)
    splits = found.table["split"].tolist()
    assert splits[:300] == splits[300:] and len(set(splits)) == 2


def test_clusters_are_those_of_a_graph() -> None:
    """The least place that each sample reaches, as a search finds it."""
    for seed in range(30):
        random = np.random.default_rng(seed)
        pairs = random.integers(0, 60, (int(random.integers(0, 60)), 2))
        found = clusters(60, pairs)
        least = {place: place for place in range(60)}
        for _ in range(60):
            for one, other in pairs.tolist():
                least[one] = least[other] = min(least[one], least[other])
        assert found.tolist() == [least[place] for place in range(60)]


def _with_twins() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows; and these behind others, each of which differs from one of them in a value."""
    frame = _rows(60)
    return frame, pd.concat([frame.assign(x0=frame["x0"] + 1), frame])


def test_back_to_the_seed_of_before(tmp_path: Path) -> None:
    """It is the split that this seed had, as long as that is kept, and binds what comes."""
    frame, both = _with_twins()
    table(tmp_path, frame, NEAR)
    _, one = table(tmp_path, both, NEAR)
    table(tmp_path, both, f"{NEAR}seed = 1")
    ref, again = table(tmp_path, both, NEAR)
    assert ref.cached and again.table["split"].equals(one.table["split"])
    table(tmp_path, both, f"{NEAR}seed = 1")
    _, more = table(tmp_path, pd.concat([_rows(70)[60:], both]), NEAR)
    assert more.table["split"][10:].tolist() == one.table["split"].tolist()


@pytest.mark.parametrize("left", ["an older one", "none"])
def test_a_damaged_split_of_before(tmp_path: Path, left: str) -> None:
    """What says it is checked: another that says the same is taken, or it is an error."""
    frame, both = _with_twins()
    table(tmp_path, frame, NEAR)
    ref, one = table(tmp_path, both, NEAR)
    if left == "none":
        store.gc(tmp_path / "store", keep=0)
    place = Path(ref.path) / "content.parquet"
    raw = bytearray(place.read_bytes())
    raw[len(raw) // 2] ^= 1
    place.chmod(0o644)
    place.write_bytes(raw)
    if left == "none":
        with pytest.raises(ArtifactCorrupt) as raised:
            table(tmp_path, pd.concat([both, _rows(70)[60:]]), NEAR)
        assert "content.parquet" in str(raised.value)
        return
    again, healed = table(tmp_path, both, NEAR)
    assert not again.cached and healed.table["split"].equals(one.table["split"])


def test_sounds_cannot_be_near(tmp_path: Path) -> None:
    """What is not compared is not said to be together."""
    (tmp_path / "in").mkdir()
    for number in range(6):
        noise = np.random.default_rng(number).integers(-3000, 3000, 800).astype("<i2")
        with wave.open(str(tmp_path / "in" / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 800, "NONE", ""))
            file.writeframes(noise.tobytes())
    for size in ["", "part_bytes = 4000\n"]:
        with pytest.raises(InputError) as raised:
            tensorized(tmp_path, "audio", "in", NEAR + size)
        assert "x: near: expected photos of 8 bits, or rows with columns" in str(raised.value)


def test_a_row_that_is_near_to_two_has_its_number_in_the_file(tmp_path: Path) -> None:
    """Those that were set aside before it are counted."""
    frame = _rows(40).round(6)
    twins = frame.copy()
    twins[["x0", "x1"]] += 1
    _, before = table(tmp_path, pd.concat([frame, twins]), f'{NEAR}on_bad = "quarantine"')
    splits = before.table["split"]
    torn = next(n for n in range(40) if splits[n] != splits[40 + n])
    bridge = frame.iloc[[torn]].copy()
    bridge["x0"] += 1
    broken = frame.iloc[:5].astype(object)
    broken["x3"] = "oops"
    for size in ("", "part_bytes = 10000\n"):
        with pytest.raises(InputError) as raised:
            rows = pd.concat([broken, frame, twins, bridge])
            table(tmp_path, rows, f'{NEAR}on_bad = "quarantine"\n{size}')
        text = str(raised.value)
        assert "rows.csv" in text and "row 86: expected a sample that is near to" in text
        assert f"row {torn + 6} of" in text and f"row {torn + 46} of" in text


def test_options(tmp_path: Path) -> None:
    """It needs shares."""
    with pytest.raises(ptm.PtmError) as raised:
        entry(tmp_path, "images", "photos", 'split = { folder = true }\nnear = "group"')
    assert "'near' with shares" in str(raised.value)
