"""The markers of a JPEG: what its frame is, and whether its scans tell all of it.

libjpeg says nothing of a scan that is missing: coefficients that no scan has told are zero to it.

Source: ITU-T T.81, annexes B (markers) and G (progressive).
"""

from __future__ import annotations

import re
import struct
import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# not zero bytes, which are put into data, nor what has no length: TEM and restarts
MARKER = re.compile(rb"\xff+([^\x00\x01\xff\xd0-\xd8])")
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
PROGRESSIVE = {0xC2, 0xCA}
ARITHMETIC = {*range(0xC9, 0xD0)} - {0xCC}
SCAN, END = 0xDA, 0xD9
COEFFICIENTS = 64  # of a block


class Frame(NamedTuple):
    """A frame header.

    Attributes:
        marker: second byte of its marker, which tells the process.
        bits: for each channel.
        components: their numbers.
    """

    marker: int
    bits: int
    components: tuple[int, ...]


class Scan(NamedTuple):
    """A scan header.

    Attributes:
        components: the numbers of those it has.
        first, last: of the coefficients that it has, 0 to 63.
        low: the bits of them, from the lowest, that later scans tell.
    """

    components: tuple[int, ...]
    first: int
    last: int
    low: int


class _Last(threading.local):
    """The file whose headers this thread has read last: several looks ask for them."""

    raw = b""
    found: tuple[list[Frame], list[Scan]] = [], []


_last = _Last()


def headers(raw: bytes) -> tuple[list[Frame], list[Scan]]:
    """All frame and scan headers up to the end marker.

    Where one scan of a frame that is not progressive has all components, it is the last.

    Raises:
        struct.error, IndexError: one of them is cut short.
    """
    if _last.raw is not raw:
        _last.raw, _last.found = b"", _headers(raw)
        _last.raw = raw
    return _last.found


def _headers(raw: bytes) -> tuple[list[Frame], list[Scan]]:
    frames: list[Frame] = []
    scans: list[Scan] = []
    for marker, place in _segments(raw):
        if marker in FRAMES:
            bits, count = raw[place], raw[place + 5]
            numbers = tuple(raw[place + 6 + 3 * n] for n in range(count))
            frames.append(Frame(marker, bits, numbers))
        elif marker == SCAN:
            count = raw[place]
            numbers = tuple(raw[place + 1 + 2 * n] for n in range(count))
            first, last, bits = struct.unpack_from("3B", raw, place + 1 + 2 * count)
            scans.append(Scan(numbers, first, last, bits & 15))
            if frames and frames[-1].marker not in PROGRESSIVE and _all_told(frames[-1], scans):
                break
    return frames, scans


def missing(raw: bytes) -> str:
    """How a JPEG is not whole by its headers, though its data may be; "" where it is."""
    try:
        frames, scans = headers(raw)
    except (struct.error, IndexError):
        return "one that is cut short"
    if len(frames) > 1:
        return "damaged data (two frame headers)"
    if not frames or _all_told(frames[0], scans):
        return ""
    return f"data that end early, after {len(scans)} scan{'s'[: len(scans) != 1]}"


def _segments(raw: bytes) -> Iterator[tuple[int, int]]:
    """Marker and place of the content of each segment; entropy-coded data are passed over."""
    place = 2
    while found := MARKER.search(raw, place):
        marker, place = found[1][0], found.end()
        if marker == END:
            return
        yield marker, place + 2
        (length,) = struct.unpack_from(">H", raw, place)
        place += length


def _all_told(frame: Frame, scans: Sequence[Scan]) -> bool:
    if frame.marker not in PROGRESSIVE:
        return {*frame.components} <= {number for scan in scans for number in scan.components}
    told = {
        (number, coefficient)
        for scan in scans
        if not scan.low
        for number in scan.components
        for coefficient in range(scan.first, scan.last + 1)
    }
    return all(
        (number, coefficient) in told
        for number in frame.components
        for coefficient in range(COEFFICIENTS)
    )
