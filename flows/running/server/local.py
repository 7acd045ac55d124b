"""The local server that ptm starts: one for each Prefect home, in the background, with SQLite."""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from errno import EADDRINUSE
from pathlib import Path

import httpx

from flows.running.server import private
from flows.running.server.log import cause_of_end, is_taken_port
from flows.running.server.loopback import without_proxy
from flows.running.server.probe import DEMAND, ask, probe
from ptm.errors import PtmError

PROGRAM = "flows.running.server.prefect_server"
HOST, EVERY_ADDRESS = "127.0.0.1", "0.0.0.0"
PORT = 4200
START_SECONDS = 180.0
STOP_SECONDS = 20.0
PORTS_TRIED = 5  # another program may take a port between the moment it is found free and the start
LEASES = "prefect.server.concurrency.lease_storage"


class ServerError(PtmError):
    """The Prefect server does not answer, or could not be started."""


class PortTaken(Exception):
    """Another program listens on the port that the server was to have."""


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
        return f"http://{HOST if self.host == EVERY_ADDRESS else self.host}:{self.port}"

    @property
    def runs(self) -> bool:
        """Whether its process is there, and is a server: numbers of processes are used again."""
        try:
            words = Path(f"/proc/{self.pid}/cmdline").read_text().replace("\0", " ")
        except OSError:
            if Path("/proc/self").exists():
                return False
            asked = ["ps", "-ww", "-o", "command=", "-p", str(self.pid)]  # where there is no /proc
            words = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
        return "prefect" in words and "server start" in words and f"--port {self.port}" in words


def password() -> str | None:
    """That of the local server, user:password: of the settings, else the one that ptm made."""
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_SERVER_API_AUTH_STRING

    either: str | None = PREFECT_API_AUTH_STRING.value() or PREFECT_SERVER_API_AUTH_STRING.value()
    return either or private.kept_password()


def last() -> Server | None:
    """The server that ptm started last, whether it still runs or not."""
    try:
        return Server(**json.loads(_state_file().read_text()))
    except (OSError, ValueError, TypeError):
        return None


def start(
    say: Callable[[str], None] = lambda _: None,
    host: str | None = None,
    make_password: bool = False,
) -> Server:
    """The local server, started if it does not run; one caller at a time starts it.

    Args:
        say: told what goes on.
        host: where to listen; what Prefect's settings say where left out, which is 127.0.0.1.
        make_password: whether to make a password for it, where there is none yet.

    Raises:
        ServerError: it did not start, and why; or it was to listen on more than this computer
            without a password; or it runs already, and has none.
    """
    from prefect.settings import PREFECT_SERVER_API_HOST

    without_proxy()
    home = private.prefect_home()
    try:
        private.close(home)
        with _one_at_a_time(home):
            running = last()
            if running and running.runs:  # a second one would write into the same database
                if make_password:
                    _expect_a_password(running)
                _wait_for(running)
                return running
            if make_password and not password():
                private.make_password()
            host = host or PREFECT_SERVER_API_HOST.value() or HOST
            _expect_safe(host)
            return _start(home, host, say)
    except OSError as error:
        raise ServerError(
            f"expected to write into the Prefect home {home}, got {error.strerror or error}; "
            "make that possible, or set PREFECT_HOME to another folder"
        ) from error


def _expect_safe(host: str) -> None:
    if ":" in host:
        raise ServerError(f"expected a name or an address of IPv4 to listen on, got '{host}'")
    if not is_loopback(host) and not _server_password():
        raise ServerError(
            f"expected a password for a server on {host}, which other computers can reach, got "
            "none; start it with --password, set PREFECT_SERVER_API_AUTH_STRING=user:password, "
            "or listen on 127.0.0.1"
        )


def _expect_a_password(running: Server) -> None:
    if not probe(running.api):
        raise ServerError(
            f"expected no server without a password, got one that runs on {running.ui}; stop it "
            "with `ptm server stop`, then start it with `ptm server start --password`"
        )


@contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    private_file = os.open(home / "ptm-server.lock", os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(private_file, "w") as lock:
        with suppress(OSError):  # a disk without locks: it goes on without
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _wait_for(server: Server) -> None:
    """Until a server that runs answers; it may have much to do.

    Raises:
        ServerError: it does not answer, or wants another password.
    """
    end = time.monotonic() + START_SECONDS
    while problem := probe(server.api, password()):
        if problem.startswith(DEMAND) or time.monotonic() > end:
            raise ServerError(
                f"expected the local Prefect server at {server.api} to answer, got {problem}; "
                f"its log is {server.log}"
            )
        time.sleep(0.5)


def find() -> Server | None:
    """The local server that ptm started, if it runs and answers, with the password or without."""
    without_proxy()
    server = last()
    if server is None or not server.runs:
        return None
    return server if not (problem := probe(server.api, password())) or DEMAND in problem else None


def password_of(server: Server) -> str:
    """What to know of the password of a server that answers; "" where it has none."""
    if not probe(server.api):
        return ""
    if probe(server.api, password()):
        return "it wants a password, which is not known here: PREFECT_API_AUTH_STRING=user:password"
    if password() == private.kept_password():
        return f"the dashboard asks for the password that is in {private.password_file()}"
    return "the dashboard asks for the password of PREFECT_API_AUTH_STRING"


def stop() -> Server | None:
    """Stops the local server, if it runs, and says which it was.

    Raises:
        ServerError: it does not stop.
    """
    server = last()  # it is stopped even where it does not answer any more
    if server is None or not server.runs:
        return None
    os.kill(server.pid, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    while time.monotonic() < end:
        with suppress(ChildProcessError):
            os.waitpid(server.pid, os.WNOHANG)
        if not server.runs:  # one that ended and that nobody waited for, as ptm serve, is no server
            return server
        time.sleep(0.05)
    raise ServerError(f"expected process {server.pid} to stop in {STOP_SECONDS:g} s, it still runs")


def _start(home: Path, host: str, say: Callable[[str], None]) -> Server:
    """Starts it: on the port that it had before, so that a run that still waits finds it again."""
    log = str(home / "ptm-server.log")
    before = last()
    ports = [before.port] if before and before.host == host else []
    for port in [*ports, PORT, *[0] * PORTS_TRIED]:
        with suppress(PortTaken):
            return _spawn(home, Server(0, _free_port(host, port), log, host), say)
    raise ServerError(f"expected a port of {host} that no other program takes, got none; see {log}")


def _spawn(home: Path, planned: Server, say: Callable[[str], None]) -> Server:
    """The server as it answers.

    Raises:
        PortTaken: it ended, since the port was just taken.
        ServerError: it ended, and why; or it does not answer.
    """
    where = ["--host", planned.host, "--port", str(planned.port)]
    say(f"Starting the Prefect server on {planned.ui} (about 15 s the first time) …")
    log = os.open(planned.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(log, "ab") as out:
        logged = out.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", PROGRAM, "server", "start", *where],
            env=_environment(planned),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            umask=private.UMASK,
        )
    server = Server(process.pid, planned.port, planned.log, planned.host)
    end = time.monotonic() + START_SECONDS
    try:
        while process.poll() is None:
            if home_of(server.api) == str(home):  # and not another's, which took the port
                private.write(_state_file(), json.dumps(asdict(server)))
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
    with Path(planned.log).open("rb") as read:
        read.seek(logged)
        said = read.read().decode(errors="replace")
    if is_taken_port(said):
        raise PortTaken
    cause = cause_of_end(said, process.returncode, home)
    raise ServerError(
        f"expected the local Prefect server to start, got: {cause}; its log is {planned.log}"
    )


def _environment(planned: Server) -> dict[str, str]:
    """What the process of the server gets."""
    own = [f"http://{name}:{planned.port}" for name in (HOST, "localhost")]
    environment = os.environ | {
        # what the dashboard calls; other pages of a browser may neither read nor write
        "PREFECT_SERVER_UI_API_URL": planned.api if is_loopback(planned.host) else "/api",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(dict.fromkeys([planned.ui, *own])),
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "NO_COLOR": "1",  # its log is a file
        # for what it says when it cannot start, however silent the one is that starts it
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING",
        "PYTHONSAFEPATH": "1",  # no module of the working folder in place of its own
        # in memory, the place that a run holds would stay taken after the server was killed
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": f"{LEASES}.filesystem",
        # runs that died with the server are found dead however late it starts again
        "PREFECT_SERVER_EVENTS_EXPIRED_BUCKET_BUFFER": "P30D",
    }
    # the client's address must not leak into the server, which would call itself through it
    environment.pop("PREFECT_API_URL", None)
    if wanted := _server_password():
        environment["PREFECT_SERVER_API_AUTH_STRING"] = wanted
    return environment


def _server_password() -> str | None:
    """The password that a server which starts now is to want."""
    from prefect.settings import PREFECT_SERVER_API_AUTH_STRING

    wanted: str | None = PREFECT_SERVER_API_AUTH_STRING.value()
    return wanted or private.kept_password()


def home_of(api: str) -> str | None:
    """The Prefect home of the server at an address; None where it does not say."""
    try:
        return str(ask(api, "/admin/settings", password())[1]["home"])
    except (OSError, httpx.HTTPError, KeyError, TypeError):
        return None


def is_loopback(host: str) -> bool:
    """Whether an address is this computer's, for itself alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name, which may mean anything


def _state_file() -> Path:
    return private.prefect_home() / "ptm-server.json"


def _free_port(host: str, port: int) -> int:
    """The port, if it is free; any free one for 0.

    Raises:
        PortTaken: it is not free.
        ServerError: nothing can listen there.
    """
    with socket.socket() as probing:
        probing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probing.bind((HOST if host == EVERY_ADDRESS else host, port))
        except OSError as error:
            if error.errno == EADDRINUSE:
                raise PortTaken from error
            text = f"expected an address of this computer to listen on, got '{host}' ({error})"
            raise ServerError(text) from error
        return int(probing.getsockname()[1])
