"""What is measured of parts: moments and counts, which merge, so that any cut gives the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite, prod
from typing import TYPE_CHECKING, Any

from ptm.distinct import Distinct
from ptm.errors import PtmError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EXACT = 256  # squares of bytes whose sum is an integer below 2^24, which float32 has
AT_ONCE = 1 << 16  # numbers that are looked at together: in float64 they stay in the cache
FEW = 8  # numbers of a channel, whose sum NumPy adds one by one


@dataclass(frozen=True)
class Moments:
    """Count, mean, sum of squared deviations (M2), minimum and maximum of each channel.

    A channel without a value has count 0, mean and M2 0, minimum infinity, maximum -infinity.

    Attributes:
        count: number of values that are there, int64 [channels]; NaN is missing.
        mean, m2, min, max: float64 [channels].
    """

    count: NDArray[np.int64]
    mean: NDArray[np.float64]
    m2: NDArray[np.float64]
    min: NDArray[np.float64]
    max: NDArray[np.float64]

    @classmethod
    def none(cls, channels: int) -> Moments:
        """Those of no sample at all."""
        import numpy as np

        nothing = np.zeros(channels)
        count = np.zeros(channels, dtype=np.int64)
        return cls(count, nothing, nothing, nothing + np.inf, nothing - np.inf)

    @classmethod
    def of(cls, values: NDArray[Any]) -> Moments:
        """Moments of numeric values [samples, channels], in float64; NaN is missing."""
        import numpy as np

        values = np.asarray(values, dtype=np.float64)
        if not len(values):
            return cls.none(values.shape[1])
        if values.shape[1] == 1:
            return cls._of_one(values[:, 0])
        low, high = values.min(axis=0) + 0.0, values.max(axis=0) + 0.0
        if np.isnan(low).any():
            return cls._of_some(values, ~np.isnan(values))
        count = np.full(values.shape[1], len(values), dtype=np.int64)
        mean = values.mean(axis=0)
        deviations = values - mean
        return cls(count, *_corrected(mean, deviations, count), low, high)

    @classmethod
    def _of_one(cls, values: NDArray[np.float64]) -> Moments:
        """Of one channel, which along one axis takes a fifth of the time; see `_corrected`."""
        import numpy as np

        if len(values) < FEW:
            return cls._of_few(values.tolist())
        low = values.min(keepdims=True)
        if low[0] != low[0]:
            values = values[~np.isnan(values)]
            if not len(values):
                return cls.none(1)
            low = values.min(keepdims=True)
        mean, left, squares = values.mean(keepdims=True), 0.0, 0.0
        deviations = np.empty(min(len(values), AT_ONCE))
        for first in range(0, len(values), AT_ONCE):
            piece = values[first : first + AT_ONCE]
            some = np.subtract(piece, mean, out=deviations[: len(piece)])
            left += some.sum()
            some *= some
            squares += some.sum()
        count = np.array([len(values)], dtype=np.int64)
        m2 = np.maximum(squares - left**2 / count, 0.0)
        # + 0.0: of -0.0 and 0.0 each CPU finds another one
        return cls(count, mean + left / count, m2, low + 0.0, values.max(keepdims=True) + 0.0)

    @classmethod
    def _of_few(cls, values: list[float]) -> Moments:
        """The same to the bit, in a tenth of the time: so few NumPy adds one by one, too."""
        import numpy as np

        values = [value for value in values if value == value]
        if not values:
            return cls.none(1)
        count = len(values)
        mean = sum(values[1:], values[0]) / count
        apart = [value - mean for value in values]
        left = sum(apart[1:], apart[0])
        squares = sum((one * one for one in apart[1:]), apart[0] * apart[0])
        m2 = max(squares - left * left / count, 0.0)
        found = mean + left / count, m2, min(values) + 0.0, max(values) + 0.0
        return cls(np.array([count]), *(np.array([one]) for one in found))

    @classmethod
    def _of_some(cls, values: NDArray[np.float64], there: NDArray[np.bool_]) -> Moments:
        import numpy as np

        count = there.sum(axis=0, dtype=np.int64)
        divisor = np.maximum(count, 1)
        mean = np.where(there, values, 0.0).sum(axis=0) / divisor
        deviations = np.where(there, values - mean, 0.0)
        low = np.where(there, values, np.inf).min(axis=0)
        high = np.where(there, values, -np.inf).max(axis=0)
        return cls(count, *_corrected(mean, deviations, divisor), low, high)

    @classmethod
    def of_sums(
        cls, count: int, total: int, squares: int, low: float, high: float, divisor: float
    ) -> Moments:
        """Moments of one channel of integers after a division, from their exact sums.

        Args:
            count: of the values, at least one.
            total, squares: the sums of the values, and of their squares.
            low, high: the least and the largest value.
            divisor: of the values.
        """
        import numpy as np

        # integers of any size in Python: nothing is rounded before the last division
        m2 = (squares * count - total * total) / count / divisor**2
        return cls(
            np.array([count]),
            np.array([total / count / divisor]),
            np.array([m2]),
            np.array([low / divisor]),
            np.array([high / divisor]),
        )

    @classmethod
    def side_by_side(cls, channels: list[Moments]) -> Moments:
        """Those of several channels together, in order."""
        import numpy as np

        fields = ("count", "mean", "m2", "min", "max")
        return cls(*(np.concatenate([getattr(c, name) for c in channels]) for name in fields))

    def merge(self, other: Moments) -> Moments:
        """Moments of both parts together.

        Source: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing
        sample variances", 1979.
        """
        import numpy as np

        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        with np.errstate(over="ignore", invalid="ignore"):  # no scaler is made of what comes of it
            delta = other.mean - self.mean
            mean = np.where(self.count == 0, other.mean, self.mean + delta * share)
            m2 = self.m2 + other.m2 + delta**2 * (self.count * share)
        low, high = np.minimum(self.min, other.min), np.maximum(self.max, other.max)
        return Moments(count, mean, m2, low, high)

    @property
    def std(self) -> NDArray[np.float64]:
        """Standard deviation with Bessel's correction (n - 1); 0 for a single value."""
        import numpy as np

        return np.sqrt(self.m2 / np.maximum(self.count - 1, 1))

    def to_json(self) -> dict[str, list[Any]]:
        """JSON values from which `from_json` makes equal moments."""
        found = {n: _listed(getattr(self, n), self.count) for n in ("mean", "m2", "min", "max")}
        return {"count": self.count.tolist(), **found}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Moments:
        """The moments that `to_json` described."""
        import numpy as np

        none = {"mean": 0.0, "m2": 0.0, "min": np.inf, "max": -np.inf}
        found = (
            np.array([empty if v is None else v for v in values[name]], dtype=np.float64)
            for name, empty in none.items()
        )
        return cls(np.array(values["count"], dtype=np.int64), *found)


def _listed(values: NDArray[np.float64], count: NDArray[np.int64]) -> list[float | str | None]:
    """For JSON: None of a channel without values; text of what is no finite number ("inf")."""
    pairs = zip(count.tolist(), values.tolist(), strict=True)
    return [(v if isfinite(v) else str(v)) if n else None for n, v in pairs]


def _corrected(
    mean: NDArray[np.float64], deviations: NDArray[np.float64], count: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and M2, without what rounding left in the mean that the deviations are from.

    Source: Chan, Golub and LeVeque, "Algorithms for computing the sample variance: analysis and
    recommendations", 1983 (the corrected two-pass algorithm).
    """
    left = deviations.sum(axis=0)
    m2 = (deviations**2).sum(axis=0) - left**2 / count
    return mean + left / count, m2.clip(0.0)


@dataclass(frozen=True)
class Stats:
    """What was measured of some samples; of parts, merged in their order.

    Attributes:
        samples: how many there are, by split.
        moments: by tensor, or by what a kind measures.
        counts: of the values of what is counted, as the categories of a column.
        distinct: of the numbers of columns of which each is counted.
    """

    samples: Mapping[str, int] = field(default_factory=dict)
    moments: Mapping[str, Moments] = field(default_factory=dict)
    counts: Mapping[str, Counter[str]] = field(default_factory=dict)
    distinct: Mapping[str, Distinct] = field(default_factory=dict)

    def merge(self, other: Stats) -> Stats:
        """Those of both together.

        Raises:
            PtmError: they have other channels.
        """
        samples = Counter(self.samples)
        samples.update(other.samples)
        moments = dict(self.moments)
        for name, more in other.moments.items():
            known = moments.get(name, more)
            if len(known.count) != len(more.count):
                got = f"{len(known.count)} and {len(more.count)}"
                raise PtmError(
                    f"moments of '{name}': expected as many channels each time, got {got}"
                )
            moments[name] = known.merge(more) if name in moments else more
        counts = {name: Counter(counter) for name, counter in self.counts.items()}
        for name, counter in other.counts.items():
            counts.setdefault(name, Counter()).update(counter)
        distinct = dict(self.distinct)
        for name, numbers in other.distinct.items():
            distinct[name] = distinct[name].merge(numbers) if name in distinct else numbers
        return Stats(dict(samples), moments, counts, distinct)

    def to_json(self) -> dict[str, Any]:
        """JSON values from which `from_json` makes equal ones."""
        return {
            "samples": dict(self.samples),
            "moments": {name: one.to_json() for name, one in self.moments.items()},
            "counts": {name: dict(counter) for name, counter in self.counts.items()},
            "distinct": {name: one.to_json() for name, one in self.distinct.items()},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Stats:
        """The stats that `to_json` described."""
        return cls(
            dict(values["samples"]),
            {name: Moments.from_json(one) for name, one in values["moments"].items()},
            {name: Counter(counter) for name, counter in values["counts"].items()},
            {name: Distinct.from_json(one) for name, one in values.get("distinct", {}).items()},
        )


def merged(several: Iterable[Mapping[str, Stats]]) -> dict[str, Stats]:
    """What was measured of parts, by split; merged in their order.

    Raises:
        PtmError: as `Stats.merge`.
    """
    found: dict[str, Stats] = {}
    for one in several:
        for split, stats in one.items():
            found[split] = found.get(split, Stats()).merge(stats)
    return found


def moments_of(values: NDArray[Any], axis: int, divisor: float) -> Moments:
    """Moments of the channels of a tensor, piece by piece.

    Args:
        values: of any shape and dtype of numbers; NaN is missing.
        axis: of the channels.
        divisor: of the values.

    Returns:
        Those of the values after the division; exact, for uint8.
    """
    import numpy as np

    outer, inner = prod(values.shape[:axis]), prod(values.shape[axis + 1 :])
    raw = values.reshape(outer, values.shape[axis], inner)
    if raw.dtype == np.uint8 and raw.size:
        channels = [_of_bytes(raw[:, channel], divisor) for channel in range(raw.shape[1])]
        return Moments.side_by_side(channels)
    found = Moments.none(raw.shape[1])
    step = max(AT_ONCE // max(raw[:1].size, 1), 1)
    for first in range(0, outer, step):
        piece = raw[first : first + step].transpose(0, 2, 1).reshape(-1, raw.shape[1])
        with np.errstate(over="ignore", invalid="ignore"):
            found = found.merge(Moments.of(piece.astype(np.float64) / divisor))
    return found


def _of_bytes(values: NDArray[np.uint8], divisor: float) -> Moments:
    """Of one channel, uint8 [any, any]."""
    import numpy as np

    total = squares = 0
    ones = np.ones(EXACT, dtype=np.float32)
    for first in range(0, len(values), step := max(AT_ONCE // max(values[0].size, 1), 1)):
        flat = values[first : first + step].ravel()
        lines = np.zeros(-(-flat.size // EXACT) * EXACT, dtype=np.float32)
        lines[: flat.size] = flat
        lines.shape = -1, EXACT
        # sums of integers that float32 holds, so their order is of no matter
        total += int((lines @ ones).sum(dtype=np.float64))
        lines *= lines
        squares += int((lines @ ones).sum(dtype=np.float64))
    low, high = float(values.min()), float(values.max())
    return Moments.of_sums(values.size, total, squares, low, high, divisor)
