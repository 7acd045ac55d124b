"""What people have, read as they would: class folders and a table with gaps, ptm beside others.

Every side gives the same values, in memory-mappable files that are hashed with SHA-256 and synced;
what its user writes stands between two marks, and its lines are counted.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import inputs
from tests.benchmarks.child import Work
from tests.benchmarks.rows import digest, settled
from tests.benchmarks.turns import Side

AT_ONCE = 100  # photos of a batch
PROCESSES = 2
HOME = "tests.benchmarks.folders"
IMAGES = ("numpy", "PIL.Image", "torch", "datasets", "ptm", "ptm.prepare")
TABLES = ("numpy", "pandas", "torch", "sklearn.compose", "sklearn.impute", "ptm", "ptm.prepare")
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
BEGIN, END = "# what a user writes", "# to here"
PHOTOS = """
[photos]
kind = "images"
path = "photos"
labels = "folder"
"""
PASSENGERS = """
[passengers]
kind = "table"
path = "passengers.csv"
target = "survived"
classes = 2
measures = { sex = "categorical", port = "categorical" }
missing = { age = "median", port = "mode" }
"""


def of_images(count: int) -> dict[str, Side]:
    """Class folders: ptm, Hugging Face datasets, and a reader as torchvision's ImageFolder."""
    given = {"folder": str(inputs.classes(count))}
    side = partial(Side, arguments=given, load=IMAGES, environment=OFFLINE)
    names = {"ptm": "photos", "datasets": "hugging_face", "ImageFolder": "image_folder"}
    return {name: side(f"{HOME}:{function}") for name, function in names.items()}


def of_tables(count: int) -> dict[str, Side]:
    """A table with gaps: ptm, and pandas with scikit-learn."""
    given = {"folder": str(inputs.passengers(count))}
    side = partial(Side, arguments=given, load=TABLES)
    names = {"ptm": "passengers", "sklearn": "scikit_learn"}
    return {name: side(f"{HOME}:{function}") for name, function in names.items()}


def photos(folder: str) -> Work:
    """Makes the entry in a new store."""
    return made(folder, "photos", PHOTOS)


def passengers(folder: str) -> Work:
    """Makes the entry in a new store."""
    return made(folder, "passengers", PASSENGERS)


def made(folder: str, name: str, entry: str) -> Work:
    import ptm

    def work(place: Path) -> str:
        (place / "catalog.toml").write_text(entry)
        # what a user writes
        catalog = ptm.load_catalog(place / "catalog.toml", data=folder)
        ref = ptm.tensorize(catalog[name], place)
        # to here
        return ref.path

    return work


def hugging_face(folder: str) -> Work:
    """Maps the images to arrays in two processes; the Arrow files are hashed and synced."""
    import datasets

    datasets.disable_progress_bars()

    def work(place: Path) -> list[str]:
        cache = {"cache_dir": str(place), "num_proc": PROCESSES}
        # what a user writes
        found = datasets.load_dataset("imagefolder", data_dir=f"{folder}/photos", **cache)["train"]
        shape = datasets.Array3D((3, *np.asarray(found[0]["image"]).shape[:2]), "uint8")
        features = datasets.Features({"image": shape, "label": found.features["label"]})
        made = found.map(
            _as_arrays, batched=True, batch_size=AT_ONCE, features=features, num_proc=PROCESSES
        )
        # to here
        files = [Path(one["filename"]) for one in made.cache_files]
        for path in sorted(Path(folder, "photos").rglob("*.jpg")):
            digest(path)
        for path in files:
            settled(path)
        return [*map(str, files)]

    return work


def _as_arrays(batch: dict[str, list[Any]]) -> dict[str, Any]:
    images = [np.asarray(image.convert("RGB")).transpose(2, 0, 1) for image in batch["image"]]
    return {"image": np.stack(images), "label": batch["label"]}


class ImageFolder:
    """Samples of class folders, as torchvision's class of that name gives them."""

    def __init__(self, folder: str) -> None:
        """Lists them: classes by name, and in each of them the files."""
        self.classes = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
        self.samples = [
            (f"{folder}/{name}/{file}", number)
            for number, name in enumerate(self.classes)
            for file in sorted(os.listdir(f"{folder}/{name}"))
        ]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        import torch
        from PIL import Image

        path, label = self.samples[index]
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
        return torch.from_numpy(np.ascontiguousarray(pixels)), label


def image_folder(folder: str, workers: int = PROCESSES) -> Work:
    """A DataLoader with two workers; one file of tensors, hashed and synced."""
    import torch

    def work(place: Path) -> list[str]:
        # what a user writes
        found: Any = ImageFolder(f"{folder}/photos")
        loader = torch.utils.data.DataLoader(found, AT_ONCE, num_workers=workers)
        images, labels = zip(*loader, strict=True)
        tensors = {"images": torch.cat(images), "target": torch.cat(labels)}
        torch.save(tensors, place / "photos.pt")
        # to here
        for path, _ in found.samples:
            digest(path)
        return [settled(place / "photos.pt"), str(place / "photos.pt")]

    return work


def scikit_learn(folder: str) -> Work:
    """The pipeline of its documentation: imputers, then a scaler and one-hot columns."""
    import pandas as pd
    import torch
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    def work(place: Path) -> list[str]:
        # what a user writes
        table = pd.read_csv(f"{folder}/passengers.csv")
        numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
        names = make_pipeline(
            SimpleImputer(strategy="most_frequent"), OneHotEncoder(sparse_output=False)
        )
        columns = ColumnTransformer(
            [("numbers", numbers, ["age", "fare"]), ("names", names, ["sex", "port"])]
        )
        features = columns.fit_transform(table.drop(columns="survived")).astype("float32")
        target = torch.from_numpy(table["survived"].to_numpy(copy=True))
        tensors = {"features": torch.from_numpy(features), "target": target}
        torch.save(tensors, place / "passengers.pt")
        table.to_parquet(place / "passengers.parquet")
        # to here
        digest(f"{folder}/passengers.csv")
        settled(place / "passengers.parquet")
        return [settled(place / "passengers.pt"), str(place / "passengers.pt")]

    return work


def lines(function: Callable[..., Work], catalog: str = "") -> int:
    """How many lines a user writes for a side: those between the marks, and of the catalog."""
    text = inspect.getsource(function)
    code = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    extra = inspect.getsource(ImageFolder if function is image_folder else _as_arrays)
    more = extra if function in (image_folder, hugging_face) else ""
    written = [*code.splitlines(), *catalog.splitlines(), *more.splitlines()]
    return sum(bool(line.strip()) for line in written)
