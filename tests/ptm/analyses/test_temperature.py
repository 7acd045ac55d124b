"""The fits: each printed figure, planted lines, the split, and what happens when one diverges."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ptm.analyses import descent, temperature
from ptm.analyses.temperature import BOOK, Data, Fit, Options, analyze, run, split
from ptm.content import Content
from ptm.errors import InputError

T_C = [0.5, 14.0, 15.0, 28.0, 11.0, 8.0, 3.0, -4.0, 6.0, 13.0, 21.0]
T_U = [35.7, 55.9, 58.2, 81.9, 56.3, 48.9, 33.9, 21.8, 48.4, 60.4, 68.4]
START = (1.0, 0.0)


def analysed(t_u: list[float] = T_U, t_c: list[float] = T_C, **options: Any) -> Content:
    tensors = {"features": torch.tensor(t_u)[:, None], "target": torch.tensor(t_c)}
    artifact = SimpleNamespace(tensors=tensors)
    return analyze({"temperature": cast(Any, artifact)}, Options(**options))


@pytest.fixture(scope="module")
def book() -> Content:
    """The fits of the book."""
    return analysed()


@pytest.fixture(scope="module")
def history(book: Content) -> pd.DataFrame:
    return book.tables["history"].to_pandas().set_index(["fit", "epoch"])


@pytest.fixture(scope="module")
def fits(book: Content) -> dict[str, dict[str, Any]]:
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


def test_start(book: Content) -> None:
    """Loss and gradient where the fits start are the printed ones."""
    start = book.facts["initial"]
    assert (start["w"], start["b"]) == (1.0, 0.0)
    assert f"{start['loss']:.6f} {start['grad_w']:.4f} {start['grad_b']:.1f}" == (
        "1763.884766 4517.2969 82.6"
    )


def test_diverging_fit_stops_and_is_kept(
    book: Content, history: pd.DataFrame, fits: dict[str, dict[str, Any]]
) -> None:
    """A fit stops at the first loss that is not finite; epoch, loss and parameters are kept."""
    fit = fits["manual_diverging"]
    assert (fit["status"], fit["epochs_asked"], fit["epochs_run"]) == ("diverged", 100, 11)
    assert fit["loss"] == math.inf
    w, b = book.tensors["manual_diverging"].tolist()
    assert (f"{w:.4e}", f"{b:.4e}") == ("-1.8590e+19", "-3.2746e+17")
    assert f"{history.loc[('manual_diverging', 10), 'loss']:.6e}" == "9.090111e+34"
    assert book.facts["diverged"] == {"manual_diverging": 11}


def test_finite_difference(book: Content) -> None:
    """One step on w by the central difference, then one on b from the new w."""

    def loss(w: float, b: float) -> float:
        return sum((w * u + b - c) ** 2 for u, c in zip(T_U, T_C, strict=True)) / len(T_U)

    w = 1.0 - 0.01 * (loss(1.1, 0) - loss(0.9, 0)) / 0.2
    b = 0.0 - 0.01 * (loss(w, 0.1) - loss(w, -0.1)) / 0.2
    # the differences of large float32 losses carry few digits, above all those on b
    found = book.tensors["finite_difference"].tolist()
    assert found == [pytest.approx(w, rel=1e-4), pytest.approx(b, rel=0.05)]


def test_every_fit_in_order(book: Content, fits: dict[str, dict[str, Any]]) -> None:
    """Each fit of the notes is there, in their order, with a float32 [2] tensor."""
    names = [
        "finite_difference", "manual_diverging", "manual_small_step", "manual_scaled", "autograd",
        "sgd_one_step_unscaled", "sgd", "adam", "sgd_validated",
    ]  # fmt: skip
    assert [fit.name for fit in BOOK] == list(fits) == list(book.tensors) == names
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


def test_thermometer_is_fahrenheit(book: Content) -> None:
    """The fitted line is told in a sentence, and that it is close to Fahrenheit."""
    sentence = book.facts["thermometer"]
    assert "t_c = 0.5367 * t_u - 17.3021 (fit adam" in sentence
    assert "close to Fahrenheit" in sentence


def test_other_thermometer_is_not_called_fahrenheit() -> None:
    """A line far from Fahrenheit's is told without the comparison."""
    adam = Fit(name="adam", optimizer="Adam", learning_rate=0.1, epochs=2000)
    content = analysed(
        [0.0, 1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 5.0, 7.0, 9.0], fits=(adam,), split_seed=0
    )
    assert content.facts["thermometer"].startswith("t_c = 2.0000 * t_u + 1.0000")
    assert "Fahrenheit" not in content.facts["thermometer"]


@pytest.mark.parametrize("gradient", ["hand-written", "autograd"])
@settings(deadline=None, max_examples=15)
@given(slope=st.floats(-3, 3), intercept=st.floats(-3, 3))
def test_planted_line_is_recovered(gradient: Any, slope: float, intercept: float) -> None:
    """Readings on a line give back its slope and intercept, whoever makes the gradient."""
    t_u = torch.linspace(-1, 1, 9)
    fit = Fit(name="planted", gradient=gradient, learning_rate=0.2, epochs=200)
    steps = run(fit, Data(t_u, slope * t_u + intercept), (1.0, 0.0), 0.1)
    assert steps[-1][2:] == (pytest.approx(slope, abs=1e-3), pytest.approx(intercept, abs=1e-3))
    assert steps[-1][0] < 1e-6


def test_optimizer_of_torch_takes_the_same_steps() -> None:
    """SGD of torch and the loop's own step give bit for bit the same history."""
    data = Data(0.1 * torch.tensor(T_U), torch.tensor(T_C))
    own, sgd = (
        run(Fit(name="x", optimizer=o, learning_rate=0.01, epochs=300), data, (1.0, 0.0), 0.1)
        for o in (None, cast(Any, "SGD"))
    )
    assert own == sgd


@pytest.mark.parametrize("rate", [1e-3, 1e-1, 1.0])
def test_adam_is_that_of_torch(rate: float) -> None:
    """torch.optim.Adam takes the same steps, but for rounding."""
    data = Data(torch.tensor(T_U), torch.tensor(T_C))
    steps = run(Fit(name="x", optimizer="Adam", learning_rate=rate, epochs=300), data, START, 0.1)
    params = torch.tensor(START, requires_grad=True)
    adam = torch.optim.Adam([params], lr=rate)
    for loss, _, w, b in steps:
        error = params[0] * data.t_u + params[1] - data.t_c
        adam.zero_grad()
        error.square().mean().backward()
        assert loss == pytest.approx(error.square().mean().item(), rel=1e-4)
        adam.step()
        assert (w, b) == pytest.approx(params.tolist(), rel=1e-4, abs=1e-5)


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=40), st.floats(-2, 2))
def test_sums_are_made_one_by_one(values: list[float], slope: float) -> None:
    """Loss and gradient, by autograd too, are sums in the order of the readings, rounded each."""
    t_u = torch.tensor(values)
    params = torch.tensor([slope, 0.5], requires_grad=True)
    found = descent.gradient(params, Data(t_u, torch.zeros(len(values))))()
    w, b = params.detach().numpy()
    total = grad_w = grad_b = np.float32(0)
    for x in t_u.numpy():
        error = w * x + b
        slope_of_error = np.float32(1 / len(values)) * error * 2
        total += error * error
        grad_w += slope_of_error * x
        grad_b += slope_of_error
    assert found == float(total / len(values))
    assert params.grad is not None and params.grad.tolist() == [grad_w, grad_b]


@pytest.mark.parametrize("gradient", ["finite difference", "hand-written", "autograd"])
def test_each_way_stops_when_not_finite(gradient: Any) -> None:
    """Whoever makes the gradient, the fit ends at the first loss that is not finite."""
    fit = Fit(name="x", gradient=gradient, learning_rate=0.01, epochs=100)
    far = (1e17, 0.0) if gradient == "finite difference" else (1.0, 0.0)
    steps = run(fit, Data(torch.tensor(T_U), torch.tensor(T_C)), far, 1e16)
    assert 1 < len(steps) < 100
    assert all(math.isfinite(loss) for loss, *_ in steps[:-1])
    assert not math.isfinite(steps[-1][0])


def test_nothing_found_when_all_diverge() -> None:
    """When every fit diverges the analysis still ends, and says that there is no line."""
    fits = [fit for fit in BOOK if fit.name == "manual_diverging"]
    content = analysed(fits=fits)
    assert content.facts["thermometer"] == "No fit found a line: all diverged."
    assert set(content.pictures) == {"readings", "fitted_line", "loss_curves"}


def test_validation_does_not_track_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss on the held out readings is computed outside of autograd."""
    seen: list[tuple[int, set[type]]] = []
    plain = descent.mean_squared_error

    def watching(*values: Any) -> Any:
        seen.append((len(values[0]), {type(value) for value in values}))
        return plain(*values)

    monkeypatch.setattr(descent, "mean_squared_error", watching)
    t_u, t_c = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, 3.0])
    fit = Fit(name="x", optimizer="SGD", learning_rate=0.01, epochs=3, validated=True)
    run(fit, Data(t_u, t_c, (t_u[:2], t_c[:2])), (1.0, 0.0), 0.1)
    assert seen == [(2, {np.ndarray, np.float32})] * 3


def test_validation_changes_no_step(history: pd.DataFrame) -> None:
    """Held out readings have no part in the steps: without them the fit is the same."""
    train = list(Options().train_index)
    data = Data(0.1 * torch.tensor(T_U)[train], torch.tensor(T_C)[train])
    fit = Fit(name="x", optimizer="SGD", learning_rate=0.01, epochs=3000)
    *_, (loss, _, w, b) = run(fit, data, (1.0, 0.0), 0.1)
    assert (loss, w, b) == tuple(history.loc[("sgd_validated", 3000), ["loss", "w", "b"]])


@given(st.integers(5, 200), st.integers(0, 2**31), st.sampled_from([0.2, 0.33, 0.5]))
def test_seeded_split(count: int, seed: int, fraction: float) -> None:
    """A seed gives the same split each time; every reading is on one side, once."""
    options = Options(split_seed=seed, validation_fraction=fraction)
    train, held_out = split(count, options)
    assert (train, held_out) == split(count, options)
    assert sorted(train + held_out) == list(range(count))
    assert len(held_out) == int(fraction * count)


def test_seeds_differ() -> None:
    """Another seed gives another split."""
    splits = {tuple(split(50, Options(split_seed=seed))[1]) for seed in range(5)}
    assert len(splits) == 5


def test_seed_takes_the_place_of_the_indices() -> None:
    """With a seed, other data than the book's needs no indices, and the split is in the facts."""
    fit = Fit(name="x", optimizer="SGD", learning_rate=1e-4, epochs=5, validated=True)
    content = analysed(T_U[:7], T_C[:7], split_seed=3, fits=(fit,))
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
    with pytest.raises(InputError, match=f"each of the {count} readings, 0 to {count - 1}, once"):
        split(count, Options(**options))


def test_too_few_readings_to_hold_some_out() -> None:
    """A seeded split that would hold nothing out is an error."""
    with pytest.raises(InputError, match=r"enough readings to hold 0\.2 of them out, got 4"):
        split(4, Options(split_seed=1))


@pytest.mark.parametrize(
    ("tensors", "got"),
    [
        ({"features": torch.ones(11, 2), "target": torch.ones(11)}, r"\[11, 2\], a target"),
        ({"features": torch.ones(11, 1)}, r"\[11, 1\], no target"),
    ],
)
def test_input_that_is_not_readings(tensors: dict[str, torch.Tensor], got: str) -> None:
    """More than one column, or no target, is a named error."""
    artifact = cast(Any, SimpleNamespace(tensors=tensors))
    with pytest.raises(InputError, match=got):
        analyze({"temperature": artifact}, Options())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fits": (BOOK[1], BOOK[1])}, "fits with the same name: manual_diverging"),
        ({"fits": ()}, "at least 1 item"),
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
    with pytest.raises(ValidationError, match=message):
        Options(**options)


def test_inputs_are_left_alone_and_runs_agree() -> None:
    """The fits do not write into their input, and a second run gives the same content."""
    fits = tuple(fit.model_copy(update={"epochs": min(fit.epochs, 20)}) for fit in BOOK)
    tensors = {"features": torch.tensor(T_U)[:, None], "target": torch.tensor(T_C)}
    artifact = cast(Any, SimpleNamespace(tensors=tensors))
    one, two = (analyze({"temperature": artifact}, Options(fits=fits)) for _ in range(2))
    assert tensors["features"][:, 0].tolist() == torch.tensor(T_U).tolist()
    assert tensors["target"].tolist() == T_C
    assert all(one.tables[name].equals(two.tables[name]) for name in one.tables)
    assert one.pictures == two.pictures


def test_import_is_cheap() -> None:
    """The room takes neither torch nor matplotlib before it is used."""
    import subprocess
    import sys

    code = (
        f"import sys, {temperature.__name__}, ptm.analyses.thresholds, ptm.plots;"
        "assert not {'torch', 'matplotlib', 'numpy', 'pandas', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
