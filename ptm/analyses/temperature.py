"""What an unknown thermometer measures: a line t_c = w * t_u + b fitted in every way of the notes.

The way is always the same, gradient descent on the mean squared error; what changes is where the
gradient comes from (finite differences, by hand, autograd), who takes the step (the loop, SGD,
Adam), and the scale of the readings. The descent itself: `ptm/analyses/descent.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ptm import plots
from ptm.analyses.descent import Data, Fit, Step, gradient, run
from ptm.content import PARAMETER, Artifact, Content
from ptm.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

PACKAGES: tuple[str, ...] = ("torch", "numpy", "pyarrow", "matplotlib", "pillow")

FAHRENHEIT = (5 / 9, -160 / 9)  # slope and intercept that take °F to °C


BOOK = (
    Fit(name="finite_difference", gradient="finite difference", learning_rate=1e-2, epochs=1),
    Fit(name="manual_diverging", gradient="hand-written", learning_rate=1e-2, epochs=100),
    Fit(name="manual_small_step", gradient="hand-written", learning_rate=1e-4, epochs=100),
    Fit(
        name="manual_scaled",
        gradient="hand-written",
        scaled=True,
        learning_rate=1e-2,
        epochs=5000,
    ),
    Fit(name="autograd", scaled=True, learning_rate=1e-2, epochs=5000),
    Fit(name="sgd_one_step_unscaled", optimizer="SGD", learning_rate=1e-5, epochs=1),
    Fit(name="sgd", optimizer="SGD", scaled=True, learning_rate=1e-2, epochs=5000),
    Fit(name="adam", optimizer="Adam", learning_rate=1e-1, epochs=2000),
    Fit(
        name="sgd_validated",
        optimizer="SGD",
        scaled=True,
        learning_rate=1e-2,
        epochs=3000,
        validated=True,
    ),
)


class Options(BaseModel):
    """Which readings, where the fits start, the split, and the fits. Defaults: the book's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field("temperature", description="artifact whose tensors are read")
    w: float = Field(1.0, description="slope that every fit starts from")
    b: float = Field(0.0, description="intercept that every fit starts from, °C")
    delta: float = Field(0.1, gt=0, description="half the width of a finite difference")
    input_scale: float = Field(0.1, gt=0, description="factor of the readings in scaled fits")
    train_index: tuple[int, ...] = Field(
        (2, 6, 3, 9, 10, 8, 7, 5, 4), description="readings to train on, from 0; the printed split"
    )
    validation_index: tuple[int, ...] = Field((1, 0), description="readings held out, from 0")
    split_seed: int | None = Field(
        None, description="if given, a random split of this seed takes the place of the indices"
    )
    validation_fraction: float = Field(
        0.2, gt=0, lt=1, description="share of the readings that the random split holds out"
    )
    fits: tuple[Fit, ...] = Field(BOOK, min_length=1, description="what to fit, in order")

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [fit.name for fit in self.fits]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"fits with the same name: {', '.join(twice)}")
        return self


def analyze(inputs: Mapping[str, Artifact], options: Options) -> Content:
    """Runs every fit and keeps loss and parameters of each epoch.

    A fit whose loss is not finite stops there with the status "diverged"; that is a result.

    Returns:
        One tensor (w, b) float32 [parameter] for each fit; tables `history` (one row for each
        epoch: the loss before its step, w and b after it) and `fits`; pictures `readings`,
        `fitted_line` and `loss_curves`.

    Raises:
        InputError: not one column of readings, or a split that does not fit their number.
    """
    import numpy as np
    import torch

    t_u, t_c = _readings(inputs[options.source], options)
    train, held_out = split(len(t_u), options)
    histories: dict[str, list[Step]] = {}
    for fit in options.fits:
        data = Data(t_u * options.input_scale if fit.scaled else t_u, t_c)
        if fit.validated:
            x, y = data.t_u, data.t_c
            data = Data(x[train], y[train], (x[held_out], y[held_out]))
        histories[fit.name] = run(fit, data, (options.w, options.b), options.delta)
    rows = [_summary(fit, histories[fit.name], options) for fit in options.fits]
    landed = [row for row in rows if math.isfinite(_error(row, t_u, t_c))]
    ranked = sorted(landed, key=lambda row: _error(row, t_u, t_c))
    raw, celsius = t_u.numpy(), t_c.numpy()
    return Content(
        tensors={
            name: torch.tensor(steps[-1][2:], dtype=torch.float32)
            for name, steps in histories.items()
        },
        axes=dict.fromkeys(histories, (PARAMETER,)),
        tables={"history": _history(histories), "fits": _fits(rows)},
        facts={
            "thermometer": _thermometer(ranked, t_u, t_c),
            "initial": _initial(t_u, t_c, (options.w, options.b)),
            "train_index": train,
            "validation_index": held_out,
            "diverged": {r["fit"]: r["epochs_run"] for r in rows if r["status"] == "diverged"},
        },
        pictures={
            "readings": plots.readings(raw, celsius),
            "fitted_line": plots.fitted_line(raw, celsius, _lines(ranked, options), held_out),
            "loss_curves": plots.loss_curves(
                {name: np.array([step[0] for step in steps]) for name, steps in histories.items()}
            ),
        },
    )


def split(count: int, options: Options) -> tuple[list[int], list[int]]:
    """Readings to train on and readings held out: every reading once.

    Raises:
        InputError: the indices do not name each of `count` readings once, or there are too few.
    """
    import torch

    if options.split_seed is None:
        train, held_out = list(options.train_index), list(options.validation_index)
        if sorted(train + held_out) != list(range(count)) or not train or not held_out:
            raise InputError(
                options.source,
                where="train_index and validation_index",
                expected=f"each of the {count} readings, 0 to {count - 1}, once",
                got=f"{train} and {held_out} (for other readings give both, or a split_seed)",
            )
        return train, held_out
    num_held = int(options.validation_fraction * count)
    if num_held < 1:
        raise InputError(
            options.source,
            expected=f"enough readings to hold {options.validation_fraction:g} of them out",
            got=str(count),
        )
    generator = torch.Generator().manual_seed(options.split_seed)
    order: list[int] = torch.randperm(count, generator=generator).tolist()
    return order[:-num_held], order[-num_held:]


def _readings(artifact: Artifact, options: Options) -> tuple[Tensor, Tensor]:
    """Readings and temperatures, float32 [reading] each."""
    features, target = artifact.tensors["features"], artifact.tensors.get("target")
    if features.ndim != 2 or features.shape[1] != 1 or target is None:
        raise InputError(
            options.source,
            expected="one column of readings [n, 1] and a target",
            got=f"features {list(features.shape)}, {'no ' if target is None else 'a '}target",
        )
    return features[:, 0].contiguous().float(), target.float()


def _initial(t_u: Tensor, t_c: Tensor, start: tuple[float, float]) -> dict[str, float]:
    """Loss and autograd gradient where the fits start, on the readings as they are."""
    import torch

    params = torch.tensor(start, dtype=torch.float32, requires_grad=True)
    loss = gradient(params, Data(t_u, t_c).as_summed())()
    assert params.grad is not None
    grad_w, grad_b = params.grad.tolist()
    values = {"w": start[0], "b": start[1], "loss": loss, "grad_w": grad_w, "grad_b": grad_b}
    return {name: value for name, value in values.items() if math.isfinite(value)}  # for JSON


def _summary(fit: Fit, steps: list[Step], options: Options) -> dict[str, Any]:
    """The row of a fit in the table `fits`."""
    loss, validation_loss, w, b = steps[-1]
    scale = options.input_scale if fit.scaled else 1.0
    return {
        "fit": fit.name,
        "status": "finished" if math.isfinite(loss) else "diverged",
        "loss": loss,
        "slope": w * scale,
        "intercept": b,
        "epochs_run": len(steps),
        "learning_rate": fit.learning_rate,
        "optimizer": fit.optimizer,
        "gradient": fit.gradient,
        "input": f"{scale:g} * t_u" if fit.scaled else "t_u",
        "input_scale": scale,
        "epochs_asked": fit.epochs,
        "validation_loss": validation_loss,
        "w": w,
        "b": b,
    }


def _history(histories: dict[str, list[Step]]) -> pa.Table:
    """One row for each epoch of each fit."""
    import numpy as np
    import pyarrow as pa

    columns = list(zip(*(step for steps in histories.values() for step in steps), strict=True))
    lengths = [len(steps) for steps in histories.values()]
    names = np.repeat(np.arange(len(histories), dtype=np.int32), lengths)
    units = {"loss": "°C²", "validation_loss": "°C²", "b": "°C"}
    schema = pa.schema(
        [
            pa.field("fit", pa.dictionary(pa.int32(), pa.string())),
            pa.field("epoch", pa.int64()),
            *(_field(n, pa.float32(), units) for n in ("loss", "validation_loss", "w", "b")),
        ]
    )
    epochs = np.concatenate([np.arange(1, length + 1) for length in lengths])
    arrays = [pa.DictionaryArray.from_arrays(names, list(histories)), epochs, *columns]
    return pa.Table.from_arrays(
        [
            pa.array(a, f.type) if isinstance(a, tuple) else a
            for a, f in zip(arrays, schema, strict=True)
        ],
        schema=schema,
    )


def _fits(rows: list[dict[str, Any]]) -> pa.Table:
    """One row for each fit; slope and intercept are those for the reading as it was read."""
    import pyarrow as pa

    text = ("fit", "gradient", "optimizer", "input", "status")
    units = {"loss": "°C²", "validation_loss": "°C²", "b": "°C"}
    units |= {"slope": "°C per unit of the reading", "intercept": "°C"}

    def kind(name: str) -> pa.DataType:
        if name in text:
            return pa.string()
        return pa.int64() if name.startswith("epochs") else pa.float64()

    return pa.Table.from_pylist(
        rows, schema=pa.schema([_field(name, kind(name), units) for name in rows[0]])
    )


def _field(name: str, kind: pa.DataType, units: Mapping[str, str]) -> pa.Field:
    import pyarrow as pa

    return pa.field(name, kind, metadata={"unit": units[name]} if name in units else None)


def _error(row: dict[str, Any], t_u: Tensor, t_c: Tensor) -> float:
    """Mean squared error of a fit over all readings, °C²; infinite for one that diverged."""
    if row["status"] == "diverged":
        return math.inf
    error = row["slope"] * t_u.double() + row["intercept"] - t_c.double()
    value = math.fsum(error.square().tolist()) / len(t_u)
    return value if math.isfinite(value) else math.inf


def _near_fahrenheit(row: dict[str, Any]) -> bool:
    """Whether a fit's line is that of a Fahrenheit thermometer, give or take 10 % and 1.5 °C."""
    slope, intercept = FAHRENHEIT
    return bool(abs(row["slope"] - slope) < 0.05 and abs(row["intercept"] - intercept) < 1.5)


def _thermometer(ranked: list[dict[str, Any]], t_u: Tensor, t_c: Tensor) -> str:
    """What the best fit says the unknown unit is, in a sentence."""
    if not ranked:
        return "No fit found a line: all diverged."
    best = ranked[0]
    sign = "-" if best["intercept"] < 0 else "+"
    sentence = (
        f"t_c = {best['slope']:.4f} * t_u {sign} {abs(best['intercept']):.4f} (fit {best['fit']}, "
        f"mean squared error {_error(best, t_u, t_c):.4f} °C² over {len(t_u)} readings)"
    )
    if _near_fahrenheit(best):
        sentence += "; the unknown unit is close to Fahrenheit, t_c = 5/9 * t_u - 17.8"
    return f"{sentence}."


def _lines(ranked: list[dict[str, Any]], options: Options) -> dict[str, tuple[float, float]]:
    """What to draw over the readings: the best fit, the validated one, and Fahrenheit if near."""
    validated = {fit.name for fit in options.fits if fit.validated}
    chosen = ranked[:1] + [row for row in ranked[1:] if row["fit"] in validated]
    lines = {row["fit"]: (row["slope"], row["intercept"]) for row in chosen}
    if ranked and _near_fahrenheit(ranked[0]):
        lines["Fahrenheit"] = FAHRENHEIT
    return lines
