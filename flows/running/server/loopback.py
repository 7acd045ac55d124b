"""What is on this computer is reached without a proxy."""

from __future__ import annotations

import os

from flows.running.server.probe import lacks_socks

HERE = ("127.0.0.1", "localhost", "::1")


def without_proxy() -> None:
    """Takes addresses of this computer from the proxies of this process, and of its children.

    httpx and websockets read HTTP_PROXY and ALL_PROXY, and would send them there.
    """
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    names = [name.strip() for name in known.split(",") if name.strip()]
    if lacks_socks():  # not even a client that does not need the proxy can be made
        names.append("*")
    if "*" not in names:
        names += [name for name in HERE if name not in names]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*" if "*" in names else ",".join(names)
