"""A million rows of a table and ten: ptm beside polars, which does the same work.

Both hash the CSV; read it; scale eleven columns in float64 to float32; make an int64 target and its
one-hot float32; write tensors with torch.save and the rows as Parquet (snappy); hash both with
SHA-256 and sync them.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.benchmarks import inputs
from tests.benchmarks.child import Work
from tests.benchmarks.pools import driven, pool
from tests.benchmarks.turns import Side

LOAD = ("numpy", "polars", "pyarrow.csv", "pyarrow.parquet", "torch", "ptm", "ptm.prepare")
TENSORS, TABLE = "tensors.pt", "rows.parquet"


def sides(count: int) -> dict[str, Side]:
    """ptm in one process and in two, and polars."""
    given = {"folder": str(inputs.rows(count))}
    return {
        "ptm": Side("tests.benchmarks.rows:ours", given, LOAD),
        "processes": Side("tests.benchmarks.rows:ours", {**given, "processes": 2}, LOAD),
        "polars": Side("tests.benchmarks.rows:theirs", given, LOAD),
    }


def source(folder: str | Path, **options: Any) -> Any:
    """The entry of ptm."""
    from ptm.kinds.table import Options

    return Options(
        name="rows",
        root=Path(folder),
        kind="table",
        path="rows.csv",
        delimiter=";",
        target=inputs.TARGET,
        classes=inputs.CLASSES,
        **options,
    )


def ours(folder: str, processes: int = 0) -> Work:
    """Makes the entry in a new store."""
    import ptm

    entry = source(folder)
    if processes:
        return driven(entry, pool(processes, LOAD))

    def work(place: Path) -> int:
        ref = ptm.tensorize(entry, place)
        return len(ref.path)

    return work


def theirs(folder: str) -> Work:
    """Makes the same with polars; tensors and rows are written side by side."""
    import polars as pl
    import torch

    names = list(inputs.COLUMNS)
    schema = dict.fromkeys(names, pl.Float64) | {inputs.TARGET: pl.Int64}
    csv = f"{folder}/rows.csv"

    def scaled(name: str) -> pl.Expr:
        column = pl.col(name)
        return ((column - column.mean()) / column.std()).cast(pl.Float32)

    def work(place: Path) -> list[str]:
        with ThreadPoolExecutor(2) as threads:
            read = threads.submit(digest, csv)
            table = pl.read_csv(csv, separator=";", schema_overrides=schema)
            written = threads.submit(write_rows, table, place / TABLE)
            features = table.select(map(scaled, names)).to_numpy(order="c", writable=True)
            target = torch.from_numpy(table[inputs.TARGET].to_numpy(writable=True))
            onehot = torch.zeros(len(target), inputs.CLASSES).scatter_(1, target[:, None], 1.0)
            tensors = {"features": torch.from_numpy(features), "target": target}
            torch.save({**tensors, "target_onehot": onehot}, place / TENSORS)
            return [read.result(), settled(place / TENSORS), written.result()]

    return work


def write_rows(table: Any, path: Path) -> str:
    """Writes them as Parquet, and gives the digest."""
    table.write_parquet(path, compression="snappy")
    return settled(path)


def settled(path: Path) -> str:
    """The digest of a file, which is on the disk when this returns."""
    with ThreadPoolExecutor(1) as thread, path.open("rb") as file:
        hashed = thread.submit(digest, path)
        os.fsync(file.fileno())  # hashing takes as long
        return hashed.result()


def digest(path: str | Path) -> str:
    """SHA-256 of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
