"""Files of rows that are read whole, and piece by piece."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from ptm.readers.delimited.columns import read_delimited
from ptm.readers.delimited.dialect import PLAIN, Dialect
from ptm.readers.tabular.opening import cut_table


def zstd(raw: bytes) -> bytes:
    """As the command `zstd` writes it."""
    packed: bytes = pa.Codec("zstd").compress(raw, asbytes=True)
    return packed


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda raw: gzip.compress(raw, 1),
    "bz2": bz2.compress,
    "zst": zstd,
}


def pieces_of(
    path: Path, dialect: Dialect = PLAIN, size: int = 1, **options: Any
) -> list[pa.Table]:
    """The pieces of a file that is read as it is cut."""
    cut = cut_table(path, dialect, size)
    if cut is None:
        return [read_delimited(path, dialect, **options)]
    found, before = [], 0
    for piece in cut.pieces:
        assert piece.before == before
        place = {"span": (piece.start, piece.end), "head": cut.head, "before": piece.before}
        found.append(read_delimited(path, dialect, **options, **place))
        before += found[-1].num_rows
    assert cut.pieces[-1].end == (cut.total or path.stat().st_size)
    return found


def in_pieces(
    path: Path, dialect: Dialect = PLAIN, size: int = 1, **options: Any
) -> tuple[pa.Table, int]:
    """The rows of a file that is read as it is cut, and how many pieces it has."""
    found = pieces_of(path, dialect, size, **options)
    return pa.concat_tables(found), len(found)
