"""Text: characters and words as numbers, and back."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ptm.errors import InputError
from ptm.kinds import text as room
from ptm.kinds.text import ascii_points, clean_words
from ptm.model import Block

Make = Callable[..., Block]
BOOK_PUNCTUATION = '.,;:"!?”“_-'
# the file is written anew for each example, so a folder that is shared between them is no harm
SHARED_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., None]:
    def write(text: str, encoding: str = "utf-8") -> None:
        (tmp_path / "t.txt").write_bytes(text.encode(encoding))

    return write


def words_of(content: Block) -> list[str]:
    """The text's words, from the ids and the vocabulary."""
    vocabulary = content.rows["word"].to_pylist()
    return [vocabulary[i] for i in content.tensors["word_ids"].tolist()]


def test_words(make: Make, write: Callable[..., None]) -> None:
    """Words are lower-cased, split at white space, stripped of punctuation at both ends only."""
    write("“The cat,” said\tMr. O'Hara-Smith; _the_ CAT!\n")
    content = make("text", "t.txt")
    assert words_of(content) == ["the", "cat", "said", "mr", "o'hara-smith", "the", "cat"]
    assert content.tensors["word_ids"].dtype == torch.int64


def test_vocabulary(make: Make, write: Callable[..., None]) -> None:
    """The vocabulary is sorted by code point; its table has word, id and count."""
    write("b é a b Z b\n")
    content = make("text", "t.txt")
    assert content.rows.to_pydict() == {
        "word": ["a", "b", "z", "é"],
        "id": [0, 1, 2, 3],
        "count": [1, 3, 1, 1],
    }
    assert content.facts["vocabulary_size"] == 4


def test_only_punctuation_is_an_empty_word(make: Make, write: Callable[..., None]) -> None:
    """As in the book, a token that is punctuation only counts as the empty word."""
    write("a - b\n")
    assert words_of(make("text", "t.txt")) == ["a", "", "b"]


def test_punctuation_is_an_option(make: Make, write: Callable[..., None]) -> None:
    """Another set of punctuation strips other characters."""
    write("(a) b.\n")
    assert words_of(make("text", "t.txt", punctuation="()")) == ["a", "b."]


def characters_of(content: Block) -> str:
    """The lower-cased text, from the ids and the table of characters."""
    characters = content.tables["characters"]["character"].to_pylist()
    return "".join(characters[i] for i in content.tensors["char_ids"].tolist())


def test_characters(make: Make, write: Callable[..., None]) -> None:
    """A character is a row of the table of characters, which is sorted by code point."""
    write("Bé“b\n")
    content = make("text", "t.txt")
    assert content.tensors["char_ids"].dtype == torch.int32
    assert content.tensors["char_ids"].tolist() == [1, 2, 3, 1, 0]
    assert content.tables["characters"].to_pydict() == {
        "character": ["\n", "b", "é", "“"],
        "code_point": [10, 98, 233, 0x201C],
        "id": [0, 1, 2, 3],
        "count": [1, 2, 1, 1],
    }
    assert content.axes["char_ids"] == ("character",)


def test_no_letter_is_lost(make: Make, write: Callable[..., None]) -> None:
    """A text without a letter of ASCII is spelled by its ids; what a line loses is told."""
    korean = "안녕 하세요 세계 반가워 친구들아"
    write(korean + "\n")
    content = make("text", "t.txt", line=0)
    assert characters_of(content) == korean + "\n"
    assert content.facts["line_beyond_ascii"] == {
        c: korean.count(c) for c in sorted(set(korean) - {" "})
    }
    (warning,) = content.notes
    assert "14 characters of line 0 beyond ASCII, 0 in line_chars: '안', '녕'" in warning


def test_punctuation_of_a_line_needs_no_warning(make: Make, write: Callable[..., None]) -> None:
    """Marks that are stripped from words anyway, as the book's quotes, stand in the facts alone."""
    write("“To be”, he said\n")
    content = make("text", "t.txt", line=0)
    assert content.notes == () and content.facts["line_beyond_ascii"] == {"“": 1, "”": 1}


def test_one_character_for_each_code_point(make: Make, write: Callable[..., None]) -> None:
    """A character beyond 16 bits is one character, not two."""
    write("a🐈b")
    assert make("text", "t.txt").tensors["char_ids"].tolist() == [0, 2, 1]


@pytest.mark.parametrize("block", [1, 7, 1 << 22])
def test_blocks_change_nothing(
    make: Make, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """A text has the same ids however it is cut; a word is never cut."""
    monkeypatch.setattr(room, "BLOCK", block)
    text = "  Ünïcode wördsthatarelong\u2003and\n\n short; a b \u2028 a b end"
    write(text)
    content = make("text", "t.txt")
    assert words_of(content) == clean_words(text, BOOK_PUNCTUATION)
    assert characters_of(content) == text.lower()


def test_line(make: Make, write: Callable[..., None]) -> None:
    """A line is one-hot by character, [length, 128], and by word, [words, vocabulary]."""
    write("not this\n“To be”\nnor this\n")
    content = make("text", "t.txt", line=1)
    chars, words = content.tensors["line_chars"], content.tensors["line_words"]
    assert chars.shape == (7, 128) and chars.dtype == torch.float32
    assert chars.argmax(dim=1).tolist() == [0, *map(ord, "to be"), 0]
    vocabulary = content.rows["word"].to_pylist()
    assert [vocabulary[i] for i in words.argmax(dim=1).tolist()] == ["to", "be"]
    assert words.shape == (2, len(vocabulary))
    assert chars.sum(dim=1).eq(1).all() and words.sum(dim=1).eq(1).all()
    assert content.facts["line"] == "“To be”"


def test_line_with_space_around(make: Make, write: Callable[..., None]) -> None:
    """As in the book, a line keeps its length, and rows past its stripped text are zeros."""
    write("x\n  ab \n")
    chars = make("text", "t.txt", line=1).tensors["line_chars"]
    assert chars.shape == (5, 128)
    assert chars[:2].argmax(dim=1).tolist() == [97, 98]
    assert chars[2:].eq(0).all()


def test_empty_line(make: Make, write: Callable[..., None]) -> None:
    """An empty line is one-hot of no characters and no words."""
    write("a b\n\nc\n")
    content = make("text", "t.txt", line=1)
    assert content.tensors["line_chars"].shape == (0, 128)
    assert content.tensors["line_words"].shape == (0, 3)


def test_line_that_grows_when_lowered(make: Make, write: Callable[..., None]) -> None:
    """A line that is longer in lower case (the Turkish İ) has a row for each character of that."""
    write("İİ\nx\n")
    chars = make("text", "t.txt", line=0).tensors["line_chars"]
    assert chars.argmax(dim=1).tolist() == ascii_points("İİ".lower()).tolist()


def test_without_a_line(make: Make, write: Callable[..., None]) -> None:
    """Without `line` there are no one-hot tensors: the ids are enough to make them."""
    write("a b\n")
    content = make("text", "t.txt")
    assert set(content.tensors) == {"word_ids", "char_ids"} and "line" not in content.facts


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"], ids=["crlf", "cr", "lf"])
def test_line_ends(make: Make, write: Callable[..., None], end: str) -> None:
    """Whatever its line ends, a text has the same words, lines and characters."""
    write(end.join(["one two", "three", ""]))
    content = make("text", "t.txt", line=1)
    assert characters_of(content) == "one two\nthree\n"
    assert content.facts["line"] == "three"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "utf-16", "utf-8-sig"])
def test_encodings(make: Make, write: Callable[..., None], encoding: str) -> None:
    """The same text has the same words in any encoding that is stated."""
    write("Genève déjà\n", encoding)
    content = make("text", "t.txt", encoding=encoding)
    assert words_of(content) == ["genève", "déjà"] and content.notes == ()


def test_byte_order_mark(make: Make, write: Callable[..., None]) -> None:
    """Read as utf-8 a byte order mark stays in the first word, as in the book, with a warning."""
    write("The end\n", "utf-8-sig")
    content = make("text", "t.txt")
    assert words_of(content) == ["\ufeffthe", "end"]
    assert len(content.notes) == 1 and "utf-8-sig" in content.notes[0]


# no carriage returns (read as line ends), no surrogates (no file holds them)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=60)


@given(TEXT)
@SHARED_FOLDER
def test_ids_spell_the_text(make: Make, tmp_path: Path, text: str) -> None:
    """Ids and vocabulary give back the cleaned words, whatever the text; counts add up."""
    assume(text.split())
    (tmp_path / "t.txt").write_bytes(text.encode())
    content = make("text", "t.txt")
    assert words_of(content) == [w.strip(BOOK_PUNCTUATION) for w in text.lower().split()]
    vocabulary = content.rows["word"].to_pylist()
    assert vocabulary == sorted(set(vocabulary))
    assert sum(content.rows["count"].to_pylist()) == len(content.tensors["word_ids"])
    characters = content.tables["characters"].to_pydict()
    assert characters_of(content) == text.replace("\r\n", "\n").replace("\r", "\n").lower()
    assert characters["character"] == sorted(characters["character"])
    assert characters["code_point"] == [ord(c) for c in characters["character"]]
    assert characters["count"] == [text.lower().count(c) for c in characters["character"]]


@given(TEXT)
def test_points_of_a_line(text: str) -> None:
    """Each character of a line has its code point, or 0 from 128 on."""
    assert ascii_points(text).tolist() == [ord(c) if ord(c) < 128 else 0 for c in text]


@given(TEXT)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    """Cleaned words are clean: lower-case, without punctuation at their ends or space inside."""
    for word in clean_words(text, BOOK_PUNCTUATION):
        assert word == word.strip(BOOK_PUNCTUATION) and not word.split()[1:]


NFC, NFD = "café naïve", unicodedata.normalize("NFD", "café naïve")


def test_one_word_in_two_spellings(make: Make, write: Callable[..., None]) -> None:
    """Words that look the same and are not are told, with the first of them."""
    write(f"Café {NFC} plain {NFD} über\n")
    content = make("text", "t.txt")
    assert content.facts["vocabulary_size"] == 6
    (warning,) = content.notes
    assert warning.startswith("2 words in several spellings") and "normalize" in warning
    assert "'café', 'naïve'" in warning


def test_spellings_of_ascii(make: Make, write: Callable[..., None]) -> None:
    """The sign for kelvin is the letter k; the Greek question mark, a semicolon within a word."""
    write("a;b a\u037eb\n")
    (warning,) = make("text", "t.txt").notes
    assert warning.startswith("1 word in several spellings") and "'a;b'" in warning


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_normalize(make: Make, write: Callable[..., None], form: str) -> None:
    """The option brings words, characters and line into one form."""
    write(f"ﬁn {NFC}\nﬁn {NFD}\n")
    content = make("text", "t.txt", normalize=form, line=1)
    once = unicodedata.normalize(form, f"ﬁn {NFC}")  # type: ignore[arg-type]
    assert characters_of(content) == f"{once}\n{once}\n"
    assert words_of(content) == once.split() * 2 and content.facts["line"] == once
    assert not any("spellings" in warning for warning in content.notes)
    words = content.tensors["line_words"].argmax(dim=1)
    assert words.tolist() == content.tensors["word_ids"].tolist()[3:]


@given(TEXT, st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
@SHARED_FOLDER
def test_normalized_text_is_normal(make: Make, tmp_path: Path, text: str, form: str) -> None:
    """Whatever the text, its lower-cased characters are in the form that is asked for."""
    (tmp_path / "t.txt").write_bytes(f"{text} x".encode())
    spelled = characters_of(make("text", "t.txt", normalize=form, line=0))
    assert unicodedata.is_normalized(form, spelled)  # type: ignore[arg-type]


def refused(make: Make, tmp_path: Path, raw: bytes, **options: Any) -> str:
    """What the error of a text says."""
    (tmp_path / "t.txt").write_bytes(raw)
    with pytest.raises(InputError) as caught:
        make("text", "t.txt", **options)
    assert len(str(caught.value)) < 400 and "\n" not in str(caught.value)
    return str(caught.value).removeprefix("planted: ")


@pytest.mark.parametrize(
    ("encoding", "raw"),
    [
        ("utf-7", b"one\n+2AA- x\n"),
        ("unicode_escape", rb"one\ntwo \ud800"),
        ("raw_unicode_escape", b"a\rb \\udfff"),
    ],
)
def test_half_characters(make: Make, tmp_path: Path, encoding: str, raw: bytes) -> None:
    """Half of a character, which some encodings can spell, is refused with its line."""
    message = refused(make, tmp_path, raw, encoding=encoding)
    assert message.startswith("line 2: expected whole characters, got half of one, U+D")
    assert message.endswith("(t.txt)")


def test_pairs_of_halves_are_characters(make: Make, tmp_path: Path) -> None:
    """Two halves that make a character are that character."""
    (tmp_path / "t.txt").write_bytes("a 🐈".encode("utf-7"))
    assert words_of(make("text", "t.txt", encoding="utf-7")) == ["a", "🐈"]


@pytest.mark.parametrize(
    ("encoding", "got"),
    [
        ("utf-9", "got 'utf-9'"),
        ("", "got ''"),
        ("utf-8\0", "got 'utf-8\0'"),
        ("utf-8" * 1000, "got 'utf-8"),
        ("base64", "got 'base64', which is for bytes"),
        ("rot13", "got 'rot13', which is for bytes"),
        ("zlib", "got 'zlib', which is for bytes"),
    ],
)
def test_no_encoding(make: Make, tmp_path: Path, encoding: str, got: str) -> None:
    """An encoding that there is not, or that is of no text, is named as the fault."""
    message = refused(make, tmp_path, b"x", encoding=encoding)
    assert message.startswith("encoding: expected an encoding of text") and got in message


LETTER = "Déjà vu: the best of times, the worst of times.\n"
WRONG = [
    ("utf-16", "utf-8", "line 1, byte 0", "the byte order mark of UTF-16 (encoding = \"utf-16\")"),
    ("utf-16", "latin-1", "line 1, byte 0", "the byte order mark of UTF-16"),
    ("utf-16", "cp1252", "line 1, byte 0", "the byte order mark of UTF-16"),
    ("utf-16", "utf-16-be", "line 1, byte 0", "the byte order mark of UTF-16"),
    ("utf-32", "utf-8", "line 1, byte 0", "the byte order mark of UTF-32 (encoding = \"utf-32\")"),
    ("utf-32", "utf-16", "line 1, byte 0", "the byte order mark of UTF-32"),
    ("utf-8-sig", "latin-1", "line 1, byte 0", "the byte order mark of UTF-8 (encoding"),
    ("utf-8-sig", "ascii", "line 1, byte 0", "the byte order mark of UTF-8"),
    ("utf-16-le", "utf-8", "line 1, byte 2", "48 zero bytes among 96, as UTF-16"),
    ("utf-16-be", "latin-1", "expected latin-1 text", "48 zero bytes among 96, as UTF-16"),
    ("utf-32-le", "cp1252", "expected cp1252 text", "144 zero bytes among 192"),
    ("latin-1", "utf-8", "line 1, byte 1", "the byte 0xe9"),
    ("utf-8", "ascii", "line 1, byte 1", "the byte 0xc3"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "read", "where", "got"), WRONG)
def test_another_encoding(
    make: Make, tmp_path: Path, written: str, read: str, where: str, got: str
) -> None:
    """Text in another encoding than is said: what shows it is named, and which it is."""
    text = LETTER
    if written == "utf-16" or written == "utf-32":
        raw = ("\ufeff" + text).encode(f"{written}-le")
    else:
        raw = text.encode(written)
    message = refused(make, tmp_path, raw, encoding=read)
    assert message.startswith(where) and f"got {got}" in message
    assert f"expected {read} text" in message and message.endswith("(t.txt)")


def test_utf_16_of_plain_letters(make: Make, tmp_path: Path) -> None:
    """A zero after each letter is UTF-16 without its mark, however short the text."""
    message = refused(make, tmp_path, "plain text".encode("utf-16-le"))
    assert "got 10 zero bytes among 20" in message


def test_a_zero_is_told(make: Make, write: Callable[..., None]) -> None:
    """A zero character is kept, and told."""
    write("a\0b c\n")
    content = make("text", "t.txt")
    assert words_of(content) == ["a\0b", "c"]
    assert content.notes == ("1 character in the text with the code 0, kept",)


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"], ids=["crlf", "cr", "lf"])
@pytest.mark.parametrize(
    ("encoding", "before", "fault"),
    [("utf-8", "ab", b"\xff"), ("utf-16-le", "ab\u0a0a", b"\0\xd8a\0"), ("cp1252", "ab", b"\x81")],
)
def test_the_line_of_a_fault(
    make: Make, tmp_path: Path, encoding: str, before: str, fault: bytes, end: str
) -> None:
    """The line is counted in characters, not in bytes, whatever its ends are."""
    start = f"{before}{end}{before}{end}x".encode(encoding)
    message = refused(make, tmp_path, start + fault, encoding=encoding)
    assert message.startswith(f"line 3, byte {len(start)}: expected {encoding} text")


def test_text_that_breaks_off(make: Make, tmp_path: Path) -> None:
    """A last character of which bytes are missing."""
    message = refused(make, tmp_path, "one\ntwo é".encode()[:-1])
    assert message.startswith("line 2, byte 8: expected utf-8 text, got the byte 0xc3")


@pytest.mark.parametrize(("encoding", "raw"), [("idna", b"xn--\xff"), ("punycode", b"a-\xff99999")])
def test_encodings_of_names(make: Make, tmp_path: Path, encoding: str, raw: bytes) -> None:
    """Encodings that are made for names of hosts are no way out of a PtmError."""
    assert f"expected {encoding} text" in refused(make, tmp_path, raw, encoding=encoding)


@pytest.mark.parametrize("raw", [b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"])
def test_nothing_but_a_mark(make: Make, tmp_path: Path, raw: bytes) -> None:
    """A file with nothing after its byte order mark has no words."""
    message = refused(make, tmp_path, raw, encoding="utf-8-sig")
    assert message.startswith("expected words, got ")


def test_a_long_line_is_known_before_it_is_encoded(make: Make, write: Callable[..., None]) -> None:
    """A line of 60,000 different words, 14 GB one-hot, is refused with its size and the option."""
    write(" ".join(f"w{n}" for n in range(60_000)) + "\n")
    with pytest.raises(InputError) as caught:
        make("text", "t.txt", line=0)
    message = str(caught.value)
    assert "line 0, its words: expected an encoding of at most 1.07 GB" in message
    assert (
        "(or max_bytes = 14400000000), got 60000 columns of 60000 rows, 14.40 GB (t.txt)" in message
    )


def test_the_limit_is_an_option(make: Make, write: Callable[..., None]) -> None:
    """A line is encoded up to the very byte that is allowed."""
    write("one two three\n")
    size = 13 * 128 * 4
    assert make("text", "t.txt", line=0, max_bytes=size).tensors["line_chars"].shape == (13, 128)
    with pytest.raises(InputError, match=r"line 0, its characters: .*max_bytes = 6656"):
        make("text", "t.txt", line=0, max_bytes=size - 1)


def test_passing_errors_pass(
    make: Make, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails, or memory that lacks, is no fault of the text."""
    write("a b\n")

    def fail(_path: Path) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(OSError, match="Input/output error"):
        make("text", "t.txt")


@given(
    st.lists(
        st.sampled_from(["a", "bb", "é", " ", "\t", "\n", "\f", "\v", "\x1c", "\u2003", "\x85"])
    )
)
def test_words_are_those_of_python(pieces: list[str]) -> None:
    """Whatever spaces part them, the words are those that Python's split gives."""
    from ptm.kinds.text import PLAIN_SPACES, _parted

    text = "".join(pieces)
    plain = all(c in PLAIN_SPACES for c in text if c.isspace())
    assert _parted(text, plain).to_pylist() == text.split()
