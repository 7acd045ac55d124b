"""`make bench`: ptm beside the way it is measured against, as ratios within one run.

Both sides run in turn in one process, warmed up once; medians of ROUNDS. Peak memory is that of a
process of its own for each side, above its imports.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT.parent / "shared" / "baseline" / "notebook.py"
DATA = ROOT / "data"
PARTS = ("dog", "cats", "ct", "wine", "bikes", "austen")
ROUNDS = 7
console = Console(highlight=False)


def main() -> None:
    """Measures what can be measured here, and says what was left out."""
    from ptm.book import REGISTRY, pull
    from ptm.download import mirror_from_environment, missing

    mirror = mirror_from_environment()
    if mirror:
        pull(DATA, mirror=mirror)
    left_out = []
    data = DATA
    if missing(DATA, REGISTRY):
        from ptm.book.sample import make_sample

        data = Path(tempfile.mkdtemp()) / "sample"
        make_sample(data, scale=8)
        left_out.append("the book's data (ptm data pull): sample data at scale 8 instead")
    notebook = _notebook(data)
    if notebook is None:
        left_out.append(f"the notebook's side: {NOTEBOOK.name} is not beside the project")
    table = Table(title=f"medians of {ROUNDS}, both sides in turn", title_justify="left")
    for column in ("", "ptm ms", "notebook ms", "ratio", "ptm peak MB", "notebook peak MB"):
        table.add_column(column, justify="left" if not column else "right")
    _data_rows(table, data, notebook)
    table.add_section()
    _fit_rows(table, notebook)
    console.print(table)
    console.print("Peak MB: resident memory above the imports, in a process of its own.")
    console.print(_warm_table(data))
    console.print(_prefect_table(data))
    for what in left_out:
        console.print(f"[yellow]left out:[/] {what}")


def _warm_table(data: Path) -> Table:
    """Runs in which nothing has to be made, beside `git status`, which asks the same of files."""
    from tests.benchmarks import warm

    table = Table(title="\nnothing to make: beyond imports", title_justify="left")
    for column in ("", "ptm ms", "git status ms", "ratio"):
        table.add_column(column, justify="left" if not column else "right")
    first, later = warm.book(data)
    table.add_row("the book, first in a process", f"{first * 1e3:.1f}", "", "")
    table.add_row("the book, again", f"{later * 1e3:.1f}", "", "")
    made, found, git = warm.many()
    compared = (f"{git * 1e3:.0f}", f"{found / git:.1f}") if git else ("", "")
    table.add_row(f"{warm.FILES:,} files", f"{found * 1e3:.0f}", *compared)
    table.add_row("… made", f"{made * 1e3:.0f}", "", "")
    return table


def _prefect_table(data: Path) -> Table:
    """What history, retries and the dashboard cost where nothing has to be made."""
    from tests.benchmarks import orchestration

    table = Table(title="\nnothing to make: with Prefect and without", title_justify="left")
    for column in ("", "ptm s", "beside s", "difference s", "ms for each entry"):
        table.add_column(column, justify="left" if not column else "right")
    run, imports = orchestration.command(data)
    beside = "`ptm run`, beside `import torch, prefect`"
    table.add_row(beside, f"{run:.2f}", f"{imports:.2f}", f"{run - imports:.2f}", "")
    for count, (flow, library) in orchestration.flow(data).items():
        cost = flow - library
        name = f"the flow of {count} entries, beside the library"
        each = f"{cost / count * 1e3:.1f}"
        table.add_row(name, f"{flow:.2f}", f"{library:.2f}", f"{cost:.2f}", each)
    return table


def _data_rows(table: Table, data: Path, notebook: dict[str, Any] | None) -> None:
    times: dict[str, list[float]] = {}
    store = Path(tempfile.mkdtemp(dir=ROOT / "artifacts", prefix=".bench-"))
    with contextlib.redirect_stdout(io.StringIO()):
        for number in range(ROUNDS + 1):
            for side, parts in _sides(data, notebook, store / str(number)).items():
                _settle()
                for part, work in parts.items():
                    start = time.perf_counter()
                    work()
                    if number:  # the first round warms up
                        times.setdefault(f"{side} {part}", []).append(time.perf_counter() - start)
    shutil.rmtree(store)
    middle = {name: median(values) * 1e3 for name, values in times.items()}
    for part in PARTS:
        _add(table, part, middle[f"ptm {part}"], middle.get(f"notebook {part}"))
    total = {
        side: median(map(sum, zip(*(times[f"{side} {part}"] for part in PARTS), strict=True))) * 1e3
        for side in ("ptm", "unsynced", "notebook")
        if f"{side} dog" in times
    }
    memory = {side: _peak(side, data) for side in ("ptm", "notebook") if side == "ptm" or notebook}
    _add(table, "six data parts", total["ptm"], total.get("notebook"), memory)
    _add(table, "… without fsync", total["unsynced"], total.get("notebook"))


def _settle() -> None:
    """The same start for every side: nothing left to write, and memory that is there.

    A virtual machine gives free pages back to its host; to get them again costs as much as the
    work, so a gigabyte is touched before each turn.
    """
    import torch

    os.sync()
    torch.ones(1 << 28)


def _sides(
    data: Path, notebook: dict[str, Any] | None, store: Path
) -> dict[str, dict[str, Callable[[], object]]]:
    """The parts to time, into a fresh store for each round."""
    import ptm

    catalog = ptm.load_catalog(ROOT / "data" / "catalog.toml", data=data)

    def make(part: str, folder: str) -> Callable[[], object]:
        return lambda: ptm.tensorize(catalog[part], artifacts=store / folder)

    def unsynced(part: str) -> Callable[[], object]:
        def work() -> object:
            with mock.patch("os.fsync"):
                return ptm.tensorize(catalog[part], artifacts=store / "unsynced")

        return work

    sides = {
        "ptm": {part: make(part, "synced") for part in PARTS},
        "unsynced": {part: unsynced(part) for part in PARTS},
    }
    if notebook:
        sides["notebook"] = {part: notebook[part] for part in PARTS}
    return sides


def _fit_rows(table: Table, notebook: dict[str, Any] | None) -> None:
    from tests.benchmarks.fits import pairs

    for name, ours, theirs in pairs(notebook):
        mine, others = [], []
        for number in range(ROUNDS + 1):
            start = time.perf_counter()
            ours()
            middle = time.perf_counter()
            if theirs:
                theirs()
            if number:
                mine.append(middle - start)
                others.append(time.perf_counter() - middle)
        _add(table, name, median(mine) * 1e3, median(others) * 1e3 if theirs else None)


def _add(
    table: Table,
    name: str,
    ours: float,
    theirs: float | None,
    memory: dict[str, float] | None = None,
) -> None:
    peaks = [
        f"{memory[side]:.0f}" if memory and side in memory else "" for side in ("ptm", "notebook")
    ]
    ratio = (f"{theirs:.1f}", f"{ours / theirs:.2f}") if theirs else ("", "")
    table.add_row(name, f"{ours:.1f}", *ratio, *peaks)


def _notebook(data: Path) -> dict[str, Any] | None:
    """The functions of the notebook, which run once while they are loaded."""
    if not NOTEBOOK.is_file():
        return None
    arguments = mock.patch.object(sys, "argv", ["notebook.py", str(data / "p1ch4")])
    with arguments, contextlib.redirect_stdout(io.StringIO()):
        return runpy.run_path(str(NOTEBOOK))


def _peak(side: str, data: Path) -> float:
    """Peak resident memory of the six data parts above the imports, MB, in a fresh process."""
    command = [sys.executable, "-m", "tests.benchmarks.memory", side, str(data), str(NOTEBOOK)]
    peaks = []
    for _ in range(3):
        out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        peaks.append(float(json.loads(out.splitlines()[-1])))
    return median(peaks)


if __name__ == "__main__":
    main()
