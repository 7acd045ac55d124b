"""Data frames of Arrow tables, with the units of their columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MOST_EXACT = 2**53  # up to here every integer is a float64


def frame_of(table: pa.Table) -> pd.DataFrame:
    """A data frame of an Arrow table; `attrs["units"]` maps a column to its unit."""
    frame: pd.DataFrame = table.to_pandas()
    for name in _rounded(table):
        frame[name] = _integers(table[name])
    frame.attrs["units"] = {
        column.name: column.metadata[b"unit"].decode()
        for column in table.schema
        if column.metadata and b"unit" in column.metadata
    }
    return frame


def _rounded(table: pa.Table) -> list[str]:
    """The columns of integers some of which are missing, and which float64 would round."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_int64(column.type) and column.null_count:
            ends = pc.min_max(column)
            low, high = ends["min"].as_py() or 0, ends["max"].as_py() or 0
            found += [name] if max(-low, high) > MOST_EXACT else []
    return found


def _integers(column: pa.ChunkedArray) -> pd.Series[Any]:
    """A column of integers as pandas has them where some are missing."""
    # as objects before: float64 would round them
    found: pd.Series[Any] = column.to_pandas(integer_object_nulls=True).astype("Int64")
    return found
