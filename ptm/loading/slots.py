"""Memory that batches lie in, used again when nobody holds what lay in it.

To get fresh memory from the system costs more than to copy a batch: each page is faulted in and
zeroed. So a block is used again and again, for one batch after the other, but never while a tensor,
a view of one, an array of NumPy or a gradient still refers to it: torch holds the array that a
tensor was made of as long as the storage lives, and a weak reference to that array tells its end.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import threading
import weakref
from collections.abc import Iterable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
ALIGNED = 64  # bytes: what vector instructions like
PAGE = 4096
# Where a slot begins in a page. A processor takes a read for one of what was just written where
# both lie at the same place of a page: copies of rows of whole pages then take up to three times as
# long. Files of torch have their first tensor at 512 to 1280 in a page, before this.
LEAD = 1536


class Place(NamedTuple):
    """Where a tensor lies in a block of memory.

    Attributes:
        name: of the tensor.
        dtype, shape: of it.
        offset: of its first byte.
    """

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    offset: int

    @property
    def bytes(self) -> int:
        """How many it has."""
        return prod(self.shape) * self.dtype.itemsize

    def of(self, memory: Bytes) -> Bytes:
        """Its bytes, without a copy."""
        return memory[self.offset : self.offset + self.bytes]

    def tensor(self, found: Bytes) -> torch.Tensor:
        """The tensor of these bytes, which are its own, without a copy."""
        if not self.bytes:
            return torch.empty(self.shape, dtype=self.dtype, device="cpu")
        return torch.from_numpy(found).view(self.dtype).view(self.shape)


def layout(
    tensors: Iterable[tuple[str, torch.dtype, Sequence[int]]], start: int = 0
) -> tuple[list[Place], int]:
    """Places for tensors of name, dtype and shape, one behind the other; the end of the last."""
    places = []
    for name, dtype, shape in tensors:
        place = Place(name, dtype, tuple(shape), start + -start % ALIGNED)
        places.append(place)
        start = place.offset + place.bytes
    return places, start


class Slot:
    """A block of memory for one batch after the other.

    Args:
        size: in bytes.
        descriptor: of a file that other processes map too; None for memory of this process alone.
    """

    def __init__(self, size: int, descriptor: int | None = None) -> None:
        self._descriptor = descriptor
        self._holders: list[weakref.ref[Any]] = []
        if descriptor is None:
            room = np.empty(size + LEAD + PAGE, dtype=np.uint8)
            start = (LEAD - room.ctypes.data) % PAGE
            self.memory = room[start : start + max(size, 1)]
        else:
            self.resize(max(size, 1))

    def resize(self, size: int) -> None:
        """Makes a shared one as large as that at least; what is held of it stays what it is."""
        assert self._descriptor is not None
        if os.fstat(self._descriptor).st_size < LEAD + size:
            os.ftruncate(self._descriptor, LEAD + size)
        mapped = mmap.mmap(self._descriptor, LEAD + size)
        self.memory = np.frombuffer(mapped, dtype=np.uint8)[LEAD:]

    @property
    def is_free(self) -> bool:
        """Whether nobody holds anything that lies in it."""
        return all(one() is None for one in self._holders)

    def take(self) -> Lent:
        """It is not free from here on; it has to be free now."""
        lent = Lent(self)
        # a new list: whoever looks whether it is free may be in another thread
        self._holders = [weakref.ref(lent)]
        return lent

    def held_by(self, holder: object) -> None:
        """It is not free as long as that lives."""
        self._holders.append(weakref.ref(holder))


class Lent:
    """A slot that is not free as long as this lives, nor as long as its tensors live."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot

    @property
    def memory(self) -> Bytes:
        """All of it."""
        return self.slot.memory

    def tensors(self, places: Iterable[Place]) -> dict[str, torch.Tensor]:
        """The tensors that lie in it, by name, without a copy."""
        found = {}
        for place in places:
            array = place.of(self.memory)
            self.slot.held_by(array)
            found[place.name] = place.tensor(array)
        return found


class Ring:
    """Slots of this process that are used in turn.

    Args:
        most: how many are kept. Where all are held, a further one is made, which is not kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._slots: list[Slot] = []
        self._taking = threading.Lock()

    def take(self, size: int) -> Lent:
        """A slot that was free, of so many bytes at least; of no two threads the same."""
        with self._taking:
            for slot in self._slots:
                if len(slot.memory) >= size and slot.is_free:
                    return slot.take()
            fresh = Slot(size)
            if len(self._slots) < self._most:
                self._slots.append(fresh)
            return fresh.take()


def shared_file() -> int:
    """The descriptor of a file in memory, which has no name and goes with its last user."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("ptm-batch")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
