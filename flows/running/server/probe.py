"""What answers at the address of a Prefect server, asked with the settings of Prefect's client.

So certificates, keys, headers, passwords and proxies count here as they do for the run itself.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

PROBE_SECONDS = 5.0
NO_ANSWER = "no answer"
STRANGER = "something that is no Prefect server"
DEMAND = "a demand for a password"
UNTRUSTED = (18, 19, 20, 21)  # OpenSSL's numbers: self-signed, or signed by an unknown authority


def probe(api: str, password: str | None = None, seconds: float = PROBE_SECONDS) -> str:
    """What is wrong with the server at the address of an API; "" where it answers.

    Args:
        api: the address; Prefect Cloud's is as good as any.
        password: user:password, where one is needed.
        seconds: how long to wait for its answer.
    """
    try:
        answer = _answer(*_version_of(api), password, seconds)
    except Exception as error:  # an address may be wrong in many ways, each with its own error
        return _fault(api, error, seconds)
    if answer.status_code in (401, 403):
        return _demand(api, password)
    if answer.is_error:
        return f"HTTP status {answer.status_code}"
    if not is_cloud(api) and not isinstance(_json(answer), str):
        return STRANGER
    return ""


def with_api(api: str) -> str:
    """The address with the `/api` that it lacks, if a Prefect server is there; else ""."""
    if is_cloud(api) or urlsplit(api).path.rstrip("/").endswith("/api"):
        return ""
    if not probe(api).startswith((STRANGER, "HTTP status")):
        return ""
    guess = f"{api.rstrip('/')}/api"
    problem = probe(guess)
    return "" if problem and not problem.startswith(DEMAND) else guess


def ask(api: str, path: str, password: str | None = None) -> tuple[int, Any]:
    """Status and JSON of the answer to a GET below an API; None where it is no JSON.

    Raises:
        httpx.TransportError: there is no answer.
    """
    answer = _answer(api, path, password)
    return answer.status_code, _json(answer)


def is_cloud(api: str) -> bool:
    """Whether an address is one of Prefect Cloud."""
    from prefect.settings import PREFECT_CLOUD_API_URL

    return api.startswith(str(PREFECT_CLOUD_API_URL.value()))


def _version_of(api: str) -> tuple[str, str]:
    """Where a server tells of itself: Prefect Cloud has no version."""
    from prefect.settings import PREFECT_CLOUD_API_URL

    if is_cloud(api):
        return str(PREFECT_CLOUD_API_URL.value()), "/me/workspaces"
    return api, "/admin/version"


def _answer(
    api: str, path: str, password: str | None, seconds: float = PROBE_SECONDS
) -> httpx.Response:
    """As Prefect's client asks, but once: it would try for minutes."""
    from prefect.client.base import PrefectHttpxSyncClient
    from prefect.settings import PREFECT_API_ENABLE_HTTP2

    with PrefectHttpxSyncClient(
        base_url=api,
        verify=_trusted(api),
        headers=_authorization(password),
        http2=PREFECT_API_ENABLE_HTTP2.value(),
        timeout=seconds,
        follow_redirects=True,
    ) as client:
        return httpx.Client.send(client, client.build_request("GET", path))


def _trusted(api: str) -> ssl.SSLContext | bool:
    from prefect._internal.websockets import create_ssl_context_for_websocket

    # it takes some time to load all the authorities, for nothing where there is no TLS
    context = create_ssl_context_for_websocket("wss://") if api.startswith("https") else None
    return context or False


def _authorization(password: str | None) -> dict[str, str]:
    from prefect.settings import PREFECT_API_KEY

    if password:
        return {"Authorization": f"Basic {base64.b64encode(password.encode()).decode()}"}
    key = PREFECT_API_KEY.value()
    return {"Authorization": f"Bearer {key}"} if key else {}


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _demand(api: str, password: str | None) -> str:
    from prefect.settings import PREFECT_API_KEY

    if is_cloud(api):
        given = "a wrong one" if PREFECT_API_KEY.value() else "none"
        return f"a demand for an API key, and {given} in PREFECT_API_KEY"
    given = "a wrong one" if password else "none"
    return f"{DEMAND}, and {given} in PREFECT_API_AUTH_STRING=user:password"


def _fault(api: str, error: Exception, seconds: float) -> str:
    """An error in the words of people."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _distrust(cause)
        if isinstance(cause, ssl.SSLError):
            return f"something that speaks no TLS ({cause.reason}); is its address http://…?"
        if isinstance(cause, FileNotFoundError | PermissionError | IsADirectoryError):
            from prefect.settings import PREFECT_API_SSL_CERT_FILE

            file = PREFECT_API_SSL_CERT_FILE.value()
            return f"no certificates in PREFECT_API_SSL_CERT_FILE={file} ({cause.strerror})"
        if isinstance(cause, httpx.ProxyError):
            return f"an error{_by_proxy(api)}: {cause}"
        if isinstance(cause, httpx.TimeoutException | TimeoutError):
            return f"{NO_ANSWER} in {seconds:g} s{_by_proxy(api)}"
        if isinstance(cause, ConnectionRefusedError):
            proxy = _by_proxy(api)
            return f"a refused connection{proxy or ', as nothing listens there'}"
    return f"{STRANGER} ({type(error).__name__}: {error})"


def _distrust(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code not in UNTRUSTED:  # of another host, or expired
        return f"a certificate that is not valid: {error.verify_message}"
    return (
        f"a certificate that is not trusted ({error.verify_message}); set "
        "PREFECT_API_SSL_CERT_FILE to the certificate of its authority, or, to trust anybody, "
        "PREFECT_API_TLS_INSECURE_SKIP_VERIFY=true"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came of, the first cause first."""
    if error:
        yield from _causes(error.__cause__ or error.__context__)
        yield error


def _by_proxy(api: str) -> str:
    """That a proxy stands between here and there; "" where none does."""
    proxy = proxy_for(api)
    return f" through the proxy {proxy}" if proxy else ""


def proxy_for(api: str) -> str:
    """The proxy that the environment names for an address; "" where none."""
    parts, proxies = urlsplit(api), getproxies()
    if not parts.hostname or proxy_bypass(parts.netloc):
        return ""
    return proxies.get(parts.scheme) or proxies.get("all") or ""


def lacks_socks() -> bool:
    """Whether a proxy needs what is not installed: then not even a client can be made."""
    socks = any(address.startswith("socks") for address in getproxies().values())
    return socks and find_spec("socksio") is None
