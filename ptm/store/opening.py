"""An artifact as people get it: files are checked when something of them is asked for, then mapped.

Tensors of many parts are joined when they are asked for, up to 4 GiB; larger ones are read part by
part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ptm.errors import PtmError
from ptm.frames import frame_of
from ptm.index import StatIndex
from ptm.learned import Learned
from ptm.model import Artifact, PartRef
from ptm.scaling import problem_of
from ptm.shown import readable_size
from ptm.store.files import corrupt, mapped, verify_each
from ptm.store.manifest import MANIFEST, POOL, WHOLE, files_of, refs_of
from ptm.store.openings import note_opening
from ptm.store.pool import part_rows, part_tensors

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import torch

    from ptm.store.reading import Publication

MOST_JOINED = 4 << 30  # bytes of one tensor
SAVES = 8  # of what was found whole, at most so often while an artifact is read


class Checker:
    """Checks files of a publication before they are read, through the index of its shelf.

    Args:
        publication: held.
        index: of its shelf; what it knows is not read again.
        save: called where there is more to remember.
    """

    def __init__(
        self, publication: Publication, index: StatIndex, save: Callable[[], object] | None = None
    ) -> None:
        self._publication, self._index, self._save = publication, index, save
        self._files = {file.file: file for file in files_of(publication.manifest)}
        self._fresh = 0

    def __call__(self, file: str) -> Path:
        """The place of one file, after checking it."""
        self.check([file])
        return self.place(file)

    def place(self, file: str) -> Path:
        """The place of one file."""
        return place_of(self._publication.folder, file)

    def check(self, files: list[str]) -> None:
        """Checks files.

        Raises:
            ArtifactCorrupt: one is missing, or holds other bytes.
            StoreError: one may not be read.
        """
        shelf = self._publication.folder.parent
        before, self._index.changed = self._index.changed, False
        verify_each(shelf, [(self.place(file), self._files[file]) for file in files], self._index)
        self._fresh += len(files) if self._index.changed else 0
        self._index.changed |= before
        if self._save and self._fresh * SAVES >= len(self._files):
            self._save()
            self._fresh = 0


def place_of(folder: Path, file: str) -> Path:
    """Where a file of a publication is: in its folder, or in the pool of its shelf."""
    return folder.parent / file if file.startswith(f"{POOL}/") else folder / file


class StoredPart(NamedTuple):
    """One part of an artifact. Each access checks its file, and reads it anew.

    Attributes:
        ref: what it holds, and in which files.
        shelf: the folder of the artifact's name.
        check: of the artifact's files.
    """

    ref: PartRef
    shelf: Path
    check: Checker

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """Its tensors by name, memory-mapped.

        Raises:
            ArtifactCorrupt, StoreError: the file is damaged, or may not be read.
        """
        self._check("tensors")
        return part_tensors(self.shelf, self.ref)

    @property
    def arrow(self) -> pa.Table | None:
        """Its rows; None where it has none. Raises what `tensors` raises."""
        self._check("rows")
        return part_rows(self.shelf, self.ref)

    def column(self, name: str) -> pa.Table:
        """One column of its rows, which it has. Raises what `tensors` raises."""
        import pyarrow.parquet as pq

        self._check("rows")
        return pq.read_table(self.shelf / self.ref.files["rows"].file, columns=[name])

    @property
    def rows(self) -> pd.DataFrame | None:
        """Its rows as a frame; None where it has none. Raises what `tensors` raises."""
        table = self.arrow
        return None if table is None else frame_of(table)

    def _check(self, role: str) -> None:
        if role in self.ref.files:
            self.check.check([self.ref.files[role].file])


class Tensors(Mapping[str, "torch.Tensor"]):
    """The tensors of an artifact: mapped where they stand in one file, else joined and kept."""

    def __init__(
        self, manifest: Mapping[str, Any], parts: tuple[StoredPart, ...], check: Checker
    ) -> None:
        self._name, self._entries = manifest["name"], manifest["tensors"]
        self._parts = [part for part in parts if part.ref.tensors]
        self._check = check
        self._found: dict[str, torch.Tensor] = {}

    def __getstate__(self) -> dict[str, Any]:
        """A copy in another process maps the files itself."""
        kept = {name: value for name, value in vars(self).items() if name != "_whole"}
        return {**kept, "_found": {}}

    def __getitem__(self, name: str) -> torch.Tensor:
        if name not in self._found:
            entry = self._entries[name]
            if entry["file"] is not None:
                self._found |= self._whole
            elif len(self._parts) == 1:
                self._found |= self._parts[0].tensors
            else:
                self._found[name] = self._joined(name, entry)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries  # without reading it

    def __repr__(self) -> str:
        return f"<tensors of {self._name}: {', '.join(self._entries)}>"

    @cached_property
    def _whole(self) -> dict[str, torch.Tensor]:
        entries = {n: entry for n, entry in self._entries.items() if entry["file"] is not None}
        return mapped(self._check(WHOLE), entries, self._name)

    def _joined(self, name: str, entry: Mapping[str, Any]) -> torch.Tensor:
        import torch

        dtype = getattr(torch, entry["dtype"], None)
        bytes_ = prod(entry["shape"]) * (dtype.itemsize if isinstance(dtype, torch.dtype) else 1)
        if bytes_ > MOST_JOINED:
            raise PtmError(
                f"{self._name}: expected '{name}' to have {readable_size(MOST_JOINED)} at most to "
                f"join its {len(self._parts)} parts in memory, got {readable_size(bytes_)}; "
                f"use .parts, one after another"
            )
        # all at once: several are hashed side by side
        self._check.check([part.ref.files["tensors"].file for part in self._parts])
        return torch.cat([part_tensors(part.shelf, part.ref)[name] for part in self._parts])


def opened(
    publication: Publication, parts: StatIndex, save: Callable[[], object] | None = None
) -> Artifact:
    """The artifact of a publication; each of its files is checked when it is asked for.

    Args:
        publication: held; it stays so as long as the artifact lives.
        parts: index of the shelf; what it knows is not read again.
        save: called where it has more to remember.

    Raises:
        ArtifactCorrupt: what was learned is something else.
    """
    manifest, folder = publication.manifest, publication.folder
    check = Checker(publication, parts, save)
    stored = tuple(StoredPart(ref, folder.parent, check) for ref in refs_of(manifest))
    return Artifact(
        manifest["name"],
        folder,
        manifest,
        Tensors(manifest, stored, check),
        _learned(publication),
        check,
        parts=stored,
        opened=partial(note_opening, folder.parent, folder.name),
    )


def _learned(publication: Publication) -> Learned | None:
    learned = publication.manifest["learned"]
    if not learned:
        return None
    try:
        found = Learned.from_json(learned)
        for one in found.scalers.values():
            if wrong := problem_of(one):
                raise ValueError(wrong)
        return found
    except (TypeError, ValueError, LookupError, AttributeError, PtmError) as error:
        place = publication.folder / MANIFEST
        name = publication.manifest["name"]
        raise corrupt(place, "what was learned", f"something else: {error}", name) from error
