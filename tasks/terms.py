"""The terms of a run: where its tasks make their calls, and until when."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from prefect import get_run_logger
from prefect.client.schemas.objects import State

from ptm.errors import PtmError
from ptm.model import ArtifactRef
from ptm.spans import told
from ptm.store.locks import lock_exclusive, lock_shared
from tasks.outcome import cancelled, done
from tasks.workers import WORKERS, Lost, Stopped, TimeOver

T = TypeVar("T")
LOOK_SECONDS = 0.05  # between looks whether a turn has come


class TimeExceeded(PtmError):
    """Something took longer than it may."""


class Terms:
    """What holds for every call of a run. (No dataclass: Prefect would look inside.)

    Args:
        apart: whether each call is made in a worker process; else only those that have a limit.
        span: seconds that the run may take from now on; None where there is no limit.
        run: names the run: its calls on one computer take turns.
        arrive: called in each other process that the terms come to, before a task begins there;
            can be pickled.

    Attributes:
        until: when the time is over, in seconds of `time.time`.
        said: the time, for people.
    """

    def __init__(
        self,
        apart: bool = False,
        span: float | None = None,
        run: str = "",
        arrive: Callable[[], None] | None = None,
    ) -> None:
        self.apart, self.span, self.run, self._arrive = apart, span, run, arrive
        self.until = None if span is None else time.time() + span
        self.said = f"the {told(span or 0)} of the run"

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._arrive:
            self._arrive()

    def within(self, span: float | None) -> Terms:
        """Terms for several calls that may take so many seconds together, from now on."""
        left = self.left()
        if span is None or (left is not None and left <= span):
            return self
        closer = Terms(self.apart, span, self.run, self._arrive)
        closer.said = told(span)
        return closer

    def exceeded(self, name: str) -> TimeExceeded:
        """That something was ended, since the time was over."""
        return TimeExceeded(f"{name}: expected to be made within {self.said}, it was not: ended")

    def left(self) -> float | None:
        """The seconds that are left; None where there is no limit."""
        return None if self.until is None else self.until - time.time()

    def over(self) -> bool:
        """Whether the time is over."""
        left = self.left()
        return left is not None and left <= 0

    def close(self) -> None:
        """Ends what stood ready for more calls of the run."""
        WORKERS.end_idle()
        for file in _files(self.run):
            file.unlink(missing_ok=True)


def carry_out(
    terms: Terms, name: str, make: Callable[[], ArtifactRef], span: float | None = None
) -> ArtifactRef | State[ArtifactRef] | State[None]:
    """Makes one artifact on the terms of its run; the end of the task.

    Args:
        terms: of the run.
        name: of the artifact.
        make: makes it; can be pickled.
        span: seconds that it may take; None where there is no limit.

    Raises:
        TimeExceeded, PtmError: as `called`.
    """
    try:
        return done(called(terms, name, make, span))
    except Stopped:
        return cancelled()


def called(terms: Terms, name: str, make: Callable[[], T], span: float | None = None) -> T:
    """Makes a call on the terms of its run.

    One whose process is lost, as when the system kills it for want of memory, is made once more,
    with no other call of the run beside it.

    Args:
        terms: of the run.
        name: of the artifact that it is for.
        make: the call; can be pickled.
        span: seconds that it may take; None where there is no limit.

    Raises:
        TimeExceeded: it took too long, or the time of the run is over.
        Stopped: the run was ended.
        PtmError: its process was lost twice, or what `make` raises.
    """
    if not terms.apart and span is None and terms.span is None:
        return make()
    try:
        return _call(terms, name, make, span)
    except Lost as first:
        get_run_logger().warning("%s: %s: tried once more, alone", name, first.how)
    try:
        return _call(terms, name, make, span, alone=True)
    except Lost as second:
        guess = ": out of memory?" if second.oom else ""
        raise PtmError(
            f"{name}: expected a process that makes it, got: {second.how}, twice; the second "
            f"time no other was beside it{guess}"
        ) from second


def _call(
    terms: Terms, name: str, make: Callable[[], T], span: float | None, alone: bool = False
) -> T:
    with _turn(terms, alone):
        if terms.over():
            text = f"{name}: expected to begin within {terms.said}, it could not: they were over"
            raise TimeExceeded(text)
        if alone:
            WORKERS.end_idle()
        limits = terms.within(span)
        try:
            came: T = WORKERS.call(make, limits.left())
            return came
        except TimeOver:
            raise limits.exceeded(name) from None


@contextlib.contextmanager
def _turn(terms: Terms, alone: bool) -> Iterator[None]:
    """A turn among the calls of the run on this computer: side by side, or alone.

    All go through a door into a room. Who wants to be alone keeps the door shut until the room is
    empty. Locks go with their process; where there are none, all goes on without.
    """
    lock = lock_exclusive if alone else lock_shared
    with contextlib.ExitStack() as inside:
        with contextlib.ExitStack() as entering, contextlib.suppress(OSError):
            for file, kept in zip(_files(terms.run), (entering, inside), strict=True):
                descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
                kept.callback(os.close, descriptor)
                while lock(descriptor) is False and not terms.over():
                    time.sleep(LOOK_SECONDS)
        yield


def _files(run: str) -> tuple[Path, Path]:
    """The door and the room of the calls of a run."""
    folder = Path(tempfile.gettempdir())
    return folder / f"ptm-{run}.door", folder / f"ptm-{run}.room"
