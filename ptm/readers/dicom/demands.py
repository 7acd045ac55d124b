"""What the header of a DICOM slice must say, and what is wrong with one that does not.

Source: DICOM PS3.3, C.7.6.2 (image plane), C.7.6.3 (image pixel), C.11.1 (rescale).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm.shown import readable_size

if TYPE_CHECKING:
    from ptm.errors import BadInput
    from ptm.readers.dicom.slices import Slice

SLICE = "a whole DICOM slice"
LONGEST = 40  # letters of a value in a message
LONGEST_TEXT = 64  # letters of a UID, or of a unit
SMALLEST, LARGEST = 1e-30, 1e30  # beyond any value that means something, well inside float32


class Rule(NamedTuple):
    """What a value of a header must be.

    Attributes:
        numbers: how many; 0 for one text.
        kind: "finite", "positive", "not zero" (numbers), "positive whole", "whole" or "0 or 1".
        needed: whether a slice must have it.
    """

    numbers: int
    kind: str = "finite"
    needed: bool = True


RULES = {
    "TransferSyntaxUID": Rule(0),
    "SeriesInstanceUID": Rule(0),
    "ImagePositionPatient": Rule(3),
    "ImageOrientationPatient": Rule(6),
    "PixelSpacing": Rule(2, "positive"),
    "Rows": Rule(1, "positive whole"),
    "Columns": Rule(1, "positive whole"),
    "SamplesPerPixel": Rule(1, "positive whole"),
    "PhotometricInterpretation": Rule(0),
    "BitsAllocated": Rule(1, "positive whole"),
    "BitsStored": Rule(1, "positive whole"),
    "HighBit": Rule(1, "whole"),
    "PixelRepresentation": Rule(1, "0 or 1"),
    "RescaleSlope": Rule(1, "not zero"),
    "RescaleIntercept": Rule(1),
    "NumberOfFrames": Rule(1, "positive whole", needed=False),
    "SliceThickness": Rule(1, "positive", needed=False),
    "GantryDetectorTilt": Rule(1, needed=False),
    "PixelPaddingValue": Rule(1, "whole", needed=False),
    "PixelPaddingRangeLimit": Rule(1, "whole", needed=False),
    "Modality": Rule(0, needed=False),
    "FrameOfReferenceUID": Rule(0, needed=False),
    "RescaleType": Rule(0, needed=False),
    "Units": Rule(0, needed=False),
}
NEEDED = tuple(name for name, rule in RULES.items() if rule.needed)
RESCALE = ("RescaleSlope", "RescaleIntercept")
PADDING = ("PixelPaddingValue", "PixelPaddingRangeLimit")


def check(found: Slice) -> Iterator[BadInput]:
    """What keeps the header of a file from being that of a slice whose pixels can be read."""
    header, elements = found.header, found.elements
    if elements.cut:
        whole_size, size = elements.cut
        yield found.error(
            f"{SLICE} of at least {whole_size} bytes", f"{size} bytes: it is cut short"
        )
        return
    frames, values = header.get("NumberOfFrames", 1), header.get("SamplesPerPixel", 1)
    whole = isinstance(frames, int) and isinstance(values, int) and frames > 0 < values
    if whole and (frames, values) != (1, 1):
        got = f"{frames} frames of {values} values" + " (multi-frame)" * (frames > 1)
        yield found.error("one frame with one value for each pixel", got)
        return
    if elements.place is None:
        yield found.error("pixel data", "none")
        return
    problems = list(_problems(found)) or list(_contradictions(found))
    for expected, got in problems:
        yield found.error(expected, got)


def _problems(found: Slice) -> Iterator[tuple[str, str]]:
    """What the values are one by one: expected, got."""
    header, modality = found.header, found.modality
    for name in dict.fromkeys(found.elements.doubled):
        yield f"{name} once", f"it {found.elements.doubled.count(name) + 1} times"
    lacking = [name for name in NEEDED if name not in header]
    if modality not in (None, "CT") and all(name in lacking for name in RESCALE):
        lacking = [name for name in lacking if name not in RESCALE]
    if lacking:
        yield "a CT slice" if modality == "CT" else "a slice", f"no {', '.join(lacking)}"
    if PADDING[1] in header and PADDING[0] not in header:
        yield f"{PADDING[0]} where there is {PADDING[1]}", "none"
    for name, known in header.items():
        problem = _problem(name, known)
        if problem:
            yield f"{name} to be {problem}", _shown(known)


@lru_cache(4096, typed=True)  # the slices of a series have nearly all values in common
def _problem(name: str, known: Any) -> str:
    """What a value should be, if it is not."""
    rule = RULES.get(name)
    if rule is None:
        return ""
    if not rule.numbers:
        right = isinstance(known, str) and len(known) <= LONGEST_TEXT
        return "" if right else f"one text of at most {LONGEST_TEXT} letters"
    numbers = known if isinstance(known, tuple) else (known,)
    if len(numbers) == rule.numbers and all(_is(rule.kind, number) for number in numbers):
        return ""
    named = {"not zero": "number that is not zero", "0 or 1": "number, 0 or 1"}
    what = named.get(rule.kind, f"{rule.kind} number")
    return f"a {what}" if rule.numbers == 1 else f"{rule.numbers} {what}s"


def _is(kind: str, number: Any) -> bool:
    if not isinstance(number, (int, float)) or not abs(number) < LARGEST:
        return False
    if "whole" in kind or kind == "0 or 1":
        if not isinstance(number, int):
            return False
        return number > 0 if "positive" in kind else (kind == "whole" or number in (0, 1))
    return {
        "finite": True,
        "positive": number > SMALLEST,
        "not zero": abs(number) > SMALLEST,
    }[kind]


def _shown(known: Any) -> str:
    text = repr(known) if isinstance(known, str) else str(known)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def _contradictions(found: Slice) -> Iterator[tuple[str, str]]:
    """What the values are together, each of them valid: expected, got."""
    header, elements = found.header, found.elements
    photometric = header["PhotometricInterpretation"]
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        yield "gray pixels (MONOCHROME1 or MONOCHROME2)", _shown(photometric)
    if "ModalityLUTSequence" in elements.found:
        yield "a slope and an intercept", "a table to look values up (ModalityLUTSequence)"
    bits, used, high = header["BitsAllocated"], header["BitsStored"], header["HighBit"]
    if used > bits or high != used - 1:
        expected = f"BitsStored of at most {bits}, and HighBit one less"
        yield expected, f"BitsStored {used}, HighBit {high}"
    size = header["Rows"] * header["Columns"] * bits // 8
    most = found.max_bytes
    length = elements.length
    if size > most:
        expected = f"a slice of at most {readable_size(most)} (or max_bytes = {size})"
        yield expected, f"{header['Rows']} x {header['Columns']} pixels, {readable_size(size)}"
    elif bits not in (8, 16, 32) or (length is not None and length < size and found.is_native):
        yield (
            f"{header['Rows']} x {header['Columns']} pixels of 8, 16 or 32 bits",
            f"{'compressed' if length is None else length} bytes with {bits} bits for each pixel",
        )
    elif length is not None and found.is_native and length > size + size // header["Rows"] + 1:
        # a little more is padding; a row more is no slice of that size, or of that depth
        expected = f"{size} bytes of {header['Rows']} x {header['Columns']} pixels of {bits} bits"
        yield expected, f"{length} bytes"
    if length is None and found.size > 2 * most:  # it is read whole, and no longer than its pixels
        expected = f"a file of at most {readable_size(2 * most)} (or a larger max_bytes)"
        yield expected, readable_size(found.size)
    row, column = found.orientation[:3], found.orientation[3:]
    unit = all(abs(math.hypot(*vector) - 1) < 0.01 for vector in (row, column))
    if not unit or abs(sum(a * b for a, b in zip(row, column, strict=True))) > 0.01:
        expected = "ImageOrientationPatient of two unit vectors at a right angle"
        yield expected, f"{row} and {column}"
