"""What the tests of flows share: the `ptm` command, one run of it, and what the server recorded."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

PTM = Path(sys.executable).parent / "ptm"


@dataclass(frozen=True)
class Done:
    """A command that ended: its exit code, what it printed, and what processes of it live on."""

    code: int
    out: str
    err: str
    left_behind: list[str]

    @property
    def words(self) -> str:
        """All that it printed in one line, for messages that a terminal wraps."""
        return " ".join((self.out + " " + self.err).split())


Ptm = Callable[..., Done]


def run_ptm(
    *arguments: str | Path, cwd: Path | None = None, seconds: float = 300, **environment: str
) -> Done:
    """The command as a person runs it, 80 columns wide, with more in the environment."""
    # files, not pipes: a process that lives on would hold a pipe open for ever
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(
            [str(PTM), *map(str, arguments)],
            cwd=cwd,
            env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1"} | environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            process.wait(seconds)
        finally:
            left_behind = _end_group(process.pid)
        out.seek(0)
        err.seek(0)
        return Done(process.returncode, out.read(), err.read(), left_behind)


def _end_group(group: int) -> list[str]:
    """Ends what is left of a group of processes after a moment; their command lines."""
    deadline = time.monotonic() + 5
    while (left := _of_group(group)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in left:
        process.kill()
    return list(left.values())


def _of_group(group: int) -> dict[psutil.Process, str]:
    """The living processes of a group, and their command lines."""
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found[process] = " ".join(process.cmdline())
    return found


@pytest.fixture(scope="session")
def book_catalog(request: pytest.FixtureRequest) -> Path:
    """The catalog of the book."""
    return request.config.rootpath / "data" / "catalog.toml"


@pytest.fixture(scope="session")
def ptm() -> Ptm:
    """Runs the `ptm` command in a process of its own."""
    return run_ptm


@dataclass(frozen=True)
class Recorded:
    """What the server has of one run of a flow, as the API gives it.

    Attributes:
        flow_run: the run.
        tasks: its task runs by name.
        artifacts: its tables and pictures by key.
    """

    flow_run: dict[str, Any]
    tasks: dict[str, dict[str, Any]]
    artifacts: dict[str, dict[str, Any]]


def recorded(api: str, flow_run: object) -> Recorded:
    """Asks the server for a run, its task runs and its artifacts."""
    of_run = {"flow_runs": {"id": {"any_": [str(flow_run)]}}, "limit": 200}
    with httpx.Client(base_url=api, timeout=30) as client:

        def ask(what: str) -> list[dict[str, Any]]:
            answer = client.post(f"/{what}/filter", json=of_run)
            answer.raise_for_status()
            found: list[dict[str, Any]] = answer.json()
            return found

        tasks, artifacts = ask("task_runs"), ask("artifacts")
        run = client.get(f"/flow_runs/{flow_run}").json()
    return Recorded(
        run, {task["name"]: task for task in tasks}, {each["key"]: each for each in artifacts}
    )


@pytest.fixture(scope="session")
def history(server: str) -> Callable[[object], Recorded]:
    """What the server recorded of a run, by its id."""
    return lambda flow_run: recorded(server, flow_run)


@dataclass(frozen=True)
class SampleRun:
    """A run of the `ptm` command on sample data.

    Attributes:
        done: its exit code and what it printed.
        store: its artifacts.
    """

    done: Done
    store: Path

    @property
    def flow_run(self) -> str:
        """The id in the address that it printed."""
        found = re.search(r"/runs/flow-run/([0-9a-f-]{36})", self.done.out)
        assert found, self.done
        return found[1]


@pytest.fixture(scope="session")
def sample_run(server: str, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> SampleRun:
    """`ptm run` of everything, with another hash seed and another number of threads than here."""
    store = tmp_path_factory.mktemp("command") / "artifacts"
    environment = {"PYTHONHASHSEED": "12345", "OMP_NUM_THREADS": "1"}
    return SampleRun(run_ptm("run", "--data", sample, "--artifacts", store, **environment), store)


@pytest.fixture(scope="session")
def processes_run(server: str, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> SampleRun:
    """`ptm run --runner processes` of two sources and the analysis that reads one of them."""
    store = tmp_path_factory.mktemp("processes") / "artifacts"
    options = ("--data", sample, "--artifacts", store, "--runner", "processes")
    return SampleRun(run_ptm("run", "dog", "temperature", *options), store)
