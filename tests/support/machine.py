"""What the machine has of what the tests need, and where they stand."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def part_file(publication: str | Path, role: str = "tensors") -> Path:
    """The file of the tensors, or "rows", of the one part that a publication has: in the pool."""
    [part] = json.loads((Path(publication) / "manifest.json").read_bytes())["parts"]
    return Path(publication).parent / str(part["files"][role][0])


def lacking(reason: str) -> None:
    """Skips a test for what the machine lacks; a failure where PTM_TESTS_REQUIRE_ALL is set."""
    if os.environ.get("PTM_TESTS_REQUIRE_ALL"):
        pytest.fail(f"{reason}, and PTM_TESTS_REQUIRE_ALL is set")
    pytest.skip(reason)


def expect_runner(runner: str) -> None:
    """Skips a test whose runner needs a package that is not installed, as `lacking` does."""
    if runner in ("dask", "ray") and find_spec(f"prefect_{runner}") is None:
        lacking(f"prefect-{runner} is not installed (pip install 'ptm[{runner}]')")
