"""What is done with the parts of an entry where its kind says nothing else.

The code is in the key of every entry whose kind imports what scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ptm.errors import PtmError
from ptm.learned import Learned
from ptm.model import Block
from ptm.scaling import Scaling, fitted, measured
from ptm.stats import Stats

if TYPE_CHECKING:
    import torch

TRAIN = "train"


def measure(block: Block) -> Stats:
    """How many samples a part has, and the moments of the tensors that are to be scaled."""
    return Stats({TRAIN: samples_of(block)}, measured(block.tensors, block.scaling))


def learn(scaling: Mapping[str, Scaling], stats: Stats) -> Learned:
    """The scaler of each tensor that is to be scaled.

    Raises:
        PtmError: there are numbers that no scaler can be made of.
    """
    for name, how in scaling.items():
        known = len(stats.moments[name].count) if name in stats.moments else 0
        if known != len(how.channels):
            expected = f"moments of {len(how.channels)} channels of '{name}', which is to be scaled"
            raise PtmError(f"expected {expected}, from `measure`, got {known}")
    return Learned(fitted(scaling, stats.moments))


def encode(block: Block, learned: Learned) -> Block:
    """A part with its tensors scaled, float32."""
    import torch

    tensors: dict[str, torch.Tensor] = dict(block.tensors)
    for name in block.scaling:
        tensors[name] = torch.from_numpy(learned.scalers[name].scaled(tensors[name].numpy()))
    return replace(block, tensors=tensors)


def samples_of(block: Block) -> int:
    """How many samples a block has: rows, or else entries of its first tensor."""
    if block.rows is not None:
        return int(block.rows.num_rows)
    return next((len(tensor) for tensor in block.tensors.values() if tensor.dim()), 0)
