"""Hours of a series: which the rows have, the grid without holes over them, its whole days."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING

from ptm import arrow
from ptm.errors import MOST_TOLD, BadInput, Faults

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ptm.kinds.timeseries import Options
    from ptm.kinds.timeseries.files import Files

HOURS = 24
ISO_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
EPOCH = date(1970, 1, 1).toordinal()
NO_DAY = -(1 << 62)  # in place of a date that is none


def read_hours(
    options: Options, files: Files, table: pa.Table, faults: Faults
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The hour of each row; each date, and each hour of the day, that is none becomes a fault.

    Returns:
        hours: since 1970-01-01T00, int64 [row].
        valid: whether it is one, bool [row].
    """
    import numpy as np

    hour = arrow.numbers(table[options.hour])
    whole: NDArray[np.bool_] = (hour == np.floor(hour)) & (hour >= 0) & (hour < HOURS)
    add_rows(
        faults,
        ~whole,
        lambda row: files.not_valid(row, options.hour, f"an hour from 0 to {HOURS - 1}", hour[row]),
    )
    dates = table[options.date].combine_chunks().dictionary_encode()
    texts = dates.dictionary.to_pylist()
    day = np.array([day_of(text) for text in texts], dtype=np.int64)[arrow.numbers(dates.indices)]
    dated: NDArray[np.bool_] = day != NO_DAY
    add_rows(
        faults,
        ~dated,
        lambda row: files.not_valid(
            row,
            options.date,
            "a date as 2011-12-31",
            texts[dates.indices[row].as_py()],
        ),
    )
    valid = whole & dated
    return np.where(valid, day, 0) * HOURS + np.where(valid, hour, 0).astype(np.int64), valid


def time_order(
    options: Options,
    files: Files,
    hours: NDArray[np.int64],
    valid: NDArray[np.bool_],
    faults: Faults,
) -> NDArray[np.int64]:
    """The valid rows in the order of time; an hour that comes again becomes a fault.

    So does a run of missing hours that has a whole day of them, unless the source joins such
    gaps; not where other hours are at fault, which may be those that are missing.
    """
    import numpy as np

    rows = np.flatnonzero(valid)
    order: NDArray[np.int64] = rows[np.argsort(hours[rows], kind="stable")]
    steps = np.diff(hours[order])
    add_rows(
        faults,
        steps == 0,
        lambda place: files.not_valid(
            int(order[place + 1]),
            options.hour,
            f"another hour than in {files.row(int(order[place]))}",
            iso(hours[order[place]]),
        ),
    )
    if options.gaps is None and valid.all() and (steps != 0).all():
        add_rows(
            faults,
            steps > HOURS,
            lambda place: BadInput(
                where=f"after {files.row(int(order[place]))}",
                expected=f'at most {HOURS - 1} missing hours on end (or gaps = "join")',
                got=f"{steps[place] - 1}, {iso(hours[order[place]] + 1)} to "
                f"{iso(hours[order[place + 1]] - 1)}",
                file=str(files),
            ),
        )
    return order


def fill_grid(hours: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The grid over observed hours, from the first to the last.

    Args:
        hours: hours since 1970-01-01T00, strictly increasing, int64 [observed].

    Returns:
        rows: for each hour of the grid the index of the observed row that it shows, int64 [grid].
        grid: the hour itself, int64 [grid]; of each run of missing hours whole days are left out,
            so that grid % 24 goes on from hour to hour without a break.
    """
    import numpy as np

    lengths = np.append((np.diff(hours) - 1) % HOURS, 0) + 1
    last = np.repeat(np.arange(len(hours)), lengths)
    since = np.arange(len(last)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    grid = hours[last] + since
    following = np.minimum(last + 1, len(hours) - 1)
    day = grid // HOURS
    use_next = (hours[last] // HOURS != day) & (hours[following] // HOURS == day)
    return np.where(use_next, following, last), grid


def whole_days(grid: NDArray[np.int64]) -> slice:
    """Of a grid, what is in days that begin and end in it; it may be empty."""
    start = int(-grid[0] % HOURS)
    return slice(start, start + max(len(grid) - start, 0) // HOURS * HOURS)


def skipped(grid: NDArray[np.int64]) -> list[tuple[int, int]]:
    """First and last hour of each run that a grid leaves out."""
    import numpy as np

    breaks = np.flatnonzero(np.diff(grid) > 1)
    return [(int(grid[i]) + 1, int(grid[i + 1]) - 1) for i in breaks]


def day_of_month(hours: NDArray[np.int64]) -> NDArray[np.int64]:
    """1 to 31 for each hour."""
    days = (hours // HOURS).astype("datetime64[D]")
    result: NDArray[np.int64] = (days - days.astype("datetime64[M]")).astype("int64") + 1
    return result


def iso(hour: int | np.int64) -> str:
    """As 2011-12-31T23."""
    import numpy as np

    return str(np.datetime64(int(hour), "h"))


def add_rows(faults: Faults, bad: NDArray[np.bool_], fault: Callable[[int], BadInput]) -> None:
    """A fault for each place where `bad` is True; the first are made, the others counted."""
    import numpy as np

    rows = np.flatnonzero(bad)
    for row in rows[:MOST_TOLD]:
        faults.add(fault(int(row)))
    faults.count += max(len(rows) - MOST_TOLD, 0)


def day_of(text: str) -> int:
    """Days since 1970-01-01."""
    try:
        day = date.fromisoformat(text) if ISO_DATE.fullmatch(text) else _read_date(text)
    except ValueError:
        return NO_DAY
    return day.toordinal() - EPOCH


def _read_date(text: str) -> date:
    return datetime.strptime(text, "%Y-%m-%d").date()  # slower; takes 2011-1-5, too
