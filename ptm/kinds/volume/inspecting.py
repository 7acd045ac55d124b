"""DICOM series in a folder: each that makes a volume is an entry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from ptm.errors import BadInput, Faults
from ptm.inspecting.folder import Folder, Seen
from ptm.inspecting.guess import Entry, Guess, Line, counted
from ptm.inspecting.patterns import pattern_of
from ptm.kinds.volume.geometry import place
from ptm.kinds.volume.series import choose, compare
from ptm.readers.dicom.demands import check
from ptm.readers.dicom.slices import Slice, read_header
from ptm.readers.sniffing.family import DICOM

KIND, USUAL = "volume", "*.dcm"
MOST = 1 << 29  # bytes of a slice
MOST_FILES = 10_000  # whose headers are read


def look(folder: Folder) -> Guess | None:
    """The series of a folder; what makes no volume is left out, with the reason."""
    by_folder: dict[str, list[Seen]] = {}
    for file in folder.of(DICOM):
        by_folder.setdefault(file.folder, []).append(file)
    entries, left_out, count = list[Entry](), dict[str, str](), 0
    for above, files in by_folder.items():
        count += len(files)
        if count > MOST_FILES:
            left_out.update((file.name, "not looked at: very many DICOM files") for file in files)
        else:
            entries += _entries(folder, above, files, left_out)
    return Guess.of(entries, left_out)


def _entries(
    folder: Folder, above: str, files: Sequence[Seen], left_out: dict[str, str]
) -> Iterable[Entry]:
    """The series in one folder."""
    slices, names = list[Slice](), dict[str, str]()
    broken = dict[str, str]()
    for file in files:
        try:
            found = read_header(folder.path(file.name), file.file, MOST)
        except (BadInput, OSError) as error:
            broken[file.name] = _reason(error)
            continue
        slices.append(found)
        names[found.name] = file.name
    left_out |= broken
    series = sorted({one.series for one in slices if one.series is not None})
    whole = [names[one.name] for one in slices]
    pattern = pattern_of(folder, above, whole, USUAL) if whole else None
    if whole and pattern is None:
        why = "the same folder has files that are no slices, and names do not tell them apart"
        left_out.update(dict.fromkeys(whole, why))
        return
    uids: list[str | None] = [*series] if series else [None] if slices else []
    for uid in uids:
        mine = [one for one in slices if one.series == uid]
        told = _volume(mine, uid, above)
        if told.startswith("!"):
            left_out.update((names[one.name], told[1:]) for one in mine)
            continue
        lines = [Line("pattern", pattern)] if pattern != USUAL else []
        if len(series) > 1:
            lines.append(Line("series", uid))
        taken = frozenset(names[one.name] for one in mine)
        name = PurePosixPath(above).name or folder.root.resolve().name
        yield Entry(name, KIND, above or ".", tuple(lines), told, taken)


def _volume(slices: list[Slice], uid: str | None, above: str) -> str:
    """What a series is, in a few words; behind "!" why it makes no volume."""
    faults = Faults()
    try:
        chosen, _ = choose(slices, uid, above)
        for one in chosen:
            for problem in check(one):
                faults.add(problem)
        faults.check()
        first = compare(chosen, faults)
        where = place(chosen, faults)
        faults.check()
    except BadInput as error:
        return f"!{_reason(error)}"
    height, width = first.shape
    spacing = f", {where.spacing:.3g} mm apart" if where.spacing else ""
    many = counted(len(chosen), "slice")
    return f"{first.modality or 'a scan'}: {many} of {height} x {width}{spacing}"


def _reason(error: BadInput | OSError) -> str:
    if isinstance(error, BadInput):
        first = error.faults[0]
        where = f"{first.where}: " if first.where else ""
        return f"{where}expected {first.expected}, got {first.got}"
    return f"cannot be read: {error.strerror}"
