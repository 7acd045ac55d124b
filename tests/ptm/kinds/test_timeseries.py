"""Hourly series: whole days, missing hours filled by the rule that the book's table follows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ptm.content import ROWS, Content
from ptm.kinds.timeseries import channels_first, day_view, fill_grid

Make = Callable[..., Content]
START = datetime(2011, 1, 1)
DAY = 24


def series(gaps: st.SearchStrategy[int]) -> st.SearchStrategy[np.ndarray]:
    """Observed hours with that many missing between each two; also before 1970."""
    starts = st.integers(-100_000, 400_000)
    return st.builds(
        lambda start, missing: np.cumsum([start, *(m + 1 for m in missing)]),
        starts,
        st.lists(gaps, max_size=60),
    )


SHORT_GAPS = series(st.one_of(st.just(0), st.integers(0, 23)))
ANY_GAPS = series(st.one_of(st.just(0), st.integers(0, 23), st.integers(0, 200)))


def filled_plainly(hours: list[int]) -> dict[int, int]:
    """The rule in plain Python, for gaps under a day: each hour of the grid, the hour it shows."""
    shown = {}
    for hour in range(hours[0] // DAY * DAY, (hours[-1] // DAY + 1) * DAY):
        today = [h for h in hours if h // DAY == hour // DAY]
        shown[hour] = max((h for h in today if h <= hour), default=today[0])
    return shown


@given(SHORT_GAPS)
def test_fill_rule(hours: np.ndarray) -> None:
    """A missing hour shows the last observed row of its day, or else the first one."""
    rows, grid = fill_grid(hours)
    assert dict(zip(grid.tolist(), hours[rows].tolist(), strict=True)) == filled_plainly(
        hours.tolist()
    )
    assert len(grid) == len(set(grid.tolist()))


@given(ANY_GAPS)
def test_grid_is_whole_days(hours: np.ndarray) -> None:
    """However long the gaps, the grid is in order of time and hour h stands at place h of a day."""
    rows, grid = fill_grid(hours)
    assert len(rows) == len(grid) and len(grid) % DAY == 0
    assert (grid % DAY == np.arange(len(grid)) % DAY).all()
    assert (np.diff(grid) > 0).all()


@given(ANY_GAPS)
def test_observed_hours_show_themselves(hours: np.ndarray) -> None:
    """Every observed hour is in the grid once and shows its own row; no row is of a later day."""
    rows, grid = fill_grid(hours)
    places = np.flatnonzero(np.isin(grid, hours))
    assert grid[places].tolist() == hours.tolist()
    assert rows[places].tolist() == list(range(len(hours)))
    assert (hours[rows] // DAY <= grid // DAY).all()


@given(ANY_GAPS)
def test_only_long_gaps_leave_hours_out(hours: np.ndarray) -> None:
    """The grid leaves out the whole days of 24 hours that a gap holds, and nothing else."""
    _, grid = fill_grid(hours)
    first, last = hours[0] // DAY * DAY, (hours[-1] // DAY + 1) * DAY
    left_out = sum((after - before - 1) // DAY * DAY for before, after in pairwise(hours.tolist()))
    assert len(grid) == last - first - left_out


def test_fill_planted() -> None:
    """A day with hours 2, 3 and 20: hours 0 and 1 show 2, hours 4 to 19 show 3, the rest 20."""
    rows, grid = fill_grid(np.array([2, 3, 20]))
    assert grid.tolist() == list(range(24))
    assert rows.tolist() == [0] * 3 + [1] * 17 + [2] * 4


def test_gap_of_36_hours() -> None:
    """The storm's gap: 12 hours are filled, 24 left out, and two dates share one day."""
    hours = np.array([*range(1), *range(37, 48)])
    rows, grid = fill_grid(hours)
    assert grid.tolist() == [*range(13), *range(37, 48)]
    assert rows.tolist() == [0] * 13 + list(range(1, 12))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., None]:
    """Writes hours (since the start of 2011) with a weather code and a temperature."""

    def write(hours: list[int], header: str = "date,hour,code,temp,count") -> None:
        lines = [header]
        for hour in hours:
            when = START + timedelta(hours=hour)
            lines.append(f"{when:%Y-%m-%d},{when.hour},{hour % 4 + 1},{hour},{hour + 100}")
        (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")

    return write


def test_hourly(make: Make, write: Callable[..., None]) -> None:
    """`hourly` has every column of the file in its order, the date as its day of the month."""
    write(list(range(31 * 24, 33 * 24)))
    content = make("timeseries", "t.csv")
    hourly = content.tensors["hourly"]
    assert hourly.dtype == torch.float32 and hourly.shape == (48, 5)
    assert hourly[0].tolist() == [1, 0, 1, 744, 844]
    assert hourly[47].tolist() == [2, 23, 4, 791, 891]
    assert content.facts["channels"] == ["date", "hour", "code", "temp", "count"]
    assert content.warnings == () and content.facts["filled_hours"] == []


def test_views_copy_nothing(make: Make, write: Callable[..., None]) -> None:
    """Days and channels-first days are views of `hourly`: the same memory, other strides."""
    write(list(range(48)))
    hourly = make("timeseries", "t.csv").tensors["hourly"]
    days = day_view(hourly)
    first = channels_first(days)
    assert (days.shape, days.stride()) == ((2, 24, 5), (120, 5, 1))
    assert (first.shape, first.stride()) == ((2, 5, 24), (120, 1, 5))
    assert days.data_ptr() == first.data_ptr() == hourly.data_ptr()
    assert first[1, 3, 5] == hourly[24 + 5, 3]


def test_daily_onehot(make: Make, write: Callable[..., None]) -> None:
    """`daily` ends with one channel for each code: 1 in the hours that have it, 0 elsewhere."""
    write(list(range(48)))
    content = make("timeseries", "t.csv", onehot={"code": 4})
    daily = content.tensors["daily"]
    assert daily.shape == (2, 9, 24) and daily.is_contiguous()
    onehot = daily[:, 5:]
    assert onehot.sum(dim=1).eq(1).all()
    assert torch.equal(onehot.argmax(dim=1) + 1, daily[:, 2].long())
    assert content.facts["channels"][5:] == ["code=1", "code=2", "code=3", "code=4"]


def test_daily_scaled(make: Make, write: Callable[..., None]) -> None:
    """A range becomes 0 to 1, "minmax" the observed range, "standard" mean 0 and deviation 1."""
    write(list(range(48)))
    scale = {"code": (1.0, 4.0), "temp": "standard", "count": "minmax"}
    content = make("timeseries", "t.csv", scale=scale, onehot={"code": 4})
    hourly, daily = content.tensors["hourly"], content.tensors["daily"]
    code, temp, count = daily[:, 2].flatten(), daily[:, 3].flatten(), daily[:, 4].flatten()
    assert torch.allclose(code, (hourly[:, 2] - 1) / 3)
    assert temp.mean().item() == pytest.approx(0, abs=1e-6)
    assert temp.std().item() == pytest.approx(1, abs=1e-6)
    assert torch.allclose(count, torch.arange(48) / 47)
    assert content.scaler is not None and content.scaler.names == ("code", "temp", "count")
    raw = channels_first(day_view(hourly))
    assert torch.equal(daily[:, :2], raw[:, :2])
    assert torch.allclose(content.scaler.invert(daily[:, 2:5]), raw[:, 2:5], atol=1e-4)


def test_filled_rows(make: Make, write: Callable[..., None]) -> None:
    """A filled hour has its own date and hour, 0 in `zero` columns, the rest carried over."""
    write([0, *range(4, 24)])
    content = make("timeseries", "t.csv", zero=("count",))
    table = content.tables[ROWS].to_pandas()
    assert table["hour"].tolist() == list(range(24))
    assert table["temp"].tolist() == [0, 0, 0, *map(float, [0, *range(4, 24)])]
    assert table["count"].tolist() == [100, 0, 0, 0, *(float(h + 100) for h in range(4, 24))]
    assert {str(date)[:10] for date in table["date"]} == {"2011-01-01"}
    assert content.facts["filled_hours"] == ["2011-01-01T01", "2011-01-01T02", "2011-01-01T03"]
    assert content.warnings == ("3 missing hours were filled",)


def test_skipped_hours_are_told(make: Make, write: Callable[..., None]) -> None:
    """Days that are left out stand in the facts and in a warning."""
    write([*range(24), *range(72, 96)])
    content = make("timeseries", "t.csv")
    assert content.tensors["daily"].shape[0] == 2
    assert content.facts["skipped_hours"] == [{"from": "2011-01-02T00", "to": "2011-01-03T23"}]
    assert len(content.warnings) == 1 and "48 hours" in content.warnings[0]


def test_rows_in_any_order(make: Make, write: Callable[..., None]) -> None:
    """Rows out of the order of time are sorted, which a warning tells."""
    write(list(range(24)))
    sorted_already = make("timeseries", "t.csv").tensors
    write([*range(12, 24), *range(12)])
    content = make("timeseries", "t.csv")
    assert all(torch.equal(content.tensors[name], sorted_already[name]) for name in sorted_already)
    assert len(content.warnings) == 1 and "sorted" in content.warnings[0]


def test_constant_column(make: Make, tmp_path: Path) -> None:
    """A scaled column that never varies becomes 0, not NaN."""
    lines = [f"2011-01-01,{hour},7" for hour in range(24)]
    (tmp_path / "t.csv").write_text("\n".join(["date,hour,temp", *lines]))
    for how in ("standard", "minmax"):
        daily = make("timeseries", "t.csv", scale={"temp": how}).tensors["daily"]
        assert daily[0, 2].eq(0).all()


def test_units_stand_in_the_metadata(make: Make, write: Callable[..., None]) -> None:
    """A column with a unit carries it."""
    write(list(range(24)), "day,hr,code,temp,count")
    content = make("timeseries", "t.csv", date="day", hour="hr", units={"temp": "°C"})
    assert content.tables[ROWS].schema.field("temp").metadata == {b"unit": "°C".encode()}
    assert content.axes == {"hourly": ("hour", "channel"), "daily": ("day", "channel", "hour")}
