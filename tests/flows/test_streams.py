"""Readers that go away, streams that are closed, disks that are full."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import PTM, wait_until
from tests.support.letters import C_LOCALE, in_shell, process
from tests.support.servers import (
    Hold,
    client_of,
    deployment,
    recorded,
    served_run,
    states_of,
)

TELLING = {
    "status": ["status"],
    "show": ["show", "many"],
    "explain": ["explain", "many"],
    "verify": ["verify"],
    "json": ["status", "--json"],
    "data list": ["data", "list"],
    "help": ["--help"],
    "an error": ["show", "nosuch"],
}


def telling(*endings: str) -> Any:
    """Each command that tells something, with each ending; `status` quickly."""
    pairs = [(command, ending) for command in TELLING for ending in endings or ("",)]
    marks = {command: () if command == "status" else pytest.mark.slow for command in TELLING}
    return [pytest.param(*pair, marks=marks[pair[0]], id=" ".join(pair)) for pair in pairs]


@pytest.fixture
def unread() -> Iterator[int]:
    """A pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.mark.parametrize(("command", "stream"), telling("stdout", "stderr"))
def test_nobody_reads(
    command: str, stream: str, letters: Path, unread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the reader has gone, a command ends in silence with the code that it would have."""
    monkeypatch.chdir(letters)
    done = process(*TELLING[command], **{stream: unread})
    usual = process(*TELLING[command])
    assert done.returncode == usual.returncode == (1 if command == "an error" else 0)
    if stream == "stdout":
        assert done.stderr == usual.stderr
    else:
        assert done.stdout == usual.stdout


@pytest.mark.parametrize(("command", "redirection"), telling(">&-", "2>&-", "<&- >&- 2>&-"))
def test_closed_streams(
    command: str, redirection: str, letters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With streams that are closed a command ends with the code that it would have."""
    monkeypatch.chdir(letters)
    done = in_shell(redirection, *TELLING[command])
    assert done.returncode == (1 if command == "an error" else 0)
    assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr
    assert not done.stdout if ">&-" in redirection.split() else True


@pytest.mark.parametrize(("command", "_"), telling())
def test_a_full_disk(command: str, _: str, letters: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Output that a full disk does not take is an error: code 1, told on stderr."""
    monkeypatch.chdir(letters)
    done = in_shell(">/dev/full", *TELLING[command])
    assert done.returncode == 1
    reason = b"expected an artifact" if command == "an error" else b"No space left on device"
    assert done.stderr.startswith(b"error: ") and reason in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_no_file_takes_the_place_of_a_closed_stream(letters: Path, tmp_path: Path) -> None:
    """What is written to closed streams goes into no file that the command opens."""
    store = shutil.copytree(letters / "artifacts", tmp_path / "artifacts")
    places = [p for p in store.rglob("*") if p.is_file() and p.parent.name != "stat"]
    before = {place: place.read_bytes() for place in places}
    assert in_shell(">&- 2>&-", "verify", "--artifacts", store).returncode == 0
    assert in_shell(">&- 2>&-", "gc", "--artifacts", store).returncode == 0
    after = {p: p.read_bytes() for p in before}
    assert after == before


@contextmanager
def left_by_its_reader(
    text: str, *words: str | Path, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A command whose reader goes away when it has read a line with that text."""
    with subprocess.Popen(
        [PTM, *map(str, words)],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        assert process.stdout
        while text.encode() not in process.stdout.readline():
            assert process.poll() is None
        process.stdout.close()
        yield process


def run_of(api: str, store: Path) -> dict[str, Any]:
    """The flow run that made a store, as the server has it."""

    def ask() -> dict[str, Any]:
        with client_of(api) as client:
            runs = client.post("/flow_runs/filter", json={"limit": 200}).json()
        found = [run for run in runs if run["parameters"].get("artifacts") == str(store)]
        return found[0] if found and found[0]["end_time"] else {}

    run: dict[str, Any] = wait_until(ask, 60, f"the run of {store}")
    return run


@pytest.mark.slow
@pytest.mark.parametrize("runner", ["threads", "processes"])
def test_a_run_that_nobody_reads(
    runner: str, server: str, sample: Path, book_catalog: Path, tmp_path: Path
) -> None:
    """A run whose reader goes away in the middle makes and publishes all; its history is whole."""
    store = tmp_path / "artifacts"
    options = ("--data", sample, "--catalog", book_catalog, "--artifacts", store)
    run_it = ("run", "dog", "austen", *options, "--runner", runner)
    with left_by_its_reader("Prefect server: ", *run_it) as process:
        assert process.wait(120) == 0
    assert {place.parent.name for place in store.glob("*/current.json")} == {"dog", "austen"}
    run = run_of(server, store)
    assert run["state_type"] == "COMPLETED"
    ends = {"dog": "Completed", "austen": "Completed", "report": "Completed"}
    assert states_of(server, run["id"]) == ends
    assert "book-dog-contact-sheet" in recorded(server, run["id"]).artifacts


@pytest.mark.slow
@pytest.mark.parametrize("redirection", [">/dev/full", ">/dev/full 2>&1", ">&- 2>&-", "<&- >&-"])
@pytest.mark.parametrize(("source", "code"), [("dog", 0), ("ct", 1)])
def test_the_code_of_a_run_without_output(
    redirection: str,
    source: str,
    code: int,
    server: str,
    book_catalog: Path,
    sample: Path,
    tmp_path: Path,
) -> None:
    """The code of a run tells how it ended, whatever became of its output."""
    root, store = tmp_path / "data", tmp_path / "artifacts"
    shutil.copytree(sample, root, ignore=shutil.ignore_patterns("volumetric-dicom"))
    options = ("--data", root, "--catalog", book_catalog, "--artifacts", store)
    done = in_shell(redirection, "run", source, *options)
    assert done.returncode == code
    assert run_of(server, store)["state_type"] == ("FAILED" if code else "COMPLETED")
    assert b"Traceback" not in done.stderr


@pytest.mark.slow
def test_ctrl_c_when_nobody_reads(
    server: str, sample: Path, book_catalog: Path, tmp_path: Path, hold: Hold
) -> None:
    """Ctrl-C that has ended the reader too cancels the run as ever: code 130."""
    store = tmp_path / "artifacts"
    options = ("--data", sample, "--catalog", book_catalog, "--artifacts", store)
    run = ("run", "wine_threshold", "austen", *options)
    with left_by_its_reader("austen: made", *run, **hold.environment) as process:
        process.send_signal(signal.SIGINT)
        hold.release()
        assert process.wait(120) == 130
    assert run_of(server, store)["state_type"] == "CANCELLED"


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{}, C_LOCALE], ids=["UTF-8", "C locale"])
def test_serve_that_nobody_reads(
    environment: dict[str, str],
    server: str,
    sample: Path,
    book_catalog: Path,
    tmp_path: Path,
) -> None:
    """`ptm serve` whose reader goes away makes what it is asked for, until Ctrl-C."""
    store = tmp_path / "artifacts"
    options = ("--data", sample, "--catalog", book_catalog, "--artifacts", store)
    with left_by_its_reader("Stop with Ctrl-C", "serve", *options, **environment) as process:
        try:
            wait_until(lambda: deployed(server, store), 60, "deployments")
            run = served_run(server, "source", source="dog")
            wait_until(lambda: (store / "dog" / "current.json").exists(), 90, "dog")
            assert set(states_of(server, run["id"]).values()) == {"Completed"}
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def deployed(api: str, store: Path) -> bool:
    """Whether the served deployments are those of a store."""
    known = deployment(api, "source", "book")
    return bool(known and known["parameters"]["artifacts"] == str(store) and not known["paused"])
