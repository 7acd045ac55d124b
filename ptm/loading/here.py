"""Batches that are made in this process: a thread copies the next ones while one is used."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import torch

from ptm.loading.changing import Batch, Change
from ptm.loading.order import Task
from ptm.loading.samples import Samples
from ptm.loading.slots import Lent, Ring

KEPT = 4  # batches: one that is used, one that comes next, one that is copied, one more
AHEAD = 1  # tasks that a thread makes beyond the next one
COPIED = 1 << 16  # bytes of a batch: smaller ones are copied out, which costs next to nothing
IN_A_THREAD = 1 << 20  # bytes of a batch: to hand a smaller one to a thread takes too long
OF_A_TASK, MOST = 1 << 20, 64  # bytes; batches


class Gathered(NamedTuple):
    """The samples of a task, in memory that is lent.

    Attributes:
        task: what they are.
        lent: what they lie in, as `Samples.places` says.
    """

    task: Task
    lent: Lent


def one(samples: Samples, change: Change, gathered: Gathered, copy: bool = False) -> Batch:
    """The batch of a task that has one. Nothing else refers to it afterwards.

    Args:
        samples, change: as of `Here`.
        gathered: of the task.
        copy: whether it goes out in memory of its own, as small ones do.
    """
    task, lent = gathered
    places, size = samples.places(len(task.positions))
    batch = lent.tensors(places)
    if copy or size < COPIED:
        batch = {name: tensor.clone() for name, tensor in batch.items()}
    return change.of(batch, task.epoch, task.first)


def several(samples: Samples, change: Change, gathered: Gathered) -> Iterator[Batch]:
    """The batches of a task, each copied out."""
    task, lent = gathered
    places, _ = samples.places(len(task.positions))
    for number, batch in enumerate(parted(lent.tensors(places), task.sizes), task.first):
        copied = {name: tensor.clone() for name, tensor in batch.items()}
        yield change.of(copied, task.epoch, number)


def parted(tensors: dict[str, torch.Tensor], sizes: tuple[int, ...]) -> Iterator[Batch]:
    """Tensors of several batches as batches, without a copy."""
    cut = list(sizes)
    for each in zip(*(torch.split(one, cut) for one in tensors.values()), strict=True):
        yield dict(zip(tensors, each, strict=True))


def together(bytes_: int) -> int:
    """How many batches of that size a task has: of small ones some, which costs less for each."""
    return 1 if bytes_ >= COPIED else max(min(OF_A_TASK // max(bytes_, 1), MOST), 1)


class Here:
    """Makes batches in this process, in memory that it uses again.

    Args:
        samples: of the artifact.
        change: what is done to each batch, in the thread that asks for it.
    """

    def __init__(self, samples: Samples, change: Change) -> None:
        self._samples, self._change = samples, change
        self._ring = Ring(KEPT)

    def batches(self, tasks: Iterable[Task]) -> Iterator[Batch]:
        """The batches of some tasks, in their order.

        Raises:
            ArtifactCorrupt, StoreError: a file is damaged, or may not be read. What the change
                raises comes through.
        """
        pending = deque[Future[Gathered]]()
        thread = ThreadPoolExecutor(1, "ptm-batches")  # it has a thread once something is submitted
        try:
            for task in tasks:
                if len(task.sizes) > 1:
                    yield from several(self._samples, self._change, self.gathered(task))
                elif not pending and self._samples.bytes * task.sizes[0] < IN_A_THREAD:
                    yield one(self._samples, self._change, self.gathered(task))
                else:
                    pending.append(thread.submit(self.gathered, task))
                    if len(pending) > AHEAD:
                        yield self._first(pending)
            while pending:
                yield self._first(pending)
        finally:
            thread.shutdown(wait=False, cancel_futures=True)

    def _first(self, pending: deque[Future[Gathered]]) -> Batch:
        return one(self._samples, self._change, pending.popleft().result())

    def gathered(self, task: Task) -> Gathered:
        """The samples of a task."""
        _, size = self._samples.places(len(task.positions))
        lent = self._ring.take(size)
        self._samples.gather(task.positions, lent.memory)
        return Gathered(task, lent)
