"""The Prefect server in charge, which keeps the history: the configured one, or a local one.

`PREFECT_API_URL`, from the environment or the active profile, wins. Otherwise one server for each
Prefect home runs on 127.0.0.1 with SQLite; it outlives the runs, so that they can be looked at.
"""

from flows.running.server.in_charge import connected
from flows.running.server.local import Server, ServerError, find, password_of, start, stop

__all__ = ["Server", "ServerError", "connected", "find", "password_of", "start", "stop"]
