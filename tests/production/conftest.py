"""The topology of deploy/compose.yaml as plain processes: its commands, settings, health checks."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from tests.support.machine import lacking
from tests.support.servers import client_of
from tests.support.topology import AUTH, Topology, program, running


@pytest.fixture(scope="session")
def production() -> Iterator[Topology]:
    """The topology of the compose file, with a second server, for all tests of this folder."""
    for name in ("initdb", "postgres", "createdb", "redis-server"):
        program(name)
    if find_spec("prefect_redis") is None:
        lacking("prefect-redis is not installed")
    # not in pytest's folder, into which the user of PostgreSQL may not look
    folder = Path(tempfile.mkdtemp(prefix="ptm-production-"))
    folder.chmod(0o755)
    try:
        with running(folder) as topology:
            yield topology
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def api(production: Topology) -> Iterator[httpx.Client]:
    """A client of the API with the password and a CSRF token."""
    with client_of(production.api(), AUTH) as client:
        yield client


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Shows the ends of the logs where a test failed."""
    report = yield
    topology = getattr(item, "funcargs", {}).get("production")
    if topology and report.failed:
        logs = "\n".join(topology.tail(name) for name in topology.started)
        report.sections.append(("logs of the topology", logs))
    return report
