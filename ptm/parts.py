"""How a source is cut into parts: the same files give the same parts, and one more moves few.

A part is a bounded slice of a source, by the bytes that it has when it is decoded. Between files
the cut stands where chance has it, by the digests of the files: cut wherever the second half of the
digest is least (files may be named, and so sorted, by the first), but for what is near the ends,
until each piece is small enough. So a file that is added changes the part that it falls into, and
maybe the next, but not all behind it.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import accumulate, groupby, pairwise, zip_longest
from typing import TYPE_CHECKING, TypeVar

from ptm.errors import BadInput, PtmError
from ptm.model import File, Part

if TYPE_CHECKING:
    from ptm.registry import Kind
    from ptm.source import Source

T = TypeVar("T")
DIGEST = re.compile(r"[0-9a-f]{64}")
LEAST = 4  # a part has at least that share of the bytes that it may have
TRIED = 8  # files of which all are alike whose header is looked into
DECODED = 4  # bytes for each byte of a file of which nobody knows what it will be


def parts_of(
    source: Source, kind: Kind, files: tuple[File, ...], beside: tuple[File, ...] = ()
) -> list[Part]:
    """The parts of a source, numbered; each file, or each byte of one, is in one of them.

    Args:
        source: an entry of a catalog.
        kind: its own.
        files: in the order of the source.
        beside: those that are beside them.

    Raises:
        BadInput: a file cannot be cut, as one without an end of a row.
        PtmError: what the kind says are no parts of these files.
    """
    if not files or kind.together:
        return [Part(0, files, beside=beside)]
    cut = getattr(kind.code, "parts", None)
    if cut is None:
        sizes = [file.bytes * DECODED for file in files]
        found = between_files(files, sizes, source.part_bytes)
    else:
        found = cut(source, files, source.part_bytes, *([beside] if source.beside else []))
        _check(kind, found, files)
    return [part._replace(number=number) for number, part in enumerate(found)]


def may_be_many(source: Source, kind: Kind, input_bytes: int) -> bool:
    """Whether a source may have several parts, by the bytes of its files: a guess, made at once."""
    return not kind.together and input_bytes * DECODED > source.part_bytes


def between_files(files: Sequence[File], sizes: Sequence[int], target_bytes: int) -> list[Part]:
    """Parts of whole files.

    Args:
        files: in the order of the source.
        sizes: bytes of each when it is decoded.
        target_bytes: the most that a part has, unless one file alone has more.
    """
    until = [0, *accumulate(sizes)]
    keys = [file.sha256[32:] for file in files]
    found: list[Part] = []
    waiting = [(0, len(files))]
    while waiting:
        start, end = waiting.pop()
        if end - start < 2 or until[end] - until[start] <= target_bytes:
            found.append(Part(len(found), tuple(files[start:end])))
            continue
        least = target_bytes // LEAST
        first = bisect_left(until, until[start] + least, start + 1, end - 1)
        last = bisect_right(until, until[end] - least, first + 1, end)
        middle = _least(keys, first, last)
        waiting += [(middle, end), (start, middle)]
    return found


def _least(keys: Sequence[str], first: int, last: int) -> int:
    """The place of the least of some keys; of equal ones that nearest to the middle."""
    some = keys[first:last]
    least = min(some)
    if some.count(least) == 1:
        return keys.index(least, first)
    equal = (place for place in range(first, last) if keys[place] == least)
    return min(equal, key=lambda place: abs(2 * place - first - last))


def size_of_alike(files: Sequence[File], size_of: Callable[[File], int], usual: int) -> int:
    """The size that each of many files has that must be alike: the most frequent of some, of
    several the largest.

    Args:
        files: of the source.
        size_of: reads that of one; BadInput where it cannot be read, which is for others to tell.
        usual: where none can be read.
    """
    sizes = []
    for file in sorted(files, key=lambda file: file.sha256)[:TRIED]:
        with suppress(BadInput):
            sizes.append(size_of(file))
    # the commonest; of several the largest
    return max(((count, size) for size, count in Counter(sizes).items()), default=(0, usual))[1]


def groups(parts: Sequence[T], count: int) -> list[tuple[T, ...]]:
    """Parts that are worked on one after the other: neighbours, about as many in each group."""
    count = max(min(count, len(parts)), 1)
    ends = [len(parts) * number // count for number in range(count + 1)]
    return [tuple(parts[a:b]) for a, b in pairwise(ends)]


def _check(kind: Kind, parts: object, files: tuple[File, ...]) -> None:
    """Looks whether own code has cut as it should.

    Raises:
        PtmError: it has not.
    """
    if not isinstance(parts, list) or not all(isinstance(part, Part) for part in parts):
        got = type(parts).__name__
        raise PtmError(f"kind '{kind.name}': expected a list of ptm.Part from `parts`, got {got}")
    _check_spans(kind, parts)
    # a file that several parts have stands in those that have a span of it, one behind the other
    there = [file for file, _ in groupby(file for part in parts for file in part.files)]
    if not parts or there != list(files):
        raise PtmError(
            f"kind '{kind.name}': expected `parts` to have each of the {len(files)} files once, in "
            f"their order, got {len(there)}"
        )


def _check_spans(kind: Kind, parts: list[Part]) -> None:
    last, until = None, 0  # the file that the part before ends in, and where
    for part, after in zip_longest(parts, parts[1:]):
        wrong, span, file = "", part.span, part.files[0] if part.files else None
        if not file or (span and len(part.files) != 1):
            wrong = f"some files, or a span of one, got {len(part.files)} files"
        elif not span and file == last:
            wrong = f"{file.name} in one part, or a span of it in each, got it again"
        elif part.digest and not (span and DIGEST.fullmatch(part.digest)):
            wrong = f"a span with a SHA-256 as hex, or no digest, got '{part.digest}'"
        elif span:
            start = until if file == last else part.head
            is_last = after is None or after.files[:1] != (file,)
            total = part.total or file.bytes
            end = total if is_last else span[1]
            if span != (start, end) or not start < end <= total:
                wrong = f"spans of {file.name} that leave nothing out, got {span} behind {start}"
        if wrong:
            raise PtmError(f"kind '{kind.name}': expected {wrong} (`parts`)")
        last, until = part.files[-1], span[1] if span else part.files[-1].bytes
