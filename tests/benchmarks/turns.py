"""Sides of a benchmark in turn: A B A B, each in a process of its own, warmed up once.

All of them may use as many threads, and have the same packages loaded.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import IO, Any, NamedTuple

import numpy as np

ROOT = Path(__file__).parents[2]
THREADS = os.cpu_count() or 1
LIMITS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")  # Arrow and torch do as OMP says
TOUCHED = 1 << 30  # bytes


class Took(NamedTuple):
    """What one turn took, or the median of some.

    Attributes:
        seconds: of the wall clock.
        cpu: seconds of all processes of the side.
        peak: MB of its first process above its imports.
        said: what the work gave back.
    """

    seconds: float
    cpu: float
    peak: float
    said: Any = None


@dataclass(frozen=True)
class Side:
    """How one side works.

    Attributes:
        work: "module:function" of what prepares it: what that gives back is called for each turn.
        arguments: of that function.
        load: modules to import before.
        environment: beside that of all.
        python: that runs it.
    """

    work: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    load: Sequence[str] = ("torch", "numpy", "ptm", "ptm.prepare")
    environment: Mapping[str, str] = field(default_factory=dict)
    python: str | Path = sys.executable


def in_turn(sides: Mapping[str, Side], rounds: int, warm: bool = True) -> dict[str, list[Took]]:
    """What each turn of each side took, after one that warms up and does not count.

    Args:
        sides: by name.
        rounds: turns of each.
        warm: False where the first turn is what is measured.
    """
    took: dict[str, list[Took]] = {name: [] for name in sides}
    with contextlib.ExitStack() as stack:
        children = {name: stack.enter_context(_child(side)) for name, side in sides.items()}
        for number in range(rounds + warm):
            for name, (ask, answer) in children.items():
                with place() as folder:
                    settle()
                    found = Took(**_asked(name, ask, answer, str(folder)))
                if number or not warm:
                    took[name].append(found)
    return took


def middle(took: Sequence[Took]) -> Took:
    """The medians of some turns, each of its own; what the last of them said."""
    seconds, cpu, peak = (median(values) for values in zip(*(t[:3] for t in took), strict=True))
    return Took(seconds, cpu, peak, took[-1].said)


def medians(sides: Mapping[str, Side], rounds: int, warm: bool = True) -> dict[str, Took]:
    """What a turn of each side takes."""
    return {name: middle(took) for name, took in in_turn(sides, rounds, warm).items()}


@contextlib.contextmanager
def place() -> Iterator[Path]:
    """A folder on the disk of the project, for as long as the body runs."""
    home = ROOT / "artifacts"
    home.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=home, prefix=".bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def _child(side: Side) -> Iterator[tuple[IO[str], IO[str]]]:
    """A process that is ready: where to write to it, and where it answers."""
    limits = {f"{name}_NUM_THREADS": str(THREADS) for name in LIMITS}
    limits["POLARS_MAX_THREADS"] = str(THREADS)
    child = subprocess.Popen(
        [side.python, "-m", "tests.benchmarks.child"],
        cwd=ROOT,
        env=os.environ | limits | side.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin and child.stdout
    with child:  # at the end its input is closed, and it is waited for
        order = {"work": side.work, "arguments": dict(side.arguments), "load": list(side.load)}
        assert _asked(side.work, child.stdin, child.stdout, order) == "ready"
        yield child.stdin, child.stdout
        child.stdin.close()


def _asked(name: str, ask: IO[str], answer: IO[str], order: Any) -> Any:
    print(json.dumps(order), file=ask, flush=True)
    line = answer.readline()
    if not line:
        raise RuntimeError(f"{name}: the process ended, and said why above")
    return json.loads(line)


def settle() -> None:
    """The same start for every turn: nothing left to write, and memory that is there.

    A virtual machine gives free pages back to its host; to get them again costs as much as the
    work, so a gigabyte is touched before each turn.
    """
    os.sync()
    np.ones(TOUCHED, dtype=np.uint8)
