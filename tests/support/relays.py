"""What stands between a client and a Prefect server, or in its place: TLS, a proxy, a stranger."""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    """A certificate authority of its own.

    Attributes:
        folder: its files.
    """

    folder: Path
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def certificate(self) -> Path:
        """Its own certificate: who has it trusts what it signed."""
        file = self.folder / "authority.pem"
        if not file.exists():
            signed = self._signed("authority", self.key.public_key(), 10 * DAY, authority=True)
            file.write_bytes(signed.public_bytes(Encoding.PEM))
        return file

    def context(self, *names: str, lasts: timedelta = 10 * DAY) -> ssl.SSLContext:
        """For a server of those names, whose certificate lasts so long from yesterday on."""
        key = ec.generate_private_key(ec.SECP256R1())
        signed = self._signed("server", key.public_key(), lasts, names)
        file = self.folder / f"{'-'.join(names)}-{lasts.days}.pem"
        file.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + signed.public_bytes(Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _signed(
        self,
        name: str,
        key: ec.EllipticCurvePublicKey,
        lasts: timedelta,
        names: tuple[str, ...] = (),
        authority: bool = False,
    ) -> x509.Certificate:
        start = datetime.now(UTC) - DAY
        own, issuer = (
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)])
            for each in (name, "authority")
        )
        builder = (
            x509.CertificateBuilder(issuer, own, key, x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + lasts)
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
        )
        if names:
            alternatives = x509.SubjectAlternativeName([_general(each) for each in names])
            builder = builder.add_extension(alternatives, critical=False)
        return builder.sign(self.key, hashes.SHA256())


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@contextmanager
def tls_before(port: int, context: ssl.SSLContext) -> Iterator[int]:
    """The port of a relay that speaks TLS, and hands on to a port of this computer."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def accept() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(client,), daemon=True).start()

        def serve(client: socket.socket) -> None:
            with (
                suppress(OSError),
                context.wrap_socket(client, server_side=True) as secure,
                socket.create_connection(("127.0.0.1", port)) as server,
            ):
                back = threading.Thread(target=pump, args=(server, secure), daemon=True)
                back.start()
                pump(secure, server)
                back.join()

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]


def pump(source: socket.socket, target: socket.socket) -> None:
    """Hands on all that comes, until it ends."""
    with suppress(OSError):
        while block := source.recv(1 << 16):
            target.sendall(block)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Stranger(ThreadingHTTPServer):
    """A plain HTTP server that notes what it is asked.

    Args:
        answers: JSON by path; anything else is 404.
        port: where to listen; any free port for 0.
        busy: how many seconds pass before the first answer.

    Attributes:
        asked: all requests.
    """

    def __init__(
        self, answers: dict[str, Any] | None = None, port: int = 0, busy: float = 0
    ) -> None:
        self.answers, self.asked = answers or {}, list[Asked]()
        self.free = time.monotonic() + busy
        super().__init__(("127.0.0.1", port), _Noting)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Noting(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        assert isinstance(self.server, Stranger)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append(Asked(self.command, self.path, headers, body))
        time.sleep(max(self.server.free - time.monotonic(), 0))
        known = self.path in self.server.answers
        text = json.dumps(self.server.answers.get(self.path, "no such page")).encode()
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - names of the library

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library has it
        """Nothing on the terminal."""
