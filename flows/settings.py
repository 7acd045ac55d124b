"""How patient ptm is with processes and servers: seconds, from the environment."""

from __future__ import annotations

import math
import os

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


BEAT = seconds("PTM_BEAT_SECONDS", 20)  # a run gives a sign of life as often
PATIENCE = seconds("PTM_PATIENCE_SECONDS", 45)  # that a run waits for a server that was lost
