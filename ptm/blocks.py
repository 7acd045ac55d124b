"""What kinds make, looked at before it is stored: shapes, names and types, all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ptm.errors import BadInput, Faults, PtmError
from ptm.model import ROWS, SAMPLE, Block

if TYPE_CHECKING:
    import pyarrow as pa
    import torch

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")  # of tensors and tables


def whole(block: object, who: str) -> Block:
    """The same block as the store takes it: tensors of torch, contiguous; tables of Arrow.

    Args:
        block: what a kind returned.
        who: returned it, for messages.

    Raises:
        BadInput: it says of samples that they are bad.
        PtmError: it is no block that can be stored; all that is wrong with it is told.
    """
    if not isinstance(block, Block):
        raise PtmError(f"{who}: expected a ptm.Block, got {type(block).__name__}")
    if block.bad:
        faults = Faults()
        for bad in block.bad:
            faults.add(BadInput(bad.where, bad.expected, bad.got, bad.file))
        faults.check()
    problems: list[str] = []
    tensors = {name: _tensor(name, value, problems) for name, value in block.tensors.items()}
    tables = {name: _table(name, value, problems) for name, value in block.tables.items()}
    rows = None if block.rows is None else _table(ROWS, block.rows, problems)
    problems += _wrong(block, tensors)
    if problems:
        raise PtmError(f"{who}: " + "\n  ".join(problems))
    axes = {name: tuple(block.axes.get(name) or _axes(tensor)) for name, tensor in tensors.items()}
    return replace(block, tensors=tensors, axes=axes, rows=rows, tables=tables)


def _tensor(name: str, value: Any, problems: list[str]) -> torch.Tensor:
    import numpy as np
    import torch

    try:
        tensor = torch.from_numpy(value) if isinstance(value, np.ndarray) else value
    except TypeError as error:
        tensor, value = None, error
    if not isinstance(tensor, torch.Tensor):
        problems.append(f"tensors['{name}']: expected a tensor or an array of numbers, got {value}")
        return torch.empty(0)
    tensor = tensor.detach().cpu().contiguous()
    if tensor.untyped_storage().nbytes() != tensor.numel() * tensor.element_size():
        return tensor.clone()  # of a view, all that it is a view of would be stored
    return tensor


def _table(name: str, value: Any, problems: list[str]) -> pa.Table:
    import pyarrow as pa

    try:
        if isinstance(value, pa.Table):
            return value
        if isinstance(value, Mapping):
            return pa.table(dict(value))
        if isinstance(value, list):
            return pa.Table.from_pylist(value)
        return pa.Table.from_pandas(value, preserve_index=False).replace_schema_metadata()
    except (pa.ArrowException, TypeError, ValueError, AttributeError) as error:
        got = f"{type(value).__name__}: {error}"
        problems.append(f"table '{name}': expected a table, a data frame or columns, got {got}")
        return pa.table({})


def _wrong(block: Block, tensors: Mapping[str, torch.Tensor]) -> Iterator[str]:
    if not tensors and not block.tables and block.rows is None:
        yield "expected tensors or tables, got none"
    for name in (*block.tensors, *block.tables):
        if not isinstance(name, str) or not NAME.fullmatch(name):
            yield f"expected names of letters, digits, '_', '-' and '.', got {name!r}"
    if ROWS in block.tables:
        yield f"expected the table '{ROWS}' as `rows`, got it among `tables`"
    for name, axes in block.axes.items():
        if name not in tensors:
            yield f"axes['{name}']: expected the name of a tensor, got none such"
        elif len(axes) != tensors[name].ndim:
            got = f"{len(axes)} for shape {list(tensors[name].shape)}"
            yield f"axes['{name}']: expected a name for each axis, got {got}"
    try:
        json.dumps(dict(block.facts), allow_nan=False)
    except (TypeError, ValueError) as error:
        yield f"facts: expected values of JSON, all finite, got: {error}"
    if not all(isinstance(note, str) for note in block.notes):
        yield "notes: expected sentences, got something else"


def _axes(tensor: torch.Tensor) -> tuple[str, ...]:
    return tuple(SAMPLE if not axis else f"axis_{axis}" for axis in range(tensor.ndim))
