"""Sound: a WAV file as samples, and a reason why not.

Source: Multimedia Programming Interface and Data Specifications 1.0, IBM and Microsoft, 1991
(RIFF, WAVE); RF64, EBU Tech 3306.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ptm.errors import BadInput
from ptm.shown import readable_size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KINDS = (b"RIFF", b"RF64")
UNKNOWN = 0xFFFFFFFF  # the size of a chunk that was written while nobody knew it
WHOLE = "a whole WAV file"


class Sound(NamedTuple):
    """A decoded file.

    Attributes:
        samples: float32 [time, channel]; of integers from -1 to 1, which is their range.
        rate: samples of a channel in a second, Hz.
        encoding: of a sample in the file, as "PCM_16" or "FLOAT".
    """

    samples: NDArray[np.float32]
    rate: int
    encoding: str


class Shape(NamedTuple):
    """What the header of a file says: samples of a channel, channels, samples in a second."""

    frames: int
    channels: int
    rate: int


def read_shape(path: Path) -> Shape:
    """What the header of a WAV file says; whether the file is whole is not looked at.

    Raises:
        BadInput: it is no sound.
        OSError: see `read_sound`.
    """
    import soundfile

    try:
        with path.open("rb") as raw, soundfile.SoundFile(raw) as file:
            return Shape(file.frames, file.channels, file.samplerate)
    except soundfile.LibsndfileError as error:
        raise BadInput("", WHOLE, error.error_string.rstrip("."), str(path)) from error


def read_sound(path: Path, most_bytes: int) -> Sound:
    """The samples of a WAV file.

    Args:
        path: the file.
        most_bytes: that the decoded samples may take.

    Raises:
        BadInput: it is no WAV file, or one that is cut short, holds nothing, cannot be decoded, or
            has numbers that are not finite; or its samples take more bytes.
        OSError: the file cannot be read; that says nothing of its bytes.
    """
    import numpy as np
    import soundfile

    raw = path.read_bytes()
    if reason := _wrong(raw):
        raise BadInput("", WHOLE, reason, str(path))
    try:
        with soundfile.SoundFile(io.BytesIO(raw)) as file:
            size = file.frames * file.channels * 4
            if size > most_bytes:
                expected = f"sound of at most {readable_size(most_bytes)} (or max_bytes = {size})"
                raise BadInput("", expected, readable_size(size), str(path))
            samples = file.read(dtype="float32", always_2d=True)
            frames, rate, encoding = file.frames, file.samplerate, file.subtype
    except soundfile.LibsndfileError as error:
        raise BadInput("", WHOLE, error.error_string.rstrip("."), str(path)) from error
    if len(samples) != frames or not frames:
        got = f"{len(samples)} of {frames} samples" if frames else "one without samples"
        raise BadInput("", WHOLE, got, str(path))
    finite = np.isfinite(samples)
    if not finite.all():
        time, channel = (int(place) for place in np.argwhere(~finite)[0])
        where = f"sample {time} of channel {channel}"
        raise BadInput(where, "a finite number", str(samples[time, channel]), str(path))
    return Sound(samples, rate, encoding)


def _wrong(raw: bytes) -> str:
    """What keeps bytes from being a whole WAV file; "" where nothing does.

    Decoders read what is there of a file that was cut, and say nothing.
    """
    if not raw:
        return "an empty file"
    if raw[:4] not in KINDS or raw[8:12] != b"WAVE":
        return "bytes that are no WAV"
    place, large = 12, 0
    while place + 8 <= len(raw):
        name, size = raw[place : place + 4], struct.unpack_from("<I", raw, place + 4)[0]
        if name == b"ds64" and len(raw) >= place + 24:
            large = struct.unpack_from("<Q", raw, place + 16)[0]
        if name == b"data":
            size = large if size == UNKNOWN and large else size
            if size == UNKNOWN:
                return "one whose header does not say how long it is: it was written to a pipe"
            there = len(raw) - place - 8
            return f"{there} of {size} bytes: it is cut short" if there < size else ""
        place += 8 + size + size % 2
    return "one without samples" if place <= len(raw) else "one that is cut short"
