"""A series in several files: the hours of all, whatever their order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ptm
from ptm.errors import InputError

HOURS = pd.date_range("2020-01-30", periods=24 * 5, freq="h")
FRAME = pd.DataFrame(
    {"date": HOURS.strftime("%Y-%m-%d"), "hour": HOURS.hour, "x": np.arange(len(HOURS)) / 4, "y": 1}
)


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., ptm.Artifact]:
    """What is made of files in a folder."""

    def made(path: str, name: str = "s") -> ptm.Artifact:
        (tmp_path / "catalog.toml").write_text(f'[{name}]\nkind = "timeseries"\npath = "{path}"\n')
        source = ptm.load_catalog(tmp_path / "catalog.toml", tmp_path)[name]
        ptm.tensorize(source, tmp_path / "store")
        return ptm.load(name, tmp_path / "store")

    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file for each day; the last one by name has the first day, in another order of columns."""
    (tmp_path / "days").mkdir()
    for name, (_, day) in zip("ebcda", FRAME.groupby("date"), strict=True):
        columns = ["x", "hour", "y", "date"] if name == "e" else FRAME.columns
        day[columns].to_csv(tmp_path / f"days/{name}.csv", index=False)
    return tmp_path / "days"


def test_the_same_as_one_file(
    tmp_path: Path, folder: Path, made: Callable[..., ptm.Artifact]
) -> None:
    """Sorted by time."""
    FRAME.to_csv(tmp_path / "all.csv", index=False)
    one, several = made("all.csv", "one"), made("days/*.csv")
    assert one.tensors.keys() == several.tensors.keys()
    assert all((tensor == several.tensors[name]).all() for name, tensor in one.tensors.items())
    pd.testing.assert_frame_equal(one.table, several.table)


def test_integers_that_some_files_round(folder: Path, made: Callable[..., ptm.Artifact]) -> None:
    """A column is of one type, whatever one file alone has."""
    text = (folder / "b.csv").read_text()
    (folder / "b.csv").write_text(text.replace(",1\n", f",{2**60 + 1}\n"))
    assert made("days/*.csv").tensors["hourly"][30, -1] == float(2**60)


def test_errors(folder: Path, made: Callable[..., ptm.Artifact]) -> None:
    """Rows are told by their own file."""
    lines = (folder / "c.csv").read_text().splitlines()
    lines[3] = lines[3].replace(",2,", ",24,", 1)
    lines[5] = "2020-01-31,4,1,1"
    (folder / "c.csv").write_text("\n".join(lines))
    with pytest.raises(InputError) as caught:
        made("days/*.csv")
    told = str(caught.value)
    assert "row 3, column 'hour': expected an hour from 0 to 23, got 24 (days/c.csv)" in told
    assert (
        "row 5, column 'hour': expected another hour than in row 5 of b.csv, got '2020-01-31T04' "
        "(days/c.csv)"
    ) in told
    (folder / "d.csv").write_text("date,hour,z\n2020-02-02,0,1\n")
    with pytest.raises(InputError, match="got no 'x', no 'y', 'z' beside them"):
        made("days/*.csv")
