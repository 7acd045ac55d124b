"""What IPython, and so Jupyter, shows of a call that failed: the reason, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.many import write_many

pytestmark = pytest.mark.operate
HEAD = [sys.executable, "-m", "IPython", "--colors=nocolor", "--simple-prompt", "--no-banner"]
REASON = "expected a file or folder in the data root, got nothing: the data root has 4 entries"


def shown(tmp_path: Path, lines: list[str], api: str = "") -> list[str]:
    """What IPython prints for each line that is typed; what is logged is on stderr."""
    done = subprocess.run(
        HEAD,
        input="\n".join([*lines, "exit", ""]),
        env=os.environ | {"IPYTHONDIR": str(tmp_path / "ipython"), "PREFECT_API_URL": api},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    parts = done.stdout.split("\nIn [")[1:]
    return [part.partition("]: ")[2].strip() for part in parts][: len(lines)]


def test_library(tmp_path: Path) -> None:
    """`ptm.tensorize`, `ptm.load` and a wrong catalog: a message each; other errors as ever."""
    write_many(tmp_path / "data", 4, frozenset({1}))
    catalog = "ptm.load_catalog('data/catalog.toml', 'data')"
    lines = [
        "import ptm",
        f"ptm.tensorize({catalog}['s001'])",
        "ptm.load('s000')",
        "ptm.load_catalog('none.toml')",
        "1 / 0",
    ]
    _, bad, missing, wrong, other = shown(tmp_path, lines)
    assert bad.startswith(f"InputError: s001: {REASON}") and "\n" not in bad
    assert missing.startswith("ArtifactMissing: s000: expected an artifact in artifacts, got none")
    assert wrong.startswith("CatalogError: none.toml: expected a catalog") and "\n" not in wrong
    assert "Traceback" in other and "ZeroDivisionError: division by zero" in other


@pytest.mark.slow
def test_pipeline(server: str, tmp_path: Path) -> None:
    """A run that failed shows what was not made and why; one that cannot begin, why it cannot."""
    write_many(tmp_path / "data", 4, frozenset({1}))
    where = "catalog='data/catalog.toml', data='data', artifacts='artifacts'"
    lines = [
        "from flows.pipeline import pipeline",
        f"pipeline({where})",
        f"pipeline({where}, sources=['s004'])",
        f"pipeline({where}, sources=['s000'])",
    ]
    _, failed, unknown, good = shown(tmp_path, lines, server)
    head, reason = failed.split("\n")
    assert head == "PipelineFailed: 1 of 4 were not made:" and reason.startswith(
        f"  s001: {REASON}"
    )
    assert unknown.startswith("CatalogError: no source 's004' in the catalog")
    assert "\n" not in unknown and good.count("ArtifactRef") == 1


def test_no_server(tmp_path: Path) -> None:
    """A server that does not answer is told in a sentence."""
    write_many(tmp_path / "data", 2)
    lines = [
        "from flows.pipeline import pipeline",
        "pipeline('data/catalog.toml', 'data', 'artifacts')",
    ]
    _, refused = shown(tmp_path, lines, "http://127.0.0.1:9/api")
    assert refused.startswith("ServerError: expected a Prefect server at http://127.0.0.1:9/api")
    assert "\n" not in refused
