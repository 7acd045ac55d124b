"""The loader of a split: batches of tensors, epoch after epoch, and where it stands in one."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import Any, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray

from ptm.errors import PtmError
from ptm.loading.changing import Batch, Change, Transform, expected_function
from ptm.loading.here import Here, together
from ptm.loading.order import Positions, Share, balanced, permuted, tasks
from ptm.loading.samples import Samples
from ptm.loading.worker import is_worker
from ptm.loading.workers import Workers

TARGET = "target"
WORDS = 1 << 64
FRESH = ("_latest", "_lock", "_here", "_processes")  # what a copy makes anew


class Loader:
    """Batches of the samples of a split, as dicts of tensors by name; see `Artifact.loader`.

    It can be pickled: a copy stands where this one stood, with memory and workers of its own.

    Args:
        samples: of the artifact.
        positions: int64, of those of the split; None for all.
        share: of this rank, in batches.
        key: of the artifact.
        split: whose samples they are.
        seed: of all random numbers, from 0.
        epoch: of the first iteration, from 0.
        shuffle: whether each epoch has an order of its own.
        balanced: whether all classes come equally often.
        workers: processes that make batches; with 0 a thread of this one does.
        pin_memory: whether batches are copied to memory that CUDA can read from, if there is CUDA.
        transform_samples: what is called for each batch.

    Raises:
        PtmError: a number is out of its range, a flag neither true nor false; `transform_samples`
            is no function; there is no class for each sample.
    """

    def __init__(
        self,
        samples: Samples,
        positions: Positions | None,
        share: Share,
        key: str,
        split: str,
        seed: int = 0,
        epoch: int = 0,
        shuffle: bool = False,
        balanced: bool = False,
        workers: int = 0,
        pin_memory: bool = False,
        transform_samples: Transform | None = None,
    ) -> None:
        self._samples, self._positions, self._share = samples, positions, share
        self._key, self._split = key, split
        least = {"batch_size": 1, "world_size": 1, "seed": 0, "epoch": 0, "workers": 0}
        given = {"seed": seed, "epoch": epoch, "workers": workers}
        given |= {"batch_size": share.batch_size, "world_size": share.world_size}
        for name, value in given.items():
            if not _is_count(value) or not least[name] <= value < WORDS:
                raise self._error(f"{name} to be a whole number from {least[name]}", repr(value))
        flags = {"balanced": balanced, "shuffle": shuffle, "pin_memory": pin_memory}
        for name, value in (flags | {"drop_last": share.drop_last}).items():
            if value not in (False, True):
                raise self._error(f"{name} to be True or False", repr(value))
        if not _is_count(share.rank) or not 0 <= share.rank < share.world_size:
            raise self._error(f"rank from 0 below world_size {share.world_size}", repr(share.rank))
        self._seed, self._shuffle, self._balanced = seed, shuffle, balanced
        self._workers, self._pin_memory = workers, pin_memory
        function = expected_function(samples.name, transform_samples)
        self._change = Change(samples.name, function, seed, share.rank)
        self._epoch, self._batch, self._begun = epoch, 0, False
        self.__setstate__({})
        if balanced and not shuffle:
            raise self._error("shuffle to be left out, or True, to balance", shuffle)
        if balanced:
            self._classes  # noqa: B018 - what is wrong with them is told now

    def __getstate__(self) -> dict[str, Any]:
        """Without what belongs to this process."""
        return {name: value for name, value in vars(self).items() if name not in FRESH}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        self._latest = object()
        self._lock = threading.RLock()
        self._here = Here(self._samples, self._change)
        self._processes: Workers | None = None

    def __len__(self) -> int:
        """Batches of an epoch on this rank."""
        return self._share.batches

    def __iter__(self) -> Iterator[Batch]:
        """The batches of an epoch, or the rest of one after `load_state_dict`; then of the next.

        It ends an iteration that is not at its end. Several threads may share one.
        """
        if self._workers and is_worker():
            raise PtmError(
                f"{self._samples.name}: expected a worker process to import the script without "
                "running it, got a loader that begins; put what trains below `if __name__ == "
                '"__main__":`, or transform_samples into a module of its own'
            )
        with self._lock:
            if self._begun:
                self._epoch, self._batch = self._epoch + 1, 0
            self._begun, self._latest = True, object()
            batches = self._batches(self._latest, self._epoch, self._batch)
        return _Iteration(batches, self._lock)

    def state_dict(self) -> dict[str, int | str]:
        """Where it stands: after so many batches that were given out in an epoch.

        Returns:
            By name the key of the artifact, the split, and numbers: what JSON can hold too.
        """
        with self._lock:
            return {**self._fixed, "epoch": self._epoch, "batch": self._batch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The next iteration gives the rest of the epoch that `state_dict` was asked in.

        It ends an iteration that is not at its end.

        Raises:
            PtmError: it is of another artifact (one with another key), split, seed, order, or
                number of samples, batches or ranks.
        """
        if not isinstance(state, Mapping):
            raise self._error("the state of a loader, values by name", repr(state))
        expected = self._fixed
        got = {name: state.get(name) for name in expected}
        most = {"epoch": WORDS - 1, "batch": len(self)}
        places = {name: state.get(name) for name in most}
        known = all(_is_count(at) and 0 <= at <= most[name] for name, at in places.items())
        if got != expected or not known:
            wanted = {**expected, "epoch": "from 0", "batch": f"from 0 to {len(self)}"}
            raise self._error(f"the state of a loader with {_listed(wanted)}", _listed(state))
        with self._lock:
            self._epoch, self._batch, self._begun = state["epoch"], state["batch"], False
            self._latest = object()

    @property
    def _fixed(self) -> dict[str, int | str]:
        """What a state has to have in common with this loader."""
        return {
            "key": self._key,
            "split": self._split,
            "seed": self._seed,
            "samples": self._share.count,
            "batch_size": self._share.batch_size,
            "world_size": self._share.world_size,
            "shuffle": int(self._shuffle),
            "balanced": int(self._balanced),
        }

    def _batches(self, mine: object, epoch: int, first: int) -> Generator[Batch]:
        share = self._share
        batch_bytes = self._samples.bytes * share.batch_size
        made = tasks(
            epoch, share, self._order(epoch), self._positions, first, together(batch_bytes)
        )
        source, held = self._maker(batch_bytes).batches(made), list[Batch]()
        while True:
            if self._latest is not mine:
                raise self._error("one iteration at a time", "a further batch of one before")
            held.extend(islice(source, 1))
            if not held:
                break
            self._batch += 1
            # there is no name for it here: its memory is free once it is dropped
            yield self._pinned(held.pop())
        self._epoch, self._batch, self._begun = epoch + 1, 0, False

    def _pinned(self, batch: Batch) -> Batch:
        if not (self._pin_memory and torch.cuda.is_available()):
            return batch
        return {n: v.pin_memory() if isinstance(v, torch.Tensor) else v for n, v in batch.items()}

    def _maker(self, batch_bytes: int) -> Here | Workers:
        if not self._workers:
            return self._here
        if self._processes is None or self._processes.ended:
            size = self._samples.places(self._share.batch_size * together(batch_bytes))[1]
            self._processes = Workers(self._samples, self._change, self._workers, size)
        return self._processes

    def _order(self, epoch: int) -> Positions | None:
        if self._balanced:
            return balanced(self._classes, self._seed, epoch)
        return permuted(self._share.count, self._seed, epoch) if self._shuffle else None

    @cached_property
    def _classes(self) -> NDArray[np.int64]:
        """The class of each sample of the split."""
        kinds = self._samples.kinds.values()
        single = [kind.name for kind in kinds if not kind.shape and kind.dtype == torch.int64]
        name = TARGET if TARGET in single else single[0] if len(single) == 1 else None
        if name is None:
            got = ", ".join(single) or "none"
            raise self._error("'target', or one tensor alone, to be int64 [sample] to balance", got)
        positions = np.arange(self._samples.count) if self._positions is None else self._positions
        return self._samples.only(name).tensors(positions)[name].numpy()

    def _error(self, expected: str, got: Any) -> PtmError:
        return PtmError(f"{self._samples.name}: expected {expected}, got {got}")


class _Iteration(Iterator[Batch]):
    """The batches of a generator for several threads, which get one after the other."""

    def __init__(self, batches: Generator[Batch], lock: threading.RLock) -> None:
        self._batches, self._lock = batches, lock

    def __next__(self) -> Batch:
        with self._lock:
            return next(self._batches)

    def close(self) -> None:
        """Ends it, as that of a generator does."""
        with self._lock:
            self._batches.close()


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "nothing"
