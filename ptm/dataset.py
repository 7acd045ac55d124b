"""The samples of a split as a dataset of torch, and as what other libraries take."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from ptm.errors import PtmError
from ptm.frames import frame_of
from ptm.huggingface import dataset_of
from ptm.loading.changing import Transform, checked, expected_function
from ptm.loading.samples import Samples

if TYPE_CHECKING:
    import datasets
    import pandas as pd
    import pyarrow as pa

    from ptm.by_row import Rows
    from ptm.loading.order import Positions


class Dataset(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """The samples of a split: `ds[i]` is a dict of tensors by name, those of one sample.

    It can be pickled: a copy in another process opens the files of the store by itself, and keeps
    them from being collected. What is asked for lies in memory of its own.

    Args:
        samples: of the artifact.
        positions: int64, of those of the split; None for all.
        rows: gives the rows of the artifact, piece by piece; nothing where it has none.
        transform_samples: gets samples that are asked for together as a dict of tensors
            [sample, …], a single one too, and gives a dict of such, or of arrays and lists with a
            value for each sample.

    Raises:
        PtmError: `transform_samples` is no function.
    """

    def __init__(
        self,
        samples: Samples,
        positions: Positions | None,
        rows: Rows,
        transform_samples: Transform | None = None,
    ) -> None:
        self._samples, self._positions, self._rows = samples, positions, rows
        self._transform = expected_function(samples.name, transform_samples)

    def __len__(self) -> int:
        return self._samples.count if self._positions is None else len(self._positions)

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        """One sample.

        Raises:
            IndexError: there is none of that number.
            PtmError: `transform_samples` gives no dict, or something without a value for each
                sample. What it raises comes through.
            ArtifactCorrupt, StoreError: a file is damaged, or may not be read.
        """
        return self.__getitems__([number])[0]

    def __getitems__(self, numbers: Sequence[int]) -> list[dict[str, torch.Tensor]]:
        """Several samples, which are read together, as torch's own DataLoader asks for them."""
        places = np.array([self._place(number) for number in numbers], dtype=np.int64)
        found = self._samples.tensors(self._positions_of(places))
        if self._transform:
            found = checked(self._samples.name, self._transform(found))
            self._expect_samples(found, len(places))
        return [{name: each[n] for name, each in found.items()} for n in range(len(places))]

    def __repr__(self) -> str:
        return f"<samples of {self._samples.name}: {len(self)}, {', '.join(self._samples.kinds)}>"

    def numpy(self) -> dict[str, NDArray[Any]]:
        """All samples as arrays by name, scaled where they are stored raw.

        Those that stand as they are in one file are mapped, if the split has all samples.

        Raises:
            PtmError: NumPy has no dtype for a tensor; the dataset has `transform_samples`.
            ArtifactCorrupt, StoreError: a file is damaged, or may not be read.
        """
        return self._arrays("numpy")

    def to_arrow(self) -> pa.Table:
        """The rows of the split, to which `transform_samples` does nothing.

        Raises:
            PtmError: the artifact has no rows.
            ArtifactCorrupt, StoreError: a file is damaged, or may not be read.
        """
        import pyarrow as pa

        if not self._rows.exist:
            raise PtmError(f"{self._samples.name}: expected rows, got an artifact that has none")
        found, first = [], 0
        for table in self._rows.tables():
            if self._positions is not None:
                bounds = np.searchsorted(self._positions, [first, first + len(table)])
                some = self._positions[bounds[0] : bounds[1]] - first
                buffers = [None, pa.py_buffer(some)]
                found.append(table.take(pa.Array.from_buffers(pa.int64(), len(some), buffers)))
            else:
                found.append(table)
            first += len(table)
        return pa.concat_tables(found)

    def to_pandas(self) -> pd.DataFrame:
        """The rows of the split as a frame; `attrs["units"]` has units. Raises as `to_arrow`."""
        return frame_of(self.to_arrow())

    def to_hf(self) -> datasets.Dataset:
        """Rows and tensors of the split as a dataset of Hugging Face, a column for each.

        Those of further axes are lists of a fixed length; Arrow takes numbers as they lie in
        memory. A tensor that is called as a column of the rows takes its place.

        Raises:
            PtmError: the package `datasets` is not there. Else what `numpy` raises.
        """
        arrays = self._arrays("to_hf")
        return dataset_of(self.to_arrow() if self._rows.exist else None, arrays)

    def _arrays(self, asked: str) -> dict[str, NDArray[Any]]:
        if self._transform:
            name = self._samples.name
            got = getattr(self._transform, "__qualname__", repr(self._transform))
            raise PtmError(
                f"{name}: expected a dataset without transform_samples for {asked}(), which "
                f"changes no samples, got one with '{got}'; make one without it, or ask for "
                "samples by number, as DataLoader does"
            )
        return {name: self._array(name) for name in self._samples.kinds}

    def _expect_samples(self, found: dict[str, Any], count: int) -> None:
        for name, each in found.items():
            got, length = type(each).__name__, None
            if hasattr(each, "shape"):
                got, length = f"{got} of shape {list(each.shape)}", next(iter(each.shape), None)
            elif isinstance(each, Sequence) and not isinstance(each, (str, bytes)):
                got, length = f"{got} of {len(each)}", len(each)
            if length != count:
                raise PtmError(
                    f"{self._samples.name}: expected transform_samples to give a value for each "
                    f"of {count} samples, got '{name}' {got}"
                )

    def _place(self, number: int) -> int:
        place, count = index(number), len(self)
        if not -count <= place < count:
            raise IndexError(f"{self._samples.name}: sample {place} of {count}")
        return place % count

    def _positions_of(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        return places if self._positions is None else self._positions[places]

    def _array(self, name: str) -> NDArray[Any]:
        tensor = self._tensor(name)
        try:
            return tensor.numpy()
        except TypeError as error:  # bfloat16
            got = f"'{name}' {tensor.dtype}"
            raise PtmError(
                f"{self._samples.name}: expected a dtype that NumPy has, got {got}"
            ) from error

    def _tensor(self, name: str) -> torch.Tensor:
        if self._positions is None:
            mapped = self._samples.whole(name)
            if mapped is not None:
                return mapped
        positions = self._positions_of(np.arange(len(self)))
        return self._samples.only(name).tensors(positions)[name]
