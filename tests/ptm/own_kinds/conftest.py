"""A folder with kinds of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.own_kinds import lay_out


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a catalog, its own kinds and three files: 1, 2, 3."""
    return lay_out(tmp_path)
