"""A small disk of its own, to be filled."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.support.machine import lacking


@dataclass(frozen=True)
class SmallDisk:
    """A file system of its own, in memory."""

    folder: Path

    def fill(self, free: int) -> None:
        """Leaves so many bytes free."""
        with (self.folder / "filling").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        os.truncate(self.folder / "filling", (self.folder / "filling").stat().st_size - free)

    def use_up_names(self) -> None:
        """Leaves room for bytes, but for no more files."""
        (self.folder / "files").mkdir()
        with suppress(OSError):
            for number in count():
                (self.folder / "files" / str(number)).touch()

    def free(self) -> None:
        """Takes away what filled it."""
        (self.folder / "filling").unlink(missing_ok=True)
        shutil.rmtree(self.folder / "files", ignore_errors=True)

    def mount(self, options: str) -> None:
        """Mounts it, or mounts it anew with other options."""
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.folder],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            lacking(f"a small disk cannot be mounted here: {done.stderr.strip()}")


@contextmanager
def mounted(folder: Path) -> Iterator[SmallDisk]:
    """One of 32 MiB, in a folder that is made for it."""
    if not shutil.which("mount"):
        lacking("there is no mount")
    disk = SmallDisk(folder)
    disk.folder.mkdir()
    disk.mount("size=32m,nr_inodes=1000")
    yield disk
    subprocess.run(["umount", disk.folder], check=True)
