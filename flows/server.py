"""Finds the Prefect server that keeps the history, or starts a local one in the background.

`PREFECT_API_URL`, from the environment or the active profile, wins. Otherwise one server for each
Prefect home runs on 127.0.0.1 with SQLite; it outlives the runs, so that they can be looked at.
"""

from __future__ import annotations

import base64
import fcntl
import http.client
import ipaddress
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ptm.errors import PtmError

HOST = "127.0.0.1"
PORT = 4200
START_SECONDS = 180.0
STOP_SECONDS = 20.0
PROBE_SECONDS = 5.0
PORTS_TRIED = 5  # another program may take a port between the moment it is found free and the start
LEASES = "prefect.server.concurrency.lease_storage"


class ServerError(PtmError):
    """The Prefect server does not answer, or could not be started."""


@dataclass(frozen=True)
class Server:
    """A local server that ptm started.

    Attributes:
        pid: its process.
        port: where it listens.
        log: its log file.
        host: the address that it listens on.
    """

    pid: int
    port: int
    log: str
    host: str = HOST

    @property
    def api(self) -> str:
        """Address of the API."""
        return f"{self.ui}/api"

    @property
    def ui(self) -> str:
        """Address of the dashboard."""
        return f"http://{HOST if _is_every_address(self.host) else self.host}:{self.port}"


@contextmanager
def connected(say: Callable[[str], None] = lambda _: None) -> Iterator[str]:
    """Runs its body against the server in charge; gives the address of the API.

    Raises:
        ServerError: the configured server does not answer or refuses the password, or the local
            one does not start.
    """
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_API_URL,
        PREFECT_UI_URL,
        temporary_settings,
    )

    configured = PREFECT_API_URL.value()
    if configured:
        problem = probe(configured, PREFECT_API_AUTH_STRING.value())
        if problem:
            raise ServerError(
                f"expected a Prefect server at {configured}, got {problem}; start it, or unset "
                "PREFECT_API_URL (environment or `prefect config`) to use a local one"
            )
        say(f"Prefect server: {configured}")
        yield configured
        return
    server = start(say)
    say(f"Prefect server: {server.api}")
    settings = {
        PREFECT_API_URL: server.api,
        PREFECT_UI_URL: server.ui,
        PREFECT_API_AUTH_STRING: _password(),
    }
    with temporary_settings(settings), _for_the_whole_process(server.api):
        yield server.api


@contextmanager
def _for_the_whole_process(api: str) -> Iterator[None]:
    """Settings for those that do not see the ones of this context.

    Worker processes inherit the environment only, and the thread that forwards their events sees
    the global settings only: without these it would start a server of its own. Several threads
    may be here at once; the last one to leave puts back what was.
    """
    from prefect import context

    with GLOBAL.lock:
        if not GLOBAL.users:
            GLOBAL.before = context.GLOBAL_SETTINGS_CONTEXT, os.environ.get("PREFECT_API_URL")
            context.GLOBAL_SETTINGS_CONTEXT = context.get_settings_context()
            os.environ["PREFECT_API_URL"] = api
        GLOBAL.users += 1
    try:
        yield
    finally:
        with GLOBAL.lock:
            GLOBAL.users -= 1
            if not GLOBAL.users:
                context.GLOBAL_SETTINGS_CONTEXT, address = GLOBAL.before
                os.environ.pop("PREFECT_API_URL")
                if address is not None:
                    os.environ["PREFECT_API_URL"] = address


class _Global:
    """Who uses the settings of the whole process, and what they were before."""

    def __init__(self) -> None:
        self.lock, self.users = threading.Lock(), 0
        self.before: Any = None


GLOBAL = _Global()


def start(say: Callable[[str], None] = lambda _: None, host: str | None = None) -> Server:
    """The local server, started if it does not run; one caller at a time starts it.

    Args:
        say: told what goes on.
        host: where to listen; what Prefect's settings say where left out, which is 127.0.0.1.

    Raises:
        ServerError: it did not answer in time, its log is named; or it was to listen on more than
            this computer without a password.
    """
    from prefect.settings import PREFECT_SERVER_API_AUTH_STRING, PREFECT_SERVER_API_HOST

    host = host or PREFECT_SERVER_API_HOST.value() or HOST
    if ":" in host:
        raise ServerError(f"expected a name or an address of IPv4 to listen on, got '{host}'")
    if not _is_loopback(host) and not PREFECT_SERVER_API_AUTH_STRING.value():
        raise ServerError(
            f"expected a password for a server on {host}, which other computers can reach, got "
            "none; set PREFECT_SERVER_API_AUTH_STRING=user:password, or listen on 127.0.0.1"
        )
    home = _home()
    home.mkdir(parents=True, exist_ok=True)
    with (home / "ptm-server.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        running = _last()
        if running and _is_ours(running):  # a second one would write into the same database
            _wait_for(running)
            return running
        return _start(home, host, say)


def _wait_for(server: Server) -> None:
    """Until a server that runs answers; it may have much to do.

    Raises:
        ServerError: it does not answer, or wants another password.
    """
    end = time.monotonic() + START_SECONDS
    while problem := probe(server.api, _password()):
        if "password" in problem or time.monotonic() > end:
            raise ServerError(
                f"expected the local Prefect server at {server.api} to answer, got {problem}; "
                f"its log is {server.log}"
            )
        time.sleep(0.5)


def find() -> Server | None:
    """The local server that ptm started, if it runs and answers."""
    server = _last()
    return server if server and _is_ours(server) and not probe(server.api, _password()) else None


def stop() -> Server | None:
    """Stops the local server, if it runs, and says which it was.

    Raises:
        ServerError: it does not stop.
    """
    server = _last()  # it is stopped even where it does not answer any more
    if server is None or not _is_ours(server):
        return None
    os.kill(server.pid, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    while time.monotonic() < end:
        if not _alive(server.pid):
            return server
        time.sleep(0.05)
    raise ServerError(f"expected process {server.pid} to stop in {STOP_SECONDS:g} s, it still runs")


def probe(api: str, password: str | None = None) -> str:
    """What is wrong with the server at the address of an API; "" where it answers.

    Args:
        api: the address.
        password: user:password, where one is needed.
    """
    try:
        if not isinstance(json.loads(_get(f"{api.rstrip('/')}/admin/version", password)), str):
            return "something that is no Prefect server"
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            given = "a wrong one" if password else "none"
            return f"a demand for a password, and {given} in PREFECT_API_AUTH_STRING=user:password"
        return f"HTTP status {error.code}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, TimeoutError):
            return f"no answer in {PROBE_SECONDS:g} s"
        if isinstance(reason, ConnectionRefusedError):
            return "a refused connection, as nothing listens there"
        return f"something that is no Prefect server ({type(reason).__name__}: {reason})"
    return ""


def _get(address: str, password: str | None) -> bytes:
    request = urllib.request.Request(address)
    if password:
        token = base64.b64encode(password.encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    with urllib.request.urlopen(request, timeout=PROBE_SECONDS) as answer:
        body: bytes = answer.read()
        return body


def _password() -> str | None:
    """That of the server in charge, user:password; on this computer the settings may hold both."""
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_SERVER_API_AUTH_STRING

    either: str | None = PREFECT_API_AUTH_STRING.value() or PREFECT_SERVER_API_AUTH_STRING.value()
    return either


def _start(home: Path, host: str, say: Callable[[str], None]) -> Server:
    """Starts it: on the port that it had before, so that a run that still waits finds it again."""
    log = home / "ptm-server.log"
    last = _last()
    ports = [last.port] if last and last.host == host else []
    for port in [*ports, PORT, *[0] * PORTS_TRIED]:
        free = _free_port(host, port)
        if free is None:
            continue
        server = _spawn(home, Server(0, free, str(log), host), say)
        if server:
            fresh = _state_file().with_suffix(".new")
            fresh.write_text(json.dumps(asdict(server)))
            fresh.replace(_state_file())
            return server
    raise ServerError(f"expected the Prefect server to start, it did not; see {log}")


def _spawn(home: Path, planned: Server, say: Callable[[str], None]) -> Server | None:
    """The server as it answers; None where it ended, as it does when the port was just taken."""
    api_of_ui = planned.api if _is_loopback(planned.host) else "/api"
    environment = os.environ | {
        "PREFECT_SERVER_UI_API_URL": api_of_ui,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "NO_COLOR": "1",  # its log is a file
        "PYTHONSAFEPATH": "1",  # no module of the working folder in place of its own
        # in memory, the place that a run holds would stay taken after the server was killed
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": f"{LEASES}.filesystem",
        # runs that died with the server are found dead however late it starts again
        "PREFECT_SERVER_EVENTS_EXPIRED_BUCKET_BUFFER": "P30D",
    }
    # the client's address must not leak into the server, which would call itself through it
    environment.pop("PREFECT_API_URL", None)
    where = ["--host", planned.host, "--port", str(planned.port)]
    say(f"Starting the Prefect server on {planned.ui} (about 15 s the first time) …")
    with Path(planned.log).open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start", *where],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    server = Server(process.pid, planned.port, planned.log, planned.host)
    end = time.monotonic() + START_SECONDS
    try:
        while process.poll() is None:
            if _home_of(server.api) == str(home):  # and not another's, which took the port
                return server
            if time.monotonic() > end:
                raise ServerError(
                    f"expected the Prefect server to answer in {START_SECONDS:g} s, it did not; "
                    f"see {planned.log}"
                )
            time.sleep(0.1)
    except BaseException:  # nobody would find it
        process.kill()
        process.wait()
        raise
    return None


def _home_of(api: str) -> str | None:
    """The Prefect home of the server at an address."""
    try:
        return str(json.loads(_get(f"{api}/admin/settings", _password()))["home"])
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return None


def _last() -> Server | None:
    """The server that ptm started last, whether it still runs or not."""
    try:
        return Server(**json.loads(_state_file().read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name, which may mean anything


def _is_every_address(host: str) -> bool:
    return host in ("0.0.0.0", "::")


def _home() -> Path:
    from prefect.settings import PREFECT_HOME

    return Path(PREFECT_HOME.value())


def _state_file() -> Path:
    return _home() / "ptm-server.json"


def _free_port(host: str, port: int) -> int | None:
    """The port, if it is free; any free one for 0."""
    with socket.socket() as probing:
        probing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probing.bind((HOST if _is_every_address(host) else host, port))
        except OSError:
            return None
        return int(probing.getsockname()[1])


def _is_ours(server: Server) -> bool:
    """Whether the process is the server: numbers of processes are used again."""
    try:
        words = Path(f"/proc/{server.pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        if Path("/proc/self").exists():
            return False
        asked = ["ps", "-ww", "-o", "command=", "-p", str(server.pid)]  # where there is no /proc
        words = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    return "prefect server start" in words and f"--port {server.port}" in words


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
