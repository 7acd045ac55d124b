"""Unique values and medians of columns of any size: exact, whatever the pieces, memory bounded."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptm import spill
from ptm.spill import Ask, First, answered, median_of

NUMBERS = st.lists(st.one_of(st.none(), st.floats(width=32), st.integers(-3, 3).map(float)))


def pieces_of(values: list[Any], cuts: set[int], kind: Any = None) -> Any:
    """A column in pieces, which is read as often as one likes."""
    whole = pa.array(values, kind)
    ends = sorted({0, len(values)} | {cut for cut in cuts if cut < len(values)})

    def pieces() -> Iterator[pa.ChunkedArray]:
        for start, end in pairwise(ends):
            yield pa.chunked_array([whole.slice(start, end - start)])

    return pieces


@given(NUMBERS, st.sets(st.integers(0, 40)), st.sampled_from([0, 2, 1 << 20]))
def test_medians(values: list[float | None], cuts: set[int], at_once: int) -> None:
    """Any pieces, sorted at once or narrowed bit by bit: the median that Python's module gives."""
    there = [one for one in values if one is not None and one == one and abs(one) != np.inf]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spill, "AT_ONCE", at_once)
        found = median_of(pieces_of(there, cuts, pa.float64()))
    expected = median(there) if there else None
    assert found == (expected if expected is None else pytest.approx(expected, rel=1e-15))


@given(st.lists(st.one_of(st.none(), st.integers(0, 9))), st.sets(st.integers(0, 40)))
def test_values_that_come_twice(values: list[int | None], cuts: set[int]) -> None:
    """The first row whose value another had before, that one, and how many such rows there are."""
    found = answered(pieces_of(values, cuts, pa.int64()), Ask(distinct=True))
    there = [(row, one) for row, one in enumerate(values) if one is not None]
    again = [(row, one) for row, one in there if one in values[:row]]
    assert found.distinct == len({one for _, one in there})
    if not again:
        assert found.twice is None
        return
    row, value = again[0]
    assert found.twice == First(row, value, len(again), values.index(value))


def test_texts_and_fractions() -> None:
    """Texts, times and fractions are told apart as what they are; NaN is no value."""
    for values, distinct in (
        (["a", "b", "a", None], 2),
        ([0.5, float("nan"), float("nan"), -0.0, 0.0], 2),
        ([True, False, True], 2),
        ([[1], [1], [2]], 2),
    ):
        assert answered(pieces_of(values, {2}), Ask(distinct=True)).distinct == distinct


def test_first_of_what_is_wrong() -> None:
    """The first number beyond a limit, and the first value that is not among those allowed."""
    numbers = pieces_of([1.0, 5.0, None, -2.0, 9.0, float("nan")], {3})
    found = answered(numbers, Ask(low=0.0, high=4.0, values=(1, 5.0, 9)))
    assert (found.low, found.high) == (First(3, -2.0, 1), First(1, 5.0, 2))
    assert found.other == First(3, -2.0, 1)
    words = pieces_of(["a", None, "b", "c"], {1})
    assert answered(words, Ask(values=("a", 1))).other == First(2, "b", 2)
    whole = pieces_of([1, 2, 3], {1}, pa.int64())
    assert answered(whole, Ask(values=(1, 2, 3), low=1.0, high=3.0)) == spill.Answer()


WHOLE = st.integers(-(2**63), 2**63 - 1)
NEAR = st.one_of(WHOLE, st.integers(2**60 - 3, 2**60 + 3), st.integers(-3, 3))


@given(st.lists(NEAR), st.one_of(NEAR.map(float), st.floats(allow_nan=False, allow_infinity=False)))
def test_large_integers_are_compared_exactly(values: list[int], end: float) -> None:
    """Integers that float64 rounds are compared as they are, with any number."""
    pieces = pieces_of(values, {3}, pa.int64())
    found = answered(pieces, Ask(low=end, high=end, values=(end, *values[:2])))
    wrong = {
        "low": [one for one in values if one < end],
        "high": [one for one in values if one > end],
        "other": [one for one in values if one not in (end, *values[:2])],
    }
    for what, those in wrong.items():
        first = getattr(found, what)
        if not those:
            assert first is None
        else:
            assert (first.value, first.rows) == (those[0], len(those))


def test_types_of_numbers() -> None:
    """Numbers of every type that rows may have are compared; what none can be, is none."""
    plain = [0, 1, None]
    for kind, values in (
        (pa.bool_(), [False, True, None]),
        *((kind, plain) for kind in (pa.int8(), pa.uint64(), pa.float32(), pa.float64())),
        (pa.decimal128(5), [Decimal(0), Decimal(1), None]),
        (pa.float16(), [np.float16(0), np.float16(1), None]),
    ):
        pieces = pieces_of(values, set(), kind)
        found = answered(pieces, Ask(low=0.5, high=-1e300, values=(1, 0.5, 10**30, -3)))
        rows = [one and (one.row, one.rows) for one in (found.low, found.high, found.other)]
        assert rows == [(0, 1), (0, 2), (0, 1)], kind


def test_texts_of_nothing_are_no_values() -> None:
    """As missing values they may come twice, and beside those allowed."""
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        pieces = pieces_of(["a", "", " ", None, "", "b"], {2}, kind)
        assert answered(pieces, Ask(distinct=True, values=("a", "b"))) == spill.Answer(2)
