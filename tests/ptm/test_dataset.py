"""Splits and datasets: what is asked for is what plain indexing of the tensors gives."""

from __future__ import annotations

import gc
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import ptm
from ptm import store
from ptm.errors import ArtifactCorrupt, PtmError
from ptm.learned import Learned
from ptm.loading import samples
from ptm.model import Artifact
from tests.support.machine import lacking
from tests.support.samples import (
    PIXELS,
    SCALED,
    plant,
    positions,
    same,
    splits,
    taken,
    tensors,
    with_texts,
)

pytestmark = pytest.mark.usefixtures("unsynced", "apart")
COUNT = 60
CUTS = (1, 7, 30, 31)


@pytest.fixture
def planted(tmp_path: Path) -> Artifact:
    """Samples in five parts, with splits."""
    return plant(tmp_path, tensors(COUNT), CUTS, splits(COUNT))


def where(split: str) -> list[int]:
    return [number for number, one in enumerate(splits(COUNT)) if one == split]


def without_halves(**how: int) -> dict[str, torch.Tensor]:
    """What NumPy has dtypes for."""
    return {name: one for name, one in tensors(COUNT, **how).items() if name != "halves"}


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_split(planted: Artifact, split: str) -> None:
    """The positions of a split, int64, in the order of the rows."""
    found = planted.split(split)
    assert found.dtype == torch.int64 and found.tolist() == where(split)


@pytest.mark.parametrize("most", [0, 1 << 30])
def test_small_tensors_are_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """In memory, up to a size: samples are the same, and what is asked for is nobody else's."""
    monkeypatch.setattr(samples, "JOINED", most)
    planted, wanted = plant(tmp_path, without_halves(), CUTS, splits(COUNT)), without_halves()
    found = planted.dataset("train")
    for number, place in enumerate(where("train")):
        for name, value in found[number].items():
            assert torch.equal(value, wanted[name][place])
    array = found.numpy()["x"]
    before = array.copy()
    array[...] = 0
    assert (found.numpy()["x"] == before).all()


def test_without_a_column_all_are_train(tmp_path: Path) -> None:
    """Where nothing is said of splits there is one."""
    artifact = plant(tmp_path, tensors(COUNT), CUTS)
    assert artifact.split("train").tolist() == list(range(COUNT))
    with pytest.raises(PtmError, match=r"^planted: expected one of the splits train \(60 rows\)"):
        artifact.split("val")


def test_no_such_split(planted: Artifact) -> None:
    """The splits that there are are told, with their sizes."""
    sizes = [f"{one} ({len(where(one))} rows)" for one in ("val", "train", "test")]
    for ask in (planted.split, planted.dataset, lambda name: planted.loader(name, 4)):
        with pytest.raises(PtmError) as raised:
            ask("dev")
        assert f"expected one of the splits {', '.join(sizes)}, got 'dev'" in str(raised.value)


def test_rows_of_no_split(tmp_path: Path) -> None:
    """A row without a value is in none."""
    given = [None if n % 3 == 0 else "train" for n in range(COUNT)]
    artifact = plant(tmp_path, tensors(COUNT), CUTS, given)
    assert artifact.split("train").tolist() == [n for n in range(COUNT) if n % 3]
    nowhere = plant(tmp_path / "nowhere", tensors(COUNT), CUTS, [None] * COUNT)
    assert len(nowhere.dataset("train")) == len(nowhere.split("train")) == 0


def test_only_the_column_is_read(planted: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    """No other column, and no tensor, is looked at for a split; pandas is not needed."""
    opening = sys.modules["ptm.store.opening"]
    for name in ("part_rows", "part_tensors"):
        monkeypatch.setattr(opening, name, lambda *_: pytest.fail("it was read"))
    assert len(planted.split("val")) == len(where("val"))


@pytest.mark.parametrize("split", ["train", "val"])
def test_samples(planted: Artifact, split: str) -> None:
    """`ds[i]` has the tensors of one sample; negative numbers count from the end, as in lists."""
    found, all_of = planted.dataset(split), tensors(COUNT)
    assert isinstance(found, torch.utils.data.Dataset) and len(found) == len(where(split))
    for number, position in enumerate(where(split)):
        expected = {name: values[position] for name, values in all_of.items()}
        assert same(found[number], expected)
        assert same(found[number - len(found)], expected)
    for outside in (len(found), -len(found) - 1):
        with pytest.raises(IndexError, match="planted: sample"):
            found[outside]
    assert len(list(found)) == len(found)  # it ends as a list does


def test_many_at_once(planted: Artifact) -> None:
    """`__getitems__` gives samples in the order that was asked for, some twice."""
    asked = [5, -1, 5, 0, 30]
    found = planted.dataset("train").__getitems__(asked)
    for number, sample in zip(asked, found, strict=True):
        assert same(sample, planted.dataset("train")[number])


@pytest.mark.parametrize(
    "workers", [0, pytest.param(2, marks=pytest.mark.slow)], ids=["here", "spawn"]
)
def test_with_the_loader_of_torch(planted: Artifact, workers: int) -> None:
    """torch's own DataLoader makes batches of it, in workers that it spawns too."""
    context = "spawn" if workers else None
    loader = DataLoader(
        planted.dataset("val"), batch_size=4, num_workers=workers, multiprocessing_context=context
    )
    found = list(loader)
    expected = [where("val")[n : n + 4] for n in range(0, len(where("val")), 4)]
    for batch, some in zip(found, expected, strict=True):
        assert same(batch, taken(tensors(COUNT), some))


def test_transform_samples(planted: Artifact) -> None:
    """It gets samples that are asked for together as tensors [sample, …], a single one too."""
    sizes = list[int]()

    def doubled(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        sizes.append(len(batch["x"]))
        return {"twice": batch["x"] * 2}

    found = planted.dataset("train", doubled)
    assert torch.equal(found[3]["twice"], tensors(COUNT)["x"][where("train")[3]] * 2)
    assert len(found.__getitems__([1, 2, 3])) == 3 and sizes == [1, 3]
    with pytest.raises(PtmError, match="transform_samples to return a dict of tensors, got Tensor"):
        planted.dataset("train", lambda batch: batch["x"])[0]  # type: ignore[arg-type,return-value]
    with pytest.raises(PtmError, match=r"for each of 1 samples, got 's' Tensor of shape \[\]"):
        planted.dataset("train", lambda batch: {"s": batch["x"].sum()})[0]


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (3, "int"),
        (1.5, "float"),
        (np.float64(2), r"float64 of shape \[\]"),
        (None, "NoneType"),
        ("abc", "str"),
        ({0: 1, 1: 2, 2: 3}, "dict"),
        ([1, 2], r"list of 2"),
        (np.zeros((2, 3)), r"ndarray of shape \[2, 3\]"),
        (torch.tensor(1), r"Tensor of shape \[\]"),
    ],
)
def test_what_is_no_value_for_each_sample(planted: Artifact, value: Any, got: str) -> None:
    """What a transform gives is refused if it has nothing for each sample, whatever it is."""
    found = planted.dataset("train", lambda batch: {"x": batch["x"], "a": value})
    expected = "planted: expected transform_samples to give a value for each of 3 samples"
    with pytest.raises(PtmError, match=rf"^{expected}, got 'a' {got}$"):
        found.__getitems__([4, 5, 6])


def test_values_that_are_no_tensors(planted: Artifact) -> None:
    """Arrays and lists of a value for each sample come along, as batches of a loader have them."""

    def numbered(batch: dict[str, Any]) -> dict[str, Any]:
        return {"n": batch["x"].numpy(), "l": [f"{n}" for n in positions(batch)], "t": batch["x"]}

    found = planted.dataset("val", numbered).__getitems__([0, 2])
    for sample, position in zip(found, (where("val")[0], where("val")[2]), strict=True):
        assert sample["n"].tolist() == sample["t"].tolist() and sample["l"] == f"{position}"
    for batch in planted.loader("val", 4, transform_samples=numbered):
        assert batch["n"].tolist() == batch["t"].tolist() and isinstance(batch["l"], list)


@pytest.mark.parametrize("ask", ["numpy", "to_hf"])
def test_tensors_that_a_transform_would_change(tmp_path: Path, ask: str) -> None:
    """All of them at once are refused where there is a transform; rows are not its business."""
    planted = plant(tmp_path, without_halves(), CUTS, splits(COUNT))
    found = planted.dataset("val", with_texts)
    said = rf"^planted: expected a dataset without transform_samples for {ask}\(\), .* 'with_texts'"
    with pytest.raises(PtmError, match=said):
        getattr(found, ask)()
    rows = planted.dataset("val").to_arrow()
    assert found.to_arrow().equals(rows) and found.to_pandas()["file"].tolist() == [
        f"{number:05}.png" for number in where("val")
    ]


def test_a_transform_that_is_no_function(planted: Artifact) -> None:
    """It is refused when the dataset is made, as by a loader."""
    for make in (planted.dataset, lambda split, f: planted.loader(split, 4, transform_samples=f)):
        with pytest.raises(PtmError, match=r"^planted: expected transform_samples to be a func"):
            make("train", 3)  # type: ignore[arg-type]


def test_a_copy_opens_the_store_itself(tmp_path: Path) -> None:
    """A pickled copy is small, reads the same, and keeps the files from being collected."""
    planted = plant(tmp_path, tensors(COUNT), CUTS, splits(COUNT))
    found = planted.dataset("train", with_texts)
    assert len(found) == len(where("train")) and found[0]
    pickled = pickle.dumps(planted.dataset("train"))
    planted.tensors["images"].sum()
    assert b"torch" not in pickle.dumps(planted.tensors) and len(pickled) < 20_000
    copy = pickle.loads(pickled)
    del found, planted
    gc.collect()
    plant(tmp_path, tensors(COUNT + 1), (10,), number=1)  # what is current now is another
    store.gc(tmp_path, keep=1)
    assert same(copy[30], {n: v[where("train")[30]] for n, v in tensors(COUNT).items()})
    del copy
    gc.collect()
    assert store.gc(tmp_path, keep=1)  # it is let go of with its last user


@pytest.mark.parametrize("raw", [(), ("images",)], ids=["scaled", "raw"])
def test_raw_values_again(tmp_path: Path, raw: tuple[str, ...]) -> None:
    """`invert` gives those of batches, `raw` those of the stored tensors, however these are."""
    pixels = tensors(COUNT)["images"]
    stored = pixels if raw else torch.from_numpy(PIXELS.scaled(pixels.numpy()))
    found = {**tensors(COUNT), "images": stored}
    artifact = plant(tmp_path, found, CUTS, splits(COUNT), Learned({"images": PIXELS}, raw=raw))
    for batch in artifact.loader("train", 7):
        back = artifact.invert("images", batch["images"])
        assert back.dtype == torch.float64
        assert torch.allclose(back, pixels[positions(batch)].double(), atol=1e-4)
    assert torch.equal(artifact.raw("images", artifact.tensors["images"]).round(), pixels)
    assert torch.equal(artifact.raw("target", found["target"]), found["target"])
    with pytest.raises(PtmError, match=r"^planted: expected one of the tensors x, .* got 'image'$"):
        artifact.raw("image", pixels)


@pytest.mark.parametrize("name", ["x", "images"])
@pytest.mark.parametrize("cuts", [(), CUTS], ids=["one part", "parts"])
def test_raw_equals_scaled(tmp_path: Path, name: str, cuts: tuple[int, ...]) -> None:
    """What is stored raw comes bit for bit as the parts have it that are stored scaled."""
    scaler = {"x": SCALED, "images": PIXELS}[name]
    found = without_halves(large=300)
    raw = found[name].double() / 3 if name == "x" else found[name]
    scaled = torch.from_numpy(scaler.scaled(raw.numpy()))
    learned = Learned({name: scaler}, raw=(name,))
    artifact = plant(tmp_path, {**found, name: raw}, cuts, splits(COUNT), learned)
    for number, position in enumerate(where("train")):
        assert torch.equal(artifact.dataset("train")[number][name], scaled[position])
    assert artifact.dataset("val").numpy()[name].tobytes() == scaled[where("val")].numpy().tobytes()
    for workers in (0, 1) if cuts and name == "x" else (0,):
        batches = list(artifact.loader("val", 7, workers=workers))
        assert torch.equal(torch.cat([batch[name] for batch in batches]), scaled[where("val")])


def test_entries_that_are_stored_raw(tmp_path: Path) -> None:
    """Entries with store = "raw" give what the same entries give without, to the last bit."""
    from PIL import Image

    random = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for number in range(6):
        pixels = random.integers(0, 256, (24, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    values = "\n".join(f"{n},{v:.9f}" for n, v in enumerate(random.normal(1e6, size=300)))
    (tmp_path / "rows.csv").write_text(f"id,size\n{values}\n")
    entries = {"photos": 'kind = "images"\nstandardize = true\npath = "photos"'}
    entries["rows"] = 'kind = "table"\npath = "rows.csv"'
    for size in (3000, 1 << 26):
        for name, entry in entries.items():
            found = []
            for how in ("scaled", "raw"):
                text = f'[{name}]\n{entry}\nstore = "{how}"\npart_bytes = {size}'
                (tmp_path / "catalog.toml").write_text(text)
                catalog = ptm.load_catalog(tmp_path / "catalog.toml", data=tmp_path)
                ptm.tensorize(catalog[name], tmp_path / how)
                artifact = ptm.load(name, tmp_path / how)
                found.append(list(artifact.loader("train", 4)))
            assert len(artifact.parts) > 1 or size > 3000
            assert found[0][0].keys() >= artifact.learned.scalers.keys()  # type: ignore[union-attr]
            for one, other in zip(*found, strict=True):
                assert same(one, other)


def test_what_is_no_part_of_parts(tmp_path: Path) -> None:
    """Tensors that stand beside the parts come too, if they have a sample for each row."""
    beside = {"onehot": torch.eye(COUNT), "line": torch.zeros(3)}
    artifact = plant(tmp_path, tensors(COUNT), CUTS, splits(COUNT), beside=beside)
    found = artifact.dataset("val")
    assert torch.equal(found[2]["onehot"], beside["onehot"][where("val")[2]])
    assert "line" not in found[2] and list(found[2]) == [n for n in artifact.tensors if n != "line"]
    assert same(pickle.loads(pickle.dumps(found))[2], found[2])


@pytest.mark.parametrize("ask", ["split", "dataset", "loader"])
def test_without_samples_for_rows(tmp_path: Path, ask: str) -> None:
    """An artifact none of whose tensors has a sample for each row says so."""
    (tmp_path / "text.txt").write_text("it is a truth\nuniversally acknowledged\n")
    (tmp_path / "catalog.toml").write_text('[prose]\nkind = "text"\npath = "text.txt"\nline = 1\n')
    ptm.tensorize(
        ptm.load_catalog(tmp_path / "catalog.toml", data=tmp_path)["prose"], tmp_path / "s"
    )
    artifact = ptm.load("prose", tmp_path / "s")
    asked: Callable[[], Any] = {
        "split": lambda: artifact.split("train"),
        "dataset": lambda: artifact.dataset("train"),
        "loader": lambda: artifact.loader("train", 4),
    }[ask]
    with pytest.raises(
        PtmError, match=r"^prose: expected a tensor whose first axis is that of the"
    ):
        asked()


def test_damage(planted: Artifact, tmp_path: Path) -> None:
    """A damaged part is told when the first of its samples is asked for, and not before."""
    part = planted.parts[2].ref.files["tensors"]
    place = tmp_path / "planted" / part.file
    raw = bytearray(place.read_bytes())
    raw[len(raw) // 2] ^= 1
    place.unlink()
    place.write_bytes(raw)
    found = plant_again(tmp_path).dataset("train")
    assert found[0] and found[-1]
    with pytest.raises(ArtifactCorrupt, match=place.name):
        found[where("train").index(9)]
    with pytest.raises(ArtifactCorrupt, match=place.name):
        list(plant_again(tmp_path).loader("train", 4))


def plant_again(root: Path) -> Artifact:
    return ptm.load("planted", root)


def test_batches_are_positions(planted: Artifact) -> None:
    """Without an order of its own a split comes in that of its rows."""
    [batch] = planted.loader("val", 100)
    assert positions(batch) == where("val")


def test_as_arrays(tmp_path: Path) -> None:
    """Arrays by name: mapped where one file has them and the split has all; else copied."""
    expected = {name: one.numpy() for name, one in without_halves().items()}
    for root, cuts, given in (("a", (), None), ("b", CUTS, None), ("c", (), splits(COUNT))):
        artifact = plant(tmp_path / root, without_halves(), cuts, given)
        some = where("train") if given else list(range(COUNT))
        found = artifact.dataset("train").numpy()
        assert list(found) == list(expected)
        for name, array in found.items():
            assert array.dtype == expected[name].dtype
            assert np.array_equal(array, expected[name][some])
            mapped = artifact.parts[0].tensors[name].numpy()
            is_mapped = root == "a"
            assert (not array.flags.owndata and array.ctypes.data % 64 == mapped.ctypes.data % 64
                    if is_mapped else not np.shares_memory(array, mapped))  # fmt: skip


def test_dtypes_that_numpy_lacks(planted: Artifact) -> None:
    """They are told."""
    with pytest.raises(PtmError, match=r"a dtype that NumPy has, got 'halves' torch\.bfloat16"):
        planted.dataset("train").numpy()


def test_rows_of_a_split(planted: Artifact, tmp_path: Path) -> None:
    """As Arrow and as a frame: those of the split, in their order."""
    found = planted.dataset("val")
    expected = [f"{number:05}.png" for number in where("val")]
    assert found.to_arrow()["file"].to_pylist() == expected
    assert found.to_pandas()["file"].tolist() == expected
    whole = plant(tmp_path / "whole", tensors(COUNT), CUTS).dataset("train")
    assert whole.to_arrow().num_rows == COUNT
    assert whole.to_pandas().equals(ptm.load("planted", tmp_path / "whole").table)
    assert whole.to_pandas().attrs == {"units": {}}


def test_hugging_face(tmp_path: Path) -> None:
    """A dataset with rows and tensors, if the package is there; else the command that gets it."""
    artifact = plant(tmp_path, without_halves(), CUTS, splits(COUNT))
    try:
        import datasets  # noqa: F401
    except ImportError:
        with pytest.raises(PtmError, match=r"pip install 'ptm\[hf\]'"):
            artifact.dataset("val").to_hf()
        lacking("datasets is not installed (pip install 'ptm[hf]')")
    found = artifact.dataset("val").to_hf().with_format("torch")
    assert found.column_names == [*without_halves(), "file", "split"]
    for number, position in enumerate(where("val")):
        for name, values in without_halves().items():
            assert torch.equal(found[number][name].to(values.dtype), values[position])
        assert found[number]["file"] == f"{position:05}.png"
