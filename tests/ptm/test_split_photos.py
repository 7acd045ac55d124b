"""Splits of photos: by their bytes, folders, paths or a list; labels of class folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ptm.errors import InputError, PtmError
from tests.support.splits import SHARES, by_split, noise, photos, scene, tensorized

pytestmark = pytest.mark.usefixtures("unsynced")
FOLDERS = "split = { folder = true }"


def folders(count: int = 4) -> dict[str, np.ndarray]:
    """Photos of two classes in folders of three splits."""
    random = np.random.default_rng(0)
    return {
        f"{split}/{label}/{number}.png": noise(random)
        for split in ("train", "valid", "test")
        for label in ("dogs", "cats")
        for number in range(count)
    }


@pytest.mark.parametrize("size", ["", "part_bytes = 20000"])
def test_a_list_of_rows_is_not_of_files(tmp_path: Path, size: str) -> None:
    """Files have no numbers: their list names them."""
    rows = [f"{n},{'train' if n < 7 else 'test'}" for n in range(1, 13)]
    (tmp_path / "splits.csv").write_text("\n".join(["row,split", *rows]))
    with pytest.raises(PtmError) as raised:
        photos(
            tmp_path,
            {f"{n:02}.png": scene(n) for n in range(12)},
            f'split = {{ file = "splits.csv" }}\n{size}',
        )
    assert "x: split: expected a column 'row' in the rows, as in splits.csv" in str(raised.value)


@pytest.mark.parametrize("size", ["", "part_bytes = 1000"])
def test_folders_and_classes(tmp_path: Path, size: str) -> None:
    """Folders say split and class; statistics are those of train; the classes are sorted."""
    files = folders()
    _, found = photos(tmp_path, files, f'{FOLDERS}\nlabels = "folder"\nstandardize = true\n{size}')
    table = found.table
    names = {"train": "train", "valid": "val", "test": "test"}
    for file, split, label in zip(table["file"], table["split"], table["label"], strict=True):
        folder, class_, _ = file.split("/")
        assert (names[folder], class_) == (split, label)
    assert found.manifest["facts"]["classes"] == ["cats", "dogs"]
    assert found.tensors["target"].tolist() == [int(one == "dogs") for one in table["label"]]
    assert found.manifest["tensors"]["target"]["axes"] == ["sample"]
    train = np.stack([pixels for name, pixels in files.items() if name.startswith("train")]) / 255
    assert found.scaler
    np.testing.assert_allclose(found.scaler.shift, train.mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(found.scaler.scale, train.std(axis=(0, 1, 2), ddof=1), rtol=1e-12)


@pytest.mark.parametrize("size", ["", "part_bytes = 1000"])
def test_equal_files_are_together(tmp_path: Path, size: str) -> None:
    """Whatever they are called, and wherever they are; raw photos keep their parts."""
    random = np.random.default_rng(1)
    pixels = [noise(random) for _ in range(40)]
    files = {f"a/{n:02}.png": one for n, one in enumerate(pixels)}
    files |= {f"b/copy of {n:02}.png": one for n, one in enumerate(pixels)}
    _, found = photos(tmp_path, files, f'{SHARES}\nstore = "raw"\n{size}')
    splits = found.table.set_index("file")["split"]
    for number in range(40):
        assert splits[f"a/{number:02}.png"] == splits[f"b/copy of {number:02}.png"]
    assert splits.nunique() == 3


def test_a_group_in_the_path(tmp_path: Path) -> None:
    """By the folder, or by what an expression finds in the path."""
    random = np.random.default_rng(2)
    files = {f"s{n % 3}/patient{n % 8:02}_{n}.png": noise(random) for n in range(48)}
    _, found = photos(tmp_path, files, f"{SHARES}\ngroup = '(patient[0-9]+)_'\nseed = 4")
    patients = found.table["file"].str.extract("(patient[0-9]+)_")[0]
    assert (found.table.groupby(patients)["split"].nunique() == 1).all()
    assert found.table["split"].nunique() > 1
    _, found = photos(tmp_path, files, f'{SHARES}\ngroup = "folder"\nstatistics = "all"')
    places = found.table["file"].str.split("/").str[0]
    assert (found.table.groupby(places)["split"].nunique() == 1).all()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            f'{SHARES}\ngroup = "patient"',
            "'group' to be a column, 'folder', or a regular expression",
        ),
        (f"{SHARES}\ngroup = '(p[0-9]+)_'", "a group by '(p[0-9]+)_' in the path of each file"),
        (f'{SHARES}\ngroup = "folder"', "(photos/odd.png)"),
        (FOLDERS, "expected a file in a folder train, val or test, got none (photos/odd.png)"),
        ('labels = "folder"', "expected a folder that is its class, got none (photos/odd.png)"),
    ],
)
def test_files_that_have_no_split(tmp_path: Path, options: str, expected: str) -> None:
    """Each is told with its file."""
    random = np.random.default_rng(0)
    files = {"train/p1_1.png": noise(random), "odd.png": noise(random)}
    with pytest.raises(InputError) as raised:
        photos(tmp_path, files, options)
    assert expected in str(raised.value)


def test_a_list_beside_the_photos(tmp_path: Path) -> None:
    """It is found in their folder too; a file that it does not have is named."""
    random = np.random.default_rng(0)
    files = {f"{n}.png": noise(random) for n in range(6)}
    listed = "file,split\n" + "".join(f"{n}.png,{'train' if n % 2 else 'test'}\n" for n in range(6))
    (tmp_path / "splits.csv").write_text(listed)
    options = 'split = { file = "splits.csv" }'
    for place in (tmp_path / "photos", tmp_path):
        place.mkdir(exist_ok=True)
        (place / "splits.csv").write_text(listed)
        _, found = photos(tmp_path, files, options)
        assert found.table["split"].tolist() == ["test", "train"] * 3
    (tmp_path / "splits.csv").write_text(listed.replace("3.png,train\n", ""))
    with pytest.raises(InputError) as raised:
        photos(tmp_path, files, options)
    assert "expected a sample that splits.csv lists, got '3.png' (photos/3.png)" in str(
        raised.value
    )


def test_folders_need_no_pattern(tmp_path: Path) -> None:
    """Where folders say the split, the class or the group, the files below them are meant."""
    photos(tmp_path, folders(), SHARES)
    for said in (FOLDERS, f'labels = "folder"\n{SHARES}', f'group = "folder"\n{SHARES}'):
        options = f'{said}\nstatistics = "all"'
        assert len(tensorized(tmp_path, "images", "photos", options)[1].table) == 24


def test_statistics_by_split(tmp_path: Path) -> None:
    """The moments of every split stand in the manifest."""
    files = folders()
    _, found = photos(tmp_path, files, f"{FOLDERS}\nstandardize = true")
    moments = found.manifest["stats"]["moments"]
    for split, places in by_split(found).items():
        names = found.table["file"].iloc[places]
        pixels = np.stack([files[name] for name in names]) / 255
        assert moments[split]["images"]["mean"] == pytest.approx(pixels.mean(axis=(0, 1, 2)))
        assert moments[split]["images"]["count"] == [pixels[..., 0].size] * 3


def faults_of(root: Path, options: str) -> list[str]:
    """What one run tells, in any order; of broken photos only that they are."""
    with pytest.raises(InputError) as raised:
        photos(root, {}, options)
    told = [fault.fault for fault in raised.value.faults if fault.where != "sizes"]
    return sorted("broken" if "a whole image" in one else one for one in told)


@pytest.mark.parametrize("size", ["", "part_bytes = 1000", "part_bytes = 1"])
def test_what_hides_nothing(tmp_path: Path, size: str) -> None:
    """No class, no split and no picture: one run tells all three, however it is cut."""
    random = np.random.default_rng(0)
    files = {name: noise(random) for name in ("train/a/1.png", "train/a/2.png", "train/flat.png")}
    photos(tmp_path, {**files, "other/a/1.png": noise(random), "root.png": noise(random)}, SHARES)
    (tmp_path / "photos" / "train" / "a" / "zero.png").write_bytes(b"")
    no_class = "expected a folder that is its class, got none"
    no_split = "expected a file in a folder train, val or test, got"
    assert faults_of(tmp_path, f'labels = "folder"\n{size}') == [
        "broken",
        f"{no_class} (photos/root.png)",
    ]
    assert faults_of(tmp_path, f'{FOLDERS}\nlabels = "folder"\n{size}') == [
        "broken",
        f"{no_split} none (photos/root.png)",
        f"{no_split} other (photos/other/a/1.png)",
        f"{no_class} (photos/train/flat.png)",
    ]
    assert faults_of(tmp_path, f"{SHARES}\ngroup = '(train|other)/'\n{size}") == [
        "broken",
        "expected a group by '(train|other)/' in the path of each file, got none (photos/root.png)",
    ]
    names = [*files, "train/a/zero.png", "other/a/1.png"]
    listed = "file,split\n" + "".join(f"{name},train\n" for name in names)
    (tmp_path / "splits.csv").write_text(listed)
    assert faults_of(tmp_path, f"split = {{ file = 'splits.csv' }}\n{size}") == [
        "broken",
        "expected a sample that splits.csv lists, got 'root.png' (photos/root.png)",
    ]


@pytest.mark.parametrize("size", ["", "part_bytes = 1"])
def test_each_is_set_aside(tmp_path: Path, size: str) -> None:
    """Of photos in quarantine each has the reason that it has, and the rest is made."""
    random = np.random.default_rng(0)
    names = ["other/a/1.png", "root.png", "train/a/1.png", "train/a/2.png", "train/flat.png"]
    files = {name: noise(random) for name in names}
    options = f'{FOLDERS}\nlabels = "folder"\non_bad = "quarantine"\n{size}'
    _, found = photos(tmp_path, files, options)
    told = found.tables["quarantine"]
    no_split = "a file in a folder train, val or test"
    assert list(zip(told["path"], told["expected"], told["got"], strict=True)) == [
        ("other/a/1.png", no_split, "other"),
        ("root.png", no_split, "none"),
        ("train/flat.png", "a folder that is its class", "none"),
    ]
    assert found.table["file"].tolist() == ["train/a/1.png", "train/a/2.png"]
    assert found.manifest["facts"]["classes"] == ["a"]
