"""The graph of a run of many sources: they stand below their kinds, and few stand alone."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.commands import Done, Started, call_ptm, run_ptm, wait_until
from tests.support.many import write_many
from tests.support.servers import Hold, flow_run_in, posted, states_of

pytestmark = [pytest.mark.operate, pytest.mark.usefixtures("server")]


def graph(server: str, done: Done) -> tuple[dict[str, str], dict[str, str]]:
    """Of what stands in the graph by itself the states, by name; of the rest, what holds it."""
    flow_run = flow_run_in(done.out)
    states_of(server, flow_run)
    found = httpx.get(f"{server}/flow_runs/{flow_run}/graph-v2", timeout=30).json()["nodes"]
    nodes: dict[str, Any] = dict(found)
    alone = {node["label"]: node["state_type"] for node in nodes.values() if not above(node)}
    held = {node["label"]: nodes[above(node)]["label"] for node in nodes.values() if above(node)}
    return alone, held


def above(node: dict[str, Any]) -> str:
    """The id of the task that a task runs in."""
    return next((each["id"] for each in node["encapsulating"]), "")


def options(catalog: Path) -> list[str | Path]:
    """Of a run of that catalog."""
    root = catalog.parent
    return ["--catalog", catalog, "--data", root, "--artifacts", root / "store"]


@pytest.mark.slow
@pytest.mark.parametrize("runner", ["threads", "processes", "dask"])
def test_more_than_forty(server: str, tmp_path: Path, runner: str) -> None:
    """Each kind is one task that ends as its sources did; the sources stand below, by name."""
    catalog = write_many(tmp_path / "many", 41, frozenset({6}))
    done = run_ptm("run", *options(catalog), "--runner", runner)
    alone, held = graph(server, done)
    assert done.code == 1 and "40 made, 1 failed" in done.out, done
    assert alone == {"text (21)": "FAILED", "table (20)": "COMPLETED", "report": "COMPLETED"}
    kinds = ("text (21)", "table (20)")
    assert held == {f"s{number:03}": kinds[number % 2] for number in range(41)}
    made = dict(states_of(server, flow_run_in(done.out)))
    assert made.pop("s006") == "Failed" and made.pop(kinds[0]) == "Failed"
    assert set(made.values()) == {"Completed"}, made


@pytest.mark.slow
def test_up_to_forty(server: str, tmp_path: Path) -> None:
    """Forty stand alone, as ever."""
    catalog = write_many(tmp_path / "some", 40)
    alone, held = graph(server, call_ptm("run", *options(catalog)))
    assert set(alone) == {f"s{number:03}" for number in range(40)} | {"report"} and not held


@pytest.mark.slow
def test_ctrl_c(server: str, tmp_path: Path, hold: Hold, start: Callable[..., Started]) -> None:
    """After Ctrl-C every task run ends, those of the kinds too, and nothing is left behind."""
    catalog = write_many(tmp_path / "many", 60)
    run = start("run", *options(catalog), **hold.environment)
    wait_until(hold.waiting, 60, "a table that is under way")
    run.signal(signal.SIGINT)
    run.wait_for("Cancelling")
    hold.release()
    done = run.end()
    assert done.code == 130 and not done.left_behind
    states = states_of_cancelled(server, flow_run_in(done.out))
    assert set(states.values()) == {"COMPLETED", "CANCELLED"}
    assert re.fullmatch(r"COMPLETED|CANCELLED", states["text (30)"])
    assert states["table (30)"] == "CANCELLED"


def states_of_cancelled(server: str, flow_run: str) -> dict[str, str]:
    """The types of the states of its task runs, once all that begun have ended."""
    states_of(server, flow_run)
    of_run = {"flow_runs": {"id": {"any_": [flow_run]}}, "limit": 200}
    found = posted(server, "/task_runs/filter", of_run)
    return {task["name"]: task["state_type"] for task in found}
