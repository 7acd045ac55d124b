"""Each table and picture of a run in a browser: it is there, whole, with its sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from flows.pipeline import pipeline
from tests.support.pages import (
    PATIENCE,
    Ask,
    Dashboard,
    expect_table,
    expect_text,
    keep,
    stray_calls,
)

pytestmark = pytest.mark.browser
TABLES = [
    "book-sources",
    "book-changes",
    "book-wine-columns",
    "book-temperature-columns",
    "book-austen-words",
    "book-austen-characters",
    "book-wine-statistics",
    *(
        f"book-{name}-statistics"
        for name in ("dog", "cats", "ct", "bikes", "austen", "temperature")
    ),
    "book-wine-threshold-groups",
    "book-wine-threshold-columns",
    "book-temperature-fits-fits",
]
PICTURES = [
    "book-wine-histograms",
    "book-wine-classes",
    "book-temperature-histograms",
    "book-austen-word-counts",
    "book-wine-threshold-group-means",
    "book-wine-threshold-roc",
    "book-temperature-fits-readings",
    "book-temperature-fits-lines",
    "book-temperature-fits-loss-curves",
    "book-dog-contact-sheet",
    "book-cats-contact-sheet",
    "book-ct-slices",
    "book-bikes-week",
]
LEAST = 300  # pixels that a picture is wide


def one_quick(keys: list[str]) -> list[Any]:
    """The first of them is among the quick tests."""
    return [keys[0], *(pytest.param(key, marks=pytest.mark.slow) for key in keys[1:])]


@pytest.fixture(scope="module")
def artifacts(dashboard: Dashboard, ask: Ask) -> dict[str, dict[str, Any]]:
    """What the server has of the run, by key."""
    of_run = {"flow_runs": {"id": {"any_": [dashboard.flow_run]}}}
    return {each["key"]: each for each in ask("/artifacts/filter", **of_run)}


@pytest.mark.slow
def test_all_are_looked_at(artifacts: dict[str, dict[str, Any]]) -> None:
    """A run of the sample has what the other tests open, and no more."""
    assert sorted(artifacts.keys() - {"book-progress"}) == sorted([*TABLES, *PICTURES])


@pytest.mark.parametrize("key", one_quick(TABLES))
def test_table(
    dashboard: Dashboard, artifacts: dict[str, dict[str, Any]], page: Page, key: str
) -> None:
    """The page of a table has its sentence, all its columns and all its rows."""
    artifact, stray = artifacts[key], stray_calls(page, dashboard.address)
    page.goto(f"{dashboard.address}/artifacts/artifact/{artifact['id']}")
    expect_table(page, json.loads(artifact["data"]))
    expect_sentence(page, artifact["description"])
    keep(page, f"artifact-{key}")
    assert stray == []


@pytest.mark.parametrize("key", one_quick(PICTURES))
def test_picture(
    dashboard: Dashboard, artifacts: dict[str, dict[str, Any]], page: Page, key: str
) -> None:
    """The page of a picture has its sentence, and the picture is drawn large enough to be read."""
    artifact, stray = artifacts[key], stray_calls(page, dashboard.address)
    page.goto(f"{dashboard.address}/artifacts/artifact/{artifact['id']}")
    picture = page.locator("article img").locator("visible=true").first
    expect(picture).to_be_visible(timeout=PATIENCE)
    assert picture.evaluate("image => image.naturalWidth") >= LEAST
    assert picture.evaluate("image => image.clientWidth") >= LEAST
    expect_sentence(page, artifact["description"])
    keep(page, f"artifact-{key}")
    assert stray == []


def test_progress(dashboard: Dashboard, artifacts: dict[str, dict[str, Any]], page: Page) -> None:
    """The page of the progress says what is counted, and that all of it has ended."""
    if "book-progress" not in artifacts:
        pytest.skip("the run was over before there was progress to tell")
    artifact, stray = artifacts["book-progress"], stray_calls(page, dashboard.address)
    page.goto(f"{dashboard.address}/artifacts/artifact/{artifact['id']}")
    expect_sentence(page, artifact["description"])
    expect(page.get_by_text("Progress: 100%").first).to_be_visible(timeout=PATIENCE)
    keep(page, "artifact-book-progress")
    assert stray == []


@pytest.mark.slow
def test_table_of_a_run_with_a_failure(
    dashboard: Dashboard, sample: Path, tmp_path: Path, page: Page, ask: Ask
) -> None:
    """Where one source failed, the table has its reason, and all of what was made."""
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(
        '[letters]\nkind = "text"\npath = "no-letters.txt"\n'
        '[dog]\nkind = "images"\npath = "p1ch4/image-dog/bobby.jpg"\n'
    )
    state = pipeline(
        catalog=str(catalog),
        data=str(sample),
        artifacts=str(tmp_path / "artifacts"),
        return_state=True,
    )
    assert state.is_failed()
    of_run = {"flow_runs": {"id": {"any_": [str(state.state_details.flow_run_id)]}}}
    found = {each["key"]: each for each in ask("/artifacts/filter", **of_run)}
    page.goto(f"{dashboard.address}/artifacts/artifact/{found['catalog-sources']['id']}")
    expect_text(page, "failed")
    keep(page, "artifact-sources-failed")
    for text in ("failed", "made", "1x3x96x128", "uint8"):
        expect_text(page, text)
    expect_table(page, json.loads(found["catalog-sources"]["data"]))


def expect_sentence(page: Page, description: str) -> None:
    """Waits until the sentence that explains a table or picture stands on its page."""
    found = page.get_by_text(description).locator("visible=true").first
    expect(found).to_be_visible(timeout=PATIENCE)
