"""The descent: planted lines, the same steps whoever takes them, sums in one order."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ptm.kinds.fits import descent
from ptm.kinds.fits.descent import Data, Fit, run
from tests.support.fits import T_C, T_U

START = (1.0, 0.0)


@pytest.mark.parametrize("gradient", ["hand-written", "autograd"])
@settings(deadline=None, max_examples=15)
@given(slope=st.floats(-3, 3), intercept=st.floats(-3, 3))
def test_planted_line_is_recovered(gradient: Any, slope: float, intercept: float) -> None:
    """Readings on a line give back its slope and intercept, whoever makes the gradient."""
    t_u = torch.linspace(-1, 1, 9)
    fit = Fit(name="planted", gradient=gradient, learning_rate=0.2, epochs=200)
    steps = run(fit, Data(t_u, slope * t_u + intercept), (1.0, 0.0), 0.1)
    assert steps[-1][2:] == (pytest.approx(slope, abs=1e-3), pytest.approx(intercept, abs=1e-3))
    assert steps[-1][0] < 1e-6


def test_optimizer_of_torch_takes_the_same_steps() -> None:
    """SGD of torch and the loop's own step give bit for bit the same history."""
    data = Data(0.1 * torch.tensor(T_U), torch.tensor(T_C))
    own, sgd = (
        run(Fit(name="x", optimizer=o, learning_rate=0.01, epochs=300), data, (1.0, 0.0), 0.1)
        for o in (None, cast(Any, "SGD"))
    )
    assert own == sgd


@pytest.mark.parametrize("rate", [1e-3, 1e-1, 1.0])
def test_adam_is_that_of_torch(rate: float) -> None:
    """torch.optim.Adam takes the same steps, but for rounding."""
    data = Data(torch.tensor(T_U), torch.tensor(T_C))
    steps = run(Fit(name="x", optimizer="Adam", learning_rate=rate, epochs=300), data, START, 0.1)
    params = torch.tensor(START, requires_grad=True)
    adam = torch.optim.Adam([params], lr=rate)
    for loss, _, w, b in steps:
        error = params[0] * data.x + params[1] - data.y
        adam.zero_grad()
        error.square().mean().backward()
        assert loss == pytest.approx(error.square().mean().item(), rel=1e-4)
        adam.step()
        assert (w, b) == pytest.approx(params.tolist(), rel=1e-4, abs=1e-5)


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=40), st.floats(-2, 2))
def test_sums_are_made_one_by_one(values: list[float], slope: float) -> None:
    """Loss and gradient, by autograd too, are sums in the order of the readings, rounded each."""
    t_u = torch.tensor(values)
    params = torch.tensor([slope, 0.5], requires_grad=True)
    found = descent.gradient(params, Data(t_u, torch.zeros(len(values))))()
    w, b = params.detach().numpy()
    total = grad_w = grad_b = np.float32(0)
    for x in t_u.numpy():
        error = w * x + b
        slope_of_error = np.float32(1 / len(values)) * error * 2
        total += error * error
        grad_w += slope_of_error * x
        grad_b += slope_of_error
    assert found == float(total / len(values))
    assert params.grad is not None and params.grad.tolist() == [grad_w, grad_b]


@pytest.mark.parametrize("gradient", ["finite difference", "hand-written", "autograd"])
def test_each_way_stops_when_not_finite(gradient: Any) -> None:
    """Whoever makes the gradient, the fit ends at the first loss that is not finite."""
    fit = Fit(name="x", gradient=gradient, learning_rate=0.01, epochs=100)
    far = (1e17, 0.0) if gradient == "finite difference" else (1.0, 0.0)
    steps = run(fit, Data(torch.tensor(T_U), torch.tensor(T_C)), far, 1e16)
    assert 1 < len(steps) < 100
    assert all(math.isfinite(loss) for loss, *_ in steps[:-1])
    assert not math.isfinite(steps[-1][0])


def test_validation_does_not_track_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss on the held out readings is computed outside of autograd."""
    seen: list[tuple[int, set[type]]] = []
    plain = descent.mean_squared_error

    def watching(*values: Any) -> Any:
        seen.append((len(values[0]), {type(value) for value in values}))
        return plain(*values)

    monkeypatch.setattr(descent, "mean_squared_error", watching)
    t_u, t_c = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, 3.0])
    fit = Fit(name="x", optimizer="SGD", learning_rate=0.01, epochs=3, validated=True)
    run(fit, Data(t_u, t_c, (t_u[:2], t_c[:2])), (1.0, 0.0), 0.1)
    assert seen == [(2, {np.ndarray, np.float32})] * 3
