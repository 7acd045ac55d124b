"""Columns that have types already, as texts and numbers like those of a delimited file.

So that all that is asked of such texts and numbers is asked of these in the same words. Flags are
"true" and "false", dates and times ISO 8601; what is missing is a text of nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ptm.errors import BadInput
from ptm.readers.delimited.faults import shown
from ptm.readers.delimited.numbers import as_numbers
from ptm.readers.delimited.rows import Rows, Texts

if TYPE_CHECKING:
    import pyarrow as pa

Load: TypeAlias = "Callable[[list[str]], pa.Table]"
MIDNIGHT = r"T00:00:00$"
FRACTION = r"(?:\.0*|(\.[0-9]*[1-9])0*)$"


@dataclass(frozen=True)
class TypedRows(Rows):
    """Rows of a file whose columns have types.

    Attributes:
        path: the file.
        load: reads the columns named.
    """

    path: Path = Path()
    load: Load = lambda columns: None

    def read(self, types: dict[str, pa.DataType], nulls: Sequence[str] = ()) -> pa.Table | None:
        """See `Rows`."""
        import pyarrow as pa

        table, columns = self.load(list(types)), {}
        for name, kind in types.items():
            values = table[name]
            if kind == pa.string():
                columns[name] = texts_of(self.path, name, values)
                continue
            found = _numbers(self.path, name, values, nulls)
            if found is None or (found.null_count and not nulls):
                return None
            columns[name] = found
        return pa.table(columns)

    def read_texts(self, columns: list[str]) -> Texts:
        """See `Rows`; no row has a wrong number of fields."""
        import numpy as np
        import pyarrow as pa

        table = self.load(columns)
        texts = pa.table({name: texts_of(self.path, name, table[name]) for name in columns})
        total = self.before + table.num_rows
        rows = np.arange(self.before + 1, total + 1)
        return Texts(texts, rows, [], total, self.is_whole, "")


def _numbers(
    path: Path, name: str, values: pa.ChunkedArray, nulls: Sequence[str]
) -> pa.ChunkedArray | None:
    """A column as float64, null where a value is missing; None where one is no number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, double = values.type, pa.float64()
    if pa.types.is_integer(kind):
        return values.cast(double, safe=False)
    if pa.types.is_floating(kind):
        values = values.cast(double)
        return pc.if_else(pc.is_nan(values), pa.scalar(None, double), values)
    if pa.types.is_boolean(kind) or pa.types.is_temporal(kind):
        return None
    try:
        return as_numbers(texts_of(path, name, values), nulls)
    except pa.ArrowInvalid:
        return None


def texts_of(path: Path | None, name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as texts, string, none of them null.

    Raises:
        BadInput: it has values that are no numbers, texts, flags, dates or times.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, types = values.type, pa.types
    if isinstance(kind, pa.BaseExtensionType):
        chunks = [chunk.storage for chunk in values.chunks]
        return texts_of(path, name, pa.chunked_array(chunks, kind.storage_type))
    if types.is_dictionary(kind):
        return texts_of(path, name, values.cast(kind.value_type))
    if types.is_floating(kind):
        values = values.cast(pa.float64())
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)
    elif types.is_timestamp(kind):
        values = _spelled_times(values)
    elif types.is_time(kind):
        values = pc.replace_substring_regex(values.cast(pa.string()), FRACTION, r"\1")
    elif types.is_date64(kind):
        values = values.cast(pa.date32())
    elif not (
        any(of(kind) for of in (types.is_integer, types.is_decimal, types.is_boolean))
        or any(of(kind) for of in (types.is_date32, types.is_null, *_texts()))
    ):
        raise _other_type(path, name, str(kind))
    try:
        return pc.fill_null(values.cast(pa.string()), "")
    except pa.ArrowInvalid as error:  # bytes that are no text
        raise _other_type(path, name, f"{kind}: {error}") from error


def _texts() -> tuple[Callable[[pa.DataType], bool], ...]:
    from pyarrow import types

    of_texts = (types.is_string, types.is_large_string, types.is_string_view)
    return (*of_texts, types.is_binary, types.is_large_binary, types.is_fixed_size_binary)


def _spelled_times(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times as ISO 8601, those of a zone in UTC: without what is 0, the time at midnight too."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    zone = "Z" if kind.tz else ""
    texts = values.cast(pa.timestamp(kind.unit)).cast(pa.string())
    texts = pc.replace_substring(texts, " ", "T")
    texts = pc.replace_substring_regex(texts, FRACTION, r"\1")
    if zone:
        return pc.binary_join_element_wise(texts, zone, "")
    return pc.replace_substring_regex(texts, MIDNIGHT, "")


def _other_type(path: Path | None, name: str, got: str) -> BadInput:
    where = f"column '{shown(name)}'"
    expected = "numbers, texts, flags, dates or times (or 'columns' that leave it out)"
    return BadInput(where, expected, shown(got), str(path))
