"""What may leak from one split into another is found before the commit, with its rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.support.splits import SHARES, noise, photos, scene, table

pytestmark = pytest.mark.usefixtures("unsynced")
COLUMNS = "abcdefghijkl"
TIME = 'split = { train = "..2012-06-30", val = "2012-07-01.." }\ntime = "when"\n'
SIZES = ["", "part_bytes = 20000"]


def rows(count: int, seed: int = 0) -> pd.DataFrame:
    """Clean ones: numbers of chance, a target that they say with noise, a person, a time."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.normal(size=(count, 6)), columns=[*"abcdef"]).round(6)
    frame["size"] = random.integers(0, 1000, count)
    frame["y"] = (frame["a"] + frame["b"] + random.normal(size=count) > 0).astype(int)
    frame["who"] = [f"p{n}" for n in random.integers(0, 50, count)]
    hours = pd.to_timedelta(random.integers(0, 365 * 24, count), unit="h")
    frame["when"] = (pd.Timestamp("2012-01-01") + hours).strftime("%Y-%m-%d %H:%M:%S")
    return frame


@pytest.mark.parametrize("size", SIZES)
def test_duplicates_across_groups(tmp_path: Path, size: str) -> None:
    """Each set of equal rows of several splits is a finding with its positions."""
    frame = rows(400)
    frame.loc[300:319, [*"abcdef", "size"]] = frame.loc[0:19, [*"abcdef", "size"]].to_numpy()
    options = f'target = "y"\nexclude = ["when"]\ngroup = "who"\n{SHARES}\n{size}'
    ref, found = table(tmp_path, frame, options)
    splits = found.table["split"]
    crossing = [n for n in range(20) if splits[n] != splits[300 + n]]
    findings = found.tables["findings"]
    told = findings[findings["finding"] == "duplicates"]
    assert sorted(told["position"]) == crossing and crossing
    assert (told["other_position"] == told["position"] + 300).all()
    for row in told.itertuples():
        assert (row.split, row.other_split) == (
            splits[row.position],
            splits[row.other_position],
        )
    said = found.manifest["split"]["crossings"]["duplicates"]
    assert said == {"samples": 2 * len(crossing), "sets": len(crossing)}
    text = f"{2 * len(crossing)} samples are equal to one of another split (tables['findings'])"
    assert text in ref.warnings


@pytest.mark.parametrize("size", SIZES)
def test_groups_across_time(tmp_path: Path, size: str) -> None:
    """Persons before and after a cut are a finding."""
    frame = rows(300)
    options = f'target = "y"\ngroup = "who"\n{TIME}{size}'
    _, found = table(tmp_path, frame, options)
    shared = (found.table.groupby("who")["split"].nunique() > 1).sum()
    crossings = found.manifest["split"]["crossings"]
    assert crossings["groups"]["sets"] == shared > 0
    assert crossings["duplicates"]["samples"] == 0


def test_train_later_than_test(tmp_path: Path) -> None:
    """With a time that does not make the split, train rows that are not before the others."""
    frame = rows(200)
    options = f'target = "y"\ngroup = "who"\ntime = "when"\n{SHARES}'
    _, found = table(tmp_path, frame, options)
    splits, times = found.table["split"], pd.to_datetime(frame["when"])
    first = times[splits != "train"].min()
    later = ((splits == "train") & (times >= first)).sum()
    assert found.manifest["split"]["crossings"]["later"]["samples"] == later > 0


PLANTED = {
    "in another unit": lambda frame: frame["t"] * 1.8 + 32,
    "as a curve": lambda frame: np.exp(frame["t"] / 3),
    "as its rank": lambda frame: frame["t"].rank(),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_the_target_in_other_numbers(tmp_path: Path, planted: str) -> None:
    """Of a target of numbers."""
    frame = rows(500).drop(columns=["y", "who", "when"])
    frame["t"] = frame["a"] * 3 + frame["b"]
    frame["again"] = PLANTED[planted](frame)
    ref, found = table(tmp_path, frame, f'target = "t"\n{SHARES}')
    assert [one["column"] for one in found.manifest["split"]["suspects"]] == ["again"]
    assert any("column 'again': it is the target in other numbers" in w for w in ref.warnings)


@pytest.mark.parametrize("planted", ["in another unit", ""])
def test_the_target_beside_gaps(tmp_path: Path, planted: str) -> None:
    """What is missing in a column says nothing, for or against it; nor that columns come to it."""
    frame = rows(500).drop(columns=["y", "who", "when"])
    frame["t"] = frame["a"] * 3 + frame["b"]
    if planted:
        frame["again"] = PLANTED[planted](frame)
    last = frame.columns[-1] if planted else "c"
    frame.loc[::7, last] = np.nan
    options = f'target = "t"\nmissing = {{ {last} = "mean" }}\n{SHARES}'
    _, found = table(tmp_path, frame, options)
    told = ["again"] if planted else ["a, b"]
    assert [one["column"] for one in found.manifest["split"]["suspects"]] == told


CLASSES = {
    "a text for each class": lambda y: np.where(y == 1, "yes", "no"),
    "several texts for each class": lambda y: [
        f"{'yes' if one else 'no'}{n % 5}" for n, one in enumerate(y)
    ],
    "a number with noise": lambda y: y * 10 + np.random.default_rng(9).normal(size=len(y)),
    "codes": lambda y: np.where(y == 1, 3, 8),
}


@pytest.mark.parametrize("planted", CLASSES)
def test_the_class_in_a_column(tmp_path: Path, planted: str) -> None:
    """Of a target with classes."""
    frame = rows(500).drop(columns=["who", "when"])
    frame["again"] = CLASSES[planted](frame["y"].to_numpy())
    measures = 'measures = { again = "categorical" }\n' if "text" in planted else ""
    _, found = table(tmp_path, frame, f'target = "y"\nclasses = 2\n{measures}{SHARES}')
    assert [one["column"] for one in found.manifest["split"]["suspects"]] == ["again"]
    leaks = {leak["kind"][:2]: leak["state"] for leak in found.manifest["split"]["leaks"]}
    assert leaks["L2"] == "found"


def test_two_columns_that_come_to_the_target(tmp_path: Path) -> None:
    """As casual and registered riders come to all of them."""
    random = np.random.default_rng(0)
    frame = rows(400).drop(columns=["y", "who", "when"])
    frame["casual"], frame["registered"] = random.poisson(30, 400), random.poisson(100, 400)
    frame["cnt"] = frame["casual"] + frame["registered"]
    _, found = table(tmp_path, frame, f'target = "cnt"\n{SHARES}')
    assert [one["column"] for one in found.manifest["split"]["suspects"]] == ["casual, registered"]


IDENTIFIERS = {
    "counted up": lambda count: np.arange(count),
    "counted in no order": lambda count: np.random.default_rng(0).permutation(count) + 500,
    "long numbers": lambda count: np.random.default_rng(0).choice(9 * 10**8, count, False) + 10**8,
}


@pytest.mark.parametrize("sort", IDENTIFIERS)
def test_names_of_rows(tmp_path: Path, sort: str) -> None:
    """A column that is another in each row, and no measure."""
    frame = rows(500).drop(columns=["who", "when"])
    frame["id"] = IDENTIFIERS[sort](500)
    _, found = table(tmp_path, frame, f'target = "y"\nclasses = 2\n{SHARES}')
    assert [one["column"] for one in found.manifest["split"]["suspects"]] == ["id"]
    _, found = table(tmp_path, frame, f'target = "y"\nclasses = 2\nexclude = ["id"]\n{SHARES}')
    assert not found.manifest["split"]["suspects"]


@pytest.mark.parametrize("seed", range(20))
def test_clean_rows(tmp_path: Path, seed: int) -> None:
    """There is nothing to find in rows of chance."""
    frame = rows(500, seed).drop(columns=["who", "when"])
    ref, found = table(tmp_path, frame, f'target = "y"\nclasses = 2\n{SHARES}\nseed = {seed}')
    assert not ref.warnings and found.tables["findings"].empty
    nearest = found.manifest["split"]["nearest"]
    assert nearest["chance"] < nearest["score"] < 0.95 and nearest["asked"] > 150


def test_photos_that_are_nearly_the_same(tmp_path: Path) -> None:
    """Of another quality, brighter or smaller: pairs of two splits are told by their files."""
    files = {f"{n:02}.png": scene(n) for n in range(24)}
    files |= {f"again/{n:02}.jpg": scene(n) for n in range(8)}
    files |= {
        f"again/{n:02}.png": scene(n).point(lambda v: min(255, v * 1.2)) for n in range(8, 16)
    }
    files |= {f"again/{n:02}.png": scene(n).convert("L").convert("RGB") for n in range(16, 24)}
    _, found = photos(tmp_path, files, "split = { train = 0.5, test = 0.5 }")
    splits = found.table.set_index("file")["split"]
    names = [(f"{n:02}.png", f"again/{n:02}.{'jpg' if n < 8 else 'png'}") for n in range(24)]
    crossing = {pair for pair in names if splits[pair[0]] != splits[pair[1]]}
    findings = found.tables["findings"]
    told = findings[findings["finding"] == "near-duplicates"]
    pairs = zip(told["file"], told["other_file"], strict=True)
    assert {tuple(sorted(pair)) for pair in pairs} == crossing and len(crossing) > 3


@pytest.mark.parametrize("seed", range(20))
def test_photos_of_their_own(tmp_path: Path, seed: int) -> None:
    """Other scenes, and noise, are none."""
    random = np.random.default_rng(seed)
    files = {f"{n}.png": scene(1000 * seed + n, 32) for n in range(20)}
    files |= {f"noise {n}.png": noise(random, 32) for n in range(20)}
    ref, found = photos(tmp_path, files, "split = { train = 0.5, test = 0.5 }")
    assert not ref.warnings and found.tables["findings"].empty


def test_rows_that_are_nearly_the_same(tmp_path: Path) -> None:
    """All values but one, or all nearly: pairs of two splits are told."""
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(400, 12)), columns=[*COLUMNS])
    frame.loc[300:319] = frame.loc[0:19].to_numpy()
    frame.loc[300:309, "c"] += 1
    frame.loc[310:319] *= 1 + 1e-9
    _, found = table(tmp_path, frame, SHARES)
    splits = found.table["split"]
    crossing = {(n, 300 + n) for n in range(20) if splits[n] != splits[300 + n]}
    findings = found.tables["findings"]
    told = zip(findings["position"], findings["other_position"], strict=True)
    assert set(told) == crossing and crossing


def test_rows_of_few_categories_are_not_near(tmp_path: Path) -> None:
    """That most values agree is chance there."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.integers(0, 3, (600, 8)), columns=[*"abcdefgh"])
    _, found = table(tmp_path, frame, SHARES)
    assert "near-duplicates" not in set(found.tables["findings"]["finding"])


def test_the_eight_kinds_of_leaks(tmp_path: Path) -> None:
    """Of each stands in the manifest whether it is prevented, found or out of reach, and why."""
    frame = rows(200)
    _, found = table(tmp_path, frame, f'target = "y"\nexclude = ["who"]\n{TIME}')
    said = {leak["kind"].split()[0]: leak for leak in found.manifest["split"]["leaks"]}
    assert list(said) == ["L1.1", "L1.2", "L1.3", "L1.4", "L2", "L3.1", "L3.2", "L3.3"]
    states = {"prevented", "found", "looked for, none found", "out of reach"}
    assert all(leak["state"] in states and leak["how"] for leak in said.values())
    assert said["L3.1"]["state"] == said["L1.2"]["state"] == "prevented"
    _, found = table(
        tmp_path, frame, 'target = "y"\nexclude = ["who", "when"]\nsplit = { train = 1.0 }'
    )
    said = {leak["kind"].split()[0]: leak for leak in found.manifest["split"]["leaks"]}
    assert said["L1.1"]["state"] == "found"


@pytest.mark.parametrize("size", ["", "part_bytes = 400\n"])
def test_a_leak_in_small_parts(tmp_path: Path, size: str) -> None:
    """Of many small parts more are looked at."""
    frame = rows(300)[["a", "y"]]
    frame["again"] = frame["y"] * 2
    _, found = table(tmp_path, frame, f'target = "y"\n{SHARES}\n{size}')
    assert [one["column"] for one in found.manifest["split"]["suspects"]] == ["again"]
    assert len(found.parts) == 1 or len(found.parts) > 20


def test_what_is_not_looked_for_is_not_found_absent(tmp_path: Path) -> None:
    """Where there is too little to look at the manifest says so, not that there are none."""
    _, found = table(tmp_path, rows(40)[["a", "y"]], f'target = "y"\n{SHARES}')
    leaks = {leak["kind"][:2]: leak for leak in found.manifest["split"]["leaks"]}
    train = len(found.split("train"))
    how = f"{train} rows of train are too few to look for them (50)"
    assert (leaks["L2"]["state"], leaks["L2"]["how"]) == ("out of reach", how)
