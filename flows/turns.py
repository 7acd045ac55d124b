"""Which of the runs that wait may begin: one at a time of each source, in the order of their times.

Nothing that somebody asked for is dropped. Of a schedule only the last time that came counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

Key = tuple[str, ...]


@dataclass
class Turn:
    """What becomes of the runs that wait.

    Attributes:
        begin: those that begin now, in order.
        wait: the others that somebody asked for or that catch up, and for what they wait.
        missed: those of a schedule whose time came again since, by the name of the one instead.
    """

    begin: list[Any] = field(default_factory=list)
    wait: dict[UUID, str] = field(default_factory=dict)
    missed: dict[str, list[Any]] = field(default_factory=dict)


def turn(
    waiting: Iterable[Any],
    going: Mapping[Key, str],
    key: Callable[[Any], Key],
    limit: int,
) -> Turn:
    """Decides whose turn it is.

    Args:
        waiting: runs whose time has come, as Prefect's client gives them.
        going: names of the runs that go on, by what they make.
        key: what a run makes: of one key only one goes at a time.
        limit: how many may go at once in all.
    """
    due = sorted(waiting, key=lambda run: (run.expected_start_time, str(run.id)))
    last = {key(run): run for run in due if run.auto_scheduled}
    decided, busy = Turn(), dict(going)
    for run in due:
        made = key(run)
        if run.auto_scheduled and last[made].id != run.id:
            decided.missed.setdefault(last[made].name, []).append(run)
        elif made in busy:
            decided.wait[run.id] = f"waits for {busy[made]}, which makes the same"
        elif len(busy) >= limit:
            decided.wait[run.id] = f"waits for a place: {limit} runs go at once"
        else:
            decided.begin.append(run)
            busy[made] = run.name
    return decided
