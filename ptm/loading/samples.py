"""Samples of an artifact, gathered from the memory-mapped files of its parts."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ptm.loading.slots import Place, layout

if TYPE_CHECKING:
    from ptm.scaling import Scaler

Rows = NDArray[np.uint8]  # [row, byte]: a tensor whatever its dtype
BY_THE_ROW = 4096  # bytes of a sample from which on each is copied by itself: it then costs no more
FEW = 1 << 16  # files: their numbers are sorted in a third of the time
JOINED = 1 << 26  # bytes of all tensors up to which those of several files are one in memory
SCALED_AT_ONCE = 1 << 18  # bytes of raw samples: scaled they stay in the cache


class Source(Protocol):
    """What has tensors, which are mapped when they are asked for: a stored part."""

    @property
    def tensors(self) -> Mapping[str, torch.Tensor]:
        """By name."""


class Kind(NamedTuple):
    """What a tensor has for each sample.

    Attributes:
        name: of the tensor.
        shape: of one sample.
        stored: its dtype in the files.
        scaler: of what is stored raw; None of what is given as it is stored.
    """

    name: str
    shape: tuple[int, ...]
    stored: torch.dtype
    scaler: Scaler | None = None

    @property
    def dtype(self) -> torch.dtype:
        """Of batches."""
        return self.stored if self.scaler is None else torch.float32

    @property
    def bytes(self) -> int:
        """Of one sample in a batch."""
        return prod(self.shape) * self.dtype.itemsize

    @property
    def stored_bytes(self) -> int:
        """Of one sample in the files."""
        return prod(self.shape) * self.stored.itemsize


class _Plan:
    """Samples in the order of the files that they are in.

    Attributes:
        rows: of each, its row in its file.
        order: of each, its place among those that were asked for; None where that is the same.
        files: numbers of files, and which of the samples each has.
    """

    def __init__(
        self,
        rows: NDArray[np.int64],
        order: NDArray[np.int64] | None,
        files: list[tuple[int, slice]],
    ) -> None:
        self.rows, self.order, self.files = rows, order, files

    @cached_property
    def back(self) -> NDArray[np.int64]:
        """Of each that was asked for, its place here."""
        assert self.order is not None
        found = np.empty_like(self.order)
        found[self.order] = np.arange(len(found))
        return found


class _Joined:
    """Several files as one, in memory: for small samples a batch is gathered in half the time."""

    def __init__(self, sources: Sequence[Source], names: Sequence[str]) -> None:
        self._sources, self._names = tuple(sources), tuple(names)

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """By name, joined each time."""
        each = [source.tensors for source in self._sources]
        return {name: torch.cat([tensors[name] for tensors in each]) for name in self._names}


class Home:
    """Where some tensors stand: files, one after the other, each with some of the samples.

    Small ones are read into memory when the first sample is asked for.

    Args:
        kinds: of the tensors, all of which are in each file.
        sources: of the files; each is opened when the first of its samples is asked for.
        counts: how many samples each has.
    """

    def __init__(
        self, kinds: Sequence[Kind], sources: Sequence[Source], counts: Sequence[int]
    ) -> None:
        self.kinds = tuple(kinds)
        self._sources = tuple(sources)
        self._starts = np.cumsum([0, *counts])
        size = int(self._starts[-1]) * sum(kind.stored_bytes for kind in kinds)
        if len(self._sources) > 1 and size <= JOINED:
            self._sources = (_Joined(sources, [kind.name for kind in kinds]),)
            self._starts = self._starts[[0, -1]]
        self.__setstate__({})

    def __getstate__(self) -> dict[str, Any]:
        """A copy in another process opens the files anew."""
        return {name: value for name, value in vars(self).items() if name not in FRESH}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        self._opened: list[dict[str, Rows] | None] = [None] * len(self._sources)
        self._opening = threading.Lock()

    def only(self, name: str) -> Home:
        """The same with one of the tensors."""
        counts = np.diff(self._starts).tolist()
        return Home([kind for kind in self.kinds if kind.name == name], self._sources, counts)

    def whole(self, name: str) -> torch.Tensor | None:
        """A tensor as it is mapped, where it stands in one file; else None."""
        return self._sources[0].tensors[name] if len(self._sources) == 1 else None

    def gather(self, positions: NDArray[np.int64], into: Mapping[str, Rows]) -> None:
        """Copies samples, scaled where they are stored raw.

        Args:
            positions: int64 [sample], each from 0 and below the number of samples.
            into: by tensor, uint8 [sample, byte].

        Raises:
            ArtifactCorrupt, StoreError: a file is damaged, or may not be read.
        """
        if not len(positions):
            return
        plan = self._plan(positions)
        for kind in self.kinds:
            if kind.scaler is None:
                self._copy(kind, plan, into[kind.name])
                continue
            step = max(SCALED_AT_ONCE // max(kind.stored_bytes, 1), 1)
            for first in range(0, len(positions), step):
                some = positions[first : first + step]
                raw = np.empty((len(some), kind.stored_bytes), dtype=np.uint8)
                self._copy(kind, self._plan(some), raw)
                values = torch.from_numpy(raw).view(kind.stored).view(-1, *kind.shape)
                scaled = kind.scaler.scaled(values.numpy())
                into[kind.name][first : first + step] = _rows(torch.from_numpy(scaled))

    def _plan(self, positions: NDArray[np.int64]) -> _Plan:
        """Which rows of which files these samples are."""
        if len(self._sources) == 1:
            return _Plan(positions, None, [(0, slice(None))])
        files = np.searchsorted(self._starts[1:], positions, side="right")
        if len(self._sources) < FEW:
            files = files.astype(np.uint16)
        order = np.argsort(files, kind="stable")
        ends = np.cumsum(np.bincount(files))
        each = [
            (file, slice(start, end))
            for file, (start, end) in enumerate(pairwise([0, *ends.tolist()]))
            if end > start
        ]
        return _Plan((positions - self._starts[files])[order], order, each)

    def _copy(self, kind: Kind, plan: _Plan, out: Rows) -> None:
        name, order = kind.name, plan.order
        if order is not None and kind.stored_bytes >= BY_THE_ROW:
            for file, where in plan.files:
                rows, each = self._open(file)[name], plan.rows[where].tolist()
                for place, row in zip(order[where].tolist(), each, strict=True):
                    out[place] = rows[row]
            return
        found = out if order is None else np.empty_like(out)
        for file, where in plan.files:
            # "clip" only saves the look whether they are in range, and a copy of `out`
            rows = self._open(file)[name]
            np.take(rows, plan.rows[where], axis=0, out=found[where], mode="clip")
        if order is not None:
            np.take(found, plan.back, axis=0, out=out, mode="clip")

    def _open(self, number: int) -> dict[str, Rows]:
        """The tensors of a file, checked before its first use."""
        opened = self._opened[number]
        if opened is not None:
            return opened
        with self._opening:
            tensors = self._sources[number].tensors
            opened = {kind.name: _rows(tensors[kind.name]) for kind in self.kinds}
            self._opened[number] = opened
        return opened


FRESH = ("_opened", "_opening")  # what a copy in another process makes anew


class Samples:
    """All samples of an artifact. Can be pickled: a copy opens the files by itself.

    Args:
        name: of the artifact.
        count: of the samples.
        homes: where the tensors stand.
        order: the names of all tensors.
    """

    def __init__(self, name: str, count: int, homes: Sequence[Home], order: Sequence[str]) -> None:
        self.name, self.count, self.homes = name, count, tuple(homes)
        known = {kind.name: kind for home in homes for kind in home.kinds}
        self.kinds = {tensor: known[tensor] for tensor in order}

    def only(self, name: str) -> Samples:
        """The same with one of the tensors."""
        homes = [home.only(name) for home in self.homes if self.kinds[name] in home.kinds]
        return Samples(self.name, self.count, homes, [name])

    @property
    def bytes(self) -> int:
        """Of one sample in a batch."""
        return sum(kind.bytes for kind in self.kinds.values())

    def places(self, count: int) -> tuple[list[Place], int]:
        """Where so many samples lie in a block of memory, and how many bytes that has."""
        return layout((k.name, k.dtype, (count, *k.shape)) for k in self.kinds.values())

    def gather(self, positions: NDArray[np.int64], memory: NDArray[np.uint8]) -> None:
        """Copies samples to a block of memory, as `places` says; see `Home.gather`."""
        places, _ = self.places(len(positions))
        count = len(positions)
        into = {
            one.name: one.of(memory).reshape(count, one.bytes // count if count else 0)
            for one in places
        }
        for home in self.homes:
            home.gather(positions, into)

    def tensors(self, positions: NDArray[np.int64]) -> dict[str, torch.Tensor]:
        """Samples in memory of their own: by tensor [sample, …]; raises what `gather` raises."""
        places, size = self.places(len(positions))
        memory = np.empty(size, dtype=np.uint8)
        self.gather(positions, memory)
        return {one.name: one.tensor(one.of(memory)) for one in places}

    def whole(self, name: str) -> torch.Tensor | None:
        """A tensor as it is mapped, where batches have it as one file does; else None."""
        [home] = [home for home in self.homes if self.kinds[name] in home.kinds]
        return None if self.kinds[name].scaler else home.whole(name)


def _rows(tensor: torch.Tensor) -> Rows:
    """The bytes of a tensor, without a copy: uint8 [row, byte]."""
    flat = tensor.contiguous().view(-1).view(torch.uint8).numpy()
    return flat.reshape(len(tensor), -1) if len(flat) else flat.reshape(len(tensor), 0)
