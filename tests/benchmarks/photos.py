"""10,000 JPEGs to float32, standardised: ptm beside MosaicML's MDSWriter and a Hugging Face map.

Every side decodes, learns mean and standard deviation of each channel, scales, writes float32
[3, 256, 256] of each, hashes with SHA-256 what it wrote, and syncs it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.benchmarks import inputs, peers
from tests.benchmarks.child import Work
from tests.benchmarks.pools import driven, pool
from tests.benchmarks.rows import settled
from tests.benchmarks.turns import Side

PROCESSES = 2
AT_ONCE = 100  # photos of a batch of a Hugging Face map
LOAD = ("numpy", "PIL.Image", "pyarrow.parquet", "simplejpeg", "torch", "ptm", "ptm.prepare")
PEERS = ("datasets", "tests.benchmarks.mosaic")
HOME = "tests.benchmarks.photos"


def sides(count: int) -> dict[str, Side]:
    """ptm in one process and in two; MDSWriter and a Hugging Face map where they can be had."""
    given = {"folder": str(inputs.photos(count))}
    python = peers.python()
    load = (*LOAD, *PEERS) if python else LOAD
    side = partial(Side, load=load, environment=peers.ENVIRONMENT, python=python or sys.executable)
    ours = {
        "ptm": side(f"{HOME}:ours", {**given, "processes": 0}),
        "processes": side(f"{HOME}:ours", {**given, "processes": PROCESSES}),
    }
    if not python:
        return ours
    return {**ours, "mds": side(f"{HOME}:mds", given), "map": side(f"{HOME}:mapped", given)}


def source(folder: str | Path, **options: Any) -> Any:
    """The entry of ptm."""
    from ptm.kinds.images import Options

    given = {"name": "photos", "root": Path(folder), "kind": "images", "path": "photos"}
    return Options(**given, standardize=True, **options)


def ours(folder: str, processes: int) -> Work:
    """Makes the entry in a new store."""
    import ptm

    entry = source(folder)
    if processes:
        return driven(entry, pool(processes, LOAD))

    def work(place: Path) -> int:
        return len(ptm.tensorize(entry, place).path)

    return work


def mds(folder: str) -> Work:
    """Two processes, each with shards of its own; once through for the statistics, once to write.

    The writer hashes each shard before it writes it.
    """
    from tests.benchmarks.mosaic import merge_index

    files, processes = paths(folder), pool(PROCESSES, (*LOAD, *PEERS))
    shares = [files[number::PROCESSES] for number in range(PROCESSES)]

    def work(place: Path) -> int:
        scaling = Counts.together(processes.map(counted, shares)).scaling()
        folders = [str(place / str(number)) for number in range(PROCESSES)]
        list(processes.map(partial(_write_shards, scaling=scaling), shares, folders))
        merge_index(str(place), keep_local=True)
        settled(place / "index.json")
        return len(files)

    return work


def _write_shards(files: Sequence[str], folder: str, scaling: Scaling) -> None:
    from tests.benchmarks.mosaic import MDSWriter

    shape = ",".join(map(str, decoded(files[0]).shape))
    columns = {"image": f"ndarray:float32:{shape}", "file": "str"}
    with MDSWriter(columns=columns, out=folder, hashes=["sha256"]) as writer:
        for file in files:
            writer.write({"image": scaling.of(decoded(file)), "file": Path(file).name})
    for path in (*Path(folder).iterdir(), Path(folder)):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def mapped(folder: str) -> Work:
    """Two maps in two processes, for the statistics and to Arrow files, which are hashed then."""
    import datasets

    datasets.disable_progress_bars()
    files = paths(folder)
    shape = decoded(files[0]).shape
    features = datasets.Features(
        {"image": datasets.Array3D(shape, "float32"), "file": datasets.Value("string")}
    )
    found = datasets.Dataset.from_dict({"file": files})
    how = {"batched": True, "batch_size": AT_ONCE, "writer_batch_size": AT_ONCE}
    how |= {"num_proc": PROCESSES, "load_from_cache_file": False}

    def work(place: Path) -> int:
        cache = {"cache_file_name": str(place / "counts.arrow")}
        counts = found.map(_counts, remove_columns=["file"], **how, **cache)
        scaling = Counts.together(Counts(**row) for row in counts).scaling()
        cache = {"cache_file_name": str(place / "photos.arrow")}
        done = found.map(partial(_scaled, scaling=scaling), features=features, **how, **cache)
        with ThreadPoolExecutor(PROCESSES) as threads:
            list(threads.map(settled, [Path(one["filename"]) for one in done.cache_files]))
        return len(done)

    return work


def _counts(batch: dict[str, list[str]]) -> dict[str, list[Any]]:
    found = counted(batch["file"])
    return {name: [np.asarray(value).tolist()] for name, value in found._asdict().items()}


def _scaled(batch: dict[str, list[str]], scaling: Scaling) -> dict[str, list[Any]]:
    images = np.stack([scaling.of(decoded(file)) for file in batch["file"]])
    return {"image": images, "file": [Path(file).name for file in batch["file"]]}


class Scaling(NamedTuple):
    """What scales pixels: factor and offset of each channel, float32 [channel, 1, 1]."""

    factor: NDArray[np.float32]
    offset: NDArray[np.float32]

    def of(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Pixels, standardised."""
        found = pixels * self.factor
        found += self.offset
        return found


class Counts(NamedTuple):
    """Exact sums over pixels: how many, and of each channel their sum and that of the squares."""

    count: int
    total: Any
    squares: Any

    @classmethod
    def together(cls, found: Any) -> Counts:
        """Of all."""
        count, total, squares = zip(*found, strict=True)
        return cls(sum(count), np.sum(total, axis=0), np.sum(squares, axis=0))

    def scaling(self) -> Scaling:
        """To mean 0 and standard deviation 1 (n - 1)."""
        mean = self.total / self.count
        std = np.sqrt((self.squares - self.count * mean**2) / (self.count - 1))
        factor, offset = (1 / std)[:, None, None], (-mean / std)[:, None, None]
        return Scaling(factor.astype(np.float32), offset.astype(np.float32))


def counted(files: Sequence[str]) -> Counts:
    """The sums over some photos."""
    levels = np.arange(256)
    counts = np.zeros((3, 256), dtype=np.int64)
    for file in files:
        for channel, pixels in enumerate(decoded(file)):
            counts[channel] += np.bincount(pixels.ravel(), minlength=256)
    return Counts(int(counts[0].sum()), counts @ levels, counts @ levels**2)


def decoded(file: str) -> NDArray[np.uint8]:
    """Pixels [channel, height, width], by Pillow."""
    with Image.open(file) as image:
        pixels = np.asarray(image.convert("RGB"))
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def paths(folder: str | Path) -> list[str]:
    """Of all photos, in order."""
    return sorted(str(path) for path in Path(folder, "photos").iterdir())
