"""What the tests of flows share: the `ptm` command, one run of it, and what the server recorded."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

PTM = Path(sys.executable).parent / "ptm"
SLOW = Path(__file__).parent / "slow"


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


class Started:
    """A `ptm` command that goes on, in a process group of its own; what it prints is in a file.

    Attributes:
        process: it.
    """

    def __init__(self, out: Path, *arguments: str | Path, **environment: str) -> None:
        self._out = out
        with out.open("w") as file:
            self.process = subprocess.Popen(
                [str(PTM), *map(str, arguments)],
                env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1"} | environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def out(self) -> str:
        """All that it has printed."""
        return self._out.read_text()

    def wait_for(self, text: str, seconds: float = 120) -> None:
        """Until it has printed that."""
        wait_until(lambda: text in self.out or self.process.poll() is not None, seconds, self.out)
        assert text in self.out, self.out

    def signal(self, number: int) -> None:
        """To it and all that it started, as a terminal does."""
        os.killpg(self.process.pid, number)

    def end(self, seconds: float = 240) -> Done:
        """Waits for its end."""
        self.process.wait(seconds)
        return Done(self.process.returncode, self.out, "", _end_group(self.process.pid))


def wait_until(happened: Callable[[], Any], seconds: float, what: object = "") -> Any:
    """What `happened` gives once it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.2)
    return found


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """Starts `ptm` commands that go on; what is left of them is ended with the test."""
    started: list[Started] = []

    def begin(*arguments: str | Path, **environment: str) -> Started:
        out = tmp_path / f"out-{len(started)}.txt"
        started.append(Started(out, *arguments, **environment))
        return started[-1]

    yield begin
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()
        _end_group(each.process.pid)


@dataclass(frozen=True)
class Hold:
    """Keeps table sources from ending, in processes that have its environment.

    Attributes:
        file: they wait as long as it is there.
    """

    file: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs."""
        return {"PYTHONPATH": str(SLOW), "PTM_TEST_HOLD": str(self.file)}

    def release(self) -> None:
        """Lets them end."""
        self.file.unlink(missing_ok=True)


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Hold]:
    """Table sources last until the test says so."""
    held = Hold(tmp_path / "hold")
    held.file.touch()
    yield held
    held.release()


@dataclass(frozen=True)
class Home:
    """A Prefect home of its own, with a server of its own.

    Attributes:
        environment: for commands.
        path: the folder.
    """

    path: Path

    @property
    def environment(self) -> dict[str, str]:
        """For commands that are to use it."""
        return {"PREFECT_HOME": str(self.path), "PREFECT_API_URL": ""}

    @property
    def pid(self) -> int:
        """The process of the server that was started last."""
        pid: int = json.loads((self.path / "ptm-server.json").read_text())["pid"]
        return pid

    @property
    def api(self) -> str:
        """The address of its API."""
        port = json.loads((self.path / "ptm-server.json").read_text())["port"]
        return f"http://127.0.0.1:{port}/api"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A Prefect home without history; a server that was started in it is stopped."""
    own = Home(tmp_path / "prefect")
    yield own
    run_ptm("server", "stop", **own.environment)
    with contextlib.suppress(OSError, psutil.Error):
        left = psutil.Process(own.pid)
        if "prefect" in left.cmdline():  # and no other process of that number
            left.kill()


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


def deployment(api: str, name: str) -> dict[str, Any]:
    """That of a flow; nothing as long as there is none."""
    answer = httpx.get(f"{api}/deployments/name/{name}/{name}", timeout=30)
    found: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
    return found


def served_run(api: str, name: str, **parameters: Any) -> dict[str, Any]:
    """Asks for a run of a flow, as the dashboard does; the run."""
    address = f"{api}/deployments/{deployment(api, name)['id']}/create_flow_run"

    def ask() -> dict[str, Any]:
        answer = httpx.post(address, json={"parameters": parameters}, timeout=30)
        if answer.status_code == 503:  # it is busy: every client asks again
            return {}
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    run: dict[str, Any] = wait_until(ask, 60, "a run")
    return run


def flow_run_in(out: str) -> str:
    """The id in the address that a run printed."""
    found = re.search(r"/runs/flow-run/([0-9a-f-]{36})", out)
    assert found, out
    return found[1]


def states_of(api: str, flow_run: object) -> dict[str, str]:
    """The state of each task run by name, once all of them are terminal."""
    terminal = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}

    def ended() -> Any:
        tasks = recorded(api, flow_run).tasks
        done = tasks and {task["state_type"] for task in tasks.values()} <= terminal
        return tasks if done else None

    tasks = wait_until(ended, 60, f"all task runs of {flow_run} terminal")
    return {name: task["state_name"] for name, task in tasks.items()}


@pytest.fixture(scope="session")
def history(server: str) -> Callable[[object], Recorded]:
    """What the server recorded of a run that has ended, by its id; it writes a moment later."""

    def ask(flow_run: object) -> Recorded:
        states_of(server, flow_run)
        return recorded(server, flow_run)

    return ask


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
        return flow_run_in(self.done.out)


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
