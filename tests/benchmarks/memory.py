"""The peak memory of making sources of full size, above the imports, each in a new process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks import inputs, photos, rows
from tests.benchmarks.child import Work
from tests.benchmarks.turns import Side, Took, in_turn

LOAD = ("numpy", "pyarrow.csv", "pyarrow.parquet", "simplejpeg", "torch", "ptm", "ptm.prepare")
FEW = {"photos": 20, "rows": 2_000, "text": 100_000}  # that everything is imported for
PART_BYTES = {"photos": 1_000_000, "rows": 100_000, "text": 100_000}  # of these few


class Case(NamedTuple):
    """A kind of source: what is generated, and how much of it, from the least to the most."""

    generate: Callable[[int], Path]
    counts: tuple[int, ...]


CASES = {
    "photos": Case(inputs.photos, (1_000, 10_000, 50_000)),
    "rows": Case(inputs.rows, (1_000_000, 10_000_000)),
    "text": Case(inputs.text, (100_000_000, 1_000_000_000)),
}


def peaks(kind: str) -> dict[int, Took]:
    """What making each size took, by how much there is."""
    generate, counts = CASES[kind]
    few = generate(FEW[kind])
    found = {}
    for count in (inputs.scaled(count, FEW[kind]) for count in counts):
        given = {"kind": kind, "folder": str(generate(count)), "few": str(few)}
        side = Side("tests.benchmarks.memory:made", given, LOAD)
        [found[count]] = in_turn({kind: side}, 1, warm=False)[kind]
    return found


def made(kind: str, folder: str, few: str) -> Work:
    """Makes the entry in a new store, after a small one that has parts too."""
    import tempfile

    import ptm

    with tempfile.TemporaryDirectory() as store:
        ptm.tensorize(few_of(kind, few), store)

    def work(place: Path) -> int:
        return len(ptm.tensorize(source(kind, folder), place).path)

    return work


def few_of(kind: str, folder: str) -> Any:
    """The entry of a few, in parts."""
    return source(kind, folder, part_bytes=PART_BYTES[kind])


def source(kind: str, folder: str, **options: Any) -> Any:
    """The entry of ptm; photos are stored as they were decoded."""
    if kind == "photos":
        return photos.source(folder, store="raw", **options)
    if kind == "rows":
        return rows.source(folder, **options)
    from ptm.kinds.text import Options

    given = {"name": "text", "root": Path(folder), "kind": "text", "path": "text.txt"}
    return Options(**given, **options)
