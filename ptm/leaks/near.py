"""Samples that are nearly the same, and the split of each where such ones stay together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm.leaks.crossings import MOST, Crossing, Pair
from ptm.leaks.photos import near_photos, perceptual_hashes, thumbnails
from ptm.leaks.tokens import Tokens, near_sets, together, tokens_of
from ptm.model import CHANNEL, HEIGHT, SAMPLE, WIDTH, Block
from ptm.split import NONE, Rule, by_share

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PICTURE = (SAMPLE, CHANNEL, HEIGHT, WIDTH)


class Signatures(NamedTuple):
    """What samples are compared by: as photos, or as sets of values.

    Attributes:
        hashes, thumbs: of photos, uint64 [sample] and uint8 [sample, 32, 32].
        values, ends: of rows, see `Tokens`.
    """

    hashes: NDArray[np.uint64] | None = None
    thumbs: NDArray[np.uint8] | None = None
    values: NDArray[np.uint64] | None = None
    ends: NDArray[np.int64] | None = None

    @property
    def exist(self) -> bool:
        """Whether there is anything to compare samples by."""
        return self.hashes is not None or self.values is not None


def signatures(block: Block, columns: Sequence[str], steps: Mapping[str, float]) -> Signatures:
    """Those of the samples of a part: of the first tensor of pictures, else of the rows.

    Args:
        block: of raw samples.
        columns: of the rows, that count.
        steps: to which their numbers are rounded.
    """
    import torch

    for name, tensor in block.tensors.items():
        if tuple(block.axes[name]) == PICTURE and tensor.dtype in (torch.uint8, torch.uint16):
            pixels = tensor.numpy()
            thumbs = thumbnails(pixels if pixels.itemsize == 1 else (pixels >> 8).astype("uint8"))
            return Signatures(perceptual_hashes(thumbs), thumbs)
    if not columns:
        return Signatures()
    return Signatures(None, None, *tokens_of(block.rows, columns, steps))


def near_pairs(parts: Sequence[Signatures]) -> NDArray[np.int64]:
    """Pairs of samples that are nearly the same, by their places among all, int64 [pair, 2]."""
    import numpy as np

    photos = [part for part in parts if part.hashes is not None and part.thumbs is not None]
    if photos and len(photos) == len(parts):
        hashes = np.concatenate([part.hashes for part in photos if part.hashes is not None])
        thumbs = np.concatenate([part.thumbs for part in photos if part.thumbs is not None])
        return near_photos(hashes, thumbs)
    sets = [
        Tokens(part.values, part.ends)
        for part in parts
        if part.values is not None and part.ends is not None
    ]
    if sets and len(sets) == len(parts):
        return near_sets(together(sets))
    return np.zeros((0, 2), dtype=np.int64)


def clusters(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each sample the least place of those that it is near to, in turn; int64 [sample]."""
    import numpy as np

    above = np.arange(count)
    one, other = pairs[:, 0], pairs[:, 1]
    while True:
        least = np.minimum(above[one], above[other])
        before = above.copy()
        np.minimum.at(above, above[one], least)
        np.minimum.at(above, above[other], least)
        above = above[above]
        if np.array_equal(above, before):
            return above


def crossing(
    pairs: NDArray[np.int64], codes: NDArray[np.uint8], content: NDArray[np.uint64]
) -> Crossing:
    """Which near-duplicates are in several splits; equal samples are none of them."""
    import numpy as np

    one, other = pairs[:, 0], pairs[:, 1]
    apart = (codes[one] != codes[other]) & (codes[one] != NONE) & (codes[other] != NONE)
    apart &= content[one] != content[other]
    found = pairs[apart]
    told = tuple(Pair(*pair) for pair in found[:MOST].tolist())
    return Crossing(len(np.unique(found)), len(found), told)


class Sides(NamedTuple):
    """The splits of samples of which near-duplicates stay together.

    Attributes:
        codes: of each sample, uint8 [sample].
        refused: places of samples that are near to samples of two splits of before, and theirs.
    """

    codes: NDArray[np.uint8]
    refused: tuple[tuple[int, int, int], ...]


def sides(
    rule: Rule,
    content: NDArray[np.uint64],
    pairs: NDArray[np.int64],
    before: tuple[NDArray[np.uint64], NDArray[np.uint8]] | None,
) -> Sides:
    """The split of each sample: that of before; else that of its near ones; else by chance.

    Args:
        rule: with shares.
        content: the hash of each sample, uint64 [sample].
        pairs: those that are near, int64 [pair, 2].
        before: the hashes of the samples of the split before, sorted, and their splits.
    """
    import numpy as np

    _, first, same = np.unique(content, return_index=True, return_inverse=True)
    equal = np.column_stack([np.arange(len(content)), first[same]])
    cluster = clusters(len(content), np.concatenate([pairs, equal]))
    least = np.full(len(content), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(least, cluster, content)
    codes = by_share(rule, least[cluster])
    if before is None or not len(before[0]):
        return Sides(codes, ())
    places = np.minimum(np.searchsorted(before[0], content), len(before[0]) - 1)
    known = before[0][places] == content
    old = before[1][places]
    low = np.full(len(content), NONE, dtype=np.uint8)
    high = np.zeros(len(content), dtype=np.uint8)
    np.minimum.at(low, cluster[known], old[known])
    np.maximum.at(high, cluster[known], old[known])
    joined = low[cluster] != NONE
    codes = np.where(joined, low[cluster], codes)
    codes = np.where(known, old, codes)
    torn = joined & (low[cluster] != high[cluster]) & ~known
    refused = []
    for place in np.flatnonzero(torn).tolist():
        mates = np.flatnonzero((cluster == cluster[place]) & known)
        ends = mates[old[mates].argmin()], mates[old[mates].argmax()]
        refused.append((place, int(ends[0]), int(ends[1])))
    return Sides(codes, tuple(refused))


def as_arrays(parts: Signatures) -> dict[str, Any]:
    """As a part of the store has them."""
    found = {name: value for name, value in parts._asdict().items() if value is not None}
    return {n: v.view("int64") if v.dtype == "uint64" else v for n, v in found.items()}


def from_arrays(arrays: Mapping[str, Any]) -> Signatures:
    """Those that `as_arrays` gave."""
    wide = ("hashes", "values")
    return Signatures(**{n: v.view("uint64") if n in wide else v for n, v in arrays.items()})
