"""What was learned from the samples of an entry, and does the same to new data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm.errors import PtmError
from ptm.scaling import Scaler, plain_scaler, problem_of
from ptm.treatment import PLAIN, Treatment

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from ptm.featuring import Featured

FEATURES, CODES = "features", "codes"  # the tensors that are made of columns


@dataclass(frozen=True)
class Learned:
    """Scalers and categories, and what else becomes of columns.

    Attributes:
        scalers: by tensor; each has every channel of it, also where all are left as they are.
        categories: the values of each column of categories, sorted; where rare ones are joined,
            that of them is the last.
        integers: the columns of integers that float64 would round.
        raw: the tensors that are stored as they were decoded, and scaled when they are read.
        vocabularies: the words, and characters, of a text, sorted by code point. They stand in the
            tables of an artifact and not in its manifest.
        columns: what becomes of columns of which more is to be said.
        classes: the classes of each target that has names for them; a class is its place.
    """

    scalers: Mapping[str, Scaler] = field(default_factory=dict)
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    integers: tuple[str, ...] = ()
    raw: tuple[str, ...] = ()
    vocabularies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    columns: Mapping[str, Treatment] = field(default_factory=dict)
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

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
                columns={n: Treatment.from_json(one.to_json()) for n, one in self.columns.items()},
                classes={name: _texts(name, one) for name, one in self.classes.items()},
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
                [sample, channel, height, width]); or, for what was made of columns, a sequence of
                values for each of them ("alcohol": [10.1, 9.8]); None, NaN and a text of nothing
                are missing.

        Returns:
            float32 tensors, by name; of columns `features`, and `codes` int64 [sample, column] of
            those whose categories are codes. A category that was not learned is 0 throughout, or
            one of the rare ones.

        Raises:
            PtmError: a tensor or a column is not known, or one is missing; a tensor has other
                channels; a value is none that its column has, or is missing where none may be.
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
        found = self._featured(scaler, raw)
        tensors = {name: torch.from_numpy(found.features)} if scaler.names else {}
        codes = found.codes(self.coded)
        return tensors | ({CODES: torch.from_numpy(codes)} if codes is not None else {})

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
        scalers = self.scalers or ({FEATURES: Scaler.identity(())} if self.coded else {})
        for name, scaler in scalers.items():
            wanted = self._columns(scaler)
            if raw.keys() <= set(wanted):
                missing = [column for column in wanted if column not in raw]
                if not missing:
                    return name, scaler
                raise PtmError(f"expected every column, got none for {', '.join(missing)}")
        known = [*self.scalers, *(c for s in scalers.values() for c in self._columns(s))]
        unknown = sorted(map(str, raw.keys() - set(known)))
        raise PtmError(
            f"expected values for {', '.join(known) or 'nothing: nothing was learned'}, "
            f"those of one tensor, got {', '.join(unknown or map(str, raw)) or 'none'}"
        )

    @property
    def coded(self) -> list[str]:
        """The columns whose categories are codes, in their order."""
        return [name for name, how in self.columns.items() if how.codes]

    def _columns(self, scaler: Scaler) -> list[str]:
        """The columns of which the channels of a scaler were made, and those of codes."""
        of: dict[str, str] = {}
        for column in (*self.categories, *self.columns):
            how, categories = self.columns.get(column, PLAIN), self.categories.get(column)
            of |= dict.fromkeys(how.features(column, categories), column)
        return list(dict.fromkeys([*(of.get(name, name) for name in scaler.names), *self.coded]))

    def _featured(self, scaler: Scaler, raw: Mapping[str, Any]) -> Featured:
        from ptm.given import featured_of

        of = {
            name: (self.categories.get(name), self.columns.get(name, PLAIN))
            for name in self._columns(scaler)
        }
        return featured_of(raw, of, scaler)

    def to_json(self) -> dict[str, Any]:
        """JSON values from which `from_json` makes an equal one."""
        more = {
            "columns": {name: how.to_json() for name, how in self.columns.items()},
            "classes": {name: list(values) for name, values in self.classes.items()},
        }
        return {
            "scalers": {name: scaler.to_json() for name, scaler in self.scalers.items()},
            "categories": {column: list(values) for column, values in self.categories.items()},
            "integers": list(self.integers),
            "raw": list(self.raw),
            **{name: said for name, said in more.items() if said},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Learned:
        """The one that `to_json` described; of nothing, nothing."""
        return cls(
            {name: Scaler.from_json(one) for name, one in values.get("scalers", {}).items()},
            {column: tuple(one) for column, one in values.get("categories", {}).items()},
            tuple(values.get("integers", ())),
            tuple(values.get("raw", ())),
            columns={n: Treatment.from_json(one) for n, one in values.get("columns", {}).items()},
            classes={name: tuple(one) for name, one in values.get("classes", {}).items()},
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
