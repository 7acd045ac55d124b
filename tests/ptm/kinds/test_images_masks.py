"""Masks and pairs: a second file for each image, found by its name, of the same size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ptm
from ptm.errors import InputError
from ptm.kinds.images.pairing import Partners, pattern_of, problem_of
from tests.support.entries import aside, entry, flat, made, made_alike, put, refused, wrong

pytestmark = pytest.mark.usefixtures("unsynced")
HEIGHT, WIDTH = 4, 5


def mask(number: int) -> np.ndarray:
    """Values from 0 to 3, others for each number."""
    values = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) + number
    return (values % 4).astype(np.uint8)


def palette(values: np.ndarray) -> Image.Image:
    image = Image.fromarray(values)
    image = image.convert("P")
    image.putdata(values.ravel().tolist())
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    return image


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three photos with a mask each."""
    for number in range(3):
        put(tmp_path, f"{number}.jpg", flat((10 * number, 50, 90)))
        put(tmp_path, f"masks/{number}.png", mask(number))
    return tmp_path


def test_masks(root: Path) -> None:
    """Each image has the values of its mask as they are in the file; masks are no images."""
    found = made_alike(root, 'masks = "masks/{stem}.png"')
    masks = found.tensors["masks"]
    assert masks.dtype == torch.uint8 and masks.shape == (3, HEIGHT, WIDTH)
    assert np.array_equal(masks.numpy(), np.stack([mask(n) for n in range(3)]))
    assert found.table["file"].tolist() == ["0.jpg", "1.jpg", "2.jpg"]
    assert found.table["mask"].tolist() == [f"masks/{n}.png" for n in range(3)]
    assert found.manifest["facts"]["mask_values"] == [0, 1, 2, 3]
    assert found.manifest["tensors"]["masks"]["axes"] == ["sample", "height", "width"]
    assert [view.name for view in found.views][:2] == ["contact-sheet", "masks"]
    assert not [view for view in found.views if "could not be drawn" in view.sentence]


LAYOUTS = {
    "beside": (["a/1.jpg", "a/1_mask.png"], "{folder}/{stem}_mask.png"),
    "same folder": (["1.jpg", "1.png"], "{stem}.png"),
    "any suffix": (["1.jpg", "m/1.TIF"], "m/{stem}"),
    "upper case": (["1.JPG", "m/1.PNG"], "m/{stem}.png"),
    "folders": (["a/b/1.jpg", "m/a/b/1.png"], "m/{folder}/{stem}.png"),
    "no folder": (["1.jpg", "m/1.png"], "m/{folder}/{stem}.png"),
    "above": (["train/images/1.jpg", "train/masks/1.png"], "{folder}/../masks/{stem}.png"),
    "word, in it": (["1.jpg", "masks/1.png"], "masks"),
    "word, beside": (["images/1.jpg", "masks/1.png"], "masks"),
    "word, as named": (["images/a/1.jpg", "masks/a/1.png"], "masks"),
    "word, whole path": (["images/a/1.jpg", "masks/images/a/1.png"], "masks"),
    "word, above": (["train/images/1.jpg", "train/masks/1.png"], "masks"),
    "word of two": (["1.jpg", "a/masks/1.gif"], "a/masks/"),
    "odd letters": (["ä [1].jpg", "m [x]/ä [1]*.png"], "m [x]/{stem}*.png"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_where_masks_may_be(tmp_path: Path, name: str) -> None:
    """A template, or the name of a folder, finds the mask wherever it is."""
    (image, place), template = LAYOUTS[name]
    put(tmp_path, image, flat((1, 2, 3)))
    put(tmp_path, place, palette(mask(1)) if place.endswith("gif") else mask(1))
    found = made_alike(tmp_path, f'masks = "{template}"')
    assert found.table["file"].tolist() == [image]
    assert found.table["mask"].tolist() == [place]
    assert np.array_equal(found.tensors["masks"][0].numpy(), mask(1))


def test_two_masks(tmp_path: Path) -> None:
    """Where two files may be the mask, both are named."""
    put(tmp_path, "images/1.jpg", flat((1, 2, 3)))
    for place in ("masks/1.png", "images/masks/1.tif"):
        put(tmp_path, place, mask(1))
    assert refused(tmp_path, 'masks = "masks"') == [
        (
            "d/images/1.jpg",
            "",
            "one mask for each image (masks = 'masks')",
            "images/masks/1.tif and masks/1.png",
        )
    ]


def test_values_of_masks(tmp_path: Path) -> None:
    """Places in a palette, gray of 1 to 16 bits, gray in three channels: the values of the file."""
    values = mask(0)
    forms = {
        "palette": palette(values),
        "gray": Image.fromarray(values),
        "rgb": Image.fromarray(np.repeat(values[..., None], 3, axis=2)),
        "rgba": Image.fromarray(np.dstack([values] * 3 + [np.full_like(values, 255)])),
        "sixteen": Image.fromarray(values.astype(np.uint16)),
    }
    for name, image in forms.items():
        put(tmp_path, f"{name}.jpg", flat((1, 2, 3)))
        put(tmp_path, f"masks/{name}.png", image)
    put(tmp_path, "one.jpg", flat((1, 2, 3)))
    put(tmp_path, "masks/one.png", Image.fromarray(values * 255).convert("1"))
    put(tmp_path, "two.jpg", flat((1, 2, 3)))
    put(tmp_path, "masks/two.png", palette(values), bits=2)
    found = made_alike(tmp_path, 'masks = "masks/{stem}.png"')
    for name, one in zip(found.table["file"], found.tensors["masks"], strict=True):
        expected = np.minimum(values, 1) if name == "one.jpg" else values
        assert np.array_equal(one.numpy(), expected), name


def test_gray_of_few_bits(tmp_path: Path) -> None:
    """Gray of 4 bits has values from 0 to 15, not those that a decoder spreads."""
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 1, 4, 0, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(b"\0\x01\x2f")) + chunk(b"IEND", b"")
    put(tmp_path, "1.jpg", flat((1, 2, 3), 1, 4))
    (tmp_path / "d" / "masks").mkdir()
    (tmp_path / "d" / "masks" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + data)
    found = made_alike(tmp_path, 'masks = "masks"')
    assert found.tensors["masks"].tolist() == [[[0, 1, 2, 15]]]


BAD = {
    "colours": (flat((1, 2, 3)), "a mask of places in a palette, or of gray", "colours"),
    "transparent": (flat((1, 1, 1, 9)), "a mask of places in a palette", "transparent in places"),
    "large values": (
        Image.fromarray(np.full((HEIGHT, WIDTH), 300, np.uint16)),
        "values from 0 to 255",
        "up to 300",
    ),
    "other size": (flat(1, 5, 4), "4 x 5 pixels as its image", "5 x 4 pixels"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_masks(root: Path, name: str) -> None:
    """A mask that is none, or has another size, is named with its image; or that is set aside."""
    image, expected, got = BAD[name]
    put(root, "masks/1.png", image)
    [(file, where, told, found)] = refused(root, 'masks = "masks/{stem}.png"')
    assert (file, where) == ("d/1.jpg", "mask masks/1.png")
    assert told.startswith(expected) and got in found
    left = made_alike(root, 'masks = "masks/{stem}.png"\non_bad = "quarantine"')
    assert aside(left) == [("1.jpg", where, told, found)]
    assert left.table["file"].tolist() == ["0.jpg", "2.jpg"]
    assert np.array_equal(left.tensors["masks"].numpy(), np.stack([mask(0), mask(2)]))
    assert left.tensors["images"].shape == (2, 3, HEIGHT, WIDTH)


def test_a_broken_mask(root: Path) -> None:
    """So is one that cannot be decoded."""
    (root / "d/masks/2.png").write_bytes(b"no picture")
    found = made_alike(root, 'masks = "masks/{stem}.png"\non_bad = "quarantine"')
    assert [row[:2] for row in aside(found)] == [("2.jpg", "mask masks/2.png")]


def test_partners_that_are_missing(root: Path) -> None:
    """An image without a mask, and a mask without an image, are named; or set aside."""
    (root / "d/1.jpg").unlink()
    (root / "d/masks/2.png").unlink()
    more = 'masks = "masks/{stem}.png"'
    told = refused(root, more)
    expected = "one mask for each image (masks = 'masks/{stem}.png')"
    assert told == [
        ("d/2.jpg", "", expected, "none"),
        ("d/masks/1.png", "", "an image that it is the mask of", "none"),
    ]
    found = made_alike(root, more + '\non_bad = "quarantine"')
    assert aside(found) == [(file.removeprefix("d/"), *rest) for file, *rest in told]
    assert found.table["file"].tolist() == ["0.jpg"]


def test_all_masks_are_missing(root: Path) -> None:
    """Where there is none at all, that is one fault."""
    assert [one[:3] for one in refused(root, 'masks = "mask/{stem}.png"')] == [
        ("d", "", "at least one file that matches 'mask/*.png'")
    ]


def test_an_edit_of_a_mask(root: Path) -> None:
    """A mask is an input: an edit makes its part again, and no other."""
    source = entry(root, 'masks = "masks/{stem}.png"\npart_bytes = 1')
    ptm.tensorize(source, root / "store")
    assert ptm.tensorize(source, root / "store").cached
    put(root, "masks/1.png", mask(2))
    again = ptm.tensorize(source, root / "store")
    assert not again.cached and "1 of 3 parts" in again.why
    masks = ptm.load("x", root / "store").tensors["masks"].numpy()
    assert np.array_equal(masks, np.stack([mask(0), mask(2), mask(2)]))
    assert again.warnings == ()


def test_a_turned_photo(tmp_path: Path) -> None:
    """A photo is turned as its EXIF says: its mask has the upright size, and a note tells it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    put(tmp_path, "1.jpg", flat((1, 2, 3), 4, 6), exif=exif)
    put(tmp_path, "masks/1.png", flat(1, 6, 4))
    found = made_alike(tmp_path, 'masks = "masks"')
    assert found.tensors["images"].shape == (1, 3, 6, 4)
    [note] = found.manifest["warnings"]
    assert note == "turned upright as its EXIF says, what belongs to it was not (1.jpg)"
    put(tmp_path, "masks/1.png", flat(1, 4, 6))
    [(_, _, expected, got)] = refused(tmp_path, 'masks = "masks"')
    assert expected == "6 x 4 pixels as its image (turned upright as its EXIF says)"
    assert got == "4 x 6 pixels"


def test_pairs(tmp_path: Path) -> None:
    """Two pictures for each sample, each a tensor of its own; they may have other channels."""
    for number in range(3):
        put(tmp_path, f"noisy/{number}.png", flat((number, 2, 3)))
        put(tmp_path, f"clean/{number}.png", flat(100 + number))
    found = made_alike(tmp_path, 'pairs = "clean/{stem}.png"')
    assert found.tensors["images"].shape == (3, 3, HEIGHT, WIDTH)
    assert found.tensors["pairs"].shape == (3, 1, HEIGHT, WIDTH)
    assert found.tensors["pairs"][:, 0, 0, 0].tolist() == [100, 101, 102]
    assert found.manifest["facts"]["pair_channels"] == ["gray"]
    assert found.table["pair"].tolist() == [f"clean/{number}.png" for number in range(3)]
    scaled = made_alike(tmp_path, 'pairs = "clean/{stem}.png"\nstandardize = true')
    assert scaled.tensors["pairs"].dtype == torch.float32
    assert scaled.tensors["pairs"].mean().abs() < 1e-6
    put(tmp_path, "clean/1.png", flat((1, 1, 1)))
    with pytest.raises(InputError, match="its pair 4 x 5 pixels with 1 channel as in"):
        made(tmp_path, 'pairs = "clean/{stem}.png"')
    found = made_alike(tmp_path, 'pairs = "clean/{stem}.png"\non_bad = "quarantine"')
    assert aside(found) == [
        (
            "noisy/1.png",
            "",
            "4 x 5 pixels with 3 channels, its pair 4 x 5 pixels with 1 channel as most have",
            "4 x 5 pixels with 3 channels",
        )
    ]


def test_masks_pairs_and_labels(root: Path) -> None:
    """All at once; samples that come to no split are left out of each."""
    for number in range(3):
        put(root, f"clean/{number}.png", flat((number, 0, 0)))
    (root / "d/labels.csv").write_text("file,label\n0,a\n1,b\n2,a\n")
    (root / "splits.csv").write_text("file,split\n0.jpg,train\n2.jpg,val\n")
    more = 'masks = "masks"\npairs = "clean/{stem}.png"\nlabels = "labels.csv"\n'
    more += 'split = { file = "splits.csv" }\non_bad = "quarantine"'
    found = made_alike(root, more)
    assert found.tensors["target"].tolist() == [0, 0]
    assert found.manifest["facts"]["classes"] == ["a"]
    assert found.tensors["pairs"][:, 0, 0, 0].tolist() == [0, 2]
    assert np.array_equal(found.tensors["masks"].numpy(), np.stack([mask(0), mask(2)]))
    assert [row[0] for row in aside(found)] == ["1.jpg"]
    loaded = next(iter(found.loader("train", 1)))
    assert {*loaded} == {"images", "masks", "pairs", "target"}


@pytest.mark.parametrize(
    ("template", "pattern"),
    [
        ("masks/{stem}.png", "masks/*.png"),
        ("masks", "**/masks/**/*"),
        ("{folder}/{stem}_m.png", "**/*_m.png"),
        ("{folder}/../m/{stem}.png", "**/m/*.png"),
        ("a/../m/{stem}", "m/*.*"),
        ("m[1]/{stem}.png", "m[[]1]/*.png"),
    ],
)
def test_patterns_of_templates(template: str, pattern: str) -> None:
    """What may be named by a template is looked for by a pattern."""
    assert not problem_of(template)
    assert pattern_of(template) == pattern


def test_each_has_what_its_name_says() -> None:
    """A stem is not mistaken for the begin of a longer one."""
    partners = Partners.of("m/{stem}.png", ["m/1.png", "m/11.png", "m/1.x.png"])
    assert partners.of_image("1.jpg") == ["m/1.png"]
    assert partners.of_image("a/1.x.jpg") == ["m/1.x.png"]
    assert partners.of_image("2.jpg") == []


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ('masks = "m/{name}.png"', "no braces but those of {stem} and {folder}"),
        ('masks = "m/{stem.png"', "no braces but those of {stem} and {folder}"),
        ('masks = "a{folder}/{stem}.png"', "{folder} as a folder by itself"),
        ('masks = "{folder}/x.png"', "{stem} in the name of the file"),
        ('masks = "{stem}/x.png"', "{stem} in the name of the file"),
        ('masks = "/m/{stem}.png"', "a path below the source"),
        ('masks = ""', "a path below the source"),
        ('pairs = "m/{x}"', "pairs"),
        ('masks = "m"\nframes = true', "no 'frames' where there are 'masks' or 'pairs'"),
    ],
)
def test_options(tmp_path: Path, more: str, says: str) -> None:
    """Templates that say nothing are refused where the catalog is read."""
    assert says in wrong(tmp_path, more)
