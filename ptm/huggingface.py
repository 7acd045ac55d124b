"""Rows and tensors as a dataset of Hugging Face, without a copy where Arrow can do without."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ptm.errors import PtmError

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa
    from numpy.typing import NDArray


def dataset_of(rows: pa.Table | None, tensors: Mapping[str, NDArray[Any]]) -> datasets.Dataset:
    """A dataset with a column for each column of the rows and each tensor, which comes first.

    Args:
        rows: Arrow; None for none.
        tensors: [sample, …] each.

    Raises:
        PtmError: the package `datasets` is not there.
    """
    try:
        import datasets
    except ImportError as error:
        raise PtmError(
            "to_hf: expected the package 'datasets', got none; install it with: "
            "pip install 'ptm[hf]' (or pip install datasets)"
        ) from error
    import pyarrow as pa

    columns = {name: _column(values) for name, values in tensors.items()}
    if rows is not None:
        for name in rows.column_names:
            columns.setdefault(name, rows[name])
    return datasets.Dataset(datasets.table.InMemoryTable(pa.table(columns)))


def _column(values: NDArray[Any]) -> pa.Array:
    """An Arrow array of an array: lists of a fixed length for each further axis."""
    import pyarrow as pa

    flat = np.ascontiguousarray(values).reshape(-1)
    if flat.dtype == np.bool_:
        kind, buffer = pa.bool_(), np.packbits(flat, bitorder="little")
    else:
        kind, buffer = pa.from_numpy_dtype(flat.dtype), flat
    found = pa.Array.from_buffers(kind, len(flat), [None, pa.py_buffer(buffer)])
    for axis in range(values.ndim - 1, 0, -1):
        count = prod(values.shape[:axis])
        kind = pa.list_(found.type, values.shape[axis])
        found = pa.FixedSizeListArray.from_buffers(kind, count, [None], children=[found])
    return found
