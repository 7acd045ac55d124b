"""What is measured of every column of the rows, and of every channel that is scaled.

Profiles merge as moments do: whatever the cut into parts, counts, extremes, histograms and texts
are exactly the same, mean and standard deviation but for the last bits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from ptm.errors import PtmError
from ptm.histogram import Histogram
from ptm.stats import Moments

OF_ROWS = ""  # stands for the rows where channels have the name of their tensor
NUMBERS, TIMES, TEXTS, OTHERS = "numbers", "times", "texts", "others"
MOST_TEXTS = 1000  # distinct texts of a column that are counted
FIRST, LAST = ("train", "val", "test"), "none"  # of the names of splits


def in_order(splits: Iterable[str]) -> list[str]:
    """Names of splits as people look for them: train, val, test, others, what is in none."""
    known = {name: place for place, name in enumerate([*FIRST, "", LAST])}
    return sorted(splits, key=lambda name: (known.get(name, len(FIRST)), name))


@dataclass(frozen=True)
class Texts:
    """How often each text comes.

    Attributes:
        counts: by text; None where there are more than `most`.
        empty: texts in which there is nothing to be seen.
        most: distinct ones that are counted.
    """

    counts: Mapping[str, int] | None
    empty: int
    most: int = MOST_TEXTS

    def merge(self, other: Texts) -> Texts:
        """Those of both together."""
        most, empty = min(self.most, other.most), self.empty + other.empty
        if self.counts is None or other.counts is None:
            return Texts(None, empty, most)
        counts = Counter(self.counts)
        counts.update(other.counts)
        return Texts(dict(counts) if len(counts) <= most else None, empty, most)

    @property
    def distinct(self) -> int | str:
        """How many different ones there are."""
        return f"more than {self.most}" if self.counts is None else len(self.counts)

    def frequent(self, most: int) -> list[tuple[str, int]]:
        """The most frequent ones with their counts; none where not all are counted."""
        known = (self.counts or {}).items()
        return sorted(known, key=lambda one: (-one[1], one[0]))[:most]


@dataclass(frozen=True)
class Profile:
    """What is measured of a column, or of a channel.

    Attributes:
        what: it has: numbers (bool is 0 and 1), times (seconds since 1970-01-01 UTC), texts, or
            others, of which only those that are missing are counted.
        missing: how many are; of numbers also NaN.
        moments: of numbers and times, of one channel.
        histogram: of the same; of a channel with many values in a sample of some of them.
        texts: of texts.
        others: how many of what is nothing else are there.
    """

    what: str
    missing: int = 0
    moments: Moments | None = None
    histogram: Histogram | None = None
    texts: Texts | None = None
    others: int = 0

    @property
    def count(self) -> int:
        """How many values there are, without the missing ones."""
        if self.moments:
            return int(self.moments.count[0])
        return self.others

    def merge(self, other: Profile) -> Profile:
        """That of both together.

        Raises:
            PtmError: one has numbers, the other texts.
        """
        if self.what != other.what:
            raise PtmError(f"expected {self.what} in each part, got {other.what}")
        return Profile(
            self.what,
            self.missing + other.missing,
            self.moments.merge(other.moments) if self.moments and other.moments else None,
            self.histogram.merge(other.histogram) if self.histogram and other.histogram else None,
            self.texts.merge(other.texts) if self.texts and other.texts else None,
            self.others + other.others,
        )

    def to_json(self) -> dict[str, Any]:
        """JSON values from which `from_json` makes an equal one."""
        found: dict[str, Any] = {"what": self.what, "missing": self.missing, "others": self.others}
        if self.moments and self.histogram:
            found |= {"moments": self.moments.to_json(), "histogram": self.histogram.to_json()}
        if self.texts:
            found["texts"] = [self.texts.counts, self.texts.empty, self.texts.most]
        return found

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Profile:
        """The one that `to_json` described."""
        numbers, texts = "moments" in values, values.get("texts")
        return cls(
            values["what"],
            values["missing"],
            Moments.from_json(values["moments"]) if numbers else None,
            Histogram.from_json(values["histogram"]) if numbers else None,
            Texts(*texts) if texts else None,
            values["others"],
        )


Profiles = dict[str, dict[str, Profile]]  # by OF_ROWS or tensor, and column or channel
BySplit = dict[str, Profiles]


def as_json(by_split: BySplit) -> dict[str, Any]:
    """JSON values from which `from_json` makes equal profiles."""
    return {
        split: {of: {name: one.to_json() for name, one in each.items()} for of, each in of_.items()}
        for split, of_ in by_split.items()
    }


def from_json(values: Mapping[str, Any]) -> BySplit:
    """The profiles that `as_json` described."""
    return {
        split: {
            of: {name: Profile.from_json(one) for name, one in each.items()}
            for of, each in of_.items()
        }
        for split, of_ in values.items()
    }


def merged(several: Iterable[BySplit]) -> BySplit:
    """Profiles of parts, by split; merged in their order.

    Raises:
        PtmError: as `both`.
    """
    found: BySplit = {}
    for one in several:
        for split, profiles in one.items():
            found[split] = both(found[split], profiles) if split in found else profiles
    return found


def both(one: Profiles, other: Profiles) -> Profiles:
    """Profiles of some samples and of others, together.

    Raises:
        PtmError: a column has numbers in one, and texts in the other.
    """
    return {
        of: {
            name: one[of][name].merge(other[of][name])
            if name in one.get(of, {}) and name in other.get(of, {})
            else (one.get(of, {}) | other.get(of, {}))[name]
            for name in {**one.get(of, {}), **other.get(of, {})}
        }
        for of in {**one, **other}
    }


def of_all(by_split: BySplit) -> Profiles:
    """Those of all samples, whatever their split."""
    return reduce(both, by_split.values()) if by_split else {}
