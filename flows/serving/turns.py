"""Which of the runs that wait may begin: one at a time of each source, in the order of their times.

Nothing that somebody asked for is dropped. Of a schedule only the last time that came counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
        missed: those of a schedule whose time has come again since, after the one that is made for
            them. Those with other parameters make something else.
    """

    begin: list[Any] = field(default_factory=list)
    wait: dict[UUID, str] = field(default_factory=dict)
    missed: list[tuple[Any, list[Any]]] = field(default_factory=list)


def turn(
    waiting: Iterable[Any],
    going: Iterable[Key],
    key: Callable[[Any], Key],
    limit: int,
) -> Turn:
    """Decides whose turn it is.

    Args:
        waiting: runs whose time has come, as Prefect's client gives them.
        going: what the runs that go on make.
        key: what a run makes: of one key only one goes at a time.
        limit: how many may go at once in all.
    """
    due = sorted(waiting, key=lambda run: (run.expected_start_time, str(run.id)))
    busy = list(going)
    decided = Turn()
    times: dict[str, list[Any]] = {}
    for run in due:
        if run.auto_scheduled:
            times.setdefault(repr((key(run), sorted(run.parameters.items()))), []).append(run)
    decided.missed = [(last, others) for *others, last in times.values() if others]
    missed = {run.id for _, others in decided.missed for run in others}
    for run in (run for run in due if run.id not in missed):
        made = key(run)
        if made in busy:
            decided.wait[run.id] = f"waits for the run of {' '.join(made)} before it to end"
        elif len(busy) >= limit:
            decided.wait[run.id] = f"waits for a place: {limit} runs go at once"
        else:
            decided.begin.append(run)
            busy.append(made)
    return decided
