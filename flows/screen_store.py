"""What `ptm explain`, `verify`, `gc` and `run --dry-run` show on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn

from flows.screen import console, size, table_of

if TYPE_CHECKING:
    from ptm.catalog import Source
    from ptm.explain import Cause, Explanation
    from ptm.store import Collected, Finding

MOST_ROWS = 12  # of one kind in a table of causes
SHORT = 18  # characters of a value that did not change


def dry_run(sources: list[Source], artifacts: Path, rehash: bool) -> bool:
    """What a run would make, and why; whether something would fail."""
    from ptm.prepare import plan

    plans = plan(sources, artifacts, rehash=rehash)
    words = {
        "cached": "[cyan]cached[/]",
        "make": "[green]make[/]",
        "maybe": "[yellow]maybe[/]",
        "fail": "[red]fail[/]",
    }
    table = table_of("source", "would", "why")
    for one in plans:
        table.add_row(one.name, words[one.action], escape(one.why))
    console.print(table)
    count = sum(one.action == "make" for one in plans)
    console.print(f"Nothing was written. A run would make {count} of {len(plans)}.")
    return any(one.action == "fail" for one in plans)


def explanation(told: Explanation) -> None:
    """Why the last run made an artifact, or did not."""
    from ptm.explain import minute

    colours = {"made": "green", "found": "cyan", "cached": "cyan", "failed": "red"}
    colour = colours.get(told.decision, "yellow")
    console.print(f"[bold]{told.name}[/]: [{colour}]{told.decision}[/] at {minute(told.when)}")
    console.print(f"Why: {escape(told.why)}")
    causes(told.causes, told.before or "", told.publication or "")
    if told.kept:
        console.print("Also kept: " + ", ".join(told.kept[:5]))
        console.print(f"Compare two: ptm explain {told.kept[0]} {told.publication}")


def causes(found: list[Cause], before: str, after: str) -> None:
    """All that decides a content: each of few, a count of many that did not change."""
    if before and before != after:
        console.print(f"[dim]before[/] {before}   [dim]after[/] {after}")
    table = table_of("cause", "name", "", "before", "after")
    colours = {"changed": "yellow", "added": "green", "removed": "red"}
    for kind in dict.fromkeys(cause.kind for cause in found):
        of_kind = [cause for cause in found if cause.kind == kind]
        same = [cause for cause in of_kind if cause.state == "unchanged"]
        rows = [cause for cause in of_kind if cause.state != "unchanged"]
        for cause in rows[:MOST_ROWS]:
            colour = colours[cause.state]
            values = [_value(value) for value in (cause.before, cause.after)]
            table.add_row(kind, escape(cause.name), f"[{colour}]{cause.state}[/]", *values)
        if len(rows) > MOST_ROWS:
            table.add_row(kind, f"… {len(rows) - MOST_ROWS} more", "", "", "")
        if len(same) > MOST_ROWS:
            count = f"{len(same)} others" if rows else f"all {len(same)}"
            table.add_row(kind, count, "[dim]unchanged[/]", "", "")
            continue
        for cause in same:
            value = _value(cause.after)
            short = value if len(value) <= SHORT else f"{value[: SHORT - 1]}…"
            table.add_row(kind, escape(cause.name), "[dim]unchanged[/]", "", short)
    console.print(table)


def _value(value: Any) -> str:
    from ptm.explain import shown

    return "" if value is None else escape(shown(value))


def verify(artifacts: Path, names: list[str] | None) -> list[Finding]:
    """Verifies with one line of progress, and lists what is wrong."""
    from ptm import store

    bar = Progress(
        SpinnerColumn(),
        TextColumn("verified {task.description}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("", total=None)
        findings: list[Finding] = []

        def advance(finding: Finding) -> None:
            findings.append(finding)
            read = size(sum(each.bytes for each in findings))
            bar.update(task, description=f"{len(findings)}, {read}: {finding.name}")

        store.verify(artifacts, names, advance)
    wrong = [finding for finding in findings if finding.error]
    for finding in wrong:
        console.print(f"[red]damaged[/] {escape(finding.error)}", soft_wrap=True)
    read = size(sum(finding.bytes for finding in findings))
    if wrong:
        console.print(f"{len(wrong)} of {len(findings)} are damaged; {read} are whole.")
        for remedy in dict.fromkeys(finding.remedy for finding in wrong):
            console.print(f"Put it right: {remedy}")
    elif not findings:
        console.print(f"No artifacts in {artifacts} yet. Make them with: ptm run")
    else:
        kinds = len({finding.name for finding in findings})
        console.print(f"All whole: {len(findings)} artifacts of {kinds} names, {read} read.")
    return findings


def collected(taken: list[Collected], artifacts: Path, dry_run: bool) -> None:
    """What was collected, and what it frees."""
    if taken:
        table = table_of("name", "what", ">size", "why")
        for thing in taken:
            why = f"stays: {thing.stays}" if thing.stays else thing.reason
            table.add_row(thing.name, thing.what, size(thing.bytes), why)
        console.print(table)
        freed = size(sum(thing.bytes for thing in taken))
        console.print(f"{'Would free' if dry_run else 'Freed'} {freed} in {artifacts}.")
    else:
        console.print(f"Nothing to collect in {artifacts}.")
