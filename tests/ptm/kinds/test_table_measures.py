"""Flags, orders and dates of tables: what their texts spell, as features and as new raw values."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ptm.errors import CatalogError, InputError, PtmError
from ptm.spelling import part_of, times, truths
from tests.support.rows import features, made, ref_of, scaled, source

pytestmark = pytest.mark.usefixtures("unsynced")
PARTS = ["year", "month", "day", "weekday", "hour", "minute", "day_of_year"]


def test_flags(tmp_path: Path) -> None:
    """All spellings of true and false are 1 and 0, not scaled; the rows have flags."""
    true = ["true", "TRUE", "Yes", "t", "Y", "on", "1", " yes "]
    false = ["False", "no", "F", "n", "OFF", "0", " No", "0.0"]
    text = "f,x\n" + "".join(f"{one},{n}\n" for n, one in enumerate([*true, *false]))
    found = made(tmp_path, text, 'measures = { f = "boolean" }')
    assert features(found)["f"].tolist() == [1] * 8 + [0] * 8
    assert found.table["f"].tolist() == [True] * 8 + [False] * 8
    assert found.manifest["facts"]["measures"]["f"] == "boolean"


@pytest.mark.parametrize("wrong", ["2", "maybe", "-1", "ja", "tru"])
def test_no_flags(tmp_path: Path, wrong: str) -> None:
    """Anything else is refused, with its row, or set aside."""
    text = f"f,x\ntrue,1\n{wrong},2\nno,3\n"
    with pytest.raises(
        InputError, match=f"row 2, column 'f': expected true or false, got '{wrong}'"
    ):
        ref_of(tmp_path, text, 'measures = { f = "boolean" }')
    found = made(tmp_path, text, 'measures = { f = "boolean" }\non_bad = "quarantine"')
    assert found.tables["quarantine"].iloc[0].tolist()[1:] == [
        "row 2, column 'f'", "true or false", f"'{wrong}'"
    ]  # fmt: skip
    assert found.table["f"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("how", "fill"), [('"mode"', 1), ('"mean"', 2 / 3), ("false", 0), ("1", 1), ('"No"', 0)]
)
def test_missing_flags(tmp_path: Path, how: str, fill: float) -> None:
    """They are filled by what train teaches, or by a word for a flag."""
    more = f'measures = {{ f = "boolean" }}\nmissing = {{ f = {how} }}\nindicator = ["f"]'
    found = made(tmp_path, "f,x\nyes,1\n,2\nno,3\ny,4\n", more)
    assert features(found)["f"].tolist() == pytest.approx([1, fill, 0, 1])
    assert features(found)["f.missing"].tolist() == [0, 1, 0, 0]
    assert found.table["f"].tolist() == [True, None, False, True]
    given: list[Any] = [True, None, "off", "TRUE"]
    x = [1, 2, 3, 4]
    assert torch.equal(found.transform({"f": given, "x": x})["features"], found.tensors["features"])
    given = [np.True_, float("nan"), 0, 1.0]
    assert torch.equal(found.transform({"f": given, "x": x})["features"], found.tensors["features"])
    with pytest.raises(PtmError, match="column 'f': expected true or false, got 'maybe' at 1"):
        found.transform({"f": ["yes", "maybe", "", ""], "x": x})


def test_flags_in_the_catalog(tmp_path: Path) -> None:
    """Rows that stand there say 1 and 0, and texts of an order as a file would."""
    more = (
        'columns = ["f", "o", "x"]\nrows = [[1, 2, 0.5], [0, 3, 1.5]]\n'
        'measures = { f = "boolean" }\norder = { o = ["3", "2"] }'
    )
    (tmp_path / "catalog.toml").write_text(f'[t]\nkind = "table"\n{more}\n')
    import ptm

    ptm.tensorize(ptm.load_catalog(tmp_path / "catalog.toml", data=tmp_path)["t"], tmp_path / "s")
    found = features(ptm.load("t", tmp_path / "s"))
    assert found["f"].tolist() == [1, 0] and found["o"].tolist() == [1, 0]


def test_order(tmp_path: Path) -> None:
    """A text is its place in the order, not scaled; the rows keep the text."""
    text = "size,x\nM,1\nS,2\nXL,3\nL,4\n M,5\n"
    more = 'order = { size = ["S", "M", "L", "XL", "XXL"] }'
    found = made(tmp_path, text, more)
    assert features(found)["size"].tolist() == [1, 0, 3, 2, 1]
    assert found.table["size"].tolist() == ["M", "S", "XL", "L", " M"]
    assert found.manifest["facts"]["measures"]["size"] == "ordinal"
    with pytest.raises(
        InputError, match=r"row 5, column 'size': expected one of S, M, L, got 'XL'"
    ):
        ref_of(tmp_path, text.replace("M,1", "M,1\nS,9\nS,9"), 'order = { size = ["S", "M", "L"] }')
    with pytest.raises(PtmError, match="column 'size': expected one of S, M, L, XL, XXL, got 'xl'"):
        found.transform({"size": ["xl"], "x": [1]})


@pytest.mark.parametrize(("how", "fill"), [("mode", 0), ("median", 1), ("mean", 1.25), ("L", 2)])
def test_missing_in_an_order(tmp_path: Path, how: str, fill: float) -> None:
    """What stands for a missing one is a place in the order, or between two."""
    text = "size,x\nS,1\n,2\nXL,3\nL,4\nS,5\n".replace("L,4", "L,4")
    more = f'order = {{ size = ["S", "M", "L", "XL"] }}\nmissing = {{ size = "{how}" }}'
    found = made(tmp_path, text, more)
    assert features(found)["size"].tolist() == [0, fill, 3, 2, 0]
    raw = {"size": ["S", None, "XL", "L", "S"], "x": [1, 2, 3, 4, 5]}
    assert torch.equal(found.transform(raw)["features"], found.tensors["features"])


DATES = [
    "1969-12-31T23:59:59.999999", "1970-01-01", "2024-02-29 12:30", "0001-01-01", "9999-12-31",
    "1582-10-15", "2012-06-30T10:00:00Z", "2012-06-30T10:00+02:00", "20240229", "2000-03-01T06",
]  # fmt: skip


def microseconds(text: str) -> int:
    """By Python's own calendar, in UTC."""
    time = datetime.fromisoformat(text)
    naive = (time - time.utcoffset()).replace(tzinfo=None) if time.utcoffset() else time  # type: ignore[operator]
    naive = naive.replace(tzinfo=None)
    since = naive - datetime(1970, 1, 1)
    return (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds


def test_days(tmp_path: Path) -> None:
    """A date is the days since 1970-01-01, with the fraction of the day, before it is scaled."""
    text = "d,x\n" + "".join(f"{one},{n}\n" for n, one in enumerate(DATES))
    found = made(tmp_path, text, 'measures = { d = "date" }\nstandardize = false')
    us = [microseconds(one) for one in DATES]
    expected = np.array(
        [one // 86_400_000_000 + one % 86_400_000_000 / 86_400_000_000 for one in us]
    )
    assert features(found)["d"].tolist() == expected.astype(np.float32).tolist()
    assert found.parts[0].arrow["d"].cast(pa.int64()).to_pylist() == us
    again = made(tmp_path, text, 'dates = { d = "days" }', to="scaled")
    assert np.allclose(features(again)["d"], scaled(expected), atol=1e-6)


def test_parts_of_dates(tmp_path: Path) -> None:
    """Each part is a feature, scaled, as pandas and the calendar have it."""
    frame = pd.DataFrame({"d": pd.date_range("1961-02-27T23:17", periods=90, freq="37h13min")})
    frame["x"] = np.arange(90)
    parts = ", ".join(f'"{part}"' for part in PARTS)
    found = made(tmp_path, frame, f"dates = {{ d = [{parts}] }}\nstandardize = false")
    columns = features(found)
    assert columns.columns.tolist() == [*(f"d.{part}" for part in PARTS), "x"]
    for part in PARTS:
        expected = getattr(frame["d"].dt, "day_of_week" if part == "weekday" else part)
        assert columns[f"d.{part}"].tolist() == expected.tolist(), part
    again = made(tmp_path, frame, 'dates = { d = ["month", "hour"] }\n', to="scaled")
    assert np.allclose(features(again)["d.month"], scaled(frame["d"].dt.month), atol=1e-6)
    assert again.transform({"d": frame["d"], "x": frame["x"]})["features"].equal(
        again.tensors["features"]
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.datetimes(), min_size=1, max_size=9), st.data())
def test_any_date(several: list[datetime], data: st.DataObject) -> None:
    """However it is spelled, alone or among others, a date is that of Python's calendar."""
    spellings = [
        lambda t: t.isoformat(),
        lambda t: t.isoformat(" "),
        lambda t: t.strftime("%Y%m%dT%H%M%S.%f").zfill(22),
        lambda t: f" {t.isoformat()}Z",
        lambda t: f"{t.isoformat()}+00:00",
    ]
    texts = [data.draw(st.sampled_from(spellings))(time) for time in several]
    found = times(pa.array(texts)).cast(pa.int64()).to_numpy()
    assert found.tolist() == [microseconds(time.isoformat()) for time in several]
    fields = [
        (t.year, t.month, t.day, t.weekday(), t.hour, t.minute, t.timetuple().tm_yday)
        for t in several
    ]
    assert [*zip(*(part_of(found, part).tolist() for part in PARTS), strict=True)] == fields


NO_DATES = [
    "2023-02-29", "2023-13-01", "yesterday", "1.2.2020", "2020", "0000-01-01", "2020-01-01T25:00",
    "2020-01-01x10:00", "20200101T", "12:30", "2020-W01-1", "1577836800", "2020-01-01T10:60",
    "9999-12-31T23:00-05:00", "2020-1-1",
]  # fmt: skip


@pytest.mark.parametrize("beside", [[], ["2020-01-01"], ["20200101"]])
def test_no_dates(beside: list[str]) -> None:
    """What is no date is none, whatever stands beside it, and so whatever the cut."""
    found = times(pa.array([*NO_DATES, *beside]))
    assert found.null_count == len(NO_DATES), found
    for text in NO_DATES:
        assert times(pa.array([text])).null_count == 1, text


def test_a_date_that_is_none(tmp_path: Path) -> None:
    """It is refused with its row, and the format that was asked for."""
    text = "d,x\n01.02.2020,1\n2020-02-01,2\n"
    with pytest.raises(
        InputError, match=r"row 1, column 'd': expected a date as 2012-06-30, got '01.02"
    ):
        ref_of(tmp_path, text, 'measures = { d = "date" }')
    with pytest.raises(
        InputError, match=r"row 2, column 'd': expected a date as %d.%m.%Y, got '2020"
    ):
        ref_of(tmp_path, text, 'measures = { d = "date" }\ndate_format = "%d.%m.%Y"')
    more = 'measures = { d = "date" }\ndate_format = "%d.%m.%Y"\non_bad = "quarantine"'
    found = made(tmp_path, text, more + "\nstandardize = false")
    assert features(found)["d"].tolist() == [18293]
    given: list[Any] = [
        "01.02.2020",
        date(2020, 2, 1),
        datetime(2020, 2, 1),
        np.datetime64("2020-02-01"),
        np.datetime64("2020-02-01T00:00:00.000000000"),
        pd.Timestamp("2020-02-01"),
    ]
    there = found.transform({"d": given, "x": [1] * 6})["features"][:, 0]
    assert there.tolist() == [18293] * 6
    with pytest.raises(
        PtmError, match=r"column 'd': expected a date as %d.%m.%Y, got '2020-02-01'"
    ):
        found.transform({"d": ["2020-02-01"], "x": [1]})


@pytest.mark.parametrize("how", ["mean", "median", "mode", "2020-01-02"])
def test_missing_dates(tmp_path: Path, how: str) -> None:
    """What stands for a missing date is one; its parts are those of that date."""
    days = ["2020-01-01", "", "2020-01-31", "2020-02-29", "2020-01-01", "2021-07-04"]
    text = "d,e,x\n" + "".join(f"{one},{one},{n}\n" for n, one in enumerate(days))
    more = (
        'dates = { d = "days", e = ["year", "month", "day"] }\nindicator = ["e"]\n'
        f'missing = {{ d = "{how}", e = "{how}" }}'
    )
    plain = made(tmp_path, text, f"{more}\nstandardize = false", to="plain")
    known = pd.Series(pd.to_datetime(days)).astype("datetime64[us]")
    fills = {"mean": known.mean(), "median": known.median(), "mode": known.mode().min()}
    fill = fills.get(how, pd.Timestamp("2020-01-02"))
    dates = known.fillna(fill)
    found = features(plain)
    assert np.allclose(found["d"], (dates - pd.Timestamp(0)) / pd.Timedelta(days=1), rtol=1e-7)
    for part in ("year", "month", "day"):
        assert found[f"e.{part}"].tolist() == getattr(dates.dt, part).tolist()
    assert found["e.missing"].tolist() == [0, 1, 0, 0, 0, 0]
    assert plain.table["d"].isna().tolist() == [not one for one in days]
    whole = made(tmp_path, text, more, to="scaled")
    for part in ("year", "month", "day"):
        expected = scaled(getattr(dates.dt, part))
        assert np.allclose(features(whole)[f"e.{part}"], expected, atol=1e-6)
    raw: dict[str, Any] = {"d": [*known], "e": [d or None for d in days], "x": [*range(6)]}
    assert torch.equal(whole.transform(raw)["features"], whole.tensors["features"])
    cut = made(tmp_path, text, f"{more}\npart_bytes = 30", to="cut")
    assert len(cut.parts) > 1 and cut.manifest["facts"] == whole.manifest["facts"]
    assert torch.allclose(cut.tensors["features"], whole.tensors["features"], atol=1e-6)
    assert cut.table.equals(whole.table)


def test_dates_and_flags_downstream(tmp_path: Path) -> None:
    """Splits by content, expectations, drift, near ones and views take such columns as others."""
    frame = pd.DataFrame({
        "d": pd.date_range("2020-01-01", periods=80).astype(str),
        "f": np.where(np.arange(80) % 3 == 0, "yes", "no"),
        "o": np.where(np.arange(80) % 2 == 0, "low", "high"),
        "x": np.random.default_rng(0).normal(size=80),
    })  # fmt: skip
    frame.loc[::7, ["d", "f", "o"]] = None
    more = (
        'measures = { d = "date", f = "boolean" }\norder = { o = ["low", "high"] }\n'
        'missing = { d = "median", f = "mode", o = "mode" }\nnear = "group"\n'
        'split = { train = 0.6, val = 0.4 }\ndrift = { limit = 0.5, level = "warning" }\n'
        "expect = { missing = 0.2, columns.f = { values = [0, 1] }, "
        'columns.o = { values = ["low", "high"] } }'
    )
    made(tmp_path, frame, more)
    frame.loc[3, "x"] = 4.0
    found = made(tmp_path, frame, more)
    assert found.manifest["stats"]["drift"]["compared"] >= 8
    assert {view.name for view in found.views} >= {"columns", "histograms", "drift"}
    [view] = [view for view in found.views if view.name == "columns"]
    assert [row["missing"] for row in view.rows[:3]] == [12, 12, 12]
    import ptm.store

    assert not [one for one in ptm.store.verify(tmp_path / "store") if one.error]


WRONG = {
    "two measures of an order": (
        'measures = { a = "categorical" }\norder = { a = ["u"] }',
        "'a' in 'order' to be ordinal, got the measure 'categorical'",
    ),
    "two measures of a date": (
        'measures = { a = "boolean" }\ndates = { a = "days" }',
        "'a' in 'dates' to be date, got the measure 'boolean'",
    ),
    "no part": ("dates = { a = [] }", "parts, each once, in 'dates' of 'a', got []"),
    "a part twice": ('dates = { a = ["year", "year"] }', "parts, each once"),
    "another part": ('dates = { a = ["century"] }', "dates.a"),
    "an order of none": ("order = { a = [] }", "texts, each once, in 'order' of 'a'"),
    "an order of one twice": ('order = { a = ["u", "u "] }', "texts, each once, in 'order' of 'a'"),
    "an order of what is missing": (
        'order = { a = ["u", "NA"] }\nna_values = ["NA"]',
        "no 'NA' in 'order'",
    ),
    "a format without a day": (
        'date_format = "%H:%M"',
        "a format with year, month and day, as '%d.%m.%Y'",
    ),
    "a target that is a date": (
        'measures = { a = "date" }\ntarget = "a"',
        "a 'target' of numbers, categories or flags, got 'a'",
    ),
    "what is left out": (
        'exclude = ["a"]\ndates = { a = "days" }',
        "columns in 'dates' that are not left out",
    ),
}


@pytest.mark.parametrize("sort", WRONG)
def test_what_an_entry_cannot_say(tmp_path: Path, sort: str) -> None:
    """It is told when the catalog is read."""
    more, told = WRONG[sort]
    with pytest.raises(CatalogError, match=re.escape(told)):
        source(tmp_path, "a,c\n1,u\n", more)


def test_truths_of_nothing() -> None:
    """Without a text there is no flag, and none is wrong."""
    assert truths(pa.array([], pa.string())).to_pylist() == []
    assert truths(pa.array([None, "x"])).to_pylist() == [None, None]
