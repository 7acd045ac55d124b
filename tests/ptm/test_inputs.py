"""The files of a source: one digest of all, believed only as long as each is as it was."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import ptm
from ptm.errors import InputError
from ptm.index import StatIndex
from ptm.inputs import InputFiles
from ptm.kinds.images import Options as ImagesSource
from tests.support.photos import write_photos

COUNT = 50


@pytest.fixture
def source(tmp_path: Path) -> ImagesSource:
    """Fifty files of one size."""
    (tmp_path / "many").mkdir()
    for number in range(COUNT):
        (tmp_path / "many" / f"{number:03d}.png").write_bytes(b"%03d" % number)
    return ImagesSource(name="many", root=tmp_path, kind="images", path="many")


def digest(source: ImagesSource, index: StatIndex | None = None, names: bool = True) -> str:
    return InputFiles(source, StatIndex() if index is None else index, names).digest


@pytest.fixture
def known(source: ImagesSource) -> bytes:
    """An index that has seen them all."""
    index = StatIndex()
    digest(source, index)
    return index.to_bytes()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are hashed from here on."""
    from ptm import index

    real, seen = index.hash_files, list[str]()

    def hash_files(files: list[tuple[str, str]], scratch: Path | None = None) -> object:
        seen.extend(name for name, _ in files)
        return real(files, scratch)

    monkeypatch.setattr(index, "hash_files", hash_files)
    return seen


def test_nothing_is_read_twice(source: ImagesSource, known: bytes, opened: list[str]) -> None:
    """Files that are as they were have the digest that they had, and none is read."""
    index = StatIndex(known)
    assert digest(source, index) == digest(source, StatIndex(known)) and not opened
    assert not index.changed
    assert digest(source) == digest(source, StatIndex(known)) and len(opened) == COUNT


def swap(folder: Path) -> None:
    (folder / "000.png").rename(folder / "x")
    (folder / "001.png").rename(folder / "000.png")
    (folder / "x").rename(folder / "001.png")


EDITS: dict[str, Callable[[Path], object]] = {
    "another byte": lambda folder: (folder / "007.png").write_bytes(b"x07"),
    "a file more": lambda folder: (folder / "x.png").write_bytes(b"new"),
    "a file less": lambda folder: (folder / "007.png").unlink(),
    "another name": lambda folder: (folder / "007.png").rename(folder / "x.png"),
    "two names swapped": swap,
    "order of two names": lambda folder: (folder / "000.png").rename(folder / "9.png"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_edits_are_seen(source: ImagesSource, known: bytes, edit: Callable[[Path], object]) -> None:
    """Whatever is done to one file of many, the digest is what an index without memory gives."""
    before = digest(source)
    edit(source.root / "many")
    assert digest(source, StatIndex(known)) == digest(source) != before


def test_a_touch_reads_one_file(source: ImagesSource, known: bytes, opened: list[str]) -> None:
    """A file with other times and the same bytes is read, alone; the digest is the same."""
    before = digest(source, StatIndex(known))
    os.utime(source.root / "many" / "007.png", ns=(1, 1))
    index = StatIndex(known)
    assert digest(source, index) == before and opened == ["many/007.png"]
    assert digest(source, StatIndex(index.to_bytes())) == before and len(opened) == 1


def test_names_count_where_they_matter(source: ImagesSource, known: bytes) -> None:
    """Where names matter not, other names in the same order are the same; what is noted differs."""
    with_names, without = digest(source), digest(source, StatIndex(known), names=False)
    assert without == digest(source, names=False) != with_names
    for place in sorted((source.root / "many").iterdir()):
        place.rename(place.with_name(f"a{place.name}"))
    assert digest(source, names=False) == without
    assert digest(source) != with_names


def test_a_change_after_the_digest(source: ImagesSource, known: bytes) -> None:
    """A file that changes between the digest and its reading is an error, as is one after it."""
    files = InputFiles(source, StatIndex(known), names_matter=True)
    (source.root / "many" / "007.png").write_bytes(b"x07")
    with pytest.raises(InputError, match="many: expected a file that stays as it is"):
        files.entries  # noqa: B018  # a property that reads
    files = InputFiles(source, StatIndex(known), names_matter=True)
    assert len(files.entries) == COUNT
    files.check_unchanged()
    (source.root / "many" / "008.png").write_bytes(b"x08")
    with pytest.raises(InputError, match=r"many/008\.png"):
        files.check_unchanged()


def test_let_go(source: ImagesSource, known: bytes, opened: list[str]) -> None:
    """Given again, files are what they were, none is hashed, and one that changes is named."""
    files = InputFiles(source, StatIndex(known), names_matter=True)
    entries = [*files.entries]
    before = files.files, entries, files.table
    files.let_go(lambda: entries)
    assert (files.files, files.entries) == before[:2] and files.table.equals(before[2])
    files.check_unchanged()
    assert not opened
    files.let_go(lambda: entries)
    (source.root / "many" / "008.png").write_bytes(b"x08")
    with pytest.raises(InputError, match=r"many/008\.png"):
        files.check_unchanged()


def test_hashed_once_though_it_fails(tmp_path: Path, opened: list[str]) -> None:
    """What was hashed for an entry of many parts that then fails is not hashed for the next try."""
    photos = write_photos(tmp_path, 30, 16, 1, "png")
    last = photos.folder / "00029.png"
    whole = last.read_bytes()
    last.write_bytes(whole[:60])
    source = ImagesSource(
        name="many", root=tmp_path, kind="images", path=photos.folder.name, part_bytes=5000
    )
    with pytest.raises(InputError, match=r"00029\.png"):
        ptm.tensorize(source, tmp_path / "store")
    assert len(opened) == 30
    last.write_bytes(whole)
    assert not ptm.tensorize(source, tmp_path / "store").cached
    assert opened[30:] == [f"{photos.folder.name}/00029.png"]


def test_rehash_reads_once(source: ImagesSource, known: bytes, opened: list[str]) -> None:
    """With rehash every file is read, once, although the index knows all."""
    files = InputFiles(source, StatIndex(known, rehash=True), names_matter=True)
    assert len(files.entries) == COUNT and len(opened) == COUNT
    assert files.digest == digest(source, StatIndex(known))


def test_what_is_not_trusted_is_not_noted(source: ImagesSource, opened: list[str]) -> None:
    """With one file from the future among them, that one is read each time, the others are not."""
    future = source.root / "many" / "007.png"
    os.utime(future, (4e9, 4e9))
    index = StatIndex()
    first = digest(source, index)
    opened.clear()
    assert digest(source, StatIndex(index.to_bytes())) == first
    assert opened == ["many/007.png"]


def test_what_another_version_kept(source: ImagesSource, opened: list[str]) -> None:
    """Sealed, but of another form: it counts as nothing remembered."""
    from ptm.index import seal

    for kept in ({"many/000.png": ["0" * 64, 1, 2]}, 5, None, "text", []):
        opened.clear()
        assert digest(source, StatIndex(seal(kept))) == digest(source)
        assert len(opened) == 2 * COUNT
