"""Pictures opened by Pillow: its limit of pixels is taken away while one is open."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ptm.readers.pictures.formats import kind_of, without_texts

if TYPE_CHECKING:
    from PIL.Image import Image

ORIENTATION = 0x0112  # the tag of EXIF


@contextmanager
def opened(raw: bytes) -> Iterator[Image]:
    """The picture that the bytes of a file hold, of which only the header is read."""
    from PIL import Image

    with _no_limit_of_pixels():
        try:
            image = Image.open(io.BytesIO(raw))
        except ValueError:  # of Pillow, of long texts
            if kind_of(raw) != "PNG":
                raise
            image = Image.open(io.BytesIO(without_texts(raw)))
        with image:
            yield image


def orientation_of(image: Image) -> int:
    """How the camera was held, as EXIF says; what cannot be read turns nothing."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # SyntaxError, struct.error, ValueError, …
        return 1


_opening = threading.Lock()
_limits: list[int | None] = []  # Pillow's own, once for each picture that is open


@contextmanager
def _no_limit_of_pixels() -> Iterator[None]:
    """Takes Pillow's limit away, which cannot be set for one picture: ptm has its own.

    It is back when no picture is open.
    """
    from PIL import Image

    with _opening:
        _limits.append(_limits[0] if _limits else Image.MAX_IMAGE_PIXELS)
        Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        with _opening:
            before = _limits.pop()
            if not _limits:
                Image.MAX_IMAGE_PIXELS = before
