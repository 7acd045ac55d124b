"""The local server is its user's alone: other pages, other users, who lacks the password."""

from __future__ import annotations

import stat
from pathlib import Path

import httpx
import psutil
import pytest
from prefect.settings import PREFECT_HOME, temporary_settings

from tests.conftest import HOME
from tests.support.commands import call_ptm, run_ptm
from tests.support.servers import Home, client_of

pytestmark = pytest.mark.operate
ALLOWED = "access-control-allow-origin"


def open_to_others(home: Path) -> dict[str, str]:
    """What of the server the group or anybody may look at, and its mode.

    `storage` is not the server's: there Prefect keeps wrong parameters of runs of this process.
    """
    kept = [place for place in home.rglob("*") if "storage" not in place.relative_to(home).parts]
    modes = {str(place): stat.S_IMODE(place.stat().st_mode) for place in [home, *kept]}
    return {name: oct(mode) for name, mode in modes.items() if mode & 0o077}


def test_only_its_own_pages(server: str) -> None:
    """Pages of its own dashboard may read its answers, pages of other origins may not."""
    port = httpx.URL(server).port
    for own in (f"http://127.0.0.1:{port}", f"http://localhost:{port}"):
        answer = httpx.get(f"{server}/health", headers={"Origin": own})
        assert answer.headers.get(ALLOWED) == own
    for other in ("http://127.0.0.1:9", "https://example.org", "null"):
        answer = httpx.get(f"{server}/health", headers={"Origin": other})
        assert answer.status_code == 200 and ALLOWED not in answer.headers
        asked = {"Origin": other, "Access-Control-Request-Method": "POST"}
        assert httpx.options(f"{server}/logs/", headers=asked).status_code == 400


def test_no_post_without_a_token(server: str) -> None:
    """A form of another page, which has no token, changes nothing: 403; with one it may."""
    assert httpx.post(f"{server}/flows/", json={"name": "forged"}).status_code == 403
    with client_of(server) as client:
        assert client.post("/flows/filter", json={}).status_code == 200
        assert client.get("/flows/name/forged").status_code == 404
        assert client.delete(f"/flows/{'0' * 8}-0000-4000-8000-{'0' * 12}").status_code == 404


def test_nobody_else_may_read(server: str) -> None:
    """The home and all that the server keeps there are closed to the group and to others."""
    assert (HOME / "prefect.db").exists() and server
    assert open_to_others(HOME) == {}
    masks = Path(f"/proc/{Home(HOME).pid}/status").read_text()
    assert "Umask:\t0077" in masks


@pytest.mark.slow
def test_what_was_open_is_closed(home: Home) -> None:
    """A home and files that were open to others are closed when the server starts."""
    (home.path / "ptm-server.log").write_text("the log of a version before\n")
    home.path.chmod(0o755)
    for file in home.path.iterdir():
        file.chmod(0o644)
    assert run_ptm("server", "start", **home.environment).code == 0
    assert open_to_others(home.path) == {}
    assert (home.path / "ptm-server.log").read_text().startswith("the log of a version before\n")


def test_no_password_for_one_that_runs(server: str) -> None:
    """A server that runs without a password is told to be stopped first; none is made."""
    done = call_ptm("server", "start", "--password", PREFECT_API_URL="")
    assert done.code == 1
    assert "expected no server without a password, got one that runs on" in done.words
    assert "`ptm server stop`" in done.words and server
    assert not (HOME / "ptm-server.password").exists()


def told(home: Home, password: str = "") -> str:
    """What `ptm server status` says; with a setting of the password or without."""
    given = {"PREFECT_API_AUTH_STRING": password} if password else {}
    done = run_ptm("server", "status", **home.environment, **given)
    assert done.code == 0, done
    return done.words


@pytest.mark.slow
def test_a_password_is_made_and_kept(home: Home, sample: Path, tmp_path: Path) -> None:
    """`ptm server start --password` makes one, which this user's commands know and nobody else."""
    started = run_ptm("server", "start", "--password", **home.environment)
    assert started.code == 0, started
    file = home.path / "ptm-server.password"
    assert str(file) in started.out.replace("\n", "") and open_to_others(home.path) == {}
    password = file.read_text().strip()
    name, _, secret = password.partition(":")
    assert name == "ptm" and len(secret) >= 24 and secret not in started.words
    assert httpx.get(f"{home.api}/flows/name/x").status_code == 401
    with client_of(home.api, password) as client:
        assert client.post("/flows/filter", json={}).status_code == 200

    for runner in ("threads", "processes"):
        options = ("--data", sample, "--artifacts", tmp_path / runner, "--runner", runner)
        done = run_ptm("run", "dog", *options, **home.environment)
        assert done.code == 0, done
    by_address = run_ptm(
        *("run", "dog", "--data", sample, "--artifacts", tmp_path / "threads"),
        **home.environment | {"PREFECT_API_URL": home.api},
    )
    assert by_address.code == 0 and "cached" in by_address.words
    with client_of(home.api, password) as client:
        runs = client.post("/task_runs/filter", json={}).json()
    assert {run["state_name"] for run in runs} == {"Completed", "Cached"}

    assert str(file) in told(home).replace(" ", "")
    assert "it wants a password, which is not known here" in told(home, "ann:guess")
    again = run_ptm("server", "start", "--password", **home.environment)
    assert again.code == 0 and file.read_text().strip() == password
    assert run_ptm("server", "stop", **home.environment).code == 0
    assert run_ptm("server", "start", **home.environment).code == 0
    assert httpx.get(f"{home.api}/flows/name/x").status_code == 401
    assert psutil.Process(home.pid).environ()["PREFECT_SERVER_API_AUTH_STRING"] == password


def test_status_without_a_server(tmp_path: Path) -> None:
    """A home whose server is gone has none, whatever password is kept there."""
    (tmp_path / "ptm-server.password").write_text("ptm:secret\n")
    with temporary_settings({PREFECT_HOME: tmp_path}):
        done = call_ptm("server", "status")
    assert done.code == 1 and "No local server runs" in done.words
