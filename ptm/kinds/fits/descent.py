"""Gradient descent on a line, y = w * x + b, with the same bits on every CPU.

Arithmetic is float32. Each operation is rounded on its own, and what is summed is added one by one:
what torch fuses, and the sums that it makes, are rounded as the CPU's registers have it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ptm.source import Number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # of Adam
LANES = 8  # float32 in an AVX register, in whose order notebooks sum

Step = tuple[float, float | None, float, float]  # loss, validation loss, w, b


class Fit(BaseModel):
    """One fit: where the gradient comes from, who steps, how far and how often."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="of the fit and of its tensor")
    gradient: Literal["finite difference", "hand-written", "autograd"] = Field(
        "autograd", description="where the gradient comes from"
    )
    optimizer: Literal["SGD", "Adam"] | None = Field(
        None, description="what takes the step; None: the loop itself, by learning_rate"
    )
    scaled: bool = Field(False, description="whether the input is input_scale * x, not x")
    learning_rate: Number = Field(gt=0, description="of the step")
    epochs: int = Field(ge=1, description="steps to take, fewer when the loss is not finite")
    validated: bool = Field(False, description="whether it trains on the training split only")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.gradient != "autograd" and (self.optimizer or self.validated):
            raise ValueError(f"{self.name}: an optimizer or a split needs the gradient 'autograd'")
        return self


@dataclass(frozen=True)
class Data:
    """Readings to fit.

    Attributes:
        x: float32 [reading], the input of the model.
        y: float32 [reading], its output.
        held_out: readings and temperatures to validate on, if any.
    """

    x: Tensor
    y: Tensor
    held_out: tuple[Tensor, Tensor] | None = None

    def as_summed(self) -> Data:
        """The same readings in the order of the notes' sums: what fills no register comes first."""
        shift = len(self.x) % LANES
        return Data(self.x.roll(shift), self.y.roll(shift), self.held_out)


def run(fit: Fit, data: Data, start: tuple[float, float], delta: float) -> list[Step]:
    """One fit: for each epoch the loss before its step, and w and b after it.

    Args:
        fit: what to do.
        data: the readings, already scaled.
        start: w and b to start from.
        delta: half the width of a finite difference.
    """
    import numpy as np

    data = data.as_summed()
    with np.errstate(over="ignore", invalid="ignore"):  # a fit that diverges is a result
        if fit.gradient == "autograd":
            return _by_autograd(fit, data, start)
        if fit.gradient == "hand-written":
            return _by_hand(fit, data, start)
        return _by_differences(fit, data, start, delta)


def _sum(values: NDArray[np.float32]) -> np.float32:
    """The sum of values [n], added one by one."""
    import numpy as np

    total: np.float32 = np.add.accumulate(values)[-1]
    return total


def mean_squared_error(
    x: NDArray[np.float32], y: NDArray[np.float32], w: np.float32, b: np.float32
) -> np.float32:
    """Mean squared error of a line over readings x and their values y, float32 [n] both."""
    error = w * x + b - y
    return _sum(error * error) / len(x)


def _by_differences(fit: Fit, data: Data, start: tuple[float, float], delta: float) -> list[Step]:
    """Central differences of the loss: a step on w, then a step on b from there."""
    import numpy as np

    loss = partial(mean_squared_error, data.x.numpy(), data.y.numpy())
    w, b = map(np.float32, start)
    steps: list[Step] = []
    for _ in range(fit.epochs):
        before = float(loss(w, b))
        w -= fit.learning_rate * ((loss(w + delta, b) - loss(w - delta, b)) / (2 * delta))
        b -= fit.learning_rate * ((loss(w, b + delta) - loss(w, b - delta)) / (2 * delta))
        steps.append((before, None, float(w), float(b)))
        if not math.isfinite(before):
            break
    return steps


def _by_hand(fit: Fit, data: Data, start: tuple[float, float]) -> list[Step]:
    """The gradient of the mean squared error, written out."""
    import numpy as np

    x, y, rate, count = data.x.numpy(), data.y.numpy(), fit.learning_rate, len(data.x)
    w, b = map(np.float32, start)
    steps: list[Step] = []
    for _ in range(fit.epochs):
        error = w * x + b - y
        loss = float(_sum(error * error) / count)
        slope = error / (count / 2)  # 2 * error / n
        w -= rate * _sum(slope * x)
        b -= rate * _sum(slope)
        steps.append((loss, None, float(w), float(b)))
        if not math.isfinite(loss):
            break
    return steps


def _by_autograd(fit: Fit, data: Data, start: tuple[float, float]) -> list[Step]:
    """The gradient from autograd; the step by the loop or by an optimizer."""
    import torch

    params = torch.tensor(start, dtype=torch.float32, requires_grad=True)
    values = params.detach().numpy()  # the same memory
    differentiate, step = gradient(params, data), _stepper(fit, params)
    held_out = data.held_out and (data.held_out[0].numpy(), data.held_out[1].numpy())
    steps: list[Step] = []
    for _ in range(fit.epochs):
        validation = float(mean_squared_error(*held_out, *values)) if held_out else None
        loss = differentiate()
        step()
        steps.append((loss, validation, *values.tolist()))
        if not math.isfinite(loss):
            break
    return steps


def gradient(params: Tensor, data: Data) -> Callable[[], float]:
    """What gives the mean squared error and leaves its gradient, by autograd, in `params.grad`."""
    import torch

    x, y, count = data.x, data.y, len(data.x)
    # w and b are copied for each reading, so that autograd adds their gradients up one by one
    copies = torch.tensor([0, 1]).repeat_interleave(count)
    share = torch.full((count,), 1 / count)  # what the square of each reading counts in the mean

    def differentiate() -> float:
        w, b = params.index_select(0, copies).chunk(2)
        error = w * x + b - y
        squares = error * error
        params.grad = None  # what optimizer.zero_grad() does, without its 10 µs of bookkeeping
        squares.backward(share)  # type: ignore[no-untyped-call]
        return float(_sum(squares.detach().numpy()) / count)

    return differentiate


def _stepper(fit: Fit, params: Tensor) -> Callable[[], object]:
    """What moves `params` along their gradient."""
    import torch

    rate, values = fit.learning_rate, params.detach()

    def descend() -> None:
        assert params.grad is not None
        values.sub_(params.grad.mul_(rate))

    def scale_and_step() -> None:
        assert params.grad is not None
        params.grad.mul_(rate)
        sgd.step()

    if fit.optimizer is None:
        return descend
    if fit.optimizer == "Adam":
        return Adam(params, rate).step
    # SGD computes w - rate * gradient with one rounding where the CPU can, with two elsewhere.
    # Multiplied beforehand it is two everywhere, and the digits are the notes' on every CPU.
    # foreach=False: torch need not ask in each step which way is best for one small tensor
    sgd = torch.optim.SGD([params], lr=1.0, foreach=False)
    return scale_and_step


class Adam:
    """Adam, each operation rounded on its own: torch.optim.Adam fuses some where the CPU can.

    With g the gradient at step t, each operation elementwise in float32:

        m = β1 m + (1 - β1) g,  v = β2 v + (1 - β2) g²
        p = p - α / (1 - β1^t) m / (√v / √(1 - β2^t) + ε)

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, algorithm 1, with
    the β1, β2 and ε given there.
    """

    def __init__(self, params: Tensor, rate: float) -> None:
        """Steps `params` by their gradient, with α = `rate`."""
        import numpy as np

        self.params, self.rate = params, rate
        self.values = params.detach().numpy()  # the same memory
        self.m, self.v = np.zeros_like(self.values), np.zeros_like(self.values)
        self.power1, self.power2 = 1.0, 1.0  # β1^t and β2^t; pow() depends on the CPU as well

    def step(self) -> None:
        """One step along the gradient that the parameters have."""
        import numpy as np

        assert self.params.grad is not None
        g = self.params.grad.numpy()
        self.power1, self.power2 = self.power1 * BETA1, self.power2 * BETA2
        self.m = self.m * BETA1 + g * (1 - BETA1)
        self.v = self.v * BETA2 + g * g * (1 - BETA2)
        spread = np.sqrt(self.v) / math.sqrt(1 - self.power2) + EPSILON
        self.values -= self.m * (self.rate / (1 - self.power1)) / spread
