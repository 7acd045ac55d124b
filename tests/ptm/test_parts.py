"""The same files give the same parts, within their size; one more file moves few of them."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptm import parts as parts_module
from ptm.model import File, Part
from ptm.parts import between_files, groups

PHOTOS, PHOTO = 10_000, 3 * 256 * 256
TARGET = 1 << 26


def files_of(numbers: list[int]) -> tuple[File, ...]:
    digests = (hashlib.sha256(str(number).encode()).hexdigest() for number in numbers)
    pairs = zip(numbers, digests, strict=True)
    return tuple(File(f"{number:08}.jpg", "", PHOTO, digest) for number, digest in pairs)


def cut(files: tuple[File, ...]) -> list[Part]:
    return between_files(files, [PHOTO] * len(files), TARGET)


def contents(parts: list[Part]) -> set[tuple[str, ...]]:
    """What each part is made of, whatever its number."""
    return {tuple(file.sha256 for file in part.files) for part in parts}


@given(st.lists(st.integers(0, 100), max_size=60), st.integers(1, 200), st.integers(0, 2**32 - 1))
def test_every_file_once_within_the_size(sizes: list[int], target: int, seed: int) -> None:
    """Parts have all files in their order, and no more bytes than asked for but for one file."""
    files = files_of([seed + number for number in range(len(sizes))])
    parts = between_files(files, sizes, target)
    assert tuple(file for part in parts for file in part.files) == files
    of = dict(zip(files, sizes, strict=True))
    for part in parts:
        assert len(part.files) < 2 or sum(of[file] for file in part.files) <= target


def test_parts_are_not_tiny() -> None:
    """Of 10,000 photos parts are about two thirds full: few are made of much less."""
    parts = cut(files_of(list(range(0, 2 * PHOTOS, 2))))
    fullest = TARGET // PHOTO
    assert PHOTOS / fullest < len(parts) < 2.2 * PHOTOS / fullest
    assert max(len(part.files) for part in parts) <= fullest


@pytest.mark.parametrize(
    "change",
    ["added", *(pytest.param(one, marks=pytest.mark.slow) for one in ("removed", "at the end"))],
)
def test_one_file_more_or_less(change: str) -> None:
    """Of 10,000 photos one that comes or goes makes 1 part new, sometimes 2: measured on 300."""
    files, draw = files_of(list(range(0, 2 * PHOTOS, 2))), random.Random(change)
    before, made = contents(cut(files)), Counter[int]()
    for _ in range(300):
        changed, place = list(files), draw.randrange(PHOTOS)
        if change == "added":
            changed[place:place] = files_of([2 * place - 1])
        elif change == "removed":
            changed.pop(place)
        else:
            changed += files_of([10**7 + draw.randrange(10**6)])
        made[len(contents(cut(tuple(changed))) - before)] += 1
    assert made[1] > 250 and made[1] + made[2] >= 297, made


def test_names_do_not_matter() -> None:
    """Where the cuts are is told by the contents: renamed files have the same parts."""
    files = files_of(list(range(2000)))
    renamed = tuple(file._replace(name=f"x{file.name}") for file in files)
    assert contents(cut(files)) == contents(cut(renamed))


def test_equal_files() -> None:
    """Copies of one file, whose digests say nothing, are cut all the same."""
    files = files_of([7]) * 3000
    parts = cut(files)
    assert sum(len(part.files) for part in parts) == 3000
    assert max(len(part.files) for part in parts) <= TARGET // PHOTO


@given(st.integers(0, 300), st.integers(1, 40))
def test_groups(count: int, most: int) -> None:
    """Groups have all parts in their order, about as many each, and none is empty."""
    found = groups(range(count), most)
    assert [part for group in found for part in group] == list(range(count))
    sizes = [len(group) for group in found]
    assert len(found) <= most and max(sizes) - min(sizes) <= 1 and (min(sizes) > 0 or count == 0)


@pytest.mark.parametrize("sort", ["named by their digests", "all equal", "in another order"])
def test_order_and_equal_files_cost_nothing(sort: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts are as large as ever, and there are few cuts to look for, whatever the names are."""
    digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(4000)]
    if sort == "all equal":
        digests = [digests[0]] * 4000
    if sort == "named by their digests":
        digests.sort()
    files = [File(f"{n:05}", f"/{n}", 1, digest) for n, digest in enumerate(digests)]
    looked, least = [], parts_module._least

    def counted(keys: Any, first: int, last: int) -> int:
        looked.append(last - first)
        return least(keys, first, last)

    monkeypatch.setattr(parts_module, "_least", counted)
    parts = between_files(files, [10] * 4000, 160)
    assert 250 <= len(parts) <= 4000 / 6, "16 files at most, and not a quarter of that"
    assert sum(looked) < 4000 * 40
    assert [file for part in parts for file in part.files] == files
    more = File("00000-", "/more", 1, hashlib.sha256(b"more").hexdigest())
    again = between_files([more, *files], [10] * 4001, 160)
    before = {part.files for part in parts}
    if sort != "all equal":
        assert sum(part.files not in before for part in again) <= 3
