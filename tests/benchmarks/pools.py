"""Processes that the work of a side is shared out to, started and warm before it begins."""

from __future__ import annotations

import importlib
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from tests.benchmarks.child import Work

_started: list[
    ProcessPoolExecutor
] = []  # till the end: one that is collected just before ends badly


def pool(processes: int, load: Sequence[str]) -> ProcessPoolExecutor:
    """So many processes, in which these modules will be loaded; the first turn starts them."""
    context = multiprocessing.get_context("spawn")
    _started.append(ProcessPoolExecutor(processes, context, _load, (tuple(load),)))
    return _started[-1]


def _load(modules: Sequence[str]) -> None:
    for module in modules:
        importlib.import_module(module)


def driven(entry: Any, processes: ProcessPoolExecutor) -> Work:
    """Makes an entry of ptm in a new store, its parts in these processes."""
    from ptm.prepare import Call, drive, steps

    def run(calls: list[Call]) -> list[Any]:
        waiting = [processes.submit(function, *arguments) for function, arguments in calls]
        return [one.result() for one in waiting]

    def work(place: Path) -> int:
        return len(drive(steps(entry, place), run).path)

    return work
