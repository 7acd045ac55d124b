"""The splits of the samples of a part, and blocks of some of its samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ptm.model import SAMPLE, Block
from ptm.split import COLUMN, NONE

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


class Splits(NamedTuple):
    """The split of each sample of a part.

    Attributes:
        names: of all splits of the entry.
        codes: for each sample its place among them, or `NONE`; uint8 [sample].
        of: the entry that it is inherited from; "" of one with a rule of its own.
    """

    names: tuple[str, ...]
    codes: NDArray[np.uint8]
    of: str = ""

    @property
    def column(self) -> pa.Array:
        """The name of each, string; null of what is in no split."""
        import pyarrow as pa

        return pa.DictionaryArray.from_arrays(
            pa.array(self.codes, pa.uint8(), mask=self.codes == NONE), pa.array(self.names)
        ).cast(pa.string())

    @classmethod
    def of_column(cls, names: tuple[str, ...], column: pa.ChunkedArray) -> Splits:
        """Those that `column` gave."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        places = pc.fill_null(pc.index_in(column, pa.array(names, pa.string())), NONE)
        return cls(names, np.asarray(places).astype(np.uint8))

    def with_column(self, rows: pa.Table) -> pa.Table:
        """Rows with the name of the split of each, in the last column."""
        import pyarrow as pa

        if not rows.num_columns:
            return pa.table({COLUMN: self.column})
        return rows.append_column(COLUMN, self.column)

    def blocks(self, block: Block) -> Iterator[tuple[str, int, Block]]:
        """The samples of each split that has any, and how many they are, in the order of names."""
        for code, name in enumerate(self.names):
            mask = self.codes == code
            if count := int(mask.sum()):
                yield name, count, block if count == len(mask) else those(block, mask)

    def left(self, rows: pa.Table) -> pa.Table:
        """The rows of the samples that are in no split."""
        import pyarrow as pa

        return rows.filter(pa.array(self.codes == NONE)) if rows.num_columns else rows


def those(block: Block, mask: NDArray[np.bool_]) -> Block:
    """A block of some of its samples."""
    import pyarrow as pa
    import torch

    tensors = {
        name: torch.from_numpy(tensor.numpy()[mask])
        if block.axes[name][:1] == (SAMPLE,) and len(tensor) == len(mask)
        else tensor
        for name, tensor in block.tensors.items()
    }
    rows = block.rows.filter(pa.array(mask)) if block.rows.num_columns else block.rows
    return replace(block, tensors=tensors, rows=rows)


def without_column(rows: pa.Table) -> pa.Table:
    """Rows as the kind gave them."""
    return rows.drop_columns([COLUMN]) if COLUMN in rows.column_names else rows
