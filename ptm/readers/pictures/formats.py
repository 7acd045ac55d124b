"""How many bits a picture has for each channel, and in what order, by the header of its format.

Decoders hand out 8 bits whatever the file has, most of them without a word, so the header is asked.

Source: PNG 3rd edition, 11.2.1 (IHDR); the manual page ppm(5); SGI image file format 1.00; AV1 in
ISOBMFF, 2.3 (av1C); BITMAPV5HEADER; Truevision TGA 2.0; ZSoft PCX technical reference.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Collection, Iterator

from ptm.readers.pictures import jpeg, jpeg2000, tiff

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SPACE = rb"(?:\s|#[^\r\n]*[\r\n])+"
NETPBM = re.compile(rb"P([1-6])" + 3 * (_SPACE + rb"(\d+)") + rb"\s")
TEXTS = (b"zTXt", b"iTXt", b"iCCP")
ADAM7 = (  # left, top, columns and rows from one to the next of each pass
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
SHORT = "one that is cut short"
BITFIELDS = (3, 6)  # of a BMP: masks tell where each channel is
PCX_PALETTE = 769  # bytes at the end, the first of them 12
PCX_GRAY = 2


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

    Raises:
        struct.error, ValueError, KeyError, IndexError, ZeroDivisionError: of its header.
    """
    look = DAMAGES.get(kind)
    return look(raw) if look else ""


def kind_of(raw: bytes) -> str:
    """The format by how a file begins, of those whose header is looked into; "" of others."""
    if raw[4:8] == b"ftyp":
        (length,) = struct.unpack_from(">I", raw)
        brands = {raw[place : place + 4] for place in (8, *range(16, min(length, 256), 4))}
        return "AVIF" if brands & AVIF else "HEIF" if raw[8:12] in HEIF else ""
    return next((kind for start, kind in STARTS.items() if raw.startswith(start)), "")


def foreign(raw: bytes) -> str:
    """The name of a format that is well known and that cannot be read here; "" of others."""
    if b"<svg" in raw[:SVG_HEAD]:
        return "SVG"
    return next((name for start, name in FOREIGN.items() if raw.startswith(start)), "")


def without_texts(raw: bytes) -> bytes:
    """A PNG without its texts and profiles, of which decoders take only short ones.

    They say nothing of the pixels. What is damaged stays as it is.
    """
    kept, place = [raw[:8]], len(PNG_SIGNATURE)
    while place + 12 <= len(raw):
        (length,) = struct.unpack_from(">I", raw, place)
        kind = raw[place + 4 : place + 8]
        if kind == b"IDAT":
            break
        if kind not in TEXTS:
            kept.append(raw[place : place + 12 + length])
        place += 12 + length
    return b"".join([*kept, raw[place:]])


def png_fault(raw: bytes) -> str:
    """Whether the pixels of a PNG end early; "" where all rows are there.

    Decoders leave rows zero that are not there, if the data end between two rows.
    """
    width, height, depth, color, _, _, interlaced = struct.unpack_from(">IIBBBBB", raw, 16)
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    needed = 0
    for left, top, across, down in passes:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        needed += rows * (1 + -(-columns * bits // 8)) if columns > 0 else 0
    inflate, there, place = zlib.decompressobj(), 0, len(PNG_SIGNATURE)
    while place + 12 <= len(raw) and there < needed:
        (length,) = struct.unpack_from(">I", raw, place)
        if raw[place + 4 : place + 8] == b"IDAT":
            part = raw[place + 8 : place + 8 + length]
            there += len(inflate.decompress(part, needed - there))
        place += 12 + length
    return "" if there >= needed else SHORT


def steps_of(kind: str, raw: bytes) -> int:
    """How far apart decoders put the values of gray of fewer than 8 bits: 85 of 2, 17 of 4."""
    bits = 8
    if kind == "PNG":
        bits = raw[24]
    elif kind == "TIFF":
        bits = tiff.depth(raw)[0][0]
    return {2: 85, 4: 17}.get(bits, 1)


def _bits(bits: int) -> str:
    return "" if bits == 8 else f"{bits} bit{'s'[: bits > 1]} for each channel"


def _all_bits(bits: Collection[int]) -> str:
    """Of channels: the most that one has, if that is too many, else the least."""
    return _bits(max(bits) if max(bits) > 8 else min(bits))


def _png(raw: bytes) -> str:
    if [place for place, kind, _ in _chunks(raw) if kind == b"IHDR"] != [len(PNG_SIGNATURE)]:
        return "other than one header, at the beginning"
    depth, color = raw[24], raw[25]
    return f"a palette of {depth}-bit indices" if color == 3 else _bits(depth)


def _png_damage(raw: bytes) -> str:
    kind = b""
    for place, kind, end in _chunks(raw):
        if end > len(raw):
            return "one that is cut short"
        (expected,) = struct.unpack_from(">I", raw, end - 4)
        if zlib.crc32(memoryview(raw)[place + 4 : end - 4]) != expected:
            return f"damaged data (the checksum of its chunk {kind.decode('latin-1')!r})"
    return "" if kind == b"IEND" else "one that is cut short"


def _chunks(raw: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Where each chunk of a PNG begins, what it is, and where it ends; up to IEND."""
    place, kind = len(PNG_SIGNATURE), b""
    while place + 12 <= len(raw) and kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", raw, place)
        yield place, kind, place + 12 + length
        place += 12 + length


def _jpeg(raw: bytes) -> str:
    frames, _ = jpeg.headers(raw)
    return _bits(max(frame.bits for frame in frames)) if frames else ""


def _tiff(raw: bytes) -> str:
    if tiff.is_reduced(raw):
        return "a smaller copy of another picture, by its header"
    bits, kind = tiff.depth(raw)
    return f"{kind} of {max(bits)} bits for each channel" if kind else _all_bits(bits)


def _netpbm(raw: bytes) -> str:
    if raw[:2] in (b"P1", b"P4"):
        return "1 bit for each pixel"
    if raw[:2] in (b"Pf", b"PF"):
        return "floats"
    found = NETPBM.match(raw)
    if not found:
        return "a header without a largest value"
    kind, width, height, most = (int(number[:20]) for number in found.groups())
    if most not in (255, 65535):
        return f"values from 0 to {most}"
    size = width * height * (3 if kind == 6 else 1) * (1 if most == 255 else 2)
    size = size if kind > 3 else len(raw)
    behind = raw[found.end() + size :].lstrip()
    if NETPBM.match(behind):
        return "several pictures in one file"
    return "" if most == 255 else f"values from 0 to {most}"


def _bmp(raw: bytes) -> str:
    return _dib(raw[14:])


def _dib(raw: bytes) -> str:
    (size,) = struct.unpack_from("<I", raw)
    if size == 12:
        return ""  # as OS/2 wrote them: 1 to 8 bits with a palette, or 24
    bits, packing = struct.unpack_from("<HI", raw, 14)
    if packing in BITFIELDS:
        return _all_bits([mask.bit_count() for mask in struct.unpack_from("<3I", raw, 40)])
    return _bits(5) if bits == 16 else ""


def _tga(raw: bytes) -> str:
    colors = raw[2] & 7 == 2
    return _bits(5) if colors and raw[16] in (15, 16) else ""


def _pcx_damage(raw: bytes) -> str:
    # its palette stands at the end: without it, numbers of colours would be taken for grays
    version, bits, planes, palette = raw[1], raw[3], raw[65], raw[68]
    whole = len(raw) > PCX_PALETTE and raw[-PCX_PALETTE] == 12
    indices = (version, bits, planes) == (5, 8, 1) and palette != PCX_GRAY
    return "one that is cut short" if indices and not whole else ""


def _sgi(raw: bytes) -> str:
    (colormap,) = struct.unpack_from(">I", raw, 104)
    return "a map of colours" if colormap else _bits(8 * raw[3])


def _sun(raw: bytes) -> str:
    (bits,) = struct.unpack_from(">I", raw, 12)
    return "32 bits for each pixel, in an order that programs disagree on" if bits == 32 else ""


def _jpeg2000(raw: bytes) -> str:
    bits, kind = jpeg2000.depth(raw)
    return kind or _all_bits(bits)


def _avif(raw: bytes) -> str:
    boxes = [found.end() for found in re.finditer(rb"av1C", raw)]
    if not boxes:
        return "an unknown depth"
    deep = [raw[place + 2] & 0x60 for place in boxes]
    return "" if not any(deep) else "12 bits for each channel" if 0x60 in deep else _bits(10)


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
    "HEIF": None,  # its decoder tells the depth
    "BMP": _bmp,
    "DIB": _dib,
    "TGA": _tga,
    "GIF": None,
    "PCX": None,
    "QOI": None,
    "SUN": _sun,
    "WEBP": None,
}
DAMAGES: dict[str, Callable[[bytes], str]] = {
    "JPEG": jpeg.missing,
    "MPO": jpeg.missing,
    "PNG": _png_damage,
    "TIFF": tiff.missing,
    "JPEG2000": jpeg2000.missing,
    "PCX": _pcx_damage,
}
STARTS = {
    PNG_SIGNATURE: "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"BM": "BMP",
    b"Pf\n": "PPM",
    b"PF\n": "PPM",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG2000",
    jpeg2000.START: "JPEG2000",
    b"\x01\xda": "SGI",
    **{
        f"P{kind}".encode() + blank: "PPM"
        for kind in range(1, 7)
        for blank in (b"\n", b" ", b"\r", b"\t")
    },
}
AVIF = {b"avif", b"avis"}
HEIF = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
SVG_HEAD = 1000  # bytes among which its first element stands
FOREIGN = {
    b"%PDF": "PDF",
    b"8BPS": "PSD",
    b"P7": "PAM",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL",
    b"v/1\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
    b"gimp xcf": "XCF",
    b"SIMPLE  =": "FITS",
}
