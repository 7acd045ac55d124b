"""What an artifact has for each of its rows: tensors, columns, and the split that a row is in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from ptm.dataset import Dataset
from ptm.errors import PtmError
from ptm.loading.changing import Transform
from ptm.loading.loader import Loader
from ptm.loading.order import Share
from ptm.loading.samples import Home, Kind, Samples
from ptm.row_splits import RowSplits
from ptm.split import COLUMN, TRAIN

if TYPE_CHECKING:
    import pyarrow as pa

    from ptm.model import Artifact
    from ptm.store.opening import StoredPart


class Rows(NamedTuple):
    """The rows of an artifact, read when they are asked for.

    Attributes:
        table: what the manifest says of them; None where there are none.
        parts: of the artifact.
        file: gives the path of one of its files, after checking it.
    """

    table: Mapping[str, Any] | None
    parts: tuple[StoredPart, ...]
    file: Callable[[str], Any]

    @property
    def exist(self) -> bool:
        """Whether the artifact has rows."""
        return self.table is not None

    def tables(self) -> Iterator[pa.Table]:
        """All of them, piece by piece."""
        if self._in_one_file():
            yield self._of_file(None)
        else:
            yield from (t for part in self.parts for t in [part.arrow] if t is not None)

    def column(self, name: str) -> Iterator[pa.ChunkedArray] | None:
        """One column, piece by piece; None where there is none of that name."""
        if self.table is None or name not in (c["name"] for c in self.table["columns"]):
            return None
        if self._in_one_file():
            return iter([self._of_file([name])[name]])
        return (part.column(name)[name] for part in self.parts if part.ref.rows is not None)

    def _in_one_file(self) -> bool:
        return self.table is not None and self.table["file"] is not None

    def _of_file(self, columns: list[str] | None) -> pa.Table:
        import pyarrow.parquet as pq

        assert self.table
        return pq.read_table(self.file(self.table["file"]), columns=columns)


@dataclass(frozen=True)
class ByRow:
    """What an artifact has for each of its rows.

    Attributes:
        samples: of its tensors.
        rows: of its table.
        key: of the artifact.
        named: its splits, those without samples too; none where its entry says none.
    """

    samples: Samples
    rows: Rows
    key: str
    named: Sequence[str] = ()

    @cached_property
    def splits(self) -> RowSplits:
        """Which row is in which split."""
        column = self.rows.column(COLUMN) if self.named else None  # else it is one of the file
        return RowSplits(self.samples.name, self.samples.count, column, self.named)

    def split(self, name: str) -> torch.Tensor:
        """See `Artifact.split`."""
        positions = self.splits.positions(name)
        return torch.from_numpy(np.arange(self.samples.count) if positions is None else positions)

    def dataset(self, split: str, transform_samples: Transform | None) -> Dataset:
        """See `Artifact.dataset`."""
        return Dataset(self.samples, self.splits.positions(split), self.rows, transform_samples)

    def loader(
        self,
        split: str,
        batch_size: int,
        rank: int,
        world_size: int,
        drop_last: bool,
        shuffle: bool | None,
        balanced: bool,
        **how: Any,
    ) -> Loader:
        """See `Artifact.loader`."""
        positions = self.splits.positions(split)
        count = self.samples.count if positions is None else len(positions)
        share = Share(count, batch_size, drop_last, rank, world_size)
        shuffles = balanced or split == TRAIN if shuffle is None else shuffle
        how |= {"shuffle": shuffles, "balanced": balanced}
        return Loader(self.samples, positions, share, self.key, split, **how)


class _Whole(NamedTuple):
    """The tensors of an artifact that stand in no part."""

    tensors: Mapping[str, torch.Tensor]


def by_row(artifact: Artifact, table: Mapping[str, Any] | None, along: Sequence[str]) -> ByRow:
    """What an artifact has for each of its rows.

    Args:
        artifact: any.
        table: what the manifest says of its rows; None where it has none.
        along: names of axes that may be that of the rows.

    Raises:
        PtmError: none of its tensors has a sample for each row.
    """
    entries = artifact.manifest["tensors"]
    first = {n: e["shape"][0] for n, e in entries.items() if e["axes"] and e["axes"][0] in along}
    count = int(table["rows"] if table else next(iter(first.values()), 0))
    names = [name for name, length in first.items() if length == count]
    if not names:
        has = f"the {count} rows" if table else "samples"
        shapes = ", ".join(f"{n} {e['shape']} [{', '.join(e['axes'])}]" for n, e in entries.items())
        raise PtmError(
            f"{artifact.name}: expected a tensor whose first axis is that of {has}, to have "
            f"splits, datasets and loaders of, got {shapes or 'no tensors'}"
        )
    learned = artifact.learned
    raw = {name: learned.scalers[name] for name in learned.raw} if learned else {}
    kinds = {
        name: Kind(
            name,
            tuple(entries[name]["shape"][1:]),
            getattr(torch, entries[name]["dtype"]),
            raw.get(name),
        )
        for name in names
    }
    homes = []
    if whole := [kinds[name] for name in names if entries[name]["file"] is not None]:
        homes.append(Home(whole, [_Whole(artifact.tensors)], [count]))
    if parted := [kinds[name] for name in names if entries[name]["file"] is None]:
        parts = [part for part in artifact.parts if part.ref.tensors]
        lengths = [part.ref.tensors[parted[0].name]["shape"][0] for part in parts]
        homes.append(Home(parted, parts, lengths))
    rows = Rows(table, artifact.parts, artifact.file)
    named = artifact.manifest["split"].get("names", ())
    samples = Samples(artifact.name, count, homes, names)
    return ByRow(samples, rows, artifact.manifest["key"], named)
