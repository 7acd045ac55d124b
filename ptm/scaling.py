"""Statistics of parts, and the scalers made of them.

Moments of parts merge exactly, so that any split of the work gives the same scaler, and a scaler
says in JSON what was done, so that it can be undone or done to new data.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Moments:
    """Count, mean, sum of squared deviations (M2), minimum and maximum of each channel.

    Attributes:
        count: number of values in each channel.
        mean, m2, min, max: float64 [channels].
    """

    count: int
    mean: NDArray[np.float64]
    m2: NDArray[np.float64]
    min: NDArray[np.float64]
    max: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray[Any]) -> Moments:
        """Moments of numeric values [samples, channels], in float64. At least one sample."""
        import numpy as np

        values = np.asarray(values, dtype=np.float64)
        mean = values.mean(axis=0)
        m2 = ((values - mean) ** 2).sum(axis=0)
        return cls(len(values), mean, m2, values.min(axis=0), values.max(axis=0))

    @classmethod
    def of_counts(cls, counts: NDArray[np.int64], levels: NDArray[np.float64]) -> Moments:
        """Moments from a histogram: counts int64 [channels, levels] of the values float64 [levels].

        Every channel has the same count, at least one.
        """
        import numpy as np

        total = counts.sum(axis=1)
        mean = (counts * levels).sum(axis=1) / total  # counts @ levels would be BLAS's own order
        m2 = (counts * (levels[None] - mean[:, None]) ** 2).sum(axis=1)
        present = counts > 0
        low = np.where(present, levels, np.inf).min(axis=1)
        high = np.where(present, levels, -np.inf).max(axis=1)
        return cls(int(total[0]), mean, m2, low, high)

    def merge(self, other: Moments) -> Moments:
        """Moments of both parts together.

        Source: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing
        sample variances", 1979.
        """
        import numpy as np

        count = self.count + other.count
        delta = other.mean - self.mean
        return Moments(
            count,
            self.mean + delta * (other.count / count),
            self.m2 + other.m2 + delta**2 * (self.count * other.count / count),
            np.minimum(self.min, other.min),
            np.maximum(self.max, other.max),
        )

    @property
    def std(self) -> NDArray[np.float64]:
        """Standard deviation with Bessel's correction (n - 1); 0 for a single value."""
        import numpy as np

        return np.sqrt(self.m2 / max(self.count - 1, 1))


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
    """

    method: str
    names: tuple[str, ...]
    shift: tuple[float, ...]
    scale: tuple[float, ...]
    divisor: float = 1.0
    precision: Literal["float32", "float64"] = "float64"

    @classmethod
    def fit(
        cls,
        moments: Moments,
        names: tuple[str, ...],
        method: Literal["standard", "minmax"] = "standard",
        divisor: float = 1.0,
    ) -> Scaler:
        """To mean 0 and standard deviation 1 ("standard"), or to the range 0 to 1 ("minmax").

        A channel that never varies keeps scale 1: it becomes 0 throughout. The moments are those of
        the values after the division.
        """
        import numpy as np

        shift, spread = (
            (moments.mean, moments.std)
            if method == "standard"
            else (moments.min, moments.max - moments.min)
        )
        varies = moments.max > moments.min
        # the mean of equal values is rounded: 0.1 three times has another mean than 0.1
        shift = np.where(varies, shift, moments.min)
        scale = np.where(varies, spread, 1.0)
        return cls(method, names, tuple(shift.tolist()), tuple(scale.tolist()), divisor)

    def among(self, names: tuple[str, ...]) -> Scaler:
        """The same for a tensor of these channels, whose others are left as they are."""
        known = dict(zip(self.names, zip(self.shift, self.scale, strict=True), strict=True))
        pairs = [known.get(name, (0.0, 1.0)) for name in names]
        shift, scale = tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
        return replace(self, names=names, shift=shift, scale=scale)

    def apply(self, values: torch.Tensor, dim: int = 1) -> torch.Tensor:
        """Normalises raw values, whose axis `dim` has one entry for each channel.

        The arithmetic is float64; the result has the dtype of `values` where that is floating,
        float32 otherwise.
        """
        shift, scale = self._along(values, dim)
        raw = values.float().double() if self.precision == "float32" else values.double()
        return ((raw / self.divisor - shift) / scale).to(_floating(values))

    def invert(self, values: torch.Tensor, dim: int = 1) -> torch.Tensor:
        """Undoes `apply`: normalised values as raw ones, float64.

        They are float64 whatever the dtype of `values`, since raw values may need it: a time in
        Unix seconds has no place in float32.
        """
        shift, scale = self._along(values, dim)
        return (values.double() * scale + shift) * self.divisor

    def _along(self, values: torch.Tensor, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        if values.shape[dim] != len(self.names):
            raise ValueError(
                f"expected {len(self.names)} channels ({', '.join(self.names)}) along axis {dim}, "
                f"got shape {tuple(values.shape)}"
            )
        shape = [1] * values.dim()
        shape[dim] = -1
        return (
            torch.tensor(self.shift, dtype=torch.float64).reshape(shape),
            torch.tensor(self.scale, dtype=torch.float64).reshape(shape),
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
            values.get("divisor", 1.0),  # manifests of before have neither
            values.get("precision", "float64"),
        )


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
