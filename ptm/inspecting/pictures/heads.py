"""The headers of a set of pictures: sizes, colours, damage, copies; the options they ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ptm.inspecting.folder import Folder, Seen
from ptm.inspecting.guess import Line, counted, first_of
from ptm.readers.sniffing.pictures import Head, digest_of, read_head

ALL = 5000  # pictures whose headers are all read
SOME = 1000  # of more
LARGEST, STEP, SMALL = 256, 32, 32  # of a side that is asked for; it is a multiple
SQUARE = 1.2  # height to width, and less, of what is nearly square
LONG = 2.5  # of pictures that are padded, not cropped
HASHED = 1 << 28  # bytes that are hashed to find copies
PLAIN = {"L", "LA"}, {"RGB", "RGBA"}
GRAYS = {"1", "L", "LA", "I;16"}


@dataclass(frozen=True)
class Heads:
    """What the headers of a set say.

    Attributes:
        good: of the pictures that are whole, as far as headers tell.
        bad: files that are not, with the reason.
        looked: how many files were looked at.
        copies: how many files have the bytes of another.
    """

    good: list[Head]
    bad: dict[str, str]
    looked: int
    copies: int

    @property
    def sizes(self) -> Counter[tuple[int, int]]:
        """How many have which height and width."""
        return Counter((head.height, head.width) for head in self.good)


def heads_of(folder: Folder, files: Sequence[Seen]) -> Heads:
    """The headers of all pictures, or of some where they are very many."""
    step = 1 if len(files) <= ALL else len(files) // SOME
    some = files[::step]
    good, bad = list[Head](), dict[str, str]()
    for file in some:
        head = folder.once(_head, folder.path(file.name))
        if head.wrong:
            bad[file.name] = head.wrong
        else:
            good.append(head)
    return Heads(good, bad, len(some), _copies(folder, files))


def _head(path: Path) -> Head:
    try:
        return read_head(path)
    except OSError as error:
        return Head(wrong=f"not to be read: {error.strerror}")


def _copies(folder: Folder, files: Sequence[Seen]) -> int:
    """How many files have the bytes of another, as far as so much may be read."""
    by_size: dict[int, list[Seen]] = {}
    for file in files:
        by_size.setdefault(file.bytes, []).append(file)
    left, count = HASHED, 0
    for size, same in by_size.items():
        if len(same) < 2 or size * len(same) > left:
            continue
        left -= size * len(same)
        try:
            digests = Counter(digest_of(folder.path(file.name)) for file in same)
        except OSError:
            continue
        count += sum(digests.values()) - len(digests)
    return count


def lines_of(heads: Heads) -> Iterator[Line]:
    """The options that the headers ask for: colour, frames, size."""
    yield from _color(heads)
    several = [head.frames for head in heads.good if head.frames > 1]
    if several:
        told = f"{counted(len(several), 'file')} with {max(several)} frames or pages"
        yield Line("frames", True, f"{told} at most; each is a sample")
    yield from _resize(heads)


def _color(heads: Heads) -> Iterator[Line]:
    modes = Counter(head.mode for head in heads.good)
    if not modes or any(set(modes) <= plain for plain in PLAIN):
        return
    if len(modes) == 1 and next(iter(modes)) in ("I;16", "I;16B", "I;16L", "I", "F"):
        return
    told = ", ".join(f"{mode} {count:,}" for mode, count in modes.most_common())
    color = "gray" if set(modes) <= GRAYS else "rgb"
    yield Line("color", color, f"colours as Pillow names them: {told}")


def _resize(heads: Heads) -> Iterator[Line]:
    sizes = heads.sizes
    if len(sizes) < 2:
        if sizes and max(max(size) for size in sizes) > 4 * LARGEST:
            told = "smaller pictures for training"
            yield Line("resize", list(_wanted(sizes)), told, is_off=True)
        return
    (usual, count), *_ = sizes.most_common(1)
    if count > sum(sizes.values()) / 2 and max(usual) <= 2 * LARGEST:
        why = f"{len(sizes):,} sizes; most are so"
        wanted = usual
    else:
        wanted = _wanted(sizes)
        height, width = _middle(sizes)
        least, most = min(sizes), max(sizes)
        why = (
            f"{len(sizes):,} sizes from {least[0]} x {least[1]} to {most[0]} x {most[1]}, in the "
            f"middle {height:.0f} x {width:.0f}"
        )
    yield Line("resize", list(wanted), why)
    ratios = sorted(width / height for height, width in sizes.elements())
    is_long = ratios[len(ratios) // 20] < 1 / LONG or ratios[-1 - len(ratios) // 20] > LONG
    if is_long:
        yield Line("fit", "pad", "some are very long: cropped, much of them would be lost")
    else:
        yield Line("fit", "crop", "the middle of each; or pad, or stretch")


def _middle(sizes: Counter[tuple[int, int]]) -> tuple[float, float]:
    heights, widths = zip(*sizes.elements(), strict=True)
    return median(heights), median(widths)


def _wanted(sizes: Counter[tuple[int, int]]) -> tuple[int, int]:
    """A size for all: the one in the middle, its longer side at most 256, in steps."""
    height, width = _middle(sizes)
    upright = sum(count for (h, w), count in sizes.items() if h > w) / sum(sizes.values())
    if max(height, width) <= SQUARE * min(height, width) or 0.1 < upright < 0.9:
        side = _stepped(min(height, width, LARGEST))
        return side, side
    scale = min(LARGEST / max(height, width), 1)
    return _stepped(height * scale), _stepped(width * scale)


def _stepped(side: float) -> int:
    step = STEP if side >= SMALL else 8 if side >= 8 else 1
    return max(round(side / step) * step, 1)


def bad_line(heads: Heads, doubts: Sequence[str]) -> Iterator[Line]:
    """That bad pictures are set aside, where some were seen."""
    told = list(doubts)
    deep = Counter(head.bits for head in heads.good)
    if len(deep) > 1:
        told.append(f"depths of {', '.join(f'{b} bits {n:,}' for b, n in deep.most_common())}")
    if heads.bad:
        names = [f"{name.rpartition('/')[2]} ({why})" for name, why in heads.bad.items()]
        told.append(first_of(names))
    if told:
        yield Line("on_bad", "quarantine", "; ".join(told))
