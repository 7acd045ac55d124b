"""The streams of the command: of any encoding, closed from the start, or left by their reader."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ptm.system_errors import NOBODY_READS

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

ESCAPED = "ptm"  # the error handler of encodings, see `_escaped`
DOTS = "…"  # the mark of all that ptm cuts
CONTROLS = {n: f"\\x{n:02x}" for n in (*range(32), *range(127, 160)) if chr(n) != "\n"}


def read_names_as_utf8() -> None:
    """Starts Python again where it would not take names of files for UTF-8, as with LC_ALL=C.

    The encoding of the terminal stays what it is.
    """
    if sys.getfilesystemencoding() == "utf-8" or os.environ.get("PYTHONUTF8") == "1":
        return
    os.environ["PYTHONUTF8"] = "1"
    if sys.stdout:
        os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


@contextmanager
def guarded(tells: bool = True) -> Iterator[None]:
    """Inside it nothing that is written to stdout or stderr fails, whatever becomes of them.

    A reader that goes away is no failure: what is written from there on goes nowhere, and the exit
    code is what it would have been. Any other loss, as on a full disk, is told on stderr.

    Args:
        tells: whether the output is what the command is for: to lose it is then exit code 1.
    """
    _stand_in_for_closed()
    sink, _ = _guard("stdout", 1), _guard("stderr", 2)
    try:
        yield
    except SystemExit as end:
        sys.stdout.flush()
        if not sink or not sink.lost or sink.lost.errno in NOBODY_READS:
            raise
        print(f"error: expected to write the output, got: {sink.lost.strerror}", file=sys.stderr)
        raise SystemExit(end.code or int(tells)) from end


def plain(text: str, encoding: str) -> str:
    """Text as a terminal of that encoding can show it: see `_escaped`; control characters too."""
    return text.translate(CONTROLS).encode(encoding, ESCAPED).decode(encoding)


class _Sink(io.FileIO):
    """A standard stream; once it takes nothing more, what is written to it goes nowhere.

    Attributes:
        lost: why it takes nothing more.
    """

    lost: OSError | None = None

    def write(self, data: ReadableBuffer) -> int:
        """Writes, or throws away."""
        try:
            return super().write(data)
        except OSError as error:
            self.lost = error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())  # for what this process starts from here on, too
            os.close(nowhere)
            return memoryview(data).nbytes


class _Text(io.TextIOWrapper):
    """A stream that Typer writes to as it is: past one of ASCII it would write UTF-8."""

    @property
    def buffer(self) -> Any:
        if codecs.lookup(self.encoding).name == "ascii":
            raise AttributeError("buffer")
        return super().buffer


def _guard(name: str, number: int) -> _Sink | None:
    """Puts a stream that cannot fail in the place of a standard one, unless that is captured."""
    before = getattr(sys, name)
    if before is not getattr(sys, f"__{name}__"):
        return None
    encoding, by_lines = "utf-8", True
    if before:
        before.flush()
        encoding, by_lines = before.encoding, before.line_buffering or before.write_through
    sink = _Sink(number, "wb", closefd=False)
    setattr(sys, name, _Text(io.BufferedWriter(sink), encoding, ESCAPED, None, by_lines))
    return sink


def _stand_in_for_closed() -> None:
    """Opens descriptors that are closed: files opened next would take their places, and output."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    r"""What stands for letters that an encoding lacks: `\xe4`, so that none is lost; `...`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end].replace(DOTS, "...")
    return letters.encode("ascii", "backslashreplace").decode(), error.end


codecs.register_error(ESCAPED, _escaped)
