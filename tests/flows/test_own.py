"""Flows of one's own that call ptm's: one server, one history, nothing temporary."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.machine import ROOT
from tests.support.servers import Home, posted, states_of
from tests.support.serving import lay_out, lay_out_tables

pytestmark = pytest.mark.operate
CALL = 'pipeline(catalog="data/catalog.toml", data="data", artifacts="artifacts")'
SYNC = f"""
from prefect import flow
from flows.pipeline import pipeline

@flow
def outer():
    return list({CALL})

print("made:", outer())
"""
ASYNC = f"""
import asyncio
from prefect import flow
from flows.pipeline import pipeline

@flow
async def outer():
    return list({CALL})

async def notebook():  # as a cell of Jupyter, in which a loop runs already
    print("made:", await outer())
    print("called:", list({CALL}))

asyncio.run(notebook())
"""


def ran(code: str, place: Path, home: Home) -> str:
    """What a script prints, in a folder, with nothing but a Prefect home; it ends with 0."""
    environment = {k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"}
    level = {
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO",
        # what a temporary server says of itself: on a busy machine its database is locked at times
        "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_ROOT_LEVEL": "CRITICAL",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    }
    (place / "script.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-P", "script.py"],
        cwd=place,
        env=environment | level | {"PREFECT_HOME": str(home.path)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("code", [SYNC, ASYNC])
def test_one_server(home: Home, tmp_path: Path, code: str) -> None:
    """Both runs are in the history of the local server, one inside of the other."""
    out = ran(code, lay_out_tables(tmp_path / "place", "own", "a"), home)
    assert "made: ['a']" in out
    assert "temporary server" not in out
    runs = posted(home.api, "/flow_runs/filter", {"limit": 10})
    assert {run["state_name"] for run in runs} == {"Completed"}
    [outer] = [run for run in runs if not run["name"].startswith("own-")]
    inner = [run for run in runs if run["parent_task_run_id"]]
    assert len(inner) == 1 and inner[0]["name"].startswith("own-")
    assert inner[0]["parameters"]["data"] == "data"
    assert outer["end_time"] >= inner[0]["end_time"]
    assert states_of(home.api, inner[0]["id"]).keys() == {"a", "report"}


@pytest.mark.slow
def test_begun_on_a_temporary_server(new_home: Home, tmp_path: Path) -> None:
    """Inside a run that Prefect began on a temporary server, all of it stays there, and is made."""
    code = SYNC.replace("from flows.pipeline import pipeline\n", "").replace(
        "    return", "    from flows.pipeline import pipeline\n    return"
    )
    out = ran(code, lay_out_tables(tmp_path / "place", "own", "a"), new_home)
    assert "made: ['a']" in out and "Traceback" not in out
    assert not (new_home.path / "ptm-server.json").exists(), "no other server was started"


@pytest.mark.slow
def test_readme(home: Home, sample: Path, tmp_path: Path) -> None:
    """The flow of docs/running.md works as it stands there."""
    text = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
    section = text[text.index("## Inside your own flow") :]
    [code] = re.findall(r"```python\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    (place := tmp_path / "place").mkdir()
    out = ran(code, lay_out(place, sample), home)
    assert "temporary server" not in out
    assert (place / "artifacts" / "wine" / "current.json").exists()
