"""A run that lives says so, from before its first task to the end of its report."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.commands import run_ptm, wait_until
from tests.support.servers import Home, flow_run_in, posted

pytestmark = pytest.mark.operate
BEAT = 1  # s; six of them in silence, and a run counts as dead
FIRST = 3  # s that a run lives before its first beat
LATE = 4 * BEAT  # s from one to the next, on a busy machine


def many(place: Path, count: int) -> Path:
    """A catalog of so many tables, whose rows are in it."""
    entry = '[s{0:04}]\nkind = "table"\ncolumns = ["a", "b"]\nrows = [[{0}, 2], [3, 4]]\n'
    catalog = place / "catalog.toml"
    catalog.write_text("".join(entry.format(number) for number in range(count)))
    return catalog


def beats(api: str, flow_run: str) -> list[datetime]:
    """When a run gave signs of life."""
    wanted = {
        "filter": {
            "event": {"name": ["prefect.flow-run.heartbeat"]},
            "resource": {"id": [f"prefect.flow-run.{flow_run}"]},
            "order": "ASC",
        },
        "limit": 50,
    }
    answer = posted(api, "/events/filter", wanted)
    found = answer["events"]
    while answer["next_page"]:
        answer = httpx.get(answer["next_page"], timeout=30).json()
        found += answer["events"]
    return sorted({datetime.fromisoformat(event["occurred"]) for event in found})


@pytest.mark.parametrize("count", [30, 400])
@pytest.mark.slow
def test_many_sources(count: int, home: Home, tmp_path: Path) -> None:
    """A run of many sources beats all the time, and is never marked as Crashed."""
    place = ("--catalog", many(tmp_path, count), "--data", tmp_path)
    store = tmp_path / "artifacts"
    soon = {"PTM_BEAT_SECONDS": str(BEAT)}
    done = run_ptm("run", *place, "--artifacts", store, **home.environment, **soon)
    assert done.code == 0, done
    flow_run = flow_run_in(done.out)

    def ended() -> Any:
        asked = {"flow_run_id": flow_run}
        states = httpx.get(f"{home.api}/flow_run_states/", params=asked, timeout=30).json()
        found = sorted((state["timestamp"], state["name"]) for state in states)
        return found if found[-1][1] == "Completed" else None

    states = wait_until(ended, 60, "the run is Completed")
    assert [name for _, name in states] == ["Pending", "Running", "Completed"]
    begun, over = (datetime.fromisoformat(states[number][0]) for number in (1, 2))
    if (over - begun).total_seconds() > FIRST + LATE:
        seen = [begun, *beats(home.api, flow_run), over]
        gaps = [(after - before).total_seconds() for before, after in pairwise(seen)]
        assert len(seen) > 2 and max(gaps) < FIRST + LATE, gaps
