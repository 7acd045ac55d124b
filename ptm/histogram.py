"""Histograms of numbers that merge: any cut of the numbers into parts gives the same one."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from math import inf, nextafter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SPAN = 1 << 12  # buckets from the least magnitude to the largest: so many are counted at once
MOST = 512  # buckets that are not empty, of one column
FEWEST = 32
IN_ALL = 1 << 17  # of all columns together
BITS = 63  # of a magnitude
FRACTION = 52  # bits of the fraction of a float64
FINE = 44  # bits that are left out up to which a bucket is narrow: 1/256 of the number
LARGEST = 0x7FF0 << 48  # the bits of infinity
AT_ONCE = 1 << 14  # numbers that are looked at together: they stay in the cache
FEW = 32  # numbers that are counted one by one: an array for all buckets takes longer
DIGITS = 17  # of any float64


def most_of(columns: int) -> int:
    """How many buckets the histogram of each of so many columns may have."""
    return max(FEWEST, min(MOST, IN_ALL // max(columns, 1)))


@dataclass(frozen=True)
class Histogram:
    """How many numbers are in buckets that are made of the bits of float64.

    A bucket has all numbers of one sign whose magnitudes agree in all but the last `shift` bits, so
    that its width is at most 2^(shift - 52) of its numbers; 0 has one of its own. `shift` is the
    least with which at most `most` buckets are filled, and the least and the largest magnitude are
    less than SPAN buckets apart. More numbers fill no fewer buckets and span no less, so what is
    coarsened before it is merged is what would have been coarsened after.

    Attributes:
        shift: how many bits are left out.
        codes: of the buckets that are filled, in the order of the numbers, int64 [bucket]:
            ((bits of the magnitude >> shift) + 1) with the sign of the numbers, 0 of 0.
        counts: of the numbers in each, int64 [bucket].
        most: buckets beside that of 0, at least 2.
    """

    shift: int
    codes: NDArray[np.int64]
    counts: NDArray[np.int64]
    most: int = MOST

    @classmethod
    def none(cls, most: int = MOST) -> Histogram:
        """That of no number at all."""
        import numpy as np

        nothing = np.zeros(0, dtype=np.int64)
        return cls(0, nothing, nothing, most)

    @classmethod
    def of(
        cls,
        values: NDArray[np.float64],
        most: int = MOST,
        ends: tuple[np.float64, np.float64] | None = None,
    ) -> Histogram:
        """That of numbers.

        Args:
            values: float64 [number], none of which is NaN.
            most: buckets that it may have.
            ends: the least number and the largest, where they are known.
        """
        import numpy as np

        if not len(values):
            return cls.none(most)
        low, high = ends or (values.min(), values.max())
        if len(values) < FEW and (low > 0 or high < 0):
            return cls._of_few(values.tolist(), most)
        values = np.ascontiguousarray(values)
        bits = values.view(np.int64)
        if low > 0 or high < 0:
            least, largest = sorted(int(abs(end).view(np.int64)) for end in (low, high))
            return cls._of_one_sign(bits, least, largest, -1 if high < 0 else 1, most)
        return cls._of_both(bits, most)

    @classmethod
    def _of_few(cls, values: list[float], most: int) -> Histogram:
        """As `_of_one_sign`, in half the time."""
        import numpy as np

        count, sign = len(values), -1 if values[0] < 0 else 1
        bits = [
            one & 2**BITS - 1
            for one in struct.unpack(f"<{count}q", struct.pack(f"<{count}d", *values))
        ]
        shift = _first_shift(min(bits), max(bits))
        found = Counter(sign * ((one >> shift) + 1) for one in bits)
        codes = sorted(found)
        made = cls(shift, np.array(codes), np.array([found[code] for code in codes]), most)
        return made if len(codes) <= most else made._coarsened()

    @classmethod
    def _of_one_sign(
        cls, bits: NDArray[np.int64], least: int, largest: int, sign: int, most: int
    ) -> Histogram:
        import numpy as np

        shift = _first_shift(least, largest)
        first, counts = least >> shift, np.zeros(SPAN, dtype=np.int64)
        places = np.empty(min(len(bits), AT_ONCE), dtype=np.int64)
        for start in range(0, len(bits), AT_ONCE):
            piece = bits[start : start + AT_ONCE]
            place = places[: len(piece)]
            if sign < 0:
                piece = piece & np.int64(2**BITS - 1)
            np.right_shift(piece, shift, out=place)
            place -= first
            counts += np.bincount(place, minlength=SPAN)
        filled = counts.nonzero()[0]
        codes = sign * (filled + (first + 1))
        order = slice(None, None, sign)
        return cls(shift, codes[order], counts[filled][order], most)._coarsened()

    @classmethod
    def _of_both(cls, bits: NDArray[np.int64], most: int) -> Histogram:
        """Of numbers of both signs, or with 0 among them."""
        import numpy as np

        doubled = bits.view(np.uint64)
        least, largest = 2**64 - 1, 0
        for first in range(0, len(bits), AT_ONCE):
            piece = doubled[first : first + AT_ONCE] << np.uint64(1)  # without the sign
            largest = max(largest, int(piece.max()))
            piece -= np.uint64(1)  # 0 becomes the largest of all
            least = min(least, int(piece.min()))
        least, largest = (least + 1) >> 1, largest >> 1
        if not largest:
            zero = np.zeros(1, dtype=np.int64)
            return cls(0, zero, zero + len(bits), most)
        shift = _first_shift(least, largest)
        below, count = (least >> shift) - 1, (largest >> shift) - (least >> shift) + 1
        found = np.zeros(2 * count + 1, dtype=np.int64)
        for first in range(0, len(bits), AT_ONCE):
            piece = doubled[first : first + AT_ONCE] << np.uint64(1)
            piece >>= np.uint64(shift + 1)
            place = piece.view(np.int64)
            place -= below
            if below < 0:  # 0 is not told from the least ones
                place[doubled[first : first + AT_ONCE] << np.uint64(1) == 0] = 0
            np.maximum(place, 0, out=place)  # all of 0
            sign = bits[first : first + AT_ONCE] >> np.int64(BITS)
            place ^= sign
            place -= sign
            place += count
            found += np.bincount(place, minlength=len(found))
        filled = found.nonzero()[0]
        codes = filled - count
        codes += np.sign(codes) * (below + 1)
        return cls(shift, codes, found[filled], most)._coarsened()

    @property
    def count(self) -> int:
        """How many numbers there are."""
        return int(self.counts.sum())

    def merge(self, other: Histogram) -> Histogram:
        """That of both together."""
        import numpy as np

        shift, most = max(self.shift, other.shift), min(self.most, other.most)
        one, two = self.at(shift), other.at(shift)
        codes = np.concatenate([one.codes, two.codes])
        counts = np.concatenate([one.counts, two.counts])
        order = np.argsort(codes, kind="stable")
        return Histogram(shift, *_added(codes[order], counts[order]), most)._coarsened()

    def at(self, shift: int) -> Histogram:
        """The same with so many bits left out, at least as many as now."""
        import numpy as np

        if shift == self.shift or not len(self.codes):
            return Histogram(shift, self.codes, self.counts, self.most)
        sizes = ((np.abs(self.codes) - 1) >> (shift - self.shift)) + 1
        return Histogram(shift, *_added(np.sign(self.codes) * sizes, self.counts), self.most)

    def _coarsened(self) -> Histogram:
        import numpy as np

        codes = self.codes[self.codes != 0]
        if not len(codes):
            return self
        sizes, more = np.abs(codes) - 1, 0
        if len(sizes) > self.most:
            # neighbours are apart as long as the highest bit in which they differ is not left out
            apart = _bit_length(sizes[1:] ^ sizes[:-1])
            apart[(codes[1:] > 0) & (codes[:-1] < 0)] = BITS
            more = int(np.partition(apart, len(apart) - self.most)[-self.most])
        least, largest = int(sizes.min()), int(sizes.max())
        while (largest >> more) - (least >> more) >= SPAN:
            more += 1
        return self.at(self.shift + more)

    def edges(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The least number of each bucket and the first that is above it, float64 [bucket].

        Of negative ones the one that is below it, and the largest.
        """
        import numpy as np

        sizes = np.abs(self.codes)
        inner = np.maximum(sizes - 1, 0) << np.int64(self.shift)
        # the last bucket may end beyond what float64 has
        outer = np.array([min(int(size) << self.shift, LARGEST) for size in sizes], dtype=np.int64)
        near, far = inner.view(np.float64), outer.view(np.float64)
        negative = self.codes < 0
        zero = self.codes == 0
        return np.where(negative, -far, near), np.where(zero, 0.0, np.where(negative, -near, far))

    def begins(self) -> NDArray[np.float64]:
        """The number of each bucket that is the nearest to 0, float64 [bucket]."""
        import numpy as np

        near = (np.abs(self.codes) - 1) << np.int64(self.shift)
        # the least numbers of all are not 0, which has a bucket of its own
        begins: NDArray[np.float64] = np.sign(self.codes) * np.maximum(near, 1).view(np.float64)
        return begins

    @classmethod
    def from_begins(cls, shift: int, begins: Any, counts: Any) -> Histogram:
        """The one whose `begins` and counts these are."""
        import numpy as np

        ends = np.array(begins, dtype=np.float64)
        sizes = (np.abs(ends).view(np.int64) >> np.int64(shift)) + 1
        codes = np.sign(ends).astype(np.int64) * sizes
        return cls(shift, codes, np.array(counts, dtype=np.int64))

    def quantiles(self, shares: list[float], least: float, largest: float) -> list[float]:
        """The numbers below which these shares of all are, within their buckets.

        In a bucket that is narrow it is the one with the fewest digits, in others the numbers are
        taken to lie evenly.

        Args:
            shares: from 0 to 1, in order.
            least, largest: of all numbers.
        """
        if not len(self.codes):
            return []
        counts = self.counts.tolist()
        ends = list(accumulate(counts))
        # the extremes are in their buckets, whose far ends are not
        first, last = nextafter(least, -inf), nextafter(largest, inf)
        found, known = [], dict[int, tuple[float, float]]()
        for share in shares:
            rank = share * (ends[-1] - 1)
            place = bisect_right(ends, rank)
            inside = (rank - (ends[place] - counts[place]) + 0.5) / counts[place]
            if place not in known:
                low, high = _edges_of(int(self.codes[place]), self.shift)
                known[place] = min(max(low, first), last), min(max(high, first), last)
            one, two = known[place]
            even = one + (two - one) * inside
            near = _roundest(one, two, even) if self.shift <= FINE else even
            found.append(min(max(near, least), largest))
        return found

    def to_json(self) -> list[Any]:
        """JSON values from which `from_json` makes an equal one: codes as differences."""
        import numpy as np

        steps = np.diff(self.codes, prepend=0).tolist()
        return [self.shift, steps, self.counts.tolist(), self.most]

    @classmethod
    def from_json(cls, values: list[Any]) -> Histogram:
        """The one that `to_json` described."""
        import numpy as np

        shift, steps, counts, most = values
        codes = np.cumsum(np.array(steps, dtype=np.int64))
        return cls(shift, codes, np.array(counts, dtype=np.int64), most)


def _edges_of(code: int, shift: int) -> tuple[float, float]:
    """Those of one bucket, as `Histogram.edges`."""
    size = abs(code)
    bits = max(size - 1, 0) << shift, min(size << shift, LARGEST)
    near, far = struct.unpack("<2d", struct.pack("<2q", *bits))
    if code < 0:
        return -far, -near
    return near, far if code else 0.0


def _bit_length(values: NDArray[np.int64]) -> NDArray[np.int32]:
    """The number of bits of each value, 0 or above."""
    import numpy as np

    # without the bit below the highest one nothing is rounded up to more bits
    found: NDArray[np.int32] = np.frexp((values & ~(values >> 1)).astype(np.float64))[1]
    return found


def _first_shift(least: int, largest: int) -> int:
    """The fewest bits to leave out, so that two magnitudes are less than SPAN buckets apart."""
    shift = max((largest - least).bit_length() - SPAN.bit_length(), 0)
    while (largest >> shift) - (least >> shift) >= SPAN:
        shift += 1
    return shift


def _added(
    codes: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each code once, with all its counts; they are in order."""
    import numpy as np

    is_first = np.empty(len(codes), dtype=bool)
    is_first[:1] = True
    np.not_equal(codes[1:], codes[:-1], out=is_first[1:])
    if is_first.all():
        return codes, counts
    first = is_first.nonzero()[0]
    return codes[first], np.add.reduceat(counts, first)


def _roundest(low: float, high: float, inside: float) -> float:
    """The number with the fewest digits from `low` to `high`, near one between them.

    The end that is farther from 0 is no number of a bucket, unless it is the last of all.
    """
    if high <= 0:
        return -_roundest(-high, -low, -inside) if low < high else low
    for digits in range(1, DIGITS):
        rounded = float(f"{inside:.{digits}g}")
        if low <= rounded < high:
            return rounded
    return inside
