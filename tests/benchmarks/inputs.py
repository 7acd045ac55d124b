"""Inputs that are generated: kept between runs below the folder for temporary files.

What lies there is known by its size and by VERSION, which changes with what is generated.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

VERSION = 1
KEPT = Path(tempfile.gettempdir()) / "ptm-bench"
SIDE = 256  # pixels of a photo
BASES = 200  # pictures that photos are moved and brightened copies of
AT_ONCE = 500_000  # rows that are generated together
CLASSES = 10
# by column: where most values lie, how far apart, and with how many decimals they are written
COLUMNS = {
    "fixed acidity": (6.9, 0.8, 1),
    "volatile acidity": (0.28, 0.1, 3),
    "citric acid": (0.33, 0.12, 2),
    "residual sugar": (6.4, 5.1, 2),
    "chlorides": (0.046, 0.02, 3),
    "free sulfur dioxide": (35.0, 17.0, 0),
    "total sulfur dioxide": (138.0, 42.0, 0),
    "density": (0.994, 0.003, 5),
    "pH": (3.19, 0.15, 2),
    "sulphates": (0.49, 0.11, 2),
    "alcohol": (10.5, 1.2, 1),
}
TARGET = "quality"
WORDS = 20_000  # that a text is made of


def scale() -> float:
    """What PTM_BENCH_SCALE says: the share of the full sizes; 1 where it says nothing."""
    return float(os.environ.get("PTM_BENCH_SCALE", "1"))


def scaled(full: int, least: int = 1) -> int:
    """That share of a size, or the least that is any use."""
    return max(round(full * scale()), least)


def kept(name: str, count: int, fill: Callable[[Path, int], None]) -> Path:
    """A folder with so much of something: the one that is there, or else filled now."""
    folder = KEPT / f"{name}-{count}-v{VERSION}"
    if not folder.is_dir():
        KEPT.mkdir(exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=KEPT, prefix=".draft-"))
        fill(draft, count)
        try:
            draft.rename(folder)
        except OSError:  # another was as fast
            shutil.rmtree(draft)
    return folder


def photos(count: int) -> Path:
    """A folder with "photos": JPEGs of 256 pixels, each another."""
    return kept("photos", count, _fill_photos)


def _fill_photos(folder: Path, count: int) -> None:
    (folder / "photos").mkdir()
    chance = np.random.default_rng(0)
    bases = [_picture(chance) for _ in range(min(BASES, count))]
    for number in range(count):
        again, base = divmod(number, len(bases))
        pixels = np.roll(bases[base], (again // SIDE, again % SIDE), axis=(0, 1))
        raw = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=90)
        (folder / "photos" / f"{number:06}.jpg").write_bytes(raw)


def _picture(chance: np.random.Generator) -> NDArray[np.uint8]:
    """Colours that run into each other, with some noise: as large a file as of a photo."""
    few = Image.fromarray(chance.integers(0, 256, (9, 9, 3), dtype=np.uint8))
    smooth = np.asarray(few.resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.int16)
    noisy = smooth + chance.normal(0, 6, smooth.shape).astype(np.int16)
    return noisy.clip(0, 255).astype(np.uint8)


def rows(count: int) -> Path:
    """A folder with "rows.csv": eleven columns as those of the wines, and a class."""
    return kept("rows", count, _fill_rows)


def _fill_rows(folder: Path, count: int) -> None:
    chance = np.random.default_rng(0)
    options = pa.csv.WriteOptions(delimiter=";", quoting_style="needed")
    schema = _rows(chance, 1).schema
    with pa.csv.CSVWriter(folder / "rows.csv", schema, write_options=options) as file:
        for start in range(0, count, AT_ONCE):
            file.write_table(_rows(chance, min(AT_ONCE, count - start)))


def _rows(chance: np.random.Generator, count: int) -> pa.Table:
    columns = {}
    for name, (center, spread, decimals) in COLUMNS.items():
        values = np.abs(chance.normal(center, spread, count)).round(decimals)
        columns[name] = values if decimals else values.astype(np.int64)
    quality = chance.normal(5.9, 0.9, count).round().clip(0, CLASSES - 1)
    return pa.table({**columns, TARGET: quality.astype(np.int64)})


def text(count: int) -> Path:
    """A folder with "text.txt": lines of made-up words, of so many bytes at least."""
    return kept("text", count, _fill_text)


def _fill_text(folder: Path, count: int) -> None:
    chance = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlcumwfgypbvk"))
    lengths = chance.integers(2, 11, WORDS)
    words = np.array(["".join(chance.choice(letters, length)) for length in lengths])
    with (folder / "text.txt").open("w") as file:
        written = 0
        while written < count:
            # common words come more often than rare ones
            chosen = words[(chance.random(100_000) ** 3 * WORDS).astype(np.int64)]
            lines = "\n".join(map(" ".join, chosen.reshape(-1, 10)))
            written += file.write(lines[: count - written] + "\n")


def pictures(count: int) -> Path:
    """A folder with "many": PNG files of four pixels, each another."""
    return kept("pictures", count, _fill_pictures)


def _fill_pictures(folder: Path, count: int) -> None:
    (folder / "many").mkdir()
    for number in range(count):
        raw = io.BytesIO()
        pixel = (number % 256, number // 256 % 256, number // 65536)
        Image.new("RGB", (4, 4), pixel).save(raw, "PNG")
        (folder / "many" / f"{number:06}.png").write_bytes(raw.getvalue())


def classes(count: int) -> Path:
    """A folder with "photos": the same JPEGs in folders of ten classes."""
    return kept("classes", count, _fill_classes)


def _fill_classes(folder: Path, count: int) -> None:
    for number, file in enumerate(sorted((photos(count) / "photos").iterdir())):
        place = folder / "photos" / f"class {number % CLASSES}"
        place.mkdir(parents=True, exist_ok=True)
        (place / file.name).write_bytes(file.read_bytes())


def passengers(count: int) -> Path:
    """A folder with "passengers.csv": numbers with gaps, categories with gaps, a target of two."""
    return kept("passengers", count, _fill_passengers)


def _fill_passengers(folder: Path, count: int) -> None:
    chance = np.random.default_rng(0)
    age = chance.normal(30, 12, count).clip(1, 80).round()
    fare = chance.lognormal(3, 1, count).round(2)
    is_male = chance.random(count) < 0.65
    port = chance.choice(["C", "Q", "S"], count, p=[0.2, 0.1, 0.7])
    survived = chance.random(count) < np.where(is_male, 0.2, 0.75)
    table = pa.table(
        {
            "survived": survived.astype(np.int64),
            "age": pa.array(age, mask=chance.random(count) < 0.2),
            "fare": fare,
            "sex": np.where(is_male, "male", "female"),
            "port": pa.array(port, mask=chance.random(count) < 0.01),
        }
    )
    pa.csv.write_csv(table, folder / "passengers.csv", pa.csv.WriteOptions(quoting_style="needed"))
