"""How tests find their way in the pages of the dashboard."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page, Request, expect

from tests.support.machine import ROOT

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


Ask = Callable[..., Any]


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


def heading(page: Page) -> Locator:
    """The line at the top of a page that says what it is about."""
    return page.locator(".page-heading").locator("visible=true").first


def task_card(page: Page, name: str) -> Locator:
    """The card of one task in the list of task runs."""
    link = page.get_by_role("link", name=name, exact=True)
    return page.locator(".state-list-item").filter(has=link)


def expect_states(page: Page, states: dict[str, str]) -> None:
    """Waits until the card of each task has its state, and there is no other card."""
    for name, state in states.items():
        badge = task_card(page, name).locator(".state-badge")
        expect(badge, f"state of {name}").to_have_text(state, timeout=PATIENCE)
    expect(page.locator(".state-list-item")).to_have_count(len(states), timeout=PATIENCE)


def expect_table(page: Page, rows: list[dict[str, Any]]) -> None:
    """Waits until the table has all rows, and names all columns."""
    table = page.locator("table").locator("visible=true").first
    expect(table.locator("tbody tr")).to_have_count(len(rows), timeout=PATIENCE)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    assert sorted(table.locator("th").all_inner_texts()) == sorted(columns)


def stray_calls(page: Page, address: str) -> list[str]:
    """A list that fills with calls of the API that fail, or go to another server than this."""
    stray: list[str] = []

    def failed(request: Request) -> None:
        # a page that is left aborts what it still waits for
        if "/api/" in request.url and request.failure != "net::ERR_ABORTED":
            stray.append(f"{request.method} {request.url}: {request.failure}")

    def sent(request: Request) -> None:
        if "/api/" in request.url and not request.url.startswith(f"{address}/"):
            stray.append(f"{request.method} {request.url}: another server")

    page.on("requestfailed", failed)
    page.on("request", sent)
    return stray


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
