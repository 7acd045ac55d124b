"""Views of the tables of an artifact, whatever its kind: what each column of the rows holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ptm.described import FREQUENT, STATISTICS, profiles_of, records_of, time_text
from ptm.model import QUARANTINE, ROWS, Artifact, View
from ptm.profile import TEXTS, TIMES
from ptm.split import CONTENT, FINDINGS, INHERITED
from ptm.tables import Columns

if TYPE_CHECKING:
    import pandas as pd

MOST = 1_000_000  # rows whose distinct values are counted: that takes more memory than they do
DRIFT = "drift"
MEASURED = ["count", "missing", "mean", "std", "min", "q25", "median", "q75", "max"]
NO_TIMES = ("count", "missing", "std")
COLUMNS = ["column", "unit", "values", "missing", "distinct", "least", "mean", "most"]


def summaries(artifact: Artifact) -> Iterator[View]:
    """What there is to show of an artifact whose kind has no views: its columns, its tables."""
    taken: set[str] = set()
    if ROWS in artifact.manifest["tables"] and artifact.columns.columns:
        for view in (columns_view(artifact), histograms_view(artifact)):
            taken.add(view.name)
            yield view
    for name in artifact.tables:
        if name not in (ROWS, QUARANTINE, STATISTICS, DRIFT, FINDINGS, CONTENT):
            view = _table_view(name, artifact.tables[name], taken)
            taken.add(view.name)
            yield view


def split_views(artifact: Artifact) -> Iterator[View]:
    """The splits of an artifact, the kinds of leaks, and what was found; none without a split."""
    import pandas as pd

    said = artifact.manifest["split"]
    if not said:
        return
    samples, total = said["samples"], sum(said["samples"].values())
    rows = [
        {"split": name, "samples": count, "share": count / max(total, 1)}
        for name, count in samples.items()
    ]
    if said["by"] == INHERITED:
        sentence = f"How many samples each split has: they are those of {said['of']}."
        yield View("splits", sentence, table=pd.DataFrame(rows))
        return
    nearest = said["nearest"]
    told = ""
    if nearest:
        told = (
            f" The nearest neighbour in train says the target of {nearest['asked']:,} others with "
            f"a score of {nearest['score']:.3f} (by chance {nearest['chance']:.3f})."
        )
    rule = {"content": "the content of each", "group": f"'{said['group']}'", "near": "near ones"}
    by = rule.get(said["by"], f"'{said['time']}'" if said["by"] == "time" else f"a {said['by']}")
    sentence = f"How many samples each split has: they came to them by {by}.{told}"
    yield View("splits", sentence, table=pd.DataFrame(rows))
    yield View(
        "leaks",
        "How each kind of leak between splits stands (Kapoor and Narayanan, 2023).",
        table=pd.DataFrame(said["leaks"]),
    )
    findings = artifact.tables[FINDINGS]
    if len(findings):
        yield View(
            FINDINGS,
            "What may leak: samples of different splits that belong together, by their positions "
            "among the rows (from 0), and columns to look at.",
            table=_without_empty(findings),
        )


def _without_empty(table: pd.DataFrame) -> pd.DataFrame:
    """A table without the columns that have no value: the others fit on a page."""
    return table[[name for name in table.columns if not table[name].isin(["", None]).all()]]


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
    from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

    values = table[name]
    is_number = is_numeric_dtype(values) and not is_bool_dtype(values)
    numbers: tuple[Any, ...] = ("", "", "")
    if is_number:
        numbers = values.min(), values.mean(), values.max()
    sort = str(values.dtype) if is_number else "text"
    if is_datetime64_any_dtype(values):
        sort, numbers = "time", tuple(map(_time, (values.min(), values.mean(), values.max())))
    elif is_bool_dtype(values) or isinstance(next(iter(values.dropna()), None), bool):
        sort = "flag"
    try:
        distinct: Any = values.nunique() if len(values) <= MOST else ""
    except TypeError:  # lists cannot be counted
        distinct = ""
    least, mean, most = numbers
    return {
        "column": name,
        "unit": table.attrs.get("units", {}).get(name, ""),
        "values": sort,
        "missing": int(values.isna().sum()),
        "distinct": distinct,
        "least": least,
        "mean": mean,
        "most": most,
    }


def _time(time: pd.Timestamp) -> str:
    """A time to the second; "" where there is none."""
    return "" if time != time else time.isoformat(" ", "seconds").removesuffix(" 00:00:00")


def measured(artifact: Artifact) -> Iterator[View]:
    """What was measured of every column and channel by split, of any kind; and what has drifted."""
    from ptm import draw

    if STATISTICS not in artifact.manifest["tables"]:
        return
    records = records_of(artifact.tables[STATISTICS])
    yield _statistics_view(artifact, records)
    by_split = profiles_of(records)
    if len(by_split) > 1:
        yield View(
            "distributions",
            "How the numbers of each column and channel are spread in each split, from the 1st to "
            "the 99th percentile of all: the share of its samples.",
            picture=draw.distributions(by_split),
            title=f"{artifact.name}: distributions by split",
        )
    if DRIFT in artifact.manifest["tables"]:
        yield _drift_view(artifact)


def _drift_view(artifact: Artifact) -> View:
    """A row for each column and channel of each split; those that are too far away first."""
    import pandas as pd

    said = artifact.manifest["stats"][DRIFT]
    rows = [
        {
            "column": f"{one['tensor']}: {one['column']}" if one["tensor"] else one["column"],
            "split": one["split"],
            "found": "; ".join(one["found"]),
            **{name: one[name] for name in ("distance", "chance", "missing_before", "missing")},
            **{name: ", ".join(one[name][:FREQUENT]) for name in ("lost", "new")},
        }
        for one in records_of(artifact.tables[DRIFT])
    ]
    rows.sort(key=lambda row: (not row["found"], -(row["distance"] or 0.0)))
    which = "the pinned artifact" if said["pinned"] else "the artifact before"
    far = sum(bool(row["found"]) for row in rows)
    return View(
        DRIFT,
        f"How far the samples are from those of {which} ({said['against']}): the Jensen-Shannon "
        "distance, from 0 to 1, and what it is at most by chance; shares of missing values, "
        f"categories. {far} of {len(rows)} are farther away than they may be.",
        table=_without_empty(pd.DataFrame(rows)),
    )


def _statistics_view(artifact: Artifact, records: list[dict[str, Any]]) -> View:
    """A row for each column in each split."""
    import pandas as pd

    has_rows = ROWS in artifact.manifest["tables"]
    units = artifact.columns.attrs["units"] if has_rows else {}
    rows: dict[str, list[dict[str, Any]]] = {}
    for one in records:
        of, name = one["tensor"], one["column"]
        named = f"{of}: {name}" if of else name
        unit = "" if of else units.get(name, "")
        row = {"column": named, "split": one["split"], "unit": unit} | _shown(one)
        rows.setdefault(named, []).append(row)
    return View(
        STATISTICS,
        "What was measured of each column and channel in each split. Quantiles of many numbers "
        "are within a bucket of their histogram.",
        table=pd.DataFrame([row for each in rows.values() for row in each]),
    )


def _shown(one: dict[str, Any]) -> dict[str, Any]:
    """What was measured of a column, for people."""
    found = {name: one[name] for name in MEASURED}
    if one["what"] == TIMES and one["count"]:
        found |= {name: time_text(one[name]) for name in MEASURED if name not in NO_TIMES}
    distinct, frequent = one["distinct"], ""
    if one["what"] == TEXTS:
        distinct = f"> {one['most']:.0f}" if distinct is None else int(distinct)
    if one["values"] is not None:
        pairs = zip(one["values"][:FREQUENT], one["counts"], strict=False)
        frequent = ", ".join(f"{text} ({count:,})" for text, count in pairs)
    empty = None if one["empty"] is None else int(one["empty"])
    more = {"distinct": distinct, "empty": empty, "most frequent": frequent}
    return found | {name: "" if value is None else value for name, value in more.items()}
