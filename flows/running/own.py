"""Flows of one's own that call those of ptm: they too find the server that keeps the history.

Prefect would start a temporary server for them, whose history is lost with the process.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from prefect import Flow
from prefect.context import FlowRunContext
from prefect.settings import PREFECT_API_URL

from flows.running.server import connected


def has_begun_elsewhere() -> bool:
    """Whether this is inside a flow run on a temporary server: what it calls belongs there too."""
    return FlowRunContext.get() is not None and not PREFECT_API_URL.value()


@cache
def find_their_server() -> None:
    """From here on flows of this process that have no server are run on the one in charge."""
    call: Callable[..., Any] = Flow.__call__

    @wraps(call)
    def connected_call(self: Flow[Any, Any], *args: Any, **options: Any) -> Any:
        if PREFECT_API_URL.value() or FlowRunContext.get():
            return call(self, *args, **options)
        if self.isasync and not self.isgenerator:
            return _connected(lambda: call(self, *args, **options))
        with connected():
            return call(self, *args, **options)

    Flow.__call__ = connected_call  # type: ignore[method-assign]


async def _connected(begin: Callable[[], Any]) -> Any:
    with connected():
        return await begin()
