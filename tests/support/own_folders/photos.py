"""Folders with photos: classes in folders, in tables and in names; masks; many formats."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.support.own_folders.made import Folder, Made
from tests.support.own_folders.pictures import Photo, Pixels, check_images, photos_agree

ROTATED = 6  # of EXIF: turned by a quarter, to be shown clockwise


def scene(seed: int, height: int, width: int, channels: int = 3) -> Pixels:
    """A picture like no other: soft shapes with some noise, uint8 [height, width, channel]."""
    chance = np.random.default_rng(seed)
    coarse = chance.integers(20, 236, (4, 5, 3), dtype=np.uint8)
    soft = np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    noisy = soft.astype(int) + chance.integers(-6, 7, soft.shape)
    pixels = np.clip(noisy, 0, 255).astype(np.uint8)
    return pixels if channels == 3 else pixels[:, :, 0].copy()


def saved(root: Path, name: str, image: Image.Image | Pixels, **how: Any) -> None:
    """Writes a picture; its folder too."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(path, **how)


def of_photos(
    name: str,
    write: Callable[[Path], list[Photo]],
    brings_split: bool = False,
    quick: bool = False,
    channels: int = 0,
) -> Folder:
    """A folder of photos; how many channels they need to have, where it is not all the same."""

    def check(made: Made) -> None:
        photos = write(made.place / "again")
        check_images(made, photos, brings_split)
        if channels:
            entry = made.entry("images", photos[0].name)
            assert made.artifacts[entry].tensors["images"].shape[1] == channels

    return Folder(name, write, photos_agree, check, quick)


def write_classes(root: Path) -> list[Photo]:
    """JPEGs of one size, a folder for each class, and a licence beside them."""
    photos = []
    for place, label in enumerate(("daisy", "dandelion", "roses")):
        for number in range(24):
            pixels = scene(1000 * place + number, 40, 56)
            name = f"{label}/{7409458444 + 31 * number + place}_{number:04x}.jpg"
            saved(root, name, pixels, quality=92)
            photos.append(Photo(name, pixels, label, lossy=True))
    (root / "LICENSE.txt").write_text("The photos are under CC BY 2.0, by many authors.\n")
    return photos


def write_mixed(root: Path) -> list[Photo]:
    """Photos of many sizes and modes: gray, palette, alpha, CMYK, one bit, turned by EXIF."""
    photos = []
    for number in range(64):
        label = ("Hund", "Katze")[number % 2]
        height, width = 36 + 7 * (number % 5), 90 - 11 * (number % 6)
        photos.append(
            _of_mode(
                root,
                f"{label}/{number:03}",
                5000 + number,
                (height, width),
                number // 2 % 10,
                label,
            )
        )
    return photos


def _of_mode(
    root: Path, stem: str, seed: int, size: tuple[int, int], mode: int, label: str
) -> Photo:
    color = scene(seed, *size)
    gray, alpha = color[:, :, 1].copy(), scene(seed + 500, *size, channels=1)
    as_color, as_gray = Image.fromarray(color), Image.fromarray(gray)
    if mode in (0, 1):
        return _written(root, f"{stem}.{('JPG', 'jpeg')[mode]}", as_color, color, label, lossy=True)
    if mode == 2:
        return _written(root, f"{stem}.png", as_gray, gray, label)
    if mode in (3, 4):
        palette = as_color.quantize(32)
        clear = {"transparency": 3} if mode == 4 else {}
        return _written(
            root, f"{stem}.png", palette, np.array(palette.convert("RGB")), label, **clear
        )
    if mode in (5, 6):
        layers = np.dstack([color, alpha] if mode == 5 else [gray, alpha])
        return _written(root, f"{stem}.png", Image.fromarray(layers), layers, label)
    if mode == 7:
        ink = as_color.convert("CMYK")
        return _written(root, f"{stem}.jpg", ink, np.array(ink.convert("RGB")), label, lossy=True)
    if mode == 8:
        exif = Image.Exif()
        exif[0x0112] = ROTATED
        seen = np.ascontiguousarray(np.rot90(color, -1))
        return _written(root, f"{stem}.jpg", as_color, seen, label, lossy=True, exif=exif)
    bits = as_gray.point(lambda value: 255 * (value > 128), "1")
    return _written(root, f"{stem}.png", bits, np.array(bits.convert("L")), label)


def _written(
    root: Path,
    name: str,
    image: Image.Image,
    pixels: Pixels,
    label: str,
    lossy: bool = False,
    **how: Any,
) -> Photo:
    saved(root, name, image, **({"quality": 93} if lossy else {}), **how)
    return Photo(name, pixels, label, lossy=lossy)


def write_splits(root: Path) -> list[Photo]:
    """Folders train, valid and test, in them classes whose names have blanks and umlauts."""
    photos = []
    for place, (split, count) in enumerate((("train", 14), ("valid", 5), ("test", 6))):
        for kind, label in enumerate(("Große Tanne", "Eiche", "birch")):
            for number in range(count):
                # valid and test are darker: statistics of all would be others than those of train
                pixels = scene(9000 + 997 * place + 31 * kind + number, 32, 32) // (1 + place)
                name = f"{split}/{label}/leaf_{number}.png"
                saved(root, name, pixels)
                photos.append(Photo(name, pixels, label))
    return photos


def table(path: Path, rows: Sequence[Sequence[object]]) -> None:
    """A table of labels."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    path.write_text(out.getvalue(), encoding="utf-8")


def write_breeds(root: Path) -> list[Photo]:
    """Photos in one folder; labels.csv names them without suffix, by digits that begin with 0."""
    breeds, photos, rows = ("beagle", "boxer", "pug"), [], []
    for number in np.random.default_rng(3).permutation(60):
        pixels = scene(20_000 + number, 44, 44)
        name, label = f"{number * 137:06}", breeds[number % 3]
        saved(root, f"{name}.jpg", pixels, quality=95, subsampling=0)
        photos.append(Photo(f"{name}.jpg", pixels, label, lossy=True))
        rows.append((name, label))
    table(root / "labels.csv", [("id", "breed"), *rows])
    return photos


def write_chests(root: Path) -> list[Photo]:
    """Gray photos; metadata.csv has several labels for some, and columns that are no labels."""
    chance = np.random.default_rng(12)
    findings, photos, rows = ("Effusion", "Mass", "Nodule", "No Finding"), [], []
    for number in range(54):
        pixels = scene(30_000 + number, 48, 40, channels=1)
        many = tuple(one for one in findings[:3] if chance.random() < 0.4) or ("No Finding",)
        name = f"{number:08}_000.png"
        saved(root, name, pixels)
        photos.append(Photo(name, pixels, many))
        rows.append((name, "|".join(many), ("PA", "AP")[number % 2], 30 + number % 50))
    table(root / "metadata.csv", [("file_name", "labels", "view", "age"), *rows])
    return photos


def write_tiles(root: Path) -> list[Photo]:
    """Satellite tiles; their tags stand in one column with blanks between them, not sorted."""
    chance = np.random.default_rng(13)
    tags, photos, rows = ("clear", "cloudy", "primary", "water", "road"), [], []
    for number in range(56):
        pixels = scene(40_000 + number, 36, 36)
        many = [one for one in tags[2:] if chance.random() < 0.4]
        many = [*many, tags[number % 2]] if number % 3 else [tags[number % 2], *many]
        saved(root, f"tile_{number}.jpg", pixels, quality=94)
        photos.append(Photo(f"tile_{number}.jpg", pixels, tuple(many), lossy=True))
        rows.append((f"tile_{number}", " ".join(many)))
    table(root / "labels.csv", [("image_name", "tags"), *rows])
    return photos


def write_pets(root: Path) -> list[Photo]:
    """cat.001.jpg, dog.002.jpg, …; one of them was cut off when it was copied."""
    photos = []
    for number in range(66):
        label = "cat" if number % 2 else "dog"
        pixels, name = scene(50_000 + number, 40, 52), f"{label}.{number + 1:03}.jpg"
        saved(root, name, pixels, quality=90)
        if number == 40:
            whole = (root / name).read_bytes()
            (root / name).write_bytes(whole[: len(whole) // 2])
        photos.append(Photo(name, None if number == 40 else pixels, label, lossy=True))
    return photos


def write_roads(root: Path) -> list[Photo]:
    """photos/0001.jpg with masks/0001.png, whose palette indices are classes."""
    photos = []
    for number in range(52):
        pixels, stem = scene(60_000 + number, 40, 56), f"aachen_{number:06}_000019"
        chance = np.random.default_rng(61_000 + number)
        mask = Image.fromarray(
            chance.integers(0, 4, (5, 7), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
        )
        mask.putpalette([0, 0, 0, 128, 64, 128, 70, 70, 70, 220, 20, 60])
        saved(root, f"photos/{stem}.jpg", pixels, quality=93)
        saved(root, f"masks/{stem}.png", mask)
        photos.append(Photo(f"photos/{stem}.jpg", pixels, mask=f"masks/{stem}.png", lossy=True))
    return photos


def write_cells(root: Path) -> list[Photo]:
    """cell_01.png beside cell_01_mask.png, of two sizes; masks are 0 and 255."""
    photos = []
    for number in range(50):
        size = (40, 48) if number % 3 else (64, 44)
        pixels, stem = scene(70_000 + number, *size), f"cell_{number:02}"
        mask = np.where(pixels[:, :, 1] > 120, 255, 0).astype(np.uint8)
        saved(root, f"{stem}.png", pixels)
        saved(root, f"{stem}_mask.png", mask)
        photos.append(Photo(f"{stem}.png", pixels, mask=f"{stem}_mask.png"))
    return photos


def write_deep(root: Path) -> list[Photo]:
    """Gray pictures of 16 bits, as PNG and as TIFF, some compressed; classes in folders."""
    photos = []
    for number in range(52):
        label = ("healthy", "infected")[number % 2]
        coarse = scene(80_000 + number, 32, 40, channels=1).astype(np.uint16)
        fine = np.random.default_rng(number).integers(0, 256, coarse.shape, dtype=np.uint16)
        pixels = coarse * np.uint16(256) + fine
        name = f"{label}/{number:03}.{'tif' if number % 4 < 2 else 'png'}"
        packed = {"compression": "tiff_lzw"} if number % 8 == 1 else {}
        saved(root, name, Image.fromarray(pixels), **packed)
        photos.append(Photo(name, pixels, label))
    return photos


def write_phone(root: Path) -> list[Photo]:
    """What phones and browsers leave: HEIC, WebP, AVIF, JPEG; upright and lying."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    photos = []
    for number in range(18):
        size = (48, 64) if number % 3 else (64, 48)
        suffix = ("HEIC", "webp", "avif", "jpg")[number % 4]
        pixels, name = scene(90_000 + number, *size), f"IMG_{number + 4210}.{suffix}"
        saved(root, name, pixels, quality=90)
        photos.append(Photo(name, pixels, lossy=True))
    return photos


PHOTOS = [
    of_photos("flower_photos", write_classes),
    of_photos("Tiere", write_mixed, quick=True, channels=3),
    of_photos("leaves", write_splits, brings_split=True),
    of_photos("dog-breeds", write_breeds, quick=True),
    of_photos("chest_xrays", write_chests),
    of_photos("planet", write_tiles),
    of_photos("cats_and_dogs", write_pets),
    of_photos("roads", write_roads, quick=True),
    of_photos("cells", write_cells),
    of_photos("microscopy", write_deep),
    of_photos("iPhone 2024", write_phone, channels=3),
]
