"""The wheel, built of this checkout, and an environment that has it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.installed import Installed, environment_with, pip
from tests.support.machine import ROOT

LEFT_OUT = (".*", "__pycache__", "*.egg-info", "build", "artifacts", "p1ch4", "sample", "output")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: a build leaves folders in its tree, and takes old ones in."""
    place = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, place / "tree", ignore=shutil.ignore_patterns(*LEFT_OUT))
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet")
    pip("wheel", *options, "--wheel-dir", place, place / "tree")
    [built] = place.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """ptm as the wheel brings it; a server that was started there is stopped."""
    own = environment_with(wheel, tmp_path_factory.mktemp("installed"))
    yield own
    if (own.home / "prefect").exists():
        own.run("ptm", "server", "stop", cwd=own.home)


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A folder with nothing in it, and a space in its name."""
    folder = tmp_path / "my work"
    folder.mkdir()
    return folder
