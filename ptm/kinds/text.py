"""Text: characters and words as numbers, and one-hot encodings made from those when needed.

One-hot for a whole book of words would take gigabytes, so artifacts hold the ids, and `one_hot`
makes the rows that are asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ptm.content import CHARACTER, CODE_POINT, ROWS, VOCABULARY, WORD, Content
from ptm.encoding import one_hot
from ptm.errors import InputError
from ptm.kinds.files import read_text, relative

if TYPE_CHECKING:
    import torch

    from ptm.catalog import TextSource

PACKAGES = ("torch", "numpy", "pyarrow")
NAMES_MATTER = False
ASCII = 128


def tensorize(source: TextSource, paths: list[Path]) -> Content:
    """Character and word ids of a text, and one line of it one-hot.

    Returns:
        `word_ids` int64 [word]: rows of the vocabulary, which is sorted by code point;
        `char_ids` uint8 [character]: code points of the lower-cased text, 0 for those over 127.
        With a `line` also `line_chars` float32 [character, code_point = 128] and `line_words`
        float32 [word, vocabulary]. The table is the vocabulary: word, id and count.

    Raises:
        InputError: an empty file, the wrong encoding (line and byte are named), no words, or fewer
            lines than `line`.
    """
    import numpy as np
    import pyarrow as pa
    import torch

    text = read_text(source, paths[0], source.encoding).replace("\r\n", "\n").replace("\r", "\n")
    lowered = text.lower()
    tokens = lowered.split()
    if not tokens:
        raise InputError(
            source.name, expected="words", got="white space only", file=relative(source, paths[0])
        )
    spelled = pa.array(tokens).dictionary_encode()  # each spelling is cleaned once
    cleaned = [token.strip(source.punctuation) for token in spelled.dictionary.to_pylist()]
    vocabulary = sorted(set(cleaned))
    index = {word: i for i, word in enumerate(vocabulary)}
    ids = np.array([index[word] for word in cleaned], dtype=np.int64)
    word_ids = ids[spelled.indices.to_numpy()]
    tensors = {"word_ids": torch.from_numpy(word_ids), "char_ids": char_ids(lowered)}
    axes: dict[str, tuple[str, ...]] = {"word_ids": (WORD,), "char_ids": (CHARACTER,)}
    facts: dict[str, object] = {"vocabulary_size": len(vocabulary)}
    if source.line is not None:
        line = _line(source, paths[0], text)
        line_ids = torch.tensor([index[word] for word in clean_words(line, source.punctuation)])
        chars = one_hot(char_ids(line.lower().strip()), ASCII)
        # a row for each character of the line as it stands, as the book has it; some letters
        # become two when they are lower-cased
        rows = torch.zeros(max(len(line) - len(chars), 0), ASCII)
        tensors["line_chars"] = torch.cat([chars, rows])
        tensors["line_words"] = one_hot(line_ids.long(), len(vocabulary))
        axes |= {"line_chars": (CHARACTER, CODE_POINT), "line_words": (WORD, VOCABULARY)}
        facts["line"] = line
    table = pa.table(
        {
            "word": vocabulary,
            "id": np.arange(len(vocabulary)),
            "count": np.bincount(word_ids),
        }
    )
    return Content(tensors, axes, {ROWS: table}, facts=facts, warnings=_warnings(text))


def clean_words(text: str, punctuation: str) -> list[str]:
    """The words of a text, lower-cased, `punctuation` stripped from both ends of each."""
    return [word.strip(punctuation) for word in text.lower().split()]


def char_ids(text: str) -> torch.Tensor:
    """Code points of a text, uint8 [character]; 0 stands for any over 127."""
    import numpy as np
    import torch

    points = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
    return torch.from_numpy(np.where(points < ASCII, points, 0).astype(np.uint8))


def _line(source: TextSource, path: Path, text: str) -> str:
    assert source.line is not None
    lines = text.split("\n")
    if source.line >= len(lines):
        raise InputError(
            source.name,
            where="line",
            expected=f"more than {source.line} lines",
            got=str(len(lines)),
            file=relative(source, path),
        )
    return lines[source.line]


def _warnings(text: str) -> tuple[str, ...]:
    if text.startswith("\ufeff"):
        return (
            "the text starts with a byte order mark, kept in the first word; utf-8-sig drops it",
        )
    return ()
