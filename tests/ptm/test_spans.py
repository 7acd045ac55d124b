"""Spans of time: as people write them, and as they are told."""

from __future__ import annotations

import pytest

from ptm.spans import seconds_of, told


@pytest.mark.parametrize("text", ["90 s", "2 h", "10 min", "1 d", "1.5 s", "61 s", "25 h"])
def test_told(text: str) -> None:
    """A span is told in the largest unit of which it is a whole number."""
    assert told(seconds_of(text.replace(" ", "").replace("min", "m"))) == text


@pytest.mark.parametrize("span", ["", "s", "-1s", "nan", "infh", "1w", "1e400", None, False, [1]])
def test_none(span: object) -> None:
    """What is no span is refused, with what one looks like."""
    with pytest.raises(ValueError, match="90s, 10m, 2h"):
        seconds_of(span)
