"""What the tests share: the book's data, sample data, a real Prefect server of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support.machine import ROOT, lacking
from tests.support.small_disk import SmallDisk, mounted

# before anything imports Prefect: a home, and so a history and a server, for this test run only
HOME = Path(tempfile.mkdtemp(prefix="ptm-tests-"))
os.environ["PREFECT_HOME"] = str(HOME)
os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
os.environ.pop("PREFECT_API_URL", None)
# no test is timed
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
# in the background of a script SIGINT is ignored, and so it is in all that is started from there
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def book() -> Path:
    """The data root with the book's files; pulled if PTM_DATA_MIRROR says from where."""
    from ptm.book import REGISTRY, pull
    from ptm.download import mirror_from_environment, missing

    data = ROOT / "data"
    mirror = mirror_from_environment()
    if missing(data, REGISTRY) and mirror:
        pull(data, mirror=mirror)
    absent = missing(data, REGISTRY)
    if absent:
        lacking(f"the book's data is not there ({absent[0]}, …): ptm data pull")
    return data


@pytest.fixture(scope="session")
def figures() -> dict[str, Any]:
    """Every figure that the book's notes print."""
    figures: dict[str, Any] = json.loads((ROOT / "tests" / "figures.json").read_text())
    return figures


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with generated sample data; not to be changed."""
    from ptm.book.sample import make_sample

    root = tmp_path_factory.mktemp("data") / "sample"
    make_sample(root)
    return root


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Room for some publications of each name."""
    with mounted(tmp_path / "disk") as disk:
        yield disk


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A real Prefect server for this test run, as ptm starts it; the address of its API."""
    from flows.running.server import connected, stop
    from tests.support.servers import Home

    Home.migrated(HOME)
    with connected() as api:
        yield api
    stop()


@pytest.fixture(scope="session", autouse=True)
def _no_home_left() -> Iterator[None]:
    yield
    shutil.rmtree(HOME, ignore_errors=True)
