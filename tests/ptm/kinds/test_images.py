"""Images: planted pixels come out in their place, whatever the file's mode or orientation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageOps

from ptm.errors import InputError
from ptm.kinds.images import Options as ImagesSource
from ptm.model import Block
from ptm.stats import moments_of
from tests.support.kinds import block_of

Make = Callable[..., Block]
Write = Callable[..., Path]
ORIENTATION = 0x0112


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_channels_first(make: Make, write_image: Write) -> None:
    """Pixel (row, column) of channel c of the file is at [0, c, row, column] of the batch."""
    pixels = noise(5, 7, 3)
    write_image("a.png", pixels)
    images = make("images", "a.png").tensors["images"]
    assert images.dtype == torch.uint8 and images.shape == (1, 3, 5, 7)
    assert np.array_equal(images[0].numpy(), np.moveaxis(pixels, -1, 0))
    assert images.is_contiguous()


def test_alpha_is_dropped(make: Make, write_image: Write) -> None:
    """An RGBA image gives the colours that are in the file, not blended, and no fourth channel."""
    pixels = noise(4, 6, 4)
    write_image("a.png", pixels)
    content = make("images", "a.png")
    assert np.array_equal(content.tensors["images"][0].numpy(), np.moveaxis(pixels[..., :3], -1, 0))
    assert content.rows["mode"].to_pylist() == ["RGBA"]


def test_gray_has_one_channel(make: Make, write_image: Write) -> None:
    """A grey image has one channel, with or without alpha."""
    pixels = noise(4, 6, 2)
    write_image("l/a.png", pixels[..., 0])
    write_image("la/a.png", pixels)
    for folder in ("l", "la"):
        content = make("images", folder)
        assert content.facts["channels"] == ["gray"]
        assert np.array_equal(content.tensors["images"].numpy(), pixels[None, None, ..., 0])


def test_rgb_and_rgba_go_together(make: Make, write_image: Write) -> None:
    """A batch may hold images with and without alpha."""
    write_image("d/a.png", noise(4, 6, 3))
    write_image("d/b.png", noise(4, 6, 4))
    content = make("images", "d")
    assert content.tensors["images"].shape == (2, 3, 4, 6)
    assert content.rows["mode"].to_pylist() == ["RGB", "RGBA"]


def test_order_of_names(make: Make, write_image: Write) -> None:
    """The batch is in the order of the names, not of writing, whatever the threads do."""
    names = [f"{number:02d}.png" for number in range(40)]
    for name in reversed(names):
        write_image(f"d/{name}", np.full((3, 3), int(name[:2]), dtype=np.uint8))
    content = make("images", "d")
    assert content.tensors["images"][:, 0, 0, 0].tolist() == list(range(40))
    assert content.rows["file"].to_pylist() == names


def test_pattern_picks_and_hidden_files_are_left_out(make: Make, write_image: Write) -> None:
    """Only files that match the pattern are read, and none whose name starts with a dot."""
    write_image("d/a.png", noise(3, 3))
    write_image("d/.hidden.png", noise(9, 9))
    write_image("d/b.jpg", noise(8, 8))
    assert make("images", "d", pattern="*.png").rows["file"].to_pylist() == ["a.png"]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("shape", [(16, 24, 3), (16, 24)], ids=["rgb", "gray"])
def test_exif_orientation(
    make: Make, write_image: Write, orientation: int, shape: tuple[int, ...]
) -> None:
    """Each of the eight EXIF orientations is applied as Pillow's exif_transpose applies it."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = write_image("a.jpg", noise(*shape), exif=exif)
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image)).reshape(
            (16, 24, -1) if orientation < 5 else (24, 16, -1)
        )
    images = make("images", "a.jpg").tensors["images"]
    assert np.array_equal(images[0].numpy(), np.moveaxis(upright, -1, 0))


def test_exif_rotation_planted(make: Make, write_image: Write) -> None:
    """Orientation 6, a phone held upright: the left end of the first row becomes the top right."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    write_image("a.png", np.array([[10, 20, 30], [40, 50, 60]], dtype=np.uint8), exif=exif)
    images = make("images", "a.png").tensors["images"]
    assert images[0, 0].tolist() == [[40, 10], [50, 20], [60, 30]]


@pytest.mark.parametrize("orientation", [0, 9])
def test_exif_orientation_out_of_range(make: Make, write_image: Write, orientation: int) -> None:
    """An orientation that EXIF does not define leaves the image as it is stored."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    pixels = noise(3, 4)
    write_image("a.png", pixels, exif=exif)
    assert np.array_equal(make("images", "a.png").tensors["images"][0, 0].numpy(), pixels)


def test_standardized(make: Make, write_image: Write) -> None:
    """Each channel has mean 0 and standard deviation 1 (n - 1) over the batch, not each image."""
    batch = noise(3, 8, 9, 3)
    for number, pixels in enumerate(batch):
        write_image(f"d/{number}.png", pixels // (number + 1))
    content = make("images", "d", standardize=True)
    images = content.tensors["images"].double()
    assert content.tensors["images"].dtype == torch.float32
    assert images.mean(dim=(0, 2, 3)).abs().max() < 1e-6
    assert (images.std(dim=(0, 2, 3)) - 1).abs().max() < 1e-6
    assert images[0].mean().abs() > 0.1


def test_standardized_inverts_to_the_pixels(make: Make, write_image: Write) -> None:
    """The scaler takes the pixels of the file, 0 to 255, to the tensor, and back, every one."""
    pixels = noise(16, 16, 3)
    write_image("a.png", pixels)
    content = make("images", "a.png", standardize=True)
    assert content.scaler is not None
    raw = torch.from_numpy(np.moveaxis(pixels, -1, 0).copy())[None]
    assert torch.equal(content.scaler.apply(raw), content.tensors["images"])
    assert torch.equal(content.scaler.invert(content.tensors["images"]).round(), raw.double())
    assert content.scaler.names == ("red", "green", "blue")


def test_two_levels_planted(make: Make, write_image: Write) -> None:
    """Half black, half white: mean 0.5, so that black and white are at equal distance from 0."""
    pixels = np.array([[0, 255], [255, 0]], dtype=np.uint8)
    write_image("a.png", pixels)
    content = make("images", "a.png", standardize=True)
    assert content.scaler is not None and content.scaler.shift == (0.5,)
    assert content.scaler.scale[0] == pytest.approx((1 / 3) ** 0.5)
    assert content.tensors["images"].flatten().tolist() == pytest.approx(
        [-(0.75**0.5), 0.75**0.5, 0.75**0.5, -(0.75**0.5)]
    )


def test_flat_channel(make: Make, write_image: Write) -> None:
    """A channel of one value becomes 0 throughout, with a warning that names it."""
    pixels = noise(4, 4, 3)
    pixels[..., 1] = 77
    write_image("a.png", pixels)
    content = make("images", "a.png", standardize=True)
    assert (content.tensors["images"][0, 1] == 0).all()
    assert len(content.notes) == 1 and "green" in content.notes[0]


def test_table(make: Make, write_image: Write) -> None:
    """The table has one row for each image: name, mode, height and width in pixels, brightness."""
    write_image("d/b.png", noise(4, 6))
    write_image("d/a.png", noise(4, 6))
    content = make("images", "d")
    mean = int(noise(4, 6).sum(dtype=np.int64)) / (255 * 24)
    assert content.rows.to_pylist() == [
        {"file": "a.png", "mode": "L", "height": 4, "width": 6, "brightness": mean},
        {"file": "b.png", "mode": "L", "height": 4, "width": 6, "brightness": mean},
    ]
    assert content.rows.schema.field("width").metadata == {b"unit": b"pixels"}
    assert content.axes == {"images": ("sample", "channel", "height", "width")}


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=4, max_dims=4, max_side=5)))
def test_moments_of_levels(batch: np.ndarray) -> None:
    """The moments of bytes are those of the fractions, channel by channel."""
    fractions = np.moveaxis(batch, 1, 0).reshape(batch.shape[1], -1) / 255
    found = moments_of(batch, 1, 255.0)
    assert (found.count == fractions.shape[1]).all()
    assert found.mean == pytest.approx(fractions.mean(axis=1))
    assert found.m2 == pytest.approx(fractions.var(axis=1) * found.count, abs=1e-12)
    assert (found.min == fractions.min(axis=1)).all() and (found.max == fractions.max(axis=1)).all()


@pytest.mark.parametrize("name", ["pages.tif", "moving.png"])
def test_several_pages_or_frames(tmp_path: Path, name: str) -> None:
    """A file with several pages or frames is refused: to take the first would be a guess."""
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    first.save(tmp_path / name, save_all=True, append_images=[second])
    source = ImagesSource(name="x", root=tmp_path, kind="images", path=name)
    with pytest.raises(InputError, match=f"expected one image .or frames = true., got 2 .*{name}"):
        block_of(source, [tmp_path / name])
