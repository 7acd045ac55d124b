"""Profiles as they are published: a table with a row for each split and column, and short JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import TYPE_CHECKING, Any

from ptm import arrow
from ptm.histogram import Histogram
from ptm.profile import OF_ROWS, OTHERS, TEXTS, TIMES, BySplit, Profile, Texts, in_order
from ptm.stats import Moments

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

STATISTICS = "statistics"  # the table, and the view of it
SHARES = {
    **{"q01": 0.01, "q05": 0.05, "q25": 0.25, "median": 0.5},
    **{"q75": 0.75, "q95": 0.95, "q99": 0.99},
}
FREQUENT = 5  # texts that JSON has
MOST_IN_JSON = 1000  # columns of a split; of more, only the table has them
NUMBERS_OF = ("mean", "std", "min", *SHARES, "max")
TYPES = {  # of the columns of the table
    **dict.fromkeys(("split", "tensor", "column", "what"), "string"),
    **dict.fromkeys(("count", "missing"), "int64"),
    **dict.fromkeys(NUMBERS_OF, "float64"),
    **dict.fromkeys(("distinct", "empty", "most", "shift"), "int64"),
    **{"from": "list of float64", "values": "list of string", "counts": "list of int64"},
}


def table_of(by_split: BySplit) -> pa.Table:
    """A row for each split, and each column or channel in it.

    Returns:
        `split`; `tensor`, of channels (null: a column of the rows); `column`; `what` it has;
        `count` of values that are there, and `missing` ones; of numbers and times (seconds since
        1970 UTC) `mean`, `std` (n - 1), `min`, `q01` … `median` … `q99`, `max`; of texts
        `distinct` (null: more than `most`) and `empty` ones. `counts` are those of the buckets of
        the histogram, in order, which begin at `from` (negative ones end there) and leave out
        `shift` bits of float64 (see `ptm.histogram`); or those of `values`, the most frequent
        first.
    """
    rows = [
        _row(split, of, name, profile)
        for split in in_order(by_split)
        for of, columns in by_split[split].items()
        for name, profile in columns.items()
    ]
    return arrow.table_of_rows(rows, TYPES)


def _row(split: str, of: str, name: str, profile: Profile) -> dict[str, Any]:
    row: dict[str, Any] = {"split": split, "tensor": of or None, "column": name}
    row |= {"what": profile.what, "count": profile.count, "missing": profile.missing}
    row |= numbers_of(profile)
    if profile.histogram and len(profile.histogram.codes):
        row |= {"from": profile.histogram.begins(), "counts": profile.histogram.counts}
        row["shift"] = profile.histogram.shift
    if profile.texts:
        known = profile.texts.counts
        row |= {"empty": profile.texts.empty, "most": profile.texts.most}
        if known is not None:
            pairs = profile.texts.frequent(len(known))
            row |= {"distinct": len(known), "values": [text for text, _ in pairs]}
            row["counts"] = [count for _, count in pairs]
    return row


def numbers_of(profile: Profile) -> dict[str, float]:
    """Mean, standard deviation, extremes and quantiles of numbers; none where there are none."""
    moments, histogram = profile.moments, profile.histogram
    if not moments or not histogram or not profile.count:
        return {}
    low, high = float(moments.min[0]), float(moments.max[0])
    ends = {"mean": float(moments.mean[0]), "std": float(moments.std[0]), "min": low, "max": high}
    if not len(histogram.codes):
        return ends
    quantiles = histogram.quantiles(list(SHARES.values()), low, high)
    found = ends | dict(zip(SHARES, quantiles, strict=True))
    return {name: found[name] for name in NUMBERS_OF}


def summary_of(by_split: BySplit) -> dict[str, Any]:
    """JSON for the manifest: what is measured of each column, by split.

    Returns:
        {split: {column: {count, missing, mean, std, min, max, median}}}, of times texts in ISO
        8601; of texts {count, missing, empty, distinct, frequent: [[text, count], …]}. None of what
        has more than MOST_IN_JSON columns.
    """
    few = {split: by_split[split].get(OF_ROWS, {}) for split in in_order(by_split)}
    return {
        split: {name: _summary(one) for name, one in columns.items()}
        for split, columns in few.items()
        if columns and len(columns) <= MOST_IN_JSON
    }


def _summary(profile: Profile) -> dict[str, Any]:
    found: dict[str, Any] = {"count": profile.count, "missing": profile.missing}
    if profile.texts:
        frequent = [list(pair) for pair in profile.texts.frequent(FREQUENT)]
        distinct = profile.texts.distinct
        return found | {"empty": profile.texts.empty, "distinct": distinct, "frequent": frequent}
    numbers = numbers_of(profile)
    is_time = profile.what == TIMES
    for name in ("mean", "std", "min", "max", "median"):
        if name in numbers:
            value = numbers[name]
            as_text = is_time and name != "std"
            found[name] = time_text(value) if as_text else value if isfinite(value) else str(value)
    return found


def time_text(seconds: float) -> str:
    """Seconds since 1970 as a time in ISO 8601, UTC; as a number where no calendar has it."""
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.17g}"


def records_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as it is read again, None where there is nothing."""
    found: list[dict[str, Any]] = table.to_dict("records")
    return [
        {name: None if isinstance(one, float) and one != one else one for name, one in row.items()}
        for row in found
    ]


def profiles_of(records: Iterable[Mapping[str, Any]]) -> BySplit:
    """The profiles that a table describes, but for what float64 rounds of M2."""
    found: BySplit = {}
    for row in records:
        columns = found.setdefault(row["split"], {}).setdefault(row["tensor"] or OF_ROWS, {})
        columns[row["column"]] = _profile(row)
    return found


def _profile(row: Mapping[str, Any]) -> Profile:
    import numpy as np

    what, count, missing = row["what"], int(row["count"]), int(row["missing"])
    if what == TEXTS:
        known = None
        if row["values"] is not None:
            known = dict(zip(row["values"], map(int, row["counts"]), strict=True))
        texts = Texts(known, int(row["empty"]), int(row["most"]))
        return Profile(TEXTS, missing, texts=texts, others=count)
    if what == OTHERS:
        return Profile(what, missing, others=count)
    if not count:
        return Profile(what, missing, Moments.none(1), Histogram.none())
    histogram = Histogram.none()
    if row["from"] is not None:
        histogram = Histogram.from_begins(int(row["shift"]), row["from"], row["counts"])
    mean, std = (np.nan if row[name] is None else row[name] for name in ("mean", "std"))
    numbers = [mean, std**2 * (count - 1), row["min"], row["max"]]
    moments = Moments(np.array([count]), *(np.array([one]) for one in numbers))
    return Profile(what, missing, moments, histogram)
