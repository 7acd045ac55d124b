"""What the tests in a browser share: Chromium, a run of the sample, how to find one's way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from flows.pipeline import pipeline
from tests.support.machine import ROOT, lacking
from tests.support.pages import ARGUMENTS, PATIENCE, Ask, Dashboard
from tests.support.servers import client_of


@pytest.fixture(scope="module")
def dashboard(server: str, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Dashboard:
    """A run of the sample, for a browser to look at."""
    state = pipeline(
        catalog=str(ROOT / "data" / "catalog.toml"),
        data=str(sample),
        artifacts=str(tmp_path_factory.mktemp("browser") / "artifacts"),
        return_state=True,
    )
    flow_run = str(state.state_details.flow_run_id)
    return Dashboard(server.removesuffix("/api"), flow_run, state.result())


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    program = shutil.which("chromium")
    if program is None:
        lacking("there is no Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def ask(server: str) -> Ask:
    """Asks the server: the path of a request and its body; gives the answer."""

    def post(path: str, **body: Any) -> Any:
        with client_of(server) as client:
            answer = client.post(path, json=body)
        answer.raise_for_status()
        return answer.json()

    return post


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A fresh page of 1400 x 1000 pixels."""
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    yield page
    context.close()
