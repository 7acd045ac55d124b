"""Hourly series: rows with a date and an hour into hours without holes, and into whole days.

Nothing is invented before the first hour of the file or after its last. A missing hour in between
carries the last observed row of its day, or else the first one, and has 0 in the columns that the
source names in `zero`. Where 24 hours or more are missing in one run the file is refused, unless
the source joins what is before and after: then whole days of that run are left out, so that hour h
still stands at place h of its day. This is the rule by which the UCI bike data's
`hour-fixed.csv` follows from its `hour.csv`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from ptm import arrow
from ptm.delimited_source import DelimitedSource
from ptm.encoding import one_hot
from ptm.errors import MOST_TOLD, BadInput, Faults
from ptm.kinds.timeseries.files import Files
from ptm.kinds.timeseries.hours import (
    HOURS,
    add_rows,
    day_of_month,
    fill_grid,
    iso,
    read_hours,
    skipped,
    time_order,
    whole_days,
)
from ptm.limits import check_size
from ptm.model import CHANNEL, DAY, HOUR, ROWS, Artifact, Block, Part, View
from ptm.readers.delimited.faults import some
from ptm.scaling import Scaler, merged_values
from ptm.source import GIB, MOST_CLASSES, MOST_COLUMNS, Number
from ptm.stats import Moments

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from ptm.inspecting.folder import Folder
    from ptm.inspecting.guess import Guess

NAMES_MATTER = False  # of files: no row has them
ASKED = 1  # when a folder is looked at: before tables
MEASURED = ("shift", "scale")
EPOCH_WEEKDAY = 3  # of 1970-01-01, a Thursday; 0 is Monday

TOGETHER = True  # whether an hour is missing is told by those around it


class Options(DelimitedSource):
    """Hourly rows of a delimited file, made into whole days of 24 hours.

    Attributes:
        delimiter: between the values of a row, one ASCII character.
        encoding: of the file, as Python names it.
        date, hour: the columns with the ISO date and the hour from 0 to 23.
        onehot: for each column of codes 1..k, the number k; k channels are added to `daily`.
        scale: for each column to rescale in `daily`: "standard" (mean 0, standard deviation 1),
            "minmax" (0 to 1), or the values [low, high] that become 0 and 1.
        zero: columns that are 0 in an hour that is missing; the others are carried over.
        units: the unit of each column that has one.
        gaps: "join" leaves out whole days that are missing, and joins the hours before and after;
            without it such a gap is refused.
        max_columns, max_bytes: of one encoding.
    """

    samples: ClassVar[bool] = False

    limits: ClassVar[frozenset[str]] = frozenset({"max_bytes", "max_columns"})
    takes_folders: ClassVar[bool] = False
    sets_aside: ClassVar[bool] = False
    date: str = "date"
    hour: str = "hour"
    onehot: dict[str, Annotated[int, Field(ge=2, le=MOST_CLASSES)]] = Field(default_factory=dict)
    scale: dict[str, Literal["standard", "minmax"] | tuple[Number, Number]] = Field(
        default_factory=dict
    )
    zero: tuple[str, ...] = ()
    units: dict[str, str] = Field(default_factory=dict)
    gaps: Literal["join"] | None = None
    max_columns: int = Field(default=MOST_COLUMNS, ge=1)
    max_bytes: int = Field(default=GIB, ge=1)

    @model_validator(mode="after")
    def _date_is_not_hour(self) -> Options:
        if self.date == self.hour:
            raise ValueError(f"'date' and 'hour' to be two columns, got '{self.date}' for both")
        return self

    @field_validator("scale")
    @classmethod
    def _ranges_are_not_empty(cls, scale: dict[str, Any]) -> dict[str, Any]:
        for column, how in scale.items():
            if not isinstance(how, str) and not (
                math.isfinite(how[1] - how[0]) and how[0] < how[1]
            ):
                raise ValueError(f"[low, high] with low < high for '{column}', got {list(how)}")
        return scale


@dataclass(frozen=True)
class Grid:
    """Hours without holes, from the first to the last of a file.

    Attributes:
        hours: since 1970-01-01T00, int64 [hour].
        rows: the row of the file that each shows, int64 [hour].
        filled: whether the file has no such hour, bool [hour].
        borrowed: how many of those show a row of another day, since their own has none.
        sorted: whether the rows of the file were in another order.
        whole: the hours of its whole days.
    """

    hours: NDArray[np.int64]
    rows: NDArray[np.int64]
    filled: NDArray[np.bool_]
    borrowed: int
    sorted: bool
    whole: slice


def read(options: Options, part: Part) -> Block:
    """The hours of a series, and its days channels first.

    Returns:
        `hourly` float32 [hour, channel]: every column in the unit of the file, the date as its day
        of the month, from the first to the last hour of the file; `hourly_observed` bool [hour]:
        True where the file has the hour, False where it was filled; `daily` float32 [day,
        channel, 24]: the same channels of whole days, rescaled where the source says so, followed
        by the one-hot channels. The table holds a row for each of the hours, filled as they are.
        The scaler, of what stands in `daily`, has all channels of it.

    Raises:
        BadInput: see `read_delimited`; or dates, hours or codes that are none; or hours that come
            twice; row and column are named. Or a run of 24 missing hours or more; no whole day; an
            encoding larger than the source allows; a scale beyond float32.
    """
    import torch

    files = Files(options, part.files)
    table = files.table
    faults = Faults()
    _check_options(options, files, table, faults)
    grid = _grid(options, files, table, faults)
    filled = _filled_table(options, table, grid)
    channels = {
        name: arrow.numbers(filled[name]) if name != options.date else day_of_month(grid.hours)
        for name in filled.column_names
    }
    onehot = [name for name in channels if name in options.onehot]  # in the order of the columns
    names = list(channels)
    names += [f"{name}={code}" for name in onehot for code in range(1, options.onehot[name] + 1)]
    hourly = _stacked(channels)
    scalers = _scalers(options, channels, grid.whole)
    daily = _daily(options, files, channels, grid, scalers)
    left_out = skipped(grid.hours)
    hours = [iso(grid.hours[place]) for place in (grid.whole.start, grid.whole.stop - 1)]
    return Block(
        {
            "hourly": torch.from_numpy(hourly),
            "hourly_observed": torch.from_numpy(~grid.filled),
            "daily": torch.from_numpy(daily),
        },
        {"hourly": (HOUR, CHANNEL), "hourly_observed": (HOUR,), "daily": (DAY, CHANNEL, HOUR)},
        _described(options, filled),
        scaler=_together(scalers, tuple(names)),
        facts={
            "channels": names,
            "filled_hours": [iso(hour) for hour in grid.hours[grid.filled]],
            "skipped_hours": [{"from": iso(a), "to": iso(b)} for a, b in left_out],
            "daily_hours": {"from": hours[0], "to": hours[1]},
        },
        notes=(*_notes(options, grid, left_out), *_merged(options, table)),
    )


def _check_options(options: Options, files: Files, table: pa.Table, faults: Faults) -> None:
    known = table.column_names
    used = {options.hour, *options.onehot, *options.scale, *options.zero, *options.units}
    for name in sorted(used - set(known)):
        faults.add(_fault(files, "header", f"a column '{name[:40]}'", some(known)))
    if options.hour not in known:
        faults.check()
    for name in sorted({options.date, options.hour} & set(options.zero)):
        expected = "columns beside date and hour, which a missing hour has"
        faults.add(_fault(files, "zero", expected, f"'{name[:40]}'"))
    for name in known:
        column, _, code = name.rpartition("=")
        most = options.onehot.get(column, 0)
        if len(code) <= len(str(most)) and code in map(str, range(1, most + 1)):
            expected = f"no column '{name[:40]}', which 'onehot' makes"
            faults.add(_fault(files, "header", expected, "one"))


def _grid(options: Options, files: Files, table: pa.Table, faults: Faults) -> Grid:
    """The hours, after all of the rows were looked at; what is wrong is told together."""
    import numpy as np

    hours, valid = read_hours(options, files, table, faults)
    order = time_order(options, files, hours, valid, faults)
    _check_codes(options, files, table, hours, valid, faults)
    if faults.count:
        _check_sizes(options, files, table.num_rows, faults)
        faults.check()
    observed = hours[order]
    shown, grid = fill_grid(observed)
    whole = whole_days(grid)
    if whole.stop == whole.start:
        expected = f"at least one whole day, from hour 0 to {HOURS - 1}"
        faults.add(_fault(files, "", expected, f"{iso(grid[0])} to {iso(grid[-1])}"))
    _check_sizes(options, files, max(whole.stop - whole.start, HOURS), faults)
    faults.check()
    borrowed = int((observed[shown] // HOURS != grid // HOURS).sum())
    unsorted = bool((np.diff(order) < 0).any())
    return Grid(grid, order[shown], grid != observed[shown], borrowed, unsorted, whole)


def _check_codes(
    options: Options,
    files: Files,
    table: pa.Table,
    hours: NDArray[np.int64],
    valid: NDArray[np.bool_],
    faults: Faults,
) -> None:
    import numpy as np

    for name in table.column_names:
        if name not in options.onehot:
            continue
        most = options.onehot[name]
        values = day_of_month(hours) if name == options.date else arrow.numbers(table[name])
        bad = (values != np.floor(values)) | (values < 1) | (values > most)
        if name in (options.date, options.hour):
            bad &= valid  # what is no date or hour is told already

        def fault(
            row: int, name: str = name, most: int = most, values: NDArray[Any] = values
        ) -> BadInput:
            return files.not_valid(row, name, f"a code from 1 to {most}", values[row])

        add_rows(faults, bad, fault)


def _check_sizes(options: Options, files: Files, hours: int, faults: Faults) -> None:
    for name, codes in options.onehot.items():
        try:
            check_size(options, hours, codes, f"column '{name[:40]}'", str(files))
        except BadInput as error:
            faults.add(error)


def _filled_table(options: Options, table: pa.Table, grid: Grid) -> pa.Table:
    import numpy as np

    columns = {}
    for name in table.column_names:
        if name == options.date:
            columns[name] = arrow.column((grid.hours // HOURS).astype("datetime64[D]"))
        elif name == options.hour:
            columns[name] = arrow.column(grid.hours % HOURS)
        else:
            values = arrow.numbers(table[name])[grid.rows]
            if name in options.zero:
                values = np.where(grid.filled, values.dtype.type(0), values)
            columns[name] = arrow.column(values)
    return arrow.table(columns)


def _stacked(channels: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    import numpy as np

    return np.stack([values.astype(np.float32) for values in channels.values()], axis=1)


def _scalers(
    options: Options, channels: dict[str, NDArray[Any]], whole: slice
) -> dict[str, Scaler]:
    """Of each column that is rescaled, by what its whole days hold."""
    scalers = {}
    for name in (name for name in channels if name in options.scale):
        how = options.scale[name]
        if isinstance(how, str):
            scalers[name] = Scaler.fit(Moments.of(channels[name][whole, None]), (name,), how)
        else:
            scalers[name] = Scaler("range", (name,), (how[0],), (how[1] - how[0],))
    return scalers


def _together(scalers: dict[str, Scaler], channels: tuple[str, ...]) -> Scaler | None:
    """One scaler for all channels of `daily`."""
    if not scalers:
        return None
    shift, scale = (tuple(getattr(s, what)[0] for s in scalers.values()) for what in MEASURED)
    return Scaler("mixed", tuple(scalers), shift, scale).among(channels)


def _daily(
    options: Options,
    files: Files,
    channels: dict[str, NDArray[Any]],
    grid: Grid,
    scalers: dict[str, Scaler],
) -> NDArray[np.float32]:
    """Whole days channels first, float32 [day, channel, 24]."""
    import numpy as np
    import torch

    days = (grid.whole.stop - grid.whole.start) // HOURS
    count = len(channels) + sum(options.onehot.values())
    daily = np.zeros((days, count, HOURS), dtype=np.float32)
    faults = Faults()
    for place, (name, values) in enumerate(channels.items()):
        inside = values[grid.whole]
        if name in scalers:
            inside = _scaled(inside, scalers[name])
            if not (np.abs(inside) <= np.finfo(np.float32).max).all():
                where, expected = f"scale of column '{name[:40]}'", "numbers within float32"
                got = f"{np.abs(inside).max():g}"
                faults.add(_fault(files, where, expected, got))
                continue
        daily[:, place] = inside.reshape(days, HOURS)
    faults.check()
    place = len(channels)
    for name in (name for name in channels if name in options.onehot):
        codes = channels[name][grid.whole].astype(np.int64).reshape(days, HOURS)
        size = options.onehot[name]
        encoded = one_hot(torch.from_numpy(np.maximum(codes - 1, 0)), size).numpy()
        # a filled hour has no code where the column is in `zero`
        np.multiply(
            encoded.transpose(0, 2, 1), codes[:, None] > 0, out=daily[:, place : place + size]
        )
        place += size
    return daily


def _scaled(values: NDArray[Any], scaler: Scaler) -> NDArray[np.float64]:
    """One column, in float64: it is rounded once, when it is stored."""
    import torch

    raw = torch.from_numpy(values.astype("float64"))
    scaled: NDArray[np.float64] = scaler.apply(raw[:, None])[:, 0].numpy()
    return scaled


def _described(options: Options, table: pa.Table) -> pa.Table:
    import pyarrow as pa

    return table.cast(
        pa.schema(
            [
                f.with_metadata({"unit": options.units[f.name]}) if f.name in options.units else f
                for f in table.schema
            ]
        )
    )


def _notes(options: Options, grid: Grid, left_out: list[tuple[int, int]]) -> tuple[str, ...]:
    """What became of the hours, for people."""
    notes = []
    if grid.sorted:
        notes.append("the rows were not in the order of time and were sorted")
    if grid.filled.any():
        how = "the last row of their day, or else its first"
        if grid.borrowed:
            how += f" ({grid.borrowed} on a day without any: the last row before)"
        if options.zero:
            how += f", and 0 in {some(options.zero)}"
        notes.append(
            f"{int(grid.filled.sum())} missing hours were filled with {how}; "
            "hourly_observed is False there"
        )
    before, after = grid.whole.start, len(grid.hours) - grid.whole.stop
    if before or after:
        notes.append(
            f"the series runs from {iso(grid.hours[0])} to {iso(grid.hours[-1])}: daily leaves out "
            f"its first {before} and last {after} hours, whose days are not whole"
        )
    for start, end in left_out[:MOST_TOLD]:
        notes.append(
            f"{end - start + 1} hours from {iso(start)} to {iso(end)} are missing and were left "
            "out: the hours before and after were joined"
        )
    if len(left_out) > MOST_TOLD:
        notes.append(f"{len(left_out) - MOST_TOLD} more such runs of hours were left out")
    return tuple(notes)


def _merged(options: Options, table: pa.Table) -> tuple[str, ...]:
    """Of which columns float32 has fewer values than the file."""
    import numpy as np

    merged = []
    for name in table.column_names:
        if name in (options.date, options.hour):
            continue
        values = arrow.numbers(table[name])
        counts = merged_values(values, values.astype(np.float32))
        if counts:
            merged.append(f"column '{name[:40]}' {counts[0]} become {counts[1]}")
    if not merged:
        return ()
    more = f" and {len(merged) - MOST_TOLD} more columns" if len(merged) > MOST_TOLD else ""
    some = ", of ".join(merged[:MOST_TOLD])
    return (f"hourly is float32, where distinct values become one: of {some}{more}",)


def _fault(files: Files, where: str, expected: str, got: str) -> BadInput:
    return BadInput(where=where, expected=expected, got=got, file=str(files))


def views(artifact: Artifact) -> Iterator[View]:
    """The last column, by custom that of interest, by hour and weekday."""
    column = artifact.manifest["tables"][ROWS]["columns"][-1]
    name = column["name"]
    unit = column.get("unit", name)
    yield View(
        "week",
        f"Values of the column {name} for each hour: the mean of each weekday, and every day; "
        f"the colour bar is in {unit}. Hours that the file does not have are blank.",
        picture=_week(artifact, f"{artifact.name}: {name} by hour", unit),
        title=f"{artifact.name}: week heat map",
    )


def _week(artifact: Artifact, title: str, unit: str) -> Any:
    import numpy as np

    from ptm import draw

    values = artifact.tensors["hourly"][:, -1].numpy()
    observed = artifact.tensors["hourly_observed"].numpy()
    options = artifact.manifest["options"]
    dates = np.array(artifact.table[options["date"]].tolist(), dtype="datetime64[D]")
    day = (dates - dates[0]).astype(np.int64)
    hour = artifact.table[options["hour"]].to_numpy()
    days = np.full((day[-1] + 1, HOURS), np.nan, dtype=np.float32)  # of the calendar, each of them
    days[day[observed], hour[observed]] = values[observed]
    first = int(dates[0].astype(np.int64)) + EPOCH_WEEKDAY
    weekdays = np.arange(first, first + len(days)) % 7
    return draw.heat_map(days, weekdays, str(dates[0]), title, unit)


def inspect(folder: Folder) -> Guess | None:
    """The hourly tables of a folder, for `ptm init`."""
    from ptm.kinds.timeseries.inspecting import look

    return look(folder)
