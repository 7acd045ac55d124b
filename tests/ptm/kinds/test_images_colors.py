"""Colours and depths: what is converted when it is said so, and the values that come out."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import torch
from PIL import Image

from ptm.errors import InputError
from tests.support.bad_inputs.building import rgb_16_bit
from tests.support.entries import aside, flat, made, made_alike, put, refused
from tests.support.pictures import noise, png, saved, smooth
from tests.support.tiffs import tiff

pytestmark = pytest.mark.usefixtures("unsynced")
MODES = {"rgb": "RGB", "gray": "L", "rgba": "RGBA"}
HEIGHT, WIDTH = 16, 24


def pictures() -> dict[str, Image.Image]:
    """One in each mode that is converted."""
    colors = Image.fromarray(noise(HEIGHT, WIDTH, 3))
    palette = colors.quantize(17)
    return {
        "rgb.png": colors,
        "rgba.png": Image.fromarray(noise(HEIGHT, WIDTH, 4)),
        "gray.png": Image.fromarray(noise(HEIGHT, WIDTH)),
        "la.png": Image.fromarray(noise(HEIGHT, WIDTH, 2)),
        "one.png": Image.fromarray(noise(HEIGHT, WIDTH)).convert("1"),
        "one.tif": Image.fromarray(noise(HEIGHT, WIDTH)).convert("1"),
        "palette.png": palette,
        "palette.gif": palette,
        "palette.bmp": palette,
        "rgb.webp": colors,
        "cmyk.tif": colors.convert("CMYK"),
        "rgb.jpg": Image.fromarray(smooth(HEIGHT, WIDTH)),
        "gray.jpg": Image.fromarray(smooth(HEIGHT, WIDTH)[..., 0]),
        "cmyk.jpg": Image.fromarray(smooth(HEIGHT, WIDTH)).convert("CMYK"),
    }


@pytest.mark.parametrize("color", MODES)
def test_colors(tmp_path: Path, color: str) -> None:
    """The pixels of each are those of Pillow's `convert`."""
    for name, image in pictures().items():
        put(tmp_path, name, image)
    transparent = {"transparency": bytes(range(17))}
    put(tmp_path, "clear.png", pictures()["palette.png"], **transparent)
    put(tmp_path, "key.png", pictures()["rgb.png"], transparency=(1, 2, 3))
    found = made_alike(tmp_path, f'color = "{color}"')
    for name, pixels in zip(found.table["file"], found.tensors["images"].numpy(), strict=True):
        with Image.open(tmp_path / "d" / name) as image:
            expected = np.asarray(image.convert(MODES[color]))
        assert np.array_equal(pixels, np.moveaxis(np.atleast_3d(expected), -1, 0)), name
    modes = dict(zip(found.table["file"], found.table["mode"], strict=True))
    assert (modes["palette.png"], modes["cmyk.jpg"], modes["one.png"]) == ("P", "CMYK", "1")
    names = {"rgb": ["red", "green", "blue"], "gray": ["gray"]}
    names["rgba"] = [*names["rgb"], "alpha"]
    assert found.manifest["facts"]["channels"] == names[color]


def test_planted_colors(tmp_path: Path) -> None:
    """Pure red is 76 of gray; a picture without alpha is opaque."""
    put(tmp_path, "1.png", flat((255, 0, 0)))
    assert made(tmp_path, 'color = "gray"').tensors["images"].unique().tolist() == [76]
    rgba = made(tmp_path, 'color = "rgba"', "other").tensors["images"]
    assert rgba[0, :, 0, 0].tolist() == [255, 0, 0, 255]
    put(tmp_path, "1.png", flat((9, 8, 7, 6)))
    rgba = made(tmp_path, 'color = "rgba"', "third").tensors["images"]
    assert rgba[0, :, 0, 0].tolist() == [9, 8, 7, 6]


def test_alpha_that_is_scaled(tmp_path: Path) -> None:
    """Standardised RGBA has four channels, each by itself."""
    for number in range(3):
        put(tmp_path, f"{number}.png", noise(8, 8, 4, seed=number))
    found = made_alike(tmp_path, 'color = "rgba"\nstandardize = true')
    assert found.scaler is not None and found.scaler.names[3] == "alpha"
    assert found.tensors["images"].mean(dim=(0, 2, 3)).abs().max() < 1e-6


@pytest.mark.parametrize("name", ["one.png", "palette.png", "palette.gif", "cmyk.tif", "cmyk.jpg"])
def test_without_a_word(tmp_path: Path, name: str) -> None:
    """Colours that have to be converted are refused, and the option is named."""
    put(tmp_path, name, pictures()[name])
    [(file, _, expected, _)] = refused(tmp_path)
    assert file == f"d/{name}"
    assert expected == "8-bit gray, RGB or RGBA (or color = 'rgb', 'gray' or 'rgba')"


def test_damage_in_print_colors(tmp_path: Path) -> None:
    """A JPEG of CMYK that ends early is damaged, also where it is converted."""
    image = Image.fromarray(smooth(90, 90)).convert("CMYK")
    raw = put(tmp_path, "1.jpg", image).read_bytes()
    (tmp_path / "d" / "1.jpg").write_bytes(raw[: len(raw) // 2] + b"\xff\xd9")
    [(_, _, expected, got)] = refused(tmp_path, 'color = "rgb"')
    assert "on_damage" in expected and got.startswith("damaged data")


def sixteen(tmp_path: Path) -> dict[str, np.ndarray]:
    """Files of 16 bits in the folder "d", and their pixels."""
    folder = tmp_path / "d"
    folder.mkdir()
    rgb_16_bit("rgb.png")(folder)
    colors = np.random.default_rng(0).integers(0, 1 << 16, (4, 15)).reshape(4, 5, 3)
    planted = noise(4, 5, 3).astype(np.uint16) * 257 + 1
    (folder / "rgb.tif").write_bytes(tiff(planted))
    raw = planted.astype(">u2").tobytes()
    (folder / "rgb.ppm").write_bytes(b"P6 5 4 65535\n" + raw)
    return {"rgb.png": colors.astype(np.uint16), "rgb.tif": planted, "rgb.ppm": planted}


def test_sixteen_bits(tmp_path: Path) -> None:
    """Pictures of 16 bits are uint16, to the last bit; scaled by 65535."""
    expected = sixteen(tmp_path)
    found = made_alike(tmp_path)
    images = found.tensors["images"]
    assert images.dtype == torch.uint16
    for name, pixels in zip(found.table["file"], images.numpy(), strict=True):
        assert np.array_equal(pixels, np.moveaxis(expected[name], -1, 0)), name
    assert {*found.table["mode"]} == {"RGB;16"}
    mean = expected["rgb.tif"].astype(float).mean() / 65535
    assert found.table["brightness"].iloc[2] == pytest.approx(mean)
    assert not [view for view in found.views if "could not be drawn" in view.sentence]
    scaled = made_alike(tmp_path, "standardize = true")
    assert scaled.scaler is not None and scaled.scaler.divisor == 65535.0
    assert scaled.tensors["images"].mean(dim=(0, 2, 3)).abs().max() < 1e-6
    raw = made(tmp_path, 'standardize = true\nstore = "raw"', "raw")
    assert torch.equal(raw.tensors["images"], images)
    batch = next(iter(raw.loader("train", 3, shuffle=False)))["images"]
    assert torch.allclose(batch, scaled.tensors["images"])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("interlaced", [False, True])
def test_png_of_sixteen_bits(tmp_path: Path, channels: int, interlaced: bool) -> None:
    """Every colour type of PNG in 16 bits, interlaced or not; alpha is dropped."""
    pixels = np.random.default_rng(channels).integers(0, 1 << 16, (11, 13, channels))
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.png").write_bytes(png(pixels, interlaced))
    found = made(tmp_path)
    colors = pixels[..., : 1 if channels < 3 else 3]
    assert np.array_equal(found.tensors["images"][0].numpy(), np.moveaxis(colors, -1, 0))
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
    assert found.table["mode"].tolist() == [f"{mode};16"]
    rgba = made(tmp_path, 'color = "rgba"', "other").tensors["images"][0].numpy()
    alpha = pixels[..., -1] if channels in (2, 4) else np.full((11, 13), 65535)
    assert np.array_equal(rgba[3], alpha)


def test_gray_of_sixteen_bits(tmp_path: Path) -> None:
    """Gray of 16 bits is luminance by the formula that holds for 8."""
    values = noise(4, 5, 3)
    put(tmp_path, "8.png", values)
    eight = made(tmp_path, 'color = "gray"').tensors["images"].float()
    (tmp_path / "d" / "8.png").unlink()
    (tmp_path / "d" / "16.tif").write_bytes(tiff(values.astype(np.uint16) * 257))
    deep = made(tmp_path, 'color = "gray"', "deep").tensors["images"].float()
    assert (deep / 257 - eight).abs().max() < 0.51


def test_depths_are_not_mixed(tmp_path: Path) -> None:
    """Pictures of several depths are refused as those of several sizes are."""
    sixteen(tmp_path)
    for number in range(4):
        put(tmp_path, f"{number}.png", noise(4, 5, 3))
    with pytest.raises(InputError, match=r"2 sizes: 4 of .* 3 of .*channels of 16 bits"):
        made(tmp_path)
    found = made_alike(tmp_path, 'on_bad = "quarantine"')
    assert len(found.table) == 4 and found.tensors["images"].dtype == torch.uint8
    assert {row[3] for row in aside(found)} == {"4 x 5 pixels with 3 channels of 16 bits"}


def test_floats(tmp_path: Path) -> None:
    """A TIFF of floats is float32 as it is stored, whatever its range; scaled by 1."""
    pixels = np.random.default_rng(0).normal(size=(6, 7, 1)).astype(np.float32) * 1e3
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.tif").write_bytes(tiff(pixels))
    found = made_alike(tmp_path)
    assert found.tensors["images"].dtype == torch.float32
    assert np.array_equal(found.tensors["images"][0, 0].numpy(), pixels[..., 0])
    assert found.table["mode"].tolist() == ["L;F"]
    assert found.table["brightness"].tolist() == pytest.approx([pixels.mean()], rel=1e-5)
    assert not [view for view in found.views if "could not be drawn" in view.sentence]
    pixels[2, 3] = np.nan
    (tmp_path / "d" / "1.tif").write_bytes(tiff(pixels))
    assert [one[2:] for one in refused(tmp_path)] == [
        ("finite numbers", "1 that are not (NaN or infinite)")
    ]


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd"])
@pytest.mark.parametrize("predictor", [1, 2])
def test_compressed_tiffs(tmp_path: Path, compression: str, predictor: int) -> None:
    """Whatever libtiff compressed, with its predictor: the values that went in."""
    pixels = (np.arange(40 * 50).reshape(40, 50) * 31).astype(np.uint16)
    tags = {317: predictor} if compression != "packbits" else {}
    put(tmp_path, "1.tif", Image.fromarray(pixels), compression=compression, tiffinfo=tags)
    found = made(tmp_path).tensors["images"]
    assert np.array_equal(found[0, 0].numpy(), pixels)


def test_predicted_floats(tmp_path: Path) -> None:
    """The predictor of floats is undone, as libtiff's own reader does it."""
    pixels = np.linspace(-3, 7, 40 * 50, dtype=np.float32).reshape(40, 50)
    image = Image.fromarray(pixels)
    put(tmp_path, "1.tif", image, compression="tiff_adobe_deflate", tiffinfo={317: 3})
    with Image.open(tmp_path / "d" / "1.tif") as again:
        assert again.tag_v2[317] == 3 and np.array_equal(np.asarray(again), pixels)
    assert np.array_equal(made(tmp_path).tensors["images"][0, 0].numpy(), pixels)


def heif(pixels: np.ndarray, **options: object) -> bytes:
    """A file without loss."""
    file = io.BytesIO()
    made_of = pillow_heif.from_pillow(Image.fromarray(pixels))
    made_of.save(file, quality=-1, chroma=444, matrix_coefficients=0, **options)
    return file.getvalue()


def test_heic(tmp_path: Path) -> None:
    """HEIC is read by its bytes, whatever its name; Pillow itself is told nothing of it."""
    pixels = smooth(64, 96)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.jpg").write_bytes(heif(pixels))
    (tmp_path / "d" / "2.HEIC").write_bytes(heif(pixels))
    before = set(Image.OPEN)
    found = made_alike(tmp_path)
    difference = np.moveaxis(found.tensors["images"].numpy().astype(int), 1, -1) - pixels
    assert np.abs(difference).max() <= 2
    assert found.table["mode"].tolist() == ["RGB", "RGB"]
    assert set(Image.OPEN) == before and "HEIF" not in before
    raw = heif(pixels)
    (tmp_path / "d" / "1.jpg").write_bytes(raw[: len(raw) // 2])
    assert refused(tmp_path)[0][3] == "one that is cut short"


def test_heic_is_turned_once(tmp_path: Path) -> None:
    """What the container turns is upright; its EXIF says so too, and is not applied again."""
    pixels = smooth(64, 96)
    pixels[:20, :20] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.heic").write_bytes(heif(pixels, exif=exif.tobytes()))
    image = made(tmp_path).tensors["images"][0].numpy()
    file = pillow_heif.open_heif(str(tmp_path / "d" / "1.heic"))
    assert image.shape == (3, *np.asarray(file).shape[:2])
    assert np.array_equal(np.moveaxis(image, 0, -1), np.asarray(file))


def test_several_pictures_in_one(tmp_path: Path) -> None:
    """Of an MPO the first picture is taken, with a note; also beside frames."""
    first, second = Image.fromarray(smooth(16, 24)), Image.fromarray(smooth(16, 24)[::-1])
    put(tmp_path, "1.jpg", first, format="MPO", save_all=True, append_images=[second])
    expected = np.asarray(Image.open(io.BytesIO(saved(smooth(16, 24), "JPEG"))))
    for more in ("", "frames = true"):
        found = made(tmp_path, more, f"store{len(more)}")
        assert np.array_equal(np.moveaxis(found.tensors["images"][0].numpy(), 0, -1), expected)
        assert found.manifest["warnings"] == ["the first of 2 pictures in the file (1.jpg)"]


def test_avif_and_webp(tmp_path: Path) -> None:
    """AVIF and WebP are read as Pillow reads them."""
    for suffix in ("avif", "webp"):
        put(tmp_path, f"1.{suffix}", smooth(32, 48))
    found = made_alike(tmp_path)
    for name, pixels in zip(found.table["file"], found.tensors["images"].numpy(), strict=True):
        with Image.open(tmp_path / "d" / name) as image:
            assert np.array_equal(np.moveaxis(pixels, 0, -1), np.asarray(image.convert("RGB")))
