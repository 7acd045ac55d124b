"""The topology of deploy/compose.yaml as plain processes: its commands, settings, health checks."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.machine import ROOT, lacking

COMPOSE = ROOT / "deploy" / "compose.yaml"


AUTH = "ptm:a password"


VARIABLES = {"PTM_AUTH": AUTH, "PTM_DB_PASSWORD": "any/characters@here:%41 too"}


PORTS = {"postgres": 5432, "redis": 6379, "server": 4200, "worker": 8080}  # inside the containers


START_SECONDS = 180


STOP_SECONDS = 30


VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}")


class Refused(Exception):
    """Compose would not start: a required variable is not set."""


def interpolated(value: Any, variables: Mapping[str, str]) -> Any:
    """A part of a compose file with its variables put in, as compose does it.

    Raises:
        Refused: a required variable is missing or empty.
    """

    def put_in(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        name, kind, word = found.groups()
        given = variables.get(name, "")
        if not given and kind == "?":
            raise Refused(f"{name}: {word}")
        return given or (word if kind == "-" else "")

    if isinstance(value, dict):
        return {key: interpolated(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [interpolated(each, variables) for each in value]
    return VARIABLE.sub(put_in, value) if isinstance(value, str) else value


def compose_file(variables: Mapping[str, str]) -> dict[str, Any]:
    """deploy/compose.yaml with variables put in."""
    whole: dict[str, Any] = interpolated(yaml.safe_load(COMPOSE.read_text()), variables)
    return whole


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(name: str) -> str:
    """A program of PostgreSQL or Redis; Debian keeps the former out of the path."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=str)
    found = shutil.which(name) or (str(versions[-1]) if versions else None)
    if not found:
        lacking(f"{name} is not installed (of postgresql 14.9 or later, and redis-server 7)")
    return str(found)


@dataclass
class Topology:
    """All services of the compose file on 127.0.0.1.

    Attributes:
        folder: settings, data and logs of the processes.
        ports: of each service that has one, by its name; `server 2` is a second server.
        started: the processes that run, by the name of their service.
    """

    folder: Path
    ports: dict[str, int]
    services: dict[str, Any]
    user: str | None
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def api(self, server: str = "server") -> str:
        """Address of the API of a server."""
        return f"http://127.0.0.1:{self.ports[server]}/api"

    def client(self, server: str = "server", auth: str | None = AUTH) -> dict[str, str]:
        """The settings of a client of a server."""
        settings = {"PREFECT_API_URL": self.api(server), "PREFECT_UI_URL": self.api(server)[:-4]}
        return settings | ({"PREFECT_API_AUTH_STRING": auth} if auth else {})

    def local(self, text: str, server: str = "server") -> str:
        """A setting or a word of a command, with the hosts and ports of this machine in it."""
        for name, port in PORTS.items():
            here = self.ports[server if name == "server" else name]
            text = re.sub(rf"\b({name}|127\.0\.0\.1):{port}\b", f"127.0.0.1:{here}", text)
            text = str(here) if text == str(port) else text
        return "127.0.0.1" if text in {"postgres", "redis", "0.0.0.0"} else text

    def environment(self, service: str, server: str = "server") -> dict[str, str]:
        """The whole environment of a service: what the compose file says, and where it is here."""
        home = self.folder / server / service
        home.mkdir(parents=True, exist_ok=True)
        programs = (sys.executable, program("initdb"), program("redis-server"))
        settings = self.services[service].get("environment", {})
        return {
            "PATH": os.pathsep.join([*(str(Path(each).parent) for each in programs), os.defpath]),
            "HOME": str(home),
            "TMPDIR": str(home),  # what others left in the usual one may not be writable
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.ports["postgres"]),
            "PREFECT_SERVER_API_PORT": str(self.ports[server]),
            "PREFECT_WORKER_WEBSERVER_PORT": str(self.ports["worker"]),
        } | {name: self.local(str(value), server) for name, value in settings.items()}

    def log(self, name: str) -> Path:
        """The log of a process."""
        return self.folder / f"{name}.log"

    def start(self, service: str, command: list[str], server: str = "server") -> None:
        """Starts a process of a service and waits until its health check passes."""
        name = service if service != "server" else server
        with self.log(name).open("ab") as out:
            process = subprocess.Popen(
                command,
                cwd=ROOT if service == "worker" else self.folder,  # its code, data and store
                env=self.environment(service, server),
                user=self.user if service == "postgres" else None,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self.started[name] = process
        deadline = time.monotonic() + START_SECONDS
        while not self.healthy(service, server):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{name} did not become healthy:\n{self.tail(name)}")
            time.sleep(0.5)

    def healthy(self, service: str, server: str = "server") -> bool:
        """Whether the health check of the compose file passes."""
        kind, *command = self.services[service]["healthcheck"]["test"]
        assert kind == "CMD"
        command = [self.local(word, server) for word in command]
        if service == "redis":
            command[1:1] = ["-p", str(self.ports["redis"])]
        environment = self.environment(service, server)
        program = shutil.which(command[0], path=environment["PATH"])
        assert program, command
        check = [program, *command[1:]]
        return subprocess.run(check, env=environment, capture_output=True).returncode == 0

    def command(self, service: str) -> list[str]:
        """The command of a service, with the ports of this machine."""
        return [self.local(word) for word in self.services[service]["command"]]

    def once(self, service: str, command: list[str]) -> None:
        """Runs a command in the environment of a service to its end; it must succeed."""
        environment = self.environment(service)
        found = shutil.which(command[0], path=environment["PATH"])
        done = subprocess.run(
            [str(found), *command[1:]],
            env=environment,
            user=self.user if service == "postgres" else None,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )
        assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"

    def tail(self, name: str) -> str:
        """The end of a log."""
        lines = self.log(name).read_text(errors="replace").splitlines()
        return "\n".join([f"--- {name}", *lines[-30:]])

    def stop(self) -> None:
        """Stops every process, the last one first."""
        for name, process in reversed(self.started.items()):
            # SIGINT is PostgreSQL's fast shutdown: with SIGTERM it waits for its clients
            process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def running(folder: Path) -> Iterator[Topology]:
    """The topology with two servers, started in the order of the compose file, then stopped."""
    services = compose_file(VARIABLES)["services"]
    ports = {name: free_port() for name in (*PORTS, "server 2")}
    # PostgreSQL refuses to run as root; Debian's package brings a user for it
    user = "postgres" if os.getuid() == 0 else None
    topology = Topology(folder, ports, services, user)
    with ExitStack() as stack:
        stack.callback(topology.stop)
        _start_postgres(topology)
        redis = [*topology.command("redis"), "--port", str(ports["redis"])]
        redis += ["--bind", "127.0.0.1", "--dir", str(folder)]
        # nothing of a test has to live on: the last word about a setting counts
        topology.start("redis", [*redis, "--appendonly", "no", "--save", ""])
        topology.once("migrate", topology.command("migrate"))
        topology.start("server", topology.command("server"))
        topology.start("server", topology.command("server"), "server 2")
        topology.start("services", topology.command("services"))
        topology.start("worker", topology.command("worker"))
        yield topology


def _start_postgres(topology: Topology) -> None:
    given = topology.services["postgres"]["environment"]
    home = topology.folder / "postgres"
    home.mkdir()
    password = topology.folder / "password"
    password.write_text(given["POSTGRES_PASSWORD"])
    if topology.user:
        shutil.chown(home, topology.user)
    initialise = ["initdb", "--pgdata", str(home), "--username", given["POSTGRES_USER"]]
    initialise += ["--auth", "scram-sha-256", "--pwfile", str(password), "--encoding", "UTF8"]
    topology.once("postgres", initialise)
    listen = [program("postgres"), "-D", str(home), "-p", str(topology.ports["postgres"])]
    listen += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
    topology.start("postgres", listen)
    create = ["env", f"PGPASSWORD={given['POSTGRES_PASSWORD']}", "createdb"]
    topology.once("postgres", [*create, "-U", given["POSTGRES_USER"], given["POSTGRES_DB"]])
