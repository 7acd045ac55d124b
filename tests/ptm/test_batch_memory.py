"""Memory of batches: used again when nobody holds it, and never before."""

from __future__ import annotations

import gc
import pickle
import random
import re
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from ptm.loading import here
from ptm.loading.slots import Place, Ring, Slot
from ptm.model import Artifact
from tests.support.samples import plant, positions, same, taken, tensors, where_it_is_called
from tests.support.sampling import sampled

pytestmark = pytest.mark.usefixtures("unsynced", "apart")
COUNT, LARGE = 40, 200_000  # a batch of three has more than a megabyte
SIZE = 3


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """Samples so large that their batches lie in memory that is used again."""
    return plant(tmp_path_factory.mktemp("large"), tensors(COUNT, LARGE), (5, 21))


HOLDERS: dict[str, Callable[[torch.Tensor], Any]] = {
    "tensor": lambda tensor: tensor,
    "view": lambda tensor: tensor[1:, 0],
    "transposed": lambda tensor: tensor.transpose(0, 1),
    "storage": lambda tensor: tensor.untyped_storage(),
    "array": lambda tensor: tensor.numpy(),
    "view of an array": lambda tensor: tensor.numpy()[1:][:, :1].T,
    "array of a view": lambda tensor: np.asarray(tensor[2]),
    "buffer": lambda tensor: memoryview(tensor.numpy()),
    "another dtype": lambda tensor: tensor.view(torch.int8)[0],
    "dlpack": lambda tensor: np.from_dlpack(tensor),
    "detached": lambda tensor: tensor.detach(),
    "parameter": lambda tensor: torch.nn.Parameter(tensor, requires_grad=False),
}


@pytest.mark.parametrize("holder", sampled(HOLDERS))
def test_what_holds_memory(holder: str) -> None:
    """A slot is free exactly as long as nothing refers to what lies in it, however that came."""
    slot = Slot(100)
    lent = slot.take()
    place = Place("t", torch.uint8, (4, 5), 64)
    [tensor] = lent.tensors([place]).values()
    assert not slot.is_free
    del lent
    held = HOLDERS[holder](tensor)
    del tensor
    gc.collect()
    assert not slot.is_free
    del held
    assert slot.is_free


def test_a_gradient_holds_memory() -> None:
    """What autograd keeps for the way back is not used again before it."""
    slot = Slot(64)
    place = Place("t", torch.float32, (4,), 0)
    [tensor] = slot.take().tensors([place]).values()
    tensor.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    weight = torch.ones(4, requires_grad=True)
    loss = (weight * tensor).sum()
    del tensor
    gc.collect()
    assert not slot.is_free
    loss.backward()
    del loss
    assert slot.is_free and weight.grad is not None and weight.grad.tolist() == [1, 2, 3, 4]


def test_pickling_lets_go() -> None:
    """A copy has memory of its own."""
    slot = Slot(64)
    [tensor] = slot.take().tensors([Place("t", torch.int64, (3,), 0)]).values()
    tensor.fill_(7)
    copy = pickle.loads(pickle.dumps(tensor))
    del tensor
    assert slot.is_free and copy.tolist() == [7, 7, 7]


def test_a_ring_does_not_grow() -> None:
    """Of slots so many are kept; those that are needed beyond are let go of with their tensors."""
    ring = Ring(2)
    taken_ = [ring.take(10) for _ in range(5)]
    ends = [weakref.ref(lent.slot) for lent in taken_]
    del taken_
    gc.collect()
    assert [end() is not None for end in ends] == [True, True, False, False, False]
    assert {ring.take(10).slot for _ in range(4)} <= {end() for end in ends[:2]}


def test_a_ring_of_several_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """No slot is lent to two that ask for one at once."""
    ring = Ring(1)
    ring.take(10)
    is_free = Slot.is_free.fget  # type: ignore[attr-defined]

    def slowly(slot: Slot) -> bool:
        found = is_free(slot)
        time.sleep(0.01)
        return bool(found)

    monkeypatch.setattr(Slot, "is_free", property(slowly))
    with ThreadPoolExecutor(3) as pool:
        lent = list(pool.map(ring.take, [10] * 3))
    assert len({one.slot for one in lent}) == 3


def test_memory_is_used_again(large: Artifact) -> None:
    """Batches that are dropped lie in a few places, epoch after epoch."""
    loader = large.loader("train", SIZE)
    places = set()
    for _ in range(3):
        for batch in loader:
            places.add(batch["images"].data_ptr())
    assert len(places) <= here.KEPT


@pytest.mark.parametrize(
    "workers", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("seed", range(3))
def test_no_batch_shares_memory_with_one_that_is_held(
    large: Artifact, seed: int, workers: int
) -> None:
    """Whatever is held and dropped, what is held stays what it was."""
    chance, all_of = random.Random(seed), tensors(COUNT, LARGE)
    loader = large.loader("train", SIZE, seed=seed, workers=workers)
    held: list[tuple[list[int], Any]] = []

    def is_whole(where: list[int], kept: Any) -> bool:
        if isinstance(kept, dict):
            return same(kept, taken(all_of, where))
        return bool((np.asarray(kept) == all_of["images"][where].numpy()).all())

    for _ in range(4):
        for batch in loader:
            where = positions(batch)
            how = chance.choice(["batch", "array", "nothing"])
            if how != "nothing":
                held.append((where, batch if how == "batch" else batch["images"].numpy()))
            del batch
            while held and chance.random() < 0.4:
                where, kept = held.pop(chance.randrange(len(held)))
                assert is_whole(where, kept)
                del kept
        assert all(is_whole(*one) for one in held)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_memory_over_epochs(tmp_path: Path, workers: int) -> None:
    """After thirty more epochs all processes together hold no batch more.

    Each process counts its share of what it shares. Pages of files are not counted: that share
    grows when a process of somebody else ends, which has the same libraries.
    """
    # of one part, which is mapped: small ones of several parts are joined in memory, once
    artifact = plant(tmp_path, tensors(COUNT, LARGE))
    loader = artifact.loader("train", SIZE, workers=workers, transform_samples=where_it_is_called)
    made_in = set[int]()

    def held_after(epochs: int) -> int:
        for batch in (batch for _ in range(epochs) for batch in loader):
            made_in.add(batch["process"])
        this, held = psutil.Process(), 0
        for one in (this, *this.children(recursive=True)):
            text = Path(f"/proc/{one.pid}/smaps_rollup").read_text()
            held += sum(map(int, re.findall(r"^Pss_(?:Anon|Shmem): +(\d+) kB", text, re.M)))
        return held * 1024

    while len(made_in) < max(workers, 1):  # workers take seconds to start
        held_after(1)
    batch = SIZE * artifact.tensors["images"][0].nbytes
    before = held_after(5)
    assert held_after(30) - before < batch


def test_a_batch_can_be_written_to(large: Artifact) -> None:
    """What is done to a batch in place is gone with it, and the artifact stays as it is."""
    loader = large.loader("train", SIZE, shuffle=False)
    for batch in loader:
        batch["images"].zero_()
        batch["x"].fill_(-1)
    for number, batch in enumerate(loader):
        where = range(number * SIZE, min((number + 1) * SIZE, COUNT))
        assert same(batch, taken(tensors(COUNT, LARGE), list(where)))


def test_memory_is_free_once_a_batch_is_dropped(large: Artifact) -> None:
    """The loader itself holds nothing that it gave out."""
    loader = large.loader("train", SIZE)
    iterator = iter(loader)
    for _ in range(3):
        [batch] = islice(iterator, 1)
        ends = [weakref.ref(one) for one in batch.values()]
        del batch
        assert [end() for end in ends] == [None] * len(ends)
