"""DICOM slices built byte by byte: whatever a header says, however it is stored."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.encaps import encapsulate

SYNTAXES = {
    "explicit": "1.2.840.10008.1.2.1",
    "implicit": "1.2.840.10008.1.2",
    "big endian": "1.2.840.10008.1.2.2",
    "deflated": "1.2.840.10008.1.2.1.99",
    "rle": "1.2.840.10008.1.2.5",
}
LONG = ("OB", "OW", "SQ", "UN", "UT")
CT: dict[str, Any] = {
    "ImageType": "ORIGINAL\\PRIMARY\\AXIAL",
    "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
    "Modality": "CT",
    "PatientName": "Secret^Person",
    "PatientID": "SECRET-0001",
    "SliceThickness": "3",
    "SeriesInstanceUID": "1.2.3",
    "ImagePositionPatient": "0\\0\\0",
    "ImageOrientationPatient": "1\\0\\0\\0\\1\\0",
    "FrameOfReferenceUID": "1.2.4",
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "Rows": 8,
    "Columns": 8,
    "PixelSpacing": "1\\1",
    "BitsAllocated": 16,
    "BitsStored": 16,
    "HighBit": 15,
    "PixelRepresentation": 1,
    "RescaleIntercept": "-1024",
    "RescaleSlope": "1",
}
PIXELS = (np.arange(64, dtype=np.int16) * 10).reshape(8, 8)


def slice_bytes(
    pixels: np.ndarray | None = PIXELS,
    stored: str = "explicit",
    doubled: Iterable[str] = (),
    vrs: dict[str, str] | None = None,
    **changes: Any,
) -> bytes:
    """A file of one CT slice.

    Args:
        pixels: as stored, [height, width]; None leaves them out.
        stored: one of SYNTAXES.
        doubled: names of values that stand there twice.
        vrs: of values that have not their own.
        changes: of CT by keyword: text, a number for a binary value, bytes; None takes one out.
    """
    order = ">" if stored == "big endian" else "<"
    values = {name: value for name, value in (CT | changes).items() if value is not None}
    elements = b""
    for tag, name in sorted((tag_for_keyword(name) or 0, name) for name in values):
        vr = (vrs or {}).get(name) or dictionary_VR(tag)
        vr = "US" if vr == "US or SS" else vr
        one = _element(tag, vr, _raw(values[name], vr, order), order, stored == "implicit")
        elements += one * (2 if name in doubled else 1)
    if pixels is not None:
        elements += _pixels(pixels, stored, order)
    if stored == "deflated":
        deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        elements = deflate.compress(elements) + deflate.flush()
    syntax = _raw(SYNTAXES[stored], "UI", "<")
    meta = _element(0x00020010, "UI", syntax, "<", False)
    length = _element(0x00020000, "UL", struct.pack("<I", len(meta)), "<", False)
    return bytes(128) + b"DICM" + length + meta + elements


def _raw(value: Any, vr: str, order: str) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, int):
        raw = struct.pack(order + {"US": "H", "SS": "h", "UL": "I"}[vr], value)
    else:
        raw = str(value).encode()
    return raw + (b"\0" if vr == "UI" else b" ") * (len(raw) % 2)


def _element(tag: int, vr: str, raw: bytes, order: str, implicit: bool) -> bytes:
    group, element = tag >> 16, tag & 0xFFFF
    if implicit:
        return struct.pack(f"{order}HHI", group, element, len(raw)) + raw
    head = struct.pack(f"{order}HH2s", group, element, vr.encode())
    length = (
        struct.pack(f"{order}HI", 0, len(raw)) if vr in LONG else struct.pack(f"{order}H", len(raw))
    )
    return head + length + raw


def _pixels(pixels: np.ndarray, stored: str, order: str) -> bytes:
    if stored == "rle":
        items = encapsulate([rle(pixels)], has_bot=False)
        return (
            struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF)
            + items
            + b"\xfe\xff\xdd\xe0\0\0\0\0"
        )
    raw = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    return _element(0x7FE00010, "OW", raw + b"\0" * (len(raw) % 2), order, stored == "implicit")


def rle(pixels: np.ndarray) -> bytes:
    """Pixels in run lengths, by a rule as simple as it can be: each byte a literal run of 1."""
    segments = []
    planes = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(-1, 1).view(np.uint8)
    for plane in planes.T:
        segment = b"".join(bytes((0, byte)) for byte in plane.tolist())
        segments.append(segment + b"\0" * (len(segment) % 2))
    places, place = [], 64
    for segment in segments:
        places.append(place)
        place += len(segment)
    head = struct.pack("<16I", len(segments), *places, *[0] * (15 - len(segments)))
    return head + b"".join(segments)
