"""What is read from the environment: how patient ptm is, in seconds, the time zone, databases."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from tzlocal import get_localzone_name

from ptm.errors import PtmError


def seconds(name: str, usual: float) -> float:
    """The seconds that a variable of the environment gives; the usual ones where it is not set.

    Raises:
        PtmError: it is set, and is no number above 0.
    """
    text = os.environ.get(name, "")
    try:
        value = float(text) if text else usual
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise PtmError(f"{name}: expected a number of seconds above 0, got '{text}'")
    return value


def databases() -> Mapping[str, str]:
    """The variables by which entries of catalogs name the addresses of databases: all there are."""
    return os.environ


def time_zone() -> str:
    """The name of the local time zone: that of TZ, else of the system.

    Raises:
        PtmError: TZ is a rule, as CET-1CEST, by which no server could schedule.
    """
    given = os.environ.get("TZ", "").removeprefix(":")
    try:
        if given and not Path(given).is_absolute():
            return ZoneInfo(given).key
        return get_localzone_name()
    except (LookupError, ValueError, OSError) as error:  # there is none of that name
        reason = str(error).partition("\n")[0] or type(error).__name__
        got = f"'{given}'" if given else f"none: {reason}"
        raise PtmError(
            f"TZ: expected the name of a time zone, as Europe/Berlin, got {got}"
        ) from error


BEAT = seconds("PTM_BEAT_SECONDS", 20)  # a run gives a sign of life as often
PATIENCE = seconds("PTM_PATIENCE_SECONDS", 45)  # that a run waits for a server that was lost
