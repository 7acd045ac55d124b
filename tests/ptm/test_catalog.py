"""The catalog: what is valid is frozen; what is not is named with its entry and option."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from ptm.catalog import Catalog, catalog_name, entry_names, load_catalog
from ptm.errors import CatalogError
from ptm.kinds.images import Options as ImagesSource
from ptm.kinds.table import Options as TableSource

BOOK = Path(__file__).parents[2] / "data" / "catalog.toml"
INLINE = 'kind = "table"\ncolumns = ["a", "b"]\nrows = [[1, 2]]\n'
HOURLY = 'kind = "timeseries"\npath = "t.csv"\n'


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Catalog]:
    def load(text: str) -> Catalog:
        (tmp_path / "catalog.toml").write_text(text, encoding="utf-8")
        return load_catalog(tmp_path / "catalog.toml", data=tmp_path)

    return load


def test_book() -> None:
    """The book's catalog is valid, its sources and analyses in order; no data is needed."""
    catalog = load_catalog(BOOK, data="nowhere")
    assert list(catalog) == [
        "dog", "cats", "ct", "wine", "bikes", "austen", "temperature",
        "wine_threshold", "temperature_fits",
    ]  # fmt: skip
    assert [catalog[name].kind for name in catalog] == [
        "images", "images", "volume", "table", "timeseries", "text", "table", "threshold", "fits",
    ]  # fmt: skip
    assert catalog["wine_threshold"].of == ("wine",)


def test_options_of_the_book() -> None:
    """Options are read as they stand: wine's delimiter, target and unit, the readings' rows."""
    catalog = load_catalog(BOOK)
    wine, readings = catalog["wine"], catalog["temperature"]
    assert isinstance(wine, TableSource) and isinstance(readings, TableSource)
    assert (wine.delimiter, wine.target, wine.classes) == (";", "quality", 10)
    assert wine.units["alcohol"] == "% vol"
    assert readings.rows[0] == (35.7, 0.5) and len(readings.rows) == 11


def test_place_is_no_option() -> None:
    """Name, data root and path are not among the options that decide the content."""
    here, there = (load_catalog(BOOK, data=root)["wine"].options() for root in ("here", "there"))
    assert here == there and not {"name", "root", "path"} & here.keys()


@pytest.mark.parametrize(
    ("written", "seconds"),
    [('"90s"', 90), ('"10m"', 600), ('"2h"', 7200), ('"1.5h"', 5400), ('"1d"', 86400), ("3", 3),
     ("0.5", 0.5), ('"7"', 7)],
)  # fmt: skip
def test_timeout(load: Callable[[str], Catalog], written: str, seconds: float) -> None:
    """A timeout is a time with a unit, or seconds; every kind has it, and it decides no content."""
    for kind in ("images", "volume", "table", "timeseries", "text"):
        entry = f'[x]\nkind = "{kind}"\npath = "a"\n'
        plain, limited = load(entry)["x"], load(f"{entry}timeout = {written}\n")["x"]
        assert (plain.timeout, limited.timeout) == (None, seconds)
        assert plain.options() == limited.options()


def test_frozen() -> None:
    """A source cannot be changed."""
    wine = load_catalog(BOOK)["wine"]
    with pytest.raises(ValidationError, match="frozen"):
        wine.delimiter = ","  # type: ignore[attr-defined]
    assert isinstance(wine, TableSource) and wine.delimiter == ";"


def test_a_mapping(load: Callable[[str], Catalog]) -> None:
    """A catalog is a mapping from name to source."""
    catalog = load(f"[b]\n{INLINE}[a]\n{INLINE}")
    assert list(catalog) == ["b", "a"] and len(catalog) == 2
    assert "a" in catalog and "c" not in catalog and catalog.get("a") == catalog["a"]
    assert catalog["a"].name == "a"


def test_unknown_source(load: Callable[[str], Catalog]) -> None:
    """A source that is not there is an error with the nearest name and all the names."""
    with pytest.raises(CatalogError, match=r"'whine'.*did you mean 'wine'.*: wine, dog"):
        load(f"[wine]\n{INLINE}[dog]\n{INLINE}")["whine"]


MISTAKES = {
    "no kind": ('[x]\npath = "a"\n', ["[x] kind", "images, volume, table", "None"]),
    "kind misspelled": (
        "[x]\nknd = 'images'\npath = 'a'\n",
        ["[x] kind", "images, volume, table", "got 'knd' (did you mean 'kind'?)"],
    ),
    "name too long": (f'[{"x" * 101}]\nkind = "text"\npath = "a"\n', ["a-z, 0-9", "100 at most"]),
    "lists in lists": (f"[x]\na = {'[' * 5000}{']' * 5000}\n", ["TOML", "too deep"]),
    "list for a number": (
        f'[x]\nkind = "table"\ncolumns = ["a"]\nrows = {"[" * 99}1{"]" * 99}\n',
        ["[x] rows.0.0", "a number", " …"],
    ),
    "integer beyond float64": (
        '[x]\nkind = "table"\ncolumns = ["a"]\nrows = [[9007199254740993]]\n',
        ["[x] rows.0.0", "a number that float64 can hold", "9007199254740993"],
    ),
    "integer beyond any float": (
        f'[x]\nkind = "table"\ncolumns = ["a"]\nrows = [[1{"0" * 400}]]\n',
        ["[x] rows.0.0", "a number that float64 can hold", " …"],
    ),
    "header of rows": (f"[x]\n{INLINE}header = true\n", ["[x]", "'header'", "'path'"]),
    "unknown kind": ('[x]\nkind = "image"\npath = "a"\n', ["[x] kind", "did you mean 'images'?"]),
    "kind of no text": ("[x]\nkind = 3\n", ["[x] kind", "got 3"]),
    "not a table": ("x = 3\n", ["[x]", "a table", "got 3"]),
    "list of tables": ('[[x]]\nkind = "text"\n', ["[x]", "a table"]),
    "unknown option": (
        '[x]\nkind = "images"\npath = "a"\nstandardise = true\n',
        ["[x] standardise", "unknown option", "did you mean 'standardize'?"],
    ),
    "option of another kind": (
        '[x]\nkind = "text"\npath = "a"\ndelimiter = ";"\n',
        ["[x] delimiter", "unknown option", "known: kind, path, encoding, line"],
    ),
    "name as an option": ('[x]\nkind = "text"\npath = "a"\nname = "y"\n', ["[x] name", "unknown"]),
    "root as an option": ('[x]\nkind = "text"\npath = "a"\nroot = "/"\n', ["[x] root", "unknown"]),
    "no path": ('[x]\nkind = "text"\n', ["[x] path", "got nothing"]),
    "empty path": ('[x]\nkind = "text"\npath = ""\n', ["[x] path", "a file or folder", "got ''"]),
    "path as a number": ('[x]\nkind = "text"\npath = 3\n', ["[x] path", "a text", "3"]),
    "path upwards": ('[x]\nkind = "text"\npath = "a/../../b"\n', ["[x] path", "inside", "a/.."]),
    "absolute path": ('[x]\nkind = "text"\npath = "/etc/hosts"\n', ["[x] path", "inside", "/etc"]),
    "backslashes": ("[x]\nkind = 'text'\npath = '..\\b'\n", ["[x] path", "inside"]),
    "NUL in a path": ('[x]\nkind = "text"\npath = "a\\u0000"\n', ["[x] path", "inside"]),
    "bad name": ('["X y"]\nkind = "text"\npath = "a"\n', ["[X y]", "a-z, 0-9", "'X y'"]),
    "name upwards": ('["../x"]\nkind = "text"\npath = "a"\n', ["[../x]", "a-z, 0-9"]),
    "text for a switch": (
        '[x]\nkind = "images"\npath = "a"\nstandardize = "yes"\n',
        ["[x] standardize", "true or false", "'yes'"],
    ),
    "wide delimiter": (
        '[x]\nkind = "table"\npath = "a"\ndelimiter = "::"\n',
        ["[x] delimiter", "one ASCII character", "'::'"],
    ),
    "one class": (
        '[x]\nkind = "table"\npath = "a"\ntarget = "y"\nclasses = 1\n',
        ["[x] classes", "at least 2", "got 1"],
    ),
    "classes of nothing": ('[x]\nkind = "table"\npath = "a"\nclasses = 3\n', ["[x]", "'target'"]),
    "unknown measure": (
        '[x]\nkind = "table"\npath = "a"\nmeasures = { a = "nominal" }\n',
        ["[x] measures.a", "'continuous', 'ordinal', 'categorical', 'boolean' or 'date'", "'nominal'"],
    ),
    "rows and path": (f'[x]\n{INLINE}path = "a"\n', ["[x]", "either 'path' or 'rows'"]),
    "neither rows nor path": ('[x]\nkind = "table"\n', ["[x]", "either 'path' or 'rows'"]),
    "rows without names": ('[x]\nkind = "table"\nrows = [[1]]\n', ["[x]", "'columns'"]),
    "ragged rows": (
        '[x]\nkind = "table"\ncolumns = ["a", "b"]\nrows = [[1, 2], [3]]\n',
        ["[x]", "row 2", "2 values", "got 1"],
    ),
    "text in rows": (
        '[x]\nkind = "table"\ncolumns = ["a"]\nrows = [["one"]]\n',
        ["[x] rows.0.0", "a number", "'one'"],
    ),
    "nan in rows": ('[x]\nkind = "table"\ncolumns = ["a"]\nrows = [[nan]]\n', ["[x] rows.0.0"]),
    "column twice": (
        '[x]\nkind = "table"\ncolumns = ["a", "a"]\nrows = [[1, 2]]\n', ["[x]", "once"],
    ),
    "target that is no column": (f'[x]\n{INLINE}target = "c"\n', ["[x]", "'c'", "columns a, b"]),
    "unit of no column": (f"[x]\n{INLINE}units = {{ c = 'mm' }}\n", ["[x]", "'c'", "a, b"]),
    "range of nothing": (
        f"[x]\n{HOURLY}scale = {{ temp = [4, 1] }}\n", ["[x] scale", "low < high", "'temp'"],
    ),
    "unknown scale": (f'[x]\n{HOURLY}scale = {{ temp = "robust" }}\n', ["[x] scale.temp"]),
    "one code": (f"[x]\n{HOURLY}onehot = {{ w = 1 }}\n", ["[x] onehot.w", "got 1"]),
    "negative line": (
        '[x]\nkind = "text"\npath = "a"\nline = -1\n', ["[x] line", "at least 0"],
    ),
    "timeout of no length": (
        '[x]\nkind = "text"\npath = "a"\ntimeout = 0\n', ["[x] timeout", "above 0", "90s", "got 0"],
    ),
    "timeout in no unit": (
        '[x]\nkind = "text"\npath = "a"\ntimeout = "10 apples"\n',
        ["[x] timeout", "10m", "got '10 apples'"],
    ),
    "timeout of endless length": (
        '[x]\nkind = "text"\npath = "a"\ntimeout = inf\n', ["[x] timeout", "got inf"],
    ),
    "timeout that is a switch": (
        '[x]\nkind = "text"\npath = "a"\ntimeout = true\n', ["[x] timeout", "got True"],
    ),
    "no sources": ("", ["at least one source", "empty"]),
    "not TOML": ("[x\n", ["catalog.toml", "TOML"]),
    "entry twice": (f"[x]\n{INLINE}[x]\n{INLINE}", ["catalog.toml", "TOML"]),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes(load: Callable[[str], Catalog], mistake: str) -> None:
    """Each mistake is an error that names the file, the entry, the option, and what came."""
    text, told = MISTAKES[mistake]
    with pytest.raises(CatalogError) as raised:
        load(text)
    assert [part for part in ["catalog.toml", *told] if part not in str(raised.value)] == []


def test_all_mistakes_at_once(load: Callable[[str], Catalog]) -> None:
    """All that is wrong is told at once, several mistakes of one entry too."""
    with pytest.raises(CatalogError) as raised:
        load('[a]\nkind = "zip"\n[b]\nkind = "text"\npath = ""\nline = -2\n[c]\nkind = "text"\n')
    message = str(raised.value)
    assert all(place in message for place in ("[a] kind", "[b] path", "[b] line", "[c] path"))


@pytest.mark.parametrize("pattern", ["../*.png", "/etc/*", "a/../../*"])
def test_pattern_stays_in_the_folder(load: Callable[[str], Catalog], pattern: str) -> None:
    """A pattern that leaves the folder leaves the data root, and is refused like such a path."""
    with pytest.raises(CatalogError, match=r"\[x\] pattern"):
        load(f'[x]\nkind = "images"\npath = "a"\npattern = "{pattern}"\n')


def test_missing_file(tmp_path: Path) -> None:
    """A catalog that is not there is named."""
    with pytest.raises(CatalogError, match=r"nowhere\.toml.*No such file"):
        load_catalog(tmp_path / "nowhere.toml")


def test_not_utf_8(tmp_path: Path) -> None:
    """A catalog in another encoding is an error of the catalog, not a traceback."""
    (tmp_path / "c.toml").write_bytes(b'[x]\nkind = "\xe9"\n')
    with pytest.raises(CatalogError, match=r"c\.toml"):
        load_catalog(tmp_path / "c.toml")


NAMES = {
    "its own": ('[catalog]\nname = "zoo"\n[a]\nkind = "nothing"\n', "zoo"),
    "of the file": ('[a]\nkind = "nothing"\n', "c"),
    "no name": ("[catalog]\nname = 3\n", "c"),
    "no TOML": ("[a\n", "c"),
}


@pytest.mark.parametrize("what", NAMES)
def test_name_alone(tmp_path: Path, what: str) -> None:
    """The name of a catalog is asked for without its entries: no file of a kind is needed."""
    text, name = NAMES[what]
    (tmp_path / "c.toml").write_text(text)
    assert catalog_name(tmp_path / "c.toml") == name


def test_name_of_what_is_not_there(tmp_path: Path) -> None:
    """A catalog that cannot be read has the name of its file, where that is one."""
    assert catalog_name(tmp_path / "zoo.toml") == "zoo"
    assert catalog_name(tmp_path / "My Zoo.toml") == "catalog"


def test_entry_names(tmp_path: Path) -> None:
    """The names of entries, in the order of the file, right or not."""
    (tmp_path / "c.toml").write_text('[b]\nof = "a"\n[catalog]\n[a]\nkind = "nothing"\n')
    assert entry_names(tmp_path / "c.toml") == ["b", "a"]
    with pytest.raises(CatalogError, match="No such file"):
        entry_names(tmp_path / "none.toml")


def test_integers_are_numbers(load: Callable[[str], Catalog]) -> None:
    """Rows may be written as whole numbers; they are the same source as with a decimal point."""
    whole = load(f"[x]\n{INLINE}")["x"]
    assert whole == load(f"[x]\n{INLINE.replace('[[1, 2]]', '[[1.0, 2.0]]')}")["x"]


def test_unusual_but_valid(load: Callable[[str], Catalog]) -> None:
    """Names with digits, '-' and '_', paths with spaces and dots in them are fine."""
    catalog = load('[3-d_scan]\nkind = "images"\npath = "a folder/..b/c.d"\n')
    assert isinstance(catalog["3-d_scan"], ImagesSource)
    assert catalog["3-d_scan"].path == "a folder/..b/c.d"


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("split = 0.8", "split: expected a table as { train = 0.8, test = 0.2 }, "),
        ("split = 0.8", "got 0.8"),
        (
            "split = { train = nan }",
            "a share above 0 and up to 1, or a cut, for 'train', got nan",
        ),
        ("split = { a = nan, b = [1] }", "for 'a', got nan; for 'b', got [1]"),
        (
            "drift = true",
            "drift: expected a limit from 0 to 1, as 0.1, or a table",
        ),
        ("drift = true", "got true"),
        ("drift = 2", "drift.limit: expected at most 1.0, got 2"),
        ("drift = { limt = 0.1 }", "drift.limt: unknown option (did you mean 'limit'?); known: "),
        ("drift = { limt = 0.1 }", "known: limit, missing, level, against, columns"),
        ("drift = { columns = 3 }", "drift.columns: expected a table, got 3"),
        ("expect = { columns.rows.mi = 3 }", "expect.columns.rows.mi: unknown option"),
        ("expect = { columns.rows.mi = 3 }", "known: min, max, unique, missing, mean, median, "),
        ("expect = { columns.a = 3 }", "expect.columns.a: expected a table with any of min, max, "),
        (
            "expect = { columns.a.values = [[1]] }",
            "values.0: expected a text, true or false, a whole number or a number, got [1]",
        ),
        ("embargo = [1]", "embargo: expected a number or a text, got [1]"),
        ("expect = { columns.a.unique = 1 }", "expected true or false, got 1"),
        ("max_bad = true", "max_bad: expected a count, or a share from 0.0 to 1.0, got true"),
        ("seed = 1.5", "seed: expected a whole number, got 1.5"),
        ("columns = 'a'", "columns: expected a list, got 'a'"),
    ],
)
def test_plain_words(load: Callable[[str], Catalog], option: str, told: str) -> None:
    """A slip is told once, in words of a catalog: what was expected, what came, what there is."""
    with pytest.raises(CatalogError) as raised:
        load(f'[x]\nkind = "table"\npath = "x.csv"\n{option}\n')
    assert told in str(raised.value) and len(str(raised.value).splitlines()) == 2
    assert not re.search("valid|object|array|boolean|string|True", str(raised.value))
