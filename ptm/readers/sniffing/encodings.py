"""The encoding of a text, by the bytes that it has."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import NamedTuple

MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),  # which takes the mark off
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
NOT_IN_CP1252 = b"\x81\x8d\x8f\x90\x9d"
IN_CP1252 = bytes(set(range(0x80, 0xA0)) - set(NOT_IN_CP1252))
HIGH = re.compile(rb"[\x80-\xff]")
TOGETHER = re.compile(rb"[\x80-\xff]{4,}")
OEM = re.compile(rb"[a-zA-Z][\x81\x84\x94\xe1\x82\x8e\x99\x9a][a-zA-Z]|[\x8e\x99\x9a][a-z]")
EAST = {  # Cyrillic in one byte: most letters of a word are high
    "cp1251": re.compile(rb"[\xc0-\xff]{3,}"),
}
DOUBLE = ("shift_jis", "gb18030", "euc-kr", "big5")
FEW, BLOCK = 1 << 16, 1 << 20  # bytes


class Encoding(NamedTuple):
    """An encoding, and why it is not sure; "" where it is."""

    name: str
    doubt: str = ""


def encoding_of(raw: bytes, is_all: bool) -> Encoding | None:
    """The encoding of a text by its first bytes; None of what is no text.

    Args:
        raw: the bytes.
        is_all: whether there are no more; else the last character may be cut.
    """
    for mark, name in MARKS:
        if raw.startswith(mark):
            return Encoding(name)
    if b"\0" in raw:
        return _wide(raw)
    if _controls(raw) > len(raw) // 500 + 1:
        return None
    if is_utf8(raw, is_all):
        return Encoding("utf-8")
    return Encoding(*single(raw))


def is_utf8(raw: bytes, is_all: bool = True) -> bool:
    """Whether bytes are UTF-8."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(raw, is_all)
    except UnicodeDecodeError:
        return False
    return True


def single(raw: bytes) -> tuple[str, str]:
    """The encoding of bytes that are no UTF-8, and why it is not sure."""
    high = HIGH.findall(raw[: 1 << 20])
    letters = sum(map(len, EAST["cp1251"].findall(raw[: 1 << 20])))
    if letters > len(high) * 0.8 and len(high) > 8:
        for name in DOUBLE:
            if _plausible(raw, name):
                return name, "not sure: by what its letters are"
        return "cp1251", "not sure: by how its letters stand together"
    for name in DOUBLE:
        if len(high) > 40 and _plausible(raw, name):
            return name, "not sure: by what its letters are"
    outside = [byte for byte in NOT_IN_CP1252 if byte in raw]
    if outside or _oem(raw):
        return "cp850", "not sure: as DOS and its followers wrote it"
    return "cp1252", ""


def _oem(raw: bytes) -> bool:
    """Whether the umlauts are where DOS had them, and none where Windows has them."""
    windows = re.findall(rb"[\xe4\xf6\xfc\xdf\xc4\xd6\xdc\xe9\xe8\xe0]", raw[: 1 << 20])
    return len(OEM.findall(raw[: 1 << 20])) > 2 * len(windows)


def _plausible(raw: bytes, name: str) -> bool:
    """Whether bytes are text of an encoding of two bytes: nearly all of its high ones letters."""
    try:
        text = codecs.getincrementaldecoder(name)().decode(raw[:FEW])
    except UnicodeDecodeError:
        return False
    high = [letter for letter in text if letter > "\x7f"]
    kana = sum("\u3040" <= one <= "\u30ff" for one in high)
    common = kana + sum("\u4e00" <= one <= "\u9fff" for one in high)
    common += sum("\uac00" <= one <= "\ud7a3" for one in high)
    if len(high) <= 8 or common < len(high) * 0.9:
        return False
    if name == "shift_jis":
        return kana > len(high) / 4
    # letters of two high bytes stand together; umlauts stand alone
    return sum(map(len, TOGETHER.findall(raw[:FEW]))) > sum(map(len, HIGH.findall(raw[:FEW]))) / 2


def _controls(raw: bytes) -> int:
    return len(raw) - len(raw.translate(None, bytes([*range(0, 9), *range(14, 27), 28, 29, 30])))


def _wide(raw: bytes) -> Encoding | None:
    """UTF-16 without a mark: every other byte is zero."""
    begin = raw[: FEW & ~1]
    even, odd = begin[0::2].count(b"\0"), begin[1::2].count(b"\0")
    half = len(begin) // 2
    if odd > half * 0.6 and even < half * 0.02:
        return Encoding("utf-16-le")
    if even > half * 0.6 and odd < half * 0.02:
        return Encoding("utf-16-be")
    return None


def of_all(path: Path, encoding: Encoding, most: int) -> Encoding:
    """The encoding by all bytes of a file, of which the first may be plain.

    Args:
        path: the file.
        encoding: by its begin.
        most: bytes that are looked at.

    Raises:
        OSError: it cannot be read.
    """
    if encoding.name != "utf-8":
        return encoding
    decoder, high, is_text = codecs.getincrementaldecoder("utf-8")(), b"", True
    with path.open("rb") as file:
        while most > 0 and (raw := file.read(BLOCK)):
            most -= len(raw)
            try:
                decoder.decode(raw)
            except UnicodeDecodeError:
                is_text = False
                decoder.reset()
            if not raw.isascii():
                high = (high + raw)[-BLOCK:]
    return encoding if is_text else Encoding(*single(high))
