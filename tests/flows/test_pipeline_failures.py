"""The main flow against a real server: bad inputs, and errors that may pass."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.settings import PREFECT_API_URL

import ptm
from tasks.outcome import PipelineFailed
from tasks.prepare import prepare
from tests.support.bad_inputs import BAD_INPUTS, TABLE, WINE, BadInput, file, write_all
from tests.support.commands import wait_until
from tests.support.pipelines import ANALYSES, SOURCES, Run, run, strict
from tests.support.servers import posted

pytestmark = [pytest.mark.operate, pytest.mark.usefixtures("server")]

TERMINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}
History = Callable[[object], Any]
BROKEN_WINE = BadInput(
    "wine", file("wine.csv", TABLE + "4.5,none,6\n"), WINE, ("row 4, column 'acid'", "got 'none'")
)
ALL_BAD = (BROKEN_WINE, *BAD_INPUTS)
GOOD = [name for name in SOURCES if name != "wine"]


@pytest.fixture(scope="module")
def bad(book_catalog: Path, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run of every bad input, and of a broken wine, among the good sources of the sample."""
    root = tmp_path_factory.mktemp("bad") / "data"
    shutil.copytree(sample, root)
    head, wine, rest = book_catalog.read_text(encoding="utf-8").partition("[wine]")
    good_entries = head + rest[rest.index("[bikes]") :]
    assert wine
    catalog = root / "catalog.toml"
    catalog.write_text(write_all(root, ALL_BAD) + good_entries, encoding="utf-8")
    return run(catalog, root, root.parent / "artifacts")


def test_bad_sources_leave_the_others_to_finish(bad: Run) -> None:
    """Among all bad sources the good ones are made, and the analysis of one of them."""
    outcome = bad.state.result(raise_on_failure=False).outcome
    assert list(outcome.made) == [*GOOD, "temperature_fits"]
    for name in outcome.made:
        ptm.load(name, bad.store)
    assert sorted(path.parent.name for path in bad.store.glob("*/current.json")) == sorted(
        outcome.made
    )


def test_every_bad_source_is_listed(bad: Run, history: History) -> None:
    """The run fails; its state says of each bad source the file, the place, expected and got."""
    error = bad.state.result(raise_on_failure=False)
    assert isinstance(error, PipelineFailed)
    assert list(error.outcome.failed) == [each.name for each in ALL_BAD]
    run = history(bad.id).flow_run
    assert (run["state_type"], run["state_name"]) == ("FAILED", "Failed")
    lines = {line.strip().split(": ")[0]: line for line in run["state"]["message"].splitlines()}
    for each in ALL_BAD:
        for piece in each.says:
            assert piece in error.outcome.failed[each.name]
            assert piece in lines[each.name]


def test_what_reads_a_bad_source_is_skipped(bad: Run, history: History) -> None:
    """An entry that is of one that failed is Skipped, and says what was not made."""
    outcome = bad.state.result(raise_on_failure=False).outcome
    assert list(outcome.skipped) == ["wine_threshold"]
    task = history(bad.id).tasks["wine_threshold"]
    assert (task["state_type"], task["state_name"]) == ("CANCELLED", "Skipped")
    assert task["state"]["message"] == "wine was not made"
    assert "wine_threshold: skipped" in history(bad.id).flow_run["state"]["message"]


def test_bad_input_is_not_tried_again(bad: Run, history: History) -> None:
    """Every task run is recorded in a terminal state, and a bad input was tried once."""
    tasks = history(bad.id).tasks
    kinds = {name for name in tasks if re.fullmatch(r"[a-z]+ \(\d+\)", name)}
    held = sum(int(name.partition("(")[2][:-1]) for name in kinds)
    assert held == len(GOOD) + len(ALL_BAD) + len(ANALYSES) and len(kinds) == 7
    assert {"threshold (1)", "fits (1)"} < kinds
    assert set(tasks) - kinds == {*GOOD, *(each.name for each in ALL_BAD), *ANALYSES, "report"}
    assert {task["state_type"] for task in tasks.values()} <= TERMINAL
    for each in ALL_BAD:
        assert (tasks[each.name]["state_type"], tasks[each.name]["run_count"]) == ("FAILED", 1)


def test_dashboard_lists_failures(bad: Run, history: History) -> None:
    """Tables of their own have the reasons, a row for each fault, and the states, these first."""
    artifacts = history(bad.id).artifacts
    faults = strict(artifacts["book-failures"]["data"])
    for each in ALL_BAD:
        whats = [row["what"] for row in faults if row["source"] == each.name]
        for piece in each.says:
            assert piece in f"{each.name}: {' '.join(whats)}"
        assert all(line == line.strip() and "\n" not in line for line in whats)
    assert {row["state"] for row in faults} == {"failed", "skipped", ""}
    rows = strict(artifacts["book-sources"]["data"])
    unmade = {row["source"]: row["state"] for row in rows if row["state"] not in ("made", "cached")}
    expected = {each.name: "failed" for each in ALL_BAD} | {"wine_threshold": "skipped"}
    assert unmade == expected and [row["source"] for row in rows[: len(unmade)]] == list(unmade)
    times = {key: artifact["created"] for key, artifact in artifacts.items()}
    del times["book-progress"]
    assert min(times, key=times.__getitem__) == "book-failures"


def test_message_of_the_run_has_the_whole_reasons(bad: Run, history: History) -> None:
    """Every line of every reason stands in the message of the run's state on the server."""
    message = history(bad.id).flow_run["state"]["message"]
    for text in bad.state.result(raise_on_failure=False).outcome.failed.values():
        assert text.replace("\n", "\n  ") in message


def test_failures_are_logged_as_errors(bad: Run, server: str) -> None:
    """In the log of the run each failure is an error, and nothing else of the flow is."""
    query = {
        "logs": {
            "flow_run_id": {"any_": [str(bad.id)]},
            "task_run_id": {"is_null_": True},
            "level": {"ge_": logging.ERROR},
        },
        "limit": 200,
    }

    def errors() -> set[str]:
        found = posted(server, "/logs/filter", query)
        return {log["message"] for log in found if log["name"] == "prefect.flow_runs"}

    reasons = set(bad.state.result(raise_on_failure=False).outcome.failed.values())
    wait_until(lambda: errors() >= reasons, 60, "the log is on the server")
    assert {text for text in errors() - reasons if not text.startswith("Finished in")} == set()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipeline's task, with short waits between its attempts."""
    quick = prepare.with_options(retry_delay_seconds=0.05, retry_jitter_factor=0.1)
    monkeypatch.setattr("flows.running.drivers.prepare", quick)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[OSError]]:
    """Errors that reading input files gives, one after the other, before it works."""
    from ptm import index

    hash_files, errors = index.hash_files, list[OSError]()

    def flaky(files: list[tuple[str, str]], scratch: Path | None = None) -> Any:
        if errors:
            raise errors.pop()
        return hash_files(files, scratch)

    monkeypatch.setattr(index, "hash_files", flaky)
    yield errors


def states_in_time(task_run: str) -> list[str]:
    """The names of the states that a task run went through."""
    api = PREFECT_API_URL.value()
    answer = httpx.get(f"{api}/task_run_states/", params={"task_run_id": task_run}, timeout=30)
    return [state["name"] for state in answer.json()]


@pytest.mark.usefixtures("impatient")
def test_what_may_pass_is_tried_again(
    failing: list[OSError], book_catalog: Path, sample: Path, tmp_path: Path, history: History
) -> None:
    """An I/O error that passes is tried again, and the run completes."""
    failing += [TimeoutError("the share did not answer")] * 2
    done = run(book_catalog, sample, tmp_path / "artifacts", ["dog"])
    assert done.state.is_completed()
    task = history(done.id).tasks["dog"]
    assert (task["state_name"], task["run_count"]) == ("Completed", 3)
    assert states_in_time(task["id"]).count("AwaitingRetry") == 2


@pytest.mark.usefixtures("impatient")
def test_what_does_not_pass_fails_in_the_end(
    failing: list[OSError], book_catalog: Path, sample: Path, tmp_path: Path, history: History
) -> None:
    """An I/O error that stays fails the source after four attempts, and the error is named."""
    failing += [OSError(5, "Input/output error")] * 10
    done = run(book_catalog, sample, tmp_path / "artifacts", ["dog"])
    error = done.state.result(raise_on_failure=False)
    assert "Input/output error" in error.outcome.failed["dog"]
    task = history(done.id).tasks["dog"]
    assert (task["state_name"], task["run_count"]) == ("Failed", 4)
