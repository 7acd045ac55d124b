"""Files that systems leave in every folder are no damage; what somebody added is."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import ptm
from ptm import store
from ptm.errors import ArtifactCorrupt
from ptm.model import ArtifactRef
from ptm.names import is_stray
from ptm.store import disk
from tests.support.parts import Source, about, check, heal, leftovers, make
from tests.support.parts import publish as publish_planted
from tests.support.stores import publications

FILES = [
    *(".DS_Store", "._.DS_Store", "._whole.pt", "._manifest.json"),
    *("Thumbs.db", "thumbs.db", "desktop.ini", "Desktop.ini", ".directory"),
    *(".nfs00000000a1b2c3d400000001", ".fuse_hidden0001f2a300000001", ".smbdeleteAAA4b2f3.4"),
]
FOLDERS = ["@eaDir", ".@__thumb", ".AppleDouble"]
STRANGERS = [
    *(".extra", "extra", "part-00001.pt", "manifest.json~", "DS_Store", "x.DS_Store", "nfs01"),
    *("_whole.pt", "Thumbs.db.png", "eaDir", "@eaDir.json", ".whole.pt.Xy3f9a"),
]
OPEN = ".nfs00000000a1b2c3d400000002"


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A source of two parts."""
    return Source(tmp_path / "store")


def publish(root: Path, number: int, name: str = "planted") -> ArtifactRef:
    return publish_planted(root, about(number, name), 6 + 2 * number)


def litter(folder: Path) -> set[Path]:
    """Leaves a stray file of each kind in a folder; all of them."""
    files = [folder / name for name in FILES]
    for name in FOLDERS:
        (folder / name).mkdir()
        files.append(folder / name / "current.json")  # named like one of the store's own
    for file in files:
        file.write_bytes(b"stray")
    return set(files)


@pytest.mark.parametrize("name", [*FILES, *FOLDERS, *STRANGERS])
def test_what_is_stray(name: str) -> None:
    """A stray file is known by its whole name, in capitals or not; nothing else is one."""
    assert is_stray(name) == (name not in STRANGERS)


@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_beside_the_files_of_an_artifact(source: Source, name: str) -> None:
    """Beside the files of an artifact a stray one is no damage: it loads, verifies, is found."""
    place = Path(make(source).path) / name
    if name in FOLDERS:
        place.mkdir()
        place = place / "whole.pt@SynoEAStream"
    place.write_bytes(b"stray")
    assert heal(source).cached and place.read_bytes() == b"stray"


@pytest.mark.parametrize("name", STRANGERS)
def test_what_somebody_added(source: Source, name: str) -> None:
    """Beside the files of an artifact any other file is damage, and names the file."""
    (Path(make(source).path) / name).write_bytes(b"")
    with pytest.raises(ArtifactCorrupt, match=r"expected only the files of the manifest") as raised:
        ptm.load("t", source.root)
    assert str(raised.value).startswith(f"t: {name}: ")
    assert make(source).why.startswith(f"damaged: {name}: ")


def test_everywhere_in_the_store(tmp_path: Path) -> None:
    """In the root, the shelves and all their folders they are neither told of nor taken away."""
    refs = [publish(tmp_path, number) for number in range(3)]
    assert len(ptm.load("planted", tmp_path).tensors["floats"]) == 10  # is remembered
    shelf = tmp_path / "planted"
    strays = {stray for place in (tmp_path, shelf, shelf / "stat") for stray in litter(place)}
    strays |= litter(shelf / "keys") | litter(shelf / "parts") | litter(Path(refs[2].path))
    # macOS on a foreign disk
    for pointer in [*(shelf / "keys").glob("[0-9a-f]*.json"), *(shelf / "parts").glob("[0-9a-f]*")]:
        strays.add(pointer.with_name(f"._{pointer.name}"))
        pointer.with_name(f"._{pointer.name}").write_bytes(b"\0\5\x16\7")
    assert store.names(tmp_path) == ["planted"] == store.shelves(tmp_path)
    [row] = store.status(tmp_path)
    assert "error" not in row and len(store.pointers(shelf)) == 4
    findings = store.verify(tmp_path)
    assert [found.error for found in findings] == [""] * 3
    told = store.gc(tmp_path, keep=1, dry_run=True)
    assert store.gc(tmp_path, keep=1) == told
    assert {thing.what for thing in told} == {*(Path(r.path).name for r in refs[:2]), "parts"}
    assert all(stray.exists() for stray in strays)
    assert store.sweep(shelf) == [] == store.sweep(tmp_path)
    assert ptm.load("planted", tmp_path).path == Path(refs[2].path)


def test_a_folder_that_is_collected(tmp_path: Path) -> None:
    """When an old artifact goes, so do the stray files in its folder, and count as freed."""
    old, _ = (publish(tmp_path, number) for number in range(2))
    size = sum(file.stat().st_size for file in Path(old.path).iterdir())
    litter(Path(old.path))
    thing, _ = store.gc(tmp_path, keep=1)
    assert (thing.what, thing.stays) == (Path(old.path).name, "")
    assert thing.bytes == size + 5 * len(FILES + FOLDERS)
    assert not Path(old.path).exists() and leftovers(tmp_path) == []


def test_copies_of_sync_clients(source: Source) -> None:
    """Copies that sync clients and people make of pointers and shelves are not the store's."""
    ref = make(source)
    copies = {
        source.shelf / "current.json": "current (conflicted copy 2026-11-23).json",
        source.shelf / "keys" / f"{ref.key}.json": f"{ref.key} (1).json",
        source.shelf
        / "keys"
        / f"{ref.key[:12]}.json": f"{ref.key}.sync-conflict-20261123-7QX.json",
        source.shelf / "keys" / f"{ref.key}": f"{ref.key}.json.tmp",
        source.shelf / "parts" / source.key(0): f"{source.key(0)} (conflicted copy).json",
        source.shelf / "parts" / ref.key: f"{ref.key} 2.pt",
    }
    for place, copy in copies.items():
        place.with_name(copy).write_bytes(b"garbage")
    for name in ("t (copy)", "t.bak", ".t", "#recycle"):
        shutil.copytree(source.shelf, source.root / name)
    before = sorted((source.root).rglob("*"))
    assert store.shelves(source.root) == ["t"] == store.names(source.root)
    assert len(store.verify(source.root)) == 1
    assert make(source).cached and store.gc(source.root, keep=1) == []
    check(source)
    assert sorted((source.root).rglob("*")) == before


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Callable[[], None]]:
    """opened(folder): a file in it is open on another computer of a network; to close it.

    Such a file cannot be taken away, and its folder is not empty as long as it is there.
    """

    def opened(folder: Path) -> Callable[[], None]:
        real = disk.remove

        def remove(path: Path) -> None:
            if path.name == OPEN:
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(path))
            real(path)

        (folder / OPEN).write_bytes(b"open")
        monkeypatch.setattr(disk, "remove", remove)
        return lambda: monkeypatch.setattr(disk, "remove", real)

    return opened


def test_collecting_what_is_open(
    tmp_path: Path, opened: Callable[[Path], Callable[[], None]]
) -> None:
    """A file that is open on a network disk ends no collecting: what is left of it goes later."""
    refs = [publish(tmp_path, n, name) for name in "ab" for n in (1, 2)]
    close = opened(Path(refs[0].path))
    found = store.gc(tmp_path, keep=1)
    assert [thing.stays for thing in found if thing.what == "parts"] == ["", ""]
    first, second = (thing for thing in found if thing.what != "parts")
    assert first.what == Path(refs[0].path).name and first.bytes == 0
    assert first.stays == "a file of it is open: the next gc takes what is left of it"
    assert (second.what, second.stays) == (Path(refs[2].path).name, "")
    assert publications(tmp_path, "a") == {Path(refs[1].path).name}
    [left] = leftovers(tmp_path)
    assert os.listdir(tmp_path / left) == [OPEN]
    assert store.gc(tmp_path, keep=1) == [] and leftovers(tmp_path) == [left]
    close()
    [thing] = store.gc(tmp_path, keep=1)
    assert thing.what == Path(left).name and leftovers(tmp_path) == []
    assert not [found for found in store.verify(tmp_path) if found.error]


def test_sweeping_what_is_open(
    source: Source, opened: Callable[[Path], Callable[[], None]]
) -> None:
    """What a dead writer left goes but for the file that is open, and that goes later."""
    make(source)
    for number in ("0123456789ab", "0123456789ac"):
        (source.shelf / f".lease-{number}").touch()
        (source.shelf / f".staging-{number}").mkdir()
        (source.shelf / f".staging-{number}" / "whole.pt").touch()
    close = opened(source.shelf / ".staging-0123456789ab")
    assert store.sweep(source.shelf) == [".staging-0123456789ac"]
    assert leftovers(source.root) == ["t/.staging-0123456789ab"]
    assert make(source).cached
    close()
    assert heal(source).cached


def test_what_goes_with_another(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where taking a file away takes its AppleDouble too, as macOS does, the folder goes whole."""
    staging = source.shelf / ".staging-0123456789ab"
    staging.mkdir(parents=True)
    for name in ("a", "._a", "b", "._b"):
        (staging / name).touch()
    real = disk.remove

    def remove(path: Path) -> None:
        real(path)
        path.with_name(f"._{path.name}").unlink(missing_ok=True)

    monkeypatch.setattr(disk, "remove", remove)
    assert store.sweep(source.shelf) == [staging.name] and not staging.exists()


def test_what_comes_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stray file that comes while its folder is taken away ends no collecting either."""
    old, _ = (publish(tmp_path, number) for number in range(2))
    real = disk.remove_folder

    def remove_folder(path: Path) -> None:
        (path / ".DS_Store").touch()
        monkeypatch.setattr(disk, "remove_folder", real)
        real(path)

    monkeypatch.setattr(disk, "remove_folder", remove_folder)
    thing, _ = store.gc(tmp_path, keep=1)
    assert (thing.what, bool(thing.stays)) == (Path(old.path).name, True)
    assert len(store.gc(tmp_path, keep=1)) == 1 and leftovers(tmp_path) == []


def test_a_part_that_is_open(tmp_path: Path, opened: Callable[[Path], Callable[[], None]]) -> None:
    """Parts that go while one of them is open on a network disk: the next gc takes what is left."""
    source = Source(tmp_path)
    make(source)
    make(replace(source, values=(5.0, 6.0)))
    real, closes = disk.replace, []

    def replaced(one: Path, other: Path) -> None:
        real(one, other)
        if ".collect" in other.parent.name and not closes:
            closes.append(opened(other.parent))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk, "replace", replaced)
        assert [thing.stays for thing in store.gc(tmp_path, keep=1)] == ["", ""]
    [left] = leftovers(tmp_path)
    assert os.listdir(tmp_path / left) == [OPEN]
    closes[0]()
    assert [thing.what for thing in store.gc(tmp_path, keep=1)] == [Path(left).name]
    assert leftovers(tmp_path) == []
