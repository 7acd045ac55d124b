"""Text: characters and words as numbers, and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ptm.content import ROWS, Content
from ptm.kinds.text import char_ids, clean_words

Make = Callable[..., Content]
BOOK_PUNCTUATION = '.,;:"!?”“_-'
# the file is written anew for each example, so a folder that is shared between them is no harm
SHARED_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., None]:
    def write(text: str, encoding: str = "utf-8") -> None:
        (tmp_path / "t.txt").write_bytes(text.encode(encoding))

    return write


def words_of(content: Content) -> list[str]:
    """The text's words, from the ids and the vocabulary."""
    vocabulary = content.tables[ROWS]["word"].to_pylist()
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
    assert content.tables[ROWS].to_pydict() == {
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


def test_characters(make: Make, write: Callable[..., None]) -> None:
    """A character is its lower-cased code point, 0 where that is 128 or more."""
    write("Aé“z\n")
    content = make("text", "t.txt")
    assert content.tensors["char_ids"].dtype == torch.uint8
    assert content.tensors["char_ids"].tolist() == [97, 0, 0, 122, 10]


def test_one_character_for_each_code_point(make: Make, write: Callable[..., None]) -> None:
    """A character beyond 16 bits is one character, not two."""
    write("a🐈b")
    assert make("text", "t.txt").tensors["char_ids"].tolist() == [97, 0, 98]


def test_line(make: Make, write: Callable[..., None]) -> None:
    """A line is one-hot by character, [length, 128], and by word, [words, vocabulary]."""
    write("not this\n“To be”\nnor this\n")
    content = make("text", "t.txt", line=1)
    chars, words = content.tensors["line_chars"], content.tensors["line_words"]
    assert chars.shape == (7, 128) and chars.dtype == torch.float32
    assert chars.argmax(dim=1).tolist() == [0, *map(ord, "to be"), 0]
    vocabulary = content.tables[ROWS]["word"].to_pylist()
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
    assert chars.argmax(dim=1).tolist() == char_ids("İİ".lower()).tolist()


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
    assert content.tensors["char_ids"].tolist() == list(b"one two\nthree\n")
    assert content.facts["line"] == "three"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "utf-16", "utf-8-sig"])
def test_encodings(make: Make, write: Callable[..., None], encoding: str) -> None:
    """The same text has the same words in any encoding that is stated."""
    write("Genève déjà\n", encoding)
    content = make("text", "t.txt", encoding=encoding)
    assert words_of(content) == ["genève", "déjà"] and content.warnings == ()


def test_byte_order_mark(make: Make, write: Callable[..., None]) -> None:
    """Read as utf-8 a byte order mark stays in the first word, as in the book, with a warning."""
    write("The end\n", "utf-8-sig")
    content = make("text", "t.txt")
    assert words_of(content) == ["\ufeffthe", "end"]
    assert len(content.warnings) == 1 and "utf-8-sig" in content.warnings[0]


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
    vocabulary = content.tables[ROWS]["word"].to_pylist()
    assert vocabulary == sorted(set(vocabulary))
    assert sum(content.tables[ROWS]["count"].to_pylist()) == len(content.tensors["word_ids"])


@given(TEXT)
def test_characters_are_code_points(text: str) -> None:
    """Each character's id is its code point, or 0 from 128 on."""
    assert char_ids(text).tolist() == [ord(c) if ord(c) < 128 else 0 for c in text]


@given(TEXT)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    """Cleaned words are clean: lower-case, without punctuation at their ends or space inside."""
    for word in clean_words(text, BOOK_PUNCTUATION):
        assert word == word.strip(BOOK_PUNCTUATION) and not word.split()[1:]
