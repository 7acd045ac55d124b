"""What Prefect costs: a warm `ptm run` beside bare imports, and warm flows beside the library."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.benchmarks import turns
from tests.benchmarks.book import CATALOG
from tests.benchmarks.child import Work
from tests.benchmarks.turns import ROOT, Side, Took

PTM = Path(sys.executable).parent / "ptm"
HOME = "tests.benchmarks.orchestration"
LOAD = ("torch", "prefect", "ptm", "ptm.prepare", "flows.pipeline")
ROUNDS = 5
FLOW_ROUNDS = 3


@contextlib.contextmanager
def served() -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder, and the environment of a server of its own that runs."""
    with turns.place() as folder:
        home = {"PREFECT_HOME": f"{folder}/prefect", "PREFECT_API_URL": ""}
        home["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
        environment = os.environ | home
        subprocess.run([PTM, "server", "start"], env=environment, check=True, capture_output=True)
        try:
            yield folder, home
        finally:
            subprocess.run(
                [PTM, "server", "stop"], env=environment, check=True, capture_output=True
            )


def command(data: Path) -> tuple[float, float]:
    """Seconds of a warm `ptm run`, its server up, and of the imports alone; in turn, medians."""
    with served() as (folder, home):
        run = [PTM, "run", "--catalog", CATALOG, "--data", data, "--artifacts", folder / "store"]
        imports = [sys.executable, "-c", "import torch, prefect"]
        times: dict[str, list[float]] = {"run": [], "imports": []}
        for number in range(ROUNDS + 1):
            for name, each in (("run", run), ("imports", imports)):
                start = time.perf_counter()
                environment = os.environ | home
                subprocess.run(each, env=environment, cwd=ROOT, check=True, capture_output=True)
                if number:  # the first run makes everything
                    times[name].append(time.perf_counter() - start)
    return median(times["run"]), median(times["imports"])


def flows(data: Path, count: int) -> dict[int, dict[str, Took]]:
    """What warm flows take and the library alone, by the number of entries; medians."""
    import ptm

    found = {}
    with served() as (folder, home):
        (folder / "many.toml").write_text(tables(count))
        for catalog in (CATALOG, folder / "many.toml"):
            given = {"catalog": str(catalog), "data": str(data)}
            sides = {
                name: Side(f"{HOME}:{name}", {**given, "store": f"{folder / name}"}, LOAD, home)
                for name in ("flow", "library")
            }
            found[len(ptm.load_catalog(catalog, data))] = turns.medians(sides, FLOW_ROUNDS)
    return found


def tables(count: int) -> str:
    """A catalog of so many entries, each a small table of its own."""
    return "".join(
        f'[table{number}]\nkind = "table"\ncolumns = ["a"]\nrows = [[{number}.0], [0.5]]\n'
        for number in range(count)
    )


def flow(catalog: str, data: str, store: str) -> Work:
    """Runs the flow."""
    from flows.pipeline import pipeline

    def work(_: Path) -> int:
        made = pipeline(catalog=Path(catalog), data=Path(data), artifacts=Path(store))
        return sum(ref.cached for ref in made.values())  # type: ignore[union-attr]

    return work


def library(catalog: str, data: str, store: str) -> Work:
    """Asks for each entry."""
    import ptm

    def work(_: Path) -> int:
        sources = ptm.load_catalog(catalog, data).values()
        return sum(ptm.tensorize(source, store).cached for source in sources)

    return work
