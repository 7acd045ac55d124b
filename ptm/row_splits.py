"""Which split each row of an artifact belongs to, as a column of its rows says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ptm.errors import PtmError
from ptm.split import NONE, TRAIN

if TYPE_CHECKING:
    import pyarrow as pa

Positions = NDArray[np.int64]


class RowSplits:
    """The splits of an artifact: their names and sizes, and which rows each has.

    Args:
        name: of the artifact.
        count: of its rows.
        columns: the column "split" of the rows, piece by piece; None where they have none.
        named: the splits that there are, those without rows too.

    Raises:
        PtmError: there are more splits than 255.
    """

    def __init__(
        self,
        name: str,
        count: int,
        columns: Iterable[pa.ChunkedArray] | None,
        named: Sequence[str] = (),
    ) -> None:
        self._name, self._count = name, count
        self._codes: NDArray[np.uint8] | None = None
        self.counts = {TRAIN: count}
        if columns is not None:
            self._codes, names = _coded(name, count, columns, named)
            sizes = np.bincount(self._codes, minlength=NONE + 1).tolist()
            self.counts = dict(zip(names, sizes, strict=False))

    def positions(self, split: str) -> Positions | None:
        """The rows of a split, int64 [row], in their order; None where it has all of them.

        Raises:
            PtmError: there is no such split; it says which there are.
        """
        if split not in self.counts:
            known = ", ".join(f"{name} ({size} rows)" for name, size in self.counts.items())
            raise PtmError(f"{self._name}: expected one of the splits {known}, got {split!r}")
        if self._codes is None or self.counts[split] == self._count:
            return None
        return np.flatnonzero(self._codes == list(self.counts).index(split))


def _coded(
    name: str, count: int, columns: Iterable[pa.ChunkedArray], named: Sequence[str]
) -> tuple[NDArray[np.uint8], list[str]]:
    """A number for each row, and the name of each number; rows without a value have NONE."""
    codes = np.full(count, NONE, dtype=np.uint8)
    names, first = {split: code for code, split in enumerate(named)}, 0
    for column in columns:
        for chunk in column.chunks:
            found = chunk if hasattr(chunk, "dictionary") else chunk.dictionary_encode()
            known = found.dictionary.to_pylist()
            each = [NONE if one is None else names.setdefault(one, len(names)) for one in known]
            if len(names) > NONE:
                raise PtmError(f"{name}: expected {NONE} splits at most, got {len(names)}")
            table = np.array([*each, NONE], dtype=np.uint8)
            indices = found.indices.fill_null(len(each)).to_numpy(zero_copy_only=False)
            codes[first : first + len(indices)] = table[indices]
            first += len(indices)
    return codes, list(names)
