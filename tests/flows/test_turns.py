"""Whose turn it is, of the runs that wait: one of each source, in order, and nothing is dropped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from flows.serving.turns import turn

BEGIN = datetime(2026, 11, 26, tzinfo=UTC)


def run(number: int, made: str, scheduled: bool = False, **parameters: Any) -> Any:
    """A run whose time is `number` seconds after the others'."""
    return SimpleNamespace(
        id=UUID(int=number),
        name=f"{made}-{number}",
        auto_scheduled=scheduled,
        expected_start_time=BEGIN + timedelta(seconds=number),
        made=made,
        parameters=parameters,
    )


def decide(*waiting: Any, going: tuple[tuple[str, ...], ...] = (), limit: int = 4) -> Any:
    """Whose turn it is."""
    return turn(waiting, going, lambda each: (each.made,), limit)


def test_one_of_each_source() -> None:
    """Runs of different sources begin at once; of one source the first, the others wait for it."""
    decided = decide(run(3, "wine"), run(1, "wine"), run(2, "dog"))
    assert [each.name for each in decided.begin] == ["wine-1", "dog-2"]
    assert decided.wait == {UUID(int=3): "waits for the run of wine before it to end"}


def test_one_that_goes_is_waited_for() -> None:
    """What a run makes that goes on, no other begins."""
    decided = decide(run(1, "wine"), run(2, "dog"), going=(("wine",),))
    assert [each.name for each in decided.begin] == ["dog-2"]
    assert "the run of wine" in decided.wait[UUID(int=1)]


def test_no_more_than_the_limit() -> None:
    """Not more begin than may go at once; the others wait in order."""
    decided = decide(*[run(number, f"s{number}") for number in range(5)], limit=2)
    assert [each.name for each in decided.begin] == ["s0-0", "s1-1"]
    assert len(decided.wait) == 3 and "2 runs" in decided.wait[UUID(int=2)]


def test_one_catches_up_for_all() -> None:
    """Of the times of a schedule that have come, the last one is made for all of them."""
    decided = decide(*[run(number, "pipeline", scheduled=True) for number in range(4)])
    assert [each.name for each in decided.begin] == ["pipeline-3"]
    [(instead, missed)] = decided.missed
    assert instead.id.int == 3 and [each.id.int for each in missed] == [0, 1, 2]
    assert not decided.wait


def test_a_schedule_with_other_parameters() -> None:
    """Two schedules of one deployment that make different sources do not stand for each other."""
    dogs = [run(number, "pipeline", scheduled=True, sources=["dog"]) for number in (1, 3)]
    cats = [run(number, "pipeline", scheduled=True, sources=["cats"]) for number in (2, 4)]
    decided = decide(*dogs, *cats)
    assert [each.id.int for each in decided.begin] == [3] and decided.wait.keys() == {UUID(int=4)}
    missed = {
        instead.id.int: [each.id.int for each in others] for instead, others in decided.missed
    }
    assert missed == {3: [1], 4: [2]}


def test_what_was_asked_for_is_not_dropped() -> None:
    """A run that somebody asked for waits as long as it takes, whatever the schedule does."""
    scheduled = [run(1, "pipeline", scheduled=True), run(3, "pipeline", scheduled=True)]
    decided = decide(*scheduled, run(2, "pipeline"), going=(("pipeline",),))
    assert not decided.begin
    assert decided.wait.keys() == {UUID(int=2), UUID(int=3)}
    [(_, missed)] = decided.missed
    assert [each.id.int for each in missed] == [1]
