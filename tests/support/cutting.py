"""What the tests of cutting share."""

from __future__ import annotations

import hashlib
from itertools import pairwise

from ptm.readers.cutting import Piece


def mark_of(raw: bytes, encoding: str) -> bytes:
    """What tells the byte order of UTF-16 and UTF-32."""
    if encoding in ("utf-16", "utf-32"):
        return raw[:2] if encoding == "utf-16" else raw[:4]
    return "\ufeff".encode(encoding) if encoding[:6] in ("utf-16", "utf-32") else b""


def check_pieces(
    raw: bytes, head: int, pieces: tuple[Piece, ...], size: int, encoding: str, first: str = ""
) -> None:
    """They cover all of it, none is short but the last, and their digests are right."""
    assert pieces[0].start == head and pieces[-1].end == len(raw)
    assert all(one.end == other.start for one, other in pairwise(pieces))
    assert all(piece.end - piece.start >= size for piece in pieces[:-1])
    for piece in pieces:
        content = (
            mark_of(raw, encoding) + first.encode() + raw[:head] + raw[piece.start : piece.end]
        )
        assert piece.digest == hashlib.sha256(content).hexdigest()
