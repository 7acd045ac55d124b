"""One DICOM file: what its header says, and where its pixels are; nothing else of it is kept.

Source: DICOM PS3.3, C.7.6.2 (image plane), C.7.6.3 (image pixel), C.11.1 (rescale).
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ptm.errors import BadInput
from ptm.readers.dicom.demands import PADDING, RESCALE, RULES, SLICE
from ptm.readers.dicom.elements import (
    BIG_ENDIAN,
    BINARY,
    DEFLATED,
    HEAD,
    IMPLICIT,
    META,
    NATIVE,
    Elements,
    Inflated,
    More,
    Unknown,
    by_pydicom,
    read_meta,
    value,
    walk,
)
from ptm.shown import readable_size

MARK = b"DICM"
NO_ELEMENTS = "bytes that are no DICOM elements, or a file that is cut short"
ENDLESS = 1 << 62  # bytes: of a file whose size is not known
HOUNSFIELD = "Hounsfield units"


@dataclass(frozen=True)
class Slice:
    """One file of DICOM elements; one slice, once it is checked.

    Attributes:
        path: the file.
        name: how rows and messages of its series call it.
        max_bytes: that its decoded pixels may have.
        header: the values of WANTED that the file has: text, numbers or tuples of numbers.
        elements: the same as they are stored, and where the pixels are.
        size: of the file in bytes.
    """

    path: Path
    name: str
    max_bytes: int
    header: dict[str, Any]
    elements: Elements
    size: int

    @property
    def series(self) -> str | None:
        """SeriesInstanceUID."""
        uid: str | None = self.header.get("SeriesInstanceUID")
        return uid

    @property
    def modality(self) -> str | None:
        """What made the image: CT, MR, PT; None where the header does not say."""
        name: str | None = self.header.get("Modality")
        return name

    @property
    def unit(self) -> str | None:
        """Unit of the rescaled values as the header says it; None where it does not."""
        kind = self.header.get("RescaleType")
        if not self.is_rescaled:
            return None
        if self.modality == "PT":
            unit: str | None = self.header.get("Units", kind)
            return unit
        if self.modality != "CT":
            return None if kind is None or kind.upper() == "HU" else kind
        if kind is None:  # Hounsfield units need no word, except in what is no slice
            return None if self.is_localizer else HOUNSFIELD
        return HOUNSFIELD if kind.upper() == "HU" else kind

    @property
    def is_localizer(self) -> bool:
        """Whether the image is there to plan the others on."""
        words = self.header.get("ImageType") or ()
        return "LOCALIZER" in ((words,) if isinstance(words, str) else words)

    @property
    def is_rescaled(self) -> bool:
        """Whether the header has a slope and an intercept."""
        return all(name in self.header for name in RESCALE)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.header["Rows"], self.header["Columns"]

    @property
    def spacing_mm(self) -> tuple[float, float]:
        """Distance between pixel centres, down and across."""
        down, across = self.header["PixelSpacing"]
        return down, across

    @property
    def thickness_mm(self) -> float | None:
        """Thickness of the slice; None where the header does not say."""
        thickness: float | None = self.header.get("SliceThickness")
        return thickness

    @property
    def orientation(self) -> tuple[float, ...]:
        """Direction of a row, then of a column, as two unit vectors."""
        directions: tuple[float, ...] = self.header["ImageOrientationPatient"]
        return directions

    @property
    def position_mm(self) -> tuple[float, ...]:
        """Centre of the first pixel in the patient's coordinates."""
        position: tuple[float, ...] = self.header["ImagePositionPatient"]
        return position

    @property
    def position_text(self) -> list[str]:
        """The three numbers of the position as they are written."""
        vr, raw = self.elements.found["ImagePositionPatient"]
        if vr in BINARY:
            return [repr(float(number)) for number in self.position_mm]
        return [part.strip("\0 ") for part in raw.decode("ascii").split("\\")]

    @property
    def is_native(self) -> bool:
        """Whether the pixels are stored one after the other, not compressed."""
        return self.syntax in NATIVE

    @property
    def syntax(self) -> str:
        """TransferSyntaxUID: how elements and pixels are stored."""
        return str(self.header["TransferSyntaxUID"])

    def error(self, expected: str, got: str) -> BadInput:
        """An error that names the file."""
        return file_error(self.path, expected, got)


def file_error(path: Path, expected: str, got: str) -> BadInput:
    """An error that names the file."""
    return BadInput(expected=expected, got=got, file=str(path))


def read_header(path: Path, name: str, max_bytes: int) -> Slice:
    """What a file has of the wanted elements; nothing is demanded of it yet.

    Args:
        path: the file.
        name: how rows and messages call it.
        max_bytes: that its decoded pixels, and its header, may have.

    Raises:
        BadInput: it is no DICOM file, or its elements cannot be read.
    """
    with path.open("rb") as file:
        head, size = file.read(HEAD), os.fstat(file.fileno()).st_size
        if head[META - len(MARK) : META] != MARK:
            got = "an empty file" if not head else "a file without the DICM mark"
            raise file_error(path, "a DICOM file", got)
        elements = _elements(head, size, HEAD)
        most = max_bytes + HEAD  # what the header may take, and the slice
        while elements is None and len(head) < min(size, most):
            head += file.read(min(len(head) * 15, most - len(head)))
            elements = _elements(head, size, most)
    if elements is None:
        expected = f"a header of at most {readable_size(max_bytes)} (or 'max_bytes')"
        raise file_error(path, expected, f"one of more, in {readable_size(size)}")
    if isinstance(elements, str):
        raise file_error(path, SLICE, elements)
    return Slice(path, name, max_bytes, _header(elements), elements, size)


def _elements(raw: bytes, size: int, most: int) -> Elements | str | None:
    """The elements at the beginning of a file; None if more is needed; else what is wrong."""
    try:
        elements, place = read_meta(raw)
        syntax = _syntax(elements)
        if syntax == DEFLATED:
            return _of_deflated(raw, size, most)
        if syntax not in (IMPLICIT, BIG_ENDIAN):
            walk(raw, size, place, elements)
            return elements
    except More:
        return None
    except Unknown:
        pass
    except zlib.error:
        return "deflated data that are damaged"
    return _slowly(raw, size)


def _of_deflated(raw: bytes, size: int, most: int) -> Elements | None:
    """The elements, of which no more is inflated than it takes to come to the pixels."""
    _, place = read_meta(raw)
    inflated, count = Inflated(raw[place:]), HEAD
    while True:
        enough = inflated.upto(count)
        elements, _ = read_meta(raw)
        data = bytes(inflated.data)
        try:
            walk(data, len(data) if inflated.whole else ENDLESS, 0, elements)
            return elements
        except More:
            if enough and count < most:
                count = min(count * 16, most)
                continue
        if enough or len(raw) < size:
            return None
        elements.cut = size + 1, size
        return elements


def _slowly(raw: bytes, size: int) -> Elements | str | None:
    """As `_elements`, for what is not stored as CT series nearly always are."""
    import pydicom.filereader  # noqa: F401 - what may fail to load is no damage of the file

    try:
        elements, place = read_meta(raw)
        by_pydicom(raw, size, place, _syntax(elements), elements)
    except More:
        return None
    except Exception as error:  # it raises many kinds
        if may_pass(error):
            raise
        return None if len(raw) < size else NO_ELEMENTS
    return elements


def may_pass(error: Exception) -> bool:
    """Whether an error says nothing about the bytes: memory, files or a disk failed."""
    return isinstance(error, MemoryError) or bool(isinstance(error, OSError) and error.errno)


def _syntax(elements: Elements) -> str:
    text = value("TransferSyntaxUID", *elements.found.get("TransferSyntaxUID", (b"UI", b"")), "<")
    return str(text or "")


def _header(elements: Elements) -> dict[str, Any]:
    order, header = elements.order, {}
    for name, (vr, raw) in elements.found.items():
        known = value(name, vr, raw, order)
        if known is None:
            continue
        if type(known) is float and known.is_integer() and "whole" in RULES[name].kind:
            known = int(known)
        header[name] = known
    for name in PADDING:  # its sign is that of the pixels, whatever its VR says
        known = header.get(name)
        if isinstance(known, int):
            signed = header.get("PixelRepresentation") == 1
            header[name] = (known + 0x8000) % 0x10000 - 0x8000 if signed else known % 0x10000
    return header
