"""How tasks end and are tried again, and what came of each entry of a run."""

from __future__ import annotations

import threading
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, StateType
from prefect.states import Cancelled, Completed, Failed
from prefect.tasks import exponential_backoff
from prefect.transactions import BaseTransaction

from ptm.errors import PtmError
from ptm.model import ArtifactRef
from ptm.system_errors import NO_USE_TO_RETRY

T = TypeVar("T")
SKIPPED = "Skipped"  # the name of the state of what was not tried


class PipelineFailed(PtmError):
    """Some of a run failed, or it was cancelled; the rest was completed.

    Attributes:
        outcome: what came of each entry.
    """

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        failed = [f"  {error}".replace("\n", "\n  ") for error in outcome.failed.values()]
        failed += [f"  {name}: skipped, {reason}" for name, reason in outcome.skipped.items()]
        failed += [f"  {name}: cancelled, {reason}" for name, reason in outcome.cancelled.items()]
        total = len(outcome.made) + len(failed)
        if failed:
            super().__init__(f"{len(failed)} of {total} were not made:\n" + "\n".join(failed))
        else:
            super().__init__(f"cancelled when all {total} were made")

    def __reduce__(self) -> tuple[object, ...]:
        return PipelineFailed, (self.outcome,)


@dataclass
class Outcome:
    """What came of each entry, by name.

    Attributes:
        made: references, made or cached.
        failed: messages that begin with the name.
        skipped: why they were not tried.
        cancelled: those that had not begun when the run was cancelled, and by what.
    """

    made: dict[str, ArtifactRef] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    cancelled: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, state: State[Any]) -> str:
        """Takes in the final state of a task; one line that says how it ended."""
        if state.is_completed():
            ref: ArtifactRef = state.result()
            self.made[name] = ref
            because = f" ({ref.why})" if ref.why not in ("", "new") else ""
            return f"{name}: {'cached' if ref.cached else 'made'} in {ref.seconds:.2f} s{because}"
        if state.name == SKIPPED:
            self.skipped[name] = state.message or ""
            return f"{name}: skipped, {state.message}"
        if state.is_cancelled():
            self.cancelled[name] = state.message or ""
            return f"{name}: cancelled, {state.message}"
        error = state.result(raise_on_failure=False)
        text = str(error) if isinstance(error, Exception) else str(state.message)
        if not isinstance(error, PtmError):
            text = f"{type(error).__name__}: {text}"
        self.failed[name] = text if text.startswith(f"{name}: ") else f"{name}: {text}"
        return self.failed[name]

    def in_order(self, names: list[str]) -> Outcome:
        """The same, in the order of `names`."""

        def ordered(ends: dict[str, T]) -> dict[str, T]:
            return {name: ends[name] for name in names if name in ends}

        return Outcome(
            ordered(self.made),
            ordered(self.failed),
            ordered(self.skipped),
            ordered(self.cancelled),
        )

    def ends(self) -> dict[str, dict[str, Any]]:
        """How each ended, as `ptm.store.record_run` notes it."""
        when = datetime.now(UTC).isoformat(timespec="seconds")
        ends: dict[str, dict[str, Any]] = {}
        for name, ref in self.made.items():
            state = ("found" if ref.why else "cached") if ref.cached else "made"
            ends[name] = {"when": when, "state": state, "message": ref.why}
        for state, reasons in (("failed", self.failed), ("skipped", self.skipped)):
            for name, reason in reasons.items():
                ends[name] = {"when": when, "state": state, "message": reason}
        return ends

    def result(self, cancelled: bool = False) -> dict[str, ArtifactRef] | State[Any]:
        """What a flow returns: the references, or a state that lists what was not made.

        Args:
            cancelled: whether the server knows that the run was: it then takes no other end.
        """
        if not (cancelled or self.failed or self.skipped or self.cancelled):
            return self.made
        error = PipelineFailed(self)
        end = Cancelled if cancelled or self.cancelled else Failed
        return end(message=str(error), data=error)


def may_pass(_task: object, _task_run: object, state: State[Any]) -> bool:
    """Whether trying again can help: for I/O and network, not for bad input."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, OSError) and error.errno not in NO_USE_TO_RETRY


# of every task: else Prefect pickles all arguments, for a key under which nothing is kept
UNCACHED: dict[str, Any] = {"cache_policy": NO_CACHE}
RETRY: dict[str, Any] = {
    **UNCACHED,
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(1),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": may_pass,
}


def done(ref: ArtifactRef) -> ArtifactRef | State[ArtifactRef]:
    """The reference; in a state named Cached where nothing had to be made."""
    if not ref.cached:
        return ref
    return Completed(name="Cached", message="the artifact in the store is up to date", data=ref)


def apart() -> Context:
    """A context for tasks that a task submits, and that end by themselves.

    Else Prefect calls those rolled back that were made, where another one fails, or is tried again.
    """
    context = copy_context()
    context.run(BaseTransaction.__var__.set, None)  # type: ignore[arg-type]
    return context


def was_made(upstream: object) -> bool:
    """Whether the artifact that a task reads was made, by what Prefect gives for its future.

    That is the reference, or the error; on Dask and Ray in a tuple, which an annotation leaves.
    """
    if isinstance(upstream, tuple) and len(upstream) == 1:
        upstream = upstream[0]
    return isinstance(upstream, ArtifactRef)


STOPPING = threading.Event()  # set by Ctrl-C: what has not begun is not begun any more


def stopping() -> bool:
    """Whether nothing more may begin. (Tasks are pickled with what they name: a lock cannot be.)"""
    return STOPPING.is_set()


class Unmade(State[None]):
    """The end of a task that made nothing, and did not fail.

    Behind `allow_failure` Prefect lets a task begin whose input has failed, but none whose input
    was cancelled: that one would end as NotReady, without a name.
    """

    def is_failed(self) -> bool:
        """As Prefect asks: whether what is of it may begin."""
        return True


def cancelled(by: str = "Ctrl-C") -> State[None]:
    """The end of a task that had not begun when all were cancelled, or was ended with them."""
    return Unmade(type=StateType.CANCELLED, name="Cancelled", message=by)


def skipped(upstream: str) -> State[None]:
    """The end of a task whose input was not made."""
    return Unmade(type=StateType.CANCELLED, name=SKIPPED, message=f"{upstream} was not made")
