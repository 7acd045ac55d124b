"""Keeps what a run tells its server from another program that holds the server's address later.

Prefect's clients connect again to an address, whoever answers there, and have no hook for a look at
it. So each new connection to a server under guard is looked at before anything is sent on it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any
from uuid import UUID

import httpx
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from prefect.events.clients import PrefectEventsClient
from prefect.settings import PREFECT_API_AUTH_STRING

from flows.running.server import local, private
from flows.running.server.probe import ask, is_cloud

FRESH = 1.0  # s that a look at the server counts for new connections
STALE = 10.0  # s after which old connections are looked at too: a proxy may keep them open
LINGER = 120.0  # s that the guard lasts longer than the run: its last words are sent after it
CONNECTED = "connection.connect_tcp.complete"


class ForeignServer(httpx.NetworkError):
    """What answers is not the server that the run began with. Prefect does not try again."""


class Fence:
    """One server under guard: the local one by its process and home, others by a run of theirs.

    Args:
        api: the address of its API.
        password: user:password, where it has one.
    """

    def __init__(self, api: str, password: str | None) -> None:
        server = local.last()
        self._local = server is not None and server.api == api and server.runs
        self._api, self._home = api, str(private.prefect_home())
        self._password = password
        self._looked = 0.0
        self.flow_run: UUID | None = None
        self.users, self.until = 0, math.inf

    def look(self, fresh: float = FRESH) -> None:
        """Looks at what answers, unless it did so a moment ago.

        Raises:
            ForeignServer: it is not the server that the run began with.
            httpx.ConnectError: there is no telling; Prefect tries again.
        """
        runs = self._runs()
        if time.monotonic() - self._looked < fresh and runs:
            return
        if not self._local and self.flow_run is None:
            return
        path = "/admin/settings" if self._local else f"/flow_runs/{self.flow_run}"
        try:
            # a stranger does not get the password
            status, body = ask(self._api, path, self._password if runs else None)
        except (httpx.HTTPError, OSError) as error:
            raise httpx.ConnectError(str(error)) from error
        if status in (401, 403, 429) or status >= 500:
            raise httpx.ConnectError(f"{self._api} does not tell what it is: HTTP status {status}")
        if not self._is_ours(body):
            raise ForeignServer(
                f"another program answers at {self._api}, not the server that the run began with"
            )
        if not runs:
            raise httpx.ConnectError(f"the server at {self._api} is not there, or not yet")
        self._looked = time.monotonic()

    def _runs(self) -> bool:
        """Whether the process of the local server is there, started again or not."""
        if not self._local:
            return True
        server = local.last()
        return server is not None and server.api == self._api and server.runs

    def _is_ours(self, body: Any) -> bool:
        if not isinstance(body, dict):
            return False
        if self._local:
            return bool(body.get("home") == self._home)
        return bool(body.get("id") == str(self.flow_run))


FENCES: dict[str, Fence] = {}  # by address; the last of each


@contextmanager
def guarded(api: str) -> Iterator[None]:
    """Guards a server while the body runs, and for some time after it."""
    fence = FENCES.get(_plain(api))
    if fence is None or not fence.users:
        fence = _new(api, PREFECT_API_AUTH_STRING.value())
    fence.users += 1
    try:
        yield
    finally:
        fence.users -= 1
        if not fence.users:
            fence.until = time.monotonic() + LINGER


def know(api: str, flow_run: UUID) -> None:
    """Tells of a run that the server has, by which it is known; it is guarded from now on."""
    fence = FENCES.get(_plain(api)) or _new(api, PREFECT_API_AUTH_STRING.value())
    fence.flow_run = flow_run


def elsewhere(api: str, flow_run: UUID) -> Callable[[], None]:
    """What guards the server of this run in another process, to be called there."""
    password = PREFECT_API_AUTH_STRING.value()
    return partial(_know_here, api, password, flow_run, logging.raiseExceptions)


def _know_here(api: str, password: str | None, flow_run: UUID, tells: bool) -> None:
    """In a worker: the settings of the run come later than this, with its first task."""
    logging.raiseExceptions = tells  # whether what is not sent is told
    if _plain(api) not in FENCES:
        _new(api, password)
    FENCES[_plain(api)].flow_run = flow_run


def stranger(api: str) -> str:
    """That another program holds the address of a server under guard; "" as far as is known."""
    fence = FENCES.get(_plain(api))
    return _foreign(fence, 0) if fence else ""


def _foreign(fence: Fence, fresh: float) -> str:
    try:
        fence.look(fresh)
    except ForeignServer as error:
        return str(error)
    except httpx.ConnectError:
        pass  # whether it answers at all is another question
    return ""


def _plain(api: str) -> str:
    return api.rstrip("/")


def _new(api: str, password: str | None) -> Fence:
    if not is_cloud(api):
        _install()
    fence = FENCES[_plain(api)] = Fence(_plain(api), password)
    return fence


def _around(address: str) -> Fence | None:
    """The fence around the server that an address is of."""
    for api, fence in FENCES.items():
        if f"{address}/".startswith(f"{api}/") and time.monotonic() < fence.until:
            return fence
    return None


@cache
def _install() -> None:
    """Has Prefect's clients look before they send."""
    PrefectHttpxSyncClient.send = _guarded(  # type: ignore[method-assign]
        PrefectHttpxSyncClient.send
    )
    PrefectHttpxAsyncClient.send = _guarded_async(  # type: ignore[method-assign]
        PrefectHttpxAsyncClient.send
    )
    # before the connection, whose first words have the password, and again before events go
    for name in ("_reconnect", "_auth_handshake"):
        method = getattr(PrefectEventsClient, name)
        setattr(PrefectEventsClient, name, _guarded_events(method))


def _guarded(send: Callable[..., Any]) -> Callable[..., Any]:
    def guarded_send(self: Any, request: httpx.Request, *args: Any, **options: Any) -> Any:
        fence = _around(str(request.url))
        if fence is None:
            return send(self, request, *args, **options)

        def traced(event: str, info: dict[str, Any]) -> None:
            if event == CONNECTED:
                try:
                    fence.look()
                except httpx.NetworkError:
                    info["return_value"].close()
                    raise

        if request.method != "GET" and (problem := _foreign(fence, STALE)):
            raise ForeignServer(problem)
        request.extensions["trace"] = traced
        return send(self, request, *args, **options)

    return guarded_send


def _guarded_async(send: Callable[..., Any]) -> Callable[..., Any]:
    async def guarded_send(self: Any, request: httpx.Request, *args: Any, **options: Any) -> Any:
        fence = _around(str(request.url))
        if fence is None:
            return await send(self, request, *args, **options)

        async def traced(event: str, info: dict[str, Any]) -> None:
            if event == CONNECTED:
                try:
                    await asyncio.to_thread(fence.look)
                except httpx.NetworkError:
                    await info["return_value"].aclose()
                    raise

        if request.method != "GET" and (problem := await asyncio.to_thread(_foreign, fence, STALE)):
            raise ForeignServer(problem)
        request.extensions["trace"] = traced
        return await send(self, request, *args, **options)

    return guarded_send


def _guarded_events(method: Callable[..., Any]) -> Callable[..., Any]:
    async def guarded_method(self: Any) -> None:
        if fence := _around(self._api_url):
            try:
                await asyncio.to_thread(fence.look)
            except httpx.NetworkError as error:
                raise ConnectionError(str(error)) from error  # of which this client knows
        await method(self)

    return guarded_method
