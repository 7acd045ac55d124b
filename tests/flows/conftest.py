"""What the tests of flows share: the `ptm` command, one run of it, and what the server recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.commands import Ptm, Started, run_ptm
from tests.support.letters import lay_out_letters
from tests.support.machine import ROOT
from tests.support.servers import (
    Hold,
    Home,
    Recorded,
    SampleRun,
    recorded,
    states_of,
    stop_server,
)
from tests.support.serving import lay_out


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """Starts `ptm` commands that go on; what is left of them is ended with the test."""
    started: list[Started] = []

    def begin(*arguments: str | Path, **environment: str) -> Started:
        out = tmp_path / f"out-{len(started)}.txt"
        started.append(Started(out, *arguments, **environment))
        return started[-1]

    yield begin
    for each in started:
        each.kill()


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Hold]:
    """Table sources last until the test says so."""
    held = Hold(tmp_path / "hold")
    held.file.touch()
    yield held
    held.release()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A Prefect home without history; a server that was started in it is stopped."""
    own = Home.migrated(tmp_path / "prefect")
    yield own
    stop_server(own)


@pytest.fixture
def new_home(tmp_path: Path) -> Iterator[Home]:
    """A Prefect home that is not there yet; a server that was started in it is stopped."""
    own = Home(tmp_path / "prefect")
    yield own
    stop_server(own)


@pytest.fixture(scope="session")
def book_catalog() -> Path:
    """The catalog of the book."""
    return ROOT / "data" / "catalog.toml"


@pytest.fixture(scope="session")
def ptm() -> Ptm:
    """Runs the `ptm` command in a process of its own."""
    return run_ptm


@pytest.fixture(scope="session")
def history(server: str) -> Callable[[object], Recorded]:
    """What the server recorded of a run that has ended, by its id; it writes a moment later."""

    def ask(flow_run: object) -> Recorded:
        states_of(server, flow_run)
        return recorded(server, flow_run)

    return ask


@pytest.fixture(scope="session")
def sample_run(server: str, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> SampleRun:
    """`ptm run` of everything, with another hash seed and another number of threads than here."""
    store = tmp_path_factory.mktemp("command") / "artifacts"
    environment = {"PYTHONHASHSEED": "12345", "OMP_NUM_THREADS": "1"}
    return SampleRun(run_ptm("run", "--data", sample, "--artifacts", store, **environment), store)


@pytest.fixture(scope="session")
def processes_run(server: str, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> SampleRun:
    """`ptm run --runner processes` of a source, an analysis, and the source that it is of."""
    store = tmp_path_factory.mktemp("processes") / "artifacts"
    options = ("--data", sample, "--artifacts", store, "--runner", "processes")
    return SampleRun(run_ptm("run", "dog", "temperature_fits", *options), store)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    """A folder with `data/`: the book's catalog, and the sample's files."""
    return lay_out(tmp_path_factory.mktemp("place"), sample)


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data of many letters, `data/catalog.toml`, and its `artifacts/`."""
    place = tmp_path_factory.mktemp("letters")
    lay_out_letters(place)
    return place
