"""How far samples have drifted from those of an artifact before: distances, and what chance gives.

Distances are those of Jensen and Shannon, base 2: 0 of equal distributions, 1 of such that have
nothing in common (J. Lin, "Divergence measures based on the Shannon entropy", 1991; its root is a
metric: D. M. Endres and J. E. Schindelin, "A new metric for probability distributions", 2003).

Two samples of one distribution are never at distance 0. Of n and m numbers in k bins the squared
distance is about χ²(k - 1) (1/n + 1/m) / (8 ln 2), of second order (Endres and Schindelin). So two
things have to be true of what is found: without the mean of that the distance is beyond its limit,
and it is beyond a quantile so high that among ALARMS comparisons of whole artifacts, with samples
of one distribution, about one finds anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import erfc, log, sqrt
from typing import TYPE_CHECKING, NamedTuple

from ptm.demands import Drift, OfDrift
from ptm.histogram import Histogram
from ptm.profile import OF_ROWS, BySplit, Profile, Profiles, Texts, of_all
from ptm.split import NOWHERE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BINS = 10  # of equal shares of the samples before
FEW = 20  # different numbers, or categories, that have bins of their own
EACH = 10  # samples for each of so few, at least
ALARMS = 1000
ALL = "all"  # samples, whatever their split


class Compared(NamedTuple):
    """A column, or channel, of a split, beside the same of before.

    Attributes:
        split: its name, or "all".
        tensor: of a channel; "" of a column.
        column: its name.
        before, now: what was measured; None where it was not there.
        distance: of Jensen and Shannon; None where there are too few samples, or other values.
        chance: the distance that chance alone gives at most.
        lost, new: categories that are not there any more, or were not, of so many samples that this
            is no chance.
        found: what of it is more than it may be, in words.
        is_error: whether that keeps it from being published.
    """

    split: str
    tensor: str
    column: str
    before: Profile | None
    now: Profile | None
    distance: float | None
    chance: float | None
    lost: tuple[str, ...]
    new: tuple[str, ...]
    found: tuple[str, ...]
    is_error: bool


class Side(NamedTuple):
    """One of the two: its profiles by split, and how many samples each split has."""

    profiles: BySplit
    samples: Mapping[str, int]


def compared(before: Side, now: Side, drift: Drift) -> Iterator[Compared]:
    """Each column and channel of the splits that both have, and of all samples.

    Args:
        before, now: what was measured.
        drift: how far they may be apart.
    """
    pairs = list(_pairs(before, now))
    tests = sum(len({*one, *other}) for one, other, *_ in _columns(pairs))
    strict = _Strict(1 / (ALARMS * max(3 * tests, 1)))
    for one, other, split, of, sizes in _columns(pairs):
        for name in {**one, **other}:
            own = drift.columns.get(name, OfDrift()) if of == OF_ROWS else OfDrift()
            yield _compared(
                split, of, name, one.get(name), other.get(name), sizes, strict, drift, own
            )


Pair = tuple[str, Profiles, Profiles, tuple[int, int]]


def _pairs(before: Side, now: Side) -> Iterator[Pair]:
    splits = [split for split in now.profiles if split in before.profiles and split != NOWHERE]
    for split in splits:
        sizes = before.samples.get(split, 0), now.samples.get(split, 0)
        yield split, before.profiles[split], now.profiles[split], sizes
    if not splits or len(before.profiles) > 1 or len(now.profiles) > 1:
        sizes = sum(before.samples.values()), sum(now.samples.values())
        yield ALL, of_all(before.profiles), of_all(now.profiles), sizes


def _columns(
    pairs: list[Pair],
) -> Iterator[tuple[dict[str, Profile], dict[str, Profile], str, str, tuple[int, int]]]:
    for split, one, other, sizes in pairs:
        for of in {**one, **other}:
            yield one.get(of, {}), other.get(of, {}), split, of, sizes


class _Strict(NamedTuple):
    """How seldom chance may be taken for drift, in each of all comparisons."""

    share: float

    @property
    def deviations(self) -> float:
        """Standard deviations of a normal distribution, of one side: by bisection."""
        low, high = 0.0, 40.0
        while low < (middle := (low + high) / 2) < high:
            if erfc(middle / sqrt(2)) > self.share:
                low = middle
            else:
                high = middle
        return high

    def chance(self, bins: int, sizes: tuple[int, int]) -> float:
        """The distance that samples of one distribution have at most.

        The quantile of χ² is that of E. B. Wilson and M. M. Hilferty, "The distribution of
        chi-square", 1931.
        """
        free = max(bins - 1, 1)
        part = 2 / (9 * free)
        quantile = free * (1 - part + self.deviations * sqrt(part)) ** 3
        return sqrt(min(quantile * _of_one(sizes), 1.0))


def _of_one(sizes: tuple[int, int]) -> float:
    """The mean of the squared distance by chance, for each degree of freedom."""
    return (1 / sizes[0] + 1 / sizes[1]) / (8 * log(2))


def _compared(
    split: str,
    of: str,
    name: str,
    one: Profile | None,
    other: Profile | None,
    samples: tuple[int, int],
    strict: _Strict,
    drift: Drift,
    own: OfDrift,
) -> Compared:
    limit = drift.limit if own.limit is None else own.limit
    missing = drift.missing if own.missing is None else own.missing
    is_error = (own.level or drift.level) == "error"
    if one is None or other is None or one.what != other.what:
        said = _other_kind(one, other)
        return Compared(split, of, name, one, other, None, None, (), (), (said,), is_error)
    # of the values of one sample nobody knows how much one says of another
    sizes = one.count, other.count
    if of != OF_ROWS:
        sizes = min(sizes[0], samples[0]), min(sizes[1], samples[1])
    distance, chance, beyond = None, None, 0.0
    lost = new = tuple[str, ...]()
    if min(sizes) > 1 and (shares := _shares(one, other)) is not None:
        distance, chance = distance_of(*shares), strict.chance(len(shares[0]), sizes)
        beyond = sqrt(max(distance**2 - (len(shares[0]) - 1) * _of_one(sizes), 0.0))
    if one.texts and other.texts:
        lost = _gone(one.texts, other.texts, sizes, strict)
        new = _gone(other.texts, one.texts, (sizes[1], sizes[0]), strict)
    found = []
    if distance is not None and chance is not None and distance > chance and beyond > limit:
        found.append(f"distance {distance:.3g}, beyond {limit:g}{_moved(one, other)}")
    found += [f"without '{text}', which was there" for text in lost[:FEW]]
    found += [f"with '{text}', which is new" for text in new[:FEW]]
    if said := _missing(one, other, missing, strict):
        found.append(said)
    return Compared(
        split, of, name, one, other, distance, chance, lost, new, tuple(found), is_error
    )


def _other_kind(one: Profile | None, other: Profile | None) -> str:
    if one is None:
        return "it is new"
    return "it is gone" if other is None else f"{other.what}, was {one.what}"


def _moved(one: Profile, other: Profile) -> str:
    if not (one.moments and other.moments):
        return ""
    mean, before = (float(each.moments.mean[0]) for each in (other, one) if each.moments)
    return f"; mean {mean:.4g}, was {before:.4g}"


def empty(profile: Profile) -> float:
    """The share of samples without a value; texts of nothing have none."""
    total = profile.count + profile.missing
    return (profile.missing + (profile.texts.empty if profile.texts else 0)) / max(total, 1)


def _missing(one: Profile, other: Profile, limit: float, strict: _Strict) -> str:
    """What there is to say where the shares of missing values are farther apart than chance."""
    sizes = one.count + one.missing, other.count + other.missing
    before, now = empty(one), empty(other)
    if not min(sizes) or abs(now - before) <= limit:
        return ""
    both = (before * sizes[0] + now * sizes[1]) / sum(sizes)
    deviation = sqrt(both * (1 - both) * (1 / sizes[0] + 1 / sizes[1]))
    if abs(now - before) <= strict.deviations * deviation:
        return ""
    return f"missing {now:.3g} of all, was {before:.3g}"


def _gone(one: Texts, other: Texts, sizes: tuple[int, int], strict: _Strict) -> tuple[str, ...]:
    """Categories of one that the other has not, though it has so many samples.

    If all samples of a category are shuffled among both, this is the chance that none of them comes
    to the other.
    """
    if one.counts is None or other.counts is None or not min(sizes):
        return ()
    share = sizes[0] / sum(sizes)
    known = other.counts
    return tuple(
        text
        for text, count in one.frequent(len(one.counts))
        if text not in known and share**count < strict.share
    )


def distance_of(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The Jensen-Shannon distance of two distributions over the same bins, float64 [bin]."""
    import numpy as np

    middle = (one + other) / 2
    halves = []
    for each in (one, other):
        there = each > 0
        halves.append(float((each[there] * np.log2(each[there] / middle[there])).sum()))
    return sqrt(max(sum(halves) / 2, 0.0))


def _shares(one: Profile, other: Profile) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The shares of the values of both in the same bins; None where they cannot be told."""
    if one.histogram and other.histogram and one.histogram.count and other.histogram.count:
        return _of_numbers(one.histogram, other.histogram)
    if one.texts and other.texts and one.texts.counts and other.texts.counts:
        return _of_texts(one.texts.counts, other.texts.counts)
    return None


def _of_numbers(
    one: Histogram, other: Histogram
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of numbers: bins of equal shares of one, and one each for what is beyond its ends."""
    import numpy as np

    shift = max(one.shift, other.shift)
    one, other = one.at(shift), other.at(shift)
    middles = (np.cumsum(one.counts) - one.counts / 2) / one.count
    bins = (middles * BINS).astype(np.int64)
    is_few = len(one.codes) <= FEW and one.count >= EACH * len(one.codes)
    if is_few:
        bins = np.arange(len(one.codes))
    places = np.searchsorted(one.codes, other.codes, side="right") - 1
    theirs = bins[np.maximum(places, 0)] + 1
    theirs[other.codes < one.codes[0]] = 0
    beyond = int(bins.max()) + 2
    theirs[other.codes > one.codes[-1]] = beyond
    if is_few:  # what is between them was not there
        theirs[one.codes[np.maximum(places, 0)] != other.codes] = beyond
    shares = [
        np.bincount(which, each.counts, beyond + 1) / each.count
        for which, each in ((bins + 1, one), (theirs, other))
    ]
    used = (shares[0] + shares[1]) > 0
    return shares[0][used], shares[1][used]


def _of_texts(
    one: Mapping[str, int], other: Mapping[str, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of texts: the most frequent ones before, and one bin for all others."""
    import numpy as np

    # of those that are there once or twice chance decides which they are
    often = [text for text, count in one.items() if count >= EACH]
    named = sorted(often, key=lambda text: (-one[text], text))[:FEW]
    shares = []
    for counts in (one, other):
        found = [counts.get(text, 0) for text in named]
        total = sum(counts.values())
        shares.append(np.array([*found, total - sum(found)], dtype=np.float64) / total)
    used = (shares[0] + shares[1]) > 0
    return shares[0][used], shares[1][used]
