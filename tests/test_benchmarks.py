"""`make bench` measures what is there: its pairs run, with what the notebook's functions take."""

from __future__ import annotations

from typing import Any

import torch

from tests.benchmarks.fits import NAMES, pairs

READINGS = 11


def test_fits() -> None:
    """Each fit that the notebook times runs on both sides, on the eleven readings of the book."""
    given: list[tuple[int, torch.Size]] = []

    def fit(epochs: int, rate: float, readings: torch.Tensor, *_: Any) -> None:
        assert rate > 0
        given.append((epochs, readings.shape))

    rows = pairs({"fit": fit, "fit_by_hand": fit})
    assert [name.split(",")[0] for name, _, _ in rows] == list(NAMES)
    for _, ours, theirs in rows:
        assert theirs is not None
        ours()
        theirs()
    assert given == [(epochs, torch.Size([READINGS])) for epochs in (5000, 5000, 2000)]
