"""Samples of different splits that belong together: equal ones, those of one group, later ones.

What is looked at of each sample is small and stays on the disk, part by part; it is read in ranges
of hashes, so that memory is bounded however many samples there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm.split import NONE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

AT_ONCE = 1 << 22  # samples of a range of hashes
MOST = 1000  # pairs of rows that one finding names


class Marks(NamedTuple):
    """What is looked at of the samples of a part.

    Attributes:
        codes: the split of each, or `NONE`, uint8 [sample].
        content: the hash of each, uint64 [sample].
        group: that of its group, uint64 [sample]; None where the entry names none.
        time: in seconds since 1970, or a number, float64 [sample]; None as well.
    """

    codes: NDArray[np.uint8]
    content: NDArray[np.uint64]
    group: NDArray[np.uint64] | None = None
    time: NDArray[np.float64] | None = None


class Pair(NamedTuple):
    """Two samples that belong together, by their places among all, from 0."""

    first: int
    second: int


class Crossing(NamedTuple):
    """How many samples belong to such of another split, and pairs of them.

    Attributes:
        samples: how many have one in another split.
        sets: how many sets of equal ones, or groups, cross.
        pairs: one of each set, or more, `MOST` at most.
    """

    samples: int
    sets: int
    pairs: tuple[Pair, ...]


def crossings(parts: Sequence[Marks], what: str) -> Crossing:
    """Which samples of several splits have the same content, or are of the same group.

    Args:
        parts: in the order of the source; their arrays may be memory-mapped.
        what: "content" or "group".
    """
    import numpy as np

    total = sum(len(part.codes) for part in parts)
    ranges = -(-total // AT_ONCE)
    samples = sets = 0
    pairs: list[Pair] = []
    for number in range(ranges):
        hashes, codes, places = _range(parts, what, number, ranges)
        order = np.lexsort((places, codes, hashes))
        hashes, codes, places = hashes[order], codes[order], places[order]
        starts = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1]))
        ends = np.append(starts[1:], len(hashes))
        crossing = codes[starts] != codes[ends - 1]  # codes are sorted in each set
        sets += int(crossing.sum())
        samples += int((ends - starts)[crossing].sum())
        for start, end in zip(starts[crossing], ends[crossing], strict=True):
            if len(pairs) >= MOST:
                break
            inside = slice(start, end)
            firsts = np.unique(codes[inside], return_index=True)[1]
            one, *others = places[inside][firsts].tolist()
            pairs += [Pair(*sorted((one, other))) for other in others]
    return Crossing(samples, sets, tuple(sorted(pairs)[:MOST]))


def _range(
    parts: Sequence[Marks], what: str, number: int, ranges: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint8], NDArray[np.int64]]:
    """Hashes, splits and places of the samples whose hash is in one of several ranges."""
    import numpy as np

    found: list[tuple[NDArray[np.uint64], NDArray[np.uint8], NDArray[np.int64]]] = []
    first = 0
    for part in parts:
        hashes = getattr(part, what)
        inside = part.codes != NONE
        if ranges > 1:
            inside &= hashes % np.uint64(ranges) == number
        [places] = np.nonzero(inside)
        found.append((hashes[places], part.codes[places], places + first))
        first += len(part.codes)
    hashes, codes, rows = zip(*found, strict=True)
    return np.concatenate(hashes), np.concatenate(codes), np.concatenate(rows)


def spans(parts: Sequence[Marks], names: Sequence[str]) -> dict[str, tuple[float, float]]:
    """The first and the last time of the samples of each split that has any."""
    found: dict[str, tuple[float, float]] = {}
    for part in parts:
        assert part.time is not None
        for code, name in enumerate(names):
            times = part.time[part.codes == code]
            if len(times):
                low, high = found.get(name, (times[0], times[0]))
                found[name] = float(min(low, times.min())), float(max(high, times.max()))
    return found


def later(parts: Sequence[Marks], names: Sequence[str], split: str, than: float) -> Crossing:
    """The samples of a split that are not before a time.

    Args:
        parts: as of `crossings`.
        names: of the splits.
        split: whose samples are looked at.
        than: the time.
    """
    import numpy as np

    count, first, pairs = 0, 0, list[Pair]()
    code = names.index(split)
    for part in parts:
        assert part.time is not None
        [places] = np.nonzero((part.codes == code) & (part.time >= than))
        count += len(places)
        left = MOST - len(pairs)
        pairs += [Pair(first + place, -1) for place in places[:left].tolist()]
        first += len(part.codes)
    return Crossing(count, int(count > 0), tuple(pairs))


def rows_of(places: Sequence[int], counts: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Where samples are, by their places among all: place, part, and place in it; sorted."""
    import numpy as np

    ends = np.cumsum(counts)
    for place in sorted(set(places)):
        part = int(np.searchsorted(ends, place, side="right"))
        yield place, part, place - (int(ends[part - 1]) if part else 0)


def as_arrays(marks: Marks) -> dict[str, NDArray[np.uint8] | NDArray[np.int64]]:
    """As a part of the store has them."""
    found = {name: value for name, value in marks._asdict().items() if value is not None}
    return {n: v.view("int64") if v.dtype == "uint64" else v for n, v in found.items()}


def from_arrays(arrays: Mapping[str, Any]) -> Marks:
    """Those that `as_arrays` gave."""
    return Marks(**{n: v.view("uint64") if v.dtype == "int64" else v for n, v in arrays.items()})
