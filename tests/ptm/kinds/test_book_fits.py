"""The fits of the book's thermometer: each printed figure, and what happens when one diverges."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
import torch

from ptm import draw
from ptm.kinds import fits as kind
from ptm.kinds.fits.descent import Data, Fit, run
from ptm.model import Block
from tests.support.fits import DIVERGING, T_C, T_U, analysed, of_the_book, readings
from tests.support.kinds import analysis_of, artifact_of


@pytest.fixture(scope="module")
def book() -> Block:
    """The fits of the book."""
    return analysed()


@pytest.fixture(scope="module")
def history(book: Block) -> pd.DataFrame:
    return book.tables["history"].to_pandas().set_index(["fit", "epoch"])


@pytest.fixture(scope="module")
def fits(book: Block) -> dict[str, dict[str, Any]]:
    return {row["fit"]: row for row in book.tables["fits"].to_pylist()}


# fit, column, epoch: what the notes print
PRINTED = """
manual_diverging loss 1 1763.884766
manual_diverging loss 2 5802484.500000
manual_diverging loss 3 19408029696.000000
manual_diverging loss 11 inf
manual_diverging w 1 -44.1730
manual_diverging b 1 -0.8260
manual_small_step loss 1 1763.884766
manual_small_step loss 2 323.090515
manual_small_step loss 3 78.929634
manual_small_step loss 10 29.105247
manual_small_step loss 11 29.104168
manual_small_step loss 99 29.023582
manual_small_step loss 100 29.022667
manual_small_step w 100 0.2327
manual_small_step b 100 -0.0438
manual_scaled loss 1 80.364342
manual_scaled loss 2 37.574913
manual_scaled loss 3 30.871077
manual_scaled loss 10 29.030489
manual_scaled loss 11 28.941877
manual_scaled loss 99 22.214186
manual_scaled loss 100 22.148710
manual_scaled loss 4000 2.927680
manual_scaled loss 5000 2.927648
manual_scaled w 100 2.7553
manual_scaled b 100 -2.5162
autograd loss 500 7.860115
autograd loss 1000 3.828538
autograd loss 1500 3.092191
autograd loss 2000 2.957698
autograd loss 2500 2.933134
autograd loss 3000 2.928648
autograd loss 3500 2.927830
autograd loss 4000 2.927679
autograd loss 4500 2.927652
autograd loss 5000 2.927647
autograd w 5000 5.3671
autograd b 5000 -17.3012
sgd_one_step_unscaled w 1 0.95483
sgd_one_step_unscaled b 1 -0.000826
sgd w 1 1.7761
sgd b 1 0.1064
sgd loss 500 7.860115
sgd loss 1000 3.828538
sgd loss 1500 3.092191
sgd loss 2000 2.957698
sgd loss 2500 2.933134
sgd loss 3000 2.928648
sgd loss 3500 2.927830
sgd loss 4000 2.927679
sgd loss 4500 2.927652
sgd loss 5000 2.927647
sgd w 5000 5.3671
sgd b 5000 -17.3012
adam loss 500 7.612900
adam loss 1000 3.086700
adam loss 1500 2.928579
adam loss 2000 2.927644
adam w 2000 0.5367
adam b 2000 -17.3021
sgd_validated loss 1 89.3172
sgd_validated loss 2 37.0205
sgd_validated loss 3 30.1377
sgd_validated loss 500 7.6324
sgd_validated loss 1000 3.9177
sgd_validated loss 1500 3.2837
sgd_validated loss 2000 3.1755
sgd_validated loss 2500 3.1570
sgd_validated loss 3000 3.1539
sgd_validated validation_loss 1 40.0765
sgd_validated validation_loss 2 25.6802
sgd_validated validation_loss 3 29.0447
sgd_validated validation_loss 500 9.6569
sgd_validated validation_loss 1000 4.3025
sgd_validated validation_loss 1500 2.8423
sgd_validated validation_loss 2000 2.3674
sgd_validated validation_loss 2500 2.1931
sgd_validated validation_loss 3000 2.1248
sgd_validated w 3000 5.2459
sgd_validated b 3000 -16.6438
""".strip().splitlines()


@pytest.mark.parametrize("line", PRINTED)
def test_printed_figures(history: pd.DataFrame, line: str) -> None:
    """Loss before and parameters after a step are what the notes print, to each digit."""
    fit, column, epoch, printed = line.split()
    decimals = len(printed.partition(".")[2])
    assert f"{history.loc[(fit, int(epoch)), column]:.{decimals}f}" == printed


def test_start(book: Block) -> None:
    """Loss and gradient where the fits start are the printed ones."""
    start = book.facts["initial"]
    assert (start["w"], start["b"]) == (1.0, 0.0)
    assert f"{start['loss']:.6f} {start['grad_w']:.4f} {start['grad_b']:.1f}" == (
        "1763.884766 4517.2969 82.6"
    )


def test_diverging_fit_stops_and_is_kept(
    book: Block, history: pd.DataFrame, fits: dict[str, dict[str, Any]]
) -> None:
    """A fit stops at the first loss that is not finite; epoch, loss and parameters are kept."""
    fit = fits["manual_diverging"]
    assert (fit["status"], fit["epochs_asked"], fit["epochs_run"]) == ("diverged", 100, 11)
    assert fit["loss"] == math.inf
    w, b = book.tensors["manual_diverging"].tolist()
    assert (f"{w:.4e}", f"{b:.4e}") == ("-1.8590e+19", "-3.2746e+17")
    assert f"{history.loc[('manual_diverging', 10), 'loss']:.6e}" == "9.090111e+34"
    assert book.facts["diverged"] == {"manual_diverging": 11}


def test_finite_difference(book: Block) -> None:
    """One step on w by the central difference, then one on b from the new w."""

    def loss(w: float, b: float) -> float:
        return sum((w * u + b - c) ** 2 for u, c in zip(T_U, T_C, strict=True)) / len(T_U)

    w = 1.0 - 0.01 * (loss(1.1, 0) - loss(0.9, 0)) / 0.2
    b = 0.0 - 0.01 * (loss(w, 0.1) - loss(w, -0.1)) / 0.2
    # the differences of large float32 losses carry few digits, above all those on b
    found = book.tensors["finite_difference"].tolist()
    assert found == [pytest.approx(w, rel=1e-4), pytest.approx(b, rel=0.05)]


def test_every_fit_in_order(book: Block, fits: dict[str, dict[str, Any]]) -> None:
    """Each fit of the notes is there, in their order, with a float32 [2] tensor."""
    names = [
        "finite_difference", "manual_diverging", "manual_small_step", "manual_scaled", "autograd",
        "sgd_one_step_unscaled", "sgd", "adam", "sgd_validated",
    ]  # fmt: skip
    assert [fit.name for fit in of_the_book().fits] == list(fits) == list(book.tensors) == names
    for name, tensor in book.tensors.items():
        assert (tensor.dtype, tuple(tensor.shape)) == (torch.float32, (2,))
        assert tensor.tolist() == [fits[name]["w"], fits[name]["b"]]


def test_history_is_kept_for_each_epoch(
    history: pd.DataFrame, fits: dict[str, dict[str, Any]]
) -> None:
    """The history has one row for each epoch from 1 on, and validation only where it was done."""
    for name, fit in fits.items():
        epochs = history.loc[name]
        assert list(epochs.index) == list(range(1, fit["epochs_run"] + 1))
        assert epochs["validation_loss"].notna().all() == (name == "sgd_validated")
        assert epochs["validation_loss"].isna().all() == (name != "sgd_validated")


def test_fits_are_comparable_in_the_raw_unit(fits: dict[str, dict[str, Any]]) -> None:
    """Slope and intercept are for the reading as read, whatever the scale of the input."""
    scaled, raw = fits["sgd"], fits["adam"]
    assert (scaled["input"], raw["input"]) == ("0.1 * t_u", "t_u")
    assert scaled["slope"] == pytest.approx(raw["slope"], abs=1e-4)
    assert scaled["intercept"] == pytest.approx(raw["intercept"], abs=1e-2)


def test_thermometer_is_fahrenheit(book: Block) -> None:
    """The fitted line is told in a sentence, and that it is close to Fahrenheit."""
    sentence = book.facts["answer"]
    assert "t_c = 0.5367 * t_u - 17.3021 (fit adam" in sentence
    assert "close to Fahrenheit" in sentence


def test_other_thermometer_is_not_called_fahrenheit() -> None:
    """A line far from Fahrenheit's is told without the comparison."""
    adam = {"name": "adam", "optimizer": "Adam", "learning_rate": 0.1, "epochs": 2000}
    content = analysed(
        [0.0, 1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 5.0, 7.0, 9.0], fits=[adam], split_seed=0
    )
    assert content.facts["answer"].startswith("t_c = 2.0000 * t_u + 1.0000")
    assert "Fahrenheit" not in content.facts["answer"]


def test_held_out_readings_of_the_book(book: Block) -> None:
    """The table of the readings has those of the book, and which two are held out."""
    table = book.tables["readings"].to_pydict()
    assert table["t_u"] == torch.tensor(T_U).tolist() and table["t_c"] == T_C
    assert table["held_out"] == [True, True] + [False] * 9
    assert list(book.facts["drawn"]) == ["adam", "sgd_validated", "Fahrenheit"]


def test_nothing_found_when_all_diverge() -> None:
    """When every fit diverges the analysis still ends, and says that there is no line."""
    content = analysed(fits=[DIVERGING])
    assert content.facts["answer"] == "No fit found a line: all diverged."
    views = list(kind.views(artifact_of(content, "fits", "fits")))
    assert [v.name for v in views] == ["fits", "readings", "lines", "loss-curves"]
    assert all(draw.to_png(v.picture) for v in views if v.picture)


def test_validation_changes_no_step(history: pd.DataFrame) -> None:
    """Held out readings have no part in the steps: without them the fit is the same."""
    train = list(of_the_book().train_index)
    data = Data(0.1 * torch.tensor(T_U)[train], torch.tensor(T_C)[train])
    fit = Fit(name="x", optimizer="SGD", learning_rate=0.01, epochs=3000)
    *_, (loss, _, w, b) = run(fit, data, (1.0, 0.0), 0.1)
    assert (loss, w, b) == tuple(history.loc[("sgd_validated", 3000), ["loss", "w", "b"]])


def test_inputs_are_left_alone_and_runs_agree() -> None:
    """The fits do not write into their input, and a second run gives the same content."""
    fits = [fit.model_copy(update={"epochs": min(fit.epochs, 20)}) for fit in of_the_book().fits]
    entry = of_the_book().model_copy(update={"fits": tuple(fits)})
    artifact = readings(T_U, T_C)
    one, two = (analysis_of(entry, artifact) for _ in range(2))
    assert artifact.tensors["features"][:, 0].tolist() == torch.tensor(T_U).tolist()
    assert artifact.tensors["target"].tolist() == T_C
    assert all(one.tables[name].equals(two.tables[name]) for name in one.tables)
    assert one.facts == two.facts
    drawn = [
        [
            draw.to_png(v.picture)
            for v in kind.views(artifact_of(block, "fits", "fits"))
            if v.picture
        ]
        for block in (one, two)
    ]
    assert drawn[0] == drawn[1] and len(drawn[0]) == 3
