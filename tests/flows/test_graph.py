"""Runs of entries that are of each other: their order, what fails, what is skipped, what is found.

The graph of most tests, in the order of its file, the other way round than it is made:

    top  of both and a        both  of a and b        alone  of c
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

import ptm as library
from flows.pipeline import pipeline, source
from flows.running.runner_names import RUNNERS
from ptm.explain import FORCED
from tasks.outcome import PipelineFailed
from tests.support.commands import Done, call_ptm, run_ptm
from tests.support.graphs import ROWS, place, write_graph
from tests.support.machine import expect_runner
from tests.support.servers import Recorded, flow_run_in, states_of

pytestmark = [pytest.mark.operate, pytest.mark.usefixtures("server")]
ENTRIES = {"top": ["both", "a"], "both": ["a", "b"], "alone": ["c"], "a": [], "b": [], "c": []}
ORDER = ["a", "b", "both", "top", "c", "alone"]
TOTALS = {"both": 6.0, "top": 9.0, "alone": 3.0}
WITHOUT_B = {
    **{"a": "Completed", "b": "Failed", "c": "Completed", "alone": "Completed"},
    **{"both": "Skipped", "top": "Skipped", "report": "Completed"},
}
History = Callable[[object], Recorded]


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """The catalog of that graph, all of whose files are there."""
    return write_graph(tmp_path / "graph", ENTRIES)


def totals(store: Path) -> dict[str, float]:
    """What each sum of the store comes to."""
    names = [pointer.parent.name for pointer in store.glob("*/current.json")]
    loaded = {name: library.load(name, store) for name in names}
    return {
        name: float(one.tensors["total"]) for name, one in loaded.items() if "total" in one.tensors
    }


def rows(done: Done) -> dict[str, str]:
    """The rows of the table that a run printed, by name, in their order."""
    table = re.split(r"(?m)^ ─+ *$", done.out)[1]
    found = [re.match(r" (\w+) +(.*?) *$", line) for line in table.splitlines()]
    return {line[1]: line[2] for line in found if line}


@pytest.mark.slow
@pytest.mark.parametrize("runner", RUNNERS)
def test_all_is_made_in_order(runner: str, server: str, catalog: Path) -> None:
    """What an entry is of is made before it, at any depth, and stands before it; then all is there.

    So it is whatever the order of the file, and wherever tasks run.
    """
    expect_runner(runner)
    done = run_ptm("run", *place(catalog), "--runner", runner)
    assert done.code == 0 and not done.left_behind, done
    assert list(rows(done)) == ORDER
    assert totals(catalog.parent / "store") == TOTALS
    said = re.findall(r"(?m)^(\w+): made in ", done.out)
    assert sorted(said) == sorted(ORDER)
    assert "note" not in done.out, "the code of the sums is known to the last import"
    expected = dict.fromkeys(ORDER, "Completed") | {"report": "Completed"}
    assert states_of(server, flow_run_in(done.out)) == expected
    again = call_ptm("run", *place(catalog))
    expected = dict.fromkeys(ORDER, "Cached") | {"report": "Completed"}
    assert states_of(server, flow_run_in(again.out)) == expected
    assert again.code == 0 and all(row.endswith(" cached") for row in rows(again).values())


@pytest.mark.slow
@pytest.mark.parametrize("runner", RUNNERS)
def test_one_of_two_upstreams_fails(runner: str, server: str, catalog: Path) -> None:
    """What is of a failed entry, though not of that alone, is skipped, and what is of that in turn.

    Each says what was not made. The rest is made, and the next run makes what was left.
    """
    expect_runner(runner)
    (catalog.parent / "b.csv").unlink()
    done = run_ptm("run", *place(catalog), "--runner", runner)
    assert done.code == 1 and not done.left_behind, done
    states = states_of(server, flow_run_in(done.out))
    assert states == WITHOUT_B
    table = rows(done)
    assert list(table) == ["a", "c", "alone", "b", "both", "top"]
    assert re.fullmatch(r"b was not made +skipped", table["both"])
    assert re.fullmatch(r"both was not made +skipped", table["top"])
    assert "both: skipped, b was not made\n" in done.out
    assert done.words.count("failed b: expected a file or folder in the data root") == 1
    assert totals(catalog.parent / "store") == {"alone": 3.0}
    (catalog.parent / "b.csv").write_text(ROWS)
    again = call_ptm("run", *place(catalog))
    ends = {name: row.split()[-1] for name, row in rows(again).items()}
    found = dict.fromkeys(["a", "c", "alone"], "cached")
    assert again.code == 0 and ends == found | dict.fromkeys(["b", "both", "top"], "made")
    assert list(ends) == ORDER and totals(catalog.parent / "store") == TOTALS


def test_lineage(catalog: Path, history: History) -> None:
    """In the dashboard each task depends on those of the entries that its own is of, no others."""
    done = call_ptm("run", *place(catalog))
    tasks = history(flow_run_in(done.out)).tasks
    names = {task["id"]: name for name, task in tasks.items()}
    reads = {
        name: {names[each["id"]] for inputs in task["task_inputs"].values() for each in inputs}
        for name, task in tasks.items()
        if name != "report"
    }
    assert reads == {name: set(of) for name, of in ENTRIES.items()}


def test_dashboard_of_what_was_skipped(catalog: Path, history: History) -> None:
    """The tables of the run say what failed and what was skipped for it, first and in order."""
    (catalog.parent / "b.csv").unlink()
    done = call_ptm("run", *place(catalog))
    known = history(flow_run_in(done.out))
    faults = json.loads(known.artifacts["graph-failures"]["data"])
    assert [(row["source"], row["state"]) for row in faults if row["state"]] == [
        ("b", "failed"),
        ("both", "skipped"),
        ("top", "skipped"),
    ]
    assert [row["what"] for row in faults][-2:] == ["b was not made", "both was not made"]
    table = json.loads(known.artifacts["graph-sources"]["data"])
    assert [row["source"] for row in table] == ["b", "both", "top", "a", "c", "alone"]
    message = known.flow_run["state"]["message"]
    assert message.startswith("3 of 6 were not made:\n")
    assert "\n  both: skipped, b was not made\n  top: skipped, both was not made" in message


@pytest.mark.parametrize(
    ("named", "made"),
    [
        (["top"], ["a", "b", "both", "top"]),
        (["both", "c"], ["a", "b", "both", "c"]),
        pytest.param(["alone"], ["c", "alone"], marks=pytest.mark.slow),
        pytest.param(["a"], ["a"], marks=pytest.mark.slow),
        pytest.param(["top", "a", "top"], ["a", "b", "both", "top"], marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_what_is_named(catalog: Path, named: list[str], made: list[str]) -> None:
    """What is named is made with all that it is of, each once, and nothing that is of it."""
    done = call_ptm("run", *named, *place(catalog))
    assert done.code == 0 and list(rows(done)) == made
    planned = call_ptm("run", "--dry-run", *named, *place(catalog))
    assert f"A run would make 0 of {len(made)}." in planned.out


def test_flows_of_what_is_named(catalog: Path) -> None:
    """So it is from Python; the flow of one entry takes its name alone."""
    root = catalog.parent
    where: dict[str, Any] = {"catalog": catalog, "data": root, "artifacts": root / "store"}
    assert list(source("both", **where)) == ["a", "b", "both"]
    refs = pipeline(**where, sources=["top"])
    assert {name: ref.cached for name, ref in refs.items()} == {
        **dict.fromkeys(["a", "b", "both"], True),
        "top": False,
    }
    assert refs["top"].kind == "sum"
    (root / "b.csv").write_text("x\nnone\nmore\n1\n")
    with pytest.raises(PipelineFailed, match="both: skipped, b was not made") as caught:
        source("both", **where)
    assert list(caught.value.outcome.made) == ["a"]


@pytest.mark.slow
def test_force_is_for_what_is_named(catalog: Path) -> None:
    """`--force` makes the named again; what they are of, and what is of them, is found."""
    assert call_ptm("run", *place(catalog)).code == 0
    done = call_ptm("run", "--force", "both", *place(catalog))
    assert re.search(rf"(?m)^both: made in [\d.]+ s \({FORCED}\)$", done.out), done.out
    ends = {name: row.split()[-1] for name, row in rows(done).items()}
    assert ends == {"a": "cached", "b": "cached", "both": "made"}
    rest = call_ptm("run", *place(catalog))
    assert all(row.endswith(" cached") for row in rows(rest).values()), "the same bytes"


def test_a_change_goes_as_far_as_it_reaches(catalog: Path) -> None:
    """Another file makes again all that is of it, and says why; the rest is found."""
    assert call_ptm("run", *place(catalog)).code == 0
    (catalog.parent / "b.csv").write_text("x\n1\n3\n")
    would = plans(catalog)
    assert {name: action for name, (action, _) in would.items()} == {
        **dict.fromkeys(["a", "c", "alone"], "cached"),
        **{"b": "make", "both": "maybe", "top": "maybe"},
    }
    assert would["both"][1] == "b would be made first"
    assert would["top"][1] == "both would be made first"
    done = call_ptm("run", *place(catalog))
    ends = {name: row.split()[-1] for name, row in rows(done).items()}
    assert {name for name in ends if ends[name] == "made"} == {"b", "both", "top"}
    assert totals(catalog.parent / "store") == TOTALS | {"both": 7.0, "top": 10.0}
    assert re.search(r"(?m)^b: made in [\d.]+ s \(file b.csv changed\)$", done.out), done.out
    assert "(upstream b tensors changed and 1 more)\n" in done.out
    assert "(upstream both tensors changed)\n" in done.out


def plans(catalog: Path, *words: str) -> dict[str, tuple[str, str]]:
    """What a run would do about each entry, and why, as `--dry-run` tells."""
    out = call_ptm("run", "--dry-run", *words, *place(catalog)).out
    lines = [
        re.split(" {3,}", line.strip()) for line in re.split(r"(?m)^ ─+ *$", out)[1].split("\n")
    ]
    return {line[0]: (line[1], line[2]) for line in lines if len(line) == 3}


@pytest.mark.slow
def test_plans_look_at_what_would_be_found(catalog: Path) -> None:
    """A dry run knows what is of an artifact that is not current, but that a run would find."""
    for text in (ROWS, "x\n1\n3\n"):
        (catalog.parent / "b.csv").write_text(text)
        assert call_ptm("run", *place(catalog)).code == 0
    shutil.rmtree(catalog.parent / "store/top/keys")
    (catalog.parent / "b.csv").write_text(ROWS)
    would = plans(catalog)
    assert {name: action for name, (action, _) in would.items()} == {
        **dict.fromkeys(["a", "b", "both", "c", "alone"], "cached"),
        "top": "make",
    }
    done = call_ptm("run", *place(catalog))
    ends = {name: row.split()[-1] for name, row in rows(done).items()}
    assert [name for name in ends if ends[name] == "made"] == ["top"]


def test_plans_of_what_is_forced(catalog: Path) -> None:
    """A dry run tells of what is forced that it is made; what is of that comes out alike."""
    assert call_ptm("run", *place(catalog)).code == 0
    would = plans(catalog, "--force", "b", "top")
    assert would["b"] == would["top"] == ("make", FORCED) and would["both"][0] == "cached"
    (catalog.parent / "b.csv").write_text("x\n1\n3\n")
    would = plans(catalog, "--force", "top")
    assert would["both"] == ("maybe", "b would be made first")
    assert would["top"] == ("make", "forced; both would be made first")


WIDE = 14


def wide() -> dict[str, list[str]]:
    """43 entries, three deep: the sums of tables, of two sums each, of all of these."""
    tables = {f"t{n:02}": list[str]() for n in range(WIDE)}
    sums = {f"s{n:02}": [f"t{n:02}"] for n in range(WIDE)}
    pairs = {f"p{n:02}": [f"s{n:02}", f"s{(n + 1) % WIDE:02}"] for n in range(WIDE)}
    return {"all": list(pairs)} | pairs | sums | tables


@pytest.mark.slow  # groups of sources alone are in test_groups, on processes and Dask too
@pytest.mark.parametrize("runner", ["threads", "ray"])
def test_more_than_forty(runner: str, server: str, tmp_path: Path) -> None:
    """A run of so many holds those of a kind and a depth in one task, which ends as they did."""
    expect_runner(runner)
    catalog = write_graph(tmp_path / "wide", wide(), lost=["t03"])
    done = run_ptm("run", *place(catalog), "--runner", runner)
    assert done.code == 1 and not done.left_behind, done
    flow_run = flow_run_in(done.out)
    states = states_of(server, flow_run)
    skipped = {"s03", "p02", "p03", "all"}
    ends = {name: states[name] for name in wide()}
    assert ends == (
        dict.fromkeys(wide(), "Completed") | dict.fromkeys(skipped, "Skipped") | {"t03": "Failed"}
    )
    assert groups(server, flow_run) == [
        ("sum (1)", "Skipped", "1 of 1 were skipped"),
        ("sum (14)", "Skipped", "1 of 14 were skipped"),
        ("sum (14)", "Skipped", "2 of 14 were skipped"),
        ("table (14)", "Failed", "1 of 14 failed"),
    ]
    assert list(rows(done)) == ["t03", "s03", "p02", "p03", "all"]
    assert re.fullmatch(r"p02 was not made +skipped", rows(done)["all"])
    assert "38 made, 1 failed, 4 skipped" in done.out
    (tmp_path / "wide/t03.csv").write_text(ROWS)
    again = call_ptm("run", *place(catalog))
    assert again.code == 0 and "5 made, 38 cached" in again.out
    assert totals(catalog.parent / "store")["all"] == 2 * 3.0 * WIDE
    found = groups(server, flow_run_in(again.out))
    assert {(state, said) for _, state, said in found} == {
        ("Completed", "all 14 were made, or there already"),
        ("Completed", "all 1 were made, or there already"),
    }


def groups(server: str, flow_run: str) -> list[tuple[str, str, str]]:
    """The tasks of a run that hold others: name, state and message, sorted."""
    states_of(server, flow_run)
    nodes = httpx.get(f"{server}/flow_runs/{flow_run}/graph-v2", timeout=30).json()["nodes"]
    held = {above["id"] for _, node in nodes for above in node["encapsulating"]}
    known = [httpx.get(f"{server}/task_runs/{one}", timeout=30).json() for one in held]
    return sorted((one["name"], one["state_name"], one["state"]["message"]) for one in known)
