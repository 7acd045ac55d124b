"""What is remembered of a shelf, so that nothing has to be read twice; losing it costs time only.

stat/inputs    digests of input files, by what stat says of them
stat/parts     digests of parts and of published files, likewise
stat/code      what was found in the source of modules, by its digest
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from ptm.index import StatIndex, seal, unseal
from ptm.store import disk
from ptm.store.lease import lease

FOLDER = "stat"


class Memory:
    """The memory of one shelf. Read when it is first used, written by `save`.

    Args:
        shelf: the folder of one name in the store; it need not be there.
        rehash: distrust what is remembered, and remember anew.
    """

    def __init__(self, shelf: Path, rehash: bool = False) -> None:
        self._shelf, self._rehash = shelf, rehash

    @cached_property
    def inputs(self) -> StatIndex:
        """Digests of the input files."""
        return StatIndex(self._read("inputs"), self._rehash)

    @cached_property
    def parts(self) -> StatIndex:
        """Digests of the published files, named "PUBLICATION/FILE" and "parts/FILE"."""
        return StatIndex(self._read("parts"), self._rehash, self._shelf)

    @cached_property
    def code(self) -> dict[str, Any]:
        """What the key module keeps about source files; it may add to it."""
        known: dict[str, Any] = unseal(self._read("code")) or {}
        self._code_before = dict(known)
        return known

    def save(self) -> None:
        """Writes what is new, if there is something new and a shelf that can be written."""
        fresh = {}
        used = vars(self)
        if "inputs" in used and self.inputs.changed:
            fresh["inputs"] = self.inputs.to_bytes()
        if "parts" in used:
            self.parts.keep(self._is_there())
            if self.parts.changed:
                fresh["parts"] = self.parts.to_bytes()
        if "code" in used and self.code != self._code_before:
            fresh["code"] = seal(self.code)
        if fresh and self._shelf.is_dir():
            with suppress(OSError):  # a store that cannot be written can still be read
                self._write(fresh)

    def drop_inputs(self) -> None:
        """Keeps no digests of input files in memory: they are read anew when they are used."""
        vars(self).pop("inputs", None)

    def _is_there(self) -> Callable[[str], bool]:
        """Whether a file may be there still: what was collected since is of no use."""
        there: dict[str, set[str]] = {}

        def is_there(name: str) -> bool:
            folder, _, file = name.partition("/")
            if folder not in there:
                try:
                    there[folder] = set(os.listdir(self._shelf / folder))
                except OSError:
                    there[folder] = set()
            return file in there[folder]

        return is_there

    def _read(self, name: str) -> bytes:
        place = self._shelf / FOLDER / name
        with suppress(OSError):
            return place.read_bytes() if place.is_file() else b""
        return b""

    def _write(self, fresh: dict[str, bytes]) -> None:
        with lease(self._shelf) as number:
            with suppress(FileExistsError):
                disk.make_folder(self._shelf / FOLDER)
            staged = self._shelf / f".stat-{number}"
            for name, raw in fresh.items():
                with disk.create(staged) as file:
                    disk.write(file, raw)
                disk.replace(staged, self._shelf / FOLDER / name)
