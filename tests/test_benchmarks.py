"""`make bench` compares like with like: its sides make equal values, in turn, as it says."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import ptm
from tests.benchmarks import __main__ as command
from tests.benchmarks import (
    book,
    fits,
    folders,
    inputs,
    loading,
    memory,
    orchestration,
    peers,
    photos,
    rows,
    turns,
    warm,
)
from tests.benchmarks.child import Work
from tests.benchmarks.report import WIDTH
from tests.benchmarks.turns import Side, in_turn

READINGS = 11
PORTS = ("port=C", "port=Q", "port=S")
HERE = "tests.test_benchmarks"


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is generated here is gone after the test; no turn waits until the machine is quiet."""
    monkeypatch.setattr(inputs, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(turns, "settle", lambda: None)


def test_fits() -> None:
    """Each fit that the notebook times runs on both sides, on the eleven readings of the book."""
    import torch

    given: list[tuple[int, torch.Size]] = []

    def fit(epochs: int, rate: float, readings: torch.Tensor, *_: Any) -> None:
        assert rate > 0
        given.append((epochs, readings.shape))

    found = fits.pairs({"fit": fit, "fit_by_hand": fit})
    assert [name.split(",")[0] for name, _, _ in found] == list(fits.NAMES)
    for _, ours, theirs in found:
        assert theirs is not None
        ours()
        theirs()
    assert given == [(epochs, torch.Size([READINGS])) for epochs in (5000, 5000, 2000)]


def named(name: str, log: str) -> Work:
    """Work that writes a name to a log, and something to the folder that it was given."""

    def work(place: Path) -> str:
        assert not list(place.iterdir())
        (place / "made").touch()
        with Path(log).open("a") as file:
            file.write(name)
        return name

    return work


def test_turns(tmp_path: Path) -> None:
    """Sides work in turn, once to warm up, each in a process of its own and a new folder."""
    sides = {
        name: Side(f"{HERE}:named", {"name": name, "log": f"{tmp_path}/log"}, ()) for name in "AB"
    }
    found = in_turn(sides, rounds=2)
    assert (tmp_path / "log").read_text() == "ABABAB"
    for name, took in found.items():
        assert [one.said for one in took] == [name, name]
        assert all(one.seconds > 0 and one.cpu >= 0 for one in took)


def test_rows_are_alike(tmp_path: Path) -> None:
    """ptm and polars make equal tensors, within the rounding of float32, and equal rows."""
    import pyarrow.parquet as pq
    import torch

    folder = str(inputs.rows(3000))
    rows.ours(folder)(tmp_path / "store")
    rows.theirs(folder)(tmp_path)
    artifact = ptm.load("rows", tmp_path / "store")
    theirs = torch.load(tmp_path / rows.TENSORS)
    assert sorted(artifact.tensors) == sorted(theirs)
    for name, tensor in theirs.items():
        ours = artifact.tensors[name]
        assert ours.dtype == tensor.dtype and ours.shape == tensor.shape and len(ours) == 3000
        torch.testing.assert_close(ours, tensor, rtol=1e-6, atol=1e-6)
    [part] = artifact.parts
    table, read = part.arrow, pq.read_table(tmp_path / rows.TABLE)
    assert table is not None and table.column_names == read.column_names
    for name in read.column_names:
        assert table[name].to_pylist() == read[name].to_pylist()


def read_shards(place: Path) -> dict[str, NDArray[np.float32]]:
    """What MDSWriter wrote, by the names of the files."""
    from tests.benchmarks.mosaic import reader_from_json

    shards = json.loads((place / "index.json").read_bytes())["shards"]
    readers = [reader_from_json(str(place), None, shard) for shard in shards]
    samples = [reader[number] for reader in readers for number in range(reader.samples)]
    return {sample["file"]: sample["image"] for sample in samples}


def read_arrow(place: Path) -> dict[str, NDArray[np.float32]]:
    """What a map wrote, by the names of the files."""
    import datasets

    found = {}
    for path in place.glob("photos*.arrow"):
        for sample in datasets.Dataset.from_file(str(path)).with_format("numpy"):
            found[sample["file"]] = sample["image"]
    return found


def read_store(place: Path) -> dict[str, NDArray[np.float32]]:
    """What ptm made, by the names of the files."""
    artifact = ptm.load("photos", place)
    return dict(zip(artifact.table["file"], artifact.tensors["images"].numpy(), strict=True))


READ: dict[str, Callable[[Path], dict[str, NDArray[np.float32]]]] = {
    "ptm": read_store,
    "processes": read_store,
    "mds": read_shards,
    "map": read_arrow,
}


def read_back(side: str, work: str, arguments: dict[str, Any], into: str) -> Work:
    """The work of a side of photos, and what it made as a file."""
    made = getattr(photos, work)(**arguments)

    def both(place: Path) -> None:
        made(place)
        np.savez(into, **READ[side](place))

    return both


def test_photos_are_alike(tmp_path: Path) -> None:
    """ptm makes what the functions make that the others share: these differ in what writes."""
    folder = str(inputs.photos(12))
    photos.ours(folder, 0)(tmp_path)
    ours, files = read_store(tmp_path), photos.paths(folder)
    assert len({Path(file).read_bytes() for file in files}) == len(ours) == 12
    half = photos.counted(files[:6]), photos.counted(files[6:])
    scaling = photos.Counts.together(half).scaling()
    for file in files:
        check_photo(ours[Path(file).name], scaling.of(photos.decoded(file)))


def check_photo(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> None:
    """They are equal within the rounding of float32."""
    assert ours.shape == (3, inputs.SIDE, inputs.SIDE) and ours.dtype == theirs.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_photos_of_all_sides(tmp_path: Path) -> None:
    """Every side writes the same photos; without the others' packages, both sides of ptm do."""
    found = {}
    for name, side in photos.sides(12).items():
        into = str(tmp_path / f"{name}.npz")
        given = {"side": name, "work": side.work.split(":")[1], "arguments": dict(side.arguments)}
        wrapped = Side(
            f"{HERE}:read_back", {**given, "into": into}, side.load, side.environment, side.python
        )
        in_turn({name: wrapped}, 1, warm=False)
        with np.load(into) as images:
            found[name] = {file: images[file] for file in images.files}
    assert len(found) == (4 if peers.python() else 2)
    for images in found.values():
        assert sorted(images) == [f"{number:06}.jpg" for number in range(12)]
        for file, image in images.items():
            check_photo(found["ptm"][file], image)


def test_class_folders_are_alike(tmp_path: Path) -> None:
    """All sides have the same classes, and pixels but for what two JPEG decoders round apart."""
    import torch
    from datasets import load_dataset

    folder = str(inputs.classes(12))
    folders.photos(folder)(tmp_path)
    ours = ptm.load("photos", tmp_path)
    (tmp_path / "theirs").mkdir()
    *_, saved = folders.image_folder(folder, 0)(tmp_path / "theirs")
    theirs = torch.load(saved, weights_only=True)
    assert torch.equal(ours.tensors["target"], theirs["target"])
    # libjpeg-turbo 3 in both: the same to the last bit, or a level where their builds round apart
    apart = (ours.tensors["images"].int() - theirs["images"].int()).abs()
    assert apart.max() <= 1 and ours.tensors["images"].shape == (12, 3, 256, 256)
    found = load_dataset("imagefolder", data_dir=f"{folder}/photos", cache_dir=str(tmp_path))
    rows = found["train"]
    assert rows.features["label"].names == ours.manifest["facts"]["classes"]
    assert rows["label"][:] == ours.tensors["target"].tolist()
    pixels = np.stack(folders._as_arrays(rows[:])["image"])
    assert np.array_equal(pixels, theirs["images"].numpy())


def test_tables_with_gaps_are_alike(tmp_path: Path) -> None:
    """scikit-learn divides by the standard deviation of n, ptm by that of n - 1; all else is the
    same, to the last digit of float32.
    """
    import torch

    count = 300
    folder = str(inputs.passengers(count))
    folders.passengers(folder)(tmp_path)
    ours = ptm.load("passengers", tmp_path)
    (tmp_path / "theirs").mkdir()
    *_, saved = folders.scikit_learn(folder)(tmp_path / "theirs")
    theirs = torch.load(saved, weights_only=True)
    names = ours.manifest["facts"]["features"]
    assert names == ["age", "fare", *(f"sex={s}" for s in ("female", "male")), *PORTS]
    expected = theirs["features"].double()
    expected[:, :2] *= ((count - 1) / count) ** 0.5
    torch.testing.assert_close(ours.tensors["features"].double(), expected, rtol=1e-6, atol=1e-6)
    assert torch.equal(ours.tensors["target"], theirs["target"])


def test_without_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The side without fsync waits for no disk, and the other one does."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    entry = rows.source(inputs.rows(1000))
    with book.unsynced():
        ptm.tensorize(entry, tmp_path / "unsynced")
    assert synced == []
    ptm.tensorize(entry, tmp_path / "synced")
    assert len(synced) > 3


def test_many_files(tmp_path: Path) -> None:
    """ptm finds up to date what it has made of all files that the others look at."""
    data = str(inputs.pictures(30))
    (tmp_path / "a").mkdir()
    work = warm.found(data, str(tmp_path / "store"))
    assert [work(tmp_path / "a"), work(tmp_path / "a")] == [False, True]
    assert len(ptm.load("many", tmp_path / "store").table) == 30
    assert warm.scanned(data)(tmp_path) == 30
    asked = warm.asked(data, str(tmp_path / "git"))
    assert asked(tmp_path) == 0  # nothing has changed
    (Path(data) / "many" / "new.png").touch()
    assert asked(tmp_path) > 0


def test_library_finds_all(tmp_path: Path) -> None:
    """What a flow is measured beside finds every entry up to date."""
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(orchestration.tables(5))
    work = orchestration.library(str(catalog), str(tmp_path), str(tmp_path / "store"))
    assert [work(tmp_path), work(tmp_path)] == [0, 5]


@pytest.mark.parametrize("kind", memory.CASES)
def test_small_entries_have_parts(kind: str, tmp_path: Path) -> None:
    """What is made before memory is looked at goes the same way: it has several parts."""
    few = str(memory.CASES[kind].generate(memory.FEW[kind]))
    ptm.tensorize(memory.few_of(kind, few), tmp_path)
    assert len(ptm.load(kind, tmp_path).parts) > 3
    assert memory.made(kind, few, few)(tmp_path / "large")


def sums(name: str, count: int, into: str) -> Work:
    """What a reader gives in an epoch, as the sums of its photos."""

    def work(_: Path) -> None:
        epoch = loading.READERS[name](str(loading.filled(name, count)), 0, 5)(0)
        found = [np.asarray(batch).reshape(len(batch), *loading.SHAPE) for batch in epoch]
        assert {one.dtype for one in found} == {np.dtype(np.uint8)}
        np.save(into, np.sort(np.concatenate(found).sum(axis=(1, 2, 3), dtype=np.int64)))

    return work


def test_readers_give_the_same(tmp_path: Path) -> None:
    """In an epoch ptm and np.take give every photo once."""
    expected = [photos.decoded(file).sum() for file in photos.paths(inputs.photos(12))]
    for name in (loading.OURS, loading.LIMIT):
        sums(name, 12, f"{tmp_path}/sums.npy")(tmp_path)
        assert np.load(tmp_path / "sums.npy").tolist() == sorted(expected)


@pytest.mark.slow
def test_all_readers_give_the_same(tmp_path: Path) -> None:
    """So do all that can be had."""
    expected = [photos.decoded(file).sum() for file in photos.paths(inputs.photos(12))]
    for name, side in loading.sides(12, 0).items():
        given = {"name": name, "count": 12, "into": f"{tmp_path}/sums.npy"}
        wrapped = Side(f"{HERE}:sums", given, side.load, side.environment, side.python)
        in_turn({name: wrapped}, 1, warm=False)
        assert np.load(tmp_path / "sums.npy").tolist() == sorted(expected), name


def test_rows_are_read_alike(tmp_path: Path) -> None:
    """The loader and np.take read as many batches of a table, and training takes steps."""
    assert [loading.read_rows(1000, 300, ours)(tmp_path) for ours in (True, False)] == [4, 4]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("section", command.SECTIONS)
def test_sections(
    section: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each section runs at a tiny size, fits a terminal, and then says nothing of the goals."""
    monkeypatch.setenv("PTM_BENCH_SCALE", "0.001")
    places = ((command, "BOOK_ROUNDS"), (command, "ROUNDS"))
    for module, rounds in (*places, (orchestration, "ROUNDS"), (orchestration, "FLOW_ROUNDS")):
        monkeypatch.setattr(module, rounds, 1)
    command.main([section])
    said = capsys.readouterr().out
    assert "┃" in said and "≤" not in said
    assert max(map(len, said.splitlines())) <= WIDTH
