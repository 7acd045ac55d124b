"""Text: characters and words as numbers, and one-hot encodings made from those when needed.

One-hot for a whole book of words would take gigabytes, so artifacts hold the ids, and `one_hot`
makes the rows that are asked for.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ptm.content import CHARACTER, CODE_POINT, ROWS, VOCABULARY, WORD, Content
from ptm.encoding import one_hot
from ptm.errors import InputError
from ptm.kinds.files import codec_name, read_text, relative
from ptm.limits import check_size

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import torch
    from numpy.typing import NDArray

    from ptm.catalog import TextSource

PACKAGES = ("torch", "numpy", "pyarrow")
NAMES_MATTER = False
ASCII = 128
PLAIN_SPACES = " \t\n\r\v\f"
CHARACTERS = "characters"  # the table of them
BLOCK = 1 << 22  # characters whose words are looked at together: they take 20 times as much memory
FEW = 1 << 16  # characters that are counted together: what that takes stays in the cache
SPACE = re.compile(r"\s")
EXAMPLES = 3
MARKED = {"utf-8": "utf-8-sig", "utf-16-le": "utf-16", "utf-16-be": "utf-16"}
MARKED |= {"utf-32-le": "utf-32", "utf-32-be": "utf-32"}


def tensorize(source: TextSource, paths: list[Path]) -> Content:
    """Character and word ids of a text, and one line of it one-hot.

    Returns:
        `word_ids` int64 [word]: rows of the vocabulary, which is sorted by code point;
        `char_ids` int32 [character]: rows of the table "characters", of the lower-cased text.
        With a `line` also `line_chars` float32 [character, code_point = 128], where a character
        beyond ASCII has the code point 0, and `line_words` float32 [word, vocabulary]. The table
        is the vocabulary: word, id and count; that of the characters has character, code_point, id
        and count, sorted by code point.

    Raises:
        InputError: an empty file, the wrong encoding (line and byte are named), no words, or fewer
            lines than `line`; or its encoding would be larger than the source allows.
    """
    import numpy as np
    import pyarrow as pa
    import torch

    path = paths[0]
    text = read_text(source, path, source.encoding)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _normalized(source, text)
    lowered = _normalized(source, text.lower())
    char_ids, characters = _characters(lowered)
    spellings, spelled = _words(source, path, lowered, characters["character"].to_pylist())
    cleaned = [word.strip(source.punctuation) for word in spellings]  # each spelling once
    vocabulary = sorted(set(cleaned))
    index = {word: i for i, word in enumerate(vocabulary)}
    word_ids = np.array([index[word] for word in cleaned], dtype=np.int64)[spelled]
    tensors = {"word_ids": torch.from_numpy(word_ids), "char_ids": torch.from_numpy(char_ids)}
    axes: dict[str, tuple[str, ...]] = {"word_ids": (WORD,), "char_ids": (CHARACTER,)}
    facts: dict[str, object] = {"vocabulary_size": len(vocabulary)}
    warnings = _warnings(source, text, index)
    if source.line is not None:
        line = _line(source, path, text)
        lowered_line = lowered.split("\n", source.line + 1)[source.line]
        tensors |= _one_hot_line(source, path, line, lowered_line, index)
        axes |= {"line_chars": (CHARACTER, CODE_POINT), "line_words": (WORD, VOCABULARY)}
        beyond = Counter(c for c in lowered_line.strip() if ord(c) >= ASCII)
        facts |= {"line": line, "line_beyond_ascii": dict(sorted(beyond.items()))}
        warnings += _zeros(source, beyond)
    table = pa.table(
        {
            "word": vocabulary,
            "id": np.arange(len(vocabulary)),
            "count": np.bincount(word_ids),
        }
    )
    return Content(
        tensors, axes, {ROWS: table, CHARACTERS: characters}, facts=facts, warnings=warnings
    )


def clean_words(text: str, punctuation: str) -> list[str]:
    """The words of a text, lower-cased, `punctuation` stripped from both ends of each."""
    return [word.strip(punctuation) for word in text.lower().split()]


def ascii_points(text: str) -> torch.Tensor:
    """Code points of a text, uint8 [character]; 0 stands for any over 127."""
    import numpy as np
    import torch

    points = _code_points(text)
    return torch.from_numpy(np.where(points < ASCII, points, 0).astype(np.uint8))


def _normalized(source: TextSource, text: str) -> str:
    return unicodedata.normalize(source.normalize, text) if source.normalize else text


def _words(
    source: TextSource, path: Path, lowered: str, characters: list[str]
) -> tuple[list[str], NDArray[np.int32]]:
    """Every distinct word as it is spelled, and which of them each word is, int32 [word]."""
    import numpy as np
    import pyarrow as pa

    # Arrow parts words in half the time, where they are parted by the plain spaces that it knows
    plain = all(c in PLAIN_SPACES for c in characters if c.isspace())
    blocks = [
        words.dictionary_encode()
        for words in (_parted(block, plain) for block in _blocks(lowered))
        if len(words)
    ]
    if not blocks:
        got = "white space only" if lowered else "none"
        raise InputError(source.name, expected="words", got=got, file=relative(source, path))
    alike = pa.chunked_array(blocks).unify_dictionaries().chunks
    indices = np.concatenate([block.indices.to_numpy() for block in alike])
    return alike[0].dictionary.to_pylist(), indices


def _parted(block: str, plain: bool) -> pa.Array:
    """The words of a text, large_string [word]; `plain` where all its spaces are PLAIN_SPACES."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not plain:
        return pa.array(block.split(), pa.large_string())
    words = pc.ascii_split_whitespace(pa.array([block], pa.large_string())).flatten()
    first = int(len(words) > 0 and words[0].as_py() == "")  # what stands before the first space
    last = int(len(words) > first and words[-1].as_py() == "")
    return words.slice(first, len(words) - first - last)


def _blocks(text: str) -> Iterator[str]:
    """A text in pieces that are cut at white space."""
    start = 0
    while start < len(text):
        cut = SPACE.search(text, start + BLOCK)
        end = cut.start() if cut else len(text)
        yield text[start:end]
        start = end


def _characters(text: str) -> tuple[NDArray[np.int32], pa.Table]:
    """Which row of the table each character is, int32 [character], and the table."""
    import numpy as np
    import pyarrow as pa

    ids = np.empty(len(text), dtype=np.int32)
    counts = np.zeros(0, dtype=np.int64)
    for start in range(0, len(text), FEW):
        points = _code_points(text[start : start + FEW])
        few, many = sorted((counts, np.bincount(points)), key=len)
        many[: len(few)] += few
        ids[start : start + FEW], counts = points, many
    present = np.flatnonzero(counts)
    rows = np.zeros(len(counts), dtype=np.int32)
    rows[present] = np.arange(len(present))
    for start in range(0, len(text), FEW):
        ids[start : start + FEW] = rows.take(ids[start : start + FEW])
    table = pa.table(
        {
            "character": [chr(point) for point in present],
            "code_point": present,
            "id": np.arange(len(present)),
            "count": counts[present],
        }
    )
    return ids, table


def _code_points(text: str) -> NDArray[np.uint32]:
    import numpy as np

    return np.frombuffer(text.encode("utf-32-le"), dtype="<u4")


def _line(source: TextSource, path: Path, text: str) -> str:
    assert source.line is not None
    lines = text.split("\n", source.line + 1)
    if source.line >= len(lines):
        raise InputError(
            source.name,
            where="line",
            expected=f"more than {source.line} lines",
            got=str(len(lines)),
            file=relative(source, path),
        )
    return lines[source.line]


def _one_hot_line(
    source: TextSource, path: Path, line: str, lowered: str, index: dict[str, int]
) -> dict[str, torch.Tensor]:
    import torch

    # a row for each character of the line as it stands, as the book has it; some letters become
    # two when they are lower-cased
    stripped = lowered.strip()
    rows = max(len(line), len(stripped))
    words = clean_words(lowered, source.punctuation)
    where, file = f"line {source.line}", relative(source, path)
    check_size(source, rows, ASCII, f"{where}, its characters", file)
    check_size(source, len(words), len(index), f"{where}, its words", file)
    chars = torch.zeros(rows, ASCII)
    chars[: len(stripped)] = one_hot(ascii_points(stripped), ASCII)
    ids = torch.tensor([index[word] for word in words])
    return {"line_chars": chars, "line_words": one_hot(ids.long(), len(index))}


def _warnings(source: TextSource, text: str, index: dict[str, int]) -> tuple[str, ...]:
    warnings = []
    if text.startswith("\ufeff"):
        marked = MARKED.get(codec_name(source.encoding))
        drops = f"; {marked} drops it" if marked else ""
        warnings.append(f"the text starts with a byte order mark, kept in the first word{drops}")
    zeros = text.count("\0")
    if zeros:
        warnings.append(f"{_count(zeros, 'character')} in the text with the code 0, kept")
    forms = Counter(unicodedata.normalize("NFC", w) for w in index if not w.isascii())
    several = sorted(w for w, count in forms.items() if count + (w.isascii() and w in index) > 1)
    if several:
        some = ", ".join(f"'{word[:20]}'" for word in several[:EXAMPLES])
        warnings.append(
            f"{_count(len(several), 'word')} in several spellings that look the same, since an "
            f"accent may be part of its letter or follow it (NFC, NFD): {some}"
            f'{" …" * (len(several) > EXAMPLES)}; normalize = "NFC" makes them one'
        )
    return tuple(warnings)


def _zeros(source: TextSource, beyond: Counter[str]) -> tuple[str, ...]:
    """Of a line's characters beyond ASCII: marks that are stripped from words need no word."""
    lost = {c: count for c, count in beyond.items() if c not in source.punctuation}
    if not lost:
        return ()
    some = ", ".join(f"'{c}'" for c in list(lost)[:20])
    return (
        f"{_count(sum(lost.values()), 'character')} of line {source.line} beyond ASCII, 0 in "
        f"line_chars: {some}{' …' * (len(lost) > 20)}; char_ids has them",
    )


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"
