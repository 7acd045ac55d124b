"""On a file system without locks everything goes on; of what is staged nobody claims to know more.

What a writer stages there under its lease is left alone, whether it lives or not.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from pathlib import Path

import pytest

from ptm import store
from ptm.kinds.table import Options as TableSource
from ptm.store import disk
from ptm.store.lease import lease
from tests.support.stores import (
    about,
    check,
    flip,
    heal,
    leftovers,
    listing,
    make,
    planted,
    publications,
    python,
    shelf,
    table,
)

CODES = sorted({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})
DEAD = "0123456789ab"
UNKNOWN = "without locks here nobody can tell whether its writer lives"
# so many processes that make a source at the same time; killed when they have staged it, if told
WRITERS = """
import fcntl, os, sys
from pathlib import Path
from ptm.kinds.table import Options as TableSource
from ptm.prepare import tensorize
from ptm.store import disk
import pandas, pyarrow.parquet, torch

def flock(descriptor, operation):
    raise OSError(95, "Operation not supported")

def rename(source, target):
    os.kill(os.getpid(), 9)

fcntl.flock = flock
root, count = Path(sys.argv[1]), int(sys.argv[2])
if sys.argv[3:]:
    disk.rename = rename
source = TableSource(name="t", root=root, kind="table", path="t.csv", standardize=False)
waiting, begin = os.pipe()
for number in range(count):
    if os.fork() == 0:
        os.close(begin)
        os.read(waiting, 1)
        line = f"{tensorize(source, root / 'store').path}\\n"
        os.write(1, line.encode())  # whole, whoever writes beside it
        os._exit(0)
os.close(begin)
for number in range(count):
    os.wait()
"""


@pytest.fixture(autouse=True, params=CODES, ids=lambda code: errno.errorcode[code])
def no_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for a lock is told that there are none."""

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", flock)


def publish(root: Path, number: int) -> Path:
    return Path(store.publish(root, about(number), planted(), 0.5).path)


def test_make_find_put_back_heal(source: TableSource) -> None:
    """What is made is found; an option put back makes it current again; damage is healed."""
    first = make(source)
    assert heal(source).path == first.path
    make(table(source.root, standardize=True))
    again = heal(source)
    assert again.cached and again.path == first.path
    flip(Path(first.path) / "part-00000.pt", 50, 1)
    assert heal(source).why.startswith("damaged: part-00000.pt")


def test_collecting(tmp_path: Path) -> None:
    """What is old goes, a dry run tells the same, and nothing is left over."""
    folders = [publish(tmp_path, number) for number in range(4)]
    told = store.gc(tmp_path, keep=2, dry_run=True)
    assert store.gc(tmp_path, keep=2) == told
    assert [thing.stays for thing in told] == ["", ""]
    assert publications(tmp_path) == {folder.name for folder in folders[2:]}
    assert leftovers(tmp_path) == []
    assert not [found for found in store.verify(tmp_path) if found.error]


def test_what_may_be_a_living_writers(source: TableSource) -> None:
    """What is staged under a lease stays, and gc says that it cannot know; its folder too."""
    make(source)
    here = shelf(source)
    (here / f".lease-{DEAD}").touch()
    (here / f".staging-{DEAD}").mkdir()
    (here / f".current-{DEAD}").write_bytes(b"{")
    shutil.copytree(publish(source.root / "other", 1), here / f"0123456789ab-{DEAD}")
    before = listing(here)
    assert store.sweep(here) == [] and make(source).cached
    expected = [(f".current-{DEAD}", "staged"), (f".staging-{DEAD}", "staged")]
    expected += [(f"0123456789ab-{DEAD}", "no pointer names it")]
    for dry_run in (True, False):
        found = store.gc(source.root / "store", dry_run=dry_run)
        assert sorted((thing.what, thing.reason) for thing in found) == expected
        assert {thing.stays for thing in found} == {UNKNOWN}
        assert {thing.bytes for thing in found} == {0}
    (here / f".lease-{DEAD}").unlink()  # somebody who knows that nobody writes
    assert {thing.stays for thing in store.gc(source.root / "store")} == {""}
    assert heal(source).cached and before != listing(here)


def test_what_a_writer_gave_up(source: TableSource) -> None:
    """What is staged without a lease was given up by its writer, and goes."""
    make(source)
    (shelf(source) / f".staging-{DEAD}").mkdir()
    assert heal(source).cached


def test_a_writer_that_fails(source: TableSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that fails takes away what it staged."""
    real = disk.rename

    def rename(source: Path, target: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(disk, "rename", rename)
    with pytest.raises(OSError, match="Input/output error"):
        make(source)
    assert leftovers(source.root / "store") == []
    monkeypatch.setattr(disk, "rename", real)
    assert not heal(source).cached


def test_sweeping_while_a_writer_lives(source: TableSource) -> None:
    """Runs and collectors leave alone what a living writer stages."""
    make(source)
    with lease(shelf(source)) as number:
        (shelf(source) / f".staging-{number}").mkdir()
        make(table(source.root, standardize=True))
        assert store.sweep(shelf(source)) == []
        [thing] = store.gc(source.root / "store")
        assert (thing.what, thing.stays) == (f".staging-{number}", UNKNOWN)
        (shelf(source) / f".staging-{number}").rmdir()
    assert heal(source).cached


@pytest.mark.slow
@pytest.mark.parametrize("no_locks", [errno.EOPNOTSUPP], indirect=True)
def test_four_writers_at_once(source: TableSource) -> None:
    """Four processes that make one source at once leave one publication of it, and nothing else."""
    paths = python(WRITERS, source.root, 4).split()
    assert len(paths) == 4 and len(set(paths)) == 1
    assert publications(source.root / "store", "t") == {Path(paths[0]).name}
    assert heal(source).path == paths[0]


@pytest.mark.parametrize("no_locks", [errno.EOPNOTSUPP], indirect=True)
def test_a_writer_that_is_killed(source: TableSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed writer staged stays and is in nobody's way; where there are locks, it goes."""
    assert python(WRITERS, source.root, 1, "killed") == ""
    left = leftovers(source.root / "store")
    staged = {Path(name).name for name in left if "staging" in name}
    assert len(left) == 2 and len(staged) == 1
    assert not make(source).cached and make(source).cached
    assert {thing.what for thing in store.gc(source.root / "store")} == staged
    assert leftovers(source.root / "store") == left
    check(source)
    monkeypatch.undo()
    assert heal(source).cached


@pytest.mark.parametrize("no_locks", [errno.EIO], indirect=True)
def test_a_lock_that_fails(source: TableSource) -> None:
    """A lock that fails for another reason is an error, and publishes nothing."""
    with pytest.raises(OSError, match="Input/output error"):
        make(source)
    assert publications(source.root / "store", "t") == set()
