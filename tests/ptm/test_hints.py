"""What is not found is named with what there is in its place."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest

from ptm.book import REGISTRY
from ptm.catalog import load_catalog
from ptm.download import read_registry
from ptm.errors import ArtifactMissing, CatalogError, InputError
from ptm.explain import compare, explain
from ptm.hints import MOST, no_root
from ptm.index import StatIndex
from ptm.inputs import InputFiles
from ptm.listing import list_files
from ptm.registry import kind_named
from ptm.store import load
from tests.support.stores import ORDINARY, python

BOOK = "ptm data pull"
# prints what becomes of a file in a folder that may not be read
DENIED = f"""{ORDINARY}
import sys
from pathlib import Path
from ptm.kinds.images import Options as ImagesSource
from ptm.errors import InputError
from ptm.index import StatIndex
from ptm.inputs import InputFiles
path = "Photos/dog.png"
source = ImagesSource(name="mine", root=Path(sys.argv[1]), kind="images", path=path)
try:
    InputFiles(source, StatIndex(), names_matter=True)
except InputError as error:
    print(error)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with photos, tables, slices in a folder of their own, and a link to nowhere."""
    root = tmp_path / "root"
    for name in [f"IMG_{number}.JPG" for number in range(12)] + ["a.png", "b.png", "c.png"]:
        write(root / "Photos" / name)
    write(root / "Photos" / "raw" / "x.dng")
    write(root / "tables" / "hour.csv")
    write(root / "tables" / "day.csv")
    write(root / "scans" / "patient-1" / "1.dcm")
    (root / "empty").mkdir()
    (root / "away").symlink_to("/mnt/disk/photos")
    return root


def write(place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"")


def got(root: Path, path: str, kind: str = "images", file: str = "", **options: Any) -> str:
    """What the error says instead of the files of a source."""
    source = kind_named(kind).options(name="mine", root=root, kind=kind, path=path, **options)
    with pytest.raises(InputError) as caught:
        list_files(source)
    error = caught.value
    assert error.source == "mine" and error.file == (file or path)
    assert "\n" not in str(error) and len(str(error)) < 400
    return error.got


def test_a_file_of_ones_own(root: Path) -> None:
    """The hint for a file that is not of the book's data is not to get the book's data."""
    for path in ("Photos/dog.jpg", "photos", "scans/patient-7", "cats", "empty/x"):
        assert BOOK not in got(root, path)


@pytest.mark.parametrize("path", [next(iter(read_registry(REGISTRY))), "p1ch4/image-cats", "p1ch4"])
def test_a_file_of_the_book(root: Path, path: str) -> None:
    """The hint for a file or folder of the book's data is to get it, into that data root."""
    assert got(root, path) == f"nothing (get the book's data with: ptm data pull --data {root})"


def test_the_data_root_of_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In `data`, the command to get the book's data names no folder."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    assert got(Path("data"), "p1ch4/image-cats").endswith("with: ptm data pull)")


def test_the_nearest_names(root: Path) -> None:
    """A name that is not there: the nearest ones that are, five at most, and how many there are."""
    text = got(root, "Photos/IMG_11.JPEG")
    assert text.startswith("nothing: 'Photos' has 16 entries, the nearest: 'IMG_11.JPG', ")
    assert text.count(".JPG'") == 5
    assert got(root, "tables/hours.csv") == "nothing: 'tables' has 2 entries: 'day.csv', 'hour.csv'"
    assert got(root, "empty/x.png") == "nothing: 'empty' is empty"


def test_other_case(root: Path) -> None:
    """A name in other upper and lower case is told, of a file as of a folder on the way."""
    differs = "which differs in upper and lower case"
    assert got(root, "photos") == f"nothing: the data root has 'Photos', {differs}"
    assert got(root, "photos/a.png") == f"nothing: the data root has 'Photos', {differs}"
    assert got(root, "Photos/img_3.jpg") == f"nothing: 'Photos' has 'IMG_3.JPG', {differs}"


def test_other_accents(root: Path) -> None:
    """A name that only looks the same, its accents encoded otherwise, is told."""
    write(root / unicodedata.normalize("NFD", "Häuser") / "x.png")
    text = got(root, unicodedata.normalize("NFC", "Häuser"))
    assert text.endswith("which differs in how accents are encoded")


def test_the_part_that_is_not_there(root: Path) -> None:
    """Of a path, the part that is there and the one that is not are told, with what is there."""
    assert got(root, "scans/patient-7/1.dcm") == (
        "nothing: 'scans' is there, 'scans/patient-7' is not; 'scans' has 1 entry: 'patient-1'"
    )
    text = got(root, "scan/patient-1/1.dcm")
    assert text.startswith(
        "nothing: 'scan' is not; the data root has 5 entries: 'Photos', 'away', "
    )


def test_a_file_in_place_of_a_folder(root: Path) -> None:
    """A path that goes through a file says so."""
    text = got(root, "tables/hour.csv/1.csv")
    assert text == "nothing: 'tables/hour.csv' is a file, no folder"


def test_a_folder_in_place_of_a_file(root: Path) -> None:
    """A folder for a kind that reads one file: the option to name it in, and the files there."""
    expected = "a folder ('path' has to name a file): it has 2 entries: 'day.csv', 'hour.csv'"
    for kind in ("table", "timeseries", "text"):
        assert got(root, "tables", kind) == expected


@pytest.mark.parametrize("path", ["away", "away/2024/1.png"])
def test_a_link_to_nothing(root: Path, path: str) -> None:
    """A link that leads nowhere is named with where it leads."""
    assert got(root, path) == "a link 'away' to '/mnt/disk/photos', where nothing is"


def test_links_to_nothing_in_a_folder(root: Path) -> None:
    """A folder of links that lead nowhere, as without git-annex's files: that is said."""
    (root / "annex").mkdir()
    for number in range(3):
        (root / "annex" / f"{number}.png").symlink_to(f"../.git/annex/{number}")
    assert got(root, "annex", file="annex/0.png") == (
        "3 links to nothing beside 0 files (as '0.png' to '../.git/annex/0'): "
        "their content has to be fetched"
    )
    assert got(root, "annex", pattern="*.tif") == (
        "none: 3 links to nothing (as '0.png' to '../.git/annex/0')"
    )


def test_a_pattern_that_finds_nothing(root: Path) -> None:
    """The extensions of the files that are there are counted, folders and hidden files too."""
    assert got(root, "Photos", pattern="*.gif") == "none: .JPG 12, .png 3, 1 folder"
    write(root / "Photos" / ".hidden.gif")
    write(root / "Photos" / "README")
    assert got(root, "Photos", pattern="*.gif") == (
        "none: .JPG 12, .png 3, no extension 1, 1 folder, 1 hidden"
    )
    assert got(root, "empty", pattern="*.gif") == "none: the folder is empty"
    assert got(root, "Photos", "volume").startswith("none: .JPG 12, ")


def test_a_folder_of_very_many(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a folder with more files than are looked at, that there are at least so many is said."""
    assert 1000 <= MOST < 10_000
    monkeypatch.setattr("ptm.hints.MOST", 50)
    for number in range(60):
        write(root / "many" / f"{number}.txt")
    assert got(root, "many", pattern="*.png") == "none: at least .txt 50"
    assert got(root, "many/x.png").startswith("nothing: 'many' has at least 50 entries")


def test_a_name_that_is_too_long(root: Path) -> None:
    """A name longer than the system allows is an InputError like others."""
    source = kind_named("images").options(name="mine", root=root, kind="images", path="x" * 300)
    with pytest.raises(InputError, match="mine: expected a file that can be read, got File name"):
        InputFiles(source, StatIndex(), names_matter=True)


def test_long_names_leave_a_message_short(root: Path) -> None:
    """With names of the greatest length in the folder, the message still fits a few lines."""
    for letter in "abcdef":
        write(root / "long" / (letter * 120))
    assert got(root, "long/x").count("'") == 4


def test_a_data_root_that_is_not_there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data root that is not there is told once for all sources, with the nearest name."""
    monkeypatch.chdir(root)
    write(root / "sixth")
    text = no_root(Path("table"), ["hour.csv", "day.csv"])
    assert text == (
        "expected a folder of data, got nothing at table: this folder has 6 entries, "
        "the nearest: 'tables'"
    )
    assert "got a file at tables/day.csv" in no_root(Path("tables/day.csv"), ["x"])
    assert "got a link 'away' to '/mnt/disk/photos'" in no_root(Path("away"), ["x"])
    assert no_root(Path("dat"), ["x", "p1ch4/image-dog"]).endswith(f"with: {BOOK} --data dat)")
    assert no_root(Path("tables"), ["hour.csv"]) == no_root(Path("nowhere"), []) == ""


@pytest.fixture
def two_stores(tmp_path: Path) -> Path:
    """A folder with two stores that hold wine and bikes."""
    for store in ("artifacts", "old"):
        for name in ("wine", "bikes"):
            write(tmp_path / store / name / "current.json")
    return tmp_path


@pytest.mark.parametrize("ask", [load, explain, lambda name, root: compare(name, "x", root)])
def test_a_store_that_is_not_there(two_stores: Path, ask: Any) -> None:
    """A store that is not there: that is said, with the stores beside it."""
    with pytest.raises(ArtifactMissing) as caught:
        ask("wine", two_stores / "artefacts")
    beside = f"{two_stores / 'artifacts'}, {two_stores / 'old'}"
    assert f"(there is no such folder; stores beside it: {beside})" in str(caught.value)


def test_an_artifact_among_many(tmp_path: Path) -> None:
    """Of many artifacts the nearest to the name are listed, and how many more there are."""
    for number in range(300):
        write(tmp_path / f"scan-{number:03d}" / "current.json")
    with pytest.raises(ArtifactMissing) as caught:
        load("scan-77", tmp_path)
    assert "scan-077" in str(caught.value) and "and 280 more" in str(caught.value)


def test_a_catalog_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalog that is not there: the TOML files beside it, here and in data/ are listed."""
    monkeypatch.chdir(tmp_path)
    for name in ("mine.toml", "data/catalog.toml", "sub/other.toml", "pyproject.toml"):
        write(tmp_path / name)
    with pytest.raises(CatalogError) as caught:
        load_catalog("sub/none.toml")
    assert str(caught.value) == (
        "sub/none.toml: expected a catalog, got: No such file or directory "
        "(there is: sub/other.toml, mine.toml, data/catalog.toml)"
    )
    with pytest.raises(CatalogError, match=r"Is a directory \(there is: data/catalog.toml, mine"):
        load_catalog("data")


def test_a_source_among_many(tmp_path: Path) -> None:
    """Of a catalog of many sources the nearest to the name are listed, not all."""
    entries = [f'[s{number}]\nkind = "text"\npath = "x"\n' for number in range(500)]
    (tmp_path / "catalog.toml").write_text("".join(entries))
    with pytest.raises(CatalogError) as caught:
        load_catalog(tmp_path / "catalog.toml")["s1000"]
    assert "s100" in str(caught.value) and "and 480 more" in str(caught.value)
    assert len(str(caught.value)) < 300


def test_no_book_without_its_registry(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the registry cannot be read, a missing file is still named."""

    def broken() -> dict[str, str]:
        raise CatalogError("registry")

    monkeypatch.setattr("ptm.download.read_registry", broken)
    assert got(root, "p1ch4/image-dog").startswith("nothing: 'p1ch4' is not; the data root has ")


def test_a_folder_that_may_not_be_read(root: Path) -> None:
    """A folder without permission is an error of the input, not of the hint."""
    (root / "Photos").chmod(0o000)
    told = python(DENIED, root)
    (root / "Photos").chmod(0o755)
    assert (
        told == "mine: expected a file that can be read, got Permission denied (Photos/dog.png)\n"
    )
