"""`ptm serve` in tests: started and known to its server, and the runs that it was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.commands import Started, wait_until
from tests.support.machine import ROOT
from tests.support.servers import client_of, deployment, recorded

WAITS = ("Scheduled", "Late", "Queued")
ENTRY = """
[{name}]
kind = "table"
columns = ["x", "y"]
rows = [[1.0, 2.0], [3.0, 5.0], [4.0, 9.0]]
target = "y"
"""


def lay_out(place: Path, sample: Path) -> Path:
    """Fills a folder with `data/`: the book's catalog, and the sample's files."""
    (place / "data").mkdir()
    (place / "data" / "catalog.toml").write_bytes((ROOT / "data/catalog.toml").read_bytes())
    (place / "data" / "p1ch4").symlink_to(sample / "p1ch4")
    return place


def lay_out_tables(place: Path, catalog: str, *names: str) -> Path:
    """Makes a folder with `data/` and a catalog of that name, of small tables; the folder."""
    (place / "data").mkdir(parents=True)
    write_tables(place, catalog, *names)
    return place


def write_tables(place: Path, catalog: str, *names: str, more: str = "") -> None:
    """Writes the catalog of a folder, of small tables with those names, and what is given more."""
    entries = [ENTRY.format(name=name) for name in names]
    text = "\n".join([f'[catalog]\nname = "{catalog}"', *entries, more])
    fresh = place / "data" / "catalog.new"
    fresh.write_text(text)
    fresh.replace(place / "data" / "catalog.toml")


def begin_serving(out: Path, place: Path, *options: str, **environment: str) -> Started:
    """Starts `ptm serve` of a place that was laid out, and waits until it serves."""
    where = {
        "--catalog": place / "data" / "catalog.toml",
        "--data": place / "data",
        "--artifacts": place / "artifacts",
    }
    arguments = [str(each) for pair in where.items() for each in pair]
    served = Started(out, "serve", *arguments, *options, **environment)
    served.wait_for("Stop with Ctrl-C")
    return served


def final(api: str, flow_run: str, seconds: float = 180) -> dict[str, Any]:
    """A run once it has ended."""
    ended = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}

    def ask() -> Any:
        run = recorded(api, flow_run).flow_run
        return run if run["state_type"] in ended else None

    run: dict[str, Any] = wait_until(ask, seconds, f"{flow_run} ends")
    return run


def becomes(api: str, flow_run: str, state: str, seconds: float = 60) -> dict[str, Any]:
    """A run once it is in the state of that name."""

    def ask() -> Any:
        run = recorded(api, flow_run).flow_run
        return run if run["state_name"] == state else None

    run: dict[str, Any] = wait_until(ask, seconds, f"{flow_run} becomes {state}")
    return run


def runs_of(api: str, flow: str, catalog: str = "book") -> list[dict[str, Any]]:
    """All runs of a deployment but those that the schedule has in store, oldest first."""
    known = deployment(api, flow, catalog)
    wanted = {
        "deployments": {"id": {"any_": [known["id"]]}},
        "sort": "EXPECTED_START_TIME_ASC",
        "limit": 200,
    }
    with client_of(api) as client:
        found = client.post("/flow_runs/filter", json=wanted).json()
    return [run for run in found if not (run["auto_scheduled"] and run["state_name"] in WAITS)]
