"""What Prefect costs: a warm `ptm run` beside bare imports, and warm flows beside the library.

Called as a module it prints the seconds of warm runs of a catalog, through the flow and without it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
CATALOG = ROOT / "data" / "catalog.toml"
PTM = Path(sys.executable).parent / "ptm"
MANY = 500
ROUNDS = 5
FLOW_ROUNDS = 3


@contextlib.contextmanager
def place() -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder, and the environment of a server of its own that runs."""
    with tempfile.TemporaryDirectory(dir=ROOT / "artifacts", prefix=".bench-") as folder:
        environment = os.environ | {"PREFECT_HOME": f"{folder}/prefect", "PREFECT_API_URL": ""}
        subprocess.run([PTM, "server", "start"], env=environment, check=True, capture_output=True)
        try:
            yield Path(folder), environment
        finally:
            subprocess.run([PTM, "server", "stop"], env=environment, check=True)


def command(data: Path) -> tuple[float, float]:
    """Seconds of a warm `ptm run`, its server up, and of the imports alone; in turn, medians."""
    with place() as (folder, environment):
        run = [PTM, "run", "--catalog", CATALOG, "--data", data, "--artifacts", folder / "store"]
        imports = [sys.executable, "-c", "import torch, prefect"]
        times: dict[str, list[float]] = {"run": [], "imports": []}
        for number in range(ROUNDS + 1):
            for name, each in (("run", run), ("imports", imports)):
                start = time.perf_counter()
                subprocess.run(each, env=environment, cwd=ROOT, check=True, capture_output=True)
                if number:  # the first run makes everything
                    times[name].append(time.perf_counter() - start)
    return median(times["run"]), median(times["imports"])


def flow(data: Path) -> dict[int, tuple[float, float]]:
    """Seconds of a warm flow and of the library alone, by the number of entries; medians."""
    found = {}
    with place() as (folder, environment):
        many = "".join(
            f'[table{number}]\nkind = "table"\ncolumns = ["a"]\nrows = [[{number}.0], [0.5]]\n'
            for number in range(MANY)
        )
        (folder / "many.toml").write_text(many)
        for catalog in (CATALOG, folder / "many.toml"):
            here = [sys.executable, "-m", "tests.benchmarks.orchestration"]
            there = [catalog, data, folder / catalog.stem]
            done = subprocess.run(
                [*here, *there], env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE
            )
            result = json.loads(done.stdout.splitlines()[-1])
            found[result["sources"]] = (median(result["flow"]), median(result["library"]))
    return found


def main(catalog: Path, data: Path, store: Path) -> None:
    """Prints the seconds of each warm run, both ways in turn."""
    os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
    import ptm
    from flows.pipeline import pipeline

    def through_prefect() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            pipeline(catalog=catalog, data=data, artifacts=store)

    def library() -> None:
        for source in ptm.load_catalog(catalog, data).values():
            ptm.tensorize(source, store)

    times: dict[str, list[float]] = {"flow": [], "library": []}
    for number in range(FLOW_ROUNDS + 1):
        for name, run in (("flow", through_prefect), ("library", library)):
            start = time.perf_counter()
            run()
            if number:
                times[name].append(time.perf_counter() - start)
    print(json.dumps(times | {"sources": len(ptm.load_catalog(catalog, data))}))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
