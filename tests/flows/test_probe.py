"""The server is asked as Prefect's own client asks: certificates, keys, headers, proxies."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from prefect.settings import (
    PREFECT_API_KEY,
    PREFECT_API_SSL_CERT_FILE,
    PREFECT_API_TLS_INSECURE_SKIP_VERIFY,
    PREFECT_API_URL,
    PREFECT_CLIENT_CUSTOM_HEADERS,
    PREFECT_CLOUD_API_URL,
    temporary_settings,
)

from flows.running.server import connected
from flows.running.server.probe import PROBE_SECONDS, probe
from tests.support.commands import call_ptm, run_ptm
from tests.support.relays import Authority, Stranger, tls_before
from tests.support.servers import Home, flow_run_in, states_of

pytestmark = pytest.mark.operate
DEAD = "http://127.0.0.1:9"
MADE = {"dog": "Completed", "report": "Completed"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority that nobody knows."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def secure(server: str, authority: Authority) -> Iterator[str]:
    """The server of the tests behind TLS, by the name localhost; the address of the API."""
    port = urlsplit(server).port
    assert port
    with tls_before(port, authority.context("localhost")) as secured:
        yield f"https://localhost:{secured}/api"


@pytest.mark.slow
@pytest.mark.parametrize(
    "how",
    ["PREFECT_API_SSL_CERT_FILE", pytest.param("SKIP_VERIFY", marks=pytest.mark.slow)],
)
def test_run_behind_tls(
    how: str, server: str, secure: str, authority: Authority, sample: Path, tmp_path: Path
) -> None:
    """A run on a server behind TLS, with an authority of its own, is recorded whole."""
    trust = {"PREFECT_API_SSL_CERT_FILE": str(authority.certificate)}
    if how == "SKIP_VERIFY":
        trust = {"PREFECT_API_TLS_INSECURE_SKIP_VERIFY": "true"}
    run = ("run", "dog", "--data", sample, "--artifacts", tmp_path / "artifacts")
    done = run_ptm(*run, PREFECT_API_URL=secure, **trust)
    assert done.code == 0, done
    assert states_of(server, flow_run_in(done.out)) == MADE


def test_authority_that_is_not_known(secure: str, sample: Path, tmp_path: Path) -> None:
    """A certificate that is not trusted is told, with the settings that help."""
    store = tmp_path / "artifacts"
    with temporary_settings({PREFECT_API_URL: secure}):
        done = call_ptm("run", "--data", sample, "--artifacts", store)
    assert done.code == 1 and "Traceback" not in done.err and not store.exists()
    assert f"expected a Prefect server at {secure}, got a certificate that is not" in done.words
    assert "PREFECT_API_SSL_CERT_FILE" in done.words
    assert "PREFECT_API_TLS_INSECURE_SKIP_VERIFY=true" in done.words


def test_certificates_that_are_not_valid(server: str, secure: str, authority: Authority) -> None:
    """A certificate of another host or an expired one is told as such; so is a missing file."""
    port = urlsplit(server).port
    assert port
    with temporary_settings({PREFECT_API_SSL_CERT_FILE: str(authority.certificate)}):
        assert probe(secure) == ""
        assert "IP address mismatch" in probe(secure.replace("localhost", "127.0.0.1"))
        expired = authority.context("localhost", lasts=timedelta(hours=1))
        with tls_before(port, expired) as secured:
            assert "certificate has expired" in probe(f"https://localhost:{secured}/api")
        assert "speaks no TLS" in probe(server.replace("http:", "https:"))
    with temporary_settings({PREFECT_API_SSL_CERT_FILE: "/nowhere/ca.pem"}):
        assert "no certificates in PREFECT_API_SSL_CERT_FILE=/nowhere/ca.pem" in probe(secure)
    with temporary_settings({PREFECT_API_TLS_INSECURE_SKIP_VERIFY: True}):
        assert probe(secure) == ""


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    """A server that answers as the little that a probe asks of one."""
    answers = {"/api/admin/version": "3.8.8", "/cloud/me/workspaces": []}
    with Stranger(answers) as listening:
        yield listening
        listening.shutdown()


def test_keys_and_headers(stranger: Stranger) -> None:
    """The API key, custom headers and the password are sent as Prefect's client sends them."""
    api = f"{stranger.address}/api"
    key = {PREFECT_API_KEY: "a key", PREFECT_CLIENT_CUSTOM_HEADERS: {"X-Gate": "open"}}
    with temporary_settings(key):
        assert probe(api) == ""
        assert probe(api, "ann:secret") == ""
    by_key, by_password = stranger.asked
    assert by_key.headers["authorization"] == "Bearer a key"
    assert by_password.headers["authorization"] == "Basic YW5uOnNlY3JldA=="
    assert by_key.headers["x-gate"] == by_password.headers["x-gate"] == "open"


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/api", ""])
def test_a_busy_server_is_waited_for(path: str) -> None:
    """A server that takes longer to answer, as one does that has much to do, is waited for."""
    said: list[str] = []
    with Stranger({"/api/admin/version": "3.8.8"}, busy=PROBE_SECONDS + 2) as busy:
        given = f"{busy.address}{path}"
        with temporary_settings({PREFECT_API_URL: given}), connected(said.append) as found:
            assert found == f"{busy.address}/api"
        busy.shutdown()
    assert f"{given} gives no answer in 5 s: waiting up to 20 s more …" in said


def test_prefect_cloud(stranger: Stranger) -> None:
    """An address of Prefect Cloud, which tells no version, is accepted; a refused key is told."""
    cloud = f"{stranger.address}/cloud"
    with temporary_settings({PREFECT_CLOUD_API_URL: cloud, PREFECT_API_KEY: "a key"}):
        assert probe(f"{cloud}/accounts/a/workspaces/b") == ""
    assert stranger.asked[0].headers["authorization"] == "Bearer a key"


@pytest.mark.slow
def test_missing_api(server: str, sample: Path, tmp_path: Path) -> None:
    """An address without /api is completed, which is said; the run is recorded there."""
    address = server.removesuffix("/api")
    run = ("run", "dog", "--data", sample, "--artifacts", tmp_path / "artifacts")
    done = run_ptm(*run, "--runner", "processes", PREFECT_API_URL=address)
    assert done.code == 0, done
    assert f"PREFECT_API_URL={address} lacks /api: {server} is used" in done.words
    assert states_of(server, flow_run_in(done.out)) == MADE


def test_missing_api_of_a_stranger(stranger: Stranger, sample: Path, tmp_path: Path) -> None:
    """An address where no Prefect server is, with /api or without, is told as it was given."""
    stranger.answers.clear()
    with temporary_settings({PREFECT_API_URL: stranger.address}):
        done = call_ptm("run", "--data", sample, "--artifacts", tmp_path / "artifacts")
    assert done.code == 1 and "HTTP status 404" in done.words
    assert f"expected a Prefect server at {stranger.address}, got" in done.words


@pytest.fixture
def black_hole() -> Iterator[str]:
    """The address of a proxy that takes connections and never answers."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.slow
@pytest.mark.parametrize("proxy", ["dead", "black hole", "socks"])
def test_loopback_needs_no_proxy(
    proxy: str, server: str, black_hole: str, sample: Path, tmp_path: Path
) -> None:
    """A run on a server of this computer takes no notice of the proxies of the environment."""
    address = {"dead": DEAD, "black hole": black_hole, "socks": "socks5://127.0.0.1:9"}[proxy]
    names = ("ALL_PROXY",) if proxy == "socks" else ("HTTP_PROXY", "http_proxy", "ALL_PROXY")
    options = ("--data", sample, "--artifacts", tmp_path / "artifacts", "--runner", "processes")
    start = time.monotonic()
    environment = {"PREFECT_API_URL": server} | dict.fromkeys(names, address)
    done = run_ptm("run", "dog", *options, **environment)
    assert done.code == 0, done
    assert states_of(server, flow_run_in(done.out)) == MADE
    assert time.monotonic() - start < 60


@pytest.mark.slow
def test_local_server_needs_no_proxy(home: Home, sample: Path, tmp_path: Path) -> None:
    """The local server is started, found and used whatever proxies the environment names."""
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"), DEAD)
    run = ("run", "dog", "--data", sample, "--artifacts", tmp_path / "artifacts")
    done = run_ptm(*run, **home.environment, **proxies)
    assert done.code == 0, done
    assert states_of(home.api, flow_run_in(done.out)) == MADE
    assert run_ptm("server", "status", **home.environment, **proxies).code == 0


def test_proxy_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server elsewhere is asked through the proxy, and one that is dead is named as such."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", DEAD)
    assert probe("http://192.0.2.1/api") == f"a refused connection through the proxy {DEAD}"
