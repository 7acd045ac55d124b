"""Lines fitted to any table of one column and a target: the answer, names and units, the split."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import ptm
from ptm.catalog import load_catalog, with_options
from ptm.errors import BadInput, InputError
from ptm.kinds import fits as kind
from ptm.kinds.fits import split
from ptm.kinds.fits.descent import Fit
from ptm.model import Block
from tests.support.fits import DIVERGING, T_C, T_U, analysed, bare, of_the_book, readings
from tests.support.kinds import analysis_of, artifact_of

PLANTED = np.arange(11.0)  # x of y = 2x + 1
ONE_STEP = (Fit(name="step", learning_rate=1e-6, epochs=1),)
QUICK = (Fit(name="quick", gradient="hand-written", scaled=True, learning_rate=0.4, epochs=1000),)


def line(block: Block) -> tuple[float, float]:
    """Slope and intercept of the best fit."""
    best = min(block.tables["fits"].to_pylist(), key=lambda fit: float(fit["loss"]))
    return best["slope"], best["intercept"]


@pytest.mark.parametrize("scale", [1e-3, -37, 1e4])
def test_bare_options_find_a_line(scale: float) -> None:
    """An entry that only says what it is of finds y = 2x + 1, be x small, large or negative."""
    x = PLANTED * scale
    block = analysis_of(bare(), readings(x, 2 * x + 1))
    slope, intercept = line(block)
    assert slope * x + intercept == pytest.approx(2 * x + 1, rel=1e-4, abs=1e-4 * abs(scale))
    assert slope == pytest.approx(2, rel=2e-3)
    assert [fit["status"] for fit in block.tables["fits"].to_pylist()] == ["finished"] * 2
    assert list(block.tensors) == ["sgd", "adam"] and not block.facts["diverged"]


def test_a_scaled_table_is_fitted_as_it_was_read() -> None:
    """Slope and intercept are those of the column, also where its tensor is standardised."""
    x = PLANTED * 3 + 5
    plain, scaled = (readings(x, 2 * x + 1, standardize=asked) for asked in (False, True))
    assert scaled.scaler is not None and abs(float(scaled.tensors["features"].mean())) < 1e-6
    blocks = [analysis_of(bare(fits=QUICK), artifact) for artifact in (plain, scaled)]
    assert line(blocks[1]) == (pytest.approx(2, rel=1e-3), pytest.approx(1, abs=1e-2))
    for name, made in blocks[0].tables.items():
        assert made.equals(blocks[1].tables[name]), name
    assert blocks[1].tables["readings"]["x"].to_pylist() == x.tolist()


def test_tensors_of_a_kind_without_rows() -> None:
    """A feature and a target are enough: without rows they are x and y, without units."""
    x = torch.tensor(PLANTED)
    block = Block(tensors={"features": x[:, None], "target": 2 * x + 1})
    found = analysis_of(bare(fits=QUICK), artifact_of(block, "plane", "mine"))
    assert found.facts["answer"].startswith("y = 2.0000 * x + 1.0000 (fit ")
    assert "mean squared error 0.0000 over 11 readings)." in found.facts["answer"]


def test_names_and_units_come_from_the_artifact() -> None:
    """The columns of the table name the line, and their units stand where numbers have them."""
    units = {"depth": "m", "pressure": "bar"}
    artifact = readings(PLANTED, 2 * PLANTED + 1, ("depth", "pressure"), units=units)
    block = analysis_of(bare(fits=QUICK), artifact)
    assert block.facts["answer"].startswith("pressure = 2.0000 * depth + 1.0000 (fit ")
    assert "mean squared error 0.0000 bar² over 11 readings)." in block.facts["answer"]
    found = artifact_of(block, "lines", "fits")
    assert {name: table.attrs["units"] for name, table in found.tables.items()} == {
        "readings": units,
        "history": {"loss": "bar²", "validation_loss": "bar²", "b": "bar"},
        "fits": {
            "loss": "bar²",
            "validation_loss": "bar²",
            "b": "bar",
            "slope": "bar per unit of the reading",
            "intercept": "bar",
        },
    }
    assert list(found.tables["readings"].columns) == ["depth", "pressure", "held_out"]
    assert found.tables["fits"]["input"].tolist() == ["0.1 * depth"]
    said = [view.sentence for view in kind.views(found)]
    assert said[0] == (
        "Each fit: pressure = slope * depth + intercept; "
        "the loss is the mean squared error in bar²."
    )
    assert said[1] == "Each reading: pressure (bar) against depth (m)."


def test_no_unit_is_made_up() -> None:
    """Without units in the table there are none in tables and sentences."""
    block = analysis_of(bare(fits=ONE_STEP), readings(PLANTED, 2 * PLANTED))
    found = artifact_of(block, "lines", "fits")
    assert [table.attrs["units"] for table in found.tables.values()] == [{}] * 3
    for sentence in (block.facts["answer"], *(view.sentence for view in kind.views(found))):
        assert "²" not in sentence and "None" not in sentence and "()" not in sentence


KNOWN = {
    "the same": (2.0, 1.0),
    "8 % off": (2.16, 0.92),
    "another slope": (2.4, 1.0),
    "another intercept": (2.0, 1.3),
    "the other way": (-2.0, -1.0),
    "through the origin": (2.0, 0.0),
    "flat": (0.0, 1.0),
}


def test_known_lines_that_are_near() -> None:
    """A known line is told, and drawn, when slope and intercept both are within a tenth."""
    block = analysis_of(bare(fits=QUICK, known=KNOWN), readings(PLANTED, 2 * PLANTED + 1))
    told = block.facts["answer"]
    assert "; that is close to the same, y = 2.0000 * x + 1.0000" in told
    assert "; that is close to 8 % off, y = 2.1600 * x + 0.9200" in told
    near = {"the same", "8 % off", "through the origin"}  # 1 is little beside 21
    assert told.count("close to") == 3 and "close to through the origin" in told
    assert set(block.facts["drawn"]) & set(KNOWN) == near
    assert block.facts["drawn"]["8 % off"] == [2.16, 0.92]
    assert next(iter(block.facts["drawn"])) == "quick"
    assert block.facts["drawn"]["quick"] == pytest.approx([2, 1], rel=1e-3)


def test_a_known_line_through_the_origin() -> None:
    """An intercept of 0 is near where what the fit has is little beside the readings."""
    reaumur = {"Réaumur": (1.25, 0.0)}
    x = PLANTED * 8
    near = analysis_of(bare(fits=QUICK, known=reaumur), readings(x, 1.25 * x))
    assert "that is close to Réaumur, y = 1.2500 * x + 0.0000." in near.facts["answer"]
    far = analysis_of(bare(fits=QUICK, known=reaumur), readings(x, 1.25 * x + 32))
    assert "Réaumur" not in far.facts["answer"] and "Réaumur" not in far.facts["drawn"]


def test_a_run_of_a_catalog(tmp_path: Path) -> None:
    """Of a catalog, through the store: the line is found, and what is no line is named."""
    (tmp_path / "catalog.toml").write_text(
        '[plane]\nkind = "table"\ncolumns = ["x", "y"]\ntarget = "y"\n'
        "rows = [[0, 1], [1, 3], [2, 5], [3, 7]]\n"
        '[lines]\nkind = "fits"\nof = "plane"\n'
        '[wide]\nkind = "table"\ncolumns = ["x", "y"]\nrows = [[0, 1], [1, 3]]\n'
        '[none]\nkind = "fits"\nof = "wide"\n'
    )
    catalog = load_catalog(tmp_path / "catalog.toml", tmp_path)
    for name in ("plane", "lines", "wide"):
        ptm.tensorize(catalog[name], tmp_path / "store")
    lines = ptm.load("lines", tmp_path / "store")
    assert lines.manifest["facts"]["answer"].startswith("y = 2.0000 * x + 1.0000 (fit ")
    assert [view.name for view in lines.views] == ["fits", "readings", "lines", "loss-curves"]
    with pytest.raises(InputError) as caught:
        ptm.tensorize(catalog["none"], tmp_path / "store")
    assert str(caught.value) == (
        "none: expected one column of readings [n, 1] and a target, "
        "got features [2, 2], no target (wide)"
    )


@pytest.mark.parametrize(
    ("tensors", "got"),
    [
        ({"features": torch.ones(11, 2), "target": torch.ones(11)}, r"\[11, 2\], a target"),
        ({"features": torch.ones(11, 1)}, r"\[11, 1\], no target"),
        ({"hourly": torch.ones(11, 1)}, "no features, no target"),
    ],
)
def test_input_that_is_not_readings(tensors: dict[str, torch.Tensor], got: str) -> None:
    """More than one column, or no target, is a named error."""
    artifact = artifact_of(Block(tensors=tensors), "plane", "mine")
    with pytest.raises(InputError, match=rf"^lines: expected one column .*{got} \(plane\)$"):
        analysis_of(bare(), artifact)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"fits": (DIVERGING, DIVERGING)},
            "fits and known lines of different names, got manual_diverging more than once",
        ),
        ({"known": {"sgd": (2.0, 1.0)}}, "of different names, got sgd more than once"),
        ({"known": {"line": (2.0,)}}, "known.line"),
        ({"known": {"line": (2.0, math.inf)}}, "finite number"),
        ({"fits": ({"name": "x", "learning_rate": math.inf, "epochs": 1},)}, "finite number"),
        ({"input_scale": 0.0}, "greater than 0"),
        ({"of": ("plane", "wine")}, "one entry in 'of', got plane, wine"),
        ({"fits": ()}, "at least one fit in 'fits', got none"),
        ({"epochs": 5}, "Extra inputs"),
        (
            {"fits": ({"name": "x", "gradient": "hand-written", "optimizer": "SGD",
                       "learning_rate": 1, "epochs": 1},)},
            "needs the gradient 'autograd'",
        ),
    ],
)  # fmt: skip
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    """Two fits of one name, none at all, and impossible or unknown options are refused."""
    with pytest.raises(ValidationError, match=message) as caught:
        bare(**options)
    assert caught.value.error_count() == 1, "and nothing beside"


def test_no_split_where_none_is_asked_for() -> None:
    """Without a fit that is validated nothing is held out; what is asked for is done or refused."""
    artifact = readings(PLANTED, PLANTED)
    block = analysis_of(bare(fits=ONE_STEP), artifact)
    assert (block.facts["train_index"], block.facts["validation_index"]) == ([], [])
    assert not any(block.tables["readings"]["held_out"].to_pylist())
    block = analysis_of(bare(fits=ONE_STEP, split_seed=1), artifact)
    assert len(block.facts["validation_index"]) == 2
    assert sum(block.tables["readings"]["held_out"].to_pylist()) == 2
    with pytest.raises(InputError, match=r"^lines: train_index .* once, got \[0\] .* \(plane\)$"):
        analysis_of(bare(fits=ONE_STEP, train_index=(0,)), artifact)
    validated = (Fit(name="x", learning_rate=1e-6, epochs=1, validated=True),)
    with pytest.raises(InputError, match=r"each of the 11 readings, 0 to 10, once, got \[\] and"):
        analysis_of(bare(fits=validated), artifact)


@given(st.integers(5, 200), st.integers(0, 2**31), st.sampled_from([0.2, 0.33, 0.5]))
def test_seeded_split(count: int, seed: int, fraction: float) -> None:
    """A seed gives the same split each time; every reading is on one side, once."""
    options = bare(split_seed=seed, validation_fraction=fraction)
    train, held_out = split(count, options)
    assert (train, held_out) == split(count, options)
    assert sorted(train + held_out) == list(range(count))
    assert len(held_out) == int(fraction * count)


def test_seeds_differ() -> None:
    """Another seed gives another split."""
    splits = {tuple(split(50, bare(split_seed=seed))[1]) for seed in range(5)}
    assert len(splits) == 5


def test_seed_takes_the_place_of_the_indices() -> None:
    """With a seed, other data than the book's needs no indices, and the split is in the facts."""
    fit = {"name": "x", "optimizer": "SGD", "learning_rate": 1e-4, "epochs": 5, "validated": True}
    content = analysed(T_U[:7], T_C[:7], split_seed=3, fits=[fit])
    assert sorted(content.facts["train_index"] + content.facts["validation_index"]) == list(
        range(7)
    )
    assert content.tables["fits"].to_pylist()[0]["validation_loss"] is not None


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 10),
        ({}, 12),
        ({"train_index": (0, 1), "validation_index": (1, 2)}, 3),
        ({"train_index": (0, 1, 2), "validation_index": ()}, 3),
        ({"train_index": (0, 1), "validation_index": (-1,)}, 3),
    ],
)
def test_indices_that_do_not_fit(options: dict[str, Any], count: int) -> None:
    """Indices that do not name each reading once are an error that says how many there are."""
    source = with_options(of_the_book(), options)
    with pytest.raises(BadInput, match=f"each of the {count} readings, 0 to {count - 1}, once"):
        split(count, source)


def test_too_few_readings_to_hold_some_out() -> None:
    """A seeded split that would hold nothing out is an error."""
    with pytest.raises(BadInput, match=r"enough readings to hold 0\.2 of them out, got 4"):
        split(4, bare(split_seed=1))


def test_import_is_cheap() -> None:
    """The kinds take neither torch nor matplotlib before they are used."""
    code = (
        "import sys, ptm.kinds.fits, ptm.kinds.threshold, ptm.draw;"
        "assert not {'torch', 'matplotlib', 'numpy', 'pandas', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
