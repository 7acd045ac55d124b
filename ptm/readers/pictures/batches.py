"""Pictures of which most have one size, as they come: those of one size in one array."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Shape = tuple[int, ...]  # height, width, channels


class Batch:
    """Gathers pictures, whatever sizes they have, and gives those of one size.

    There is room for all of the first size that may be of all. Those of others wait for the end, as
    many as there is room for once more; what is wanted then and did not wait is decoded again.

    Args:
        count: how many there may be.
        most: bytes that an array may have.

    Attributes:
        shapes: of each picture, by its place among all, in the order in which they came.
    """

    def __init__(self, count: int, most: int) -> None:
        self.shapes: dict[int, Shape] = {}
        self._count, self._most = count, most
        self._first: Shape = ()
        self._filled = 0
        self._waiting: dict[int, NDArray[np.uint8]] = {}
        self._bytes = 0  # of those

    def add(self, place: int, pixels: NDArray[np.uint8]) -> None:
        """One more, uint8 [height, width, channel]."""
        import numpy as np

        shape = pixels.shape
        self.shapes[place] = shape
        if not self._first and self.has_room(self._count, shape):
            self._first = shape
            self._array = _array(self._count, shape)
        if shape == self._first:
            self._array[self._filled] = pixels.transpose(2, 0, 1)
            self._filled += 1
        elif self._bytes + pixels.nbytes <= self._most:
            self._waiting[place] = np.array(pixels)  # what it may be a view of is let go
            self._bytes += pixels.nbytes

    def has_room(self, count: int, shape: Shape) -> bool:
        """Whether so many of one size may be in one array."""
        return count == 1 or count * prod(shape) <= self._most

    def end(self, usual: Shape, again: Callable[[int], NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Those of one size, uint8 [sample, channel, height, width].

        Args:
            usual: the size that they have.
            again: gives the picture of a place once more.
        """
        if usual == self._first:
            return self._array[: self._filled]
        places = [place for place, shape in self.shapes.items() if shape == usual]
        array = _array(len(places), usual)
        for number, place in enumerate(places):
            pixels = self._waiting.pop(place, None)
            array[number] = (again(place) if pixels is None else pixels).transpose(2, 0, 1)
        return array


def _array(count: int, shape: Shape) -> NDArray[np.uint8]:
    import numpy as np

    height, width, channels = shape
    return np.empty((count, channels, height, width), dtype=np.uint8)
