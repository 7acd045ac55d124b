"""Tables and pictures for the dashboard, each under a stable key, so that each has its history."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from ptm.content import ArtifactRef
from ptm.store import load
from tasks.states import Outcome

if TYPE_CHECKING:
    import pandas as pd


@task(name="report", task_run_name="report")
def report(outcome: Outcome, artifacts: str) -> None:
    """Writes what the run came to: a table of sources, and one of each analysis that was made."""
    create_table_artifact(
        key="sources",
        table=source_rows(outcome),
        description="Each tensor of the run; MB and seconds are those of its whole artifact.",
    )
    for name, show in SHOWN.items():
        if name in outcome.made:
            show(outcome.made[name], artifacts)
    get_run_logger().info("reported %d sources and analyses", len(outcome.made))


def source_rows(outcome: Outcome) -> list[dict[str, Any]]:
    """One row for each tensor; one for each source that failed or was skipped."""
    rows = []
    for name, ref in outcome.made.items():
        for tensor, entry in ref.tensors.items():
            rows.append(
                {
                    "source": name,
                    "state": "cached" if ref.cached else "made",
                    "tensor": tensor,
                    "shape": " x ".join(map(str, entry["shape"])),
                    "dtype": entry["dtype"],
                    "MB": float(f"{ref.bytes / 1e6:.3g}"),
                    "seconds": round(ref.seconds, 3),
                }
            )
    for state, reasons in (("failed", outcome.failed), ("skipped", outcome.skipped)):
        rows += [{"source": name, "state": state, "reason": r} for name, r in reasons.items()]
    return rows


def _show_wine(ref: ArtifactRef, artifacts: str) -> None:
    wine = load(ref.name, artifacts)
    create_table_artifact(
        key="wine-groups",
        table=_rows(wine.tables["groups"]),
        description="Mean of each column for bad, mid and good wines, in the unit of the column.",
    )
    create_table_artifact(
        key="wine-columns",
        table=_rows(wine.tables["columns"]),
        description="How well each column alone separates good wine. "
        + wine.manifest["facts"]["answer"],
    )


def _show_fits(ref: ArtifactRef, artifacts: str) -> None:
    fits = load(ref.name, artifacts)
    create_table_artifact(
        key="temperature-fits",
        table=_rows(fits.tables["fits"].iloc[:, :FIT_COLUMNS]),
        description="Each fit of the unknown thermometer: °C = slope * reading + intercept; "
        "the loss is the mean squared error in °C².",
    )
    picture = fits.file("loss_curves.png").read_bytes()
    create_markdown_artifact(
        key="loss-curves",
        markdown="# Loss curves\n\nMean squared error in °C² for each epoch of each fit.\n\n"
        f"![Loss curves](data:image/png;base64,{base64.b64encode(picture).decode()})\n",
        description="Loss of each temperature fit by epoch.",
    )


FIT_COLUMNS = 8  # those that tell how it ended; more do not fit on the page
SHOWN = {"wine_threshold": _show_wine, "temperature_fits": _show_fits}


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for a table of the dashboard: four digits, and words where JSON has no number."""
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
