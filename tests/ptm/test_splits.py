"""Splits of tables: who is where, of what is learned, and what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ptm
from ptm.errors import CatalogError, InputError, PtmError
from tests.support.splits import SHARES, by_split, entry, table

pytestmark = pytest.mark.usefixtures("unsynced")
ONE_PART, MANY = "", "part_bytes = 20000"


def rows(count: int = 600, seed: int = 0) -> pd.DataFrame:
    """Numbers, a category, a person, a time, a name and a target."""
    random = np.random.default_rng(seed)
    hours = pd.to_timedelta(random.integers(0, 365 * 24, count), unit="h")
    return pd.DataFrame(
        {
            "a": random.normal(5, 2, count).round(3),
            "b": random.integers(0, 1000, count),
            "color": random.choice(["red", "green", "blue"], count),
            "who": random.choice([f"p{n}" for n in range(40)], count),
            "when": (pd.Timestamp("2012-01-01") + hours).strftime("%Y-%m-%dT%H:%M"),
            "name": [f"n{n}" for n in range(count)],
            "y": random.integers(0, 2, count),
        }
    )


PLAIN = 'exclude = ["who", "when", "name"]\nmeasures = { color = "categorical" }\n'
TARGET = PLAIN + 'target = "y"\nclasses = 2\n'


@pytest.mark.parametrize("size", [ONE_PART, MANY])
def test_statistics_are_those_of_train(tmp_path: Path, size: str) -> None:
    """Scalers are those of float64 over the train rows; categories those that train has."""
    frame = rows()
    _, found = table(tmp_path, frame, f"{TARGET}{SHARES}\n{size}")
    train = frame.iloc[by_split(found)["train"]]
    assert found.scaler
    for place, column in enumerate(("a", "b")):
        assert found.scaler.shift[place] == pytest.approx(train[column].mean(), rel=1e-12)
        assert found.scaler.scale[place] == pytest.approx(train[column].std(), rel=1e-12)
    scaled = (frame["a"] - train["a"].mean()) / train["a"].std()
    np.testing.assert_allclose(
        found.tensors["features"][:, 0].numpy(), scaled, rtol=1e-6, atol=1e-6
    )
    samples = found.manifest["stats"]["samples"]
    assert samples == {name: len(places) for name, places in by_split(found).items()}
    assert set(samples) == {"train", "val", "test"}


def test_statistics_of_all(tmp_path: Path) -> None:
    """Where the entry says so they are those of all rows."""
    frame = rows()
    _, found = table(tmp_path, frame, f'{TARGET}{SHARES}\nstatistics = "all"')
    assert found.scaler
    assert found.scaler.shift[0] == pytest.approx(frame["a"].mean(), rel=1e-12)
    said = {leak["kind"][:4]: leak["state"] for leak in found.manifest["split"]["leaks"]}
    assert said["L1.2"] == "found"


def test_parts_make_no_difference(tmp_path: Path) -> None:
    """One part or many: the same splits, the same statistics to the last bits, the same values."""
    frame = rows()
    for place in ("one", "many"):
        (tmp_path / place).mkdir()
    _, one = table(tmp_path / "one", frame, f"{TARGET}{SHARES}")
    _, many = table(tmp_path / "many", frame, f"{TARGET}{SHARES}\n{MANY}")
    assert len(many.parts) > 3
    assert one.table["split"].equals(many.table["split"])
    assert one.scaler and many.scaler
    assert one.scaler.shift == pytest.approx(many.scaler.shift, rel=1e-14)
    assert (one.tensors["features"] - many.tensors["features"]).abs().max() < 1e-6


def test_no_row_moves_when_rows_are_added(tmp_path: Path) -> None:
    """10 % more rows, put between the others: all that were there stay where they were."""
    frame = rows(1000)
    _, before = table(tmp_path, frame.iloc[100:], f"{TARGET}{SHARES}")
    old = before.table.set_index("name")["split"]
    _, after = table(tmp_path, frame.sample(frac=1, random_state=1), f"{TARGET}{SHARES}")
    new = after.table.set_index("name")["split"]
    assert new[old.index].equals(old) and len(new) == 1000


def test_duplicates_are_together(tmp_path: Path) -> None:
    """Whatever their target and what is left out of the features."""
    frame = rows(300)
    again = frame.assign(y=1 - frame["y"], name="again", who="px")
    _, found = table(tmp_path, pd.concat([frame, again]), f"{TARGET}{SHARES}")
    splits = found.table["split"]
    assert splits[:300].tolist() == splits[300:].tolist()


def test_the_order_of_columns_is_of_no_matter(tmp_path: Path) -> None:
    """A row is where it was when the columns of the file stand in another order."""
    frame = rows(200)
    _, before = table(tmp_path, frame, f"{TARGET}{SHARES}")
    _, after = table(tmp_path, frame[frame.columns[::-1]], f"{TARGET}{SHARES}")
    assert before.table["split"].tolist() == after.table["split"].tolist()


@pytest.mark.parametrize("size", [ONE_PART, MANY])
def test_groups_are_together(tmp_path: Path, size: str) -> None:
    """All rows of a person are in one split; persons, and not rows, are drawn."""
    frame = rows()
    options = 'exclude = ["when", "name"]\nmeasures = { color = "categorical" }\ngroup = "who"\n'
    _, found = table(tmp_path, frame, f"{options}{SHARES}\n{size}")
    assert (found.table.groupby("who")["split"].nunique() == 1).all()
    assert found.table["split"].nunique() == 3
    assert "who" not in found.manifest["facts"]["features"]
    (tmp_path / "other").mkdir()
    few = frame[frame["who"] < "p2"]
    _, some = table(tmp_path / "other", few, f"{options}{SHARES}\nstatistics = 'all'\n{size}")
    before = found.table.set_index("name")["split"][few["name"]]
    assert some.table["split"].tolist() == before.tolist()


def test_a_group_of_numbers(tmp_path: Path) -> None:
    """Is one as well, and no feature."""
    frame = rows().assign(who=lambda all_: all_["who"].str[1:].astype(int))
    options = 'exclude = ["when", "name", "color"]\ngroup = "who"\n'
    _, found = table(tmp_path, frame, f"{options}{SHARES}")
    assert (found.table.groupby("who")["split"].nunique() == 1).all()
    assert found.manifest["facts"]["features"] == ["a", "b", "y"]


CUTS = 'split = { train = "..2012-06-30", val = "2012-07-01.." }\ntime = "when"\n'


@pytest.mark.parametrize("size", [ONE_PART, MANY])
def test_cuts_of_time(tmp_path: Path, size: str) -> None:
    """All of train is before all of val; the day before val is in neither, with an embargo."""
    frame = rows()
    options = 'exclude = ["who", "name", "color"]\n'
    ref, found = table(tmp_path, frame, f"{options}{CUTS}embargo = '1d'\n{size}")
    wanted = np.where(frame["when"] < "2012-06-30", "train", "val").astype(object)
    wanted[frame["when"].str.startswith("2012-06-30")] = None
    assert found.table["split"].astype(object).where(
        found.table["split"].notna(), None
    ).tolist() == [*wanted]
    left = int((wanted == None).sum())  # noqa: E711
    assert found.manifest["stats"]["samples"]["none"] == left > 0
    assert any("in no split" in warning for warning in ref.warnings)
    assert found.scaler
    train = frame[wanted == "train"]
    assert found.scaler.shift[0] == pytest.approx(train["a"].mean(), rel=1e-12)


def test_a_list(tmp_path: Path) -> None:
    """By a column of the rows, or by their numbers; a list that changes is another split."""
    frame = rows(100)
    random = np.random.default_rng(3)
    splits = random.choice(["train", "test", "holdout"], 100)
    for key, values in (("name", frame["name"]), ("row", range(1, 101))):
        listed = pd.DataFrame({key: values, "split": splits}).sample(frac=1, random_state=0)
        listed.to_csv(tmp_path / "splits.csv", index=False)
        ref, found = table(tmp_path, frame, f'{TARGET}split = {{ file = "splits.csv" }}')
        assert found.table["split"].tolist() == splits.tolist()
    assert "holdout" in found.manifest["split"]["names"]
    assert ptm.tensorize(_again(tmp_path), tmp_path / "store").cached
    listed.assign(split="train").to_csv(tmp_path / "splits.csv", index=False)
    ref = ptm.tensorize(_again(tmp_path), tmp_path / "store")
    assert not ref.cached and "split" in ref.why


def _again(root: Path) -> ptm.Source:
    return ptm.load_catalog(root / "catalog.toml", data=root)["x"]


def test_a_list_that_lacks_rows(tmp_path: Path) -> None:
    """The first row that it does not have is named, and how many more there are."""
    (tmp_path / "splits.csv").write_text("name,split\nn0,train\nn1,test\n")
    with pytest.raises(InputError) as raised:
        table(tmp_path, rows(5), f'{TARGET}split = {{ file = "splits.csv" }}')
    assert "row 3, column 'name'" in str(raised.value) and "2 more" in str(raised.value)


LISTS = {
    "no split": ("name,part\nn0,train\n", "a column 'split'"),
    "a row twice": (
        "name,split\nn0,train\nn0,test\n",
        "row 2, column 'name': expected each sample",
    ),
    "an empty split": ("name,split\nn0,\n", "row 1, column 'split': expected the name of a split"),
    "a column that the rows have not": ("id,split\n1,train\n", "a column 'id' in the rows"),
}


@pytest.mark.parametrize("wrong", LISTS)
def test_lists_that_are_none(tmp_path: Path, wrong: str) -> None:
    """What is wrong is told, and nothing is published."""
    text, expected = LISTS[wrong]
    (tmp_path / "splits.csv").write_text(text)
    with pytest.raises(InputError) as raised:
        table(tmp_path, rows(5), f'{TARGET}split = {{ file = "splits.csv" }}')
    assert expected in str(raised.value)
    assert not (tmp_path / "store" / "x" / "current.json").exists()


def test_no_list(tmp_path: Path) -> None:
    """Where it was looked for is told."""
    with pytest.raises(InputError) as raised:
        table(tmp_path, rows(5), f'{TARGET}split = {{ file = "splits.csv" }}')
    assert "the list of the splits, splits.csv" in str(raised.value)
    assert str(raised.value).endswith(f"({tmp_path / 'splits.csv'})"), "where it was looked for"


ROWS = {
    "no group": (
        {"who": ["p1", "", "p2", " "]},
        'group = "who"\n' + SHARES,
        "row 2, column 'who': expected a group, got '', and 1 more",
    ),
    "no time": ({"when": ["2012-01-01", "x", "2012-08-01", ""]}, CUTS, "row 2, column 'when'"),
    "a time as a number": ({"when": [1, 2, 3, 4]}, CUTS, "row 1, column 'when': expected a time"),
}


@pytest.mark.parametrize("wrong", ROWS)
def test_rows_that_have_no_split(tmp_path: Path, wrong: str) -> None:
    """The first of them is named."""
    columns, options, expected = ROWS[wrong]
    frame = pd.DataFrame({"a": [1, 2, 3, 4], **columns})
    with pytest.raises(InputError) as raised:
        table(tmp_path, frame, options)
    assert expected in str(raised.value)


def test_times_of_several_kinds(tmp_path: Path) -> None:
    """Numbers and times are each compared with cuts as they can be; zones are told apart."""
    frame = pd.DataFrame(
        {
            "a": range(6),
            "when": [
                "2012-06-30",
                "2012-06-30 23:30",
                "2012-07-01T00:30+01:00",
                "2012-07-01T00:30",
                "2012-06-30T23:59:59Z",
                "2012-07",
            ],
        }
    )
    _, found = table(tmp_path, frame, CUTS)
    assert found.table["split"].tolist() == ["train", "train", "train", "val", "train", "val"]
    years = pd.DataFrame({"a": range(4), "when": [2009, 2010, 2011, 2012]})
    cuts = 'split = { train = "..2010", test = "2011.." }\ntime = "when"'
    _, found = table(tmp_path, years, cuts)
    assert found.table["split"].tolist() == ["train", "train", "test", "test"]
    dates = years.assign(when=["2009-05-01", "2010-12-31", "2011-01-01", "2012-01-01"])
    _, found = table(tmp_path, dates, cuts)
    assert found.table["split"].tolist() == ["train", "train", "test", "test"]


def test_unseen_categories(tmp_path: Path) -> None:
    """A category that train has not is 0 throughout, and counted; it is no feature."""
    frame = rows(200)
    (tmp_path / "splits.csv").write_text(
        "name,split\n" + "".join(f"n{n},{'train' if n < 150 else 'test'}\n" for n in range(200))
    )
    frame.loc[190:194, "color"] = "violet"
    ref, found = table(tmp_path, frame, f'{TARGET}split = {{ file = "splits.csv" }}')
    features = found.manifest["facts"]["features"]
    assert features == ["a", "b", "color=blue", "color=green", "color=red"]
    assert (found.tensors["features"][190:195, 2:] == 0).all()
    assert any("'color': 5 rows have a category that train has not" in w for w in ref.warnings)


def test_an_empty_split_is_a_warning(tmp_path: Path) -> None:
    """And one without train an error that says what there is."""
    frame = rows(40)
    cuts = 'split = { train = "..2013", val = "2014.." }\ntime = "when"\n'
    ref, _ = table(
        tmp_path, frame, f"{CUTS.replace('2012', '2013')}exclude = ['color', 'who', 'name']"
    )
    assert "the split 'val' has no samples" in ref.warnings
    late = cuts.replace("..2013", "..2010")
    with pytest.raises(InputError) as raised:
        table(tmp_path, frame, f"{late}exclude = ['color', 'who', 'name']")
    assert "expected samples in train (or statistics = 'all'), got 40 in none" in str(raised.value)


def test_a_column_that_is_called_split(tmp_path: Path) -> None:
    """The name is taken, where there is a split."""
    frame = pd.DataFrame({"a": range(4), "split": range(4)})
    with pytest.raises(PtmError) as raised:
        table(tmp_path, frame, SHARES)
    assert "no column 'split' in the rows" in str(raised.value)
    _, found = table(tmp_path, frame, "")
    assert found.table["split"].tolist() == [0, 1, 2, 3]


def test_a_column_split_of_the_file_is_no_split(tmp_path: Path) -> None:
    """Without a rule all rows are train, for statistics and for whoever trains on them."""
    frame = pd.DataFrame({"a": [1.0, 2, 30, 40], "split": ["train", "train", "test", "test"]})
    _, found = table(tmp_path, frame, 'exclude = ["split"]')
    assert found.split("train").tolist() == [0, 1, 2, 3] and found.scaler
    assert found.scaler.shift == (18.25,)
    assert len(found.dataset("train")) == 4
    with pytest.raises(PtmError) as raised:
        found.split("test")
    assert "expected one of the splits train (4 rows), got 'test'" in str(raised.value)


SHARES_AND_TIME = f'{SHARES}\ntime = "when"'
LOOKED_FOR = {
    "a time beside shares": SHARES_AND_TIME,
    "a time beside groups": f'{SHARES_AND_TIME}\ngroup = "a"',
    "a time beside near ones": f'{SHARES_AND_TIME}\nnear = "group"',
    "a time beside a list": 'split = { file = "list.csv" }\ntime = "when"',
    "a group beside a list": 'split = { file = "list.csv" }\ngroup = "when"\nexclude = ["when"]',
}


@pytest.mark.parametrize("size", ["", "part_bytes = 2000\n"])
@pytest.mark.parametrize("rule", LOOKED_FOR)
def test_what_is_only_looked_for_may_be_missing(tmp_path: Path, rule: str, size: str) -> None:
    """A row without it is an error with its number, or set aside, as one without its split."""
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(100, 3)).round(4), columns=[*"abc"])
    frame["when"] = pd.date_range("2012-01-01", periods=100).strftime("%Y-%m-%d")
    frame.loc[3, "when"] = ""
    rows = [f"{n},{'train' if n < 70 else 'test'}" for n in range(1, 101)]
    (tmp_path / "list.csv").write_text("\n".join(["row,split", *rows]))
    options = f"{LOOKED_FOR[rule]}\n{size}"
    with pytest.raises(InputError) as raised:
        table(tmp_path, frame, options)
    assert "x: row 4, column 'when': expected a" in str(raised.value)
    assert str(raised.value).endswith("(rows.csv)")
    _, found = table(tmp_path, frame, f'{options}on_bad = "quarantine"')
    assert found.tables["quarantine"]["where"].tolist() == ["row 4, column 'when'"]
    assert len(found.table) == 99


WRONG = {
    "a target that is left out": ('target = "y"\nexclude = ["y"]', "that is not left out"),
    "no train": ("split = { a = 0.5, b = 0.5 }", "expected a split 'train'"),
    "shares": ("split = { train = 0.5 }", "shares that are 1 together, got 0.5"),
    "a seed below 0": (f"{SHARES}\nseed = -1", "seed"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_options_that_are_wrong(tmp_path: Path, wrong: str) -> None:
    """The catalog says so, before anything is read."""
    options, expected = WRONG[wrong]
    with pytest.raises(CatalogError) as raised:
        entry(tmp_path, "table", "rows.csv", options)
    assert expected in str(raised.value)


@pytest.mark.parametrize("column", ["who", "when", "name"])
def test_columns_that_are_not_there(tmp_path: Path, column: str) -> None:
    """Each is named, with those that there are."""
    frame = rows(10).drop(columns=column)
    options = f'exclude = ["name"]\ngroup = "who"\ntime = "when"\n{SHARES}'
    with pytest.raises(InputError) as raised:
        table(tmp_path, frame, options)
    assert f"a column '{column}'" in str(raised.value)


@pytest.mark.parametrize("kind", ["text", "volume", "timeseries"])
def test_kinds_whose_rows_are_no_samples(tmp_path: Path, kind: str) -> None:
    """They have no splits."""
    with pytest.raises(CatalogError) as raised:
        entry(tmp_path, kind, "file", SHARES)
    assert f"[x] expected no 'split' for a {kind}: its rows are no samples" in str(raised.value)


def test_seeds_and_shares_are_in_the_key(tmp_path: Path) -> None:
    """Another seed is another split, and made again; without a word all is as before."""
    frame = rows(100)
    _, one = table(tmp_path, frame, f"{TARGET}{SHARES}")
    ref, other = table(tmp_path, frame, f"{TARGET}{SHARES}\nseed = 1")
    assert "option seed" in ref.why
    assert one.table["split"].tolist() != other.table["split"].tolist()
    _, plain = table(tmp_path, frame, TARGET)
    assert "split" not in plain.table and plain.manifest["stats"]["samples"] == {"train": 100}
    assert "split" not in plain.manifest["options"] and plain.manifest["split"] == {}
