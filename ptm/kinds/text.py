"""Text: characters and words as numbers, and one-hot encodings made from those when needed.

One-hot for all words of a novel would take gigabytes, so artifacts hold the ids, and `one_hot`
makes the rows that are asked for.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from ptm.encoding import one_hot
from ptm.errors import BadInput
from ptm.limits import check_size
from ptm.model import CHARACTER, CODE_POINT, VOCABULARY, WORD, Artifact, Block, Part, View
from ptm.readers.text import codec_name, read_text
from ptm.source import GIB, Source

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import torch
    from numpy.typing import NDArray

NAMES_MATTER = False  # of files: no row has them
ASCII = 128
PLAIN_SPACES = " \t\n\r\v\f"
CHARACTERS = "characters"  # the table of them
BLOCK = 1 << 22  # characters whose words are looked at together: they take 20 times as much memory
FEW = 1 << 16  # characters that are counted together: what that takes stays in the cache
SPACE = re.compile(r"\s")
EXAMPLES = 3
MOST_SHOWN = 24  # words, and characters, of a view
MARKED = {"utf-8": "utf-8-sig", "utf-16-le": "utf-16", "utf-16-be": "utf-16"}
MARKED |= {"utf-32-le": "utf-32", "utf-32-be": "utf-32"}


class Options(Source):
    """A text file: characters and words as numbers.

    Attributes:
        encoding: of the file, as Python names it.
        line: the one, from 0, that is also one-hot encoded.
        punctuation: what is stripped from both ends of a word.
        normalize: the Unicode form to bring the text into, so that a letter with an accent is the
            same however it is written; as it is in the file without it.
        max_bytes: of the one-hot encoding of the line.
    """

    limits: ClassVar[frozenset[str]] = frozenset({"max_bytes"})
    takes_folders: ClassVar[bool] = False
    encoding: str = "utf-8"
    line: int | None = Field(default=None, ge=0)
    punctuation: str = '.,;:"!?”“_-'
    normalize: Literal["NFC", "NFD", "NFKC", "NFKD"] | None = None
    max_bytes: int = Field(default=GIB, ge=1)


def read(options: Options, part: Part) -> Block:
    """Character and word ids of a text, and one line of it one-hot.

    Returns:
        `word_ids` int64 [word]: rows of the vocabulary, which is sorted by code point;
        `char_ids` int32 [character]: rows of the table "characters", of the lower-cased text.
        With a `line` also `line_chars` float32 [character, code_point = 128], where a character
        beyond ASCII has the code point 0, and `line_words` float32 [word, vocabulary]. The table
        is the vocabulary: word, id and count; that of the characters has character, code_point, id
        and count, sorted by code point.

    Raises:
        BadInput: an empty file, the wrong encoding (line and byte are named), no words, or fewer
            lines than `line`; or its encoding would be larger than the source allows.
    """
    import numpy as np
    import pyarrow as pa
    import torch

    path = part.files[0].path
    text = read_text(path, options.encoding)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _normalized(options, text)
    lowered = _normalized(options, text.lower())
    char_ids, characters = _characters(lowered)
    spellings, spelled = _words(path, lowered, characters["character"].to_pylist())
    cleaned = [word.strip(options.punctuation) for word in spellings]  # each spelling once
    vocabulary = sorted(set(cleaned))
    index = {word: i for i, word in enumerate(vocabulary)}
    word_ids = np.array([index[word] for word in cleaned], dtype=np.int64)[spelled]
    tensors = {"word_ids": torch.from_numpy(word_ids), "char_ids": torch.from_numpy(char_ids)}
    axes: dict[str, tuple[str, ...]] = {"word_ids": (WORD,), "char_ids": (CHARACTER,)}
    facts: dict[str, object] = {"vocabulary_size": len(vocabulary)}
    notes = _notes(options, text, index)
    if options.line is not None:
        line = _line(options, path, text)
        lowered_line = lowered.split("\n", options.line + 1)[options.line]
        tensors |= _one_hot_line(options, path, line, lowered_line, index)
        axes |= {"line_chars": (CHARACTER, CODE_POINT), "line_words": (WORD, VOCABULARY)}
        beyond = Counter(c for c in lowered_line.strip() if ord(c) >= ASCII)
        facts |= {"line": line, "line_beyond_ascii": dict(sorted(beyond.items()))}
        notes += _zeros(options, beyond)
    table = pa.table(
        {
            "word": vocabulary,
            "id": np.arange(len(vocabulary)),
            "count": np.bincount(word_ids),
        }
    )
    return Block(tensors, axes, table, {CHARACTERS: characters}, facts=facts, notes=notes)


def clean_words(text: str, punctuation: str) -> list[str]:
    """The words of a text, lower-cased, `punctuation` stripped from both ends of each."""
    return [word.strip(punctuation) for word in text.lower().split()]


def ascii_points(text: str) -> torch.Tensor:
    """Code points of a text, uint8 [character]; 0 stands for any over 127."""
    import numpy as np
    import torch

    points = _code_points(text)
    return torch.from_numpy(np.where(points < ASCII, points, 0).astype(np.uint8))


def _normalized(options: Options, text: str) -> str:
    return unicodedata.normalize(options.normalize, text) if options.normalize else text


def _words(path: Path, lowered: str, characters: list[str]) -> tuple[list[str], NDArray[np.int32]]:
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
        raise BadInput(expected="words", got=got, file=str(path))
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


def _line(options: Options, path: Path, text: str) -> str:
    assert options.line is not None
    lines = text.split("\n", options.line + 1)
    if options.line >= len(lines):
        raise BadInput(
            where="line",
            expected=f"more than {options.line} lines",
            got=str(len(lines)),
            file=str(path),
        )
    return lines[options.line]


def _one_hot_line(
    options: Options, path: Path, line: str, lowered: str, index: dict[str, int]
) -> dict[str, torch.Tensor]:
    import torch

    # a row for each character of the line as it stands; some letters become two when they are
    # lower-cased
    stripped = lowered.strip()
    rows = max(len(line), len(stripped))
    words = clean_words(lowered, options.punctuation)
    where, file = f"line {options.line}", str(path)
    check_size(options, rows, ASCII, f"{where}, its characters", file)
    check_size(options, len(words), len(index), f"{where}, its words", file)
    chars = torch.zeros(rows, ASCII)
    chars[: len(stripped)] = one_hot(ascii_points(stripped), ASCII)
    ids = torch.tensor([index[word] for word in words])
    return {"line_chars": chars, "line_words": one_hot(ids.long(), len(index))}


def _notes(options: Options, text: str, index: dict[str, int]) -> tuple[str, ...]:
    warnings = []
    if text.startswith("\ufeff"):
        marked = MARKED.get(codec_name(options.encoding))
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


def _zeros(options: Options, beyond: Counter[str]) -> tuple[str, ...]:
    """Of a line's characters beyond ASCII: marks that are stripped from words need no word."""
    lost = {c: count for c, count in beyond.items() if c not in options.punctuation}
    if not lost:
        return ()
    some = ", ".join(f"'{c}'" for c in list(lost)[:20])
    return (
        f"{_count(sum(lost.values()), 'character')} of line {options.line} beyond ASCII, 0 in "
        f"line_chars: {some}{' …' * (len(lost) > 20)}; char_ids has them",
    )


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def views(artifact: Artifact) -> Iterator[View]:
    """The words and the characters that come most often."""
    from ptm import draw

    words, characters = artifact.table, artifact.tables[CHARACTERS]
    total = int(words["count"].sum())
    head = words.nlargest(MOST_SHOWN, "count").reset_index(drop=True)
    yield View(
        "words",
        f"The {len(head)} words that come most often, of {len(words):,} different ones in a text "
        f"of {total:,} words; share is that of the text.",
        table=head.assign(share=head["count"] / total),
    )
    counts = head.set_index("word")["count"]
    yield View(
        "word-counts",
        "How often each of them comes.",
        picture=draw.bars(counts, f"{artifact.name}: the most frequent words", "times"),
        title=f"{artifact.name}: head of the vocabulary",
    )
    letters = characters.nlargest(MOST_SHOWN, "count").reset_index(drop=True)
    yield View(
        "characters",
        f"The {len(letters)} characters that come most often, of {len(characters)} different ones.",
        table=letters.assign(character=[repr(c) for c in letters["character"]]),
    )
