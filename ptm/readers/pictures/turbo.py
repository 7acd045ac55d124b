"""JPEGs, also those in the strips or tiles of a TIFF, decoded by libjpeg-turbo itself.

It tells when it had to invent what a file lacks, which Pillow keeps to itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ptm.readers.pictures import jpeg, tiff
from ptm.readers.pictures.formats import SHORT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# tags of TIFF
COMPRESSION, JPEG_TABLES = 259, 347
JPEG_IN_TIFF = (6, 7)
PLACES = ((324, 273), (325, 279))  # offsets of tiles or strips; their bytes
UNSEEN = "damage in it could not be looked for: a JPEG of an unusual form"
UNKNOWN = "Could not determine subsampling"
COLORS = {"L": "GRAY", "CMYK": "CMYK"}  # by mode; RGB of others


def pixels_of_jpeg(raw: bytes, mode: str) -> tuple[NDArray[np.uint8] | None, str]:
    """Pixels of a JPEG, and what was damaged; None where Pillow may know more.

    Args:
        raw: the bytes of the file.
        mode: as Pillow names it; CMYK is as it is stored.
    """
    import simplejpeg

    colors = COLORS.get(mode, "RGB")
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(raw, colors, strict=True)
        return pixels, ""
    except ValueError as error:
        hurt = str(error).strip().rstrip(".")
    try:
        return simplejpeg.decode_jpeg(raw, colors, strict=False), f"damaged data ({hurt})"
    except ValueError:
        return None, ""


def damage_in_tiff(raw: bytes, tags: Any) -> tuple[str, str]:
    """What was damaged in the strips or tiles of a TIFF that are JPEG; a note."""
    import simplejpeg

    if tags.get(COMPRESSION) not in JPEG_IN_TIFF:
        return "", ""
    tables = tags.get(JPEG_TABLES, b"")[:-2]
    starts, sizes = (tags.get(tile) or tags.get(strip, ()) for tile, strip in PLACES)
    for number, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        part = raw[start : start + size]
        part = tables + part[2:] if tables else part
        hurt = jpeg.missing(part)
        if hurt:
            return hurt, ""
        try:
            if not _fills(simplejpeg.decode_jpeg_header(part, strict=False)[:2], tags, number):
                return SHORT, ""
            simplejpeg.decode_jpeg(part, "GRAY", strict=True)
        except ValueError as error:
            if UNKNOWN in str(error):
                return "", UNSEEN
            return f"damaged data ({str(error).strip().rstrip('.')})", ""
    return "", ""


def _fills(size: tuple[int, int], tags: Any, number: int) -> bool:
    """Whether a JPEG of [height, width] is as large as its strip or tile, by its number."""
    if tiff.TILES in tags:
        return size[0] >= int(tags[tiff.TILE_HEIGHT]) and size[1] >= int(tags[tiff.TILE_WIDTH])
    height, width = int(tags[tiff.HEIGHT]), int(tags[tiff.WIDTH])
    rows = min(int(tags.get(tiff.STRIP_ROWS, height)), height)
    strips = -(-height // rows)
    left = height - number % strips * rows
    return size[0] >= min(rows, left) and size[1] >= width
