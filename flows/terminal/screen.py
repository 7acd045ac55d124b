"""What the `ptm` command shows on the terminal: progress, tables, and where to look next."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Column
from rich.text import Text

from flows.terminal.console import Rows, console, labelled, listed, prose, say, shown, spinner
from flows.terminal.places import same_run
from ptm.command import command
from ptm.model import QUARANTINE
from ptm.shown import readable_size
from ptm.split import CONTENT, FINDINGS

if TYPE_CHECKING:
    from ptm.model import Artifact
    from ptm.scaling import Scaler
    from ptm.views import Drawn
    from tasks.outcome import Outcome

LONG = 40  # letters from which on a value of a table is a sentence
SHOWN, MOST_SCALED = 12, 40  # names of channels in one sentence; rows of a scaler
QUIET = 10.0  # s without a word of an entry of many parts, where there is no bar
MANY = 30  # entries; of more, only what was not made is told one by one
NOTES = 10  # of so many
MOST_ROWS = 12  # of a view: the dashboard has them all
CANCELLED = 130  # the exit code after Ctrl-C: 128 and the number of the signal
# tables that have views of their own, or are for nobody to read
OF_VIEWS = {QUARANTINE, FINDINGS, CONTENT, "statistics", "drift"}


def run(options: dict[str, Any], runner: str) -> int:
    """Runs the pipeline and shows what it came to; the exit code.

    It does not return where the server was lost: what Prefect still has to send has nowhere to go,
    and it would try for minutes.
    """
    from prefect.utilities.urls import url_for

    from flows.pipeline import pipeline
    from flows.running.runners import task_runner
    from flows.running.served import HistoryLost
    from flows.running.server import connected
    from ptm.book.sample import is_sample
    from tasks.outcome import Outcome, PipelineFailed

    # what the tasks run on is loaded first: its lack is told before a server is started
    flow = pipeline.with_options(task_runner=task_runner(runner))
    address = ""
    with connected(say), _progress():
        try:
            state: Any = flow(**options, return_state=True)
            address = str(url_for("flow-run", obj_id=state.state_details.flow_run_id))
            result = state.result(raise_on_failure=False)
        except HistoryLost as error:
            result = error
    if isinstance(result, PipelineFailed | HistoryLost):
        outcome = result.outcome
    elif isinstance(result, BaseException):
        say(f"error: {result}", "red")
        say(f"Run in the dashboard: {address}")
        return 1
    else:
        outcome = Outcome(result)
    _outcome(outcome, options["artifacts"])
    if is_sample(Path(options["data"])):
        prose("All of it from GENERATED SAMPLE DATA: the figures mean nothing.", "bold yellow")
    if isinstance(result, HistoryLost):
        say(f"error: {result}", "red")
        sys.stdout.flush()
        os._exit(1)
    say(f"Run in the dashboard: {address}")
    if outcome.cancelled:
        say(f"Cancelled. Go on with: {same_run(options, runner)}", "yellow")
        return CANCELLED
    again = [name for name, ref in outcome.made.items() if ref.why not in ("", "new")]
    artifacts = Path(options["artifacts"])
    if again:
        say(f"Why it was made again: {command('explain', again[0], artifacts=artifacts)}")
    elif outcome.made:
        first = next(iter(outcome.made))
        say(f"Look closer: {command('show', first, artifacts=artifacts)}")
    return 1 if outcome.failed or outcome.skipped else 0


def _outcome(outcome: Outcome, artifacts: str) -> None:
    right = ("size", "seconds", QUARANTINE)
    rows = Rows(
        "source", "tensors", "size", "seconds", QUARANTINE, "", right=right, bare=["tensors"]
    )
    many = len(outcome.ends()) + len(outcome.cancelled) > MANY
    for name, ref in {} if many else outcome.made.items():
        end = Text("cached", "cyan") if ref.cached else Text("made", "green")
        size, seconds = readable_size(ref.bytes), f"{ref.seconds:.2f}"
        bad = Text(f"{ref.bad:,}", "yellow") if ref.bad else ""
        rows.add(name, _tensors(ref.tensors), size, seconds, bad, end)
    for name in outcome.failed:
        rows.add(name, "", "", "", "", Text("failed", "red"))
    for name, reason in outcome.skipped.items():
        rows.add(name, reason, "", "", "", Text("skipped", "yellow"))
    for name, reason in outcome.cancelled.items():
        rows.add(name, reason, "", "", "", Text("cancelled", "yellow"))
    if rows:
        rows.print()
    if many:
        say(_summary(outcome), "bold")
    notes = [f"{name}: {text}" for name, ref in outcome.made.items() for text in ref.warnings]
    for note in notes[:NOTES] if many else notes:
        labelled("note", "yellow", note)
    if many and len(notes) > NOTES:
        say(f"… and {len(notes) - NOTES} more notes; those of one: {command('show', 'NAME')}")
    for message in outcome.failed.values():
        labelled("failed", "red", message)
    say(f"Artifacts: {artifacts}")


def _summary(outcome: Outcome) -> str:
    """How many there are of each end, and the size of all that was made."""
    refs = list(outcome.made.values())
    cached = sum(ref.cached for ref in refs)
    counts = {
        "made": len(refs) - cached,
        "cached": cached,
        "failed": len(outcome.failed),
        "skipped": len(outcome.skipped),
        "cancelled": len(outcome.cancelled),
    }
    told = ", ".join(f"{count} {end}" for end, count in counts.items() if count)
    bad = sum(ref.bad for ref in refs)
    told += f"; {bad:,} samples in quarantine" if bad else ""
    return f"{told}; {readable_size(sum(ref.bytes for ref in refs))} in all"


@contextmanager
def _progress() -> Iterator[None]:
    """One line for each source as it ends, and below them a bar with those under way.

    Of many sources a line for each that failed, and for each tenth of all.
    """
    bar = Progress(
        spinner(),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        # what there is no room for is cut, and no bar for it
        TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True)),
        console=console,
        transient=True,
        expand=True,
    )
    handler = _Watcher(bar)
    loggers = [logging.getLogger(name) for name in ("prefect.flow_runs", "prefect.task_runs")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        with bar:
            yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


class _Watcher(logging.Handler):
    """Turns what the flow and its tasks log into progress."""

    def __init__(self, bar: Progress) -> None:
        super().__init__()
        self._bar, self._under_way = bar, set[str]()
        self._task = bar.add_task("starting", total=None)
        self._total, self._done, self._tenths = 0, 0, 0
        self._parts: dict[str, str] = {}  # of entries of many parts, how far they are
        self._said = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "ptm_note", False):
            labelled("note:", "yellow", record.getMessage())
        started, ended = getattr(record, "ptm_started", None), getattr(record, "ptm_ended", None)
        if started:
            self._under_way.add(started)
        if ended:
            self._under_way.discard(ended)
            self._tell(ended, record)
            self._bar.advance(self._task)
        name, text = getattr(record, "ptm_part", ("", ""))
        if name:
            self._part(name, text)
        total = getattr(record, "ptm_total", None)
        if total:
            self._total = total
            self._bar.update(self._task, total=total)
        under_way = [self._parts.get(name, name) for name in sorted(self._under_way)]
        if len(under_way) > 1:  # without samples, for which one alone has room
            under_way = [one.partition(", ")[0] for one in under_way]
        text = ", ".join(under_way)
        if getattr(record, "ptm_waiting", False):
            text = record.getMessage()
        self._bar.update(self._task, description=escape(text))

    def _part(self, name: str, text: str) -> None:
        """How far an entry of many parts is: on the bar, or else a line now and then."""
        self._parts[name] = text
        if not self._bar.console.is_terminal and time.monotonic() - self._said > QUIET:
            self._said = time.monotonic()
            prose(text, indent=2)

    def _tell(self, name: str, record: logging.LogRecord) -> None:
        self._done += 1
        # why one failed stands below the table of all, once
        if getattr(record, "ptm_failed", False):
            prose(f"{name}: failed", indent=2)
        elif self._total <= MANY:
            prose(record.getMessage().splitlines()[0], indent=2)
        if self._total > MANY and 10 * self._done // self._total > self._tenths:
            self._tenths = 10 * self._done // self._total
            say(f"{self._done} of {self._total} done")


def status(rows: list[dict[str, Any]], artifacts: Path) -> None:
    """The artifacts of a store."""
    if not rows:
        nothing(artifacts)
        return
    table = Rows("name", "tensors", "size", "made (UTC)", right=["size"], bare=["tensors"])
    for row in rows:
        if "error" in row:
            table.add(row["name"], Text("damaged", "red"), "", "")
        else:
            made = (row["made"] or "")[:16].replace("T", " ")
            table.add(row["name"], _tensors(row["tensors"]), readable_size(row["bytes"]), made)
    table.print()
    for row in rows:
        if "error" in row:
            labelled("damaged", "red", row["error"])
        elif row["pinned"]:
            which = "this one" if row["path"].endswith(row["pinned"]) else row["pinned"]
            say(f"{row['name']}: pinned is {which}")
    say(f"Look closer: {command('show', rows[0]['name'], artifacts=artifacts)}")


def nothing(artifacts: Path) -> None:
    """That a store has no artifacts, and whether it is there at all."""
    from ptm.hints import no_store

    absent = no_store(artifacts)
    where = f"{artifacts}: {absent}" if absent else f"{artifacts} yet"
    say(f"No artifacts in {where}. Make them with: {command('run', artifacts=artifacts)}")


def show(artifact: Artifact, pinned: str = "") -> None:
    """One artifact; and which publication of its name is pinned, if one is."""
    from ptm.explain import minute
    from ptm.store import openings

    manifest = artifact.manifest
    say(f"{artifact.name} ({manifest['kind']}) {artifact.path}", "bold")
    if pinned:
        say("Pinned: this one" if pinned == artifact.path.name else f"Pinned: {pinned}")
    rows = Rows("tensor", "shape", "dtype", "axes", wraps=["axes"])
    for name, entry in manifest["tensors"].items():
        shape = " x ".join(map(str, entry["shape"]))
        rows.add(name, shape, entry["dtype"], ", ".join(entry["axes"]))
    rows.print()
    if artifact.scaler:
        _scaler(artifact.scaler)
    for fact, value in manifest["facts"].items():
        prose(f"{fact}: {_short(value)}")
    for warning in manifest["warnings"]:
        labelled("note", "yellow", warning)
    for split, opened in openings(artifact.path.parent).items():
        times = "once" if opened.times == 1 else f"{opened.times:,} times"
        prose(f"opened by loaders: {split} {times}, the last time {minute(opened.last)}")
    for name in artifact.tables:
        if name not in OF_VIEWS:
            _frame(name, artifact.tables[name])
    for view in artifact.views:
        _view(view)


def _view(view: Drawn) -> None:
    """A table, or where the picture is."""
    say("")
    prose(view.sentence)
    if view.file or view.png:
        say(f"Picture: {view.file or _elsewhere(view)}")
    elif view.rows:
        _table(view.rows)


def _elsewhere(view: Drawn) -> Path:
    """A picture that the store cannot keep, in a temporary folder."""
    from tempfile import mkdtemp

    place = Path(mkdtemp(prefix="ptm-")) / f"{view.name}.png"
    place.write_bytes(view.png)
    return place


def _table(found: list[dict[str, Any]]) -> None:
    """The first rows, and of the columns as many as fit; if not even half of them do, lines."""
    names, head = list(found[0]), found[:MOST_ROWS]
    texts = [name for name in names if all(isinstance(row[name], str) for row in head)]

    def rows_of(count: int) -> Rows:
        rows = Rows(*names[:count], tight=texts)
        for row in head:
            rows.add(*(_cell(row[name]) for name in names[:count]))
        return rows

    fitting = (n for n in range(len(names), len(names) // 2, -1) if rows_of(n).fit())
    shown_ones = next(fitting, len(names))
    rows_of(shown_ones).print()
    more = [f"{len(found) - MOST_ROWS} more rows"] if len(found) > MOST_ROWS else []
    if left := names[shown_ones:]:
        more.append(
            f"{len(left)} more {'columns' if len(left) > 1 else 'column'}: {', '.join(left)}"
        )
    if more:
        prose(f"… and {', and '.join(more)}")


def _scaler(scaler: Scaler) -> None:
    value = "value" if scaler.divisor == 1 else f"value / {scaler.divisor:g}"
    say(f"Scaler ({scaler.method}): ({value} - shift) / scale")
    channels = list(zip(scaler.names, scaler.shift, scaler.scale, strict=True))
    scaled = [channel for channel in channels if channel[1:] != (0, 1)]
    left = [name for name, *numbers in channels if tuple(numbers) == (0, 1)]
    rows = Rows("scaled", "shift", "scale", right=("shift", "scale"))
    for name, shift, scale in scaled[:MOST_SCALED]:
        rows.add(name, f"{shift:.6g}", f"{scale:.6g}")
    rows.print()
    if len(scaled) > MOST_SCALED:
        say(f"… and {len(scaled) - MOST_SCALED} more")
    if left:
        more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
        prose(f"As they are: {', '.join(left[:SHOWN])}{more}")


def _frame(name: str, frame: Any) -> None:
    """The first rows; a line for each column where the terminal is too narrow for a table."""
    columns = list(frame.columns[:6])
    more = f", {len(frame.columns) - 6} more columns" if len(frame.columns) > 6 else ""
    say("")
    prose(f"Table {name}: {len(frame)} rows{more}; the first:")
    units = [str(frame.attrs["units"].get(column, "")) for column in columns]
    cells = [list(map(_cell, frame[column].head(5))) for column in columns]
    # sentences may be wrapped; what is short, or the name of a file, stays in one piece
    sentences = {
        str(column)
        for column, values in zip(columns, cells, strict=True)
        if column != "file" and max(map(len, values), default=0) > LONG
    }
    rows = Rows(*map(str, columns), wraps=sentences)
    if any(units):
        rows.add(*(Text(shown(unit), "dim") for unit in units))
    for row in zip(*cells, strict=True):
        rows.add(*row)
    if rows.fit():
        rows.print()
        return
    for column, unit, values in zip(columns, units, cells, strict=True):
        label = f"{column}{f' [{unit}]' if unit else ''}:"
        listed(label, values, whole=str(column) not in sentences)


def _cell(value: Any) -> str:
    if value is None or value != value:  # a missing value, or NaN in its place
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value).replace("\n", "\\n")


def pull(data: Path) -> None:
    """Pulls the book's data with one bar for all files."""
    from ptm import book
    from ptm.download import mirror_from_environment

    bar = Progress(
        TextColumn("Data"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=None)

        def advance(name: str, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, description=Path(name).name)

        report = book.pull(data, mirror=mirror_from_environment(), progress=advance)
    counts = f"{len(report.fetched)} files fetched, {len(report.kept)} were there and whole"
    say(f"Data: {counts}, in {data}")


def files(data: Path) -> None:
    """The files of the registry, by folder: how many there are of how many."""
    from ptm.book import REGISTRY
    from ptm.download import missing, read_registry

    absent = set(missing(data, REGISTRY))
    folders: dict[str, list[str]] = {}
    for name in read_registry(REGISTRY):
        folders.setdefault(str(Path(name).parent), []).append(name)
    rows = Rows("folder", "files", "there", right=("files", "there"))
    for folder, names in folders.items():
        there = sum(name not in absent for name in names)
        rows.add(folder, str(len(names)), str(there))
    rows.print()
    if absent:
        say(f"{len(absent)} are missing. Get them with: {command('data', 'pull', data=data)}")


def _tensors(tensors: dict[str, Any]) -> str:
    """One line for each tensor, or one for all where there are many alike."""
    kinds = {name: f"{'x'.join(map(str, t['shape']))} {t['dtype']}" for name, t in tensors.items()}
    if len(kinds) > 4 and len(set(kinds.values())) == 1:
        return f"{len(kinds)} tensors, each {next(iter(kinds.values()))}"
    return "\n".join(f"{name} {kind}" for name, kind in kinds.items())


def _short(value: Any) -> str:
    """One fact of a manifest, cut where it is long."""
    if isinstance(value, list) and value and all(isinstance(entry, str) for entry in value):
        text = ", ".join(value)
    else:
        text = str(value)
    return text if len(text) < 400 else f"{text[:400]} … ({len(value)} in all)"
