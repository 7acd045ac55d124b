"""Measuring: the profiles of the columns of rows, and of the channels that are to be scaled."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ptm import arrow
from ptm.histogram import Histogram, most_of
from ptm.profile import (
    MOST_TEXTS,
    NUMBERS,
    OF_ROWS,
    OTHERS,
    TEXTS,
    TIMES,
    Profile,
    Profiles,
    Texts,
)
from ptm.stats import Moments

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ptm.model import Block
    from ptm.scaling import Scaling

FEWEST_TEXTS, TEXTS_IN_ALL = 32, 1 << 18  # that are counted of one column, and of all together
LETTERS = 100  # of a text that is kept; of longer ones the begin and a digest
SAMPLED = 512  # values of a channel of one sample that its histogram has
FIELDS = ("count", "mean", "m2", "min", "max")  # of moments


def of_block(block: Block, moments: Mapping[str, Moments]) -> Profiles:
    """Profiles of the columns of a block's rows, and of the channels that are to be scaled.

    Args:
        block: what was read.
        moments: by tensor; channels without them have no profile.
    """
    found: Profiles = {}
    if block.rows is not None:
        found[OF_ROWS] = of_rows(block.rows)
    in_all = sum(len(how.channels) for how in block.scaling.values())
    for name, how in block.scaling.items():
        known = moments.get(name)
        if known is not None and len(known.count) == len(how.channels):
            found[name] = of_channels(block.tensors[name].numpy(), how, known, in_all)
    return {of: columns for of, columns in found.items() if columns}


def of_rows(rows: pa.Table | None) -> dict[str, Profile]:
    """Profiles of the columns of rows."""
    if rows is None:
        return {}
    return {name: of_column(rows[name], rows.num_columns) for name in rows.column_names}


def of_column(column: pa.ChunkedArray, columns: int = 1) -> Profile:
    """That of a column of rows.

    Args:
        column: of any type that rows may have.
        columns: of the rows, by whose number the memory for each is limited.
    """
    import pyarrow as pa

    kind = column.type
    of = pa.types
    if of.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if of.is_string(kind) or of.is_large_string(kind):
        return _of_texts(column, columns)
    if of.is_integer(kind) or of.is_floating(kind) or of.is_boolean(kind) or of.is_decimal(kind):
        return of_numbers(_as_float64(column), NUMBERS, columns)
    if of.is_timestamp(kind) or of.is_date(kind):
        return of_numbers(_seconds(column), TIMES, columns)
    return Profile(OTHERS, column.null_count, others=len(column) - column.null_count)


def of_numbers(values: NDArray[np.float64], what: str = NUMBERS, columns: int = 1) -> Profile:
    """That of numbers, float64 [number]; NaN is missing."""
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):  # of infinite ones
        moments = Moments.of(values[:, None])
    missing = len(values) - int(moments.count[0])
    if missing:
        values = values[~np.isnan(values)]
    histogram = Histogram.of(values, most_of(columns), (moments.min[0], moments.max[0]))
    return Profile(what, missing, moments, histogram)


def _as_float64(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Numbers, NaN where there is none."""
    import numpy as np
    import pyarrow as pa

    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if not (pa.types.is_integer(column.type) or column.type in (pa.float32(), pa.float64())):
        column = column.cast(pa.float64(), safe=False)
    if not column.null_count:
        return np.asarray(arrow.numbers(column), dtype=np.float64)
    there = arrow.numbers(column.is_valid().cast(pa.uint8()))
    numbers = arrow.numbers(column.fill_null(0)).astype(np.float64)
    return np.where(there == 1, numbers, np.nan)


def _seconds(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Seconds since 1970-01-01 UTC of times, NaN where there is none."""
    import pyarrow as pa

    return _as_float64(column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())) / 1e6


def _of_texts(column: pa.ChunkedArray, columns: int) -> Profile:
    import pyarrow.compute as pc

    most = max(FEWEST_TEXTS, min(MOST_TEXTS, TEXTS_IN_ALL // max(columns, 1)))
    missing, there = column.null_count, len(column) - column.null_count
    few = column.slice(0, 4 * most)
    counted = few.value_counts() if few.length() < len(column) else None
    if counted is None or len(counted) <= most + 1:  # one of them may be null
        counted = column.value_counts()
    texts, counts = (counted.field(place).to_pylist() for place in (0, 1))
    pairs = [one for one in zip(texts, counts, strict=True) if one[0] is not None]
    if len(pairs) > most:
        blank = pc.equal(pc.utf8_trim_whitespace(column), "")
        empty = int(pc.sum(blank).as_py() or 0)
        return Profile(TEXTS, missing, texts=Texts(None, empty, most), others=there)
    found = Counter[str]()
    for text, count in pairs:
        found[_kept(text)] += count
    empty = sum(count for text, count in pairs if not text.strip())
    return Profile(TEXTS, missing, texts=Texts(dict(found), empty, most), others=there)


def _kept(text: str) -> str:
    """A text as it is kept: of a long one its begin, and a digest of all of it."""
    if len(text) <= LETTERS:
        return text
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    return f"{text[: LETTERS - 20]} … {digest[:16]}"


def of_channels(
    values: NDArray[Any], how: Scaling, moments: Moments, in_all: int
) -> dict[str, Profile]:
    """Profiles of the channels of a tensor that is to be scaled, after its division.

    Args:
        values: of the tensor, any dtype of numbers; NaN is missing.
        how: it is to be scaled.
        moments: of its channels.
        in_all: columns and channels of the entry.
    """
    import numpy as np

    found = {}
    for place, name in enumerate(how.channels):
        each = values[(slice(None),) * how.axis + (place,)]
        own = Moments(*(getattr(moments, field)[place : place + 1] for field in FIELDS))
        some = _some(each if how.axis else each[None]).astype(np.float64) / how.divisor
        some = some[~np.isnan(some)]
        missing = each.size - int(own.count[0])
        found[name] = Profile(NUMBERS, missing, own, Histogram.of(some, most_of(in_all)))
    return found


def _some(values: NDArray[Any]) -> NDArray[Any]:
    """The values of a channel, of each sample SAMPLED of them at most, evenly apart, [number]."""
    import numpy as np

    size = values[:1].size
    if size <= SAMPLED:
        return values.ravel()
    step = -(-size // SAMPLED)
    step += 1 - step % 2  # an odd one meets every column of pixels
    return np.concatenate([sample.ravel()[::step] for sample in values])
