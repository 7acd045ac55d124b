"""Runs that find everything up to date: the book in the library, and a folder of many files.

Called as a module it prints the seconds of some runs of the book in one process, imports left out.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
CATALOG = ROOT / "data" / "catalog.toml"
FILES = 100_000
ROUNDS = 7


def book(data: Path) -> tuple[float, float]:
    """Seconds of a warm run of the book: the first in a process, and those after it; medians."""
    with tempfile.TemporaryDirectory(dir=ROOT / "artifacts", prefix=".bench-") as store:
        command = [sys.executable, "-m", "tests.benchmarks.warm", str(data), store]
        runs = []
        for _ in range(4):
            done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
            runs.append(json.loads(done.stdout.splitlines()[-1]))
    warm = runs[1:]
    return median(run[0] for run in warm), median(seconds for run in warm for seconds in run[1:])


def many() -> tuple[float, float, float | None]:
    """Seconds for a folder of many small images: made, found again, and `git status` on it."""
    import ptm

    folder = Path(tempfile.mkdtemp(dir=ROOT / "artifacts", prefix=".bench-"))
    try:
        _fill(folder / "data" / "many")
        (folder / "catalog.toml").write_text('[many]\nkind = "images"\npath = "many"\n')

        def run() -> float:
            start = time.perf_counter()
            source = ptm.load_catalog(folder / "catalog.toml", folder / "data")["many"]
            ptm.tensorize(source, folder / "store")
            return time.perf_counter() - start

        made, git = run(), _git(folder / "data")
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(run())
            if git:
                theirs.append(git())
        return made, median(ours), median(theirs) if theirs else None
    finally:
        shutil.rmtree(folder)


def _fill(folder: Path) -> None:
    """Small PNG files, each another."""
    from PIL import Image

    folder.mkdir(parents=True)
    for number in range(FILES):
        raw = io.BytesIO()
        pixel = (number % 256, number // 256 % 256, number // 65536)
        Image.new("RGB", (4, 4), pixel).save(raw, "PNG")
        (folder / f"{number:06d}.png").write_bytes(raw.getvalue())


def _git(folder: Path) -> Callable[[], float] | None:
    """`git status` on a folder of which all is committed to the index; None without git."""
    if not shutil.which("git"):
        return None

    def git(*arguments: str) -> float:
        start = time.perf_counter()
        subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)
        return time.perf_counter() - start

    git("init", "-q")
    git("add", "-A")
    git("status", "--short")  # refreshes its index
    return lambda: git("status", "--short")


def main(data: Path, store: Path) -> None:
    """Prints the seconds of each run of the whole book."""
    import torch

    import ptm
    import ptm.prepare
    from ptm.registry import kind_of

    assert torch
    for source in ptm.load_catalog(CATALOG, data).values():
        assert kind_of(source).code

    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for source in ptm.load_catalog(CATALOG, data).values():
            ptm.tensorize(source, store)
        times.append(time.perf_counter() - start)
    print(json.dumps(times))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
