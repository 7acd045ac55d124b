"""One picture: its bytes to pixels, or a reason why not."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm.errors import BadInput
from ptm.readers.pictures import deep, tiff
from ptm.readers.pictures.colors import CHANNELS as CHANNELS
from ptm.readers.pictures.colors import Color
from ptm.readers.pictures.formats import (
    damage,
    depth_fault,
    foreign,
    kind_of,
)
from ptm.readers.pictures.headers import (
    COLORED,
    DEEPER,
    FEW_BITS,
    READABLE,
    Wanted,
    channels_in,
)
from ptm.readers.pictures.heif import Heif
from ptm.readers.pictures.opening import opened
from ptm.readers.pictures.pixels import Decoded, all_frames, is_deep, one_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Picture(NamedTuple):
    """A decoded picture.

    Attributes:
        pixels: uint8, uint16 of 16 bits, float32 of floats, [height, width, channel]; upright.
        mode: of the file: L, LA, RGB or RGBA, with ";16" or ";F" behind it where it is deeper; of
            what was converted also 1, P, CMYK, …
        note: what one has to know of it; "" where there is nothing.
        turned: whether it was turned upright, as EXIF says the camera was held.
    """

    pixels: NDArray[Any]
    mode: str
    note: str
    turned: bool = False


class Form(NamedTuple):
    """What the header of a picture says, before it is turned upright.

    Attributes:
        height, width, channels: of a frame.
        value_bytes: of each value.
        frames: how many there are.
    """

    height: int
    width: int
    channels: int
    value_bytes: int = 1
    frames: int = 1


def read_picture(
    path: str,
    most_bytes: int,
    keep_damaged: bool,
    color: Color | None = None,
    values: bool = False,
) -> Picture:
    """The picture in a file, see `decode`.

    Raises:
        BadInput: as `decode`, with the file.
        OSError: the file cannot be read; that says nothing of its bytes.
    """
    raw = _bytes(path)
    try:
        return decode(raw, most_bytes, keep_damaged, color, values)
    except BadInput as bad:
        raise BadInput(bad.where, bad.expected, bad.got, path) from bad


def read_frames(
    path: str, most_bytes: int, keep_damaged: bool, color: Color | None = None
) -> list[Picture]:
    """All frames, or pages, of the picture in a file: see `decode`.

    Raises:
        BadInput: as `decode`, with the file; one of them is bad.
        OSError: as `read_picture`.
    """
    raw = _bytes(path)
    wanted = Wanted(most_bytes, keep_damaged, color, frames=True)
    try:
        return [_finished(one, wanted) for one in _guarded(raw, wanted, all_frames)]
    except BadInput as bad:
        raise BadInput(bad.where, bad.expected, bad.got, path) from bad


def read_form(path: str, color: Color | None = None) -> Form:
    """What the header of a file says.

    Raises:
        BadInput: it is no picture.
        OSError: the file cannot be read.
    """
    raw = _bytes(path)
    try:
        kind = kind_of(raw)
        if is_deep(kind, raw):
            height, width, channels, value_bytes = deep.size_of(kind, raw)
            mode = deep.BASES.get(channels, "")
            frames = len(tiff.pages(raw)) if kind == "TIFF" else 1
            return Form(height, width, channels_in(mode, color), value_bytes, frames)
        if kind == "HEIF":
            heif = Heif(raw)
            return Form(heif.height, heif.width, channels_in(heif.mode, color))
        with opened(raw) as image:
            channels = channels_in(image.mode, color)
            frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
            return Form(image.height, image.width, channels, 1, frames)
    except Exception as error:  # as in `decode`
        raise BadInput("", *_reason(raw, error), path) from error


def _bytes(path: str) -> bytes:
    # no Path: that keeps the name of each file in a dictionary that never shrinks
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        return file.read()


def decode(
    raw: bytes,
    most_bytes: int,
    keep_damaged: bool,
    color: Color | None = None,
    values: bool = False,
) -> Picture:
    """The picture that the bytes of a file hold.

    Args:
        raw: all bytes of the file.
        most_bytes: that its pixels may take.
        keep_damaged: whether one that a decoder can complete is kept, with a note.
        color: that its pixels are to have: then palettes, CMYK and less than 8 bits are read too.
        values: whether the values that are stored are wanted, of palettes the places in them.

    Raises:
        BadInput: the bytes are no picture, or one that is cut short, damaged, too large, has
            several frames, or a depth or colours that cannot be read.
        MemoryError: there is none left.
    """
    wanted = Wanted(most_bytes, keep_damaged, color, values=values)
    return _finished(_guarded(raw, wanted, one_picture), wanted)


def _guarded(raw: bytes, wanted: Wanted, look: Any) -> Any:
    """What a function makes of the bytes; whatever decoders raise as bad input.

    Raises:
        BadInput, MemoryError: as `decode`.
    """
    if not raw:
        raise BadInput("", "a whole image", "an empty file")
    try:
        return look(raw, wanted)
    except (BadInput, MemoryError):
        raise
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, …
        raise BadInput("", *_reason(raw, error)) from error


def _finished(one: Decoded, wanted: Wanted) -> Picture:
    """What was decoded, if it is whole or may be damaged."""
    pixels, mode, hurt, note, turned = one
    if hurt and not wanted.keep_damaged:
        raise BadInput("", "a whole image (or on_damage = 'note')", hurt)
    if hurt:
        note = f"{hurt}: what is missing was made up by the decoder"
    return Picture(pixels, mode, note, turned)


def _reason(raw: bytes, error: Exception) -> tuple[str, str]:
    """What a decoder says of the data; not what it says of itself."""
    named = foreign(raw)
    if named:
        return READABLE, named
    kind, deep_one, hurt = "", "", ""
    with suppress(Exception):  # the header may be damaged as well
        kind = kind_of(raw)
        deep_one = depth_fault(kind, raw) if kind else ""
        hurt = damage(kind, raw)
    if deep_one and deep_one not in deep.DEEP.get(kind, ()):
        return COLORED if deep_one in FEW_BITS else DEEPER, deep_one
    if hurt:
        return "a whole image", hurt
    known = {
        **dict.fromkeys(("truncated", "end of file"), "one that is cut short"),
        "broken data stream": "damaged data",
    }
    for words, reason in known.items():
        if words in str(error):
            return "a whole image", reason
    return "a whole image", "bytes that are no image, or a damaged one"
