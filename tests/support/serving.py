"""`ptm serve` in tests: started and known to its server, and the runs that it was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.commands import Started, wait_until
from tests.support.machine import ROOT
from tests.support.servers import client_of, deployment, recorded

WAITS = ("Scheduled", "Late")


def lay_out(place: Path, sample: Path) -> Path:
    """Fills a folder with `data/`: the book's catalog, and the sample's files."""
    (place / "data").mkdir()
    (place / "data" / "catalog.toml").write_bytes((ROOT / "data/catalog.toml").read_bytes())
    (place / "data" / "p1ch4").symlink_to(sample / "p1ch4")
    return place


def begin_serving(out: Path, api: str, place: Path, *options: str, **environment: str) -> Started:
    """Starts `ptm serve` of a place that was laid out, and waits until its server knows of it."""
    where = {
        "--catalog": place / "data" / "catalog.toml",
        "--data": place / "data",
        "--artifacts": place / "artifacts",
    }
    before = deployment(api, "temperature").get("updated")
    arguments = [str(each) for pair in where.items() for each in pair]
    served = Started(out, "serve", *arguments, *options, **environment)
    served.wait_for("Stop with Ctrl-C")
    wait_until(
        lambda: (now := deployment(api, "temperature")) and now["updated"] != before,
        60,
        "the deployments are known to the server",
    )
    return served


def final(api: str, flow_run: str, seconds: float = 180) -> dict[str, Any]:
    """A run once it has ended."""
    ended = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}

    def ask() -> Any:
        run = recorded(api, flow_run).flow_run
        return run if run["state_type"] in ended else None

    run: dict[str, Any] = wait_until(ask, seconds, f"{flow_run} ends")
    return run


def runs_of(api: str, name: str) -> list[dict[str, Any]]:
    """All runs of a deployment but those that the schedule has in store, oldest first."""
    known = deployment(api, name)
    wanted = {
        "deployments": {"id": {"any_": [known["id"]]}},
        "sort": "EXPECTED_START_TIME_ASC",
        "limit": 200,
    }
    with client_of(api) as client:
        found = client.post("/flow_runs/filter", json=wanted).json()
    return [run for run in found if not (run["auto_scheduled"] and run["state_name"] in WAITS)]
