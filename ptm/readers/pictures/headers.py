"""What the header of a picture says, looked at before anything is decoded."""

from __future__ import annotations

from typing import NamedTuple

from ptm.errors import BadInput
from ptm.readers.pictures import jpeg
from ptm.readers.pictures.colors import CHANNELS, CONVERTED, MODES, Color
from ptm.readers.pictures.formats import DEPTHS, depth_fault
from ptm.shown import readable_size

EIGHT_BIT = "8-bit gray, RGB or RGBA"
DEEPER = f"{EIGHT_BIT}, or 16 bits of a PNG, TIFF or PNM, or a TIFF of float32"
COLORED = f"{EIGHT_BIT} (or color = 'rgb', 'gray' or 'rgba')"
ONE = "one image"
READABLE = f"one of {', '.join(sorted(DEPTHS))}"
JPEGS = ("JPEG", "MPO")
MOST_SCANS = 200  # of a progressive JPEG; usual are ten
FEW_BITS = {
    f"{n} bit{'s'[: n > 1]} for each {of}" for n in (1, 2, 4) for of in ("channel", "pixel")
}
MODES_TOLD = {
    "1": "1 bit for each pixel",
    "P": "a palette",
    "PA": "a palette",
    "CMYK": "the colours of print, CMYK",
    "F": "floats",
    "I": "integers of more than 8 bits",
}


class Wanted(NamedTuple):
    """What is wanted of a picture.

    Attributes:
        most_bytes: that its pixels may take; those of all frames, where these are wanted.
        keep_damaged: whether one that a decoder can complete is kept, with a note.
        color: of its pixels; None for those that are stored, without alpha.
        frames: whether all of its frames or pages are.
        values: whether the values are those that are stored: places in a palette.
    """

    most_bytes: int
    keep_damaged: bool = False
    color: Color | None = None
    frames: bool = False
    values: bool = False

    @property
    def converts(self) -> bool:
        """Whether more than 8 bits of gray and colours may be stored."""
        return self.color is not None or self.values


def check_header(raw: bytes, kind: str, mode: str, frames: int, wanted: Wanted) -> None:
    """Looks whether a picture is of a format, a depth and colours that can be read.

    Raises:
        BadInput: it is not, or has several frames.
    """
    wrong = depth_fault(kind, raw)
    if wrong and kind not in DEPTHS:
        raise BadInput("", READABLE, kind)
    of_color = wrong in FEW_BITS or wrong.startswith("a palette of")
    if wrong and not (of_color and wanted.converts):
        raise BadInput("", COLORED if of_color else DEEPER, wrong)
    if kind in JPEGS and len(jpeg.headers(raw)[1]) > MOST_SCANS:  # each goes over all pixels
        raise BadInput("", f"a JPEG of at most {MOST_SCANS} scans", "one of very many")
    if frames != 1 and kind != "MPO" and not wanted.frames:
        raise BadInput("", ONE, f"{frames} frames or pages")
    check_mode(mode, wanted)


def check_mode(mode: str, wanted: Wanted) -> None:
    """Looks at the colours, as Pillow names them.

    Raises:
        BadInput: they are not such as are wanted.
    """
    if mode not in (CONVERTED if wanted.converts else CHANNELS):
        expected = COLORED if mode in CONVERTED else DEEPER
        raise BadInput("", expected, MODES_TOLD.get(mode, f"the mode {mode}"))


def check_size(height: int, width: int, channels: int, values: int, wanted: Wanted) -> None:
    """Looks at how many bytes the pixels take.

    Args:
        height, width, channels: of one frame.
        values: bytes of a value, times the number of frames.

    Raises:
        BadInput: too many.
    """
    size = height * width * channels * values
    if size > wanted.most_bytes:
        raise BadInput(
            "",
            f"at most {readable_size(wanted.most_bytes)} of pixels (or max_bytes = {size})",
            f"{height} x {width} pixels with {channels} channels, {readable_size(size)}",
        )


def channels_in(mode: str, color: Color | None) -> int:
    """How many channels the pixels of a picture have in the end."""
    if color:
        return {"rgb": 3, "gray": 1, "rgba": 4}[color]
    return len(CHANNELS.get(mode.partition(";")[0], MODES["rgb"]))
