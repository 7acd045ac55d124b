"""Prefect's telemetry: its notice does not appear, and nothing is sent."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.commands import PTM
from tests.support.machine import ROOT
from tests.support.servers import Home
from tests.support.terminals import on_terminal

pytestmark = pytest.mark.operate
NOTICE = "collects anonymous usage data"
# what Prefect takes for a build server, where it is silent anyway
OF_BUILDS = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "BUILDKITE", "CI_NAME")
TELL = (
    "import os, {first}\n"
    "from prefect.settings import get_current_settings as now\n"
    "from prefect.analytics import is_telemetry_enabled as enabled\n"
    "print('sends:', enabled(), 'server sends:', now().server.analytics_enabled)"
)


def environment(home: Path, **more: str) -> dict[str, str]:
    """That of a person who has never used Prefect."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DO_NOT_TRACK", *OF_BUILDS) and not name.startswith("PREFECT_")
    }
    return kept | {"PREFECT_HOME": str(home), "COLUMNS": "80"} | more


def tell(home: Path, first: str, **more: str) -> str:
    """What a script shows on a terminal that imports that first."""
    words = [sys.executable, "-c", TELL.format(first=first)]
    return on_terminal(words, environment(home, **more), ROOT)[1]


def test_prefect_alone(tmp_path: Path) -> None:
    """The notice is Prefect's usual behaviour on a terminal: else this file would test nothing."""
    shown = tell(tmp_path / "home", "prefect")
    assert NOTICE in shown and "sends: True server sends: True" in shown


def test_flows_in_python(tmp_path: Path) -> None:
    """A script that imports ptm's flows shows no notice; neither client nor server sends."""
    shown = tell(tmp_path / "home", "flows.pipeline")
    assert shown == "sends: False server sends: False\n"


def test_who_wants_it_has_it(tmp_path: Path) -> None:
    """What the environment says of it stays."""
    wanted = {"DO_NOT_TRACK": "0", "PREFECT_SERVER_ANALYTICS_ENABLED": "true"}
    shown = tell(tmp_path / "home", "flows.pipeline", **wanted)
    assert NOTICE in shown and "sends: True server sends: True" in shown


@pytest.mark.slow
def test_a_first_run(home: Home, sample: Path, tmp_path: Path) -> None:
    """The first `ptm run` of a person, on a terminal, shows no notice."""
    words = [PTM, "run", "dog", "--data", sample, "--artifacts", tmp_path / "artifacts"]
    code, shown = on_terminal(words, environment(home.path), ROOT)
    assert code == 0 and "dog: made in" in shown
    assert NOTICE not in shown
    assert not (home.path / ".sdk_telemetry/notice_shown").exists()
