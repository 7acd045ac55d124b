"""What `ptm explain`, `verify`, `gc` and `run --dry-run` show on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import Progress, TextColumn
from rich.text import Text

from flows.terminal.console import Rows, console, labelled, prose, say, side_by_side, spinner
from flows.terminal.screen import nothing
from ptm.command import command
from ptm.shown import readable_size

if TYPE_CHECKING:
    from ptm.explain import Cause, Explanation
    from ptm.source import Source
    from ptm.store import Collected, Finding

MOST_ROWS = 12  # of one kind in a table of causes
SHORT = 18  # characters of a value that did not change


def dry_run(sources: list[Source], artifacts: Path, rehash: bool, force: list[str]) -> bool:
    """What a run would make, and why; whether something would fail."""
    from ptm.prepare import plan
    from ptm.space import shortage

    if tight := shortage(sources, artifacts, force=force):
        labelled("note:", "yellow", tight)
    plans = plan(sources, artifacts, rehash=rehash, force=force)
    colours = {"cached": "cyan", "make": "green", "maybe": "yellow", "fail": "red"}
    rows = Rows("source", "would", "why", wraps=["why"], bare=["would"])
    for one in plans:
        rows.add(one.name, Text(one.action, colours[one.action]), one.why)
    rows.print()
    count = sum(one.action == "make" for one in plans)
    prose(f"Nothing was written. A run would make {count} of {len(plans)}.")
    return any(one.action == "fail" for one in plans)


def explanation(told: Explanation, artifacts: Path) -> None:
    """Why the last run made an artifact, or did not."""
    from ptm.explain import minute

    colours = {"made": "green", "found": "cyan", "cached": "cyan", "failed": "red"}
    colour = colours.get(told.decision, "yellow")
    labelled(f"{told.name}: {told.decision}", colour, f"at {minute(told.when)}")
    prose(f"Why: {told.why}")
    causes(told.causes, told.before or "", told.publication or "")
    if told.kept:
        prose("Also kept: " + ", ".join(told.kept[:5]))
        two = command("explain", told.kept[0], told.publication or told.name, artifacts=artifacts)
        say(f"Compare two: {two}")


def causes(found: list[Cause], before: str, after: str) -> None:
    """All that decides a content: each of few, a count of many that did not change."""
    if before and before != after:
        side_by_side(f"before {before}", f"after {after}")
    table = Rows("cause", "name", "", "before", "after", wraps=["before", "after"], bare=["name"])
    colours = {"changed": "yellow", "added": "green", "removed": "red"}
    unchanged = Text("unchanged", "dim")
    for kind in dict.fromkeys(cause.kind for cause in found):
        of_kind = [cause for cause in found if cause.kind == kind]
        same = [cause for cause in of_kind if cause.state == "unchanged"]
        rows = [cause for cause in of_kind if cause.state != "unchanged"]
        for cause in rows[:MOST_ROWS]:
            colour = colours[cause.state]
            values = [_value(value) for value in (cause.before, cause.after)]
            table.add(kind, cause.name, Text(cause.state, colour), *values)
        if len(rows) > MOST_ROWS:
            table.add(kind, f"… {len(rows) - MOST_ROWS} more", "", "", "")
        if len(same) > MOST_ROWS:
            count = f"{len(same)} others" if rows else f"all {len(same)}"
            table.add(kind, count, unchanged, "", "")
            continue
        for cause in same:
            value = _value(cause.after)
            short = value if len(value) <= SHORT else f"{value[: SHORT - 1]}…"
            table.add(kind, cause.name, unchanged, "", short)
    table.print()


def _value(value: Any) -> str:
    from ptm.explain import shown

    return "" if value is None else shown(value)


def verify(artifacts: Path, names: list[str] | None) -> list[Finding]:
    """Verifies with one line of progress, and lists what is wrong."""
    from ptm import store
    from ptm.rechecking import problem_of_split

    bar = Progress(
        spinner(),
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
            read = readable_size(sum(each.bytes for each in findings))
            bar.update(task, description=escape(f"{len(findings)}, {read}: {finding.name}"))

        store.verify(artifacts, names, advance, problem_of_split)
    wrong = [finding for finding in findings if finding.error]
    for finding in wrong:
        labelled("damaged", "red", finding.error)
    read = readable_size(sum(finding.bytes for finding in findings))
    if wrong:
        prose(f"{len(wrong)} of {len(findings)} are damaged; {read} are whole.")
        for remedy in dict.fromkeys(finding.remedy for finding in wrong):
            say(f"Put it right: {remedy}")
    elif not findings:
        nothing(artifacts)
    else:
        kinds = len({finding.name for finding in findings})
        prose(f"All whole: {len(findings)} artifacts of {kinds} names, {read} read.")
    return findings


def collected(taken: list[Collected], artifacts: Path, dry_run: bool) -> None:
    """What was collected, and what it frees."""
    from ptm.hints import no_store

    if taken:
        rows = Rows("name", "what", "size", "why", right=["size"], wraps=["why"], bare=["what"])
        for thing in taken:
            why = f"stays: {thing.stays}" if thing.stays else thing.reason
            rows.add(thing.name, thing.what, readable_size(thing.bytes), why)
        rows.print()
        freed = readable_size(sum(thing.bytes for thing in taken))
        say(f"{'Would free' if dry_run else 'Freed'} {freed} in {artifacts}.")
    else:
        absent = no_store(artifacts)
        say(f"Nothing to collect in {artifacts}{f': {absent}' if absent else ''}.")
