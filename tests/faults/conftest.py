"""What the tests of faults share: how many faults there are to be, and prepared places."""

from __future__ import annotations

import os

import pytest

from tests.faults.work import LARGE, MANY, NAMES, Place, prepare


@pytest.fixture(scope="session")
def faults() -> int:
    """How many random faults each test tries: PTM_FAULTS, or a few."""
    return int(os.environ.get("PTM_FAULTS", "40"))


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Three sources and an analysis."""
    return prepare(tmp_path_factory.mktemp("whole"), NAMES)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """One source, whose artifact takes every operation that there is."""
    return prepare(tmp_path_factory.mktemp("small"), (LARGE,))


@pytest.fixture(scope="session")
def varied(faults: int, request: pytest.FixtureRequest) -> Place:
    """One source; all, and the analysis, if there is time."""
    chosen: Place = request.getfixturevalue("place" if faults >= MANY else "small")
    return chosen


@pytest.fixture(scope="session")
def step(faults: int) -> int:
    """From one operation that is tried to the next, where an operation takes long to try."""
    return 1 if faults >= MANY else 4
