"""Hourly series: whole days, missing hours filled by the rule that the book's table follows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import ptm
from ptm import draw
from ptm.errors import InputError
from ptm.kinds import timeseries
from ptm.kinds.timeseries.hours import fill_grid, whole_days
from ptm.model import Block
from ptm.registry import kind_named

Make = Callable[..., Block]
START = datetime(2011, 1, 1)
DAY = 24


def by_day(hourly: torch.Tensor) -> torch.Tensor:
    """Hours of whole days, [hour, channel], seen as [day, channel, 24]."""
    return hourly.view(-1, DAY, hourly.shape[1]).transpose(1, 2)


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
    for hour in range(hours[0], hours[-1] + 1):
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
def test_grid_goes_on_from_hour_to_hour(hours: np.ndarray) -> None:
    """However long the gaps, the grid is in order of time, and its hours of the day go on."""
    rows, grid = fill_grid(hours)
    assert len(rows) == len(grid)
    assert (grid % DAY == (hours[0] + np.arange(len(grid))) % DAY).all()
    assert (np.diff(grid) > 0).all()


@given(ANY_GAPS)
def test_no_hour_is_invented(hours: np.ndarray) -> None:
    """The grid begins with the first hour that is there, and ends with the last."""
    _, grid = fill_grid(hours)
    assert (grid[0], grid[-1]) == (hours[0], hours[-1])


@given(ANY_GAPS)
def test_whole_days(hours: np.ndarray) -> None:
    """Whole days are from an hour 0 to an hour 23, and as many as there can be."""
    _, grid = fill_grid(hours)
    inside = grid[whole_days(grid)]
    assert (inside % DAY == np.arange(len(inside)) % DAY).all() and len(inside) % DAY == 0
    starts = [place for place in range(len(grid)) if grid[place] % DAY == 0]
    assert len(inside) // DAY == sum(place + DAY <= len(grid) for place in starts)


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
    first, last = hours[0], hours[-1] + 1
    left_out = sum((after - before - 1) // DAY * DAY for before, after in pairwise(hours.tolist()))
    assert len(grid) == last - first - left_out


def test_fill_planted() -> None:
    """Hours 22, 2, 3 and 20: 23 shows 22, 0 and 1 show 2, hours 4 to 19 show 3."""
    rows, grid = fill_grid(np.array([-2, 2, 3, 20]))
    assert grid.tolist() == list(range(-2, 21))
    assert rows.tolist() == [0] * 2 + [1] * 3 + [2] * 17 + [3]


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
    assert content.notes == () and content.facts["filled_hours"] == []


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
    raw = by_day(hourly)
    assert torch.equal(daily[:, :2], raw[:, :2])
    scaler = content.scaler
    assert scaler is not None and list(scaler.names) == content.facts["channels"]
    assert torch.allclose(scaler.invert(daily)[:, :5], raw.double(), atol=1e-4)
    assert torch.equal(scaler.invert(daily)[:, 5:], daily[:, 5:].double())


def test_scaler_takes_raw_values(make: Make, tmp_path: Path) -> None:
    """`apply` on the file's values, float64, gives what is stored, to the last bit."""
    rng = np.random.default_rng(0)
    values = rng.normal(20, 7, (72, 2))
    rows = [
        f"2011-01-{h // 24 + 1:02d},{h % 24},{a},{h % 3 + 1},{b}"
        for h, (a, b) in enumerate(values.tolist())
    ]
    (tmp_path / "t.csv").write_text("\n".join(["date,hour,a,code,b", *rows]))
    content = make(
        "timeseries", "t.csv", scale={"b": "standard", "a": "minmax"}, onehot={"code": 3}
    )
    daily, scaler = content.tensors["daily"], content.scaler
    assert scaler is not None
    raw = torch.zeros(3, 8, 24, dtype=torch.float64)
    raw[:, 0], raw[:, 1] = torch.arange(1, 4)[:, None], torch.arange(24)
    raw[:, [2, 4]] = torch.from_numpy(values.reshape(3, 24, 2).transpose(0, 2, 1).copy())
    raw[:, 3] = torch.arange(72).reshape(3, 24) % 3 + 1
    raw[:, 5:] = torch.nn.functional.one_hot(raw[:, 3].long() - 1, 3).transpose(1, 2)
    assert torch.equal(scaler.apply(raw, dim=1).float(), daily)
    assert torch.allclose(scaler.invert(daily), raw, rtol=1e-6)


UNIX = 1_700_000_000


def test_scaled_before_it_is_rounded(make: Make, tmp_path: Path) -> None:
    """What float32 would merge is scaled in float64; where it stays as it is, that is told."""
    rows = [
        f"2011-01-{h // 24 + 1:02d},{h % 24},{UNIX + 10 * h},{100000 + h / 1000},{h}"
        for h in range(48)
    ]
    (tmp_path / "t.csv").write_text("\n".join(["date,hour,unix,metre,n", *rows]))
    scale = {"unix": "standard", "metre": "minmax"}
    content = make("timeseries", "t.csv", scale=scale)
    unix, metre = content.tensors["daily"][:, 2].flatten(), content.tensors["daily"][:, 3].flatten()
    n = np.arange(48.0)
    expected = (n - n.mean()) / n.std(ddof=1)
    assert np.abs(unix.numpy() - expected).max() < 1e-7
    assert np.abs(metre.numpy() - n / 47).max() < 1e-7
    merged = [len({np.float32(v) for v in column}) for column in (UNIX + 10 * n, 100000 + n / 1000)]
    assert content.notes == (
        "hourly is float32, where distinct values become one: "
        f"of column 'unix' 48 become {merged[0]}, of column 'metre' 48 become {merged[1]}",
    )
    assert merged[0] < 10


def test_large_integers(make: Make, tmp_path: Path) -> None:
    """Integers beyond float64 stay as they are in the table; what float32 makes of them is told."""
    rows = [f"2011-01-01,{h},{(1 << 60) + h}" for h in range(24)]
    (tmp_path / "t.csv").write_text("\n".join(["date,hour,id", *rows]))
    try:
        content = make("timeseries", "t.csv", zero=("id",))
    except InputError:
        return  # refused by name is as good
    assert content.rows["id"].to_pylist() == [(1 << 60) + h for h in range(24)]
    assert "of column 'id' 24 become 1" in content.notes[0]


def test_scale_beyond_float32(make: Make, write: Callable[..., None]) -> None:
    """A scale that makes infinities of finite values is refused."""
    write(list(range(24)))
    with pytest.raises(
        InputError, match=r"scale of column 'temp': expected numbers within float32"
    ):
        make("timeseries", "t.csv", scale={"temp": (0.0, 1e-300)})


def test_filled_rows(make: Make, write: Callable[..., None]) -> None:
    """A filled hour has its own date and hour, 0 in `zero` columns, the rest carried over."""
    write([0, *range(4, 24)])
    content = make("timeseries", "t.csv", zero=("count",))
    table = content.rows.to_pandas()
    assert table["hour"].tolist() == list(range(24))
    assert table["temp"].tolist() == [0, 0, 0, *map(float, [0, *range(4, 24)])]
    assert table["count"].tolist() == [100, 0, 0, 0, *(float(h + 100) for h in range(4, 24))]
    assert {str(date)[:10] for date in table["date"]} == {"2011-01-01"}
    assert content.facts["filled_hours"] == ["2011-01-01T01", "2011-01-01T02", "2011-01-01T03"]
    observed = content.tensors["hourly_observed"]
    assert observed.dtype == torch.bool
    assert observed.tolist() == [hour not in (1, 2, 3) for hour in range(24)]
    assert content.notes == (
        "3 missing hours were filled with the last row of their day, or else its first, and 0 in "
        "count; hourly_observed is False there",
    )


def test_hours_outside_are_not_invented(make: Make, write: Callable[..., None]) -> None:
    """`hourly` is from the first hour to the last; `daily` has the whole days among them."""
    write([h for h in range(7, 24 * 3 + 5) if h != 30])
    content = make("timeseries", "t.csv")
    hourly, daily = content.tensors["hourly"], content.tensors["daily"]
    assert hourly.shape == (70, 5) and content.rows.num_rows == 70
    assert hourly[:, 3].tolist() == [float(h - (h == 30)) for h in range(7, 77)]
    assert content.tensors["hourly_observed"].tolist() == [h != 30 for h in range(7, 77)]
    assert daily.shape == (2, 5, 24)
    assert torch.equal(daily, by_day(hourly[17 : 17 + 48]))
    assert content.facts["daily_hours"] == {"from": "2011-01-02T00", "to": "2011-01-03T23"}
    assert content.notes[1] == (
        "the series runs from 2011-01-01T07 to 2011-01-04T04: daily leaves out its first 17 and "
        "last 5 hours, whose days are not whole"
    )


def test_statistics_are_of_whole_days(make: Make, write: Callable[..., None]) -> None:
    """What is scaled has mean 0 and deviation 1 in `daily`, whatever hours are not in it."""
    write(list(range(7, 24 * 3 + 5)))
    daily = make("timeseries", "t.csv", scale={"temp": "standard"}).tensors["daily"][:, 3]
    assert daily.double().mean().item() == pytest.approx(0, abs=1e-7)
    assert daily.double().std().item() == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize("hours", [range(1, 24), range(23), range(12, 36), [5]], ids=str)
def test_less_than_a_day(make: Make, write: Callable[..., None], hours: list[int]) -> None:
    """Without a whole day, from hour 0 to 23, there is nothing to make."""
    write(list(hours))
    with pytest.raises(
        InputError, match=r"expected at least one whole day.*got 2011-01-01T\d\d to"
    ):
        make("timeseries", "t.csv")


def test_long_gaps_are_refused(make: Make, write: Callable[..., None]) -> None:
    """Each run of 24 missing hours or more is named, a run of 23 is filled."""
    write([*range(24), *range(47, 50), *range(74, 80), *range(140, 144)])
    with pytest.raises(InputError) as caught:
        make("timeseries", "t.csv")
    assert [error.fault for error in caught.value.faults] == [
        'after row 27: expected at most 23 missing hours on end (or gaps = "join"), got 24, '
        "2011-01-03T02 to 2011-01-04T01 (t.csv)",
        'after row 33: expected at most 23 missing hours on end (or gaps = "join"), got 60, '
        "2011-01-04T08 to 2011-01-06T19 (t.csv)",
    ]


def test_many_gaps_are_counted(make: Make, write: Callable[..., None]) -> None:
    """Of more than twenty gaps the first twenty are told, and how many more there are."""
    write([h for h in range(24 * 60) if h // 24 % 2 == 0])
    with pytest.raises(InputError, match=r"^planted: 29 faults\n") as caught:
        make("timeseries", "t.csv")
    assert len(caught.value.faults) == 20 and str(caught.value).endswith("… and 9 more")
    content = make("timeseries", "t.csv", gaps="join")
    assert content.tensors["daily"].shape[0] == 30 and len(content.notes) == 21


def test_skipped_hours_are_told(make: Make, write: Callable[..., None]) -> None:
    """Days that are left out where gaps are joined stand in the facts and in a warning."""
    write([*range(24), *range(72, 96)])
    content = make("timeseries", "t.csv", gaps="join")
    assert content.tensors["daily"].shape[0] == 2
    assert content.facts["skipped_hours"] == [{"from": "2011-01-02T00", "to": "2011-01-03T23"}]
    assert len(content.notes) == 1 and "48 hours" in content.notes[0]


def test_filled_from_another_day(make: Make, write: Callable[..., None]) -> None:
    """Where a gap is joined, an hour of a day without any shows the row before, which is told."""
    write([*range(20), *range(60, 72)])
    content = make("timeseries", "t.csv", gaps="join")
    assert content.tensors["hourly"][:, 3].tolist() == [*range(20), *[19] * 16, *range(60, 72)]
    assert "16 missing hours" in content.notes[0]
    assert "(12 on a day without any: the last row before)" in content.notes[0]


def test_rows_in_any_order(make: Make, write: Callable[..., None]) -> None:
    """Rows out of the order of time are sorted, which a warning tells."""
    write(list(range(24)))
    sorted_already = make("timeseries", "t.csv").tensors
    write([*range(12, 24), *range(12)])
    content = make("timeseries", "t.csv")
    assert all(torch.equal(content.tensors[name], sorted_already[name]) for name in sorted_already)
    assert len(content.notes) == 1 and "sorted" in content.notes[0]


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
    assert content.rows.schema.field("temp").metadata == {b"unit": "°C".encode()}
    assert content.axes == {
        "hourly": ("hour", "channel"),
        "hourly_observed": ("hour",),
        "daily": ("day", "channel", "hour"),
    }


def test_all_that_is_wrong_is_told(make: Make, tmp_path: Path) -> None:
    """Every bad date, hour and code, and every hour that comes twice, in one run."""
    rows = [f"2011-01-01,{h},{h % 4 + 1},0" for h in range(24)]
    for number, row in {
        3: "2011-02-30,2,1,0",
        5: "2011-01-01,24,1,0",
        7: "2011-01-01,6,9,0",
        9: "2011-01-01,7,0,0",
        11: "soon,2.5,1,0",
        12: "2011-01-01,-1,1.5,0",
    }.items():
        rows[number - 1] = row
    (tmp_path / "t.csv").write_text("\n".join(["date,hour,code,v", *rows]))
    with pytest.raises(InputError) as caught:
        make("timeseries", "t.csv", onehot={"code": 4, "v": 100_000, "none": 2}, zero=("hour", "x"))
    told = [error.fault.removesuffix(" (t.csv)") for error in caught.value.faults]
    assert told[:14] == [
        "header: expected a column 'none', got date, hour, code, v",
        "header: expected a column 'x', got date, hour, code, v",
        "zero: expected columns beside date and hour, which a missing hour has, got 'hour'",
        "row 5, column 'hour': expected an hour from 0 to 23, got 24",
        "row 11, column 'hour': expected an hour from 0 to 23, got 2.5",
        "row 12, column 'hour': expected an hour from 0 to 23, got -1",
        "row 3, column 'date': expected a date as 2011-12-31, got '2011-02-30'",
        "row 11, column 'date': expected a date as 2011-12-31, got 'soon'",
        "row 9, column 'hour': expected another hour than in row 8, got '2011-01-01T07'",
        "row 7, column 'code': expected a code from 1 to 4, got 9",
        "row 9, column 'code': expected a code from 1 to 4, got 0",
        "row 12, column 'code': expected a code from 1 to 4, got 1.5",
        "row 1, column 'v': expected a code from 1 to 100000, got 0",
        "row 2, column 'v': expected a code from 1 to 100000, got 0",
    ]
    assert len(told) == 20
    assert str(caught.value).startswith("planted: 37 faults\n") and "… and 17 more" in str(
        caught.value
    )


NO_DATES = ["2011-02-29", "2011-13-01", "0000-01-01", "10000-01-01", "-2011-01-01", "01/02/2011"]
NO_DATES += ["2011-01-01T00", "2011-01-01 00:00", "2011", "", "20110101", "2011-W01-1"]


@pytest.mark.parametrize("text", NO_DATES)
def test_no_dates(make: Make, tmp_path: Path, text: str) -> None:
    """What is no date, or one in another order, is refused with its row."""
    rows = [f"{text if h == 5 else '2011-01-01'},{h},1" for h in range(24)]
    (tmp_path / "t.csv").write_text("\n".join(["date,hour,v", *rows]))
    with pytest.raises(InputError, match=r"row 6, column 'date': expected a date as 2011-12-31"):
        make("timeseries", "t.csv")


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "1969-12-31", "2012-02-29"])
def test_far_dates(make: Make, tmp_path: Path, day: str) -> None:
    """The first day that there is, the last, one before 1970, a leap day."""
    (tmp_path / "t.csv").write_text("date,hour,v\n" + "".join(f"{day},{h},1\n" for h in range(24)))
    content = make("timeseries", "t.csv")
    assert content.tensors["hourly"][:, 0].tolist() == [float(day[-2:])] * 24
    assert content.facts["daily_hours"] == {"from": f"{day}T00", "to": f"{day}T23"}
    assert {str(value) for value in content.rows["date"].to_pylist()} == {day}


def test_onehot_is_known_before_it_is_made(make: Make, tmp_path: Path) -> None:
    """More codes than columns are allowed, or more bytes: the size and the option are named."""
    rows = [f"2011-01-{h // 24 + 1:02d},{h % 24},{h + 1}" for h in range(24 * 20)]
    (tmp_path / "t.csv").write_text("\n".join(["date,hour,v", *rows]))
    with pytest.raises(InputError) as caught:
        make("timeseries", "t.csv", onehot={"v": 100_000})
    assert str(caught.value) == (
        "planted: column 'v': expected at most 10000 columns for one encoding (or max_columns = "
        "100000), got 100000 columns of 480 rows, 192.0 MB (t.csv)"
    )
    size = 480 * 500 * 4
    with pytest.raises(InputError, match=rf"column 'v': expected .* \(or max_bytes = {size}\)"):
        make("timeseries", "t.csv", onehot={"v": 500}, max_bytes=size - 1)
    made = make("timeseries", "t.csv", onehot={"v": 500}, max_bytes=size)
    assert made.tensors["daily"].shape == (20, 503, 24)


def test_onehot_columns_in_the_order_of_the_file(make: Make, tmp_path: Path) -> None:
    """One-hot channels follow in the order of the columns; date and hour may be codes, too."""
    rows = [f"2011-01-{h // 24 + 1:02d},{h % 2 + 1},{h % 24},{h % 3 + 1}" for h in range(48)]
    (tmp_path / "t.csv").write_text("\n".join(["date,a,hour,b", *rows]))
    content = make("timeseries", "t.csv", onehot={"b": 3, "date": 2, "a": 2})
    assert content.facts["channels"][4:] == ["date=1", "date=2", "a=1", "a=2", "b=1", "b=2", "b=3"]
    hot = content.tensors["daily"][:, 4:].transpose(1, 2).reshape(48, 7)
    for hour in range(48):
        expected = {hour // 24, 2 + hour % 2, 4 + hour % 3}
        assert hot[hour].nonzero().flatten().tolist() == sorted(expected)


def test_a_filled_hour_may_have_no_code(make: Make, write: Callable[..., None]) -> None:
    """Where a column of codes is 0 in missing hours, none of its channels is 1 there."""
    write([h for h in range(24) if h != 9])
    hot = make("timeseries", "t.csv", onehot={"code": 4}, zero=("code",)).tensors["daily"][0, 5:]
    assert hot.sum(0).tolist() == [float(hour != 9) for hour in range(24)]


def test_a_column_that_onehot_makes(make: Make, write: Callable[..., None]) -> None:
    """A column with the name of a one-hot channel is refused: no two channels are one name's."""
    write(list(range(24)), "date,hour,code,code=3,count")
    with pytest.raises(InputError, match=r"header: expected no column 'code=3', which 'onehot'"):
        make("timeseries", "t.csv", onehot={"code": 4})
    assert make("timeseries", "t.csv").facts["channels"][3] == "code=3"


def test_without_a_header(make: Make, write: Callable[..., None]) -> None:
    """Where the first line names no columns, options name them by their place."""
    write(list(range(48)), "2010-12-31,23,1,-1,99")
    options: dict[str, Any] = {"header": False, "date": "c0", "hour": "c1", "onehot": {"c2": 4}}
    content = make("timeseries", "t.csv", **options)
    assert content.facts["channels"][:6] == ["c0", "c1", "c2", "c3", "c4", "c2=1"]
    assert content.tensors["hourly"].shape == (49, 5) and content.tensors["daily"].shape[0] == 2


def test_an_hour_that_a_clock_repeats(make: Make, tmp_path: Path) -> None:
    """The hour that comes twice when summer time ends is named; none is taken silently."""
    rows = [f"2011-10-30,{h},{n}" for n, h in enumerate([0, 1, 2, 2, *range(3, 24)])]
    (tmp_path / "t.csv").write_text("\n".join(["date,hour,v", *rows]))
    with pytest.raises(
        InputError, match=r"row 4, .*another hour than in row 3, got '2011-10-30T02'"
    ):
        make("timeseries", "t.csv")


def test_picture_leaves_blank_what_is_not_there(
    tmp_path: Path, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The heat map stands on the calendar: filled hours, missing days, hours outside are blank."""
    write([*(h for h in range(7, 50) if h != 30), *range(24 * 5 + 2, 24 * 6 + 5)])
    source = kind_named("timeseries").options(
        name="s", root=tmp_path, kind="timeseries", path="t.csv", gaps="join", zero=("count",)
    )
    ptm.tensorize(source, tmp_path / "store")
    artifact = ptm.load("s", tmp_path / "store")
    [view] = timeseries.views(artifact)
    assert draw.to_png(view.picture).startswith(b"\x89PNG")
    drawn: list[Any] = []
    monkeypatch.setattr(draw, "heat_map", lambda *given: drawn.extend(given))
    list(timeseries.views(artifact))
    daily, weekdays, first = drawn[:3]
    expected = np.full(7 * 24, np.nan)
    for hour in [*(h for h in range(7, 50) if h != 30), *range(122, 149)]:
        expected[hour] = hour + 100
    assert np.array_equal(daily, expected.reshape(7, 24), equal_nan=True)
    assert first == "2011-01-01" and list(weekdays) == [5, 6, 0, 1, 2, 3, 4]
