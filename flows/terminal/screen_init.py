"""What `ptm init` shows: what was found in a folder, what was left out, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from flows.terminal.console import Rows, prose, say
from flows.terminal.new_catalog import is_there, write
from flows.terminal.places import next_of
from ptm import init

MOST = 12  # reasons that are told, each with its first files
NAMED = 3


def run(place: Path, catalog: Path, dry_run: bool) -> int:
    """Looks at a folder, tells what is there, and writes a catalog of it; the exit code.

    Raises:
        CatalogError: there is no such folder, or a catalog already.
        OSError: the folder cannot be read, or the catalog not be written.
    """
    if not dry_run and (catalog.exists() or catalog.is_symlink()):
        raise is_there(catalog)
    found = init.inspect(place)
    text = init.catalog_text(found, catalog) if found.entries else ""
    if dry_run and text:
        print(text, end="")  # as it is: into a file, too
        return 0
    _tell(found)
    if not text:
        say(f"error: expected data that ptm can read, got none in {place}", "red")
        return 1
    write(text, catalog)
    say(f"Wrote {catalog}: look at the comments in it.")
    say(f"Next: {next_of(catalog)}")
    return 0


def _tell(found: init.Found) -> None:
    """What was found, and what was left out, with the reasons."""
    rows = Rows("entry", "kind", "files", "seen", right=["files"], wraps=["seen"], tight=["entry"])
    for entry in found.entries:
        rows.add(entry.name, entry.kind, f"{len(entry.files):,}", entry.seen)
    if rows:
        rows.print()
    reasons = by_reason(found.left_out)
    if reasons:
        prose("Left out:", "bold")
    for why, names in list(reasons.items())[:MOST]:
        prose(f"{_named(names)}: {why}", indent=2)
    if len(reasons) > MOST:
        count = sum(map(len, list(reasons.values())[MOST:]))
        prose(f"… and {count:,} more files, for other reasons", indent=2)


def by_reason(left_out: Mapping[str, str]) -> dict[str, list[str]]:
    """The files that are left out, by the reason; that of most files first."""
    found: dict[str, list[str]] = {}
    for name in sorted(left_out):
        found.setdefault(left_out[name], []).append(name)
    return dict(sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0])))


def _named(names: list[str]) -> str:
    """The first of some files, and how many more there are."""
    if len(names) <= NAMED:
        return ", ".join(names)
    suffixes = {PurePosixPath(name).suffix for name in names}
    kind = f"{suffixes.pop()} " if len(suffixes) == 1 else ""
    return f"{len(names):,} {kind}files as {names[0]}"
