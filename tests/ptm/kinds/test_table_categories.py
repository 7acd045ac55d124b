"""Categories of tables: one-hot or codes, those that are not frequent, those that train has not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from ptm.errors import CatalogError, InputError
from tests.support.rows import features, made, ref_of, source

pytestmark = pytest.mark.usefixtures("unsynced")
ONE = 'measures = { city = "categorical" }\n'


def cities(count: int = 200, seed: int = 0) -> pd.DataFrame:
    """Cities, some of them rare."""
    random = np.random.default_rng(seed)
    names = np.array(["Ulm", "Bonn", "Rome", "Köln", "Zug", "Ur", "Oslo"], dtype=object)
    shares = np.array([50, 30, 10, 5, 2, 2, 1]) / 100
    return pd.DataFrame({"city": random.choice(names, count, p=shares), "x": np.arange(count)})


def in_train(artifact: Any) -> np.ndarray:
    return (artifact.table["split"] == "train").to_numpy()


@pytest.mark.parametrize("least", [1, 5, 10, 1000])
@pytest.mark.parametrize("size", [1 << 20, 500])
def test_rare_ones(tmp_path: Path, least: int, size: int) -> None:
    """As an encoder with a least frequency has them: fitted on train, the rare ones last."""
    frame = cities()
    more = f"{ONE}min_count = {least}\nsplit = {{ train = 0.6, val = 0.4 }}\npart_bytes = {size}"
    found = made(tmp_path, frame, more)
    counts = frame["city"][in_train(found)].value_counts()
    kept = sorted(counts.index[counts >= least])
    rare = counts[counts < least]
    names = [f"city={name}" for name in kept] + ["city=(rare)"] * bool(len(rare))
    assert found.manifest["facts"]["features"] == [*names, "x"]
    column = frame["city"].where(frame["city"].isin(kept), "(rare)" if len(rare) else None)
    expected = np.array([[f"city={one}" == name for name in names] for one in column])
    assert (features(found)[names].to_numpy() == expected).all()
    if len(rare):
        assert found.manifest["facts"]["rare"] == {"city": len(rare)}
        ones = "1 category" if len(rare) == 1 else f"{len(rare)} categories"
        assert any(
            f"{ones} with fewer than {least} rows of train" in w for w in found.manifest["warnings"]
        )
        assert "unseen" not in found.manifest["facts"]
    there = found.transform({"city": [*frame["city"], "Atlantis"], "x": [*range(200), 0]})[
        "features"
    ]
    assert torch.equal(there[:-1], found.tensors["features"])
    assert there[-1, :-1].tolist() == [0.0] * len(kept) + [1.0] * bool(len(rare))


def test_codes(tmp_path: Path) -> None:
    """A code is the place among the sorted categories of train; of new ones how many there are."""
    frame = cities(60, 3)
    frame["kind"] = np.where(frame["x"] % 2 == 0, "b", "a")
    more = f'{ONE}codes = ["city", "kind"]\nsplit = {{ train = 0.3, val = 0.7 }}'
    found = made(tmp_path, frame, more)
    train = in_train(found)
    known = sorted(set(frame["city"][train]))
    seen = frame["city"].where(frame["city"].isin(known))
    expected = pd.Categorical(seen, categories=known).codes.astype(int)
    expected[expected < 0] = len(known)
    codes = found.tensors["codes"]
    assert codes.dtype == torch.int64 and found.manifest["tensors"]["codes"]["axes"] == [
        "sample",
        "column",
    ]
    assert codes[:, 0].tolist() == expected.tolist()
    assert codes[:, 1].tolist() == (frame["kind"] == "b").astype(int).tolist()
    assert found.manifest["facts"]["codes"] == {"city": known, "kind": ["a", "b"]}
    assert found.manifest["facts"]["features"] == ["x"]
    new = int((expected == len(known)).sum())
    assert new and found.manifest["facts"]["unseen"] == {"city": new}
    rows = "1 row has" if new == 1 else f"{new} rows have"
    assert (
        f"column 'city': {rows} a category that train has not; its code is {len(known)} there"
        in (found.manifest["warnings"])
    )
    there = found.transform({name: frame[name] for name in frame})
    assert torch.equal(there["codes"], codes)
    assert torch.equal(there["features"], found.tensors["features"])
    [batch] = found.loader("train", batch_size=99, shuffle=False)
    assert torch.equal(batch["codes"], codes[torch.from_numpy(train.copy())])


def test_codes_of_rare_and_missing_ones(tmp_path: Path) -> None:
    """A category of missing ones is the first, that of rare ones the last, of new ones too."""
    frame = pd.DataFrame(
        {"city": ["u", "u", "v", "v", None, "w"], "b": ["p", "q"] * 3, "x": range(6)}
    )
    more = (
        ONE + 'codes = ["b", "city"]\nmissing = { city = "category" }\nindicator = ["city"]\n'
        "min_count = 2"
    )
    found = made(
        tmp_path, frame, more + "\nmeasures.b = 'categorical'".replace("measures.b", "units.b")
    )
    assert found.manifest["facts"]["codes"] == {"city": ["u", "v", "(rare)"], "b": ["p", "q"]}
    assert found.tensors["codes"].tolist() == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]]
    assert found.manifest["facts"]["features"] == ["city.missing", "x"]
    there = found.transform({"city": ["zz", None], "b": ["p", "zz"], "x": [0, 5]})
    assert there["codes"].tolist() == [[2, 0], [2, 2]]
    assert there["features"][:, 0].tolist() == [0, 1]
    found = made(tmp_path, frame, more.replace("min_count = 2", ""), to="all")
    assert found.manifest["facts"]["codes"]["city"] == ["", "u", "v", "w"]
    assert found.tensors["codes"][:, 0].tolist() == [1, 1, 2, 2, 0, 3]


def test_codes_alone(tmp_path: Path) -> None:
    """Where every column is one of codes there are no other features."""
    found = made(tmp_path, "a,b,y\nu,p,0\nv,p,1\n", 'codes = ["a", "b"]\ntarget = "y"')
    assert set(found.tensors) == {"codes", "target"}
    assert found.tensors["codes"].tolist() == [[0, 0], [1, 0]]
    assert found.transform({"b": ["p"], "a": ["v"]})["codes"].tolist() == [[1, 0]]
    assert found.manifest["facts"]["features"] == []
    [batch] = found.loader("train", batch_size=2, shuffle=False)
    assert set(batch) == {"codes", "target"}


def test_many_codes_are_no_encoding(tmp_path: Path) -> None:
    """Codes of more categories than a one-hot encoding may have take no more memory."""
    text = "a,x\n" + "".join(f"k{n},{n}\n" for n in range(300))
    with pytest.raises(InputError, match="at most 100 columns"):
        ref_of(tmp_path, text, 'measures = { a = "categorical" }\nmax_columns = 100')
    found = made(tmp_path, text, 'codes = ["a"]\nmax_columns = 100')
    assert len(set(found.tensors["codes"][:, 0].tolist())) == 300
    made(
        tmp_path,
        text + text[4:],
        'measures = { a = "categorical" }\nmin_count = 3\nmax_columns = 9',
    )


def test_leading_zeros_and_blanks_stay(tmp_path: Path) -> None:
    """A category is the text that the file has."""
    found = made(
        tmp_path, "plz,x\n01067,1\n1067,2\n 1067,3\n01067,4\n", 'measures = { plz = "categorical" }'
    )
    assert found.manifest["facts"]["features"] == ["plz= 1067", "plz=01067", "plz=1067", "x"]
    there = found.transform({"plz": ["01067", 1067, 1067.0], "x": [1, 2, 3]})["features"]
    assert there[:, 1:3].tolist() == [[1, 0], [0, 1], [0, 1]]


def test_a_category_of_that_name(tmp_path: Path) -> None:
    """A category called (rare) is one as others, unless there are rare ones."""
    text = "city,x\n(rare),1\n(rare),2\nu,3\nu,4\n"
    assert features(made(tmp_path, text, f"{ONE}min_count = 2")).columns.tolist() == [
        "city=(rare)", "city=u", "x"
    ]  # fmt: skip
    with pytest.raises(
        InputError, match=r"column 'city': expected no category '\(rare\)', which 'min_count'"
    ):
        ref_of(tmp_path, f"{text}v,5\n", f"{ONE}min_count = 2")


@pytest.mark.parametrize(
    ("header", "more", "name"),
    [
        ("a,a.missing", 'missing = { a = "mean" }\nindicator = ["a"]', "a.missing"),
        ("d,d.year", 'dates = { d = ["year"] }', "d.year"),
        ("c,c=", 'measures = { c = "categorical" }\nmissing = { c = "category" }', "c="),
    ],
)
def test_features_of_one_name(tmp_path: Path, header: str, more: str, name: str) -> None:
    """A column that is called as a feature of another is refused."""
    value = {"a": "1", "d": "2020-01-01", "c": ""}[header[0]]
    text = f"{header}\n{value},2\n{value},3\n"
    with pytest.raises(
        InputError, match=re.escape(f"features of different names, got '{name}' twice")
    ):
        ref_of(tmp_path, text, more)


WRONG = {
    "codes of numbers": (
        'measures = { a = "ordinal" }\ncodes = ["a"]',
        "'a' in 'codes' to be categorical",
    ),
    "no categories": ("min_count = 2", "a categorical column where there is 'min_count'"),
    "none": ('codes = ["c"]\nmin_count = 0', "min_count"),
    "a target": ('codes = ["a"]\ntarget = "a"', "a 'target' of numbers, categories or flags"),
}


@pytest.mark.parametrize("sort", WRONG)
def test_what_an_entry_cannot_say(tmp_path: Path, sort: str) -> None:
    """It is told when the catalog is read."""
    more, told = WRONG[sort]
    with pytest.raises(CatalogError, match=re.escape(told)):
        source(tmp_path, "a,c\n1,u\n", more)
