"""Whether the tables that a person opens after a failed run fit on a narrow page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from flows.pipeline import pipeline
from tests.support.machine import ROOT
from tests.support.pages import PATIENCE, Ask, Dashboard, expect_table, keep, open_run

pytestmark = [pytest.mark.browser, pytest.mark.slow]
MATTERS = ["state", "source", "tensor", "shape", "dtype", "MB", "seconds"]
BAD_DAYS = "a,b,c\nx,x,x\n"
BAD = (
    '[rented-bikes]\nkind = "table"\npath = "p1ch4/days.csv"\n'
    '[letters]\nkind = "text"\npath = "p1ch4/no-letters.txt"\n'
)


@pytest.fixture(scope="module")
def failed(
    server: str, sample: Path, ask: Ask, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """A run of the book's catalog and two bad sources: what the server has of it, by key."""
    root = tmp_path_factory.mktemp("failed") / "data"
    root.mkdir()
    (root / "p1ch4").mkdir()
    for place in (sample / "p1ch4").iterdir():
        (root / "p1ch4" / place.name).symlink_to(place)
    (root / "p1ch4/days.csv").write_text(BAD_DAYS)
    (root / "catalog.toml").write_text((ROOT / "data/catalog.toml").read_text() + BAD)
    state = pipeline(
        catalog=root / "catalog.toml", data=root, artifacts=root / "artifacts", return_state=True
    )
    of_run = {"flow_runs": {"id": {"any_": [str(state.state_details.flow_run_id)]}}}
    found = ask("/artifacts/filter", **of_run)
    return {each["key"]: each for each in found} | {"run": str(state.state_details.flow_run_id)}


@pytest.fixture(params=[1280, 1920])
def sized(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page as wide as the screen of a small laptop, and as that of a desk."""
    context = chromium.new_context(viewport={"width": request.param, "height": 900})
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def width(page: Page) -> int:
    """How wide the page is, in pixels."""
    assert page.viewport_size
    return page.viewport_size["width"]


def test_sources_fit(dashboard: Dashboard, failed: dict[str, Any], sized: Page) -> None:
    """All that matters of each tensor is in sight, and nothing has to be scrolled sideways."""
    sized.goto(f"{dashboard.address}/artifacts/artifact/{failed['book-sources']['id']}")
    expect_table(sized, json.loads(failed["book-sources"]["data"]))
    keep(sized, f"wide-sources-{width(sized)}")
    heads = sized.locator("table th").locator("visible=true")
    assert heads.all_inner_texts()[: len(MATTERS)] == MATTERS
    assert_in_sight(sized, len(MATTERS))


def test_failures_fit(dashboard: Dashboard, failed: dict[str, Any], sized: Page) -> None:
    """The table of failures has a row for each fault, whole and in sight."""
    rows = json.loads(failed["book-failures"]["data"])
    faults = [row["source"] for row in rows if row["state"]]
    assert faults == ["rented-bikes"] * 4 + ["letters"] and len(rows) > len(faults)
    sized.goto(f"{dashboard.address}/artifacts/artifact/{failed['book-failures']['id']}")
    expect_table(sized, rows)
    keep(sized, f"wide-failures-{width(sized)}")
    assert_in_sight(sized, 3)


def test_failed_run(dashboard: Dashboard, failed: dict[str, Any], sized: Page) -> None:
    """The page of the failed run has the reason in its log, as an error."""
    open_run(sized, dashboard, failed["run"])
    line = sized.get_by_text("letters: expected a file or folder in the data root").first
    expect(line).to_be_visible(timeout=PATIENCE)
    keep(sized, f"wide-run-{width(sized)}")


def assert_in_sight(page: Page, columns: int) -> None:
    """The first columns of the table end within the page and within what scrolls around them."""
    rights = (
        page.locator("table")
        .locator("visible=true")
        .first.evaluate(
            """(table, columns) => {
            const right = element => element.getBoundingClientRect().right
            const cells = [...table.rows].map(row => right(row.cells[columns - 1]))
            let room = window.innerWidth
            for (let above = table.parentElement; above; above = above.parentElement)
                if (getComputedStyle(above).overflowX != 'visible')
                    room = Math.min(room, right(above))
            return [Math.max(...cells), room]
        }""",
            columns,
        )
    )
    assert rights[0] <= rights[1] + 1, rights
