"""Random catalogs with planted duplicates, groups, times and near-duplicates: none ever crosses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ptm
from ptm.model import Artifact
from tests.support.splits import table
from tests.support.stores import FAULTS

pytestmark = pytest.mark.usefixtures("unsynced")
RULES = ("content", "group", "time", "near", "file")
EACH = 5  # catalogs of one test
MANY = 200 if FAULTS >= 1000 else 24
TESTS = [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, MANY))]


def planted(random: np.random.Generator, rule: str) -> pd.DataFrame:
    """Rows, some of them equal, or nearly so, to others; each has a name of its own."""
    count = int(random.integers(40, 120))
    numbers = int(random.integers(10, 14))
    frame = pd.DataFrame(
        random.normal(random.normal(0, 50), random.lognormal(0, 2), (count, numbers)),
        columns=[f"x{n}" for n in range(numbers)],
    )
    twins = frame.sample(frac=0.3, random_state=int(random.integers(2**31)))
    of = twins.index.to_numpy()
    if rule == "near":
        twins = twins.copy()
        odd = twins.columns[int(random.integers(numbers))]
        twins[odd] += random.normal(size=len(twins)) + 1000
    frame = pd.concat([frame.assign(of=np.arange(count)), twins.assign(of=of)], ignore_index=True)
    total = len(frame)
    frame["color"] = random.choice(["red", "green", "blue"], total)
    if rule in ("content", "near"):
        frame["color"] = frame["color"].iloc[frame["of"]].to_numpy()
    frame["who"] = random.choice([f"p{n}" for n in range(int(random.integers(10, 30)))], total)
    hours = pd.to_timedelta(random.integers(0, 365 * 24, total), unit="h")
    frame["when"] = (pd.Timestamp("2012-01-01") + hours).strftime("%Y-%m-%d %H:%M")
    frame["name"] = [f"n{n}" for n in range(total)]
    return frame.sample(frac=1, random_state=int(random.integers(2**31)))


def options(random: np.random.Generator, rule: str, root: Path, frame: pd.DataFrame) -> str:
    """What the entry says: the rule, the seed, the size of its parts, how it is stored."""
    aside = [*{"of", "who", "when", "name"} - {{"group": "who", "time": "when"}.get(rule, "")}]
    shares = random.dirichlet([4, 2, 2]).round(3)
    split = f"{{ train = {shares[0]}, val = {shares[1]}, test = {1 - shares[0] - shares[1]:.3f} }}"
    lines = [
        f"exclude = {aside}",
        'measures = { color = "categorical" }',
        f"seed = {random.integers(1000)}",
        f"part_bytes = {random.choice([64_000_000, 12_000, 3_000])}",
        f'store = "{random.choice(["raw", "scaled"])}"',
    ]
    if rule == "group":
        lines.append('group = "who"')
    if rule == "near":
        lines.append('near = "group"')
    if rule == "time":
        day = pd.Timestamp("2012-01-01") + pd.Timedelta(days=int(random.integers(60, 300)))
        split = (
            f'{{ train = "..{day:%Y-%m-%d}", test = "{day + pd.Timedelta(days=1):%Y-%m-%d}.." }}'
        )
        lines += ['time = "when"', f'embargo = "{random.integers(1, 20)}d"']
    if rule == "file":
        split = '{ file = "splits.csv" }'
        listed = frame[["name"]].assign(split=random.choice(["train", "test"], len(frame)))
        listed.to_csv(root / "splits.csv", index=False)
    return "\n".join([*lines, f"split = {split}"])


def check(rule: str, found: Artifact, said: str) -> None:
    """What belongs together is in one split; what was learned is the truth of train."""
    rows = found.table
    held = rows[rows["split"].notna()]
    numbers = [name for name in rows.columns if name.startswith("x")]
    if rule == "content":
        sets = held.groupby([*numbers, "color"])["split"].nunique()
        assert (sets == 1).all() and (held.groupby(numbers).size() > 1).any()
    if rule == "near":
        assert (held.groupby("of")["split"].nunique() == 1).all()
    if rule == "group":
        assert (held.groupby("who")["split"].nunique() == 1).all()
    if rule == "time":
        ends = pd.to_datetime(held["when"]).groupby(held["split"]).agg(["min", "max"])
        embargo = pd.Timedelta(days=int(said.split('embargo = "')[1].split("d")[0]))
        first = pd.Timestamp(said.split('test = "')[1].split("..")[0])
        assert ends.loc["train", "max"] < first - embargo
        assert ends.loc["test", "min"] >= first
    train = rows[rows["split"] == "train"]
    scaler = found.scaler
    assert scaler
    for name, shift, scale in zip(scaler.names, scaler.shift, scaler.scale, strict=True):
        if name in numbers and train[name].nunique() > 1:
            values = train[name].to_numpy(dtype=np.float64)
            spread = np.abs(values).max()
            assert shift == pytest.approx(values.mean(), rel=1e-9, abs=1e-9 * spread)
            assert scale == pytest.approx(values.std(ddof=1), rel=1e-9, abs=1e-9 * spread)
    colors = {name for name in scaler.names if name.startswith("color=")}
    assert colors == {f"color={one}" for one in train["color"].unique()}


def made(root: Path, frame: pd.DataFrame, said: str) -> Artifact:
    """The artifact, or one that says that train is empty."""
    return table(root, frame, said)[1]


@pytest.mark.parametrize("number", TESTS)
def test_catalogs(tmp_path: Path, number: int) -> None:
    """Random catalogs, one of each rule; a tenth more rows moves none that was there."""
    for catalog in range(EACH):
        random: Any = np.random.default_rng((number, catalog))
        rule, root = RULES[catalog % len(RULES)], tmp_path / f"{catalog}"
        root.mkdir()
        frame = planted(random, rule)
        said = options(random, rule, root, frame)
        few = frame.iloc[: -len(frame) // 10]
        try:
            before = made(root, few, said)
        except ptm.PtmError as error:
            assert "samples in train" in str(error)  # chance has put none there
            continue
        check(rule, before, said)
        after = made(root, frame, said)
        check(rule, after, said)
        old = before.table.set_index("name")["split"]
        new = after.table.set_index("name")["split"]
        assert new[old.index].fillna("").equals(old.fillna(""))
