"""Entries of many parts: each is driven by a thread of the flow, its parts run where tasks run.

The thread plans, learns and publishes, submits tasks over groups of parts and waits for them; so it
takes no place of the runner, which would wait for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner

from flows.running.progress import Progress
from ptm.budget import ENTRIES
from ptm.parts import may_be_many
from ptm.registry import kind_of
from ptm.source import Source
from ptm.space import input_bytes
from tasks.parts import Spread
from tasks.prepare import Sealed, prepare
from tasks.terms import Terms

FOR_EACH_WORKER = 4  # tasks over the parts of an entry: few, and none is long
MOST = 200  # where nobody says how many workers there are


class Drivers:
    """Submits the tasks of entries, each to the runner of the flow, or to a thread that drives it.

    Args:
        threads: of the drivers.
        limits: the terms of the run.
        progress: of the run.
    """

    def __init__(
        self, threads: ThreadPoolTaskRunner[Any], limits: Terms, progress: Progress
    ) -> None:
        context = FlowRunContext.get()
        runner = context.task_runner if context else None
        self._here = runner is None or isinstance(runner, ThreadPoolTaskRunner)
        self._threads, self._limits, self._progress = threads, limits, progress
        self._driven: set[str] = set()

    def submit(
        self,
        source: Source,
        artifacts: Path,
        upstream: Sequence[Any] = (),
        rehash: bool = False,
        force: bool = False,
    ) -> PrefectFuture[Any]:
        """The future of an entry's task.

        Args:
            source: the entry.
            artifacts: the store.
            upstream: the futures of what it is of, or what came of them.
            rehash, force: as of `ptm.tensorize`.
        """
        where = str(Path(artifacts).absolute())
        again = rehash, force, self._limits
        if not self._here:  # what is relative here may be something else there
            source = source.model_copy(update={"root": source.root.absolute()})
        if not self._is_driven(source, Path(artifacts)):
            return prepare.submit(Sealed(source), where, upstream, *again)
        self._driven.add(source.name)
        tasks = FOR_EACH_WORKER * ENTRIES if self._here else MOST
        spread = Spread(source, self._limits, tasks, self._progress.part)
        given = Sealed(source, spread), where, upstream, *again
        names = ("source", "artifacts", "upstream", "rehash", "force", "terms")
        return self._threads.submit(prepare, dict(zip(names, given, strict=True)))

    def _is_driven(self, source: Source, artifacts: Path) -> bool:
        if not self._here and not self._driven.isdisjoint(source.upstream):
            return True  # a future of a thread here cannot go to a cluster
        if source.of:
            return False
        return may_be_many(source, kind_of(source), input_bytes(source, artifacts))


@contextmanager
def drivers(limits: Terms, progress: Progress) -> Iterator[Drivers]:
    """What submits the tasks of a run's entries, until the run ends."""
    with ThreadPoolTaskRunner[Any](max_workers=ENTRIES) as threads:
        yield Drivers(threads, limits, progress)
