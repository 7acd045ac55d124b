"""Finds the Prefect server that keeps the history, or starts a local one in the background.

`PREFECT_API_URL`, from the environment or the active profile, wins. Otherwise one server for each
Prefect home runs on 127.0.0.1 with SQLite; it outlives the runs, so that they can be looked at.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ptm.errors import PtmError

HOST = "127.0.0.1"
PORT = 4200
START_SECONDS = 180.0
STOP_SECONDS = 20.0
PROBE_SECONDS = 5.0


class ServerError(PtmError):
    """The Prefect server does not answer, or could not be started."""


@dataclass(frozen=True)
class Server:
    """A local server that ptm started.

    Attributes:
        pid: its process.
        port: where it listens on 127.0.0.1.
        log: its log file.
    """

    pid: int
    port: int
    log: str

    @property
    def api(self) -> str:
        """Address of the API."""
        return f"http://{HOST}:{self.port}/api"

    @property
    def ui(self) -> str:
        """Address of the dashboard."""
        return f"http://{HOST}:{self.port}"


@contextmanager
def connected(say: Callable[[str], None] = print) -> Iterator[str]:
    """Runs its body against the server in charge; gives the address of the API.

    Raises:
        ServerError: the configured server does not answer, or the local one does not start.
    """
    from prefect import context
    from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL, temporary_settings

    configured = PREFECT_API_URL.value()
    if configured:
        if not answers(configured):
            raise ServerError(
                f"expected a Prefect server at {configured}, got no answer in "
                f"{PROBE_SECONDS:g} s; start it, or unset PREFECT_API_URL to use a local one"
            )
        yield configured
        return
    server = start(say)
    with temporary_settings({PREFECT_API_URL: server.api, PREFECT_UI_URL: server.ui}):
        # worker processes inherit the environment only, and the thread that forwards their events
        # sees the global settings only: without these it would start a server of its own
        whole = context.GLOBAL_SETTINGS_CONTEXT
        context.GLOBAL_SETTINGS_CONTEXT = context.get_settings_context()
        os.environ["PREFECT_API_URL"] = server.api
        try:
            yield server.api
        finally:
            del os.environ["PREFECT_API_URL"]
            context.GLOBAL_SETTINGS_CONTEXT = whole


def start(say: Callable[[str], None] = print) -> Server:
    """The local server, started if it does not run; one caller at a time starts it.

    Raises:
        ServerError: it did not answer in time; its log is named.
    """
    home = _home()
    home.mkdir(parents=True, exist_ok=True)
    with (home / "ptm-server.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        running = find()
        return running or _start(home, say)


def find() -> Server | None:
    """The local server that ptm started, if it runs and answers."""
    try:
        server = Server(**json.loads(_state_file().read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return server if answers(server.api) else None


def stop() -> Server | None:
    """Stops the local server, if it runs, and says which it was.

    Raises:
        ServerError: it does not stop.
    """
    server = find()
    if server is None or not _is_ours(server):
        return None
    os.kill(server.pid, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    while time.monotonic() < end:
        if not _alive(server.pid):
            _state_file().unlink(missing_ok=True)
            return server
        time.sleep(0.05)
    raise ServerError(f"expected process {server.pid} to stop in {STOP_SECONDS:g} s, it still runs")


def answers(api: str) -> bool:
    """Whether a Prefect server answers at the address of its API."""
    try:
        with urllib.request.urlopen(f"{api}/health", timeout=PROBE_SECONDS) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        return error.code in (401, 403)  # it is there, and wants a password
    except (OSError, ValueError):
        return False


def _start(home: Path, say: Callable[[str], None]) -> Server:
    port = _free_port()
    log = home / "ptm-server.log"
    environment = os.environ | {
        "PREFECT_SERVER_UI_API_URL": f"http://{HOST}:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    # the client's address must not leak into the server, which would call itself through it
    environment.pop("PREFECT_API_URL", None)
    command = [
        sys.executable,
        "-m",
        "prefect",
        "server",
        "start",
        "--host",
        HOST,
        "--port",
        str(port),
    ]
    say(f"Starting the Prefect server on http://{HOST}:{port} (about 15 s the first time) …")
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    server = Server(process.pid, port, str(log))
    end = time.monotonic() + START_SECONDS
    while not answers(server.api):
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            raise ServerError(f"expected the Prefect server to start, it did not; see {log}")
        time.sleep(0.1)
    fresh = _state_file().with_suffix(".new")
    fresh.write_text(json.dumps(asdict(server)))
    fresh.replace(_state_file())
    return server


def _home() -> Path:
    from prefect.settings import PREFECT_HOME

    return Path(PREFECT_HOME.value())


def _state_file() -> Path:
    return _home() / "ptm-server.json"


def _free_port() -> int:
    for port in (PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServerError(f"expected a free port on {HOST}, got none")


def _is_ours(server: Server) -> bool:
    """Whether the process is the server: numbers of processes are used again."""
    shown = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(server.pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return "prefect server start" in shown.stdout and f"--port {server.port}" in shown.stdout


def _alive(pid: int) -> bool:
    try:
        # a child that ended stays a zombie until it is waited for
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    except ChildProcessError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
