"""Loaders: which samples come when, and that a batch is what plain indexing gives."""

from __future__ import annotations

import json
import pickle
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ptm
from ptm.errors import PtmError
from ptm.loading.order import permuted
from ptm.model import Artifact
from tests.support import samples
from tests.support.samples import plant, positions, same, splits, taken, tensors

pytestmark = pytest.mark.usefixtures("unsynced", "apart")
COUNT = 60
CUTS = (1, 7, 30, 31)


@pytest.fixture
def planted(tmp_path: Path) -> Artifact:
    """Samples in five parts, with splits."""
    return plant(tmp_path, tensors(COUNT), CUTS, splits(COUNT))


def where(split: str) -> list[int]:
    return [number for number, one in enumerate(splits(COUNT)) if one == split]


def order_of(loader: Any) -> list[int]:
    return [number for batch in loader for number in positions(batch)]


def words(seed: int, epoch: int, count: int) -> list[int]:
    """Philox4x64-10 as it was published, in numbers of Python."""
    mask, found, counter = (1 << 64) - 1, list[int](), 1
    while len(found) < count:
        state, key = [counter, 0, 0, 0], [seed, epoch]
        for _ in range(10):
            high, low = divmod(0xD2E7470EE14C6C93 * state[0], 1 << 64)
            other_high, other_low = divmod(0xCA5A826395121157 * state[2], 1 << 64)
            state = [other_high ^ state[1] ^ key[0], other_low, high ^ state[3] ^ key[1], low]
            key = [(key[0] + 0x9E3779B97F4A7C15) & mask, (key[1] + 0xBB67AE8584CAA73B) & mask]
        found += state
        counter += 1
    return found[:count]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 100])
def test_the_order_as_it_is_written_down(count: int) -> None:
    """Numbers by the words of Philox, cut off where the largest of them has bits."""
    bits = max(count - 1, 0).bit_length()
    each = [word >> bits for word in words(5, 2, count)]
    expected = sorted(range(count), key=lambda number: (each[number], number))
    assert permuted(count, 5, 2).tolist() == expected
    assert permuted(count, 5, 2).dtype == np.int64


def test_the_order_does_not_change() -> None:
    """What the first order of all is, whatever the versions of NumPy and torch."""
    assert permuted(10, 0, 0).tolist() == ORDER_OF_TEN


ORDER_OF_TEN = [0, 2, 9, 1, 8, 5, 4, 3, 6, 7]


def test_all_orders_come_equally_often() -> None:
    """Of three numbers there are six orders; each comes in a sixth of the epochs."""
    found = Counter(tuple(permuted(3, 0, epoch).tolist()) for epoch in range(6000))
    assert len(found) == 6 and all(abs(times - 1000) < 150 for times in found.values())


@pytest.mark.parametrize("size", [1, 7, 10, 1000])
def test_an_epoch(planted: Artifact, size: int) -> None:
    """Each sample of the split comes once, in batches of that size but for the last."""
    loader = planted.loader("train", batch_size=size, seed=3)
    batches = list(loader)
    sizes = [len(positions(batch)) for batch in batches]
    train = where("train")
    assert len(loader) == len(batches) == -(-len(train) // size)
    assert sizes[:-1] == [size] * (len(sizes) - 1) and sum(sizes) == len(train)
    expected = [train[number] for number in permuted(len(train), 3, 0)]
    assert [number for batch in batches for number in positions(batch)] == expected
    for batch in batches:
        assert same(batch, taken(tensors(COUNT), positions(batch)))


def test_drop_last(planted: Artifact) -> None:
    """A batch that is not full is left out, if that is asked for."""
    loader = planted.loader("train", 4, drop_last=True)
    assert {len(positions(batch)) for batch in loader} == {4}
    assert len(loader) == len(where("train")) // 4 != -(-len(where("train")) // 4)


def test_only_train_is_shuffled(planted: Artifact) -> None:
    """Other splits come in the order of the rows, and train too if that is asked for."""
    assert order_of(planted.loader("val", 4)) == where("val")
    assert order_of(planted.loader("train", 4, shuffle=False)) == where("train")
    assert order_of(planted.loader("train", 4)) != where("train")
    assert order_of(planted.loader("val", 4, shuffle=True)) != where("val")


def test_epochs(planted: Artifact) -> None:
    """Each iteration is the next epoch, in another order, which `epoch` and `seed` give again."""
    loader = planted.loader("train", 7, seed=1)
    found = [order_of(loader) for _ in range(3)]
    assert len(set(map(tuple, found))) == 3 and {tuple(sorted(one)) for one in found} == {
        tuple(where("train"))
    }
    assert [order_of(planted.loader("train", 9, seed=1, epoch=n)) for n in range(3)] == found
    assert order_of(planted.loader("train", 7, seed=2)) != found[0]


def test_an_iteration_that_is_left(planted: Artifact) -> None:
    """After a break the next epoch begins; what was begun before it cannot go on."""
    loader = planted.loader("train", 7)
    before = iter(loader)
    next(before)
    assert order_of(loader) == order_of(planted.loader("train", 7, epoch=1))
    with pytest.raises(PtmError, match="planted: expected one iteration at a time"):
        next(before)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("world", [2, 3, 5])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("split", ["train", "val"])
def test_ranks(planted: Artifact, split: str, size: int, world: int, drop_last: bool) -> None:
    """Ranks share one order: none has a sample of another, and each has as many batches."""
    given = {"seed": 4, "drop_last": drop_last, "world_size": world}
    loaders = [planted.loader(split, size, rank=rank, **given) for rank in range(world)]
    found = [[positions(batch) for batch in loader] for loader in loaders]
    assert [len(one) for one in found] == [len(loader) for loader in loaders]
    if size > 1 or drop_last:
        assert len({len(one) for one in found}) == 1
    whole = order_of(planted.loader(split, 100, seed=4))
    for rank, batches in enumerate(found):
        mine = [number for batch in batches for number in batch]
        assert mine == whole[rank::world][: len(mine)]
        assert all(0 < len(batch) <= size for batch in batches)
        if drop_last:
            assert {len(batch) for batch in batches} <= {size}
        else:
            assert len(mine) == len(whole[rank::world])


def test_more_ranks_than_samples(planted: Artifact) -> None:
    """Some ranks then have nothing."""
    few = len(where("test"))
    given = {"world_size": few + 2}
    found = [order_of(planted.loader("test", 2, rank=rank, **given)) for rank in range(few + 2)]
    assert found == [[number] for number in where("test")] + [[], []]


@pytest.mark.parametrize("epochs", [0, 1])
def test_resuming_at_every_batch(planted: Artifact, epochs: int) -> None:
    """The state after any batch, through JSON, leads to exactly the rest, and to the next epoch."""
    whole = planted.loader("train", 7, seed=9)
    orders = [[positions(batch) for batch in whole] for _ in range(3)]
    for stop in range(len(whole) + 1):
        loader = planted.loader("train", 7, seed=9)
        for _ in range(epochs):
            order_of(loader)
        iterator = iter(loader)
        assert len(list(islice(iterator, stop))) == stop
        state = json.loads(json.dumps(loader.state_dict()))
        again = planted.loader("train", 7, seed=9)
        again.load_state_dict(state)
        assert [positions(batch) for batch in again] == orders[epochs][stop:]
        assert [positions(batch) for batch in again] == orders[epochs + 1]
        assert [positions(batch) for batch in iterator] == orders[epochs][stop:]


def test_the_state_of_other_samples(tmp_path: Path) -> None:
    """As many of another artifact, or of another split, are others, which is told."""
    halves = [("train", "val")[n % 2] for n in range(COUNT)]
    first = plant(tmp_path, tensors(COUNT), CUTS, halves)
    state = json.loads(json.dumps(first.loader("train", 7).state_dict()))
    other = plant(tmp_path, tensors(COUNT), CUTS, halves, number=1)
    for artifact, split in ((other, "train"), (first, "val")):
        loader = artifact.loader(split, 7, shuffle=True)
        key, old = artifact.manifest["key"], first.manifest["key"]
        expected = f"planted: expected the state of a loader with key {key}, split {split}, seed 0"
        with pytest.raises(PtmError, match=rf"^{expected}, .*, got key {old}, split train, seed 0"):
            loader.load_state_dict(state)
    ptm.load("planted", tmp_path).loader("train", 9).load_state_dict(
        {**state, "key": other.manifest["key"], "batch_size": 9}
    )


def test_the_state_of_another_loader(planted: Artifact) -> None:
    """It is refused, and says what differs."""
    state = planted.loader("train", 7).state_dict()
    for other in (planted.loader("train", 8), planted.loader("val", 7)):
        with pytest.raises(PtmError, match=r"^planted: expected the state of a loader with key"):
            other.load_state_dict(state)
    with pytest.raises(PtmError, match="got nothing"):
        planted.loader("train", 7).load_state_dict({})
    again = planted.loader("train", 7)
    for wrong in ({"batch": len(again) + 1}, {"batch": True}, {"epoch": -1}, {"batch": 1.0}):
        with pytest.raises(PtmError, match=rf"epoch from 0, batch from 0 to {len(again)}, got key"):
            again.load_state_dict({**state, **wrong})
    assert order_of(again) == order_of(planted.loader("train", 7))


@pytest.mark.parametrize("seed", range(5))
def test_balanced(planted: Artifact, seed: int) -> None:
    """All classes come equally often, rare ones again and again, but for one; so do the members."""
    loader = planted.loader("train", 7, seed=seed, balanced=True)
    found = order_of(loader)
    train, classes = where("train"), tensors(COUNT)["target"]
    counts = Counter(int(classes[number]) for number in found)
    known = Counter(int(classes[number]) for number in train)
    assert len(known) > 1 and len(set(known.values())) > 1
    assert len(found) == len(train) and set(found) <= set(train)
    each, more = divmod(len(train), len(known))
    assert sorted(counts.values()) == [each] * (len(known) - more) + [each + 1] * more
    for one in known:
        members = [n for n in train if classes[n] == one]
        times = [found.count(number) for number in members]
        assert max(times) - min(times) <= 1
    assert order_of(loader) != found
    assert order_of(planted.loader("train", 5, seed=seed, balanced=True)) == found


def test_what_cannot_be_balanced(tmp_path: Path) -> None:
    """Without classes, or with two tensors that might be them, it is refused before anything."""
    one = {"x": tensors(COUNT)["x"]}
    for more, got in ({}, "none"), ({"a": torch.arange(COUNT), "b": torch.arange(COUNT)}, "a, b"):
        artifact = plant(tmp_path / got, {**one, **more})
        with pytest.raises(PtmError, match=rf"^planted: expected 'target', .* got {got}$"):
            artifact.loader("train", 4, balanced=True)
    only = plant(tmp_path / "only", {**one, "a": torch.arange(COUNT) % 2})
    assert len(order_of(only.loader("train", 4, balanced=True))) == COUNT
    with pytest.raises(PtmError, match="expected shuffle to be left out, or True"):
        only.loader("train", 4, balanced=True, shuffle=False)


@pytest.mark.parametrize(
    "wrong", [{"seed": -1}, {"epoch": -1}, {"workers": -1}, {"rank": 1}, {"world_size": 0}]
)
def test_numbers_out_of_range(planted: Artifact, wrong: dict[str, int]) -> None:
    """They are refused when the loader is made."""
    with pytest.raises(PtmError, match=rf"^planted: expected .*{next(iter(wrong))}"):
        planted.loader("train", 4, **wrong)  # type: ignore[arg-type]
    with pytest.raises(PtmError, match="expected batch_size to be a whole number from 1, got 0"):
        planted.loader("train", 0)


@pytest.mark.parametrize("name", ["shuffle", "drop_last", "balanced", "pin_memory"])
def test_flags(planted: Artifact, name: str) -> None:
    """What is neither true nor false is refused when the loader is made."""
    with pytest.raises(PtmError, match=rf"^planted: expected {name} to be True or False, got 'no'"):
        planted.loader("train", 4, **{name: "no"})  # type: ignore[arg-type]


def test_another_default_device(tmp_path: Path) -> None:
    """Batches are on the CPU whatever the default is, what has no numbers too."""
    planted = plant(tmp_path, {**tensors(COUNT), "none": torch.zeros(COUNT, 0)}, CUTS)
    with torch.device("meta"):
        batches = list(planted.loader("train", 7))
    assert {value.device.type for batch in batches for value in batch.values()} == {"cpu"}


def test_random_numbers_of_a_transform(planted: Artifact) -> None:
    """They are those of seed, epoch and batch, however often others are drawn in between."""
    given = {"seed": 5, "transform_samples": samples.noisy}
    loader = planted.loader("train", 7, **given)
    first = [[batch["noise"] for batch in loader] for _ in range(2)]
    torch.rand(3)
    np.random.random()
    random.random()
    again = [
        [batch["noise"] for batch in planted.loader("train", 7, epoch=n, **given)] for n in range(2)
    ]
    assert all(
        torch.equal(a, b)
        for x, y in zip(first, again, strict=True)
        for a, b in zip(x, y, strict=True)
    )
    flat = [tuple(noise.tolist()) for epoch in first for noise in epoch]
    assert len(set(flat)) == len(flat)
    ranks = [
        next(iter(planted.loader("train", 7, rank=rank, world_size=2, **given)))["noise"]
        for rank in range(2)
    ]
    assert not torch.equal(*ranks)


def test_a_transform_leaves_the_generators_alone(planted: Artifact) -> None:
    """Whoever draws random numbers between batches gets what comes without a loader."""

    def drawn(loader: Any) -> list[float]:
        torch.manual_seed(0)
        np.random.seed(0)
        random.seed(0)
        return [
            value
            for _ in islice(loader, 3)
            for value in (float(torch.rand(1)), float(np.random.random()), random.random())
        ]

    changed = planted.loader("train", 7, transform_samples=samples.noisy)
    assert drawn(changed) == drawn(range(5))


def in_threads(do: Callable[[], Any], count: int = 3) -> list[Any]:
    """What several threads get that do the same at once, from first to last."""
    barrier = threading.Barrier(count)

    def one(_: int) -> Any:
        barrier.wait()
        return do()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_transforms_in_threads(planted: Artifact) -> None:
    """Loaders of several threads draw what one alone draws, and leave the generators alone."""

    def slow(batch: dict[str, Any]) -> dict[str, Any]:
        time.sleep(1e-3)
        return samples.noisy(batch)

    def noise() -> list[list[float]]:
        loader = planted.loader("train", 7, seed=5, transform_samples=slow)
        return [batch["noise"].tolist() for batch in loader]

    def drawn() -> list[float]:
        return [float(torch.rand(1)), float(np.random.random()), random.random()]

    expected, before = noise(), (torch.get_rng_state(), np.random.get_state(), random.getstate())
    following = drawn()
    torch.set_rng_state(before[0])
    np.random.set_state(before[1])
    random.setstate(before[2])
    assert in_threads(noise) == [expected] * 3
    assert drawn() == following


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_an_iterator_of_several_threads(planted: Artifact, workers: int) -> None:
    """Each batch goes to one of them."""
    loader = planted.loader("train", 1, workers=workers, transform_samples=samples.slow)
    iterator = iter(loader)
    found = in_threads(lambda: order_of(iterator))
    assert sorted(number for one in found for number in one) == where("train")
    assert loader.state_dict()["epoch"] == 1


def test_a_loader_of_several_threads(planted: Artifact) -> None:
    """One that begins ends the iteration of another, whose batches do not count any more."""
    under_way = threading.Event()

    def slow(batch: dict[str, Any]) -> dict[str, Any]:
        under_way.set()
        time.sleep(0.1)
        return batch

    loader = planted.loader("train", 4, transform_samples=slow)
    before = iter(loader)
    with ThreadPoolExecutor(1) as pool:
        batch = pool.submit(next, before)
        under_way.wait()
        after = iter(loader)
        assert same(batch.result(), next(iter(planted.loader("train", 4))))
    assert (loader.state_dict()["epoch"], loader.state_dict()["batch"]) == (1, 0)
    with pytest.raises(PtmError, match="expected one iteration at a time"):
        next(before)
    assert same(next(after), next(iter(planted.loader("train", 4, epoch=1))))


def test_a_state_ends_an_iteration(planted: Artifact) -> None:
    """What was begun before `load_state_dict` cannot go on, and does not count."""
    loader = planted.loader("train", 7)
    before = iter(loader)
    next(before)
    state = loader.state_dict()
    next(before)
    loader.load_state_dict(state)
    with pytest.raises(PtmError, match="expected one iteration at a time"):
        next(before)
    assert loader.state_dict() == state
    assert order_of(loader) == order_of(planted.loader("train", 7))[7:]


@pytest.mark.parametrize("begun", [False, True])
def test_a_copy(planted: Artifact, begun: bool) -> None:
    """A pickled loader stands where it stood, with memory, files and processes of its own."""
    loader = planted.loader("train", 7, seed=2)
    if begun:
        next(iter(loader))
    copy = pickle.loads(pickle.dumps(loader))
    assert copy.state_dict() == loader.state_dict()
    assert order_of(copy) == order_of(loader)


def test_what_a_transform_raises(planted: Artifact) -> None:
    """It comes through; the batches before it went out."""
    loader = planted.loader("train", 4, shuffle=False, transform_samples=samples.wrong)
    got = []
    with pytest.raises(ValueError, match="no such sample: 17"):
        for batch in loader:
            got += positions(batch)
    assert got == [n for n in where("train") if n < 17][: len(got)] and got
    with pytest.raises(PtmError, match="transform_samples to return a dict of tensors, got Tensor"):
        next(iter(planted.loader("train", 4, transform_samples=samples.no_dict)))


def test_pinned_memory_without_cuda(planted: Artifact) -> None:
    """It is asked for in vain, and does no harm."""
    found, plain = planted.loader("val", 4, pin_memory=True), planted.loader("val", 4)
    assert all(same(one, other) for one, other in zip(found, plain, strict=True))
