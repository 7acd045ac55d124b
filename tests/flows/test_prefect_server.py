"""The server's own part in finding the dead: of many events at once none is lost."""

from __future__ import annotations

import sqlite3
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.commands import run_ptm, wait_until
from tests.support.servers import Home, client_of
from tests.support.serving import lay_out_tables

pytestmark = pytest.mark.operate
AT_ONCE = 8
TAG = {"prefect.resource.id": "prefect.tag.ptm", "prefect.resource.role": "tag"}


def tell(api: str, run: uuid.UUID) -> None:
    """Tells that a run of ptm began, beats, and has ended."""
    with client_of(api) as client:
        for event in ("Running", "heartbeat", "Completed"):
            told = {
                "id": str(uuid.uuid4()),
                "occurred": datetime.now(UTC).isoformat(),
                "event": f"prefect.flow-run.{event}",
                "resource": {"prefect.resource.id": f"prefect.flow-run.{run}"},
                "related": [TAG],
            }
            client.post("/events", json=[told]).raise_for_status()


@pytest.mark.slow
@pytest.mark.parametrize("count", [10, 200])
def test_every_end_is_counted(home: Home, tmp_path: Path, count: int) -> None:
    """Runs that end all at once are known to have ended: none is taken for dead afterwards."""
    lay_out_tables(place := tmp_path / "place", "ends", "a")
    where = ("--catalog", place / "data/catalog.toml", "--data", place / "data")
    done = run_ptm("run", *where, "--artifacts", tmp_path / "artifacts", **home.environment)
    assert done.code == 0, done
    runs = [uuid.uuid4() for _ in range(count)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda run: tell(home.api, run), runs))

    def seen() -> bool:
        with sqlite3.connect(f"file:{home.path / 'prefect.db'}?mode=ro", uri=True) as database:
            ends = "SELECT count(*) FROM events WHERE event = 'prefect.flow-run.Completed'"
            [[ended]] = database.execute(ends)
            # what the automation waits for: it takes those away that had their end
            [[alive]] = database.execute("SELECT count(*) FROM automation_bucket WHERE count < 1")
        return bool(ended > count and not alive)

    wait_until(seen, 60, "the end of each run")
    assert "database is locked" not in (home.path / "ptm-server.log").read_text()
