"""What a file of rows is cut into."""

from __future__ import annotations

from typing import NamedTuple

from ptm.readers.cutting import Piece


class Cut(NamedTuple):
    """How a file is cut.

    Attributes:
        pieces: one at least.
        head: how many bytes at its begin belong to each of them.
        total: what the places in the pieces go up to, where that is not the bytes of the file.
    """

    pieces: tuple[Piece, ...]
    head: int = 0
    total: int = 0
