"""Any table with any options, beside a second implementation that pandas does most of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ptm.errors import InputError
from ptm.model import Artifact
from tests.support.rows import made, scaled

SORTS = ["number", "rank", "category", "code", "flag", "order", "days", "parts"]
ORDER = ["low", "mid", "high"]
PARTS = ["year", "month", "weekday", "hour"]
VALUES: dict[str, st.SearchStrategy[str]] = {
    "number": st.sampled_from(["1", "-2.5", "3e1", " 4", "0.125", "7"]),
    "rank": st.sampled_from(["1", "2", "9", "5"]),
    "category": st.sampled_from(["u", "v", "w", "01", "é", "x y"]),
    "code": st.sampled_from(["u", "v", "w", "z"]),
    "flag": st.sampled_from(["yes", "No", "TRUE", "f", "1", "0"]),
    "order": st.sampled_from(ORDER),
    "days": st.sampled_from(["2020-02-29", "1969-07-20T20:17", "2021-01-01T00:00:00+02:00"]),
    "parts": st.sampled_from(["2020-02-29", "1969-07-20 20:17:40", "1999-12-31T23:59Z"]),
}
HOWS = {
    "number": ["mean", "median", "mode", "drop", 2.5],
    "rank": ["mean", "median", "mode", "drop", 3.0],
    "category": ["mode", "category", "drop", "none"],
    "code": ["mode", "category", "drop", "none"],
    "flag": ["mean", "mode", "drop", "true", False],
    "order": ["median", "mode", "drop", "mid"],
    "days": ["mean", "median", "mode", "drop", "2000-01-01"],
    "parts": ["median", "mode", "drop", "2000-01-01"],
}


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    """A table as texts, what its entry says, and the split of each row."""
    rows = draw(st.integers(2, 14))
    sorts = draw(st.lists(st.sampled_from(SORTS), min_size=1, max_size=4))
    columns, missing, indicator = {}, {}, []
    for place, sort in enumerate(sorts):
        name, value = f"{sort}{place}", VALUES[sort]
        if draw(st.booleans()):
            missing[name] = draw(st.sampled_from(HOWS[sort]))
            value = st.one_of(value, st.sampled_from(["", "NA", " "]))
            if missing[name] != "drop" and draw(st.booleans()):
                indicator.append(name)
        columns[name] = draw(st.lists(value, min_size=rows, max_size=rows))
    columns["x"] = [str(n) for n in range(rows)]
    splits = draw(st.lists(st.sampled_from(["train", "val"]), min_size=rows, max_size=rows))
    return {
        "columns": columns,
        "missing": missing,
        "indicator": indicator,
        "min_count": draw(st.sampled_from([None, 1, 2, 3])),
        "splits": ["train", *splits[1:]],
        "all": draw(st.booleans()),
        "store": draw(st.sampled_from(["scaled", "raw"])),
    }


def options_of(table: dict[str, Any], size: int) -> str:
    """The entry, as TOML."""
    names = [*table["columns"]]

    def those(sort: str) -> list[str]:
        return [name for name in names if name.startswith(sort)]

    measures = dict.fromkeys(those("rank"), "ordinal")
    measures |= dict.fromkeys(those("category"), "categorical")
    measures |= dict.fromkeys(those("flag"), "boolean")
    lines = [f"part_bytes = {size}", f'store = "{table["store"]}"', 'na_values = ["NA"]']
    lines += ['split = { file = "splits.csv" }', 'statistics = "all"' if table["all"] else ""]
    lines += [f"measures = {{ {_toml(measures)} }}", f"codes = {json.dumps(those('code'))}"]
    lines += [f"order = {{ {_toml(dict.fromkeys(those('order'), ORDER))} }}"]
    dates = dict.fromkeys(those("days"), "days") | dict.fromkeys(those("parts"), PARTS)
    lines += [f"dates = {{ {_toml(dates)} }}", f"missing = {{ {_toml(table['missing'])} }}"]
    lines += [f"indicator = {json.dumps(table['indicator'])}"]
    if table["min_count"] and (those("category") or those("code")):
        lines += [f"min_count = {table['min_count']}"]
    return "\n".join(lines)


def _toml(table: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {json.dumps(value)}" for name, value in table.items())


def frame_of(table: dict[str, Any]) -> pd.DataFrame:
    """The values that the texts spell, None where one is missing; without rows to leave out."""
    found = {}
    for name, texts in table["columns"].items():
        absent = [name in table["missing"] and text.strip() in ("", "NA") for text in texts]
        plain = [None if gone else text for gone, text in zip(absent, texts, strict=True)]
        if name.startswith(("category", "code")):
            found[name] = pd.Series(plain, dtype=object)
            continue
        found[name] = pd.Series([_number(name, text) for text in plain], dtype=float)
    frame = pd.DataFrame(found).assign(split=table["splits"])
    gone = [name for name, how in table["missing"].items() if how == "drop"]
    return frame.dropna(subset=gone).reset_index(drop=True)


def _number(name: str, text: Any) -> float:
    """A number, a flag, a place in the order, or days since 1970."""
    if text is None:
        return np.nan
    if isinstance(text, (bool, float)):
        return float(text)
    if name.startswith("flag"):
        return float(text.lower() in ("yes", "true", "1"))
    if name.startswith("order"):
        return float(ORDER.index(text))
    if name.startswith(("days", "parts")):
        time = pd.Timestamp(text)
        return (time if time.tzinfo else time.tz_localize("UTC")).timestamp() / 86400
    return float(text)


class NothingLearned(Exception):
    """Train has nothing that could be learned from."""


def expected(table: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Features and codes as they should be."""
    frame = frame_of(table)
    train = np.full(len(frame), True) if table["all"] else (frame["split"] == "train").to_numpy()
    if not train.any():
        raise NothingLearned
    features: dict[str, Any] = {}
    codes: dict[str, Any] = {}
    for name in table["columns"]:
        values, how = frame[name], table["missing"].get(name, "drop")
        if name.startswith(("category", "code")):
            _encode(name, values, how, train, table["min_count"], features, codes)
        else:
            if how != "drop":
                values = values.fillna(_fill(name, values[train].dropna(), how))
            _features(name, values, train, features)
        if name in table["indicator"]:
            features[f"{name}.missing"] = frame[name].isna().astype(float)
    return pd.DataFrame(features), pd.DataFrame(codes)


def _fill(name: str, known: pd.Series[Any], how: Any) -> Any:
    if how in ("mean", "median", "mode"):
        if known.empty:
            raise NothingLearned
        return known.mode().min() if how == "mode" else getattr(known, how)()
    return _number(name, how)


def _features(name: str, values: pd.Series[Any], train: Any, features: dict[str, Any]) -> None:
    if name.startswith("parts"):
        dates = pd.to_datetime((values * 86400e6).round(), unit="us")
        for part in PARTS:
            one = getattr(dates.dt, "day_of_week" if part == "weekday" else part)
            features[f"{name}.{part}"] = _scaled(one, train)
    elif name.startswith(("number", "days", "x")):
        features[name] = _scaled(values, train)
    else:
        features[name] = values


def _scaled(values: pd.Series[Any], train: Any) -> Any:
    if values[train].nunique() == 1:
        return values - values[train].iloc[0]
    return scaled(values, train)


def _encode(
    name: str,
    values: pd.Series[Any],
    how: Any,
    train: Any,
    least: int | None,
    features: dict[str, Any],
    codes: dict[str, Any],
) -> None:
    if how != "drop":
        known = values[train].dropna()
        if how == "mode" and known.empty:
            raise NothingLearned
        fill = {"mode": known.mode().min() if how == "mode" else "", "category": ""}.get(how, how)
        values = values.fillna(fill)
        counts = values[train].value_counts()
        counts = counts if fill in counts else pd.concat([counts, pd.Series({fill: 0})])
    else:
        counts = values[train].value_counts()
    kept = sorted(counts.index[counts >= (least or 0)])
    rare = len(kept) < len(counts)
    names = [*kept, *(["(rare)"] if rare else [])]
    places = [names.index(one) if one in kept else len(kept) for one in values]
    if name.startswith("code"):
        codes[name] = places
        return
    for place, category in enumerate(names):
        features[f"{name}={category}"] = [float(one == place) for one in places]


def assert_as(found: Artifact, features: pd.DataFrame, codes: pd.DataFrame) -> None:
    """What is stored, and what is made of raw values, is as expected."""
    assert found.manifest["facts"]["features"] == [*features.columns]
    tensors = dict(found.tensors)
    if "features" in found.learned.raw:  # type: ignore[union-attr]
        tensors |= found.transform({"features": tensors["features"]})
    there = tensors["features"].numpy()
    assert np.allclose(there, features.to_numpy(dtype=float), rtol=1e-5, atol=2e-5)
    assert ("codes" in tensors) == bool(codes.shape[1])
    if codes.shape[1]:
        assert tensors["codes"].tolist() == codes.to_numpy().tolist()
    table = found.table
    raw = {name: table[name] for name in table if name != "split"}
    again = found.transform(raw)
    assert all(torch.equal(one, tensors[name]) for name, one in again.items())


def check(root: Path, table: dict[str, Any], size: int) -> None:
    """Makes a table in one part and in several, and compares both."""
    lines = [f"{n + 1},{split}" for n, split in enumerate(table["splits"])]
    (root / "splits.csv").write_text("row,split\n" + "\n".join(lines) + "\n")
    text = ",".join(table["columns"]) + "\n"
    text += "".join(",".join(row) + "\n" for row in zip(*table["columns"].values(), strict=True))
    try:
        features, codes = expected(table)
    except NothingLearned:
        for part_bytes in (1 << 20, size):
            with pytest.raises(InputError):
                made(root, text, options_of(table, part_bytes), to=f"{part_bytes}")
        return
    one = made(root, text, options_of(table, 1 << 20), to="one")
    assert_as(one, features, codes)
    many = made(root, text, options_of(table, size), to="many")
    assert_as(many, features, codes)
    assert one.manifest["facts"] == many.manifest["facts"]
    assert one.table.equals(many.table)


@pytest.mark.usefixtures("unsynced")
@settings(max_examples=8, deadline=None)
@given(table=tables(), size=st.integers(1, 200))
def test_any_table(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, Any], size: int
) -> None:
    """A sample of the next one."""
    check(tmp_path_factory.mktemp("table"), table, size)


@pytest.mark.slow
@pytest.mark.usefixtures("unsynced")
@settings(max_examples=300, deadline=None)
@given(table=tables(), size=st.integers(1, 200))
def test_many_tables(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, Any], size: int
) -> None:
    """Features, codes and what becomes of raw values are those of the second implementation."""
    check(tmp_path_factory.mktemp("table"), table, size)
