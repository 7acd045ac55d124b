"""Hashes of values: equal ones have equal ones, whatever they are stored as; others have not."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptm import hashing

NUMBERS = [0, 1, -1, 7, -7, 2**31, 2**52 + 1, -(2**53), 2**62, -(2**62)]


@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_one_number_one_hash(dtype: str) -> None:
    """As int64, float64, or what else holds it."""
    wanted = hashing.of_numbers(np.array(NUMBERS, dtype=np.int64))
    assert (hashing.of_numbers(np.array(NUMBERS, dtype=dtype)) == wanted).all()
    for small in ("int8", "uint8", "float16", "float32", "bool"):
        got = hashing.of_numbers(np.array([0, 1], dtype=small))
        assert (got == wanted[:2]).all()


def test_zero_and_what_is_missing() -> None:
    """-0.0 is 0; every NaN is the same one."""
    zeros = hashing.of_numbers(np.array([0.0, -0.0]))
    assert zeros[0] == zeros[1]
    odd = np.array([0x7FF8000000000001], dtype=np.uint64).view(np.float64)
    assert hashing.of_numbers(odd)[0] == hashing.of_numbers(np.array([np.nan]))[0]


@given(st.lists(st.floats(allow_nan=False) | st.integers(-(2**63), 2**63 - 1), unique=True))
def test_other_numbers_have_others(values: list[float]) -> None:
    """No two of them the same."""
    exact = [value for value in values if float(value) == value]
    found = {value: int(hashing.of_numbers(np.array([float(value)]))[0]) for value in exact}
    assert len(set(found.values())) == len({float(value) for value in exact})


def test_large_unsigned() -> None:
    """Integers above int64 are no negative ones."""
    large = hashing.of_numbers(np.array([2**64 - 1], dtype=np.uint64))
    assert large[0] != hashing.of_numbers(np.array([-1]))[0]


def test_texts_however_they_are_stored() -> None:
    """As plain, large or coded strings, in one chunk or several."""
    texts = ["a", "b", None, "a", "ä"]
    plain = hashing.of_column(pa.array(texts, pa.string()))
    assert (hashing.of_column(pa.array(texts, pa.large_string())) == plain).all()
    assert (hashing.of_column(pa.array(texts).dictionary_encode()) == plain).all()
    chunked = pa.chunked_array([texts[:2], texts[2:]], pa.string())
    assert (hashing.of_column(chunked) == plain).all()
    assert plain[0] == plain[3] and len(set(plain.tolist())) == 4


def test_columns_in_any_order() -> None:
    """A row has one hash, in whatever order its columns stand; swapped values have another."""
    one, other = hashing.of_numbers(np.array([1, 2])), hashing.of_numbers(np.array([2, 1]))
    rows = hashing.of_named({"a": one, "b": other}, 2)
    assert (hashing.of_named({"b": other, "a": one}, 2) == rows).all()
    assert rows[0] != rows[1]


@pytest.mark.parametrize("shape", [(5, 3), (5, 3, 2), (5, 40, 40)])
def test_samples(shape: tuple[int, ...]) -> None:
    """Each has that of its values, whatever stands beside it."""
    values = np.random.default_rng(0).normal(size=shape)
    values[3] = values[1]
    found = hashing.of_samples(values)
    assert found[3] == found[1] and len(set(found.tolist())) == 4
    assert (hashing.of_samples(values[2:]) == found[2:]).all()
