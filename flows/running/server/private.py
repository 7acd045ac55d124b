"""What the Prefect home keeps for its user alone: the history, and the server's password."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO  # what the group and everybody else may do
UMASK = OTHERS
DATABASE = "prefect.db"
FILES = tuple(DATABASE + end for end in ("", "-wal", "-shm", "-journal"))


def prefect_home() -> Path:
    """The Prefect home, whether it is there or not."""
    from prefect.settings import PREFECT_HOME

    return Path(PREFECT_HOME.value())


def close(home: Path) -> None:
    """Makes the home, and closes it and what is in it of the server to everybody else.

    Raises:
        OSError: it cannot be made.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for place in [home, *(home / name for name in FILES), *home.glob("ptm-server.*")]:
        with suppress(OSError):  # not there; another's; or no modes on this disk
            mode = stat.S_IMODE(place.stat().st_mode)
            if mode & OTHERS:
                place.chmod(mode & ~OTHERS)


def write(file: Path, text: str) -> None:
    """Writes a file, whole or not at all, that only its user may read."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    fresh.replace(file)


def password_file() -> Path:
    """Where the password of the local server is kept, if it has one of ptm's making."""
    return prefect_home() / "ptm-server.password"


def kept_password() -> str | None:
    """The password that ptm made for the local server, user:password."""
    try:
        return password_file().read_text().strip() or None
    except OSError:
        return None


def make_password() -> None:
    """Makes a password for the local server and keeps it, unless one is kept."""
    if not kept_password():
        write(password_file(), f"ptm:{secrets.token_urlsafe(24)}\n")
