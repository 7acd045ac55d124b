"""What was learned from the samples of an entry, and does the same to new data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm.errors import PtmError
from ptm.scaling import Scaler, plain_scaler, problem_of

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Learned:
    """Scalers and categories.

    Attributes:
        scalers: by tensor; each has every channel of it, also where all are left as they are.
        categories: the values of each column of categories, sorted.
        integers: the columns of integers that float64 would round.
        raw: the tensors that are stored as they were decoded, and scaled when they are read.
        vocabularies: the words, and characters, of a text, sorted by code point. They stand in the
            tables of an artifact and not in its manifest.
    """

    scalers: Mapping[str, Scaler] = field(default_factory=dict)
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    integers: tuple[str, ...] = ()
    raw: tuple[str, ...] = ()
    vocabularies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def load(cls, file: str | Path) -> Learned:
        """What a manifest.json says; no store is needed.

        Raises:
            PtmError: it is no manifest, or none that says what was learned.
        """
        try:
            return cls.from_json(json.loads(Path(file).read_bytes())["learned"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            got = f"{type(error).__name__}: {error}"
            raise PtmError(f"expected the manifest of an artifact, got {got} ({file})") from error

    def checked(self) -> Learned:
        """The same with numbers and texts of Python.

        Raises:
            PtmError: something in it is not what it should be.
        """
        try:
            scalers = {name: plain_scaler(one) for name, one in self.scalers.items()}
            found = replace(
                self,
                scalers=scalers,
                categories={name: _texts(name, one) for name, one in self.categories.items()},
                integers=_texts("integers", self.integers),
                raw=_texts("raw", self.raw),
                vocabularies={name: _texts(name, one) for name, one in self.vocabularies.items()},
            )
        except (TypeError, ValueError, AttributeError) as error:
            raise PtmError(f"expected a ptm.Learned as it is described, got {error}") from error
        for name, one in scalers.items():
            if wrong := problem_of(one):
                raise PtmError(f"scalers['{name}']: {wrong}")
        return found

    @property
    def scaler(self) -> Scaler | None:
        """What normalised the first of the tensors that were; None where none was."""
        return next((one for one in self.scalers.values() if one.method != "none"), None)

    def transform(self, raw: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        """Does to new data what was done to the samples.

        Args:
            raw: values by tensor, with its axes and in the units of the files ("images": uint8
                [sample, channel, height, width]); or, for one tensor that was made of columns, a
                sequence of values for each of them ("alcohol": [10.1, 9.8]).

        Returns:
            float32 tensors, by name.

        Raises:
            PtmError: a tensor or a column is not known, or one is missing; a tensor has other
                channels; a value is no number, one of a column is not finite, a category is new.
        """
        import torch

        if not isinstance(raw, Mapping):
            raise PtmError(f"expected values by tensor or column, got {type(raw).__name__}")
        if raw and raw.keys() <= self.scalers.keys():
            return {
                name: torch.from_numpy(self.scalers[name].scaled(self._tensor(name, values)))
                for name, values in raw.items()
            }
        name, scaler = self._of_columns(raw)
        values = self._matrix(scaler, raw)
        return {name: torch.from_numpy(scaler.scaled(values))}

    def invert(self, name: str, values: torch.Tensor) -> torch.Tensor:
        """Scaled values of a tensor as raw ones, float64.

        Args:
            name: of the tensor.
            values: as `transform`, batches and datasets give them: [sample, …], all channels.

        Returns:
            Of the same shape, on the same device, in the units of the files.

        Raises:
            PtmError: no such tensor was scaled; the values are no tensor, or have other channels.
        """
        import torch

        if name not in self.scalers:
            raise PtmError(f"expected one of {', '.join(self.scalers) or 'none'}, got '{name}'")
        if not isinstance(values, torch.Tensor):
            raise PtmError(f"'{name}': expected a tensor, got {type(values).__name__}")
        self._expect_channels(name, values.shape)
        with values.device:  # what a scaler makes of its numbers is there too
            return self.scalers[name].invert(values)

    def _tensor(self, name: str, values: Any) -> NDArray[Any]:
        """The values of a tensor that its scaler takes."""
        found = _numbers(f"'{name}'", values)
        self._expect_channels(name, found.shape)
        return found

    def _expect_channels(self, name: str, shape: Sequence[int]) -> None:
        scaler = self.scalers[name]
        if len(shape) <= scaler.axis or shape[scaler.axis] != len(scaler.names):
            raise PtmError(
                f"'{name}': expected {len(scaler.names)} channels along axis {scaler.axis} "
                f"({', '.join(scaler.names)}), got shape {list(shape)}"
            )

    def _of_columns(self, raw: Mapping[str, Any]) -> tuple[str, Scaler]:
        """The one tensor whose channels these columns make."""
        for name, scaler in self.scalers.items():
            wanted = self._columns(scaler)
            if raw.keys() <= set(wanted):
                missing = [column for column in wanted if column not in raw]
                if not missing:
                    return name, scaler
                raise PtmError(f"expected every column, got none for {', '.join(missing)}")
        known = [*self.scalers, *(c for s in self.scalers.values() for c in self._columns(s))]
        unknown = sorted(map(str, raw.keys() - set(known)))
        raise PtmError(
            f"expected values for {', '.join(known) or 'nothing: nothing was learned'}, "
            f"those of one tensor, got {', '.join(unknown or map(str, raw)) or 'none'}"
        )

    def _columns(self, scaler: Scaler) -> list[str]:
        """The columns of which the channels of a scaler were made."""
        of = {f"{c}={value}": c for c, values in self.categories.items() for value in values}
        return list(dict.fromkeys(of.get(channel, channel) for channel in scaler.names))

    def _matrix(self, scaler: Scaler, raw: Mapping[str, Any]) -> NDArray[np.float64]:
        """float64 [sample, channel]."""
        import numpy as np

        columns = {name: _column(name, raw[name]) for name in self._columns(scaler)}
        matrix = np.zeros((len(next(iter(columns.values()))), len(scaler.names)))
        place = 0
        for column, values in columns.items():
            if len(values) != len(matrix):
                got = f"{len(values)} for '{column}'"
                raise PtmError(f"expected {len(matrix)} values for each column, got {got}")
            if column in self.categories:
                codes = self.codes(column, values)
                matrix[np.arange(len(codes)), place + codes] = 1.0
                place += len(self.categories[column])
            else:
                matrix[:, place] = _finite(column, values)
                place += 1
        return matrix

    def codes(self, column: str, values: Sequence[str]) -> NDArray[np.int64]:
        """The place of each value among the categories of a column, int64 [row].

        Raises:
            PtmError: one is new.
        """
        import numpy as np

        places = {value: place for place, value in enumerate(self.categories[column])}
        try:
            return np.array([places[value] for value in values], dtype=np.int64)
        except (KeyError, TypeError):
            new = next(value for value in values if not _is_among(value, places))
            raise PtmError(
                f"column '{column}': expected one of the {len(places)} categories that were "
                f"learned, got {new!r}"
            ) from None

    def to_json(self) -> dict[str, Any]:
        """JSON values from which `from_json` makes an equal one."""
        return {
            "scalers": {name: scaler.to_json() for name, scaler in self.scalers.items()},
            "categories": {column: list(values) for column, values in self.categories.items()},
            "integers": list(self.integers),
            "raw": list(self.raw),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Learned:
        """The one that `to_json` described; of nothing, nothing."""
        return cls(
            {name: Scaler.from_json(one) for name, one in values.get("scalers", {}).items()},
            {column: tuple(one) for column, one in values.get("categories", {}).items()},
            tuple(values.get("integers", ())),
            tuple(values.get("raw", ())),
        )


def _texts(name: str, values: Any) -> tuple[str, ...]:
    found = tuple(values.tolist() if hasattr(values, "tolist") else values)
    if isinstance(values, str) or not all(isinstance(one, str) for one in found):
        raise TypeError(f"{name}: {values!r}, and no texts")
    return tuple(map(str, found))


def _numbers(what: str, values: Any) -> NDArray[Any]:
    """An array of real numbers."""
    import numpy as np

    try:
        found = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise PtmError(f"{what}: expected numbers, got {error}") from error
    if found.dtype.kind not in "biuf":
        raise PtmError(f"{what}: expected numbers, got {type(values).__name__} of {found.dtype}")
    return found


def _column(name: str, values: Any) -> Any:
    """The values of a column, one after the other."""
    if isinstance(values, (str, bytes, Mapping)) or not hasattr(values, "__len__"):
        raise PtmError(f"column '{name}': expected a sequence of values, got {values!r}")
    return values


def _finite(column: str, values: Any) -> NDArray[np.float64]:
    """The numbers of a column, float64 [row]."""
    import numpy as np

    found = _numbers(f"column '{column}'", values).astype(np.float64)
    if found.ndim != 1:
        raise PtmError(f"column '{column}': expected one axis, got shape {list(found.shape)}")
    wrong = np.flatnonzero(~np.isfinite(found))
    if len(wrong):
        got = f"{found[wrong[0]]} at {wrong[0]}"
        raise PtmError(f"column '{column}': expected finite numbers, got {got}")
    return found


def _is_among(value: Any, places: Mapping[str, int]) -> bool:
    return isinstance(value, str) and value in places
