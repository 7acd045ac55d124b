"""How runs ended is noted by name: whoever notes at the same time takes nothing from others."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ptm import store
from ptm.store import disk, runs
from tests.support.stores import leftovers

TIMES = 5
RECORD = f"""
import sys
from pathlib import Path
from ptm.store import record_run
root, name = Path(sys.argv[1]), sys.argv[2]
sys.stdin.read(1)
for time in range({TIMES}):
    record_run(root, {{f"{{name}}-{{time}}": {{"when": "now", "state": "made"}}}})
"""


def record(root: Path, name: str, state: str = "made", message: str = "") -> None:
    store.record_run(root, {name: {"when": "now", "state": state, "message": message}})


def states(root: Path) -> dict[str, str]:
    return {name: end["state"] for name, end in store.recorded_runs(root).items()}


@pytest.mark.parametrize("locks", [True, False])
def test_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locks: bool) -> None:
    """Of 8 threads that note 5 runs each, all 40 are noted, with locks and without."""
    if not locks:
        monkeypatch.setattr("fcntl.flock", no_locks)

    def work(thread: int) -> None:
        for time in range(TIMES):
            record(tmp_path / "store", f"t{thread}-{time}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert states(tmp_path / "store") == {f"t{t}-{i}": "made" for t in range(8) for i in range(5)}
    assert leftovers(tmp_path / "store") == []


def no_locks(descriptor: int, operation: int) -> None:
    raise OSError(95, "Operation not supported")


def test_processes(tmp_path: Path) -> None:
    """Of 4 processes that note 5 runs each at the same time, all 20 are noted."""
    command = [sys.executable, "-P", "-c", RECORD, str(tmp_path)]
    started = [
        subprocess.Popen([*command, f"p{number}"], stdin=subprocess.PIPE) for number in range(4)
    ]
    for process in started:
        assert process.stdin
        process.stdin.write(b"!")
        process.stdin.close()
    assert [process.wait(60) for process in started] == [0] * 4
    assert states(tmp_path) == {f"p{p}-{i}": "made" for p in range(4) for i in range(TIMES)}
    assert leftovers(tmp_path) == []


def notes(root: Path) -> list[str]:
    return sorted(os.listdir(root / "runs.d"))


def test_of_one_name_the_last_counts(tmp_path: Path) -> None:
    """A later note of a name takes the place of the one before; those of others stay."""
    for name, state in (("a", "made"), ("b", "made"), ("a", "failed")):
        record(tmp_path, name, state)
    assert states(tmp_path) == {"a": "failed", "b": "made"}


def test_what_is_noted_anew_goes(tmp_path: Path) -> None:
    """There are never more files than names that were noted: one, where each run notes them all."""
    all_of_them = {name: {"when": "now", "state": "made"} for name in "abcd"}
    for _ in range(3):
        store.record_run(tmp_path, all_of_them)
        assert len(notes(tmp_path)) == 1
    for name in "abcabcb":
        record(tmp_path, name, "failed")
    assert len(notes(tmp_path)) == 4
    assert states(tmp_path) == {**dict.fromkeys("abc", "failed"), "d": "made"}
    record(tmp_path, "d")
    assert len(notes(tmp_path)) == 4
    store.record_run(tmp_path, all_of_them)
    assert len(notes(tmp_path)) == 1 and states(tmp_path) == dict.fromkeys("abcd", "made")


def test_what_is_read_while_it_is_noted_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that goes between listing and reading, as its names are noted anew, hides nothing."""
    record(tmp_path, "a")
    real = runs._notes

    def listed(folder: Path) -> list[str]:
        found = real(folder)
        monkeypatch.setattr(runs, "_notes", real)
        record(tmp_path, "a", "failed")
        return found

    monkeypatch.setattr(runs, "_notes", listed)
    assert states(tmp_path) == {"a": "failed"}


def test_a_disk_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be noted leaves what was noted before; the next one notes again."""
    record(tmp_path, "a")

    def replace(source: Path, target: Path) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(disk, "replace", replace)
        record(tmp_path, "a", "failed")
    assert states(tmp_path) == {"a": "made"} and leftovers(tmp_path) == []
    record(tmp_path, "a", "failed")
    assert states(tmp_path) == {"a": "failed"}


def test_what_the_dead_left(tmp_path: Path) -> None:
    """What a process left that was killed while it noted is no note, and goes with the next."""
    record(tmp_path, "a")
    folder = tmp_path / "runs.d"
    (folder / ".lease-0123456789ab").touch()
    (folder / ".run-0123456789ab").write_bytes(b'{"when": "n')
    assert states(tmp_path) == {"a": "made"}
    record(tmp_path, "b")
    assert states(tmp_path) == {"a": "made", "b": "made"}
    assert not [name for name in os.listdir(folder) if name[0] == "."]


GARBAGE = [b"", b"{", b"[" * 100_000, b"5", b'{"a": 5, "b": {}}', b'{"a": {"when": "now"}}']


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda raw: repr(raw[:20]))
def test_a_note_that_is_garbage(tmp_path: Path, garbage: bytes) -> None:
    """Garbage in place of a note hides none of before, and goes; strays are no notes, and stay."""
    record(tmp_path, "a")
    [note] = notes(tmp_path)
    folder = tmp_path / "runs.d"
    (folder / "000000007-0123456789ab.json").write_bytes(garbage)
    strays = {f"._{note}", f"{note[:-5]} (conflicted copy).json", ".DS_Store", f"{note}.tmp"}
    for stray in strays:
        (folder / stray).write_bytes((folder / note).read_bytes().replace(b"made", b"lost"))
    assert states(tmp_path) == {"a": "made"}
    record(tmp_path, "b")
    assert states(tmp_path) == {"a": "made", "b": "made"}
    left = {*notes(tmp_path)} - strays
    assert len(left) == 2 and strays < {*notes(tmp_path)}
    assert "000000007-0123456789ab.json" not in left


def test_no_source_is_in_the_way(tmp_path: Path) -> None:
    """The notes stand where no source can be: none is taken for a shelf, whatever its name."""
    record(tmp_path, "current")
    record(tmp_path, "keys")
    assert store.shelves(tmp_path) == [] == store.names(tmp_path)
    assert states(tmp_path) == {"current": "made", "keys": "made"}
