"""What the options of tables and images find wrong is set aside, each with its row."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

import ptm
from ptm.model import Artifact
from tests.support.bad_inputs.formats import as_arrow, as_excel, as_parquet, lines
from tests.support.entries import aside, put
from tests.support.pictures import noise

pytestmark = pytest.mark.usefixtures("unsynced")
GERMAN = 'delimiter = ";"\ndecimal = ","\nthousands = "."'
BLANKS = 'delimiter = "whitespace"\ncomment = "#"'


class Rows(NamedTuple):
    """A table in which one row is bad.

    Attributes:
        options: of its entry.
        header: the line of its names.
        good: a row that is good; its number stands in place of N.
        bad: the one that is not.
        told: where in its row, expected and got.
    """

    options: str
    header: str
    good: str
    bad: str
    told: tuple[str, str, str]


ROWS = {
    "german point": Rows(
        GERMAN, "a;b", "1.00N,5;N", "1.5;2", (", column 'a'", "a number as 1.234,5", "'1.5'")
    ),
    "german fields": Rows(GERMAN, "a;b", "N,5;N", "1,5", ("", "2 fields", "1")),
    "german groups": Rows(
        GERMAN, "a;b", "1.00N,5;N", "1.00,5;1", (", column 'a'", "a number as 1.234,5", "'1.00,5'")
    ),
    "blanks": Rows(BLANKS, "a b", " N  N\n# x", "1 2 3", ("", "2 fields", "3")),
    "blank number": Rows(BLANKS, "a b", "N\tN", "1 x", (", column 'b'", "a number", "'x'")),
    "quotes": Rows(
        "quote = \"'\"\nmeasures = { b = 'categorical' }",
        *("a,b", "N,'x, y'", "'1,2',z"),
        (", column 'a'", "a number", "'1,2'"),
    ),
    "na": Rows('na_values = ["NA"]', "a,b", "N,N", "NA,1", (", column 'a'", "a number", "'NA'")),
    "na beside": Rows(
        'na_values = ["NA"]\nmissing = { b = "mean" }',
        *("a,b", "N,N", "NA,NA"),
        (", column 'a'", "a number", "'NA'"),
    ),
    "flag": Rows(
        'measures = { b = "boolean" }',
        *("a,b", "N,yes", "1,maybe"),
        (", column 'b'", "true or false", "'maybe'"),
    ),
    "flag of two": Rows(
        'measures = { b = "boolean" }',
        *("a,b", "N,0", "1,2"),
        (", column 'b'", "true or false", "'2'"),
    ),
    "no flag": Rows(
        'measures = { b = "boolean" }',
        *("a,b", "N,t", "1,"),
        (", column 'b'", "true or false", "''"),
    ),
    "size": Rows(
        'order = { b = ["S", "M"] }',
        *("a,b", "N,S", "1,XL"),
        (", column 'b'", "one of S, M", "'XL'"),
    ),
    "no size": Rows(
        'order = { b = ["S", "M"] }', "a,b", "N,M", "1,", (", column 'b'", "one of S, M", "''")
    ),
    "date": Rows(
        'dates = { b = "days" }',
        *("a,b", "N,2024-02-29", "1,2023-02-29"),
        (", column 'b'", "a date as 2012-06-30", "'2023-02-29'"),
    ),
    "date as said": Rows(
        'dates = { b = ["year"] }\ndate_format = "%d.%m.%Y"',
        *("a,b", "N,29.02.2024", "1,2024-02-29"),
        (", column 'b'", "a date as %d.%m.%Y", "'2024-02-29'"),
    ),
    "no date": Rows(
        'measures = { b = "date" }',
        *("a,b", "N,2024-02-29", "1,"),
        (", column 'b'", "a date as 2012-06-30", "''"),
    ),
    "class": Rows(
        'target = "b"\nmeasures = { b = "categorical" }',
        *("a,b", "N,cat", "1, "),
        (", column 'b'", "a category", "' '"),
    ),
    "number of several": Rows(
        'target = ["a", "b"]\nmeasures = { a = "categorical" }',
        *("a,b,c", "x,N,N", "x,y,1"),
        (", column 'b'", "a number", "'y'"),
    ),
    "code": Rows(
        'codes = ["b"]\nmeasures = { b = "categorical" }',
        *("a,b", "N,x", "1,"),
        (", column 'b'", "a category", "''"),
    ),
    "missing beside": Rows(
        'missing = { b = "median" }\nindicator = ["b"]',
        *("a,b", "N,N", ",1"),
        (", column 'a'", "a number", "''"),
    ),
}


def made(root: Path, entry: str, store: str) -> Artifact:
    (root / "catalog.toml").write_text(entry)
    ptm.tensorize(ptm.load_catalog(root / "catalog.toml", root)["x"], root / store)
    return ptm.load("x", root / store)


def check_as_without(found: Artifact, clean: Artifact) -> None:
    """Rows, tensors and facts are those of a source without what is bad."""
    assert clean.tables["quarantine"].empty
    assert found.table.equals(clean.table)
    assert found.manifest["facts"] == clean.manifest["facts"]
    assert found.tensors.keys() == clean.tensors.keys()
    for name, tensor in clean.tensors.items():
        assert tensor.dtype == found.tensors[name].dtype, name
        close = torch.allclose(tensor.double(), found.tensors[name].double(), 1e-5, 1e-6)
        assert close if tensor.is_floating_point() else torch.equal(tensor, found.tensors[name])


@pytest.mark.parametrize("size", [1 << 20, 40])
@pytest.mark.parametrize("name", ROWS)
def test_rows(name: str, size: int, tmp_path: Path) -> None:
    """One bad row among others is told with its number and column, and left out."""
    rows, count = ROWS[name], 9
    good = [rows.good.replace("N", str(n)) for n in range(count)]
    entry = f'[x]\nkind = "table"\npath = "t.csv"\non_bad = "quarantine"\n{rows.options}\n'
    entry += f"part_bytes = {size}\n"
    where, expected, got = rows.told
    for place in (0, 5, count) if size > 40 else (5,):
        text = "\n".join([rows.header, *good[:place], rows.bad, *good[place:]]) + "\n"
        (tmp_path / "t.csv").write_text(text)
        found = made(tmp_path, entry, f"store{place}")
        assert aside(found) == [("t.csv", f"row {place + 1}{where}", expected, got)]
        (tmp_path / "t.csv").write_text("\n".join([rows.header, *good]) + "\n")
        check_as_without(found, made(tmp_path, entry, f"clean{place}"))


TYPED: dict[str, Callable[[list[Any]], bytes]] = {
    "parquet": lambda values: as_parquet({"a": list(map(str, values)), "b": [1.0] * len(values)}),
    "arrow": lambda values: as_arrow({"a": list(map(str, values)), "b": [1.0] * len(values)}),
    "jsonl": lambda values: lines(*({"a": one, "b": 1} for one in values)).encode(),
    "xlsx": lambda values: as_excel(("s", [["a", "b"], *([one, 1] for one in values)])),
}


@pytest.mark.parametrize("form", TYPED)
def test_rows_of_formats(form: str, tmp_path: Path) -> None:
    """The same in Parquet, Arrow, JSON and Excel."""
    entry = f'[x]\nkind = "table"\npath = "t.{form}"\non_bad = "quarantine"\n'
    (tmp_path / f"t.{form}").write_bytes(TYPED[form]([1, 2, "x", 4, "y"]))
    found = made(tmp_path, entry, "store")
    assert aside(found) == [
        (f"t.{form}", "row 3, column 'a'", "a number", "'x'"),
        (f"t.{form}", "row 5, column 'a'", "a number", "'y'"),
    ]
    (tmp_path / f"t.{form}").write_bytes(TYPED[form]([1, 2, 4]))
    check_as_without(found, made(tmp_path, entry, "clean"))


def test_rows_of_files(tmp_path: Path) -> None:
    """Of several files each is named, and its rows have its own numbers."""
    entry = '[x]\nkind = "table"\npath = "d/*.csv"\non_bad = "quarantine"\n'
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.csv").write_text("a,b\n1,2\nx,4\n")
    (tmp_path / "d" / "2.csv").write_text("a,b\n5,y\n7,8\n")
    found = made(tmp_path, entry, "store")
    assert aside(found) == [
        ("1.csv", "row 2, column 'a'", "a number", "'x'"),
        ("2.csv", "row 1, column 'b'", "a number", "'y'"),
    ]
    (tmp_path / "d" / "1.csv").write_text("a,b\n1,2\n")
    (tmp_path / "d" / "2.csv").write_text("a,b\n7,8\n")
    check_as_without(found, made(tmp_path, entry, "clean"))


class Photos(NamedTuple):
    """A folder in which one photo, or a row of its table, is bad.

    Attributes:
        options: of its entry.
        good: writes photos of these numbers, and what is beside them.
        bad: makes the one of this number bad.
        told: path, where, expected and got.
    """

    options: str
    good: Callable[[Path, list[int]], object]
    bad: Callable[[Path, int], object]
    told: tuple[str, str, str, str]


def photos(root: Path, numbers: list[int]) -> None:
    for n in numbers:
        put(root, f"{n}.png", noise(6, 8, 3, seed=n))


def table(text: Callable[[int], str], header: str = "file,label") -> Callable[..., object]:
    def write(root: Path, numbers: list[int]) -> None:
        photos(root, numbers)
        rows = [text(n) for n in numbers]
        (root / "d" / "labels.csv").write_text("\n".join([header, *rows]) + "\n")

    return write


def change(before: str, after: str) -> Callable[[Path, int], object]:
    def write(root: Path, _: int) -> None:
        place = root / "d" / "labels.csv"
        assert before in place.read_text()
        place.write_text(place.read_text().replace(before, after))

    return write


def beside(folder: str, channels: int) -> Callable[..., object]:
    def write(root: Path, numbers: list[int]) -> None:
        photos(root, numbers)
        for n in numbers:
            shape = (6, 8, channels) if channels > 1 else (6, 8)
            put(root, f"{folder}/{n}.png", noise(*shape, seed=n))

    return write


LABELS = 'labels = "labels.csv"'
MASKS = 'masks = "masks/{stem}.png"'
CATS = table(lambda n: f"{n}.png,{'cat' if n % 2 else 'dog'}")
PHOTOS = {
    "no row": Photos(
        LABELS, CATS, change("3.png,cat\n", ""), ("3.png", "", "a row in labels.csv", "none")
    ),
    "two rows": Photos(
        LABELS,
        CATS,
        change("3.png,cat\n", "3.png,cat\n3.png,cat\n"),
        ("3.png", "", "one row in labels.csv", "row 3 and row 4"),
    ),
    "blank label": Photos(
        LABELS, CATS, change("3.png,cat", "3.png,"), ("3.png", "label", "a label", "a blank one")
    ),
    "no number": Photos(
        f"{LABELS}\nregression = true",
        table(lambda n: f"{n}.png,{n}.5"),
        change("3.png,3.5", "3.png,many"),
        ("3.png", "label", "a number", "'many'"),
    ),
    "no flag": Photos(
        f'{LABELS}\nlabel_column = ["a", "b"]',
        table(lambda n: f"{n},{n % 2},1", "file,a,b"),
        change("3,1,1", "3,1,7"),
        ("3.png", "label, column 'b'", "0 or 1", "'7'"),
    ),
    "no match": Photos(
        "labels = '^([0-9])'",
        photos,
        lambda root, n: (root / "d" / f"{n}.png").rename(root / "d" / "x.png"),
        ("x.png", "label", "a class by '^([0-9])' in its path", "none"),
    ),
    "no mask": Photos(
        MASKS,
        beside("masks", 1),
        lambda root, n: (root / "d" / "masks" / f"{n}.png").unlink(),
        ("3.png", "", f"one mask for each image ({MASKS.replace(chr(34), chr(39))})", "none"),
    ),
    "large mask": Photos(
        MASKS,
        beside("masks", 1),
        lambda root, n: put(root, f"masks/{n}.png", noise(7, 8)),
        ("3.png", "mask masks/3.png", "6 x 8 pixels as its image", "7 x 8 pixels"),
    ),
    "mask of colors": Photos(
        MASKS,
        beside("masks", 1),
        lambda root, n: put(root, f"masks/{n}.png", noise(6, 8, 3)),
        ("3.png", "mask masks/3.png", "a mask of places in a palette, or of gray", "colours"),
    ),
    "mask of text": Photos(
        MASKS,
        beside("masks", 1),
        lambda root, n: (root / "d" / "masks" / f"{n}.png").write_text("no mask"),
        ("3.png", "mask masks/3.png", "a whole image", "bytes that are no image, or a damaged one"),
    ),
    "no pair": Photos(
        'pairs = "clean"',
        beside("clean", 3),
        lambda root, n: (root / "d" / "clean" / f"{n}.png").unlink(),
        ("3.png", "", "one pair for each image (pairs = 'clean')", "none"),
    ),
    "depth": Photos(
        "resize = [3, 3]",
        photos,
        lambda root, n: put(root, f"{n}.png", Image.fromarray(noise(6, 8).astype(np.uint16) * 257)),
        (
            *("3.png", "", "3 x 3 pixels with 3 channels as most have"),
            "3 x 3 pixels with 1 channel of 16 bits",
        ),
    ),
    "palette": Photos(
        "resize = [3, 3]",
        photos,
        lambda root, n: put(root, f"{n}.png", Image.fromarray(noise(6, 8, 3)).quantize(99)),
        (
            *("3.png", "", "8-bit gray, RGB or RGBA (or color = 'rgb', 'gray' or 'rgba')"),
            "a palette of 8-bit indices",
        ),
    ),
    "moving": Photos(
        "",
        photos,
        lambda root, n: put(
            *(root, f"{n}.png", noise(6, 8, 3)),
            save_all=True,
            append_images=[Image.fromarray(noise(6, 8, 3, seed=9))],
        ),
        ("3.png", "", "one image (or frames = true)", "2 frames or pages"),
    ),
    "size": Photos(
        "",
        photos,
        lambda root, n: put(root, f"{n}.png", noise(8, 6, 3)),
        (
            *("3.png", "", "6 x 8 pixels with 3 channels as most have"),
            "8 x 6 pixels with 3 channels",
        ),
    ),
}


@pytest.mark.parametrize("size", [1 << 20, 1])
@pytest.mark.parametrize("name", PHOTOS)
def test_photos(name: str, size: int, tmp_path: Path) -> None:
    """One bad photo among others is told with its file, and left out."""
    one = PHOTOS[name]
    entry = f'[x]\nkind = "images"\npath = "d"\non_bad = "quarantine"\n{one.options}\n'
    entry += f"part_bytes = {size}\n"
    one.good(tmp_path, [1, 2, 3, 4, 5])
    one.bad(tmp_path, 3)
    found = made(tmp_path, entry, "store")
    assert aside(found) == [one.told]
    shutil.rmtree(tmp_path / "d")
    one.good(tmp_path, [1, 2, 4, 5])
    check_as_without(found, made(tmp_path, entry, "clean"))
