"""Missing values of tables: refused, filled by what train teaches, told, or their rows left out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ptm
from ptm import distinct
from ptm.errors import CatalogError, InputError, PtmError
from tests.support.rows import features, made, ref_of, scaled, source

pytestmark = pytest.mark.usefixtures("unsynced")
SPLIT = "split = { train = 0.7, val = 0.3 }\n"


def ages(count: int = 60, seed: int = 0) -> pd.DataFrame:
    """Ages of which some are missing, names of places, and a number that is always there."""
    random = np.random.default_rng(seed)
    age = random.integers(1, 80, count).astype(float)
    age[random.random(count) < 0.3] = np.nan
    place = random.choice(np.array(["Ulm", "Bonn", "Rome"], dtype=object), count)
    place[random.random(count) < 0.2] = None
    return pd.DataFrame({"age": age, "place": place, "x": random.normal(size=count).round(3)})


@pytest.mark.parametrize(
    ("text", "more", "told"),
    [
        (
            "age,x\n1,1\n,2\n",
            "",
            "row 2, column 'age': expected a number (or missing.age = \"median\"), got ''",
        ),
        ("a b,x\n1,1\n,2\n", "", '(or missing."a b" = "median")'),
        (
            "c,x\nu,1\n ,2\n",
            'measures = { c = "categorical" }',
            "column 'c': expected a category (or missing.c = \"category\"), got ' '",
        ),
        (
            "c,x\nyes,1\n,2\n",
            'measures = { c = "boolean" }',
            "expected true or false (or missing.c = \"mode\"), got ''",
        ),
        (
            "c,x\n2012-06-30,1\n,2\n",
            'measures = { c = "date" }',
            'expected a date as 2012-06-30 (or missing.c = "median")',
        ),
        (
            "c,x\nS,1\n,2\n",
            'order = { c = ["S", "M"] }',
            "expected one of S, M (or missing.c = \"mode\"), got ''",
        ),
        ("y,x\n1,1\n,2\n", 'target = "y"', "expected a number (or missing.y = \"drop\"), got ''"),
        (
            "age,x\n1,1\nNA,2\n",
            "",
            'expected a number (or na_values = ["NA"] and missing.age = "median"), got \'NA\'',
        ),
        (
            "age,x\n1,1\nnan,2\n",
            "",
            'expected a finite number (or na_values = ["nan"] and missing.age',
        ),
        (
            "age,x\n1,1\n?,2\n",
            'missing = { age = "mean" }',
            "expected a number (or na_values = [\"?\"]), got '?'",
        ),
        (
            "age,x\n1,1\n-,2\n",
            'na_values = ["-"]',
            "expected a number (or missing.age = \"median\"), got '-'",
        ),
        (
            "age,x\n1,-9\n,2\n",
            'na_values = ["-9"]\nmissing = { age = "mean" }',
            "row 1, column 'x': expected a number (or missing.x = \"median\"), got '-9'",
        ),
        (
            "c,x\nNA,1\nu,2\n",
            'na_values = ["NA"]\nmeasures = { c = "categorical" }',
            "expected a category (or missing.c = \"category\"), got 'NA'",
        ),
    ],
)
def test_refused_with_the_way_out(tmp_path: Path, text: str, more: str, told: str) -> None:
    """Without a word a missing value is an error that names its row, and what to say of it."""
    with pytest.raises(InputError, match=re.escape(told)):
        ref_of(tmp_path, text, more)


def test_all_that_is_wrong_is_told(tmp_path: Path) -> None:
    """What a reader sees, and what only the measure tells, in one error with the rows."""
    text = "a,b,c,d,y\n1,yes,S,2020-01-01,0\nx,no,S,2020-01-01,1\n3,maybe,XL,1.1.2020,7\n"
    more = (
        'measures = { b = "boolean", d = "date" }\norder = { c = ["S"] }\ntarget = "y"\nclasses = 2'
    )
    with pytest.raises(InputError) as raised:
        ref_of(tmp_path, text, more)
    assert str(raised.value).splitlines() == [
        "t: 5 faults",
        "  row 2, column 'a': expected a number, got 'x' (t.csv)",
        "  row 3, column 'b': expected true or false, got 'maybe' (t.csv)",
        "  row 3, column 'c': expected one of S, got 'XL' (t.csv)",
        "  row 3, column 'd': expected a date as 2012-06-30, got '1.1.2020' (t.csv)",
        "  row 3, column 'y': expected a class from 0 to 1, got 7 (t.csv)",
    ]


@pytest.mark.parametrize("how", ["mean", "median", "mode", "7", "-1.5"])
@pytest.mark.parametrize("more", ["", 'store = "raw"', 'precision = "float32"'])
def test_filled_and_then_scaled(tmp_path: Path, how: str, more: str) -> None:
    """As an imputer and a scaler after it, both fitted on train; the rows keep the gap."""
    frame = ages()
    word = f'"{how}"' if how.isalpha() else how
    options = f'{SPLIT}missing = {{ age = {word} }}\ncolumns = ["age", "x"]\n{more}'
    artifact = made(tmp_path, frame, options)
    train = (artifact.table["split"] == "train").to_numpy()
    age = frame["age"]
    observed = age[train].dropna()
    fills = {"mean": observed.mean(), "median": observed.median(), "mode": observed.mode().min()}
    fill = fills[how] if how in fills else float(how)
    expected = scaled(age.fillna(fill), train)
    found = features(artifact)["age"].to_numpy()
    assert np.allclose(found, expected, rtol=1e-6, atol=1e-6)
    assert found[train].mean() == pytest.approx(0, abs=1e-6)
    assert found[train].std(ddof=1) == pytest.approx(1, abs=1e-6)
    assert artifact.table["age"].equals(age)
    assert artifact.manifest["facts"]["missing"] == {"age": int(age.isna().sum())}
    assert artifact.learned is not None
    learned = artifact.learned.columns["age"].fill
    assert learned == pytest.approx(fill, rel=1e-7 if "float32" in more else 1e-12)
    note = [w for w in artifact.manifest["warnings"] if "missing values are filled" in w]
    assert len(note) == 1 and f"{age.isna().sum()} of column 'age' by" in note[0]


def test_a_mean_that_is_filled_is_zero(tmp_path: Path) -> None:
    """Filled with its mean, a column has the mean of what is there, and so 0 in the gaps."""
    found = made(tmp_path, "a,b\n1,1\n,2\n3,3\n,4\n8,5\n", 'missing = { a = "mean" }')
    assert features(found)["a"].tolist()[1::2] == [0, 0]
    assert found.scaler is not None and found.scaler.shift[0] == 4.0
    assert found.scaler.scale[0] == pytest.approx(np.std([1, 4, 3, 4, 8], ddof=1))


def test_categories(tmp_path: Path) -> None:
    """A category of its own, the most frequent one, or a text: 0/1 as pandas has them."""
    frame = ages()
    of = {
        "category": "",
        "mode": frame["place"].value_counts().idxmax(),
        "none known": "none known",
    }
    for how, text in of.items():
        more = f'measures = {{ place = "categorical" }}\nmissing = {{ place = "{how}", age = 0 }}'
        artifact = made(tmp_path, frame, more, to=how[:4])
        dummies = pd.get_dummies(frame["place"].fillna(text), prefix="place", prefix_sep="=")
        found = features(artifact)[list(dummies.columns)]
        assert (found.to_numpy() == dummies.to_numpy()).all()
        assert artifact.table["place"].isna().equals(frame["place"].isna())
        assert artifact.manifest["facts"]["features"][1 : 1 + len(dummies.columns)] == sorted(
            dummies.columns
        )


def test_a_category_of_missing_ones_is_there_in_any_case(tmp_path: Path) -> None:
    """Where train misses nothing, the feature is there all the same, as the entry says."""
    more = 'measures = { c = "categorical" }\nmissing = { c = "category" }'
    found = made(tmp_path, "c,x\nu,1\nv,2\n", more)
    assert features(found).columns.tolist() == ["c=", "c=u", "c=v", "x"]
    there = found.transform({"c": [None, "u"], "x": [1, 2]})["features"]
    assert there[:, :3].tolist() == [[1, 0, 0], [0, 1, 0]]


def test_indicator(tmp_path: Path) -> None:
    """One more feature behind the column's own, 0 or 1, not scaled."""
    frame = ages()
    more = (
        'measures = { place = "categorical" }\nindicator = ["age", "place"]\n'
        'missing = { age = "mean", place = "mode" }'
    )
    found = features(made(tmp_path, frame, more))
    assert found.columns.tolist() == [
        "age", "age.missing", "place=Bonn", "place=Rome", "place=Ulm", "place.missing", "x"
    ]  # fmt: skip
    for name in ("age", "place"):
        assert (found[f"{name}.missing"].to_numpy() == frame[name].isna().to_numpy()).all()


def test_left_out(tmp_path: Path) -> None:
    """Rows without a value are in no tensor and no table; they are counted, others keep theirs."""
    frame = ages()
    frame["y"] = np.where(np.arange(len(frame)) % 11 == 3, np.nan, np.arange(len(frame)))
    more = 'missing = { age = "drop", y = "drop" }\ntarget = "y"\ncolumns = ["age", "x", "y"]'
    artifact = made(tmp_path, frame, more)
    left = frame.dropna(subset=["age", "y"]).reset_index(drop=True)
    assert artifact.table.equals(left[["age", "x", "y"]])
    assert artifact.tensors["target"].tolist() == left["y"].astype("float32").tolist()
    assert np.allclose(features(artifact)["age"], scaled(left["age"]), atol=1e-6)
    by = frame["age"].isna()
    counts = {"age": int(by.sum()), "y": int((frame["y"].isna() & ~by).sum())}
    assert artifact.manifest["facts"]["left_out"] == counts
    assert artifact.manifest["warnings"][0] == (
        f"{sum(counts.values())} of 60 rows are left out, as a value is missing in column "
        f"'age' ({counts['age']}), 'y' ({counts['y']})"
    )
    alone = made(tmp_path, left, 'target = "y"\ncolumns = ["age", "x", "y"]', to="alone")
    for name, tensor in alone.tensors.items():
        assert torch.equal(tensor, artifact.tensors[name])


@pytest.mark.parametrize("size", [1 << 20, 60])
def test_numbers_of_rows_that_are_left(tmp_path: Path, size: int) -> None:
    """What is told of a row names it as the file has it, whatever was left out before it."""
    lines = ["a,who,x", "1,p,1", ",p,2", "3,p,3", ",p,4", "5,p,5", "6,,6", "7,p,700"]
    text = "\n".join(lines) + "\n"
    drop = f'missing = {{ a = "drop" }}\npart_bytes = {size}\n'
    with pytest.raises(InputError, match="row 6, column 'who': expected a group"):
        ref_of(tmp_path, text, f'{drop}group = "who"\nsplit = {{ train = 1.0 }}')
    with pytest.raises(InputError, match="row 7, column 'x': expected at most 10"):
        ref_of(
            tmp_path, text, f'{drop}exclude = ["who"]\nexpect = {{ columns.x = {{ max = 10 }} }}'
        )
    found = made(
        tmp_path,
        text.replace("5,p,5", "5,p,five"),
        f'{drop}group = "who"\nsplit = {{ train = 1.0 }}\non_bad = "quarantine"',
    )
    assert found.tables["quarantine"]["where"].tolist() == [
        "row 5, column 'x'", "row 6, column 'who'"
    ]  # fmt: skip
    assert found.table["x"].tolist() == [1, 3, 700]
    assert found.manifest["facts"]["left_out"] == {"a": 2}


def test_nothing_left(tmp_path: Path) -> None:
    """Where all rows would be left out that is told; a part of such rows alone is none."""
    told = "rows: expected a row with a value in column 'a', got none: it is missing in 2"
    for size in (1 << 20, 1):
        with pytest.raises(InputError, match=re.escape(told)):
            ref_of(tmp_path, "a,x\n,1\n,2\n", f'missing = {{ a = "drop" }}\npart_bytes = {size}')
    text = "a,x\n,1\n,2\n3,3\n4,4\n,5\n6,6\n"
    found = made(tmp_path, text, 'missing = { a = "drop" }\npart_bytes = 1\n' + SPLIT)
    assert found.table["x"].tolist() == [3, 4, 6] and len(found.tensors["features"]) == 3
    assert found.manifest["warnings"][0].startswith("3 of 6 rows are left out")


def test_nothing_to_learn_from(tmp_path: Path) -> None:
    """A column without a value in train has no mean, median or mode; a number it may have."""
    text = "a,c,x\n,,1\n,,2\n"
    categorical = 'measures = { c = "categorical" }\n'
    with pytest.raises(InputError) as raised:
        ref_of(tmp_path, text, f'{categorical}missing = {{ a = "median", c = "mode" }}')
    assert "column 'a': expected values of train to learn the median of" in str(raised.value)
    assert "column 'c': expected values of train to learn the mode of" in str(raised.value)
    found = made(tmp_path, text, f'{categorical}missing = {{ a = 3, c = "category" }}')
    assert features(found).to_numpy().tolist() == pytest.approx(
        np.array([[0, 1, -(0.5**0.5)], [0, 1, 0.5**0.5]])
    )
    assert "column 'a' never varies: it is 0 throughout" in found.manifest["warnings"]


@pytest.mark.parametrize("na", ["NA", " NA ", "-999", " -999 ", '"NA"', "", " ", "\t"])
def test_texts_for_missing_values(tmp_path: Path, na: str) -> None:
    """They, and blanks, are missing in numbers and texts alike, with blanks around them or not."""
    text = f"a,c,f,note\n1,u,yes,NA\n{na},{na},{na},{na}\n3,v,no,-999\n"
    more = (
        'na_values = ["NA", "-999"]\nmeasures = { c = "categorical", f = "boolean" }\n'
        'exclude = ["note"]\nmissing = { a = "mean", c = "category", f = "mode" }'
    )
    table = made(tmp_path, text, more).table
    assert table["a"].tolist()[::2] == [1, 3] and np.isnan(table["a"][1])
    assert table["c"].isna().tolist() == table["f"].isna().tolist() == [False, True, False]
    assert table["note"].tolist() == ["NA", na.strip('"'), "-999"]


def test_integers_that_float64_rounds(tmp_path: Path) -> None:
    """Beside gaps they stay what they are in the table."""
    big = 2**53
    values = [big + 1, None, big + 3, 5]
    text = "a,x\n" + "".join(f"{'' if v is None else v},{n}\n" for n, v in enumerate(values))
    for size in (1 << 20, 1):
        more = f'measures = {{ a = "ordinal" }}\nmissing = {{ a = "median" }}\npart_bytes = {size}'
        found = made(tmp_path, text, more, to=f"{size}")
        told = [part.arrow["a"].to_pylist() for part in found.parts]
        assert [one for each in told for one in each] == values
        assert [None if v is pd.NA else v for v in found.table["a"]] == values
        assert [view.rows for view in found.views if view.name == "columns"]
        with pytest.raises(CatalogError, match=r"missing.a to be a finite number .float32."):
            source(tmp_path, text, more.replace('"median"', "1e39"))
        assert features(found)["a"].tolist()[1] == np.float32(big + 1)
    quarantined = text.replace("5,3", "5,3\nx,4")
    more = 'on_bad = "quarantine"\nmeasures = { a = "ordinal" }\nmissing = { a = "median" }'
    found = made(tmp_path, quarantined, more, to="q")
    assert found.parts[0].arrow["a"].to_pylist() == values


@settings(max_examples=5, deadline=None)
@given(
    values=st.lists(st.one_of(st.none(), st.integers(-8, 8)), min_size=4, max_size=24),
    how=st.sampled_from(["mean", "median", "mode", "drop", "3"]),
    size=st.integers(1, 120),
)
@pytest.mark.usefixtures("unsynced")
def test_any_cut(
    tmp_path_factory: pytest.TempPathFactory, values: list[Any], how: str, size: int
) -> None:
    """However a table is cut, the same is learned, and the tensors have the same bytes."""
    root, values = tmp_path_factory.mktemp("cut"), [1, 4, *values]
    word = how if how == "3" else f'"{how}"'
    lines = ["" if value is None else str(value * 2.0**20) for value in values]
    cities = [("u", "v", "")[hash((n, len(values))) % 3] for n in range(len(values))]
    pairs = zip(lines, ["u", *cities[1:]], strict=True)
    text = "a,c,x\n" + "".join(f"{a},{c},{n}\n" for n, (a, c) in enumerate(pairs))
    more = (
        f'measures = {{ c = "categorical" }}\nmissing = {{ a = {word}, c = "mode" }}\n'
        + 'min_count = 2\nindicator = ["c"]\n'
    )
    one = made(root, text, more, to="one")
    many = made(root, text, f"{more}part_bytes = {size}", to="many")
    assert one.manifest["facts"] == many.manifest["facts"]
    assert one.learned is not None and many.learned is not None
    if how != "mean":
        assert one.learned.columns == many.learned.columns
    for name, tensor in one.tensors.items():
        assert torch.allclose(tensor, many.tensors[name], rtol=1e-6, atol=1e-7)
    notes = [w for w in one.manifest["warnings"] if "float32" not in w]
    assert notes == [w for w in many.manifest["warnings"] if "float32" not in w]


def test_median_and_mode_of_many_parts(tmp_path: Path) -> None:
    """They are those of all numbers of train, not of parts, as NumPy and pandas have them."""
    random = np.random.default_rng(3)
    a = pd.Series(random.normal(size=301).round(1))
    a[random.random(301) < 0.2] = np.nan
    frame = pd.DataFrame({"a": a, "b": a, "x": np.arange(301)})
    more = 'missing = { a = "median", b = "mode" }\npart_bytes = 3000'
    found = made(tmp_path, frame, more)
    assert found.learned is not None and len(found.parts) > 3
    assert found.learned.columns["a"].fill == a.median()
    assert found.learned.columns["b"].fill == a.mode().min()


def test_too_many_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A median of more different numbers than are counted is refused, in one part and in many."""
    monkeypatch.setattr(distinct, "MOST", 10)
    text = "a,x\n" + "".join(f"{n},{n}\n" for n in range(12)) + ",1\n"
    for size in (1 << 20, 40):
        with pytest.raises(InputError, match="different numbers, to learn the median"):
            ref_of(tmp_path, text, f'missing = {{ a = "median" }}\npart_bytes = {size}')
        ref_of(tmp_path, text, f'missing = {{ a = "mean" }}\npart_bytes = {size}', to=f"{size}")


@pytest.mark.parametrize("seed", [0, 1])
def test_no_leak(tmp_path: Path, seed: int) -> None:
    """Whatever other splits hold, features of train and all that was learned stay as they are."""
    random, frame = np.random.default_rng(seed), ages(80, seed)
    frame["part"] = random.choice(["train", "val"], 80)
    (tmp_path / "splits.csv").write_text(
        "row,split\n" + "".join(f"{n + 1},{s}\n" for n, s in enumerate(frame.pop("part")))
    )
    more = (
        'split = { file = "splits.csv" }\nmeasures = { place = "categorical" }\nmin_count = 5\n'
        'missing = { age = "median", place = "category", x = "mean" }\nindicator = ["age"]'
    )
    before = made(tmp_path, frame, more, to="before")
    is_val = (before.table["split"] == "val").to_numpy()
    frame.loc[is_val, "age"] = random.choice([np.nan, 1e6], is_val.sum())
    frame.loc[is_val, "place"] = random.choice(np.array(["Oslo", None], dtype=object), is_val.sum())
    frame.loc[is_val, "x"] = np.nan
    after = made(tmp_path, frame, more, to="after")
    assert before.learned == after.learned
    train = torch.from_numpy(~is_val)
    assert torch.equal(before.tensors["features"][train], after.tensors["features"][train])
    assert not torch.equal(before.tensors["features"], after.tensors["features"])


def test_learned_of_all(tmp_path: Path) -> None:
    """With statistics = "all" every split counts."""
    frame = ages()
    frame = frame[["age", "x"]]
    more = f'{SPLIT}statistics = "all"\nmissing = {{ age = "median" }}'
    found = made(tmp_path, frame, more)
    assert found.learned is not None
    assert found.learned.columns["age"].fill == frame["age"].median()
    assert np.allclose(features(found)["age"], scaled(frame["age"].fillna(frame["age"].median())))


def test_transform(tmp_path: Path) -> None:
    """New raw values become the very features that the same rows of the file are."""
    frame = ages()
    more = (
        'measures = { place = "categorical" }\nmissing = { age = "mean", place = "category" }\n'
        'indicator = ["age"]\n' + SPLIT
    )
    for to, raw in (("scaled", ""), ("raw", 'store = "raw"')):
        found = made(tmp_path, frame, more + raw, to=to)
        expected = torch.from_numpy(features(found).to_numpy().copy())
        given: list[Any] = [
            frame,  # NaN and None
            frame.astype(object).where(frame.notna(), None),
            frame.assign(place=frame["place"].fillna(" ")),
        ]
        for table in given:
            columns = {name: table[name] for name in table}
            assert torch.equal(found.transform(columns)["features"], expected)
            listed = {name: table[name].tolist() for name in table}
            assert torch.equal(found.transform(listed)["features"], expected)
    with pytest.raises(PtmError, match="column 'x': expected numbers, got none at 1"):
        found.transform({"age": [1, 2], "place": ["Ulm", None], "x": [1.0, None]})
    with pytest.raises(PtmError, match="column 'age': expected numbers"):
        found.transform({"age": ["young"], "place": ["Ulm"], "x": [1]})
    manifest = ptm.Learned.load(found.path / "manifest.json")
    assert manifest == found.learned and manifest.from_json(manifest.to_json()) == manifest


def test_batches_of_raw_features_are_filled(tmp_path: Path) -> None:
    """Stored raw, features have the fill in the unit of the column, and are scaled when read."""
    found = made(tmp_path, "a,b\n1,1\n,2\n3,3\n8,4\n", 'missing = { a = "median" }\nstore = "raw"')
    assert found.tensors["features"][:, 0].tolist() == [1, 3, 3, 8]
    [batch] = found.loader("train", batch_size=4, shuffle=False)
    assert np.allclose(batch["features"][:, 0].numpy(), scaled([1, 3, 3, 8]), atol=1e-6)


def test_views_count_what_is_missing(tmp_path: Path) -> None:
    """The view of columns has how many values each lacks; profiles too."""
    frame = ages()
    more = 'measures = { place = "categorical" }\nmissing = { age = "mean", place = "category" }'
    found = made(tmp_path, frame, more)
    [view] = [view for view in found.views if view.name == "columns"]
    missing = frame.isna().sum().to_dict()
    assert {row["column"]: row["missing"] for row in view.rows} == missing
    statistics = found.tables["statistics"].set_index("column")["missing"]
    assert {name: int(statistics[name]) for name in missing} == missing


WRONG = {
    "a word": (
        'missing = { a = "middle" }',
        'missing.a to be "mean", "median", "mode", "drop" or a number',
    ),
    "a category of numbers": ('missing = { a = "category" }', "missing.a to be"),
    "a mean of categories": (
        'measures = { c = "categorical" }\nmissing = { c = "mean" }',
        'missing.c to be "mode", "category", "drop" or a text',
    ),
    "a number of categories": (
        'measures = { c = "categorical" }\nmissing = { c = 1 }',
        "missing.c to be",
    ),
    "a fill of a target": (
        'target = "a"\nmissing = { a = 1 }',
        'missing.a to be "drop", as it is a target, got 1',
    ),
    "an order": ('order = { c = ["u"] }\nmissing = { c = "x" }', '"drop" or one of u'),
    "a flag": ('measures = { c = "boolean" }\nmissing = { c = "maybe" }', "or true or false"),
    "a date": ('measures = { c = "date" }\nmissing = { c = "never" }', "or a date as 2012-06-30"),
    "an indicator of what is never missing": (
        'indicator = ["a"]',
        "a column of 'missing' that is filled in 'indicator'",
    ),
    "an indicator of what is left out": (
        'missing = { a = "drop" }\nindicator = ["a"]',
        "in 'indicator', got 'a'",
    ),
    "twice": ('missing = { a = 1 }\nindicator = ["a", "a"]', "each column once in 'indicator'"),
    "left out": (
        'exclude = ["a"]\nmissing = { a = 1 }',
        "columns in 'missing' that are not left out, got 'a'",
    ),
}


@pytest.mark.parametrize("sort", WRONG)
def test_what_an_entry_cannot_say(tmp_path: Path, sort: str) -> None:
    """It is told when the catalog is read."""
    more, told = WRONG[sort]
    with pytest.raises(CatalogError, match=re.escape(told)):
        source(tmp_path, "a,c\n1,u\n", more)


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    """What options name has to be in the header."""
    with pytest.raises(InputError, match="header: expected a column 'age', got a, x"):
        ref_of(tmp_path, "a,x\n1,1\n", 'missing = { age = "mean" }')
