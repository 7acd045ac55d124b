"""One picture: its bytes to pixels, 8 bits for each channel, or a reason why not.

JPEG is decoded by libjpeg-turbo itself, which tells when it had to invent what the file lacks;
Pillow, which reads all else, keeps such warnings to itself.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm.errors import BadInput
from ptm.readers.pictures import jpeg, tiff
from ptm.readers.pictures.formats import (
    DEPTHS,
    SHORT,
    damage,
    depth_fault,
    foreign,
    kind_of,
    png_fault,
    without_texts,
)
from ptm.shown import readable_size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

CHANNELS = {"L": ("gray",), "LA": ("gray",), "RGB": ("red", "green", "blue")}
CHANNELS["RGBA"] = CHANNELS["RGB"]
EIGHT_BIT = "8-bit gray, RGB or RGBA"
JPEGS = ("JPEG", "MPO")
MOST_SCANS = 200  # of a progressive JPEG; usual are ten
BY_PILLOW = (*JPEGS, "PNG", "TIFF")  # what is common; imageio reads what is rarer
READABLE = f"one of {', '.join(sorted(DEPTHS))}"
ORIENTATION = 0x0112  # the tag of EXIF
# tags of TIFF
COMPRESSION, JPEG_TABLES = 259, 347
JPEG_IN_TIFF = (6, 7)
PLACES = ((324, 273), (325, 279))  # offsets of tiles or strips; their bytes
UNSEEN = "damage in it could not be looked for: a JPEG of an unusual form"
UNKNOWN = "Could not determine subsampling"
MODES = {
    "1": "1 bit for each pixel",
    "P": "a palette",
    "PA": "a palette",
    "CMYK": "the colours of print, CMYK",
    "F": "floats",
    "I": "integers of more than 8 bits",
}


class Picture(NamedTuple):
    """A decoded picture.

    Attributes:
        pixels: uint8 [height, width, channel], upright, without alpha.
        mode: of the file: L, LA, RGB or RGBA.
        note: what one has to know of it; "" where there is nothing.
    """

    pixels: NDArray[np.uint8]
    mode: str
    note: str


def read_picture(path: str, most_bytes: int, keep_damaged: bool) -> Picture:
    """The picture in a file, see `decode`.

    Raises:
        BadInput: as `decode`, with the file.
        OSError: the file cannot be read; that says nothing of its bytes.
    """
    raw = _bytes(path)
    try:
        return decode(raw, most_bytes, keep_damaged)
    except BadInput as bad:
        raise BadInput(bad.where, bad.expected, bad.got, path) from bad


def read_size(path: str) -> tuple[int, int, int]:
    """Height, width and channels that the header of a file says, before it is turned upright.

    Raises:
        BadInput: it is no picture.
        OSError: the file cannot be read.
    """
    raw = _bytes(path)
    try:
        with _opened(raw) as image:
            return image.height, image.width, len(CHANNELS.get(image.mode, image.getbands()))
    except Exception as error:  # as in `decode`
        raise BadInput("", *_reason(raw, error), path) from error


def _bytes(path: str) -> bytes:
    # no Path: that keeps the name of each file in a dictionary that never shrinks
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        return file.read()


def decode(raw: bytes, most_bytes: int, keep_damaged: bool) -> Picture:
    """The picture that the bytes of a file hold.

    Args:
        raw: all bytes of the file.
        most_bytes: that its pixels may take.
        keep_damaged: whether one that a decoder can complete is kept, with a note.

    Raises:
        BadInput: the bytes are no picture, or one that is cut short, damaged, too large, has
            several frames, a palette, or other than 8 bits for each channel.
        MemoryError: there is none left.
    """
    if not raw:
        raise BadInput("", "a whole image", "an empty file")
    try:
        with _opened(raw) as image:
            kind, mode = str(image.format), image.mode
            _check(raw, image, kind, most_bytes)
            pixels, hurt, note = _pixels(raw, image, kind)
    except (BadInput, MemoryError):
        raise
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, …
        raise BadInput("", *_reason(raw, error)) from error
    if hurt and not keep_damaged:
        raise BadInput("", "a whole image (or on_damage = 'note')", hurt)
    if hurt:
        note = f"{hurt}: what is missing was made up by the decoder"
    return Picture(pixels[..., : len(CHANNELS[mode])], mode, note)


@contextmanager
def _opened(raw: bytes) -> Iterator[Image]:
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


def _check(raw: bytes, image: Image, kind: str, most_bytes: int) -> None:
    """Looks at what the header says, before anything is decoded."""
    wrong = depth_fault(kind, raw)
    if wrong and kind not in DEPTHS:
        raise BadInput("", READABLE, kind)
    if wrong:
        raise BadInput("", EIGHT_BIT, wrong)
    frames = getattr(image, "n_frames", 1)
    if kind in JPEGS and len(jpeg.headers(raw)[1]) > MOST_SCANS:  # each goes over all pixels
        raise BadInput("", f"a JPEG of at most {MOST_SCANS} scans", "one of very many")
    if frames != 1 and kind != "MPO":
        raise BadInput("", "one image", f"{frames} frames or pages")
    if image.mode not in CHANNELS:
        raise BadInput("", EIGHT_BIT, MODES.get(image.mode, f"the mode {image.mode}"))
    channels = len(image.getbands())
    size = image.width * image.height * channels
    if size > most_bytes:
        raise BadInput(
            "",
            f"at most {readable_size(most_bytes)} of pixels (or max_bytes = {size})",
            f"{image.height} x {image.width} pixels with {channels} channels, "
            f"{readable_size(size)}",
        )


def _pixels(raw: bytes, image: Image, kind: str) -> tuple[NDArray[np.uint8], str, str]:
    """Pixels uint8 [height, width, channel], upright; what was damaged; a note."""
    import numpy as np

    hurt, note = damage(kind, raw), ""
    if kind in JPEGS:
        decoded, told = _jpeg(raw, image)
        hurt = told or hurt
        arithmetic = jpeg.headers(raw)[0][0].marker in jpeg.ARITHMETIC
        note = "" if decoded is not None and not arithmetic else UNSEEN
        frames = getattr(image, "n_frames", 1)
        if frames > 1:
            note = "; ".join(filter(None, (f"the first of {frames} pictures in the file", note)))
        if decoded is not None:
            return _upright(decoded, _orientation(image)), hurt, note
    if kind == "TIFF":
        told, note = _jpegs_in(raw, image)
        hurt = hurt or told
    if kind in BY_PILLOW:
        pixels = np.asarray(image)
        if kind == "PNG" and not hurt and not pixels[-1].any():  # where rows are missing
            hurt = png_fault(raw)
    else:
        from imageio.v3 import imopen

        with imopen(io.BytesIO(raw), "r", plugin="pillow") as file:
            pixels = np.asarray(file.read(index=0))
    # one of a TIFF is upright already
    upright = pixels if kind == "TIFF" else _upright(pixels, _orientation(image))
    return (upright[..., None] if upright.ndim == 2 else upright), hurt, note


def _orientation(image: Image) -> int:
    """How the camera was held, as EXIF says; what cannot be read turns nothing."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # SyntaxError, struct.error, ValueError, …
        return 1


def _jpeg(raw: bytes, image: Image) -> tuple[NDArray[np.uint8] | None, str]:
    """Pixels of a JPEG, and what was damaged; None where Pillow may know more."""
    import simplejpeg

    colors = "GRAY" if image.mode == "L" else "RGB"
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(raw, colors, strict=True)
        return pixels, ""
    except ValueError as error:
        hurt = str(error).strip().rstrip(".")
    try:
        return simplejpeg.decode_jpeg(raw, colors, strict=False), f"damaged data ({hurt})"
    except ValueError:
        return None, ""


def _jpegs_in(raw: bytes, image: Image) -> tuple[str, str]:
    """What was damaged in the strips or tiles of a TIFF that are JPEG; a note."""
    import simplejpeg

    tags: Any = image
    tags = tags.tag_v2
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


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turned as EXIF says the camera was held."""
    import numpy as np

    turned = pixels.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else pixels
    if orientation in (3, 4, 7, 8):
        turned = np.flip(turned, 0)
    if orientation in (2, 3, 6, 7):
        turned = np.flip(turned, 1)
    return turned


def _reason(raw: bytes, error: Exception) -> tuple[str, str]:
    """What a decoder says of the data; not what it says of itself."""
    named = foreign(raw)
    if named:
        return READABLE, named
    kind, deep, hurt = kind_of(raw), "", ""
    with suppress(Exception):  # the header may be damaged as well
        deep = depth_fault(kind, raw) if kind else ""
        hurt = damage(kind, raw)
    if deep:
        return EIGHT_BIT, deep
    if hurt:
        return "a whole image", hurt
    known = {"truncated": "one that is cut short", "broken data stream": "damaged data"}
    for words, reason in known.items():
        if words in str(error):
            return "a whole image", reason
    return "a whole image", "bytes that are no image, or a damaged one"
