"""Pictures of which most have one form, as they come: those of one form in one array."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

Form = tuple[Any, ...]  # height, width, channels, and the dtype where it is not uint8


def form_of(pixels: NDArray[Any]) -> Form:
    """The form of a picture, [height, width, channel]."""
    dtype = pixels.dtype.name
    return pixels.shape if dtype == "uint8" else (*pixels.shape, dtype)


def bytes_of(form: Form) -> int:
    """Of the pixels of a picture."""
    import numpy as np

    height, width, channels, *dtype = form
    return int(height * width * channels * np.dtype(*(dtype or ["uint8"])).itemsize)


class Batch:
    """Gathers pictures, whatever forms they have, and gives those of one form.

    There is room for all of the first form that may be of all. Those of others wait for the end, as
    many as there is room for once more; what is wanted then and did not wait is decoded again.
    Threads may add to it side by side.

    Args:
        count: how many there may be.
        most: bytes that an array may have.

    Attributes:
        shapes: the form of each picture, by its place among all.
    """

    def __init__(self, count: int, most: int) -> None:
        self.shapes: dict[int, Form] = {}
        self._count, self._most = count, most
        self._first: Form = ()
        self._array: Any = None
        self._waiting: dict[int, NDArray[Any]] = {}
        self._bytes = 0  # of those
        self._lock = threading.Lock()

    def add(self, place: int, pixels: NDArray[Any]) -> None:
        """One more, [height, width, channel], at a place from 0 to `count`."""
        import numpy as np

        form = form_of(pixels)
        with self._lock:
            self.shapes[place] = form
            if not self._first and self.has_room(self._count, form):
                self._array = _array(self._count, form)
                self._first = form
            waits = form != self._first and self._bytes + pixels.nbytes <= self._most
            self._bytes += pixels.nbytes * waits
        if form == self._first:
            self._array[place] = pixels.transpose(2, 0, 1)
        elif waits:
            self._waiting[place] = np.array(pixels)  # what it may be a view of is let go

    def has_room(self, count: int, form: Form) -> bool:
        """Whether so many of one form may be in one array."""
        return count == 1 or count * bytes_of(form) <= self._most

    def end(
        self,
        usual: Form,
        again: Callable[[int], NDArray[Any]],
        places: Sequence[int] | None = None,
    ) -> NDArray[Any]:
        """Those of one form, [sample, channel, height, width], in the order of their places.

        Args:
            usual: the form that they have.
            again: gives the picture of a place once more.
            places: of those that are wanted, where these are not all of that form.
        """
        if places is None:
            places = sorted(place for place, form in self.shapes.items() if form == usual)
        if usual == self._first:
            whole: NDArray[Any] = self._array
            return whole if len(places) == self._count else whole[list(places)]
        array = _array(len(places), usual)
        for number, place in enumerate(places):
            pixels = self._waiting.pop(place, None)
            array[number] = (again(place) if pixels is None else pixels).transpose(2, 0, 1)
        return array


def _array(count: int, form: Form) -> NDArray[Any]:
    import numpy as np

    height, width, channels, *dtype = form
    return np.empty((count, channels, height, width), *(dtype or ["uint8"]))
