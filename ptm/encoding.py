"""Encodings that several kinds share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def one_hot(ids: torch.Tensor, size: int) -> torch.Tensor:
    """One-hot encoding along a new last axis: integers [...] become float32 [..., size].

    Raises:
        RuntimeError: an id is negative, or not below `size`.
    """
    import torch

    return torch.zeros(*ids.shape, size).scatter_(-1, ids.long().unsqueeze(-1), 1.0)
