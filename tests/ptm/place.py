"""A place that can be edited, code and all, and run: what the tests of edits work on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# A process that has imported all but ptm, and forks for each run: that saves some seconds a run.
RUNNER = """
import importlib.metadata, json, os, sys
from pathlib import Path
import imageio.v3, matplotlib.backends.backend_agg, matplotlib.figure, pandas, pyarrow.csv
import pyarrow.parquet, pydicom, pydantic, torch

def run(folder, data, fakes):
    real = importlib.metadata.version
    importlib.metadata.version = lambda name: fakes.get(name) or real(name)
    sys.path.insert(0, folder)
    import ptm
    from ptm.catalog import load_catalog
    from ptm.prepare import tensorize
    folder = Path(folder)
    assert Path(ptm.__file__).parent == folder / "ptm"
    catalog = load_catalog(folder / "catalog.toml", folder / data)
    wanted = [source for name, source in catalog.items() if name != "temperature_fits"]
    refs = [tensorize(source, folder / "store") for source in wanted]
    print(json.dumps({ref.name: [ref.cached, ref.why, ref.path] for ref in refs}), flush=True)

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        run(*json.loads(line))
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print("null", flush=True)
"""


@dataclass
class Place:
    """A folder with all that decides the artifacts: `ptm/`, `data/`, `catalog.toml`; its `store/`.

    Attributes:
        folder: where it is.
        runner: a process of RUNNER.
        data: the data root in it.
        fakes: versions of packages that are told instead of the true ones.
        why: of the last run, for each name what it was made for.
        paths: of the last run, the folder of each artifact.
    """

    folder: Path
    runner: subprocess.Popen[str]
    data: str = "data"
    fakes: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)

    def run(self) -> set[str]:
        """Makes all sources and the thresholds of the wine; the names that were made."""
        assert self.runner.stdin and self.runner.stdout
        self.runner.stdin.write(json.dumps([str(self.folder), self.data, self.fakes]) + "\n")
        self.runner.stdin.flush()
        refs: dict[str, Any] = json.loads(self.runner.stdout.readline())
        self.why = {name: why for name, (_, why, _) in refs.items()}
        self.paths = {name: Path(path) for name, (_, _, path) in refs.items()}
        return {name for name, (cached, _, _) in refs.items() if not cached}

    def substitute(self, file: str, old: str, new: str) -> None:
        """Puts a text in place of the first that matches a pattern; it has to be there."""
        place = self.folder / file
        text, count = re.subn(old, new, place.read_text(encoding="utf-8"), count=1)
        assert count == 1
        place.write_text(text, encoding="utf-8")

    def catalog(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Changes the catalog, as values."""
        place = self.folder / "catalog.toml"
        values = tomllib.loads(place.read_text(encoding="utf-8"))
        values = change(values) or values  # type: ignore[assignment]
        tables = (f"[{name}]\n{_entries(table)}\n" for name, table in values.items())
        place.write_text("\n".join(tables), encoding="utf-8")

    def manifest(self, name: str) -> dict[str, Any]:
        """The manifest that the last run found or made."""
        text = (self.paths[name] / "manifest.json").read_bytes()
        manifest: dict[str, Any] = json.loads(text)
        return manifest


def _entries(table: dict[str, Any]) -> str:
    return "\n".join(f"{_toml(key)} = {_toml(value)}" for key, value in table.items())


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def start_runner() -> subprocess.Popen[str]:
    """A process of RUNNER; it ends when its input is closed."""
    command = [sys.executable, "-P", "-B", "-c", RUNNER]  # -B: no bytecode that may be stale
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
