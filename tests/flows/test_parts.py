"""Entries of many parts through the flow: their tasks, their ends, and what the terminal says."""

from __future__ import annotations

import errno
import json
import logging
import re
import signal
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from rich.progress import Progress

import ptm as library
from flows.running.runner_names import RUNNERS
from flows.terminal import screen
from flows.terminal.console import console
from ptm.kinds import images
from tests.support.commands import Done, Started, call_ptm, run_ptm, wait_until
from tests.support.graphs import SUM
from tests.support.machine import expect_runner
from tests.support.many import write_many
from tests.support.photos import Photos, Watch, note_reads, numbers_in, photo, write_photos
from tests.support.servers import Recorded, flow_run_in, posted, states_of
from tests.support.stores import digests, publications

pytestmark = [pytest.mark.operate, pytest.mark.usefixtures("server")]
COUNT, SIDE = 200, 64
PART = 10 * SIDE * SIDE * 3  # bytes: ten photos
MOST, HERE = 16, 4  # tasks over the parts of an entry on one machine; of these at once
HEAD = '[catalog]\nname = "parted"\nkinds = {{ sum = "sums.py" }}\n\n{}\n'
MORE = '\n[rows]\nkind = "table"\npath = "rows.csv"\n\n[total]\nkind = "sum"\nof = "raw"\n'
ENTRIES = ("raw", "scaled", "rows", "total")
Start = Callable[..., Started]
History = Callable[[object], Recorded]


def lay_out(root: Path, count: int = COUNT) -> Photos:
    """Photos raw and scaled, a small table, and the sum of the raw photos."""
    photos = write_photos(root, count, SIDE, PART)
    (root / "sums.py").write_text(SUM)
    (root / "rows.csv").write_text("a,b\n1,2\n3,4\n")
    photos.catalog.write_text(HEAD.format(photos.catalog.read_text()) + MORE)
    return photos


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Photos:
    """All of them whole; not to be changed."""
    return lay_out(tmp_path_factory.mktemp("parted") / "data")


@pytest.fixture
def few(tmp_path: Path) -> Photos:
    """Sixty of them, to be changed."""
    return lay_out(tmp_path / "data", 60)


def content(store: Path) -> dict[str, str]:
    """The digest of each file of the artifacts, without their views."""
    return {name: one for name, one in digests(store).items() if "views" not in name}


@pytest.fixture(scope="module")
def inline(photos: Photos, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that `ptm.tensorize` made of all entries."""
    return made_inline(photos, tmp_path_factory.mktemp("inline") / "store")


def made_inline(photos: Photos, store: Path) -> Path:
    """Makes all entries with `ptm.tensorize`."""
    for source in library.load_catalog(photos.catalog, photos.root).values():
        library.tensorize(source, store)
    return store


@dataclass
class Ran:
    """A run of all entries: how it ended, its store, and what it logged of parts."""

    done: Done
    store: Path
    said: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def on_threads(server: str, photos: Photos, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run on threads, in this process."""
    store = tmp_path_factory.mktemp("threads") / "store"
    said, emit = list[str](), screen._Watcher.emit

    def noted(watcher: screen._Watcher, record: logging.LogRecord) -> None:
        said.extend([record.ptm_part[1]] if hasattr(record, "ptm_part") else [])
        emit(watcher, record)

    with mock.patch.object(screen._Watcher, "emit", noted):
        done = call_ptm("run", *photos.place(store))
    return Ran(done, store, said)


def check_content(store: Path, inline: Path, count: int = COUNT) -> None:
    """All is there to the byte, in order; and the sum is that of all pixels."""
    assert content(store) == content(inline)
    for stored in ("raw", "scaled"):
        assert numbers_in(library.load(stored, store)) == list(range(count))
    total = library.load("total", store).tensors["total"].item()
    assert total == sum(int(photo(number, SIDE).sum()) for number in range(count))


def expected_tasks(parts: int, most: int) -> set[str]:
    """The names of the task runs of a run of all entries."""
    count = min(parts, most)
    steps = ("raw: measure", "scaled: measure", "scaled: encode")
    return {*ENTRIES, "report"} | {
        f"{step} {number} of {count}" for step in steps for number in range(1, count + 1)
    }


def test_same_bytes_on_threads(on_threads: Ran, inline: Path) -> None:
    """A run makes what `ptm.tensorize` makes, to the byte."""
    assert on_threads.done.code == 0, on_threads.done
    check_content(on_threads.store, inline)


def test_tasks_over_parts(server: str, on_threads: Ran, inline: Path) -> None:
    """An entry is a task of its name; its parts are made by sixteen more at each step, at most."""
    states = states_of(server, flow_run_in(on_threads.done.out))
    parts = len(library.load("raw", inline).parts)
    assert parts > MOST
    assert states == dict.fromkeys(expected_tasks(parts, MOST), "Completed")


def test_no_error_is_logged(server: str, on_threads: Ran) -> None:
    """A good run tells the dashboard of no error."""
    flow_run = flow_run_in(on_threads.done.out)
    states_of(server, flow_run)
    of_run = {"flow_run_id": {"any_": [flow_run]}, "level": {"ge_": logging.WARNING}}
    logs = posted(server, "/logs/filter", {"logs": of_run, "limit": 200})
    assert [log["message"].partition("\n")[0] for log in logs] == []


def test_what_is_of_many_parts_waits(on_threads: Ran, history: History) -> None:
    """An entry that is of one of many parts begins when that one has ended."""
    tasks = history(flow_run_in(on_threads.done.out)).tasks
    assert tasks["total"]["start_time"] >= tasks["raw"]["end_time"]
    of_raw = [task for name, task in tasks.items() if name.startswith("raw: ")]
    assert all(task["end_time"] <= tasks["raw"]["end_time"] for task in of_raw)
    assert all(task["start_time"] >= tasks["raw"]["start_time"] for task in of_raw)


def run_on(runner: str, photos: Photos, store: Path) -> Done:
    """A run of all entries on a runner, which leaves no process behind."""
    expect_runner(runner)
    done = run_ptm("run", *photos.place(store), "--runner", runner)
    assert done.code == 0 and not done.left_behind, done
    return done


@pytest.mark.slow
def test_same_bytes_on_processes(
    server: str, photos: Photos, inline: Path, history: History, tmp_path: Path
) -> None:
    """Processes make the same bytes, with as many tasks; the next run finds all of it."""
    store = tmp_path / "store"
    done = run_on("processes", photos, store)
    check_content(store, inline)
    check_tasks(history(flow_run_in(done.out)), library.load("raw", inline), MOST)
    again = run_on("processes", photos, store)
    states = states_of(server, flow_run_in(again.out))
    assert states == dict.fromkeys(ENTRIES, "Cached") | {"report": "Completed"}


@pytest.mark.slow
@pytest.mark.parametrize("runner", RUNNERS[2:])
def test_same_bytes_on_a_cluster(
    runner: str, server: str, few: Photos, history: History, tmp_path: Path
) -> None:
    """Dask and Ray make the same bytes; there too what is of many parts waits for it."""
    store, inline = tmp_path / "store", made_inline(few, tmp_path / "inline")
    done = run_on(runner, few, store)
    check_content(store, inline, few.count)
    # what is of an entry that is driven here has to be driven here too
    driven = {"total: analyze 1 of 1"}
    check_tasks(history(flow_run_in(done.out)), library.load("raw", inline), 200, driven)
    again = run_on("threads", few, store)
    states = states_of(server, flow_run_in(again.out))
    assert states == dict.fromkeys(ENTRIES, "Cached") | {"report": "Completed"}


def check_tasks(
    known: Recorded, raw: library.Artifact, most: int, more: Collection[str] = ()
) -> None:
    """The tasks of a run of all entries, over at most so many groups of parts, and their order."""
    expected = expected_tasks(len(raw.parts), most) | {*more}
    states = {name: task["state_name"] for name, task in known.tasks.items()}
    assert states == dict.fromkeys(expected, "Completed")
    assert known.tasks["total"]["start_time"] >= known.tasks["raw"]["end_time"]


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Notes the parts that runs in this process read."""
    noted = Watch(tmp_path / "read")
    monkeypatch.setattr(images, "read", images.read)  # put back afterwards
    note_reads(images, noted.variables)
    return noted


def test_a_broken_photo(few: Photos, watch: Watch, tmp_path: Path) -> None:
    """A photo that is broken fails its entry, which publishes nothing; others are made.

    Once it is whole, the next run reads the parts around it and no other.
    """
    store, broken = tmp_path / "store", few.folder / "00030.png"
    raw = broken.read_bytes()
    broken.write_bytes(raw[: len(raw) // 2])
    done = call_ptm("run", "raw", "rows", "total", *few.place(store))
    assert done.code == 1, done
    assert done.out.count("photos/00030.png") == 1 and "failed raw: " in done.out
    assert "rows: made" in done.out and "raw was not made" in done.words
    assert publications(store, "raw") == set() and not (store / "raw" / "current.json").exists()
    assert sorted(watch.names()) == sorted(path.name for path in few.folder.iterdir())
    before = len(watch.parts())
    broken.write_bytes(raw)
    done = call_ptm("run", "raw", *few.place(store))
    assert done.code == 0, done
    assert 1 <= len(watch.parts()) - before <= 2
    assert numbers_in(library.load("raw", store)) == list(range(60))


def test_what_may_pass_is_tried_again(
    photos: Photos,
    watch: Watch,
    history: History,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """An error of the disk that passes has the task of that group tried again, and nothing more.

    What the group had made before is not made again.
    """
    read, failed = images.read, list[str]()

    def fails_once(options: Any, part: Any) -> Any:
        names = [file.name for file in part.files]
        if "00100.png" in names and not failed:
            failed.extend(names)
            raise OSError(errno.EIO, "Input/output error", names[0])
        return read(options, part)

    monkeypatch.setattr(images, "read", fails_once)
    done = call_ptm("run", "raw", *photos.place(tmp_path / "store"))
    assert done.code == 0 and failed, done
    assert set(Counter(watch.names()).values()) == {1}, "each part was read once"
    assert sorted(watch.names()) == sorted(path.name for path in photos.folder.iterdir())
    tasks = history(flow_run_in(done.out)).tasks
    runs = {name: task["run_count"] for name, task in tasks.items()}
    again = [name for name, count in runs.items() if count != 1]
    assert len(again) == 1 and again[0].startswith("raw: measure "), runs
    assert runs[again[0]] == 2
    assert numbers_in(library.load("raw", tmp_path / "store")) == list(range(COUNT))
    assert {task["state_name"] for task in tasks.values()} == {"Completed"}


@pytest.mark.slow
def test_what_does_not_pass(
    few: Photos, history: History, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An error of the disk that stays is tried four times in its group, and nowhere else again."""
    read = images.read

    def fails(options: Any, part: Any) -> Any:
        if "00030.png" in [file.name for file in part.files]:
            raise OSError(errno.EIO, "Input/output error", "00030.png")
        return read(options, part)

    monkeypatch.setattr(images, "read", fails)
    done = call_ptm("run", "raw", *few.place(tmp_path / "store"))
    assert (
        done.code == 1 and "raw: OSError: [Errno 5] Input/output error: '00030.png'" in done.words
    )
    tasks = history(flow_run_in(done.out)).tasks
    runs = {name: task["run_count"] for name, task in tasks.items() if task["run_count"] != 1}
    assert len(runs) == 1 and min(runs).startswith("raw: measure ") and set(runs.values()) == {4}


@pytest.mark.slow
@pytest.mark.parametrize(("times", "runner"), [(1, "threads"), (2, "processes")])
def test_ctrl_c(
    server: str, photos: Photos, inline: Path, start: Start, tmp_path: Path, times: int, runner: str
) -> None:
    """Ctrl-C ends a run in the middle of an entry, and the next one goes on from there.

    After one, what was under way has ended and is not read again; after two, it may be.
    """
    store, hold = tmp_path / "store", tmp_path / "hold"
    hold.touch()
    watch = Watch(tmp_path / "read", hold, "00100.png")
    command = ("run", "raw", "total", *photos.place(store), "--runner", runner)
    run = start(*command, **watch.environment(tmp_path))
    wait_until(lambda: watch.waits, 60, "a part that is read")
    run.signal(signal.SIGINT)
    run.wait_for("Cancelling")
    if times == 2:
        run.signal(signal.SIGINT)
    else:
        hold.unlink()
    done = run.end()
    hold.unlink(missing_ok=True)
    assert done.code == 130 and not done.left_behind and "Traceback" not in done.out, done
    states = states_of(server, flow_run_of(server, store))
    assert states["raw"] == "Cancelled" and states.get("total", "Cancelled") != "Completed"
    assert set(states.values()) <= {"Completed", "Cancelled", "Skipped"}
    assert not (store / "raw" / "current.json").exists()
    first = watch.parts()
    assert run_ptm(*command, **watch.environment(tmp_path)).code == 0
    counts = Counter(watch.names())
    assert len(counts) == COUNT
    again = [part for part in first if counts[part[0]] > 1]
    assert len(again) <= (0 if times == 1 else HERE), again
    assert {name: one for name, one in content(store).items() if "raw/" in name} == {
        name: one for name, one in content(inline).items() if "raw/" in name
    }


def flow_run_of(api: str, store: Path) -> str:
    """The id of the run that was told to use a store."""
    runs = posted(api, "/flow_runs/filter", {"limit": 200})
    return str(next(run["id"] for run in runs if run["parameters"].get("artifacts") == str(store)))


def test_timeout(server: str, few: Photos, tmp_path: Path) -> None:
    """An entry of many parts that takes longer than its `timeout` is ended; others are made.

    That is told once, by the entry: of its parts those that were not made are cancelled.
    """
    text = few.catalog.read_text()
    few.catalog.write_text(text.replace("[raw]", '[raw]\ntimeout = "1s"'))
    hold = tmp_path / "hold"
    hold.touch()
    watch = Watch(tmp_path / "read", hold, "00030.png")
    store = tmp_path / "store"
    done = call_ptm("run", "raw", "rows", *few.place(store), **watch.environment(tmp_path))
    hold.unlink()
    assert done.code == 1 and "rows: made" in done.out, done
    text = "raw: expected to be made within 1 s, it was not: ended"
    assert done.words.count(text) == 1
    assert publications(store, "raw") == set()
    flow_run = flow_run_of(server, store)
    states = states_of(server, flow_run)
    assert states["raw"] == "Failed" and states["rows"] == "Completed"
    ends = [state for name, state in states.items() if name.startswith("raw: ")]
    assert "Cancelled" in ends and {*ends} <= {"Completed", "Cancelled"}

    def named() -> set[str]:
        logs = posted(server, "/logs/filter", {"logs": {"flow_run_id": {"any_": [flow_run]}}})
        return {log["task_run_id"] for log in logs if text in log["message"]} - {None}

    assert len(wait_until(named, 60, "the log of the task")) == 1  # logs come in batches


@pytest.mark.slow
def test_timeout_of_all_parts(few: Photos, tmp_path: Path) -> None:
    """What an entry may take is for all of its parts together, also where each is made in time."""
    store, seconds = tmp_path / "store", 4.0
    library.tensorize(few.source("raw"), tmp_path / "inline")
    rounds = len(library.load("raw", tmp_path / "inline").parts) / HERE
    assert rounds > 2, "three times four parts, so 12 s at least"
    text = few.catalog.read_text()
    few.catalog.write_text(text.replace("[raw]", '[raw]\ntimeout = "11s"'))
    watch = Watch(tmp_path / "read", seconds=seconds)
    command = ("run", "raw", *few.place(store))
    done = call_ptm(*command, **watch.environment(tmp_path))
    assert done.code == 1 and "raw: expected to be made within 11 s" in done.words, done
    assert publications(store, "raw") == set()


@pytest.mark.slow
def test_a_run_that_takes_too_long(few: Photos, tmp_path: Path) -> None:
    """So is it by the limit of the run; the next run, without one, goes on."""
    hold = tmp_path / "hold"
    hold.touch()
    watch = Watch(tmp_path / "read", hold, "00055.png")
    store = tmp_path / "store"
    command = ("run", "raw", *few.place(store))
    done = call_ptm(*command, "--timeout", "30s", **watch.environment(tmp_path))
    hold.unlink()
    assert done.code == 1 and "30 s of the run" in done.words, done
    read = watch.names()
    done = run_ptm(*command, **watch.environment(tmp_path))
    assert done.code == 0, done
    counts = Counter(watch.names())
    assert sum(counts.values()) < len(read) + 60
    assert numbers_in(library.load("raw", store)) == list(range(60))


SPEED = r", ([\d,]+) samples, [\d,]+/s"


def test_how_far_an_entry_is(on_threads: Ran) -> None:
    """Of each group that ends a run says which it is, and how many samples were read so far."""
    measured = [text for text in on_threads.said if text.startswith("raw: measure")]
    found = [re.fullmatch(rf"raw: measure (\d+) of {MOST}{SPEED}", text) for text in measured]
    assert [int(one[1]) for one in found if one] == list(range(1, MOST + 1)), measured
    samples = [int(one[2]) for one in found if one]
    assert samples == sorted(samples) and samples[-1] == COUNT
    encoded = [text for text in on_threads.said if text.startswith("scaled: encode")]
    assert encoded == [f"scaled: encode {number} of {MOST}" for number in range(1, MOST + 1)]


def test_where_there_is_no_bar(
    on_threads: Ran, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run whose output is no terminal says how far it is, and how fast, every ten seconds."""
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(screen, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    watcher = screen._Watcher(Progress(console=console))
    measured = [text for text in on_threads.said if text.startswith("raw: measure")]
    for text in measured:
        now.seconds += 4
        record = logging.LogRecord("prefect.task_runs", logging.INFO, "", 0, text, (), None)
        record.ptm_part = ("raw", text)
        watcher.emit(record)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines == measured[2::3], "of every 12 seconds the last word"
    assert all(re.search(SPEED, line) for line in lines) and len(lines) == 5


def test_several_under_way(on_threads: Ran) -> None:
    """Of one entry the bar tells the samples; of several, for which there is no room, the parts."""
    first, second = (next(x for x in on_threads.said if x.startswith(n)) for n in ("raw", "scaled"))
    bar = Progress(console=console)
    watcher, shown = screen._Watcher(bar), []
    for text in (first, second):
        name = text.partition(":")[0]
        record = logging.LogRecord("prefect.task_runs", logging.INFO, "", 0, text, (), None)
        record.ptm_started, record.ptm_part = name, (name, text)
        watcher.emit(record)
        shown.append(bar.tasks[0].description)
    assert shown[0] == first and "samples" in first
    assert shown[1] == ", ".join(text.partition(", ")[0] for text in (first, second))
    assert "samples" not in shown[1] and len(shown[1]) < 80 - len("- ==================== 0/2 ")


def many_rows(tasks: Recorded) -> Counter[str]:
    """How many rows of each state the dashboard's table of the entries has."""
    [table] = [one for key, one in tasks.artifacts.items() if key.endswith("-sources")]
    return Counter(row["state"] for row in json.loads(table["data"]))


@pytest.mark.slow
def test_many_that_are_up_to_date(server: str, history: History, tmp_path: Path) -> None:
    """Of 120 entries those that are up to date have no task, but are told and counted as ever."""
    catalog = write_many(tmp_path / "many", 120)
    root = catalog.parent
    place = ("--catalog", catalog, "--data", root, "--artifacts", root / "store")
    for source in library.load_catalog(catalog, root).values():
        library.tensorize(source, root / "store")
    done = call_ptm("run", *place)
    assert done.code == 0 and re.search(r"(?m)^120 cached; ", done.out), done
    known = history(flow_run_in(done.out))
    asked = {"up to date? (120)": "Completed", "report": "Completed"}
    assert {name: task["state_name"] for name, task in known.tasks.items()} == asked
    assert set(many_rows(known)) == {"cached"}
    (root / "s007.csv").write_text("a,b\n7,7\n8,9\n")
    (root / "s008.txt").unlink()
    done = call_ptm("run", *place)
    assert done.code == 1, done
    assert re.search(r"(?m)^1 made, 118 cached, 1 failed; ", done.out), done
    known = history(flow_run_in(done.out))
    states = {name: task["state_name"] for name, task in known.tasks.items()}
    assert states == asked | {"s007": "Completed", "s008": "Failed"}
    rows = many_rows(known)
    assert rows["failed"] == 1 and rows["made"] > 0 and rows["cached"] > 0
    loaded = library.load("s007", root / "store")
    assert loaded.table.to_numpy().tolist() == [[7, 7], [8, 9]]
