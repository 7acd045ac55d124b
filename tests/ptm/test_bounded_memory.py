"""Memory does not grow with a source: ten times the files, rows or text take about as much."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

import ptm
from ptm.model import Artifact
from tests.support.photos import numbers_in, write_photos
from tests.support.stores import FAULTS, python

FULL = FAULTS >= 1000
GROWTH, MOST = 1.2, 1000.0  # times the memory of the smaller; MB
TRIES = 3
SIDE = 256  # pixels
ROWS_AT_ONCE, LINES_AT_ONCE = 200_000, 100_000
WORDS = ["it", "is", "a", "truth", "universally", "acknowledged", "that", "a", "single", "man"]
FEATURES = 6
pytestmark = pytest.mark.timeout(3600)

# what it prints: of each entry, in MB, by how much its memory has grown at most; the bytes of an
# entry that needs no memory are there already, with all that has to be imported
MEASURE = """
import json, re, sys
from pathlib import Path
import ptm

def memory(what):
    found = re.search(what + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024

def work(name):
    if sys.argv[4] == "views":
        return len(ptm.load(name, sys.argv[3]).views)
    return ptm.tensorize(catalog[name], sys.argv[3])

catalog = ptm.load_catalog(sys.argv[1], sys.argv[2])
work("warm")
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
before = memory("VmRSS")
work("large")
print(json.dumps(memory("VmHWM") - before))
"""
CATALOG = """
[warm]
{warm}
part_bytes = {small}

[large]
{large}
part_bytes = {most}
"""


class Size(NamedTuple):
    """How much there is of something, and how many bytes a part of it has at most."""

    amount: int
    part_bytes: int


Write = Callable[[Path, Size], Path]  # writes files of so much, and gives the catalog
Check = Callable[[Artifact, int], None]


def laid_out(root: Path, entry: str, size: Size) -> Path:
    """The catalog of an entry, and of one that is small but has parts."""
    catalog = root / "catalog.toml"
    given = {"warm": entry.format("warm"), "large": entry.format("large")}
    catalog.write_text(CATALOG.format(**given, small=3000, most=size.part_bytes))
    return catalog


def write_pictures(root: Path, size: Size, stored: str = "raw") -> Path:
    """Photos of 256 pixels, of which each shows its number."""
    photos = write_photos(root / "of", size.amount, SIDE, 1, "jpg")
    photos.folder.rename(root / "large")
    write_photos(root / "few", 4, SIDE, 1, "jpg").folder.rename(root / "warm")
    entry = f'kind = "images"\npath = "{{0}}"\nstore = "{stored}"\nstandardize = true'
    return laid_out(root, entry, size)


def check_pictures(artifact: Artifact, count: int) -> None:
    """All are there, in order."""
    assert numbers_in(artifact) == list(range(count))


def rows_from(start: int, stop: int) -> pa.Table:
    """Rows that begin with their number: six numbers, a word and a class."""
    number = np.arange(start, stop)
    columns = {f"x{k}": np.round(np.sin(number * (k + 1)) * 1000, 3) for k in range(FEATURES)}
    words = np.array(WORDS)[number % len(WORDS)]
    return pa.table({"number": number, **columns, "word": words, "class": number % 4})


def write_rows(root: Path, size: Size, more: str = "") -> Path:
    """A table of so many rows."""
    for name, count in (("warm", 500), ("large", size.amount)):
        options = pa.csv.WriteOptions(quoting_style="none")
        schema = rows_from(0, 1).schema
        with pa.csv.CSVWriter(root / f"{name}.csv", schema, write_options=options) as file:
            for start in range(0, count, ROWS_AT_ONCE):
                file.write_table(rows_from(start, min(start + ROWS_AT_ONCE, count)))
    entry = (
        'kind = "table"\npath = "{0}.csv"\ntarget = "class"\nclasses = 4\n'
        'measures = {{ number = "ordinal", word = "categorical" }}'
    )
    return laid_out(root, f"{entry}\n{more}", size)


def check_rows(artifact: Artifact, count: int) -> None:
    """All are there, in order, and those of each part are as they were written."""
    start = 0
    for part in artifact.parts:
        rows = part.arrow
        assert rows is not None and len(part.tensors["features"]) == rows.num_rows
        expected = rows_from(start, start + rows.num_rows)
        for name in ("number", "x0", f"x{FEATURES - 1}", "class"):
            assert np.array_equal(rows.column(name).to_numpy(), expected.column(name).to_numpy())
        start += rows.num_rows
    assert start == count


def write_text(root: Path, size: Size) -> Path:
    """A text of so many bytes, at least: lines that begin with a few letters of their number."""
    for name, count in (("warm", 4000), ("large", size.amount)):
        with (root / f"{name}.txt").open("w") as file:
            written = start = 0
            while written < count:
                lines = "".join(map(_line, range(start, start + LINES_AT_ONCE)))
                cut = lines[: lines.index("\n", min(count - written, len(lines) - 1)) + 1]
                written, start = written + file.write(cut), start + LINES_AT_ONCE
    return laid_out(root, 'kind = "text"\npath = "{0}.txt"', size)


def _line(number: int) -> str:
    return f"{letters_of(number)} {' '.join(WORDS[number % 7 :])}\n"


def letters_of(number: int) -> str:
    """Of a number, modulo 1000, three letters from a to j."""
    return "".join("abcdefghij"[int(digit)] for digit in f"{number % 1000:03}")


def check_text(artifact: Artifact, size: int) -> None:
    """All lines are there, in order: so say their first words, which come a line apart."""
    assert artifact.learned is not None
    words = artifact.table["word"].tolist()
    assert words == sorted({*WORDS, *(letters_of(number) for number in range(1000))})
    place = {words.index(letters_of(number)): number for number in range(1000)}
    number = np.full(len(words), -1)
    number[list(place)] = list(place.values())
    line = characters = 0
    for part in artifact.parts:
        found = number[part.tensors["word_ids"].numpy()]
        found = found[found >= 0]
        assert np.array_equal(found, np.arange(line, line + len(found)) % 1000)
        line, characters = line + len(found), characters + len(part.tensors["char_ids"])
    assert characters >= size


# what has to look at each value of two columns
EXPECTED = (
    "expect = {{ classes = 4, columns = {{ number = {{ unique = true }}, "
    "x0 = {{ min = -1000, median = {{ min = -1000 }} }} }} }}"
)


class Case(NamedTuple):
    """A kind of source, how much of it there is, and how its parts are written and checked."""

    write: Write
    check: Check
    sizes: list[Size]


MIB = 1 << 20
USUAL = 64 * MIB  # of a part
QUICK = Case(write_text, check_text, [Size(1_000_000, USUAL // 32), Size(4_000_000, USUAL // 32)])
TENTH = {
    "photos": Case(write_pictures, check_pictures, [Size(1_000, USUAL), Size(2_000, USUAL)]),
    "scaled photos": Case(
        partial(write_pictures, stored="scaled"),
        check_pictures,
        [Size(500, USUAL // 4), Size(1_000, USUAL // 4)],
    ),
    "rows": Case(
        write_rows, check_rows, [Size(100_000, USUAL // 20), Size(1_000_000, USUAL // 20)]
    ),
    "expected rows": Case(
        partial(write_rows, more=EXPECTED),
        check_rows,
        [Size(100_000, USUAL // 20), Size(1_000_000, USUAL // 20)],
    ),
    "text": Case(
        write_text, check_text, [Size(10_000_000, USUAL // 4), Size(100_000_000, USUAL // 4)]
    ),
}
WHOLE = {
    "photos": Case(
        write_pictures, check_pictures, [Size(count, USUAL) for count in (1_000, 10_000, 50_000)]
    ),
    "rows": Case(write_rows, check_rows, [Size(count, USUAL) for count in (10**6, 10**7)]),
    "text": Case(write_text, check_text, [Size(count, USUAL) for count in (10**8, 10**9)]),
}


LARGE = TENTH | WHOLE if FULL else TENTH


def grown(catalog: Path, what: str = "make") -> float:
    """By how many MB the memory of a process grows that makes an entry, or draws its views."""
    root = catalog.parent
    said = python(MEASURE, catalog, root, root / "store", what)
    return float(json.loads(said))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder that is gone after the test: what is in it may be gigabytes."""
    root = tmp_path / "place"
    yield root
    shutil.rmtree(root, ignore_errors=True)


def peaks(case: Case, place: Path) -> list[float]:
    """The memory that making each size takes, MB; what was made is checked.

    The smallest is made several times, and counts with what it takes at most: of two parts that
    are made at once the largest do not always fall together where there are few.
    """
    found = []
    for size in case.sizes:
        place.mkdir()
        catalog, times = case.write(place, size), 1 if found else TRIES
        took = []
        for _ in range(times):
            shutil.rmtree(place / "store", ignore_errors=True)
            took.append(grown(catalog))
        found.append(max(took))
        artifact = ptm.load("large", place / "store")
        assert len(artifact.parts) > 3, "else the smaller takes less because it is one part"
        case.check(artifact, size.amount)
        shutil.rmtree(place)
    return found


def test_four_times_as_much(place: Path) -> None:
    """Four times as many small parts take no more memory."""
    small, large = peaks(QUICK, place)
    assert large < GROWTH * small and large < MOST


@pytest.mark.slow
@pytest.mark.parametrize("case", LARGE.values(), ids=LARGE)
def test_ten_times_as_much(
    case: Case, place: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    """However much there is, memory stays within a fifth of what the smallest takes, and 1 GB."""
    found = peaks(case, place)
    with capsys.disabled():
        told = (f"{size.amount:,}: {mb:.0f} MB" for size, mb in zip(case.sizes, found, strict=True))
        print(f"\n{request.node.name}: {', '.join(told)}")
    assert max(found) < GROWTH * found[0] and max(found) < MOST


@pytest.mark.slow
def test_views(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The views of a million rows are drawn within 1 GB too."""
    place.mkdir()
    catalog = write_rows(place, Size(1_000_000, USUAL))
    for name in ("warm", "large"):
        ptm.tensorize(ptm.load_catalog(catalog, place)[name], place / "store")
    found = grown(catalog, "views")
    with capsys.disabled():
        print(f"\nviews of 1,000,000 rows: {found:.0f} MB")
    views = ptm.load("large", place / "store").views
    assert views and not [view for view in views if view.name == "not-drawn"]
    assert found < MOST
