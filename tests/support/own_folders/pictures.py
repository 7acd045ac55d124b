"""What was made of photos, beside what Pillow makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tests.support.own_folders.made import Made, split_of

Pixels = NDArray[Any]
Shape = Callable[[Image.Image, tuple[int, int], Image.Resampling], Image.Image]
ROUNDED: tuple[Callable[[Fraction], int], ...] = (floor, round, ceil)
MOST = {np.dtype("uint8"): 255.0, np.dtype("uint16"): 65535.0}
SPLITS = {"train": "train", "valid": "val", "val": "val", "test": "test"}
LOSSY = 14  # mean difference of a planted picture from what a lossy format keeps of it
# standardised values are rounded once to float32; moments are folded in another order
NEAR = {"rtol": 1e-5, "atol": 1e-5}


@dataclass(frozen=True)
class Photo:
    """A photo of a folder.

    Attributes:
        name: its path below the folder.
        pixels: that were planted, [height, width] or [height, width, channel], as they are to be
            seen; None of a file that is damaged.
        label: its class, or classes; None where it has none.
        mask: the path of its mask.
        lossy: whether its format keeps them only nearly.
    """

    name: str
    pixels: Pixels | None
    label: str | tuple[str, ...] | None = None
    mask: str = ""
    lossy: bool = False


def opened(path: Path) -> Image.Image:
    """A photo as it is to be seen, by Pillow."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    image = Image.open(path)
    image.load()
    return ImageOps.exif_transpose(image)


def photos_agree(root: Path, planted: Sequence[Photo]) -> None:
    """Pillow sees what was planted."""
    for photo in planted:
        if photo.pixels is None:
            continue
        image = opened(root / photo.name)
        if image.mode == "1":
            image = image.convert("L")
        shown = photo.pixels.ndim == 3 and image.mode in ("P", "CMYK")
        seen = np.array(image.convert("RGB") if shown else image)
        assert seen.shape == photo.pixels.shape, (photo.name, seen.shape, photo.pixels.shape)
        far = np.abs(seen.astype(float) - photo.pixels).mean()
        assert far < LOSSY if photo.lossy else far == 0, (photo.name, far)


def coloured(image: Image.Image, color: str | None) -> Image.Image:
    """In the channels that the catalog asks for; alpha is dropped where it asks for none."""
    if color:
        return image.convert({"rgb": "RGB", "gray": "L", "rgba": "RGBA"}[color])
    return image.convert(image.mode.removesuffix("A")) if image.mode in ("RGBA", "LA") else image


def shapes(fit: str) -> list[Shape]:
    """The ways to bring a photo to a size that are right; they differ in how halves are rounded."""
    if fit == "stretch":
        return [lambda image, size, how: image.resize(size, how)]
    ends = [(side, edge) for side in ROUNDED for edge in ROUNDED]
    if fit == "crop":
        whole: Shape = lambda image, size, how: ImageOps.fit(image, size, how)  # noqa: E731
        return [*(_cropped(*each) for each in ends), whole]
    return [_padded(*each) for each in ends]


def _cropped(side: Callable[[Fraction], int], edge: Callable[[Fraction], int]) -> Shape:
    """The smallest size that covers it, then its middle."""

    def shape(image: Image.Image, size: tuple[int, int], how: Image.Resampling) -> Image.Image:
        scale = max(Fraction(a, b) for a, b in zip(size, image.size, strict=True))
        large = tuple(
            max(side(scale * one), most) for one, most in zip(image.size, size, strict=True)
        )
        left, top = (edge(Fraction(a - b, 2)) for a, b in zip(large, size, strict=True))
        return image.resize(large, how).crop((left, top, left + size[0], top + size[1]))

    return shape


def _padded(side: Callable[[Fraction], int], edge: Callable[[Fraction], int]) -> Shape:
    """The largest size that fits in, in the middle of zeros."""

    def shape(image: Image.Image, size: tuple[int, int], how: Image.Resampling) -> Image.Image:
        scale = min(Fraction(a, b) for a, b in zip(size, image.size, strict=True))
        small = tuple(
            min(max(side(scale * one), 1), most) for one, most in zip(image.size, size, strict=True)
        )
        place = tuple(edge(Fraction(b - a, 2)) for a, b in zip(small, size, strict=True))
        whole = Image.new(image.mode, size)
        whole.paste(image.resize(small, how), place)
        return whole

    return shape


def check_images(made: Made, photos: Sequence[Photo], brings_split: bool = False) -> None:
    """Files, pixels, classes, splits, masks, and what was learned of train.

    Args:
        made: what was made.
        photos: all that the folder has.
        brings_split: whether its folders say what is train.
    """
    good = {photo.name: photo for photo in photos if photo.pixels is not None}
    name = made.entry("images", *good)
    artifact, options = made.artifacts[name], made.options(name)
    files = [_below(made, options["path"], file) for file in artifact.table["file"]]
    assert sorted(files) == sorted(good), set(files) ^ set(good)
    _check_quarantine(artifact, [photo.name for photo in photos if photo.pixels is None])
    raw = _raw(artifact)
    ordered = [good[file] for file in files]
    fitting = _check_pixels(made, options, files, raw)
    if any(photo.mask for photo in photos):
        _check_masks(made, options, ordered, fitting)
    splits = split_of(made, name, brings_split, len(files))
    if brings_split:
        assert splits == [SPLITS[file.split("/")[0]] for file in files]
    _check_labels(artifact, ordered)
    _check_learned(artifact, raw, np.array([one == "train" for one in splits]))


def _below(made: Made, path: str, file: str) -> str:
    """The path of a file below the folder, from that below its source."""
    parts = []
    for part in Path(path).parts:
        if set(part) & set("*?"):
            break
        parts.append(part)
    return (
        (made.data.joinpath(*parts) / file).resolve().relative_to(made.folder.resolve()).as_posix()
    )


def _check_quarantine(artifact: Any, damaged: Sequence[str]) -> None:
    """It has the damaged files, each with a reason, and no other."""
    rows = artifact.tables.get("quarantine")
    aside = [] if rows is None else rows["path"].tolist()
    assert len(aside) == len(damaged), (aside, damaged)
    for file in aside:
        assert any(one == file or one.endswith(f"/{file}") for one in damaged), (file, damaged)
    assert not aside or all(rows["got"])


def _raw(artifact: Any) -> Pixels:
    """The pixels as they were before they were scaled."""
    values = artifact.raw("images", artifact.tensors["images"]).numpy()
    if values.dtype in MOST:
        return np.asarray(values)
    whole = np.rint(values)
    assert np.allclose(values, whole, atol=0.01)
    return whole.astype(np.uint16 if whole.max() > 255 else np.uint8)


def _check_pixels(
    made: Made, options: Mapping[str, Any], files: Sequence[str], raw: Pixels
) -> list[int]:
    """Every photo is what Pillow makes of it; the ways to bring it to its size that gave that."""
    images = [coloured(opened(made.folder / file), options.get("color")) for file in files]
    assert {len(one.getbands()) for one in images} == {raw.shape[1]}
    size = options.get("resize")
    if not size:
        for file, image, got in zip(files, images, raw, strict=True):
            _equal(file, _channels(image), got)
        return []
    assert raw.shape[2:] == tuple(size), (raw.shape, size)
    ways = shapes(options.get("fit", "crop"))
    fitting = [*range(len(ways))]
    for file, image, got in zip(files, images, raw, strict=True):
        found = {
            way: _channels(ways[way](image, (size[1], size[0]), Image.Resampling.BILINEAR))
            for way in fitting
        }
        fitting = [way for way, pixels in found.items() if np.array_equal(pixels, got)]
        if not fitting:
            nearest = min(found.values(), key=lambda one: np.abs(one.astype(int) - got).sum())
            _equal(file, nearest, got)
    return fitting


def _channels(image: Image.Image) -> Pixels:
    """As [channel, height, width]."""
    pixels = np.array(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _equal(file: str, wanted: Pixels, got: Pixels) -> None:
    assert wanted.shape == got.shape, (file, wanted.shape, got.shape)
    assert wanted.dtype == got.dtype, (file, wanted.dtype, got.dtype)
    far = np.abs(wanted.astype(int) - got.astype(int))
    assert not far.any(), f"{file}: {(far > 0).mean():.1%} of values differ, by up to {far.max()}"


def _check_masks(
    made: Made, options: Mapping[str, Any], photos: Sequence[Photo], fitting: Sequence[int]
) -> None:
    """Each photo has its own mask, with the values of the file, brought to its size likewise."""
    artifact = made.artifacts[made.entry("images", photos[0].name)]
    masks = artifact.tensors["masks"].numpy()
    size, right = options.get("resize"), [*fitting]
    ways = shapes(options.get("fit", "crop"))
    for photo, got in zip(photos, masks, strict=True):
        image = Image.open(made.folder / photo.mask)
        if not size:
            _equal(photo.mask, np.array(image), got)
            continue
        found = {
            way: np.array(ways[way](image, (size[1], size[0]), Image.Resampling.NEAREST))
            for way in right
        }
        right = [way for way, pixels in found.items() if np.array_equal(pixels, got)]
        assert right, f"{photo.mask}: other values than those of the nearest pixels"
    assert artifact.manifest["facts"]["mask_values"] == np.unique(masks).tolist()


def _check_labels(artifact: Any, photos: Sequence[Photo]) -> None:
    """Each photo has its own class, or all of its classes."""
    labels = [photo.label for photo in photos]
    if labels[0] is None:
        assert "target" not in artifact.tensors, "classes were found where there are none"
        return
    classes, target = artifact.manifest["facts"]["classes"], artifact.tensors["target"].numpy()
    several = [(one,) if isinstance(one, str) else one for one in labels]
    assert classes == sorted({name for one in several for name in one}), classes
    if isinstance(labels[0], str):
        assert target.dtype == np.int64
        assert [classes[place] for place in target.tolist()] == labels
        return
    assert target.dtype == np.float32
    assert target.tolist() == [[float(name in one) for name in classes] for one in several]


def _check_learned(artifact: Any, raw: Pixels, train: NDArray[np.bool_]) -> None:
    """Mean and deviation are those of train, and that is what a batch is scaled by."""
    if artifact.learned is None or "images" not in artifact.learned.scalers:
        return
    scaler = artifact.learned.scalers["images"]
    values = raw.astype(float) / MOST[raw.dtype]
    of_train = values[train].transpose(1, 0, 2, 3).reshape(raw.shape[1], -1)
    mean, deviation = of_train.mean(1), of_train.std(1, ddof=1)
    assert np.allclose(scaler.shift, mean, **NEAR), (scaler.shift, mean)
    assert np.allclose(scaler.scale, deviation, **NEAR), (scaler.scale, deviation)
    batch = next(iter(artifact.loader("train", int(train.sum()), shuffle=False)))["images"].numpy()
    wanted = (values[train] - mean[:, None, None]) / deviation[:, None, None]
    assert batch.dtype == np.float32 and np.allclose(batch, wanted, **NEAR)
