"""What the `ptm` command shows on the terminal: progress, tables, and where to look next."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

if TYPE_CHECKING:
    from ptm.content import Artifact
    from tasks.states import Outcome

console = Console(highlight=False)
CANCELLED = 130  # the exit code after Ctrl-C: 128 and the number of the signal


def run(options: dict[str, Any], runner: str) -> int:
    """Runs the pipeline and shows what it came to; the exit code.

    It does not return where the server was lost: what Prefect still has to send has nowhere to go,
    and it would try for minutes.
    """
    from prefect.utilities.urls import url_for

    from flows.pipeline import pipeline
    from flows.runners import task_runner
    from flows.served import HistoryLost
    from flows.server import connected
    from ptm.sample import is_sample
    from tasks.states import Outcome, PipelineFailed

    # what the tasks run on is loaded first: its lack is told before a server is started
    flow = pipeline.with_options(task_runner=task_runner(runner))
    address = ""
    with connected(console.print), _progress():
        try:
            state: Any = flow(**options, return_state=True)
            address = str(url_for("flow-run", obj_id=state.state_details.flow_run_id))
            result = state.result(raise_on_failure=False)
        except HistoryLost as error:
            result = error
    if isinstance(result, PipelineFailed | HistoryLost):
        outcome = result.outcome
    elif isinstance(result, BaseException):
        console.print(f"[red]error: {escape(str(result))}[/]")
        console.print(f"Run in the dashboard: {address}", soft_wrap=True)
        return 1
    else:
        outcome = Outcome(result)
    _outcome(outcome, options["artifacts"])
    if is_sample(Path(options["data"])):
        console.print(
            "[bold yellow]All of it from GENERATED SAMPLE DATA: the figures mean nothing.[/]"
        )
    if isinstance(result, HistoryLost):
        console.print(f"[red]error: {escape(str(result))}[/]")
        sys.stdout.flush()
        os._exit(1)
    console.print(f"Run in the dashboard: {address}", soft_wrap=True)
    if outcome.cancelled:
        console.print("[yellow]Cancelled.[/] Go on with: ptm run")
        return CANCELLED
    again = [name for name, ref in outcome.made.items() if ref.why not in ("", "new")]
    if again:
        console.print(f"Why it was made again: ptm explain {again[0]}")
    elif outcome.made:
        console.print(f"Look closer: ptm show {next(iter(outcome.made))}")
    return 1 if outcome.failed or outcome.skipped else 0


def _outcome(outcome: Outcome, artifacts: str) -> None:
    table = table_of("source", "tensors", ">size", ">seconds", "")
    for name, ref in outcome.made.items():
        cached = "[cyan]cached[/]" if ref.cached else "[green]made[/]"
        table.add_row(name, _tensors(ref.tensors), size(ref.bytes), f"{ref.seconds:.2f}", cached)
    for name in outcome.failed:
        table.add_row(name, "", "", "", "[red]failed[/]")
    for name, reason in outcome.skipped.items():
        table.add_row(name, escape(reason), "", "", "[yellow]skipped[/]")
    for name, reason in outcome.cancelled.items():
        table.add_row(name, escape(reason), "", "", "[yellow]cancelled[/]")
    console.print(table)
    for name, ref in outcome.made.items():
        for warning in ref.warnings:
            console.print(f"[yellow]note[/] {name}: {escape(warning)}")
    for message in outcome.failed.values():
        console.print(f"[red]failed[/] {escape(message)}")
    console.print(f"Artifacts: {artifacts}")


@contextmanager
def _progress() -> Iterator[None]:
    """One line for each source as it ends, and below them a bar with those under way."""
    bar = Progress(
        SpinnerColumn(),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        console=console,
        transient=True,
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

    def emit(self, record: logging.LogRecord) -> None:
        started, ended = getattr(record, "ptm_started", None), getattr(record, "ptm_ended", None)
        if started:
            self._under_way.add(started)
        if ended:
            self._under_way.discard(ended)
            self._bar.console.print(escape(record.getMessage().splitlines()[0]), soft_wrap=True)
            self._bar.advance(self._task)
        total = getattr(record, "ptm_total", None)
        if total:
            self._bar.update(self._task, total=total)
        text = ", ".join(sorted(self._under_way))
        if getattr(record, "ptm_waiting", False):
            text = record.getMessage()
        self._bar.update(self._task, description=escape(text))


def status(rows: list[dict[str, Any]], artifacts: Path) -> None:
    """The artifacts of a store."""
    if not rows:
        console.print(f"No artifacts in {artifacts} yet. Make them with: ptm run")
        return
    table = table_of("name", "tensors", ">size", "made (UTC)")
    for row in rows:
        if "error" in row:
            table.add_row(row["name"], f"[red]{escape(row['error'])}[/]")
        else:
            made = (row["made"] or "")[:16].replace("T", " ")
            table.add_row(row["name"], _tensors(row["tensors"]), size(row["bytes"]), made)
    console.print(table)
    console.print(f"Look closer: ptm show {rows[0]['name']}")


def show(artifact: Artifact, artifacts: Path) -> None:
    """One artifact."""
    manifest = artifact.manifest
    console.print(f"[bold]{artifact.name}[/] ({manifest['kind']}) {artifact.path}", soft_wrap=True)
    table = table_of("tensor", "shape", "dtype", "axes")
    for name, entry in manifest["tensors"].items():
        shape = " x ".join(map(str, entry["shape"]))
        table.add_row(name, shape, entry["dtype"], ", ".join(entry["axes"]))
    console.print(table)
    if artifact.scaler:
        table = table_of("scaled", ">shift", ">scale")
        scaler = artifact.scaler
        for row in zip(scaler.names, scaler.shift, scaler.scale, strict=True):
            table.add_row(row[0], f"{row[1]:.6g}", f"{row[2]:.6g}")
        console.print(f"Scaler ({scaler.method}): (value - shift) / scale")
        console.print(table)
    for fact, value in manifest["facts"].items():
        console.print(f"{fact}: {escape(_short(value))}")
    for warning in manifest["warnings"]:
        console.print(f"[yellow]note[/] {escape(warning)}")
    for name, frame in artifact.tables.items():
        _frame(name, frame)
    for picture in _pictures(artifact, artifacts):
        console.print(f"Picture: {picture}", soft_wrap=True)


def _frame(name: str, frame: Any) -> None:
    shown = list(frame.columns[:6])
    more = f", {len(frame.columns) - 6} more columns" if len(frame.columns) > 6 else ""
    console.print(f"\nTable {name}: {len(frame)} rows{more}; the first:")
    table = table_of(*(f"{column}" for column in shown))
    units = [frame.attrs["units"].get(column, "") for column in shown]
    if any(units):
        table.add_row(*(f"[dim]{escape(unit)}[/]" for unit in units))
    for row in frame[shown].head(5).itertuples(index=False):
        table.add_row(*(escape(_cell(value)) for value in row))
    console.print(table)


def _cell(value: Any) -> str:
    if value is None or value != value:  # a missing value, or NaN in its place
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _pictures(artifact: Artifact, artifacts: Path) -> list[Path]:
    from ptm.exhibits import picture

    stored = [artifact.path / part["file"] for part in artifact.manifest["parts"]]
    pictures = [path for path in stored if path.suffix == ".png"]
    drawn = picture(artifact, artifacts)
    return [*pictures, drawn] if drawn else pictures


def pull(data: Path) -> None:
    """Pulls the book's data with one bar for all files."""
    from ptm.download import mirror_from_environment
    from ptm.download import pull as pull_data

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

        report = pull_data(data, mirror=mirror_from_environment(), progress=advance)
    console.print(
        f"Data: {len(report.fetched)} files fetched, {len(report.kept)} were there and whole, "
        f"in {data}"
    )


def files(data: Path) -> None:
    """The files of the registry, by folder: how many there are of how many."""
    from ptm.download import missing, read_registry

    absent = set(missing(data))
    folders: dict[str, list[str]] = {}
    for name in read_registry():
        folders.setdefault(str(Path(name).parent), []).append(name)
    table = table_of("folder", ">files", ">there")
    for folder, names in folders.items():
        there = sum(name not in absent for name in names)
        table.add_row(escape(folder), str(len(names)), str(there))
    console.print(table)
    if absent:
        console.print(f"{len(absent)} are missing. Get them with: ptm data pull")


def table_of(*columns: str) -> Table:
    """A plain table; a column whose name starts with '>' is aligned to the right."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.lstrip(">"), justify="right" if right else "left")
    return table


def _tensors(tensors: dict[str, Any]) -> str:
    """One line for each tensor, or one for all where there are many alike."""
    kinds = {name: f"{'x'.join(map(str, t['shape']))} {t['dtype']}" for name, t in tensors.items()}
    if len(kinds) > 4 and len(set(kinds.values())) == 1:
        return f"{len(kinds)} tensors, each {next(iter(kinds.values()))}"
    return "\n".join(f"{name} {kind}" for name, kind in kinds.items())


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _short(value: Any) -> str:
    """One fact of a manifest, cut where it is long."""
    if isinstance(value, list) and value and all(isinstance(entry, str) for entry in value):
        text = ", ".join(value)
    else:
        text = str(value)
    return text if len(text) < 400 else f"{text[:400]} … ({len(value)} in all)"
