"""Artifacts whose samples are known, planted in parts; and what is done to batches of them."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

import ptm
from ptm import store
from ptm.learned import Learned
from ptm.model import Artifact, Whole
from ptm.scaling import Scaler
from tests.support.parts import about

Batch = dict[str, Any]
CLASSES = 3
SCALED = Scaler("standard", ("a", "b"), (0.3, -2.0), (3.0, 0.7))
PIXELS = Scaler("standard", ("red", "green"), (0.48, 0.4), (0.27, 0.31), divisor=255.0)


def tensors(count: int, large: int = 0) -> dict[str, torch.Tensor]:
    """So many samples: numbers, pixels of so many bytes, classes, flags, and halves.

    The first of "x" is the position of the sample.
    """
    numbers = torch.arange(count, dtype=torch.float32)
    shape = (count, 2, 16 + large)
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    return {
        "x": torch.stack([numbers, torch.sin(numbers)], 1),
        "images": pixels,
        "target": torch.arange(count) ** 2 % CLASSES,
        "flags": torch.arange(count) % 5 == 0,
        "halves": (numbers / 7).to(torch.bfloat16),
    }  # fmt: skip


def splits(count: int) -> list[str]:
    """Every fourth row is "val", every tenth "test"; else "train"."""
    return ["test" if n % 10 == 3 else "val" if n % 4 == 0 else "train" for n in range(count)]


def plant(
    root: Path,
    found: Mapping[str, torch.Tensor],
    cuts: Sequence[int] = (),
    split: Sequence[str | None] | None = None,
    learned: Learned | None = None,
    name: str = "planted",
    beside: Mapping[str, torch.Tensor] | None = None,
    number: int = 0,
) -> Artifact:
    """An artifact of these tensors and a row for each sample, in parts that are cut there.

    What is planted under another number is another publication.
    """
    count = len(next(iter(found.values())))
    columns: dict[str, Any] = {"file": [f"{number:05}.png" for number in range(count)]}
    if split is not None:
        columns["split"] = list(split)
    rows = pa.table(columns)
    bounds = [0, *cuts, count]
    parts = []
    for start, end in pairwise(bounds):
        some = {tensor: values[start:end].clone() for tensor, values in found.items()}
        parts.append(store.write_part(root, name, "", some, rows.slice(start, end - start)))
    named = {**found, **(beside or {})}
    axes = {
        one: ("sample", *(f"axis_{axis}" for axis in range(1, values.dim())))
        for one, values in named.items()
    }
    names = [one for one in dict.fromkeys(split or ()) if one is not None]
    said = {"names": names or ["train"]} if split is not None else {}
    whole = Whole(axes, beside or {}, learned=learned.to_json() if learned else {}, split=said)
    store.publish(root, about(number, name), parts, whole, 0.1)
    return ptm.load(name, root)


def positions(batch: Batch) -> list[int]:
    """Which samples a batch has."""
    found: list[int] = batch["x"][:, 0].long().tolist()
    return found


def same(one: Batch, other: Batch) -> bool:
    """Whether two batches have equal tensors under the same names, in the same order."""
    return list(one) == list(other) and all(
        one[n].dtype == other[n].dtype and torch.equal(one[n], other[n]) for n in one
    )


def taken(found: Mapping[str, torch.Tensor], where: Sequence[int]) -> Batch:
    """What a batch of these samples has to be: plain indexing."""
    return {name: values[list(where)] for name, values in found.items()}


def noisy(batch: Batch) -> Batch:
    """Adds random numbers of all three generators; other dtypes, shapes and names come out."""
    noise = torch.rand(len(batch["x"])) + float(np.random.random()) + random.random()
    wide = batch["images"].float().repeat(1, 1, 3)
    return {"noise": noise, "wide": wide, "x": batch["x"].add_(0), "scalar": torch.tensor(1.5)}


def with_texts(batch: Batch) -> Batch:
    """Something that is no tensor comes along."""
    return {**batch, "where": [f"at {number}" for number in positions(batch)]}


def transposed(batch: Batch) -> Batch:
    """Views: of other strides, a part, one that is not there twice."""
    return {"t": batch["images"].transpose(1, 2), "part": batch["x"][:, 1], "x": batch["x"]}


def conjugated(batch: Batch) -> Batch:
    """Views that say of their bytes that they are to be read otherwise, and a subclass."""
    found = torch.view_as_complex(batch["x"]).conj()
    parameter = torch.nn.Parameter(batch["x"].clone())
    return {"x": batch["x"], "conj": found, "neg": found.imag, "parameter": parameter}


def unsendable(batch: Batch) -> Batch:
    """Something that no other process can have."""
    return {**batch, "lock": threading.Lock()}


_kept: list[torch.Tensor] = []


def keeping(batch: Batch) -> Batch:
    """Keeps the first batch that it gets, and gives it with each."""
    _kept.append(batch["images"])
    return {**batch, "first": _kept[0]}


def wrong(batch: Batch) -> Batch:
    """Fails at the sample 17."""
    if 17 in positions(batch):
        raise ValueError("no such sample: 17")
    return batch


def no_dict(batch: Batch) -> Any:
    """Gives something else."""
    return batch["x"]


def ends(batch: Batch) -> Batch:
    """Ends the process at the sample 17, as the system does when memory runs out."""
    if 17 in positions(batch):
        os.kill(os.getpid(), 9)
    return batch


def slow(batch: Batch) -> Batch:
    """Takes its time."""
    time.sleep(0.05)
    return batch


def where_it_is_called(batch: Batch) -> Batch:
    """Says in which process it was."""
    return {**batch, "process": os.getpid()}
