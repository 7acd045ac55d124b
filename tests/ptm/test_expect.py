"""What an entry expects of its rows: what is not so is told at once, and nothing is published."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import ptm
from ptm import store
from ptm.errors import CatalogError, InputError
from ptm.kinds import table as table_kind
from ptm.model import ArtifactRef
from ptm.prepare import Call, drive, steps

pytestmark = pytest.mark.usefixtures("unsynced")
ROWS = 300
CUT = "part_bytes = 3000"
TABLE = 'kind = "table"\npath = "x.csv"\nmeasures = { city = "categorical" }\ntarget = "kind"\n'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A table whose row 200 is bad in each column, and row 250 in one more."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "alcohol": random.uniform(8, 14, ROWS).round(2),
            "city": random.choice(["Rome", "Bonn"], ROWS),
            "kind": np.arange(ROWS) % 2,
        }
    )
    frame.loc[199] = [3, 25.5, "Atlantis", 0]
    frame.loc[249, "alcohol"] = 30
    frame.to_csv(tmp_path / "x.csv", index=False)
    return tmp_path


def entry(root: Path, expect: str, text: str = TABLE) -> Any:
    (root / "catalog.toml").write_text(f"[x]\n{text}\n[x.expect]\n{expect}\n")
    return ptm.load_catalog(root / "catalog.toml", root)["x"]


def make(root: Path, expect: str, text: str = TABLE) -> ArtifactRef:
    return ptm.tensorize(entry(root, expect, text), root / "store")


def told(root: Path, expect: str, text: str = TABLE) -> list[str]:
    """The faults that one run tells; nothing is published."""
    with pytest.raises(InputError) as raised:
        make(root, expect, text)
    assert store.names(root / "store") == []
    return [fault.fault for fault in raised.value.faults]


@pytest.mark.parametrize("cut", ["", CUT])
def test_all_is_told_at_once(data: Path, cut: str) -> None:
    """Each violation with its column, the first row, what was expected, and what came."""
    expect = """
        columns.alcohol = { min = 8.5, max = 20, mean = { max = 5 }, median = { min = 12 } }
        columns.id = { unique = true }
        columns.city = { values = ["Rome", "Bonn"], min = 1 }
        columns.colour = { missing = 0 }
        rows = { min = 1000 }
        classes = 3
    """
    found = told(data, expect, TABLE + cut)
    frame = pd.read_csv(data / "x.csv")
    low = int((frame["alcohol"] < 8.5).to_numpy().argmax())
    count = int((frame["alcohol"] < 8.5).sum())
    exact = frame["alcohol"].median()
    assert found == [
        "rows: expected at least 1,000 rows, got 300",
        "column 'colour': expected a column, got the columns id, alcohol, city, kind",
        "column 'kind': expected 3 classes, got 2",
        "row 200, column 'id': expected values that come once, got 3; row 4 has it too (x.csv)",
        f"row {low + 1}, column 'alcohol': expected at least 8.5, got "
        f"{frame['alcohol'][low]:g}, and {count - 1} more (x.csv)",
        "row 200, column 'alcohol': expected at most 20, got 25.5, and 1 more (x.csv)",
        f"column 'alcohol', mean: expected at most 5, got {frame['alcohol'].mean():.6g}",
        f"column 'alcohol', median: expected at least 12, got {exact:.6g}",
        "column 'city': expected numbers, for 'min', got texts",
        "row 200, column 'city': expected one of 'Rome', 'Bonn', got 'Atlantis' (x.csv)",
    ]


@pytest.mark.parametrize("cut", ["", CUT])
def test_what_is_as_expected(data: Path, cut: str) -> None:
    """Nothing is said of rows that are as expected; the expectations stand in the options."""
    expect = """
        columns.alcohol = { min = 8, max = 30, median = { min = 10, max = 12 } }
        columns.kind = { values = [0, 1] }
        rows = { min = 300, max = 300 }
        missing = 0
        classes = 2
    """
    ref = make(data, expect, TABLE + cut)
    assert ref.warnings == ()
    options = ptm.load("x", data / "store").manifest["options"]["expect"]
    assert options["rows"] == {"min": 300, "max": 300}
    assert options["columns"]["kind"] == {"values": [0, 1]}
    assert (
        "expect"
        not in entry(data, "", TABLE.rstrip()).model_copy(update={"expect": None}).options()
    )


@pytest.mark.parametrize("cut", ["", CUT])
def test_warnings(data: Path, cut: str) -> None:
    """What is only to be told stands among the warnings, and is published."""
    expect = 'level = "warning"\nrows = { max = 9 }\ncolumns.id = { unique = true }'
    ref = make(data, expect, TABLE + cut)
    assert list(ref.warnings) == [
        "rows: expected at most 9 rows, got 300",
        "row 200, column 'id': expected values that come once, got 3; row 4 has it too (x.csv)",
    ]
    assert ptm.load("x", data / "store").manifest["warnings"] == list(ref.warnings)


@pytest.mark.slow
@pytest.mark.parametrize("cut", ["", CUT])
def test_in_other_processes(data: Path, cut: str) -> None:
    """What has to be asked of the values is asked wherever the calls run."""
    expect = 'columns.id = { unique = true }\nclasses = 2\nlevel = "warning"'
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:

        def run(calls: list[Call]) -> list[Any]:
            return [pool.submit(function, *given).result() for function, given in calls]

        ref = drive(steps(entry(data, expect, TABLE + cut), data / "store"), run)
    assert [text[:20] for text in ref.warnings] == ["row 200, column 'id'"]


def test_levels_of_their_own(data: Path) -> None:
    """Inner ones may be errors where all else is told, and the other way round."""
    expect = (
        'level = "warning"\nrows = { max = 9 }\ncolumns.id = { unique = true, level = "error" }'
    )
    assert [one.split(":")[0] for one in told(data, expect)] == ["row 200, column 'id'"]
    expect = 'rows = { max = 9, level = "warning" }\ncolumns.alcohol = { max = 40 }'
    assert len(make(data, expect).warnings) == 1


def test_what_was_read_stays(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run, with other expectations, reads no part again; nor leaves one anything."""
    told(data, "rows = { max = 9 }", TABLE + CUT)

    def never(*_: Any) -> None:
        raise AssertionError("read again")

    with monkeypatch.context() as patched:
        patched.setattr(table_kind, "read", never)
        make(data, "rows = { max = 900 }", TABLE + CUT)
    store.gc(data / "store")
    root = data / "other"
    with pytest.raises(InputError):
        ptm.tensorize(entry(data, "rows = { max = 9 }"), root)
    assert [place for place in root.rglob("*") if place.suffix in (".pt", ".parquet")] == []


def test_missing_values(tmp_path: Path) -> None:
    """NaN, null and texts of nothing are missing; each column has the share that it may have."""
    (tmp_path / "own.py").write_text(
        "import ptm\nimport numpy as np\n"
        "class Options(ptm.Source):\n    needs_path = False\n"
        "def read(options, part):\n"
        "    x = np.arange(10.0)\n    x[:3] = np.nan\n"
        '    t = ["a", "", " ", None, "b", "c", "d", "e", "f", "g"]\n'
        '    return ptm.Block({"x": x}, rows={"x": x, "t": t})\n'
    )
    text = '[catalog]\nkinds = { own = "own.py" }\n[x]\nkind = "own"\n[x.expect]\n'

    def warnings(expect: str) -> list[str]:
        (tmp_path / "c.toml").write_text(f'{text}level = "warning"\n{expect}\n')
        source = ptm.load_catalog(tmp_path / "c.toml", tmp_path)["x"]
        return list(ptm.tensorize(source, tmp_path / "store").warnings)

    assert warnings("missing = 0.3") == []
    assert warnings("missing = 0.2\ncolumns.t = { missing = 0.5 }") == [
        "column 'x', missing: expected at most 0.2 of all, got 0.3 (3)"
    ]
    assert warnings("missing = 0.2\ncolumns.x = { min = 3, max = 9 }") == [
        "column 'x', missing: expected at most 0.2 of all, got 0.3 (3)",
        "column 't', missing: expected at most 0.2 of all, got 0.3 (3)",
    ]


def test_texts_of_nothing(tmp_path: Path) -> None:
    """They are missing: no values that come twice, and none beside those that may come."""
    lines = [f"{n},{'' if n % 4 else n}\n" for n in range(20)]
    (tmp_path / "x.csv").write_text("v,w\n" + "".join(lines))
    text = 'kind = "table"\npath = "x.csv"\nexclude = ["w"]\n'
    expect = 'columns.w = { unique = true, values = ["0", "4", "8", "12", "16"], missing = 0.75 }'
    assert make(tmp_path, expect, text).warnings == ()
    with pytest.raises(InputError, match=r"column 'w', missing: expected at most 0.7 of all"):
        make(tmp_path, "columns.w.missing = 0.7", text)


def test_values_of_another_type(data: Path) -> None:
    """Texts for a column of numbers, or the other way, are told as what they are, once."""
    expect = """
        columns.id = { values = ["0", "1"] }
        columns.city = { values = [0, true, 2.5] }
        columns.kind = { values = [0, "1"] }
    """
    assert told(data, expect) == [
        "column 'id': expected numbers in 'values', as the column has, got only texts: '0', '1'",
        "column 'city': expected texts in 'values', as the column has, got only numbers: 0, true, "
        "2.5",
        "row 2, column 'kind': expected one of 0, '1', got 1, and 148 more (x.csv)",
    ]


def test_large_integers(tmp_path: Path) -> None:
    """Integers that float64 rounds are told from those beside them."""
    (tmp_path / "x.csv").write_text("a\n" + "".join(f"{2**60 + n}\n" for n in (0, 1, 2, 1)))
    text = 'kind = "table"\npath = "x.csv"\n'
    expect = f"columns.a = {{ max = {2**60}, values = [{2**60}, {2**60 + 1}], unique = true }}"
    assert told(tmp_path, expect, text) == [
        f"row 2, column 'a': expected at most {2**60:,}, got {2**60 + 1}, and 2 more (x.csv)",
        f"row 3, column 'a': expected one of {2**60}, {2**60 + 1}, got {2**60 + 2} (x.csv)",
        f"row 4, column 'a': expected values that come once, got {2**60 + 1}; row 2 has it too "
        "(x.csv)",
    ]


@pytest.mark.parametrize("cut", ["", "part_bytes = 200\n"])
def test_rows_beside_those_set_aside(tmp_path: Path, cut: str) -> None:
    """Rows are told by the numbers that they have in the file, bad ones before them counted."""
    rows = ["bad", "bad", *range(60), "bad", 99, 7, "bad"]
    (tmp_path / "x.csv").write_text("a\n" + "".join(f"{one}\n" for one in rows))
    text = f'kind = "table"\npath = "x.csv"\non_bad = "quarantine"\n{cut}'
    assert told(tmp_path, "columns.a = { max = 60, unique = true }", text) == [
        f"row {rows.index(99) + 1}, column 'a': expected at most 60, got 99 (x.csv)",
        f"row {rows.index(99) + 2}, column 'a': expected values that come once, got 7; "
        f"row {rows.index(7) + 1} has it too (x.csv)",
    ]


def test_photos(tmp_path: Path) -> None:
    """Brightness and size of photos are columns; the file of the first wrong one is named."""
    (tmp_path / "photos").mkdir()
    for number in range(6):
        pixels = np.full((8, 9, 3), 200 if number == 4 else 100, dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    text = 'kind = "images"\npath = "photos"\npart_bytes = 500\n'
    unique = "columns.mode = { unique = true }"
    assert told(tmp_path, unique, text) == [
        "column 'mode': expected values that come once, got 'RGB', and 4 more; photos/0.png has it "
        "too (photos/1.png)",
    ]
    expect = "columns.brightness = { max = 0.5 }\ncolumns.width = { min = 100 }"
    assert told(tmp_path, expect, text) == [
        "column 'width': expected at least 100, got 9, and 5 more (photos/0.png)",
        "column 'brightness': expected at most 0.5, got 0.7843137254901961 (photos/4.png)",
    ]


def test_of_each_split_and_none(data: Path) -> None:
    """Rows of every split count, those in none too."""
    text = TABLE + 'time = "id"\nsplit = { train = "..99", val = "150..198" }\n' + CUT
    assert told(data, "rows = { max = 9 }\ncolumns.alcohol = { max = 20 }", text) == [
        "rows: expected at most 9 rows, got 300",
        "row 200, column 'alcohol': expected at most 20, got 25.5, and 1 more (x.csv)",
    ]


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ("columns.a = { mini = 0 }", "expect.columns.a.mini"),
        ("columns.a = { mean = {} }", "'min', 'max', or both"),
        ("missing = 2", "expect.missing"),
        ("columns.a = { median = { min = 2, max = 1 } }", "a 'min' up to 'max', got 2 and 1"),
        ('level = "fatal"', "expect.level"),
        ("classes = 0", "expect.classes"),
        (f"columns.a = {{ min = {10**400} }}", "a number that float64 can hold, got 1000"),
    ],
)
def test_slips_of_the_pen(data: Path, expect: str, message: str) -> None:
    """An expectation that is none is told by the catalog, before anything is read."""
    with pytest.raises(CatalogError) as raised:
        entry(data, expect)
    assert message in str(raised.value)


def test_what_looks_is_in_the_key(data: Path) -> None:
    """The code that says what is not as expected is in the key of what expects something."""
    make(data, "rows = { min = 1 }")
    code = ptm.load("x", data / "store").manifest["code"]
    assert {"ptm.expect", "ptm.spill"} <= code.keys()
    plain = entry(data, "").model_copy(update={"expect": None})
    ptm.tensorize(plain, data / "plain")
    assert "ptm.expect" not in ptm.load("x", data / "plain").manifest["code"]
