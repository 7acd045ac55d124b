"""The form of a deployment in a browser: it explains itself, refuses wrong values, starts runs."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.commands import wait_until
from tests.support.pages import PATIENCE, Ask, expect_states, expect_text, heading, keep, open_tab
from tests.support.serving import begin_serving, final, lay_out

pytestmark = pytest.mark.browser
NAMES = [
    *("dog", "cats", "ct", "wine", "bikes", "austen", "temperature"),
    *("wine_threshold", "temperature_fits"),
]
REFUSED = [
    ("source", {"source": "elephant"}, "'elephant' is not one of ['dog', "),
    ("source", {"source": "dog", "rehash": "maybe"}, "'maybe' is not of type 'boolean'"),
    ("pipeline", {"sources": ["elephant"]}, "'elephant' is not one of ['dog', "),
]


@pytest.fixture(scope="module")
def served(
    server: str, sample: Path, ask: Ask, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, dict[str, Any]]]:
    """The deployments that `ptm serve` offers, by name, while it serves them."""
    place = lay_out(tmp_path_factory.mktemp("served"), sample)
    started = begin_serving(place / "out.txt", place)
    known = ask("/deployments/filter", deployments={"name": {"any_": ["book"]}})
    yield {deployment["entrypoint"].rpartition(".")[2]: deployment for deployment in known}
    started.signal(signal.SIGINT)
    started.end()


@pytest.fixture
def address(server: str) -> str:
    """Where the dashboard is."""
    return server.removesuffix("/api")


def open_form(page: Page, address: str, deployment: dict[str, Any]) -> None:
    """Opens the page of a deployment, and from there its form."""
    page.goto(f"{address}/deployments/deployment/{deployment['id']}")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run", exact=True).click()
    expect_text(page, "Parameters")
    expect(page.locator(".schema-form-property").first).to_be_visible(timeout=PATIENCE)


def field(page: Page, name: str) -> Locator:
    """The part of the form for one parameter."""
    label = page.get_by_text(re.compile(rf"^{name}( \(Optional\))?$", re.IGNORECASE))
    return page.locator(".schema-form-property").filter(has=label).last


def submit(page: Page) -> None:
    """Sends the form."""
    page.get_by_role("button", name="Submit", exact=True).click()


def start(page: Page, deployment: dict[str, Any]) -> None:
    """Sends the form, again while the server is busy: the page leaves that to the person."""
    asked = f"/deployments/{deployment['id']}/create_flow_run"
    busy = True
    while busy:
        with page.expect_response(lambda answer: answer.url.endswith(asked)) as answer:
            submit(page)
        busy = answer.value.status == 503
    assert answer.value.ok, answer.value.text()


def runs_of(ask: Ask, deployment: dict[str, Any]) -> list[dict[str, Any]]:
    """The runs that the server has of a deployment."""
    runs: list[dict[str, Any]] = ask(
        "/flow_runs/filter", deployments={"id": {"any_": [deployment["id"]]}}
    )
    return runs


@pytest.mark.parametrize(
    "name",
    [
        "source",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("pipeline", "wine", "temperature")),
    ],
)
def test_form_explains_each_parameter(
    served: dict[str, dict[str, Any]], address: str, page: Page, name: str
) -> None:
    """The form has a field for each parameter, with a sentence that says what it is."""
    open_form(page, address, served[name])
    properties = served[name]["parameter_openapi_schema"]["properties"]
    assert properties
    for parameter, schema in properties.items():
        part = field(page, schema.get("title", parameter))
        expect(part, parameter).to_be_visible(timeout=PATIENCE)
        assert schema["description"]
        expect(part, parameter).to_contain_text(schema["description"])
    keep(page, f"form-{name}")


@pytest.mark.slow
def test_form_refuses_nothing_chosen(
    served: dict[str, dict[str, Any]], address: str, page: Page, ask: Ask
) -> None:
    """Without a source the form says that one is required, and no run is made."""
    open_form(page, address, served["source"])
    before = runs_of(ask, served["source"])
    submit(page)
    expect_text(page, "'source' is a required property")
    keep(page, "form-required")
    assert len(runs_of(ask, served["source"])) == len(before)


@pytest.mark.parametrize(
    ("name", "wrong", "says"),
    [REFUSED[0], *(pytest.param(*each, marks=pytest.mark.slow) for each in REFUSED[1:])],
)
def test_form_refuses_wrong_values(
    served: dict[str, dict[str, Any]],
    address: str,
    page: Page,
    ask: Ask,
    name: str,
    wrong: dict[str, Any],
    says: str,
) -> None:
    """A wrong value, written as JSON, is refused with a message, and no run is made."""
    open_form(page, address, served[name])
    before = runs_of(ask, served[name])
    page.locator(".flow-run-create-form-v2__header button").click()
    page.get_by_text("Use JSON input", exact=True).locator("visible=true").first.click()
    editor = page.locator(".schema-form-property-kind-json textarea").first
    expect(editor).to_be_visible(timeout=PATIENCE)
    editor.fill(json.dumps(json.loads(editor.input_value()) | wrong))
    submit(page)
    message = page.get_by_text(says).locator("visible=true").first
    expect(message).to_be_visible(timeout=PATIENCE)
    keep(page, f"form-refused-{name}-{'-'.join(wrong)}")
    assert len(runs_of(ask, served[name])) == len(before)


@pytest.mark.slow
def test_form_starts_a_run(
    served: dict[str, dict[str, Any]], address: str, page: Page, ask: Ask
) -> None:
    """The form offers the sources of the catalog; with one chosen its run starts and completes."""
    before = {run["id"] for run in runs_of(ask, served["source"])}
    open_form(page, address, served["source"])
    choice = field(page, "source")
    choice.locator(".p-select-button__control").press("ArrowDown")
    options = page.get_by_role("option")
    expect(options).to_have_text(NAMES, timeout=PATIENCE)
    keep(page, "form-options")
    options.get_by_text("dog", exact=True).click()
    expect(choice).to_contain_text("dog")
    start(page, served["source"])
    page.wait_for_url(re.compile(f"/deployments/deployment/{served['source']['id']}(\\?|$)"))
    keep(page, "form-sent")
    [new] = wait_until(
        lambda: [run for run in runs_of(ask, served["source"]) if run["id"] not in before], 60
    )
    run = final(address + "/api", new["id"])
    assert run["state_type"] == "COMPLETED" and run["parameters"]["source"] == "dog"
    page.goto(f"{address}/runs/flow-run/{run['id']}")
    expect(heading(page)).to_contain_text(re.compile(r"dog-\d{4}-\d\d-\d\d-\d{4}"))
    open_tab(page, "Task Runs")
    expect_states(page, {"dog": "Completed", "report": "Completed"})
    keep(page, "form-run")
