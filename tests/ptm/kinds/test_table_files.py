"""Several files as one table: their rows one behind the other, and the name of the file of each."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ptm
from ptm.errors import CatalogError, InputError

Made = Callable[..., ptm.Artifact]
RNG = np.random.default_rng(3)
FRAME = pd.DataFrame({"a": RNG.normal(size=90), "c": RNG.choice(["x", "y"], 90), "y": range(90)})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files of 30 rows: one has its columns in another order, one is Parquet."""
    place = tmp_path / "data/sales"
    place.mkdir(parents=True)
    FRAME[:30].to_csv(place / "1.csv", index=False)
    FRAME[30:60][["y", "c", "a"]].to_csv(place / "2.csv", index=False)
    FRAME[60:].to_parquet(place / "3.csv")
    return place


@pytest.fixture
def source(tmp_path: Path) -> Callable[..., ptm.Source]:
    """An entry of the folder."""

    def source(more: str = "", path: str = "sales/*.csv", name: str = "t") -> ptm.Source:
        said = f'[{name}]\nkind = "table"\npath = "{path}"\nmeasures = {{ c = "categorical" }}\n'
        (tmp_path / "catalog.toml").write_text(f"{said}{more}\n")
        return ptm.load_catalog(tmp_path / "catalog.toml", tmp_path / "data")[name]

    return source


@pytest.fixture
def made(tmp_path: Path, source: Callable[..., ptm.Source]) -> Made:
    """What is made of it."""

    def made(*given: str, **named: str) -> ptm.Artifact:
        one = source(*given, **named)
        ptm.tensorize(one, tmp_path / "store")
        return ptm.load(one.name, tmp_path / "store")

    return made


def test_one_table(tmp_path: Path, folder: Path, made: Made) -> None:
    """The tensors are those of one file with all rows; the names of the files come first."""
    found = made('target = "y"')
    FRAME.to_csv(tmp_path / "data/all.csv", index=False)
    whole = made('target = "y"', path="all.csv", name="whole")
    for name, tensor in whole.tensors.items():
        np.testing.assert_allclose(found.tensors[name], tensor, rtol=1e-6)
    shift, scale = (one.learned.scalers["features"].shift[0] for one in (found, whole))
    assert shift == pytest.approx(scale)
    assert found.table.columns.tolist() == ["file", "a", "c", "y"]
    assert found.table["file"].tolist() == ["1.csv"] * 30 + ["2.csv"] * 30 + ["3.csv"] * 30
    pd.testing.assert_frame_equal(found.table.drop(columns="file"), whole.table)
    assert "file" not in found.manifest["facts"]["measures"]


@pytest.mark.parametrize(
    "path", ["sales/*.csv", "sales/?.csv", "sal*/*.csv", "*/*.csv", "**/*.csv"]
)
def test_wildcards(folder: Path, made: Made, path: str) -> None:
    """What stands before the first of them is the folder; names are paths below it."""
    found = made(path=path)
    above = "" if path.startswith("sales") else "sales/"
    assert found.table["file"].unique().tolist() == [f"{above}{n}.csv" for n in (1, 2, 3)]


def test_a_folder_and_a_pattern(folder: Path, made: Made) -> None:
    """The same as wildcards; one file that matches has its name, too."""
    assert made('pattern = "*.csv"', path="sales").tensors["features"].shape == (90, 4)
    one = made('pattern = "1.*"', path="sales", name="one")
    assert one.table["file"].tolist() == ["1.csv"] * 30
    assert "file" not in made(path="sales/1.csv", name="alone").table.columns


def test_options(source: Callable[..., ptm.Source]) -> None:
    """Wildcards and a pattern are one too many; the names come by themselves."""
    with pytest.raises(CatalogError, match=r"no wildcards in 'path' where there is a 'pattern', g"):
        source('pattern = "*.csv"')
    with pytest.raises(CatalogError, match=r"no 'file' in 'columns' of several files"):
        source('columns = ["file", "a"]')


def test_columns_that_differ(
    tmp_path: Path, folder: Path, source: Callable[..., ptm.Source]
) -> None:
    """Each file that lacks some, or has others, is told, all at once."""
    (folder / "4.csv").write_text("a,y\n1,2\n")
    (folder / "5.csv").write_text("a,b,d,y\n1,2,3,4\n")
    (folder / "6.csv").write_text("a,a\n1,2\n")
    (folder / "7.csv").write_text("a,c,y,file\n1,x,1,x\n")
    with pytest.raises(InputError) as caught:
        ptm.tensorize(source(), tmp_path / "store")
    assert str(caught.value) == (
        "t: header: expected a name for each column, each once, got 'a' twice (sales/6.csv)"
    )
    (folder / "6.csv").unlink()
    with pytest.raises(InputError) as caught:
        ptm.tensorize(source(), tmp_path / "store")
    assert str(caught.value).splitlines() == [
        "t: 3 faults",
        "  header: expected the columns of 1.csv and the others: a, c, y, got no 'c' (sales/4.csv)",
        "  header: expected the columns of 1.csv and the others: a, c, y, got no 'c', 'b', 'd' "
        "beside them (sales/5.csv)",
        "  header: expected the columns of 1.csv and the others: a, c, y, got 'file' beside them, "
        "a column 'file', which the names of the files are (sales/7.csv)",
    ]


def test_columns_that_are_wanted(tmp_path: Path, folder: Path, made: Made) -> None:
    """Others may be in some files alone."""
    (folder / "4.csv").write_text("y,new,c,a,file\n90,2,x,0.5,z\n")
    found = made('columns = ["c", "a"]\nexclude = ["y"]')
    assert found.table.columns.tolist() == ["file", "c", "a", "y"]
    assert found.table.iloc[-1].tolist() == ["4.csv", "x", 0.5, "90"]


def test_errors_name_the_file_and_its_row(
    tmp_path: Path, folder: Path, source: Callable[..., ptm.Source]
) -> None:
    """Rows count in their own file, whatever the parts are."""
    rows = [f"{row},x,{row}\n" for row in range(30)]
    rows[17], rows[25] = "bad,x,17\n", "25,x\n"
    (folder / "2.csv").write_text("a,c,y\n" + "".join(rows))
    for more in ("", "part_bytes = 400"):
        with pytest.raises(InputError) as caught:
            ptm.tensorize(source(more), tmp_path / "store")
        told = str(caught.value)
        assert "row 18, column 'a': expected a number, got 'bad' (sales/2.csv)" in told
        assert "row 26: expected 3 fields, got 2 (sales/2.csv)" in told


@pytest.mark.parametrize("part_bytes", [400, 1 << 20])
def test_quarantine(tmp_path: Path, folder: Path, made: Made, part_bytes: int) -> None:
    """So do those that are set aside, and what is expected of the others."""
    rows = [f"{row},x,{row}\n" for row in range(30)]
    rows[3], rows[17] = "0.5,x,one\n", "bad,x,17\n"
    (folder / "2.csv").write_text("a,c,y\n" + "".join(rows))
    more = f'target = "y"\non_bad = "quarantine"\npart_bytes = {part_bytes}\n'
    found = made(more)
    bad = found.tables["quarantine"]
    assert bad["path"].tolist() == ["2.csv"] * 2
    assert bad["where"].tolist() == ["row 4, column 'y'", "row 18, column 'a'"]
    assert len(found.table) == 88
    with pytest.raises(InputError) as caught:
        made(f"{more}expect = {{ columns = {{ a = {{ max = 27 }} }} }}")
    assert "row 29 of sales/2.csv" in str(caught.value), str(caught.value)


def test_splits(tmp_path: Path, folder: Path, made: Made) -> None:
    """Equal rows of several files come to one split; folders, and files, may decide."""
    FRAME[:30].to_csv(folder / "4.csv", index=False)
    split = "split = { train = 0.7, test = 0.3 }"
    found = made(split).table
    assert found["split"][:30].tolist() == found["split"][90:].tolist()
    assert len(set(found["split"][:30])) == 2
    small = made(f"{split}\npart_bytes = 300", name="small").table
    assert small["split"].tolist() == found["split"].tolist()
    grouped = made(f'{split}\ngroup = "file"', name="grouped").table
    assert grouped.groupby("file")["split"].nunique().tolist() == [1] * 4
    for number, name in enumerate(("train", "train", "val", "test"), start=1):
        (folder / name).mkdir(exist_ok=True)
        (folder / f"{number}.csv").rename(folder / name / f"{number}.csv")
    by_folder = made("split = { folder = true }", path="sales/**/*.csv", name="folders").table
    assert by_folder["file"].str.partition("/")[0].equals(by_folder["split"])
    pattern = made(f"{split}\ngroup = '([0-9])[.]csv'", path="sales/**/*.csv", name="p").table
    assert pattern.groupby("file")["split"].nunique().tolist() == [1] * 4
    near = made(f'{split}\nnear = "group"', path="sales/**/*.csv", name="near")
    assert len(near.table) == 120


def test_names_and_files_in_the_key(
    tmp_path: Path, folder: Path, source: Callable[..., ptm.Source]
) -> None:
    """Another name of a file is another table; a file that is added leaves the others' parts."""
    store = tmp_path / "store"
    first = ptm.tensorize(source(), store)
    assert ptm.tensorize(source(), store).cached
    FRAME[:10].to_csv(folder / "4.csv", index=False)
    second = ptm.tensorize(source(), store)
    assert "1 of 4 parts were read" in second.why
    (folder / "4.csv").rename(folder / "5.csv")
    third = ptm.tensorize(source(), store)
    assert len({first.key, second.key, third.key}) == 3
    (folder / "5.csv").unlink()
    assert ptm.tensorize(source(), store).key == first.key
    # the first file has the order that the others get
    FRAME[:30][["c", "a", "y"]].to_csv(folder / "1.csv", index=False)
    ptm.tensorize(source(), store)
    assert ptm.load("t", store).table.columns.tolist() == ["file", "c", "a", "y"]


def test_packed_files(tmp_path: Path, folder: Path, made: Made) -> None:
    """Each file is what its bytes say."""
    for name in ("1.csv", "2.csv"):
        raw = (folder / name).read_bytes()
        (folder / name).write_bytes(gzip.compress(raw))
    found = made("part_bytes = 400")
    assert len(found.manifest["parts"]) > 5
    np.testing.assert_array_equal(found.table["a"], FRAME["a"])


def test_a_folder_without_a_pattern(
    tmp_path: Path, folder: Path, source: Callable[..., ptm.Source]
) -> None:
    """It is refused, as it always was."""
    with pytest.raises(InputError, match="expected a file, got a folder"):
        ptm.tensorize(source(path="sales"), tmp_path / "store")
    with pytest.raises(InputError, match=r"expected at least one file that matches '\*\.tsv'"):
        ptm.tensorize(source(path="sales/*.tsv"), tmp_path / "store")
