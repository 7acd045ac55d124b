"""Operating `ptm serve`: who serves what, in which order, how it stops, what it refuses to run.

Everything is real: two of them on one server, signals, kills, edited deployments.
"""

from __future__ import annotations

import configparser
import re
import shlex
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate

from flows.serving.dispatch import END_SECONDS
from ptm.spans import seconds_of
from tests.support.commands import Started, run_ptm, wait_until
from tests.support.machine import ROOT
from tests.support.servers import Hold, deployment, recorded, served_run, states_of
from tests.support.serving import (
    becomes,
    begin_serving,
    final,
    lay_out_tables,
    runs_of,
    write_tables,
)

pytestmark = pytest.mark.operate
Serve = Callable[..., Started]


@pytest.fixture
def client(server: str) -> Iterator[SyncPrefectClient]:
    """A client of the server of the tests."""
    assert server
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def serve(server: str, tmp_path: Path) -> Iterator[Serve]:
    """Serves a folder; what is left of that is ended with the test."""
    assert server
    started: list[Started] = []

    def begin(place: Path, *options: str, **environment: str) -> Started:
        out = tmp_path / f"serve-{len(started)}.txt"
        started.append(begin_serving(out, place, *options, **environment))
        return started[-1]

    yield begin
    for each in started:
        each.kill()


def stop(served: Started) -> str:
    """Ends it by Ctrl-C, which gives code 0; what it had said."""
    served.signal(signal.SIGINT)
    done = served.end()
    assert done.code == 0 and not done.left_behind, done
    return done.out


@pytest.mark.slow
def test_nothing_that_is_asked_for_is_dropped(serve: Serve, server: str, tmp_path: Path) -> None:
    """Of three sources asked for at once all three are made, each of three times."""
    names = ["a", "b", "c"]
    place = lay_out_tables(tmp_path / "place", "asked", *names)
    served = serve(place)
    for _ in range(3):
        with ThreadPoolExecutor(3) as pool:
            asked = pool.map(lambda name: served_run(server, "source", "asked", source=name), names)
        ends = [final(server, run["id"]) for run in asked]
        assert [run["state_name"] for run in ends] == ["Completed"] * 3
    for name in names:
        assert (place / "artifacts" / name / "current.json").exists()
    stop(served)


@pytest.mark.slow
def test_one_run_of_each_source_at_a_time(
    serve: Serve, server: str, tmp_path: Path, hold: Hold
) -> None:
    """Runs of one source go one after the other in the order in which they were asked for."""
    served = serve(lay_out_tables(tmp_path / "place", "order", "a", "b"), **hold.environment)
    first = served_run(server, "source", "order", source="a")
    becomes(server, first["id"], "Running")
    others = [served_run(server, "source", "order", source="a") for _ in range(2)]
    beside = served_run(server, "source", "order", source="b")
    becomes(server, beside["id"], "Running")
    for other in others:
        run = becomes(server, other["id"], "Queued")
        assert "waits for the run of source a before it" in run["state"]["message"]
    hold.release()
    runs = [final(server, run["id"]) for run in (first, *others)]
    assert [run["state_name"] for run in runs] == ["Completed"] * 3
    assert runs[0]["end_time"] < runs[1]["start_time"] < runs[1]["end_time"]
    assert runs[1]["end_time"] < runs[2]["start_time"]
    stop(served)


@pytest.mark.slow
def test_one_serve_for_each_catalog(serve: Serve, server: str, tmp_path: Path) -> None:
    """A second one of the same name is refused with who serves it; one of another name is not."""
    served = serve(lay_out_tables(tmp_path / "place", "alone", "a"), "--every", "1h")
    other = lay_out_tables(tmp_path / "other", "alone", "b")
    options = ("--catalog", other / "data/catalog.toml", "--data", other / "data")
    done = run_ptm("serve", *options, cwd=other)
    assert done.code == 1 and "Traceback" not in done.words
    holder = f"on {socket.gethostname()}, process {served.process.pid}, since "
    assert holder in done.words and f"of {tmp_path / 'place/data/catalog.toml'}" in done.words
    assert "expected to serve the catalog 'alone' alone" in done.words
    known = deployment(server, "source", "alone")
    assert known["parameters"]["data"] == str(tmp_path / "place/data")
    assert not known["paused"] and deployment(server, "pipeline", "alone")["schedules"]
    write_tables(other, "beside", "b")
    beside = serve(other)
    for catalog, place in (("alone", tmp_path / "place"), ("beside", other)):
        assert deployment(server, "source", catalog)["parameters"]["data"] == str(place / "data")
    run = served_run(server, "source", "beside", source="b")
    assert final(server, run["id"])["state_name"] == "Completed"
    assert (other / "artifacts/b/current.json").exists()
    stop(beside)
    stop(served)


@pytest.mark.slow
def test_two_catalogs_side_by_side(serve: Serve, server: str, tmp_path: Path) -> None:
    """Two schedules go beside each other for three times each: no run is in the other's name."""
    places = {
        name: lay_out_tables(tmp_path / name, name, f"of_{name}") for name in ("left", "right")
    }
    serves = [serve(place, "--every", "30s") for place in places.values()]
    wait_until(
        lambda: all(len(runs_of(server, "pipeline", name)) >= 3 for name in places),
        310,
        "three times of each",
    )
    for each in serves:
        stop(each)
    for name, place in places.items():
        runs = runs_of(server, "pipeline", name)
        for run in runs:
            assert run["state_name"] == "Completed", run["state"]
            assert run["parameters"]["catalog"] == str(place / "data/catalog.toml")
            assert run["name"].startswith(f"{name}-")
            assert states_of(server, run["id"]).keys() == {f"of_{name}", "report"}
        made = {path.name for path in (place / "artifacts").iterdir() if path.is_dir()}
        assert f"of_{name}" in made and not any(f"of_{x}" in made for x in places if x != name)


@pytest.mark.slow
def test_the_name_of_a_dead_one_is_free(serve: Serve, tmp_path: Path) -> None:
    """A serve that was killed keeps its name no longer than it lived."""
    place = lay_out_tables(tmp_path / "place", "dead", "a")
    dead = serve(place)
    dead.process.kill()
    dead.process.wait()
    stop(serve(place))


@pytest.mark.slow
def test_names_of_a_work_pool(client: SyncPrefectClient, tmp_path: Path, serve: Serve) -> None:
    """A name that a work pool has is refused, with the pool."""
    client.create_work_pool(WorkPoolCreate(name="workers", type="process"))
    place = lay_out_tables(tmp_path / "place", "pooled", "a")
    stop(serve(place))
    known = client.read_deployment_by_name("source/pooled")
    client.update_deployment(known.id, DeploymentUpdate(work_pool_name="workers"))
    options = ("--catalog", place / "data/catalog.toml", "--data", place / "data")
    done = run_ptm("serve", *options, cwd=place)
    assert done.code == 1
    assert "the work pool 'workers' has this deployment" in done.words
    kept = client.read_deployment_by_name("source/pooled")
    assert kept.work_pool_name == "workers" and kept.id == known.id


@pytest.mark.slow
def test_a_deployment_that_a_work_pool_takes(
    client: SyncPrefectClient, serve: Serve, server: str, tmp_path: Path
) -> None:
    """Where `prefect deploy` takes a deployment over, serving ends, and its runs are left alone."""
    client.create_work_pool(WorkPoolCreate(name="takers", type="process"))
    served = serve(lay_out_tables(tmp_path / "place", "taken", "a"))
    known = client.read_deployment_by_name("source/taken")
    client.update_deployment(known.id, DeploymentUpdate(work_pool_name="takers"))
    run = served_run(server, "source", "taken", source="a")
    done = served.end()
    assert done.code == 1 and "the work pool 'takers' has taken over" in done.out
    assert recorded(server, run["id"]).flow_run["state_type"] == "SCHEDULED"
    assert not client.read_deployment(known.id).paused


@pytest.mark.slow
def test_a_deployment_that_was_deleted(
    client: SyncPrefectClient, serve: Serve, server: str, tmp_path: Path
) -> None:
    """A deployment that somebody deletes while it is served is there again."""
    served = serve(lay_out_tables(tmp_path / "place", "deleted", "a"))
    client.delete_deployment(client.read_deployment_by_name("source/deleted").id)
    served.wait_for("source/deleted was deleted: it is there again", 60)
    run = served_run(server, "source", "deleted", source="a")
    assert final(server, run["id"])["state_name"] == "Completed"
    stop(served)


@pytest.mark.slow
def test_older_deployments_go(client: SyncPrefectClient, tmp_path: Path, serve: Serve) -> None:
    """Deployments that a version before named after their flows are taken away."""
    from flows.pipeline import pipeline, source

    for flow in (pipeline, source):
        flow.to_deployment(name=flow.name, tags=["ptm"]).apply()
    client.read_deployment_by_name("pipeline/pipeline")
    stop(serve(lay_out_tables(tmp_path / "place", "newer", "a")))
    left = {f"{each.name}" for each in client.read_deployments()}
    assert not left & {"pipeline", "source"} and "newer" in left


@pytest.mark.slow
def test_what_the_catalog_has_is_served(serve: Serve, server: str, tmp_path: Path) -> None:
    """Entries that come into the catalog can be asked for; flows are there that have their own."""
    place = lay_out_tables(tmp_path / "place", "growing", "a", "wine")
    served = serve(place)
    assert not deployment(server, "wine", "growing"), "it is of wine_threshold"
    assert not deployment(server, "temperature", "growing")
    threshold = '[wine_threshold]\nkind = "threshold"\nof = "wine"\n'
    write_tables(place, "growing", "a", "fresh", "wine", more=threshold)
    served.wait_for("The catalog has changed: a, fresh, wine, wine_threshold", 20)
    assert deployment(server, "wine", "growing")
    assert not deployment(server, "temperature", "growing")
    run = served_run(server, "source", "growing", source="fresh")
    assert final(server, run["id"])["state_name"] == "Completed"
    (place / "data/catalog.toml").write_text("[fresh]\nkind = 'nosuch'\n")
    served.wait_for("is not valid", 20)
    write_tables(place, "growing", "a")
    served.wait_for("The catalog has changed: a\n", 20)
    assert not deployment(server, "wine", "growing")
    stop(served)


@pytest.mark.slow
def test_places_beyond_the_roots(serve: Serve, server: str, tmp_path: Path) -> None:
    """A run may name catalogs, data and artifacts below the roots only."""
    place = lay_out_tables(tmp_path / "place", "rooted", "a")
    (beyond := tmp_path / "beyond").mkdir()
    (place / "artifacts").mkdir()
    (place / "artifacts" / "link").symlink_to(beyond)
    served = serve(place, "--roots", str(place / "data"), str(place / "artifacts"))
    for wrong in (
        {"artifacts": str(beyond)},
        {"artifacts": str(place / "artifacts" / ".." / ".." / "beyond")},
        {"artifacts": str(place / "artifacts" / "link")},
        {"data": "/"},
        {"catalog": str(beyond / "catalog.toml")},
    ):
        run = final(server, served_run(server, "source", "rooted", source="a", **wrong)["id"])
        assert run["state_name"] == "Failed"
        assert "Refused by ptm serve" in run["state"]["message"]
        assert f"{next(iter(wrong))}: expected a path below {place}" in run["state"]["message"]
    assert not list(beyond.iterdir())
    below = str(place / "artifacts" / "more")
    run = served_run(server, "source", "rooted", source="a", artifacts=below)
    assert final(server, run["id"])["state_name"] == "Completed"
    stop(served)


@pytest.mark.slow
def test_a_deployment_that_was_edited(
    client: SyncPrefectClient, serve: Serve, server: str, tmp_path: Path
) -> None:
    """Code that somebody wrote into a deployment is not run."""
    place = lay_out_tables(tmp_path / "place", "edited", "a")
    served, marker = serve(place), tmp_path / "marker"
    code = tmp_path / "evil.py"
    code.write_text(
        "from pathlib import Path\nfrom prefect import flow\n"
        f"Path({str(marker)!r}).touch()\n@flow\ndef source(**_): pass\n"
    )
    known = client.read_deployment_by_name("source/edited")
    own = known.entrypoint
    steps = [{"prefect.deployments.steps.run_shell_script": {"script": f"touch {marker}"}}]
    for edit, named in (
        (DeploymentUpdate(entrypoint=f"{code}:source"), f"got '{code}:source'"),
        (DeploymentUpdate(entrypoint=own, pull_steps=steps), "pull steps: expected none, got 1"),
    ):
        client.update_deployment(known.id, edit)
        run = final(server, served_run(server, "source", "edited", source="a")["id"])
        assert run["state_name"] == "Failed"
        assert "was changed to run something else" in run["state"]["message"]
        assert named in run["state"]["message"]
    assert not marker.exists() and not (place / "artifacts").exists()
    stop(served)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_goes_on_may_end(
    serve: Serve, server: str, tmp_path: Path, hold: Hold, number: int
) -> None:
    """At SIGTERM, and at Ctrl-C, no new run begins, and the one that goes on is made."""
    name = f"end{int(number)}"
    served = serve(lay_out_tables(tmp_path / "place", name, "a", "b"), **hold.environment)
    going = served_run(server, "source", name, source="a")
    becomes(server, going["id"], "Running")
    served.signal(number)  # to its run as well, as systemd and a terminal do
    served.wait_for("Stopping: ")
    later = served_run(server, "source", name, source="b")
    time.sleep(3)
    hold.release()
    assert final(server, going["id"])["state_name"] == "Completed"
    done = served.end()
    assert done.code == 0 and not done.left_behind, done
    assert recorded(server, later["id"]).flow_run["state_type"] == "SCHEDULED"
    assert (tmp_path / "place/artifacts/a/current.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_has_just_begun_may_end(
    serve: Serve, server: str, tmp_path: Path, number: int
) -> None:
    """A run whose process cannot heed a signal yet, as it only just began, is made too."""
    name = f"young{int(number)}"
    served = serve(lay_out_tables(tmp_path / "place", name, "a"))
    young = served_run(server, "source", name, source="a")
    served.wait_for("source a: begins")
    served.signal(number)
    done = served.end()
    assert done.code == 0 and not done.left_behind, done
    assert recorded(server, young["id"]).flow_run["state_name"] == "Completed"


@pytest.mark.slow
@pytest.mark.parametrize("signals", [1, 2], ids=["grace-is-over", "a-second-signal"])
def test_what_does_not_end_is_cancelled(
    serve: Serve, server: str, tmp_path: Path, hold: Hold, signals: int
) -> None:
    """After the grace time, or with a second signal, what goes on is Cancelled, task runs too."""
    name = f"cancel{signals}"
    place = lay_out_tables(tmp_path / "place", name, "a")
    grace = "5s" if signals == 1 else "10m"
    served = serve(place, "--grace", grace, **hold.environment)
    going = served_run(server, "source", name, source="a")
    wait_until(lambda: recorded(server, going["id"]).tasks, 60, "its task")
    served.process.send_signal(signal.SIGTERM)
    served.wait_for("Stopping: ")
    if signals == 2:
        served.process.send_signal(signal.SIGTERM)
    begin = time.monotonic()
    done = served.end()
    assert done.code == 0 and not done.left_behind, done
    assert time.monotonic() - begin < 40
    assert recorded(server, going["id"]).flow_run["state_name"] == "Cancelled"
    assert set(states_of(server, going["id"]).values()) == {"Cancelled"}
    assert not (place / "artifacts/a/current.json").exists()


@pytest.mark.slow
def test_cancelled_in_the_dashboard(
    client: SyncPrefectClient, serve: Serve, server: str, tmp_path: Path, hold: Hold
) -> None:
    """A run that is cancelled in the dashboard ends, and the next one of its source begins."""
    from prefect.states import Cancelling

    served = serve(lay_out_tables(tmp_path / "place", "stopped", "a"), **hold.environment)
    first = served_run(server, "source", "stopped", source="a")
    becomes(server, first["id"], "Running")
    second = served_run(server, "source", "stopped", source="a")
    becomes(server, second["id"], "Queued")
    client.set_flow_run_state(first["id"], Cancelling())
    assert final(server, first["id"], 90)["state_name"] == "Cancelled"
    becomes(server, second["id"], "Running")
    hold.release()
    assert final(server, second["id"])["state_name"] == "Completed"
    stop(served)


@pytest.mark.slow
def test_missed_times(serve: Serve, server: str, tmp_path: Path, hold: Hold) -> None:
    """Of the times that came while nobody served, one run catches up for all, and says so."""
    place = lay_out_tables(tmp_path / "place", "missed", "a")
    dead = serve(place, "--every", "10s")
    wait_until(lambda: runs_of(server, "pipeline", "missed"), 60, "a first run")
    for process in (dead.process, *psutil.Process(dead.process.pid).children(recursive=True)):
        process.kill()
    dead.process.wait()
    killed = time.time()
    time.sleep(45)
    served = serve(place, "--every", "1h")
    served.wait_for("Missed: ", 30)
    assert re.search(r"Missed: .*; the run of [\d: -]+ is made for all of them", served.out)

    def after() -> Any:
        times = [run for run in runs_of(server, "pipeline", "missed") if late(run)]
        return times if all(run["state_type"] in ("COMPLETED", "CANCELLED") for run in times) else 0

    def late(run: Any) -> bool:
        from datetime import datetime

        return datetime.fromisoformat(run["expected_start_time"]).timestamp() > killed

    runs = wait_until(lambda: len(after() or []) >= 3 and after(), 60, "one catches up")
    names = [run["state_name"] for run in runs]
    assert names.count("Completed") == 1 and names[-1] == "Completed", names
    assert set(names[:-1]) == {"Cancelled"}
    stop(served)


@pytest.mark.slow
def test_collection_on_a_schedule(serve: Serve, server: str, tmp_path: Path) -> None:
    """`--gc weekly` has a deployment that takes old artifacts away, on Sundays."""
    place = lay_out_tables(tmp_path / "place", "tidy", "a")
    served = serve(place, "--gc", "weekly")
    known = deployment(server, "gc", "tidy")
    assert [each["schedule"]["cron"] for each in known["schedules"]] == ["30 3 * * 0"]
    made = final(server, served_run(server, "source", "tidy", source="a")["id"])
    assert made["state_name"] == "Completed"
    catalog = place / "data/catalog.toml"
    for value in range(1, 5):
        catalog.write_text(catalog.read_text().replace("9.0", f"{value}9.0"))
        run = served_run(server, "source", "tidy", source="a")
        assert final(server, run["id"])["state_name"] == "Completed"
    kept = [path for path in (place / "artifacts/a").iterdir() if "-" in path.name]
    assert len(kept) == 5
    run = final(server, served_run(server, "gc", "tidy")["id"])
    assert run["state_name"] == "Completed", run["state"]
    kept = [path for path in (place / "artifacts/a").iterdir() if "-" in path.name]
    assert len(kept) == 3
    assert "tidy-collected" in recorded(server, run["id"]).artifacts
    stop(served)


def test_wrong_options(tmp_path: Path) -> None:
    """Options that are none are refused with code 2, and say what is expected."""
    from tests.support.commands import call_ptm

    place = lay_out_tables(tmp_path / "place", "options", "a")
    where = ("--catalog", place / "data/catalog.toml")
    for option, value, says in (
        ("--gc", "hourly", "expected one of daily, weekly, monthly, got 'hourly'"),
        ("--grace", "soon", "expected a time above 0 as 90s, 10m, 2h or a number of seconds"),
    ):
        done = call_ptm("serve", *where, option, value)
        assert done.code == 2 and says in done.words
    assert call_ptm("serve", *where, "stray").code == 2


@pytest.mark.slow
def test_the_service(
    server: str, tmp_path: Path, hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    """deploy/ptm-serve.service: its command serves; its signal lets a run end, in its time."""
    assert server
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "deploy/ptm-serve.service")
    service = unit["Service"]
    program, command, *options = shlex.split(service["ExecStart"])
    assert Path(program).name == "ptm" and command == "serve"
    grace = seconds_of(options[options.index("--grace") + 1])
    assert seconds_of(service["TimeoutStopSec"].removesuffix("in")) > grace + END_SECONDS
    assert service["KillMode"] == "mixed" and service["Restart"] == "on-failure"
    place = lay_out_tables(tmp_path / "place", "service", "a")
    monkeypatch.chdir(place)  # its WorkingDirectory
    served = Started(tmp_path / "out.txt", command, *options, **hold.environment)
    try:
        served.wait_for("Stop with Ctrl-C")
        run = served_run(server, "source", "service", source="a")
        becomes(server, run["id"], "Running")
        served.process.send_signal(getattr(signal, service["KillSignal"]))
        served.wait_for("Stopping: ")
        hold.release()
        assert served.end().code == 0
    finally:
        served.kill()
    assert final(server, run["id"])["state_name"] == "Completed"
