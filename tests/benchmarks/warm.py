"""Runs that find everything up to date: the book in the library, and a folder of many files."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from statistics import median

from tests.benchmarks import inputs
from tests.benchmarks.book import CATALOG
from tests.benchmarks.child import Work
from tests.benchmarks.turns import Side, Took, in_turn, place

HOME = "tests.benchmarks.warm"
LOAD = ("numpy", "pyarrow.parquet", "torch", "ptm", "ptm.prepare", "ptm.kinds.images")


def book(data: Path) -> tuple[float, float]:
    """Seconds of a warm run of the book: the first in a process, and those after it; medians."""
    runs = []
    with place() as store:
        given = {"data": str(data), "store": str(store)}
        for _ in range(4):
            took = in_turn({"ptm": Side(f"{HOME}:library", given)}, 7, warm=False)["ptm"]
            runs.append([one.seconds for one in took])
    warm = runs[1:]  # the first process makes it all
    return median(run[0] for run in warm), median(seconds for run in warm for seconds in run[1:])


def library(data: str, store: str) -> Work:
    """Asks for each entry of the book."""
    import ptm
    from ptm.registry import kind_of

    for source in ptm.load_catalog(CATALOG, data).values():
        assert kind_of(source).code

    def work(_: Path) -> None:
        for source in ptm.load_catalog(CATALOG, data).values():
            ptm.tensorize(source, store)

    return work


def many(count: int, rounds: int) -> tuple[float, dict[str, list[Took]]]:
    """A folder of so many small images: seconds to make it, and what each side took to look at it.

    They are ptm, which finds all up to date, a loop over `os.scandir` that stats each, and
    `git status` where there is git.
    """
    data = inputs.pictures(count)
    with place() as folder:
        given = {"data": str(data), "store": str(folder / "store")}
        making = Side(f"{HOME}:found", given, LOAD)
        [made] = in_turn({"ptm": making}, 1, warm=False)["ptm"]
        sides = {"ptm": making, "scandir": Side(f"{HOME}:scanned", {"data": str(data)}, LOAD)}
        if shutil.which("git"):
            given = {"data": str(data), "git": str(folder / "git")}
            sides["git"] = Side(f"{HOME}:asked", given, LOAD)
        return made.seconds, in_turn(sides, rounds)


def found(data: str, store: str) -> Work:
    """Loads the catalog and makes its entry, or finds it."""
    import ptm

    def work(place: Path) -> bool:
        (place / "catalog.toml").write_text('[many]\nkind = "images"\npath = "many"\n')
        return ptm.tensorize(ptm.load_catalog(place / "catalog.toml", data)["many"], store).cached

    return work


def scanned(data: str) -> Work:
    """Lists the folder, and stats each file."""

    def work(_: Path) -> int:
        with os.scandir(f"{data}/many") as entries:
            return sum(os.stat(entry.path).st_size > 0 for entry in entries)  # noqa: PTH116 - as it is done where many are

    return work


def asked(data: str, git: str) -> Work:
    """`git status` on the folder, all of which is committed."""
    command = ["git", "--git-dir", git, "--work-tree", data, "-c", "user.name=ptm"]
    command += ["-c", "user.email=ptm@localhost", "-c", "gc.auto=0", "-c", "maintenance.auto=0"]

    def call(*arguments: str) -> str:
        return subprocess.run(
            [*command, *arguments], check=True, capture_output=True, text=True
        ).stdout

    call("init", "-q")
    call("add", "-A")
    call("commit", "-q", "-m", "all of it")
    call("status", "--short")  # refreshes its index

    def work(_: Path) -> int:
        return len(call("status", "--short"))

    return work
