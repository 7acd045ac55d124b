"""One picture: its bytes to pixels, or a reason why not.

JPEG is decoded by libjpeg-turbo itself, which tells when it had to invent what the file lacks;
what Pillow would cut to 8 bits is read apart; imageio reads what is rare.
"""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm.errors import BadInput
from ptm.readers.pictures import deep, jpeg, tiff
from ptm.readers.pictures.colors import CHANNELS as CHANNELS
from ptm.readers.pictures.colors import Color, converted, recolored
from ptm.readers.pictures.formats import (
    damage,
    depth_fault,
    foreign,
    kind_of,
    png_fault,
    steps_of,
)
from ptm.readers.pictures.headers import (
    COLORED,
    DEEPER,
    FEW_BITS,
    JPEGS,
    ONE,
    READABLE,
    Wanted,
    channels_in,
    check_header,
    check_mode,
    check_size,
)
from ptm.readers.pictures.heif import Heif
from ptm.readers.pictures.opening import opened, orientation_of
from ptm.readers.pictures.turbo import UNSEEN, damage_in_tiff, pixels_of_jpeg

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

BY_PILLOW = (*JPEGS, "PNG", "TIFF", "WEBP", "AVIF")  # what is common; imageio reads what is rarer


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


class _Decoded(NamedTuple):
    """Pixels as they are stored, or of the color that was wanted; upright.

    Attributes:
        hurt: what is damaged; "" where nothing is.
    """

    pixels: NDArray[Any]
    mode: str
    hurt: str = ""
    note: str = ""
    turned: bool = False


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
        return [_finished(one, wanted) for one in _guarded(raw, wanted, _all_frames)]
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
        if _is_deep(kind, raw):
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
    return _finished(_guarded(raw, wanted, _one), wanted)


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


def _finished(one: _Decoded, wanted: Wanted) -> Picture:
    """What was decoded, if it is whole or may be damaged."""
    pixels, mode, hurt, note, turned = one
    if hurt and not wanted.keep_damaged:
        raise BadInput("", "a whole image (or on_damage = 'note')", hurt)
    if hurt:
        note = f"{hurt}: what is missing was made up by the decoder"
    return Picture(pixels, mode, note, turned)


def _one(raw: bytes, wanted: Wanted) -> _Decoded:
    kind = kind_of(raw)
    if _is_deep(kind, raw):
        return _deep(raw, kind, wanted)
    if kind == "HEIF":
        return _heif(raw, wanted)
    with opened(raw) as image:
        kind = str(image.format)
        frames = getattr(image, "n_frames", 1)
        check_header(raw, kind, image.mode, frames, wanted)
        check_size(image.height, image.width, len(image.getbands()), 1, wanted)
        return _eight_bit(raw, image, kind, frames, wanted)


def _all_frames(raw: bytes, wanted: Wanted) -> list[_Decoded]:
    if kind_of(raw) == "TIFF":
        pages, left = tiff.pages(raw), wanted.most_bytes
        found = []
        for page in pages:
            one = _one(tiff.with_first(raw, page), wanted._replace(most_bytes=left))
            left -= one.pixels.nbytes
            found.append(one)
        return found
    with opened(raw) as image:
        kind, frames = str(image.format), getattr(image, "n_frames", 1)
        if frames == 1 or kind == "MPO":
            return [_one(raw, wanted)]
        check_header(raw, kind, image.mode, frames, wanted)
        hurt = damage(kind, raw)
        return [_frame(image, number, frames, hurt, wanted) for number in range(frames)]


def _frame(image: Image, number: int, frames: int, hurt: str, wanted: Wanted) -> _Decoded:
    """One of several frames."""
    import numpy as np

    image.seek(number)  # after which it may be larger than the first
    check_mode(image.mode, wanted)
    channels = channels_in("RGB", wanted.color)
    check_size(image.height, image.width, channels, frames, wanted)
    mode, color = image.mode, wanted.color
    # a copy: the next frame may be drawn over it
    pixels = np.array(converted(image, color) if color else recolored(_as_stored(image), None))
    return _turned(pixels, mode, orientation_of(image), hurt)


def _is_deep(kind: str, raw: bytes) -> bool:
    """Whether a picture has 16 bits, or floats, that are read here."""
    return kind in deep.DEEP and depth_fault(kind, raw) in deep.DEEP[kind]


def _deep(raw: bytes, kind: str, wanted: Wanted) -> _Decoded:
    """One of 16 bits, or of floats."""
    import numpy as np

    frames = len(tiff.pages(raw)) if kind == "TIFF" else 1
    if frames != 1 and not wanted.frames:
        raise BadInput("", ONE, f"{frames} frames or pages")
    check_size(*deep.size_of(kind, raw), wanted)
    hurt = damage(kind, raw)
    try:
        pixels, mode = deep.read_deep(kind, raw)
    except ValueError as error:
        if hurt or type(error) is not ValueError:
            raise
        raise BadInput("", DEEPER, str(error)) from error
    if kind == "PNG" and not hurt and not pixels[-1].any():  # where rows are missing
        hurt = png_fault(raw)
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        got = f"{int((~np.isfinite(pixels)).sum())} that are not (NaN or infinite)"
        raise BadInput("", "finite numbers", got)
    orientation = 1
    if kind == "TIFF":
        orientation = tiff.numbers(raw).get(tiff.ORIENTATION, (1,))[0]
    elif kind == "PNG":
        with opened(raw) as image:
            orientation = orientation_of(image)
    if not wanted.values:
        pixels = recolored(pixels, wanted.color)
    return _turned(pixels, mode, orientation, hurt)


def _heif(raw: bytes, wanted: Wanted) -> _Decoded:
    heif = Heif(raw)
    if heif.bits != 8:
        raise BadInput("", DEEPER, f"{heif.bits} bits for each channel")
    check_mode(heif.mode, wanted)
    check_size(heif.height, heif.width, len(heif.mode), 1, wanted)
    note = f"the first of {heif.count} pictures in the file" if heif.count > 1 else ""
    pixels = heif.pixels()
    pixels = pixels if wanted.values else recolored(pixels, wanted.color)
    return _Decoded(pixels, heif.mode, "", note)


def _eight_bit(raw: bytes, image: Image, kind: str, frames: int, wanted: Wanted) -> _Decoded:
    """One of 8 bits, or fewer where they are converted."""
    hurt, note = damage(kind, raw), ""
    mode, color, values = image.mode, wanted.color, wanted.values
    if kind in JPEGS:
        found, told = pixels_of_jpeg(raw, mode)
        hurt = told or hurt
        arithmetic = jpeg.headers(raw)[0][0].marker in jpeg.ARITHMETIC
        note = "" if found is not None and not arithmetic else UNSEEN
        if frames > 1:
            note = "; ".join(filter(None, (f"the first of {frames} pictures in the file", note)))
        if found is not None and mode != "CMYK":
            colored = found if values else recolored(found, color)
            return _turned(colored, mode, orientation_of(image), hurt, note)
    if kind == "TIFF":
        tags: Any = image
        told, note = damage_in_tiff(raw, tags.tag_v2)
        hurt = hurt or told
    # one of a TIFF is upright already
    orientation = 1 if kind == "TIFF" else orientation_of(image)
    if color:
        pixels = converted(image, color)
    else:
        pixels = _as_stored(image) if values or kind in BY_PILLOW else _by_imageio(raw)
    if kind == "PNG" and not hurt and not pixels[-1].any():  # where rows are missing
        hurt = png_fault(raw)
    if values:
        pixels = pixels // steps_of(kind, raw) if mode == "L" else pixels
    elif not color:
        pixels = pixels[..., : len(CHANNELS[mode])]
    return _turned(pixels, mode, orientation, hurt, note)


def _as_stored(image: Image) -> NDArray[Any]:
    """The values of a picture that is open, uint8 [height, width, channel]."""
    import numpy as np

    pixels = np.asarray(image)
    pixels = pixels.astype(np.uint8) if pixels.dtype == np.bool_ else pixels
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _by_imageio(raw: bytes) -> NDArray[Any]:
    import numpy as np
    from imageio.v3 import imopen

    with imopen(io.BytesIO(raw), "r", plugin="pillow") as file:
        pixels = np.asarray(file.read(index=0))
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _turned(
    pixels: NDArray[Any], mode: str, orientation: int, hurt: str = "", note: str = ""
) -> _Decoded:
    """Turned as EXIF says the camera was held."""
    import numpy as np

    turned = pixels.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else pixels
    if orientation in (3, 4, 7, 8):
        turned = np.flip(turned, 0)
    if orientation in (2, 3, 6, 7):
        turned = np.flip(turned, 1)
    return _Decoded(turned, mode, hurt, note, orientation in range(2, 9))


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
