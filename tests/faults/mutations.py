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
    """

    kind: str
    name: str
    raw: bytes
    options: dict[str, Any]


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
