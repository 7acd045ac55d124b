"""The `ptm` command as tests run it: to its end, or as a process that goes on."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import psutil

PTM = Path(sys.executable).parent / "ptm"


@dataclass(frozen=True)
class Done:
    """A command that ended: its exit code, what it printed, and what processes of it live on."""

    code: int
    out: str
    err: str
    left_behind: list[str]

    @property
    def words(self) -> str:
        """All that it printed in one line, for messages that a terminal wraps."""
        return " ".join((self.out + " " + self.err).split())


Ptm = Callable[..., Done]


def run_ptm(
    *arguments: str | Path, cwd: Path | None = None, seconds: float = 300, **environment: str
) -> Done:
    """The command as a person runs it, 80 columns wide, with more in the environment."""
    # files, not pipes: a process that lives on would hold a pipe open for ever
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(
            [str(PTM), *map(str, arguments)],
            cwd=cwd,
            env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1"} | environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            process.wait(seconds)
        finally:
            left_behind = end_group(process.pid)
        out.seek(0)
        err.seek(0)
        return Done(process.returncode, out.read(), err.read(), left_behind)


def call_ptm(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Done:
    """The command inside this process, 80 columns wide: spares some seconds of imports.

    A run goes to the server of the tests, which has to be there.
    """
    from flows.terminal import cli

    out, err = io.StringIO(), io.StringIO()
    code: Any = 0
    with (
        contextlib.chdir(cwd or "."),
        mock.patch.dict(os.environ, {"COLUMNS": "80", "NO_COLOR": "1"} | environment),
        mock.patch.object(sys, "argv", ["ptm", *map(str, arguments)]),
        mock.patch.object(logging, "raiseExceptions", logging.raiseExceptions),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
    return Done(code, out.getvalue(), err.getvalue(), [])


class Started:
    """A `ptm` command that goes on, in a process group of its own; what it prints is in a file.

    Attributes:
        process: it.
    """

    def __init__(self, out: Path, *arguments: str | Path, **environment: str) -> None:
        self._out = out
        with out.open("w") as file:
            self.process = subprocess.Popen(
                [str(PTM), *map(str, arguments)],
                env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1"} | environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def out(self) -> str:
        """All that it has printed."""
        return self._out.read_text()

    def wait_for(self, text: str, seconds: float = 120) -> None:
        """Until it has printed that."""
        wait_until(lambda: text in self.out or self.process.poll() is not None, seconds, self.out)
        assert text in self.out, self.out

    def signal(self, number: int) -> None:
        """To it and all that it started, as a terminal does."""
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """Ends it, if it has not ended, with all that is left of it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        end_group(self.process.pid)

    def end(self, seconds: float = 240) -> Done:
        """Waits for its end."""
        self.process.wait(seconds)
        return Done(self.process.returncode, self.out, "", end_group(self.process.pid))


def wait_until(happened: Callable[[], Any], seconds: float, what: object = "") -> Any:
    """What `happened` gives once it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.2)
    return found


def end_group(group: int) -> list[str]:
    """Ends what is left of a group of processes after a moment; their command lines."""
    deadline = time.monotonic() + 5
    while (left := of_group(group)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in left:
        process.kill()
    return list(left.values())


def of_group(group: int) -> dict[psutil.Process, str]:
    """The living processes of a group, and their command lines."""
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found[process] = " ".join(process.cmdline())
    return found
