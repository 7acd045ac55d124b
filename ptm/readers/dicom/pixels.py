"""The pixels of a DICOM slice: decoded, cleared of padding, rescaled to what they measure.

Source: DICOM PS3.3, C.7.5.1.1.2 (padding), C.11.1 (rescale); PS3.5, A.4 (encapsulated pixels).
"""

from __future__ import annotations

import logging
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm.errors import BadInput
from ptm.readers.dicom.demands import PADDING, SLICE
from ptm.readers.dicom.elements import DEFLATED, Inflated, read_meta
from ptm.readers.dicom.slices import Slice, may_pass
from ptm.readers.pictures.formats import damage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EXACT = 1 << 24  # up to here float32 holds every whole number
ITEM, DELIMITER = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
DECODERS_LOG = "pydicom.pixels.decoders.base"
RUN_LENGTHS, LONGEST_RUN = "1.2.840.10008.1.2.5", 64  # times as long as what says it
JPEG = "1.2.840.10008.1.2.4.5"
READ_BY_PILLOW = (JPEG, "1.2.840.10008.1.2.4.9")  # and JPEG 2000


class Range(NamedTuple):
    """What became of the pixels of a slice.

    Attributes:
        low: the lowest value, in the unit of the volume.
        high: the highest.
        padded: how many pixels are padding.
        merged: how many distinct stored values float32 cannot tell from another.
    """

    low: float
    high: float
    padded: int
    merged: int


def stored(found: Slice) -> NDArray[Any]:
    """Pixels as stored, integers [height, width], before rescaling; only bits that are a pixel's.

    Raises:
        BadInput: the file is cut short, or cannot be decoded here.
        OSError: the file cannot be read.
    """
    return _used_bits(found, _allocated(found))[0]


def rescale(found: Slice, out: NDArray[np.float32], padding: float | None = None) -> Range:
    """Writes stored * slope + intercept into `out`, float32 [height, width], rounded once.

    Args:
        found: the slice.
        out: where its values go.
        padding: what pixels that are padding become; without it they are rescaled as the others.

    Raises:
        BadInput: as `stored`; or values that float32 does not hold.
        OSError: the file cannot be read.
    """
    import numpy as np

    allocated = _allocated(found)
    pixels, low, high = _used_bits(found, allocated)
    mask = _is_padding(found, allocated, pixels)
    slope, intercept = (found.header.get(name, neutral) for name, neutral in NEUTRAL)
    first, last = sorted((low * slope + intercept, high * slope + intercept))
    if max(abs(first), abs(last)) > float(np.finfo(np.float32).max):
        raise found.error("values that float32 holds", f"{first:g} to {last:g}")
    merged = 0
    if slope == 1 and intercept == int(intercept) and _is_exact(low, high, intercept):
        out[...] = pixels
        out += np.float32(intercept)
    else:
        out[...] = pixels * np.float64(slope) + intercept
        if np.spacing(np.float32(max(abs(first), abs(last)))) > abs(slope):
            merged = len(np.unique(pixels)) - len(np.unique(out))
    if mask is None:
        return Range(first, last, 0, merged)
    if padding is not None:
        out[mask] = padding
    return Range(float(out.min()), float(out.max()), int(mask.sum()), merged)


NEUTRAL = (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))


def _is_exact(low: int, high: int, intercept: float) -> bool:
    return max(abs(low), abs(high)) + abs(intercept) <= EXACT


def _used_bits(found: Slice, pixels: NDArray[Any]) -> tuple[NDArray[Any], int, int]:
    """Only BitsStored bits are the pixel's; above them may be an overlay, or no sign.

    Returns:
        The pixels, the lowest and the highest.
    """
    low, high, used = int(pixels.min()), int(pixels.max()), found.header["BitsStored"]
    unused = found.header["BitsAllocated"] - used
    limit = 1 << (used - found.header["PixelRepresentation"])
    if not unused or (high < limit and low >= -limit):
        return pixels, low, high
    cleared = (pixels << unused) >> unused
    return cleared, int(cleared.min()), int(cleared.max())


def _is_padding(
    found: Slice, allocated: NDArray[Any], pixels: NDArray[Any]
) -> NDArray[np.bool_] | None:
    """Which pixels are padding; None where the header says nothing of it."""
    if PADDING[0] not in found.header:
        return None
    value = found.header[PADDING[0]]
    low, high = sorted((value, found.header.get(PADDING[1], value)))
    used = found.header["BitsStored"] - found.header["PixelRepresentation"]
    if high >= 1 << used or low < -(1 << used):  # it is told in the bits above those of a pixel
        pixels = allocated
    mask: NDArray[np.bool_] = (pixels >= low) & (pixels <= high)
    return mask


def _allocated(found: Slice) -> NDArray[Any]:
    """Pixels [height, width] with all bits that are allocated."""
    import numpy as np

    if not found.is_native:
        return _decoded(found)
    height, width = found.shape
    sign = "ui"[found.header["PixelRepresentation"]]
    dtype = np.dtype(f"{found.elements.order}{sign}{found.header['BitsAllocated'] // 8}")
    place = found.elements.place or 0
    if found.syntax == DEFLATED:
        raw = _inflated(found, place + height * width * dtype.itemsize)
        flat = np.frombuffer(raw, dtype, count=height * width, offset=place)
    elif dtype.str[1:] in ("u1", "i1") and found.elements.order == ">" and found.elements.words:
        words = np.fromfile(found.path, ">u2", count=-(-height * width // 2), offset=place)
        flat = words.astype("<u2").view(dtype)[: height * width]
    else:
        flat = np.fromfile(found.path, dtype, count=height * width, offset=place)
    if len(flat) < height * width:  # the file was longer when its header was read
        expected = f"{SLICE} of at least {place + height * width * dtype.itemsize} bytes"
        raise found.error(expected, "fewer: it was cut short meanwhile")
    pixels: NDArray[Any] = flat.reshape(height, width)
    return pixels


def _inflated(found: Slice, count: int) -> bytearray:
    raw = found.path.read_bytes()
    _, place = read_meta(raw)
    inflated = Inflated(raw[place:])
    try:
        enough = inflated.upto(count)
    except zlib.error as error:
        raise found.error(SLICE, "deflated data that are damaged") from error
    if not enough:
        expected = f"{SLICE} of at least {count} bytes, inflated"
        raise found.error(expected, f"{len(inflated.data)} bytes: it is cut short")
    return inflated.data


def _decoded(found: Slice) -> NDArray[Any]:
    """Compressed pixels [height, width]."""
    import pydicom.encaps
    from PIL import Image
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    raw = found.path.read_bytes()
    _whole(found, raw)
    pixels, name = raw[found.elements.place or 0 :], UID(found.syntax).name
    got = f"pixels that cannot be decoded here, stored as {name}"
    try:
        decoder = get_decoder(found.syntax)
        missing = not decoder.is_available
    except NotImplementedError:  # so pydicom says that it knows no such encoding (test_no_decoder)
        missing = True
    if missing:
        raise found.error(SLICE, f"{got} (no decoder for it is installed)")
    header = found.header
    options: dict[str, Any] = {
        "rows": header["Rows"],
        "columns": header["Columns"],
        "number_of_frames": 1,
        "samples_per_pixel": 1,
        "bits_allocated": header["BitsAllocated"],
        "bits_stored": header["BitsStored"],
        "photometric_interpretation": header["PhotometricInterpretation"],
        "pixel_representation": header["PixelRepresentation"],
        "pixel_keyword": "PixelData",
    }
    Image.init()
    with _swallowed() as errors:
        try:
            frame = pydicom.encaps.get_frame(pixels, 0, number_of_frames=1)
            if found.syntax.startswith(READ_BY_PILLOW):
                _same_size(found, frame)
                _look_for_damage(found, frame)
            elif found.syntax == RUN_LENGTHS and len(frame) * LONGEST_RUN > found.max_bytes:
                _same_length(found, frame)
            array, _ = decoder.as_array(pixels, raw=True, **options)
        except BadInput:
            raise
        except Exception as error:  # decoders raise many kinds, and hide those of others
            for hidden in (error, *errors):
                if may_pass(hidden):
                    raise hidden from None
            raise found.error(SLICE, got) from error
    decoded: NDArray[Any] = array.reshape(found.shape)
    return decoded


def _whole(found: Slice, raw: bytes) -> None:
    """Looks whether all items of compressed pixels are there, up to the mark of their end."""
    place = found.elements.place or 0
    if found.elements.length is not None:
        raise found.error(SLICE, "compressed pixels that are not in items")
    tag = ITEM
    while tag != DELIMITER:
        if place + 8 > len(raw):
            expected = f"{SLICE} of at least {place + 8} bytes"
            raise found.error(expected, f"{len(raw)} bytes: it is cut short")
        *tag_read, length = struct.unpack_from("<HHI", raw, place)
        tag = (tag_read[0], tag_read[1])
        if tag not in (ITEM, DELIMITER):
            raise found.error(SLICE, "compressed pixels that are not in items")
        place += 8 + length


def _same_size(found: Slice, frame: bytes) -> None:
    """Looks at the size that compressed pixels say themselves, before they are decoded."""
    from PIL import Image

    with Image.open(BytesIO(frame), formats=("JPEG", "JPEG2000")) as image:
        width, height = image.size
        many = len(image.getbands())
    if (height, width) != found.shape or many != 1:
        expected = "{} x {} pixels of one value, as Rows and Columns say".format(*found.shape)
        raise found.error(expected, f"{height} x {width} of {many}, in the compressed data")


def _look_for_damage(found: Slice, frame: bytes) -> None:
    """Looks for what the decoder would fill in without a word: the end of the data, or more."""
    import simplejpeg

    hurt = ""
    if not found.syntax.startswith(JPEG):
        hurt = damage("JPEG2000", frame)
    else:
        with suppress(ValueError):  # of a form that is not looked into
            simplejpeg.decode_jpeg_header(frame, strict=False)
            try:
                simplejpeg.decode_jpeg(frame, "GRAY", strict=True)
            except ValueError as error:
                hurt = f"damaged data ({str(error).strip().rstrip('.')})"
    if hurt:
        raise found.error(f"{SLICE} with whole compressed pixels", hurt)


def _same_length(found: Slice, frame: bytes) -> None:
    """Adds run lengths up, before they are decoded; PS3.5, G.3."""
    count, *places = struct.unpack_from("<16I", frame)
    size = 0
    for start, stop in pairwise([*places[:count], len(frame)]):
        place = start
        while place < stop:
            run = frame[place]
            size += 257 - run if run > 128 else (run + 1) % 129
            place += 2 if run > 128 else 1 + (run + 1) % 129
    height, width = found.shape
    whole = height * width * found.header["BitsAllocated"] // 8
    if size > whole + count:  # each segment may be padded
        expected = f"{whole} bytes of pixels, as Rows and Columns say"
        raise found.error(expected, f"{size}, in the compressed data")


@contextmanager
def _swallowed() -> Iterator[list[Exception]]:
    """The errors of decoders of this thread, which are otherwise told in the log, and lost."""
    errors: list[Exception] = []
    mine, log = threading.get_ident(), logging.getLogger(DECODERS_LOG)

    def keep(record: logging.LogRecord) -> bool:
        if record.thread != mine:
            return True
        if record.exc_info and isinstance(record.exc_info[1], Exception):
            errors.append(record.exc_info[1])
        return False

    log.addFilter(keep)
    try:
        yield errors
    finally:
        log.removeFilter(keep)
