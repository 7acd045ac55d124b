"""The `ptm` command."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ptm.errors import CatalogError, PtmError

app = typer.Typer(
    help="Raw data into verified, reproducible, training-ready tensors.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
data_app = typer.Typer(help="Get the book's data, or make sample data.", no_args_is_help=True)
server_app = typer.Typer(
    help="The local Prefect server that keeps the history.", no_args_is_help=True
)
app.add_typer(data_app, name="data")
app.add_typer(server_app, name="server")

Artifacts = Annotated[Path, typer.Option("--artifacts", help="The store of artifacts.")]
Data = Annotated[Path, typer.Option("--data", help="The data root.")]
CatalogFile = Annotated[Path, typer.Option("--catalog", help="The TOML file of sources.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
RUNNERS = ("threads", "processes")


def main() -> None:
    """Runs the command: exit code 0 all well, 1 something failed, 2 wrong usage or catalog."""
    try:
        app()
    except PtmError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        sys.exit(2 if isinstance(error, CatalogError) else 1)


@app.command()
def run(
    sources: Annotated[
        list[str] | None, typer.Argument(help="Sources to make; all if none.")
    ] = None,
    catalog: CatalogFile = Path("data/catalog.toml"),
    data: Data = Path("data"),
    artifacts: Artifacts = Path("artifacts"),
    runner: Annotated[
        str, typer.Option(help=f"Where tasks run: {', '.join(RUNNERS)}.")
    ] = "threads",
) -> None:
    """Make every source that is not up to date, then the analyses that read them."""
    from flows import screen
    from ptm.catalog import load_catalog

    if runner not in RUNNERS:
        raise typer.BadParameter(f"expected one of {', '.join(RUNNERS)}, got '{runner}'")
    known = load_catalog(catalog, data)
    for name in sources or ():
        known[name]  # an unknown name is told before anything starts
    # what the tasks log goes to the server; the terminal has the progress instead
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    options = {"catalog": str(catalog), "data": str(data), "artifacts": str(artifacts)}
    failed = screen.run(options | {"sources": sources or None}, runner)
    raise typer.Exit(1 if failed else 0)


@app.command()
def status(artifacts: Artifacts = Path("artifacts"), as_json: AsJson = False) -> None:
    """What the store holds."""
    from flows import screen
    from ptm import store

    rows = store.status(artifacts)
    if as_json:
        _print_json(rows)
    else:
        screen.status(rows, artifacts)
    raise typer.Exit(1 if any("error" in row for row in rows) else 0)


@app.command()
def show(name: str, artifacts: Artifacts = Path("artifacts")) -> None:
    """One artifact: tensors, scaler, facts, first rows, and a picture to look at."""
    from flows import screen
    from ptm.store import load

    screen.show(load(name, artifacts), artifacts)


@data_app.command("pull")
def data_pull(data: Data = Path("data")) -> None:
    """Get the book's files, each verified, from its repository or from PTM_DATA_MIRROR."""
    from flows import screen

    screen.pull(data)


@data_app.command("sample")
def data_sample(
    data: Annotated[Path, typer.Option("--data", help="The folder to make.")] = Path("data/sample"),
    seed: Annotated[int, typer.Option(help="Another seed gives other data.")] = 0,
    scale: Annotated[int, typer.Option(min=1, help="How many times as much data.")] = 1,
) -> None:
    """Make a small data root of the same layout from a seed."""
    from ptm.sample import make_sample

    files = make_sample(data, seed, scale)
    size = sum(file.stat().st_size for file in files)
    typer.echo(f"Made {len(files)} sample files ({size / 1e6:.1f} MB) in {data}.")
    typer.echo(f"Next: ptm run --data {data}")


@data_app.command("list")
def data_list(data: Data = Path("data")) -> None:
    """Which files of the registry are there."""
    from flows import screen

    screen.files(data)


@server_app.command("start")
def server_start() -> None:
    """Start the local server, unless it runs."""
    from flows import server

    running = server.start(typer.echo)
    typer.echo(f"The Prefect server runs: dashboard {running.ui}, log {running.log}")


@server_app.command("stop")
def server_stop() -> None:
    """Stop the local server; the history stays."""
    from flows import server

    stopped = server.stop()
    typer.echo(f"Stopped the server on {stopped.ui}." if stopped else "No local server runs.")


@server_app.command("status")
def server_status() -> None:
    """Whether the local server runs, where, and where its log is. Exit code 1 when it does not."""
    from flows import server

    running = server.find()
    if running is None:
        typer.echo("No local server runs. Start it with: ptm server start")
        raise typer.Exit(1)
    typer.echo(f"The Prefect server runs: dashboard {running.ui}, log {running.log}")


def _print_json(value: Any) -> None:
    import json

    typer.echo(json.dumps(value, ensure_ascii=False, indent=1))
