"""The main flow against a real server: good runs, and what is recorded of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client

import ptm
from flows.pipeline import pipeline
from tasks.outcome import PipelineFailed
from tests.support.pipelines import ANALYSES, SOURCES, Run, run, strict
from tests.support.servers import posted, states_of

pytestmark = [pytest.mark.operate, pytest.mark.usefixtures("server")]

ENTRIES = SOURCES + ANALYSES
TABLES = {
    *("book-sources", "book-changes"),
    *("book-wine-columns", "book-temperature-columns"),
    *("book-austen-words", "book-austen-characters"),
    *(f"book-{name}-statistics" for name in SOURCES),
    *("book-wine-threshold-groups", "book-wine-threshold-columns", "book-temperature-fits-fits"),
}
PICTURES = {
    *("book-dog-contact-sheet", "book-cats-contact-sheet", "book-ct-slices", "book-bikes-week"),
    *("book-wine-histograms", "book-wine-classes", "book-temperature-histograms"),
    "book-austen-word-counts",
    *("book-wine-threshold-group-means", "book-wine-threshold-roc"),
    *("book-temperature-fits-readings", "book-temperature-fits-lines"),
    "book-temperature-fits-loss-curves",
}
DASHBOARD = TABLES | PICTURES
History = Callable[[object], Any]


@pytest.fixture(scope="module")
def good(book_catalog: Path, sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the sample into an empty store."""
    return run(book_catalog, sample, tmp_path_factory.mktemp("good") / "artifacts")


@pytest.fixture(scope="module")
def again(book_catalog: Path, sample: Path, good: Run) -> Run:
    """The same run once more."""
    return run(book_catalog, sample, good.store)


def digests(store: Path) -> dict[str, str]:
    """SHA-256 of each file of the current artifacts, by name of artifact and file."""
    found = {}
    for pointer in sorted(store.glob("*/current.json")):
        folder = pointer.parent / json.loads(pointer.read_bytes())["publication"]
        parts = json.loads((folder / "manifest.json").read_bytes())["parts"]
        of_parts = [pointer.parent / file[0] for part in parts for file in part["files"].values()]
        for path in sorted([*folder.iterdir(), *of_parts]):
            name = f"{pointer.parent.name}/{path.name}"
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def views(store: Path) -> dict[str, str]:
    """SHA-256 of each picture that is kept of the artifacts, by names of artifact and view."""
    found = {}
    for path in sorted(store.glob("*/views/*.png")):
        *_, view = path.name.split("-", 2)  # behind the two parts of the publication's name
        found[f"{path.parent.parent.name}/{view}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def test_sample_is_made(good: Run) -> None:
    """A run of the sample completes and returns a reference to each entry, in order."""
    assert good.state.is_completed()
    refs = good.state.result()
    assert list(refs) == ENTRIES
    assert not any(ref.cached for ref in refs.values())
    for name, ref in refs.items():
        assert str(ptm.load(name, good.store).path) == ref.path


def test_every_task_run_is_recorded(good: Run, history: History) -> None:
    """The API lists one task run for each entry, by its name: all Completed."""
    tasks = history(good.id).tasks
    assert set(tasks) == {*ENTRIES, "report"}
    assert {task["state_name"] for task in tasks.values()} == {"Completed"}
    assert {task["run_count"] for task in tasks.values()} == {1}


def test_lineage_is_what_is_read(good: Run, history: History) -> None:
    """In the dashboard a task depends on what its entry is of, and on nothing else."""
    tasks = history(good.id).tasks
    names = {task["id"]: name for name, task in tasks.items()}
    reads = {
        name: {names[each["id"]] for inputs in task["task_inputs"].values() for each in inputs}
        for name, task in tasks.items()
    }
    assert reads.pop("report") == {*ENTRIES}
    expected: dict[str, set[str]] = {name: set() for name in SOURCES}
    assert reads == expected | {"wine_threshold": {"wine"}, "temperature_fits": {"temperature"}}


def test_second_run_is_cached(again: Run, good: Run, history: History) -> None:
    """A second run makes nothing: every entry ends in the state Cached."""
    assert all(ref.cached for ref in again.state.result().values())
    tasks = history(again.id).tasks
    states = {name: task["state_name"] for name, task in tasks.items()}
    assert states == dict.fromkeys(ENTRIES, "Cached") | {"report": "Completed"}
    assert {task["state_type"] for task in tasks.values()} == {"COMPLETED"}
    first, second = good.state.result(), again.state.result()
    assert {n: r.key for n, r in first.items()} == {n: r.key for n, r in second.items()}


def test_dashboard_keeps_a_history_of_each_key(good: Run, again: Run, history: History) -> None:
    """Each run writes its tables and its picture under the same keys, numbers all finite."""
    for done in (good, again):
        artifacts = history(done.id).artifacts
        assert set(artifacts) - {"book-progress"} == DASHBOARD
        for key in TABLES:
            rows = strict(artifacts[key]["data"])
            assert rows and all(isinstance(row, dict) for row in rows)


def test_dashboard_lists_sources(good: Run, history: History) -> None:
    """The table of sources has name, shape, dtype, size and seconds of each tensor."""
    rows = strict(history(good.id).artifacts["book-sources"]["data"])
    named = {(row["source"], row["tensor"]): row for row in rows}
    assert {source for source, _ in named} == {*ENTRIES}
    row = named["wine", "features"]
    assert (row["state"], row["shape"], row["dtype"]) == ("made", "400x11", "float32")
    assert row["seconds"] > 0
    [part] = ptm.load("wine", good.store).manifest["parts"]
    assert row["digest"] == part["files"]["tensors"][1][:7]


@pytest.mark.slow
def test_dashboard_lists_changes(
    good: Run, again: Run, book_catalog: Path, sample: Path, tmp_path: Path, history: History
) -> None:
    """The table of changes says what is new, what is unchanged, and what changed, from what."""

    def changes(done: Run) -> dict[str, dict[str, str]]:
        return {
            row["source"]: row for row in strict(history(done.id).artifacts["book-changes"]["data"])
        }

    assert {row["what"] for row in changes(good).values()} == {"new"}
    assert list(changes(again)) == ENTRIES
    assert {row["what"] for row in changes(again).values()} == {"nothing"}
    text = book_catalog.read_text(encoding="utf-8")
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(text.replace("line = 200", "line = 3"), encoding="utf-8")
    rows = changes(run(catalog, sample, good.store))
    austen = {"source": "austen", "what": "option line changed", "before": "200", "after": "3"}
    assert rows["austen"] == austen
    assert {row["what"] for name, row in rows.items() if name != "austen"} == {"nothing"}
    run(book_catalog, sample, good.store)


def test_dashboard_lists_groups_and_fits(good: Run, history: History) -> None:
    """The tables of wine groups and of fits have a row for each column and for each fit."""
    artifacts = history(good.id).artifacts
    groups = {row["column"]: row for row in strict(artifacts["book-wine-threshold-groups"]["data"])}
    assert len(groups) == 11
    assert groups["alcohol"]["bad"] < groups["alcohol"]["good"]
    fits = strict(artifacts["book-temperature-fits-fits"]["data"])
    assert len(fits) == len(ptm.load("temperature_fits", good.store).tables["fits"])


def test_dashboard_pictures_are_small(good: Run, again: Run, history: History) -> None:
    """Each picture is one PNG in markdown, under 50 KB, and the same where nothing changed."""
    first, second = history(good.id).artifacts, history(again.id).artifacts
    for key in PICTURES:
        markdown = first[key]["data"]
        assert markdown.count("](data:image/png;base64,iVBOR") == 1
        assert len(markdown) < 50_000
        assert second[key]["data"] == markdown
    curves = first["book-temperature-fits-loss-curves"]["data"]
    assert "![temperature_fits: loss curves](" in curves


def test_dashboard_explains_itself(good: Run, history: History) -> None:
    """Each table and picture says in a sentence what it shows, and names its units."""
    artifacts = history(good.id).artifacts
    assert all(len(artifacts[key]["description"].split()) > 5 for key in DASHBOARD)
    for key, unit in {
        "book-sources": "MB (10^6 bytes)",
        "book-wine-threshold-groups": "unit of the column",
        "book-wine-threshold-roc": "from 0 to 1",
        "book-temperature-fits-fits": "°C²",
        "book-temperature-fits-lines": "°C",
        "book-temperature-fits-loss-curves": "°C²",
        "book-ct-slices": "Hounsfield units",
        "book-bikes-week": "rentals per hour",
    }.items():
        assert unit in artifacts[key]["description"]


def test_run_names_say_what_ran(good: Run, sample: Path, book_catalog: Path) -> None:
    """A run is named after its data or its entries, and the minute."""
    run_of_one = run(book_catalog, sample, good.store, ["dog"])
    for done, what in ((good, "sample"), (run_of_one, "dog")):
        with get_client(sync_client=True) as client:
            name = client.read_flow_run(done.id).name  # type: ignore[arg-type]
        assert re.fullmatch(what + r"-\d{4}-\d\d-\d\d-\d{4}", name)


@pytest.mark.parametrize(
    ("source", "told"), [("dog", "report"), ("report", "report of the run")], ids=["dog", "report"]
)
def test_a_report_that_fails_hides_nothing(
    source: str,
    told: str,
    sample: Path,
    tmp_path: Path,
    history: History,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the dashboard's pictures cannot be drawn, the run fails for that, and all is made."""

    def broken(*_: object) -> None:
        raise ValueError("nothing to draw with")

    monkeypatch.setattr("tasks.dashboard.views_of", broken)
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(f'[{source}]\nkind = "images"\npath = "p1ch4/image-dog"\n')
    done = run(catalog, sample, tmp_path / "artifacts")
    outcome = done.state.result(raise_on_failure=False).outcome
    assert list(outcome.made) == [source]
    assert outcome.failed == {told: f"{told}: ValueError: nothing to draw with"}
    assert history(done.id).flow_run["state_name"] == "Failed"
    ptm.load(source, tmp_path / "artifacts")


def test_same_bytes_in_another_store(good: Run, sample_run: Any) -> None:
    """Another store, process, hash seed and number of threads give the same files to the byte."""
    files = digests(good.store)
    assert {Path(name).suffix for name in files} == {".json", ".pt", ".parquet"}
    assert digests(sample_run.store) == files
    pictures = views(good.store)
    assert len(pictures) == len(PICTURES) and views(sample_run.store) == pictures


@pytest.mark.slow
def test_same_bytes_from_processes(good: Run, processes_run: Any) -> None:
    """Tasks in processes of their own give the same files, byte for byte."""
    files = digests(processes_run.store)
    assert len(files) > 10
    assert files.items() <= digests(good.store).items()


@pytest.mark.slow
def test_processes_record_their_tasks(processes_run: Any, history: History) -> None:
    """With tasks in processes the API lists every task run, all Completed."""
    assert processes_run.done.code == 0, processes_run.done
    tasks = history(processes_run.flow_run).tasks
    assert set(tasks) == {"dog", "temperature", "temperature_fits", "report"}
    assert {task["state_name"] for task in tasks.values()} == {"Completed"}


@pytest.mark.parametrize(
    ("named", "made"),
    [
        (["temperature_fits"], ["temperature", "temperature_fits"]),
        (["temperature"], ["temperature"]),
        (["wine_threshold", "dog", "wine"], ["dog", "wine", "wine_threshold"]),
    ],
    ids=" ".join,
)
def test_chosen_entries_only(
    book_catalog: Path,
    sample: Path,
    good: Run,
    history: History,
    named: list[str],
    made: list[str],
) -> None:
    """With entries named, those and what they are of are run, in order, and nothing else."""
    done = run(book_catalog, sample, good.store, named)
    assert list(done.state.result()) == made
    assert set(history(done.id).tasks) == {*made, "report"}


def test_a_source_named_twice(book_catalog: Path, sample: Path, good: Run, server: str) -> None:
    """A source that is named twice is run once, and nothing of the run goes on unheeded."""
    done = run(book_catalog, sample, good.store, ["temperature", "temperature"])
    assert list(done.state.result()) == ["temperature"]
    states_of(server, done.id)
    asked = {"flow_runs": {"id": {"any_": [str(done.id)]}}}
    tasks = [task["name"] for task in posted(server, "/task_runs/filter", asked)]
    assert sorted(tasks) == ["report", "temperature"]


def test_pipeline_is_callable(book_catalog: Path, sample: Path, good: Run) -> None:
    """Called as a function the pipeline returns the references, or raises PipelineFailed."""
    options = {"catalog": str(book_catalog), "artifacts": str(good.store)}
    refs = pipeline(**options, data=str(sample), sources=["dog"])
    assert refs["dog"].cached
    with pytest.raises(PipelineFailed, match=r"dog.*expected a file or folder in the data root"):
        pipeline(**options, data=str(sample / "nothing"), sources=["dog"])


def alone(flow: Any, catalog: Path, store: Path, **options: Any) -> Any:
    """What a flow of one entry returns; nothing of the data is read."""
    return flow(catalog=catalog, data=store / "none", artifacts=store, **options)


@pytest.mark.slow
def test_flows_of_one_entry(good: Run, book_catalog: Path, history: History) -> None:
    """The wine and temperature flows find what is up to date, and make what other options ask."""
    from flows.temperature import temperature
    from flows.wine import Form, wine

    assert alone(temperature, book_catalog, good.store)["temperature_fits"].cached
    assert alone(wine, book_catalog, good.store)["wine_threshold"].cached
    asked = Form(column="alcohol", direction="above")
    state = alone(wine, book_catalog, good.store, options=asked, return_state=True)
    assert not state.result()["wine_threshold"].cached
    made = ptm.load("wine_threshold", good.store)
    assert made.tables["result"]["column"].tolist() == ["alcohol"]
    wanted = ptm.load_catalog(book_catalog)["wine_threshold"].options()
    assert made.manifest["options"] == wanted | {"column": "alcohol", "direction": "above"}
    done = history(state.state_details.flow_run_id)
    assert set(done.tasks) == {"wine_threshold", "report"}
    assert {"book-wine-threshold-roc", "book-sources"} <= done.artifacts.keys()
    back = alone(wine, book_catalog, good.store)["wine_threshold"]
    assert back.cached and back.key == good.state.result()["wine_threshold"].key


def test_options_that_are_wrong(good: Run, book_catalog: Path) -> None:
    """An option that the entry cannot have fails the run before anything is made, with its name."""
    from flows.wine import Form, wine

    for wrong in ({"columm": "alcohol"}, {"decimals": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Form(**wrong)
    asked = Form.model_construct(decimals=-1)
    state = alone(wine, book_catalog, good.store, options=asked, return_state=True)
    assert state.is_failed() and "[wine_threshold] decimals: expected " in state.message


@pytest.mark.slow
def test_keys_begin_with_the_catalog(good: Run, tmp_path: Path, history: History) -> None:
    """An entry alone shows its tables under the name of the catalog that it is given."""
    from flows.temperature import temperature

    catalog = tmp_path / "Two rooms.toml"
    catalog.write_text(
        '[temperature]\nkind = "text"\npath = "a.txt"\n'
        '[temperature_fits]\nkind = "fits"\nof = "temperature"\n'
    )
    state = alone(temperature, catalog, good.store, return_state=True)
    done = history(state.state_details.flow_run_id)
    assert re.match(r"temperature-\d{4}-", done.flow_run["name"])
    keys = done.artifacts.keys()
    assert all(re.match(r"two---rooms---[0-9a-f]{8}-[a-z]", key) for key in keys), keys
    found = {key.partition("-rooms---")[2][9:] for key in keys}
    assert found >= {"sources", "temperature-fits-loss-curves"}


def test_an_entry_that_the_catalog_lacks(tmp_path: Path, good: Run) -> None:
    """A flow of one entry fails where the catalog has none of its name, which it tells."""
    from flows.temperature import temperature

    catalog = tmp_path / "catalog.toml"
    catalog.write_text('[austen]\nkind = "text"\npath = "a.txt"\n')
    state = alone(temperature, catalog, good.store, return_state=True)
    assert state.is_failed() and "no source 'temperature_fits' in the catalog" in state.message


def test_of_what_is_not_there(tmp_path: Path, book_catalog: Path) -> None:
    """An entry that is of an artifact that is not in the store fails, and names it."""
    from flows.temperature import temperature

    with pytest.raises(PipelineFailed, match="temperature: expected an artifact in"):
        alone(temperature, book_catalog, tmp_path)
