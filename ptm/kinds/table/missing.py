"""What stands for missing values: learned from train, or said by the entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ptm.distinct import MOST
from ptm.errors import BadInput, Faults
from ptm.featuring import parts_of
from ptm.kinds.table.meaning import (
    CATEGORY,
    DROP,
    LEARNED,
    MEAN,
    MEDIAN,
    MODE,
    is_category,
    is_feature,
    treatment_of,
    value_of,
)
from ptm.readers.delimited.faults import shown
from ptm.spelling import EPOCH, times_of
from ptm.stats import Moments, Stats
from ptm.treatment import DAYS, MISSING, Treatment

if TYPE_CHECKING:
    from ptm.kinds.table.options import Options


def is_counted(options: Options, name: str) -> bool:
    """Whether each number of a column is counted, for the median or the most frequent one."""
    return is_feature(options, name) and options.missing.get(name) in (MEDIAN, MODE)


def treatments(
    options: Options, names: Sequence[str], stats: Stats, file: str, faults: Faults
) -> dict[str, Treatment]:
    """What becomes of each column of features, with what stands for missing values.

    Args:
        options: say what is learned.
        names: of all columns.
        stats: of train.
        file: for messages.
        faults: columns are added of which nothing can be learned.
    """
    found = {}
    for name in (name for name in names if is_feature(options, name)):
        how = treatment_of(options, name)
        word = options.missing.get(name, DROP)
        if word != DROP:
            try:
                fill = _fill(options, name, how, word, stats)
                how = Treatment(**{**vars(how), "fill": fill})
            except BadInput as error:
                faults.add(BadInput(error.where, error.expected, error.got, file))
        found[name] = how
    return found


def _fill(
    options: Options, name: str, how: Treatment, word: bool | float | str, stats: Stats
) -> float | str:
    """What stands for a missing value of a column.

    Raises:
        BadInput: nothing can be learned, or it is no float32 where that is needed.
    """
    import numpy as np

    if is_category(options, name):
        return _category(options, name, word, stats)
    if word not in LEARNED:
        fill = value_of(how, word)
        assert fill is not None  # the options were looked at
    elif not stats.moments[name].count[0]:
        raise _nothing(options, name, word, stats)
    elif word == MEAN:
        fill = float(stats.moments[name].mean[0])
    else:
        numbers = stats.distinct[name]
        if numbers.are_too_many:
            expected = (
                f"at most {MOST:,} different numbers, to learn the {word} (the mean needs none)"
            )
            raise BadInput(f"column '{shown(name)}'", expected, "more")
        fill = numbers.median if word == MEDIAN else numbers.mode
    if options.precision and not how.parts:
        fill = float(np.float32(fill))
    return fill


def _category(options: Options, name: str, word: Any, stats: Stats) -> str:
    if word != MODE:
        return MISSING if word == CATEGORY else str(word)
    counts: Mapping[str, int] = stats.counts.get(name, {})
    if not counts:
        raise _nothing(options, name, word, stats)
    return min(counts, key=lambda category: (-counts[category], category))


def _nothing(options: Options, name: str, word: Any, stats: Stats) -> BadInput:
    rows = sum(stats.samples.values())
    where = "of train " if options.statistics == "train" else ""
    got = f"none: it is missing in all {rows:,} rows"
    return BadInput(f"column '{shown(name)}'", f"values {where}to learn the {word} of", got)


def moments_of(
    name: str, how: Treatment, moments: Mapping[str, Moments], rows: int
) -> list[Moments]:
    """The moments of the features of a column of numbers, after its missing values are filled.

    Args:
        name: of the column.
        how: it becomes features.
        moments: of what is there: of the column, or of each part of a date.
        rows: how many there are in all.
    """
    import numpy as np

    if not how.parts or how.parts == (DAYS,):
        values = [how.fill]
    elif isinstance(how.fill, float):
        times = np.array([times_of(how.fill)], dtype=np.int64)
        values = [float(one[0]) for one in parts_of(times, None, how)]
    else:
        values = [None] * len(how.parts)
    names = how.features(name, None)
    pairs = zip(names, values, strict=False)  # the last may say where one is missing
    return [_filled(moments[feature], value, rows) for feature, value in pairs]


def _filled(moments: Moments, fill: float | str | None, rows: int) -> Moments:
    import numpy as np

    missing = rows - int(moments.count[0])
    if not missing or not isinstance(fill, float):
        return moments
    value, count = np.array([fill]), np.array([missing], dtype=np.int64)
    return moments.merge(Moments(count, value, np.zeros(1), value, value))


def missing_counts(options: Options, carried: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many values are missing, of each column of features that may have such."""
    found = {}
    for name in carried[0]["columns"]:
        if options.missing.get(name, DROP) != DROP:
            found[name] = sum(one.get("missing", {}).get(name, 0) for one in carried)
    return found


def missing_note(
    options: Options, counts: Mapping[str, int], hows: Mapping[str, Treatment]
) -> tuple[str, ...]:
    """A sentence about what was filled, where anything was."""
    told = []
    for name, count in counts.items():
        if count:
            word = options.missing[name]
            by = "a category of their own" if word == CATEGORY else _shown(hows[name])
            by += f" (the {word})" if word in LEARNED else ""
            told.append(f"{count:,} of column '{shown(name)}' by {by}")
    return (f"missing values are filled in the features: {', '.join(told)}",) if told else ()


def _shown(how: Treatment) -> str:
    """What stands for a missing value, as the file would have it."""
    fill = how.fill
    if not isinstance(fill, float):
        return f"'{shown(str(fill))}'"
    if how.parts:
        return str(EPOCH + timedelta(microseconds=times_of(fill)))
    if how.boolean and fill in (0, 1):
        return "true" if fill else "false"
    is_place = how.order and fill.is_integer()
    return f"'{shown(how.order[int(fill)])}'" if is_place else f"{fill:.6g}"
