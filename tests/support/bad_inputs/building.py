"""Bad inputs as data: for each the files, the catalog entry, and what the error must say.

Each is a source of its own, so that one catalog can hold all of them: `write_all` makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataelem import RawDataElement
from pydicom.encaps import encapsulate
from pydicom.tag import Tag
from pydicom.uid import JPEG2000Lossless

from ptm.book.sample import write_ct

Build = Callable[[Path], None]

SLICES = 6
HOURS = "date,hour,weather,count\n"
END = b"\xff\xd9"  # of a JPEG
TABLE = "sugar,acid,quality\n1.5,0.2,3\n2.5,0.3,4\n3.5,0.4,5\n"


@dataclass(frozen=True)
class BadInput:
    """One bad input of one source.

    Attributes:
        name: of the source, and of the folder below the data root that holds its files.
        build: writes the files into that folder, which is there.
        options: the catalog entry below its header; `{here}` stands for the folder's name.
        says: what the error must contain: the file, the place in it, what was expected and got.
        lines: that it has: one, or of several faults one more than these.
    """

    name: str
    build: Build
    options: str
    says: tuple[str, ...]
    lines: int = 1

    def write(self, root: Path) -> str:
        """Writes the files below the data root; the entry for the catalog, TOML."""
        folder = root / self.name
        folder.mkdir(parents=True)
        self.build(folder)
        return f"[{self.name}]\n{self.options.replace('{here}', self.name)}\n"


def write_all(root: Path, bad_inputs: Iterable[BadInput]) -> str:
    """Writes the files of all below one data root; the catalog, TOML."""
    return "\n".join(bad.write(root) for bad in bad_inputs)


def both(*builds: Build) -> Build:
    """One after the other."""

    def build(folder: Path) -> None:
        for part in builds:
            part(folder)

    return build


def file(name: str, content: str | bytes) -> Build:
    """A file of these bytes, or of this text in UTF-8."""
    raw = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(raw) and None


def nothing(folder: Path) -> None:
    """An empty folder."""


def photo(name: str, mode: str = "RGB", height: int = 40, width: int = 50, seed: int = 0) -> Build:
    """A picture of noise in a mode that Pillow writes."""

    def build(folder: Path) -> None:
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        image = Image.fromarray(pixels)
        if mode == "I;16":
            image = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
        elif mode == "P":
            image = image.quantize(16)
        elif mode != "RGB":
            image = image.convert(mode)
        image.save(folder / name)

    return build


def rgb_16_bit(name: str) -> Build:
    """A PNG with 16 bits for each of three channels, which Pillow cannot write itself."""
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    height, width = 4, 5
    pixels = np.random.default_rng(0).integers(0, 1 << 16, (height, width * 3)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return file(
        name,
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b""),
    )


def ended(name: str) -> Build:
    """Puts the end marker of a JPEG behind a file that is there."""
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes() + END) and None


def cut(name: str, keep: float) -> Build:
    """Keeps the first part of a file that is there."""

    def build(folder: Path) -> None:
        raw = (folder / name).read_bytes()
        (folder / name).write_bytes(raw[: int(len(raw) * keep)])

    return build


def ct(*changes: Callable[[list[Path]], None]) -> Build:
    """A series of 3 mm slices 0.dcm … 5.dcm, numbered from the lowest, then changed."""

    def build(folder: Path) -> None:
        write_ct(folder, np.random.default_rng(0), slices=SLICES, size=16)
        made = {path: pydicom.dcmread(path).ImagePositionPatient[2] for path in folder.iterdir()}
        ordered = sorted(made, key=lambda path: made[path])
        paths = [path.rename(folder / f"{n}.dcm") for n, path in enumerate(ordered)]
        for change in changes:
            change(paths)

    return build


def header(number: int | None, **values: Any) -> Callable[[list[Path]], None]:
    """Sets header values of one slice, or of all; None takes a value out."""

    def change(paths: list[Path]) -> None:
        for path in paths if number is None else [paths[number]]:
            dataset = pydicom.dcmread(path)
            for name, value in values.items():
                if value is None:
                    delattr(dataset, name)
                else:
                    setattr(dataset, name, value)
            dataset.save_as(path)

    return change


def moved(number: int, millimetres: float) -> Callable[[list[Path]], None]:
    """One slice to the side, in its own plane."""

    def change(paths: list[Path]) -> None:
        dataset = pydicom.dcmread(paths[number])
        x, y, z = dataset.ImagePositionPatient
        dataset.ImagePositionPatient = [x + millimetres, y, z]
        dataset.save_as(paths[number])

    return change


def compressed(number: int) -> Callable[[list[Path]], None]:
    """One slice in a transfer syntax that no decoder here reads."""

    def change(paths: list[Path]) -> None:
        dataset = pydicom.dcmread(paths[number])
        dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
        dataset.PixelData = encapsulate([b"\xff\x4f\xff\x51 not decoded"])
        dataset["PixelData"].is_undefined_length = True
        dataset.save_as(paths[number])

    return change


def raw_slope(number: int, raw: bytes) -> Callable[[list[Path]], None]:
    """Any bytes as RescaleSlope of one slice, also those that pydicom would refuse to write."""

    def change(paths: list[Path]) -> None:
        dataset = pydicom.dcmread(paths[number])
        tag = Tag("RescaleSlope")
        dataset[tag] = RawDataElement(tag, "DS", len(raw), raw, 0, False, True)
        dataset.save_as(paths[number])

    return change


def half_as_high(number: int) -> Callable[[list[Path]], None]:
    """One slice of half the rows."""

    def change(paths: list[Path]) -> None:
        dataset = pydicom.dcmread(paths[number])
        dataset.Rows //= 2
        dataset.PixelData = dataset.PixelData[: len(dataset.PixelData) // 2]
        dataset.save_as(paths[number])

    return change


def days(change: dict[int, str], count: int = 2) -> Build:
    """hour.csv with whole days from 2011-01-01, and some rows (from 1 below the header) changed."""
    rows = [
        f"2011-01-{d + 1:02d},{h},{h % 4 + 1},{h * 1.5}" for d in range(count) for h in range(24)
    ]
    for number, row in change.items():
        rows[number - 1] = row
    return file("hour.csv", HOURS + "\n".join(rows) + "\n")


NOISE = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
IMAGES = 'kind = "images"\npath = "{here}"'
ONE_IMAGE = 'kind = "images"\npath = "{here}/%s"'
VOLUME = 'kind = "volume"\npath = "{here}"'
WINE = 'kind = "table"\npath = "{here}/wine.csv"\ntarget = "quality"\nclasses = 10'
SERIES = (
    'kind = "timeseries"\npath = "{here}/hour.csv"\ndate = "date"\nhour = "hour"\n'
    "onehot = { weather = 4 }"
)
TEXT = 'kind = "text"\npath = "{here}/book.txt"'
EIGHT_BIT = "expected 8-bit gray, RGB or RGBA"


def rows(
    name: str,
    content: str | bytes,
    options: str,
    *says: str,
    path: str = "t.csv",
    lines: int = 1,
) -> BadInput:
    """A table in a file of its own, whose place below the data root is said, too."""
    entry = f'kind = "table"\npath = "{{here}}/{path}"\n{options}'
    return BadInput(name, file(path, content), entry, (f"{name}/{path}", *says), lines)


def _wine(text: str | bytes) -> Build:
    return file("wine.csv", text)
