"""Sources that are called like a kind, a task, a table of the dashboard, or almost like another."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.pipeline import pipeline

CATS = 'kind = "images"\npath = "p1ch4/image-cats"\n'
TABLE = 'kind = "table"\npath = "p1ch4/tabular-wine/winequality-white.csv"\ndelimiter = ";"\n'
SOURCES = {
    **dict.fromkeys(("images", "report", "sources", "changes", "progress", "analysis"), TABLE),
    **dict.fromkeys(("prepare", "kind", "threshold", "failures"), TABLE),
    **dict.fromkeys(("a-b", "a_b", "volume", "table"), CATS),
}
TABLE_VIEWS = ("columns", "histograms", "statistics")
SHEETS = {
    "a--b-contact-sheet": "a-b",
    "a-b-contact-sheet": "a_b",
    "volume-contact-sheet": "volume",
    "table-contact-sheet": "table",
}


@pytest.mark.slow
def test_names_that_mean_something_else(
    sample: Path, tmp_path: Path, history: Callable[[object], Any]
) -> None:
    """All are made and nothing fails; each picture stands under a key of its own."""
    catalog = tmp_path / "catalog.toml"
    catalog.write_text("\n".join(f"[{name}]\n{entry}" for name, entry in SOURCES.items()))
    store = tmp_path / "store"
    state = pipeline(
        catalog=str(catalog), data=str(sample), artifacts=str(store), return_state=True
    )
    assert state.is_completed(), state.message
    assert state.result().keys() == SOURCES.keys()
    run = history(state.state_details.flow_run_id)
    assert run.tasks.keys() == SOURCES.keys()
    expected = {f"catalog-{key}" for key in ("sources", "changes", *SHEETS)}
    expected |= {f"catalog-{key.replace('contact-sheet', 'statistics')}" for key in SHEETS}
    of_tables = {name for name, entry in SOURCES.items() if entry == TABLE}
    expected |= {f"catalog-{name}-{view}" for name in of_tables for view in TABLE_VIEWS}
    assert run.artifacts.keys() - {"catalog-progress"} == expected
    for key, name in SHEETS.items():
        assert re.match(f"# {name}: contact sheet\n", run.artifacts[f"catalog-{key}"]["data"])
        assert f" From {name}, publication " in run.artifacts[f"catalog-{key}"]["description"]
    for name in of_tables:
        for view in TABLE_VIEWS:
            told = run.artifacts[f"catalog-{name}-{view}"]["description"]
            assert f" From {name}, publication " in told
    rows = run.artifacts["catalog-sources"]["data"]
    assert all(f'"source": "{name}"' in rows for name in SOURCES)
