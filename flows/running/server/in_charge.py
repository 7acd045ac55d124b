"""Finds or starts the server in charge, and runs what is to be run against it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from flows.running.server.local import ServerError, is_loopback, start
from flows.running.server.local import last as last_local
from flows.running.server.local import password as local_password
from flows.running.server.loopback import without_proxy
from flows.running.server.probe import NO_ANSWER, probe, with_api

PATIENCE = 20.0  # seconds for a server that takes connections, and has much to do


@contextmanager
def connected(say: Callable[[str], None] = lambda _: None) -> Iterator[str]:
    """Runs its body against the server in charge; gives the address of the API.

    Raises:
        ServerError: the configured server does not answer or refuses the password, or the local
            one does not start.
    """
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_API_URL,
        PREFECT_UI_URL,
        temporary_settings,
    )

    settings: dict[Any, Any] = {}
    configured = PREFECT_API_URL.value()
    if configured:
        api, password = _configured(configured, say)
    else:
        server = start(say)
        api, password = server.api, local_password()
        settings[PREFECT_UI_URL] = server.ui
    say(f"Prefect server: {api}")
    settings |= {PREFECT_API_URL: api, PREFECT_API_AUTH_STRING: password}
    from flows.running.fence import guarded  # which imports all of Prefect's client

    with temporary_settings(settings), _for_the_whole_process(api, password), guarded(api):
        yield api


def _configured(address: str, say: Callable[[str], None]) -> tuple[str, str | None]:
    """The API and the password of the server that the settings name.

    Raises:
        ServerError: it does not answer, or wants another password.
    """
    from prefect.settings import PREFECT_API_AUTH_STRING

    if is_loopback(urlsplit(address).hostname or ""):
        without_proxy()
    password: str | None = PREFECT_API_AUTH_STRING.value()
    problem = probe(address)
    if problem.startswith(NO_ANSWER):
        say(f"{address} gives {problem}: waiting up to {PATIENCE:g} s more …")
        problem = probe(address, seconds=PATIENCE)
    if not problem.startswith(NO_ANSWER):
        if guess := with_api(address):
            say(f"PREFECT_API_URL={address} lacks /api: {guess} is used")
            address = guess
        local = last_local()
        if not password and local and local.api == address.rstrip("/") and local.runs:
            password = local_password()
        problem = probe(address, password)
    if problem:
        raise ServerError(
            f"expected a Prefect server at {address}, got {problem}; start it, or unset "
            "PREFECT_API_URL (environment or `prefect config`) to use a local one"
        )
    return address, password


@contextmanager
def _for_the_whole_process(api: str, password: str | None) -> Iterator[None]:
    """Settings for those that do not see the ones of this context.

    Worker processes inherit the environment only, and the thread that forwards their events sees
    the global settings only: without these it would start a server of its own. Several threads
    may be here at once; the last one to leave puts back what was.
    """
    from prefect import context

    with GLOBAL.lock:
        if not GLOBAL.users:
            GLOBAL.before = context.GLOBAL_SETTINGS_CONTEXT, {name: _get(name) for name in NAMES}
            context.GLOBAL_SETTINGS_CONTEXT = context.get_settings_context()
            _set(dict(zip(NAMES, (api, password), strict=True)))
        GLOBAL.users += 1
    try:
        yield
    finally:
        with GLOBAL.lock:
            GLOBAL.users -= 1
            if not GLOBAL.users:
                context.GLOBAL_SETTINGS_CONTEXT, environment = GLOBAL.before
                _set(environment)


NAMES = ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING")


def _get(name: str) -> str | None:
    return os.environ.get(name)


def _set(environment: dict[str, str | None]) -> None:
    for name, value in environment.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


class _Global:
    """Who uses the settings of the whole process, and what they were before."""

    def __init__(self) -> None:
        self.lock, self.users = threading.Lock(), 0
        self.before: Any = None


GLOBAL = _Global()
