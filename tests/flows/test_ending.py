"""Runs that are ended before their time: Ctrl-C twice, SIGTERM; the store is whole, history too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ptm.store import verify
from tests.support.commands import Started, end_group, run_ptm, wait_until
from tests.support.machine import expect_runner
from tests.support.servers import Hold, posted, recorded, states_of

pytestmark = pytest.mark.operate
Start = Callable[..., Started]
HELD = {"wine", "temperature"}  # the table sources of the book's catalog
NAMED = ("wine_threshold", "temperature_fits", "austen")  # with what they are of, HELD
SOON = 15.0  # s in which a process that is told to end now has ended, on a busy machine too
RUNNERS = ["threads", "processes"]
CLUSTERS = [pytest.param(name, marks=pytest.mark.slow) for name in ("dask", "ray")]


def run_of(api: str, store: Path) -> str:
    """The id of the run that was told to use a store."""

    runs = posted(api, "/flow_runs/filter", {"limit": 200})
    return str(next(r["id"] for r in runs if r["parameters"].get("artifacts") == str(store)))


@pytest.mark.slow
@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize(
    ("signals", "code"),
    [((signal.SIGINT, signal.SIGINT), 130), ((signal.SIGTERM,), 143)],
    ids=["ctrl-c-twice", "sigterm"],
)
def test_ended_now(
    runner: str,
    signals: tuple[int, ...],
    code: int,
    start: Start,
    hold: Hold,
    server: str,
    sample: Path,
    tmp_path: Path,
) -> None:
    """A second Ctrl-C, or SIGTERM, ends a run now: Cancelled with its tasks, the store whole."""
    store = tmp_path / "artifacts"
    place = ("--data", sample, "--artifacts", store, "--runner", runner)
    run = start("run", *NAMED, *place, **hold.environment)
    run.wait_for("austen: made")
    for number in signals[:-1]:
        run.signal(number)
        run.wait_for("Cancelling")
        time.sleep(1)
        assert run.process.poll() is None  # what is under way is not ended
    run.signal(signals[-1])
    begun = time.monotonic()
    done = run.end()
    assert time.monotonic() - begun < SOON
    assert done.code == code, done
    assert not done.left_behind
    assert "Traceback" not in done.out
    flow_run = run_of(server, store)
    states = states_of(server, flow_run)
    assert {states[name] for name in HELD} == {"Cancelled"} and states["austen"] == "Completed"
    assert recorded(server, flow_run).flow_run["state_name"] == "Cancelled"
    assert [(each.name, each.error) for each in verify(store)] == [("austen", "")]
    hold.release()
    again = run_ptm("run", *NAMED, *place)
    assert again.code == 0, again
    assert "austen: cached" in again.out and "wine: made" in again.out
    assert "wine_threshold: made" in again.out


@pytest.mark.parametrize("runner", CLUSTERS)
def test_ended_now_on_a_cluster(
    runner: str, start: Start, hold: Hold, server: str, sample: Path, tmp_path: Path
) -> None:
    """SIGTERM ends a run on a cluster of its own too, and leaves no process of it behind."""
    expect_runner(runner)
    store = tmp_path / "artifacts"
    place = ("--data", sample, "--artifacts", store, "--runner", runner)
    run = start("run", "wine_threshold", "austen", *place, **hold.environment)
    run.wait_for("austen: made")
    run.process.send_signal(signal.SIGTERM)
    done = run.end()
    assert done.code == 143, done
    assert not done.left_behind
    flow_run = run_of(server, store)
    states = states_of(server, flow_run)
    assert states["wine"] == "Cancelled" and states["austen"] == "Completed"
    assert recorded(server, flow_run).flow_run["state_name"] == "Cancelled"


@pytest.mark.slow
def test_ctrl_c_twice_in_python(hold: Hold, server: str, sample: Path, tmp_path: Path) -> None:
    """A flow that Python calls ends at the second Ctrl-C with its workers; Python goes on."""
    store = tmp_path / "artifacts"
    code = f"""
from flows.pipeline import pipeline
from flows.running.runners import task_runner
if __name__ == "__main__":
    flow = pipeline.with_options(task_runner=task_runner("processes"))
    place = {{"catalog": {str(sample / "catalog.toml")!r}, "data": {str(sample)!r}}}
    named = {{"sources": ["wine_threshold", "austen"], "return_state": True}}
    state = flow(**place, artifacts={str(store)!r}, **named)
    print(state.type.value, "goes on")
"""
    environment = os.environ | hold.environment | {"PREFECT_API_URL": server}
    run = subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: (store / "austen" / "current.json").exists(), 90, "austen is made")
    for _ in range(2):
        time.sleep(2)
        os.killpg(run.pid, signal.SIGINT)
    out, _ = run.communicate(timeout=60)
    assert "CANCELLED goes on" in out
    assert end_group(run.pid) == []
    states = states_of(server, run_of(server, store))
    assert states.pop("austen") == "Completed"
    assert states["wine"] == "Cancelled" and set(states.values()) == {"Cancelled"}


@pytest.mark.parametrize("last", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_cancelled_in_the_dashboard(
    start: Start, hold: Hold, server: str, sample: Path, tmp_path: Path, last: bool
) -> None:
    """A run of `ptm run` that is cancelled in the dashboard ends as it does by Ctrl-C.

    Where nothing more was to begin all is made, but the server takes no other end than Cancelled.
    """
    store = tmp_path / "artifacts"
    place = ("--data", sample, "--artifacts", store)
    soon = hold.environment | {"PTM_BEAT_SECONDS": "1"}
    run = start("run", "wine" if last else "wine_threshold", "austen", *place, **soon)
    run.wait_for("austen: made")
    flow_run = run_of(server, store)
    posted(server, f"/flow_runs/{flow_run}/set_state", {"state": {"type": "CANCELLING"}})
    run.wait_for("Cancelling: ")
    hold.release()
    done = run.end()
    assert done.code == (0 if last else 130) and not done.left_behind, done
    assert "Traceback" not in done.out
    known = recorded(server, flow_run).flow_run
    assert known["state_name"] == "Cancelled"
    message = "cancelled when all 2 were made" if last else "cancelled, Ctrl-C"
    assert message in known["state"]["message"]
    rest = {"report": "Completed"} if last else {"wine_threshold": "Cancelled"}
    assert states_of(server, flow_run) == {"wine": "Completed", "austen": "Completed"} | rest
