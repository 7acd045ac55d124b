"""How often each number of a column comes: exact, and of parts merged the same whatever the cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST = 1_000_000  # different numbers that are counted


@dataclass(frozen=True)
class Distinct:
    """The different numbers of a column, and how often each comes.

    Attributes:
        values: sorted, float64 or int64 [number]; none where there are more than MOST.
        counts: of each, int64 [number].
        are_too_many: whether there are more than MOST.
    """

    values: NDArray[Any]
    counts: NDArray[np.int64]
    are_too_many: bool = False

    @classmethod
    def of(cls, values: NDArray[Any]) -> Distinct:
        """Those of numbers, none of which is missing."""
        import numpy as np

        found, counts = np.unique(values + values.dtype.type(0), return_counts=True)
        return cls(found, counts)._bounded()

    def merge(self, other: Distinct) -> Distinct:
        """Those of both together; of integers that are float64 in one of them all are int64."""
        import numpy as np

        mine, yours = _alike(self.values, other.values)
        values, places = np.unique(np.concatenate([mine, yours]), return_inverse=True)
        counts = np.zeros(len(values), dtype=np.int64)
        np.add.at(counts, places, np.concatenate([self.counts, other.counts]))
        too_many = self.are_too_many or other.are_too_many
        return Distinct(values, counts, too_many)._bounded()

    def _bounded(self) -> Distinct:
        if not self.are_too_many and len(self.values) <= MOST:
            return self
        return Distinct(self.values[:0], self.counts[:0], True)

    @property
    def median(self) -> float:
        """The one in the middle; of an even number the mean of the two."""
        import numpy as np

        ends, total = self.counts.cumsum(), int(self.counts.sum())
        ranks = [(total - 1) // 2, total // 2]
        low, high = self.values[np.searchsorted(ends, ranks, side="right")].tolist()
        whole = (low + high) / 2  # of integers of Python nothing is rounded before
        return float(whole if abs(whole) < inf else low / 2 + high / 2)

    @property
    def mode(self) -> float:
        """The most frequent one; of several the least."""
        return float(self.values[self.counts.argmax()])

    def to_json(self) -> dict[str, Any]:
        """JSON values from which `from_json` makes equal ones."""
        said = {"values": self.values.tolist(), "counts": self.counts.tolist()}
        return {**said, "dtype": str(self.values.dtype), "are_too_many": self.are_too_many}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Distinct:
        """Those that `to_json` described."""
        import numpy as np

        found = np.array(values["values"], dtype=values["dtype"])
        counts = np.array(values["counts"], dtype=np.int64)
        return cls(found, counts, values["are_too_many"])


def _alike(one: NDArray[Any], other: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both as int64 where one is and the other has integers, else as float64."""
    import numpy as np

    if one.dtype == other.dtype:
        return one, other
    numbers = one if one.dtype == np.float64 else other
    are_whole = (numbers == np.rint(numbers)).all() and (np.abs(numbers) < 2.0**63).all()
    kind = np.int64 if are_whole else np.float64
    return one.astype(kind), other.astype(kind)
