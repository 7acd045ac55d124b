"""Photos and sounds that are broken, odd or out of place are set aside: the rest is as without."""

from __future__ import annotations

import errno
import io
import os
import re
import shutil
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image

import ptm
from ptm.assigning import inherited
from ptm.errors import InputError
from ptm.explain import explain
from ptm.kinds import images as images_kind
from ptm.kinds.images import samples
from ptm.model import Artifact, Block
from ptm.prepare import drive, inline, steps
from ptm.readers.pictures.batches import Batch
from tests.support.photos import numbers_in, photo, write_photo

pytestmark = pytest.mark.usefixtures("unsynced")
SIDE, PHOTOS = 8, 30
Break = Callable[[Path], object]


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def wrong_bit(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"IDAT") + 20] ^= 0x55
    path.write_bytes(raw)


def save(image: Image.Image, form: str = "PNG") -> Break:
    file = io.BytesIO()
    image.save(file, form)
    return lambda path: path.write_bytes(file.getvalue())


BREAKS: dict[str, tuple[Break, str, str]] = {
    "text": (lambda path: path.write_text("no photo"), "a whole image", "no image"),
    "empty": (lambda path: path.write_bytes(b""), "a whole image", "an empty file"),
    "short": (cut_short, "a whole image", ""),
    "bit": (wrong_bit, "a whole image", ""),
    "size": (save(Image.new("RGB", (5, 6))), "8 x 8 pixels with 3 channels", "6 x 5 pixels"),
    "gray": (save(Image.new("L", (8, 8))), "8 x 8 pixels with 3 channels", "with 1 channel"),
    "large": (save(Image.new("RGB", (99, 99))), "at most 1.0 kB of pixels", "99 x 99 pixels"),
    "palette": (save(Image.new("P", (8, 8))), "8-bit gray, RGB or RGBA", "a palette"),
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "photos"
    folder.mkdir(parents=True)
    for number in range(PHOTOS):
        write_photo(folder, number, SIDE)
    return tmp_path / "data"


def source(data: Path, more: str = "", kind: str = "images") -> ptm.Source:
    catalog = data / "catalog.toml"
    catalog.write_text(f'[x]\nkind = "{kind}"\npath = "photos"\non_bad = "quarantine"\n{more}\n')
    return ptm.load_catalog(catalog, data=data)["x"]


def made(data: Path, root: Path, more: str = "", kind: str = "images") -> Artifact:
    ptm.tensorize(source(data, more, kind), root)
    return ptm.load("x", root)


def rows_of(artifact: Artifact) -> list[tuple[str, ...]]:
    return [tuple(row) for row in artifact.tables["quarantine"].itertuples(index=False)]


@pytest.mark.parametrize("size", [1 << 20, 1200, 1])
@pytest.mark.parametrize("more", ["", "standardize = true"])
def test_each_fault(data: Path, tmp_path: Path, more: str, size: int) -> None:
    """Each broken or odd photo is in the table with its reason; the rest is that without them."""
    broken = {2 + 3 * place: name for place, name in enumerate(BREAKS)}
    more = f"{more}\nmax_bytes = 1000"
    for number, name in broken.items():
        BREAKS[name][0](data / "photos" / f"{number:05}.png")
    found = made(data, tmp_path / "store", f"{more}\npart_bytes = {size}")
    told = rows_of(found)
    assert [row[0] for row in told] == [f"{number:05}.png" for number in broken]
    for (_, where, expected, got), name in zip(told, broken.values(), strict=True):
        assert (where, expected[: len(BREAKS[name][1])]) == ("", BREAKS[name][1]), name
        assert BREAKS[name][2] in got, name
        assert "max_bytes" in expected or "\n" not in expected
    good = [number for number in range(PHOTOS) if number not in broken]
    assert numbers_in(found) == good
    assert found.table["file"].tolist() == [f"{number:05}.png" for number in good]
    for number in broken:
        (data / "photos" / f"{number:05}.png").unlink()
    clean = made(data, tmp_path / "clean", f"{more}\npart_bytes = {size}")
    assert clean.table.equals(found.table)
    assert torch.allclose(clean.tensors["images"].float(), found.tensors["images"].float())
    if size == 1 << 20:
        assert torch.equal(clean.tensors["images"], found.tensors["images"])
        file = clean.manifest["parts"][0]["files"]["tensors"]
        assert file == found.manifest["parts"][0]["files"]["tensors"]


def test_the_first_ones_are_odd(data: Path, tmp_path: Path) -> None:
    """Most of a part decide, not the first."""
    for number in range(4):
        Image.new("RGB", (5, 6)).save(data / "photos" / f"{number:05}.png")
    found = made(data, tmp_path / "store")
    assert numbers_in(found) == list(range(4, PHOTOS))
    assert rows_of(found)[3][2:] == (
        "8 x 8 pixels with 3 channels as most have",
        "6 x 5 pixels with 3 channels",
    )


@pytest.mark.parametrize("kind", ["images", "audio"])
def test_told_alike_however_it_is_cut(data: Path, tmp_path: Path, kind: str) -> None:
    """The table of what is set aside is the same, whatever the size of the parts."""
    more, breaks = "max_bytes = 1000", BREAKS
    if kind == "audio":
        more, breaks = "window = 64\nhop = 32\nmels = 8", SOUNDS
        for path in sorted((data / "photos").iterdir()):
            tone(path.with_suffix(".wav"))
            path.unlink()
    files = sorted((data / "photos").iterdir())
    for place, (change, *_) in enumerate(breaks.values()):
        change(files[3 * place])
    told = [
        rows_of(made(data, tmp_path / f"{size}", f"{more}\npart_bytes = {size}", kind))
        for size in (1 << 24, 20_000, 2000, 1)
    ]
    assert len(told[0]) == len(breaks) and all(one == told[0] for one in told)


@pytest.mark.parametrize("kind", ["images", "audio"])
def test_a_first_part_of_bad_ones(data: Path, tmp_path: Path, kind: str) -> None:
    """Views, rows and splits of what is of it do without that part."""
    more = "part_bytes = 1"
    if kind == "audio":
        more += "\nwindow = 64\nhop = 32\nmels = 8"
        for number in range(PHOTOS):
            (data / "photos" / f"{number:05}.png").unlink()
            tone(data / "photos" / f"{number:05}.wav")
    [first, *_] = sorted((data / "photos").iterdir())
    first.write_text("broken")
    found = made(data, tmp_path / "store", more + "\nsplit = { train = 0.5, val = 0.5 }", kind)
    assert not found.parts[0].tensors and found.parts[0].rows is None
    assert not [view for view in found.views if "could not be drawn" in view.sentence]
    assert len(found.columns["split"]) == PHOTOS - 1
    block, splits = inherited(Block(rows=pa.table({"x": [0] * (PHOTOS - 1)})), {"x": found})
    assert splits is not None and splits.column.to_pylist() == found.table["split"].tolist()
    assert block.rows.num_rows == PHOTOS - 1


def test_without_quarantine_they_fail(data: Path, tmp_path: Path) -> None:
    """What would be set aside is what fails an entry that says nothing."""
    for place, (change, *_) in enumerate(BREAKS.values()):
        change(data / "photos" / f"{place:05}.png")
    more = "max_bytes = 1000"
    told = rows_of(made(data, tmp_path / "store", more))
    fails = source(data, more).model_copy(update={"on_bad": "fail"})
    with pytest.raises(InputError) as raised:
        ptm.tensorize(fails, tmp_path / "fails")
    faults = raised.value.faults
    rest = [fault for fault in faults if fault.where != "sizes"]
    alike = {f.expected: re.sub(r"as in \d+\.png.*$", "as most have", f.expected) for f in rest}
    assert sorted((Path(f.file).name, f.where, alike[f.expected], f.got) for f in rest) == told


def test_labels(data: Path, tmp_path: Path) -> None:
    """A photo in no folder has no class, and so is set aside; classes are those of good ones."""
    for number in range(PHOTOS):
        folder = data / "photos" / "abc"[number % 3]
        folder.mkdir(exist_ok=True)
        if number not in (7, 8):
            (data / "photos" / f"{number:05}.png").rename(folder / f"{number:05}.png")
    for path in (data / "photos" / "c").iterdir():
        path.write_bytes(b"")
    found = made(data, tmp_path / "store", 'labels = "folder"\npattern = "**/*"\npart_bytes = 1200')
    assert len(rows_of(found)) == 2 + 9
    assert ("00007.png", "", "a folder that is its class", "none") in rows_of(found)
    assert found.manifest["facts"]["classes"] == ["a", "b"]
    expected = [0 if name.startswith("a/") else 1 for name in found.table["file"]]
    assert found.tensors["target"].tolist() == expected
    assert found.manifest["stats"] == {**found.manifest["stats"], "bad": 11}


@pytest.mark.parametrize("size", [1 << 20, 1200])
def test_splits(data: Path, tmp_path: Path, size: int) -> None:
    """Photos in no folder of a split, or that a list has not, are set aside; classes stay right."""
    for number in range(PHOTOS):
        folder = data / "photos" / ("train", "val", "other")[number % 3] / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (data / "photos" / f"{number:05}.png").rename(folder / f"{number:05}.png")
    more = f'labels = "folder"\npattern = "**/*"\npart_bytes = {size}\nsplit = {{ folder = true }}'
    found = made(data, tmp_path / "store", more)
    numbers = [number for n in range(2) for number in range(n, PHOTOS, 3)]
    by_name = sorted(numbers, key=lambda n: ((n % 3), n % 2, n))
    assert numbers_in(found) == by_name
    assert found.tensors["target"].tolist() == [number % 2 for number in by_name]
    assert found.manifest["stats"]["samples"] == {"train": 10, "val": 10}
    assert {row[2:] for row in rows_of(found)} == {
        ("a file in a folder train, val or test", "other")
    }
    listed = [*found.table["file"][3:], *(row[0] for row in rows_of(found))]
    lines = [
        "file,split",
        *(f"{name},{'val' if i % 2 else 'train'}" for i, name in enumerate(listed)),
    ]
    (data / "splits.csv").write_text("\n".join(lines) + "\n")
    more = more.replace("folder = true", 'file = "splits.csv"')
    (data / "photos" / listed[0]).write_text("broken")
    found = made(data, tmp_path / "store", more)
    assert len(rows_of(found)) == 4 and len(found.table) == PHOTOS - 4
    unlisted = "a sample that splits.csv lists"
    assert [row[2] == unlisted for row in rows_of(found)] == [True] * 3 + [False]
    expected = {name: "val" if i % 2 else "train" for i, name in enumerate(listed)}
    assert dict(zip(found.table["file"], found.table["split"], strict=True)) == {
        name: split for name, split in expected.items() if name != listed[0]
    }


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOENT, errno.ESTALE, errno.EMFILE])
def test_an_error_of_the_disk(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """What the disk does not give now is raised, tried again, and never set aside."""
    from ptm.readers.pictures import decoding

    before = decoding._bytes
    cut_short(data / "photos" / "00003.png")

    def fails(path: str) -> bytes:
        if path.endswith("00009.png"):
            raise OSError(number, os.strerror(number), path)
        return before(path)

    with monkeypatch.context() as patched:
        patched.setattr(decoding, "_bytes", fails)
        with pytest.raises(OSError, match=r"00009\.png"):
            made(data, tmp_path / "store")
    assert not list((tmp_path / "store").glob("x/current.json"))
    assert [row[0] for row in rows_of(made(data, tmp_path / "store"))] == ["00003.png"]


def test_a_file_that_changes(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad file that is being written is no bad sample: it fails as any that changes."""
    before = samples.read_picture

    def changes(path: str, *arguments: Any) -> Any:
        if path.endswith("00003.png"):
            cut_short(Path(path))
        return before(path, *arguments)

    monkeypatch.setattr(samples, "read_picture", changes)
    with pytest.raises(InputError, match="a file that stays as it is while it is read"):
        made(data, tmp_path / "store")


def test_all_are_bad(data: Path, tmp_path: Path) -> None:
    """Of nothing there is no artifact."""
    for path in (data / "photos").iterdir():
        path.write_bytes(b"")
    for size in (1 << 20, 1000):
        with pytest.raises(InputError) as raised:
            made(data, tmp_path / "store", f"part_bytes = {size}")
        first, *lines = str(raised.value).splitlines()
        assert first == "x: expected a sample that is good, got 30 bad ones"
        assert len(lines) == 21 and lines[-1] == "  … and 10 more"
        assert "(photos/00000.png)" in lines[0]


def test_batch_with_little_room() -> None:
    """What did not wait for the end is decoded again, to the same array."""
    random = np.random.default_rng(0)
    sizes = [(9, 9, 3), (4, 4, 3), (9, 9, 3), *[(4, 4, 3), (2, 4, 1)] * 4, (4, 4, 3)]
    pictures = [random.integers(0, 256, size, dtype=np.uint8) for size in sizes]
    expected = np.stack([p.transpose(2, 0, 1) for p in pictures if p.shape == (4, 4, 3)])
    for most in (1, 100, 700, 10_000):
        batch, again = Batch(len(pictures), most), list[int]()
        for place, pixels in enumerate(pictures):
            batch.add(place, pixels)

        def decode(place: int, again: list[int] = again) -> Any:
            again.append(place)
            return pictures[place]

        assert np.array_equal(batch.end((4, 4, 3), decode), expected)
        assert len(again) == {1: 6, 100: 4, 700: 0, 10_000: 0}[most]


@pytest.mark.parametrize("odd", [(5, 6), (40, 40)])
def test_parts_stay_where_they_are(data: Path, tmp_path: Path, odd: tuple[int, int]) -> None:
    """A photo of another size, even a large one, moves no cut: mended, one part is read."""
    more = 'store = "raw"\npart_bytes = 1200'
    good = made(data, tmp_path / "good", more)
    for number in (1, 2, 14):
        Image.new("RGB", odd).save(data / "photos" / f"{number:05}.png")
    found = made(data, tmp_path / "store", more)
    assert len(rows_of(found)) == 3 and len(found.parts) in range(6, 20)
    assert abs(len(found.parts) - len(good.parts)) < 3


def tone(path: Path, frames: int = 400, rate: int = 8000, channels: int = 1) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        values = np.arange(frames * channels) % 50 * (3 + int(path.stem))
        file.writeframes(values.astype("<i2").tobytes())


SOUNDS: dict[str, tuple[Break, str, str]] = {
    "text": (lambda path: path.write_text("no sound"), "a whole WAV", ""),
    "empty": (lambda path: path.write_bytes(b""), "a whole WAV", ""),
    "short": (lambda path: path.write_bytes(path.read_bytes()[:-30]), "a whole WAV", ""),
    "rate": (lambda path: tone(path, rate=9000), "1 channel of 8000 Hz, 400", "9000 Hz"),
    "channels": (lambda path: tone(path, channels=2), "1 channel of 8000 Hz", "2 channels"),
    "long": (lambda path: tone(path, frames=500), "1 channel of 8000 Hz", "500 samples"),
}


@pytest.mark.parametrize("first", [0, 3])
@pytest.mark.parametrize("size", [1 << 22, 20_000])
def test_sounds(tmp_path: Path, size: int, first: int) -> None:
    """Of sounds likewise: each is a file."""
    data = tmp_path / "data"
    (data / "photos").mkdir(parents=True)
    for number in range(30):
        tone(data / "photos" / f"{number:02}.wav")
    broken = {first + 4 * place: name for place, name in enumerate(SOUNDS)}
    for number, name in broken.items():
        SOUNDS[name][0](data / "photos" / f"{number:02}.wav")
    more = f"part_bytes = {size}\nwindow = 64\nhop = 32\nmels = 8\nsplit = {{ train = 1.0 }}"
    found = made(data, tmp_path / "store", more, "audio")
    told = rows_of(found)
    assert [row[0] for row in told] == [f"{number:02}.wav" for number in broken]
    for (_, where, expected, got), name in zip(told, broken.values(), strict=True):
        assert where == "" and expected.startswith(SOUNDS[name][1]) and SOUNDS[name][2] in got
    for number in broken:
        (data / "photos" / f"{number:02}.wav").unlink()
    clean = made(data, tmp_path / "clean", more, "audio")
    for name, tensor in clean.tensors.items():
        assert torch.equal(tensor, found.tensors[name])
    assert clean.table.equals(found.table)
    assert clean.manifest["facts"] == found.manifest["facts"]


@pytest.mark.slow
def test_ten_thousand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """10,000 photos of which 30 are broken: one run, 9,970 are in, 30 are told with reasons. One
    is mended: its part alone is decoded.
    """
    data, root, count = tmp_path / "data", tmp_path / "store", 10_000
    (data / "photos").mkdir(parents=True)
    for number in range(count):
        write_photo(data / "photos", number, 16)
    broken = {37 + 331 * place: [*BREAKS][place % len(BREAKS)] for place in range(30)}
    for number, name in broken.items():
        path = data / "photos" / f"{number:05}.png"
        BREAKS[name][0](path)
    one = source(data, "standardize = true\nstore = 'raw'\npart_bytes = 300000\nmax_bytes = 1000")
    reads: list[int] = []
    before = images_kind.read

    def read(options: Any, part: Any) -> Any:
        reads.append(len(part.files))
        return before(options, part)

    monkeypatch.setattr(images_kind, "read", read)
    ref = drive(steps(one, root), inline)
    found = ptm.load("x", root)
    assert sum(reads) == count and len(found.table) == count - 30 and ref.bad == 30
    assert ref.warnings[0] == "30 of 10,000 samples are in quarantine (tables['quarantine'])"
    assert numbers_in(found) == [number for number in range(count) if number not in broken]
    assert [row[0] for row in rows_of(found)] == [f"{number:05}.png" for number in broken]
    assert all(expected and got for _, _, expected, got in rows_of(found))
    mended = [*broken][17]
    write_photo(data / "photos", mended, 16)
    reads.clear()
    drive(steps(one, root), inline)
    again = ptm.load("x", root)
    assert len(reads) == 1 and len(again.table) == count - 29
    assert f"1 of {len(again.manifest['parts'])} parts were read" in explain("x", root).why
    assert photo(mended, 16).shape == (16, 16, 3) and mended in numbers_in(again)
    shutil.rmtree(root)
