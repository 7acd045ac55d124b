"""The rows of the dashboard's tables: what a browser's JSON can hold."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ptm import store, views
from tasks import dashboard
from tasks.outcome import Outcome
from tests.support.parts import Source, make, paths
from tests.tasks.test_outcome import ended, ref


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
    rows = views.table_rows(table)
    assert json.loads(json.dumps(rows, allow_nan=False)) == [
        {"loss": 1.2346, "fit": "sgd", "epochs": 1, "diverged": True},
        {"loss": "inf", "fit": "", "epochs": 2, "diverged": False},
        {"loss": "", "fit": "adam", "epochs": 3, "diverged": False},
    ]


def test_source_rows() -> None:
    """Each tensor is a row, and so is each that failed or was skipped: these first, all alike."""
    rows = dashboard.source_rows(ended())
    named = {row["source"]: row for row in rows}
    assert list(named) == ["wine", "wine_threshold", "dog", "cats"]
    assert (named["dog"]["state"], named["cats"]["state"]) == ("made", "cached")
    assert (named["dog"]["tensor"], named["dog"]["shape"]) == ("features", "2x3")
    assert (named["dog"]["dtype"], named["dog"]["seconds"]) == ("float32", 0.5)
    assert named["wine"]["state"] == "failed"
    assert named["wine_threshold"]["state"] == "skipped"
    columns = ["state", "source", "tensor", "shape", "dtype", "MB", "seconds", "digest"]
    assert all(list(row) == columns for row in rows)
    json.dumps(rows, allow_nan=False)


def test_a_source_without_tensors_has_a_row() -> None:
    """An analysis may be of tables alone: it was made all the same, and took its time."""
    [row] = dashboard.source_rows(Outcome(made={"mean": replace(ref("mean"), tensors={})}))
    assert list(row) == list(dashboard.source_rows(ended())[0])
    assert (row["state"], row["source"], row["seconds"]) == ("made", "mean", 0.5)
    assert [row[column] for column in ("tensor", "shape", "dtype", "digest")] == [""] * 4


def test_samples_in_quarantine_have_a_column() -> None:
    """Where any run has some, each row says how many, and all rows are alike."""
    outcome = ended()
    outcome.made["dog"] = replace(outcome.made["dog"], bad=30)
    rows = dashboard.source_rows(outcome)
    assert {row["source"]: row["quarantine"] for row in rows} == {
        **{"wine": "", "wine_threshold": "", "dog": 30, "cats": 0}
    }
    assert {tuple(row)[:3] for row in rows} == {("state", "source", "quarantine")}


def test_the_digest_of_a_tensor_in_parts(tmp_path: Path) -> None:
    """Of one part that of its file; of several that of all, in order, also where some are equal."""
    told = {}
    for values in ((1.0,), (1.0, 2.0), (2.0, 1.0), (1.0, 1.0), (1.0, 1.0, 2.0), (1.0, 2.0, 1.0)):
        root = tmp_path / str(len(told))
        made = make(Source(root, values=values, size=20_000))
        rows = {row["tensor"]: row for row in dashboard.source_rows(Outcome(made={"t": made}))}
        files = [path for path in paths(root, "t") if path.name != store.MANIFEST]
        assert len(files) == len({*files})
        size = sum(path.stat().st_size for path in files)
        assert rows["x"]["MB"] == pytest.approx(size / 1e6, rel=0.01)
        of = [part.ref.files["tensors"].sha256 for part in store.load("t", root).parts]
        joined = of[0] if len(of) == 1 else sha256("".join(of).encode()).hexdigest()
        assert rows["x"]["digest"] == joined[:7]
        whole = Path(made.path) / "whole.pt"
        assert rows["all"]["digest"] == sha256(whole.read_bytes()).hexdigest()[:7]
        told[values] = rows["x"]["digest"]
    assert len({*told.values()}) == len(told)


def test_a_digest_that_cannot_be_had(tmp_path: Path) -> None:
    """Of an artifact that was collected meanwhile the parts are not known, and that is all."""
    made = make(Source(tmp_path))
    shutil.rmtree(made.path)
    rows = dashboard.source_rows(Outcome(made={"t": made}))
    digests = {row["tensor"]: row["digest"] for row in rows}
    assert digests["x"] == "" and digests["all"] != ""


def test_failure_rows() -> None:
    """Each fault is a row without the name of its source; a run without any has none."""
    outcome = ended()
    outcome.failed["days"] = "days: 2 faults\n  row 2: expected an hour\n  row 3: expected a day"
    rows = [tuple(row.values()) for row in dashboard.failure_rows(outcome)]
    assert rows == [
        ("wine", "failed", "row 3: expected a number, got 'n/a' (wine.csv)"),
        ("days", "failed", "2 faults"),
        ("days", "failed", "row 2: expected an hour"),
        ("days", "failed", "row 3: expected a day"),
        ("wine_threshold", "skipped", "wine was not made"),
    ]
    long = "days: expected a day, got " + "none and " * 20 + "(a/very-long/path.csv)"
    pieces = dashboard.failure_rows(Outcome(failed={"days": long}))
    assert [row["state"] for row in pieces] == ["failed", "", ""]
    assert all(len(row["what"]) <= 80 for row in pieces)
    assert "days: " + " ".join(row["what"] for row in pieces) == long
    assert list(dashboard.failure_rows(outcome)[0]) == ["source", "state", "what"]
    assert dashboard.failure_rows(Outcome(made=outcome.made)) == []
