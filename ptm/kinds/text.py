"""Text: characters and words as numbers, and one-hot encodings made from those when needed.

One-hot for all words of a novel would take gigabytes, so artifacts hold the ids, and `one_hot`
makes the rows that are asked for.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from ptm import arrow
from ptm.encoding import one_hot
from ptm.errors import BadInput
from ptm.learned import Learned
from ptm.limits import check_size
from ptm.model import CHARACTER, CODE_POINT, VOCABULARY, WORD, Artifact, Block, File, Part, View
from ptm.readers.cutting import cut_lines
from ptm.readers.text import codec_name, read_text
from ptm.source import GIB, Source, file_name
from ptm.stats import Stats

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import torch
    from numpy.typing import NDArray

    from ptm.inspecting.folder import Folder
    from ptm.inspecting.guess import Guess

NAMES_MATTER = False  # of files: no row has them
ASKED = 3  # when a folder is looked at: behind tables, which are text too
ASCII = 128
PLAIN_SPACES = " \t\n\r\v\f"
WORDS, CHARACTERS = "words", "characters"  # vocabularies; the second is a table too
DECODED = 8  # bytes in memory for each byte of text, about
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
        max_bytes: the most that the one-hot encoding of the line may have.
    """

    samples: ClassVar[bool] = False

    limits: ClassVar[frozenset[str]] = frozenset({"max_bytes"})
    takes_folders: ClassVar[bool] = False
    sets_aside: ClassVar[bool] = False
    encoding: str = "utf-8"
    line: int | None = Field(default=None, ge=0)
    punctuation: str = '.,;:"!?”“_-'
    normalize: Literal["NFC", "NFD", "NFKC", "NFKD"] | None = None
    max_bytes: int = Field(default=GIB, ge=1)


def parts(options: Options, files: tuple[File, ...], target_bytes: int) -> list[Part]:
    """Parts of a file, cut at the ends of lines; one of all where it is small."""
    size = max(target_bytes // DECODED, 1)
    if files[0].bytes <= size:
        return [Part(0, files)]
    pieces = cut_lines(files[0].path, options.encoding, size)
    if len(pieces) == 1:
        return [Part(0, files)]
    return [Part(0, files, (one.start, one.end), "", 0, one.before, one.digest) for one in pieces]


def read(options: Options, part: Part) -> Block:
    """Characters and words of a text, by the code points and by a list of the words of this part.

    `encode` makes of them `word_ids` int64 [word]: rows of the vocabulary, which is sorted by code
    point; `char_ids` int32 [character]: rows of the table "characters", of the lower-cased text.
    `whole` adds, with a `line`, `line_chars` float32 [character, code_point = 128], where a
    character beyond ASCII has the code point 0, and `line_words` float32 [word, vocabulary]. The
    table is the vocabulary: word, id and count; that of the characters has character, code_point,
    id and count, sorted by code point.

    Raises:
        BadInput: an empty file, the wrong encoding (line and byte are named).
    """
    import numpy as np

    text = read_text(part.files[0].path, options.encoding, part.span)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _normalized(options, text)
    lowered = _normalized(options, text.lower())
    points = np.empty(len(lowered), dtype=np.int32)
    for start in range(0, len(lowered), FEW):
        points[start : start + FEW] = _code_points(lowered[start : start + FEW])
    spellings, spelled = _words(lowered, map(chr, np.flatnonzero(_counted(points))))
    cleaned = [word.strip(options.punctuation) for word in spellings]  # each spelling once
    found = list(dict.fromkeys(cleaned))
    place = dict(zip(found, range(len(found)), strict=True))
    places = np.fromiter(map(place.__getitem__, cleaned), np.int64, len(cleaned))
    return Block(
        {"word_ids": places[spelled], "char_ids": points},
        {"word_ids": (WORD,), "char_ids": (CHARACTER,)},
        arrow.table({"word": found}),
        carried=_carried(options, part, text, lowered),
    )


def measure(options: Options, block: Block) -> Stats:
    """How often each word and each character comes."""
    import numpy as np

    words = np.bincount(block.tensors["word_ids"], minlength=block.rows.num_rows)
    counts = _counted(block.tensors["char_ids"].numpy())
    points = np.flatnonzero(counts)
    return Stats(
        {"train": len(block.tensors["word_ids"])},
        {},
        {
            WORDS: Counter(dict(zip(block.rows["word"].to_pylist(), words.tolist(), strict=True))),
            CHARACTERS: Counter(dict(zip(map(chr, points), counts[points].tolist(), strict=True))),
        },
    )


def learn(options: Options, stats: Stats, carried: Sequence[Mapping[str, Any]]) -> Learned:
    """The vocabulary and the characters, each sorted by code point.

    Raises:
        BadInput: there are no words.
    """
    if not stats.counts[WORDS]:
        got = "white space only" if stats.counts[CHARACTERS] else "none"
        raise BadInput(expected="words", got=got, file=file_name(options))
    found = {what: tuple(sorted(stats.counts[what])) for what in (WORDS, CHARACTERS)}
    return Learned(vocabularies=found)


def encode(options: Options, block: Block, learned: Learned) -> Block:
    """Words by the vocabulary of all parts, and characters by their table."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    words, characters = (learned.vocabularies[what] for what in (WORDS, CHARACTERS))
    found = pc.index_in(block.rows["word"].cast(pa.large_string()), arrow.texts(words, large=True))
    rows = arrow.numbers(found).astype(np.int64)
    known = np.array([ord(character) for character in characters])
    points = block.tensors["char_ids"].numpy()
    tensors = {
        "word_ids": rows[block.tensors["word_ids"].numpy()],
        "char_ids": _row_of_each(points, known),
    }
    return Block(tensors, block.axes)


def whole(
    options: Options, learned: Learned, stats: Stats, carried: Sequence[Mapping[str, Any]]
) -> Block:
    """The vocabulary, the characters, and one line one-hot.

    Raises:
        BadInput: there are fewer lines than `line`; or its encoding would be larger than the source
            allows.
    """
    import numpy as np

    words, characters = (learned.vocabularies[what] for what in (WORDS, CHARACTERS))
    facts: dict[str, object] = {"vocabulary_size": len(words)}
    notes = _notes(options, carried, words)
    tensors: dict[str, torch.Tensor] = {}
    axes: dict[str, tuple[str, ...]] = {}
    if options.line is not None:
        line, lowered = _line(options, carried)
        index = {word: place for place, word in enumerate(words)}
        tensors = _one_hot_line(options, file_name(options), line, lowered, index)
        axes = {"line_chars": (CHARACTER, CODE_POINT), "line_words": (WORD, VOCABULARY)}
        beyond = Counter(c for c in lowered.strip() if ord(c) >= ASCII)
        facts |= {"line": line, "line_beyond_ascii": dict(sorted(beyond.items()))}
        notes += _zeros(options, beyond)
    letters = arrow.table(
        {
            "character": list(characters),
            "code_point": [ord(character) for character in characters],
            "id": np.arange(len(characters)),
            "count": [stats.counts[CHARACTERS][character] for character in characters],
        }
    )
    counts = [stats.counts[WORDS][word] for word in words]
    rows = arrow.table({"word": list(words), "id": np.arange(len(words)), "count": counts})
    return Block(tensors, axes, rows, {CHARACTERS: letters}, facts=facts, notes=notes)


def _carried(options: Options, part: Part, text: str, lowered: str) -> dict[str, Any]:
    """What a part knows of marks, zeros and of the line that is asked for."""
    said: dict[str, Any] = {
        "marked": text.startswith("\ufeff") and not (part.span and part.span[0]),
        "zeros": text.count("\0"),
        "lines": text.count("\n"),
    }
    number = -1 if options.line is None else options.line - part.before
    if 0 <= number <= said["lines"]:
        said["line"] = [each.split("\n", number + 1)[number] for each in (text, lowered)]
    return said


def _line(options: Options, carried: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """The line that is asked for, as it stands and lower-cased; it may go over several parts."""
    pieces = [one["line"] for one in carried if "line" in one]
    if not pieces:
        raise BadInput(
            where="line",
            expected=f"more than {options.line} lines",
            got=str(sum(one["lines"] for one in carried) + 1),
            file=file_name(options),
        )
    line, lowered = ("".join(piece[place] for piece in pieces) for place in (0, 1))
    return line, lowered


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


def _words(lowered: str, characters: Iterable[str]) -> tuple[list[str], NDArray[np.int32]]:
    """Every distinct word as it is spelled, and which of them each word is, int32 [word].

    Args:
        lowered: the text.
        characters: that it has.
    """
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
        return [], np.zeros(0, dtype=np.int32)
    alike = pa.chunked_array(blocks).unify_dictionaries().chunks
    indices = np.concatenate([arrow.numbers(block.indices) for block in alike])
    return alike[0].dictionary.to_pylist(), indices


def _parted(block: str, plain: bool) -> pa.Array:
    """The words of a text, large_string [word]; `plain` where all its spaces are PLAIN_SPACES."""
    import pyarrow.compute as pc

    if not plain:
        return arrow.texts(block.split(), large=True)
    words = pc.ascii_split_whitespace(arrow.texts([block], large=True)).flatten()
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


def _counted(points: NDArray[np.int32]) -> NDArray[np.int64]:
    """How often each code point comes, int64 [code point], up to the largest."""
    import numpy as np

    counts = np.zeros(0, dtype=np.int64)
    for start in range(0, len(points), FEW):
        few, many = sorted((counts, np.bincount(points[start : start + FEW])), key=len)
        many[: len(few)] += few
        counts = many
    return counts


def _row_of_each(points: NDArray[np.int32], known: NDArray[np.int64]) -> NDArray[np.int32]:
    """The place of each code point among the known ones, which are sorted, int32 [character]."""
    import numpy as np

    rows = np.zeros(int(known.max(initial=0)) + 1, dtype=np.int32)
    rows[known] = np.arange(len(known))
    found = np.empty(len(points), dtype=np.int32)
    for start in range(0, len(points), FEW):
        found[start : start + FEW] = rows.take(points[start : start + FEW])
    return found


def _code_points(text: str) -> NDArray[np.uint32]:
    import numpy as np

    return np.frombuffer(text.encode("utf-32-le"), dtype="<u4")


def _one_hot_line(
    options: Options, file: str, line: str, lowered: str, index: dict[str, int]
) -> dict[str, torch.Tensor]:
    import torch

    # a row for each character of the line as it stands; some letters become two when they are
    # lower-cased
    stripped = lowered.strip()
    rows = max(len(line), len(stripped))
    words = clean_words(lowered, options.punctuation)
    where = f"line {options.line}"
    check_size(options, rows, ASCII, f"{where}, its characters", file)
    check_size(options, len(words), len(index), f"{where}, its words", file)
    chars = torch.zeros(rows, ASCII)
    chars[: len(stripped)] = one_hot(ascii_points(stripped), ASCII)
    ids = torch.tensor([index[word] for word in words])
    return {"line_chars": chars, "line_words": one_hot(ids.long(), len(index))}


def _notes(
    options: Options, carried: Sequence[Mapping[str, Any]], words: Sequence[str]
) -> tuple[str, ...]:
    warnings = []
    if carried[0]["marked"]:
        marked = MARKED.get(codec_name(options.encoding))
        drops = f"; {marked} drops it" if marked else ""
        warnings.append(f"the text starts with a byte order mark, kept in the first word{drops}")
    zeros = sum(one["zeros"] for one in carried)
    if zeros:
        warnings.append(f"{_count(zeros, 'character')} in the text with the code 0, kept")
    forms = Counter(unicodedata.normalize("NFC", word) for word in words if not word.isascii())
    plain = {form for form in forms if form.isascii()}.intersection(words)
    several = sorted(word for word, count in forms.items() if count + (word in plain) > 1)
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


def inspect(folder: Folder) -> Guess | None:
    """The texts of a folder, for `ptm init`."""
    from ptm.inspecting.texts import inspect as look

    return look(folder)
