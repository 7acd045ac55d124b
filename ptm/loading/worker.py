"""A worker process: makes the batches that it is told, in memory that it shares with the loader.

When the process that started it ends, it ends at once, whatever it does.
"""

from __future__ import annotations

import gc
import os
import pickle
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import spawn
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any, NamedTuple

import torch

from ptm.errors import PtmError
from ptm.loading.changing import Batch, Change
from ptm.loading.here import parted
from ptm.loading.order import Task
from ptm.loading.samples import Samples
from ptm.loading.slots import Lent, Place, Slot, layout

LOOKS = 5.0  # s between looks whether the loader's process is there


class Job(NamedTuple):
    """What a worker is for.

    Attributes:
        samples, change: as of `ptm.loading.here.Here`.
        sizes: bytes of each slot.
    """

    samples: Samples
    change: Change
    sizes: tuple[int, ...]


class Order(NamedTuple):
    """A task and the number of the slot that it is to be made in."""

    task: Task
    slot: int


class Entry(NamedTuple):
    """One thing of a batch: a tensor in the slot, or else what it is, pickled with the answer."""

    name: str
    place: Place | None
    value: Any = None


class Answer(NamedTuple):
    """What came of an order.

    Attributes:
        batches: what each has; None where the samples lie in the slot as they were gathered.
        size: of the slot.
        error: that was raised; None for none.
        lines: of its traceback.
    """

    batches: list[list[Entry]] | None = None
    size: int = 0
    error: BaseException | None = None
    lines: str = ""


class Traceback(Exception):
    """The lines of a traceback in a worker process, as the cause of the error that it tells."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def is_worker() -> bool:
    """Whether this process is one."""
    return _started


_started = False


def main(descriptor: int, slots: Sequence[int]) -> None:
    """Makes the batches that are asked for through a pipe.

    Args:
        descriptor: of the pipe. First come what `multiprocessing.spawn.prepare` takes and a Job,
            pickled; then orders, each of which is answered. An empty answer says: ready.
        slots: descriptors of shared files.
    """
    global _started
    _started = True
    for one in (descriptor, *slots):
        os.set_inheritable(one, False)
    torch.set_num_threads(1)  # the other cores have workers of their own
    pipe = Connection(descriptor)
    orders = SimpleQueue[bytes]()
    threading.Thread(target=_take, args=(pipe, orders, os.getppid()), daemon=True).start()
    work = _Work(slots)
    with suppress(OSError):  # nobody waits for the answer any more
        while True:
            pipe.send_bytes(_answer(work, orders.get()))
    os._exit(1)


def _take(pipe: Connection, orders: SimpleQueue[bytes], parent: int) -> None:
    """Takes orders in; a thread, since only so the end of the other side shows meanwhile."""
    try:
        while True:
            # a process that the loader's forked may hold the other end of the pipe
            while not pipe.poll(LOOKS):
                if os.getppid() != parent:
                    os._exit(1)
            orders.put(pipe.recv_bytes())
    except (EOFError, OSError):
        os._exit(1)


def _answer(work: _Work, message: bytes) -> bytes:
    try:
        return work.answer(message)
    except BaseException as error:
        lines = traceback.format_exc()
        try:
            answer = pickle.dumps(Answer(error=error, lines=lines))
            pickle.loads(answer)  # some errors can be written, and not be read
        except Exception:
            stands_for = PtmError(f"{type(error).__name__}: {error}")
            answer = pickle.dumps(Answer(error=stands_for, lines=lines))
        return answer


class _Work:
    """What a worker has to do, message by message."""

    def __init__(self, slots: Sequence[int]) -> None:
        self._descriptors = slots
        first: list[Callable[[Any], Answer | None]] = [self._prepare, self._begin]
        self._messages = iter(first)
        self._slots: list[Slot] = []

    def answer(self, message: bytes) -> bytes:
        """What is to be answered to a message, pickled: an Answer, or None for "understood".

        Raises:
            PtmError: the change gives what cannot be pickled, or keeps what it got. What it raises
                comes through.
        """
        answer = next(self._messages, self._make)(pickle.loads(message))
        try:
            return pickle.dumps(answer)
        except Exception as error:
            got = f"{type(error).__name__}: {error}"
            raise self._error("to give what can be pickled, besides tensors", got) from error

    def _prepare(self, process: dict[str, Any]) -> None:
        spawn.prepare(process)

    def _begin(self, job: Job) -> None:
        self._samples, self._change = job.samples, job.change
        each = zip(job.sizes, self._descriptors, strict=True)
        self._slots = [Slot(size, descriptor) for size, descriptor in each]

    def _make(self, order: Order) -> Answer:
        task, slot = order.task, self._slots[order.slot]
        if not slot.is_free:
            gc.collect()
        if not slot.is_free:
            raise self._error("to keep clones, in workers", "a tensor of an earlier batch")
        places, end = self._samples.places(len(task.positions))
        if len(slot.memory) < end:
            slot.resize(end)
        self._samples.gather(task.positions, slot.memory)
        if self._change.function is None:
            return Answer(size=len(slot.memory))
        lent, found = slot.take(), []
        for number, batch in enumerate(parted(lent.tensors(places), task.sizes), task.first):
            changed = self._change.of(batch, task.epoch, number)
            entries, end = packed(lent, changed, end)
            found.append(entries)
        return Answer(found, len(slot.memory))

    def _error(self, expected: str, got: str) -> PtmError:
        return PtmError(f"{self._change.name}: expected transform_samples {expected}, got {got}")


def packed(lent: Lent, batch: Batch, end: int) -> tuple[list[Entry], int]:
    """Brings what is to be given of a batch into a slot, where it is not there already.

    Args:
        lent: the slot.
        batch: tensors and other things, by name.
        end: from there on the slot is free.

    Returns:
        What it has, and from where on the slot is free now.
    """
    entries = []
    for name, value in batch.items():
        if not _is_plain(value):
            entries.append(Entry(name, None, value))
            continue
        tensor = value.detach().resolve_conj().resolve_neg()
        place = _within(lent, name, tensor)
        if place is None:
            [place], end = layout([(name, tensor.dtype, tensor.shape)], end)
            if len(lent.memory) < end:
                lent.slot.resize(end)
            place.tensor(place.of(lent.memory)).copy_(tensor)
        entries.append(Entry(name, place))
    return entries, end


def _is_plain(value: Any) -> bool:
    """Whether it is a tensor that is no more than its bytes."""
    is_strided = type(value) is torch.Tensor and value.layout == torch.strided
    return is_strided and value.is_cpu and not value.is_quantized


def _within(lent: Lent, name: str, tensor: torch.Tensor) -> Place | None:
    """Where a tensor lies in a slot; None where it does not, or not in one piece."""
    offset = tensor.data_ptr() - lent.memory.ctypes.data
    inside = offset >= 0 and offset + tensor.nbytes <= len(lent.memory)
    if not (inside and tensor.is_contiguous()):
        return None
    return Place(name, tensor.dtype, tuple(tensor.shape), offset)


def of_entries(lent: Lent, entries: Sequence[Entry]) -> Batch:
    """A batch: the tensors as they lie in the slot, and all else."""
    tensors = lent.tensors(entry.place for entry in entries if entry.place)
    return {e.name: tensors[e.name] if e.place else e.value for e in entries}
