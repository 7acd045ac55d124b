"""A local server that cannot start says why, at the first try."""

from __future__ import annotations

import errno
import fcntl
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.commands import Started, call_ptm, run_ptm, wait_until
from tests.support.machine import lacking
from tests.support.servers import Home
from tests.support.stores import ORDINARY, python

pytestmark = pytest.mark.operate
START = """
from typer.testing import CliRunner
from flows.terminal.cli import app

ran = CliRunner().invoke(app, ["server", "start"])
print(ran.output, repr(ran.exception))
"""


def corrupt(home: Path) -> None:
    """Another file in the place of the database."""
    (home / "prefect.db").write_bytes(bytes(range(256)) * 64)


def of_a_newer_version(home: Path) -> None:
    """A revision of the database that this Prefect does not know."""
    with sqlite3.connect(home / "prefect.db") as database:
        database.execute("update alembic_version set version_num = 'ffffffffffff'")
    database.close()


def not_to_be_opened(home: Path) -> None:
    """A folder in the place of the database."""
    (home / "prefect.db").unlink()
    (home / "prefect.db").mkdir()


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        pytest.param(corrupt, "which has the history, is damaged", marks=pytest.mark.slow),
        pytest.param(of_a_newer_version, "used by a newer version", marks=pytest.mark.slow),
        pytest.param(not_to_be_opened, "cannot be opened or written", marks=pytest.mark.slow),
    ],
)
def test_cause(
    spoil: Callable[[Path], None], cause: str, home: Home, sample: Path, tmp_path: Path
) -> None:
    """A run whose local server cannot start says why, once it was tried once; nothing is made."""
    (home.path / "ptm-server.log").write_text("OSError: of a start before\n")
    spoil(home.path)
    store = tmp_path / "artifacts"
    done = run_ptm("run", "dog", "--data", sample, "--artifacts", store, **home.environment)
    assert done.code == 1
    assert "expected the local Prefect server to start, got: " in done.words
    assert cause in done.words and "of a start before" not in done.words
    assert done.words.count("Starting the Prefect server") == 1
    assert "Traceback" not in done.out + done.err
    assert not store.exists() and not (home.path / "ptm-server.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_ended_while_it_starts(number: int, home: Home, start: Callable[..., Started]) -> None:
    """A server that somebody ends while it starts is told as that, and leaves no state behind."""
    starting = start("server", "start", **home.environment)
    server = wait_until(lambda: psutil.Process(starting.process.pid).children(), 60, "the server")
    time.sleep(0.5)
    server[0].send_signal(number)
    done = starting.end()
    assert done.code == 1, done
    words = " ".join(done.out.split())
    assert f"to start, got: its process was killed by signal {number}" in words
    assert not (home.path / "ptm-server.json").exists()


@pytest.fixture
def full_home(tmp_path: Path) -> Iterator[Home]:
    """A Prefect home on a disk that has too little room for a database."""
    if not shutil.which("mount"):
        lacking("there is no mount")
    folder = tmp_path / "prefect"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", folder]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        lacking(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield Home(folder)
    subprocess.run(["umount", folder], check=True)


@pytest.mark.slow
def test_full_disk(full_home: Home) -> None:
    """A full disk is said to be the cause."""
    done = run_ptm("server", "start", **full_home.environment)
    assert done.code == 1
    assert "the disk is full: make room where" in done.words
    assert done.words.count("Starting the Prefect server") == 1


def test_home_of_another(tmp_path: Path) -> None:
    """A home that may not be written is named, with what to do."""
    folder = tmp_path / "prefect"
    folder.mkdir()
    folder.chmod(0o555)
    told = python(ORDINARY + START, PREFECT_HOME=str(folder), PREFECT_API_URL="")
    words = " ".join(told.split())
    assert re.search(
        "expected to write into the Prefect home .*/prefect, got Permission denied", words
    )
    assert "PREFECT_HOME" in words


def test_host_of_another(home: Home) -> None:
    """An address that this computer does not have is refused at once."""
    password = {"PREFECT_SERVER_API_AUTH_STRING": "ann:secret"}
    done = run_ptm("server", "start", "--host", "192.0.2.1", **home.environment, **password)
    assert done.code == 1
    assert "expected an address of this computer to listen on, got '192.0.2.1'" in done.words


def test_home_without_locks(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a disk without locks the local server is found, or started, all the same."""

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    done = call_ptm("server", "start", PREFECT_API_URL="")
    assert done.code == 0 and server.removesuffix("/api") in done.words
