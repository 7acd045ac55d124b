"""Views: the tables and pictures of an artifact, drawn once for each publication, shown everywhere.

They come from its kind, and decide nothing: other code that draws makes nothing again.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm import store
from ptm.blocks import with_index
from ptm.errors import ArtifactMissing, PtmError, StoreError
from ptm.model import QUARANTINE, Artifact, View
from ptm.registry import Kind, known_kind
from ptm.store.drawn import keep_views, kept_views

if TYPE_CHECKING:
    import pandas as pd

HERE = Path(__file__).parent
# the code that every drawing goes through
DRAWERS = ("blocks.py", "described.py", "draw", "histogram.py", "summaries.py", "views.py")
MOST_ROWS = 1000  # of a table
NOTEBOOK_ROWS = 12
NAME = re.compile("[a-z0-9]+(-[a-z0-9]+)*")
NOT_DRAWN = "not-drawn"
PASSING = (OSError, MemoryError, ImportError, StoreError)  # no fault of the code that draws


@dataclass(frozen=True)
class Drawn:
    """A view as people see it.

    Attributes:
        name: of the view; of a-z, 0-9 and '-'.
        sentence: what it shows, with the units.
        title: of a picture.
        rows: of a table: JSON values by column; None of a picture.
        png: of a picture; b"" of a table.
        file: where the picture is kept; None where it is not.
    """

    name: str
    sentence: str
    title: str = ""
    rows: list[dict[str, Any]] | None = None
    png: bytes = b""
    file: Path | None = None

    @property
    def picture(self) -> bytes:
        """The PNG of a picture, wherever it is; b"" of a table."""
        return self.png or (self.file.read_bytes() if self.file else b"")

    def _repr_html_(self) -> str:
        """What a notebook shows: the sentence, and the first rows or the picture."""
        sentence = f"<div>{escape(self.sentence)}</div>"
        if self.rows is None:
            png = base64.b64encode(self.picture).decode()
            shown = f'<img alt="{escape(self.title)}" src="data:image/png;base64,{png}">'
        else:
            shown = _html_table(self.rows)
        return f'<div style="margin-top: 1em">{sentence}{shown}</div>'


def load(name: str, artifacts: str | Path = "artifacts") -> Artifact:
    """The current artifact of a name. Its manifest is checked now, each other file against its
    digest when a tensor or a table of it is asked for.

    A file whose digest was checked before is not read again where stat vouches that it did not
    change. Tensors are memory-mapped; those of several parts are joined up to 4 GiB, and read from
    `parts` beyond. As long as the result lives, `ptm gc` leaves its files alone.

    Raises:
        ArtifactMissing: the store has none of that name.
        ArtifactCorrupt: the manifest is missing, or not what was published; later, of a tensor or
            table, that a file is not what the manifest says: the file, the expected and the actual
            digest are named.
        StoreError: the store may not be read.
    """
    artifact = store.load(name, artifacts)
    return replace(artifact, draw=partial(drawn, Path(artifacts)))


def drawn(root: Path, artifact: Artifact, kind: Kind | None = None) -> list[Drawn]:
    """The views of an artifact: those that the store has kept, else drawn now, and kept.

    In place of one that could not be drawn it is said why.

    Args:
        root: the store.
        artifact: of it.
        kind: of the artifact; looked for by its name where it is left out. One whose code is not
            known in this process has the views that were kept.
    """
    kind = kind or known_kind(artifact.manifest)
    kept = _kept(root, artifact.name, artifact.path.name, kind)
    if kept is not None or kind is None:
        return kept or []
    fresh, passing = _all_drawn(artifact, kind)
    if passing:
        return fresh
    given = [(_values(one), one.png) for one in fresh]
    keep_views(root, artifact.name, artifact.path.name, _stamp(kind), given)
    again = _kept(root, artifact.name, artifact.path.name, kind)
    return fresh if again is None else again


def views_of(root: Path, name: str, publication: str, kind: Kind | None = None) -> list[Drawn]:
    """The views of a publication, which is loaded only where they have to be drawn.

    Where it is damaged, or no more in the store, that is said in their place.
    """
    kept = _kept(root, name, publication, kind)
    if kept is not None:
        return kept
    try:
        return drawn(root, _published(root, name, publication), kind)
    except StoreError as error:
        said = f"The views of publication {publication} could not be drawn: {error}"
        return [Drawn(NOT_DRAWN, said, rows=[])]


def table_rows(table: Any) -> list[dict[str, Any]]:
    """Rows of a table as JSON: numbers of five digits, and words where JSON has no number."""
    frame = _frame(table)[:MOST_ROWS]
    columns: Iterable[str] = map(str, frame.columns)
    names = list(columns)
    return [
        {column: _cell(value) for column, value in zip(names, row, strict=True)}
        for row in frame.itertuples(index=False)
    ]


def _kept(root: Path, name: str, publication: str, kind: Kind | None) -> list[Drawn] | None:
    found = kept_views(root, name, publication, _stamp(kind) if kind else "")
    if found is None:
        return None
    try:
        return [Drawn(**{**one, "file": one["file"] or None}) for one in found]
    except TypeError:  # fields of another version
        return None


def _published(root: Path, name: str, publication: str) -> Artifact:
    """The artifact of a publication, checked.

    Raises:
        ArtifactMissing: no pointer names it.
        ArtifactCorrupt, StoreError: as `load`.
    """
    shelf = root / name
    for pointer in store.pointers(shelf).values():
        if pointer and pointer["publication"] == publication:
            held, memory = store.publication(shelf, pointer), store.Memory(shelf)
            store.verify_files(held, memory.parts)
            memory.save()
            return store.opened(held, memory.parts)
    raise ArtifactMissing(f"{name}: expected {publication} in {root}, got none that counts")


def _all_drawn(artifact: Artifact, kind: Kind) -> tuple[list[Drawn], bool]:
    """All views of a kind, each name once; whether one could not be drawn for what may pass."""
    found: dict[str, Drawn] = {}
    passing = False
    for view in _given(artifact, kind):
        try:
            one = _drawn(view, found)
        except Exception as error:  # the artifact is none the worse for it, nor are the others
            one = _not_drawn(view, error, found, kind)
            passing = passing or isinstance(error, PASSING)
        found[one.name] = one
    return list(found.values()), passing


def _given(artifact: Artifact, kind: Kind) -> Iterator[View | Exception]:
    """The views of a kind, and what it raised after them, if anything; then those of any kind."""
    from ptm.summaries import measured, quarantine_view, split_views, summaries

    own = set[str]()
    try:
        for view in (kind.views or summaries)(artifact):
            own.add(getattr(view, "name", ""))
            yield view
        # a kind may have better ones of those names
        more = (*split_views(artifact), *measured(artifact))
        yield from (view for view in more if view.name not in own)
    except Exception as error:
        yield error
    if QUARANTINE in artifact.manifest["tables"]:
        try:
            yield quarantine_view(artifact)
        except Exception as error:
            yield error


def _drawn(view: View | Exception, found: Mapping[str, Drawn]) -> Drawn:
    from ptm.draw import small_png, to_png

    if isinstance(view, Exception):
        raise view
    if not isinstance(view, View):
        raise PtmError(f"expected a ptm.View, got {type(view).__name__}")
    if not isinstance(view.name, str) or not NAME.fullmatch(view.name):
        raise PtmError(f"expected the name of a view in a-z, 0-9 and '-', got '{view.name}'")
    if view.name in found:
        raise PtmError(f"expected views of different names, got two of '{view.name}'")
    if (view.table is None) == (view.picture is None):
        raise PtmError(f"view '{view.name}': expected either a table or a picture")
    if view.table is not None:
        frame = _frame(view.table)
        left_out = len(frame) > MOST_ROWS
        of = f" The first {MOST_ROWS:,} of {len(frame):,} rows." if left_out else ""
        return Drawn(view.name, view.sentence + of, view.title, table_rows(frame))
    drawn_already = isinstance(view.picture, bytes)
    png = small_png(view.picture) if drawn_already else to_png(view.picture)
    return Drawn(view.name, view.sentence, view.title or view.name, png=png)


def _not_drawn(view: Any, error: Exception, found: Mapping[str, Drawn], kind: Kind) -> Drawn:
    """What stands in place of a view: under its name, where it has one of its own."""
    name = view.name if isinstance(view, View) else ""
    what = f"View '{name}'" if name else "Other views" if found else "The views"
    told = kind.own.told(error) if kind.own else f"{type(error).__name__}: {error}"
    said = f"{what} could not be drawn: {told}"
    names = [str(name), NOT_DRAWN, *(f"{NOT_DRAWN}-{n + 2}" for n in range(len(found)))]
    free = next(name for name in names if NAME.fullmatch(name) and name not in found)
    return Drawn(free, said, rows=[])


def _values(one: Drawn) -> dict[str, Any]:
    return {"name": one.name, "sentence": one.sentence, "title": one.title, "rows": one.rows}


def _stamp(kind: Kind) -> str:
    """A digest of the code that draws: what it drew before an edit is drawn again."""
    digest = hashlib.sha256(_drawers() + kind.module.encode())
    for name, source in sorted(kind.sources.items()):
        digest.update(name.encode() + source)
    if not kind.own:
        for place in _files(HERE.parent.joinpath(*kind.module.split("."))):
            digest.update(place.read_bytes())
    return digest.hexdigest()


@cache
def _drawers() -> bytes:
    code = [place.read_bytes() for name in DRAWERS for place in _files(HERE / name)]
    return hashlib.sha256(b"".join(code)).digest()


def _files(place: Path) -> list[Path]:
    """The files of a package, or the one of a module."""
    return sorted(place.glob("*.py")) if place.is_dir() else [place.with_suffix(".py")]


def _frame(table: Any) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    if isinstance(table, pa.Table):
        table = table.to_pandas()
    return with_index(table if isinstance(table, pd.DataFrame) else pd.DataFrame(table))


def _html_table(rows: list[dict[str, Any]]) -> str:
    def line(tag: str, cells: Iterable[Any]) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(str(c))}</{tag}>" for c in cells) + "</tr>"

    body = "".join(line("td", row.values()) for row in rows[:NOTEBOOK_ROWS])
    left = len(rows) - NOTEBOOK_ROWS
    more = f"<div>… and {left} more rows</div>" if left > 0 else ""
    return f"<table>{line('th', rows[0]) if rows else ''}{body}</table>{more}"


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if hasattr(value, "item"):
        return _cell(value.item())
    if isinstance(value, float):
        usual = value == 0 or 1e-4 <= abs(value) < 1e6
        return float(f"{value:.5g}") if usual else f"{value:.4g}"
    return value if isinstance(value, (str, int, bool)) else str(value)
