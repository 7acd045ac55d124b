"""Programs on a terminal of their own, as a person starts them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.commands import end_group


def on_terminal(
    words: Sequence[str | Path],
    environment: Mapping[str, str],
    cwd: Path | None = None,
    typed: str = "",
    columns: int = 80,
    seconds: float = 240,
) -> tuple[int, str]:
    """Runs a program on a pseudo-terminal to its end; its exit code, and all that it showed.

    Args:
        words: the program and its arguments.
        environment: the whole of it.
        cwd: where it runs.
        typed: what is typed at once.
        columns: how wide the terminal is.
        seconds: how long it may take.
    """
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        list(map(str, words)),
        env=dict(environment),
        cwd=cwd,
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    shown: list[bytes] = []
    reader = threading.Thread(target=_read, args=(ours, shown), daemon=True)
    reader.start()
    os.write(ours, typed.encode())
    try:
        code = process.wait(seconds)
    finally:
        end_group(process.pid)
        reader.join(5)
        os.close(ours)
    return code, b"".join(shown).decode(errors="replace").replace("\r\n", "\n")


def _read(terminal: int, shown: list[bytes]) -> None:
    with contextlib.suppress(OSError):  # nobody has it open any more
        while block := os.read(terminal, 1 << 16):
            shown.append(block)
