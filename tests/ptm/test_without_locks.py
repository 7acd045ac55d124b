"""On a file system without locks everything goes on; of what is staged nobody claims to know more.

What a writer stages there under its lease is left alone, whether it lives or not.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ptm import store
from ptm.store import disk
from ptm.store.lease import lease
from tests.support.machine import ROOT
from tests.support.parts import Source, about, check, heal, leftovers, make, named, objects
from tests.support.parts import publish as publish_planted
from tests.support.stores import flip, listing, publications, python

CODES = sorted({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})
DEAD = "0123456789ab"
UNKNOWN = "without locks here nobody can tell whether its writer lives"
# so many processes that make a source at the same time; killed when they have staged it, if told
WRITERS = """
import fcntl, os, sys
from pathlib import Path
from ptm.store import disk
import pandas, pyarrow.parquet, torch
sys.path.insert(0, sys.argv[3])
from tests.support.parts import Source, make

def flock(descriptor, operation):
    raise OSError(95, "Operation not supported")

def make_folder(path):
    if "-" in path.name:
        os.kill(os.getpid(), 9)
    path.mkdir()

fcntl.flock = flock
root, count = Path(sys.argv[1]), int(sys.argv[2])
if sys.argv[4:]:
    disk.make_folder = make_folder
source = Source(root)
waiting, begin = os.pipe()
for number in range(count):
    if os.fork() == 0:
        os.close(begin)
        os.read(waiting, 1)
        line = f"{make(source).path}\\n"
        os.write(1, line.encode())  # whole, whoever writes beside it
        os._exit(0)
os.close(begin)
for number in range(count):
    os.wait()
"""


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A source of two parts."""
    return Source(tmp_path / "store")


@pytest.fixture(autouse=True, params=CODES, ids=lambda code: errno.errorcode[code])
def no_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for a lock is told that there are none."""

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", flock)


def publish(root: Path, number: int) -> Path:
    return Path(publish_planted(root, about(number), 6 + 2 * number).path)


def test_make_find_put_back_heal(source: Source) -> None:
    """What is made is found; an option put back makes it current again; damage is healed."""
    first = make(source)
    assert heal(source).path == first.path
    make(replace(source, scale=2.0))
    again = heal(source)
    assert again.cached and again.path == first.path
    flip(Path(first.path) / "whole.pt", 50, 1)
    assert heal(source).why.startswith("damaged: whole.pt")
    place = source.shelf / "parts" / min(named(source.root, "t"))
    flip(place, 50, 1)
    assert heal(source).why.startswith(f"damaged: {place.name}")


def test_collecting(tmp_path: Path) -> None:
    """What is old goes, a dry run tells the same, and nothing is left over."""
    folders = [publish(tmp_path, number) for number in range(4)]
    told = store.gc(tmp_path, keep=2, dry_run=True)
    assert store.gc(tmp_path, keep=2) == told
    assert [thing.stays for thing in told] == ["", "", ""]
    assert publications(tmp_path) == {folder.name for folder in folders[2:]}
    assert leftovers(tmp_path) == []
    assert not [found for found in store.verify(tmp_path) if found.error]


def test_what_may_be_a_living_writers(source: Source) -> None:
    """What is staged under a lease stays, and gc says that it cannot know; its folder too."""
    make(source)
    here = source.shelf
    (here / f".lease-{DEAD}").touch()
    (here / f".staging-{DEAD}").mkdir()
    (here / f".current-{DEAD}").write_bytes(b"{")
    shutil.copytree(publish(source.root.parent / "other", 1), here / f"0123456789ab-{DEAD}")
    before = listing(here)
    assert store.sweep(here) == [] and make(source).cached
    expected = [(f".current-{DEAD}", "staged"), (f".staging-{DEAD}", "staged")]
    expected += [(f"0123456789ab-{DEAD}", "no pointer names it")]
    for dry_run in (True, False):
        found = store.gc(source.root, dry_run=dry_run)
        assert sorted((thing.what, thing.reason) for thing in found) == expected
        assert {thing.stays for thing in found} == {UNKNOWN}
        assert {thing.bytes for thing in found} == {0}
    (here / f".lease-{DEAD}").unlink()  # somebody who knows that nobody writes
    assert {thing.stays for thing in store.gc(source.root)} == {""}
    assert heal(source).cached and before != listing(here)


def test_what_a_writer_gave_up(source: Source) -> None:
    """What is staged without a lease was given up by its writer, and goes."""
    make(source)
    (source.shelf / f".staging-{DEAD}").mkdir()
    assert heal(source).cached


def test_a_writer_that_fails(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that fails takes away what it staged."""
    real = disk.make_folder

    def make_folder(path: Path) -> None:
        if "-" in path.name:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(path)

    monkeypatch.setattr(disk, "make_folder", make_folder)
    with pytest.raises(OSError, match="Input/output error"):
        make(source)
    assert leftovers(source.root) == []
    monkeypatch.setattr(disk, "make_folder", real)
    assert not heal(source).cached


def test_sweeping_while_a_writer_lives(source: Source) -> None:
    """Runs and collectors leave alone what a living writer stages."""
    make(source)
    with lease(source.shelf) as number:
        (source.shelf / f".staging-{number}").mkdir()
        make(replace(source, scale=2.0))
        assert store.sweep(source.shelf) == []
        [thing] = store.gc(source.root)
        assert (thing.what, thing.stays) == (f".staging-{number}", UNKNOWN)
        (source.shelf / f".staging-{number}").rmdir()
    assert heal(source).cached


@pytest.mark.slow
@pytest.mark.parametrize("no_locks", [errno.EOPNOTSUPP], indirect=True)
def test_four_writers_at_once(source: Source) -> None:
    """Four processes that make one source at once leave one publication of it, and nothing else."""
    paths = python(WRITERS, source.root, 4, ROOT).split()
    assert len(paths) == 4 and len(set(paths)) == 1
    assert publications(source.root, "t") == {Path(paths[0]).name}
    assert heal(source).path == paths[0]


@pytest.mark.parametrize("no_locks", [errno.EOPNOTSUPP], indirect=True)
def test_a_writer_that_is_killed(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed writer left is in nobody's way, and keeps the pool; where there are locks, not.

    Its parts are found by the next run.
    """
    make(replace(source, scale=3.0))
    assert python(WRITERS, source.root, 1, ROOT, "killed") == ""
    left = leftovers(source.root)
    # of the driver and of publishing: a lease each, and what each holds
    assert sorted(Path(name).name.split("-")[0] for name in left) == [".hold"] * 2 + [".lease"] * 2
    memory = store.Memory(source.shelf)
    assert store.find_part(source.root, "t", source.key(0), memory.parts)
    assert not make(source).cached and make(source).cached
    for dry_run in (True, False):
        [thing] = store.gc(source.root, keep=9, dry_run=dry_run)
        assert (thing.what, thing.stays) == ("parts", UNKNOWN)
    assert leftovers(source.root) == left
    check(source)
    monkeypatch.undo()
    assert heal(source).cached
    store.gc(source.root, keep=1)
    assert objects(source.shelf) == named(source.root, "t")


def test_a_driver_that_lives(source: Source) -> None:
    """Parts that somebody may be making stay; when the driver is over, they go."""
    make(source)
    with store.writing(source.root, "t"):
        store.write_part(source.root, "t", "a" * 64, {"x": torch.zeros(2)}, None, {})
        [thing] = [one for one in store.gc(source.root) if one.what == "parts"]
        assert thing.stays == UNKNOWN
    assert [one.stays for one in store.gc(source.root) if one.what == "parts"] == [""]
    assert heal(source).cached


@pytest.mark.parametrize("no_locks", [errno.EIO], indirect=True)
def test_a_lock_that_fails(source: Source) -> None:
    """A lock that fails for another reason is an error, and publishes nothing."""
    with pytest.raises(OSError, match="Input/output error"):
        make(source)
    assert publications(source.root, "t") == set()
