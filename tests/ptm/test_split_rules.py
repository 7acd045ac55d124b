"""The rules of splits: what options say, where cuts are, which sample chance puts where."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptm import hashing
from ptm.split import NONE, by_share, by_time, instant, rule_of

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
