"""The sets of pictures of a folder as entries of a catalog."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from ptm.errors import BadInput
from ptm.inspecting.folder import Folder, Seen
from ptm.inspecting.guess import LEARN_FROM, Entry, Guess, Line, counted, share_line
from ptm.inspecting.patterns import pattern_of
from ptm.inspecting.pictures.heads import Heads, bad_line, heads_of, lines_of
from ptm.inspecting.pictures.sets import Pictures, sets_of
from ptm.inspecting.pictures.tables import labelled
from ptm.inspecting.tables import head_of
from ptm.readers.sniffing.family import DELIMITED, DICOM, IMAGE, UNKNOWN, WAV
from ptm.split import FOLDERS, TRAIN

KIND = "images"
SHAPES, SCALED = ("color", "resize", "fit"), ("standardize", "store")
FIRST, MOSTLY, MOST_LISTS = 1 << 14, 0.8, 50  # letters of a file, its lines, files
FEWEST_CALLED = 3  # files that are called as pictures, so that it is no chance


def inspect(folder: Folder) -> Guess | None:
    """The pictures of a folder: each set of them an entry."""
    pictures = folder.of(IMAGE)
    sets = labelled(folder, pictures)
    taken = {file.name for one in sets for file in one.files}
    left = [file for file in pictures if file.name not in taken]
    sets += sets_of(left) if left else []
    left_out = _annotations(folder, pictures, sets)
    entries = [entry for one in sets if (entry := _entry(folder, one, left_out))]
    splits = {one.name for one in sets if one.has_split}
    return Guess.of(_taught(entries, splits), left_out)


def _taught(entries: list[Entry], splits: Collection[str]) -> list[Entry]:
    """Pictures of a test without labels, beside those for training: scaled as these are."""
    train = [one for one in entries if one.name in splits and FOLDERS.get(one.name) == TRAIN]
    if len(train) != 1:
        return entries
    shaped = {line.option: line.value for line in train[0].lines if line.option in SHAPES}
    told = "scaled by what that has learned; its options count here"
    found = []
    for one in entries:
        own = {line.option: line.value for line in one.lines if not line.is_off}
        mine = {option: value for option, value in own.items() if option in SHAPES}
        if one in train or one.name not in splits or "labels" in own or mine not in ({}, shaped):
            found.append(one)
            continue
        kept = [line for line in one.lines if line.option not in (*SHAPES, *SCALED)]
        found.append(replace(one, lines=(*kept, Line(LEARN_FROM, train[0].name, told))))
    return found


def _annotations(
    folder: Folder, pictures: Sequence[Seen], sets: Sequence[Pictures]
) -> dict[str, str]:
    """Files that are called as pictures are, with boxes or words for each, which are not read."""
    stems = {file.stem for file in pictures}
    tables = {name for one in sets for name in one.beside}
    called = [
        file
        for file in folder.files
        if file.family not in (IMAGE, DICOM, WAV) and file.stem in stems and file.name not in tables
    ]
    found = {}
    if len(called) >= min(FEWEST_CALLED, len(stems)):
        found = {file.name: "called as a picture: such notes are not read" for file in called}
    for file in folder.of(UNKNOWN, DELIMITED)[:MOST_LISTS]:
        if file.name not in tables and file.name not in found and _names_some(folder, file, stems):
            found[file.name] = "names pictures; only one table with a header is read beside them"
    return found


def _names_some(folder: Folder, file: Seen, stems: set[str]) -> bool:
    """Whether the lines of a file begin with names of pictures."""
    try:
        head = folder.once(head_of, folder.path(file.name))
    except (BadInput, OSError):
        return False
    if head is None:
        return False
    lines = [line for line in head[1][:FIRST].splitlines()[:-1] if line.strip()]
    firsts = [re.split(r"[\s,;]", line.strip(), maxsplit=1)[0].strip("\"'") for line in lines]
    named = sum(PurePosixPath(first).stem in stems for first in firsts)
    return len(lines) > 2 and named > MOSTLY * len(lines)


def _entry(folder: Folder, one: Pictures, left_out: dict[str, str]) -> Entry | None:
    """One set; None where no picture of it can be read."""
    is_deep = bool(one.labels or one.more or one.in_splits)
    usual = "**/*" if is_deep else "*"  # where no pattern is said
    pattern = _pattern(folder, one, usual, left_out)
    heads = heads_of(folder, one.files)
    if not heads.good:
        left_out.update(heads.bad)
        return None
    lines = [
        *([Line("pattern", pattern)] if pattern not in (usual, "") else []),
        *one.labels,
        *one.more,
        *(
            line
            for line in lines_of(heads, len(one.files))
            if not (one.more and line.option == "frames")
        ),
        Line("standardize", True),
        Line("store", "raw"),
        *_split(one, heads),
        *bad_line(heads, one.doubts if one.is_uneven else ()),
    ]
    files = frozenset([*(file.name for file in one.files), *one.beside])
    path = one.above or "."
    if not pattern:
        path = one.files[0].name
    doubts = () if one.is_uneven else tuple(one.doubts)
    return Entry(_name(folder, one), KIND, path, tuple(lines), _seen(one, heads), files, doubts)


def _name(folder: Folder, one: Pictures) -> str:
    if one.name:
        return one.name
    if len(one.files) == 1 and not one.above:
        return one.files[0].stem
    return PurePosixPath(one.above).name or folder.root.resolve().name


def _pattern(folder: Folder, one: Pictures, usual: str, left_out: dict[str, str]) -> str:
    """The pattern of a set, files that no pattern can have with it left out; "" of a lone file."""
    if len(one.files) == 1 and not one.labels and not one.more:
        return ""
    around = folder.without(one.beside)
    around = Folder(around.root, around.files, around.others - set(one.beside), around.memory)
    names = [file.name for file in one.files]
    found = pattern_of(around, one.above, names, usual)
    while found is None and len(one.files) > 1:
        suffixes = [file.suffix for file in one.files]
        common = max(set(suffixes), key=suffixes.count)
        kept = [file for file in one.files if file.suffix == common]
        if len(kept) == len(one.files):
            break
        for file in one.files:
            if file.suffix != common:
                left_out[file.name] = f"beside pictures that are {common}"
        one.files = kept
        found = pattern_of(around, one.above, [file.name for file in kept])
    start = f"{one.above}/" if one.above else ""
    deep = any("/" in file.name.removeprefix(start) for file in one.files)
    return found or f"{'**/' if deep else ''}*{one.files[0].suffix}"


def _split(one: Pictures, heads: Heads) -> Iterator[Line]:
    if one.in_splits:
        yield Line("split", {"folder": True}, "as the folders train, val, test say")
        return
    if one.has_split:
        return
    frames = sum(head.frames for head in heads.good)
    line = share_line(frames * len(one.files) // heads.looked)
    yield line
    if frames > len(heads.good) and not line.is_off and not one.more:
        yield Line("group", "file", "the frames of a file stay together")


def _seen(one: Pictures, heads: Heads) -> str:
    """What was seen of a set, in a few words."""
    told = [counted(len(one.files), "picture"), *one.seen]
    sizes = heads.sizes
    if len(sizes) == 1:
        height, width = next(iter(sizes))
        told.append(f"{height} x {width}")
    else:
        told.append(f"{len(sizes):,} sizes")
    modes = {head.mode for head in heads.good}
    told.append(", ".join(sorted(modes)))
    if heads.copies:
        told.append(f"{heads.copies:,} exact copies of others")
    if heads.bad:
        told.append(f"{len(heads.bad):,} broken")
    return "; ".join(told)
