"""What the dashboard shows of an artifact: tables of rows and pictures, each with a sentence."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptm import plots
from ptm.content import Artifact, ArtifactRef
from ptm.names import dashboard_key
from ptm.previews import preview, quantity
from ptm.store import load

if TYPE_CHECKING:
    import pandas as pd

FOLDER = ".previews"  # in the store; may be deleted at any time
# those that fit on a page
FIT_COLUMNS = [
    *("fit", "status", "loss", "slope", "intercept"),
    *("epochs_run", "learning_rate"),
]
GROUP_COLUMNS = ["column", "unit", "bad", "mid", "good"]
WINE_COLUMNS = [
    *("column", "auc", "direction", "best_f1", "f1_threshold"),
    *("best_youden", "youden_threshold"),
]
DRAWN_BY = ("exhibits.py", "previews.py", "plots.py")


@dataclass(frozen=True)
class Exhibit:
    """A table or a picture.

    Attributes:
        key: stable, so that each has its own history in the dashboard; of a-z, 0-9 and '-'.
            There the name of the catalog stands before it.
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
    draw = OF_ANALYSES.get(ref.name) if ref.kind == "analysis" else OF_KINDS.get(ref.kind)
    if draw is None:
        return []
    place = Path(artifacts) / FOLDER / f"{ref.name}.json"
    stamp = [Path(ref.path).name, _drawn_by()]
    with suppress(OSError, ValueError, TypeError, KeyError):
        remembered = json.loads(place.read_bytes())
        if remembered["stamp"] == stamp:
            return [Exhibit(**entry) for entry in remembered["exhibits"]]
    artifact = load(ref.name, artifacts)
    drawn = list(draw(artifact))
    if artifact.path.name != stamp[0]:  # another run has published meanwhile
        return drawn
    with suppress(OSError):  # a store that is read-only, or full: drawn again the next time
        shown = {"stamp": stamp, "exhibits": [asdict(exhibit) for exhibit in drawn]}
        _replace(place, json.dumps(shown).encode())
    return drawn


def picture(artifact: Artifact, artifacts: str | Path) -> Path | None:
    """A file with a picture of an artifact; None for kinds that are better read.

    It is in the store; in a temporary folder where the store cannot be written.
    """
    png = preview(artifact)
    if png is None:
        return None
    place = Path(artifacts) / FOLDER / f"{artifact.name}.png"
    try:
        _replace(place, png)
    except OSError:
        place = Path(tempfile.mkdtemp(prefix="ptm-")) / place.name
        _replace(place, png)
    return place


def _replace(place: Path, raw: bytes) -> None:
    """Writes a file whole or not at all, in place of the one that may be there and be read."""
    place.parent.mkdir(exist_ok=True)
    fresh = place.with_name(f".{place.name}-{uuid.uuid4().hex}")
    try:
        fresh.write_bytes(raw)
        fresh.replace(place)
    finally:
        fresh.unlink(missing_ok=True)


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


def _of_source(
    suffix: str, title: str, sentence: Callable[[Artifact], str]
) -> Callable[[Artifact], Iterator[Exhibit]]:
    def draw(artifact: Artifact) -> Iterator[Exhibit]:
        png = preview(artifact)
        if png:
            key = f"{dashboard_key(artifact.name)}-{suffix}"
            yield _picture(key, f"{artifact.name}: {title}", sentence(artifact), png)

    return draw


def _images(artifact: Artifact) -> str:
    count, channels, height, width = artifact.manifest["tensors"]["images"]["shape"]
    return (
        f"The first of {count} images of {channels} channels, {height} x {width} pixels, as they "
        "were before any scaling."
    )


def _volume(artifact: Artifact) -> str:
    unit = artifact.manifest["facts"]["unit"]
    low, high = plots.shades(artifact.tensors["volume"].numpy(), unit)
    of_ct = " CT" if unit == plots.HOUNSFIELD else ""
    named = unit or "(in no unit that the files name)"
    return (
        f"The middle of the{of_ct} volume along each axis, with the number of the slice; lengths "
        f"in mm, black is {low:.4g} {named} and less, white {high:.4g} and more."
    )


def _timeseries(artifact: Artifact) -> str:
    column, unit = quantity(artifact)
    return (
        f"Values of the column {column} for each hour: the mean of each weekday, and every day; "
        f"the colour bar is in {unit}. Hours that the file does not have are blank."
    )


def _wine(artifact: Artifact) -> Iterator[Exhibit]:
    groups = artifact.tables["groups"]
    names = ("bad", "mid", "good")
    counts = ", ".join(f"{groups[f'{name}_count'].iloc[0]} {name}" for name in names)
    yield Exhibit(
        "wine-groups",
        f"Mean of each column for bad, mid and good wines, in the unit of the column ({counts}).",
        table_rows(groups[GROUP_COLUMNS]),
    )
    answer = artifact.manifest["facts"]["answer"]
    yield Exhibit(
        "wine-columns",
        "How well each column alone separates good wine, which lies above or below a threshold (in "
        "the unit of the column). auc: area under the ROC curve, 0.5 is chance, 1 is perfect; "
        "youden: recall less false positive rate. The answer: " + answer,
        table_rows(artifact.tables["columns"][WINE_COLUMNS]),
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
        "Each fit of the unknown thermometer: °C = slope * reading + intercept, the reading in its "
        "unknown unit; the loss is the mean squared error in °C².",
        table_rows(artifact.tables["fits"][FIT_COLUMNS]),
    )
    yield _picture(
        "fitted-lines",
        "Fitted lines",
        "Temperature in °C against the reading of the unknown thermometer, in its unknown unit, "
        "with the lines of the best fit, of the validated ones, and of Fahrenheit if it is near.",
        artifact.file("fitted_line.png").read_bytes(),
    )
    yield _picture(
        "loss-curves",
        "Loss curves",
        "Mean squared error in °C² for each epoch of each fit; both axes are logarithmic.",
        artifact.file("loss_curves.png").read_bytes(),
    )


OF_ANALYSES: dict[str, Callable[[Artifact], Iterator[Exhibit]]] = {
    "wine_threshold": _wine,
    "temperature_fits": _fits,
}
OF_KINDS: dict[str, Callable[[Artifact], Iterator[Exhibit]]] = {
    "images": _of_source("contact-sheet", "contact sheet", _images),
    "volume": _of_source("slices", "three orthogonal slices", _volume),
    "timeseries": _of_source("week", "week heat map", _timeseries),
}
