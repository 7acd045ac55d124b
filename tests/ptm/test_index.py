"""The stat index: nothing unchanged is read again, and nothing changed is taken for unchanged."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptm import index
from ptm.index import FileDigest, StatIndex, _hash, hash_files, seal, signature, unseal, written
from tests.support.stores import python

DAY = 86_400_000_000_000  # ns


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file to be edited."""
    path = tmp_path / "file"
    path.write_bytes(b"0000")
    return path


def digest(known: StatIndex, path: Path) -> str:
    """What the index says of a file; it must be so."""
    [entry] = known.digests([("file", str(path))])
    assert entry.sha256 == sha256(path.read_bytes())
    return entry.sha256


def lie(known: StatIndex, path: Path) -> None:
    """Makes the index remember a digest that is wrong: whether it reads the file shows."""
    [entry] = known.digests([("file", str(path))])
    assert entry.trusted
    known.put(entry._replace(sha256="0" * 64))


def believed(known: StatIndex, path: Path) -> bool:
    [entry] = known.digests([("file", str(path))])
    assert entry.sha256 in ("0" * 64, sha256(path.read_bytes()))
    return entry.sha256 == "0" * 64


def test_an_edit_in_the_tick_of_the_hashing(path: Path) -> None:
    """An edit of the same size right after the hashing is seen, 100 times of 100."""
    known = StatIndex()
    for number in range(100):
        path.write_bytes(b"%04d" % number)
        digest(known, path)
        path.write_bytes(b"%04d" % (number + 1000))
        digest(known, path)


def test_an_mtime_put_back(path: Path) -> None:
    """An edit of the same size whose mtime was put back is seen: nobody can put back the ctime."""
    known = StatIndex()
    before = path.stat()
    digest(known, path)
    path.write_bytes(b"1111")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert digest(known, path) == sha256(b"1111")


def test_another_file_in_its_place(path: Path) -> None:
    """A file moved over it, of equal size, mode and mtime, is seen."""
    known = StatIndex()
    other = path.with_name("other")
    other.write_bytes(b"1111")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    digest(known, path)
    other.replace(path)
    assert digest(known, path) == sha256(b"1111")


def test_folders_that_swap(tmp_path: Path) -> None:
    """Another folder in place of the one with the file is seen, though no file changed."""
    known = StatIndex()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(name.encode())
    digest(known, tmp_path / "a/file")
    (tmp_path / "a").rename(tmp_path / "c")
    (tmp_path / "b").rename(tmp_path / "a")
    assert digest(known, tmp_path / "a/file") == sha256(b"b")


def test_a_link_to_another_file(path: Path) -> None:
    """A symbolic link that leads elsewhere is seen."""
    known = StatIndex()
    link, other = path.with_name("link"), path.with_name("other")
    other.write_bytes(b"1111")
    link.symlink_to(path)
    assert digest(known, link) == sha256(b"0000")
    link.unlink()
    link.symlink_to(other)
    assert digest(known, link) == sha256(b"1111")


def test_an_edit_under_another_name(path: Path) -> None:
    """An edit through a second name of the file is seen."""
    known = StatIndex()
    path.with_name("second").hardlink_to(path)
    digest(known, path)
    path.with_name("second").write_bytes(b"1111")
    assert digest(known, path) == sha256(b"1111")


def test_the_signature(path: Path) -> None:
    """Mode, size, mtime, ctime, inode and device: a change of any one is another signature."""
    fields = ("st_mode", "st_size", "st_mtime_ns", "st_ctime_ns", "st_ino", "st_dev")
    now: Any = SimpleNamespace(**{field: getattr(path.stat(), field) for field in fields})
    assert signature(now) == signature(path.stat())
    for field in fields:
        other: Any = SimpleNamespace(**{**vars(now), field: getattr(now, field) + 1})
        assert signature(other) != signature(now)


OPENED = """
import sys
from ptm.index import StatIndex
opened = []
def hook(event, arguments):
    if event == "open" and arguments[0] in sys.argv[1:]:
        opened.append(arguments[0])
sys.addaudithook(hook)
files = [(path, path) for path in sys.argv[1:]]
first = StatIndex()
first.digests(files)
first.digests(files)
print(len(opened))
second = StatIndex(first.to_bytes())
second.digests(files)
print(len(opened), second.changed)
"""


def test_what_is_unchanged_is_not_opened(path: Path) -> None:
    """A file is opened once; not again by this index, nor by the one that is read from a file."""
    path.with_name("other").write_bytes(b"1111")
    assert python(OPENED, path, path.with_name("other")).split() == ["2", "2", "False"]


def test_what_is_remembered(path: Path) -> None:
    """An index believes what was remembered; with `rehash` nothing of it, and it learns anew."""
    known = StatIndex()
    lie(known, path)
    assert believed(known, path) and believed(StatIndex(known.to_bytes()), path)
    anew = StatIndex(known.to_bytes(), rehash=True)
    assert not believed(anew, path) and anew.changed
    assert not believed(StatIndex(anew.to_bytes()), path)


def test_an_mtime_in_the_future(path: Path) -> None:
    """A file from the future is read every time: no later edit need show in its mtime."""
    known = StatIndex()
    future = path.stat().st_mtime_ns + DAY
    for data in (b"1111", b"2222", b"3333"):
        path.write_bytes(data)
        os.utime(path, ns=(future, future))
        [entry] = known.digests([("file", str(path))])
        assert not entry.trusted and digest(known, path) == sha256(data)
    assert len(known) == 0


class Restless(io.FileIO):
    """A file that is edited each time that it was read to the end, as long as `edits` are left."""

    edits = 0

    def read(self, size: int = -1) -> bytes:
        block: bytes = super().read(size) or b""
        if not block and Restless.edits:
            Restless.edits -= 1
            with Path(str(self.name)).open("ab") as file:
                file.write(b"+")
        return block


@pytest.mark.parametrize("edits", range(index.TRIES + 1))
def test_a_file_that_changes_while_it_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch, edits: int
) -> None:
    """It is read again until it rests, some times; what changed meanwhile is not remembered."""
    monkeypatch.setattr(Restless, "edits", edits)
    monkeypatch.setattr(index, "open", lambda path, *_, **__: Restless(path), raising=False)
    known = StatIndex()
    [entry] = known.digests([("file", str(path))])
    rests = edits < index.TRIES
    assert (entry.sha256 == sha256(path.read_bytes())) == rests == entry.unchanged()
    assert entry.trusted == (edits == 0) == (len(known) > 0)
    assert digest(known, path) == sha256(b"0000" + b"+" * edits) and len(known) == 1


@pytest.mark.parametrize("wait", [False, True], ids=["not trusted", "trusted"])
def test_unchanged(path: Path, wait: bool) -> None:
    """A file that was hashed is unchanged until it is edited, replaced or gone."""
    [entry] = hash_files([("file", str(path))]) if wait else [_hash("file", str(path), 0)]
    assert entry.trusted == wait and entry.unchanged()
    path.write_bytes(b"1111")
    assert not entry.unchanged()
    path.unlink()
    assert not entry.unchanged()


def test_files_that_were_written(path: Path) -> None:
    """What this process wrote is remembered without being read, unless it was edited since."""
    now = signature(path.stat())
    entry = FileDigest("file", str(path), "0" * 64, 4, now, trusted=False)
    [kept] = written([entry], path.parent)
    known = StatIndex()
    known.put(kept)
    assert kept.trusted and believed(known, path)
    path.write_bytes(b"1111")
    [edited] = written([entry], path.parent)
    assert not edited.trusted


READ_ONLY = """
import os, sys
from ptm.index import StatIndex
if os.getuid() == 0:
    os.setuid(65534)  # to root no folder is read-only
known = StatIndex()
[entry] = known.digests([("file", sys.argv[1])])
print(entry.sha256, entry.trusted, len(known))
"""


def test_a_folder_that_is_read_only() -> None:
    """Where the clock of the files cannot be asked, what is younger than a day is not trusted."""
    with tempfile.TemporaryDirectory() as name:  # one that other users may enter
        (Path(name) / "file").write_bytes(b"0000")
        Path(name).chmod(0o555)
        told = python(READ_ONLY, Path(name) / "file").split()
        Path(name).chmod(0o755)
    assert told == [sha256(b"0000"), "False", "0"]


def test_the_clock_of_another_disk(path: Path) -> None:
    """A folder on another file system than the files does not tell their time."""
    elsewhere = Path("/proc")
    known = StatIndex(scratch=elsewhere)
    [entry] = known.digests([("file", str(path))])
    assert not entry.trusted and len(known) == 0


def test_nothing_is_left_of_asking_for_the_time(path: Path) -> None:
    """The folder of a file that is hashed looks as before, and so do its times."""
    before = path.parent.stat()
    digest(StatIndex(), path)
    assert os.listdir(path.parent) == ["file"]
    assert signature(path.parent.stat()) == signature(before)


def test_ten_thousand_files(tmp_path: Path) -> None:
    """What is kept is not read again, what is no longer wanted is forgotten."""
    files = [(f"{number}", f"{tmp_path}/{number}") for number in range(10_000)]
    for name, path in files:
        Path(path).write_bytes(name.encode())
    known = StatIndex()
    assert [entry.sha256 for entry in known.digests(files)] == [
        sha256(name.encode()) for name, _ in files
    ]
    assert len(known) == 10_000
    again = StatIndex(known.to_bytes())
    again.keep(lambda name: int(name) % 2 == 0)
    assert len(again) == 5_000 and again.changed
    kept = StatIndex(again.to_bytes())
    assert len(kept) == 5_000
    kept.digests(files[::2])
    assert not kept.changed


def test_a_damaged_index(path: Path) -> None:
    """Whichever byte of it is flipped, however short it is cut, nothing is remembered."""
    known = StatIndex()
    lie(known, path)
    raw = known.to_bytes()
    assert len(StatIndex(raw)) == 1
    for place in range(len(raw)):
        assert len(StatIndex(raw[:place])) == 0
        for bit in range(8):
            flipped = raw[:place] + bytes([raw[place] ^ 1 << bit]) + raw[place + 1 :]
            assert len(StatIndex(flipped)) == 0
    assert len(StatIndex(raw + b" ")) == 0 and len(StatIndex(b"\xff" * 100)) == 0
    assert not believed(StatIndex(raw[:-1]), path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON)
def test_a_seal(value: Any) -> None:
    """What was sealed is unsealed as it was."""
    assert unseal(seal(value)) == value


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, or a folder in its place, is an OSError that names it, known or not."""
    known = StatIndex()
    for place in (tmp_path / "missing", tmp_path):
        with pytest.raises(OSError, match=place.name):
            known.digests([("file", str(place))])
    assert len(known) == 0
