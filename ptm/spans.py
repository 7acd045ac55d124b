"""Spans of time as people write them: 90s, 10m, 2h, 1d, or a number of seconds."""

from __future__ import annotations

import math

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds_of(span: object) -> float:
    """The seconds of a span of time, as "90s", "10m", "2h", "1d" or a number of seconds.

    Raises:
        ValueError: it is none, or not above 0.
    """
    text = str(span).strip()
    unit = UNITS.get(text[-1:])
    try:
        seconds = float(text[:-1]) * unit if unit else float(text)
    except ValueError:
        seconds = math.nan
    if isinstance(span, bool) or not 0 < seconds < math.inf:
        raise ValueError(f"a time above 0 as 90s, 10m, 2h or a number of seconds, got {span!r}")
    return seconds


def told(seconds: float) -> str:
    """A span of time for people, in the largest unit of which it is a whole number: 2 h, 90 s."""
    unit = next((unit for unit in "dhm" if seconds % UNITS[unit] == 0), "s")
    return f"{seconds / UNITS[unit]:g} {'min' if unit == 'm' else unit}"
