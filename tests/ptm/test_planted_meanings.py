"""Random tables with gaps, dates, orders, flags and rare words: each column is as pandas has it."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ptm
from tests.support.dialects import toml

pytestmark = pytest.mark.usefixtures("unsynced")
FEW, MANY = 4, 300
SIZES = ["S", "M", "L", "XL"]
FLAGS = {"yes": 1, "no": 0, "TRUE": 1, "f": 0, "On": 1, "0": 0, "Y": 1, "n": 0}
PARTS = ["year", "month", "day", "weekday", "hour", "minute", "day_of_year"]
DAY = np.timedelta64(1, "D")


def planted(choose: random.Random, count: int) -> pd.DataFrame:
    """Texts as a file has them, "" where a value is missing."""

    def some(value: Any) -> list[str]:
        gaps = choose.choice([0, 0.3])
        found = [value() if n == 0 or choose.random() >= gaps else "" for n in range(count)]
        choose.shuffle(found)
        return found

    days = pd.date_range("1955-01-01", "2099-12-31", freq="37h13min")
    words = [f"w{n}" for n in range(choose.randint(1, 12))]
    return pd.DataFrame(
        {
            "x": some(lambda: str(choose.choice([1, 2, 2, 3.5, -7.25, 1e6, 1e-3]))),
            "m": some(lambda: repr(choose.gauss(0, 1e3))),
            "size": some(lambda: choose.choice(SIZES)),
            "flag": some(lambda: choose.choice([*FLAGS])),
            "day": some(lambda: days[choose.randrange(len(days))].isoformat()),
            "part": some(lambda: days[choose.randrange(len(days))].strftime("%d.%m.%Y %H:%M")),
            "word": some(lambda: words[min(int(choose.expovariate(0.5)), len(words) - 1)]),
            "code": some(lambda: choose.choice(words)),
            "y": [choose.choice(["cat", "dog", "emu"]) for _ in range(count)],
        }
    )


def by_hand(rows: pd.DataFrame, options: dict[str, Any]) -> dict[str, np.ndarray]:
    """What is expected of each feature, by its name, before it is scaled."""
    found: dict[str, np.ndarray] = {}
    missing, parts = options["missing"], options["dates"].get("part", [])
    numbers = {
        "x": pd.to_numeric(rows["x"]),
        "m": pd.to_numeric(rows["m"]),
        "size": rows["size"].map({size: float(n) for n, size in enumerate(SIZES)}),
        "flag": rows["flag"].map({text: float(flag) for text, flag in FLAGS.items()}),
    }
    times = pd.to_datetime(rows["day"].replace("", None))
    numbers["day"] = pd.Series((times - pd.Timestamp(0)) / DAY)
    for name, column in numbers.items():
        word = missing[name]
        if word in ("mean", "median"):
            fill = getattr(column, word)()
        else:
            fill = column.mode().min() if word == "mode" else float(word)
        found[name] = column.fillna(fill).to_numpy(float)
    times = pd.to_datetime(rows["part"].replace("", None), format="%d.%m.%Y %H:%M")
    times = times.fillna(pd.Timestamp(times.mode().min()))
    for part in parts:
        values = times.dt.dayofyear if part == "day_of_year" else getattr(times.dt, part)
        found[f"part.{part}"] = values.to_numpy(float)
    counts = rows["word"].value_counts()
    rare = {*counts[counts < options["min_count"]].index}
    for word in sorted({*counts.index, ""} - (rare - {""})):
        if word or counts.get("", 0) >= options["min_count"]:
            found[f"word={word}"] = (rows["word"] == word).to_numpy(float)
    if rare:
        found["word=(rare)"] = rows["word"].isin(rare).to_numpy(float)
    return found


def check(seed: int, root: Path) -> None:
    """A table whole and in parts, and the same rows in another order, as train learned them."""
    choose = random.Random(f"meaning {seed}")
    rows = planted(choose, choose.randint(4, 60))
    options = {
        "measures": {"flag": "boolean", "word": "categorical", "y": "categorical"},
        "order": {"size": SIZES},
        "dates": {"day": "days"},
        "missing": {
            "x": choose.choice(["mean", "median", "mode"]),
            "m": choose.choice(["mean", "median"]),
            "size": "mode",
            "flag": "mode",
            "day": choose.choice(["mean", "median"]),
            "word": "category",
            "code": "mode",
        },
        "codes": ["code"],
        "indicator": ["x", "size"],
        "min_count": choose.randint(1, 6),
        "target": "y",
        "standardize": False,
        "exclude": ["part"],
    }
    lines = [f"{name} = {toml(value)}" for name, value in options.items()]
    entry = '[train]\nkind = "table"\npath = "train.csv"\n' + "\n".join(lines)
    other = '[test]\nkind = "table"\npath = "test.csv"\nlearn_from = "train"\n'
    order = choose.sample(range(len(rows)), len(rows))
    rows.to_csv(root / "train.csv", index=False)
    columns = choose.sample([*rows], len([*rows]))
    rows.iloc[order][columns].to_csv(root / "test.csv", index=False)
    expected = by_hand(rows, options)
    for size in (1 << 20, 200):
        more = f"\npart_bytes = {size}\n"
        (root / "catalog.toml").write_text(f"{entry}{more}{other}{more}")
        store = root / f"store{size}"
        for source in ptm.load_catalog(root / "catalog.toml", root).values():
            ptm.tensorize(source, store)
        train, test = ptm.load("train", store), ptm.load("test", store)
        names = train.manifest["facts"]["features"]
        found = dict(zip(names, train.tensors["features"].T.numpy(), strict=True))
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values.astype(np.float32), 1e-6, err_msg=name)
        for name in ("x", "size"):
            there = (rows[name] != "").to_numpy()
            assert (found[f"{name}.missing"] == ~there).all()
        codes = train.manifest["facts"]["codes"]["code"]
        fill = min(rows.loc[rows["code"] != "", "code"].mode())
        texts = rows["code"].replace("", fill)
        few = texts.map(texts.value_counts()) < options["min_count"]
        texts = texts.where(~few, "(rare)")
        assert [codes[n] for [n] in train.tensors["codes"].tolist()] == texts.tolist()
        classes = train.manifest["facts"]["classes"]
        assert [classes[n] for n in train.tensors["target"].tolist()] == rows["y"].tolist()
        for name, tensor in train.tensors.items():
            assert (test.tensors[name].numpy() == tensor.numpy()[order]).all(), name


@pytest.mark.parametrize("seed", range(FEW))
def test_any_table(seed: int, tmp_path: Path) -> None:
    """Tables by chance."""
    check(seed, tmp_path)


@pytest.mark.slow
def test_very_many(tmp_path: Path) -> None:
    """Each seed gives a table of its own."""
    for seed in range(FEW, MANY):
        folder = tmp_path / str(seed)
        folder.mkdir()
        check(seed, folder)
        shutil.rmtree(folder)
