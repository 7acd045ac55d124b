"""Which files a source has: by a pattern, in any case; what is left out is told or refused."""

from __future__ import annotations

import os
import random
import shutil
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ptm
from ptm.errors import InputError
from ptm.kinds.images import Options as ImagesSource
from ptm.listing import Listing, list_files
from ptm.registry import kind_named


def write(place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"")


def listed(root: Path, pattern: str, path: str = "photos") -> Listing:
    return list_files(
        ImagesSource(name="mine", root=root, kind="images", path=path, pattern=pattern)
    )


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.jpg", ["A.JPG", "b.jpg", "c.Jpg"]),
        ("*.JPG", ["A.JPG", "b.jpg", "c.Jpg"]),
        ("a.*", ["A.JPG", "a.png"]),
        ("*/*.png", ["Dog/1.PNG", "cat/1.png"]),
        ("DOG/*", ["Dog/1.PNG"]),
        ("**/1.*", ["Dog/1.PNG", "Dog/old/1.png", "cat/1.png"]),
    ],
)
def test_patterns_in_any_case(tmp_path: Path, pattern: str, names: list[str]) -> None:
    """Upper and lower case of a pattern, and of names, are the same; of folders too."""
    photos = ("A.JPG", "b.jpg", "c.Jpg", "a.png", "cat/1.png", "Dog/1.PNG", "Dog/old/1.png")
    for name in photos:
        write(tmp_path / "photos" / name)
    assert listed(tmp_path, pattern).names == [f"photos/{name}" for name in names]


@pytest.mark.parametrize("seed", range(20))
def test_as_a_second_implementation(tmp_path: Path, seed: int) -> None:
    """Over random trees, a pattern finds what comparing every path with it, part by part, finds."""

    def fits(path: tuple[str, ...], parts: tuple[str, ...]) -> bool:
        if not path or not parts:
            return not path and not parts
        if parts[0] == "**":
            return fits(path, parts[1:]) or fits(path[1:], parts)
        return fnmatchcase(path[0].lower(), parts[0].lower()) and fits(path[1:], parts[1:])

    choose = random.Random(seed)
    names = ["a", "B", "a.png", "b.PNG", "Thumbs.db", ".hidden"]
    for _ in range(30):
        parents = [choose.choice(["x", "Y", "x.png", ".z"]) for _ in range(choose.randrange(4))]
        place = Path(tmp_path, "photos", *parents, choose.choice(names))
        if not any(above.is_file() for above in place.parents) and not place.is_dir():
            write(place)
    write(tmp_path / "photos" / "sure" / "a.png")
    for pattern in ("**/*", "**/*.png", "*/*", "*/**/a*", "**/x*/*.png", "**/a.png"):
        below = [place.relative_to(tmp_path) for place in (tmp_path / "photos").rglob("*")]
        expected = {
            place.as_posix()
            for place in below
            if (tmp_path / place).is_file()
            and not any(part.startswith(".") or part == "Thumbs.db" for part in place.parts)
            and fits(place.parts[1:], tuple(pattern.split("/")))
        }
        try:
            assert set(listed(tmp_path, pattern).names) == expected
        except InputError:
            assert not expected


def test_system_files_are_skipped(tmp_path: Path) -> None:
    """What systems leave in folders is no input, without a word: nobody put it there."""
    for name in ("1.png", "Thumbs.db", "desktop.ini", ".DS_Store", "._1.png", "@eaDir/1.png"):
        write(tmp_path / "photos" / name)
    assert listed(tmp_path, "*") == Listing(["photos/1.png"], "photos/")
    assert listed(tmp_path, "**/*") == Listing(["photos/1.png"], "photos/")


def test_a_link_to_nothing_is_refused(tmp_path: Path) -> None:
    """Links whose content was not fetched are named and counted, and not left out."""
    write(tmp_path / "photos" / "1.png")
    for number in (2, 3):
        (tmp_path / "photos" / f"{number}.png").symlink_to(f"../annex/{number}")
    expected = r"got 2 links to nothing beside 1 files \(as '2\.png' to '\.\./annex/2'\)"
    with pytest.raises(InputError, match=rf"{expected}.*\(photos/2\.png\)"):
        listed(tmp_path, "*.png")
    with pytest.raises(InputError, match=expected):
        listed(tmp_path, "**/*.png")
    write(tmp_path / "photos" / "notes.txt")
    assert listed(tmp_path, "*.txt").names == ["photos/notes.txt"], "they do not match"


def test_linked_folders_are_told(tmp_path: Path) -> None:
    """'**' follows no link to a folder, since one may lead back up: how many, and the first."""
    write(tmp_path / "photos" / "1.png")
    write(tmp_path / "elsewhere" / "2.png")
    (tmp_path / "photos" / "more").symlink_to("../elsewhere")
    (tmp_path / "photos" / "up").symlink_to("..")
    names, _, notes, _ = listed(tmp_path, "**/*.png")
    assert names == ["photos/1.png"]
    assert notes == ("2 linked folders (as 'more') were left out: '**' follows none",)
    assert listed(tmp_path, "more/*.png") == Listing(["photos/more/2.png"], "photos/")


def test_folders_left_out_are_told(tmp_path: Path) -> None:
    """A folder that matches a pattern for files is told, with the pattern that takes its files."""
    for name in ("1.png", "more/2.png", "old/3.png"):
        write(tmp_path / "photos" / name)
    names, _, notes, _ = listed(tmp_path, "*")
    assert names == ["photos/1.png"]
    [note] = notes
    assert note.startswith("2 folders (as 'more') were left out by the pattern '*'; '**/*' takes")
    assert listed(tmp_path, "*.png").notes == () == listed(tmp_path, "**/*").notes


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    """A file name that is not UTF-8 is named by itself, and how many more there are."""
    write(tmp_path / "photos" / "1.png")
    for raw in (b"\xff.png", b"\xe9t\xe9.png"):
        (tmp_path / "photos" / os.fsdecode(raw)).write_bytes(b"")
    with pytest.raises(InputError) as caught:
        listed(tmp_path, "*")
    assert str(caught.value) == (
        r"mine: expected names of files in UTF-8, got b'\xe9t\xe9.png' and 1 more (photos)"
    )


def test_folders_deeper_than_the_stack(tmp_path: Path) -> None:
    """Folders in folders, more than Python may call itself: looked through, or refused."""
    (tmp_path / "photos").mkdir()
    before = Path.cwd()
    try:
        os.chdir(tmp_path / "photos")
        for _ in range(1200):
            Path("d").mkdir()
            os.chdir("d")
        Path("1.png").write_bytes(b"")
        names = listed(tmp_path, "**/*.png").names
        Path("1.png").unlink()
        for _ in range(1200):
            os.chdir("..")
            Path("d").rmdir()
    finally:
        os.chdir(before)
    assert names == [f"photos/{'d/' * 1200}1.png"]


def picture(place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(place)


def test_another_class_folder_is_a_change(tmp_path: Path) -> None:
    """Rows name a file by its path below the source; a class folder renamed is made again."""
    for name in ("cat/1.png", "dog/1.png"):
        picture(tmp_path / "photos" / name)
    source = ImagesSource(
        name="pets", root=tmp_path, kind="images", path="photos", pattern="*/*.png"
    )
    first = ptm.tensorize(source, tmp_path / "store")
    assert ptm.load("pets", tmp_path / "store").table["file"].tolist() == ["cat/1.png", "dog/1.png"]
    (tmp_path / "photos" / "dog").rename(tmp_path / "photos" / "ferret")
    again = ptm.tensorize(source, tmp_path / "store")
    assert not again.cached and again.key != first.key
    table = ptm.load("pets", tmp_path / "store").table
    assert table["file"].tolist() == ["cat/1.png", "ferret/1.png"]


def test_another_place_is_no_change(tmp_path: Path) -> None:
    """The folder of the source has no part in the key: moved as a whole, it is up to date."""
    picture(tmp_path / "photos" / "cat" / "1.png")
    options = {"name": "pets", "root": tmp_path, "kind": "images", "pattern": "*/*.png"}
    first = ptm.tensorize(ImagesSource(path="photos", **options), tmp_path / "store")
    (tmp_path / "photos").rename(tmp_path / "pets")
    assert ptm.tensorize(ImagesSource(path="pets/", **options), tmp_path / "store").key == first.key
    shutil.move(tmp_path / "pets" / "cat", tmp_path / "cat")
    whole = ptm.tensorize(ImagesSource(path=".", **options), tmp_path / "store")
    assert whole.cached and whole.key == first.key


def test_notes_reach_the_artifact(tmp_path: Path) -> None:
    """What was left out is a warning of the artifact."""
    picture(tmp_path / "photos" / "1.png")
    picture(tmp_path / "photos" / "more" / "2.png")
    source = ImagesSource(name="mine", root=tmp_path, kind="images", path="photos")
    [warning] = ptm.tensorize(source, tmp_path / "store").warnings
    assert warning.startswith("1 folder (as 'more') was left out")


@pytest.mark.parametrize("kind", ["images", "volume"])
def test_a_folder_of_upper_case_names(tmp_path: Path, kind: str) -> None:
    """The pattern that a kind has by default finds names in upper case."""
    write(tmp_path / "f" / ("A.DCM" if kind == "volume" else "A.PNG"))
    source = kind_named(kind).options(name="s", root=tmp_path, kind=kind, path="f")
    assert len(list_files(source).names) == 1


@pytest.mark.parametrize("pattern", ["**/*.jpg", "*/*.jpg"])
def test_links_to_nothing_on_the_way(tmp_path: Path, pattern: str) -> None:
    """A link that leads nowhere, or to itself, may have been a folder of files: it is told."""
    write(tmp_path / "photos" / "cat" / "x.jpg")
    (tmp_path / "photos" / "dog").symlink_to("../not-mounted")
    (tmp_path / "photos" / "eel").symlink_to("eel")
    names, _, notes, _ = listed(tmp_path, pattern)
    assert names == ["photos/cat/x.jpg"]
    assert notes == ("2 links (as 'dog') were to nothing, left out: a folder may be missing",)
