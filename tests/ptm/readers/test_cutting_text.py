"""Texts cut at ends of lines, and where the bytes of an encoding may be cut at all."""

from __future__ import annotations

import encodings
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptm.errors import BadInput
from ptm.readers import units
from ptm.readers.cutting import SPACES, Piece, cut_lines
from ptm.readers.text import codec_name, read_text
from tests.support.cutting import check_pieces
from tests.support.delimited import SHARED_FOLDER
from tests.support.sampling import sampled

BLOCKS = (4, 12, units.BLOCK)  # bytes that are looked at together: a border at every place

TEXTS = {
    "lines": "one two\nthree\n\nfour\r\nfive\rsix\n\r\n\r\r\nseven",
    "one line": "a long line of words \t and no end at all, as some files are\r\nlast",
    "returns": "a\rb\r\rc\r\nd e f\r",
    "letters": "é\n日本 語\n\U0001f408\u0a0a\u220d\u0d0a\n\u2028\x85x\n",
    "no space": "abcdefghijklmnopqrstuvw",
}
TEXT_ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "gb18030"]


@pytest.mark.parametrize("encoding", TEXT_ENCODINGS)
@pytest.mark.parametrize("name", sampled(TEXTS))
def test_text_cut_at_every_byte(
    tmp_path: Path, block: Callable[[int], None], name: str, encoding: str
) -> None:
    """The pieces joined are the whole, and each knows the lines before it."""
    path, text = tmp_path / "t.txt", TEXTS[name]
    raw = text.encode(encoding)
    path.write_bytes(raw)
    for size in range(1, len(raw) + 2):
        found = check_text(path, raw, encoding, size)
        for length in BLOCKS:
            block(length)
            assert cut_lines(path, encoding, size) == found


def check_text(path: Path, raw: bytes, encoding: str, size: int) -> tuple[Piece, ...]:
    pieces = cut_lines(path, encoding, size)
    check_pieces(raw, 0, pieces, size, encoding)
    whole, told = read_text(path, encoding), ""
    for piece in pieces:
        assert piece.before == told.replace("\r\n", "\n").replace("\r", "\n").count("\n")
        told += read_text(path, encoding, (piece.start, piece.end))
        assert not (told.endswith("\r") and whole[len(told) :].startswith("\n"))
    assert told == whole
    return pieces


@given(
    text=st.text("ab \n\r\té\u0a0d", min_size=1, max_size=40),
    encoding=st.sampled_from(TEXT_ENCODINGS),
    size=st.integers(1, 12),
    length=st.sampled_from(BLOCKS),
)
@SHARED_FOLDER
def test_any_text_in_lines(
    tmp_path: Path, text: str, encoding: str, size: int, length: int
) -> None:
    """The same of any text; and what is added at the end changes the last piece alone."""
    path, raw = tmp_path / "t.txt", text.encode(encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(units, "BLOCK", length)
        path.write_bytes(raw)
        before = check_text(path, raw, encoding, size)
        raw += "\nb a\n".encode(encoding.replace("utf-8-sig", "utf-8").removesuffix("-sig"))
        if encoding not in ("utf-16", "utf-32"):  # they would write another mark
            path.write_bytes(raw)
            assert check_text(path, raw, encoding, size)[: len(before) - 1] == before[:-1]


def test_where_a_text_is_cut(tmp_path: Path) -> None:
    """Behind the first line end that is far enough, and a line that goes on behind a space."""
    path = tmp_path / "t.txt"
    path.write_text("ab\ncdef\ng\n" + "word " * 9, encoding="ascii", newline="")
    cut = [path.read_bytes()[piece.start : piece.end] for piece in cut_lines(path, "ascii", 4)]
    assert cut == [b"ab\ncdef\n", b"g\nword word word ", b"word word word word ", b"word word "]


def test_a_text_that_is_none(tmp_path: Path) -> None:
    """An empty file, another byte order mark, an encoding that there is not."""
    path = tmp_path / "t.txt"
    for raw, encoding in ((b"", "utf-8"), (b"\xff\xfea\x00", "utf-8"), (b"a", "utf-9")):
        path.write_bytes(raw)
        with pytest.raises(BadInput) as caught:
            read_text(path, encoding)
        with pytest.raises(BadInput) as told:
            cut_lines(path, encoding, 1)
        assert str(told.value) == str(caught.value)


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (b"a b\r\nc\rd\n\xffe\nf\n", "utf-8"),
        (b"a b\r\nc\rd\ne\nf\xe2\x82", "utf-8"),
        (b"a\nb\n\x81\nc\n", "cp1252"),
        (b"a\nb\n\x81\nc\n", "shift_jis"),
        ("a\nb\n".encode("utf-16") + b"\x00\xd8\n\x00c", "utf-16"),
        ("a\r\nb\n".encode("utf-16-be") + b"\xd8\x00\x00\n", "utf-16-be"),
    ],
)
def test_a_fault_in_a_text(tmp_path: Path, raw: bytes, encoding: str) -> None:
    """Line and byte are those of the file."""
    path = tmp_path / "t.txt"
    path.write_bytes(raw)
    with pytest.raises(BadInput) as caught:
        read_text(path, encoding)
    for size in range(1, len(raw) + 2):
        said = set()
        for piece in cut_lines(path, encoding, size):
            try:
                read_text(path, encoding, (piece.start, piece.end))
            except BadInput as error:
                said.add(str(error))
        assert said == {str(caught.value)} or (encoding == "utf-16" and str(caught.value) in said)


@pytest.mark.parametrize("length", BLOCKS)
def test_lines_before_a_fault(tmp_path: Path, block: Callable[[int], None], length: int) -> None:
    """Lines are counted in blocks, whose borders may be within CR LF."""
    block(length)
    path = tmp_path / "t.txt"
    for shift in range(5):
        text = "x" * shift + "a\r\n\r\nb\rc\nde\r\n"
        path.write_bytes(text.encode() * 3 + b"\xff")
        with pytest.raises(BadInput, match=f"line 16, byte {3 * len(text)}"):
            read_text(path, "utf-8", (3 * len(text), 3 * len(text) + 1))


def test_zeros_in_a_text(tmp_path: Path) -> None:
    """UTF-16 read as something else is told with the zeros of the file; some zeros are text."""
    path = tmp_path / "t.txt"
    path.write_bytes(("word\n" * 40).encode("utf-16-le"))
    for encoding in ("cp1252", "utf-8"):
        for piece in cut_lines(path, encoding, 30):
            with pytest.raises(BadInput, match="200 zero bytes among 400"):
                read_text(path, encoding, (piece.start, piece.end))
    raw = b"word\n" * 40 + b"\0\0\0\0\n" * 4
    path.write_bytes(raw)
    for size in (1, 5, 17):
        check_text(path, raw, "utf-8", size)


def test_encodings_that_are_cut() -> None:
    """Where a file is cut by its bytes, a sign is one byte, and no part of another letter."""
    signs = SPACES + '",;:|'
    cut = set()
    for name in {
        codec_name(alias) for alias in set(encodings.aliases.aliases.values()) if known(alias)
    }:
        plain = [sign for sign in signs if units.units_of(name, b"", sign) == units.Units()]
        cut |= {name} if '"' in plain else set()
        if not plain:
            continue
        every = map(chr, range(0x3000 if name not in units.SEVERAL else 0x10000))
        raw = [
            letter.encode(name, "ignore") for letter in every if not 0xD800 <= ord(letter) < 0xE000
        ]
        letters = b"".join(raw[128:])
        assert not set(letters) & set(map(ord, plain)), name
        assert [sign.encode(name) for sign in plain] == [sign.encode() for sign in plain]
    assert {"utf-8", "ascii", "cp1252", "iso8859-1", "koi8-r", "shift_jis", "gb18030"} <= cut
    assert not cut & {"utf-7", "hz", "iso2022_jp", "iso2022_kr", "cp037", "cp500", "mac-arabic"}
    assert not cut & {"unicode_escape", "raw-unicode-escape", "unicode-escape", "punycode", "idna"}


def known(alias: str) -> bool:
    try:
        return bool(codec_name(alias)) and isinstance("a".encode(alias), bytes)
    except (LookupError, UnicodeError):
        return False


@pytest.mark.parametrize("name", ["shift_jis", "gbk", "big5", "cp949"])
def test_delimiters_in_letters(name: str) -> None:
    """A bar may be the second byte of a letter, a comma never is."""
    assert units.units_of(name, b"", ',;\t"\r\n') == units.Units()
    assert (units.units_of(name, b"", "|") is None) == (name != "cp949")
