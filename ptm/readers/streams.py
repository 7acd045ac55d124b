"""Files whose bytes are read as they come: decompressed, or written anew on the way.

Such a stream cannot be sought. What reads one span after the other in one thread reads on, so that
all of them together take one pass.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Protocol, TypeAlias

from ptm.errors import BadInput

BLOCK = 1 << 18  # bytes that are decompressed together
KEPT = (1 << 20) + 1  # bytes at the begin that are kept: what says how the rest is to be read
CODECS = {"gzip": b"\x1f\x8b\x08", "zstd": b"\x28\xb5\x2f\xfd", "bz2": b"BZh"}
BZ2_BLOCKS = (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")  # behind "BZh9": of data, or of none
MOST_AT_ONCE = 1 << 30  # bytes that are read without being cut
_here = threading.local()


class Rewriting(Protocol):
    """What makes other bytes of those of a file; equal ones make the same."""

    def blocks(self, path: Path) -> Iterator[bytes]:
        """The bytes, none of them empty.

        Raises:
            BadInput: the file is damaged.
        """

    def __hash__(self) -> int: ...


def codec_of(begin: bytes) -> str:
    """How a file is compressed, by its first bytes: "gzip", "bz2", "zstd"; "" where it is not."""
    for codec, magic in CODECS.items():
        if begin.startswith(magic) and (codec != "bz2" or begin[4:10] in BZ2_BLOCKS):
            return codec
    return ""


def begin_of_bytes(path: Path, size: int) -> bytes:
    """The first bytes of a file as they stand there."""
    with path.open("rb") as file:
        return file.read(size)


@dataclass(frozen=True)
class Decompressed:
    """The bytes of a file without its compression.

    Attributes:
        codec: "gzip", "bz2" or "zstd"; "" where there is none.
    """

    codec: str = ""

    def blocks(self, path: Path) -> Iterator[bytes]:
        """See `Rewriting`."""
        with path.open("rb") as file:
            source = file if not self.codec else _decompressing(file, self.codec)
            try:
                while block := source.read(BLOCK):
                    yield block
            except OSError as error:
                if error.errno is not None:  # of the disk
                    raise
                raise BadInput(
                    expected=f"a whole {self.codec} file", got=str(error), file=str(path)
                ) from error


def _decompressing(file: IO[bytes], codec: str) -> Any:
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(file, mode="r"), codec)


@dataclass(frozen=True)
class Streamed:
    """Stands for the path of a file where its bytes are others than those on the disk.

    Attributes:
        path: the file.
        rewriting: what makes its bytes.
    """

    path: Path
    rewriting: Rewriting

    def open(self, mode: str = "rb") -> IO[bytes]:
        """The bytes as a file; what stands before a place is read again only if it has to be.

        Raises:
            BadInput: when they are read, see `Rewriting`.
        """
        assert mode == "rb"
        return _Reader(self)  # type: ignore[return-value]

    def read_bytes(self) -> bytes:
        """All of them.

        Raises:
            BadInput: they are too many to be read at once.
        """
        with self.open() as file:
            found = file.read(MOST_AT_ONCE + 1)
        if len(found) > MOST_AT_ONCE:
            expected = f"at most {MOST_AT_ONCE} bytes when it is decompressed"
            raise BadInput(expected=expected, got="more", file=str(self.path))
        return found

    def __str__(self) -> str:
        return str(self.path)


Content: TypeAlias = Path | Streamed


class _Signature(NamedTuple):
    """Which stream of which file it is."""

    streamed: Streamed
    inode: int
    bytes: int
    changed: int

    @classmethod
    def of(cls, streamed: Streamed) -> _Signature:
        stat = streamed.path.stat()
        return cls(streamed, stat.st_ino, stat.st_size, stat.st_mtime_ns)


class _Pass:
    """One way through a stream.

    Attributes:
        begin: its first bytes.
        place: how many were read.
    """

    def __init__(self, signature: _Signature) -> None:
        self.signature = signature
        self._blocks = signature.streamed.rewriting.blocks(signature.streamed.path)
        self._rest = memoryview(b"")
        self.begin, self.place = b"", 0
        self.begin = self.read(KEPT)

    def read(self, size: int) -> bytes:
        """The next bytes, as many as asked for; fewer where there are no more."""
        found, missing = [], size
        while missing > 0:
            if not self._rest:
                self._rest = memoryview(next(self._blocks, b""))
                if not self._rest:
                    break
            piece = self._rest[:missing]
            found.append(piece)
            self._rest, missing = self._rest[len(piece) :], missing - len(piece)
        self.place += size - missing
        return b"".join(found)

    def skip_to(self, place: int) -> None:
        """Reads up to a place."""
        while self.place < place and self.read(min(BLOCK, place - self.place)):
            pass

    def close(self) -> None:
        """Lets go of the file."""
        with suppress(ValueError):  # it is being read
            self._blocks.close()  # type: ignore[attr-defined]


class _Reader(io.RawIOBase):
    """A stream as a file that can be read."""

    def __init__(self, streamed: Streamed) -> None:
        self._signature = _Signature.of(streamed)
        self._place = 0
        kept, _here.kept = getattr(_here, "kept", None), None
        if kept and kept.signature != self._signature:
            kept.close()
            kept = None
        self._pass: _Pass = kept or _Pass(self._signature)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        """Not without reading all that stands before."""
        return False

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        """Goes to a place, from the begin or the end."""
        if whence == io.SEEK_END:
            while self.read(BLOCK):
                pass
        else:
            self._place = place
        return self._place

    def tell(self) -> int:
        return self._place

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer at the end; all that are left where the size is negative."""
        if size < 0:
            return b"".join(iter(lambda: self.read(BLOCK), b""))
        found, place = b"", self._place
        begin = self._pass.begin
        if place < len(begin):
            found = begin[place : place + size]
            is_all = len(begin) < KEPT
            if len(found) == size or is_all:
                self._place += len(found)
                return found
        wanted = place + len(found)
        if self._pass.place > wanted:
            self._pass.close()
            self._pass = _Pass(self._signature)
        self._pass.skip_to(wanted)
        if self._pass.place == wanted:
            found += self._pass.read(size - len(found))
        self._place += len(found)
        return found

    def close(self) -> None:
        """Leaves the stream where it is, for the next one who reads it in this thread."""
        if not self.closed:
            others, _here.kept = getattr(_here, "kept", None), self._pass
            if others and others is not self._pass:
                others.close()
        super().close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and not self.closed:
            self._pass.close()
            super().close()
        else:
            self.close()
