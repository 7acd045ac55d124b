"""HEIC and its like, which Pillow does not read; Pillow itself is told nothing of it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Heif:
    """The first picture of a file: its primary one.

    Turned as the container says; what its EXIF says of that is not to be applied again.

    Attributes:
        height, width: in pixels, upright.
        mode: L, LA, RGB or RGBA.
        bits: for each channel.
        count: of the pictures in the file.
    """

    def __init__(self, raw: bytes) -> None:
        import pillow_heif

        file: Any = pillow_heif.open_heif(io.BytesIO(raw), convert_hdr_to_8bit=False)
        self._image = file[file.primary_index]
        self.width, self.height = self._image.size
        self.mode = str(self._image.mode).partition(";")[0]
        self.bits = int(self._image.info.get("bit_depth", 8))
        self.count = len(file)

    def pixels(self) -> NDArray[np.uint8]:
        """Pixels of 8 bits, [height, width, channel]."""
        import numpy as np

        values = np.asarray(self._image)
        return values[..., None] if values.ndim == 2 else values
