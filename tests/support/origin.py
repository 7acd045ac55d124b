"""An HTTP server on loopback that serves a few files, and misbehaves as a test asks."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

DOG, CAT = "p1ch4/image-dog/bobby.jpg", "p1ch4/image-cats/cat1.png"
SLICE = "p1ch4/volumetric-dicom/2-LUNG 3.0  B70f-04083/000000.dcm"
FILES = {DOG: b"dog" * 50_000, CAT: b"cat" * 70_000, SLICE: b"slice" * 1_000}

Behaviour = Callable[[BaseHTTPRequestHandler, bytes], None]


class Origin(ThreadingHTTPServer):
    """Serves FILES; `behaviours` says which of them it serves in another way."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.requests: list[str] = []
        self.behaviours: dict[str, Behaviour] = {}
        self.closing = threading.Event()

    @property
    def asked(self) -> Counter[str]:
        """How often each file was asked for."""
        return Counter(self.requests)


class Handler(BaseHTTPRequestHandler):
    server: Origin

    def do_GET(self) -> None:
        name = unquote(self.path).lstrip("/")
        self.server.requests.append(name)
        self.server.behaviours.get(name, good)(self, FILES.get(name, b""))

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


def send(handler: BaseHTTPRequestHandler, body: bytes, length: int, status: int = 200) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(length))
    handler.end_headers()
    handler.wfile.write(body)
    handler.wfile.flush()


def good(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    send(handler, body, len(body))


def wrong_content(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    send(handler, body[::-1], len(body))


def not_found(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    send(handler, b"no", 2, status=404)


def truncated(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    send(handler, body[: len(body) // 2], len(body))
    handler.close_connection = True


def hanging(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    send(handler, b"", len(body) + 1)
    assert isinstance(handler.server, Origin)
    handler.server.closing.wait(30)


def down(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    send(handler, b"", 0, status=503)


def first(bad: Behaviour, times: int) -> Behaviour:
    """Behave badly so many times, then well."""
    count = iter(range(1_000))
    return lambda handler, body: (bad if next(count) < times else good)(handler, body)
