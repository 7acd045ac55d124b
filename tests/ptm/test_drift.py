"""Drift: what was planted is found, and samples of one distribution are not taken for others."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan, log2, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import ptm
from ptm import store
from ptm.demands import Drift
from ptm.drift import Compared, Side, compared, distance_of
from ptm.errors import InputError
from ptm.model import Artifact, ArtifactRef
from ptm.profile import OF_ROWS
from ptm.profiling import of_rows

pytestmark = pytest.mark.usefixtures("unsynced")
ROWS, SEEDS = 1000, 20
CITIES = ["Rome", "Bonn", "Oslo", "Lima", "Bern", "Kyiv"]
SHARES = [0.4, 0.3, 0.2, 0.07, 0.02, 0.01]


def rows_of(seed: int, count: int = ROWS) -> dict[str, np.ndarray]:
    """Columns of every sort, of one distribution."""
    random = np.random.default_rng(seed)
    some = random.normal(size=count)
    return {
        "normal": random.normal(10, 2, count),
        "centred": random.normal(0, 1, count),
        "skewed": random.lognormal(0, 3, count),
        "decimals": random.normal(10, 1, count).round(1),
        "count": random.poisson(3, count),
        "flag": random.random(count) < 0.05,
        "rare": (random.random(count) < 0.002) * random.normal(size=count),
        "city": random.choice(CITIES, count, p=SHARES),
        "id": np.array([f"{seed}-{n}" for n in range(count)]),
        "gaps": np.where(random.random(count) < 0.1, np.nan, some),
    }


def side(rows: dict[str, Any], cut: float = 0.7) -> Side:
    """What was measured of rows of two splits."""
    table = pa.table(rows)
    at = int(table.num_rows * cut)
    halves = {"train": table[:at], "val": table[at:]}
    return Side(
        {name: {OF_ROWS: of_rows(half)} for name, half in halves.items()},
        {name: half.num_rows for name, half in halves.items()},
    )


def far(before: dict[str, Any], now: dict[str, Any], drift: Drift | None = None) -> list[Compared]:
    """What has drifted."""
    return [one for one in compared(side(before), side(now), drift or Drift()) if one.found]


@pytest.mark.parametrize("count", [30, 200, ROWS, 20_000])
def test_clean_data_gives_no_finding(count: int) -> None:
    """Of twenty pairs of samples of one distribution none is found, few or many."""
    for seed in range(SEEDS):
        first, second = rows_of(seed, count), rows_of(seed + 1000, count if seed % 2 else ROWS)
        assert far(first, second) == []


def shifted(name: str, by: float) -> Callable[[dict[str, np.ndarray]], None]:
    def plant(rows: dict[str, np.ndarray]) -> None:
        rows[name] = rows[name] + by

    return plant


def without_rome(rows: dict[str, np.ndarray]) -> None:
    rows["city"] = np.where(rows["city"] == "Lima", "Rome", rows["city"])


def with_paris(rows: dict[str, np.ndarray]) -> None:
    rows["city"] = np.where(np.arange(len(rows["city"])) % 20 == 0, "Paris", rows["city"])


def more_gaps(rows: dict[str, np.ndarray]) -> None:
    there = np.flatnonzero(~np.isnan(rows["gaps"]))
    rows["gaps"][there[: len(rows["gaps"]) - len(there)]] = np.nan


def scaled(rows: dict[str, np.ndarray]) -> None:
    rows["skewed"] = rows["skewed"] * 10


def doubled(rows: dict[str, np.ndarray]) -> None:
    rows["count"] = rows["count"] * 2


def more_flags(rows: dict[str, np.ndarray]) -> None:
    rows["flag"] = rows["flag"] | (np.arange(len(rows["flag"])) % 7 == 0)


PLANTED: dict[str, tuple[Callable[[dict[str, np.ndarray]], None], str, str]] = {
    "half a deviation": (shifted("normal", 1.0), "normal", "distance"),
    "half a deviation about 0": (shifted("centred", 0.5), "centred", "distance"),
    "tenfold": (scaled, "skewed", "distance"),
    "one more digit": (shifted("decimals", 0.5), "decimals", "distance"),
    "only even counts": (doubled, "count", "distance"),
    "more flags": (more_flags, "flag", "distance"),
    "a lost category": (without_rome, "city", "without 'Lima'"),
    "a new category": (with_paris, "city", "with 'Paris'"),
    "twice as many missing": (more_gaps, "gaps", "missing"),
}


@pytest.mark.parametrize("what", PLANTED)
def test_what_was_planted_is_found(what: str) -> None:
    """Of 1,000 rows in every seed, of that column, in train and in all; and nothing else."""
    plant, column, word = PLANTED[what]
    for seed in range(SEEDS):
        first, second = rows_of(seed), rows_of(seed + 1000)
        plant(second)
        found = far(first, second)
        assert {one.column for one in found} == {column}, seed
        assert "all" in [one.split for one in found]
        assert any(word in text for one in found for text in one.found)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
def test_distances(counts: list[tuple[int, int]]) -> None:
    """The distance is that of the formula: 0 of equal ones, 1 of apart ones, the same both ways."""
    one, other = (np.array(each, dtype=float) for each in zip(*counts, strict=True))
    if not one.sum() or not other.sum():
        return
    one, other = one / one.sum(), other / other.sum()
    middle = (one + other) / 2
    exact = sum(
        a * log2(a / m) / 2
        for each in (one, other)
        for a, m in zip(each, middle, strict=True)
        if a > 0
    )
    assert distance_of(one, other) == pytest.approx(sqrt(max(exact, 0)), abs=1e-7)
    assert distance_of(one, other) == pytest.approx(distance_of(other, one), abs=1e-7)
    assert distance_of(one, one) == 0.0
    assert distance_of(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 1.0


def test_limits_of_columns() -> None:
    """A column may have a limit of its own; one that is new, gone, or another sort is told."""
    first, second = rows_of(0), rows_of(1)
    second["normal"] = second["normal"] + 1
    assert far(first, second, Drift.model_validate({"columns": {"normal": {"limit": 0.9}}})) == []
    strict = Drift.model_validate({"columns": {"normal": {"level": "error"}}})
    assert all(one.is_error for one in far(first, second, strict))
    second = rows_of(1)
    second["city"], second["more"] = second["normal"], second.pop("flag")
    found = {one.column: one.found[0] for one in far(first, second) if one.split == "train"}
    assert found == {"city": "numbers, was texts", "more": "it is new", "flag": "it is gone"}


def write(root: Path, rows: dict[str, np.ndarray]) -> None:
    frame = pd.DataFrame(rows)[["normal", "count", "city"]]
    frame.round(4).to_csv(root / "x.csv", index=False)


def source(root: Path, more: str) -> Any:
    (root / "catalog.toml").write_text(
        '[x]\nkind = "table"\npath = "x.csv"\nmeasures = { city = "categorical" }\n'
        f"split = {{ train = 0.8, val = 0.2 }}\n{more}\n"
    )
    return ptm.load_catalog(root / "catalog.toml", root)["x"]


def make(root: Path, more: str = "drift = 0.1") -> ArtifactRef:
    return ptm.tensorize(source(root, more), root / "store")


def loaded(root: Path) -> Artifact:
    return ptm.load("x", root / "store")


@pytest.mark.parametrize("cut", ["", "\npart_bytes = 9000"])
def test_from_run_to_run(tmp_path: Path, cut: str) -> None:
    """The first is compared with nothing, clean rows are not told, planted drift is: everywhere."""
    write(tmp_path, rows_of(0))
    assert make(tmp_path, f"drift = 0.1{cut}").warnings == ()
    assert "drift" not in loaded(tmp_path).tables
    before = loaded(tmp_path).path.name
    write(tmp_path, rows_of(1))
    assert make(tmp_path, f"drift = 0.1{cut}").warnings == ()
    said = loaded(tmp_path).manifest["stats"]["drift"]
    assert (said["against"], said["pinned"], said["found"]) == (before, False, [])
    rows = rows_of(2)
    rows["normal"] = rows["normal"] + 1
    write(tmp_path, rows)
    ref = make(tmp_path, f"drift = 0.1{cut}")
    assert [text.rpartition(": distance")[0] for text in ref.warnings] == [
        "drift from the artifact before: column 'normal', train",
        "drift from the artifact before: column 'normal', all",
    ]
    artifact = loaded(tmp_path)
    table = artifact.tables["drift"].set_index(["split", "column"])
    one = table.loc[("train", "normal")]
    assert one["distance"] > 0.15 and len(one["found"]) == 1 and 0 < one["chance"] < 0.2
    assert len(table.loc[("all", "city"), "found"]) == 0
    view = next(view for view in artifact.views if view.name == "drift")
    assert view.rows and view.rows[0]["column"] == "normal"
    assert "2 of 9 are farther away" in view.sentence


def test_up_to_date_is_not_compared_again(tmp_path: Path) -> None:
    """What was found stays as it was when it was made; no run makes it again for that."""
    write(tmp_path, rows_of(0))
    make(tmp_path)
    rows = rows_of(1)
    rows["normal"] = rows["normal"] + 1
    write(tmp_path, rows)
    first = make(tmp_path)
    again = make(tmp_path)
    assert again.cached and again.path == first.path and again.warnings == first.warnings
    assert len(first.warnings) == 2


def test_an_error_keeps_it_from_being_published(tmp_path: Path) -> None:
    """All columns are told at once; the artifact before stays current, and nothing is left over."""
    write(tmp_path, rows_of(0))
    first = make(tmp_path, 'drift = { level = "error" }')
    rows = rows_of(1)
    rows["normal"], rows["count"] = rows["normal"] + 1, rows["count"] * 2
    write(tmp_path, rows)
    with pytest.raises(InputError) as raised:
        make(tmp_path, 'drift = { level = "error" }')
    where = {fault.where for fault in raised.value.faults}
    assert {"column 'normal', all", "column 'count', all"} <= where
    assert not any("city" in one for one in where)
    assert loaded(tmp_path).path.name == first.publication
    with pytest.raises(InputError, match="drift, column 'colour'"):
        make(tmp_path, "drift = { columns = { colour = 0.2 } }")


@pytest.mark.parametrize("against", ["before", "pinned"])
def test_the_way_out_of_an_error(tmp_path: Path, against: str) -> None:
    """The error says what can be done, and that does it: publish with a warning, pin, go on."""
    drift = f'drift = {{ level = "error", against = "{against}" }}'
    write(tmp_path, rows_of(0))
    first = make(tmp_path, drift)
    store.pin("x", tmp_path / "store")
    rows = rows_of(1)
    rows["normal"] = rows["normal"] + 1
    write(tmp_path, rows)
    with pytest.raises(InputError) as raised:
        make(tmp_path, drift)
    head, *faults = str(raised.value).splitlines()
    which = {"before": "the artifact before", "pinned": "the pinned artifact"}[against]
    assert head.startswith(f"x: drift from {which}, {first.publication}: nothing was published. ")
    for way in ('level = "warning"', "`ptm show x`", "'limit'", "'columns'"):
        assert way in head
    assert ("`ptm pin x`" in head) == (against == "pinned") and len(faults) == 2
    assert len(make(tmp_path, drift.replace("error", "warning")).warnings) == 2
    store.pin("x", tmp_path / "store")
    assert make(tmp_path, drift).warnings == ()


def test_against_a_pinned_one(tmp_path: Path) -> None:
    """Small steps that no run finds add up to one that is found beside the pinned artifact."""
    drift = 'drift = { against = "pinned", limit = 0.15 }'
    write(tmp_path, rows_of(0))
    [told] = make(tmp_path, drift).warnings
    assert "nothing is pinned" in told
    pinned = store.pin("x", tmp_path / "store").folder.name
    found = []
    for step in range(1, 4):
        rows = rows_of(step)
        rows["normal"] = rows["normal"] + 0.3 * step
        write(tmp_path, rows)
        found.append(bool(make(tmp_path, drift).warnings))
        assert loaded(tmp_path).manifest["stats"]["drift"]["against"] == pinned
    assert found == [False, False, True]


def test_what_is_of_it_is_not_made_again(tmp_path: Path) -> None:
    """Drift is no content: of equal rows an entry of it is up to date, whatever came before."""
    keys = []
    for seed in (0, 1):
        root = tmp_path / str(seed)
        root.mkdir()
        write(root, rows_of(seed))
        make(root)
        rows = rows_of(2)
        rows["normal"] = rows["normal"] + 1
        write(root, rows)
        make(root)
        manifest = store.current("x", root / "store").manifest
        assert manifest["stats"]["drift"]["warnings"]
        keys.append(store.digests(manifest))
        assert list(store.content(manifest)["tables"]) == ["rows"]
        assert store.content(manifest)["warnings"] == []
    assert keys[0] == keys[1]


@pytest.mark.parametrize("against", ["before", "pinned"])
def test_without_statistics(tmp_path: Path, against: str) -> None:
    """Where the other artifact has none it is said; where this one has none, all that is gone."""
    (tmp_path / "catalog.toml").write_text(
        '[catalog]\nkinds = { own = "own.py" }\n[x]\nkind = "own"\n'
        f'drift = {{ level = "error", against = "{against}" }}\n'
    )

    def run(rows: str, count: int = 3) -> ArtifactRef:
        (tmp_path / "own.py").write_text(
            "import ptm, torch\nclass Options(ptm.Source):\n    needs_path = False\n"
            "def read(options, part):\n"
            f'    return ptm.Block({{"x": torch.zeros({count}, 2)}}, rows={rows})\n'
        )
        made = ptm.tensorize(ptm.load_catalog(tmp_path / "catalog.toml")["x"], tmp_path / "store")
        store.pin("x", tmp_path / "store")
        return made

    first = run("None").publication
    [told] = run('{"a": [1, 2, 3]}').warnings
    assert told == f"drift: nothing was compared: {first} has no statistics of columns or channels"
    with pytest.raises(InputError) as raised:
        run("None", 4)
    assert [one.fault for one in raised.value.faults] == [
        "column 'a', all: expected no drift, got it is gone"
    ]


def test_darker_photos(tmp_path: Path) -> None:
    """Photos that are darker, or larger, are found by their brightness and size, and channels."""

    def shoot(level: int, side: int) -> tuple[str, ...]:
        random = np.random.default_rng(level + side)
        (tmp_path / "photos").mkdir(exist_ok=True)
        for number in range(150):
            mean = random.normal(level, 20)
            pixels = np.clip(random.normal(mean, 30, (side, side, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
        (tmp_path / "catalog.toml").write_text(
            '[x]\nkind = "images"\npath = "photos"\nstandardize = true\ndrift = 0.1\n'
        )
        entry = ptm.load_catalog(tmp_path / "catalog.toml", tmp_path)["x"]
        return ptm.tensorize(entry, tmp_path / "store").warnings

    assert shoot(150, 8) == ()
    assert shoot(151, 8) == ()
    darker = " ".join(shoot(120, 8))
    assert "column 'brightness', train" in darker and "channel 'red' of images" in darker
    assert "height" not in darker
    larger = " ".join(shoot(121, 9))
    assert "column 'height'" in larger and "column 'width'" in larger
    assert "brightness" not in larger


def test_nothing_to_compare() -> None:
    """Columns without values, or with one alone, have no distance."""
    none = {"x": np.array([np.nan]), "t": np.array(["a"])}
    for one in compared(side(none, 1.0), side(none, 1.0), Drift()):
        assert one.distance is None and not one.found
    assert not isnan(Drift().limit)
