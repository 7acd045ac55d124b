"""Batches that are made in processes of their own, in memory that they share with this one.

Nothing that is shared has a name, so that nothing is left over however the processes end. A batch
goes out as it lies in a slot, which a worker gets again when nobody holds it; where more are held
than can be spared, a batch is copied out. Until the first worker is there, which takes seconds,
batches are made in this process, if nothing is called for them.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
import weakref
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import count as count_from
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ptm.errors import PtmError
from ptm.loading.changing import Batch, Change
from ptm.loading.here import COPIED, Gathered, one, parted, several
from ptm.loading.order import Task
from ptm.loading.samples import Samples
from ptm.loading.slots import Lent, Slot, shared_file
from ptm.loading.worker import Answer, Job, Order, Traceback, of_entries

HELD = 2  # batches that can be held as they lie in slots: one that is used while the next comes
QUEUED = 2  # orders of a worker: one that it works on, and the next
ENDING = 2.0  # s that workers get to end by themselves


class _Worker(NamedTuple):
    """A worker process, and the pipe to it."""

    process: subprocess.Popen[bytes]
    pipe: Connection


class _Done(NamedTuple):
    """A task that was made."""

    task: Task
    lent: Lent
    answer: Answer


class Workers:
    """Some worker processes, which are started here and end with this object.

    Args:
        samples: of the artifact.
        change: what is done to each batch, in the workers.
        count: how many workers.
        size: bytes of a task, before anything is done to it.

    Raises:
        PtmError: the change cannot be pickled.
    """

    def __init__(self, samples: Samples, change: Change, count: int, size: int) -> None:
        self._samples, self._change = samples, change
        self._name = samples.name
        self._workers, files, self._owner = list[_Worker](), list[int](), os.getpid()
        self._end = weakref.finalize(self, _ended, self._workers, files, self._owner)
        files.extend(shared_file() for _ in range(count + 1 + HELD))
        self._slots = [Slot(size, file) for file in files]
        _start(Job(samples, change, (size,) * len(files)), self._workers, count, files)
        # each has first to answer what it is told of the process, then that it is ready
        self._starting = {worker.pipe: len(("process", "job")) for worker in self._workers}
        self._queues = dict[Connection, list[int]]((worker.pipe, []) for worker in self._workers)
        self._orders = dict[int, tuple[Task, Lent]]()  # that are not answered, by number
        self._done = dict[int, _Done]()
        self._abandoned = set[int]()
        self._numbers = count_from(1)
        self._latest: weakref.ref[Generator[Batch]] | None = None

    @property
    def ended(self) -> bool:
        """Whether the processes were ended, or are those of the process that forked this one."""
        return not self._end.alive or os.getpid() != self._owner

    def end(self) -> None:
        """Ends the processes."""
        self._end()

    def batches(self, tasks: Iterable[Task]) -> Iterator[Batch]:
        """The batches of some tasks, in their order. The iterator before ends, and holds no slot.

        Raises:
            PtmError: a worker ended. What is raised in one comes through, with its traceback.
                Whatever is raised, Ctrl-C too, all of them end: an answer may be read in part.
        """
        before = self._latest and self._latest()
        if before:
            before.close()
        found = self._batches(tasks)
        self._latest = weakref.ref(found)
        return found

    def _batches(self, tasks: Iterable[Task]) -> Generator[Batch]:
        todo, wanted = iter(tasks), deque[int]()
        try:
            task = next(todo, None)
            while task or wanted:
                self._look(0)
                while task and (number := self._ordered(task)):
                    wanted.append(number)
                    task = next(todo, None)
                if wanted:
                    while wanted[0] not in self._done:
                        self._look(None)
                    if len(self._done[wanted[0]].task.sizes) > 1:
                        yield from self._several(self._done.pop(wanted.popleft()))
                    else:
                        yield self._one(self._done.pop(wanted.popleft()))
                elif self._change.function or not any(slot.is_free for slot in self._slots):
                    # until workers are there, or have made what is for an iterator that was left
                    self._look(None)
                else:
                    assert task
                    yield from self._made_here(task)
                    task = next(todo, None)
        except GeneratorExit:
            raise
        except BaseException:
            self.end()
            raise
        finally:
            self._abandoned |= set(wanted) & self._orders.keys()
            for number in wanted:
                self._done.pop(number, None)

    def _ordered(self, task: Task) -> int | None:
        """Gives a task to a worker that is ready, if there is a slot; its number, None for none."""
        pipe = min(self._queues, key=self._load)
        slot = next((n for n, one in enumerate(self._slots) if one.is_free), None)
        if slot is None or self._load(pipe) >= QUEUED:
            return None
        number = next(self._numbers)
        self._orders[number] = task, self._slots[slot].take()
        self._queues[pipe].append(number)
        self._send(pipe, Order(task, slot))
        return number

    def _load(self, pipe: Connection) -> int:
        """How many tasks a worker has; as many as it can have before it is ready."""
        return QUEUED if self._starting[pipe] else len(self._queues[pipe])

    def _send(self, pipe: Connection, order: Order) -> None:
        try:
            pipe.send(order)
        except OSError as error:
            raise self._lost(pipe) from error

    def _look(self, seconds: float | None) -> None:
        """Takes in what workers answered; waits so long for something, None for ever."""
        for pipe in wait(list(self._queues), seconds):
            assert isinstance(pipe, Connection)
            try:
                answer: Answer | None = pipe.recv()
            except (EOFError, OSError) as error:
                raise self._lost(pipe) from error
            if self._starting[pipe]:
                self._started(pipe, answer)
                continue
            assert answer
            number = self._queues[pipe].pop(0)
            task, lent = self._orders.pop(number)
            if number in self._abandoned:
                self._abandoned.remove(number)
            else:
                self._done[number] = _Done(task, lent, answer)

    def _started(self, pipe: Connection, answer: Answer | None) -> None:
        self._starting[pipe] -= 1
        if answer is None or answer.error is None:
            return
        self.end()
        if isinstance(answer.error, PtmError):
            raise answer.error from Traceback(answer.lines)
        got = f"{type(answer.error).__name__}: {answer.error}"
        raise PtmError(
            f"{self._name}: expected transform_samples to be a function that other processes can "
            f"import, one of a module, got {got}; or use workers=0"
        ) from Traceback(answer.lines)

    def _made_here(self, task: Task) -> Iterator[Batch]:
        if len(task.sizes) > 1:
            yield from several(self._samples, self._change, self._gathered(task))
        else:
            yield one(self._samples, self._change, self._gathered(task), self._is_full())

    def _gathered(self, task: Task) -> Gathered:
        """The samples of a task, made here."""
        _, size = self._samples.places(len(task.positions))
        lent = next(slot for slot in self._slots if slot.is_free).take()
        if len(lent.memory) < size:
            lent.slot.resize(size)
        self._samples.gather(task.positions, lent.memory)
        return Gathered(task, lent)

    def _is_full(self) -> bool:
        """Whether no further slot can be spared for a batch that goes out."""
        held = sum(not slot.is_free for slot in self._slots)
        return held - len(self._orders) - len(self._done) > HELD

    def _one(self, done: _Done) -> Batch:
        """The batch of a task that has one. Nothing else refers to it afterwards."""
        _, size = self._samples.places(len(done.task.positions))
        [batch] = self._made(done)
        return copied(batch) if size < COPIED or self._is_full() else batch

    def _several(self, done: _Done) -> Iterator[Batch]:
        return map(copied, self._made(done))

    def _made(self, done: _Done) -> Iterator[Batch]:
        """What a worker made, as it lies in the slot."""
        task, lent, answer = done
        if answer.error:
            raise answer.error from Traceback(answer.lines)
        if answer.size > len(lent.memory):
            lent.slot.resize(answer.size)
        if answer.batches is None:
            places, _ = self._samples.places(len(task.positions))
            yield from parted(lent.tensors(places), task.sizes)
        else:
            yield from (of_entries(lent, entries) for entries in answer.batches)

    def _lost(self, pipe: Connection) -> PtmError:
        """The error that says how a worker ended; the others end too."""
        [worker] = (one for one in self._workers if one.pipe is pipe)
        with suppress(subprocess.TimeoutExpired):
            worker.process.wait(ENDING)
        code = worker.process.poll()
        how = f"exit code {code}"
        if code is not None and code < 0:
            how = f"signal {-code} ({signal.Signals(-code).name})"
            how += ", as when memory runs out" if -code == signal.SIGKILL else ""
        self.end()
        return PtmError(
            f"{self._name}: expected worker process {worker.process.pid} to make batches, got its "
            f"end by {how}"
        )


def copied(batch: Batch) -> Batch:
    """A batch with its tensors in memory of their own, as others than plain ones are already."""
    return {n: v.clone() if type(v) is torch.Tensor else v for n, v in batch.items()}


def _start(job: Job, workers: list[_Worker], count: int, files: Sequence[int]) -> None:
    """Starts so many workers, which are not ready yet, and adds each to those there are."""
    try:
        messages = [pickle.dumps(_of_this_process(pickle.dumps(job))), pickle.dumps(job)]
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise PtmError(
            f"{job.samples.name}: expected transform_samples to be a function of a module, which "
            f"other processes can import, got what cannot be pickled ({error}); or use workers=0"
        ) from error
    code = f"import sys; sys.path[:] = {sys.path!r}; from ptm.loading.worker import main"
    for _ in range(count):
        ours, theirs = Pipe()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-c", f"{code}; main({theirs.fileno()}, {list(files)})"],
                pass_fds=[theirs.fileno(), *files],
                stdin=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is for this process, which ends them
            )
        workers.append(_Worker(process, ours))
        with suppress(OSError):  # one that ended already is told of when it is waited for
            for message in messages:
                ours.send_bytes(message)


def _of_this_process(job: bytes) -> dict[str, Any]:
    """What `multiprocessing.spawn.prepare` does in a worker: imports the script where it has to."""
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    found: dict[str, Any] = {"sys_path": sys.path, "sys_argv": sys.argv}
    if b"__main__" in job:
        if spec is not None:
            found["init_main_from_name"] = spec.name
        elif file is not None:
            found["init_main_from_path"] = str(Path(file).absolute())
    return found


def _ended(workers: Sequence[_Worker], files: Sequence[int], owner: int) -> None:
    """Ends workers: they do so by themselves when their pipes close."""
    if os.getpid() != owner:  # a fork of the process that has them
        return
    for worker in workers:
        worker.pipe.close()
    end = time.monotonic() + ENDING
    for worker in workers:
        try:
            worker.process.wait(max(end - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
    for file in files:
        os.close(file)
