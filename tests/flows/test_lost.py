"""Worker processes that the system kills, and sources that take too long: the others are made.

Each test ends real processes, then asks the database, the store and the exit code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import psutil
import pytest
from prefect.exceptions import ParameterTypeError

import ptm as library
from flows.pipeline import pipeline, source
from ptm.spans import told
from tasks.workers import WORKERS
from tests.support.commands import Started, call_ptm, run_ptm, wait_until
from tests.support.machine import expect_runner
from tests.support.servers import Hold, flow_run_in, recorded, states_of
from tests.support.stores import FAULTS

pytestmark = pytest.mark.operate
EACH_RUNNER = pytest.mark.parametrize(
    "runner",
    ["threads", "processes", "dask", "ray"],
)
Start = Callable[..., Started]
NAMED = ("wine_threshold", "austen", "dog")  # it is of wine, a table, which is held
# how often what makes a source is killed, and where: all of it in `make faults`
KILLS: list[tuple[int, str]] = [(1, "processes"), (2, "processes"), (1, "dask"), (2, "ray")]
if FAULTS >= 1000:
    KILLS = [*product((1, 2), ("processes", "dask", "ray"))]
OF_A_CLUSTER = [each for each in KILLS if each[1] != "processes"]


def kill(hold: Hold, worker_of_cluster: bool = False) -> None:
    """Kills the process that makes what is held; or the one that started it."""
    (call,) = wait_until(hold.waiting, 90, "a call that is held")
    assert call.name().startswith("python") and "tasks.worker" in call.cmdline()
    (call.parent() if worker_of_cluster else call).kill()
    _, alive = psutil.wait_procs([call], 10)
    assert not alive


def catalog_with(tmp_path: Path, sample: Path, source: str, option: str) -> Path:
    """The book's catalog with one more option of a source."""
    text = (sample / "catalog.toml").read_text()
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(text.replace(f"[{source}]\n", f"[{source}]\n{option}\n", 1))
    return catalog


@pytest.mark.slow
@pytest.mark.parametrize(("kills", "runner"), KILLS)
def test_a_killed_worker(
    runner: str, kills: int, start: Start, hold: Hold, server: str, sample: Path, tmp_path: Path
) -> None:
    """Killed once, a source is made all the same; twice, it fails by name; the others are made."""
    expect_runner(runner)
    store = tmp_path / "artifacts"
    options = ("--data", sample, "--artifacts", store, "--runner", runner)
    run = start("run", *NAMED, *options, **hold.environment)
    run.wait_for("austen: made")
    run.wait_for("dog: made")
    for _ in range(kills):
        kill(hold)
    hold.release()
    done = run.end()
    assert not done.left_behind
    states = states_of(server, flow_run_in(done.out))
    rest = {"austen": "Completed", "dog": "Completed", "report": "Completed"}
    if kills == 1:
        assert done.code == 0, done
        assert states == {"wine": "Completed", "wine_threshold": "Completed"} | rest
        library.load("wine", store)
    else:
        assert done.code == 1, done
        assert states == {"wine": "Failed", "wine_threshold": "Skipped"} | rest
        words = " ".join(done.out.split())
        assert "failed wine: expected a process that makes it, got: its process was" in words
        assert "killed by signal 9 (SIGKILL), at" in words and "out of memory?" in words
        message = recorded(server, flow_run_in(done.out)).tasks["wine"]["state"]["message"]
        assert "SIGKILL" in message
        assert not (store / "wine" / "current.json").exists()
    for name in ("austen", "dog"):
        library.load(name, store)


@pytest.mark.slow
@pytest.mark.parametrize(("kills", "runner"), OF_A_CLUSTER)
def test_a_killed_worker_of_a_cluster(
    runner: str, kills: int, start: Start, hold: Hold, server: str, sample: Path, tmp_path: Path
) -> None:
    """So it is where the process of the cluster that runs the task is killed."""
    expect_runner(runner)
    store = tmp_path / "artifacts"
    options = ("--data", sample, "--artifacts", store, "--runner", runner)
    run = start("run", *NAMED, *options, **hold.environment)
    run.wait_for("austen: made")
    run.wait_for("dog: made")
    for _ in range(kills):
        kill(hold, worker_of_cluster=True)
    hold.release()
    done = run.end()
    assert not done.left_behind
    states = states_of(server, flow_run_in(done.out))
    # Dask makes again what a worker that was killed had made: it is found in the store
    states = {name: "Completed" if end == "Cached" else end for name, end in states.items()}
    rest = {"austen": "Completed", "dog": "Completed", "report": "Completed"}
    assert done.code == (0 if kills == 1 else 1), done
    if kills == 1:
        assert states == {"wine": "Completed", "wine_threshold": "Completed"} | rest
    else:
        # what is of one that was lost may never have become known to the server
        assert states.pop("wine_threshold", "Skipped") == "Skipped"
        assert states == {"wine": "Failed"} | rest
        words = " ".join(done.out.split())
        assert "failed wine: expected a worker that makes it, got: its worker was lost" in words
        assert "wine_threshold wine was not made skipped" in words
        assert not (store / "wine" / "current.json").exists()
    for name in ("austen", "dog"):
        library.load(name, store)


@EACH_RUNNER
@pytest.mark.slow
def test_a_source_that_takes_too_long(
    runner: str, hold: Hold, server: str, sample: Path, tmp_path: Path
) -> None:
    """A source over its `timeout` fails with the time said, and no more tries; others are made."""
    expect_runner(runner)
    store = tmp_path / "artifacts"
    catalog = catalog_with(tmp_path, sample, "wine", 'timeout = "4s"')
    place = ("--data", sample, "--artifacts", store)
    options = ("--catalog", catalog, *place, "--runner", runner)
    done = run_ptm("run", *NAMED, *options, **hold.environment)
    assert done.code == 1, done
    assert not done.left_behind
    assert "failed wine: expected to be made within 4 s, it was not: ended" in done.words
    known = recorded(server, flow_run_in(done.out))
    assert states_of(server, flow_run_in(done.out)) == {
        "wine": "Failed",
        "wine_threshold": "Skipped",
        "austen": "Completed",
        "dog": "Completed",
        "report": "Completed",
    }
    assert known.tasks["wine"]["run_count"] == 1
    hold.release()
    again = call_ptm("run", *NAMED, *place)  # with the sample's own catalog: no timeout
    assert again.code == 0, again
    assert "austen: cached" in again.out and "wine: made" in again.out


@pytest.mark.parametrize("runner", ["threads", "processes", "dask", *["ray"] * (FAULTS >= 1000)])
@pytest.mark.slow
def test_a_run_that_takes_too_long(
    runner: str, hold: Hold, server: str, sample: Path, tmp_path: Path
) -> None:
    """With the time of a run over, what goes on is ended; the run ends, its history is whole."""
    expect_runner(runner)
    store = tmp_path / "artifacts"
    span = 40 if runner in ("threads", "processes") else 120  # workers start, austen is made
    options = ("--data", sample, "--artifacts", store, "--runner", runner, "--timeout", f"{span}s")
    begun = time.monotonic()
    done = run_ptm(
        "run", "wine_threshold", "temperature_fits", "austen", *options, **hold.environment
    )
    assert time.monotonic() - begun < span + 75
    assert done.code == 1, done
    assert not done.left_behind
    for name in ("wine", "temperature"):
        text = f"failed {name}: expected to be made within the {told(span)} of the run, it was not"
        assert text in done.words
    assert states_of(server, flow_run_in(done.out)) == {
        "wine": "Failed",
        "temperature": "Failed",
        "wine_threshold": "Skipped",
        "temperature_fits": "Skipped",
        "austen": "Completed",
        "report": "Completed",
    }
    flow_run = recorded(server, flow_run_in(done.out)).flow_run
    assert flow_run["state_name"] == "Failed"
    assert f"the {told(span)} of the run" in flow_run["state"]["message"]
    assert not [file for file in Path("/tmp").glob("ptm-*.room") if flow_run["id"] in file.name]


@pytest.mark.parametrize("given", ["0", "-3s", "soon", "1e999"])
def test_a_timeout_that_is_none(given: str, sample: Path, tmp_path: Path) -> None:
    """A time that is none is wrong usage: exit code 2, with what one looks like."""
    place = ("--data", sample, "--artifacts", tmp_path / "artifacts")
    done = call_ptm("run", *place, "--timeout", given)
    assert done.code == 2
    assert "90s, 10m, 2h" in done.words and given in done.words


@pytest.mark.usefixtures("server")
@pytest.mark.slow
def test_a_flow_that_takes_too_long(
    hold: Hold, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`timeout` is a parameter of the flows: from Python a number of seconds will do."""
    for name, value in hold.environment.items():
        monkeypatch.setenv(name, value)
    WORKERS.end_idle()
    place = {"catalog": str(sample / "catalog.toml"), "data": str(sample)}
    place["artifacts"] = str(tmp_path / "artifacts")
    state = pipeline(**place, sources=["wine_threshold", "austen"], timeout=15, return_state=True)
    outcome = state.result(raise_on_failure=False).outcome
    assert list(outcome.made) == ["austen"] and list(outcome.skipped) == ["wine_threshold"]
    text = "wine: expected to be made within the 15 s of the run, it was not: ended"
    assert outcome.failed == {"wine": text}
    state = source("wine_threshold", **place, timeout="3s", return_state=True)
    text = "wine: expected to be made within the 3 s of the run, it was not: ended"
    outcome = state.result(raise_on_failure=False).outcome
    assert outcome.failed == {"wine": text} and list(outcome.skipped) == ["wine_threshold"]


@pytest.mark.usefixtures("server")
def test_a_parameter_that_is_no_time(sample: Path) -> None:
    """A `timeout` that is none is refused before anything runs, with what one looks like."""
    with pytest.raises(ParameterTypeError, match="expected a time above 0 as 90s, 10m, 2h"):
        pipeline(data=str(sample), timeout="soon")
