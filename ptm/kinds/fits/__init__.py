"""Lines y = w * x + b fitted to a table of one feature and a target by gradient descent.

The way is always the same, descent on the mean squared error; what changes is where the
gradient comes from (finite differences, by hand, autograd), who takes the step (the loop, SGD,
Adam), and the scale of the readings. The descent itself: `descent.py` beside this file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, model_validator

from ptm.errors import BadInput
from ptm.kinds.fits.descent import Data, Fit, Step, gradient, run
from ptm.model import PARAMETER, ROWS, Artifact, Block, View
from ptm.source import Number, Source

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

NEAR = 0.1  # of slope and intercept: a line that is no farther from a known one is told to be near
DEFAULT = (
    Fit(name="sgd", optimizer="SGD", scaled=True, learning_rate=0.1, epochs=5000),
    Fit(name="adam", optimizer="Adam", scaled=True, learning_rate=0.1, epochs=5000),
)
FIT_COLUMNS = [  # those that fit on a page
    *("fit", "status", "loss", "slope", "intercept"),
    *("epochs_run", "learning_rate"),
]


class Options(Source):
    """Where the fits start, the split, and the fits.

    Attributes:
        w: slope that every fit starts from.
        b: intercept that every fit starts from, in the unit of the target.
        delta: half the width of a finite difference.
        input_scale: factor of the readings in scaled fits; that which brings the largest to 1
            where it is left out.
        train_index: readings to train on, from 0.
        validation_index: readings held out, from 0.
        split_seed: of a random split; it takes the place of the indices where it is given.
        validation_fraction: share of the readings that the random split holds out.
        fits: what to fit, in order; one by SGD and one by Adam where they are left out.
        known: lines that the best fit is compared with: slope and intercept, by name.
    """

    samples: ClassVar[bool] = False

    w: Number = Field(1.0, description="slope that every fit starts from")
    b: Number = Field(0.0, description="intercept that every fit starts from")
    delta: Number = Field(0.1, gt=0, description="half the width of a finite difference")
    input_scale: Number | None = Field(None, gt=0, description="factor of readings in scaled fits")
    train_index: tuple[int, ...] = Field((), description="readings to train on, from 0")
    validation_index: tuple[int, ...] = Field((), description="readings held out, from 0")
    split_seed: int | None = Field(None, description="of a random split, instead of the indices")
    validation_fraction: float = Field(0.2, gt=0, lt=1, description="share that it holds out")
    fits: tuple[Fit, ...] = Field(DEFAULT, description="what to fit, in order")
    known: dict[str, tuple[Number, Number]] = Field(
        default_factory=dict, description="lines to compare with: slope and intercept, by name"
    )

    @model_validator(mode="after")
    def _fits_differ(self) -> Self:
        if not self.fits:  # as `min_length` it would also be told of a fit that is not valid
            raise ValueError("at least one fit in 'fits', got none")
        names = [*(fit.name for fit in self.fits), *self.known]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            told = ", ".join(twice)
            raise ValueError(f"fits and known lines of different names, got {told} more than once")
        if len(self.of) > 1:
            raise ValueError(f"one entry in 'of', got {', '.join(self.of)}")
        return self


@dataclass(frozen=True)
class Readings:
    """What is fitted.

    Attributes:
        x, y: float32 [reading], as they were read.
        names: of both.
        units: of both, "" where none is told.
        scale: factor of x in scaled fits.
    """

    x: Tensor
    y: Tensor
    names: tuple[str, str]
    units: tuple[str, str]
    scale: float

    @property
    def unit(self) -> str:
        """The unit of y."""
        return self.units[1]

    @property
    def squared(self) -> str:
        """The unit of a mean squared error."""
        return f"{self.unit}²" if self.unit else ""


def analyze(options: Options, artifacts: Mapping[str, Artifact]) -> Block:
    """Runs every fit and keeps loss and parameters of each epoch.

    A fit whose loss is not finite stops there with the status "diverged"; that is a result.

    Returns:
        One tensor (w, b) float32 [parameter] for each fit; tables `history` (one row for each
        epoch: the loss before its step, w and b after it), `fits` and `readings`.

    Raises:
        BadInput: not one column of readings, or a split that does not fit their number.
    """
    import torch

    [artifact] = artifacts.values()
    readings = _readings(artifact, options)
    x, y = readings.x, readings.y
    train, held_out = split(len(x), options, artifact.name)
    histories: dict[str, list[Step]] = {}
    for fit in options.fits:
        data = Data(x * readings.scale if fit.scaled else x, y)
        if fit.validated:
            data = Data(data.x[train], y[train], (data.x[held_out], y[held_out]))
        histories[fit.name] = run(fit, data, (options.w, options.b), options.delta)
    rows = [_summary(fit, histories[fit.name], readings) for fit in options.fits]
    landed = [row for row in rows if math.isfinite(_error(row, x, y))]
    ranked = sorted(landed, key=lambda row: _error(row, x, y))
    return Block(
        tensors={
            name: torch.tensor(steps[-1][2:], dtype=torch.float32)
            for name, steps in histories.items()
        },
        axes=dict.fromkeys(histories, (PARAMETER,)),
        tables={
            "history": _history(histories, readings),
            "fits": _fits(rows, readings),
            "readings": _table(readings, held_out),
        },
        facts={
            "answer": _answer(ranked, readings, options),
            "initial": _initial(x, y, (options.w, options.b)),
            "train_index": train,
            "validation_index": held_out,
            "diverged": {r["fit"]: r["epochs_run"] for r in rows if r["status"] == "diverged"},
            "drawn": _drawn(ranked, readings, options),
        },
    )


def split(count: int, options: Options, name: str = "") -> tuple[list[int], list[int]]:
    """Readings to train on and readings held out: every reading once; none where no fit asks.

    Args:
        count: of the readings.
        options: see there.
        name: of the artifact that has the readings, for messages.

    Raises:
        BadInput: the indices do not name each reading once, or there are too few.
    """
    import torch

    train, held_out = list(options.train_index), list(options.validation_index)
    is_asked = options.split_seed is not None or any(fit.validated for fit in options.fits)
    if not train and not held_out and not is_asked:
        return [], []
    if options.split_seed is None:
        if sorted(train + held_out) != list(range(count)) or not train or not held_out:
            raise BadInput(
                where="train_index and validation_index",
                expected=f"each of the {count} readings, 0 to {count - 1}, once",
                got=f"{train} and {held_out} (for other readings give both, or a split_seed)",
                file=name,
            )
        return train, held_out
    num_held = int(options.validation_fraction * count)
    if num_held < 1:
        raise BadInput(
            expected=f"enough readings to hold {options.validation_fraction:g} of them out",
            got=str(count),
            file=name,
        )
    generator = torch.Generator().manual_seed(options.split_seed)
    order: list[int] = torch.randperm(count, generator=generator).tolist()
    return order[:-num_held], order[-num_held:]


def _readings(artifact: Artifact, options: Options) -> Readings:
    """The one feature of a table, and its target."""
    features, target = artifact.tensors.get("features"), artifact.tensors.get("target")
    if features is None or features.ndim != 2 or features.shape[1] != 1 or target is None:
        shape = "no features" if features is None else f"features {list(features.shape)}"
        raise BadInput(
            expected="one column of readings [n, 1] and a target",
            got=f"{shape}, {'no ' if target is None else 'a '}target",
            file=artifact.name,
        )
    facts = artifact.manifest["facts"]
    asked = facts.get("target")
    names = (*facts.get("features", ["x"])[:1], asked or "y")
    x, y = _as_read(artifact, names[0], features)[:, 0].contiguous().float(), target.float()
    units = artifact.table.attrs["units"] if ROWS in artifact.manifest["tables"] else {}
    scale = options.input_scale or 1 / max(float(x.abs().max()), 1e-30)
    return Readings(x, y, names, (units.get(names[0], ""), units.get(asked, "")), scale)


def _as_read(artifact: Artifact, name: str, features: Tensor) -> Tensor:
    """The readings [n, 1] in their own unit, whatever they were scaled to."""
    import torch

    if artifact.scaler is None:
        return features
    if ROWS in artifact.manifest["tables"] and name in artifact.table:
        return torch.tensor(artifact.table[[name]].to_numpy("float64"))
    return artifact.raw("features", features)


def _table(readings: Readings, held_out: list[int]) -> pa.Table:
    """The readings, and which of them are held out."""
    import numpy as np
    import pyarrow as pa

    held = np.isin(np.arange(len(readings.x)), held_out)
    units = {name: unit for name, unit in zip(readings.names, readings.units, strict=True) if unit}
    fields = [_field(name, pa.float32(), units) for name in readings.names]
    fields.append(pa.field("held_out", pa.bool_()))
    return pa.table([readings.x.numpy(), readings.y.numpy(), held], schema=pa.schema(fields))


def _initial(x: Tensor, y: Tensor, start: tuple[float, float]) -> dict[str, float]:
    """Loss and autograd gradient where the fits start, on the readings as they are."""
    import torch

    params = torch.tensor(start, dtype=torch.float32, requires_grad=True)
    loss = gradient(params, Data(x, y).as_summed())()
    assert params.grad is not None
    grad_w, grad_b = params.grad.tolist()
    values = {"w": start[0], "b": start[1], "loss": loss, "grad_w": grad_w, "grad_b": grad_b}
    return {name: value for name, value in values.items() if math.isfinite(value)}  # for JSON


def _summary(fit: Fit, steps: list[Step], readings: Readings) -> dict[str, Any]:
    """The row of a fit in the table `fits`."""
    loss, validation_loss, w, b = steps[-1]
    scale = readings.scale if fit.scaled else 1.0
    name = readings.names[0]
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
        "input": f"{scale:g} * {name}" if fit.scaled else name,
        "input_scale": scale,
        "epochs_asked": fit.epochs,
        "validation_loss": validation_loss,
        "w": w,
        "b": b,
    }


def _history(histories: dict[str, list[Step]], readings: Readings) -> pa.Table:
    """One row for each epoch of each fit."""
    import numpy as np
    import pyarrow as pa

    columns = list(zip(*(step for steps in histories.values() for step in steps), strict=True))
    lengths = [len(steps) for steps in histories.values()]
    names = np.repeat(np.arange(len(histories), dtype=np.int32), lengths)
    units = _units(readings)
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


def _fits(rows: list[dict[str, Any]], readings: Readings) -> pa.Table:
    """One row for each fit; slope and intercept are those for the reading as it was read."""
    import pyarrow as pa

    text = ("fit", "gradient", "optimizer", "input", "status")
    units = _units(readings)

    def kind(name: str) -> pa.DataType:
        if name in text:
            return pa.string()
        return pa.int64() if name.startswith("epochs") else pa.float64()

    return pa.Table.from_pylist(
        rows, schema=pa.schema([_field(name, kind(name), units) for name in rows[0]])
    )


def _units(readings: Readings) -> dict[str, str]:
    """The unit of each column that has one."""
    unit = readings.unit
    if not unit:
        return {}
    units = {"loss": readings.squared, "validation_loss": readings.squared, "b": unit}
    return units | {"slope": f"{unit} per unit of the reading", "intercept": unit}


def _field(name: str, kind: pa.DataType, units: Mapping[str, str]) -> pa.Field:
    import pyarrow as pa

    return pa.field(name, kind, metadata={"unit": units[name]} if name in units else None)


def _error(row: dict[str, Any], x: Tensor, y: Tensor) -> float:
    """Mean squared error of a fit over all readings; infinite for one that diverged."""
    if row["status"] == "diverged":
        return math.inf
    error = row["slope"] * x.double() + row["intercept"] - y.double()
    value = math.fsum(error.square().tolist()) / len(x)
    return value if math.isfinite(value) else math.inf


def _near(
    row: dict[str, Any], readings: Readings, options: Options
) -> dict[str, tuple[float, float]]:
    """The known lines that a fit is near."""
    across, up = (max(float(values.abs().max()), 1e-30) for values in (readings.x, readings.y))
    return {
        name: (slope, intercept)
        for name, (slope, intercept) in options.known.items()
        # where one of them is 0, the size of the readings says what is little beside it
        if abs(row["slope"] - slope) <= NEAR * (abs(slope) or up / across)
        and abs(row["intercept"] - intercept) <= NEAR * (abs(intercept) or up)
    }


def _answer(ranked: list[dict[str, Any]], readings: Readings, options: Options) -> str:
    """What the best fit says, in a sentence."""
    if not ranked:
        return "No fit found a line: all diverged."
    best, (x, y) = ranked[0], readings.names
    unit = f" {readings.squared}" if readings.unit else ""
    error = _error(best, readings.x, readings.y)
    sentence = (
        f"{_line(y, best['slope'], x, best['intercept'])} (fit {best['fit']}, "
        f"mean squared error {error:.4f}{unit} over {len(readings.x)} readings)"
    )
    for name, (slope, intercept) in _near(best, readings, options).items():
        sentence += f"; that is close to {name}, {_line(y, slope, x, intercept)}"
    return f"{sentence}."


def _line(y: str, slope: float, x: str, intercept: float) -> str:
    return f"{y} = {slope:.4f} * {x} {'-' if intercept < 0 else '+'} {abs(intercept):.4f}"


def _drawn(
    ranked: list[dict[str, Any]], readings: Readings, options: Options
) -> dict[str, list[float]]:
    """Lines to draw over the readings: the best, the validated, and the known that are near."""
    validated = {fit.name for fit in options.fits if fit.validated}
    chosen = ranked[:1] + [row for row in ranked[1:] if row["fit"] in validated]
    lines = {row["fit"]: [row["slope"], row["intercept"]] for row in chosen}
    for name, line in (_near(ranked[0], readings, options) if ranked else {}).items():
        lines[name] = list(line)
    return lines


def views(artifact: Artifact) -> Iterator[View]:
    """The fits, their lines over the readings, and their losses."""
    from ptm import draw

    readings, history = artifact.tables["readings"], artifact.tables["history"]
    x, y = readings.columns[:2]
    units = readings.attrs["units"]
    unit = units.get(y, "")
    of_loss = f" in {unit}²" if unit else ""
    yield View(
        "fits",
        f"Each fit: {y} = slope * {x} + intercept; the loss is the mean squared error{of_loss}.",
        table=artifact.tables["fits"][FIT_COLUMNS],
    )
    labels = (_labelled(x, units.get(x, "")), _labelled(y, unit))
    values = readings[x].to_numpy(), readings[y].to_numpy(), readings["held_out"].to_numpy()
    yield View(
        "readings",
        f"Each reading: {labels[1]} against {labels[0]}.",
        picture=draw.readings(*values[:2], labels),
        title=f"{artifact.name}: readings",
    )
    yield View(
        "lines",
        f"{labels[1]} against {labels[0]}, with the lines of the best fit, of those that were "
        "validated, and of those known that it is near.",
        picture=draw.fitted_lines(*values, artifact.manifest["facts"]["drawn"], labels),
        title=f"{artifact.name}: fitted lines",
    )
    curves = {name: of["loss"].to_numpy() for name, of in history.groupby("fit", observed=True)}
    order = list(artifact.tables["fits"]["fit"])
    yield View(
        "loss-curves",
        f"Mean squared error{of_loss} for each epoch of each fit; both axes are logarithmic.",
        picture=draw.loss_curves({name: curves[name] for name in order}, f"{unit}²" * bool(unit)),
        title=f"{artifact.name}: loss curves",
    )


def _labelled(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name
