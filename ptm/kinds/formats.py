"""How many bits a picture has for each channel, and in what order, by the header of its format.

Decoders hand out 8 bits whatever the file has, most of them without a word, so the header is asked.

Source: PNG 3rd edition, 11.2.1 (IHDR); TIFF 6.0 and BigTIFF; ITU-T T.81, B.2.2 (JPEG frame header);
ITU-T T.800, A.5.1 (SIZ) and I.4 (boxes); the manual page ppm(5); SGI image file format 1.00; AV1 in
ISOBMFF, 2.3 (av1C); Adobe Photoshop file format (header).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
CODESTREAM = b"\xff\x4f\xff\x51"  # how one of JPEG 2000 begins: SOC, SIZ
CODESTREAM_END = b"\xff\xd9"
TIFF_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}  # unsigned integers
BITS_PER_SAMPLE, SAMPLE_FORMAT = 258, 339
MOST_VALUES = 64  # of a tag that says something of each channel
SAMPLE_FORMATS = {2: "signed integers", 3: "floats", 5: "complex integers", 6: "complex floats"}
NETPBM = re.compile(rb"P([1-6])(?:(?:\s|#[^\r\n]*[\r\n])+(\d+)){3}")
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers of JPEG with a frame header


def depth_fault(kind: str, raw: bytes) -> str:
    """What a picture has instead of 8 bits, unsigned, for each channel; "" where it has those.

    Args:
        kind: its format, as Pillow calls it.
        raw: the bytes of the file.

    Raises:
        struct.error, ValueError, IndexError: the header ends too early.
    """
    if kind not in DEPTHS:
        return f"{kind}, a format whose depth is not known here"
    look = DEPTHS[kind]
    return look(raw) if look else ""


def damage(kind: str, raw: bytes) -> str:
    """Damage that the bytes show and that decoders do not look for; "" where there is none.

    Args:
        kind: the format, as Pillow calls it.
        raw: the bytes of the file.
    """
    if kind == "PNG":
        return _png_damage(raw)
    if kind == "JPEG2000":
        stream = _codestream(raw)
        return "" if stream.rstrip(b"\0").endswith(CODESTREAM_END) else "one that is cut short"
    return ""


def kind_of(raw: bytes) -> str:
    """The format by how a file begins, of those whose header is looked into; "" of others."""
    if raw[4:12] in (b"ftypavif", b"ftypavis"):
        return "AVIF"
    return next((kind for start, kind in STARTS.items() if raw.startswith(start)), "")


def _bits(bits: int) -> str:
    return "" if bits == 8 else f"{bits} bits for each channel"


def _png(raw: bytes) -> str:
    depth, color = raw[24], raw[25]
    return f"a palette of {depth}-bit indices" if color == 3 else _bits(depth)


def _png_damage(raw: bytes) -> str:
    place = len(PNG_SIGNATURE)
    while place + 12 <= len(raw):
        (length,) = struct.unpack_from(">I", raw, place)
        end = place + 12 + length
        if end > len(raw):
            return "one that is cut short"
        (expected,) = struct.unpack_from(">I", raw, end - 4)
        kind = raw[place + 4 : place + 8]
        if zlib.crc32(memoryview(raw)[place + 4 : end - 4]) != expected:
            return f"damaged data (the checksum of its chunk {kind.decode('latin-1')!r})"
        if kind == b"IEND":
            return ""
        place = end
    return "one that is cut short"


def _jpeg(raw: bytes) -> str:
    place = 2
    while place + 5 <= len(raw):
        if raw[place] != 0xFF:
            break
        marker = raw[place + 1]
        if marker in FRAMES:
            return _bits(raw[place + 4])
        # a fill byte, or a marker without a length
        bare = marker in (0x01, 0xFF) or 0xD0 <= marker <= 0xD8
        (length,) = struct.unpack_from(">H", raw, place + 2)
        place += 1 if marker == 0xFF else 2 if bare else 2 + length
    return ""


def _tiff(raw: bytes) -> str:
    tags = dict(_tiff_tags(raw))
    bits = tags.get(BITS_PER_SAMPLE, (1,))
    formats = {*tags.get(SAMPLE_FORMAT, (1,))} - {1, 4}  # unsigned; undefined, which is as stored
    most = max(bits)
    if formats:
        kind = SAMPLE_FORMATS.get(min(formats), "values of an unknown kind")
        return f"{kind} of {most} bits for each channel"
    return _bits(most if most > 8 else min(bits))


def _tiff_tags(raw: bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The tags of the first page of a TIFF that hold unsigned integers."""
    order = "<" if raw[:2] == b"II" else ">"
    (version,) = struct.unpack_from(f"{order}H", raw, 2)
    large = version == 43
    count, entry, offset = ("Q", "HHQ", "Q") if large else ("H", "HHI", "I")
    (place,) = struct.unpack_from(f"{order}{offset}", raw, 8 if large else 4)
    (entries,) = struct.unpack_from(f"{order}{count}", raw, place)
    place += struct.calcsize(f"{order}{count}")
    width = struct.calcsize(f"{order}{entry}{offset}")
    for number in range(entries):
        at = place + number * width
        tag, kind, values = struct.unpack_from(f"{order}{entry}", raw, at)
        at += struct.calcsize(f"{order}{entry}")
        if kind not in TIFF_TYPES or values > MOST_VALUES:
            continue
        form = f"{order}{values}{TIFF_TYPES[kind]}"
        if struct.calcsize(form) > struct.calcsize(f"{order}{offset}"):
            (at,) = struct.unpack_from(f"{order}{offset}", raw, at)
        yield tag, struct.unpack_from(form, raw, at)


def _netpbm(raw: bytes) -> str:
    if raw[:2] in (b"P1", b"P4"):
        return "1 bit for each pixel"
    found = NETPBM.match(raw)
    if not found:
        return "a header without a largest value"
    most = int(found[2][:20])
    return "" if most == 255 else f"values from 0 to {most}"


def _sgi(raw: bytes) -> str:
    return _bits(8 * raw[3])


def _jpeg2000(raw: bytes) -> str:
    stream = _codestream(raw)
    (count,) = struct.unpack_from(">H", stream, 40)
    components = [stream[42 + 3 * number] for number in range(count)]
    if any(component & 0x80 for component in components):
        return "signed integers"
    depths = {(component & 0x7F) + 1 for component in components}
    return _bits(max(depths) if max(depths) > 8 else min(depths))


def _codestream(raw: bytes) -> bytes:
    """The codestream of a JPEG 2000 file, which stands in a box of it, or is all of it."""
    if raw.startswith(CODESTREAM):
        return raw
    place = 0
    while place + 8 <= len(raw):
        length, kind = struct.unpack_from(">I4s", raw, place)
        head = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", raw, place + 8)
            head = 16
        end = place + length if length else len(raw)
        if kind == b"jp2c":
            return raw[place + head : end] if end <= len(raw) else raw[place + head :]
        if end <= place:
            break
        place = end
    raise ValueError("no codestream")


def _avif(raw: bytes) -> str:
    boxes = [found.end() for found in re.finditer(rb"av1C", raw)]
    if not boxes:
        return "an unknown depth"
    deep = [raw[place + 2] & 0x60 for place in boxes]
    return "" if not any(deep) else "12 bits for each channel" if 0x60 in deep else _bits(10)


def _psd(raw: bytes) -> str:
    return _bits(struct.unpack_from(">H", raw, 22)[0])


# the formats that may be read; None: it cannot have more than 8 bits for each channel
DEPTHS: dict[str, Callable[[bytes], str] | None] = {
    "JPEG": _jpeg,
    "MPO": _jpeg,
    "PNG": _png,
    "TIFF": _tiff,
    "PPM": _netpbm,
    "SGI": _sgi,
    "JPEG2000": _jpeg2000,
    "AVIF": _avif,
    "PSD": _psd,
    "BMP": None,
    "DIB": None,
    "GIF": None,
    "PCX": None,
    "QOI": None,
    "SUN": None,
    "TGA": None,
    "WEBP": None,
}
STARTS = {
    PNG_SIGNATURE: "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"8BPS": "PSD",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG2000",
    CODESTREAM: "JPEG2000",
    b"\x01\xda": "SGI",
}
