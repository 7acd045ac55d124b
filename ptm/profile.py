"""What is measured of every column of the rows, and of every channel that is scaled.

Profiles merge as moments do: whatever the cut into parts, counts, extremes, histograms and texts
are exactly the same, mean and standard deviation but for the last bits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from ptm import arrow
from ptm.errors import PtmError
from ptm.histogram import Histogram, most_of
from ptm.stats import Moments

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ptm.model import Block
    from ptm.scaling import Scaling

OF_ROWS = ""  # stands for the rows where channels have the name of their tensor
NUMBERS, TIMES, TEXTS, OTHERS = "numbers", "times", "texts", "others"
MOST_TEXTS, FEWEST_TEXTS = 1000, 32  # distinct texts of a column that are counted
TEXTS_IN_ALL = 1 << 18
LETTERS = 100  # of a text that is kept; of longer ones the begin and a digest
SAMPLED = 512  # values of a channel of one sample that its histogram has


@dataclass(frozen=True)
class Texts:
    """How often each text comes.

    Attributes:
        counts: by text; None where there are more than `most`.
        empty: texts in which there is nothing to be seen.
        most: distinct ones that are counted.
    """

    counts: Mapping[str, int] | None
    empty: int
    most: int = MOST_TEXTS

    def merge(self, other: Texts) -> Texts:
        """Those of both together."""
        most, empty = min(self.most, other.most), self.empty + other.empty
        if self.counts is None or other.counts is None:
            return Texts(None, empty, most)
        counts = Counter(self.counts)
        counts.update(other.counts)
        return Texts(dict(counts) if len(counts) <= most else None, empty, most)

    @property
    def distinct(self) -> int | str:
        """How many different ones there are."""
        return f"more than {self.most}" if self.counts is None else len(self.counts)

    def frequent(self, most: int) -> list[tuple[str, int]]:
        """The most frequent ones with their counts; none where not all are counted."""
        known = (self.counts or {}).items()
        return sorted(known, key=lambda one: (-one[1], one[0]))[:most]


@dataclass(frozen=True)
class Profile:
    """What is measured of a column, or of a channel.

    Attributes:
        what: it has: numbers (bool is 0 and 1), times (seconds since 1970-01-01 UTC), texts, or
            others, of which only those that are missing are counted.
        missing: how many are; of numbers also NaN.
        moments: of numbers and times, of one channel.
        histogram: of the same; of a channel with many values in a sample of some of them.
        texts: of texts.
        others: how many of what is nothing else are there.
    """

    what: str
    missing: int = 0
    moments: Moments | None = None
    histogram: Histogram | None = None
    texts: Texts | None = None
    others: int = 0

    @property
    def count(self) -> int:
        """How many values there are, without the missing ones."""
        if self.moments:
            return int(self.moments.count[0])
        return self.others

    def merge(self, other: Profile) -> Profile:
        """That of both together.

        Raises:
            PtmError: one has numbers, the other texts.
        """
        if self.what != other.what:
            raise PtmError(f"expected {self.what} in each part, got {other.what}")
        return Profile(
            self.what,
            self.missing + other.missing,
            self.moments.merge(other.moments) if self.moments and other.moments else None,
            self.histogram.merge(other.histogram) if self.histogram and other.histogram else None,
            self.texts.merge(other.texts) if self.texts and other.texts else None,
            self.others + other.others,
        )

    def to_json(self) -> dict[str, Any]:
        """JSON values from which `from_json` makes an equal one."""
        found: dict[str, Any] = {"what": self.what, "missing": self.missing, "others": self.others}
        if self.moments and self.histogram:
            found |= {"moments": self.moments.to_json(), "histogram": self.histogram.to_json()}
        if self.texts:
            found["texts"] = [self.texts.counts, self.texts.empty, self.texts.most]
        return found

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Profile:
        """The one that `to_json` described."""
        numbers, texts = "moments" in values, values.get("texts")
        return cls(
            values["what"],
            values["missing"],
            Moments.from_json(values["moments"]) if numbers else None,
            Histogram.from_json(values["histogram"]) if numbers else None,
            Texts(*texts) if texts else None,
            values["others"],
        )


Profiles = dict[str, dict[str, Profile]]  # by OF_ROWS or tensor, and column or channel
BySplit = dict[str, Profiles]


def as_json(by_split: BySplit) -> dict[str, Any]:
    """JSON values from which `from_json` makes equal profiles."""
    return {
        split: {of: {name: one.to_json() for name, one in each.items()} for of, each in of_.items()}
        for split, of_ in by_split.items()
    }


def from_json(values: Mapping[str, Any]) -> BySplit:
    """The profiles that `as_json` described."""
    return {
        split: {
            of: {name: Profile.from_json(one) for name, one in each.items()}
            for of, each in of_.items()
        }
        for split, of_ in values.items()
    }


def merged(several: Iterable[BySplit]) -> BySplit:
    """Profiles of parts, by split; merged in their order.

    Raises:
        PtmError: as `both`.
    """
    found: BySplit = {}
    for one in several:
        for split, profiles in one.items():
            found[split] = both(found[split], profiles) if split in found else profiles
    return found


def both(one: Profiles, other: Profiles) -> Profiles:
    """Profiles of some samples and of others, together.

    Raises:
        PtmError: a column has numbers in one, and texts in the other.
    """
    return {
        of: {
            name: one[of][name].merge(other[of][name])
            if name in one.get(of, {}) and name in other.get(of, {})
            else (one.get(of, {}) | other.get(of, {}))[name]
            for name in {**one.get(of, {}), **other.get(of, {})}
        }
        for of in {**one, **other}
    }


def of_all(by_split: BySplit) -> Profiles:
    """Those of all samples, whatever their split."""
    return reduce(both, by_split.values()) if by_split else {}


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
    import hashlib

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
        own = Moments(*(getattr(moments, field)[place : place + 1] for field in _FIELDS))
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


_FIELDS = ("count", "mean", "m2", "min", "max")
