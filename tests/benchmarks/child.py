"""One side of a benchmark: a process of its own, that works when it is told and says what it took.

It reads lines of JSON. The first names what to import and what prepares the work; each further one
is the folder that the work may write to. Run by `tests.benchmarks.turns`.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

Work = Callable[[Path], Any]  # what it gives back is JSON


def main() -> None:
    """Prepares, says that it is ready, and works for each line that comes."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # what is printed is no answer
    order = json.loads(sys.stdin.readline())
    for module in order["load"]:
        importlib.import_module(module)
    home, name = order["work"].split(":")
    work: Work = getattr(importlib.import_module(home), name)(**order["arguments"])
    before = _memory("VmRSS")
    print(json.dumps("ready"), file=answers)
    for line in sys.stdin:
        print(json.dumps(_timed(work, Path(json.loads(line)), before)), file=answers)


def _timed(work: Work, place: Path, before: float) -> dict[str, Any]:
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    cpu, start = _cpu_seconds(), time.perf_counter()
    said = work(place)
    seconds = time.perf_counter() - start
    peak = _memory("VmHWM") - before
    return {"seconds": seconds, "cpu": _cpu_seconds() - cpu, "peak": peak, "said": said}


def _cpu_seconds() -> float:
    """Of this process and of those that it started, whether they are done or not."""
    done = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.process_time() + done.ru_utime + done.ru_stime
    for process in psutil.Process().children(recursive=True):
        times = process.cpu_times()
        seconds += times.user + times.system
    return seconds


def _memory(what: str) -> float:
    """MB; VmHWM is the peak: unlike ru_maxrss it does not begin with that of the parent."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


if __name__ == "__main__":
    main()
