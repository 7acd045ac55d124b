"""The page of a run in a browser: each task in its state, while the run goes on and after it."""

from __future__ import annotations

import re
import time
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from flows.pipeline import pipeline
from ptm import index
from tasks.prepare import prepare
from tests.support.pages import (
    PATIENCE,
    Ask,
    Dashboard,
    expect_states,
    expect_text,
    heading,
    keep,
    open_run,
    open_tab,
)

pytestmark = pytest.mark.browser
CATALOG = """
[dog]
kind = "images"
path = "p1ch4/image-dog/bobby.jpg"

[cats]
kind = "images"
path = "p1ch4/image-cats"

[wine]
kind = "table"
path = "p1ch4/image-dog/bobby.jpg"
target = "quality"

[austen]
kind = "text"
path = "p1ch4/jane-austen/1342-0.txt"

[letters]
kind = "text"
path = "p1ch4/jane-austen/no-letters.txt"

[temperature]
kind = "table"
columns = ["t_u", "t_c"]
rows = [
    [35.7, 0.5], [55.9, 14.0], [58.2, 15.0], [81.9, 28.0], [56.3, 11.0], [48.9, 8.0],
    [33.9, 3.0], [21.8, -4.0], [48.4, 6.0], [60.4, 13.0], [68.4, 21.0],
]
target = "t_c"

[wine_threshold]
kind = "threshold"
of = "wine"

[temperature_fits]
kind = "fits"
of = "temperature"
"""
BEFORE = ["dog", "temperature_fits"]
CACHED = dict.fromkeys([*BEFORE, "temperature"], "Cached")
FAILED = {"wine": "Failed", "letters": "Failed"}
SKIPPED = {"wine_threshold": "Skipped"}
MADE = {"cats": "Completed", "austen": "Completed", "report": "Completed"}


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch) -> Event:
    """The share of `austen` does not answer once; it is tried again when this event is set."""
    hash_files, errors, released = index.hash_files, [TimeoutError("no answer")], Event()

    def flaky(files: list[tuple[str, str]], scratch: Path | None = None) -> Any:
        if errors and "1342-0.txt" in str(files):
            raise errors.pop()
        return hash_files(files, scratch)

    clock = types.SimpleNamespace(**(vars(time) | {"sleep": released.wait}))
    patient = prepare.with_options(retry_delay_seconds=600, retry_jitter_factor=0.1)
    monkeypatch.setattr("prefect.task_engine.time", clock)
    monkeypatch.setattr("flows.running.drivers.prepare", patient)
    monkeypatch.setattr(index, "hash_files", flaky)
    return released


def until(found: Callable[[], Any]) -> Any:
    """Asks again until there is an answer."""
    deadline = time.monotonic() + 120
    while not (answer := found()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return answer


@pytest.mark.slow
def test_run_page_shows_each_task_in_its_state(
    dashboard: Dashboard, sample: Path, tmp_path: Path, page: Page, released: Event, ask: Ask
) -> None:
    """Tasks are Cached, Completed, Failed, Skipped, and one waits to be tried again."""
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(CATALOG)
    options: dict[str, Any] = {
        "catalog": str(catalog),
        "data": str(sample),
        "artifacts": str(tmp_path / "artifacts"),
        "return_state": True,
    }
    assert pipeline(**options, sources=BEFORE).is_completed()
    waits = {"task_runs": {"state": {"name": {"any_": ["AwaitingRetry"]}}}}
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(copy_context().run, pipeline, **options)
        try:
            flow_run = until(lambda: ask("/task_runs/filter", **waits))[0]["flow_run_id"]
            others = {"flow_runs": {"id": {"any_": [flow_run]}}}
            until(lambda: ask("/task_runs/filter", **others, task_runs=ended("wine_threshold")))
            open_run(page, dashboard, flow_run)
            expect_text(page, "Running")
            open_tab(page, "Task Runs")
            now = {"cats": "Completed", "austen": "AwaitingRetry"}
            expect_states(page, CACHED | FAILED | SKIPPED | now)
            keep(page, "states-running")
        finally:
            released.set()
        assert run.result().is_failed()
    open_run(page, dashboard, flow_run)
    expect(heading(page)).to_contain_text(re.compile(r"sample-\d{4}-\d\d-\d\d-\d{4}"))
    expect_text(page, "Failed")
    keep(page, "states-run")
    open_tab(page, "Task Runs")
    expect_states(page, CACHED | FAILED | SKIPPED | MADE)
    keep(page, "states-tasks")
    austen = ask("/task_runs/filter", **others, task_runs={"name": {"any_": ["austen"]}})[0]
    page.goto(f"{dashboard.address}/runs/task-run/{austen['id']}")
    expect(heading(page)).to_contain_text("austen", timeout=PATIENCE)
    run_count = page.locator(".p-key-value", has_text="Run Count").locator("visible=true").first
    expect(run_count).to_contain_text(re.compile(r"Run Count\s*2$"), timeout=PATIENCE)
    keep(page, "states-tried-again")


def ended(name: str) -> dict[str, Any]:
    """The filter for a task of this name that has ended."""
    types_ = ["COMPLETED", "FAILED", "CANCELLED"]
    return {"name": {"any_": [name]}, "state": {"type": {"any_": types_}}}
