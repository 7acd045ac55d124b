"""What the log of a server that ended says of the cause."""

from __future__ import annotations

import re
from pathlib import Path

FULL = "the disk is full: make room where {home} is"
DAMAGED = (
    "{home}/prefect.db, which has the history, is damaged: bring back a copy of it, or move it "
    "away to begin anew"
)
UNREADABLE = "{home}/prefect.db cannot be opened or written: look at its owner and its modes"
NEWER = (
    "{home}/prefect.db was last used by a newer version of Prefect: install that one again, or "
    "set PREFECT_HOME to another folder"
)
KNOWN = {
    "database or disk is full": FULL,
    "No space left on device": FULL,
    "file is not a database": DAMAGED,
    "database disk image is malformed": DAMAGED,
    "unable to open database file": UNREADABLE,
    "attempt to write a readonly database": UNREADABLE,
    "Can't locate revision": NEWER,
}
TAKEN = ("is already in use", "address already in use", "is already running on port")
ERROR = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt)(?:: .+)?$", re.MULTILINE)
LOGGED = re.compile(
    r"\| (?:ERROR|CRITICAL) +\| \S+ - (?!Application |Traceback)(.+)$", re.MULTILINE
)


def is_taken_port(log: str) -> bool:
    """Whether a server ended since another program listens on its port."""
    return any(words in log for words in TAKEN)


def cause_of_end(log: str, code: int, home: Path) -> str:
    """Why a server ended: in plain words where they are known, else the last error of its log.

    Args:
        log: what it logged since it was started.
        code: how its process ended: the exit code, or a signal's number as a negative one.
        home: its Prefect home.
    """
    errors = ERROR.findall(log)
    last = errors[-1] if errors else ""
    for words, meaning in KNOWN.items():
        if words in last:
            return f"{meaning.format(home=home)} ({words})"
    if code < 0:
        return f"its process was killed by signal {-code}"
    if last:
        return last
    logged = LOGGED.findall(log) or [line for line in log.splitlines() if line.strip()]
    return f"an end with exit code {code}" + (f" ({logged[-1].strip()})" if logged else "")
