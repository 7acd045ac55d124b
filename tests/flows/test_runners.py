"""Where tasks run: threads, processes, Dask and Ray give the same bytes and the same history."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ptm as library
from flows.running.runner_names import RUNNERS
from flows.running.runners import task_runner
from ptm.errors import PtmError
from tests.support.commands import run_ptm
from tests.support.machine import expect_runner
from tests.support.servers import flow_run_in, states_of

pytestmark = pytest.mark.operate
NAMED = ("dog", "wine_threshold")
MADE = ("dog", "wine", "wine_threshold")


@pytest.fixture(scope="module")
def on_threads(server: str, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that a run on threads made."""
    store = tmp_path_factory.mktemp("threads") / "artifacts"
    done = run_ptm("run", *NAMED, "--data", sample, "--artifacts", store)
    assert done.code == 0, done
    return store


@pytest.mark.parametrize("runner", [pytest.param(n, marks=pytest.mark.slow) for n in RUNNERS[1:]])
def test_same_bytes_and_history(
    runner: str, server: str, sample: Path, on_threads: Path, tmp_path: Path
) -> None:
    """A run, and a warm one, give what threads give; every task run is recorded; none is left."""
    expect_runner(runner)
    store = tmp_path / "artifacts"
    command = ("run", *NAMED, "--data", sample, "--artifacts", store, "--runner", runner)
    for state in ("Completed", "Cached"):
        done = run_ptm(*command)
        assert done.code == 0, done
        assert not done.left_behind
        expected = dict.fromkeys(MADE, state) | {"report": "Completed"}
        assert states_of(server, flow_run_in(done.out)) == expected
    for name in MADE:
        one, other = (library.load(name, where) for where in (store, on_threads))
        assert one.manifest == other.manifest


@pytest.fixture
def dask_cluster() -> Iterator[str]:
    """The address of a Dask cluster that runs already, with two processes."""
    expect_runner("dask")
    import distributed

    with distributed.LocalCluster(n_workers=2, threads_per_worker=1) as cluster:
        yield cluster.scheduler_address


@pytest.mark.slow
def test_a_cluster_by_its_address(
    dask_cluster: str, server: str, sample: Path, tmp_path: Path
) -> None:
    """`--runner dask=ADDRESS` runs on a cluster that is there, and leaves it up."""
    runner = f"dask={dask_cluster}"
    command = ("run", "dog", "--data", sample, "--artifacts", tmp_path / "artifacts")
    for _ in range(2):
        done = run_ptm(*command, "--runner", runner)
        assert done.code == 0, done
    assert "dog: cached" in done.out


@pytest.mark.parametrize(
    "wanted", ["nosuch", "threads=4", "", "dask=", "processes=tcp://127.0.0.1:1"]
)
def test_a_runner_that_is_none(wanted: str) -> None:
    """A runner that is none is named, with those that there are."""
    with pytest.raises(PtmError, match=f"got '{wanted}'") as error:
        task_runner(wanted)
    assert all(name in str(error.value) for name in RUNNERS)


def test_a_runner_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A runner whose package is not there says what to install."""
    monkeypatch.setitem(sys.modules, "prefect_dask", None)
    with pytest.raises(PtmError, match=r"pip install 'ptm\[dask\]'"):
        task_runner("dask")
