"""The task of some parts of an entry, and how an entry is made of many of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from prefect import get_run_logger, task
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture

from ptm.errors import PtmError
from ptm.model import ArtifactRef
from ptm.prepare import Call, drive, steps
from ptm.source import Source
from ptm.work import Measured
from tasks.outcome import RETRY, apart, cancelled, stopping
from tasks.terms import Terms, TimeExceeded, called
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
    name: str, step: str, number: int, count: int, batch: Batch, terms: Terms
) -> list[Any] | State[None]:
    """Makes one of the calls of an entry; gives what it returns."""
    if stopping():
        return cancelled()
    function, arguments = batch.call
    try:
        return [called(terms, name, partial(function, *arguments))]
    except Stopped:
        return cancelled()
    except TimeExceeded:  # the entry says so, once for all
        return cancelled("the time was over")


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

    def __reduce__(self) -> tuple[Any, ...]:
        return object, ()  # tasks in other processes get its task's arguments, and need none

    def make(self, artifacts: str, rehash: bool, force: bool) -> ArtifactRef:
        """Makes it, unless the store has it.

        Raises:
            PtmError, OSError: as `ptm.tensorize`.
            TimeExceeded: it took too long, or the time of the run is over.
            Cancelled: the run was.
        """
        self._limits, self._batches = self.terms.within(self.source.timeout), 0
        making = steps(self.source, artifacts, rehash=rehash, force=force, tasks=self.tasks)
        return drive(making, self._run)

    def _run(self, calls: Sequence[Call]) -> list[Any]:
        name, step, count = self.source.name, calls[0][0].__name__, len(calls)
        context = apart()
        futures = [
            context.run(parts.submit, name, step, number, count, Batch(call), self._limits)
            for number, call in enumerate(calls, start=1)
        ]
        self._tell(step, futures)  # none writes any more, whatever comes of them
        came: list[Any] = []
        for future in futures:
            if future.state.is_cancelled():
                raise Cancelled(f"{name}: Ctrl-C") if stopping() else self._limits.exceeded(name)
            try:
                came += future.result()
            except OSError as error:  # tried again as often as may be
                raise PtmError(f"{name}: {type(error).__name__}: {error}") from error
        self._batches += 1
        return came

    def _tell(self, step: str, futures: Sequence[PrefectFuture[Any]]) -> None:
        """Waits for all, and says how far it is, and how fast."""
        name, start, count, samples = self.source.name, time.perf_counter(), len(futures), 0
        for number, future in enumerate(futures, start=1):
            future.wait()  # only then does `state` hold the final one
            if not future.state.is_completed():
                continue
            samples += _samples(future.result()[0])
            self.told(name, min((self._batches + number / count) / 2, 1.0))
            seconds = time.perf_counter() - start
            rate = f", {samples:,} samples, {samples / seconds:,.0f}/s" if samples else ""
            text = f"{name}: {step} {number} of {count}{rate}"
            get_run_logger().info(text, extra={"ptm_part": (name, text)})


def _samples(came: Any) -> int:
    """How many samples a call has read."""
    several = came if isinstance(came, list) else []
    stats = (of for one in several if isinstance(one, Measured) for of in one.stats.values())
    return sum(sum(of.samples.values()) for of in stats)
