"""Images of other sizes, brought to one as Pillow does it; frames and pages as images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from ptm.errors import InputError
from ptm.kinds.images.resizing import inner_size, resized
from tests.support.entries import aside, flat, made, made_alike, put, wrong
from tests.support.pictures import noise
from tests.support.tiffs import tiff

pytestmark = pytest.mark.usefixtures("unsynced")
SIZES = [(40, 30), (30, 40), (17, 61), (61, 17), (24, 16), (5, 5), (48, 32), (2, 50)]
TALL, WIDE = 24, 16


def cropped(image: Image.Image, height: int, width: int) -> Image.Image:
    """As torchvision's Resize and CenterCrop make it of a picture of Pillow."""
    scale = max(height / image.height, width / image.width)
    tall, wide = int(image.height * scale + 1e-9), int(image.width * scale + 1e-9)
    large = image.resize((wide, tall), Image.Resampling.BILINEAR)
    top, left = round((tall - height) / 2.0), round((wide - width) / 2.0)
    return large.crop((left, top, left + width, top + height))


def padded(image: Image.Image, height: int, width: int) -> Image.Image:
    return ImageOps.pad(image, (width, height), Image.Resampling.BILINEAR)


def stretched(image: Image.Image, height: int, width: int) -> Image.Image:
    return image.resize((width, height), Image.Resampling.BILINEAR)


FITS = {"crop": cropped, "pad": padded, "stretch": stretched}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, size in enumerate(SIZES):
        put(tmp_path, f"{number}.png", noise(*size, 3, seed=number))
    return tmp_path


@pytest.mark.parametrize("fit", FITS)
def test_fits(root: Path, fit: str) -> None:
    """The values are those that Pillow gives, for each size of the file."""
    found = made_alike(root, f'resize = [{TALL}, {WIDE}]\nfit = "{fit}"')
    assert found.tensors["images"].shape == (len(SIZES), 3, TALL, WIDE)
    for number, image in enumerate(found.tensors["images"].numpy()):
        with Image.open(root / f"d/{number}.png") as file:
            expected = np.asarray(FITS[fit](file, TALL, WIDE))
        assert np.array_equal(np.moveaxis(image, 0, -1), expected), SIZES[number]
    table = found.table
    assert list(zip(table["file_height"], table["file_width"], strict=True)) == SIZES
    assert {*zip(table["height"], table["width"], strict=True)} == {(TALL, WIDE)}
    assert table.attrs["units"]["file_width"] == "pixels"
    said = {"size": [TALL, WIDE], "fit": fit, "filter": "bilinear, antialiased, of Pillow"}
    assert found.manifest["facts"]["resize"] == said


def test_crop_is_usual(root: Path) -> None:
    """Without a word on it, what is over is cut."""
    found = made(root, f"resize = [{TALL}, {WIDE}]").tensors["images"]
    more = f'resize = [{TALL}, {WIDE}]\nfit = "crop"'
    assert torch.equal(found, made(root, more, "other").tensors["images"])


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(1, 1), (7, 7), (224, 224), (33, 100)])
@pytest.mark.parametrize("shape", [(1, 1), (1, 999), (480, 640), (641, 480), (3, 2)])
def test_inner_sizes(fit: str, size: tuple[int, int], shape: tuple[int, int]) -> None:
    """What is cut covers the size, what is padded is inside, and one side is always met."""
    tall, wide = inner_size(shape, size, fit)  # type: ignore[arg-type]
    if fit == "crop":
        assert tall >= size[0] and wide >= size[1]
    else:
        assert 1 <= tall <= size[0] and 1 <= wide <= size[1]
    assert tall == size[0] or wide == size[1]
    found = resized(noise(*shape, 1), size, fit)  # type: ignore[arg-type]
    assert found.shape == (*size, 1)


def test_a_flat_picture_stays_flat(tmp_path: Path) -> None:
    """One colour comes out as it is; around it, where it is padded, are zeros."""
    put(tmp_path, "1.png", flat((10, 20, 30), 10, 20))
    image = made(tmp_path, 'resize = [8, 8]\nfit = "pad"').tensors["images"][0]
    assert image[:, 2:6].reshape(3, -1).unique(dim=1).tolist() == [[10], [20], [30]]
    assert image[:, :2].max() == 0 and image[:, 6:].max() == 0


@pytest.mark.parametrize("fit", FITS)
def test_masks_keep_their_values(tmp_path: Path, fit: str) -> None:
    """A mask is brought to the same place, with no value in between."""
    for number, size in enumerate(SIZES):
        put(tmp_path, f"{number}.png", noise(*size, 3, seed=number))
        put(tmp_path, f"masks/{number}.png", noise(*size, seed=number) // 64 * 50)
    found = made_alike(tmp_path, f'masks = "masks"\nresize = [{TALL}, {WIDE}]\nfit = "{fit}"')
    assert found.manifest["facts"]["mask_values"] == [0, 50, 100, 150]
    assert found.manifest["facts"]["resize"]["masks"] == "nearest, of Pillow"
    nearest = Image.Resampling.NEAREST
    with Image.open(tmp_path / "d/masks/0.png") as mask:
        if fit == "stretch":
            expected = np.asarray(mask.resize((WIDE, TALL), nearest))
        elif fit == "pad":
            expected = np.asarray(ImageOps.pad(mask, (WIDE, TALL), nearest))
        else:
            expected = np.asarray(mask.resize((18, 24), nearest))[:, 1:17]
    assert np.array_equal(found.tensors["masks"][0].numpy(), expected)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_deep_pictures(tmp_path: Path, dtype: type) -> None:
    """Those of 16 bits and floats too, each channel as Pillow resizes one."""
    pixels = (noise(40, 30, 3).astype(dtype) + 1) * dtype(250)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.tif").write_bytes(tiff(pixels))
    found = made_alike(tmp_path, 'resize = [20, 10]\nfit = "stretch"').tensors["images"]
    for channel in range(3):
        one = Image.fromarray(np.ascontiguousarray(pixels[..., channel]))
        expected = np.asarray(one.resize((10, 20), Image.Resampling.BILINEAR))
        assert np.array_equal(found[0, channel].numpy(), expected)


def test_sizes_are_counted(root: Path) -> None:
    """Without a size, images of several are refused: how many have which, and the way out."""
    with pytest.raises(InputError) as caught:
        made(root)
    first = caught.value.faults[0]
    assert first.got.startswith("8 sizes: 1 of ")
    assert "resize = [height, width]" in first.expected and "on_bad" in first.expected
    found = made(root, 'on_bad = "quarantine"', "other")
    assert len(found.table) == 1 and len(aside(found)) == len(SIZES) - 1


def frames(count: int, size: tuple[int, int] = (6, 8), first: int = 0) -> list[Image.Image]:
    """Pictures of one colour each."""
    return [flat((40 * (first + n), 9, 200), *size) for n in range(count)]


FORMS = {
    "gif": {"duration": 20},
    "webp": {"lossless": True, "duration": 20},
    "tif": {"compression": "tiff_deflate"},
    "png": {},
}


@pytest.mark.parametrize("suffix", FORMS)
def test_frames(tmp_path: Path, suffix: str) -> None:
    """Each frame or page is an image, in its order, beside files that have one."""
    one, *more = frames(4)
    how = {"save_all": True, "append_images": more, **FORMS[suffix]}
    put(tmp_path, f"b.{suffix}", one, **how)
    put(tmp_path, "a.png", flat((7, 7, 7), 6, 8))
    found = made_alike(tmp_path, 'frames = true\ncolor = "rgb"')
    assert found.table["file"].tolist() == ["a.png", *[f"b.{suffix}"] * 4]
    assert found.table["frame"].tolist() == [0, 0, 1, 2, 3]
    red = found.tensors["images"][:, 0].float().mean(dim=(1, 2)).tolist()
    assert red == pytest.approx([7, 0, 40, 80, 120], abs=1.5)  # a palette may round
    with pytest.raises(InputError, match=f"one image .or frames = true., got 4 frames .*{suffix}"):
        made(tmp_path, 'color = "rgb"', "other")


def test_frames_of_gray(tmp_path: Path) -> None:
    """Pages of 16 bits are read to the last bit, each by itself."""
    pages = [Image.fromarray(np.full((3, 4), 300 * n + 7, np.uint16)) for n in range(3)]
    put(tmp_path, "a.tif", pages[0], save_all=True, append_images=pages[1:])
    found = made_alike(tmp_path, "frames = true")
    assert found.tensors["images"].dtype == torch.uint16
    assert found.tensors["images"].int()[:, 0, 0, 0].tolist() == [7, 307, 607]


def test_frames_with_labels(tmp_path: Path) -> None:
    """All frames of a file have its label; a page of another size is named by its number."""
    one, *more = frames(3)
    put(tmp_path, "cat/a.tif", one, save_all=True, append_images=more)
    odd = [*frames(1), flat((1, 1, 1), 9, 9)]
    put(tmp_path, "dog/b.tif", odd[0], save_all=True, append_images=odd[1:])
    more_options = 'frames = true\nlabels = "folder"\non_bad = "quarantine"'
    found = made_alike(tmp_path, more_options)
    assert found.tensors["target"].tolist() == [0, 0, 0, 1]
    assert aside(found) == [
        (
            "dog/b.tif",
            "frame 1",
            "6 x 8 pixels with 3 channels as most have",
            "9 x 9 pixels with 3 channels",
        )
    ]


def test_a_broken_file_of_frames(tmp_path: Path) -> None:
    """Of a file that is cut short no frame is taken."""
    one, *more = frames(3)
    path = put(tmp_path, "a.tif", one, save_all=True, append_images=more)
    path.write_bytes(path.read_bytes()[:-60])
    put(tmp_path, "b.png", one)
    found = made_alike(tmp_path, 'frames = true\non_bad = "quarantine"')
    assert found.table["file"].tolist() == ["b.png"]
    assert [row[0] for row in aside(found)] == ["a.tif"]


def test_frames_stay_together(tmp_path: Path) -> None:
    """Grouped by file, the frames of one are in one split."""
    for number in range(8):
        one, *more = [flat((number, 30 * n, 1), 6, 8) for n in range(5)]
        put(tmp_path, f"{number}.tif", one, save_all=True, append_images=more)
    found = made(tmp_path, 'frames = true\ngroup = "file"\nsplit = { train = 0.5, val = 0.5 }')
    assert found.table.groupby("file")["split"].nunique().max() == 1
    assert found.table["split"].nunique() == 2
    assert not [note for note in found.manifest["warnings"] if "frames" in note]
    apart = made(tmp_path, "frames = true\nsplit = { train = 0.5, val = 0.5 }", "apart")
    [note] = [note for note in apart.manifest["warnings"] if "frames" in note]
    assert "group = 'file'" in note


def test_frames_have_to_fit(tmp_path: Path) -> None:
    """`max_bytes` holds for all frames of a file together."""
    one, *more = frames(4)
    put(tmp_path, "a.tif", one, save_all=True, append_images=more)
    made(tmp_path, f"frames = true\nmax_bytes = {4 * 6 * 8 * 3}")
    with pytest.raises(InputError, match="expected at most"):
        made(tmp_path, f"frames = true\nmax_bytes = {4 * 6 * 8 * 3 - 1}", "other")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("resize = [0, 4]", "resize.0: expected"),
        ("resize = [4]", "resize"),
        ("resize = 4", "resize"),
        ('fit = "pad"', "'resize' where there is 'fit'"),
        ('resize = [4, 4]\nfit = "cover"', "fit"),
        ("resize = [4.5, 4]", "resize.0"),
        ("frames = 3", "frames"),
        ('color = "blue"', "color"),
    ],
)
def test_options(tmp_path: Path, more: str, says: str) -> None:
    """Sizes that are none are refused where the catalog is read."""
    assert says in wrong(tmp_path, more)
