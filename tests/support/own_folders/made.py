"""What `ptm init` and `ptm run` made of a folder, and what holds of it whatever the folder has."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

import ptm
from ptm.model import Artifact

# options that an entry which learns from another one has for itself
OWN = {
    *("path", "pattern", "rows", "sql", "learn_from", "timeout", "expect", "drift"),
    *("split", "seed", "group", "near", "time", "embargo", "statistics"),
}
FEWEST = 50  # samples of which a split is asked for
SPLITS = {"train", "val", "test"}


@dataclass(frozen=True)
class Made:
    """A folder, and all that came of it.

    Attributes:
        folder: the data.
        place: where the commands ran: `catalog.toml`, `artifacts`.
        said: what `ptm init` printed.
    """

    folder: Path
    place: Path
    said: str

    @cached_property
    def catalog(self) -> dict[str, Any]:
        """The catalog as it was written."""
        return tomllib.loads((self.place / "catalog.toml").read_text(encoding="utf-8"))

    @property
    def data(self) -> Path:
        """The data root that it names."""
        return (self.place / self.catalog["catalog"].get("data", "data")).resolve()

    @property
    def names(self) -> list[str]:
        """Of its entries."""
        return [name for name in self.catalog if name != "catalog"]

    def options(self, name: str) -> dict[str, Any]:
        """The options of an entry, with those of the one that it learns from."""
        entry = self.catalog[name]
        teacher = self.catalog.get(entry.get("learn_from", ""), {})
        taken = {option: value for option, value in teacher.items() if option not in OWN}
        aside = [teacher[one] for one in ("group", "time") if one in teacher]
        exclude = [*entry.get("exclude", taken.get("exclude", [])), *aside]
        return {**taken, **entry, "exclude": exclude}

    @cached_property
    def artifacts(self) -> Mapping[str, Artifact]:
        """What each entry became, by its name."""
        return {name: ptm.load(name, self.place / "artifacts") for name in self.names}

    def reads(self, name: str) -> set[Path]:
        """The files whose bytes an artifact was made of."""
        artifact = self.artifacts[name]
        if not (inputs := artifact.path / "inputs.parquet").exists():
            return set()
        return {(self.data / one["path"]).resolve() for one in pq.read_table(inputs).to_pylist()}

    def entry(self, kind: str, *files: str) -> str:
        """The one entry of a kind that reads all of these files of the folder."""
        wanted = {(self.folder / file).resolve() for file in files}
        missing = [file for file in wanted if not file.is_file()]
        assert not missing, missing
        of_kind = [name for name in self.names if self.catalog[name]["kind"] == kind]
        found = [name for name in of_kind if wanted <= self.reads(name)]
        said = f"expected one {kind} of {files}, got {found} of {self.catalog}"
        assert len(found) == 1, said
        return found[0]


@dataclass(frozen=True)
class Folder:
    """A folder as people have them, and what is true of it.

    Attributes:
        name: of the folder.
        write: makes it, and gives what was planted.
        agrees: fails where an independent reader does not read what was planted.
        check: fails where what was made of it is not what an independent reader reads.
        quick: whether it is among those that `make test` looks at.
    """

    name: str
    write: Callable[[Path], Any]
    agrees: Callable[[Path, Any], None]
    check: Callable[[Made], None]
    quick: bool = False

    def __str__(self) -> str:
        return self.name


def nothing_lost(made: Made) -> None:
    """Each file is read, or told to be left out: by its name, its folder or its suffix.

    What systems leave need not be told.
    """
    read = {path for name in made.names for path in made.reads(name)}
    said = made.said + (made.place / "catalog.toml").read_text(encoding="utf-8")
    said = "".join(said.replace("│", " ").split()).lower()  # a terminal wraps long lines
    lost = []
    for path in sorted(made.folder.rglob("*")):
        below = path.relative_to(made.folder)
        if path.is_dir() or path.resolve() in read or _left_by_systems(below):
            continue
        words = [path.name, *(f"{folder.name}/" for folder in below.parents if folder.name)]
        words += [path.suffix] if path.suffix else []
        if not any("".join(word.split()).lower() in said for word in words):
            lost.append(str(below))
    assert not lost, f"neither read nor told: {lost}"


def _left_by_systems(path: Path) -> bool:
    return any(part.startswith((".", "__MACOSX", "Thumbs.db")) for part in path.parts)


def split_of(made: Made, name: str, brings_one: bool, count: int) -> list[str]:
    """The split of each row; "train" where the entry has none.

    An entry has one where the data brings none and there are enough samples, and nothing but
    train, val and test is in it.
    """
    artifact = made.artifacts[name]
    has = "split" in made.catalog[name]
    rows = artifact.table
    if not brings_one and count >= FEWEST:
        assert has, f"[{name}]: expected a split of {count} samples"
    if not has:
        return ["train"] * len(rows)
    found = rows["split"].tolist()
    assert set(found) <= SPLITS and "train" in found, set(found)
    for split in SPLITS & set(found):
        places = [place for place, one in enumerate(found) if one == split]
        assert artifact.split(split).tolist() == places
    return found
