"""The `ptm` command."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.terminal import completion, streams
from flows.terminal.places import NAME, catalog_for, next_run
from ptm.command import DATA, KEEP
from ptm.errors import CatalogError, PtmError

if TYPE_CHECKING:
    from flows.running.server import Server

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="Get the book's data, or make sample data.", no_args_is_help=True)
server_app = typer.Typer(
    help="The local Prefect server that keeps the history.", no_args_is_help=True
)
app.add_typer(data_app, name="data")
app.add_typer(server_app, name="server")

Artifacts = Annotated[Path, typer.Option("--artifacts", help="The store of artifacts.")]
Data = Annotated[Path, typer.Option("--data", help="The data root.")]
DataOrNone = Annotated[
    Path | None,
    typer.Option("--data", help="The data root; if left out, as the catalog says, else data."),
]
CatalogFile = Annotated[
    Path | None,
    typer.Option(
        "--catalog",
        help="The TOML file of sources; if left out, catalog.toml here, in data/ or in DATA.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


def _runner(text: str) -> str:
    from flows.running.runner_names import split

    try:
        split(text)
    except PtmError as error:
        raise typer.BadParameter(str(error)) from error
    return text


def _span(text: str | None) -> str | None:
    from ptm.spans import seconds_of

    try:
        if text is not None:
            seconds_of(text)
    except ValueError as error:
        raise typer.BadParameter(f"expected {error}") from error
    return text


Artifact = Annotated[str, typer.Argument(help="An artifact.", autocompletion=completion.artifacts)]


def main() -> None:
    """Runs the command: exit code 0 all well, 1 something failed, 2 wrong usage or catalog."""
    streams.read_names_as_utf8()
    # what it starts finds ptm's own packages, and not what the working folder has of their names
    os.environ["PYTHONSAFEPATH"] = "1"
    warnings.filterwarnings("ignore", "Glyph .* missing from")  # a picture then has a box
    with streams.guarded(tells=sys.argv[1:2] not in (["run"], ["serve"])):
        try:
            app()
        except (PtmError, OSError) as error:
            typer.secho(f"error: {error}", fg="red", err=True)
            sys.exit(2 if isinstance(error, CatalogError) else 1)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"ptm {version('ptm')}")
        raise typer.Exit


@app.callback()
def _ptm(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="The version of ptm."),
    ] = False,
) -> None:
    """Raw data into verified, reproducible, training-ready tensors."""


@app.command()
def run(
    sources: Annotated[
        list[str] | None,
        typer.Argument(help="Entries to make; all if none.", autocompletion=completion.sources),
    ] = None,
    catalog: CatalogFile = None,
    data: DataOrNone = None,
    artifacts: Artifacts = Path("artifacts"),
    runner: Annotated[
        str,
        typer.Option(callback=_runner, help="Where tasks run: threads, processes, dask or ray."),
    ] = "threads",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be made, and why.")
    ] = False,
    rehash: Annotated[
        bool, typer.Option("--rehash", help="Read every byte, whatever the files' times say.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Make the named entries again, even if up to date.")
    ] = False,
    timeout: Annotated[
        str | None,
        typer.Option(callback=_span, help="What it may take: 90s, 10m, 2h; the rest then fails."),
    ] = None,
) -> None:
    """Make every entry of the catalog that is not up to date, and all that it is of."""
    from flows.terminal import screen, screen_store
    from ptm.catalog import load_catalog
    from ptm.hints import no_root

    if force and not sources:
        raise typer.BadParameter("expected the names of entries with --force, got none")
    catalog = catalog or catalog_for(data)
    known = load_catalog(catalog, data, os.environ)
    chosen = known.needed(sources or known)  # an unknown name is told at once
    if rootless := no_root(known.data, [source.path for source in chosen if source.path]):
        typer.secho(f"note: {rootless}", fg="yellow", err=True)
    if dry_run:
        raise typer.Exit(
            1
            if screen_store.dry_run(chosen, artifacts, rehash, sources or [] if force else [])
            else 0
        )
    # what the tasks log goes to the server; the terminal has the progress instead
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_INTERNAL_LOGGING_LEVEL", "CRITICAL")
    logging.raiseExceptions = False  # a log line that a lost server did not take
    options = {"catalog": str(catalog), "data": str(known.data), "artifacts": str(artifacts)}
    from flows.running.ending import ends_with_its_run  # it loads Prefect

    wanted = {"sources": sources or None, "rehash": rehash, "force": force, "timeout": timeout}
    with ends_with_its_run():
        raise typer.Exit(screen.run(options | wanted, runner))


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="The folder with the data, or one file.")],
    catalog: Annotated[
        Path, typer.Option("--catalog", help="The TOML file to write; one that is there stays.")
    ] = Path(NAME),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the catalog, and write nothing.")
    ] = False,
) -> None:
    """Look at a folder, and write a catalog of what is there that runs as it is."""
    from flows.terminal import screen_init

    raise typer.Exit(screen_init.run(folder, catalog, dry_run))


@app.command()
def serve(
    catalog: CatalogFile = None,
    data: DataOrNone = None,
    artifacts: Artifacts = Path("artifacts"),
    cron: Annotated[
        str | None, typer.Option(help="When the pipeline runs, as '0 9 * * *', in local time.")
    ] = None,
    every: Annotated[str | None, typer.Option(help="How often it runs: 30s, 15m, 6h, 1d.")] = None,
    gc: Annotated[
        str | None, typer.Option(help="How often old artifacts go: daily, weekly, monthly.")
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="Runs at once, one of each source; others wait.")
    ] = 4,
    grace: Annotated[
        str,
        typer.Option(callback=_span, help="How long a run may go on after SIGTERM or Ctrl-C."),
    ] = "10m",
    roots: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folders below which runs may name catalogs, data and artifacts; if left out, "
            "those that it is started with."
        ),
    ] = None,
    more_roots: Annotated[list[Path] | None, typer.Argument(hidden=True)] = None,
) -> None:
    """Wait for runs: on a schedule, from the dashboard, or from Python. Ctrl-C stops it."""
    catalog = catalog or catalog_for(data)  # before Prefect, which takes its time, is loaded
    from flows.serving import schedules
    from flows.serving.loop import serve as serve_until_stopped
    from flows.serving.roots import Places
    from ptm.spans import seconds_of

    if more_roots and not roots:
        raise typer.BadParameter(f"expected no argument, got '{more_roots[0]}'")
    try:
        schedule = schedules.schedule_of(cron, every)
        collected = schedules.collection(gc) if gc else None
    except PtmError as error:
        raise typer.BadParameter(str(error)) from error
    below = (*(roots or ()), *(more_roots or ()))
    places = Places.resolved(catalog, data, artifacts, below)
    seconds = seconds_of(grace)
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "WARNING")  # of the runs
    serve_until_stopped(places, schedule, collected, limit, seconds, typer.echo)


@app.command()
def status(artifacts: Artifacts = Path("artifacts"), as_json: AsJson = False) -> None:
    """What the store holds."""
    from flows.terminal import screen
    from ptm import store

    rows = store.status(artifacts)
    if as_json:
        _print_json(rows)
    else:
        screen.status(rows, artifacts)
    raise typer.Exit(1 if any("error" in row for row in rows) else 0)


@app.command()
def show(
    name: Artifact,
    artifacts: Artifacts = Path("artifacts"),
    catalog: CatalogFile = None,
    data: DataOrNone = None,
) -> None:
    """One artifact: tensors, scaler, facts, first rows, tables and pictures to look at."""
    from flows.terminal import screen
    from ptm import store
    from ptm.catalog import load_catalog
    from ptm.registry import KINDS
    from ptm.views import load

    artifact = load(name, artifacts)
    if artifact.manifest["kind"] not in KINDS:
        with suppress(CatalogError):  # it only tells kinds of one's own
            load_catalog(catalog or catalog_for(data), data)
    screen.show(artifact, pinned=store.pinned_of(name, artifacts))


@app.command()
def explain(
    name: Artifact,
    other: Annotated[
        str | None,
        typer.Argument(
            help="Another, to compare with: a name, publication or key.",
            autocompletion=completion.artifacts,
        ),
    ] = None,
    artifacts: Artifacts = Path("artifacts"),
    as_json: AsJson = False,
) -> None:
    """Why the last run made an artifact, or did not; or what two of them differ in."""
    from flows.terminal import screen_store
    from ptm.explain import compare
    from ptm.explain import explain as explain_last

    if other:
        causes = compare(name, other, artifacts)
        if as_json:
            _print_json([cause._asdict() for cause in causes])
        else:
            screen_store.causes(causes, name, other)
        return
    explanation = explain_last(name, artifacts)
    if as_json:
        shown = vars(explanation) | {"causes": [cause._asdict() for cause in explanation.causes]}
        _print_json(shown)
    else:
        screen_store.explanation(explanation, artifacts)


@app.command()
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Artifacts; all if none.", autocompletion=completion.artifacts),
    ] = None,
    artifacts: Artifacts = Path("artifacts"),
    as_json: AsJson = False,
) -> None:
    """Read every byte of what the store keeps and compare the digests. Exit code 1 on damage.

    Splits are computed again, and compared with what is said of them.
    """
    from flows.terminal import screen_store
    from ptm import store
    from ptm.rechecking import problem_of_split

    if as_json:
        findings = store.verify(artifacts, names, check=problem_of_split)
        _print_json([finding._asdict() for finding in findings])
    else:
        findings = screen_store.verify(artifacts, names)
    raise typer.Exit(1 if any(finding.error for finding in findings) else 0)


@app.command()
def pin(
    name: Artifact,
    artifacts: Artifacts = Path("artifacts"),
    off: Annotated[bool, typer.Option("--off", help="Let the pinned one go.")] = False,
) -> None:
    """Keep the artifact that is current now, whatever is made later: to compare drift with."""
    from ptm import store

    if not off:
        held = store.pin(name, artifacts)
        typer.echo(f"Pinned {name}: {held.folder.name} stays until another is pinned.")
        return
    before = store.unpin(name, artifacts)
    typer.echo(f"{name}: {before} is pinned no more." if before else f"{name}: none was pinned.")


@app.command()
def gc(
    artifacts: Artifacts = Path("artifacts"),
    keep: Annotated[
        int, typer.Option(min=1, help="How many of the last of each name stay.")
    ] = KEEP,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take away artifacts that are old, damaged or left by a killed run.

    What is current stays, what is pinned, the last few of each name, and what those were made of.
    """
    from flows.terminal import screen_store
    from ptm import store

    taken = store.gc(artifacts, keep, dry_run)
    if as_json:
        _print_json([thing._asdict() for thing in taken])
    else:
        screen_store.collected(taken, artifacts, dry_run)


@app.command()
def schema(
    output: Annotated[
        Path | None, typer.Option("--output", help="The file to write; if left out, it is printed.")
    ] = None,
) -> None:
    """The JSON Schema of a catalog: what editors complete and check catalogs by."""
    from ptm.schema import schema_text

    if output:
        output.write_text(schema_text(), encoding="utf-8")
    else:
        typer.echo(schema_text(), nl=False)


@data_app.command("pull")
def data_pull(data: Data = DATA) -> None:
    """Get the book's files, each verified, from its repository or from PTM_DATA_MIRROR."""
    from flows.terminal import screen
    from ptm.book import catalog_of

    screen.pull(data)
    typer.echo(f"Next: {next_run(data, catalog_of(data))}")


@data_app.command("sample")
def data_sample(
    data: Annotated[Path, typer.Option("--data", help="The folder to make.")] = Path("data/sample"),
    seed: Annotated[int, typer.Option(help="Another seed gives other data.")] = 0,
    scale: Annotated[int, typer.Option(min=1, help="How many times as much data.")] = 1,
) -> None:
    """Make a small data root of the same layout from a seed."""
    from ptm.book import CATALOG
    from ptm.book.sample import make_sample

    files = make_sample(data, seed, scale)
    size = sum(file.stat().st_size for file in files)
    typer.echo(f"Made {len(files)} sample files ({size / 1e6:.1f} MB) in {data}.")
    catalog = data / CATALOG.name
    if catalog.read_bytes() != CATALOG.read_bytes():
        typer.echo(f"Kept {catalog}, which is not the book's.")
    typer.echo(f"Next: {next_run(data, catalog)}")


@data_app.command("list")
def data_list(data: Data = DATA) -> None:
    """Which files of the registry are there."""
    from flows.terminal import screen

    screen.files(data)


@server_app.command("start")
def server_start(
    host: Annotated[
        str | None,
        typer.Option(help="Where to listen; anything but this computer needs a password."),
    ] = None,
    password: Annotated[
        bool, typer.Option("--password", help="Make a password for it, and keep it.")
    ] = False,
) -> None:
    """Start the local server, unless it runs."""
    from flows.running import server

    _tell_of(server.start(typer.echo, host, password))


@server_app.command("stop")
def server_stop() -> None:
    """Stop the local server; the history stays."""
    from flows.running import server

    stopped = server.stop()
    typer.echo(f"Stopped the server on {stopped.ui}." if stopped else "No local server runs.")


@server_app.command("status")
def server_status() -> None:
    """Whether the local server runs, where, and where its log is. Exit code 1 when it does not."""
    from flows.running import server

    running = server.find()
    if running is None:
        typer.echo("No local server runs. Start it with: ptm server start")
        raise typer.Exit(1)
    _tell_of(running)


def _tell_of(running: Server) -> None:
    from flows.running import server

    typer.echo(f"The Prefect server runs: dashboard {running.ui}, log {running.log}")
    if words := server.password_of(running):
        typer.echo(f"Password: {words}")


def _print_json(value: Any) -> None:
    import json

    # what stands for letters that an encoding lacks is no JSON
    has_all = (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    typer.echo(json.dumps(value, ensure_ascii=not has_all, indent=1))
