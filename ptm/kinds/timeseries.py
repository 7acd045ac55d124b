"""Hourly series: rows with a date and an hour into whole days, with missing hours filled.

The filled grid has 24 hours for each day. A missing hour carries the last observed row of its day,
or else the first one, and has 0 in the columns that the source names in `zero`. Where 24 hours or
more are missing in one run, whole days of that run are left out, so that hour h still stands at
place h of its day. This is the rule by which the book's `hour-fixed.csv` follows from `hour.csv`.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm.content import CHANNEL, DAY, HOUR, ROWS, Content
from ptm.encoding import one_hot
from ptm.errors import InputError
from ptm.kinds.delimited import not_valid, read_delimited
from ptm.scaling import Moments, Scaler

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import torch
    from numpy.typing import NDArray

    from ptm.catalog import TimeSeriesSource

PACKAGES = ("torch", "numpy", "pyarrow")
NAMES_MATTER = False
HOURS = 24


def tensorize(source: TimeSeriesSource, paths: list[Path]) -> Content:
    """The hours of a series, and its days channels first.

    Returns:
        `hourly` float32 [hour, channel]: every column in the unit of the file, the date as its day
        of the month; `daily` float32 [day, channel, 24]: the same channels, rescaled where the
        source says so, followed by the one-hot channels. The table holds the filled rows.

    Raises:
        InputError: see `read_delimited`; or a date, an hour or a code that is none; or an hour that
            comes twice; row and column are named.
    """
    import numpy as np
    import torch

    path = paths[0]
    table = read_delimited(source, path, text=frozenset({source.date}))
    _check_options(source, table)
    hours = _hours(source, path, table)
    order = _time_order(source, path, table, hours)
    rows, grid = fill_grid(hours[order])
    filled = grid != hours[order][rows]
    table = _filled_table(source, table, order[rows], grid, filled)
    channels = {
        name: table[name].to_numpy() if name != source.date else _day_of_month(grid)
        for name in table.column_names
    }
    hourly = torch.from_numpy(np.stack([c.astype(np.float32) for c in channels.values()], axis=1))
    # in the order of the columns: the tables of a catalog have none
    codes = {
        name: _codes(source, path, name, values, order[rows])
        for name, values in channels.items()
        if name in source.onehot
    }
    scaler = _scaler(source, channels)
    daily = _daily(hourly, list(channels), codes, source.onehot, scaler)
    skipped = _skipped(grid)
    return Content(
        {"hourly": hourly, "daily": daily},
        {"hourly": (HOUR, CHANNEL), "daily": (DAY, CHANNEL, HOUR)},
        {ROWS: _described(source, table)},
        scaler,
        {
            "channels": list(channels)
            + [f"{name}={code}" for name in codes for code in range(1, source.onehot[name] + 1)],
            "filled_hours": [_iso(hour) for hour in grid[filled]],
            "skipped_hours": [{"from": _iso(a), "to": _iso(b)} for a, b in skipped],
        },
        _warnings(order, filled, skipped),
    )


def day_view(hourly: torch.Tensor) -> torch.Tensor:
    """[hour, channel] seen as [day, 24, channel], without a copy."""
    return hourly.view(-1, HOURS, hourly.shape[1])


def channels_first(days: torch.Tensor) -> torch.Tensor:
    """[day, 24, channel] seen as [day, channel, 24], without a copy."""
    return days.transpose(1, 2)


def fill_grid(hours: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The grid of whole days over observed hours.

    Args:
        hours: hours since 1970-01-01T00, strictly increasing, int64 [observed].

    Returns:
        rows: for each hour of the grid the index of the observed row that it shows, int64 [grid].
        grid: the hour itself, int64 [grid]; the length is a multiple of 24 and grid % 24 is
            0, 1, …, 23, 0, 1, …
    """
    import numpy as np

    missing = np.diff(hours) - 1
    lengths = 1 + np.append(missing % HOURS, (HOURS - 1 - hours[-1]) % HOURS)
    head = hours[0] % HOURS
    last = np.repeat(np.arange(len(hours)), lengths)
    since = np.arange(len(last)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    grid = np.concatenate([hours[0] - np.arange(head, 0, -1), hours[last] + since])
    last = np.concatenate([np.zeros(head, dtype=last.dtype), last])
    following = np.minimum(last + 1, len(hours) - 1)
    day = grid // HOURS
    use_next = (hours[last] // HOURS != day) & (hours[following] // HOURS == day)
    return np.where(use_next, following, last), grid


def _hours(source: TimeSeriesSource, path: Path, table: pa.Table) -> NDArray[np.int64]:
    """Hours since 1970-01-01T00 of each row, int64 [row]."""
    import numpy as np

    hour = table[source.hour].to_numpy()
    valid = (hour == np.floor(hour)) & (hour >= 0) & (hour < HOURS)
    if not valid.all():
        row = int(valid.argmin())
        raise not_valid(source, path, row, source.hour, "an hour from 0 to 23", hour[row])
    dates = table[source.date].combine_chunks().dictionary_encode()
    days = []
    for text in dates.dictionary.to_pylist():
        try:
            days.append((datetime.strptime(text, "%Y-%m-%d") - datetime(1970, 1, 1)).days)
        except ValueError:
            row = table[source.date].to_pylist().index(text)
            expected = "a date as 2011-12-31"
            raise not_valid(source, path, row, source.date, expected, text) from None
    day: NDArray[np.int64] = np.array(days, dtype=np.int64)[dates.indices.to_numpy()]
    hours: NDArray[np.int64] = day * HOURS + hour.astype(np.int64)
    return hours


def _time_order(
    source: TimeSeriesSource, path: Path, table: pa.Table, hours: NDArray[np.int64]
) -> NDArray[np.int64]:
    import numpy as np

    order: NDArray[np.int64] = np.argsort(hours, kind="stable")
    doubled = np.flatnonzero(np.diff(hours[order]) == 0)
    if len(doubled):
        first, again = sorted(order[doubled[0] : doubled[0] + 2].tolist())
        expected = f"another hour than in row {first + 1}"
        raise not_valid(source, path, again, source.hour, expected, _iso(hours[again]))
    return order


def _filled_table(
    source: TimeSeriesSource,
    table: pa.Table,
    rows: NDArray[np.int64],
    grid: NDArray[np.int64],
    filled: NDArray[np.bool_],
) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    columns = {}
    for name in table.column_names:
        if name == source.date:
            columns[name] = pa.array((grid // HOURS).astype("datetime64[D]"))
        elif name == source.hour:
            columns[name] = pa.array(grid % HOURS)
        else:
            values = table[name].to_numpy()[rows]
            values = np.where(filled, 0.0, values) if name in source.zero else values
            columns[name] = pa.array(values)
    return pa.table(columns)


def _codes(
    source: TimeSeriesSource, path: Path, name: str, values: NDArray[Any], rows: NDArray[np.int64]
) -> torch.Tensor:
    import numpy as np
    import torch

    count = source.onehot[name]
    valid = (values == np.floor(values)) & (values >= 1) & (values <= count)
    if not valid.all():
        bad = int(valid.argmin())
        raise not_valid(
            source, path, int(rows[bad]), name, f"a code from 1 to {count}", values[bad]
        )
    return torch.from_numpy(values.astype(np.int64) - 1)


def _scaler(source: TimeSeriesSource, channels: dict[str, NDArray[Any]]) -> Scaler | None:
    if not source.scale:
        return None
    scaled = {name: source.scale[name] for name in channels if name in source.scale}
    fits = []
    for name, how in scaled.items():
        if isinstance(how, str):
            fits.append(
                Scaler.fit(Moments.of(channels[name].astype("float32")[:, None]), (name,), how)
            )
        else:
            fits.append(Scaler("range", (name,), (how[0],), (how[1] - how[0],)))
    return Scaler(
        "mixed",
        tuple(scaled),
        tuple(fit.shift[0] for fit in fits),
        tuple(fit.scale[0] for fit in fits),
    )


def _daily(
    hourly: torch.Tensor,
    channels: list[str],
    codes: dict[str, torch.Tensor],
    sizes: dict[str, int],
    scaler: Scaler | None,
) -> torch.Tensor:
    import torch

    encoded = [
        one_hot(ids.view(-1, HOURS), sizes[name]).transpose(1, 2) for name, ids in codes.items()
    ]
    daily = torch.cat([channels_first(day_view(hourly)), *encoded], dim=1)
    if scaler:
        scaled = [channels.index(name) for name in scaler.names]
        daily[:, scaled] = scaler.apply(daily[:, scaled])
    return daily.contiguous()


def _check_options(source: TimeSeriesSource, table: pa.Table) -> None:
    known = table.column_names
    used = {source.hour, *source.onehot, *source.scale, *source.zero, *source.units}
    for name in sorted(used):
        if name not in known:
            raise InputError(
                source.name,
                where="header",
                expected=f"a column '{name}'",
                got=", ".join(known),
                file=source.path,
            )


def _described(source: TimeSeriesSource, table: pa.Table) -> pa.Table:
    import pyarrow as pa

    return table.cast(
        pa.schema(
            [
                f.with_metadata({"unit": source.units[f.name]}) if f.name in source.units else f
                for f in table.schema
            ]
        )
    )


def _day_of_month(grid: NDArray[np.int64]) -> NDArray[np.int64]:
    days = (grid // HOURS).astype("datetime64[D]")
    result: NDArray[np.int64] = (days - days.astype("datetime64[M]")).astype("int64") + 1
    return result


def _skipped(grid: NDArray[np.int64]) -> list[tuple[int, int]]:
    """First and last hour of each run that the grid leaves out."""
    import numpy as np

    breaks = np.flatnonzero(np.diff(grid) > 1)
    return [(int(grid[i]) + 1, int(grid[i + 1]) - 1) for i in breaks]


def _warnings(
    order: NDArray[np.int64], filled: NDArray[np.bool_], skipped: list[tuple[int, int]]
) -> tuple[str, ...]:
    import numpy as np

    warnings = []
    if (np.diff(order) < 0).any():
        warnings.append("the rows were not in the order of time and were sorted")
    if filled.any():
        warnings.append(f"{int(filled.sum())} missing hours were filled")
    for start, end in skipped:
        warnings.append(
            f"{end - start + 1} hours from {_iso(start)} to {_iso(end)} are missing and were left "
            "out: the day before and the day after became one"
        )
    return tuple(warnings)


def _iso(hour: int | np.int64) -> str:
    import numpy as np

    return str(np.datetime64(int(hour), "h"))
