"""Views of the tables of an artifact, whatever its kind: what each column of the rows holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ptm.model import QUARANTINE, ROWS, Artifact, Columns, View

if TYPE_CHECKING:
    import pandas as pd

MOST = 1_000_000  # rows whose distinct values are counted: that takes more memory than they do
COLUMNS = ["column", "unit", "values", "missing", "distinct", "least", "mean", "most"]


def summaries(artifact: Artifact) -> Iterator[View]:
    """What there is to show of an artifact whose kind has no views: its columns, its tables."""
    taken: set[str] = set()
    if ROWS in artifact.manifest["tables"] and artifact.columns.columns:
        for view in (columns_view(artifact), histograms_view(artifact)):
            taken.add(view.name)
            yield view
    for name in artifact.tables:
        if name not in (ROWS, QUARANTINE):
            view = _table_view(name, artifact.tables[name], taken)
            taken.add(view.name)
            yield view


def quarantine_view(artifact: Artifact) -> View:
    """The samples that could not be read: of any kind the same."""
    table, good = artifact.tables[QUARANTINE], artifact.manifest["stats"]["samples"].values()
    bad, total = len(table), len(table) + sum(good)
    said = (
        f"{bad:,} of {total:,} samples {'is' if bad == 1 else 'are'} in quarantine, and in no "
        "tensor: what was expected of each, and what is there."
    )
    return View(QUARANTINE, said if bad else "No sample is in quarantine.", table=table)


def _table_view(name: str, table: pd.DataFrame, taken: set[str]) -> View:
    """A table as it is, under its name as views write it, which is none of those."""
    plain = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-") or "table"
    while plain in taken:
        plain += "-2"
    rows = "row" if len(table) == 1 else f"{len(table):,} rows"
    units = [f"{column} is in {unit}" for column, unit in table.attrs["units"].items()]
    return View(plain, f"The {'; '.join([f'{rows} of the table {name}', *units])}.", table=table)


def columns_view(artifact: Artifact) -> View:
    """A row for each column of the rows: what it holds, and how much of it is missing."""
    import pandas as pd

    table = artifact.columns
    rows = [_described(table, name) for name in table.columns]
    missing = sum(row["missing"] for row in rows)
    uncounted = f" Of more than {MOST:,} rows distinct values are not counted."
    return View(
        "columns",
        f"What each column of the {len(table):,} rows holds, in its unit; "
        f"{missing:,} values are missing.{uncounted if len(table) > MOST else ''}",
        table=pd.DataFrame(rows, columns=COLUMNS),
    )


def histograms_view(artifact: Artifact) -> View:
    """A picture of each column: how its numbers are spread, or which categories are frequent."""
    from ptm import draw

    return View(
        "histograms",
        "How the values of each column are spread; of a column of texts, the most frequent ones.",
        picture=draw.histograms(artifact.columns),
        title=f"{artifact.name}: histograms",
    )


def _described(table: Columns, name: str) -> dict[str, Any]:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    values = table[name]
    is_number = is_numeric_dtype(values) and not is_bool_dtype(values)
    numbers = (values.min(), values.mean(), values.max()) if is_number else ("", "", "")
    try:
        distinct: Any = values.nunique() if len(values) <= MOST else ""
    except TypeError:  # lists cannot be counted
        distinct = ""
    least, mean, most = numbers
    return {
        "column": name,
        "unit": table.attrs.get("units", {}).get(name, ""),
        "values": str(values.dtype) if is_number else "text",
        "missing": int(values.isna().sum()),
        "distinct": distinct,
        "least": least,
        "mean": mean,
        "most": most,
    }
