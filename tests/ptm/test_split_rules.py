"""The rules of splits: what options say, where cuts are, which sample chance puts where."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptm import hashing
from ptm.assigning.deciding import read_times
from ptm.errors import BadInput
from ptm.split import NONE, by_share, by_time, instant, rule_of
from tests.support.machine import ROOT

MASK = (1 << 64) - 1
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "not 1 together": (
        {"split": {"train": 0.8, "val": 0.1}},
        "shares that are 1 together, got 0.9",
    ),
    "a share of 0": ({"split": {"train": 1.0, "val": 0.0}}, "above 0 and up to 1 for 'val'"),
    "a share that is a text": ({"split": {"train": 0.5, "val": "x"}}, "for 'val', got 'x'"),
    "a name": ({"split": {"train": 0.5, "Val": 0.5}}, "a-z, 0-9, '_' and '-', got 'Val'"),
    "the name of none": ({"split": {"train": 0.5, "none": 0.5}}, "got 'none'"),
    "folders and shares": ({"split": {"folder": True, "train": 1.0}}, "either shares, cuts"),
    "no folders": ({"split": {"folder": False}}, "{ folder = true }"),
    "no list": ({"split": {"file": ""}}, "{ file = 'splits.csv' }"),
    "cuts of nothing": ({"split": {"train": "..2012"}}, "'time' to name the column"),
    "no cut": ({"split": {"train": "2012-01-01"}, "time": "t"}, "'train', got '2012-01-01'"),
    "a cut of words": ({"split": {"train": "..noon"}, "time": "t"}, "'..noon'"),
    "a day that is none": ({"split": {"train": "..2012-02-30"}, "time": "t"}, "'..2012-02-30'"),
    "cuts that overlap": (
        {"split": {"train": "..2012-06", "val": "2012-06-30.."}, "time": "t"},
        "cuts that do not overlap, got '..2012-06' and '2012-06-30..'",
    ),
    "a cut that ends first": (
        {"split": {"train": "2012-06..2012-01"}, "time": "t"},
        "ends after it begins for 'train'",
    ),
    "an embargo of nothing": ({"split": {"train": 1.0}, "embargo": "1d"}, "with a split by 'time'"),
    "an embargo of apples": (
        {"split": {"train": "..2012-06-30"}, "time": "t", "embargo": "2 apples"},
        "'embargo' to be a time above 0",
    ),
    "an embargo of days for numbers": (
        {"split": {"train": "..1.5"}, "time": "t", "embargo": "1d"},
        "'embargo' to be a number above 0, as the cuts are numbers, got '1d'",
    ),
    "an embargo below 0": (
        {"split": {"train": "..1.5"}, "time": "t", "embargo": -1},
        "'embargo' to be a number above 0, as the cuts are numbers, got -1",
    ),
    "near and a group": ({"split": {"train": 1.0}, "near": "group", "group": "g"}, "not both"),
    "near and folders": ({"split": {"folder": True}, "near": "group"}, "'near' with shares"),
    "a group alone": ({"split": {}, "group": "g"}, "a 'split' where there is 'group'"),
    "near alone": ({"split": {}, "near": "group"}, "a 'split' where there is 'near'"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_options_that_say_no_rule(wrong: str) -> None:
    """Each is told what was expected."""
    options, expected = WRONG[wrong]
    with pytest.raises(ValueError) as raised:
        rule_of(**options)
    assert expected in str(raised.value)


def test_no_rule() -> None:
    """Without a split there is none; all in train is one."""
    assert rule_of({}) is None
    rule = rule_of({"train": 1.0})
    assert rule and rule.names == ("train",) and rule.by == "content"


def mixed(value: int) -> int:
    """SplitMix64 in integers of Python, as its authors print it."""
    value = (value + 0x9E3779B97F4A7C15) & MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


@given(st.lists(st.integers(0, MASK), min_size=1), st.integers(0, 2**53))
def test_chance_is_that_of_the_hash(hashes: list[int], seed: int) -> None:
    """Each sample is where a second implementation puts it."""
    rule = rule_of({"train": 0.7, "val": 0.2, "test": 0.1}, seed)
    assert rule
    found = by_share(rule, np.array(hashes, dtype=np.uint64))
    for value, code in zip(hashes, found.tolist(), strict=True):
        draw = (mixed(value ^ mixed(seed)) >> 11) / 2**53
        assert code == (0 if draw < 0.7 else 1 if draw < 0.7 + 0.2 else 2)


def test_known_value() -> None:
    """The first number of SplitMix64 from state 0, as it is known."""
    assert int(hashing.mixed(np.zeros(1, dtype=np.uint64))[0]) == 0xE220A8397B1DCDAF


def test_shares_are_expected() -> None:
    """Of 100,000 samples each split has its share, within five standard deviations."""
    hashes = hashing.of_numbers(np.arange(100_000))
    for seed in range(5):
        rule = rule_of({"train": 0.8, "val": 0.1, "test": 0.1}, seed)
        assert rule
        counts = np.bincount(by_share(rule, hashes), minlength=3)
        for count, share in zip(counts, rule.shares, strict=True):
            assert abs(count - 100_000 * share) < 5 * (100_000 * share * (1 - share)) ** 0.5


def test_seeds_are_independent() -> None:
    """Two seeds agree on as many samples as chance has it."""
    hashes = hashing.of_numbers(np.arange(20_000))
    rules = [rule_of({"train": 0.5, "test": 0.5}, seed) for seed in (0, 1)]
    one, other = (by_share(rule, hashes) for rule in rules if rule)
    assert abs((one == other).mean() - 0.5) < 5 * 0.5 / 20_000**0.5


def seconds(text: str) -> float:
    """Since 1970, of a time as Python reads it."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


CUTS = [
    ("..2012-06-30", "2012-06-30T23:59:59.999999", "2012-07-01"),
    ("..2012-06", "2012-06-30T23:59", "2012-07-01"),
    ("..2012", "2012-12-31T23:59", "2013-01-01"),
    ("..2012-02", "2012-02-29T12:00", "2012-03-01"),
    ("..2012-06-30T12", "2012-06-30T12:59:59", "2012-06-30T13:00"),
    ("..2012-06-30 12:30", "2012-06-30T12:30:59", "2012-06-30T12:31"),
    ("..2012-06-30T12:30:05", "2012-06-30T12:30:05.9", "2012-06-30T12:30:06"),
    ("..2012-06-30T12:30:05.25", "2012-06-30T12:30:05.255", "2012-06-30T12:30:05.26"),
    ("2012-06-30..", "2012-06-30", "2012-06-29T23:59:59.999"),
    ("2012-06..2012-07", "2012-07-31T23:59", "2012-05-31T23:59"),
    ("..2012-06-30T12:00Z", "2012-06-30T12:00:30", "2012-06-30T12:01"),
    ("..2012-06-30T12:00+02:00", "2012-06-30T10:00:30", "2012-06-30T10:01"),
    ("..2012-06-30T12:00-0330", "2012-06-30T15:30", "2012-06-30T15:31"),
]


@pytest.mark.parametrize(("cut", "inside", "outside"), CUTS)
def test_both_ends_are_in_a_cut(cut: str, inside: str, outside: str) -> None:
    """As far as they are told: of a day all of it."""
    rule = rule_of({"train": cut}, time="t")
    assert rule
    found = by_time(rule, np.array([seconds(inside), seconds(outside)]), False)
    assert found.tolist() == [0, NONE]


def test_cuts_of_numbers() -> None:
    """Both ends are in them, and nothing that is above."""
    rule = rule_of({"train": "..10", "val": "10.5..20", "test": "21.."}, time="t")
    assert rule
    values = np.array([-5, 10, np.nextafter(10, 11), 10.5, 20, 20.5, 21, 1e9])
    assert by_time(rule, values, True).tolist() == [0, 0, NONE, 1, 1, NONE, 2, 2]


@given(st.lists(st.integers(-500, 1500), min_size=1), st.integers(1, 60))
def test_an_embargo(days: list[int], embargo: int) -> None:
    """No train sample is nearer to another split than the embargo; nothing else is left out."""
    cuts = {"val": "2012-01-01..2012-12-31", "train": "2013-01-01..", "test": "..2011-12-31"}
    rule = rule_of(cuts, time="t", embargo=f"{embargo}d")
    assert rule
    day = 86400.0
    times = seconds("2011-12-31") + np.array(days) * day
    codes = by_time(rule, times, False)
    for time, code in zip(times.tolist(), codes.tolist(), strict=True):
        if time >= seconds("2013-01-01"):
            wanted = "train" if time >= seconds("2013-01-01") + embargo * day else ""
        elif time >= seconds("2012-01-01"):
            wanted = "val"
        else:
            wanted = "test" if time < seconds("2012-01-01") - embargo * day else ""
        assert (rule.names[code] if code != NONE else "") == wanted


def test_instants() -> None:
    """Times are read as Python reads them; other texts are none."""
    for text in ("2012-06-30", "2012-06-30T12:30", "2012-06-30 12:30:05.25"):
        assert instant(text) == seconds(text)
    for text in ("", "x", "2012-13-01", "2012-06-30T25:00", "30.06.2012", "2012-06-30T"):
        assert np.isnan(instant(text))


JUNE = datetime(2012, 6, 30, tzinfo=UTC).timestamp()
NOON = 12 * 3600
FORMS = {  # as docs/splits.md has them
    "2012-06": JUNE - 29 * 86400,
    "2012-06-30": JUNE,
    "2012-06-30T12": JUNE + NOON,
    "2012-06-30T12:30": JUNE + NOON + 1800,
    "2012-06-30T12:30:15": JUNE + NOON + 1815,
    "2012-06-30T12:30:15.25": JUNE + NOON + 1815.25,
    "2012-06-30T12:30:15.123456": JUNE + NOON + 1815.123456,
    "2012-06-30 12:30": JUNE + NOON + 1800,
    "2012-06-30T12:30Z": JUNE + NOON + 1800,
    "2012-06-30T12:30+02:00": JUNE + NOON + 1800 - 7200,
    "2012-06-30T12:30-0530": JUNE + NOON + 1800 + 5.5 * 3600,
    "9999-12-31": 253402214400.0,
    "0001-01-01": -62135596800.0,
}
NO_FORMS = (
    *("20120630", "20120630T123015", "2012-06-30T1230", "2012-W26", "2012-182", "30.06.2012"),
    *("06/30/2012", "2012-6-3", "2012-06-30T12:30+02", "2012-06-30Z", "2012-06-30T24:00"),
    *("2012-06-30T23:59:60", "2012-06-30T12:30:15.1234567", "2012-02-30", "noon", ""),
)


@pytest.mark.parametrize("more", [[], ["2012-06"]])
def test_forms_of_times(more: list[str]) -> None:
    """Those that are documented are read, whatever else the column has; others are none."""
    for text, seconds in FORMS.items():
        values, are_numbers = read_times(pa.array([text, *more]))
        assert (values[0], are_numbers[0]) == (seconds, False), text
        assert instant(text) == seconds, text
    for text in NO_FORMS:
        values, are_numbers = read_times(pa.array([text, *more]))
        assert np.isnan(values[0]) or (text == "20120630" and are_numbers[0]), text
    document = (ROOT / "docs" / "splits.md").read_text(encoding="utf-8")
    for text in (*list(FORMS)[:-2], "20120630", "2012-W26", "30.06.2012"):
        assert f"`{text}`" in document, text


def test_the_last_days() -> None:
    """What no calendar has a day after is in a cut as any other."""
    rule = rule_of({"train": "..9999-12-30", "test": "9999-12-31.."}, time="t")
    late = rule_of({"train": "..9998", "test": "9999.."}, time="t")
    values = np.array([instant("9999-12-30T23:59"), instant("9999-12-31")])
    assert rule and by_time(rule, values).tolist() == [0, 1]
    assert late and by_time(late, values).tolist() == [1, 1]


def test_numbers_that_are_no_times() -> None:
    """Days written as numbers are no years; a span of times keeps no numbers apart."""
    years = {"train": "..2012", "test": "2013.."}
    rule, days = rule_of(years, time="t"), np.array([20120630.0, 20131231.0])
    assert rule is not None
    with pytest.raises(BadInput, match=r"'t': expected times as 2012-06-30 beside cuts of years"):
        by_time(rule, days, np.array([True, True]))
    for numbers in ([2012.0, 2013.0], [2012.0, 20131231.0], [1e7, 20131232.0]):
        by_time(rule, np.array(numbers), np.array([True, True]))
    apart = rule_of(years, time="t", embargo="1d")
    assert apart and by_time(apart, np.array([instant("2012"), instant("2013")])).tolist() == [0, 1]
    with pytest.raises(BadInput, match=r"'t': expected times for the embargo of '1d' \(or an"):
        by_time(apart, np.array([2012.0, 2013.0]), True)
    whole = rule_of(years, time="t", embargo=1)
    assert whole and by_time(whole, np.array([2011.0, 2012.0, 2013.0]), True).tolist() == [
        0,
        NONE,
        1,
    ]
