"""The files of a series: the rows of all, and of which file each is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm.errors import BadInput
from ptm.model import File
from ptm.readers.delimited.columns import not_valid, read_delimited
from ptm.readers.tabular.together import other_orders

if TYPE_CHECKING:
    import pyarrow as pa

    from ptm.kinds.timeseries import Options


class Files:
    """The rows of one or several files.

    Args:
        options: say how they are read.
        files: in their order.

    Attributes:
        table: their rows, one file behind the other.

    Raises:
        BadInput: see `read_delimited`; or they have different columns.
    """

    def __init__(self, options: Options, files: Sequence[File]) -> None:
        import pyarrow as pa

        self._files, self._path = files, options.path
        places = {file.name: options.place(file) for file in files}
        orders = other_orders(places, options.dialect, (), False) if len(files) > 1 else {}
        tables = []
        for name, place in places.items():
            table = read_delimited(place, options.dialect, text=frozenset({options.date}))
            tables.append(table.select(orders.get(name, table.column_names)))
        self._rows = [table.num_rows for table in tables]
        if len({table.schema for table in tables}) > 1:  # integers that float64 rounds, in some
            schema = pa.unify_schemas([t.schema for t in tables], promote_options="permissive")
            tables = [table.cast(schema, safe=False) for table in tables]
        self.table: pa.Table = pa.concat_tables(tables)

    def __str__(self) -> str:
        return str(self._files[0].path) if len(self._files) == 1 else self._path

    def row(self, row: int) -> str:
        """A row in words; it counts from 0 here, and from 1 in its file."""
        file, row = self._place(row)
        return f"row {row + 1}" + (f" of {file.name}" if len(self._files) > 1 else "")

    def not_valid(self, row: int, column: str, expected: str, got: Any) -> BadInput:
        """The error for one value, see `ptm.readers.delimited.faults.not_valid`."""
        file, row = self._place(row)
        return not_valid(Path(file.url), row, column, expected, got)

    def _place(self, row: int) -> tuple[File, int]:
        for file, rows in zip(self._files, self._rows, strict=True):
            if row < rows:
                return file, row
            row -= rows
        raise IndexError(row)
