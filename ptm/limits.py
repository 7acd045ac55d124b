"""How large an encoding may become: known, and refused, before any memory is taken for it."""

from __future__ import annotations

from typing import Protocol

from ptm.errors import BadInput
from ptm.shown import readable_size

FLOAT32 = 4  # bytes


class Limited(Protocol):
    """Options that limit encodings; some have `max_columns` too."""

    @property
    def max_bytes(self) -> int:
        """Of one encoding."""
        ...


def check_size(options: Limited, rows: int, columns: int, where: str, file: str = "") -> None:
    """Looks whether a float32 encoding may be made, before any memory is taken for it.

    Args:
        options: whose `max_bytes`, and `max_columns` if it has that, hold.
        rows: of the encoding.
        columns: of it: categories, codes, classes, words.
        where: what is encoded, for the message: "column 'city'".
        file: it stands in.

    Raises:
        BadInput: it has more columns, or takes more bytes, than the options allow.
    """
    size = rows * columns * FLOAT32
    most = getattr(options, "max_columns", columns)
    expected, limits = "", []
    if size > options.max_bytes:
        expected = f"an encoding of at most {readable_size(options.max_bytes)}"
        limits.append(f"max_bytes = {size}")
    if columns > most:
        expected = f"at most {most} columns for one encoding"
        limits.insert(0, f"max_columns = {columns}")
    if limits:
        expected += f" (or {' and '.join(limits)})"
        got = f"{columns} columns of {rows} rows, {readable_size(size)}"
        raise BadInput(where=where, expected=expected, got=got, file=file)
