"""The disk of the store is looked at before a source is read that may not fit on it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import ptm
from ptm.errors import StoreError
from ptm.kinds.text import Options as TextSource
from ptm.prepare import plan, tensorize
from ptm.shown import readable_size
from ptm.source import Source
from ptm.space import shortage
from tests.support.small_disk import SmallDisk

SIZE = 300_000
LINE = b"one line of some words and no more\n"


@pytest.fixture
def texts(tmp_path: Path) -> Callable[[str], Source]:
    """Texts of 300 kB by name."""

    def text(name: str) -> Source:
        (tmp_path / f"{name}.txt").write_bytes((LINE * SIZE)[:SIZE])
        return TextSource(name=name, root=tmp_path, kind="text", path=f"{name}.txt", line=0)

    return text


def free(disk: SmallDisk) -> int:
    """Bytes, by the system."""
    found = os.statvfs(disk.folder)
    return found.f_bavail * found.f_frsize


def test_too_full(texts: Callable[[str], Source], small_disk: SmallDisk) -> None:
    """It fails at once, says what is needed and what is there, and nothing is written."""
    source, root = texts("long"), small_disk.folder / "store"
    small_disk.fill(100 << 10)
    here = readable_size(free(small_disk))
    assert free(small_disk) < SIZE
    with pytest.raises(StoreError) as caught:
        tensorize(source, root)
    assert str(caught.value) == (
        f"long: expected about 0.3 MB free in {root} (the size of its inputs, as an estimate), "
        f"got {here}"
    )
    assert not root.exists()
    assert [(one.action, one.why) for one in plan([source], root)] == [("fail", str(caught.value))]
    small_disk.free()
    assert not tensorize(source, root).cached


def test_input_is_not_read(
    texts: Callable[[str], Source], small_disk: SmallDisk, tmp_path: Path
) -> None:
    """A new source is refused before its input is read: one that would never end, but says so."""
    source = texts("long")
    os.truncate(tmp_path / "long.txt", 1 << 40)  # a terabyte of zeros takes hours to read
    with pytest.raises(StoreError, match=r"^long: expected about 1099\.51 GB free in "):
        tensorize(source, small_disk.folder / "store")


def test_up_to_date_needs_no_room(texts: Callable[[str], Source], small_disk: SmallDisk) -> None:
    """What the store has is found on a full disk, also when its file has a new time."""
    source, root = texts("long"), small_disk.folder / "store"
    tensorize(source, root)
    small_disk.fill(0)
    assert tensorize(source, root).cached
    os.utime(source.root / source.path, (0, 0))
    assert tensorize(source, root).cached
    with pytest.raises(StoreError, match=r"^long: expected about .* got 0\.0 kB$"):
        tensorize(source, root, force=True)
    assert ptm.load("long", root).tensors


def test_all_of_them_do_not_fit(texts: Callable[[str], Source], small_disk: SmallDisk) -> None:
    """The sum of those that the store lacks is told beforehand; what it has does not count."""
    sources, root = [texts(name) for name in "abc"], small_disk.folder / "store"
    tensorize(sources[0], root)
    assert shortage(sources, root) == ""
    small_disk.fill(500 << 10)
    assert free(small_disk) > SIZE
    here = readable_size(free(small_disk))
    assert shortage(sources, root) == (
        f"expected about 0.6 MB free in {root} for 2 sources (the size of their inputs, as an "
        f"estimate), got {here}: not all of them may fit"
    )
    assert " for 3 sources " in shortage(sources, root, force=[one.name for one in sources])
    assert shortage(sources[:2], root) == ""


def test_what_cannot_be_read_does_not_count(tmp_path: Path) -> None:
    """A source without its files takes no room: making it tells what is missing."""
    source = TextSource(name="a", root=tmp_path, kind="text", path="none.txt", line=0)
    assert shortage([source], tmp_path / "store") == ""
