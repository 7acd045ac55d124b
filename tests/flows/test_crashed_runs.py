"""What really happens: Ctrl-C, a server that is lost or starts again, a served run that is killed.

Each test ends real processes, then asks the database, the store and the exit code.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

import ptm as library
from ptm.store import verify
from tests.support.commands import Started, run_ptm, wait_until
from tests.support.servers import (
    Hold,
    Home,
    flow_run_in,
    posted,
    recorded,
    served_run,
    states_of,
)

pytestmark = pytest.mark.operate
Start = Callable[..., Started]
# signs of life and patience shorter than usual, in seconds: so short is the wait for what follows
BEAT, PATIENCE = 5, 10
SOON = {"PTM_BEAT_SECONDS": str(BEAT), "PTM_PATIENCE_SECONDS": str(PATIENCE)}
HELD = {"wine", "temperature"}  # the table sources of the book's catalog
FREE = ["dog", "cats", "ct", "bikes", "austen"]
ANALYSES = {"wine_threshold", "temperature_fits"}


def expect_whole(store: Path, names: list[str]) -> None:
    """Each of these artifacts is there, and no byte of the store is damaged."""
    for name in names:
        library.load(name, store)
    findings = verify(store)
    assert sorted(finding.name for finding in findings) == sorted(names)
    assert not [finding for finding in findings if finding.error]


def expect_rest_is_made(sample: Path, store: Path, there: list[str], environment: Any) -> str:
    """A run makes all that was not there, and nothing else; its id."""
    done = run_ptm("run", "--data", sample, "--artifacts", store, **environment)
    assert done.code == 0, done
    lines = [line.split(": ") for line in done.out.splitlines() if ": made in" in line]
    assert {line[0] for line in lines} == {*FREE, *HELD, *ANALYSES} - {*there}
    return flow_run_in(done.out)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """An empty store."""
    return tmp_path / "artifacts"


@pytest.mark.slow
def test_ctrl_c(start: Start, hold: Hold, server: str, sample: Path, store: Path) -> None:
    """Ctrl-C lets end what is under way, begins nothing more, marks the run Cancelled: code 130."""
    run = start("run", "--data", sample, "--artifacts", store, **hold.environment)
    for name in FREE:
        run.wait_for(f"{name}: made")
    run.signal(signal.SIGINT)
    run.wait_for("Cancelling")
    hold.release()
    done = run.end()
    assert done.code == 130
    assert not done.left_behind
    assert "Traceback" not in done.out
    again = f"ptm run --data {sample} --artifacts {store}"
    assert done.out.splitlines()[-1] == f"Cancelled. Go on with: {again}"
    flow_run = flow_run_in(done.out)
    states = states_of(server, flow_run)
    assert states == dict.fromkeys([*FREE, *HELD], "Completed") | dict.fromkeys(
        ANALYSES, "Cancelled"
    )
    recorded_run = recorded(server, flow_run).flow_run
    assert recorded_run["state_name"] == "Cancelled"
    assert "temperature_fits: cancelled" in recorded_run["state"]["message"]
    expect_whole(store, [*FREE, *HELD])
    expect_rest_is_made(sample, store, [*FREE, *HELD], {})


@pytest.mark.slow
def test_ctrl_c_with_processes(
    start: Start, hold: Hold, server: str, sample: Path, store: Path
) -> None:
    """Ctrl-C in a run on processes marks it Cancelled too, and leaves no process behind."""
    run = start(
        *("run", "--data", sample, "--artifacts", store, "--runner", "processes"),
        **hold.environment,
    )
    run.wait_for("austen: made")
    run.wait_for("bikes: made")
    run.signal(signal.SIGINT)
    time.sleep(2)  # what is held gets the signal in the middle
    hold.release()
    done = run.end()
    assert done.code == 130, done
    assert not done.left_behind
    flow_run = flow_run_in(done.out)
    assert recorded(server, flow_run).flow_run["state_name"] == "Cancelled"
    states = states_of(server, flow_run)
    made = [name for name in [*FREE, *HELD] if (store / name / "current.json").exists()]
    assert {"austen", "bikes"} <= {*made}
    assert {states[name] for name in FREE if name in made} == {"Completed"}
    expect_whole(store, made)
    expect_rest_is_made(sample, store, made, {})


@pytest.mark.slow
def test_server_lost_on_the_way(
    start: Start, hold: Hold, home: Home, sample: Path, store: Path
) -> None:
    """A run that loses the server makes and publishes all, says what is missing, ends with 1."""
    environment = home.environment | hold.environment | SOON
    run = start("run", "--data", sample, "--artifacts", store, **environment)
    run.wait_for("bikes: made")
    psutil.Process(home.pid).kill()
    hold.release()
    done = run.end(seconds=300)
    assert done.code == 1
    assert not done.left_behind
    words = " ".join(done.out.split())
    assert "the Prefect server was lost on the way" in words
    assert "its history in the dashboard is incomplete" in words
    assert "Traceback" not in done.out and "Error logging" not in done.out
    expect_whole(store, [*FREE, *HELD, *ANALYSES])
    again = expect_rest_is_made(sample, store, [*FREE, *HELD, *ANALYSES], home.environment)
    assert set(states_of(home.api, again).values()) == {"Cached", "Completed"}


@pytest.mark.slow
def test_server_starts_again_on_the_way(
    start: Start, hold: Hold, home: Home, sample: Path, store: Path
) -> None:
    """A server that is killed in the middle of a run and started again has all of its history."""
    run = start(
        *("run", "--data", sample, "--artifacts", store), **home.environment, **hold.environment
    )
    run.wait_for("bikes: made")
    psutil.Process(home.pid).kill()
    assert run_ptm("server", "start", **home.environment).code == 0
    hold.release()
    done = run.end(seconds=300)
    assert done.code == 0, done.out
    flow_run = flow_run_in(done.out)
    expected = dict.fromkeys([*FREE, *HELD, *ANALYSES, "report"], "Completed")
    assert states_of(home.api, flow_run) == expected
    assert recorded(home.api, flow_run).flow_run["state_name"] == "Completed"


def state_of(api: str, flow_run: str) -> str:
    """The name of the state of a run."""
    return str(recorded(api, flow_run).flow_run["state_name"])


def state_names(api: str, flow_run: str) -> list[str]:
    """The names of the states that a run went through."""
    asked = {"flow_run_id": flow_run}
    states = httpx.get(f"{api}/flow_run_states/", params=asked, timeout=30).json()
    return [state["name"] for state in sorted(states, key=lambda state: state["timestamp"])]


@pytest.fixture
def serving(
    start: Start, hold: Hold, home: Home, sample: Path, store: Path
) -> Iterator[Callable[[], Started]]:
    """Starts `ptm serve` of the sample, whose table sources are held."""

    # else it would be a child of the first `ptm serve`, and be killed with its children
    assert run_ptm("server", "start", **home.environment).code == 0

    def begin() -> Started:
        options = ("--data", sample, "--artifacts", store)
        serve = start("serve", *options, **home.environment, **hold.environment, **SOON)
        serve.wait_for("Stop with Ctrl-C")
        return serve

    yield begin


def expect_started(home: Home, flow_run: str, store: Path) -> None:
    """Waits until a run has made what is not held."""
    wait_until(
        lambda: all((store / name / "current.json").exists() for name in FREE),
        120,
        f"{flow_run} makes what is not held",
    )
    assert state_of(home.api, flow_run) == "Running"


@pytest.mark.slow
@pytest.mark.parametrize("server_too", [False, True], ids=["", "and-the-server"])
def test_killed_with_all_that_knew_of_it(
    serving: Callable[[], Started],
    start: Start,
    hold: Hold,
    home: Home,
    sample: Path,
    store: Path,
    tmp_path: Path,
    server_too: bool,
) -> None:
    """Killed at once with `ptm serve`, a run is Crashed within minutes; the next makes the rest.

    Its task runs are closed by that next run, and the place that it held is free again. A run that
    lives as long as that stays Running, even where the server was down for longer than that.
    """
    serve = serving()
    other = ("run", "temperature_fits", "--data", sample, "--artifacts", tmp_path / "other")
    living = start(*other, **home.environment, **hold.environment, **SOON)
    dead = served_run(home.api, "pipeline")["id"]
    expect_started(home, dead, store)
    for process in (
        psutil.Process(serve.process.pid),
        *psutil.Process(serve.process.pid).children(recursive=True),
    ):
        process.kill()
    serve.process.wait()
    if server_too:
        psutil.Process(home.pid).kill()
        time.sleep(6 * BEAT + 70)  # a minute longer than that Prefect forgets by itself
        assert run_ptm("server", "start", **home.environment).code == 0
    wait_until(lambda: state_of(home.api, dead) == "Crashed", 300, "Crashed for want of a beat")
    assert "No sign of life" in recorded(home.api, dead).flow_run["state"]["message"]
    hold.release()
    expect_whole(store, FREE)
    done = living.end()
    assert done.code == 0, done
    states_of(home.api, flow_run_in(done.out))
    seen = state_names(home.api, flow_run_in(done.out))
    assert seen[-1] == "Completed"
    assert server_too or "Crashed" not in seen
    serving()
    again = served_run(home.api, "pipeline")["id"]
    ended = ("Completed", "Cancelled", "Failed", "Crashed")
    wait_until(lambda: state_of(home.api, again) in ended, 180)
    assert states_of(home.api, again) == (
        dict.fromkeys(FREE, "Cached") | dict.fromkeys([*HELD, *ANALYSES, "report"], "Completed")
    )
    states = states_of(home.api, dead)  # terminal, each of them
    assert {states[name] for name in HELD} == {"Crashed"}
    assert server_too or {states[name] for name in FREE} == {"Completed"}
    expect_whole(store, [*FREE, *HELD, *ANALYSES])


@pytest.mark.slow
def test_killed_alone(
    serving: Callable[[], Started], hold: Hold, home: Home, sample: Path, store: Path
) -> None:
    """A run whose process alone is killed is Crashed at once; `ptm serve` goes on to the next."""
    serve = serving()
    dead = served_run(home.api, "pipeline")["id"]
    expect_started(home, dead, store)
    for process in psutil.Process(serve.process.pid).children(recursive=True):
        process.kill()
    wait_until(lambda: state_of(home.api, dead) == "Crashed", 60, "Crashed, as its parent saw it")
    hold.release()
    again = served_run(home.api, "pipeline")["id"]
    wait_until(lambda: state_of(home.api, again) == "Completed", 180)
    states = states_of(home.api, again)
    assert {states[name] for name in FREE} == {"Cached"}
    serve.signal(signal.SIGINT)
    assert serve.end().code == 0


def fired(api: str) -> list[str]:
    """The runs on which an automation acted or tried to, by what the server says of it."""
    wanted = {"filter": {"event": {"prefix": ["prefect.automation.action"]}}, "limit": 50}
    events = posted(api, "/events/filter", wanted)["events"]
    return [
        each["resource.id"] if "resource.id" in each else each["prefect.resource.id"]
        for event in events
        for each in event["related"]
        if each["prefect.resource.id"].startswith("prefect.flow-run.")
    ]


QUICK = {"PTM_BEAT_SECONDS": "1"}  # silence of ten seconds is death


@pytest.mark.slow
def test_the_dead_alone_are_crashed(
    start: Start, hold: Hold, home: Home, sample: Path, store: Path
) -> None:
    """No automation acts on a run that is completed, however long it was."""
    run = start(
        *("run", "temperature_fits", "--data", sample, "--artifacts", store),
        **home.environment,
        **hold.environment,
        **QUICK,
    )
    run.wait_for("Prefect server: ")
    time.sleep(25)  # more than two times what counts as silence
    hold.release()
    done = run.end()
    assert done.code == 0
    flow_run = flow_run_in(done.out)
    states_of(home.api, flow_run)
    time.sleep(25)  # the server looks each five seconds
    assert state_names(home.api, flow_run)[-1] == "Completed"
    assert not [each for each in fired(home.api) if flow_run in each]


def killed_at_birth(api: str, kill: Callable[[], None]) -> str:
    """Kills as soon as the server knows of a run; its id."""
    deadline = time.monotonic() + 120
    young: list[dict[str, Any]] = []
    while not young:
        assert time.monotonic() < deadline
        known = posted(api, "/flow_runs/filter", {"limit": 5})
        young = [run for run in known if run["state_type"] in ("PENDING", "RUNNING")]
        time.sleep(0.02)
    kill()
    flow_run: str = young[0]["id"]
    return flow_run


@pytest.mark.slow
@pytest.mark.parametrize("served", [False, True], ids=["run", "serve"])
def test_killed_in_its_first_second(
    start: Start, hold: Hold, home: Home, sample: Path, store: Path, served: bool
) -> None:
    """A run that is killed as soon as it is there is found dead as any other."""
    assert run_ptm("server", "start", **home.environment).code == 0
    options = ("--data", sample, "--artifacts", store)
    environment = home.environment | hold.environment | QUICK
    words = ("serve",) if served else ("run", "temperature_fits")
    process = start(*words, *options, **environment)
    if served:
        process.wait_for("Stop with Ctrl-C")
        served_run(home.api, "source", source="temperature_fits")

    def kill() -> None:
        for each in (
            psutil.Process(process.process.pid),
            *psutil.Process(process.process.pid).children(recursive=True),
        ):
            each.kill()

    dead = killed_at_birth(home.api, kill)
    wait_until(lambda: state_of(home.api, dead) == "Crashed", 60, "Crashed for want of a beat")
    assert "No sign of life" in recorded(home.api, dead).flow_run["state"]["message"]
    wait_until(lambda: any(dead in each for each in fired(home.api)), 30, "the automation says so")
