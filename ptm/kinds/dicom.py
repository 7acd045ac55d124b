"""One DICOM slice: the few header values that a volume needs, and its pixels.

CT series are nearly always stored in one encoding, explicit VR little endian without compression.
For that one the header is walked here, ten times as fast as by a reader that keeps every element;
whatever is stored in another way goes through pydicom.

Source: DICOM PS3.5, 7.1 (data elements), PS3.10, 7.1 (file meta information).
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm.errors import InputError
from ptm.kinds.files import relative

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ptm.catalog import VolumeSource

HEAD = 1 << 16  # bytes read for the header
EXPLICIT_LITTLE_ENDIAN = b"1.2.840.10008.1.2.1"
TRANSFER_SYNTAX, PIXEL_DATA = 0x00020010, 0x7FE00010
LONG_VR = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
UNDEFINED = 0xFFFFFFFF
ITEM_GROUP, SEQUENCE_DELIMITER = 0xFFFE, 0xE0DD
WANTED = {
    0x0020000E: "SeriesInstanceUID",
    0x00200032: "ImagePositionPatient",
    0x00200037: "ImageOrientationPatient",
    0x00180050: "SliceThickness",
    0x00280002: "SamplesPerPixel",
    0x00280008: "NumberOfFrames",
    0x00280010: "Rows",
    0x00280011: "Columns",
    0x00280030: "PixelSpacing",
    0x00280100: "BitsAllocated",
    0x00280101: "BitsStored",
    0x00280103: "PixelRepresentation",
    0x00281052: "RescaleIntercept",
    0x00281053: "RescaleSlope",
}
# what a CT slice must have, and how many numbers each is made of; 0: text
REQUIRED = {
    "SeriesInstanceUID": 0,
    "ImagePositionPatient": 3,
    "ImageOrientationPatient": 6,
    "PixelSpacing": 2,
    "Rows": 1,
    "Columns": 1,
    "BitsAllocated": 1,
    "RescaleSlope": 1,
    "RescaleIntercept": 1,
}
POSITIVE = ("PixelSpacing", "Rows", "Columns", "BitsAllocated")
LARGEST = 1e30  # far beyond any header value that means something, well inside float32


@dataclass(frozen=True)
class Slice:
    """One slice.

    Attributes:
        path: the file.
        header: the values of WANTED that the file has: text, numbers or tuples of numbers.
        pixels: as stored, integers [height, width]; or where they begin in the file.
    """

    path: Path
    header: dict[str, Any]
    pixels: NDArray[Any] | int

    @property
    def series(self) -> str:
        """SeriesInstanceUID."""
        return str(self.header["SeriesInstanceUID"])

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return int(self.header["Rows"]), int(self.header["Columns"])

    @property
    def spacing_mm(self) -> tuple[float, float]:
        """Distance between pixel centres, down and across."""
        down, across = self.header["PixelSpacing"]
        return down, across

    @property
    def thickness_mm(self) -> float:
        """Thickness of the slice; 1 where the header does not say."""
        return float(self.header.get("SliceThickness", 1.0))

    @property
    def orientation(self) -> tuple[float, ...]:
        """Direction of a row, then of a column, as two unit vectors."""
        return tuple(self.header["ImageOrientationPatient"])

    @cached_property
    def position_mm(self) -> NDArray[np.float64]:
        """Centre of the first pixel in the patient's coordinates, float64 [3]."""
        import numpy as np

        return np.array(self.header["ImagePositionPatient"], dtype=np.float64)

    @property
    def dtype(self) -> str:
        """Type of a stored pixel, as numpy names it."""
        sign = "i" if self.header.get("PixelRepresentation", 0) else "u"
        return f"<{sign}{self.header['BitsAllocated'] // 8}"

    def stored(self) -> NDArray[Any]:
        """Pixels as stored, integers [height, width], before rescaling."""
        import numpy as np

        if isinstance(self.pixels, np.ndarray):
            return self.pixels
        height, width = self.shape
        flat = np.fromfile(self.path, self.dtype, count=height * width, offset=self.pixels)
        return self._used_bits(flat).reshape(height, width)

    def _used_bits(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Only BitsStored bits are the pixel's; above them may be an overlay, or no sign."""
        unused = int(self.header["BitsAllocated"] - self.header.get("BitsStored", 0)) % 32
        if not unused or "BitsStored" not in self.header:
            return pixels
        limit = 1 << (self.header["BitsStored"] - bool(self.header.get("PixelRepresentation")))
        if pixels.max() < limit and pixels.min() >= -limit:
            return pixels
        return (pixels << unused) >> unused

    def hounsfield(self, out: NDArray[np.float32]) -> tuple[float, float]:
        """Writes stored * slope + intercept into `out`, float32 [height, width]; its range."""
        import numpy as np

        slope = np.float32(self.header["RescaleSlope"])
        intercept = np.float32(self.header["RescaleIntercept"])
        stored = self.stored()
        out[...] = stored
        if slope != 1:
            out *= slope
        out += intercept
        ends = stored.min() * slope + intercept, stored.max() * slope + intercept
        return float(min(ends)), float(max(ends))


def read_slice(source: VolumeSource, path: Path) -> Slice:
    """The header of one file, and where its pixels are; they are read when they are asked for.

    Raises:
        InputError: it is no DICOM file, has no pixel data or lacks a value that a CT slice needs,
            is cut short, has several frames or colours, or is compressed in a way that cannot be
            read here.
    """
    with path.open("rb") as file:
        head, size = file.read(HEAD), os.fstat(file.fileno()).st_size
        if head[128:132] != b"DICM":
            got = "an empty file" if not head else "a file without the DICM mark"
            raise _error(source, path, "a DICOM file", got)
        walked = walk(head, size)
        if walked is None and size > len(head):  # a header may be longer than that
            walked = walk(head + file.read(), size)
    header, pixels = walked if walked else _by_pydicom(source, path)
    if pixels is None:
        raise _error(source, path, "pixel data", "none")
    lacking = [name for name in REQUIRED if name not in header]
    if lacking:
        raise _error(source, path, "a CT slice", f"no {', '.join(lacking)}")
    _check_values(source, path, header)
    frames, values = header.get("NumberOfFrames", 1), header.get("SamplesPerPixel", 1)
    if frames != 1 or values != 1:
        got = f"{frames:g} frames of {values} values"
        raise _error(source, path, "one frame with one value for each pixel", got)
    if not isinstance(pixels, range):
        return Slice(path, header, pixels)
    bits = header["BitsAllocated"]
    if bits not in (8, 16, 32) or len(pixels) < header["Rows"] * header["Columns"] * bits // 8:
        expected = f"{header['Rows']} x {header['Columns']} pixels of 8, 16 or 32 bits"
        got = f"{len(pixels)} bytes with {bits} bits for each pixel"
        raise _error(source, path, expected, got)
    return Slice(path, header, pixels.start)


def _check_values(source: VolumeSource, path: Path, header: dict[str, Any]) -> None:
    for name, count in REQUIRED.items():
        value = header[name]
        numbers = value if isinstance(value, tuple) else (value,)
        if not count:
            continue
        usual = all(isinstance(n, (int, float)) and abs(n) < LARGEST for n in numbers)
        if len(numbers) != count or not usual or (name in POSITIVE and min(numbers) <= 0):
            kind = "positive" if name in POSITIVE else "finite"
            expected = f"{count} {kind} number{'s' if count > 1 else ''}"
            raise _error(source, path, f"{name} of {expected}", str(value))
    row, column = header["ImageOrientationPatient"][:3], header["ImageOrientationPatient"][3:]
    unit = all(abs(math.hypot(*vector) - 1) < 0.01 for vector in (row, column))
    if not unit or abs(sum(a * b for a, b in zip(row, column, strict=True))) > 0.01:
        expected = "ImageOrientationPatient of two unit vectors at a right angle"
        raise _error(source, path, expected, f"{row} and {column}")


def _error(source: VolumeSource, path: Path, expected: str, got: str) -> InputError:
    return InputError(source.name, expected=expected, got=got, file=relative(source, path))


def walk(  # noqa: C901 - one format, one loop
    raw: bytes, size: int
) -> tuple[dict[str, Any], range | None] | None:
    """Header values of a file in explicit VR little endian, and the place of its pixels.

    Args:
        raw: the beginning of the file.
        size: of the whole file, in bytes.

    Returns:
        None when the file is stored in another way or ends too early: pydicom may say more.
    """
    header: dict[str, Any] = {}
    place, end, depth = 132, len(raw), 0
    short, long = struct.Struct("<HH2sH"), struct.Struct("<I")
    try:
        while place + 8 <= end:
            group, element, vr, length = short.unpack_from(raw, place)
            place += 8
            if group == ITEM_GROUP:  # items have no VR; a delimiter ends an open sequence
                depth -= element == SEQUENCE_DELIMITER
                continue
            if vr in LONG_VR:
                (length,) = long.unpack_from(raw, place)
                place += 4
            tag = group << 16 | element
            if tag == PIXEL_DATA and not depth:
                if length == UNDEFINED or place + length > size:
                    return None
                return header, range(place, place + length)
            if length == UNDEFINED and vr == b"SQ":
                depth += 1
                continue
            if length == UNDEFINED or not vr.isalpha():
                return None
            if (
                tag == TRANSFER_SYNTAX
                and raw[place : place + length].rstrip(b"\0 ") != EXPLICIT_LITTLE_ENDIAN
            ):
                return None
            if tag in WANTED and not depth:
                header[WANTED[tag]] = _value(vr, raw[place : place + length])
            place += length
    except (struct.error, ValueError):
        return None
    return (header, None) if place == size else None


def _value(vr: bytes, raw: bytes) -> Any:
    if vr == b"US":
        return struct.unpack("<H", raw)[0]
    text = raw.decode("ascii").strip("\0 ")
    if vr == b"UI":
        return text
    numbers = tuple(float(part) for part in text.split("\\"))
    return numbers[0] if len(numbers) == 1 else numbers


def _by_pydicom(source: VolumeSource, path: Path) -> tuple[dict[str, Any], Any]:
    import pydicom

    got = "bytes that are no DICOM elements, or a file that is cut short"
    try:
        dataset = pydicom.dcmread(path)
        syntax = dataset.file_meta.TransferSyntaxUID
        got = f"pixels that cannot be decoded here, stored as {syntax.name}"
        header = {}
        for name in WANTED.values():
            value = dataset.get(name)
            if value is not None and value != "":
                many = isinstance(value, (list, pydicom.multival.MultiValue))
                header[name] = tuple(float(v) for v in value) if many else _plain(value)
        return header, dataset.pixel_array if "PixelData" in dataset else None
    except Exception as error:  # pydicom and its decoders raise many kinds
        raise _error(source, path, "a whole DICOM slice", got) from error


def _plain(value: Any) -> Any:
    return (
        str(value)
        if isinstance(value, str)
        else int(value)
        if isinstance(value, int)
        else float(value)
    )
