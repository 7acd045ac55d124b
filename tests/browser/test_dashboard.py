"""The dashboard in a browser: after a run, what a person finds there."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from flows.pipeline import pipeline
from tests.support.pages import (
    PATIENCE,
    Dashboard,
    expect_text,
    heading,
    keep,
    open_artifact,
    open_run,
    open_tab,
)

pytestmark = pytest.mark.browser
SOURCES = ["dog", "cats", "ct", "wine", "bikes", "austen", "temperature"]


def test_run_page_lists_tasks_by_source(dashboard: Dashboard, page: Page) -> None:
    """The page of the run says Completed and lists its tasks by the names of the sources."""
    open_run(page, dashboard, dashboard.flow_run)
    expect_text(page, "Completed")
    keep(page, "run")
    open_tab(page, "Task Runs")
    for name in [*SOURCES, "wine_threshold", "temperature_fits", "report"]:
        expect_text(page, name)
    keep(page, "run-tasks")


@pytest.mark.slow
def test_run_page_lists_artifacts(dashboard: Dashboard, page: Page) -> None:
    """The page of the run leads to its tables and its picture."""
    open_run(page, dashboard, dashboard.flow_run)
    open_tab(page, "Artifacts")
    for key in (
        *("sources", "wine-threshold-groups", "wine-threshold-columns"),
        *("temperature-fits-fits", "temperature-fits-loss-curves"),
    ):
        expect_text(page, f"book-{key}")
    keep(page, "run-artifacts")


def test_sources(dashboard: Dashboard, page: Page) -> None:
    """The table of sources shows each source with a tensor's shape and dtype."""
    open_artifact(page, dashboard, "book-sources")
    for text in ("ct", "volume", "1x12x64x64", "float32", "made"):
        expect_text(page, text)
    keep(page, "artifact-sources")


@pytest.mark.slow
def test_wine_groups(dashboard: Dashboard, page: Page) -> None:
    """The table of wine groups shows a row for each column, with its unit."""
    open_artifact(page, dashboard, "book-wine-threshold-groups")
    for text in ("alcohol", "% vol", "total sulfur dioxide", "mg/dm³", "bad", "mid", "good"):
        expect_text(page, text)
    keep(page, "artifact-wine-groups")


@pytest.mark.slow
def test_temperature_fits(dashboard: Dashboard, page: Page) -> None:
    """The table of fits shows each fit, and says which diverged."""
    open_artifact(page, dashboard, "book-temperature-fits-fits")
    for name in dashboard.refs["temperature_fits"].tensors:
        expect_text(page, name)
    expect_text(page, "diverged")
    keep(page, "artifact-temperature-fits")


@pytest.mark.slow
def test_loss_curves(dashboard: Dashboard, page: Page) -> None:
    """The picture of the loss curves is drawn, large enough to be read."""
    open_artifact(page, dashboard, "book-temperature-fits-loss-curves")
    picture = page.locator("img[alt='temperature_fits: loss curves']").first
    expect(picture).to_be_visible(timeout=PATIENCE)
    assert picture.evaluate("image => image.naturalWidth") >= 400
    assert picture.evaluate("image => image.clientWidth") >= 400
    keep(page, "artifact-loss-curves")


@pytest.mark.slow
def test_failed_run_names_the_source(dashboard: Dashboard, page: Page, tmp_path: Path) -> None:
    """The page of a run with a bad source says Failed, and its log names source and file."""
    catalog = tmp_path / "catalog.toml"
    about, cats = (
        '[catalog]\nname = "shelter"\n',
        '[cats]\nkind = "images"\npath = "p1ch4/no-cats"\n',
    )
    catalog.write_text(about + cats)
    state = pipeline(
        catalog=str(catalog),
        data=str(tmp_path),
        artifacts=str(tmp_path / "artifacts"),
        return_state=True,
    )
    open_run(page, dashboard, str(state.state_details.flow_run_id))
    expect(heading(page)).to_contain_text("shelter-", timeout=PATIENCE)
    expect_text(page, "Failed")
    line = page.get_by_text("cats: expected a file or folder in the data root").first
    expect(line).to_be_visible(timeout=PATIENCE)
    expect(line).to_contain_text("(p1ch4/no-cats)")
    keep(page, "run-failed")
