"""The fits beside the notebook's: the same epochs, ours with the history of each epoch kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.book import LOAD, NOTEBOOK, notebook
from tests.benchmarks.child import Work
from tests.benchmarks.turns import Side

NAMES = {"manual_scaled": "fit_by_hand", "sgd": "fit_sgd", "adam": "fit_adam"}
Pair = tuple[str, Callable[[], object], Callable[[], object] | None]


def sides(data: Path, number: int) -> dict[str, Side]:
    """Those of one pair, the notebook where it is there."""
    given = {"number": number, "data": str(data)}
    load = (*LOAD, "ptm.kinds.fits.descent")
    ours = {"ptm": Side("tests.benchmarks.fits:ours", given, load)}
    if not NOTEBOOK.is_file():
        return ours
    return {**ours, "notebook": Side("tests.benchmarks.fits:theirs", given, load)}


def ours(number: int, data: str) -> Work:
    """Runs the fit of that number."""
    return _without_result(pairs(None)[number][1])


def theirs(number: int, data: str) -> Work:
    """Runs the fit of the notebook."""
    fit = pairs(notebook(data))[number][2]
    assert fit
    return _without_result(fit)


def _without_result(fit: Callable[[], object]) -> Work:
    def work(_: Path) -> None:
        fit()

    return work


def names() -> list[str]:
    """Of the pairs, in their order."""
    return [name for name, _, _ in pairs(None)]


def pairs(notebook: Mapping[str, Any] | None) -> list[Pair]:
    """For each fit that the notebook times: its name, our run of it and the notebook's."""
    import torch

    from ptm.book import CATALOG
    from ptm.catalog import load_catalog
    from ptm.kinds.fits.descent import Data, run

    options: Any = load_catalog(CATALOG)["temperature_fits"]
    t_u = torch.tensor([35.7, 55.9, 58.2, 81.9, 56.3, 48.9, 33.9, 21.8, 48.4, 60.4, 68.4])
    t_c = torch.tensor([0.5, 14.0, 15.0, 28.0, 11.0, 8.0, 3.0, -4.0, 6.0, 13.0, 21.0])
    rows: list[Pair] = []
    for fit in options.fits:
        if fit.name not in NAMES:
            continue
        data = Data(options.input_scale * t_u if fit.scaled else t_u, t_c)

        def ours(fit: Any = fit, data: Data = data) -> object:
            return run(fit, data, (options.w, options.b), options.delta)

        theirs = _theirs(notebook, fit, data) if notebook else None
        rows.append((f"{fit.name}, {fit.epochs:,}", ours, theirs))
    return rows


def _theirs(notebook: Mapping[str, Any], fit: Any, data: Any) -> Callable[[], object]:
    import torch

    if fit.optimizer is None:
        return lambda: notebook["fit_by_hand"](fit.epochs, fit.learning_rate, data.x)
    optimizer = getattr(torch.optim, fit.optimizer)
    return lambda: notebook["fit"](fit.epochs, fit.learning_rate, data.x, optimizer)
