"""The values that pass between kinds, store and people: Part, Block, View, Artifact."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm import shown
from ptm.errors import PtmError
from ptm.split import TRAIN
from ptm.tables import ROWS as ROWS
from ptm.tables import Columns, Tables

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import torch
    from numpy.typing import NDArray

    from ptm.by_row import ByRow
    from ptm.dataset import Dataset
    from ptm.learned import Learned
    from ptm.loading.changing import Transform
    from ptm.loading.loader import Loader
    from ptm.scaling import Scaler, Scaling
    from ptm.store.opening import StoredPart

# Axis names, once, for docstrings and manifests.
SAMPLE, CHANNEL, DEPTH, HEIGHT, WIDTH = "sample", "channel", "depth", "height", "width"
FEATURE, CLASS, HOUR, DAY, PARAMETER = "feature", "class", "hour", "day", "parameter"
WORD, CHARACTER, CODE_POINT, VOCABULARY = "word", "character", "code_point", "vocabulary"

# what the column "file" of rows says where a sample is a row of the file, and not all of it
ROW_OF_FILE = {"sample": "row"}
QUARANTINE = "quarantine"  # that of the table of those that could not be read


class File(NamedTuple):
    """One input file.

    Attributes:
        name: its path below the source, with forward slashes; a lone file's own name.
        url: where it is.
        bytes: its size.
        sha256: hex digest of its bytes.
    """

    name: str
    url: str
    bytes: int = 0
    sha256: str = ""

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(self.url)


class Part(NamedTuple):
    """What a kind reads at once: a bounded slice of a source.

    Attributes:
        number: from 0, in the order of the source; 0 where it is read, since a part stays as it is
            where others are put before it.
        files: sorted by name; none where the rows stand in the catalog itself.
        span: of a file that several parts share, the bytes (see `total`) from and to; None for
            whole files.
        key: digest of all that decides its content; "" where it is no part of several.
        head: of such a file, how many bytes at its begin belong to each part, as a header does.
        before: how many rows, or lines, of such a file stand before the span.
        digest: SHA-256, hex, of all in the file that decides what is read of head and span; ""
            where that is all of its files.
        usual: what most samples of the source have of that which all must have the same, by the
            names of `uniform` of a block; where it is known, others are bad.
        beside: files that its samples need and that are none: those of `Source.beside`.
        said: what the kind's `parts` says of it to its `read`, as JSON; it decides the content.
        total: what the spans of such a file go up to, where that is not the bytes it has: those
            that it has decompressed, or its rows.
        columns: the order of its columns, where its files have another one than those of others.
    """

    number: int
    files: tuple[File, ...]
    span: tuple[int, int] | None = None
    key: str = ""
    head: int = 0
    before: int = 0
    digest: str = ""
    usual: tuple[tuple[str, str], ...] = ()
    beside: tuple[File, ...] = ()
    said: str = ""
    total: int = 0
    columns: tuple[str, ...] = ()


class PartFile(NamedTuple):
    """One file of a part as it is in the store.

    Attributes:
        file: its path in the folder of the artifact's name: "parts/SHA256.pt".
        sha256: hex digest of its bytes.
        bytes: its size.
    """

    file: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class PartRef:
    """A part as it is in the store: what it holds, and in which files.

    Attributes:
        key: digest of all that decides its content.
        tensors: for each tensor its shape and dtype.
        columns: of its rows, each with name, dtype and what its metadata say; None without rows.
        rows: how many it has; None without rows.
        files: "tensors" and "rows", those of them that there are.
    """

    key: str
    tensors: dict[str, dict[str, Any]]
    columns: list[dict[str, str]] | None
    rows: int | None
    files: dict[str, PartFile]

    def to_json(self) -> dict[str, Any]:
        """JSON values from which `from_json` makes an equal one."""
        files = {role: list(file) for role, file in self.files.items()}
        return {**vars(self), "files": files}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> PartRef:
        """The one that `to_json` described."""
        files = {role: PartFile(*file) for role, file in values["files"].items()}
        return cls(**{**values, "files": files})


class Bad(NamedTuple):
    """A sample that could not be read.

    Attributes:
        file: its name, as of `File`.
        where: place in it ("row 17"), or "".
        expected: what should have been there.
        got: what was there.
        row: its number in the file, from 1, where it is a row of one; so the good ones keep theirs.
    """

    file: str
    where: str
    expected: str
    got: str
    row: int = 0


def row_numbers(
    before: int,
    rows: int,
    bad: Sequence[Bad],
    left_out: Mapping[str, Sequence[int]] = MappingProxyType({}),
) -> NDArray[np.int64]:
    """The number in the file of each row of a part that is left, from 1, int64 [row].

    Args:
        before: how many rows of the file stand before the part.
        rows: how many are left.
        bad: those that were set aside.
        left_out: those that were left out, see `Block`.
    """
    import numpy as np

    others = [number for numbers in left_out.values() for number in numbers]
    aside = np.array([*(one.row for one in bad if one.row), *others], dtype=np.int64)
    numbers = np.arange(before + 1, before + rows + len(aside) + 1)
    return np.setdiff1d(numbers, aside, assume_unique=True) if len(aside) else numbers


@dataclass(frozen=True)
class Block:
    """What a kind makes of a part, or an analysis of artifacts, before anything is stored.

    Attributes:
        tensors: by name; NumPy arrays are taken too.
        axes: for each tensor, the name of each axis; of a tensor that is not named here the first
            is "sample", the others "axis_1", "axis_2", …
        rows: a row for each sample, in the order of the tensors: an Arrow table, a data frame, or
            columns by name. Units stand in the metadata of Arrow fields, or in `attrs["units"]` of
            a frame, whose index becomes columns. None of an analysis.
        tables: other tables, by name.
        scaler: what normalised the tensors, if anything did.
        bad: samples that could not be read, and are in none of the others.
        left_out: rows that the entry leaves out where a value is missing, by its column: their
            numbers in the file, from 1.
        facts: JSON values for the manifest (spacing in mm, filled hours, …); of several parts the
            same in each.
        notes: sentences for people.
        scaling: how tensors, which are raw, are to be scaled by statistics of all parts.
        uniform: of what all samples of a source must have the same, how many have which: sizes.
        carried: JSON values that the kind's `whole` gets of each part.
    """

    tensors: Mapping[str, Any] = field(default_factory=dict)
    axes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rows: Any = None
    tables: Mapping[str, Any] = field(default_factory=dict)
    scaler: Scaler | None = None
    bad: tuple[Bad, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    scaling: Mapping[str, Scaling] = field(default_factory=dict)
    uniform: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    carried: Mapping[str, Any] = field(default_factory=dict)
    left_out: Mapping[str, Sequence[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Whole:
    """What is published beside the parts: what belongs to a source as a whole.

    Attributes:
        axes: for each tensor, of the parts too, the name of each axis.
        tensors: those that are no parts' (one line of a text, one-hot).
        tables: those that are no parts', by name, Arrow; "rows" where the parts have none.
        learned: JSON of what was learned (`ptm.learned.Learned`).
        stats: JSON of what was measured (`ptm.stats.Stats`).
        facts: JSON values.
        notes: sentences for people.
        split: JSON of what is known of the split; of none where there is none.
        left_out: numbers of rows that were left out, see `Block`; they are not published.
    """

    axes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tensors: Mapping[str, torch.Tensor] = field(default_factory=dict)
    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    learned: Mapping[str, Any] = field(default_factory=dict)
    stats: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    split: Mapping[str, Any] = field(default_factory=dict)
    left_out: Sequence[int] = ()


@dataclass(frozen=True)
class View:
    """A table or a picture of an artifact, for dashboard, terminal and notebook alike.

    Attributes:
        name: of a-z, 0-9 and '-'; it keeps its history in the dashboard.
        sentence: what it shows, with the units.
        table: a data frame, an Arrow table, or columns by name.
        picture: a figure of Matplotlib, or the bytes of a PNG.
        title: of a picture.
    """

    name: str
    sentence: str
    table: Any = None
    picture: Any = None
    title: str = ""


@dataclass(frozen=True, repr=False)
class ArtifactRef:
    """A small, picklable reference to one published artifact; what tasks pass to each other.

    Attributes:
        name: of the entry.
        key: digest of everything that decides the content.
        path: the published folder.
        kind: of the entry.
        tensors: for each tensor its shape, dtype and axis names.
        bytes: size of the artifact's files.
        cached: True when it was up to date and nothing was made.
        seconds: wall time of making it (of finding it, when cached).
        warnings: sentences for people.
        why: why it had to be made, or to be made current again; "" when nothing had changed.
        digests: SHA-256 of each of its files.
        bad: how many samples are in quarantine.
    """

    name: str
    key: str
    path: str
    kind: str
    tensors: dict[str, dict[str, Any]]
    bytes: int
    cached: bool = False
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    why: str = ""
    digests: dict[str, str] = field(default_factory=dict)
    bad: int = 0

    @property
    def publication(self) -> str:
        """Name of the published folder."""
        return Path(self.path).name

    def __repr__(self) -> str:
        tensors = ", ".join(shown.few_tensors(self.tensors))
        made = "cached" if self.cached else f"made in {self.seconds:.2f} s"
        size = shown.readable_size(self.bytes)
        return f"<ArtifactRef {self.name} ({self.kind}): {tensors}; {size}, {made}>"


@dataclass(frozen=True, repr=False)
class Artifact:
    """An artifact as it is read: a file is checked when something of it is asked for, then mapped.

    Attributes:
        name: of the entry.
        path: the published folder; it is not collected as long as this object lives.
        manifest: what it holds, how it was made, of what.
        tensors: by name, memory-mapped; those of many parts are joined when they are asked for.
        learned: from its samples (`ptm.Learned`); None where that is nothing.
        file: gives the path of one of its files, after checking its digest.
        draw: gives its views; None where it was not loaded by `ptm.load`.
        opened: is told which split a loader opens, if it is not train.
        parts: in the order of the source, each with `ref`, `tensors` and `rows`; what is larger
            than memory is read from them.
    """

    name: str
    path: Path
    manifest: dict[str, Any]
    tensors: Mapping[str, torch.Tensor]
    learned: Learned | None
    file: Callable[[str], Path]
    draw: Callable[[Artifact], list[Any]] | None = None
    parts: tuple[StoredPart, ...] = ()
    opened: Callable[[str], None] | None = None

    @cached_property
    def views(self) -> list[Any]:
        """The tables and pictures of its kind (`ptm.views.Drawn`), drawn once and kept."""
        return self.draw(self) if self.draw else []

    @cached_property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Every table by name, read when it is asked for; `attrs["units"]` has units by column."""
        return Tables(self.manifest["tables"], self.parts, self.file)

    @property
    def scaler(self) -> Scaler | None:
        """What normalised the tensors, if anything did."""
        return self.learned.scaler if self.learned else None

    def transform(self, raw: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        """Does to new data what was done to its samples: see `ptm.Learned.transform`.

        Raises:
            AttributeError: nothing was learned from them.
            PtmError: as there.
        """
        return self._learned().transform(raw)

    def invert(self, name: str, values: torch.Tensor) -> torch.Tensor:
        """Scaled values of a tensor as raw ones, float64: see `ptm.Learned.invert`.

        For what is always scaled: `transform`, batches, datasets, what a model gives. Of `tensors`,
        which are scaled or raw as the entry stores them, see `raw`.

        Raises:
            AttributeError, PtmError: as `transform`.
        """
        return self._learned().invert(name, values)

    def raw(self, name: str, values: torch.Tensor) -> torch.Tensor:
        """Values of a tensor as they are stored, as raw ones: as they are where they are raw.

        For `tensors` alone: batches and datasets are scaled however it is stored, see `invert`.

        Raises:
            PtmError: there is no such tensor; the values have other channels.
        """
        if name not in self.manifest["tensors"]:
            known = ", ".join(self.manifest["tensors"])
            raise PtmError(f"{self.name}: expected one of the tensors {known}, got '{name}'")
        learned = self.learned
        if learned is None or name not in learned.scalers or name in learned.raw:
            return values
        return learned.invert(name, values)

    def split(self, name: str) -> torch.Tensor:
        """The samples of a split, int64 [sample]: positions in the order of the rows.

        The column "split" of the rows says which they are; all are "train" where the entry has no
        `split`, whatever columns its file has.

        Raises:
            PtmError: there is no such split, and those that there are; no tensor has a sample for
                each row.
        """
        return self._by_row.split(name)

    def dataset(self, split: str, transform_samples: Transform | None = None) -> Dataset:
        """The samples of a split for torch's own DataLoader, and for other libraries.

        Those of all tensors whose first axis is that of the rows, from the mapped files of the
        parts; what is stored raw is scaled when it is read.

        Args:
            split: its name.
            transform_samples: gets samples that are asked for together as a dict of tensors
                [sample, …], a single one too, and gives a dict of such, or of arrays and lists
                with a value for each sample.

        Raises:
            PtmError: as `split`; `transform_samples` is no function. Later, when samples are read:
                ArtifactCorrupt, StoreError.
        """
        return self._by_row.dataset(split, transform_samples)

    def loader(
        self,
        split: str,
        batch_size: int,
        *,
        seed: int = 0,
        epoch: int = 0,
        shuffle: bool | None = None,
        drop_last: bool = False,
        workers: int = 0,
        pin_memory: bool = False,
        rank: int = 0,
        world_size: int = 1,
        balanced: bool = False,
        transform_samples: Transform | None = None,
    ) -> Loader:
        """Batches of the samples of a split: dicts of tensors [sample, …] by name.

        One iteration is one epoch, the next one the next, in another order. The same numbers give
        the same batches, whatever the workers. That a split other than train is opened is noted in
        the store (`ptm show` tells how often). A batch has its memory for itself as long as any
        tensor, view or array of it lives; then it is used again.

        Args:
            split: its name.
            batch_size: samples of a batch, on this rank; the last may have fewer.
            seed: of the order, and of the random numbers of `transform_samples`.
            epoch: of the first iteration.
            shuffle: whether each epoch has a random order; "train" has, if nothing is said, and
                no other split.
            drop_last: leave out, at the end of an epoch, what fills no batch on each rank. Then all
                ranks have as many samples: for training.
            workers: processes that make batches; with 0 a thread of this one does.
            pin_memory: copy batches to memory that CUDA reads from directly, where there is CUDA.
            rank, world_size: each rank has every `world_size`-th sample of one order, from the
                `rank`-th on: no sample comes twice, and without `drop_last` none is left out, so
                that some ranks have one sample more. They have as many batches all the same: a rank
                that lacks a sample for the last one takes it from the one before. (Not so with
                batches of one sample, or fewer samples than ranks.)
            balanced: let all classes come equally often, those of the int64 tensor "target", or
                else of the only one with one axis. Of N samples in C classes each comes N // C
                times, N % C of them once more; its members in turn, as often as it takes.
            transform_samples: is called once for each batch with a dict of tensors [sample, …], and
                gives a dict; in the workers alone, if there are any, so that the first batch waits
                for them. It may change what it gets. The generators of torch, NumPy and `random`
                are seeded by seed, epoch, number of the batch and rank while it runs; for that, it
                is called in one thread of a process at a time.

        Raises:
            PtmError: as `split`; a number is out of range; classes are asked for where there are
                none. Later: ArtifactCorrupt, StoreError; a worker ended; what `transform_samples`
                raises.
        """
        by_row = self._by_row
        if self.opened and split != TRAIN and split in by_row.splits.counts:
            self.opened(split)
        return by_row.loader(
            split,
            batch_size,
            rank,
            world_size,
            drop_last,
            seed=seed,
            epoch=epoch,
            shuffle=shuffle,
            workers=workers,
            pin_memory=pin_memory,
            balanced=balanced,
            transform_samples=transform_samples,
        )

    @cached_property
    def _by_row(self) -> ByRow:
        from ptm.by_row import by_row

        rows = self.manifest["tables"].get(ROWS)
        along = (SAMPLE, HOUR) if rows else (SAMPLE,)
        return by_row(self, rows, along)

    def _learned(self) -> Learned:
        if self.learned is None:
            raise AttributeError(f"{self.name}: nothing was learned from its samples")
        return self.learned

    @property
    def table(self) -> pd.DataFrame:
        """The rows of a source. An analysis has several `tables` instead."""
        self._expect_rows()
        return self.tables[ROWS]

    @property
    def columns(self) -> Columns:
        """The rows, one column at a time: what does not fit into memory at once."""
        self._expect_rows()
        return Columns(self)

    def _expect_rows(self) -> None:
        if ROWS not in self.manifest["tables"]:
            names = ", ".join(self.manifest["tables"])
            raise AttributeError(f"{self.name} has no rows, use .tables[…]: {names}")

    def __repr__(self) -> str:
        return shown.as_text(self.manifest)

    def _repr_html_(self) -> str:
        """What a notebook shows: what the manifest says, as a table, and the views."""
        return shown.as_html(self.manifest, self.views)
