"""Bad inputs as data: for each the files, the catalog entry, and what the error must say.

Each is a source of its own, so that one catalog can hold all of them: `write_all` makes it.
"""

from __future__ import annotations

import shutil
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
from tests.support.jpegs import SCANS_BY_CHANNEL
from tests.support.tiffs import tiff

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
    """

    name: str
    build: Build
    options: str
    says: tuple[str, ...]

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


def _wine(text: str | bytes) -> Build:
    return file("wine.csv", text)


BAD_IMAGES = (
    BadInput(
        "jpeg-truncated",
        both(photo("bobby.jpg"), cut("bobby.jpg", 0.6)),
        ONE_IMAGE % "bobby.jpg",
        ("jpeg-truncated/bobby.jpg", "expected a whole image", "truncated"),
    ),
    BadInput(
        "png-truncated",
        both(photo("cat1.png"), photo("cat2.png"), cut("cat2.png", 0.6)),
        IMAGES,
        ("png-truncated/cat2.png", "expected a whole image", "truncated"),
    ),
    BadInput(
        "name-not-utf-8",
        both(photo("cat1.png"), photo("cat\udcff.png")),  # the byte 0xff, as Python shows it
        IMAGES,
        ("name-not-utf-8: expected names of files in UTF-8", "\\xff.png"),
    ),
    BadInput(
        "png-16-bit-rgb",
        rgb_16_bit("cat.png"),
        IMAGES,
        ("png-16-bit-rgb/cat.png", EIGHT_BIT, "got 16 bits for each channel"),
    ),
    BadInput(
        "png-16-bit-gray",
        photo("cat.png", "I;16"),
        IMAGES,
        ("png-16-bit-gray/cat.png", EIGHT_BIT, "got 16 bits for each channel"),
    ),
    BadInput(
        "png-palette",
        both(photo("a.png"), photo("b.png", "P")),
        IMAGES,
        ("png-palette/b.png", EIGHT_BIT, "palette"),
    ),
    BadInput(
        "jpeg-cmyk",
        photo("print.jpg", "CMYK"),
        IMAGES,
        ("jpeg-cmyk/print.jpg", EIGHT_BIT, "CMYK"),
    ),
    BadInput(
        "png-is-text",
        file("cat.png", "This is no picture.\n"),
        IMAGES,
        ("png-is-text/cat.png", "expected a whole image"),
    ),
    BadInput(
        "png-empty",
        both(photo("a.png"), file("b.png", b"")),
        IMAGES,
        ("png-empty/b.png", "expected a whole image"),
    ),
    BadInput(
        "images-none",
        nothing,
        IMAGES,
        ("(images-none)", "expected at least one file that matches '*'", "got none"),
    ),
    BadInput(
        "images-no-folder",
        nothing,
        'kind = "images"\npath = "{here}/cats"',
        ("images-no-folder/cats", "expected a file or folder in the data root", "got nothing"),
    ),
    BadInput(
        "image-no-file",
        nothing,
        ONE_IMAGE % "bobby.jpg",
        ("image-no-file/bobby.jpg", "expected a file or folder in the data root", "got nothing"),
    ),
    BadInput(
        "images-two-sizes",
        both(photo("a.png"), photo("b.png", height=41)),
        IMAGES,
        ("images-two-sizes/b.png", "expected 40 x 50 pixels", "as in a.png", "got 41 x 50 pixels"),
    ),
    BadInput(
        "images-rgb-and-gray",
        both(photo("a.png"), photo("b.png", "L")),
        IMAGES,
        ("images-rgb-and-gray/b.png", "expected 40 x 50 pixels with 3 channels", "1 channel"),
    ),
    BadInput(
        "tiff-16-bit",
        file("x.tif", tiff(NOISE.astype(np.uint16))),
        ONE_IMAGE % "x.tif",
        ("tiff-16-bit/x.tif", EIGHT_BIT, "got 16 bits for each channel"),
    ),
    BadInput(
        "tiff-float",
        file("x.tif", tiff(NOISE.astype(np.float32))),
        ONE_IMAGE % "x.tif",
        ("tiff-float/x.tif", EIGHT_BIT, "got floats of 32 bits for each channel"),
    ),
    BadInput(
        "ppm-16-bit",
        file("x.ppm", b"P6 4 2 65535\n" + NOISE.tobytes()[:48]),
        ONE_IMAGE % "x.ppm",
        ("ppm-16-bit/x.ppm", EIGHT_BIT, "got values from 0 to 65535"),
    ),
    BadInput(
        "jpeg-ends-early",
        both(photo("x.jpg"), cut("x.jpg", 0.6), ended("x.jpg")),
        ONE_IMAGE % "x.jpg",
        ("jpeg-ends-early/x.jpg", "a whole image (or on_damage = 'note')", "got damaged data"),
    ),
    BadInput(
        "jpeg-scan-missing",
        file("x.jpg", SCANS_BY_CHANNEL[: SCANS_BY_CHANNEL.rindex(b"\xff\xda")] + b"\xff\xd9"),
        ONE_IMAGE % "x.jpg",
        ("jpeg-scan-missing/x.jpg", "on_damage", "got data that end early, after 2 scans"),
    ),
    BadInput(
        "png-too-large",
        photo("x.png"),
        ONE_IMAGE % "x.png" + "\nmax_bytes = 5999",
        ("png-too-large/x.png", "expected at most 6.0 kB", "max_bytes = 6000", "got 40 x 50"),
    ),
    BadInput(
        "eps-drawing",
        photo("x.eps"),
        ONE_IMAGE % "x.eps",
        ("eps-drawing/x.eps", "expected one of AVIF, BMP", "got EPS"),
    ),
)

BAD_VOLUMES = (
    BadInput(
        "ct-no-pixels",
        ct(header(2, PixelData=None)),
        VOLUME,
        ("ct-no-pixels/2.dcm", "expected pixel data", "got none"),
    ),
    BadInput(
        "ct-slice-missing",
        ct(lambda paths: paths[3].unlink()),
        VOLUME,
        ("ct-slice-missing/4.dcm", "expected the next slice 3 mm on", "got a gap of 6 mm", "2.dcm"),
    ),
    BadInput(
        "ct-slice-twice",
        ct(lambda paths: shutil.copy(paths[1], paths[1].with_name("copy.dcm")) and None),
        VOLUME,
        ("position", "expected one slice", "got 1.dcm and copy.dcm", "ct-slice-twice/copy.dcm"),
    ),
    BadInput(
        "ct-two-series",
        ct(header(4, SeriesInstanceUID="1.2.3")),
        VOLUME,
        ("ct-two-series/4.dcm", "expected one series", "'series'", "(5 slices), 1.2.3 (1 slice"),
    ),
    BadInput(
        "ct-no-such-series",
        ct(),
        VOLUME + '\nseries = "9.8.7"',
        ("ct-no-such-series", "expected slices of 9.8.7", "(6 slices)"),
    ),
    BadInput(
        "ct-two-sizes",
        ct(half_as_high(5)),
        VOLUME,
        ("ct-two-sizes/5.dcm", "size", "16", "as in 0.dcm", "got", "8"),
    ),
    BadInput(
        "ct-truncated",
        ct(lambda paths: cut("1.dcm", 0.8)(paths[0].parent)),
        VOLUME,
        ("ct-truncated/1.dcm", "expected a whole DICOM slice of at least", "cut short"),
    ),
    BadInput(
        "ct-not-dicom",
        ct(lambda paths: file("3.dcm", "no slice\n")(paths[0].parent)),
        VOLUME,
        ("ct-not-dicom/3.dcm", "expected a DICOM file", "got a file without the DICM mark"),
    ),
    BadInput(
        "ct-compressed",
        ct(compressed(0)),
        VOLUME,
        ("ct-compressed/0.dcm", "expected a", "JPEG 2000"),
    ),
    BadInput(
        "ct-colour",
        ct(header(2, SamplesPerPixel=3)),
        VOLUME,
        ("ct-colour/2.dcm", "expected one frame with one value for each pixel", "3 values"),
    ),
    BadInput(
        "ct-no-slope",
        ct(header(2, RescaleSlope=None)),
        VOLUME,
        ("ct-no-slope/2.dcm", "expected a CT slice", "got no RescaleSlope"),
    ),
    BadInput(
        "ct-no-dcm",
        file("readme.txt", "moved\n"),
        VOLUME,
        ("(ct-no-dcm)", "expected at least one file that matches '*.dcm'", "got none"),
    ),
    BadInput(
        "ct-one-spacing",
        ct(header(3, PixelSpacing=[1.5])),
        VOLUME,
        ("ct-one-spacing/", "PixelSpacing", "expected"),
    ),
    BadInput(
        "ct-directions-parallel",
        ct(header(3, ImageOrientationPatient=[1, 0, 0, 1, 0, 0])),
        VOLUME,
        ("ct-directions-parallel/", "ImageOrientationPatient", "expected", "got"),
    ),
    BadInput(
        "ct-slope-nan",
        ct(raw_slope(1, b"nan ")),
        VOLUME,
        ("ct-slope-nan/1.dcm", "RescaleSlope", "expected"),
    ),
    BadInput(
        "ct-multi-frame",
        ct(header(2, NumberOfFrames=12)),
        VOLUME,
        ("ct-multi-frame/2.dcm", "expected one frame", "got 12 frames", "multi-frame"),
    ),
    BadInput(
        "ct-no-sign",
        ct(header(2, PixelRepresentation=None)),
        VOLUME,
        ("ct-no-sign/2.dcm", "expected a CT slice", "got no PixelRepresentation"),
    ),
    BadInput(
        "ct-thickness-zero",
        ct(header(2, SliceThickness=0)),
        VOLUME,
        ("ct-thickness-zero/2.dcm", "SliceThickness", "expected", "positive", "got 0"),
    ),
    BadInput(
        "ct-palette",
        ct(header(2, PhotometricInterpretation="PALETTE COLOR")),
        VOLUME,
        ("ct-palette/2.dcm", "expected gray pixels", "got 'PALETTE COLOR'"),
    ),
    BadInput(
        "ct-two-frames-of-reference",
        ct(header(4, FrameOfReferenceUID="1.2.3")),
        VOLUME,
        ("ct-two-frames-of-reference/4.dcm", "frame of reference", "expected", "got 1.2.3"),
    ),
    BadInput(
        "ct-two-modalities",
        ct(header(4, Modality="PT", Units="HU")),
        VOLUME,
        ("ct-two-modalities/4.dcm", "modality: expected CT as in 0.dcm", "got PT"),
    ),
    BadInput(
        "ct-two-units",
        ct(header(4, RescaleType="OD")),
        VOLUME,
        ("ct-two-units/4.dcm", "unit: expected Hounsfield units as in 0.dcm", "got OD"),
    ),
    BadInput(
        "ct-too-large",
        ct(header(4, Rows=60000, Columns=60000)),
        VOLUME,
        ("ct-too-large/4.dcm", "max_bytes", "60000 x 60000 pixels"),
    ),
    BadInput(
        "ct-slice-aside",
        ct(moved(2, 40.0)),
        VOLUME,
        ("ct-slice-aside/2.dcm", "expected"),
    ),
)

BAD_TABLES = (
    BadInput(
        "csv-row-short",
        _wine(TABLE + "4.5,0.5\n"),
        WINE,
        ("csv-row-short/wine.csv", "row 4", "expected 3 fields", "got 2"),
    ),
    BadInput(
        "csv-row-long",
        _wine(TABLE + "4.5,0.5,6,7\n"),
        WINE,
        ("csv-row-long/wine.csv", "row 4", "expected 3 fields", "got 4"),
    ),
    BadInput(
        "csv-text",
        _wine(TABLE + "n/a,0.5,6\n"),
        WINE,
        ("csv-text/wine.csv", "row 4, column 'sugar'", "expected a number", "got 'n/a'"),
    ),
    BadInput(
        "csv-field-empty",
        _wine(TABLE + "4.5,,6\n"),
        WINE,
        ("csv-field-empty/wine.csv", "row 4, column 'acid'", "expected a number", "got ''"),
    ),
    BadInput(
        "csv-nan",
        _wine(TABLE + "nan,0.5,6\n"),
        WINE,
        ("csv-nan/wine.csv", "row 4, column 'sugar'", "expected a finite number", "got 'nan'"),
    ),
    BadInput(
        "csv-inf",
        _wine(TABLE + "4.5,-inf,6\n"),
        WINE,
        ("csv-inf/wine.csv", "row 4, column 'acid'", "expected a finite number", "got '-inf'"),
    ),
    BadInput(
        "csv-beyond-float32",
        _wine(TABLE + "1e39,0.5,6\n"),
        WINE + "\nstandardize = false",
        ("csv-beyond-float32/wine.csv", "row 4, column 'sugar'", "expected", "got"),
    ),
    BadInput(
        "csv-no-target",
        _wine(TABLE.replace("quality", "grade")),
        WINE,
        ("csv-no-target/wine.csv", "header", "expected a column 'quality'", "sugar, acid, grade"),
    ),
    BadInput(
        "csv-class-too-high",
        _wine(TABLE + "4.5,0.5,10\n"),
        WINE,
        ("csv-class-too-high/wine.csv", "row 4, column 'quality'", "class from 0 to 9", "got 10"),
    ),
    BadInput(
        "csv-class-fraction",
        _wine(TABLE + "4.5,0.5,6.5\n"),
        WINE,
        ("csv-class-fraction/wine.csv", "row 4, column 'quality'", "class from 0 to 9", "got 6.5"),
    ),
    BadInput(
        "csv-header-doubled",
        _wine(TABLE.replace("acid", "sugar")),
        WINE,
        ("csv-header-doubled/wine.csv", "header", "each once", "got 'sugar' twice"),
    ),
    BadInput(
        "csv-header-only",
        _wine("sugar,acid,quality\n"),
        WINE,
        ("csv-header-only/wine.csv", "expected rows below the header", "got none"),
    ),
    BadInput(
        "csv-latin-1",
        _wine((TABLE + "4.5,0.5,6\n").replace("sugar", "säure").encode("latin-1")),
        WINE,
        ("csv-latin-1/wine.csv", "line 1", "expected utf-8 text", "got the byte 0xe4"),
    ),
    BadInput(
        "csv-semicolons",
        _wine(TABLE.replace(",", ";")),
        WINE,
        ("csv-semicolons/wine.csv", "expected", "got", "sugar;acid;quality"),
    ),
    BadInput(
        "csv-empty",
        _wine(""),
        WINE,
        ("csv-empty/wine.csv", "expected text", "got an empty file"),
    ),
    BadInput(
        "csv-quote-open",
        _wine(TABLE.replace("2.5", '"2.5') + "4.5,0.5,6\n" * 20_000),
        WINE,
        ("csv-quote-open/wine.csv", "expected", "got"),
    ),
    BadInput(
        "csv-quote-open-late",
        _wine(TABLE + '4.5,0.5,"6\n' + "5.5,0.5,6\n" * 100),
        WINE,
        ("csv-quote-open-late/wine.csv", "row 4", "expected", "got"),
    ),
    BadInput(
        "csv-header-of-numbers",
        _wine("1.5,0.2,3\n2.5,0.3,4\n"),
        WINE,
        ("csv-header-of-numbers/wine.csv", "header", "header = false", "got numbers: 1.5, 0.2, 3"),
    ),
    BadInput(
        "csv-header-hint",
        _wine("sep=,\n" + TABLE),
        WINE,
        ("csv-header-hint/wine.csv", "header", "expected the names of the columns", "'sep=,'"),
    ),
    BadInput(
        "csv-header-quote-open",
        _wine(TABLE.replace("acid", '"acid')),
        WINE,
        ("csv-header-quote-open/wine.csv", "header", "quotes closed", "got 'acid,quality\\n1.5"),
    ),
    BadInput(
        "csv-header-only-no-end",
        _wine(TABLE.splitlines()[0]),
        WINE,
        ("csv-header-only-no-end/wine.csv", "expected rows below the header", "got none"),
    ),
    BadInput(
        "csv-digits-of-others",
        _wine(TABLE + "\u0664.5,0.5,6\n"),
        WINE,
        ("csv-digits-of-others/wine.csv", "row 4, column 'sugar'", "a number", "got '\u0664.5'"),
    ),
    BadInput(
        "csv-integer-beyond-int64",
        _wine(TABLE + "99999999999999999999,0.5,6\n"),
        WINE,
        ("csv-integer-beyond-int64/wine.csv", "row 4, column 'sugar'", "expected an integer"),
    ),
    BadInput(
        "csv-category-empty",
        _wine("sugar,kind,quality\n1.5,a,3\n2.5,,4\n"),
        WINE + '\nmeasures = { kind = "categorical" }',
        ("csv-category-empty/wine.csv", "row 2, column 'kind'", "expected a category", "got ''"),
    ),
    BadInput(
        "csv-features-of-one-name",
        _wine("kind=a,kind,quality\n1.5,a,3\n2.5,b,4\n"),
        WINE + '\nmeasures = { kind = "categorical" }',
        ("csv-features-of-one-name/wine.csv", "columns 'kind=a' and 'kind'", "got 'kind=a' twice"),
    ),
    BadInput(
        "csv-categories-many",
        _wine("a,kind,quality\n" + "".join(f"{n},k{n},3\n" for n in range(10_001))),
        WINE + '\nmeasures = { kind = "categorical" }',
        ("csv-categories-many/wine.csv", "column 'kind'", "expected at most 10000", "max_columns"),
    ),
    BadInput(
        "csv-is-folder",
        lambda folder: (folder / "wine.csv").mkdir(),
        WINE,
        ("csv-is-folder/wine.csv", "expected a file", "got a folder"),
    ),
)

BAD_SERIES = (
    BadInput(
        "hours-bad-date",
        days({30: "2011-02-30,5,1,1"}),
        SERIES,
        ("hours-bad-date/hour.csv", "row 30, column 'date'", "expected a date", "got '2011-02-30'"),
    ),
    BadInput(
        "hours-24",
        days({24: "2011-01-01,24,1,1"}),
        SERIES,
        ("hours-24/hour.csv", "row 24, column 'hour'", "expected an hour from 0 to 23", "got 24"),
    ),
    BadInput(
        "hours-doubled",
        days({8: "2011-01-01,6,1,1"}),
        SERIES,
        (
            "hours-doubled/hour.csv",
            "row 8, column 'hour'",
            "another hour",
            "row 7",
            "2011-01-01T06",
        ),
    ),
    BadInput(
        "hours-weather-5",
        days({40: "2011-01-02,15,5,1"}),
        SERIES,
        ("hours-weather-5/hour.csv", "row 40, column 'weather'", "a code from 1 to 4", "got 5"),
    ),
    BadInput(
        "hours-no-column",
        days({}),
        SERIES + '\nscale = { temp = "standard" }',
        ("hours-no-column/hour.csv", "expected a column 'temp'", "date, hour, weather, count"),
    ),
    BadInput(
        "hours-text",
        days({2: "2011-01-01,1,1,many"}),
        SERIES,
        ("hours-text/hour.csv", "row 2, column 'count'", "expected a number", "got 'many'"),
    ),
    BadInput(
        "hours-gap",
        days({n + 25: f"2011-01-05,{n},1,1" for n in range(24)}),
        SERIES,
        (
            "hours-gap/hour.csv",
            "after row 24",
            "at most 23 missing hours",
            'gaps = "join"',
            "got 72, 2011-01-02T00 to 2011-01-04T23",
        ),
    ),
    BadInput(
        "hours-no-whole-day",
        file("hour.csv", HOURS + "".join(f"2011-01-01,{h},1,1\n" for h in range(23))),
        SERIES,
        (
            "hours-no-whole-day/hour.csv",
            "expected at least one whole day",
            "got 2011-01-01T00 to 2011-01-01T22",
        ),
    ),
    BadInput(
        "hours-too-many-codes",
        days({}),
        SERIES.replace("weather = 4", "weather = 100000"),
        ("hours-too-many-codes/hour.csv", "column 'weather'", "max_columns = 100000", "got 100000"),
    ),
    BadInput(
        "hours-scale-tiny",
        days({}),
        SERIES + "\nscale = { count = [0, 1e-300] }",
        ("hours-scale-tiny/hour.csv", "scale of column 'count'", "within float32", "e+301"),
    ),
)

BAD_TEXTS = (
    BadInput(
        "text-empty",
        file("book.txt", ""),
        TEXT,
        ("text-empty/book.txt", "expected text", "got an empty file"),
    ),
    BadInput(
        "text-latin-1",
        file("book.txt", "Pride\nand protégé\n".encode("latin-1")),
        TEXT,
        ("text-latin-1/book.txt", "line 2, byte 14", "expected utf-8 text", "got the byte 0xe9"),
    ),
    BadInput(
        "text-few-lines",
        file("book.txt", "Pride\nand\nPrejudice\n"),
        TEXT + "\nline = 200",
        ("text-few-lines/book.txt", "expected more than 200 lines", "got 4"),
    ),
    BadInput(
        "text-half-character",
        file("book.txt", b"Pride\n+2AA-\n"),
        TEXT + '\nencoding = "utf-7"',
        ("text-half-character/book.txt", "line 2", "expected whole characters", "got", "U+D800"),
    ),
    BadInput(
        "text-utf-16",
        file("book.txt", "\ufeffPride\n".encode("utf-16-le")),
        TEXT,
        ("text-utf-16/book.txt", "line 1", "expected utf-8 text", 'encoding = "utf-16"'),
    ),
    BadInput(
        "text-encoding-of-bytes",
        file("book.txt", "Pride\n"),
        TEXT + '\nencoding = "base64"',
        ("encoding", "expected an encoding of text", "got 'base64'"),
    ),
    BadInput(
        "text-line-too-long",
        file("book.txt", " ".join(map(str, range(20_000)))),
        TEXT + "\nline = 0",
        ("text-line-too-long/book.txt", "line 0", "1.60 GB", "max_bytes = 1600000000"),
    ),
    BadInput(
        "text-blank",
        file("book.txt", " \n\t\n"),
        TEXT,
        ("text-blank/book.txt", "expected words", "got white space only"),
    ),
)

BAD_INPUTS = BAD_IMAGES + BAD_VOLUMES + BAD_TABLES + BAD_SERIES + BAD_TEXTS


@dataclass(frozen=True)
class CatalogMistake:
    """One catalog that is not valid.

    Attributes:
        name: of the mistake.
        catalog: the content of the file; None for no file at all.
        says: what the error must contain: the entry, the option, what was expected and got.
    """

    name: str
    catalog: str | bytes | None
    says: tuple[str, ...]


_CATS = '[cats]\nkind = "images"\n'
_PLANE = '[plane]\nkind = "table"\ncolumns = ["x", "y"]\n'
_TABLE = '[wine]\nkind = "table"\npath = "wine.csv"\n'
_BIKES = '[bikes]\nkind = "timeseries"\npath = "hour.csv"\n'
_BEST = '[best]\nkind = "threshold"\n'
_FITS = '[lines]\nkind = "fits"\nof = "wine"\n'
INSIDE = "[cats] path: expected a path inside the data root"

CATALOG_MISTAKES = (
    CatalogMistake(
        "kind unknown",
        '[cats]\nkind = "image"\npath = "cats"',
        ("[cats] kind", "expected one of images, volume", "got 'image'", "did you mean 'images'?"),
    ),
    CatalogMistake("kind missing", '[cats]\npath = "cats"', ("[cats] kind", "expected one of")),
    CatalogMistake(
        "option unknown",
        _CATS + 'path = "cats"\nstandardise = true',
        ("[cats] standardise", "unknown option", "did you mean 'standardize'?", "pattern"),
    ),
    CatalogMistake("option reserved", _CATS + 'path = "cats"\nroot = "/"', ("[cats] root",)),
    CatalogMistake(
        "path missing",
        _CATS,
        ("[cats] path", "expected this option (a file or folder)", "got nothing"),
    ),
    CatalogMistake("path up", _CATS + 'path = "../cats"', (INSIDE, "got '../cats'")),
    CatalogMistake("path up inside", _CATS + 'path = "a/../../b"', (INSIDE, "got 'a/../../b'")),
    CatalogMistake("path absolute", _CATS + 'path = "/cats"', (INSIDE, "got '/cats'")),
    CatalogMistake("path backslash", _CATS + r"path = '..\cats'", (INSIDE, r"got '..\cats'")),
    CatalogMistake(
        "pattern up", _CATS + 'path = "cats"\npattern = "../../*"', ("[cats] pattern", "expected")
    ),
    CatalogMistake(
        "pattern absolute",
        _CATS + 'path = "cats"\npattern = "/x/*"',
        ("[cats] pattern", "expected"),
    ),
    CatalogMistake(
        "text for true",
        _CATS + 'path = "cats"\nstandardize = "yes"',
        ("[cats] standardize", "expected", "boolean", "got 'yes'"),
    ),
    CatalogMistake(
        "number for text", _CATS + "path = 1", ("[cats] path", "expected", "string", "got 1")
    ),
    CatalogMistake(
        "line negative",
        '[austen]\nkind = "text"\npath = "book.txt"\nline = -1',
        ("[austen] line", "expected", "0", "got -1"),
    ),
    CatalogMistake(
        "line text",
        '[austen]\nkind = "text"\npath = "book.txt"\nline = "200"',
        ("[austen] line", "expected", "integer", "got '200'"),
    ),
    CatalogMistake("delimiter long", _TABLE + 'delimiter = ";;"', ("[wine] delimiter", "got ';;'")),
    CatalogMistake(
        "delimiter not ascii", _TABLE + 'delimiter = "é"', ("[wine] delimiter", "got 'é'")
    ),
    CatalogMistake(
        "measure unknown",
        _TABLE + 'measures = { sugar = "nominal" }',
        ("[wine] measures.sugar", "'continuous', 'ordinal' or 'categorical'", "got 'nominal'"),
    ),
    CatalogMistake("classes alone", _TABLE + "classes = 10", ("[wine]", "'target'", "'classes'")),
    CatalogMistake("one class", _TABLE + "classes = 1", ("[wine] classes", "2", "got 1")),
    CatalogMistake(
        "target no column",
        _TABLE + 'columns = ["a", "b"]\ntarget = "c"',
        ("[wine]", "expected 'c' to be one of the columns a, b"),
    ),
    CatalogMistake(
        "scale unknown", _BIKES + 'scale = { temp = "log" }', ("[bikes] scale.temp", "got 'log'")
    ),
    CatalogMistake(
        "scale upside down",
        _BIKES + "scale = { temp = [4, 1] }",
        ("[bikes] scale", "low < high", "'temp'", "got [4"),
    ),
    CatalogMistake(
        "rows ragged",
        _PLANE + "rows = [[1, 2], [3]]",
        ("[plane]", "expected row 2 to have 2 values", "got 1"),
    ),
    CatalogMistake(
        "rows nan",
        _PLANE + "rows = [[1, 2], [3, nan]]",
        ("[plane] rows.1.1", "expected a finite number", "got nan"),
    ),
    CatalogMistake(
        "rows text",
        _PLANE + 'rows = [[1, 2], [3, "4"]]',
        ("[plane] rows.1.1", "expected a valid number", "got '4'"),
    ),
    CatalogMistake(
        "rows and path",
        _PLANE + 'path = "a.csv"\nrows = [[1, 2]]',
        ("[plane]", "expected either 'path' or 'rows'"),
    ),
    CatalogMistake(
        "name not allowed",
        '["../up"]\nkind = "images"\npath = "cats"',
        ("[../up]", "expected a name of a-z, 0-9", "got '../up'"),
    ),
    CatalogMistake(
        "of missing",
        _BEST,
        ("[best] of", "expected this option (the entries whose artifacts", "nothing"),
    ),
    CatalogMistake(
        "of unknown",
        _TABLE + _BEST + 'of = "wien"',
        ("[best] of", "expected an entry of this catalog, got 'wien'", "did you mean 'wine'?"),
    ),
    CatalogMistake(
        "of several",
        _TABLE + '[bikes]\nkind = "table"\npath = "b.csv"\n' + _BEST + 'of = ["wine", "bikes"]',
        ("[best]", "expected one entry in 'of', got wine, bikes"),
    ),
    CatalogMistake(
        "of itself", _BEST + 'of = "best"', ("[best] of", "wait for each other, got best -> best")
    ),
    CatalogMistake(
        "of and files", _TABLE + 'of = "wine"', ("[wine] of", "unknown option", "known: kind, path")
    ),
    CatalogMistake(
        "files of an analysis",
        _TABLE + _BEST + 'of = "wine"\npath = "wine.csv"',
        ("[best] path", "unknown option", "known: kind, of, target, column"),
    ),
    CatalogMistake(
        "groups that overlap",
        _TABLE + _BEST + 'of = "wine"\nbad_max = 7\ngood_min = 3',
        ("[best]", "expected bad_max below good_min, got 7 and 3"),
    ),
    CatalogMistake(
        "threshold of text",
        _TABLE + _BEST + 'of = "wine"\nthreshold = "middle"',
        ("[best] threshold", "'mid'", "got 'middle'"),
    ),
    CatalogMistake(
        "a fit that cannot be",
        _TABLE + _FITS + 'fits = [{ name = "x", gradient = "my", learning_rate = 1, epochs = 1 }]',
        ("[lines] fits.0.gradient", "'hand-written' or 'autograd'", "got 'my'"),
    ),
    CatalogMistake("entry no table", "cats = 1", ("[cats]", "expected a table", "got 1")),
    CatalogMistake("toml broken", '[cats\nkind = "images"', ("expected TOML", "line 1")),
    CatalogMistake("entry twice", (_CATS + 'path = "a"\n') * 2, ("expected TOML", "line 4")),
    CatalogMistake("file missing", None, ("expected a catalog", "No such file")),
    CatalogMistake("file empty", "# nothing\n", ("expected at least one source", "empty")),
    CatalogMistake("file latin-1", "# café\n".encode("latin-1"), ("expected a catalog", "0xe9")),
)
