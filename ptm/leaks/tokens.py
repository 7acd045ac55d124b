"""Rows and texts that are nearly the same: those that have most of their values in common.

A row is a set of tokens: each of its numbers, rounded by the spread of its column; each short text;
of a longer text every three words that follow each other. Sets are found by MinHash, and then
compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import frexp, inf, ldexp
from typing import TYPE_CHECKING, NamedTuple

from ptm import hashing

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

STEPS = 8  # halvings of the standard deviation of a column: numbers of one such step are one token
LEAST = -1000  # power of two that no step is below
SHINGLE = 3  # words
LONG = 5  # words of a text that is compared by them
BANDS, ROWS = 16, 4  # of a MinHash: sets that have 0.8 in common are found with 99.98 %
ALIKE = 0.8  # share of all their tokens that sets of nearly the same rows have in common
WIDEST = 16  # sets of one band that each is compared with
UNLIKELY = 100.0  # pairs that chance makes have to be fewer than one in so many


class Tokens(NamedTuple):
    """Sets of tokens, one for each row.

    Attributes:
        values: all of them, each set sorted, uint64 [token].
        ends: where each set ends, int64 [row].
    """

    values: NDArray[np.uint64]
    ends: NDArray[np.int64]


def step_of(spread: float) -> float:
    """To what numbers of a column are rounded, by its standard deviation: a power of two.

    0, for numbers as they are, where that is none.
    """
    if not 0 < spread < inf:
        return 0.0
    return ldexp(1.0, max(frexp(spread)[1] - STEPS, LEAST))


def tokens_of(rows: pa.Table, columns: Sequence[str], steps: Mapping[str, float]) -> Tokens:
    """The tokens of rows.

    Args:
        rows: of a part.
        columns: that count.
        steps: of columns of numbers, see `step_of`; of others numbers are as they are.
    """
    import numpy as np
    import pyarrow as pa

    count = rows.num_rows
    whose: list[NDArray[np.int64]] = []
    values: list[NDArray[np.uint64]] = []
    for name in columns:
        salt = np.uint64(hashing.of_text(name))
        kind = rows.schema.field(name).type
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            numbers = rows[name].cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
            step = steps.get(name, 0.0)
            rounded = np.rint(numbers / step) if step else numbers
            found, places = hashing.of_numbers(rounded), np.arange(count)
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            found, places = _of_texts(rows[name].to_pylist())
        else:
            found, places = hashing.of_column(rows[name]), np.arange(count)
        values.append(hashing.mixed(found ^ salt))
        whose.append(places)
    return _sets(np.concatenate(values), np.concatenate(whose), count)


def _of_texts(texts: Iterable[str | None]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The tokens of texts, and of which each is."""
    import numpy as np

    found, places = list[str](), list[int]()
    for place, text in enumerate(texts):
        words = (text or "").lower().split()
        if len(words) < LONG:
            shingles = [text or ""]
        else:
            shingles = [" ".join(words[n : n + SHINGLE]) for n in range(len(words) - SHINGLE + 1)]
        found += shingles
        places += [place] * len(shingles)
    return hashing.of_texts(found), np.array(places, dtype=np.int64)


def _sets(values: NDArray[np.uint64], whose: NDArray[np.int64], count: int) -> Tokens:
    """Each token of a row once, sorted."""
    import numpy as np

    order = np.lexsort((values, whose))
    values, whose = values[order], whose[order]
    fresh = np.append(True, (values[1:] != values[:-1]) | (whose[1:] != whose[:-1]))
    values, whose = values[fresh], whose[fresh]
    return Tokens(values, np.searchsorted(whose, np.arange(count), side="right").astype(np.int64))


def together(parts: Sequence[Tokens]) -> Tokens:
    """Those of all parts, in their order."""
    import numpy as np

    firsts = np.cumsum([0, *(len(one.values) for one in parts[:-1])])
    ends = [one.ends + first for one, first in zip(parts, firsts, strict=True)]
    return Tokens(np.concatenate([one.values for one in parts]), np.concatenate(ends))


def near_sets(tokens: Tokens) -> NDArray[np.int64]:
    """Pairs of rows that are nearly the same, int64 [pair, 2], the first below the second.

    They have 0.8 of all their tokens in common (Jaccard index), and that is no chance: with every
    token as frequent as it is, and those of a row independent, there would be less than a hundredth
    of such a pair. Without that all rows of few categories would be nearly the same.

    Source of MinHash: Broder, "On the resemblance and containment of documents", 1997.
    """
    import numpy as np

    count = len(tokens.ends)
    starts = np.append(0, tokens.ends[:-1])
    _, places, frequent = np.unique(tokens.values, return_inverse=True, return_counts=True)
    surprise = -np.log(frequent / count)
    least = 2 * np.log(count) + np.log(UNLIKELY)
    most = np.add.reduceat(np.append(surprise[places], 0), starts)
    telling = np.flatnonzero((tokens.ends > starts) & (most >= least))
    if len(telling) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    pairs = _candidates(tokens, starts, telling)
    keep = np.zeros(len(pairs), dtype=bool)
    for place, (one, other) in enumerate(pairs.tolist()):
        mine = places[starts[one] : tokens.ends[one]]
        yours = places[starts[other] : tokens.ends[other]]
        common = np.intersect1d(mine, yours, assume_unique=True)
        union = len(mine) + len(yours) - len(common)
        keep[place] = len(common) >= ALIKE * union and surprise[common].sum() >= least
    return pairs[keep]


def _candidates(
    tokens: Tokens, starts: NDArray[np.int64], some: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Pairs of some sets, with a band of MinHash in common."""
    import numpy as np

    filled = np.flatnonzero(tokens.ends > starts)
    chosen = np.searchsorted(filled, some)
    found = [np.zeros((0, 2), dtype=np.int64)]
    for band in range(BANDS):
        key = np.zeros(len(some), dtype=np.uint64)
        for row in range(ROWS):
            salt = hashing.mixed(np.array([band * ROWS + row + 1], dtype=np.uint64))
            least = np.minimum.reduceat(hashing.mixed(tokens.values ^ salt), starts[filled])
            key = hashing.mixed(key ^ least[chosen])
        order = np.argsort(key, kind="stable")
        sorted_ = key[order]
        for step in range(1, WIDEST + 1):
            same = np.flatnonzero(sorted_[step:] == sorted_[:-step])
            if not len(same):
                break
            pairs = np.column_stack([some[order[same]], some[order[same + step]]])
            found.append(np.sort(pairs, axis=1))
    return np.unique(np.concatenate(found), axis=0)
