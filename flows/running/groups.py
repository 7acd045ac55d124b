"""Runs of many entries: a task for each kind holds those of its entries, as their graph shows them.

The task of a kind only submits and waits, in a thread of its own: it takes no place of a runner.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import copy_context
from functools import partial
from typing import Any, NamedTuple, Protocol

from prefect import get_run_logger, task
from prefect.client.schemas.objects import State, StateType
from prefect.futures import PrefectFuture
from prefect.states import Cancelled, Completed, Failed

from ptm.errors import PtmError
from ptm.model import ArtifactRef
from ptm.source import Source
from tasks.outcome import SKIPPED, UNCACHED, apart, stopping

Future = PrefectFuture[Any]


class Submit(Protocol):
    """Submits the task of one entry."""

    def __call__(self, source: Source, before: Mapping[str, Future | ArtifactRef]) -> Future:
        """Its future, given those of the entries before it, or what is there of them."""
        ...


class Look(Protocol):
    """Looks whether an entry is up to date."""

    def __call__(self, source: Source) -> ArtifactRef | None:
        """What is there of it; None where it is to be made, or nobody can tell."""
        ...


MOST_ALONE = 40  # sources that a graph shows side by side
MOST_TASKS = 100  # sources of which each has a task, also where it is up to date
JOIN_SECONDS = 10.0


class Submitted(NamedTuple):
    """What came of the entries of a run so far, by their names.

    Attributes:
        futures: of those that have a task.
        ready: those that are up to date, and so need none.
    """

    futures: Mapping[str, Future]
    ready: Mapping[str, ArtifactRef]


@contextmanager
def submitted(
    sources: Sequence[Source], submit: Submit, look: Look | None = None
) -> Iterator[Submitted]:
    """Submits a task for each entry; of many, inside of a task for each kind.

    Of hundreds one task looks first which are up to date: those have no task of their own.

    Args:
        sources: what one is of before it.
        submit: submits the task of one, given the futures of those before it.
        look: tells what is up to date; None where all have a task.

    Gives:
        The futures in the order of the entries. With the block the tasks of the kinds end, if they
        have not.
    """
    ready: dict[str, ArtifactRef] = {}
    if look and len(sources) > MOST_TASKS:
        ready = up_to_date(len(sources), _Looks(sources, look))
    left = [source for source in sources if source.name not in ready]
    before: dict[str, Future | ArtifactRef] = dict(ready)
    futures: dict[str, Future] = {}
    with ExitStack() as ends:
        if len(left) <= MOST_ALONE:
            for source in left:
                before[source.name] = futures[source.name] = submit(source, before)
        else:
            for layer in _layers(left):
                futures |= ends.enter_context(_of_kinds(layer, partial(submit, before=before)))
                before |= futures
        yield Submitted({source.name: futures[source.name] for source in left}, ready)


class _Looks:
    """Looks at many entries. (Prefect would look inside of a list of them.)"""

    def __init__(self, sources: Sequence[Source], look: Look) -> None:
        self._sources, self._look = sources, look

    def found(self) -> dict[str, ArtifactRef]:
        """What is up to date, and is of nothing that is not."""
        ready: dict[str, ArtifactRef] = {}
        names = {source.name for source in self._sources}
        for source in self._sources:
            if names.intersection(source.upstream) <= ready.keys() and not stopping():
                with suppress(PtmError, OSError):  # its task will tell
                    if ref := self._look(source):
                        ready[source.name] = ref
        return ready


@task(
    name="up to date",
    task_run_name="up to date? ({count})",
    description="Which of many entries the store has as they are to be: they need no task.",
    **UNCACHED,
)
def up_to_date(count: int, looks: _Looks) -> dict[str, ArtifactRef]:
    """Looks at all of them, one after the other."""
    ready = looks.found()
    get_run_logger().info("%d of %d are up to date", len(ready), count)
    return ready


def _layers(sources: Sequence[Source]) -> list[list[Source]]:
    """Entries none of which is of another of its layer, but only of those before."""
    depth: dict[str, int] = {}
    for source in sources:
        of = [depth[name] + 1 for name in source.upstream if name in depth]
        depth[source.name] = max(of, default=0)
    layers: list[list[Source]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for source in sources:
        layers[depth[source.name]].append(source)
    return layers


@contextmanager
def _of_kinds(
    sources: Sequence[Source], submit: Callable[[Source], Future]
) -> Iterator[dict[str, Future]]:
    kinds: dict[str, list[Source]] = {}
    for source in sources:
        kinds.setdefault(source.kind, []).append(source)
    groups = [_Group(of_kind, submit) for of_kind in kinds.values()]
    threads = [
        threading.Thread(target=copy_context().run, args=(_run, group), daemon=True)
        for group in groups
    ]
    try:
        for thread in threads:
            thread.start()
        yield {name: future for group in groups for name, future in group.futures().items()}
    finally:
        for group in groups:
            group.over.set()
        for thread in threads:
            thread.join(JOIN_SECONDS)


class _Group:
    """The sources of one kind. (Prefect would look for futures inside of a list.)

    Attributes:
        kind: of all of them.
        count: how many they are.
        over: nothing has to be waited for any more.
    """

    def __init__(self, sources: list[Source], submit: Callable[[Source], Future]) -> None:
        self.kind, self.count = sources[0].kind, len(sources)
        self._sources, self._submit = sources, submit
        self._futures: dict[str, Future] = {}
        self._left: set[Future] = set()
        self._error: BaseException | None = None
        self._ready, self.over = threading.Event(), threading.Event()

    def __reduce__(self) -> tuple[Any, ...]:
        return object, ()  # tasks in other processes get its task's arguments, and need none

    def futures(self) -> dict[str, Future]:
        """Those of all its sources, once they are submitted."""
        self._ready.wait()
        if self._error:
            raise self._error
        return self._futures

    def work(self) -> State[None]:
        """Submits, and waits for all: the state that tells how they ended."""
        context = apart()
        try:
            for source in self._sources:
                self._futures[source.name] = context.run(self._submit, source)
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._ready.set()
        self._wait()
        return self._end()

    def _wait(self) -> None:
        self._left = set(self._futures.values())
        lock = threading.Lock()

        def ended(future: Future) -> None:
            with lock:
                self._left.discard(future)
                if not self._left:
                    self.over.set()

        for future in self._futures.values():
            future.add_done_callback(ended)
        self.over.wait()

    def _end(self) -> State[None]:
        total = len(self._futures)
        if self._left:
            return Cancelled(message=f"the run ended before {len(self._left)} of {total} had")
        for future in self._futures.values():
            future.wait()  # only then does `state` hold the final one
        states = [future.state for future in self._futures.values()]
        if all(state.is_completed() for state in states):
            return Completed(message=f"all {total} were made, or there already")
        failed = sum(state.type in (StateType.FAILED, StateType.CRASHED) for state in states)
        if failed:
            return Failed(message=f"{failed} of {total} failed")
        # a cluster leaves what is of something unmade without an end, which `lost` gives it
        left_out = sum(state.name == SKIPPED or not state.is_final() for state in states)
        if left_out and left_out == sum(not state.is_completed() for state in states):
            said = f"{left_out} of {total} were skipped"
            return State(type=StateType.CANCELLED, name=SKIPPED, message=said)
        return Cancelled(message="Ctrl-C")


@task(
    name="kind",
    task_run_name="{kind} ({count})",
    description="Holds the tasks of all sources of one kind.",
    **UNCACHED,
)
def of_kind(kind: str, count: int, group: _Group) -> State[None]:
    """Submits the tasks of one kind and waits for them."""
    return group.work()


def _run(group: _Group) -> None:
    of_kind(group.kind, group.count, group, return_state=True)
