"""Data frames of Arrow tables, with the units of their columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def frame_of(table: pa.Table) -> pd.DataFrame:
    """A data frame of an Arrow table; `attrs["units"]` maps a column to its unit."""
    frame: pd.DataFrame = table.to_pandas()
    frame.attrs["units"] = {
        column.name: column.metadata[b"unit"].decode()
        for column in table.schema
        if column.metadata and b"unit" in column.metadata
    }
    return frame
