"""What goes to the calls of an entry and comes back is small, however much it says."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import torch

from ptm import store
from ptm.model import Block
from ptm.stats import Stats
from ptm.work import Measured

WORDS = 20_000


def test_counts_that_wait(tmp_path: Path) -> None:
    """The counts of all words of a part wait as fewer bytes than the words, and are equal."""
    words = [f"{number * 7919 % 1_000_003:06}-and-so-on" for number in range(WORDS)]
    stats = Stats({"train": 7}, {}, {"words": Counter(dict(zip(words, range(WORDS), strict=True)))})
    block = Block({"ids": torch.arange(7)}, {"ids": ("word",)})
    ref = store.write_part(tmp_path, "text", "", block.tensors, None)
    one = Measured.of(ref, stats, block, {})
    held = sum(len(pickle.dumps(value)) for value in vars(one).values())
    assert held < sum(map(len, words))
    assert one.stats == stats
    assert pickle.loads(pickle.dumps(one)).stats == stats
