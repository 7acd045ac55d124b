"""The local server: found, started once, on a free port, for this computer only; or refused."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_HOME,
    PREFECT_SERVER_API_HOST,
    temporary_settings,
)

from flows.running.server import local
from tests.support.commands import call_ptm, end_group, run_ptm
from tests.support.machine import expect_runner
from tests.support.servers import Home, flow_run_in, states_of

pytestmark = pytest.mark.operate
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of an API that takes connections and never answers."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/api"


def _expect_no_server(address: str, got: str, sample: Path, store: Path) -> None:
    start = time.monotonic()
    with temporary_settings({PREFECT_API_URL: address}):
        done = call_ptm("run", "--data", sample, "--artifacts", store)
    assert time.monotonic() - start < 30
    assert done.code == 1
    assert f"expected a Prefect server at {address}, got {got}" in done.words
    assert "PREFECT_API_URL" in done.words
    assert "Traceback" not in done.err
    assert not store.exists()


def test_server_that_is_not_there(sample: Path, tmp_path: Path) -> None:
    """A PREFECT_API_URL that nobody listens on ends a run within seconds, code 1, and is named."""
    _expect_no_server(f"{NOWHERE}/api", "a refused", sample, tmp_path / "artifacts")


@pytest.mark.slow
def test_server_that_is_silent(sample: Path, tmp_path: Path, silent: str) -> None:
    """A PREFECT_API_URL that never answers ends a run within seconds, code 1, and is named."""
    _expect_no_server(silent, "no answer", sample, tmp_path / "artifacts")


@pytest.fixture
def usual_port_taken() -> Iterator[None]:
    """Somebody listens on port 4200: this test, unless somebody does already."""
    try:
        listening = socket.create_server(("127.0.0.1", 4200))
    except OSError:
        yield
        return
    with contextlib.closing(listening):
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("usual_port_taken")
def test_server_cycle(new_home: Home) -> None:
    """The server starts on a free port, is found, serves a dashboard that calls it, and stops."""
    home = new_home
    assert run_ptm("server", "status", **home.environment).code == 1
    started = run_ptm("server", "start", **home.environment)
    assert started.code == 0, started
    address = next(word for word in started.words.split() if word.startswith("http")).rstrip(",")
    assert ":4200" not in address
    with urllib.request.urlopen(f"{address}/ui-settings", timeout=10) as answer:
        assert json.load(answer)["api_url"] == f"{address}/api"
    found = run_ptm("server", "status", **home.environment)
    assert found.code == 0 and address in found.words
    again = run_ptm("server", "start", **home.environment)
    assert again.code == 0 and address in again.words and "Starting" not in again.words
    stopped = run_ptm("server", "stop", **home.environment)
    assert stopped.code == 0 and address in stopped.words
    assert run_ptm("server", "status", **home.environment).code == 1
    gone = run_ptm("server", "stop", **home.environment)
    assert gone.code == 0 and "No local server runs" in gone.words


def test_server_stop_spares_strangers(server: str, tmp_path: Path) -> None:
    """`ptm server stop` ends no process that only has the number of a server of the past."""
    port = int(server.split(":")[2].split("/")[0])
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        state = {"pid": stranger.pid, "port": port, "log": ""}
        (tmp_path / "ptm-server.json").write_text(json.dumps(state))
        with temporary_settings({PREFECT_HOME: tmp_path}):
            stopped = call_ptm("server", "stop")
        assert stopped.code == 0 and "No local server runs" in stopped.words
        time.sleep(0.2)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_tests_have_a_home_of_their_own() -> None:
    """The tests start their server in a temporary Prefect home, not in a person's."""
    assert "ptm-tests-" in os.environ["PREFECT_HOME"]


def servers(home: Home) -> list[int]:
    """The processes that serve for that home; others on this computer do not count."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            serves = {"server", "start", "--port"} <= {*process.cmdline()}
            if serves and process.environ().get("PREFECT_HOME") == str(home.path):
                found.append(process.pid)
    return found


@pytest.mark.slow
def test_started_once_by_many(home: Home) -> None:
    """Four that start it at once get one server."""
    with ThreadPoolExecutor(4) as pool:
        commands = [("server", "start")] * 4
        done = list(pool.map(lambda words: run_ptm(*words, **home.environment), commands))
    assert [each.code for each in done] == [0] * 4, done
    assert len({each.words.split("dashboard ")[1].split(",")[0] for each in done}) == 1
    assert sum("Starting" in each.words for each in done) == 1
    assert servers(home) == [home.pid]


@pytest.mark.slow
def test_two_homes_at_once(tmp_path: Path) -> None:
    """Two Prefect homes whose servers start in the same moment get a port and a server each."""
    homes = [Home.migrated(tmp_path / name) for name in ("one", "two")]
    try:
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(lambda h: run_ptm("server", "start", **h.environment), homes))
        assert [each.code for each in done] == [0, 0], done
        assert homes[0].api != homes[1].api
        for each in homes:
            with urllib.request.urlopen(f"{each.api}/admin/settings", timeout=10) as answer:
                settings = json.load(answer)
            assert settings["home"] == str(each.path)
            assert settings["server"]["analytics_enabled"] is False
    finally:
        for each in homes:
            run_ptm("server", "stop", **each.environment)


@pytest.mark.slow
def test_killed_and_started_again(home: Home, sample: Path, tmp_path: Path) -> None:
    """A server that was killed is started again on its port, and has lost nothing of the past."""
    store = tmp_path / "artifacts"
    run = ("run", "dog", "--data", sample, "--artifacts", store)
    first = run_ptm(*run, **home.environment)
    assert first.code == 0, first
    states_of(home.api, flow_run_in(first.out))  # all is written
    api = home.api
    psutil.Process(home.pid).kill()
    assert run_ptm("server", "status", **home.environment).code == 1
    again = run_ptm(*run, **home.environment)
    assert again.code == 0 and "Starting the Prefect server" in again.words
    assert home.api == api
    assert states_of(api, flow_run_in(first.out)) == {"dog": "Completed", "report": "Completed"}
    assert states_of(api, flow_run_in(again.out)) == {"dog": "Cached", "report": "Completed"}


@pytest.mark.parametrize(
    ("options", "settings"),
    [(["--host", "0.0.0.0"], {}), ([], {PREFECT_SERVER_API_HOST: "0.0.0.0"})],
    ids=["option", "setting"],
)
def test_open_to_others_needs_a_password(
    home: Home, options: list[str], settings: dict[Any, str]
) -> None:
    """Listening on more than this computer without a password is refused, and nothing starts."""
    with temporary_settings({PREFECT_HOME: home.path, **settings}):
        done = call_ptm("server", "start", *options)
    assert done.code == 1
    assert "expected a password for a server on 0.0.0.0" in done.words
    assert "PREFECT_SERVER_API_AUTH_STRING" in done.words
    assert not (home.path / "ptm-server.json").exists()


@pytest.mark.slow
def test_password(home: Home, sample: Path, tmp_path: Path) -> None:
    """With a password it may listen everywhere; a run needs it, and says so without it."""
    password = {"PREFECT_SERVER_API_AUTH_STRING": "ann:secret"}
    started = run_ptm("server", "start", "--host", "0.0.0.0", **home.environment, **password)
    assert started.code == 0, started
    run = ("run", "dog", "--data", sample, "--artifacts", tmp_path / "artifacts")
    environment = home.environment | {"PREFECT_API_URL": home.api}
    for wrong in ({}, {"PREFECT_API_AUTH_STRING": "ann:guess"}):
        refused = run_ptm(*run, **environment, **wrong)
        assert refused.code == 1
        assert f"expected a Prefect server at {home.api}, got a demand for a password" in (
            refused.words
        )
        assert "PREFECT_API_AUTH_STRING" in refused.words and "Traceback" not in refused.err
    right = run_ptm(*run, **environment, PREFECT_API_AUTH_STRING="ann:secret")
    assert right.code == 0, right
    found = run_ptm(*run, **home.environment, **password)  # the local server, by its own password
    assert found.code == 0 and "cached" in found.words


WITHOUT_A_SERVER = """
import sys
from prefect.flow_engine import run_flow
from flows.running.server import local
from flows.pipeline import pipeline
from flows.running.runners import task_runner

catalog, data, artifacts, runner = sys.argv[1:]
state = run_flow(
    pipeline.with_options(task_runner=task_runner(runner)),
    parameters={"catalog": catalog, "data": data, "artifacts": artifacts},
    return_type="state",
)
error = state.result(raise_on_failure=False)
print(type(error).__name__, error)
"""


@pytest.mark.parametrize("runner", ["dask", "ray"])
@pytest.mark.slow
def test_other_processes_need_a_server(
    runner: str, home: Home, book_catalog: Path, sample: Path, tmp_path: Path
) -> None:
    """Tasks in other processes are not started without a server that all of them can reach."""
    expect_runner(runner)
    store = tmp_path / "artifacts"
    command = [sys.executable, "-P", "-c", WITHOUT_A_SERVER, book_catalog, sample, store, runner]
    # Prefect ends its temporary server when its process ends, and a worker of the tests may not
    environment = home.environment | {"PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true"}
    with subprocess.Popen(
        [str(word) for word in command],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        told, _ = process.communicate(timeout=300)
    assert end_group(process.pid) == []
    assert "ServerError expected a Prefect server" in told and "ptm server start" in told
    assert not store.exists()


@pytest.mark.slow
def test_stopped_under_the_one_that_started_it(home: Home) -> None:
    """A server is stopped also where the process that started it goes on and does not wait."""
    code = "import time; from flows.running.server import start; start(); print('up', flush=True)"
    parent = subprocess.Popen(
        [sys.executable, "-P", "-c", f"{code}; time.sleep(300)"],
        env=os.environ | home.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert parent.stdout and parent.stdout.readline() == "up\n"
        done = run_ptm("server", "stop", **home.environment)
        assert done.code == 0 and "Stopped the server" in done.out, done
    finally:
        parent.kill()
        parent.communicate()


@pytest.mark.slow
def test_a_port_that_is_taken_meanwhile(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that another program takes after it was found free is given up for another one."""
    find = local._free_port
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        ports = iter([taken])
        monkeypatch.setattr(local, "_free_port", lambda *asked: next(ports, find(*asked)))
        monkeypatch.setenv("PREFECT_HOME", str(home.path))
        with temporary_settings({PREFECT_HOME: home.path}):
            assert local.start().port != taken
