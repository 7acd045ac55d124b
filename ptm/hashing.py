"""Hashes of values, 64 bits each, the same on every machine and in every version of its packages.

A collision of two samples only keeps them together; of 10 million the chance of any is 3 in a
million (birthday bound, n² / 2^65).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

INTEGERS = 2.0**63  # below it a float64 without a fraction is an int64
MISSING = 0x6E6F6E65
ABOVE = 0x61626F7665  # keeps integers that int64 has not from negative ones
SMALL = 4096  # bytes of a sample that is hashed together with others
AT_ONCE = 1 << 16  # numbers that are hashed together: they stay in the cache


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Each value as another one, evenly spread, uint64 of the same shape.

    Source: the finalizer of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
    generators", 2014), with the constants of its variant 13 by Stafford.
    """
    import numpy as np

    found = values + np.uint64(0x9E3779B97F4A7C15)
    found ^= found >> np.uint64(30)
    found *= np.uint64(0xBF58476D1CE4E5B9)
    found ^= found >> np.uint64(27)
    found *= np.uint64(0x94D049BB133111EB)
    found ^= found >> np.uint64(31)
    return found


def of_text(text: str | bytes) -> int:
    """The hash of a text: the first 8 bytes of its SHA-256."""
    raw = text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
    return int.from_bytes(hashlib.sha256(raw).digest()[:8], "little")


def of_texts(texts: Iterable[str | bytes | None]) -> NDArray[np.uint64]:
    """The hash of each text, uint64 [text]."""
    import numpy as np

    found = [MISSING if text is None else of_text(text) for text in texts]
    return np.array(found, dtype=np.uint64)


def of_digests(digests: Sequence[str]) -> NDArray[np.uint64]:
    """The first 64 bits of SHA-256 digests in hex, uint64 [digest]."""
    import numpy as np

    raw = bytes.fromhex("".join(digest[:16] for digest in digests))
    return np.frombuffer(raw, dtype="<u8").astype(np.uint64)


def of_numbers(values: NDArray[Any]) -> NDArray[np.uint64]:
    """The hash of each number, uint64 of the same shape.

    Equal numbers below 2^63 have the same, whatever their dtype.
    """
    import numpy as np

    if values.dtype.kind == "u":
        large = values.astype(np.uint64)
        return mixed(large ^ ((large >> np.uint64(63)) * np.uint64(ABOVE)))
    if values.dtype.kind in "bi":
        return mixed(values.astype(np.int64).view(np.uint64))
    numbers = values.astype(np.float64)  # a copy
    numbers[numbers == 0] = 0.0  # -0.0 is 0
    numbers[np.isnan(numbers)] = np.nan
    with np.errstate(invalid="ignore"):
        are_whole = (np.abs(numbers) < INTEGERS) & (numbers == np.rint(numbers))
        integers = np.where(are_whole, numbers, 0.0).astype(np.int64).view(np.uint64)
    return mixed(np.where(are_whole, integers, ~numbers.view(np.uint64)))


def of_column(column: pa.ChunkedArray | pa.Array) -> NDArray[np.uint64]:
    """The hash of each value of an Arrow column, uint64 [row]."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    chunks = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    kind = chunks.type
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    if is_number:
        if pa.types.is_boolean(kind):
            chunks = chunks.cast(pa.int8())
        there = None
        if chunks.null_count:
            there = np.asarray(chunks.is_valid())
            chunks = chunks.fill_null(0)
        found = of_numbers(chunks.to_numpy(zero_copy_only=False))
        return found if there is None else np.where(there, found, np.uint64(MISSING))
    if pa.types.is_dictionary(kind):
        chunks = chunks.dictionary_decode()
        kind = chunks.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        coded = chunks.dictionary_encode()
        hashes = np.append(of_texts(coded.dictionary.to_pylist()), np.uint64(MISSING))
        places = np.asarray(pc.fill_null(coded.indices, len(hashes) - 1))
        return mixed(hashes[places])
    return mixed(of_texts(None if one is None else repr(one) for one in chunks.to_pylist()))


def of_samples(values: NDArray[Any]) -> NDArray[np.uint64]:
    """The hash of the numbers of each sample of a tensor, uint64 [sample]."""
    import numpy as np

    flat = values.reshape(len(values), -1)
    if flat[:1].nbytes > SMALL:
        return of_texts(np.ascontiguousarray(sample).tobytes() for sample in flat)
    places = mixed(np.arange(flat.shape[1], dtype=np.uint64)) | np.uint64(1)
    found = np.zeros(len(flat), dtype=np.uint64)
    step = max(AT_ONCE // max(flat.shape[1], 1), 1)
    for first in range(0, len(flat), step):
        piece = of_numbers(flat[first : first + step])
        found[first : first + step] = (piece * places).sum(axis=1, dtype=np.uint64)
    return mixed(found)


def of_named(hashes: Mapping[str, NDArray[np.uint64]], count: int) -> NDArray[np.uint64]:
    """One hash of several values of each row, whatever their order, uint64 [row].

    Args:
        hashes: of each value, by its name.
        count: of the rows.
    """
    import numpy as np

    total = np.zeros(count, dtype=np.uint64)
    for name, each in hashes.items():
        total += mixed(each ^ np.uint64(of_text(name)))
    return mixed(total)
