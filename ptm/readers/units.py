"""Which bytes of a file are characters of ASCII, in whatever encoding it is.

Where line ends, quotes and delimiters can be told from bytes alone, a file can be cut without being
decoded. In most encodings each of them is one unit, of one, two or four bytes, and no part of
another character. Where it is not so, a file is read as one piece.
"""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from functools import cache
from typing import IO, TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BEGIN = 4  # bytes of a file that show its byte order
BLOCK = 1 << 18  # bytes that are looked at together: what that takes stays in the cache
OTHER = 128  # stands for every character beyond ASCII
SEVERAL = {  # whose other characters may have a byte of ASCII behind their first
    *("big5", "big5hkscs", "cp932", "cp949", "cp950", "gb18030", "gb2312", "gbk", "johab"),
    *("euc_jis_2004", "euc_jisx0213", "euc_jp", "euc_kr"),
    *("shift_jis", "shift_jis_2004", "shift_jisx0213"),
}
# a quote as escapes spell it, and what makes other letters of those that follow
ESCAPED = (
    rb"\x22\u0022\N{QUOTATION MARK}+ACI-=22%22&#34;~{!!~}" + b"\x1b$B!!\x1b(B\x1b$)C\x0e!!\x0f"
)
WIDTHS = {"utf-16": 2, "utf-32": 4}


class Units(NamedTuple):
    """How the characters of ASCII are found among bytes.

    Attributes:
        width: bytes of a unit.
        is_big: whether the first byte of a unit is the most significant.
    """

    width: int = 1
    is_big: bool = False

    @property
    def mark(self) -> bytes:
        """The byte order mark of units of several bytes."""
        order = "be" if self.is_big else "le"
        return "\ufeff".encode(f"utf-{8 * self.width}-{order}") if self.width > 1 else b""

    def ascii_of(self, raw: bytes) -> NDArray[np.uint8]:
        """A byte for each whole unit: the character that it is, or 128 or more for any other."""
        import numpy as np

        if self.width == 1:
            return np.frombuffer(raw, np.uint8)
        kind = f"{'>' if self.is_big else '<'}u{self.width}"
        found = np.frombuffer(raw, kind, len(raw) // self.width)
        ascii_: NDArray[np.uint8] = np.minimum(found, OTHER).astype(np.uint8)
        return ascii_


def units_of(name: str, begin: bytes, signs: str) -> Units | None:
    """How signs of ASCII are found among the bytes of a file; None where that cannot be.

    Args:
        name: of the encoding, its own.
        begin: the first bytes of the file.
        signs: those that are looked for.
    """
    name = inner_name(name, begin)
    if is_wide(name):
        return Units(WIDTHS[name[:6]], name.endswith("be"))
    return Units() if all(_is_itself(name, sign) for sign in signs) else None


def is_wide(name: str) -> bool:
    """Whether every character of an encoding takes two bytes or more."""
    return name[:6] in WIDTHS


def inner_name(name: str, begin: bytes) -> str:
    """The encoding of what stands further on in a file: it knows no byte order marks.

    Args:
        name: of the encoding, its own.
        begin: the first bytes of the file.
    """
    if name == "utf-8-sig":
        return "utf-8"
    if name not in WIDTHS:
        return name
    little, big = (
        (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        if name == "utf-16"
        else (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
    )
    native = sys.byteorder == "big" and not begin.startswith(little)
    return f"{name}-{'be' if native or begin.startswith(big) else 'le'}"


@cache
def is_plain(name: str) -> bool:
    """Whether an encoding has no state, so that what follows a character is read by itself."""
    if is_wide(name) or name in SEVERAL:
        return True
    try:
        has_no_escapes = ESCAPED.decode(name) == ESCAPED.decode("ascii")
        return has_no_escapes and len(bytes(range(256)).decode(name, "replace")) == 256
    except (LookupError, ValueError):
        return False


def blocks_of(file: IO[bytes], start: int, stop: int | None = None) -> Iterator[bytes]:
    """The bytes of a file from a place on, up to another or its end, in blocks."""
    file.seek(start)
    while block := file.read(BLOCK if stop is None else min(BLOCK, stop - start)):
        yield block
        start += len(block)


def count_lines(file: IO[bytes], stop: int, units: Units) -> int:
    """How many line ends stand before a byte of a file, whatever they are: LF, CR, CR LF."""
    count, is_split = 0, False
    for block in blocks_of(file, 0, stop):
        text = units.ascii_of(block).tobytes()
        count += text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")
        count -= is_split and text.startswith(b"\n")
        is_split = text.endswith(b"\r")
    return count


def count_feeds(file: IO[bytes], stop: int, units: Units) -> int:
    """How many line feeds stand before a byte of a file."""
    return sum(units.ascii_of(b).tobytes().count(b"\n") for b in blocks_of(file, 0, stop))


@cache
def _is_itself(name: str, sign: str) -> bool:
    """Whether a sign of ASCII is a byte that is always this sign, and nothing else is."""
    if not is_plain(name):
        return False
    if name in SEVERAL:
        byte = sign.encode("ascii")
        firsts = (bytes([first]) for first in range(OTHER, 256))
        return byte.decode(name) == sign and not any(_takes(name, f, byte) for f in firsts)
    told = bytes(range(256)).decode(name, "replace")
    return told.count(sign) == 1 and told.index(sign) == ord(sign)


def _takes(name: str, first: bytes, byte: bytes) -> bool:
    """Whether a byte behind another becomes a part of its character."""
    try:
        told = codecs.getincrementaldecoder(name)().decode(first + byte)
    except UnicodeDecodeError:
        return False
    return not told.endswith(byte.decode("ascii"))
