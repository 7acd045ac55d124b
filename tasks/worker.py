"""A worker process: makes one call after the other for the process that started it.

It knows nothing of Prefect. Calls come through a socket of its own, so that nothing that is printed
can get between them. When the process that started it ends, it ends at once, whatever it does: what
is in the store is there whole, or not at all.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import traceback
import warnings
from multiprocessing.connection import Connection
from queue import SimpleQueue


class Traceback(Exception):
    """The lines of a traceback in a worker process, as the cause of the error that it tells."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def main(descriptor: int) -> None:
    """Makes the calls that come through a socket; answers with (whether it worked, what came)."""
    os.set_inheritable(descriptor, False)
    warnings.filterwarnings("ignore", "Glyph .* missing from")  # as `ptm` does
    pipe = Connection(descriptor)
    calls = SimpleQueue[bytes]()
    threading.Thread(target=_take, args=(pipe, calls), daemon=True).start()
    while True:
        pipe.send_bytes(_answer(calls.get()))


def _take(pipe: Connection, calls: SimpleQueue[bytes]) -> None:
    """Takes calls in; a thread, since only so the end of the other side shows during a call."""
    try:
        while True:
            calls.put(pipe.recv_bytes())
    except (EOFError, OSError):
        os._exit(1)


def _answer(call: bytes) -> bytes:
    try:
        return pickle.dumps((True, pickle.loads(call)()))
    except BaseException as error:
        lines = traceback.format_exc()
        try:
            answer = pickle.dumps((False, (error, lines)))
            pickle.loads(answer)  # some errors can be written, and not be read
        except Exception:
            stands_for = RuntimeError(f"{type(error).__name__}: {error}")
            answer = pickle.dumps((False, (stands_for, lines)))
        return answer


if __name__ == "__main__":
    from tasks import worker  # errors then have the class that the other side knows

    worker.main(int(sys.argv[1]))
