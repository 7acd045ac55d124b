"""The history that the server keeps: every task run of every run, terminal and right."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.commands import run_ptm
from tests.support.servers import flow_run_in, states_of
from tests.support.stores import FAULTS

pytestmark = pytest.mark.operate
AT_ONCE = 4
IN_A_ROW = 20 if FAULTS >= 10 else 6
NAMED = ("dog", "temperature_fits")
TASKS = (*NAMED, "temperature")


def once(sample: Path, store: Path) -> str:
    """A run; its id."""
    done = run_ptm("run", *NAMED, "--data", sample, "--artifacts", store)
    assert done.code == 0, done
    return flow_run_in(done.out)


def expected(state: str) -> dict[str, str]:
    """The states of a run of which everything ended alike."""
    return dict.fromkeys(TASKS, state) | {"report": "Completed"}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_runs_in_a_row(server: str, sample: Path, tmp_path: Path) -> None:
    """Of runs in a row, every other one warm, no task run is lost, and each has its state."""
    runs = {
        once(sample, tmp_path / f"store-{number // 2}"): "Cached" if number % 2 else "Completed"
        for number in range(IN_A_ROW)
    }
    assert len(runs) == IN_A_ROW
    assert {run: states_of(server, run) for run in runs} == {
        run: expected(state) for run, state in runs.items()
    }


@pytest.mark.slow
def test_runs_at_once(server: str, sample: Path, tmp_path: Path) -> None:
    """Four runs at once into stores of their own: all is recorded, each in its own run."""
    stores = [tmp_path / f"store-{number}" for number in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = list(pool.map(lambda store: once(sample, store), stores))
    assert len({*runs}) == AT_ONCE
    assert [states_of(server, run) for run in runs] == [expected("Completed")] * AT_ONCE
