"""What `ptm init` sees in folders of pictures: labels, masks, splits, sizes, colours, damage."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ptm.init import catalog_text, inspect
from ptm.inspecting.pictures import heads

Look = Callable[..., dict[str, dict[str, Any]]]
SPLIT = {"train": 0.8, "val": 0.1, "test": 0.1}
USUAL = {"kind": "images", "standardize": True, "store": "raw"}


def picture(
    height: int = 24, width: int = 24, mode: str = "RGB", seed: int = 0, form: str = "PNG"
) -> bytes:
    """A picture of noise."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    made, out = Image.fromarray(pixels).convert(mode), io.BytesIO()
    made.save(out, form)
    return out.getvalue()


def some(pattern: str, count: int, **options: Any) -> dict[str, str | bytes]:
    """So many pictures, all different."""
    return {pattern.format(n): picture(seed=n + len(pattern), **options) for n in range(count)}


def test_folders_are_classes(look: Look) -> None:
    """A folder for each class; mixed sizes ask for one size."""
    rng = random.Random(0)
    files: dict[str, str | bytes] = {
        f"pets/{kind}/{n}.jpg": picture(
            rng.randint(90, 140), rng.randint(90, 140), seed=n + 100 * len(kind), form="JPEG"
        )
        for kind in ("cat", "horse")
        for n in range(30)
    }
    entry = look(files)["pets"]
    side = entry.pop("resize")
    assert side in ([96, 96], [128, 128])
    assert entry == USUAL | {"path": "pets", "labels": "folder", "fit": "crop", "split": SPLIT}


def test_splits_are_folders(look: Look) -> None:
    """train, val and test with the classes in them."""
    files: dict[str, str | bytes] = {}
    for part, count in (("train", 8), ("val", 2), ("test", 2)):
        for kind in ("a", "b"):
            files |= some(f"d/{part}/{kind}/{{}}.png", count)
    entry = look(files)["d"]
    assert entry == USUAL | {"path": "d", "labels": "folder", "split": {"folder": True}}


def test_a_table_of_labels(look: Look) -> None:
    """A table beside the pictures says the labels, and is no entry itself."""
    files = some("flowers/images/f{}.png", 60)
    table = "".join(f"{n},f{n}.png,{['rose', 'tulip'][n % 2]}\n" for n in range(60))
    found = look(files | {"flowers/labels.csv": "id,file,flower\n" + table})
    assert found == {
        "flowers": USUAL
        | {
            "path": "flowers",
            "labels": "labels.csv",
            "file_column": "file",
            "label_column": "flower",
            "split": SPLIT,
        }
    }


def test_a_table_of_names_without_suffix(look: Look) -> None:
    """As of Kaggle: train.csv for the folder train; test has none."""
    table = "id,breed\n" + "".join(f"p{n},{'ab'[n % 2]}\n" for n in range(20))
    found = look(some("train/p{}.png", 20) | some("test/q{}.png", 6) | {"train.csv": table})
    assert (found["train"]["labels"], found["train"]["label_column"]) == ("train.csv", "breed")
    assert found["train"]["pattern"] == "train/*"
    assert found["test"]["path"] == "test" and "labels" not in found["test"]


def test_several_labels(look: Look) -> None:
    """A column with a separator, and columns of 0 and 1."""
    tags = ["sun", "sea|sun", "sea", "sun|sand|sea"]
    table = "file,tags\n" + "".join(f"{n}.png,{tags[n % 4]}\n" for n in range(12))
    entry = look(some("a/{}.png", 12) | {"a/labels.csv": table})["a"]
    assert (entry["label_column"], entry["label_separator"]) == ("tags", "|")
    flags = "file,sun,sea\n" + "".join(f"{n}.png,{n % 2},{n % 3 % 2}\n" for n in range(12))
    entry = look(some("b/{}.png", 12, height=20) | {"b/labels.csv": flags})["b"]
    assert entry["label_column"] == ["sun", "sea"]


def test_numbers_as_labels(look: Look) -> None:
    """A column of fractions is regression."""
    table = "file_name,angle\n" + "".join(f"{n}.png,{n * 1.37 + 0.01}\n" for n in range(12))
    entry = look(some("a/{}.png", 12) | {"a/metadata.csv": table})["a"]
    assert (entry["label_column"], entry["regression"]) == ("angle", True)


def test_a_table_that_lacks_some(look: Look) -> None:
    """A picture without a row, and a row without a picture, are set aside."""
    table = "file,kind\n" + "".join(f"{n}.png,{'ab'[n % 2]}\n" for n in range(1, 12))
    entry = look(some("a/{}.png", 11) | {"a/labels.csv": table})["a"]
    assert entry["on_bad"] == "quarantine"
    blank = "file,kind\n" + "".join(f"{n}.png,{'ab'[n % 2] if n else ''}\n" for n in range(11))
    assert look({"a/labels.csv": blank})["a"]["on_bad"] == "quarantine"


def test_a_list_without_a_header(look: Look, left_out: Callable[..., dict[str, str]]) -> None:
    """A list that cannot be read as a table of labels is told, and is neither table nor text."""
    lines = "".join(f"{n:03}.png,{'xyz'[n % 3]}\n" for n in range(12))
    assert set(look(some("a/{:03}.png", 12) | {"a/labels.csv": lines})) == {"a"}
    assert "names pictures" in left_out()["a/labels.csv"]


@pytest.mark.parametrize("name", ["cat.{}.png", "cat_{:03}.png", "cat ({}).png", "Cat-{}.png"])
def test_labels_in_names(look: Look, name: str) -> None:
    """cat.1.jpg and dog.1.jpg: the label is what the name begins with."""
    import re

    other = name.replace("cat", "dog").replace("Cat", "Dog")
    entry = look(some(f"p/{name}", 30) | some(f"p/{other}", 30, height=24, width=24))["p"]
    found = {match[1] for n in range(30) if (match := re.search(entry["labels"], name.format(n)))}
    assert {label.lower() for label in found} == {"cat"}
    assert entry["split"] == SPLIT


@pytest.mark.parametrize("name", ["IMG_{:04}.png", "{}.png", "photo{}.png"])
def test_names_of_cameras(look: Look, name: str) -> None:
    """Names that say nothing are no labels."""
    assert "labels" not in look(some(f"p/{name}", 12))["p"]


@pytest.mark.parametrize(
    ("images", "masks", "expected"),
    [
        ("c/images/{}.png", "c/masks/{}.png", "masks/{stem}.png"),
        ("c/{}.jpg", "c/{}_mask.png", "{stem}_mask.png"),
        ("c/imgs/{}.png", "c/labels/{}_label.png", "labels/{stem}_label.png"),
        ("c/train/{}.png", "c/train_masks/{}_mask.png", "train_masks/{stem}_mask.png"),
    ],
)
def test_masks(look: Look, images: str, masks: str, expected: str) -> None:
    """Masks in a folder of their own, or beside the pictures, matched by name."""
    entries = look(some(images, 8) | some(masks, 8, mode="L"))
    assert [entry["masks"] for entry in entries.values()] == [expected]


def test_masks_in_the_folder_of_each_patient(look: Look) -> None:
    """Masks are no pictures, and the folders may or may not be classes: that is a proposal."""
    files: dict[str, str | bytes] = {}
    for patient in range(4):
        files |= some(f"p{patient}/{{}}.tif", 6, form="TIFF")
        files |= some(f"p{patient}/{{}}_mask.tif", 6, mode="L", form="TIFF")
    [entry] = look(files).values()
    assert entry["masks"] == "{folder}/{stem}_mask.tif" and "labels" not in entry


@pytest.mark.parametrize(
    ("images", "masks", "expected"),
    [
        ("images/{}.png", "masks/{}.png", "masks"),
        ("images/{}.png", "masks/{}_mask.png", "{folder}/../masks/{stem}_mask.png"),
        ("{}.png", "{}_seg.png", "{folder}/{stem}_seg.png"),
    ],
)
def test_masks_in_splits(look: Look, images: str, masks: str, expected: str) -> None:
    """Folders train and test, each with its masks, are one entry."""
    files: dict[str, str | bytes] = {}
    for part in ("train", "test"):
        files |= some(f"s/{part}/{images}", 6) | some(f"s/{part}/{masks}", 6, mode="L")
    [entry] = look(files).values()
    assert (entry["path"], entry["masks"], entry["split"]) == ("s", expected, {"folder": True})


def test_a_test_without_labels(look: Look) -> None:
    """It is scaled as the pictures for training, and not by statistics of its own."""
    files = some("d/train/a/{}.png", 8) | some("d/train/b/{}.png", 8) | some("d/test/{}.png", 4)
    entries = look(files)
    assert entries["test"] == {"kind": "images", "path": "d/test", "learn_from": "train"}
    assert entries["train"] == USUAL | {"path": "d/train", "labels": "folder"}


def test_pairs(look: Look) -> None:
    """Pictures and what they are to become."""
    entry = look(some("d/noisy/{}.png", 8) | some("d/clean/{}.png", 8))["d"]
    assert (entry["path"], entry["pairs"]) == ("d", "clean/{stem}.png")


def test_colours(look: Look) -> None:
    """Gray beside colours, palettes, and the colours of print are converted."""
    found = look(
        some("images_a/{}.png", 6)
        | some("images_a/g{}.png", 3, mode="L")
        | some("images_b/{}.png", 4, mode="P")
        | some("images_c/{}.jpg", 4, mode="CMYK", form="JPEG")
        | some("images_d/{}.png", 4, mode="L")
        | some("images_e/{}.png", 4, mode="1")
    )
    colors = {name[-1]: entry.get("color", "") for name, entry in found.items()}
    assert colors == {"a": "rgb", "b": "rgb", "c": "rgb", "d": "", "e": "gray"}


def test_broken_ones(look: Look, tmp_path: Path) -> None:
    """What is no picture, or is cut short, is set aside; a comment names it."""
    whole = picture(form="JPEG")
    look(
        some("p/{}.jpg", 8, form="JPEG")
        | {"p/x.jpg": b"<html>", "p/y.jpg": whole[: len(whole) // 2], "p/z.jpg": b""}
    )
    text = catalog_text(inspect(tmp_path), tmp_path / "catalog.toml")
    assert 'on_bad = "quarantine"' in text
    assert all(name in text for name in ("x.jpg", "y.jpg", "z.jpg"))


def test_damage_inside(look: Look) -> None:
    """What only a decoder sees is seen, too."""
    files = some("p/{}.png", 6, height=60, width=60)
    raw = bytearray(files["p/3.png"])
    raw[len(raw) // 2] ^= 255
    assert "on_bad" not in look(files)["p"]
    assert look({"p/3.png": bytes(raw)})["p"]["on_bad"] == "quarantine"


def test_copies(look: Look, tmp_path: Path) -> None:
    """Exact copies are counted."""
    files = some("p/{}.png", 6)
    look(files | {"p/copy.png": files["p/3.png"], "p/other.png": files["p/3.png"]})
    assert "2 exact copies" in catalog_text(inspect(tmp_path), tmp_path / "catalog.toml")


def test_frames(look: Look, tmp_path: Path) -> None:
    """Pages and frames are samples."""
    pages = [Image.new("L", (8, 8), n) for n in range(3)]
    (tmp_path / "t").mkdir()
    pages[0].save(tmp_path / "t/a.tif", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "t/b.tif")
    assert look()["t"]["frames"] is True


def test_very_much(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many pixels that nobody wants to store them all ask for a smaller size."""
    monkeypatch.setattr(heads, "MUCH", 10_000)
    assert look(some("p/{}.png", 12, height=40, width=60))["p"]["resize"] == [32, 64]


def test_upright(look: Look, tmp_path: Path) -> None:
    """A photo that was held upright is one that is upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    for n in range(3):
        Image.new("RGB", (40, 30), (n, 0, 0)).save(tmp_path / f"{n}.jpg", exif=exif)
    for n in range(3):
        Image.new("RGB", (30, 40), (n, 0, 9)).save(tmp_path / f"u{n}.jpg")
    [entry] = look().values()
    assert "resize" not in entry


def test_beside_other_files(look: Look) -> None:
    """The pattern takes the pictures alone: what lies beside them would be refused."""
    files = (
        some("p/{}.png", 4)
        | some("p/{}.jpg", 4, form="JPEG")
        | {"p/notes.txt": "Hello, you.\n" * 9}
    )
    entry = look(files)["p"]
    assert entry["pattern"] == "*.[jp][np]g"


def test_several_sets(look: Look) -> None:
    """Folders that are called after what is in them are sets, and no classes."""
    found = look(some("photos/{}.png", 4) | some("scans/{}.png", 4, mode="L"))
    assert {entry["path"] for entry in found.values()} == {"photos", "scans"}
    assert not any("labels" in entry for entry in found.values())
