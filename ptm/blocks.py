"""What kinds make, looked at before it is stored: shapes, names and types, all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import isfinite
from numbers import Real
from operator import index
from typing import TYPE_CHECKING, Any

from ptm.errors import BadInput, Faults, PtmError
from ptm.model import ROWS, SAMPLE, Bad, Block
from ptm.scaling import Scaler, Scaling, plain_scaler, problem_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import torch
    from numpy.typing import NDArray

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")  # of tensors and tables
OF_THE_STORE = re.compile(
    r"content|drift|findings|inputs|manifest|quarantine|statistics|whole"
)  # what it calls files of its own
INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
# types that Parquet gives back as they are
PLAIN_TYPES = {*INTEGERS, "bool", "double", "float", "string", "large_string", "date32[day]"}
SCALED = {*INTEGERS, "bool", "float16", "float32", "float64"}  # dtypes of what may be scaled
OF_JSON = ("facts", "uniform", "carried", "left_out")
BY_NAME = {
    "tensors": "tensors by name",
    "axes": "names of axes by tensor",
    "tables": "tables by name",
    "facts": "JSON values by name",
    "scaling": "a ptm.Scaling by tensor",
    "uniform": "counts of values by name",
    "carried": "JSON values by name",
    "left_out": "numbers of rows by column",
}


def whole(block: object, who: str, part: bool = True, aside: bool = False) -> Block:
    """The same block as the store takes it: tensors of torch, contiguous; tables of Arrow.

    Args:
        block: what a kind returned.
        who: returned it, for messages.
        part: whether it has samples; else what belongs to all of them together, if anything.
        aside: whether bad samples may be set aside.

    Raises:
        BadInput: it says of samples that they are bad, and they may not be set aside.
        PtmError: it is no block that can be stored; all that is wrong with it is told.
    """
    if not isinstance(block, Block):
        raise PtmError(f"{who}: expected a ptm.Block, got {type(block).__name__}")
    problems, none = list(_wrong_bad(block.bad, aside)), dict[str, Any]()
    for field, expected in BY_NAME.items():
        value = getattr(block, field)
        if not isinstance(value, Mapping):
            problems.append(f"{field}: expected {expected}, got {type(value).__name__}")
            none[field] = {}
    block = replace(block, **none)
    problems += _wrong(block)
    given = {name: _tensor(name, value, problems) for name, value in block.tensors.items()}
    tensors = {name: tensor for name, tensor in given.items() if tensor is not None}
    axes = {name: _axes(block, name, tensor.shape, problems) for name, tensor in tensors.items()}
    tables = {name: _table(name, value, problems) for name, value in block.tables.items()}
    rows = None if block.rows is None else _table(ROWS, block.rows, problems)
    problems += _unlike(rows, tensors, axes)
    is_left = block.bad or block.left_out
    if part and not (problems or tensors or tables or is_left) and rows is None:
        problems.append("expected tensors or tables, got none")
    if problems:
        raise PtmError(f"{who}: " + "\n  ".join(problems))
    # as they come back from the store
    said = {name: json.loads(json.dumps(dict(getattr(block, name)))) for name in OF_JSON}
    scaling = {name: _plain_scaling(how) for name, how in block.scaling.items()}
    scaler = block.scaler and plain_scaler(block.scaler)
    return replace(
        block,
        tensors=tensors,
        axes=axes,
        rows=rows,
        tables=tables,
        scaling=scaling,
        scaler=scaler,
        bad=tuple(block.bad),
        **said,
    )


def with_index(value: Any) -> pd.DataFrame:
    """A data frame, or a series as one, with its index as columns, unless that is 0, 1, 2, …

    Raises:
        ValueError: the index is called as a column.
    """
    import pandas as pd

    frame = value.to_frame() if isinstance(value, pd.Series) else value
    index = frame.index
    if index.names == [None] and index.equals(pd.RangeIndex(len(frame))):
        return frame
    unnamed = "index" if index.nlevels == 1 else "level_{}"
    names = [unnamed.format(n) if name is None else name for n, name in enumerate(index.names)]
    for name in names:
        if name in frame.columns:
            expected = "an index that is called as no column (or `reset_index(drop=True)`)"
            raise ValueError(f"expected {expected}, got '{name}'")
    return frame.reset_index(names=names)


def _tensor(name: str, value: Any, problems: list[str]) -> torch.Tensor | None:
    import numpy as np
    import torch

    got = type(value).__name__
    try:
        tensor = _of_array(value) if isinstance(value, np.ndarray) else value
    except (TypeError, ValueError) as error:
        tensor, got = None, str(error)
    if not isinstance(tensor, torch.Tensor):
        problems.append(f"tensors['{name}']: expected a tensor or an array of numbers, got {got}")
        return None
    if tensor.layout is not torch.strided or tensor.is_nested or tensor.is_meta:
        got = f"{tensor.layout} on {tensor.device}"
        problems.append(f"tensors['{name}']: expected a dense tensor with values, got {got}")
        return None
    tensor = tensor.detach().cpu().contiguous()
    if tensor.untyped_storage().nbytes() != tensor.numel() * tensor.element_size():
        return tensor.clone()  # of a view, all that it is a view of would be stored
    return tensor


def _of_array(array: NDArray[Any]) -> torch.Tensor:
    """The tensor of an array, which is copied where its strides or its byte order need it."""
    import numpy as np
    import torch

    if np.ma.is_masked(array):
        raise ValueError("one with masked values")
    backwards = min(array.strides, default=0) < 0
    native = array.dtype.newbyteorder("=")
    return torch.from_numpy(array.astype(native, order="C", copy=backwards))


def _axes(block: Block, name: str, shape: torch.Size, problems: list[str]) -> tuple[str, ...]:
    """The name of each axis of a tensor; none where something is wrong with them."""
    usual = tuple(SAMPLE if not axis else f"axis_{axis}" for axis in range(len(shape)))
    axes, got = block.axes.get(name, usual), ""
    if not isinstance(axes, (list, tuple)) or not all(isinstance(axis, str) for axis in axes):
        got = repr(axes)
    elif len(axes) != len(shape):
        got = f"{len(axes)} for shape {list(shape)}"
    if got:
        problems.append(f"axes['{name}']: expected a name for each axis, got {got}")
    return () if got else tuple(axes)


def _table(name: str, value: Any, problems: list[str]) -> pa.Table | None:
    import pyarrow as pa

    try:
        if isinstance(value, pa.Table):
            return _as_parquet(value)
        if isinstance(value, Mapping):
            return _as_parquet(pa.table(dict(value)))
        if isinstance(value, list):
            return _as_parquet(pa.Table.from_pylist(value))
        return _as_parquet(_of_frame(with_index(value)))
    except (pa.ArrowException, TypeError, ValueError, AttributeError) as error:
        got = f"{type(value).__name__}: {error}"
        problems.append(f"table '{name}': expected a table, a data frame or columns, got {got}")
        return None


def _as_parquet(table: pa.Table) -> pa.Table:
    """The same values in the types in which Parquet gives them back, so that all agree on them.

    Raises:
        pa.ArrowException, ValueError: it takes no such type, or there would be other values.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if len(set(table.column_names)) < len(table.column_names):
        raise ValueError(f"expected columns of different names, got {table.column_names}")
    if all(str(kind) in PLAIN_TYPES for kind in table.schema.types):
        return table
    file = pa.BufferOutputStream()
    pq.write_table(table.schema.empty_table(), file)
    there = pq.read_schema(pa.BufferReader(file.getvalue()))
    kinds = [_dictionary(kind) if pa.types.is_dictionary(kind) else kind for kind in there.types]
    fields = [field.with_type(kind) for field, kind in zip(table.schema, kinds, strict=True)]
    return table.cast(pa.schema(fields))


def _dictionary(kind: pa.DictionaryType) -> pa.DictionaryType:
    """The type of categories however many there are, as parts have different ones."""
    import pyarrow as pa

    return pa.dictionary(pa.int32(), kind.value_type, kind.ordered)


def _of_frame(frame: pd.DataFrame) -> pa.Table:
    """The table of a data frame, with the units that stand in its `attrs`."""
    import pyarrow as pa

    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata()
    units = frame.attrs.get("units") or {}
    if not isinstance(units, Mapping) or not all(isinstance(u, str) for u in units.values()):
        raise ValueError(f"expected a text for each column in attrs['units'], got {units!r}")
    fields = [
        field.with_metadata({"unit": units[name]}) if name in units else field
        for name, field in zip(frame.columns, table.schema, strict=True)
    ]
    return table.cast(pa.schema(fields))


def _unlike(
    rows: pa.Table | None, tensors: Mapping[str, torch.Tensor], axes: Mapping[str, tuple[str, ...]]
) -> Iterator[str]:
    """Of which tensors there are more samples than rows, or fewer."""
    for name, tensor in tensors.items():
        if rows is not None and axes[name][:1] == (SAMPLE,) and len(tensor) != rows.num_rows:
            yield (
                f"rows: expected {len(tensor)}, one for each sample of tensors['{name}'] (or "
                f"another name in `axes` for its first axis), got {rows.num_rows}"
            )


def _wrong_bad(bad: Any, aside: bool) -> Iterator[str]:
    """What is no bad sample.

    Raises:
        BadInput: all are, and may not be set aside.
    """
    several = bad if isinstance(bad, (list, tuple)) and not isinstance(bad, Bad) else None
    if several is None or not all(isinstance(one, Bad) for one in several):
        yield f"bad: expected ptm.Bad for each sample, got {bad!r}"
        return
    for one in several:
        if not (all(isinstance(text, str) for text in one[:-1]) and type(one.row) is int):
            yield f"bad: expected ptm.Bad of texts, and of the number of a row, got {one!r}"
            return
    if aside:
        return
    faults = Faults()
    for one in several:
        faults.add(BadInput(one.where, one.expected, one.got, one.file))
    faults.check()


def _wrong(block: Block) -> Iterator[str]:
    """What is wrong beside tensors and tables: names, facts, scaler, notes."""
    for name in (*block.tensors, *block.tables):
        if not isinstance(name, str) or not NAME.fullmatch(name):
            yield f"expected names of letters, digits, '_', '-' and '.', got {name!r}"
    for name in block.tables:
        if name == ROWS:
            yield f"expected the table '{ROWS}' as `rows`, got it among `tables`"
        elif OF_THE_STORE.fullmatch(str(name)):
            yield f"tables: expected no name that the store uses itself, got '{name}'"
    for name in (name for name in block.axes if name not in block.tensors):
        yield f"axes['{name}']: expected the name of a tensor, got none such"
    if block.scaler is not None and (wrong := _wrong_scaler(block.scaler)):
        yield f"scaler: {wrong}"
    yield from _wrong_scaling(block)
    yield from _wrong_uniform(block.uniform)
    for field in OF_JSON:
        yield from _no_json(field, dict(getattr(block, field)))
    yield from _no_json("axes", dict(block.axes))
    yield from _no_json("notes", {"": block.notes})
    notes = block.notes if isinstance(block.notes, (list, tuple)) else [None]
    if not all(isinstance(note, str) for note in notes):
        yield f"notes: expected sentences, got {block.notes!r}"


def _wrong_scaler(scaler: Any) -> str:
    try:
        return problem_of(plain_scaler(scaler) if isinstance(scaler, Scaler) else scaler)
    except (TypeError, ValueError):
        return problem_of(scaler) or f"expected numbers for shift, scale and divisor, got {scaler}"


def _wrong_scaling(block: Block) -> Iterator[str]:
    for name, how in block.scaling.items():
        tensor = block.tensors.get(name)
        shape = getattr(tensor, "shape", ())
        dtype = str(getattr(tensor, "dtype", "")).removeprefix("torch.")
        if not isinstance(how, Scaling):
            yield f"scaling['{name}']: expected a ptm.Scaling, got {type(how).__name__}"
        elif expected := _expected_of(how):
            yield f"scaling['{name}']: expected {expected}, got {how}"
        elif not 0 <= how.axis < len(shape) or shape[how.axis] != len(how.channels):
            expected = f"{len(how.channels)} channels along axis {how.axis} of tensors['{name}']"
            yield f"scaling['{name}']: expected {expected}, got shape {list(shape)}"
        elif dtype not in SCALED:
            expected = "real numbers of a dtype that NumPy has"
            yield f"scaling['{name}']: expected {expected}, got {dtype}"


def _expected_of(how: Scaling) -> str:
    """What a scaling was to have and has not."""
    names = how.channels
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        return "a text for each channel"
    if how.method not in ("standard", "minmax"):
        return "the method 'standard' or 'minmax'"
    if isinstance(how.axis, bool) or not hasattr(how.axis, "__index__"):
        return "an integer as axis"
    if not isinstance(how.divisor, Real) or not isfinite(how.divisor):
        return "a finite divisor"
    return "" if how.divisor else "a divisor that is not 0"


def _plain_scaling(how: Scaling) -> Scaling:
    """The same with values of Python, as it comes back from the store."""
    return Scaling(tuple(map(str, how.channels)), how.method, index(how.axis), float(how.divisor))


def _wrong_uniform(uniform: Mapping[str, Any]) -> Iterator[str]:
    for name, counted in uniform.items():
        of_texts = isinstance(counted, Mapping) and all(isinstance(one, str) for one in counted)
        if not of_texts or not all(type(count) is int for count in counted.values()):
            yield f"uniform['{name}']: expected counts of values, by texts, got {counted!r}"


def _no_json(field: str, values: dict[str, Any]) -> Iterator[str]:
    try:
        json.dumps(values, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        yield f"{field}: expected values of JSON, all finite, got: {error}"
