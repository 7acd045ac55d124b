"""The task of some parts of an entry, and how an entry is made of many of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from prefect import get_run_logger, task
from prefect.client.schemas.objects import State

from ptm.errors import PtmError
from ptm.making import Measured
from ptm.model import ArtifactRef
from ptm.prepare import Call, drive, steps
from ptm.source import Source
from tasks.outcome import RETRY, cancelled, stopping
from tasks.terms import Terms, called
from tasks.workers import Stopped

Progress = Callable[[str, float], None]


class Batch:
    """A call as an argument of a task, into which Prefect does not look."""

    def __init__(self, call: Call) -> None:
        self.call = call


@task(
    name="parts",
    task_run_name="{name}: {step} {number} of {count}",
    description="Some parts of one entry: read into the store, or brought to the form they keep.",
    **RETRY,
)
def parts(
    name: str, step: str, number: int, count: int, batch: Batch, terms: Terms, span: float | None
) -> list[Any] | State[None]:
    """Makes one of the calls of an entry; gives what it returns."""
    if stopping():
        return cancelled()
    function, arguments = batch.call
    try:
        return [called(terms, name, partial(function, *arguments), span)]
    except Stopped:
        return cancelled()


class Cancelled(PtmError):
    """The run was cancelled before all parts were made."""


@dataclass
class Spread:
    """Makes an entry by tasks over its parts, which run where the flow's tasks run.

    Args:
        source: the entry.
        terms: of the run.
        tasks: in how many the parts are made, at most.
        told: is given the name, and which share of the entry is done.
    """

    source: Source
    terms: Terms
    tasks: int
    told: Progress = lambda name, share: None

    def make(self, artifacts: str, rehash: bool, force: bool) -> ArtifactRef:
        """Makes it, unless the store has it.

        Raises:
            PtmError, OSError: as `ptm.tensorize`.
            Cancelled: the run was.
        """
        self._until = None if self.source.timeout is None else time.time() + self.source.timeout
        self._batches = 0
        making = steps(self.source, artifacts, rehash=rehash, force=force, tasks=self.tasks)
        return drive(making, self._run)

    def _run(self, calls: Sequence[Call]) -> list[Any]:
        name, step, start = self.source.name, calls[0][0].__name__, time.perf_counter()
        span = None if self._until is None else max(self._until - time.time(), 0.0)
        count = len(calls)
        futures = [
            parts.submit(name, step, number, count, Batch(call), self.terms, span)
            for number, call in enumerate(calls, start=1)
        ]
        came, samples = [], 0
        for number, future in enumerate(futures, start=1):
            found = future.result()
            if not isinstance(found, list):
                raise Cancelled(f"{name}: cancelled, Ctrl-C")
            came += found
            samples += _samples(found[0])
            self.told(name, (self._batches + number / count) / 2)
            seconds = time.perf_counter() - start
            rate = f", {samples:,} samples, {samples / seconds:,.0f} each second" if samples else ""
            text = f"{name}: {step} {number} of {count}{rate}"
            get_run_logger().info(text, extra={"ptm_part": (name, text)})
        self._batches += 1
        return came


def _samples(came: Any) -> int:
    """How many samples a call has read."""
    several = came if isinstance(came, list) else []
    return sum(one.stats.samples.get("train", 0) for one in several if isinstance(one, Measured))
