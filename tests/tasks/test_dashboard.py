"""The rows of the dashboard's tables: what a browser's JSON can hold."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from ptm import exhibits
from tasks import dashboard
from tests.tasks.test_states import ended


def test_rows_are_strict_json() -> None:
    """Numbers that are not finite, missing values and numpy's types become what JSON has."""
    table = pd.DataFrame(
        {
            "loss": [1.23456789, np.inf, np.nan],
            "fit": ["sgd", None, "adam"],
            "epochs": np.array([1, 2, 3], dtype=np.int64),
            "diverged": [True, False, False],
        }
    )
    rows = exhibits.table_rows(table)
    assert json.loads(json.dumps(rows, allow_nan=False)) == [
        {"loss": 1.2346, "fit": "sgd", "epochs": 1, "diverged": True},
        {"loss": "inf", "fit": "", "epochs": 2, "diverged": False},
        {"loss": "", "fit": "adam", "epochs": 3, "diverged": False},
    ]


def test_source_rows() -> None:
    """Each tensor is a row, and so is each source that failed or was skipped, with the reason."""
    rows = dashboard.source_rows(ended())
    named = {row["source"]: row for row in rows}
    assert list(named) == ["dog", "cats", "wine", "wine_threshold"]
    assert (named["dog"]["state"], named["cats"]["state"]) == ("made", "cached")
    assert (named["dog"]["tensor"], named["dog"]["shape"]) == ("features", "2 x 3")
    assert (named["dog"]["dtype"], named["dog"]["seconds"]) == ("float32", 0.5)
    assert named["wine"]["state"] == "failed" and "got 'n/a'" in named["wine"]["reason"]
    assert named["wine_threshold"]["state"] == "skipped"
    json.dumps(rows, allow_nan=False)
