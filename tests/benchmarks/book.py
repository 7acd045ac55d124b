"""The six data parts of the book: ptm, with fsync and without, beside the notebook."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from tests.benchmarks.child import Work
from tests.benchmarks.turns import ROOT, Side

NOTEBOOK = ROOT.parent / "shared" / "baseline" / "notebook.py"
CATALOG = ROOT / "data" / "catalog.toml"
PARTS = ("dog", "cats", "ct", "wine", "bikes", "austen")
LOAD = (
    *("imageio.v2", "imageio.v3", "imageio.plugins.pillow", "imageio.plugins.dicom", "numpy"),
    *("pandas", "pyarrow.csv", "pyarrow.parquet", "pydicom", "simplejpeg", "torch", "ptm"),
    "ptm.prepare",
)
SYNCS = ("sync", "push_out", "sync_folder")


def sides(data: Path) -> dict[str, Side]:
    """ptm with and without fsync, and the notebook where it is there."""
    ours = {
        name: Side("tests.benchmarks.book:ours", {"data": str(data), "synced": synced}, LOAD)
        for name, synced in (("ptm", True), ("unsynced", False))
    }
    if not NOTEBOOK.is_file():
        return ours
    return {**ours, "notebook": Side("tests.benchmarks.book:theirs", {"data": str(data)}, LOAD)}


def ours(data: str, synced: bool) -> Work:
    """Makes each part in a new store, and gives the seconds of each."""
    import ptm

    catalog = ptm.load_catalog(CATALOG, data=data)

    def work(place: Path) -> dict[str, float]:
        with contextlib.nullcontext() if synced else unsynced():
            return _timed({p: lambda p=p: ptm.tensorize(catalog[p], place) for p in PARTS})

    return work


def theirs(data: str) -> Work:
    """Calls each function of the notebook, and keeps what it gives till all are done."""
    functions = notebook(data)

    def work(_: Path) -> dict[str, float]:
        return _timed({part: functions[part] for part in PARTS})

    return work


@contextlib.contextmanager
def unsynced() -> Iterator[None]:
    """While the body runs, the store waits for no disk."""
    from ptm.store import disk

    with contextlib.ExitStack() as stack:
        for name in SYNCS:
            stack.enter_context(mock.patch.object(disk, name))
        yield


def notebook(data: str | Path) -> dict[str, Any]:
    """The functions of the notebook; what it would run when it is loaded is cut off."""
    code = NOTEBOOK.read_text(encoding="utf-8").split("for part in")[0]
    spec = importlib.util.spec_from_loader("notebook", None)
    assert spec
    module = importlib.util.module_from_spec(spec)
    with mock.patch.object(sys, "argv", ["notebook.py", f"{data}/p1ch4"]):
        exec(compile(code, str(NOTEBOOK), "exec"), vars(module))
    return vars(module)


def _timed(parts: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    seconds, kept = {}, []
    for part, make in parts.items():
        start = time.perf_counter()
        kept.append(make())
        seconds[part] = time.perf_counter() - start
    return seconds
