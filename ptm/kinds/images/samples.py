"""One image at a time: decoded, with its mask and its pair, brought to the size that is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm.errors import BadInput
from ptm.kinds.images.options import Options
from ptm.kinds.images.pairing import Partners
from ptm.kinds.images.resizing import resized
from ptm.model import File
from ptm.readers.pictures.colors import white_of
from ptm.readers.pictures.decoding import Picture, read_frames, read_picture
from ptm.readers.pictures.headers import ONE

if TYPE_CHECKING:
    from numpy.typing import NDArray

IMAGES, MASKS, PAIRS = "images", "masks", "pairs"
PARTNERS = {MASKS: "mask", PAIRS: "pair"}  # options, and what they say of an image
MOST_MASK = 255  # of uint8


class Sample(NamedTuple):
    """One image that was read, and is in the batches.

    Attributes:
        mode: of its file.
        note: what one has to know of it, with its name; "" where there is nothing.
        brightness: the mean of its values.
        size: height and width of the file.
        frame: its number among those of the file, from 0.
    """

    mode: str
    note: str
    brightness: float
    size: tuple[int, int]
    frame: int = 0


class Pixels(NamedTuple):
    """The same before it is in them: its pixels, and those of its mask and its pair, by tensor."""

    sample: Sample
    by_tensor: dict[str, NDArray[Any]]


def read_samples(options: Options, file: File, partners: dict[str, File]) -> list[Pixels]:
    """The images of a file: one, or one for each frame.

    Args:
        options: of the entry.
        file: of the image.
        partners: its mask and its pair, by tensor.

    Raises:
        BadInput: it is bad, or its mask or pair is, or has another size.
        OSError: a file cannot be read.
    """
    keep_damaged = options.on_damage == "note"
    if options.frames:
        pictures = read_frames(file.url, options.max_bytes, keep_damaged, options.color)
        return [_sample(options, file, one, {}, n) for n, one in enumerate(pictures)]
    try:
        picture = read_picture(file.url, options.max_bytes, keep_damaged, options.color)
    except BadInput as bad:
        raise _with_frames(options, bad) from bad
    others = {
        name: _partner(options, file, name, partner, picture) for name, partner in partners.items()
    }
    return [_sample(options, file, picture, others)]


def _with_frames(options: Options, bad: BadInput) -> BadInput:
    """What is wrong with an image, with the way out where it is that there are several."""
    if bad.expected != ONE or options.masks or options.pairs:
        return bad
    return BadInput(bad.where, f"{ONE} (or frames = true)", bad.got, bad.file)


def _sample(
    options: Options, file: File, picture: Picture, others: dict[str, Picture], frame: int = 0
) -> Pixels:
    size = (picture.pixels.shape[0], picture.pixels.shape[1])
    notes = [picture.note, *(one.note for one in others.values())]
    if picture.turned and any(not one.turned for one in others.values()):
        notes.append("turned upright as its EXIF says, what belongs to it was not")
    by_tensor = {IMAGES: picture.pixels, **{name: one.pixels for name, one in others.items()}}
    if options.resize:
        by_tensor = {
            name: resized(pixels, options.resize, options.fit, nearest=name == MASKS)
            for name, pixels in by_tensor.items()
        }
    note = "; ".join(filter(None, notes))
    note = f"{note} ({file.name})" if note else ""
    return Pixels(
        Sample(picture.mode, note, _brightness(by_tensor[IMAGES]), size, frame), by_tensor
    )


def partners_of(
    options: Options, files: Sequence[File], beside: Sequence[File]
) -> tuple[list[dict[str, File]], dict[int, BadInput], list[BadInput]]:
    """The masks and pairs of images.

    Returns:
        Of each image its files by tensor; what is wrong with an image, by its place; files that
        belong to none.
    """
    found: list[dict[str, File]] = [{} for _ in files]
    bad: dict[int, BadInput] = {}
    by_name, used = {file.name: file for file in beside}, set[str]()
    for name, what in PARTNERS.items():
        if template := getattr(options, name):
            partners = Partners.of(template, by_name)
            for place, file in enumerate(files):
                mine = partners.of_image(file.name)
                used |= {*mine}
                if len(mine) == 1:
                    found[place][name] = by_name[mine[0]]
                else:
                    got = " and ".join(mine[:3]) or "none"
                    expected = f"one {what} for each image ({name} = '{template}')"
                    bad.setdefault(place, BadInput("", expected, got, file.url))
    what = " or ".join(one for name, one in PARTNERS.items() if getattr(options, name))
    lost = [
        BadInput("", f"an image that it is the {what} of", "none", file.url)
        for file in beside
        if file.name not in used
    ]
    return found, bad, lost


def _partner(options: Options, file: File, name: str, partner: File, picture: Picture) -> Picture:
    """The mask or the pair of an image.

    Raises:
        BadInput: it is bad, or has another size; the image is named.
    """
    where = f"{PARTNERS[name]} {partner.name}"
    try:
        if name == MASKS:
            found = _mask(read_picture(partner.url, options.max_bytes, False, values=True))
        else:
            keep_damaged = options.on_damage == "note"
            found = read_picture(partner.url, options.max_bytes, keep_damaged, options.color)
    except BadInput as bad:
        raise BadInput(where, bad.expected, bad.got, file.url) from bad
    shape, other = picture.pixels.shape[:2], found.pixels.shape[:2]
    if shape != other:
        turned = " (turned upright as its EXIF says)" if picture.turned else ""
        expected = f"{shape[0]} x {shape[1]} pixels as its image{turned}"
        raise BadInput(where, expected, f"{other[0]} x {other[1]} pixels", file.url)
    note = f"{PARTNERS[name]}: {found.note}" if found.note else ""
    return found._replace(note=note)


def _mask(picture: Picture) -> Picture:
    """A mask as it is stored, uint8 [height, width, 1].

    Raises:
        BadInput: it has colours, or values that uint8 has not.
    """
    import numpy as np

    pixels, expected = picture.pixels, "a mask of places in a palette, or of gray"
    count = pixels.shape[2]
    if count > 1:
        colors, alpha = (pixels[..., :-1], pixels[..., -1]) if count in (2, 4) else (pixels, None)
        white = white_of(pixels.dtype)
        if (colors != colors[..., :1]).any() or picture.mode == "CMYK":
            raise BadInput("", expected, "colours")
        if alpha is not None and (alpha != white).any():
            raise BadInput("", expected, "one that is transparent in places")
        pixels = colors[..., :1]
    if pixels.dtype.kind == "f" or (pixels.dtype != np.uint8 and pixels.max() > MOST_MASK):
        got = "floats" if pixels.dtype.kind == "f" else f"up to {int(pixels.max())}"
        raise BadInput("", f"values from 0 to {MOST_MASK}", got)
    return picture._replace(pixels=pixels.astype(np.uint8, copy=False))


def _brightness(pixels: NDArray[Any]) -> float:
    """The mean of all values of an image, [height, width, channel], as a share of white."""
    import numpy as np

    if pixels.dtype.kind == "f":
        return float(np.ascontiguousarray(pixels).sum(dtype=np.float64)) / pixels.size
    # of a line uint32 holds any sum, and is summed fast
    lines = pixels.reshape(len(pixels), -1)
    total = int(lines.sum(axis=1, dtype=np.uint32).sum(dtype=np.uint64))
    return total / (int(white_of(pixels.dtype)) * pixels.size)
