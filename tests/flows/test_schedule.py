"""`ptm serve` on a schedule, watched for some minutes: one run at a time, and none is lost."""

from __future__ import annotations

import os
import signal
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.commands import Started, run_ptm, wait_until
from tests.support.servers import Hold, Home
from tests.support.serving import begin_serving, runs_of

pytestmark = pytest.mark.operate
# how long the schedule is watched, its interval, and how long one of its runs lasts: all in seconds
WATCHED, INTERVAL, LASTS = (360, 60, 150) if os.environ.get("PTM_FAULTS") else (120, 15, 40)


def went(api: str, after: datetime) -> list[tuple[datetime, datetime]]:
    """From when to when each run of the pipeline went; now, for one that still goes."""
    now = datetime.now().astimezone().isoformat()
    return sorted(
        (datetime.fromisoformat(run["start_time"]), datetime.fromisoformat(run["end_time"] or now))
        for run in runs_of(api, "pipeline")
        if run["run_count"] and datetime.fromisoformat(run["expected_start_time"]) > after
    )


@pytest.mark.slow
def test_schedule(home: Home, hold: Hold, place: Path) -> None:
    """No run joins one that is still going, and none is lost from the history."""
    # a server of its own: the run that is cut off at the end keeps its place there for a while
    assert run_ptm("server", "start", **home.environment).code == 0
    begin, environment = datetime.now().astimezone(), home.environment | hold.environment
    every = ("--every", f"{INTERVAL}s")
    served = begin_serving(place / "out.txt", place, *every, **environment)
    try:
        _watch(served, home.api, hold, begin)
    finally:
        served.kill()


def _watch(served: Started, server: str, hold: Hold, begin: datetime) -> None:
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
