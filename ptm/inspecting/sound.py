"""WAV files of a folder as entries of a catalog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from os.path import commonpath
from pathlib import PurePosixPath
from statistics import median

from ptm.errors import BadInput
from ptm.inspecting.folder import Folder, Seen
from ptm.inspecting.guess import Entry, Guess, Line, counted, first_of, share_line
from ptm.inspecting.patterns import pattern_of
from ptm.readers.sniffing.family import WAV
from ptm.readers.sound import Shape, read_shape
from ptm.split import FOLDERS

KIND, USUAL = "audio", "*.wav"
ALL, SOME = 5000, 1000  # files whose headers are all read; of more, so many


def inspect(folder: Folder) -> Guess | None:
    """The sounds of a folder: one entry of all, or one for each folder where they differ."""
    files = folder.of(WAV)
    if not files:
        return None
    left_out: dict[str, str] = {}
    found = [entry for some in _sets(folder, files) for entry in _entry(folder, some, left_out)]
    return Guess.of(found, left_out)


def _sets(folder: Folder, files: Sequence[Seen]) -> list[list[Seen]]:
    """Files of one rate and number of channels, by their folders where those differ in that."""
    by_top: dict[str, list[Seen]] = {}
    for file in files:
        by_top.setdefault(file.name.split("/")[0] if "/" in file.name else "", []).append(file)
    looks = {top: _look(folder, some) for top, some in by_top.items()}
    if len(set(looks.values())) == 1 and ("" not in by_top or len(by_top) == 1):
        return [list(files)]
    return list(by_top.values())


def _look(folder: Folder, files: Sequence[Seen]) -> tuple[int, int]:
    shapes = [shape for file in files[:20] if (shape := _shape(folder, file))]
    known = Counter((shape.rate, shape.channels) for shape in shapes)
    return known.most_common(1)[0][0] if known else (0, 0)


def _shape(folder: Folder, file: Seen) -> Shape | None:
    try:
        return folder.once(read_shape, folder.path(file.name))
    except (BadInput, OSError):
        return None


def _entry(folder: Folder, files: list[Seen], left_out: dict[str, str]) -> Iterator[Entry]:
    step = 1 if len(files) <= ALL else len(files) // SOME
    shapes = {file.name: _shape(folder, file) for file in files[::step]}
    good = [shape for shape in shapes.values() if shape and shape.frames]
    bad = [name for name, shape in shapes.items() if not (shape and shape.frames)]
    if not good:
        left_out.update((name, "no WAV that can be read") for name in bad)
        return
    looks = Counter((shape.rate, shape.channels) for shape in good)
    (rate, channels), count = looks.most_common(1)[0]
    alike = [shape for shape in good if (shape.rate, shape.channels) == (rate, channels)]
    lengths = sorted(shape.frames / shape.rate for shape in alike)
    above = commonpath([file.folder or "." for file in files]).removeprefix(".")
    names = [file.name for file in files]
    is_alone = len(files) == 1
    pattern = "" if is_alone else pattern_of(folder, above, names, USUAL) or "**/*.wav"
    in_splits = _in_splits(files, above)
    told = []
    if len(looks) > 1:
        told.append(f"{counted(len(good) - count, 'file')} of another rate or number of channels")
    if bad:
        told.append(f"{first_of(bad)}: no WAV that can be read")
    lines = [
        *([Line("pattern", pattern)] if pattern not in ("", USUAL, _usual(in_splits)) else []),
        *_seconds(lengths),
        Line("split", {"folder": True}) if in_splits else share_line(len(files)),
        *([Line("on_bad", "quarantine", "; ".join(told))] if told else []),
    ]
    span = (
        f"{lengths[0]:.3g}"
        if lengths[0] == lengths[-1]
        else f"{lengths[0]:.3g} to {lengths[-1]:.3g}"
    )
    seen = f"{counted(len(files), 'clip')} of {span} s, {rate:,} Hz, {counted(channels, 'channel')}"
    name = PurePosixPath(above).name or folder.root.resolve().name
    path = names[0] if is_alone else above or "."
    named = files[0].stem if is_alone else name
    yield Entry(named, KIND, path, tuple(lines), seen, frozenset(names))


def _usual(in_splits: bool) -> str:
    return "**/*" if in_splits else USUAL


def _in_splits(files: Sequence[Seen], above: str) -> bool:
    """Whether the folders right below are train, val and test."""
    start = f"{above}/" if above else ""
    tops = {file.name.removeprefix(start).split("/")[0].lower() for file in files}
    roles = {FOLDERS.get(top, "") for top in tops}
    return len(roles) > 1 and "" not in roles and "train" in roles


def _seconds(lengths: Sequence[float]) -> Iterator[Line]:
    """To what length clips are cut or filled, where they have several."""
    if lengths[0] == lengths[-1]:
        return
    middle, longest = median(lengths), lengths[-1]
    seconds = longest if longest <= 2 * middle else middle
    told = f"{lengths[0]:.3g} to {longest:.3g} s long, {middle:.3g} in the middle: cut or filled"
    yield Line("seconds", round(seconds, 3), told)
