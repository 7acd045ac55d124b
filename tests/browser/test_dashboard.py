"""The dashboard in a browser: after a run, what a person finds there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from flows.pipeline import pipeline
from tests.conftest import ROOT, lacking

OUTPUT = ROOT / "tests" / "output"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SOURCES = ["dog", "cats", "ct", "wine", "bikes", "austen", "temperature"]
PATIENCE = 20_000  # milliseconds; the dashboard is a large page, and the machine may be busy


@dataclass(frozen=True)
class Dashboard:
    """The dashboard after a run of the sample.

    Attributes:
        address: where it is served.
        flow_run: the id of the run.
        refs: what the run made.
    """

    address: str
    flow_run: str
    refs: dict[str, Any]


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


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A fresh page of 1400 x 1000 pixels."""
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    yield page
    context.close()


def keep(page: Page, name: str) -> None:
    """A picture of the page for people, in tests/output."""
    OUTPUT.mkdir(exist_ok=True)
    page.wait_for_timeout(500)  # transitions end
    page.screenshot(path=OUTPUT / f"{name}.png")


def expect_text(place: Page | Locator, text: str) -> None:
    """Waits until the text stands there."""
    found = place.get_by_text(text, exact=True).locator("visible=true").first
    expect(found).to_be_visible(timeout=PATIENCE)


def open_run(page: Page, dashboard: Dashboard, flow_run: str) -> None:
    """Opens the page of a run, its timeline drawn."""
    page.goto(f"{dashboard.address}/runs/flow-run/{flow_run}")
    expect(page.get_by_role("tablist")).to_be_visible(timeout=PATIENCE)
    page.wait_for_timeout(3000)  # the timeline is a canvas: nothing in the page says it is drawn


def open_tab(page: Page, name: str) -> None:
    """Opens one tab of the page of a run."""
    page.get_by_role("tablist").get_by_text(name, exact=True).click()


def open_artifact(page: Page, dashboard: Dashboard, key: str) -> None:
    """Opens the page of a key, keeps a picture, and follows its link to the newest artifact."""
    page.goto(f"{dashboard.address}/artifacts/key/{key}")
    link = page.locator("a[href*='/artifacts/artifact/']").first
    expect(link).to_be_visible(timeout=PATIENCE)
    keep(page, f"key-{key}")
    link.click()
    page.wait_for_url(re.compile("/artifacts/artifact/"))


def test_run_page_lists_tasks_by_source(dashboard: Dashboard, page: Page) -> None:
    """The page of the run says Completed and lists its tasks by the names of the sources."""
    open_run(page, dashboard, dashboard.flow_run)
    expect_text(page, "Completed")
    keep(page, "run")
    open_tab(page, "Task Runs")
    for name in [*SOURCES, "wine_threshold", "temperature_fits", "report"]:
        expect_text(page, name)
    keep(page, "run-tasks")


def test_run_page_lists_artifacts(dashboard: Dashboard, page: Page) -> None:
    """The page of the run leads to its tables and its picture."""
    open_run(page, dashboard, dashboard.flow_run)
    open_tab(page, "Artifacts")
    for key in ("sources", "wine-groups", "wine-columns", "temperature-fits", "loss-curves"):
        expect_text(page, key)
    keep(page, "run-artifacts")


def test_sources(dashboard: Dashboard, page: Page) -> None:
    """The table of sources shows each source with a tensor's shape and dtype."""
    open_artifact(page, dashboard, "sources")
    for text in ("ct", "volume", "1 x 12 x 64 x 64", "float32", "made"):
        expect_text(page, text)
    keep(page, "artifact-sources")


def test_wine_groups(dashboard: Dashboard, page: Page) -> None:
    """The table of wine groups shows a row for each column, with its unit."""
    open_artifact(page, dashboard, "wine-groups")
    for text in ("alcohol", "% vol", "total sulfur dioxide", "mg/dm³", "bad", "mid", "good"):
        expect_text(page, text)
    keep(page, "artifact-wine-groups")


def test_temperature_fits(dashboard: Dashboard, page: Page) -> None:
    """The table of fits shows each fit, and says which diverged."""
    open_artifact(page, dashboard, "temperature-fits")
    for name in dashboard.refs["temperature_fits"].tensors:
        expect_text(page, name)
    expect_text(page, "diverged")
    keep(page, "artifact-temperature-fits")


def test_loss_curves(dashboard: Dashboard, page: Page) -> None:
    """The picture of the loss curves is drawn, large enough to be read."""
    open_artifact(page, dashboard, "loss-curves")
    picture = page.locator("img[alt='Loss curves']").first
    expect(picture).to_be_visible(timeout=PATIENCE)
    assert picture.evaluate("image => image.naturalWidth") >= 400
    assert picture.evaluate("image => image.clientWidth") >= 400
    keep(page, "artifact-loss-curves")


def test_failed_run_names_the_source(dashboard: Dashboard, page: Page, tmp_path: Path) -> None:
    """The page of a run with a bad source says Failed, and its log names source and file."""
    catalog = tmp_path / "catalog.toml"
    catalog.write_text('[cats]\nkind = "images"\npath = "p1ch4/no-cats"\n')
    state = pipeline(
        catalog=str(catalog),
        data=str(tmp_path),
        artifacts=str(tmp_path / "artifacts"),
        return_state=True,
    )
    open_run(page, dashboard, str(state.state_details.flow_run_id))
    expect_text(page, "Failed")
    line = page.get_by_text("cats: expected a file or folder in the data root").first
    expect(line).to_be_visible(timeout=PATIENCE)
    expect(line).to_contain_text("(p1ch4/no-cats)")
    keep(page, "run-failed")
