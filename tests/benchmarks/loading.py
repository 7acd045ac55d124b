"""Random batches of 256 of 10,000 photos, uint8 [256, 3, 256, 256]: ptm beside other readers.

Every side has the pixels on the disk as it likes them, in the page cache, but for the folder of
JPEGs, which it decodes. It gives all batches of an epoch, epoch after epoch, in a random order.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from numpy.typing import NDArray

from tests.benchmarks import inputs, peers
from tests.benchmarks.child import Work
from tests.benchmarks.photos import decoded, paths
from tests.benchmarks.rows import source
from tests.benchmarks.turns import Side

Epoch = Callable[[int], Iterator[Any]]  # the batches of that epoch, as the reader gives them
HOME = "tests.benchmarks.loading"
BATCH, EPOCHS = 256, 2  # of the epochs the first has the first batch, the last the rate
STEPS, ROUNDS = 4, 6  # batches that are trained with, and how often
RING = 4  # buffers
AT_ONCE = 100
OURS, LIMIT = "ptm", "np.take into a ring"
LOAD = ("numpy", "PIL.Image", "simplejpeg", "torch", "torch.utils.data", "ptm", "ptm.prepare")
PEERS = {
    "tensordict": "tensordict",
    "LitData": "litdata",
    "MDS": "tests.benchmarks.mosaic",
    "Hugging Face": "datasets",
}


def sides(count: int, workers: int) -> dict[str, Side]:
    """All readers that can be had, by name.

    Args:
        count: of the photos.
        workers: processes that read; 0 for none but the one that asks.
    """
    python, found = peers.python(), {}
    for name in READERS:
        if (name in PEERS and not python) or (name == LIMIT and workers):
            continue
        load = (*LOAD, *([PEERS[name]] if name in PEERS else []))
        given = {"name": name, "count": count, "workers": workers}
        interpreter = python if python and name in PEERS else sys.executable
        found[name] = Side(f"{HOME}:read", given, load, peers.ENVIRONMENT, interpreter)
    return found


def steps(count: int) -> dict[str, Side]:
    """Training steps on batches of the loader, and on batches in memory."""
    how = {"loader": True, "memory": False}
    return {
        n: Side(f"{HOME}:train", {"count": count, "loads": one}, LOAD) for n, one in how.items()
    }


def of_rows(count: int, batch: int) -> dict[str, Side]:
    """Epochs of a table, of the loader and of np.take."""
    given = {"count": count, "batch": batch}
    return {
        name: Side(f"{HOME}:read_rows", {**given, "ours": ours}, LOAD)
        for name, ours in {"ptm": True, "take": False}.items()
    }


def read(name: str, count: int, workers: int, batch: int = BATCH) -> Work:
    """Reads epochs; gives seconds to the first batch, batches per second, and MB of all processes.

    The memory is the proportional set size of this process and its children at the end, pages of
    mapped files among them.
    """
    folder = str(filled(name, count))

    def work(_: Path) -> dict[str, float]:
        start = time.perf_counter()
        epoch = READERS[name](folder, workers, batch)
        batches = epoch(0)
        one = next(batches)
        first = time.perf_counter() - start
        for one in batches:  # noqa: B007 - it is held while the next comes, as in training
            pass
        start, count = time.perf_counter(), 0
        for number in range(1, EPOCHS):
            for one in epoch(number):  # noqa: B007
                count += 1
        rate = count / (time.perf_counter() - start)
        return {"first": first, "rate": rate, "pss": _memory()}

    return work


def train(count: int, loads: bool) -> Work:
    """Steps of a small network on batches of the loader, or on four that lie in memory."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 7, stride=4),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(16, 10),
    )
    optimizer = torch.optim.SGD(network.parameters(), 0.01)
    batches = of_ptm(str(filled(OURS, count)), 0, BATCH)
    few = [one.clone() for one in islice(batches(0), STEPS)]

    def work(_: Path) -> int:
        done = 0
        for number in range(ROUNDS):
            for images in islice(batches(number), STEPS) if loads else few:
                optimizer.zero_grad()
                network(images.float().div_(255)).square().mean().backward()
                optimizer.step()
                done += 1
        return done

    return work


def read_rows(count: int, batch: int, ours: bool) -> Work:
    """An epoch of rows of eleven float32, a class and its one-hot, in random batches."""
    import ptm

    artifact = ptm.load("rows", inputs.kept("read-rows", count, _fill_rows))
    loader, arrays = artifact.loader("train", batch), artifact.dataset("train").numpy()
    rings = {n: np.empty((RING, batch, *a.shape[1:]), a.dtype) for n, a in arrays.items()}

    def of_loader(_: Path) -> int:
        return sum(1 for _ in loader)

    def of_take(_: Path) -> int:
        batches = order_of(count, 0, batch)
        for number, some in enumerate(batches):
            for name, array in arrays.items():
                place = rings[name][number % RING][: len(some)]
                torch.from_numpy(np.take(array, some, axis=0, out=place, mode="clip"))
        return len(batches)

    return of_loader if ours else of_take


def filled(name: str, count: int) -> Path:
    """What a reader reads."""
    return inputs.kept(f"read-{name.replace(' ', '-')}", count, FILL[name])


def _fill_ptm(folder: Path, count: int) -> None:
    import ptm
    from ptm.kinds.images import Options

    given = {"name": "photos", "root": inputs.photos(count), "kind": "images", "path": "photos"}
    ptm.tensorize(Options(**given), folder)


def _fill_rows(folder: Path, count: int) -> None:
    import ptm

    ptm.tensorize(source(inputs.rows(count)), folder)


def _fill_array(folder: Path, count: int) -> None:
    shape = (count, *SHAPE)
    pixels = np.lib.format.open_memmap(folder / "pixels.npy", "w+", np.uint8, shape)
    for number, file in enumerate(paths(inputs.photos(count))):
        pixels[number] = decoded(file)


def _fill_tensordict(folder: Path, count: int) -> None:
    from tensordict import TensorDict

    pixels = torch.from_numpy(np.stack([decoded(one) for one in paths(inputs.photos(count))]))
    TensorDict({"images": pixels}, batch_size=[count]).memmap(str(folder / "td"))


def _fill_litdata(folder: Path, count: int) -> None:
    from litdata.streaming.writer import BinaryWriter

    writer = BinaryWriter(str(folder / "lit"), chunk_bytes="64MB")
    for number, file in enumerate(paths(inputs.photos(count))):
        writer.add_item(number, {"images": torch.from_numpy(decoded(file))})
    writer.done()
    writer.merge()


def _fill_mds(folder: Path, count: int) -> None:
    from tests.benchmarks.mosaic import MDSWriter

    columns = {"images": f"ndarray:uint8:{','.join(map(str, SHAPE))}"}
    with MDSWriter(columns=columns, out=str(folder / "mds")) as writer:
        for file in paths(inputs.photos(count)):
            writer.write({"images": decoded(file)})


def _fill_hugging_face(folder: Path, count: int) -> None:
    import datasets

    def each() -> Iterator[dict[str, Any]]:
        for file in paths(inputs.photos(count)):
            yield {"images": decoded(file)}

    features = datasets.Features({"images": datasets.Array3D(SHAPE, "uint8")})
    cache = str(folder / "cache")
    datasets.disable_progress_bars()
    found = datasets.Dataset.from_generator(
        each, features=features, cache_dir=cache, writer_batch_size=AT_ONCE
    )
    found.save_to_disk(str(folder / "hf"))
    shutil.rmtree(cache)


def _fill_folder(folder: Path, count: int) -> None:
    (folder / "from").write_text(str(inputs.photos(count)))


def _memory() -> float:
    here = psutil.Process()
    processes = [here, *here.children(recursive=True)]
    return sum(process.memory_full_info().pss for process in processes) / 1e6


def order_of(count: int, epoch: int, batch: int) -> list[NDArray[np.int64]]:
    """Which photos the batches of an epoch have."""
    order = np.random.default_rng(epoch).permutation(count)
    return [order[start : start + batch] for start in range(0, count, batch)]


def of_ptm(folder: str, workers: int, batch: int) -> Epoch:
    """The loader of an artifact."""
    import ptm

    loader = ptm.load("photos", folder).loader("train", batch, workers=workers)
    return lambda _: (one["images"] for one in loader)


def of_take(folder: str, workers: int, batch: int) -> Epoch:
    """np.take from a mapped file into four buffers in turn."""
    pixels = np.load(f"{folder}/pixels.npy", mmap_mode="r").view(np.ndarray)
    ring = np.empty((RING, batch, *pixels.shape[1:]), dtype=np.uint8)
    ring[:] = 0

    def epoch(number: int) -> Iterator[torch.Tensor]:
        for turn, some in enumerate(order_of(len(pixels), number, batch)):
            place = ring[turn % RING][: len(some)]
            yield torch.from_numpy(np.take(pixels, some, axis=0, out=place, mode="clip"))

    return epoch


class Indexed:
    """What torch's DataLoader reads, a batch at a time: `open` gives it in each process."""

    def __init__(self, opened: Callable[[], Callable[[NDArray[np.int64]], Any]], count: int):
        self.opened, self.count, self.found = opened, count, None  # type: ignore[var-annotated]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, some: Sequence[int]) -> Any:
        self.found = self.found or self.opened()
        return self.found(np.asarray(some))


class Order:
    """A sampler of whole batches."""

    def __init__(self, count: int, batch: int) -> None:
        self.count, self.batch, self.epoch = count, batch, 0

    def __iter__(self) -> Iterator[list[int]]:
        self.epoch += 1
        return (some.tolist() for some in order_of(self.count, self.epoch, self.batch))

    def __len__(self) -> int:
        return -(-self.count // self.batch)


def by_torch(indexed: Indexed, workers: int, batch: int) -> Epoch:
    """torch's DataLoader, whose workers stay."""
    from torch.utils.data import DataLoader

    loader: Any = DataLoader(
        indexed,  # type: ignore[arg-type]
        batch_size=None,
        sampler=Order(len(indexed), batch),
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    return lambda _: iter(loader)


def of_tensordict(folder: str, workers: int, batch: int) -> Epoch:
    """A memory-mapped TensorDict."""
    from tensordict import TensorDict

    found = TensorDict.load_memmap(f"{folder}/td")
    indexed = Indexed(lambda: lambda some: found[torch.from_numpy(some)]["images"], len(found))
    return by_torch(indexed, workers, batch)


def of_litdata(folder: str, workers: int, batch: int) -> Epoch:
    """StreamingDataset and StreamingDataLoader; it shuffles within a few chunks."""
    import litdata

    dataset = litdata.StreamingDataset(f"{folder}/lit", shuffle=True)
    loader = litdata.StreamingDataLoader(dataset, batch_size=batch, num_workers=workers)
    return lambda _: (one["images"] for one in loader)


def of_mds(folder: str, workers: int, batch: int) -> Epoch:
    """The readers of MosaicML's shards, without its downloads."""
    import json

    from tests.benchmarks.mosaic import reader_from_json

    shards = json.loads(Path(folder, "mds", "index.json").read_bytes())["shards"]

    def opened() -> Callable[[NDArray[np.int64]], torch.Tensor]:
        readers = [reader_from_json(f"{folder}/mds", None, shard) for shard in shards]
        starts = np.cumsum([0, *(reader.samples for reader in readers)])

        def images(some: NDArray[np.int64]) -> torch.Tensor:
            shard = np.searchsorted(starts, some, side="right") - 1
            each = zip(shard, some - starts[shard], strict=True)
            return torch.from_numpy(np.stack([readers[s][int(n)]["images"] for s, n in each]))

        return images

    return by_torch(Indexed(opened, sum(s["samples"] for s in shards)), workers, batch)


def of_hugging_face(folder: str, workers: int, batch: int) -> Epoch:
    """An Arrow file of a dataset, mapped."""
    import datasets

    found = datasets.load_from_disk(f"{folder}/hf").with_format("numpy", dtype=np.uint8)

    def images(some: NDArray[np.int64]) -> torch.Tensor:
        return torch.from_numpy(np.asarray(found[some]["images"]).reshape(len(some), *SHAPE))

    return by_torch(Indexed(lambda: images, len(found)), workers, batch)


def of_folder(folder: str, workers: int, batch: int) -> Epoch:
    """As torchvision's ImageFolder: Pillow decodes each JPEG."""
    files = paths(Path(folder, "from").read_text())

    def images(some: NDArray[np.int64]) -> torch.Tensor:
        return torch.from_numpy(np.stack([decoded(files[number]) for number in some]))

    return by_torch(Indexed(lambda: images, len(files)), workers, batch)


SHAPE = (3, inputs.SIDE, inputs.SIDE)
READERS: dict[str, Callable[[str, int, int], Epoch]] = {
    OURS: of_ptm,
    LIMIT: of_take,
    "tensordict": of_tensordict,
    "LitData": of_litdata,
    "MDS": of_mds,
    "Hugging Face": of_hugging_face,
    "folder of JPEGs": of_folder,
}
FILL: dict[str, Callable[[Path, int], None]] = {
    OURS: _fill_ptm,
    LIMIT: _fill_array,
    "tensordict": _fill_tensordict,
    "LitData": _fill_litdata,
    "MDS": _fill_mds,
    "Hugging Face": _fill_hugging_face,
    "folder of JPEGs": _fill_folder,
}
