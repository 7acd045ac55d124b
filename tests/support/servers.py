"""Prefect servers of tests: homes of their own, and what a server has of a run."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Generator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.support.commands import Done, run_ptm, wait_until
from tests.support.machine import ROOT

SLOW = Path(__file__).parent / "slow"


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

    def waiting(self) -> list[psutil.Process]:
        """The living processes that wait."""
        files = self.file.parent.glob(f"{self.file.name}-*")
        pids = [int(file.name.rpartition("-")[2]) for file in files]
        return [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]

    def release(self) -> None:
        """Lets them end."""
        self.file.unlink(missing_ok=True)


def migrated_database() -> Path:
    """A database of Prefect without history, of which each home gets a copy.

    Making one takes ten seconds: one is kept for each version of Prefect.
    """
    kept = ROOT / ".pytest_cache" / f"prefect-{version('prefect')}.db"
    kept.parent.mkdir(exist_ok=True)
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other workers of this test run wait
        if not kept.exists():
            with tempfile.TemporaryDirectory(dir=kept.parent) as home:
                upgrade = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
                environment = os.environ | {"PREFECT_HOME": home}
                subprocess.run(upgrade, env=environment, check=True, capture_output=True)
                (Path(home) / "prefect.db").replace(kept)
    return kept


@dataclass(frozen=True)
class Home:
    """A Prefect home of its own, with a server of its own.

    Attributes:
        environment: for commands.
        path: the folder.
    """

    path: Path

    @classmethod
    def migrated(cls, path: Path) -> Home:
        """One with a database, so that its server starts sooner."""
        path.mkdir(exist_ok=True)
        shutil.copy(migrated_database(), path / "prefect.db")
        return cls(path)

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


def stop_server(home: Home) -> None:
    """Stops the server of a home, if one was started there, whatever it takes."""
    if not (home.path / "ptm-server.json").exists():
        return
    run_ptm("server", "stop", **home.environment)
    with contextlib.suppress(OSError, psutil.Error):
        left = psutil.Process(home.pid)
        # and no other process of that number
        if "flows.running.server.prefect_server" in left.cmdline():
            left.kill()


class _Client(threading.local):
    """To whom servers give tokens: each thread is one, as a new token makes the older one void.

    Attributes:
        name: of the client.
        tokens: by the address of the API; a server forgets them after an hour.
    """

    def __init__(self) -> None:
        self.name, self.tokens = str(uuid.uuid4()), dict[str, str]()


class Token(httpx.Auth):
    """Sends the CSRF token that a server wants, and the password, if it has one.

    Args:
        api: the address of the API.
        password: user:password.
    """

    client = _Client()
    requires_response_body = True

    def __init__(self, api: str, password: str | None) -> None:
        self._api = api
        self._password = httpx.BasicAuth(*password.split(":", 1)) if password else httpx.Auth()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """A request that is refused is sent again, with a new token."""
        next(self._password.auth_flow(request))
        client = self.client
        request.headers["Prefect-Csrf-Client"] = client.name
        request.headers["Prefect-Csrf-Token"] = client.tokens.get(self._api, "")
        answer = yield request
        while answer.status_code == 403 and "CSRF" in answer.text:
            asked = httpx.Request("GET", f"{self._api}/csrf-token", params={"client": client.name})
            given = yield next(self._password.auth_flow(asked))
            if given.status_code == 503:  # it is busy
                continue
            given.raise_for_status()
            client.tokens[self._api] = given.json()["token"]
            request.headers["Prefect-Csrf-Token"] = client.tokens[self._api]
            answer = yield request


def client_of(api: str, password: str | None = None) -> httpx.Client:
    """A client that may POST to an API; with user:password where the server has one."""
    return httpx.Client(base_url=api, auth=Token(api, password), timeout=30)


def posted(api: str, path: str, body: Any) -> Any:
    """What an API answers to a POST."""
    with client_of(api) as client:
        answer = client.post(path, json=body)
    answer.raise_for_status()
    return answer.json()


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
    with client_of(api) as client:

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


def deployment(api: str, flow: str, catalog: str = "book") -> dict[str, Any]:
    """That of a flow; nothing as long as there is none."""
    answer = httpx.get(f"{api}/deployments/name/{flow}/{catalog}", timeout=30)
    found: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
    return found


def served_run(api: str, flow: str, of: str = "book", **parameters: Any) -> dict[str, Any]:
    """Asks for a run of a flow of a catalog, as the dashboard does; the run."""
    path = f"/deployments/{deployment(api, flow, of)['id']}/create_flow_run"

    def ask() -> dict[str, Any]:
        with client_of(api) as client:
            answer = client.post(path, json={"parameters": parameters})
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
    """The state of each task run by name, once the run has ended and all of them are terminal.

    Task runs are recorded some time after they began; the last of a run that was not cut off is its
    report.
    """
    terminal = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}

    def ended() -> Any:
        known = recorded(api, flow_run)
        whole = known.flow_run["state_type"] in ("COMPLETED", "FAILED")
        states = {task["state_type"] for task in known.tasks.values()}
        states.add(known.flow_run["state_type"])
        done = known.tasks and states <= terminal and ("report" in known.tasks or not whole)
        return known.tasks if done else None

    tasks = wait_until(ended, 60, f"all task runs of {flow_run} terminal")
    return {name: task["state_name"] for name, task in tasks.items()}


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
