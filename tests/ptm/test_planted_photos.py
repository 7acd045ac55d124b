"""Random photos in random formats and colours: what comes out is what Pillow makes of them."""

from __future__ import annotations

import io
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.support.dialects import toml
from tests.support.entries import made
from tests.support.pictures import noise

pytestmark = pytest.mark.usefixtures("unsynced")
FEW, MANY = 15, 400
MODES = {"rgb": "RGB", "gray": "L", "rgba": "RGBA"}
FORMS = {
    "RGB": ["png", "webp", "tif", "bmp", "jpg", "jpeg", "ppm", "tga"],
    "L": ["png", "tif", "bmp", "jpg", "pgm"],
    "RGBA": ["png", "webp", "tif", "tga"],
    "LA": ["png", "tif"],
    "P": ["png", "gif", "bmp", "tif"],
    "1": ["png", "tif"],
    "CMYK": ["jpg", "tif"],
}
TURNED = 0x0112  # EXIF: orientation


def write(
    choose: random.Random, folder: Path, number: int, mode: str, size: tuple[int, int]
) -> Path:
    """A photo of noise, or of a wave, in a mode and a format that has it."""
    pixels = noise(*size, 3, seed=choose.randrange(1 << 30))
    if choose.random() < 0.5:
        rows, columns = np.mgrid[0 : size[0], 0 : size[1]]
        waves = [127 + 120 * np.sin(rows / (3 + c) + columns / 7) for c in range(3)]
        pixels = np.stack(waves, axis=-1).astype(np.uint8)
    image = Image.fromarray(pixels)
    if mode == "P":
        image = image.quantize(choose.randint(2, 256))
    elif mode in ("RGBA", "LA"):
        image = image.convert("RGBA")
        image.putalpha(Image.fromarray(noise(*size, seed=number)))
        image = image.convert(mode)
    else:
        image = image.convert(mode)
    suffix = choose.choice(FORMS[mode])
    options: dict[str, Any] = {}
    if suffix == "webp":
        options = {"lossless": True, "exact": True}
    if suffix in ("jpg", "jpeg"):
        options = {"quality": choose.randint(5, 100), "progressive": choose.random() < 0.4}
        options["subsampling"] = choose.randint(0, 2)
    if suffix in ("jpg", "jpeg", "png", "webp", "tif") and choose.random() < 0.4:
        exif = Image.Exif()
        exif[TURNED] = choose.randint(1, 8)
        options["exif"] = exif
    path = folder / f"{number:02d}.{suffix}"
    image.save(path, **options)
    return path


def by_hand(path: Path, color: str | None, fit: str, size: tuple[int, int] | None) -> np.ndarray:
    """The pixels of a file, [channel, height, width], by Pillow alone."""
    # of its bytes: turned TIFFs whose file Pillow maps into memory come out garbled
    with Image.open(io.BytesIO(path.read_bytes())) as file:
        image = ImageOps.exif_transpose(file)
        alpha = {"RGBA": "RGB", "LA": "L"}.get(image.mode, image.mode)
        image = image.convert(MODES[color] if color else alpha)
    if size:
        height, width = size
        bilinear = Image.Resampling.BILINEAR
        if fit == "stretch":
            image = image.resize((width, height), bilinear)
        elif fit == "pad":
            thin = min(round(image.width / image.height * height), width) < 1
            flat = min(round(image.height / image.width * width), height) < 1
            if thin or flat:  # Pillow leaves nothing of it, ptm a line
                line = image.resize((1, height) if thin else (width, 1), bilinear)
                image = Image.new(image.mode, (width, height))
                place = (round((width - 1) * 0.5), 0) if thin else (0, round((height - 1) * 0.5))
                image.paste(line, place)
            else:
                image = ImageOps.pad(image, (width, height), bilinear)
        else:
            scale = max(height / image.height, width / image.width)
            tall, wide = int(image.height * scale + 1e-9), int(image.width * scale + 1e-9)
            top, left = round((tall - height) / 2), round((wide - width) / 2)
            image = image.resize((wide, tall), bilinear)
            image = image.crop((left, top, left + width, top + height))
    return np.moveaxis(np.atleast_3d(np.asarray(image)), -1, 0)


def check(seed: int, root: Path) -> None:
    """A folder of a few, whole and in parts of one."""
    choose = random.Random(f"photos {seed}")
    (root / "d").mkdir()
    color = choose.choice([None, "rgb", "gray", "rgba"])
    modes = [*FORMS] if color else [choose.choice(["RGB", "L"])]
    if not color and choose.random() < 0.5:
        modes.append({"RGB": "RGBA", "L": "LA"}[modes[0]])
    size = (choose.randint(1, 40), choose.randint(1, 40)) if choose.random() < 0.8 else None
    fit = choose.choice(["crop", "pad", "stretch"])
    one = choose.randint(1, 50)
    paths = [
        write(
            choose,
            root / "d",
            number,
            choose.choice(modes),
            (choose.randint(1, 70), choose.randint(1, 70)) if size else (one, one),
        )
        for number in range(choose.randint(1, 6))
    ]
    options: dict[str, Any] = {"color": color} if color else {}
    if size:
        options |= {"resize": list(size), "fit": fit}
    for part_bytes in (1 << 26, 1):
        options["part_bytes"] = part_bytes
        more = "\n".join(f"{name} = {toml(value)}" for name, value in options.items())
        found = made(root, more, f"store{part_bytes}")
        images = found.tensors["images"].numpy()
        assert found.table["file"].tolist() == [path.name for path in paths]
        for path, image in zip(paths, images, strict=True):
            expected = by_hand(path, color, fit, size)
            assert image.dtype == np.uint8 and image.shape == expected.shape, (path, options)
            far = int(np.abs(image.astype(int) - expected).max())
            assert far == 0, f"{path.name} {options}: {far} off"


@pytest.mark.parametrize("seed", range(FEW))
def test_any_photos(seed: int, tmp_path: Path) -> None:
    """Photos by chance, in colours and a size by chance."""
    check(seed, tmp_path)


@pytest.mark.slow
def test_very_many(tmp_path: Path) -> None:
    """Each seed gives photos of its own."""
    for seed in range(FEW, MANY):
        folder = tmp_path / str(seed)
        folder.mkdir()
        check(seed, folder)
        shutil.rmtree(folder)
