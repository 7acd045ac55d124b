"""What `Learned.transform` and `Learned.invert` refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import ptm
from ptm.errors import PtmError
from ptm.scaling import Scaler

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "none": ({"images": None}, "'images': expected numbers"),
    "texts": ({"images": [["a"]]}, "'images': expected numbers"),
    "one axis": ({"images": np.zeros(3)}, "got shape [3]"),
    "one channel": ({"images": np.zeros((2, 1, 4, 4))}, "got shape [2, 1, 4, 4]"),
    "ragged": ({"images": [[1], [2, 3]]}, "'images': expected numbers"),
    "no finite number": ({"id": [1, np.inf], "size": [1, 1]}, "expected finite numbers, got inf"),
    "a number missing": ({"id": [1, None], "size": [1, 1]}, "column 'id': expected numbers"),
    "one number": ({"id": 1, "size": [1]}, "column 'id': expected a sequence"),
    "a text": ({"id": "12", "size": [1, 2]}, "column 'id': expected a sequence"),
    "a matrix": ({"id": [[1]], "size": [1]}, "column 'id': expected one axis"),
    "fewer": ({"id": [1, 2], "size": [1]}, "expected 2 values for each column"),
    "a list as category": ({"id": [1], "size": [1], "city": [["Rome"]]}, "column 'city': expected"),
    "no category": (
        {"id": [1], "size": [1], "city": [None]},
        "column 'city': expected values, got",
    ),
}


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("image", torch.zeros(1, 3, 2, 2), "expected one of images, got 'image'"),
        ("images", torch.zeros(3), r"'images': expected 3 channels along axis 1 \(r, g, b\)"),
        ("images", torch.zeros(3, 2, 2), r"'images': expected 3 .* got shape \[3, 2, 2\]"),
        ("images", np.zeros((1, 3, 2, 2)), "'images': expected a tensor, got ndarray"),
    ],
)
def test_what_cannot_be_inverted(name: str, values: Any, expected: str) -> None:
    """It is told, a sample without its axis too."""
    learned = ptm.Learned({"images": Scaler.identity(("r", "g", "b"))})
    with pytest.raises(PtmError, match=f"^{expected}"):
        learned.invert(name, values)


def test_values_on_another_device() -> None:
    """Raw values are where the scaled ones are, as the outputs of a model on a GPU."""
    learned = ptm.Learned({"x": Scaler("standard", ("a", "b"), (0.3, -2.0), (3.0, 0.7))})
    found = learned.invert("x", torch.zeros(4, 2, device="meta"))
    assert (found.device.type, found.dtype, found.shape) == ("meta", torch.float64, (4, 2))
    assert learned.invert("x", torch.tensor([[1.0, 2.0]])).tolist() == [[3.3, -0.6000000000000001]]


@pytest.mark.parametrize("sort", WRONG)
def test_what_cannot_be_transformed(sort: str) -> None:
    """It is told of which tensor, or column, and what is wrong with it."""
    given, expected = WRONG[sort]
    images = {"images": Scaler.identity(("r", "g", "b"))}
    features = {"features": Scaler.identity(("id", "size"))}
    cities = {"features": Scaler.identity(("id", "size", "city=Bonn", "city=Rome"))}
    learned = ptm.Learned(
        images if "images" in given else cities if "city" in given else features,
        {"city": ("Bonn", "Rome")} if "city" in given else {},
    )
    with pytest.raises(PtmError) as raised:
        learned.transform(given)
    assert expected in str(raised.value)
