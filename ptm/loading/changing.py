"""What is called for each batch, with random numbers that are the same whoever calls it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch

from ptm.errors import PtmError

Batch = dict[str, Any]
Transform = Callable[[Batch], Batch]

_seeding = threading.RLock()  # the generators are those of the process: one thread at a time


class Change(NamedTuple):
    """What is done to each batch. Can be pickled where its function can.

    Attributes:
        name: of the artifact.
        function: gets a dict of tensors [sample, …], and gives a dict; None for nothing.
        seed: of the loader.
        rank: of this process.
    """

    name: str
    function: Transform | None
    seed: int
    rank: int

    def of(self, batch: Batch, epoch: int, number: int) -> Batch:
        """The batch as it is given.

        Args:
            batch: as it was gathered.
            epoch: that it belongs to.
            number: of it in the epoch.

        Raises:
            PtmError: the function gives something else than a dict. What it raises comes through.
        """
        if self.function is None:
            return batch
        with seeded(self.seed, epoch, number, self.rank):
            return checked(self.name, self.function(batch))


def expected_function(name: str, given: Any) -> Transform | None:
    """What is given as transform_samples; None for nothing.

    Raises:
        PtmError: it cannot be called.
    """
    if given is not None and not callable(given):
        raise PtmError(f"{name}: expected transform_samples to be a function, got {given!r}")
    function: Transform | None = given
    return function


def checked(name: str, changed: Any) -> Batch:
    """What a function gave, which has to be a dict.

    Raises:
        PtmError: it is none.
    """
    if isinstance(changed, dict):
        return changed
    got = type(changed).__name__
    raise PtmError(f"{name}: expected transform_samples to return a dict of tensors, got {got}")


@contextmanager
def seeded(*numbers: int) -> Iterator[None]:
    """While the body runs, the generators of torch (on the CPU), NumPy and `random` are seeded.

    Afterwards they go on as if nothing had been drawn. Other threads that come here wait.

    Args:
        numbers: from which the seeds are made, each from 0.
    """
    words = np.random.SeedSequence(numbers).generate_state(4)
    with _seeding:
        before = torch.get_rng_state(), np.random.get_state(), random.getstate()
        try:
            torch.default_generator.manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)
            np.random.seed(words[2])
            random.seed(int(words[3]))
            yield
        finally:
            torch.set_rng_state(before[0])
            np.random.set_state(before[1])
            random.setstate(before[2])
