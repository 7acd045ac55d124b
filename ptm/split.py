"""Which split each sample is in: a rule of its content, its group, its time, its folder or a list.

A rule looks at one sample alone, so no other one moves it: rows may be added, and none that was
there before changes its split.
"""

from __future__ import annotations

import re
from calendar import isleap, monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import inf, isclose, nan, nextafter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from ptm.errors import BadInput
from ptm.spans import seconds_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TRAIN = "train"
COLUMN = "split"  # of the rows
INHERITED = "inherited"  # the rule of an entry that is of one with splits
FINDINGS = "findings"  # the table of what may leak
CONTENT = "content"  # the table of what is in which split, where the next one depends on it
NOWHERE = "none"  # the name of what is in no split, in counts
NONE = 255  # the code of a sample that is in no split
MOST = 32  # splits of one entry
SPLIT_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
INSTANT = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?)?"
    r"(Z|[+-]\d\d:?\d\d)?)?)?)?"
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FOLDERS = {  # as data sets call them
    **{"train": "train", "training": "train"},
    **{"val": "val", "valid": "val", "validation": "val", "dev": "val"},
    **{"test": "test", "testing": "test"},
}
By = Literal["content", "group", "near", "time", "folder", "file"]


@dataclass(frozen=True)
class Range:
    """A span of time, or of numbers: from `first` up to `until`, which is not in it.

    Attributes:
        first, until: seconds since 1970-01-01 UTC, or numbers; infinite where it is open.
    """

    first: float
    until: float


@dataclass(frozen=True)
class Rule:
    """How the samples of an entry come to their splits.

    Attributes:
        by: what decides: the content of a sample, its group, that of its near ones, its time, its
            folder, or a list.
        names: of the splits, in the order of the catalog; of folders those that there may be; none
            of a list, which says them.
        shares: of all samples that each is expected to have, where chance decides.
        seed: of that chance.
        group: the column, or how the group is found in the path of a file; None for none.
        time: the column of the times; None for none.
        instants, numbers: for each split its span, by times and by numbers as the values may be;
            None where the cuts cannot be read so.
        embargo: before and behind train, what is in no split: seconds, or a number.
        span: the embargo as it was said, where it is one of times alone, as "1d"; else "".
        file: of the list.
    """

    by: By
    names: tuple[str, ...]
    shares: tuple[float, ...] = ()
    seed: int = 0
    group: str | None = None
    time: str | None = None
    instants: tuple[Range, ...] | None = None
    numbers: tuple[Range, ...] | None = None
    embargo: float = 0.0
    span: str = ""
    file: str = ""


def rule_of(
    split: Mapping[str, Any],
    seed: int = 0,
    group: str | None = None,
    near: str | None = None,
    time: str | None = None,
    embargo: str | float | None = None,
) -> Rule | None:
    """The rule that options say; None where they say none.

    Raises:
        ValueError: they do not fit each other.
    """
    if not split:
        named = {"group": group, "near": near, "time": time, "embargo": embargo}
        for name, value in named.items():
            if value is not None:
                raise ValueError(f"a 'split' where there is '{name}'")
        return None
    if split.keys() & {"folder", "file"}:
        rule = _told(split, group, time)
    elif all(isinstance(value, str) for value in split.values()):
        rule = _by_time(split, group, time, embargo)
    else:
        rule = _by_chance(split, seed, group, near, time)
    if near and rule.by != "near":
        raise ValueError("'near' with shares, as { train = 0.8, test = 0.2 }, and without a group")
    if embargo is not None and rule.by != "time":
        raise ValueError("'embargo' with a split by 'time'")
    return rule


def _told(split: Mapping[str, Any], group: str | None, time: str | None) -> Rule:
    """By folders, or by a list."""
    if len(split) != 1:
        raise ValueError("'split' to be either shares, cuts, { folder = true } or { file = … }")
    [(what, value)] = split.items()
    if what == "folder":
        if value is not True:
            raise ValueError("'split' as { folder = true } for folders train, val and test")
        return Rule("folder", tuple(dict.fromkeys(FOLDERS.values())), group=group, time=time)
    if not isinstance(value, str) or not value or PurePosixPath(value).is_absolute():
        raise ValueError("'split' as { file = 'splits.csv' } for a list below the data root")
    if ".." in PurePosixPath(value).parts:
        raise ValueError(f"a list below the data root, got '{value}'")
    return Rule("file", (), group=group, time=time, file=value)


def _by_chance(
    split: Mapping[str, Any], seed: int, group: str | None, near: str | None, time: str | None
) -> Rule:
    _check_names(split)
    for name, share in split.items():
        is_share = isinstance(share, (int, float)) and not isinstance(share, bool)
        if not is_share or not 0 < share <= 1:
            raise ValueError(f"a share above 0 and up to 1 for '{name}', got {share!r}")
    if not isclose(total := sum(split.values()), 1.0, abs_tol=1e-9):
        raise ValueError(f"shares that are 1 together, got {total:g}")
    if near and group:
        raise ValueError("either 'group' or 'near', not both")
    by: By = "group" if group else "near" if near else "content"
    shares = tuple(map(float, split.values()))
    return Rule(by, tuple(split), shares, seed, group, time)


def _by_time(
    split: Mapping[str, str], group: str | None, time: str | None, embargo: str | float | None
) -> Rule:
    _check_names(split)
    if not time:
        raise ValueError("'time' to name the column that the cuts are of")
    numbers = _ranges(split, _numbers)
    instants = _ranges(split, _instants)
    wrong = [f"'{name}', got '{cut}'" for name, cut in split.items() if ".." not in cut]
    if wrong or (numbers is None and instants is None):
        which = wrong[0] if wrong else ", ".join(f"'{cut}'" for cut in split.values())
        raise ValueError(f"cuts as '..2012-06-30' or '2012-07-01..', or of numbers, for {which}")
    width = 0.0 if embargo is None else _width(embargo, instants is not None)
    is_span = isinstance(embargo, str) and not NUMBER.fullmatch(embargo.strip())
    for ranges in (numbers, instants):
        _check_apart(split, ranges)
    return Rule(
        *("time", tuple(split)),
        group=group,
        time=time,
        instants=instants,
        numbers=numbers,
        embargo=width,
        span=str(embargo) if is_span else "",
    )


def _width(embargo: str | float, of_times: bool) -> float:
    """How wide an embargo is: seconds of times, else a number."""
    try:
        if of_times:
            return seconds_of(embargo)
        if 0 < (width := float(embargo)) < inf:
            return width
    except ValueError as error:
        if of_times:
            raise ValueError(f"'embargo' to be {error}") from error
    raise ValueError(f"'embargo' to be a number above 0, as the cuts are numbers, got {embargo!r}")


def _check_names(split: Mapping[str, Any]) -> None:
    for name in split:
        if not SPLIT_NAME.fullmatch(name) or name == NOWHERE:
            raise ValueError(f"names of splits of a-z, 0-9, '_' and '-', got '{name}'")
    if len(split) > MOST:
        raise ValueError(f"at most {MOST} splits, got {len(split)}")


def _ranges(split: Mapping[str, str], read: Any) -> tuple[Range, ...] | None:
    """The span of each split; None where its ends cannot be read so."""
    found = []
    for cut in split.values():
        first, dots, until = cut.partition("..")
        bounds = [read(end.strip()) if end.strip() else None for end in (first, until)]
        if not dots or [] in bounds or bounds == [None, None]:
            return None
        low = -inf if bounds[0] is None else bounds[0][0]
        high = inf if bounds[1] is None else bounds[1][1]
        found.append(Range(low, high))
    return tuple(found)


def _numbers(text: str) -> list[float]:
    """The least number that is not below, and the least that is above; none of other texts."""
    if not NUMBER.fullmatch(text):
        return []
    return [float(text), nextafter(float(text), inf)]


def _instants(text: str) -> list[float]:
    """Begin and end of a year, month, day, hour, minute, second or less; none of other texts."""
    found = INSTANT.fullmatch(text)
    if not found:
        return []
    try:
        return [*_span(found)]
    except (ValueError, OverflowError):
        return []


def instant(text: str) -> float:
    """The begin of a time as text, in seconds since 1970 UTC; NaN of other texts."""
    found = _instants(text)
    return found[0] if found else nan


def _span(found: re.Match[str]) -> tuple[float, float]:
    *parts, fraction, zone = found.groups()
    known = [int(part) for part in parts if part is not None]
    year, month, day, *clock = [*known, *[1] * (3 - len(known))]
    begin = datetime(year, month, day, *clock, tzinfo=UTC)  # type: ignore[misc,arg-type]
    if fraction:
        begin += timedelta(microseconds=int(fraction.ljust(6, "0")))
    if zone and zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        begin -= timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
    days = {1: 366 if isleap(year) else 365, 2: monthrange(year, month)[1]}
    steps = {4: timedelta(hours=1), 5: timedelta(minutes=1), 6: timedelta(seconds=1)}
    step = steps.get(len(known), timedelta(days=days.get(len(known), 1)))
    if fraction:
        step = timedelta(microseconds=10 ** (6 - len(fraction)))
    since = begin - EPOCH
    return since.total_seconds(), (since + step).total_seconds()  # no date is behind 9999-12-31


def _check_apart(split: Mapping[str, str], ranges: tuple[Range, ...] | None) -> None:
    if ranges is None:
        return
    for name, one in zip(split, ranges, strict=True):
        if one.first >= one.until:
            raise ValueError(f"a cut that ends after it begins for '{name}', got '{split[name]}'")
    pairs = sorted(zip(ranges, split, strict=True), key=lambda pair: pair[0].first)
    for (one, name), (other, after) in pairwise(pairs):
        if other.first < one.until:
            raise ValueError(f"cuts that do not overlap, got '{split[name]}' and '{split[after]}'")


def by_share(rule: Rule, hashes: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """The split of each sample by the hash of what decides it: equal hashes stay together.

    A sample is in the first split whose share, with those before it, is above its draw: a number
    of [0, 1) made of its hash and the seed.

    Args:
        rule: with shares.
        hashes: uint64 [sample], evenly spread.

    Returns:
        The place of its split among the names, uint8 [sample].
    """
    import numpy as np

    from ptm.hashing import mixed

    salt = mixed(np.array([rule.seed], dtype=np.int64).view(np.uint64))
    draws = (mixed(hashes ^ salt) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    ends = np.cumsum(rule.shares)[:-1]
    return np.searchsorted(ends, draws, side="right").astype(np.uint8)


def by_time(
    rule: Rule, values: NDArray[np.float64], are_numbers: bool | NDArray[np.bool_] = False
) -> NDArray[np.uint8]:
    """The split of each sample by its time, uint8 [sample]; `NONE` between the cuts.

    What is nearer than the embargo to another split loses its own: of train and another that of
    train, of two others that of the earlier.

    Args:
        rule: by time.
        values: seconds since 1970 of times, and numbers, float64 [sample].
        are_numbers: which of them are numbers; the rule has ranges for what there is.

    Raises:
        BadInput: there are numbers where the embargo is one of times, or days as 20120630 where the
            cuts are years.
    """
    import numpy as np

    _check_numbers(rule, values[np.broadcast_to(are_numbers, values.shape)])
    codes = np.full(len(values), NONE, dtype=np.uint8)
    for ranges, which in (
        (rule.numbers, are_numbers),
        (rule.instants, np.logical_not(are_numbers)),
    ):
        if ranges is None:
            continue
        for code, one in enumerate(_without_embargo(rule, ranges)):
            inside = (values >= one.first) & (values < one.until) & which
            codes[inside] = code
    return codes


def _check_numbers(rule: Rule, numbers: NDArray[np.float64]) -> None:
    """Looks whether numbers are no times that were meant, but are not read so.

    Raises:
        BadInput: they are.
    """
    import numpy as np

    where = f"column '{rule.time}'"
    if rule.span and len(numbers):
        expected = (
            f"times for the embargo of '{rule.span}' (or an 'embargo' that is a number, as 1)"
        )
        raise BadInput(where, expected, "numbers")
    if rule.instants is None or rule.numbers is None or not len(numbers):
        return
    rests = numbers % 10_000
    are_days = (numbers >= 1e7) & (numbers < 1e8) & (numbers == np.floor(numbers))
    are_days &= (rests >= 101) & (rests < 1232) & (rests % 100 >= 1) & (rests % 100 < 32)
    if are_days.all():
        expected = "times as 2012-06-30 beside cuts of years (or cuts as '..20121231')"
        raise BadInput(where, expected, "numbers as 20120630")


def _without_embargo(rule: Rule, ranges: tuple[Range, ...]) -> list[Range]:
    """The ranges without what is nearer than the embargo to another."""
    found = [[one.first, one.until] for one in ranges]
    order = sorted(range(len(ranges)), key=lambda place: ranges[place].first)
    for before, after in pairwise(order):
        if rule.names[after] == TRAIN:
            found[after][0] = max(found[after][0], ranges[before].until + rule.embargo)
        else:
            found[before][1] = min(found[before][1], ranges[after].first - rule.embargo)
    return [Range(*one) for one in found]
