"""Who serves a catalog on a server: one living `ptm serve` at a time, and everybody can see who."""

from __future__ import annotations

import getpass
import os
import socket
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import VariableCreate, VariableUpdate
from prefect.exceptions import ObjectAlreadyExists

from flows.running.server import ServerError

RENEWED = 15.0  # s between the signs of life of a claim
FORGOTTEN = timedelta(seconds=4 * RENEWED)  # after which one of another computer counts as dead


class Claim:
    """The right to serve a catalog: a variable of the server, named after the catalog.

    The server lets only one be created of a name. It says who serves, from where, since when.

    Args:
        client: of the server.
        catalog: its name.
        file: where it is.
    """

    def __init__(self, client: SyncPrefectClient, catalog: str, file: Path) -> None:
        self._client, self.catalog = client, catalog
        self.name = f"ptm_serve_{catalog}"
        self._about = {
            "user": user(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": _started(os.getpid()),
            "catalog": str(file),
            "since": f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}",
        }

    def take(self) -> None:
        """Takes it; also from one who died.

        Raises:
            ServerError: another living `ptm serve` has it, on this computer or elsewhere.
        """
        for _ in range(3):  # one who died may be taken away by two at once
            with suppress(ObjectAlreadyExists):
                self._client.create_variable(VariableCreate(name=self.name, value=self._about))
                return
            holder = self._holder()
            if holder and holder.lives():
                raise ServerError(
                    f"expected to serve the catalog '{self.catalog}' alone, got another that does: "
                    f"{holder}; stop it, or give this catalog another name: [catalog] name = …"
                )
            if holder:
                with suppress(httpx.HTTPStatusError):  # by its id: not that of the next one
                    self._delete(holder)
        raise ServerError(f"expected to serve the catalog '{self.catalog}', got no answer whether")

    def renew(self) -> None:
        """Gives a sign of life.

        Raises:
            ServerError: another has taken it, for want of such signs.
        """
        holder = self._holder()
        if holder is None:
            self.take()
        elif holder.about != self._about:
            raise ServerError(
                f"the catalog '{self.catalog}' is served by another now: {holder}; this one gave "
                f"no sign of life for {FORGOTTEN.total_seconds():g} s"
            )
        else:
            self._client.update_variable(VariableUpdate(name=self.name, value=self._about))

    def release(self) -> None:
        """Gives it up."""
        holder = self._holder()
        if holder and holder.about == self._about:
            self._delete(holder)

    def _delete(self, holder: _Holder) -> None:
        self._client.request("DELETE", "/variables/{id}", path_params={"id": holder.id})

    def _holder(self) -> _Holder | None:
        try:
            answer = self._client.request(
                "GET", "/variables/name/{name}", path_params={"name": self.name}
            )
        except httpx.HTTPStatusError as error:
            if error.response.status_code == httpx.codes.NOT_FOUND:
                return None
            raise
        found = answer.json()
        now = parsedate_to_datetime(answer.headers["date"]) if "date" in answer.headers else None
        seen = datetime.fromisoformat(found["updated"])
        return _Holder(found["id"], found["value"], (now or datetime.now(UTC)) - seen)


class _Holder:
    """Who has a claim."""

    def __init__(self, id_: str, about: Any, silent: timedelta) -> None:
        self.id, self.silent = id_, silent
        self.about: dict[str, Any] = about if isinstance(about, dict) else {}

    def lives(self) -> bool:
        """Whether it does: by its process on this computer, by its signs of life elsewhere."""
        if self.about.get("host") == socket.gethostname():
            started = _started(int(self.about.get("pid") or 0))
            return started is not None and started == self.about.get("started")
        return self.silent < FORGOTTEN

    def __str__(self) -> str:
        get = self.about.get
        return (
            f"{get('user')} on {get('host')}, process {get('pid')}, since {get('since')}, "
            f"of {get('catalog')}"
        )


def user() -> str:
    """The name of the user, or the number of one that has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def _started(pid: int) -> str | None:
    """When a process started, as its system counts; None where there is no such process."""
    try:
        # what stands behind the name, which may have spaces and parentheses
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if state == "Z" else fields[18]
    except OSError:
        if Path("/proc/self").exists():
            return None
    try:
        os.kill(pid, 0)
    except PermissionError:
        return ""
    except OSError:
        return None
    return ""
