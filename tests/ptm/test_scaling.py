"""A scaler can be undone and written down, and does to whole tensors what it does to any."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ptm.scaling import Scaler
from ptm.stats import Moments


def column(values: list[float]) -> np.ndarray:
    return np.array(values)[:, None]


@pytest.mark.parametrize("method", ["standard", "minmax"])
@given(values=st.lists(st.floats(-1e6, 1e6, width=32, allow_subnormal=False), min_size=1))
def test_invert_undoes_apply(method: str, values: list[float]) -> None:
    """invert(apply(x)) = x, also where all values are equal; scale is never 0."""
    scaler = Scaler.fit(Moments.of(column(values)), ("a",), method)
    assert all(scale != 0 for scale in scaler.scale)
    x = torch.tensor(values, dtype=torch.float64)[:, None]
    back = scaler.invert(scaler.apply(x))
    assert torch.allclose(back, x, rtol=1e-9, atol=1e-9 * max(map(abs, values)))


@given(st.lists(st.floats(-1e6, 1e6, width=32, allow_subnormal=False), min_size=2))
def test_range_becomes_0_to_1(values: list[float]) -> None:
    """ "minmax" takes the smallest value to 0 and the largest to 1."""
    scaler = Scaler.fit(Moments.of(column(values)), ("a",), "minmax")
    scaled = scaler.apply(torch.tensor(values, dtype=torch.float64)[:, None])
    assert scaled.min() == 0 and scaled.max() == (1 if len(set(values)) > 1 else 0)


def test_constant_channel() -> None:
    """A channel that never varies becomes 0, not NaN, even where its mean is not exact."""
    values = np.full((7, 1), 0.1)
    scaler = Scaler.fit(Moments.of(values), ("a",))
    assert scaler.scale == (1,)
    assert torch.allclose(scaler.apply(torch.from_numpy(values)), torch.zeros(7, 1).double())


def test_mean_and_deviation_after() -> None:
    """Applied, each channel has mean 0 and standard deviation 1."""
    x = torch.from_numpy(np.random.default_rng(0).normal(40, [3, 0.1], (500, 2)))
    scaled = Scaler.fit(Moments.of(x.numpy()), ("a", "b")).apply(x)
    assert torch.allclose(scaled.mean(0), torch.zeros(2).double(), atol=1e-12)
    assert torch.allclose(scaled.std(0), torch.ones(2).double())


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_along_any_axis(dim: int) -> None:
    """`dim` says where the channels are; the other axes are samples."""
    scaler = Scaler("standard", ("a", "b"), (1.0, 2.0), (10.0, 100.0))
    x = torch.ones(2, 2, 2, dtype=torch.float64)
    channels = scaler.apply(x, dim=dim).unbind(dim)
    assert channels[0].eq(0).all() and channels[1].eq(-0.01).all()


def test_dtypes() -> None:
    """Floating tensors keep their dtype, integers become float32."""
    scaler = Scaler("standard", ("a",), (1.0,), (2.0,))
    for given_dtype, expected in (
        (torch.uint8, torch.float32),
        (torch.int64, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
        (torch.float16, torch.float16),
    ):
        scaled = scaler.apply(torch.tensor([[3]], dtype=given_dtype))
        assert scaled.dtype == expected and scaled.item() == 1


def test_wrong_number_of_channels() -> None:
    """A tensor with another number of channels is refused, and the channels are named."""
    scaler = Scaler("standard", ("red", "green"), (0.0, 0.0), (1.0, 1.0))
    with pytest.raises(ValueError, match=r"2 channels \(red, green\) along axis 1.*\(4, 3\)"):
        scaler.apply(torch.zeros(4, 3))


@given(
    st.lists(st.tuples(st.text(), st.floats(-1e300, 1e300), st.floats(1e-300, 1e300)), min_size=1)
)
def test_json_round_trip(channels: list[tuple[str, float, float]]) -> None:
    """Through JSON text and back a scaler is the same, to the last bit."""
    names, shift, scale = zip(*channels, strict=True)
    scaler = Scaler("standard", names, shift, scale)
    assert Scaler.from_json(json.loads(json.dumps(scaler.to_json()))) == scaler


SHAPES = [((40, 3), 1), ((3, 40), 0), ((2, 3, 20, 30), 1), ((5, 3, 24), 1), ((0, 3, 20, 20), 1)]


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.int64])
def test_whole_tensors(shape: tuple[int, ...], axis: int, dtype: type) -> None:
    """`scaled` gives what `apply` gives, rounded once, for bytes and for all else."""
    values = np.random.default_rng(0).integers(0, 256, shape).astype(dtype)
    scaler = Scaler(
        "standard", ("a", "b", "c"), (0.1, 0.2, 0.3), (0.5, 3.0, 1e-3), 255.0, axis=axis
    )
    raw = torch.from_numpy(values).double()
    expected = scaler.apply(raw).float().numpy()
    assert np.array_equal(scaler.scaled(values), expected)
    assert scaler.scaled(values).dtype == np.float32


def test_rounded_first() -> None:
    """With precision "float32" raw values are rounded to it before they are scaled."""
    scaler = Scaler("standard", ("a",), (1e8,), (1.0,), precision="float32")
    assert scaler.scaled(np.array([[1e8 + 3]])).tolist() == [[0.0]]
    assert scaler.scaled(np.array([[1e8 + 3]])) == scaler.apply(torch.tensor([[1e8 + 3]]).double())


def test_nothing_to_fit() -> None:
    """A channel without any value is left as it is."""
    scaler = Scaler.fit(Moments.none(1), ("a",))
    assert (scaler.shift, scaler.scale) == ((0.0,), (1.0,))
