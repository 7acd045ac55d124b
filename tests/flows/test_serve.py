"""`ptm serve`: on a schedule, from the dashboard's API, from Python; one run at a time."""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows import deployments
from ptm.catalog import load_catalog
from ptm.errors import PtmError
from tests.support.commands import Started, run_ptm, wait_until
from tests.support.machine import ROOT
from tests.support.servers import Hold, deployment, recorded, served_run, states_of

WAITS = ("Scheduled", "Late")
NAMES = ("pipeline", "source", "wine", "temperature")
# how long the schedule is watched, its interval, and how long one of its runs lasts: all in seconds
WATCHED, INTERVAL, LASTS = (360, 60, 150) if os.environ.get("PTM_FAULTS") else (120, 15, 40)


@pytest.fixture
def place(tmp_path: Path, sample: Path) -> Path:
    """A folder with `data/`: the book's catalog, and the sample's files."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "catalog.toml").write_bytes((ROOT / "data/catalog.toml").read_bytes())
    (tmp_path / "data" / "p1ch4").symlink_to(sample / "p1ch4")
    return tmp_path


@pytest.fixture
def serve(start: Callable[..., Started], place: Path, server: str) -> Callable[..., Started]:
    """Starts `ptm serve` with the server of the tests, and waits until it is known there."""

    def begin(*options: str, **environment: str) -> Started:
        where = {
            "--catalog": place / "data" / "catalog.toml",
            "--data": place / "data",
            "--artifacts": place / "artifacts",
        }
        before = deployment(server, "temperature").get("updated")
        arguments = [str(each) for pair in where.items() for each in pair]
        served = start("serve", *arguments, *options, **environment)
        served.wait_for("Stop with Ctrl-C")
        wait_until(
            lambda: (now := deployment(server, "temperature")) and now["updated"] != before,
            60,
            "the deployments are known to the server",
        )
        return served

    return begin


def final(api: str, flow_run: str, seconds: float = 180) -> dict[str, Any]:
    """A run once it has ended."""
    ended = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}

    def ask() -> Any:
        run = recorded(api, flow_run).flow_run
        return run if run["state_type"] in ended else None

    run: dict[str, Any] = wait_until(ask, seconds, f"{flow_run} ends")
    return run


def runs_of(api: str, name: str) -> list[dict[str, Any]]:
    """All runs of a deployment but those that the schedule has in store, oldest first."""
    known = deployment(api, name)
    wanted = {
        "deployments": {"id": {"any_": [known["id"]]}},
        "sort": "EXPECTED_START_TIME_ASC",
        "limit": 200,
    }
    found = httpx.post(f"{api}/flow_runs/filter", json=wanted, timeout=30).json()
    return [run for run in found if not (run["auto_scheduled"] and run["state_name"] in WAITS)]


def went(api: str, after: datetime) -> list[tuple[datetime, datetime]]:
    """From when to when each run of the pipeline went; now, for one that still goes."""
    now = datetime.now().astimezone().isoformat()
    return sorted(
        (datetime.fromisoformat(run["start_time"]), datetime.fromisoformat(run["end_time"] or now))
        for run in runs_of(api, "pipeline")
        if run["run_count"] and datetime.fromisoformat(run["expected_start_time"]) > after
    )


def test_what_is_offered(serve: Callable[..., Started], server: str, place: Path) -> None:
    """Each deployment has a description, tags, one run at a time, and parameters that it checks."""
    served = serve("--cron", "0 9 * * *")
    for name in NAMES:
        assert f"{name}/{name}: " in served.out
        known = deployment(server, name)
        assert known["description"] and known["tags"] == ["ptm"]
        assert known["enforce_parameter_schema"]
        assert known["global_concurrency_limit"]["limit"] == 1
        assert known["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
        for parameter, entry in known["parameter_openapi_schema"]["properties"].items():
            assert entry.get("description"), f"{name}: {parameter}"
    pipeline, source = deployment(server, "pipeline"), deployment(server, "source")
    assert [each["schedule"]["cron"] for each in pipeline["schedules"]] == ["0 9 * * *"]
    assert not source["schedules"]
    assert pipeline["parameters"]["artifacts"] == str(place / "artifacts")
    names = source["parameter_openapi_schema"]["properties"]["source"]["enum"]
    assert names == list(load_catalog(place / "data/catalog.toml"))
    served.signal(signal.SIGINT)
    assert served.end().code == 0


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("source", {"source": "nosuch"}),
        ("source", {"source": ["dog"]}),
        ("pipeline", {"sources": ["nosuch"]}),
        ("pipeline", {"rehash": "perhaps"}),
        ("wine", {"options": {"decimals": -1}}),
    ],
)
def test_wrong_parameters_are_refused(
    serve: Callable[..., Started], server: str, name: str, parameters: dict[str, Any]
) -> None:
    """The server refuses a wrong parameter at once, and names it: no run is made."""
    serve()
    before = len(runs_of(server, name))
    known = deployment(server, name)
    answer = httpx.post(
        f"{server}/deployments/{known['id']}/create_flow_run", json={"parameters": parameters}
    )
    assert answer.status_code in (409, 422), answer.text
    assert next(iter(parameters)) in answer.text or "'nosuch'" in answer.text
    assert len(runs_of(server, name)) == before


def test_one_source_on_demand(serve: Callable[..., Started], server: str, place: Path) -> None:
    """A run of one source is asked for by its name, is named after it, and makes what reads it."""
    serve()
    run = final(server, served_run(server, "source", source="wine")["id"])
    assert run["state_name"] == "Completed", run["state"]["message"]
    assert re.fullmatch(r"wine-\d{4}-\d\d-\d\d-\d{4}", run["name"])
    assert states_of(server, run["id"]) == dict.fromkeys(
        ["wine", "wine_threshold", "report"], "Completed"
    )
    again = final(server, served_run(server, "wine", options={"column": "alcohol"})["id"])
    assert again["state_name"] == "Completed", again["state"]["message"]
    assert again["name"].startswith("wine-")
    assert (place / "artifacts" / "wine_threshold" / "current.json").exists()


def test_ways_from_python(
    serve: Callable[..., Started], server: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The three ways from Python that the README shows work as they stand there."""
    serve()
    monkeypatch.chdir(place)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## From Python, three ways") :]
    blocks = re.findall(r"```python\n(.*?)```", section[: section.index("\n## ")], re.DOTALL)
    assert len(blocks) == 3
    call, wait, forget = ({} for _ in range(3))  # type: tuple[dict[str, Any], ...]
    exec(blocks[0], call)
    assert list(call["refs"])[:3] == ["dog", "cats", "ct"]
    exec(blocks[1], wait)
    assert wait["run"].state.is_completed()
    assert recorded(server, wait["run"].id).flow_run["deployment_id"]
    exec(blocks[2], forget)
    exec(blocks[2], again := dict[str, Any]())
    assert forget["run"].id == again["run"].id, "the same key is the same run"
    assert final(server, str(forget["run"].id))["state_name"] == "Completed"


def test_schedule(serve: Callable[..., Started], hold: Hold, server: str, place: Path) -> None:
    """No run joins one that is still going, and none is lost from the history."""
    begin = datetime.now().astimezone()
    served = serve("--every", f"{INTERVAL}s", **hold.environment)
    first = wait_until(lambda: went(server, begin), 60 + 2 * INTERVAL, "a run starts")[0]
    wait_until(
        lambda: datetime.now().astimezone() - first[0] > timedelta(seconds=LASTS), LASTS + 60
    )
    hold.release()
    end, step = begin + timedelta(seconds=WATCHED), timedelta(seconds=INTERVAL)
    wait_until(lambda: datetime.now().astimezone() > end, WATCHED + 60)
    served.signal(signal.SIGINT)
    assert served.end().code == 0
    due = [
        run
        for run in runs_of(server, "pipeline")
        if begin < datetime.fromisoformat(run["expected_start_time"]) < end
    ]
    # one that begins at the very end may be cut off before its process can tell
    told = [run for run in due if datetime.fromisoformat(run["expected_start_time"]) < end - step]
    assert {run["state_type"] for run in told} <= {"COMPLETED", "CANCELLED"}
    times = [datetime.fromisoformat(run["expected_start_time"]) for run in due]
    steps = {round((b - a).total_seconds()) for a, b in pairwise(times)}
    assert steps == {INTERVAL}, "none is missing between the first and the last"
    assert len(due) >= WATCHED // INTERVAL - 2
    times_of_work = went(server, begin)
    for (_, stop), (begun, _) in pairwise(times_of_work):
        assert stop <= begun, "two at once"
    counts = Counter(run["state_name"] for run in due)
    assert counts["Completed"] >= 2 and counts["Cancelled"] >= LASTS // INTERVAL - 1, counts
    lasted = max(stop - begun for begun, stop in times_of_work)
    assert lasted >= timedelta(seconds=LASTS)


@pytest.mark.parametrize(
    ("cron", "every", "says"),
    [
        ("0 9 * *", None, "got '0 9 * *'"),
        ("every day", None, "got 'every day'"),
        (None, "soon", "got 'soon'"),
        (None, "0s", "got '0s'"),
        (None, "infd", "got 'infd'"),
        (None, "", "got ''"),
        ("", None, "got ''"),
        (None, "-5m", "got '-5m'"),
        ("0 9 * * *", "1h", "got both"),
    ],
)
def test_wrong_schedules(cron: str | None, every: str | None, says: str) -> None:
    """A schedule that is none is named."""
    with pytest.raises(PtmError, match=re.escape(says)):
        deployments.schedule_of(cron, every)


@pytest.mark.parametrize(
    ("every", "seconds"), [("30s", 30), ("90", 90), ("15m", 900), ("6h", 21600), ("1d", 86400)]
)
def test_intervals(every: str, seconds: int) -> None:
    """An interval has a unit; a bare number is seconds."""
    schedule = deployments.schedule_of(None, every)
    assert schedule.interval == timedelta(seconds=seconds)


def test_wrong_usage(place: Path) -> None:
    """A wrong schedule ends `ptm serve` with code 2, and so does a catalog that is not valid."""
    done = run_ptm("serve", "--cron", "soon", "--data", place / "data")
    assert done.code == 2 and "got 'soon'" in done.words
    (place / "data" / "catalog.toml").write_text("[wine]\nkind = 'nosuch'\n")
    done = run_ptm("serve", "--catalog", place / "data" / "catalog.toml")
    assert done.code == 2 and "kind: expected one of" in done.words
