"""`ptm serve`: what it offers, how it is asked: from the dashboard's API, from Python."""

from __future__ import annotations

import ast
import asyncio
import re
import signal
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import FunctionType
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import ptm
from flows.serving import schedules
from ptm.catalog import load_catalog
from ptm.errors import PtmError
from tests.support.commands import Started, call_ptm
from tests.support.machine import ROOT
from tests.support.servers import client_of, deployment, recorded, served_run, states_of
from tests.support.serving import begin_serving, final, runs_of

pytestmark = pytest.mark.operate
NAMES = ("pipeline", "source", "wine", "temperature")


@pytest.fixture(scope="module")
def served(server: str, place: Path) -> Iterator[Started]:
    """`ptm serve` with the server of the tests; Ctrl-C ends it with code 0.

    Where Prefect would put its files there is something of somebody else.
    """
    (shared := place / "tmp").mkdir()
    (shared / "runner_storage").touch()
    cron = ("--cron", "0 9 * * *")
    started = begin_serving(place / "out.txt", place, *cron, TMPDIR=str(shared))
    yield started
    started.signal(signal.SIGINT)
    done = started.end()
    assert done.code == 0 and not done.left_behind, done
    assert [path.name for path in shared.iterdir()] == ["runner_storage"]


def test_what_is_offered(served: Started, server: str, place: Path) -> None:
    """Each deployment has a description, tags, and parameters that it checks."""
    for name in NAMES:
        assert f"{name}/book: " in served.out
        known = deployment(server, name)
        assert known["description"] and known["tags"] == ["ptm"]
        assert known["enforce_parameter_schema"]
        assert known["global_concurrency_limit"] is None, "what is asked for is never dropped"
        places = {"data": "data", "catalog": "data/catalog.toml", "artifacts": "artifacts"}
        assert known["parameters"] == {key: str(place / at) for key, at in places.items()}
        for parameter, entry in known["parameter_openapi_schema"]["properties"].items():
            assert entry.get("description"), f"{name}: {parameter}"
    pipeline, source = deployment(server, "pipeline"), deployment(server, "source")
    assert [each["schedule"]["cron"] for each in pipeline["schedules"]] == ["0 9 * * *"]
    assert not source["schedules"]
    assert "The server has no password: whoever reaches it can start these runs" in served.out
    names = source["parameter_openapi_schema"]["properties"]["source"]["enum"]
    assert names == list(load_catalog(place / "data/catalog.toml"))


@pytest.mark.usefixtures("served")
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
def test_wrong_parameters_are_refused(server: str, name: str, parameters: dict[str, Any]) -> None:
    """The server refuses a wrong parameter at once, and names it: no run is made."""
    before = len(runs_of(server, name))
    known = deployment(server, name)
    with client_of(server) as client:
        path = f"/deployments/{known['id']}/create_flow_run"
        answer = client.post(path, json={"parameters": parameters})
    assert answer.status_code in (409, 422), answer.text
    assert next(iter(parameters)) in answer.text or "'nosuch'" in answer.text
    assert len(runs_of(server, name)) == before


@pytest.mark.usefixtures("served")
@pytest.mark.slow
def test_one_source_on_demand(server: str, place: Path) -> None:
    """A run of one entry is asked for by its name, is named after it, and makes what it is of.

    The flow of one's own makes its entry alone, with the options of its form.
    """
    run = final(server, served_run(server, "source", source="wine_threshold")["id"])
    assert run["state_name"] == "Completed", run["state"]["message"]
    assert re.fullmatch(r"wine_threshold-\d{4}-\d\d-\d\d-\d{4}", run["name"])
    assert states_of(server, run["id"]) == dict.fromkeys(
        ["wine", "wine_threshold", "report"], "Completed"
    )
    again = final(server, served_run(server, "wine", options={"column": "alcohol"})["id"])
    assert again["state_name"] == "Completed", again["state"]["message"]
    assert again["name"].startswith("wine-")
    assert states_of(server, again["id"]) == dict.fromkeys(
        ["wine_threshold", "report"], "Completed"
    )
    made = ptm.load("wine_threshold", place / "artifacts")
    assert made.manifest["options"]["column"] == "alcohol"
    assert made.manifest["options"]["direction"] == "below", "what is left out stays"
    wrong = final(server, served_run(server, "wine", options={"column": "sugar"})["id"])
    assert wrong["state_name"] == "Failed"
    assert "wine_threshold: " in wrong["state"]["message"]
    assert "'sugar'" in wrong["state"]["message"]


@pytest.mark.slow
@pytest.mark.usefixtures("served")
def test_ways_from_python(server: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The three ways from Python that docs/running.md shows work as they stand there."""
    monkeypatch.chdir(place)
    text = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
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


@pytest.mark.slow
@pytest.mark.usefixtures("served")
def test_ways_in_a_notebook(server: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a cell of Jupyter, where a loop runs, the same ways work with `await`, as it says."""
    assert server
    monkeypatch.chdir(place)
    text = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
    assert "`run = await run_deployment(…)`" in text
    section = text[text.index("## From Python, three ways") :]
    blocks = re.findall(r"```python\n(.*?)```", section[: section.index("\n## ")], re.DOTALL)

    async def notebook() -> dict[str, Any]:
        cells: dict[str, Any] = {}
        for block in blocks:
            cell = block.replace("run = run_deployment", "run = await run_deployment")
            code = compile(cell, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            found = FunctionType(code, cells)()
            if found is not None:
                await found
        return cells

    cells = asyncio.run(notebook())
    assert list(cells["refs"])[:3] == ["dog", "cats", "ct"]
    assert final(server, str(cells["run"].id))["state_name"] == "Completed"


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
        ("0 0 30 2 *", None, "got '0 0 30 2 *' (failed to find next date)"),
        ("0 0 31 4,6,9,11 *", None, "failed to find next date"),
    ],
)
def test_wrong_schedules(cron: str | None, every: str | None, says: str) -> None:
    """A schedule that is none is named."""
    with pytest.raises(PtmError, match=re.escape(says)):
        schedules.schedule_of(cron, every)


@pytest.mark.parametrize(
    ("every", "seconds"), [("30s", 30), ("90", 90), ("15m", 900), ("6h", 21600), ("1d", 86400)]
)
def test_intervals(every: str, seconds: int) -> None:
    """An interval has a unit; a bare number is seconds."""
    schedule = schedules.schedule_of(None, every)
    assert schedule.interval == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("zone", "named"),
    [("Europe/Berlin", "Europe/Berlin"), (":Asia/Tokyo", "Asia/Tokyo"), ("EST5EDT", "EST5EDT")],
)
def test_time_zone(monkeypatch: pytest.MonkeyPatch, zone: str, named: str) -> None:
    """A schedule is in the time zone that TZ names, and so are the times that are told."""
    monkeypatch.setenv("TZ", zone)
    schedule = schedules.schedule_of("0 9 * * *", None)
    assert schedule and schedule.timezone == named
    times = schedules.next_times(schedule)
    assert [when.hour for when in times] == [9, 9, 9]
    assert times[0].utcoffset() == datetime.now(ZoneInfo(named)).utcoffset()
    assert [(b.date() - a.date()).days for a, b in pairwise(times)] == [1, 1]


@pytest.mark.parametrize("zone", ["CET-1CEST,M3.5.0,M10.5.0/3", "<+03>-3", "UTC0", "Nowhere/Town"])
def test_rules_are_no_time_zones(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    """A rule in TZ, by which no server could schedule, is refused and not taken for UTC."""
    monkeypatch.setenv("TZ", zone)
    with pytest.raises(PtmError, match=re.escape(f"as Europe/Berlin, got '{zone}'")):
        schedules.schedule_of("0 9 * * *", None)


def test_next_times_are_told(served: Started) -> None:
    """The next three times of the schedule are told when serving begins."""
    [line] = [line for line in served.out.splitlines() if line.startswith("  next: ")]
    assert len(re.findall(r"\d{4}-\d\d-\d\d 09:00:00", line)) == 3


def test_wrong_usage(tmp_path: Path) -> None:
    """A wrong schedule ends `ptm serve` with code 2, and so does a catalog that is not valid."""
    done = call_ptm("serve", "--cron", "soon", "--data", tmp_path)
    assert done.code == 2 and "got 'soon'" in done.words
    (tmp_path / "catalog.toml").write_text("[wine]\nkind = 'nosuch'\n")
    done = call_ptm("serve", "--catalog", tmp_path / "catalog.toml")
    assert done.code == 2 and "kind: expected one of" in done.words
