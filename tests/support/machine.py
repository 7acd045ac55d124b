"""What the machine has of what the tests need, and where they stand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def lacking(reason: str) -> None:
    """Skips a test for what the machine lacks; a failure where PTM_TESTS_REQUIRE_ALL is set."""
    if os.environ.get("PTM_TESTS_REQUIRE_ALL"):
        pytest.fail(f"{reason}, and PTM_TESTS_REQUIRE_ALL is set")
    pytest.skip(reason)
