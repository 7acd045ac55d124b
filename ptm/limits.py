"""How large an encoding may become: known, and refused, before any memory is taken for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptm.content import readable_size
from ptm.errors import InputError

if TYPE_CHECKING:
    from ptm.catalog import TableSource, TextSource, TimeSeriesSource

FLOAT32 = 4  # bytes


def check_size(
    source: TableSource | TimeSeriesSource | TextSource,
    rows: int,
    columns: int,
    where: str,
    file: str = "",
) -> None:
    """Looks whether a float32 encoding may be made, before any memory is taken for it.

    Args:
        source: whose `max_bytes`, and `max_columns` if it has that, hold.
        rows: of the encoding.
        columns: of it: categories, codes, classes, words.
        where: what is encoded, for the message: "column 'city'".
        file: it stands in.

    Raises:
        InputError: it has more columns, or takes more bytes, than the source allows.
    """
    size = rows * columns * FLOAT32
    most = getattr(source, "max_columns", columns)
    expected, options = "", []
    if size > source.max_bytes:
        expected = f"an encoding of at most {readable_size(source.max_bytes)}"
        options.append(f"max_bytes = {size}")
    if columns > most:
        expected = f"at most {most} columns for one encoding"
        options.insert(0, f"max_columns = {columns}")
    if options:
        expected += f" (or {' and '.join(options)})"
        got = f"{columns} columns of {rows} rows, {readable_size(size)}"
        raise InputError(source.name, where=where, expected=expected, got=got, file=file)
