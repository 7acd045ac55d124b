"""The elements of a DICOM file that a volume needs, as they are stored; pixels are not read here.

CT series are nearly always stored in explicit VR little endian. For that the header is walked
here, ten times as fast as by a reader that keeps every element; what is stored in another way goes
through pydicom. Either way only bytes are taken, and `value` makes numbers and text of them.

Source: DICOM PS3.5, 7.1 (data elements), A.5 (deflated), PS3.10, 7.1 (file meta information).
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

HEAD = 1 << 14  # bytes read for the header
META = 132  # where the file meta information begins
IMPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
DEFLATED, EXPLICIT = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.1"
NATIVE = (IMPLICIT, BIG_ENDIAN, DEFLATED, EXPLICIT)
GROUP_LENGTH, PIXEL_DATA = 0x00020000, 0x7FE00010
LONG_VR = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
UNDEFINED = 0xFFFFFFFF
ITEM_GROUP, SEQUENCE_DELIMITER = 0xFFFE, 0xE0DD
# each with its VR, for files that do not say it
_WANTED = {
    0x00020010: ("TransferSyntaxUID", b"UI"),
    0x00080008: ("ImageType", b"CS"),
    0x00080016: ("SOPClassUID", b"UI"),
    0x00080060: ("Modality", b"CS"),
    0x00180050: ("SliceThickness", b"DS"),
    0x00181120: ("GantryDetectorTilt", b"DS"),
    0x0020000E: ("SeriesInstanceUID", b"UI"),
    0x00200032: ("ImagePositionPatient", b"DS"),
    0x00200037: ("ImageOrientationPatient", b"DS"),
    0x00200052: ("FrameOfReferenceUID", b"UI"),
    0x00280002: ("SamplesPerPixel", b"US"),
    0x00280004: ("PhotometricInterpretation", b"CS"),
    0x00280008: ("NumberOfFrames", b"IS"),
    0x00280010: ("Rows", b"US"),
    0x00280011: ("Columns", b"US"),
    0x00280030: ("PixelSpacing", b"DS"),
    0x00280100: ("BitsAllocated", b"US"),
    0x00280101: ("BitsStored", b"US"),
    0x00280102: ("HighBit", b"US"),
    0x00280103: ("PixelRepresentation", b"US"),
    0x00280120: ("PixelPaddingValue", b"US"),
    0x00280121: ("PixelPaddingRangeLimit", b"US"),
    0x00281052: ("RescaleIntercept", b"DS"),
    0x00281053: ("RescaleSlope", b"DS"),
    0x00281054: ("RescaleType", b"LO"),
    0x00283000: ("ModalityLUTSequence", b"SQ"),
    0x00541001: ("Units", b"CS"),
}
WANTED = {tag: name for tag, (name, _) in _WANTED.items()}
VR_OF = dict(_WANTED.values())
BINARY = {b"US": "H", b"SS": "h", b"UL": "I", b"SL": "i", b"FL": "f", b"FD": "d"}
TEXT_VR = frozenset((b"UI", b"CS", b"LO", b"SH", b"LT", b"ST", b"UT", b"UC", b"PN", b"AE"))
_SHORT, _LONG = struct.Struct("<HH2sH"), struct.Struct("<I")


@dataclass
class Elements:
    """What a file has of the wanted elements.

    Attributes:
        found: VR and bytes by name.
        doubled: names that are there more than once; the first one counts.
        place: where the pixels begin; None without any.
        length: of the pixel data in bytes; None where the file does not say.
        cut: how many bytes there should be at least, and how many there are, if too few.
        order: "<" or ">", of the bytes of a number.
        words: whether the pixels are stored in words of 16 bits, whatever their own.
    """

    found: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    doubled: list[str] = field(default_factory=list)
    place: int | None = None
    length: int | None = None
    cut: tuple[int, int] | None = None
    order: str = "<"
    words: bool = False

    def add(self, name: str, vr: bytes, raw: bytes) -> None:
        """One more, as it stands in the file."""
        if name in self.found:
            self.doubled.append(name)
        else:
            self.found[name] = vr, raw


class More(Exception):
    """The header is longer than the bytes that were read."""


class Unknown(Exception):
    """The bytes are stored in a way that is not walked here."""


def read_meta(raw: bytes) -> tuple[Elements, int]:
    """The file meta information, and where the data set begins.

    Raises:
        Unknown: what follows the mark is none.
    """
    elements, place, end = Elements(), META, 0
    while place < end or (not end and raw[place : place + 2] == b"\2\0"):
        if place + 12 > len(raw):
            raise Unknown
        group, element, vr, length = _SHORT.unpack_from(raw, place)
        place += 8
        if vr in LONG_VR:
            (length,) = _LONG.unpack_from(raw, place)
            place += 4
        tag = group << 16 | element
        if group != 2 or not vr.isalpha() or place + length > len(raw):
            raise Unknown
        if tag == GROUP_LENGTH and length == 4:
            end = place + 4 + _LONG.unpack_from(raw, place)[0]
        if tag in WANTED:
            elements.add(WANTED[tag], vr, raw[place : place + length])
        place += length
    return elements, place


def walk(  # noqa: C901 - one format, one loop
    raw: bytes, size: int, place: int, elements: Elements
) -> None:
    """Adds the wanted elements of a data set in explicit VR little endian, up to its pixels.

    Args:
        raw: the beginning of the file.
        size: of the whole file in bytes.
        place: where the data set begins.
        elements: of the file meta information.

    Raises:
        More: the header goes on beyond `raw`.
        Unknown: it is stored in another way.
    """
    end, depth, found = len(raw), 0, elements.found
    short, long, wanted, long_vr = _SHORT.unpack_from, _LONG.unpack_from, WANTED, LONG_VR
    while place + 8 <= end:
        group, element, vr, length = short(raw, place)
        place += 8
        if group == ITEM_GROUP:  # items have no VR; a delimiter ends an open sequence
            depth -= element == SEQUENCE_DELIMITER
            continue
        if vr in long_vr:
            if place + 4 > end:
                place += 4
                break
            (length,) = long(raw, place)
            place += 4
        tag = group << 16 | element
        if tag == PIXEL_DATA and not depth:
            elements.place = place
            _measure(elements, length, size)
            return
        name = wanted.get(tag) if not depth else None
        if length == UNDEFINED:
            if vr != b"SQ":
                raise Unknown
            depth += 1
            length = 0
        elif not vr.isalpha():
            raise Unknown
        if name is not None:
            if name in found:
                elements.doubled.append(name)
            elif place + length <= end:
                found[name] = vr, raw[place : place + length]
        place += length
    if place <= size:
        _look_at_end(elements, place, end, size)
    else:
        elements.cut = place, size


def _measure(elements: Elements, length: int, size: int) -> None:
    """Length of the pixel data, and whether the file has them all."""
    assert elements.place is not None
    elements.length = None if length == UNDEFINED else length
    stop = elements.place + (elements.length or 0)
    if stop > size:
        elements.cut = stop, size


def by_pydicom(raw: bytes, size: int, place: int, syntax: str, elements: Elements) -> None:
    """As `walk`, for every way to store elements.

    Raises:
        More: the header goes on beyond `raw`.
        Exception: of any other kind; what is read is no data set, or is not whole.
    """
    from pydicom.filereader import data_element_generator

    file = io.BytesIO(raw)
    file.seek(place)
    first = raw[place + 4 : place + 6]
    little = syntax != BIG_ENDIAN
    elements.order = "<" if little else ">"

    def ends(tag: int, vr: str | None, length: int) -> bool:
        if tag == PIXEL_DATA:
            elements.place, elements.words = file.tell(), vr == "OW"
            _measure(elements, length, size)
            return True
        if length != UNDEFINED and file.tell() + length > size:
            elements.cut = file.tell() + length, size
            return True
        return False

    implicit, stop = not (first.isalpha() and first.isupper()), place
    try:
        for element in data_element_generator(file, implicit, little, ends):
            name = WANTED.get(element.tag)
            if name is not None:
                raw_value = element.value if isinstance(element.value, bytes) else b""
                elements.add(name, (element.VR or "UN").encode(), raw_value)
            stop = file.tell()
    except EOFError as error:
        if len(raw) < size:
            raise More from error
        elements.cut = size + 1, size
    if elements.place is None and elements.cut is None:
        _look_at_end(elements, stop, len(raw), size)


def _look_at_end(elements: Elements, place: int, read: int, size: int) -> None:
    """Where elements without pixels end: with the file, or there is more of it, or it is cut."""
    if read < size:
        raise More
    if place != size:
        elements.cut = max(place, size + 1), size


@lru_cache(4096)  # the slices of a series have nearly all their values in common
def value(name: str, vr: bytes, raw: bytes, order: str) -> Any:
    """What the bytes of an element say: text, a number, a tuple of them; text where it is none.

    Returns:
        None for an element without a value.
    """
    known = VR_OF[name] if vr == b"UN" else vr
    if known in BINARY:
        return _binary(BINARY[known], raw, order)
    text = raw.decode("ascii", "backslashreplace").strip("\0 ")
    if not text:
        return None
    if not text.isprintable():  # what no header may hold, and no message of one line
        text = "".join(letter if letter.isprintable() else "?" for letter in text)
    parts = [part.strip("\0 ") for part in text.split("\\")]
    if VR_OF[name] not in TEXT_VR:
        try:
            return _one_or_all([_number(part, known) for part in parts])
        except ValueError:
            return text
    return _one_or_all(parts)


def _binary(kind: str, raw: bytes, order: str) -> Any:
    size = struct.calcsize(kind)
    if not raw:
        return None
    if len(raw) % size:
        return raw.hex()
    return _one_or_all(list(struct.unpack(f"{order}{len(raw) // size}{kind}", raw)))


def _number(text: str, vr: bytes) -> float:
    if "_" in text:  # which Python would take for a part of a number
        raise ValueError
    return int(text) if vr == b"IS" and text.lstrip("+-").isdigit() else float(text)


def _one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else tuple(values)


class Inflated:
    """The data set of a deflated file, inflated as far as it is asked for.

    Args:
        raw: the deflated bytes.
    """

    def __init__(self, raw: bytes) -> None:
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._rest = raw
        self.data = bytearray()

    def upto(self, count: int) -> bool:
        """Inflates so many bytes in all; whether there are so many.

        Raises:
            zlib.error: the bytes are no deflated data.
        """
        while len(self.data) < count and not self._inflate.eof:
            more = self._inflate.decompress(self._rest, count - len(self.data))
            self._rest = self._inflate.unconsumed_tail
            self.data += more
            if not more and not self._rest:
                break
        return len(self.data) >= count

    @property
    def whole(self) -> bool:
        """Whether the deflated data ended where they should."""
        return self._inflate.eof
