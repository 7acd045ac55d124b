"""Of what takes long, a sample is quick: `make test` runs that, `make test-all` all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def sampled(values: Iterable[Any], each: int = 2) -> list[Any]:
    """The parameters of a test: each so many-th is quick, from the first."""
    slow = pytest.mark.slow
    return [
        value if number % each == 0 else pytest.param(value, marks=slow)
        for number, value in enumerate(values)
    ]
