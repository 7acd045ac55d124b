"""Seconds that the environment gives: as they stand there, or refused by name."""

from __future__ import annotations

import pytest

from flows.running.settings import seconds
from ptm.errors import PtmError


@pytest.mark.parametrize(("text", "value"), [(None, 20), ("", 20), ("5", 5), ("0.5", 0.5)])
def test_seconds(monkeypatch: pytest.MonkeyPatch, text: str | None, value: float) -> None:
    """A variable that is not set, or is empty, leaves what is usual."""
    monkeypatch.delenv("PTM_BEAT_SECONDS", raising=False)
    if text is not None:
        monkeypatch.setenv("PTM_BEAT_SECONDS", text)
    assert seconds("PTM_BEAT_SECONDS", 20) == value


@pytest.mark.parametrize("text", ["soon", "0", "-3", "inf", "nan", "5 s"])
def test_what_is_no_number_of_seconds(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """What is no finite number above 0 is named, with the variable."""
    monkeypatch.setenv("PTM_BEAT_SECONDS", text)
    with pytest.raises(PtmError, match=f"PTM_BEAT_SECONDS: expected .* got '{text}'"):
        seconds("PTM_BEAT_SECONDS", 20)
