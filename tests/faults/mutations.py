"""Files of every format that ptm reads, and what becomes of them when their bytes are changed.

Run as a program it reads mutations in a process of its own, whose memory and time are bounded:
`python -m tests.faults.mutations FOLDER FIRST COUNT READER…` prints a JSON object for each that
came to anything but tensors or a PtmError.
"""

from __future__ import annotations

import io
import json
import random
import resource
import shutil
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, features

from tests.support.pictures import png
from tests.support.tiffs import tiff

MEMORY = 6 << 30  # bytes of address space: what one mutation takes more is a fault
SECONDS = 30  # for one mutation
PUBLISHED = 25  # one of so many goes through the store, too
NUMBER = "number"  # the file that holds the mutation under way
WORDS = (b"\0\0", b"\xff\xff", b"\x7f\xff", b"\xff\x7f", b"\x80\0", b"\0\x80", b"\1\0", b"\0\1")
TEXTS = (
    *(b'"', b"\n", b"\r", b",", b";", b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80"),
    *(b"1e999", b"nan", b"-", b"9" * 400, b"\xe2\x80\xa8", b"0x1p3", b"#", b"\\u", b"+2AA-"),
)
LETTERS = 8000  # of a message: of one that tells twenty faults
HEADER = 600  # bytes where changes do most


class Reader(NamedTuple):
    """A file that is read well, and the entry of a catalog that reads it.

    Attributes:
        kind: of the source.
        name: of the file.
        raw: its bytes.
        options: of the entry.
        others: files that stand beside it, in the folder that the entry reads then.
    """

    kind: str
    name: str
    raw: bytes
    options: dict[str, Any]
    others: tuple[tuple[str, bytes], ...] = ()


def _pixels(channels: int) -> np.ndarray:
    rows, columns = np.mgrid[0:24, 0:31]
    planes = [(rows * 9 + columns * (3 + c)) % 256 for c in range(channels)]
    return np.stack(planes, axis=-1).astype(np.uint8).squeeze()


def _picture(name: str, channels: int = 3, **options: Any) -> Callable[[], Reader]:
    def build() -> Reader:
        file = io.BytesIO()
        form = {"jpg": "JPEG", "tif": "TIFF", "jp2": "JPEG2000"}.get(name.partition(".")[2])
        Image.fromarray(_pixels(channels)).save(file, form or name.partition(".")[2], **options)
        return Reader("images", name, file.getvalue(), {})

    return build


def _deep(name: str, dtype: str, **layout: Any) -> Callable[[], Reader]:
    def build() -> Reader:
        pixels = np.atleast_3d(_pixels(3)).astype(dtype) * 250 + 7
        if name.endswith("tif"):
            return Reader("images", name, tiff(pixels, **layout), {})
        if name.endswith("ppm"):
            return Reader(
                "images", name, b"P6\n31 24\n65535\n" + pixels.astype(">u2").tobytes(), {}
            )
        return Reader("images", name, png(pixels), {})

    return build


def _heic() -> Reader:
    import pillow_heif

    file = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(_pixels(3))).save(file, quality=50)
    return Reader("images", "x.heic", file.getvalue(), {})


def _frames(name: str) -> Callable[[], Reader]:
    def build() -> Reader:
        file = io.BytesIO()
        one, *more = [Image.fromarray(np.roll(_pixels(3), 5 * n, axis=1)) for n in range(3)]
        form = {"tif": "TIFF"}.get(name.partition(".")[2], name.partition(".")[2])
        one.save(file, form, save_all=True, append_images=more)
        return Reader("images", name, file.getvalue(), {"frames": True, "color": "rgb"})

    return build


def _colored(name: str, mode: str, color: str) -> Callable[[], Reader]:
    def build() -> Reader:
        file = io.BytesIO()
        image = Image.fromarray(_pixels(3))
        image = image.quantize(17) if mode == "P" else image.convert(mode)
        image.save(file, {"jpg": "JPEG", "tif": "TIFF"}.get(name[2:], name[2:]))
        options = {"color": color, "resize": (9, 7), "fit": "pad"}
        return Reader("images", name, file.getvalue(), options)

    return build


def _beside(name: str, text: str | None, **options: Any) -> Callable[[], Reader]:
    def build() -> Reader:
        pictures = []
        for number in range(3):
            file = io.BytesIO()
            Image.fromarray(_pixels(3) // (number + 1)).save(file, "PNG")
            pictures.append((f"{number}.png", file.getvalue()))
        if text is not None:
            return Reader("images", name, text.encode(), options, tuple(pictures))
        file = io.BytesIO()
        Image.fromarray(_pixels(1) % 5).save(file, "PNG")
        return Reader("images", name, file.getvalue(), options, tuple(pictures[:1]))

    return build


def _slice(syntax: str) -> Callable[[], Reader]:
    def build() -> Reader:
        import pydicom
        from pydicom.uid import (
            DeflatedExplicitVRLittleEndian,
            ExplicitVRBigEndian,
            ExplicitVRLittleEndian,
            ImplicitVRLittleEndian,
            JPEG2000Lossless,
            RLELossless,
        )

        kinds = {
            "explicit": ExplicitVRLittleEndian,
            "implicit": ImplicitVRLittleEndian,
            "big": ExplicitVRBigEndian,
            "deflated": DeflatedExplicitVRLittleEndian,
            "rle": RLELossless,
            "jpeg2000": JPEG2000Lossless,
        }
        dataset = _dataset(pydicom)
        if syntax in ("rle", "jpeg2000"):
            dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            if syntax == "rle":
                dataset.compress(RLELossless, generate_instance_uid=False)
            else:
                file = io.BytesIO()
                Image.fromarray(dataset.pixel_array.astype(np.uint16)).save(file, "JPEG2000")
                dataset.PixelData = pydicom.encaps.encapsulate([file.getvalue()])
                dataset["PixelData"].VR = "OB"
                dataset["PixelData"].is_undefined_length = True
                dataset.PixelRepresentation = 0
        dataset.file_meta.TransferSyntaxUID = kinds[syntax]
        file = io.BytesIO()
        pydicom.dcmwrite(file, dataset, enforce_file_format=True)
        return Reader("volume", "1.dcm", file.getvalue(), {})

    return build


def _dataset(pydicom: Any) -> Any:
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "1.2.3.4"
    dataset.Modality, dataset.SeriesInstanceUID = "CT", "1.2.3"
    dataset.FrameOfReferenceUID, dataset.ImageType = "1.2.5", ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.ImagePositionPatient, dataset.SliceThickness = [0, 0, 0], 3
    dataset.ImageOrientationPatient, dataset.PixelSpacing = [1, 0, 0, 0, 1, 0], [1, 1]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = 16, 20, 1
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = 1
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = 1, -1024, "HU"
    pixels = np.arange(320, dtype=np.int16).reshape(16, 20) * 5
    dataset.add_new("PixelData", "OW", pixels.tobytes())
    return dataset


def _table(encoding: str = "utf-8") -> Callable[[], Reader]:
    def build() -> Reader:
        cities = ["a b", "c, d", "e"] * 14
        rows = "\n".join(f'{n}.25,"{cities[n]}",{n * n},{n % 4}' for n in range(40))
        options = {"measures": {"city": "categorical"}, "target": "class", "classes": 4}
        text = f'x,city,"wide, open",class\n{rows}\n'
        return Reader("table", "x.csv", text.encode(encoding), {**options, "encoding": encoding})

    return build


def _headerless() -> Reader:
    rows = "\n".join(f"{n};{n / 7:.3f};{n * 1e10:g}" for n in range(30))
    return Reader("table", "x.csv", rows.encode(), {"delimiter": ";", "header": False})


def _hours() -> Reader:
    rows = [f"2011-01-{1 + n // 24:02d},{n % 24},{1 + n % 3},{n / 2}" for n in range(72) if n != 30]
    text = "\n".join(["date,hour,code,v", *rows]) + "\n"
    options = {"onehot": {"code": 3}, "scale": {"v": "standard"}, "zero": ("v",)}
    return Reader("timeseries", "x.csv", text.encode(), {**options, "gaps": "join"})


def _text(encoding: str) -> Callable[[], Reader]:
    def build() -> Reader:
        text = "It was the best of times, 최고의 시절 — “über” naïve.\r\nThe worst, ١٢٣.\n" * 3
        return Reader("text", "x.txt", text.encode(encoding), {"encoding": encoding, "line": 1})

    return build


READERS: dict[str, Callable[[], Reader]] = {
    "png": _picture("x.png"),
    "png gray": _picture("x.png", 1),
    "png alpha": _picture("x.png", 4),
    "jpeg": _picture("x.jpg"),
    "jpeg progressive": _picture("x.jpg", progressive=True),
    "jpeg gray": _picture("x.jpg", 1),
    "tiff": _picture("x.tif"),
    "tiff lzw": _picture("x.tif", compression="tiff_lzw"),
    "tiff deflate": _picture("x.tif", compression="tiff_adobe_deflate"),
    "ppm": _picture("x.ppm"),
    "bmp": _picture("x.bmp"),
    "tga": _picture("x.tga"),
    "gif": _picture("x.gif", 1),
    "sgi": _picture("x.sgi"),
    "webp": _picture("x.webp", lossless=True),
    "jpeg 2000": _picture("x.jp2"),
    "png 16": _deep("x.png", "u2"),
    "tiff 16": _deep("x.tif", "u2"),
    "tiff 16 deflate": _deep("x.tif", "u2", planar=2, deflate=True, rows=7),
    "tiff float": _deep("x.tif", "f4", order=">", tiled=True, large=True),
    "ppm 16": _deep("x.ppm", "u2"),
    "heic": lambda: _heic(),
    "gif frames": _frames("x.gif"),
    "webp frames": _frames("x.webp"),
    "tiff pages": _frames("x.tif"),
    "png palette": _colored("x.png", "P", "rgba"),
    "png bits": _colored("x.png", "1", "gray"),
    "jpeg cmyk": _colored("x.jpg", "CMYK", "rgb"),
    "tiff cmyk": _colored("x.tif", "CMYK", "gray"),
    "labels": _beside("l.csv", "file,label\n0.png,a\n1.png,b\n2.png,a\n", labels="l.csv"),
    "labels jsonl": _beside(
        "l.jsonl",
        '{"file": "0.png", "x": [1, "a"]}\n{"file": "1", "x": []}\n{"file": "2", "x": "b"}\n',
        labels="l.jsonl",
    ),
    "mask": _beside("masks/0.png", None, masks="masks", pattern="**/*"),
    "dicom explicit": _slice("explicit"),
    "dicom implicit": _slice("implicit"),
    "dicom big endian": _slice("big"),
    "dicom deflated": _slice("deflated"),
    "dicom rle": _slice("rle"),
    "dicom jpeg 2000": _slice("jpeg2000"),
    "csv": _table(),
    "csv utf-16": _table("utf-16"),
    "csv without header": lambda: _headerless(),
    "hours": lambda: _hours(),
    "text": _text("utf-8"),
    "text utf-7": _text("utf-7"),
    "text utf-16": _text("utf-16"),
    "text unicode_escape": _text("unicode_escape"),
}
if features.check("avif"):
    READERS["avif"] = _picture("x.avif")


def mutated(raw: bytes, choose: random.Random, textual: bool) -> bytes:
    """The bytes with one to three changes: flipped, cut, left out, doubled, put in, overwritten."""
    changed = bytearray(raw)
    for _ in range(choose.choice((1, 1, 1, 2, 3))):
        if not changed:
            break
        _change(changed, choose, textual)
    return bytes(changed)


def _change(changed: bytearray, choose: random.Random, textual: bool) -> None:
    near = min(len(changed), HEADER)
    place = choose.randrange(near if choose.random() < 0.6 else len(changed))
    length = min(choose.choice((1, 1, 2, 4, 30, 400)), len(changed) - place)
    what = choose.randrange(7 if textual else 6)
    if what == 0:
        changed[place] ^= 1 << choose.randrange(8)
    elif what == 1:
        changed[place : place + length] = choose.randbytes(length)
    elif what == 2:
        del changed[place : None if choose.random() < 0.5 else place + length]
    elif what == 3:
        changed[place:place] = changed[place : place + length]
    elif what == 4:
        changed[place:place] = choose.randbytes(length)
    elif what == 5:
        word = choose.choice(WORDS)
        changed[place : place + len(word)] = word
    else:
        changed[place:place] = choose.choice(TEXTS)


class TooLong(BaseException):
    """Raised in the middle of a mutation that takes too long."""


def escapes(reader: str, first: int, count: int, folder: Path) -> Iterator[dict[str, Any]]:
    """What mutations come to, if it is neither finite tensors nor a PtmError."""
    from ptm.errors import PtmError

    good = READERS[reader]()
    for number in range(first, first + count):
        (folder / NUMBER).write_text(f"{reader} {number}")
        raw = mutated(good.raw, random.Random(f"{reader} {number}"), good.kind not in PIXELS)
        try:
            with _alarm():
                _read(good._replace(raw=raw), folder, number % PUBLISHED == 0)
        except PtmError as error:
            if len(str(error)) > LETTERS:
                yield {
                    "reader": reader,
                    "number": number,
                    "error": f"a message of {len(str(error))} letters",
                }
        except BaseException as error:
            where = "".join(traceback.format_exception(error)[-2:])
            told = f"{type(error).__name__}: {error}"[:300]
            yield {"reader": reader, "number": number, "error": told, "at": where}


PIXELS = ("images", "volume")


def _read(reader: Reader, folder: Path, publish: bool) -> None:
    from ptm.prepare import tensorize
    from ptm.registry import kind_named
    from tests.support.kinds import block_of

    options = {"on_damage": "note"} if publish and reader.kind == "images" else {}
    spec = kind_named(reader.kind).options
    if reader.others:
        _read_beside(reader, folder)
        return
    path = folder / reader.name
    path.write_bytes(reader.raw)
    source = spec(
        name="s", root=folder, kind=reader.kind, path=reader.name, **reader.options, **options
    )
    for name, tensor in block_of(source, [path]).tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise ValueError(f"'{name}' is not finite")
    if publish:
        tensorize(source, folder / "store")
        shutil.rmtree(folder / "store")


def _read_beside(reader: Reader, folder: Path) -> None:
    """Through the store, which lists what stands beside a sample."""
    from ptm.prepare import tensorize
    from ptm.registry import kind_named

    spec, root = kind_named(reader.kind).options, folder / "in"
    for name, raw in (*reader.others, (reader.name, reader.raw)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(raw)
    given = {"name": "s", "root": folder, "kind": reader.kind, "path": "in"}
    try:
        for on_bad in ("fail", "quarantine"):
            tensorize(spec(**given, **reader.options, on_bad=on_bad), folder / "store")
    finally:
        shutil.rmtree(folder / "store", ignore_errors=True)
        shutil.rmtree(root)


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise TooLong(f"more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def main(folder: str, first: str, count: str, *readers: str) -> None:
    """See the module."""
    warnings.simplefilter("ignore")  # of the decoders, on data that are damaged on purpose
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for reader in readers:
        for escape in escapes(reader, int(first), int(count), Path(folder)):
            print(json.dumps(escape), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
