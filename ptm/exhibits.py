"""What the dashboard shows of an artifact: tables of rows and pictures, each with a sentence."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm.content import Artifact, ArtifactRef
from ptm.previews import preview
from ptm.store import load

if TYPE_CHECKING:
    import pandas as pd

FOLDER = ".previews"  # in the store; may be deleted at any time
FIT_COLUMNS = 8  # those that tell how a fit ended; more do not fit on a page
DRAWN_BY = ("exhibits.py", "previews.py", "plots.py")


@dataclass(frozen=True)
class Exhibit:
    """A table or a picture.

    Attributes:
        key: stable, so that each has its own history in the dashboard; of a-z, 0-9 and '-'.
        sentence: what it shows, with the units.
        rows: of a table: JSON values by column.
        title: of a picture.
        png: a picture in base64, below 50,000 characters.
    """

    key: str
    sentence: str
    rows: list[dict[str, Any]] | None = None
    title: str = ""
    png: str = ""


def exhibits(ref: ArtifactRef, artifacts: str | Path) -> list[Exhibit]:
    """What there is to show of an artifact; drawn once for each publication, then remembered.

    Raises:
        ArtifactMissing, ArtifactCorrupt: as `ptm.load`.
    """
    draw = SHOWN.get(ref.name) or SHOWN.get(ref.kind)
    if draw is None:
        return []
    place = Path(artifacts) / FOLDER / f"{ref.name}.json"
    stamp = [Path(ref.path).name, _drawn_by()]
    with suppress(OSError, ValueError, TypeError, KeyError):
        remembered = json.loads(place.read_bytes())
        if remembered["stamp"] == stamp:
            return [Exhibit(**entry) for entry in remembered["exhibits"]]
    drawn = list(draw(load(ref.name, artifacts)))
    with suppress(OSError):  # a store that is read-only, or full: drawn again the next time
        place.parent.mkdir(exist_ok=True)
        fresh = place.with_suffix(f".{os.getpid()}")
        shown = {"stamp": stamp, "exhibits": [asdict(exhibit) for exhibit in drawn]}
        fresh.write_text(json.dumps(shown))
        fresh.replace(place)
    return drawn


def table_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for the dashboard: five digits, and words where JSON has no number."""
    columns: Iterable[str] = table.columns
    return [
        {column: _cell(value) for column, value in zip(columns, row, strict=True)}
        for row in table.itertuples(index=False)
    ]


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        usual = value == 0 or 1e-4 <= abs(value) < 1e6
        return float(f"{value:.5g}") if usual else f"{value:.4g}"
    return value.item() if hasattr(value, "item") else value


def _drawn_by() -> str:
    """A digest of the code that draws: what it drew before an edit is drawn again."""
    here = Path(__file__).parent
    code = b"".join((here / name).read_bytes() for name in DRAWN_BY)
    return hashlib.sha256(code).hexdigest()


def _picture(key: str, title: str, sentence: str, png: bytes) -> Exhibit:
    return Exhibit(key, sentence, title=title, png=base64.b64encode(png).decode())


def _of_source(suffix: str, title: str, sentence: str) -> Callable[[Artifact], Iterator[Exhibit]]:
    def draw(artifact: Artifact) -> Iterator[Exhibit]:
        png = preview(artifact)
        if png:
            key = f"{artifact.name.replace('_', '-')}-{suffix}"
            yield _picture(key, f"{artifact.name}: {title}", sentence, png)

    return draw


def _wine(artifact: Artifact) -> Iterator[Exhibit]:
    yield Exhibit(
        "wine-groups",
        "Mean of each column for bad, mid and good wines, in the unit of the column.",
        table_rows(artifact.tables["groups"]),
    )
    yield Exhibit(
        "wine-columns",
        "How well each column alone separates good wine (area under the ROC curve: 0.5 is chance, "
        f"1 is perfect). {artifact.manifest['facts']['answer']}",
        table_rows(artifact.tables["columns"]),
    )
    yield _picture(
        "wine-roc",
        "ROC curves of the wine columns",
        "Share of good wines found (true positive rate) against the share of others taken for good "
        "(false positive rate), both from 0 to 1, for every threshold of every column.",
        artifact.file("roc.png").read_bytes(),
    )


def _fits(artifact: Artifact) -> Iterator[Exhibit]:
    yield Exhibit(
        "temperature-fits",
        "Each fit of the unknown thermometer: °C = w * reading + b, the reading in its unknown "
        "unit; the loss is the mean squared error in °C².",
        table_rows(artifact.tables["fits"].iloc[:, :FIT_COLUMNS]),
    )
    yield _picture(
        "fitted-lines",
        "Fitted lines",
        "Temperature in °C against the reading of the unknown thermometer, with the lines that the "
        "fits found.",
        artifact.file("fitted_line.png").read_bytes(),
    )
    yield _picture(
        "loss-curves",
        "Loss curves",
        "Mean squared error in °C² for each epoch of each fit; both axes are logarithmic.",
        artifact.file("loss_curves.png").read_bytes(),
    )


# by the name of an analysis, or by the kind of a source
SHOWN: dict[str, Callable[[Artifact], Iterator[Exhibit]]] = {
    "wine_threshold": _wine,
    "temperature_fits": _fits,
    "images": _of_source(
        "contact-sheet", "contact sheet", "The first images as they were before any scaling."
    ),
    "volume": _of_source(
        "slices",
        "three orthogonal slices",
        "The middle of the CT volume along each axis; lengths in mm, shades in Hounsfield units.",
    ),
    "timeseries": _of_source(
        "week",
        "week heat map",
        "The last column of the file for each hour: the mean of each weekday, and every day; the "
        "colour bar has the unit.",
    ),
}
