"""For tests of readers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ptm.readers import text as text_reader
from ptm.readers import units


@pytest.fixture
def block(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets how many bytes are looked at together."""

    def block(size: int) -> None:
        monkeypatch.setattr(units, "BLOCK", size)
        monkeypatch.setattr(text_reader, "BLOCK", size)

    return block
