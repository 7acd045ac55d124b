"""Pictures with others beside them: masks, or what each is to become."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ptm.inspecting.folder import Seen
from ptm.inspecting.guess import Line, counted
from ptm.inspecting.words import word_set, words_of
from ptm.split import FOLDERS

if TYPE_CHECKING:
    from ptm.inspecting.pictures.sets import Pictures

WORDS = (
    "mask|masks|maske|masken|seg|segs|segmentation|segmentations|label|labels|gt|groundtruth|"
    "annotation|annotations|annots|trimap|trimaps|segmentationclass|matte|mattes|labelids"
)
MASK_WORDS = frozenset(WORDS.split("|"))
SUFFIX = re.compile(rf"(.+?)([_ .-](?:{WORDS}))", re.IGNORECASE)
OF_PICTURES = word_set(
    "images image imgs img photos photo pictures bilder fotos jpegimages inputs input rgb "
    "originals original data frames jpg jpeg png x raw"
)
PAIRS = (
    *(("noisy", "clean"), ("noise", "clean"), ("low", "high"), ("lowres", "highres")),
    *(("lr", "hr"), ("input", "target"), ("inputs", "targets"), ("input", "output")),
    *(("blur", "sharp"), ("blurred", "sharp"), ("before", "after"), ("gray", "color")),
    *(("rain", "norain"), ("degraded", "clean"), ("damaged", "clean"), ("dark", "bright")),
    *(("source", "target"), ("haze", "clear"), ("verrauscht", "sauber")),
)
OF_WHAT = word_set("class classes object objects instance instances semantic binary")
LATER = MASK_WORDS | {later for _, later in PAIRS}
MOSTLY = 0.8  # of the pictures have a partner


@dataclass
class Masked:
    """Sets with partners, and the names of all their files."""

    sets: list[Pictures] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.sets)


def masked(files: Sequence[Seen], above: str) -> Masked:
    """Pictures right below a folder, or in folders side by side there, that have partners."""
    found = Masked()
    start = f"{above}/" if above else ""
    by_folder: dict[str, list[Seen]] = {}
    for file in files:
        by_folder.setdefault(file.folder, []).append(file)
    if above in by_folder:
        _by_suffix(by_folder[above], above, found)
    elif len(by_folder) > 1 and not _have_splits(by_folder, start):
        _by_suffix(files, above, found)
    for mine, other in _side_by_side([*by_folder], start):
        if mine not in by_folder or by_folder[mine][0].name in found.taken:
            continue
        is_mask = bool(_mask_words(other.removeprefix(start)))
        _by_folder(by_folder[mine], by_folder[other], above, is_mask, found)
    return found


def _have_splits(folders: Iterable[str], start: str) -> bool:
    """Whether some of the folders are those of splits, or in them."""
    parts = {part for one in folders for part in one.removeprefix(start).lower().split("/")}
    return not parts.isdisjoint(FOLDERS)


def _side_by_side(folders: Sequence[str], start: str) -> list[tuple[str, str]]:
    """Folders of pictures, each with that of its partners: their paths differ in one name."""
    found = []
    partners = [one for one in folders if _may_be_partners(one.removeprefix(start))]
    for mine in folders:
        for other in partners:
            ours, theirs = (one.removeprefix(start).split("/") for one in (mine, other))
            if mine == other or len(ours) != len(theirs):
                continue
            differ = [(a, b) for a, b in zip(ours, theirs, strict=True) if a != b]
            if len(differ) == 1 and _are_partners(*differ[0]) and ours[0] != theirs[0]:
                found.append((mine, other))
    return found


def _may_be_partners(path: str) -> bool:
    """Whether a folder may have what is beside pictures."""
    return bool({word for part in path.split("/") for word in words_of(part)} & LATER)


def _are_partners(mine: str, other: str) -> bool:
    """Whether one folder has the pictures, and another their masks or counterparts."""
    ours, theirs = words_of(mine), words_of(other)
    if set(theirs) & MASK_WORDS and not set(ours) & MASK_WORDS:
        left = [word for word in theirs if word not in MASK_WORDS | OF_PICTURES | OF_WHAT]
        return left == [word for word in ours if word not in OF_PICTURES]
    pairs = {(a, b) for a in ours for b in theirs} & set(PAIRS)
    if not pairs:
        return False
    one, two = pairs.pop()
    return [w for w in ours if w != one] == [w for w in theirs if w != two]


def _mask_words(path: str) -> set[str]:
    return {word for part in path.split("/") for word in words_of(part)} & MASK_WORDS


def _by_suffix(files: Sequence[Seen], above: str, found: Masked) -> None:
    """Masks that are named after their pictures, each in the same folder as its picture."""
    marked = {file.name: match for file in files if (match := SUFFIX.fullmatch(file.stem))}
    plain = {(file.folder, file.stem): file for file in files if file.name not in marked}
    partners = {
        file.name: marked[file.name]
        for file in files
        if file.name in marked and (file.folder, marked[file.name][1]) in plain
    }
    endings = {(m[2], PurePosixPath(name).suffix) for name, m in partners.items()}
    if len(partners) < MOSTLY * len(plain) or not partners or len(endings) != 1:
        return
    ending, suffix = endings.pop()
    folders = {folder for folder, _ in plain}
    inside = "{folder}/" if folders != {above} else ""
    _add(list(plain.values()), partners, above, f"{inside}{{stem}}{ending}{suffix}", True, found)
    if inside:
        told = f"perhaps: the {len(folders):,} folders may be classes"
        found.sets[-1].labels.append(Line("labels", "folder", told, is_off=True))


def _by_folder(
    mine: Sequence[Seen], others: Sequence[Seen], above: str, is_mask: bool, found: Masked
) -> None:
    """Partners in another folder, named as the pictures, or with a word more."""
    stems = {file.stem for file in mine}
    for ending in _endings(others, stems):
        partners = {
            file.name: None
            for file in others
            if file.stem.endswith(ending) and file.stem.removesuffix(ending) in stems
        }
        suffixes = {PurePosixPath(name).suffix for name in partners}
        if len(partners) >= MOSTLY * len(stems) and len(suffixes) == 1:
            folder = others[0].folder.removeprefix(f"{above}/" if above else "")
            template = f"{folder}/{{stem}}{ending}{suffixes.pop()}"
            _add(list(mine), partners, above, template, is_mask, found)
            found.taken |= {file.name for file in others}
            return


def _endings(others: Sequence[Seen], stems: set[str]) -> list[str]:
    """What the names of partners may have more than those of pictures."""
    match = SUFFIX.fullmatch(others[0].stem)
    mine = match[2] if match else ""
    longer = [file.stem for file in others[:1] for stem in stems if file.stem.startswith(stem)]
    more = {name.removeprefix(stem) for name in longer for stem in stems if name.startswith(stem)}
    return list(dict.fromkeys(["", mine, *sorted(more, key=len)]))[:5]


def _add(
    mine: list[Seen],
    partners: dict[str, re.Match[str]] | dict[str, None],
    above: str,
    template: str,
    is_mask: bool,
    found: Masked,
) -> None:
    from ptm.inspecting.pictures.sets import Pictures

    what = "masks" if is_mask else "pairs"
    one = Pictures(above, mine, beside=[*partners], more=[Line(what, template)])
    one.seen.append(counted(len(partners), "mask" if is_mask else "pair"))
    if len(partners) != len(mine):
        one.is_uneven = True
        one.doubts.append(f"{len(mine):,} pictures, but {len(partners):,} {what}")
    roles = [part for part in mine[0].folder.split("/") if part.lower() in FOLDERS]
    one.name, one.has_split = roles[0] if roles else "", bool(roles)
    found.sets.append(one)
    found.taken |= {file.name for file in mine} | set(partners)


def in_splits(sets: Sequence[Pictures]) -> list[Line] | None:
    """How the partners of sets are found from the folder above; none where they have none.

    Args:
        sets: of splits, whose folders stand side by side.

    Returns:
        Options; None where those of the sets differ.
    """
    told = {(line.option, line.value) for one in sets for line in one.more}
    places = {file.folder.removeprefix(one.above).strip("/") for one in sets for file in one.files}
    if not told and not any(one.beside for one in sets):
        return []
    if len(told) != 1 or len(places) != 1 or not all(one.more for one in sets):
        return None
    [(option, template)], [place] = told, places
    folder, _, name = template.rpartition("/")
    if folder and "/" not in folder and PurePosixPath(name).stem == "{stem}":
        return [Line(option, folder, "a folder of that name beside the pictures")]
    up = "/".join([".."] * (place.count("/") + 1)) if place else ""
    return [Line(option, "/".join(filter(None, ("{folder}", up, template))))]
