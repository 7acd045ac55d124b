"""A file system in memory with a coarse clock, and somebody who edits its files all the time.

`ptm.index` works on it as it is: only its `os`, `time`, `tempfile` and `open` are exchanged.
Before each of its calls time may pass, and a file may be edited, replaced, or put back.
"""

from __future__ import annotations

import random
import stat
from collections import deque
from itertools import count
from types import SimpleNamespace

import pytest

from ptm import index

MS = 1_000_000  # ns
SIZE = 6  # bytes of every file, so that no edit shows in the size


class Node:
    """An inode."""

    def __init__(self, number: int, data: bytes, now: int) -> None:
        self.number, self.data, self.mtime, self.ctime = number, data, now, now

    def stat(self) -> SimpleNamespace:
        return SimpleNamespace(
            st_mode=stat.S_IFREG | 0o644,
            st_size=len(self.data),
            st_mtime_ns=self.mtime,
            st_ctime_ns=self.ctime,
            st_ino=self.number,
            st_dev=1,
        )


class World:
    """Files, their clock, and what happens to them.

    Args:
        seed: of all that happens.
        tick: of the clock of the file system, ns.
        clock: whether that clock can be asked: the file system can be written.
        apart: how much the clock of the machine is ahead of it, ns.
    """

    def __init__(self, seed: int, tick: int, clock: bool = True, apart: int = 0) -> None:
        self.random = random.Random(seed)
        self.time, self.tick, self.clock, self.apart = 10**18, tick, clock, apart
        self.pace, self.haste, self.watched = tick, 0.0, "d/a"
        self.reads = 0
        self._contents = (b"%06d" % (number % 10**SIZE) for number in count())
        self._inodes = deque(range(1, 8))  # few, so that numbers come back
        self._open: dict[int, Node] = {}
        self.files = {name: self._made() for name in ("d/a", "d/b", "d/c")}
        self.seen: dict[str, set[bytes]] = {}
        self.look_away()

    def change_pace(self) -> None:
        """From here on time and edits come as often as it falls, and most to one file."""
        self.pace = self.random.choice((1, self.tick // 20 + 1, self.tick // 3 + 1))
        self.haste = self.random.choice((0.01, 0.1, 0.5))
        self.watched = self.random.choice(sorted(self.files))

    def now(self) -> int:
        """The time that a file gets if it is written now."""
        return self.time // self.tick * self.tick

    def look_away(self) -> None:
        """Forgets what contents the files had until now."""
        self.seen = {name: {node.data} for name, node in self.files.items()}

    def happen(self) -> None:
        """A little time passes, often none; at times a file is edited."""
        self.time += self.random.randrange(self.pace)
        if self.random.random() < self.haste:
            self.edit()

    def edit(self) -> None:
        """One edit of one file; the size stays."""
        name = self.random.choice([*sorted(self.files), *[self.watched] * 5])
        node = self.files[name]
        before, past = node.mtime, self.now() - self.random.randrange(10 * self.tick)
        kind = self.random.choice(
            (*["write"] * 6, *["put back"] * 3, "move", "copy", "future", "undo", "swap")
        )
        if kind in ("move", "copy"):  # a copy keeps the mtime, as `cp -p` and `rsync -t` do
            self._inodes.append(node.number)
            node = self.files[name] = self._made()
            node.mtime = past if kind == "move" else before
        elif kind == "swap":  # of the folders that they are in: no file changes, and no time of one
            other = self.random.choice(sorted(self.files))
            self.files[name], self.files[other] = self.files[other], node
            self.seen[other].add(node.data)
        elif kind == "undo":
            self._write(node, self.random.choice(sorted(self.seen[name])))
        else:
            self._write(node, next(self._contents))
            if kind != "write":
                node.mtime = before if kind == "put back" else self.now() + 10 * self.tick
        self.seen[name].add(self.files[name].data)

    def _made(self) -> Node:
        place = self.random.randrange(len(self._inodes))
        self._inodes.rotate(place)
        return Node(self._inodes.popleft(), next(self._contents), self.now())

    def _write(self, node: Node, data: bytes) -> None:
        node.data, node.mtime, node.ctime = data, self.now(), self.now()

    def enter(self, patch: pytest.MonkeyPatch) -> None:
        """From here on `ptm.index` works on these files."""
        system = SimpleNamespace(stat=self._stat, fstat=self._fstat)
        clock = SimpleNamespace(monotonic_ns=lambda: self.time, sleep=self._sleep)
        clock.time_ns = lambda: self.time + self.apart
        patch.setattr(index, "os", system)
        patch.setattr(index, "time", clock)
        patch.setattr(index, "tempfile", SimpleNamespace(TemporaryFile=self._temporary))
        patch.setattr(index, "open", self._open_file, raising=False)

    def _stat(self, path: str) -> SimpleNamespace:
        self.happen()
        return self.files[path].stat()

    def _fstat(self, descriptor: int) -> SimpleNamespace:
        self.happen()
        return self._open[descriptor].stat()

    def _sleep(self, seconds: float) -> None:
        self.time += int(seconds * 1e9)
        self.happen()

    def _temporary(self, **options: object) -> Opened:
        self.happen()
        if not self.clock:
            raise PermissionError("a file system that is read-only")
        return self._opened(Node(0, b"", self.now()))

    def _open_file(self, path: str, mode: str, buffering: int) -> Opened:
        self.happen()
        self.reads += 1
        return self._opened(self.files[path])

    def _opened(self, node: Node) -> Opened:
        descriptor = next(number for number in count(3) if number not in self._open)
        self._open[descriptor] = node
        return Opened(descriptor, node, self)

    def close(self, descriptor: int) -> None:
        """What was open under this number no longer is."""
        del self._open[descriptor]


class Opened:
    """An open file, read in two turns, so that an edit may come in between."""

    def __init__(self, descriptor: int, node: Node, world: World) -> None:
        self._descriptor, self._node, self._world, self._place = descriptor, node, world, 0

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *error: object) -> None:
        self._world.close(self._descriptor)

    def fileno(self) -> int:
        return self._descriptor

    def read(self, size: int) -> bytes:
        self._world.happen()
        self._place += SIZE // 2
        return self._node.data[self._place - SIZE // 2 : self._place]
