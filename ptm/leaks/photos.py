"""Photos that are nearly the same: found by a perceptual hash, then compared as thumbnails.

All of it is arithmetic of integers, so that every machine finds the same.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 32  # pixels of a thumbnail
LOW = 8  # frequencies of each axis that the hash is made of
ONE = 1 << 12  # of the cosines as integers
CHUNKS, BITS = 4, 16  # that a hash is looked up by
FAR = 7  # bits that hashes of nearly the same photo may differ in
ALIKE = 0.97  # correlation of their thumbnails, squared, from which photos are nearly the same
FLAT = 4  # variance of a thumbnail that shows nothing
LEVELS = 2  # of gray that two such may differ by
WIDEST = 64  # photos of one chunk that each is compared with
LUMINANCE = (299, 587, 114)


def thumbnails(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Gray means of equal cells, uint8 [sample, 32, 32], of uint8 [sample, channel, height, width].

    Three channels are red, green and blue (ITU-R BT.601). Where there are fewer pixels than cells,
    several have the same.
    """
    import numpy as np

    count, channels, height, width = images.shape
    weights = LUMINANCE if channels == 3 else (1,) * channels
    rows, columns = (np.arange(SIDE) * side // SIDE for side in (height, width))
    areas = [np.maximum(np.diff(np.append(e, s)), 1) for e, s in ((rows, height), (columns, width))]
    whole = np.outer(*areas) * sum(weights)
    found = np.empty((count, SIDE, SIDE), dtype=np.uint8)
    for place, image in enumerate(images):
        # rows together first: what is weighed is small then
        bands = np.add.reduceat(image, rows, axis=1, dtype=np.uint32)
        gray = sum(band * np.uint64(weight) for band, weight in zip(bands, weights, strict=True))
        sums = np.add.reduceat(gray, columns, axis=1).astype(np.int64)
        found[place] = (2 * sums + whole) // (2 * whole)
    return found


def perceptual_hashes(thumbs: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """A hash of 64 bits of each thumbnail, of which nearly the same photos differ in few.

    Each bit says whether one of the lowest 8 x 8 frequencies of the cosine transform is above their
    median. Source: Zauner, "Implementation and benchmarking of perceptual image hash functions",
    2010 (DCT based hash).
    """
    import numpy as np

    places = np.arange(SIDE)
    angles = np.pi * (2 * places[None, :] + 1) * np.arange(LOW)[:, None] / (2 * SIDE)
    cosines = np.rint(np.cos(angles) * ONE).astype(np.int64)
    found = np.empty(len(thumbs), dtype=np.uint64)
    weights = np.uint64(1) << np.arange(LOW * LOW, dtype=np.uint64)
    for place, thumb in enumerate(thumbs):
        frequencies = (cosines @ thumb.astype(np.int64) @ cosines.T).ravel()
        frequencies[0] = np.median(frequencies[1:])  # brightness says nothing
        bits = frequencies > np.median(frequencies[1:])
        found[place] = weights[bits].sum(dtype=np.uint64)
    return found


def near_photos(hashes: NDArray[np.uint64], thumbs: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Pairs of photos that are nearly the same, int64 [pair, 2], the first below the second.

    Hashes that differ in 7 bits or fewer have a sixteenth of 4 that differs in one bit or none:
    by these they are looked up.
    """
    import numpy as np

    found: list[NDArray[np.int64]] = []
    for chunk, flip in product(range(CHUNKS), range(-1, BITS)):
        keys = (hashes >> np.uint64(chunk * BITS)) & np.uint64((1 << BITS) - 1)
        wanted = keys if flip < 0 else keys ^ np.uint64(1 << flip)
        first, second = _looked_up(keys, wanted)
        close = np.bitwise_count(hashes[first] ^ hashes[second]) <= FAR
        found.append(np.column_stack([first[close], second[close]]))
    pairs = np.unique(np.concatenate(found), axis=0)
    return pairs[_are_alike(thumbs, pairs)] if len(pairs) else pairs.reshape(0, 2)


def _looked_up(
    keys: NDArray[np.uint64], wanted: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of places, the first below the second, whose key is what the other wants."""
    import numpy as np

    order = np.argsort(keys, kind="stable")
    starts = np.searchsorted(keys[order], wanted, side="left")
    ends = np.searchsorted(keys[order], wanted, side="right")
    counts = np.minimum(ends - starts, WIDEST)
    # of many with one key those that come next
    mine = np.empty(len(keys), dtype=np.int64)
    mine[order] = np.arange(len(keys))
    starts = np.where(ends - starts > WIDEST, np.clip(mine + 1, starts, ends - counts), starts)
    first = np.repeat(np.arange(len(keys)), counts)
    offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    second = order[np.repeat(starts, counts) + offsets]
    keep = first != second
    first, second = first[keep], second[keep]
    return np.minimum(first, second), np.maximum(first, second)


def _are_alike(thumbs: NDArray[np.uint8], pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the thumbnails of each pair correlate, or show nothing of one gray."""
    import numpy as np

    flat = thumbs.reshape(len(thumbs), -1).astype(np.int64)
    pixels = flat.shape[1]
    sums, squares = flat.sum(axis=1), (flat**2).sum(axis=1)
    spread = pixels * squares - sums**2  # variance times pixels²
    result = np.empty(len(pairs), dtype=bool)
    for place, (one, other) in enumerate(pairs.tolist()):
        if min(spread[one], spread[other]) < FLAT * pixels**2:
            both = max(spread[one], spread[other]) < FLAT * pixels**2
            result[place] = both and abs(sums[one] - sums[other]) <= LEVELS * pixels
            continue
        together = pixels * int(flat[one] @ flat[other]) - int(sums[one]) * int(sums[other])
        product_ = int(spread[one]) * int(spread[other])
        result[place] = together > 0 and together * together >= ALIKE**2 * product_
    return result
