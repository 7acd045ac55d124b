"""A disk that fails, is full or may not be written: an error, nothing torn, and it heals."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ptm.errors import StoreError
from tests.faults.children import (
    OPERATIONS,
    SYNCS,
    Fail,
    Fault,
    Operation,
    attempt,
    call,
    together,
)
from tests.faults.work import (
    HURT,
    LARGE,
    PHASES,
    Phase,
    Place,
    aftermath,
    each,
    judged,
    leftovers,
    operations,
    run,
    survey,
)
from tests.support.commands import call_ptm
from tests.support.small_disk import SmallDisk

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]  # for thousands of faults
CAPABILITIES = 0x20080522  # the version of the call that sets them
NEED_SPACE = tuple(OPERATIONS.keys() - {"remove", "remove_folder", "remove_tree"})
THOROUGH = ("make", "heal", "collect")  # of these every operation fails in every run of the tests
RUNS = ("make", "publish over", "put back", "heal")


def hurt(place: Place, phase: str, fault: Fault) -> tuple[Exception | None, list[str]]:
    """How a phase ends under a fault, and what is wrong with what readers meet then."""
    error = attempt(fault, PHASES[phase].work, place)
    return error, survey(place, ended(phase, error))


def ended(phase: str, error: Exception | None) -> Phase:
    """A phase that ended: without an error, all of it must be done."""
    return PHASES[phase] if error else PHASES[phase].calm()


def fail_once(place: Place, phase: str, at: int, tidy: bool) -> list[str]:
    """What is wrong when an operation fails, and the same process tries again.

    Args:
        tidy: whether a phase that fails is to leave nothing staged.
    """
    error = attempt(Fail(at, at), PHASES[phase].work, place)
    left = leftovers(place.root) if error and tidy else []
    return left + aftermath(place, ended(phase, error))


@each(HURT, "put back")
def test_one_operation_fails(varied: Place, step: int, tmp_path: Path, phase: str) -> None:
    """One operation that fails tears nothing; to try again is enough, in the same process too."""
    names = operations(varied, tmp_path, phase)

    def fail(at: int) -> list[str]:
        place = varied.fresh(tmp_path, phase)
        tidy = phase in RUNS and not names[at - 1].startswith("remove")
        return judged(place, at, call(fail_once, place, phase, at, tidy))

    numbers = range(1, len(names) + 1)
    assert together(fail, numbers if phase in THOROUGH else numbers[::step]) == []


@each(HURT, "put back")
def test_all_operations_fail_from_one_on(
    small: Place, step: int, tmp_path: Path, phase: str
) -> None:
    """A disk that fails for good is an error and tears nothing; on a good one all is completed."""

    def fail(at: int) -> list[str]:
        place = small.fresh(tmp_path, phase)
        _, wrong = call(hurt, place, phase, Fail(at, 10**9))
        return judged(place, at, wrong + call(aftermath, place, PHASES[phase]))

    count = len(operations(small, tmp_path, phase))
    assert together(fail, range(1, count + 1, step)) == []


@each((*RUNS, "collect"), "put back")
def test_disk_full_from_one_operation_on(
    small: Place, step: int, tmp_path: Path, phase: str
) -> None:
    """When no space is left from some write on, the error says so, and nothing is torn."""

    def fill(at: int) -> list[str]:
        place = small.fresh(tmp_path, phase)
        error, wrong = call(hurt, place, phase, Fail(at, 10**9, errno.ENOSPC, NEED_SPACE))
        if error and not (isinstance(error, StoreError) and "No space left" in str(error)):
            wrong.append(f"expected a StoreError that says so, got {error!r}")
        return judged(place, at, wrong + call(aftermath, place, PHASES[phase]))

    names = operations(small, tmp_path, phase)
    numbers = [number for number, name in enumerate(names, 1) if name in NEED_SPACE]
    assert together(fill, numbers[::step]) == []


@dataclass
class SyncFails:
    """A sync fails; it is noted when the same file is synced again."""

    at: int
    failed: list[os.stat_result] = field(default_factory=list)
    again: list[str] = field(default_factory=list)

    def __call__(self, operation: Operation) -> Any:
        if operation.name in ("sync", "push_out"):
            descriptor = operation.arguments[0].fileno()
            now = os.fstat(descriptor)
            if any(os.path.samestat(now, one) for one in self.failed):
                self.again.append(f"synced again: {operation.path}")
            if operation.number == self.at:
                os.dup(descriptor)  # so that no other file gets its inode
                self.failed.append(now)
        if operation.number == self.at:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return operation.run()


def fail_sync(place: Place, phase: str, at: int) -> list[str]:
    """What is wrong when a sync fails, and the same process tries again."""
    fault = SyncFails(at)
    error = attempt(fault, PHASES[phase].work, place)
    wrong = [] if isinstance(error, OSError) else [f"expected an OSError, got {error!r}"]
    return wrong + aftermath(place, ended(phase, error)) + fault.again


@each(RUNS, "put back")
def test_sync_fails(small: Place, tmp_path: Path, phase: str) -> None:
    """A sync that fails is an error; its file is given up, never synced again."""

    def fail(at: int) -> list[str]:
        place = small.fresh(tmp_path, phase)
        return judged(place, at, call(fail_sync, place, phase, at))

    names = operations(small, tmp_path, phase)
    numbers = [number for number, name in enumerate(names, 1) if name in SYNCS]
    assert together(fail, numbers) == []


def tried(place: Place, phase: str) -> tuple[Exception | None, list[str]]:
    """How a phase ends, and what is wrong with what readers meet then."""
    return hurt(place, phase, Operation.run)


def refused(place: Place, phase: str, says: str) -> list[str]:
    """What is wrong when a phase is to end with a StoreError that says something."""
    error, wrong = call(tried, place, phase)
    named = isinstance(error, StoreError) and says in str(error)
    return wrong if named else [*wrong, f"expected a StoreError with '{says}', got {error!r}"]


NO_ROOM, FULL = "expected about ", "No space left"  # seen before by a run, or on the way


@pytest.mark.parametrize(
    ("free", "says"),
    [
        (0, FULL),
        pytest.param(4096, FULL, marks=pytest.mark.slow),
        pytest.param(1 << 16, FULL, marks=pytest.mark.slow),
        pytest.param(1 << 18, FULL, marks=pytest.mark.slow),
        pytest.param(None, FULL, marks=pytest.mark.slow),
    ],
)
def test_full_disk(place: Place, small_disk: SmallDisk, free: int | None, says: str) -> None:
    """A full disk, of bytes or of names, is an error that says so; freed, all is completed."""
    here = place.fresh(small_disk.folder, "publish over")
    if free is None:
        small_disk.use_up_names()
    else:
        small_disk.fill(free)
    assert refused(here, "publish over", says) == []
    assert call(tried, here, "find") == (None, [])
    small_disk.free()
    assert call(aftermath, here, PHASES["publish over"]) == []


def test_read_only_store(place: Place, small_disk: SmallDisk) -> None:
    """A read-only store is read and found up to date; what must be made there is an error."""
    here = place.fresh(small_disk.folder, "publish over")
    small_disk.mount("remount,ro")
    assert call(tried, here, "find") == (None, [])
    assert refused(here, "publish over", "Read-only file system") == []
    small_disk.mount("remount,rw")
    assert call(aftermath, here, PHASES["publish over"]) == []


@pytest.mark.slow
def test_command_on_a_full_disk(
    sample: Path, server: str, place: Place, small_disk: SmallDisk
) -> None:
    """`ptm run` on a full disk ends with 1 and says why; `ptm verify` finds nothing torn."""
    here = place.fresh(small_disk.folder, "publish over")
    table = sample / "p1ch4/tabular-wine/winequality-white.csv"
    for free, says in ((0, NO_ROOM), (table.stat().st_size + 4096, FULL)):
        small_disk.fill(free)
        ran = call_ptm("run", "wine", "--data", sample, "--artifacts", here.root)
        assert ran.code == 1 and "wine: " in ran.words and says in ran.words
        assert call_ptm("verify", "--artifacts", here.root).code == 0
        small_disk.free()
    assert call(aftermath, here, PHASES["publish over"]) == []


def ordinarily(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns to a process that permissions count for, even if it is root's."""
    no_capabilities = ctypes.CDLL(None).capset(struct.pack("Ii", CAPABILITIES, 0), bytes(24))
    assert no_capabilities == 0
    return function(*arguments)


def permit(place: Place, mode: int) -> None:
    """Gives every folder of a store a mode."""
    for folder in [place.root, *(path for path in place.root.rglob("*") if path.is_dir())]:
        folder.chmod(mode)


def test_store_that_may_not_be_written(place: Place, tmp_path: Path) -> None:
    """A store without permission to write is read; what must be made there is an error."""
    here = place.fresh(tmp_path, "publish over")
    permit(here, 0o555)
    assert call(ordinarily, tried, here, "find") == (None, [])
    error, wrong = call(ordinarily, tried, here, "publish over")
    assert isinstance(error, StoreError) and "Permission denied" in str(error) and not wrong
    permit(here, 0o755)
    assert call(ordinarily, aftermath, here, PHASES["publish over"]) == []


def test_shelf_that_may_not_be_read(place: Place, tmp_path: Path) -> None:
    """A shelf without permission to read is an error that names it, and is not made again."""
    here = place.fresh(tmp_path, "publish over")
    (here.root / LARGE).chmod(0)
    error = call(ordinarily, attempt, Operation.run, run, here, "first")
    assert isinstance(error, StoreError)
    assert LARGE in str(error) and "Permission denied" in str(error)
    permit(here, 0o755)
    assert call(ordinarily, aftermath, here, PHASES["find"]) == []
