"""Which sample comes when: the order of an epoch, the shares of ranks, classes in balance.

The random numbers are the stream of Philox4x64-10 (Salmon and others, 2011) with the key (seed,
epoch), which NumPy promises to keep, as it does not for what it makes of a stream. An order is that
of the numbers 0, 1, … by the words of that stream, of which those bits are taken off at the right
that the largest of the numbers has; words that are equal then leave the smaller number before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]
AT_ONCE = 1 << 16  # numbers: of what is made beside the order itself
ORDER, CLASSES = 0, 1  # what a stream is for; that of the members of class c is CLASSES + 1 + c


def permuted(count: int, seed: int, epoch: int, stream: int = ORDER) -> Positions:
    """The numbers from 0 below `count` in a random order, int64; no second array is made.

    Args:
        count: how many.
        seed, epoch: from 0 below 2**64.
        stream: several orders of one epoch; the last word of Philox's counter.
    """
    key = np.array([seed, epoch], dtype=np.uint64)
    counter = np.array([0, 0, 0, stream], dtype=np.uint64)
    words = np.asarray(np.random.Philox(counter=counter, key=key).random_raw(count))
    bits = max(count - 1, 0).bit_length()
    mask = np.uint64((1 << bits) - 1)
    words &= ~mask
    for first in range(0, count, AT_ONCE):
        end = min(first + AT_ONCE, count)
        words[first:end] |= np.arange(first, end, dtype=np.uint64)
    words.sort()  # all differ, so that any way to sort gives the same
    words &= mask
    return words.view(np.int64)


def balanced(classes: NDArray[np.int64], seed: int, epoch: int) -> Positions:
    """A random order in which every class comes equally often, as long as there are samples, int64.

    Of N samples in C classes each class comes N // C times, and the first N % C of the classes in
    a random order once more. Its members come in a random order, all of them again and again, so
    that none comes more often than another but for once: rare ones several times, of common ones
    some are left out. Then all are shuffled.

    Args:
        classes: int64 [sample], of each its class.
        seed, epoch: as of `permuted`.
    """
    known, of = np.unique(classes, return_inverse=True)
    count = len(classes)
    if not count:
        return np.empty(0, dtype=np.int64)
    members = np.argsort(of, kind="stable")
    ends = np.cumsum(np.bincount(of))
    each, more = divmod(count, len(known))
    with_more = set(permuted(len(known), seed, epoch, CLASSES)[:more].tolist())
    drawn = []
    for number, some in enumerate(np.split(members, ends[:-1])):
        shuffled = some[permuted(len(some), seed, epoch, CLASSES + 1 + number)]
        drawn.append(np.resize(shuffled, each + (number in with_more)))
    return np.concatenate(drawn)[permuted(count, seed, epoch)]


@dataclass(frozen=True)
class Share:
    """The part of an epoch that one rank has, in batches.

    Attributes:
        count: samples of all ranks together.
        batch_size: the most that a batch of this rank has.
        drop_last: leave out what fills no batch of each rank.
        rank, world_size: every `world_size`-th sample from the `rank`-th on is this one's.
    """

    count: int
    batch_size: int
    drop_last: bool = False
    rank: int = 0
    world_size: int = 1

    @cached_property
    def samples(self) -> int:
        """Of this rank; without `drop_last` one more or less than of another."""
        if self.drop_last:
            return self.count // self.world_size // self.batch_size * self.batch_size
        return len(range(self.rank, self.count, self.world_size))

    @cached_property
    def batches(self) -> int:
        """As many on each rank, if a batch may have several samples: see `bound`."""
        if self.drop_last:
            return self.samples // self.batch_size
        most = -(-self.count // self.world_size)  # samples of any rank, rounded up
        batches = -(-most // self.batch_size)
        lacks = self.samples <= (batches - 1) * self.batch_size
        return batches - 1 if lacks and (self.batch_size == 1 or not self.samples) else batches

    def bound(self, batch: int) -> int:
        """How many samples of this rank come before a batch.

        Where one sample too few is left for the last batch, the one before leaves it one.
        """
        bound = min(batch * self.batch_size, self.samples)
        is_last = not self.drop_last and 0 < batch == self.batches - 1
        return bound - 1 if is_last and bound == self.samples else bound


class Task(NamedTuple):
    """Some batches, one behind the other, that are made together.

    Attributes:
        epoch: that they belong to.
        first: the number of the first of them in it.
        sizes: how many samples each has.
        positions: of all their samples, among all of the artifact.
    """

    epoch: int
    first: int
    sizes: tuple[int, ...]
    positions: Positions


def tasks(
    epoch: int,
    share: Share,
    order: Positions | None,
    positions: Positions | None,
    first: int,
    together: int,
) -> Iterator[Task]:
    """The batches of an epoch.

    Args:
        epoch: its number.
        share: of this rank.
        order: of the samples of the split; None for that of the rows.
        positions: of the samples of the split among all; None where it has all of them.
        first: the batch to begin with.
        together: batches of a task.
    """
    for begin in range(first, share.batches, together):
        end = min(begin + together, share.batches)
        bounds = [share.bound(batch) for batch in range(begin, end + 1)]
        start, stop = (share.rank + bound * share.world_size for bound in (bounds[0], bounds[-1]))
        if order is None:
            found = np.arange(start, stop, share.world_size)
        else:
            found = order[start : stop : share.world_size]
        found = found if positions is None else positions[found]
        sizes = tuple(np.diff(bounds).tolist())
        yield Task(epoch, begin, sizes, np.ascontiguousarray(found, dtype=np.int64))
