"""What only the values of a column tell, however many they are: unique ones, the median, the first.

They are read piece by piece, as often as it takes. To see which come twice they are spilled: their
hashes into buckets on the disk, of which one at a time is looked at. So memory is bounded by a
piece, and by a 64th of the hashes.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from math import ceil, floor
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm import hashing

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

BUCKETS = 64  # of hashes
IN_MEMORY = 1 << 18  # bytes of a bucket that need no disk
AT_ONCE = 1 << 20  # numbers that are sorted at once
STEP = 20  # bits of a number that are told apart in one pass
ALL = 64  # bits

Pieces = Callable[[], Iterable["pa.ChunkedArray"]]


class Ask(NamedTuple):
    """What is to be known of a column.

    Attributes:
        distinct: how many different values there are, and which comes twice first.
        median: of the numbers.
        low, high: which is the first number below, or above.
        values: which is the first one that is none of these.
    """

    distinct: bool = False
    median: bool = False
    low: float | None = None
    high: float | None = None
    values: tuple[Any, ...] | None = None


class First(NamedTuple):
    """The first of some rows.

    Attributes:
        row: its number, from 0.
        value: that it has.
        rows: how many such rows there are.
        like: of a value that comes twice, the row that has it first; else -1.
    """

    row: int
    value: Any
    rows: int
    like: int = -1


class Answer(NamedTuple):
    """What was asked of a column, None where it was not or there is none; see Ask."""

    distinct: int | None = None
    twice: First | None = None
    median: float | None = None
    low: First | None = None
    high: First | None = None
    other: First | None = None


def answered(pieces: Pieces, ask: Ask) -> Answer:
    """What is asked of a column.

    Args:
        pieces: gives those of the column, in order, as often as it is called.
        ask: what is to be known.
    """
    distinct, twice = _distinct(pieces) if ask.distinct else (None, None)
    low, high = ask.low, ask.high
    return Answer(
        distinct,
        twice,
        median_of(pieces) if ask.median else None,
        None if low is None else _first(pieces, lambda piece: _is_beyond(piece, low, below=True)),
        None
        if high is None
        else _first(pieces, lambda piece: _is_beyond(piece, high, below=False)),
        None if ask.values is None else _first(pieces, _none_of(ask.values)),
    )


def _is_beyond(piece: pa.ChunkedArray, end: float, below: bool) -> pa.ChunkedArray:
    """Which numbers are below an end, or above it; integers are not rounded for that."""
    import pyarrow as pa
    import pyarrow.compute as pc

    piece, compare = _as_numbers(piece), pc.less if below else pc.greater
    if not pa.types.is_integer(piece.type):
        return compare(piece, pa.scalar(end, pa.float64()))
    whole = ceil(end) if below else floor(end)  # says the same of integers
    least, largest = _ends(piece.type)
    if least <= whole <= largest:
        return compare(piece, pa.scalar(whole, piece.type))
    are_all = whole > largest if below else whole < least
    return pc.equal(piece, piece) if are_all else pc.not_equal(piece, piece)


def _as_numbers(piece: pa.ChunkedArray) -> pa.ChunkedArray:
    """Integers as they are, bool as integers, all else as float64."""
    import pyarrow as pa

    if pa.types.is_boolean(piece.type):
        return piece.cast(pa.int8())
    return piece if pa.types.is_integer(piece.type) else piece.cast(pa.float64(), safe=False)


def _ends(kind: pa.DataType) -> tuple[int, int]:
    """The least and the largest integer of a type."""
    import numpy as np

    info = np.iinfo(kind.to_pandas_dtype())
    return int(info.min), int(info.max)


def _none_of(values: tuple[Any, ...]) -> Callable[[pa.ChunkedArray], Any]:
    import pyarrow as pa
    import pyarrow.compute as pc

    def none_of(piece: pa.ChunkedArray) -> Any:
        piece = _as_plain(piece)
        if _is_text(piece.type):
            fitting: list[Any] = [one for one in values if isinstance(one, str)]
        else:
            piece = _as_numbers(piece)
            fitting = list(_of_type([one for one in values if not isinstance(one, str)], piece))
        return pc.invert(pc.is_in(piece, pa.array(fitting, piece.type)))

    return none_of


def _of_type(values: Sequence[float], piece: pa.ChunkedArray) -> Iterator[float]:
    """Those of some numbers that a piece of integers, or of float64, may have."""
    import pyarrow as pa

    if pa.types.is_integer(piece.type):
        low, high = _ends(piece.type)
        yield from (int(one) for one in values if one == int(one) and low <= one <= high)
    else:
        yield from (float(one) for one in values if abs(one) <= sys.float_info.max)


def _first(pieces: Pieces, wrong: Callable[[pa.ChunkedArray], Any]) -> First | None:
    """The first row that is wrong; missing values are not."""
    import numpy as np
    import pyarrow.compute as pc

    found, before = None, 0
    for piece in pieces():
        is_wrong = np.asarray(pc.fill_null(wrong(piece), False))
        rows = np.flatnonzero(is_wrong & _there(piece))
        if len(rows):
            first = int(rows[0])
            found = found or First(before + first, piece[first].as_py(), 0)
            found = found._replace(rows=found.rows + len(rows))
        before += len(piece)
    return found


def _distinct(pieces: Pieces) -> tuple[int, First | None]:
    """How many different values there are, and the first row whose value another had before."""
    with ExitStack() as stack:
        files: list[Any] = [
            stack.enter_context(tempfile.SpooledTemporaryFile(IN_MEMORY)) for _ in range(BUCKETS)
        ]
        _spill(pieces, files)
        count, twice, rows = 0, (-1, -1), 0
        for file in files:
            different, more, first = _look(file)
            count, rows = count + different, rows + more
            if first[0] >= 0 and (twice[0] < 0 or first[0] < twice[0]):
                twice = first
    if not rows:
        return count, None
    return count, First(twice[0], value_at(pieces, twice[0]), rows, twice[1])


def _spill(pieces: Pieces, files: list[Any]) -> None:
    """Writes the hash and the row of each value to the file of its bucket."""
    import numpy as np

    before = 0
    for piece in pieces():
        rows = np.flatnonzero(_there(piece))
        hashes = hashing.of_column(piece)[rows]
        places = (hashes >> np.uint64(ALL - (BUCKETS - 1).bit_length())).astype(np.int64)
        order = np.argsort(places, kind="stable")
        ends = np.searchsorted(places[order], np.arange(BUCKETS + 1))
        pairs = np.stack([hashes, (rows + before).astype(np.uint64)], axis=1)[order]
        for file, start, end in zip(files, ends[:-1], ends[1:], strict=True):
            file.write(pairs[start:end].tobytes())
        before += len(piece)


def _there(piece: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Which rows have a value: no null, no NaN, and no text of nothing."""
    import numpy as np
    import pyarrow.compute as pc

    there = ~np.asarray(pc.is_null(piece, nan_is_null=True))
    piece = _as_plain(piece)
    if _is_text(piece.type):
        blank = pc.equal(pc.utf8_trim_whitespace(piece), "")
        there &= ~np.asarray(pc.fill_null(blank, False))
    return there


def _as_plain(piece: pa.ChunkedArray) -> pa.ChunkedArray:
    """Categories as the values that they are."""
    import pyarrow as pa

    return piece.cast(piece.type.value_type) if pa.types.is_dictionary(piece.type) else piece


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _look(file: Any) -> tuple[int, int, tuple[int, int]]:
    """Of a bucket: how many different values; how many rows have one again; the first such row,
    and the first row with the same value (-1 where there is none).
    """
    import numpy as np

    file.seek(0)
    pairs = np.frombuffer(file.read(), dtype=np.uint64).reshape(-1, 2)
    order = np.argsort(pairs[:, 0], kind="stable")  # rows are in order
    hashes, rows = pairs[order, 0], pairs[order, 1]
    is_first = np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)]
    again = np.flatnonzero(~is_first)
    if not len(again):
        return len(hashes), 0, (-1, -1)
    place = again[rows[again].argmin()]
    like = np.flatnonzero(is_first[: place + 1])[-1]
    return int(is_first.sum()), len(again), (int(rows[place]), int(rows[like]))


def value_at(pieces: Pieces, row: int) -> Any:
    """The value of a row, None where there is none."""
    before = 0
    for piece in pieces():
        if row < before + len(piece):
            return piece[row - before].as_py()
        before += len(piece)
    return None


def median_of(pieces: Pieces) -> float | None:
    """The median of numbers, exactly: the mean of the two in the middle of an even number.

    The bits of the numbers are narrowed down pass by pass, from the highest, until those that are
    left can be sorted.
    """
    import numpy as np

    shift, prefix, below, counted = ALL, 0, 0, -1
    while True:
        inside, step = np.zeros(0, dtype=np.uint64), min(STEP, shift)
        counts, total = np.zeros(1 << step, dtype=np.int64), 0
        collects = 0 <= counted <= AT_ONCE
        for keys in map(_ordered, pieces()):
            total += len(keys)
            some = keys if shift == ALL else keys[keys >> np.uint64(shift) == np.uint64(prefix)]
            if collects:
                inside = np.append(inside, some)
                continue
            digits = (some >> np.uint64(shift - step)) & np.uint64((1 << step) - 1)
            counts += np.bincount(digits.astype(np.int64), minlength=len(counts))
        if not total:
            return None
        ranks = (total - 1) // 2 - below, total // 2 - below
        if collects:
            numbers = _numbers(np.sort(inside)[list(ranks)])
            return float(numbers[0] + (numbers[1] - numbers[0]) / 2)
        ends = counts.cumsum()
        places = np.searchsorted(ends, ranks, side="right").tolist()
        if places[0] != places[1]:
            return _middle(pieces, shift - step, [(prefix << step) + place for place in places])
        below += int(ends[places[0]] - counts[places[0]])
        counted = int(counts[places[0]])
        shift, prefix = shift - step, (prefix << step) + places[0]
        if not shift:
            return float(_numbers(np.array([prefix], dtype=np.uint64))[0])


def _middle(pieces: Pieces, shift: int, prefixes: list[int]) -> float:
    """The mean of the largest number with one prefix, and the least with another."""
    import numpy as np

    low, high = 0, 2**ALL - 1
    for keys in map(_ordered, pieces()):
        for place, prefix in enumerate(prefixes):
            some = keys[keys >> np.uint64(shift) == np.uint64(prefix)]
            if len(some) and not place:
                low = max(low, int(some.max()))
            elif len(some):
                high = min(high, int(some.min()))
    one, other = _numbers(np.array([low, high], dtype=np.uint64))
    return float(one + (other - one) / 2)


def _ordered(piece: pa.ChunkedArray) -> NDArray[np.uint64]:
    """The bits of numbers, so that they are in the order of these; without missing ones."""
    import numpy as np
    import pyarrow as pa

    numbers = piece.cast(pa.float64(), safe=False).drop_null().to_numpy()
    numbers = numbers[~np.isnan(numbers)] + 0.0  # -0.0 is 0
    bits = numbers.view(np.int64)
    flipped = bits ^ ((bits >> np.int64(ALL - 1)) & np.int64(2 ** (ALL - 1) - 1))
    keys: NDArray[np.uint64] = flipped.view(np.uint64) ^ np.uint64(1 << (ALL - 1))
    return keys


def _numbers(keys: NDArray[np.uint64]) -> NDArray[np.float64]:
    """The numbers whose `_ordered` bits these are."""
    import numpy as np

    flipped = (keys ^ np.uint64(1 << (ALL - 1))).view(np.int64)
    bits = flipped ^ ((flipped >> np.int64(ALL - 1)) & np.int64(2 ** (ALL - 1) - 1))
    numbers: NDArray[np.float64] = bits.view(np.float64)
    return numbers
