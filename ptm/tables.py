"""The tables of an artifact as data frames, read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ptm.frames import frame_of

if TYPE_CHECKING:
    import pandas as pd

    from ptm.model import Artifact
    from ptm.store.opening import StoredPart

ROWS = "rows"  # the name of the one table that describes the samples of a source


class Columns:
    """The rows of an artifact as a data frame gives them, each column read when it is asked for.

    Attributes:
        columns: their names.
        attrs: "units" maps a column to its unit.
    """

    def __init__(self, artifact: Artifact) -> None:
        self._artifact, self._said = artifact, artifact.manifest["tables"][ROWS]
        self.columns = [str(column["name"]) for column in self._said["columns"]]
        units = {c["name"]: c["unit"] for c in self._said["columns"] if "unit" in c}
        self.attrs: dict[str, Any] = {"units": units}

    def __len__(self) -> int:
        return int(self._said["rows"])

    def __getitem__(self, name: str) -> pd.Series[Any]:
        if name not in self.columns:
            raise KeyError(f"{name!r}, none of the columns {', '.join(self.columns)}")
        if self._said["file"] is not None or not self._artifact.parts:
            return self._artifact.table[name]
        import pyarrow as pa

        read = [part.column(name) for part in self._artifact.parts if part.ref.rows is not None]
        return frame_of(pa.concat_tables(read))[name]


class Tables(Mapping[str, "pd.DataFrame"]):
    """The tables of an artifact; rows of many parts are joined.

    It knows no artifact: that is let go with its last reference.
    """

    def __init__(
        self,
        entries: Mapping[str, Any],
        parts: tuple[StoredPart, ...],
        file: Callable[[str], Any],
    ) -> None:
        self._entries, self._parts, self._file = entries, parts, file
        self._found: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._found:
            file = self._entries[name]["file"]
            self._found[name] = frame_of(self._rows() if file is None else self._of_file(file))
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries  # without reading it

    def __repr__(self) -> str:
        return f"<tables: {', '.join(self._entries)}>"

    def _rows(self) -> Any:
        import pyarrow as pa

        read = (part.arrow for part in self._parts)
        return pa.concat_tables(table for table in read if table is not None)

    def _of_file(self, file: str) -> Any:
        import pyarrow.parquet as pq

        return pq.read_table(self._file(file))
