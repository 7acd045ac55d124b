"""For tests of kinds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., None]:
    """Writes the text of the table t.csv."""

    def write(text: str, encoding: str = "utf-8") -> None:
        (tmp_path / "t.csv").write_bytes(text.encode(encoding))

    return write
