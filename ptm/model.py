"""The values that pass between kinds, store and people: Part, Block, View, Artifact."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from ptm.scaling import Scaler

# Axis names, once, for docstrings and manifests.
SAMPLE, CHANNEL, DEPTH, HEIGHT, WIDTH = "sample", "channel", "depth", "height", "width"
FEATURE, CLASS, HOUR, DAY, PARAMETER = "feature", "class", "hour", "day", "parameter"
WORD, CHARACTER, CODE_POINT, VOCABULARY = "word", "character", "code_point", "vocabulary"

ROWS = "rows"  # the name of the one table that describes the samples of a source
SHOWN, SHOWN_COLUMNS = 6, 12  # tensors in a repr; columns, and facts, in a notebook
LONG = 120  # characters of a fact that a notebook shows


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
    """What a kind reads at once: a bounded slice of a source; today always the whole of it.

    Attributes:
        number: from 0, in the order of the source.
        files: sorted by name; none where the rows stand in the catalog itself.
        span: of a file that several parts share, the bytes from and to; None for whole files.
        key: digest of all that decides its content.
    """

    number: int
    files: tuple[File, ...]
    span: tuple[int, int] | None = None
    key: str = ""


class Bad(NamedTuple):
    """A sample that could not be read.

    Attributes:
        file: its name, as of `File`.
        where: place in it ("row 17"), or "".
        expected: what should have been there.
        got: what was there.
    """

    file: str
    where: str
    expected: str
    got: str


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
        bad: samples that could not be read.
        facts: JSON values for the manifest (spacing in mm, filled hours, …).
        notes: sentences for people.
    """

    tensors: Mapping[str, Any] = field(default_factory=dict)
    axes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rows: Any = None
    tables: Mapping[str, Any] = field(default_factory=dict)
    scaler: Scaler | None = None
    bad: tuple[Bad, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


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

    @property
    def publication(self) -> str:
        """Name of the published folder."""
        return Path(self.path).name

    def __repr__(self) -> str:
        tensors = ", ".join(_first(map(" ".join, _described(self.tensors)), SHOWN))
        made = "cached" if self.cached else f"made in {self.seconds:.2f} s"
        size = readable_size(self.bytes)
        return f"<ArtifactRef {self.name} ({self.kind}): {tensors}; {size}, {made}>"


@dataclass(frozen=True, repr=False)
class Artifact:
    """A verified artifact in memory: tensors are memory-mapped, tables are read when asked for.

    Attributes:
        name: of the entry.
        path: the published folder; it is not collected as long as this object lives.
        manifest: what the folder holds, how it was made, of what.
        tensors: by name.
        scaler: what normalised the tensors, if anything did.
        file: gives the path of one of its files, after checking its digest.
        draw: gives its views; None where it was not loaded by `ptm.load`.
    """

    name: str
    path: Path
    manifest: dict[str, Any]
    tensors: Mapping[str, torch.Tensor]
    scaler: Scaler | None
    file: Callable[[str], Path]
    draw: Callable[[Artifact], list[Any]] | None = None

    @cached_property
    def views(self) -> list[Any]:
        """The tables and pictures of its kind (`ptm.views.Drawn`), drawn once and kept."""
        return self.draw(self) if self.draw else []

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table by name; `attrs["units"]` maps a column to its unit."""
        return {
            name: _frame(self.file(entry["file"]))
            for name, entry in self.manifest["tables"].items()
        }

    @property
    def table(self) -> pd.DataFrame:
        """The rows of a source. An analysis has several `tables` instead."""
        if ROWS not in self.manifest["tables"]:
            names = ", ".join(self.manifest["tables"])
            raise AttributeError(f"{self.name} has no rows, use .tables[…]: {names}")
        return self.tables[ROWS]

    def __repr__(self) -> str:
        tensors = _first(map(" ".join, _described(self.manifest["tensors"])), SHOWN)
        return "\n  ".join([f"<Artifact {self._title()}", *tensors]) + ">"

    def _repr_html_(self) -> str:
        """What a notebook shows: what the manifest says, as a table, and the views."""
        tensors = [
            (*described, ", ".join(entry["axes"]))
            for described, entry in zip(
                _described(self.manifest["tensors"]),
                self.manifest["tensors"].values(),
                strict=True,
            )
        ]
        facts = [f"{name}: {_short(value)}" for name, value in self.manifest["facts"].items()]
        for name, table in self.manifest["tables"].items():
            columns = ", ".join(_first(map(_with_unit, table["columns"]), SHOWN_COLUMNS))
            facts.append(f"table {name}: {table['rows']} rows; {columns}")
        lines = "".join(f"<div>{escape(fact)}</div>" for fact in _first(facts, SHOWN_COLUMNS))
        body = "".join(_html_row("td", row) for row in tensors)
        head = _html_row("th", ("tensor", "shape", "dtype", "axes"))
        title = f"<div><b>{escape(self._title())}</b></div>"
        views = "".join(view._repr_html_() for view in self.views)
        return f"<div>{title}<table>{head}{body}</table>{lines}{views}</div>"

    def _title(self) -> str:
        rows = self.manifest["tables"].get(ROWS, {}).get("rows")
        counted = "" if rows is None else f", {rows} rows"
        size = readable_size(sum(part["bytes"] for part in self.manifest["parts"]))
        return f"{self.name} ({self.manifest['kind']}){counted}, {size}"


def _described(tensors: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Name, shape and dtype of each tensor."""
    return [
        (name, " x ".join(map(str, entry["shape"])) or "scalar", str(entry["dtype"]))
        for name, entry in tensors.items()
    ]


def _first(texts: Iterable[str], most: int) -> list[str]:
    """The first of many; how many more there are."""
    known = list(texts)
    return known[:most] + ([f"… and {len(known) - most} more"] if len(known) > most else [])


def readable_size(count: int) -> str:
    """Bytes for people: kB, MB or GB, of 1000 and its powers."""
    if count >= 1e9:
        return f"{count / 1e9:.2f} GB"
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONG else f"{text[:LONG]} …"


def _with_unit(column: Mapping[str, str]) -> str:
    return f"{column['name']} ({column['unit']})" if "unit" in column else column["name"]


def _html_row(tag: str, cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _frame(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    frame = table.to_pandas()
    frame.attrs["units"] = {
        column.name: column.metadata[b"unit"].decode()
        for column in table.schema
        if column.metadata and b"unit" in column.metadata
    }
    return frame
