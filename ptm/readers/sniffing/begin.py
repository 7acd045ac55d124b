"""The first bytes of a file, unpacked where it is packed, and all of them as a stream."""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from ptm.errors import BadInput

SAMPLE = 1 << 22  # bytes of a file that show how it is written
PIECE = 1 << 18
PIECES = 8  # of a file that is not read whole: from its middle and its end
PACKINGS = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zst"}


class Begin(NamedTuple):
    """The first bytes of a file.

    Attributes:
        raw: the bytes, unpacked.
        is_all: whether there are no more.
        packing: "gz", "bz2", "zst"; "" of what is not packed.
    """

    raw: bytes
    is_all: bool
    packing: str


def read_begin(path: Path, size: int = SAMPLE) -> Begin:
    """The first bytes of a file.

    Raises:
        BadInput: it is packed, and damaged.
        OSError: it cannot be read.
    """
    with opened(path) as (file, packing):
        raw = _read(path, file, size)
        return Begin(raw, len(raw) < size or not _read(path, file, 1), packing)


@contextmanager
def opened(path: Path) -> Iterator[tuple[IO[bytes], str]]:
    """The bytes of a file, unpacked as they are read; how it was packed."""
    with path.open("rb") as raw:
        start = raw.read(4)
        raw.seek(0)
        packing = next((one for mark, one in PACKINGS.items() if start.startswith(mark)), "")
        file: Any = raw
        if packing == "gz":
            file = gzip.GzipFile(fileobj=raw)
        elif packing == "bz2":
            file = bz2.BZ2File(raw)
        elif packing == "zst":
            import pyarrow as pa

            file = pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd")
        yield cast(IO[bytes], file), packing


def _read(path: Path, file: IO[bytes], size: int) -> bytes:
    pieces, left = [], size
    try:
        while left and (piece := file.read(min(left, 1 << 20))):
            pieces.append(piece)
            left -= len(piece)
    except (EOFError, zlib.error, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise BadInput(
            "", "a whole packed file", "one that is cut short or damaged", str(path)
        ) from error
    return b"".join(pieces)


def read_pieces(path: Path, size: int) -> list[bytes]:
    """Pieces of a large file that is not packed, from behind its begin up to its end."""
    first, last = min(SAMPLE, size), size - PIECE
    step = max((last - first) // (PIECES - 1), PIECE)
    places = [*range(first, last, step), last]
    with path.open("rb") as file:
        found = []
        for place in places:
            file.seek(place)
            found.append(file.read(PIECE))
    return found
