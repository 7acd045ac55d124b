"""Samples that are nearly the same, and the split of each where such ones stay together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm.leaks.photos import near_photos, perceptual_hashes, thumbnails
from ptm.leaks.tokens import Tokens, near_sets, together, tokens_of
from ptm.model import CHANNEL, HEIGHT, SAMPLE, WIDTH, Block

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


def signatures(block: Block, columns: Sequence[str]) -> Signatures:
    """Those of the samples of a part: of the first tensor of pictures of bytes, else of the rows.

    Args:
        block: of raw samples.
        columns: of the rows, that count.
    """
    import torch

    for name, tensor in block.tensors.items():
        if tuple(block.axes[name]) == PICTURE and tensor.dtype == torch.uint8:
            thumbs = thumbnails(tensor.numpy())
            return Signatures(perceptual_hashes(thumbs), thumbs)
    if not columns:
        return Signatures()
    return Signatures(None, None, *tokens_of(block.rows, columns))


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


def as_arrays(parts: Signatures) -> dict[str, Any]:
    """As a part of the store has them."""
    found = {name: value for name, value in parts._asdict().items() if value is not None}
    return {n: v.view("int64") if v.dtype == "uint64" else v for n, v in found.items()}


def from_arrays(arrays: Mapping[str, Any]) -> Signatures:
    """Those that `as_arrays` gave."""
    wide = ("hashes", "values")
    return Signatures(**{n: v.view("uint64") if n in wide else v for n, v in arrays.items()})
