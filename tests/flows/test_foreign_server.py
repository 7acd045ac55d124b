"""Another program takes the address of a lost server: it learns nothing of the run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

import ptm as library
from ptm.store import verify
from tests.support.commands import Done, Started, run_ptm, wait_until
from tests.support.relays import Stranger
from tests.support.servers import Hold, Home, client_of, flow_run_in, states_of

pytestmark = pytest.mark.operate
Start = Callable[..., Started]
SOON = {"PTM_BEAT_SECONDS": "2", "PTM_PATIENCE_SECONDS": "10"}
KINDS = ("flow_runs", "task_runs", "logs", "artifacts", "flows", "automations")


def run_until_half(
    start: Start, hold: Hold, sample: Path, store: Path, *options: str, **environment: str
) -> Started:
    """A run of which one source is made, and one lasts as long as it is held."""
    arguments = ("run", "dog", "wine_threshold", "--data", sample, "--artifacts", store, *options)
    run = start(*arguments, **environment, **hold.environment, **SOON)
    run.wait_for("dog: made")
    return run


def kill(home: Home) -> int:
    """Ends its server at once; the port that is free then."""
    port = urlsplit(home.api).port
    assert port
    process = psutil.Process(home.pid)
    process.kill()
    process.wait(10)
    return port


def expect_lost(done: Done, api: str, store: Path) -> None:
    """The run made and published all, and says that another program holds the address."""
    assert done.code == 1, done.out
    assert not done.left_behind
    words = " ".join(done.out.split())
    assert "the Prefect server was lost on the way" in words
    assert f"another program answers at {api}" in words
    assert "Traceback" not in done.out and "Error logging" not in done.out
    for name in ("dog", "wine", "wine_threshold"):
        library.load(name, store)
    assert not [finding for finding in verify(store) if finding.error]


@pytest.mark.parametrize("runner", ["threads", "processes", "dask", "ray"])
@pytest.mark.slow
def test_a_stranger_is_only_asked(
    runner: str, start: Start, hold: Hold, home: Home, sample: Path, tmp_path: Path
) -> None:
    """A plain HTTP server on the port gets GETs alone, without a body and without the password."""
    assert run_ptm("server", "start", "--password", **home.environment).code == 0
    store, api = tmp_path / "artifacts", home.api
    options = ("--runner", runner)
    run = run_until_half(start, hold, sample, store, *options, **home.environment)
    with Stranger(port=kill(home)) as stranger:
        time.sleep(5)  # for what goes on while sources are made: beats, logs, progress
        hold.release()
        done = run.end()
        stranger.shutdown()
    expect_lost(done, api, store)
    assert stranger.asked
    assert {(each.method, each.body) for each in stranger.asked} == {("GET", b"")}
    assert not [each for each in stranger.asked if "authorization" in each.headers]


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Callable[[int], str]]:
    """Starts another's Prefect server on a port of this computer; the address of its API."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(port: int) -> str:
        other = Home.migrated(tmp_path / "other")
        command = ["-m", "prefect", "server", "start", "--port", str(port)]
        started.append(
            subprocess.Popen(
                [sys.executable, *command],
                env=os.environ | other.environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        api = f"http://127.0.0.1:{port}/api"
        wait_until(lambda: answers(api), 120, "the other server answers")
        return api

    yield begin
    for each in started:
        each.kill()
        each.wait()


def answers(api: str) -> bool:
    """Whether a server answers there."""
    try:
        return httpx.get(f"{api}/health").status_code == 200
    except httpx.TransportError:
        return False


def what_it_knows(api: str) -> dict[str, int]:
    """How many of each kind a server has; events but those of its own start."""
    with client_of(api) as client:
        known = {kind: len(client.post(f"/{kind}/filter", json={}).json()) for kind in KINDS}
        events = client.post("/events/filter", json={}).json()["events"]
    return known | {"events": len([each for each in events if "-run" in each["event"]])}


@pytest.mark.slow
@pytest.mark.parametrize("configured", [False, True], ids=["local", "configured"])
def test_a_foreign_prefect_server_has_nothing(
    configured: bool,
    start: Start,
    hold: Hold,
    home: Home,
    foreign: Callable[[int], str],
    sample: Path,
    tmp_path: Path,
) -> None:
    """Another's Prefect server on the port has no run, no log, no artifact and no event of it."""
    assert run_ptm("server", "start", **home.environment).code == 0
    store, environment = tmp_path / "artifacts", home.environment
    if configured:  # as one of another computer is
        elsewhere = {"PREFECT_HOME": str(tmp_path / "elsewhere"), "PREFECT_API_URL": home.api}
        environment = environment | elsewhere
    run = run_until_half(start, hold, sample, store, **environment)
    api = foreign(kill(home))
    time.sleep(5)
    hold.release()
    expect_lost(run.end(), api, store)
    time.sleep(5)  # a server writes events some time after they came
    assert what_it_knows(api) == dict.fromkeys([*KINDS, "events"], 0)


@pytest.mark.slow
def test_from_python(
    home: Home, hold: Hold, foreign: Callable[[int], str], sample: Path, tmp_path: Path
) -> None:
    """A call from Python raises HistoryLost, and the process tells the other server nothing."""
    store = tmp_path / "artifacts"
    code = (
        "import sys\nfrom flows.pipeline import pipeline\n"
        "from flows.running.served import HistoryLost\n"
        f"try:\n    pipeline(catalog='data/catalog.toml', data={str(sample)!r}, "
        f"artifacts={str(store)!r}, sources=['dog', 'wine_threshold'])\n"
        "except HistoryLost as error:\n    print(error)\n    sys.exit(7)\n"
    )
    assert run_ptm("server", "start", **home.environment).code == 0
    environment = os.environ | home.environment | hold.environment | SOON
    with subprocess.Popen([sys.executable, "-P", "-c", code], env=environment) as process:
        wait_until((store / "dog" / "current.json").exists, 120, "dog")
        api = foreign(kill(home))
        hold.release()
        assert process.wait(240) == 7
    time.sleep(5)
    assert what_it_knows(api) == dict.fromkeys([*KINDS, "events"], 0)


@pytest.mark.slow
def test_started_again_after_a_stranger(
    start: Start, hold: Hold, home: Home, sample: Path, tmp_path: Path
) -> None:
    """Once the stranger has gone and the own server is there again, the run's history is whole."""
    assert run_ptm("server", "start", **home.environment).code == 0
    store = tmp_path / "artifacts"
    patient = home.environment | {"PTM_PATIENCE_SECONDS": "60"}
    arguments = ("run", "dog", "wine_threshold", "--data", sample, "--artifacts", store)
    run = start(*arguments, **patient, **hold.environment)
    run.wait_for("dog: made")
    with Stranger(port=kill(home)) as stranger:
        time.sleep(3)
        stranger.shutdown()
    assert run_ptm("server", "start", **home.environment).code == 0
    hold.release()
    done = run.end()
    assert done.code == 0, done.out
    names = ["dog", "wine", "wine_threshold", "report"]
    assert states_of(home.api, flow_run_in(done.out)) == dict.fromkeys(names, "Completed")
