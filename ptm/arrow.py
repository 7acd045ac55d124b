"""Arrow columns of arrays and texts, without a look for pandas, which Arrow imports for that.

That import takes a quarter of a second, and nothing that makes tensors needs pandas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

MOST = (1 << 31) - 1  # bytes of all texts of a column whose places are int32


def column(values: NDArray[Any] | Sequence[str] | Sequence[int] | Sequence[float]) -> pa.Array:
    """An Arrow array of an array of one axis, or of texts or numbers, none of which is missing.

    Texts are `string`, integers of Python int64, other numbers float64; of an array numbers, flags
    and days ("datetime64[D]") keep their type.
    """
    import numpy as np
    import pyarrow as pa

    if not isinstance(values, np.ndarray):
        if not len(values) or isinstance(values[0], str):
            return texts([str(value) for value in values])
        values = np.array(values)
    if values.dtype == np.bool_:
        buffer = np.packbits(values, bitorder="little")
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(buffer)])
    kind = pa.from_numpy_dtype(values.dtype)
    if values.dtype.kind == "M":
        values = values.astype("datetime64[D]").astype(np.int32)
    buffer = np.ascontiguousarray(values)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(buffer)])


def texts(values: Sequence[str], large: bool = False) -> pa.Array:
    """An Arrow array of texts, `string`; `large_string` where asked for, or where they need it."""
    import numpy as np
    import pyarrow as pa

    raw = [value.encode() for value in values]
    ends = np.zeros(len(raw) + 1, dtype=np.int64)
    np.cumsum([len(each) for each in raw], out=ends[1:])
    large = large or ends[-1] > MOST
    kind = pa.large_string() if large else pa.string()
    places = ends if large else ends.astype(np.int32)
    buffers = [None, pa.py_buffer(places), pa.py_buffer(b"".join(raw))]
    return pa.Array.from_buffers(kind, len(raw), buffers)


def nullable(values: Sequence[Any], kind: Literal["int64", "float64", "string"]) -> pa.Array:
    """An Arrow array of numbers or texts, null where there is None."""
    import numpy as np
    import pyarrow as pa

    if kind == "string":
        found = texts([value or "" for value in values])
    else:
        found = column(np.array([0 if value is None else value for value in values], dtype=kind))
    there = [_validity(values), *found.buffers()[1:]]
    return pa.Array.from_buffers(found.type, len(values), there)


def lists(
    values: Sequence[Sequence[Any] | None], kind: Literal["int64", "float64", "string"]
) -> pa.Array:
    """An Arrow array of lists of numbers or texts, null where there is None."""
    import numpy as np
    import pyarrow as pa

    ends = np.zeros(len(values) + 1, dtype=np.int32)
    np.cumsum([0 if each is None else len(each) for each in values], out=ends[1:])
    inside = nullable([one for each in values if each is not None for one in each], kind)
    buffers = [_validity(values), pa.py_buffer(ends)]
    return pa.Array.from_buffers(pa.list_(inside.type), len(values), buffers, children=[inside])


def table_of_rows(rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> pa.Table:
    """A table of rows by name; what one has not is null.

    Args:
        rows: their values.
        types: of the columns: "int64", "float64" or "string", or "list of" one of them.
    """
    columns = {}
    for name, kind in types.items():
        values, plain = [row.get(name) for row in rows], kind.removeprefix("list of ")
        build: Any = nullable if plain == kind else lists
        columns[name] = build(values, plain)
    return table(columns)


def _validity(values: Sequence[Any]) -> pa.Buffer | None:
    """The bits of which values are there; None where all are."""
    import numpy as np
    import pyarrow as pa

    there = np.array([value is not None for value in values], dtype=bool)
    return None if there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))


def numbers(values: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """The numbers of an Arrow array, [row], of the same type; none is missing.

    Those of one chunk are not copied, and cannot be written to.
    """
    import numpy as np

    kind = values.type.to_pandas_dtype()
    if getattr(values, "num_chunks", 0) == 1:
        values = values.chunk(0)
    chunks = getattr(values, "chunks", [values])
    found = [
        np.frombuffer(chunk.buffers()[1], kind)[chunk.offset : chunk.offset + len(chunk)]
        for chunk in chunks
        if len(chunk)
    ]
    if not found:
        return np.zeros(0, dtype=kind)
    return found[0] if len(found) == 1 else np.concatenate(found)


def observed(values: pa.Array | pa.ChunkedArray) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """The numbers of an Arrow array, 0 where one is missing, [row]; which are there, bool [row].

    Flags are uint8. None where all are there.
    """
    import numpy as np
    import pyarrow as pa

    if pa.types.is_boolean(values.type):
        values = values.cast(pa.uint8())
    if not values.null_count:
        return numbers(values), None
    return numbers(values.fill_null(0)), np.asarray(values.is_valid())


def masked(values: NDArray[Any], there: NDArray[np.bool_]) -> pa.Array:
    """An Arrow array of numbers or flags, null where one is not there."""
    import numpy as np
    import pyarrow as pa

    found = column(values)
    validity = pa.py_buffer(np.packbits(there, bitorder="little"))
    return pa.Array.from_buffers(found.type, len(values), [validity, *found.buffers()[1:]])


def table(columns: Mapping[str, Any], units: Mapping[str, str] | None = None) -> pa.Table:
    """A table of columns by name: what `column` takes, or Arrow arrays; units as metadata."""
    import pyarrow as pa

    arrow = (pa.Array, pa.ChunkedArray)
    arrays = [one if isinstance(one, arrow) else column(one) for one in columns.values()]
    said = {name: {"unit": unit} for name, unit in (units or {}).items()}
    fields = [
        pa.field(name, array.type, metadata=said.get(name))
        for name, array in zip(columns, arrays, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))
