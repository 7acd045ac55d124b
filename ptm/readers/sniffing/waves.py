"""Whether a WAV file is whole, by the headers of its chunks: nothing is decoded."""

from __future__ import annotations

import struct
from pathlib import Path

KINDS = (b"RIFF", b"RF64")
UNKNOWN = 0xFFFFFFFF  # the size of a chunk that was written while nobody knew it
MOST_CHUNKS = 1000


def fault_of(path: Path) -> str:
    """What keeps a file from being a whole WAV; "" where its chunks are all there.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        begin = file.read(12)
        if begin[:4] not in KINDS or begin[8:12] != b"WAVE":
            return "bytes that are no WAV" if begin else "an empty file"
        end, place, large = file.seek(0, 2), 12, 0
        for _ in range(MOST_CHUNKS):
            file.seek(place)
            head = file.read(24)
            if len(head) < 8:
                break
            name, size = head[:4], struct.unpack_from("<I", head, 4)[0]
            if name == b"ds64" and len(head) == 24:
                large = struct.unpack_from("<Q", head, 16)[0]
            if name == b"data":
                size = large if size == UNKNOWN and large else size
                return "" if place + 8 + size <= end and size else "one that is cut short"
            place += 8 + size + size % 2
    return "one without samples"
