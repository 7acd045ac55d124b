"""Scalers: made of statistics, they say in JSON what was done, to undo it or do it to new data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import inf, isfinite, prod
from operator import index
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ptm.errors import PtmError
from ptm.stats import Moments, moments_of

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

BYTES = 256  # values that a uint8 may have
AT_ONCE = 1 << 16  # numbers that are scaled together: in float64 they stay in the cache


class Scaling(NamedTuple):
    """How a tensor is to be scaled, once the statistics of all samples are known.

    Attributes:
        channels: the names of the channels.
        method: "standard", to mean 0 and standard deviation 1; "minmax", to the range 0 to 1.
        axis: of the channels.
        divisor: of raw values before all else: 255 for pixels.
    """

    channels: tuple[str, ...]
    method: Literal["standard", "minmax"] = "standard"
    axis: int = 1
    divisor: float = 1.0


@dataclass(frozen=True)
class Scaler:
    """What normalises a tensor: (x / divisor - shift) / scale, for each of its channels.

    Attributes:
        method: how it was fitted: "standard", "minmax", or "mixed" for several together.
        names: of all channels of the tensor, in its order.
        shift, scale: one number for each channel, 0 and 1 where it is left as it is; scale is
            never 0.
        divisor: of raw values before all else: 255 for pixels, whose shift and scale are fractions.
        precision: "float32" where raw values are rounded to it first.
        axis: of the channels in the tensor.
    """

    method: str
    names: tuple[str, ...]
    shift: tuple[float, ...]
    scale: tuple[float, ...]
    divisor: float = 1.0
    precision: Literal["float32", "float64"] = "float64"
    axis: int = 1

    @classmethod
    def fit(
        cls,
        moments: Moments,
        names: tuple[str, ...],
        method: Literal["standard", "minmax"] = "standard",
        divisor: float = 1.0,
        axis: int = 1,
    ) -> Scaler:
        """To mean 0 and standard deviation 1 ("standard"), or to the range 0 to 1 ("minmax").

        A channel that never varies keeps scale 1: it becomes 0 throughout; one without any value is
        left as it is. The moments are those of the values after the division.
        """
        import numpy as np

        shift, spread = (
            (moments.mean, moments.std)
            if method == "standard"
            else (moments.min, moments.max - moments.min)
        )
        varies = moments.max > moments.min
        # the mean of equal values is rounded: 0.1 three times has another mean than 0.1
        shift = np.where(varies, shift, np.where(moments.count > 0, moments.min, 0.0))
        scale = np.where(varies, spread, 1.0)
        return cls(method, names, tuple(shift.tolist()), tuple(scale.tolist()), divisor, axis=axis)

    @classmethod
    def identity(cls, names: tuple[str, ...], axis: int = 1) -> Scaler:
        """The one that leaves every channel as it is."""
        return cls("none", names, (0.0,) * len(names), (1.0,) * len(names), axis=axis)

    def among(self, names: tuple[str, ...]) -> Scaler:
        """The same for a tensor of these channels, whose others are left as they are."""
        known = dict(zip(self.names, zip(self.shift, self.scale, strict=True), strict=True))
        pairs = [known.get(name, (0.0, 1.0)) for name in names]
        shift, scale = tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
        return replace(self, names=names, shift=shift, scale=scale)

    def apply(self, values: torch.Tensor, dim: int | None = None) -> torch.Tensor:
        """Normalises raw values, whose axis `dim` has one entry for each channel.

        The arithmetic is float64; the result has the dtype of `values` where that is floating,
        float32 otherwise.

        Args:
            values: raw.
            dim: `axis`, where it is left out.
        """
        shift, scale = self._along(values, self.axis if dim is None else dim)
        raw = values.float().double() if self.precision == "float32" else values.double()
        return ((raw / self.divisor - shift) / scale).to(_floating(values))

    def scaled(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """As `apply`, of a whole tensor, and rounded once: float32, of the same shape.

        It is done in pieces that stay in the cache, of uint8 by a table of its 256 values.
        """
        import numpy as np

        self._check(values.shape, self.axis)
        outer, inner = prod(values.shape[: self.axis]), prod(values.shape[self.axis + 1 :])
        raw = values.reshape(outer, len(self.names), inner)
        out = np.empty(raw.shape, dtype=np.float32)
        if raw.dtype == np.uint8 and inner >= BYTES:
            self._look_up(raw, out)
        else:
            step = max(AT_ONCE // max(raw[:1].size, 1), 1)
            for first in range(0, outer, step):
                out[first : first + step] = self._computed(raw[first : first + step])
        return out.reshape(values.shape)

    def _look_up(self, raw: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
        import numpy as np

        levels = np.broadcast_to(np.arange(BYTES, dtype=np.float64), (1, len(self.names), BYTES))
        tables = self._computed(levels)[0].astype(np.float32)
        for image, scaled in zip(raw, out, strict=True):
            for table, channel, place in zip(tables, image, scaled, strict=True):
                # every value is in the table: "wrap" only saves the look whether it is
                np.take(table, channel, out=place, mode="wrap")

    def _computed(self, raw: NDArray[Any]) -> NDArray[np.float64]:
        """Of values [any, channel, any]."""
        import numpy as np

        rounded = raw.astype(np.float32) if self.precision == "float32" else raw
        values = rounded.astype(np.float64)
        values /= self.divisor
        values -= np.array(self.shift)[:, None]
        values /= np.array(self.scale)[:, None]
        return values

    def invert(self, values: torch.Tensor, dim: int | None = None) -> torch.Tensor:
        """Undoes `apply`: normalised values as raw ones, float64.

        They are float64 whatever the dtype of `values`, since raw values may need it: a time in
        Unix seconds has no place in float32.
        """
        shift, scale = self._along(values, self.axis if dim is None else dim)
        return (values.double() * scale + shift) * self.divisor

    def _along(self, values: torch.Tensor, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        self._check(values.shape, dim)
        shape = [1] * values.dim()
        shape[dim] = -1
        return (
            torch.tensor(self.shift, dtype=torch.float64).reshape(shape),
            torch.tensor(self.scale, dtype=torch.float64).reshape(shape),
        )

    def _check(self, shape: Sequence[int], dim: int) -> None:
        if shape[dim] != len(self.names):
            raise ValueError(
                f"expected {len(self.names)} channels ({', '.join(self.names)}) along axis {dim}, "
                f"got shape {tuple(shape)}"
            )

    def to_json(self) -> dict[str, Any]:
        """JSON values from which `from_json` makes an equal scaler."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Scaler:
        """The scaler that `to_json` described."""
        return cls(
            values["method"],
            tuple(values["names"]),
            tuple(values["shift"]),
            tuple(values["scale"]),
            values["divisor"],
            values["precision"],
            values["axis"],
        )


def problem_of(scaler: Any) -> str:
    """What keeps a scaler from being one; "" where nothing does."""
    if not isinstance(scaler, Scaler):
        return f"expected a ptm.Scaler, got {type(scaler).__name__}"
    each = scaler.names, scaler.shift, scaler.scale
    if not all(isinstance(one, (list, tuple)) and len(one) == len(each[0]) for one in each):
        return f"expected a shift and a scale for each of its names, got {scaler}"
    if not all(isinstance(text, str) for text in (scaler.method, *scaler.names)):
        return f"expected a method and names that are texts, got {scaler}"
    numbers = (*scaler.shift, *scaler.scale, scaler.divisor)
    if not all(isinstance(n, (int, float)) and isfinite(n) for n in numbers):
        return f"expected finite numbers for shift, scale and divisor, got {scaler}"
    if not (all(scaler.scale) and scaler.divisor):
        return f"expected no scale and no divisor of 0, got {scaler}"
    if scaler.precision not in ("float32", "float64"):
        return f"expected the precision 'float32' or 'float64', got {scaler.precision!r}"
    if type(scaler.axis) is not int or scaler.axis < 0:
        return f"expected an axis from 0, got {scaler.axis!r}"
    return ""


def plain_scaler(scaler: Scaler) -> Scaler:
    """The same with numbers of Python, where it has those of NumPy, or arrays or lists."""
    shift, scale = (tuple(float(one) for one in each) for each in (scaler.shift, scaler.scale))
    axis = scaler.axis if isinstance(scaler.axis, bool) else index(scaler.axis)
    return replace(
        scaler,
        names=tuple(scaler.names),
        shift=shift,
        scale=scale,
        divisor=float(scaler.divisor),
        axis=axis,
    )


def measured(
    tensors: Mapping[str, torch.Tensor], scaling: Mapping[str, Scaling]
) -> dict[str, Moments]:
    """Moments of each tensor that is to be scaled, by what `Scaling` says of it."""
    return {
        name: moments_of(tensors[name].numpy(), how.axis, how.divisor)
        for name, how in scaling.items()
    }


def fitted(scaling: Mapping[str, Scaling], moments: Mapping[str, Moments]) -> dict[str, Scaler]:
    """The scaler of each tensor that is to be scaled, by the moments of all samples.

    Raises:
        PtmError: float64 cannot hold what scales a channel.
    """
    found = {}
    for name, how in scaling.items():
        one = moments[name]
        found[name] = scaler = Scaler.fit(one, how.channels, how.method, how.divisor, how.axis)
        for place, channel in enumerate(how.channels):
            if not (isfinite(scaler.shift[place]) and 0 < scaler.scale[place] < inf):
                raise PtmError(
                    f"tensors['{name}'], channel '{channel}': expected numbers whose mean and "
                    f"spread float64 can hold, got {one.min[place]:g} to {one.max[place]:g}"
                )
    return found


def merged_values(values: NDArray[Any], stored: NDArray[Any]) -> tuple[int, int] | None:
    """How many distinct numbers there are, and how many of them are left as they are stored.

    Args:
        values: float64 or int64 [row].
        stored: the same after rounding, float32 [row], scaled or not.

    Returns:
        None where none was merged with another.
    """
    import numpy as np

    if values.dtype == np.float64 and np.array_equal(stored, values):
        return None
    before, after = len(np.unique(values)), len(np.unique(stored))
    return (before, after) if after < before else None


def _floating(values: torch.Tensor) -> torch.dtype:
    import torch

    return values.dtype if values.is_floating_point() else torch.float32
