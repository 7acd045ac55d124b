"""A set of pictures, and how a tree of folders falls apart into such sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ptm.inspecting.folder import Seen
from ptm.inspecting.guess import Line
from ptm.inspecting.pictures import masks, names
from ptm.inspecting.words import word_set, words_of
from ptm.split import FOLDERS

PLACES = word_set(
    "images image imgs img photos photo pictures picture pics bilder fotos foto jpegimages inputs "
    "input originals original raw rgb frames data scans jpg jpeg png tif tiff dataset files all "
    "unlabeled samples upload uploads assets figures screenshots plots"
)
OF_PICTURES = word_set("image images img imgs photo photos picture pictures bild bilder")
ORDER = ("train", "val", "test")


@dataclass
class Pictures:
    """A set of pictures: an entry.

    Attributes:
        above: the folder of the entry; "" for the one that is looked at.
        files: its pictures.
        beside: other files that it needs: masks, a table of labels.
        labels: what says the labels, as options.
        more: further options: masks, pairs.
        in_splits: whether its folders are train, val and test.
        seen: what was seen, in a few words.
        doubts: what is not sure.
        name: asked for; that of its folder where it is "".
        has_split: whether its folder is that of a split, beside others.
        is_uneven: whether some pictures lack a label or mask, or these a picture.
    """

    above: str
    files: list[Seen]
    beside: list[str] = field(default_factory=list)
    labels: list[Line] = field(default_factory=list)
    more: list[Line] = field(default_factory=list)
    in_splits: bool = False
    seen: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    name: str = ""
    has_split: bool = False
    is_uneven: bool = False

    @property
    def by_folder(self) -> bool:
        """Whether folders are the labels."""
        by = (line for line in self.labels if line.option == "labels" and not line.is_off)
        return any(line.value == "folder" for line in by)


def sets_of(files: Sequence[Seen], above: str = "") -> list[Pictures]:
    """The sets that pictures below a folder are."""
    direct = [file for file in files if file.folder == above]
    subs = children(files, above)
    masked = masks.masked(files, above)
    if masked:
        left = [file for file in files if file.name not in masked.taken]
        return [*masked.sets, *(sets_of(left, above) if left else [])]
    found = [_flat(direct, above)] if direct else []
    if not subs:
        return found
    if len(subs) == 1:
        return [*found, *sets_of(next(iter(subs.values())), join(above, next(iter(subs))))]
    split = _in_splits(subs, above)
    if split:
        return [*found, *split]
    if _are_classes(subs, above):
        return [*found, _classes([f for some in subs.values() for f in some], above, list(subs))]
    for name, some in subs.items():
        found += sets_of(some, join(above, name))
    return found


def children(files: Iterable[Seen], above: str) -> dict[str, list[Seen]]:
    """The files in each folder right below another."""
    start = f"{above}/" if above else ""
    found: dict[str, list[Seen]] = {}
    for file in files:
        rest = file.name.removeprefix(start)
        if "/" in rest:
            found.setdefault(rest.split("/")[0], []).append(file)
    return dict(sorted(found.items()))


def join(above: str, name: str) -> str:
    """A folder below another."""
    return f"{above}/{name}" if above else name


def _flat(files: list[Seen], above: str) -> Pictures:
    """Pictures of one folder, whose names may say their labels."""
    found = Pictures(above, files)
    named = names.labels_in(files, above)
    if named:
        found.labels = [Line("labels", named.pattern, named.told)]
        found.seen.append(named.told)
    return found


def _classes(files: list[Seen], above: str, classes: Sequence[str]) -> Pictures:
    told = names.counted_classes(files, above, classes)
    return Pictures(above, files, labels=[Line("labels", "folder", told)], seen=[told])


def _are_classes(subs: dict[str, list[Seen]], above: str) -> bool:
    """Whether folders are the classes of what is in them."""
    if 2 * sum(_is_place(name) for name in subs) >= len(subs) or set(map(str.lower, subs)) & {
        *FOLDERS
    }:
        return False
    if sum(len(some) > 1 for some in subs.values()) < max(2, len(subs) / 2):
        return False
    deeper = {name: children(some, join(above, name)) for name, some in subs.items()}
    leaves = [name for name, inside in deeper.items() if not inside]
    if len(leaves) >= len(subs) / 2:
        return True
    below = {"".join(c for c in one if not c.isdigit()) for some in deeper.values() for one in some}
    return len(below) <= 2 and len(subs) > 1 and not below & set(FOLDERS)


def _is_place(name: str) -> bool:
    """Whether a folder is called after what lies in it, and not after a class."""
    words = words_of(name)
    return bool(words) and (words[0] in OF_PICTURES or all(word in PLACES for word in words))


def _in_splits(subs: dict[str, list[Seen]], above: str) -> list[Pictures]:
    """Sets whose folders are train, val and test; none where they are not."""
    roles = {name: FOLDERS[name.lower()] for name in subs if name.lower() in FOLDERS}
    if len(set(roles.values())) < 2 or "train" not in roles.values():
        return []
    parts = {name: sets_of(subs[name], join(above, name)) for name in roles}
    found = []
    if len(roles) == len(subs) and all(len(some) == 1 for some in parts.values()):
        each = {name: some[0] for name, some in parts.items()}
        joined = _joined(each, above)
        if joined:
            return [joined]
    for name, some in parts.items():
        for one in some:
            one.name, one.has_split = one.name or (name if len(some) == 1 else ""), True
            found.append(one)
    for name in subs.keys() - roles.keys():
        found += sets_of(subs[name], join(above, name))
    return found


def _joined(parts: dict[str, Pictures], above: str) -> Pictures | None:
    """Sets of splits as one set, where they have the same labels and nothing beside them."""
    order = [name for role in ORDER for name in parts if FOLDERS[name.lower()] == role]
    parts = {name: parts[name] for name in order}
    some = list(parts.values())
    kinds = {one.by_folder for one in some}
    is_deep = any(one.above != join(above, name) for name, one in parts.items())
    partners = masks.in_splits(some)
    lone = any(line.option == "labels" and one.beside for one in some for line in one.labels)
    if len(kinds) > 1 or is_deep or lone or partners is None:
        return None
    files = [file for one in some for file in one.files]
    told = [f"{name} {len(one.files):,}" for name, one in parts.items()]
    found = Pictures(above, files, in_splits=True, seen=[f"in folders {', '.join(told)}"])
    found.more, found.beside = partners, [name for one in some for name in one.beside]
    found.is_uneven = any(one.is_uneven for one in some)
    found.doubts += [doubt for one in some for doubt in one.doubts]
    if kinds == {True}:
        classes = [set(children(one.files, one.above)) for one in some]
        train = next(
            c for c, name in zip(classes, parts, strict=True) if FOLDERS[name.lower()] == "train"
        )
        found.labels = [Line("labels", "folder", f"{len(train):,} classes: {names.first(train)}")]
        found.seen.append(f"{len(train):,} classes")
        if any(one - train for one in classes):
            found.doubts.append("there are classes that train has not")
        return found
    flat = names.labels_in(files, above)
    if flat and all(names.labels_in(one.files, one.above) for one in some):
        found.labels = [Line("labels", flat.pattern, flat.told)]
        found.seen.append(flat.told)
    elif any(one.labels for one in some):
        return None
    return found
